"""Pixels and text to the bytes of a PNG file: the encoder that every node of the pack shares.

Section numbers refer to the W3C PNG Specification, third edition; RFC 1950 is the zlib format, RFC 1951 deflate.

How a frame becomes bytes. It is cut into strips of whole rows. For each strip a small sample decides the row filter and
the deflate setting; the strip is filtered, then deflated on its own, on another thread if there is one, and becomes one
IDAT chunk. Together the strips are one zlib stream, which is what makes the file an ordinary PNG.

The sample is there because no single setting suits all content. Against Pillow at level 4 (1024 x 1024 RGB, zlib-ng),
the average filter with Huffman codes only is 15 times as fast and 4 % smaller on a photograph with fine noise, and makes
a mask 56 times as large; no filter with level 2 is 9 times as fast and 5 % larger on text, and nearly doubles the
photograph. `python benchmarks/encoder.py` measures all of it again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

try:
    from zlib_ng import zlib_ng
except ImportError:
    zlib_ng = None  # type: ignore[assignment,unused-ignore]

Bytes2D = npt.NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # section 5.2
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type: grey, grey + alpha, RGB, RGBA (11.2.1)
_LARGEST_SIDE = 2**31 - 1  # 11.2.1, 7.1

# 7 strips in a megapixel of RGB, 48 in a 4K frame. With 1 MiB a photograph above a page of text comes out 19 % larger,
# for want of a strip boundary between them; with 256 KiB choosing would take twice its share of the time.
_STRIP_BYTES = 512 * 1024
_SAMPLE_BYTES = 4 * 1024  # 8 KiB choose no better (the same total bytes) and take half as long again
_TILES = 8  # of 256 bytes by 2 rows: with 4 of 512, text is up to 30 % larger, for strips whose lines were missed
_TILE_BYTES = 256

_NONE, _SUB, _UP, _AVERAGE = range(4)  # filter types (9.2); Paeth (4) is left out: 21 ms in numpy against average's 0.6


class _Setting(NamedTuple):
    """One way to encode a strip: filter type (section 9.2), deflate level and strategy."""

    filter_type: int
    level: int
    strategy: int


def _settings(strategy: int, *filter_types: int) -> tuple[_Setting, ...]:
    """Level 2 with one strategy: zlib-ng at level 1 makes text 8 to 34 % larger, at level 3 takes 20 to 40 % longer."""
    return tuple(_Setting(filter_type, 2, strategy) for filter_type in filter_types)


_STORED = _Setting(_NONE, 0, zlib.Z_DEFAULT_STRATEGY)
_HUFFMAN, _RUNS, _MATCHES = zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FILTERED

# What may suit a strip, by how many of its bytes are predicted exactly. Measured on benchmarks/corpus.py: photographs
# have 0.07 to 0.31, smooth pictures 0.41 to 0.92, text and depth maps 0.7 to 0.97, masks 0.98 to 1.
_CANDIDATES = (
    (0.4, _settings(_HUFFMAN, _AVERAGE, _SUB) + _settings(_MATCHES, _NONE)),
    (0.7, _settings(_HUFFMAN, _AVERAGE) + _settings(_RUNS, _AVERAGE) + _settings(_MATCHES, _NONE)),
    (0.97, _settings(_RUNS, _SUB, _UP) + _settings(_MATCHES, _NONE, _SUB)),
)
# Grey pictures in colour channels (depth passes, black and white film): every residual comes three times, which Huffman
# codes alone cannot use: 1.58 of Pillow's size on a grey photograph, against 0.89 with matches.
_GREY_CANDIDATES = _settings(_HUFFMAN, _AVERAGE) + _settings(_MATCHES, _AVERAGE, _NONE)
_GREY_LIMIT, _GREY_RUNS = 0.7, 0.15
# Above the last limit a sample tells too little about the size, and trials take as long as the strip: a rule decides.
_FLAT_BYTES, _FLAT_COLOURS = _Setting(_NONE, 2, _RUNS), _Setting(_UP, 2, _MATCHES)
_FLAT_RUNS = 0.99  # share of bytes equal to the byte before: black and white masks have 0.997 and more, text up to 0.96
_STORED_FROM = 0.97  # noise: Huffman codes that save less than 3 % take over 10 times as long


def encode_png(pixels: npt.NDArray[Any], text: Mapping[str, str] | None = None, *, threads: int = 1) -> bytes:
    """Return `pixels` as the bytes of a PNG file.

    pixels: uint8 or uint16 in native byte order, full range, (height, width) for grey or (height, width, channels) with
        1 = grey, 2 = grey and alpha, 3 = RGB, 4 = RGBA (alpha unassociated, section 6.2); both sides 1 to 2**31 - 1
        pixels. Any strides. Read, never changed.
    text: keyword -> string, written before the pixels in the order given, as tEXt where latin-1 holds the string (11.3.3.2)
        and as uncompressed iTXt where not (11.3.3.4). Keywords are 1 to 79 printable latin-1 characters without leading,
        trailing or doubled spaces; strings hold no NUL.
    threads: how many threads may filter and deflate strips of this one frame, at least 1.

    Deterministic: the same arguments and the same deflate engine give the same bytes, whatever `threads` is. Another engine
    gives other bytes and the same pixels. Needs memory for the file twice and about 2 MB a thread; pixels of 16 bits or
    with gaps are copied once.

    Raises ValueError for anything else, saying what was expected and what came.
    """
    _check_pixels(pixels)
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    texts = [_text_chunk(keyword, value) for keyword, value in (text or {}).items()]
    image_data = _image_data(_rows_of_bytes(pixels), _bytes_per_pixel(pixels), threads)
    chunks = [[SIGNATURE], _header(pixels), *texts, *image_data, chunk(b"IEND")]
    return b"".join(part for chunk in chunks for part in chunk)


def deflate_engine() -> Any:
    """The deflate library: zlib-ng if it is installed, else the standard library's zlib.

    That order because zlib-ng takes half the time: 13 ms against 24 for a megapixel photograph of the same bytes, 5
    against 10 for text that is 6 % larger. The standard library is everywhere, so nothing has to be installed.
    """
    return zlib_ng or zlib


def _check_pixels(pixels: object) -> None:
    if not isinstance(pixels, np.ndarray):
        raise ValueError(f"pixels must be a numpy array, got {type(pixels).__name__}")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be uint8 or native uint16, got {pixels.dtype!r}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in _COLOUR_TYPES):
        raise ValueError(
            f"pixels must be (height, width) or (height, width, 1 to 4 channels), got shape {pixels.shape}"
        )
    if not all(1 <= side <= _LARGEST_SIDE for side in pixels.shape[:2]):
        raise ValueError(f"pixels must be 1 to {_LARGEST_SIDE} high and wide, got shape {pixels.shape}")


def _channels(pixels: npt.NDArray[Any]) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _bytes_per_pixel(pixels: npt.NDArray[Any]) -> int:
    return _channels(pixels) * pixels.itemsize


def _rows_of_bytes(pixels: npt.NDArray[Any]) -> Bytes2D:
    """The samples as bytes, most significant first (section 7.2), one image row a line."""
    height, width = pixels.shape[:2]
    big_endian = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(">"))
    return big_endian.view(np.uint8).reshape(height, width * _bytes_per_pixel(pixels))


def chunk(name: bytes, *data: bytes) -> list[bytes]:
    """Length, name, data, CRC of name and data (section 5.3), in parts: the file is joined once, not chunk by chunk."""
    crc = reduce(lambda so_far, part: deflate_engine().crc32(part, so_far), (name, *data), 0)
    return [struct.pack(">I", sum(map(len, data))), name, *data, struct.pack(">I", crc)]


def _header(pixels: npt.NDArray[Any]) -> list[bytes]:
    """IHDR (11.2.1): sides, bits per sample, colour type; deflate, the five filters, not interlaced."""
    height, width = pixels.shape[:2]
    colour_type = _COLOUR_TYPES[_channels(pixels)]
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour_type, 0, 0, 0))


def _text_chunk(keyword: str, value: str) -> list[bytes]:
    if not isinstance(value, str):
        raise ValueError(f"text of {keyword!r} must be a string, got {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"text of {keyword!r} holds a NUL at position {value.index(chr(0))}, which PNG cannot store")
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


def _keyword(keyword: object) -> bytes:
    """The keyword as latin-1, after the rules of section 11.3.3.1."""
    if not isinstance(keyword, str) or not 1 <= len(keyword) <= 79:
        raise ValueError(f"text keyword {keyword!r} must be a string of 1 to 79 characters")
    if not all(" " <= character <= "~" or "\xa1" <= character <= "\xff" for character in keyword):
        raise ValueError(f"text keyword {keyword!r} must be printable latin-1 (32-126, 161-255)")
    if keyword.strip(" ") != keyword or "  " in keyword:
        raise ValueError(f"text keyword {keyword!r} must have no leading, trailing or doubled spaces")
    return keyword.encode("latin-1")


class _Strip(NamedTuple):
    """Rows `first` to `last` (not included) of the frame."""

    first: int
    last: int


def _image_data(rows: Bytes2D, pixel: int, threads: int) -> list[list[bytes]]:
    """The IDAT chunks of a frame: one zlib stream (RFC 1950, section 2.2), one chunk a strip."""
    height, stride = rows.shape
    strips = _strips(height, stride)

    def encode(strip: _Strip) -> tuple[list[bytes], int]:
        setting = _choose(rows, strip, pixel)
        filtered = _filtered(rows, strip, pixel, setting.filter_type)
        return _deflate(filtered, setting, final=strip.last == height), deflate_engine().adler32(filtered)

    with ThreadPoolExecutor(threads) if threads > 1 and len(strips) > 1 else nullcontext() as pool:
        encoded = list(pool.map(encode, strips) if pool else map(encode, strips))
    lengths = [(strip.last - strip.first) * (1 + stride) for strip in strips]
    adler32 = _combined_adler32(zip((adler for _, adler in encoded), lengths, strict=True))
    streams = [stream for stream, _ in encoded]
    streams[0].insert(0, b"\x78\x01")  # deflate, 32 KiB window, no preset dictionary, fast
    streams[-1].append(struct.pack(">I", adler32))
    return [chunk(b"IDAT", *stream) for stream in streams]


def _strips(height: int, stride: int) -> list[_Strip]:
    step = max(1, _STRIP_BYTES // (1 + stride))
    return [_Strip(first, min(first + step, height)) for first in range(0, height, step)]


def _combined_adler32(sums: Iterable[tuple[int, int]]) -> int:
    """The Adler-32 of joined pieces, from each piece's own Adler-32 and length in bytes.

    RFC 1950, section 8.2: s1 = 1 + sum of bytes and s2 = sum of every s1, both modulo 65521. A piece of n bytes whose own
    sums are (t1, t2) starts from (s1, s2) instead of (1, 0): s1 - 1 is added once to t1, and n times to t2.
    """
    s1, s2 = 1, 0
    for adler, length in sums:
        s2 = (s2 + (adler >> 16) + (s1 - 1) * length) % 65521
        s1 = (s1 + (adler & 0xFFFF) - 1) % 65521
    return s2 << 16 | s1


def _deflate(filtered: Bytes2D, setting: _Setting, *, final: bool) -> list[bytes]:
    """`filtered` as raw deflate (RFC 1951) up to a byte boundary, with the end of the stream if `final`.

    Strips know nothing of each other: a window primed with the 32 KiB before the strip saves 0.2 % on text and 2 % on
    colour masks, and takes 5 % longer. Memory level 9: 4 % faster than 8 on Huffman codes and 0.2 % smaller.
    """
    deflater = deflate_engine().compressobj(setting.level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, setting.strategy)
    return [deflater.compress(filtered), deflater.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)]


def _filtered(rows: Bytes2D, strip: _Strip, pixel: int, filter_type: int) -> Bytes2D:
    """The strip's rows after filtering, each behind its filter type (section 9.2).

    `pixel` is the distance in bytes to the pixel on the left. The frame's first row has zeros above it: there Up leaves
    the row as it is and Average halves the left pixel, so Sub, which predicts better, takes their place.
    """
    first, last = strip
    out = np.empty((last - first, 1 + rows.shape[1]), np.uint8)
    if first == 0 and filter_type in (_UP, _AVERAGE):
        _filter_into(out[:1], rows[:1], rows[:1], pixel, _SUB)
        first = 1
    if first < last:
        _filter_into(out[first - last :], rows[first:last], rows[first - 1 : last - 1], pixel, filter_type)
    return out


def _filter_into(out: Bytes2D, here: Bytes2D, above: Bytes2D, pixel: int, filter_type: int) -> None:
    """Write the filter type and the rows `here`, filtered with the rows `above` them (not read by None and Sub)."""
    out[:, 0] = filter_type
    target = out[:, 1:]
    if filter_type == _NONE:
        target[:] = here
    elif filter_type == _SUB:
        target[:, :pixel] = here[:, :pixel]
        np.subtract(here[:, pixel:], here[:, :-pixel], out=target[:, pixel:])
    elif filter_type == _UP:
        np.subtract(here, above, out=target)
    else:
        np.subtract(here[:, :pixel], above[:, :pixel] >> 1, out=target[:, :pixel])
        left, up = here[:, :-pixel], above[:, pixel:]
        # floor((left + up) / 2) without a ninth bit: 0.6 ms for 3 MB, against 0.8 by way of uint16.
        mean = left ^ up
        mean >>= 1
        mean += left & up
        np.subtract(here[:, pixel:], mean, out=target[:, pixel:])


def _sample(rows: Bytes2D, strip: _Strip, pixel: int) -> Bytes2D:
    """About `_SAMPLE_BYTES` of the strip, as a small picture.

    Tiles spread over the strip's height and width stand side by side; the first line holds the rows above them.
    """
    stride = rows.shape[1]
    width = min(_TILE_BYTES // pixel * pixel, stride)
    top = max(0, strip.first - 1)
    depth = min(strip.last - top, 1 + max(1, _SAMPLE_BYTES // (_TILES * width)))
    down, right = strip.last - top - depth, (stride - width) // pixel
    tiles = []
    for tile in range(_TILES):
        y = top + down * (5 * tile % _TILES) // (_TILES - 1)  # neighbours stand far apart in height
        x = right * tile // (_TILES - 1) * pixel
        tiles.append(rows[y : y + depth, x : x + width])
    return np.concatenate(tiles, axis=1)


def _choose(rows: Bytes2D, strip: _Strip, pixel: int) -> _Setting:
    """The setting to encode a strip with: the cheapest, on a sample, of those that may suit it."""
    sample = _sample(rows, strip, pixel)
    residuals = {filter_type: _residual(sample, pixel, filter_type) for filter_type in (_SUB, _UP)}
    predicted = 1 - min(np.count_nonzero(residual) / residual.size for residual in residuals.values())
    candidates = next((settings for limit, settings in _CANDIDATES if predicted <= limit), None)
    if candidates is None:
        return _flat_setting(rows[strip.first : strip.last : 8])
    if predicted <= _GREY_LIMIT and _runs(sample) > predicted + _GREY_RUNS:
        candidates = _GREY_CANDIDATES
    trials = []
    for setting in candidates:
        if setting.filter_type not in residuals:
            residuals[setting.filter_type] = _residual(sample, pixel, setting.filter_type)
        residual = residuals[setting.filter_type]
        deflated = _deflate(residual, setting, final=True)
        trials.append((sum(map(len, deflated)) / residual.size, setting))
    if min(trials)[0] > _STORED_FROM:
        return _STORED
    return min(trials, key=lambda trial: _cost(*trial))[1]


def _flat_setting(rows: Bytes2D) -> _Setting:
    """For flat content: where equal bytes follow each other (greys), runs of the unfiltered bytes; else rows that repeat.

    Runs are 12 to 29 % smaller on black and white masks, and 70 times as large on flat colours.
    """
    return _FLAT_BYTES if _runs(rows) >= _FLAT_RUNS else _FLAT_COLOURS


def _runs(rows: Bytes2D) -> float:
    """The share of bytes that equal the byte before them."""
    return float(np.count_nonzero(rows[:, 1:] == rows[:, :-1])) / rows.size


def _residual(sample: Bytes2D, pixel: int, filter_type: int) -> Bytes2D:
    """The filtered sample without its first line, which is there to be predicted from."""
    return _filtered(sample, _Strip(min(1, len(sample) - 1), len(sample)), pixel, filter_type)


def _cost(ratio: float, setting: _Setting) -> float:
    """Nanoseconds a byte of pixels costs at this compression ratio, a byte of file being worth 20 ns (50 MB/s to disk).

    Times of zlib-ng: Huffman codes only take 3.3 ns a byte whatever comes out; a search for runs or matches skips what it
    has found, and takes 0.3 ns a byte and 15 ns for each byte that comes out. Matches are rated 15 % lower, because the
    sample is too short for the far ones.
    """
    if setting.strategy == _HUFFMAN:
        return 3.3 + 20 * ratio
    return 0.3 + (30 if setting.strategy == _MATCHES else 35) * ratio
