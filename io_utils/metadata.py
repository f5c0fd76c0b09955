"""prompt + workflow -> the text entries of a file, as core's Save Image writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from . import host


def text_entries(prompt: Mapping[str, Any] | None, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, str]:
    r"""Keyword -> JSON text: `prompt`, then every key of `extra_pnginfo` (`workflow`). Empty under --disable-metadata.

    ASCII only (\\u escapes), so that a tEXt chunk always holds it, the one chunk that every ComfyUI frontend reads.
    Strict JSON: on a copy, NaN and infinities become null and `is_changed`, ComfyUI's note of its cache, is dropped.
    """
    if host.metadata_disabled():
        return {}
    entries: dict[str, Any] = {}
    if prompt is not None:
        entries["prompt"] = {node_id: _without_cache_note(node) for node_id, node in prompt.items()}
    entries.update(extra_pnginfo or {})
    return {keyword: json.dumps(_finite(value), allow_nan=False) for keyword, value in entries.items()}


def _without_cache_note(node: Any) -> Any:
    return {key: value for key, value in node.items() if key != "is_changed"} if isinstance(node, Mapping) else node


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
