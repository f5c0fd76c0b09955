"""Values that other nodes give to the savers instead of an image, and objects that they leave in the metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from devtools.comfyui_server import PromptFailed

COUNTER = ("ImageSequenceFrameCounter", {"frame_index": 7, "total_frames": 10, "frames_per_second": 25})


def saver(name: str, folder: str, policy: str) -> dict[str, Any]:
    made = ["make", 0]
    batch_policy = {"overwrite": "true"}.get(policy, policy)
    batch = {"images": made, "path_pattern": f"{folder}/f_####.png", "start_index": 7, "overwrite": batch_policy}
    frame = {"images": made, "filename_prefix": folder, "current_frame": 7, "on_existing": policy}
    counted = {"frame_counter": ["count", 0], "image": made, "directory_path": folder, "prefix": "f", "digits": 4}
    counted |= {"at_end": "stop output", "filetype": "png with embedded workflow", "on_existing": policy}
    nodes: dict[str, dict[str, Any]] = {
        "Batch": {"save": ("ImageSequenceSaveBatch", batch)},
        "Frame": {"save": ("ImageSequenceSaveFrame", frame)},
        "Counted": {"save": ("ImageSequenceSaveCounted", counted), "count": COUNTER},
    }
    return nodes[name]


every_saver = pytest.mark.parametrize("name", ["Batch", "Frame", "Counted"])


@every_saver
@pytest.mark.parametrize(
    ("odd", "fact"),
    [("None", r"no image \(None\)"), ("nothing", "empty"), ("mask", "a MASK"), ("array", "numpy.ndarray")],
)
def test_a_value_that_is_not_an_image_fails_with_an_explanation_and_keeps_the_file_on_disk(comfyui, name, odd, fact):
    folder = f"odd_{name}_{odd}"
    nodes = saver(name, folder, "overwrite")
    comfyui.run(make=("ProbeOdd", {"text": "image"}), **nodes)
    (file,) = (comfyui.output / folder).iterdir()
    before = file.read_bytes()

    with pytest.raises(PromptFailed, match=rf"[Tt]he input 'images?' got .*{fact}"):
        comfyui.run(make=("ProbeOdd", {"text": odd}), **nodes)
    assert [path.read_bytes() for path in (comfyui.output / folder).iterdir()] == [before]


@pytest.mark.parametrize("name", ["Frame", "Counted"])
def test_none_does_not_replace_a_frame_that_is_kept(comfyui, name):
    nodes = saver(name, f"kept_{name}", "skip")
    first = comfyui.run(make=("ProbeOdd", {"text": "image"}), **nodes)["save"]
    again = comfyui.run(make=("ProbeOdd", {"text": "None"}), **nodes)["save"]

    assert again["images"] == first["images"]


@every_saver
def test_foreign_objects_in_the_metadata_do_not_prevent_saving(comfyui, workflow, name):
    folder = f"foreign_{name}"
    comfyui.run(make=("ProbeOdd", {"text": f"image {name}"}), **saver(name, folder, "overwrite"))

    (file,) = (comfyui.output / folder).iterdir()
    with Image.open(file) as image:
        image.load()
        text = image.info
    assert json.loads(text["workflow"]) == workflow
    assert json.loads(text["alien"]) == {"text": "kept"}
    assert json.loads(text["prompt"])["make"]["class_type"] == "ProbeOdd"
