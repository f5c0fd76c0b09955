"""What the savers and the frame counters say before any run: where the next frame goes, and what is there already."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ..disk import put_frames

COUNTER = {"current_frame": 3, "total_frames": 5, "frames_per_second": 24.0}
NOTHING = dict.fromkeys(("number", "is_there", "existing", "existing_ranges", "in_the_way", "policy"))


@pytest.fixture(autouse=True)
def _(output: Path) -> None:
    """Every look needs an output folder."""


def look(pack: ModuleType, node: str, **inputs: Any) -> dict[str, Any]:
    """The facts, as the browser gets them."""
    found = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{node}"].look(**inputs).as_json()
    assert found["sequences"] == []
    facts: dict[str, Any] = json.loads(json.dumps(found["facts"]))
    return facts


def batch(pack: ModuleType, path_pattern: str = "shot/f_####.png", **inputs: Any) -> dict[str, Any]:
    settings = {"start_index": 0, "overwrite": "true", "path_pattern": path_pattern}
    return look(pack, "SaveBatch", **(settings | inputs))


def indexed(pack: ModuleType, filename_prefix: str = "shot", **inputs: Any) -> dict[str, Any]:
    return look(pack, "SaveFrame", **({"filename_prefix": filename_prefix, "current_frame": 2} | inputs))


def counted(pack: ModuleType, **inputs: Any) -> dict[str, Any]:
    settings = {"directory_path": "shot", "prefix": "f", "digits": 4, "at_end": "stop output", "filetype": "png"}
    return look(pack, "SaveCounted", **(settings | inputs))


class TestSaveBatch:
    def test_tells_the_next_file_and_that_the_folder_is_empty(self, pack: ModuleType) -> None:
        assert batch(pack, start_index=7) == {
            "path": "shot/f_0007.png",
            "number": 7,
            "is_there": False,
            "existing": 0,
            "existing_ranges": "",
            "in_the_way": 0,
            "policy": "true",
        }

    def test_tells_which_frames_are_there_and_which_of_them_the_run_meets(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 1, 2, 5, name="f_{:04d}.png")
        put_frames(output / "shot", 9, name="other_{:04d}.png")

        facts = batch(pack, start_index=2, overwrite="skip")

        assert (facts["existing"], facts["existing_ranges"], facts["in_the_way"]) == (4, "0-2,5", 2)
        assert (facts["is_there"], facts["policy"]) == (True, "skip")

    def test_a_pattern_without_a_number_is_one_file(self, pack: ModuleType, output: Path) -> None:
        put_frames(output, 0, name="still.png")

        facts = batch(pack, "still.png", start_index=3)

        assert (facts["path"], facts["is_there"], facts["existing"], facts["in_the_way"]) == ("still.png", True, 1, 1)

    def test_an_operators_folder_is_shown_as_an_absolute_path(
        self, pack: ModuleType, base: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("renders").resolve()
        (base / "user/__system").mkdir(parents=True)
        (base / "user/__system/image_sequence_roots.txt").write_text(f"rw {outside}\n", encoding="utf-8")

        assert batch(pack, f"{outside.as_posix()}/f_##.png")["path"] == f"{outside.as_posix()}/f_00.png"

    def test_a_size_is_known_only_to_the_run(self, pack: ModuleType) -> None:
        assert batch(pack, "%width%/f_##.png") == {"path": "%width%/f_00.png", **NOTHING}

    def test_so_is_the_value_of_another_node(self, pack: ModuleType) -> None:
        facts = batch(pack, "%KSampler.seed%/%Load: a.image%_##", filetype="exr")

        assert facts == {"path": "%KSampler.seed%/%Load: a.image%_00.exr", **NOTHING}
        with pytest.raises(ValueError, match=r"\.\."):
            batch(pack, "%KSampler.seed%/../f_##.png")

    @pytest.mark.parametrize("pattern", ["../f_##.png", "con/f_##.png", "f_#_#.png", "f_##.gif"])
    def test_what_the_run_refuses_is_refused(self, pack: ModuleType, pattern: str) -> None:
        with pytest.raises(ValueError, match=re.escape(pattern[-4:])):
            batch(pack, pattern)

    def test_nothing_is_known_of_a_linked_pattern(self, pack: ModuleType) -> None:
        assert look(pack, "SaveBatch", start_index=0, overwrite="true") == {"path": "", **NOTHING}

    def test_a_linked_number_is_not_known(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 3, name="f_{:04d}.png")

        facts = look(pack, "SaveBatch", path_pattern="shot/f_####.png", overwrite="true")

        assert (facts["path"], facts["number"], facts["is_there"]) == ("shot/f_{:04d}.png", None, None)
        assert facts["in_the_way"] == 1


class TestSaveFrame:
    def test_tells_the_next_file_and_the_frames_from_there_on(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 1, 2, 3, name="shot_{:05d}.png")

        assert indexed(pack) == {
            "path": "shot/shot_00002.png",
            "number": 2,
            "is_there": True,
            "existing": 4,
            "existing_ranges": "0-3",
            "in_the_way": 2,
            "policy": "overwrite",
        }

    def test_a_size_is_known_only_to_the_run(self, pack: ModuleType) -> None:
        assert indexed(pack, "a/%width%") == {"path": "a/%width%/%width%_00002.png", **NOTHING}

    def test_a_prefix_with_an_extension_is_refused(self, pack: ModuleType) -> None:
        with pytest.raises(ValueError, match="extension"):
            indexed(pack, "f.png")


class TestSaveCounted:
    def test_without_a_counter_only_the_pattern_is_known(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 7, name="f_{:04d}.png")

        assert counted(pack) == {
            "path": "shot/f_{:04d}.png",
            "number": None,
            "is_there": None,
            "existing": 2,
            "existing_ranges": "0,7",
            "in_the_way": 2,
            "policy": "overwrite",
        }

    def test_a_counter_in_front_tells_the_number_and_the_range(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 3, 4, 7, name="f_{:04d}.png")

        facts = counted(pack, frame_counter=COUNTER)

        assert (facts["path"], facts["number"], facts["is_there"]) == ("shot/f_0003.png", 3, True)
        assert (facts["existing"], facts["in_the_way"]) == (3, 2)

    def test_past_the_end_no_frame_comes(self, pack: ModuleType) -> None:
        past = COUNTER | {"current_frame": 5}

        assert counted(pack, frame_counter=past)["number"] is None
        with pytest.raises(ValueError, match="past the end"):
            counted(pack, frame_counter=past, at_end="raise error")

    def test_a_frame_of_a_batch_is_there_once_every_batch_folder_has_it(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot/batch_0000", 0, 1, 2, 3, name="f_{:04d}.png")
        put_frames(output / "shot/batch_0001", 0, 1, 2, name="f_{:04d}.png")
        put_frames(output / "shot", 9, name="f_{:04d}.png")

        facts = counted(pack, frame_counter=COUNTER)

        assert facts["path"] == "shot/batch_0000/f_0003.png"
        assert (facts["is_there"], facts["existing_ranges"], facts["in_the_way"]) == (False, "0-2", 0)

    def test_a_size_is_known_only_to_the_run(self, pack: ModuleType) -> None:
        facts = counted(pack, directory_path="a/%height%", frame_counter=COUNTER)

        assert facts == {"path": "a/%height%/f_0003.png", **NOTHING}

    @pytest.mark.parametrize("counter", ["3", {}, {"current_frame": "x"}, 7, {**COUNTER, "current_frame": 1.5}])
    def test_a_counter_that_is_none_is_refused(self, pack: ModuleType, counter: Any) -> None:
        with pytest.raises(ValueError, match="frame"):
            counted(pack, frame_counter=counter)


class TestFrameCounters:
    def test_the_counter_tells_how_many_frames_are_left(self, pack: ModuleType) -> None:
        facts = look(pack, "FrameCounter", frame_index=30, total_frames=100, frames_per_second=24)

        assert facts == {"frame": 30, "total": 100, "left": 70}

    def test_past_the_end_none_is_left(self, pack: ModuleType) -> None:
        assert look(pack, "FrameCounter", frame_index=130, total_frames=100, frames_per_second=24)["left"] == 0

    def test_a_linked_number_is_not_known(self, pack: ModuleType) -> None:
        assert look(pack, "FrameCounter", total_frames=100)["frame"] is None

    def test_the_resume_counter_tells_the_next_frame_and_what_is_there(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 1, 2, 5)
        inputs = {"directory_path": "shot", "pattern": "*", "indexing": "numeric", "total_frames": 10}

        assert look(pack, "FrameCounterFromDirectory", **inputs, frames_per_second=24.0) == {
            "frame": 6,
            "total": 10,
            "left": 4,
            "existing": 4,
            "existing_ranges": "0-2,5",
        }


class TestLooking:
    def test_creates_nothing(self, pack: ModuleType, output: Path) -> None:
        batch(pack)
        indexed(pack)
        counted(pack)

        assert list(output.iterdir()) == []

    def test_values_that_no_widget_has_are_refused(self, pack: ModuleType) -> None:
        with pytest.raises(ValueError, match="overwrite"):
            batch(pack, overwrite="maybe")
        with pytest.raises(ValueError, match="start_index"):
            batch(pack, start_index="many")
