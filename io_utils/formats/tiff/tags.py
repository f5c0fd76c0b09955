"""The numbers of the TIFF format: tags, and the values that they can have. Section numbers: TIFF 6.0, Adobe, 1992."""

from __future__ import annotations

from enum import IntEnum


class Tag(IntEnum):
    """The tags that affect the pixels. All others are ignored."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258  # per sample
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIPS = 273  # offsets in the file, as TILES
    ORIENTATION = 274
    SAMPLES = 277  # per pixel
    STRIP_ROWS = 278
    STRIP_BYTES = 279
    PLANAR = 284
    FAX_OPTIONS = 292
    PREDICTOR = 317
    PALETTE = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILES = 324
    TILE_BYTES = 325
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    OLD_JPEG_PROCESS = 512
    OLD_JPEG_START = 513
    OLD_JPEG_LENGTH = 514
    OLD_JPEG_RESTART_INTERVAL = 515
    OLD_JPEG_PREDICTORS = 517
    OLD_JPEG_POINT_TRANSFORMS = 518
    OLD_JPEG_Q_TABLES = 519
    OLD_JPEG_DC_TABLES = 520
    OLD_JPEG_AC_TABLES = 521
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532


# One value for each block: these may be as long as the picture requires.
PER_BLOCK_TAGS = (Tag.STRIPS, Tag.STRIP_BYTES, Tag.TILES, Tag.TILE_BYTES)
OLD_JPEG_TAGS = tuple(tag for tag in Tag if 512 <= tag <= 521)  # section 22


class Photometric(IntEnum):
    """Sections 4 to 6, 8, 16, 21 and 23."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    LAB = 8


# How many samples of a pixel are colour. The others are alpha or extra channels.
COLOUR_SAMPLES: dict[int, int] = {
    Photometric.WHITE_IS_ZERO: 1,
    Photometric.BLACK_IS_ZERO: 1,
    Photometric.RGB: 3,
    Photometric.PALETTE: 1,
    Photometric.CMYK: 4,
    Photometric.YCBCR: 3,
    Photometric.LAB: 3,
}


class ExtraSample(IntEnum):
    """Section 18."""

    UNSPECIFIED = 0
    ASSOCIATED_ALPHA = 1
    UNASSOCIATED_ALPHA = 2


class SampleFormat(IntEnum):
    """Section 19."""

    UNSIGNED = 1
    SIGNED = 2
    FLOAT = 3
    UNDEFINED = 4


class Predictor(IntEnum):
    """Section 14 and Adobe's TIFF technical note 3."""

    NONE = 1
    DIFFERENCES = 2
    FLOAT_DIFFERENCES = 3


class Compression(IntEnum):
    """The compressions that are supported."""

    NONE = 1
    HUFFMAN = 2
    GROUP_3 = 3
    GROUP_4 = 4
    LZW = 5
    OLD_JPEG = 6  # section 22, replaced by JPEG in Adobe's TIFF technical note 2
    JPEG = 7
    DEFLATE = 8
    PACKBITS = 32773
    HUFFMAN_IN_WORDS = 32771
    THUNDERSCAN = 32809
    OLD_DEFLATE = 32946
    LZMA = 34925
    ZSTD = 50000


FAX = (Compression.HUFFMAN, Compression.GROUP_3, Compression.GROUP_4, Compression.HUFFMAN_IN_WORDS)
DEFLATE = (Compression.DEFLATE, Compression.OLD_DEFLATE)
# These take samples of any depth. All of them but PackBits can have a predictor.
LOSSLESS = (*DEFLATE, Compression.LZW, Compression.PACKBITS, Compression.LZMA, Compression.ZSTD)
