"""Prompts that the scripted ComfyUI runs, in API format."""

from __future__ import annotations

from typing import Any


def single(**inputs: Any) -> dict[str, Any]:
    """An image and Save Image Sequence (Frame Index)."""
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 6, "height": 4, "batch_size": 1, "color": 0}},
        "2": {
            "class_type": "ImageSequenceSaveFrame",
            "inputs": {"images": ["1", 0], "filename_prefix": "plate", "current_frame": 0, **inputs},
        },
    }


def counted(frame_index: Any = 0, total_frames: int = 24, **inputs: Any) -> dict[str, Any]:
    """A counter, a loader that follows it, Save Image Sequence (Frame Counter), and the film behind the animation."""
    saver = {"directory_path": "shot", "prefix": "shot", "digits": 5, "at_end": "stop output", **inputs}
    filetype = {"filetype": "png with embedded workflow"}
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 6, "height": 4, "batch_size": 1, "color": 0}},
        "3": {
            "class_type": "ImageSequenceFrameCounter",
            "inputs": {"frame_index": frame_index, "total_frames": total_frames, "frames_per_second": 24},
        },
        "5": {
            "class_type": "ImageSequenceSaveCounted",
            "inputs": {"frame_counter": ["3", 0], "image": ["1", 0], **filetype, **saver},
        },
        "6": {"class_type": "ImageSequenceFromAnimation", "inputs": {"sequence": ["5", 0]}},
        "7": {"class_type": "ScriptedFilm", "inputs": {"images": ["6", 0]}},
    }
