"""Frame Counter and Frame Counter (Resume from Directory): say which frame a run renders, and of how many."""

from __future__ import annotations

from typing import Any

from ..io_utils.animation import CountRequest, FrameCounter
from ..io_utils.comfyui.cache_watch import CacheWatch, Unchanged
from ..io_utils.loading.resume import ResumeRequest
from . import _loader
from ._inputs import read, verdict, widget
from ._saver import COUNTING_TOOLTIP

# Without a maximum, the frontend stops at 2048.
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
_TOTAL_TOOLTIP = "How many frames the animation has."
_RATE_TOOLTIP = "Frames per second of the animation."
# The step makes the frontend show three digits. Values are not rounded to it, so that 24000/1001 stays exact.
_RATE: dict[str, Any] = {"min": 0.001, "max": float(_NO_LIMIT), "step": 0.001, "round": False}

_watch = CacheWatch()


def _outputs(counter: FrameCounter) -> tuple[FrameCounter, int, int, bool, float]:
    return counter, int(counter.current_frame), counter.total_frames, counter.is_final_frame, counter.progress


class ImageSequenceFrameCounter:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Says which frame of an animation this run renders. frame_index counts up by itself: queue total_frames runs."
    )
    SEARCH_ALIASES = ["frame counter", "frame index", "frame number", "animation", "image sequence", "current frame"]
    FUNCTION = "count"
    RETURN_TYPES, RETURN_NAMES, OUTPUT_TOOLTIPS = _RETURN_TYPES, _RETURN_NAMES, _OUTPUT_TOOLTIPS

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        frame = f"The frame to render, from 0. {COUNTING_TOOLTIP}"
        counting = {"max": _NO_LIMIT, "control_after_generate": True}
        return {
            "required": {
                "frame_index": widget(CountRequest, "frame_index", frame, **counting),
                "total_frames": widget(CountRequest, "total_frames", _TOTAL_TOOLTIP),
                "frames_per_second": widget(CountRequest, "frames_per_second", _RATE_TOOLTIP, **_RATE),
            },
        }

    def count(self, **inputs: Any) -> tuple[Any, ...]:
        return _outputs(read(self, CountRequest, inputs).choose())


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
                "directory_path": widget(ResumeRequest, "directory_path", directory),
                "pattern": widget(ResumeRequest, "pattern", pattern),
                "indexing": widget(ResumeRequest, "indexing", how),
                "total_frames": widget(ResumeRequest, "total_frames", _TOTAL_TOOLTIP),
                "frames_per_second": widget(ResumeRequest, "frames_per_second", _RATE_TOOLTIP, **_RATE),
            },
            "optional": {"resume_at": widget(ResumeRequest, "resume_at", resume_at)},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the pattern: ComfyUI would blame both inputs for a fault in one. The pattern is checked before counting.
        return verdict(lambda path: ResumeRequest(directory_path=path).frames(), directory_path)

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, **inputs: Any) -> str:
        return _loader.mark(cls, ResumeRequest, inputs, _watch, unique_id)

    def count(self, unique_id: Any = None, **inputs: Any) -> tuple[Any, ...]:
        request = read(self, ResumeRequest, inputs)
        counter = request.choose()
        # Compare with this run's count: another look at the folder would include what another machine saved meanwhile.
        _watch.record(unique_id, Unchanged(request.fingerprint, str(counter.current_frame)))
        return _outputs(counter)
