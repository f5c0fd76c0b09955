"""Workflows that were saved with the earlier packs open in the editor of a ComfyUI that has this pack instead.

These versions of the frontend saved `tests/workflows/<pack>_<frontend>.json` from graphs of the earlier packs' own nodes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from io_utils.comfyui.replaced_nodes import REPLACEMENTS

WORKFLOWS = sorted((Path(__file__).resolve().parents[1] / "workflows").glob("*.json"))
REPLACEMENT_OF = {row.old_id: row for row in REPLACEMENTS}

OPEN = """([text, name]) => app.handleFile(new File([text], name, { type: "application/json" }))"""

GRAPH = """() => Object.fromEntries(app.graph.nodes.map((node) => [node.id, {
    type: node.type,
    title: node.title,
    widgets: Object.fromEntries((node.widgets ?? []).map(({ name, value }) => [name, value])),
    links: Object.fromEntries((node.inputs ?? []).map(({ name }, index) => [name, node.getInputLink(index)])
        .filter(([, link]) => link).map(([name, link]) => [name, [String(link.origin_id), link.origin_slot]])),
}]))"""

RUN = """async () => {
    const ended = (name) => new Promise((done) => app.api.addEventListener(name, () => done(name), { once: true }));
    const end = Promise.race(["execution_success", "execution_error", "execution_interrupted"].map(ended));
    await app.queuePrompt(0, 1);
    return end;
}"""


@pytest.fixture
def editor(comfyui: Any, browser: Any) -> Iterator[Any]:
    """A page with the editor of a ComfyUI whose frontend offers replacements."""
    if not comfyui.server.get_json("/features").get("node_replacements"):
        pytest.skip("a ComfyUI before 0.13 has no node replacements")
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    with page.expect_response("**/node_replacements"):
        page.goto(comfyui.server.url)
    page.wait_for_function("window.app?.graph && app.extensionManager && app.vueAppReady")
    yield page
    page.close()


@pytest.fixture
def replaced(editor: Any) -> Callable[[Path], dict[str, Any]]:
    """Opens a workflow, accepts every replacement that the editor offers, and returns the new graph."""

    def open_and_replace(workflow: Path) -> dict[str, Any]:
        saved = json.loads(workflow.read_text(encoding="utf-8"))
        old_ids = {node["type"] for node in saved["nodes"]} & set(REPLACEMENT_OF)
        editor.evaluate(OPEN, [json.dumps(saved), workflow.name])
        # 1.42 asks in a dialog. 1.58 shows a notification and has the button in a panel.
        replace = editor.get_by_role("button", name="Replace Selected").or_(
            editor.get_by_role("button", name="View details")
        )
        replace.first.wait_for()
        if "details" in replace.first.inner_text():
            replace.first.click()
            replace = editor.get_by_role("button", name="Replace All")
        replace.first.click()
        editor.get_by_text(f"Replaced {len(old_ids)} node type(s)").first.wait_for()
        return editor.evaluate(GRAPH)

    return open_and_replace


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_node_is_replaced_with_its_title_values_and_links(comfyui, replaced, workflow):
    nodes = replaced(workflow)

    known = comfyui.server.get_json("/object_info")
    saved = json.loads(workflow.read_text(encoding="utf-8"))
    before = {str(node["id"]): node for node in saved["nodes"]}
    assert list(nodes) == list(before)
    for node_id, old in before.items():
        if old["type"] in REPLACEMENT_OF:
            row, node = REPLACEMENT_OF[old["type"]], nodes[node_id]
            assert node["type"] == row.new_id
            assert node["title"] == old.get("title", known[row.new_id]["display_name"])
            values = dict(zip(row.widgets, old["widgets_values"], strict=True))
            assert {name: node["widgets"][name] for name in row.widgets} == values
            assert "increment" not in node["widgets"].values(), "a fixed number would start to count"
    links = {}
    for _, origin, output, target, slot, _ in saved["links"]:
        row = REPLACEMENT_OF.get(before[str(origin)]["type"])  # type: ignore[assignment]
        name = before[str(target)]["inputs"][slot]["name"]
        links[str(target), name] = [str(origin), row.output(output) if row else output]
    assert {(node_id, name): link for node_id, node in nodes.items() for name, link in node["links"].items()} == links


def of_pack(name: str) -> Any:
    workflows = [path for path in WORKFLOWS if path.stem.startswith(f"{name}_")]
    return pytest.mark.parametrize("workflow", workflows, ids=lambda path: path.stem)


@of_pack("mtb")
def test_mtb_saves_the_typed_frame_in_every_run(comfyui, editor, replaced, workflow):
    replaced(workflow)
    for name in ("mtb_typed", "mtb_linked"):
        shutil.rmtree(comfyui.output / name, ignore_errors=True)

    assert [editor.evaluate(RUN), editor.evaluate(RUN)] == ["execution_success"] * 2
    assert [path.name for path in (comfyui.output / "mtb_typed").iterdir()] == ["mtb_typed_00012.png"]
    counted = {path.name for path in (comfyui.output / "mtb_linked").iterdir()}
    assert counted == {"mtb_linked_00008.png", "mtb_linked_00009.png"}


@of_pack("jw")
def test_jw_loads_and_saves_and_keeps_existing_files(comfyui, editor, replaced, workflow):
    for folder, names in (("plate", ("p0005.png", "p0007.png")), ("comp", ("c0102.png",))):
        shutil.rmtree(comfyui.output / folder, ignore_errors=True)
        (comfyui.output / folder).mkdir()
        for name in names:
            Image.new("RGB", (8, 6), "red").save(comfyui.output / folder / name)
    replaced(workflow)

    assert editor.evaluate(RUN) == "execution_success"
    assert sorted(path.name for path in (comfyui.output / "comp").iterdir()) == [
        "c0101.png",
        "c0102-0.png",
        "c0102.png",
    ]
