"""What the nodes that look at folders share: their cache key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..io_utils.comfyui.cache_watch import CacheWatch
from ._inputs import read


class Request(Protocol):
    def fingerprint(self) -> str: ...


def mark(watch: CacheWatch, unique_id: Any, request: type[Request], inputs: Mapping[str, Any], **known: Any) -> str:
    """For IS_CHANGED: what the request finds on disk. Where an input is linked (None), what the last run found counts."""
    if any(value is None for value in inputs.values()):
        return watch.generation(unique_id, repr((sorted(inputs.items()), known)))
    try:
        return read(request, inputs, **known).fingerprint()
    except ValueError as error:  # the run says so, too
        return str(error)
