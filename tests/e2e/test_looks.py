"""Nodes show what their widgets lead to before any run: in each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
import json

import pytest
from PIL import Image

from .test_player import editor, server

__all__ = ["editor", "server"]  # the fixtures

FOLDERS = itertools.count()

# As a user does it: the value, then the callback.
TYPE = """([id, name, value]) => {
    const node = app.graph.getNodeById(id);
    node.widgets.find((w) => w.name === name).setValue(value, { node, canvas: app.canvas });
}"""


def write_frames(folder, numbers):
    folder.mkdir(parents=True)
    for number in numbers:
        Image.new("RGB", (160, 90), (number % 256, 40, 90)).save(folder / f"f_{number:04d}.png")


def loader(folder, kind="ImageSequenceLoadBatch", **values):
    given = {"path_pattern": f"{folder}/f_####.png", "folder": "input", "start_index": 1001, "frame_count": 0}
    return {"type": kind, "values": given | values, "pos": [300, 120], "size": [420, 620]}


def says(editor, text):
    editor.page.locator(".seqplayer-message", has_text=text).first.wait_for()


def picture(editor, folder, name):
    """For a person to look at."""
    renderer = "vue" if editor.page.evaluate("Boolean(LiteGraph.vueNodesMode)") else "canvas"
    editor.page.screenshot(path=folder / f"{editor.version}_{renderer}_{name}.png")


def test_a_loader_alone_shows_its_frames_and_follows_what_is_typed(editor, server, tmp_path):
    folder = f"look_{next(FOLDERS)}"
    write_frames(server.base / "input" / folder, [1001, 1002, 1004])
    write_frames(server.base / "input" / f"{folder}_b", range(1001, 1025))
    [node] = editor.make([loader(folder, ignore_missing_images="true")], [])
    says(editor, "3 frames, 1001-1002,1004, 1 missing (1003), 160 x 90 PNG")
    editor.sees(1001)
    editor.player().get_by_role("slider", name="Frame").fill("1004")
    editor.sees(1004)
    picture(editor, tmp_path, "loader")
    editor.page.evaluate(TYPE, [node, "ignore_missing_images", "false"])
    says(editor, "3 frames, 1001-1002,1004, 1 missing (1003), 160 x 90 PNG\n")
    says(editor, "Frame 1003 is missing")
    editor.sees(1004)
    picture(editor, tmp_path, "gap")
    editor.page.evaluate(TYPE, [node, "path_pattern", f"{folder}_b/f_####.png"])
    says(editor, "24 frames, 1001-1024, 160 x 90 PNG")
    editor.page.evaluate(TYPE, [node, "path_pattern", "nowhere_at_all/f_####.png"])
    says(editor, "nowhere_at_all")
    picture(editor, tmp_path, "refused")
    editor.page.evaluate(TYPE, [node, "path_pattern", f"{folder}/f_####.png"])
    says(editor, "3 frames")


def test_a_look_neither_changes_the_workflow_nor_is_stored(editor, server):
    folder = f"look_{next(FOLDERS)}"
    write_frames(server.base / "input" / folder, range(1001, 1004))
    editor.make([loader(folder)], [])
    says(editor, "3 frames")
    editor.sees(1001)
    saved = editor.page.evaluate("JSON.stringify(app.graph.serialize())")
    assert "sequence_player" not in saved
    editor.page.evaluate("(saved) => app.loadGraphData(JSON.parse(saved))", saved)
    says(editor, "3 frames")
    editor.sees(1001)
    # The editor looks for changes after every click.
    editor.page.mouse.click(20, 880)
    assert not editor.page.evaluate("app.extensionManager.workflow.activeWorkflow.isModified")
    assert (
        json.loads(editor.page.evaluate("JSON.stringify(app.graph.serialize())"))["nodes"] == json.loads(saved)["nodes"]
    )


def test_a_saver_says_what_becomes_of_the_frames_that_are_there(editor, tmp_path):
    name = f"save_{next(FOLDERS)}"
    nodes = [
        {
            "type": "ProbeCostly",
            "values": {"frame": 0, "count": 3, "control_after_generate": "fixed"},
            "pos": [60, 160],
        },
        {
            "type": "ImageSequenceSaveBatch",
            "values": {"path_pattern": f"{name}/f_####.png", "start_index": 1, "overwrite": "true"},
            "pos": [420, 160],
            "size": [420, 620],
        },
    ]
    _, saver = editor.make(nodes, [(0, 0, 1, "images")])
    says(editor, f"Next: {name}/f_0001.png.")
    editor.run()
    says(editor, "3 frames are there already (1-3): they will be replaced.")
    picture(editor, tmp_path, "saver")
    editor.page.evaluate(TYPE, [saver, "overwrite", "error"])
    says(editor, "3 frames are there already (1-3): the run will stop.")
    editor.page.evaluate(TYPE, [saver, "overwrite", "skip unchanged"])
    says(editor, "3 frames are there already (1-3): those that have changed will be replaced.")
    picture(editor, tmp_path, "skip_unchanged")
    editor.run()
    says(editor, "Kept frames 1-3, which this graph made:")
    editor.page.evaluate(TYPE, [saver, "start_index", 4])
    says(editor, f"Next: {name}/f_0004.png. 3 frames are there already (1-3).")


@pytest.mark.parametrize("kind", ["ImageSequenceFrameCounter", "ImageSequenceFrameCounterFromDirectory"])
def test_a_counter_says_which_frame_is_next(editor, tmp_path, kind):
    values: dict[str, object] = {"total_frames": 100, "frames_per_second": 24}
    values |= {"frame_index": 12} if kind == "ImageSequenceFrameCounter" else {"directory_path": "nothing_here"}
    editor.make([{"type": kind, "values": values, "pos": [300, 120]}], [])
    next_frame, left = (12, 88) if "frame_index" in values else (0, 100)
    says(editor, f"Next: frame {next_frame} (100 in all), {left} left.")
    picture(editor, tmp_path, kind)


def test_a_counter_shows_why_it_is_refused(editor, tmp_path):
    nodes = [
        {
            "type": "ImageSequenceFrameCounterFromDirectory",
            "values": {"directory_path": "../out", "total_frames": 10},
            "pos": [60, 120],
        },
        {"type": "ProbeCostly", "values": {"frame": 0}, "pos": [60, 520]},
        {"type": "ImageSequenceSaveCounted", "values": {"directory_path": "x"}, "pos": [500, 120]},
    ]
    editor.make(nodes, [(0, 0, 2, "frame_counter"), (1, 0, 2, "image")])
    editor.page.evaluate("app.queuePrompt(0, 1)")
    error = editor.page.locator(".seqplayer-error", has_text="../out").first
    error.wait_for()
    assert error.text_content().startswith("directory_path: ")
    picture(editor, tmp_path, "counter_refused")
