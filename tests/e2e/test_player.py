"""The player in ComfyUI's own editor, in each frontend that COMFYUI_FRONTENDS names, on the canvas and with Vue nodes.

COMFYUI_FRONTENDS: folders for --front-end-root, separated as in PATH. To get one:
pip install --no-deps --target DIR comfyui-frontend-package==1.58.1, then DIR/comfyui_frontend_package/static.
"""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from .editor import Editor

FRONTENDS = [folder for folder in os.environ.get("COMFYUI_FRONTENDS", "").split(os.pathsep) if folder]
NONE = pytest.param(
    "", marks=pytest.mark.skip(reason="needs frontends: set COMFYUI_FRONTENDS, see tests/e2e/test_player.py")
)


@pytest.fixture(scope="module", params=FRONTENDS or [NONE], ids=range(len(FRONTENDS) or 1))  # type: ignore[list-item]
def server(start, request) -> Iterator[Any]:
    comfyui = start("--front-end-root", request.param)
    settings = comfyui.base / "user" / "default" / "comfy.settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('{"Comfy.TutorialCompleted": true}')  # no welcome dialog over the first test
    with comfyui:
        yield comfyui


@pytest.fixture(params=["canvas", "vue"])
def editor(server, browser, request) -> Iterator[Editor]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(SAY_WHERE_FROM)
    page = context.new_page()
    page.set_default_timeout(60_000)
    editor = Editor(page, server.url)
    editor.open()
    if request.param == "vue" and editor.version.startswith("1.27."):
        context.close()
        pytest.skip("Vue nodes of 1.27 have no place for DOM widgets")
    editor.set("Comfy.VueNodes.Enabled", request.param == "vue")
    yield editor
    context.close()
    ours = re.compile(r"/image-sequence-pack/|ComfyUI (Deprecated|Notice)")
    complaints = [text for text in editor.complaints if ours.search(text) and "PromptExecutionError" not in text]
    assert complaints == []


# Adds the stack to the frontend's warnings, so that those about our calls name our files.
SAY_WHERE_FROM = """for (const kind of ["warn", "error"]) {
    const say = console[kind];
    console[kind] = (...args) => say(...args, new Error().stack);
}"""

# Numbers for folders and files, because ComfyUI does not run the same graph twice.
RUNS = itertools.count()


def batch(name: str, count: int = 24, side: int = 64) -> tuple[list[dict], list[tuple]]:
    render = {
        "type": "ProbeCostly",
        "values": {"frame": 0, "count": count, "width": side, "height": side},
        "pos": [60, 160],
    }
    values = {"path_pattern": f"{name}_{next(RUNS)}/f_{{:05d}}.png", "start_index": 1001, "overwrite": "true"}
    return [render, {"type": "ImageSequenceSaveBatch", "values": values, "pos": [420, 160]}], [(0, 0, 1, "images")]


def test_a_long_sequence_loads_a_few_small_pictures_and_clients_receive_every_frame(editor):
    _, saver = editor.make(*batch("long", 120))
    editor.page.evaluate("""() => {
        window.progressEvents = 0;
        app.api.addEventListener("image_sequence.progress", () => progressEvents++);
    }""")
    editor.run()
    editor.sees(1001)
    outputs = editor.page.evaluate("id => app.nodeOutputs[id]", saver)
    assert len(outputs["images"]) == 120
    # One for each progress event, of which there are a few per second; then the first frame and the three after it.
    assert len([url for url in editor.requests if "preview" in url]) <= editor.page.evaluate("progressEvents") + 4
    # The list of jobs shows one frame.
    assert len([url for url in editor.requests if url.startswith("view")]) <= 1


def test_the_keyboard_steps_through_the_frames(editor):
    editor.make(*batch("keys"))
    editor.run()
    editor.sees(1001)
    editor.player().locator(".seqplayer-view").focus()
    for key in ("ArrowRight", "ArrowRight", "Delete", "ArrowRight"):
        editor.page.keyboard.press(key)
    editor.sees(1004)
    editor.page.keyboard.press("End")
    editor.sees(1024)
    assert editor.page.evaluate("app.graph.nodes.length") == 2


def test_it_survives_a_reload_and_a_second_run(editor):
    editor.make(*batch("reload"))
    editor.run()
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1007")
    editor.sees(1007)
    editor.reload()
    editor.sees(1007)
    editor.run()
    editor.sees(1007)


def test_it_survives_another_workflow_and_back(editor):
    editor.make(*batch("tabs"))
    editor.run()
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1007")
    editor.page.evaluate("app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    editor.page.wait_for_function("app.graph.nodes.length === 0")
    editor.page.evaluate("app.extensionManager.command.execute('Workspace.PreviousOpenedWorkflow')")
    editor.page.wait_for_function("app.graph.nodes.length === 2")
    editor.sees(1007)


def test_workflow_and_prompt_contain_nothing_of_it(editor):
    editor.make(*batch("clean"))
    state = "async () => JSON.stringify([(await app.graphToPrompt()).output, app.graph.serialize().nodes.map((n) => [n.widgets_values, n.properties])])"
    values = re.compile(r"^\d+$")
    before = [part for part in re.split(r"[,\[\]]", editor.page.evaluate(state)) if not values.match(part)]
    editor.run()
    editor.sees(1001)
    after = [part for part in re.split(r"[,\[\]]", editor.page.evaluate(state)) if not values.match(part)]
    assert "sequence_player" not in str(after)
    assert len(after) == len(before)


def test_it_shows_why_a_run_failed_and_why_a_prompt_was_refused(editor):
    _, saver = editor.make(*batch("error"))
    editor.run()
    editor.sees(1001)
    alert = editor.player().get_by_role("alert")
    set_widget = (
        "([id, name, value]) => { app.graph.getNodeById(id).widgets.find((w) => w.name === name).value = value }"
    )
    editor.page.evaluate(set_widget, [saver, "overwrite", "error"])
    editor.run()
    editor.player().locator(".seqplayer-error", has_text="frames 1001-1024 exist already").wait_for()
    editor.page.evaluate(set_widget, [saver, "path_pattern", "../f_{}.png"])
    editor.page.evaluate("app.queuePrompt(0, 1).catch(() => {})")
    editor.player().locator(".seqplayer-error", has_text="leaves its folder").wait_for()
    editor.page.evaluate(set_widget, [saver, "path_pattern", "error/again_{:05d}.png"])
    editor.page.evaluate(set_widget, [saver, "overwrite", "true"])
    editor.run()
    alert.wait_for(state="hidden")


def test_frames_saved_one_per_run_add_up(editor):
    render = {"type": "ProbeCostly", "values": {}, "pos": [60, 160]}
    saver = {
        "type": "ImageSequenceSaveFrame",
        "values": {"filename_prefix": "one", "current_frame": 3},
        "pos": [420, 160],
    }
    editor.make([render, saver], [(0, 0, 1, "images")])
    editor.run()
    editor.sees(3)
    assert editor.player().get_by_role("slider").count() == 0
    editor.run(3)
    editor.sees(6)
    slider = editor.player().get_by_role("slider", name="Frame")
    assert [slider.get_attribute(name) for name in ("min", "max")] == ["3", "6"]


def test_it_shows_the_progress_of_a_long_run(editor):
    nodes, links = batch("progress", 60, 512)
    # Slow to save, so that there is a progress event during the run.
    nodes[1]["values"]["path_pattern"] = f"progress_{next(RUNS)}/f_####.webp"
    nodes[1]["values"]["filetype"] = "webp lossless with embedded workflow"
    editor.make(nodes, links)
    editor.page.evaluate("""() => {
        window.texts = [];
        app.api.addEventListener("image_sequence.progress", () =>
            texts.push(document.querySelector(".seqplayer-message").textContent));
    }""")
    editor.run()
    editor.sees(1001)
    texts = editor.page.evaluate("texts")
    assert texts
    assert all(re.fullmatch(r"frame 1\d\d\d \(1001-1060\), \d+ of 60", text) for text in texts)
    editor.player().locator(".seqplayer-message", has_text="Saved frames 1001-1060").wait_for()


def test_a_frame_opens_its_workflow(editor):
    editor.make(*batch("drop", 2))
    editor.run()
    editor.sees(1001)
    tabs = editor.page.evaluate("app.extensionManager.workflow.openWorkflows.length")
    editor.player().get_by_role("button", name="Open the workflow").click()
    editor.page.wait_for_function("tabs => app.extensionManager.workflow.openWorkflows.length > tabs", arg=tabs)
    editor.page.wait_for_function("app.graph.nodes.length === 2")


COUNTING = {
    "ImageSequenceSaveFrame": "current_frame",
    "ImageSequenceFrameCounter": "frame_index",
    "ImageSequenceLoadFrame": "frame_number",
}

VALUES = """() => app.graph.nodes.map(({ widgets }) =>
    widgets.filter(({ type }) => type !== "sequence_player").map(({ value }) => value))"""


@pytest.mark.parametrize(("node_id", "number"), COUNTING.items())
def test_a_new_node_that_counts_starts_on_increment(editor, node_id, number):
    """In the Vue nodes of 1.42 and 1.58 the control is a button in the field of the number."""
    editor.page.evaluate(
        "(kind) => { app.graph.clear(); app.graph.add(LiteGraph.createNode(kind)) }",
        node_id,
    )
    names = editor.page.evaluate("app.graph.nodes[0].widgets.map(({ name }) => name)")
    assert names[names.index(number) + 1] == "control_after_generate"
    assert (
        editor.page.evaluate("app.graph.nodes[0].widgets.find(({ name }) => name === 'control_after_generate').value")
        == "increment"
    )
    if editor.page.evaluate("Boolean(LiteGraph.vueNodesMode)"):
        button = editor.page.locator("[data-node-id]").get_by_role("button", name="increment", exact=False)
        button.first.wait_for()
        assert button.first.text_content().strip() == "+1"


# The values of 0.1.0's nodes as frontends 1.27, 1.42 and 1.58 all stored them.
SAVED_BY_0_1_0 = {
    "ImageSequenceSaveFrame": ["shots/a", 12, "fixed", 4, "png", "skip", 90, True],
    "ImageSequenceFrameCounter": [7, "decrement", 48, 24],
    "ImageSequenceLoadFrame": ["shots", "f_####.png", "numeric", 1001, "randomize", "hold previous", "input"],
}


@pytest.mark.parametrize(("node_id", "values"), SAVED_BY_0_1_0.items())
def test_a_workflow_of_0_1_0_keeps_every_value_and_what_its_counters_do(editor, node_id, values):
    node = {"id": 5, "type": node_id, "pos": [60, 160], "size": [300, 300], "widgets_values": values}
    workflow = {
        "id": str(uuid.uuid4()),
        "nodes": [node],
        "links": [],
        "last_node_id": 5,
        "last_link_id": 0,
        "version": 0.4,
    }
    editor.page.evaluate("(workflow) => app.loadGraphData(workflow)", workflow)
    opened = editor.page.evaluate(VALUES)[0]
    assert opened[: len(values)] == values
    assert editor.page.evaluate("app.graph.serialize().nodes[0].widgets_values")[: len(values)] == values


UNDO = """async () => {
    const before = app.graph.nodes[0];
    await app.extensionManager.workflow.activeWorkflow.changeTracker.undo();
    if (app.graph.nodes[0] === before) throw new Error("nothing was undone");
}"""


def test_it_keeps_working_after_undo(editor):
    """ComfyUI recreates the nodes. With Vue nodes it keeps their old elements."""
    render = {"type": "ProbeCostly", "values": {}, "pos": [60, 160]}
    saver = {"type": "ImageSequenceSaveFrame", "values": {"filename_prefix": f"undo_{next(RUNS)}"}, "pos": [420, 160]}
    editor.make([render, saver], [(0, 0, 1, "images")])
    editor.run(2)
    editor.sees(1)
    for last in (2, 3):
        editor.page.evaluate("""() => {
            app.canvas.emitBeforeChange();
            app.graph.nodes[0].pos = [app.graph.nodes[0].pos[0] + 30, 160];
            app.canvas.emitAfterChange();
        }""")
        editor.page.evaluate(UNDO)
        editor.page.locator(".seqplayer:visible").wait_for()
        frame = "() => app.graph.nodes.find(({ type }) => type.startsWith('ImageSequence')).widgets[1]"
        editor.page.evaluate(f"(last) => {{ ({frame})().value = last }}", last)
        editor.run()
        editor.sees(last)
        message = editor.player().locator(".seqplayer-message", has_text=f"Saved frame {last}")
        message.wait_for()
    assert editor.page.locator(".seqplayer").count() == 1


MOVE = """() => {
    app.canvas.emitBeforeChange();
    app.graph.nodes[0].pos = [app.graph.nodes[0].pos[0] + 30, 160];
    app.canvas.emitAfterChange();
}"""
DELETE = """() => {
    app.canvas.emitBeforeChange();
    app.graph.remove(app.graph.nodes.find(({ type }) => type.startsWith("ImageSequence")));
    app.canvas.emitAfterChange();
}"""
REDO = "() => app.extensionManager.workflow.activeWorkflow.changeTracker.redo()"


@pytest.mark.parametrize("has_run", [True, False])
@pytest.mark.parametrize("steps", [[MOVE, UNDO, REDO], [DELETE, UNDO]], ids=["redo", "undo of a deletion"])
def test_it_works_after(editor, steps, has_run):
    render = {"type": "ProbeCostly", "values": {}, "pos": [60, 160]}
    saver = {"type": "ImageSequenceSaveFrame", "values": {"filename_prefix": f"redo_{next(RUNS)}"}, "pos": [420, 160]}
    editor.make([render, saver], [(0, 0, 1, "images")])
    if has_run:
        editor.run()
        editor.sees(0)
    for step in steps:
        editor.page.evaluate(step)
    saver_node = "app.graph.nodes.find(({ type }) => type.startsWith('ImageSequence'))"
    editor.page.wait_for_function(saver_node)
    editor.page.evaluate(f"() => {{ {saver_node}.widgets[1].value = 7 }}")
    editor.run()
    editor.sees(7)


# With the line that the operator has to copy.
LONG_ERROR = "\n".join(
    ["Add this line to image_sequence_roots.txt:", "    ro /mnt/footage/shots/a", "Then run again. "] * 12
)


def test_a_long_error_can_be_read_scrolled_and_copied(editor):
    editor.make([{"type": "ImageSequenceSaveFrame", "values": {}, "pos": [420, 160]}], [])
    editor.page.evaluate(
        """(exception_message) => app.api.dispatchEvent(new CustomEvent("execution_error", {
            detail: { node_id: String(app.graph.nodes[0].id), exception_message },
        }))""",
        LONG_ERROR,
    )
    box = editor.player().get_by_role("alert")
    editor.page.wait_for_function("document.querySelector('.seqplayer-error').clientHeight >= 190")
    assert box.inner_text().strip() == LONG_ERROR.strip()
    scale = editor.page.evaluate("app.canvas.ds.scale")
    box.hover()
    editor.page.mouse.wheel(0, 100)
    editor.page.wait_for_function("document.querySelector('.seqplayer-error').scrollTop > 0")
    assert editor.page.evaluate("app.canvas.ds.scale") == scale
    left, top = (box.bounding_box()[side] for side in ("x", "y"))
    editor.page.mouse.move(left + 20, top + 10)
    editor.page.mouse.down()
    editor.page.mouse.move(left + 120, top + 60, steps=5)
    editor.page.mouse.up()
    assert len(editor.page.evaluate("String(getSelection())")) > 20
    editor.page.evaluate("document.addEventListener('copy', () => { window.copied = String(getSelection()) }, true)")
    editor.page.keyboard.press("Control+c")
    assert editor.page.evaluate("copied") == editor.page.evaluate("String(getSelection())")


def test_a_frame_number_can_be_typed(editor):
    editor.make(*batch("typed"))
    editor.run()
    editor.sees(1001)
    field = editor.player().get_by_role("textbox", name="Go to frame")
    field.click()
    editor.page.keyboard.type("1017")
    editor.page.keyboard.press("Enter")
    editor.sees(1017)
    field.click()
    for key in ("Delete", "Backspace", "Escape"):
        editor.page.keyboard.press(key)
    assert field.input_value() == "1017"
    assert editor.page.evaluate("app.graph.nodes.length") == 2


def test_the_first_picture_has_its_full_height(editor):
    nodes, links = batch("height", 3)
    nodes[0]["values"] |= {"width": 320, "height": 180}
    editor.make(nodes, links)
    editor.run()
    editor.sees(1001)
    # As wide as the node, up to the letterbox of a few pixels that a wrapping message leaves on the canvas.
    editor.page.wait_for_function("""() => {
        const stage = [...document.querySelectorAll(".seqplayer-stage")].find((e) => e.checkVisibility());
        return stage.offsetHeight >= (stage.offsetWidth * 9) / 16 - 12;
    }""")


def test_the_workflow_button_finds_the_file_beside_a_jpg(editor):
    nodes, links = batch("jpg", 2)
    nodes[1]["values"] |= {"path_pattern": f"jpg_{next(RUNS)}/f_####.jpg", "filetype": "jpg", "workflow_file": True}
    editor.make(nodes, links)
    editor.run()
    editor.sees(1001)
    tabs = editor.page.evaluate("app.extensionManager.workflow.openWorkflows.length")
    editor.player().get_by_role("button", name="Open the workflow").click()
    editor.page.wait_for_function("tabs => app.extensionManager.workflow.openWorkflows.length > tabs", arg=tabs)
    editor.page.wait_for_function("app.graph.nodes.length === 2")


def test_a_refusal_stays_while_the_rest_of_its_prompt_runs(editor):
    """The server runs the valid branches, and the user still has to correct the other one."""
    nodes, links = batch("valid")
    refused = {"type": "ImageSequenceSaveFrame", "values": {}, "pos": [420, 560]}
    editor.make([*nodes, refused], links)
    editor.run()
    editor.sees(1001)
    message = "Nothing is connected to images, which is required."
    assert editor.page.locator(".seqplayer-error", has_text=message).text_content() == message


def test_a_frame_changed_by_another_program_is_shown_after_a_reload(editor, server):
    nodes, links = batch("outside", 3)
    editor.make(nodes, links)
    editor.run()
    editor.sees(1001)
    # A pixel of the picture in the player, which is noise first and then one colour.
    pixel = """() => {
        const canvas = document.querySelector(".seqplayer-view canvas");
        return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3);
    }"""
    file = next((server.base / "output").glob(nodes[1]["values"]["path_pattern"].replace("{:05d}", "01001")))
    Image.new("RGB", (64, 48), (250, 250, 250)).save(file)
    editor.reload()
    editor.sees(1001)
    assert min(editor.page.evaluate(pixel)) > 240


def test_frames_counted_one_per_run(editor):
    """One batch per run: a choice of folders, the finished animation, and no frame after the last one."""
    nodes = [
        {"type": "ProbeCostly", "values": {"count": 2}, "pos": [20, 460]},
        {
            "type": "ImageSequenceFrameCounter",
            "values": {"total_frames": 3, "frames_per_second": 12},
            "pos": [20, 120],
        },
        {
            "type": "ImageSequenceSaveCounted",
            "values": {"directory_path": f"counted_{next(RUNS)}", "digits": 4},
            "pos": [340, 120],
            "size": [300, 640],
        },
        {"type": "ImageSequenceFromAnimation", "values": {}, "pos": [680, 120]},
        {"type": "PreviewImage", "values": {}, "pos": [1000, 120]},
    ]
    editor.make(nodes, [(0, 0, 2, "image"), (1, 0, 2, "frame_counter"), (2, 0, 3, "sequence"), (3, 0, 4, "images")])
    editor.run(2)
    editor.sees(1)
    assert editor.page.locator(".seqplayer:visible").count() == 1
    editor.run()
    saver, animation = editor.player(0), editor.player(1)
    editor.sees(2)
    editor.sees(0, index=1)
    assert saver.get_by_label("Frames per second").last.input_value() == "12"
    saver.locator(".seqplayer-message", has_text="All 3 frames are on disk.").wait_for()
    assert animation.get_by_role("slider", name="Frame").get_attribute("max") == "2"
    assert saver.get_by_label("Sequence", exact=True).locator("option").count() == 2
    saver.get_by_label("Sequence", exact=True).select_option(index=1)
    editor.wait_for_request("%2Fbatch_0001&")
    editor.sees(2)
    folders = {url.partition("subfolder=")[2].partition("&")[0].rpartition("%2F")[2] for url in editor.requests}
    assert {"batch_0000", "batch_0001"} <= folders
    editor.run()
    saver.locator(".seqplayer-message", has_text="Stopped: frame 3 is past the end").wait_for()
    editor.sees(2)


def test_frames_loaded_one_per_run(editor, server):
    """Missing frames are marked, and a held frame is shown with its own number."""
    folder = server.base / "input" / f"one_by_one_{next(RUNS)}"
    folder.mkdir()
    for frame in (4, 5, 7):
        Image.new("RGB", (64, 48), (frame * 20, 0, 0)).save(folder / f"f_{frame:03d}.png")
    values = {
        "directory_path": folder.name,
        "pattern": "f_###.png",
        "frame_number": 4,
        "on_missing": "hold previous",
        "folder": "input",
    }
    loader = {"type": "ImageSequenceLoadFrame", "values": values, "pos": [60, 120], "size": [300, 560]}
    editor.make([loader, {"type": "PreviewImage", "values": {}, "pos": [420, 120]}], [(0, 0, 1, "images")])
    for frame in (4, 5, 5, 7):
        editor.run()
        editor.sees(frame)
    editor.player().get_by_role("slider", name="Frame").fill("6")
    editor.player().locator(".seqplayer-note", has_text="Frame 6 is not on disk.").wait_for()


@pytest.mark.parametrize(
    ("pattern", "filetype"),
    [
        ("f_####.png", "png 16-bit with embedded workflow"),
        ("f_####.webp", "webp lossless with embedded workflow"),
        ("f_####.jpg", "jpg"),
        ("f_####.exr", "exr"),
        ("take_####/beauty.png", "png"),
    ],
)
def test_every_kind_of_file_plays_and_is_shown_at_full_size(editor, pattern, filetype):
    nodes, links = batch("kinds", 3, 300)
    nodes[1]["values"] |= {"path_pattern": f"kinds_{next(RUNS)}/{pattern}", "filetype": filetype}
    editor.make(nodes, links)
    editor.run()
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1003")
    editor.sees(1003)
    name = pattern.replace("####", "1003")
    assert editor.player().locator(".seqplayer-name").text_content() == name
    editor.player().get_by_role("button", name="Show at 100 %").press("Enter")
    editor.player().locator(".seqplayer-zoomed canvas").wait_for()
    canvas = editor.player().locator(".seqplayer-view canvas")
    assert canvas.evaluate("canvas => [canvas.width, canvas.height]") == [300, 300]
    link = editor.player().get_by_role("link").get_attribute("href")
    kind = "async (url) => (await fetch(url)).headers.get('Content-Type')"
    kinds = {"webp": "image/webp", "jpg": "image/jpeg"}  # all others are sent as PNG
    assert editor.page.evaluate(kind, link) == kinds.get(pattern.rpartition(".")[2], "image/png")


def test_frames_in_an_operators_folder_are_shown(editor, server, tmp_path):
    roots = server.base / "user" / "__system" / "image_sequence_roots.txt"
    roots.parent.mkdir(exist_ok=True)
    roots.write_text(f"rw {tmp_path}\n")
    nodes, links = batch("roots", 3)
    nodes[1]["values"]["path_pattern"] = f"{tmp_path}/f_####.png"
    _, saver = editor.make(nodes, links)
    editor.run()
    editor.sees(1001)
    assert editor.page.evaluate("id => app.nodeOutputs[id].images", saver) == []
    editor.player().get_by_role("slider", name="Frame").fill("1003")
    editor.sees(1003)
    assert editor.player().locator(".seqplayer-name").get_attribute("title") == f"{tmp_path}/f_1003.png"
    link = editor.player().get_by_role("link").get_attribute("href")
    assert "/image_sequence/preview?" in link
    size = "async (url) => (await (await fetch(url)).arrayBuffer()).byteLength"
    assert editor.page.evaluate(size, link) == (tmp_path / "f_1003.png").stat().st_size


def test_it_shows_the_frames_of_a_job_loaded_from_the_history(editor):
    editor.make(*batch("history"))
    editor.run()
    editor.sees(1001)
    # Like a new browser tab, which knows only what the server sends.
    editor.page.evaluate("sessionStorage.clear()")
    editor.page.evaluate("app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    editor.page.wait_for_function("app.graph.nodes.length === 0")
    editor.page.evaluate("sessionStorage.clear()")
    editor.page.evaluate("""async () => {
        const queue = document.getElementById("vue-app").__vue_app__.config.globalProperties.$pinia._s.get("queue");
        await queue.update();
        await queue.historyTasks[0].loadWorkflow(app);
    }""")
    editor.page.wait_for_function("app.graph.nodes.length === 2")
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1024")
    editor.sees(1024)


def test_it_shows_what_a_cancelled_run_has_saved(editor):
    nodes, links = batch("cancel", 60, 512)
    # Slow to save, so that the run is still there to cancel at the first progress event.
    nodes[1]["values"]["path_pattern"] = f"cancel_{next(RUNS)}/f_####.webp"
    nodes[1]["values"]["filetype"] = "webp lossless with embedded workflow"
    editor.make(nodes, links)
    editor.page.evaluate(
        "app.api.addEventListener('image_sequence.progress', () => app.api.interrupt(null), { once: true })"
    )
    editor.run()
    message = editor.player().locator(".seqplayer-message", has_text="Stopped: frame ")
    message.wait_for()
    assert re.fullmatch(r"Stopped: frame 10\d\d \(1001-1060\), \d+ of 60", message.text_content())
    editor.player().locator(".seqplayer-view[aria-busy=false] canvas[style*=aspect]").wait_for()
    assert editor.player().locator(".seqplayer-number").text_content() in message.text_content()


def test_tab_reaches_every_control_and_the_focus_is_visible(editor):
    editor.make(*batch("focus"))
    editor.run()
    editor.sees(1001)
    editor.player().locator(".seqplayer-view").focus()
    focused = "() => [document.activeElement.ariaLabel, getComputedStyle(document.activeElement).outlineStyle]"
    names = []
    for _ in range(8):
        editor.page.keyboard.press("Tab")
        name, outline = editor.page.evaluate(focused)
        names.append(name if outline == "solid" else f"{name}, without a visible focus")
    assert names == [
        "Show at 100 %",
        "Open this frame in a new tab",
        "Copy the path of this frame",
        "Open the workflow of this frame",
        "Play (space)",
        "Frame",
        "Looping; press for back and forth",
        "Frames per second",
    ]


def test_its_controls_are_in_the_users_language(editor):
    try:
        editor.set("Comfy.Locale", "fr")
        editor.reload()
        editor.make(*batch("language"))
        editor.run()
        editor.sees(1001)
        labels = "player => [...player.querySelectorAll('button')].map((button) => button.ariaLabel)"
        shown = editor.player().evaluate(labels)
        assert {"Lecture (espace)", "Ouvrir le workflow de cette image"} <= set(shown)
    finally:
        editor.set("Comfy.Locale", "en")
        editor.reload()  # because 1.42 replaces the graph some time after the language changes


def test_it_works_in_a_subgraph(editor):
    editor.make(*batch("sub"))
    editor.page.evaluate("""() => {
        app.canvas.selectItems(app.graph.nodes);
        app.canvas.graph.convertToSubgraph(app.canvas.selectedItems);
        app.canvas.emitBeforeChange();
        app.canvas.emitAfterChange();
    }""")
    enter = "() => { const [node] = app.graph.nodes; app.canvas.openSubgraph(node.subgraph, node) }"
    stored = "() => JSON.stringify(app.graph.serialize().nodes.map((n) => [n.widgets_values?.length, n.properties]))"
    before = editor.page.evaluate(stored)
    editor.run()
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1005")
    editor.sees(1005)
    assert editor.page.evaluate(stored) == before
    editor.page.evaluate("""() => {
        app.canvas.emitBeforeChange();
        app.graph.nodes[0].pos = [app.graph.nodes[0].pos[0] + 30, 160];
        app.canvas.emitAfterChange();
    }""")
    editor.page.evaluate(UNDO)
    editor.sees(1005)
    editor.page.evaluate(enter)
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1007")
    editor.sees(1007)
    editor.page.evaluate("app.canvas.setGraph(app.rootGraph ?? app.graph)")
    editor.sees(1005)
    editor.page.wait_for_function("""() => {
        app.canvas.emitBeforeChange();
        app.canvas.emitAfterChange();
        return Object.values({ ...sessionStorage, ...localStorage }).some((kept) => kept.includes("subgraphs"));
    }""")  # the editor stores what it will reopen some time after a change
    editor.reload()
    editor.page.wait_for_function("app.graph.nodes.length === 1")
    editor.sees(1005)
    editor.page.evaluate(enter)
    editor.sees(1007)


def test_a_refusal_inside_a_subgraph_shows_on_its_node(editor):
    nodes, links = batch("inside")
    nodes[1]["values"]["path_pattern"] = "../f_{}.png"
    editor.make(nodes, links)
    editor.page.evaluate("""() => {
        app.canvas.selectItems(app.graph.nodes);
        app.canvas.graph.convertToSubgraph(app.canvas.selectedItems);
    }""")
    editor.page.evaluate("app.queuePrompt(0, 1).catch(() => {})")
    editor.player().locator(".seqplayer-error", has_text="leaves its folder").wait_for()
    assert editor.page.evaluate("app.graph.nodes.length") == 1


def write_exr(path: Path, pixels: np.ndarray) -> None:
    """Write (height, width, 3) float32."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": np.ascontiguousarray(pixels, np.float32)}).write(str(path))


# The colour of the picture's pixel in this place.
DRAWN = """([x, y]) => {
    const canvas = document.querySelector(".seqplayer:not([data-layout=empty]) .seqplayer-view canvas");
    return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3);
}"""


def test_exr_is_shown_through_the_curve_with_exposure_and_marks(editor, server, tmp_path):
    """The pictures are for a person to look at."""
    name = f"plate_{next(RUNS)}"
    folder = server.base / "input" / name
    folder.mkdir(parents=True)
    pixels = np.full((180, 320, 3), 0.02, np.float32)
    pixels[:, 200:] = np.linspace(0, 4, 120)[None, :, None] * np.array([1, 0.8, 0.5])
    pixels[90, 100], pixels[90, 120], pixels[90, 140] = np.nan, np.inf, -np.inf
    for frame in range(1, 4):
        write_exr(folder / f"f_{frame:04d}.exr", pixels)
    loader = {"path_pattern": f"{name}/f_####.exr", "folder": "input", "start_index": 1, "frame_count": 3}
    nodes = [
        {"type": "ImageSequenceLoadBatch", "values": loader, "pos": [300, 100], "size": [420, 620]},
        {"type": "PreviewImage", "values": {}, "pos": [800, 100]},
    ]
    editor.make(nodes, [(0, 0, 1, "images")])
    editor.run()
    editor.sees(1)
    for palette in ("dark", "light"):
        editor.set("Comfy.ColorPalette", palette)
        editor.player().get_by_role("slider", name="Exposure").fill("0")
        for thirds, grey in ((0, 39), (9, 111)):
            editor.player().get_by_role("slider", name="Exposure").fill(str(thirds))
            editor.page.wait_for_function(f"(grey) => Math.abs(({DRAWN})([10, 10])[0] - grey) <= 1", arg=grey)
            marks = [editor.page.evaluate(DRAWN, [x, 90]) for x in (100, 120, 140)]
            assert marks == [[255, 0, 255], [0, 255, 255], [255, 255, 0]]
            renderer = "vue" if editor.page.evaluate("Boolean(LiteGraph.vueNodesMode)") else "canvas"
            editor.page.screenshot(path=tmp_path / f"{editor.version}_{renderer}_{palette}_{thirds}.png")
    editor.reload()
    editor.player().locator(".seqplayer-stops", has_text="+3.0 stops").wait_for()
    assert editor.requests[-1].partition("exposure=")[2].startswith("3")
