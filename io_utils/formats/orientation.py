"""Reads the orientation of an image from EXIF or XMP. Ignores invalid metadata, which must not prevent loading.

Pillow's ImageOps.exif_transpose rewrites the whole EXIF block to change one tag, and fails if another tag is invalid.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from numpy.typing import NDArray

from . import exif as exif_block

UPRIGHT = 1

_TAG = 0x0112  # EXIF 2.32, 4.6.4 A
# TIFF 6.0, section 2: BYTE, SHORT, LONG and their signed forms. The tag should be SHORT, but some programs use others.
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
# XMP, part 2, section 2.9: as an attribute or an element.
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\b")


def is_sideways(orientation: int) -> bool:
    """Whether the orientation swaps width and height: 5 to 8 rotate by 90 degrees."""
    return 5 <= orientation <= 8


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation to (height, width, channels). Returns a view; values other than 2 to 8 change nothing."""
    turns = {
        2: lambda: pixels[:, ::-1],
        3: lambda: pixels[::-1, ::-1],
        4: lambda: pixels[::-1],
        5: lambda: pixels.swapaxes(0, 1),
        6: lambda: pixels.swapaxes(0, 1)[:, ::-1],
        7: lambda: pixels.swapaxes(0, 1)[::-1, ::-1],
        8: lambda: pixels.swapaxes(0, 1)[::-1],
    }
    return turns[orientation]() if orientation in turns else pixels


def of_exif(exif: bytes | None) -> int:
    """The orientation in EXIF data, 1 to 8; 1 (upright) if it is missing or invalid."""
    return _read(exif or b"") or UPRIGHT


def of_exif_or_xmp(exif: bytes | None, xmp: bytes | None) -> int:
    """The orientation in EXIF data, or else in XMP data (the order of Pillow); 1 if both are missing or invalid."""
    value = _read(exif or b"")
    if value is None and xmp and (match := _XMP.search(xmp)):
        return int(match[1])
    return value or UPRIGHT


def _read(exif: bytes) -> int | None:
    """The value of the orientation tag; None if it is missing or not 1 to 8."""
    try:
        for entry in exif_block.entries(exif):
            if entry.tag == _TAG and entry.kind in _NUMBERS and entry.length == 1:
                (value,) = struct.unpack_from(entry.order + _NUMBERS[entry.kind], entry.block, entry.place)
                return value if 1 <= value <= 8 else None
    except struct.error:  # truncated
        return None
    return None
