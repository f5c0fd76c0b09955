"""Puts what a check has found into a report: for people as text, for programs as plain values."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, pairwise
from typing import Any, NamedTuple

from ..errors import SequenceFaultError, sentence
from ..formats.base import Stored
from ..frame_identity import FrameIdentity, graph_problems, graph_remarks
from ..message import Message, words_of
from ..naming.file_names import printable
from ..naming.frame_range import absent, amount, as_ranges, in_short, runs_in_short, runs_of
from ..policies import OnProblem, Thoroughness
from .choose import Chosen
from .examine import Damage, Examined, Fault, Picture

# In the description for the browser. 10,000 frames without neighbours take 50,000 characters.
LONGEST_TEXT = 10_000
_LONGEST_REASON = 300
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
    KEYS = "keys"
    STRAY = "stray"

    @property
    def is_fault(self) -> bool:
        return self not in (Kind.BLACK, Kind.SAME, Kind.KEYS, Kind.STRAY)


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
    def is_certain(self) -> bool:
        """Whether every file could be read. If not, the next check may find something else although no file has changed."""
        return not any(problem.kind is Kind.UNREAD for problem in self.problems)

    @property
    def missing(self) -> str:
        """The frames to render again, all of them, as a loader and the farm's command take them."""
        return as_ranges(self.again)

    def stops(self, on_problem: OnProblem) -> bool:
        """Whether `error` is to be raised."""
        return on_problem is OnProblem.RAISE and not self.is_good

    @property
    def error(self) -> SequenceFaultError:
        kinds = [problem.kind.value for problem in self.problems if problem.kind.is_fault]
        return SequenceFaultError(kinds, self.missing, str(self.text))

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
    problems = [  # in the order of `Kind`
        *_damages(chosen, faults),
        *_differences(pictures),
        *_of_the_pixels(found),
        *_graphs(found),
        *_remarks(chosen, found),
    ]
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
    pattern = chosen.sequence.pattern
    frames = (
        as_ranges([(chosen.first, chosen.last)])
        if pattern.has_number
        else repr(printable(pattern.relative()[1].name(0)))
    )
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
            "This was the quick check: damage inside the files, NaN, black frames and repeated frames were not looked for. "
            "'decode every frame' finds them."
        )


def _damages(chosen: Chosen, faults: Mapping[int, Fault]) -> Iterable[Problem]:
    by_damage: dict[Damage, dict[int, Fault]] = {damage: {} for damage in Damage}
    for number, fault in sorted(faults.items()):
        by_damage[fault.damage][number] = fault
    there = (number for number in sorted({*chosen.frames, *faults}) if number not in by_damage[Damage.MISSING])
    if missing := absent(there, chosen.first, chosen.last):
        message = Message(
            ("Frame %frames% is missing. Render it.", "%count% frames are missing: %frames%. Render them."),
            **_counted(missing),
        )
        yield Problem(Kind.MISSING, missing, message)
    if torn := runs_of(by_damage[Damage.TORN]):
        message = Message(
            (
                "Frame %frames% is unfinished: its file ends too soon. Render or copy it again.",
                "%count% frames are unfinished: %frames%. Their files end too soon. Render or copy them again.",
            ),
            **_counted(torn),
        )
        yield Problem(Kind.TORN, torn, message)
    if foreign := by_damage[Damage.FOREIGN]:
        message = Message(
            (
                "Frame %frames% cannot be used: %reason%. Move it away, and render the frame.",
                "%count% frames cannot be used: %frames%. The first: %reason%. Move them away, and render the frames.",
            ),
            **_counted(runs_of(foreign)),
            reason=_in_a_line(_first(foreign).reason),
        )
        yield Problem(Kind.FOREIGN, runs_of(foreign), message)
    if broken := by_damage[Damage.BROKEN]:
        message = Message(
            (
                "Frame %frames% is broken: %reason%. Delete it, and render or copy it again.",
                "%count% frames are broken: %frames%. The first: %reason%. Delete them, and render or copy them again.",
            ),
            **_counted(runs_of(broken)),
            reason=_in_a_line(_first(broken).reason),
        )
        yield Problem(Kind.BROKEN, runs_of(broken), message)
    for fault, unread in _by_value(by_damage[Damage.UNREAD]).items():
        message = Message(
            (
                "Frame %frames% could not be checked: %reason%. %remedy%",
                "%count% frames could not be checked: %frames%. The reason: %reason%. %remedy%",
            ),
            **_counted(runs_of(unread)),
            reason=_in_a_line(fault.reason),
            remedy=sentence(fault.remedy),
        )
        yield Problem(Kind.UNREAD, runs_of(unread), message)


def _differences(pictures: Mapping[int, Picture]) -> Iterable[Problem]:
    """What most frames have counts as right; in doubt, what the first frame has."""
    if others := _others({number: picture.format for number, picture in pictures.items()}):
        message = Message(
            (
                "Frame %frames% is %others% inside, most are %most%. Save it again: other programs go by the extension.",
                "%count% frames are %others% inside, most are %most%. Save them again: other programs go by the extension.",
            ),
            **others.words,
        )
        yield Problem(Kind.FORMAT, others.frames, message)
    if others := _others({number: str(picture.extent) for number, picture in pictures.items()}):
        message = Message(
            (
                "Frame %frames% is %others%, most are %most%. Render it in that size, or have the loader resize it.",
                "%count% frames are %others%, most are %most%. Render them in that size, or have the loader resize them.",
            ),
            **others.words,
        )
        yield Problem(Kind.SIZE, others.frames, message)
    if others := _others({number: _CHANNELS[picture.stored.channels] for number, picture in pictures.items()}):
        message = Message(
            (
                "Frame %frames% is %others%, most are %most%. Save it again with the same channels.",
                "%count% frames are %others%, most are %most%. Save them again with the same channels.",
            ),
            **others.words,
        )
        yield Problem(Kind.CHANNELS, others.frames, message)
    if others := _others({number: _depth(picture.stored) for number, picture in pictures.items()}):
        message = Message(
            (
                "Frame %frames% has %others%, most have %most%. Save it again with the same file type.",
                "%count% frames have %others%, most have %most%. Save them again with the same file type.",
            ),
            **others.words,
        )
        yield Problem(Kind.DEPTH, others.frames, message)


def _of_the_pixels(found: Mapping[int, Examined]) -> Iterable[Problem]:
    if frames := runs_of(number for number, each in found.items() if each.content and not each.content.is_finite):
        message = Message(
            (
                "Frame %frames% has values that are NaN or infinite. Render it again.",
                "%count% frames have values that are NaN or infinite: %frames%. Render them again.",
            ),
            **_counted(frames),
        )
        yield Problem(Kind.NAN, frames, message)


def _graphs(found: Mapping[int, Examined]) -> Iterable[Problem]:
    return [Problem(Kind.GRAPHS, frames, message) for frames, message in graph_problems(_identities(found))]


def _identities(found: Mapping[int, Examined]) -> dict[int, FrameIdentity | None]:
    return {number: each.identity for number, each in found.items() if each.picture}


def _remarks(chosen: Chosen, found: Mapping[int, Examined]) -> Iterable[Problem]:
    contents = {number: each.content for number, each in found.items() if each.content}
    black = runs_of(n for n, content in contents.items() if content.is_black and not content.is_transparent)
    clear = runs_of(n for n, content in contents.items() if content.is_transparent)
    same = _repeated({number: content.digest for number, content in contents.items() if not content.is_black})
    if black:
        message = Message(
            ("Remark: frame %frames% is black.", "Remark: %count% frames are black: %frames%."), **_counted(black)
        )
        yield Problem(Kind.BLACK, black, message)
    if clear:
        message = Message(
            (
                "Remark: frame %frames% is transparent everywhere.",
                "Remark: %count% frames are transparent everywhere: %frames%.",
            ),
            **_counted(clear),
        )
        yield Problem(Kind.BLACK, clear, message)
    if same:
        message = Message("Remark: %count% frames have the same pixels as a neighbour: %frames%.", **_counted(same))
        yield Problem(Kind.SAME, same, message)
    for frames, message in graph_remarks(_identities(found)):
        yield Problem(Kind.KEYS, frames, message)
    if chosen.strays:
        message = Message(
            (
                "Remark: one file looks like a frame, but is not named like %pattern%: %names%. Is it meant to be there?",
                "Remark: %count% files look like frames, but are not named like %pattern%: %names%. Are they meant to be there?",
            ),
            count=len(chosen.strays),
            names=_some([printable(name) for name in chosen.strays]),
            pattern=printable(chosen.sequence.pattern.relative()[1].hashes),
        )
        yield Problem(Kind.STRAY, (), message)


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


def _counted(runs: Sequence[tuple[int, int]]) -> dict[str, str | int]:
    """The values of a message about these frames."""
    return {"count": amount(runs), "frames": runs_in_short(runs)}


class _Others(NamedTuple):
    """The frames that have another value than most, and the values of a message about them."""

    frames: Sequence[tuple[int, int]]
    words: Mapping[str, str | int]


def _others(values: Mapping[int, str]) -> _Others | None:
    most = _most_common(values.values()) if values else ""
    groups = _by_value({number: value for number, value in values.items() if value != most})
    if not groups:
        return None
    runs = runs_of(chain.from_iterable(groups.values()))
    listed = [value if amount(runs) == 1 else f"{value} ({in_short(frames)})" for value, frames in groups.items()]
    return _Others(runs, {**_counted(runs), "most": most, "others": _some(listed)})


def _in_a_line(reason: str) -> str:
    """`reason`, which may be a decoder's own text, in a line of bearable length."""
    return textwrap.shorten(printable(reason), _LONGEST_REASON, placeholder="\u2026")


def _most_common(values: Iterable[Any]) -> Any:
    """In doubt the first."""
    return Counter(values).most_common(1)[0][0]


def _first(faults: Mapping[int, Fault]) -> Fault:
    return faults[min(faults)]


def _by_value(values: Mapping[int, Any]) -> dict[Any, list[int]]:
    """The frames with each value, in the order of the first ones."""
    groups: dict[Any, list[int]] = {}
    for number, value in values.items():
        groups.setdefault(value, []).append(number)
    return groups


def _some(texts: Sequence[str]) -> str:
    """The first few of `texts`, and an ellipsis if there are more."""
    return ", ".join([*texts[:_MOST_NAMED], *(["\u2026"] if len(texts) > _MOST_NAMED else [])])


def _described(picture: Picture) -> str:
    """Such as "1920 x 1080, RGB, 8 bits, PNG"."""
    stored = picture.stored
    return f"{picture.extent}, {_CHANNELS[stored.channels]}, {_depth(stored)}, {picture.format}"


def _depth(stored: Stored) -> str:
    return f"{stored.bits}-bit float" if stored.is_float else f"{stored.bits} bit{'s' * (stored.bits > 1)}"
