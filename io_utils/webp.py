"""WebP files, by libwebp in Pillow, with text where ComfyUI's frontend reads it: the EXIF block, as core writes it."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffTags

LARGEST_SIDE = 16383  # 14 bits: https://developers.google.com/speed/webp/docs/riff_container
# prompt goes into Model, everything else into Make and the tags below it, as in core's animated WebP (comfy_api 0.19).
_MODEL, _MAKE = 0x0110, 0x010F
# Those of them that do not stand for numbers.
_TAGS = [tag for tag in range(_MAKE, 0, -1) if TiffTags.lookup(tag).type in (None, TiffTags.ASCII)]

# A megapixel photograph, lossless: 0.11 s and 0.83 of the bytes of PNG; 20 and method 4: 0.15 s and 0.82; 80: 0.6 s and
# the same. Lossy: method 4, libwebp's own, takes 0.07 s.
_LOSSLESS = {"lossless": True, "method": 1, "quality": 20}


def encode_webp(pixels: NDArray[np.uint8], text: Mapping[str, str], quality: int | None) -> bytes:
    """`pixels`: (H, W, C) uint8, C in 1..4; grey becomes RGB, as WebP has no grey. `quality`: 1..100, None for lossless.

    `text`: keyword -> ASCII; the frontend finds `keyword:text` in any tag. Colour below alpha 0 is kept (lossless).
    Raises ValueError for a picture larger than WebP allows, and for text that it cannot hold: see `keyword_fault`.
    """
    height, width, channels = pixels.shape
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(f"WebP pictures have at most {LARGEST_SIDE} pixels a side, this one is {width} x {height}.")
    if channels < 3:
        pixels = pixels[..., [0, 0, 0, *range(1, channels)]]
    options = _LOSSLESS if quality is None else {"quality": quality, "method": 4}
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", exact=True, exif=_exif(text), **options)
    return _even(buffer.getvalue())


def is_whole(start: bytes, size: int) -> bool:
    """Does a file of `size` bytes have the length that its first 12 bytes say?"""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP" and struct.unpack("<I", start[4:8])[0] + 8 == size


def _even(data: bytes) -> bytes:
    """The file with the byte of padding behind a chunk of odd length made part of it, which decoders pass over.

    Frontend 1.27 does not know of the padding, and finds no text behind it.
    """
    even, position = bytearray(data), 12
    while position < len(even):
        (length,) = struct.unpack_from("<I", even, position + 4)
        length += length % 2
        struct.pack_into("<I", even, position + 4, length)
        position += 8 + length
    return bytes(even)


def keyword_fault(keyword: str, earlier: int = 0) -> str | None:
    """What keeps `keyword` from being read back out of a WebP file; None if nothing does.

    The tags are ASCII, and every reader splits them at the first colon. There is one tag for each keyword but "prompt":
    `earlier` is how many of them there are before this one.
    """
    if not keyword or not keyword.isascii() or not keyword.isprintable():
        return "must be printable ASCII"
    if ":" in keyword:
        return "must hold no colon"
    if keyword != "prompt" and earlier >= len(_TAGS):
        return f"is one more than the {len(_TAGS)} that fit"
    return None


def _exif(text: Mapping[str, str]) -> bytes:
    if not text:
        return b""
    tags, others = Image.Exif(), 0
    for keyword, value in text.items():
        if fault := keyword_fault(keyword, others):
            raise ValueError(f"text keyword {keyword!r} {fault}")
        tag = _MODEL if keyword == "prompt" else _TAGS[others]
        others += keyword != "prompt"
        tags[tag] = f"{keyword}:{value}"
    return tags.tobytes()
