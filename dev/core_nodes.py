"""The few ComfyUI core nodes that the example prompts use: same ids, inputs and pixels, written from their documentation."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from dev.node_calls import NodeClass

_MAX_SIZE = 16384


class LoadImage:
    """A picture of the input folder as IMAGE (n, h, w, 3) and MASK (1 - alpha; 64 x 64 zeros without alpha)."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        folder = _input_folder()
        names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        return {"required": {"image": (names, {"image_upload": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: str | None) -> bool | str:
        # A linked name is not known yet.
        if image is None or (_input_folder() / image).is_file():
            return True
        return f"Invalid image file: {image}"

    def load(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        with Image.open(_input_folder() / image, formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF")) as opened:
            picture = ImageOps.exif_transpose(opened)
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0
        if "A" in picture.getbands():
            mask = 1.0 - np.asarray(picture.getchannel("A"), dtype=np.float32) / 255.0
        else:
            mask = np.zeros((64, 64), dtype=np.float32)
        return torch.from_numpy(pixels)[None], torch.from_numpy(mask)[None]


class SolidMask:
    """A MASK of one value."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = ("INT", {"default": 512, "min": 1, "max": _MAX_SIZE})
        value = ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01})
        return {"required": {"value": value, "width": size, "height": size}}

    def solid(self, value: float, width: int, height: int) -> tuple[torch.Tensor]:
        return (torch.full((1, height, width), value),)


class InvertMask:
    """1 - mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"mask": ("MASK",)}}

    def invert(self, mask: torch.Tensor) -> tuple[torch.Tensor]:
        return (1.0 - mask,)


class ImageCompositeMasked:
    """`source` laid over `destination` with its top left corner at (x, y), as opaque as `mask` says."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "composite"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        position = ("INT", {"default": 0, "min": 0, "max": _MAX_SIZE})
        required = {
            "destination": ("IMAGE",),
            "source": ("IMAGE",),
            "x": position,
            "y": position,
            "resize_source": ("BOOLEAN", {"default": False}),
        }
        return {"required": required, "optional": {"mask": ("MASK",)}}

    def composite(
        self,
        destination: torch.Tensor,
        source: torch.Tensor,
        x: int,
        y: int,
        resize_source: bool,
        mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor]:
        frames, height, width, _ = destination.shape
        if resize_source:
            source = _resize(source.movedim(-1, 1), height, width).movedim(1, -1)
        source = _repeat(source, frames)
        if mask is None:
            mask = torch.ones(source.shape[:3])
        mask = _repeat(_resize(mask[:, None], source.shape[1], source.shape[2]).movedim(1, -1), frames)

        result = destination.clone()
        seen = result[:, y : y + source.shape[1], x : x + source.shape[2]]
        source, mask = (part[:, : seen.shape[1], : seen.shape[2]] for part in (source, mask))
        seen[:] = mask * source + (1.0 - mask) * seen
        return (result,)


CORE_NODES: dict[str, NodeClass] = {
    "ImageCompositeMasked": ImageCompositeMasked,
    "InvertMask": InvertMask,
    "LoadImage": LoadImage,
    "SolidMask": SolidMask,
}


def _input_folder() -> Path:
    # Looked up at call time: the stand-in module is there only while a prompt runs.
    return Path(importlib.import_module("folder_paths").get_input_directory())


def _resize(channels_first: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(channels_first, size=(height, width), mode="bilinear")


def _repeat(batch: torch.Tensor, frames: int) -> torch.Tensor:
    """`batch` cut or repeated from its start to `frames` pictures."""
    return batch if len(batch) == frames else batch[torch.arange(frames) % len(batch)]
