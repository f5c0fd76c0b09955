"""The inputs of a node: declares its widgets, and turns the values of widgets and links into a request.

ComfyUI checks widgets, not links: a link brings whatever the node before it returns. Nodes with INPUT_IS_LIST get every
input as a list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Real
from typing import Any, TypeVar, overload

import numpy as np

from ..io_utils.errors import InputError
from ..io_utils.request import Limits, inputs_of
from ..io_utils.wire import UNRENDERED, described

Member = TypeVar("Member", bound=Enum)
Meaning = TypeVar("Meaning")
Request = TypeVar("Request")

# The value of an input that is not in the prompt. (None means a link that has not brought a value yet.)
ABSENT: Any = object()


# By class: to declare all widgets for the sake of their names takes 0.2 ms, three times a run.
_required: dict[type[Any], frozenset[str]] = {}


class Choices(list[str]):
    """The values of a combo that the request checks itself, because its error names the nearest right one.

    ComfyUI would look for the value in the list before the run, and refuse it with the whole list, or only its length if it
    is long. So this list claims to contain every text.
    """

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str)


def read(node: Any, request: type[Request], inputs: Mapping[str, Any], **known: Any) -> Request:
    """The request with the `inputs` of `node`, a node or its class; `known` are its fields that are not inputs.

    Raises ValueError, naming the input, for an invalid value; TypeError for a missing input, or one that the node does not
    have.
    """
    return _read(node, request, inputs, lambda value, name: value, known)


def read_typed(request: type[Request], inputs: Mapping[str, Any], **known: Any) -> Request:
    """The request with those of `inputs` that it has: before a run, links have no values, and their defaults apply.

    Raises ValueError, naming the input, for an invalid value.
    """
    return request(**_values(request, inputs, lambda value, name: value), **known)


def read_lists(node: Any, request: type[Request], inputs: Mapping[str, Any], **known: Any) -> Request:
    """Like `read`, for a node with INPUT_IS_LIST whose inputs apply to all images: one value each."""
    return _read(node, request, inputs, one, known)


def read_rows(
    node: Any, request: type[Request], inputs: Mapping[str, Any], each: tuple[str, ...], **known: Any
) -> list[Request]:
    """Like `read_lists`, with one request per row of the inputs named in `each`. The other inputs apply to all rows."""
    common = {name: value for name, value in inputs.items() if name not in each}
    columns = {name: inputs[name] for name in each if name in inputs}

    def single(value: Any, name: str) -> Any:
        return value if name in each else one(value, name)

    row_values = rows(**columns) if columns else [()]
    return [_read(node, request, common | dict(zip(columns, row)), single, known) for row in row_values]


def widget(request: type[Any], name: str, tooltip: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The declaration of an input, with the request's default and limits."""
    declared, limit, kind = inputs_of(request)[name]
    if limit.options:
        return Choices(limit.options()), {"default": declared.default, **options, "tooltip": tooltip}
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
    node: Any,
    request: type[Request],
    inputs: Mapping[str, Any],
    single: Callable[[Any, str], Any],
    known: Mapping[str, Any],
) -> Request:
    declared = inputs_of(request)
    node_class = node if isinstance(node, type) else type(node)
    if unknown := inputs.keys() - declared.keys():
        raise TypeError(f"{node_class.__name__} has no inputs {', '.join(sorted(unknown))}")
    if missing := declared.keys() & _required_inputs(node_class) - inputs.keys():
        raise TypeError(f"{node_class.__name__} needs the inputs {', '.join(sorted(missing))}")
    return request(**_values(request, inputs, single), **known)


def _values(request: type[Any], inputs: Mapping[str, Any], single: Callable[[Any, str], Any]) -> dict[str, Any]:
    return {
        found.name: _value(inputs[name], name, kind, limit, single)
        for name, (found, limit, kind) in inputs_of(request).items()
        if name in inputs
    }


def _required_inputs(node_class: type[Any]) -> frozenset[str]:
    if node_class not in _required:
        _required[node_class] = frozenset(node_class.INPUT_TYPES()["required"])
    return _required[node_class]


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
    """The items of an input. Tensors and strings are single items."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def one(value: Any, name: str = "a setting") -> Any:
    """The value of a setting that applies to every image of the run.

    Raises ValueError, naming it, for none or several.
    """
    items = some(value, name)
    first, *others = items
    different = [other for other in others if not _is_same(other, first)]
    if different:
        raise InputError(
            f"Set {name} to one value: it holds for all images, but got a list of {len(items)} different values, "
            f"{_shown(first)}, {_shown(different[0])}, ..."
        )
    return first


def _is_same(value: Any, other: Any) -> bool:
    """Whether two settings are equal.

    False for arrays and tensors, which compare by element; a later check refuses them.
    """
    if value is other:
        return True
    try:
        return bool(value == other)
    except Exception:  # a foreign class may raise anything from its comparison
        return False


def _shown(value: Any) -> str:
    return repr(value)[:100] if isinstance(value, (str, int, float)) else described(value)


def hidden(value: Any) -> Any:
    """The value of a hidden input; None if there is none."""
    return next(iter(listed(value)), None)


def some(value: Any, name: str) -> list[Any]:
    """The items of an input, at least one. Raises ValueError, naming the input, for an empty list."""
    items = listed(value)
    if not items:
        raise InputError(
            f"Check the node that is wired to {name!r}: a filter may let nothing through. The input {name!r} got an empty "
            f"list, so there is nothing to save."
        )
    return items


def rows(**inputs: Any) -> list[tuple[Any, ...]]:
    """The items of several inputs in rows. Shorter lists repeat their last item: ComfyUI's rule for lists.

    Raises ValueError, naming the input, for an empty list, which has no last item.
    """
    columns = [some(value, name) for name, value in inputs.items()]
    longest = max(len(column) for column in columns)
    return [tuple(column[min(index, len(column) - 1)] for column in columns) for index in range(longest)]


def lazy(value: Any) -> Any:
    """The value of a lazy input, or UNRENDERED if the nodes before it did not run.

    ComfyUI then passes the tuple (None,) (`mark_missing` in its execution.py). Everything that nodes return comes in lists;
    a node that returned None gives [None].
    """
    return UNRENDERED if isinstance(value, tuple) and value == (None,) else value


def verdict(check: Callable[..., Any], *values: Any) -> bool | str:
    """For VALIDATE_INPUTS: True, or the message of the ValueError that `check(*values)` raises.

    Linked inputs are None here and are checked when the node runs. ComfyUI calls this in the server's event loop while
    a prompt is posted, so `check` must not list folders. Use one input only: ComfyUI blames every input that
    VALIDATE_INPUTS names for the message.
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
    """`value`, which must be text. Raises ValueError naming the input."""
    if not isinstance(value, str):
        raise _unexpected(value, name, "text")
    return value


def whole(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """`value` as a whole number from `least` to `most` (None: no limit). Raises ValueError naming the input."""
    as_number = number(value, name)
    if as_number != int(as_number):
        raise _unexpected(value, name, "a whole number")
    if (least is not None and as_number < least) or (most is not None and as_number > most):
        wanted = f"{least} or more" if most is None else f"a number from {least} to {most}"
        raise InputError(f"Set {name} to {wanted}. It got {_short(str(int(as_number)))}.")
    return int(as_number)


def number(value: Any, name: str, above: float = -math.inf) -> Any:
    """`value`, which must be a finite number above `above`. Raises ValueError naming the input."""
    if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
        raise _unexpected(value, name, "a number")
    if value <= above:
        raise InputError(f"Set {name} to a number above {above:g}. It got {value}.")
    return value


def flag(value: Any, name: str) -> bool:
    """`value` as a boolean; 0 and 1 count as booleans. Raises ValueError naming the input."""
    if isinstance(value, np.bool_) or (isinstance(value, Real) and value in (0, 1)):
        return bool(value)
    raise _unexpected(value, name, "true or false")


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the range of floats
        return False


@overload
def choice(value: Any, name: str, among: type[Member]) -> Member: ...


@overload
def choice(value: Any, name: str, among: Mapping[str, Meaning]) -> Meaning: ...


def choice(value: Any, name: str, among: type[Enum] | Mapping[str, Any]) -> Any:
    """The meaning of a combo widget's `value`: the enum member with this value, or the entry of a mapping.

    Also takes the lists of nodes with INPUT_IS_LIST, like `one`. Raises ValueError naming the input.
    """
    choices = among if isinstance(among, Mapping) else {member.value: member for member in among}
    word = one(value, name)
    if not isinstance(word, str) or word not in choices:
        raise _unexpected(word, name, f"one of {', '.join(map(repr, choices))}")
    return choices[word]


def _unexpected(value: Any, name: str, wanted: str) -> InputError:
    shown = _short(_plain(value)) if isinstance(value, (str, int, float)) else described(value)
    return InputError(f"Set {name} to {wanted}, or check the node that is wired to it. It got {shown}.")


def _plain(value: str | float) -> str:
    try:
        return repr(value)
    except ValueError:  # more than 4300 digits: sys.set_int_max_str_digits
        return "a number of thousands of digits"


def _short(shown: str) -> str:
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
