"""BatchRequest: which files are the frames of a batch, what replaces missing ones, and when the choice changes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from io_utils.errors import (
    FolderMissingError,
    FrameMissingError,
    InputError,
    PathError,
    PatternError,
)
from io_utils.loading import choose_batch
from io_utils.loading.choose_animation import choose_animation
from io_utils.loading.choose_batch import check_pattern
from io_utils.policies import OnMissing

from ..disk import (
    put,
    put_frames,
    work_guard,
)
from .batches import BLACK, DROP, HOLD_PREVIOUS, animation, locate, on_disk, request, selected


class TestTheSequence:
    @pytest.mark.parametrize("extension", [".png", ".PNG", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"])
    def test_accepts_every_supported_extension(self, output: Path, extension: str) -> None:
        assert locate(f"f_####{extension}", "output").file(3) == output / f"f_0003{extension}"

    @pytest.mark.parametrize("kind", ["output", "input", "temp"])
    def test_looks_in_the_requested_folder(self, base: Path, kind: str) -> None:
        assert locate("a/f_####.png", kind).file(3) == base / kind / "a" / "f_0003.png"

    @pytest.mark.parametrize("text", ["f_####", "f_####.dpx", "f_####.png.part", "f.png_####", "f_####.mp4"])
    def test_names_the_supported_extensions(self, base: Path, text: str) -> None:
        with pytest.raises(ValueError, match=r"\.png.*\.jpg.*\.tiff") as caught:
            locate(text, "output")
        assert repr(text) in str(caught.value)

    @pytest.mark.parametrize("text", ["../f_####.png", "/etc/f_####.png", "a/../../f_####.png", "C:/f_####.png"])
    def test_refuses_paths_outside(self, base: Path, text: str) -> None:
        with pytest.raises(PathError):
            locate(text, "output")

    def test_refuses_two_numbers(self, base: Path) -> None:
        with pytest.raises(PatternError, match=r"Write for example"):
            locate("##/f_####.png", "output")


class TestSelect:
    def test_count_frames_from_start(self, output: Path) -> None:
        on_disk(output, *range(10))

        selection = selected(2, 3)

        assert selection.numbers == selection.sources == (2, 3, 4)
        assert selection.files == {n: output / f"f_{n:04d}.png" for n in (2, 3, 4)}
        assert selection.missing == ()

    def test_count_0_means_up_to_the_last_on_disk(self, output: Path) -> None:
        on_disk(output, *range(5, 9))

        assert selected(5, 0).numbers == (5, 6, 7, 8)
        assert selected(7, 0).numbers == (7, 8)

    def test_count_0_ignores_frames_before_start(self, output: Path) -> None:
        on_disk(output, 1, 2)

        with pytest.raises(FrameMissingError, match=r"Frame 3 is missing.*On disk are 1-2"):
            selected(3, 0)

    @pytest.mark.parametrize(
        ("start", "count", "step", "numbers"),
        [
            pytest.param(0, 3, 2, (0, 2, 4), id="every second"),
            pytest.param(1, 2, 5, (1, 6), id="every fifth from 1"),
            pytest.param(0, 0, 4, (0, 4, 8), id="every fourth to the last"),
            pytest.param(1, 0, 4, (1, 5, 9), id="every fourth, the last included"),
            pytest.param(0, 1, 100, (0,), id="one, whatever the step"),
        ],
    )
    def test_step(self, output: Path, start: int, count: int, step: int, numbers: tuple[int, ...]) -> None:
        on_disk(output, *range(10))

        assert selected(start, count, step=step).numbers == numbers

    def test_step_needs_only_the_frames_it_steps_on(self, output: Path) -> None:
        on_disk(output, 0, 3, 6)

        assert selected(0, 3, step=3).numbers == (0, 3, 6)
        assert selected(0, 0, step=3).numbers == (0, 3, 6)

    def test_order_is_numeric(self, output: Path) -> None:
        on_disk(output, 98, 99, 100, 101, pattern="f_{:02d}.png")

        assert selected(98, 0, pattern="f_##.png").numbers == (98, 99, 100, 101)

    def test_ignores_other_files(self, output: Path) -> None:
        on_disk(output, 0, 1)
        for name in ("cover.png", "other_0002.png", "f_2.png", "f_0002.jpg", "f_0002-0.png", ".f_0002.png"):
            put(output / name)
        (output / ".f_0002.png.0123456789ab.part").write_bytes(b"")

        assert selected(0, 0).numbers == (0, 1)

    def test_a_folder_for_each_frame(self, output: Path) -> None:
        on_disk(output, 0, 1, 2, pattern="shot/{:04d}/beauty.png")
        put(output / "shot" / "0003" / "depth.png")

        assert selected(0, 0, pattern="shot/{:04d}/beauty.png").numbers == (0, 1, 2)

    def test_a_pattern_without_a_number_means_one_file(self, output: Path) -> None:
        put(output / "still.png")

        for count in (0, 1):
            selection = selected(0, count, pattern="still.png")
            assert list(selection.files.values()) == [output / "still.png"]

    def test_a_pattern_without_a_number_cannot_mean_many_frames(self, output: Path) -> None:
        put(output / "still.png")

        with pytest.raises(
            InputError, match=r"^Set frame_count to 1 or 0 to load .*still\.png.*16 frames are asked for"
        ):
            selected(0, 16, pattern="still.png")
        with pytest.raises(PatternError, match=r"gone_\{:06d\}\.png.*no frame number, but there are 16 frames"):
            selected(0, 16, pattern="gone.png")

    def test_one_frame_by_its_path_has_the_number_in_its_name(self, output: Path) -> None:
        put_frames(output / "a", 5, 6, name="f_{:04d}.png")

        assert list(selected(0, 1, pattern="a/f_0005.png").files) == [5]

    def test_wildcards_find_extensions_in_any_case(self, output: Path) -> None:
        put_frames(output / "a", 5, name="f_{:04d}.JPG")

        assert list(selected(5, 1, pattern="a/*.jpg").files) == [5]

    def test_an_error_lists_few_of_many_frames(self, output: Path) -> None:
        for number in range(1, 200, 2):
            put(output / f"f_{number:04d}.png")

        with pytest.raises(FileNotFoundError, match=r"On disk are 1,3,.*,39 and 80 more\.") as caught:
            selected(0, 0, pattern="f_####.png")
        assert re.search(r"Frames 0,2,.*,38 and 80 more are missing", str(caught.value))

    def test_a_pattern_without_a_number_names_its_missing_file(self, output: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"still\.png"):
            selected(0, 1, pattern="still.png")

    def test_a_folder_named_like_a_frame_is_not_one(self, output: Path) -> None:
        on_disk(output, 0)
        (output / "f_0001.png").mkdir()

        with pytest.raises(FrameMissingError) as caught:
            selected(0, 2)
        assert caught.value.frames == [1]


class TestMissingFrames:
    @pytest.fixture(autouse=True)
    def _gaps(self, output: Path) -> None:
        on_disk(output, 3, 4, 7, 10)

    def test_are_all_named_in_one_error_with_the_available_ones_and_a_fix(self, output: Path) -> None:
        with pytest.raises(FrameMissingError) as caught:
            selected(3, 9)

        error = caught.value
        assert (error.frames, error.available) == ([5, 6, 8, 9, 11], [3, 4, 7, 10])
        assert error.path == output / "f_0005.png"
        for fact in ("Frames 5-6,8-9,11", "f_0005.png", "3-4,7,10", "ignore_missing_images", "start_index"):
            assert fact in str(error)

    def test_are_named_before_any_file_is_opened(self, output: Path) -> None:
        for path in output.iterdir():
            path.write_bytes(b"not an image")

        with pytest.raises(FrameMissingError):
            selected(3, 3)

    def test_are_dropped_on_request(self) -> None:
        selection = selected(3, 9, DROP)

        assert selection.numbers == selection.sources == (3, 4, 7, 10)
        assert selection.missing == (5, 6, 8, 9, 11)

    def test_are_replaced_by_the_previous_frame_on_request(self) -> None:
        selection = selected(3, 9, HOLD_PREVIOUS)

        assert selection.numbers == tuple(range(3, 12))
        assert selection.sources == (3, 4, 4, 4, 7, 7, 7, 10, 10)

    def test_are_replaced_by_a_frame_before_the_requested_range(self) -> None:
        selection = selected(5, 3, HOLD_PREVIOUS)

        assert selection.sources == (4, 4, 7)
        assert sorted(selection.files) == [4, 7]

    def test_are_replaced_by_the_frame_before_them_even_between_the_steps(self) -> None:
        assert selected(4, 3, HOLD_PREVIOUS, step=4).sources == (4, 7, 10)

    def test_before_the_first_frame_on_disk_cannot_be_held(self) -> None:
        with pytest.raises(FrameMissingError, match=r"Frames 1-2,5-6 are missing.*On disk are 3-4,7,10"):
            selected(1, 7, HOLD_PREVIOUS)

    def test_are_black_on_request_even_before_the_first(self) -> None:
        selection = selected(2, 4, BLACK)

        assert selection.numbers == (2, 3, 4, 5)
        assert selection.sources == (None, 3, 4, None)

    @pytest.mark.parametrize("on_missing", list(OnMissing))
    def test_and_no_others_are_an_error_under_every_policy(self, on_missing: OnMissing) -> None:
        with pytest.raises(FrameMissingError, match=r"Frames 11-13 are missing"):
            selected(11, 3, on_missing)

    @pytest.mark.parametrize("on_missing", list(OnMissing))
    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_in_an_empty_folder_are_an_error_that_says_so(
        self, output: Path, on_missing: OnMissing, count: int
    ) -> None:
        with pytest.raises(
            FolderMissingError, match=r"^Check the folder.s name: there is no folder .*nothing'\. The nearest"
        ):
            selected(0, count, on_missing, pattern="nothing/f_####.png")
        (output / "nothing").mkdir()
        with pytest.raises(FrameMissingError, match=r"No file there matches .*The folder is empty\.$"):
            selected(0, count, on_missing, pattern="nothing/f_####.png")

    @pytest.mark.parametrize(
        ("pattern", "written"),
        [
            ("f_####.PNG", "f_{:04d}.png"),
            ("g_####.png", "f_{:04d}.png"),
            ("f_####.jpg", "f_{:04d}.png"),
        ],
    )
    def test_of_a_pattern_that_matches_nothing_suggest_a_pattern(self, pattern: str, written: str) -> None:
        with pytest.raises(FrameMissingError, match=r"frames 3-4,7,10.*use one of these patterns") as caught:
            selected(3, 1, pattern=pattern)
        assert repr(written) in str(caught.value)
        assert selected(3, 1, pattern=written).numbers == (3,)

    def test_are_not_counted_one_by_one_up_to_the_widget_s_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """POST /prompt is not authenticated, so a number must not cost memory and minutes.

        2 ** 53 - 1 is the widget's limit.
        """
        most = 2**53 - 1
        monkeypatch.setattr(choose_batch, "LARGEST_BATCH", 1000)
        with work_guard(200_000):
            with pytest.raises(FrameMissingError, match=r"Frames 5-6,8-9 and all frames from 11 on are missing"):
                selected(3, most)
            assert selected(3, most, DROP).numbers == (3, 4, 7, 10)
            for on_missing in (HOLD_PREVIOUS, BLACK):
                with pytest.raises(ValueError, match=rf"by start_index and frame_count: frames 3 to {3 + most - 1}"):
                    selected(3, most, on_missing)

    @pytest.mark.parametrize("digits", [20, 32, 33, 200])
    @pytest.mark.parametrize("on_missing", [HOLD_PREVIOUS, BLACK])
    def test_up_to_a_number_beyond_64_bits_are_refused_with_an_explanation(
        self, output: Path, digits: int, on_missing: OnMissing
    ) -> None:
        """Names can contain serial numbers or times in nanoseconds; len() of so long a range is an OverflowError."""
        put(output / f"f_{'9' * digits}.png")

        if digits > 32:  # too long to be a frame number
            assert selected(3, 0, on_missing).numbers == tuple(range(3, 11))
        else:
            with pytest.raises(ValueError, match=rf"start_index.*3 to {'9' * digits}.*more than the 1000000"):
                selected(3, 0, on_missing)
        request("f_####.png", 3, 0, on_missing).fingerprint()
        assert selected(3, 2, on_missing).numbers == (3, 4)

    @pytest.mark.parametrize("start", [2**63, 10**32 - 1, 10**32, 10**200])
    @pytest.mark.parametrize("on_missing", list(OnMissing))
    @pytest.mark.parametrize("count", [0, 1, 2**63])
    def test_of_numbers_beyond_64_bits_are_missing(
        self, monkeypatch: pytest.MonkeyPatch, start: int, on_missing: OnMissing, count: int
    ) -> None:
        monkeypatch.setattr(choose_batch, "LARGEST_BATCH", 1000)
        with work_guard(200_000), pytest.raises((FrameMissingError, ValueError)):
            selected(start, count, on_missing)

    def test_between_two_files_far_apart_are_not_counted_one_by_one(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(choose_batch, "LARGEST_BATCH", 1000)
        put(output / "f_9007199254740991.png", 99)

        with work_guard(200_000):
            assert selected(3, 0, DROP).numbers == (3, 4, 7, 10, 9007199254740991)


class TestSuggestions:
    @pytest.mark.parametrize(
        ("pattern", "better"),
        [
            ("f_####*.png", "f_####.png"),
            ("?_{:03d}*.png", "_{:03d}.png"),
        ],
    )
    def test_for_wildcards_beside_a_number(self, output: Path, pattern: str, better: str) -> None:
        with pytest.raises(PatternError, match="has a frame number and wildcards") as caught:
            locate(pattern, "output")
        assert caught.value.suggestion == better

    @pytest.mark.parametrize(
        ("pattern", "better"),
        [
            ("p.1001.png", "p.####.png"),
            ("sub/shot010.png", "sub/shot###.png"),
            ("f_7.png", "f_#.png"),
            ("v2.png", "v2_{:06d}.png"),
            ("plate.png", "plate_{:06d}.png"),
        ],
    )
    def test_for_one_file_when_several_frames_are_requested(self, output: Path, pattern: str, better: str) -> None:
        with pytest.raises(PatternError) as caught:
            locate(pattern, "output").pattern.require_number(2)
        assert caught.value.suggestion == better

    @pytest.mark.parametrize("pattern", ["../f_####.png", "a|b_%04d.png", "{{x}}/../f_##.png"])
    def test_quote_the_typed_text(self, output: Path, pattern: str) -> None:
        with pytest.raises(PathError) as caught:
            locate(pattern, "output")
        assert repr(pattern) in str(caught.value)

    @pytest.mark.skipif(os.name == "nt", reason="a drive is a folder there")
    def test_for_a_drive_name_no_folder_that_was_not_chosen(self, output: Path) -> None:
        with pytest.raises(PathError, match="relative to the folder that is chosen in the node"):
            check_pattern("C:/f_####.png")


class TestFingerprint:
    @staticmethod
    def of(
        start: int = 0,
        count: int = 0,
        step: int = 1,
        on_missing: str = "true",
        pattern: str = "f_####.png",
        kind: str = "output",
    ) -> str:
        return request(pattern, start, count, OnMissing(on_missing), step, kind).fingerprint()

    @pytest.fixture(autouse=True)
    def _frames(self, output: Path) -> None:
        on_disk(output, *range(2, 8))

    def test_is_text_that_stays_while_nothing_changes(self) -> None:
        assert isinstance(self.of(), str)
        assert self.of() == self.of()

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda output: put(output / "f_0005.png", 99, width=50), id="another size"),
            pytest.param(lambda output: os.utime(output / "f_0005.png", (1, 1)), id="another time"),
            pytest.param(lambda output: (output / "f_0005.png").unlink(), id="deleted"),
            pytest.param(lambda output: put(output / "f_0008.png"), id="one more"),
        ],
    )
    def test_changes_when_a_frame_does(self, output: Path, change: Callable[[Path], object]) -> None:
        before = self.of()
        change(output)

        assert self.of() != before

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda output: put(output / "g_0005.png"), id="another sequence"),
            pytest.param(lambda output: put(output / "f_0009.png"), id="a frame behind the last"),
            pytest.param(lambda output: (output / "f_0002.png").unlink(), id="a frame long before the first"),
            pytest.param(lambda output: put(output / "f_0005-0.png"), id="another take"),
            pytest.param(lambda output: (output / ".f_0005.png.0123456789ab.part").write_bytes(b""), id="a part file"),
        ],
    )
    def test_stays_when_anything_else_changes(self, output: Path, change: Callable[[Path], object]) -> None:
        before = self.of(4, 3)
        change(output)

        assert self.of(4, 3) == before

    def test_changes_when_a_missing_frame_appears(self, output: Path) -> None:
        before = self.of(6, 4)
        on_disk(output, 9)

        assert self.of(6, 4) != before

    def test_changes_with_the_frame_that_hold_previous_repeats(self, output: Path) -> None:
        (output / "f_0005.png").unlink()
        before = self.of(5, 2, 1, "hold previous")
        os.utime(output / "f_0004.png", (1, 1))

        assert self.of(5, 2, 1, "hold previous") != before

    @pytest.mark.parametrize("on_missing", [policy.value for policy in OnMissing])
    def test_stays_when_a_frame_between_the_steps_changes(self, output: Path, on_missing: str) -> None:
        before = self.of(2, 2, 3, on_missing)
        os.utime(output / "f_0003.png", (1, 1))
        (output / "f_0004.png").unlink()

        assert self.of(2, 2, 3, on_missing) == before

    def test_of_missing_frames_says_so(self, output: Path) -> None:
        assert "Frames 0-1 are missing" in self.of(0, 4, 1, "false")

    @pytest.mark.parametrize("on_missing", ["", "drop", "None"])
    def test_of_an_invalid_policy_does_not_raise(self, pack: ModuleType, on_missing: str) -> None:
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]
        assert isinstance(node.IS_CHANGED(path_pattern="f_####.png", ignore_missing_images=on_missing), str)

    def test_of_one_file_changes_with_it(self, output: Path) -> None:
        missing = self.of(pattern="still.png")
        put(output / "still.png")
        there = self.of(pattern="still.png")
        os.utime(output / "still.png", (1, 1))

        assert len({missing, there, self.of(pattern="still.png")}) == 3

    def test_differs_with_every_setting(self) -> None:
        prints = [self.of(), self.of(3), self.of(0, 3), self.of(0, 0, 2), self.of(pattern="g_####.png")]
        prints.append(self.of(kind="input"))

        assert len(set(prints)) == len(prints)

    @pytest.mark.parametrize(
        "pattern", ["../f_####.png", "f_####", "####/f_##.png", "\0.png", "x" * 5000, "a/b/f_#.png"]
    )
    def test_of_an_invalid_pattern_does_not_raise(self, pattern: str) -> None:
        assert self.of(pattern=pattern) == self.of(pattern=pattern)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders there")
@pytest.mark.parametrize("pattern", ["f_####.png", "f_0001.png", "####/f.png"])
def test_a_pipe_named_like_a_frame_is_missing_and_never_opened(output: Path, pattern: str) -> None:
    """Opening a pipe without a writer would block forever."""
    for name in ("f_0001.png", "0001/f.png"):
        (output / name).parent.mkdir(exist_ok=True)
        os.mkfifo(output / name)

    with pytest.raises(FrameMissingError, match="Frame 1 is missing"):
        selected(1, 1, pattern=pattern)
    assert "Frame 1 is missing" in request(pattern, 1, 1).fingerprint()
    with pytest.raises(FileNotFoundError, match="frame 0 "):
        choose_animation(animation(output / "f_0001.png"), 0)
