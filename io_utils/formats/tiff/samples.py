"""Decompressed TIFF blocks -> samples: byte order, predictors, odd bit depths, subsampled chroma.

Section numbers: TIFF 6.0, Adobe, 1992.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import ByteArray, Samples
from .blocks import Blocks
from .directory import Directory
from .tags import Compression, Predictor, SampleFormat
from .unpack import unpack_plane

_MOST_BITS_AT_ONCE = 2**24  # that are expanded to a byte each


def read_samples(data: bytes, directory: Directory, blocks: Blocks) -> Samples:
    """All samples of a picture, (height, width, channels): uint8 or uint16 as stored, or float32.

    Samples of 1 to 7 and 9 to 15 bits are not scaled. Raises ValueError if the data are damaged.
    """
    if directory.subsampling != (1, 1):
        lines = unpack_plane(data, directory, blocks, directory.samples_per_pixel)
        return _upsample_chroma(lines, directory, blocks)
    planes = directory.samples_per_pixel if directory.is_planar else 1
    channels = directory.samples_per_pixel // planes
    parts = [_plane_samples(data, directory, blocks.plane(plane), channels) for plane in range(planes)]
    return parts[0] if planes == 1 else np.concatenate(parts, axis=-1)


def _plane_samples(data: bytes, directory: Directory, blocks: Blocks, channels: int) -> Samples:
    """The samples of one plane, (height, width, channels): uint8 or uint16, not scaled, or float32."""
    width, height = directory.extent
    (bits,), (sample_format,) = directory.bits, directory.sample_formats
    stored = unpack_plane(data, directory, blocks, channels)
    if stored.ndim == 3:  # JPEG, fax and ThunderScan decode to samples
        return stored[:height, :width]
    padded_width = blocks.columns * blocks.block_width
    if bits not in (8, 16, 32, 64):
        return _expand_bits(stored, blocks, channels, bits)[:height, :width]
    is_float = sample_format == SampleFormat.FLOAT
    dtype = np.dtype((">" if directory.big_endian else "<") + f"{'f' if is_float else 'u'}{bits // 8}")
    predictor = directory.predictor
    if predictor == Predictor.NONE or directory.compression in (Compression.NONE, Compression.PACKBITS):
        samples = stored.view(dtype).reshape(len(stored), padded_width, channels)[:height, :width]
    else:
        columns = range(0, blocks.columns * blocks.line_bytes, blocks.line_bytes)
        parts = [np.ascontiguousarray(stored[:, left : left + blocks.line_bytes]) for left in columns]
        parts = [_undo_predictor(part, dtype, channels, predictor) for part in parts]
        samples = np.concatenate(parts, axis=1)[:height, :width]
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs; doubles beyond float32 become infinite
        return samples.astype(np.float32 if is_float else dtype.newbyteorder("="), copy=False)


def _expand_bits(stored: ByteArray, blocks: Blocks, channels: int, bits: int) -> Samples:
    """Samples packed bit by bit, the highest first, as uint8 or uint16 (lines, padded width, channels)."""
    count = blocks.block_width * channels
    packed = stored.reshape(len(stored), blocks.columns, blocks.line_bytes)
    samples = np.empty((len(stored), blocks.columns, count), np.uint8 if bits <= 8 else np.uint16)
    weights = (1 << np.arange(bits)[::-1]).astype(samples.dtype)
    step = max(1, _MOST_BITS_AT_ONCE // max(1, count * bits * blocks.columns))
    for top in range(0, len(stored), step):
        loose = np.unpackbits(packed[top : top + step], axis=-1, count=count * bits)
        samples[top : top + step] = loose.reshape(*loose.shape[:2], count, bits) @ weights
    return samples.reshape(len(stored), blocks.columns * blocks.block_width, channels)


def _undo_predictor(stored: ByteArray, dtype: np.dtype[Any], channels: int, predictor: int) -> Samples:
    """Rows of differences (section 14, Adobe's TIFF technical note 3) -> samples, (height, width, channels)."""
    height = len(stored)
    if predictor == Predictor.DIFFERENCES:
        numbers = stored.view(dtype.str.replace("f", "u")).reshape(height, -1, channels)
        summed = np.cumsum(numbers, axis=1, dtype=numbers.dtype.newbyteorder("="))
        return summed.view(dtype.newbyteorder("="))
    # The bytes of a row are grouped by significance: the most significant bytes of all its samples come first.
    summed = np.cumsum(stored.reshape(height, -1, channels), axis=1, dtype=np.uint8).reshape(height, dtype.itemsize, -1)
    values = np.ascontiguousarray(summed.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return values.reshape(height, -1, channels)


def _upsample_chroma(stored: ByteArray, directory: Directory, blocks: Blocks) -> ByteArray:
    """Lines of units, each the luma of some pixels and their common chroma (section 21), as (height, width, 3) YCbCr."""
    width, height = directory.extent
    across, down = directory.subsampling
    bands = []
    for top in range(0, len(stored), blocks.lines[0]):  # a strip may end inside a line of units
        units = stored[top : top + blocks.lines[0]]
        units = units.reshape(len(units), -1, across * down + 2)
        lines, columns = units.shape[:2]
        luma = units[..., :-2].reshape(lines, columns, down, across).swapaxes(1, 2)
        chroma = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        pixels = np.concatenate([luma.reshape(lines * down, columns * across, 1), chroma], axis=-1)
        bands.append(pixels[: blocks.block_height, :width])
    return np.concatenate(bands)[:height]
