"""The bytes of a PNG file -> pixels, for every variety of PNG. Accepts the files that libpng accepts.

Section numbers refer to the W3C PNG Specification, third edition.

zlib inflates and FFmpeg removes the filters: its own inflate is slow and accepts truncated pictures. Both work on a block of
rows at a time, which stays in the cache. A photograph of 1024 x 1024 takes 5 to 7 ms to inflate and as long for the rest.
Pillow 13 reduces 16-bit RGB to 8 bits.

Pixels are never guessed. Wrong checksums of critical chunks and of the transparency chunk are errors, and so are image data
that are too long or have no checksum. As in libpng, other chunks are ignored if they are damaged or misplaced, and so are
transparency chunks of a wrong length or in a wrong place, unknown ancillary chunks, palettes in grey pictures, and bytes
after IEND.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any

import av
import numpy as np

from ..base import ByteArray, Pixels, Samples
from ..zlib_engines import Inflater, inflate_engine
from .encode import SIGNATURE, chunk

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6  # colour types and their bit depths: table 8
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GREY_ALPHA: (8, 16), _RGBA: (8, 16)}
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_LARGEST = 2**31 - 1  # of lengths and sides: 5.3, 7.1
# A malicious file has millions of empty ones, at 3 us each. A gigabyte in IDAT chunks of 8 kB has half this number.
_MOST_CHUNKS = 1 << 18
# Of the filtered rows that are decoded at once. With a whole frame, the buffers of each step leave the cache, and are new memory
# until the allocator keeps some: the first frames of 1024 x 1024 take 3 to 7 ms of 23 longer, later ones 2 to 9 %, those of
# 3840 x 2160 always 27 %. Half of this is up to 6 % slower, twice as much up to 5 %.
_BLOCK_BYTES = 1 << 18
_LARGEST_STORED = (1 << 16) - 1  # bytes in an uncompressed block of deflate
_PAETH = 4  # the last of the filter types, 9.2
_DICTIONARY = 0x20  # in the second byte of a zlib stream; forbidden by 10.1
_RATIO = 1032  # deflate packs at most this many bytes into one: https://zlib.net/zlib_tech.html
# Adam7, 8.1: the first column and row of each pass, and its steps. A picture that is not interlaced has one pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)
# Filters depend on the bytes per pixel only: the (colour type, bit depth) of whole bytes to give to FFmpeg for each.
_SAME_FILTERS = {1: (0, 8), 2: (4, 8), 3: (2, 8), 4: (6, 8), 6: (2, 16), 8: (6, 16)}


@dataclass(frozen=True)
class Ihdr:
    """The fields of the IHDR chunk (11.2.1)."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool

    @classmethod
    def parse(cls, data: bytes) -> Ihdr:
        """Parse the 13 bytes of the chunk. Raises ValueError if they are invalid."""
        width, height, bit_depth, colour_type, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
        if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
            raise ValueError(f"its header declares {width} x {height} pixels")
        if bit_depth not in _DEPTHS.get(colour_type, ()):
            raise ValueError(f"bit depth {bit_depth} is invalid for colour type {colour_type}")
        if compression or filters or interlace > 1:
            raise ValueError(f"compression {compression}, filter {filters} or interlace {interlace} is invalid")
        return cls(width, height, bit_depth, colour_type, bool(interlace))

    @property
    def has_alpha(self) -> bool:
        """Whether the file has an alpha channel. A transparency chunk does not count."""
        return self.colour_type in (_GREY_ALPHA, _RGBA)

    @property
    def colour_channels(self) -> int:
        """1 for grey, 3 for RGB, also of a palette."""
        return 1 if self.colour_type in (_GREY, _GREY_ALPHA) else 3

    @property
    def sample_bits(self) -> int:
        """Palettes have colours of 8 bits (11.2.2)."""
        return 8 if self.colour_type == _PALETTE else self.bit_depth

    @property
    def pixel_bits(self) -> int:
        return _CHANNELS[self.colour_type] * self.bit_depth

    @property
    def passes(self) -> list[tuple[tuple[slice, slice], int, int]]:
        """Each pass that has pixels: (place in the picture, rows, bytes of a row including its filter type)."""
        passes = []
        for left, top, right, down in _ADAM7 if self.interlaced else _ONE_PASS:
            columns, rows = -((left - self.width) // right), -((top - self.height) // down)
            if columns > 0 and rows > 0:
                where = slice(top, None, down), slice(left, None, right)
                passes.append((where, rows, 1 + (columns * self.pixel_bits + 7) // 8))
        return passes

    @property
    def length(self) -> int:
        """The total size of the filtered rows of all passes in bytes."""
        return sum(rows * row_bytes for _, rows, row_bytes in self.passes)

    def require_room(self, length: int) -> None:
        """Raise ValueError if `length` bytes of deflate cannot hold the picture. Detects bombs before memory is taken."""
        if self.length > _RATIO * length:
            raise ValueError(f"{length:,} bytes cannot hold its {self.width} x {self.height} pixels")


@dataclass(frozen=True)
class _Png:
    """The parsed chunks of a file."""

    header: Ihdr
    chunks: dict[bytes, bytes]  # all chunks but IDAT, by name; tRNS only if it applies
    stream: list[memoryview]  # the contents of the IDAT chunks, a zlib stream


def decode_png(data: bytes, header: Ihdr) -> Pixels:
    """Decode the file `data`, whose header is `header`, to (height, width, 1 to 4 channels) uint8 or uint16.

    Palettes are resolved, and samples of 1, 2 and 4 bits are scaled to 8. With a transparency key, pixels of that colour
    get alpha 0 and all others the maximum. Raises ValueError if the file is damaged or truncated.
    """
    png = _parse(data, header)
    header.require_room(sum(map(len, png.stream)))
    if (head := [*islice(chain.from_iterable(png.stream), 2)])[1:] and head[1] & _DICTIONARY:
        # ISA-L does not notice it if it gets a byte at a time.
        raise ValueError("its compressed data need a dictionary")
    samples = np.empty(
        (header.height, header.width, _CHANNELS[header.colour_type]), np.uint16 if header.bit_depth > 8 else np.uint8
    )
    stream = Inflater(png.stream, header.length)
    for where, _, row_bytes in header.passes:
        _decode_pass(header, stream, row_bytes, samples[where])
    stream.finish()
    return _to_pixels(png, samples)


def read_header(file: IO[bytes]) -> tuple[Ihdr, bytes | None, bool]:
    """Read the chunk headers. Returns IHDR, the EXIF data, and whether there is a transparency chunk before the pixels.

    Raises ValueError if IHDR is invalid or there are too many chunks.
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
    exif, has_transparency, is_before_pixels, before = None, False, True, b""
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
        elif head == before and name == b"IDAT":
            file.seek(_last_of_equal_chunks(file, file.tell() - 8, head) + size + 12)
        else:
            file.seek(size + 4, os.SEEK_CUR)
        before = head
    raise _too_many_chunks()


def _last_of_equal_chunks(file: IO[bytes], position: int, head: bytes) -> int:
    """The position of the last of the chunks with this `head`, size and name, that follow each other from `position` on.

    libpng writes 8 KiB of pixels to a chunk: 490 chunks in a frame of 4 MB, of which this looks at 20.
    """
    step, reach, jump = int.from_bytes(head[:4], "big") + 12, 0, 1

    def is_at(place: int) -> bool:
        file.seek(position + place * step)
        return file.read(8) == head

    while is_at(reach + jump):
        reach, jump = reach + jump, 2 * jump
    while jump > 1:
        jump //= 2
        reach += jump if is_at(reach + jump) else 0
    return position + reach * step


def text_before_pixels(start: bytes, keyword: str) -> str | None:
    """The tEXt value of `keyword` in `start`, the first bytes of a file, if it is complete and before the pixels."""
    head, position = keyword.encode("latin-1") + b"\0", len(SIGNATURE)
    while position + 8 <= len(start):
        size, name = struct.unpack_from(">I4s", start, position)
        contents, position = position + 8, position + 12 + size
        if name == b"IDAT":
            return None
        if name == b"tEXt" and start.startswith(head, contents) and position <= len(start):
            return start[contents + len(head) : contents + size].decode("latin-1")
    return None


def _too_many_chunks() -> ValueError:
    return ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")


def is_whole(file: IO[bytes]) -> bool:
    """Whether all chunks from IHDR to IEND are complete, judged by their lengths.

    Reads the chunk headers, a few hundred bytes of a frame that this pack wrote, and compares the checksums of the first
    and the last chunk. Comparing those of the pixels would mean reading the whole file: skipping or resuming a sequence on
    a network disk would transfer gigabytes to find errors that loading reports anyway.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return False
    position = len(SIGNATURE)
    names: set[bytes] = set()
    count, head = 0, b""
    while position + 12 <= length and count < _MOST_CHUNKS:
        count += 1
        file.seek(position)
        before, head = head, file.read(8)
        size, name = struct.unpack(">I4s", head)
        if head == before and name == b"IDAT":
            position = _last_of_equal_chunks(file, position, head)
        end = position + 8 + size
        if not names and (name != b"IHDR" or size != 13):
            return False
        if size > _LARGEST or end + 4 > length or not name.isalpha():
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
    """Yield (name, contents) of every chunk up to IEND whose checksum is correct (5.3).

    Raises ValueError for a wrong checksum in a chunk that affects the pixels, and if the file is truncated.
    """
    position, crc32, view = len(SIGNATURE), inflate_engine().crc32, memoryview(data)
    for _ in range(_MOST_CHUNKS):
        if position + 12 > len(data):
            raise ValueError("it ends inside a chunk")
        length, name = struct.unpack_from(">I4s", data, position)
        shown, end = name.decode("latin-1"), position + 8 + length
        if not name.isalpha():  # letters of ASCII, as these are bytes
            raise ValueError(f"{shown!r} is not a valid chunk name")
        if length > _LARGEST or end + 4 > len(data):
            raise ValueError(f"it ends inside its {shown} chunk")
        (crc,) = struct.unpack_from(">I", data, end)
        if crc32(view[position + 4 : end]) == crc:
            yield name, view[position + 8 : end]
        # Either the contents or the name of a transparency chunk may be damaged. Without it the picture would be opaque.
        elif name[:1].isupper() or name == b"tRNS" or crc32(view[position + 8 : end], crc32(b"tRNS")) == crc:
            raise ValueError(f"the checksum of its {shown} chunk is wrong")
        if name == b"IEND":
            return
        position = end + 4
    raise _too_many_chunks()


def _parse(data: bytes, header: Ihdr) -> _Png:
    """Check the order and the contents of the chunks. Raises ValueError if the file cannot be decoded."""
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
    return _Png(header, first, [contents for name, contents in chunks if name == b"IDAT"])


def _check_order(names: list[bytes]) -> None:
    """Raise ValueError if the critical chunks are not in order (5.6), or one is missing, repeated or unknown."""
    if names[0] != b"IHDR" or names.count(b"IHDR") > 1:
        raise ValueError("its first chunk is not IHDR, or there is a second one")
    if b"IDAT" not in names:
        raise ValueError("it has no image data")
    first, count = names.index(b"IDAT"), names.count(b"IDAT")
    if set(names[first : first + count]) != {b"IDAT"}:
        raise ValueError("there are other chunks between its image data")
    if names.count(b"PLTE") > 1 or b"PLTE" in names[first:]:
        raise ValueError("it has two palettes, or one after the image data")
    for name in names:
        if name[:1].isupper() and name not in _CRITICAL:
            raise ValueError(f"its critical chunk {name.decode()} is unknown")


def _transparency(header: Ihdr, chunks: list[tuple[bytes, memoryview]], colours: int) -> bytes | None:
    """The contents of the first tRNS chunk (11.3.1.1), or None in all cases in which libpng ignores it.

    It must be before the image data, after the palette if there is one, and of the right length, with a palette at most
    as long as the palette. `colours`: the number of colours in the palette. Pictures with an alpha channel have no tRNS.
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


def _decode_pass(header: Ihdr, stream: Inflater, row_bytes: int, samples: Samples) -> None:
    """Read the rows of one pass, a block at a time, and write their samples, (rows, columns, channels).

    Raises ValueError if there are too few or one has an invalid filter type.
    """
    decoder = av.CodecContext.create("png", "r")
    decoder.thread_count = 1  # frames are decoded in parallel already
    above = bytes(row_bytes)
    at_once = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(samples), at_once):
        block = samples[start : start + at_once]
        rows = stream.read(len(block) * row_bytes)
        if (largest := max(rows[::row_bytes])) > _PAETH:
            raise ValueError(f"its row filter {largest} is invalid")
        stored = _remove_filters(decoder, header, row_bytes, above, rows)
        above = b"\0" + stored[-1].tobytes()
        block[:] = _samples(header, stored, block.shape[1])


def _remove_filters(decoder: Any, header: Ihdr, row_bytes: int, above: bytes, rows: bytes) -> ByteArray:
    """The bytes of `rows` without filters. `above`: the row above them, without a filter.

    FFmpeg gets a PNG with the same bytes per pixel; filters treat a byte with several samples like one sample.
    """
    pixel_bytes = max(1, header.pixel_bits // 8)
    colour_type, bit_depth = _SAME_FILTERS[pixel_bytes]
    width, height = (row_bytes - 1) // pixel_bytes, 1 + len(rows) // row_bytes
    ihdr = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    stream = chunk(b"IDAT", b"\x78\x01", *_stored(memoryview(above + rows)))  # FFmpeg looks for no checksum
    packet = av.Packet(b"".join((SIGNATURE, *chunk(b"IHDR", ihdr), *stream, *chunk(b"IEND"))))
    packet.is_keyframe = True  # otherwise FFmpeg adds it to the picture before
    (frame,) = decoder.decode(packet)
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[1:height, : row_bytes - 1]


def _stored(data: memoryview) -> Iterator[Any]:
    """The parts of a deflate stream that stores `data` uncompressed (RFC 1951, section 3.2.4)."""
    for start in range(0, len(data), _LARGEST_STORED):
        part = data[start : start + _LARGEST_STORED]
        is_last = start + len(part) == len(data)
        yield from (struct.pack("<BHH", is_last, len(part), len(part) ^ 0xFFFF), part)


def _samples(header: Ihdr, rows: ByteArray, columns: int) -> Samples:
    """The samples in unfiltered rows as they are stored, (rows, columns, channels)."""
    if header.bit_depth < 8:
        return _expand_bits(rows, header.bit_depth)[:, :columns, np.newaxis]
    return rows.view(">u2" if header.bit_depth == 16 else "u1").reshape(len(rows), columns, -1)


def _expand_bits(rows: ByteArray, bit_depth: int) -> ByteArray:
    """Samples of 1, 2 or 4 bits as one byte each, (rows, samples). The leftmost is in the high bits (7.2)."""
    shifts = np.array(range(8 - bit_depth, -1, -bit_depth), np.uint8)
    samples: ByteArray = (rows[..., np.newaxis] >> shifts) & np.uint8((1 << bit_depth) - 1)
    return samples.reshape(len(rows), -1)


def _to_pixels(png: _Png, samples: Samples) -> Pixels:
    """Apply the palette or the transparency key, and scale samples to 8 or 16 bits: (height, width, 1 to 4 channels)."""
    colour_type, bit_depth = png.header.colour_type, png.header.bit_depth
    transparency = png.chunks.get(b"tRNS")
    if colour_type == _PALETTE:
        return _look_up(samples[..., 0], png.chunks[b"PLTE"], transparency)
    alpha = None
    if transparency is not None and colour_type in (_GREY, _RGB):
        # Only the low bits of the key count, as many as a sample has (11.3.1.1).
        key = np.frombuffer(transparency, ">u2") & ((1 << bit_depth) - 1)
        opaque = (samples != key).any(axis=-1, keepdims=True)
        alpha = opaque * samples.dtype.type(np.iinfo(samples.dtype).max)
    if bit_depth < 8:
        samples = samples * np.uint8(255 // ((1 << bit_depth) - 1))
    return samples if alpha is None else np.concatenate([samples, alpha], axis=-1)


def _look_up(indices: Samples, palette: bytes, transparency: bytes | None) -> ByteArray:
    """The colours of `indices`, (height, width, 3 or 4). Those beyond the palette are opaque black.

    libpng and browsers do the same, and 11.2.2 allows it.
    """
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    colours = np.concatenate([colours, np.zeros((256 - len(colours), 3), np.uint8)])
    if transparency is not None:
        alpha = np.full((len(colours), 1), 255, np.uint8)
        alpha[: len(transparency), 0] = np.frombuffer(transparency, np.uint8)
        colours = np.concatenate([colours, alpha], axis=-1)
    pixels: ByteArray = colours[indices]
    return pixels
