"""Plates of other programs, and runs of every saver and loader on them, as ComfyUI runs nodes.

A plate is an EXR file that the OpenEXR package writes; the same package reads what the savers have written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import OpenEXR
import pytest
import torch

from .. import hosted
from ..disk import stand_in
from ..hosted import wire
from ..wires import counter

SAVERS = ("SaveFrame", "SaveCounted", "SaveBatch")
LOADERS = ("LoadBatch", "LoadFrame")
TYPES = {"float32": torch.float32, "float16": torch.float16}

every_saver = pytest.mark.parametrize("saver", SAVERS)
every_loader = pytest.mark.parametrize("loader", LOADERS)


def pass_images_as(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ComfyUI, with --fp16-intermediates if `dtype` is float16."""
    stand_in(
        monkeypatch,
        "comfy.model_management",
        intermediate_dtype=lambda: TYPES[dtype],
        throw_exception_if_processing_interrupted=lambda: None,
    )


# --- other people's files --------------------------------------------------------------------------------------------


def write_exr(path: Path, channels: dict[str, np.ndarray], **attributes: Any) -> None:
    """Write (H, W) channels by their names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(
        header | attributes, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}
    ) as file:
        file.write(str(path))


def write_plate(path: Path, pixels: np.ndarray, **attributes: Any) -> None:
    """Write (H, W, 3 or 4) pixels, half or float, as R, G, B and A."""
    write_exr(path, {name: pixels[..., place] for place, name in enumerate("RGBA"[: pixels.shape[-1]])}, **attributes)


def header_of(path: Path) -> dict[str, Any]:
    with OpenEXR.File(str(path), header_only=True) as file:
        return dict(file.header())


def channels_of(path: Path) -> dict[str, np.ndarray]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels for name, channel in file.channels().items()}


def pixels_of(path: Path) -> np.ndarray:
    """(H, W, 3 or 4): R, G, B and A as stored."""
    planes = channels_of(path)
    return np.stack([planes[name] for name in "RGBA" if name in planes], axis=-1)


# --- runs ------------------------------------------------------------------------------------------------------------


class Loaded(NamedTuple):
    images: torch.Tensor
    mask: torch.Tensor
    metadata: Any


Layers = Callable[[slice], Any]


def save(
    pack: ModuleType,
    saver: str,
    images: torch.Tensor,
    filetype: str = "exr",
    *,
    mask: torch.Tensor | None = None,
    layers: Layers | None = None,
    metadata: Any = None,
    first: int = 0,
    fps: float = 24,
    **more: Any,
) -> None:
    """Save `images` as s/s_00000, s/s_00001, ...: as one batch, or one frame per run.

    Mask, layers (those of a slice of the frames) and metadata are of all frames, or a mask of one; each run gets its own.
    """
    runs = [slice(0, len(images))] if saver == "SaveBatch" else [slice(n, n + 1) for n in range(len(images))]
    for run in runs:
        wires: dict[str, Any] = {}
        if mask is not None:
            wires["mask"] = wire(mask if len(mask) == 1 else mask[run])
        if layers is not None:
            wires["layers"] = wire(layers(run))
        if metadata is not None:
            wires["metadata"] = wire(part_of(pack, metadata, run))
        hosted.run(pack, saver, **place(saver, filetype, images[run], first + run.start, fps), **wires, **more)


def place(saver: str, filetype: str, images: Any, frame: int = 0, fps: float = 24) -> dict[str, Any]:
    """The inputs that save `images` from `frame` on."""
    if saver == "SaveBatch":
        return {
            "images": wire(images),
            "path_pattern": "s/s_#####",
            "start_index": frame,
            "overwrite": "true",
            "filetype": filetype,
        }
    if saver == "SaveFrame":
        return {"images": wire(images), "filename_prefix": "s", "current_frame": frame, "filetype": filetype}
    return {
        "image": wire(images),
        "frame_counter": wire(counter(frame, frame + 100, fps)),
        "directory_path": "s",
        "prefix": "s",
        "digits": 5,
        "at_end": "stop output",
        "filetype": filetype,
    }


def load(
    pack: ModuleType, loader: str, folder: str = "s", first: int = 0, count: int = 1, kind: str = "exr", **more: Any
) -> Loaded:
    """Load frames of <folder>/s_#####: as one batch, or one frame per run, joined."""
    if loader == "LoadBatch":
        inputs: dict[str, Any] = {
            "path_pattern": f"{folder}/s_#####.{kind}",
            "start_index": first,
            "frame_count": count,
        }
        answer = hosted.run(pack, loader, ignore_missing_images="false", **inputs, **more)
        (images,), (mask,), _, _, (metadata,), *_ = answer.outputs
        return Loaded(images, mask, metadata)
    found = []
    for frame in range(first, first + count):
        inputs = {"directory_path": folder, "pattern": f"s_#####.{kind}", "indexing": "numeric", "frame_number": frame}
        (image,), (mask,), _, (metadata,) = hosted.run(pack, loader, **inputs, **more).outputs
        found.append(Loaded(image, mask, metadata))
    frames = tuple(frame for item in found for frame in item.metadata.frames)
    return Loaded(
        torch.cat([item.images for item in found]),
        torch.cat([item.mask for item in found]),
        metadata_class(pack)(frames),
    )


def metadata_class(pack: ModuleType) -> Any:
    """FrameMetadata of this pack, which has another name than `io_utils`."""
    return sys.modules[f"{pack.__name__}.io_utils.frame_metadata"].FrameMetadata


def part_of(pack: ModuleType, metadata: Any, run: slice) -> Any:
    return metadata_class(pack)(metadata.frames[run])


def add_layer(pack: ModuleType, name: str, layers: Any = None, **inputs: Any) -> Any:
    """The output of Add EXR Layer."""
    wires: dict[str, Any] = {
        key: wire(value) if isinstance(value, torch.Tensor) else value for key, value in inputs.items()
    }
    if layers is not None:
        wires["layers"] = wire(layers)
    ((added,),) = hosted.run(pack, "AddLayer", name=name, **wires).outputs
    return added
