"""What the encoder should reach, and whether it does: one table, from the measured contents of one half of the corpus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.encoder import LARGE, SLOW, Measured, of
from benchmarks.engines import BASE, OURS
from benchmarks.measure import Report, geometric_mean, times

LARGEST, FEW_BYTES = 1.35, 20_000  # no file may be so much larger than Pillow's, unless it is only a few bytes
SHARE = 0.9
WITH, WITHOUT = OURS


@dataclass(frozen=True)
class Goal:
    """One figure of an encoder.

    value: the figure and the content that it is of, which is "" for a mean. least, most: the bounds with ISA-L and zlib-ng, and
    without them; None: there is no bound.
    """

    title: str
    value: Callable[[Sequence[Measured]], tuple[float, str]]
    shown: Callable[[float], str]
    least: dict[str, float]
    most: dict[str, float]

    def cells(self, rows: Sequence[Measured], engine: str) -> list[str]:
        """The bound, the figure, and whether it is met."""
        number, content = self.value(rows)
        text = self.shown(number) + (f" ({content})" if content else "")
        if engine in self.least:
            return [f"at least {self.shown(self.least[engine])}", text, _yes(number >= self.least[engine])]
        if engine in self.most:
            return [f"at most {self.shown(self.most[engine])}", text, _yes(number <= self.most[engine])]
        return ["", text, ""]


def goals(with_accelerators: Sequence[Measured]) -> list[Goal]:
    """All goals. Without accelerators, half of the speed with them is wanted."""
    speed = geometric_mean(row.speed for row in with_accelerators)
    ratio, percent = "{:.3f}".format, "{:.0%}".format
    return [
        Goal("times as fast, mean", _mean(lambda row: row.speed), times, {WITH: 9, WITHOUT: speed / 2}, {}),
        Goal("bytes, mean", _mean(lambda row: row.size), ratio, {}, {WITH: 0.98, WITHOUT: 1.15}),
        Goal(
            f"contents at most {LARGE:.2f} of the bytes",
            _share(lambda row: row.size <= LARGE),
            percent,
            {WITH: SHARE},
            {},
        ),
        Goal(
            f"contents at least {SLOW} times as fast", _share(lambda row: row.speed >= SLOW), percent, {WITH: SHARE}, {}
        ),
        Goal("bytes, largest", _largest(lambda row: True), ratio, {}, {}),
        Goal(
            f"bytes, largest that differs by more than {FEW_BYTES // 1000} kB",
            _largest(lambda row: row.file_bytes - row.base_bytes > FEW_BYTES),
            ratio,
            {},
            {WITH: LARGEST},
        ),
        Goal("bytes, largest with text or lines", _largest(lambda row: row.kind == "graphic"), ratio, {}, {WITH: 1.08}),
        Goal("times as fast, noisy photographs", _mean(lambda row: row.speed, "photo"), times, {}, {}),
        Goal("bytes, noisy photographs", _mean(lambda row: row.size, "photo"), ratio, {}, {}),
    ]


def goals_table(report: Report, measured: Sequence[Measured]) -> None:
    """The goals with ISA-L and zlib-ng and without, then the contents that miss a bound of a single content."""
    engines = [name for name in OURS if any(row.engine == name for row in measured)]
    rows = {name: of(measured, "all", name) for name in engines}
    table = [
        [goal.title, *(cell for name in engines for cell in goal.cells(rows[name], name))]
        for goal in goals(rows[engines[0]])
    ]
    report.table(f"{BASE} = 1", [f"{name}{part}" for name in engines for part in (": goal", "", ": met")], table)
    for name in engines:
        large = sorted((row for row in rows[name] if row.size > LARGE), key=lambda row: -row.size)
        slow = sorted((row for row in rows[name] if row.speed < SLOW), key=lambda row: row.speed)
        report.line()
        report.line(f"{name}, above {LARGE:.2f} of the bytes: {_listed(large, lambda row: f'{row.size:.2f}')}.")
        report.line(f"{name}, below {SLOW} times as fast: {_listed(slow, lambda row: times(row.speed))}.")


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _listed(rows: Sequence[Measured], shown: Callable[[Measured], str]) -> str:
    return ", ".join(f"{row.content} {shown(row)}" for row in rows) or "none"


def _mean(
    value: Callable[[Measured], float], kind: str | None = None
) -> Callable[[Sequence[Measured]], tuple[float, str]]:
    """The geometric mean of the contents of a kind, or of all; NaN if there are none."""

    def mean(rows: Sequence[Measured]) -> tuple[float, str]:
        values = [value(row) for row in rows if kind in (None, row.kind)]
        return (geometric_mean(values) if values else math.nan), ""

    return mean


def _share(holds: Callable[[Measured], bool]) -> Callable[[Sequence[Measured]], tuple[float, str]]:
    return lambda rows: (sum(map(holds, rows)) / len(rows), "")


def _largest(counts: Callable[[Measured], bool]) -> Callable[[Sequence[Measured]], tuple[float, str]]:
    """The largest of the contents that count; without any, that of no content: 0."""

    def largest(rows: Sequence[Measured]) -> tuple[float, str]:
        row = max((row for row in rows if counts(row)), key=lambda row: row.size, default=None)
        return (row.size, row.content) if row else (0.0, "")

    return largest
