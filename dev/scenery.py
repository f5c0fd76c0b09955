"""Pictures to make the demo's animations from: a landscape by day and by night, a balloon, and a filmed-looking pan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 320, 180
INPUT_FRAMES = 24

_Array = npt.NDArray[Any]

_SEED = 20260
# Colours as (day, night), 0..1: sky at the top and at the horizon, then hills from far to near.
_SKY_TOP = ((0.20, 0.45, 0.80), (0.02, 0.03, 0.12))
_SKY_LOW = ((0.98, 0.84, 0.66), (0.22, 0.16, 0.34))
_HILLS = (
    ((0.55, 0.60, 0.70), (0.13, 0.12, 0.26)),
    ((0.33, 0.47, 0.46), (0.08, 0.09, 0.19)),
    ((0.17, 0.33, 0.22), (0.04, 0.06, 0.12)),
    ((0.07, 0.18, 0.09), (0.02, 0.03, 0.06)),
)


def draw_inputs(folder: Path) -> list[Path]:
    """Write the pictures into `folder`: day, night, balloon, and frames numbered from 1, which are returned in order."""
    folder.mkdir(parents=True, exist_ok=True)
    _picture(landscape(night=0.0)).save(folder / "day.png")
    _picture(landscape(night=1.0)).save(folder / "night.png")
    _picture(balloon()).save(folder / "balloon.png")
    frames = []
    for number in range(1, INPUT_FRAMES + 1):
        part = (number - 1) / (INPUT_FRAMES - 1)
        path = folder / f"frame_{number:04d}.png"
        _slate(_picture(landscape(night=0.75 * part, pan=120 * part, grain=0.025, take=number)), number).save(path)
        frames.append(path)
    return frames


def landscape(*, night: float, pan: float = 0.0, grain: float = 0.01, take: int = 0) -> _Array:
    """RGB, 0..1: hills under a sky, from day (night = 0) to night (1), the camera moved by `pan` pixels."""
    rng = np.random.default_rng(_SEED + take)
    y = np.linspace(0, 1, HEIGHT)[:, None, None]
    scene = _mix(_SKY_TOP, night) * (1 - y**0.8) + _mix(_SKY_LOW, night) * y**0.8
    scene = np.repeat(scene, WIDTH, axis=1)
    scene += _stars(pan)[..., None] * night**2
    scene += _glow(centre=(60 - pan * 0.15, 58 + 30 * night))[..., None] * np.array([0.5, 0.38, 0.2]) * (1 - night)
    scene += _disc(centre=(236 - pan * 0.15, 34), radius=9)[..., None] * np.array([0.80, 0.82, 0.78]) * night**3
    rows, columns = np.arange(HEIGHT)[:, None], np.arange(WIDTH)
    for depth, colours in enumerate(_HILLS):
        x = columns + pan * (0.3 + 0.5 * depth)
        crest = 82 + 23 * depth + _ridge(x / (95 - 12 * depth) + 7.3 * depth) * (17 - 2 * depth)
        below = np.clip(rows - crest + 0.5, 0, 1)[..., None]  # a soft edge of one pixel
        # Haze in the valleys: the further down a hill, the nearer to the sky's colour.
        haze = np.clip((rows - crest) / 90, 0, 0.45)[..., None] * (1 - 0.25 * depth)
        hill = _mix(colours, night) * (1 - haze) + _mix(_SKY_LOW, night) * 0.85 * haze
        hill = hill * (1 + 0.10 * _rough(x, rows, depth)[..., None])
        scene = scene * (1 - below) + hill * below
    picture: _Array = np.clip(scene + rng.normal(0, grain, scene.shape), 0, 1)
    return picture


def balloon() -> _Array:
    """RGBA, 0..1: a striped hot-air balloon, 48 x 64, with soft edges."""
    height, width = 64, 48
    y, x = np.mgrid[0:height, 0:width] + 0.5
    u, v = (x - 24) / 20, (y - 24) / np.where(y < 24, 21, 27)
    # Round above, drawn in to a point below.
    envelope = np.clip((1 - np.hypot(u, v)) * 20 + 0.5, 0, 1) * (y < 48)
    across = np.clip(u / np.sqrt(np.clip(1 - np.minimum(v**2, 0.98), 0.02, 1)), -1, 1)
    stripe = (np.floor((np.arcsin(across) / np.pi + 0.5) * 7) % 2)[..., None]
    colour = stripe * np.array([0.98, 0.80, 0.25]) + (1 - stripe) * np.array([0.84, 0.16, 0.16])
    light = np.clip(1.12 - 0.55 * np.hypot(u + 0.45, v + 0.4), 0.35, 1.15)[..., None]
    basket = ((np.abs(x - 24) < 5) & (y >= 54) & (y < 62)).astype(float)
    ropes = (np.abs(np.abs(x - 24) - 4.5) < 0.6) * (y >= 46) * (y < 54) * 0.8
    wicker = np.array([0.42, 0.26, 0.12]) * (1 + 0.25 * ((x + y) % 3 < 1))[..., None]
    alpha = np.maximum.reduce([envelope, basket, ropes])[..., None]
    rgb = np.where(envelope[..., None] > 0, colour * light, wicker)
    picture: _Array = np.clip(np.concatenate([rgb, alpha], axis=-1), 0, 1)
    return picture


def _mix(colours: tuple[tuple[float, ...], tuple[float, ...]], night: float) -> _Array:
    day, dark = (np.array(colour) for colour in colours)
    mixed: _Array = day * (1 - night) + dark * night
    return mixed


def _ridge(x: _Array) -> _Array:
    """A hilly line, about -1..1."""
    waves = zip((1.0, 2.3, 5.1, 11.7, 23.0), (0.55, 0.28, 0.12, 0.05, 0.025), strict=True)
    line: _Array = sum((np.sin(x * speed + speed) * height for speed, height in waves), np.zeros_like(x))
    return line


def _rough(x: _Array, rows: _Array, depth: int) -> _Array:
    """Trees and grass from far away: -1..1, finer for further hills, moving with the hill."""
    scale = 1.9 - 0.35 * depth
    texture: _Array = np.sin(x * scale + 3 * np.sin(rows * 0.7)) * np.sin(rows * scale * 1.3 + 2 * np.sin(x * 0.31))
    return texture


def _stars(pan: float) -> _Array:
    rng = np.random.default_rng(_SEED)
    sky = np.zeros((HEIGHT, WIDTH))
    x = (rng.integers(0, WIDTH, 90) - int(pan * 0.1)) % WIDTH
    sky[rng.integers(0, 90, 90), x] = rng.uniform(0.15, 0.8, 90)
    return sky


def _glow(centre: tuple[float, float]) -> _Array:
    """Sunlight around a point: a small bright disc in a wide haze."""
    light: _Array = _disc(centre, 12) * 1.2 + np.exp(-_distance(centre) / 45)
    return light


def _disc(centre: tuple[float, float], radius: float) -> _Array:
    disc: _Array = np.clip(radius - _distance(centre), 0, 1)
    return disc


def _distance(centre: tuple[float, float]) -> _Array:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance: _Array = np.hypot(columns - centre[0], rows - centre[1])
    return distance


def _picture(scene: _Array) -> Image.Image:
    return Image.fromarray(np.rint(scene * 255).astype(np.uint8))


def _slate(picture: Image.Image, number: int) -> Image.Image:
    """The frame number burnt in, so that a wrong order shows."""
    draw = ImageDraw.Draw(picture, "RGBA")
    draw.rounded_rectangle((WIDTH - 62, HEIGHT - 34, WIDTH - 8, HEIGHT - 8), radius=5, fill=(0, 0, 0, 120))
    font = ImageFont.load_default(20)
    draw.text((WIDTH - 35, HEIGHT - 21), f"{number:04d}", font=font, fill=(255, 255, 255, 235), anchor="mm")
    return picture
