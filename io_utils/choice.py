"""Which row filter and which deflate method suit a picture, by a look at a small sample of it.

No single setting suits all content. Against Pillow at level 4 (1024 x 1024 RGB, zlib-ng), the average filter with Huffman
codes only is 15 times as fast and 4 % smaller on a photograph with fine noise, and makes a mask 56 times as large; no
filter with matches is 9 times as fast and 5 % larger on text, and nearly doubles the photograph.

Every strip is put into a class by a few tiles of it (`Content`). Then each class of strips, not each strip, gets a setting:
the one that deflates a sample of the class best. Asking for each strip took up to three times as long, and chose worse,
because each sample was smaller. `python -m benchmarks.encoder choices` measures what choosing costs and is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from itertools import cycle
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .deflate import Method, deflate
from .filters import AVERAGE, NONE, SUB, UP, Bytes2D, Strip, filtered


class Setting(NamedTuple):
    """One way to encode a strip."""

    filter_type: int
    method: Method


class Content(IntEnum):
    """What a strip shows. `predicted` is the share of its bytes that equal their neighbour on the left or above.

    Limits by benchmarks/corpus.py: predicted are 0.07 to 0.31 of a photograph, 0.41 to 0.92 of a smooth picture, 0.7 to
    0.97 of text and depth maps, 0.98 to 1 of masks. What is not predicted is 1 or 2 off in 84 % and more of the bytes of
    gradients, and in less than 30 % of graphics.
    """

    NOISE = auto()  # predicted below 0.03
    NOISY = auto()  # photographs
    SMOOTH = auto()  # denoised renders; predicted above 0.4
    GREY = auto()  # the first two in equal channels (black and white film): every difference comes three times
    MIXED = auto()  # a photograph beside or above something flat: tiles below 0.25 and above 0.85
    GRAPHIC = auto()  # text, line art, interfaces: predicted above 0.7, the rest anything
    GRADIENT = auto()  # depth maps, ramps: predicted above 0.7, the rest by a step
    FLAT = auto()  # masks; predicted above 0.97


def _settings(method: Method, *filter_types: int) -> tuple[Setting, ...]:
    return tuple(Setting(filter_type, method) for filter_type in filter_types)


_CANDIDATES = {
    Content.NOISE: _settings(Method.HUFFMAN, AVERAGE) + _settings(Method.MATCHES, NONE),
    Content.NOISY: _settings(Method.HUFFMAN, AVERAGE, SUB) + _settings(Method.MATCHES, NONE),
    Content.SMOOTH: (
        _settings(Method.HUFFMAN, AVERAGE, SUB, UP)
        + _settings(Method.RUNS, AVERAGE, SUB)
        + _settings(Method.MATCHES, NONE)
    ),
    # With Huffman codes only a grey photograph has 1.58 of Pillow's size, with matches 0.89.
    Content.GREY: (
        _settings(Method.HUFFMAN, AVERAGE) + _settings(Method.MATCHES, AVERAGE, NONE) + _settings(Method.TRIPLES, NONE)
    ),
    Content.MIXED: (
        _settings(Method.HUFFMAN, AVERAGE)
        + _settings(Method.RUNS, AVERAGE, SUB)
        + _settings(Method.MATCHES, AVERAGE, NONE)
    ),
    Content.GRAPHIC: _settings(Method.MATCHES, NONE, SUB, UP),
    Content.GRADIENT: _settings(Method.RUNS, NONE, SUB, UP, AVERAGE) + _settings(Method.MATCHES, SUB),
}
# Bytes of these are much alike everywhere; of the others long runs and matches have to show.
_TOLD_BY_TILES = (Content.NOISE, Content.NOISY, Content.SMOOTH, Content.GREY, Content.MIXED)

_STORED = Setting(NONE, Method.STORED)
# Of flat content a sample deflates to nothing and tells nothing: a rule decides. Where equal bytes follow each other (black
# and white) runs are 12 to 29 % smaller than repeats; on flat colours they are 1.5 times as large.
_FLAT_GREYS, _FLAT_COLOURS = Setting(NONE, Method.RUNS), Setting(UP, Method.REPEATS)
_FLAT_GREYS_FROM = 0.99  # share of equal neighbours: black and white masks have 0.997 and more, colours a third
_STORED_FROM = 0.97  # noise: Huffman codes that save less than 3 % take over 10 times as long
_SLOWER = 1.03  # what else than Huffman codes must save 3 % to be worth up to twice the time

_FLAT_FROM = 0.97
# Rows by bytes of a tile, and how many. Small tiles tell classes apart; matches and runs show in long ones.
_TILE, _TILES_PER_STRIP = (2, 128), 8
_BAND, _BANDS = (3, 768), 8
# Where in its strip a tile lies, as shares of height and width: even, however many there are. M. Roberts' R2 sequence,
# https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
_SPREAD = [(number * 0.7548776662 % 1, number * 0.5698402910 % 1) for number in range(1, 65)]
_MOST_STRIPS = 4  # for a class sampled by its tiles: 8 KB of photograph choose as well as 16


def choose(rows: Bytes2D, strips: Sequence[Strip], pixel: int) -> list[Setting]:
    """The setting for each of the strips: on a sample, the smallest of those that may suit its content.

    rows: all rows of the picture, as bytes, one a line. pixel: bytes a pixel.
    """
    tiles = _tiles(rows, [strip for strip in strips for _ in range(_TILES_PER_STRIP)], _TILE, pixel)
    contents = _contents(tiles, len(strips))
    chosen = {
        content: _setting(content, np.flatnonzero(contents == content), rows, strips, tiles)
        for content in set(contents.tolist())
    }
    return [chosen[content] for content in contents.tolist()]


class _Tiles:
    """Pieces of a picture, side by side: a small picture that stands for it."""

    def __init__(self, pixels: npt.NDArray[np.uint8], pixel: int) -> None:
        """pixels: (rows, tiles, bytes of a row). The first row is there to predict the second from."""
        self.pixels = pixels
        self.pixel = pixel
        self._residuals: dict[int, npt.NDArray[np.uint8]] = {}

    def residual(self, filter_type: int) -> npt.NDArray[np.uint8]:
        """(rows, tiles, bytes), filtered. Without the pixels that had none of their own tile above or on the left."""
        if filter_type not in self._residuals:
            height, count, width = self.pixels.shape
            strip = Strip(min(1, height - 1), height)
            rows = filtered(self.pixels.reshape(height, -1), strip, self.pixel, filter_type)[:, 1:]
            inner = rows.reshape(-1, count, width)[:, :, self.pixel if width > self.pixel else 0 :]
            self._residuals[filter_type] = np.ascontiguousarray(inner)
        return self._residuals[filter_type]

    def compressed(self, setting: Setting) -> float:
        """Its size after deflation, as a share of the size before."""
        residual = self.residual(setting.filter_type)
        return sum(map(len, deflate(residual, setting.method, final=True))) / residual.size

    def equal_neighbours(self) -> npt.NDArray[np.bool_]:
        """(rows, tiles, bytes - 1): where a byte equals the byte before it."""
        equal: npt.NDArray[np.bool_] = self.pixels[..., 1:] == self.pixels[..., :-1]
        return equal


def _tiles(rows: Bytes2D, strips: Sequence[Strip], size: tuple[int, int], pixel: int) -> _Tiles:
    """A tile of `size`, rows by bytes, from each of `strips` (a strip may come more than once), and the row above it."""
    stride = rows.shape[1]
    width = max(pixel, min(size[1], stride) // pixel * pixel)
    places = (stride - width) // pixel + 1
    height = min(1 + size[0], *(strip.last - max(0, strip.first - 1) for strip in strips))
    tiles = []
    for (first, last), (down, right) in zip(strips, cycle(_SPREAD)):
        top = max(0, first - 1)
        y, x = top + int(down * (last - top - height + 1)), int(right * places) * pixel
        tiles.append(rows[y : y + height, x : x + width])
    return _Tiles(np.concatenate(tiles, axis=1).reshape(height, len(tiles), width), pixel)


def _contents(tiles: _Tiles, strips: int) -> npt.NDArray[np.int_]:
    """The content of each strip, `tiles` being an equal number of each."""

    def shares(where: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Of each tile of each strip. No tile has more than 128 bytes a row, so that bytes hold the sums: twice as fast."""
        sums = where.view(np.uint8).sum(axis=2, dtype=np.uint8).sum(axis=0)
        share: npt.NDArray[np.float64] = sums.reshape(strips, _TILES_PER_STRIP) / max(1, where[:, 0].size)
        return share

    up = tiles.residual(UP)
    zeros = shares(up == 0)
    of_tiles = np.maximum(zeros, shares(tiles.residual(SUB) == 0))
    predicted = of_tiles.mean(1)
    if predicted.min() > _FLAT_FROM:  # masks take 1 ms to encode: another 0.05 for what follows would be felt
        return np.full(strips, Content.FLAT)
    others = 1 - zeros.mean(1)
    by_a_step = shares(up + np.uint8(2) <= 4).mean(1) + others - 1
    conditions = {
        Content.FLAT: predicted > _FLAT_FROM,
        Content.MIXED: (of_tiles.min(1) < 0.25) & (of_tiles.max(1) > 0.85),
        Content.GRADIENT: (predicted > 0.7) & (by_a_step > others / 2),
        Content.GRAPHIC: predicted > 0.7,
        Content.GREY: shares(tiles.equal_neighbours()).mean(1) > predicted + 0.15,
        Content.SMOOTH: predicted > 0.4,
        Content.NOISE: predicted < 0.03,
    }
    return np.select(list(conditions.values()), [int(content) for content in conditions], default=Content.NOISY)


def _setting(
    content: int, members: npt.NDArray[np.intp], rows: Bytes2D, strips: Sequence[Strip], tiles: _Tiles
) -> Setting:
    """The setting for the strips of one content. `members` are their places in `strips`."""
    if content in _TOLD_BY_TILES:
        taken = members[:: -(-len(members) // _MOST_STRIPS)]
        places = (taken[:, None] * _TILES_PER_STRIP + np.arange(_TILES_PER_STRIP)).ravel()
        sample = _Tiles(np.ascontiguousarray(tiles.pixels[:, places]), tiles.pixel)
    else:
        spread = [strips[members[band * len(members) // _BANDS]] for band in range(_BANDS)]
        sample = _tiles(rows, spread, _BAND, tiles.pixel)
    if content == Content.FLAT:
        equal = sample.equal_neighbours()
        return _FLAT_GREYS if np.count_nonzero(equal) >= _FLAT_GREYS_FROM * equal.size else _FLAT_COLOURS
    trials = {setting: sample.compressed(setting) for setting in _CANDIDATES[Content(content)]}
    if min(trials.values()) > _STORED_FROM:
        return _STORED
    return min(trials, key=lambda setting: trials[setting] * (1 if setting.method is Method.HUFFMAN else _SLOWER))
