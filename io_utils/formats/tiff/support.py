"""Which varieties of TIFF are supported, and why another one is not."""

from __future__ import annotations

from ...errors import UnsupportedFileError
from .directory import Directory
from .tags import COLOUR_SAMPLES, FAX, LOSSLESS, Compression, Photometric, Predictor, SampleFormat, Tag

RESAVE = "save it with LZW, deflate or ZSTD compression"

_CONVERT = "convert its colours to RGB"
_OTHER_COMPRESSIONS = {
    32766: "NeXT",
    32908: "IT8",
    32909: "PixarLog",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGILog",
    34677: "SGILog",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34933: "PNG",
    34934: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_OTHER_PHOTOMETRICS = {
    4: "a transparency mask",
    9: "ICC Lab",
    10: "ITU Lab",
    32803: "a camera's raw data",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw data",
}
_SAMPLE_FORMATS = {
    1: "unsigned integers",
    2: "signed integers",
    3: "floating point",
    5: "complex integers",
    6: "complex numbers",
}
_FLOAT_BITS = (16, 32, 64)
_MOST_BITS = 16
_PREDICTED_BITS = (8, 16, 32, 64)
# Some compressions are defined for one bit depth only.
_COMPRESSION_BITS: dict[int, int] = dict.fromkeys(FAX, 1)
_COMPRESSION_BITS |= {Compression.OLD_JPEG: 8, Compression.JPEG: 8, Compression.THUNDERSCAN: 4}


def require_supported(directory: Directory) -> None:
    """Raise UnsupportedFileError for an intact file of a variety that is not supported, and ValueError for invalid tags."""
    compression = directory.compression
    if compression in _OTHER_COMPRESSIONS:
        raise UnsupportedFileError(f"{_OTHER_COMPRESSIONS[compression]} compression in TIFF is not supported", RESAVE)
    if compression not in frozenset(Compression):
        raise UnsupportedFileError(f"TIFF with compression {compression} is not supported", RESAVE)
    bits, formats = directory.bits, directory.sample_formats
    listed = ", ".join(map(str, directory.all(Tag.BITS, (1,))[:8]))
    if len(bits) != 1 or len(formats) != 1:
        raise UnsupportedFileError(
            f"TIFF with channels of different types (bits {listed}) is not supported",
            "give all channels the same number of bits",
        )
    (depth,), (sample_format,) = bits, formats
    is_float = sample_format == SampleFormat.FLOAT
    is_supported_integer = sample_format == SampleFormat.UNSIGNED and 1 <= depth <= _MOST_BITS
    if not (is_float and depth in _FLOAT_BITS) and not is_supported_integer:
        what = _SAMPLE_FORMATS.get(sample_format, f"samples of format {sample_format}")
        raise UnsupportedFileError(
            f"TIFF with {depth}-bit {what} is not supported (bits {listed}; sample format {sample_format})",
            "convert it to 8 or 16 bits, unsigned, or to floating point",
        )
    _require_supported_colours(directory, depth, is_float=is_float)
    _require_supported_packing(directory, depth, is_float=is_float)


def _require_supported_colours(directory: Directory, depth: int, *, is_float: bool) -> None:
    """Raise UnsupportedFileError unless the samples can be converted to grey or RGB, ValueError if there are too few."""
    photometric, subsampling = directory.photometric, directory.subsampling
    if photometric not in COLOUR_SAMPLES:
        what = _OTHER_PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
        raise UnsupportedFileError(f"TIFF with {what} is not supported", _CONVERT)
    if directory.samples_per_pixel < COLOUR_SAMPLES[photometric]:
        raise ValueError(f"it has {directory.samples_per_pixel} samples per pixel, too few for its colours")
    if is_float and photometric not in (Photometric.BLACK_IS_ZERO, Photometric.RGB):
        is_inverted = photometric == Photometric.WHITE_IS_ZERO
        what = "an inverted picture" if is_inverted else "colours that are neither grey nor RGB"
        raise UnsupportedFileError(f"TIFF with {what} in floating point is not supported", _CONVERT)
    if photometric in (Photometric.YCBCR, Photometric.LAB) and depth != 8:
        what = "YCbCr" if photometric == Photometric.YCBCR else "Lab"
        raise UnsupportedFileError(f"TIFF with {what} of {depth} bits is not supported", _CONVERT)
    if photometric == Photometric.CMYK and directory.one(Tag.INK_SET, 1) != 1:
        raise UnsupportedFileError("TIFF with inks other than CMYK is not supported", _CONVERT)
    is_interleaved_ycbcr = directory.samples_per_pixel == 3 and not directory.is_planar
    if subsampling != (1, 1) and not ({*subsampling} <= {1, 2, 4} and is_interleaved_ycbcr):
        raise UnsupportedFileError(f"TIFF with YCbCr chroma subsampled by {subsampling} is not supported", _CONVERT)


def _require_supported_packing(directory: Directory, depth: int, *, is_float: bool) -> None:
    """Raise UnsupportedFileError unless the compression can hold such samples, with the predictor that the file uses."""
    compression, predictor = directory.compression, directory.predictor
    if depth != _COMPRESSION_BITS.get(compression, depth):
        raise UnsupportedFileError(f"TIFF with compression {compression} and {depth} bits is not supported", RESAVE)
    channels = 1 if directory.is_planar else directory.samples_per_pixel
    if compression in (*FAX, Compression.THUNDERSCAN) and channels != 1:
        raise UnsupportedFileError(
            f"TIFF with compression {compression} and {channels} channels is not supported", RESAVE
        )
    possible = {Predictor.NONE, Predictor.DIFFERENCES} | ({Predictor.FLOAT_DIFFERENCES} if is_float else set())
    has_predictor = compression in LOSSLESS and compression != Compression.PACKBITS and predictor != Predictor.NONE
    can_be_predicted = depth in _PREDICTED_BITS and directory.subsampling == (1, 1)
    if predictor not in possible or (has_predictor and not can_be_predicted):
        raise UnsupportedFileError(f"TIFF with {depth}-bit samples and predictor {predictor} is not supported", RESAVE)
