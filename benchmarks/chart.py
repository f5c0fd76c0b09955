"""The chart: speed against size, a panel for each kind of content, a point for each engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_MARKERS = "ov^sDPXp"
_COLOURS = ("#9aa5b1", "#5f6c7b", "#323f4b", "#7fb069", "#3f7d20", "#e8871e", "#c81d25", "#f28c91")


def draw(points: Mapping[str, Mapping[str, tuple[float, float]]], base: str, best: str, path: Path) -> None:
    """points: panel -> engine -> (size as a multiple of `base`'s, MB/s). `best` is drawn on top.

    Raises ImportError without matplotlib.
    """
    import matplotlib as mpl  # noqa: PLC0415 - may be absent

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter  # noqa: PLC0415

    names = list(next(iter(points.values())))
    styles = dict(zip(names, zip(_MARKERS, _COLOURS)))
    figure, panels = plt.subplots(2, 4, figsize=(13, 7), sharey=True, layout="constrained")
    for panel, (title, engines) in zip(panels.flat, points.items()):
        for name, (size, speed) in engines.items():
            marker, colour = styles[name]
            area = 130 if name == best else 75
            panel.scatter(size, speed, s=area, marker=marker, color=colour, edgecolor="white", linewidth=0.8, zorder=3)
        panel.axvline(1, color="#cbd2d9", linewidth=1, zorder=1)
        panel.set(title=title, xscale="log", yscale="log")
        low, high = min(size for size, _ in engines.values()), max(size for size, _ in engines.values())
        panel.set_xlim(min(0.8, low / 1.15), max(1.25, high * 1.15))
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 8) if high < 10 else (1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(ScalarFormatter())
        panel.grid(color="#e4e7eb", linewidth=0.6)
        panel.tick_params(labelsize=9)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    handles = [
        plt.Line2D([], [], linestyle="", marker=marker, color=colour, markersize=9, label=name)
        for name, (marker, colour) in styles.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=11)
    figure.supxlabel(f"file size, {base} = 1 (smaller is better: left)", fontsize=11)
    figure.supylabel("MB of pixels per second on one core (faster is better: up)", fontsize=11)
    figure.savefig(path, dpi=110, facecolor="white")
    plt.close(figure)
