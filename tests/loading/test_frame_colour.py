"""FrameColour: what happens to the colour of a file, by its header and the settings of a loader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from io_utils.colour.primaries import REC709, REC2020
from io_utils.errors import ChromaticitiesError, ColorSpaceError, OptionError
from io_utils.formats.base import Extent, Header, Stored
from io_utils.loading.frame_colour import ColourRequest, FrameColour

from ..srgb import encoded, linear


def header(**facts: Any) -> Header[None]:
    return Header((Extent(3, 2),), None, Stored(3, 8), **facts)


def converted(colour: FrameColour, facts: Header[None], values: np.ndarray) -> np.ndarray:
    convert, _ = colour.conversion(facts)
    pixels: np.ndarray = values.astype(np.float32).reshape(2, 3, 3)
    return pixels if convert is None else convert(pixels)


VALUES = np.linspace(0, 1, 18).reshape(2, 3, 3)
PNG, EXR = header(), header(chromaticities=REC709)


@pytest.mark.parametrize(
    ("settings", "facts", "result"),
    [
        pytest.param({}, PNG, VALUES, id="sRGB to sRGB"),
        pytest.param({}, EXR, encoded(VALUES), id="linear to sRGB"),
        pytest.param({"image_color_space": "linear Rec.709"}, PNG, linear(VALUES), id="sRGB to linear"),
        pytest.param({"image_color_space": "linear Rec.709"}, EXR, VALUES, id="linear to linear"),
        pytest.param({"file_color_space": "sRGB"}, EXR, VALUES, id="EXR that holds sRGB"),
        pytest.param({"file_color_space": "linear Rec.709"}, PNG, encoded(VALUES), id="PNG that holds linear light"),
        pytest.param({"file_color_space": "as stored"}, EXR, VALUES, id="as stored"),
        pytest.param({}, header(chromaticities=REC709, is_color=False), VALUES, id="data"),
        pytest.param({"file_color_space": "ACEScg"}, header(is_color=False), VALUES, id="data in any space"),
    ],
)
def test_colour_is_converted_and_data_are_not(
    settings: dict[str, str], facts: Header[None], result: np.ndarray
) -> None:
    found = converted(FrameColour(**settings), facts, VALUES)

    np.testing.assert_allclose(found, result, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "facts", "divides"),
    [
        pytest.param({}, header(chromaticities=REC709, alpha_is_associated=True), True, id="EXR"),
        pytest.param({}, header(alpha_is_associated=False), False, id="PNG"),
        pytest.param({"file_color_space": "as stored"}, header(alpha_is_associated=True), False, id="as stored"),
        pytest.param({}, header(alpha_is_associated=True, is_color=False), False, id="data"),
        pytest.param(
            {"image_color_space": "linear Rec.709"},
            header(chromaticities=REC709, alpha_is_associated=True),
            True,
            id="nothing to convert",
        ),
    ],
)
def test_colour_is_divided_by_associated_alpha(settings: dict[str, str], facts: Header[None], divides: bool) -> None:
    assert FrameColour(**settings).conversion(facts)[1] is divides


def test_a_name_takes_precedence_over_the_chromaticities_of_the_file() -> None:
    facts = header(chromaticities=REC2020)

    found = converted(FrameColour(file_color_space="linear Rec.709"), facts, VALUES)

    np.testing.assert_allclose(found, encoded(VALUES), rtol=0, atol=1e-6)
    assert np.abs(converted(FrameColour(), facts, VALUES) - encoded(VALUES)).max() > 0.01


def test_chromaticities_that_make_no_space_matter_only_where_they_are_used() -> None:
    facts = header(chromaticities=REC709._replace(white=(0.0, 0.0)))

    with pytest.raises(ChromaticitiesError):
        FrameColour().conversion(facts)
    assert FrameColour(file_color_space="as stored").conversion(facts) == (None, False)
    assert FrameColour(file_color_space="sRGB").conversion(facts) == (None, False)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"image_color_space": "as stored"}, OptionError),
        ({"image_color_space": "automatic"}, OptionError),
        ({"image_color_space": "ACES2065-1"}, OptionError),
        ({"image_color_space": "srgb"}, OptionError),
        ({"file_color_space": ""}, ColorSpaceError),
        ({"file_color_space": "Automatic"}, ColorSpaceError),
    ],
)
def test_an_unknown_space_cannot_be_set(settings: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        FrameColour(**settings)
    with pytest.raises(error):
        _ = ColourRequest(**settings).colour


def test_spaces_around_the_name_of_a_layer_do_not_matter() -> None:
    assert ColourRequest(layer=" depth.Z ").colour.layer == "depth.Z"
