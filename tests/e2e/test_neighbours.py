"""Links between our nodes and the nodes of other packs, on a running server.

DREAM_DIR, VHS_DIR, JW_DIR and MTB_DIR name the folders of these packs. They are copied, because some write into their own
folder. The server's Python needs their requirements (PYTHONPATH is passed on), and the tests of encoders need ffmpeg on PATH.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from devtools.comfyui_server import PromptFailed
from io_utils.comfyui.replaced_nodes import REPLACEMENTS

from .conftest import Bench

NEIGHBOURS = {
    "DREAM_DIR": "comfyui-dream-project",
    "VHS_DIR": "comfyui-videohelpersuite",
    "JW_DIR": "comfyui-various",
    "MTB_DIR": "comfy_mtb",
}

Node = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def neighbours(start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A server with the neighbours that the environment names."""
    base = tmp_path_factory.mktemp("neighbours")
    for variable, name in NEIGHBOURS.items():
        if os.environ.get(variable):
            shutil.copytree(os.environ[variable], base / "custom_nodes" / name)
    dream = base / "custom_nodes" / NEIGHBOURS["DREAM_DIR"]
    if dream.is_dir():
        config = runpy.run_path(str(dream / "embedded_config.py"))["EMBEDDED_CONFIGURATION"]
        arguments = config["ffmpeg"]["arguments"]
        vsync = arguments.index("-vsync")
        del arguments[vsync : vsync + 2]  # ffmpeg 9 has removed this option
        if os.name != "nt":
            # Dream passes a list of arguments to a shell, which on POSIX drops all but the first. This passes them on.
            config["ffmpeg"]["path"] = 'ffmpeg "$0" "$@"'
        (dream / "config.json").write_text(json.dumps(config))
    with start(base=base) as running:
        yield Bench(running)


def needs(request: pytest.FixtureRequest, variable: str, node: str) -> Bench:
    if not os.environ.get(variable):
        pytest.skip(f"needs a neighbour: set {variable} to the folder of {NEIGHBOURS[variable]}")
    bench: Bench = request.getfixturevalue("neighbours")
    log = bench.server.log.read_text(encoding="utf-8", errors="replace")
    assert node in bench.server.get_json("/object_info"), f"{NEIGHBOURS[variable]} did not load:\n{log}"
    return bench


@pytest.fixture
def dream(request: pytest.FixtureRequest) -> Bench:
    return needs(request, "DREAM_DIR", "Frame Counter Info [Dream]")


@pytest.fixture
def vhs(request: pytest.FixtureRequest) -> Bench:
    return needs(request, "VHS_DIR", "VHS_VideoCombine")


@pytest.fixture
def ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs an ffmpeg on PATH")


def make(frame: int = 0, count: int = 1) -> Node:
    return "ProbeCostly", {"frame": frame, "count": count, "width": 32, "height": 24, "seed": 1}


def our_counter(frame: int, total: int = 3) -> Node:
    return "ImageSequenceFrameCounter", {"frame_index": frame, "total_frames": total, "frames_per_second": 10}


def dream_counter(frame: int, total: int = 3) -> Node:
    return "Frame Counter (Simple) [Dream]", {"frame_index": frame, "total_frames": total, "frames_per_second": 10}


def saver(kind: str, folder: Path, image: list[Any], counter: list[Any], filetype: str = "png") -> Node:
    inputs = {"directory_path": str(folder), "prefix": "frame", "digits": 5, "at_end": "raise error"}
    return kind, {"frame_counter": counter, "image": image, "filetype": filetype, **inputs}


def our_saver(folder: Path, image: str = "make", counter: str = "count", filetype: str = "png") -> Node:
    return saver("ImageSequenceSaveCounted", folder, [image, 0], [counter, 0], filetype)


def dream_saver(folder: Path, image: str = "make", counter: str = "count") -> Node:
    return saver("Image Sequence Saver [Dream]", folder, [image, 0], [counter, 0])


def show(*link: Any) -> Node:
    return "PreviewAny", {"source": list(link)}


def save_all(pattern: str, images: str) -> Node:
    inputs = {"images": [images, 0], "path_pattern": pattern, "start_index": 0, "overwrite": "error"}
    return "ImageSequenceSaveBatch", inputs


def text(shown: dict[str, dict[str, Any]], node: str) -> str:
    return shown[node]["text"][0]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def film(path: Path) -> tuple[list[np.ndarray], float]:
    """The frames of a video, and its frame rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], float(stream.average_rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", REPLACEMENTS, ids=lambda row: row.old_id)
def test_the_replaced_nodes_have_exactly_these_inputs_and_outputs(request, row):
    variables = {"Dream]": "DREAM_DIR", "(mtb)": "MTB_DIR"}
    bench = needs(request, variables.get(row.old_id.split()[-1], "JW_DIR"), row.old_id)
    known = bench.server.get_json("/object_info")
    original = known[row.old_id]
    declared = original["input"]["required"] | original["input"].get("optional", {})
    slots = [name for name in declared if declared[name][0] in ("IMAGE", "FRAME_COUNTER")]

    assert list(row.slots) == slots
    assert list(row.widgets) == [name for name in declared if name not in slots]
    assert not [name for name in row.widgets if "control_after_generate" in declared[name][-1]]
    ours = known[row.new_id]["output"]
    assert [ours[index] for index in row.outputs] == original["output"]


class TestOurCountersDriveDreamsNodes:
    @pytest.mark.parametrize("resumed", [False, True], ids=["frame counter", "resume from directory"])
    def test_its_info(self, dream, resumed):
        folder = dream.output / f"info_{resumed}"
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "frame_00003.png")
        where = {"directory_path": str(folder), "pattern": "*", "indexing": "numeric"}
        resume = "ImageSequenceFrameCounterFromDirectory", {**where, "total_frames": 9, "frames_per_second": 10}
        outputs = {f"info{index}": show("info", index) for index in range(8)}
        shown = dream.run(
            count=resume if resumed else our_counter(4, 9),
            info=("Frame Counter Info [Dream]", {"frame_counter": ["count", 0]}),
            **outputs,
        )

        facts = [json.loads(text(shown, node).lower()) for node in outputs]
        assert facts[:4] == [4, 9, False, False]
        assert facts[4:] == pytest.approx([0.4, 0.5, 0.9, 4 / 9])

    def test_its_offsets(self, dream):
        shown = dream.run(
            count=our_counter(4, 9),
            frames=("Frame Counter Offset [Dream]", {"frame_counter": ["count", 0], "offset": -1}),
            seconds=("Frame Counter Time Offset [Dream]", {"frame_counter": ["frames", 0], "offset_seconds": 0.5}),
            info=("Frame Counter Info [Dream]", {"frame_counter": ["seconds", 0]}),
            last=show("info", 3),
            now=show("info", 0),
        )

        assert float(text(shown, "now")) == 4 - 1 + 5
        assert text(shown, "last") == "True"

    def test_its_curves_and_calculators(self, dream):
        shown = dream.run(
            total=(
                "Frame Count Calculator [Dream]",
                {"hours": 0, "minutes": 0, "seconds": 2, "milliseconds": 0, "frames_per_second": 10},
            ),
            count=(our_counter(19)[0], our_counter(19)[1] | {"total_frames": ["total", 0]}),
            curve=("Linear Curve [Dream]", {"frame_counter": ["count", 0], "initial_value": 1.0, "final_value": 5.0}),
            sum=(
                "Calculation [Dream]",
                {"expression": "a + b + r", "a_int": ["count", 1], "b_int": ["count", 2], "r_float": ["count", 4]},
            ),
            curved=show("curve", 0),
            summed=show("sum", 0),
        )

        assert text(shown, "curved") == "5.0"
        assert float(text(shown, "summed")) == 19 + 20 + 1.0

    def test_its_saver_whose_sequence_we_load(self, dream):
        folder = dream.output / "by_dream"
        for frame in range(3):
            shown = dream.run(
                make=make(frame),
                count=our_counter(frame),
                save=dream_saver(folder),
                film=("ImageSequenceFromAnimation", {"sequence": ["save", 0]}),
                copy=save_all("by_dream_loaded/{:03d}.png", "film"),
                fps=show("film", 1),
            )
            assert ("copy" in shown) == (frame == 2), "nodes after the sequence do not run before the final frame"

        assert names(folder) == [f"frame_{n:05d}.png" for n in range(3)]
        assert text(shown, "fps") == "10.0"
        for n in range(3):
            copy = dream.output / f"by_dream_loaded/{n:03d}.png"
            assert np.array_equal(pixels(copy), pixels(folder / f"frame_{n:05d}.png"))

    def test_its_loader(self, dream):
        folder = dream.output / "for_dream"
        for frame in range(2):
            dream.run(make=make(frame), count=our_counter(frame), save=our_saver(folder))
        shown = dream.run(
            count=our_counter(1),
            load=(
                "Image Sequence Loader [Dream]",
                {"frame_counter": ["count", 0], "directory_path": str(folder), "pattern": "*", "indexing": "numeric"},
            ),
            name=show("load", 1),
            copy=save_all("for_dream_loaded_{:d}.png", "load"),
        )

        assert text(shown, "name") == "frame_00001.png"
        assert np.array_equal(pixels(dream.output / "for_dream_loaded_0.png"), pixels(folder / "frame_00001.png"))


class TestDreamsCountersDriveOurs:
    def test_its_simple_counter(self, dream):
        folder = dream.output / "counted"
        for frame in range(3):
            shown = dream.run(make=make(frame), count=dream_counter(frame), save=our_saver(folder), log=show("save", 1))

        assert names(folder) == [f"frame_{n:05d}.png" for n in range(3)]
        assert "All 3 frames are on disk." in text(shown, "log")

    def test_its_directory_counter(self, dream):
        folder = dream.output / "resumed"
        where = {"directory_path": str(folder), "pattern": "*", "indexing": "numeric"}
        for run in range(3):
            dream.run(
                make=make(run),
                count=("Frame Counter (Directory) [Dream]", {**where, "total_frames": 9, "frames_per_second": 10}),
                save=our_saver(folder),
            )

        assert names(folder) == [f"frame_{n:05d}.png" for n in range(3)]

    def test_past_the_end_by_an_offset(self, dream):
        with pytest.raises(PromptFailed, match=r"Frame 4 is past the end: the animation has 3 frames, 0 to 2"):
            dream.run(
                make=make(),
                count=dream_counter(2),
                later=("Frame Counter Offset [Dream]", {"frame_counter": ["count", 0], "offset": 2}),
                save=our_saver(dream.output / "past", counter="later"),
            )
        assert not (dream.output / "past").exists()

    def test_a_time_offset_of_whole_frames(self, dream):
        dream.run(
            make=make(),
            count=dream_counter(0),
            later=("Frame Counter Time Offset [Dream]", {"frame_counter": ["count", 0], "offset_seconds": 0.2}),
            save=our_saver(dream.output / "later", counter="later"),
        )

        assert names(dream.output / "later") == ["frame_00002.png"]

    def test_a_fraction_of_a_frame_is_refused_as_such(self, dream):
        with pytest.raises(PromptFailed, match=r"1/10 s.* is at 1\.5, between two frames: an offset in seconds"):
            dream.run(
                make=make(),
                count=dream_counter(1),
                later=("Frame Counter Time Offset [Dream]", {"frame_counter": ["count", 0], "offset_seconds": 0.05}),
                save=our_saver(dream.output / "between", counter="later"),
            )
        assert not (dream.output / "between").exists()


class TestOurSequenceGoesIntoDreams:
    def test_tweening(self, dream):
        """It puts frames between ours and replaces our files by its own."""
        folder = dream.output / "tweened"
        for frame in range(3):
            shown = dream.run(
                make=make(frame),
                count=our_counter(frame),
                save=our_saver(folder),
                tween=("Image Sequence Tweening [Dream]", {"sequence": ["save", 0], "multiplier": 2}),
                film=("ImageSequenceFromAnimation", {"sequence": ["tween", 0]}),
                copy=save_all("tweened_loaded/{:d}.png", "film"),
                fps=show("film", 1),
            )

        assert names(folder) == [f"seq_{n:08d}.png" for n in range(6)]
        assert len(shown["copy"]["images"]) == 6
        assert text(shown, "fps") == "20.0"

    def test_blend(self, dream):
        """It keeps the variants of a batch apart."""
        folder = dream.output / "blended"
        for frame in range(3):
            shown = dream.run(
                make=make(frame, count=2),
                count=our_counter(frame),
                save=our_saver(folder),
                blend=(
                    "Image Sequence Blend [Dream]",
                    {"sequence": ["save", 0], "fade_in": 0.1, "fade_out": 0.1, "iterations": 1},
                ),
                film=("ImageSequenceFromAnimation", {"sequence": ["blend", 0], "batch_index": 1}),
                copy=save_all("blended_loaded/{:d}.png", "film"),
            )

        for variant in ("batch_0000", "batch_0001"):
            assert names(folder / variant) == [f"seq_{n:08d}.png" for n in range(3)]
        assert len(shown["copy"]["images"]) == 3
        second = dream.output / "blended_loaded/2.png"
        assert np.array_equal(pixels(second), pixels(folder / "batch_0001/seq_00000002.png"))

    def test_video_encoder(self, dream, ffmpeg):
        folder = dream.output / "encoded"
        for frame in range(3):
            dream.run(
                make=make(frame),
                count=our_counter(frame),
                save=our_saver(folder, filetype="jpg"),
                encode=(
                    "FFMPEG Video Encoder [Dream]",
                    {"sequence": ["save", 0], "name": "take", "framerate_factor": 2.0, "remove_images": True},
                ),
            )

        assert names(folder) == ["take.mp4"]
        frames, fps = film(folder / "take.mp4")
        assert (len(frames), frames[0].shape, fps) == (3, (24, 32, 3), 20.0)


def test_our_log_entries_are_joined_filtered_and_written_with_dreams(dream):
    for frame in range(2):
        shown = dream.run(
            make=make(frame),
            count=our_counter(frame),
            ours=our_saver(dream.output / "log_ours"),
            theirs=dream_saver(dream.output / "log_theirs"),
            count_entry=("Int to Log Entry [Dream]", {"value": ["count", 1], "label": "at"}),
            join=(
                "Log Entry Joiner [Dream]",
                {"entry_0": ["ours", 1], "entry_1": ["theirs", 1], "entry_3": ["count_entry", 0]},
            ),
            file=(
                "Log File [Dream]",
                {
                    "frame_counter": ["count", 0],
                    "log_directory": str(dream.output),
                    "log_filename": "log.txt",
                    "stdout": False,
                    "active": True,
                    "clock_has_24_hours": True,
                    "entry_0": ["ours", 1],
                    "entry_5": ["join", 0],
                },
            ),
            ours_shown=show("ours", 1),
        )
        assert text(shown, "ours_shown").startswith("Saved")

    lines = (dream.output / "log.txt").read_text(encoding="utf-8").splitlines()
    # Ours arrives twice, directly and joined. Lines that are already in the file are filtered out the second time.
    for frame in range(2):
        assert sum(f"[frame {frame + 1}/3 " in line for line in lines) == 4
        assert sum(line == f"at: {frame}" for line in lines) == 1
        assert sum(f"Saved frame_{frame:05d}.png in" in line for line in lines) == 1


def plate(bench: Bench, name: str, count: int = 6) -> Node:
    """Save a batch of `count` frames from 1001 on, and return the node that loads it."""
    pattern = {"path_pattern": f"{name}/plate.####.png", "start_index": 1001}
    bench.run(
        make=make(7, count), save=("ImageSequenceSaveBatch", {"images": ["make", 0], "overwrite": "error", **pattern})
    )
    return "ImageSequenceLoadBatch", {"frame_count": 0, "ignore_missing_images": "false", **pattern}


def assert_shows(frame: np.ndarray, path: Path) -> None:
    """Check that the frame is roughly this picture: video is lossy, and the frames are noise."""
    assert np.corrcoef(frame.ravel(), pixels(path).ravel())[0, 1] > 0.5


class TestCoreVideo:
    def test_takes_a_loaded_batch(self, comfyui):
        shown = comfyui.run(
            load=plate(comfyui, "core_video"),
            video=("CreateVideo", {"images": ["load", 0], "fps": 12.0}),
            save=("SaveVideo", {"video": ["video", 0], "filename_prefix": "core", "format": "auto", "codec": "auto"}),
        )["save"]["images"][0]

        frames, fps = film(comfyui.output / shown["subfolder"] / shown["filename"])
        assert (len(frames), fps) == (6, 12.0)
        assert_shows(frames[5], comfyui.output / "core_video/plate.1006.png")

    def test_takes_a_finished_animation_at_its_own_rate(self, comfyui):
        for frame in range(3):
            shown = comfyui.run(
                make=make(frame),
                count=our_counter(frame),
                save=our_saver(comfyui.output / "core_animation"),
                film=("ImageSequenceFromAnimation", {"sequence": ["save", 0]}),
                video=("CreateVideo", {"images": ["film", 0], "fps": ["film", 1]}),
                done=(
                    "SaveVideo",
                    {"video": ["video", 0], "filename_prefix": "animation", "format": "auto", "codec": "auto"},
                ),
            )
        saved = shown["done"]["images"][0]
        frames, fps = film(comfyui.output / saved["subfolder"] / saved["filename"])
        assert (len(frames), fps) == (3, 10.0)


class TestVideoHelperSuite:
    def test_combines_a_loaded_batch(self, vhs, ffmpeg):
        settings = {"loop_count": 0, "format": "video/h264-mp4", "pingpong": False, "save_output": True}
        combine = {"images": ["load", 0], "frame_rate": 12.0, "filename_prefix": "combined", **settings}
        encoding = {"pix_fmt": "yuv420p", "crf": 10, "save_metadata": False, "trim_to_audio": False}
        vhs.run(load=plate(vhs, "vhs_video"), combine=("VHS_VideoCombine", combine | encoding))

        frames, fps = film(next(vhs.output.glob("combined_*.mp4")))
        assert (len(frames), fps) == (6, 12.0)
        assert_shows(frames[5], vhs.output / "vhs_video/plate.1006.png")

    @pytest.mark.parametrize("uploaded", [False, True], ids=["by path", "from the input folder"])
    def test_loads_our_files(self, vhs, uploaded):
        name = f"vhs_load_{uploaded}"
        plate(vhs, name)
        shutil.copytree(vhs.output / name, vhs.input / name)
        where = {"directory": name if uploaded else str(vhs.output / name), "skip_first_images": 2}
        rest = {"image_load_cap": 0, "select_every_nth": 1}
        shown = vhs.run(
            load=("VHS_LoadImages" if uploaded else "VHS_LoadImagesPath", where | rest),
            count=show("load", 2),
            copy=save_all(f"{name}_loaded/{{:d}}.png", "load"),
        )

        assert text(shown, "count") == "4"
        for n in range(4):
            copy = vhs.output / f"{name}_loaded/{n}.png"
            assert np.array_equal(pixels(copy), pixels(vhs.output / name / f"plate.{1003 + n}.png"))
