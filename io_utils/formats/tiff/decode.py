"""TIFF and BigTIFF files -> pixels: one rule for every depth and layout. Section numbers: TIFF 6.0, Adobe, 1992.

What the file means is read here, from its first directory: Pillow keeps 8 bits of 16-bit colour, knows no floating-point
colour, and stumbles over tags that have no part in the pixels. Blocks (strips or tiles) that are stored or deflated are
unpacked here, fax in `fax`, JPEG in `jpeg`, and LZW and PackBits by FFmpeg, which is shown them as a picture of bytes, or in
`tiff_codecs`. libtiff, which Pillow brings, writes a line to the console for damage, and of fax fills in what it cannot decode.
It is left with what nothing else unpacks: ZSTD, shown to it as a picture of bytes, and the JPEG of 1992.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import UnreadKindError
from .. import jpeg
from ..base import Extent, Format, Header, Pixels
from ..pixels import unassociated
from ..zlib_engines import inflate_engine
from . import fax
from .codecs import old_lzw, packbits, thunderscan

try:
    import lzma
except ImportError:  # a Python that was built without it
    lzma = None  # type: ignore[assignment]

_RESAVED = "save it with LZW, deflate or ZSTD compression"
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # section 2; + is BigTIFF
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_FAX_OPTIONS, _PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 292, 317, 320, 322, 323, 324, 325
_INK_SET, _EXTRA, _FORMAT, _JPEG_TABLES, _OLD_JPEG_START, _OLD_JPEG_LENGTH = 332, 338, 339, 347, 513, 514
_COEFFICIENTS, _SUBSAMPLING, _REFERENCE = 529, 530, 532
_OLD_JPEG_TAGS = (512, 513, 514, 515, 517, 518, 519, 520, 521)  # section 22
_READ = frozenset({_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES})
_READ |= {_STRIP_ROWS, _STRIP_BYTES, _PLANAR, _FAX_OPTIONS, _PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILES}
_READ |= {_TILE_BYTES, _INK_SET, _EXTRA, _FORMAT, _JPEG_TABLES, _COEFFICIENTS, _SUBSAMPLING, _REFERENCE}
_READ |= {*_OLD_JPEG_TAGS}
_PER_BLOCK = (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)

# Every type of whole number, whatever the specification wants for the tag: writers differ.
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_FRACTIONS, _FLOATS = {5: "u4", 10: "i4"}, {11: "f4", 12: "f8"}
_SIZES = {kind: int(name[1]) for kind, name in (_INTEGERS | _FLOATS).items()} | dict.fromkeys(_FRACTIONS, 8)
_ENTRIES_MOST = 1 << 16  # as many as a TIFF can have; a BigTIFF has no use for more
_VALUES_MOST = 1 << 18  # of a tag that is not one of the blocks; a palette of 16 bits has 196 608

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTED, _CMYK, _YCBCR, _LAB = (
    0,
    1,
    2,
    3,
    5,
    6,
    8,
)  # sections 4 to 6, 8, 16, 21, 23
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTED: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_PHOTOMETRICS = {4: "a transparency mask", 9: "ICC Lab", 10: "ITU Lab", 32803: "a camera's raw data", 32844: "LogL"}
_PHOTOMETRICS |= {32845: "LogLuv", 34892: "linear raw data"}
_UNSPECIFIED, _ASSOCIATED, _UNASSOCIATED = 0, 1, 2  # section 18
_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4  # section 19
_FORMATS = {
    1: "unsigned integers",
    2: "signed integers",
    3: "floating point",
    5: "complex integers",
    6: "complex numbers",
}
_FLOAT_BITS = (16, 32, 64)
_MOST_BITS = 16

_NONE, _OLD_JPEG, _JPEG, _THUNDERSCAN = 1, 6, 7, 32809
_HUFFMAN, _GROUP_3, _GROUP_4, _HUFFMAN_IN_WORDS = 2, 3, 4, 32771
_FAX = (_HUFFMAN, _GROUP_3, _GROUP_4, _HUFFMAN_IN_WORDS)
_LOSSLESS = {5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "ZSTD"}
_DEFLATE, _PACKBITS, _LZW, _LZMA, _ZSTD = (8, 32946), 32773, 5, 34925, 50000
_UNREAD = {32766: "NeXT", 32908: "IT8", 32909: "PixarLog", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000"}
_UNREAD |= {34661: "JBIG", 34676: "SGILog", 34677: "SGILog", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG"}
_UNREAD |= {34933: "PNG", 34934: "JPEG XR", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}
_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3  # section 14 and Adobe's TIFF technical note 3
_PREDICTED_BITS = (8, 16, 32, 64)

_MOST_BYTES = 2**30  # of a picture, all its channels included; 8K in four floats has half of it
_MOST_BYTES_AT_ONCE = 2**26  # that FFmpeg is shown; its limit is some 2^28 pixels
_MOST_BITS_AT_ONCE = 2**24  # that are spread over a byte each
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]

_BT601 = (0.299, 0.587, 0.114)  # section 21's default, YCbCrCoefficients
_WHOLE_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)  # libtiff's default for YCbCr, ReferenceBlackWhite


class Directory:
    """The first picture of a TIFF or BigTIFF file, as its tags describe it. ValueError if they are not all there.

    Read here: Pillow passes over tags that are cut off, and the picture then is another one. Values are read when they are
    asked for, so `file` has to stay open.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.length = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16).ljust(16, b"\0")
        self.big_endian = head[:1] == b"M"
        self._order = order = ">" if self.big_endian else "<"
        big = b"+" in head[2:4]
        number, entry = ("Q", "HHQ8s") if big else ("I", "HHI4s")
        (start,) = struct.unpack_from(order + number, head, 8 if big else 4)
        (count,) = struct.unpack(order + ("Q" if big else "H"), self._bytes(start, 8 if big else 2))
        start += 8 if big else 2
        size = struct.calcsize(order + entry)
        if count > _ENTRIES_MOST:
            raise ValueError(f"its directory has {count:,} tags")
        self._tags: dict[int, tuple[int, int, int]] = {}  # kind, number of values, where they are
        for index, packed in enumerate(struct.iter_unpack(order + entry, self._bytes(start, count * size))):
            tag, kind, many, value = packed
            kinds = _SIZES if tag in (_COEFFICIENTS, _REFERENCE) else _INTEGERS
            if tag not in _READ or tag in self._tags or kind not in kinds:
                continue
            inline = many * _SIZES[kind] <= len(value)
            at = start + (index + 1) * size - len(value) if inline else struct.unpack(order + number, value)[0]
            self._require(at, many * _SIZES[kind])
            if many:
                self._tags[tag] = kind, many, at

    def _require(self, at: int, size: int) -> None:
        if at + size > self.length:
            raise ValueError("it ends inside its directory of tags")

    def _bytes(self, at: int, size: int) -> bytes:
        self._require(at, size)
        self._file.seek(at)
        return self._file.read(size)

    def array(self, tag: int) -> NDArray[Any]:
        """The values of a tag, whole numbers or floats; none if the file has no such tag."""
        if tag not in self._tags:
            return np.zeros(0, np.int64)
        kind, many, at = self._tags[tag]
        # 20 tags may each have the whole file for their values.
        many = many if tag in _PER_BLOCK else min(many, _VALUES_MOST)
        if kind in _FRACTIONS:
            parts = np.frombuffer(self._bytes(at, 8 * many), self._order + _FRACTIONS[kind]).reshape(-1, 2)
            divided: NDArray[Any] = parts[:, 0] / np.maximum(parts[:, 1], 1)
            return divided
        dtype = np.dtype(self._order + (_INTEGERS | _FLOATS)[kind])
        return np.frombuffer(self._bytes(at, many * dtype.itemsize), dtype)

    def all(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        return tuple(self.array(tag).tolist()) or default

    def one(self, tag: int, default: int | None = None) -> int:
        values = self.array(tag)
        if not len(values):
            if default is None:
                raise ValueError(f"its tag {tag} is missing")
            return default
        return int(values[0])

    @property
    def orientation(self) -> int:
        return self.one(_ORIENTATION, 1)

    @property
    def size(self) -> Extent:
        """As stored."""
        return Extent(self.one(_WIDTH), self.one(_HEIGHT))

    @property
    def samples(self) -> int:
        return max(1, self.one(_SAMPLES, 1))

    @property
    def compression(self) -> int:
        return self.one(_COMPRESSION, _NONE)

    @property
    def bits(self) -> set[int]:
        """Of the samples; of one picture, all should have the same."""
        return set(self.all(_BITS, (1,))[: self.samples])

    @property
    def formats(self) -> set[int]:
        found = set(self.all(_FORMAT, (_UNSIGNED,))[: self.samples])
        return {_UNSIGNED if kind == _UNDEFINED else kind for kind in found}

    @property
    def photometric(self) -> int:
        """What the samples are; where the tag is missing, what libtiff takes them for (tif_getimage.c)."""
        colours = self.samples - len(self.array(_EXTRA))
        default = _RGB if colours >= 3 else _WHITE_IS_ZERO if self.compression in _FAX else _BLACK_IS_ZERO
        return self.one(_PHOTOMETRIC, _YCBCR if self.compression == _OLD_JPEG and colours >= 3 else default)

    @property
    def subsampling(self) -> tuple[int, int]:
        """How many columns and rows share a sample of chroma."""
        if self.photometric != _YCBCR or self.compression in (_JPEG, _OLD_JPEG):
            return 1, 1
        across, down = (*self.all(_SUBSAMPLING), 2, 2)[:2]
        return across, down

    def require_readable(self) -> None:
        """ValueError, which names the kind, for a file that is not read, however sound it is."""
        compression, bits, formats = self.compression, self.bits, self.formats
        if compression in _UNREAD:
            raise UnreadKindError(f"{_UNREAD[compression]} compression in TIFF is not read", _RESAVED)
        if compression not in (_NONE, _OLD_JPEG, _JPEG, _THUNDERSCAN, *_FAX, *_LOSSLESS):
            raise UnreadKindError(f"TIFF with compression {compression} is not read", _RESAVED)
        of = ", ".join(map(str, self.all(_BITS, (1,))[:8]))
        if len(bits) != 1 or len(formats) != 1:
            raise UnreadKindError(
                f"TIFF whose channels differ (bits {of}) is not read", "give all the same number of bits"
            )
        bit, kind = next(iter(bits)), next(iter(formats))
        if not (kind == _FLOAT and bit in _FLOAT_BITS) and not (kind == _UNSIGNED and 1 <= bit <= _MOST_BITS):
            what = _FORMATS.get(kind, f"samples of format {kind}")
            raise UnreadKindError(
                f"TIFF of {bit}-bit {what} is not read (bits {of}; sample format {kind})",
                "convert it to 8 or 16 bits, unsigned, or to floating point",
            )
        self._require_colours(bit, is_float=kind == _FLOAT)
        self._require_packing(bit, is_float=kind == _FLOAT)

    def _require_colours(self, bit: int, *, is_float: bool) -> None:
        photometric = self.photometric
        if photometric not in _COLOURS:
            what = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
            raise UnreadKindError(f"TIFF of {what} is not read", "convert its colours to RGB")
        if self.samples < _COLOURS[photometric]:
            raise ValueError(f"it has {self.samples} samples a pixel, too few for its colours")
        if is_float and photometric not in (_BLACK_IS_ZERO, _RGB):
            what = "an inverted picture" if photometric == _WHITE_IS_ZERO else "colours that are neither grey nor RGB"
            raise UnreadKindError(f"TIFF with {what} in floating point is not read", "convert its colours to RGB")
        if photometric in (_YCBCR, _LAB) and bit != 8:
            what = "YCbCr" if photometric == _YCBCR else "Lab"
            raise UnreadKindError(f"TIFF of {what} with {bit} bits is not read", "convert its colours to RGB")
        if photometric == _CMYK and self.one(_INK_SET, 1) != 1:
            raise UnreadKindError("TIFF of inks other than CMYK is not read", "convert its colours to RGB")
        if self.subsampling != (1, 1) and (
            not {*self.subsampling} <= {1, 2, 4} or self.samples != 3 or self.one(_PLANAR, 1) != 1
        ):
            raise UnreadKindError(
                f"TIFF of YCbCr with chroma shared by {self.subsampling} pixels is not read",
                "convert its colours to RGB",
            )

    def _require_packing(self, bit: int, *, is_float: bool) -> None:
        compression = self.compression
        needed = {_OLD_JPEG: 8, _JPEG: 8, _THUNDERSCAN: 4} | dict.fromkeys(_FAX, 1)
        if bit != needed.get(compression, bit):
            raise UnreadKindError(f"TIFF with compression {compression} and {bit} bits is not read", _RESAVED)
        if compression in (*_FAX, _THUNDERSCAN) and self.samples != 1 and self.one(_PLANAR, 1) == 1:
            raise UnreadKindError(
                f"TIFF with compression {compression} and {self.samples} channels is not read", _RESAVED
            )
        predictor = self.one(_PREDICTOR, _NO_PREDICTOR)
        possible = (_NO_PREDICTOR, _DIFFERENCES, *((_FLOAT_DIFFERENCES,) if is_float else ()))
        is_used = compression in _LOSSLESS and compression != _PACKBITS and predictor != _NO_PREDICTOR
        if predictor not in possible or (is_used and (bit not in _PREDICTED_BITS or self.subsampling != (1, 1))):
            raise UnreadKindError(f"TIFF of {bit}-bit samples with predictor {predictor} is not read", _RESAVED)


@dataclass(frozen=True)
class _Blocks:
    """How the picture is cut into strips or tiles, and where in the file these are. One plane follows the other."""

    tiled: bool
    across: int  # columns of a block
    down: int  # rows of a block
    columns: int  # of blocks
    rows: int  # of blocks
    lines: tuple[
        int, int
    ]  # that a block has, that the last one of a strip picture has; of subsampled chroma, half or so
    line_bytes: int  # of one line of a block, unpacked
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, directory: Directory) -> _Blocks:
        """ValueError unless all of them lie in the file."""
        width, height = directory.size
        if width < 1 or height < 1:
            raise ValueError(f"it says that it has {width} x {height} pixels")
        tiled = bool(directory.one(_TILE_WIDTH, 0) and directory.one(_TILE_HEIGHT, 0))
        across = directory.one(_TILE_WIDTH) if tiled else width
        down = directory.one(_TILE_HEIGHT) if tiled else min(directory.one(_STRIP_ROWS, 0) or height, height)
        if across < 1 or down < 1:
            raise ValueError("its blocks are empty")
        columns, rows = -(-width // across), -(-height // down)
        separate = directory.one(_PLANAR, 1) != 1
        right, below = directory.subsampling
        right, below = max(1, right), max(1, below)
        bits = max(directory.bits)
        if (right, below) == (1, 1):
            line_bytes = -(-across * (1 if separate else directory.samples) * bits // 8)
        else:  # a unit: the luma of right x below pixels, and a sample of either chroma
            line_bytes = -(-across // right) * (right * below + 2)
        lines = -(-down // below), -(-(down if tiled else height - (rows - 1) * down) // below)
        needed = rows * lines[0] * columns * line_bytes * (directory.samples if separate else 1)
        if needed > _MOST_BYTES:
            raise ValueError(f"its {width} x {height} pixels are {needed:,} bytes")
        count = rows * columns * (directory.samples if separate else 1)
        if count > directory.length:  # before memory is taken for so many
            raise ValueError(f"it has not {count:,} strips or tiles")
        unpacked = np.full((count // rows // columns, rows, columns), line_bytes * lines[0], np.int64)
        unpacked[:, -1] = line_bytes * lines[1]
        offsets, lengths = _placed_in_file(directory, tiled, unpacked.reshape(-1))
        return cls(tiled, across, down, columns, rows, lines, line_bytes, offsets, lengths)

    def plane(self, index: int) -> _Blocks:
        """Those of one plane alone."""
        part = slice(index * self.rows * self.columns, (index + 1) * self.rows * self.columns)
        values = {**self.__dict__, "offsets": self.offsets[part], "lengths": self.lengths[part]}
        return _Blocks(**values)


def _placed_in_file(
    directory: Directory, tiled: bool, unpacked: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the strips or tiles begin, and how many bytes they have; `unpacked`: as many as that they hold. ValueError."""
    # Some writers put tiles where strips belong.
    offsets, lengths = (
        directory.array(_TILES if tiled else _STRIPS),
        directory.array(_TILE_BYTES if tiled else _STRIP_BYTES),
    )
    offsets = offsets if len(offsets) or not tiled else directory.array(_STRIPS)
    lengths = lengths if len(lengths) or not tiled else directory.array(_STRIP_BYTES)
    count = len(unpacked)
    if directory.compression == _OLD_JPEG and len(directory.array(_OLD_JPEG_START)):
        offsets, lengths = _old_jpeg(directory, offsets, lengths)
        count = len(offsets)
    if len(offsets) < count:
        raise ValueError(f"it has {len(offsets)} of {count} strips or tiles")
    offsets = offsets[:count].astype(np.int64)
    if directory.compression == _NONE:  # what the file says of their lengths is not needed, and often wrong
        lengths = unpacked
    elif len(lengths) < count or not lengths[:count].any():  # each to the next one, as libtiff takes them
        ends = np.sort(np.append(offsets, directory.length))
        lengths = ends[np.searchsorted(ends, offsets, side="right").clip(max=count)] - offsets
    lengths = lengths[:count].astype(np.int64)
    if not ((offsets > 0) & (lengths > 0) & (lengths <= directory.length - offsets)).all():
        raise ValueError("it ends before its last strip or tile, or was not written to its end")
    # Blocks may share bytes, as those of one colour do; but not so many that reading them takes for ever.
    total = int(lengths.sum(dtype=np.float64))
    if total > directory.length + 2 * int(unpacked.sum()) + 1024 * count:
        raise ValueError(f"its strips or tiles overlap: they have {total:,} bytes")
    return offsets, lengths


def _old_jpeg(directory: Directory, offsets: NDArray[Any], lengths: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where the data of old-style JPEG are: its whole stream too, where the file tells of one (section 22)."""
    stream = directory.one(_OLD_JPEG_START), directory.one(_OLD_JPEG_LENGTH, 0)
    if not stream[0] or not stream[1]:
        return offsets, lengths
    if len(offsets) != len(lengths):
        offsets = lengths = np.zeros(0, np.int64)
    return np.append(offsets, stream[0]), np.append(lengths, stream[1])


def decode_tiff(data: bytes, directory: Directory) -> NDArray[Any]:
    """(H, W, C), C in 1..4, uint8, uint16 or float32, not turned; alpha is unassociated. ValueError for damaged files.

    `directory`: of `data`, and readable. Integers of other depths are scaled to 8 or 16 bits, so that the largest number is white.
    Extra channels: the first that is said to be alpha is alpha, and so is a fourth channel beside RGB of which nothing is
    said, as OpenCV and libtiff take it (OpenImageIO: only where the tag ExtraSamples is missing). Others are left out.
    """
    photometric = directory.photometric
    blocks = _Blocks.of(directory)
    planes = directory.samples if directory.one(_PLANAR, 1) != 1 else 1
    channels = directory.samples // planes
    if directory.subsampling != (1, 1):
        samples = _chroma_spread(_unpacked(data, directory, blocks, channels), directory, blocks)
    else:
        parts = [_samples(data, directory, blocks.plane(plane), channels) for plane in range(planes)]
        samples = parts[0] if planes == 1 else np.concatenate(parts, axis=-1)
    # libjpeg has made it RGB
    if directory.compression in (_JPEG, _OLD_JPEG) and channels == 3 and photometric == _YCBCR:
        photometric = _RGB
    colours = _COLOURS[photometric]
    alpha = _alpha(directory, colours)
    colour = _coloured(samples[..., :colours], photometric, directory)
    if alpha is None:
        return colour
    (bits,) = directory.bits
    pixels = np.concatenate([colour, _scaled(samples[..., alpha : alpha + 1], bits).astype(colour.dtype)], axis=-1)
    extra = directory.all(_EXTRA)
    is_associated = len(extra) > alpha - colours and extra[alpha - colours] == _ASSOCIATED
    return unassociated(pixels) if is_associated else pixels


def _alpha(directory: Directory, colours: int) -> int | None:
    """Which of the channels is alpha."""
    extra, channels = directory.all(_EXTRA), directory.samples
    for channel, kind in enumerate(extra[: channels - colours], colours):
        if kind in (_ASSOCIATED, _UNASSOCIATED):
            return channel
    is_rgb = colours == 3 and channels > colours and directory.photometric in (_RGB, _YCBCR)
    return colours if is_rgb and (not extra or (channels == 4 and extra[0] == _UNSPECIFIED)) else None


def _scaled(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Integers of `bits` bits as uint8, or uint16 if they are more than 8; floats as they are."""
    if samples.dtype.kind == "f" or bits in (8, 16):
        return samples
    largest, target = (1 << bits) - 1, np.uint8 if bits < 8 else np.uint16
    levels = np.rint(np.arange(largest + 1) * (float(np.iinfo(target).max) / largest)).astype(target)
    scaled: NDArray[Any] = levels[samples]
    return scaled


def _coloured(samples: NDArray[Any], photometric: int, directory: Directory) -> NDArray[Any]:
    """(H, W, 1 or 3): grey or RGB."""
    (bits,) = directory.bits
    if photometric == _PALETTED:
        palette = directory.array(_PALETTE)
        count = min(1 << bits, len(palette) // 3)
        if not count or (len(palette) < 3 << bits and len(palette) % 3):
            raise ValueError(f"its palette has {len(palette)} numbers")
        colours = np.zeros((1 << bits, 3), np.uint16)  # what is beyond a palette that is too short is black
        colours[:count] = palette[: 3 * count].reshape(3, -1).T
        if bits <= 8:
            # Old writers put numbers of 8 bits there (libtiff, tif_getimage.c).
            colours = (colours >> 8 if (colours > 255).any() else colours).astype(np.uint8)
        paletted: NDArray[Any] = colours[samples[..., 0]]
        return paletted
    if photometric == _LAB:
        height, width = samples.shape[:2]
        image = Image.frombytes("LAB", (width, height), np.ascontiguousarray(samples).tobytes(), "raw", "LAB")
        return np.asarray(image.convert("RGB"))
    if photometric == _YCBCR:
        return _rgb_of_ycbcr(samples, directory)
    samples = _scaled(samples, bits)
    if photometric == _WHITE_IS_ZERO:
        return np.iinfo(samples.dtype).max - samples
    if photometric == _CMYK:
        largest = int(np.iinfo(samples.dtype).max)
        left = largest - samples.astype(np.uint32)
        return ((left[..., :3] * left[..., 3:] + largest // 2) // largest).astype(samples.dtype)
    return samples


def _rgb_of_ycbcr(samples: NDArray[np.uint8], directory: Directory) -> NDArray[np.uint8]:
    """Section 21, and section 20 for the range, with the coefficients that the file gives."""
    said = directory.array(_COEFFICIENTS)
    if len(said) >= 3 and not ((said[:3] > 0).all() and abs(said[:3].sum() - 1) < 0.1):  # they are shares of one
        raise ValueError(f"its YCbCrCoefficients, {said[:3].tolist()}, are invalid")
    red, green, blue = said[:3].tolist() if len(said) >= 3 else _BT601
    range_ = directory.array(_REFERENCE)
    black = range_[:6].tolist() if len(range_) >= 6 else list(_WHOLE_RANGE)
    wide = [max(1.0, black[1] - black[0]), max(1.0, black[3] - black[2]), max(1.0, black[5] - black[4])]
    rgb = np.empty(samples.shape, np.uint8)
    for rows in range(0, len(samples), 256):  # in floating point, a piece at a time
        y, cb, cr = np.moveaxis(samples[rows : rows + 256].astype(np.float32), -1, 0)
        y, cb, cr = (y - black[0]) * 255 / wide[0], (cb - black[2]) * 127 / wide[1], (cr - black[4]) * 127 / wide[2]
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        g = (y - red * r - blue * b) / green
        rgb[rows : rows + 256] = np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, 255)
    return rgb


def _chroma_spread(stored: NDArray[np.uint8], directory: Directory, blocks: _Blocks) -> NDArray[np.uint8]:
    """(H, W, 3) YCbCr of lines of units, each the luma of some pixels and the chroma that they share (section 21)."""
    width, height = directory.size
    right, below = directory.subsampling
    bands = []
    for top in range(0, len(stored), blocks.lines[0]):  # a strip may end within a line
        units = stored[top : top + blocks.lines[0]]
        units = units.reshape(len(units), -1, right * below + 2)
        lines, across = units.shape[:2]
        luma = units[..., :-2].reshape(lines, across, below, right).swapaxes(1, 2)
        chroma = units[..., -2:].repeat(below, axis=0).repeat(right, axis=1)
        pixels = np.concatenate([luma.reshape(lines * below, across * right, 1), chroma], axis=-1)
        bands.append(pixels[: blocks.down, :width])
    return np.concatenate(bands)[:height]


def _samples(data: bytes, directory: Directory, blocks: _Blocks, channels: int) -> NDArray[Any]:
    """(H, W, channels), of one plane: uint8 or uint16, not scaled, or float32."""
    width, height = directory.size
    (bits,), (kind,) = directory.bits, directory.formats
    stored = _unpacked(data, directory, blocks, channels)
    if stored.ndim == 3:  # of JPEG and fax: samples already
        return stored[:height, :width]
    padded = blocks.columns * blocks.across
    if bits not in (8, 16, 32, 64):
        return _spread(stored, blocks, channels, bits)[:height, :width]
    dtype = np.dtype((">" if directory.big_endian else "<") + f"{'f' if kind == _FLOAT else 'u'}{bits // 8}")
    predictor = directory.one(_PREDICTOR, _NO_PREDICTOR)
    if predictor == _NO_PREDICTOR or directory.compression in (_NONE, _PACKBITS):
        samples = stored.view(dtype).reshape(len(stored), padded, channels)[:height, :width]
    else:
        parts = [
            _added_up(np.ascontiguousarray(stored[:, left : left + blocks.line_bytes]), dtype, channels, predictor)
            for left in range(0, blocks.columns * blocks.line_bytes, blocks.line_bytes)
        ]
        samples = np.concatenate(parts, axis=1)[:height, :width]
    with np.errstate(invalid="ignore", over="ignore"):  # of signalling NaNs; doubles beyond float32 become infinite
        return samples.astype(np.float32 if kind == _FLOAT else dtype.newbyteorder("="), copy=False)


def _spread(stored: NDArray[np.uint8], blocks: _Blocks, channels: int, bits: int) -> NDArray[Any]:
    """(lines, padded width, channels), uint8 or uint16, of samples that are packed bit by bit, the highest first."""
    count = blocks.across * channels
    packed = stored.reshape(len(stored), blocks.columns, blocks.line_bytes)
    samples = np.empty((len(stored), blocks.columns, count), np.uint8 if bits <= 8 else np.uint16)
    weights = (1 << np.arange(bits)[::-1]).astype(samples.dtype)
    step = max(1, _MOST_BITS_AT_ONCE // max(1, count * bits * blocks.columns))
    for top in range(0, len(stored), step):
        loose = np.unpackbits(packed[top : top + step], axis=-1, count=count * bits)
        samples[top : top + step] = loose.reshape(*loose.shape[:2], count, bits) @ weights
    return samples.reshape(len(stored), blocks.columns * blocks.across, channels)


def _unpacked(data: bytes, directory: Directory, blocks: _Blocks, channels: int) -> NDArray[np.uint8]:
    """The lines of a plane, (lines, bytes of the blocks side by side); of JPEG and fax samples, (H, W, channels)."""
    compression = directory.compression
    of_all = {_ZSTD: _by_libtiff, _JPEG: _of_jpeg, _OLD_JPEG: _of_old_jpeg}.get(compression)
    if of_all is not None:
        return of_all(data, directory, blocks, channels)
    if compression in (_LZW, _PACKBITS):
        with contextlib.suppress(av.error.FFmpegError):  # damaged; or packed in a way that only libtiff knows
            return _joined(list(_by_ffmpeg(data, directory, blocks)), blocks)
    contents = zip(_contents(data, directory, blocks), _lines(blocks))
    joined = _joined([_block(directory, blocks, block, lines) for block, lines in contents], blocks)
    return joined[..., np.newaxis] if compression in (*_FAX, _THUNDERSCAN) else joined


def _block(directory: Directory, blocks: _Blocks, block: memoryview, lines: int) -> NDArray[np.uint8]:
    """One block unpacked: its bytes, or of fax and ThunderScan its samples."""
    compression = directory.compression
    if compression == _NONE:
        return np.frombuffer(block, np.uint8)
    if compression in _FAX:
        return _faxed(block, directory, blocks.across, lines)
    if compression == _THUNDERSCAN:
        return np.frombuffer(thunderscan(bytes(block), blocks.across, lines), np.uint8)
    length = blocks.line_bytes * lines
    plain = _UNPACKERS[compression](bytes(block), length)
    if len(plain) < length:
        raise ValueError(f"a strip or tile holds {len(plain):,} of {length:,} bytes")
    return np.frombuffer(plain, np.uint8, length)


def _lines(blocks: _Blocks) -> list[int]:
    """How many lines each of the blocks has."""
    return [blocks.lines[0]] * ((blocks.rows - 1) * blocks.columns) + [blocks.lines[1]] * blocks.columns


def _contents(data: bytes, directory: Directory, blocks: _Blocks) -> list[memoryview]:
    """The bytes of each block, the highest bit first."""
    parts = [memoryview(data)[at : at + length] for at, length in zip(blocks.offsets.tolist(), blocks.lengths.tolist())]
    if directory.one(_FILL_ORDER, 1) == 2 and directory.compression != _JPEG:
        return [_REVERSED[np.frombuffer(part, np.uint8)].data for part in parts]
    return parts


def _inflated(block: bytes, length: int) -> bytes:
    """Of a block that holds more, as the last strip of some writers does, hardly more than the first `length` bytes."""
    try:
        # One byte more, so that the checksum behind the last one is read.
        plain: bytes = inflate_engine().decompressobj().decompress(block, length + 1)
    except Exception as error:  # each engine has its own class: isal_zlib.error, zlib_ng.error, zlib.error
        raise ValueError(f"its compressed data are damaged: {error}") from error
    return plain


def _of_lzma(block: bytes, length: int) -> bytes:
    if lzma is None:
        raise UnreadKindError("LZMA compression in TIFF is not read by this Python", _RESAVED)
    try:
        return lzma.LZMADecompressor(memlimit=_MOST_BYTES).decompress(block, length)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"its compressed data are damaged: {error}") from error


# Bytes of a block, and how many to unpack -> as many, or fewer of a damaged block. ValueError.
_UNPACKERS: dict[int, Callable[[bytes, int], bytes]] = dict.fromkeys(_DEFLATE, _inflated)
_UNPACKERS |= {_LZMA: _of_lzma, _PACKBITS: packbits, _LZW: old_lzw}


def _joined(parts: list[NDArray[np.uint8]], blocks: _Blocks) -> NDArray[np.uint8]:
    """The blocks, row by row from the top left, as one array of lines."""
    bands = []
    for row in range(blocks.rows):
        lines = blocks.lines[row == blocks.rows - 1]
        band = [part.reshape(lines, -1) for part in parts[row * blocks.columns : (row + 1) * blocks.columns]]
        bands.append(band[0] if len(band) == 1 else np.concatenate(band, axis=1))
    return np.ascontiguousarray(bands[0] if len(bands) == 1 else np.concatenate(bands))


def _faxed(block: memoryview, directory: Directory, width: int, height: int) -> NDArray[np.uint8]:
    compression, contents = directory.compression, bytes(block)
    if compression == _GROUP_4:
        return fax.group_4(contents, width, height)
    if compression == _GROUP_3:
        return fax.group_3(contents, width, height, two_dimensional=bool(directory.one(_FAX_OPTIONS, 0) & 1))
    return fax.run_lengths(contents, width, height, alignment=8 if compression == _HUFFMAN else 16)


def _by_ffmpeg(data: bytes, directory: Directory, blocks: _Blocks) -> Iterator[NDArray[np.uint8]]:
    """The bytes of each block, shown to FFmpeg as strips of a picture. FFmpegError if one is damaged."""
    at_once = max(1, _MOST_BYTES_AT_ONCE // (blocks.line_bytes * blocks.lines[0]))
    lines = _lines(blocks)
    for start in range(0, len(lines), at_once):
        part = slice(start, start + at_once)
        tags = _as_bytes_tags(directory, blocks, sum(lines[part]))
        tags |= {_STRIP_ROWS: [blocks.lines[0]], _STRIPS: blocks.offsets[part], _STRIP_BYTES: blocks.lengths[part]}
        decoder = av.CodecContext.create("tiff", "r")
        decoder.thread_count = 1  # frames are decoded side by side already
        decoder.options = {"err_detect": "explode"}
        (frame,) = decoder.decode(av.Packet(_with_directory(data, tags, directory.big_endian)))
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            : frame.height, : blocks.line_bytes
        ]
        yield from np.split(rows, np.cumsum(lines[part])[:-1])


def _by_libtiff(data: bytes, directory: Directory, blocks: _Blocks, _: int) -> NDArray[np.uint8]:
    """The blocks, shown to libtiff as a picture of as many bytes."""
    lines = (blocks.rows - 1) * blocks.lines[0] + blocks.lines[1]
    tags = _as_bytes_tags(directory, blocks, lines)
    size = len(tags[_BITS])
    tags[_WIDTH] = [blocks.columns * blocks.line_bytes // size]
    tags |= _placed(blocks, blocks.line_bytes // size, blocks.lines[0])
    return _opened(data, directory, tags).reshape(lines, -1)


def _as_bytes_tags(directory: Directory, blocks: _Blocks, lines: int) -> dict[int, Any]:
    """The tags of a picture whose pixels are the bytes of one column of blocks, without those that place the blocks."""
    # Several bytes a pixel where they fit: of one byte a pixel, 4K in floating point is a bomb to Pillow.
    fill_order = directory.one(_FILL_ORDER, 1)
    size = next((size for size in (4, 3) if blocks.line_bytes % size == 0 and fill_order == 1), 1)
    return {
        _WIDTH: [blocks.line_bytes // size],
        _HEIGHT: [lines],
        _BITS: [8] * size,
        _COMPRESSION: [directory.compression],
        _PHOTOMETRIC: [_BLACK_IS_ZERO if size == 1 else _RGB],
        _FILL_ORDER: [fill_order],
        _SAMPLES: [size],
    }


def _of_jpeg(data: bytes, directory: Directory, blocks: _Blocks, channels: int) -> NDArray[np.uint8]:
    """(H, W, channels): each block is a JPEG stream, whose tables may stand in a tag (Adobe's TIFF technical note 2)."""
    if channels not in (1, 3, 4):
        raise UnreadKindError(f"TIFF of JPEG with {channels} channels is not read", _RESAVED)
    tables = directory.array(_JPEG_TABLES).astype(np.uint8).tobytes()
    is_ycbcr = directory.photometric == _YCBCR
    parts = []
    for block, lines in zip(_contents(data, directory, blocks), _lines(blocks)):
        samples = jpeg.decode_block(bytes(block), tables, is_ycbcr, (blocks.across, blocks.down, channels))
        if len(samples) < lines:
            raise ValueError(f"a strip or tile has {len(samples)} of {lines} rows")
        parts.append(samples[:lines])
    return _joined(parts, blocks).reshape(-1, blocks.columns * blocks.across, channels)


def _of_old_jpeg(data: bytes, directory: Directory, blocks: _Blocks, channels: int) -> NDArray[np.uint8]:
    """(H, W, channels), decoded by libtiff as the picture that it is."""
    width, height = directory.size
    photometric = directory.photometric
    if photometric != _YCBCR or channels != 3:
        containers = {1: _BLACK_IS_ZERO, 3: _RGB, 4: _CMYK}
        if channels not in containers:
            raise UnreadKindError(f"TIFF of JPEG with {channels} channels is not read", _RESAVED)
        photometric = containers[channels]
    tags: dict[int, Any] = {
        _WIDTH: [width],
        _HEIGHT: [height],
        _BITS: [8] * channels,
        _COMPRESSION: [_OLD_JPEG],
        _PHOTOMETRIC: [photometric],
        _SAMPLES: [channels],
    }
    tags |= _placed(blocks, blocks.across, blocks.down)
    tags |= {tag: directory.all(tag) for tag in _OLD_JPEG_TAGS}
    tags |= {_STRIPS: directory.all(_STRIPS), _STRIP_BYTES: directory.all(_STRIP_BYTES)}
    tags |= {_JPEG_TABLES: directory.array(_JPEG_TABLES).astype(np.uint8).tobytes()}
    if photometric == _YCBCR:
        tags |= {_SUBSAMPLING: directory.all(_SUBSAMPLING)}
        reference = directory.array(_REFERENCE)
        if len(reference) == 6 and (reference >= 0).all():  # libtiff takes whole numbers too, which these always are
            tags |= {_REFERENCE: [round(value) for value in reference.tolist()]}
    pixels = _opened(data, directory, {tag: values for tag, values in tags.items() if len(values)})
    if pixels.shape != (height, width, channels):
        raise ValueError(f"it holds {pixels.shape[-1]} channels, not {channels}")
    return pixels


def _placed(blocks: _Blocks, across: int, down: int) -> dict[int, Any]:
    """The tags that say where the blocks are, for a picture of blocks of these sizes."""
    if blocks.tiled:
        return {_TILE_WIDTH: [across], _TILE_HEIGHT: [down], _TILES: blocks.offsets, _TILE_BYTES: blocks.lengths}
    return {_STRIP_ROWS: [down], _STRIPS: blocks.offsets, _STRIP_BYTES: blocks.lengths}


def _opened(data: bytes, directory: Directory, tags: dict[int, Any]) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(_with_directory(data, tags, directory.big_endian)), formats=["TIFF"]) as image:
        try:
            pixels = np.asarray(image)
        except OSError as error:  # "decoder error -2"
            raise ValueError("its compressed data are damaged, or of a kind that libtiff does not read") from error
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _added_up(stored: NDArray[np.uint8], dtype: np.dtype[Any], channels: int, predictor: int) -> NDArray[Any]:
    """Rows of differences -> samples, (H, W, channels)."""
    height = len(stored)
    if predictor == _DIFFERENCES:
        numbers = stored.view(dtype.str.replace("f", "u")).reshape(height, -1, channels)
        summed = np.cumsum(numbers, axis=1, dtype=numbers.dtype.newbyteorder("="))
        return summed.view(dtype.newbyteorder("="))
    # The bytes of a row by significance, the most significant ones of all its samples first.
    summed = np.cumsum(stored.reshape(height, -1, channels), axis=1, dtype=np.uint8).reshape(height, dtype.itemsize, -1)
    values = np.ascontiguousarray(summed.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return values.reshape(height, -1, channels)


def _with_directory(data: bytes, tags: dict[int, Any], big_endian: bool) -> bytes:
    """The file with these tags for its only directory (section 2): numbers as LONG, bytes as UNDEFINED."""
    order = ">" if big_endian else "<"
    start = len(data) + len(data) % 2
    behind = start + 2 + 12 * len(tags) + 4
    if behind >= 1 << 32:
        raise UnreadKindError("TIFF of 4 GB and more in this compression is not read", "save it with deflate")
    entries, rest = b"", b""
    for tag, values in sorted(tags.items()):
        kind = 7 if isinstance(values, bytes) else 4
        packed = values if isinstance(values, bytes) else np.asarray(values).astype(order + "u4").tobytes()
        if len(packed) > 4:
            packed, rest = struct.pack(f"{order}I", behind + len(rest)), rest + packed
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", start)
    count = struct.pack(f"{order}H", len(tags))
    return b"".join((head, data[8:], bytes(start - len(data)), count, entries, bytes(4), rest))


class _Tiff(Format[Directory]):
    name = "TIFF"
    extensions = (".tif", ".tiff")
    signatures = _MAGIC
    largest_side = 2**32 - 1  # ImageWidth and ImageLength are LONG, section 8

    def read_header(self, file: IO[bytes]) -> Header[Directory]:
        directory = Directory(file)
        directory.require_readable()
        alpha = _alpha(directory, _COLOURS[directory.photometric])
        return Header((directory.size,), directory, alpha is not None, directory.orientation)

    def decode(self, data: bytes, header: Header[Directory], at_least: int | None = None) -> Pixels:
        return decode_tiff(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Do all the strips or tiles that the file's directory names lie inside it? Nothing is decoded."""
        try:
            _Blocks.of(Directory(file))
        except ValueError:
            return False
        return True


TIFF = _Tiff()
