"""How the nodes work with ComfyUI's rules: laziness, caching, Cancel, a kill, refusals, --disable-metadata."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devtools.comfyui_server import PromptFailed
from devtools.prompts import PromptError

SMALL = {"count": 1, "width": 64, "height": 48, "seed": 0}


def costly(frame: int, **changes: int) -> tuple[str, dict]:
    return "ProbeCostly", {"frame": frame, **SMALL, **changes}


def save_frame(frame: int, prefix: str, on_existing: str) -> tuple[str, dict]:
    inputs = {"images": ["make", 0], "filename_prefix": prefix, "current_frame": frame, "on_existing": on_existing}
    return "ImageSequenceSaveFrame", inputs


def save_counted(directory: str, **changes: object) -> tuple[str, dict]:
    settings = {"prefix": "frame", "digits": 5, "at_end": "stop output", "filetype": "png", "on_existing": "skip"}
    inputs = {"frame_counter": ["count", 0], "image": ["make", 0], "directory_path": directory, **settings, **changes}
    return "ImageSequenceSaveCounted", inputs


def save_batch(pattern: str | list, overwrite: str = "error", images: str = "make") -> tuple[str, dict]:
    inputs = {"images": [images, 0], "path_pattern": pattern, "start_index": 0, "overwrite": overwrite}
    return "ImageSequenceSaveBatch", inputs


def load_batch(pattern: str | list, count: int = 0) -> tuple[str, dict]:
    inputs = {"path_pattern": pattern, "start_index": 0, "frame_count": count, "ignore_missing_images": "false"}
    return "ImageSequenceLoadBatch", inputs


def counter(frame: int, total: int) -> tuple[str, dict]:
    return "ImageSequenceFrameCounter", {"frame_index": frame, "total_frames": total, "frames_per_second": 25}


def whole(path: Path) -> bool:
    with Image.open(path) as image:
        image.load()
    return True


class TestLaziness:
    def test_queueing_a_range_again_renders_only_what_is_missing(self, comfyui):
        def queue() -> list[int]:
            for frame in range(6):
                comfyui.run(make=costly(frame), save=save_frame(frame, "lazy", "skip"))
            return comfyui.rendered()

        assert queue() == [0, 1, 2, 3, 4, 5]
        assert queue() == []
        (comfyui.output / "lazy/lazy_00002.png").unlink()
        torn = comfyui.output / "lazy/lazy_00004.png"
        torn.write_bytes(torn.read_bytes()[:-20])
        assert queue() == [2, 4]
        assert all(whole(comfyui.output / f"lazy/lazy_0000{frame}.png") for frame in range(6))

    def test_past_the_end_nothing_is_rendered(self, comfyui):
        for frame in range(5):
            comfyui.run(count=counter(frame, 3), make=costly(frame), save=save_counted("end", on_existing="overwrite"))
        assert comfyui.rendered() == [0, 1, 2]

    def test_past_the_end_raise_error_stops_before_rendering(self, comfyui):
        with pytest.raises(PromptFailed, match=r"Frame 7 is past the end") as failed:
            comfyui.run(count=counter(7, 3), make=costly(7), save=save_counted("end2", at_end="raise error"))
        assert comfyui.rendered() == []
        (error,) = [data for event, data in failed.value.entry["status"]["messages"] if event == "execution_error"]
        assert error["exception_type"] == "EndOfAnimationError", "no module in front of what the frontends show"

    def test_a_counted_batch_is_rendered_again_only_where_a_variant_is_missing(self, comfyui):
        def queue() -> list[int]:
            for frame in range(3):
                comfyui.run(count=counter(frame, 3), make=costly(frame, count=2), save=save_counted("variants"))
            return comfyui.rendered()

        assert queue() == [0, 1, 2]
        (comfyui.output / "variants/batch_0001/frame_00001.png").unlink()
        assert queue() == [1]


class TestResume:
    def test_the_same_prompt_queued_repeatedly_continues_after_the_last_file(self, comfyui):
        where = {"directory_path": "again", "pattern": "*", "indexing": "numeric"}
        timing = {"total_frames": 3, "frames_per_second": 25}
        for _ in range(5):
            comfyui.run(
                count=("ImageSequenceFrameCounterFromDirectory", {**where, **timing}),
                make=("ProbeCostly", {**SMALL, "frame": ["count", 1]}),
                save=save_counted("again"),
            )
        assert comfyui.rendered() == [0, 1, 2]
        names = sorted(path.name for path in (comfyui.output / "again").iterdir())
        assert names == [f"frame_0000{frame}.png" for frame in range(3)]


class TestCache:
    def test_an_unchanged_graph_runs_once_and_again_after_a_file_was_deleted(self, comfyui):
        def queue() -> bool:
            before = {path: path.stat().st_ino for path in folder.glob("*")}
            shown = comfyui.run(make=costly(5, count=3), save=save_batch("cache/{:04d}.png", "true"))["save"]
            assert [image["filename"] for image in shown["images"]] == ["0000.png", "0001.png", "0002.png"]
            return before != {path: path.stat().st_ino for path in folder.glob("*")}

        folder = comfyui.output / "cache"
        assert [queue(), queue()] == [True, False]
        (folder / "0001.png").unlink()
        assert [queue(), queue(), queue()] == [True, False, False]

    def test_two_equal_savers_in_one_graph_both_run(self, comfyui):
        shown = comfyui.run(
            make=costly(1),
            one=save_batch("twins/{:04d}.png", "false"),
            two=save_batch("twins/{:04d}.png", "false"),
        )
        names = [shown[name]["images"][0]["filename"] for name in ("one", "two")]
        assert sorted(names) == ["0000-0.png", "0000.png"]

    def test_a_loader_reads_again_when_a_file_changes_and_only_then(self, comfyui):
        folder = comfyui.output / "reload"
        folder.mkdir()

        def write(frame: int, grey: int) -> None:
            Image.new("RGB", (8, 8), (grey,) * 3).save(folder / f"f_{frame}.png")

        def queue() -> list[int]:
            images = comfyui.run(load=load_batch("reload/f_{}.png"), save=("PreviewImage", {"images": ["load", 0]}))[
                "save"
            ]["images"]
            opened = [Image.open(comfyui.server.base / "temp" / image["filename"]) for image in images]
            return [image.getpixel((0, 0))[0] for image in opened], [image["filename"] for image in images]  # type: ignore[index, return-value]

        write(0, 10)
        first, names = queue()
        assert first == [10]
        assert queue() == (first, names), "from the cache"
        write(0, 200)
        assert queue()[0] == [200]
        write(1, 90)
        assert queue()[0] == [200, 90]

    def test_a_loader_with_a_linked_pattern_does_so_too(self, comfyui):
        folder = comfyui.output / "linked"
        folder.mkdir()

        def queue() -> list[int]:
            images = comfyui.run(
                text=("ProbeText", {"text": "linked/{:03d}.png"}),
                load=load_batch(["text", 0], 1),
                save=("PreviewImage", {"images": ["load", 0]}),
            )["save"]["images"]
            temp = comfyui.server.base / "temp"
            return [int(np.asarray(Image.open(temp / image["filename"]))[0, 0, 0]) for image in images]

        Image.new("RGB", (8, 8), (10, 0, 0)).save(folder / "000.png")
        assert queue() == [10]
        Image.new("RGB", (9, 8), (77, 0, 0)).save(folder / "000.png")
        assert queue() == [77]


class TestCancelAndKill:
    def test_cancel_stops_a_long_save_with_every_finished_file_whole(self, comfyui):
        folder = comfyui.output / "cancelled"
        prompt_id = comfyui.post(make=costly(0, count=400, width=512, height=512), save=save_batch("cancelled/{}.png"))
        while not (folder.is_dir() and len(list(folder.glob("*.png"))) >= 5):
            comfyui.server.get("/queue")
        comfyui.server.interrupt()
        with pytest.raises(PromptFailed) as failure:
            comfyui.server.wait(prompt_id)
        assert failure.value.interrupted
        finished = list(folder.iterdir())
        assert 5 <= len(finished) < 400
        assert all(path.suffix == ".png" and whole(path) for path in finished)

    def test_cancel_stops_a_long_load(self, comfyui):
        comfyui.run(make=costly(3, count=60, width=1024, height=1024), save=save_batch("long/{:04d}.png"))
        prompt_id = comfyui.post(load=load_batch("long/{:04d}.png"), out=("PreviewImage", {"images": ["load", 0]}))
        while not comfyui.server.get_json("/queue")["queue_running"]:
            pass
        while comfyui.server.get_json("/queue")["queue_running"]:
            # Repeatedly, because ComfyUI drops an interrupt that comes before the first node of a prompt.
            comfyui.server.interrupt()
        with pytest.raises(PromptFailed) as failure:
            comfyui.server.wait(prompt_id)
        assert failure.value.interrupted

    @pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
    def test_a_killed_server_leaves_whole_frames_and_the_next_run_removes_part_files(self, start):
        with start() as server:
            base, folder = server.base, server.base / "output" / "killed"
            nodes = {"make": costly(0, count=100, width=1024, height=1024), "save": save_batch("killed/{:04d}.png")}
            server.post({name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()})
            while not (folder.is_dir() and len(list(folder.glob("*.png"))) >= 3):
                server.get("/queue")
            os.kill(server.process_id, signal.SIGKILL)
        assert all(whole(path) for path in folder.glob("*.png"))
        (folder / ".0099.png.0123456789ab.part").write_bytes(b"half")
        with start(base=base) as server:
            nodes["save"] = save_batch("killed/{:04d}.png", "skip")
            server.run({name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()})
        assert sorted(path.name for path in folder.iterdir()) == [f"{frame:04d}.png" for frame in range(100)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            pytest.param("../up_{:04d}.png", r"leaves its folder with '\.\.'", id="dot dot"),
            pytest.param("/tmp/abs_{:04d}.png", "image_sequence_roots.txt", id="absolute"),
            pytest.param("C:\\f_{:04d}.png", "drive letter", id="drive letter"),
            pytest.param("f_{0.__class__}.png", "not the frame number", id="attribute access"),
            pytest.param("f_{:200000000d}.png", r"whole numbers padded with zeros", id="padding bomb"),
            pytest.param("f_{:04d}_{}.png", "2 frame numbers", id="two numbers"),
            pytest.param("f_{:04d}.xcf", r"cannot be saved as '\.xcf'", id="unknown extension"),
        ],
    )
    def test_a_bad_pattern_is_refused_before_the_run_or_by_the_run_if_it_is_linked(self, comfyui, pattern, message):
        with pytest.raises(PromptError, match=message):
            comfyui.run(make=costly(0), save=save_batch(pattern))
        linked = save_batch(["text", 0])
        with pytest.raises(PromptFailed, match=message):
            comfyui.run(text=("ProbeText", {"text": pattern}), make=costly(0), save=linked)

    def test_missing_frames_are_all_named(self, comfyui):
        comfyui.run(make=costly(1, count=4), save=save_batch("gaps/{:04d}.png"))
        (comfyui.output / "gaps/0001.png").unlink()
        with pytest.raises(PromptFailed, match=r"Frames 1,4-5 are missing.*On disk are 0,2-3"):
            comfyui.run(load=load_batch("gaps/{:04d}.png", 6), out=("PreviewImage", {"images": ["load", 0]}))

    def test_several_frames_without_a_number_are_refused_and_nothing_is_written(self, comfyui):
        with pytest.raises(PromptFailed, match=r"'same_\{:06d\}\.png'.*no frame number, but there are 3 frames"):
            comfyui.run(make=costly(1, count=3), save=save_batch("same.png"))
        assert not (comfyui.output / "same.png").exists()


def test_disable_metadata_is_honoured(start):
    with start("--disable-metadata") as server:
        nodes = {"make": costly(0), "save": save_frame(0, "plain", "overwrite")}
        prompt = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}
        server.run(prompt, {"workflow": {"nodes": []}})
        with Image.open(server.base / "output/plain/plain_00000.png") as image:
            assert image.text == {}  # type: ignore[attr-defined]


class TestOddNamesAndPaths:
    def test_a_name_that_is_not_utf_8_is_loaded_and_the_server_keeps_running(self, comfyui):
        folder = comfyui.output / "latin"
        folder.mkdir(parents=True)
        Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(folder / os.fsdecode(b"caf\xe9_0001.png"), "PNG")
        load = {"directory_path": "latin", "pattern": "*", "indexing": "numeric", "frame_number": 1}

        for _ in range(2):
            shown = comfyui.run(load=("ImageSequenceLoadFrame", load), look=("PreviewImage", {"images": ["load", 0]}))
            assert shown["load"]["text"] == ["Loaded frame 1: caf\ufffd_0001.png"]
            assert shown["load"]["images"] == []
            assert len(shown["look"]["images"]) == 1

    def test_a_refusal_is_reported_once_for_one_input(self, comfyui):
        load = {"directory_path": "..", "pattern": "*", "indexing": "numeric", "frame_number": 1}

        with pytest.raises(PromptError) as caught:
            comfyui.run(load=("ImageSequenceLoadFrame", load), look=("PreviewImage", {"images": ["load", 0]}))
        assert str(caught.value).count("leaves its folder with '..'") == 1
