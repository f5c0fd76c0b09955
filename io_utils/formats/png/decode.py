"""The bytes of a PNG file -> pixels: every kind of PNG, and nothing that libpng would not take for one.

Section numbers refer to the W3C PNG Specification, third edition. Inflated here, unfiltered by FFmpeg, whose own inflate
is slow and takes half a picture for a whole one (1024 x 1024 RGB: 4 ms to inflate and 2 to 3 for the rest, against 12 for
FFmpeg alone and 14 for Pillow). What the samples mean is settled here too: Pillow 13 gives 8 bits of a 16-bit RGB file.

Pixels are never guessed: wrong checksums of critical chunks and of the transparency chunk are refused, and so are colours
that the palette does not have, and image data that go on too long or lack their checksum. Chunks that have no part in the
pixels are dropped when they are broken or misplaced, as libpng drops them; like libpng this reader also passes over a
transparency chunk of the wrong length or in the wrong place, chunks it does not know, a palette in a grey picture, and
what stands behind IEND.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray

from ..zlib_engines import deflate_engine, inflate_engine, inflated
from .encode import SIGNATURE, chunk

Samples = NDArray[np.uint8] | NDArray[np.uint16]

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6  # colour types and their bit depths: table 8
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GREY_ALPHA: (8, 16), _RGBA: (8, 16)}
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_LARGEST = 2**31 - 1  # of lengths and sides: 5.3, 7.1
# A file made to be slow has millions of empty ones, at 3 us each. With 8 kB in each IDAT, a gigabyte has half as many.
_MOST_CHUNKS = 1 << 18
_PAETH = 4  # the last of the filter types, 9.2
_RATIO = 1032  # deflate packs no more bytes than this into one: https://zlib.net/zlib_tech.html
# Adam7, 8.1: first column and row of each pass, and its steps. A picture that is not interlaced is one pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)
# Filters know bytes a pixel, not samples: (colour type, bit depth) of the PNG that has as many, and is all bytes.
_SAME_FILTERS = {1: (0, 8), 2: (4, 8), 3: (2, 8), 4: (6, 8), 6: (2, 16), 8: (6, 16)}


@dataclass(frozen=True)
class Ihdr:
    """IHDR, 11.2.1."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool

    @classmethod
    def parse(cls, data: bytes) -> Ihdr:
        """`data`: the 13 bytes of the chunk. ValueError unless they describe a picture that PNG allows."""
        width, height, bit_depth, colour_type, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
        if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
            raise ValueError(f"it says that it has {width} x {height} pixels")
        if bit_depth not in _DEPTHS.get(colour_type, ()):
            raise ValueError(f"{bit_depth} bits a sample are invalid for colour type {colour_type}")
        if compression or filters or interlace > 1:
            raise ValueError(f"compression {compression}, filter {filters} or interlace {interlace} is not known")
        return cls(width, height, bit_depth, colour_type, bool(interlace))

    @property
    def has_alpha(self) -> bool:
        """Does every pixel have alpha of its own? A transparency chunk is another matter."""
        return self.colour_type in (_GREY_ALPHA, _RGBA)

    @property
    def pixel_bits(self) -> int:
        return _CHANNELS[self.colour_type] * self.bit_depth

    @property
    def passes(self) -> list[tuple[tuple[slice, slice], int, int, int]]:
        """(where in the picture, columns, rows, bytes in a row, its filter type included) of each pass with pixels."""
        passes = []
        for left, top, right, down in _ADAM7 if self.interlaced else _ONE_PASS:
            columns, rows = -((left - self.width) // right), -((top - self.height) // down)
            if columns > 0 and rows > 0:
                where = slice(top, None, down), slice(left, None, right)
                passes.append((where, columns, rows, 1 + (columns * self.pixel_bits + 7) // 8))
        return passes

    @property
    def length(self) -> int:
        """Bytes of the filtered rows of all passes."""
        return sum(rows * row_bytes for _, _, rows, row_bytes in self.passes)

    def require_room(self, length: int) -> None:
        """ValueError if `length` bytes of deflate cannot hold the picture: a bomb, found before memory is taken."""
        if self.length > _RATIO * length:
            raise ValueError(f"{length:,} bytes cannot hold its {self.width} x {self.height} pixels")


@dataclass(frozen=True)
class _Png:
    """`samples`: the joined IDAT chunks, a zlib stream. `others`: the other chunks that matter, by name."""

    header: Ihdr
    others: dict[bytes, bytes]
    samples: bytes


def decode_png(data: bytes, header: Ihdr) -> Samples:
    """(H, W, C) uint8 or uint16, C in 1..4. `header` is that of `data`. ValueError for a file that is not one whole PNG.

    Palettes are resolved, 1, 2 and 4 bits scaled to 8, and pixels of the transparency key get alpha 0, others the maximum.
    """
    png = _read(data, header)
    rows = _inflated(png)
    samples = np.empty(
        (header.height, header.width, _CHANNELS[header.colour_type]), np.uint16 if header.bit_depth > 8 else np.uint8
    )
    start = 0
    for where, columns, count, row_bytes in header.passes:
        samples[where] = _unfiltered(header, rows[start : start + count * row_bytes], columns, count)
        start += count * row_bytes
    return _meaning(png, samples)


def read_header(file: IO[bytes]) -> tuple[Ihdr, bytes | None, bool]:
    """(the header, the EXIF data, is there a transparency chunk before the pixels), by chunk headers alone.

    ValueError if the file cannot be a PNG file.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(len(SIGNATURE))
    head = file.read(25)
    if head[4:8] != b"IHDR":
        raise ValueError("its first chunk is not IHDR")
    (size,) = struct.unpack(">I", head[:4])
    if size != 13 or len(head) < 25:
        raise ValueError(f"its IHDR chunk has {size} bytes, not 13" if size != 13 else "it ends inside its IHDR chunk")
    header = Ihdr.parse(head[8:21])
    header.require_room(length)
    exif, has_transparency, is_before_pixels = None, False, True
    for _ in range(_MOST_CHUNKS):
        if len(head := file.read(8)) < 8 or head[4:] == b"IEND" or (exif is not None and not is_before_pixels):
            return header, exif, has_transparency
        (size,), name = struct.unpack(">I", head[:4]), head[4:]
        is_before_pixels = is_before_pixels and name != b"IDAT"
        has_transparency = has_transparency or (name == b"tRNS" and is_before_pixels)
        if name == b"eXIf" and exif is None:
            contents, crc = file.read(size), file.read(4)
            if crc == struct.pack(">I", inflate_engine().crc32(name + contents)):
                exif = contents
        else:
            file.seek(size + 4, os.SEEK_CUR)
    raise _too_many_chunks()


def _too_many_chunks() -> ValueError:
    return ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")


def is_whole(file: IO[bytes]) -> bool:
    """Do the chunks follow each other, by their lengths, from IHDR to the end of IEND?

    Only the chunks' headers are read, a few hundred bytes of a frame that this pack wrote, and the checksums of the
    first and the last chunk. To compare those of the pixels all of the file would have to be read: a skipped or resumed
    sequence on a network disk would wait for gigabytes to learn what loading it tells anyhow, by frame and chunk.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return False
    position = len(SIGNATURE)
    names: set[bytes] = set()
    count = 0
    while position + 12 <= length and count < _MOST_CHUNKS:
        count += 1
        file.seek(position)
        size, name = struct.unpack(">I4s", file.read(8))
        end = position + 8 + size
        if not names and (name != b"IHDR" or size != 13):
            return False
        if size > _LARGEST or end + 4 > length or not (name.isalpha() and name.isascii()):
            return False
        if name in (b"IHDR", b"IEND"):
            contents = file.read(size)
            if file.read(4) != struct.pack(">I", inflate_engine().crc32(name + contents)):
                return False
        if name == b"IEND":
            return b"IDAT" in names
        names.add(name)
        position = end + 4
    return False


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """(name, contents) of every chunk up to IEND. Checksums are compared (5.3); chunks that fail are left out.

    ValueError if one of those fails that pixels depend on.
    """
    position, crc32, view = len(SIGNATURE), inflate_engine().crc32, memoryview(data)
    for _ in range(_MOST_CHUNKS):
        if position + 12 > len(data):
            raise ValueError("it ends inside a chunk")
        length, name = struct.unpack_from(">I4s", data, position)
        shown, end = name.decode("latin-1"), position + 8 + length
        if not (name.isalpha() and name.isascii()):
            raise ValueError(f"{shown!r} is not the name of a chunk")
        if length > _LARGEST or end + 4 > len(data):
            raise ValueError(f"it ends inside its {shown} chunk")
        (crc,) = struct.unpack_from(">I", data, end)
        if crc32(view[position + 4 : end]) == crc:
            yield name, view[position + 8 : end]
        # Either part of a transparency chunk may be what is damaged; a lost one would show as an opaque picture.
        elif name[:1].isupper() or name == b"tRNS" or crc32(view[position + 8 : end], crc32(b"tRNS")) == crc:
            raise ValueError(f"the checksum of its {shown} chunk is wrong")
        if name == b"IEND":
            return
        position = end + 4
    raise _too_many_chunks()


def _read(data: bytes, header: Ihdr) -> _Png:
    chunks = list(_chunks(data))
    _check_order([name for name, _ in chunks])
    first = {name: bytes(contents) for name, contents in reversed(chunks) if name != b"IDAT"}
    if header.colour_type == _PALETTE and b"PLTE" not in first:
        raise ValueError("it has no palette")
    if len(palette := first.get(b"PLTE", bytes(3))) % 3 or not 3 <= len(palette) <= 768:
        raise ValueError(f"its palette has {len(palette)} bytes, not three for each of 1 to 256 colours")
    first.pop(b"tRNS", None)
    if (transparency := _transparency(header, chunks, len(palette) // 3)) is not None:
        first[b"tRNS"] = transparency
    return _Png(header, first, b"".join(contents for name, contents in chunks if name == b"IDAT"))


def _check_order(names: list[bytes]) -> None:
    """Critical chunks in their order (5.6), and all of them known."""
    if names[0] != b"IHDR" or names.count(b"IHDR") > 1:
        raise ValueError("its first chunk is not IHDR, or there is a second one")
    if b"IDAT" not in names:
        raise ValueError("it has no image data")
    first, count = names.index(b"IDAT"), names.count(b"IDAT")
    if set(names[first : first + count]) != {b"IDAT"}:
        raise ValueError("there are other chunks between its image data")
    if names.count(b"PLTE") > 1 or b"PLTE" in names[first:]:
        raise ValueError("its palette is there twice, or behind the image data")
    for name in names:
        if name[:1].isupper() and name not in _CRITICAL:
            raise ValueError(f"its {name.decode()} chunk is not known, and it cannot be read without")


def _transparency(header: Ihdr, chunks: list[tuple[bytes, memoryview]], colours: int) -> bytes | None:
    """The contents of tRNS (11.3.1.1), where libpng would use them: its first one, if it stands in its place.

    That is before the image data, behind the palette if there is one, and of the right length; with a palette that is
    at most as long as the palette. Pictures with real alpha have none.
    """
    names = [name for name, _ in chunks]
    place = names.index(b"tRNS") if b"tRNS" in names else len(names)
    if place > names.index(b"IDAT") or (header.colour_type == _PALETTE and place < names.index(b"PLTE")):
        return None
    contents = bytes(chunks[place][1])
    if header.colour_type == _PALETTE:
        return contents if 1 <= len(contents) <= colours else None
    wanted = {_GREY: 2, _RGB: 6}.get(header.colour_type)
    return contents if len(contents) == wanted else None


def _inflated(png: _Png) -> bytes:
    """The filtered rows, exactly as many as there are, and of filter types that PNG has."""
    png.header.require_room(len(png.samples))
    rows = inflated(png.samples, png.header.length)
    start = 0
    for _, _, count, row_bytes in png.header.passes:
        worst = max(rows[start : start + count * row_bytes : row_bytes])
        if worst > _PAETH:
            raise ValueError(f"it has a row of filter type {worst}, which PNG does not know")
        start += count * row_bytes
    return rows


def _unfiltered(header: Ihdr, rows: bytes, columns: int, count: int) -> Samples:
    """The samples (count, columns, channels) of one pass, as they are stored.

    FFmpeg takes the filters off a picture of as many bytes a pixel; bytes of several samples are one sample to filters.
    """
    pixel = max(1, header.pixel_bits // 8)
    width = columns if header.bit_depth >= 8 else (columns * header.pixel_bits + 7) // 8
    colour_type, bit_depth = _SAME_FILTERS[pixel]
    stream = deflate_engine().compress(rows, 0)  # stored, RFC 1951, section 3.2.4; ISA-L's level 0 compresses
    ihdr = struct.pack(">IIBBBBB", width, count, bit_depth, colour_type, 0, 0, 0)
    chunks = [*chunk(b"IHDR", ihdr), *chunk(b"IDAT", stream), *chunk(b"IEND")]
    decoder = av.CodecContext.create("png", "r")
    decoder.thread_count = 1  # frames are decoded side by side already
    packet = av.Packet(b"".join((SIGNATURE, *chunks)))
    frames = decoder.decode(packet) or decoder.decode(None)
    if not frames:
        raise ValueError("it holds no picture")
    plane = frames[0].planes[0]
    stored = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:count, : width * pixel]
    if header.bit_depth < 8:
        return _unpacked(stored, header.bit_depth)[:, :columns, np.newaxis]
    dtype = np.dtype(">u2" if header.bit_depth == 16 else "u1")
    samples = stored.view(dtype).reshape(count, columns, -1)
    return samples.astype(dtype.newbyteorder("="), copy=False)


def _unpacked(rows: NDArray[np.uint8], bit_depth: int) -> NDArray[np.uint8]:
    """Samples of less than a byte, one a byte: the leftmost is in the high bits (7.2)."""
    shifts = np.array(range(8 - bit_depth, -1, -bit_depth), np.uint8)
    samples: NDArray[np.uint8] = (rows[..., np.newaxis] >> shifts) & np.uint8((1 << bit_depth) - 1)
    return samples.reshape(len(rows), -1)


def _meaning(png: _Png, samples: Samples) -> Samples:
    colour_type, bit_depth = png.header.colour_type, png.header.bit_depth
    transparency = png.others.get(b"tRNS")
    if colour_type == _PALETTE:
        return _looked_up(samples[..., 0], png.others[b"PLTE"], transparency)
    alpha = None
    if transparency is not None and colour_type in (_GREY, _RGB):
        # Only the bits that a sample has count (11.3.1.1).
        key = np.frombuffer(transparency, ">u2") & ((1 << bit_depth) - 1)
        opaque = (samples != key).any(axis=-1, keepdims=True)
        alpha = opaque * samples.dtype.type(np.iinfo(samples.dtype).max)
    if bit_depth < 8:
        samples = samples * np.uint8(255 // ((1 << bit_depth) - 1))
    return samples if alpha is None else np.concatenate([samples, alpha], axis=-1)


def _looked_up(indices: NDArray[Any], palette: bytes, transparency: bytes | None) -> Samples:
    """An index beyond the palette is opaque black, as in libpng and browsers: 11.2.2 allows that."""
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    colours = np.concatenate([colours, np.zeros((256 - len(colours), 3), np.uint8)])
    if transparency is not None:
        alpha = np.full((len(colours), 1), 255, np.uint8)
        alpha[: len(transparency), 0] = np.frombuffer(transparency, np.uint8)
        colours = np.concatenate([colours, alpha], axis=-1)
    pixels: NDArray[np.uint8] = colours[indices]
    return pixels
