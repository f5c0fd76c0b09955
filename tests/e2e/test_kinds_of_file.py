"""Every file type through the /prompt API of a running ComfyUI: saved, served, and loaded back."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import numpy as np
import pytest

from io_utils.formats import registry
from io_utils.formats.file_type import FileType

from ..srgb import in_image

# Value of filetype -> its extension without the dot, and the dtype of decoded pixels: half floats are read as float32.
KINDS = {
    filetype.value: (
        filetype.extension.removeprefix("."),
        np.float32 if issubclass(filetype.dtype, np.floating) else filetype.dtype,
    )
    for filetype in FileType
}


def save(kind: str, **more):
    settings = {"path_pattern": f"{kind}/f_####", "start_index": 0, "overwrite": "true", "filetype": kind}
    return "ImageSequenceSaveBatch", {"images": ["load", 0]} | settings | more


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_this_kind_is_saved_and_loaded(comfyui, workflow, kind):
    extension, dtype = KINDS[kind]
    costly = ("ProbeCostly", {"frame": 3, "count": 4, "width": 64, "height": 48, "seed": 5})
    shown = comfyui.run(load=costly, save=save(kind, workflow_file=True))["save"]
    assert [image["filename"] for image in shown["images"]] == [f"f_{n:04d}.{extension}" for n in range(4)]
    folder = comfyui.output / kind
    assert json.loads((folder / f"f_####.{extension}.workflow.json").read_text()) == workflow
    first = registry.decode((folder / f"f_0000.{extension}").read_bytes())
    assert (first.dtype, first.shape) == (dtype, (48, 64, 3))
    assert (b"workflow" in (folder / f"f_0000.{extension}").read_bytes()) == ("workflow" in kind)
    again = comfyui.run(
        load=(
            "ImageSequenceLoadBatch",
            {
                "path_pattern": f"{kind}/f_####.{extension}",
                "start_index": 0,
                "frame_count": 0,
                "ignore_missing_images": "false",
            },
        ),
        save=("ImageSequenceSaveBatch", save("png")[1] | {"path_pattern": f"{kind} again/f_####.png"}),
    )["save"]["images"]
    largest = np.iinfo(dtype).max if dtype != np.float32 else 1  # type: ignore[type-var]
    for image in again:
        file = comfyui.output / image["subfolder"] / image["filename"]
        original = registry.decode((folder / image["filename"].replace("png", extension)).read_bytes())
        expected = np.floor(in_image(original / np.float64(largest), f".{extension}") * 255 + 0.5)
        assert np.abs(registry.decode(file.read_bytes()) - expected).max() <= (1 if dtype != np.uint8 else 0)


def test_the_server_serves_every_reported_file(comfyui, server):
    costly = ("ProbeCostly", {"frame": 1, "count": 1, "width": 16, "height": 16, "seed": 6})
    for kind, (extension, _) in KINDS.items():
        (image,) = comfyui.run(load=costly, save=save(kind))["save"]["images"]
        assert server.get(f"/view?{urlencode(image)}") == (comfyui.output / kind / f"f_0000.{extension}").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_existing_frames_are_not_rendered_again(comfyui, kind):
    render = ("ProbeCostly", {"frame": 0, "count": 1, "width": 16, "height": 16, "seed": len(kind)})
    saving = {"filename_prefix": f"skip/{kind}", "filetype": kind, "on_existing": "skip", "images": ["load", 0]}
    for seed in (1, 2):  # another seed, so that only the files on disk can prevent a run, and not ComfyUI's cache
        for frame in range(3):
            render[1].update(frame=frame, seed=100 * seed + list(KINDS).index(kind))
            comfyui.run(load=render, save=("ImageSequenceSaveFrame", saving | {"current_frame": frame}))
    assert comfyui.rendered() == [0, 1, 2]
