"""What loading PNG frames costs: `python -m benchmarks.loading [--size WxH] [--frames N] [--pack DIR]`.

CPU time of all threads for each frame of a batch, loaded by this pack, by Pillow in a loop, and by JW's own node if a folder
of its pack is given. They take turns, and the minimum counts. A loader whose frames differ from those that were saved stops
the benchmark.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.end_to_end import LOADERS, OURS, write_frames
from benchmarks.engines import Pixels, pillow
from benchmarks.hosts import InProcess, Node, Prompt, node
from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, times
from io_utils.formats.png.encode import encode_png

CONTENTS = ("photo", "depth", "text")
WRITERS: dict[str, Callable[[Pixels], bytes]] = {"Pillow's files": pillow, "its own files": encode_png}
ROUNDS = 3


def loading_table(report: Report, size: tuple[int, int], count: int, pack: Path | None = None) -> None:
    """CPU time a frame for Pillow's files and ours of three contents, and how many times as fast this pack is."""
    nodes = {} if pack is None else _nodes_of(pack / "comfyui_image_sequence.py")
    seconds: dict[str, dict[str, float]] = {}
    for content in CONTENTS:
        with tempfile.TemporaryDirectory(prefix="image-sequence-bench-") as base, InProcess(Path(base)) as host:
            host.host.node_classes.update(nodes)
            frames = write_frames(Path(base), size, count, content)
            for whose, encode in WRITERS.items():
                folder = host.output / whose
                folder.mkdir()
                for index, pixels in enumerate(frames):
                    (folder / f"{index:05d}.png").write_bytes(encode(pixels))
                seconds[f"{content}, {whose}"] = _least_seconds(host, folder.name, count)
    loaders = list(next(iter(seconds.values())))
    rivals = [name for name in loaders if name != OURS]
    rows = [
        [title, *(f"{1000 * least[name] / count:.1f}" for name in loaders)]
        + [times(least[name] / least[OURS]) for name in rivals]
        for title, least in seconds.items()
    ]
    columns = [*loaders, *(f"{name} / {OURS}" for name in rivals)]
    report.table(f"loading {count} frames, CPU ms a frame", columns, rows)


def _least_seconds(host: InProcess, folder: str, count: int) -> dict[str, float]:
    """The least CPU time of each loader that is there. Raises ValueError if one loads wrong frames."""
    loaders = {name: make(host.output, folder, count) for name, make in LOADERS.items()}
    loaders = {name: loader for name, loader in loaders.items() if host.has(str(loader["class_type"]))}
    least = dict.fromkeys(loaders, float("inf"))
    for _ in range(ROUNDS):
        for name, loader in loaders.items():
            least[name] = min(least[name], cpu_seconds(1, host.run, _into("BenchSink", loader))[0])
    for loader in loaders.values():
        host.run(_into("BenchCheck", loader))
    return least


def _into(sink: str, loader: Node) -> Prompt:
    return {"load": loader, "sink": node(sink, images=["load", 0])}


def _nodes_of(path: Path) -> dict[str, type]:
    spec = importlib.util.spec_from_file_location("another_pack", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    nodes: dict[str, type] = module.NODE_CLASS_MAPPINGS
    return nodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--pack", type=Path, help="folder of JW's pack")
    options = parser.parse_args()
    report = Report()
    report.line(machine())
    loading_table(report, options.size, options.frames, options.pack)


if __name__ == "__main__":
    main()
