"""The inputs of a node: what its widgets offer, and what they and its wires bring, as a request.

ComfyUI checks widgets, not links: a link brings whatever the node in front of it returns. To nodes with INPUT_IS_LIST it
hands every input over as a list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Real
from typing import Any, TypeVar, overload

import numpy as np

from ..io_utils.request import Limits, inputs_of
from ..io_utils.wire import UNRENDERED, described

Member = TypeVar("Member", bound=Enum)
Meaning = TypeVar("Meaning")
Request = TypeVar("Request")

# The value of an input that the prompt does not have. (None is that of a link that has not brought one yet.)
ABSENT: Any = object()


def read(request: type[Request], inputs: Mapping[str, Any], **known: Any) -> Request:
    """The request that a node's inputs make; `known` holds what the node knows besides.

    ValueError, naming the input, for a value that it cannot hold; TypeError for an input that the node does not have.
    """
    return _read(request, inputs, lambda value, name: value, known)


def read_lists(request: type[Request], inputs: Mapping[str, Any], **known: Any) -> Request:
    """The same for a node with INPUT_IS_LIST, of inputs that hold for all images: one value each."""
    return _read(request, inputs, one, known)


def read_rows(request: type[Request], inputs: Mapping[str, Any], each: tuple[str, ...], **known: Any) -> list[Request]:
    """The same, one request for each row of the inputs named by `each`; the other inputs hold for all of them."""
    common = {name: value for name, value in inputs.items() if name not in each}
    columns = {name: inputs[name] for name in each}
    return [read_lists(request, common | dict(zip(each, row)), **known) for row in rows(**columns)]


def widget(request: type[Any], name: str, tooltip: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The declaration of an input, with the default and the limits that the request has for it."""
    declared, limit, kind = inputs_of(request)[name]
    words = limit.words or ({member.value: member for member in kind} if issubclass(kind, Enum) else None)
    if words:
        first, *_ = words.values()
        default = next(word for word, meaning in words.items() if meaning == declared.default)
        shown = {} if declared.default == first else {"default": default}
        return list(words), {**shown, **options, "tooltip": tooltip}
    numbers = {"min": limit.least, "max": limit.most}
    given = {key: value for key, value in numbers.items() if value is not None}
    types = {str: "STRING", bool: "BOOLEAN", int: "INT", float: "FLOAT"}
    return types[kind], {"default": declared.default, **given, **options, "tooltip": tooltip}


def _read(
    request: type[Request], inputs: Mapping[str, Any], single: Callable[[Any, str], Any], known: Mapping[str, Any]
) -> Request:
    declared = inputs_of(request)
    if unknown := inputs.keys() - declared.keys():
        raise TypeError(f"unexpected inputs: {', '.join(sorted(unknown))}")
    values = {
        found.name: _value(inputs[name], name, kind, limit, single)
        for name, (found, limit, kind) in declared.items()
        if name in inputs
    }
    return request(**values, **known)


def _value(value: Any, name: str, kind: type[Any], limit: Limits, single: Callable[[Any, str], Any]) -> Any:
    if limit.words is not None:
        return choice(value, name, limit.words)
    if issubclass(kind, Enum):
        return choice(value, name, kind)
    value = single(value, name)
    if kind is str:
        return text(value, name)
    if kind is bool:
        return flag(value, name)
    if kind is int:
        return whole(value, name, limit.least, limit.most)
    return number(value, name, -math.inf if limit.above is None else limit.above)


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


def whole(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """`value` as a whole number from `least` to `most`, each None for no limit. ValueError naming the input if it is not."""
    number_ = number(value, name)
    if number_ != int(number_):
        raise _unexpected(value, name, "a whole number")
    if (least is not None and number_ < least) or (most is not None and number_ > most):
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
