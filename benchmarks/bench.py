"""Compares the encoder with its rivals on every kind of content, then measures saving and loading: `python dev.py bench`.

Speed is megabytes of raw pixels per second of CPU time on one core (so other processes do not count), the best of
several runs. Two independent decoders decode every file, and the result is compared with the original pixels; a difference
stops the benchmark. The output folder gets `bench.md` (the tables), `bench.csv` (every picture) and `bench.png` (the chart).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import chart, corpus, end_to_end
from benchmarks.encoder import TITLES, Measured, chosen_contents, encode_all, mean_table, of, worst_table
from benchmarks.engines import BASE, OURS, Pixels, by_pillow, engines, pillow, versions
from benchmarks.measure import Report, cpu_seconds, geometric_mean, machine, parsed_size, times
from io_utils.formats import registry
from io_utils.formats.png import encode as png


def main() -> None:
    options = _parser().parse_args()
    report = Report()
    half = corpus.TUNING if options.tuning else corpus.HELD_OUT
    names = chosen_contents(half, options.quick)
    width, height = options.size
    found, absent = engines()
    report.line(f"{machine()}; {versions(found)}.")
    report.line()
    which = "tuning" if options.tuning else "held out: not used to choose constants"
    report.line(f"{width} x {height}, {len(names)} contents ({which}); CPU time of one core; geometric means.")
    for package in absent:
        report.line(f"{package} is not installed and is left out.")
    measured = encode_all(half, names, options.size, found, options.quick)
    _encoding_tables(report, measured, [engine.name for engine in found])
    _decoding_table(
        report, {(kind, name): half.picture(name, options.size) for name, kind in names.items()}, options.quick
    )

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


def _encoding_tables(report: Report, measured: Sequence[Measured], names: Sequence[str]) -> None:
    """Three tables of content by engine, and the worst contents of ours."""
    mean_table(report, "MB/s of raw pixels", measured, names, lambda row: row.megabytes_per_second, "{:.0f}".format)
    mean_table(report, f"times as fast as {BASE}", measured, names, lambda row: row.speed, times)
    mean_table(report, f"bytes, {BASE} = 1", measured, names, lambda row: row.size, "{:.3f}".format)
    for name in OURS:
        if name in names:
            worst_table(report, measured, name)


def _points(measured: Sequence[Measured]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Title of a kind -> engine -> (size relative to Pillow's at level 4, times as fast): the mean, then each content."""
    names = dict.fromkeys(row.engine for row in measured)
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for kind, title in TITLES.items():
        points[title] = {}
        for name in names:
            if found := [(row.size, row.speed) for row in of(measured, kind, name)]:
                sizes, speeds = zip(*found, strict=True)
                points[title][name] = [(geometric_mean(sizes), geometric_mean(speeds)), *found]
    return points


def _decoding_table(report: Report, pictures: dict[tuple[str, str], Pixels], quick: bool) -> None:
    """CPU time for decoding our files and Pillow's files of the same pictures, by our reader and by Pillow."""
    runs = 1 if quick else 5
    readers: dict[str, Callable[[bytes], object]] = {
        "this pack's reader": registry.decode,
        "Pillow": by_pillow,
    }
    rows = []
    for kind in dict.fromkeys(kind for kind, _ in pictures):
        cells = []
        for reader in readers.values():
            columns: list[list[float]] = [
                [
                    cpu_seconds(runs, reader, write(pixels))[0]
                    for (of_kind, _), pixels in pictures.items()
                    if of_kind == kind
                ]
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
        writer.writerow(["kind", "content", "engine", "ms", "MB/s", "bytes", f"times as fast as {BASE}", "bytes ratio"])
        for row in measured:
            speeds = [f"{row.seconds * 1000:.3f}", f"{row.megabytes_per_second:.1f}"]
            writer.writerow(
                [row.kind, row.content, row.engine, *speeds, row.file_bytes, f"{row.speed:.2f}", f"{row.size:.4f}"]
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024", help="WIDTHxHEIGHT of the pictures")
    parser.add_argument("--tuning", action="store_true", help="use the pictures that the constants were chosen on")
    parser.add_argument(
        "--quick", action="store_true", help="only check that it works: one content of each kind, 8 frames"
    )
    parser.add_argument("--output", type=Path, default=Path("bench-output"))
    parser.add_argument("--comfyui", type=Path, help="also save and load in the ComfyUI of this folder")
    parser.add_argument("--python", type=Path, help="a Python with ComfyUI's requirements")
    parser.add_argument("--peers", type=Path, nargs="+", default=[], help="folders of earlier packs to compare with")
    return parser


if __name__ == "__main__":
    main()
