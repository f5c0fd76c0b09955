"""A request: a frozen value made from a node's inputs, one class a node.

It says once what the default of an input is and what it may hold; the node's widget and the node's function both read it
there. `nodes/_inputs.py` makes one of what ComfyUI hands over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_type_hints

_KEY = "input"


@dataclass(frozen=True)
class Limits:
    """What an input may hold: numbers from `least` to `most` or above `above`, or one of the words in `words`.

    `name`: of the input, where it is not that of the field. `words` maps what the widget offers to what it means.
    """

    least: int | None = None
    most: int | None = None
    above: float | None = None
    words: Mapping[str, Any] | None = None
    name: str | None = None


def limited(
    default: Any,
    *,
    least: int | None = None,
    most: int | None = None,
    above: float | None = None,
    words: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """A field of a request with its default and its `Limits`."""
    return field(default=default, metadata={_KEY: Limits(least, most, above, words, name)})


def known(make: Callable[[], Any]) -> Any:
    """A field of a request that is not an input: what the node knows besides, by default what `make()` returns."""
    return field(default_factory=make, metadata={_KEY: None})


def inputs_of(request: type[Any]) -> dict[str, tuple[Field[Any], Limits, type[Any]]]:
    """By the name of each input: its field, its limits and its type."""
    hints = get_type_hints(request)
    found = ((declared, declared.metadata.get(_KEY, Limits())) for declared in fields(request))
    return {
        limit.name or declared.name: (declared, limit, hints[declared.name])
        for declared, limit in found
        if limit is not None
    }
