"""Frame Counter and Frame Counter (Resume from Directory): say which frame a run renders, and of how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..io_utils.animation import CountRequest, FrameCounter
from ..io_utils.comfyui.cache_watch import CacheWatch, Unchanged
from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.loading.resume import ResumeRequest
from ..io_utils.naming import tokens
from ..io_utils.naming.node_values import NodeValues
from . import _loader, _tokens
from ._inputs import read, read_typed, verdict, widget
from ._saver import COUNTING_TOOLTIP, HIDDEN, Hidden

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


def _shared(counter: FrameCounter) -> tuple[Any, ...]:
    """What the outputs have in common in all frames of an animation."""
    animation = counter.total_frames, counter.frames_per_second
    return animation, "frame", counter.total_frames, "is final", "progress"


def _look(inputs: dict[str, Any], needed: tuple[str, ...], outlook: Callable[[], dict[str, Any]]) -> Look:
    """Where a counter stands. If one of the inputs `needed` is linked, that is not known before the run."""
    facts = outlook() if all(name in inputs for name in needed) else dict.fromkeys(("frame", "total", "left"))
    return Look(facts=facts)


def _known(counter: FrameCounter) -> Known:
    return Known(_outputs(counter), shared=_shared(counter), number=counter.current_frame)


class ImageSequenceFrameCounter:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Says which frame of an animation this run renders. frame_index counts up by itself: queue total_frames runs."
    )
    SEARCH_ALIASES = [
        "frame counter",
        "frame index",
        "frame number",
        "frame range",
        "animation",
        "image sequence",
        "current frame",
    ]
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

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        return _look(inputs, ("frame_index", "total_frames"), read_typed(CountRequest, inputs).outlook)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _loader.known(inputs, lambda: _known(read(cls, CountRequest, inputs).choose()), unknown=Known())

    def count(self, **inputs: Any) -> tuple[Any, ...]:
        return _outputs(read(self, CountRequest, inputs).choose())


class ImageSequenceFrameCounterFromDirectory:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Goes on where a folder of frames ends: looks at which frames are there and counts to the next one. Queue the same "
        "graph as often as there are frames; after a crash queue it again."
    )
    SEARCH_ALIASES = [
        "resume",
        "continue render",
        "missing frames",
        "frame counter",
        "image sequence",
        "next frame",
    ]
    FUNCTION = "count"
    RETURN_TYPES, RETURN_NAMES, OUTPUT_TOOLTIPS = _RETURN_TYPES, _RETURN_NAMES, _OUTPUT_TOOLTIPS

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = (
            "The folder that the saver writes to, below the output folder. The saver's tokens work here and in pattern."
        )
        pattern = "Which files count: with wildcards (frame_*.png, several with | between), or as frame_{:05d}.png."
        how = "numeric: by the number at the end of the file name. alphabetic order: by how many files there are."
        resume_at = "after last: one past the highest frame there is. first gap: the first frame that is not there."
        first = (
            "Same as the saver's first_frame: the file with this number is frame 0 of the counter, and files with lower numbers "
            "do not count. It has no effect in alphabetic order."
        )
        return {
            "required": {
                "directory_path": widget(ResumeRequest, "directory_path", directory),
                "pattern": widget(ResumeRequest, "pattern", pattern),
                "indexing": widget(ResumeRequest, "indexing", how),
                "total_frames": widget(ResumeRequest, "total_frames", _TOTAL_TOOLTIP),
                "frames_per_second": widget(ResumeRequest, "frames_per_second", _RATE_TOOLTIP, **_RATE),
            },
            "optional": {
                "resume_at": widget(ResumeRequest, "resume_at", resume_at),
                "first_frame": widget(ResumeRequest, "first_frame", first, advanced=True),
            },
            "hidden": HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the pattern: ComfyUI would blame both inputs for a fault in one. The pattern is checked before counting.
        return verdict(lambda path: ResumeRequest(directory_path=path, nodes=tokens.Later()).frames(), directory_path)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        unique_id = Hidden.taken_from(inputs).unique_id
        nodes = _tokens.running_nodes() or NodeValues()
        key = _loader.mark(cls, ResumeRequest, inputs, _watch, unique_id, nodes=nodes)
        texts = [value for value in inputs.values() if isinstance(value, str)]
        return f"{key} {_tokens.filled(texts, tokens.moment())}" if tokens.needs_nodes(*texts) else key

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        nodes = _tokens.running_nodes() or NodeValues()
        return _loader.known(inputs, lambda: _known(read(cls, ResumeRequest, inputs, nodes=nodes).choose()))

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        needed = ("directory_path", "pattern", "indexing", "total_frames")
        return _look(inputs, needed, read_typed(ResumeRequest, inputs).outlook)

    def count(self, **inputs: Any) -> tuple[Any, ...]:
        hidden = Hidden.taken_from(inputs)
        request = read(self, ResumeRequest, inputs, nodes=hidden.nodes)
        counter = request.choose()
        # Compare with this run's count: another look at the folder would include what another machine saved meanwhile.
        _watch.record(hidden.unique_id, Unchanged(request.fingerprint, str(counter.current_frame)))
        return _outputs(counter)
