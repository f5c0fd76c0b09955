"""The settings that the encoder chooses, for unambiguous pictures and for the corpus of the benchmarks."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import corpus
from io_utils.formats.png import encode as png
from io_utils.formats.png import strategy
from io_utils.formats.png.encode import encode_png
from io_utils.formats.png.filters import AVERAGE, NONE, SUB, UP, Strip, filtered
from io_utils.formats.png.strategy import CONTENT_CLASSES, Limit, Measures, Setting, choose, classify
from io_utils.formats.zlib_engines import Method, deflate

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

SIDE = 512
RNG = np.random.default_rng(0)
Y, X = np.mgrid[0:SIDE, 0:SIDE]


def photograph() -> Pixels:
    smooth = np.stack([128 + 60 * np.sin(X / 90 + Y / 70 * k) for k in (1, 2, 3)], -1)
    return (smooth + RNG.normal(0, 1.5, smooth.shape)).clip(0, 255).astype(np.uint8)


def grey(plane: Pixels) -> Pixels:
    return np.repeat(plane[..., None], 3, -1)


def noise() -> Pixels:
    return RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def disc() -> Pixels:
    return (np.hypot(X - 256, Y - 256) < 170).astype(np.uint8)


def tapestry() -> Pixels:
    """A pattern of many colours, repeated along each row and otherwise unpredictable."""
    return np.tile(RNG.integers(0, 256, (SIDE, 32, 3), np.uint8), (1, SIDE // 32, 1))


PICTURES = {
    "photograph": photograph(),
    "grey photograph": grey(photograph()[..., 0]),
    "noise": noise(),
    "grey noise": grey(noise()[..., 0]),
    "black and white mask": grey(disc() * np.uint8(255)),
    "flat colours": np.array([[200, 30, 40], [10, 90, 250]], np.uint8)[disc()],
    "ramp": grey((X // 2).astype(np.uint8)),
    "tapestry": tapestry(),
}


def strips(rows: Pixels, count: int = 4) -> list[Strip]:
    edges = [len(rows) * number // count for number in range(count + 1)]
    return [Strip(first, last) for first, last in pairwise(edges) if first < last]


def rows_of(pixels: Pixels) -> Pixels:
    return pixels.reshape(len(pixels), -1)


def chosen(pixels: Pixels) -> set[Setting]:
    rows = rows_of(pixels)
    return set(choose(rows, strips(rows), pixels.shape[-1]))


def size(pixels: Pixels, setting: Setting) -> int:
    rows = rows_of(pixels)
    lines = [filtered(rows, strip, pixels.shape[-1], setting.filter_type) for strip in strips(rows)]
    return sum(len(part) for line in lines for part in deflate(line, setting.method, final=True))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("photograph", Method.HUFFMAN),
        ("grey photograph", Method.MATCHES),
        ("noise", Method.STORED),
        ("grey noise", Method.TRIPLES),
        ("black and white mask", Method.RUNS),
        ("flat colours", Method.REPEATS),
    ],
)
def test_each_content_gets_the_method_that_suits_it(name: str, method: Method) -> None:
    assert {setting.method for setting in chosen(PICTURES[name])} == {method}


@pytest.mark.parametrize("name", PICTURES)
def test_no_other_setting_makes_the_picture_much_smaller(name: str) -> None:
    """The limit is 3 %, and twice that here, because a sample of such a small picture is less reliable."""
    (setting,) = chosen(PICTURES[name])
    others = [Setting(filter_type, method) for filter_type in (NONE, SUB, UP, AVERAGE) for method in Method]

    best = min(others, key=lambda other: size(PICTURES[name], other))

    assert size(PICTURES[name], setting) <= 1.06 * size(PICTURES[name], best) + 100, best


def test_strips_of_different_content_get_different_settings() -> None:
    pixels = np.concatenate([PICTURES["photograph"], PICTURES["black and white mask"], PICTURES["noise"]])
    rows = rows_of(pixels)

    methods = [setting.method for setting in choose(rows, strips(rows, 3), 3)]

    assert methods == [Method.HUFFMAN, Method.RUNS, Method.STORED]


def test_the_same_picture_gets_the_same_settings() -> None:
    rows = rows_of(PICTURES["photograph"])
    assert choose(rows, strips(rows), 3) == choose(rows.copy(), strips(rows), 3)


@given(
    st.integers(1, 30), st.integers(1, 40), st.sampled_from([1, 2, 3, 4, 6, 8]), st.integers(1, 6), st.integers(0, 99)
)
def test_pictures_of_any_size_get_a_setting_for_each_strip(
    height: int, width: int, pixel: int, count: int, seed: int
) -> None:
    rows = np.random.default_rng(seed).integers(0, 3, (height, width * pixel), np.uint8)
    cut = strips(rows, count)

    assert len(choose(rows, cut, pixel)) == len(cut)


# Content of the corpus, by kind and variant, and the classes of its strips.
CORPUS = {
    "photo 0": {"noisy"},
    "grey photo 0": {"grey", "mixed"},
    "photo 1": {"noisy"},
    "grey photo 1": {"grey"},
    "photo 2": {"noisy"},
    "grey photo 2": {"grey"},
    "smooth 0": {"smooth", "gradient"},
    "smooth 1": {"gradient"},
    "smooth 2": {"smooth"},
    "text 0": {"graphic"},
    "text 1": {"graphic", "flat"},  # a strip with next to no text on it is flat
    "text 2": {"graphic", "flat"},
    "mask 0": {"flat"},
    "mask 1": {"flat"},
    "mask 2": {"flat"},
    "depth 0": {"gradient"},
    "depth 1": {"gradient", "flat"},
    "depth 2": {"gradient"},
    "noise 0": {"noise"},
    "noise 1": {"grey"},  # in three equal channels
    "noise 2": {"noise"},
    "mixed 0": {"flat", "mixed", "noisy"},  # letterboxed: bars, strips with a bar's edge, photograph
    "mixed 1": {"noisy", "mixed", "graphic"},  # photograph, the strip where the text begins, text
    "mixed 2": {"mixed"},
}


class Distance(NamedTuple):
    """Content on both sides of a limit, and how far the limit could move before a strip of either crosses it."""

    content_class: str
    measure: str
    inside: str
    margin_inside: float
    outside: str
    margin_outside: float


DISTANCES = [
    Distance("flat", "predicted", "mask", 0.019, "depth 2", 0.024),
    Distance("mixed", "worst_tile", "mixed 2", 0.07, "text", 0.01),
    Distance("mixed", "best_tile", "mixed 2", 0.14, "smooth 2", 0.2),
    Distance("gradient", "predicted", "depth", 0.14, "smooth 2", 0.16),
    Distance("gradient", "small_steps", "depth 0", 0.04, "text 0", 0.02),
    Distance("graphic", "predicted", "text", 0.04, "smooth 2", 0.16),
    Distance("grey", "repeated", "grey photo", 0.23, "noise 0", 0.14),
    Distance("smooth", "predicted", "smooth", 0.006, "photo", 0.02),
    Distance("noise", "predicted", "noise 0", 0.02, "photo", 0.038),
]


@lru_cache(maxsize=2)
def frame(kind: str, seed: int) -> Pixels:
    return corpus.frames(kind, (1024, 1024), seed)


def pictures(content: str) -> list[Pixels]:
    """Return the two pictures of "photo 2", or all six of "photo", in the size of README's figures."""
    kind, _, variant = content.removeprefix("grey ").partition(" ")
    seeds = [seed for seed in corpus.TUNING_SEEDS + corpus.HELD_OUT_SEEDS if not variant or seed % 3 == int(variant)]
    frames = [frame(kind, seed) for seed in seeds]
    return [grey(pixels[..., 0]) for pixels in frames] if content.startswith("grey ") else frames


@cache
def measured(content: str) -> list[Measures]:
    """Return the measures of the strips of each picture, which the encoder cuts."""
    if content[-1].isdigit():
        rows = [rows_of(picture) for picture in pictures(content)]
        return [Measures(lines, png._strips(*lines.shape), 3) for lines in rows]
    return [measures for variant in range(3) for measures in measured(f"{content} {variant}")]


class TestContentClasses:
    """The table of the strategy. A changed number in it shows here which content changes its class."""

    @pytest.mark.parametrize("content", CORPUS)
    def test_every_strip_of_the_corpus_is_in_a_class_that_suits_it(self, content: str) -> None:
        found = {CONTENT_CLASSES[number].name for measures in measured(content) for number in classify(measures)}

        assert found == CORPUS[content]

    def test_every_limit_has_content_on_both_sides(self) -> None:
        limits = [(content.name, limit.measure) for content in CONTENT_CLASSES for limit in content.limits]

        assert limits == [(row.content_class, row.measure) for row in DISTANCES]

    @pytest.mark.parametrize("row", DISTANCES, ids=lambda row: f"{row.content_class}, {row.measure}")
    def test_content_keeps_its_distance_from_a_limit(self, row: Distance) -> None:
        (limit,) = (
            limit
            for content in CONTENT_CLASSES
            for limit in content.limits
            if (content.name, limit.measure) == (row.content_class, row.measure)
        )

        def moved(by: float) -> Limit:
            """Return the limit, harder to keep by this margin."""
            return limit._replace(above=limit.above + by, below=limit.below - by)

        assert all(moved(row.margin_inside).holds(measures).all() for measures in measured(row.inside)), row.inside
        assert not any(moved(-row.margin_outside).holds(measures).any() for measures in measured(row.outside)), (
            row.outside
        )

    @pytest.mark.parametrize(
        ("name", "content", "growth"),
        [
            ("flat", "mask 0", 1.3),
            ("mixed", "mixed 0", 1.02),
            ("gradient", "depth 0", 1.28),
            ("grey", "grey photo 2", 1.24),
        ],
    )
    def test_without_a_class_its_content_grows(
        self, name: str, content: str, growth: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other classes save time, or bytes on content of another size."""

        def sizes() -> list[int]:
            return [len(encode_png(picture)) for picture in pictures(content)]

        before = sizes()
        monkeypatch.setattr(strategy, "CONTENT_CLASSES", [row for row in CONTENT_CLASSES if row.name != name])

        assert all(now > growth * then for now, then in zip(sizes(), before))
