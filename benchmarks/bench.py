"""All tables of benchmarks/README.md, in its order, and the chart: `python dev.py bench [--only TABLE ...]`.

Speed is megabytes of raw pixels per second of CPU time on one core (so other processes do not count), the best of
several runs. Two independent decoders decode every file that a table of encoders, readers or EXR is about, and the result is
compared with the original pixels; a difference stops the benchmark. The output folder gets `bench.md` (the tables), `bench.csv`
(every picture) and `bench.png` (the chart).
All tables together take about 15 minutes (measured: 14 to 21), with --quick 3; the last one says how long each took.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from benchmarks import chart, corpus, end_to_end
from benchmarks.encoder import TITLES, Measured, chosen_contents, encode_all, formats, mean_table, of, worst_table
from benchmarks.engines import BASE, OURS, Pixels, WrongPixelsError, by_pillow, check, engines, pillow, versions
from benchmarks.goals import goals_table
from benchmarks.measure import Report, cpu_seconds, existing_folder, geometric_mean, machine, parsed_size, times
from io_utils.formats import registry
from io_utils.formats.png import encode as png


class Bench:
    """One run: its options, its report, and what several tables share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.report = Report()
        self.size: tuple[int, int] = options.size
        self.quick: bool = options.quick
        self.half = corpus.TUNING if options.tuning else corpus.HELD_OUT
        self.names = chosen_contents(self.half, self.quick)
        self.engines, self.absent = engines()

    @cached_property
    def measured(self) -> list[Measured]:
        return encode_all(self.half, self.names, self.size, self.engines, self.quick)


@dataclass(frozen=True)
class Table:
    """One or more tables below a heading. seconds: what they may take on two cores, so that all fit in 15 minutes."""

    name: str
    heading: str
    seconds: int
    run: Callable[[Bench], None]


def encoder_tables(bench: Bench) -> None:
    which = "tuning" if bench.options.tuning else "held out: not used to choose constants"
    width, height = bench.size
    bench.report.line()
    bench.report.line(
        f"{width} x {height}, {len(bench.names)} contents ({which}); CPU time of one core; geometric means."
    )
    for package in bench.absent:
        bench.report.line(f"{package} is not installed and is left out.")
    _encoding_tables(bench.report, bench.measured, [engine.name for engine in bench.engines])
    _write_csv(bench.measured, bench.options.output / "bench.csv")
    try:
        chart.draw(_points(bench.measured), bench.options.output / "bench.png")
    except ImportError:
        bench.report.line()
        bench.report.line("matplotlib is not installed, so there is no chart.")


def decoding_table(bench: Bench) -> None:
    pictures = {(kind, name): bench.half.picture(name, bench.size) for name, kind in bench.names.items()}
    _decoding_table(bench.report, pictures, bench.quick)


def end_to_end_tables(bench: Bench) -> None:
    options = bench.options
    count, runs = (8, 1) if bench.quick else (60, 2)
    bench.report.line()
    bench.report.line("In ComfyUI:" if options.comfyui else "In this process, without ComfyUI:")
    end_to_end.run(bench.report, options.comfyui, options.python, options.peers, bench.size, count, runs)


def one_frame_tables(bench: Bench) -> None:
    from benchmarks import linear

    linear.one_frame_table(bench.report, bench.size, 8 if bench.quick else 60)
    linear.tables(bench.report, [10] if bench.quick else [100, 1000])


# The modules below need packages that may be absent, so a table imports its module when it is made.
# ruff: noqa: PLC0415


def loading_tables(bench: Bench) -> None:
    from benchmarks.loading import loading_table

    packs = (peer for peer in bench.options.peers if (peer / "comfyui_image_sequence.py").is_file())  # JW's
    loading_table(bench.report, bench.size, 2 if bench.quick else 12, next(packs, None))


def kinds_tables(bench: Bench) -> None:
    from benchmarks import kinds

    kinds.run(bench.report, bench.size, quick=bench.quick)


def exr_tables(bench: Bench) -> None:
    from benchmarks import exr

    exr.tables(bench.report, bench.size, exr.KINDS[:1] if bench.quick else exr.KINDS)


def gil_table(bench: Bench) -> None:
    from benchmarks.gil import lock_table

    lock_table(bench.report, bench.size, 0.5 if bench.quick else 2.0)


def colour_table(bench: Bench) -> None:
    from benchmarks import colour

    colour.table(bench.report, bench.size)


def check_table(bench: Bench) -> None:
    from benchmarks import check

    check.table(bench.report, 50 if bench.quick else 1000, (256, 144), decode=False)


TABLES = (
    Table("encoder", "Encoder", 300, encoder_tables),
    Table("goals", "Goals of the encoder", 1, lambda bench: goals_table(bench.report, bench.measured)),
    Table("formats", "Other pixel formats", 15, lambda bench: formats(bench.report, bench.size)),
    Table("decoding", "Decoding", 80, decoding_table),
    Table("end-to-end", "End to end", 280, end_to_end_tables),
    Table("one-frame", "One frame a run", 20, one_frame_tables),
    Table("loading", "Loading", 20, loading_tables),
    Table("kinds", "WebP, JPEG, batches of EXR", 45, kinds_tables),
    Table("exr", "EXR", 70, exr_tables),
    Table("gil", "Python's lock", 25, gil_table),
    Table("colour", "Colour", 10, colour_table),
    Table("check", "Checking a sequence", 15, check_table),
)


def main() -> None:
    options = _parser().parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    report = bench.report
    report.line(f"{machine()}; {versions(bench.engines)}.")
    taken = run_tables(bench, [table for table in TABLES if table.name in (options.only or [table.name])])
    report.line()
    report.line("## How long it took")
    report.table("table", ["seconds", "budget"], taken)
    report.write(options.output / "bench.md")
    print(f"\n{options.output}: {', '.join(sorted(path.name for path in options.output.iterdir()))}")


def run_tables(bench: Bench, tables: Sequence[Table]) -> list[list[str]]:
    """Run the tables. Returns name, seconds and budget of each, and of all together.

    A table whose packages are not installed is left out, and a line says so.
    """
    threads = torch.get_num_threads()
    rows, total = [], 0.0
    for table in tables:
        bench.report.line()
        bench.report.line(f"## {table.heading}")
        start = time.perf_counter()
        try:
            table.run(bench)
        except ImportError as error:
            bench.report.line()
            bench.report.line(f"Left out: {error}.")
        finally:
            torch.set_num_threads(threads)  # some tables need one
        seconds = time.perf_counter() - start
        total += seconds
        rows.append([table.name, f"{seconds:.0f}", str(table.seconds)])
    return [*rows, ["all", f"{total:.0f}", str(sum(table.seconds for table in tables))]]


def _encoding_tables(report: Report, measured: Sequence[Measured], names: Sequence[str]) -> None:
    """Three tables of content by engine, and the worst contents of ours."""
    mean_table(report, "MB/s of raw pixels", measured, names, lambda row: row.megabytes_per_second, "{:.0f}".format)
    mean_table(report, f"times as fast as {BASE}", measured, names, lambda row: row.speed, times)
    mean_table(report, f"bytes, {BASE} = 1", measured, names, lambda row: row.size, "{:.3f}".format)
    for name in OURS:
        if name in names:
            worst_table(report, measured, name)


def _points(measured: Sequence[Measured]) -> dict[str, dict[str, list[chart.Point]]]:
    """Title of a kind -> engine -> (size relative to Pillow's at level 4, times as fast, name): the mean, then each content."""
    names = dict.fromkeys(row.engine for row in measured)
    points: dict[str, dict[str, list[chart.Point]]] = {}
    for kind, title in TITLES.items():
        points[title] = {}
        for name in names:
            if found := of(measured, kind, name):
                mean = geometric_mean(row.size for row in found), geometric_mean(row.speed for row in found), ""
                points[title][name] = [mean, *((row.size, row.speed, row.content) for row in found)]
    return points


def _decoding_table(report: Report, pictures: dict[tuple[str, str], Pixels], quick: bool) -> None:
    """CPU time for decoding our files and Pillow's files of the same pictures, by our reader and by Pillow.

    Raises WrongPixelsError if a file or our reader is wrong.
    """
    runs = 1 if quick else 2
    for (_, name), pixels in pictures.items():
        check(encoded := png.encode_png(pixels), pixels, name)
        for data in (encoded, pillow(pixels)):
            if not np.array_equal(registry.decode(data).reshape(pixels.shape), pixels):
                raise WrongPixelsError(f"{name}: this pack reads different pixels")
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
    names = [table.name for table in TABLES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="TABLE", help=f"only these: {', '.join(names)}")
    parser.add_argument(
        "--comfyui", type=existing_folder, help="save and load in the ComfyUI of this folder, end to end"
    )
    parser.add_argument("--python", type=Path, help="a Python with ComfyUI's requirements")
    parser.add_argument(
        "--peers", type=existing_folder, nargs="+", default=[], help="folders of earlier packs to compare with"
    )
    return parser


if __name__ == "__main__":
    main()
