"""The half of the corpus that the encoder's constants were chosen on.

Each function draws one content and is named after it; its kind is that of the tables.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from .draw import (
    Frame,
    Plane,
    Random,
    Size,
    bayer,
    blurred,
    canvas,
    colour,
    enlarged,
    grey,
    grid,
    jpeg,
    lines_of_text,
    luma,
    normals,
    resized,
    rounded,
    sentence,
    shapes,
    sixteen_bits,
    spectrum,
    text_at,
)
from .registry import Registry
from .variants import frames, scene

TUNING = Registry()
content = TUNING.content


def _of_version_0_1(rng: Random, size: Size, varied: str, variant: int) -> Frame:
    """The pictures that version 0.1.0 was tuned on: three variants of each content, with seeds of their own."""
    return frames(varied, size, variant)


for _kind, _varied in (
    ("photo", "photo"),
    ("clean", "smooth"),
    ("graphic", "text"),
    ("mask", "mask"),
    ("depth", "depth"),
    ("noise", "noise"),
    ("mixed", "mixed"),
):
    for _variant in range(3):
        TUNING.add(_kind, f"{_varied}_{_variant}", partial(_of_version_0_1, varied=_varied, variant=_variant))


def _photograph(rng: Random, size: Size) -> Plane:
    return scene(rng, size, 1.5)


def _blobs(rng: Random, size: Size) -> npt.NDArray[np.bool_]:
    blobs: npt.NDArray[np.bool_] = spectrum(rng, size, 2.2) > 0.3
    return blobs


def _regions(rng: Random, size: Size, number: int) -> npt.NDArray[np.intp]:
    """Islands within islands, numbered like the heights of a map."""
    return np.clip(spectrum(rng, size, 2.4) * number / 6 + number / 2, 0, number - 1).astype(np.intp)


def _edges(picture: Plane) -> Plane:
    down, right = np.gradient(blurred(luma(picture), 1.5))
    edges: Plane = np.hypot(down, right)
    return edges


# Photographs


@content("photo")
def fine_noise(rng: Random, size: Size) -> Frame:
    return rounded(_photograph(rng, size) + rng.normal(0, 1 / 255, (size[1], size[0], 3)))


@content("photo")
def grain(rng: Random, size: Size) -> Frame:
    return rounded(_photograph(rng, size) * 0.8 + 0.1 + blurred(rng.normal(0, 0.08, size[::-1]), 0.7)[..., None])


@content("photo")
def strong_noise(rng: Random, size: Size) -> Frame:
    return rounded(_photograph(rng, size) * 0.4 + rng.normal(0, 0.02, (size[1], size[0], 3)))


# Photographs and renders without noise


@content("clean")
def denoised(rng: Random, size: Size) -> Frame:
    return rounded(_photograph(rng, size))


@content("clean")
def blurred_8(rng: Random, size: Size) -> Frame:
    return rounded(blurred(_photograph(rng, size), 8))


@content("clean")
def jpeg_60(rng: Random, size: Size) -> Frame:
    return jpeg(rounded(_photograph(rng, size)), 60)


@content("clean")
def jpeg_92(rng: Random, size: Size) -> Frame:
    return jpeg(rounded(_photograph(rng, size) + rng.normal(0, 0.004, (size[1], size[0], 3))), 92)


@content("clean")
def upscaled_4(rng: Random, size: Size) -> Frame:
    quarter = (max(1, size[0] // 4), max(1, size[1] // 4))
    return resized(rounded(_photograph(rng, quarter)), size, Image.Resampling.BICUBIC)


@content("clean")
def smoothed(rng: Random, size: Size) -> Frame:
    noisy = Image.fromarray(rounded(_photograph(rng, size) + rng.normal(0, 0.01, (size[1], size[0], 3))))
    return np.asarray(noisy.filter(ImageFilter.SMOOTH_MORE))


@content("clean")
def grey_photograph(rng: Random, size: Size) -> Frame:
    return grey(rounded(luma(_photograph(rng, size))))


# Gradients


@content("gradient")
def slow_right(rng: Random, size: Size) -> Frame:
    return grey(rounded(0.25 + 0.2 * grid(size)[0] / size[0]))


@content("gradient")
def slow_down_rgb(rng: Random, size: Size) -> Frame:
    y = grid(size)[1] / size[1]
    return rounded(np.stack([0.1 + 0.45 * y, 0.68 * y, 1 - 0.8 * y], -1))


@content("gradient")
def fast_right(rng: Random, size: Size) -> Frame:
    return grey((grid(size)[0].astype(np.int64) % 256).astype(np.uint8))


@content("gradient")
def diagonal(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return grey(rounded((x + y) / sum(size)))


@content("gradient")
def own_direction_per_channel(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return rounded(np.stack([x / size[0], y / size[1], (x + y) / sum(size)], -1))


@content("gradient")
def steep_per_channel(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    planes = [np.floor(x * a + y * b).astype(np.int64) % 256 for a, b in ((0.9, 0.0), (0.0, 0.7), (0.3, 0.5))]
    return np.stack(planes, -1).astype(np.uint8)


@content("gradient")
def steep_right_per_channel(rng: Random, size: Size) -> Frame:
    x = grid(size)[0]
    return np.stack([np.floor(x * a).astype(np.int64) % 256 for a in (0.6, 1.9, 3.3)], -1).astype(np.uint8)


@content("gradient")
def radial(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return grey(rounded(1 - np.hypot(x - size[0] / 2, y - size[1] / 2) / max(size) * 1.4))


@content("gradient")
def radial_rgb(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    distance = np.hypot(x - size[0] / 2, y - size[1] / 2) / max(size)
    return rounded(np.stack([1 - 1.2 * distance, 1.36 * distance, 0.47 + 0.4 * distance], -1))


@content("gradient")
def dithered(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    ramps = np.stack([0.8 * x / size[0], 0.8 * y / size[1], 0.8 * (x + y) / sum(size)], -1)
    return rounded(ramps + rng.uniform(-0.5, 0.5, ramps.shape) / 255)


@content("gradient")
def bands(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return grey(rounded(np.floor((x * 0.7 + y * 0.4) / 40) * 9 / 255))


@content("gradient")
def sky(rng: Random, size: Size) -> Frame:
    y = grid(size)[1] / size[1]
    clouds = [amount * spectrum(rng, size, 3) for amount in (0.024, 0.02, 0.012)]
    return rounded(np.stack([0.31 + 0.5 * y, 0.47 + 0.4 * y, 0.78 + 0.16 * y], -1) + np.stack(clouds, -1))


# Depth maps, normals, motion vectors


@content("depth")
def depth_smooth(rng: Random, size: Size) -> Frame:
    return grey(rounded(0.5 + 0.2 * spectrum(rng, size, 2.4)))


@content("depth")
def depth_steps(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    plane = np.where(shapes(rng, size, 6) > 0.55, 0.4 + 0.25 * x / size[0], 0.2 + 0.3 * y / size[1])
    return grey(rounded(plane))


@content("depth")
def depth_soft_steps(rng: Random, size: Size) -> Frame:
    plane = blurred(0.2 + 0.5 * shapes(rng, size, 10), 3) + 0.3 * grid(size)[1] / size[1]
    return grey(rounded(plane + 0.008 * spectrum(rng, size, 2.2)))


@content("depth")
def normals_rough(rng: Random, size: Size) -> Frame:
    return normals(blurred(spectrum(rng, size, 2.0) * 60, 4))


@content("depth")
def normals_sphere(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    inside = np.clip(1 - ((x - size[0] / 2) ** 2 + (y - size[1] / 2) ** 2) / (0.4 * min(size)) ** 2, 0, 1)
    return normals(np.sqrt(inside) * 0.4 * min(size))


@content("depth")
def normals_planks(rng: Random, size: Size) -> Frame:
    """A floor for a game: flat boards, each tilted a little, with rounded edges and worn joints."""
    x, y = grid(size)
    high, edge = max(16, size[1] // 5), max(2, size[1] // 128)
    tilt = rng.normal(0, 0.05, 53)[np.floor(y / high).astype(np.intp) % 53]
    slope = np.clip((y % high) / edge, 0, 1) - np.clip((high - y % high) / edge, 0, 1)
    worn = (np.abs(slope) > 0.4) * 0.3 * spectrum(rng, size, 1.2)
    slopes = np.stack([0.5 * worn, slope + tilt + worn, np.ones_like(x)], -1)
    return rounded(slopes / np.linalg.norm(slopes, axis=-1, keepdims=True) / 2 + 0.5)


@content("depth")
def motion_smooth(rng: Random, size: Size) -> Frame:
    across, down = (0.5 + 0.24 * spectrum(rng, size, 2.6) for _ in range(2))
    return rounded(np.stack([across, down, np.full_like(down, 0.5)], -1))


@content("depth")
def motion_turning(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    moving = shapes(rng, size, 6) > 0.6
    planes = [0.5 + 0.3 * (y / size[1] - 0.5) + 0.1 * moving, 0.5 - 0.3 * (x / size[0] - 0.5), np.zeros_like(x)]
    return rounded(np.stack(planes, -1))


# Masks and flat colours


@content("mask")
def mask_hard(rng: Random, size: Size) -> Frame:
    return grey(_blobs(rng, size).astype(np.uint8) * np.uint8(255))


@content("mask")
def mask_soft(rng: Random, size: Size) -> Frame:
    return grey(rounded(blurred(_blobs(rng, size).astype(np.float64), 6)))


@content("mask")
def mask_smooth_edges(rng: Random, size: Size) -> Frame:
    return grey(rounded(blurred(_blobs(rng, size).astype(np.float64), 0.8)))


@content("mask")
def segments(rng: Random, size: Size) -> Frame:
    return rng.integers(0, 256, (24, 3), np.uint8)[_regions(rng, size, 24)]


@content("mask")
def black(rng: Random, size: Size) -> Frame:
    return np.zeros((size[1], size[0], 3), np.uint8)


@content("mask")
def one_colour(rng: Random, size: Size) -> Frame:
    return np.full((size[1], size[0], 3), (12, 130, 77), np.uint8)


@content("mask")
def chequered(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return grey(((x // 32 + y // 32) % 2).astype(np.uint8) * np.uint8(255))


@content("mask")
def edges_hard(rng: Random, size: Size) -> Frame:
    return grey((_edges(_photograph(rng, size)) > 0.03).astype(np.uint8) * np.uint8(255))


@content("mask")
def skeleton(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (0, 0, 0))
    for _ in range(18):
        ends = [float(place) for place in rng.uniform((0, 0, 0, 0), (*size, *size))]
        draw.line(ends, fill=colour(rng, 60), width=12)
    return np.asarray(image)


# Text, interfaces, line art


def _page(rng: Random, size: Size, points: int, dark: bool) -> Frame:
    image, draw = canvas(size, (30, 30, 30) if dark else (255, 255, 255))
    font_inks = [colour(rng) for _ in range(12)] if dark else [(0, 0, 0)]
    lines_of_text(rng, draw, size, points, font_inks)
    return np.asarray(image)


for _points, _dark in ((8, False), (12, False), (18, True), (32, False), (48, True)):
    _name = f"text_of_{_points}_points{'_dark' if _dark else ''}"
    TUNING.add("graphic", _name, partial(_page, points=_points, dark=_dark))


@content("graphic")
def crowded_text(rng: Random, size: Size) -> Frame:
    """Random characters: no word occurs twice."""
    image, draw = canvas(size)
    for y in range(4, size[1], 18):
        letters = "".join(chr(int(code)) for code in rng.integers(33, 127, size[0] // 6))
        text_at(draw, (8 + int(rng.integers(40)), y), letters, 12, (0, 0, 0))
    return np.asarray(image)


@content("graphic")
def panels(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (45, 45, 48))
    for number in range(60):
        x, y, wide, high = (float(place) for place in rng.uniform((0, 0, 80, 30), (*size, 260, 160)))
        draw.rounded_rectangle((x, y, x + wide, y + high), 8, fill=colour(rng, 40, 120), outline=(20, 20, 20))
        text_at(draw, (x + 6, y + 6), f"{sentence(rng, 2)} {number}: {int(rng.integers(1 << 30))}", 13, (220, 220, 220))
    return np.asarray(image)


@content("graphic")
def line_art(rng: Random, size: Size) -> Frame:
    return grey(rounded(1 - _edges(_photograph(rng, size)) * 9))


# Drawings, few colours


@content("drawing")
def cel(rng: Random, size: Size) -> Frame:
    regions = _regions(rng, size, 8)
    frame = rng.integers(0, 256, (8, 3), np.uint8)[regions]
    frame[blurred((np.diff(regions, axis=1, prepend=0) != 0).astype(np.float64), 1) > 0.1] = 12
    return frame


@content("drawing")
def cel_smooth_edges(rng: Random, size: Size) -> Frame:
    return resized(cel(rng, (size[0] * 2, size[1] * 2)), size, Image.Resampling.LANCZOS)


@content("drawing")
def cel_shaded(rng: Random, size: Size) -> Frame:
    return rounded(cel(rng, size) / 255 * (1 + 0.06 * np.sin(grid(size)[0] / 300))[..., None])


@content("drawing")
def pixels_8(rng: Random, size: Size) -> Frame:
    small = rounded(_photograph(rng, (size[0] // 8 + 1, size[1] // 8 + 1)))
    return enlarged(np.asarray(Image.fromarray(small).quantize(32).convert("RGB")), 8)[: size[1], : size[0]]


@content("drawing")
def palette_256(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(_photograph(rng, size)))
    return np.asarray(image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


@content("drawing")
def halftone(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    dots = np.sin(x * 0.8) * np.sin(y * 0.8) > 2 * luma(_photograph(rng, size)) - 1
    return grey(dots.astype(np.uint8) * np.uint8(255))


@content("drawing")
def bayer_2_bits(rng: Random, size: Size) -> Frame:
    return grey(rounded(np.floor(luma(_photograph(rng, size)).clip(0, 1) * 3 + bayer(size)) / 3))


@content("drawing")
def error_diffusion(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(_photograph(rng, size)))
    return np.asarray(image.quantize(8, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


# Noise


@content("noise")
def noise_1_bit(rng: Random, size: Size) -> Frame:
    return grey(rng.integers(0, 2, size[::-1], np.uint8) * np.uint8(255))


@content("noise")
def noise_8x8(rng: Random, size: Size) -> Frame:
    small = rng.integers(0, 256, (size[1] // 8 + 1, size[0] // 8 + 1, 3), np.uint8)
    return enlarged(small, 8)[: size[1], : size[0]]


@content("noise")
def sparse_noise(rng: Random, size: Size) -> Frame:
    shape = (size[1], size[0], 3)
    return np.where(rng.random(shape) < 0.02, rng.integers(0, 256, shape, np.uint8), np.uint8(0))


# Other pixel formats


@content("format")
def rgba_soft(rng: Random, size: Size) -> Frame:
    return np.dstack([rounded(_photograph(rng, size)), rounded(blurred(_blobs(rng, size).astype(np.float64), 10))])


@content("format")
def rgba_cut_out(rng: Random, size: Size) -> Frame:
    inside = _blobs(rng, size)[..., None]
    return np.dstack([rounded(_photograph(rng, size)) * inside, inside * np.uint8(255)]).astype(np.uint8)


@content("format")
def rgba_opaque_noisy(rng: Random, size: Size) -> Frame:
    return np.dstack([fine_noise(rng, size), np.full(size[::-1], 255, np.uint8)])


@content("format")
def grey_noisy(rng: Random, size: Size) -> Frame:
    return rounded(luma(_photograph(rng, size)) + rng.normal(0, 1 / 255, size[::-1]))


@content("format")
def grey_smooth(rng: Random, size: Size) -> Frame:
    return rounded(luma(_photograph(rng, size)))


@content("format")
def grey_depth(rng: Random, size: Size) -> Frame:
    return rounded(0.5 + 0.2 * spectrum(rng, size, 2.4))


@content("format")
def grey_mask(rng: Random, size: Size) -> Frame:
    return _blobs(rng, size).astype(np.uint8) * np.uint8(255)


@content("format")
def ramp_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    return sixteen_bits(grid(size)[0] / size[0])


@content("format")
def depth_smooth_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    return sixteen_bits(0.5 + 0.2 * spectrum(rng, size, 2.4))


# Several contents in one picture


@content("mixed")
def letterbox_clean(rng: Random, size: Size) -> Frame:
    frame = rounded(_photograph(rng, size))
    frame[: size[1] // 7] = frame[-(size[1] // 7) :] = 0
    return frame


@content("mixed")
def gradient_above_text(rng: Random, size: Size) -> Frame:
    frame = own_direction_per_channel(rng, size)
    frame[size[1] // 2 :] = _page(rng, size, 12, dark=False)[size[1] // 2 :]
    return frame


@content("mixed")
def photograph_in_panels(rng: Random, size: Size) -> Frame:
    frame = panels(rng, size).copy()
    part = (slice(size[1] // 3, size[1] * 2 // 3), slice(size[0] // 5, size[0] * 7 // 10))
    frame[part] = rounded(_photograph(rng, size))[part]
    return frame


@content("mixed")
def labelled_mask(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(mask_hard(rng, size))
    for number in range(30):
        text_at(
            ImageDraw.Draw(image),
            (float(rng.uniform(0, size[0])), number * size[1] / 30),
            f"object {number}",
            16,
            colour(rng),
        )
    return np.asarray(image)
