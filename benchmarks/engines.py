"""The PNG encoders that are compared, with one signature, and decoders of other projects that check their files."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any, TypeVar
from unittest import mock

import av
import numpy as np
import numpy.typing as npt
import png as pypng
from PIL import Image

from io_utils.formats import zlib_engines
from io_utils.formats.png import encode as png

Pixels = npt.NDArray[Any]
Result = TypeVar("Result")

BASE = "Pillow 4"
OURS = ("ours", "ours, zlib")  # with ISA-L and zlib-ng, and without


@dataclass(frozen=True)
class Engine:
    """A way to encode pixels as PNG.

    encoder: takes uint8 or uint16, converts it to the form the library needs and returns the function to time.
    runs: how often to time it. package: the distribution that it comes from. channels: those that it writes.
    """

    name: str
    encoder: Callable[[Pixels], Callable[[], bytes]]
    runs: int
    package: str
    channels: tuple[int, ...] = (1, 2, 3, 4)
    channels_of_16_bits: tuple[int, ...] = (1,)

    def writes(self, pixels: Pixels) -> bool:
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        return channels in (self.channels if pixels.dtype == np.uint8 else self.channels_of_16_bits)


class WrongPixelsError(Exception):
    """A file does not decode to the pixels that were encoded."""


def pillow(pixels: Pixels, level: int = 4) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels).save(buffer, "png", compress_level=level)
    return buffer.getvalue()


def engines() -> tuple[list[Engine], list[str]]:
    """Return the engines that are installed, and the packages of those that are not."""
    makers: dict[str, Callable[[], list[Engine]]] = {
        "pillow": _pillows,
        "opencv-python-headless": _opencvs,
        "fpng-py": _fpng,
        "zlib-ng": _ours,
        "CPython": lambda: [Engine("ours, zlib", lambda pixels: without_accelerators(_encoder(pixels)), 3, "CPython")],
    }
    found, absent = [], []
    for package, make in makers.items():
        try:
            found += make()
        except ImportError:  # noqa: PERF203 - five packages
            absent.append(package)
    return found, absent


def versions(found: list[Engine]) -> str:
    packages = dict.fromkeys(["numpy", *(engine.package for engine in found if engine.package != "CPython")])
    if "zlib-ng" in packages:
        packages["isal"] = None
    return ", ".join(f"{package} {metadata.version(package)}" for package in packages)


def check(data: bytes, pixels: Pixels, what: str) -> None:
    """Raise WrongPixelsError unless two decoders, independent of our code and of each other, give `pixels`."""
    decoders = (by_pypng if pixels.dtype == np.uint16 else by_pillow, by_pyav)
    rows = pixels.reshape(len(pixels), -1)
    for decode in decoders:
        decoded = decode(data)
        if decoded.shape[:2] != pixels.shape[:2] or not np.array_equal(decoded.reshape(len(pixels), -1), rows):
            raise WrongPixelsError(f"{what}: {decode.__name__.removeprefix('by_')} reads different pixels")


def by_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def by_pypng(data: bytes) -> Pixels:
    width, height, rows, _ = pypng.Reader(bytes=data).read()
    return np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, -1)


def by_pyav(data: bytes) -> Pixels:
    with av.open(io.BytesIO(data), "r", format="png_pipe") as container:
        frame = next(container.decode(video=0))
    samples = frame.planes[0]
    stored = np.dtype(">u2" if frame.format.components[0].bits > 8 else "u1")
    # PyAV cannot convert grey with alpha to an array. FFmpeg pads the rows of a plane.
    rows = np.frombuffer(bytes(samples), np.uint8).reshape(frame.height, samples.line_size)
    rows = rows[:, : frame.width * frame.format.padded_bits_per_pixel // 8].copy()
    return rows.view(stored).reshape(frame.height, frame.width, -1)


def _pillows() -> list[Engine]:
    def encoder(level: int) -> Callable[[Pixels], Callable[[], bytes]]:
        return lambda pixels: lambda: pillow(pixels, level)

    return [Engine(f"Pillow {level}", encoder(level), 1 if level == 9 else 3, "pillow") for level in (1, 4, 9)]


def _opencvs() -> list[Engine]:
    import cv2  # noqa: PLC0415 - may be absent

    cv2.setNumThreads(1)

    def prepare(pixels: Pixels) -> Callable[[], bytes]:
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(pixels.shape[-1] if pixels.ndim == 3 else 1)
        bgr = np.ascontiguousarray(pixels[..., order] if order else pixels)
        return lambda: bytes(cv2.imencode(".png", bgr)[1])

    return [Engine("OpenCV", prepare, 3, "opencv-python-headless", (1, 3, 4), (1, 3, 4))]


def _fpng() -> list[Engine]:
    import fpng_py  # noqa: PLC0415 - may be absent

    def encoder(pixels: Pixels) -> Callable[[], bytes]:
        height, width, channels = pixels.shape
        samples = pixels.tobytes()
        return lambda: bytes(fpng_py.fpng_encode_image_to_memory(samples, width, height, channels))

    return [Engine("fpng", encoder, 5, "fpng-py", channels=(3, 4), channels_of_16_bits=())]


def _ours() -> list[Engine]:
    from isal import isal_zlib  # noqa: F401, PLC0415 - may be absent
    from zlib_ng import zlib_ng  # noqa: F401, PLC0415 - may be absent

    return [Engine("ours", _encoder, 5, "zlib-ng")]


def _encoder(pixels: Pixels) -> Callable[[], bytes]:
    return partial(png.encode_png, pixels)


def without_accelerators(function: Callable[[], Result]) -> Callable[[], Result]:
    """Return the function, run as if ISA-L and zlib-ng were not installed."""

    def run() -> Result:
        with mock.patch.multiple(zlib_engines, isal_zlib=None, zlib_ng=None):
            return function()

    return run
