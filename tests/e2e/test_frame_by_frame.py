"""Video to video on a running ComfyUI: load a frame, change it, save it. Also when the cache runs a loader again."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from devtools.comfyui_server import PromptFailed
from devtools.prompts import PromptError

FIRST, COUNT = 1001, 5


def load_frame(folder: str, **inputs: object) -> tuple[str, dict]:
    given = {"directory_path": folder, "pattern": "*", "indexing": "numeric", "folder": "input"}
    return "ImageSequenceLoadFrame", given | inputs


def counter(frame: int, total: int = COUNT) -> tuple[str, dict]:
    return "ImageSequenceFrameCounter", {"frame_index": frame, "total_frames": total, "frames_per_second": 25}


def save_counted(directory: str, **changes: object) -> tuple[str, dict]:
    settings = {"prefix": "out", "digits": 4, "at_end": "stop output", "filetype": "png", "on_existing": "skip"}
    links = {"frame_counter": ["count", 0], "image": ["invert", 0]}
    return "ImageSequenceSaveCounted", {**links, "directory_path": directory, **settings, **changes}


def save_frame(prefix: str, number: int) -> tuple[str, dict]:
    inputs = {"images": ["invert", 0], "filename_prefix": prefix, "current_frame": number, "filetype": "png"}
    return "ImageSequenceSaveFrame", inputs


INVERT = ("ImageInvert", {"image": ["load", 0]})


@pytest.fixture
def plate(comfyui, request):
    """A function that writes a frame of noise into a folder of this test in the input folder."""
    name = request.node.name.partition("[")[0]
    folder = comfyui.input / name
    folder.mkdir(exist_ok=True)

    def write(number: int, seed: int = 0, pattern: str = "plate.{:04d}.png") -> np.ndarray:
        picture = np.random.default_rng([number, seed]).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(picture).save(folder / pattern.format(number))
        return picture

    write.name = name  # type: ignore[attr-defined]
    return write


def test_a_video_is_inverted_frame_by_frame_by_a_counter(comfyui, plate):
    frames = [plate(number) for number in range(COUNT)]
    queued = [
        comfyui.post(
            count=counter(number),
            load=load_frame(plate.name, frame_counter=["count", 0]),
            invert=INVERT,
            save=save_counted("v2v"),
        )
        for number in range(COUNT + 1)
    ]
    shown = [comfyui.server.wait(prompt_id)["outputs"] for prompt_id in queued]

    for number, picture in enumerate(frames):
        with Image.open(comfyui.output / f"v2v/out_{number:04d}.png") as image:
            assert np.array_equal(np.asarray(image), 255 - picture)
        assert shown[number]["load"]["text"] == [f"Loaded frame {number}: plate.{number:04d}.png"]
        assert [image["filename"] for image in shown[number]["load"]["images"]] == [f"plate.{number:04d}.png"]
    assert "load" not in shown[COUNT], "past the end the loader does not run"
    assert len(list((comfyui.output / "v2v").iterdir())) == COUNT


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("hashes", "plate.####.png"), ("printf", "plate.%04d.png"), ("braces", "plate.{:04d}.png"), ("glob", "plate.*")],
)
def test_a_video_is_inverted_frame_by_frame_by_a_number(comfyui, plate, kind, pattern):
    frames = {number: plate(number) for number in range(FIRST, FIRST + 3)}
    queued = [
        comfyui.post(
            load=load_frame(plate.name, pattern=pattern, frame_number=number),
            invert=INVERT,
            save=save_frame(kind, number),
        )
        for number in frames
    ]
    for prompt_id in queued:
        comfyui.server.wait(prompt_id)

    for number, picture in frames.items():
        with Image.open(comfyui.output / f"{kind}/{kind}_{number:05d}.png") as image:
            assert np.array_equal(np.asarray(image), 255 - picture)


def test_a_prompt_of_the_dream_pack_runs_if_only_class_type_is_changed(comfyui):
    folder = comfyui.output / "dream_frames"
    folder.mkdir()
    Image.new("RGB", (8, 6), (9, 8, 7)).save(folder / "frame_00004.png")
    inputs = {"directory_path": str(folder), "pattern": "*", "indexing": "numeric"}
    default = ("EmptyImage", {"width": 5, "height": 4, "batch_size": 1, "color": 0})

    def run(frame: int, **more: object) -> dict:
        load = ("ImageSequenceLoadFrame", {"frame_counter": ["count", 0], **inputs, **more})
        return comfyui.run(
            count=counter(frame, 9), load=load, default=default, show=("PreviewImage", {"images": ["load", 0]})
        )

    found = run(4)["show"]["images"][0]
    with Image.open(comfyui.server.base / "temp" / found["filename"]) as image:
        assert image.getpixel((0, 0)) == (9, 8, 7)
    fallback = run(5, default_image=["default", 0])["show"]["images"][0]
    with Image.open(comfyui.server.base / "temp" / fallback["filename"]) as image:
        assert image.size == (5, 4)
    with pytest.raises(PromptFailed, match=r"Frame 5 is missing.*On disk is 4"):
        run(5)


def test_the_default_image_is_rendered_for_missing_frames_only(comfyui, plate):
    for number in (0, 2):
        plate(number)
    for number in range(4):
        comfyui.run(
            make=("ProbeCostly", {"frame": number, "count": 1, "width": 32, "height": 24, "seed": 0}),
            load=load_frame(plate.name, frame_number=number, default_image=["make", 0]),
            show=("PreviewImage", {"images": ["load", 0]}),
        )
    assert comfyui.rendered() == [1, 3]


@pytest.mark.parametrize("linked", [False, True], ids=["", "by a counter"])
@pytest.mark.parametrize("pattern", ["plate.####.png", "*"])
def test_the_frame_is_read_again_when_its_file_changes_and_only_then(comfyui, plate, linked, pattern):
    seed = len(f"{pattern}{linked}")

    def queue() -> str:
        """The name of the preview file, which is new each time that the preview runs."""
        number = {"frame_counter": ["count", 0]} if linked else {"frame_number": 1}
        load = load_frame(plate.name, pattern=pattern, **number)
        shown = comfyui.run(count=counter(1), load=load, show=("PreviewImage", {"images": ["load", 0]}))
        return shown["show"]["images"][0]["filename"]

    for number in range(3):
        plate(number, seed)
    first = queue()
    assert queue() == first
    plate(0, seed=99)
    plate(7, seed=99)
    assert queue() == first, "other files do not matter"
    plate(1, seed=98)
    os.utime(comfyui.input / plate.name / "plate.0001.png", (seed, seed))
    second = queue()
    assert second != first
    assert queue() == second


def test_held_frames_and_frames_of_two_prefixes(comfyui, plate):
    for number in (2, 4):
        plate(number)
    held = {
        policy: comfyui.run(
            load=load_frame(plate.name, frame_number=3, on_missing=policy),
            name=("PreviewAny", {"source": ["load", 2]}),
        )["name"]["text"]
        for policy in ("hold previous", "hold next", "black")
    }
    assert held == {"hold previous": ["plate.0002.png"], "hold next": ["plate.0004.png"], "black": [""]}
    plate(4, pattern="matte.{:04d}.png")
    with pytest.raises(PromptFailed, match=r"Frame 4 is 'matte\.0004\.png' and 'plate\.0004\.png'"):
        comfyui.run(load=load_frame(plate.name, frame_number=4), name=("PreviewAny", {"source": ["load", 2]}))


@pytest.mark.parametrize(
    ("directory", "message"), [("..", r"leaves its folder with '\.\.'"), ("/etc", "image_sequence_roots.txt")]
)
def test_a_folder_that_cannot_be_loaded_from_is_refused_before_the_run(comfyui, directory, message):
    with pytest.raises(PromptError, match=message):
        comfyui.run(load=load_frame(directory), show=("PreviewImage", {"images": ["load", 0]}))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("*_####.png", "a frame number and wildcards"), ("*.png|sub/*", "Write the folder into directory_path")],
)
def test_a_pattern_that_cannot_be_loaded_is_refused_by_the_run(comfyui, pattern, message):
    """If the node refused it before the run, ComfyUI would report it for directory_path too."""
    with pytest.raises(PromptFailed, match=message):
        comfyui.run(load=load_frame("plate", pattern=pattern), show=("PreviewImage", {"images": ["load", 0]}))


def load_batch(plate, **inputs: object) -> tuple[str, dict]:
    given = {"path_pattern": f"{plate.name}/plate.####.png", "start_index": 0, "frame_count": 0, "folder": "input"}
    return "ImageSequenceLoadBatch", {**given, "ignore_missing_images": "true", **inputs}


def test_a_batch_reports_its_frames(comfyui, plate):
    for number in (1001, 1002, 1003, 1004, 1005, 1006, 1008):
        plate(number)
    shown = comfyui.run(load=load_batch(plate, start_index=FIRST), text=("PreviewAny", {"source": ["load", 3]}))
    assert shown["load"]["text"] == ["Loaded frames 1001-1006,1008; not on disk: 1007"]
    assert shown["text"]["text"] == ["1001-1006,1008"]


def test_a_batch_that_memory_cannot_hold_is_refused(comfyui, plate):
    Image.new("RGB", (640, 480)).save(comfyui.input / plate.name / "plate.0000.png")
    with pytest.raises(PromptFailed, match=r"A batch of 1000000 at 640 x 480 needs 3,433\.2 GiB of memory, but .* GiB"):
        comfyui.run(
            load=load_batch(plate, frame_count=1_000_000, ignore_missing_images="black"),
            show=("PreviewImage", {"images": ["load", 0]}),
        )
