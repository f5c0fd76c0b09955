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
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import ByteArray
from ..zlib_engines import WINDOW, Method, compressor, deflate
from .filters import AVERAGE, FILTER_NS, NONE, PAETH, SUB, UP, Strip, filtered


class Setting(NamedTuple):
    """One way to encode a strip."""

    filter_type: int
    method: Method


class Choice(NamedTuple):
    """How to encode a strip: with `setting` and, if that leaves more than `most_bytes`, with the `alternatives`, too."""

    setting: Setting
    most_bytes: float


class Tiling(NamedTuple):
    """A sample of a `number` of tiles, each of `rows` (and the row above them) by `width` bytes or fewer."""

    number: int
    rows: int
    width: int

    def tiling(self, share: float, _: int) -> Tiling:
        """Return the sample for a class that has this share of the strips: the fewer they are, the smaller it is."""
        return self._replace(number=math.ceil(self.number * max(_LEAST_SHARE, share)))


class Banding(NamedTuple):
    """A sample of a `number` of bands of whole rows, together about `total` bytes, two rows a band at least."""

    number: int
    total: float

    def tiling(self, share: float, row_bytes: int) -> Tiling:
        """The same for rows of this length."""
        rows = int(self.total * max(_LEAST_SHARE, share) / self.number / row_bytes)
        return Tiling(self.number, max(2, rows), row_bytes)


class ContentClass(NamedTuple):
    """One kind of content: how it is recognised, and what is tried on which sample.

    above: more than this share of a strip's bytes are predicted by the byte on the left or above.
    mixed: only strips on the border of two contents, as MIXED says. Each is sampled alone.
    deep: what is also tried for RGB of 16 bits. A depth map has equal channels in it, which only matches find behind a filter.
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
    deep: tuple[Setting, ...] = ()


class Small(NamedTuple):
    """A picture of at most `largest` bytes is encoded with each of `settings`, and the smallest result is kept."""

    largest: int
    settings: tuple[Setting, ...]


class Surprise(NamedTuple):
    """A strip is larger than expected if it leaves over `above` bytes and over `times` what the sample promised.

    Then a sample of this strip alone is judged, and `settings` are tried as well.
    """

    above: int
    times: float
    settings: tuple[Setting, ...]


class Repeating(NamedTuple):
    """Content repeats itself if, of whole rows, the first of `candidates` leaves less than `share` of what tiles promise.

    total: the bytes of these rows, but at least `periods` times the rows after which they come again.
    apart: rows come again if in one of those above at most this share of bytes differs of those that differ in the next
    one, and if these are over `unlike` of all. flat: content is flat or smooth, rather than repeated, if this setting
    leaves as little.
    """

    total: int
    periods: int
    apart: float
    unlike: float
    share: float
    candidates: tuple[Setting, ...]
    flat: Setting


class Mixed(NamedTuple):
    """A strip has two contents if its worst tile is predicted less than one of these, and its best one more than the other."""

    worst_below: float
    best_above: float


def _settings(method: Method, *filter_types: int) -> tuple[Setting, ...]:
    return tuple(Setting(filter_type, method) for filter_type in filter_types)


# At 64 x 64 RGB sampling takes 0.4 to 0.6 ms, and one of these settings 0.01 to 0.2.
SMALL = Small(largest=32 * 1024, settings=_settings(Method.SEARCH, NONE, UP))

# A sample may miss what lies between its tiles, such as the joints of a floor. Of 167 contents of 1024 x 1024, 8 have such
# strips: three become 33, 2 and 0.1 % smaller, the others take 1.2 to 1.4 times as long for nothing. With twice instead of three
# times, 15 have them, and none gains more. A search with Up besides makes one more 3 % smaller and takes twice as long.
SURPRISE = Surprise(above=2000, times=3, settings=_settings(Method.RUNS, PAETH))

# A texture that is repeated over a picture looks unpredictable in tiles, and quick matches lose sight of what is 300 bytes away: 5 to
# 28 times Pillow's bytes, and up to 67 times if it is only a few rows high. A sample of whole rows shows what is repeated along
# them, in 0.15 ms; comparing two rows with those above them shows what comes again further down, in 0.05 ms.
REPEATING = Repeating(
    total=20_000,
    periods=4,
    apart=0.5,
    unlike=0.1,
    share=0.75,
    candidates=_settings(Method.MATCHES, NONE, SUB, UP),
    flat=Setting(SUB, Method.RUNS),
)

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
        slack=1.03,
    ),
    ContentClass(
        "plain",  # masks, flat colours, text, interfaces, drawings, depth maps, gradients
        above=0.7,
        # Whole rows: such content has long runs and distant matches. It deflates so fast that they cost little.
        sample=Banding(number=4, total=72_000),
        # Every filter type wins for some of it, with every method: with fewer of them, choosing is quicker, but worse.
        candidates=(
            _settings(Method.QUICK, NONE, SUB, UP)
            + _settings(Method.RUNS, NONE, SUB, UP, PAETH)
            + _settings(Method.MATCHES, NONE, SUB, UP)
            + _settings(Method.SEARCH, NONE, SUB, UP)
        ),
        slack=1.05,
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
        deep=_settings(Method.MATCHES, UP),
    ),
    ContentClass(
        "noisy",  # photographs, normals
        above=0.03,
        sample=Tiling(number=16, rows=2, width=256),
        candidates=(
            _settings(Method.HUFFMAN, NONE, AVERAGE, PAETH)
            + _settings(Method.QUICK, NONE, SUB, UP, AVERAGE, PAETH)
            + _settings(Method.SEARCH, NONE)
        ),
        # Quick matches take two thirds of the time of Huffman codes, and leave 5 to 9 % more of a photograph with noise.
        slack=1.03,
        patience=2.5,
        deep=_settings(Method.MATCHES, UP),
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


def choose(rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> list[Choice]:
    """Return how to encode each strip.

    rows: all rows of the picture as bytes, uint8, (height, bytes of a row). pixel_bytes: bytes of a pixel, 1 to 8.
    """
    if rows.size <= SMALL.largest:
        return [Choice(SMALL.settings[0], most_bytes=0)] * len(strips)
    choices = [Choice(_STORED, math.inf)] * len(strips)
    for number, members in _groups(classify(predicted(rows, strips, pixel_bytes))):
        content = CONTENT_CLASSES[number]
        of_class = [strips[member] for member in members]
        tiling = content.sample.tiling(len(members) / len(strips), rows.shape[1])
        has_whole_rows = isinstance(content.sample, Banding)
        sample = Sample(tiles(rows, of_class, tiling, pixel_bytes), pixel_bytes, whole_rows=has_whole_rows)
        chosen = quickest(_tried(content, sample), content)
        repeated = _repeating(rows, of_class, pixel_bytes, chosen.size, has_whole_rows=has_whole_rows)
        for member in members:
            first, last = strips[member]
            # By the tiles in any case: the rows that show what is repeated may lie between two lines of text.
            promised = chosen.size * (last - first) * (1 + rows.shape[1])
            choices[member] = Choice(repeated or chosen.setting, max(SURPRISE.above, SURPRISE.times * promised))
    return choices


def alternatives(rows: ByteArray, strip: Strip, pixel_bytes: int, setting: Setting) -> list[Setting]:
    """Return how else to encode a strip that `setting` leaves larger than expected. The smallest result is to be kept."""
    if rows.size <= SMALL.largest:
        others = SMALL.settings
    else:
        others = (choose(rows, [strip], pixel_bytes)[0].setting, *SURPRISE.settings)
    return [other for other in dict.fromkeys(others) if other != setting]


def _repeating(
    rows: ByteArray, of_class: Sequence[Strip], pixel_bytes: int, size: float, *, has_whole_rows: bool
) -> Setting | None:
    """Return the best setting for content that repeats itself; None if it does not.

    size: the share that its sample promises. has_whole_rows: that sample shows what is repeated along a row.
    """
    strip = of_class[len(of_class) // 2]
    period = _period(rows, strip)
    if has_whole_rows and not period:
        return None
    height = max(2, REPEATING.total // rows.shape[1], REPEATING.periods * period)
    sample = Sample(tiles(rows, [strip], Tiling(1, height, rows.shape[1]), pixel_bytes), pixel_bytes, whole_rows=True)
    first, *others = REPEATING.candidates
    tried = sample.tried(first)
    if tried.size >= REPEATING.share * size or tried.size >= REPEATING.share * sample.tried(REPEATING.flat).size:
        return None
    return min(tried, *map(sample.tried, others), key=lambda one: one.size).setting


def _period(rows: ByteArray, strip: Strip) -> int:
    """Return after how many rows those of this strip come again, within the window of deflate; 0: they do not."""
    row_bytes = rows.shape[1]
    lines = (strip.first + strip.last) // 2, strip.last - 1
    within = min(lines[0] - strip.first, WINDOW // row_bytes)

    def differing(line: int, above: int) -> NDArray[np.uint16]:
        """Return in how many bytes each of the rows `above` differs from this one, the nearest first."""
        unequal = (rows[line - above : line] != rows[line]).view(np.uint8)
        counts: NDArray[np.uint16] = unequal.sum(axis=1, dtype=np.uint16)[::-1]  # a third of the time of a wider type
        return counts

    # Most of what is flat ends here, which takes a tenth of the time of the rest.
    if within < 2 or sum(int(differing(line, 1)[0]) for line in lines) <= REPEATING.unlike * len(lines) * row_bytes:
        return 0
    of_rows = differing(lines[0], within) + differing(lines[1], within)
    best = int(np.argmin(of_rows))
    return 1 + best if of_rows[best] <= REPEATING.apart * of_rows[0] else 0


def _groups(classes: Iterable[int]) -> list[tuple[int, list[int]]]:
    """Return (class, strips) for all strips that share a setting: those of a class, but each one that is mixed alone."""
    groups: dict[tuple[int, int], list[int]] = {}
    for strip, number in enumerate(classes):
        groups.setdefault((number, strip if CONTENT_CLASSES[number].mixed else 0), []).append(strip)
    return [(number, members) for (number, _), members in groups.items()]


def _tried(content: ContentClass, sample: Sample) -> list[Tried]:
    """Return what becomes of the sample with each candidate that has a chance, by what quick matches leave of it."""
    candidates = content.candidates + (content.deep if sample.pixel_bytes > 4 else ())
    quick = [sample.tried(one) for one in candidates if one.method is Method.QUICK]
    limit = _HOPELESS * min((one.size for one in quick), default=math.inf)
    hopeless = {one.setting.filter_type for one in quick if one.size > limit}
    affordable = content.patience * _ABOUT * min((one.ns for one in quick), default=math.inf)
    return quick + [
        sample.tried(one)
        for one in candidates
        if one.filter_type not in hopeless
        and not (quick and compressor(one.method) == compressor(Method.QUICK))
        and _ns(one, size=0) <= affordable
    ]


def predicted(rows: ByteArray, strips: Sequence[Strip], pixel_bytes: int) -> NDArray[np.float64]:
    """Return for each tile of each strip which share of its bytes is predicted, from 0 to 1: (strips, tiles).

    Either by the byte of the pixel on the left or by the one above, whichever predicts more bytes of the tile.
    """
    pixels = tiles(rows, strips, TILES._replace(number=TILES.number * len(strips)), pixel_bytes)
    height, width = pixels.shape[1:]
    top, first = min(1, height - 1), pixel_bytes if width > pixel_bytes else 0
    below = pixels[:, top:, first:]

    def shares(neighbours: ByteArray) -> NDArray[np.float64]:
        # A row of a tile has at most TILES.width bytes, so a byte holds their sum: twice as fast as a wider type.
        sums = (below == neighbours).view(np.uint8).sum(axis=2, dtype=np.uint8).sum(axis=1)
        of_tiles: NDArray[np.float64] = sums / below[0].size
        return of_tiles

    of_tiles = np.maximum(shares(pixels[:, top:, : width - first]), shares(pixels[:, : height - top, first:]))
    of_strips: NDArray[np.float64] = of_tiles.reshape(len(strips), TILES.number)
    return of_strips


def classify(shares: NDArray[np.float64]) -> list[int]:
    """Return for each strip, of whose tiles these shares are predicted, the number of its class in CONTENT_CLASSES."""
    of_strips = shares.tolist()  # of so few numbers, Python is three times as fast as numpy
    two_contents = [min(tiles) < MIXED.worst_below and max(tiles) > MIXED.best_above for tiles in of_strips]
    classes = []
    for strip, tiles in enumerate(of_strips):
        mean = sum(tiles) / len(tiles)
        # Where all strips have two contents, side by side, they have the same two.
        mixed = two_contents[strip] and not all(two_contents[max(0, strip - 1) : strip + 2])
        classes.append(
            next(number for number, one in enumerate(CONTENT_CLASSES) if mean > one.above and (mixed or not one.mixed))
        )
    return classes


def quickest(tried: Sequence[Tried], content: ContentClass) -> Tried:
    """Return the quickest of those that are small enough."""
    small = _ABOUT * min(one.size for one in tried)
    least = min(one.ns for one in tried if one.size <= small)
    affordable = [one for one in tried if one.ns <= content.patience * least]
    small = content.slack * min(one.size for one in affordable)
    return min((one for one in affordable if one.size <= small), key=lambda one: one.ns)


def _ns(setting: Setting, size: float) -> float:
    """Return how long encoding takes, in nanoseconds for each byte, when it leaves this share of the size."""
    chosen = compressor(setting.method)
    return _ALWAYS_NS + FILTER_NS[setting.filter_type] + chosen.in_ns + chosen.out_ns * size


class Tried(NamedTuple):
    """A setting, the share of the size that it leaves, and the nanoseconds that it takes for each byte."""

    setting: Setting
    size: float
    ns: float


class Sample:
    """Tiles of a picture that stand for it."""

    def __init__(self, pixels: ByteArray, pixel_bytes: int, *, whole_rows: bool) -> None:
        """pixels: (tiles, rows, bytes). A tile's first row is there to predict the second one."""
        self._pixels = pixels
        self.pixel_bytes = pixel_bytes
        self._whole_rows = whole_rows
        self._residuals: dict[int, ByteArray] = {}

    def residual(self, filter_type: int) -> ByteArray:
        """Return the filtered bytes of all tiles but their first rows.

        Whole rows are as they are in the file. Other tiles lie side by side, because in the file, too, a row is far from
        the one above it. Their first pixels are left out: with them, Sub and Average look 12 % worse than they are.
        """
        if filter_type not in self._residuals:
            count, height, width = self._pixels.shape
            # One small picture, in which only the first rows have another tile above them.
            rows = self._pixels.reshape(-1, width)
            lines = filtered(rows, Strip(0, len(rows)), self.pixel_bytes, filter_type).reshape(count, height, -1)
            lines = lines[:, min(1, height - 1) :]
            if not self._whole_rows:
                first = 1 + (self.pixel_bytes if width > self.pixel_bytes else 0)
                lines = lines[:, :, first:].swapaxes(0, 1)
            self._residuals[filter_type] = lines.ravel()
        return self._residuals[filter_type]

    def tried(self, setting: Setting) -> Tried:
        residual = self.residual(setting.filter_type)
        deflated = sum(map(len, deflate(residual, setting.method, final=True))) - compressor(setting.method).once
        size = _LEAST + deflated / residual.size
        return Tried(setting, size, _ns(setting, size))


# Where in its strip a tile lies, as shares of height and width: evenly spread, whatever their number. M. Roberts's
# R2 sequence, https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
_PLACES = [(number * 0.7548776662 % 1, number * 0.5698402910 % 1) for number in range(1, 65)]


def tiles(rows: ByteArray, strips: Sequence[Strip], tiling: Tiling, pixel_bytes: int) -> ByteArray:
    """Return tiles of these strips, evenly spread over them, several of one strip if need be: (tiles, rows, bytes)."""
    cut = [rows[tile] for tile in _tiles(tuple(strips), tiling, rows.shape[1], pixel_bytes)]
    return np.concatenate(cut).reshape(len(cut), *cut[0].shape)


@lru_cache  # the frames of a sequence have the same shape: 0.03 ms for each
def _tiles(strips: tuple[Strip, ...], tiling: Tiling, row_bytes: int, pixel_bytes: int) -> list[tuple[slice, slice]]:
    width = max(pixel_bytes, min(tiling.width, row_bytes) // pixel_bytes * pixel_bytes)
    height = min(1 + tiling.rows, *(last - max(0, first - 1) for first, last in strips))
    columns = (row_bytes - width) // pixel_bytes + 1
    found = []
    for number, (down, right) in zip(range(tiling.number), cycle(_PLACES)):
        first, last = strips[number * len(strips) // tiling.number]
        top = max(0, first - 1)
        y, x = top + int(down * (last - top - height + 1)), int(right * columns) * pixel_bytes
        found.append((slice(y, y + height), slice(x, x + width)))
    return found
