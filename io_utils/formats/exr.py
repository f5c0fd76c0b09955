"""How OpenEXR files are read and written, by FFmpeg and with the checks that it leaves out. No transfer function; alpha is associated in the file.

Layout: https://openexr.com/en/latest/OpenEXRFileLayout.html. FFmpeg leaves a block that it cannot decode black and reports
nothing, so every block is checked here before it is decoded, and black ones once more afterwards.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadKindError
from .base import Extent, Format, Header, Pixels
from .pixels import unassociated
from .zlib_engines import inflated

_MAGIC = b"v/1\x01"
_REMEDY = "save it as one plain picture: version 2, one part, one level"
_TILED, _UNREAD = 0x200, {0x800: "deep data", 0x1000: "several parts"}
# Attributes may be of any length (a Cryptomatte manifest has several MB), but only these are read. The limits keep a
# malicious file from taking more time or memory than its size warrants: real files have tens of attributes, and a
# channel takes 18 bytes or more.
_LOOKED_AT = {"channels": 1 << 22, "compression": 1, "dataWindow": 16, "displayWindow": 16, "tiles": 9}
_MOST_ATTRIBUTES = 1 << 16
_LONGEST_NAME = 256  # 255 characters and the zero that ends it
# Compressions by number, and the rows of a block. FFmpeg 8 decodes DWA wrongly: with alpha or Z in
# the file it is off by thousands, and some blocks stay black.
_COMPRESSIONS = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_BLOCK_ROWS = {"none": 1, "RLE": 1, "ZIPS": 1, "ZIP": 16, "PIZ": 32, "PXR24": 16, "B44": 32, "B44A": 32}
_BLOCK_ROWS |= {"DWAA": 32, "DWAB": 256}
_NOT_DECODED = ("DWAA", "DWAB")
_CHECKED = ("none", "ZIPS", "ZIP")  # checked before they are decoded: by their length, by zlib's checksum
_UINT, _HALF, _FLOAT = range(3)
_SAMPLE_BYTES = {_UINT: 4, _HALF: 2, _FLOAT: 4}
_UNWRITTEN = 0xFF  # of every byte of a sample: not a number, in half and in float


@dataclass(frozen=True)
class ExrHeader:
    """What a single-part EXR file says of itself. Windows: (x first, y first, x last, y last), both ends included."""

    channels: dict[str, tuple[int, int, int]]  # name -> sample type, sampling in x, in y
    compression: str  # its name, or its number
    data_window: tuple[int, int, int, int]
    display_window: tuple[int, int, int, int]
    tile: tuple[int, int] | None
    windows_at: tuple[int, int]  # where in the file the two windows stand
    type_at: int | None  # where the name of the attribute "type" stands, if there is one
    table: int  # where the offsets of the blocks begin
    unread: str  # what it has that is not read here; with it, the table is not to be believed

    @classmethod
    def read(cls, file: IO[bytes]) -> ExrHeader:
        """ValueError if it is not the header of a file that can be read here."""
        file.seek(0)
        start = file.read(8)
        if start[:4] != _MAGIC or len(start) < 8:
            raise ValueError("it is no EXR file")
        (version,) = struct.unpack_from("<I", start, 4)
        if version & 0xFF != 2:
            raise UnreadKindError(f"EXR files of version {version & 0xFF} are not read", _REMEDY)
        places, attributes, type_at, table = _attributes(file)
        try:
            number = attributes["compression"][0]
            return cls(
                _channels(attributes["channels"]),
                _COMPRESSIONS[number] if number < len(_COMPRESSIONS) else f"number {number}",
                struct.unpack("<4i", attributes["dataWindow"]),
                struct.unpack("<4i", attributes["displayWindow"]),
                _tile(attributes["tiles"]) if version & _TILED else None,
                (places["dataWindow"], places["displayWindow"]),
                type_at,
                table,
                " and ".join(what for flag, what in _UNREAD.items() if version & flag),
            )
        except (KeyError, IndexError, struct.error) as error:
            raise ValueError(f"its header is damaged: {error}") from error

    @property
    def size(self) -> Extent:
        """Of the picture: its display window, whatever part of it the data cover."""
        return _extent(self.display_window)

    @property
    def data_size(self) -> Extent:
        """Of the data window."""
        return _extent(self.data_window)

    def require_readable(self) -> None:
        """ValueError unless it holds grey or RGB, with or without alpha, in a compression that FFmpeg knows."""
        if self.unread:
            raise UnreadKindError(f"EXR files with {self.unread} are not read", _REMEDY)
        used = self.used
        if not used:
            raise UnreadKindError(
                f"it has no channels R, G, B or Y, but {', '.join(self.channels) or 'none'}",
                "save its colour as R, G and B",
            )
        kinds = {self.channels[name][0] for name in used}
        if kinds not in ({_HALF}, {_FLOAT}) or any(channel[1:] != (1, 1) for channel in self.channels.values()):
            raise UnreadKindError(
                "its channels are not all half or all float, or not of one size", "save all as half or all as float"
            )
        if self.compression not in _BLOCK_ROWS or self.compression in _NOT_DECODED:
            raise UnreadKindError(
                f"its compression, {self.compression}, is not read", "save it with ZIP or PIZ compression"
            )

    @property
    def used(self) -> list[str]:
        """The channels that make the picture."""
        colour = next((names for names in ("RGB", "Y") if set(names) <= set(self.channels)), "")
        return [*colour, *("A" if colour and "A" in self.channels else "")]

    def blocks(self) -> Iterator[tuple[tuple[int, ...], slice, slice, int]]:
        """(its place as it is written before it, rows, columns, bytes unpacked) of every block, in the table's order.

        Rows and columns are those of the data window.
        """
        width, height = self.data_size
        if self.tile is None:
            step = _BLOCK_ROWS[self.compression]
            for top in range(0, height, step):
                rows = slice(top, min(top + step, height))
                yield (self.data_window[1] + top,), rows, slice(0, width), self._unpacked(rows, slice(0, width))
        else:
            across, down = self.tile
            for y, x in np.ndindex(-(-height // down), -(-width // across)):
                rows = slice(y * down, min((y + 1) * down, height))
                columns = slice(x * across, min((x + 1) * across, width))
                yield (x, y, 0, 0), rows, columns, self._unpacked(rows, columns)

    @property
    def block_count(self) -> int:
        width, height = self.data_size
        if self.tile is None:
            return -(-height // _BLOCK_ROWS[self.compression])
        return -(-height // self.tile[1]) * -(-width // self.tile[0])

    def _unpacked(self, rows: slice, columns: slice) -> int:
        pixels = int(rows.stop - rows.start) * int(columns.stop - columns.start)
        return pixels * sum(_SAMPLE_BYTES[kind] for kind, _, _ in self.channels.values())


def encode_exr(pixels: NDArray[Any]) -> bytes:
    """The bytes of an EXR file, ZIP-compressed. `pixels`: (H, W, C) float32 or float16, C = 1, 3 or 4, alpha unassociated.

    Grey becomes Y. The file holds colour multiplied by alpha, as the format requires
    (https://openexr.com/en/latest/TechnicalIntroduction.html#premultiplied-vs-un-premultiplied-color-channels); colour
    is lost where alpha is 0. Without alpha the values are exactly those of `pixels`.
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
    encoder.thread_count = 1  # frames are encoded side by side already
    encoder.options = {"format": "half" if pixels.dtype == np.float16 else "float", "compression": "zip16"}
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def decode_exr(file: bytes, header: ExrHeader) -> NDArray[np.float32]:
    """(H, W, C) float32, C in 1..4, the display window; black and transparent where the file has no data.

    Alpha is unassociated: colour is divided by it, and is as stored where alpha is 0 (light without cover, such as a
    glow) or not finite. `header`: of `file`, and readable. ValueError for a file that is not whole.
    """
    data = bytearray(file)
    _check_blocks(header, data)
    _make_plain(header, data)
    pixels = _decoded(header, bytes(data))
    return _in_display(header, unassociated(pixels) if "A" in header.used else pixels)


def _associated(pixels: NDArray[Any]) -> NDArray[Any]:
    """Colour multiplied by alpha, in float32 and then rounded once; 0 where alpha is 0, whatever the colour is."""
    colour, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32)
    with np.errstate(all="ignore"):  # infinities, and the smallest numbers
        colour = np.where(alpha == 0, np.float32(0), colour * alpha)
        return np.concatenate([colour, alpha], axis=-1).astype(pixels.dtype)


def _attributes(file: IO[bytes]) -> tuple[dict[str, int], dict[str, bytes], int | None, int]:
    """Of the attributes that are read: where they are and their values; where the name "type" is; the header's end."""
    size = file.seek(0, os.SEEK_END)
    places: dict[str, int] = {}
    values: dict[str, bytes] = {}
    type_at, position = None, 8
    for _ in range(_MOST_ATTRIBUTES):
        file.seek(position)
        head = file.read(2 * _LONGEST_NAME + 4)
        if head[:1] == b"\0":
            return places, values, type_at, position + 1
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
            type_at = position
        if name in _LOOKED_AT:
            if length > _LOOKED_AT[name]:
                raise ValueError(f"its header is damaged: {name} has {length:,} bytes")
            file.seek(start)
            places[name], values[name] = start, file.read(length)
        position = start + length
    raise ValueError(f"its header has more than {_MOST_ATTRIBUTES:,} attributes")


def _channels(data: bytes) -> dict[str, tuple[int, int, int]]:
    channels, position = {}, 0
    while data[position]:
        end = data.index(b"\0", position)
        kind, _, right, down = struct.unpack_from("<IIii", data, end + 1)
        if kind not in _SAMPLE_BYTES or right < 1 or down < 1:
            raise ValueError("its header is damaged: a channel is of an unknown kind")
        channels[data[position:end].decode("latin-1")] = kind, right, down
        position = end + 17
    return channels


def _tile(data: bytes) -> tuple[int, int]:
    across, down, levels = struct.unpack("<IIB", data)
    if levels & 0xF or not across or not down:
        raise UnreadKindError("EXR files with several levels of detail are not read", _REMEDY)
    return across, down


def _extent(window: tuple[int, int, int, int]) -> Extent:
    return Extent(window[2] - window[0] + 1, window[3] - window[1] + 1)


def _offsets(header: ExrHeader, data: bytearray) -> list[int]:
    end = header.table + 8 * header.block_count
    if end > len(data):
        raise ValueError("it ends before its blocks")
    return [int(offset) for offset in np.frombuffer(data[header.table : end], "<u8")]


def _block(header: ExrHeader, data: bytearray, offset: int) -> tuple[tuple[int, ...], memoryview]:
    """The place that a block says it has, and its contents."""
    form = "<iI" if header.tile is None else "<4iI"
    start = offset + struct.calcsize(form)
    if not header.table < offset <= len(data) or start > len(data):
        raise ValueError("it was not written to its end")
    *place, length = struct.unpack_from(form, data, offset)
    if start + length > len(data):
        raise ValueError("it ends inside a block")
    return tuple(place), memoryview(data)[start : start + length]


def _check_blocks(header: ExrHeader, data: bytearray) -> None:
    for offset, (place, _, _, unpacked) in zip(_offsets(header, data), header.blocks()):
        found, contents = _block(header, data, offset)
        if found != place:
            raise ValueError(f"where block {place} should be, there is {found}")
        if not 0 < len(contents) <= unpacked or (header.compression == "none" and len(contents) < unpacked):
            raise ValueError(f"block {place} has {len(contents)} bytes")
        if header.compression in ("ZIP", "ZIPS") and len(contents) < unpacked:
            inflated(bytes(contents), unpacked)
        if header.compression == "RLE" and len(contents) < unpacked and _run_lengths(contents) != unpacked:
            raise ValueError(f"block {place} is damaged")


def _run_lengths(contents: memoryview) -> int:
    """The bytes that run-length-encoded `contents` stand for; -1 if they end inside a run. FFmpeg accepts too few.

    A signed byte n is followed by -n literal bytes, or by one that is repeated n + 1 times (OpenEXRCore, internal_rle.c).
    """
    position = total = 0
    while position < len(contents):
        count = contents[position]
        literal = count > 127
        total += 256 - count if literal else count + 1
        position += 1 + (256 - count if literal else 1)
    return total if position == len(contents) else -1


def _make_plain(header: ExrHeader, data: bytearray) -> None:
    """Remove from the header what FFmpeg 8 stumbles over and OpenEXR does not.

    Both windows are made to begin at 0 and to be as large as the data: of others FFmpeg shows the wrong part. In a file of one part the
    flags say what its blocks are, and an attribute "type" that says otherwise is ignored.
    """
    width, height = header.data_size
    for place in header.windows_at:
        struct.pack_into("<4i", data, place, 0, 0, width - 1, height - 1)
    if header.type_at is not None:
        data[header.type_at : header.type_at + 1] = b"T"  # an attribute of another name, which FFmpeg does not know
    if header.tile is None:  # tiles are counted from the window's corner already
        for offset, block in zip(_offsets(header, data), header.blocks()):
            struct.pack_into("<i", data, offset, block[0][0] - header.data_window[1])


def _decoded(header: ExrHeader, data: bytes) -> NDArray[np.float32]:
    """(H, W, C) float32, the data window. ValueError if FFmpeg could not decode one of the blocks."""
    decoder = av.CodecContext.create("exr", "r")
    decoder.thread_count = 1  # frames are decoded side by side already
    packet = av.Packet(data)
    frame = _frame(decoder, packet, header)
    pixels = _values(frame)
    black = [] if header.compression in _CHECKED else _black_blocks(header, pixels)
    if not black:
        return pixels
    # Black, or not decoded? FFmpeg reports neither, and writes nothing for a block that it cannot decode. A decoder takes its
    # frames from a pool (libavutil, AVBufferPool), so what is put into this one is still in the next wherever that is not written.
    memory = [plane.buffer_ptr for plane in frame.planes]
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = _UNWRITTEN
    del frame, plane
    frame = _frame(decoder, packet, header)
    if [plane.buffer_ptr for plane in frame.planes] != memory:
        raise ValueError("its black blocks cannot be told from damaged ones")
    pixels = _values(frame)
    for place, rows, columns in black:
        if np.isnan(pixels[rows, columns]).any():
            raise ValueError(f"block {place} is damaged")
    return pixels


def _frame(decoder: av.VideoCodecContext, packet: av.Packet[Any], header: ExrHeader) -> av.VideoFrame:
    try:
        frames = decoder.decode(packet)
    except av.error.FFmpegError as error:
        raise ValueError("FFmpeg cannot read it") from error
    if not frames or (frames[0].width, frames[0].height) != header.data_size:
        raise ValueError("FFmpeg cannot read it")
    return frames[0]


def _black_blocks(header: ExrHeader, pixels: NDArray[np.float32]) -> list[tuple[tuple[int, ...], slice, slice]]:
    return [(place, rows, cols) for place, rows, cols, _ in header.blocks() if not (pixels[rows, cols] != 0).any()]


def _in_display(header: ExrHeader, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of the data window's pixels lies in the display window, and zeros around it."""
    if header.data_window == header.display_window:
        return pixels
    width, height = header.size
    right = header.data_window[0] - header.display_window[0]
    down = header.data_window[1] - header.display_window[1]
    shown = np.zeros((height, width, pixels.shape[-1]), np.float32)
    part = pixels[max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)]
    shown[max(0, down) :, max(0, right) :][: part.shape[0], : part.shape[1]] = part
    return shown


def _values(frame: av.VideoFrame) -> NDArray[np.float32]:
    """(H, W, C) of a frame of half or float samples: planar G, B, R and perhaps A, or packed grey and perhaps alpha."""
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
        with np.errstate(invalid="ignore"):  # of signalling NaNs
            return grey.astype(np.float32)
    green, blue, red, *alpha = (row[:, : frame.width] for row in rows)
    with np.errstate(invalid="ignore"):
        return np.stack([red, green, blue, *alpha], axis=-1, dtype=np.float32)


class _Exr(Format[ExrHeader]):
    name = "EXR"
    extensions = (".exr",)
    signatures = (_MAGIC,)
    depths = (np.float16, np.float32)
    channels = (1, 3, 4)
    # FFmpeg's: (width + 128) * (height + 128) < 2^28 (av_image_check_size2 in libavutil/imgutils.c), for a height of 1. Of
    # the format itself, a window's corners are 32-bit integers.
    largest_side = 2_080_767

    def read_header(self, file: IO[bytes]) -> Header[ExrHeader]:
        header = ExrHeader.read(file)
        header.require_readable()
        return Header((header.size, header.data_size), header, may_have_alpha="A" in header.used)

    def decode(self, data: bytes, header: Header[ExrHeader], at_least: int | None = None) -> Pixels:
        return decode_exr(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Is every block that the file's table names where it should be, and inside the file? What is in them is not read.

        By 8 to 20 bytes of each block: 68 blocks in a ZIP frame of 1080 rows. Of deep files, and of those of several parts,
        which are not read here, only a torn header tells that they are not whole.
        """
        size = file.seek(0, os.SEEK_END)
        try:
            header = ExrHeader.read(file)
        except ValueError:
            return False
        if header.unread or header.compression not in _BLOCK_ROWS:
            return True
        if min(header.data_size) < 1 or header.table + 8 * header.block_count > size:
            return False
        file.seek(header.table)
        offsets = np.frombuffer(file.read(8 * header.block_count), "<u8")
        form = "<iI" if header.tile is None else "<4iI"
        length_of_head = struct.calcsize(form)
        for offset, (place, _, _, unpacked) in zip(map(int, offsets), header.blocks()):
            if not header.table < offset <= size - length_of_head:
                return False
            file.seek(offset)
            *found, length = struct.unpack(form, file.read(length_of_head))
            if tuple(found) != place or not 0 < length <= unpacked or offset + length_of_head + length > size:
                return False
        return True

    def _encode(self, pixels: NDArray[Any], text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        return encode_exr(pixels)


EXR = _Exr()
