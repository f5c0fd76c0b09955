"""Load Image Sequence (Frame) with a folder in its pattern, with the path of a frame, and with the rate of a counter."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from io_utils.naming.allowed_roots import roots_file

from .. import hosted
from ..disk import put_frames, shades, shades_of
from ..hosted import wire
from ..wires import counter

INPUTS: dict[str, Any] = {"directory_path": "", "indexing": "numeric", "frame_number": 102}


def load(pack: ModuleType, pattern: Any, **inputs: Any) -> hosted.Answer:
    return hosted.run(pack, "LoadFrame", pattern=pattern, **{**INPUTS, **inputs})


def loaded(pack: ModuleType, pattern: Any, **inputs: Any) -> list[int]:
    return shades_of(load(pack, pattern, **inputs).outputs[0][0])


@pytest.fixture
def plate(output: Path) -> Path:
    """Frames 101 to 103 of output/shots/a/plate.{:04d}.png, each with its number as shade."""
    put_frames(output / "shots/a", 101, 102, 103, name="plate.{:04d}.png")
    return output / "shots/a"


class TestAFolderInThePattern:
    @pytest.mark.parametrize(
        ("directory_path", "pattern"),
        [
            ("", "shots/a/plate.####.png"),
            ("", "shots/a/plate.{:04d}.png"),
            ("", "./shots\\a\\*.png"),
            ("", "shots/a/"),
            ("", "shots/a/plate.0101.png"),
            ("shots", "a/plate.####.png"),
            ("shots/", "./a/*.png"),
            (".", "shots/a/*.png"),
            ("shots/a", "./*.png"),
        ],
    )
    def test_is_below_directory_path(self, pack: ModuleType, plate: Path, directory_path: str, pattern: str) -> None:
        assert loaded(pack, pattern, directory_path=directory_path) == [102]

    def test_may_be_absolute_in_an_allowed_root(self, pack: ModuleType, base: Path, plate: Path) -> None:
        assert loaded(pack, f"{plate}/plate.####.png", folder="input") == [102]
        put_frames(base / "renders", 102)
        roots_file().parent.mkdir(parents=True)
        roots_file().write_text(f"ro {base / 'renders'}")
        assert loaded(pack, f"{base / 'renders'}/*.png") == [102]

    def test_may_have_braces(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "a{b}", 102)

        assert loaded(pack, "a{{b}}/f_{:02d}.png") == [102]

    @pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted", "SaveBatch"])
    def test_of_a_saver_is_loaded_in_the_same_prompt(self, pack: ModuleType, output: Path, saver: str) -> None:
        from .plates import place

        saved = hosted.run(pack, saver, **place(saver, "png", shades(70), 5))

        assert loaded(pack, wire(*saved.outputs[-1]), frame_number=5) == [70]

    @pytest.mark.parametrize(
        ("directory_path", "pattern", "reason"),
        [
            ("", "../*.png", "leaves its folder"),
            ("shots", "../../x/*.png", "leaves its folder"),
            ("", "/etc/*.png", "outside the folders"),
            ("shots", "/etc/*.png", "^Leave directory_path empty"),
            ("shots", "C:\\a\\*.png", "^Leave directory_path empty"),
            ("", "a|b/*.png", "^Write the folder into directory_path"),
            ("", "shot_##/f.png", "^Write the frame number into the name"),
            ("", "a*/f.png", "character"),
            ("", "a\0/f.png", "character"),
        ],
    )
    def test_is_refused_where_a_folder_would_be(
        self, pack: ModuleType, output: Path, directory_path: str, pattern: str, reason: str
    ) -> None:
        with pytest.raises(ValueError, match=reason):
            load(pack, pattern, directory_path=directory_path)

    def test_that_is_not_there_says_so(self, pack: ModuleType, plate: Path) -> None:
        with pytest.raises(
            FileNotFoundError,
            match=f"^Check the folder.s name: there is no folder .*shots/b'.*exists is '{plate.parent}'",
        ):
            load(pack, "shots/b/f_####.png")


class TestThePathOfAFrame:
    def test_means_its_sequence(self, pack: ModuleType, plate: Path) -> None:
        for number in (101, 102, 103):
            assert loaded(pack, "plate.0102.png", directory_path="shots/a", frame_number=number) == [number]
        assert loaded(pack, f"{plate}/plate.0101.png", frame_number=103) == [103]

    def test_means_only_its_own_sequence(self, pack: ModuleType, plate: Path) -> None:
        put_frames(plate, 101, 102, name="mask.{:04d}.png")

        assert loaded(pack, "plate.0101.png", directory_path="shots/a", frame_number=103) == [103]

    def test_is_a_name_in_alphabetic_order(self, pack: ModuleType, plate: Path) -> None:
        inputs = {"directory_path": "shots/a", "indexing": "alphabetic order"}

        assert loaded(pack, "plate.0102.png", frame_number=0, **inputs) == [102]


class TestTheRate:
    def test_is_that_of_the_counter(self, pack: ModuleType, plate: Path) -> None:
        def rate(**inputs: Any) -> Any:
            (described,) = map(json.loads, load(pack, "shots/a/*", **inputs).ui["image_sequence"])
            return described["fps"]

        assert rate() is None
        assert rate(frame_counter=wire(counter(101, 200))) == counter(101, 200).frames_per_second

    def test_may_be_missing(self, pack: ModuleType, plate: Path) -> None:
        """Dream's counters have one; another pack's need not, because loading does not depend on it."""

        class Bare:
            current_frame, total_frames = 101, 200

        assert loaded(pack, "shots/a/*", frame_counter=wire(Bare())) == [101]


class TestWrongPaddingInNumbersAsWideAsThePadding:
    @pytest.mark.parametrize("pattern", ["a_##.png", "a_%d.png", "a_#.png", "a_###.png", "a_#####.png"])
    @pytest.mark.parametrize("on_missing", ["error", "hold next"])
    def test_loads_the_frame_of_the_whole_sequence(
        self, pack: ModuleType, output: Path, pattern: str, on_missing: str
    ) -> None:
        put_frames(output, 95, 99, 100, 101, name="a_{:03d}.png")

        for number in (95, 99, 100):
            assert loaded(pack, pattern, frame_number=number, on_missing=on_missing) == [number]

    def test_counts_the_whole_sequence_before_a_run(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, 95, 99, 100, 101, name="a_{:03d}.png")

        facts = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadFrame"].look(pattern="a_##.png", **INPUTS).facts

        assert (facts["count"], facts["ranges"], facts["path_pattern"]) == (4, "95,99-101", "a_{:03d}.png")

    def test_keeps_sequences_side_by_side_apart(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, 1, name="a_{}.png")
        put_frames(output, 2, name="a_{:04d}.png")

        with pytest.raises(FileNotFoundError):
            load(pack, "a_#.png", frame_number=2)


class TestTextsThatPeoplePaste:
    @pytest.mark.parametrize("odd", ["take #2", "@@", "{x}", "%d"])
    def test_a_folder_whose_name_looks_like_a_frame_number(self, pack: ModuleType, output: Path, odd: str) -> None:
        put_frames(output / "a" / odd, 102)

        assert loaded(pack, f"a/{odd}/f_###.png") == [102]
        assert loaded(pack, f"{odd}/f_###.png", directory_path="a") == [102]
        assert loaded(pack, f"{output}/a/{odd}/*.png") == [102]
        assert loaded(pack, "*", directory_path=f"a/{odd}") == [102]

    def test_quotes_and_white_space_do_not_count(self, pack: ModuleType, plate: Path) -> None:
        assert loaded(pack, ' "shots/a/plate.0101.png"\n') == [102]
        assert loaded(pack, "'plate.####.png' ", directory_path=f'"{plate}" ') == [102]

    def test_an_empty_pattern_is_refused_with_what_to_write(self, pack: ModuleType, plate: Path) -> None:
        with pytest.raises(ValueError, match=r"^Write \* into pattern"):
            load(pack, " ", directory_path="shots/a")

    def test_a_path_that_leaves_its_folder_is_named_as_it_is_written(self, pack: ModuleType, plate: Path) -> None:
        with pytest.raises(ValueError, match=r"The path '\.\./f_##\.png' leaves its folder"):
            load(pack, "../f_##.png", directory_path="shots")
