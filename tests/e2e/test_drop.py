"""Dropping a file of the savers onto ComfyUI's editor opens the graph that made it.

Uses the frontend of the server, or those that COMFYUI_FRONTENDS names (see test_player.py).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import Any

import pytest

from .editor import Editor

FRONTENDS = [folder for folder in os.environ.get("COMFYUI_FRONTENDS", "").split(os.pathsep) if folder] or [""]

# Like a drop from the desktop: the event brings the file, and the frontend detects its type.
DROP = """async ([name, type, base64]) => {
    app.graph.clear();
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type }));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""

GRAPH = """() => app.graph.nodes.map(({ type, widgets }) =>
    [type, Object.fromEntries((widgets ?? []).map(({ name, value }) => [name, value]))])"""


@pytest.fixture(scope="module", params=FRONTENDS, ids=range(len(FRONTENDS)))
def server(start, request) -> Iterator[Any]:
    with start(*(("--front-end-root", request.param) if request.param else ())) as running:
        yield running


@pytest.fixture
def editor(server, browser) -> Iterator[Editor]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    editor = Editor(page, server.url)
    editor.open()
    yield editor
    page.close()


@pytest.mark.parametrize(
    ("filetype", "dropped", "media_type"),
    [
        ("png with embedded workflow", "f_0000.png", "image/png"),
        ("png 16-bit with embedded workflow", "f_0000.png", "image/png"),
        ("webp lossless with embedded workflow", "f_0000.webp", "image/webp"),
        ("webp lossy with embedded workflow", "f_0000.webp", "image/webp"),
        ("jpg", "f_####.jpg.workflow.json", "application/json"),
        ("exr", "f_####.exr.workflow.json", "application/json"),
    ],
)
def test_opens_the_graph_with_every_value(server, editor, filetype, dropped, media_type):
    folder = filetype.replace(" ", "_")
    render = {"type": "ProbeCostly", "values": {"frame": 0, "count": 1, "width": 33, "height": 17}, "pos": [60, 160]}
    values = {"path_pattern": f"{folder}/f_####", "filetype": filetype, "workflow_file": True, "start_index": 0}
    save = {"type": "ImageSequenceSaveBatch", "values": values, "pos": [420, 160]}
    editor.make([render, save], [(0, 0, 1, "images")])
    made = editor.page.evaluate(GRAPH)
    editor.run()

    file = server.base / "output" / folder / dropped
    editor.page.evaluate(DROP, [dropped, media_type, base64.b64encode(file.read_bytes()).decode()])

    editor.page.wait_for_function("app.graph.nodes.length === 2")
    opened = editor.page.evaluate(GRAPH)
    assert sorted(opened, key=str) == sorted(made, key=str)
    assert dict(opened)["ImageSequenceSaveBatch"].items() >= values.items()
