"""Calls that the tests of several nodes make, with the inputs as ComfyUI passes them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch


def cache_key(node: Any, **inputs: Any) -> str:
    """The answer of IS_CHANGED, which is part of ComfyUI's cache key and therefore must be a plain str."""
    answer = type(node).IS_CHANGED(**inputs)
    assert type(answer) is str
    return answer


def saver_cache_key(node: Any, unique_id: str, **inputs: Any) -> str:
    """The `cache_key` of a saver, whose inputs are lists. None means a link; hidden inputs except the id are empty."""
    given = {name: (None,) if value is None else [value] for name, value in inputs.items()}
    return cache_key(node, **given, prompt=[{}], extra_pnginfo=[None], unique_id=[unique_id])


def save_counted(
    pack: ModuleType,
    counter: Any,
    image: torch.Tensor,
    directory_path: str = "shot",
    prefix: str = "frame",
    filetype: str = "png",
    **inputs: Any,
) -> Any:
    """Run Save Image Sequence (Frame Counter). Returns its animation sequence."""
    node = pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveCounted"]()
    texts = {"directory_path": directory_path, "prefix": prefix}
    settings = {"digits": 5, "at_end": "stop output", "filetype": filetype, **inputs}
    return node.save(counter, image, **texts, **settings)["result"][0]
