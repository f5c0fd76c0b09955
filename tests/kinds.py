"""Writes and reads every kind of image file, with 1 to 4 channels, by other projects' libraries.

A picture is float64 (H, W, C) in 0..1; C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA). It is not premultiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import OpenEXR
import png
import tifffile
from PIL import Image

from io_utils.formats.file_type import FileType

from .sample_files import by_opencv

HEIGHT, WIDTH = 8, 12

LAYOUTS = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA"}
EXR_CHANNELS = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}


def picture(frame: int, channels: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture that differs in every frame, channel and direction. It is smooth, so that lossy formats stay close to it."""
    across, down = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
    colours = [across + 0 * down, down + 0 * across, 1 - across + 0 * down]
    planes = colours[: 1 if channels < 3 else 3]
    if channels in (2, 4):
        planes.append(0.25 + across / 2 + 0 * down)
    return np.stack(planes, axis=-1) * (1 - frame / 16)


def flat(shade: float, channels: int, height: int, width: int) -> np.ndarray:
    return np.full((height, width, channels), shade)


def as_image(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture as ComfyUI's IMAGE, (H, W, 3) with grey repeated, and MASK, 1 - alpha (H, W)."""
    channels = pixels.shape[-1]
    colour = np.repeat(pixels[..., :1], 3, axis=-1) if channels < 3 else pixels[..., :3]
    return colour, 1 - pixels[..., -1] if channels in (2, 4) else np.zeros(pixels.shape[:2])


def levels(pixels: np.ndarray, dtype: type[np.unsignedinteger[Any]]) -> np.ndarray:
    """`pixels` as integers, 0 .. 255 or 65535, rounded to the nearest, halves up."""
    return np.floor(pixels * np.iinfo(dtype).max + 0.5).astype(dtype)


def associated(pixels: np.ndarray) -> np.ndarray:
    """The picture with colour multiplied by alpha, as in EXR files."""
    if pixels.shape[-1] not in (2, 4):
        return pixels
    return np.concatenate([pixels[..., :-1] * pixels[..., -1:], pixels[..., -1:]], axis=-1)


def _pillow(**options: Any) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, pixels: np.ndarray) -> None:
        samples = levels(pixels, np.uint8)
        Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples).save(path, **options)

    return write


def _pypng(bits: int) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, pixels: np.ndarray) -> None:
        height, width, channels = pixels.shape
        samples = levels(pixels, np.uint8 if bits == 8 else np.uint16)
        writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=bits)
        with path.open("wb") as file:
            writer.write(file, samples.reshape(height, -1))

    return write


def _tifffile(dtype: type[Any]) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, pixels: np.ndarray) -> None:
        samples = pixels.astype(dtype) if np.issubdtype(dtype, np.floating) else levels(pixels, dtype)
        channels = samples.shape[-1]
        tifffile.imwrite(
            path,
            samples[..., 0] if channels == 1 else samples,
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            metadata=None,
        )

    return write


def _openexr(dtype: type[Any]) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, pixels: np.ndarray) -> None:
        names, stored = EXR_CHANNELS[pixels.shape[-1]], associated(pixels)
        planes = {name: np.ascontiguousarray(stored[..., place].astype(dtype)) for place, name in enumerate(names)}
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, planes) as file:
            file.write(str(path))

    return write


def _opencv(path: Path, pixels: np.ndarray) -> None:
    samples = levels(pixels, np.uint8)
    assert cv2.imwrite(str(path), samples[..., [2, 1, 0, 3][: samples.shape[-1]]] if samples.shape[-1] > 2 else samples)


class Kind(NamedTuple):
    """A kind of file that the loaders read: its extension, another project's writer, its channel counts, and the tolerance."""

    extension: str
    write: Callable[[Path, np.ndarray], None]
    channels: tuple[int, ...]
    tolerance: float


HALF_LEVEL, HALF_OF_16_BITS = 0.5 / 255, 0.5 / 65535
# EXR stores colour multiplied by alpha: the product and alpha are rounded, and so is their quotient.
PRODUCT, HALF_PRODUCT = 2**-22, 2**-10
# A row lists only the channel counts that the format supports: JPEG has no alpha, WebP no grey.
KINDS = {
    "png": Kind(".png", _pypng(8), (1, 2, 3, 4), HALF_LEVEL),
    "png16": Kind(".png", _pypng(16), (1, 2, 3, 4), HALF_OF_16_BITS),
    "jpg": Kind(".jpg", _pillow(quality=100, subsampling=0), (1, 3), 4 / 255),
    "webp lossless": Kind(".webp", _pillow(lossless=True, exact=True), (3, 4), HALF_LEVEL),
    "webp lossy": Kind(".webp", _pillow(quality=100), (3, 4), 0.12),
    "exr": Kind(".exr", _openexr(np.float32), (1, 2, 3, 4), PRODUCT),
    "exr half": Kind(".exr", _openexr(np.float16), (1, 2, 3, 4), HALF_PRODUCT),
    "bmp": Kind(".bmp", _opencv, (1, 3, 4), HALF_LEVEL),
    "tiff8": Kind(".tif", _tifffile(np.uint8), (1, 2, 3, 4), HALF_LEVEL),
    "tiff16": Kind(".tif", _tifffile(np.uint16), (1, 2, 3, 4), HALF_OF_16_BITS),
    "tiff float": Kind(".tiff", _tifffile(np.float32), (1, 2, 3, 4), 0),
}
READ = [(kind, channels) for kind, row in KINDS.items() for channels in row.channels]


# --- readers of other projects for the savers' files ----------------------------------------------------------------


def _read_png(path: Path) -> np.ndarray:
    width, height, rows, facts = png.Reader(bytes=path.read_bytes()).read()
    samples = np.vstack([np.asarray(row) for row in rows]).reshape(height, width, facts["planes"])
    return samples / (2 ** facts["bitdepth"] - 1)


def _read_by_opencv(path: Path) -> np.ndarray:
    samples = by_opencv(path.read_bytes())
    return (samples[..., None] if samples.ndim == 2 else samples) / np.iinfo(samples.dtype).max


def _read_exr(path: Path) -> np.ndarray:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        planes = {name: channel.pixels for name, channel in file.channels().items()}
    names = next(names for names in EXR_CHANNELS.values() if set(names) == set(planes))
    pixels = np.stack([planes[name] for name in names], axis=-1).astype(np.float64)
    if names[-1] == "A":  # no picture of these tests has an alpha of 0
        pixels[..., :-1] /= pixels[..., -1:]
    return pixels


class Written(NamedTuple):
    """A value of the savers' filetype: its extension, another project's reader, the tolerance, and the channels that it keeps.

    `holds` is the number of channels in the file for pictures with 1, 2, 3 and 4 channels. `tolerance` is for pictures
    whose alpha is kept.
    """

    extension: str
    read: Callable[[Path], np.ndarray]
    tolerance: float
    holds: tuple[int, int, int, int]

    @property
    def tolerance_without_alpha(self) -> float:
        """EXR files without alpha hold the colour itself: float32 is exact, and half is rounded once."""
        return {PRODUCT: 0.0, HALF_PRODUCT: 2**-12}.get(self.tolerance, self.tolerance)


FILE_TYPES: dict[str, FileType] = {filetype.value: filetype for filetype in FileType}
WRITTEN = {
    "png with embedded workflow": Written(".png", _read_png, HALF_LEVEL, (1, 2, 3, 4)),
    "png": Written(".png", _read_png, HALF_LEVEL, (1, 2, 3, 4)),
    "jpg": Written(".jpg", _read_by_opencv, 0.1, (1, 1, 3, 3)),
    "png 16-bit with embedded workflow": Written(".png", _read_png, HALF_OF_16_BITS, (1, 2, 3, 4)),
    "png 16-bit": Written(".png", _read_png, HALF_OF_16_BITS, (1, 2, 3, 4)),
    "webp lossless with embedded workflow": Written(".webp", _read_by_opencv, HALF_LEVEL, (3, 4, 3, 4)),
    "webp lossy with embedded workflow": Written(".webp", _read_by_opencv, 0.1, (3, 4, 3, 4)),
    "exr": Written(".exr", _read_exr, PRODUCT, (1, 4, 3, 4)),
    "exr 16-bit": Written(".exr", _read_exr, HALF_PRODUCT, (1, 4, 3, 4)),
    "exr with embedded workflow": Written(".exr", _read_exr, PRODUCT, (1, 4, 3, 4)),
    "exr 16-bit with embedded workflow": Written(".exr", _read_exr, HALF_PRODUCT, (1, 4, 3, 4)),
}


def tolerance_on_black(filetype: str) -> float:
    """The tolerance for a picture with alpha in a file type that holds none, which is composited on black.

    Colour and alpha are rounded to levels, and so is their product: each time by at most half a level.
    """
    half = 0.5 / np.iinfo(FILE_TYPES[filetype].dtype).max  # type: ignore[type-var]
    return max(WRITTEN[filetype].tolerance, 3 * half + half**2)


def tolerance_of(filetype: str, channels: int) -> float:
    """How far a saved picture with this number of channels may be from `as_written`."""
    is_flattened = channels in (2, 4) and WRITTEN[filetype].holds[channels - 1] in (1, 3)
    return tolerance_on_black(filetype) if is_flattened else WRITTEN[filetype].tolerance


def as_written(pixels: np.ndarray, filetype: str) -> np.ndarray:
    """The picture as a file of this type holds it: grey becomes RGB and alpha is composited on black if not supported."""
    channels = pixels.shape[-1]
    kept = WRITTEN[filetype].holds[channels - 1]
    colour = pixels[..., : 1 if channels < 3 else 3]
    if channels in (2, 4) and kept in (1, 3):
        colour = colour * pixels[..., -1:]
    colour = np.repeat(colour, 3, axis=-1) if colour.shape[-1] == 1 and kept > 2 else colour
    return np.concatenate([colour, pixels[..., -1:]], axis=-1) if kept in (2, 4) else colour
