"""How fast and how small the encoder is, by content: `python -m benchmarks.encoder [TABLE ...]`.

contents: every content of the corpus, compared with Pillow at level 4, with the mean and the worst content of each kind.
formats: the other pixel formats, compared with Pillow, or with pypng where Pillow cannot write them. threads: one 4K frame
on 1 and 2 threads, in wall time. choices: what choosing filter type and deflate method costs and gains. Times are CPU time
of one core unless stated; two other decoders check our files.
--tuning uses the pictures that the constants were chosen on; --size WIDTHxHEIGHT sets the size of a picture; --zlib does
without ISA-L and zlib-ng.
"""

# ruff: noqa: SLF001 -- the table of choices looks inside the encoder

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from unittest import mock

import numpy as np
import png as pypng

from benchmarks import corpus
from benchmarks.engines import BASE, OURS, Engine, Pixels, check, engines, pillow, without_accelerators
from benchmarks.measure import Report, cpu_seconds, geometric_mean, machine, parsed_size, times, wall_seconds
from io_utils.formats.png import encode as png
from io_utils.formats.png.strategy import CONTENT_CLASSES, Choice, Setting, choose, classify, predicted

MODES = {1: "grey", 2: "grey, alpha", 3: "RGB", 4: "RGBA"}
FILTERS = ("none", "sub", "up", "average", "paeth")
ALL = "all"
TITLES = {**corpus.KINDS, ALL: "all together"}
# What no content should exceed: files this much larger than Pillow's, and fewer times as fast.
LARGE, SLOW = 1.10, 5


@dataclass(frozen=True)
class Measured:
    """One content encoded by one engine. Pillow at level 4 takes `base_seconds`, for a file of `base_bytes`."""

    kind: str
    content: str
    engine: str
    seconds: float
    file_bytes: int
    raw_bytes: int
    base_seconds: float
    base_bytes: int

    @property
    def megabytes_per_second(self) -> float:
        return self.raw_bytes / self.seconds / 1e6

    @property
    def speed(self) -> float:
        return self.base_seconds / self.seconds

    @property
    def size(self) -> float:
        return self.file_bytes / self.base_bytes


def chosen_contents(half: corpus.Registry, quick: bool) -> dict[str, str]:
    """Content -> kind; if `quick`, one content of each kind."""
    names = half.names()
    return {name: kind for kind, name in {kind: name for name, kind in names.items()}.items()} if quick else names


def encode_all(
    half: corpus.Registry, names: dict[str, str], size: tuple[int, int], found: Sequence[Engine], quick: bool
) -> list[Measured]:
    """Encode the contents with all engines that can write them. Raises WrongPixelsError if a file is wrong."""
    measured = []
    for content, kind in names.items():
        pixels = half.picture(content, size)
        results = {}
        for engine in found:
            if engine.writes(pixels):
                seconds, data = cpu_seconds(1 if quick else engine.runs, engine.encoder(pixels))
                check(data, pixels, f"{content} by {engine.name}")
                results[engine.name] = seconds, len(data)
        measured += [
            Measured(kind, content, name, seconds, length, pixels.nbytes, *results[BASE])
            for name, (seconds, length) in results.items()
        ]
    return measured


def of(measured: Iterable[Measured], kind: str, engine: str) -> list[Measured]:
    return [row for row in measured if kind in (row.kind, ALL) and row.engine == engine]


def mean_table(
    report: Report,
    title: str,
    measured: Sequence[Measured],
    names: Sequence[str],
    value: Callable[[Measured], float],
    shown: Callable[[float], str],
) -> None:
    """Geometric means, by kind and engine, of the contents that the engine can write."""
    rows = []
    for kind, of_kind in TITLES.items():
        values = [[value(row) for row in of(measured, kind, name)] for name in names]
        rows.append([of_kind, *(shown(geometric_mean(each)) if each else "" for each in values)])
    report.table(title, names, rows)


def worst_table(report: Report, measured: Sequence[Measured], engine: str) -> None:
    """The mean and the worst content of each kind, and how many contents are large or slow."""
    rows = []
    for kind, title in TITLES.items():
        contents = of(measured, kind, engine)
        slowest, largest = min(contents, key=lambda row: row.speed), max(contents, key=lambda row: row.size)
        rows.append(
            [
                title,
                str(len(contents)),
                times(geometric_mean(row.speed for row in contents)),
                f"{times(slowest.speed)} ({slowest.content})",
                str(sum(row.speed < SLOW for row in contents)),
                f"{geometric_mean(row.size for row in contents):.3f}",
                f"{largest.size:.3f} ({largest.content})",
                str(sum(row.size > LARGE for row in contents)),
            ]
        )
    columns = ["contents", "times as fast", "slowest", f"below {SLOW}", "bytes", "largest", f"above {LARGE:.2f}"]
    report.table(f"{engine}, {BASE} = 1", columns, rows)


def contents(report: Report, half: corpus.Registry, size: tuple[int, int]) -> None:
    """Every content, and the mean and the worst of each kind."""
    found = [engine for engine in engines()[0] if engine.name in (BASE, *OURS)]
    measured = encode_all(half, half.names(), size, found, quick=False)
    for name in OURS:
        worst_table(report, measured, name)
    rows = []
    for content in half.names():
        of_content = [row for row in measured if row.content == content]
        base = next(row for row in of_content if row.engine == BASE)
        cells = [cell for row in of_content if row.engine in OURS for cell in (times(row.speed), f"{row.size:.3f}")]
        rows.append([content, f"{base.seconds * 1e3:.1f}", str(base.file_bytes), *cells])
    columns = [f"{BASE}: ms", f"{BASE}: bytes", *(f"{name}: {what}" for name in OURS for what in ("times", "bytes"))]
    report.table("content", columns, rows)


def formats(report: Report, size: tuple[int, int]) -> None:
    """Time every pixel format on an opaque photograph. With 16 bits, the low byte is noise."""
    rgb = corpus.frames("photo", size, 0)
    low_bits = np.random.default_rng(0).integers(0, 128, rgb.shape, dtype=np.uint16)
    rows = []
    for channels, mode in MODES.items():
        for colour in (rgb, rgb.astype(np.uint16) * 257 ^ low_bits):
            opaque = np.full_like(colour[..., :1], np.iinfo(colour.dtype).max)
            alpha = [opaque] if channels % 2 == 0 else []
            pixels = np.concatenate([colour[..., : channels - len(alpha)], *alpha], -1)
            ours, data = cpu_seconds(5, png.encode_png, pixels)
            check(data, pixels, mode)
            rival, theirs, their_data = _by_a_rival(pixels)
            ratios = [times(theirs / ours), f"{len(data) / len(their_data):.3f}"]
            rows.append([f"{mode}, {8 * pixels.itemsize} bits", rival, f"{ours * 1e3:.1f}", *ratios])
    report.table("format", ["rival", "CPU ms", "times as fast", "bytes ratio"], rows)


def threads(report: Report) -> None:
    """Compare one thread with two. In wall time, because CPU time does not show what threads gain."""
    rows = []
    for content in corpus.VARIED:
        pixels = corpus.frames(content, (3840, 2160), 0)
        # Alternately, so that a slowdown of the machine hits both.
        pairs = [[wall_seconds(partial(png.encode_png, pixels, threads=count)) for count in (1, 2)] for _ in range(5)]
        one, two = (min(column) * 1e3 for column in zip(*pairs))
        rows.append([content, f"{one:.0f}", f"{two:.0f}", f"{one / two:.2f}"])
    report.table("one 3840 x 2160 frame", ["ms on 1 thread", "on 2", "times as fast"], rows)


def choices(report: Report, half: corpus.Registry, size: tuple[int, int]) -> None:
    """Compare the encoder with each picture's best single setting, among the candidates of the content found in it."""
    rows = []
    for content in half.names():
        pixels = half.picture(content, size)
        lines, pixel_bytes = png._rows_of_bytes(pixels), png._bytes_per_pixel(pixels)
        strips = png._strips(*lines.shape)
        choosing, choices = cpu_seconds(9, choose, lines, strips, pixel_bytes)
        chosen = [choice.setting for choice in choices]
        encoding, data = cpu_seconds(9, png.encode_png, pixels)
        classes = classify(predicted(lines, strips, pixel_bytes))
        candidates = {setting for number in classes for setting in CONTENT_CLASSES[number].candidates}
        singles = {setting: _bytes_with(setting, pixels) for setting in {*chosen, *candidates}}
        best = min(singles, key=lambda setting: singles[setting])
        names = ", ".join(sorted({CONTENT_CLASSES[number].name for number in classes}))
        ratio = f"{len(data) / singles[best]:.3f}"
        rows.append([content, names, f"{choosing / encoding:.1%}", _shown(chosen), ratio, _shown([best])])
    columns = ["classes", "choosing, of the time", "chosen", "bytes, smallest single = 1", "smallest single"]
    report.table("content", columns, rows)


def _shown(settings: Iterable[Setting]) -> str:
    names = (f"{FILTERS[setting.filter_type]} + {setting.method.name.lower()}" for setting in settings)
    return ", ".join(dict.fromkeys(names))


def _by_a_rival(pixels: Pixels) -> tuple[str, float, bytes]:
    """Return name, seconds and file of a rival: Pillow for 8 bits and for grey of 16 bits, otherwise pypng."""
    if pixels.dtype == np.uint8 or pixels.shape[2] == 1:
        return BASE, *cpu_seconds(3, pillow, pixels)
    return "pypng 4", *cpu_seconds(1, _pypng, pixels)


def _pypng(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    buffer = io.BytesIO()
    writer = pypng.Writer(width, height, greyscale=channels < 3, alpha=channels % 2 == 0, bitdepth=16, compression=4)
    writer.write(buffer, pixels.reshape(height, -1))
    return buffer.getvalue()


def _bytes_with(setting: Setting, pixels: Pixels) -> int:
    choice = Choice(setting, math.inf)
    with mock.patch.object(png, "choose", lambda rows, strips, pixel_bytes: [choice] * len(strips)):
        return len(png.encode_png(pixels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="contents, formats, threads, choices; default: all")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--zlib", action="store_true")
    options = parser.parse_args()
    half = corpus.TUNING if options.tuning else corpus.HELD_OUT
    report = Report()
    tables = {
        "contents": lambda: contents(report, half, options.size),
        "formats": lambda: formats(report, options.size),
        "threads": lambda: threads(report),
        "choices": lambda: choices(report, half, options.size),
    }
    if unknown := set(options.tables) - set(tables):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    which = "tuning" if options.tuning else "held out"
    library = "zlib" if options.zlib else "ISA-L and zlib-ng"
    report.line(f"{machine()}; {options.size[0]} x {options.size[1]}, {which}, {library}")
    for name in options.tables or tables:
        if options.zlib:
            without_accelerators(tables[name])()
        else:
            tables[name]()


if __name__ == "__main__":
    main()
