"""FrameIdentity: which graph made a frame, as its file says. `comfyui/identity.py` computes the digest of a graph."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeGuard

# The version in pyproject.toml, which is not in every installation. tests/test_house.py compares them.
VERSION = "0.1.1"

# A text of ours has 110 to 260 characters. Longer ones are somebody else's, and are not parsed.
_LONGEST = 1000
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Graph:
    """The graph in front of a saver. Equal graphs make equal pictures.

    digest: SHA-256, in hexadecimal.
    is_certain: False if its pictures may change without a change of the digest, because it reads files that are only known
        when it runs. A frame of such a graph is never taken for an unchanged one by its digest.
    values: the digest of the graph with the values that texts and numbers have in this frame, in place of the nodes that
        make them. None if there are none, if they are not known yet, or if this is not certain either.
    """

    digest: str
    is_certain: bool = True
    values: str | None = None

    def of_row(self, row: int) -> Graph:
        """The graph of item `row` of the lists that it makes, whose items are different pictures."""
        if not row:
            return self
        values = None if self.values is None else _of_row(self.values, row)
        return Graph(_of_row(self.digest, row), self.is_certain, values)


def _of_row(digest: str, row: int) -> str:
    return hashlib.sha256(f"{digest} {row}".encode()).hexdigest()


@dataclass(frozen=True)
class FrameIdentity:
    """What a file says about its origin: it is frame `frame`, which `graph` made as image `image` of `images`.

    The count tells how many files there are of a batch, before it is rendered again.
    """

    graph: str
    frame: int
    image: int = 0
    images: int = 1
    values: str | None = None
    is_certain: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, graph: Graph, frame: int, image: int = 0, images: int = 1) -> FrameIdentity:
        return cls(graph.digest, frame, image, images, graph.values, graph.is_certain)

    @classmethod
    def parse(cls, text: str | None) -> FrameIdentity | None:
        """The identity in the text of a file; None for any other text, and for a file without one. Never raises."""
        if text is None or len(text) > _LONGEST:
            return None
        try:
            facts = json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError):
            return None
        if not isinstance(facts, dict):
            return None
        graph, frame = facts.get("graph"), facts.get("frame")
        image, images, values = facts.get("image", 0), facts.get("images", 1), facts.get("values")
        if not _is_digest(graph) or not (values is None or _is_digest(values)):
            return None
        if not (type(frame) is type(image) is type(images) is int and 0 <= image < images):
            return None
        return cls(graph, frame, image, images, values)

    @property
    def text(self) -> str:
        """Strict JSON, ASCII: {"graph": ..., "frame": ..., "version": ...}; "values", and in a batch "image" and "images"."""
        values = {} if self.values is None else {"values": self.values}
        place = {"image": self.image, "images": self.images} if self.images > 1 else {}
        return json.dumps({"graph": self.graph, **values, "frame": self.frame, **place, "version": VERSION})

    def is_that_of(self, found: FrameIdentity | None) -> bool:
        """Whether a file that says `found` has the picture that the graph of this identity would make again.

        By its nodes, or by the values that they make.
        """
        if found is None or (self.frame, self.image, self.images) != (found.frame, found.image, found.images):
            return False
        is_same_graph = self.is_certain and self.graph == found.graph
        return is_same_graph or (self.values is not None and self.values == found.values)


def _is_digest(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
