"""Inputs of nodes with INPUT_IS_LIST: ComfyUI hands every input over as a list, a direct caller as it is."""

from __future__ import annotations

from typing import Any

from ..io_utils.wire import UNRENDERED, described


def listed(value: Any) -> list[Any]:
    """Every item of an input. ComfyUI's own lists are lists; tensors and strings are single items."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def one(value: Any, name: str = "a setting") -> Any:
    """The value of a setting, which holds for every image of the run. ValueError, naming it, for no value or several."""
    items = some(value, name)
    first, *others = items
    different = [other for other in others if not _is_same(other, first)]
    if different:
        raise ValueError(
            f"The input {name!r} got a list of {len(items)} different values for a setting that holds for all images: "
            f"{_shown(first)}, {_shown(different[0])}, ... Give it one value."
        )
    return first


def _is_same(one: Any, other: Any) -> bool:
    """Are two settings one? Arrays and tensors, which compare element by element, are none: whoever reads them says so."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:  # whatever a foreign class raises from its own comparison
        return False


def _shown(value: Any) -> str:
    return repr(value)[:100] if isinstance(value, (str, int, float)) else described(value)


def hidden(value: Any) -> Any:
    """What ComfyUI hands to a hidden input, whatever it is; None for nothing."""
    return next(iter(listed(value)), None)


def some(value: Any, name: str) -> list[Any]:
    """Every item of an input, of which there must be one; ValueError, naming the input, for an empty list."""
    items = listed(value)
    if not items:
        raise ValueError(
            f"The input {name!r} got an empty list, so there is nothing to save. Check the node that is wired to it: a "
            f"filter that lets nothing through, say."
        )
    return items


def rows(**inputs: Any) -> list[tuple[Any, ...]]:
    """Inputs side by side, one row a run, the last item of a shorter list repeated: ComfyUI's rule for lists.

    ValueError, naming the input, for an empty list, which has no last item.
    """
    columns = [some(value, name) for name, value in inputs.items()]
    longest = max(len(column) for column in columns)
    return [tuple(column[min(index, len(column) - 1)] for column in columns) for index in range(longest)]


def lazy_images(value: Any) -> Any:
    """A lazy IMAGE input, with UNRENDERED in place of an image that was not rendered.

    ComfyUI hands over (None,), a tuple, where it did not run the nodes in front of a lazy input (`mark_missing` in its
    execution.py), and lists for everything that nodes gave, [None] for one that gave None.
    """
    return [UNRENDERED] if isinstance(value, tuple) and value == (None,) else value
