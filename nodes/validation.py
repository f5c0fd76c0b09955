"""VALIDATE_INPUTS: what can be said about a pattern or a path before the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .lists import listed


def verdict(check: Callable[..., Any], *values: Any) -> bool | str:
    """True, or why `check(*values)` refuses (its ValueError). Linked inputs, None here, wait for the run.

    It is asked while a prompt is posted, in the server's event loop: `check` must not look through folders.
    """
    items = [listed(value)[-1] for value in values]
    if any(item is None for item in items):
        return True
    try:
        check(*items)
    except ValueError as error:
        return str(error)
    return True
