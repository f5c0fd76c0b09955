"""The cache key that the nodes which read folders share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..io_utils.comfyui.cache_watch import CacheWatch
from ._inputs import read


class Request(Protocol):
    def fingerprint(self) -> str: ...


def mark(
    node: type[Any],
    request: type[Request],
    inputs: Mapping[str, Any],
    watch: CacheWatch,
    unique_id: Any,
    **known: Any,
) -> str:
    """For IS_CHANGED: the request's fingerprint. If an input is linked (None), changes when the last run's files do."""
    try:
        if any(value is None for value in inputs.values()):
            return watch.generation(unique_id, repr((sorted(inputs.items()), known)))
        return read(node, request, inputs, **known).fingerprint()
    except (ValueError, TypeError) as error:  # the run raises it, too
        return str(error)
