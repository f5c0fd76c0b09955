"""Runs one node as ComfyUI does: VALIDATE_INPUTS, IS_CHANGED, check_lazy_status, and then its function.

The rules are those of devtools.embedded_host, but a wire can bring any values, including those that no node of ours returns.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from devtools.embedded_host import DynamicPrompt
from devtools.node_calls import call_over_lists, input_info, merge_returns

Values = dict[str, Sequence[Any]]


class Wire(tuple[Any, ...]):
    """The values that a wire brings to an input. Usually it brings one value; a list output brings several."""

    __slots__ = ()


def wire(*values: Any) -> Wire:
    return Wire(values)


def listed(value: Any) -> list[Any]:
    """The list of an input's values."""
    return list(value) if isinstance(value, Wire) else [value]


class Answer(NamedTuple):
    """The result of a node: the list of values of each output, its `ui`, and the lazy inputs that it asked for."""

    outputs: list[list[Any]]
    ui: dict[str, list[Any]]
    asked_for: frozenset[str]


def run(
    pack: ModuleType,
    name: str,
    /,
    *,
    prompt: Any = None,
    extra_pnginfo: Any = None,
    unique_id: str = "7",
    **inputs: Any,
) -> Answer:
    """Run the node `ImageSequence<name>` with `inputs`, which are constants or `wire(...)`.

    Raises AssertionError if the node returns something that ComfyUI cannot use, and whatever the node raises.
    """
    node_class = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{name}"]
    declared = node_class.INPUT_TYPES()
    before: Values = {key: (None,) if isinstance(value, Wire) else [value] for key, value in inputs.items()}
    _validate(node_class, before)
    # ComfyUI calls IS_CHANGED without the prompt and the metadata.
    if hasattr(node_class, "IS_CHANGED"):
        unknown = _hidden(declared, {"PROMPT": {}, "DYNPROMPT": None, "EXTRA_PNGINFO": None, "UNIQUE_ID": unique_id})
        (mark,) = call_over_lists(node_class, "IS_CHANGED", before | unknown)
        assert type(mark) is str, "IS_CHANGED must return a plain str: it is part of a cache key"
    dynamic = DynamicPrompt(prompt) if isinstance(prompt, dict) else None
    known = {"PROMPT": prompt, "DYNPROMPT": dynamic, "EXTRA_PNGINFO": extra_pnginfo, "UNIQUE_ID": unique_id}
    hidden = _hidden(declared, known)

    node, asked_for = node_class(), frozenset[str]()
    values: Values = {}
    for key, value in inputs.items():
        lazy = (input_info(declared, key) or (None, None, {}))[2].get("lazy", False)
        # As in ComfyUI: a linked input is a list, and (None,) if it is lazy and was not asked for.
        values[key] = (None,) if isinstance(value, Wire) and lazy else listed(value)
    while hasattr(node, "check_lazy_status"):
        answers = call_over_lists(node, "check_lazy_status", values | hidden)
        new = {key for answer in answers for key in answer} - asked_for
        if not new:
            break
        asked_for |= new
        values |= {key: listed(inputs[key]) for key in new}
    outputs, ui = merge_returns(node, call_over_lists(node, node.FUNCTION, values | hidden))
    return Answer(outputs, ui, asked_for)


def _validate(node_class: Any, before: Values) -> None:
    if hasattr(node_class, "VALIDATE_INPUTS"):
        asked = inspect.getfullargspec(node_class.VALIDATE_INPUTS).args
        for verdict in call_over_lists(
            node_class, "VALIDATE_INPUTS", {key: before[key] for key in asked if key in before}
        ):
            assert verdict is True or (type(verdict) is str and verdict), f"not True or a text: {verdict!r}"
            if verdict is not True:
                raise ValueError(verdict)


def _hidden(declared: dict[str, Any], values: dict[str, Any]) -> Values:
    return {key: [values[kind]] for key, kind in declared.get("hidden", {}).items()}
