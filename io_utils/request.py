"""Requests: frozen values that hold a node's inputs, one class per node.

A request is the one place that defines the default and the limits of an input. The node's widget and the node's
function both read them there. `nodes/_inputs.py` turns ComfyUI's inputs into a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_type_hints

_KEY = "input"


@dataclass(frozen=True)
class Limits:
    """The values that an input accepts: numbers from `least` to `most` or above `above`, or one of `words`.

    `words` maps each word that the widget offers to its meaning. `options` lists the texts that it offers where they depend
    on what is installed; the request checks such a text itself. `name` is the input's name if it differs from the field's.
    """

    least: int | None = None
    most: int | None = None
    above: float | None = None
    words: Mapping[str, Any] | None = None
    name: str | None = None
    options: Callable[[], Iterable[str]] | None = None


Inputs = dict[str, tuple[Field[Any], Limits, type[Any]]]

# By class: reading the annotations takes 0.3 ms, and a node reads them three times per run.
_inputs: dict[type[Any], Inputs] = {}


def limited(
    default: Any,
    *,
    least: int | None = None,
    most: int | None = None,
    above: float | None = None,
    words: Mapping[str, Any] | None = None,
    name: str | None = None,
    options: Callable[[], Iterable[str]] | None = None,
) -> Any:
    """A request field that is an input, with its default and `Limits`."""
    return field(default=default, metadata={_KEY: Limits(least, most, above, words, name, options)})


def known(make: Callable[[], Any]) -> Any:
    """A request field that is not an input but set by the node; its default is `make()`."""
    return field(default_factory=make, metadata={_KEY: None})


def inputs_of(request: type[Any]) -> Inputs:
    """The field, limits and type of each input, by the input's name."""
    if request not in _inputs:
        _inputs[request] = _declared_inputs(request)
    return _inputs[request]


def word_of(request: Any, name: str) -> str:
    """The word that the widget `name` shows for the value in `request`."""
    declared, limit, _ = inputs_of(type(request))[name]
    value = getattr(request, declared.name)
    words = limit.words or {value.value: value}
    return next(word for word, meaning in words.items() if meaning == value)


def _declared_inputs(request: type[Any]) -> Inputs:
    hints = get_type_hints(request)
    found = ((declared, declared.metadata.get(_KEY, Limits())) for declared in fields(request))
    return {
        limit.name or declared.name: (declared, limit, hints[declared.name])
        for declared, limit in found
        if limit is not None
    }
