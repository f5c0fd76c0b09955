"""What the encoder chooses for a picture, by pictures that leave no doubt."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.choice import Setting, choose
from io_utils.deflate import Method, deflate
from io_utils.filters import AVERAGE, NONE, SUB, UP, Strip, filtered

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
    """3 % is the limit; what a sample of a picture this small cannot tell is allowed twice that."""
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
