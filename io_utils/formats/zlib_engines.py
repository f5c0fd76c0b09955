"""Which library deflates, which one inflates, and why (RFC 1950: zlib streams, RFC 1951: deflate).

zlib-ng and ISA-L are optional. Without them the standard library's zlib does the work: slower, with the same results
when inflating and with other, equally valid bytes when deflating.
"""

from __future__ import annotations

import zlib
from enum import Enum, auto
from typing import Any, NamedTuple

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]
try:
    from zlib_ng import zlib_ng
except ImportError:
    zlib_ng = None  # type: ignore[assignment,unused-ignore]


def deflate_engine() -> Any:
    """The deflate library: zlib-ng if it is installed, otherwise the standard library's zlib.

    zlib-ng takes half the time: 13 ms instead of 24 for a megapixel photograph of the same compressed size, and 5
    instead of 10 for a page of text that comes out 6 % larger. The standard library needs no installation.
    """
    return zlib_ng or zlib


def inflate_engine() -> Any:
    """The fastest zlib installed. ISA-L inflates in 40 % of the time of the standard library, zlib-ng in 75 %."""
    return isal_zlib or deflate_engine()


class Method(Enum):
    """What the compressor looks for. COMPRESSORS has the settings for each library."""

    STORED = auto()  # nothing: the bytes are stored as they are
    HUFFMAN = auto()  # frequent byte values
    RUNS = auto()  # also runs of one byte value
    MATCHES = auto()  # also any earlier occurrence of the same bytes
    REPEATS = auto()  # the same, for data in which whole rows recur
    TRIPLES = auto()  # the same, down to matches of 3 bytes


class Compressor(NamedTuple):
    """What to pass to `compressobj`.

    zlib_ng, zlib: the deflate level for that library. None leaves the work to the standard library, zlib-ng or not.
    strategy: one of zlib's Z_ constants, https://zlib.net/manual.html#Advanced
    """

    zlib_ng: int | None
    zlib: int
    strategy: int


# Times are zlib-ng's in ns, for each byte that goes in + for each byte that comes out.
# Level 2 unless stated: with zlib-ng, level 1 makes text 8 to 34 % larger and level 3 takes 20 to 40 % longer.
COMPRESSORS = {
    Method.STORED: Compressor(zlib_ng=0, zlib=0, strategy=zlib.Z_DEFAULT_STRATEGY),  # 0.1 + 0
    Method.HUFFMAN: Compressor(zlib_ng=2, zlib=2, strategy=zlib.Z_HUFFMAN_ONLY),  # 3.3 + 0
    Method.RUNS: Compressor(zlib_ng=2, zlib=2, strategy=zlib.Z_RLE),  # 0.3 + 24
    Method.MATCHES: Compressor(zlib_ng=2, zlib=2, strategy=zlib.Z_FILTERED),  # 0.3 + 15
    # Below level 4 the standard library does not index the bytes inside a long match and misses later repeats of them:
    # a mask in flat colours is 1.7 times the size of Pillow's at level 4, against 0.96.
    Method.REPEATS: Compressor(zlib_ng=2, zlib=4, strategy=zlib.Z_FILTERED),
    # zlib-ng looks for matches of at least 4 bytes below level 9. Grey noise in three equal channels has nothing but
    # matches of 3: 0.53 of Pillow's size with the standard library, 0.92 with zlib-ng.
    Method.TRIPLES: Compressor(zlib_ng=None, zlib=1, strategy=zlib.Z_FILTERED),
}
# 9 is 4 % faster than the default of 8 on Huffman codes, and 0.2 % smaller.
_MEMORY_LEVEL = 9


def deflate(data: Any, method: Method, *, final: bool) -> list[bytes]:
    """Compress `data`, any contiguous buffer, to raw deflate that ends at a byte boundary.

    Returns parts to be joined. With `final` they end the stream; without it another call's output can follow. Each call
    starts without a window: priming it with the 32 KiB before a strip of a picture saves 0.2 % on text and 2 % on masks
    in flat colours, and takes 5 % longer.
    """
    settings = COMPRESSORS[method]
    library: Any = zlib_ng
    level = settings.zlib_ng
    if library is None or level is None:
        library, level = zlib, settings.zlib
    compressor = library.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY_LEVEL, settings.strategy)
    return [compressor.compress(data), compressor.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)]


def inflated(stream: bytes, length: int) -> bytes:
    """Return the `length` bytes that a zlib stream holds. ValueError if it holds more or fewer, or is damaged."""
    inflater = inflate_engine().decompressobj()
    try:
        # One byte more than expected makes the library read on to the checksum, and stops a decompression bomb there.
        plain: bytes = inflater.decompress(stream, length + 1)
    except Exception as error:  # isal_zlib.error, zlib_ng.error and zlib.error have no common base
        raise ValueError(f"its compressed data are damaged: {error}") from error
    if len(plain) != length:
        much = f"{len(plain):,} of" if len(plain) < length else "more than the"
        raise ValueError(f"it holds {much} {length:,} bytes of picture")
    if not inflater.eof:
        raise ValueError("its compressed data do not end")
    return plain
