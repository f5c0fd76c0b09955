"""Decompresses the strips or tiles of a TIFF file. Section numbers: TIFF 6.0, Adobe, 1992.

zlib, LZMA, fax.py and jpeg.py decode most compressions, FFmpeg or codecs.py decode LZW and PackBits. libtiff (in Pillow)
prints a line to the console for damage and makes up damaged fax pixels, so it only gets what nothing else decodes: ZSTD and
the JPEG of 1992 (section 22).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import av
import numpy as np

from ...errors import UnsupportedFileError
from .. import jpeg
from ..base import ByteArray
from ..zlib_engines import inflate_engine
from . import fax
from .blocks import MOST_BYTES, Blocks
from .codecs import old_lzw, packbits, thunderscan
from .directory import Directory
from .library_decoders import decode_old_jpeg, unpack_by_ffmpeg, unpack_by_libtiff
from .support import RESAVE
from .tags import DEFLATE, FAX, Compression, Photometric, Tag

try:
    import lzma
except ImportError:  # a Python that was built without it
    lzma = None  # type: ignore[assignment]

# Each byte with its bits in reverse order.
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]


def unpack_plane(data: bytes, directory: Directory, blocks: Blocks, channels: int) -> ByteArray:
    """Decompress the blocks of one plane. Raises ValueError if a block is damaged.

    Returns (lines, bytes of the blocks side by side). JPEG, fax and ThunderScan decode to samples instead of bytes:
    (height, width, channels).
    """
    compression = directory.compression
    if compression == Compression.ZSTD:
        return unpack_by_libtiff(data, directory, blocks)
    if compression == Compression.OLD_JPEG:
        return decode_old_jpeg(data, directory, blocks, channels)
    if compression == Compression.JPEG:
        return _decode_jpeg(data, directory, blocks, channels)
    if compression in (Compression.LZW, Compression.PACKBITS):
        # FFmpeg also refuses intact data in variants that libtiff reads; these are decoded below.
        with contextlib.suppress(av.error.FFmpegError):
            return _join(list(unpack_by_ffmpeg(data, directory, blocks)), blocks)
    contents = zip(_contents(data, directory, blocks), blocks.line_counts)
    joined = _join([_unpack_block(directory, blocks, block, lines) for block, lines in contents], blocks)
    return joined[..., np.newaxis] if compression in (*FAX, Compression.THUNDERSCAN) else joined


def _unpack_block(directory: Directory, blocks: Blocks, block: memoryview, lines: int) -> ByteArray:
    """The bytes of one block; for fax and ThunderScan its samples, one per byte. Raises ValueError if it is damaged."""
    compression = directory.compression
    if compression == Compression.NONE:
        return np.frombuffer(block, np.uint8)
    if compression in FAX:
        return _decode_fax(block, directory, blocks.block_width, lines)
    if compression == Compression.THUNDERSCAN:
        return np.frombuffer(thunderscan(bytes(block), blocks.block_width, lines), np.uint8)
    length = blocks.line_bytes * lines
    plain = _UNPACKERS[compression](bytes(block), length)
    if len(plain) < length:
        raise ValueError(f"a strip or tile holds {len(plain):,} of {length:,} bytes")
    return np.frombuffer(plain, np.uint8, length)


def _contents(data: bytes, directory: Directory, blocks: Blocks) -> list[memoryview]:
    """The compressed bytes of each block, with the highest bit first."""
    parts = [memoryview(data)[at : at + length] for at, length in zip(blocks.offsets.tolist(), blocks.lengths.tolist())]
    if directory.one(Tag.FILL_ORDER, 1) == 2 and directory.compression != Compression.JPEG:
        return [_REVERSED[np.frombuffer(part, np.uint8)].data for part in parts]
    return parts


def _inflate(block: bytes, length: int) -> bytes:
    """The first `length` bytes of a zlib stream, or a few more: some writers store a full block as the last strip."""
    try:
        # One byte more than expected makes the library read on to the checksum.
        plain: bytes = inflate_engine().decompressobj().decompress(block, length + 1)
    except Exception as error:  # isal_zlib.error, zlib_ng.error and zlib.error have no common base
        raise ValueError(f"its compressed data are damaged: {error}") from error
    return plain


def _unpack_lzma(block: bytes, length: int) -> bytes:
    """The first `length` bytes of LZMA data, fewer if they are truncated."""
    if lzma is None:
        raise UnsupportedFileError("LZMA compression in TIFF is not supported by this Python", RESAVE)
    try:
        return lzma.LZMADecompressor(memlimit=MOST_BYTES).decompress(block, length)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"its compressed data are damaged: {error}") from error


# compression -> (bytes of a block, expected length) -> decoded bytes, fewer if the block is truncated
_UNPACKERS: dict[int, Callable[[bytes, int], bytes]] = dict.fromkeys(DEFLATE, _inflate)
_UNPACKERS |= {Compression.LZMA: _unpack_lzma, Compression.PACKBITS: packbits, Compression.LZW: old_lzw}


def _decode_fax(block: memoryview, directory: Directory, width: int, height: int) -> ByteArray:
    """The samples of a fax block, (height, width), 1 is black. Raises ValueError if it is damaged."""
    compression, contents = directory.compression, bytes(block)
    if compression == Compression.GROUP_4:
        return fax.group_4(contents, width, height)
    if compression == Compression.GROUP_3:
        is_two_dimensional = bool(directory.one(Tag.FAX_OPTIONS, 0) & 1)
        return fax.group_3(contents, width, height, two_dimensional=is_two_dimensional)
    return fax.run_lengths(contents, width, height, alignment=8 if compression == Compression.HUFFMAN else 16)


def _decode_jpeg(data: bytes, directory: Directory, blocks: Blocks, channels: int) -> ByteArray:
    """JPEG blocks as (height, width, channels); YCbCr is converted to RGB. Raises ValueError if one is damaged.

    Each block is a JPEG stream whose tables may be in a tag (Adobe's TIFF technical note 2).
    """
    if channels not in (1, 3, 4):
        raise UnsupportedFileError(f"TIFF of JPEG with {channels} channels is not supported", RESAVE)
    tables = directory.array(Tag.JPEG_TABLES).astype(np.uint8).tobytes()
    is_ycbcr = directory.photometric == Photometric.YCBCR
    block_shape = (blocks.block_width, blocks.block_height, channels)
    parts = []
    for block, lines in zip(_contents(data, directory, blocks), blocks.line_counts):
        samples = jpeg.decode_block(bytes(block), tables, is_ycbcr, block_shape)
        if len(samples) < lines:
            raise ValueError(f"a strip or tile has {len(samples)} of {lines} rows")
        parts.append(samples[:lines])
    return _join(parts, blocks).reshape(-1, blocks.columns * blocks.block_width, channels)


def _join(parts: list[ByteArray], blocks: Blocks) -> ByteArray:
    """The blocks, listed row by row from the top left, as one array of lines."""
    bands = []
    for row in range(blocks.rows):
        lines = blocks.lines[row == blocks.rows - 1]
        band = [part.reshape(lines, -1) for part in parts[row * blocks.columns : (row + 1) * blocks.columns]]
        bands.append(band[0] if len(band) == 1 else np.concatenate(band, axis=1))
    return np.ascontiguousarray(bands[0] if len(bands) == 1 else np.concatenate(bands))
