"""A page with the player alone, real PNG files behind it, and a Chromium to look at it with. No ComfyUI."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

PACK = Path(__file__).resolve().parents[2]

PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<style>body { margin: 0; background: #353535 } #node { width: 320px; height: 340px } .seqplayer { height: 100% }</style>
<div id="node"></div>
<script type="module">
  import { FrameCache } from "/web/js/frame_cache.js";
  import { SequencePlayer } from "/web/js/sequence_player.js";
  const { load } = FrameCache.prototype;
  window.loading = 0;
  FrameCache.prototype.load = function (url) {
    loading++;
    return load.call(this, url).finally(() => loading--);
  };
  // What the adapter makes of a report, with this page's URLs.
  window.sequence = (facts) => {
    const all = { key: facts.folder, label: facts.folder, step: 1, missing: [], fps: null, v: "1", ...facts };
    const name = (frame) => `f_${String(frame).padStart(4, "0")}.png`;
    const url = (frame, more) => `/frames/${all.folder}/${name(frame)}?v=${all.v}${more}`;
    return {
      ...all, name,
      path: (frame) => `/renders/${all.folder}/${name(frame)}`,
      preview: (frame, size) => url(frame, `&size=${size}`),
      full: (frame) => url(frame, ""),
    };
  };
  window.make = (options) => {
    window.player?.element.remove();
    window.player = new SequencePlayer(options);
    document.querySelector("#node").append(player.element);
  };
  // The colour of a frame is its number; what is drawn is asked of the canvas.
  window.drawn = () => {
    const canvas = player.element.querySelector(".seqplayer-view canvas");
    const [r, g] = canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    return canvas.style.getPropertyValue("--aspect") && r * 256 + g;
  };
  // What was drawn whenever another number was named, since the last call.
  window.watched = [];
  window.watch = () => watched.splice(0);
  make();
  new MutationObserver(() => watched.push(drawn()))
    .observe(player.element.querySelector(".seqplayer-number"), { childList: true });
  window.ready = true;
</script>
"""


class Site:
    """Serves the page, the pack's web folder and frames, and notes which frames were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, int, int | None]] = []  # (sequence, frame, size), None for the file itself
        self.answers = threading.Event()  # while clear, frames are asked for and not answered
        self.answers.set()
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

    def make(self, folder: str, frames: range | list[int], size: tuple[int, int] = (64, 48)) -> None:
        """PNG files whose colour is their frame number."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for frame in frames:
            image = Image.new("RGB", size, (frame // 256, frame % 256, 128))
            image.save(self.folder / folder / f"f_{frame:04d}.png")

    def remove(self, folder: str, frame: int) -> None:
        (self.folder / folder / f"f_{frame:04d}.png").unlink()

    def asked(self) -> list[int]:
        """The frames asked for since the last question."""
        frames = [frame for _, frame, _ in self.requests]
        self.requests.clear()
        return frames


class _Handler(BaseHTTPRequestHandler):
    site: Site

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(200, "text/html", PAGE.encode())
        elif url.path.startswith("/web/"):
            kind = "text/css" if url.path.endswith(".css") else "text/javascript"
            self.answer(200, kind, (PACK / url.path[1:]).read_bytes())
        else:
            self.frame(url.path, parse_qs(url.query))

    def frame(self, path: str, query: dict[str, list[str]]) -> None:
        _, _, folder, name = path.split("/")
        self.site.requests.append((folder, int(name[2:6]), int(query["size"][0]) if "size" in query else None))
        self.site.answers.wait()
        try:
            content = (self.site.folder / folder / name).read_bytes()
        except FileNotFoundError:
            self.answer(404, "text/plain", f"{name} is not on disk any more.".encode())
        else:
            self.answer(200, "image/png", content)

    def answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle(self) -> None:
        # A request that the player gave up.
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Stage:
    """The page: what a user does and sees."""

    def __init__(self, page: Any, site: Site) -> None:
        self.page, self.site = page, site
        self.view, self.slider = page.locator(".seqplayer-view"), page.get_by_role("slider")

    def run(self, script: str, *values: Any) -> Any:
        """Run JavaScript; `a`, `b`, ... in it are the values."""
        names = ", ".join("abcdef"[: len(values)])
        return self.page.evaluate(f"([{names}]) => {script}", list(values))

    def show(self, folder: str, first: int, last: int, *, options: dict[str, Any] | None = None, **facts: Any) -> None:
        given = {"folder": folder, "first": first, "last": last, **facts}
        self.run("player.show([sequence(a)], b)", given, options or {})

    def sees(self, frame: int) -> None:
        """Wait until this frame is the one that is drawn, and named below."""
        number = self.page.locator(".seqplayer-number")
        try:
            self.page.wait_for_function("frame => drawn() === frame", arg=frame)
            self.page.wait_for_function(
                "frame => document.querySelector('.seqplayer-number').textContent === frame", arg=str(frame)
            )
        except Exception as error:
            raise AssertionError(
                f"{frame} is not drawn, but {self.run('drawn()')} and {number.text_content()} below"
            ) from error

    def rests(self) -> None:
        """Wait until nothing is being loaded any more."""
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
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(site.url)
    page.wait_for_function("window.ready")
    yield Stage(page, site)
    context.close()
    assert complaints == []
