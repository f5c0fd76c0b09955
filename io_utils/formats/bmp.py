"""BMP: decodes palettes, run lengths and bit fields of every layout, from OS/2's first header to Windows' fifth.

Pillow supports seven layouts of bit fields only, and in damaged files it lets runs leave the picture and shows missing
pixels as black. Format: https://learn.microsoft.com/windows/win32/gdi/bitmap-storage; unusual files:
https://entropymine.com/jason/bmpsuite/.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedFileError
from .base import ByteArray, Extent, Format, Header, Pixels, Stored

_SIGNATURE = b"BM"

_FILE_HEADER = 14
_CORE, _INFO, _V3, _LARGEST = 12, 40, 56, 124  # sizes of the second header, which follows it
_WINDOWS = (_INFO, 52, _V3, 108, _LARGEST)  # other sizes from 16 to 64 bytes are OS/2's second version
_RGB, _RLE8, _RLE4, _BIT_FIELDS, _JPEG, _PNG, _ALPHA_BIT_FIELDS = range(7)
_END_OF_LINE, _END_OF_BITMAP, _STEP = 0, 1, 2  # after a zero, in run lengths
# 1 us each. A noisy picture of 4 megapixels has fewer; a malicious file has as many as it has bytes.
_MOST_CODES = 1 << 22
_NAMES = {_BIT_FIELDS: "Huffman", _JPEG: "JPEG or RLE24", _PNG: "PNG"}
_BITS = {
    _RGB: (1, 2, 4, 8, 16, 24, 32),
    _RLE8: (8,),
    _RLE4: (4,),
    _BIT_FIELDS: (16, 24, 32),
    _ALPHA_BIT_FIELDS: (16, 24, 32),
}
_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}  # if the file has none
_NO_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # if all masks in the file are 0, as in Pillow and OpenCV


@dataclass(frozen=True)
class BmpHeader:
    """Both headers, and the positions of the palette and the pixels in the file."""

    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]  # the bits of red, green, blue and alpha in a pixel
    palette: tuple[int, int, int]  # offset, number of colours, bytes per colour
    offset: int  # of the pixels

    @classmethod
    def read(cls, file: IO[bytes]) -> BmpHeader:
        """Parse both headers. Raises ValueError if they are invalid, UnsupportedFileError if the variety is not supported."""
        file.seek(0)
        start = file.read(_FILE_HEADER + _LARGEST)
        if not start.startswith(_SIGNATURE) or len(start) < _FILE_HEADER + _CORE:
            raise ValueError("it ends inside its header")
        offset, size = struct.unpack_from("<II", start, 10)
        if size != _CORE and not 16 <= size <= _LARGEST:
            raise ValueError(f"its header has an invalid size of {size} bytes")
        if len(start) < _FILE_HEADER + size:
            raise ValueError("it ends inside its header")
        fields = start[_FILE_HEADER : _FILE_HEADER + size].ljust(_LARGEST, b"\0")
        if size == _CORE:
            width, height, _, bits = struct.unpack_from("<HHHH", fields, 4)
            compression = used = 0
        else:
            width, height, _, bits, compression, _, _, _, used = struct.unpack_from("<iiHHIIiiI", fields, 4)
        if bits not in _BITS.get(compression, ()) or (compression > _RLE4 and size not in _WINDOWS):
            what = f"{_NAMES.get(compression, f'compression {compression}')} and {bits} bits per pixel"
            raise UnsupportedFileError(f"it is a BMP file with {what}, which is not supported")
        if width < 1 or not height:
            raise ValueError(f"its header declares {width} x {abs(height)} pixels")
        masks, headers_end = _masks(start, size, compression, bits)
        entry = 3 if size == _CORE else 4
        colours = min(used or 1 << bits, 1 << bits) if bits <= 8 else 0
        if offset > headers_end:
            colours = min(colours, (offset - headers_end) // entry)
        else:  # some programs write 0, or an offset that leaves no room for the palette
            offset = headers_end + colours * entry
        return cls(width, abs(height), height < 0, bits, compression, masks, (headers_end, colours, entry), offset)

    @property
    def row_bytes(self) -> int:
        return (self.width * self.bits + 7) // 8

    @property
    def stride(self) -> int:
        """Bytes from one row to the next: rows are padded to a multiple of four."""
        return -(-self.row_bytes // 4) * 4

    @property
    def is_run_length_encoded(self) -> bool:
        return self.compression in (_RLE8, _RLE4)

    @property
    def end(self) -> int:
        """The end of uncompressed pixels in the file. The padding of the last row may be missing."""
        return self.offset + self.stride * (self.height - 1) + self.row_bytes

    def require_room(self, length: int) -> None:
        """Raise ValueError if a file of `length` bytes is too short for all rows. Run lengths have no fixed length."""
        if self.offset > length:
            raise ValueError("it ends before its pixels begin")
        if not self.is_run_length_encoded and self.end > length:
            raise ValueError(f"it has {length:,} bytes instead of {self.end:,}")


def _masks(start: bytes, size: int, compression: int, bits: int) -> tuple[tuple[int, int, int, int], int]:
    """The bits of red, green, blue and alpha in a pixel, and the end of the headers and masks in the file.

    start: the first bytes of the file
    size: of the second header

    Raises ValueError if the masks are truncated or have bits outside of a pixel.
    """
    if compression not in (_BIT_FIELDS, _ALPHA_BIT_FIELDS):
        return _MASKS.get(bits, (0, 0, 0, 0)), _FILE_HEADER + size
    count = 4 if compression == _ALPHA_BIT_FIELDS or size >= _V3 else 3
    if len(start) < _FILE_HEADER + _INFO + 4 * count:
        raise ValueError("it ends inside its header")
    red, green, blue, *alpha = struct.unpack_from(f"<{count}I", start, _FILE_HEADER + _INFO)
    masks = (red, green, blue, alpha[0] if alpha else 0)
    if any(mask >> bits for mask in masks):
        raise ValueError(f"its colour masks exceed {bits} bits")
    # The shortest Windows header has no fields for masks: they follow it.
    return masks if any(masks) else _NO_MASKS, _FILE_HEADER + size + (4 * count if size == _INFO else 0)


def decode_bmp(data: bytes, header: BmpHeader) -> ByteArray:
    """Decode to (height, width, channels) uint8: 1 for a grey palette, 3, or 4 for bit fields with unassociated alpha.

    A field of n bits becomes 255 * value // (2^n - 1), as in Pillow. Pixels that run lengths skip have palette index 0;
    indices beyond the palette are black. Raises ValueError for damaged files.
    """
    header.require_room(len(data))
    if header.is_run_length_encoded:
        indices = np.zeros((header.height, header.width), np.uint8)
        _decode_runs(header, data, indices)
        return _look_up(header, data, indices if header.top_down else indices[::-1])
    padded = header.end + header.stride - header.row_bytes
    rows = np.frombuffer(data[header.offset : padded].ljust(padded - header.offset, b"\0"), np.uint8)
    rows = rows.reshape(header.height, header.stride)[:, : header.row_bytes]
    if not header.top_down:
        rows = rows[::-1]
    if header.bits <= 8:
        shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
        indices = (rows[..., np.newaxis] >> shifts & np.uint8((1 << header.bits) - 1)).reshape(header.height, -1)
        return _look_up(header, data, indices[:, : header.width])
    if header.bits == 24:
        return np.ascontiguousarray(rows.reshape(header.height, -1, 3)[..., ::-1])
    return _split_fields(header, np.ascontiguousarray(rows).view(f"<u{header.bits // 8}"))


def _split_fields(header: BmpHeader, pixels: NDArray[Any]) -> ByteArray:
    """The channels of integer pixels, (height, width), according to the masks: (height, width, 3 or 4).

    Alpha that is 0 everywhere is dropped: programs that do not support alpha leave its bits 0, and nobody saves an
    invisible picture. OpenImageIO and FFmpeg do the same.
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


def _look_up(header: BmpHeader, data: bytes, indices: ByteArray) -> ByteArray:
    """The palette colours of `indices`, (height, width, 3), or 1 channel if the palette is grey."""
    colours = _palette(io.BytesIO(data), header)
    pixels: ByteArray = (colours[:, :1] if _is_grey(colours) else colours)[indices]
    return pixels


def _palette(file: IO[bytes], header: BmpHeader) -> ByteArray:
    """The colours of all 256 indices, (256, 3). Those that the file lacks are black."""
    start, count, entry = header.palette
    file.seek(start)
    stored = np.frombuffer(file.read(count * entry), np.uint8)
    colours = np.zeros((256, 3), np.uint8)
    stored = stored[: len(stored) // entry * entry].reshape(-1, entry)
    colours[: len(stored)] = stored[:, 2::-1]
    return colours


def _is_grey(colours: ByteArray) -> bool:
    return bool((colours == colours[:, :1]).all())


def _decode_runs(header: BmpHeader, data: bytes, indices: ByteArray | None) -> None:
    """Decode run lengths into `indices`, (height, width) in the order of the file, or only check them if it is None.

    Raises ValueError if a run leaves its row or the picture, or if the data end before the picture does. The end marker
    may be missing after the last pixel. ImageMagick and others pad rows to four bytes as in uncompressed files, so a run
    that starts after the last pixel may reach that far, and an RLE4 run to the end of the byte with the last pixel.
    """
    width, height = header.width, header.height
    byte_end, padded = header.row_bytes * 8 // header.bits, header.stride * 8 // header.bits
    column = row = 0
    for count, escape, packed in _runs(data, header.offset, header.compression == _RLE4):
        if count:  # pixels
            if row >= height or column + count > (byte_end if column < width else padded):
                raise ValueError("its run lengths leave the picture")
            if indices is not None and column < width:
                run = np.frombuffer(packed, np.uint8)
                if header.compression == _RLE4:
                    run = np.stack([run >> 4, run & 15], axis=-1).reshape(-1)
                indices[row, column : column + count] = np.resize(run, count)[: width - column]
            column += count
        elif escape == _END_OF_BITMAP:
            return
        elif escape == _END_OF_LINE:
            column, row = 0, row + 1
        else:
            column, row = column + packed[0], row + packed[1]
        if column > padded or row > height:
            raise ValueError("its run lengths leave the picture")
    if row < height - 1 or (row == height - 1 and column < width):
        raise ValueError("its run lengths end before its picture does")


def _runs(data: bytes, position: int, nibbles: bool) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number of pixels, 0, their bytes) for each run and (0, escape code, the two bytes of a step) for each escape.

    Stops at the end of the bitmap or of the data. Raises ValueError if there are more than `_MOST_CODES`.
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
        elif value > _STEP:  # literal pixels, padded to two bytes
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
        """Whether the reserved fields are not 0 or the size of the header is invalid. Text can start with BM, too."""
        size = int.from_bytes(start[14:18], "little")
        return len(start) < 18 or start[6:10] != bytes(4) or not (size == _CORE or 16 <= size <= _LARGEST)

    def read_header(self, file: IO[bytes]) -> Header[BmpHeader]:
        header = BmpHeader.read(file)
        has_alpha = bool(header.masks[3])
        is_grey = header.bits <= 8 and _is_grey(_palette(file, header))
        stored = Stored(1 if is_grey else 3 + has_alpha, 8)
        return Header((Extent(header.width, header.height),), header, stored, may_have_alpha=has_alpha)

    def decode(self, data: bytes, header: Header[BmpHeader], at_least: int | None = None) -> Pixels:
        return decode_bmp(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether all rows are present, judged by the length of the file; run lengths are decoded to the end of the bitmap."""
        length = file.seek(0, os.SEEK_END)
        try:
            header = BmpHeader.read(file)
            header.require_room(length)
            if header.is_run_length_encoded:
                file.seek(0)
                _decode_runs(header, file.read(), None)
        except ValueError:
            return False
        return True


BMP = _Bmp()
