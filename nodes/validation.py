"""Are the inputs of a node what it needs? Asked before the run, and again in it of what links have brought.

ComfyUI checks widgets, not links: a link brings whatever the node in front of it returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Real
from typing import Any, TypeVar, overload

import numpy as np

from ..io_utils.paths import FOLDERS
from ..io_utils.wire import described
from .lists import listed, one

Member = TypeVar("Member", bound=Enum)
Meaning = TypeVar("Meaning")

# The value of an input that the prompt does not have. (None is that of a link that has not brought one yet.)
ABSENT: Any = object()


# The folder widget of the loaders, for `choice`: each of its values means itself.
FOLDER = {kind: kind for kind in FOLDERS}


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


def whole(value: Any, name: str, least: int = 0, most: int | None = None) -> int:
    """`value` as a whole number from `least` to `most`. ValueError naming the input if it is not."""
    number_ = number(value, name)
    if number_ != int(number_):
        raise _unexpected(value, name, "a whole number")
    if number_ < least or (most is not None and number_ > most):
        wanted = f"{least} or more" if most is None else f"a number from {least} to {most}"
        raise ValueError(f"The input {name!r} got {_short(str(int(number_)))}. Set it to {wanted}.")
    return int(number_)


def number(value: Any, name: str, above: float = -math.inf) -> Any:
    """`value` if it is a finite number above `above`. ValueError naming the input if not."""
    if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
        raise _unexpected(value, name, "a number")
    if value <= above:
        raise ValueError(f"The input {name!r} got {value}. Set it to a number above {above:g}.")
    return value


def flag(value: Any, name: str) -> bool:
    """`value` as a boolean, which 0 and 1 stand for too. ValueError naming the input for anything else."""
    if isinstance(value, np.bool_) or (isinstance(value, Real) and value in (0, 1)):
        return bool(value)
    raise _unexpected(value, name, "true or false")


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


@overload
def choice(value: Any, name: str, among: type[Member]) -> Member: ...


@overload
def choice(value: Any, name: str, among: Mapping[str, Meaning]) -> Meaning: ...


def choice(value: Any, name: str, among: type[Enum] | Mapping[str, Any]) -> Any:
    """What a combo widget's `value` stands for: a member of an enum by its value, or an entry of a mapping.

    For nodes with INPUT_IS_LIST too, as `lists.one`. ValueError naming the input for anything else.
    """
    said, choices = (
        one(value, name),
        among if isinstance(among, Mapping) else {member.value: member for member in among},
    )
    if not isinstance(said, str) or said not in choices:
        raise _unexpected(said, name, f"one of {', '.join(map(repr, choices))}")
    return choices[said]


def _unexpected(value: Any, name: str, wanted: str) -> ValueError:
    came = described(value)
    if isinstance(value, (str, int, float)):
        came = _short(_plain(value))
    return ValueError(f"The input {name!r} got {came}, not {wanted}. Check the node that is wired to it.")


def _plain(value: str | float) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no more than 4300 digits: sys.set_int_max_str_digits
        return "a number of thousands of digits"


def _short(shown: str) -> str:
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
