"""Draws the chart of speed against size: one panel for each kind of content, one point for each engine.

An engine's point is its geometric mean. Of this pack, every content is a dot, and the two worst ones are ringed and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Point = tuple[float, float, str]  # size relative to Pillow's at level 4, times as fast, content

_STYLES = {
    "Pillow 1": ("o", "#9aa5b1", 7),
    "Pillow 4": ("s", "#52606d", 7),
    "Pillow 9": ("^", "#1f2933", 6),
    "OpenCV": ("P", "#3f9142", 8),
    "fpng": ("v", "#e8871e", 8),
    "ours, zlib": ("*", "#f28c91", 11),
    "ours": ("*", "#c81d25", 15),
}
_OURS = "ours"
_LEGEND = {"ours, zlib": "ours, without ISA-L and zlib-ng"}
_COLUMNS = 4


def draw(points: Mapping[str, Mapping[str, Sequence[Point]]], path: Path) -> None:
    """Write the chart to `path`. `points`: panel title -> engine -> the mean, then each content.

    Raises ImportError if matplotlib is not installed.
    """
    import matplotlib as mpl  # noqa: PLC0415 - optional

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415

    rows = -(-len(points) // _COLUMNS)
    shape = {"sharex": True, "sharey": True, "layout": "constrained"}
    figure, panels = plt.subplots(rows, _COLUMNS, figsize=(10, 3.1 * rows), **shape)
    for panel in panels.flat[len(points) :]:
        panel.set_axis_off()
    for panel, (title, engines) in zip(panels.flat, points.items()):
        panel.axvline(1, color="#9aa5b1", linewidth=0.9, zorder=1)
        for name, (marker, colour, size) in _STYLES.items():
            if name in engines:
                style = {"color": colour, "markeredgecolor": "white", "markeredgewidth": 0.6}
                panel.plot(
                    *engines[name][0][:2],
                    marker,
                    markersize=size,
                    label=f"{_LEGEND.get(name, name)}: mean",
                    zorder=3,
                    **style,
                )
        each = engines.get(_OURS, [])[1:]
        if each:
            colour = _STYLES[_OURS][1]
            sizes, speeds, _ = zip(*each)
            panel.plot(sizes, speeds, ".", markersize=4, color=colour, alpha=0.5, label="ours: each content", zorder=2)
            worst = dict.fromkeys((max(each), min(each, key=lambda point: point[1])))
            ring = {"markersize": 10, "color": "none", "markeredgecolor": colour, "markeredgewidth": 1.2}
            sizes, speeds, _ = zip(*worst)
            panel.plot(sizes, speeds, "o", label="ours: the largest and the slowest", zorder=2, **ring)
            for place, (across, up, content) in enumerate(worst):
                # The largest is named above its ring, the slowest below, so that the names do not meet.
                beside = {"xytext": (0, -9 if place else 8), "textcoords": "offset points", "ha": "center"}
                vertical = "top" if place else "bottom"
                panel.annotate(
                    content.replace("_", " "), (across, up), fontsize=8, color=colour, va=vertical, zorder=4, **beside
                )
        panel.set_title(title, fontsize=11)
        panel.set(xscale="log", yscale="log")
        panel.grid(color="#e4e7eb", linewidth=0.7)
        panel.tick_params(labelsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    for axis, ticks in (
        (panels[0, 0].xaxis, (0.2, 0.5, 1, 2, 5, 10)),
        (panels[0, 0].yaxis, (0.1, 1, 10, 100)),
    ):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, frameon=False, columnspacing=1.2)
    figure.supxlabel("size of the files, Pillow at level 4 = 1      (left is smaller)", fontsize=11)
    figure.supylabel("times as fast as Pillow at level 4, one core      (up is faster)", fontsize=11)
    figure.savefig(path, dpi=160, facecolor="white")
    plt.close(figure)
