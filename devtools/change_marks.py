"""Asks the nodes of a prompt whether they have changed, and notes their answers in it, as ComfyUI does before a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from devtools.node_calls import Inputs, NodeClass, call_over_lists, input_info
from devtools.prompts import Prompt, is_link

_log = logging.getLogger(__name__)

# What the hidden inputs of IS_CHANGED bring, besides UNIQUE_ID.
_HIDDEN: dict[str, Any] = {"PROMPT": {}, "DYNPROMPT": None, "EXTRA_PNGINFO": None}


def write_change_marks(prompt: Prompt, node_classes: Mapping[str, NodeClass]) -> None:
    """Write the answer of every IS_CHANGED as `is_changed` into its node, unless the prompt was posted with one.

    A list with one item for each call. Links are None. If IS_CHANGED fails, the mark is NaN, and a warning is logged.
    """
    for node_id, node in prompt.items():
        node_class = node_classes[node["class_type"]]
        if not hasattr(node_class, "IS_CHANGED") or "is_changed" in node:
            continue
        try:
            inputs = _inputs(node_id, node["inputs"], node_class.INPUT_TYPES())
            node["is_changed"] = call_over_lists(node_class, "IS_CHANGED", inputs)
        except Exception as error:  # as ComfyUI does
            _log.warning("WARNING: %s", error)
            node["is_changed"] = float("nan")


def _inputs(node_id: str, given: Mapping[str, Any], declared: Mapping[str, Any]) -> Inputs:
    inputs: Inputs = {}
    for name, value in given.items():
        info = input_info(declared, name)
        if is_link(value) and not (info and info[2].get("rawLink")):
            inputs[name] = (None,)
        elif info is not None:
            inputs[name] = [value]
    for name, kind in declared.get("hidden", {}).items():
        if kind == "UNIQUE_ID":
            inputs[name] = [node_id]
        elif kind in _HIDDEN:
            inputs[name] = [_HIDDEN[kind]]
    return inputs
