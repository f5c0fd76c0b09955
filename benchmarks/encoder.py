"""The encoder against Pillow at level 4, which is what ComfyUI's own Save Image writes: `python benchmarks/encoder.py`.

CPU time of one thread (never the clock: other work on the machine does not count), the best of several runs. Every file
is decoded by Pillow (16-bit ones by pypng) and compared with the pixels that went in. Options: --held-out takes pictures
that were not looked at while constants were chosen; --size WIDTHxHEIGHT; --only formats|threads|choices prints that table.
"""

# ruff: noqa: E402, SLF001 -- the path comes before the imports; the table of choices looks inside the encoder

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import png as pypng
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import corpus

from io_utils import deflate, png

Pixels = np.ndarray[Any, Any]
ENGINES = {"zlib-ng": deflate.zlib_ng, "zlib": None}
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def cpu_ms(function: Callable[[], Any], runs: int = 5) -> tuple[float, Any]:
    best, result = math.inf, None
    for _ in range(runs):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best * 1e3, result


def pillow(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=4)
    return buffer.getvalue()


def by_pypng(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    buffer = io.BytesIO()
    writer = pypng.Writer(width, height, greyscale=channels < 3, alpha=channels % 2 == 0, bitdepth=16, compression=4)
    writer.write(buffer, pixels.reshape(height, -1))
    return buffer.getvalue()


def check(data: bytes, pixels: Pixels) -> None:
    if pixels.dtype == np.uint16:
        width, height, rows, _ = pypng.Reader(bytes=data).read()
        decoded = np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, -1)
    else:
        decoded = np.asarray(Image.open(io.BytesIO(data)))
    if not np.array_equal(decoded.reshape(pixels.shape), pixels):
        raise SystemExit("decoded pixels differ")


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def contents(size: tuple[int, int], seeds: tuple[int, ...]) -> None:
    """Class x engine. Bytes are those of the class as a whole, speed is the geometric mean of its pictures."""
    print(f"{size[0]} x {size[1]} RGB, seeds {seeds}")
    print("class    engine   CPU ms  times as fast as Pillow 4        bytes against Pillow 4")
    overall: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    totals = dict.fromkeys(["pillow", *ENGINES], 0)
    for kind in corpus.KINDS:
        pictures = [corpus.frames(kind, size, seed) for seed in seeds]
        theirs = [cpu_ms(lambda pixels=pixels: pillow(pixels), 3) for pixels in pictures]
        totals["pillow"] += sum(len(data) for _, data in theirs)
        for engine, module in ENGINES.items():
            with mock.patch.object(deflate, "zlib_ng", module):
                ours = [cpu_ms(lambda pixels=pixels: png.encode_png(pixels), 7) for pixels in pictures]
            for pixels, (_, data) in zip(pictures, ours, strict=True):
                check(data, pixels)
            speeds = [their / our for (their, _), (our, _) in zip(theirs, ours, strict=True)]
            sizes = [len(our) / len(their) for (_, their), (_, our) in zip(theirs, ours, strict=True)]
            size_ratio = sum(len(data) for _, data in ours) / sum(len(data) for _, data in theirs)
            overall[engine] += speeds
            totals[engine] += sum(len(data) for _, data in ours)
            each_speed, each_size = " ".join(f"{x:5.1f}" for x in speeds), " ".join(f"{x:.3f}" for x in sizes)
            mean_ms = sum(ms for ms, _ in ours) / len(ours)
            speed = geometric_mean(speeds)
            print(
                f"{kind:8} {engine:8} {mean_ms:6.2f}  {speed:5.1f} ({each_speed})        {size_ratio:.3f} ({each_size})"
            )
    for engine, speeds in overall.items():
        print(
            f"all      {engine:8}         {geometric_mean(speeds):5.1f}        {totals[engine] / totals['pillow']:.3f}"
        )


def formats(size: tuple[int, int]) -> None:
    """The other pixel formats, on a photograph: against Pillow, and against pypng for those that Pillow cannot write."""
    rgb = corpus.frames("photo", size, 0)
    wide = rgb.astype(np.uint16) * 257 ^ np.random.default_rng(0).integers(0, 128, rgb.shape, dtype=np.uint16)
    print("format    against    CPU ms  times as fast  bytes")
    for channels, mode in MODES.items():
        alpha = channels % 2 == 0
        for depth, source in ((8, rgb), (16, wide)):
            top = np.full_like(source[..., :1], np.iinfo(source.dtype).max)
            pixels = (
                np.concatenate([source[..., : channels - alpha], top], -1) if alpha else source[..., :channels].copy()
            )
            if depth == 8 or channels == 1:
                name, their, flat = "Pillow", pillow, pixels[..., 0] if channels == 1 else pixels
                their_ms, their_data = cpu_ms(lambda their=their, flat=flat: their(flat), 3)
            else:
                name = "pypng"
                their_ms, their_data = cpu_ms(lambda pixels=pixels: by_pypng(pixels), 1)
            our_ms, data = cpu_ms(lambda pixels=pixels: png.encode_png(pixels))
            check(data, pixels)
            speed, ratio = their_ms / our_ms, len(data) / len(their_data)
            print(f"{mode:4} {depth:2}   {name:8}  {our_ms:7.2f}  {speed:13.1f}  {ratio:.3f}")


def threads() -> None:
    """One 3840 x 2160 frame on 1 and 2 threads: the one table by the clock, because here it is the point."""
    print("3840 x 2160  wall ms on 1 thread, on 2, times as fast")
    for kind in corpus.KINDS:
        pixels = corpus.frames(kind, (3840, 2160), 0)
        wall = []
        for count in (1, 2):
            times = []
            for _ in range(5):
                start = time.perf_counter()
                png.encode_png(pixels, threads=count)
                times.append((time.perf_counter() - start) * 1e3)
            wall.append(min(times))
        print(f"{kind:12} {wall[0]:7.1f} {wall[1]:7.1f} {wall[0] / wall[1]:5.2f}")


def choices(size: tuple[int, int], seeds: tuple[int, ...]) -> None:
    """What choosing costs, and what it is worth: bytes against the best single setting of all that are considered."""
    considered = {setting for _, settings in png._CANDIDATES for setting in settings}
    considered |= {png._STORED, png._FLAT_BYTES, png._FLAT_COLOURS}
    print("class    choosing, share of encoding      bytes against the best single setting")
    for kind in corpus.KINDS:
        shares, ratios = [], []
        for seed in seeds:
            pixels = corpus.frames(kind, size, seed)
            rows = png._rows_of_bytes(pixels)
            strips = png._strips(*rows.shape)
            choosing, _ = cpu_ms(lambda rows=rows, strips=strips: [png._choose(rows, strip, 3) for strip in strips], 9)
            encoding, data = cpu_ms(lambda pixels=pixels: png.encode_png(pixels), 9)
            shares.append(choosing / encoding)
            singles = []
            for setting in considered:
                with mock.patch.object(png, "_choose", lambda *_, setting=setting: setting):
                    singles.append(len(png.encode_png(pixels)))
            ratios.append(len(data) / min(singles))
        print(f"{kind:8} {' '.join(f'{x:6.1%}' for x in shares)}      {' '.join(f'{x:.3f}' for x in ratios)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--size", default="1024x1024")
    parser.add_argument("--only", choices=["formats", "threads", "choices"])
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    size, seeds = (int(width), int(height)), corpus.HELD_OUT_SEEDS if options.held_out else corpus.TUNING_SEEDS
    tables = {"formats": lambda: formats(size), "threads": threads, "choices": lambda: choices(size, seeds)}
    tables.get(options.only, lambda: contents(size, seeds))()


if __name__ == "__main__":
    main()
