"""Matrices between primaries. The judges are OpenColorIO and colour-science, in test_spaces.py; here are known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from io_utils.colour.primaries import AP0, AP1, P3_D65, REC709, REC2020, Chromaticities, to_xyz_d65
from io_utils.errors import ChromaticitiesError

ALL = {"Rec. 709": REC709, "Rec. 2020": REC2020, "P3-D65": P3_D65, "AP1": AP1, "AP0": AP0}
XYZ = Chromaticities((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3))


def test_rec_709_has_the_matrix_of_the_srgb_standard() -> None:
    """IEC 61966-2-1, equation 7, which has four decimals."""
    standard = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]

    np.testing.assert_allclose(to_xyz_d65(REC709), standard, atol=6e-5)


@pytest.mark.parametrize("chromaticities", list(ALL.values()), ids=list(ALL))
def test_white_becomes_d65(chromaticities: Chromaticities) -> None:
    np.testing.assert_allclose(to_xyz_d65(chromaticities) @ [1, 1, 1], [0.3127 / 0.329, 1, 0.3583 / 0.329], rtol=1e-12)


def test_channels_that_are_x_y_and_z_are_not_adapted() -> None:
    np.testing.assert_array_equal(to_xyz_d65(XYZ), np.eye(3))


@pytest.mark.parametrize("chromaticities", [REC709, REC2020, P3_D65], ids=["Rec. 709", "Rec. 2020", "P3-D65"])
def test_primaries_keep_their_chromaticities_where_white_is_d65(chromaticities: Chromaticities) -> None:
    for primary, column in zip(chromaticities, to_xyz_d65(chromaticities).T):
        np.testing.assert_allclose(column[:2] / column.sum(), primary, atol=1e-12)


@pytest.mark.parametrize(
    "chromaticities",
    [
        pytest.param(Chromaticities((0, 0), (0, 0), (0, 0), (0, 0)), id="all zero"),
        pytest.param(Chromaticities((0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.3127, 0.329)), id="primaries on a line"),
        pytest.param(Chromaticities(*REC709[:3], (0.3, 0.0)), id="white without luminance"),
        pytest.param(Chromaticities(*REC709[:3], (0.64, 0.33)), id="white is red"),
        pytest.param(Chromaticities((float("nan"), 0.3), *REC709[1:]), id="nan"),
        pytest.param(Chromaticities((float("inf"), 0.3), *REC709[1:]), id="infinity"),
        pytest.param(Chromaticities(REC709.red, REC709.red, *REC709[2:]), id="the same primary twice"),
    ],
)
def test_chromaticities_that_make_no_colour_space_are_refused(chromaticities: Chromaticities) -> None:
    with pytest.raises(ChromaticitiesError, match=r"^Set file_color_space .* make no colour space\.$") as caught:
        to_xyz_d65(chromaticities)

    assert caught.value.chromaticities is chromaticities
