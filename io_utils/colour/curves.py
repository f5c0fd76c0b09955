"""The sRGB curve of IEC 61966-2-1 and its inverse, in place and in float32.

Both continue beyond 1 and are mirrored below 0, like OpenColorIO's sRGB display; its sRGB texture space and colour-science
continue the linear piece below 0. NaN stays NaN, infinities stay infinities, and 0 and 1 stay exactly 0 and 1. There and
back, values from -4 to 4 differ by less than 1e-6.

The curves are tables of straight pieces, found by the bits of the number: 2048 pieces between two powers of two, so that
a piece is off by 1e-7 of the value at most. A megapixel takes 10 ms where numpy's float32 power alone takes 18; see
benchmarks/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]

# A float32 is 1 bit of sign, 8 of exponent and 23 of mantissa. A piece has the same sign, exponent and first 11 bits of
# the mantissa; the other 12 say where in it a number is.
_REST_BITS = 12
_REST = np.int32((1 << _REST_BITS) - 1)
_SIGN = np.int32(-(1 << 31))
_MAGNITUDE = np.int32((1 << 31) - 1)
_INFINITY = 0x7F800000  # larger magnitudes are NaN


class Scratch(NamedTuple):
    """Memory for the intermediate results of one block: arrays of the same length."""

    pieces: npt.NDArray[np.intp]
    bits: npt.NDArray[np.int32]
    first: Numbers
    second: Numbers

    @classmethod
    def of(cls, length: int) -> Scratch:
        floats = np.empty((2, length), np.float32)
        return cls(np.empty(length, np.intp), np.empty(length, np.int32), floats[0], floats[1])

    def cut(self, length: int) -> Scratch:
        """The first `length` numbers of each array."""
        return Scratch(self.pieces[:length], self.bits[:length], self.first[:length], self.second[:length])


class _Pieces(NamedTuple):
    """A curve for magnitudes: each piece's value at its start, and its slope per unit of the bits that follow."""

    starts: Numbers
    slopes: Numbers


def decode(values: Numbers, scratch: Scratch) -> None:
    """Turn sRGB-encoded `values` (1-d) into linear ones. `scratch` has the same length."""
    _apply(_decoding(), values, scratch)


def encode(values: Numbers, scratch: Scratch) -> None:
    """Turn linear `values` (1-d) into sRGB-encoded ones. `scratch` has the same length."""
    _apply(_encoding(), values, scratch)


def _apply(curve: _Pieces, values: Numbers, scratch: Scratch) -> None:
    pieces, magnitudes, results, slopes = scratch
    bits = values.view(np.int32)
    np.bitwise_and(bits, _MAGNITUDE, out=magnitudes)
    nan = np.isnan(values) if magnitudes.max(initial=0) > _INFINITY else None
    np.right_shift(magnitudes, _REST_BITS, out=pieces)
    # "clip" is faster than "raise"; only NaN is clipped.
    np.take(curve.starts, pieces, out=results, mode="clip")
    np.take(curve.slopes, pieces, out=slopes, mode="clip")
    np.bitwise_and(magnitudes, _REST, out=magnitudes)
    np.multiply(slopes, magnitudes, out=slopes, dtype=np.float32, casting="unsafe")
    np.add(results, slopes, out=results)
    np.bitwise_and(bits, _SIGN, out=bits)
    np.bitwise_or(bits, results.view(np.int32), out=bits)
    if nan is not None:
        values[nan] = np.nan


@cache
def _decoding() -> _Pieces:
    return _tabulated(lambda x: np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92))


@cache
def _encoding() -> _Pieces:
    return _tabulated(lambda x: np.where(x > 0.0031308, 1.055 * x ** (1 / 2.4) - 0.055, x * 12.92))


def _tabulated(curve: Callable[[Exact], Exact]) -> _Pieces:
    """The pieces of `curve` from 0 to infinity: 4 MiB, in 20 ms."""
    edges = np.arange((_INFINITY >> _REST_BITS) + 1, dtype=np.int32) << _REST_BITS
    numbers = edges.view(np.float32).astype(np.float64)
    numbers[-1] = 2.0**128  # where the last piece ends; in float32 it is infinity
    exact = curve(numbers)
    with np.errstate(over="ignore"):
        starts = exact.astype(np.float32)
    starts[-1] = np.inf
    slopes = np.diff(exact, append=exact[-1]) / (1 << _REST_BITS)
    # Infinity times the 0 bits that follow would be NaN.
    return _Pieces(starts, np.where(np.isfinite(starts), slopes, 0).astype(np.float32))
