"""Reads frame numbers as people write them: 1001-1100x2,1150,1200-1210. The inverse of `frame_range.ranges`.

The notation is that of fileseq (https://github.com/justinfx/fileseq), which the tools of the trade share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import FrameListError

# Longer numbers are mistakes: the largest frame number has 16 digits.
_NUMBER = "[0-9]{1,32}"
_PART = re.compile(rf"(?P<first>{_NUMBER})(-(?P<last>{_NUMBER})((?P<kind>[xy:])(?P<chunk>{_NUMBER}))?)?")


def frame_list(text: str, most: int) -> tuple[int, ...]:
    """The frame numbers of `text`, each once, in the order in which they are written.

    Commas separate frames (`1008`) and ranges (`1001-1003`; `1003-1001` counts down). After a range, `x3` takes every third
    frame, `y3` the frames that `x3` leaves out, and `:3` every third frame, then every second one, then the rest. Spaces do
    not count. Raises FrameListError for anything else, for negative numbers, and if `text` writes more than `most` frames.
    """
    frames: dict[int, None] = {}
    left = most
    for part in filter(None, re.sub(r"\s", "", text).split(",")):
        found = _Part.parse(text, part)
        left -= found.count  # repeated frames too, because writing them down takes time
        if left < 0:
            raise FrameListError(text, part, f"goes beyond the {most} frames that can be loaded at a time")
        frames |= dict.fromkeys(found.frames())
    if not frames:
        raise FrameListError(text, text, "names no frame")
    return tuple(frames)


@dataclass(frozen=True)
class _Part:
    """A frame, or a range with its steps. `count` is how many frames are visited to list it."""

    first: int
    last: int
    kind: str
    chunk: int

    @classmethod
    def parse(cls, text: str, part: str) -> _Part:
        match = _PART.fullmatch(part)
        if match is None:
            is_negative = re.search(r"(^|-)-[0-9]", part)
            reason = (
                "has a negative number, but frame numbers start at 0" if is_negative else "is not a frame or a range"
            )
            raise FrameListError(text, part, reason)
        if match["chunk"] and int(match["chunk"]) == 0:
            raise FrameListError(text, part, "has steps of 0")
        first = int(match["first"])
        return cls(first, int(match["last"] or first), match["kind"] or "x", int(match["chunk"] or 1))

    @property
    def span(self) -> int:
        return abs(self.last - self.first) + 1

    @property
    def count(self) -> int:
        return (self.span - 1) // self.chunk + 1 if self.kind == "x" else self.span

    def frames(self) -> Iterable[int]:
        order = 1 if self.last >= self.first else -1
        end = self.last + order
        if self.kind == "y":
            return (frame for place, frame in enumerate(range(self.first, end, order)) if place % self.chunk)
        # Steps longer than the range find its first frame only.
        steps = range(min(self.chunk, self.span), 0, -1) if self.kind == ":" else [self.chunk]
        return (frame for step in steps for frame in range(self.first, end, order * step))
