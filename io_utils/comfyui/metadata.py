"""The prompt and the workflow as text entries of an image file, as ComfyUI's Save Image writes them.

Bad metadata must never prevent a frame from being saved. Other packs put all kinds of values into a prompt and into
EXTRA_PNGINFO; those that a file cannot hold are left out, and one warning names them.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from .. import host
from .identity import VALUE

_log = logging.getLogger(__name__)

# If json.dumps fails, values nested deeper than this are left out: the first of these depths that fits into what
# callers have left of Python's recursion limit (1000). Real workflows have a dozen levels.
_DEEPEST = (300, 200, 100, 50)

# A longer list in the warning would not help the user.
_MAX_NAMED = 20


def text_entries(
    prompt: Any, extra_pnginfo: Any, keyword_fault: Callable[[str, int], str | None] = lambda keyword, earlier: None
) -> dict[str, str]:
    r"""Keyword -> JSON text: `prompt`, then every key of `extra_pnginfo` (`workflow`). Empty under --disable-metadata.

    The text is ASCII (\u escapes), so that it always fits into a tEXt chunk, the only chunk that every ComfyUI frontend
    reads. It is strict JSON: NaN and infinities become null. `is_changed`, an entry that ComfyUI adds for its cache, is
    removed. The arguments are not modified.

    Never raises. It leaves out, with one warning that names them all, keywords for which `keyword_fault(keyword, number
    of earlier extra keywords)` returns a reason, and values that JSON cannot represent: tensors, objects, bytes, sets,
    keys that are not text, circular references. In a list they become null, so that the other items keep their indices.
    """
    if host.metadata_disabled():
        return {}
    left_out: list[str] = []
    entries: dict[str, str] = {}
    if isinstance(prompt, Mapping):
        nodes = _items(prompt, "prompt", left_out)
        prompt = {node_id: _without_cache_note(node) for node_id, node in nodes}
    if prompt is not None:
        _add(entries, "prompt", prompt, left_out)
    for keyword, value in [] if extra_pnginfo is None else _items(extra_pnginfo, "extra_pnginfo", left_out):
        text = _keyword(keyword)
        if text is None:
            left_out.append(f"{_printed_key(keyword)} (the key is not text)")
        elif fault := keyword_fault(text, len(entries.keys() - {"prompt", text})):
            left_out.append(f"{_printed_key(text)} (the key {fault})")
        else:
            _add(entries, text, value, left_out)
    if left_out:
        more = f" and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
        _log.warning(
            "The frames are saved without this metadata, which their files cannot hold: %s%s. Another node added it.",
            ", ".join(left_out[:_MAX_NAMED]),
            more,
        )
    return entries


def _keyword(key: Any) -> str | None:
    """`key` as a plain str, because the methods of a subclass may do anything; None if it is not text, or not Unicode."""
    if not issubclass(type(key), str):
        return None
    with suppress(UnicodeEncodeError):  # half of a surrogate pair, which no file can hold
        str.encode(key)
        return str.__str__(key)
    return None


def _items(value: Any, name: str, left_out: list[str]) -> list[tuple[Any, Any]]:
    try:
        return list(value.items())
    except Exception:  # not a mapping, or a foreign one that fails
        left_out.append(f"{name} (of type {type(value).__name__}, not a mapping)")
        return []


def _add(entries: dict[str, str], keyword: str, value: Any, left_out: list[str]) -> None:
    """Add `value` to `entries` as JSON. Drops what JSON cannot represent and names it in `left_out`."""
    # Almost every value is valid JSON as it is, and checking each item in Python takes 15 times as long.
    with suppress(Exception):
        entries[keyword] = json.dumps(value, allow_nan=False)
        return
    reason = "nested too deeply"
    for deepest in _DEEPEST:
        cleaner = _Cleaner(deepest)
        try:
            clean = cleaner.clean(value, keyword)
            text = None if clean is _NOTHING else json.dumps(clean, allow_nan=False)
        except RecursionError:
            continue
        except Exception as error:  # a foreign class may raise anything from its own methods
            reason = f"{type(error).__name__}: {error}"[:80]
            break
        left_out += cleaner.left_out
        if text is not None:
            entries[keyword] = text
        return
    left_out.append(f"{_printed_key(keyword)} ({reason})")


_NOTHING = object()


class _Cleaner:
    """Copies values without the parts that JSON cannot represent."""

    def __init__(self, deepest: int) -> None:
        self._deepest = deepest
        self._above: set[int] = set()
        self.left_out: list[str] = []

    def clean(self, value: Any, place: str) -> Any:
        """A clean copy of `value`, which is at `place` ("workflow.nodes.3"); _NOTHING if nothing is left of it."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (str, int, float)):
            return self._plain(value, place)
        if not isinstance(value, (Mapping, list, tuple)):
            return self._leave_out(place, f"of type {type(value).__name__}")
        if id(value) in self._above:
            return self._leave_out(place, "it holds itself")
        if len(self._above) >= self._deepest:
            return self._leave_out(place, "nested too deeply")
        self._above.add(id(value))
        try:
            return self._mapping(value, place) if isinstance(value, Mapping) else self._list(value, place)
        finally:
            self._above.remove(id(value))

    def _mapping(self, value: Mapping[Any, Any], place: str) -> dict[Any, Any]:
        copy = {}
        for key, item in value.items():
            # json.dumps turns numbers, booleans and None into text keys.
            if not (key is None or isinstance(key, (str, int, float))) or (isinstance(key, float) and key - key != 0):
                self._leave_out(f"{place}.{_printed_key(key)}", "its key is not text")
                continue
            cleaned = self.clean(item, f"{place}.{_printed_key(key)}")
            if cleaned is not _NOTHING:
                copy[key] = cleaned
        return copy

    def _list(self, value: list[Any] | tuple[Any, ...], place: str) -> list[Any]:
        items = [self.clean(item, f"{place}.{index}") for index, item in enumerate(value)]
        return [None if item is _NOTHING else item for item in items]

    def _plain(self, value: str | float | None, place: str) -> Any:
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, int):
            try:
                int.__repr__(value)
            except ValueError:  # more than 4300 digits: sys.set_int_max_str_digits
                return self._leave_out(place, "a number of thousands of digits")
        return value

    def _leave_out(self, place: str, reason: str) -> object:
        self.left_out.append(f"{place if len(place) <= 80 else place[:77] + '...'} ({reason})")
        return _NOTHING


def _printed_key(key: object) -> str:
    """A key as the warning shows it: on one line, at most 60 characters, and searchable."""
    if type(key) is str and key.isprintable() and key.strip() == key and 1 <= len(key) <= 60 and "  " not in key:
        return key
    text = ascii(key) if type(key) in (str, bytes, int, float, type(None)) else f"<{type(key).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without_cache_note(node: Any) -> Any:
    """The node without its change mark, and without the inputs that a saver has added to itself for a moment."""
    if not isinstance(node, Mapping):
        return node
    try:
        kept = {key: value for key, value in node.items() if key != "is_changed"}
        inputs = kept.get("inputs")
        if isinstance(inputs, dict) and any(str(name).startswith(VALUE) for name in inputs):
            kept["inputs"] = {name: value for name, value in inputs.items() if not str(name).startswith(VALUE)}
    except Exception:  # a foreign mapping that fails: _Cleaner leaves it out and names it
        return node
    return kept
