"""Where the strips or tiles of a TIFF file lie, in the picture and in the file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .directory import Directory
from .tags import Compression, Tag

MOST_BYTES = 2**30  # of one uncompressed picture with all its channels; 8K in four 32-bit floats has half of that


@dataclass(frozen=True)
class Blocks:
    """The grid of strips or tiles, and the bytes of each in the file.

    Blocks are listed row by row from the top left; the blocks of one plane follow those of another.
    """

    tiled: bool
    block_width: int  # in pixels
    block_height: int
    columns: int  # number of blocks side by side; 1 for strips
    rows: int  # number of blocks one below the other
    # Lines of a block, and lines of a block in the last row. With subsampled chroma a line is up to 4 rows of pixels.
    lines: tuple[int, int]
    line_bytes: int  # of one line of one block, uncompressed
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, directory: Directory) -> Blocks:
        """The blocks of a picture. Raises ValueError unless all of them lie inside the file."""
        width, height = directory.extent
        if width < 1 or height < 1:
            raise ValueError(f"its header declares {width} x {height} pixels")
        tiled = bool(directory.one(Tag.TILE_WIDTH, 0) and directory.one(Tag.TILE_HEIGHT, 0))
        if tiled:
            block_width, block_height = directory.one(Tag.TILE_WIDTH), directory.one(Tag.TILE_HEIGHT)
        else:
            block_width, block_height = width, min(directory.one(Tag.STRIP_ROWS, 0) or height, height)
        if block_width < 1 or block_height < 1:
            raise ValueError("its strips or tiles are empty")
        columns, rows = -(-width // block_width), -(-height // block_height)
        planes = directory.samples_per_pixel if directory.is_planar else 1
        across, down = (max(1, factor) for factor in directory.subsampling)
        if (across, down) == (1, 1):
            line_bytes = -(-block_width * (directory.samples_per_pixel // planes) * max(directory.bits) // 8)
        else:  # a line is made of units: the luma of across x down pixels, then one sample of Cb and one of Cr
            line_bytes = -(-block_width // across) * (across * down + 2)
        last_height = block_height if tiled else height - (rows - 1) * block_height
        lines = -(-block_height // down), -(-last_height // down)
        picture_bytes = rows * lines[0] * columns * line_bytes * planes
        if picture_bytes > MOST_BYTES:
            raise ValueError(f"its {width} x {height} pixels take {picture_bytes:,} bytes")
        count = rows * columns * planes
        if count > directory.file_size:  # before memory is taken for so many
            raise ValueError(f"it is too small for {count:,} strips or tiles")
        block_bytes = np.full((planes, rows, columns), line_bytes * lines[0], np.int64)
        block_bytes[:, -1] = line_bytes * lines[1]
        offsets, lengths = _file_positions(directory, tiled, block_bytes.reshape(-1))
        return cls(tiled, block_width, block_height, columns, rows, lines, line_bytes, offsets, lengths)

    def plane(self, index: int) -> Blocks:
        """The blocks of one plane."""
        part = slice(index * self.rows * self.columns, (index + 1) * self.rows * self.columns)
        return dataclasses.replace(self, offsets=self.offsets[part], lengths=self.lengths[part])

    @property
    def line_counts(self) -> list[int]:
        """The number of lines of each block in one plane."""
        return [self.lines[0]] * ((self.rows - 1) * self.columns) + [self.lines[1]] * self.columns

    @property
    def plane_lines(self) -> int:
        """The number of lines of one plane."""
        return (self.rows - 1) * self.lines[0] + self.lines[1]


def _file_positions(
    directory: Directory, tiled: bool, block_bytes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The offset and the compressed length of each block. `block_bytes`: their uncompressed lengths.

    Raises ValueError if a block is missing or reaches beyond the file, or if blocks share too many bytes.
    """
    offsets = directory.array(Tag.TILES if tiled else Tag.STRIPS)
    lengths = directory.array(Tag.TILE_BYTES if tiled else Tag.STRIP_BYTES)
    # Some writers place tiles with the tags for strips.
    offsets = offsets if len(offsets) or not tiled else directory.array(Tag.STRIPS)
    lengths = lengths if len(lengths) or not tiled else directory.array(Tag.STRIP_BYTES)
    count = len(block_bytes)
    if directory.compression == Compression.OLD_JPEG and len(directory.array(Tag.OLD_JPEG_START)):
        offsets, lengths = _with_old_jpeg_stream(directory, offsets, lengths)
        count = len(offsets)
    if len(offsets) < count:
        raise ValueError(f"it has {len(offsets)} of {count} strips or tiles")
    offsets = offsets[:count].astype(np.int64)
    if (
        directory.compression == Compression.NONE
    ):  # the lengths follow from the picture; those in the file are often wrong
        lengths = block_bytes
    elif len(lengths) < count or not lengths[:count].any():  # each reaches to the next one, as in libtiff
        ends = np.sort(np.append(offsets, directory.file_size))
        lengths = ends[np.searchsorted(ends, offsets, side="right").clip(max=count)] - offsets
    lengths = lengths[:count].astype(np.int64)
    if not ((offsets > 0) & (lengths > 0) & (lengths <= directory.file_size - offsets)).all():
        raise ValueError("it is truncated: its last strips or tiles are missing")
    # Blocks may share bytes, as those of one flat colour do, but not so many that decoding takes forever.
    total = int(lengths.sum(dtype=np.float64))
    if total > directory.file_size + 2 * int(block_bytes.sum()) + 1024 * count:
        raise ValueError(f"its strips or tiles overlap: they have {total:,} bytes")
    return offsets, lengths


def _with_old_jpeg_stream(
    directory: Directory, offsets: NDArray[Any], lengths: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The offsets and lengths of old-style JPEG, with those of its whole stream added if the file has them (section 22)."""
    start, length = directory.one(Tag.OLD_JPEG_START), directory.one(Tag.OLD_JPEG_LENGTH, 0)
    if not start or not length:
        return offsets, lengths
    if len(offsets) != len(lengths):
        offsets = lengths = np.zeros(0, np.int64)
    return np.append(offsets, start), np.append(lengths, length)
