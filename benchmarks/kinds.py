"""WebP, JPEG and EXR: what was before or what others do, against this pack: `python -m benchmarks.kinds [--size WxH] [--quick]`.

CPU time on one core, least of several runs that take turns, and how many times as fast two threads are, in wall time, beside the
share of the two cores that was free. OpenCV and FFmpeg decode every lossless WebP, OpenEXR and FFmpeg every lossless EXR, and a
JPEG must be Pillow's to the byte. EXR: saving and loading a batch in the stand-in for ComfyUI against OpenImageIO, called on one thread per core.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks import corpus, exr
from benchmarks.engines import WrongPixelsError
from benchmarks.hosts import InProcess, node
from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, wall_seconds
from io_utils.formats.jpeg import JPEG
from io_utils.formats.webp import WEBP

Pixels = np.ndarray[Any, Any]
CONTENTS = ("shot_noise", "leaves_sharp", "text_60", "mask_letters", "hue_circle")
QUALITY = 90
ROUNDS = 3


def run(report: Report, size: tuple[int, int], *, quick: bool = False) -> None:
    """Add the tables. Takes 40 s for 1024 x 1024; `quick` only checks that it works."""
    contents = {name: _rgb(corpus.TUNING.picture(name, size)) for name in CONTENTS[: 2 if quick else None]}
    rounds = 1 if quick else ROUNDS
    lossless, lossy, jpeg = [], [], []
    for name, pixels in contents.items():
        before, ours = (
            partial(_pillow, pixels, "WEBP", lossless=True, method=1, quality=20),
            partial(WEBP.encode, pixels),
        )
        _, files = cells = _compared([before, ours], rounds)
        check(files[1], pixels, name)
        lossless.append([name, *_cells(*cells)])
        ours, faster = (
            partial(WEBP.encode, pixels, quality=QUALITY),
            partial(_pillow, pixels, "WEBP", quality=QUALITY, method=2),
        )
        _, files = cells = _compared([ours, faster], rounds)
        decoded = [_decoded(data) for data in files]
        likeness = [[measure(pixels, shown) for shown in decoded] for measure in (cv2.PSNR, ssim)]
        pairs = [(f"{first:.2f}", f"{second - first:+.2f}") for first, second in likeness]
        lossy.append([name, *_cells(*cells), *chain.from_iterable(pairs)])
        before, ours = (
            partial(_pillow, pixels, "JPEG", quality=QUALITY, comment=b"", optimize=True),
            partial(JPEG.encode, pixels, quality=QUALITY),
        )
        _, files = cells = _compared([before, ours], rounds)
        if files[0] != files[1]:
            raise WrongPixelsError(f"{name}: this JPEG file is not Pillow's")
        jpeg.append([name, *_cells(*cells), *(_scaling(write, rounds) for write in (before, ours))])
    report.table("WebP, lossless", ["method 1, ms", "ours, ms", "times as fast", "bytes, method 1 = 1"], lossless)
    columns = ["ours (method 4), ms", "method 2, ms", "times as fast", "bytes, ours = 1"]
    columns += ["PSNR, dB", "change", "SSIM, dB", "change"]
    report.table(f"WebP, quality {QUALITY}", columns, lossy)
    columns = ["into memory, ms", "ours, ms", "times as fast", "bytes", "into memory, 2 threads", "ours, 2 threads"]
    report.table(f"JPEG, quality {QUALITY}", columns, jpeg)
    report.line(f"\n2 threads: times as fast as 1. Of two cores, two busy threads get {_free_cores():.2f} each.")
    _exr_batch(report, size, 4 if quick else 12, rounds)


def _compared(writers: Sequence[Callable[[], bytes]], rounds: int) -> tuple[list[float], list[bytes]]:
    """The least CPU seconds of each, in turns, and the files."""
    results = [[cpu_seconds(1, write) for write in writers] for _ in range(rounds)]
    return [min(seconds for seconds, _ in column) for column in zip(*results)], [data for _, data in results[0]]


def _cells(seconds: list[float], files: list[bytes]) -> list[str]:
    before, after = seconds
    times = [f"{before * 1e3:.1f}", f"{after * 1e3:.1f}", f"{before / after:.2f}"]
    return [*times, f"{len(files[1]) / len(files[0]):.3f}"]


def _pillow(pixels: Pixels, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    exact = {"exact": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(buffer, kind, **exact, **options)
    return buffer.getvalue()


def _rgb(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2))


def check(data: bytes, pixels: Pixels, what: str) -> None:
    """Raise WrongPixelsError unless two decoders of WebP, independent of our code, give `pixels`."""
    by_opencv: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    with av.open(io.BytesIO(data), "r", format="webp_pipe") as file:
        by_ffmpeg = next(file.decode(video=0)).to_ndarray(format="rgb24")
    if not (np.array_equal(by_opencv[..., ::-1], pixels) and np.array_equal(by_ffmpeg, pixels)):
        raise WrongPixelsError(f"{what}: OpenCV or FFmpeg reads different pixels")


def _decoded(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
        return np.asarray(image.convert("RGB"))


def ssim(pixels: Pixels, other: Pixels) -> float:
    """The structural similarity of two pictures as FFmpeg measures it: the mean of three channels, -10 log10(1 - SSIM) dB."""
    graph = av.filter.Graph()
    compare, result = graph.add("ssim"), graph.add("buffersink")
    frames = [av.VideoFrame.from_ndarray(picture, "rgb24") for picture in (pixels, other)]
    sources = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1))
        for frame in frames
    ]
    for place, source in enumerate(sources):
        source.link_to(compare, 0, place)
    compare.link_to(result)
    graph.configure()
    for source, frame in zip(sources, frames):
        source.push(frame)
    return float(result.pull().metadata["lavfi.ssim.dB"])


def _scaling(write: Callable[[], bytes], rounds: int) -> str:
    """How many times as fast two threads write sixteen files."""
    one, two = (min(wall_seconds(_on_threads, write, count) for _ in range(rounds)) for count in (1, 2))
    return f"{one / two:.2f}"


def _on_threads(work: Callable[[], object], count: int, times: int = 16) -> None:
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work) for _ in range(times)]:
            future.result()


def _free_cores() -> float:
    """The share of a core that each of two threads gets, both of which compute without Python's lock."""
    values = np.ones(1 << 20, np.float32)

    def compute() -> float:
        wall, cpu = time.perf_counter(), time.thread_time()
        while time.perf_counter() - wall < 0.3:
            np.sqrt(values)
        return (time.thread_time() - cpu) / (time.perf_counter() - wall)

    with ThreadPoolExecutor(2) as pool:
        return min(future.result() for future in [pool.submit(compute), pool.submit(compute)])


class _Frames:
    FUNCTION, CATEGORY, RETURN_TYPES = "run", "bench", ("IMAGE",)
    images = torch.empty(0)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def run(self) -> tuple[torch.Tensor]:
        return (self.images,)


def _exr_batch(report: Report, size: tuple[int, int], count: int, rounds: int) -> None:
    """Half, values as stored, so that both write the same. This pack flushes its files to disk, OpenImageIO does not."""
    import OpenImageIO  # noqa: PLC0415 sets threads for the whole process

    OpenImageIO.attribute("threads", 1)
    OpenImageIO.attribute("exr_threads", -1)
    one = exr.picture("photo", size)
    _Frames.images = torch.from_numpy(np.stack([np.roll(one, 37 * number, axis=0) for number in range(count)]))
    rows = []
    with tempfile.TemporaryDirectory(prefix="image-sequence-bench-") as base, InProcess(Path(base)) as host:
        host.host.node_classes["Frames"] = _Frames
        theirs = Path(base) / "theirs"
        theirs.mkdir()
        for compression in ("ZIP", "DWAA"):
            ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
                "saving": (partial(_save, host, compression), partial(_save_by_openimageio, theirs, compression)),
                "loading": (partial(_load, host), partial(_load_by_openimageio, theirs)),
            }
            for what, pair in ways.items():
                taken = [[_wall_and_cpu(work) for work in pair] for _ in range(rounds)]
                (wall, cpu), (their_wall, their_cpu) = (map(min, zip(*column)) for column in zip(*taken))
                values = [cpu / count * 1e3, their_cpu / count * 1e3]
                ratios = [cpu / their_cpu, wall / their_wall]
                rows.append(
                    [f"{what}, {compression}", *(f"{v:.0f}" for v in values), *(f"{ratio:.2f}" for ratio in ratios)]
                )
            if compression == "ZIP":
                for number, image in enumerate(_Frames.images):
                    data = (host.output / "ours" / f"{number:04d}.exr").read_bytes()
                    exr.check(data, _halves(image), f"EXR, frame {number}")
    columns = ["ours, CPU ms a frame", "OpenImageIO", "CPU, OpenImageIO = 1", "seconds, OpenImageIO = 1"]
    report.table(f"EXR, half, {count} frames", columns, rows)


def _wall_and_cpu(work: Callable[[], object]) -> tuple[float, float]:
    start = time.process_time()
    return wall_seconds(work), time.process_time() - start


def _save(host: InProcess, compression: str) -> None:
    inputs = {"filetype": "exr 16-bit", "exr_compression": compression, "file_color_space": "as stored"}
    save = node(
        "ImageSequenceSaveBatch",
        images=["frames", 0],
        path_pattern="ours/{:04d}.exr",
        start_index=0,
        overwrite="true",
        **inputs,
    )
    host.run({"frames": node("Frames"), "save": save})


def _load(host: InProcess) -> None:
    load = node(
        "ImageSequenceLoadBatch",
        path_pattern="ours/{:04d}.exr",
        start_index=0,
        frame_count=0,
        ignore_missing_images="false",
        file_color_space="as stored",
    )
    host.run({"load": load, "sink": node("BenchSink", images=["load", 0])})


def _halves(image: torch.Tensor) -> Pixels:
    return image.to(torch.float16).numpy()


def _save_by_openimageio(folder: Path, compression: str) -> None:
    def save(number: int) -> None:
        exr.write_by_openimageio(folder / f"{number:04d}.exr", compression.lower(), _halves(_Frames.images[number]))

    _each(save, len(_Frames.images))


def _load_by_openimageio(folder: Path) -> None:
    images = np.empty(_Frames.images.shape, np.float32)

    def load(number: int) -> None:
        images[number] = exr.read_by_openimageio(folder / f"{number:04d}.exr")

    _each(load, len(images))


def _each(work: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, range(count)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--quick", action="store_true", help="only check that it works")
    options = parser.parse_args()
    report = Report()
    report.line(machine())
    run(report, options.size, quick=options.quick)


if __name__ == "__main__":
    main()
