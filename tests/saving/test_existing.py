"""What each policy does with what is at a frame's path, also when other runs write the same frame."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from io_utils.errors import ForeignFileError, FrameExistsError, FrameWriteError, PathError
from io_utils.formats.file_type import FileType
from io_utils.policies import OnExisting
from io_utils.saving.existing import is_saved, wants
from io_utils.saving.plan import Frame

from ..disk import (
    needs_links,
    on_disk,
    put,
    tear,
)
from .savers import ERROR, KEEP_BOTH, OVERWRITE, SKIP, TEXT, frames, save, sequence, written


class TestAFrameThatIsOnDisk:
    @pytest.fixture(autouse=True)
    def _old_take(self, output: Path) -> None:
        put(output / "f_0001.png", 10)
        put(output / "f_0002.png", 20)

    def test_is_replaced_under_overwrite(self, output: Path) -> None:
        assert written(frames(100, 101, 102, 103)) == ["f_0000.png", "f_0001.png", "f_0002.png", "f_0003.png"]
        assert on_disk(output) == {"f_0000.png": 100, "f_0001.png": 101, "f_0002.png": 102, "f_0003.png": 103}

    def test_is_kept_under_skip(self, output: Path) -> None:
        assert written(frames(100, 101, 102, 103), SKIP) == ["f_0000.png", "f_0003.png"]
        assert on_disk(output) == {"f_0000.png": 100, "f_0001.png": 10, "f_0002.png": 20, "f_0003.png": 103}

    @pytest.mark.parametrize("keep", [0, 20, -1], ids=["empty", "its head only", "all but one byte"])
    def test_is_written_again_under_skip_if_it_is_torn(self, output: Path, keep: int) -> None:
        tear(output / "f_0001.png", keep)

        assert written(frames(100, 101, 102), SKIP) == ["f_0000.png", "f_0001.png"]
        assert on_disk(output) == {"f_0000.png": 100, "f_0001.png": 101, "f_0002.png": 20}

    def test_is_an_error_under_error_naming_all_of_them(self, output: Path) -> None:
        with pytest.raises(FrameExistsError, match=r"skip or to overwrite\. Frames 1-2 .*f_0001\.png'") as caught:
            save(frames(100, 101, 102, 103), FileType.PNG, TEXT, ERROR)

        assert (caught.value.frames, caught.value.path) == ([1, 2], output / "f_0001.png")
        assert on_disk(output) == {"f_0001.png": 10, "f_0002.png": 20}

    def test_is_an_error_under_error_before_any_frame_is_encoded(self, output: Path) -> None:
        """Frame 0 is not an image, which encoding would notice."""
        items = [Frame(sequence(), 0, torch.zeros(4, 6, 5)), *frames(101, start=1)]

        with pytest.raises(FrameExistsError):
            save(items, FileType.PNG, TEXT, ERROR)

    def test_of_another_number_is_no_error_under_error(self, output: Path) -> None:
        assert written(frames(103, 104, start=3), ERROR) == ["f_0003.png", "f_0004.png"]

    def test_is_kept_under_keep_both_and_the_new_one_goes_beside_it(self, output: Path) -> None:
        assert written(frames(100, 101, 102), KEEP_BOTH) == ["f_0000.png", "f_0001-0.png", "f_0002-0.png"]
        assert written(frames(200, 201, 202), KEEP_BOTH) == ["f_0000-0.png", "f_0001-1.png", "f_0002-1.png"]
        assert on_disk(output) == {
            "f_0000.png": 100,
            "f_0000-0.png": 200,
            "f_0001.png": 10,
            "f_0001-0.png": 101,
            "f_0001-1.png": 201,
            "f_0002.png": 20,
            "f_0002-0.png": 102,
            "f_0002-1.png": 202,
        }

    @pytest.mark.parametrize("on_existing", list(OnExisting))
    def test_that_is_a_folder_is_left_alone(self, output: Path, on_existing: OnExisting) -> None:
        (output / "f_0007.png").mkdir()

        if on_existing is KEEP_BOTH:
            assert written(frames(107, start=7), on_existing) == ["f_0007-0.png"]
        else:
            with pytest.raises(OSError, match=r"f_0007\.png"):
                save(frames(107, start=7), FileType.PNG, TEXT, on_existing)
        assert (output / "f_0007.png").is_dir()
        assert not list(output.glob(".*"))

    @needs_links
    def test_that_is_a_link_is_replaced_and_never_written_through(self, output: Path, base: Path) -> None:
        precious = put(base / "precious.png", 1)
        (output / "f_0003.png").symlink_to(precious)

        save(frames(103, start=3), FileType.PNG, TEXT, OVERWRITE)

        assert on_disk(output)["f_0003.png"] == 103
        assert not (output / "f_0003.png").is_symlink()
        assert on_disk(base)["precious.png"] == 1

    @needs_links
    @pytest.mark.parametrize("on_existing", [SKIP, ERROR, KEEP_BOTH])
    def test_that_is_a_dangling_link_creates_nothing_elsewhere(
        self, output: Path, base: Path, on_existing: OnExisting
    ) -> None:
        (output / "f_0003.png").symlink_to(base / "elsewhere.png")

        try:
            save(frames(103, start=3), FileType.PNG, TEXT, on_existing)
        except (OSError, PathError) as error:
            assert "f_0003.png" in str(error)  # noqa: PT017 both are right, as long as nothing is written through the link
        assert not (base / "elsewhere.png").exists()


class TestManyWriters:
    def test_under_keep_both_lose_no_frame_to_a_torn_file(self, output: Path) -> None:
        """One of them may replace the torn file with its frame; the others must not treat that as torn."""
        tear(put(output / "f_0000.png"))
        start, failures = threading.Barrier(8), []

        def write(value: int) -> None:
            start.wait()
            try:
                save(frames(value), FileType.PNG, TEXT, KEEP_BOTH)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(value,)) for value in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert sorted(on_disk(output).values()) == list(range(8))
        assert "f_0000.png" in on_disk(output)

    @pytest.mark.parametrize("on_existing", [OVERWRITE, SKIP, KEEP_BOTH])
    def test_of_the_same_frames_lose_none(self, output: Path, on_existing: OnExisting) -> None:
        start, failures = threading.Barrier(8), []

        def write(value: int) -> None:
            start.wait()
            try:
                save(frames(*[value] * 5), FileType.PNG, TEXT, on_existing)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(value,)) for value in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        found = on_disk(output)
        names = {f"f_{n:04d}" for n in range(5)}
        if on_existing is KEEP_BOTH:
            takes = ["", *(f"-{take}" for take in range(7))]
            assert set(found) == {f"{name}{take}.png" for name in names for take in takes}
            for name in names:
                assert sorted(found[f"{name}{take}.png"] for take in takes) == list(range(8))
        else:
            assert set(found) == {f"{name}.png" for name in names}
            assert "torn" not in found.values()

    def test_under_error_leave_each_frame_to_one_writer(self, output: Path) -> None:
        start, outcomes = threading.Barrier(8), []

        def write(value: int) -> None:
            start.wait()
            try:
                save(frames(value), FileType.PNG, TEXT, ERROR)
            except FrameExistsError as error:
                outcomes.append(error.frames)
            else:
                outcomes.append(value)  # type: ignore[arg-type]

        threads = [threading.Thread(target=write, args=(value,)) for value in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (winner,) = [outcome for outcome in outcomes if outcome != [0]]
        assert len(outcomes) == 8
        assert on_disk(output) == {"f_0000.png": winner}


class TestAFrameThatAnotherRunFinishesFirst:
    """The other run finishes the frame after this run looked, but before this run's file gets its name."""

    @pytest.fixture(autouse=True)
    def faster(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
        finished: list[Path] = []
        fsync = os.fsync

        def finish_first(descriptor: int) -> None:
            fsync(descriptor)
            if not finished:
                finished.append(put(output / "f_0000.png", 99))

        monkeypatch.setattr(os, "fsync", finish_first)
        yield finished
        assert finished

    def test_is_kept_under_skip(self, output: Path) -> None:
        assert written(frames(1), SKIP) == []
        assert on_disk(output) == {"f_0000.png": 99}

    def test_is_an_error_under_error(self, output: Path) -> None:
        with pytest.raises(FrameExistsError, match=r"Frame 0 .*f_0000\.png"):
            save(frames(1), FileType.PNG, TEXT, ERROR)
        assert on_disk(output) == {"f_0000.png": 99}

    def test_is_kept_under_keep_both_and_this_one_goes_beside_it(self, output: Path) -> None:
        assert written(frames(1), KEEP_BOTH) == ["f_0000-0.png"]
        assert on_disk(output) == {"f_0000.png": 99, "f_0000-0.png": 1}

    def test_is_replaced_under_overwrite(self, output: Path) -> None:
        assert written(frames(1)) == ["f_0000.png"]
        assert on_disk(output) == {"f_0000.png": 1}


class TestATornFrameThatAnotherRunFinishesFirst:
    """The frame was torn when this run looked, and is whole before this run's file gets its name."""

    @pytest.mark.parametrize("torn", ["empty", "its head only", "a link to nothing", "a link to a torn file"])
    @pytest.mark.parametrize("on_existing", [SKIP, KEEP_BOTH])
    @needs_links
    def test_is_never_overwritten(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, torn: str, on_existing: OnExisting
    ) -> None:
        path, fsync = output / "f_0000.png", os.fsync
        finished: list[int] = []
        target = output / "elsewhere.png"
        if torn == "empty":
            path.touch()
        elif torn == "its head only":
            tear(put(path), 20)
        else:
            path.symlink_to(target)
            if torn == "a link to a torn file":
                tear(put(target), 20)

        def finish_first(descriptor: int) -> None:
            fsync(descriptor)
            if not finished:
                finished.append(1)
                put(output / "new.png", 99)
                os.replace(output / "new.png", path)

        monkeypatch.setattr(os, "fsync", finish_first)
        save(frames(1), FileType.PNG, TEXT, on_existing)

        assert finished
        assert on_disk(output)["f_0000.png"] == 99
        assert ("f_0000-0.png" in on_disk(output)) == (on_existing is KEEP_BOTH)

    @needs_links
    def test_that_is_a_link_to_a_torn_file_is_replaced_and_the_file_stays(self, output: Path) -> None:
        target = tear(put(output / "elsewhere.png"), 20)
        (output / "f_0000.png").symlink_to(target)

        assert written(frames(1), SKIP) == ["f_0000.png"]
        assert not (output / "f_0000.png").is_symlink()
        assert target.stat().st_size == 20


FOREIGN = {
    "a GIF": b"GIF89a\1\0\1\0\0\0\0;",
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "JPEG XL": b"\xff\x0a\xfa\x1f",
    "JPEG XL in a container": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40),
    "a text": b"my notes",
    "a text that begins as BMP does": b"BM is what the client calls this shot",
    "two letters": b"BM",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "a WAV file": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
    "JPEG-LS": bytes.fromhex("ffd8fff7000b080008000801011100") + bytes(20),
    "PNG of Apple's variety": b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI\x50\0\x20\2" + bytes(30),
}


class TestAForeignFileWithAFramesName:
    """A file of an unsupported kind is not what a crash leaves: somebody made it."""

    @pytest.fixture(params=FOREIGN)
    def foreign(self, request: pytest.FixtureRequest, output: Path) -> bytes:
        (output / "f_0001.png").write_bytes(FOREIGN[request.param])
        return FOREIGN[request.param]

    def test_is_kept_under_skip_with_an_error_that_names_it_and_the_fix(self, output: Path, foreign: bytes) -> None:
        with pytest.raises(ForeignFileError, match=r"^Move '.*f_0001\.png' away.* Frame 1 ") as caught:
            save(frames(9, start=1), FileType.PNG, TEXT, SKIP)

        assert (caught.value.frame, caught.value.path) == (1, output / "f_0001.png")
        assert (output / "f_0001.png").read_bytes() == foreign

    def test_is_refused_under_skip_before_rendering(self, output: Path, foreign: bytes) -> None:
        with pytest.raises(ForeignFileError):
            wants(SKIP, sequence(), 1)

    def test_is_kept_under_keep_both_and_the_new_one_goes_beside_it(self, output: Path, foreign: bytes) -> None:
        assert written(frames(9, start=1), KEEP_BOTH) == ["f_0001-0.png"]
        assert (output / "f_0001.png").read_bytes() == foreign

    def test_is_refused_under_error(self, output: Path, foreign: bytes) -> None:
        with pytest.raises(FrameExistsError):
            save(frames(9, start=1), FileType.PNG, TEXT, ERROR)
        assert (output / "f_0001.png").read_bytes() == foreign

    def test_is_replaced_under_overwrite(self, output: Path, foreign: bytes) -> None:
        assert written(frames(9, start=1)) == ["f_0001.png"]
        assert on_disk(output) == {"f_0001.png": 9}

    def test_does_not_count_as_saved(self, output: Path, foreign: bytes) -> None:
        assert not is_saved(sequence(), 1)

    @pytest.mark.parametrize("left", [b"", bytes(70), bytes(3_000_000), b"\x89P", b"\xff", b"RIFF\1\2", b"v/1"])
    @pytest.mark.parametrize("on_existing", [SKIP, KEEP_BOTH])
    def test_is_not_confused_with_what_a_crash_leaves(self, output: Path, left: bytes, on_existing: OnExisting) -> None:
        """A crash leaves a few bytes of a signature, or zeros if the length reached the disk but the data did not."""
        (output / "f_0001.png").write_bytes(left)

        assert written(frames(9, start=1), on_existing) == ["f_0001.png"]
        assert on_disk(output) == {"f_0001.png": 9}


class TestAnOperatorsFolder:
    """It may be a share; if that is not mounted, its frames would fill the local disk."""

    def test_that_vanishes_between_the_check_and_the_write_is_not_created(self, output: Path, base: Path) -> None:
        share = base / "mnt" / "share"
        share.mkdir(parents=True)
        (base / "user" / "__system").mkdir(parents=True)
        (base / "user" / "__system" / "image_sequence_roots.txt").write_text(f"rw {share}\n")
        items = frames(1, pattern=f"{share}/shot/take/f_####.png")
        save(items, FileType.PNG, TEXT, OVERWRITE)
        assert on_disk(share) == {"shot/take/f_0000.png": 1}
        shutil.rmtree(share)

        with pytest.raises(FrameWriteError, match=r"Frame 0 .*mnt/share' does not exist.*mount it"):
            save(items, FileType.PNG, TEXT, OVERWRITE)
        assert not share.exists()

    def test_of_comfyui_itself_is_created(self, base: Path) -> None:
        save(frames(1), FileType.PNG, TEXT, OVERWRITE)

        assert on_disk(base / "output") == {"f_0000.png": 1}


class TestIsSaved:
    @pytest.mark.parametrize("name", ["f_####.png", "f_####.jpg"])
    def test_a_whole_file_is(self, output: Path, name: str) -> None:
        put(sequence(name).file(3))

        assert [is_saved(sequence(name), number) for number in (2, 3)] == [False, True]

    @pytest.mark.parametrize("keep", [0, 8, 20, -12, -1])
    @pytest.mark.parametrize("name", ["f_####.png", "f_####.jpg"])
    def test_a_torn_one_is_not(self, output: Path, name: str, keep: int) -> None:
        tear(put(sequence(name).file(3)), keep)

        assert not is_saved(sequence(name), 3)

    def test_a_folder_is_not(self, output: Path) -> None:
        (output / "f_0003.png").mkdir()

        assert not is_saved(sequence(), 3)

    @needs_links
    def test_a_file_outside_is_refused(self, output: Path, base: Path) -> None:
        (output / "f_0003.png").symlink_to(put(base / "elsewhere.png"))

        with pytest.raises(PathError, match=r"f_0003\.png"):
            is_saved(sequence(), 3)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no fifos there")
    def test_a_fifo_is_not_and_does_not_block(self, output: Path) -> None:
        os.mkfifo(output / "f_0003.png")

        assert not is_saved(sequence(), 3)

    @pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets there")
    def test_a_socket_is_not(self, output: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(output / "f_0003.png"))

            assert not is_saved(sequence(), 3)
