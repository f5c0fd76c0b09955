"""Check Image Sequence in ComfyUI's editor: in each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
import re

from PIL import Image

from .test_looks import TYPE, picture, says
from .test_picking import Desk
from .test_player import editor, server

__all__ = ["editor", "server"]  # the fixtures

FOLDERS = itertools.count()

MISSING, TORN, OTHER_SIZE, BLACK, REPEATED = [1005, 1010, 1011, 1012], 1020, 1025, 1030, 1035


def write_shot(output, first=1001, last=1040, missing=MISSING):
    """Frames with one fault or remark of each kind. Returns the folder's name."""
    name = f"check_{next(FOLDERS)}"
    folder = output / name
    folder.mkdir(parents=True)
    for number in range(first, last + 1):
        if number in missing:
            continue
        shade = 0 if number == BLACK else 40 + (number - (number == REPEATED)) % 200
        size = (80, 45) if number == OTHER_SIZE else (160, 90)
        Image.new("RGB", size, (shade, shade // 2, shade // 3)).save(folder / f"f_{number}.png")
    if first <= TORN <= last:
        file = folder / f"f_{TORN}.png"
        file.write_bytes(file.read_bytes()[:-20])
    return name


def check(name, **values):
    given = {"path_pattern": f"{name}/f_####.png", "folder": "output", "thoroughness": "decode every frame"}
    return {"type": "ImageSequenceCheck", "values": given | values, "pos": [300, 60], "size": [420, 700]}


def mark(editor, text):
    """Wait until the row for marks says this of the shown frame."""
    editor.player().locator(".seqplayer-mark", has_text=re.compile(f"^{re.escape(text)}$")).wait_for()


def number(editor, frame):
    editor.player().locator(".seqplayer-number", has_text=re.compile(f"^{frame}$")).wait_for()


def message(editor):
    return editor.player().locator(".seqplayer-message")


def test_before_a_run_it_says_what_is_there_like_a_loader(editor, server, tmp_path):
    name = write_shot(server.base / "output")
    editor.make([check(name)], [])
    says(editor, "36 frames, 1001-1004,1006-1009,1013-1040, 4 missing (1005,1010-1012), 160 x 90 PNG")
    editor.sees(1001)
    assert editor.player().locator(".seqplayer-marks").is_hidden()
    picture(editor, tmp_path, "check_before")


def test_after_a_run_the_report_is_below_and_the_frames_are_marked(editor, server, tmp_path):
    name = write_shot(server.base / "output")
    editor.make([check(name)], [])
    editor.run()
    says(editor, "4 frames are missing: 1005,1010-1012.")
    editor.sees(1001)
    mark(editor, "6 faulty frames3 with remarks")
    picture(editor, tmp_path, "check_legend")
    editor.player().locator(".seqplayer-view").focus()
    for frame, label in (
        (1005, "not on disk"),
        (1010, "not on disk"),
        (TORN, "unfinished file"),
        (OTHER_SIZE, "another size"),
        (BLACK, "black or transparent"),
        (REPEATED - 1, "same pixels as a neighbour"),
        (1005, "not on disk"),
    ):
        editor.page.keyboard.press("n")
        number(editor, frame)
        mark(editor, label)
    editor.player().get_by_role("button", name="Next fault or remark (N)").click()
    number(editor, 1010)
    editor.player().get_by_role("slider", name="Frame").hover(position={"x": 40, "y": 11})
    picture(editor, tmp_path, "check_marked")


def test_the_whole_report_can_be_read(editor, server, tmp_path):
    name = write_shot(server.base / "output")
    editor.make([check(name)], [])
    editor.run()
    says(editor, "4 frames are missing: 1005,1010-1012.")
    editor.sees(1001)  # the node has grown with the picture
    text = message(editor).inner_text()
    lines = text.splitlines()
    assert len(lines) >= 7
    assert editor.page.evaluate("Object.values(app.nodeOutputs).map(({ text }) => text?.join())") == [text]
    box = message(editor).evaluate("e => [e.scrollHeight, e.clientHeight, getComputedStyle(e).overflowY]")
    assert box[0] > box[1] > 60
    assert box[2] == "auto"
    message(editor).hover()
    editor.page.mouse.wheel(0, 400)
    editor.page.wait_for_function(
        "document.querySelector('.seqplayer:not([data-layout=empty]) .seqplayer-message').scrollTop > 0"
    )
    picture(editor, tmp_path, "check_scrolled")


def test_the_report_stays_as_long_as_the_values_are_those_of_its_run(editor, server):
    name = write_shot(server.base / "output")
    [node] = editor.make([check(name)], [])
    editor.run()
    mark(editor, "6 faulty frames3 with remarks")
    editor.page.evaluate(TYPE, [node, "start_index", 1006])
    says(editor, "32 frames, 1006-1009,1013-1040, 3 missing (1010-1012), 160 x 90 PNG")
    editor.player().locator(".seqplayer-marks").wait_for(state="hidden")
    editor.page.evaluate(TYPE, [node, "start_index", 0])
    says(editor, "4 frames are missing: 1005,1010-1012.")
    mark(editor, "6 faulty frames3 with remarks")


def test_report_and_marks_survive_a_reload(editor, server):
    name = write_shot(server.base / "output")
    editor.make([check(name)], [])
    editor.run()
    mark(editor, "6 faulty frames3 with remarks")
    editor.player().get_by_role("slider", name="Frame").fill(str(TORN))
    mark(editor, "unfinished file")
    text = message(editor).inner_text()
    editor.reload()
    number(editor, TORN)
    mark(editor, "unfinished file")
    assert message(editor).inner_text() == text


def test_missing_frames_at_the_ends_are_on_the_slider(editor, server, tmp_path):
    name = write_shot(server.base / "output", 1003, 1008)
    editor.make([check(name, start_index=1001, frame_count=10)], [])
    editor.run()
    editor.sees(1003)
    slider = editor.player().get_by_role("slider", name="Frame")
    assert [slider.get_attribute(end) for end in ("min", "max")] == ["1001", "1010"]
    slider.fill("1010")
    mark(editor, "not on disk")
    editor.player().locator(".seqplayer-note", has_text="Frame 1010 is not on disk.").wait_for()
    picture(editor, tmp_path, "check_ends")


def test_where_no_frame_is_there_only_the_report_is_shown(editor, server):
    name = write_shot(server.base / "output", 1001, 1003)
    editor.make([check(name, start_index=1001, frame_count=3)], [])
    editor.run()
    editor.sees(1001)
    for file in (server.base / "output" / name).iterdir():
        file.unlink()
    editor.run()
    says(editor, "3 frames are missing: 1001-1003.")
    editor.page.locator(".seqplayer[data-layout=text]").wait_for()


def test_a_good_sequence_has_no_marks(editor, server):
    name = write_shot(server.base / "output", 1001, 1004, missing=[])
    editor.make([check(name)], [])
    editor.run()
    says(editor, "Good: 4 frames, 1001-1004, 160 x 90, RGB, 8 bits, PNG.")
    editor.sees(1001)
    assert editor.player().locator(".seqplayer-marks").is_hidden()


def test_raise_error_says_on_the_node_what_is_wrong(editor, server, tmp_path):
    name = write_shot(server.base / "output")
    editor.make([check(name, on_problem="raise error")], [])
    editor.run()
    editor.player().locator(".seqplayer-error", has_text="1005,1010-1012").wait_for()
    picture(editor, tmp_path, "check_error")


def test_its_frames_can_be_chosen(editor, server, tmp_path):
    name = write_shot(server.base / "output", 1001, 1004, missing=[])
    desk = Desk(editor, server, tmp_path, "ImageSequenceCheck", path_pattern="f_####.png", folder="output")
    desk.open()
    desk.at("output")
    desk.page.keyboard.type(name)
    desk.press("Enter")
    desk.at(f"output/{name}")
    desk.press("Enter")
    desk.has(path_pattern=f"{name}/f_####.png", folder="output", start_index=1001, frame_count=0)
    says(editor, "4 frames, 1001-1004, 160 x 90 PNG")


def test_in_a_subgraph_its_node_has_the_marks_too(editor, server, tmp_path):
    name = write_shot(server.base / "output")
    editor.make([check(name)], [])
    editor.page.evaluate("""() => {
        app.canvas.selectItems(app.graph.nodes);
        app.canvas.graph.convertToSubgraph(app.canvas.selectedItems);
        app.canvas.emitBeforeChange();
        app.canvas.emitAfterChange();
    }""")
    editor.run()
    mark(editor, "6 faulty frames3 with remarks")
    editor.player().locator(".seqplayer-message", has_text="4 frames are missing: 1005,1010-1012.").wait_for()
    picture(editor, tmp_path, "check_subgraph")
    editor.page.evaluate("() => { const [node] = app.graph.nodes; app.canvas.openSubgraph(node.subgraph, node) }")
    mark(editor, "6 faulty frames3 with remarks")


def test_ten_thousand_frames_with_marks_on_half_of_them_can_be_scrubbed(editor, server, tmp_path):
    """The server sends at most 10,000 characters of ranges; what the player draws is a range, not an element, per mark."""
    name = f"check_{next(FOLDERS)}"
    folder = server.base / "output" / name
    folder.mkdir(parents=True)
    first = folder / "f_10000.png"
    Image.new("RGB", (16, 9), (90, 40, 20)).save(first)
    content = first.read_bytes()
    for frame in range(10_002, 20_000, 2):
        (folder / f"f_{frame}.png").write_bytes(content)
    nodes = [check(name, path_pattern=f"{name}/f_#####.png", thoroughness="quick")]
    editor.make(nodes, [])
    editor.run()
    says(editor, "4,999 frames are missing")
    editor.player().locator(".seqplayer-view").focus()
    for _ in range(5):
        editor.page.keyboard.press("n")
    number(editor, 10_009)
    slider = editor.player().get_by_role("slider", name="Frame")
    for frame in range(10_000, 19_999, 500):
        slider.fill(str(frame))
    number(editor, 19_500)
    mark(editor, "4,999 faulty frames")
    picture(editor, tmp_path, "check_ten_thousand")
