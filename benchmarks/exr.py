"""EXR against FFmpeg, as version 0.1.0 called it, and OpenImageIO: `python -m benchmarks.exr [--size WIDTHxHEIGHT] [--threads]`.

Milliseconds of one core's CPU time per megapixel, and bytes. "and colour" adds the conversion between an IMAGE tensor in
sRGB and the file's linear light, "ours" starts and ends with the values of the file. FFmpeg is given the same pixels, and
its reading includes the checks of 0.1.0, because FFmpeg leaves damaged blocks black. OpenEXR and FFmpeg check every ZIP file.
`--threads` measures several frames at once on two threads instead, in wall time.
"""

from __future__ import annotations

import argparse
import io
import struct
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
import OpenImageIO
import torch

from benchmarks import corpus
from benchmarks.engines import WrongPixelsError
from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, wall_seconds
from io_utils.colour.spaces import LINEAR_REC709, SRGB, conversion
from io_utils.formats import registry
from io_utils.formats.base import Extras
from io_utils.formats.exr.format import EXR
from io_utils.formats.exr.layout import read_layout
from io_utils.formats.file_type import FileColour, FileType
from io_utils.formats.pixels import dequantise
from io_utils.formats.zlib_engines import Inflater

KINDS = ("photo", "smooth", "text", "noise")
ROUNDS = 3
DEPTHS = {"half": (np.float16, FileType.EXR_HALF), "float": (np.float32, FileType.EXR)}
TO_FILE, TO_IMAGE = conversion(SRGB, LINEAR_REC709), conversion(LINEAR_REC709, SRGB)

Pixels = np.ndarray[Any, Any]


def picture(kind: str, size: tuple[int, int]) -> Pixels:
    """An IMAGE of this content, (height, width, 3) float32. Photographs and smooth pictures have more than 8 bits."""
    levels = corpus.frames(kind, size, 0).astype(np.float32)
    if kind in ("photo", "smooth"):
        levels += np.random.default_rng(0).uniform(-0.5, 0.5, levels.shape).astype(np.float32)
    return np.clip(levels / 255, 0, 1)


def by_ffmpeg(pixels: Pixels) -> bytes:
    """As `encode_exr` of version 0.1.0."""
    height, width, _ = pixels.shape
    frame = av.VideoFrame(width, height, "gbrpf32le")
    for plane, channel in zip(frame.planes, (1, 2, 0)):
        rows = np.frombuffer(memoryview(plane), "<f4").reshape(-1, plane.line_size // 4)
        rows[:height, :width] = pixels[..., channel]
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "gbrpf32le", Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"format": "half" if pixels.dtype == np.float16 else "float", "compression": "zip16"}
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def read_by_ffmpeg(data: bytes, height: int, row_bytes: int) -> Pixels:
    """As `decode_exr` of version 0.1.0, for a ZIP file: every block of 16 rows is inflated as a check, then decoded."""
    table = read_layout(io.BytesIO(data)).table
    (first,) = struct.unpack_from("<Q", data, table)
    for block, (offset,) in enumerate(struct.iter_unpack("<Q", data[table:first])):
        _, length = struct.unpack_from("<iI", data, offset)
        uncompressed = min(16, height - 16 * block) * row_bytes
        if length < uncompressed:
            block_stream = Inflater([memoryview(data)[offset + 8 : offset + 8 + length]], uncompressed)
            block_stream.read(uncompressed)
            block_stream.finish()
    decoder = av.CodecContext.create("exr", "r")
    decoder.thread_count = 1
    frame = decoder.decode(av.Packet(data))[0]
    dtype = np.dtype("<f4" if "f32" in frame.format.name else "<f2")
    pixels = np.empty((frame.height, frame.width, 3), np.float32)
    for plane, channel in zip(frame.planes, (1, 2, 0)):
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
        pixels[..., channel] = rows[: frame.height, : frame.width]
    return pixels


def write_by_openimageio(path: Path, compression: str, pixels: Pixels) -> None:
    height, width, channels = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, "half" if pixels.dtype == np.float16 else "float")
    spec["compression"] = compression
    file: Any = OpenImageIO.ImageOutput.create(str(path))
    file.open(str(path), spec)
    file.write_image(pixels)
    file.close()


def by_openimageio(path: Path, compression: str, pixels: Pixels) -> bytes:
    write_by_openimageio(path, compression, pixels)
    return path.read_bytes()


def read_by_openimageio(path: Path) -> Pixels:
    file: Any = OpenImageIO.ImageInput.open(str(path))
    pixels: Pixels = file.read_image("float")
    file.close()
    return pixels


def ours(filetype: FileType, compression: str, image: torch.Tensor) -> bytes:
    colour, extras = FileColour(TO_FILE, LINEAR_REC709.chromaticities), Extras(compression=compression)
    return filetype.encode_frame(image, {}, colour=colour, extras=extras).data


def read_by_us(data: bytes, image: torch.Tensor, mask: torch.Tensor) -> None:
    dequantise(registry.decode_as_stored(data).pixels, image, mask, convert=TO_IMAGE)


def check(data: bytes, pixels: Pixels, what: str) -> None:
    """Raise WrongPixelsError unless OpenEXR and FFmpeg, which has an EXR decoder of its own, give `pixels`."""
    with OpenEXR.File(io.BytesIO(data)) as file:
        if not np.array_equal(file.channels()["RGB"].pixels, pixels):
            raise WrongPixelsError(f"{what}: OpenEXR reads different pixels")
    if not np.array_equal(read_by_ffmpeg(data, len(pixels), pixels[0].nbytes), pixels):
        raise WrongPixelsError(f"{what}: FFmpeg reads different pixels")


def compare(report: Report, size: tuple[int, int], folder: Path, kinds: Sequence[str]) -> None:
    megapixels = size[0] * size[1] / 1e6
    writes, reads = [], []
    for depth, (dtype, filetype) in DEPTHS.items():
        for compression in ("ZIP", "DWAA"):
            for kind in kinds:
                image = torch.from_numpy(picture(kind, size))
                assert TO_FILE is not None
                pixels = TO_FILE(image.numpy().copy()).astype(dtype)
                path = folder / "f.exr"
                extras = Extras(compression=compression)
                encoders: dict[str, Callable[[], bytes]] = {
                    "ours": lambda: EXR.encode(pixels, extras=extras),  # noqa: B023 called at once
                    "colour": partial(ours, filetype, compression, image),
                    "OpenImageIO": partial(by_openimageio, path, compression.lower(), pixels),
                }
                if compression == "ZIP":
                    encoders["FFmpeg"] = partial(by_ffmpeg, pixels)
                seconds, files = measured(encoders)
                for name, data in files.items():
                    if compression == "ZIP" and name != "colour":
                        check(data, pixels, f"{kind}, {depth}, {name}")
                path.write_bytes(files["ours"])
                out, mask = torch.empty_like(image), torch.zeros(image.shape[:2])
                decoders: dict[str, Callable[[], object]] = {
                    "ours": partial(registry.decode_as_stored, files["ours"]),
                    "colour": partial(read_by_us, files["ours"], out, mask),
                    "OpenImageIO": partial(read_by_openimageio, path),
                }
                if compression == "ZIP":
                    decoders["FFmpeg"] = partial(read_by_ffmpeg, files["ours"], size[1], pixels[0].nbytes)
                reading, _ = measured(decoders)
                title, raw = f"{depth}, {compression}, {kind}", pixels.nbytes
                sizes = {name: len(files[name]) for name in files}
                writes.append(
                    [
                        title,
                        *cells(seconds, megapixels),
                        f"{sizes['ours'] / raw:.3f}",
                        *(f"{sizes['ours'] / sizes[name]:.3f}" if name in sizes else "" for name in RIVALS),
                    ]
                )
                reads.append([title, *cells(reading, megapixels)])
    columns = ["ours", "and colour", *RIVALS, "FFmpeg / ours"]
    report.table(
        "writing, CPU ms a megapixel", [*columns, "bytes, raw = 1", *(f"{name} = 1" for name in RIVALS)], writes
    )
    report.table("reading, CPU ms a megapixel", columns, reads)


RIVALS = ("FFmpeg", "OpenImageIO")


def measured(functions: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """The least CPU seconds of each, called in turn so that a slowdown of the machine hits all, and the last results."""
    seconds: dict[str, float] = {}
    results: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            taken, results[name] = cpu_seconds(1, function)
            seconds[name] = min(taken, seconds.get(name, taken))
    return seconds, results


def cells(seconds: dict[str, float], megapixels: float) -> list[str]:
    names = ("ours", "colour", *RIVALS)
    taken = [f"{seconds[name] * 1e3 / megapixels:.1f}" if name in seconds else "" for name in names]
    return [*taken, f"{seconds['FFmpeg'] / seconds['ours']:.2f}" if "FFmpeg" in seconds else ""]


def threads(report: Report, size: tuple[int, int]) -> None:
    """Eight frames one after another, and on two threads. The package releases Python's lock."""
    rows = []
    for depth, (_, filetype) in DEPTHS.items():
        image = torch.from_numpy(picture("photo", size))
        data = ours(filetype, "ZIP", image)
        tensors = [(torch.empty_like(image), torch.zeros(image.shape[:2])) for _ in range(8)]
        tasks: dict[str, list[Callable[[], object]]] = {
            "writing": [partial(ours, filetype, "ZIP", image)] * 8,
            "reading": [partial(read_by_us, data, *pair) for pair in tensors],
        }
        for name, calls in tasks.items():
            pairs = [[wall_seconds(run, calls, count) for count in (1, 2)] for _ in range(ROUNDS)]
            one, two = (min(column) * 1e3 / 8 for column in zip(*pairs))
            rows.append([f"{depth}, {name}", f"{one:.0f}", f"{two:.0f}", f"{one / two:.2f}"])
    report.table("ms a frame, photo, with colour", ["on 1 thread", "on 2", "times as fast"], rows)


def run(calls: list[Callable[[], object]], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def tables(report: Report, size: tuple[int, int], kinds: Sequence[str] = KINDS) -> None:
    """Writing and reading on one thread."""
    _single_threaded()
    with tempfile.TemporaryDirectory() as folder:
        compare(report, size, Path(folder), kinds)


def _single_threaded() -> None:
    torch.set_num_threads(1)
    OpenImageIO.attribute("threads", 1)
    OpenImageIO.attribute("exr_threads", -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    parser.add_argument("--threads", action="store_true")
    options = parser.parse_args()
    report = Report()
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("OpenEXR", "OpenImageIO", "av", "numpy"))
    report.line(f"{machine()}; {options.size[0]} x {options.size[1]} RGB; {packages}")
    if options.threads:
        _single_threaded()
        threads(report, options.size)
    else:
        tables(report, options.size)


if __name__ == "__main__":
    main()
