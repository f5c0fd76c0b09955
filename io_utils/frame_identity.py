"""FrameIdentity: which graph made a frame, as its file says. `comfyui/identity.py` computes the digest of a graph."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from .message import Message
from .naming.frame_range import amount, grouped, runs_in_short, runs_of

# The version in pyproject.toml, which is not in every installation. tests/test_house.py compares them.
VERSION = "0.1.1"

# A text of ours has 110 to 700 characters. Longer ones are somebody else's, and are not parsed.
_LONGEST = 1000
_DIGEST = re.compile("[0-9a-f]{64}")
_SHORT = 8
_NUMBER = re.compile("[0-9a-f]{16}")
# What a text without one of its facts means.
_UNSAID: Mapping[str, Any] = {
    "graph": None,
    "frame": None,
    "image": 0,
    "images": 1,
    "values": None,
    "animation": "",
    "numbers": [],
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
    """

    digest: str
    is_certain: bool = True
    values: str | None = None
    animation: str = field(default="", compare=False)
    numbers: tuple[float, ...] = field(default=(), compare=False)

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
    is_certain: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, graph: Graph, frame: int, image: int = 0, images: int = 1) -> FrameIdentity:
        first = frame - image
        numbers = (
            _short(graph.animation, number) + _short(graph.animation, number - first) for number in graph.numbers
        )
        animation = "" if graph.animation == graph.digest else graph.animation
        return cls(graph.digest, frame, image, images, graph.values, animation, tuple(numbers), graph.is_certain)

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
        values, animation, numbers = facts["values"], facts["animation"], facts["numbers"]
        is_valid = (
            _is_digest(graph)
            and (values is None or _is_digest(values))
            and (animation == "" or _is_digest(animation))
            and (type(frame) is type(image) is type(images) is int and 0 <= image < images)
            and (isinstance(numbers, list) and all(map(_is_number, numbers)))
        )
        if not is_valid:
            return None
        return cls(graph, frame, image, images, values, animation, tuple(numbers))

    @property
    def text(self) -> str:
        """Strict JSON, ASCII: {"graph": ..., "frame": ..., "version": ...}, and what else there is to say.

        "values"; "animation", if it is not "graph"; "numbers"; in a batch "image" and "images".
        """
        facts: dict[str, Any] = {"graph": self.graph}
        if self.values is not None:
            facts["values"] = self.values
        if self.animation:
            facts["animation"] = self.animation
        if self.numbers:
            facts["numbers"] = self.numbers
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

    Frames that are rendered one by one differ in what counts from run to run, such as a frame counter or a seed. Another value
    of such a number is another graph only if there are few of them, at most one for every four frames: a seed that was set
    anew. Numbers may also keep their distance to the frame number. If more than half of three or more frames have a graph of
    their own, something counts that no node declares, such as a file name that a script puts in, and does not matter.
    """
    numbers = sorted(identities)
    found = [identities[number] for number in numbers]
    graphs: list[Any] = [None if identity is None else identity.animation or identity.graph for identity in found]
    if len(numbers) > 2 and 2 * len(set(graphs)) > len(numbers) + 1:
        graphs = [graph is not None for graph in graphs]
    facts: list[Sequence[Any]] = [graphs]
    for index in range(max((len(identity.numbers) for identity in found if identity), default=0)):
        said = [identity.numbers[index] if identity and index < len(identity.numbers) else "" for identity in found]
        column = min(
            [text[:_SHORT] for text in said], [text[_SHORT:] for text in said], key=lambda texts: len(set(texts))
        )
        if 4 * (len(set(column)) - 1) < len(numbers):
            facts.append(column)
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


def _short(animation: str, number: float) -> str:
    return hashlib.sha256(f"{animation} {number}".encode()).hexdigest()[:_SHORT]


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _is_digest(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


# Made once: making one takes as long as reading an identity.
_decode = json.JSONDecoder(parse_constant=_refused).decode
