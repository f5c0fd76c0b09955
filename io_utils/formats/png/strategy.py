"""Which filter type and which deflate method suit a picture, judged by a small sample of it.

No single setting suits all content. Compared with Pillow at level 4 (1024 x 1024 RGB), the Average filter with Huffman
codes only is 12 times as fast and 4 % smaller on a photograph with fine noise, but makes a mask 56 times as large; no
filter with quick matches is 14 times as fast and 15 % larger on text, with slower matches 8 times and 5 %.

A few tiles of each strip tell how much of it repeats, and so its class of content. Then each class gets one setting, by
the sizes of a sample of the class with each candidate, and by what the candidates cost. A setting for each strip took up to
three times as long to choose, and was worse, because its sample was smaller.

CONTENT_CLASSES holds every number of this decision; tests/formats/test_strategy.py shows what each of them is good for.
`python -m benchmarks.encoder choices` measures what choosing costs and gains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import ByteArray
from ..zlib_engines import Method, compressor, deflate
from .filters import AVERAGE, FILTER_NS, NONE, PAETH, SUB, UP, Strip, filtered


class Setting(NamedTuple):
    """One way to encode a strip."""

    filter_type: int
    method: Method


class Tiling(NamedTuple):
    """A sample of a `number` of tiles, each of `rows` (and the row above them) by `width` bytes or fewer."""

    number: int
    rows: int
    width: int


class Banding(NamedTuple):
    """A sample of a `number` of bands of whole rows, together about `total` bytes, two rows a band at least."""

    number: int
    total: float


class ContentClass(NamedTuple):
    """One kind of content: how it is recognised, and what is tried on which sample.

    above: more than this share of a strip's bytes are predicted by the byte on the left or above.
    mixed: only strips on the border of two contents, as MIXED says. Each is sampled alone.
    slack: a quicker candidate may be this much larger than the smallest one.
    patience: the smallest one must not take longer than this many times the quickest of those that are about as small.
    """

    name: str
    above: float
    sample: Tiling | Banding
    candidates: tuple[Setting, ...]
    slack: float = 1.07
    patience: float = 2.3
    mixed: bool = False


class Mixed(NamedTuple):
    """A strip has two contents if its worst tile is predicted less than one of these, and its best one more than the other."""

    worst_below: float
    best_above: float


def _settings(method: Method, *filter_types: int) -> tuple[Setting, ...]:
    return tuple(Setting(filter_type, method) for filter_type in filter_types)


TILES = Tiling(number=8, rows=2, width=128)  # of each strip: they tell the classes apart

# A strip belongs to the first class whose limits it keeps. Every class tries matches without a filter and with Sub: what looks
# unpredictable may still repeat, as a steep sawtooth does.
CONTENT_CLASSES = (
    ContentClass(
        "mixed",  # a photograph beside or above something flat
        above=-1,
        mixed=True,
        sample=Tiling(number=16, rows=3, width=256),
        candidates=(
            _settings(Method.QUICK, NONE, SUB, UP, AVERAGE)
            + _settings(Method.MATCHES, NONE, UP)
            + _settings(Method.RUNS, AVERAGE)
            + _settings(Method.HUFFMAN, AVERAGE)
        ),
    ),
    ContentClass(
        "plain",  # masks, flat colours, text, interfaces, drawings, depth maps, gradients
        above=0.7,
        # Whole rows: such content has long runs and distant matches. It deflates so fast that they cost little.
        sample=Banding(number=4, total=72_000),
        # Every filter type wins for some of it, with every method: with fewer of them, choosing is quicker, but worse.
        candidates=(
            _settings(Method.QUICK, NONE, SUB, UP)
            + _settings(Method.RUNS, NONE, SUB, UP)
            + _settings(Method.MATCHES, NONE, SUB, UP)
            + _settings(Method.SEARCH, NONE, SUB, UP)
        ),
    ),
    ContentClass(
        "smooth",  # denoised renders, steep gradients, few colours
        above=0.4,
        sample=Tiling(number=16, rows=3, width=256),
        candidates=(
            _settings(Method.QUICK, NONE, SUB, UP)
            + _settings(Method.MATCHES, NONE)
            + _settings(Method.RUNS, SUB)
            + _settings(Method.HUFFMAN, AVERAGE)
        ),
    ),
    ContentClass(
        "noisy",  # photographs, normals
        above=0.03,
        sample=Tiling(number=16, rows=2, width=256),
        candidates=_settings(Method.HUFFMAN, AVERAGE, PAETH) + _settings(Method.QUICK, NONE, SUB, UP, AVERAGE, PAETH),
        # Quick matches take two thirds of the time of Huffman codes, and leave 5 to 9 % more of a photograph with noise.
        slack=1.03,
    ),
    ContentClass(
        "noise",
        above=-1,
        sample=Tiling(number=8, rows=3, width=192),
        candidates=(
            _settings(Method.MATCHES, NONE, SUB) + _settings(Method.HUFFMAN, AVERAGE) + _settings(Method.STORED, NONE)
        ),
        # Huffman codes take over 10 times as long as storing and have to save 3 %.
        slack=1.03,
        patience=100,
    ),
)

_STORED = Setting(NONE, Method.STORED)
# A class that has fewer of the strips than this share gets as large a sample as if it had this share.
_LEAST_SHARE = 0.4
MIXED = Mixed(worst_below=0.26, best_above=0.85)
# Nanoseconds for each byte of a picture, whatever the setting: sampling, checksums, joining.
_ALWAYS_NS = 0.3
# A share of the size, for the block headers that every strip has: sizes below it are all the same.
_LEAST = 1e-4
# Candidates that are up to this much larger than the smallest count as about as small.
_ABOUT = 1.3
# A filter type that is this much larger than the best with quick matches is not tried with other methods: saves a tenth of
# the time of choosing.
_HOPELESS = 1.07


def choose(rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> list[Setting]:
    """Return the setting for each strip.

    rows: all rows of the picture as bytes, uint8, (height, bytes of a row). pixel_bytes: bytes of a pixel, 1 to 8.
    """
    settings = [_STORED] * len(strips)
    for number, members in _groups(classify(predicted(rows, strips, pixel_bytes))):
        content = CONTENT_CLASSES[number]
        parts = _parts(rows, [strips[member] for member in members], content, len(strips), pixel_bytes)
        setting = quickest(_sizes(content, Sample(parts, pixel_bytes)), content)
        for member in members:
            settings[member] = setting
    return settings


def _groups(classes: NDArray[np.intp]) -> list[tuple[int, list[int]]]:
    """Return (class, strips) for all strips that share a setting: those of a class, but each one that is mixed alone."""
    groups: dict[tuple[int, int], list[int]] = {}
    for strip, number in enumerate(classes.tolist()):
        groups.setdefault((number, strip if CONTENT_CLASSES[number].mixed else 0), []).append(strip)
    return [(number, members) for (number, _), members in groups.items()]


def _parts(
    rows: ByteArray, members: Sequence[Strip], content: ContentClass, strips: int, pixel_bytes: int
) -> list[ByteArray]:
    """Return the sample of a class, whose strips are the `members`: the fewer of all strips they are, the smaller."""
    sample, share = content.sample, max(_LEAST_SHARE, len(members) / strips)
    if isinstance(sample, Tiling):
        number = math.ceil(sample.number * share)
        return tiles(rows, _spread(members, number), sample, pixel_bytes)
    return bands(rows, _spread(members, sample.number), sample._replace(total=sample.total * share), pixel_bytes)


def _spread(members: Sequence[Strip], number: int) -> list[Strip]:
    """Return a `number` of the strips, evenly spread; the same one repeatedly where they are fewer."""
    return [members[part * len(members) // number] for part in range(number)]


def _sizes(content: ContentClass, sample: Sample) -> dict[Setting, float]:
    """Return the size of the sample with each candidate that has a chance, as a share of the size before."""
    quick = {one: sample.compressed(one) for one in content.candidates if one.method is Method.QUICK}
    limit = _HOPELESS * min(quick.values(), default=0)
    hopeless = {one.filter_type for one, size in quick.items() if size > limit}
    others = [one for one in content.candidates if one not in quick and one.filter_type not in hopeless]
    return quick | {one: sample.compressed(one) for one in others}


def predicted(rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> NDArray[np.float64]:
    """Return for each tile of each strip which share of its bytes is predicted, from 0 to 1: (strips, tiles).

    Either by the byte of the pixel on the left or by the one above, whichever predicts more bytes of the tile.
    """
    (pixels,) = tiles(rows, [strip for strip in strips for _ in range(TILES.number)], TILES, pixel_bytes)
    below = pixels[1:] if len(pixels) > 1 else pixels
    first = pixel_bytes if pixels.shape[2] > pixel_bytes else 0
    equal_left = below[..., first:] == below[..., : pixels.shape[2] - first]
    equal_above = below[..., first:] == pixels[: len(below), :, first:]

    def shares(equal: NDArray[np.bool_]) -> NDArray[np.float64]:
        # A row of a tile has at most TILES.width bytes, so a byte holds their sum: twice as fast as a wider type.
        sums = equal.view(np.uint8).sum(axis=2, dtype=np.uint8).sum(axis=0)
        of_tiles: NDArray[np.float64] = sums / equal[:, 0].size
        return of_tiles

    of_tiles = np.maximum(shares(equal_left), shares(equal_above))
    of_strips: NDArray[np.float64] = of_tiles.reshape(len(strips), TILES.number)
    return of_strips


def classify(shares: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each strip, of whose tiles these shares are predicted, the number of its class in CONTENT_CLASSES."""
    mean = shares.mean(1)
    two_contents = (shares.min(1) < MIXED.worst_below) & (shares.max(1) > MIXED.best_above)
    # Where all strips have two contents, side by side, they have the same two.
    one_content = np.concatenate([[False], ~two_contents, [False]])
    mixed = two_contents & (one_content[:-2] | one_content[2:])
    members = [(mean > one.above) & (mixed if one.mixed else True) for one in CONTENT_CLASSES]
    classes: NDArray[np.intp] = np.argmax(members, axis=0)
    return classes


def quickest(sizes: dict[Setting, float], content: ContentClass) -> Setting:
    """Return the quickest setting of those that are small enough. `sizes`: after encoding, as a share of the size before."""
    costs = {setting: _ns(setting, size) for setting, size in sizes.items()}
    small = _ABOUT * (_LEAST + min(sizes.values()))
    least = min(costs[setting] for setting, size in sizes.items() if _LEAST + size <= small)
    affordable = [setting for setting, cost in costs.items() if cost <= content.patience * least]
    small = content.slack * (_LEAST + min(sizes[setting] for setting in affordable))
    return min((setting for setting in affordable if _LEAST + sizes[setting] <= small), key=lambda one: costs[one])


def _ns(setting: Setting, size: float) -> float:
    """Return how long encoding takes, in nanoseconds for each byte, when it leaves this share of the size."""
    chosen = compressor(setting.method)
    return _ALWAYS_NS + FILTER_NS[setting.filter_type] + chosen.in_ns + chosen.out_ns * size


class Sample:
    """Parts of a picture that stand for it."""

    def __init__(self, parts: Sequence[ByteArray], pixel_bytes: int) -> None:
        """parts: small pictures of (rows, tiles side by side, bytes). The first row is there to predict the second one."""
        self._parts = parts
        self._pixel_bytes = pixel_bytes
        self._residuals: dict[int, ByteArray] = {}

    def residual(self, filter_type: int) -> ByteArray:
        """Return the filtered bytes of all parts but their first rows, one after the other.

        Whole rows are as they are in the file. Of tiles, each one's first pixel is left out: with it, Sub and Average
        look 12 % worse than they are.
        """
        if filter_type not in self._residuals:
            self._residuals[filter_type] = np.concatenate([self._filtered(part, filter_type) for part in self._parts])
        return self._residuals[filter_type]

    def _filtered(self, part: ByteArray, filter_type: int) -> ByteArray:
        height, count, width = part.shape
        strip = Strip(min(1, height - 1), height)
        lines = filtered(part.reshape(height, -1), strip, self._pixel_bytes, filter_type)
        if count == 1:
            return lines.ravel()
        first = self._pixel_bytes if width > self._pixel_bytes else 0
        return lines[:, 1:].reshape(-1, count, width)[:, :, first:].ravel()

    def compressed(self, setting: Setting) -> float:
        """Return the size after filtering and deflating, as a share of the size before."""
        residual = self.residual(setting.filter_type)
        return sum(map(len, deflate(residual, setting.method, final=True))) / residual.size


# Where in its strip a tile or band lies, as shares of height and width: evenly spread, whatever their number. M. Roberts's
# R2 sequence, https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
_PLACES = [(number * 0.7548776662 % 1, number * 0.5698402910 % 1) for number in range(1, 65)]


def tiles(rows: ByteArray, strips: Sequence[Strip], tiling: Tiling, pixel_bytes: int) -> list[ByteArray]:
    """Return one tile for each of `strips`, in which a strip may occur repeatedly, side by side as one small picture."""
    row_bytes = rows.shape[1]
    width = max(pixel_bytes, min(tiling.width, row_bytes) // pixel_bytes * pixel_bytes)
    height = min(1 + tiling.rows, *(strip.last - max(0, strip.first - 1) for strip in strips))
    columns = (row_bytes - width) // pixel_bytes + 1
    cut = []
    for (first, last), (down, right) in zip(strips, cycle(_PLACES)):
        top = max(0, first - 1)
        y, x = top + int(down * (last - top - height + 1)), int(right * columns) * pixel_bytes
        cut.append(rows[y : y + height, x : x + width])
    return [np.concatenate(cut, axis=1).reshape(height, len(cut), width)]


def bands(rows: ByteArray, strips: Sequence[Strip], banding: Banding, pixel_bytes: int) -> list[ByteArray]:
    """Return one band of whole rows for each of `strips`, in which a strip may occur repeatedly."""
    wanted = 1 + max(2, int(banding.total / banding.number / rows.shape[1]))
    cut = []
    for (first, last), (down, _) in zip(strips, cycle(_PLACES)):
        top = max(0, first - 1)
        height = min(wanted, last - top)
        y = top + int(down * (last - top - height + 1))
        cut.append(rows[y : y + height, None])
    return cut
