"""The widgets for EXR and colour appear where they apply: in each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .test_player import editor, server, write_exr

__all__ = ["editor", "server"]  # the fixtures

SAVER_WIDGETS = ["image_color_space", "file_color_space", "exr_compression"]
LOADER_WIDGETS = ["layer", "image_color_space", "file_color_space"]
SAVERS = ["ImageSequenceSaveFrame", "ImageSequenceSaveCounted", "ImageSequenceSaveBatch"]

# As a user does it on the canvas: the value, then the callback.
CHOOSE = """([id, name, value]) => {
    const node = app.canvas.graph.getNodeById(id);
    node.widgets.find((w) => w.name === name).setValue(value, { node, canvas: app.canvas });
}"""
SEEN_ON_CANVAS = """([id, names]) => {
    const node = app.canvas.graph.getNodeById(id);
    return node.widgets.filter((w) => names.includes(w.name) && node.isWidgetVisible(w)).map((w) => w.name);
}"""
SEEN_IN_VUE = """([id, names]) => {
    const shown = [...document.querySelectorAll(`[data-node-id="${id}"] .lg-node-widget`)].filter((e) => e.checkVisibility());
    return names.filter((name) => shown.some((e) => e.textContent.includes(name)));
}"""
# What the widgets above the player need, and where the last one of them ends.
HEIGHTS = """(id) => {
    const node = app.canvas.graph.getNodeById(id);
    const drawn = node.widgets.filter((w) => !w.element && node.isWidgetVisible(w));
    return { node: node.size[1], needed: node.computeSize()[1], rows: drawn.length, end: drawn.at(-1).y };
}"""
ROW = 24  # pixels of a widget on the canvas
FOLDERS = itertools.count()


class Desk:
    """One node in the editor, and which of the widgets in question the user sees."""

    def __init__(self, editor: Any, pictures: Path, kind: str, **values: Any) -> None:
        self._pictures = pictures
        self.editor, self.kind = editor, kind
        self.page = editor.page
        self.names = SAVER_WIDGETS if kind in SAVERS else LOADER_WIDGETS
        self.is_vue = self.page.evaluate("Boolean(LiteGraph.vueNodesMode)")
        # An output node behind the loader, so that it can run.
        nodes = [
            {"type": kind, "values": values, "pos": [300, 120]},
            {"type": "PreviewImage", "values": {}, "pos": [900, 120]},
        ]
        links = [] if kind in SAVERS else [(0, 0, 1, "images")]
        self.id = editor.make(nodes[: 1 + len(links)], links)[0]

    def choose(self, name: str, value: str) -> None:
        self.page.evaluate(CHOOSE, [self.id, name, value])

    def sees(self, *names: str) -> None:
        """Wait until exactly these are shown."""
        script = SEEN_IN_VUE if self.is_vue else SEEN_ON_CANVAS
        expected = [name for name in self.names if name in names]
        self.page.wait_for_function(
            f"([id, names, expected]) => JSON.stringify(({script})([id, names])) === JSON.stringify(expected)",
            arg=[self.id, self.names, expected],
        )

    def all(self) -> None:
        self.sees(*self.names)

    def none(self) -> None:
        self.sees()

    def heights(self) -> dict[str, float]:
        """After the next drawing."""
        self.page.evaluate("app.canvas.setDirty(true, true)")
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.page.evaluate(HEIGHTS, self.id)

    def type(self, name: str, text: str) -> None:
        """Into a text field: with Vue nodes into the real one."""
        if not self.is_vue:
            self.choose(name, text)
            return
        row = self.page.locator(f'[data-node-id="{self.id}"] .lg-node-widget', has_text=re.compile(f"^{name}$"))
        row.locator("input, textarea").fill(text)

    def in_one_step(self, name: str, value: str) -> None:
        """As one change that can be undone."""
        self.page.evaluate("app.canvas.emitBeforeChange()")
        self.choose(name, value)
        self.page.evaluate("app.canvas.emitAfterChange()")

    def copy(self) -> None:
        self.page.evaluate(
            """(id) => {
            app.canvas.copyToClipboard([app.canvas.graph.getNodeById(id)]);
            app.canvas.pasteFromClipboard();
        }""",
            self.id,
        )
        self.id = self.page.evaluate("String(app.graph.nodes.at(-1).id)")

    def enter_subgraph(self) -> None:
        """Put the node into a subgraph and open that."""
        self.page.evaluate(
            """(id) => {
            const { subgraph } = app.graph.convertToSubgraph(new Set([app.canvas.graph.getNodeById(id)]));
            app.canvas.setGraph(subgraph);
        }""",
            self.id,
        )
        self.page.wait_for_function("app.canvas.graph !== app.rootGraph && app.canvas.graph.nodes.length === 1")
        self.id = self.page.evaluate("String(app.canvas.graph.nodes[0].id)")

    def picture(self, name: str) -> None:
        """For a person to look at."""
        self.page.screenshot(
            path=self._pictures / f"{self.editor.version}_{'vue' if self.is_vue else 'canvas'}_{self.kind}_{name}.png"
        )

    def has_height(self, height: float) -> None:
        self.page.wait_for_function(
            "([id, height]) => app.canvas.graph.getNodeById(id).size[1] === height", arg=[self.id, height]
        )

    def is_as_high_as_its_widgets(self) -> None:
        """Vue nodes always are."""
        if not self.is_vue:
            heights = self.heights()
            assert heights["node"] == heights["needed"]

    def values(self) -> Any:
        return self.page.evaluate("(id) => app.canvas.graph.getNodeById(id).serialize().widgets_values", self.id)


@pytest.fixture
def desk(editor, tmp_path):
    def open_node(kind: str, **values: Any) -> Desk:
        return Desk(editor, tmp_path, kind, **values)

    return open_node


# The names of the inputs that the canvas finds at the left end of each row, from the first widget to the last one.
UNDER_THE_MOUSE = """(id) => {
    const node = app.canvas.graph.getNodeById(id);
    const rows = node.widgets.filter((w) => !w.element && node.isWidgetVisible(w));
    const found = new Set();
    for (let y = rows[0].y - 12; y < rows.at(-1).y + 60; y++) {
        const slot = node.getInputOnPos([node.pos[0] + 12, node.pos[1] + y]);
        if (slot?.widget) found.add(slot.name); // the sockets above the rows have none
    }
    return [[...found], rows.map(({ name }) => name)];
}"""


@pytest.mark.parametrize("kind", ["ImageSequenceLoadBatch", "ImageSequenceSaveCounted"])
def test_only_widgets_that_are_drawn_are_under_the_mouse(desk, kind):
    node = desk(kind)
    if node.is_vue:
        pytest.skip("Vue nodes have an element for each row")
    node.heights()
    found, rows = node.page.evaluate(UNDER_THE_MOUSE, node.id)
    inputs = [name for name in rows if name not in ("choose_frames", "upload_frames", "control_after_generate")]
    assert found == inputs


@pytest.mark.parametrize("kind", SAVERS)
def test_a_saver_shows_them_while_exr_is_chosen(desk, kind):
    node = desk(kind, **({"path_pattern": "f_####"} if kind == "ImageSequenceSaveBatch" else {}))
    node.none()
    # The line about where the next frame goes makes the node taller.
    node.page.locator(".seqplayer-message:not(:empty)").first.wait_for()
    fresh, before = node.heights(), node.values()
    node.picture("png")
    node.choose("filetype", "exr 16-bit")
    node.all()
    node.picture("exr")
    if not node.is_vue:
        shown = node.heights()
        added = 4  # the three, and workflow_file
        assert shown["rows"] == fresh["rows"] + added
        assert shown["node"] == fresh["node"] + added * ROW
        assert shown["end"] == fresh["end"] + added * ROW
    node.choose("filetype", "png")
    node.none()
    node.has_height(fresh["node"])
    assert node.heights() == fresh
    after = node.values()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [(before[after.index("png")], "png")]


def test_a_new_node_has_no_room_for_what_it_does_not_show(desk):
    node = desk("ImageSequenceSaveBatch", path_pattern="f_####")
    node.none()
    node.is_as_high_as_its_widgets()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ImageSequenceSaveBatch", "path_pattern"),
        ("ImageSequenceLoadBatch", "path_pattern"),
        ("ImageSequenceLoadFrame", "pattern"),
    ],
)
def test_the_extension_in_a_pattern_chooses_exr_too(desk, kind, name):
    node = desk(kind)
    node.none()
    node.type(name, "f_####.EXR")
    node.all()
    node.picture("exr")
    node.type(name, "f_####.png")
    node.none()


def test_a_value_that_is_not_the_default_stays_visible(desk):
    node = desk("ImageSequenceSaveBatch", path_pattern="f_####", filetype="exr", exr_compression="DWAA")
    node.all()
    node.choose("filetype", "png")
    node.sees("exr_compression")
    node.picture("kept")
    node.choose("exr_compression", "ZIP")
    node.none()
    node.is_as_high_as_its_widgets()


def test_the_height_that_the_user_has_set_stays(desk):
    node = desk("ImageSequenceSaveBatch", path_pattern="f_####")
    node.choose("filetype", "exr")
    node.all()
    node.page.evaluate("(id) => app.canvas.graph.getNodeById(id).setSize([400, 700])", node.id)
    node.choose("filetype", "png")
    node.none()
    assert node.heights()["node"] == 700


def test_the_user_can_ask_for_them(desk):
    node = desk("ImageSequenceSaveBatch", path_pattern="f_####")
    node.none()
    if node.is_vue:
        node.page.get_by_text("Show advanced inputs").click()
    else:
        node.page.evaluate("(id) => app.canvas.graph.getNodeById(id).toggleAdvanced()", node.id)
    node.all()
    node.picture("advanced")


def test_they_survive_undo_copies_and_a_reload(desk):
    node = desk("ImageSequenceSaveBatch", filetype="exr")
    node.all()
    height = node.heights()["node"]
    node.in_one_step("filetype", "png")
    node.none()
    node.page.evaluate("app.extensionManager.command.execute('Comfy.Undo')")
    node.all()
    if not node.is_vue:
        assert node.heights()["node"] == height
    node.page.evaluate("app.extensionManager.command.execute('Comfy.Redo')")
    node.none()
    node.in_one_step("filetype", "exr")
    node.editor.reload()
    node.all()
    if not node.is_vue:
        assert node.heights()["node"] == height
    original = node.id
    node.copy()
    assert node.id != original
    node.all()
    assert "exr" in node.values()


def test_they_appear_in_a_subgraph(desk):
    node = desk("ImageSequenceSaveBatch", filetype="exr")
    node.enter_subgraph()
    node.all()
    node.choose("filetype", "png")
    node.none()
    node.picture("subgraph")


def test_a_loader_shows_them_once_it_has_loaded_linear_files(desk, server):
    folder = server.base / "input" / f"linear_{next(FOLDERS)}"
    folder.mkdir()
    for frame in range(3):
        write_exr(folder / f"f_{frame:04d}.exr", np.linspace(0, 2, 32 * 48 * 3).reshape(32, 48, 3))
    node = desk("ImageSequenceLoadFrame", directory_path=folder.as_posix(), folder="input", pattern="*", frame_number=1)
    node.none()
    node.editor.run()
    node.all()
    node.editor.sees(1)
    node.picture("loaded")
    node.editor.reload()
    node.all()
    node.type("pattern", "*.png")
    node.none()
