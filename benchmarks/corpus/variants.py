"""Pictures of one content in any number: the frames of a sequence, and three variants of each content of version 0.1.0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .draw import WORDS, Frame, Plane, Random, Size, rounded, shapes, spectrum


def frames(content: str, size: Size, seed: int) -> Frame:
    """Return one picture of `content`, `size` = (width, height) in pixels, as (height, width, 3) uint8.

    The same arguments give the same pixels. `seed % 3` picks one of three variants of the content; the seed decides
    everything else, too. Raises ValueError for a content that is not in `VARIED`.
    """
    if content not in _MAKERS:
        raise ValueError(f"unknown content {content!r}: expected one of {', '.join(VARIED)}")
    return _MAKERS[content](np.random.default_rng(seed), size, seed % 3)


def scene(rng: Random, size: Size, slope: float) -> Plane:
    """Return a picture without noise: structure common to the channels, a little of its own in each, hard edges."""
    shared = 0.16 * spectrum(rng, size, slope) + 0.35 * (shapes(rng, size, 25) - 0.5)
    colour = [0.04 * spectrum(rng, size, slope + 0.3) for _ in range(3)]
    return np.stack([0.5 + shared + own for own in colour], -1)


def _photo(rng: Random, size: Size, variant: int) -> Frame:
    """Photographs, rendered or taken: detail at every scale, and sensor noise of 0.003 to 0.008 of full scale."""
    sigma = (0.004, 0.003, 0.008)[variant]
    picture = scene(rng, size, (1.6, 1.9, 1.4)[variant])
    return rounded(picture + rng.normal(0, sigma, picture.shape))


def _smooth(rng: Random, size: Size, variant: int) -> Frame:
    """Denoised renders and upscaled pictures: the same scenes without noise and with less fine detail."""
    return rounded(scene(rng, size, (2.0, 2.4, 1.8)[variant]))


def _text(rng: Random, size: Size, variant: int) -> Frame:
    """Black text on white, coloured code on a dark background, and a line drawing."""
    paper, inks = (
        ("white", ["black"]),
        ("#1e1e2e", ["#cdd6f4", "#89b4fa", "#a6e3a1", "#f38ba8"]),
        ("#fafaf5", ["#202020", "#b03030"]),
    )[variant]
    canvas = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(canvas)
    if variant == 2:
        for _ in range(120):
            ends = [tuple(rng.uniform((0, 0), size)) for _ in range(int(rng.integers(2, 5)))]
            draw.line(ends, fill=inks[int(rng.integers(len(inks)))], width=int(rng.integers(1, 4)))
    font = ImageFont.load_default(16)
    for y in range(20, size[1] - 20, 24 if variant < 2 else 180):
        x = 20 + 30 * int(rng.integers(4))
        while x < size[0] - rng.uniform(100, 400):
            word = WORDS[int(rng.integers(len(WORDS)))]
            draw.text((x, y), word, fill=inks[int(rng.integers(len(inks)))], font=font)
            x += int(draw.textlength(word + " ", font=font))
    return np.asarray(canvas)


def _mask(rng: Random, size: Size, variant: int) -> Frame:
    """A hard black and white mask, an anti-aliased one, and a segmentation map in flat colours."""
    flat = shapes(rng, size, (6, 12, 40)[variant], oversample=2 if variant == 1 else 1)
    if variant == 2:
        palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
        return palette[(flat * 255).astype(np.uint8)]
    plane = (flat > 0.55).astype(np.uint8) * np.uint8(255) if variant == 0 else rounded((flat - 0.5) * 4)
    return np.repeat(plane[..., None], 3, -1)


def _depth(rng: Random, size: Size, variant: int) -> Frame:
    """A coloured ramp, a depth map with steps at the outlines of objects, and a radial falloff."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    if variant == 0:
        ramps = [rng.uniform(-0.5, 0.5, 3) for _ in range(3)]
        return rounded(np.stack([0.5 + a * x + b * y + 0.3 * c for a, b, c in ramps], -1))
    if variant == 1:
        plane = 0.2 + 0.5 * y + 0.4 * (shapes(rng, size, 12) - 0.5) + 0.05 * spectrum(rng, size, 3)
    else:
        centre = rng.uniform(0.3, 0.7, 2)
        plane = 1 - 1.2 * np.hypot(x - centre[0], y - centre[1])
    return np.repeat(rounded(plane)[..., None], 3, -1)


def _noise(rng: Random, size: Size, variant: int) -> Frame:
    """Unpredictable bytes: uniform colour, uniform grey in three equal channels, normal with standard deviation 60."""
    shape = (size[1], size[0], 3)
    if variant == 0:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if variant == 1:
        return np.repeat(rng.integers(0, 256, (*shape[:2], 1), dtype=np.uint8), 3, -1)
    return rounded(rng.normal(0.5, 60 / 255, shape))


def _mixed(rng: Random, size: Size, variant: int) -> Frame:
    """A letterboxed photograph, a photograph above a page of text, and a photograph beside a flat panel."""
    frame = _photo(rng, size, 0)
    width, height = size
    if variant == 0:
        frame[: height // 6] = frame[-(height // 6) :] = 0
    elif variant == 1:
        frame[height // 2 :] = _text(rng, size, 0)[height // 2 :]
    else:
        frame[:, width // 2 :] = (40, 44, 52)
    return frame


_MAKERS: dict[str, Callable[[Random, Size, int], Frame]] = {
    "photo": _photo,
    "smooth": _smooth,
    "text": _text,
    "mask": _mask,
    "depth": _depth,
    "noise": _noise,
    "mixed": _mixed,
}
VARIED = tuple(_MAKERS)
