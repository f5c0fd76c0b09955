"""Inputs of nodes with INPUT_IS_LIST: ComfyUI hands every input over as a list, a direct caller as it is."""

from __future__ import annotations

from typing import Any


def listed(value: Any) -> list[Any]:
    """Every item of an input. ComfyUI's own lists are lists; tensors and strings are single items."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def one(value: Any) -> Any:
    """The value of a setting, which holds for every image of the run. ValueError if a list brings different ones."""
    first, *others = listed(value)
    if any(other != first for other in others):
        raise ValueError(
            f"A list of {len(others) + 1} different values came for a setting that holds for all images: "
            f"{first!r}, {others[0]!r}, ... Give it one value."
        )
    return first


def rows(*values: Any) -> list[tuple[Any, ...]]:
    """Inputs side by side, one row a run, the last item of a shorter list repeated: ComfyUI's rule for lists."""
    columns = [listed(value) for value in values]
    longest = max(len(column) for column in columns)
    return [tuple(column[min(index, len(column) - 1)] for column in columns) for index in range(longest)]
