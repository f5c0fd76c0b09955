"""Frame numbers as people write them: ranges, and the noun before them."""

from __future__ import annotations

import fileseq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.naming.frame_range import absent, amount, as_ranges, in_short, named, numbers_in, ranges, runs_of


class TestRanges:
    @pytest.mark.parametrize(
        ("frames", "text"),
        [
            pytest.param([1001, 1002, 1003, 1008], "1001-1003,1008", id="a run and one alone"),
            pytest.param([3, 1, 2, 2], "1-3", id="unordered, with repeats"),
            pytest.param([5], "5", id="one"),
            pytest.param([1, 2], "1-2", id="two"),
            pytest.param([1, 3, 5], "1,3,5", id="every other"),
            pytest.param([], "", id="none"),
        ],
    )
    def test_frame_numbers_are_written_as_people_write_them(self, frames: list[int], text: str) -> None:
        assert ranges(frames) == text

    @given(st.lists(st.integers(0, 60) | st.integers(0, 10**12), min_size=1))
    def test_fileseq_reads_them_back(self, frames: list[int]) -> None:
        assert set(fileseq.FrameSet(ranges(frames))) == set(frames)

    @given(st.sets(st.integers(0, 60)))
    def test_no_two_of_the_ranges_could_be_one(self, frames: set[int]) -> None:
        starts = [n for n in range(62) if n in frames and n - 1 not in frames]  # slow and obvious
        ends = [n for n in range(62) if n in frames and n + 1 not in frames]
        expected = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))

        assert ranges(frames) == expected


def test_a_message_names_at_most_twenty_ranges() -> None:
    assert in_short(range(1, 41, 2)) == ranges(range(1, 41, 2))
    assert in_short([*range(1, 41, 2), *range(100, 10_080)]) == f"{ranges(range(1, 41, 2))} and 9,980 more"


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        pytest.param([7], "frame 7", id="one frame"),
        pytest.param([7, 8], "frames 7-8", id="one range is several frames"),
        pytest.param([1001, 1003], "frames 1001,1003", id="two frames"),
    ],
)
def test_the_noun_is_singular_for_one_frame_only(frames: list[int], text: str) -> None:
    assert named(frames) == text


class TestAbsent:
    @given(st.sets(st.integers(10, 60)))
    def test_names_every_number_that_is_not_there_once(self, frames: set[int]) -> None:
        runs = absent(sorted(frames), 10, 60)

        assert list(numbers_in(runs)) == [n for n in range(10, 61) if n not in frames]
        assert amount(runs) == 51 - len(frames)
        assert runs == runs_of(numbers_in(runs)), "in as few runs as possible"

    def test_gaps_of_2_to_the_53_take_no_time(self) -> None:
        runs = absent([0, 2**53], 0, 2**54)

        assert as_ranges(runs) == f"1-{2**53 - 1},{2**53 + 1}-{2**54}"
        assert amount(runs) == 2**54 - 1

    def test_all_are_absent_if_none_is_there(self) -> None:
        assert absent([], 7, 7) == [(7, 7)]
        assert absent([7], 7, 7) == []
