"""Animation Sequence to Images: loads the files of a finished animation as one batch."""

from __future__ import annotations

from typing import Any

from ..io_utils import host
from ..io_utils.comfyui import report
from ..io_utils.comfyui.identity import Known
from ..io_utils.errors import FrameSizeError
from ..io_utils.loading.choose_animation import choose_animation, colour_of, frame_rate, is_finished
from ..io_utils.loading.read import read_frames
from ._inputs import whole


class ImageSequenceFromAnimation:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Loads the frames of a finished animation as one batch. Until the final frame is saved, what is wired behind "
        "this node does not run, so that the node that makes the video can be there from the first frame on."
    )
    SEARCH_ALIASES = [
        "animation to images",
        "image sequence",
        "load frames",
        "frames to video",
        "sequence to video",
        "sequence to batch",
    ]
    FUNCTION = "load"
    RETURN_TYPES = ("IMAGE", "FLOAT")
    RETURN_NAMES = ("images", "frames_per_second")
    OUTPUT_TOOLTIPS = (
        "The frames of the animation, in order, as RGB.",
        "Frames per second, as the frame counter has it.",
    )
    HAS_INTERMEDIATE_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        index = "Which image of every batch, where several variants of each frame were saved."
        return {
            "required": {
                "sequence": ("ANIMATION_SEQUENCE", {"tooltip": "From Save Image Sequence (Frame Counter)."}),
            },
            "optional": {"batch_index": ("INT", {"default": 0, "min": 0, "max": 9999, "tooltip": index})},
        }

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        """Most frames of the animation were saved in earlier runs, by any graph."""
        return Known(files=None)

    def load(self, sequence: Any, batch_index: int = 0) -> dict[str, Any]:
        if not is_finished(sequence):
            return {"result": (host.silent_block(), host.silent_block())}
        fps = frame_rate(sequence)
        selection = choose_animation(sequence, whole(batch_index, "batch_index", least=0))
        try:
            images = read_frames(selection, run=report.comfyui_run(), colour=colour_of(sequence)).images
        except FrameSizeError as error:
            fix = "Render the frames of another take again, or save to another folder."
            raise FrameSizeError(error.frames, error.sizes, error.path, fix) from None
        return {"ui": report.ui(selection.shown, fps=fps, message=selection.summary), "result": (images, fps)}
