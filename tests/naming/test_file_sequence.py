"""A file sequence: numbered files in an allowed folder, and which of them are on disk."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_utils.errors import PathError
from io_utils.naming.allowed_roots import Root
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern

from ..disk import needs_links


def files(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def located(text: str, *, write: bool = True) -> FileSequence:
    return FileSequence.from_pattern(FramePattern.parse(text), "output", write=write)


class TestFromPattern:
    @pytest.mark.parametrize(
        ("text", "frame_7"),
        [
            pytest.param("f_{:04d}.png", "f_0007.png", id="in the output folder"),
            pytest.param("./frame{:06d}.png", "frame000007.png", id="the earlier pack's default"),
            pytest.param("a/b/f_{}.png", "a/b/f_7.png", id="in folders"),
            pytest.param("a\\b\\f_{}.png", "a/b/f_7.png", id="with backslashes"),
            pytest.param("a//./b/.//f_{}.png", "a/b/f_7.png", id="with empty names and dots"),
            pytest.param("{:d}/f.png", "7/f.png", id="a folder for each frame"),
            pytest.param("a/{i}\\.\\f_{i}.png", "a/7/f_7.png", id="a folder for each frame, written untidily"),
            pytest.param("still.png", "still.png", id="one file"),
        ],
    )
    def test_finds_the_files_below_the_output_folder(self, output: Path, text: str, frame_7: str) -> None:
        sequence = located(text)

        assert sequence.file(7) == output / frame_7
        assert sequence.root.kind == "output"

    def test_finds_the_same_files_by_their_absolute_path(self, output: Path) -> None:
        assert located(f"{output}/a/f_####.png") == located("a/f_{:04d}.png")

    def test_creates_nothing_on_disk(self, output: Path) -> None:
        located("a/b/f_{}.png")

        assert list(output.iterdir()) == []

    def test_braces_in_a_folder_s_name_are_literal(self, output: Path) -> None:
        assert located("{{x}}/f_{}.png").file(7) == output / "{x}" / "f_7.png"

    def test_a_sequence_is_a_value(self, output: Path) -> None:
        assert len({located("a/f_####.png"), located("a//f_%04d.png")}) == 1

    def test_str_is_its_absolute_pattern(self, output: Path) -> None:
        assert str(located("a/f_####.png")) == f"{output.as_posix()}/a/f_{{:04d}}.png"


class TestFrames:
    def test_are_in_numeric_order_whatever_their_names(self, output: Path) -> None:
        files(output, *(f"f_{n:02d}.png" for n in (98, 99, 100, 101, 7)))

        assert located("f_##.png").frames() == [7, 98, 99, 100, 101]

    def test_may_have_more_digits_than_the_padding(self, output: Path) -> None:
        files(output, "f.0999.exr", "f.1000.exr", "f.10000.exr")

        assert located("f.{:04d}.exr").frames() == [999, 1000, 10000]

    def test_belong_to_this_pattern_only(self, output: Path) -> None:
        files(output, "f_0001.png", "f_1.png", "f_00001.png", "f_0001.jpg", "g_0001.png", "F_0001.png", "f_x.png")
        files(output, "cover.png", ".f_0003.png", ".f_0003.png.0123456789ab.part", "f_0004-0.png", "sub/f_0005.png")

        assert located("f_{:04d}.png").frames() == [1]
        assert located("f_{}.png").frames() == [1]
        assert located("f_{:05d}.png").frames() == [1]

    def test_are_not_confused_with_other_digits_in_the_name(self, output: Path) -> None:
        files(output, "v002_2k.0001.png", "v002_2k.0002.png", "v003_2k.0003.png")

        assert located("v002_2k.####.png").frames() == [1, 2]

    def test_may_have_gaps(self, output: Path) -> None:
        files(output, "f_1001.png", "f_1003.png")

        assert located("f_####.png").frames() == [1001, 1003]

    def test_are_files_not_folders(self, output: Path) -> None:
        (output / "f_0001.png").mkdir()

        assert located("f_####.png").frames() == []

    @needs_links
    def test_are_not_broken_links(self, output: Path) -> None:
        (output / "f_0001.png").symlink_to(output / "gone.png")

        assert located("f_####.png").frames() == []

    def test_of_a_folder_for_each_frame_need_the_file_in_it(self, output: Path) -> None:
        files(output, "a/0001/f.png", "a/0002/other.png", "a/0003/f.png", "a/notes/f.png", "a/0004")

        assert located("a/####/f.png").frames() == [1, 3]

    def test_of_a_number_written_twice_must_agree(self, output: Path) -> None:
        files(output, "1/f_1.png", "2/f_1.png")

        assert located("{i}/f_{i}.png").frames() == [1]

    def test_in_a_folder_that_does_not_exist_are_none(self, output: Path) -> None:
        assert located("a/b/f_####.png").frames() == []

    def test_below_a_file_are_none(self, output: Path) -> None:
        files(output, "a")

        assert located("a/f_####.png").frames() == []
        assert located("a/b/f_####.png").frames() == []

    def test_of_a_pattern_without_number_are_none(self, output: Path) -> None:
        files(output, "still.png")

        assert located("still.png").frames() == []

    @settings(max_examples=50)
    @given(numbers=st.sets(st.integers(0, 10**12), max_size=5), padding=st.integers(0, 32))
    def test_are_those_whose_files_exist(
        self, tmp_path_factory: pytest.TempPathFactory, numbers: set[int], padding: int
    ) -> None:
        folder = tmp_path_factory.mktemp("frames")
        sequence = FileSequence(Root(folder, "output"), FramePattern.around("v2_", ".png", padding))
        for number in numbers:
            sequence.file(number).touch()

        assert sequence.frames() == sorted(numbers)


class TestFromFile:
    @pytest.mark.parametrize(
        ("name", "frame", "pattern"),
        [
            pytest.param("f_00007.png", 7, "f_{:05d}.png", id="padded"),
            pytest.param("f_7.png", 7, "f_{:01d}.png", id="not padded"),
            pytest.param("v002_0010.png", 10, "v002_{:04d}.png", id="the last number counts"),
            pytest.param("12345", 12345, "{:05d}", id="nothing but a number"),
            pytest.param("{x}_07.png", 7, "{{x}}_{:02d}.png", id="braces are literal"),
            pytest.param("f_00007.png", 8, "f_00007.png", id="another frame: no pattern"),
            pytest.param("f_1.jp2", 1, "f_1.jp2", id="a digit in the extension: no pattern"),
            pytest.param("cover.png", 0, "cover.png", id="no number: no pattern"),
        ],
    )
    def test_takes_the_last_number_as_the_frame_if_it_matches(
        self, output: Path, name: str, frame: int, pattern: str
    ) -> None:
        sequence = FileSequence.from_file(output / "a" / name, frame)

        assert sequence.file(frame) == output / "a" / name
        assert sequence.pattern == FramePattern.parse(pattern).within("a")

    def test_gives_one_sequence_for_each_of_several_files_in_order(self, output: Path, base: Path) -> None:
        files = {7: output / "a" / "f_07.png", 3: base / "input" / "f_3.png", 8: output / "a" / "f_08.png"}

        sequences = FileSequence.from_files(files)

        assert [sequence.file(number) for sequence, number in zip(sequences, files, strict=True)] == [*files.values()]
        assert [sequence.root.kind for sequence in sequences] == ["output", "input", "output"]

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
    def test_finds_a_name_that_is_not_utf_8(self, output: Path) -> None:
        file = output / os.fsdecode(b"caf\xe9") / os.fsdecode(b"caf\xe9_07.png")

        assert FileSequence.from_file(file, 7).file(7) == file
        assert not FileSequence.from_file(file, 7).is_printable

    def test_of_more_digits_than_a_frame_number_can_have_gives_no_pattern(self, output: Path) -> None:
        name = "f_" + "0" * 40 + "7.png"

        assert FileSequence.from_file(output / name, 7).pattern == FramePattern((name,))

    @pytest.mark.parametrize("kind", ["input", "temp"])
    def test_knows_the_folder_that_the_file_is_in(self, base: Path, kind: str) -> None:
        assert FileSequence.from_file(base / kind / "f_1.png", 1).root.kind == kind

    def test_refuses_a_file_elsewhere(self, output: Path) -> None:
        with pytest.raises(PathError):
            FileSequence.from_file(Path("/etc/f_1.png"), 1)


class TestWorkflowFile:
    @pytest.mark.parametrize(
        ("pattern", "name"),
        [
            ("f_####.exr", "f_####.exr.workflow.json"),
            ("shots/comp.####.exr", "shots/comp.####.exr.workflow.json"),
            ("shots/frame{:06d}.jpg", "shots/frame######.jpg.workflow.json"),
            ("a - ##.jpg", "a - ##.jpg.workflow.json"),
            ("####.exr", "####.exr.workflow.json"),
            ("s/{}.exr", "s/#.exr.workflow.json"),
            ("{i:02d}_{i:02d}.exr", "##_##.exr.workflow.json"),
            ("still.exr", "still.exr.workflow.json"),
        ],
    )
    def test_is_named_like_the_frames(self, output: Path, pattern: str, name: str) -> None:
        assert located(pattern).workflow_file == output / name

    def test_of_a_second_take_is_different(self, output: Path) -> None:
        take = located("f_####.exr")

        second = replace(take, pattern=take.pattern.with_suffix("-0"))
        assert second.workflow_file == output / "f_####-0.exr.workflow.json"

    def test_differs_between_any_two_sequences_in_a_folder(self, output: Path) -> None:
        patterns = [
            *("f_####.exr", "f.####.exr", "f-####.exr", "f ####.exr", "f####.exr", "f_###.exr", "f_#####.exr"),
            *(
                "f_####.jpg",
                "f_####-0.exr",
                "####_f.exr",
                "####/f.exr",
                "####-f.exr",
                "####/f/f.exr",
                "f.exr",
                "f_{}.exr",
            ),
        ]
        literal = FramePattern.around("##_", ".exr", 2)
        twice = FramePattern.parse("{i:02d}_{i:02d}.exr")
        long = [FramePattern.around("x" * 220 + letter, ".exr", 4) for letter in "ab"]
        found = [located(pattern) for pattern in patterns]
        found += [FileSequence(found[0].root, pattern) for pattern in (literal, twice, *long)]

        names = [sequence.workflow_file for sequence in found]

        assert len(set(names)) == len(names)
        assert {name.parent for name in names} == {output}

    @pytest.mark.parametrize("letter", ["x", "é", "日"])
    def test_can_be_written_for_the_longest_names(self, output: Path, letter: str) -> None:
        """255 bytes hold the name, a dot, and the 18 characters that atomic.py adds while it writes."""
        sequence = located(f"{letter * (220 // len(letter.encode()))}_##.exr")

        assert len(sequence.workflow_file.name.encode()) <= 255 - 19


class TestHasFrames:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            pytest.param([], False, id="nothing"),
            pytest.param(["f_0005.png"], True, id="any frame"),
            pytest.param(["g_0005.png", "f_5.png", "f_0005.jpg", "f_0005-0.png"], False, id="files of other sequences"),
            pytest.param([".f_0005.png.0123456789ab.part"], False, id="an unfinished file"),
        ],
    )
    def test_says_whether_there_is_any_frame(self, output: Path, names: list[str], expected: bool) -> None:
        for name in names:
            (output / name).touch()

        assert located("f_####.png").has_frames() is expected

    def test_ignores_folders(self, output: Path) -> None:
        (output / "f_0005.png").mkdir()

        assert not located("f_####.png").has_frames()

    def test_in_a_folder_that_does_not_exist_is_false(self, output: Path) -> None:
        assert not located("gone/f_####.png").has_frames()
