"""Succession: which nodes of earlier packs our nodes stand in for, wherever nobody registers the earlier ones.

The frontend (1.40 and later) offers the successor for a saved workflow; API prompts are rewritten before the server looks
at them, on every server. Our nodes keep the earlier ones' input names and values, so class types and output numbers
are all that changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import host


@dataclass(frozen=True)
class Succession:
    """`new_id` stands in for `old_id`, a node with the inputs `slots` and `widgets`.

    `widgets` are in the order in which workflows store their values, which is by position. `outputs` has the number of
    our output for each of the old node's. `counting` says that our node has a control after generate, the old one none.
    """

    old_id: str
    new_id: str
    slots: tuple[str, ...]
    widgets: tuple[str, ...]
    outputs: tuple[int, ...] = ()
    counting: bool = False

    def declaration(self) -> dict[str, Any]:
        """The arguments of ComfyUI's NodeReplace, as plain data. Nothing is mapped but what is named in there."""
        inputs = [{"new_id": name, "old_id": name} for name in (*self.slots, *self.widgets)]
        if self.counting:
            inputs.append({"new_id": "control_after_generate", "set_value": "fixed"})  # the old value stayed as typed
        return {
            "new_node_id": self.new_id,
            "old_node_id": self.old_id,
            "old_widget_ids": list(self.widgets),
            "input_mapping": inputs,
            "output_mapping": [{"new_idx": new, "old_idx": old} for old, new in enumerate(self.outputs)],
        }

    def output(self, old: float) -> float:
        """The number of our output for one of the old node's; a number that it did not have stays."""
        return next((new for number, new in enumerate(self.outputs) if number == old), old)


SUCCESSIONS = (
    Succession(
        "Save Image Sequence (mtb)",
        "ImageSequenceSaveFrame",
        slots=("images",),
        widgets=("filename_prefix", "current_frame"),
        counting=True,
    ),
    Succession(
        "Image Sequence Saver [Dream]",
        "ImageSequenceSaveCounted",
        slots=("frame_counter", "image"),
        widgets=("directory_path", "prefix", "digits", "at_end", "filetype"),
        outputs=(0, 1),
    ),
    Succession(
        "JWSaveImageSequence",
        "ImageSequenceSaveBatch",
        slots=("images",),
        widgets=("path_pattern", "start_index", "overwrite"),
    ),
    Succession(
        "JWLoadImageSequence",
        "ImageSequenceLoadBatch",
        slots=(),
        widgets=("path_pattern", "start_index", "frame_count", "ignore_missing_images"),
        outputs=(0,),
    ),
    Succession(
        "Frame Counter (Simple) [Dream]",
        "ImageSequenceFrameCounter",
        slots=(),
        widgets=("frame_index", "total_frames", "frames_per_second"),
        outputs=(0,),
        counting=True,
    ),
    Succession(
        "Frame Counter (Directory) [Dream]",
        "ImageSequenceFrameCounterFromDirectory",
        slots=(),
        widgets=("directory_path", "pattern", "indexing", "total_frames", "frames_per_second"),
        outputs=(0,),
    ),
    Succession(
        "Image Sequence Loader [Dream]",
        "ImageSequenceLoadFrame",
        # The server's own replacement fails where an input that it maps is absent, as the optional default_image may be;
        # it never gets to see such a node, as prompts are rewritten here first.
        slots=("frame_counter", "default_image"),
        widgets=("directory_path", "pattern", "indexing"),
        outputs=(0, 2),  # image, frame_name: a mask stands between them in ours
        counting=True,
    ),
)


def register() -> None:
    """Offer the successors to ComfyUI, which is loading the pack. Without ComfyUI this does nothing."""
    host.offer_replacements([succession.declaration() for succession in SUCCESSIONS])
    host.before_every_prompt(rewrite_request)


def rewrite_request(body: Any) -> Any:
    """The body of a POST /prompt, JSON of any shape, with the successors that stand in as things are registered now."""
    if not isinstance(body, dict) or "prompt" not in body:
        return body
    return {**body, "prompt": rewrite(body["prompt"], standing_in())}


def standing_in() -> dict[str, Succession]:
    """The successions in force now, by old id: nobody registers the old id, nor was first to name another successor."""
    registered = host.registered_nodes()
    return {
        succession.old_id: succession
        for succession in SUCCESSIONS
        if succession.old_id not in registered
        and succession.new_id in registered
        and host.replacement_of(succession.old_id) in (None, succession.new_id)
    }


def rewrite(prompt: Any, successions: Mapping[str, Succession]) -> Any:
    """An API prompt with our nodes in place of the old ones, and the links to their outputs renumbered.

    `prompt` may be JSON of any shape and is not changed; what is no node in it is the server's to refuse, and stays.
    """
    if not isinstance(prompt, dict):
        return prompt
    nodes = {node_id: node for node_id, node in prompt.items() if _is_node(node)}
    old = {
        node_id: successions[node["class_type"]] for node_id, node in nodes.items() if node["class_type"] in successions
    }
    rewritten = dict(prompt)
    for node_id, node in nodes.items():
        inputs = {name: _relinked(value, old) for name, value in node["inputs"].items()}
        class_type = old[node_id].new_id if node_id in old else node["class_type"]
        rewritten[node_id] = {**node, "class_type": class_type, "inputs": inputs}
    return rewritten


def _is_node(value: Any) -> bool:
    match value:
        case {"class_type": str(), "inputs": dict()}:
            return True
    return False


def _relinked(value: Any, old: Mapping[str, Succession]) -> Any:
    match value:
        case [str(node_id), int() | float() as output] if node_id in old:
            return [node_id, old[node_id].output(output)]
    return value
