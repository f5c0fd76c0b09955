"""Scene-linear pixels as an 8-bit picture for the screen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..colour.spaces import LINEAR_REC709, SRGB, ColorSpace, conversion
from ..formats.base import AnyPixels

_Linear = NDArray[np.float32]

# Colours of pixels with a value that is no number. Where several meet, the last of these is shown.
MINUS_INFINITY = (255, 255, 0)
PLUS_INFINITY = (0, 255, 255)
NOT_A_NUMBER = (255, 0, 255)


def displayed(
    pixels: AnyPixels, longest: int | None, exposure: float = 0.0, space: ColorSpace = LINEAR_REC709
) -> tuple[NDArray[np.uint8], bool]:
    """(`pixels` as (height, width, 1 to 4 channels) uint8, whether any pixel is marked).

    pixels: (height, width, 1 to 4 channels) floating point, scene-linear, alpha unassociated
    longest: pixels on the longest side, to which larger pictures are scaled down; None: not scaled
    exposure: stops; colour is multiplied by 2^exposure
    space: the linear colour space of the pixels

    The picture is scaled in linear light, as the mean of each area, and then converted to sRGB. Values outside 0..1 are
    clipped after that. A pixel is marked if it or a source pixel in its area has a NaN or an infinity, in any
    channel; it is opaque then, and the picture is RGB(A). Such values count as 0 in the pixels around it. With `longest`, a
    mark also covers the eight pixels around it: the player shows such pictures at down to half their size.
    """
    linear = np.asarray(pixels, np.float32)
    height, width, channels = linear.shape
    broken = _not_finite(linear)
    finite = _without(linear, broken)
    scale = min(1.0, (longest or max(height, width)) / max(height, width))
    if scale < 1:
        finite = _scaled(finite, max(1, round(height * scale)), max(1, round(width * scale)))
    colour, alpha = (finite[..., :-1], finite[..., -1:]) if channels in (2, 4) else (finite, finite[..., :0])
    with np.errstate(over="ignore"):
        exposed = np.multiply(colour, np.float32(2**exposure), order="C")
    to_display = conversion(space, SRGB)
    encoded = exposed if to_display is None else to_display(exposed)
    shown = np.concatenate([_eight_bits(_clipped(encoded)), _eight_bits(_clipped(alpha))], axis=-1)
    if not broken.size:
        return shown, False
    return _marked(shown, linear, broken, reach=0 if longest is None else 1), True


def _not_finite(linear: _Linear) -> NDArray[np.intp]:
    """The positions of the values that are not finite in the flat array."""
    # A sum with a NaN or an infinity is not finite, and takes a tenth of the time of a test of every value.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.zeros(0, np.intp) if np.isfinite(linear.sum()) else np.flatnonzero(~np.isfinite(linear))


def _without(linear: _Linear, broken: NDArray[np.intp]) -> _Linear:
    """`linear` with 0 at the positions `broken`."""
    if not broken.size:
        return linear
    copy = linear.copy()
    copy.reshape(-1)[broken] = 0
    return copy


def _marked(shown: NDArray[np.uint8], linear: _Linear, broken: NDArray[np.intp], reach: int) -> NDArray[np.uint8]:
    """`shown` as RGB(A) with marks for the values of `linear`, the source, at the positions `broken`.

    A mark covers the pixel that holds the centre of the source pixel, and `reach` pixels on all sides.
    """
    height, width, channels = linear.shape
    if channels < 3:
        shown = shown[..., [0, 0, 0, *range(1, channels)]]
    opaque = (255,) * (shown.shape[-1] - 3)
    values = linear.reshape(-1)[broken]
    for is_marked, mark in (  # in drawing order
        (values == -np.inf, MINUS_INFINITY),
        (values == np.inf, PLUS_INFINITY),
        (np.isnan(values), NOT_A_NUMBER),
    ):
        rows, columns = np.divmod(broken[is_marked] // channels, width)
        covered = np.zeros(shown.shape[:2], bool)
        covered[(2 * rows + 1) * shown.shape[0] // (2 * height), (2 * columns + 1) * shown.shape[1] // (2 * width)] = (
            True
        )
        for _ in range(reach):
            covered = _grown(_grown(covered).T).T
        shown[covered] = (*mark, *opaque)
    return shown


def _grown(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`covered` and the pixels above and below."""
    grown = covered.copy()
    grown[1:] |= covered[:-1]
    grown[:-1] |= covered[1:]
    return grown


def _scaled(pixels: _Linear, height: int, width: int) -> _Linear:
    """The mean of each area, weighted by alpha: the colour of a transparent pixel does not count."""
    if pixels.shape[-1] in (1, 3):
        return _area_means(pixels, height, width)
    alpha = _clipped(pixels[..., -1:])
    weighted = np.empty_like(pixels)
    weighted[..., -1:] = alpha
    with np.errstate(over="ignore"):
        np.multiply(pixels[..., :-1], alpha, out=weighted[..., :-1])
        means = _area_means(weighted, height, width)
        np.divide(means[..., :-1], means[..., -1:], out=means[..., :-1], where=means[..., -1:] > 0)
    return means


def _area_means(pixels: _Linear, height: int, width: int) -> _Linear:
    # 1920 x 1080 x 3 to 512 x 288, ms of one core: torch 14, Pillow's thumbnail() in mode F 39.
    planes = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).permute(2, 0, 1)[None]
    means = torch.nn.functional.interpolate(planes, (height, width), mode="area")
    return np.asarray(means[0].permute(1, 2, 0))


def _clipped(values: _Linear) -> _Linear:
    """`values` in 0..1. NaN, from sums beyond the range of float32, becomes 0."""
    return np.fmin(np.fmax(values, np.float32(0)), np.float32(1))


def _eight_bits(values: _Linear) -> NDArray[np.uint8]:
    return (values * np.float32(255) + np.float32(0.5)).astype(np.uint8)
