"""Save Image Sequence (Frame Index): saves one image per run, with the frame number from a widget."""

from __future__ import annotations

from typing import Any

from ..io_utils.saving.plan_indexed import IndexedRequest
from . import _saver
from ._inputs import lazy_images, read_rows, rows, verdict, widget

_ROW = ("filename_prefix", "current_frame")


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
        frame = f"The frame number of this image. {_saver.COUNTING_TOOLTIP}"
        counting = {"max": 9999999, "control_after_generate": True}
        return {
            "required": {
                "images": ("IMAGE", {"lazy": True, "tooltip": images}),
                "filename_prefix": widget(IndexedRequest, "filename_prefix", prefix),
                "current_frame": widget(IndexedRequest, "current_frame", frame, **counting),
            },
            "optional": {
                "digits": widget(IndexedRequest, "digits", _saver.DIGITS_TOOLTIP),
                "filetype": widget(IndexedRequest, "filetype", _saver.FILETYPE_TOOLTIP),
                "on_existing": widget(IndexedRequest, "on_existing", _saver.ON_EXISTING_TOOLTIP),
                **_saver.encoding(IndexedRequest),
            },
            "hidden": _saver.HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: Any = None) -> bool | str:
        return verdict(lambda prefix: IndexedRequest(filename_prefix=prefix).sequence(), filename_prefix)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        return _saver.generation(inputs)

    def check_lazy_status(self, images: Any = None, **inputs: Any) -> list[str]:
        hidden = _saver.Hidden.taken_from(inputs)
        row_requests = read_rows(self, IndexedRequest, inputs, _ROW, now=hidden.begin_run())
        wanted = [request.needs_image() for request in row_requests]
        return ["images"] if any(wanted) else []

    def save(self, images: Any, **inputs: Any) -> dict[str, Any]:
        hidden = _saver.Hidden.taken_from(inputs)
        row_requests = read_rows(self, IndexedRequest, inputs, _ROW, now=hidden.end_run())
        frames = [request.frame(image) for image, request in rows(images=lazy_images(images), request=row_requests)]
        return {"ui": _saver.save(frames, row_requests[0], hidden).ui()}
