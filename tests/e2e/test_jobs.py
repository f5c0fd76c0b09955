"""The three jobs, on photographic frames, through the /prompt API of a running ComfyUI.

COMFYUI_FOOTAGE can name a folder of real photographs or video frames of one size. Without it, code makes the frames.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from benchmarks.corpus import frames as corpus_frames

COUNT = 24
FIRST = 1001
EMBEDDED = "png with embedded workflow"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="session")
def footage(server) -> dict[int, np.ndarray]:
    """At least 24 frames in the input folder, numbered from 1001 like a plate from a camera."""
    if named := os.environ.get("COMFYUI_FOOTAGE"):
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path(named).iterdir())]
    else:
        pictures = [corpus_frames("photo", (480, 270), seed) for seed in range(COUNT)]
    assert len(pictures) >= COUNT
    folder = server.base / "input" / "plate"
    folder.mkdir()
    for number, picture in enumerate(pictures, FIRST):
        Image.fromarray(picture).save(folder / f"plate.{number}.png")
    return dict(enumerate(pictures, FIRST))


@pytest.fixture
def plate() -> tuple[str, dict]:
    settings = {"start_index": FIRST, "frame_count": 0, "ignore_missing_images": "false", "folder": "input"}
    return "ImageSequenceLoadBatch", {"path_pattern": "plate/plate.####.png", **settings}


def assert_workflow_is_in(path: Path, workflow: dict, class_type: str) -> None:
    with Image.open(path) as image:
        text = image.text  # type: ignore[attr-defined]
    assert json.loads(text["workflow"]) == workflow
    prompt = json.loads(text["prompt"], parse_constant=pytest.fail)
    assert class_type in {node["class_type"] for node in prompt.values()}
    assert not any("is_changed" in node for node in prompt.values())


def test_a_plate_is_loaded_saved_as_a_batch_and_loaded_back_pixel_for_pixel(comfyui, footage, plate, workflow):
    saved = comfyui.run(
        load=plate,
        save=(
            "ImageSequenceSaveBatch",
            {"images": ["load", 0], "path_pattern": "shots/comp.####.png", "start_index": FIRST, "overwrite": "error"},
        ),
    )["save"]
    assert [image["filename"] for image in saved["images"]] == [f"comp.{number}.png" for number in footage]
    for number, picture in footage.items():
        path = comfyui.output / "shots" / f"comp.{number}.png"
        assert np.array_equal(pixels(path), picture)
        assert_workflow_is_in(path, workflow, "ImageSequenceSaveBatch")
    again = comfyui.run(
        load=(
            "ImageSequenceLoadBatch",
            {
                "path_pattern": "shots/comp.%04d.png",
                "start_index": FIRST,
                "frame_count": len(footage),
                "ignore_missing_images": "false",
            },
        ),
        save=("SaveImage", {"images": ["load", 0], "filename_prefix": "core"}),
    )["save"]["images"]
    for image, picture in zip(again, footage.values(), strict=True):
        assert np.array_equal(pixels(comfyui.output / image["filename"]), picture)


def test_one_frame_is_saved_by_its_index(comfyui, footage, plate, workflow):
    number = FIRST + 5
    shown = comfyui.run(
        load=(plate[0], plate[1] | {"start_index": number, "frame_count": 1}),
        save=(
            "ImageSequenceSaveFrame",
            {"images": ["load", 0], "filename_prefix": "shots/take1", "current_frame": number},
        ),
    )["save"]["images"]
    assert shown == [{"filename": "take1_01006.png", "subfolder": "shots/take1", "type": "output"}]
    path = comfyui.output / "shots/take1/take1_01006.png"
    assert np.array_equal(pixels(path), footage[number])
    assert_workflow_is_in(path, workflow, "ImageSequenceSaveFrame")


def test_the_frame_counter_counts_to_the_final_frame_and_the_whole_sequence_is_passed_on(comfyui, footage, plate):
    total = len(footage)

    def run(frame: int) -> dict:
        return comfyui.run(
            count=(
                "ImageSequenceFrameCounter",
                {"frame_index": frame, "total_frames": total, "frames_per_second": 24},
            ),
            load=(plate[0], plate[1] | {"start_index": FIRST + min(frame, total - 1), "frame_count": 1}),
            save=(
                "ImageSequenceSaveCounted",
                {
                    "frame_counter": ["count", 0],
                    "image": ["load", 0],
                    "directory_path": "counted",
                    "prefix": "frame",
                    "digits": 5,
                    "at_end": "stop output",
                    "filetype": EMBEDDED,
                },
            ),
            film=("ImageSequenceFromAnimation", {"sequence": ["save", 0]}),
            copy=(
                "ImageSequenceSaveBatch",
                {"images": ["film", 0], "path_pattern": "film/{:03d}.png", "start_index": 0, "overwrite": "error"},
            ),
            log=("PreviewAny", {"source": ["save", 1]}),
        )

    for frame in range(total - 1):
        outputs = run(frame)
        assert len(outputs["save"]["images"]) == 1
        assert "copy" not in outputs, "nodes after the sequence do not run before the final frame"
    outputs = run(total - 1)
    assert len(outputs["copy"]["images"]) == total
    assert f"All {total} frames are on disk." in outputs["log"]["text"][0]
    for place, picture in enumerate(footage.values()):
        assert np.array_equal(pixels(comfyui.output / f"counted/frame_{place:05d}.png"), picture)
        assert np.array_equal(pixels(comfyui.output / f"film/{place:03d}.png"), picture)
    past = run(total)
    assert past["save"]["images"] == []
    assert "Stopped" in past["log"]["text"][0]
    assert not (comfyui.output / f"counted/frame_{total:05d}.png").exists()


def test_view_serves_every_reported_frame(comfyui, footage, plate):
    shown = comfyui.run(
        load=(plate[0], plate[1] | {"frame_count": 3}),
        save=(
            "ImageSequenceSaveBatch",
            {"images": ["load", 0], "path_pattern": "a/b/c/v_{:d}.jpg", "start_index": 9, "overwrite": "true"},
        ),
    )
    for image in shown["save"]["images"] + shown["load"]["images"]:
        assert len(comfyui.server.get(f"/view?{urlencode(image)}")) > 1000
    assert [image["filename"] for image in shown["save"]["images"]] == ["v_9.jpg", "v_10.jpg", "v_11.jpg"]


def test_a_list_of_batches_is_one_sequence(comfyui):
    shown = comfyui.run(
        make=("ProbeBatchList", {"frame": 0, "count": 3, "width": 20, "height": 10, "seed": 0}),
        save=(
            "ImageSequenceSaveBatch",
            {"images": ["make", 0], "path_pattern": "list/{:02d}.png", "start_index": 4, "overwrite": "error"},
        ),
    )["save"]
    assert [image["filename"] for image in shown["images"]] == [f"{n:02d}.png" for n in range(4, 10)]


def test_help_pages_are_served_for_every_node(comfyui):
    nodes = [name for name in comfyui.server.get_json("/object_info") if name.startswith("ImageSequence")]
    assert len(nodes) == 10
    for name in nodes:
        assert comfyui.server.get(f"/extensions/image-sequence-pack/docs/{name}.md")


class TestPromptsOfEarlierPacks:
    """They keep their inputs, values and defaults; only class_type is changed."""

    MAKE = ("ProbeCostly", {"frame": 3, "count": 1, "width": 32, "height": 24, "seed": 5})

    def test_mtb_save_image_sequence(self, comfyui):
        inputs = {"images": ["make", 0], "filename_prefix": "Sequence", "current_frame": 12}
        comfyui.run(make=self.MAKE, save=("ImageSequenceSaveFrame", inputs))
        assert (comfyui.output / "Sequence/Sequence_00012.png").is_file()

    def test_dream_frame_counter_and_saver_with_the_output_folder_written_out(self, comfyui):
        count = {"frame_index": 0, "total_frames": 100, "frames_per_second": 25}
        save = {
            "directory_path": str(comfyui.output / "dream"),
            "prefix": "frame",
            "digits": 5,
            "at_end": "stop output",
        }
        links = {"frame_counter": ["count", 0], "image": ["make", 0], "filetype": EMBEDDED}
        comfyui.run(
            count=("ImageSequenceFrameCounter", count),
            make=self.MAKE,
            save=("ImageSequenceSaveCounted", {**save, **links}),
        )
        where = {"directory_path": str(comfyui.output / "dream"), "pattern": "*", "indexing": "numeric"}
        shown = comfyui.run(
            count=("ImageSequenceFrameCounterFromDirectory", {**where, "total_frames": 100, "frames_per_second": 30}),
            show=("PreviewAny", {"source": ["count", 1]}),
        )
        assert (comfyui.output / "dream/frame_00000.png").is_file()
        assert shown["show"]["text"] == ["1"]

    def test_jw_batch_save_and_load(self, comfyui):
        save = {"images": ["make", 0], "path_pattern": "./frame{:06d}.png", "start_index": 0, "overwrite": "true"}
        load = {
            "path_pattern": "./frame{i:06d}.png",
            "start_index": 0,
            "frame_count": 16,
            "ignore_missing_images": "true",
        }
        comfyui.run(
            make=(self.MAKE[0], self.MAKE[1] | {"count": 16}),
            save=("ImageSequenceSaveBatch", save),
        )
        shown = comfyui.run(load=("ImageSequenceLoadBatch", load), show=("PreviewAny", {"source": ["load", 2]}))
        assert (comfyui.output / "frame000015.png").is_file()
        assert shown["show"]["text"] == ["16"]
