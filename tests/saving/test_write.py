"""write_frames and write_workflow: which files are written, and what a failure leaves behind."""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from io_utils.errors import FrameWriteError, PathError
from io_utils.formats.file_type import EncodedFrame, FileType
from io_utils.formats.registry import decode
from io_utils.naming.allowed_roots import Root
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.policies import OnExisting
from io_utils.saving.plan import Frame, Saved
from io_utils.saving.write import summary, write_workflow

from ..disk import (
    Fails,
    InterruptProcessingException,
    cancel_at,
    needs_links,
    noise,
    on_disk,
    put,
    shades,
    tear,
    two_workers,
)
from .savers import ERROR, KEEP_BOTH, OVERWRITE, SKIP, TEXT, frames, save, sequence, written

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads from /proc what is flushed")


class TestFrames:
    def test_are_all_on_disk_in_order_with_their_pixels(self, output: Path) -> None:
        pixels = [noise(seed=seed) for seed in range(20)]
        items = [Frame(sequence(), n, torch.from_numpy(p / np.float32(255))) for n, p in enumerate(pixels)]

        saved = save(items, FileType.PNG, TEXT, OVERWRITE)

        assert [item.path for item in saved] == [output / f"f_{n:04d}.png" for n in range(20)]
        assert [item.number for item in saved] == list(range(20))
        assert all(item.written for item in saved)
        for n, expected in enumerate(pixels):
            with Image.open(output / f"f_{n:04d}.png") as image:
                np.testing.assert_array_equal(np.asarray(image), expected)

    def test_may_be_none(self, output: Path) -> None:
        assert save([], FileType.PNG, TEXT, OVERWRITE) == []
        assert on_disk(output) == {}

    def test_may_be_of_different_sizes(self, output: Path) -> None:
        items = [Frame(sequence(), n, shades(n, height=2 + n, width=9 - n)[0]) for n in range(3)]
        save(items, FileType.PNG, TEXT, OVERWRITE)

        assert on_disk(output) == {"f_0000.png": 0, "f_0001.png": 1, "f_0002.png": 2}

    def test_of_two_sequences_can_be_saved_in_one_run(self, output: Path) -> None:
        save(frames(1, 2, pattern="a/f_#.png") + frames(3, 4, pattern="b/f_#.png"), FileType.PNG, TEXT, OVERWRITE)

        assert on_disk(output) == {"a/f_0.png": 1, "a/f_1.png": 2, "b/f_0.png": 3, "b/f_1.png": 4}

    def test_get_a_folder_each_if_the_pattern_says_so(self, output: Path) -> None:
        save(frames(1, 2, pattern="shot/####/beauty.png"), FileType.PNG, TEXT, OVERWRITE)

        assert on_disk(output) == {"shot/0000/beauty.png": 1, "shot/0001/beauty.png": 2}

    def test_with_the_same_path_are_refused_before_anything_is_written(self, output: Path) -> None:
        items = [*frames(1, 2), *frames(3, start=1)]

        with pytest.raises(ValueError, match=r"Save Image Sequence \(Batch\).* frame 1, '.*f_0001\.png'"):
            save(items, FileType.PNG, TEXT, OVERWRITE)
        assert on_disk(output) == {}

    @pytest.mark.parametrize(
        ("image", "fact"),
        [
            pytest.param(torch.zeros(4, 6, 5), "(4, 6, 5)", id="five channels"),
            pytest.param(torch.zeros(4, 6), "(4, 6)", id="no channels"),
            pytest.param(torch.zeros(0, 6, 3), "(0, 6, 3)", id="no rows"),
            pytest.param(torch.zeros(4, 6, 3, dtype=torch.uint8), "uint8", id="integers"),
        ],
    )
    def test_that_are_not_images_are_named(self, output: Path, image: torch.Tensor, fact: str) -> None:
        with pytest.raises(ValueError, match=r"Frame 7 was not saved: '.*f_0007\.png'") as caught:
            save([Frame(sequence(), 7, image)], FileType.PNG, TEXT, OVERWRITE)

        assert fact in str(caught.value)
        assert on_disk(output) == {}

    def test_that_were_not_rendered_are_kept_if_they_are_on_disk(self, output: Path) -> None:
        put(output / "f_0007.png", 70)
        unrendered = Frame(sequence(), 7)

        (saved,) = save([unrendered], FileType.PNG, TEXT, SKIP)

        assert (saved.number, saved.written, saved.path) == (7, False, output / "f_0007.png")
        assert on_disk(output) == {"f_0007.png": 70}

    @pytest.mark.parametrize("on_existing", [OVERWRITE, KEEP_BOTH])
    @pytest.mark.parametrize("there", [False, True])
    def test_that_were_not_rendered_are_an_error_unless_skipped(
        self, output: Path, on_existing: OnExisting, there: bool
    ) -> None:
        if there:
            put(output / "f_0007.png", 70)

        with pytest.raises(ValueError, match=r"^Queue frame 7 again\. No image was rendered for it, so .*f_0007\.png"):
            save([Frame(sequence(), 7)], FileType.PNG, TEXT, on_existing)

    @pytest.mark.parametrize("state", ["missing", "torn"])
    def test_that_were_not_rendered_and_have_vanished_are_named(self, output: Path, state: str) -> None:
        if state == "torn":
            tear(put(output / "f_0007.png"))

        with pytest.raises(FileNotFoundError, match=r"^Queue frame 7 again\. .*f_0007\.png'"):
            save([Frame(sequence(), 7)], FileType.PNG, TEXT, SKIP)


class TestWhereFilesMayBe:
    @needs_links
    @pytest.mark.parametrize("on_existing", list(OnExisting))
    def test_a_folder_that_leads_out_is_refused_before_any_frame_is_written(
        self, output: Path, base: Path, on_existing: OnExisting
    ) -> None:
        (base / "elsewhere").mkdir()
        (output / "0003").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError, match=r"0003.*outside"):
            save(frames(0, 1, 2, 3, 4, pattern="####/f.png"), FileType.PNG, TEXT, on_existing)
        assert on_disk(base) == {}

    @needs_links
    def test_a_folder_that_becomes_a_link_out_between_two_runs_is_refused(self, output: Path, base: Path) -> None:
        """Single frames are saved in a run each, and the folder may change between two runs."""
        items = frames(1, 2, pattern="shot/f_#.png")
        save(items[:1], FileType.PNG, TEXT, OVERWRITE)
        (output / "shot").rename(base / "elsewhere")
        (output / "shot").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError):
            save(items[1:], FileType.PNG, TEXT, OVERWRITE)
        assert on_disk(base / "elsewhere") == {"f_0.png": 1}


class TestNotANumber:
    def test_is_saved_as_0_and_one_warning_names_all_frames(
        self, output: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        batch = shades(50, 50, 50, 50)
        batch[1, 0, 0, 0] = batch[3, 2, 2, 1] = batch[3, 2, 2, 2] = torch.nan
        items = [Frame(sequence(), number, image) for number, image in enumerate(batch)]

        with caplog.at_level(logging.WARNING):
            save(items, FileType.PNG, TEXT, OVERWRITE)

        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "1,3" in record.getMessage()
        assert "3 values" in record.getMessage()
        with Image.open(output / "f_0003.png") as image:
            pixels = np.asarray(image)
        assert pixels[2, 2].tolist() == [50, 0, 0]
        assert pixels[0, 0].tolist() == [50, 50, 50]

    def test_is_not_confused_with_infinity(self, output: Path, caplog: pytest.LogCaptureFixture) -> None:
        image = shades(50)[0]
        image[0, 0] = torch.tensor([torch.inf, -torch.inf, 300.0])

        with caplog.at_level(logging.WARNING):
            save([Frame(sequence(), 0, image)], FileType.PNG, TEXT, OVERWRITE)

        assert caplog.records == []
        with Image.open(output / "f_0000.png") as saved:
            assert np.asarray(saved)[0, 0].tolist() == [255, 0, 255]


@pytest.fixture(params=["os.fsync", "os.replace"])
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Fails]:
    """Fills the disk before the k-th write, which fails when data are flushed or when the file gets its name."""
    name = request.param.partition(".")[2]

    def fill(k: int) -> Fails:
        failing = Fails(getattr(os, name), lambda call, *_: call >= k)
        monkeypatch.setattr(os, name, failing)
        return failing

    return fill


class TestAFullDisk:
    def test_leaves_earlier_frames_whole_later_ones_absent_and_no_part_files(
        self, output: Path, full_disk: Callable[[int], Fails], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("io_utils.cancellable_run.in_flight", lambda: 1)
        failing = full_disk(3)

        with pytest.raises(FrameWriteError, match=r"Frame 3 .*No space left.*f_0003\.png") as caught:
            save(frames(*range(100, 110)), FileType.PNG, TEXT, OVERWRITE)

        assert failing.fired
        assert (caught.value.frame, caught.value.path) == (3, output / "f_0003.png")
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(output / "f_0003.png"))
        assert on_disk(output) == {"f_0000.png": 100, "f_0001.png": 101, "f_0002.png": 102}

    def test_leaves_old_frames_as_they_were(self, output: Path, full_disk: Callable[[int], Fails]) -> None:
        for number in range(4):
            put(output / f"f_{number:04d}.png", number)
        old = {path.name: path.read_bytes() for path in output.iterdir()}
        failing = full_disk(0)

        with pytest.raises(FrameWriteError):
            save(frames(100, 101, 102, 103), FileType.PNG, TEXT, OVERWRITE)

        assert failing.fired
        assert {path.name: path.read_bytes() for path in output.iterdir()} == old

    @pytest.mark.parametrize("on_existing", [SKIP, ERROR, KEEP_BOTH])
    def test_is_an_error_under_every_policy(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, on_existing: OnExisting
    ) -> None:
        failing = Fails(os.fsync, lambda call, *_: call == 0)
        monkeypatch.setattr(os, "fsync", failing)

        with pytest.raises(FrameWriteError) as caught:
            save(frames(100), FileType.PNG, TEXT, on_existing)

        assert failing.fired == 1
        assert caught.value.errno == errno.ENOSPC
        assert on_disk(output) == {}

    def test_is_reported_for_the_first_missing_frame_whichever_failed_first(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames are written in parallel. "The frames before it are whole" must be true of the named frame."""
        two_workers(monkeypatch)
        later_failed, run_ends = threading.Event(), threading.Event()
        shutdown = ThreadPoolExecutor.shutdown

        def full(_call: int, _part: Path, path: Path) -> bool:
            if path.name == "f_0004.png":
                assert later_failed.wait(10)
                run_ends.wait(0.3)  # returns early if the run does not wait for frame 4
            elif path.name == "f_0005.png":
                later_failed.set()
            return path.name in ("f_0004.png", "f_0005.png")

        monkeypatch.setattr(ThreadPoolExecutor, "shutdown", lambda *a, **k: (run_ends.set(), shutdown(*a, **k))[1])
        failing = Fails(os.replace, full)
        monkeypatch.setattr(os, "replace", failing)

        with pytest.raises(FrameWriteError) as caught:
            save(frames(*range(100, 110)), FileType.PNG, TEXT, OVERWRITE)

        assert failing.fired == 2
        assert not (output / "f_0004.png").exists()
        assert caught.value.frame == 4

    def test_that_has_room_again_is_completed_by_the_next_run(
        self, output: Path, full_disk: Callable[[int], Fails], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context():
            failing = full_disk(2)
            with pytest.raises(FrameWriteError):
                save(frames(100, 101, 102, 103), FileType.PNG, TEXT, OVERWRITE)
            assert failing.fired
        monkeypatch.undo()
        monkeypatch.chdir(output.parent)

        save(frames(200, 201, 202, 203), FileType.PNG, TEXT, SKIP)

        assert len(on_disk(output)) == 4
        assert "torn" not in on_disk(output).values()


def test_a_file_in_the_place_of_the_folder_is_an_error_naming_frame_and_path(output: Path) -> None:
    (output / "shot").write_text("notes")

    with pytest.raises(FrameWriteError, match=r"Frame 7 .*Not a directory.*f_7\.png"):
        save(frames(1, start=7, pattern="shot/f_#.png"), FileType.PNG, TEXT, OVERWRITE)


class TestCancel:
    def test_leaves_finished_frames_whole_and_starts_no_more(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        two_workers(monkeypatch)
        asked = cancel_at(3, monkeypatch)

        with pytest.raises(InterruptProcessingException):
            save(frames(*range(40)), FileType.PNG, TEXT, OVERWRITE)

        assert asked[-1] == 3
        found = on_disk(output)
        # Three are in flight before the first check, and at most three more begin between two checks.
        assert 3 <= len(found) <= 9
        assert found == {f"f_{n:04d}.png": n for n in range(len(found))}

    def test_before_the_first_frame_writes_nothing(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cancel_at(0, monkeypatch)

        with pytest.raises(InterruptProcessingException):
            save(frames(1, 2), FileType.PNG, TEXT, OVERWRITE)
        assert on_disk(output) == {}

    def test_is_checked_only_in_the_caller_s_thread(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A check in a worker would clear the flag, and the caller would continue."""
        threads = set()
        asked = cancel_at(-1, monkeypatch)
        management = __import__("sys").modules["comfy.model_management"]
        ask = management.throw_exception_if_processing_interrupted
        monkeypatch.setattr(
            management,
            "throw_exception_if_processing_interrupted",
            lambda: (threads.add(threading.current_thread()), ask())[1],
        )

        save(frames(*range(8)), FileType.PNG, TEXT, OVERWRITE)

        assert asked
        assert threads == {threading.current_thread()}


PART = ".{}.0123456789ab.part"


class TestPartFilesOfAKilledRun:
    def test_are_removed_by_the_next_run_over_that_sequence_and_nothing_else_is(self, output: Path) -> None:
        ours = ["f_0000.png", "f_0099.png", "f_0007-0.png", "f_12345.png"]
        others = ["g_0000.png", "f_0000.jpg", "f_1.png"]
        for name in (*ours, *others):
            (output / PART.format(name)).write_bytes(b"half a frame")
        (output / "notes.part").write_bytes(b"mine")

        save(frames(1, 2), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == sorted([*map(PART.format, others), "notes.part", "f_0000.png", "f_0001.png"])

    def test_are_removed_from_every_folder_of_the_sequence(self, output: Path) -> None:
        for folder in ("0000", "0001"):
            (output / folder).mkdir()
            (output / folder / PART.format("f.png")).write_bytes(b"half a frame")

        save(frames(1, 2, pattern="####/f.png"), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == ["0000/f.png", "0001/f.png"]

    def test_are_removed_once_for_each_sequence_of_a_folder(self, output: Path) -> None:
        """With one frame per run, another sequence may have been swept in this folder already."""
        save(frames(1, pattern="a_####.png"), FileType.PNG, TEXT, OVERWRITE)
        (output / PART.format("b_0003.png")).write_bytes(b"half a frame")
        save(frames(1, pattern="b_####.png"), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == ["a_0000.png", "b_0000.png"]

    def test_are_removed_for_both_sequences_that_one_run_saves_into_a_folder(self, output: Path) -> None:
        for name in ("a_0003.png", "b_0003.png"):
            (output / PART.format(name)).write_bytes(b"half a frame")

        both = frames(1, pattern="a_####.png") + frames(2, pattern="b_####.png")
        save(both, FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == ["a_0000.png", "b_0000.png"]

    def test_are_searched_once_however_many_runs_save_a_frame_each(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed: list[Path] = []
        listdir = os.listdir
        monkeypatch.setattr(os, "listdir", lambda path: (listed.append(path), listdir(path))[1])

        for number in range(5):
            for pattern in ("once_a_####.png", "once_b_####.png"):
                save(frames(1, start=number, pattern=pattern), FileType.PNG, TEXT, OVERWRITE)

        assert listed == [output] * 2

    def test_are_removed_by_a_run_of_one_frame(self, output: Path) -> None:
        (output / PART.format("f_0003.png")).write_bytes(b"half a frame")

        save(frames(1), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == ["f_0000.png"]

    def test_are_removed_if_the_file_has_no_frame_number(self, output: Path) -> None:
        (output / PART.format("still.png")).write_bytes(b"half a frame")

        save(frames(1, pattern="still.png"), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(on_disk(output)) == ["still.png"]


class TestSummary:
    def test_says_what_was_written_and_where(self, output: Path) -> None:
        saved = save(frames(1, 2, 3, start=5), FileType.PNG, TEXT, OVERWRITE)

        assert summary(saved) == "Saved frames 5-7: f_####.png"

    def test_names_the_file_of_a_single_frame(self, output: Path) -> None:
        saved = save(frames(1, start=11), FileType.PNG, TEXT, OVERWRITE)

        assert summary(saved) == "Saved frame 11: f_0011.png"

    def test_gives_the_whole_path_in_a_folder_of_the_operator(self, tmp_path: Path) -> None:
        renders = FileSequence(Root(tmp_path, ""), FramePattern(("take/f_", ".png"), 4))
        saved = [Saved(renders, 7, written=True)]

        assert summary(saved) == f"Saved frame 7: {tmp_path.as_posix()}/take/f_0007.png"

    def test_says_what_was_kept(self, output: Path) -> None:
        put(output / "f_0001.png")
        saved = save(frames(1, 2, 3), FileType.PNG, TEXT, SKIP)

        first, second = summary(saved).splitlines()
        assert "Saved" in first
        assert "0,2" in first
        assert "Kept" in second
        assert "frame 1" in second

    def test_says_if_there_was_nothing_to_do(self) -> None:
        assert summary([]) == "Saved nothing"


WORKFLOW = {"prompt": '{"1": {}}', "workflow": '{"nodes": []}'}


class TestWorkflow:
    def save(self, *shade: int, on_existing: OnExisting = OVERWRITE, text: dict[str, str] | None = None) -> list[Path]:
        saved = save(frames(*shade, pattern="f_{:04d}.exr"), FileType.EXR, {}, on_existing)
        workflows, warnings = write_workflow(saved, WORKFLOW if text is None else text, on_existing)
        assert warnings == []
        return workflows

    def test_is_one_file_beside_the_frames(self, output: Path) -> None:
        assert self.save(1, 2, 3) == [output / "f_####.exr.workflow.json"]

        assert (output / "f_####.exr.workflow.json").read_text() == WORKFLOW["workflow"]
        assert len(list(output.iterdir())) == 4

    def test_is_the_prompt_if_there_is_no_workflow(self, output: Path) -> None:
        self.save(1, text={"prompt": '{"1": {}}'})

        assert (output / "f_####.exr.workflow.json").read_text() == '{"1": {}}'

    def test_is_not_written_if_metadata_are_disabled(self, output: Path) -> None:
        assert self.save(1, text={}) == []
        assert [path.name for path in output.iterdir()] == ["f_0000.exr"]

    @pytest.mark.parametrize(("on_existing", "kept"), [(OVERWRITE, False), (SKIP, True), (KEEP_BOTH, True)], ids=str)
    def test_of_an_earlier_run_is_replaced_as_the_frames_are(
        self, output: Path, on_existing: OnExisting, kept: bool
    ) -> None:
        (output / "f_####.exr.workflow.json").write_text("theirs")

        self.save(1, on_existing=on_existing)

        assert ((output / "f_####.exr.workflow.json").read_text() == "theirs") is kept

    def test_does_not_make_the_next_frame_fail(self, output: Path) -> None:
        for number in (0, 1):
            saved = save(frames(9, start=number, pattern="f_{:04d}.exr"), FileType.EXR, {}, ERROR)
            write_workflow(saved, {"workflow": f'{{"n": {number}}}'}, ERROR)

        assert (output / "f_####.exr.workflow.json").read_text() == '{"n": 0}'

    def test_is_not_written_for_frames_of_another_run(self, output: Path) -> None:
        self.save(1, 2, text={})

        assert self.save(1, 2, on_existing=SKIP) == []
        assert not (output / "f_####.exr.workflow.json").exists()

    def test_of_a_second_take_is_beside_the_first(self, output: Path) -> None:
        self.save(1, on_existing=KEEP_BOTH)

        assert self.save(2, on_existing=KEEP_BOTH) == [output / "f_####-0.exr.workflow.json"]
        assert sorted(path.name for path in output.iterdir()) == [
            "f_####-0.exr.workflow.json",
            "f_####.exr.workflow.json",
            "f_0000-0.exr",
            "f_0000.exr",
        ]

    def test_that_a_killed_run_left_half_written_is_removed(self, output: Path) -> None:
        debris = output / ".f_####.exr.workflow.json.0123456789ab.part"
        debris.touch()

        self.save(1, 2)

        assert not debris.exists()

    def test_that_a_killed_run_left_half_written_is_removed_if_each_frame_has_a_folder(self, output: Path) -> None:
        items = frames(1, pattern="shot/####/beauty.exr")
        debris = output / "shot" / f".{items[0].sequence.workflow_file.name}.0123456789ab.part"
        debris.parent.mkdir()
        debris.touch()

        save(items, FileType.EXR, {}, OVERWRITE)

        assert not debris.exists()

    @pytest.mark.parametrize("in_the_way", ["a directory", "no permission", "a full disk", "a folder that leads out"])
    @pytest.mark.parametrize("on_existing", [OVERWRITE, SKIP])
    @needs_links
    def test_that_cannot_be_written_is_a_warning_not_an_error(
        self,
        output: Path,
        base: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        in_the_way: str,
        on_existing: OnExisting,
    ) -> None:
        items = frames(1, pattern="shot/f_{:04d}.exr")
        saved = save(items, FileType.EXR, {}, on_existing)
        path = output / "shot" / "f_####.exr.workflow.json"
        if in_the_way == "a directory":
            path.mkdir()
        elif in_the_way == "a folder that leads out":
            (output / "shot").rename(base / "elsewhere")
            (output / "shot").symlink_to(base / "elsewhere", target_is_directory=True)
        else:
            number = errno.EACCES if in_the_way == "no permission" else errno.ENOSPC

            def fail(*_: object, **__: object) -> None:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr(os, "fsync", fail)
        workflows, warnings = write_workflow(saved, WORKFLOW, on_existing)

        assert workflows == []
        (warning,) = warnings
        assert "The frames were saved" in warning
        assert str(path) in warning
        assert warning in caplog.text

    @needs_links
    def test_never_leaves_the_output_folder(self, output: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside.json"
        outside.write_text("mine")
        (output / "f_####.exr.workflow.json").symlink_to(outside)

        self.save(1)

        assert outside.read_text() == "mine"
        assert not (output / "f_####.exr.workflow.json").is_symlink()


class TestTheFolder:
    """A rename is on disk only once the folder is flushed; until then, a power cut can undo it."""

    @pytest.fixture
    def flushed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is flushed, in order: "file", or the name of a folder with its files at that time."""
        events: list[str] = []
        fsync = os.fsync

        def noted(descriptor: int) -> None:
            folder = Path(f"/proc/self/fd/{descriptor}").resolve()
            names = ",".join(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ""
            events.append(f"{folder.name}: {names}" if folder.is_dir() else "file")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", noted)
        return events

    @on_linux
    def test_is_flushed_once_per_save_after_the_last_rename(self, output: Path, flushed: list[str]) -> None:
        save(frames(1, 2, 3), FileType.PNG, TEXT, OVERWRITE)

        assert flushed == ["file"] * 3 + ["output: f_0000.png,f_0001.png,f_0002.png"]

    @on_linux
    def test_of_every_sequence_is_flushed(self, output: Path, flushed: list[str]) -> None:
        save(frames(1, pattern="a/f_#.png") + frames(2, pattern="b/f_#.png"), FileType.PNG, TEXT, OVERWRITE)

        assert sorted(flushed[2:]) == ["a: f_0.png", "b: f_0.png"]

    @on_linux
    def test_is_not_flushed_if_nothing_was_written(self, output: Path, flushed: list[str]) -> None:
        put(output / "f_0000.png")
        save(frames(1), FileType.PNG, TEXT, SKIP)

        assert flushed == []

    @on_linux
    def test_is_flushed_for_the_finished_frames_if_one_fails(
        self, output: Path, flushed: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("io_utils.cancellable_run.in_flight", lambda: 1)
        items = [*frames(1, 2), Frame(sequence(), 2, torch.zeros(4, 6, 5))]

        with pytest.raises(ValueError, match="Frame 2"):
            save(items, FileType.PNG, TEXT, OVERWRITE)
        assert flushed[-1] == "output: f_0000.png,f_0001.png"

    @on_linux
    @pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EACCES])
    def test_that_cannot_be_flushed_is_no_error_if_the_system_does_not_support_it(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
    ) -> None:
        is_folder = lambda _, descriptor: stat.S_ISDIR(os.fstat(descriptor).st_mode)  # noqa: E731
        failing = Fails(os.fsync, is_folder, code)
        monkeypatch.setattr(os, "fsync", failing)

        assert written(frames(1)) == ["f_0000.png"]
        assert failing.fired == 1
        assert not caplog.records

    @on_linux
    def test_that_fails_is_an_error_naming_it(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        is_folder = lambda _, descriptor: stat.S_ISDIR(os.fstat(descriptor).st_mode)  # noqa: E731
        failing = Fails(os.fsync, is_folder, errno.EIO)
        monkeypatch.setattr(os, "fsync", failing)

        with pytest.raises(OSError, match=r"files are written, but their folder .*output") as caught:
            save(frames(1), FileType.PNG, TEXT, OVERWRITE)
        assert (caught.value.errno, failing.fired) == (errno.EIO, 1)


class TestAFailureToEncode:
    @pytest.mark.parametrize(
        ("raised", "caught"),
        [(ValueError("too large"), ValueError), (OSError("encoder error -2"), FrameWriteError)],
        ids=["ValueError", "OSError"],
    )
    def test_names_the_frame_and_its_path(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, caught: type[Exception]
    ) -> None:
        def fail(*_: object, **__: object) -> EncodedFrame:
            raise raised

        monkeypatch.setattr(FileType, "encode_frame", fail)

        with pytest.raises(caught, match=rf"(?i:{raised}\. Frame 7 |Frame 7 .*{raised}.*f_0007\.png)") as error:
            save(frames(1, start=7), FileType.PNG, TEXT, OVERWRITE)
        assert "f_0007.png" in str(error.value)


class TestTransparency:
    def rgba(self, *alphas: float) -> list[Frame]:
        images = [torch.cat([torch.ones(4, 6, 3), torch.full((4, 6, 1), alpha)], dim=-1) for alpha in alphas]
        return [Frame(sequence("f_{:04d}"), number, image) for number, image in enumerate(images)]

    def test_that_jpg_cannot_hold_is_reported_once(self, output: Path, caplog: pytest.LogCaptureFixture) -> None:
        saved = save(self.rgba(1, 0.5, 0, 1), FileType.JPG, {}, OVERWRITE)

        warning = "JPG has no transparency: frames 1-2 are composited on black."
        assert [record.getMessage() for record in caplog.records] == [warning]
        assert summary(saved).endswith(f"\n{warning}")

    @pytest.mark.parametrize("filetype", sorted(kind for kind in FileType if kind.image_format.holds_alpha))
    def test_is_kept_by_all_types_that_hold_alpha(
        self, output: Path, filetype: FileType, caplog: pytest.LogCaptureFixture
    ) -> None:
        saved = save(self.rgba(0.5), filetype, {}, OVERWRITE)

        pixels = decode(saved[0].path.read_bytes())
        largest = 1 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max  # type: ignore[type-var]
        assert pixels.shape == (4, 6, 4)
        np.testing.assert_allclose(pixels[..., 3] / largest, 0.5, atol=1 / 250)
        assert not caplog.records
