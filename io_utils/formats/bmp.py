"""BMP files -> pixels: palettes, run lengths and bit fields of every layout, from OS/2's first header to Windows' fifth.

Read here and not by Pillow, which knows seven layouts of bit fields, lets runs of a damaged file leave the picture, and
shows what they left out as black. The format is described at
https://learn.microsoft.com/windows/win32/gdi/bitmap-storage, and its odd files by https://entropymine.com/jason/bmpsuite/.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadKindError
from .base import Extent, Format, Header, Pixels

_SIGNATURE = b"BM"

_FILE_HEADER = 14
_CORE, _INFO, _V3, _LARGEST = 12, 40, 56, 124  # sizes of the headers that follow it
_WINDOWS = (_INFO, 52, _V3, 108, _LARGEST)  # the others, of 16 to 64 bytes, are OS/2's second
_RGB, _RLE8, _RLE4, _BIT_FIELDS, _JPEG, _PNG, _ALPHA_BIT_FIELDS = range(7)
_END_OF_LINE, _END_OF_BITMAP, _STEP = 0, 1, 2  # behind a zero, in run lengths
# 1 us each: a noisy picture of 4 megapixels has fewer, one that is made to be slow has as many as it has bytes.
_MOST_CODES = 1 << 22
_NAMES = {_BIT_FIELDS: "Huffman", _JPEG: "JPEG or RLE24", _PNG: "PNG"}
_BITS = {
    _RGB: (1, 2, 4, 8, 16, 24, 32),
    _RLE8: (8,),
    _RLE4: (4,),
    _BIT_FIELDS: (16, 24, 32),
    _ALPHA_BIT_FIELDS: (16, 24, 32),
}
_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}  # where the file has none
_NO_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # bit fields without a bit: as Pillow and OpenCV take them


@dataclass(frozen=True)
class BmpHeader:
    """Both headers, and where what follows them is. `palette`: (offset, colours, bytes a colour)."""

    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]
    palette: tuple[int, int, int]
    offset: int

    @classmethod
    def read(cls, file: IO[bytes]) -> BmpHeader:
        """Of the file's start. ValueError if it is not a BMP file, or of a kind that is not read."""
        file.seek(0)
        start = file.read(_FILE_HEADER + _LARGEST)
        if not start.startswith(_SIGNATURE) or len(start) < _FILE_HEADER + _CORE:
            raise ValueError("it ends inside its header")
        offset, size = struct.unpack_from("<II", start, 10)
        if size != _CORE and not 16 <= size <= _LARGEST:
            raise ValueError(f"it has a header of {size} bytes, which BMP does not know")
        if len(start) < _FILE_HEADER + size:
            raise ValueError("it ends inside its header")
        fields = start[_FILE_HEADER : _FILE_HEADER + size].ljust(_LARGEST, b"\0")
        if size == _CORE:
            width, height, _, bits = struct.unpack_from("<HHHH", fields, 4)
            compression = used = 0
        else:
            width, height, _, bits, compression, _, _, _, used = struct.unpack_from("<iiHHIIiiI", fields, 4)
        if bits not in _BITS.get(compression, ()) or (compression > _RLE4 and size not in _WINDOWS):
            what = f"{_NAMES.get(compression, f'compression {compression}')} and {bits} bits a pixel"
            raise UnreadKindError(f"it is a BMP file with {what}, which is not read")
        if width < 1 or not height:
            raise ValueError(f"it says that it has {width} x {abs(height)} pixels")
        masks, behind = _masks(start, size, compression, bits)
        entry = 3 if size == _CORE else 4
        colours = min(used or 1 << bits, 1 << bits) if bits <= 8 else 0
        if offset > behind:
            colours = min(colours, (offset - behind) // entry)
        else:  # some programs write 0, or leave out the palette
            offset = behind + colours * entry
        return cls(width, abs(height), height < 0, bits, compression, masks, (behind, colours, entry), offset)

    @property
    def row_bytes(self) -> int:
        return (self.width * self.bits + 7) // 8

    @property
    def stride(self) -> int:
        """Bytes from one row to the next: rows are filled up to a multiple of four."""
        return -(-self.row_bytes // 4) * 4

    @property
    def is_packed(self) -> bool:
        return self.compression in (_RLE8, _RLE4)

    @property
    def end(self) -> int:
        """Where the pixels of a file end that is not packed. What fills up the last row may be missing."""
        return self.offset + self.stride * (self.height - 1) + self.row_bytes

    def require_room(self, length: int) -> None:
        """ValueError if a file of `length` bytes does not hold every row; of run lengths nobody knows beforehand."""
        if self.offset > length:
            raise ValueError("it ends before its pixels begin")
        if not self.is_packed and self.end > length:
            raise ValueError(f"it has {length:,} bytes instead of {self.end:,}")


def _masks(start: bytes, size: int, compression: int, bits: int) -> tuple[tuple[int, int, int, int], int]:
    """(the bits of red, green, blue and alpha in a pixel, where the palette or the pixels begin).

    `start`: of the file; `size`: of the second header.
    """
    if compression not in (_BIT_FIELDS, _ALPHA_BIT_FIELDS):
        return _MASKS.get(bits, (0, 0, 0, 0)), _FILE_HEADER + size
    count = 4 if compression == _ALPHA_BIT_FIELDS or size >= _V3 else 3
    if len(start) < _FILE_HEADER + _INFO + 4 * count:
        raise ValueError("it ends inside its header")
    red, green, blue, *alpha = struct.unpack_from(f"<{count}I", start, _FILE_HEADER + _INFO)
    masks = (red, green, blue, alpha[0] if alpha else 0)
    if any(mask >> bits for mask in masks):
        raise ValueError("its colours have bits that its pixels do not have")
    # The first header has no room for them: they follow it.
    return masks if any(masks) else _NO_MASKS, _FILE_HEADER + size + (4 * count if size == _INFO else 0)


def decode_bmp(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """(H, W, C) uint8, C = 1 (a palette of greys), 3 or 4 (bit fields with alpha, unassociated). ValueError if damaged.

    A field of n bits becomes 255 * value // (2^n - 1), as Pillow has it. Pixels that run lengths pass over have colour 0,
    indices beyond the palette are black.
    """
    header.require_room(len(data))
    if header.is_packed:
        indices = np.zeros((header.height, header.width), np.uint8)
        _followed(header, data, indices)
        return _looked_up(header, data, indices if header.top_down else indices[::-1])
    padded = header.end + header.stride - header.row_bytes
    rows = np.frombuffer(data[header.offset : padded].ljust(padded - header.offset, b"\0"), np.uint8)
    rows = rows.reshape(header.height, header.stride)[:, : header.row_bytes]
    if not header.top_down:
        rows = rows[::-1]
    if header.bits <= 8:
        shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
        indices = (rows[..., np.newaxis] >> shifts & np.uint8((1 << header.bits) - 1)).reshape(header.height, -1)
        return _looked_up(header, data, indices[:, : header.width])
    if header.bits == 24:
        return np.ascontiguousarray(rows.reshape(header.height, -1, 3)[..., ::-1])
    return _fields(header, np.ascontiguousarray(rows).view(f"<u{header.bits // 8}"))


def _fields(header: BmpHeader, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """The channels that the masks cut out of each pixel.

    Without alpha if that is 0 everywhere: programs that know none leave its bits empty, and nobody saves a picture of
    which nothing is to be seen. OpenImageIO and FFmpeg do the same.
    """
    channels = []
    for mask in header.masks if header.masks[3] else header.masks[:3]:
        if not mask:
            channels.append(np.zeros(pixels.shape, np.uint8))
            continue
        shift = (mask & -mask).bit_length() - 1
        largest = mask >> shift
        field: NDArray[Any] = pixels >> shift & largest
        channels.append((field if largest == 255 else field.astype(np.uint64) * 255 // largest).astype(np.uint8))
    return np.stack(channels if channels[-1].any() else channels[:3], axis=-1)


def _looked_up(header: BmpHeader, data: bytes, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    start, count, entry = header.palette
    stored = np.frombuffer(data[start : start + count * entry], np.uint8)
    colours = np.zeros((256, 3), np.uint8)
    stored = stored[: len(stored) // entry * entry].reshape(-1, entry)
    colours[: len(stored)] = stored[:, 2::-1]
    is_grey = (colours == colours[:, :1]).all()
    pixels: NDArray[np.uint8] = (colours[:, :1] if is_grey else colours)[indices]
    return pixels


def _followed(header: BmpHeader, data: bytes, indices: NDArray[np.uint8] | None) -> None:
    """Follow the run lengths, and write what they say into `indices`, (H, W), first row first.

    ValueError if a run leaves its row or the picture, or if the data end before the marker does that ends the bitmap.
    After the last pixel the marker may be missing. Some programs, ImageMagick among them, fill rows up to four bytes as in
    files without run lengths: a run that begins behind the last pixel may go on that far, and one of RLE4 to the end of
    the byte that has the last pixel.
    """
    width, height = header.width, header.height
    byte_end, padded = header.row_bytes * 8 // header.bits, header.stride * 8 // header.bits
    column = row = 0
    for count, value, packed in _codes(data, header.offset, header.compression == _RLE4):
        if count:  # pixels
            if row >= height or column + count > (byte_end if column < width else padded):
                raise ValueError("its run lengths leave the picture")
            if indices is not None and column < width:
                run = np.frombuffer(packed, np.uint8)
                if header.compression == _RLE4:
                    run = np.stack([run >> 4, run & 15], axis=-1).reshape(-1)
                indices[row, column : column + count] = np.resize(run, count)[: width - column]
            column += count
        elif value == _END_OF_BITMAP:
            return
        elif value == _END_OF_LINE:
            column, row = 0, row + 1
        else:
            column, row = column + packed[0], row + packed[1]
        if column > padded or row > height:
            raise ValueError("its run lengths leave the picture")
    if row < height - 1 or (row == height - 1 and column < width):
        raise ValueError("its run lengths end before its picture does")


def _codes(data: bytes, position: int, nibbles: bool) -> Iterator[tuple[int, int, bytes]]:
    """(how many pixels, 0, what they are made of) of each run, (0, which, its two bytes if it is a step) of each mark.

    Up to the end of the bitmap, or of the data.
    """
    for _ in range(_MOST_CODES):
        if position + 2 > len(data):
            return
        count, value = data[position], data[position + 1]
        position += 2
        if count:
            yield count, 0, bytes([value])
            continue
        size = 0
        if value == _STEP:
            size = 2
        elif value > _STEP:  # so many pixels as they are, filled up to two bytes
            size = (value + 1) // 2 if nibbles else value
        packed = data[position : position + size]
        if len(packed) < size:
            return
        position += size + size % 2
        yield (value, 0, packed) if value > _STEP else (0, value, packed)
        if value == _END_OF_BITMAP:
            return
    raise ValueError(f"it has more than {_MOST_CODES:,} run lengths; convert it to PNG")


class _Bmp(Format[BmpHeader]):
    name = "BMP"
    extensions = (".bmp",)
    signatures = (_SIGNATURE,)
    media_type = "image/bmp"
    largest_side = 2**31 - 1  # signed integers of 32 bits: BITMAPINFOHEADER

    def is_foreign(self, start: bytes) -> bool:
        """Texts begin with BM as well. In a BMP file the reserved fields are 0, and the header's size is a known one."""
        size = int.from_bytes(start[14:18], "little")
        return len(start) < 18 or start[6:10] != bytes(4) or not (size == _CORE or 16 <= size <= _LARGEST)

    def read_header(self, file: IO[bytes]) -> Header[BmpHeader]:
        header = BmpHeader.read(file)
        return Header((Extent(header.width, header.height),), header, may_have_alpha=bool(header.masks[3]))

    def decode(self, data: bytes, header: Header[BmpHeader], at_least: int | None = None) -> Pixels:
        return decode_bmp(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Is there every row? By the header and the file's length; run lengths are followed to the end of the bitmap."""
        length = file.seek(0, os.SEEK_END)
        try:
            header = BmpHeader.read(file)
            header.require_room(length)
            if header.is_packed:
                file.seek(0)
                _followed(header, file.read(), None)
        except ValueError:
            return False
        return True


BMP = _Bmp()
