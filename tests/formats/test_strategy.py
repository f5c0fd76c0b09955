"""The settings that the encoder chooses, for unambiguous pictures and for the corpus of the benchmarks."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import corpus
from benchmarks.engines import by_pillow, pillow
from io_utils.formats import zlib_engines
from io_utils.formats.png import encode as png
from io_utils.formats.png import strategy
from io_utils.formats.png.filters import AVERAGE, NONE, PAETH, SUB, UP, Strip, filtered
from io_utils.formats.png.strategy import CONTENT_CLASSES, ContentClass, Setting, choose, classify, predicted
from io_utils.formats.zlib_engines import Method, deflate

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

STORED, HUFFMAN, RUNS, QUICK, MATCHES, SEARCH = Method

# The figures below are those of the libraries that requirements.txt names.
ACCELERATED = pytest.mark.skipif(
    not (zlib_engines.isal_zlib and zlib_engines.zlib_ng), reason="ISA-L or zlib-ng is not installed"
)

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


def wallpaper(high: int, wide: int) -> Pixels:
    """A picture of 1024 x 1024 of a photographic texture in this size, repeated."""
    rng = np.random.default_rng(3)
    coarse = rng.normal(size=(high // 8 + 2, wide // 8 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_CUBIC)
    texture = (128 + 60 * smooth + rng.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8)
    return np.tile(texture, (1024 // high + 1, 1024 // wide + 1, 1))[:1024, :1024]


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
    return {choice.setting for choice in choose(rows, strips(rows), pixels.shape[-1])}


def size(pixels: Pixels, setting: Setting) -> int:
    rows = rows_of(pixels)
    lines = [filtered(rows, strip, pixels.shape[-1], setting.filter_type) for strip in strips(rows)]
    return sum(len(part) for line in lines for part in deflate(line, setting.method, final=True))


@ACCELERATED
@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("photograph", HUFFMAN),
        ("grey photograph", QUICK),
        ("noise", STORED),
        ("grey noise", STORED),
        ("black and white mask", RUNS),
        ("flat colours", MATCHES),
    ],
)
def test_each_content_gets_the_method_that_suits_it(name: str, method: Method) -> None:
    assert {setting.method for setting in chosen(PICTURES[name])} == {method}


@ACCELERATED
@pytest.mark.parametrize("name", PICTURES)
def test_a_setting_that_makes_the_picture_much_smaller_takes_much_longer(name: str) -> None:
    """The limits are 7 % and 2.3 times; here 13 % and twice, because a sample of such a small picture is less reliable."""
    (setting,) = chosen(PICTURES[name])
    raw = PICTURES[name].nbytes
    sizes = {
        Setting(filter_type, method): size(PICTURES[name], Setting(filter_type, method))
        for filter_type in (NONE, SUB, UP, AVERAGE, PAETH)
        for method in Method
    }

    much_smaller = [other for other in sizes if 1.13 * sizes[other] + 100 < sizes[setting]]

    least = 2 * strategy._ns(setting, sizes[setting] / raw)
    assert [other for other in much_smaller if strategy._ns(other, sizes[other] / raw) < least] == []


def test_a_steep_sawtooth_is_not_taken_for_noise() -> None:
    """No byte equals its neighbours, but all differ by the same."""
    sawtooth = grey(np.abs((3 * X + Y) % 194 - 97).astype(np.uint8))
    (setting,) = chosen(sawtooth)

    assert size(sawtooth, setting) < 0.03 * sawtooth.nbytes


@ACCELERATED
@pytest.mark.parametrize(("high", "wide"), [(32, 32), (16, 32), (64, 64), (100, 10), (40, 97)])
def test_a_repeated_texture_is_not_taken_for_a_photograph_or_noise(high: int, wide: int) -> None:
    """Without REPEATING, 4 to 15 times Pillow's bytes."""
    wall = wallpaper(high, wide)

    file = png.encode_png(wall)

    assert len(file) < 1.35 * len(pillow(wall))
    assert np.array_equal(by_pillow(file), wall)


@ACCELERATED
@pytest.mark.parametrize(("high", "wide", "most"), [(3, 1024, 0.03), (6, 1024, 0.05), (10, 1024, 0.07), (9, 700, 0.10)])
def test_a_repeated_texture_may_be_lower_than_any_sample(high: int, wide: int, most: float) -> None:
    """It comes again within the window of deflate. Otherwise, 0.07, 0.12, 0.30 and 0.11 of the pixels' bytes are left."""
    wall = wallpaper(high, wide)

    file = png.encode_png(wall)

    assert len(file) < most * wall.nbytes
    assert np.array_equal(by_pillow(file), wall)


@given(st.lists(st.sampled_from(["wallpaper", *PICTURES]), min_size=2, max_size=5), st.data())
@settings(max_examples=40)
def test_contents_one_above_the_other_survive(names: list[str], data: st.DataObject) -> None:
    """Their borders are not those of strips, and a strip's setting may differ from that of the one above it."""
    bands = []
    for name in names:
        content = wallpaper(7, 100) if name == "wallpaper" else np.tile(PICTURES[name], (1, 2, 1))
        bands.append(content[: data.draw(st.integers(1, SIDE))])
    pixels = np.concatenate(bands)

    assert np.array_equal(by_pillow(png.encode_png(pixels)), pixels)


@ACCELERATED
def test_what_is_unlike_the_rest_of_its_class_is_judged_alone() -> None:
    """Scattered dots below a flat area, where no sample of the whole picture lies. Otherwise, 1.02 times Pillow's bytes."""
    dots = np.random.default_rng(7).random((124, 1024)) < 0.15
    pixels = np.full((1024, 1024, 3), 90, np.uint8)
    pixels[900:][dots] = 200, 30, 40

    assert len(png.encode_png(pixels)) < 0.85 * len(pillow(pixels))


@pytest.mark.parametrize("content", ["text_0", "depth_1", "depth_2"])
def test_a_strip_larger_than_expected_may_have_the_setting_that_is_tried_for_such_strips(content: str) -> None:
    """Pixel art, which gets runs and Paeth, with a strip of something else: there was nothing else to try, and an AttributeError."""
    pixels = frame("pixels_8").copy()
    pixels[880:1010] = frame(content)[300:430]

    assert np.array_equal(by_pillow(png.encode_png(pixels)), pixels)


@ACCELERATED
@pytest.mark.parametrize("scale", [30, 120])
def test_a_depth_map_in_rgb_of_16_bits_is_small_although_its_channels_are_equal(scale: float) -> None:
    """Without matches behind a filter, it takes 1.5 times the bytes."""
    plane = 0.5 + 0.2 * np.sin(X / scale + np.sin(Y / scale)) + 0.2 * np.sin(Y / scale * 1.7)
    depth = grey((plane * 65535).astype(np.uint16))
    rows = png._rows_of_bytes(depth)
    lines = [filtered(rows, strip, 6, UP) for strip in strips(rows)]
    matches = sum(len(part) for line in lines for part in deflate(line, MATCHES, final=True))

    assert len(png.encode_png(depth)) < 1.05 * matches


def test_strips_of_different_content_get_different_settings() -> None:
    pixels = np.concatenate([PICTURES["photograph"], PICTURES["black and white mask"], PICTURES["noise"]])
    rows = rows_of(pixels)

    methods = [choice.setting.method for choice in choose(rows, strips(rows, 3), 3)]

    assert methods == [HUFFMAN, RUNS, STORED]


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


# Content of the corpus, and the classes of its strips.
CORPUS = {
    "mask_2": {"plain"},
    "mask_hard": {"plain"},
    "cel_shaded": {"plain"},
    "segments": {"plain"},
    "skeleton": {"plain"},
    "sky": {"plain"},
    "one_colour": {"plain"},
    "steep_right_per_channel": {"plain"},
    "depth_1": {"plain"},
    "depth_2": {"plain"},
    "text_0": {"plain"},
    "text_1": {"plain"},
    "diagonal": {"plain"},
    "error_diffusion": {"plain"},
    "motion_smooth": {"plain"},
    "sparse_noise": {"plain"},
    "smooth_0": {"smooth"},
    "smooth_2": {"smooth"},
    "bayer_2_bits": {"smooth", "mixed"},
    "noise_1_bit": {"smooth"},
    "palette_256": {"smooth"},
    "steep_per_channel": {"smooth"},
    "dithered": {"smooth"},
    "mixed_2": {"smooth"},  # a photograph beside a flat panel, in all strips
    "photo_0": {"noisy"},
    "photo_1": {"noisy"},
    "photo_2": {"noisy"},
    "grain": {"noisy"},
    "jpeg_60": {"noisy"},
    "line_art": {"noisy"},
    "strong_noise": {"noisy"},
    "normals_rough": {"noisy"},
    "mixed_0": {"plain", "mixed", "noisy"},  # letterboxed: bars, strips with a bar's edge, photograph
    "mixed_1": {"noisy", "mixed", "plain"},  # photograph, the strip where the text begins, text
    "noise_0": {"noise"},
    "noise_1": {"noise"},
    "noise_2": {"noise"},
}


class Distance(NamedTuple):
    """Content on both sides of a limit, and how far the limit could move before a strip of either crosses it."""

    content_class: str
    inside: str
    margin_inside: float
    outside: str
    margin_outside: float


DISTANCES = [
    Distance("plain", "depth_2", 0.11, "smooth_0", 0.05),
    Distance("smooth", "smooth_2", 0.04, "photo_1", 0.05),
    Distance("noisy", "photo_2", 0.035, "noise_0", 0.018),
]


class Change(NamedTuple):
    """A change of the table, and how a content fares with it: bytes and time of encoding as multiples of those before."""

    content_class: str
    fields: dict[str, float] | None  # None: the class is left out
    content: str
    least_bytes: float
    least_time: float


# Each number, moved to either side, makes something larger or slower. Times are those of COMPRESSORS and FILTER_NS.
CHANGES = [
    Change("plain", None, "mask_hard", 2.8, 0.6),
    Change("smooth", None, "steep_per_channel", 1.04, 2.5),
    Change("noisy", None, "grey_photograph", 1.0, 1.2),
    Change("noisy", {"above": -1}, "noise_0", 1.0, 8),
    Change("plain", {"slack": 1.0}, "depth_1", 0.92, 1.15),
    Change("plain", {"slack": 1.2}, "cel_shaded", 1.3, 0.8),
    Change("smooth", {"slack": 1.0}, "smooth_0", 0.95, 1.3),
    Change("smooth", {"slack": 1.2}, "noise_1_bit", 1.15, 0.4),
    Change("noisy", {"slack": 1.0}, "strong_noise", 0.96, 1.1),
    Change("noisy", {"slack": 1.2}, "photo_0", 1.1, 0.6),
    Change("plain", {"patience": 1.2}, "skeleton", 1.25, 0.3),
    Change("plain", {"patience": 9}, "motion_smooth", 0.7, 2),
    Change("smooth", {"patience": 1.2}, "noise_1_bit", 1.15, 0.4),
    Change("smooth", {"patience": 9}, "smooth_0", 0.8, 1.3),
    Change("noisy", {"patience": 1.2}, "photo_1", 1.2, 0.4),
]

# A content for each candidate of a class, whose strips get it. Those without one were kept for real photographs and flows,
# which are not part of the corpus, and for the scouts: without quick matches, a filter type cannot be left out early.
CHOSEN = [
    ("plain", "mask_0", QUICK, NONE),
    ("plain", "diagonal", QUICK, UP),
    ("plain", "mask_hard", RUNS, NONE),
    ("plain", "sky", RUNS, SUB),
    ("plain", "one_colour", RUNS, UP),
    ("plain", "pixels_8", RUNS, PAETH),
    ("plain", "skeleton", MATCHES, NONE),
    ("plain", "depth_1", MATCHES, SUB),
    ("plain", "mask_2", MATCHES, UP),
    ("plain", "text_of_8_points", SEARCH, NONE),
    ("plain", "depth_2", SEARCH, SUB),
    ("plain", "mask_soft", SEARCH, UP),
    ("smooth", "palette_256", QUICK, NONE),
    ("smooth", "smooth_0", QUICK, UP),
    ("smooth", "noise_1_bit", MATCHES, NONE),
    ("smooth", "mixed_2", RUNS, SUB),
    ("smooth", "dithered", HUFFMAN, AVERAGE),
    ("noisy", "photo_0", HUFFMAN, AVERAGE),
    ("noisy", "normals_rough", HUFFMAN, PAETH),
    ("noisy", "jpeg_60", QUICK, UP),
    ("noisy", "grain", QUICK, AVERAGE),
    ("noise", "noise_0", STORED, NONE),
]


@cache
def frame(content: str) -> Pixels:
    """Return a picture of the corpus in the size of README's figures."""
    return corpus.TUNING.picture(content, (1024, 1024))


def cut(pixels: Pixels) -> tuple[Pixels, list[Strip], int]:
    """Return the arguments of `choose`, with the strips of the encoder."""
    rows = png._rows_of_bytes(pixels)
    return rows, png._strips(*rows.shape), png._bytes_per_pixel(pixels)


@cache
def shares(content: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return predicted(*cut(frame(content)))


def encoded(pixels: Pixels) -> tuple[int, float]:
    """Return the bytes of the strips, and the time to encode them by the figures of the tables."""
    rows, strips, pixel_bytes = cut(pixels)
    total, time = 0, 0.0
    for strip, choice in zip(strips, choose(rows, strips, pixel_bytes), strict=True):
        deflated = png._encode_strip(rows, pixel_bytes, strip, choice).size()
        raw = (strip.last - strip.first) * rows.shape[1]
        total, time = total + deflated, time + raw * strategy._ns(choice.setting, deflated / raw)
    return total, time


class TestContentClasses:
    """The table of the strategy. A changed number in it shows here which content it is good for."""

    @pytest.mark.parametrize("content", CORPUS)
    def test_every_strip_of_the_corpus_is_in_a_class_that_suits_it(self, content: str) -> None:
        found = {CONTENT_CLASSES[number].name for number in classify(shares(content))}

        assert found == CORPUS[content]

    def test_every_limit_has_content_on_both_sides(self) -> None:
        limits = [content.name for content in CONTENT_CLASSES if content.above > 0]

        assert limits == [row.content_class for row in DISTANCES]

    @pytest.mark.parametrize("row", DISTANCES, ids=lambda row: row.content_class)
    def test_content_keeps_its_distance_from_a_limit(self, row: Distance) -> None:
        (above,) = (content.above for content in CONTENT_CLASSES if content.name == row.content_class)

        assert shares(row.inside).mean(1).min() > above + row.margin_inside
        assert shares(row.outside).mean(1).max() < above - row.margin_outside

    @ACCELERATED
    @pytest.mark.parametrize("change", CHANGES, ids=lambda row: f"{row.content_class}, {row.fields}, {row.content}")
    def test_another_number_makes_some_content_larger_or_slower(
        self, change: Change, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bytes_before, time_before = encoded(frame(change.content))

        def changed(one: ContentClass) -> list[ContentClass]:
            if one.name != change.content_class:
                return [one]
            return [] if change.fields is None else [one._replace(**change.fields)]  # type: ignore[arg-type]

        table = tuple(row for one in CONTENT_CLASSES for row in changed(one))
        monkeypatch.setattr(strategy, "CONTENT_CLASSES", table)
        bytes_now, time_now = encoded(frame(change.content))

        assert bytes_now > 1.1 * bytes_before or time_now > 1.1 * time_before
        assert bytes_now >= change.least_bytes * bytes_before
        assert time_now >= change.least_time * time_before

    @ACCELERATED
    @pytest.mark.parametrize(("name", "content", "method", "filter_type"), CHOSEN)
    def test_every_candidate_suits_some_content(
        self, name: str, content: str, method: Method, filter_type: int
    ) -> None:
        classes = [CONTENT_CLASSES[number].name for number in classify(shares(content))]
        settings = [choice.setting for choice in choose(*cut(frame(content)))]

        assert (name, Setting(filter_type, method)) in zip(classes, settings, strict=True)

    @ACCELERATED
    def test_a_strip_much_larger_than_its_sample_promised_is_encoded_anew(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Boards are flat, and no tile of a sample lies on some of the worn joints between them."""
        size = len(png.encode_png(frame("normals_planks")))
        monkeypatch.setattr(strategy, "SURPRISE", strategy.SURPRISE._replace(times=math.inf))

        assert len(png.encode_png(frame("normals_planks"))) > 1.3 * size

    def test_a_strip_as_small_as_its_sample_promised_is_encoded_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried = list[Setting]()
        encode_with = png._encode_with

        def noting(*arguments: Any) -> Any:
            tried.append(arguments[-1])
            return encode_with(*arguments)

        monkeypatch.setattr(png, "_encode_with", noting)
        png.encode_png(frame("photo_0"))

        assert len(tried) == len(cut(frame("photo_0"))[1])

    def test_a_strip_with_two_contents_gets_a_setting_of_its_own(self) -> None:
        """A photograph above a page of text: their border is within a strip."""
        classes = [CONTENT_CLASSES[number].name for number in classify(shares("mixed_1"))]

        assert classes.count("mixed") == 1
        assert classes.index("mixed") == classes.index("plain") - 1
