"""ComfyUI's editor in a browser: making graphs, running them, and what their players show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MAKE = """async ({ nodes, links }) => {
    app.graph.clear();
    const made = nodes.map(({ type, values, pos, size }) => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        node.pos = pos;
        if (size) node.setSize(size);
        for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value;
        return node;
    });
    for (const [from, output, to, input] of links) {
        made[from].connect(output, made[to], made[to].inputs.findIndex(({ name }) => name === input));
    }
    // As a workflow that was opened: with an identity of its own, and known to the editor's keeper of changes.
    await app.loadGraphData({ ...app.graph.serialize(), id: crypto.randomUUID() });
    return made.map(({ id }) => String(id));
}"""

RUN = """async (count) => {
    const ended = (name) => new Promise((done) => app.api.addEventListener(name, done, { once: true }));
    for (let i = 0; i < count; i++) {
        const end = Promise.race([
            ...["execution_success", "execution_error", "execution_interrupted"].map(ended),
            new Promise((_, fail) => setTimeout(() => fail(new Error("the run did not end in 2 minutes")), 120_000)),
        ]);
        await app.queuePrompt(0, 1);
        await end;
    }
}"""


class Editor:
    """A page with ComfyUI's editor in it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.requests: list[tuple[str, int]] = []  # (path and query, bytes) of /view and of previews
        page.on("console", lambda said: said.type in ("warning", "error") and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        page.on("requestfinished", self._note)

    def open(self) -> None:
        self.page.goto(self.url)
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_function("window.app?.graph && app.extensionManager && app.vueAppReady")
        self.page.wait_for_function("app.graph.nodes.length || app.graph._nodes_in_order")

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    @property
    def version(self) -> str:
        version: str = self.page.evaluate("window.__COMFYUI_FRONTEND_VERSION__")
        return version

    def set(self, name: str, value: Any) -> None:
        self.page.evaluate("([name, value]) => app.extensionManager.setting.set(name, value)", [name, value])

    def make(self, nodes: Iterable[dict[str, Any]], links: Iterable[tuple[int, int, int, str]]) -> list[str]:
        """Clear the graph and make another: [{type, values, pos}], [(from, output, to, input name)]. The nodes' ids."""
        return self.page.evaluate(MAKE, {"nodes": list(nodes), "links": list(links)})

    def run(self, count: int = 1) -> None:
        self.page.evaluate(RUN, count)

    def player(self, index: int = 0) -> Any:
        return self.page.locator(".seqplayer:visible").nth(index)

    def sees(self, frame: int, index: int = 0) -> None:
        """Wait until this frame is drawn, and no other one is on its way."""
        player = self.player(index)
        player.locator(".seqplayer-number", has_text=re.compile(f"^{frame}$")).wait_for()
        player.locator(".seqplayer-view[aria-busy=false] canvas[style*=aspect]").wait_for()

    def _note(self, request: Any) -> None:
        if "/view?" in request.url or "/image_sequence/preview?" in request.url:
            self.requests.append((request.url.partition("/api/")[2], request.sizes()["responseBodySize"]))
