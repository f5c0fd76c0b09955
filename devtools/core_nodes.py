"""The ComfyUI core nodes of the example prompts and of the demos: same ids, inputs and pixels, written from their documentation."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from devtools.node_calls import NodeClass

_MAX_SIZE = 16384


class EmptyImage:
    """`batch_size` images, (N, H, W, 3), of one colour, 0xRRGGBB."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = ("INT", {"default": 512, "min": 1, "max": _MAX_SIZE})
        return {
            "required": {
                "width": size,
                "height": size,
                "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096}),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF}),
            }
        }

    # The defaults are ComfyUI's: an input that has its function's default is not part of a frame's identity.
    def generate(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[torch.Tensor]:
        channels = [(color >> shift & 0xFF) / 0xFF for shift in (16, 8, 0)]
        return (torch.tensor(channels).repeat(batch_size, height, width, 1),)


class ImageAddNoise:
    """The images plus Gaussian noise with the standard deviation `strength`, clipped to 0..1."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "seed": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFFFFFFFFFFFF}),
                "strength": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
            }
        }

    def add(self, image: torch.Tensor, seed: int, strength: float) -> tuple[torch.Tensor]:
        noise = torch.randn(image.size(), generator=torch.Generator().manual_seed(seed))
        return (torch.clip(image + strength * noise, min=0.0, max=1.0),)


class ImageScale:
    """The images at another size. Supports only `crop` "disabled" and PyTorch's own methods."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = ("INT", {"default": 512, "min": 0, "max": _MAX_SIZE})
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (["nearest-exact", "bilinear", "area", "bicubic"],),
                "width": size,
                "height": size,
                "crop": (["disabled"],),
            }
        }

    def upscale(
        self, image: torch.Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[torch.Tensor]:
        return (_resize(image.movedim(-1, 1), height, width, upscale_method).movedim(1, -1),)


class SolidMask:
    """A MASK, (1, H, W), with the same value everywhere."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = ("INT", {"default": 512, "min": 1, "max": _MAX_SIZE})
        value = ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01})
        return {"required": {"value": value, "width": size, "height": size}}

    def solid(self, value: float, width: int, height: int) -> tuple[torch.Tensor]:
        return (torch.full((1, height, width), value),)


class ImageCompositeMasked:
    """`source` composited over `destination` with its top left corner at (x, y) and the opacity `mask`."""

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
        covered = result[:, y : y + source.shape[1], x : x + source.shape[2]]
        source, mask = (part[:, : covered.shape[1], : covered.shape[2]] for part in (source, mask))
        covered[:] = mask * source + (1.0 - mask) * covered
        return (result,)


class SaveAnimatedWEBP:
    """Saves images as one animated WebP with the next free number. Without the workflow in it."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    _METHODS = {"default": 4, "fastest": 0, "slowest": 6}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": ([*cls._METHODS],),
            }
        }

    def save(
        self, images: torch.Tensor, filename_prefix: str, fps: float, lossless: bool, quality: int, method: str
    ) -> dict[str, Any]:
        prefix = Path(importlib.import_module("folder_paths").get_output_directory(), filename_prefix)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        number = 1 + len([*prefix.parent.glob(f"{prefix.name}_*.webp")])
        path = prefix.with_name(f"{prefix.name}_{number:05}_.webp")
        first, *others = (Image.fromarray(image.numpy()) for image in (images * 255).clip(0, 255).to(torch.uint8))
        first.save(
            path,
            save_all=True,
            duration=int(1000 / fps),
            append_images=others,
            lossless=lossless,
            quality=quality,
            method=self._METHODS[method],
        )
        shown = {"filename": path.name, "subfolder": Path(filename_prefix).parent.as_posix(), "type": "output"}
        return {"ui": {"images": [shown], "animated": [bool(others)]}}


CORE_NODES: dict[str, NodeClass] = {
    "EmptyImage": EmptyImage,
    "ImageAddNoise": ImageAddNoise,
    "ImageCompositeMasked": ImageCompositeMasked,
    "ImageScale": ImageScale,
    "SaveAnimatedWEBP": SaveAnimatedWEBP,
    "SolidMask": SolidMask,
}


def _resize(channels_first: torch.Tensor, height: int, width: int, method: str = "bilinear") -> torch.Tensor:
    return torch.nn.functional.interpolate(channels_first, size=(height, width), mode=method)


def _repeat(batch: torch.Tensor, frames: int) -> torch.Tensor:
    """`batch`, cut or repeated to `frames` images."""
    return batch if len(batch) == frames else batch[torch.arange(frames) % len(batch)]
