"""Inputs of the nodes: what can be said about them before the run, and what a link may have brought instead of them.

ComfyUI checks widgets, not links: a link brings whatever the node in front of it returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

from .lists import listed

# What an input is that the prompt does not have: a link whose value is not there yet is None.
ABSENT: Any = object()


def verdict(check: Callable[..., Any], *values: Any) -> bool | str:
    """For VALIDATE_INPUTS: True, or why `check(*values)` refuses (its ValueError). Linked inputs, None here, wait.

    It is asked while a prompt is posted, in the server's event loop: `check` must not look through folders. One input
    only: ComfyUI blames every input that VALIDATE_INPUTS names for whatever it says.
    """
    items = [listed(value)[-1] if listed(value) else None for value in values]
    if any(item is None for item in items):
        return True
    try:
        check(*(text(item, "text") for item in items))
    except ValueError as error:
        return str(error)
    return True


def text(value: Any, name: str) -> str:
    """`value` if it is text. ValueError naming the input if not."""
    if not isinstance(value, str):
        raise _unexpected(value, name, "text")
    return value


def whole(value: Any, name: str, least: int = 0) -> int:
    """`value` as a whole number of `least` or more. ValueError naming the input if it is none."""
    number_ = number(value, name)
    if number_ != int(number_):
        raise _unexpected(value, name, "a whole number")
    if number_ < least:
        raise ValueError(f"The input {name!r} got {int(number_)}. Set it to {least} or more.")
    return int(number_)


def number(value: Any, name: str, above: float = -math.inf) -> Any:
    """`value` if it is a finite number above `above`. ValueError naming the input if not."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise _unexpected(value, name, "a number")
    if value <= above:
        raise ValueError(f"The input {name!r} got {value}. Set it to a number above {above:g}.")
    return value


def _unexpected(value: Any, name: str, wanted: str) -> ValueError:
    came = "nothing (None)" if value is None else f"a {type(value).__name__}"
    if isinstance(value, (str, int, float)):
        came = repr(value) if len(repr(value)) <= 100 else f"{repr(value)[:100]}..."
    return ValueError(f"The input {name!r} got {came}, not {wanted}. Check the node that is wired to it.")
