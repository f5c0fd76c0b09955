"""Choosing frames in the dialog, and what that changes in the nodes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

BATCH, FRAME, RESUME = "ImageSequenceLoadBatch", "ImageSequenceLoadFrame", "ImageSequenceFrameCounterFromDirectory"
ROOTS = [
    {"type": "output", "folder": "/comfy/output"},
    {"type": "input", "folder": "/comfy/input"},
    {"type": "temp", "folder": "/comfy/temp"},
    {"type": "", "folder": "/mnt/renders"},
]


def sequence(pattern: str, first: int, last: int, path: str = "", **facts: Any) -> dict[str, Any]:
    """As the browse route reports it."""
    count = last - first + 1
    defaults = {"first": first, "last": last, "count": count, "ranges": f"{first}-{last}", "missing": []}
    return {"pattern": pattern, "path_pattern": f"{path}{pattern}", **defaults, **facts}


class Folders:
    """Stands in for the browse route. Keys are "type:subfolder", or ":folder" for the operator's folders."""

    def __init__(self, page: Any) -> None:
        self.content: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
            "output:": (["a", "b"], []),
            "input:": (["plates"], [sequence("f_{:04d}.png", 1, 12)]),
            "input:plates": (
                ["old"],
                [
                    sequence("bg_{:04d}.exr", 1001, 1010, "plates/", count=9, ranges="1001-1004,1006-1010"),
                    sequence("fg_{:04d}.exr", 5, 6, "plates/"),
                ],
            ),
            "input:plates/old": ([], []),
            "temp:": ([], []),
            ":/mnt/renders": (["shot"], []),
            ":/mnt/renders/shot": ([], [sequence("r.{:04d}.exr", 1, 3, "/mnt/renders/shot/")]),
        }
        self.refusals: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.is_complete = True
        page.route("**/api/image_sequence/browse?*", self._answer)
        page.route("**/api/image_sequence/preview?*", lambda route: route.fulfill(status=404, body=""))

    def _answer(self, route: Any) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        kind = query.get("type", "")
        path = query.get("subfolder" if kind else "folder", "")
        key = f"{kind}:{path}"
        self.asked.append(key)
        if key in self.refusals or key not in self.content:
            status, why = self.refusals.get(key, (404, f"{path!r} is not there."))
            route.fulfill(status=status, content_type="text/plain; charset=utf-8", body=why)
            return
        folders, sequences = self.content[key]
        where = {"type": kind, "subfolder": path if kind else "", "folder": f"/comfy/{kind}/{path}" if kind else path}
        listing = {"roots": ROOTS, "folders": folders, "sequences": sequences, "is_complete": self.is_complete}
        route.fulfill(content_type="application/json", body=json.dumps(where | listing))


WIDGETS: dict[str, dict[str, Any]] = {
    BATCH: {"path_pattern": "", "start_index": 0, "frame_count": 16, "folder": "input"},
    FRAME: {"directory_path": "", "pattern": "*", "frame_number": 0, "folder": "input"},
    RESUME: {"directory_path": "", "pattern": "*"},
}


class Desk:
    """One node in the editor, and the dialog that its button opens."""

    def __init__(self, stage: Any, kind: str, **widgets: Any) -> None:
        self.stage, self.page = stage, stage.page
        self.folders = Folders(stage.page)
        stage.run("app.widgets = a", WIDGETS[kind] | widgets)
        stage.run("{ window.node = app.add(a, 7); window.called = [] }", kind)
        stage.run("""{
            for (const widget of node.widgets.filter(({ type }) => type !== "button")) {
                const { callback } = widget;
                widget.callback = (value) => (called.push([widget.name, value]), callback?.(value));
            }
        }""")
        self.dialog = self.page.locator("dialog.seqpicker[open]")
        self.field = self.page.get_by_role("combobox")

    def open(self) -> None:
        self.stage.run("node.widgets.find(({ name }) => name === 'choose_frames').callback()")
        self.field.wait_for()

    def at(self, path: str) -> None:
        """Wait until the dialog shows this folder."""
        self.page.locator(".seqpicker-path", has_text=path).wait_for()
        self.page.wait_for_function(
            "path => document.querySelector('.seqpicker-path').textContent === path"
            " && !document.querySelector('.seqpicker-list').ariaBusy",
            arg=path,
        )

    def press(self, *keys: str) -> None:
        self.stage.press(*keys)

    def can_type(self) -> None:
        """Wait until the filter has the focus."""
        self.page.locator(".seqpicker-filter:focus").wait_for()

    @property
    def selected(self) -> str:
        """The name of the entry that the field points at."""
        text: str = self.stage.run("""(() => {
            const field = document.querySelector(".seqpicker-filter");
            const row = document.getElementById(field.getAttribute("aria-activedescendant"));
            return row?.getAttribute("aria-selected") === "true" ? row.firstChild.textContent : "";
        })()""")
        return text

    @property
    def names(self) -> list[str]:
        names: list[str] = self.page.locator(".seqpicker-name").all_text_contents()
        return names

    @property
    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = self.stage.run(
            "Object.fromEntries(node.widgets.map(({ name, value }) => [name, value]))"
        )
        return values

    @property
    def is_open(self) -> bool:
        return bool(self.dialog.count())


@pytest.fixture
def node(desk):
    def open_node(kind: str = BATCH, **widgets: Any) -> Desk:
        return Desk(desk(), kind, **widgets)

    return open_node


class TestTheKeyboard:
    def test_goes_to_a_sequence_and_chooses_it(self, node):
        desk = node()
        desk.open()
        desk.at("input")
        assert desk.selected == "plates"
        desk.press("Enter")
        desk.at("input/plates")
        assert desk.names == ["old", "bg_####.exr", "fg_####.exr"]
        desk.press("ArrowDown")
        assert desk.selected == "bg_####.exr"
        desk.press("Enter")
        assert not desk.is_open
        assert desk.values["path_pattern"] == "plates/bg_####.exr"

    def test_goes_up_and_selects_the_folder_that_it_comes_from(self, node):
        desk = node(path_pattern="plates/old/f_####.png")
        desk.open()
        desk.at("input/plates/old")
        desk.press("Backspace")
        desk.at("input/plates")
        desk.press("End")
        assert desk.selected == "fg_####.exr"
        desk.press("Home", "ArrowUp")
        assert desk.selected == "old"
        desk.press("ArrowLeft")
        desk.at("input")
        assert desk.selected == "plates"
        desk.press("ArrowLeft")
        assert desk.names == ["plates", "f_####.png"]
        desk.press("ArrowRight")
        desk.at("input/plates")

    def test_narrows_the_list_by_typing(self, node):
        desk = node(path_pattern="plates/f_####.png")
        desk.open()
        desk.at("input/plates")
        desk.page.keyboard.type("FG")
        assert desk.names == ["fg_####.exr"]
        assert desk.selected == "fg_####.exr"
        desk.press("Backspace", "Backspace")
        assert len(desk.names) == 3
        desk.page.keyboard.type("nothing")
        desk.page.get_by_text("Nothing here matches the filter.").wait_for()
        desk.press("Enter")
        assert desk.is_open

    def test_stays_with_the_filter_after_every_click(self, node):
        desk = node(path_pattern="plates/old/f_####.png")
        desk.open()
        desk.at("input/plates/old")
        up = desk.page.get_by_role("button", name="Up one folder")
        for place in ("input/plates", "input"):
            up.click()
            desk.at(place)
            desk.can_type()
        up.click(force=True)  # disabled
        desk.can_type()
        for part in (".seqpicker-path", ".seqpicker-list", ".seqpicker-preview"):
            desk.page.locator(part).click()
            desk.can_type()
        desk.page.get_by_role("button", name="Open folder").click()
        desk.at("input/plates")
        desk.page.keyboard.type("fg")
        assert desk.names == ["fg_####.exr"]

    def test_closes_with_escape_and_gives_the_focus_back(self, node):
        desk = node()
        desk.stage.run("document.body.append(Object.assign(document.createElement('textarea'), { id: 'before' }))")
        desk.page.locator("#before").focus()
        desk.open()
        desk.at("input")
        desk.press("Escape")
        desk.dialog.wait_for(state="detached")
        assert desk.stage.run("document.activeElement.id") == "before"
        assert desk.stage.run("called") == []

    def test_reaches_the_editor_with_no_key(self, node):
        desk = node()
        desk.stage.run("{ window.keys = []; addEventListener('keydown', ({ key }) => keys.push(key)) }")
        desk.open()
        desk.at("input")
        desk.press("Delete", "Backspace", "Control+z", "q", "ArrowDown", "Escape")
        assert desk.stage.run("keys") == []


class TestTheMouse:
    def test_selects_with_one_click_and_opens_with_two(self, node):
        desk = node()
        desk.open()
        desk.at("input")
        desk.page.get_by_role("option", name="plates").dblclick()
        desk.at("input/plates")
        desk.page.get_by_role("option", name="fg_####.exr").click()
        assert desk.selected == "fg_####.exr"
        assert desk.is_open
        desk.page.get_by_role("button", name="Choose", exact=True).click()
        assert desk.values["path_pattern"] == "plates/fg_####.exr"

    def test_goes_to_the_operator_s_folders_and_up_to_their_root_only(self, node):
        desk = node()
        desk.open()
        desk.at("input")
        desk.page.get_by_role("button", name="/mnt/renders").click()
        desk.at("/mnt/renders")
        up = desk.page.get_by_role("button", name="Up one folder")
        assert up.is_disabled()
        desk.page.get_by_role("option", name="shot").dblclick()
        desk.at("/mnt/renders/shot")
        up.click()
        desk.at("/mnt/renders")
        assert desk.selected == "shot"

    def test_cancels_by_the_button_and_beside_the_dialog(self, node):
        desk = node()
        for cancel in (
            lambda: desk.page.get_by_role("button", name="Cancel").click(),
            lambda: desk.page.mouse.click(2, 2),
        ):
            desk.open()
            desk.at("input")
            cancel()
            desk.dialog.wait_for(state="detached")
        assert desk.stage.run("called") == []


class TestWhatIsShown:
    def test_a_sequence_says_how_many_frames_which_and_how_many_are_missing(self, node):
        desk = node(path_pattern="plates/f_####.png")
        desk.open()
        desk.at("input/plates")
        row = desk.page.get_by_role("option", name="bg_####.exr")
        assert row.inner_text().split("\n") == ["bg_####.exr", "9 frames: 1001-1004,1006-1010", "1 missing"]
        complete = desk.page.get_by_role("option", name="fg_####.exr")
        assert "missing" not in complete.inner_text()
        assert row.get_attribute("aria-setsize") == "3"

    def test_the_selected_sequence_shows_its_first_frame(self, node):
        desk = node(path_pattern="plates/f_####.png")
        desk.open()
        desk.at("input/plates")
        with desk.page.expect_request("**/preview?*") as asked:
            desk.press("End")
        query = parse_qs(urlsplit(asked.value.url).query)
        assert query == {"type": ["input"], "subfolder": ["plates"], "filename": ["fg_0005.exr"], "size": ["256"]}

    @pytest.mark.parametrize(
        ("pattern", "place"),
        [
            ("plates/bg_####.exr", "input/plates"),
            ("plates", "input/plates"),
            ("plates/", "input/plates"),
            ("plates\\bg_####.exr", "input/plates"),
            ("/mnt/renders/shot/r.####.exr", "/mnt/renders/shot"),
            ("f_####.png", "input"),
            ("gone/f_####.png", "input"),
            ("%date%/f_####.png", "input"),
        ],
    )
    def test_it_starts_where_the_widgets_point_or_in_the_input_folder(self, node, pattern, place):
        desk = node(path_pattern=pattern)
        desk.open()
        desk.at(place)

    def test_an_error_is_one_line_and_the_roots_lead_out_of_it(self, node):
        desk = node()
        desk.folders.refusals["input:plates"] = (403, "The path 'plates' leads to '/etc'.")
        desk.open()
        desk.at("input")
        desk.press("Enter")
        desk.page.get_by_role("alert").get_by_text("The path 'plates' leads to '/etc'.").wait_for()
        assert desk.names == []
        desk.page.get_by_role("button", name="output").click()
        desk.at("output")
        assert desk.page.locator(".seqpicker-error").count() == 0

    def test_a_server_that_is_gone_and_an_error_page_are_told_in_words(self, node):
        desk = node()
        desk.open()
        desk.at("input")
        desk.page.route("**/browse?*", lambda route: route.fulfill(status=502, content_type="text/html", body="<b>x"))
        desk.press("Enter")
        desk.page.get_by_text("The server answered 502.").wait_for()
        desk.page.route("**/browse?*", lambda route: route.abort())
        desk.page.get_by_role("button", name="output").click()
        desk.page.get_by_text("The server does not answer.").wait_for()

    def test_a_folder_with_too_many_files_says_so(self, node):
        desk = node()
        desk.folders.is_complete = False
        desk.open()
        desk.page.get_by_text("This folder has too many files to list them all.").wait_for()

    def test_an_empty_folder_says_so(self, node):
        desk = node(path_pattern="plates/old/f_####.png")
        desk.open()
        desk.page.get_by_text("This folder has no frames and no folders.").wait_for()

    def test_ten_thousand_entries_take_a_few_rows(self, node):
        desk = node()
        desk.folders.content["input:"] = ([f"take_{n:05d}" for n in range(10_000)], [])
        desk.open()
        desk.at("input")
        desk.press("End")
        assert desk.selected == "take_09999"
        desk.press("PageUp")
        assert desk.selected < "take_09999"
        assert desk.page.get_by_role("option").count() < 40
        desk.page.keyboard.type("077")
        assert desk.selected == "take_00077"
        desk.press("Home")
        assert desk.page.get_by_role("option").first.is_visible()

    @pytest.mark.parametrize("width", [390, 1600])
    def test_it_fits_into_the_window(self, node, width):
        desk = node(path_pattern="plates/f_####.png")
        desk.page.set_viewport_size({"width": width, "height": 700})
        desk.open()
        desk.at("input/plates")
        box = desk.dialog.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for element in desk.dialog.get_by_role("button").all():
            inner = element.bounding_box()
            assert inner["x"] >= box["x"]
            assert inner["x"] + inner["width"] <= box["x"] + box["width"]
        assert desk.stage.run("document.documentElement.scrollWidth") <= width

    def test_a_newer_folder_is_not_replaced_by_an_older_answer(self, node):
        desk = node()
        desk.open()
        desk.at("input")
        held = []
        desk.page.route("**/browse?*subfolder=plates", lambda route: held.append(route))  # noqa: PLW0108
        desk.press("Enter")
        desk.page.wait_for_function("document.querySelector('.seqpicker-list').ariaBusy")
        desk.page.get_by_role("button", name="output").click()
        desk.at("output")
        desk.folders._answer(held[0])
        desk.page.wait_for_load_state("networkidle")
        desk.at("output")


class TestTheChoice:
    def test_fills_a_batch_loader_in_one_step_that_can_be_undone(self, node):
        desk = node(path_pattern="plates/f_####.png", folder="output", frames="1-3")
        desk.folders.content["output:plates"] = desk.folders.content["input:plates"]
        desk.open()
        desk.at("output/plates")
        desk.press("ArrowDown", "Enter")
        filled = {
            "folder": "output",
            "path_pattern": "plates/bg_####.exr",
            "start_index": 1001,
            "frame_count": 0,
            "frames": "",
        }
        assert desk.values.items() >= filled.items()
        assert dict(desk.stage.run("called")) == filled
        assert desk.stage.run("app.canvas.steps") == ["before", "after"]

    def test_fills_a_frame_loader(self, node):
        desk = node(FRAME, directory_path="plates")
        desk.open()
        desk.at("input/plates")
        desk.press("End", "Enter")
        filled = {"folder": "input", "directory_path": "plates", "pattern": "fg_####.exr", "frame_number": 5}
        assert desk.values.items() >= filled.items()

    def test_leaves_linked_widgets_alone(self, node):
        desk = node(FRAME, directory_path="plates")
        desk.stage.run("node.linked = 'frame_number'")
        desk.open()
        desk.at("input/plates")
        desk.press("End", "Enter")
        assert desk.values["frame_number"] == 0
        assert desk.values["pattern"] == "fg_####.exr"

    def test_is_not_offered_if_the_pattern_is_linked(self, node):
        desk = node()
        desk.stage.run("node.linked = 'path_pattern'")
        desk.stage.run("node.widgets.find(({ name }) => name === 'choose_frames').callback()")
        assert not desk.is_open
        assert desk.stage.run("app.toasts[0].summary") == "Disconnect path_pattern to choose frames here."

    def test_in_an_operator_s_folder_is_an_absolute_path(self, node):
        desk = node(FRAME, directory_path="/mnt/renders/shot", folder="temp")
        desk.open()
        desk.at("/mnt/renders/shot")
        desk.press("Enter")
        filled = {"folder": "temp", "directory_path": "/mnt/renders/shot", "pattern": "r.####.exr", "frame_number": 1}
        assert desk.values.items() >= filled.items()

    def test_of_the_resume_counter_is_among_what_savers_write(self, node):
        desk = node(RESUME)
        desk.folders.content["output:"] = ([], [sequence("f_{:05d}.png", 0, 7)])
        desk.open()
        desk.at("output")
        assert desk.page.locator(".seqpicker-roots button").all_text_contents() == ["output", "/mnt/renders"]
        desk.press("Enter")
        assert desk.values.items() >= {"directory_path": "", "pattern": "f_#####.png"}.items()

    @pytest.mark.parametrize(
        ("pattern", "written"),
        [
            ("f_{:04d}.png", "f_####.png"),
            ("f_{}.png", "f_#.png"),
            ("a#_{:04d}.png", "a#_{:04d}.png"),
            ("50%_{:04d}.png", "50%_{:04d}.png"),
            ("{{x}}_{:04d}.png", "{{x}}_{:04d}.png"),
            ("f[{:04d}].png", "f[{:04d}].png"),
        ],
    )
    def test_is_written_with_braces_where_hashes_would_be_misread(self, node, pattern, written):
        desk = node(FRAME)
        desk.folders.content["input:"] = ([], [sequence(pattern, 1, 2)])
        desk.open()
        desk.at("input")
        desk.press("Enter")
        assert desk.values["pattern"] == written


def test_the_buttons_are_in_neither_the_workflow_nor_the_prompt(node):
    desk = node()
    buttons = "node.widgets.filter(({ type }) => type === 'button')"
    assert desk.stage.run(f"{buttons}.map(({{ label }}) => label)") == ["Choose frames...", "Upload frames..."]
    assert desk.stage.run(f"{buttons}.every((w) => w.serialize === false && w.options.serialize === false)")


def test_only_nodes_that_read_folders_have_the_buttons(desk):
    stage = desk()
    both = ["choose_frames", "upload_frames"]
    for kind, names in ((BATCH, both), (FRAME, both), (RESUME, both[:1]), ("ImageSequenceSaveBatch", [])):
        stage.run("window.node = app.add(a, 9)", kind)
        assert [name for name in stage.run("node.widgets.map(({ name }) => name)") if name in both] == names
