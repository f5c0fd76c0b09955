"""Numbered image sequences for ComfyUI: save one frame per run, count frames and stop, save and load batches."""

from .io_utils import host
from .io_utils.comfyui import browse, preview, replaced_nodes
from .nodes.add_layer import ImageSequenceAddLayer
from .nodes.check_sequence import ImageSequenceCheck
from .nodes.frame_counter import ImageSequenceFrameCounter, ImageSequenceFrameCounterFromDirectory
from .nodes.from_animation import ImageSequenceFromAnimation
from .nodes.load_batch import ImageSequenceLoadBatch
from .nodes.load_frame import ImageSequenceLoadFrame
from .nodes.save_batch import ImageSequenceSaveBatch
from .nodes.save_counted import ImageSequenceSaveCounted
from .nodes.save_frame import ImageSequenceSaveFrame

NODE_CLASS_MAPPINGS = {
    "ImageSequenceSaveFrame": ImageSequenceSaveFrame,
    "ImageSequenceSaveCounted": ImageSequenceSaveCounted,
    "ImageSequenceSaveBatch": ImageSequenceSaveBatch,
    "ImageSequenceLoadBatch": ImageSequenceLoadBatch,
    "ImageSequenceLoadFrame": ImageSequenceLoadFrame,
    "ImageSequenceFrameCounter": ImageSequenceFrameCounter,
    "ImageSequenceFrameCounterFromDirectory": ImageSequenceFrameCounterFromDirectory,
    "ImageSequenceFromAnimation": ImageSequenceFromAnimation,
    "ImageSequenceAddLayer": ImageSequenceAddLayer,
    "ImageSequenceCheck": ImageSequenceCheck,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "ImageSequenceSaveFrame": "Save Image Sequence (Frame Index)",
    "ImageSequenceSaveCounted": "Save Image Sequence (Frame Counter)",
    "ImageSequenceSaveBatch": "Save Image Sequence (Batch)",
    "ImageSequenceLoadBatch": "Load Image Sequence (Batch)",
    "ImageSequenceLoadFrame": "Load Image Sequence (Frame)",
    "ImageSequenceFrameCounter": "Frame Counter",
    "ImageSequenceFrameCounterFromDirectory": "Frame Counter (Resume from Directory)",
    "ImageSequenceFromAnimation": "Animation Sequence to Images",
    "ImageSequenceAddLayer": "Add EXR Layer",
    "ImageSequenceCheck": "Check Image Sequence",
}

# Help pages; the registry's [tool.comfy] web would list the folder a second time.
WEB_DIRECTORY = "./web"

# Workflows and prompts made for earlier packs run on these nodes.
replaced_nodes.register()

# The player's pictures. Nothing happens here unless ComfyUI's server runs.
host.add_route(preview.ROUTE, preview.answer, preview.AT_ONCE)

# What there is to load, and where a saver would save, before anything runs.
_LOOKS = {node_id: node.look for node_id, node in NODE_CLASS_MAPPINGS.items() if hasattr(node, "look")}
host.add_route(browse.ROUTE, browse.answering(_LOOKS), browse.AT_ONCE)

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
