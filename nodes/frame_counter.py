"""Frame Counter, and Frame Counter (Resume from Directory): which frame this is, of how many."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..io_utils import resume
from ..io_utils.animation import FrameCounter
from ..io_utils.frames import Indexing
from ..io_utils.ledger import Ledger, Unchanged
from ..io_utils.resume import ResumeAt
from .saving import COUNTING_TOOLTIP
from .validation import choice, number, text, verdict, whole

# Sixty hours at 24 frames a second: the earlier pack's limit.
MAX_FRAMES = 24 * 3600 * 60
# Where a widget sets none, the frontend stops at 2048.
_NO_LIMIT = 2**31 - 1

_RETURN_TYPES = ("FRAME_COUNTER", "INT", "INT", "BOOLEAN", "FLOAT")
_RETURN_NAMES = ("frame_counter", "frame_index", "total_frames", "is_final_frame", "progress")
_OUTPUT_TOOLTIPS = (
    "For the savers and loaders that count, and for the Dream pack's nodes.",
    "The frame that this run renders, from 0.",
    "How many frames the animation has.",
    "True on the last frame.",
    "0.0 on the first frame, 1.0 on the last of several.",
)
_TOTAL = ("INT", {"default": 100, "min": 1, "max": MAX_FRAMES, "tooltip": "How many frames the animation has."})

_ledger = Ledger()


def _outputs(counter: FrameCounter) -> tuple[FrameCounter, int, int, bool, float]:
    return counter, int(counter.current_frame), counter.total_frames, counter.is_final_frame, counter.progress


def _fps(default: float) -> tuple[str, dict[str, Any]]:
    # A step of 0.001, as the frontend shows as many digits; 24000/1001 is not rounded to them.
    limits = {"min": 0.001, "max": float(_NO_LIMIT), "step": 0.001, "round": False}
    return ("FLOAT", {"default": default, **limits, "tooltip": "Frames per second of the animation."})


def _counter(frame: int, total: Any, fps: Any) -> FrameCounter:
    total = whole(total, "total_frames", least=1, most=MAX_FRAMES)
    return FrameCounter(frame, total, number(fps, "frames_per_second", above=0))


class ImageSequenceFrameCounter:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Says which frame of an animation this run renders. frame_index counts up by itself: queue total_frames runs."
    )
    SEARCH_ALIASES = ["frame counter", "frame index", "animation", "image sequence", "current frame"]
    FUNCTION = "count"
    RETURN_TYPES, RETURN_NAMES, OUTPUT_TOOLTIPS = _RETURN_TYPES, _RETURN_NAMES, _OUTPUT_TOOLTIPS

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        frame = f"The frame to render, from 0. {COUNTING_TOOLTIP}"
        counting = {
            "default": 0,
            "min": 0,
            "max": _NO_LIMIT,
            "control_after_generate": True,
            "tooltip": frame,
        }
        return {
            "required": {"frame_index": ("INT", counting), "total_frames": _TOTAL, "frames_per_second": _fps(25.0)},
        }

    def count(self, frame_index: int, total_frames: int, frames_per_second: float) -> tuple[Any, ...]:
        return _outputs(_counter(whole(frame_index, "frame_index"), total_frames, frames_per_second))


class ImageSequenceFrameCounterFromDirectory:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Goes on where a folder of frames ends: looks at which frames are there and counts to the next one. Queue the same "
        "graph as often as there are frames; after a crash queue it again."
    )
    SEARCH_ALIASES = ["resume", "continue render", "frame counter", "image sequence", "next frame"]
    FUNCTION = "count"
    RETURN_TYPES, RETURN_NAMES, OUTPUT_TOOLTIPS = _RETURN_TYPES, _RETURN_NAMES, _OUTPUT_TOOLTIPS

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = "The folder that the saver writes to, below the output folder."
        pattern = "Which files count: with wildcards (frame_*.png, several with | between), or as frame_{:05d}.png."
        how = "numeric: by the number at the end of the file name. alphabetic order: by how many files there are."
        resume_at = "after last: one past the highest frame there is. first gap: the first frame that is not there."
        return {
            "required": {
                "directory_path": ("STRING", {"default": "", "tooltip": directory}),
                "pattern": ("STRING", {"default": "*", "tooltip": pattern}),
                "indexing": ([indexing.value for indexing in Indexing], {"tooltip": how}),
                "total_frames": _TOTAL,
                "frames_per_second": _fps(30.0),
            },
            "optional": {"resume_at": ([place.value for place in ResumeAt], {"tooltip": resume_at})},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the pattern too: ComfyUI would blame both for what one has. It is checked before anything is counted.
        return verdict(lambda path: resume.locate(path, "*"), directory_path)

    @classmethod
    def IS_CHANGED(
        cls,
        directory_path: Any = None,
        pattern: Any = None,
        indexing: Any = None,
        total_frames: Any = None,
        frames_per_second: Any = None,
        resume_at: Any = ResumeAt.AFTER_LAST.value,
        unique_id: Any = None,
    ) -> str:
        settings = (directory_path, pattern, indexing, resume_at)
        if None in settings:  # linked: compare with what the last run found
            return _ledger.generation(unique_id, settings)
        return resume.fingerprint(*settings)

    def count(
        self,
        directory_path: str,
        pattern: str,
        indexing: str,
        total_frames: int,
        frames_per_second: float,
        resume_at: str = ResumeAt.AFTER_LAST.value,
        unique_id: Any = None,
    ) -> tuple[Any, ...]:
        frames = resume.locate(text(directory_path, "directory_path"), text(pattern, "pattern"))
        frame = resume.next_frame(
            frames, choice(indexing, "indexing", Indexing), choice(resume_at, "resume_at", ResumeAt)
        )
        # What this run counted to: a second look would see what another machine has saved meanwhile.
        look = partial(resume.fingerprint, directory_path, pattern, indexing, resume_at)
        _ledger.record(unique_id, Unchanged(look, str(frame)))
        return _outputs(_counter(frame, total_frames, frames_per_second))
