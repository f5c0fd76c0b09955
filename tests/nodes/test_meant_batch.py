"""Load Image Sequence (Batch) with what people type first: folders, wildcards, a frame's path, and lists of frames."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .. import hosted
from ..disk import forbid_listing, put, put_frames, shades, shades_of
from ..hosted import wire
from .calls import cache_key

INPUTS: dict[str, Any] = {"start_index": 0, "frame_count": 0, "ignore_missing_images": "false"}


def load(pack: ModuleType, path_pattern: Any, **inputs: Any) -> hosted.Answer:
    return hosted.run(pack, "LoadBatch", path_pattern=path_pattern, **{**INPUTS, **inputs})


def loaded(pack: ModuleType, path_pattern: Any, **inputs: Any) -> list[int]:
    return shades_of(load(pack, path_pattern, **inputs).outputs[0][0])


@pytest.fixture
def plate(output: Path) -> Path:
    """Frames 101 to 106 of output/shots/plate.{:04d}.png, each with its number as shade."""
    put_frames(output / "shots", *range(101, 107), name="plate.{:04d}.png")
    return output / "shots"


class TestWhatPeopleType:
    @pytest.mark.parametrize(
        "text", ["shots", "shots/*.png", "shots/plate.0103.png", "shots/plate.#####.png", "shots/plate.*"]
    )
    def test_loads_the_one_sequence_from_its_first_frame(self, pack: ModuleType, plate: Path, text: str) -> None:
        assert loaded(pack, text) == [101, 102, 103, 104, 105, 106]
        assert loaded(pack, text, frame_count=2) == [101, 102]
        assert loaded(pack, text, start_index=103, frame_count=2) == [103, 104]
        assert loaded(pack, text, step=2) == [101, 103, 105]

    def test_starts_at_frame_0_if_that_is_on_disk(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, 0, 1, 5)

        assert loaded(pack, "*.png", frame_count=2) == [0, 1]

    def test_an_exact_pattern_starts_where_it_is_told(self, pack: ModuleType, plate: Path) -> None:
        with pytest.raises(
            FileNotFoundError, match=r"^Set start_index to 101, the first frame there is\. Frames 0-1 are"
        ):
            loaded(pack, "shots/plate.####.png", frame_count=2)

    def test_the_path_of_a_frame_is_that_frame_if_one_is_wanted(self, pack: ModuleType, plate: Path) -> None:
        assert loaded(pack, "shots/plate.0103.png", frame_count=1) == [103]
        assert loaded(pack, "shots/plate.0103.png", frames="105") == [105]

    def test_absolute_paths_as_they_are_copied(self, pack: ModuleType, plate: Path) -> None:
        assert loaded(pack, str(plate / "plate.0103.png"), folder="input", frame_count=3) == [101, 102, 103]
        assert loaded(pack, str(plate), folder="input", frame_count=3) == [101, 102, 103]

    def test_by_a_wire(self, pack: ModuleType, plate: Path) -> None:
        assert loaded(pack, wire("shots"), frame_count=2) == [101, 102]

    def test_two_sequences_are_an_error_that_names_them(self, pack: ModuleType, plate: Path) -> None:
        put_frames(plate, 1, name="mask.{:04d}.png")

        with pytest.raises(
            ValueError, match=r"^Write one of these.*shots/plate\.\{:04d\}\.png.*shots/mask\.\{:04d\}\.png"
        ):
            load(pack, "shots")

    def test_a_folder_that_is_not_there_says_so(self, pack: ModuleType, plate: Path) -> None:
        for text in ("shots/a/b", "shots/a/b/f_####.png", "shots/a/b/f_0001.png"):
            with pytest.raises(
                FileNotFoundError, match=f"^Check the folder.s name: there is no folder .*a/b'.*exists is '{plate}'"
            ):
                load(pack, text)

    def test_is_checked_before_the_run_without_looking_at_the_disk(
        self, pack: ModuleType, plate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forbid_listing(monkeypatch)
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]

        for text in ("shots", "shots/*.png", "shots/plate.0103.png", "nowhere"):
            assert node.VALIDATE_INPUTS(path_pattern=text) is True

    @pytest.mark.skipif(os.name == "nt", reason="a drive is a folder there")
    @pytest.mark.parametrize(
        "text", ["D:\\footage\\f.####.png", "D:\\footage", "D:\\footage\\*.png", "\\\\nas\\a\\*.png"]
    )
    def test_a_path_of_another_system_is_told_about_the_chosen_folder(self, pack: ModuleType, text: str) -> None:
        verdict = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"].VALIDATE_INPUTS(path_pattern=text)

        assert "relative to the folder that is chosen in the node" in verdict
        assert "temp" not in verdict


class TestTooManyFrames:
    def test_are_an_error_that_says_how_to_load_those_there_are(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, *range(12))

        with pytest.raises(FileNotFoundError) as caught:
            load(pack, "f_##.png", frame_count=16)
        assert str(caught.value).startswith(
            "Set frame_count to 0 to load the 12 frames there are. Frames 12-15 are missing"
        )

    def test_with_gaps_before_the_end_are_not(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, 0, 2)

        with pytest.raises(FileNotFoundError, match=r"Frames 1,3 are missing"):
            load(pack, "f_##.png", frame_count=4)


class TestFrames:
    @pytest.mark.parametrize(
        ("frames", "expected"),
        [
            ("101-106x2", [101, 103, 105]),
            ("103", [103]),
            ("106-104,101", [106, 105, 104, 101]),
            ("101,101,102", [101, 102]),
            (" 102 , 104-105 ", [102, 104, 105]),
        ],
    )
    @pytest.mark.parametrize("text", ["shots", "shots/plate.####.png"])
    def test_are_loaded_in_the_order_written(
        self, pack: ModuleType, plate: Path, text: str, frames: str, expected: list[int]
    ) -> None:
        answer = load(pack, text, frames=frames, start_index=7, frame_count=99, step=5)

        assert shades_of(answer.outputs[0][0]) == expected
        assert answer.outputs[2] == [len(expected)]

    def test_empty_leave_it_to_the_other_inputs(self, pack: ModuleType, plate: Path) -> None:
        assert loaded(pack, "shots", frames="  ", start_index=105) == [105, 106]

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [("true", [106, 101]), ("hold previous", [106, 106, 101]), ("black", [106, 0, 101])],
    )
    def test_that_are_missing_follow_the_policy(
        self, pack: ModuleType, plate: Path, policy: str, expected: list[int]
    ) -> None:
        assert loaded(pack, "shots", frames="106,150,101", ignore_missing_images=policy) == expected

    def test_that_are_missing_are_all_named(self, pack: ModuleType, plate: Path) -> None:
        with pytest.raises(
            FileNotFoundError,
            match=r"^Check the folder, the pattern and frames, or.*Frames 99-100,107 are missing.*On disk are 101-106",
        ):
            load(pack, "shots", frames="99-107")

    @pytest.mark.parametrize("frames", ["1-", "-5", "0-99999999999999999", "x"])
    def test_that_cannot_be_read_say_what_to_write(self, pack: ModuleType, plate: Path, frames: str) -> None:
        with pytest.raises(ValueError, match=r"^Write the frames as in 1001-1100x2,1150,1200-1210"):
            load(pack, "shots", frames=frames)

    def test_are_shown_by_the_player_in_their_steps(self, pack: ModuleType, plate: Path) -> None:
        (described,) = map(json.loads, load(pack, "shots", frames="105,101,103").ui["image_sequence"])

        assert (described["first"], described["last"], described["step"], described["missing"]) == (101, 105, 2, [])

    def test_of_a_single_image_are_one(self, pack: ModuleType, output: Path) -> None:
        put(output / "still.png", 9)

        assert loaded(pack, "still.png", frames="5") == [9]
        with pytest.raises(ValueError, match=r"^Write one number into frames to load .*2 frames are asked for"):
            load(pack, "still.png", frames="5,6")


class TestPathPattern:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("shots", "shots/plate.{:04d}.png"),
            ("shots/plate.0101.png", "shots/plate.{:04d}.png"),
            ("./shots//plate.%04d.png", "shots/plate.{:04d}.png"),
        ],
    )
    def test_is_what_was_read_and_can_be_loaded_again(
        self, pack: ModuleType, plate: Path, text: str, expected: str
    ) -> None:
        (pattern,) = load(pack, text, start_index=101).outputs[-1]

        assert pattern == expected
        assert loaded(pack, wire(pattern), start_index=101) == [101, 102, 103, 104, 105, 106]

    def test_is_absolute_in_another_folder(self, pack: ModuleType, base: Path) -> None:
        put_frames(base / "input/a", 3)

        (pattern,) = load(pack, "a", folder="input").outputs[-1]

        assert pattern == f"{(base / 'input').as_posix()}/a/f_{{:02d}}.png"
        assert loaded(pack, wire(pattern), start_index=3, folder="temp") == [3]

    def test_of_a_single_image_is_its_path(self, pack: ModuleType, output: Path) -> None:
        put(output / "a{b}.png", 9)

        (pattern,) = load(pack, "a{{b}}.png").outputs[-1]

        assert loaded(pack, wire(pattern)) == [9]

    def test_of_a_saver_is_loaded_in_the_same_prompt(self, pack: ModuleType, output: Path) -> None:
        saved = hosted.run(
            pack,
            "SaveBatch",
            images=wire(shades(10, 20)),
            path_pattern="s/f_###.png",
            start_index=1001,
            overwrite="true",
        )

        assert loaded(pack, wire(*saved.outputs[-1]), start_index=1001) == [10, 20]


class TestCacheKey:
    @pytest.fixture
    def node(self, pack: ModuleType) -> Any:
        return pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]()

    def test_changes_with_the_sequence_that_is_meant(self, node: Any, plate: Path) -> None:
        before = cache_key(node, path_pattern="shots", **INPUTS)
        assert before == cache_key(node, path_pattern="shots", **INPUTS)

        put_frames(plate, 107, name="plate.{:04d}.png")
        grown = cache_key(node, path_pattern="shots", **INPUTS)
        put_frames(plate, 1, name="mask.{:04d}.png")
        ambiguous = cache_key(node, path_pattern="shots", **INPUTS)

        assert len({before, grown, ambiguous}) == 3

    def test_stays_when_another_file_appears(self, node: Any, plate: Path) -> None:
        before = cache_key(node, path_pattern="shots/plate.0101.png", **INPUTS)
        put_frames(plate, 1, name="mask.{:04d}.png")

        assert cache_key(node, path_pattern="shots/plate.0101.png", **INPUTS) == before

    def test_changes_with_the_frames(self, node: Any, plate: Path) -> None:
        keys = [
            cache_key(node, path_pattern="shots", frames=frames, **INPUTS) for frames in ("", "101", "102,101", "-")
        ]

        assert len(set(keys)) == 4
