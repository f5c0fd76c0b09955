"""Makes the pictures of README, the help pages and the templates anew, in a real ComfyUI with the pack as it is now.

    python -m devtools.pictures --comfyui DIR [--python PYTHON] [--frontend DIR] [NAME ...]

NAME is part of a picture's name; without one, all are made. Needs playwright and Chromium. Look at every picture afterwards.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from devtools.comfyui_server import ComfyUIServer, comfyui_python

PACK = Path(__file__).resolve().parent.parent
PAGES = PACK / "web" / "docs"
TEMPLATES = PACK / "example_workflows"
FRAMES = 24
_FIRST = 1001
_GAP = {1010, 1011}  # frames that are missing in input/plate
_WIDTH, _HEIGHT = 640, 360  # of a frame
_HILLS = 4
_DENSITY = 2  # pixels of the screen per pixel of the page, so that small text stays sharp
_QUALITY = 88
_LIMITS = {PAGES: 60_000, TEMPLATES: 120_000}  # bytes, as tests/test_examples.py has them

# Only the graph: no menus, no map, no badges.
_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Graph.CanvasMenu": False,
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
    "Comfy.NodeBadge.NodeIdBadgeMode": "None",
    "Comfy.Queue.QPOV2": False,
    "Comfy.VueNodes.Enabled": False,
}
_BARE = """body > *:not(#vue-app):not(script), .p-toast, .p-overlaypanel, .actionbar-container, .side-tool-bar-container,
.comfyui-body-top, .comfyui-body-left, .workflow-tabs-container, .workflow-tabs-container-desktop,
.comfy-menu-hamburger, .fixed.top-0.right-0.z-9999, .selection-toolbox { visibility: hidden !important; }"""

_READY = "window.app?.graph && app.extensionManager && app.vueAppReady && (app.graph.nodes.length || app.graph._nodes_in_order)"

_MAKE = """async ({ nodes, links }) => {
    app.graph.clear();
    const made = nodes.map(({ type, values, pos, size, title }) => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        node.pos = pos;
        if (title) node.title = title;
        if (size) node.setSize(size);
        for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value;
        return node;
    });
    for (const [from, output, to, input] of links) {
        const slot = (list, name) => list.findIndex((one) => one.name === name);
        made[from].connect(slot(made[from].outputs, output), made[to], slot(made[to].inputs, input));
    }
    await app.loadGraphData({ ...app.graph.serialize(), id: crypto.randomUUID() });
}"""

_OPEN = """async (name) => {
    const url = app.api.apiURL(`/workflow_templates/image-sequence-pack/${encodeURIComponent(name)}.json`);
    await app.loadGraphData(await (await fetch(url)).json(), true, true, name, { openSource: "template" });
}"""

_RUN = """async (count) => {
    const ends = ["execution_success", "execution_error", "execution_interrupted"];
    for (let i = 0; i < count; i++) {
        const ended = Promise.race(
            ends.map((name) => new Promise((done) => app.api.addEventListener(name, () => done(name), { once: true }))),
        );
        await app.queuePrompt(0, 1);
        const end = await ended;
        if (end !== "execution_success") throw new Error(`${end} in run ${i + 1} of ${count}`);
    }
}"""

# Has every node look at the files again: a run ends before the nodes have looked. Savers need the looks of the counters.
_LOOK = """async () => {
    const scripts = await (await app.api.fetchApi("/extensions")).json();
    const { lookNow } = await import(app.api.fileURL(scripts.find((path) => path.endsWith("/looks.js"))));
    for (let round = 0; round < 2; round++) for (const node of app.graph.nodes) await lookNow(node);
}"""

# Fits the nodes and groups into a rectangle of this size at the top left of the page. Returns the rectangle that they fill.
_FIT = """async ([width, height, margin]) => {
    const groups = app.graph.groups.map(({ pos, size }) => [...pos, ...size]);
    const boxes = [...app.graph.nodes.map((node) => node.getBounding()), ...groups];
    const left = Math.min(...boxes.map(([x]) => x)), top = Math.min(...boxes.map(([, y]) => y));
    const right = Math.max(...boxes.map(([x, , w]) => x + w)), bottom = Math.max(...boxes.map(([, y, , h]) => y + h));
    const scale = Math.min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top), 1.2);
    const { x, y } = app.canvas.canvas.getBoundingClientRect();
    app.canvas.deselectAll?.();
    // All runs succeeded. Frontend 1.42 can mark a node for a model that the default workflow lacks at the same id.
    for (const node of app.graph.nodes) node.has_errors = false;
    app.canvas.ds.scale = scale;
    app.canvas.ds.offset = [margin / scale - left, margin / scale - top];
    app.canvas.setDirty(true, true);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return { x, y, width: (right - left) * scale + 2 * margin, height: (bottom - top) * scale + 2 * margin };
}"""

# Whether all players and core previews show their pictures.
_DRAWN = """() => [...document.querySelectorAll(".seqplayer")].every((player) =>
    !player.checkVisibility() || player.dataset.layout !== "picture" ||
    player.querySelector(".seqplayer-view[aria-busy=false] canvas[style*=aspect]")) &&
    app.graph.nodes.every((node) => !["PreviewImage", "LoadImage"].includes(node.type) || node.imgs?.length)"""


@dataclass
class Picture:
    """A picture of a graph: either of a template or of nodes that are given here."""

    path: Path
    width: int  # of the file, in pixels
    runs: int = 1
    template: str = ""
    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[tuple[int, str, int, str]] = field(default_factory=list)
    page: tuple[int, int] = (1600, 1000)  # the nodes are fitted into it


def node(
    kind: str, x: int, y: int, size: tuple[int, int] | None = None, title: str = "", **values: Any
) -> dict[str, Any]:
    """A node for `Picture.nodes`."""
    return {"type": kind, "pos": [x, y], "size": size, "title": title, "values": values}


def pictures() -> Iterator[Picture]:
    """All pictures of the pack."""
    runs = {"count frames": FRAMES, "one frame": 12, "frame by frame": 12, "crash": 24, "plate": 12, "changed": FRAMES}
    for path in sorted(TEMPLATES.glob("*.json")):
        count = next((number for words, number in runs.items() if words in path.stem), 1)
        yield Picture(path.with_suffix(".jpg"), 1200, count, template=path.stem)
    yield from _help_pictures()
    load = node("ImageSequenceLoadBatch", 0, 0, (415, 640), path_pattern="plate/plate.####.png", start_index=_FIRST)
    load["values"] |= {"frame_count": 0, "ignore_missing_images": "true", "folder": "input"}
    save = node(
        "ImageSequenceSaveBatch", 775, 0, (500, 640), path_pattern="shots/plate/v002_####.png", start_index=_FIRST
    )
    blur = node("ImageBlur", 460, 0, (270, 82), blur_radius=2, sigma=1.0)
    yield Picture(
        PAGES / "player.jpg",
        1400,
        nodes=[load, blur, save],
        links=[(0, "images", 1, "image"), (1, "IMAGE", 2, "images")],
    )


def _help_pictures() -> Iterator[Picture]:
    def page(
        kind: str, *more: dict[str, Any], links: Sequence[tuple[int, str, int, str]], runs: int = 1, **values: Any
    ) -> Picture:
        size = values.pop("size", (410, 540))
        nodes = [node(kind, 0, 0, size, **values), *more]
        return Picture(PAGES / f"{kind}.jpg", 800, runs, nodes=nodes, links=list(links), page=(1000, 760))

    plates: dict[str, Any] = {
        "path_pattern": "plate/plate.####.png",
        "start_index": _FIRST,
        "frame_count": 0,
        "folder": "input",
    }
    plates["ignore_missing_images"] = "true"
    whole: dict[str, Any] = {
        "path_pattern": "whole/plate.####.png",
        "start_index": _FIRST,
        "frame_count": 0,
        "folder": "input",
    }
    loaded = node("ImageSequenceLoadBatch", -360, 0, (330, 540), **whole)
    yield page(
        "ImageSequenceLoadBatch",
        node("PreviewAny", 460, 180, (300, 140)),
        links=[(0, "frame_range", 1, "source")],
        **plates,
    )
    yield page(
        "ImageSequenceCheck",
        node("PreviewAny", 460, 180, (300, 140)),
        links=[(0, "missing", 1, "source")],
        size=(410, 640),
        path_pattern="faulty/plate.####.png",
        folder="input",
        thoroughness="decode every frame",
    )
    yield page(
        "ImageSequenceLoadFrame",
        node("PreviewAny", 460, 180, (300, 140)),
        links=[(0, "file_name", 1, "source")],
        runs=FRAMES - 1,
        directory_path="whole",
        pattern="plate.####.png",
        folder="input",
        frame_number=_FIRST,
    )
    yield page(
        "ImageSequenceSaveBatch",
        loaded,
        links=[(1, "images", 0, "images")],
        size=(460, 540),
        path_pattern="shots/v002_####.png",
        start_index=_FIRST,
    )
    single = node("EmptyImage", -310, 0, (270, 130), width=640, height=360, color=3881579)
    yield page(
        "ImageSequenceSaveFrame", single, links=[(1, "IMAGE", 0, "images")], runs=12, filename_prefix="shots/take1"
    )
    counter = node("ImageSequenceFrameCounter", -310, 190, (270, 210), total_frames=12, frames_per_second=24)
    yield page(
        "ImageSequenceSaveCounted",
        single,
        counter,
        links=[(1, "IMAGE", 0, "image"), (2, "frame_counter", 0, "frame_counter")],
        runs=8,
        directory_path="shots/counted",
    )
    shown = node("PreviewAny", 460, 0, (300, 140))
    yield page(
        "ImageSequenceFrameCounter",
        shown,
        links=[(0, "frame_index", 1, "source")],
        runs=8,
        size=(360, 260),
        total_frames=24,
    )
    yield page(
        "ImageSequenceFrameCounterFromDirectory",
        shown,
        links=[(0, "frame_index", 1, "source")],
        size=(430, 300),
        directory_path="counted",
        pattern="frame_#####.png",
        total_frames=24,
        indexing="numeric",
    )
    render = node("ImageSequenceSaveCounted", -390, 0, (360, 560), directory_path="shots/final")
    few = node("ImageSequenceFrameCounter", -690, 190, (270, 210), total_frames=8)
    picture = node("EmptyImage", -690, 0, (270, 130), width=640, height=360, color=7354186)
    yield page(
        "ImageSequenceFromAnimation",
        render,
        few,
        picture,
        node("PreviewImage", 0, 390, (330, 170)),
        links=[
            (1, "sequence", 0, "sequence"),
            (2, "frame_counter", 1, "frame_counter"),
            (3, "IMAGE", 1, "image"),
            (0, "images", 4, "images"),
        ],
        runs=8,
        size=(330, 330),
    )
    beauty = node("LoadImage", -320, 350, (280, 290), image="beauty.png")
    depth = node("LoadImage", -320, 0, (280, 290), image="depth.png")
    saver = node("ImageSequenceSaveBatch", 340, 0, (400, 640), path_pattern="shots/layers_####.exr", start_index=_FIRST)
    yield page(
        "ImageSequenceAddLayer",
        saver,
        beauty,
        depth,
        links=[(2, "IMAGE", 1, "images"), (3, "IMAGE", 0, "image"), (0, "layers", 1, "layers")],
        size=(300, 150),
        name="depth",
    )


def write_frames(base: Path) -> None:
    """Write the frames that the pictures show: `plate` with a gap and `whole` in the input folder, `counted` in output.

    `faulty` in the input folder is `plate` with an unfinished frame, a smaller one, a black one and a repeated one.
    One picture and its depth are in the input folder itself: `beauty.png` and `depth.png`.
    """
    for name, pattern, first, folder in (
        ("plate", "plate.{:04d}.png", _FIRST, base / "input"),
        ("whole", "plate.{:04d}.png", _FIRST, base / "input"),
        ("counted", "frame_{:05d}.png", 0, base / "output"),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(FRAMES if name != "counted" else 9):
            if name == "plate" and first + index in _GAP:
                continue
            landscape(index / (FRAMES - 1), first + index).save(folder / name / pattern.format(first + index))
    faulty = shutil.copytree(base / "input" / "plate", base / "input" / "faulty")
    unfinished = faulty / "plate.1005.png"
    unfinished.write_bytes(unfinished.read_bytes()[:-5000])
    landscape(0.6, 1015).resize((_WIDTH // 2, _HEIGHT // 2)).save(faulty / "plate.1015.png")
    Image.new("RGB", (_WIDTH, _HEIGHT)).save(faulty / "plate.1018.png")
    shutil.copy(faulty / "plate.1021.png", faulty / "plate.1022.png")
    landscape(0.3, _FIRST).save(base / "input" / "beauty.png")
    landscape_depth().save(base / "input" / "depth.png")


def landscape(progress: float, number: int) -> Image.Image:
    """Hills under a sun that rises, with the frame number in a corner. `progress` is 0..1."""
    y, x = _grid()
    sky = np.stack([0.16 + 0.5 * y, 0.34 + 0.26 * y, 0.66 - 0.1 * y], -1)
    sun_x, sun_y = 0.2 + 1.3 * progress, 0.35 - 0.25 * np.sin(np.pi * progress)
    glow = np.exp(-np.hypot(x - sun_x, y - sun_y) * 9)[..., None] + (np.hypot(x - sun_x, y - sun_y) < 0.045)[..., None]
    picture = sky + glow * np.array([0.95, 0.85, 0.55])
    for depth, hill in enumerate(_hills(x, y)):
        colour = np.array([0.32, 0.42, 0.42]) * (1 - 0.27 * depth) + np.array([0.14, 0.02, 0.12]) * (1 - depth / 3)
        picture = np.where(hill[..., None], colour, picture)
    noise = np.random.default_rng(number).normal(0, 0.012, picture.shape)
    image = Image.fromarray((np.clip(picture + noise, 0, 1) * 255).astype(np.uint8))
    ImageDraw.Draw(image).text((_WIDTH - 62, _HEIGHT - 30), f"{number:04d}", fill=(235, 235, 230), font_size=20)
    return image


def landscape_depth() -> Image.Image:
    """The depth of the hills, in grey: the nearest are white, the sky is black."""
    y, x = _grid()
    return Image.fromarray((sum(_hills(x, y)) * (255 / _HILLS)).astype(np.uint8))


def _grid() -> Any:
    """The y and x of each pixel, in heights of the picture."""
    return np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32) / _HEIGHT


def _hills(x: Any, y: Any) -> Iterator[Any]:
    """The pixels of each ridge and of all that are nearer, from the farthest ridge to the nearest."""
    for depth in range(_HILLS):
        ridge = 0.42 + 0.13 * depth + 0.04 * np.sin(x * (5 + 2 * depth) + 1.7 * depth) + 0.012 * np.sin(x * 31 + depth)
        yield y > ridge


def take(page: Any, picture: Picture) -> None:
    """Build the graph of a picture, run it, and write the file."""
    if picture.template:
        page.evaluate(_OPEN, picture.template)
    else:
        page.evaluate(_MAKE, {"nodes": picture.nodes, "links": picture.links})
    page.evaluate(_RUN, picture.runs)
    page.evaluate(_LOOK)
    width, height = picture.page
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function(_DRAWN)
    page.evaluate(_FIT, [width, height, 14])
    page.wait_for_function(_DRAWN)
    clip = page.evaluate(_FIT, [width, height, 14])  # a second time: players have their final height now
    image = Image.open(io.BytesIO(page.screenshot(clip=clip)), formats=("PNG",)).convert("RGB")
    image = image.resize((picture.width, round(image.height * picture.width / image.width)), Image.Resampling.LANCZOS)
    for quality in range(_QUALITY, 40, -4):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
        if buffer.tell() < _LIMITS[picture.path.parent]:
            break
    picture.path.write_bytes(buffer.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures. Returns the exit code."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the tests' environment has it

    options = _parser().parse_args(arguments)
    chosen = [one for one in pictures() if all(word in one.path.name for word in options.names)]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory(prefix="image-sequence-pictures-", ignore_cleanup_errors=True) as scratch:
        base = Path(scratch)
        write_frames(base)
        settings = base / "user" / "default" / "comfy.settings.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(_SETTINGS), encoding="utf-8")
        python = comfyui_python(options.comfyui, options.python)
        extra = ["--front-end-root", str(options.frontend)] if options.frontend else []
        with ComfyUIServer(options.comfyui, python, base, PACK, extra) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium)
            for picture in chosen:
                context = browser.new_context(viewport={"width": 1600, "height": 1000}, device_scale_factor=_DENSITY)
                page = context.new_page()
                page.set_default_timeout(240_000)
                page.goto(server.url)
                page.wait_for_function(_READY)
                page.add_style_tag(content=_BARE)
                page.evaluate("app.extensionManager.command.execute('Workspace.ToggleFocusMode')")
                take(page, picture)
                context.close()
                print(f"{picture.path.relative_to(PACK)}: {picture.path.stat().st_size:,} bytes", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devtools.pictures", description=__doc__.partition("\n")[0])
    parser.add_argument("--comfyui", type=Path, metavar="DIR", required=True, help="a ComfyUI checkout")
    parser.add_argument("--python", type=Path, metavar="PYTHON", help="a Python with ComfyUI's requirements")
    parser.add_argument("--frontend", type=Path, metavar="DIR", help="a frontend for --front-end-root")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only pictures whose names contain all of these")
    return parser


if __name__ == "__main__":
    sys.exit(main())
