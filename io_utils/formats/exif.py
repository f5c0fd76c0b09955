"""Reads single tags of an EXIF block. Pillow reads all of them, and fails if another tag is invalid."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_PREFIX = b"Exif\0\0"  # required in JPEG only, but some programs also write it in PNG and WebP
_ASCII = 2  # TIFF 6.0, section 2


class Entry(NamedTuple):
    """An entry of the first directory (TIFF 6.0, section 2). `place`: the offset in `block` of its value, or of the offset."""

    tag: int
    kind: int
    length: int  # the number of its values
    place: int
    block: bytes
    order: str  # of the bytes, as in struct


def entries(exif: bytes) -> Iterator[Entry]:
    """The entries of the first directory. Raises struct.error where the block is truncated."""
    block = exif.removeprefix(_PREFIX)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", block, place)
        yield Entry(tag, kind, length, place + 8, block, order)


def text(exif: bytes, tag: int) -> str | None:
    """The ASCII text of `tag`; None if it is missing, and if it is not complete. Raises struct.error like `entries`."""
    for entry in entries(exif):
        if entry.tag == tag and entry.kind == _ASCII and entry.length > 4:
            (start,) = struct.unpack_from(f"{entry.order}I", entry.block, entry.place)
            value = entry.block[start : start + entry.length]
            return value.rstrip(b"\0").decode("ascii") if len(value) == entry.length else None
    return None
