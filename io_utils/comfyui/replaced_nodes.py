"""Replaces nodes of earlier packs with ours if those packs are not installed.

The frontend (1.40 and later) offers the replacement when it opens a saved workflow. API prompts are rewritten before
the server checks them, in every version of ComfyUI. Our nodes keep the input names and values of the earlier ones, so
only class types and output numbers change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import host


@dataclass(frozen=True)
class Replacement:
    """Our node `new_id` replaces `old_id`, a node with the inputs `slots` and `widgets`.

    `widgets` are in the order in which workflows store their values (by position). `outputs` maps each output number of
    the old node to ours. `counting`: our node has a *control after generate*, which the old node lacks.
    """

    old_id: str
    new_id: str
    slots: tuple[str, ...]
    widgets: tuple[str, ...]
    outputs: tuple[int, ...] = ()
    counting: bool = False

    def declaration(self) -> dict[str, Any]:
        """The arguments of ComfyUI's NodeReplace, as plain data.

        ComfyUI maps only the inputs and outputs named in it.
        """
        inputs = [{"new_id": name, "old_id": name} for name in (*self.slots, *self.widgets)]
        if self.counting:
            inputs.append({"new_id": "control_after_generate", "set_value": "fixed"})  # the old node did not count
        return {
            "new_node_id": self.new_id,
            "old_node_id": self.old_id,
            "old_widget_ids": list(self.widgets),
            "input_mapping": inputs,
            "output_mapping": [{"new_idx": new, "old_idx": old} for old, new in enumerate(self.outputs)],
        }

    def output(self, old: float) -> float:
        """The number of our output in place of the old node's; an invalid number is returned as it is."""
        return next((new for number, new in enumerate(self.outputs) if number == old), old)


REPLACEMENTS = (
    Replacement(
        "Save Image Sequence (mtb)",
        "ImageSequenceSaveFrame",
        slots=("images",),
        widgets=("filename_prefix", "current_frame"),
        counting=True,
    ),
    Replacement(
        "Image Sequence Saver [Dream]",
        "ImageSequenceSaveCounted",
        slots=("frame_counter", "image"),
        widgets=("directory_path", "prefix", "digits", "at_end", "filetype"),
        outputs=(0, 1),
    ),
    Replacement(
        "JWSaveImageSequence",
        "ImageSequenceSaveBatch",
        slots=("images",),
        widgets=("path_pattern", "start_index", "overwrite"),
    ),
    Replacement(
        "JWLoadImageSequence",
        "ImageSequenceLoadBatch",
        slots=(),
        widgets=("path_pattern", "start_index", "frame_count", "ignore_missing_images"),
        outputs=(0,),
    ),
    Replacement(
        "Frame Counter (Simple) [Dream]",
        "ImageSequenceFrameCounter",
        slots=(),
        widgets=("frame_index", "total_frames", "frames_per_second"),
        outputs=(0,),
        counting=True,
    ),
    Replacement(
        "Frame Counter (Directory) [Dream]",
        "ImageSequenceFrameCounterFromDirectory",
        slots=(),
        widgets=("directory_path", "pattern", "indexing", "total_frames", "frames_per_second"),
        outputs=(0,),
    ),
    Replacement(
        "Image Sequence Loader [Dream]",
        "ImageSequenceLoadFrame",
        # The server's own replacement fails if a mapped input is absent, as the optional default_image may be. It never
        # sees such a node, because prompts are rewritten here first.
        slots=("frame_counter", "default_image"),
        widgets=("directory_path", "pattern", "indexing"),
        outputs=(0, 2),  # image, frame_name: our node has a mask between them
        counting=True,
    ),
)


def register() -> None:
    """Register the replacements with ComfyUI while it loads the pack. Does nothing without ComfyUI."""
    host.offer_replacements([replacement.declaration() for replacement in REPLACEMENTS])
    host.before_every_prompt(rewrite_request)


def rewrite_request(body: Any) -> Any:
    """The body of a POST /prompt (JSON of any shape) with our nodes in place of those that are not registered now."""
    if not isinstance(body, dict) or "prompt" not in body:
        return body
    return {**body, "prompt": rewrite(body["prompt"], active_replacements())}


def active_replacements() -> dict[str, Replacement]:
    """The active replacements by old id.

    One is active if the old node is not registered, ours is, and no other pack has offered to replace the old one.
    """
    registered = host.node_classes()
    return {
        replacement.old_id: replacement
        for replacement in REPLACEMENTS
        if replacement.old_id not in registered
        and replacement.new_id in registered
        and host.replacement_of(replacement.old_id) in (None, replacement.new_id)
    }


def rewrite(prompt: Any, replacements: Mapping[str, Replacement]) -> Any:
    """An API prompt with our nodes in place of the old ones, and the links to their outputs renumbered.

    `prompt` may be JSON of any shape and is not modified. Anything that is not a node is left untouched; the server
    refuses it.
    """
    if not isinstance(prompt, dict):
        return prompt
    nodes = {node_id: node for node_id, node in prompt.items() if _is_node(node)}
    old = {
        node_id: replacements[node["class_type"]]
        for node_id, node in nodes.items()
        if node["class_type"] in replacements
    }
    rewritten = dict(prompt)
    for node_id, node in nodes.items():
        inputs = {name: _renumbered_link(value, old) for name, value in node["inputs"].items()}
        class_type = old[node_id].new_id if node_id in old else node["class_type"]
        rewritten[node_id] = {**node, "class_type": class_type, "inputs": inputs}
    return rewritten


def _is_node(value: Any) -> bool:
    match value:
        case {"class_type": str(), "inputs": dict()}:
            return True
    return False


def _renumbered_link(value: Any, old: Mapping[str, Replacement]) -> Any:
    match value:
        case [str(node_id), int() | float() as output] if node_id in old:
            return [node_id, old[node_id].output(output)]
    return value
