"""Shared by all benchmarks: CPU time, peak memory, means, and Markdown tables."""

from __future__ import annotations

import argparse
import ctypes
import gc
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


def cpu_seconds(runs: int, function: Callable[..., Result], *arguments: object) -> tuple[float, Result]:
    """(CPU time of all threads of this process, the minimum of `runs`; result of the last run)."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        result = function(*arguments)
        seconds.append(time.process_time() - start)
    return min(seconds), result


def wall_seconds(function: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def geometric_mean(values: Iterable[float]) -> float:
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def times(ratio: float) -> str:
    """A ratio with at least two significant digits: 0.021, 0.35, 5.1, 43.9."""
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2g}"


class PeakMemory:
    """Measures how much the peak resident memory of a process grows from now on, in bytes; NaN if unknown.

    Linux only: VmHWM of proc(5). Writing 5 to clear_refs resets it to the memory that is resident now.
    """

    def __init__(self, process_id: int) -> None:
        self._folder = Path(f"/proc/{process_id}")
        if process_id == os.getpid():
            gc.collect()
            # Memory that was freed but is still held by the allocator would hide growth.
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            (self._folder / "clear_refs").write_text("5")
        self._before = self._peak()

    def growth(self) -> float:
        return self._peak() - self._before

    def _peak(self) -> float:
        try:
            return int((self._folder / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
        except OSError:
            return math.nan


class Report:
    """Lines and tables that are printed at once and can be written to a file at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, text: str = "") -> None:
        print(text, flush=True)
        self._lines.append(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Add a Markdown table with right-aligned numbers. `title` is the heading of the first column."""
        cells = [[title, *columns], *([*row] for row in rows)]
        widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(cells[0]))]
        header, *body = [
            "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in cells
        ]
        rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
        self.line()
        for text in (header, rule, *body):
            self.line(text)

    def write(self, path: Path) -> None:
        path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")


def machine() -> str:
    """One line with the processor, the number of cores that this process may use, the system and Python."""
    model = platform.processor() or platform.machine()
    with suppress(OSError, IndexError):
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = info.partition("model name")[2].split("\n")[0].lstrip("\t :") or model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


def parsed_size(text: str) -> tuple[int, int]:
    """(width, height) from "1920x1080". Raises ArgumentTypeError for anything else, and below 16, where some contents are empty."""
    width, times, height = text.partition("x")
    if not (times and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 16):
        raise argparse.ArgumentTypeError(f"write the size as 1920x1080, both at least 16, not {text!r}")
    return int(width), int(height)


def existing_folder(text: str) -> Path:
    """The folder. Raises ArgumentTypeError if there is none."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text)
