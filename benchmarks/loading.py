"""What loading PNG frames costs: `python -m benchmarks.loading [--size WxH] [--frames N] [--pack DIR]`.

CPU time of all threads for each frame of a batch, loaded by this pack, by Pillow in a loop, and by JW's own node if a folder
of its pack is given. They take turns, and the minimum counts.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from pathlib import Path

from benchmarks import corpus
from benchmarks.end_to_end import LOADERS, OURS
from benchmarks.engines import pillow
from benchmarks.hosts import InProcess, node
from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, times
from io_utils.formats.png.encode import encode_png

CONTENTS = ("photo", "depth", "text")
ROUNDS = 3


def loading_table(report: Report, size: tuple[int, int], count: int, pack: Path | None = None) -> None:
    """CPU time a frame for Pillow's files and ours of three contents, and how many times as fast this pack is."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="image-sequence-bench-") as base, InProcess(Path(base)) as host:
        if pack is not None:
            host.host.node_classes.update(_nodes_of(pack / "comfyui_image_sequence.py"))
        loaders = {
            name: make for name, make in LOADERS.items() if host.has(str(make(host.output, "", 1)["class_type"]))
        }
        for content in CONTENTS:
            for whose, encode in (("Pillow's files", pillow), ("its own files", encode_png)):
                folder = host.output / f"{content} {whose[:3]}"
                folder.mkdir(parents=True)
                for index in range(count):
                    path = folder / f"{index:05d}.png"
                    path.write_bytes(encode(corpus.frames(content, size, index)))
                least = dict.fromkeys(loaders, float("inf"))
                for _ in range(ROUNDS):
                    for name, make in loaders.items():
                        loader = make(host.output, folder.name, count)
                        prompt = {"load": loader, "sink": node("BenchSink", images=["load", 0])}
                        least[name] = min(least[name], cpu_seconds(1, host.run, prompt)[0])
                ours = least[OURS]
                cells = [f"{1000 * seconds / count:.1f}" for seconds in least.values()]
                rows.append(
                    [f"{content}, {whose}", *cells, *(times(least[name] / ours) for name in loaders if name != OURS)]
                )
    ratios = [f"{name} / {OURS}" for name in loaders if name != OURS]
    report.table(f"loading {count} frames, CPU ms a frame", [*loaders, *ratios], rows)


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
