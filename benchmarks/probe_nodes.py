"""Nodes for the benchmarks, in ComfyUI or in its stand-in: a source of frames, a sink, and a saver and loader with Pillow.

It is copied into a ComfyUI that cannot import this repository, so it must not import from it.
"""

# ruff: noqa: PLC0415 - folder_paths can be imported only while a prompt runs

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

IMAGE, COUNT, NAME = ("IMAGE",), ("INT", {"default": 0}), ("STRING", {"default": ""})


class Probe:
    FUNCTION, CATEGORY = "run", "bench"
    RETURN_TYPES: tuple[str, ...] = ("IMAGE",)
    INPUTS: ClassVar[dict[str, Any]] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": cls.INPUTS}


class Output(Probe):
    OUTPUT_NODE = True
    RETURN_TYPES = ()


class Source(Probe):
    """The first `count` frames in the form that a VAE returns: float32, 0..1."""

    INPUTS: ClassVar = {"count": COUNT}

    def run(self, count: int) -> tuple[torch.Tensor]:
        return (_frames(count),)


class Pick(Probe):
    INPUTS: ClassVar = {"images": IMAGE, "index": COUNT}

    def run(self, images: torch.Tensor, index: int) -> tuple[torch.Tensor]:
        return (images[index : index + 1],)


class Wait(Probe):
    """A frame that takes `milliseconds` to render, most of which it sleeps, as a process does that waits for its GPU."""

    INPUTS: ClassVar = {"frame": COUNT, "milliseconds": COUNT}

    def run(self, frame: int, milliseconds: int) -> tuple[torch.Tensor]:
        time.sleep(milliseconds / 1000)
        return (torch.full((1, 64, 64, 3), frame % 256 / 255),)


class Sink(Output):
    INPUTS: ClassVar = {"images": IMAGE}

    def run(self, images: torch.Tensor) -> dict[str, Any]:
        return {"ui": {"shape": [str(tuple(images.shape))]}}


class Check(Output):
    """Checks that the loaded frames equal those of the source exactly: k / 255 in float32."""

    INPUTS: ClassVar = {"images": IMAGE}

    def run(self, images: torch.Tensor) -> dict[str, Any]:
        if not torch.equal(images, _frames(len(images))):
            raise ValueError("the loaded frames differ from the saved ones")
        return {}


class Gate(Output):
    """Holds the queue until the file `gate` exists, so that all prompts are queued before the first one starts."""

    INPUTS: ClassVar = {"run": COUNT}

    def run(self, run: int) -> dict[str, Any]:
        while not (_base() / "gate").exists():
            time.sleep(0.01)
        return {}


class PillowSave(Output):
    INPUTS: ClassVar = {"images": IMAGE, "folder": NAME}

    def run(self, images: torch.Tensor, folder: str) -> dict[str, Any]:
        (_base() / "output" / folder).mkdir()
        for index, image in enumerate(images):
            pixels = np.clip(255.0 * image.numpy(), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(_base() / "output" / folder / f"{index:05d}.png", compress_level=4)
        return {}


class PillowLoad(Probe):
    """Loads frames one by one and joins them with torch.cat, as the earlier packs do."""

    INPUTS: ClassVar = {"folder": NAME, "count": COUNT}

    def run(self, folder: str, count: int) -> tuple[torch.Tensor]:
        frames = []
        for index in range(count):
            image = Image.open(_base() / "output" / folder / f"{index:05d}.png", formats=("PNG",)).convert("RGB")
            frames.append(torch.from_numpy(np.array(image).astype(np.float32) / 255.0).unsqueeze(0))
        return (torch.cat(frames, dim=0),)


NODE_CLASS_MAPPINGS = {
    f"Bench{node.__name__}": node for node in (Source, Pick, Wait, Sink, Check, Gate, PillowSave, PillowLoad)
}


def _base() -> Path:
    import folder_paths  # type: ignore[import-not-found,unused-ignore]

    return Path(folder_paths.get_output_directory()).parent


def _frames(count: int) -> torch.Tensor:
    return _all_frames(_base() / "frames.npy")[:count]


@lru_cache(maxsize=1)  # frames of another folder would stay in memory
def _all_frames(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.load(path).astype(np.float32) / 255)
