"""ComfyUI's node search finds the pack's nodes by the words that people type: in each frontend."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .editor import Editor
from .test_player import server

__all__ = ["server"]  # the fixture

BATCH, FRAME = "Load Image Sequence (Batch)", "Load Image Sequence (Frame)"
SAVE_BATCH, SAVE_INDEX = "Save Image Sequence (Batch)", "Save Image Sequence (Frame Index)"
SAVE_COUNTED = "Save Image Sequence (Frame Counter)"
LOADERS, SAVERS = {BATCH, FRAME}, {SAVE_BATCH, SAVE_INDEX, SAVE_COUNTED}
# What people type, and the nodes that have to be among the first results.
BY_NAME = {
    "image sequence": LOADERS | SAVERS,
    "load image": LOADERS,
    "save image": SAVERS,
    "exr": {"Add EXR Layer"},
    "frame counter": {"Frame Counter", "Frame Counter (Resume from Directory)", SAVE_COUNTED},
    "resume": {"Frame Counter (Resume from Directory)"},
}
BY_ALIAS = {
    "load images from folder": LOADERS,
    "load images from directory": LOADERS,
    "load frames": LOADERS,
    "image folder": LOADERS,
    "upload": LOADERS,
    "upload images": LOADERS,
    "upload frames": LOADERS,
    "footage": LOADERS,
    "import footage": LOADERS,
    "frame range": {BATCH, "Frame Counter"},
    "missing frames": LOADERS | {"Frame Counter (Resume from Directory)"},
    "png sequence": LOADERS | SAVERS,
    "exr": SAVERS,
    "save exr": SAVERS,
    "load exr": LOADERS,
    "export frames": SAVERS,
    "frames to video": {BATCH, "Animation Sequence to Images"},
    "webp": SAVERS,
    "jpg": LOADERS | SAVERS,
    "jpeg": LOADERS | SAVERS,
    "16 bit": LOADERS | SAVERS,
    "load tiff": LOADERS,
    "tiff": LOADERS,
    "render pass": {"Add EXR Layer"},
}
FIRST = 8  # as many as the search box shows without scrolling

SEEN = "[...document.querySelectorAll('[role=option]')].filter((e) => e.checkVisibility()).map((e) => e.innerText)"


@pytest.fixture
def editor(server, browser) -> Iterator[Editor]:
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.set_default_timeout(60_000)
    editor = Editor(page, server.url)
    editor.open()
    yield editor
    page.close()


class NodeSearch:
    """The node search that a double click on the canvas opens."""

    def __init__(self, editor: Editor) -> None:
        self.page = editor.page
        editor.page.evaluate("app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
        self.field = self.page.locator("input[role=combobox]:focus")
        self.field.wait_for()

    def find(self, words: str, nodes: set[str]) -> None:
        """Type the words and wait until these nodes are among the first results."""
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(words)
        self.page.wait_for_function(
            f"""([nodes, first]) => {{
                const names = {SEEN}.map((text) => text.split("\\n")[0].trim()).filter(Boolean).slice(0, first);
                return nodes.every((node) => names.includes(node));
            }}""",
            arg=[sorted(nodes), FIRST],
        )


def test_the_words_in_their_names_find_the_nodes(editor):
    search = NodeSearch(editor)
    for words, nodes in BY_NAME.items():
        search.find(words, nodes)


def test_the_words_that_people_use_find_the_nodes(editor):
    if re.match(r"1\.27\.", editor.version):
        pytest.skip("the node search of 1.27 knows only the names of nodes, not their search aliases")
    search = NodeSearch(editor)
    for words, nodes in BY_ALIAS.items():
        search.find(words, nodes)
