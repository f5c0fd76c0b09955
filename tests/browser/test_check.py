"""The report of Check Image Sequence in its node: as text, and as marks on the frames concerned."""

from __future__ import annotations

import json
import re

import pytest

from devtools import locales
from io_utils.checking.report import Kind

from .test_image_sequence import report

CHECK = "ImageSequenceCheck"


def problem(kind, frames, message="", *, is_fault=True, words=()):
    return {"kind": kind, "is_fault": is_fault, "frames": frames, "message": message or kind, "words": list(words)}


def checked(*problems, first=1001, last=1040, missing=(), message="2 problems.\nRender 1005.", **facts):
    """The output of a check, as io_utils/comfyui/report.py makes it."""
    found = {"is_good": not problems, "checked": last - first + 1, "missing": "", "problems": list(problems)}
    return report(first, last=last, missing=list(missing), message=message, check=found, **facts)


MISSING = problem("missing", "1005,1010-1012", "Frames 1005,1010-1012 are missing.")
SAME = problem("same", "1020-1021", "Frames 1020-1021 have the same pixels.", is_fault=False)
STRAY = problem("stray", "", "f_0001 (1).png looks like a frame.", is_fault=False)
GONE = [1005, 1010, 1011, 1012]


@pytest.fixture
def node(desk, site):
    """Opens the editor with one check, node 7."""
    site.make("a", [number for number in range(1001, 1041) if number not in GONE])

    def open_in(language="en", kind=CHECK):
        stage = desk(language)
        stage.run("{ window.node = app.add(a, 7); app.render(node) }", kind)
        return stage

    return open_in


def run(stage, output, prompt="1"):
    stage.run("api.tell('execution_start', { prompt_id: a })", prompt)
    stage.run("node.onExecuted(a)", output)


def marks(stage):
    """The marked ranges as the keys find them: (frame, what the row says)."""
    found: list[tuple[int, str]] = []
    stage.view.focus()
    while True:
        stage.press("n")
        number = stage.slider.input_value()
        if found and int(number) <= found[-1][0]:
            return found
        stage.page.locator(".seqplayer-number", has_text=re.compile(f"^{number}$")).wait_for()
        found.append((int(number), stage.page.locator(".seqplayer-mark").text_content()))


def slider(stage):
    return [int(stage.slider.get_attribute(end)) for end in ("min", "max")]


class TestTheReport:
    def test_is_shown_line_by_line(self, node):
        stage = node()
        run(stage, checked(MISSING))
        stage.says("2 problems.", "message")
        assert stage.page.locator(".seqplayer-message").inner_text() == "2 problems.\nRender 1005."

    def test_marks_its_frames(self, node):
        stage = node()
        run(stage, checked(MISSING, SAME, STRAY, missing=GONE))
        stage.says("4 faulty frames2 with remarks", "mark")
        assert marks(stage) == [(1005, "not on disk"), (1010, "not on disk"), (1020, "same pixels as a neighbour")]

    def test_of_stray_files_marks_nothing(self, node):
        stage = node()
        run(stage, checked(STRAY))
        stage.says("2 problems.", "message")
        assert stage.page.locator(".seqplayer-marks").is_hidden()

    def test_of_a_kind_that_is_new_is_shown_by_its_message(self, node):
        stage = node()
        run(stage, checked(problem("haunted", "1003", "Frame 1003 is haunted.")))
        stage.slider.fill("1003")
        stage.says("Frame 1003 is haunted.", "mark")

    @pytest.mark.parametrize("kind", [kind.value for kind in Kind if kind is not Kind.STRAY])
    def test_has_a_few_words_for_every_kind_of_problem(self, node, kind):
        stage = node()
        run(stage, checked(problem(kind, "1001", "A text that is longer than a few words.")))
        stage.says("1001", "number")
        assert re.fullmatch(r"[\w ]{5,30}", stage.page.locator(".seqplayer-mark").text_content())
        assert "A text that is" in stage.page.locator(".seqplayer-mark").get_attribute("title")

    def test_leaves_its_marks_when_the_run_stops_with_an_error(self, node):
        stage = node()
        (shown,) = checked(MISSING, SAME, missing=GONE)["image_sequence"]
        stage.run("api.tell('execution_start', { prompt_id: '1' })")
        stage.run("api.tell('image_sequence.progress', { node: 7, sequence: a, text: '' })", json.loads(shown))
        stage.run(
            "api.tell('execution_error', { node_id: 7, exception_message: 'Render frames 1005,1010-1012 again.' })"
        )
        stage.says("Render frames 1005,1010-1012 again.", "error")
        stage.says("4 faulty frames", "mark")
        stage.says("1001", "number")

    def test_is_replaced_by_that_of_the_next_run(self, node):
        stage = node()
        run(stage, checked(MISSING, missing=GONE))
        stage.says("4 faulty frames", "mark")
        run(stage, checked(message="Good."), "2")
        stage.says("Good.", "message")
        assert stage.page.locator(".seqplayer-marks").is_hidden()

    def test_is_restored_when_the_page_is_loaded_again(self, node):
        stage = node()
        run(stage, checked(SAME))
        stage.slider.fill("1020")
        stage.says("same pixels as a neighbour", "mark")
        stage = node()
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.render(node) })", CHECK)
        stage.says("1020", "number")
        stage.says("same pixels as a neighbour", "mark")
        stage.says("Render 1005.", "message")

    @pytest.mark.parametrize("language", ["de", "ja"])
    def test_is_in_the_users_language(self, node, language):
        words = locales.load_words(language)
        stage = node(language, "ImageSequenceSaveFrame")  # what a node of any class is told
        copied = [["Path copied.", {}]]
        run(stage, checked(problem("haunted", "1001", "English", words=copied), words=copied, message="English"))
        stage.says(words["Path copied."], "message")
        stage.slider.fill("1001")
        stage.says(words["Path copied."], "mark")


class TestMissingFrames:
    def test_at_the_ends_are_on_the_slider_and_the_first_file_is_shown(self, node):
        stage = node()
        ends = [998, 999, 1000, 1041]
        run(stage, checked(problem("missing", "998-1000,1041"), missing=ends))
        stage.says("1001", "number")
        assert slider(stage) == [998, 1041]
        assert marks(stage)[-1] == (1041, "not on disk")
        stage.slider.fill("1041")
        stage.says("Frame 1041 is not on disk.")

    def test_are_all_marked_though_the_report_names_only_the_first(self, node):
        stage = node()
        run(stage, checked(problem("missing", "1005"), missing=GONE))
        stage.says("4 faulty frames", "mark")

    def test_beyond_those_that_are_named_leave_the_slider_as_it_is(self, node):
        stage = node()
        run(stage, checked(problem("missing", "1041-9007199254740991"), missing=[1041, 1042]))
        stage.says("2 faulty frames", "mark")
        assert slider(stage) == [1001, 1042]

    def test_without_any_file_only_the_report_is_left(self, node):
        stage = node()
        run(stage, checked(SAME))
        stage.says("2 with remarks", "mark")
        nothing = {
            "image_sequence": [json.dumps({"fps": None, "message": "All are missing.", "check": {"problems": []}})]
        }
        run(stage, nothing, "2")
        stage.says("All are missing.", "message")
        stage.page.locator(".seqplayer[data-layout=text]").wait_for()
