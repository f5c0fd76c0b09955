"""Measures saving and loading photographic frames with this pack, ComfyUI's Save Image, plain Pillow and earlier packs.

    python -m benchmarks.end_to_end [--comfyui DIR [--python PYTHON] [--peers DIR ...]] [--frames 60] [--size 1024x1024]
        [--runs 3]

Without ComfyUI the prompts run in its stand-in, in this process; rivals without a node there are left out. All savers share
one source of frames, which stays in the cache. The savers take turns, and the median of the runs counts: three of this pack, two of the
others in one prompt and one of them in many, because a run of theirs takes 10 to 50 seconds. Memory is the
growth of the process's peak resident set (Linux) in the first run; each loader runs in a new server. In a real ComfyUI
the frames are also saved one per prompt, with all prompts queued before the first one starts. Outside the timed part, two
independent decoders check this pack's files, and the loaded frames are compared with the saved ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks import corpus, engines
from benchmarks.engines import Pixels
from benchmarks.hosts import Host, InProcess, Node, Prompt, RealServer, node
from benchmarks.measure import PeakMemory, Report, parsed_size, times
from devtools.comfyui_server import comfyui_python

Start = Callable[[], Host]
OURS, OURS_COUNTED = "this pack", "this pack, by frame counter"

BATCH_SAVERS: dict[str, Callable[[Path, str], Node]] = {
    "core Save Image": lambda output, folder: node("SaveImage", filename_prefix=f"{folder}/f"),
    "Pillow, level 4": lambda output, folder: node("BenchPillowSave", folder=folder),
    "JW": lambda output, folder: node(
        "JWSaveImageSequence", path_pattern=f"{output}/{folder}/{{:05d}}.png", start_index=0, overwrite="true"
    ),
    OURS: lambda output, folder: node(
        "ImageSequenceSaveBatch", path_pattern=f"{folder}/{{:05d}}.png", start_index=0, overwrite="error"
    ),
}

FRAME_SAVERS: dict[str, Callable[[Path, str, int, int], dict[str, Node]]] = {
    "core Save Image": lambda output, folder, index, count: {
        "save": node("SaveImage", images=["frame", 0], filename_prefix=f"{folder}/f")
    },
    "MTB, by frame index": lambda output, folder, index, count: {
        "save": node("Save Image Sequence (mtb)", images=["frame", 0], filename_prefix=folder, current_frame=index)
    },
    "Dream, by frame counter": lambda output, folder, index, count: _counted(
        "Frame Counter (Simple) [Dream]", "Image Sequence Saver [Dream]", str(output / folder), index, count
    ),
    OURS: lambda output, folder, index, count: {
        "save": node("ImageSequenceSaveFrame", images=["frame", 0], filename_prefix=folder, current_frame=index)
    },
    OURS_COUNTED: lambda output, folder, index, count: _counted(
        "ImageSequenceFrameCounter", "ImageSequenceSaveCounted", folder, index, count
    ),
    "nothing: the queue alone": lambda output, folder, index, count: {"save": node("BenchSink", images=["frame", 0])},
}

LOADERS: dict[str, Callable[[Path, str, int], Node]] = {
    "Pillow, one by one": lambda output, folder, count: node("BenchPillowLoad", folder=folder, count=count),
    "JW": lambda output, folder, count: node(
        "JWLoadImageSequence",
        path_pattern=f"{output}/{folder}/{{:05d}}.png",
        start_index=0,
        frame_count=count,
        ignore_missing_images="false",
    ),
    OURS: lambda output, folder, count: node(
        "ImageSequenceLoadBatch",
        path_pattern=f"{folder}/{{:05d}}.png",
        start_index=0,
        frame_count=count,
        ignore_missing_images="false",
    ),
}


def bench(report: Report, start: Start, base: Path, count: int, runs: int) -> None:
    """Report all tables. `base` holds the frames; `start` makes a host with its folders in `base`."""
    plates = _bench_saving(report, start, base, count, runs)
    tensor_bytes = np.load(base / "frames.npy", mmap_mode="r")[:count].size * 4
    _bench_loading(report, start, plates, count, runs, tensor_bytes)


def write_frames(base: Path, size: tuple[int, int], count: int, content: str = "photo") -> Pixels:
    """Write `count` different pictures for the probe nodes. Returns them: uint8, (count, height, width, 3)."""
    frames = np.stack([corpus.frames(content, size, seed) for seed in range(count)])
    np.save(base / "frames.npy", frames)
    return frames


def _bench_saving(report: Report, start: Start, base: Path, count: int, runs: int) -> dict[str, str]:
    """Measure saving in one prompt. Returns the folder of the first run for each saver."""
    with start() as host:
        seconds: dict[str, list[float]] = {name: [] for name, make in BATCH_SAVERS.items() if _can(host, make)}
        folders = {name: f"{place}batch" for place, name in enumerate(seconds)}
        unsynced, growth = [], 0.0
        _run_all(host, count, node("BenchSink"))
        for run in range(runs):
            for name, measured in seconds.items():
                if name != OURS and run == 2:
                    continue  # two runs are enough for those that take 10 seconds
                memory = PeakMemory(host.process_id)
                measured.append(_run_all(host, count, BATCH_SAVERS[name](host.output, folders[name] + f"-{run}")))
                growth = memory.growth() if name == OURS and not run else growth
            if isinstance(host, InProcess):
                with mock.patch.object(os, "fsync", return_value=None):
                    unsynced.append(_run_all(host, count, BATCH_SAVERS[OURS](host.output, f"unsynced-{run}")))
        sizes = {name: _checked_bytes(host, folder + "-0", base, name, count) for name, folder in folders.items()}
        _saving_table(report, f"saving {count} frames, one prompt", seconds, sizes)
        report.line()
        report.line(f"This pack's peak memory grew by {growth / 2**20:.0f} MiB.")
        if unsynced:
            median = statistics.median(unsynced)
            cost = statistics.median(seconds[OURS]) / median - 1
            report.line(f"Without fsync it takes {median:.2f} s: fsync costs {cost:.1%}.")
        if isinstance(host, RealServer):
            _bench_frames(report, host, base, count, runs)
    return {name: folder + "-0" for name, folder in folders.items()}


def _bench_frames(report: Report, host: RealServer, base: Path, count: int, runs: int) -> None:
    source = {"source": node("BenchSource", count=count)}
    seconds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for name, make in FRAME_SAVERS.items():
        probe = make(host.output, "", 0, count)
        if not all(host.has(str(part["class_type"])) for part in probe.values()):
            continue
        seconds[name] = []
        for run in range(runs if name.startswith(OURS) else 1):
            folder = f"{len(seconds)}frames-{run}"
            prompts: list[Prompt] = [
                {
                    **source,
                    "frame": node("BenchPick", images=["source", 0], index=index),
                    **make(host.output, folder, index, count),
                }
                for index in range(count)
            ]
            cached = {**source, "sink": node("BenchSink", images=["source", 0])}
            seconds[name].append(host.run_queue(prompts, cached))
        sizes[name] = _checked_bytes(host, f"{len(seconds)}frames-0", base, name, count)
    _saving_table(report, f"saving {count} frames, {count} prompts", seconds, sizes)


def _bench_loading(
    report: Report, start: Start, plates: dict[str, str], count: int, runs: int, tensor_bytes: int
) -> None:
    cases = [(name, "Pillow's files", plates["Pillow, level 4"]) for name in LOADERS]
    cases.append((OURS, "its own files", plates[OURS]))
    rows = []
    slowest = 0.0
    for name, whose, plate in cases:
        with start() as host:
            if not host.has(str(LOADERS[name](host.output, plate, count)["class_type"])):
                continue
            _load(host, name, plate, 1, 0)
            memory = PeakMemory(host.process_id)
            seconds = [_load(host, name, plate, count, 1)]
            growth = memory.growth() / tensor_bytes
            seconds += [_load(host, name, plate, count, run) for run in range(2, 1 + runs)]
            _load(host, name, plate, count, 0, "BenchCheck")
        median = statistics.median(seconds)
        slowest = slowest or median
        rows.append([f"{name}, {whose}", f"{median:.2f}", times(slowest / median), f"{growth:.2f}"])
    report.table(f"loading {count} frames, one prompt", ["seconds", "times as fast", "peak growth / tensor"], rows)


def _load(host: Host, name: str, plate: str, count: int, run: int, sink: str = "BenchSink") -> float:
    """Load `count` frames. `run` changes the spelling of the folder, because ComfyUI caches equal inputs."""
    loader = LOADERS[name](host.output, "./" * run + plate, count)
    return host.run({"load": loader, "sink": node(sink, images=["load", 0])})


def _can(host: Host, make: Callable[[Path, str], Node]) -> bool:
    return host.has(str(make(host.output, "")["class_type"]))


def _run_all(host: Host, count: int, saver: Node) -> float:
    """Run `saver` on all frames of the source in one prompt. Returns the seconds."""
    inputs = {"images": ["source", 0], **saver["inputs"]}  # type: ignore[dict-item]
    return host.run({"source": node("BenchSource", count=count), "save": {**saver, "inputs": inputs}})


def _counted(counter: str, saver: str, folder: str, index: int, count: int) -> dict[str, Node]:
    """A frame counter and its saver. Dream's nodes and ours have the same inputs."""
    settings = {"prefix": "f", "digits": 5, "at_end": "stop output", "filetype": "png with embedded workflow"}
    return {
        "counter": node(counter, frame_index=index, total_frames=count, frames_per_second=25),
        "save": node(saver, frame_counter=["counter", 0], image=["frame", 0], directory_path=folder, **settings),
    }


def _checked_bytes(host: Host, folder: str, base: Path, name: str, count: int) -> int:
    """The total size of `count` saved frames, or 0 if there are none. Checks the pixels of this pack's files."""
    files = sorted((host.output / folder).iterdir()) if (host.output / folder).is_dir() else []
    if files and len(files) != count:
        raise RuntimeError(f"{name} left {len(files)} files of {count} frames")
    if name in (OURS, OURS_COUNTED):
        for path, pixels in zip(files, np.load(base / "frames.npy", mmap_mode="r")):
            engines.check(path.read_bytes(), pixels, str(path))
    return sum(path.stat().st_size for path in files)


def _saving_table(report: Report, title: str, seconds: dict[str, list[float]], sizes: dict[str, int]) -> None:
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    first = next(iter(medians))
    ours = [name for name in medians if name.startswith(OURS)]
    columns = ["seconds", "bytes", "ratio", *(f"times as slow as {name}" for name in ours)]
    report.table(
        title,
        columns,
        [
            [name, f"{median:.2f}", f"{sizes[name]:,}", f"{sizes[name] / sizes[first]:.3f}"]
            + [times(median / medians[mine]) for mine in ours]
            for name, median in medians.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--peers", type=Path, nargs="+", default=[])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    run(Report(), options.comfyui, options.python, options.peers, options.size, options.frames, options.runs)


def run(
    report: Report,
    comfyui: Path | None,
    python: Path | None,
    peers: list[Path],
    size: tuple[int, int],
    count: int,
    runs: int,
) -> None:
    """Run the benchmark in the ComfyUI of a folder, or in the stand-in if it is None. Uses temporary folders."""
    base = Path(tempfile.mkdtemp(prefix="image-sequence-bench-"))
    try:
        write_frames(base, size, count)
        if comfyui is None:
            bench(report, lambda: InProcess(base), base, count, runs)
        else:
            interpreter = comfyui_python(comfyui, python)
            bench(report, lambda: RealServer(comfyui, interpreter, base, peers), base, count, runs)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
