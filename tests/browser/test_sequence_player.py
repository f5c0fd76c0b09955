"""The player as a user sees it: what it requests from the server, what it shows, and what the keys do."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest


class TestRequests:
    def test_a_new_sequence_of_any_length_loads_its_first_frame_and_three_ahead(self, stage, site):
        site.make("short", range(1001, 1121))
        site.make("long", range(20))
        for folder, first, last in (("short", 1001, 1120), ("long", 0, 9_999)):
            stage.show(folder, first, last)
            stage.sees(first)
            stage.rests()
            assert sorted(site.asked()) == [first + i for i in range(4)]

    def test_pictures_are_requested_in_the_size_in_which_they_are_shown(self, stage, site):
        site.make("a", range(1))
        stage.show("a", 0, 0)
        stage.sees(0)
        assert site.requests == [("a", 0, 512)]

    def test_nothing_is_requested_before_the_player_is_visible(self, stage, site):
        site.make("a", range(9))
        stage.run("document.querySelector('#node').style.marginTop = '3000px'")
        stage.show("a", 0, 8)
        stage.rests()
        assert site.asked() == []
        stage.run("scrollTo(0, 3000)")
        stage.sees(0)

    def test_scrubbing_skips_the_frames_in_between(self, stage, site):
        site.make("a", range(120))
        stage.show("a", 0, 119)
        stage.sees(0)
        stage.rests()
        site.asked()
        site.answers.clear()
        box = stage.slider.bounding_box()
        y = box["y"] + box["height"] / 2
        stage.page.mouse.move(box["x"] + 60, y)
        stage.page.mouse.down()
        stage.page.mouse.move(box["x"] + 150, y, steps=20)
        stage.page.mouse.up()
        wanted = int(stage.slider.input_value())
        site.wait_for_requests(1)
        assert len(site.requests) == 1
        site.answers.set()
        stage.sees(wanted)
        assert [frame for frame in site.asked() if frame < wanted][1:] == []

    def test_a_frame_in_memory_is_not_requested_again(self, stage, site):
        site.make("a", range(4))
        stage.show("a", 0, 3)
        stage.view.focus()
        for frame in (1, 2, 3):
            stage.press("ArrowRight")
            stage.sees(frame)
        stage.rests()
        site.asked()
        stage.press("Home")
        stage.sees(0)
        stage.press("End")
        stage.sees(3)
        assert site.asked() == []

    def test_its_memory_is_limited(self, stage, site):
        site.make("a", range(60), size=(256, 256))
        picture = 256 * 256 * 4
        stage.run("make({ memory: a })", 10 * picture)
        stage.show("a", 0, 59)
        stage.view.focus()
        for frame in range(1, 60):
            stage.press("ArrowRight")
            stage.sees(frame)
            assert stage.run("player.cachedBytes") <= 10 * picture
        stage.rests()
        assert stage.run("player.cachedBytes") == 10 * picture
        assert stage.run("player.element.querySelectorAll('*').length") < 80

    def test_the_page_has_as_many_elements_for_ten_thousand_frames(self, stage, site):
        site.make("a", range(5))

        def elements(last, missing):
            stage.show("a", 0, last, missing=missing)
            stage.sees(0)
            return stage.run("document.querySelectorAll('*').length")

        assert elements(99, [50]) == elements(9_999, list(range(10, 9_999, 2)))


class TestNavigation:
    @pytest.fixture(autouse=True)
    def shot(self, stage, site):
        site.make("a", range(1001, 1041))
        stage.show("a", 1001, 1040)
        stage.sees(1001)

    @pytest.mark.parametrize(
        ("keys", "frame"),
        [
            (["ArrowRight"], 1002),
            (["ArrowRight", "ArrowRight", "ArrowLeft"], 1002),
            (["ArrowLeft"], 1001),
            (["Shift+ArrowRight"], 1011),
            (["PageUp", "PageUp", "PageDown"], 1011),
            (["End"], 1040),
            (["End", "ArrowRight"], 1040),
            (["End", "Home"], 1001),
        ],
    )
    @pytest.mark.parametrize("part", ["view", "slider"])
    def test_keys_step_through_the_frames(self, stage, keys, frame, part):
        getattr(stage, part).focus()
        stage.press(*keys)
        stage.sees(frame)

    def test_the_slider_uses_the_frame_numbers_on_disk(self, stage):
        stage.slider.fill("1017")
        stage.sees(1017)
        assert stage.slider.get_attribute("min") == "1001"
        assert stage.slider.get_attribute("max") == "1040"
        assert stage.slider.get_attribute("aria-valuetext") == "Frame 1017, f_1017.png"
        stage.says("1017", "number")
        stage.says("/ 1040", "last")
        stage.says("f_1017.png", "name")

    def test_dragging_across_the_picture_scrubs_through_the_sequence(self, stage):
        box = stage.view.bounding_box()
        stage.page.mouse.move(box["x"] + 10, box["y"] + 50)
        stage.page.mouse.down()
        stage.page.mouse.move(box["x"] + 10 + box["width"] / 2, box["y"] + 60, steps=5)
        stage.sees(1021)
        stage.page.mouse.move(box["x"] + 10, box["y"] + 50, steps=5)
        stage.sees(1001)
        stage.page.mouse.up()
        stage.page.mouse.move(box["x"] + 200, box["y"] + 50, steps=3)
        stage.sees(1001)

    def test_tab_reaches_every_control_and_the_focus_is_visible(self, stage):
        reached = []
        stage.view.focus()
        for _ in range(8):
            reached.append(stage.run("document.activeElement.getAttribute('aria-label')"))
            assert stage.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            stage.press("Tab")
        assert reached == [
            "Frame 1001, f_1001.png",
            "Show at 100 %",
            "Open this frame in a new tab",
            "Copy the path of this frame",
            "Play (space)",
            "Frame",
            "Looping; press for back and forth",
            "Frames per second",
        ]

    def test_only_keys_that_it_does_not_use_reach_the_page(self, stage):
        stage.run("(window.heard = [], addEventListener('keydown', e => heard.push(e.key)))")
        stage.view.focus()
        stage.press("ArrowRight", "Delete", "Backspace", "Control+Enter", "q", "Escape")
        assert stage.run("heard") == ["Control", "Enter", "q", "Escape"]

    def test_keys_move_by_the_step_of_the_sequence(self, stage, site):
        site.make("twos", range(10, 19, 2))
        stage.show("twos", 10, 18, step=2)
        stage.view.focus()
        stage.press("ArrowRight", "ArrowRight")
        stage.sees(14)
        stage.press("End")
        stage.sees(18)
        assert stage.slider.get_attribute("step") == "2"

    def test_one_of_several_sequences_can_be_chosen(self, stage, site):
        site.make("batch_0000", range(1, 4))
        site.make("batch_0001", range(101, 104))
        stage.run(
            "player.show([sequence(a), sequence(b)])",
            {"folder": "batch_0000", "first": 1, "last": 3},
            {"folder": "batch_0001", "first": 101, "last": 103},
        )
        stage.sees(1)
        choice = stage.page.get_by_role("combobox", name="Sequence")
        choice.select_option("batch_0001")
        stage.sees(101)
        stage.show("a", 1001, 1002)
        stage.sees(1001)
        assert choice.is_hidden()


class TestPlaying:
    """The tests control the clock: time passes only when they advance it."""

    @pytest.fixture(autouse=True)
    def clock(self, stage, site):
        site.make("a", range(1, 5))
        stage.page.clock.install(time=0)
        stage.page.clock.pause_at(1)

    def played(self, stage, frames, *, rests=True):
        """The frames shown in the next `frames` periods of 1/10 s."""
        stage.run("watch()")
        for _ in range(frames):
            stage.page.clock.run_for(100)
        if rests:
            stage.rests()
        return stage.run("watch()")

    def start(self, stage, *keys, **facts):
        stage.show("a", 1, 4, fps=10, **facts)
        stage.sees(1)
        stage.rests()
        stage.view.focus()
        stage.press(*keys, " ")

    def test_plays_in_a_loop(self, stage):
        self.start(stage)
        assert self.played(stage, 8)[:7] == [2, 3, 4, 1, 2, 3, 4]

    def test_plays_back_and_forth(self, stage):
        stage.show("a", 1, 4)
        stage.page.get_by_role("button", name="Looping").click()
        self.start(stage)
        assert self.played(stage, 8)[:7] == [2, 3, 4, 3, 2, 1, 2]

    def test_the_previous_picture_stays_for_the_time_of_a_missing_frame(self, stage, site):
        site.remove("a", 3)
        self.start(stage, missing=[3])
        assert self.played(stage, 6)[:5] == [2, 2, 4, 1, 2]

    def test_space_stops_playback(self, stage):
        self.start(stage)
        self.played(stage, 2)
        stage.press(" ")
        assert self.played(stage, 3) == []
        assert stage.page.get_by_role("button", name="Play").is_visible()

    @pytest.mark.parametrize(("fps", "shown"), [(None, "24"), (10, "10"), (23.976, "23.976")])
    def test_plays_at_the_rate_of_the_sequence(self, stage, fps, shown):
        stage.show("a", 1, 4, fps=fps)
        assert stage.page.get_by_label("Frames per second").input_value() == shown

    def test_plays_at_the_rate_of_the_newest_run_unless_the_user_has_set_one(self, stage):
        rate = stage.page.get_by_label("Frames per second")
        stage.show("a", 1, 4, fps=10)
        stage.show("a", 1, 4, fps=12, run="2")
        assert rate.input_value() == "12"
        rate.fill("5")
        rate.press("Enter")
        stage.show("a", 1, 4, fps=30, run="3")
        assert rate.input_value() == "5"
        rate.fill("")
        rate.press("Enter")
        assert rate.input_value() == "30"

    def test_playback_waits_for_a_late_frame_and_does_not_skip_it(self, stage, site):
        site.make("b", range(40))
        stage.show("b", 0, 39, fps=10)
        stage.sees(0)
        stage.rests()
        site.answers.clear()
        stage.view.focus()
        stage.press(" ")
        assert self.played(stage, 12, rests=False) == [1, 2, 3]
        site.answers.set()
        stage.rests()
        assert self.played(stage, 4)[:3] == [4, 5, 6]


class TestAbsentFrames:
    def test_a_missing_frame_is_reported_and_marked_and_not_requested(self, stage, site):
        site.make("a", [1, 2, 4, 5])
        stage.show("a", 1, 5, missing=[3])
        stage.sees(1)
        stage.view.focus()
        stage.press("ArrowRight", "ArrowRight")
        stage.says("Frame 3 is not on disk.")
        stage.says("3", "number")
        stage.rests()
        assert 3 not in site.asked()
        stage.press("ArrowRight")
        stage.sees(4)
        assert stage.page.locator(".seqplayer-note").is_hidden()

    def marks(self, stage):
        """The positions of the marks on the slider, 0..1, at the middle of each."""
        row = stage.run("""(() => {
            const canvas = document.querySelector('.seqplayer-slider canvas');
            const { data } = canvas.getContext('2d').getImageData(0, canvas.height - 2, canvas.width, 1);
            return Array.from({ length: canvas.width }, (_, x) => data[4 * x + 3] > 127);
        })()""")
        starts = [x for x in range(1, len(row)) if row[x] and not row[x - 1]]
        ends = [x for x in range(1, len(row)) if row[x - 1] and not row[x]]
        return [round(((start + end) / 2 - 6) / (len(row) - 12), 2) for start, end in zip(starts, ends)]

    def test_marks_are_at_the_slider_positions_of_their_frames(self, stage, site):
        site.make("a", range(101))
        stage.show("a", 0, 100, missing=[25, 50, 51, 90])
        stage.sees(0)
        assert self.marks(stage) == pytest.approx([0.25, 0.505, 0.9], abs=0.01)

    def test_a_frame_that_was_deleted_is_reported_and_marked(self, stage, site):
        site.make("a", range(9))
        site.remove("a", 4)
        stage.show("a", 0, 8)
        stage.sees(0)
        assert self.marks(stage) == []
        stage.slider.fill("4")
        stage.says("f_0004.png is no longer on disk.")
        stage.says("4", "number")
        assert self.marks(stage) == [0.5]

    def test_a_frame_that_exists_again_is_shown(self, stage, site):
        site.make("a", range(9))
        site.remove("a", 4)
        stage.show("a", 0, 8)
        stage.slider.fill("4")
        stage.says("f_0004.png is no longer on disk.")
        site.make("a", [4])
        stage.press("ArrowLeft")
        stage.sees(3)
        stage.press("ArrowRight")
        stage.sees(4)
        assert self.marks(stage) == []

    def test_a_file_that_is_not_a_picture_is_reported(self, stage, site):
        site.make("a", range(2))
        (site.folder / "a/f_0001.png").write_bytes(b"not a picture")
        stage.show("a", 0, 1)
        stage.sees(0)
        stage.slider.fill("1")
        stage.says("The browser cannot decode this file.")

    def test_a_server_that_does_not_answer_is_reported(self, stage, site):
        site.make("a", range(20))
        stage.show("a", 0, 19)
        stage.sees(0)
        stage.page.context.set_offline(True)
        stage.slider.fill("15")
        stage.says("The server does not answer.")
        stage.page.context.set_offline(False)
        stage.press("ArrowLeft", "ArrowRight")
        stage.sees(15)


class TestUncaughtErrors:
    """An error of the page or the browser is reported to the console, and the player keeps working."""

    def test_from_a_layout_listener(self, stage, site):
        site.make("a", range(20))
        stage.expected = {"no room"}
        stage.run("make({ onLayout() { throw new Error('no room') } })")
        with stage.page.expect_event("pageerror"):
            stage.show("a", 0, 19)
        stage.sees(0)
        stage.slider.fill("15")
        stage.sees(15)
        assert set(stage.complaints) == {"no room"}

    def test_from_a_picture_that_cannot_be_drawn(self, stage, site):
        site.make("a", range(20))
        stage.expected = {"no canvas"}
        stage.run("""(() => {
            const { drawImage } = CanvasRenderingContext2D.prototype;
            CanvasRenderingContext2D.prototype.drawImage = function (...given) {
                CanvasRenderingContext2D.prototype.drawImage = drawImage;
                throw new Error("no canvas");
            };
        })()""")
        with stage.page.expect_event("pageerror"):
            stage.show("a", 0, 19)
        stage.page.wait_for_function("loading === 0 && player.cachedBytes > 0")
        assert stage.complaints == ["no canvas"]
        stage.slider.fill("15")
        stage.sees(15)
        stage.slider.fill("0")
        stage.sees(0)


class TestAnotherRun:
    def test_unchanged_files_are_not_sent_again(self, stage, site):
        site.make("a", range(4))
        stage.show("a", 0, 3)
        stage.sees(0)
        stage.rests()
        assert (sorted(site.asked()), site.unchanged) == ([0, 1, 2, 3], 0)
        stage.show("a", 0, 3, run="2")
        stage.sees(0)
        stage.rests()
        assert (sorted(site.asked()), site.unchanged) == ([0, 1, 2, 3], 4)

    def test_changed_files_are_shown(self, stage, site):
        site.make("a", range(4))
        stage.show("a", 0, 3)
        stage.sees(0)
        stage.rests()
        site.make("a", [0], colour=200)
        stage.show("a", 0, 3, run="2")
        stage.page.wait_for_function("drawn() === 200")

    def test_files_changed_by_another_program_are_shown_when_the_page_is_opened_again(self, stage, site):
        site.make("a", range(4))
        stage.show("a", 0, 3)
        stage.sees(0)
        site.make("a", [0], colour=200)
        stage.page.reload()
        stage.page.wait_for_function("window.ready")
        stage.show("a", 0, 3)
        stage.page.wait_for_function("drawn() === 200")

    def test_the_old_picture_stays_until_the_new_one_is_loaded(self, stage, site):
        site.make("a", range(1, 9))
        site.make("b", range(101, 109))
        stage.show("a", 1, 8)
        stage.sees(1)
        stage.rests()
        site.answers.clear()
        stage.show("b", 101, 108)
        assert stage.run("drawn()") == 1
        stage.says("1", "number")
        site.answers.set()
        stage.sees(101)

    def test_playback_continues_at_the_same_frame(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8, fps=100)
        stage.sees(1)
        stage.view.focus()
        stage.press(" ")
        stage.page.wait_for_function("watched.length > 4")
        stage.run("watch()")
        stage.show("a", 1, 8, fps=100, run="2")
        stage.page.wait_for_function("watched.length > 10")
        seen = stage.run("watch()")
        assert all(after == before % 8 + 1 for before, after in pairwise(seen))

    def test_a_chosen_frame_stays_and_shows_its_new_picture(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8)
        stage.sees(1)
        stage.rests()
        stage.slider.fill("5")
        stage.sees(5)
        stage.rests()
        site.asked()
        stage.show("a", 1, 8, run="2")
        stage.rests()
        assert site.asked()[0] == 5
        stage.sees(5)

    def test_the_new_frame_is_shown_if_the_last_one_was(self, stage, site):
        site.make("a", range(1, 9))
        for last in (1, 2, 3):
            stage.show("a", 1, last, options={"frame": last})
            stage.sees(last)
        stage.view.focus()
        stage.press("Home")
        stage.show("a", 1, 4, options={"frame": 4})
        stage.sees(1)
        stage.press("End")
        stage.show("a", 1, 5, options={"frame": 5})
        stage.sees(5)

    def test_frames_are_shown_as_they_are_saved(self, stage, site):
        site.make("a", range(1001, 1009))
        for frame in (1001, 1004, 1006):
            text = f"frame {frame} (1001-1008)"
            stage.run(
                "player.showProgress(sequence(a), b, c)", {"folder": "a", "first": 1001, "last": frame}, frame, text
            )
            stage.sees(frame)
            stage.says(text, "message")
        assert site.asked() == [1001, 1004, 1006]
        stage.show("a", 1001, 1008, options={"message": "8 frames saved"})
        stage.sees(1001)
        stage.says("8 frames saved", "message")

    def test_progress_does_not_move_away_from_a_chosen_frame(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8)
        stage.slider.fill("5")
        stage.sees(5)
        stage.run(
            "player.showProgress(sequence(a), 2, b)", {"folder": "a", "first": 1, "last": 2, "run": "2"}, "frame 2 of 8"
        )
        stage.says("frame 2 of 8", "message")
        stage.sees(5)


class TestZoomAndTools:
    @pytest.fixture(autouse=True)
    def large(self, stage, site):
        site.make("a", range(3), size=(900, 700))
        stage.show("a", 0, 2)
        stage.sees(0)
        stage.rests()
        site.asked()

    def picture(self, stage):
        return stage.view.locator("canvas").bounding_box()

    def middle(self, box):
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def zoomed(self, stage):
        stage.page.locator(".seqplayer-zoomed").wait_for()

    def test_fit_shows_the_whole_picture_and_100_percent_every_pixel_of_the_file(self, stage, site):
        view, fit = stage.view.bounding_box(), self.picture(stage)
        assert fit["width"] <= view["width"]
        assert fit["height"] <= view["height"]
        assert fit["width"] / fit["height"] == pytest.approx(900 / 700, rel=0.01)
        stage.page.get_by_role("button", name="Show at 100 %").click()
        self.zoomed(stage)
        assert site.requests == [("a", 0, None)]
        assert self.picture(stage)["width"] == pytest.approx(900)
        assert self.middle(self.picture(stage)) == pytest.approx(self.middle(view))
        stage.page.get_by_role("button", name="Fit").click()
        stage.page.wait_for_selector(".seqplayer-view:not(.seqplayer-zoomed)")
        assert self.picture(stage) == fit

    def test_a_double_click_zooms_in_at_the_pointer(self, stage):
        box = self.picture(stage)
        stage.page.mouse.dblclick(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2)
        self.zoomed(stage)
        scale = 900 / box["width"]
        view = self.middle(stage.view.bounding_box())
        assert self.middle(self.picture(stage))[0] == pytest.approx(view[0] - 20 * scale, abs=1)

    def test_dragging_and_shifted_arrows_move_the_picture_to_its_edge(self, stage):
        stage.page.get_by_role("button", name="Show at 100 %").click()
        self.zoomed(stage)
        view, before = stage.view.bounding_box(), self.picture(stage)
        x, y = self.middle(view)
        stage.page.mouse.move(x, y)
        stage.page.mouse.down()
        stage.page.mouse.move(x - 30, y - 20, steps=3)
        stage.page.mouse.up()
        after = self.picture(stage)
        assert (after["x"], after["y"]) == pytest.approx((before["x"] - 30, before["y"] - 20), abs=0.5)
        stage.view.focus()
        stage.press(*["Shift+ArrowLeft"] * 30)
        assert self.picture(stage)["x"] == pytest.approx(view["x"])
        stage.sees(0)

    def test_the_next_frame_is_shown_at_the_same_position(self, stage, site):
        stage.page.get_by_role("button", name="Show at 100 %").click()
        self.zoomed(stage)
        stage.view.focus()
        stage.press("Shift+ArrowRight")
        before = self.picture(stage)
        stage.press("ArrowRight")
        stage.sees(1)
        assert self.picture(stage) == before
        stage.rests()
        assert site.requests == [("a", 0, None), ("a", 1, None)]

    @pytest.fixture
    def paused_clock(self, stage):
        """Time stands still, so temporary messages stay."""
        stage.page.clock.install(time=0)
        stage.page.clock.pause_at(1)

    @pytest.mark.usefixtures("paused_clock")
    def test_copies_the_path(self, stage):
        stage.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        stage.slider.fill("2")
        stage.page.get_by_role("button", name="Copy the path").click()
        stage.says("Path copied.", "message")
        assert stage.run("navigator.clipboard.readText()") == "/renders/a/f_0002.png"

    def test_opens_the_file_in_a_new_tab(self, stage, site):
        stage.slider.fill("2")
        with stage.page.context.expect_page() as opened:
            stage.page.get_by_role("link", name="Open this frame").click()
        opened.value.wait_for_url(f"{site.url}/frames/a/f_0002.png#1")

    @pytest.mark.usefixtures("paused_clock")
    def test_additional_actions_receive_the_frame_and_their_errors_are_shown(self, stage):
        stage.run("""make({ actions: [{ label: "Do", icon: "", run: async (sequence, frame) => {
            if (frame === 2) throw new Error("No workflow in it.");
            return `Did ${sequence.name(frame)}`;
        } }] })""")
        stage.show("a", 0, 2)
        stage.sees(0)
        press = stage.page.get_by_role("button", name="Do")
        press.click()
        stage.says("Did f_0000.png", "message")
        stage.slider.fill("2")
        press.click()
        stage.says("No workflow in it.", "message")


class TestExposure:
    """Scene-linear sequences have a slider for the exposure."""

    @pytest.fixture(autouse=True)
    def linear(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8, linear=True)
        stage.sees(1)
        stage.rests()
        site.asked()
        site.queries.clear()

    @pytest.fixture
    def exposure(self, stage):
        return stage.page.get_by_role("slider", name="Exposure")

    def reads(self, stage, text):
        stage.page.locator(".seqplayer-stops", has_text=re.compile(f"^{re.escape(text)}$")).wait_for()

    def test_is_0_at_first_and_not_requested(self, stage, site, exposure):
        self.reads(stage, "0.0 stops")
        stage.slider.fill("5")
        stage.sees(5)
        stage.rests()
        assert not [query for query in site.queries if "exposure" in query]
        assert (exposure.input_value(), exposure.get_attribute("aria-valuetext")) == ("0", "0.0 stops")

    @pytest.mark.parametrize(
        ("thirds", "text", "query"),
        [(4, "+1.3 stops", "1.333"), (-1, "-0.3 stops", "-0.333"), (18, "+6.0 stops", "6"), (-18, "-6.0 stops", "-6")],
    )
    def test_is_set_in_thirds_of_a_stop_and_shown_at_once(self, stage, site, exposure, thirds, text, query):
        exposure.fill(str(thirds))
        self.reads(stage, text)
        stage.rests()
        assert site.queries[0] == f"size=512&exposure={query}"
        assert site.asked()[0] == 1

    def test_stays_from_frame_to_frame_and_from_run_to_run(self, stage, site, exposure):
        exposure.fill("3")
        stage.slider.fill("4")
        stage.sees(4)
        stage.rests()
        assert {query for query in site.queries if not query.endswith("exposure=1")} == set()
        site.queries.clear()
        stage.show("a", 1, 8, linear=True, run="2")
        stage.rests()
        assert site.queries[0] == "size=512&exposure=1"
        self.reads(stage, "+1.0 stops")

    def test_of_a_frame_in_memory_is_not_requested_again(self, stage, site, exposure):
        for thirds in ("3", "0"):
            exposure.fill(thirds)
            stage.rests()
        site.asked()
        exposure.fill("3")
        stage.rests()
        assert site.asked() == []

    def test_a_double_click_resets_it(self, stage, site, exposure):
        exposure.fill("9")
        exposure.dblclick(position={"x": 20, "y": 10})
        self.reads(stage, "0.0 stops")

    @pytest.mark.parametrize(
        ("keys", "text"),
        [
            (["+"], "+0.3 stops"),
            (["="], "+0.3 stops"),
            (["-", "-"], "-0.7 stops"),
            (["+", "+", "+", "-"], "+0.7 stops"),
            (["+", "0"], "0.0 stops"),
            (["-"] * 20, "-6.0 stops"),
        ],
    )
    @pytest.mark.parametrize("focus", [".seqplayer-view", ".seqplayer-exposure input"], ids=["picture", "slider"])
    def test_keys_change_it(self, stage, focus, keys, text):
        stage.page.locator(focus).focus()
        stage.press(*keys)
        self.reads(stage, text)
        stage.sees(1)

    def test_its_slider_keeps_the_arrow_keys_and_leaves_space_to_the_player(self, stage, exposure):
        exposure.focus()
        stage.press("ArrowRight", "ArrowUp")
        self.reads(stage, "+0.7 stops")
        stage.press("End")
        self.reads(stage, "+6.0 stops")
        stage.sees(1)
        stage.press(" ")
        stage.page.get_by_role("button", name="Pause").wait_for()

    def test_applies_to_the_file_at_100_percent_and_in_a_new_tab(self, stage, site, exposure):
        exposure.fill("-6")
        self.reads(stage, "-2.0 stops")
        stage.rests()
        stage.page.get_by_role("button", name="Show at 100 %").click()
        stage.page.locator(".seqplayer-zoomed").wait_for()
        stage.rests()
        assert site.queries[-1] == "exposure=-2"
        link = stage.page.get_by_role("link", name="Open this frame").get_attribute("href")
        assert link == "/frames/a/f_0001.png?exposure=-2#1"

    def test_is_remembered(self, stage, site, exposure):
        exposure.fill("4")
        state = stage.run("JSON.stringify(player.state)")
        stage.run("make()")
        stage.show("a", 1, 8, linear=True)
        stage.run("player.restore(JSON.parse(a))", state)
        self.reads(stage, "+1.3 stops")
        assert stage.run("JSON.stringify(player.state)") == state

    def test_other_sequences_have_none(self, stage, site, exposure):
        height = stage.run("player.minHeight")
        exposure.fill("4")
        stage.rests()
        site.queries.clear()
        stage.show("a", 1, 8, run="2")
        stage.page.locator(".seqplayer-exposure").wait_for(state="hidden")
        assert stage.run("player.minHeight") < height
        stage.view.focus()
        stage.run("{ window.keys = []; document.body.addEventListener('keydown', ({ key }) => keys.push(key)) }")
        stage.press("+", "0", "-")
        stage.rests()
        assert not [query for query in site.queries if "exposure" in query]
        assert stage.run("keys") == ["+", "0", "-"]

    def test_a_single_frame_has_it(self, stage, site, exposure):
        stage.show("a", 3, 3, linear=True)
        stage.sees(3)
        assert exposure.is_visible()

    def test_the_picture_keeps_its_room_in_a_player_of_the_least_height(self, stage):
        stage.run("document.querySelector('#node').style.height = `${player.minHeight}px`")
        assert stage.view.bounding_box()["height"] > 60


class TestAnotherSequence:
    def test_is_not_named_after_the_old_picture(self, stage, site):
        """The old picture stays until the new one is there; its frame number says nothing about the new sequence."""
        site.make("a", range(3))
        site.make("b", range(1001, 1021))
        stage.show("a", 0, 2)
        stage.sees(0)
        stage.run("{ window.captions = [] }")
        stage.run("""{
            const name = document.querySelector(".seqplayer-name");
            new MutationObserver(() => captions.push(name.textContent)).observe(name, { childList: true });
        }""")
        site.answers.clear()
        stage.show("b", 1001, 1020)
        stage.page.wait_for_function("captions.length")
        site.answers.set()
        stage.sees(1001)
        assert stage.run("captions") == ["f_1001.png"]

    def test_a_frame_that_could_not_be_loaded_is_asked_for_again(self, stage, site):
        site.make("a", [1, 2])
        stage.page.route("**/frames/**", lambda route: route.abort())
        stage.show("a", 1, 2)
        stage.says("The server does not answer.")
        stage.page.unroute("**/frames/**")
        stage.run("player.retry()")
        stage.sees(1)


class TestCompactLayouts:
    def test_one_frame_is_a_picture_without_controls(self, stage, site):
        site.make("a", [7])
        stage.show("a", 7, 7)
        stage.sees(7)
        assert stage.page.locator(".seqplayer-transport").is_hidden()
        assert stage.page.locator(".seqplayer-last").text_content() == ""
        stage.view.focus()
        stage.press(" ", "ArrowRight", "End")
        stage.sees(7)
        assert site.asked() == [7]

    def test_an_empty_player_takes_no_room(self, stage):
        assert stage.run("player.layout") == "empty"
        assert stage.page.locator(".seqplayer > *:visible").count() == 0

    def test_a_message_alone_takes_one_line(self, stage):
        stage.run("player.showMessage(a)", "Past the end: nothing saved.")
        stage.says("Past the end", "message")
        assert stage.run("player.layout") == "text"
        assert stage.view.is_hidden()

    @pytest.mark.parametrize("lines", [1, 2, 5, 7])
    def test_a_message_is_whole_in_the_least_height(self, stage, lines):
        stage.run("player.showMessage(a)", "\n".join(["frame_00000_gjpq"] * lines))
        stage.run("document.querySelector('#node').style.height = `${player.minHeight}px`")
        box = stage.run("""(() => {
            const line = document.querySelector(".seqplayer-message");
            const bottom = player.element.getBoundingClientRect().bottom;
            return [line.clientHeight, line.scrollHeight, bottom - line.getBoundingClientRect().bottom];
        })()""")
        assert box[:2] == [16 * lines, 16 * lines]
        assert box[2] >= 0

    def test_a_message_below_a_picture_is_whole_in_the_least_height(self, stage, site):
        site.make("a", range(3))
        stage.show("a", 0, 2, options={"message": "\n".join(["frame_00000_gjpq"] * 5)})
        stage.sees(0)
        stage.run("document.querySelector('#node').style.height = `${player.minHeight}px`")
        line = stage.page.locator(".seqplayer-message").bounding_box()
        assert line["height"] == 80
        assert line["y"] + line["height"] <= stage.run("player.element.getBoundingClientRect().bottom")
        assert stage.view.bounding_box()["height"] > 50

    def test_an_error_is_an_alert_until_it_is_cleared(self, stage, site):
        site.make("a", range(3))
        stage.show("a", 0, 2)
        stage.run("player.showError(a)", "Frame 3 exists already: /renders/f_0003.png")
        alert = stage.page.get_by_role("alert")
        assert alert.text_content() == "Frame 3 exists already: /renders/f_0003.png"
        assert alert.is_visible()
        stage.sees(0)
        stage.run("document.querySelector('#node').style.height = `${player.minHeight}px`")
        assert stage.view.bounding_box()["height"] > 60
        stage.run("player.showError('')")
        assert alert.is_hidden()

    def test_translations_are_shown_as_text(self, stage, site):
        site.make("a", [1, 2])
        evil = "\"><img src=x onerror='window.evil = 1'> & <b>"
        stage.run("make({ translate: () => a })", evil)
        stage.show("a", 1, 2)
        stage.sees(1)
        assert stage.page.locator(".seqplayer img").count() == 0
        titles = stage.run("[...player.element.querySelectorAll('[title]')].map((part) => part.title)")
        assert titles.count(evil) >= 6
        assert stage.page.locator(".seqplayer-fps span").text_content() == evil

    def test_names_and_messages_are_shown_as_text(self, stage, site):
        site.make("a", [1])
        evil = "<img src=x onerror='window.evil = 1'>"
        stage.run(
            "player.show([{ ...sequence(a), name: () => b, label: b, path: () => b }], { message: b })",
            {"folder": "a", "first": 1, "last": 1},
            evil,
        )
        stage.run("player.showError(a)", evil)
        stage.sees(1)
        assert stage.page.locator(".seqplayer-name").text_content() == evil
        assert stage.page.locator(".seqplayer img").count() == 0


class TestRestoring:
    def test_position_rate_and_mode_are_plain_values(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8)
        stage.slider.fill("5")
        stage.page.get_by_role("button", name="Looping").click()
        state = stage.run("JSON.stringify(player.state)")
        stage.run("make()")
        stage.show("a", 1, 8)
        stage.run("player.restore(JSON.parse(a))", state)
        stage.sees(5)
        assert stage.run("JSON.stringify(player.state)") == state

    def test_after_release_it_can_be_used_again(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8)
        stage.sees(1)
        stage.rests()
        stage.run("(player.element.remove(), player.release())")
        stage.rests()
        assert stage.run("player.cachedBytes") == 0
        site.asked()
        stage.run("document.querySelector('#node').append(player.element)")
        stage.slider.fill("3")
        stage.sees(3)
        assert site.asked()

    def test_release_frees_all_memory_even_while_visible(self, stage, site):
        site.make("a", range(1, 9))
        stage.show("a", 1, 8)
        stage.sees(1)
        # In one call: as soon as the browser reports it as visible, it loads again.
        assert stage.run("(player.release(), player.cachedBytes)") == 0
        stage.sees(1)


@pytest.mark.parametrize("width", [120, 180, 240, 600])
@pytest.mark.parametrize("linear", [False, True])
def test_nothing_overflows_at_any_width(stage, site, width, linear):
    site.make("a", range(1001, 1100))
    stage.run("document.querySelector('#node').style.width = `${a}px`", width)
    stage.show("a", 1001, 1099, linear=linear, options={"message": "99 frames saved: 1001-1099 " * 9})
    stage.sees(1001)
    overflowing = stage.run(
        """[...player.element.querySelectorAll('*')].filter((part) => {
        const box = part.getBoundingClientRect();
        return box.width && (box.right > a + 0.5 || box.left < 0);
    }).map((part) => part.className || part.tagName)""",
        width,
    )
    assert overflowing == []


def test_with_reduced_motion_nothing_moves_by_itself(stage, site):
    stage.page.emulate_media(reduced_motion="reduce")
    site.make("a", [1, 2, 3])
    stage.show("a", 1, 3)
    stage.sees(1)
    moving = """[...player.element.querySelectorAll('*')].filter((e) => ['', '::after'].some((part) => {
        const style = getComputedStyle(e, part || null);
        const isAnimated = style.animationName !== 'none' && style.animationIterationCount === 'infinite';
        return isAnimated || parseFloat(style.transitionDuration) > 0;
    })).length"""
    stage.run("player.element.querySelector('.seqplayer-view').setAttribute('aria-busy', 'true')")
    assert stage.run(moving) == 0
    stage.page.get_by_role("button", name="Play (space)").click()
    stage.page.wait_for_function("drawn() > 1")


class TestTypedFrame:
    @pytest.fixture(autouse=True)
    def sequence(self, site, stage):
        site.make("a", range(1001, 1041))
        stage.show("a", 1001, 1040)
        stage.sees(1001)
        self.field = stage.page.get_by_role("textbox", name="Go to frame")

    def test_enter_goes_there_and_the_arrows_step_on(self, stage):
        self.field.click()
        stage.page.keyboard.type("1017")
        stage.press("Enter")
        stage.sees(1017)
        stage.press("ArrowRight")
        stage.sees(1018)

    def test_leaving_the_field_goes_there_too(self, stage):
        self.field.fill("1005")
        stage.press("Tab")
        stage.sees(1005)

    @pytest.mark.parametrize(("typed", "frame"), [("3", 1001), ("99999", 1040), (" 1007 ", 1007)])
    def test_a_number_outside_goes_to_the_nearest_frame(self, stage, typed, frame):
        self.field.fill(typed)
        stage.press("Enter")
        stage.sees(frame)
        assert self.field.input_value() == str(frame)

    @pytest.mark.parametrize("typed", ["", "abc", "-3", "1e3"])
    def test_what_is_no_number_changes_nothing(self, stage, typed):
        stage.slider.fill("1010")
        stage.sees(1010)
        self.field.fill(typed)
        stage.press("Enter")
        stage.sees(1010)
        assert self.field.input_value() == "1010"

    def test_escape_restores_the_number(self, stage):
        self.field.fill("1017")
        stage.press("Escape")
        stage.press("ArrowRight")
        stage.sees(1002)
        assert self.field.input_value() == "1002"

    def test_the_page_gets_none_of_the_keys(self, stage):
        stage.run("document.addEventListener('keydown', ({ key }) => (window.keys ??= []).push(key))")
        self.field.focus()
        stage.press("Delete", "Backspace", " ", "1", "Enter")
        self.field.focus()
        stage.press("Escape")
        assert stage.run("window.keys ?? []") == []

    def test_the_number_typed_is_not_overwritten_by_new_frames(self, stage):
        self.field.focus()
        stage.page.keyboard.type("10")
        stage.run("player.show([sequence(a)], { frame: 1040 })", {"folder": "a", "first": 1001, "last": 1040})
        stage.sees(1040)
        assert self.field.input_value() == "10"


LONG = "\n".join(f"Line {number} of what to write, which is rather long for a node" for number in range(40))


class TestLongTexts:
    @pytest.fixture(autouse=True)
    def sequence(self, site, stage):
        site.make("a", range(1001, 1004))
        stage.show("a", 1001, 1003)
        stage.sees(1001)

    def box(self, stage, part):
        return stage.page.locator(f".seqplayer-{part}")

    @pytest.mark.parametrize(("show", "part"), [("showError", "error"), ("showMessage", "message")])
    def test_the_wheel_scrolls_it_and_nothing_else(self, stage, show, part):
        stage.run("player[a](b)", show, LONG)
        stage.run("document.addEventListener('wheel', () => (window.wheels = (window.wheels ?? 0) + 1))")
        box = self.box(stage, part)
        box.hover()
        stage.page.mouse.wheel(0, 60)
        stage.page.wait_for_function("part => document.querySelector(`.seqplayer-${part}`).scrollTop > 0", arg=part)
        stage.page.mouse.wheel(0, 9999)
        stage.page.mouse.wheel(0, 60)
        stage.page.wait_for_function(
            "part => ((e) => e.scrollTop + e.clientHeight >= e.scrollHeight - 1)(document.querySelector(`.seqplayer-${part}`))",
            arg=part,
        )
        assert stage.run("window.wheels ?? 0") == 0

    @pytest.mark.parametrize("show", ["showError", "showMessage"])
    def test_over_a_short_one_the_wheel_is_the_pages(self, stage, show):
        stage.run("player[a]('Short')", show)
        stage.run("document.addEventListener('wheel', () => (window.wheels = (window.wheels ?? 0) + 1))")
        self.box(stage, show.removeprefix("show").lower()).hover()
        stage.page.mouse.wheel(0, 60)
        stage.page.wait_for_function("window.wheels === 1")

    def test_the_player_asks_for_room_for_it_and_gives_the_room_back(self, stage):
        before = stage.run("player.minHeight")
        stage.run("player.showError('Short')")
        stage.page.wait_for_function("before => player.minHeight > before", arg=before)
        short = stage.run("player.minHeight")
        stage.run("player.showError(a)", LONG)
        stage.page.wait_for_function("short => player.minHeight >= short + 150", arg=short)
        stage.run("player.showError('')")
        assert stage.run("player.minHeight") == before

    def test_the_lines_of_an_error_are_kept(self, stage):
        stage.run("player.showError('First\\nSecond')")
        assert self.box(stage, "error").inner_text() == "First\nSecond"

    def test_a_long_message_wraps(self, stage):
        stage.run("player.showMessage(a)", "a_long_name_" * 20)
        box = self.box(stage, "message")
        assert box.evaluate("e => e.scrollWidth <= e.clientWidth && e.clientHeight > 30")

    @pytest.mark.parametrize("part", ["error", "message"])
    def test_its_text_can_be_selected_and_copied_and_the_page_copies_nothing_else(self, stage, part):
        stage.run("player[a](b)", f"show{part.title()}", "What to do")
        stage.run("document.addEventListener('copy', () => (window.copies = (window.copies ?? 0) + 1))")
        stage.run("document.addEventListener('copy', () => (window.copied = String(getSelection())), true)")
        self.box(stage, part).evaluate("e => { e.tabIndex = 0; e.focus() }")
        stage.press("Control+a", "Control+c")
        stage.page.wait_for_function("window.copied === 'What to do'")
        assert stage.run("window.copies ?? 0") == 0

    def test_a_button_copies_the_error(self, stage):
        stage.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        stage.run("player.showError('First\\nSecond')")
        stage.page.get_by_role("button", name="Copy this text").click()
        stage.page.get_by_role("button", name="Copied").wait_for()
        assert stage.run("navigator.clipboard.readText()") == "First\nSecond"
        stage.run("player.showError('Another')")
        stage.page.get_by_role("button", name="Copy this text").wait_for()

    def test_where_the_browser_forbids_copying_the_text_is_selected(self, stage):
        stage.run("{ navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden')) }")
        stage.run("player.showError('What to do')")
        stage.page.get_by_role("button", name="Copy this text").click()
        stage.page.get_by_role("button", name="Press Ctrl+C").wait_for()
        assert stage.run("String(getSelection())") == "What to do"
