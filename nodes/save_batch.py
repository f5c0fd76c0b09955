"""Save Image Sequence (Batch): saves a whole batch, or a list of batches, as one numbered sequence."""

from __future__ import annotations

from typing import Any

from ..io_utils.saving.plan_batch import BatchSaveRequest
from . import _saver
from ._inputs import listed, read_lists, verdict, widget


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
        filetype = f"{_saver.FILETYPE_TOOLTIP} An extension in the pattern decides between PNG, JPG, WebP and EXR."
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "The images to save, in order."}),
                "path_pattern": widget(BatchSaveRequest, "path_pattern", pattern),
                "start_index": widget(BatchSaveRequest, "start_index", "Frame number of the first image."),
                "overwrite": widget(BatchSaveRequest, "overwrite", overwrite),
            },
            "optional": {
                "filetype": widget(BatchSaveRequest, "filetype", filetype),
                **_saver.encoding(BatchSaveRequest),
            },
            "hidden": _saver.HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(lambda pattern: BatchSaveRequest(path_pattern=pattern).sequence(), path_pattern)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        return _saver.generation(inputs)

    def save(self, images: Any, **inputs: Any) -> dict[str, Any]:
        hidden = _saver.Hidden.taken_from(inputs)
        request = read_lists(self, BatchSaveRequest, inputs, now=hidden.end_run()).for_images(listed(images))
        return {"ui": _saver.save(request.frames(listed(images)), request, hidden).ui()}
