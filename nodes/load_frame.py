"""Load Image Sequence (Frame): loads one numbered file per run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..io_utils.animation import frames_per_second, whole_frame
from ..io_utils.comfyui import report
from ..io_utils.comfyui.cache_watch import CacheWatch, Unchanged
from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.loading.choose_frame import FrameRequest, check_directory
from ..io_utils.loading.facts import UNKNOWN
from ..io_utils.naming.frame_pattern import LARGEST_FRAME
from ..io_utils.policies import OnMissingFrame
from . import _loader
from ._inputs import ABSENT, read, verdict, widget
from ._saver import COUNTING_TOOLTIP

_watch = CacheWatch()


class ImageSequenceLoadFrame:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Loads one frame of a numbered sequence per run, by a frame counter or a frame number that counts up: for video to "
        "video frame by frame. A file that changes on disk is read again."
    )
    SEARCH_ALIASES = [
        "load frame",
        "load images from folder",
        "load images from directory",
        "load frames from folder",
        "image folder",
        "upload images",
        "upload frames",
        "import footage",
        "missing frames",
        "image sequence",
        "video to video",
        "frame by frame",
        "load png sequence",
        "load exr",
        "load webp",
        "load jpg",
        "load jpeg",
        "load tiff",
        "16 bit",
    ]
    FUNCTION = "load"
    RETURN_TYPES = ("IMAGE", "MASK", "STRING", "FRAME_METADATA")
    RETURN_NAMES = ("image", "mask", "file_name", "metadata")
    OUTPUT_TOOLTIPS = (
        "The frame as RGB; of a frame that was saved as a batch, all its images.",
        "1 - alpha of the frame: 0 is opaque, and all 0 without alpha.",
        "Name of the file that was loaded, with its extension; empty for a black image and for default_image.",
        _loader.METADATA_TOOLTIP,
    )
    HAS_INTERMEDIATE_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = (
            "The folder of the frames, below the chosen folder. Empty: that folder itself, or the one in pattern."
        )
        pattern = (
            "Which files are the frames. With a frame number, {:04d}, %04d or ####, these exact names: frame_####.png. "
            "Without one, wildcards: frame_*.png, several with | between; indexing then says which file is which frame. The name "
            "of one frame stands for its whole sequence. It may begin with a folder, so the path_pattern of a saver works here."
        )
        how = "For wildcards. numeric: by the number at the end of the file name. alphabetic order: by place, from 0."
        counter = "The frame to load. Without it, frame_number decides."
        default = (
            "The image for a frame that is not on disk, whatever on_missing says. The graph in front of it runs only "
            "when it is needed."
        )
        number = f"The frame to load where no frame_counter is wired. {COUNTING_TOOLTIP}"
        missing = (
            "When the frame is not on disk and no default_image is wired. error: stop, and say which frames there are. "
            "hold previous, hold next: load the nearest frame before or after it. black: a black image."
        )
        counting = {"max": LARGEST_FRAME, "control_after_generate": True}
        folder = "The ComfyUI folder that directory_path starts in."
        return {
            "required": {
                "directory_path": widget(FrameRequest, "directory_path", directory),
                "pattern": widget(FrameRequest, "pattern", pattern),
                "indexing": widget(FrameRequest, "indexing", how),
            },
            "optional": {
                "frame_counter": ("FRAME_COUNTER", {"tooltip": counter}),
                "default_image": ("IMAGE", {"lazy": True, "tooltip": default}),
                "frame_number": widget(FrameRequest, "frame_number", number, **counting),
                "on_missing": widget(FrameRequest, "on_missing", missing),
                "folder": widget(FrameRequest, "folder", folder),
                **_loader.colour_inputs(FrameRequest),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the pattern: ComfyUI would blame both inputs for a fault in one. The pattern is checked before reading.
        return verdict(check_directory, directory_path)

    @classmethod
    def IS_CHANGED(cls, default_image: Any = ABSENT, unique_id: Any = None, **inputs: Any) -> str:
        has_default = default_image is not ABSENT
        return _loader.mark(cls, FrameRequest, inputs, _watch, unique_id, has_default=has_default)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, default_image: Any = ABSENT, **inputs: Any) -> Known:
        if inputs.get("frame_counter") is not None:
            inputs.pop("frame_number", None)  # it has no effect
        has_default = default_image is not ABSENT
        return _loader.known_files(
            inputs, lambda: _request(inputs, has_default=has_default), covered=("frame_counter", "frame_number")
        )

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        if "pattern" not in inputs or "directory_path" not in inputs:
            return Look(facts={**UNKNOWN, "frame": None, "is_there": None})
        if isinstance(counter := inputs.get("frame_counter"), dict):  # the browser knows what our counters count
            inputs["frame_counter"] = SimpleNamespace(**counter)
        request = _request(_loader.unwired(cls, inputs), has_default=False)
        found = request.found()
        is_known = "frame_counter" in inputs or "frame_number" in inputs
        number = request.facts_of_frame() if is_known else {"frame": None, "is_there": None}
        return Look(report.described_sequences(found), {**request.facts(found), **number})

    def check_lazy_status(self, default_image: Any = ABSENT, unique_id: Any = None, **inputs: Any) -> list[str]:
        is_needed = default_image is not ABSENT and _request(inputs, has_default=True).choose().is_default
        return ["default_image"] if is_needed else []

    def load(self, default_image: Any = ABSENT, unique_id: Any = None, **inputs: Any) -> dict[str, Any]:
        fps = _rate(inputs.get("frame_counter"))
        request = _request(inputs, has_default=default_image is not ABSENT)
        chosen = request.choose()
        # Record before reading: if the file changes meanwhile, the next run reads it again.
        _watch.record_read(unique_id, Unchanged(request.fingerprint, chosen.fingerprint), chosen.files)
        loaded = chosen.read(default_image, report.comfyui_run(), request.colour)
        ui = report.loaded(
            chosen.shown,
            chosen.summary,
            missing=chosen.missing,
            fps=fps,
            layer=request.colour.layer,
            is_float=loaded.is_float,
        )
        return {"ui": ui, "result": (loaded.images, loaded.mask, chosen.file_name, loaded.metadata)}


def _request(inputs: dict[str, Any], *, has_default: bool) -> FrameRequest:
    """The request. A frame counter replaces frame_number, and a default image whatever on_missing is."""
    counter = inputs.pop("frame_counter", ABSENT)
    replaced: dict[str, Any] = {} if counter is ABSENT else {"frame_number": whole_frame(counter)}
    if has_default:
        replaced["on_missing"] = OnMissingFrame.ERROR.value
    return read(ImageSequenceLoadFrame, FrameRequest, inputs | replaced, has_default=has_default)


def _rate(counter: Any) -> float | None:
    """The frames per second of a frame counter, for the player; None if there is none, or it has no rate."""
    try:
        return frames_per_second(counter)
    except ValueError:
        return None
