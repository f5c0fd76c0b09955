"""Compares the encoder with its rivals on every kind of content, then measures saving and loading: `python dev.py bench`.

Speed is megabytes of raw pixels per second of CPU time on one core (so other processes do not count), the best of
several runs. Two independent decoders decode every file, and the result is compared with the original pixels; a difference
stops the benchmark. The output folder gets `bench.md` (the tables), `bench.csv` (every picture) and `bench.png` (the chart).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import chart, corpus, end_to_end
from benchmarks.engines import BASE, Engine, Pixels, by_pillow, check, engines, pillow, versions
from benchmarks.measure import Report, cpu_seconds, geometric_mean, machine, parsed_size, times
from io_utils.formats import registry
from io_utils.formats.png import encode as png

ALL = "all"
TITLES = {
    "photo": "photographs",
    "smooth": "smooth pictures",
    "text": "text, line art",
    "mask": "masks, flat regions",
    "depth": "depth, gradients",
    "noise": "pure noise",
    "mixed": "mixed",
    ALL: "all together",
}


@dataclass(frozen=True)
class Measured:
    """One picture encoded by one engine. `speed` is relative to Pillow at level 4, whose file has `base_bytes` bytes."""

    kind: str
    seed: int
    engine: str
    seconds: float
    file_bytes: int
    raw_bytes: int
    speed: float
    base_bytes: int

    @property
    def megabytes_per_second(self) -> float:
        return self.raw_bytes / self.seconds / 1e6


def main() -> None:
    options = _parser().parse_args()
    report = Report()
    seeds = (corpus.HELD_OUT_SEEDS if options.held_out else corpus.TUNING_SEEDS)[: 1 if options.quick else None]
    width, height = options.size
    found, absent = engines()
    report.line(f"{machine()}; {versions(found)}.")
    report.line()
    which = "held out: not used to choose constants" if options.held_out else "tuning"
    report.line(f"{width} x {height} RGB, {len(seeds)} pictures per class ({which}); CPU time of one core.")
    for package in absent:
        report.line(f"{package} is not installed and is left out.")
    pictures = {(kind, seed): corpus.frames(kind, options.size, seed) for kind in corpus.KINDS for seed in seeds}
    measured = [row for picture in pictures for row in _encode(picture, pictures[picture], found, options.quick)]
    _encoding_tables(report, measured, [engine.name for engine in found])
    _decoding_table(report, pictures, options.quick)

    options.output.mkdir(parents=True, exist_ok=True)
    _write_csv(measured, options.output / "bench.csv")
    try:
        chart.draw(_points(measured), options.output / "bench.png")
    except ImportError:
        report.line("\nmatplotlib is not installed, so there is no chart.")

    count, runs = (8, 1) if options.quick else (60, 3)
    report.line("\nEnd to end, in this process, without ComfyUI:")
    end_to_end.run(report, None, None, [], options.size, count, runs)
    if options.comfyui:
        report.line("\nEnd to end, in ComfyUI:")
        end_to_end.run(report, options.comfyui, options.python, options.peers, options.size, count, runs)
    report.write(options.output / "bench.md")
    print(f"\n{options.output}: {', '.join(sorted(path.name for path in options.output.iterdir()))}")


def _encode(picture: tuple[str, int], pixels: Pixels, found: Sequence[Engine], quick: bool) -> Iterable[Measured]:
    kind, seed = picture
    results = {}
    for engine in found:
        seconds, data = cpu_seconds(1 if quick else engine.runs, engine.encoder(pixels))
        check(data, pixels, f"{kind} {seed} by {engine.name}")
        results[engine.name] = seconds, len(data)
    base_seconds, base_bytes = results[BASE]
    for name, (seconds, size) in results.items():
        yield Measured(kind, seed, name, seconds, size, pixels.nbytes, base_seconds / seconds, base_bytes)


def _encoding_tables(report: Report, measured: Sequence[Measured], names: Sequence[str]) -> None:
    """Three tables of content by engine. Speeds are geometric means; sizes are totals of all files of a class."""

    def table(title: str, cell: Callable[[Sequence[Measured]], str]) -> None:
        rows = [[title, *(cell(_of(measured, kind, name)) for name in names)] for kind, title in TITLES.items()]
        report.table(title, names, rows)

    table("MB/s of raw pixels", lambda rows: f"{_mean_speed(rows):.0f}")
    table(f"times as fast as {BASE}", lambda rows: times(geometric_mean(row.speed for row in rows)))
    table(f"bytes, {BASE} = 1", lambda rows: f"{_relative_size(rows):.3f}")


def _of(measured: Sequence[Measured], kind: str, name: str) -> list[Measured]:
    return [row for row in measured if kind in (row.kind, ALL) and row.engine == name]


def _mean_speed(rows: Iterable[Measured]) -> float:
    return geometric_mean(row.megabytes_per_second for row in rows)


def _relative_size(rows: Sequence[Measured]) -> float:
    return sum(row.file_bytes for row in rows) / sum(row.base_bytes for row in rows)


def _points(measured: Sequence[Measured]) -> dict[str, dict[str, tuple[float, float]]]:
    """Content -> engine -> (size relative to Pillow's at level 4, MB/s)."""
    names = dict.fromkeys(row.engine for row in measured)
    return {
        title: {
            name: (_relative_size(rows), _mean_speed(rows)) for name in names if (rows := _of(measured, kind, name))
        }
        for kind, title in TITLES.items()
    }


def _decoding_table(report: Report, pictures: dict[tuple[str, int], Pixels], quick: bool) -> None:
    """CPU time for decoding our files and Pillow's files of the same pictures, by our reader and by Pillow."""
    runs = 1 if quick else 5
    readers: dict[str, Callable[[bytes], object]] = {
        "this pack's reader": registry.decode,
        "Pillow": by_pillow,
    }
    rows = []
    for kind in corpus.KINDS:
        cells = []
        for reader in readers.values():
            columns: list[list[float]] = [
                [cpu_seconds(runs, reader, write(pixels))[0] for (of, _), pixels in pictures.items() if of == kind]
                for write in (pillow, png.encode_png)
            ]
            theirs, ours = (1000 * float(np.mean(column)) for column in columns)
            cells += [f"{theirs:.1f}", f"{ours:.1f}", f"{ours / theirs:.2f}"]
        rows.append([TITLES[kind], *cells])
    titles = [f"{name}: {what}" for name in readers for what in ("Pillow 4's files", "ours", "ratio")]
    report.table("decoding, ms", titles, rows)


def _write_csv(measured: Sequence[Measured], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["content", "seed", "engine", "ms", "MB/s", "bytes", f"times as fast as {BASE}", "bytes ratio"])
        for row in measured:
            speeds = [f"{row.seconds * 1000:.3f}", f"{row.megabytes_per_second:.1f}"]
            ratios = [f"{row.speed:.2f}", f"{row.file_bytes / row.base_bytes:.4f}"]
            writer.writerow([row.kind, row.seed, row.engine, *speeds, row.file_bytes, *ratios])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024", help="WIDTHxHEIGHT of the pictures")
    parser.add_argument("--held-out", action="store_true", help="use pictures that were not used to choose constants")
    parser.add_argument(
        "--quick", action="store_true", help="only check that it works: one picture per class, 8 frames"
    )
    parser.add_argument("--output", type=Path, default=Path("bench-output"))
    parser.add_argument("--comfyui", type=Path, help="also save and load in the ComfyUI of this folder")
    parser.add_argument("--python", type=Path, help="a Python with ComfyUI's requirements")
    parser.add_argument("--peers", type=Path, nargs="+", default=[], help="folders of earlier packs to compare with")
    return parser


if __name__ == "__main__":
    main()
