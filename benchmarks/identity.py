"""What it costs to know which graph made a frame: the digest of a graph, reading it from files, and keeping frames.

python -m benchmarks.identity [--frames 10000]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from PIL import Image

from benchmarks.hosts import InProcess, Prompt, node
from benchmarks.measure import Report, cpu_seconds, machine, times
from io_utils.comfyui.identity import StaticPrompt, graph_of
from io_utils.formats.base import State
from io_utils.formats.registry import read_identity, state
from io_utils.frame_identity import FrameIdentity, graph_groups

RUNS = 15
NODES = 300
MADE = {"images": "images"}


def declared(**kinds: str) -> type[Any]:
    """A node class with these inputs."""

    class Declared:
        RETURN_TYPES: ClassVar = ("IMAGE",)

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {name: (kind, {}) for name, kind in kinds.items()}}

    return Declared


CLASSES = {
    "Checkpoint": declared(name="STRING"),
    "Encode": declared(model="MODEL", text="STRING"),
    "Sample": declared(
        model="MODEL", positive="CONDITIONING", negative="CONDITIONING", latent="LATENT", seed="INT", steps="INT",
        cfg="FLOAT", denoise="FLOAT", sampler_name="STRING", scheduler="STRING",
    ),
    "Decode": declared(latent="LATENT", model="MODEL"),
    "Scale": declared(image="IMAGE", width="INT", height="INT", method="STRING"),
    "Blend": declared(first="IMAGE", second="IMAGE", factor="FLOAT"),
}  # fmt: skip


def graph(count: int) -> Prompt:
    """A saver behind `count` nodes: passes of a sampler, each of which starts from the last one's picture."""
    nodes: dict[str, dict[str, object]] = {"model": node("Checkpoint", name="a model.safetensors")}
    picture = "model"
    while len(nodes) < count:
        first = str(len(nodes))
        ids = [f"{first}.{kind}" for kind in ("positive", "negative", "sample", "decode", "scale", "blend")]
        positive, negative, sample, decode, scale, blend = ids
        words = "a fox in the snow at dusk, volumetric light, highly detailed, 35 mm " * 3
        settings = {"seed": 7, "steps": 20, "cfg": 7.5, "denoise": 0.6, "sampler_name": "euler", "scheduler": "karras"}
        nodes |= {
            positive: node("Encode", model=["model", 1], text=f"{words}{first}"),
            negative: node("Encode", model=["model", 1], text="blurry, watermark"),
            sample: node("Sample", model=["model", 0], positive=[positive, 0], negative=[negative, 0],
                         latent=[picture, 0], **settings),
            decode: node("Decode", latent=[sample, 0], model=["model", 2]),
            scale: node("Scale", image=[decode, 0], width=1024, height=1024, method="lanczos"),
            blend: node("Blend", first=[scale, 0], second=[picture, 0], factor=0.25),
        }  # fmt: skip
        picture = blend
    return {**nodes, "save": node("ImageSequenceSaveFrame", images=[picture, 0], filename_prefix="shot")}


def naive_digest(prompt: Prompt) -> str:
    """What a hash of the prompt as text costs. It also changes with ids, titles and settings of the saver."""
    return hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()


def compared(
    report: Report, title: str, ways: Mapping[str, Callable[[], object]], per: str, count: int = 1, runs: int = RUNS
) -> None:
    """A table of ways to do the same, in turn; the first one is 1. `count`: the number of frames that each handles."""
    seconds = {way: cpu_seconds(runs, function)[0] for way, function in ways.items()}
    first = next(iter(seconds.values()))
    rows = [(way, f"{1e6 * value / count:,.0f}", times(value / first)) for way, value in seconds.items()]
    report.table(title, [f"CPU, us {per}", "ratio"], rows)


def digests(report: Report) -> None:
    # In ComfyUI it is there; here, looking for it anew each time would take longer than the digest of a small graph.
    sys.modules.setdefault("execution", ModuleType("execution"))
    prompt = graph(NODES)
    mapping: dict[str, Any] = {**prompt}

    def digest() -> None:
        found = graph_of(StaticPrompt(mapping), "save", MADE)
        if found is None or found.animation == found.digest:
            raise AssertionError("the graph was not followed")

    ways = {"JSON text and SHA-256": lambda: naive_digest(prompt), "digest of the graph": digest}
    compared(report, f"Digest of {len(prompt) - 1} nodes", ways, "a run")


def whole_and_identity(file: Path) -> FrameIdentity | None:
    with file.open("rb") as opened:
        return FrameIdentity.parse(read_identity(opened)) if state(opened) is State.WHOLE else None


def identity(file: Path) -> FrameIdentity | None:
    with file.open("rb") as opened:
        return FrameIdentity.parse(read_identity(opened))


def pillow_text(file: Path) -> object:
    """The texts of a PNG file, which stand in front of its pixels."""
    with Image.open(file, formats=["PNG"]) as image:
        return image.info["image_sequence"]


def reading(report: Report, files: Sequence[Path]) -> None:
    def grouped() -> None:
        if len(graph_groups({number: identity(file) for number, file in enumerate(files)})) != 1:
            raise AssertionError("the frames of one graph are not one group")

    ways: dict[str, Callable[[], object]] = {
        "Pillow, Image.open": lambda: [pillow_text(file) for file in files],
        "identity": lambda: [identity(file) for file in files],
        "identity, whether whole": lambda: [whole_and_identity(file) for file in files],
        "identity, groups by graph": grouped,
    }
    compared(report, f"Reading {len(files):,} frames", ways, "a frame", len(files), runs=3)


def frame_prompt(number: int, policy: str) -> Prompt:
    counter = node("ImageSequenceFrameCounter", frame_index=number, total_frames=10**6, frames_per_second=25)
    image = node("EmptyImage", width=64, height=64, batch_size=1, color=["count", 1])
    saver = node("ImageSequenceSaveFrame", images=["image", 0], filename_prefix="shot/f", current_frame=["count", 1],
                 on_existing=policy)  # fmt: skip
    return {"count": counter, "image": image, "save": saver}


def keeping(report: Report, host: InProcess, frames: int) -> None:
    """One run for each frame, all of which are there already."""
    for number in range(frames):
        host.run(frame_prompt(number, "overwrite"))
    rows = []
    first = 0.0
    for policy in ("skip", "skip unchanged"):
        start = time.process_time()
        for number in range(frames):
            host.run(frame_prompt(number, policy))
        seconds = time.process_time() - start
        first = first or seconds
        rows.append((policy, f"{1e6 * seconds / frames:,.0f}", times(seconds / first)))
    report.table(f"Keeping {frames:,} frames, a run each", ["CPU, us a frame", "ratio"], rows)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=10_000)
    options = parser.parse_args(arguments)
    report = Report()
    report.line(machine())
    scratch = Path(tempfile.mkdtemp(prefix="identity-bench-"))
    try:
        with InProcess(scratch) as host:
            host.host.node_classes.update(CLASSES)
            with host.host.comfyui.installed():
                digests(report)
            keeping(report, host, options.frames)
            reading(report, sorted((host.output / "shot/f").glob("*.png")))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
