"""Frame numbers as people write them: ranges such as 1001-1003,1008. See frame_list.py for the inverse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

# That a message shows. The sparse frames of a large folder are thousands.
MOST_RANGES = 20
MOST_GROUPS = 5


def ranges(frames: Iterable[int]) -> str:
    """Frame numbers as ranges: [1001, 1002, 1003, 1008] -> '1001-1003,1008'."""
    return as_ranges(runs_of(frames))


def runs_of(frames: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of every run of consecutive frame numbers."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if runs and runs[-1][1] == frame - 1:
            runs[-1] = runs[-1][0], frame
        else:
            runs.append((frame, frame))
    return runs


def in_short(frames: Iterable[int]) -> str:
    """Frame numbers for a message: the first MOST_RANGES ranges, and how many more frames there are."""
    return runs_in_short(runs_of(frames))


def runs_in_short(runs: Sequence[tuple[int, int]]) -> str:
    """(first, last) pairs for a message, see `in_short`."""
    more = amount(runs[MOST_RANGES:])
    return as_ranges(runs[:MOST_RANGES]) + (f" and {more:,} more" if more else "")


def shortened(text: str) -> str:
    """`text`, as `ranges` writes it, with an ellipsis in place of all but the first MOST_RANGES ranges and the last one."""
    parts = text.split(",")
    return ",".join([*parts[:MOST_RANGES], "\u2026", parts[-1]]) if len(parts) > MOST_RANGES + 2 else text


def gaps(frames: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of every gap between the frames: [1001, 1004, 1005] -> [(1002, 1003)]."""
    numbers = sorted(set(frames))
    return [(before + 1, after - 1) for before, after in pairwise(numbers) if after > before + 1]


def absent(frames: Iterable[int], first: int, last: int) -> list[tuple[int, int]]:
    """(first, last) of every run of numbers from `first` to `last` that the sorted `frames`, all of them in there, lack.

    Takes time in proportion to `frames`, not to the numbers between, of which there may be 2^53.
    """
    return gaps([first - 1, *frames, last + 1])


def amount(runs: Iterable[tuple[int, int]]) -> int:
    """How many numbers the runs have."""
    return sum(last - first + 1 for first, last in runs)


def numbers_in(runs: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The numbers of the runs, in order. There may be more than anybody can wait for."""
    return chain.from_iterable(range(first, last + 1) for first, last in runs)


def as_ranges(runs: Iterable[Sequence[int]]) -> str:
    """(first, last) pairs as text: [(1001, 1003), (1008, 1008)] -> '1001-1003,1008'."""
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def grouped(groups: Sequence[Iterable[int]]) -> str:
    """Groups of frame numbers for a message, the first MOST_GROUPS of them: '0-59,80; 60-79'."""
    shown = [shortened(ranges(group)) for group in groups[:MOST_GROUPS]]
    return "; ".join([*shown, "\u2026"] if len(groups) > MOST_GROUPS else shown)


def named(frames: Iterable[int]) -> str:
    """'frame 7' or 'frames 1001-1003,1008', see `in_short`. Use `named(...).capitalize()` to begin a sentence."""
    return with_noun(in_short(frames))


def with_noun(text: str) -> str:
    """`text`, a result of `ranges`, after the word 'frame' or 'frames'."""
    return f"frame {text}" if text.isdigit() else f"frames {text}"
