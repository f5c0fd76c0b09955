"""Save Image Sequence (Frame Counter): which frames are rendered, where they go, and what the final frame returns."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from io_utils.animation import FrameCounter, LogEntry
from io_utils.errors import (
    EndOfAnimationError,
    FrameExistsError,
    NotAFileError,
    OtherTakeError,
    PathError,
    PatternError,
)
from io_utils.formats.file_type import FileType
from io_utils.loading.resume import ResumeRequest
from io_utils.naming.variants import batch_folder
from io_utils.policies import AtEnd, OnExisting
from io_utils.saving.plan import Saved
from io_utils.saving.plan_counted import CountedFiles, CountedRequest
from io_utils.wire import UNRENDERED

from ..disk import needs_links, put, shades, tear

OVERWRITE, SKIP, ERROR = OnExisting.OVERWRITE, OnExisting.SKIP, OnExisting.ERROR


def files(
    directory: str = "shot", prefix: str = "frame", digits: int = 5, filetype: FileType = FileType.PNG
) -> CountedFiles:
    request = CountedRequest(directory_path=directory, prefix=prefix, digits=digits, filetype=filetype)
    return request.files


def needs_image(counters: list[Any], at_end: AtEnd, on_existing: OnExisting, prefix: str = "frame") -> bool:
    request = CountedRequest(directory_path="shot", prefix=prefix, at_end=at_end, on_existing=on_existing)
    return request.needs_image(counters)


def counter(frame: float, total: int = 5) -> FrameCounter:
    return FrameCounter(frame, total, 24.0)


def on_disk(output: Path, *names: str) -> None:
    for name in names:
        put(output / "shot" / name)


def whole(numbers: list[int] | range, start: str = "frame_", end: str = ".png") -> list[str]:
    return [f"{start}{number:05d}{end}" for number in numbers]


def outcome(frame: int, total: int, *, variants: int = 1, written: bool = True) -> tuple[Any, LogEntry]:
    """The outcome of a run that saved or kept this frame."""
    counted = files()
    sequences = [counted.single] if variants == 1 else [counted.variant(index) for index in range(variants)]
    saved = [Saved(sequence, frame, written) for sequence in sequences]
    return counted.outcome([counter(frame, total)], saved, "Saved something.")


def names_of(sequence: Any, batch: int = 0) -> list[str]:
    paths = [Path(path) for path in sequence.get_image_files_of_batch(batch)]
    return [path.relative_to(Path.cwd() / "output" / "shot").as_posix() for path in paths]


class TestWhatTheComingRunsMeet:
    @pytest.mark.parametrize(
        ("frame", "in_the_way"),
        [
            pytest.param(0, 4, id="all frames of the animation"),
            pytest.param(2, 2, id="the counter's frame and those after it"),
            pytest.param(4, 1, id="the last frame"),
            pytest.param(5, 0, id="nothing once the animation is over"),
        ],
    )
    def test_are_the_frames_from_the_counters_to_the_last(self, output: Path, frame: int, in_the_way: int) -> None:
        on_disk(output, *whole([0, 1, 2, 4, 7]))
        facts = CountedRequest(directory_path="shot").destination(counter(frame))

        assert (facts["existing"], facts["in_the_way"]) == (5, in_the_way)
        assert facts["number"] == (frame if frame < 5 else None)

    def test_are_no_frames_behind_a_resume_counter(self, output: Path) -> None:
        on_disk(output, *whole(range(12)))

        assert CountedRequest(directory_path="shot").destination(counter(12, 40))["in_the_way"] == 0

    def test_is_one_frame_past_the_end_if_that_is_kept(self, output: Path) -> None:
        on_disk(output, *whole([4, 6, 7, 8]))

        assert CountedRequest(directory_path="shot", at_end=AtEnd.KEEP).destination(counter(7))["in_the_way"] == 1

    def test_are_counted_by_their_numbers_on_disk(self, output: Path) -> None:
        on_disk(output, *whole([3, 1001, 1002, 1003, 1006]))
        facts = CountedRequest(directory_path="shot", first_frame=1001).destination(counter(1))

        assert (facts["number"], facts["in_the_way"]) == (1002, 2)

    def test_may_be_any_frame_without_a_counter(self, output: Path) -> None:
        on_disk(output, *whole([0, 7]))

        assert CountedRequest(directory_path="shot").destination()["in_the_way"] == 2


class TestTheFiles:
    @pytest.mark.parametrize(
        ("directory", "prefix", "digits", "frame_7"),
        [
            pytest.param("shot", "frame", 5, "shot/frame_00007.png", id="a folder"),
            pytest.param("", "frame", 5, "frame_00007.png", id="the output folder itself"),
            pytest.param("a/b/c", "x", 3, "a/b/c/x_007.png", id="folders in folders"),
            pytest.param("a\\b", "x", 3, "a/b/x_007.png", id="with backslashes"),
            pytest.param("shot", "sub/x", 0, "shot/sub/x_7.png", id="a folder in the prefix, no padding"),
            pytest.param("shot", "x", -3, "shot/x_7.png", id="less than no padding"),
            pytest.param("shot", "take {1} 50%done", 2, None, id="other braces and signs are text"),
            pytest.param("shot #2", "x", 2, None, id="a folder is what it is called"),
        ],
    )
    def test_finds_the_files(self, output: Path, directory: str, prefix: str, digits: int, frame_7: str | None) -> None:
        frame_7 = frame_7 or f"{directory}/{prefix}_07.png"
        assert files(directory, prefix, digits).single.file(7) == output / frame_7

    def test_takes_the_extension_of_the_file_type(self, output: Path) -> None:
        assert files(filetype=FileType.JPG).single.file(7) == output / "shot" / "frame_00007.jpg"

    def test_takes_the_absolute_output_folder_that_the_earlier_pack_put_into_its_widget(self, output: Path) -> None:
        assert files(str(output)).single.file(7) == output / "frame_00007.png"

    def test_finds_the_files_of_a_batch_in_folders(self, output: Path) -> None:
        assert files().variant(2).file(7) == output / "shot" / "batch_0002" / "frame_00007.png"
        assert batch_folder(12345) == "batch_12345"

    @pytest.mark.parametrize(
        ("directory", "prefix"),
        [
            pytest.param("..", "x", id="out by the folder"),
            pytest.param("a/../../b", "x", id="out by a folder in between"),
            pytest.param("/etc", "x", id="an absolute folder elsewhere"),
            pytest.param("shot", "../../x", id="out by the prefix"),
            pytest.param("shot", "/tmp/x", id="an absolute prefix"),
            pytest.param("shot", "nul\0", id="NUL in the prefix"),
        ],
    )
    def test_refuses_paths_outside(self, output: Path, directory: str, prefix: str) -> None:
        with pytest.raises(PathError):
            files(directory, prefix)
        assert list(output.iterdir()) == []

    @pytest.mark.parametrize(
        ("prefix", "better"),
        [
            ("f_####", "f"),
            ("f_%04d", "f"),
            ("f_$F4", "f"),
            ("f_@@@@", "f"),
            ("f_{:04d}", "f"),
            ("f.png", "f"),
            ("sub/f.####.exr", "sub/f"),
            ("####", "frame"),
        ],
    )
    def test_refuses_a_prefix_with_a_number_or_an_extension(self, output: Path, prefix: str, better: str) -> None:
        with pytest.raises(PathError, match=f"Write {better!r}: .* added automatically"):
            files(prefix=prefix)
        assert list(output.iterdir()) == []

    def test_refuses_digits_that_make_no_file_name(self, output: Path) -> None:
        with pytest.raises(PatternError, match="300"):
            files(digits=300)


class TestNeedsImage:
    @pytest.mark.parametrize("existing", [OVERWRITE, SKIP, ERROR])
    @pytest.mark.parametrize("at_end", list(AtEnd))
    @pytest.mark.parametrize("frame", [0, 3, 4])
    def test_for_a_frame_that_is_not_on_disk(
        self, output: Path, frame: int, at_end: AtEnd, existing: OnExisting
    ) -> None:
        assert needs_image([counter(frame)], at_end, existing)

    @pytest.mark.parametrize("frame", [5, 9])
    @pytest.mark.parametrize("existing", [OVERWRITE, SKIP, ERROR])
    def test_past_the_end_only_under_keep_going(self, output: Path, frame: int, existing: OnExisting) -> None:
        assert not needs_image([counter(frame)], AtEnd.STOP, existing)
        assert needs_image([counter(frame)], AtEnd.KEEP, existing)
        with pytest.raises(EndOfAnimationError, match=rf"'stop output' or 'keep going'\. Frame {frame} .*5 frames"):
            needs_image([counter(frame)], AtEnd.RAISE, existing)

    @pytest.mark.parametrize(("existing", "needed"), [(OVERWRITE, True), (SKIP, False)])
    @pytest.mark.parametrize("at_end", list(AtEnd))
    def test_not_for_a_frame_on_disk_that_is_kept(
        self, output: Path, at_end: AtEnd, existing: OnExisting, needed: bool
    ) -> None:
        on_disk(output, *whole([3]))

        assert needs_image([counter(3)], at_end, existing) is needed

    def test_of_a_frame_on_disk_is_refused_under_error(self, output: Path) -> None:
        on_disk(output, *whole([3]))

        with pytest.raises(FrameExistsError, match=r"Frame 3 exists.*frame_00003\.png"):
            needs_image([counter(3)], AtEnd.STOP, ERROR)

    def test_not_for_a_frame_past_the_end_that_is_on_disk(self, output: Path) -> None:
        on_disk(output, *whole([7]))

        assert not needs_image([counter(7)], AtEnd.KEEP, SKIP)

    @pytest.mark.parametrize("keep", [0, 20, -1])
    def test_for_a_torn_frame(self, output: Path, keep: int) -> None:
        tear(put(output / "shot" / "frame_00003.png"), keep)

        assert needs_image([counter(3)], AtEnd.STOP, SKIP)

    def test_for_a_frame_of_another_prefix_type_or_padding(self, output: Path) -> None:
        on_disk(output, "other_00003.png", "frame_00003.jpg", "frame_0003.png", "sub/frame_00003.png")

        assert needs_image([counter(3)], AtEnd.STOP, SKIP)

    def test_if_any_of_several_counters_needs_one(self, output: Path) -> None:
        on_disk(output, *whole([0, 1, 3]))

        assert needs_image([counter(n) for n in range(4)], AtEnd.STOP, SKIP)
        assert not needs_image([counter(n) for n in (0, 1, 3, 5, 6)], AtEnd.STOP, SKIP)

    @pytest.mark.parametrize(
        ("there", "needed"),
        [
            pytest.param(["batch_0000/0", "batch_0001/0", "batch_0000/1", "batch_0001/1"], False, id="all have it"),
            pytest.param(["batch_0000/0", "batch_0001/0", "batch_0000/1"], True, id="the second has it not"),
            pytest.param(["batch_0000/0", "batch_0001/0", "batch_0001/1"], True, id="the first has it not"),
            pytest.param(["batch_0000/1", "batch_0001/1"], False, id="none has frame 0"),
            pytest.param(["batch_0000/5", "batch_0001/5"], True, id="none has frame 0, nor this one"),
            pytest.param(
                ["batch_0000/0", "batch_0000/1", "batch_0001/7"], True, id="the second has another frame only"
            ),
            pytest.param(["batch_0000/1", "batch_0002/1"], True, id="a folder in between is not there"),
            pytest.param(["batch_0000/1", "batch_0002/7"], True, id="the one behind a gap lacks it"),
            pytest.param(["batch_0000/1", "batch_12345/7"], True, id="the one behind ten thousand lacks it"),
            pytest.param(["batch_0000/1", "batch_00001/7", "batch_1/7", "batch_x/7"], False, id="other folders"),
            pytest.param(["./7", "batch_0000/1", "batch_0001/1"], False, id="a single file of another frame"),
        ],
    )
    def test_of_a_batch_counts_every_folder_that_has_any_frame(
        self, output: Path, there: list[str], needed: bool
    ) -> None:
        for place in there:
            folder, number = place.split("/")
            on_disk(output, f"{folder}/frame_{int(number):05d}.png")

        assert needs_image([counter(1)], AtEnd.STOP, SKIP) is needed

    @pytest.mark.parametrize("left", ["an empty folder", "another prefix", "another type", "a part file", "a file"])
    def test_of_a_batch_does_not_count_folders_without_any_frame_of_it(self, output: Path, left: str) -> None:
        on_disk(output, "batch_0000/frame_00001.png", "batch_0001/frame_00001.png")
        third = output / "shot" / "batch_0002"
        if left == "a file":
            third.touch()
        else:
            third.mkdir()
        if left == "another prefix":
            put(third / "other_00007.png")
        elif left == "another type":
            put(third / "frame_00007.jpg")
        elif left == "a part file":
            (third / ".frame_00007.png.0123456789ab.part").touch()

        assert not needs_image([counter(1)], AtEnd.STOP, SKIP)

    @needs_links
    def test_of_a_batch_refuses_a_folder_that_leads_out(self, output: Path, base: Path) -> None:
        put(base / "elsewhere" / "frame_00001.png")
        on_disk(output, "batch_0000/frame_00001.png")
        (output / "shot" / "batch_0001").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError, match="batch_0001"):
            needs_image([counter(1)], AtEnd.STOP, SKIP)

    @pytest.mark.parametrize("place", ["frame_00003.png", "batch_0000/frame_00003.png", "batch_0004/frame_00003.png"])
    @pytest.mark.parametrize("keep", [None, 20, 0], ids=["whole", "torn", "empty"])
    def test_of_a_frame_with_any_file_is_refused_under_error(self, output: Path, place: str, keep: int | None) -> None:
        """The number of images is not known yet, and after the render it would be too late."""
        file = put(output / "shot" / place)
        if keep is not None:
            tear(file, keep)

        with pytest.raises(FrameExistsError, match=r"Frame 3 exists.*frame_00003\.png"):
            needs_image([counter(3)], AtEnd.STOP, ERROR)
        assert needs_image([counter(4)], AtEnd.STOP, ERROR)

    @pytest.mark.parametrize("existing", [OVERWRITE, SKIP, ERROR])
    def test_of_a_frame_is_refused_if_a_folder_has_its_name(self, output: Path, existing: OnExisting) -> None:
        (output / "shot" / "frame_00003.png").mkdir(parents=True)

        with pytest.raises(NotAFileError, match=r"frame_00003\.png.* Frame 3 .*a directory"):
            needs_image([counter(3)], AtEnd.STOP, existing)

    def test_of_a_batch_with_a_torn_file_is_needed(self, output: Path) -> None:
        for folder in ("batch_0000", "batch_0001"):
            on_disk(output, *whole([0, 1], f"{folder}/frame_"))
        tear(output / "shot" / "batch_0001" / "frame_00001.png")

        assert needs_image([counter(1)], AtEnd.STOP, SKIP)

    @pytest.mark.parametrize("frame", [2.5, float("nan"), float("inf"), -1])
    def test_of_an_invalid_frame_number_is_an_error_before_rendering(self, output: Path, frame: float) -> None:
        with pytest.raises(ValueError, match=r"frame counter.* is at"):
            needs_image([counter(frame)], AtEnd.STOP, OVERWRITE)

    def test_of_any_counter_with_the_three_attributes(self, output: Path) -> None:
        foreign = SimpleNamespace(current_frame=3.0, total_frames=5, frames_per_second=12)

        assert needs_image([foreign], AtEnd.STOP, SKIP)


class TestFrames:
    def test_of_one_image_is_one_file(self, output: Path) -> None:
        (frame,) = files().frames(7, shades(10))

        assert (frame.path, frame.number) == (output / "shot" / "frame_00007.png", 7)
        assert torch.equal(frame.image, shades(10)[0])  # type: ignore[arg-type]

    def test_of_a_batch_are_files_of_the_same_number_in_folders(self, output: Path) -> None:
        frames = files().frames(7, shades(10, 20, 30))

        assert [frame.path.relative_to(output / "shot").as_posix() for frame in frames] == [
            "batch_0000/frame_00007.png",
            "batch_0001/frame_00007.png",
            "batch_0002/frame_00007.png",
        ]
        assert {frame.number for frame in frames} == {7}
        assert [int(frame.image.max() * 255) for frame in frames] == [10, 20, 30]  # type: ignore[union-attr]

    def test_that_were_not_rendered_are_those_on_disk(self, output: Path) -> None:
        on_disk(output, *whole([0, 1], "batch_0000/frame_"), *whole([0, 1], "batch_0001/frame_"), "frame_00002.png")

        assert [frame.path.parent.name for frame in files().frames(1, UNRENDERED)] == ["batch_0000", "batch_0001"]
        assert [frame.path.parent.name for frame in files().frames(2, UNRENDERED)] == ["shot"]

    def test_that_were_not_rendered_and_have_vanished_count_as_one_missing_frame(self, output: Path) -> None:
        (frame,) = files().frames(1, UNRENDERED)

        assert frame.image is UNRENDERED
        assert not frame.path.exists()

    def test_of_a_batch_that_was_not_rendered_are_not_the_single_file(self, output: Path) -> None:
        on_disk(output, "frame_00001.png", "batch_0000/frame_00001.png", "batch_0001/frame_00001.png")

        found = files().frames(1, UNRENDERED)

        assert [frame.path.parent.name for frame in found] == ["batch_0000", "batch_0001"]

    def test_of_an_empty_batch_are_an_error(self, output: Path) -> None:
        """It must not pass for the end: the log would say that the animation is over."""
        with pytest.raises(ValueError, match="7"):
            files().frames(7, torch.zeros(0, 4, 6, 3))


class TestAMissingVariantFolder:
    """batch_0001 was deleted between batch_0000 and batch_0002, so its frames are missing."""

    @pytest.fixture(autouse=True)
    def _two_of_three(self, output: Path) -> None:
        on_disk(output, *whole(range(3), "batch_0000/frame_"), *whole(range(3), "batch_0002/frame_"))

    def test_has_its_frames_rendered_again(self, output: Path, caplog: pytest.LogCaptureFixture) -> None:
        assert needs_image([counter(1)], AtEnd.STOP, SKIP)
        assert "batch_0001" in caplog.text

    def test_is_also_missing_if_the_folder_is_empty(self, output: Path) -> None:
        (output / "shot" / "batch_0001").mkdir()

        assert needs_image([counter(1)], AtEnd.STOP, SKIP)

    def test_is_complete_once_the_frame_is_saved_again(self, output: Path) -> None:
        on_disk(output, "batch_0001/frame_00001.png")

        assert not needs_image([counter(1)], AtEnd.STOP, SKIP)
        assert needs_image([counter(2)], AtEnd.STOP, SKIP)


class TestFramesOfTwoTakes:
    def test_single_images_after_a_batch_are_refused_before_rendering(self, output: Path) -> None:
        on_disk(output, "batch_0000/frame_00001.png", "batch_0001/frame_00001.png", "frame_00002.png")

        with pytest.raises(
            OtherTakeError, match=r"^Move .*frame 2 .*frame_00002\.png, but not in batch_0000, batch_0001"
        ) as caught:
            needs_image([counter(2)], AtEnd.STOP, SKIP)

        assert (caught.value.frame, caught.value.folder) == (2, output / "shot")
        assert (caught.value.done, caught.value.lacking) == (["frame_00002.png"], ["batch_0000", "batch_0001"])
        assert needs_image([counter(2)], AtEnd.STOP, OVERWRITE)

    def test_single_images_after_a_batch_are_reported_once_the_first_is_saved(self, output: Path) -> None:
        on_disk(output, "batch_0000/frame_00001.png", "batch_0001/frame_00001.png", "frame_00002.png")

        _, log = outcome(2, 5)

        assert "batch_0000, batch_0001" in str(log)

    def test_fewer_images_than_before_are_saved_once_and_refused_the_second_time(self, output: Path) -> None:
        """Otherwise resuming and skipping would render the same frame endlessly."""
        on_disk(output, *(f"batch_000{index}/frame_00000.png" for index in range(3)))
        assert len(files().frames(1, shades(1, 2))) == 2
        on_disk(output, *(f"batch_000{index}/frame_00001.png" for index in range(2)))

        with pytest.raises(OtherTakeError, match=r"frame 1 .*batch_0000, batch_0001, but not in batch_0002") as caught:
            files().frames(1, shades(1, 2))
        assert (caught.value.done, caught.value.lacking) == (["batch_0000", "batch_0001"], ["batch_0002"])

    def test_a_half_saved_batch_is_completed(self, output: Path) -> None:
        on_disk(output, *(f"batch_000{index}/frame_00000.png" for index in range(3)), "batch_0000/frame_00001.png")

        assert len(files().frames(1, shades(1, 2, 3))) == 3

    def test_a_frame_of_more_images_may_be_rendered_again_with_fewer(self, output: Path) -> None:
        on_disk(output, *(f"batch_000{index}/frame_00000.png" for index in range(3)))

        assert len(files().frames(0, shades(1, 2))) == 2

    @needs_links
    def test_a_folder_that_leads_out_does_not_cost_a_rendered_frame(self, output: Path, base: Path) -> None:
        put(base / "elsewhere" / "frame_00000.png")
        on_disk(output, "batch_0000/frame_00000.png", "batch_0001/frame_00000.png")
        (output / "shot" / "batch_0002").symlink_to(base / "elsewhere", target_is_directory=True)

        assert len(files().frames(0, shades(1, 2))) == 2
        assert outcome(0, 1, variants=2)[0].keys_in_order == [0]


class TestAPrefixWithAFolder:
    def test_has_its_batch_folders_beside_its_frames(self, output: Path) -> None:
        counted = files("shot", "a/b")

        assert counted.single.file(7) == output / "shot" / "a" / "b_00007.png"
        assert counted.variant(1).file(7) == output / "shot" / "a" / "batch_0001" / "b_00007.png"
        assert ResumeRequest(directory_path="shot/a").next_frame() == 0
        for index in range(2):
            put(counted.variant(index).file(0))
        assert ResumeRequest(directory_path="shot/a").next_frame() == 1

    def test_continues_a_take_in_the_folders_of_0_1_0(self, output: Path) -> None:
        on_disk(output, "batch_0000/a/b_00000.png", "batch_0001/a/b_00000.png")

        counted = files("shot", "a/b")

        assert not needs_image([counter(0)], AtEnd.STOP, SKIP, "a/b")
        assert counted.variant(1).file(1) == output / "shot" / "batch_0001" / "a" / "b_00001.png"
        on_disk(output, "a/batch_0000/b_00000.png")
        assert files("shot", "a/b").variant(1).file(1) == output / "shot" / "a" / "batch_0001" / "b_00001.png"


class TestOutcome:
    def test_of_millions_of_frames_costs_what_is_on_disk(self, output: Path) -> None:
        on_disk(output, *whole([0, 3]), "frame_5183999.png")

        tracemalloc.start()
        sequence, log = outcome(5_183_999, 5_184_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert sequence.keys_in_order == [0, 3, 5_183_999]
        assert str(log).splitlines()[-1] == "Frames 1-2,4-5183998 of the animation are missing (5,184,000 in all)."
        assert peak < 5_000_000  # it was 700 MB

    @needs_links
    def test_does_not_fail_for_a_frame_that_leads_out(self, output: Path, base: Path) -> None:
        """The frames are saved by then, so a file that is only listed must not cost the run its outputs."""
        on_disk(output, *whole([0, 2]))
        (output / "shot" / "frame_00001.png").symlink_to(put(base / "elsewhere.png"))

        sequence, log = outcome(2, 3)

        assert sequence.keys_in_order == [0, 2]
        assert "Frame 1 of the animation is missing" in str(log)

    @pytest.mark.parametrize("frame", [0, 3])
    def test_before_the_final_frame_is_undefined(self, output: Path, frame: int) -> None:
        on_disk(output, *whole(range(5)))

        sequence, log = outcome(frame, 5)

        assert not sequence.is_defined
        assert str(log) == "Saved something."

    def test_on_the_final_frame_is_the_whole_animation(self, output: Path) -> None:
        on_disk(output, *whole(range(5)))

        sequence, log = outcome(4, 5)

        assert sequence.is_defined
        assert sequence.keys_in_order == [0, 1, 2, 3, 4]
        assert (sequence.num_batches, sequence.fps) == (1, 24.0)
        assert names_of(sequence) == whole(range(5))
        assert all(Path(path).is_absolute() for path in sequence.get_image_files_of_batch(0))
        assert "Saved something." in str(log)
        assert "missing" not in str(log)

    def test_on_the_final_frame_is_the_whole_animation_even_if_all_was_on_disk(self, output: Path) -> None:
        on_disk(output, *whole(range(5)))

        assert outcome(4, 5, written=False)[0].keys_in_order == [0, 1, 2, 3, 4]

    def test_of_an_animation_of_one_frame(self, output: Path) -> None:
        on_disk(output, *whole([0]))

        assert outcome(0, 1)[0].keys_in_order == [0]

    @pytest.mark.parametrize("frame", [5, 9])
    def test_past_the_end_is_undefined_under_keep_going(self, output: Path, frame: int) -> None:
        on_disk(output, *whole(range(frame + 1)))

        sequence, log = outcome(frame, 5)

        assert not sequence.is_defined
        assert str(log) == "Saved something."

    @pytest.mark.parametrize("frame", [5, 9])
    def test_past_the_end_says_that_it_stopped(self, output: Path, frame: int) -> None:
        sequence, log = files().outcome([counter(frame)], [], "Saved nothing")

        assert not sequence.is_defined
        assert "Stopped" in str(log)
        assert f"{frame}" in str(log)
        assert "5 frames" in str(log)

    def test_has_only_this_prefix_type_and_length(self, output: Path) -> None:
        """The folder also has an older, longer run, another prefix, another type and stray pictures."""
        on_disk(output, *whole(range(6)), *whole(range(3), "other_"), *whole(range(3), end=".jpg"))
        on_disk(output, "cover.png", "logo_7.png", "frame_00001-0.png", "frame_1.png", "frame_x.png")
        (output / "shot" / ".frame_00002.png.0123456789ab.part").write_bytes(b"")

        sequence, log = outcome(2, 3)

        assert names_of(sequence) == whole(range(3))
        assert "missing" not in str(log)

    def test_names_its_gaps_in_the_log(self, output: Path) -> None:
        on_disk(output, *whole([0, 3, 6]))

        sequence, log = outcome(6, 7)

        assert sequence.keys_in_order == [0, 3, 6]
        assert "1-2,4-5" in str(log)

    def test_counts_a_torn_file_as_a_gap(self, output: Path) -> None:
        on_disk(output, *whole(range(4)))
        tear(output / "shot" / "frame_00002.png")

        sequence, log = outcome(3, 4)

        assert sequence.keys_in_order == [0, 1, 3]
        assert "2" in str(log).splitlines()[-1]

    def test_is_in_numeric_order_where_the_digits_overflow(self, output: Path) -> None:
        on_disk(output, *(f"frame_{n}.png" for n in range(12)))
        counted = files(digits=1)

        sequence, _ = counted.outcome([counter(11, 12)], [Saved(counted.single, 11, written=True)], "")

        assert names_of(sequence) == [f"frame_{n}.png" for n in range(12)]

    def test_of_a_batch_has_every_variant_of_every_frame(self, output: Path) -> None:
        for index in range(3):
            on_disk(output, *whole(range(2), f"batch_{index:04d}/frame_"))

        sequence, _ = outcome(1, 2, variants=3)

        assert (sequence.keys_in_order, sequence.num_batches) == ([0, 1], 3)
        for index in range(3):
            assert names_of(sequence, index) == whole(range(2), f"batch_{index:04d}/frame_")

    def test_of_a_batch_counts_a_missing_variant_as_a_gap_and_mixes_none(self, output: Path) -> None:
        on_disk(output, *whole([0, 2], "batch_0000/frame_"), *whole([0, 1, 2], "batch_0001/frame_"))

        sequence, log = outcome(2, 3, variants=2)

        assert (sequence.keys_in_order, sequence.num_batches) == ([0, 2], 2)
        assert names_of(sequence, 0) == whole([0, 2], "batch_0000/frame_")
        assert names_of(sequence, 1) == whole([0, 2], "batch_0001/frame_")
        assert "1" in str(log).splitlines()[-1]

    def test_of_single_images_ignores_batch_folders_of_an_older_run(self, output: Path) -> None:
        for index in range(3):
            on_disk(output, *whole(range(3), f"batch_{index:04d}/frame_"))
        on_disk(output, *whole(range(3)))

        sequence, _ = outcome(2, 3)

        assert (names_of(sequence), sequence.num_batches) == (whole(range(3)), 1)

    def test_of_a_batch_ignores_the_folders_of_an_older_run_with_more_images(self, output: Path) -> None:
        for index in range(5):
            on_disk(output, *whole(range(3), f"batch_{index:04d}/frame_"))

        assert outcome(2, 3, variants=2)[0].num_batches == 2

    @pytest.mark.parametrize(("first", "last"), [(1, 2), (2, 1)], ids=["one image, then two", "two images, then one"])
    def test_names_the_frames_that_were_saved_with_another_number_of_images(
        self, output: Path, first: int, last: int
    ) -> None:
        for number, variants in ((0, first), (1, last)):
            for index in range(variants):
                on_disk(output, *whole([number], f"batch_{index:04d}/frame_" if variants > 1 else "frame_"))

        sequence, log = outcome(1, 2, variants=last)

        assert (sequence.keys_in_order, sequence.num_batches) == ([1], last)
        assert "0" in str(log).splitlines()[-1]

    @pytest.mark.parametrize("counters", [[0, 1, 2, 3], [0, 1, 2], [2, 0, 1], [2, 3, 4], [2]])
    def test_of_several_counters_is_the_whole_animation_if_any_is_its_final_frame(
        self, output: Path, counters: list[int]
    ) -> None:
        on_disk(output, *whole(range(3)))
        counted = files()
        saved = [Saved(counted.single, frame, written=True) for frame in counters if frame < 3]

        sequence, log = counted.outcome([counter(frame, 3) for frame in counters], saved, "Saved something.")

        assert sequence.keys_in_order == [0, 1, 2]
        assert "All 3 frames are on disk" in str(log)

    @pytest.mark.parametrize("counters", [[0, 1], [0, 1, 3], [3, 4]])
    def test_of_several_counters_is_undefined_if_none_is(self, output: Path, counters: list[int]) -> None:
        on_disk(output, *whole(range(5)))
        counted = files()
        saved = [Saved(counted.single, frame, written=True) for frame in counters if frame < 3]

        sequence, log = counted.outcome([counter(frame, 3) for frame in counters], saved, "Saved something.")

        assert not sequence.is_defined
        if counters == [3, 4]:
            assert "frame 3 is past the end" in str(log)
            assert "frame 4 is past the end" in str(log)

    def test_of_a_batch_names_the_folders_of_another_take(self, output: Path) -> None:
        """With these folders, no frame of this batch ever counts as complete."""
        on_disk(output, *(f"batch_000{index}/frame_00000.png" for index in range(4)))

        _, log = outcome(0, 5, variants=2)

        assert "batch_0002, batch_0003" in str(log)
        assert "move them away" in str(log)

    def test_of_foreign_counters_is_as_for_ours(self, output: Path) -> None:
        on_disk(output, *whole(range(3)))
        foreign = SimpleNamespace(current_frame=2.0, total_frames=3, frames_per_second=12)
        counted = files()

        sequence, _ = counted.outcome([foreign], [Saved(counted.single, 2, written=True)], "")

        assert sequence.keys_in_order == [0, 1, 2]
        assert sequence.fps == 12.0
        assert sequence.frame_counter is foreign
