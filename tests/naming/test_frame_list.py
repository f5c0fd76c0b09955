"""Frame lists: text such as 1001-1100x2,1150, read as fileseq reads it."""

from __future__ import annotations

import fileseq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.errors import FrameListError
from io_utils.naming.frame_list import frame_list
from io_utils.naming.frame_range import ranges

from ..disk import work_guard

MOST = 1000

numbers = st.integers(0, 150)
parts = st.builds(str, numbers) | st.builds(
    lambda first, last, steps: f"{first}-{last}{steps}",
    numbers,
    numbers,
    st.just("") | st.builds("{}{}".format, st.sampled_from("xy:"), st.integers(1, 200)),
)


class TestReading:
    @pytest.mark.parametrize(
        ("text", "frames"),
        [
            pytest.param("1001", [1001], id="one frame"),
            pytest.param("1001-1004", [1001, 1002, 1003, 1004], id="a range"),
            pytest.param("1001-1007x3,1150,1200-1201", [1001, 1004, 1007, 1150, 1200, 1201], id="steps"),
            pytest.param("1-6x4", [1, 5], id="steps that miss the end"),
            pytest.param("1-6y2", [2, 4, 6], id="what steps leave out"),
            pytest.param("1-10:3", [1, 4, 7, 10, 3, 5, 9, 2, 6, 8], id="staggered"),
            pytest.param("5-1", [5, 4, 3, 2, 1], id="backwards"),
            pytest.param("5-1x2", [5, 3, 1], id="backwards in steps"),
            pytest.param("3,1,2,1-4", [3, 1, 2, 4], id="each frame once, in the order written"),
            pytest.param(" 1 - 3 ,\n7", [1, 2, 3, 7], id="spaces"),
            pytest.param("1,,2,", [1, 2], id="empty parts"),
            pytest.param("0007-0009", [7, 8, 9], id="padded"),
        ],
    )
    def test_gives_the_frames_in_order_as_fileseq_does(self, text: str, frames: list[int]) -> None:
        assert list(frame_list(text, MOST)) == frames
        assert list(fileseq.FrameSet(text)) == frames

    @given(st.lists(parts, min_size=1, max_size=6).map(",".join))
    def test_agrees_with_fileseq(self, text: str) -> None:
        expected = list(fileseq.FrameSet(text))

        if expected:
            assert list(frame_list(text, MOST)) == expected
        else:
            with pytest.raises(FrameListError, match="names no frame"):
                frame_list(text, MOST)

    @given(st.lists(st.integers(0, 60) | st.integers(0, 2**53), min_size=1))
    def test_is_the_inverse_of_writing(self, frames: list[int]) -> None:
        assert frame_list(ranges(frames), MOST) == tuple(sorted(set(frames)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "part", "reason"),
        [
            pytest.param("1-", "1-", "is not a frame or a range", id="no end"),
            pytest.param("1001-1010x", "1001-1010x", "is not a frame or a range", id="no step"),
            pytest.param("1,5x2", "5x2", "is not a frame or a range", id="steps without a range"),
            pytest.param("1-3;5", "1-3;5", "is not a frame or a range", id="another separator"),
            pytest.param("1-5x-1", "1-5x-1", "is not a frame or a range", id="a negative step"),
            pytest.param("f_####.png", "f_####.png", "is not a frame or a range", id="a pattern"),
            pytest.param("\u0661-\u0663", "\u0661-\u0663", "is not a frame or a range", id="digits of another script"),
            pytest.param("1.5", "1.5", "is not a frame or a range", id="a fraction"),
            pytest.param("-5", "-5", "has a negative number", id="a negative frame"),
            pytest.param("1,-5--1", "-5--1", "has a negative number", id="a negative range"),
            pytest.param("1-5x0", "1-5x0", "has steps of 0", id="steps of 0"),
            pytest.param(",", ",", "names no frame", id="only a comma"),
            pytest.param("1-5y1", "1-5y1", "names no frame", id="nothing left"),
        ],
    )
    def test_names_the_part_and_shows_what_to_write(self, text: str, part: str, reason: str) -> None:
        with pytest.raises(FrameListError, match=r"^Write the frames as in 1001-1100x2,1150,1200-1210") as caught:
            frame_list(text, MOST)
        assert (caught.value.part, reason in caught.value.reason) == (part, True)

    @pytest.mark.parametrize(
        "text",
        [
            "0-99999999999999999",
            f"0-{'9' * 32}",
            "0-1000",
            "1000-0",
            "0-2000x2,1",
            f"0-{'9' * 32}y3",
            f"0-{'9' * 32}:3",
            "0-500,0-500",
            "0-999," * 100_000,
        ],
    )
    def test_of_too_many_frames_costs_neither_time_nor_memory(self, text: str) -> None:
        with work_guard(200_000), pytest.raises(FrameListError, match="beyond the 1000 frames"):
            frame_list(text, MOST)

    def test_of_a_number_of_thousands_of_digits(self) -> None:
        with pytest.raises(FrameListError, match="is not a frame"):
            frame_list("9" * 5000, MOST)
