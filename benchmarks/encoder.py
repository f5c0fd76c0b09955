"""What `python dev.py bench` does not show about the encoder: `python -m benchmarks.encoder [TABLE ...]`.

formats: the other pixel formats, compared with Pillow, or with pypng where Pillow cannot write them; two other decoders
check our files. threads: one 4K frame on 1 and 2 threads, in wall time. choices: what choosing filter type and deflate
method costs and gains. Times are CPU time of one core unless stated.
--held-out uses pictures that were not looked at while the constants were chosen; --size WIDTHxHEIGHT sets the size of a
picture; --zlib does without zlib-ng.
"""

# ruff: noqa: SLF001 -- the table of choices looks inside the encoder

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from unittest import mock

import numpy as np
import png as pypng

from benchmarks import corpus
from benchmarks.engines import Pixels, check, pillow
from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, times, wall_seconds
from io_utils.formats import zlib_engines
from io_utils.formats.png import encode as png
from io_utils.formats.png.strategy import CONTENT_CLASSES, Measures, Setting, choose, classify

MODES = {1: "grey", 2: "grey, alpha", 3: "RGB", 4: "RGBA"}
FILTERS = ("none", "sub", "up", "average")


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
    for kind in corpus.KINDS:
        pixels = corpus.frames(kind, (3840, 2160), 0)
        # Alternately, so that a slowdown of the machine hits both.
        pairs = [[wall_seconds(partial(png.encode_png, pixels, threads=count)) for count in (1, 2)] for _ in range(5)]
        one, two = (min(column) * 1e3 for column in zip(*pairs))
        rows.append([kind, f"{one:.0f}", f"{two:.0f}", f"{one / two:.2f}"])
    report.table("one 3840 x 2160 frame", ["ms on 1 thread", "on 2", "times as fast"], rows)


def choices(report: Report, size: tuple[int, int], seeds: Sequence[int]) -> None:
    """Compare the encoder with each picture's best single setting, among the candidates of the content found in it."""
    rows = []
    for kind in corpus.KINDS:
        shares, ratios, bests = [], [], []
        for seed in seeds:
            pixels = corpus.frames(kind, size, seed)
            lines = png._rows_of_bytes(pixels)
            strips = png._strips(*lines.shape)
            choosing, chosen = cpu_seconds(9, choose, lines, strips, 3)
            encoding, data = cpu_seconds(9, png.encode_png, pixels)
            classes = classify(Measures(lines, strips, 3))
            candidates = {setting for number in classes for setting in CONTENT_CLASSES[number].candidates}
            singles = {setting: _bytes_with(setting, pixels) for setting in {*chosen, *candidates}}
            best = min(singles, key=lambda setting: singles[setting])
            shares.append(f"{choosing / encoding:.1%}")
            ratios.append(f"{len(data) / singles[best]:.3f}")
            bests.append(f"{FILTERS[best.filter_type]} + {best.method.name.lower()}")
        rows.append([kind, " ".join(shares), " ".join(ratios), ", ".join(bests)])
    report.table("content", ["choosing, of the time", "bytes, best single = 1", "best single"], rows)


def _by_a_rival(pixels: Pixels) -> tuple[str, float, bytes]:
    """Return name, seconds and file of a rival: Pillow for 8 bits and for grey of 16 bits, otherwise pypng."""
    if pixels.dtype == np.uint8 or pixels.shape[2] == 1:
        flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        return "Pillow 4", *cpu_seconds(3, pillow, flat)
    return "pypng 4", *cpu_seconds(1, _pypng, pixels)


def _pypng(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    buffer = io.BytesIO()
    writer = pypng.Writer(width, height, greyscale=channels < 3, alpha=channels % 2 == 0, bitdepth=16, compression=4)
    writer.write(buffer, pixels.reshape(height, -1))
    return buffer.getvalue()


def _bytes_with(setting: Setting, pixels: Pixels) -> int:
    with mock.patch.object(png, "choose", lambda rows, strips, pixel_bytes: [setting] * len(strips)):
        return len(png.encode_png(pixels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="formats, threads, choices; default: all")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--zlib", action="store_true")
    options = parser.parse_args()
    seeds = corpus.HELD_OUT_SEEDS if options.held_out else corpus.TUNING_SEEDS
    report = Report()
    tables = {
        "formats": lambda: formats(report, options.size),
        "threads": lambda: threads(report),
        "choices": lambda: choices(report, options.size, seeds),
    }
    if unknown := set(options.tables) - set(tables):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    report.line(
        f"{machine()}; {options.size[0]} x {options.size[1]}, seeds {seeds}, {'zlib' if options.zlib else 'zlib-ng'}"
    )
    with mock.patch.object(zlib_engines, "zlib_ng", None) if options.zlib else nullcontext():
        for name in options.tables or tables:
            tables[name]()


if __name__ == "__main__":
    main()
