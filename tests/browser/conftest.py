"""Pages that show real PNG files, and a Chromium to open them in. No ComfyUI.

`stage` has the player alone. `desk` has it in the nodes of a stand-in for ComfyUI's editor.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .scripts import script_paths

PACK = Path(__file__).resolve().parents[2]

PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<style>body { margin: 0; background: #353535 } #node { width: 320px; height: 340px } .seqplayer { height: 100% }</style>
<div id="node"></div>
<script type="module">
  import { FrameCache } from "/web/js/player/frame_cache.js";
  import { SequencePlayer } from "/web/js/player/sequence_player.js";
  const { load } = FrameCache.prototype;
  window.loading = 0;
  FrameCache.prototype.load = function (url) {
    loading++;
    return load.call(this, url).finally(() => loading--);
  };
  // A sequence like those that the adapter makes from reports, with this page's URLs.
  window.sequence = (facts) => {
    const all = { key: facts.folder, label: facts.folder, step: 1, missing: [], fps: null, run: "1", ...facts };
    const name = (frame) => `f_${String(frame).padStart(4, "0")}.png`;
    const url = (frame, query) => `/frames/${all.folder}/${name(frame)}${query}#${all.run}`;
    return {
      ...all, name,
      path: (frame) => `/renders/${all.folder}/${name(frame)}`,
      preview: (frame, size, stops) => url(frame, `?size=${size}${stops ? `&exposure=${stops}` : ""}`),
      full: (frame, stops) => url(frame, stops ? `?exposure=${stops}` : ""),
    };
  };
  window.make = (options) => {
    window.player?.element.remove();
    window.player = new SequencePlayer(options);
    document.querySelector("#node").append(player.element);
  };
  // The colour of a frame encodes its number, so the canvas tells which frame is drawn.
  window.drawn = () => {
    const canvas = player.element.querySelector(".seqplayer-view canvas");
    const [r, g] = canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    return canvas.style.getPropertyValue("--aspect") && r * 256 + g;
  };
  // The frames drawn at each change of the displayed number since the last call.
  window.watched = [];
  window.watch = () => watched.splice(0);
  make();
  new MutationObserver(() => watched.push(drawn()))
    .observe(player.element.querySelector(".seqplayer-number"), { childList: true });
  window.ready = true;
</script>
"""

DESK = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<style>body { margin: 0; background: #353535 } .node { width: 320px; height: 340px } .seqplayer { height: 100% }</style>
<script type="module">
  import { app } from "/scripts/app.js";
  import { api } from "/scripts/api.js";
  Object.assign(window, { app, api, LiteGraph: { vueNodesMode: false }, crashes: [] });
  addEventListener("unhandledrejection", ({ reason }) => crashes.push(String(reason?.stack ?? reason)));
  await Promise.all(SCRIPTS.map((path) => import(`/extensions/pack/${path}`)));
  window.ready = true;
</script>
"""

# The part of ComfyUI's frontend that the pack uses: its calls and their order are those of 1.42.
EDITOR = """
import { api } from "/scripts/api.js";

const extensions = [];
const call = (hook, ...given) => extensions.map((extension) => extension[hook]?.(...given));

class Graph {
  id = "root";
  nodes = [];
  getNodeById(id) { return this.nodes.find((node) => String(node.id) === String(id)) ?? null; }
  setDirtyCanvas() {}
}

export const app = {
  extensions,
  labels: {}, // in the user's language, if the frontend has it
  classes: {}, // other widgets of new nodes, by class
  widgets: {}, // further widgets of new nodes, with their default values
  hasAdvancedInputs: true,
  rootGraph: new Graph(),
  get graph() { return this.rootGraph; },
  canvas: {
    get graph() { return app.rootGraph; },
    steps: [], // for Undo
    emitBeforeChange() { this.steps.push("before"); },
    emitAfterChange() { this.steps.push("after"); },
  },
  toasts: [],
  extensionManager: {
    setting: { get: () => new URLSearchParams(location.search).get("language") ?? "en" },
    toast: { add: (toast) => app.toasts.push(toast) },
  },
  registerExtension(extension) { extensions.push(extension); },

  // Await this first: it initializes the extensions.
  async start() {
    const query = new URLSearchParams(location.search);
    const served = await (await fetch("/api/i18n")).json();
    if (!query.has("unsupported")) this.labels = served[query.get("language")]?.nodeDefs ?? {};
    await Promise.all(call("init"));
    await Promise.all(call("setup"));
  },

  // Add a node of this class, as from the search box or, with `values` for its widgets, from a workflow.
  add(comfyClass, id, values) {
    class Node {
      comfyClass = comfyClass;
      size = [320, 340];
      place = document.createElement("div");
      widgets = app.classes[comfyClass]?.() ?? [
        { name: "current_frame", value: 0, options: {} },
        { name: "control_after_generate", value: "randomize", options: { serialize: false } },
        { name: "on_existing", value: "overwrite", options: {} },
        ...Object.entries(app.widgets).map(([name, value]) => ({ name, value, options: {} })),
      ];
      inputs = ["images", "filename_prefix", ...this.widgets.map(({ name }) => name)].map((name) => {
        return { name, localized_name: app.labels[comfyClass]?.inputs[name]?.name ?? name };
      });
      addWidget(type, name, value, callback, options) {
        const widget = { type, name, value, callback, options };
        this.widgets.push(widget);
        return widget;
      }
      addDOMWidget(name, type, element, options) {
        const widget = { name, element, options };
        this.widgets.push(widget);
        return widget;
      }
      toggleAdvanced = app.hasAdvancedInputs ? () => {} : undefined;
      addWidget(type, name, value, callback, options = {}) {
        const widget = { type, name, value, callback, options };
        this.widgets.push(widget);
        return widget;
      }
      getInputNode(slot) { return this.sources?.[this.inputs[slot].name] ?? null; }
      isInputConnected(slot) { return slot >= 0 && this.inputs[slot].name === this.linked; }
      computeSize() { return [320, 340]; }
      setSize(size) { this.size = size; }
    }
    call("beforeRegisterNodeDef", Node, { name: comfyClass });
    const node = new Node();
    node.id = id;
    call("nodeCreated", node);
    node.onNodeCreated?.();
    for (const [at, value] of Object.entries(values ?? {})) {
      (node.widgets[at] ?? node.widgets.find(({ name }) => name === at)).value = value;
    }
    if (values) node.onConfigure?.();
    node.graph = this.graph;
    this.graph.nodes.push(node);
    return node;
  },

  // Put the widgets of a new node into the page, as the renderer does.
  render(node) {
    node.place.className = "node";
    node.place.replaceChildren(...node.widgets.filter(({ element }) => element).map(({ element }) => element));
    document.body.append(node.place);
  },

  queueItems: [],
  isQueueing: false,

  // One call at a time does the work of all.
  async queuePrompt(number, batchCount = 1, partialExecutionTargets = undefined) {
    this.queueItems.push(batchCount);
    if (this.isQueueing) return false;
    this.isQueueing = true;
    const given = { isPartialExecution: Boolean(partialExecutionTargets) };
    const tellWidgets = (moment) => this.graph.nodes.forEach(({ widgets }) => {
      widgets.forEach((it) => it[moment]?.(given));
    });
    while (this.queueItems.length) {
      for (let left = this.queueItems.pop(); left; left--) {
        tellWidgets("beforeQueued");
        const output = Object.fromEntries(this.graph.nodes.map(({ id, comfyClass, widgets }) => {
          const sent = widgets.filter(({ options }) => options.serialize !== false);
          return [id, { class_type: comfyClass, inputs: Object.fromEntries(sent.map((it) => [it.name, it.value])) }];
        }));
        try {
          await api.queuePrompt(number, { output, workflow: { id: this.graph.id } }, { partialExecutionTargets });
        } catch {
          break;
        }
        tellWidgets("afterQueued");
      }
    }
    this.isQueueing = false;
    return true;
  },

  // Open a workflow: `make` adds its nodes to an empty graph.
  configure(make) {
    for (const node of this.graph.nodes.splice(0)) {
      node.onRemoved?.();
      node.graph = null;
    }
    make();
    call("afterConfigureGraph");
  },
};
"""

API = """
export const api = Object.assign(new EventTarget(), {
  apiURL: (path) => `/api${path}`,
  fetchApi: (path, options) => fetch(`/api${path}`, options),
  answer: () => Promise.resolve({ prompt_id: "1", node_errors: {} }),
  queuePrompt(...given) { return this.answer(...given); },
  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); },
});
"""


class Site:
    """Serves the page, the pack's web folder and frames, and records which frames were requested, in order of arrival.

    A request that the player has given up may arrive at any later time: before a test makes it give some up and then looks
    at the order, it must let them end (`Stage.rests`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, int, int | None]] = []  # (sequence, frame, size), None for the file itself
        self.queries: list[str] = []  # the query texts of the requests
        self.workflows: dict[str, str] = {}  # file name -> the workflow in that file
        self.unchanged = 0  # the number of answers 304: the browser has the file already
        self.answers = threading.Event()  # while it is clear, requests for frames get no answer
        self.answers.set()
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def make(
        self,
        folder: str,
        frames: range | list[int],
        size: tuple[int, int] = (64, 48),
        *,
        colour: int | None = None,
        extension: str = "png",
        text: dict[str, str] | None = None,
    ) -> None:
        """Write PNG files, whatever their extension, whose colour encodes their frame number, or the number `colour`."""
        chunks = PngInfo()
        for keyword, value in (text or {}).items():
            chunks.add_text(keyword, value)
        (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for frame in frames:
            number = frame if colour is None else colour
            image = Image.new("RGB", size, (number // 256, number % 256, 128))
            image.save(self.folder / folder / f"f_{frame:04d}.{extension}", "PNG", pnginfo=chunks)

    def remove(self, folder: str, frame: int) -> None:
        (self.folder / folder / f"f_{frame:04d}.png").unlink()

    def asked(self) -> list[int]:
        """The frames requested since the last call."""
        frames = [frame for _, frame, _ in self.requests]
        self.requests.clear()
        return frames

    def note(self, folder: str, frame: int, size: int | None, query: str) -> None:
        """Record a request for a frame."""
        with self._came:
            self.requests.append((folder, frame, size))
            self.queries.append(query)
            self._came.notify_all()

    def wait_for_requests(self, count: int) -> None:
        """Wait until there were this many requests since the last call of `asked`."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= count, 60), self.requests


class _Handler(BaseHTTPRequestHandler):
    site: Site

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        pages = {"/": PAGE, "/desk": DESK}
        scripts = {"/scripts/app.js": EDITOR, "/scripts/api.js": API}
        if url.path in pages:
            page = pages[url.path].replace("SCRIPTS", json.dumps(script_paths()))
            self.answer(200, "text/html", page.encode())
        elif url.path in scripts:
            self.answer(200, "text/javascript", scripts[url.path].encode())
        elif url.path.startswith(("/web/", "/extensions/pack/")):
            file = PACK / "web" / url.path.removeprefix("/web/").removeprefix("/extensions/pack/")
            self.answer(200, "text/css" if file.suffix == ".css" else "text/javascript", file.read_bytes())
        elif url.path == "/api/i18n":
            self.answer(200, "application/json", json.dumps(_languages()).encode())
        elif url.path == "/api/image_sequence/preview":
            query = parse_qs(url.query)
            self.frame(query["subfolder"][0], query["filename"][0], query, url.query)
        elif not url.path.startswith("/frames/"):  # Chromium requests an icon for every tab
            self.answer(404, "text/plain", b"")
        else:
            _, _, folder, name = url.path.split("/")
            self.frame(folder, name, parse_qs(url.query), url.query)

    def frame(self, folder: str, name: str, query: dict[str, list[str]], text: str) -> None:
        """Answer like the pack's route (io_utils/comfyui/preview.py)."""
        self.site.note(folder, int(name[2:6]), int(query["size"][0]) if "size" in query else None, text)
        self.site.answers.wait()
        if "text" in query:
            workflow = self.site.workflows.get(name)
            self.answer(200 if workflow else 404, "application/json", (workflow or "").encode())
            return
        file = self.site.folder / folder / name
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            self.answer(404, "text/plain", f"{name} is no longer on disk.".encode())
            return
        tag = f'"{file.stat().st_mtime_ns:x}-{len(content):x}"'
        if self.headers["If-None-Match"] == tag:
            self.site.unchanged += 1
            self.answer(304, "image/png", b"", {"Cache-Control": "no-cache", "ETag": tag})
        else:
            self.answer(200, "image/png", content, {"Cache-Control": "no-cache", "ETag": tag})

    def answer(self, status: int, kind: str, content: bytes, caching: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (caching or {"Cache-Control": "no-store"}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle(self) -> None:
        # The player aborts requests that it no longer needs.
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def _languages() -> dict[str, Any]:
    """The pack's part of ComfyUI's answer to /i18n."""
    return {
        folder.name: {
            "nodeDefs": json.loads((folder / "nodeDefs.json").read_text(encoding="utf-8")),
            **json.loads((folder / "main.json").read_text(encoding="utf-8")),
        }
        for folder in (PACK / "locales").iterdir()
    }


class Stage:
    """The page, with the actions of a user and what the user sees."""

    def __init__(self, page: Any, site: Site) -> None:
        self.page, self.site = page, site
        self.complaints: list[str] = []  # uncaught errors
        self.expected: set[str] = set()  # the errors that a test causes on purpose, any number of times
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.view, self.slider = page.locator(".seqplayer-view"), page.locator(".seqplayer-transport input[type=range]")

    def run(self, script: str, *values: Any) -> Any:
        """Evaluate JavaScript in which `a`, `b`, ... are the values."""
        names = ", ".join("abcdef"[: len(values)])
        return self.page.evaluate(f"([{names}]) => {script}", list(values))

    def show(self, folder: str, first: int, last: int, *, options: dict[str, Any] | None = None, **facts: Any) -> None:
        given = {"folder": folder, "first": first, "last": last, **facts}
        self.run("player.show([sequence(a)], b)", given, options or {})

    def sees(self, frame: int) -> None:
        """Wait until this frame is drawn, and its number shown below."""
        number = self.page.locator(".seqplayer-number")
        try:
            self.page.wait_for_function("frame => drawn() === frame", arg=frame)
            self.page.wait_for_function(
                "frame => document.querySelector('.seqplayer-number').textContent === frame", arg=str(frame)
            )
        except Exception as error:
            raise AssertionError(
                f"{frame} is not shown: {self.run('drawn()')} is drawn, and the number is {number.text_content()}"
            ) from error

    def rests(self) -> None:
        """Wait until no picture is loading."""
        self.page.wait_for_function("loading === 0")

    def says(self, text: str, part: str = "note") -> None:
        self.page.locator(f".seqplayer-{part}", has_text=text).wait_for()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def stage(browser: Any, site: Site) -> Iterator[Stage]:
    with _page(browser, site) as stage:
        stage.page.goto(site.url)
        stage.page.wait_for_function("window.ready")
        yield stage


@pytest.fixture
def desk(browser: Any, site: Site) -> Iterator[Callable[..., Stage]]:
    """Opens the editor in a language that the frontend supports or does not support."""
    with _page(browser, site) as stage:

        def open_in(language: str = "en", supported: bool = True) -> Stage:
            stage.page.goto(f"{site.url}/desk?language={language}{'' if supported else '&unsupported'}")
            stage.page.wait_for_function("window.ready")
            stage.run("app.start()")
            return stage

        yield open_in
        assert stage.run("window.crashes") in ([], None)


@contextmanager
def _page(browser: Any, site: Site) -> Iterator[Stage]:
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.set_default_timeout(60_000)  # everything takes less than a second, except on a busy machine
    stage = Stage(page, site)
    yield stage
    context.close()
    assert set(stage.complaints) <= stage.expected
