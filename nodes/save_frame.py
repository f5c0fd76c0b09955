"""Save Image Sequence (Frame Index): saves one image per run, with the frame number from a widget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.naming.tokens import Later
from ..io_utils.saving.plan_indexed import IndexedRequest
from . import _saver
from ._inputs import lazy, read_rows, read_typed, rows, verdict, widget

_ROW = ("filename_prefix", "current_frame")


class ImageSequenceSaveFrame:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves one image as frame current_frame of a numbered sequence, <output>/<prefix>/<prefix>_<frame>.png, with the "
        "workflow inside. current_frame counts up by itself: queue as many runs as there are frames."
    )
    SEARCH_ALIASES = [
        "save frames",
        "export frames",
        "export png sequence",
        "image sequence",
        "save image sequence",
        "write frame",
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
        images = "The image to save: one. For a whole batch use Save Image Sequence (Batch)."
        prefix = (
            "Name of the sequence, below the output folder; folders are made. 'shots/take1' writes "
            "shots/take1/take1_00000.png. %year% %month% %day% %hour% %minute% %second% %width% %height%, "
            "%date:yyyy-MM-dd% and %KSampler.seed% (a widget of another node) are filled in."
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
            "hidden": _saver.SAVER_HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: Any = None) -> bool | str:
        return verdict(lambda prefix: IndexedRequest(filename_prefix=prefix, nodes=Later()).sequence(), filename_prefix)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        return _saver.generation(inputs)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _saver.known_before_run()

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        request = read_typed(IndexedRequest, inputs)
        return _saver.look(
            inputs, ("filename_prefix",), lambda: request.destination(has_number="current_frame" in inputs)
        )

    def check_lazy_status(self, images: Any = None, **inputs: Any) -> list[str]:
        hidden, wired = _saver.Hidden.taken_from(inputs), _saver.wired_companions(inputs)
        row_requests = _row_requests(self, inputs, hidden.begin_run())
        come = _saver.have_come(images, *wired.values())
        wanted = [come or request.needs_image(has_layers="layers" in wired) for request in row_requests]
        return hidden.asking_for(["images", *wired]) if any(wanted) else []

    def save(self, images: Any, **inputs: Any) -> dict[str, Any]:
        hidden, companions = _saver.Hidden.taken_from(inputs), _saver.companions(inputs)
        row_requests = _row_requests(self, inputs, hidden.end_run())
        row_values = rows(images=lazy(images), companions=companions, request=row_requests)
        frames = [request.frame(image, with_it) for image, with_it, request in row_values]
        outcome = _saver.save(frames, row_requests[0], hidden)
        return {"ui": outcome.ui(), "result": (outcome.path_pattern,)}


def _row_requests(node: Any, inputs: dict[str, Any], known: dict[str, Any]) -> list[IndexedRequest]:
    """One request for each row of the lists of prefixes and frame numbers."""
    found = read_rows(node, IndexedRequest, inputs, _ROW, **known)
    return [replace(request, row=row) for row, request in enumerate(found)]
