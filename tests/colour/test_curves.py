"""The sRGB curves. The judge is the formula of IEC 61966-2-1 in float64; test_spaces.py has other people's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.colour import curves
from io_utils.colour.curves import Scratch

FLOAT32 = st.floats(width=32)


def decoded(*values: float) -> np.ndarray:
    return run(curves.decode, np.array(values, np.float32))


def encoded(*values: float) -> np.ndarray:
    return run(curves.encode, np.array(values, np.float32))


def run(curve: Callable[[np.ndarray, Scratch], None], values: np.ndarray) -> np.ndarray:
    result = values.copy()
    with np.errstate(all="ignore"):  # as in Conversion
        curve(result, Scratch.of(len(values)))
    return result


def exactly_decoded(values: np.ndarray) -> np.ndarray:
    x = np.abs(values.astype(np.float64))
    return np.copysign(np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92), values)


def exactly_encoded(values: np.ndarray) -> np.ndarray:
    x = np.abs(values.astype(np.float64))
    return np.copysign(np.where(x > 0.0031308, 1.055 * x ** (1 / 2.4) - 0.055, x * 12.92), values)


@pytest.mark.parametrize(
    ("curve", "exact"), [(curves.decode, exactly_decoded), (curves.encode, exactly_encoded)], ids=["decode", "encode"]
)
class TestEachCurve:
    def test_is_the_standards_to_2e_7(self, curve, exact) -> None:
        values = np.linspace(-1, 1, 1_000_001, dtype=np.float32)

        assert np.abs(run(curve, values) - exact(values)).max() < 2e-7

    @pytest.mark.parametrize("top", [1e2, 1e4, 65504, 1e10])
    def test_continues_beyond_1_to_4e_7_of_the_value(self, curve, exact, top: float) -> None:
        values = np.geomspace(1, top, 100_001).astype(np.float32)

        np.testing.assert_allclose(run(curve, values), exact(values), rtol=4e-7)

    def test_keeps_the_relative_size_of_small_values(self, curve, exact) -> None:
        """Shadows of a linear file, down to the smallest half float."""
        values = np.geomspace(2**-24, 0.002, 100_001).astype(np.float32)

        np.testing.assert_allclose(run(curve, values), exact(values), rtol=4e-7)

    def test_is_exact_for_all_halves_from_0_to_1_to_half_a_step_of_16_bits(self, curve, exact) -> None:
        halves = np.arange(0x3C01, dtype=np.uint16).view(np.float16).astype(np.float32)

        assert np.abs(run(curve, halves) - exact(halves)).max() < 0.5 / 65535 / 16

    @pytest.mark.parametrize("value", [0, 1, np.inf])
    def test_keeps(self, curve, exact, value: float) -> None:
        assert list(run(curve, np.array([value, -value], np.float32))) == [value, -value]

    def test_keeps_the_sign_of_zero(self, curve, exact) -> None:
        assert list(np.signbit(run(curve, np.array([0.0, -0.0], np.float32)))) == [False, True]

    def test_keeps_every_kind_of_nan_and_nothing_else_becomes_nan(self, curve, exact) -> None:
        """Quiet and signalling, with all payloads of one bit, and numbers between them."""
        patterns = [0x7F800000 | sign | 1 << bit for bit in range(23) for sign in (0, 0x80000000)]
        values = np.repeat(np.array(patterns, np.uint32).view(np.float32), 2)
        values[1::2] = 0.5

        result = run(curve, values)

        assert np.isnan(result[::2]).all()
        assert (result[1::2] == run(curve, np.array([0.5], np.float32))).all()

    def test_takes_the_largest_floats_to_numbers_or_infinity(self, curve, exact) -> None:
        values = np.geomspace(1e30, np.finfo(np.float32).max, 10_001).astype(np.float32)
        with np.errstate(over="ignore"):
            expected = exact(values).astype(np.float32)

        np.testing.assert_allclose(run(curve, values), expected, rtol=1e-6)

    def test_has_no_values_for_no_values(self, curve, exact) -> None:
        assert run(curve, np.empty(0, np.float32)).shape == (0,)

    def test_is_mirrored_below_0(self, curve, exact) -> None:
        @given(st.lists(FLOAT32, min_size=1, max_size=5))
        def check(values: list[float]) -> None:
            array = np.array(values, np.float32)
            np.testing.assert_array_equal(run(curve, -array), -run(curve, array))

        check()

    def test_never_falls(self, curve, exact) -> None:
        @given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
        def check(one: float, other: float) -> None:
            low, high = run(curve, np.array(sorted([one, other]), np.float32))
            assert low <= high

        check()


@pytest.mark.parametrize(
    ("there", "back"), [(decoded, encoded), (encoded, decoded)], ids=["decode first", "encode first"]
)
class TestThereAndBack:
    def test_values_from_minus_4_to_4_return_to_1e_6(self, there, back) -> None:
        values = np.linspace(-4, 4, 2_000_001, dtype=np.float32)

        assert np.abs(run_both(there, back, values) - values).max() < 1e-6

    def test_any_value_returns_to_1e_6_of_itself(self, there, back) -> None:
        @given(st.floats(min_value=-(2.0**40), max_value=2.0**40, width=32))
        def check(value: float) -> None:
            assert abs(float(back(*there(value))[0]) - value) <= 1e-6 * max(1, abs(value))

        check()


def run_both(there: Callable[..., np.ndarray], back: Callable[..., np.ndarray], values: np.ndarray) -> np.ndarray:
    curve = {decoded: curves.decode, encoded: curves.encode}
    return run(curve[back], run(curve[there], values))
