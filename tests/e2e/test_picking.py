"""Frames are chosen in the dialog, and uploaded, in ComfyUI's own editor: each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .test_player import editor, server

__all__ = ["editor", "server"]  # the fixtures

BATCH, FRAME, RESUME = "ImageSequenceLoadBatch", "ImageSequenceLoadFrame", "ImageSequenceFrameCounterFromDirectory"
FOLDERS = itertools.count()
NOTE_TOASTS = """() => {
    const { toast } = app.extensionManager;
    const { add } = toast;
    window.toasts = [];
    toast.add = (message) => {
        toasts.push(message);
        return add(message);
    };
}"""
BUTTON = """([id, name]) => {
    const node = app.canvas.graph.getNodeById(id);
    const widget = node.widgets.find((w) => w.name === name);
    const [x, y] = app.canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] / 2, node.pos[1] + widget.y + 10]);
    const { left, top } = app.canvas.canvas.getBoundingClientRect();
    return [x + left, y + top];
}"""

ROWS = """(id) => {
    const node = app.canvas.graph.getNodeById(id);
    const [x, y] = app.canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] / 2, node.pos[1] + 30]);
    const { left, top } = app.canvas.canvas.getBoundingClientRect();
    return [x + left, y + top];
}"""


class Desk:
    """A node in the editor, and a user with a mouse and a keyboard."""

    def __init__(self, editor: Any, server: Any, pictures: Path, kind: str, **values: Any) -> None:
        self.editor, self.page, self.kind = editor, editor.page, kind
        self.input, self.output = server.base / "input", server.base / "output"
        self._pictures = pictures
        self.is_vue = self.page.evaluate("Boolean(LiteGraph.vueNodesMode)")
        [self.id] = editor.make([{"type": kind, "values": values, "pos": [300, 120]}], [])
        self.dialog = self.page.locator("dialog.seqpicker[open]")
        self.page.evaluate(NOTE_TOASTS)

    def press_button(self, name: str, label: str) -> None:
        """Press a button of the node with the mouse."""
        if self.is_vue:
            self.page.locator(f'[data-node-id="{self.id}"]').get_by_role("button", name=label).click()
            return
        self.page.evaluate("app.canvas.setDirty(true, true)")
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.mouse.click(*self.page.evaluate(BUTTON, [self.id, name]))

    def open(self) -> None:
        self.press_button("choose_frames", "Choose frames...")
        self.dialog.wait_for()

    def at(self, path: str) -> None:
        self.page.wait_for_function(
            "path => document.querySelector('.seqpicker-path')?.textContent === path"
            " && !document.querySelector('.seqpicker-list').getAttribute('aria-busy')",
            arg=path,
        )

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def drop(self, *paths: Path, on_player: bool = False) -> None:
        """Drop files or folders from the desktop on the first rows of the node, or on the picture of its player."""
        if on_player:
            box = self.editor.player().locator(".seqplayer-view").bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        else:
            x, y = self.page.evaluate(ROWS, self.id)
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    def has(self, **values: Any) -> None:
        """Wait until the widgets have these values."""
        self.page.wait_for_function(
            """([id, values]) => Object.entries(values).every(([name, value]) =>
                app.canvas.graph.getNodeById(id).widgets.find((w) => w.name === name).value === value)""",
            arg=[self.id, values],
        )

    def toast(self, text: str) -> None:
        """Wait until there has been a notification with this text. It may be gone again from the screen."""
        self.page.wait_for_function(
            "text => toasts.some(({ summary, detail }) => `${summary} ${detail}`.includes(text))", arg=text
        )

    def label(self, text: str) -> None:
        """Wait until the upload button says this."""
        self.page.wait_for_function(
            """([id, text]) => app.canvas.graph.getNodeById(id).widgets
                .find((w) => w.name === 'upload_frames').label.includes(text)""",
            arg=[self.id, text],
        )
        if self.is_vue:
            self.page.locator(f'[data-node-id="{self.id}"]').get_by_text(text).wait_for()

    def picture(self, name: str) -> None:
        """For a person to look at."""
        renderer = "vue" if self.is_vue else "canvas"
        self.page.screenshot(path=self._pictures / f"{self.editor.version}_{renderer}_{self.kind}_{name}.png")


@pytest.fixture
def node(editor, server, tmp_path):
    def open_node(kind: str = BATCH, **values: Any) -> Desk:
        return Desk(editor, server, tmp_path, kind, **values)

    return open_node


def write_frames(folder: Path, first: int, last: int, name: str = "f_{:04d}.png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(number) for number in range(first, last + 1)]
    for number, path in enumerate(paths):
        Image.new("RGB", (64, 48), (number % 256, 90, 160)).save(path)
    return paths


def fresh() -> str:
    return f"pick_{next(FOLDERS)}"


def test_a_sequence_is_chosen_with_the_keyboard(node):
    desk, name = node(folder="input", path_pattern="f_####.png"), fresh()
    write_frames(desk.input / name, 1001, 1012)
    desk.open()
    desk.at("input")
    desk.page.keyboard.type(name)
    desk.press("Enter")
    desk.at(f"input/{name}")
    desk.page.locator(".seqpicker-preview img:not([hidden])").wait_for()
    desk.picture("keyboard")
    desk.press("Enter")
    desk.has(folder="input", path_pattern=f"{name}/f_####.png", start_index=1001, frame_count=0)
    desk.dialog.wait_for(state="detached")
    desk.editor.sees(1001)
    desk.picture("chosen")
    desk.page.evaluate("app.extensionManager.command.execute('Comfy.Undo')")
    desk.has(path_pattern="f_####.png", start_index=0, frame_count=16)


def test_a_sequence_is_chosen_with_the_mouse(node):
    desk, name = node(FRAME, folder="output"), fresh()
    write_frames(desk.output / name, 3, 5)
    desk.open()
    desk.at("output")
    desk.page.get_by_role("option", name=name).dblclick()
    desk.at(f"output/{name}")
    desk.page.get_by_role("option", name="f_####.png").click()
    desk.page.get_by_role("button", name="Choose", exact=True).click()
    desk.has(folder="output", directory_path=name, pattern="f_####.png", frame_number=3)


def test_the_resume_counter_looks_where_savers_write(node):
    desk, name = node(RESUME), fresh()
    write_frames(desk.output / name, 0, 2)
    desk.open()
    desk.at("output")
    assert desk.page.locator(".seqpicker-roots button").all_text_contents() == ["output"]
    desk.page.keyboard.type(name)
    desk.press("Enter")
    desk.at(f"output/{name}")
    desk.press("Enter")
    desk.has(directory_path=name, pattern="f_####.png")


@pytest.mark.parametrize(("palette", "width"), [("light", 1280), ("dark", 390)])
def test_it_is_readable_in_a_light_theme_and_in_a_narrow_window(node, palette, width):
    desk, name = node(folder="input", path_pattern="f_####.png"), fresh()
    write_frames(desk.input / name, 1, 3)
    desk.editor.set("Comfy.ColorPalette", palette)
    desk.open()
    desk.page.set_viewport_size({"width": width, "height": 800})
    desk.at("input")
    box = desk.dialog.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    desk.picture(f"{palette}_{width}")
    desk.press("Escape")
    desk.dialog.wait_for(state="detached")
    desk.editor.set("Comfy.ColorPalette", "dark")


@pytest.mark.parametrize("kind", [BATCH, FRAME, RESUME])
def test_the_buttons_change_neither_the_stored_values_nor_the_prompt(node, kind):
    desk = node(kind)
    stored = desk.page.evaluate("(id) => app.canvas.graph.getNodeById(id).serialize().widgets_values", desk.id)
    assert not any(value in (None, "choose_frames", "upload_frames") for value in stored)
    prompt = desk.page.evaluate("async () => (await app.graphToPrompt()).output")
    assert not {"choose_frames", "upload_frames"} & {name for node in prompt.values() for name in node["inputs"]}
    desk.picture("new")
