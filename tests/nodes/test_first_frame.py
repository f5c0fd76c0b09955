"""first_frame: the number on disk is that of the counter plus first_frame, wherever frames are counted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .. import hosted
from ..disk import on_disk, put, put_frames, shades, tear
from ..hosted import wire
from ..wires import counter
from .plates import header_of, place

FIRST = 1001
NAME = "f_{:04d}.png"


def save(pack: ModuleType, frame: int, total: int = 3, shade: int = 70, **inputs: Any) -> hosted.Answer:
    settings: dict[str, Any] = place("SaveCounted", "png", shades(shade)) | {
        "frame_counter": wire(counter(frame, total))
    }
    settings |= {"directory_path": "shot", "prefix": "f", "digits": 4, "first_frame": FIRST}
    return hosted.run(pack, "SaveCounted", **(settings | inputs))


def resume(pack: ModuleType, first_frame: int = FIRST, pattern: str = "f_*.png", **inputs: Any) -> int:
    settings: dict[str, Any] = {"directory_path": "shot", "pattern": pattern, "indexing": "numeric", "total_frames": 10}
    settings |= {"frames_per_second": 24.0, "first_frame": first_frame}
    answer = hosted.run(pack, "FrameCounterFromDirectory", **(settings | inputs))
    frame: int = answer.outputs[1][0]
    return frame


class TestSaving:
    def test_adds_it_to_the_number_of_the_counter(self, pack: ModuleType, output: Path) -> None:
        for frame in range(3):
            save(pack, frame, shade=10 + frame)

        assert on_disk(output) == {"shot/f_1001.png": 10, "shot/f_1002.png": 11, "shot/f_1003.png": 12}

    def test_the_animation_is_that_of_the_numbers_on_disk(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 2, 1000, 1001, 1004, name=NAME)

        (sequence,), (log,), (pattern,) = save(pack, 2).outputs

        files = [[str(output / "shot" / NAME.format(number))] for number in (1001, 1003)]
        assert (list(sequence.frames), list(sequence.frames.values())) == ([1001, 1003], files)
        assert str(log).endswith("Frame 1002 of the animation is missing (3 in all).")
        assert pattern == "shot/f_{:04d}.png"

    def test_the_animation_loads_as_images(self, pack: ModuleType, output: Path) -> None:
        for frame in range(3):
            (sequence,), *_ = save(pack, frame).outputs

        (images,), *_ = hosted.run(pack, "FromAnimation", sequence=wire(sequence), batch_index=0).outputs
        assert len(images) == 3

    def test_a_batch_of_variants_counts_the_same_way(self, pack: ModuleType, output: Path) -> None:
        for frame in range(3):
            (sequence,), *_ = save(pack, frame, image=wire(shades(10, 20))).outputs

        assert [number for number, files in sequence.frames.items() if len(files) == 2] == [1001, 1002, 1003]
        assert (output / "shot/batch_0001/f_1003.png").is_file()

    def test_past_the_end_the_log_counts_the_same_way(self, pack: ModuleType, output: Path) -> None:
        _, (log,), _ = save(pack, 3).outputs

        assert str(log) == "Stopped: frame 1004 is past the end (3 frames: 1001-1003); nothing was written."

    def test_skip_keeps_the_number_on_disk(self, pack: ModuleType, output: Path) -> None:
        put(output / "shot/f_1002.png", 5)

        assert save(pack, 1, on_existing="skip").asked_for == frozenset()
        assert save(pack, 2, on_existing="skip").asked_for == {"image"}
        assert on_disk(output) == {"shot/f_1002.png": 5, "shot/f_1003.png": 70}

    def test_skip_at_the_last_frame_makes_the_animation_again(self, pack: ModuleType, output: Path) -> None:
        for frame in range(3):
            save(pack, frame)

        again = save(pack, 2, on_existing="skip")

        (sequence,), *_ = again.outputs
        assert (list(sequence.frames), again.asked_for) == ([1001, 1002, 1003], frozenset())

    def test_batch_folders_with_lower_numbers_only_are_of_another_animation(
        self, pack: ModuleType, output: Path
    ) -> None:
        put_frames(output / "shot/batch_0000", 0, 1, name=NAME)
        put_frames(output / "shot/batch_0001", 0, 1, name=NAME)
        put(output / "shot/f_1002.png", 5)

        assert save(pack, 1, on_existing="skip").asked_for == frozenset()

    def test_the_header_has_the_number_on_disk(self, pack: ModuleType, output: Path) -> None:
        save(pack, 1, filetype="exr")

        header = header_of(output / "shot/f_1002.exr")
        code = header["timeCode"]
        assert header["imageCounter"] == 1002
        assert (code.minutes, code.seconds, code.frame) == (0, 1002 // 24, 1002 % 24)
        assert header["framesPerSecond"] == Fraction(24)

    def test_numbers_end_where_the_widget_ends(self, pack: ModuleType, output: Path) -> None:
        save(pack, 2, first_frame=2**53 - 3)
        with pytest.raises(ValueError, match=r"^Set first_frame to 9007199254740989 or less: .* 9007199254740992"):
            save(pack, 2, first_frame=2**53 - 2)

        assert list(on_disk(output)) == ["shot/f_9007199254740991.png"]

    @pytest.mark.parametrize("first", [-1, 2**53, 1.5, "1001"])
    def test_it_must_be_a_frame_number(self, pack: ModuleType, output: Path, first: Any) -> None:
        with pytest.raises(ValueError, match="first_frame"):
            save(pack, 0, first_frame=first)


class TestResuming:
    def test_starts_at_0_in_an_empty_folder(self, pack: ModuleType, output: Path) -> None:
        assert resume(pack) == 0

    def test_subtracts_it_from_the_number_on_disk(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 1001, 1002, 1003, name=NAME)

        assert resume(pack) == 3
        assert resume(pack, pattern="f_{:04d}.png") == 3

    def test_lower_numbers_do_not_count(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 1, 2, 1000, name=NAME)

        assert resume(pack) == 0

    def test_finds_the_first_gap(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 0, 1001, 1003, name=NAME)

        assert resume(pack, resume_at="first gap") == 1

    def test_a_torn_frame_at_the_end_is_rendered_again(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 1001, 1002, name=NAME)
        tear(output / "shot/f_1002.png")

        assert resume(pack) == 1

    def test_batch_folders_count_the_same_way(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot/batch_0000", 5, 1001, 1002, name=NAME)
        put_frames(output / "shot/batch_0001", 5, 1001, name=NAME)
        put_frames(output / "shot/batch_0002", 5, name=NAME)

        assert resume(pack) == 1

    def test_has_no_effect_in_alphabetic_order(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 1001, 1002, name=NAME)

        assert resume(pack, indexing="alphabetic order") == 2

    def test_a_saver_with_the_same_first_frame_goes_on(self, pack: ModuleType, output: Path) -> None:
        for _ in range(3):
            save(pack, resume(pack))

        assert list(on_disk(output)) == [f"shot/f_{number}.png" for number in (1001, 1002, 1003)]

    def test_the_look_tells_the_numbers_on_disk(self, pack: ModuleType, output: Path) -> None:
        put_frames(output / "shot", 7, 1001, 1002, name=NAME)
        inputs = {"directory_path": "shot", "pattern": "*", "indexing": "numeric", "total_frames": 10}

        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]
        assert node.look(**inputs, first_frame=FIRST).facts == {
            "frame": 2,
            "total": 10,
            "left": 8,
            "existing": 2,
            "existing_ranges": "1001-1002",
        }


def test_the_look_of_the_saver_counts_the_same_way(pack: ModuleType, output: Path) -> None:
    put_frames(output / "shot", 2, 1001, 1003, 1004, name=NAME)
    inputs = {"directory_path": "shot", "prefix": "f", "digits": 4, "filetype": "png", "first_frame": FIRST}
    at_2 = {"current_frame": 2, "total_frames": 3, "frames_per_second": 24}
    node = pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveCounted"]

    facts = node.look(**inputs, frame_counter=at_2).facts

    assert (facts["path"], facts["number"], facts["is_there"]) == ("shot/f_1003.png", 1003, True)
    assert (facts["existing_ranges"], facts["in_the_way"]) == ("1001,1003-1004", 1)
    assert node.look(**inputs).facts["in_the_way"] == 3
