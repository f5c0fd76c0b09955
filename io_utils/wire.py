"""Checks the values that links bring to a node: an IMAGE input must get a batch of images."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal

import torch

from .errors import InputError, NoImageError


class _Unrendered(Enum):
    UNRENDERED = "unrendered"


# Stands for an image that was not rendered because the saver did not need it. None means that a node failed to make one.
UNRENDERED: Final = _Unrendered.UNRENDERED
Unrendered = Literal[_Unrendered.UNRENDERED]


def described(value: Any) -> str:
    """A value in the words of an error message: "nothing (None)", or its type such as "a Tensor"."""
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


_CHECK = "Check the node that is wired to it."


def images(value: Any, name: str, frame: int | None = None) -> torch.Tensor:
    """`value`, if it is a batch of images: a dense floating-point tensor of shape (N, H, W, C).

    Does not check N (the caller does) or C (`quantise` does). Raises NoImageError, naming the input and `frame`.
    """
    where = "" if frame is None else f"Frame {frame}: "
    if value is None:
        fact = "no image (None): the node wired to it returned nothing"
        raise NoImageError(name, where, fact, f"{_CHECK} Nothing was written for it.")
    if not isinstance(value, torch.Tensor):
        fact = f"a {type(value).__module__}.{type(value).__qualname__}, not an IMAGE"
        fix = f"{_CHECK} An IMAGE is a torch tensor (batch, height, width, channels), floating point from 0.0 to 1.0."
        raise NoImageError(name, where, fact, fix)
    if value.is_nested:  # it has no shape
        fact = "a nested tensor, whose images may differ in size"
        raise NoImageError(name, where, fact, f"{_CHECK} It must return one dense tensor.")
    shape = tuple(value.shape)
    if value.ndim == 3:
        fact = f"a tensor of shape {shape}, which is a MASK, or an image without its batch dimension"
        raise NoImageError(
            name, where, fact, "An IMAGE has four dimensions: convert a mask with Convert Mask to Image."
        )
    if value.ndim != 4:
        fact = f"a tensor of shape {shape}"
        raise NoImageError(
            name, where, fact, f"An IMAGE has four dimensions, (batch, height, width, channels). {_CHECK}"
        )
    if value.is_meta or value.layout is not torch.strided:
        fact = "a tensor without pixels (meta)" if value.is_meta else f"a tensor of layout {value.layout}"
        raise NoImageError(name, where, fact, f"{_CHECK} It must return a dense tensor.")
    if not value.dtype.is_floating_point:
        fact = f"a tensor of {value.dtype}"
        fix = f"{_CHECK} An IMAGE is floating point from 0.0 to 1.0: divide 8-bit values by 255."
        raise NoImageError(name, where, fact, fix)
    return value


def masks(value: Any, name: str, frame: int | None = None) -> torch.Tensor:
    """`value`, if it is a batch of masks: a dense floating-point tensor of shape (N, H, W), or (H, W) for one.

    Returns (N, H, W). Raises NoImageError, naming the input and `frame`.
    """
    where = "" if frame is None else f"Frame {frame}: "
    if not isinstance(value, torch.Tensor) or value.is_nested or value.ndim not in (2, 3):
        fact = f"a tensor of shape {tuple(value.shape)}" if _has_shape(value) else described(value)
        fix = f"{_CHECK} A MASK is a torch tensor (batch, height, width)."
        raise NoImageError(name, where, f"{fact}, not a MASK", fix)
    if value.is_meta or value.layout is not torch.strided or not value.dtype.is_floating_point:
        kind = "without values (meta)" if value.is_meta else f"of {value.dtype} and layout {value.layout}"
        fix = f"{_CHECK} A MASK is dense and floating point, from 0.0 to 1.0."
        raise NoImageError(name, where, f"a tensor {kind}, not a MASK", fix)
    return value if value.ndim == 3 else value[None]


def _has_shape(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_nested


def images_of_frame(value: Any, name: str, frame: int) -> torch.Tensor:
    """Like `images`, for the input of one frame, which must hold at least one image. Raises InputError if it is empty."""
    batch = images(value, name, frame)
    if not len(batch):
        raise InputError(f"Frame {frame}: the input {name!r} got a batch without any image. {_CHECK}")
    return batch
