"""The templates in ComfyUI's template browser: found, readable and runnable in each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest

from .conftest import PACK
from .editor import Editor
from .test_player import server

__all__ = ["server"]  # the fixture

TEMPLATES = sorted(path.stem for path in (PACK / "example_workflows").glob("*.json"))
READABLE = 0.75  # frontends replace texts by bars below 0.6

# As the template browser opens them.
OPEN = """async (name) => {
    const url = app.api.apiURL(`/workflow_templates/image-sequence-pack/${encodeURIComponent(name)}.json`);
    await app.loadGraphData(await (await fetch(url)).json(), true, true, name, { openSource: "template" });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
DRAWN = """() => !LiteGraph.vueNodesMode || app.graph.nodes.every((node) => {
    const element = document.querySelector(`[data-node-id="${node.id}"]`);
    return element && element.getBoundingClientRect().height > 0;
})"""
# [title, left, top, right, bottom] of every node, in units of the graph.
BOXES = """() => app.graph.nodes.map((node) => {
    if (!LiteGraph.vueNodesMode) {
        const [x, y, width, height] = node.getBounding();
        return [node.title, x, y, x + width, y + height];
    }
    const box = document.querySelector(`[data-node-id="${node.id}"]`).getBoundingClientRect();
    return [node.title, ...[box.left, box.top, box.right, box.bottom].map((value) => value / app.canvas.ds.scale)];
})"""


@pytest.fixture(params=["canvas", "vue"])
def editor(server, browser, request) -> Iterator[Editor]:
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.set_default_timeout(180_000)  # the browser lists hundreds of templates
    editor = Editor(page, server.url)
    editor.open()
    if request.param == "vue" and editor.version.startswith("1.27."):
        page.close()
        pytest.skip("Vue nodes of 1.27 have no place for DOM widgets")
    editor.set("Comfy.VueNodes.Enabled", request.param == "vue")
    yield editor
    page.close()


# Frontend 1.42 gives a Vue node the size of the node that had its id in the graph before.
CLEAR = """async () => {
    app.graph.clear();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def show(editor: Editor, name: str) -> None:
    editor.page.evaluate(CLEAR)
    editor.page.evaluate(OPEN, name)
    editor.page.wait_for_function(DRAWN)


def overlaps(editor: Editor) -> list[str]:
    pairs = itertools.combinations(editor.page.evaluate(BOXES), 2)
    return [
        f"{one} and {other}"
        for (one, *a), (other, *b) in pairs
        if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
    ]


def test_a_search_for_image_sequence_finds_every_template(editor):
    editor.page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    editor.page.locator("[data-testid^=template-workflow-]").first.wait_for()
    editor.page.get_by_role("dialog").get_by_placeholder(re.compile("^Search")).fill("image sequence")
    for name in TEMPLATES:
        editor.page.get_by_test_id(f"template-workflow-{name}").wait_for()
    editor.page.get_by_test_id(f"template-workflow-{TEMPLATES[0]}").click()
    notes = "app.graph.nodes.filter((node) => node.title === 'How to run this').length === 1"
    editor.page.wait_for_function(notes)


def test_every_template_opens_readable_and_without_overlaps(editor, tmp_path):
    seen = {}
    for name in TEMPLATES:
        show(editor, name)
        seen[name] = (editor.page.evaluate("app.canvas.ds.scale"), overlaps(editor))
        editor.page.screenshot(path=tmp_path / f"{name}.png")  # for a person to look at
    assert {name: scale for name, (scale, _) in seen.items() if scale < READABLE} == {}
    assert {name: pairs for name, (_, pairs) in seen.items() if pairs} == {}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_runs_as_it_is(editor, server, name):
    if editor.page.evaluate("Boolean(LiteGraph.vueNodesMode)"):
        pytest.skip("the renderer makes no difference to a prompt")
    show(editor, name)
    before = set(server.get_json("/history"))
    editor.run(2)
    entries = [entry for key, entry in server.get_json("/history").items() if key not in before]
    assert [entry["status"]["status_str"] for entry in entries] == ["success"] * 2, json.dumps(entries)[-2000:]
    assert overlaps(editor) == [], "with their players"
