"""Time code and frame rate. Judges: known values of SMPTE ST 12-1, and a clock that counts and leaves out numbers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from io_utils.formats.exr.timing import as_fraction, attributes_of, time_code, uses_drop_frame

from ...exr_files import by_openexr, header_by_openexr, planes

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


def labels(nominal: int, dropped: int) -> Iterator[tuple[int, int, int, int]]:
    """The time codes of an hour, by counting. Those that drop-frame time code leaves out are left out."""
    for minute in range(60):
        for second in range(60):
            for frame in range(dropped if minute % 10 and not second else 0, nominal):
                yield 0, minute, second, frame


class TestTimeCode:
    @pytest.mark.parametrize(
        ("number", "rate", "expected"),
        [
            (1799, NTSC, (0, 0, 59, 29)),
            (1800, NTSC, (0, 1, 0, 2)),
            (17981, NTSC, (0, 9, 59, 29)),
            (17982, NTSC, (0, 10, 0, 0)),
            (107892, NTSC, (1, 0, 0, 0)),
            (2589407, NTSC, (23, 59, 59, 29)),
            (2589408, NTSC, (0, 0, 0, 0)),
            (3600, NTSC_60, (0, 1, 0, 4)),
            (35964, NTSC_60, (0, 10, 0, 0)),
            (86400, Fraction(24), (1, 0, 0, 0)),
            (86400, Fraction(24000, 1001), (1, 0, 0, 0)),
            (90123, Fraction(25), (1, 0, 4, 23)),
            (24 * 3600 * 25 + 1, Fraction(25), (0, 0, 0, 1)),
            (7, Fraction(25, 2), (0, 0, 0, 7)),
        ],
    )
    def test_of_known_frames(self, number: int, rate: Fraction, expected: tuple[int, int, int, int]) -> None:
        assert time_code(number, rate) == expected

    @pytest.mark.parametrize(("rate", "dropped"), [(NTSC, 2), (NTSC_60, 4), (Fraction(24), 0)])
    def test_of_every_frame_of_an_hour(self, rate: Fraction, dropped: int) -> None:
        for number, expected in enumerate(labels(round(rate), dropped)):
            assert time_code(number, rate) == expected


class TestRate:
    @pytest.mark.parametrize(
        ("rate", "expected"),
        [
            (23.976, Fraction(24000, 1001)),
            (23.98, Fraction(24000, 1001)),
            (24000 / 1001, Fraction(24000, 1001)),
            (29.97, NTSC),
            (47.952, Fraction(48000, 1001)),
            (59.94, NTSC_60),
            (119.88, Fraction(120000, 1001)),
            (24, Fraction(24)),
            (25.0, Fraction(25)),
            (12.5, Fraction(25, 2)),
            (1 / 3, Fraction(1, 3)),
        ],
    )
    def test_is_the_exact_one_that_is_meant(self, rate: float, expected: Fraction) -> None:
        assert as_fraction(rate) == expected
        assert uses_drop_frame(expected) == (expected in (NTSC, NTSC_60))


class TestAttributes:
    @pytest.mark.parametrize(
        ("number", "rate", "clock", "is_drop_frame", "field"),
        [
            (30, 24, (0, 0, 1, 6), 0, 0),
            (1800, 29.97, (0, 1, 0, 2), 1, 0),
            (59, 60, (0, 0, 0, 29), 0, 1),
            (58, 60, (0, 0, 0, 29), 0, 0),
            (3605, 59.94, (0, 1, 0, 4), 1, 1),
            (49, 50, (0, 0, 0, 24), 0, 1),
            (47, 48, (0, 0, 0, 23), 0, 1),
        ],
    )
    def test_count_pairs_above_30_frames_per_second(
        self, number: int, rate: float, clock: tuple[int, ...], is_drop_frame: int, field: int
    ) -> None:
        """Two decimal digits of time code hold frames up to 39, so that ST 12-1 counts pairs; a flag marks the second."""
        header = header_by_openexr(by_openexr(planes("Y"), **attributes_of(number, rate)))

        code = header["timeCode"]
        assert (code.hours, code.minutes, code.seconds, code.frame) == clock
        assert (code.dropFrame, code.fieldPhase) == (is_drop_frame, field)
        assert header["framesPerSecond"] == as_fraction(rate)
        assert header["imageCounter"] == number

    @pytest.mark.parametrize("rate", [None, 0, -1, 1e-9, float("nan"), float("inf"), 1e12])
    def test_of_no_sensible_rate_are_the_counter_alone(self, rate: float | None) -> None:
        assert attributes_of(7, rate) == {"imageCounter": 7}

    @pytest.mark.parametrize("rate", [119.88, 120, 240, 1000, 0.25])
    def test_of_rates_that_time_code_cannot_count_have_none(self, rate: float) -> None:
        assert attributes_of(7, rate) == {"imageCounter": 7, "framesPerSecond": as_fraction(rate)}

    @pytest.mark.parametrize("number", [0, 2**31 - 1, 2**31, 10**14])
    def test_of_any_number_can_be_written(self, number: int) -> None:
        header = header_by_openexr(by_openexr({"Y": np.zeros((1, 1), "f4")}, **attributes_of(number, 24)))

        assert header.get("imageCounter") == (number if number < 2**31 else None)
        assert "timeCode" in header
