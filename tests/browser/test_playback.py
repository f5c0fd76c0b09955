"""The order and the times of frames during playback, without pictures and without a clock."""

from __future__ import annotations

import pytest


@pytest.fixture
def playback(stage):
    """Opens a sequence that has been playing at 10 frames per second from its first frame since time 0."""

    def open_sequence(first, last, step=1, mode="loop"):
        stage.run(
            """(async () => {
            const { Playback } = await import("/web/js/player/playback.js");
            window.playback = new Playback();
            playback.setSequence({ key: "a", fps: 10, ...a });
            playback.restore({ frame: a.first, mode: b });
            playback.jumpTo(a.first);
            playback.play(0);
        })()""",
            {"first": first, "last": last, "step": step},
            mode,
        )
        return stage

    return open_sequence


def played(stage, times, ready=True):
    """The frame shown at each of these times, in milliseconds."""
    return stage.run("a.map((now) => (playback.advance(now, () => b), playback.frame))", list(times), ready)


def every_period(count):
    return range(100, 100 * (count + 1), 100)


class TestOrder:
    def test_a_loop_starts_again_after_the_last_frame(self, playback):
        assert played(playback(1, 3), every_period(4)) == [2, 3, 1, 2]

    def test_back_and_forth_shows_each_end_once(self, playback):
        assert played(playback(1, 3, mode="ping-pong"), every_period(5)) == [2, 3, 2, 1, 2]

    @pytest.mark.parametrize(("mode", "frames"), [("loop", [4, 7, 1, 4]), ("ping-pong", [4, 7, 4, 1])])
    def test_the_last_frame_is_one_that_whole_steps_reach(self, playback, mode, frames):
        assert played(playback(1, 9, step=3, mode=mode), every_period(4)) == frames

    def test_two_frames_alternate_in_both_modes(self, playback):
        assert played(playback(1, 2), every_period(3)) == [2, 1, 2]
        assert played(playback(1, 2, mode="ping-pong"), every_period(3)) == [2, 1, 2]

    def test_one_frame_does_not_play(self, playback):
        stage = playback(5, 5)
        assert stage.run("playback.isPlaying") is False
        assert played(stage, every_period(2)) == [5, 5]

    def test_the_upcoming_frames_are_at_most_one_round(self, playback):
        assert playback(1, 4).run("playback.upcoming(8)") == [2, 3, 4]
        assert playback(1, 4, mode="ping-pong").run("playback.upcoming(8)") == [2, 3, 4]

    def test_the_upcoming_frames_turn_back_at_the_end(self, playback):
        stage = playback(1, 4, mode="ping-pong")
        stage.run("playback.goTo(3)")
        assert stage.run("playback.upcoming(8)") == [4, 3, 2]


class TestTime:
    def test_a_frame_is_not_shown_before_its_time(self, playback):
        assert played(playback(1, 9), [50, 99, 100, 150, 199, 200]) == [1, 1, 2, 2, 2, 3]

    def test_a_small_delay_is_made_up_for(self, playback):
        """A screen that draws every 16.7 ms still keeps 10 frames per second."""
        assert played(playback(1, 9), [116, 200, 316, 400]) == [2, 3, 4, 5]

    def test_after_a_late_frame_the_next_ones_do_not_hurry(self, playback):
        assert played(playback(1, 9), [750, 800, 849, 850]) == [2, 2, 2, 3]

    def test_playback_waits_for_a_frame_that_is_not_ready(self, playback):
        stage = playback(1, 9)
        assert played(stage, [100, 200, 300], ready=False) == [1, 1, 1]
        assert played(stage, [310, 409, 410]) == [2, 2, 3]
