"""prompt + workflow -> the text entries of a file, as core's Save Image writes them.

Metadata never costs the picture. Other packs put all kinds of things into a prompt and into EXTRA_PNGINFO; what a file
cannot hold is left out, and one warning names it.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from . import host

_log = logging.getLogger(__name__)

# Values nested deeper than this are left out where JSON cannot hold the whole: the first of these depths that Python's
# recursion limit allows (1000, of which callers have used some). Real workflows have a dozen levels.
_DEEPEST = (300, 200, 100, 50)

# A longer list of what was left out tells the user nothing more.
_NAMED = 20


def text_entries(
    prompt: Any, extra_pnginfo: Any, keyword_fault: Callable[[str, int], str | None] = lambda keyword, earlier: None
) -> dict[str, str]:
    r"""Keyword -> JSON text: `prompt`, then every key of `extra_pnginfo` (`workflow`). Empty under --disable-metadata.

    ASCII only (\u escapes), so that a tEXt chunk always holds it, the one chunk that every ComfyUI frontend reads.
    Strict JSON: on a copy, NaN and infinities become null and `is_changed`, ComfyUI's note of its cache, is dropped.

    Never raises. Left out, with one warning that names all of it: keywords for which `keyword_fault(keyword, number of
    others before it)` has a reason, and values that JSON does not know, wherever they stand (null in a list, so that the
    others keep their places): tensors, objects, bytes, sets, keys that are not text, what holds itself.
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
            left_out.append(f"{_shown(keyword)} (the key is not text)")
        elif fault := keyword_fault(text, len(entries.keys() - {"prompt", text})):
            left_out.append(f"{_shown(text)} (the key {fault})")
        else:
            _add(entries, text, value, left_out)
    if left_out:
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        _log.warning(
            "The frames are saved without this metadata, which their files cannot hold: %s%s. Another node put it there.",
            ", ".join(left_out[:_NAMED]),
            more,
        )
    return entries


def _keyword(key: Any) -> str | None:
    """`key` if it is text, as plain text: the methods of a class of its own may do anything. None if it is not."""
    return str.__str__(key) if issubclass(type(key), str) else None


def _items(value: Any, name: str, left_out: list[str]) -> list[tuple[Any, Any]]:
    try:
        return list(value.items())
    except Exception:  # not a mapping, or a foreign one that fails
        left_out.append(f"{name} (of type {type(value).__name__}, not a mapping)")
        return []


def _add(entries: dict[str, str], keyword: str, value: Any, left_out: list[str]) -> None:
    """Put `value` among the entries as JSON; what JSON cannot hold is dropped and named in `left_out`."""
    # Almost always JSON can hold all of it, and looking at every item in Python takes 15 times as long.
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
    left_out.append(f"{_shown(keyword)} ({reason})")


_NOTHING = object()


class _Cleaner:
    """Copies values without what JSON cannot hold."""

    def __init__(self, deepest: int) -> None:
        self._deepest = deepest
        self._above: set[int] = set()
        self.left_out: list[str] = []

    def clean(self, value: Any, place: str) -> Any:
        """A copy of `value`, which is at `place` ("workflow.nodes.3"); _NOTHING if all of it is left out."""
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
            # json.dumps writes numbers, booleans and None as text, as every earlier version has done.
            if not (key is None or isinstance(key, (str, int, float))) or (isinstance(key, float) and key - key != 0):
                self._leave_out(f"{place}.{_shown(key)}", "its key is not text")
                continue
            cleaned = self.clean(item, f"{place}.{_shown(key)}")
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
            except ValueError:  # Python writes no more than 4300 digits: sys.set_int_max_str_digits
                return self._leave_out(place, "a number of thousands of digits")
        return value

    def _leave_out(self, place: str, reason: str) -> object:
        self.left_out.append(f"{place if len(place) <= 80 else place[:77] + '...'} ({reason})")
        return _NOTHING


def _shown(key: object) -> str:
    """A key in a form that can be searched for, short and on one line."""
    if type(key) is str and key.isprintable() and key.strip() == key and 1 <= len(key) <= 60 and "  " not in key:
        return key
    text = ascii(key) if type(key) in (str, bytes, int, float, type(None)) else f"<{type(key).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without_cache_note(node: Any) -> Any:
    try:
        return {key: value for key, value in node.items() if key != "is_changed"} if isinstance(node, Mapping) else node
    except Exception:  # a foreign mapping that fails: it is left out, and named, as a value that JSON does not know
        return node
