"""Pixels and text -> the bytes of a PNG file. Every PNG file of the pack is encoded here.

Section numbers refer to the W3C PNG Specification, third edition; RFC 1950 is the zlib format, RFC 1951 deflate.

A frame is cut into strips of whole rows. A small sample decides the filter type and the deflate method of each strip
(strategy.py). Each strip is filtered (filters.py) and deflated on its own (zlib_engines.py), in parallel if there are
threads, and becomes one IDAT chunk. Joined, the strips are a single zlib stream, as the format requires.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial, reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..base import AnyPixels, ByteArray
from ..zlib_engines import deflate, deflate_engine
from .filters import Strip, filtered
from .strategy import Choice, Setting, alternatives, choose

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # section 5.2
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type: grey, grey + alpha, RGB, RGBA (11.2.1)
LARGEST_SIDE = 2**31 - 1  # 11.2.1, 7.1

# 7 strips in a megapixel of RGB, 48 in a 4K frame. With 1 MiB, a photograph above a page of text is 19 % larger,
# because no strip boundary separates them; with 256 KiB, a photograph is 1 % larger, because there are twice as many
# code tables.
_STRIP_BYTES = 512 * 1024


def encode_png(pixels: AnyPixels, text: Mapping[str, str] | None = None, *, threads: int = 1) -> bytes:
    """Return `pixels` as the bytes of a PNG file.

    pixels: uint8 or uint16 in native byte order, full range, (height, width) for grey or (height, width, channels) with
        1 = grey, 2 = grey and alpha, 3 = RGB, 4 = RGBA (alpha unassociated, section 6.2); both sides 1 to 2**31 - 1
        pixels. Any strides. Not modified.
    text: keyword -> string, written before the pixels in the given order, as tEXt if latin-1 can represent the string
        (11.3.3.2), otherwise as uncompressed iTXt (11.3.3.4). Keywords are 1 to 79 printable latin-1 characters without
        leading, trailing or doubled spaces; strings contain no NUL.
    threads: how many threads may filter and deflate strips of this one frame, at least 1.

    Deterministic: the same arguments and the same deflate library give the same bytes, whatever `threads` is. Another
    library gives other bytes and the same pixels. Needs memory for the file twice and about 2 MB for each thread;
    pixels of 16 bits or with gaps between them are copied once.

    Raises ValueError for any other argument, with what was expected and what was given.
    """
    _check_pixels(pixels)
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    texts = [_text_chunk(keyword, value) for keyword, value in (text or {}).items()]
    image_data = _image_data(_rows_of_bytes(pixels), _bytes_per_pixel(pixels), threads)
    chunks = [[SIGNATURE], _header(pixels), *texts, *image_data, chunk(b"IEND")]
    return b"".join(part for chunk in chunks for part in chunk)


def _check_pixels(pixels: object) -> None:
    if not isinstance(pixels, np.ndarray):
        raise ValueError(f"pixels must be a numpy array, got {type(pixels).__name__}")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be uint8 or native uint16, got {pixels.dtype!r}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in _COLOUR_TYPES):
        raise ValueError(
            f"pixels must be (height, width) or (height, width, 1 to 4 channels), got shape {pixels.shape}"
        )
    if not all(1 <= side <= LARGEST_SIDE for side in pixels.shape[:2]):
        raise ValueError(f"pixels must be 1 to {LARGEST_SIDE} high and wide, got shape {pixels.shape}")


def _channels(pixels: AnyPixels) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _bytes_per_pixel(pixels: AnyPixels) -> int:
    return _channels(pixels) * pixels.itemsize


def _rows_of_bytes(pixels: AnyPixels) -> ByteArray:
    """Return the samples as bytes, most significant first (section 7.2): (height, bytes of a row)."""
    height, width = pixels.shape[:2]
    big_endian = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(">"))
    return big_endian.view(np.uint8).reshape(height, width * _bytes_per_pixel(pixels))


def chunk(name: bytes, *data: bytes) -> list[bytes]:
    """Return length, name, data and CRC of name and data (section 5.3), in parts: only the whole file is joined."""
    crc = reduce(lambda crc, part: deflate_engine().crc32(part, crc), (name, *data), 0)
    return [struct.pack(">I", sum(map(len, data))), name, *data, struct.pack(">I", crc)]


def _header(pixels: AnyPixels) -> list[bytes]:
    """IHDR (11.2.1): sides, bit depth, colour type; then deflate, the five filter types, not interlaced."""
    height, width = pixels.shape[:2]
    colour_type = _COLOUR_TYPES[_channels(pixels)]
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour_type, 0, 0, 0))


def _text_chunk(keyword: str, value: str) -> list[bytes]:
    if not isinstance(value, str):
        raise ValueError(f"text of {keyword!r} must be a string, got {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"text of {keyword!r} has a NUL at position {value.index(chr(0))}, which PNG cannot store")
    name = _keyword(keyword)
    try:
        return chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        # After the keyword: not compressed, method 0, no language, no translated keyword (11.3.3.4).
        return chunk(b"iTXt", name + b"\0\0\0\0\0" + _utf8(keyword, value))


def _utf8(keyword: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text of {keyword!r} holds half a surrogate pair at position {error.start}") from error


def keyword_fault(keyword: object) -> str | None:
    """Return why `keyword` is not allowed in a PNG text chunk (section 11.3.3.1), or None if it is allowed."""
    if not isinstance(keyword, str) or not 1 <= len(keyword) <= 79:
        return "must be a string of 1 to 79 characters"
    if not all(" " <= character <= "~" or "\xa1" <= character <= "\xff" for character in keyword):
        return "must be printable latin-1 (32-126, 161-255)"
    if keyword.strip(" ") != keyword or "  " in keyword:
        return "must have no leading, trailing or doubled spaces"
    return None


def _keyword(keyword: str) -> bytes:
    if fault := keyword_fault(keyword):
        raise ValueError(f"text keyword {keyword!r} {fault}")
    return keyword.encode("latin-1")


def _image_data(rows: ByteArray, pixel_bytes: int, threads: int) -> list[list[bytes]]:
    """Return the IDAT chunks, in parts: one for each strip, together one zlib stream (RFC 1950, section 2.2)."""
    strips = _strips(*rows.shape)
    encode = partial(_encode_strip, rows, pixel_bytes)
    choices = choose(rows, strips, pixel_bytes)
    with ThreadPoolExecutor(threads) if threads > 1 and len(strips) > 1 else nullcontext() as pool:
        encoded = list((pool.map if pool else map)(encode, strips, choices))
    streams = [strip.deflated for strip in encoded]
    streams[0].insert(0, b"\x78\x01")  # deflate, 32 KiB window, no preset dictionary, fast
    streams[-1].append(struct.pack(">I", _combined_adler32((strip.adler32, strip.length) for strip in encoded)))
    return [chunk(b"IDAT", *stream) for stream in streams]


def _strips(height: int, row_bytes: int) -> list[Strip]:
    """Return strips whose heights differ by one row at most: a short last one would leave a thread idle.

    Each has at most _STRIP_BYTES after filtering, give or take a row.
    """
    count = min(height, -(-height * (1 + row_bytes) // _STRIP_BYTES))
    edges = [height * number // count for number in range(count + 1)]
    return [Strip(first, last) for first, last in pairwise(edges)]


class _EncodedStrip(NamedTuple):
    """deflated: raw deflate, in parts. adler32, length: of the filtered rows in it."""

    deflated: list[bytes]
    adler32: int
    length: int

    def size(self) -> int:
        return sum(map(len, self.deflated))


def _encode_strip(rows: ByteArray, pixel_bytes: int, strip: Strip, choice: Choice) -> _EncodedStrip:
    encoded = _encode_with(rows, pixel_bytes, strip, choice.setting)
    if encoded.size() <= choice.most_bytes:
        return encoded
    others = alternatives(rows, strip, pixel_bytes, choice.setting)
    return min([encoded, *(_encode_with(rows, pixel_bytes, strip, one) for one in others)], key=_EncodedStrip.size)


def _encode_with(rows: ByteArray, pixel_bytes: int, strip: Strip, setting: Setting) -> _EncodedStrip:
    lines = filtered(rows, strip, pixel_bytes, setting.filter_type)
    deflated = deflate(lines, setting.method, final=strip.last == len(rows))
    return _EncodedStrip(deflated, deflate_engine().adler32(lines), lines.size)


def _combined_adler32(sums: Iterable[tuple[int, int]]) -> int:
    """Return the Adler-32 of joined pieces, from each piece's own Adler-32 and length in bytes.

    RFC 1950, section 8.2: s1 = 1 + the sum of the bytes and s2 = the sum of every s1 so far, both modulo 65521. A piece
    of n bytes with sums (t1, t2) of its own starts from (s1, s2) instead of (1, 0), which adds s1 - 1 once to t1 and n
    times to t2.
    """
    s1, s2 = 1, 0
    for adler, length in sums:
        s2 = (s2 + (adler >> 16) + (s1 - 1) * length) % 65521
        s1 = (s1 + (adler & 0xFFFF) - 1) % 65521
    return s2 << 16 | s1
