"""Save Image Sequence (Batch): a whole batch, or a list of batches, as one numbered sequence."""

from __future__ import annotations

from typing import Any

from ..io_utils import targets
from ..io_utils.filetype import QUALITY, FileType
from ..io_utils.writer import OnExisting
from . import saving
from .lists import listed, one
from .validation import choice, text, verdict, whole

# The frontend's numbers are exact up to here: Number.MAX_SAFE_INTEGER.
_LARGEST = 2**53 - 1

# The words of the earlier pack for the first two; a boolean would refuse its saved workflows.
_OVERWRITE = {
    "false": OnExisting.KEEP_BOTH,
    "true": OnExisting.OVERWRITE,
    "skip": OnExisting.SKIP,
    "error": OnExisting.ERROR,
}


class ImageSequenceSaveBatch:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves every image of a batch as a numbered file: image i goes to path_pattern at start_index + i. A list of "
        "batches is one sequence. PNG and WebP files can hold the workflow."
    )
    SEARCH_ALIASES = ["save frames", "export png sequence", "image sequence", "save batch", "save images numbered"]
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        pattern = (
            "File names below the output folder, with the frame number as {:06d}, %06d or ######. Folders are made. "
            "The extension .png, .jpg, .webp or .exr says the kind of file. %year%, %width% and %date:yyyy-MM-dd% are "
            "filled in."
        )
        overwrite = (
            "When a frame is on disk already. true: replace it in one step. false: keep it and write the new one beside "
            "it as <name>-0. skip: keep it and write nothing. error: stop before anything is written."
        )
        start = {"default": 0, "min": 0, "max": _LARGEST, "tooltip": "Frame number of the first image."}
        filetype = f"{saving.FILETYPE_TOOLTIP} An extension in the pattern decides between PNG, JPG, WebP and EXR."
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "The images to save, in order."}),
                "path_pattern": ("STRING", {"default": "./frame{:06d}.png", "tooltip": pattern}),
                "start_index": ("INT", start),
                "overwrite": (list(_OVERWRITE), {"default": "true", "tooltip": overwrite}),
            },
            "optional": {"filetype": (saving.FILETYPES, {"tooltip": filetype}), **saving.ENCODING},
            "hidden": saving.HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(lambda pattern: targets.batch_sequence(pattern, FileType.PNG), path_pattern)

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, prompt: Any = None, extra_pnginfo: Any = None, **settings: Any) -> str:
        return saving.generation(unique_id, settings)

    def save(
        self,
        images: Any,
        path_pattern: Any,
        start_index: Any,
        overwrite: Any,
        filetype: Any = FileType.PNG_WITH_WORKFLOW.value,
        quality: Any = QUALITY,
        workflow_file: Any = False,
        prompt: Any = None,
        extra_pnginfo: Any = None,
        unique_id: Any = None,
    ) -> dict[str, Any]:
        encoding = saving.encoding(quality, workflow_file)
        pattern = text(one(path_pattern, "path_pattern"), "path_pattern")
        now = saving.moments.end(unique_id, prompt)
        size = targets.common_size([pattern], listed(images))
        sequence, kind = targets.batch_sequence(pattern, choice(filetype, "filetype", FileType), now, size)
        start = whole(one(start_index, "start_index"), "start_index", most=_LARGEST)
        frames = targets.batch(sequence, start, listed(images))
        existing = choice(overwrite, "overwrite", _OVERWRITE)
        context = saving.Context(prompt, extra_pnginfo, unique_id)
        saved, message = saving.save(frames, kind, existing, context, *encoding)
        return {"ui": saving.ui(saved, message)}
