"""ComfyUI's editor in a browser: creates graphs, runs them, and reads their players."""

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
    // Load it like an opened workflow, so that it has an id and the editor tracks its changes.
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
        self.requests: list[str] = []  # path and query of every request for /view and for previews
        page.on("console", lambda entry: entry.type in ("warning", "error") and self.complaints.append(entry.text))
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        # Not "requestfinished": the browser can draw a picture before that event arrives.
        page.on("request", self._note)

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
        """Replace the graph: [{type, values, pos}], [(from, output, to, input name)]. Returns the ids of the nodes."""
        return self.page.evaluate(MAKE, {"nodes": list(nodes), "links": list(links)})

    def run(self, count: int = 1) -> None:
        self.page.evaluate(RUN, count)

    def player(self, index: int = 0) -> Any:
        return self.page.locator(".seqplayer:visible").nth(index)

    def sees(self, frame: int, index: int = 0) -> None:
        """Wait until this frame is drawn and no other one is loading."""
        player = self.player(index)
        player.locator(".seqplayer-number", has_text=re.compile(f"^{frame}$")).wait_for()
        player.locator(".seqplayer-view[aria-busy=false] canvas[style*=aspect]").wait_for()

    def wait_for_request(self, part: str) -> None:
        """Wait until a URL with this part was requested, before this call or after."""
        if not any(part in url for url in self.requests):
            self.page.wait_for_event("request", lambda request: part in request.url)

    def _note(self, request: Any) -> None:
        if "/view?" in request.url or "/image_sequence/preview?" in request.url:
            self.requests.append(request.url.partition("/api/")[2])
