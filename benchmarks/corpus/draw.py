"""What the pictures of the corpus are made of. Planes are float64, mostly 0 to 1; only numpy and Pillow are needed."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Frame = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]
Random = np.random.Generator
Size = tuple[int, int]  # width, height
Colour = tuple[int, int, int]

WORDS = [
    "frame",
    "render",
    "depth",
    "light",
    "lens",
    "shot",
    "layer",
    "pixel",
    "sample",
    "node",
    "batch",
    "graph",
    "model",
]


def grid(size: Size) -> tuple[Plane, Plane]:
    """Return x and y of every pixel."""
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64))
    return x, y


def rounded(picture: Plane) -> Frame:
    """0 to 1 -> 0 to 255, clipped."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def grey(plane: npt.NDArray[np.uint8]) -> Frame:
    """Three equal channels."""
    return np.repeat(plane[..., None], 3, -1)


def luma(picture: Plane) -> Plane:
    weighted: Plane = picture @ np.array([0.299, 0.587, 0.114])
    return weighted


def spectrum(rng: Random, size: Size, slope: float) -> Plane:
    """Return a random field: amplitude ~ frequency ** -slope (photographs: about 1.2), mean 0, standard deviation 1."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    frequency[0, 0] = np.inf
    white = np.fft.rfft2(rng.standard_normal((height, width)))
    field: Plane = np.fft.irfft2(white * frequency**-slope, s=(height, width))
    field /= field.std()
    return field


def blurred(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur of one plane, or of each channel; the edges wrap."""
    if plane.ndim == 3:
        return np.stack([blurred(plane[..., channel], sigma) for channel in range(plane.shape[2])], -1)
    height, width = plane.shape
    squares = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None, :] ** 2
    blurry: Plane = np.fft.irfft2(np.fft.rfft2(plane) * np.exp(-2 * (np.pi * sigma) ** 2 * squares), s=(height, width))
    return blurry


def shapes(rng: Random, size: Size, count: int, oversample: int = 2) -> Plane:
    """Return random polygons and ellipses, each of one value from 0 to 1, on a background of 0.5, anti-aliased."""
    width, height = size[0] * oversample, size[1] * oversample
    canvas = Image.new("L", (width, height), 128)
    draw = ImageDraw.Draw(canvas)
    for _ in range(count):
        centre, radius = rng.uniform((0, 0), (width, height)), rng.uniform(0.03, 0.25) * min(width, height)
        fill = int(rng.integers(256))
        if rng.random() < 0.5:
            draw.ellipse([*(centre - radius), *(centre + radius * rng.uniform(0.4, 1))], fill=fill)
        else:
            turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
            draw.polygon([tuple(centre + radius * np.array([np.cos(t), np.sin(t)])) for t in turns], fill=fill)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX), np.float64) / 255


def leaves(rng: Random, size: Size, count: int = 1500, oversample: int = 2) -> Plane:
    """Return RGB discs that cover each other, many small ones and few large ones, anti-aliased.

    The statistics of edges in photographs: A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", 2001.
    """
    width, height = size[0] * oversample, size[1] * oversample
    canvas = Image.new("RGB", (width, height), colour(rng))
    draw = ImageDraw.Draw(canvas)
    radii = np.sort(0.004 * min(width, height) / np.sqrt(rng.uniform(0.0004, 1, count)))[::-1]
    for radius in radii:
        centre = rng.uniform((0, 0), (width, height))
        draw.ellipse([*(centre - radius), *(centre + radius * rng.uniform(0.4, 1))], fill=colour(rng))
    return np.asarray(canvas.resize(size, Image.Resampling.BOX), np.float64) / 255


def colour(rng: Random, low: int = 20, high: int = 236) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def jpeg(frame: Frame, quality: int) -> Frame:
    """Return the frame as a JPEG file shows it, colours at half resolution."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "jpeg", quality=quality, subsampling="4:2:0")
    with Image.open(file, formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))


def resized(frame: Frame, size: Size, how: Image.Resampling) -> Frame:
    return np.asarray(Image.fromarray(frame).resize(size, how))


def enlarged(frame: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """Return each pixel as a square of equal ones."""
    return frame.repeat(factor, 0).repeat(factor, 1)


def normals(height_field: Plane) -> Frame:
    """Return the normals of a surface as colours: x, y, z from -1..1 to 0..255."""
    down, right = np.gradient(height_field)
    length = np.sqrt(right**2 + down**2 + 1)
    return rounded(np.stack([-right / length, -down / length, 1 / length], -1) / 2 + 0.5)


def sixteen_bits(plane: Plane) -> npt.NDArray[np.uint16]:
    return (np.clip(plane, 0, 1) * 65535 + 0.5).astype(np.uint16)


def canvas(size: Size, paper: Colour = (255, 255, 255)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, paper)
    return image, ImageDraw.Draw(image)


def sentence(rng: Random, words: int) -> str:
    return " ".join(WORDS[int(rng.integers(len(WORDS)))] for _ in range(words))


def lines_of_text(
    rng: Random, draw: ImageDraw.ImageDraw, size: Size, points: int, inks: list[Colour], spacing: float = 1.5
) -> None:
    """Fill the picture with ragged lines of words, each word in one of the inks."""
    font = ImageFont.load_default(points)
    for y in range(points, size[1] - points, int(points * spacing)):
        x = points * float(rng.integers(1, 6))
        while x < size[0] * rng.uniform(0.6, 0.95):
            word = sentence(rng, 1)
            draw.text((x, y), word, fill=inks[int(rng.integers(len(inks)))], font=font)
            x += draw.textlength(word + " ", font=font)


def text_at(draw: ImageDraw.ImageDraw, where: tuple[float, float], text: str, points: int, ink: Colour) -> None:
    draw.text(where, text, fill=ink, font=ImageFont.load_default(points))


def bayer(size: Size) -> Plane:
    """Thresholds from 0 to 1 in a pattern of 8 x 8 (ordered dither)."""
    matrix = np.zeros((1, 1))
    for _ in range(3):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    tiled: Plane = np.tile((matrix + 0.5) / 64, (size[1] // 8 + 1, size[0] // 8 + 1))[: size[1], : size[0]]
    return tiled
