"""Colour spaces by name, and conversions. Judged by OpenColorIO and colour-science, to 1e-5."""

from __future__ import annotations

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.colour import spaces
from io_utils.colour.spaces import (
    ACES2065_1,
    ACESCG,
    AP1,
    FILE_COLOR_SPACES,
    IMAGE_COLOR_SPACES,
    LINEAR_P3_D65,
    LINEAR_REC709,
    LINEAR_REC2020,
    REC709,
    SRGB,
    Chromaticities,
    ColorSpace,
    color_space,
    conversion,
    file_color_spaces,
)
from io_utils.errors import ChromaticitiesError, ColorSpaceError

PACK = Path(__file__).resolve().parents[2]
XYZ = ColorSpace.linear(Chromaticities((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3)))

LINEAR = [LINEAR_REC709, LINEAR_REC2020, LINEAR_P3_D65, ACESCG, ACES2065_1]
ALL = [SRGB, *LINEAR]
PAIRS = [pytest.param(*pair, id=f"{pair[0].name} to {pair[1].name}") for pair in itertools.permutations(ALL, 2)]
LINEAR_PAIRS = [
    pytest.param(*pair, id=f"{pair[0].name} to {pair[1].name}") for pair in itertools.permutations(LINEAR, 2)
]
STUDIO_NAMES = {
    SRGB: "sRGB - Texture",
    LINEAR_REC709: "lin_rec709",
    LINEAR_REC2020: "lin_rec2020",
    LINEAR_P3_D65: "lin_p3d65",
    ACESCG: "ACEScg",
    ACES2065_1: "ACES2065-1",
}
SCIENCE_NAMES = {
    SRGB: "sRGB",
    LINEAR_REC709: "ITU-R BT.709",
    LINEAR_REC2020: "ITU-R BT.2020",
    LINEAR_P3_D65: "P3-D65",
    ACESCG: "ACEScg",
    ACES2065_1: "ACES2065-1",
}


def converted(source: ColorSpace, target: ColorSpace, pixels: np.ndarray) -> np.ndarray:
    convert = conversion(source, target)
    return pixels.copy() if convert is None else convert(pixels.copy())


def colours(low: float, high: float, *, shape: tuple[int, ...] = (50, 60, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5, scale: float = 1) -> None:
    """Within `tolerance`, relative to `scale` and to larger values."""
    np.testing.assert_array_less(np.abs(actual - expected), tolerance * np.maximum(scale, np.abs(expected)))


class TestJudgedByOpenColorIO:
    @pytest.mark.parametrize(("source", "target"), PAIRS)
    @pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 16)])
    def test_conversions_are_those_of_its_studio_config(self, by_ocio, source, target, low: float, high: float) -> None:
        pixels = colours(low, high)
        if target is SRGB:  # colours inside of Rec. 709: below 0 its texture space continues the linear piece
            pixels = np.maximum(converted(LINEAR_REC709, source, colours(low, high)), 0)
            keep = (converted(source, LINEAR_REC709, pixels) >= 0).all(axis=-1)
            pixels = pixels[keep][None]
            assert pixels.size > 1000

        # A channel near 0 is the difference of larger ones in float32, both there and here.
        expected = by_ocio(STUDIO_NAMES[source], STUDIO_NAMES[target], pixels)
        assert_close(converted(source, target, pixels), expected, scale=max(1, high / 4))

    @pytest.mark.parametrize(("source", "target"), LINEAR_PAIRS)
    def test_linear_conversions_are_the_same_below_0(self, by_ocio, source, target) -> None:
        pixels = colours(-4, 4)

        assert_close(converted(source, target, pixels), by_ocio(STUDIO_NAMES[source], STUDIO_NAMES[target], pixels))

    @pytest.mark.parametrize("encode", [True, False])
    def test_the_curve_is_mirrored_below_0_like_that_of_its_srgb_display(self, by_ocio, encode: bool) -> None:
        pixels = colours(-4, 4)
        ours, theirs = (LINEAR_REC709, SRGB), ("lin_rec709", "sRGB - Display")
        if not encode:
            ours, theirs = (SRGB, LINEAR_REC709), ("sRGB - Display", "lin_rec709")

        assert_close(converted(*ours, pixels), by_ocio(*theirs, pixels))


class TestJudgedByColourScience:
    @pytest.mark.parametrize(("source", "target"), LINEAR_PAIRS)
    def test_matrices_are_its_bradford_matrices(self, colour_science: Any, source, target) -> None:
        known = colour_science.RGB_COLOURSPACES
        pixels = colours(-4, 4)
        matrix = colour_science.matrix_RGB_to_RGB(
            known[SCIENCE_NAMES[source]], known[SCIENCE_NAMES[target]], chromatic_adaptation_transform="Bradford"
        )

        # Its spaces hold published matrices with four to ten decimals.
        assert_close(converted(source, target, pixels), pixels @ matrix.T, 1e-4)

    @pytest.mark.parametrize(("source", "target"), LINEAR_PAIRS)
    def test_matrices_are_those_that_it_derives_from_the_primaries(self, colour_science: Any, source, target) -> None:
        pixels = colours(-4, 4)
        derived = []
        for space in (source, target):
            known = colour_science.RGB_COLOURSPACES[SCIENCE_NAMES[space]].copy()
            known.use_derived_transformation_matrices(True)
            derived.append(known)
        matrix = colour_science.matrix_RGB_to_RGB(*derived, chromatic_adaptation_transform="Bradford")

        assert_close(converted(source, target, pixels), pixels @ matrix.T)

    @pytest.mark.parametrize("high", [1, 16])
    def test_curves_are_its_srgb_curves(self, colour_science: Any, high: float) -> None:
        """Below 0 it continues the linear piece."""
        pixels = colours(0, high)

        assert_close(converted(SRGB, LINEAR_REC709, pixels), colour_science.cctf_decoding(pixels, "sRGB"))
        assert_close(converted(LINEAR_REC709, SRGB, pixels), colour_science.cctf_encoding(pixels, "sRGB"))

    def test_files_with_xyz_in_their_channels_are_understood(self, colour_science: Any) -> None:
        pixels = colours(0, 1)
        rec709 = colour_science.RGB_COLOURSPACES["ITU-R BT.709"].copy()
        rec709.use_derived_transformation_matrices(True)
        expected = colour_science.XYZ_to_RGB(pixels, rec709, apply_cctf_encoding=False)

        assert_close(converted(XYZ, LINEAR_REC709, pixels), expected)


class TestAConversion:
    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_there_and_back_is_the_identity(self, source, target) -> None:
        """With other primaries to 5e-6: the curve makes an error of float32 near black 12.92 times as large."""
        pixels = colours(0, 1)

        assert_close(converted(target, source, converted(source, target, pixels)), pixels, 5e-6)

    @pytest.mark.parametrize(("source", "target"), [(SRGB, LINEAR_REC709), (LINEAR_REC709, SRGB)])
    def test_between_srgb_and_linear_and_back_is_the_identity_to_1e_6(self, source, target) -> None:
        pixels = colours(-1, 4, shape=(500, 500, 3))

        assert np.abs(converted(target, source, converted(source, target, pixels)) - pixels).max() < 1e-6

    @pytest.mark.parametrize(("source", "target"), LINEAR_PAIRS)
    def test_between_linear_spaces_and_back_is_the_identity_to_3e_6(self, source, target) -> None:
        pixels = colours(-1, 4)

        assert_close(converted(target, source, converted(source, target, pixels)), pixels, 3e-6)

    @pytest.mark.parametrize("space", [*ALL, XYZ], ids=lambda space: space.name)
    def test_to_the_same_space_does_not_exist(self, space: ColorSpace) -> None:
        assert conversion(space, space) is None

    @pytest.mark.parametrize("space", LINEAR, ids=lambda space: space.name)
    def test_from_a_files_own_chromaticities_does_not_exist_if_they_are_the_spaces(self, space: ColorSpace) -> None:
        """EXR holds them as float32."""
        assert space.chromaticities is not None
        stored = np.array(space.chromaticities, np.float32).astype(float)
        same = ColorSpace.linear(Chromaticities(*map(tuple, stored)))

        assert conversion(same, space) is None
        assert conversion(space, same) is None

    def test_works_in_place(self) -> None:
        pixels = colours(0, 1)
        convert = conversion(SRGB, ACESCG)
        assert convert is not None

        assert convert(pixels) is pixels

    @pytest.mark.parametrize("make", ["read-only", "every other column", "columns first"])
    def test_makes_a_new_array_of_one_that_it_cannot_convert_in_place(self, make: str) -> None:
        pixels = colours(0, 1)
        if make == "read-only":
            pixels.setflags(write=False)
        else:
            pixels = pixels[:, ::2] if make == "every other column" else pixels.transpose(1, 0, 2)
        before = pixels.copy()
        convert = conversion(SRGB, ACESCG)
        assert convert is not None

        result = convert(pixels)

        np.testing.assert_array_equal(pixels, before)
        np.testing.assert_array_equal(result, convert(before))

    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_of_grey_is_that_of_three_equal_channels(self, source, target) -> None:
        grey = colours(-1, 4, shape=(30, 1000, 1))
        convert = conversion(source, target)
        assert convert is not None
        assert convert.keeps_grey

        result = convert(grey.copy())

        assert result.shape == grey.shape
        assert_close(np.repeat(result, 3, axis=2), converted(source, target, np.repeat(grey, 3, axis=2)), 1e-6)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_of_a_pixel_does_not_depend_on_its_place(self, channels: int) -> None:
        """Frames larger than a block, and a last block of any length."""
        pixels = colours(-1, 4, shape=(3, 50_001, channels))

        whole = converted(SRGB, ACESCG, pixels)

        rows = np.concatenate([converted(SRGB, ACESCG, pixels[row : row + 1]) for row in range(3)])
        np.testing.assert_array_equal(whole, rows)
        np.testing.assert_array_equal(whole[:, 1:], converted(SRGB, ACESCG, np.ascontiguousarray(pixels[:, 1:])))

    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_of_no_pixels_is_no_pixels(self, source, target) -> None:
        assert converted(source, target, np.empty((0, 7, 3), np.float32)).shape == (0, 7, 3)

    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_never_warns_and_keeps_nan(self, source, target) -> None:
        """pytest makes every warning an error."""

        @given(st.lists(st.floats(width=32), min_size=3, max_size=3))
        def check(pixel: list[float]) -> None:
            result = converted(source, target, np.array(pixel, np.float32).reshape(1, 1, 3))
            assert not (~np.isnan(result[0, 0]) & np.isnan(pixel)).any()

        check()

    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_keeps_white_and_black(self, source, target) -> None:
        pixels = np.array([0, 0, 0, 1, 1, 1], np.float32).reshape(1, 2, 3)
        expected = pixels.copy()

        result = converted(source, target, pixels)

        np.testing.assert_array_equal(result[0, 0], expected[0, 0])
        np.testing.assert_allclose(result, expected, atol=3e-7)

    def test_between_linear_spaces_is_linear(self) -> None:
        @given(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), st.sampled_from([0.25, 2.0, 1024.0]))
        def check(pixel: list[float], gain: float) -> None:
            pixels = np.array(pixel, np.float32).reshape(1, 1, 3)
            result = converted(ACESCG, LINEAR_REC2020, pixels)
            np.testing.assert_allclose(
                converted(ACESCG, LINEAR_REC2020, pixels * np.float32(gain)), result * gain, rtol=1e-6, atol=1e-37
            )

        check()

    def test_may_run_in_many_threads_at_once(self) -> None:
        frames = [colours(-1, 4, shape=(200, 200, 3), seed=seed) for seed in range(8)]
        convert = conversion(SRGB, ACESCG)
        assert convert is not None
        expected = [convert(frame.copy()) for frame in frames]

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda frame: convert(frame.copy()), frames))

        for result, one_by_one in zip(results, expected):
            np.testing.assert_array_equal(result, one_by_one)


class TestChromaticities:
    def test_of_a_file_name_a_linear_space(self) -> None:
        space = ColorSpace.linear(AP1)

        assert (space.name, space.chromaticities, space.is_srgb_encoded) == ("the file's chromaticities", AP1, False)
        assert conversion(space, ACESCG) is None

    def test_that_make_no_colour_space_are_refused(self) -> None:
        with pytest.raises(ChromaticitiesError, match=r"0\.64 0\.33, 0 0, 0 0, 0 0"):
            ColorSpace.linear(Chromaticities(REC709.red, (0, 0), (0, 0), (0, 0)))


class TestNames:
    def test_of_the_built_in_spaces_are_found(self) -> None:
        assert [color_space(space.name) for space in ALL] == ALL
        assert list(FILE_COLOR_SPACES) == ["automatic", "as stored", *(space.name for space in ALL)]
        assert list(IMAGE_COLOR_SPACES) == ["sRGB", "linear Rec.709", "ACEScg"]

    def test_are_found_in_any_case(self) -> None:
        assert color_space("acescg") is ACESCG
        assert color_space("Linear Rec.2020") is LINEAR_REC2020

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("ACEScgg", "ACEScg"),
            ("aces cg", "ACEScg"),
            ("rec709", "linear Rec.709"),
            ("Rec.2020", "linear Rec.2020"),
            ("srgb ", "sRGB"),
            ("Automatic", "automatic"),
            ("P3", "linear P3-D65"),
        ],
    )
    def test_that_are_unknown_are_refused_with_the_nearest_first(self, without_ocio, name: str, nearest: str) -> None:
        with pytest.raises(ColorSpaceError) as caught:
            color_space(name)

        assert str(caught.value).startswith(f"Did you mean {nearest!r}? There is no colour space {name!r}. ")
        assert (caught.value.name, caught.value.nearest) == (name, nearest)
        assert caught.value.available == list(FILE_COLOR_SPACES)

    @pytest.mark.parametrize(
        "name", ["", "\0", "x" * 1_000_000, "/etc/passwd", "../config.ocio", "ocio://default", "\ud800"]
    )
    def test_may_be_anything(self, name: str) -> None:
        with pytest.raises(ColorSpaceError) as caught:
            color_space(name)
        assert len(str(caught.value)) < 3000

    def test_without_opencolorio_the_error_says_how_to_get_more(self, without_ocio) -> None:
        with pytest.raises(ColorSpaceError, match="run `pip install opencolorio` in ComfyUI's Python"):
            color_space("ARRI LogC4")

    def test_with_opencolorio_the_error_does_not(self, ocio) -> None:
        with pytest.raises(ColorSpaceError, match=r"^Did you mean 'ARRI LogC4'\?") as caught:
            color_space("ARRI LogC5")
        assert "pip install" not in str(caught.value)
        assert "S-Log3 S-Gamut3" in caught.value.available

    def test_without_opencolorio_are_the_built_in_ones(self, without_ocio) -> None:
        assert file_color_spaces() == FILE_COLOR_SPACES


def test_importing_the_room_imports_neither_opencolorio_nor_colour_science() -> None:
    code = "import sys; from io_utils.colour import curves, ocio, primaries, spaces; "
    code += "sys.exit(str(sorted({'PyOpenColorIO', 'colour'} & set(sys.modules)) or ''))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACK, capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""


def test_the_names_of_this_room_are_where_others_look_for_them() -> None:
    assert {"REC709", "REC2020", "P3_D65", "AP1", "AP0", "Chromaticities"} <= set(vars(spaces))
