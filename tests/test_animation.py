"""The values on the wires: FrameCounter, AnimationSequence and LogEntry, which work with the Dream pack's nodes too."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import pytest

from io_utils.animation import AnimationSequence, FrameCounter, LogEntry, saves, total_frames, whole_frame
from io_utils.errors import EndOfAnimationError
from io_utils.policies import AtEnd


def foreign_counter(frame: float, total: int = 100, fps: float = 25.0) -> Any:
    """A frame counter of another pack, with the three attributes that all counters have."""
    return SimpleNamespace(current_frame=frame, total_frames=total, frames_per_second=fps)


class TestFrameCounter:
    @pytest.mark.parametrize(
        ("frame", "total", "first", "final", "after"),
        [
            pytest.param(0, 100, True, False, False, id="first"),
            pytest.param(98, 100, False, False, False, id="last but one"),
            pytest.param(99, 100, False, True, False, id="last"),
            pytest.param(100, 100, False, False, True, id="one past the last"),
            pytest.param(104, 100, False, False, True, id="further past the last"),
            pytest.param(0, 1, True, True, False, id="the only frame"),
            pytest.param(99.5, 100, False, False, False, id="between the last and the end"),
        ],
    )
    def test_knows_its_position(self, frame: float, total: int, first: bool, final: bool, after: bool) -> None:
        counter = FrameCounter(frame, total, 25)

        assert (counter.is_first_frame, counter.is_final_frame, counter.is_after_last_frame) == (first, final, after)

    @pytest.mark.parametrize(
        ("frame", "total", "progress"),
        [(0, 5, 0.0), (2, 5, 0.5), (4, 5, 1.0), (5, 5, 1.0), (8, 5, 1.0), (0, 1, 0.0), (1, 1, 1.0), (-1, 5, 0.0)],
    )
    def test_progress_is_1_from_the_final_frame_on(self, frame: int, total: int, progress: float) -> None:
        assert FrameCounter(frame, total, 25).progress == progress

    def test_gives_times_in_seconds(self) -> None:
        counter = FrameCounter(50, 100, 25)

        assert counter.current_time_in_seconds == 2.0
        assert counter.total_time_in_seconds == 4.0
        assert counter.remaining_time_in_seconds == 2.0

    @pytest.mark.parametrize("amount", [1, -3, 0, 0.5])
    def test_counting_returns_a_new_counter(self, amount: float) -> None:
        counter = FrameCounter(7, 100, 25)

        assert counter.incremented(amount) == FrameCounter(7 + amount, 100, 25)
        assert counter == FrameCounter(7, 100, 25)

    def test_is_a_value(self) -> None:
        counter = FrameCounter(7, 100, 25)

        assert len({counter, FrameCounter(7, 100, 25)}) == 1
        with pytest.raises(FrozenInstanceError):
            counter.current_frame = 8  # type: ignore[misc]

    @pytest.mark.parametrize(
        "name",
        [
            "incremented",
            "is_first_frame",
            "is_final_frame",
            "is_after_last_frame",
            "current_time_in_seconds",
            "total_time_in_seconds",
            "remaining_time_in_seconds",
            "progress",
            "current_frame",
            "total_frames",
            "frames_per_second",
        ],
    )
    def test_has_the_attributes_that_the_dream_pack_s_nodes_use(self, name: str) -> None:
        assert hasattr(FrameCounter(7, 100, 25), name)


class TestWholeFrame:
    @pytest.mark.parametrize(
        "counter", [FrameCounter(7, 100, 25), foreign_counter(7), foreign_counter(7.0)], ids=["ours", "int", "float"]
    )
    def test_accepts_any_frame_counter(self, counter: Any) -> None:
        frame = whole_frame(counter)

        assert (frame, type(frame)) == (7, int)

    def test_may_be_0(self) -> None:
        assert whole_frame(foreign_counter(0)) == 0

    def test_between_two_frames_is_an_error_with_a_remedy(self) -> None:
        """0.1 s at 25 frames per second is two and a half frames: the earlier pack wrote frame_005.5.png."""
        with pytest.raises(ValueError, match=r"multiple of 1/25 s.*5\.5.*between two frames"):
            whole_frame(foreign_counter(5.5))

    def test_below_0_is_an_error_that_says_where_frames_start(self) -> None:
        with pytest.raises(ValueError, match=r"-1.*start at 0"):
            whole_frame(FrameCounter(-1, 100, 25))

    @pytest.mark.parametrize("frame", [math.nan, math.inf, -math.inf])
    def test_that_is_not_finite_is_an_error(self, frame: float) -> None:
        with pytest.raises(ValueError, match=r"frame counter.* is at"):
            whole_frame(foreign_counter(frame))

    @pytest.mark.parametrize("total", [math.nan, math.inf])
    def test_of_a_total_that_is_not_finite_is_an_error_that_names_the_input(self, total: float) -> None:
        counter = SimpleNamespace(current_frame=0, total_frames=total, frames_per_second=25)
        with pytest.raises(ValueError, match=rf"^Set total_frames .* counts to {total}, "):
            total_frames(counter)


class TestAtEnd:
    def test_labels_and_their_order_are_the_earlier_pack_s(self) -> None:
        assert [policy.value for policy in AtEnd] == ["stop output", "raise error", "keep going"]

    @pytest.mark.parametrize("policy", list(AtEnd))
    @pytest.mark.parametrize("frame", [0, 3, 4], ids=["first", "last but one", "last"])
    def test_every_policy_saves_up_to_the_last_frame(self, policy: AtEnd, frame: int) -> None:
        assert saves(FrameCounter(frame, 5, 25), policy)
        assert saves(foreign_counter(frame, 5), policy)

    @pytest.mark.parametrize(("policy", "is_saved"), [(AtEnd.STOP, False), (AtEnd.KEEP, True)])
    @pytest.mark.parametrize("frame", [5, 9], ids=["one past", "five past"])
    def test_past_the_end_one_policy_stops_and_one_keeps_going(self, policy: AtEnd, is_saved: bool, frame: int) -> None:
        assert saves(FrameCounter(frame, 5, 25), policy) is is_saved

    @pytest.mark.parametrize("frame", [5, 9], ids=["one past", "five past"])
    def test_past_the_end_one_raises_an_error_with_frame_total_and_the_other_policies(self, frame: int) -> None:
        with pytest.raises(EndOfAnimationError) as caught:
            saves(foreign_counter(frame, 5), AtEnd.RAISE)

        assert (caught.value.frame, caught.value.total_frames) == (frame, 5)
        for word in (f"Frame {frame} ", "5 frames", "0 to 4", "total_frames", "'stop output'", "'keep going'"):
            assert word in str(caught.value)

    @pytest.mark.parametrize("policy", list(AtEnd))
    def test_no_policy_saves_between_two_frames(self, policy: AtEnd) -> None:
        with pytest.raises(ValueError, match="between two frames"):
            saves(foreign_counter(5.5, 5), policy)


class TestAnimationSequence:
    def test_before_the_final_frame_is_undefined_and_empty(self) -> None:
        sequence = AnimationSequence(FrameCounter(3, 5, 24))

        assert not sequence.is_defined
        assert (sequence.keys_in_order, sequence.num_batches, list(sequence.batches)) == ([], 0, [])
        assert sequence.fps == 24.0

    def test_at_the_final_frame_lists_its_files_in_numeric_order(self) -> None:
        sequence = AnimationSequence(foreign_counter(10, 11, 24), {10: ["f_10.png"], 9: ["f_9.png"], 2: ["f_2.png"]})

        assert sequence.is_defined
        assert sequence.keys_in_order == [2, 9, 10]
        assert list(sequence.get_image_files_of_batch(0)) == ["f_2.png", "f_9.png", "f_10.png"]

    def test_has_as_many_batches_as_every_frame_has_files(self) -> None:
        sequence = AnimationSequence(foreign_counter(1), {0: ["a0", "b0"], 1: ["a1", "b1", "c1"]})

        assert (sequence.num_batches, list(sequence.batches)) == (2, [0, 1])
        assert [list(sequence.get_image_files_of_batch(n)) for n in sequence.batches] == [["a0", "a1"], ["b0", "b1"]]

    @pytest.mark.parametrize(
        "name",
        [
            "frames",
            "fps",
            "frame_counter",
            "keys_in_order",
            "num_batches",
            "batches",
            "get_image_files_of_batch",
            "is_defined",
        ],
    )
    @pytest.mark.parametrize("frames", [{}, {0: ["f_0.png"]}], ids=["undefined", "defined"])
    def test_has_the_attributes_that_the_dream_pack_s_nodes_use(self, frames: dict[int, list[str]], name: str) -> None:
        assert hasattr(AnimationSequence(foreign_counter(0), frames), name)


class TestLogEntry:
    def test_is_readable_as_text(self) -> None:
        log = LogEntry.new("Saved frame 1").add("All 2 frames are on disk.")

        assert str(log) == "Saved frame 1\nAll 2 frames are on disk."
        assert str(LogEntry()) == ""

    def test_adding_returns_a_new_entry(self) -> None:
        log = LogEntry.new("one")
        log.add("two")

        assert str(log) == "one"

    def test_merges_with_an_entry_of_another_pack(self) -> None:
        other = SimpleNamespace(_data=[(1.0, "theirs")])
        log = LogEntry([(2.0, "ours")])

        assert str(log.merge(other)) == "ours\ntheirs"
        assert (str(log), other._data) == ("ours", [(1.0, "theirs")])

    def test_holds_pairs_of_time_and_text_like_the_dream_pack_s(self) -> None:
        ((time, text),) = LogEntry.new("one")._data

        assert (type(time), text) == (float, "one")

    def test_gives_the_lines_after_a_time_in_chronological_order(self) -> None:
        log = LogEntry([(3.0, "c"), (1.0, "a"), (2.0, "b")])

        assert list(log.get_filtered_entries(1.0)) == [(2.0, "b"), (3.0, "c")]
        assert list(log.get_filtered_entries(0.0)) == [(1.0, "a"), (2.0, "b"), (3.0, "c")]
        assert list(log.get_filtered_entries(3.0)) == []

    @pytest.mark.parametrize("name", ["add", "merge", "get_filtered_entries", "_data"])
    def test_has_the_attributes_that_the_dream_pack_s_nodes_use(self, name: str) -> None:
        assert hasattr(LogEntry(), name)


class TestACounterOfAnotherPack:
    @pytest.mark.parametrize(
        "rate", [None, "x", "24", float("nan"), float("inf"), 0, -5, True, 10**400], ids=lambda rate: repr(rate)[:9]
    )
    @pytest.mark.parametrize("at_end", list(AtEnd))
    def test_without_a_usable_rate_is_refused_before_anything_is_rendered(self, at_end: AtEnd, rate: object) -> None:
        foreign = SimpleNamespace(current_frame=0, total_frames=3, frames_per_second=rate)

        with pytest.raises(ValueError, match="frames_per_second"):
            saves(foreign, at_end)

    def test_without_a_rate_is_refused_with_the_name_of_the_attribute(self) -> None:
        with pytest.raises(ValueError, match=r"frame_counter.*frames_per_second is missing"):
            saves(SimpleNamespace(current_frame=0, total_frames=3), AtEnd.STOP)

    @pytest.mark.parametrize("name", ["current_frame", "total_frames"])
    def test_with_a_number_beyond_all_floats_is_refused(self, name: str) -> None:
        values = {"current_frame": 0, "total_frames": 3, "frames_per_second": 24, name: 10**400}

        with pytest.raises(ValueError, match=name):
            saves(SimpleNamespace(**values), AtEnd.STOP)
