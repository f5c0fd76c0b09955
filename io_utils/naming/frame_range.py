"""Frame numbers as people write them: ranges such as 1001-1003,1008."""

from __future__ import annotations

from collections.abc import Iterable


def ranges(frames: Iterable[int]) -> str:
    """Frame numbers as ranges: [1001, 1002, 1003, 1008] -> '1001-1003,1008'."""
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def named(frames: Iterable[int]) -> str:
    """'frame 7' or 'frames 1001-1003,1008'. Use `named(...).capitalize()` to begin a sentence."""
    return with_noun(ranges(frames))


def with_noun(text: str) -> str:
    """`text`, a result of `ranges`, after the word 'frame' or 'frames'."""
    return f"frame {text}" if text.isdigit() else f"frames {text}"
