"""Draws the chart of speed against size, with one panel per kind of content and one point per engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# (marker, colour, marker size). OpenCV 9 is hollow, because it often coincides with Pillow 9.
_STYLES = {
    "Pillow 1": ("o", "#9aa5b1", 7),
    "Pillow 4": ("s", "#52606d", 7),
    "Pillow 9": ("^", "#1f2933", 6),
    "OpenCV": ("P", "#3f9142", 8),
    "OpenCV 9": ("D", "none", 9),
    "fpng": ("v", "#e8871e", 8),
    "ours, zlib": ("*", "#f28c91", 11),
    "ours, zlib-ng": ("*", "#c81d25", 15),
}
_OUTLINE = {"OpenCV 9": "#3f9142"}


def draw(points: Mapping[str, Mapping[str, tuple[float, float]]], path: Path) -> None:
    """Write the chart to `path`. `points`: panel title -> engine -> (size relative to Pillow's at level 4, MB/s).

    Raises ImportError if matplotlib is not installed.
    """
    import matplotlib as mpl  # noqa: PLC0415 - optional

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415

    figure, panels = plt.subplots(2, 4, figsize=(10, 6.4), sharex=True, sharey=True, layout="constrained")
    for panel, (title, engines) in zip(panels.flat, points.items()):
        panel.axvline(1, color="#9aa5b1", linewidth=0.9, zorder=1)
        for name, (marker, colour, size) in _STYLES.items():
            if name in engines:
                edge = _OUTLINE.get(name, "white")
                style = {"color": colour, "markeredgecolor": edge, "markeredgewidth": 1.5 if colour == "none" else 0.6}
                panel.plot(*engines[name], marker, markersize=size, label=name, zorder=3, **style)
        panel.set_title(title, fontsize=11)
        panel.set(xscale="log", yscale="log")
        panel.grid(color="#e4e7eb", linewidth=0.7)
        panel.tick_params(labelsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    for axis, ticks in (
        (panels[0, 0].xaxis, (0.5, 0.7, 1, 1.5, 2, 3, 5, 10)),
        (panels[0, 0].yaxis, (1, 10, 100, 1000)),
    ):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False, columnspacing=1.2)
    figure.supxlabel("size of the files, Pillow at level 4 = 1      (left is smaller)", fontsize=11)
    figure.supylabel("MB of pixels per second, one core      (up is faster)", fontsize=11)
    figure.savefig(path, dpi=160, facecolor="white")
    plt.close(figure)
