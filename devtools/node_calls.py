"""Calls a node's functions as ComfyUI does: over lists of inputs, skipping calls with blocked values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devtools.stand_ins import ExecutionBlocker

NodeClass = type[Any]
Inputs = dict[str, Sequence[Any]]


def input_info(declared: Mapping[str, Any], name: str) -> tuple[Any, str, dict[str, Any]] | None:
    """(type, "required" | "optional" | "hidden", options) of an input in INPUT_TYPES; None if it is not declared."""
    for category in ("required", "optional", "hidden"):
        if name in declared.get(category, {}):
            info = declared[category][name]
            return info[0], category, (info[1] if len(info) > 1 else {})
    return None


def call_over_lists(
    node: Any,
    function: str,
    inputs: Inputs,
    *,
    before_call: Callable[[], None] = lambda: None,
    on_block: Callable[[ExecutionBlocker], ExecutionBlocker] = lambda blocker: blocker,
) -> list[Any]:
    """Call `node.function` once per list item, or once with whole lists for INPUT_IS_LIST. Returns a result for each call.

    Shorter lists repeat their last item. If an input is an ExecutionBlocker, the function is not called and the result is
    `on_block(blocker)`.
    """
    if getattr(node, "INPUT_IS_LIST", False):
        calls = [dict(inputs)]
        values = [[value for items in inputs.values() for value in items]]
    else:
        length = max((len(items) for items in inputs.values()), default=0)
        calls = [{name: items[min(i, len(items) - 1)] for name, items in inputs.items()} for i in range(length)] or [{}]
        values = [list(call.values()) for call in calls]

    results = []
    for arguments, given in zip(calls, values, strict=True):
        before_call()
        blocker = next((value for value in given if isinstance(value, ExecutionBlocker)), None)
        results.append(getattr(node, function)(**arguments) if blocker is None else on_block(blocker))
    return results


def merge_returns(node: Any, returned: Sequence[Any]) -> tuple[list[list[Any]], dict[str, list[Any]]]:
    """The output lists and the merged `ui` of a node, from the values that its function returned in each call."""
    results, uis = [], []
    for value in returned:
        result = value
        if isinstance(value, dict):
            if "ui" in value:
                uis.append(value["ui"])
            if "result" not in value:
                continue
            result = value["result"]
        results.append((result,) * len(node.RETURN_TYPES) if isinstance(result, ExecutionBlocker) else result)
    # As in ComfyUI: only the first call's keys count, and each value is iterated, so a string becomes its characters.
    ui = {key: [item for one in uis for item in one[key]] for key in uis[0]} if uis else {}
    return _merge_results(node, results), ui


def _merge_results(node: Any, results: Sequence[Sequence[Any]]) -> list[list[Any]]:
    if not results:
        return []
    count = len(results[0])
    is_list = getattr(node, "OUTPUT_IS_LIST", (False,) * count)
    outputs = []
    for i, spread in zip(range(count), is_list, strict=False):
        items: list[Any] = []
        for result in results:
            if spread and not isinstance(result[i], ExecutionBlocker):
                items.extend(result[i])
            else:
                items.append(result[i])
        outputs.append(items)
    return outputs
