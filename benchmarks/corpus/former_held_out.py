"""The contents that judged the encoder's first round, and that it is tuned on since.

Each function draws one content and is named after it; its kind is that of the tables.
"""

from __future__ import annotations

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
    leaves,
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
from .tuning import TUNING

content = TUNING.content


def _woods(rng: Random, size: Size) -> Plane:
    """A picture of many overlapping things, with texture, in uneven light."""
    texture = 1 + 0.07 * spectrum(rng, size, 1.2)
    light = 0.8 + 0.12 * spectrum(rng, size, 2.5)
    return leaves(rng, size) * (texture * light)[..., None]


def _spheres(rng: Random, size: Size, count: int) -> tuple[Plane, Plane]:
    """Return (depth from 0, far, to 1, near; the number of the sphere that is seen, -1 for none)."""
    x, y = grid(size)
    depth, which = np.zeros_like(x), np.full_like(x, -1)
    for number in range(count):
        left, top = rng.uniform((0, 0), size)
        radius = rng.uniform(0.05, 0.2) * min(size)
        inside = 1 - ((x - left) ** 2 + (y - top) ** 2) / radius**2
        near = rng.uniform(0.2, 0.7) + 0.3 * np.sqrt(np.clip(inside, 0, 1))
        seen = (inside > 0) & (near > depth)
        depth[seen], which[seen] = near[seen], number
    return depth, which


# Photographs


@content("photo")
def shot_noise(rng: Random, size: Size) -> Frame:
    scene = np.clip(_woods(rng, size), 0, 1)
    return rounded(scene + rng.normal(0, 1, scene.shape) * (0.002 + 0.006 * np.sqrt(scene)))


@content("photo")
def night(rng: Random, size: Size) -> Frame:
    scene = np.clip(_woods(rng, size), 0, 1) ** 2.2 * 0.35
    return rounded(scene + rng.normal(0, 0.016, scene.shape))


@content("photo")
def film_grain(rng: Random, size: Size) -> Frame:
    grain = blurred(rng.normal(0, 0.09, size[::-1]), 0.8)
    return rounded(_woods(rng, size) * 0.85 + 0.05 + grain[..., None])


@content("photo")
def finest_noise(rng: Random, size: Size) -> Frame:
    scene = blurred(_woods(rng, size), 1.5)
    return rounded(scene + rng.normal(0, 0.0025, scene.shape))


# Photographs and renders without noise


@content("clean")
def leaves_sharp(rng: Random, size: Size) -> Frame:
    return rounded(_woods(rng, size))


@content("clean")
def out_of_focus(rng: Random, size: Size) -> Frame:
    sharp = _woods(rng, size)
    soft = blurred(sharp, 9)
    focus = shapes(rng, size, 12)[..., None] > 0.6
    return rounded(np.where(focus, sharp, soft))


@content("clean")
def jpeg_85(rng: Random, size: Size) -> Frame:
    return jpeg(rounded(_woods(rng, size)), 85)


@content("clean")
def webcam(rng: Random, size: Size) -> Frame:
    half = (max(1, size[0] // 2), max(1, size[1] // 2))
    small = jpeg(rounded(_woods(rng, half) + rng.normal(0, 0.01, (half[1], half[0], 3))), 45)
    return resized(small, size, Image.Resampling.BILINEAR)


@content("clean")
def rendered(rng: Random, size: Size) -> Frame:
    """Shaded, textured spheres above a gradient."""
    depth, which = _spheres(rng, size, 30)
    palette = rng.uniform(0.2, 0.9, (31, 3))
    down, right = np.gradient(blurred(depth, 1) * 60)
    light = np.clip(0.7 - 0.2 * right - 0.3 * down, 0.1, 1.2)
    sky = 0.3 + 0.5 * grid(size)[1] / size[1]
    texture = 1 + 0.1 * spectrum(rng, size, 1.8)
    return rounded(
        np.where((which >= 0)[..., None], palette[which.astype(int)], sky[..., None]) * (light * texture)[..., None]
    )


@content("clean")
def median_filtered(rng: Random, size: Size) -> Frame:
    noisy = rounded(_woods(rng, size) + rng.normal(0, 0.02, (size[1], size[0], 3)))
    return np.asarray(Image.fromarray(noisy).filter(ImageFilter.MedianFilter(5)))


@content("clean")
def upscaled_3(rng: Random, size: Size) -> Frame:
    third = (max(1, size[0] // 3), max(1, size[1] // 3))
    return resized(rounded(_woods(rng, third)), size, Image.Resampling.LANCZOS)


@content("clean")
def black_and_white(rng: Random, size: Size) -> Frame:
    return grey(rounded(luma(_woods(rng, size))))


# Gradients


@content("gradient")
def steep_down_rgb(rng: Random, size: Size) -> Frame:
    y = grid(size)[1]
    return np.stack([(y * slope + 17).astype(np.int64) % 256 for slope in (1.3, 2.9, 0.71)], -1).astype(np.uint8)


@content("gradient")
def steep_diagonal_rgb(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    slopes = ((1.7, 0.4), (0.55, 2.3), (-0.9, 0.62))
    return np.stack([np.floor(x * a + y * b).astype(np.int64) % 256 for a, b in slopes], -1).astype(np.uint8)


@content("gradient")
def hue_circle(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    turn = np.arctan2(y - 0.45 * size[1], x - 0.55 * size[0])
    return rounded(np.stack([0.5 + 0.5 * np.cos(turn + shift) for shift in (0, 2.1, 4.2)], -1))


@content("gradient")
def four_corners(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    right, down = (x / size[0])[..., None], (y / size[1])[..., None]
    corners = rng.uniform(0, 1, (4, 3))
    top, bottom = corners[0] * (1 - right) + corners[1] * right, corners[2] * (1 - right) + corners[3] * right
    return rounded(top * (1 - down) + bottom * down)


@content("gradient")
def colour_stops(rng: Random, size: Size) -> Frame:
    """Five colours from left to right."""
    stops = rng.uniform(0, 1, (5, 3))
    row = np.stack([np.interp(np.linspace(0, 4, size[0]), range(5), stops[:, channel]) for channel in range(3)], -1)
    return rounded(np.repeat(row[None], size[1], 0))


@content("gradient")
def gradient_with_noise(rng: Random, size: Size) -> Frame:
    """Triangular noise of one level against banding, as compositors add it."""
    x, y = grid(size)
    ramps = np.stack([0.2 + 0.3 * x / size[0], 0.7 - 0.4 * y / size[1], 0.4 + 0.1 * (x + y) / sum(size)], -1)
    noise = rng.uniform(-0.5, 0.5, ramps.shape) + rng.uniform(-0.5, 0.5, ramps.shape)
    return rounded(ramps + noise / 255)


@content("gradient")
def sawtooth(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    wave = np.abs((x * 3 + y) % 194 - 97) / 97
    return grey(rounded(wave))


@content("gradient")
def vignette(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    centre = np.hypot((x - size[0] / 2) / size[0], (y - size[1] / 2) / size[1])
    return rounded(np.stack([1 - centre * strength for strength in (1.1, 0.9, 0.5)], -1))


@content("gradient")
def slow_down(rng: Random, size: Size) -> Frame:
    return grey(rounded(0.1 + 0.15 * grid(size)[1] / size[1]))


# Depth maps, normals, motion vectors


@content("depth")
def depth_spheres(rng: Random, size: Size) -> Frame:
    depth, _ = _spheres(rng, size, 25)
    return grey(rounded(np.maximum(depth, 0.05 + 0.3 * grid(size)[1] / size[1])))


@content("depth")
def depth_room(rng: Random, size: Size) -> Frame:
    """A floor, a wall and boxes in perspective: 1 / z."""
    x, y = grid(size)
    horizon = 0.4 * size[1]
    near = np.clip((y - horizon) / (size[1] - horizon), 0.08, 1)
    for _ in range(8):
        left, top, closeness = rng.uniform(0, size[0]), rng.uniform(horizon, size[1] * 0.8), rng.uniform(0.2, 0.9)
        box = (x > left) & (x < left + 0.15 * size[0]) & (y > top - 0.2 * size[1]) & (y < top)
        near = np.where(box, closeness + 0.05 * (x - left) / size[0], near)
    return grey(rounded(near))


@content("depth")
def depth_terrain(rng: Random, size: Size) -> Frame:
    return grey(rounded(0.5 + 0.17 * spectrum(rng, size, 2.1)))


@content("depth")
def depth_estimated(rng: Random, size: Size) -> Frame:
    """As a network estimates it: soft edges, small undulation."""
    depth, _ = _spheres(rng, size, 12)
    return grey(rounded(0.1 + 0.8 * blurred(depth, 4) + 0.008 * spectrum(rng, size, 2.0)))


@content("depth")
def normals_terrain(rng: Random, size: Size) -> Frame:
    return normals(blurred(spectrum(rng, size, 1.9) * 45, 2))


@content("depth")
def normals_facets(rng: Random, size: Size) -> Frame:
    """Flat facets and a few curved parts."""
    depth, which = _spheres(rng, size, 20)
    facets = np.floor(shapes(rng, size, 20, oversample=1) * 11) * 0.31
    x, y = grid(size)
    return normals(np.where(which >= 0, depth * 250, x * np.sin(facets) + y * np.cos(facets)))


@content("depth")
def motion_zoom(rng: Random, size: Size) -> Frame:
    """Motion of a zooming camera and of things that move on their own; blue is constant."""
    x, y = grid(size)
    _, which = _spheres(rng, size, 10)
    own = rng.uniform(-0.2, 0.2, (11, 2))[which.astype(int)] * (which >= 0)[..., None]
    across, down = (x - size[0] / 2) / size[0] * 0.6, (y - size[1] / 2) / size[1] * 0.6
    return rounded(np.stack([0.5 + across + own[..., 0], 0.5 + down + own[..., 1], np.full_like(x, 0.5)], -1))


@content("depth")
def texture_coordinates(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    bend = 0.03 * spectrum(rng, size, 2.8)
    return rounded(np.stack([x / size[0] + bend, y / size[1] - bend, np.zeros_like(x)], -1))


# Masks and flat colours


@content("mask")
def mask_letters(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (0, 0, 0))
    lines_of_text(rng, draw, size, 90, [(255, 255, 255)], 1.3)
    return np.where(np.asarray(image) > 127, np.uint8(255), np.uint8(0))


@content("mask")
def mask_hair(rng: Random, size: Size) -> Frame:
    """Thin anti-aliased strokes beside a solid part."""
    big = (size[0] * 2, size[1] * 2)
    image, draw = canvas(big, (0, 0, 0))
    draw.ellipse((big[0] * 0.3, big[1] * 0.35, big[0] * 0.7, big[1] * 1.1), fill=(255, 255, 255))
    for turn in rng.uniform(0, 2 * np.pi, 500):
        ends = [
            (big[0] * (0.5 + r * np.cos(turn)), big[1] * (0.6 + r * np.sin(turn + 0.4 * r)))
            for r in (0.1, 0.28, 0.33, 0.38)
        ]
        draw.line(ends, fill=(255, 255, 255), width=2)
    return np.asarray(image.resize(size, Image.Resampling.BOX))


@content("mask")
def mask_feathered(rng: Random, size: Size) -> Frame:
    return grey(rounded(blurred((shapes(rng, size, 8) > 0.55).astype(np.float64), 20)))


@content("mask")
def mask_stripes(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    return grey(((x * 2 + y) % 61 < 23).astype(np.uint8) * np.uint8(255))


@content("mask")
def cells(rng: Random, size: Size) -> Frame:
    """Segmentation: the nearest of 150 points, in flat colours."""
    x, y = grid(size)
    points = rng.uniform((0, 0), size, (150, 2))
    nearest, which = np.full_like(x, np.inf), np.zeros(x.shape, int)
    for number, (left, top) in enumerate(points):
        distance = (x - left) ** 2 + (y - top) ** 2
        closer = distance < nearest
        nearest[closer], which[closer] = distance[closer], number
    return rng.integers(0, 256, (150, 3), np.uint8)[which]


@content("mask")
def id_matte(rng: Random, size: Size) -> Frame:
    """One colour for each of many things, edges anti-aliased."""
    return rounded(leaves(rng, size, 400))


@content("mask")
def one_colour_framed(rng: Random, size: Size) -> Frame:
    frame = np.full((size[1], size[0], 3), (200, 90, 31), np.uint8)
    frame[[0, -1]] = frame[:, [0, -1]] = 255
    return frame


@content("mask")
def mask_16_levels(rng: Random, size: Size) -> Frame:
    return grey(rounded(np.floor((0.5 + 0.2 * spectrum(rng, size, 2.3)).clip(0, 1) * 15) / 15))


# Text, interfaces, line art


@content("graphic")
def text_9(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size)
    lines_of_text(rng, draw, size, 9, [(0, 0, 0)], 1.4)
    return np.asarray(image)


@content("graphic")
def text_of_many_sizes(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (252, 248, 238))
    y = 10.0
    while y < size[1]:
        points = int(rng.integers(10, 42))
        text_at(draw, (20, y), sentence(rng, int(size[0] * 1.4 / points / 6) + 1), points, (40, 30, 30))
        y += points * 1.4
    return np.asarray(image)


@content("graphic")
def text_60(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (20, 24, 30))
    lines_of_text(rng, draw, size, 60, [(230, 230, 230), (255, 190, 60)])
    return np.asarray(image)


@content("graphic")
def source_code(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (255, 255, 255))
    lines_of_text(rng, draw, size, 13, [(0, 0, 200), (30, 30, 30), (0, 120, 20), (160, 20, 20), (110, 60, 150)])
    return np.asarray(image)


@content("graphic")
def node_graph(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (34, 34, 34))
    for column in range(0, size[0], 20):
        draw.line((column, 0, column, size[1]), fill=(40, 40, 40))
    for row in range(0, size[1], 20):
        draw.line((0, row, size[0], row), fill=(40, 40, 40))
    for _ in range(24):
        x, y = (float(place) for place in rng.uniform((-40, 0), size))
        wide, high = (float(side) for side in rng.uniform((120, 60), (240, 190)))
        ends = [(x + wide + t * 200, y + 30 + 120 * t * t * (3 - 2 * t)) for t in np.linspace(0, 1, 20)]
        draw.line(ends, fill=colour(rng, 120), width=3)
        draw.rounded_rectangle((x, y, x + wide, y + high), 10, fill=(53, 53, 53), outline=(20, 20, 20))
        draw.rounded_rectangle((x, y, x + wide, y + 26), 10, fill=colour(rng, 40, 90))
        for row in range(int(high / 22) - 1):
            text_at(draw, (x + 14, y + 28 + row * 22), sentence(rng, 2), 12, (190, 190, 190))
    return np.asarray(image)


@content("graphic")
def dialogue(rng: Random, size: Size) -> Frame:
    """A window with a soft shadow, on a gradient."""
    x, y = grid(size)
    back = np.stack([0.15 + 0.2 * y / size[1], 0.3 + 0.1 * x / size[0], 0.5 + 0.1 * y / size[1]], -1)
    image, draw = canvas(size, (0, 0, 0))
    box = (0.2 * size[0], 0.2 * size[1], 0.8 * size[0], 0.8 * size[1])
    draw.rounded_rectangle(box, 12, fill=(255, 255, 255))
    window = np.asarray(image, np.float64)[..., :1] / 255
    picture = Image.fromarray(rounded(back * (1 - 0.5 * blurred(window, 12))))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle(box, 12, fill=(246, 246, 246))
    for row in range(int(size[1] * 0.5 / 30)):
        text_at(pen, (box[0] + 24, box[1] + 20 + 30 * row), sentence(rng, 6), 15, (30, 30, 30))
    return np.asarray(picture)


@content("graphic")
def ink(rng: Random, size: Size) -> Frame:
    """Anti-aliased curves of different widths."""
    big = (size[0] * 2, size[1] * 2)
    image, draw = canvas(big)
    for _ in range(90):
        place, turn, pace = rng.uniform((0, 0), big), rng.uniform(0, 7), rng.normal(0, 0.05)
        ends = []
        for _step in range(40):
            ends.append(tuple(place))
            turn += pace
            place = place + 18 * np.array([np.cos(turn), np.sin(turn)])
        draw.line(ends, fill=(15, 15, 20), width=int(rng.integers(1, 9)))
    return np.asarray(image.resize(size, Image.Resampling.BOX))


@content("graphic")
def blueprint(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size, (18, 60, 120))
    for _ in range(70):
        x, y = rng.uniform((0, 0), size)
        draw.rectangle((x, y, x + rng.uniform(20, 300), y + rng.uniform(20, 200)), outline=(235, 240, 250))
        text_at(draw, (x + 3, y + 3), str(int(rng.integers(9999))), 10, (235, 240, 250))
    return np.asarray(image)


@content("graphic")
def chart(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size)
    for line in range(8):
        heights = size[1] * (0.1 + 0.1 * line) + np.cumsum(rng.normal(0, 2.5, size[0]))
        draw.line([(x, float(y)) for x, y in enumerate(heights)], fill=colour(rng), width=2)
    for step in range(10):
        draw.line((0, step * size[1] / 10, size[0], step * size[1] / 10), fill=(220, 220, 220))
        text_at(draw, (4, step * size[1] / 10 + 2), f"{step / 10:.1f}", 12, (90, 90, 90))
    return np.asarray(image)


# Drawings, few colours


@content("drawing")
def cartoon(rng: Random, size: Size) -> Frame:
    big = (size[0] * 2, size[1] * 2)
    image, draw = canvas(big, (120, 180, 240))
    for _ in range(60):
        x, y, radius = *rng.uniform((0, 0), big), rng.uniform(40, 240)
        draw.ellipse((x, y, x + radius * 2, y + radius), fill=colour(rng), outline=(10, 10, 10), width=6)
    return np.asarray(image.resize(size, Image.Resampling.BOX))


@content("drawing")
def cartoon_shaded(rng: Random, size: Size) -> Frame:
    flat = cartoon(rng, size) / 255
    x, y = grid(size)
    return rounded(flat * (0.85 + 0.15 * np.sin(x / 190 + y / 260))[..., None])


@content("drawing")
def pixel_art(rng: Random, size: Size) -> Frame:
    small = Image.fromarray(rounded(_woods(rng, (size[0] // 6 + 1, size[1] // 6 + 1)))).quantize(16).convert("RGB")
    return enlarged(np.asarray(small), 6)[: size[1], : size[0]]


@content("drawing")
def halftone_cmyk(rng: Random, size: Size) -> Frame:
    """Round dots on screens at three angles."""
    x, y = grid(size)
    scene = blurred(_woods(rng, size), 3)
    planes = []
    for channel, angle in enumerate((0.26, 1.31, 0.0)):
        across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        planes.append(scene[..., channel] > 0.5 + 0.5 * np.sin(across * 0.9) * np.sin(along * 0.9))
    return np.stack(planes, -1).astype(np.uint8) * np.uint8(255)


@content("drawing")
def ordered_dither(rng: Random, size: Size) -> Frame:
    scene = blurred(_woods(rng, size), 1)
    return rounded(np.floor(scene.clip(0, 1) * 3 + bayer(size)[..., None]) / 3)


@content("drawing")
def one_bit_dither(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(luma(_woods(rng, size)))).convert("1")
    return grey(np.asarray(image).astype(np.uint8) * np.uint8(255))


@content("drawing")
def posterised(rng: Random, size: Size) -> Frame:
    return rounded(np.floor(blurred(_woods(rng, size), 2) * 6) / 6)


@content("drawing")
def palette_64(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(_woods(rng, size)))
    return np.asarray(image.quantize(64, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


# Noise


@content("noise")
def noise_rgb(rng: Random, size: Size) -> Frame:
    return rng.integers(0, 256, (size[1], size[0], 3), np.uint8)


@content("noise")
def noise_gaussian_grey(rng: Random, size: Size) -> Frame:
    return grey(rounded(rng.normal(0.5, 0.15, size[::-1])))


@content("noise")
def salt_and_pepper(rng: Random, size: Size) -> Frame:
    frame = np.full((size[1], size[0], 3), 128, np.uint8)
    hits = rng.random(size[::-1])
    frame[hits < 0.03], frame[hits > 0.97] = 0, 255
    return frame


@content("noise")
def noise_4x4(rng: Random, size: Size) -> Frame:
    small = rng.integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, 3), np.uint8)
    return enlarged(small, 4)[: size[1], : size[0]]


@content("noise")
def latent_preview(rng: Random, size: Size) -> Frame:
    """A latent picture of an eighth of the size, enlarged without smoothing."""
    small = rounded(
        0.5 + 0.2 * np.stack([spectrum(rng, (size[0] // 8 + 1, size[1] // 8 + 1), 1.0) for _ in range(3)], -1)
    )
    return enlarged(small, 8)[: size[1], : size[0]]


@content("noise")
def noise_4_levels(rng: Random, size: Size) -> Frame:
    return rng.integers(0, 4, (size[1], size[0], 3), np.uint8) * np.uint8(85)


# Other pixel formats


@content("format")
def rgba_sprite(rng: Random, size: Size) -> Frame:
    """Transparent black outside an anti-aliased outline."""
    alpha = rounded((shapes(rng, size, 9) - 0.5) * 6)
    inside = rounded(_woods(rng, size)) * (alpha > 0)[..., None]
    return np.dstack([inside, alpha]).astype(np.uint8)


@content("format")
def rgba_glow(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    glow = np.exp(-(((x - size[0] / 2) / size[0]) ** 2 + ((y - size[1] / 2) / size[1]) ** 2) * 18)
    noisy = _woods(rng, size) + rng.normal(0, 0.004, (size[1], size[0], 3))
    return np.dstack([rounded(noisy), rounded(glow)])


@content("format")
def grey_scan(rng: Random, size: Size) -> Frame:
    return rounded(luma(_woods(rng, size)) + rng.normal(0, 0.006, size[::-1]))


@content("format")
def grey_clean(rng: Random, size: Size) -> Frame:
    return rounded(luma(_woods(rng, size)))


@content("format")
def grey_mask_soft(rng: Random, size: Size) -> Frame:
    return rounded(blurred((shapes(rng, size, 14) > 0.55).astype(np.float64), 1.2))


@content("format")
def grey_and_alpha(rng: Random, size: Size) -> Frame:
    return np.dstack([rounded(luma(_woods(rng, size))), rounded((shapes(rng, size, 9) - 0.5) * 6)])


@content("format")
def depth_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    depth, _ = _spheres(rng, size, 25)
    return sixteen_bits(np.maximum(depth, 0.05 + 0.3 * grid(size)[1] / size[1]))


@content("format")
def grey_16(rng: Random, size: Size) -> npt.NDArray[np.uint16]:
    return sixteen_bits(luma(_woods(rng, size)) + rng.normal(0, 0.003, size[::-1]))


# Several contents in one picture


@content("mixed")
def letterbox(rng: Random, size: Size) -> Frame:
    frame = rounded(_woods(rng, size) + rng.normal(0, 0.005, (size[1], size[0], 3)))
    frame[: size[1] // 5] = frame[-(size[1] // 5) :] = 0
    return frame


@content("mixed")
def pillarbox(rng: Random, size: Size) -> Frame:
    frame = rounded(_woods(rng, size))
    frame[:, : size[0] // 6] = frame[:, -(size[0] // 6) :] = 0
    return frame


@content("mixed")
def contact_sheet(rng: Random, size: Size) -> Frame:
    sheet, draw = canvas(size, (40, 40, 40))
    step, side = max(8, size[0] // 4), max(6, size[0] // 5)
    for top in range(0, size[1], step):
        for left in range(0, size[0], step):
            sheet.paste(Image.fromarray(rounded(_woods(rng, (side, side)))), (left + 8, top + 8))
            text_at(
                draw,
                (left + 10, top + side + 10),
                f"{sentence(rng, 2)} {int(rng.integers(999)):04}",
                12,
                (220, 220, 220),
            )
    return np.asarray(sheet)


@content("mixed")
def photo_beside_depth(rng: Random, size: Size) -> Frame:
    frame = rounded(_woods(rng, size) + rng.normal(0, 0.004, (size[1], size[0], 3)))
    depth, _ = _spheres(rng, size, 20)
    frame[:, size[0] // 2 :] = grey(rounded(0.1 + 0.8 * depth))[:, size[0] // 2 :]
    return frame


@content("mixed")
def subtitle(rng: Random, size: Size) -> Frame:
    image = Image.fromarray(rounded(_woods(rng, size)))
    text_at(ImageDraw.Draw(image), (size[0] * 0.2, size[1] * 0.85), sentence(rng, 6), 34, (255, 255, 255))
    return np.asarray(image)


@content("mixed")
def photo_in_page(rng: Random, size: Size) -> Frame:
    image, draw = canvas(size)
    lines_of_text(rng, draw, size, 14, [(20, 20, 20)])
    image.paste(Image.fromarray(rounded(_woods(rng, (size[0] // 2, size[1] // 3)))), (size[0] // 4, size[1] // 3))
    return np.asarray(image)


@content("mixed")
def mask_above_gradient(rng: Random, size: Size) -> Frame:
    x, y = grid(size)
    frame = rounded(np.stack([x / size[0], y / size[1], 0.3 + 0.2 * (x + y) / sum(size)], -1))
    frame[: size[1] // 2] = grey((shapes(rng, size, 10, oversample=1) > 0.55).astype(np.uint8) * np.uint8(255))[
        : size[1] // 2
    ]
    return frame
