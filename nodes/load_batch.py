"""Load Image Sequence (Batch): loads numbered files as one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..io_utils.comfyui import report
from ..io_utils.comfyui.cache_watch import CacheWatch, Unchanged
from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.errors import FrameMissingError
from ..io_utils.loading.choose_batch import BatchRequest, check_pattern
from ..io_utils.loading.facts import UNKNOWN
from ..io_utils.loading.read import read_frames
from ..io_utils.naming.frame_pattern import LARGEST_FRAME
from ..io_utils.naming.frame_range import ranges
from ..io_utils.policies import OnMissing
from . import _loader
from ._inputs import read, verdict, widget

_watch = CacheWatch()


class ImageSequenceLoadBatch:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Loads numbered image files as one batch, with their alpha as a mask. Every file is looked for before the first "
        "one is read, and a batch that memory cannot hold is refused; files that change on disk are read again."
    )
    SEARCH_ALIASES = [
        "load frames",
        "load images from folder",
        "load images from directory",
        "load frames from folder",
        "image folder",
        "upload images",
        "upload frames",
        "import footage",
        "frame range",
        "missing frames",
        "image sequence",
        "load batch",
        "import png sequence",
        "frames to video",
        "load exr",
        "load webp",
        "load jpg",
        "load jpeg",
        "load tiff",
        "16 bit",
    ]
    FUNCTION = "load"
    RETURN_TYPES = ("IMAGE", "MASK", "INT", "STRING", "FRAME_METADATA", "STRING")
    RETURN_NAMES = ("images", "mask", "frame_count", "frame_range", "metadata", "path_pattern")
    OUTPUT_TOOLTIPS = (
        "The frames, in order, as RGB.",
        "1 - alpha of every frame: 0 is opaque, and all 0 without alpha.",
        "How many frames the batch has.",
        "Which frames were read from disk, such as 1001-1006,1008.",
        _loader.METADATA_TOOLTIP,
        "The pattern that was read, for another loader: relative to the output folder, or absolute if the frames are elsewhere.",
    )
    # Needed because this is not an output node: ComfyUI sends the frames again after a page reload and on cached runs.
    HAS_INTERMEDIATE_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        start = (
            "The first frame to load. 0 means frame 0. If there is none, and path_pattern is a folder, wildcards or the path of "
            "a frame, it means the first frame on disk."
        )
        count = "How many frames, counting missing ones; 0 loads up to the last one on disk."
        missing = (
            "When a frame is not on disk. false: stop, naming every missing frame. true: leave it out, the batch gets "
            "shorter. hold previous: repeat the last frame that is there. black: put in a black frame."
        )
        mismatch = (
            "When frames differ in size. error: stop, naming both. resize to first: scale to the first frame's size."
        )
        frames = (
            "The frames to load, in this order, such as 1001-1100x2,1150,1200-1210: replaces start_index, frame_count and step. "
            "x2 is every second frame; 1100-1001 counts down. If empty, those three decide."
        )
        large = {"max": LARGEST_FRAME}
        return {
            "required": {
                "path_pattern": widget(BatchRequest, "path_pattern", _loader.PATH_PATTERN_TOOLTIP),
                "start_index": widget(BatchRequest, "start_index", start, **large),
                "frame_count": widget(BatchRequest, "frame_count", count, **large),
                "ignore_missing_images": widget(BatchRequest, "ignore_missing_images", missing),
            },
            "optional": {
                "folder": widget(BatchRequest, "folder", _loader.FOLDER_TOOLTIP),
                "step": widget(BatchRequest, "step", "Load every step-th frame.", advanced=True, **large),
                "on_size_mismatch": widget(BatchRequest, "on_size_mismatch", mismatch, advanced=True),
                **_loader.colour_inputs(BatchRequest),
                "frames": widget(BatchRequest, "frames", frames),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(check_pattern, path_pattern)

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, **inputs: Any) -> str:
        return _loader.mark(cls, BatchRequest, inputs, _watch, unique_id)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _loader.known_files(inputs, lambda: read(cls, BatchRequest, inputs))

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        if "path_pattern" not in inputs:
            return Look(facts=UNKNOWN)
        request = read(cls, BatchRequest, _loader.unwired(cls, inputs))
        refused: dict[str, str] = {}
        try:
            selection = request.choose()
        except FrameMissingError as error:
            # Show the frames that are there, and with them why the run would stop.
            refused = {"refused": str(error)}
            try:
                selection = replace(request, ignore_missing_images=OnMissing.DROP).choose()
            except FrameMissingError:
                raise error from None
        numbers = set(selection.numbers)
        shown = report.described_sequences(
            selection.shown, numbers=numbers, step=selection.step, missing=selection.missing
        )
        return Look(shown, request.facts(selection) | refused)

    def load(self, unique_id: Any = None, **inputs: Any) -> dict[str, Any]:
        request = read(self, BatchRequest, inputs)
        selection = request.choose()
        # Record before reading: if a file changes meanwhile, the next run reads it again.
        _watch.record(unique_id, Unchanged(request.fingerprint, selection.fingerprint))
        loaded = read_frames(selection, request.on_size_mismatch, report.comfyui_run(), request.colour)
        ui = report.loaded(
            selection.shown,
            selection.summary,
            numbers=set(selection.numbers),
            step=selection.step,
            missing=selection.missing,
            layer=request.colour.layer,
            is_float=loaded.is_float,
        )
        pattern = selection.shown[0][0].path_pattern
        result = (loaded.images, loaded.mask, len(loaded.images), ranges(selection.files), loaded.metadata, pattern)
        return {"ui": ui, "result": result}
