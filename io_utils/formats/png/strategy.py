"""Which filter type and which deflate method suit a picture, judged by a small sample of it.

No single setting suits all content. Compared with Pillow at level 4 (1024 x 1024 RGB, zlib-ng), the Average filter with
Huffman codes only is 15 times as fast and 4 % smaller on a photograph with fine noise, but makes a mask 56 times as
large; no filter with matches is 9 times as fast and 5 % larger on text, but nearly doubles a photograph.

A few tiles of each strip tell its class of content. Then each class gets one setting: of its candidates, the one that
compresses a sample of the class best. A setting for each strip took up to three times as long to choose, and was worse,
because its sample was smaller.

CONTENT_CLASSES holds every number of this decision; tests/formats/test_strategy.py shows for each limit what lies on either
side of it. `python -m benchmarks.encoder choices` measures what choosing costs and gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import cycle
from math import inf
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import ByteArray
from ..zlib_engines import Method, deflate
from .filters import AVERAGE, NONE, SUB, UP, Strip, filtered

Shares = NDArray[np.float64]
MeasureName = Literal["predicted", "worst_tile", "best_tile", "small_steps", "large_steps", "repeated"]


class Setting(NamedTuple):
    """One way to encode a strip."""

    filter_type: int
    method: Method


class Limit(NamedTuple):
    """A measure of a strip must lie between two values, excluding both."""

    measure: MeasureName
    above: float = -inf
    below: float = inf
    over: MeasureName | None = None  # `above` counts from this measure of the same strip

    def holds(self, measures: Measures) -> NDArray[np.bool_]:
        """Return for each strip whether it keeps the limit."""
        value: Shares = getattr(measures, self.measure)
        base: Shares | float = getattr(measures, self.over) if self.over else 0.0
        return (value > base + self.above) & (value < self.below)


class Tiling(NamedTuple):
    """How a sample is taken: a `number` of tiles, each of `rows` (and the row above them) by `width` bytes or fewer."""

    number: int
    rows: int
    width: int


class ContentClass(NamedTuple):
    """One kind of content: how it is recognised, and what is tried on which sample.

    first_from: where at least this share of the sample's bytes equals the byte before, the first candidate is taken,
        elsewhere the last. None: the sample is compressed with every candidate, and the smallest result wins.
    """

    name: str
    limits: tuple[Limit, ...]
    sample: Tiling
    candidates: tuple[Setting, ...]
    first_from: float | None = None


def _settings(method: Method, *filter_types: int) -> tuple[Setting, ...]:
    return tuple(Setting(filter_type, method) for filter_type in filter_types)


# Small tiles of every strip tell the classes apart. Where bytes are much alike everywhere, the tiles of a few strips
# are also the sample on which candidates are tried: 8 KB of a photograph lead to as good a choice as 16.
TILES = Tiling(number=8, rows=2, width=128)  # of each strip
_MOST_STRIPS = 4
# Elsewhere the sample is long tiles, because long runs and distant matches do not fit into small ones.
BANDS = Tiling(number=8, rows=3, width=768)  # of all strips of a class together

# A strip belongs to the first class whose limits it keeps. Shares in comments: benchmarks/corpus.py at 1024 x 1024.
CONTENT_CLASSES = (
    ContentClass(
        "flat",  # masks (predicted: 0.99 to 1), blank paper
        limits=(Limit("predicted", above=0.97),),
        sample=BANDS,
        # A sample deflates to nothing, so a rule decides. On black and white, runs are 12 to 29 % smaller than repeats;
        # on flat colours they are 1.5 times as large. In black and white masks 0.997 and more of the bytes equal the
        # byte before, in flat colours a third.
        candidates=_settings(Method.RUNS, NONE) + _settings(Method.REPEATS, UP),
        first_from=0.99,
    ),
    ContentClass(
        "mixed",  # a photograph beside or above something flat
        limits=(Limit("worst_tile", below=0.25), Limit("best_tile", above=0.85)),
        sample=TILES,
        candidates=(
            _settings(Method.HUFFMAN, AVERAGE)
            + _settings(Method.RUNS, AVERAGE, SUB)
            + _settings(Method.MATCHES, AVERAGE, NONE)
        ),
    ),
    ContentClass(
        # Depth maps, ramps (predicted: 0.85 to 0.98). 73 % and more of their steps are small; in text 14 % and fewer.
        "gradient",
        limits=(Limit("predicted", above=0.7), Limit("small_steps", above=0.0, over="large_steps")),
        sample=BANDS,
        candidates=_settings(Method.RUNS, NONE, SUB, UP, AVERAGE) + _settings(Method.MATCHES, SUB),
    ),
    ContentClass(
        "graphic",  # text, line art (predicted: 0.75 to 0.99), interfaces
        limits=(Limit("predicted", above=0.7),),
        sample=BANDS,
        candidates=_settings(Method.MATCHES, NONE, SUB, UP),
    ),
    ContentClass(
        "grey",  # photographs and noise in three equal channels: every residual occurs three times in a row
        limits=(Limit("repeated", above=0.15, over="predicted"),),
        sample=TILES,
        # With Huffman codes only a grey photograph is 1.58 times the size of Pillow's, with matches 0.89.
        candidates=(
            _settings(Method.HUFFMAN, AVERAGE)
            + _settings(Method.MATCHES, AVERAGE, NONE)
            + _settings(Method.TRIPLES, NONE)
        ),
    ),
    ContentClass(
        "smooth",  # denoised renders (predicted: 0.41 to 0.92; above 0.7 they are gradients)
        limits=(Limit("predicted", above=0.4),),
        sample=TILES,
        candidates=(
            _settings(Method.HUFFMAN, AVERAGE, SUB, UP)
            + _settings(Method.RUNS, AVERAGE, SUB)
            + _settings(Method.MATCHES, NONE)
        ),
    ),
    ContentClass(
        "noise",  # predicted: up to 0.01
        limits=(Limit("predicted", below=0.03),),
        sample=TILES,
        candidates=_settings(Method.HUFFMAN, AVERAGE) + _settings(Method.MATCHES, NONE),
    ),
    ContentClass(
        "noisy",  # the rest: photographs (predicted: 0.07 to 0.38)
        limits=(),
        sample=TILES,
        candidates=_settings(Method.HUFFMAN, AVERAGE, SUB) + _settings(Method.MATCHES, NONE),
    ),
)

_STORED = Setting(NONE, Method.STORED)
_STORED_FROM = 0.97  # Huffman codes that save less than 3 % take over 10 times as long as storing
_SLOWER = 1.03  # every other method takes up to twice the time of Huffman codes and has to save 3 %


def choose(rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> list[Setting]:
    """Return the setting for each strip.

    rows: all rows of the picture as bytes, uint8, (height, bytes of a row). pixel_bytes: bytes of a pixel, 1 to 8.
    """
    measures = Measures(rows, strips, pixel_bytes)
    classes = classify(measures)
    settings = {}
    for number in set(classes.tolist()):
        content, members = CONTENT_CLASSES[number], np.flatnonzero(classes == number)
        if content.sample is TILES:
            sample = measures.tiles.of_strips(members[:: -(-len(members) // _MOST_STRIPS)])
        else:
            spread = [strips[members[band * len(members) // BANDS.number]] for band in range(BANDS.number)]
            sample = _cut(rows, spread, BANDS, pixel_bytes)
        settings[number] = _best(content, sample)
    return [settings[number] for number in classes.tolist()]


class Measures:
    """The measures that distinguish the classes of content. Each is computed when it is first read.

    A measure is a share of the bytes of a strip's tiles, from 0 to 1: float64, one value for each strip.
    """

    def __init__(self, rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> None:
        """rows: all rows of the picture as bytes, (height, bytes of a row)."""
        self.tiles = _cut(rows, [strip for strip in strips for _ in range(TILES.number)], TILES, pixel_bytes)
        self._strips = len(strips)

    @cached_property
    def predicted(self) -> Shares:
        """Bytes that equal the one on the left or the one above, whichever are more, on average over the tiles."""
        return _mean(self._predicted_of_tiles)

    @cached_property
    def worst_tile(self) -> Shares:
        """`predicted` of the tile where it is least."""
        least: Shares = self._predicted_of_tiles.min(1)
        return least

    @cached_property
    def best_tile(self) -> Shares:
        """`predicted` of the tile where it is most."""
        most: Shares = self._predicted_of_tiles.max(1)
        return most

    @cached_property
    def small_steps(self) -> Shares:
        """Bytes that differ from the one above by 1 or 2."""
        return _mean(self._shares(self.tiles.residual(UP) + np.uint8(2) <= 4)) + self._steps - 1

    @cached_property
    def large_steps(self) -> Shares:
        """Bytes that differ from the one above by more."""
        return self._steps - self.small_steps

    @cached_property
    def repeated(self) -> Shares:
        """Bytes that equal the byte before them; in three equal channels two thirds of them do."""
        return _mean(self._shares(self.tiles.repeated()))

    @cached_property
    def _predicted_of_tiles(self) -> Shares:
        return np.maximum(self._equal_above, self._shares(self.tiles.residual(SUB) == 0))

    @cached_property
    def _equal_above(self) -> Shares:
        return self._shares(self.tiles.residual(UP) == 0)

    @cached_property
    def _steps(self) -> Shares:
        return 1 - _mean(self._equal_above)

    def _shares(self, where: NDArray[np.bool_]) -> Shares:
        """Return the share of bytes where `where` is true, (strips, tiles)."""
        # A row of a tile has at most TILES.width bytes, so a byte holds their sum: twice as fast as a wider type.
        sums = where.view(np.uint8).sum(axis=2, dtype=np.uint8).sum(axis=0)
        shares: Shares = sums.reshape(self._strips, TILES.number) / max(1, where[:, 0].size)
        return shares


def _mean(of_tiles: Shares) -> Shares:
    mean: Shares = of_tiles.mean(1)
    return mean


def classify(measures: Measures) -> NDArray[np.intp]:
    """Return for each strip the number of its class in CONTENT_CLASSES."""
    classes = np.full(measures.predicted.shape, -1)
    for number, content in enumerate(CONTENT_CLASSES):
        members = classes < 0
        for limit in content.limits:
            members &= limit.holds(measures)
        classes[members] = number
        if classes.min() >= 0:
            # A mask ends here after the first class. It takes 1 ms to encode; the other measures would add 0.05.
            break
    return classes


def _best(content: ContentClass, sample: Sample) -> Setting:
    """Return the candidate that compresses the sample best, or _STORED if none saves enough."""
    if content.first_from is not None:
        repeated = sample.repeated()
        first = np.count_nonzero(repeated) >= content.first_from * repeated.size
        return content.candidates[0 if first else -1]
    sizes = {setting: sample.compressed(setting) for setting in content.candidates}
    if min(sizes.values()) > _STORED_FROM:
        return _STORED
    return min(sizes, key=lambda setting: sizes[setting] * (1 if setting.method is Method.HUFFMAN else _SLOWER))


class Sample:
    """Tiles of a picture, side by side: a small picture that stands for it."""

    def __init__(self, pixels: ByteArray, pixel_bytes: int) -> None:
        """pixels: (rows, tiles, bytes). The first row is there to predict the second one."""
        self._pixels = pixels
        self._pixel_bytes = pixel_bytes
        self._residuals: dict[int, ByteArray] = {}

    def of_strips(self, strips: NDArray[np.intp]) -> Sample:
        """Return the TILES of these strips only."""
        tiles = (strips[:, None] * TILES.number + np.arange(TILES.number)).ravel()
        return Sample(np.ascontiguousarray(self._pixels[:, tiles]), self._pixel_bytes)

    def residual(self, filter_type: int) -> ByteArray:
        """Return the filtered bytes that have neighbours in their own tile, (rows, tiles, bytes).

        These exclude the first row and each tile's first pixel. With the latter, Sub and Average look 12 % worse than
        they are.
        """
        if filter_type not in self._residuals:
            height, count, width = self._pixels.shape
            strip = Strip(min(1, height - 1), height)
            lines = filtered(self._pixels.reshape(height, -1), strip, self._pixel_bytes, filter_type)[:, 1:]
            first = self._pixel_bytes if width > self._pixel_bytes else 0
            self._residuals[filter_type] = np.ascontiguousarray(lines.reshape(-1, count, width)[:, :, first:])
        return self._residuals[filter_type]

    def compressed(self, setting: Setting) -> float:
        """Return the size after filtering and deflating, as a share of the size before."""
        residual = self.residual(setting.filter_type)
        return sum(map(len, deflate(residual, setting.method, final=True))) / residual.size

    def repeated(self) -> NDArray[np.bool_]:
        """Return where a byte equals the byte before it, (rows, tiles, bytes - 1)."""
        repeated: NDArray[np.bool_] = self._pixels[..., 1:] == self._pixels[..., :-1]
        return repeated


# Where in its strip a tile lies, as shares of height and width: evenly spread, whatever the number of tiles. M.
# Roberts's R2 sequence, https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
_PLACES = [(number * 0.7548776662 % 1, number * 0.5698402910 % 1) for number in range(1, 65)]


def _cut(rows: ByteArray, strips: Sequence[Strip], tiling: Tiling, pixel_bytes: int) -> Sample:
    """Return one tile for each of `strips`, in which a strip may occur repeatedly, with the row above each tile."""
    row_bytes = rows.shape[1]
    width = max(pixel_bytes, min(tiling.width, row_bytes) // pixel_bytes * pixel_bytes)
    height = min(1 + tiling.rows, *(strip.last - max(0, strip.first - 1) for strip in strips))
    columns = (row_bytes - width) // pixel_bytes + 1
    tiles = []
    for (first, last), (down, right) in zip(strips, cycle(_PLACES)):
        top = max(0, first - 1)
        y, x = top + int(down * (last - top - height + 1)), int(right * columns) * pixel_bytes
        tiles.append(rows[y : y + height, x : x + width])
    return Sample(np.concatenate(tiles, axis=1).reshape(height, len(tiles), width), pixel_bytes)
