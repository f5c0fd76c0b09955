"""Prompts in ComfyUI's API format: `{"node id": {"class_type": ..., "inputs": {...}, "_meta": {"title": ...}}}`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

Prompt = dict[str, Any]


class PromptError(ValueError):
    """A prompt that ComfyUI refuses with HTTP 400. `error` and `node_errors` are those of the body of that answer."""

    def __init__(self, error: dict[str, Any], node_errors: dict[str, dict[str, Any]] | None = None) -> None:
        self.error = error
        self.node_errors = node_errors or {}
        lines = [str(error["message"])]
        for node_id, entry in self.node_errors.items():
            lines += [f"node {node_id} ({entry['class_type']}): {_sentence(reason)}" for reason in entry["errors"]]
        if not self.node_errors and error.get("details"):
            lines.append(str(error["details"]))
        super().__init__("\n".join(lines))


def load_prompt(path: Path) -> Prompt:
    """The prompt in a file with the body of a POST to /prompt: `{"prompt": {...}}`.

    Raises OSError if the file cannot be read, and ValueError if it is not JSON or contains no prompt.
    """
    body = json.loads(path.read_text(encoding="utf-8"))
    prompt = body.get("prompt") if isinstance(body, dict) else None
    if not isinstance(prompt, dict):
        msg = f'{path} is not the body of a POST to /prompt: it should be {{"prompt": {{...}}}} with the nodes inside'
        raise ValueError(msg)
    return prompt


def is_link(value: object) -> TypeGuard[list[Any]]:
    """Whether an input value is a link, `[node id, output index]`."""
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, float))
    )


def at_frame(prompt: Prompt, frame: int, frames: int) -> Prompt:
    """A copy of `prompt` for frame `frame` of an animation with `frames` frames.

    A node's `_meta.animate` holds key values of its inputs, evenly spaced from the first frame to the last:
    `{"x": [0, 300]}` moves x from 0 to 300. Values between keys are interpolated, and rounded if all keys are integers.
    """
    result = copy.deepcopy(prompt)
    for node in result.values():
        for name, keys in node.get("_meta", {}).get("animate", {}).items():
            position = frame * (len(keys) - 1) / max(1, frames - 1)
            value = float(np.interp(position, range(len(keys)), keys))
            node["inputs"][name] = round(value) if all(isinstance(key, int) for key in keys) else value
    return result


def _sentence(reason: dict[str, Any]) -> str:
    return f"{reason['message']}: {reason['details']}" if reason["details"] else str(reason["message"])
