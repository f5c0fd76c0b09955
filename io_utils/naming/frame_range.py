"""Frame numbers as people write them: ranges such as 1001-1003,1008. See frame_list.py for the inverse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise


def ranges(frames: Iterable[int]) -> str:
    """Frame numbers as ranges: [1001, 1002, 1003, 1008] -> '1001-1003,1008'."""
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return as_ranges(runs)


def gaps(frames: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of every gap between the frames: [1001, 1004, 1005] -> [(1002, 1003)]."""
    numbers = sorted(set(frames))
    return [(before + 1, after - 1) for before, after in pairwise(numbers) if after > before + 1]


def as_ranges(runs: Iterable[Sequence[int]]) -> str:
    """(first, last) pairs as text: [(1001, 1003), (1008, 1008)] -> '1001-1003,1008'."""
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def named(frames: Iterable[int]) -> str:
    """'frame 7' or 'frames 1001-1003,1008'. Use `named(...).capitalize()` to begin a sentence."""
    return with_noun(ranges(frames))


def with_noun(text: str) -> str:
    """`text`, a result of `ranges`, after the word 'frame' or 'frames'."""
    return f"frame {text}" if text.isdigit() else f"frames {text}"
