"""Decodes the blocks of a TIFF file with FFmpeg or libtiff (in Pillow), by writing a new directory for the same bytes.

Neither library knows every sample format, so they are given the blocks as a picture of plain bytes, with tags that say
nothing about samples (docs/architecture.md). Only old-style JPEG is decoded as the picture that it is.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from PIL import Image

from ...errors import UnsupportedFileError
from ..base import ByteArray
from .blocks import Blocks
from .directory import Directory
from .support import RESAVE
from .tags import OLD_JPEG_TAGS, Compression, Photometric, Tag

_MOST_BYTES_AT_ONCE = 2**26  # given to FFmpeg, whose limit is about 2^28 pixels


def unpack_by_ffmpeg(data: bytes, directory: Directory, blocks: Blocks) -> Iterator[ByteArray]:
    """Yield the bytes of each block, (lines, bytes of a line). Raises FFmpegError if one is damaged."""
    at_once = max(1, _MOST_BYTES_AT_ONCE // (blocks.line_bytes * blocks.lines[0]))
    lines = blocks.line_counts
    for start in range(0, len(lines), at_once):
        part = slice(start, start + at_once)
        tags = _byte_picture_tags(directory, blocks, sum(lines[part]))
        tags |= {
            Tag.STRIP_ROWS: [blocks.lines[0]],
            Tag.STRIPS: blocks.offsets[part],
            Tag.STRIP_BYTES: blocks.lengths[part],
        }
        decoder = av.CodecContext.create("tiff", "r")
        decoder.thread_count = 1  # frames are decoded in parallel already
        decoder.options = {"err_detect": "explode"}
        (frame,) = decoder.decode(av.Packet(with_directory(data, tags, directory.big_endian)))
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        yield from np.split(rows[: frame.height, : blocks.line_bytes], np.cumsum(lines[part])[:-1])


def unpack_by_libtiff(data: bytes, directory: Directory, blocks: Blocks) -> ByteArray:
    """The lines of a plane, (lines, bytes of the blocks side by side). Raises ValueError if the data are damaged."""
    tags = _byte_picture_tags(directory, blocks, blocks.plane_lines)
    pixel_bytes = len(tags[Tag.BITS])
    tags[Tag.WIDTH] = [blocks.columns * blocks.line_bytes // pixel_bytes]
    tags |= _block_tags(blocks, blocks.line_bytes // pixel_bytes, blocks.lines[0])
    return _decode_by_libtiff(data, directory, tags).reshape(blocks.plane_lines, -1)


def decode_old_jpeg(data: bytes, directory: Directory, blocks: Blocks, channels: int) -> ByteArray:
    """Old-style JPEG as (height, width, channels); YCbCr is converted to RGB. Raises ValueError if it is damaged."""
    width, height = directory.extent
    photometric = directory.photometric
    if photometric != Photometric.YCBCR or channels != 3:
        modes = {1: Photometric.BLACK_IS_ZERO, 3: Photometric.RGB, 4: Photometric.CMYK}
        if channels not in modes:
            raise UnsupportedFileError(f"TIFF of JPEG with {channels} channels is not supported", RESAVE)
        photometric = modes[channels]
    tags: dict[int, Any] = {
        Tag.WIDTH: [width],
        Tag.HEIGHT: [height],
        Tag.BITS: [8] * channels,
        Tag.COMPRESSION: [Compression.OLD_JPEG],
        Tag.PHOTOMETRIC: [photometric],
        Tag.SAMPLES: [channels],
    }
    tags |= _block_tags(blocks, blocks.block_width, blocks.block_height)
    tags |= {tag: directory.all(tag) for tag in OLD_JPEG_TAGS}
    tags |= {Tag.STRIPS: directory.all(Tag.STRIPS), Tag.STRIP_BYTES: directory.all(Tag.STRIP_BYTES)}
    tags |= {Tag.JPEG_TABLES: directory.array(Tag.JPEG_TABLES).astype(np.uint8).tobytes()}
    if photometric == Photometric.YCBCR:
        tags |= {Tag.YCBCR_SUBSAMPLING: directory.all(Tag.YCBCR_SUBSAMPLING)}
        reference = directory.array(Tag.REFERENCE_BLACK_WHITE)
        if len(reference) == 6 and (reference >= 0).all():  # always whole numbers, which libtiff accepts as well
            tags |= {Tag.REFERENCE_BLACK_WHITE: [round(value) for value in reference.tolist()]}
    pixels = _decode_by_libtiff(data, directory, {tag: values for tag, values in tags.items() if len(values)})
    if pixels.shape != (height, width, channels):
        raise ValueError(f"it holds {pixels.shape[-1]} channels, not {channels}")
    return pixels


def with_directory(data: bytes, tags: dict[int, Any], big_endian: bool) -> bytes:
    """The file with these tags as its only directory (section 2): numbers become LONG, bytes UNDEFINED."""
    order = ">" if big_endian else "<"
    start = len(data) + len(data) % 2
    values_start = start + 2 + 12 * len(tags) + 4
    if values_start >= 1 << 32:
        raise UnsupportedFileError("TIFF of 4 GB and more in this compression is not supported", "save it with deflate")
    entries, long_values = b"", b""
    for tag, values in sorted(tags.items()):
        kind = 7 if isinstance(values, bytes) else 4
        packed = values if isinstance(values, bytes) else np.asarray(values).astype(order + "u4").tobytes()
        if len(packed) > 4:
            packed, long_values = struct.pack(f"{order}I", values_start + len(long_values)), long_values + packed
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", start)
    count = struct.pack(f"{order}H", len(tags))
    return b"".join((head, data[8:], bytes(start - len(data)), count, entries, bytes(4), long_values))


def _byte_picture_tags(directory: Directory, blocks: Blocks, lines: int) -> dict[int, Any]:
    """The tags of a picture whose pixels are the bytes of one column of blocks, without those that locate the blocks."""
    # Several bytes per pixel if they divide a line: at one byte, Pillow takes a 4K float picture for a decompression bomb.
    fill_order = directory.one(Tag.FILL_ORDER, 1)
    pixel_bytes = next((size for size in (4, 3) if blocks.line_bytes % size == 0 and fill_order == 1), 1)
    return {
        Tag.WIDTH: [blocks.line_bytes // pixel_bytes],
        Tag.HEIGHT: [lines],
        Tag.BITS: [8] * pixel_bytes,
        Tag.COMPRESSION: [directory.compression],
        Tag.PHOTOMETRIC: [Photometric.BLACK_IS_ZERO if pixel_bytes == 1 else Photometric.RGB],
        Tag.FILL_ORDER: [fill_order],
        Tag.SAMPLES: [pixel_bytes],
    }


def _block_tags(blocks: Blocks, width: int, height: int) -> dict[int, Any]:
    """The tags that locate the blocks, for a picture with blocks of this size."""
    if blocks.tiled:
        return {
            Tag.TILE_WIDTH: [width],
            Tag.TILE_HEIGHT: [height],
            Tag.TILES: blocks.offsets,
            Tag.TILE_BYTES: blocks.lengths,
        }
    return {Tag.STRIP_ROWS: [height], Tag.STRIPS: blocks.offsets, Tag.STRIP_BYTES: blocks.lengths}


def _decode_by_libtiff(data: bytes, directory: Directory, tags: dict[int, Any]) -> ByteArray:
    """The picture that `tags` describe, (height, width, channels). Raises ValueError if its data are damaged."""
    with Image.open(io.BytesIO(with_directory(data, tags, directory.big_endian)), formats=["TIFF"]) as image:
        try:
            pixels = np.asarray(image)
        except OSError as error:  # "decoder error -2"
            raise ValueError("its compressed data are damaged, or of a kind that libtiff does not support") from error
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
