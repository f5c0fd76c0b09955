"""Which library deflates, which one inflates, and why (RFC 1950: zlib streams, RFC 1951: deflate).

ISA-L and zlib-ng are optional. Without them the standard library's zlib does the work: slower, with the same results
when inflating and with other, equally valid bytes when deflating.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any, Literal, NamedTuple

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
    """The fastest zlib installed.

    ISA-L inflates in 40 to 55 % of the time of the standard library, zlib-ng in 45 (gradients) to 105 % (photographs).
    """
    return isal_zlib or deflate_engine()


class Method(Enum):
    """What the compressor looks for. COMPRESSORS has the settings for each library."""

    STORED = auto()  # nothing: the bytes are stored as they are
    HUFFMAN = auto()  # frequent byte values
    RUNS = auto()  # also runs of one byte value
    QUICK = auto()  # also earlier occurrences of the same bytes, as far as they are found at once
    MATCHES = auto()  # also any earlier occurrence of the same bytes
    SEARCH = auto()  # the longest of several occurrences


class Compressor(NamedTuple):
    """One way to deflate: what to pass to the `compressobj` of a library, and what it costs.

    library: the name of a module in this module. strategy: one of zlib's Z_ constants,
    https://zlib.net/manual.html#Advanced
    in_ns, out_ns: nanoseconds for each byte that goes in and for each byte that comes out, fitted to benchmarks/corpus
    and real photographs on an AMD EPYC of 2.4 GHz. Only their ratios matter.
    once: how many bytes each stream takes beside what its data leave, because it is begun twice (_HEAD_BYTES)
    """

    library: Literal["isal_zlib", "zlib_ng", "zlib"]
    level: int
    strategy: int
    in_ns: float
    out_ns: float
    once: int = 0


# The first compressor whose library is installed does the work.
COMPRESSORS = {
    Method.STORED: (
        Compressor("zlib_ng", 0, zlib.Z_DEFAULT_STRATEGY, 0.1, 0),
        Compressor("zlib", 0, zlib.Z_DEFAULT_STRATEGY, 0.1, 0),
    ),
    Method.HUFFMAN: (
        Compressor("zlib_ng", 2, zlib.Z_HUFFMAN_ONLY, 5.2, 1.5),
        Compressor("zlib", 2, zlib.Z_HUFFMAN_ONLY, 9.2, 0.9),
    ),
    Method.RUNS: (
        Compressor("zlib_ng", 2, zlib.Z_RLE, 0.4, 18),
        Compressor("zlib", 2, zlib.Z_RLE, 1.6, 14),
    ),
    # ISA-L takes a quarter of the time of zlib-ng for text, and leaves 5 to 15 % more. Level 1 is the same but for 1 %
    # more bytes on photographs, level 3 takes five times as long, and level 0 leaves 20 % more.
    Method.QUICK: (
        Compressor("isal_zlib", 2, zlib.Z_DEFAULT_STRATEGY, 0.2, 8, once=12),
        Compressor("zlib_ng", 1, zlib.Z_DEFAULT_STRATEGY, 0.4, 9.5),
        Compressor("zlib", 1, zlib.Z_DEFAULT_STRATEGY, 1.3, 25),
    ),
    Method.MATCHES: (
        Compressor("zlib_ng", 2, zlib.Z_FILTERED, 0.4, 23),
        Compressor("zlib", 1, zlib.Z_DEFAULT_STRATEGY, 1.3, 25),
    ),
    # Level 4 of the standard library indexes the bytes inside a long match as well, and makes masks in flat colours half the
    # size, but it takes over three times as long as level 1, and trying it costs 8 % of the time of everything.
    Method.SEARCH: (
        Compressor("zlib_ng", 3, zlib.Z_FILTERED, 0.4, 35),
        Compressor("zlib", 1, zlib.Z_DEFAULT_STRATEGY, 1.3, 25),
    ),
}
WINDOW = 32 * 1024  # how far back a match may begin (RFC 1951, section 2), in bytes

# 9 is 4 % faster than the default of 8 on Huffman codes, and 0.2 % smaller.
_MEMORY_LEVEL = 9

# ISA-L gets so many bytes of a stream alone. Otherwise its output depends on what a register holds by chance: it files the third
# byte under the hash of a register that it has not set (.write_first_byte in igzip_icf_body_h1_gr_bt.asm of ISA-L 2.31), and
# one strip in a few hundred comes out differently, with the same pixels. Up to 16 bytes take another way.
_HEAD_BYTES = 16

# Of compressed data that a library is given at once: it copies what it has not read when it has enough output. A photograph in a
# single chunk takes 3 to 12 % longer if it is given whole and has 1024 x 1024 pixels, and 1.6 to 2.1 times as long if it has
# 3840 x 2160. Pieces four times as large are no slower.
_PIECE_BYTES = 1 << 16


def compressor(method: Method) -> Compressor:
    """The best compressor for `method` among those that are installed.

    ISA-L's counts only beside zlib-ng. The standard library is so slow that next to ISA-L it would hardly ever be chosen:
    of 57 difficult pictures, files would have 1.28 times the bytes of those made without ISA-L.
    """
    return next(
        choice
        for choice in COMPRESSORS[method]
        if globals()[choice.library] and (zlib_ng or choice.library != "isal_zlib")
    )


def deflate(data: Any, method: Method, *, final: bool) -> list[bytes]:
    """Compress `data`, any contiguous buffer, to raw deflate that ends at a byte boundary.

    Returns parts to be joined. With `final` they end the stream; without it another call's output, of any library, can
    follow. Each call starts without a window: priming it with the 32 KiB before a strip of a picture saves 0.2 % on text
    and 2 % on masks in flat colours, and takes 5 % longer.
    """
    name, level, strategy, *_ = compressor(method)
    stream = globals()[name].compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY_LEVEL, strategy)
    head = []
    if name == "isal_zlib":
        data = memoryview(data).cast("B")
        head = [stream.compress(data[:_HEAD_BYTES]), stream.flush(zlib.Z_SYNC_FLUSH)]
        data = data[_HEAD_BYTES:]
    return [*head, stream.compress(data), stream.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)]


class Inflater:
    """Inflates a zlib stream a part at a time. `pieces` are the stream, cut anywhere; it must hold `length` bytes."""

    def __init__(self, pieces: Iterable[memoryview], length: int) -> None:
        self._length = length
        self._inflater = inflate_engine().decompressobj()
        self._input = (piece[at : at + _PIECE_BYTES] for piece in pieces for at in range(0, len(piece), _PIECE_BYTES))
        self._done = 0

    def read(self, length: int) -> bytes:
        """The next `length` bytes of what the stream holds. Raises ValueError if there are fewer, or it is damaged."""
        parts = list(self._parts(length))
        if (found := sum(map(len, parts))) < length:
            raise ValueError(f"it holds only {self._done + found:,} of {self._length:,} bytes of picture")
        self._done += length
        return b"".join(parts)

    def finish(self) -> None:
        """Raise ValueError if the stream holds more, does not end, or has a wrong checksum."""
        # Asking for one byte more makes the library read on to the checksum, and stops a decompression bomb there.
        if any(self._parts(1)):
            raise ValueError(f"it holds more than the {self._length:,} bytes of picture")
        if not self._inflater.eof:
            raise ValueError("its compressed data do not end")

    def _parts(self, length: int) -> Iterator[bytes]:
        """Up to `length` bytes; fewer only if the stream ends. Parts may be empty."""
        try:
            while length and not self._inflater.eof:
                given = self._inflater.unconsumed_tail or next(self._input, b"")
                part = self._inflater.decompress(given, length)
                if not (given or part):  # the library may hold output after it has read all input
                    return
                yield part
                length -= len(part)
        except Exception as error:  # isal_zlib.error, zlib_ng.error and zlib.error have no common base
            raise ValueError(f"its compressed data are damaged: {error}") from error
