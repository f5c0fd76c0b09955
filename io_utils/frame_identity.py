"""FrameIdentity: which graph made a frame, as its file says. `comfyui/identity.py` computes the digest of a graph."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeGuard

from .message import Message
from .naming.frame_range import amount, grouped, runs_in_short, runs_of

# The version in pyproject.toml, which is not in every installation. tests/test_house.py compares them.
VERSION = "0.1.1"

# A text of ours has 110 to 700 characters. Longer ones are somebody else's, and are not parsed.
_LONGEST = 1000
_DIGEST = re.compile("[0-9a-f]{64}")
_SHORT = 8
# Frames in a row whose number is the same, or has the same distance to the frame number.
_STRETCH = 5
_TWO_SHORT = re.compile("[0-9a-f]{16}")
# What a text without one of its facts means.
_UNSAID: Mapping[str, Any] = {
    "graph": None,
    "frame": None,
    "image": 0,
    "images": 1,
    "values": None,
    "animation": "",
    "numbers": [],
    "keys": "",
}


@dataclass(frozen=True)
class Graph:
    """The graph in front of a saver. Equal graphs make equal pictures.

    digest: SHA-256, in hexadecimal.
    is_certain: False if its pictures may change without a change of the digest, because it reads files that are only known
        when it runs. A frame of such a graph is never taken for an unchanged one by its digest.
    values: the digest of the graph with the values that texts and numbers have in this frame, in place of the nodes that
        make them. None if there are none, if they are not known yet, or if this is not certain either.
    animation: the digest of what the frames of an animation share; "" if it is not known.
    numbers: the values that count from frame to frame, such as a frame counter's and seeds, in a fixed order.
    keys: the digest of the nodes that make texts and numbers of these, such as a text with keys; "" if there are none.
    """

    digest: str
    is_certain: bool = True
    values: str | None = None
    animation: str = field(default="", compare=False)
    numbers: tuple[float, ...] = field(default=(), compare=False)
    keys: str = field(default="", compare=False)

    def of_row(self, row: int) -> Graph:
        """The graph of item `row` of the lists that it makes, whose items are different pictures."""
        if not row:
            return self
        values = None if self.values is None else _of_row(self.values, row)
        return replace(self, digest=_of_row(self.digest, row), values=values)


def _of_row(digest: str, row: int) -> str:
    return hashlib.sha256(f"{digest} {row}".encode()).hexdigest()


@dataclass(frozen=True)
class FrameIdentity:
    """What a file says about its origin: it is frame `frame`, which `graph` made as image `image` of `images`.

    images: tells how many files there are of a batch, before it is rendered again.
    numbers: of each number that counts from frame to frame, a digest of its value and one of its distance to the number of
        the batch's first frame, 8 hexadecimal digits each. They tell changes, and nobody reads a seed in a picture that was
        saved without its workflow.
    """

    graph: str
    frame: int
    image: int = 0
    images: int = 1
    values: str | None = None
    animation: str = ""
    numbers: tuple[str, ...] = ()
    keys: str = ""
    is_certain: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, graph: Graph, frame: int, image: int = 0, images: int = 1) -> FrameIdentity:
        first = frame - image
        numbers = (_short(number) + _short(number - first) for number in graph.numbers)
        animation = "" if graph.animation == graph.digest else graph.animation
        keys = graph.keys[: 2 * _SHORT]
        return cls(graph.digest, frame, image, images, graph.values, animation, tuple(numbers), keys, graph.is_certain)

    @classmethod
    def parse(cls, text: str | None) -> FrameIdentity | None:
        """The identity in the text of a file; None for any other text, and for a file without one. Never raises."""
        if text is None or len(text) > _LONGEST:
            return None
        try:
            facts = _decode(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(facts, dict):
            return None
        facts = {**_UNSAID, **facts}
        graph, frame, image, images = facts["graph"], facts["frame"], facts["image"], facts["images"]
        values, animation, numbers, keys = facts["values"], facts["animation"], facts["numbers"], facts["keys"]
        is_valid = (
            _is_digest(graph)
            and (values is None or _is_digest(values))
            and (animation == "" or _is_digest(animation))
            and (type(frame) is type(image) is type(images) is int and 0 <= image < images)
            and (isinstance(numbers, list) and all(map(_is_short, numbers)))
            and (keys == "" or _is_short(keys))
        )
        if not is_valid:
            return None
        return cls(graph, frame, image, images, values, animation, tuple(numbers), keys)

    @property
    def text(self) -> str:
        """Strict JSON, ASCII: {"graph": ..., "frame": ..., "version": ...}, and what else there is to say.

        "values"; "animation", if it is not "graph"; "numbers"; "keys"; in a batch "image" and "images".
        """
        facts: dict[str, Any] = {"graph": self.graph}
        if self.values is not None:
            facts["values"] = self.values
        if self.animation:
            facts["animation"] = self.animation
        if self.numbers:
            facts["numbers"] = self.numbers
        if self.keys:
            facts["keys"] = self.keys
        facts["frame"] = self.frame
        if self.images > 1:
            facts |= {"image": self.image, "images": self.images}
        return json.dumps({**facts, "version": VERSION})

    def is_that_of(self, found: FrameIdentity | None) -> bool:
        """Whether a file that says `found` has the picture that the graph of this identity would make again.

        By its nodes, or by the values that they make.
        """
        if found is None or (self.frame, self.image, self.images) != (found.frame, found.image, found.images):
            return False
        is_same_graph = self.is_certain and self.graph == found.graph
        return is_same_graph or (self.values is not None and self.values == found.values)


def graph_groups(identities: Mapping[int, FrameIdentity | None]) -> list[list[int]]:
    """The frames of a sequence in groups, each made by one graph, in the order of their first frames.

    identities: by frame number, what each file says. The files that say nothing are a group, too.

    Frames that are rendered one by one differ in what counts from run to run, such as a frame counter or a seed, and that is
    no other graph. But a seed that was set anew is one, and so is the change from a fixed seed to a counting one, see
    `_division`. If more than half of three or more frames have a graph of their own, something counts that no node declares,
    such as a file name that a script puts in, and graphs are not compared.
    """
    numbers = sorted(identities)
    found = [identities[number] for number in numbers]
    graphs = [None if identity is None else identity.animation or identity.graph for identity in found]
    facts: list[Sequence[Any]] = [graphs]
    if _is_each_its_own(graphs):
        facts = [[graph is not None for graph in graphs]]
    for index in range(max((len(identity.numbers) for identity in found if identity), default=0)):
        said = [identity.numbers[index] if identity and index < len(identity.numbers) else "" for identity in found]
        facts.append(_division([text[:_SHORT] for text in said], [text[_SHORT:] for text in said]))
    return _grouped(numbers, facts)


def _is_each_its_own(graphs: Sequence[str | None]) -> bool:
    return len(graphs) > 2 and 2 * len(set(graphs)) > len(graphs) + 1


def _division(values: Sequence[str], distances: Sequence[str]) -> Sequence[Any]:
    """What one of the numbers that count says of each frame: frames of different graphs differ in it.

    values, distances: the two digests of the number, see `FrameIdentity`. If there are few of either, no more than one for
    every four frames, it is that one. Otherwise the number counts, or is random, and its values say nothing; but where it
    stands still, or keeps its distance to the frame number, for `_STRETCH` frames and more, it does not do so by chance.
    """
    fewest = min(values, distances, key=lambda texts: len(set(texts)))
    if 4 * (len(set(fewest)) - 1) < len(fewest):
        return fewest
    division: list[str | None] = [None] * len(values)
    for texts in (values, distances):
        start = 0
        for _, same in groupby(texts):
            count = len(list(same))
            if count >= _STRETCH:
                division[start : start + count] = texts[start : start + count]
            start += count
    return division


def _grouped(numbers: Sequence[int], facts: Sequence[Sequence[Any]]) -> list[list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, *key in zip(numbers, *facts, strict=True):
        groups.setdefault(tuple(key), []).append(number)
    return list(groups.values())


def graph_problems(
    identities: Mapping[int, FrameIdentity | None],
) -> list[tuple[list[tuple[int, int]], Message]]:
    """What a user is told of frames that several graphs made, or of which only some say what made them.

    identities: see `graph_groups`. Returns (frames, message) pairs: the frames, as (first, last) of each run, are those that
    the largest group lacks, and those that say nothing. Empty if one graph made all frames, or no file says anything.
    """
    groups = graph_groups(identities)
    if len(groups) < 2:
        return []
    known = [group for group in groups if identities[group[0]]]
    problems = []
    if len(known) > 1:
        largest = max(known, key=len)
        others = runs_of(number for group in known if group is not largest for number in group)
        message = Message(
            "%count% graphs made the frames: %groups%. Queue all of them again with on_existing 'skip unchanged'.",
            count=len(known),
            groups=grouped(known),
        )
        problems.append((others, message))
    if silent := runs_of(number for number, identity in identities.items() if not identity):
        message = Message(
            (
                "Frame %frames% does not say which graph made it, but others do. Queue it again if it is old.",
                "%count% frames do not say which graph made them, but others do: %frames%. Queue them again if they are old.",
            ),
            count=amount(silent),
            frames=runs_in_short(silent),
        )
        problems.append((silent, message))
    return problems


def graph_remarks(identities: Mapping[int, FrameIdentity | None]) -> list[tuple[list[tuple[int, int]], Message]]:
    """What a user is told of frames of which the files cannot say whether one graph made them, as `graph_problems`.

    After a change of a text with keys, "skip unchanged" keeps the frames whose own text is the same, and these still say what
    the text was then. So frames from before and after a change belong together if all have been queued since.
    """
    known = {number: identity for number, identity in sorted(identities.items()) if identity}
    if _is_each_its_own([identity.animation or identity.graph for identity in known.values()]):
        return [
            ([], Message("Remark: which graph made the frames cannot be compared, because every frame has its own."))
        ]
    keys = [identity.keys for identity in known.values()]
    groups = _grouped(list(known), [keys])
    if len(groups) < 2 or _is_each_its_own(keys):
        return []
    largest = max(groups, key=len)
    message = Message(
        "Remark: a text with keys, or something else that nodes make of the frame number, has changed between these frames: "
        "%groups%. Have all been queued with 'skip unchanged' since?",
        groups=grouped(groups),
    )
    return [(runs_of(number for group in groups if group is not largest for number in group), message)]


def _short(number: float) -> str:
    return hashlib.sha256(f"{number}".encode()).hexdigest()[:_SHORT]


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and _TWO_SHORT.fullmatch(value) is not None


def _is_digest(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


# Made once: making one takes as long as reading an identity.
_decode = json.JSONDecoder(parse_constant=_refused).decode
