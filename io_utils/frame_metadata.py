"""FrameMetadata: the value on a FRAME_METADATA wire, what the headers of frames say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InputError
from .wire import described

_INTERNAL = "imageSequence."  # what loaders tell savers, which no file holds


@dataclass(frozen=True)
class FrameMetadata:
    """The header attributes of each frame, in the order of the images; an empty mapping for a frame that has none.

    The values have the types of the OpenEXR package: str, int, float, Fraction, TimeCode, NumPy arrays, ...
    """

    frames: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        """The attributes, one line each, with the value of the first and, if it differs, of the last frame."""
        names = dict.fromkeys(name for frame in self.frames for name in frame if not name.startswith(_INTERNAL))
        return "\n".join(f"{name}: {self._shown(name)}" for name in names) or "no metadata"

    def _shown(self, name: str) -> str:
        values = [_text(frame[name]) for frame in self.frames if name in frame]
        return values[0] if values[0] == values[-1] else f"{values[0]} ... {values[-1]}"


def metadata_of(value: object) -> tuple[Mapping[str, Any], ...]:
    """The attributes of each frame, from the value on a wire. Raises InputError for any other value."""
    if not isinstance(value, FrameMetadata):
        raise InputError(
            f"Wire the output 'metadata' of a loader of this pack to the input 'metadata'. It got {described(value)}."
        )
    return value.frames


def _text(value: Any) -> str:
    """`value` on one line, of at most 203 characters."""
    if hasattr(value, "timeAndFlags"):  # OpenEXR.TimeCode, whose own text also lists its flags
        separator = ";" if value.dropFrame else ":"
        return f"{value.hours:02}:{value.minutes:02}:{value.seconds:02}{separator}{value.frame:02}"
    many = isinstance(value, (list, tuple))
    shown = ", ".join(map(_text, value)) if many else " ".join(str(value).split())
    return shown if len(shown) <= 200 else f"{shown[:200]}..."
