"""Puts what a check has found into a report: for people as text, for programs as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

from ..errors import sentence
from ..formats.base import Stored
from ..frame_identity import graph_groups
from ..message import Message, words_of
from ..naming.file_names import printable
from ..naming.frame_range import absent, amount, as_ranges, in_short, runs_in_short, runs_of
from ..policies import Thoroughness
from .choose import Chosen
from .examine import Damage, Examined, Fault, Picture

# In the description for the browser. 10,000 frames without neighbours take 50,000 characters.
LONGEST_TEXT = 10_000
_MOST_NAMED = 5  # values or files in a line of the report

_CHANNELS = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA"}


class Kind(str, Enum):
    """The kinds of problem, in the order of the report. The first ones are faults, the last may be meant."""

    MISSING = "missing"
    TORN = "torn"
    FOREIGN = "foreign"
    BROKEN = "broken"
    UNREAD = "unread"
    FORMAT = "format"
    SIZE = "size"
    CHANNELS = "channels"
    DEPTH = "depth"
    NAN = "nan"
    GRAPHS = "graphs"
    BLACK = "black"
    SAME = "same"
    STRAY = "stray"

    @property
    def is_fault(self) -> bool:
        return self not in (Kind.BLACK, Kind.SAME, Kind.STRAY)


@dataclass(frozen=True)
class Problem:
    """`frames`: as (first, last) pairs; none if no frame is concerned."""

    kind: Kind
    frames: Sequence[tuple[int, int]]
    message: Message

    def as_json(self) -> dict[str, Any]:
        words = [
            [english, {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}]
            for english, values in words_of(self.message)
        ]
        return {
            "kind": self.kind.value,
            "is_fault": self.kind.is_fault,
            "frames": cut(as_ranges(self.frames)),
            "message": printable(self.message),
            "words": words,
        }


@dataclass(frozen=True)
class Report:
    """What was found in `checked` frames.

    again: the frames to render again, as (first, last) pairs. problems: in the order of `Kind`.
    """

    checked: int
    again: Sequence[tuple[int, int]]
    problems: Sequence[Problem]
    text: Message

    @property
    def is_good(self) -> bool:
        return not any(problem.kind.is_fault for problem in self.problems)

    @property
    def missing(self) -> str:
        """The frames to render again, all of them, as a loader and the farm's command take them."""
        return as_ranges(self.again)

    def as_json(self) -> dict[str, Any]:
        """{is_good, checked, missing, problems}: strings, numbers and booleans. Long lists of frames are cut, see `cut`."""
        problems = [problem.as_json() for problem in self.problems]
        return {"is_good": self.is_good, "checked": self.checked, "missing": cut(self.missing), "problems": problems}


def cut(listed: str) -> str:
    """The first ranges of `listed`, as many as fit into LONGEST_TEXT characters."""
    return listed if len(listed) <= LONGEST_TEXT else listed[: LONGEST_TEXT + 1].rpartition(",")[0]


def report(chosen: Chosen, found: Mapping[int, Examined], thoroughness: Thoroughness) -> Report:
    """The report about `found`, what was found in the file of each of `chosen.frames`."""
    faults = {number: examined.fault for number, examined in found.items() if examined.fault}
    faults |= {number: Fault(Damage.FOREIGN, _NO_FILE) for number in chosen.occupied}
    pictures = {number: examined.picture for number, examined in found.items() if examined.picture}
    problems = [
        *_damages(chosen, faults),
        *_differences(pictures),
        *_of_the_pixels(found),
        *_graphs(found),
        *_remarks(chosen, found),
    ]
    problems.sort(key=lambda problem: list(Kind).index(problem.kind))
    usable = (number for number in chosen.frames if number not in faults or not faults[number].damage.must_be_rendered)
    again = absent(usable, chosen.first, chosen.last)
    checked = chosen.last - chosen.first + 1
    lines = [
        *_verdict(chosen, checked, problems, pictures),
        *(problem.message for problem in problems),
        *_not_looked_for(thoroughness, pictures),
    ]
    return Report(checked, again, problems, Message.lines(lines))


_NO_FILE = "it is not a file"


def _verdict(
    chosen: Chosen, checked: int, problems: Sequence[Problem], pictures: Mapping[int, Picture]
) -> Iterable[Message]:
    frames = as_ranges([(chosen.first, chosen.last)])
    count = sum(problem.kind.is_fault for problem in problems)
    picture = _described(_most_common(pictures.values())) if pictures else ""
    if not count:
        yield Message(
            ("Good: %count% frame, %frames%, %picture%.", "Good: %count% frames, %frames%, %picture%."),
            count=checked,
            frames=frames,
            picture=picture,
        )
        return
    if checked == 1:
        yield Message(
            ("%count% problem in frame %frames%.", "%count% problems in frame %frames%."), count=count, frames=frames
        )
    else:
        yield Message(
            ("%count% problem in %total% frames, %frames%.", "%count% problems in %total% frames, %frames%."),
            count=count,
            total=checked,
            frames=frames,
        )
    if picture:
        yield Message("Most frames are %picture%.", picture=picture)


def _not_looked_for(thoroughness: Thoroughness, pictures: Mapping[int, Picture]) -> Iterable[Message]:
    if thoroughness is Thoroughness.QUICK and pictures:
        yield Message(
            "This was the quick check. Damage inside the files, NaN, black frames and repeated frames were not looked for: set "
            "thoroughness to 'decode every frame' to find them."
        )


def _damages(chosen: Chosen, faults: Mapping[int, Fault]) -> Iterable[Problem]:
    by_damage: dict[Damage, dict[int, Fault]] = {damage: {} for damage in Damage}
    for number, fault in sorted(faults.items()):
        by_damage[fault.damage][number] = fault
    there = (number for number in sorted({*chosen.frames, *faults}) if number not in by_damage[Damage.MISSING])
    missing = absent(there, chosen.first, chosen.last)
    if missing:
        yield Problem(
            Kind.MISSING,
            missing,
            Message(
                ("Frame %frames% is missing. Render it.", "%count% frames are missing: %frames%. Render them."),
                count=amount(missing),
                frames=runs_in_short(missing),
            ),
        )
    if torn := list(by_damage[Damage.TORN]):
        yield _problem(
            Kind.TORN,
            torn,
            (
                "Frame %frames% is unfinished: its file ends too soon. Render or copy it again.",
                "%count% frames are unfinished: %frames%. Their files end too soon. Render or copy them again.",
            ),
        )
    if foreign := by_damage[Damage.FOREIGN]:
        yield _problem(
            Kind.FOREIGN,
            foreign,
            (
                "Frame %frames% is not an image that this pack reads: %reason%. Move it away, and render the frame.",
                "%count% frames are not images that this pack reads: %frames%. Of the first: %reason%. Move them away, and "
                "render the frames.",
            ),
            reason=_first(foreign).reason,
        )
    if broken := by_damage[Damage.BROKEN]:
        yield _problem(
            Kind.BROKEN,
            broken,
            (
                "Frame %frames% is broken: %reason%. Render or copy it again.",
                "%count% frames are broken: %frames%. Of the first: %reason%. Render or copy them again.",
            ),
            reason=_first(broken).reason,
        )
    for fault, unread in _grouped(by_damage[Damage.UNREAD]).items():
        yield _problem(
            Kind.UNREAD,
            unread,
            (
                "Frame %frames% could not be checked: %reason%. %remedy%",
                "%count% frames could not be checked: %frames%. Of each: %reason%. %remedy%",
            ),
            reason=fault.reason,
            remedy=sentence(fault.remedy),
        )


def _differences(pictures: Mapping[int, Picture]) -> Iterable[Problem]:
    """Of formats, sizes, channels and depths. What most frames have counts as right, and in doubt the first frame."""
    aspects: tuple[tuple[Kind, Callable[[Picture], str], tuple[str, str]], ...] = (
        (
            Kind.FORMAT,
            lambda picture: picture.format,
            (
                "Frame %frames% is %others% inside, most frames are %most%. Save it again: other programs go by the extension.",
                "%count% frames are of another kind inside than most, which are %most%: %others%. Save them again: other "
                "programs go by the extension.",
            ),
        ),
        (
            Kind.SIZE,
            lambda picture: str(picture.extent),
            (
                "Frame %frames% is %others%, most frames are %most%. Render it again in that size, or resize it as it is loaded.",
                "%count% frames have another size than most, which are %most%: %others%. Render them again in that size, or "
                "resize them as they are loaded.",
            ),
        ),
        (
            Kind.CHANNELS,
            lambda picture: _CHANNELS[picture.stored.channels],
            (
                "Frame %frames% is %others%, most frames are %most%. Save all frames with or without alpha.",
                "%count% frames have other channels than most, which are %most%: %others%. Save all frames with or without "
                "alpha.",
            ),
        ),
        (
            Kind.DEPTH,
            lambda picture: _depth(picture.stored),
            (
                "Frame %frames% has %others%, most frames have %most%. Save it again with the same file type.",
                "%count% frames have another bit depth than most, which have %most%: %others%. Save them again with the same "
                "file type.",
            ),
        ),
    )
    for kind, value_of, template in aspects:
        values = {number: value_of(picture) for number, picture in pictures.items()}
        most = _most_common(values.values()) if values else ""
        others = {number: value for number, value in values.items() if value != most}
        if others:
            groups = _grouped(others)
            listed = next(iter(groups)) if len(others) == 1 else _listed(groups)
            yield _problem(kind, others, template, most=most, others=listed)


def _of_the_pixels(found: Mapping[int, Examined]) -> Iterable[Problem]:
    if broken := [number for number, each in found.items() if each.content and not each.content.is_finite]:
        yield _problem(
            Kind.NAN,
            broken,
            (
                "Frame %frames% has values that are NaN or infinite. Render it again, with more precision if they come back.",
                "%count% frames have values that are NaN or infinite: %frames%. Render them again, with more precision if "
                "they come back.",
            ),
        )


def _graphs(found: Mapping[int, Examined]) -> Iterable[Problem]:
    groups = graph_groups({number: each.identity for number, each in found.items() if each.picture})
    if len(groups) > 1:
        largest = max(groups, key=len)
        others = sorted(number for group in groups if group is not largest for number in group)
        yield Problem(
            Kind.GRAPHS,
            runs_of(others),
            Message(
                "The frames are of %count% graphs: %groups%. Render those that are old again, with on_existing at 'skip "
                "unchanged'.",
                count=len(groups),
                groups=_some([in_short(group) for group in groups], "; "),
            ),
        )


def _remarks(chosen: Chosen, found: Mapping[int, Examined]) -> Iterable[Problem]:
    contents = {number: each.content for number, each in found.items() if each.content}
    black = [number for number, content in contents.items() if content.is_black and not content.is_transparent]
    clear = [number for number, content in contents.items() if content.is_transparent]
    if black:
        yield _problem(
            Kind.BLACK,
            black,
            ("Remark: frame %frames% is black.", "Remark: %count% frames are black: %frames%."),
        )
    if clear:
        yield _problem(
            Kind.BLACK,
            clear,
            (
                "Remark: frame %frames% is transparent everywhere.",
                "Remark: %count% frames are transparent everywhere: %frames%.",
            ),
        )
    if same := _repeated({number: content.digest for number, content in contents.items() if not content.is_black}):
        yield Problem(
            Kind.SAME,
            same,
            Message(
                "Remark: %count% frames have the same pixels as their neighbours: %frames%.",
                count=amount(same),
                frames=runs_in_short(same),
            ),
        )
    if chosen.strays:
        yield Problem(
            Kind.STRAY,
            (),
            Message(
                (
                    "Remark: the file %names% looks like a frame, but %pattern% does not match it. Move it away or rename it if "
                    "it belongs to the sequence.",
                    "Remark: %count% files look like frames, but %pattern% does not match them: %names%. Move them away, or "
                    "rename those that belong to the sequence.",
                ),
                count=len(chosen.strays),
                names=_some([repr(printable(name)) for name in chosen.strays], ", "),
                pattern=repr(printable(chosen.sequence.pattern.relative()[1].hashes)),
            ),
        )


def _repeated(digests: Mapping[int, bytes]) -> list[tuple[int, int]]:
    """(first, last) of the runs of neighbours with the same digest."""
    runs: list[tuple[int, int]] = []
    for before, after in pairwise(sorted(digests)):
        if after == before + 1 and digests[after] == digests[before]:
            if runs and runs[-1][1] == before and digests[runs[-1][0]] == digests[after]:
                runs[-1] = runs[-1][0], after
            else:
                runs.append((before, after))
    return runs


def _problem(kind: Kind, frames: Iterable[int], template: tuple[str, str], **values: str | int) -> Problem:
    runs = runs_of(frames)
    return Problem(kind, runs, Message(template, count=amount(runs), frames=runs_in_short(runs), **values))


def _most_common(values: Iterable[Any]) -> Any:
    """In doubt the first."""
    return Counter(values).most_common(1)[0][0]


def _first(faults: Mapping[int, Fault]) -> Fault:
    return faults[min(faults)]


def _grouped(values: Mapping[int, Any]) -> dict[Any, list[int]]:
    """The frames with each value, in the order of the first ones."""
    groups: dict[Any, list[int]] = {}
    for number, value in values.items():
        groups.setdefault(value, []).append(number)
    return groups


def _listed(groups: Mapping[str, Sequence[int]]) -> str:
    return _some([f"{in_short(frames)} ({value})" for value, frames in groups.items()], ", ")


def _some(texts: Sequence[str], separator: str) -> str:
    """The first few of `texts`, and an ellipsis if there are more."""
    return separator.join([*texts[:_MOST_NAMED], *(["\u2026"] if len(texts) > _MOST_NAMED else [])])


def _described(picture: Picture) -> str:
    """Such as "1920 x 1080, RGB, 8 bits, PNG"."""
    stored = picture.stored
    return f"{picture.extent}, {_CHANNELS[stored.channels]}, {_depth(stored)}, {picture.format}"


def _depth(stored: Stored) -> str:
    return f"{stored.bits}-bit float" if stored.is_float else f"{stored.bits} bit{'s' * (stored.bits > 1)}"
