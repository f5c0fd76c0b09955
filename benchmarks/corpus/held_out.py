"""The half of the corpus that judges: nothing was tuned on these pictures.

Each function draws one content and is named after it; its kind is that of the tables. The scenes, the textures, the noise,
the dithers and the fonts differ from those of the other half. All that are named `real_...` come from files that Matplotlib
ships; without it, which is optional, they are missing.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from functools import wraps

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from .draw import Colour, Frame, Plane, Random, Size, canvas, colour, enlarged, grey, grid, luma, rounded, sixteen_bits
from .registry import Maker, Pixels, Registry
from .scenes import (
    SAMPLES,
    column,
    elevation,
    font,
    house_front,
    landscape,
    lattice,
    mirrored,
    photograph,
    prose,
    ridged,
    shaded,
    traced,
    warped,
)

HELD_OUT = Registry()
content = HELD_OUT.content
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SANS, BOLD, MONO, SERIF, ITALIC = ("DroidSans", "DroidSans-Bold", "DroidSansMono", "DroidSerif", "DroidSerif-Italic")


def real_content(kind: str) -> Callable[[Maker], Maker]:
    """Register the decorated function if Matplotlib's samples are there."""
    return content(kind) if SAMPLES.is_dir() else lambda maker: maker


def cut(maker: Maker) -> Maker:
    """Draw at least 320 x 320 pixels, because the margins do not fit in less, and cut them to the size."""

    @wraps(maker)
    def larger(rng: Random, size: Size) -> Pixels:
        return maker(rng, (max(320, size[0]), max(320, size[1])))[: size[1], : size[0]]

    return larger


def _filtered(picture: Plane, how: ImageFilter.Filter | type[ImageFilter.Filter]) -> Frame:
    return np.asarray(Image.fromarray(rounded(picture)).filter(how))


def _in_lossy_file(frame: Frame, quality: int, subsampling: str) -> Frame:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "jpeg", quality=quality, subsampling=subsampling)
    with Image.open(file, formats=("JPEG",)) as image:
        return np.asarray(image)


def _twice(size: Size) -> Size:
    return 2 * size[0], 2 * size[1]


def _halved(image: Image.Image) -> Frame:
    return np.asarray(image.reduce(2))


def _still_life(rng: Random, size: Size) -> Plane:
    return shaded(rng, traced(rng, size))


def _hue(turn: Plane, strength: Plane | float = 1.0, value: Plane | float = 1.0) -> Plane:
    """Colours of a wheel, `turn` from 0 to 1 around it."""
    wheel = np.clip(np.abs((turn[..., None] * 6 + (0.0, 4.0, 2.0)) % 6 - 3) - 1, 0, 1)
    strengths, values = np.asarray(strength)[..., None], np.asarray(value)[..., None]
    colours: Plane = values * (1 - strengths * (1 - wheel))
    return colours


def _blob(rng: Random, size: Size, threshold: float = 0.55) -> npt.NDArray[np.bool_]:
    """A figure: head, body and limbs of ellipses, with an uneven outline."""
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    wide, high = size
    for left, top, right, bottom in (
        (0.38, 0.08, 0.62, 0.4),
        (0.3, 0.36, 0.7, 0.8),
        (0.12, 0.4, 0.4, 0.55),
        (0.6, 0.3, 0.92, 0.48),
        (0.32, 0.7, 0.48, 1.1),
        (0.52, 0.7, 0.68, 1.1),
    ):
        draw.ellipse((left * wide, top * high, right * wide, bottom * high), fill=255)
    soft = np.asarray(image.filter(ImageFilter.BoxBlur(wide / 40)), np.float64) / 255
    inside: npt.NDArray[np.bool_] = soft + 0.5 * (lattice(rng, size, 7, 4) - 0.5) > threshold
    return inside


def _high_pass(rng: Random, size: Size) -> Plane:
    """Thresholds from 0 to 1 without low frequencies, near to blue noise: ranks of a noise less its surroundings."""
    noise = Image.fromarray(rng.random(size[::-1], np.float32))
    rough = (
        np.asarray(noise) - np.asarray(Image.fromarray(rounded(np.asarray(noise))).filter(ImageFilter.BoxBlur(2))) / 255
    )
    ranks = np.empty(rough.size)
    ranks[rough.argsort(axis=None)] = np.linspace(0, 1, rough.size)
    return ranks.reshape(rough.shape)


# Photographs


@content("photo")
def sensor_with_mosaic(rng: Random, size: Size) -> Frame:
    """Photons counted behind a Bayer mosaic, then interpolated: the noise of a pixel is that of its neighbours."""
    scene = np.clip(landscape(rng, size), 0, 1)
    counted = rng.poisson(scene * 9000) / 9000 + rng.normal(0, 0.001, scene.shape)
    x, y = (axis.astype(np.intp) % 2 for axis in grid(size))
    planes = []
    for channel, present in enumerate(((x == 0) & (y == 0), x != y, (x == 1) & (y == 1))):
        known = np.pad(np.where(present, counted[..., channel], 0), 1, mode="reflect")
        weight = np.pad(present.astype(np.float64), 1, mode="reflect")
        around = [
            sum(
                (2 - abs(down)) * (2 - abs(right)) * of[1 + down : 1 + down + size[1], 1 + right : 1 + right + size[0]]
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
            )
            for of in (known, weight)
        ]
        planes.append(around[0] / around[1])
    return rounded(np.stack(planes, -1))


@content("photo")
def colour_noise_in_blotches(rng: Random, size: Size) -> Frame:
    """A telephone at night: strong colour noise, smoothed to blotches, and weak noise in brightness."""
    blotches = np.stack([lattice(rng, size, max(2, size[0] // 7), 1) - 0.5 for _ in range(3)], -1)
    picture = house_front(rng, size) * 0.6 + 0.12 * blotches
    return rounded(picture + rng.normal(0, 0.006, (*size[::-1], 1)))


@content("photo")
def path_traced(rng: Random, size: Size) -> Frame:
    """A renderer's noise with few samples a pixel: as strong as the light, and a few pixels much too bright."""
    scene = np.clip(_still_life(rng, size), 0, 1)
    noisy = scene * rng.gamma(300, 1 / 300, (*size[::-1], 1))
    noisy[rng.random(size[::-1]) < 0.0004] *= 2.5
    return rounded(noisy)


@content("photo")
def silver_grain(rng: Random, size: Size) -> Frame:
    """Black and white film: of 60 grains below a pixel, some are black."""
    density = np.clip(luma(landscape(rng, size)), 0.02, 0.98)
    grains = Image.fromarray(rounded(rng.binomial(60, density) / 60))
    return grey(np.asarray(grains.filter(ImageFilter.BoxBlur(1))))


@content("photo")
def rows_and_columns(rng: Random, size: Size) -> Frame:
    """Read-out noise: an offset for every row and every column, and a little for every pixel."""
    rows, columns = rng.normal(0, 0.004, (size[1], 1, 1)), rng.normal(0, 0.002, (1, size[0], 1))
    return rounded(house_front(rng, size) + rows + columns + rng.normal(0, 0.003, (*size[::-1], 3)))


@content("photo")
def low_iso(rng: Random, size: Size) -> Frame:
    """Noise of 0.7 levels."""
    return rounded(landscape(rng, size) + rng.normal(0, 0.7 / 255, (*size[::-1], 3)))


@content("photo")
def long_tails(rng: Random, size: Size) -> Frame:
    """Noise that is mostly weak and sometimes strong (Laplace)."""
    return rounded(_still_life(rng, size) + rng.laplace(0, 1.1 / 255, (*size[::-1], 3)))


@content("photo")
def under_exposed(rng: Random, size: Size) -> Frame:
    """Few photons, and hot pixels."""
    photons = rng.poisson(np.clip(house_front(rng, size), 0, 1) ** 2 * 220)
    frame = rounded(photons / 700)
    frame[rng.random(size[::-1]) < 0.0006] = 255
    return frame


@content("photo")
def over_sharpened(rng: Random, size: Size) -> Frame:
    noisy = landscape(rng, size) + rng.normal(0, 0.004, (*size[::-1], 3))
    return _filtered(noisy, ImageFilter.UnsharpMask(2, 140, 0))


@real_content("photo")
def real_portrait_noisy(rng: Random, size: Size) -> Frame:
    portrait = mirrored(photograph(), size)
    return rounded(portrait / 255 + rng.normal(0, 1.2 / 255, portrait.shape))


# Photographs and renders without noise


@content("clean")
def still_life(rng: Random, size: Size) -> Frame:
    return rounded(_still_life(rng, size))


@content("clean")
def mountains(rng: Random, size: Size) -> Frame:
    return rounded(landscape(rng, size))


@content("clean")
def sent_twice(rng: Random, size: Size) -> Frame:
    """JPEG of a JPEG, cut in between, so that the blocks of the two do not coincide."""
    wider = size[0] + 3, size[1] + 5
    return _in_lossy_file(_in_lossy_file(rounded(house_front(rng, wider)), 72, "4:2:0")[5:, 3:], 88, "4:4:4")


@content("clean")
def video_levels(rng: Random, size: Size) -> Frame:
    """Colours at half resolution in 220 levels, as a player of videos converts them back."""
    planes = list(Image.fromarray(rounded(landscape(rng, size))).convert("YCbCr").split())
    brightness = rounded((np.asarray(planes[0]) * (219 / 255) + 16) / 255)
    planes[0] = Image.fromarray(rounded((brightness - 16.0) / 219))
    small = max(1, size[0] // 2), max(1, size[1] // 2)
    planes[1:] = [
        plane.resize(small, Image.Resampling.BOX).resize(size, Image.Resampling.BILINEAR) for plane in planes[1:]
    ]
    return np.asarray(Image.merge("YCbCr", planes).convert("RGB"))


@content("clean")
def enlarged_in_steps(rng: Random, size: Size) -> Frame:
    """Enlarged three times by 1.4 and sharpened each time, as upscalers do without a network."""
    image = Image.fromarray(rounded(house_front(rng, (max(1, size[0] * 10 // 27), max(1, size[1] * 10 // 27)))))
    for step in (51, 71, 100):
        sides = (max(1, size[0] * step // 100), max(1, size[1] * step // 100))
        image = image.resize(sides, Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(1.5, 90, 2))
    return np.asarray(image)


@content("clean")
def passing_by(rng: Random, size: Size) -> Frame:
    """Blurred by motion, from left to right only."""
    sharp = landscape(rng, (size[0] + 48, size[1]))
    sums = np.cumsum(sharp, axis=1)
    return rounded((sums[:, 48:] - sums[:, :-48]) / 48)


@content("clean")
def model_village(rng: Random, size: Size) -> Frame:
    """In focus in the middle, less and less so above and below."""
    image = Image.fromarray(rounded(house_front(rng, size)))
    focus = np.abs(grid(size)[1] / size[1] - 0.5)
    for step in range(1, 6):
        out = Image.fromarray(rounded((focus > 0.08 * step).astype(np.float64)))
        image = Image.composite(image.filter(ImageFilter.GaussianBlur(1.2)), image, out)
    return np.asarray(image)


@content("clean")
def lights_at_night(rng: Random, size: Size) -> Frame:
    """Lamps out of focus, whose discs add up, in front of a dark blur."""
    back = Image.fromarray(rounded(0.15 * lattice(rng, size, 3, 3)[..., None] * rng.uniform(0.4, 1, 3)))
    for _ in range(70):
        disc = Image.new("RGB", size)
        x, y, radius = (float(number) for number in rng.uniform((0, 0, 10), (*size, 46)))
        ImageDraw.Draw(disc).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(rng, 15, 110))
        left, top, side = int(x - radius) - 4, int(y - radius) - 4, int(2 * radius) + 8
        box = (left, top, left + side, top + side)
        lamp = disc.crop(box).filter(ImageFilter.GaussianBlur(1))
        back.paste(ImageChops.add(back.crop(box), lamp), (left, top))
    return np.asarray(back)


@content("clean")
def marble(rng: Random, size: Size) -> Frame:
    veins = warped(rng, np.repeat(ridged(rng, size, 5)[..., None] ** 3, 3, -1), 4, size[0] / 6)
    return rounded(0.85 - veins * (0.5, 0.45, 0.35) + 0.1 * lattice(rng, size, 4)[..., None])


@real_content("clean")
def real_portrait(rng: Random, size: Size) -> Frame:
    return mirrored(photograph(), size)


# Gradients


@content("gradient")
def mixed_in_linear_light(rng: Random, size: Size) -> Frame:
    """Two colours from corner to corner, mixed in linear light."""
    x, y = grid(size)
    part = ((0.8 * x / size[0] + 0.2 * y / size[1])[..., None]).clip(0, 1)
    return rounded((np.array([0.9, 0.05, 0.1]) * (1 - part) + np.array([0.02, 0.5, 0.8]) * part) ** (1 / 2.2))


@content("gradient")
def spokes(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    turn = np.arctan2(y - 0.5 * size[1] + 0.3, x - 0.4 * size[0] + 0.3) / (2 * np.pi)
    return grey(rounded(turn * 12 % 1))


@content("gradient")
def diamond(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    distance = np.abs(x / size[0] - 0.5) + np.abs(y / size[1] - 0.45)
    return rounded(distance[..., None] * (0.4, 0.9, 0.7) + (0.5, 0.05, 0.2))


@content("gradient")
def spiral(rng: Random, size: Size) -> Frame:
    x, y = (axis - side / 2 + 0.3 for axis, side in zip(grid(size), size))
    turn = np.arctan2(y, x) / (2 * np.pi) + 0.8 * np.log(np.hypot(x, y))
    return rounded(0.5 + 0.5 * np.cos(2 * np.pi * (turn[..., None] + (0.0, 0.1, 0.3))))


@content("gradient")
def blue_noise_dither(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    part = (x / size[0] + 0.3 * y / size[1]) / 1.3
    ramps = np.stack([0.15 + 0.12 * part, 0.2 + 0.2 * part, 0.35 + 0.25 * part], -1)
    return rounded(ramps + (_high_pass(rng, size)[..., None] - 0.5) / 255)


@content("gradient")
def game_dither(rng: Random, size: Size) -> Frame:
    """Interleaved gradient noise, J. Jimenez, "Next generation post processing in Call of Duty", 2014."""
    x, y = grid(size)
    threshold = (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1)) % 1 - 0.5
    glow = np.exp(-np.hypot(x / size[0] - 0.5, y / size[1] - 0.8) * 2.5)
    return rounded(glow[..., None] * (0.7, 0.4, 0.25) + 0.04 + threshold[..., None] / 255)


@content("gradient")
def zone_plate(rng: Random, size: Size) -> Frame:
    """Rings that become narrower up to two pixels at the edge: every frequency once."""
    x, y = (axis - side / 2 for axis, side in zip(grid(size), size))
    return grey(rounded(0.5 + 0.5 * np.cos(np.pi * (x**2 + y**2) / (2 * max(size)))))


@content("gradient")
def every_hue(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return rounded(_hue(x / size[0], 1 - 0.8 * y / size[1], 0.9))


@content("gradient")
def nearly_flat(rng: Random, size: Size) -> Frame:
    """Seven levels over the whole picture, at an angle, other levels in each channel."""
    x, y = grid(size)
    tilt = 0.97 * y / size[1] - 0.2 * x / size[0]
    return rounded(np.stack([0.5 + 0.028 * tilt, 0.48 + 0.024 * tilt, 0.45 + 0.02 * tilt], -1))


@content("gradient")
def waves_of_three_lengths(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    planes = [np.sin(x / across + y / down) for across, down in ((3.1, 41), (9.7, -5.3), (60, 13))]
    return rounded(0.5 + 0.45 * np.stack(planes, -1))


# Depth maps, normals, motion vectors


@content("depth")
def depth_still_life(rng: Random, size: Size) -> Frame:
    return grey(rounded(1.6 / np.maximum(traced(rng, size).depth, 1.6)))


@content("depth")
def depth_in_colours(rng: Random, size: Size) -> Frame:
    """A depth map as previews show it, from blue over green to red."""
    near = 1 - np.clip((np.log(traced(rng, size).depth.clip(0.5, 40)) - 0.5) / 3, 0, 1)
    return rounded(_hue(0.68 * (1 - near), 0.9, 0.35 + 0.6 * near))


@content("depth")
def depth_from_stereo(rng: Random, size: Size) -> Frame:
    """96 steps of disparity, wrong in specks, and black where the second camera sees nothing."""
    scene = traced(rng, size, spheres=5, boxes=5)
    disparity = np.floor(170 / np.maximum(scene.depth, 1.8)) / 96
    wrong = lattice(rng, size, 40, 3) > 0.77
    disparity[wrong] = np.floor(lattice(rng, size, 30, 2) * 60)[wrong] / 96
    hidden = np.roll(disparity, -9, 1) < disparity - 0.06
    return grey(rounded(np.where(hidden, 0, disparity)))


@content("depth")
def world_positions(rng: Random, size: Size) -> Frame:
    scene = traced(rng, size)
    return rounded(np.where((scene.thing > 0)[..., None], (scene.point + np.array([6.0, 2.0, 0.0])) / (12, 4, 20), 0))


@content("depth")
def normals_still_life(rng: Random, size: Size) -> Frame:
    return rounded(traced(rng, size, spheres=12).normal * (0.5, -0.5, -0.5) + 0.5)


@content("depth")
def normals_bricks(rng: Random, size: Size) -> Frame:
    """A texture for a wall: flat bricks with bevelled edges, each a little tilted, and rough mortar."""
    x, y = grid(size)
    high, wide = max(6, size[1] // 12), max(12, size[0] // 6)
    course = np.floor(y / high).astype(np.intp)
    along = x + wide / 2 * (course % 2)
    tilt = rng.normal(0, 0.04, (31, 37, 2))[course % 31, np.floor(along / wide).astype(np.intp) % 37]
    bevel = max(2, high // 8)
    right = np.clip((along % wide) / bevel, 0, 1) - np.clip((wide - along % wide) / bevel, 0, 1)
    down = np.clip((y % high) / bevel, 0, 1) - np.clip((high - y % high) / bevel, 0, 1)
    slopes = np.stack([right + tilt[..., 0], down + tilt[..., 1], np.ones_like(x)], -1)
    joint = (np.abs(right) > 0.6) | (np.abs(down) > 0.6)
    slopes[..., :2] += (joint[..., None] * 0.25) * np.stack([lattice(rng, size, 60, 3) - 0.5 for _ in range(2)], -1)
    return rounded(slopes / np.linalg.norm(slopes, axis=-1, keepdims=True) / 2 + 0.5)


@content("depth")
def normals_woven(rng: Random, size: Size) -> Frame:
    """Cloth: threads over and under each other, in folds."""
    x, y = grid(size)
    pitch = 9.0
    over = (np.floor(x / pitch) + np.floor(y / pitch)) % 2
    right = np.where(over > 0, np.cos(np.pi * (x % pitch) / pitch), 0.3 * np.cos(2 * np.pi * x / pitch))
    down = np.where(over > 0, 0.3 * np.cos(2 * np.pi * y / pitch), np.cos(np.pi * (y % pitch) / pitch))
    folds = np.gradient(lattice(rng, size, 3, 3) * size[0] / 4)
    slopes = np.stack([0.6 * right + folds[1], 0.6 * down + folds[0], np.ones_like(x)], -1)
    return rounded(slopes / np.linalg.norm(slopes, axis=-1, keepdims=True) / 2 + 0.5)


@content("depth")
def flow_in_colours(rng: Random, size: Size) -> Frame:
    """Optical flow of a camera that moves sideways: its direction as a hue, its speed as saturation."""
    scene = traced(rng, size)
    x, y = (axis / size[0] - 0.5 for axis in grid(size))
    moving = (scene.thing % 4 == 2) * 0.15
    across, down = 0.6 / np.maximum(scene.depth, 1) + 0.05 * y + moving, -0.05 * x - moving
    return rounded(_hue(np.arctan2(down, across) / (2 * np.pi) + 0.5, np.clip(2 * np.hypot(across, down), 0, 1)))


@content("depth")
def flow_of_eddies(rng: Random, size: Size) -> Frame:
    """Motion vectors of a fluid; no motion is grey."""
    x, y = grid(size)
    across, down = np.zeros_like(x), np.zeros_like(x)
    for _ in range(14):
        left, top, radius = (float(number) for number in rng.uniform((0, 0, 0.03), (*size, 0.16)))
        right, below = (x - left) / size[0], (y - top) / size[0]
        strength = rng.normal(0, 0.5) / radius * np.exp(-(right**2 + below**2) / (2 * radius**2))
        across, down = across - strength * below, down + strength * right
    return rounded(np.stack([0.5 + across, 0.5 + down, np.full_like(x, 0.5)], -1))


@real_content("depth")
def real_elevation(rng: Random, size: Size) -> Frame:
    heights = Image.fromarray(elevation().astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return grey(rounded(np.asarray(heights, np.float64)))


@real_content("depth")
def real_elevation_normals(rng: Random, size: Size) -> Frame:
    heights = Image.fromarray(elevation().astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    down, right = np.gradient(np.asarray(heights, np.float64) * size[0] / 5)
    slopes = np.stack([-right, -down, np.ones_like(down)], -1)
    return rounded(slopes / np.linalg.norm(slopes, axis=-1, keepdims=True) / 2 + 0.5)


# Masks and flat colours


@content("mask")
def figure(rng: Random, size: Size) -> Frame:
    return grey(_halved(Image.fromarray(rounded(_blob(rng, _twice(size)).astype(np.float64)))))


@content("mask")
def trimap(rng: Random, size: Size) -> Frame:
    """White inside, black outside, grey in between, for matting."""
    mask = Image.fromarray(rounded(_blob(rng, size).astype(np.float64)))
    sure, maybe = (
        np.asarray(mask.filter(how(15)), np.uint16) for how in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    return grey(((sure + maybe) // 2).astype(np.uint8))


@content("mask")
def things_numbered(rng: Random, size: Size) -> Frame:
    """Object ids of a render as colours, no edge smoothed."""
    scene = traced(rng, size, spheres=14, boxes=8)
    return rng.integers(0, 256, (int(scene.thing.max()) + 1, 3), np.uint8)[scene.thing]


@content("mask")
def square_code(rng: Random, size: Size) -> Frame:
    """Black and white squares of 11 pixels, as of a QR code."""
    modules = rng.integers(0, 2, (size[1] // 11 + 1, size[0] // 11 + 1), np.uint8) * np.uint8(255)
    return grey(enlarged(modules, 11)[: size[1], : size[0]])


@content("mask")
def ragged(rng: Random, size: Size) -> Frame:
    """A segmentation that nobody cleaned: its outline is uneven down to single pixels."""
    return grey(rounded((lattice(rng, size, 4, 9, 0.62) > 0.5).astype(np.float64)))


@content("mask")
def roto_in_motion(rng: Random, size: Size) -> Frame:
    sums = np.cumsum(_blob(rng, (size[0] + 32, size[1])).astype(np.float64), axis=1)
    return grey(rounded((sums[:, 32:] - sums[:, :-32]) / 32))


@content("mask")
def white(rng: Random, size: Size) -> Frame:
    return np.full((*size[::-1], 3), 255, np.uint8)


@content("mask")
def terrazzo(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (226, 220, 210))
    for _ in range(700):
        centre, radius = rng.uniform((0, 0), size), rng.uniform(0.004, 0.03) * size[0]
        turns = np.sort(rng.uniform(0, 2 * np.pi, 5))
        corners = [(centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)) for turn in turns]
        draw.polygon(corners, fill=colour(rng, 60, 200))
    return np.asarray(image)


@content("mask")
def stained_glass(rng: Random, size: Size) -> Frame:
    """The nearest of 90 points by city blocks, with dark lines in between."""
    x, y = grid(size)
    distances = np.full((2, *x.shape), np.inf)
    which = np.zeros(x.shape, np.intp)
    for number, (left, top) in enumerate(rng.uniform((0, 0), size, (90, 2))):
        distance = np.abs(x - left) + np.abs(y - top)
        which[distance < distances[0]] = number
        distances[1] = np.minimum(distances[1], np.maximum(distances[0], distance))
        distances[0] = np.minimum(distances[0], distance)
    panes = rng.integers(40, 256, (90, 3), np.uint8)[which]
    panes[distances[1] - distances[0] < 6] = 18
    return panes


@content("mask")
def political_map(rng: Random, size: Size) -> Frame:
    """Countries with crooked frontiers, in seven colours."""
    x, y = grid(size)
    squares = np.floor(x / size[0] * 9) + 9 * np.floor(y / size[1] * 9)
    country = warped(rng, squares[..., None], 9, size[0] / 7)[..., 0].astype(np.intp)
    return rng.integers(90, 250, (7, 3), np.uint8)[country * 5 % 7]


# Text, interfaces, line art


@content("graphic")
def terminal(rng: Random, size: Size) -> Frame:
    """Pillow's bitmap font, whose letters have no soft edges."""
    image, draw = canvas(size, (12, 12, 12))
    letters = ImageFont.load_default_imagefont()
    inks = ((204, 204, 204), (22, 198, 12), (249, 241, 165), (231, 72, 86), (58, 150, 221))
    for row, y in enumerate(range(4, size[1] - 12, 13)):
        text = f"[{row * 37 % 60:02}:{row * 11 % 60:02}] {int(rng.integers(1 << 28)):08x} {prose(rng, int(rng.integers(3, 18)))}"
        draw.text((4, y), text, fill=inks[int(rng.choice(5, p=(0.7, 0.1, 0.1, 0.05, 0.05)))], font=letters)
    return np.asarray(image)


@content("graphic")
def newspaper(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (248, 244, 232))
    draw.text((size[0] / 30, 8), prose(rng, 4), fill=(20, 20, 20), font=font("DroidSerif-Bold", size[0] // 14))
    wide = size[0] / 4
    for number in range(4):
        box = (wide * number + 10, size[1] / 8, wide * (number + 1) - 10, size[1] - 10)
        column(rng, draw, box, font(SERIF, 13), (25, 25, 28), 16)
        draw.line((wide * number, size[1] / 8, wide * number, size[1]), fill=(150, 148, 140))
    return np.asarray(image)


@content("graphic")
def spreadsheet(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size)
    letters = font(SANS, 12)
    for row, y in enumerate(range(0, size[1], 20)):
        if row % 2:
            draw.rectangle((0, y, size[0], y + 19), fill=(240, 244, 250))
        for place, x in enumerate(range(44, size[0], 84)):
            number = f"{rng.normal(0, 900):,.2f}" if rng.random() < 0.8 else ""
            cell = chr(65 + place % 26) if row == 0 else number
            ink = (200, 30, 30) if cell.startswith("-") else (30, 30, 30)
            draw.text((x + 80 - draw.textlength(cell, font=letters), y + 3), cell, fill=ink, font=letters)
            draw.line((x, 0, x, size[1]), fill=(212, 212, 212))
        draw.rectangle((0, y, 43, y + 19), fill=(230, 230, 230))
        draw.text((6, y + 3), str(row), fill=(90, 90, 90), font=letters)
        draw.line((0, y, size[0], y), fill=(212, 212, 212))
    return np.asarray(image)


@content("graphic")
def editor(rng: Random, size: Size) -> Frame:
    """A prompt as JSON in colours, with line numbers and a sidebar."""
    image, draw = canvas(size, (40, 44, 52))
    letters = font(MONO, 14)
    nodes = {str(key): {"class_type": word, "inputs": {word[:4]: [str(key % 7), key % 3]}} for key, word in
             enumerate(prose(rng, 60).split())}  # fmt: skip
    draw.rectangle((0, 0, size[0] // 6, size[1]), fill=(33, 37, 43))
    for row, line in enumerate(json.dumps(nodes, indent=2).split("\n")[: size[1] // 19]):
        draw.text((size[0] // 6 + 8, row * 19), f"{row + 1:4}", fill=(76, 82, 99), font=letters)
        name, colon, value = line.partition(":")
        x = size[0] // 6 + 60.0
        for part, ink in ((name, (224, 108, 117)), (colon, (171, 178, 191)), (value, (152, 195, 121))):
            draw.text((x, row * 19), part, fill=ink, font=letters)
            x += draw.textlength(part, font=letters)
        if row % 2 == 0:
            draw.text((10, row * 12), prose(rng, 1) + ".json", fill=(140, 146, 158), font=font(SANS, 11))
    return np.asarray(image)


@content("graphic")
@cut
def web_page(rng: Random, size: Size) -> Frame:
    """Cards with soft shadows below a coloured bar."""
    back = Image.new("RGB", size, (245, 246, 250))
    wide, high = size[0] // 3, size[1] // 3
    boxes = [
        (x + 14, y + 14, x + wide - 14, y + high - 14)
        for y in range(64, size[1], high)
        for x in range(0, size[0], wide)
    ]
    draw = ImageDraw.Draw(back)
    for left, top, right, bottom in boxes:
        draw.rounded_rectangle((left, top + 5, right, bottom + 5), 10, fill=(205, 208, 218))
    back = back.filter(ImageFilter.GaussianBlur(7))
    draw = ImageDraw.Draw(back)
    draw.rectangle((0, 0, size[0], 58), fill=(63, 81, 181))
    draw.text((18, 12), prose(rng, 3), fill=WHITE, font=font(BOLD, 24))
    for box in boxes:
        draw.rounded_rectangle(box, 10, fill=WHITE)
        draw.text((box[0] + 16, box[1] + 12), prose(rng, 2), fill=(30, 34, 50), font=font(BOLD, 18))
        text_box = (box[0] + 16, box[1] + 44, box[2] - 16, box[3] - 56)
        column(rng, draw, text_box, font(SANS, 13), (90, 96, 110), 19)
        draw.rounded_rectangle((box[0] + 16, box[3] - 46, box[0] + 120, box[3] - 14), 16, fill=(63, 81, 181))
        draw.text((box[0] + 34, box[3] - 40), "Read on", fill=WHITE, font=font(SANS, 15))
    return np.asarray(back)


@content("graphic")
def subpixel_text(rng: Random, size: Size) -> Frame:
    """Letters smoothed separately in the red, green and blue stripes of a screen."""
    image = Image.new("L", (3 * size[0], 3 * size[1]), 255)
    box = (60, 40, 3 * size[0] - 60, 3 * size[1] - 40)
    column(rng, ImageDraw.Draw(image), box, font(SANS, 44), 0, 62)
    thirds = np.asarray(image.resize((3 * size[0], size[1]), Image.Resampling.BOX).filter(ImageFilter.BoxBlur(1)))
    return thirds.reshape(size[1], size[0], 3)


@content("graphic")
def sheet_music(rng: Random, size: Size) -> Frame:
    big = _twice(size)
    image, draw = canvas(big)
    for top in range(60, big[1] - 120, 210):
        for line in range(5):
            draw.line((60, top + 20 * line, big[0] - 60, top + 20 * line), fill=BLACK, width=2)
        x = 140.0
        while x < big[0] - 100:
            y = top + 10 * float(rng.integers(-2, 10))
            draw.ellipse((x, y - 9, x + 24, y + 9), fill=BLACK)
            draw.line((x + 23, y, x + 23, y - 66), fill=BLACK, width=3)
            if rng.random() < 0.4:
                draw.line((x + 23, y - 64, x + 80, y - 56), fill=BLACK, width=9)
            x += float(rng.choice((46, 62, 90)))
    return _halved(image)


@content("graphic")
def street_map(rng: Random, size: Size) -> Frame:
    big = _twice(size)
    image, draw = canvas(big, (242, 239, 233))
    for _ in range(18):
        x, y = (float(place) for place in rng.uniform((0, 0), big))
        wide, high = (float(side) for side in rng.uniform(100, 500, 2))
        area = (200, 224, 180) if rng.random() < 0.6 else (170, 211, 223)
        draw.polygon(((x, y), (x + wide, y + 40), (x + wide * 0.8, y + high), (x - 30, y + high * 0.7)), fill=area)
    roads = []
    for _ in range(46):
        ends = rng.uniform((0, 0), big, (2, 2))
        bend = ends.mean(0) + rng.normal(0, 120, 2)
        steps = np.linspace(0, 1, 24)[:, None]
        path = (1 - steps) ** 2 * ends[0] + 2 * steps * (1 - steps) * bend + steps**2 * ends[1]
        roads.append(([(float(x), float(y)) for x, y in path], int(rng.choice((8, 14, 22)))))
    for casing, ink in ((6, (180, 170, 160)), (0, (255, 255, 255))):
        for path, width in roads:
            draw.line(
                path, fill=(252, 214, 164) if width > 20 and not casing else ink, width=width + casing, joint="curve"
            )
    for path, _ in roads:
        draw.text(path[8], prose(rng, 2), fill=(80, 80, 80), font=font(SANS, 20), stroke_width=3, stroke_fill=WHITE)
    return _halved(image)


@content("graphic")
@cut
def scatter_plot(rng: Random, size: Size) -> Frame:
    """Points that are half transparent, axes with numbers, and a legend."""
    big = _twice(size)
    image = Image.new("RGBA", big, (*WHITE, 255))
    for number, ink in enumerate(((31, 119, 180), (255, 127, 14), (44, 160, 44))):
        layer = Image.new("RGBA", big, (*ink, 0))
        draw = ImageDraw.Draw(layer)
        for x, y in rng.multivariate_normal((0.3 + 0.2 * number, 0.5), ((0.02, 0.008), (0.008, 0.02)), 500) * big:
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(*ink, 150))
        image.alpha_composite(layer)
    draw = ImageDraw.Draw(image)
    draw.rectangle((120, 40, big[0] - 40, big[1] - 100), outline=BLACK, width=2)
    for step in range(9):
        x, y = 120 + step * (big[0] - 160) / 8, 40 + step * (big[1] - 140) / 8
        draw.text((x - 20, big[1] - 90), f"{step / 8:.2f}", fill=BLACK, font=font(SANS, 26))
        draw.text((40, y - 16), f"{8 - step}", fill=BLACK, font=font(SANS, 26))
    draw.rectangle((big[0] - 420, 70, big[0] - 70, 230), fill=WHITE, outline=(180, 180, 180))
    draw.text((big[0] - 380, 90), prose(rng, 3), fill=BLACK, font=font(SERIF, 30))
    return _halved(image.convert("RGB"))


@content("graphic")
def scanned_letter(rng: Random, size: Size) -> Frame:
    """Ink on uneven paper, a little askew and out of focus, with the noise of the scanner."""
    image = Image.new("L", size, 255)
    column(rng, ImageDraw.Draw(image), (size[0] / 9, 50, size[0] * 8 / 9, size[1] - 50), font(ITALIC, 20), 30, 31)
    askew = image.rotate(0.7, Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.7))
    paper = 0.93 + 0.05 * lattice(rng, size, 3, 8) + rng.normal(0, 0.008, size[::-1])
    return rounded((np.asarray(askew) / 255 * paper)[..., None] * (1, 0.98, 0.93))


@content("graphic")
def wireframe(rng: Random, size: Size) -> Frame:
    """A mesh of hills as lines, smoothed, light on dark."""
    big = _twice(size)
    image, draw = canvas(big, (16, 20, 30))
    heights = lattice(rng, (64, 64), 4, 4)
    before: list[tuple[float, float]] = []
    for row in range(64):
        scale, base = 0.5 + row / 64, big[1] * (0.25 + 0.75 * (row / 63) ** 1.5)
        ends = [
            (big[0] * (0.5 + (place / 63 - 0.5) * 1.4 * scale), base - 260 * scale * heights[row, place])
            for place in range(64)
        ]
        draw.line(ends, fill=(90, 220, 190), width=2)
        for below, above in zip(ends, before):
            draw.line((below, above), fill=(60, 150, 140), width=2)
        before = ends
    return _halved(image)


# Drawings, few colours


@content("drawing")
def airbrushed(rng: Random, size: Size) -> Frame:
    """Flat colours with soft shadows inside hard dark outlines."""
    big = _twice(size)
    image, draw = canvas(big, (255, 236, 214))
    shade = Image.new("L", big, 255)
    for _ in range(26):
        x, y, radius = (float(number) for number in rng.uniform((0, 0, 80), (*big, 330)))
        box = (x - radius, y - radius * 0.8, x + radius, y + radius * 0.8)
        draw.ellipse(box, fill=colour(rng, 110, 250), outline=(30, 20, 40), width=9)
        ImageDraw.Draw(shade).chord(box, 10, 170, fill=200)
    soft = shade.filter(ImageFilter.GaussianBlur(14))
    return _halved(ImageChops.multiply(image, Image.merge("RGB", [soft] * 3)))


@content("drawing")
def one_bit_blue_noise(rng: Random, size: Size) -> Frame:
    return grey(rounded((luma(_still_life(rng, size)) > _high_pass(rng, size)).astype(np.float64)))


@content("drawing")
def sprites(rng: Random, size: Size) -> Frame:
    """Symmetric figures of 8 x 8, in pixels of 5, on one colour."""
    across, down = size[0] // 50 + 1, size[1] // 50 + 1
    sheet = np.full((down * 10, across * 10, 3), (92, 148, 252), np.uint8)
    for row in range(down):
        for place in range(across):
            half = rng.random((8, 4)) < 0.5
            shape = np.hstack([half, half[:, ::-1]])
            sheet[row * 10 + 1 : row * 10 + 9, place * 10 + 1 : place * 10 + 9][shape] = colour(rng, 0, 255)
    return enlarged(sheet, 5)[: size[1], : size[0]]


@content("drawing")
def web_palette(rng: Random, size: Size) -> Frame:
    """The 216 colours of old browsers, dithered."""
    return np.asarray(Image.fromarray(rounded(landscape(rng, size))).convert("P").convert("RGB"))


@content("drawing")
def sixteen_colours(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(landscape(rng, size)))
    palette = image.quantize(16, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return np.asarray(palette.convert("RGB"))


@content("drawing")
def engraving(rng: Random, size: Size) -> Frame:
    """Lines that follow the shape and are the thicker the darker it is, as on banknotes."""
    x, y = grid(size)
    tone = luma(_still_life(rng, size))
    wave = np.sin((y + 14 * tone + 3 * np.sin(x / 40)) * 0.9)
    return grey(rounded((wave + 1) / 2 * 3 - 3 * (1 - tone) + 0.5))


@content("drawing")
def mosaic(rng: Random, size: Size) -> Frame:
    """Square stones, each of one colour, with grey joints."""
    small = max(1, size[0] // 14), max(1, size[1] // 14)
    stones = rounded(landscape(rng, small) + rng.normal(0, 0.03, (*small[::-1], 1)))
    frame = enlarged(np.pad(stones, ((0, 2), (0, 2), (0, 0)), mode="edge"), 14)[: size[1], : size[0]]
    frame[::14], frame[:, ::14] = (110, 106, 100), (110, 106, 100)
    return frame


@content("drawing")
def watercolour(rng: Random, size: Size) -> Frame:
    """Washes that darken each other, with uneven edges, on paper."""
    paper = (0.94 + 0.05 * lattice(rng, size, size[0] // 8 + 1, 2))[..., None] * (1, 0.99, 0.96)
    for _ in range(14):
        wash = np.clip((lattice(rng, size, 4, 8) - 0.58) * 40, 0, 1)[..., None]
        paper = paper * (1 - wash * (1 - rng.uniform(0.55, 1, 3)))
    return rounded(paper)


@content("drawing")
@cut
def comic(rng: Random, size: Size) -> Frame:
    """Four panels of flat colours and coarse dots, with balloons."""
    x, y = grid(size)
    dots = np.hypot(x % 8 - 4, y % 8 - 4) < 2.4
    image = Image.new("RGB", size, WHITE)
    for number in range(4):
        left, top = number % 2 * size[0] // 2, number // 2 * size[1] // 2
        ink, ground = colour(rng, 60, 250), colour(rng, 150, 255)
        panel = Image.fromarray(np.where(dots[..., None], ink, ground).astype(np.uint8)[: size[1] // 2, : size[0] // 2])
        draw = ImageDraw.Draw(panel)
        wide, high = panel.size
        draw.ellipse((wide * 0.3, high * 0.45, wide * 0.75, high * 1.3), fill=colour(rng), outline=BLACK, width=4)
        draw.rounded_rectangle(
            (wide * 0.05, high * 0.05, wide * 0.8, high * 0.35), 20, fill=WHITE, outline=BLACK, width=3
        )
        column(rng, draw, (wide * 0.09, high * 0.08, wide * 0.76, high * 0.33), font(BOLD, 17), BLACK, 22)
        draw.rectangle((0, 0, wide - 1, high - 1), outline=WHITE, width=10)
        draw.rectangle((10, 10, wide - 11, high - 11), outline=BLACK, width=4)
        image.paste(panel, (left, top))
    return np.asarray(image)


@content("drawing")
def isometric(rng: Random, size: Size) -> Frame:
    """Cubes with three flat sides each, their edges smoothed."""
    big = _twice(size)
    image, draw = canvas(big, (235, 230, 220))
    side = max(20, big[0] // 22)
    for row in range(-1, big[1] // (side // 2) + 3):
        for place in range(-1, big[0] // (2 * side) + 2):
            x, y = (place * 2 + row % 2) * side, row * side // 2 - int(rng.integers(3)) * side // 3
            paint = np.array(colour(rng, 120, 250))
            for corners, light in (
                (((0, 0), (side, side // 2), (0, side), (-side, side // 2)), 1.0),
                (((-side, side // 2), (0, side), (0, 2 * side), (-side, 3 * side // 2)), 0.75),
                (((side, side // 2), (0, side), (0, 2 * side), (side, 3 * side // 2)), 0.55),
            ):
                draw.polygon([(x + right, y + down) for right, down in corners], fill=_as_colour(paint * light))
    return _halved(image)


def _as_colour(values: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = values.astype(int).tolist()
    return red, green, blue


@content("drawing")
def fractal(rng: Random, size: Size) -> Frame:
    """The Mandelbrot set, in 40 colours."""
    x, y = grid(size)
    start = (x / size[0] * 0.06 - 0.78) + 1j * (y / size[1] * 0.06 + 0.1)
    value, steps = np.zeros_like(start), np.zeros(x.shape, np.intp)
    for _ in range(90):
        inside = np.abs(value) < 2
        value = np.where(inside, value * value + start, value)
        steps += inside
    return rng.integers(0, 256, (40, 3), np.uint8)[steps % 40]


# Noise


@content("noise")
def smooth_noise_3(rng: Random, size: Size) -> Frame:
    """Value noise of three pixels."""
    return rounded(np.stack([lattice(rng, size, max(2, size[0] // 3), 1) for _ in range(3)], -1))


@content("noise")
def noise_5_bits(rng: Random, size: Size) -> Frame:
    return rng.integers(100, 132, (*size[::-1], 3), np.uint8)


@content("noise")
def television(rng: Random, size: Size) -> Frame:
    """No programme: noise that depends on the pixel to the left, and dark lines in between."""
    white = rng.normal(0, 0.2, size[::-1])
    snow = 0.4 + white + 0.6 * np.roll(white, 1, 1)
    snow[::3] *= 0.6
    return grey(rounded(snow))


@content("noise")
def noise_in_red(rng: Random, size: Size) -> Frame:
    frame = np.full((*size[::-1], 3), (0, 70, 160), np.uint8)
    frame[..., 0] = rng.integers(0, 256, size[::-1], np.uint8)
    return frame


@content("noise")
def latent_smoothed(rng: Random, size: Size) -> Frame:
    """A latent picture of pure noise, enlarged 8 times with linear interpolation."""
    small = rounded(rng.normal(0.5, 0.2, (size[1] // 8 + 1, size[0] // 8 + 1, 3)))
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BILINEAR))


@content("noise")
def stars(rng: Random, size: Size) -> Frame:
    sky = rng.poisson(2.2, (*size[::-1], 3)) / 255
    for _ in range(900):
        x, y = (int(rng.integers(side)) for side in size)
        sky[y : y + 2, x : x + 2] += rng.exponential(0.4) * rng.uniform(0.6, 1, 3)
    return rounded(sky)


@content("noise")
def bar_code(rng: Random, size: Size) -> Frame:
    """Every column one level of grey at random."""
    return grey(np.tile(rng.integers(0, 256, size[0], np.uint8), (size[1], 1)))


@content("noise")
def rule_30(rng: Random, size: Size) -> Frame:
    """A cellular automaton, in squares of 2 pixels."""
    rows = [rng.integers(0, 2, size[0] // 2 + 1, np.uint8)]
    while len(rows) <= size[1] // 2:
        row = rows[-1]
        rows.append(np.roll(row, 1) ^ (row | np.roll(row, -1)))
    return grey(enlarged(np.stack(rows) * np.uint8(255), 2)[: size[1], : size[0]])


@content("noise")
def noise_in_lossy_file(rng: Random, size: Size) -> Frame:
    return _in_lossy_file(rng.integers(0, 256, (*size[::-1], 3), np.uint8), 50, "4:4:4")


@content("noise")
def half_denoised(rng: Random, size: Size) -> Frame:
    """A step of a diffusion model: half picture, half noise."""
    return rounded(0.7 * _still_life(rng, size) + rng.normal(0.15, 0.2, (*size[::-1], 3)))


# Other pixel formats


@content("format")
def rgba_window(rng: Random, size: Size) -> Frame:
    """A window with a soft shadow; what is transparent is black."""
    box = (0.1 * size[0], 0.1 * size[1], 0.9 * size[0], 0.85 * size[1])
    image = Image.new("RGBA", size)
    shadow = Image.new("L", size)
    ImageDraw.Draw(shadow).rounded_rectangle((box[0], box[1] + 14, box[2], box[3] + 14), 16, fill=120)
    image.putalpha(shadow.filter(ImageFilter.GaussianBlur(16)))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(box, 14, fill=(250, 250, 252, 255))
    draw.rounded_rectangle((box[0], box[1], box[2], box[1] + 40), 14, fill=(222, 224, 230, 255))
    column(rng, draw, (box[0] + 30, box[1] + 60, box[2] - 30, box[3] - 20), font(SANS, 17), (40, 40, 46), 27)
    return np.asarray(image)


@content("format")
def rgba_particles(rng: Random, size: Size) -> Frame:
    """Sparks: one colour everywhere, alpha mostly 0."""
    alpha = Image.new("L", size)
    draw = ImageDraw.Draw(alpha)
    for x, y, radius in rng.uniform((0, 0, 1), (*size, 9), (500, 3)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(60, 255)))
    soft = np.asarray(alpha.filter(ImageFilter.GaussianBlur(2)))
    return np.dstack([np.broadcast_to(np.array((255, 190, 80), np.uint8), (*soft.shape, 3)), soft])


@content("format")
def rgba_render(rng: Random, size: Size) -> Frame:
    """A render with its sky cut out, the colours multiplied by alpha."""
    scene = traced(rng, size)
    alpha = (scene.thing > 0).astype(np.uint8)
    noisy = rounded(shaded(rng, scene) * rng.gamma(900, 1 / 900, (*size[::-1], 1)))
    return np.dstack([noisy * alpha[..., None], alpha * np.uint8(255)])


@content("format")
def rgba_title(rng: Random, size: Size) -> Frame:
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    for y in range(size[1] // 8, size[1] - 40, size[1] // 5 + 1):
        draw.text(
            (size[0] / 12, y), prose(rng, 3), fill=(255, 255, 255, 255), font=font("DroidSerif-Bold", size[0] // 14)
        )
    return np.asarray(image)


@content("format")
def grey_x_ray(rng: Random, size: Size) -> Frame:
    bones = np.clip(ridged(rng, size, 3, 3) * 3 - 1.7, 0, 1)
    return rounded(0.15 + 0.35 * lattice(rng, size, 3, 5) + 0.4 * bones + rng.normal(0, 0.007, size[::-1]))


@content("format")
def grey_book(rng: Random, size: Size) -> Frame:
    image = Image.new("L", size, 255)
    column(rng, ImageDraw.Draw(image), (60, 60, size[0] - 60, size[1] - 60), font(SERIF, 22), 0, 33)
    return np.asarray(image)


@content("format")
def grey_indices(rng: Random, size: Size) -> Frame:
    """A segmentation as it is trained on: the number of the class in every pixel."""
    return np.floor(warped(rng, lattice(rng, size, 5, 4)[..., None], 6, size[0] / 9)[..., 0] * 40).astype(np.uint8)


@content("format")
def grey_alpha_smoke(rng: Random, size: Size) -> Frame:
    smoke = warped(rng, lattice(rng, size, 3, 8)[..., None], 3, size[0] / 5)[..., 0]
    return np.dstack([rounded(0.4 + 0.5 * smoke), rounded(np.clip(smoke * 2 - 0.8, 0, 1))])


@content("format")
def depth_still_life_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    return sixteen_bits(1.6 / np.maximum(traced(rng, size).depth, 1.6))


@content("format")
def heights_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    return sixteen_bits(0.9 * ridged(rng, size, 4, 9) ** 2)


@content("format")
def sensor_12_in_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    """A sensor's 12 bits, moved to the upper end of 16."""
    photons = rng.poisson(np.clip(luma(landscape(rng, size)), 0, 1) * 3800)
    return (np.minimum(photons, 4095) << 4).astype(np.uint16)


@real_content("format")
def real_scan_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    """Magnetic resonance of a head, 256 x 256, enlarged."""
    scan = np.frombuffer(gzip.decompress((SAMPLES / "s1045.ima.gz").read_bytes()), ">u2").reshape(256, 256)
    heights = Image.fromarray(scan.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return sixteen_bits(np.asarray(heights, np.float64) / 4096)


# Several contents in one picture


@content("mixed")
def desktop(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(landscape(rng, size)))
    draw = ImageDraw.Draw(image)
    for number in range(3):
        left, top = size[0] * (0.06 + 0.22 * number), size[1] * (0.08 + 0.2 * number)
        right, bottom = left + size[0] * 0.45, top + size[1] * 0.38
        ground = ((255, 255, 255), (30, 30, 34), (246, 244, 238))[number]
        draw.rectangle((left, top, right, bottom), fill=ground, outline=(120, 120, 120))
        draw.rectangle((left, top, right, top + 26), fill=(58, 110, 165))
        draw.text((left + 8, top + 4), prose(rng, 3), fill=WHITE, font=font(BOLD, 14))
        ink = (210, 210, 210) if number == 1 else (30, 30, 30)
        column(rng, draw, (left + 12, top + 36, right - 12, bottom - 8), font((SANS, MONO, SERIF)[number], 14), ink, 20)
    draw.rectangle((0, size[1] - 34, size[0], size[1]), fill=(32, 33, 36))
    return np.asarray(image)


@content("mixed")
def daily(rng: Random, size: Size) -> Frame:
    """A wide frame with grain between black bars, with a timecode in it."""
    bar = round(size[1] * (1 - 9 / 16 * 1.5) / 2) + size[1] // 8
    picture = rounded(house_front(rng, size) + rng.normal(0, 0.01, (*size[::-1], 1)))
    picture[:bar], picture[-bar:] = 0, 0
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.text((size[0] * 0.4, size[1] - bar * 0.8), "01:14:07:22", fill=(220, 220, 220), font=font(MONO, 30))
    draw.text((20, bar * 0.3), f"{prose(rng, 2)} v003", fill=(220, 220, 220), font=font(MONO, 22))
    return np.asarray(image)


@content("mixed")
def before_and_after(rng: Random, size: Size) -> Frame:
    """Noisy on the left, clean on the right, a white line in between."""
    clean = _still_life(rng, size)
    frame, middle = rounded(clean), size[0] * 9 // 20
    frame[:, :middle] = rounded(clean + rng.normal(0, 0.02, clean.shape))[:, :middle]
    frame[:, middle - 2 : middle + 2] = 255
    return frame


@content("mixed")
def storyboard(rng: Random, size: Size) -> Frame:
    """Six sketches with what is said below."""
    image, draw = canvas(size)
    wide, high = size[0] // 2, size[1] // 3
    for number in range(6):
        left, top = number % 2 * wide + 24, number // 2 * high + 16
        sides = max(8, wide - 48), max(8, high - 110)
        sketch = np.clip(1.2 - 25 * np.abs(np.gradient(luma(landscape(rng, sides)), axis=0)), 0.1, 1)
        image.paste(Image.fromarray(grey(rounded(sketch))), (left, top))
        draw.rectangle((left, top, left + sides[0], top + sides[1]), outline=BLACK, width=2)
        box = (left, top + sides[1] + 8, left + sides[0], top + high - 12)
        column(rng, draw, box, font(SERIF, 14), (30, 30, 30), 19)
    return np.asarray(image)


@content("mixed")
def magazine(rng: Random, size: Size) -> Frame:
    """A photograph with a title on it, and two columns of text below."""
    image, draw = canvas(size)
    image.paste(Image.fromarray(rounded(landscape(rng, (size[0], max(1, size[1] * 6 // 10))))), (0, 0))
    draw.text(
        (size[0] / 18, size[1] / 12), prose(rng, 2), fill=WHITE, font=font("DroidSerif-BoldItalic", size[0] // 10)
    )
    for number in range(2):
        box = (size[0] * (0.05 + 0.47 * number), size[1] * 0.64, size[0] * (0.48 + 0.47 * number), size[1] * 0.97)
        column(rng, draw, box, font(SERIF, 17), (20, 20, 20), 25)
    return np.asarray(image)


@content("mixed")
def video_call(rng: Random, size: Size) -> Frame:
    """Four blurred rooms with figures in front, names and dark gaps, as a video shows them."""
    image, _ = canvas(size, (24, 26, 30))
    half = max(16, size[0] // 2 - 12), max(16, size[1] // 2 - 12)
    for number in range(4):
        room = Image.fromarray(rounded(house_front(rng, half))).filter(ImageFilter.GaussianBlur(8))
        person = Image.fromarray(rounded(lattice(rng, half, 3, 5)[..., None] * rng.uniform(0.4, 1, 3)))
        room.paste(person, (0, 0), Image.fromarray(rounded(_blob(rng, half).astype(np.float64))))
        ImageDraw.Draw(room).text((12, half[1] - 30), prose(rng, 2), fill=WHITE, font=font(SANS, 16))
        image.paste(room, (8 + number % 2 * (half[0] + 8), 8 + number // 2 * (half[1] + 8)))
    return _in_lossy_file(np.asarray(image), 82, "4:2:0")


@content("mixed")
@cut
def game(rng: Random, size: Size) -> Frame:
    """A render below half transparent bars, a map and text."""
    image = Image.fromarray(rounded(_still_life(rng, size))).convert("RGBA")
    layer = Image.new("RGBA", size)
    draw = ImageDraw.Draw(layer)
    draw.rectangle((24, 24, size[0] * 0.4, 54), fill=(0, 0, 0, 140))
    draw.rectangle((28, 28, size[0] * 0.3, 50), fill=(220, 40, 40, 220))
    draw.ellipse(
        (size[0] * 0.78, 20, size[0] * 0.97, 20 + size[0] * 0.19), fill=(20, 60, 30, 160), outline=(255, 255, 255, 255)
    )
    draw.rectangle((0, size[1] * 0.84, size[0], size[1]), fill=(0, 0, 0, 150))
    column(rng, draw, (40, size[1] * 0.86, size[0] - 40, size[1] * 0.98), font(BOLD, 24), WHITE, 36)
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"))


@content("mixed")
def render_passes(rng: Random, size: Size) -> Frame:
    """Beauty, normals, depth and ids of one render."""
    half = size[0] // 2 + 1, size[1] // 2 + 1
    scene = traced(rng, half)
    ids = rng.integers(0, 256, (int(scene.thing.max()) + 1, 3), np.uint8)[scene.thing]
    top = np.hstack([rounded(shaded(rng, scene)), rounded(scene.normal * (0.5, -0.5, -0.5) + 0.5)])
    bottom = np.hstack([grey(rounded(1.6 / np.maximum(scene.depth, 1.6))), ids])
    return np.vstack([top, bottom])[: size[1], : size[0]]


@content("mixed")
def watermarked(rng: Random, size: Size) -> Frame:
    layer = Image.new("L", size)
    draw = ImageDraw.Draw(layer)
    for y in range(0, size[1], 120):
        for x in range(-(y % 240) // 2, size[0], 300):
            draw.text((x, y), "SAMPLE  ONLY", fill=90, font=font(BOLD, 34))
    image = Image.fromarray(rounded(house_front(rng, size)))
    image.paste(WHITE, (0, 0), layer.rotate(30, Image.Resampling.BICUBIC))
    return np.asarray(image)


@content("mixed")
@cut
def infographic(rng: Random, size: Size) -> Frame:
    """Pie, bars and text on a gradient."""
    _, y = grid(size)
    image = Image.fromarray(rounded((y / size[1])[..., None] * (0.1, 0.15, 0.2) + (0.1, 0.2, 0.35)))
    draw = ImageDraw.Draw(image)
    start = 0.0
    for part in rng.dirichlet(np.ones(6)) * 360:
        draw.pieslice(
            (60, size[1] * 0.2, size[0] * 0.48, size[1] * 0.62), start, start + part, fill=colour(rng, 90, 250)
        )
        start += part
    for number in range(9):
        left, high = size[0] * (0.54 + 0.045 * number), float(rng.uniform(0.05, 0.4)) * size[1]
        draw.rectangle((left, size[1] * 0.62 - high, left + size[0] * 0.035, size[1] * 0.62), fill=(255, 200, 60))
    draw.text((60, size[1] * 0.05), prose(rng, 4), fill=WHITE, font=font(BOLD, size[0] // 22))
    column(rng, draw, (60, size[1] * 0.7, size[0] - 60, size[1] * 0.95), font(SANS, 20), (220, 230, 240), 30)
    return np.asarray(image)
