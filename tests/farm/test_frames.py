"""--frames: the frames that openjd-model's IntRangeExpr has, and what the client adds to its grammar."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comfyui_frames import RefusedError, frame_ranges, parse_frames

model = pytest.importorskip("openjd.model", reason="needs openjd-model: see tests/requirements.txt")

LARGEST = 1_000_000
LARGEST_FRAME = 10**18  # the client ends before Python's len() of a range does

blanks = st.text(" \t", max_size=2)
numbers = st.one_of(
    st.integers(-30, 30), st.integers(-(10**12), 10**12), st.integers(-(10**40), 10**40), st.just(0)
).flatmap(lambda number: st.tuples(st.just(number), blanks, st.integers(0, 3)))


def written(number: tuple[int, str, int]) -> str:
    value, blank, zeros = number
    return ("-" + blank if value < 0 else "") + "0" * zeros + str(abs(value))


@st.composite
def elements(draw: st.DrawFn) -> str:
    """A frame, a range or a range with a step, good or bad."""
    tokens = [written(draw(numbers))]
    if draw(st.booleans()):
        tokens += ["-", written(draw(numbers))]
        if draw(st.booleans()):
            tokens += [":", written(draw(numbers))]
    return draw(blanks) + "".join(token + draw(blanks) for token in tokens)


expressions = st.lists(elements(), min_size=1, max_size=4).map(",".join)
near_misses = st.text("0123456789-:, \tx+_.;e\n\u0663\u00b2\u2212\u00a0", max_size=14)


def openjd(text: str) -> list[int] | None:
    """The frames of an expression according to openjd-model. None: it refuses it, or there are too many to list."""
    try:
        expression = model.IntRangeExpr.from_str(text)
        return list(expression) if len(expression) <= LARGEST else None
    except (ValueError, OverflowError):
        return None


def ours(text: str) -> list[int] | None:
    try:
        return parse_frames(text)
    except RefusedError:
        return None


class TestLikeOpenJobDescription:
    @given(expressions | near_misses)
    @example("1-10")
    @example("1-10:2")
    @example("10-1:-1")
    @example("10-1:-3,20")
    @example("-5--1")
    @example("-1--5:-2")
    @example("- 5 - - 1 : 2")
    @example("0-0")
    @example("-0")
    @example("007")
    @example("1-2:9223372036854775808")
    @example("99999999999999999999-99999999999999999999")
    @example("")
    @example(" ")
    @example(",")
    @example("1,")
    @example("1-")
    @example("1-2:")
    @example("1-2:0")
    @example("5-1")
    @example("1 2")
    @example("1--")
    @example("1_0")
    @example("+1")
    @example("\u0663")
    @example("1\n")
    def test_what_it_accepts_gives_the_same_frames(self, text: str) -> None:
        theirs = openjd(text)
        if theirs is not None and max(map(abs, theirs)) < LARGEST_FRAME:
            assert ours(text) == theirs

    @given(expressions | near_misses)
    @example("5-1")
    @example("1-2:0")
    @example("1-5:-1")
    @example("")
    @example("1 2")
    @example("\u00b2")
    def test_what_it_refuses_is_refused_too_except_for_overlaps_and_x(self, text: str) -> None:
        frames = ours(text)
        if frames is None or openjd(text) is not None:
            return
        assert "x" in text or "," in text
        # Each range on its own, with a colon for the x, is one that it knows.
        parts = [openjd(part.replace("x", ":")) for part in text.split(",")]
        assert all(part is not None for part in parts)
        assert frames == sorted({frame for part in parts for frame in part or ()})

    @pytest.mark.parametrize("chunk", ["1-4", "9,10,20,25", "30-40:5", "1,2"])
    def test_the_chunks_that_openjd_hands_to_a_task_are_read(self, chunk: str) -> None:
        assert parse_frames(chunk) == list(model.IntRangeExpr.from_str(chunk))


class TestBeyondIt:
    @pytest.mark.parametrize(
        ("text", "frames"),
        [
            pytest.param("1-10x2", [1, 3, 5, 7, 9], id="OpenCue writes the step with x"),
            pytest.param("10-1x-3", [10, 7, 4, 1], id="x backwards"),
            pytest.param("1-3,2-4", [1, 2, 3, 4], id="ranges that overlap: each frame once"),
            pytest.param("1-10:2,2-10:2", list(range(1, 11)), id="ranges that interleave"),
            pytest.param("5,5,5", [5], id="the same frame three times"),
            pytest.param(
                "20-25,9,10", [9, 10, 20, 21, 22, 23, 24, 25], id="ranges ascend, in whatever order they are given"
            ),
        ],
    )
    def test_each_frame_comes_once(self, text: str, frames: list[int]) -> None:
        assert parse_frames(text) == frames


class TestLimits:
    def test_a_million_frames_are_accepted(self) -> None:
        assert len(parse_frames(f"1-{LARGEST}")) == LARGEST

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(f"0-{LARGEST}", id="one too many"),
            pytest.param(f"1-{LARGEST // 2},{LARGEST}-{LARGEST * 3 // 2}", id="one too many in two ranges"),
            pytest.param("0-99999999999999999999999999", id="far too many"),
            pytest.param("-9223372036854775808-9223372036854775807", id="all 64-bit numbers"),
        ],
    )
    def test_more_are_refused_before_they_are_counted_out(self, text: str) -> None:
        with pytest.raises(RefusedError, match=r"(?i)fewer|1,000,000|smaller"):
            parse_frames(text)

    @pytest.mark.parametrize(
        "text", ["9" * 19, f"-{'9' * 19}", "9" * 5000, f"1-{'9' * 5000}:{'9' * 5000}", "9" * 42 + "-" + "9" * 42]
    )
    def test_a_number_of_more_than_18_digits_is_refused_and_never_cut(self, text: str) -> None:
        """Of a text of more than 4300 digits, int() makes a ValueError."""
        with pytest.raises(RefusedError, match="smaller"):
            parse_frames(text)

    def test_zeros_in_front_do_not_count_as_digits(self) -> None:
        zeros = "0" * 5000
        assert parse_frames(f"{zeros}7-{zeros}9:{zeros}2") == [7, 9]

    @pytest.mark.parametrize("step", ["9" * 41, "1" + "0" * 45])
    def test_a_huge_step_takes_the_first_frame_only(self, step: str) -> None:
        assert parse_frames(f"1-10:{step}") == [1]

    def test_a_long_text_is_read_in_a_moment(self) -> None:
        """Blanks must not make the pattern backtrack: 100,000 of them would take hours if it did."""
        blanks = " " * 100_000
        assert parse_frames(f"1{blanks}-{blanks}3{blanks}") == [1, 2, 3]
        for broken in (f"1{blanks}-{blanks}3{blanks}!", f"1{blanks}!", f"-{blanks}!", "1-" * 50_000):
            with pytest.raises(RefusedError):
                parse_frames(broken)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "remedy"),
        [
            pytest.param("10-1", "1-10", id="a descending range without a step"),
            pytest.param("1-10:-2", "1-10:2", id="an ascending range with a negative step"),
            pytest.param("1-10:0", "1-10:1", id="a step of 0"),
            pytest.param("all", "1001-1010", id="no frames at all"),
            pytest.param("1..10", "1001-1010", id="another program's notation"),
            pytest.param("1-#", "1001-1010", id="a token that the farm did not fill in"),
        ],
    )
    def test_say_what_to_write_instead(self, text: str, remedy: str) -> None:
        with pytest.raises(RefusedError) as refusal:
            parse_frames(text)

        assert remedy in str(refusal.value)
        assert text in str(refusal.value)


class TestRangesForMessages:
    @given(st.sets(st.integers(-50, 50), min_size=1))
    def test_are_read_back_as_the_same_frames(self, frames: set[int]) -> None:
        assert parse_frames(frame_ranges(sorted(frames))) == sorted(frames)
        assert openjd(frame_ranges(sorted(frames))) == sorted(frames)
