"""Checks the values that links bring to a node: an IMAGE input must get a batch of images."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal

import torch

from .errors import NoImageError


class _Unrendered(Enum):
    UNRENDERED = "unrendered"


# Stands for an image that was not rendered because the saver did not need it. None means that a node failed to make one.
UNRENDERED: Final = _Unrendered.UNRENDERED
Unrendered = Literal[_Unrendered.UNRENDERED]


def described(value: Any) -> str:
    """A value in the words of an error message: "nothing (None)", or its type such as "a Tensor"."""
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def images(value: Any, name: str, frame: int | None = None) -> torch.Tensor:
    """`value`, if it is a batch of images: a dense floating-point tensor of shape (N, H, W, C).

    Does not check N (the caller does) or C (`quantise` does). Raises NoImageError, naming the input and `frame`.
    """
    check = f"Check the node that is wired to {name!r}"
    if value is None:
        raise NoImageError(name, frame, "no image (None), so nothing was written", f"{check}.")
    if not isinstance(value, torch.Tensor):
        fact = f"a {type(value).__module__}.{type(value).__qualname__}, not an IMAGE"
        fix = f"{check}: an IMAGE is a torch tensor (batch, height, width, channels), floating point from 0.0 to 1.0."
        raise NoImageError(name, frame, fact, fix)
    if value.is_nested:  # it has no shape
        fact = "a nested tensor, whose images may differ in size"
        raise NoImageError(name, frame, fact, f"{check}: it must return one dense tensor.")
    shape = tuple(value.shape)
    if value.ndim == 3:
        fact = f"a tensor of shape {shape}, which is a MASK, or an image without its batch dimension"
        fix = "Convert a mask with Convert Mask to Image: an IMAGE has four dimensions."
        raise NoImageError(name, frame, fact, fix)
    if value.ndim != 4:
        fix = f"{check}: an IMAGE has four dimensions, (batch, height, width, channels)."
        raise NoImageError(name, frame, f"a tensor of shape {shape}", fix)
    if value.is_meta or value.layout is not torch.strided:
        fact = "a tensor without pixels (meta)" if value.is_meta else f"a tensor of layout {value.layout}"
        raise NoImageError(name, frame, fact, f"{check}: it must return a dense tensor.")
    if not value.dtype.is_floating_point:
        fix = f"{check}: an IMAGE is floating point from 0.0 to 1.0, so divide 8-bit values by 255."
        raise NoImageError(name, frame, f"a tensor of {value.dtype}", fix)
    return value


def masks(value: Any, name: str, frame: int | None = None) -> torch.Tensor:
    """`value`, if it is a batch of masks: a dense floating-point tensor of shape (N, H, W), or (H, W) for one.

    Returns (N, H, W). Raises NoImageError, naming the input and `frame`.
    """
    check = f"Check the node that is wired to {name!r}"
    if not isinstance(value, torch.Tensor) or value.is_nested or value.ndim not in (2, 3):
        fact = f"a tensor of shape {tuple(value.shape)}" if _has_shape(value) else described(value)
        fix = f"{check}: a MASK is a torch tensor (batch, height, width)."
        raise NoImageError(name, frame, f"{fact}, not a MASK", fix)
    if value.is_meta or value.layout is not torch.strided or not value.dtype.is_floating_point:
        kind = "without values (meta)" if value.is_meta else f"of {value.dtype} and layout {value.layout}"
        fix = f"{check}: a MASK is dense and floating point, from 0.0 to 1.0."
        raise NoImageError(name, frame, f"a tensor {kind}, not a MASK", fix)
    return value if value.ndim == 3 else value[None]


def _has_shape(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_nested


def images_of_frame(value: Any, name: str, frame: int) -> torch.Tensor:
    """Like `images`, for the input of one frame, which must hold at least one image. Raises NoImageError if it is empty."""
    batch = images(value, name, frame)
    if not len(batch):
        raise NoImageError(name, frame, "a batch without any image", f"Check the node that is wired to {name!r}.")
    return batch
