"""Save Image Sequence (Batch): saves a whole batch, or a list of batches, as one numbered sequence."""

from __future__ import annotations

from typing import Any

from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.message import Message
from ..io_utils.naming.tokens import Later
from ..io_utils.saving.plan_batch import BatchSaveRequest
from ..io_utils.saving.write import scattered
from ..io_utils.wire import UNRENDERED
from . import _saver
from ._inputs import lazy, listed, read_lists, read_typed, verdict, widget


class ImageSequenceSaveBatch:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves every image of a batch as a numbered file: image i goes to path_pattern at start_index + i. A list of "
        "batches is one sequence. PNG, WebP and EXR files can hold the workflow."
    )
    SEARCH_ALIASES = [
        "save frames",
        "export frames",
        "export png sequence",
        "image sequence",
        "save batch",
        "save images numbered",
        "save images to folder",
        "save exr",
        "save webp",
        "save jpg",
        "save jpeg",
        "16 bit png",
    ]
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("path_pattern",)
    OUTPUT_TOOLTIPS = (_saver.PATH_PATTERN_TOOLTIP,)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        pattern = (
            "File names below the output folder, with the frame number as {:06d}, %06d or ######. Folders are made. "
            "The extension .png, .jpg, .webp or .exr decides the kind of file. %year%, %width%, %date:yyyy-MM-dd% and "
            "%KSampler.seed% (a widget of another node) are filled in."
        )
        overwrite = (
            "When a frame is on disk already. true: replace it in one step. false: keep it and write the new one beside "
            "it as <name>-0. skip: keep it and write nothing. error: stop before anything is written. skip unchanged: if "
            "the files say that this very graph made the whole batch, keep it and do not even run the graph; otherwise render "
            "it and replace what another graph made."
        )
        filetype = (
            f"{_saver.FILETYPE_TOOLTIP} as the pattern's extension says: 8-bit PNG, JPG, lossless WebP or 32-bit EXR; PNG if "
            f"the pattern has no extension. A type that contradicts the extension is refused before anything runs."
        )
        return {
            "required": {
                "images": ("IMAGE", {"lazy": True, "tooltip": "The images to save, in order."}),
                "path_pattern": widget(BatchSaveRequest, "path_pattern", pattern),
                "start_index": widget(BatchSaveRequest, "start_index", "Frame number of the first image."),
                "overwrite": widget(BatchSaveRequest, "overwrite", overwrite),
            },
            "optional": {
                "filetype": widget(BatchSaveRequest, "filetype", filetype),
                **_saver.encoding(BatchSaveRequest),
            },
            "hidden": _saver.SAVER_HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(lambda pattern: BatchSaveRequest(path_pattern=pattern, nodes=Later()).sequence(), path_pattern)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        return _saver.generation(inputs)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _saver.known_before_run()

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        request = read_typed(BatchSaveRequest, inputs)
        return _saver.look(inputs, ("path_pattern",), lambda: request.destination(has_start="start_index" in inputs))

    def check_lazy_status(self, images: Any = None, **inputs: Any) -> list[str]:
        hidden, wired = _saver.Hidden.taken_from(inputs), _saver.wired_companions(inputs)
        request = read_lists(self, BatchSaveRequest, inputs, **hidden.begin_run()).for_images([])
        is_needed = request.needs_images(has_layers="layers" in wired)
        return hidden.asking_for(["images", *wired]) if is_needed else []

    def save(self, images: Any, **inputs: Any) -> dict[str, Any]:
        hidden, companions = _saver.Hidden.taken_from(inputs), _saver.joined_companions(inputs)
        request = read_lists(self, BatchSaveRequest, inputs, **hidden.end_run()).for_images(listed(images))
        made = lazy(images)
        frames = request.frames(made if made is UNRENDERED else listed(made), companions)
        outcome = _saver.save(frames, request, hidden)
        message = Message.lines([outcome.message, *scattered(outcome.saved)])
        return {"ui": outcome.ui(message), "result": (outcome.path_pattern,)}
