"""Conversion between IMAGE tensors and pixels, and between associated and unassociated alpha.

Integer pixels are round(maximum * x) with x clipped to 0..1 and halves rounded up; the maximum is 255 or 65535.
Floating-point pixels are the values themselves, also outside 0..1.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from .base import AnyPixels

_LARGEST_HALF = np.float32(65504)

# Converts colour between two colour spaces: (height, width, 1 or 3) float32, in place where it can. Returns the result.
Convert = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def quantise(
    image: torch.Tensor,
    dtype: DTypeLike = np.uint8,
    *,
    mask: torch.Tensor | None = None,
    convert: Convert | None = None,
    associate: bool = False,
    lit: int | None = None,
) -> tuple[AnyPixels, int]:
    """Convert one frame of an IMAGE tensor to pixels of `dtype`. Returns the pixels and how many values were NaN.

    image: (height, width, 1 to 4 channels), any floating dtype, layout and device
    dtype: uint8, uint16, float32 or float16
    mask: (height, width); alpha becomes 1 - mask, clipped to 0..1, in place of the image's own
    convert: applied to colour, not to alpha
    associate: whether to multiply colour by alpha. It becomes 0 where alpha is 0.
    lit: what `dequantise` returned for a plate. If alpha is 0 in the same pixels, their colour is kept.

    NaN becomes 0. For integers, values outside 0.0 to 1.0 are clipped and the rest is rounded to nearest: truncation
    would lose 131 of the 256 levels of float16 values k / 255. For floating point, values are kept, including infinities;
    float16 rounds to nearest, and finite values beyond its maximum of 65504 become that: an infinity spreads over the
    picture in the next blur.

    Raises ValueError for another shape or dtype.
    """
    if image.ndim != 3 or not 1 <= image.shape[-1] <= 4 or 0 in image.shape:
        raise ValueError(
            f"Save images of 1 to 4 channels: a frame is (height, width, channels), all at least 1, not {tuple(image.shape)}."
        )
    if not image.dtype.is_floating_point:
        raise ValueError(f"IMAGE tensors are floating point from 0.0 to 1.0, not {image.dtype}.")
    values: NDArray[np.float32] = image.detach().to("cpu", torch.float32).numpy()
    is_float = np.issubdtype(dtype, np.floating)
    nan_count = 0
    if is_float or convert is not None or mask is not None or associate:
        values, nan_count = _without_nan(values)
    if convert is not None or mask is not None or (associate and values.shape[-1] in (2, 4)):
        values = _in_file_colour(values, mask, convert, associate=associate, lit=lit)
    if is_float:
        return _as_floating(values, dtype), nan_count
    pixels, found = _as_integers(values, np.dtype(dtype))
    return pixels, nan_count + found


def _without_nan(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """`values` with 0 in place of NaN, copied if there are any, and how many there were."""
    if not np.isnan(values.max()):  # NaN if any value is; a third of the time of isnan()
        return values, 0
    is_nan = np.isnan(values)
    return np.where(is_nan, np.float32(0), values), int(is_nan.sum())


# numpy, not torch: no thread pool inside our own threads. In blocks, the temporaries stay in the cache: 2.0 ms for
# 1024 x 1024 x 3, against 3.3 for the whole frame at once. Blocks of half the size are no faster and hold the GIL twice as long,
# because every call of numpy holds it for 2 to 5 us.
_BLOCK_VALUES = 2**18


def _as_integers(values: NDArray[np.float32], dtype: np.dtype[Any]) -> tuple[AnyPixels, int]:
    """Unsigned integers, contiguous whatever the layout of `values`, and how many values were NaN."""
    maximum = np.float32(np.iinfo(dtype).max)
    largest = np.nextafter(maximum + 1, maximum).view(np.uint32)  # that becomes `maximum` when cast
    pixels: AnyPixels = np.empty(values.shape, dtype)
    rows = max(1, _BLOCK_VALUES // values[0].size)
    buffer = np.empty_like(values[:rows])
    nan_count = 0
    with np.errstate(over="ignore", invalid="ignore"):  # the largest values become infinite; signalling NaNs
        for first in range(0, len(values), rows):
            block, target = values[first : first + rows], pixels[first : first + rows]
            scaled = np.multiply(block, maximum, out=buffer[: len(block)])
            scaled += np.float32(0.5)
            # As integers, the bits of negative numbers and of NaNs are larger than those of `largest`: one pass for all.
            if np.maximum.reduce(scaled.view(np.uint32), axis=None) > largest:
                if np.isnan(scaled.max()):
                    is_nan = np.isnan(scaled)
                    nan_count += int(is_nan.sum())
                    scaled[is_nan] = 0
                np.clip(scaled, 0, maximum, out=scaled)
            if scaled.flags.c_contiguous:
                target[:] = scaled
            else:
                # VAE Decode gives channels one after the other. Interleaved as bytes: 3 ms, as floats 7.
                narrow = scaled.astype(dtype)
                for channel in range(values.shape[-1]):
                    target[..., channel] = narrow[..., channel]
    return pixels, nan_count


def _in_file_colour(
    values: NDArray[np.float32],
    mask: torch.Tensor | None,
    convert: Convert | None,
    *,
    associate: bool,
    lit: int | None,
) -> NDArray[np.float32]:
    """A copy of `values` with the alpha of `mask`, converted, and multiplied by alpha if `associate`."""
    count = values.shape[-1] - (values.shape[-1] in (2, 4))
    colour = np.array(values[..., :count], order="C")
    alpha = values[..., count:]
    if mask is not None:
        held = mask.detach().to("cpu", torch.float32).numpy()
        alpha = np.clip(1 - np.nan_to_num(held, nan=0.0), 0, 1)[..., None]
    if convert is not None:
        colour = convert(colour)
    if not alpha.shape[-1]:
        return colour
    if associate:
        is_clear = alpha == 0
        with np.errstate(all="ignore"):  # infinities and subnormal numbers
            np.multiply(colour, alpha, out=colour, where=~is_clear)
        if lit is None or _map_of(is_clear) != lit:
            colour[is_clear[..., 0]] = 0
    return np.concatenate([colour, alpha], axis=-1, dtype=np.float32)


def _as_floating(values: NDArray[np.float32], dtype: DTypeLike) -> AnyPixels:
    if np.dtype(dtype) == np.float16:
        if max(values.max(), -values.min()) > _LARGEST_HALF:
            values = np.where(np.isinf(values), values, np.clip(values, -_LARGEST_HALF, _LARGEST_HALF))
        # torch takes 0.4 ms for 1024 x 1024 x 3, numpy 10.
        halves: AnyPixels = torch.from_numpy(np.ascontiguousarray(values)).to(torch.float16).numpy()
        return halves
    return values.astype(dtype, copy=False)


def _map_of(is_clear: NDArray[np.bool_]) -> int:
    """A number that stands for which pixels are clear: 1 ms for 1920 x 1080."""
    return zlib.crc32(np.packbits(is_clear).tobytes())


def on_black(pixels: AnyPixels) -> tuple[AnyPixels, bool]:
    """Composite unsigned integers with alpha, (height, width, 2 or 4), on black.

    Returns (height, width, 1 or 3) of the same dtype, rounded, and whether any pixel was not opaque.
    """
    maximum = int(np.iinfo(pixels.dtype).max)
    wide = np.min_scalar_type(maximum * (maximum + 1))
    alpha = pixels[..., -1:]
    colour = (pixels[..., :-1].astype(wide) * alpha + maximum // 2) // maximum
    return colour.astype(pixels.dtype), bool((alpha < maximum).any())


def dequantise(
    pixels: AnyPixels,
    image: torch.Tensor,
    mask: torch.Tensor,
    *,
    convert: Convert | None = None,
    divide: bool = False,
) -> int | None:
    """Write the pixels of one file into its slot of a batch: colour / maximum into `image`, 1 - alpha into `mask`.

    Returns a number that stands for the pixels whose alpha is 0, if any of them has light, such as a glow; else None. With it,
    `quantise` recognises the same mask.

    pixels: (height, width, 1 to 4 channels), uint8, uint16 or float32 (maximum 1). Grey is repeated as RGB.
    image: (height, width, 3), float32 or half, CPU
    mask: (height, width), float32 or half, CPU. Not modified if `pixels` has no alpha, so it must be all 0 (opaque in
        ComfyUI). Floating-point alpha is clamped to 0..1, and NaN is opaque.
    convert: applied to colour
    divide: whether to divide colour by alpha, because the file's is associated. Where `mask` says that alpha is 0 (emission
        without coverage, such as a glow), colour is unchanged. With a mask of half, colour is divided by the alpha that it
        holds, so that multiplying by 1 - mask gives the file's colour again.
    """
    maximum = np.float32(1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max)
    colour = pixels[..., :1] if pixels.shape[-1] < 3 else pixels[..., :3]
    has_alpha = pixels.shape[-1] in (2, 4)
    lit = None
    with np.errstate(all="ignore"):  # signalling NaNs, infinities and subnormal numbers in half and float files
        if has_alpha:
            alpha = np.divide(pixels[..., -1:], maximum, dtype=np.float32)
            if pixels.dtype.kind == "f":
                alpha[np.isnan(alpha)] = 1
                np.clip(alpha, 0, 1, out=alpha)
            mask.copy_(torch.from_numpy(1 - alpha[..., 0]))
        if convert is None and not (has_alpha and divide):
            _divide(colour, maximum, image)
            return None
        linear = np.divide(colour, maximum, dtype=np.float32)
        if has_alpha and divide:
            held = 1 - mask.float().numpy()[..., None]
            is_clear = held == 0
            np.divide(linear, alpha if mask.dtype == torch.float32 else held, out=linear, where=~is_clear)
            if is_clear.any() and linear[is_clear[..., 0]].any():
                lit = _map_of(is_clear)
        linear = np.ascontiguousarray(linear)
        image.copy_(torch.from_numpy(linear if convert is None else convert(linear)))
    return lit


def _divide(colour: AnyPixels, maximum: np.float32, image: torch.Tensor) -> None:
    if image.dtype == torch.float32:
        np.divide(colour, maximum, out=image.numpy(), dtype=np.float32)
    else:
        image.copy_(torch.from_numpy(np.divide(colour, maximum, dtype=np.float32)))


def unassociated(pixels: AnyPixels) -> AnyPixels:
    """Divide premultiplied colour by alpha. Returns (height, width, 2 or 4) of the same dtype as `pixels`.

    Integers are rounded and clipped to their maximum. Where alpha is 0 (emission without coverage, such as a glow) or not
    finite, colour is unchanged.
    """
    is_integer = pixels.dtype.kind == "u"
    maximum = float(np.iinfo(pixels.dtype).max) if is_integer else 1.0
    colour: AnyPixels = pixels[..., :-1].astype(np.float64 if pixels.dtype == np.uint16 else np.float32)
    alpha = pixels[..., -1:].astype(colour.dtype)
    result = np.empty_like(pixels)
    result[..., -1] = pixels[..., -1]
    with np.errstate(all="ignore"):  # infinities and subnormal numbers
        np.divide(
            colour * maximum if is_integer else colour, alpha, out=colour, where=np.isfinite(alpha) & (alpha != 0)
        )
        result[..., :-1] = np.clip(np.rint(colour), 0, maximum) if is_integer else colour
    return result
