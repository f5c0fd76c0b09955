"""Scenes for the half of the corpus that judges: a landscape, a house front, a ray-traced still life; and what packages ship.

The other half has spectra with polygons, and dead leaves. Here light falls on things in space, textures are value noise,
text is English prose in the fonts that OpenImageIO ships, and one photograph and one map of heights are real.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .draw import Colour, Frame, Plane, Random, Size, grid, rounded

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# From "Alice's Adventures in Wonderland" by Lewis Carroll, 1865.
PROSE = """Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once
or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it, "and what is
the use of a book," thought Alice "without pictures or conversations?" So she was considering in her own mind (as well as
she could, for the hot day made her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be
worth the trouble of getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close by her.
There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to hear the Rabbit say to
itself, "Oh dear! Oh dear! I shall be late!" (when she thought it over afterwards, it occurred to her that she ought to
have wondered at this, but at the time it all seemed quite natural); but when the Rabbit actually took a watch out of its
waistcoat-pocket, and looked at it, and then hurried on, Alice started to her feet, for it flashed across her mind that
she had never before seen a rabbit with either a waistcoat-pocket, or a watch to take out of it, and burning with
curiosity, she ran across the field after it, and fortunately was just in time to see it pop down a large rabbit-hole
under the hedge. In another moment down went Alice after it, never once considering how in the world she was to get out
again."""


@dataclass(frozen=True)
class Traced:
    """What a camera sees: for every pixel depth (infinite for the sky), the thing that is hit, and there its point and normal.

    thing: 0 the sky, 1 the floor, then the others. light: how much of the sun arrives, from 0 to 1.
    """

    depth: Plane
    thing: npt.NDArray[np.intp]
    point: Plane
    normal: Plane
    light: Plane


def _shipped(package: str, *folder: str) -> Path:
    """The folder of a package that may not be installed. It does not always exist."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # colour-science puts a stand-in for an absent Matplotlib into sys.modules
        spec = None
    return Path(spec.origin if spec and spec.origin else package).parent.joinpath(*folder)


SAMPLES = _shipped("matplotlib", "mpl-data", "sample_data")
_FONTS = _shipped("OpenImageIO", "share", "fonts", "OpenImageIO")


def font(family: str, points: int) -> Font:
    """Droid Sans, Serif and so on, of OpenImageIO; where its package has none, Pillow's only font."""
    path = _FONTS / f"{family}.ttf"
    return ImageFont.truetype(str(path), points) if path.is_file() else ImageFont.load_default(points)


def prose(rng: Random, words: int) -> str:
    """So many words of PROSE, which begins anew at its end."""
    all_words = PROSE.split()
    start = int(rng.integers(len(all_words)))
    return " ".join(all_words[(start + place) % len(all_words)] for place in range(words))


def column(
    rng: Random,
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    letters: Font,
    ink: Colour | int,
    leading: float,
) -> None:
    """Set prose in a box (left, top, right, bottom), every line but the last of a paragraph as wide as the column."""
    left, y, right, bottom = box
    words = prose(rng, int((right - left) * (bottom - y) / leading / leading * 0.9) + 20).split()
    while words and y + leading <= bottom:
        line = [words.pop(0)]
        while words and draw.textlength(" ".join([*line, words[0]]), font=letters) < right - left:
            line.append(words.pop(0))
        widths = [draw.textlength(word, font=letters) for word in line]
        ends = rng.random() < 0.15 or len(line) == 1
        gap = draw.textlength(" ", font=letters) if ends else (right - left - sum(widths)) / (len(line) - 1)
        x = left
        for word, width in zip(line, widths):
            draw.text((x, y), word, fill=ink, font=letters)
            x += width + gap
        y += leading


def photograph() -> Frame:
    """The portrait of Grace Hopper that Matplotlib ships: public domain, 512 x 600, from a JPEG file."""
    with Image.open(SAMPLES / "grace_hopper.jpg", formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))


def elevation() -> Plane:
    """The heights of a part of Tennessee that Matplotlib ships, 0 to 1, 344 x 403."""
    with np.load(SAMPLES / "jacksboro_fault_dem.npz") as file:
        metres = file["elevation"].astype(np.float64)
    heights: Plane = (metres - metres.min()) / np.ptp(metres)
    return heights


def mirrored(frame: npt.NDArray[Any], size: Size) -> npt.NDArray[Any]:
    """Return the part in the middle, with as many reflections as the size needs: no pixel is resampled."""
    missing = [max(0, side - have) for side, have in zip(size[::-1], frame.shape)]
    filled = np.pad(frame, [*((0, more) for more in missing), *[(0, 0)] * (frame.ndim - 2)], mode="symmetric")
    top, left = ((have - side) // 2 for side, have in zip(size[::-1], filled.shape))
    return filled[top : top + size[1], left : left + size[0]]


def lattice(rng: Random, size: Size, cells: int, octaves: int = 6, keep: float = 0.5) -> Plane:
    """Value noise, 0 to 1: random numbers on lattices, each twice as fine and `keep` times as strong, joined by cubics."""
    total = np.zeros(size[::-1])
    for octave in range(octaves):
        side = min(cells * 2**octave, 2 * max(size)) + 1
        numbers = Image.fromarray(rng.random((side, side), np.float32))
        total += keep**octave * np.asarray(numbers.resize(size, Image.Resampling.BICUBIC))
    normal: Plane = (total - total.min()) / np.ptp(total)
    return normal


def ridged(rng: Random, size: Size, cells: int, octaves: int = 6) -> Plane:
    return 1 - np.abs(2 * lattice(rng, size, cells, octaves) - 1)


def warped(rng: Random, picture: Plane, cells: int, pixels: float) -> Plane:
    """Return the picture with every pixel taken from somewhere near, as through uneven glass."""
    size = picture.shape[1], picture.shape[0]
    x, y = grid(size)
    across, down = (pixels * (lattice(rng, size, cells, 3) - 0.5) for _ in range(2))
    columns = np.clip(x + across, 0, size[0] - 1).astype(np.intp)
    moved: Plane = picture[np.clip(y + down, 0, size[1] - 1).astype(np.intp), columns]
    return moved


def landscape(rng: Random, size: Size) -> Plane:
    """Clouds, and five mountain ridges in haze."""
    down = (grid(size)[1] / size[1])[..., None]
    zenith, horizon = rng.uniform((0.1, 0.2, 0.4), (0.4, 0.5, 0.8)), rng.uniform((0.6, 0.5, 0.4), (0.95, 0.9, 0.9))
    clouds = 0.7 * np.clip(lattice(rng, size, 3) * 2.2 - 1, 0, 1)[..., None]
    picture = (zenith * (1 - down) + horizon * down) * (1 - clouds) + clouds
    for layer in range(5):
        skyline = 0.3 + 0.13 * layer + 0.25 * (lattice(rng, (size[0], 8), 4 + layer, 7)[0] - 0.5)
        rock = rng.uniform(0.1, 0.5, 3) * (0.4 + 0.9 * ridged(rng, size, 5 + 5 * layer, 7))[..., None]
        haze = 0.7 - 0.16 * layer
        picture = np.where(down > skyline[None, :, None], rock * (1 - haze) + horizon * haze, picture)
    return picture


def house_front(rng: Random, size: Size) -> Plane:
    """Bricks and windows, seen from one side."""
    x, y = grid(size)
    brick = max(4, size[0] // 36)
    course = np.floor(y / (brick / 2)).astype(np.intp)
    along = x + 0.5 * brick * (course % 2)
    number = np.floor(along / brick).astype(np.intp)
    tint = rng.normal(0.9, 0.12, (83, 97))[course % 83, number % 97] * (0.75 + 0.5 * lattice(rng, size, 4, 8, 0.6))
    wall = rng.uniform((0.45, 0.2, 0.12), (0.75, 0.4, 0.3)) * tint[..., None]
    mortar = ((y % (brick / 2)) < brick * 0.07) | ((along % brick) < brick * 0.07)
    wall[mortar] = (0.55 + 0.2 * lattice(rng, size, 8))[mortar, None]
    bay, storey = 7 * brick, 8 * brick
    across, down = x % bay - 2 * brick, y % storey - 2.5 * brick
    frame = (np.abs(across - 1.5 * brick) < 1.7 * brick) & (np.abs(down - 2 * brick) < 2.2 * brick)
    pane = (np.abs(across - 1.5 * brick) < 1.5 * brick) & (np.abs(down - 2 * brick) < 2 * brick)
    pane &= (np.abs(across - 1.5 * brick) > 0.1 * brick) & (np.abs(down - 1.2 * brick) > 0.1 * brick)
    wall[frame] = rng.uniform(0.6, 0.9, 3)
    sky = 0.15 + 0.5 * (1 - y / size[1]) * lattice(rng, size, 5)
    wall[pane] = (sky[..., None] * (0.8, 0.95, 1.15))[pane]
    wall *= (1.1 - 0.5 * x / size[0])[..., None]
    tilt = (1.02, 0.06, -0.03 * size[0], 0.1, 1.05, -0.06 * size[1], 0.25 / size[0], 0.0)
    picture = Image.fromarray(rounded(wall)).transform(
        size, Image.Transform.PERSPECTIVE, tilt, Image.Resampling.BICUBIC, fillcolor=(120, 130, 140)
    )
    return np.asarray(picture, np.float64) / 255


def traced(rng: Random, size: Size, spheres: int = 7, boxes: int = 4) -> Traced:
    """A camera in the origin looks along z, down is y. A floor, spheres and boxes on and above it, and a sun."""
    u, v = grid(size)
    ray = np.stack([(u - size[0] / 2) / size[0], (v - size[1] / 2) / size[0], np.ones_like(u)], -1)
    with np.errstate(divide="ignore"):
        slope = 1 / ray
    depth = np.where(ray[..., 1] > 1 / 40, slope[..., 1], np.inf)
    thing = np.isfinite(depth).astype(np.intp)
    normal = np.where(thing[..., None] > 0, (0.0, -1.0, 0.0), (0.0, 0.0, 0.0))
    balls = []
    length = _squared(ray)
    for number in range(2, 2 + spheres):
        radius, z = rng.uniform(0.25, 0.8), rng.uniform(2.5, 9)
        centre = np.array([rng.uniform(-0.45, 0.45) * z, rng.choice([1 - radius, rng.uniform(-1, 0.5)]), z])
        balls.append((centre, radius))
        along = ray @ centre
        inside = along**2 - length * (centre @ centre - radius**2)
        near = (along - np.sqrt(np.maximum(inside, 0))) / length
        seen = (inside > 0) & (near < depth)
        depth[seen], thing[seen] = near[seen], number
        normal[seen] = (ray[seen] * near[seen, None] - centre) / radius
    for number in range(2 + spheres, 2 + spheres + boxes):
        sides, z = rng.uniform(0.3, 1.2, 3), rng.uniform(3, 8)
        low = np.array([rng.uniform(-0.45, 0.4) * z, 1 - sides[1], z])
        # Where the ray enters and leaves the layer between two opposite sides.
        layers = [
            _sorted_pair(low[axis] * slope[..., axis], (low + sides)[axis] * slope[..., axis]) for axis in range(3)
        ]
        near = np.maximum(np.maximum(layers[0][0], layers[1][0]), layers[2][0])
        far = np.minimum(np.minimum(layers[0][1], layers[1][1]), layers[2][1])
        seen = (near < far) & (near < depth)
        depth[seen], thing[seen], normal[seen] = near[seen], number, 0
        for axis in range(3):
            facing = seen & (near == layers[axis][0])
            normal[facing, axis] = -np.sign(ray[facing, axis])
    point = ray * np.where(np.isfinite(depth), depth, 0)[..., None]
    sun = np.array([rng.uniform(-0.6, 0.6), -0.7, -0.35])
    sun /= np.linalg.norm(sun)
    light = np.clip(normal @ sun, 0, 1)
    for centre, radius in balls:
        to = centre - point
        along, squared = to @ sun, _squared(to)
        light[(along > 0.02) & (squared - along**2 < radius**2) & (squared > radius**2 * 1.001)] = 0
    return Traced(depth, thing, point, normal, light)


def _squared(vectors: Plane) -> Plane:
    lengths: Plane = np.einsum("ijk,ijk->ij", vectors, vectors)
    return lengths


def _sorted_pair(first: Plane, second: Plane) -> tuple[Plane, Plane]:
    return np.minimum(first, second), np.maximum(first, second)


def shaded(rng: Random, scene: Traced) -> Plane:
    """The scene as a renderer shows it: a chequered floor, coloured things, and the sky."""
    paint = rng.uniform(0.15, 0.95, (int(scene.thing.max()) + 1, 3))[scene.thing]
    chequered = (np.floor(scene.point[..., 0] * 2) + np.floor(scene.point[..., 2] * 2)) % 2
    paint = np.where((scene.thing == 1)[..., None], 0.3 + 0.45 * chequered[..., None], paint)
    haze = np.exp(-scene.depth / 25)[..., None]
    height = np.linspace(0.2, 0.9, scene.depth.shape[0])[:, None, None]
    sky = np.array([0.35, 0.55, 0.9]) * (1 - height) + np.array([0.95, 0.9, 0.85]) * height
    gloss = 0.35 * scene.light**30
    lit: Plane = (paint * (0.22 + 0.75 * scene.light)[..., None] + gloss[..., None]) * haze + sky * (1 - haze)
    return np.where((scene.thing == 0)[..., None], sky, lit)
