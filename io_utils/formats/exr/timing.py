"""Header attributes that say which frame a file is: imageCounter, framesPerSecond and timeCode.

https://openexr.com/en/latest/StandardAttributes.html
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from . import library

# Rates of which 1000/1001 are in use: 23.976 for 24, 29.97 for 30.
_NTSC = (24, 30, 48, 60, 120)
_LARGEST_INT = 2**31 - 1


def attributes_of(number: int, rate: float | None) -> dict[str, Any]:
    """The attributes of frame `number`; without timeCode and framesPerSecond if there is no `rate`.

    Rates above 60 have no time code, because it cannot count their frames.
    """
    attributes: dict[str, Any] = {"imageCounter": number} if abs(number) <= _LARGEST_INT else {}
    if rate is None or not 0 < rate < _LARGEST_INT:
        return attributes
    fraction = as_fraction(rate)
    if not fraction:
        return attributes
    attributes["framesPerSecond"] = fraction
    if number >= 0 and 1 <= round(fraction) <= 60:
        *clock, frame = time_code(number, fraction)
        # Above 30 frames per second, time code counts pairs of frames, and the field flag marks the second of a pair.
        frame, field = divmod(frame, 2) if round(fraction) > 30 else (frame, 0)
        flags = int(uses_drop_frame(fraction)), 0, field  # drop frame, colour frame, field
        attributes["timeCode"] = library.require().TimeCode(*clock, frame, *flags, *(0,) * 11)
    return attributes


def as_fraction(rate: float) -> Fraction:
    """Frames per second as the exact rate that is meant: 23.976 and 23.98 are 24000/1001, 12.5 is 25/2."""
    for whole in _NTSC:
        exact = Fraction(whole * 1000, 1001)
        if abs(rate - exact) < 0.005:
            return exact
    return Fraction(rate).limit_denominator(1001)


def uses_drop_frame(rate: Fraction) -> bool:
    """Whether the time code of this rate leaves out numbers, so that it does not fall behind the clock: SMPTE ST 12-1."""
    return rate in (Fraction(30000, 1001), Fraction(60000, 1001))


def time_code(number: int, rate: Fraction) -> tuple[int, int, int, int]:
    """(hours, minutes, seconds, frame) of frame `number`, which is 0 at midnight. After 24 hours it starts again.

    Drop-frame time code leaves out the first two numbers (four at 59.94) of every minute, except of each tenth minute.
    """
    nominal = round(rate)
    if uses_drop_frame(rate):
        dropped = nominal // 15
        per_minute = 60 * nominal - dropped
        tens, rest = divmod(number, 10 * per_minute + dropped)
        number += dropped * (9 * tens + max(0, rest - dropped) // per_minute)
    seconds, frame = divmod(number, nominal)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return hours % 24, minute, second, frame
