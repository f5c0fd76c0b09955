"""OpenEXR: FFmpeg decodes and encodes the pixels; this module adds the checks that it omits.

Values are linear and alpha is associated in the file. Layout: https://openexr.com/en/latest/OpenEXRFileLayout.html. FFmpeg
leaves a block black if it cannot decode it, and reports nothing. So every block is checked before it is decoded, and black
blocks are checked again afterwards.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedFileError
from .base import AnyPixels, Extent, Format, Header, Pixels
from .pixels import unassociated
from .zlib_engines import inflated

_MAGIC = b"v/1\x01"
_REMEDY = "save it as one plain picture: version 2, one part, one level"
_TILED, _UNSUPPORTED = 0x200, {0x800: "deep data", 0x1000: "several parts"}  # flags in the version field
# The attributes that are read, and their largest size in bytes; a channel takes 18 bytes or more. Others may have any
# size: a Cryptomatte manifest has several MB. Real files have tens of attributes. The limits protect against malicious files.
_ATTRIBUTE_BYTES = {"channels": 1 << 22, "compression": 1, "dataWindow": 16, "displayWindow": 16, "tiles": 9}
_MOST_ATTRIBUTES = 1 << 16
_LONGEST_NAME = 256  # 255 characters and the zero that ends it
# Compressions by number, and the rows of a block. FFmpeg 8 decodes DWA incorrectly: if the file has alpha or Z, values are
# off by thousands, and some blocks stay black.
_COMPRESSIONS = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_BLOCK_ROWS = {"none": 1, "RLE": 1, "ZIPS": 1, "ZIP": 16, "PIZ": 32, "PXR24": 16, "B44": 32, "B44A": 32}
_BLOCK_ROWS |= {"DWAA": 32, "DWAB": 256}
_NOT_DECODED = ("DWAA", "DWAB")
# Their damage is found before decoding, from the length of a block or the checksum of zlib.
_VERIFIED = ("none", "ZIPS", "ZIP")
_UINT, _HALF, _FLOAT = range(3)
_SAMPLE_BYTES = {_UINT: 4, _HALF: 2, _FLOAT: 4}
_UNWRITTEN = 0xFF  # a sample of such bytes is NaN, in half and in float


class Block(NamedTuple):
    """A block of scan lines or a tile."""

    position: tuple[int, ...]  # as in the block's own header: (y,), or (column, row, 0, 0) of a tile
    rows: slice  # relative to the data window
    columns: slice
    uncompressed_bytes: int


@dataclass(frozen=True)
class ExrHeader:
    """The header of a single-part EXR file. Windows are (x min, y min, x max, y max), inclusive."""

    channels: dict[str, tuple[int, int, int]]  # name -> sample type, sampling in x, in y
    compression: str  # its name, or its number if it is unknown
    data_window: tuple[int, int, int, int]
    display_window: tuple[int, int, int, int]
    tile: tuple[int, int] | None
    window_offsets: tuple[int, int]  # of the data window and the display window in the file
    type_offset: int | None  # of the name of the attribute "type" in the file, if there is one
    table: int  # offset of the table of block offsets
    unsupported: str  # unsupported features; if not empty, `table` is not valid

    @classmethod
    def read(cls, file: IO[bytes]) -> ExrHeader:
        """Parse a header. Raises ValueError if it is damaged, UnsupportedFileError if its version or tiles are not supported."""
        file.seek(0)
        start = file.read(8)
        if start[:4] != _MAGIC or len(start) < 8:
            raise ValueError("it is not an EXR file")
        (version,) = struct.unpack_from("<I", start, 4)
        if version & 0xFF != 2:
            raise UnsupportedFileError(f"EXR files of version {version & 0xFF} are not supported", _REMEDY)
        offsets, attributes, type_offset, table = _read_attributes(file)
        try:
            number = attributes["compression"][0]
            return cls(
                _parse_channels(attributes["channels"]),
                _COMPRESSIONS[number] if number < len(_COMPRESSIONS) else f"number {number}",
                struct.unpack("<4i", attributes["dataWindow"]),
                struct.unpack("<4i", attributes["displayWindow"]),
                _parse_tile(attributes["tiles"]) if version & _TILED else None,
                (offsets["dataWindow"], offsets["displayWindow"]),
                type_offset,
                table,
                " and ".join(what for flag, what in _UNSUPPORTED.items() if version & flag),
            )
        except (KeyError, IndexError, struct.error) as error:
            raise ValueError(f"its header is damaged: {error}") from error

    @property
    def size(self) -> Extent:
        """The extent of the picture, which is the display window. The data window may cover another area."""
        return _window_extent(self.display_window)

    @property
    def data_size(self) -> Extent:
        """The extent of the data window."""
        return _window_extent(self.data_window)

    def require_readable(self) -> None:
        """Raise UnsupportedFileError unless it has grey or RGB, with or without alpha, in a supported compression."""
        if self.unsupported:
            raise UnsupportedFileError(f"EXR files with {self.unsupported} are not supported", _REMEDY)
        names = self.picture_channels
        if not names:
            raise UnsupportedFileError(
                f"it has no channels R, G, B or Y, but {', '.join(self.channels) or 'none'}",
                "save its colour as R, G and B",
            )
        sample_types = {self.channels[name][0] for name in names}
        if sample_types not in ({_HALF}, {_FLOAT}) or any(channel[1:] != (1, 1) for channel in self.channels.values()):
            raise UnsupportedFileError(
                "its channels are not all half or all float, or differ in size", "save all as half or all as float"
            )
        if self.compression not in _BLOCK_ROWS or self.compression in _NOT_DECODED:
            raise UnsupportedFileError(
                f"its compression, {self.compression}, is not supported", "save it with ZIP or PIZ compression"
            )

    @property
    def picture_channels(self) -> list[str]:
        """The channels of the picture: R, G, B or Y, and A. Empty if there is no colour."""
        colour = next((names for names in ("RGB", "Y") if set(names) <= set(self.channels)), "")
        return [*colour, *("A" if colour and "A" in self.channels else "")]

    def blocks(self) -> Iterator[Block]:
        """Yield every block in the order of the table."""
        width, height = self.data_size
        if self.tile is None:
            step = _BLOCK_ROWS[self.compression]
            for top in range(0, height, step):
                rows, columns = slice(top, min(top + step, height)), slice(0, width)
                yield Block((self.data_window[1] + top,), rows, columns, self._uncompressed_bytes(rows, columns))
        else:
            across, down = self.tile
            for y, x in np.ndindex(-(-height // down), -(-width // across)):
                rows = slice(y * down, min((y + 1) * down, height))
                columns = slice(x * across, min((x + 1) * across, width))
                yield Block((x, y, 0, 0), rows, columns, self._uncompressed_bytes(rows, columns))

    @property
    def block_count(self) -> int:
        width, height = self.data_size
        if self.tile is None:
            return -(-height // _BLOCK_ROWS[self.compression])
        return -(-height // self.tile[1]) * -(-width // self.tile[0])

    def _uncompressed_bytes(self, rows: slice, columns: slice) -> int:
        pixels = int(rows.stop - rows.start) * int(columns.stop - columns.start)
        return pixels * sum(_SAMPLE_BYTES[sample_type] for sample_type, _, _ in self.channels.values())


def encode_exr(pixels: AnyPixels) -> bytes:
    """Return `pixels` as the bytes of a ZIP-compressed EXR file.

    pixels: (height, width, 1, 3 or 4 channels) float32 or float16, alpha unassociated

    Grey becomes the channel Y. Colour is multiplied by alpha, as the format requires, and lost where alpha is 0:
    https://openexr.com/en/latest/TechnicalIntroduction.html#premultiplied-vs-un-premultiplied-color-channels. Without
    alpha, the file has exactly the values of `pixels`.
    """
    height, width, channels = pixels.shape
    if channels == 4:
        pixels = _associated(pixels)
    name, order = {1: ("grayf32le", [0]), 3: ("gbrpf32le", [1, 2, 0]), 4: ("gbrapf32le", [1, 2, 0, 3])}[channels]
    frame = av.VideoFrame(width, height, name)
    for plane, channel in zip(frame.planes, order):
        rows = np.frombuffer(memoryview(plane), "<f4").reshape(-1, plane.line_size // 4)
        rows[:height, :width] = pixels[..., channel]
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, name, Fraction(1, 1)
    encoder.thread_count = 1  # frames are encoded in parallel already
    encoder.options = {"format": "half" if pixels.dtype == np.float16 else "float", "compression": "zip16"}
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def decode_exr(file: bytes, header: ExrHeader) -> NDArray[np.float32]:
    """Decode the display window to (height, width, 1 to 4 channels) float32; black and transparent outside the data.

    Alpha is unassociated: colour is divided by it, except where alpha is 0 (emission without coverage, such as a glow) or
    not finite. `header` is that of `file`, and has passed `require_readable`. Raises ValueError for damaged files.
    """
    data = bytearray(file)
    _check_blocks(header, data)
    _simplify_header(header, data)
    pixels = _decode_data_window(header, bytes(data))
    return _display_window(header, unassociated(pixels) if "A" in header.picture_channels else pixels)


def _associated(pixels: AnyPixels) -> AnyPixels:
    """Multiply colour by alpha in float32, and round once to the dtype. Colour becomes 0 where alpha is 0, even if NaN."""
    colour, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32)
    with np.errstate(all="ignore"):  # infinities and subnormal numbers
        colour = np.where(alpha == 0, np.float32(0), colour * alpha)
        return np.concatenate([colour, alpha], axis=-1).astype(pixels.dtype)


def _read_attributes(file: IO[bytes]) -> tuple[dict[str, int], dict[str, bytes], int | None, int]:
    """The offsets of the attributes in _ATTRIBUTE_BYTES, their values, the offset of the name "type", the header's end.

    Raises ValueError if the header is truncated or damaged.
    """
    size = file.seek(0, os.SEEK_END)
    offsets: dict[str, int] = {}
    values: dict[str, bytes] = {}
    type_offset, position = None, 8
    for _ in range(_MOST_ATTRIBUTES):
        file.seek(position)
        head = file.read(2 * _LONGEST_NAME + 4)
        if head[:1] == b"\0":
            return offsets, values, type_offset, position + 1
        name_end = head.find(b"\0")
        type_end = head.find(b"\0", name_end + 1)
        if name_end < 0 or type_end < 0 or type_end + 5 > len(head):
            raise ValueError(
                "it ends inside its header" if len(head) < 2 * _LONGEST_NAME + 4 else "its header is damaged"
            )
        (length,) = struct.unpack_from("<I", head, type_end + 1)
        name, start = head[:name_end].decode("latin-1"), position + type_end + 5
        if start + length >= size:
            raise ValueError("it ends inside its header")
        if name == "type":
            type_offset = position
        if name in _ATTRIBUTE_BYTES:
            if length > _ATTRIBUTE_BYTES[name]:
                raise ValueError(f"its header is damaged: {name} has {length:,} bytes")
            file.seek(start)
            offsets[name], values[name] = start, file.read(length)
        position = start + length
    raise ValueError(f"its header has more than {_MOST_ATTRIBUTES:,} attributes")


def _parse_channels(data: bytes) -> dict[str, tuple[int, int, int]]:
    """The attribute "channels": name -> sample type, sampling in x, in y. Raises ValueError for an unknown type."""
    channels, position = {}, 0
    while data[position]:
        end = data.index(b"\0", position)
        sample_type, _, across, down = struct.unpack_from("<IIii", data, end + 1)
        if sample_type not in _SAMPLE_BYTES or across < 1 or down < 1:
            raise ValueError("its header is damaged: unknown channel type")
        channels[data[position:end].decode("latin-1")] = sample_type, across, down
        position = end + 17
    return channels


def _parse_tile(data: bytes) -> tuple[int, int]:
    """The attribute "tiles": width and height of a tile. Raises UnsupportedFileError if there are several levels."""
    across, down, levels = struct.unpack("<IIB", data)
    if levels & 0xF or not across or not down:
        raise UnsupportedFileError("EXR files with several levels of detail are not supported", _REMEDY)
    return across, down


def _window_extent(window: tuple[int, int, int, int]) -> Extent:
    return Extent(window[2] - window[0] + 1, window[3] - window[1] + 1)


def _block_offsets(header: ExrHeader, data: bytearray) -> list[int]:
    """The table of block offsets. Raises ValueError if it is truncated."""
    end = header.table + 8 * header.block_count
    if end > len(data):
        raise ValueError("it ends before its blocks")
    return [int(offset) for offset in np.frombuffer(data[header.table : end], "<u8")]


def _read_block(header: ExrHeader, data: bytearray, offset: int) -> tuple[tuple[int, ...], memoryview]:
    """The position in the header of the block at `offset`, and its contents. Raises ValueError if it is truncated."""
    form = "<iI" if header.tile is None else "<4iI"
    start = offset + struct.calcsize(form)
    if not header.table < offset <= len(data) or start > len(data):
        raise ValueError("it is truncated: a block is missing")
    *position, length = struct.unpack_from(form, data, offset)
    if start + length > len(data):
        raise ValueError("it ends inside a block")
    return tuple(position), memoryview(data)[start : start + length]


def _check_blocks(header: ExrHeader, data: bytearray) -> None:
    """Raise ValueError if a block is missing, misplaced or truncated, or if its checksum or run lengths are wrong."""
    for offset, block in zip(_block_offsets(header, data), header.blocks()):
        position, contents = _read_block(header, data, offset)
        if position != block.position:
            raise ValueError(f"instead of block {block.position} it has block {position}")
        is_shorter = len(contents) < block.uncompressed_bytes
        if not 0 < len(contents) <= block.uncompressed_bytes or (header.compression == "none" and is_shorter):
            raise ValueError(f"block {position} has {len(contents)} bytes")
        if header.compression in ("ZIP", "ZIPS") and is_shorter:
            inflated(bytes(contents), block.uncompressed_bytes)
        if header.compression == "RLE" and is_shorter and _run_length_bytes(contents) != block.uncompressed_bytes:
            raise ValueError(f"block {position} is damaged")


def _run_length_bytes(contents: memoryview) -> int:
    """The number of bytes that run-length-encoded `contents` decode to, -1 if they end inside a run.

    Checked here because FFmpeg accepts too few bytes. A signed byte n is followed by -n literal bytes, or by one byte that
    is repeated n + 1 times (OpenEXRCore, internal_rle.c).
    """
    position = total = 0
    while position < len(contents):
        count = contents[position]
        literal = count > 127
        total += 256 - count if literal else count + 1
        position += 1 + (256 - count if literal else 1)
    return total if position == len(contents) else -1


def _simplify_header(header: ExrHeader, data: bytearray) -> None:
    """Change the header in `data` where FFmpeg 8 fails and OpenEXR does not.

    Both windows become the data window, moved to 0, 0: FFmpeg crops other windows incorrectly. The attribute "type" is
    renamed: in a single-part file the version flags decide, and OpenEXR ignores a "type" that contradicts them.
    """
    width, height = header.data_size
    for offset in header.window_offsets:
        struct.pack_into("<4i", data, offset, 0, 0, width - 1, height - 1)
    if header.type_offset is not None:
        data[header.type_offset : header.type_offset + 1] = b"T"  # "Type", which FFmpeg ignores
    if header.tile is None:  # tile positions are relative to the data window already
        for offset, block in zip(_block_offsets(header, data), header.blocks()):
            struct.pack_into("<i", data, offset, block.position[0] - header.data_window[1])


def _decode_data_window(header: ExrHeader, data: bytes) -> NDArray[np.float32]:
    """Decode the data window to (height, width, channels) float32. Raises ValueError if FFmpeg fails on a block."""
    decoder = av.CodecContext.create("exr", "r")
    decoder.thread_count = 1  # frames are decoded in parallel already
    packet = av.Packet(data)
    frame = _decode_by_ffmpeg(decoder, packet, header)
    pixels = _frame_pixels(frame)
    black = [] if header.compression in _VERIFIED else _black_blocks(header, pixels)
    if not black:
        return pixels
    # A black block may be one that FFmpeg could not decode: it reports nothing then and leaves the memory as it was. Decoders
    # reuse frames (libavutil, AVBufferPool), so this frame is filled with NaN and the file decoded again into the same
    # memory. Blocks that still have NaN were not decoded.
    memory = [plane.buffer_ptr for plane in frame.planes]
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = _UNWRITTEN
    del frame, plane
    frame = _decode_by_ffmpeg(decoder, packet, header)
    if [plane.buffer_ptr for plane in frame.planes] != memory:
        raise ValueError("its black blocks cannot be distinguished from damaged ones")
    pixels = _frame_pixels(frame)
    for block in black:
        if np.isnan(pixels[block.rows, block.columns]).any():
            raise ValueError(f"block {block.position} is damaged")
    return pixels


def _decode_by_ffmpeg(decoder: av.VideoCodecContext, packet: av.Packet[Any], header: ExrHeader) -> av.VideoFrame:
    """The frame, as large as the data window. Raises ValueError if FFmpeg cannot decode the file."""
    try:
        frames = decoder.decode(packet)
    except av.error.FFmpegError as error:
        raise ValueError("FFmpeg cannot read it") from error
    if not frames or (frames[0].width, frames[0].height) != header.data_size:
        raise ValueError("FFmpeg cannot read it")
    return frames[0]


def _black_blocks(header: ExrHeader, pixels: NDArray[np.float32]) -> list[Block]:
    """The blocks that are completely 0."""
    return [block for block in header.blocks() if not (pixels[block.rows, block.columns] != 0).any()]


def _display_window(header: ExrHeader, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crop the pixels of the data window to the display window, and pad them with zeros."""
    if header.data_window == header.display_window:
        return pixels
    width, height = header.size
    right = header.data_window[0] - header.display_window[0]
    down = header.data_window[1] - header.display_window[1]
    shown = np.zeros((height, width, pixels.shape[-1]), np.float32)
    part = pixels[max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)]
    shown[max(0, down) :, max(0, right) :][: part.shape[0], : part.shape[1]] = part
    return shown


def _frame_pixels(frame: av.VideoFrame) -> NDArray[np.float32]:
    """The samples of a half or float frame, (height, width, channels): planar GBR or GBRA, packed grey or grey and alpha."""
    name = frame.format.name
    dtype = np.dtype("<f4" if "f32" in name else "<f2")
    if not name.endswith(("f32le", "f16le")):
        raise ValueError(f"its samples are neither half nor float ({name})")
    planes = [np.frombuffer(memoryview(plane), dtype) for plane in frame.planes]
    rows = [
        samples.reshape(-1, plane.line_size // dtype.itemsize)[: frame.height]
        for samples, plane in zip(planes, frame.planes)
    ]
    if len(rows) == 1:
        channels = 2 if name.startswith("ya") else 1
        grey = rows[0][:, : frame.width * channels].reshape(frame.height, frame.width, channels)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            return grey.astype(np.float32)
    green, blue, red, *alpha = (row[:, : frame.width] for row in rows)
    with np.errstate(invalid="ignore"):
        return np.stack([red, green, blue, *alpha], axis=-1, dtype=np.float32)


class _Exr(Format[ExrHeader]):
    name = "EXR"
    extensions = (".exr",)
    signatures = (_MAGIC,)
    is_linear = True
    depths = (np.float16, np.float32)
    channels = (1, 3, 4)
    # FFmpeg's limit for a height of 1: (width + 128) * (height + 128) < 2^28 (av_image_check_size2 in libavutil/imgutils.c).
    # The format itself has 32-bit window corners.
    largest_side = 2_080_767

    def read_header(self, file: IO[bytes]) -> Header[ExrHeader]:
        header = ExrHeader.read(file)
        header.require_readable()
        return Header((header.size, header.data_size), header, may_have_alpha="A" in header.picture_channels)

    def decode(self, data: bytes, header: Header[ExrHeader], at_least: int | None = None) -> Pixels:
        return decode_exr(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether every block in the offset table has its header where it should be and ends inside the file.

        Reads 8 to 20 bytes of each block: 68 blocks in a ZIP frame of 1080 rows. Files with unsupported features (deep
        data, several parts) count as whole if their header is complete.
        """
        size = file.seek(0, os.SEEK_END)
        try:
            header = ExrHeader.read(file)
        except ValueError:
            return False
        if header.unsupported or header.compression not in _BLOCK_ROWS:
            return True
        if min(header.data_size) < 1 or header.table + 8 * header.block_count > size:
            return False
        file.seek(header.table)
        offsets = np.frombuffer(file.read(8 * header.block_count), "<u8")
        form = "<iI" if header.tile is None else "<4iI"
        head_bytes = struct.calcsize(form)
        for offset, block in zip(map(int, offsets), header.blocks()):
            if not header.table < offset <= size - head_bytes:
                return False
            file.seek(offset)
            *position, length = struct.unpack(form, file.read(head_bytes))
            is_inside = offset + head_bytes + length <= size
            if tuple(position) != block.position or not 0 < length <= block.uncompressed_bytes or not is_inside:
                return False
        return True

    def _encode(self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        return encode_exr(pixels)


EXR = _Exr()
