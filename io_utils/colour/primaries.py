"""RGB primaries and white points as CIE xy chromaticities, and their matrices in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ChromaticitiesError

Matrix = npt.NDArray[np.float64]

D65 = (0.3127, 0.3290)
ACES_WHITE = (0.32168, 0.33767)  # near D60, SMPTE ST 2065-1

# The cone response of the Bradford transform, as in ICC.1:2022, annex E.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Beyond this condition number, float32 pixels lose four of their seven digits. AP0 has 4, Rec. 709 has 4.
_LARGEST_CONDITION = 1e4


class Chromaticities(NamedTuple):
    """CIE 1931 xy of the red, green and blue primaries and of white."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]


REC709 = Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)  # also sRGB's, IEC 61966-2-1
REC2020 = Chromaticities((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)
P3_D65 = Chromaticities((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)  # SMPTE EG 432-1
AP1 = Chromaticities((0.713, 0.293), (0.165, 0.830), (0.128, 0.044), ACES_WHITE)  # ACEScg, S-2014-004
AP0 = Chromaticities((0.7347, 0.2653), (0.0, 1.0), (0.0001, -0.0770), ACES_WHITE)  # ACES2065-1, SMPTE ST 2065-1

_XYZ = Chromaticities((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3))


def to_xyz(chromaticities: Chromaticities) -> Matrix:
    """The matrix from linear RGB to CIE XYZ, with Y = 1 for white.

    SMPTE RP 177, but primaries are taken as (x, y, 1 - x - y) instead of (x / y, 1, (1 - x - y) / y): the same matrix,
    and a primary may have y = 0, as in files whose channels are X, Y and Z.
    Raises ChromaticitiesError if no such matrix can be inverted.
    """
    with np.errstate(all="ignore"):
        primaries = np.array([(x, y, 1 - x - y) for x, y in chromaticities[:3]], np.float64).T
        try:
            matrix: Matrix = primaries * np.linalg.solve(primaries, _xyz(chromaticities.white))
            usable = bool(np.linalg.cond(matrix) < _LARGEST_CONDITION)
        except np.linalg.LinAlgError:
            usable = False
    if not usable:
        raise ChromaticitiesError(chromaticities)
    return matrix


def to_xyz_d65(chromaticities: Chromaticities) -> Matrix:
    """Like `to_xyz`, but white becomes D65, adapted with the Bradford transform.

    Channels that are X, Y and Z already hold CIE XYZ: their white of (1/3, 1/3) is no light that anything is adapted to.
    """
    if np.allclose(chromaticities[:3], _XYZ[:3], atol=1e-6):
        return np.eye(3)
    matrix = to_xyz(chromaticities)  # refuses a white point that has no XYZ
    return _adaptation(_xyz(chromaticities.white), _xyz(D65)) @ matrix


def _xyz(xy: tuple[float, float]) -> npt.NDArray[np.float64]:
    """XYZ of a white point, with Y = 1."""
    x, y = np.array(xy, np.float64)
    return np.array([x / y, 1, (1 - x - y) / y])


def _adaptation(white: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> Matrix:
    """The Bradford transform that takes the XYZ of `white` to that of `target`."""
    gains = (_BRADFORD @ target) / (_BRADFORD @ white)
    matrix: Matrix = np.linalg.inv(_BRADFORD) @ (gains[:, None] * _BRADFORD)
    return matrix
