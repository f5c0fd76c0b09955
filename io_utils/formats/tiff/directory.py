"""Reads the tags that describe the first picture of a TIFF or BigTIFF file. Section numbers: TIFF 6.0, Adobe, 1992."""

from __future__ import annotations

import os
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..base import Extent
from ..orientation import UPRIGHT
from .tags import (
    COLOUR_SAMPLES,
    FAX,
    PER_BLOCK_TAGS,
    Compression,
    ExtraSample,
    Photometric,
    Predictor,
    SampleFormat,
    Tag,
)

# Every integer type, whichever type the specification requires for the tag: writers differ.
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_FRACTIONS, _FLOATS = {5: "u4", 10: "i4"}, {11: "f4", 12: "f8"}
_SIZES = {kind: int(name[1]) for kind, name in (_INTEGERS | _FLOATS).items()} | dict.fromkeys(_FRACTIONS, 8)
_MOST_ENTRIES = 1 << 16  # the limit of TIFF; BigTIFF allows more, which no real file needs
_MOST_VALUES = 1 << 18  # in a tag without a value for each block; a 16-bit palette has 196 608
_TAGS = frozenset(Tag)


class Directory:
    """The tags of the first picture in a TIFF or BigTIFF file. Raises ValueError if they are incomplete.

    Pillow's reader is not used: it skips tags that are cut off, which changes the picture. Values are read on request, so
    `file` has to stay open.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.file_size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16).ljust(16, b"\0")
        self.big_endian = head[:1] == b"M"
        self._order = order = ">" if self.big_endian else "<"
        is_bigtiff = b"+" in head[2:4]
        number, entry = ("Q", "HHQ8s") if is_bigtiff else ("I", "HHI4s")
        (start,) = struct.unpack_from(order + number, head, 8 if is_bigtiff else 4)
        (count,) = struct.unpack(order + ("Q" if is_bigtiff else "H"), self._bytes(start, 8 if is_bigtiff else 2))
        start += 8 if is_bigtiff else 2
        size = struct.calcsize(order + entry)
        if count > _MOST_ENTRIES:
            raise ValueError(f"its directory has {count:,} tags")
        self._tags: dict[int, tuple[int, int, int]] = {}  # tag -> type, number of values, offset of the first
        for index, packed in enumerate(struct.iter_unpack(order + entry, self._bytes(start, count * size))):
            tag, kind, value_count, value = packed
            kinds = _SIZES if tag in (Tag.YCBCR_COEFFICIENTS, Tag.REFERENCE_BLACK_WHITE) else _INTEGERS
            if tag not in _TAGS or tag in self._tags or kind not in kinds:
                continue
            is_inline = value_count * _SIZES[kind] <= len(value)
            inline_offset = start + (index + 1) * size - len(value)
            offset = inline_offset if is_inline else struct.unpack(order + number, value)[0]
            self._require_inside(offset, value_count * _SIZES[kind])
            if value_count:
                self._tags[tag] = kind, value_count, offset

    def _require_inside(self, offset: int, size: int) -> None:
        if offset + size > self.file_size:
            raise ValueError("it ends inside its directory of tags")

    def _bytes(self, offset: int, size: int) -> bytes:
        self._require_inside(offset, size)
        self._file.seek(offset)
        return self._file.read(size)

    def array(self, tag: int) -> NDArray[Any]:
        """The values of a tag as a 1-D array of integers or floats, empty if the file does not have the tag."""
        if tag not in self._tags:
            return np.zeros(0, np.int64)
        kind, count, offset = self._tags[tag]
        # Without a limit, 20 tags could each claim the whole file as their values.
        count = count if tag in PER_BLOCK_TAGS else min(count, _MOST_VALUES)
        if kind in _FRACTIONS:
            parts = np.frombuffer(self._bytes(offset, 8 * count), self._order + _FRACTIONS[kind]).reshape(-1, 2)
            divided: NDArray[Any] = parts[:, 0] / np.maximum(parts[:, 1], 1)
            return divided
        dtype = np.dtype(self._order + (_INTEGERS | _FLOATS)[kind])
        return np.frombuffer(self._bytes(offset, count * dtype.itemsize), dtype)

    def all(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """All values of a tag, or `default` if the file does not have it."""
        return tuple(self.array(tag).tolist()) or default

    def one(self, tag: int, default: int | None = None) -> int:
        """The first value of a tag, or `default` if the file does not have it. Raises ValueError if there is no default."""
        values = self.array(tag)
        if not len(values):
            if default is None:
                raise ValueError(f"its tag {tag:d} is missing")
            return default
        return int(values[0])

    @property
    def orientation(self) -> int:
        return self.one(Tag.ORIENTATION, UPRIGHT)

    @property
    def extent(self) -> Extent:
        """The extent of the picture as stored, before its orientation is applied."""
        return Extent(self.one(Tag.WIDTH), self.one(Tag.HEIGHT))

    @property
    def samples_per_pixel(self) -> int:
        return max(1, self.one(Tag.SAMPLES, 1))

    @property
    def compression(self) -> int:
        return self.one(Tag.COMPRESSION, Compression.NONE)

    @property
    def bits(self) -> set[int]:
        """The bit depths of the channels. A picture that is supported has one depth."""
        return set(self.all(Tag.BITS, (1,))[: self.samples_per_pixel])

    @property
    def sample_formats(self) -> set[int]:
        """The sample formats of the channels; undefined counts as unsigned. A picture that is supported has one."""
        formats = set(self.all(Tag.SAMPLE_FORMAT, (SampleFormat.UNSIGNED,))[: self.samples_per_pixel])
        return {SampleFormat.UNSIGNED if kind == SampleFormat.UNDEFINED else kind for kind in formats}

    @property
    def photometric(self) -> int:
        """The photometric interpretation; without the tag, what libtiff assumes (tif_getimage.c)."""
        colours = self.samples_per_pixel - len(self.array(Tag.EXTRA_SAMPLES))
        if colours >= 3:
            default = Photometric.YCBCR if self.compression == Compression.OLD_JPEG else Photometric.RGB
        else:
            default = Photometric.WHITE_IS_ZERO if self.compression in FAX else Photometric.BLACK_IS_ZERO
        return self.one(Tag.PHOTOMETRIC, default)

    @property
    def is_planar(self) -> bool:
        """Whether every channel is stored in blocks of its own."""
        return self.one(Tag.PLANAR, 1) != 1

    @property
    def subsampling(self) -> tuple[int, int]:
        """How many columns and rows share one chroma sample. JPEG data are upsampled by their decoder: (1, 1)."""
        if self.photometric != Photometric.YCBCR or self.compression in (Compression.JPEG, Compression.OLD_JPEG):
            return 1, 1
        across, down = (*self.all(Tag.YCBCR_SUBSAMPLING), 2, 2)[:2]
        return across, down

    @property
    def predictor(self) -> int:
        return self.one(Tag.PREDICTOR, Predictor.NONE)

    @property
    def alpha_channel(self) -> int | None:
        """The index of the alpha channel, or None.

        The first extra channel that is declared as alpha, or else a fourth channel beside RGB of unspecified meaning, as
        in OpenCV and libtiff. OpenImageIO takes the latter for alpha only if the tag ExtraSamples is missing.
        """
        extra, channels, colours = self.all(Tag.EXTRA_SAMPLES), self.samples_per_pixel, COLOUR_SAMPLES[self.photometric]
        for channel, kind in enumerate(extra[: channels - colours], colours):
            if kind in (ExtraSample.ASSOCIATED_ALPHA, ExtraSample.UNASSOCIATED_ALPHA):
                return channel
        is_rgb = colours == 3 and channels > colours and self.photometric in (Photometric.RGB, Photometric.YCBCR)
        is_unspecified = not extra or (channels == 4 and extra[0] == ExtraSample.UNSPECIFIED)
        return colours if is_rgb and is_unspecified else None

    @property
    def is_alpha_associated(self) -> bool:
        """Whether colour is stored premultiplied by the alpha channel."""
        extra, alpha = self.all(Tag.EXTRA_SAMPLES), self.alpha_channel
        if alpha is None:
            return False
        index = alpha - COLOUR_SAMPLES[self.photometric]
        return len(extra) > index and extra[index] == ExtraSample.ASSOCIATED_ALPHA
