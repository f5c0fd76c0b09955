"""The sRGB curve of IEC 61966-2-1 in float64, for pictures: what an IMAGE and an EXR file of the same frame hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def linear(values: np.ndarray) -> np.ndarray:
    """sRGB-encoded values as linear light, mirrored below 0."""
    size = np.abs(np.asarray(values, np.float64))
    return np.copysign(np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4), values)


def encoded(values: np.ndarray) -> np.ndarray:
    """The inverse of `linear`."""
    size = np.abs(np.asarray(values, np.float64))
    return np.copysign(np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055), values)


def in_image(pixels: np.ndarray, extension: str) -> np.ndarray:
    """A picture (H, W, 1 to 4) of a file with this extension, as an IMAGE holds it. Alpha is not changed."""
    return _colour(encoded, pixels) if extension == ".exr" else pixels


def in_file(pixels: np.ndarray, extension: str) -> np.ndarray:
    """The inverse of `in_image`."""
    return _colour(linear, pixels) if extension == ".exr" else pixels


def _colour(curve: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    count = pixels.shape[-1] - (pixels.shape[-1] in (2, 4))
    return np.concatenate([curve(pixels[..., :count]), pixels[..., count:]], axis=-1)
