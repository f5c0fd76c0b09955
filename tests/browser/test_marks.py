"""Frames that the player marks: on the slider, in words below it and at the pointer, and as stops of keys and buttons."""

from __future__ import annotations

import re

import numpy as np
import pytest

colour = pytest.importorskip("colour", exc_type=ImportError)

CSS_COLOURS = {"fault": (0xE8, 0x59, 0x0C), "remark": (0x3B, 0x8F, 0xE0)}
# Of ComfyUI's nodes and fields in its dark and its light theme.
BACKGROUNDS = {"dark node": 0x35, "dark field": 0x22, "light node": 0xF3, "light field": 0xFF}


def mark(*spans, label, is_fault=True, text=""):
    return {"spans": [list(span) for span in spans], "isFault": is_fault, "label": label, "text": text or label}


MISSING = mark((1005, 1005), (1010, 1012), label="not on disk", text="Render 1005,1010-1012: they are not on disk.")
TORN = mark((1020, 1020), label="incomplete file")
SAME = mark(
    (1020, 1021), (1030, 1040), label="same pixels as before", is_fault=False, text="Frames 1020-1021 are the same."
)


@pytest.fixture
def shot(stage, site):
    """Frames 1001 to 1040 with these marks."""
    site.make("a", range(1001, 1041))

    def show(marks=(MISSING, TORN, SAME), first=1001, last=1040, **facts):
        stage.show("a", first, last, marks=list(marks), **facts)
        return stage

    return show


def lane(stage, where):
    """The (first, last) positions on the slider, 0..1, of the marks above or below its track, and their colours."""
    row = stage.run(
        """(() => {
            const canvas = player.element.querySelector(".seqplayer-slider canvas");
            const { data } = canvas.getContext("2d").getImageData(0, a === "above" ? 1 : canvas.height - 2, canvas.width, 1);
            return Array.from({ length: canvas.width }, (_, x) => [...data.slice(4 * x, 4 * x + 4)]);
        })()""",
        where,
    )
    drawn = [pixel[3] > 127 for pixel in row]
    edges = [x for x in range(len(row)) if drawn[x] != (drawn[x - 1] if x else False)]
    if drawn[-1]:
        edges.append(len(row))
    position = [(x - 6) / (len(row) - 12) for x in edges]
    return list(zip(position[::2], position[1::2], strict=True)), {tuple(pixel[:3]) for pixel in row if pixel[3] == 255}


def says(stage, text):
    stage.page.locator(".seqplayer-mark", has_text=re.compile(f"^{re.escape(text)}$")).wait_for()


class TestTheSlider:
    def test_has_faults_below_its_track_and_remarks_above_in_another_colour(self, shot):
        stage = shot()
        stage.sees(1001)
        faults, fault_colours = lane(stage, "below")
        remarks, remark_colours = lane(stage, "above")
        at = [(number - 1001) / 39 for number in (1005, 1011, 1020)]
        assert [(first + last) / 2 for first, last in faults] == pytest.approx(at, abs=0.01)
        assert [(first + last) / 2 for first, last in remarks] == pytest.approx([19.5 / 39, 34 / 39], abs=0.01)
        assert (fault_colours, remark_colours) == ({CSS_COLOURS["fault"]}, {CSS_COLOURS["remark"]})

    def test_does_not_leave_its_ends_for_frames_beyond_them(self, shot):
        stage = shot([mark((1, 990), (995, 1003), (1039, 2_000_000), label="not on disk")])
        stage.sees(1001)
        assert lane(stage, "below")[0] == [pytest.approx(ends, abs=0.03) for ends in ((0, 2.5 / 39), (37.5 / 39, 1))]
        assert [stage.slider.get_attribute(name) for name in ("min", "max")] == ["1001", "1040"]

    def test_marks_missing_frames_as_faults_too(self, shot):
        stage = shot([], missing=[1011])
        stage.sees(1001)
        assert lane(stage, "below")[1] == {CSS_COLOURS["fault"]}
        assert lane(stage, "above")[0] == []

    def test_is_as_it_was_after_a_run_without_marks(self, shot):
        stage = shot()
        stage.sees(1001)
        shot([], run="2")
        stage.page.locator(".seqplayer-marks").wait_for(state="hidden")
        assert lane(stage, "below")[0] == lane(stage, "above")[0] == []


class TestColours:
    """For readers with each kind of colour vision, on both themes."""

    def linear(self, name):
        return colour.cctf_decoding(np.array(CSS_COLOURS[name]) / 255, function="sRGB")

    @pytest.mark.parametrize("name", CSS_COLOURS)
    @pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS)
    def test_of_marks_have_the_contrast_that_wcag_asks_of_graphics(self, name, background):
        """https://www.w3.org/TR/WCAG22/#non-text-contrast"""
        weights = np.array([0.2126, 0.7152, 0.0722])
        grey = colour.cctf_decoding(np.full(3, background / 255), function="sRGB")
        darker, lighter = sorted(float(weights @ light) for light in (self.linear(name), grey))
        assert (lighter + 0.05) / (darker + 0.05) >= 3

    @pytest.mark.filterwarnings("ignore:.*approximation")  # of tritanomaly, which is all that there is
    @pytest.mark.parametrize("deficiency", [None, "Protanomaly", "Deuteranomaly", "Tritanomaly"], ids=str)
    def test_of_faults_and_remarks_are_far_apart(self, deficiency):
        """CIEDE2000; 2.3 can just be noticed. The vision is that of Machado, Oliveira and Fernandes, 2009."""
        seen = np.eye(3) if deficiency is None else colour.matrix_cvd_Machado2009(deficiency, 1.0)
        lab = [
            colour.XYZ_to_Lab(colour.RGB_to_XYZ(np.clip(seen @ self.linear(name), 0, 1), "sRGB"))
            for name in CSS_COLOURS
        ]
        assert colour.delta_E(*lab, method="CIE 2000") > 40


class TestTheShownFrame:
    def test_is_described_in_words(self, shot):
        stage = shot()
        for frame, text in ((1005, "not on disk"), (1011, "not on disk"), (1031, "same pixels as before")):
            stage.slider.fill(str(frame))
            says(stage, text)
            assert stage.slider.get_attribute("aria-valuetext") == f"Frame {frame}, f_{frame}.png, {text}"

    def test_may_have_several_marks_and_names_its_faults_first(self, shot):
        stage = shot([SAME, TORN])
        stage.slider.fill("1020")
        parts = stage.page.locator(".seqplayer-mark span")
        says(stage, "incomplete filesame pixels as before")
        assert parts.all_text_contents() == ["incomplete file", "same pixels as before"]
        assert parts.evaluate_all("all => all.map((part) => part.className)") == ["seqplayer-fault", "seqplayer-remark"]
        assert (
            stage.page.locator(".seqplayer-mark").get_attribute("title")
            == "incomplete file\nFrames 1020-1021 are the same."
        )

    def test_without_a_mark_there_is_a_legend_with_counts(self, shot):
        stage = shot()
        says(stage, "5 faulty frames13 with remarks")
        shot([TORN], run="2")
        says(stage, "1 faulty frame")

    def test_labels_are_text(self, shot):
        stage = shot([mark((1001, 1001), label="<b>bold</b>")])
        says(stage, "<b>bold</b>")

    def test_a_single_frame_has_its_words_too(self, shot):
        stage = shot([TORN], 1020, 1020)
        stage.sees(1020)
        says(stage, "incomplete file")

    def test_a_sequence_without_marks_has_no_such_row(self, shot):
        stage = shot()
        says(stage, "5 faulty frames13 with remarks")
        height = stage.run("player.minHeight")
        shot([], run="2")
        stage.page.locator(".seqplayer-marks").wait_for(state="hidden")
        assert stage.run("player.minHeight") < height


class TestSteps:
    @pytest.mark.parametrize(
        ("keys", "frame"),
        [
            ("n", 1005),
            ("nn", 1010),
            ("nnn", 1020),
            ("nnnn", 1030),
            ("nnnnn", 1005),
            ("N", 1005),
            ("p", 1030),
            ("nnnp", 1010),
            ("nnp", 1005),
        ],
    )
    def test_n_and_p_go_from_one_marked_range_to_the_next(self, shot, keys, frame):
        stage = shot()
        stage.sees(1001)
        stage.view.focus()
        stage.press(*keys)
        stage.says(str(frame), "number")

    def test_p_goes_to_the_beginning_of_the_range_first(self, shot):
        stage = shot()
        stage.slider.fill("1012")
        stage.view.focus()
        stage.press("p")
        stage.says("1010", "number")

    def test_buttons_do_the_same(self, shot):
        stage = shot()
        stage.sees(1001)
        stage.page.get_by_role("button", name="Next fault or remark (N)").click()
        stage.says("1005", "number")
        stage.page.get_by_role("button", name="Previous fault or remark (P)").click()
        stage.says("1030", "number")

    def test_without_marks_the_keys_are_the_pages(self, shot):
        stage = shot([])
        stage.sees(1001)
        stage.run("{ window.heard = []; addEventListener('keydown', ({ key }) => heard.push(key)) }")
        stage.view.focus()
        stage.press("n", "p", "Control+n")
        assert stage.run("heard") == ["n", "p", "Control", "n"]

    def test_a_step_stops_playing(self, shot):
        stage = shot()
        stage.view.focus()
        stage.press(" ", "n")
        stage.page.get_by_role("button", name="Play (space)").wait_for()


class TestThePointer:
    @pytest.fixture
    def point(self, stage):
        """Moves the pointer over the slider to this frame of 1001 to 1040, `offset` pixels beside it."""

        def move(frame, offset=0, first=1001, last=1040):
            box = stage.slider.bounding_box()
            x = box["x"] + 6 + (frame - first) / (last - first) * (box["width"] - 12) + offset
            stage.page.mouse.move(x, box["y"] + box["height"] / 2)

        return move

    def hint(self, stage):
        return stage.page.locator(".seqplayer-hint")

    def test_over_a_mark_says_what_is_wrong_with_which_frames(self, shot, point):
        stage = shot()
        stage.sees(1001)
        point(1011)
        assert self.hint(stage).inner_text() == "1010-1012: not on disk"
        point(1020)
        assert self.hint(stage).inner_text() == "1020: incomplete file\n1020-1021: same pixels as before"
        point(1016)
        assert self.hint(stage).is_hidden()

    def test_leaves_no_hint_behind(self, shot, point):
        stage = shot()
        stage.sees(1001)
        point(1011)
        self.hint(stage).wait_for()
        stage.page.mouse.move(5, 5)
        self.hint(stage).wait_for(state="hidden")

    def test_need_not_hit_a_thin_mark_exactly(self, shot, point, site):
        stage = shot([mark((50_000, 50_000), label="not on disk")], 0, 100_000)
        stage.says("0", "number")
        for offset in (-2, 2):
            point(50_000, offset, 0, 100_000)
            assert self.hint(stage).inner_text() == "50000: not on disk"

    def test_sees_a_few_of_many_ranges(self, shot, point):
        stage = shot([mark(*((n, n) for n in range(1001, 9999, 2)), label="not on disk")], 1001, 9999)
        stage.says("1001", "number")
        point(5000, 0, 1001, 9999)
        assert re.fullmatch(r"\d{4}(,\d{4}){0,2}(,…)?: not on disk", self.hint(stage).inner_text())

    @pytest.mark.parametrize("frame", [1001, 1040])
    @pytest.mark.parametrize("width", [120, 240, 600])
    def test_at_the_ends_the_hint_stays_in_the_player(self, shot, point, frame, width):
        stage = shot(
            [mark((1001, 1001), (1040, 1040), label="a label of more than a few words, as translations may be")]
        )
        stage.run("document.querySelector('#node').style.width = `${a}px`", width)
        stage.sees(1001)
        point(frame)
        box = self.hint(stage).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1


class TestTenThousandFrames:
    """With every other frame marked."""

    EVERY_OTHER = mark(*((n, n) for n in range(1, 10_000, 2)), label="not on disk")

    def test_cost_no_more_elements_than_ten(self, shot):
        stage = shot([mark((1001, 1001), label="not on disk")])
        says(stage, "not on disk")
        few = stage.run("document.querySelectorAll('*').length")
        shot([self.EVERY_OTHER], 0, 9_999, run="2")
        stage.slider.fill("1001")
        says(stage, "not on disk")
        assert stage.run("document.querySelectorAll('*').length") == few

    def test_are_drawn_once_with_a_rectangle_per_pixel_and_not_again_for_every_frame(self, shot, site):
        site.make("a", range(50))
        stage = shot([])
        stage.sees(1001)
        stage.run("""{
            const { fillRect } = CanvasRenderingContext2D.prototype;
            window.rectangles = 0;
            CanvasRenderingContext2D.prototype.fillRect = function (...given) {
                rectangles++;
                return fillRect.apply(this, given);
            };
        }""")
        shot([self.EVERY_OTHER], 0, 9_999, run="2")
        stage.sees(0)
        most = stage.run("player.element.querySelector('.seqplayer-slider canvas').width")
        assert 0 < stage.run("rectangles") <= 4 * most  # again when the row has changed the layout
        stage.run("{ rectangles = 0 }")
        stage.view.focus()
        for _ in range(20):
            stage.press("n")
        stage.sees(39)
        assert stage.run("rectangles") == 0


@pytest.mark.parametrize("width", [120, 180, 240, 600])
def test_nothing_overflows_at_any_width(shot, width):
    stage = shot([mark((1001, 1001), label="a label of more than a few words, as translations may be", text="x")])
    stage.run("document.querySelector('#node').style.width = `${a}px`", width)
    stage.sees(1001)
    overflowing = stage.run(
        """[...player.element.querySelectorAll('*')].filter((part) => {
        const box = part.getBoundingClientRect();
        return box.width && !part.closest('.seqplayer-mark *') && (box.right > a + 0.5 || box.left < 0);
    }).map((part) => part.className || part.tagName)""",
        width,
    )
    assert overflowing == []
