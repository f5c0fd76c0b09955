"""Which frames a check is about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.checking.choose import CheckRequest, Chosen
from io_utils.errors import FolderMissingError, ImageSequenceError, PathError, PatternError
from io_utils.naming.allowed_roots import ANYWHERE
from io_utils.naming.frame_range import as_ranges

from ..disk import delete, needs_links, put, put_frames


def chosen(path_pattern: str = "f_##.png", **request: object) -> Chosen:
    return CheckRequest(path_pattern=path_pattern, **request).choose()  # type: ignore[arg-type]


def shown(choice: Chosen) -> tuple[str, list[int], str]:
    """The range, the frames with a file, and the frames without."""
    return f"{choice.first}-{choice.last}", list(choice.frames), as_ranges(choice.missing)


class TestTheRange:
    @pytest.fixture(autouse=True)
    def frames(self, output: Path) -> None:
        put_frames(output / "shot", 5, 6, 8)

    @pytest.mark.parametrize("text", ["shot/f_##.png", "shot/f_%02d.png", "shot", "shot/*.png", "shot/f_06.png"])
    def test_goes_from_the_first_to_the_last_frame_on_disk(self, text: str) -> None:
        assert shown(chosen(text)) == ("5-8", [5, 6, 8], "7")

    @pytest.mark.parametrize(
        ("start", "count", "expected"),
        [
            pytest.param(6, 0, ("6-8", [6, 8], "7"), id="from a frame on"),
            pytest.param(6, 2, ("6-7", [6], "7"), id="a part"),
            pytest.param(4, 7, ("4-10", [5, 6, 8], "4,7,9-10"), id="beyond both ends"),
            pytest.param(20, 3, ("20-22", [], "20-22"), id="behind the last frame"),
            pytest.param(0, 7, ("0-6", [5, 6], "0-4"), id="a number of frames of an exact pattern: from 0"),
            pytest.param(1, 2**53, (f"1-{2**53}", [5, 6, 8], f"1-4,7,9-{2**53}"), id="more than anybody can render"),
        ],
    )
    def test_is_what_is_asked_for(self, start: int, count: int, expected: tuple[str, list[int], str]) -> None:
        assert shown(chosen("shot/f_##.png", start_index=start, frame_count=count)) == expected

    def test_of_a_number_of_frames_of_a_folder_begins_at_the_first_one_on_disk(self) -> None:
        assert shown(chosen("shot", frame_count=5)) == ("5-9", [5, 6, 8], "7,9")

    def test_is_one_frame_if_one_is_asked_for_by_its_path(self) -> None:
        assert shown(chosen("shot/f_06.png", frame_count=1)) == ("6-6", [6], "")
        assert shown(chosen("shot/f_07.png", frame_count=1)) == ("7-7", [], "7")

    def test_behind_the_last_frame_is_refused_unless_somebody_says_how_many_there_should_be(self) -> None:
        with pytest.raises(
            ImageSequenceError, match=r"^Set start_index to 8 or less, or frame_count .* On disk are 5-6,8"
        ):
            chosen("shot/f_##.png", start_index=9)


class TestNothing:
    def test_there_is_no_such_folder(self, output: Path) -> None:
        with pytest.raises(FolderMissingError):
            chosen("none/f_##.png")

    def test_the_folder_is_empty(self, output: Path) -> None:
        (output / "shot").mkdir()
        for text in ("shot", "shot/f_##.png", "shot/*.png", "shot/still.png"):
            with pytest.raises(ImageSequenceError, match=r"The folder is empty"):
                chosen(text)

    @pytest.mark.parametrize("folder", ["shot", "none"])
    def test_all_frames_are_missing_if_somebody_says_how_many_there_should_be(self, output: Path, folder: str) -> None:
        (output / "shot").mkdir()

        assert shown(chosen(f"{folder}/f_##.png", start_index=1001, frame_count=3)) == ("1001-1003", [], "1001-1003")


class TestOneImage:
    def test_is_checked_alone(self, output: Path) -> None:
        put(output / "still.png")

        assert shown(chosen("still.png")) == ("0-0", [0], "")

    def test_has_no_second_frame(self, output: Path) -> None:
        put(output / "still.png")

        with pytest.raises(PatternError, match=r"there are 2 frames"):
            chosen("still.png", frame_count=2)


class TestTheFolder:
    def test_has_files_that_look_like_frames(self, output: Path) -> None:
        put_frames(output, 1, 2)
        for name in ("f_1.png", "f_02 (1).png", "g_01.png"):
            put(output / name)

        assert chosen().strays == ("f_02 (1).png", "f_1.png")

    def test_has_something_else_under_the_name_of_a_frame(self, output: Path) -> None:
        put_frames(output, 1, 4)
        (output / "f_02.png").mkdir()
        (output / "f_09.png").mkdir()
        if hasattr(os, "mkfifo"):
            os.mkfifo(output / "f_03.png")

        choice = chosen()

        assert list(choice.frames) == [1, 4]
        assert choice.occupied == ((2, 3) if hasattr(os, "mkfifo") else (2,)), "and none outside the range"
        assert as_ranges(choice.missing) == "2-3"

    @needs_links
    def test_a_link_to_nothing_is_no_frame(self, output: Path) -> None:
        put_frames(output, 1, 3)
        (output / "f_02.png").symlink_to(output / "gone.png")

        assert chosen().occupied == (2,)

    @needs_links
    def test_outside_the_allowed_ones_is_refused(self, output: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        put_frames(elsewhere, 1)
        (output / "link").symlink_to(elsewhere)

        for text in ("link/f_##.png", "../f_##.png", str(elsewhere / "f_##.png")):
            with pytest.raises(PathError):
                chosen(text)

    def test_may_be_one_for_each_frame(self, output: Path) -> None:
        for number in (1, 2, 4):
            put(output / f"{number:04d}" / "f.png")
        (output / "0003").mkdir()

        choice = chosen("{:04d}/f.png")

        assert (shown(choice), choice.occupied, choice.strays) == (("1-4", [1, 2, 4], "3"), (), ())


class TestTheFingerprint:
    def fingerprint(self, **request: object) -> str:
        return CheckRequest(path_pattern="f_##.png", **request).fingerprint()  # type: ignore[arg-type]

    def test_changes_with_the_files_and_with_what_lies_beside_them(self, output: Path) -> None:
        put_frames(output, 1, 2, 3)
        seen = [self.fingerprint()]
        assert self.fingerprint() == seen[0]

        put(output / "f_02.png", 7, width=9)
        seen.append(self.fingerprint())
        delete(output / "f_02.png")
        seen.append(self.fingerprint())
        (output / "f_02.png").mkdir()
        seen.append(self.fingerprint())
        put(output / "f_03-0.png")
        seen.append(self.fingerprint())
        put(output / "another.png")
        assert self.fingerprint() == seen[-1]

        assert len(set(seen)) == len(seen)

    def test_is_the_error_if_there_is_nothing_to_check(self, output: Path) -> None:
        assert "no such" not in self.fingerprint()
        assert "f_##.png" in self.fingerprint()


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(0, 45), st.integers(0, 50))
def test_every_frame_of_the_range_is_there_or_missing(
    tmp_path_factory: pytest.TempPathFactory, frames: set[int], start: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("frames")
    for number in frames:
        (folder / f"f_{number:02d}.png").touch()
    try:
        choice = chosen(str(folder / "f_##.png"), folder=ANYWHERE, start_index=start, frame_count=count)
    except ImageSequenceError:
        assert not count
        assert start > max(frames)
        return
    expected = set(range(choice.first, choice.last + 1))
    missing = {number for first, last in choice.missing for number in range(first, last + 1)}
    assert set(choice.frames) == frames & expected
    assert missing == expected - frames
    assert len(expected) == count or not count
