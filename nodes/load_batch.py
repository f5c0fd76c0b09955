"""Load Image Sequence (Batch): numbered files as one batch."""

from __future__ import annotations

from typing import Any

from ..io_utils import reader, report
from ..io_utils.ledger import Ledger, Unchanged
from ..io_utils.paths import FOLDERS
from ..io_utils.pattern import ranges
from ..io_utils.reader import OnMissing, OnSizeMismatch
from .validation import FOLDER, choice, text, verdict, whole

_ledger = Ledger()


class ImageSequenceLoadBatch:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Loads numbered image files as one batch, with their alpha as a mask. Every file is looked for before the first "
        "one is read, and a batch that memory cannot hold is refused; files that change on disk are read again."
    )
    SEARCH_ALIASES = ["load frames", "load frames from folder", "image sequence", "load batch", "import png sequence"]
    FUNCTION = "load"
    RETURN_TYPES = ("IMAGE", "MASK", "INT", "STRING")
    RETURN_NAMES = ("images", "mask", "frame_count", "frame_range")
    OUTPUT_TOOLTIPS = (
        "The frames, in order, as RGB.",
        "1 - alpha of every frame: 0 is opaque, and all 0 without alpha.",
        "How many frames the batch has.",
        "Which frames were read from disk, such as 1001-1006,1008.",
    )
    # For a node that is not an output node: ComfyUI sends its frames again after a page reload and on cached runs.
    HAS_INTERMEDIATE_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        pattern = "File names below the chosen folder, with the frame number as {:06d}, %06d or ######."
        count = "How many frames, counting missing ones; 0 loads up to the last one on disk."
        missing = (
            "When a frame is not on disk. false: stop, naming every missing frame. true: leave it out, the batch gets "
            "shorter. hold previous: repeat the last frame that is there. black: put in a black frame."
        )
        mismatch = (
            "When frames differ in size. error: stop, naming both. resize to first: scale to the first frame's size."
        )
        large = 2**53 - 1
        return {
            "required": {
                "path_pattern": ("STRING", {"default": "./frame{:06d}.png", "tooltip": pattern}),
                "start_index": ("INT", {"default": 0, "min": 0, "max": large, "tooltip": "The first frame to load."}),
                "frame_count": ("INT", {"default": 16, "min": 0, "max": large, "tooltip": count}),
                "ignore_missing_images": ([policy.value for policy in OnMissing], {"tooltip": missing}),
            },
            "optional": {
                "folder": (list(FOLDERS), {"tooltip": "The ComfyUI folder that path_pattern starts in."}),
                "step": ("INT", {"default": 1, "min": 1, "max": large, "tooltip": "Load every step-th frame."}),
                "on_size_mismatch": ([policy.value for policy in OnSizeMismatch], {"tooltip": mismatch}),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(reader.check, path_pattern)

    @classmethod
    def IS_CHANGED(
        cls,
        path_pattern: Any = None,
        start_index: Any = 0,
        frame_count: Any = 16,
        ignore_missing_images: Any = None,
        folder: Any = "output",
        step: Any = 1,
        on_size_mismatch: Any = None,
        unique_id: Any = None,
    ) -> str:
        settings = (path_pattern, folder, start_index, frame_count, step, ignore_missing_images)
        if None in settings:  # linked: compare with what the last run read
            return _ledger.generation(unique_id, settings)
        return reader.fingerprint(*settings)

    def load(
        self,
        path_pattern: str,
        start_index: int,
        frame_count: int,
        ignore_missing_images: str,
        folder: str = "output",
        step: int = 1,
        on_size_mismatch: str = OnSizeMismatch.ERROR.value,
        unique_id: Any = None,
    ) -> dict[str, Any]:
        path_pattern, folder = text(path_pattern, "path_pattern"), choice(folder, "folder", FOLDER)
        start_index, frame_count = whole(start_index, "start_index"), whole(frame_count, "frame_count")
        step, on_missing = (
            whole(step, "step", least=1),
            choice(ignore_missing_images, "ignore_missing_images", OnMissing),
        )
        on_mismatch = choice(on_size_mismatch, "on_size_mismatch", OnSizeMismatch)
        sequence = reader.locate(path_pattern, folder)
        selection = reader.select(sequence, start_index, frame_count, step, on_missing)
        settings = (path_pattern, folder, start_index, frame_count, step, ignore_missing_images)
        # Before they are read: what changes meanwhile is read again by the next run.
        _ledger.record(unique_id, Unchanged(lambda: reader.fingerprint(*settings), selection.fingerprint))
        images, mask = reader.load(selection, on_mismatch, sequence, step)
        loaded = [(sequence, number) for number in selection.files]
        # With hold previous, frames that were not asked for are loaded too: they only stand in for others.
        asked = set(selection.numbers)
        ui = report.ui(loaded, numbers=asked, step=step, missing=selection.missing, message=selection.summary)
        ui["text"] = [selection.summary]
        return {"ui": ui, "result": (images, mask, len(images), ranges(selection.files))}
