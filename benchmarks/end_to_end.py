"""Saving and loading 60 photographic frames through a running ComfyUI: this pack, core Save Image, and plain Pillow.

    python benchmarks/end_to_end.py --comfyui DIR [--python PYTHON] [--frames 60] [--size 1024] [--runs 3]

One server, one source of frames that stays in ComfyUI's cache, rivals in turn, the median of the runs. Seconds are
ComfyUI's own, from the start to the end of the prompt; memory is the growth of the server's peak resident set (Linux),
each loader in a server of its own that has loaded one frame before.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

PACK = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACK))

from benchmarks.corpus import frames as corpus_frames  # noqa: E402
from dev.comfyui_server import ComfyUIServer, comfyui_python  # noqa: E402

PROBES = '''
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

BASE = Path(__file__).resolve().parents[2]


class Source:
    """The frames, as a VAE hands them over: float32, 0..1."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "bench", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"count": ("INT", {"default": 1})}}

    def run(self, count):
        return (torch.from_numpy(np.load(BASE / "frames.npy")[:count].astype(np.float32) / 255),)


class Sink:
    FUNCTION, CATEGORY, RETURN_TYPES, OUTPUT_NODE = "run", "bench", (), True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",), "run": ("INT", {"default": 0})}}

    def run(self, images, run):
        return {"ui": {"shape": [str(tuple(images.shape))]}}


class PillowSave(Sink):
    def run(self, images, run):
        folder = BASE / "output" / f"pillow{run}"
        folder.mkdir()
        for index, image in enumerate(images):
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{index:05d}.png", compress_level=4)
        return {}


class PillowLoad:
    """One by one, then torch.cat: what the earlier packs do."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "bench", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"count": ("INT", {"default": 1}), "run": ("INT", {"default": 0})}}

    def run(self, count, run):
        frames = []
        for index in range(count):
            image = Image.open(BASE / "output" / "plate" / f"{index:05d}.png").convert("RGB")
            frames.append(torch.from_numpy(np.array(image).astype(np.float32) / 255.0).unsqueeze(0))
        return (torch.cat(frames, dim=0),)


NODE_CLASS_MAPPINGS = {"BenchSource": Source, "BenchSink": Sink, "BenchPillowSave": PillowSave, "BenchPillowLoad": PillowLoad}
'''


def node(kind: str, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


def run(server: ComfyUIServer, **nodes: dict[str, object]) -> float:
    """Run a prompt; its seconds by ComfyUI's own clock."""
    messages = dict(
        server.wait(server.post(nodes, {"extra_pnginfo": {"workflow": {"nodes": []}}}))["status"]["messages"]
    )
    return (messages["execution_success"]["timestamp"] - messages["execution_start"]["timestamp"]) / 1000


def peak_kib(server: ComfyUIServer) -> int:
    """The most memory that the server's process ever held (proc(5): VmHWM)."""
    status = Path(f"/proc/{server.process_id}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def savers(count: int) -> dict[str, Callable[[int], dict[str, object]]]:
    source = ["source", 0]
    return {
        "core Save Image": lambda i: node("SaveImage", images=source, filename_prefix=f"core{i}/f"),
        "Pillow, level 4": lambda i: node("BenchPillowSave", images=source, run=i),
        "this pack": lambda i: node(
            "ImageSequenceSaveBatch",
            images=source,
            path_pattern=f"ours{i}/{{:05d}}.png",
            start_index=0,
            overwrite="error",
        ),
    }


def loaders(count: int) -> dict[str, Callable[[int, int], dict[str, object]]]:
    pattern = {"path_pattern": "plate/{:05d}.png", "start_index": 0, "ignore_missing_images": "false"}
    return {
        "Pillow, one by one": lambda n, i: node("BenchPillowLoad", count=n, run=i),
        # a changed file is read again: i only keeps the runs apart
        "this pack": lambda n, i: node(
            "ImageSequenceLoadBatch", frame_count=n, step=1, on_size_mismatch="error", **pattern
        ),
    }


def bench_saving(start: Callable[[Path], ComfyUIServer], base: Path, count: int, runs: int) -> None:
    print(f"\n| saving {count} frames, one prompt | seconds | ratio | bytes | ratio |\n|---|---|---|---|---|")
    source = node("BenchSource", count=count)
    seconds: dict[str, list[float]] = {name: [] for name in savers(count)}
    with start(base) as server:
        run(server, source=source, sink=node("BenchSink", images=["source", 0], run=0))
        for i in range(runs):
            for name, make in savers(count).items():
                seconds[name].append(run(server, source=source, save=make(i)))
    sizes = [folder_bytes(base / "output" / f"{folder}0") for folder in ("core", "pillow", "ours")]
    slowest = statistics.median(seconds["core Save Image"])
    for (name, times), size in zip(seconds.items(), sizes):
        median = statistics.median(times)
        print(f"| {name} | {median:.2f} | {slowest / median:.1f}x | {size:,} | {size / sizes[0]:.3f} |")


def bench_loading(start: Callable[[Path], ComfyUIServer], base: Path, count: int, runs: int, tensor_bytes: int) -> None:
    print(f"\n| loading {count} frames, one prompt | seconds | ratio | peak growth / tensor |\n|---|---|---|---|")
    slowest = 0.0
    for name, make in loaders(count).items():
        with start(base) as server:
            run(server, load=make(1, -1), sink=node("BenchSink", images=["load", 0], run=-1))
            before = peak_kib(server)
            times = []
            for i in range(runs):
                for path in (base / "output" / "plate").iterdir():
                    path.touch()
                times.append(run(server, load=make(count, i), sink=node("BenchSink", images=["load", 0], run=i)))
                if i == 0:
                    growth = (peak_kib(server) - before) * 1024 / tensor_bytes
        median = statistics.median(times)
        slowest = slowest or median
        print(f"| {name} | {median:.2f} | {slowest / median:.1f}x | {growth:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="image-sequence-bench-"))
    try:
        probe = base / "custom_nodes" / "bench"
        for folder in (probe, base / "input", base / "output" / "plate", base / "models", base / "user"):
            folder.mkdir(parents=True)
        (probe / "__init__.py").write_text(PROBES)
        size = (arguments.size, arguments.size)
        np.save(base / "frames.npy", np.stack([corpus_frames("photo", size, i) for i in range(arguments.frames)]))

        def start(base: Path) -> ComfyUIServer:
            return ComfyUIServer(arguments.comfyui, comfyui_python(arguments.comfyui, arguments.python), base, PACK)

        bench_saving(start, base, arguments.frames, arguments.runs)
        for path in sorted((base / "output" / "core0").iterdir()):
            path.rename(base / "output" / "plate" / f"{int(path.stem.split('_')[1]) - 1:05d}.png")
        tensor_bytes = arguments.frames * arguments.size**2 * 3 * 4
        bench_loading(start, base, arguments.frames, arguments.runs, tensor_bytes)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
