"""Save Image Sequence (Frame Index): one image per run, under the frame number of a widget."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..io_utils import targets
from ..io_utils.filetype import QUALITY, FileType
from ..io_utils.pattern import MAX_PADDING
from ..io_utils.writer import OnExisting
from . import saving
from .lists import lazy_images, one, rows
from .validation import choice, text, verdict, whole


class ImageSequenceSaveFrame:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves one image as frame current_frame of a numbered sequence, <output>/<prefix>/<prefix>_<frame>.png, with the "
        "workflow inside. current_frame counts up by itself: queue as many runs as there are frames."
    )
    SEARCH_ALIASES = ["save frames", "export png sequence", "image sequence", "save image sequence", "write frame"]
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        images = "The image to save: one. For a whole batch use Save Image Sequence (Batch)."
        prefix = (
            "Name of the sequence, below the output folder; folders are made. 'shots/take1' writes "
            "shots/take1/take1_00000.png. %year% %month% %day% %hour% %minute% %second% %width% %height% and "
            "%date:yyyy-MM-dd% are filled in."
        )
        frame = f"The frame number of this image. {saving.COUNTING_TOOLTIP}"
        counting = {"default": 0, "min": 0, "max": 9999999, "control_after_generate": True, "tooltip": frame}
        return {
            "required": {
                "images": ("IMAGE", {"lazy": True, "tooltip": images}),
                "filename_prefix": ("STRING", {"default": "Sequence", "tooltip": prefix}),
                "current_frame": ("INT", counting),
            },
            "optional": {
                "digits": ("INT", {"default": 5, "min": 0, "max": MAX_PADDING, "tooltip": saving.DIGITS_TOOLTIP}),
                "filetype": (saving.FILETYPES, {"tooltip": saving.FILETYPE_TOOLTIP}),
                "on_existing": (saving.ON_EXISTING, {"tooltip": saving.ON_EXISTING_TOOLTIP}),
                **saving.ENCODING,
            },
            "hidden": saving.HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: Any = None) -> bool | str:
        return verdict(
            lambda prefix: targets.indexed(prefix, 0, FileType.PNG, datetime.now().astimezone()), filename_prefix
        )

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, prompt: Any = None, extra_pnginfo: Any = None, **settings: Any) -> str:
        return saving.generation(unique_id, settings)

    def check_lazy_status(
        self,
        filename_prefix: Any,
        current_frame: Any,
        images: Any = None,
        digits: Any = 5,
        filetype: Any = FileType.PNG_WITH_WORKFLOW.value,
        on_existing: Any = OnExisting.OVERWRITE.value,
        quality: Any = QUALITY,
        workflow_file: Any = False,
        prompt: Any = None,
        unique_id: Any = None,
        **others: Any,
    ) -> list[str]:
        saving.encoding(quality, workflow_file)
        now, kind = saving.moments.begin(unique_id, prompt), choice(filetype, "filetype", FileType)
        digits, existing = (
            whole(one(digits, "digits"), "digits", most=MAX_PADDING),
            choice(on_existing, "on_existing", OnExisting),
        )
        wanted = [
            targets.indexed_needs_image(
                text(prefix, "filename_prefix"), digits, kind, now, whole(number, "current_frame"), existing
            )
            for prefix, number in rows(filename_prefix=filename_prefix, current_frame=current_frame)
        ]
        return ["images"] if any(wanted) else []

    def save(
        self,
        images: Any,
        filename_prefix: Any,
        current_frame: Any,
        digits: Any = 5,
        filetype: Any = FileType.PNG_WITH_WORKFLOW.value,
        on_existing: Any = OnExisting.OVERWRITE.value,
        quality: Any = QUALITY,
        workflow_file: Any = False,
        prompt: Any = None,
        extra_pnginfo: Any = None,
        unique_id: Any = None,
    ) -> dict[str, Any]:
        encoding = saving.encoding(quality, workflow_file)
        now, kind = saving.moments.end(unique_id, prompt), choice(filetype, "filetype", FileType)
        digits, existing = (
            whole(one(digits, "digits"), "digits", most=MAX_PADDING),
            choice(on_existing, "on_existing", OnExisting),
        )
        frames = [
            targets.indexed_frame(
                text(prefix, "filename_prefix"), digits, kind, now, whole(number, "current_frame"), image
            )
            for image, prefix, number in rows(
                images=lazy_images(images), filename_prefix=filename_prefix, current_frame=current_frame
            )
        ]
        context = saving.Context(prompt, extra_pnginfo, unique_id)
        saved, message = saving.save(frames, kind, existing, context, *encoding)
        return {"ui": saving.ui(saved, message)}
