"""TIFF samples -> pixels: photometric interpretation, alpha, bit depth. Section numbers: TIFF 6.0, Adobe, 1992.

Pillow's TIFF reader keeps 8 bits of 16-bit colour, does not support floating-point colour, and fails on tags that do not
affect the pixels. So the file is parsed here (directory.py, blocks.py), decompressed (unpack.py) and turned into samples
(samples.py).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..base import AnyPixels, ByteArray, Samples, Stored
from ..pixels import unassociated
from .blocks import Blocks
from .directory import Directory
from .samples import read_samples
from .tags import COLOUR_SAMPLES, Compression, Photometric, SampleFormat, Tag

_BT601 = (0.299, 0.587, 0.114)  # the default of YCbCrCoefficients, section 21
_FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)  # libtiff's default of ReferenceBlackWhite for YCbCr


def decode_tiff(data: bytes, directory: Directory) -> AnyPixels:
    """The pixels of a file whose directory is `directory`, which must have passed `require_supported`.

    Returns (height, width, 1 to 4 channels) uint8, uint16 or float32, not rotated, alpha unassociated. Integers of other
    depths are scaled to 8 or 16 bits, so that the largest value is white. Extra channels other than alpha are dropped.
    Raises ValueError for damaged files.
    """
    photometric = directory.photometric
    samples = read_samples(data, directory, Blocks.of(directory))
    is_jpeg = directory.compression in (Compression.JPEG, Compression.OLD_JPEG)
    is_interleaved = directory.samples_per_pixel == 3 and not directory.is_planar
    if is_jpeg and is_interleaved and photometric == Photometric.YCBCR:
        photometric = Photometric.RGB  # libjpeg has converted it
    colours = COLOUR_SAMPLES[photometric]
    colour = _grey_or_rgb(samples[..., :colours], photometric, directory)
    alpha = directory.alpha_channel
    if alpha is None:
        return colour
    (bits,) = directory.bits
    alpha_samples = _scale_to_bytes(samples[..., alpha : alpha + 1], bits).astype(colour.dtype)
    pixels = np.concatenate([colour, alpha_samples], axis=-1)
    return unassociated(pixels) if directory.is_alpha_associated else pixels


def stored_as(directory: Directory) -> Stored:
    """How the file stores its picture, which must have passed `require_supported`."""
    photometric, (bits,), (sample_format,) = directory.photometric, directory.bits, directory.sample_formats
    colours = 1 if photometric in (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO) else 3
    has_alpha = directory.alpha_channel is not None
    if photometric == Photometric.PALETTE:
        bits = 16 if bits > 8 else 8
    return Stored(colours + has_alpha, bits, sample_format == SampleFormat.FLOAT)


def _scale_to_bytes(samples: Samples, bits: int) -> Samples:
    """Integers of `bits` bits scaled to uint8, or to uint16 if `bits` is above 8. Floats are returned unchanged."""
    if samples.dtype.kind == "f" or bits in (8, 16):
        return samples
    largest, target = (1 << bits) - 1, np.uint8 if bits < 8 else np.uint16
    levels = np.rint(np.arange(largest + 1) * (float(np.iinfo(target).max) / largest)).astype(target)
    scaled: Samples = levels[samples]
    return scaled


def _grey_or_rgb(samples: Samples, photometric: int, directory: Directory) -> Samples:
    """Colour samples converted to grey, (height, width, 1), or RGB, (height, width, 3). ValueError for invalid tags."""
    (bits,) = directory.bits
    if photometric == Photometric.PALETTE:
        return _palette_colours(directory, bits)[samples[..., 0]]
    if photometric == Photometric.LAB:
        height, width = samples.shape[:2]
        image = Image.frombytes("LAB", (width, height), np.ascontiguousarray(samples).tobytes(), "raw", "LAB")
        return np.asarray(image.convert("RGB"))
    if photometric == Photometric.YCBCR:
        return _ycbcr_to_rgb(samples, directory)
    samples = _scale_to_bytes(samples, bits)
    if photometric == Photometric.WHITE_IS_ZERO:
        return np.iinfo(samples.dtype).max - samples
    if photometric == Photometric.CMYK:
        largest = int(np.iinfo(samples.dtype).max)
        light = largest - samples.astype(np.uint32)
        return ((light[..., :3] * light[..., 3:] + largest // 2) // largest).astype(samples.dtype)
    return samples


def _palette_colours(directory: Directory, bits: int) -> Samples:
    """The RGB colours of all indices of `bits` bits, (2^bits, 3) uint8 or uint16. Those beyond the palette are black."""
    palette = directory.array(Tag.PALETTE)
    count = min(1 << bits, len(palette) // 3)
    if not count or (len(palette) < 3 << bits and len(palette) % 3):
        raise ValueError(f"its palette has {len(palette)} numbers")
    colours = np.zeros((1 << bits, 3), np.uint16)
    colours[:count] = palette[: 3 * count].reshape(3, -1).T
    if bits > 8:
        return colours
    # Palettes are 16-bit, but old writers stored 8-bit values (libtiff, tif_getimage.c).
    return (colours >> 8 if (colours > 255).any() else colours).astype(np.uint8)


def _ycbcr_to_rgb(samples: ByteArray, directory: Directory) -> ByteArray:
    """YCbCr, (height, width, 3), as RGB: section 21, and section 20 for the range, with the file's own coefficients."""
    declared = directory.array(Tag.YCBCR_COEFFICIENTS)
    if len(declared) >= 3 and not ((declared[:3] > 0).all() and abs(declared[:3].sum() - 1) < 0.1):  # they add up to 1
        raise ValueError(f"its YCbCrCoefficients, {declared[:3].tolist()}, are invalid")
    red, green, blue = declared[:3].tolist() if len(declared) >= 3 else _BT601
    reference = directory.array(Tag.REFERENCE_BLACK_WHITE)
    black = reference[:6].tolist() if len(reference) >= 6 else list(_FULL_RANGE)
    spans = [max(1.0, black[1] - black[0]), max(1.0, black[3] - black[2]), max(1.0, black[5] - black[4])]
    rgb = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), 256):  # in parts, because floating point takes four times the memory
        y, cb, cr = np.moveaxis(samples[top : top + 256].astype(np.float32), -1, 0)
        y, cb, cr = (y - black[0]) * 255 / spans[0], (cb - black[2]) * 127 / spans[1], (cr - black[4]) * 127 / spans[2]
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        g = (y - red * r - blue * b) / green
        rgb[top : top + 256] = np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, 255)
    return rgb
