"""Which file of a folder is which frame, by wildcards or by a frame pattern."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import fileseq
import pytest

from io_utils.errors import AmbiguousFrameError, PathError, PatternError
from io_utils.naming.frame_folder import FrameFolder
from io_utils.naming.inventory import inventory
from io_utils.policies import Indexing

from ..disk import needs_links, put

NUMERIC, ALPHABETIC = Indexing.NUMERIC, Indexing.ALPHABETIC


def put_files(folder: Path, *names: str) -> None:
    for name in names:
        put(folder / name)


def files(number: int, pattern: str = "*", indexing: Indexing = NUMERIC, directory: str = "shot") -> list[str]:
    frames = FrameFolder.parse(directory, pattern)
    return [file.relative_to(frames.folder).as_posix() for file in frames.files(number, indexing)]


class TestAPattern:
    @pytest.mark.parametrize("pattern", ["f_{:04d}.png", "f_%04d.png", "f_####.png", "f_{i:04d}.png", "f_{0:04d}.png"])
    def test_with_a_frame_number_names_one_file_exactly(self, shot: Path, pattern: str) -> None:
        put_files(shot, "f_0007.png", "f_7.png", "f_00007.png", "g_0007.png", "f_0007.jpg")

        for indexing in Indexing:
            assert files(7, pattern, indexing) == ["f_0007.png"]
            assert files(8, pattern, indexing) == []

    @pytest.mark.parametrize("pattern", ["*", "f_*.png", "f_??.png", "f_[0-9]*", "a|f_07.png", "f_07.png"])
    def test_without_one_is_wildcards(self, shot: Path, pattern: str) -> None:
        put_files(shot, "f_07.png", "f_08.png")

        assert files(7, pattern) == ["f_07.png"]

    @pytest.mark.parametrize("pattern", ["*_####.png", "f_####.*", "f_%04d?.png", "f_{}.png|g_{}.png"])
    def test_with_both_is_an_error_that_suggests_a_valid_one(self, shot: Path, pattern: str) -> None:
        with pytest.raises(PatternError, match="Write for example"):
            files(7, pattern)

    def test_with_a_frame_number_may_have_brackets(self, shot: Path) -> None:
        put_files(shot, "[a]_07.png")

        assert files(7, "[a]_##.png") == ["[a]_07.png"]

    @pytest.mark.parametrize("pattern", ["a/*.png", "a\\*.png", "a/f_####.png", "../*.png"])
    def test_with_a_folder_says_where_to_write_it(self, shot: Path, pattern: str) -> None:
        with pytest.raises(ValueError, match="directory_path"):
            files(0, pattern)


class TestByNumber:
    @pytest.mark.parametrize(
        ("name", "number"),
        [("f_00012.png", 12), ("12.png", 12), ("f12.webp", 12), ("v2.0012.jpg", 12), ("f_0.PNG", 0), ("f_000.tif", 0)],
    )
    def test_at_the_end_of_the_name(self, shot: Path, name: str, number: int) -> None:
        put_files(shot, name, "cover.png", "f_112.png", "f_120.png")

        assert files(number) == [name]

    def test_two_files_of_one_frame_are_an_error_that_names_both_and_a_pattern(self, shot: Path) -> None:
        put_files(shot, "clean_0007.png", "matte_0007.png", "clean_0008.png")

        with pytest.raises(
            AmbiguousFrameError, match=r"clean_\{:04d\}\.png.* Frame 7 is 'clean_0007\.png' and 'matte_0007\.png'"
        ) as caught:
            files(7)
        assert caught.value.frame == 7
        assert [path.name for path in caught.value.paths] == ["clean_0007.png", "matte_0007.png"]
        assert files(7, caught.value.suggestion) == ["clean_0007.png"]
        assert files(8) == ["clean_0008.png"]

    @pytest.mark.parametrize("names", [("f_7.png", "f_07.png"), ("f_7.png", "f_7.jpg")])
    def test_so_are_two_paddings_and_two_types(self, shot: Path, names: tuple[str, str]) -> None:
        put_files(shot, *names)

        with pytest.raises(AmbiguousFrameError):
            files(7)

    def test_other_and_hidden_files_are_not_frames(self, shot: Path) -> None:
        put_files(shot, "f_7.png", ".f_7.png")
        (shot / "f_7.txt").write_text("no image")
        (shot / ".f_7.png.0123456789ab.part").write_bytes(b"")
        (shot / "g_7.png").mkdir()

        assert files(7) == ["f_7.png"]


class TestByPlace:
    def test_from_0_in_alphabetic_order(self, shot: Path) -> None:
        put_files(shot, "b.png", "a.png", "c_0001.png")

        assert [files(place, indexing=ALPHABETIC) for place in range(4)] == [["a.png"], ["b.png"], ["c_0001.png"], []]

    def test_among_the_files_that_the_pattern_matches(self, shot: Path) -> None:
        put_files(shot, "a.png", "b.png", "c.png")

        assert files(1, "[ac]*", ALPHABETIC) == ["c.png"]


class TestNumbers:
    def test_are_all_frames_in_order(self, shot: Path) -> None:
        put_files(shot, "f_2.png", "f_10.png", "f_1.png", "g_2.png", "cover.png")

        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [1, 2, 10]
        assert FrameFolder.parse("shot", "g_#.png").numbers(NUMERIC) == [2]
        assert FrameFolder.parse("shot", "*").numbers(ALPHABETIC) == [0, 1, 2, 3, 4]

    def test_of_a_folder_that_does_not_exist_are_none(self, output: Path) -> None:
        assert FrameFolder.parse("gone", "*").numbers(NUMERIC) == []
        assert files(0, directory="gone") == []


class TestABatch:
    """The variants of a frame in batch folders, as this pack's and the Dream pack's counting savers write them."""

    @pytest.fixture(autouse=True)
    def _variants(self, shot: Path) -> None:
        put_files(shot, "batch_0000/f_3.png", "batch_0001/f_3.png", "batch_0000/f_4.png")

    @pytest.mark.parametrize("pattern", ["*", "f_#.png"])
    def test_is_one_file_per_variant(self, pattern: str) -> None:
        assert files(3, pattern) == ["batch_0000/f_3.png", "batch_0001/f_3.png"]

    @pytest.mark.parametrize("pattern", ["*", "f_#.png"])
    def test_that_lacks_a_variant_is_missing(self, pattern: str) -> None:
        assert files(4, pattern) == []
        assert FrameFolder.parse("shot", pattern).numbers(NUMERIC) == [3]

    @pytest.mark.parametrize("pattern", ["*", "f_#.png"])
    def test_may_lack_a_folder_in_between(self, shot: Path, pattern: str) -> None:
        put_files(shot, "batch_0003/f_3.png", "batch_0003/f_4.png")

        assert files(3, pattern) == [f"batch_000{index}/f_3.png" for index in (0, 1, 3)]
        assert files(4, pattern) == []

    @pytest.mark.parametrize("pattern", ["f_*", "f_#.png"])
    def test_ignores_a_folder_without_any_of_its_frames(self, shot: Path, pattern: str) -> None:
        put_files(shot, "batch_0002/other_3.png", "batch_0003/cover.png")
        (shot / "batch_0004").mkdir()

        assert files(3, pattern) == ["batch_0000/f_3.png", "batch_0001/f_3.png"]
        assert FrameFolder.parse("shot", pattern).numbers(NUMERIC) == [3]

    def test_is_ignored_if_the_folder_itself_has_the_frame(self, shot: Path) -> None:
        put_files(shot, "f_3.png")

        assert files(3) == ["f_3.png"]

    def test_has_a_sequence_for_each_file(self, shot: Path) -> None:
        for pattern in ("*", "f_#.png"):
            frames = FrameFolder.parse("shot", pattern)
            for file in frames.files(3, NUMERIC):
                assert frames.sequence(file, 3).file(3) == file

    @needs_links
    def test_that_leads_out_of_the_allowed_folders_is_refused(self, shot: Path, base: Path) -> None:
        put_files(base / "elsewhere", "f_5.png")
        (shot / "batch_0002").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError, match="batch_0002"):
            files(5)


class TestAllowedFolders:
    @pytest.mark.parametrize("directory", ["..", "/etc", "shot/../.."])
    def test_exclude_all_others(self, output: Path, directory: str) -> None:
        with pytest.raises(PathError):
            files(0, directory=directory)

    @pytest.mark.parametrize("kind", ["output", "input", "temp"])
    def test_are_searched_as_asked(self, base: Path, kind: str) -> None:
        put_files(base / kind, "f_1.png")

        assert FrameFolder.parse("", "*", kind).files(1, NUMERIC) == [base / kind / "f_1.png"]


def test_a_frame_pattern_finds_an_existing_frame_without_listing_a_folder(
    shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(shot, "f_0007.png")

    def listed(*_: Any) -> None:
        raise AssertionError("a folder was listed")

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, listed)

    assert files(7, "f_####.png") == ["f_0007.png"]


@pytest.mark.parametrize("indexing", list(Indexing))
def test_wildcards_list_the_folder_once(shot: Path, monkeypatch: pytest.MonkeyPatch, indexing: Indexing) -> None:
    put_files(shot, *(f"f_{number:04d}.png" for number in range(50)))
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: (listed.append(folder), scandir(folder))[1])

    assert files(7, "f_*", indexing) == ["f_0007.png"]
    assert listed == [shot]


NOT_UTF_8 = os.fsdecode(b"caf\xe9_0001.png")  # é in Latin-1


class TestNamesAsPeopleAndProgramsWriteThem:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("ComfyUI_00007_.png", id="ComfyUI's own Save Image"),
            pytest.param("frame (7).png", id="several files renamed on Windows"),
            pytest.param("frame[0007].png", id="in brackets"),
            pytest.param("0007_.png", id="nothing before the number"),
            pytest.param("v2 - 07 -.png", id="other digits before the number"),
        ],
    )
    def test_the_last_number_counts_if_only_punctuation_follows(self, shot: Path, name: str) -> None:
        put_files(shot, name, "cover.png")

        assert files(7) == [name]
        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [7]

    def test_a_number_at_the_very_end_wins(self, shot: Path) -> None:
        """A browser calls the second download of f_0007.png 'f_0007 (1).png'."""
        put_files(shot, "f_0007.png", "f_0007 (1).png", "f_0007 (8).png", "f_0009_.png")

        assert files(7) == ["f_0007.png"]
        assert files(1) == files(8) == files(9) == []
        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [7]

    def test_a_number_at_the_very_end_does_not_hide_sequences_with_another_prefix(self, shot: Path) -> None:
        put_files(shot, "cover_1.png", *(f"ComfyUI_{n:05d}_.png" for n in (7, 8, 9)))

        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [1, 7, 8, 9]
        assert files(8) == ["ComfyUI_00008_.png"]
        assert files(1) == ["cover_1.png"]

    @pytest.mark.parametrize("name", ["f_0007_beauty.png", "f_0007b.png", "f_0007é.png", "f_0007_٧.png"])
    def test_a_number_with_letters_after_it_does_not_count(self, shot: Path, name: str) -> None:
        put_files(shot, name)

        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == []

    @pytest.mark.parametrize(
        "name",
        [
            "f.-005.png",
            "f_-5.png",
            "f -5.png",
            "-005.png",
            "f--5.png",
            "frame (-5).png",
            "f.\u2212005.png",
            "f.\u2013005.png",
        ],
    )
    def test_a_negative_number_is_not_a_frame(self, shot: Path, name: str) -> None:
        put_files(shot, name, "f.0004.png")

        assert files(5) == []
        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [4]

    @pytest.mark.parametrize("name", ["shot-005.png", "v2-5.png", "shot (a)-5.png", "[a]-005.png", "é-005.png"])
    def test_a_dash_after_a_letter_digit_or_bracket_is_a_separator(self, shot: Path, name: str) -> None:
        put_files(shot, name)

        assert files(5) == [name]

    @pytest.mark.parametrize(
        ("pattern", "better"), [("frame_####*.png", "frame_*.png"), ("*_####.png", "*_*.png"), ("####?.png", "*?.png")]
    )
    def test_a_pattern_with_a_number_and_wildcards_is_refused(self, output: Path, pattern: str, better: str) -> None:
        with pytest.raises(PatternError, match="has a frame number and wildcards") as caught:
            FrameFolder.parse("shot", pattern)
        assert caught.value.suggestion == better

    def test_fileseq_agrees_on_what_is_negative(self, shot: Path) -> None:
        put_files(shot, "f.-005.png", "f.0004.png")

        (found,) = fileseq.findSequencesOnDisk(str(shot))
        judge = sorted(found.frameSet() or ())
        assert judge == [-5, 4]
        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [frame for frame in judge if frame >= 0]

    @pytest.mark.parametrize("digits", [20, 32, 33, 200])
    def test_a_number_that_no_widget_can_hold_is_not_a_frame(self, shot: Path, digits: int) -> None:
        put_files(shot, "f_0007.png", f"f_{'9' * digits}.png")

        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [7]
        if digits <= 32:
            assert f"' is left out: its number is above {2**53 - 1}." in inventory(shot)

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
    @pytest.mark.parametrize("pattern", ["*", "caf*.png", "caf?_????.png"])
    def test_names_that_are_not_utf_8_count_too(self, shot: Path, pattern: str) -> None:
        put_files(shot, NOT_UTF_8, "café_0002.png")

        assert files(1, pattern) == [NOT_UTF_8]
        assert FrameFolder.parse("shot", pattern).numbers(NUMERIC) == [1, 2]


class TestAdviceWhenNoFrameMatches:
    def test_does_not_say_that_matching_wildcards_match_nothing(self, shot: Path) -> None:
        put_files(shot, "f_0001_beauty.png")

        assert "No image there matches" not in FrameFolder.parse("shot", "*").instead()
        assert "No image there matches" in FrameFolder.parse("shot", "g*").instead()

    def test_suggests_alphabetic_order_for_names_without_numbers(self, shot: Path) -> None:
        put_files(shot, "ant.png", "bee.png")

        assert "set indexing to 'alphabetic order'" in FrameFolder.parse("shot", "*").instead()
