"""Makes the image of a layer from the channels of a part: subsampling, luminance and chroma, and the two windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...colour.primaries import REC709, Chromaticities, to_xyz
from ..base import Extent
from .layers import Layer

Image = NDArray[np.float32]

# The weights of the chroma samples at a distance of 1, 3, ... 13 pixels, on both sides of a pixel without one:
# reconstructChromaHoriz in OpenEXR's ImfRgbaYca.cpp.
_CHROMA_WEIGHTS = (0.627123, -0.186077, 0.087929, -0.043159, 0.019597, -0.007540, 0.002128)


class Window:
    """A window of an EXR file: `left`, `top`, and its extent, which is below 1 x 1 if the window is empty."""

    def __init__(self, attribute: Any) -> None:
        """`attribute` is as the package gives it: ((left, top), (right, bottom)), both inclusive."""
        (left, top), (right, bottom) = attribute
        self.left, self.top = int(left), int(top)
        self.extent = Extent(int(right) - self.left + 1, int(bottom) - self.top + 1)


def image_of(
    layer: Layer,
    channels: Mapping[str, Any],
    data_window: Window,
    display_window: Window,
    chromaticities: Chromaticities | None,
) -> Image:
    """The image of `layer`: (height, width, 1 to 4) float32 in the extent of the display window, 0 outside the data window.

    channels: the part's channels as the package gives them, by name
    chromaticities: needed for files with luminance and chroma only

    A layer of two data channels, such as u and v, gets a third one of zeros. The values are those of the file: unsigned
    integers are not scaled.
    """
    planes = [
        _at_full_size(channels[name], data_window.extent, suffix)
        for name, suffix in zip(layer.channels, layer.suffixes)
    ]
    if layer.is_luminance and len(layer.channels) - layer.has_alpha > 1:
        by_suffix = dict(zip(layer.suffixes, planes))
        colour = _of_luminance_and_chroma(by_suffix, chromaticities or REC709)
        planes = [*np.moveaxis(colour, -1, 0), *planes[len(planes) - layer.has_alpha :]]
    slots, count = _slots(layer, len(planes))
    width, height = display_window.extent
    right, down = data_window.left - display_window.left, data_window.top - display_window.top
    is_covered = (right, down) == (0, 0) and data_window.extent == display_window.extent
    is_covered &= len(slots) == count
    image: Image = (np.empty if is_covered else np.zeros)((height, width, count), np.float32)
    target = image[max(0, down) :, max(0, right) :]
    for plane, slot in zip(planes, slots):
        part = plane[max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)]
        # torch converts half to float in a third of numpy's time.
        torch.from_numpy(target)[: part.shape[0], : part.shape[1], slot].copy_(torch.from_numpy(part))
    return image


def count_of_channels(layer: Layer) -> int:
    """How many channels the image of `layer` has."""
    has_chroma = layer.is_luminance and len(layer.channels) - layer.has_alpha > 1
    return _slots(layer, 3 + layer.has_alpha if has_chroma else len(layer.channels))[1]


def _slots(layer: Layer, planes: int) -> tuple[list[int], int]:
    """Where each plane goes, and how many channels the image has. Colour channels that the file lacks are 0."""
    alpha = [3] if layer.has_alpha else []
    colour = planes - len(alpha)
    if colour == 1:
        return list(range(planes)), planes
    places = list(range(colour))
    if layer.suffixes[0][0] in "rgb" and not layer.is_luminance:
        places = ["rgb".index(suffix[0]) for suffix in layer.suffixes[:colour]]
    return [*places, *alpha], 3 + len(alpha)


def _at_full_size(channel: Any, extent: Extent, suffix: str) -> NDArray[Any]:
    """The channel's samples, (height, width), as half or float.

    Subsampled chroma (RY, BY) is interpolated, other subsampled channels are repeated.
    """
    pixels: NDArray[Any] = channel.pixels
    if pixels.dtype.kind == "u":
        pixels = pixels.astype(np.float32)
    for axis, step in enumerate((channel.ySampling, channel.xSampling)):
        if step == 1:
            continue
        length = (extent.height, extent.width)[axis]
        if step == 2 and suffix in ("ry", "by"):
            pixels = _interpolated(pixels.astype(np.float32), axis, length)
        else:
            pixels = np.repeat(pixels, step, axis)
    return pixels


def _interpolated(samples: Image, axis: int, length: int) -> Image:
    """Chroma of every second pixel, interpolated to `length` pixels along `axis`, as OpenEXR's RgbaInputFile does."""
    samples = np.moveaxis(samples, axis, 0)
    full = np.empty((length, *samples.shape[1:]), np.float32)
    full[::2] = samples
    reach = len(_CHROMA_WEIGHTS)
    padded = np.pad(samples, [(reach - 1, reach), *[(0, 0)] * (samples.ndim - 1)], mode="edge")
    between = np.zeros_like(samples)
    for distance, weight in enumerate(_CHROMA_WEIGHTS):
        before, after = reach - 1 - distance, reach + distance
        pair = padded[before : before + len(samples)] + padded[after : after + len(samples)]
        between += np.float32(weight) * pair
    full[1::2] = between[: length // 2]
    return np.moveaxis(full, 0, axis)


def _of_luminance_and_chroma(planes: Mapping[str, NDArray[Any]], chromaticities: Chromaticities) -> Image:
    """(height, width, 3) from Y, RY = (R - Y) / Y and BY = (B - Y) / Y: YCAtoRGBA and fixSaturation in ImfRgbaYca.cpp."""
    luminance = planes["y"].astype(np.float32)
    zeros = np.zeros((), np.float32)
    red_chroma, blue_chroma = (np.asarray(planes.get(name, zeros), np.float32) for name in ("ry", "by"))
    weights = to_xyz(chromaticities)[1].astype(np.float32)  # the shares of red, green and blue
    with np.errstate(all="ignore"):  # infinities and NaN in the file
        red, blue = (red_chroma + 1) * luminance, (blue_chroma + 1) * luminance
        green = (luminance - red * weights[0] - blue * weights[2]) / weights[1]
        is_grey = (red_chroma == 0) & (blue_chroma == 0)
        image = np.stack([red, np.where(is_grey, luminance, green), blue], axis=-1)
        return _without_fringes(image, weights)


def _without_fringes(image: Image, weights: Image) -> Image:
    """Reduce the saturation of pixels that are far more saturated than the four diagonal neighbours.

    OpenEXR makes up the rows above the first and below the last differently. In its sample images, this changes 17 of 3
    million pixels by more than half precision.
    """
    most, least = image.max(axis=-1), image.min(axis=-1)
    saturation = np.where(most > 0, 1 - least / np.where(most > 0, most, 1), 0).astype(np.float32)
    around = np.pad(saturation, 1, mode="edge")
    mean = np.minimum(1, 0.25 * (around[:-2, :-2] + around[:-2, 2:] + around[2:, :-2] + around[2:, 2:]))
    limit = np.minimum(1, 1 - (1 - mean) * 0.25)
    rows, columns = np.nonzero((saturation > mean) & (saturation > limit))
    before, brightest = image[rows, columns], most[rows, columns, None]
    factor = (limit[rows, columns] / saturation[rows, columns])[:, None]
    after = np.maximum(brightest - (brightest - before) * factor, 0)
    light = after @ weights
    after *= np.where(light > 0, before @ weights / np.where(light > 0, light, 1), 1)[:, None]
    image[rows, columns] = after
    return image
