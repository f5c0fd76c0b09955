"""Save Image Sequence (Frame Counter): saves the frame that a frame counter is at, until the animation ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.naming.tokens import Later
from ..io_utils.saving.plan_counted import CountedRequest
from . import _saver
from ._inputs import lazy, listed, read_lists, read_typed, rows, some, verdict, widget


class ImageSequenceSaveCounted:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves the frame that a frame counter stands at: <directory>/<prefix>_<frame>.<ext>, a batch into folders "
        "batch_0000, batch_0001, ... On the final frame, sequence lists the whole animation. Past the end, at_end decides."
    )
    SEARCH_ALIASES = [
        "save frames",
        "export frames",
        "export png sequence",
        "image sequence",
        "save image sequence",
        "animation frames",
        "stop after n frames",
        "resume",
        "save exr",
        "save webp",
        "save jpg",
        "save jpeg",
        "16 bit png",
        "animation saver",
        "stop at end",
    ]
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    RETURN_TYPES = ("ANIMATION_SEQUENCE", "LOG_ENTRY", "STRING")
    RETURN_NAMES = ("sequence", "log_entry", "path_pattern")
    OUTPUT_TOOLTIPS = (
        "All files of the finished animation; undefined before the final frame is saved.",
        "What was saved, kept or stopped, as text.",
        _saver.PATH_PATTERN_TOOLTIP,
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = (
            "Folder below the output folder, made if needed. Empty: the output folder itself. %year%, %width%, "
            "%date:yyyy-MM-dd% and %KSampler.seed% (a widget of another node) are filled in, here and in prefix."
        )
        prefix = "Start of the file names: prefix 'frame' writes frame_00000.png."
        at_end = (
            "When the counter is past its last frame. stop output: write nothing, and do not run the graph in front. "
            "raise error: fail with an error, and so do the runs queued behind it. keep going: go on writing."
        )
        first = (
            "The number of the first file: it is added to the counter's frame number, so with 1001 the first file is "
            "frame_01001.png. Set first_frame of Frame Counter (Resume from Directory) to the same value."
        )
        return {
            "required": {
                "frame_counter": ("FRAME_COUNTER", {"tooltip": "Which frame this is, of how many."}),
                "image": ("IMAGE", {"lazy": True, "tooltip": "The image of this frame, or a batch of variants of it."}),
                "directory_path": widget(CountedRequest, "directory_path", directory),
                "prefix": widget(CountedRequest, "prefix", prefix),
                "digits": widget(CountedRequest, "digits", _saver.DIGITS_TOOLTIP),
                "at_end": widget(CountedRequest, "at_end", at_end),
                "filetype": widget(CountedRequest, "filetype", _saver.FILETYPE_TOOLTIP),
            },
            "optional": {
                "on_existing": widget(CountedRequest, "on_existing", _saver.ON_EXISTING_TOOLTIP),
                **_saver.encoding(CountedRequest),
                "first_frame": widget(CountedRequest, "first_frame", first, advanced=True),
            },
            "hidden": _saver.SAVER_HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the prefix: ComfyUI would blame both inputs for a fault in one. The prefix is checked before rendering.
        return verdict(lambda path: CountedRequest(directory_path=path, nodes=Later()).files, directory_path)

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        return _saver.generation(inputs)

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _saver.known_before_run()

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        """`inputs` may hold the `frame_counter` in front, as an object with the numbers of a FrameCounter."""
        counter = inputs.get("frame_counter")
        counter = SimpleNamespace(**counter) if isinstance(counter, dict) else counter
        request = read_typed(CountedRequest, inputs)
        return _saver.look(inputs, ("directory_path", "prefix"), lambda: request.destination(counter))

    def check_lazy_status(self, frame_counter: Any, image: Any = None, **inputs: Any) -> list[str]:
        hidden, wired = _saver.Hidden.taken_from(inputs), _saver.wired_companions(inputs)
        request = read_lists(self, CountedRequest, inputs, **hidden.begin_run())
        counters = some(frame_counter, "frame_counter")
        is_needed = _saver.have_come(image, *wired.values()) or request.needs_image(
            counters, has_layers="layers" in wired
        )
        return hidden.asking_for(["image", *wired]) if is_needed else []

    def save(self, frame_counter: Any, image: Any, **inputs: Any) -> dict[str, Any]:
        hidden, companions = _saver.Hidden.taken_from(inputs), _saver.companions(inputs)
        counters = some(frame_counter, "frame_counter")
        request = read_lists(self, CountedRequest, inputs, **hidden.end_run()).for_images(listed(image))
        frames = request.frames(rows(frame_counter=counters, image=lazy(image), companions=companions))
        outcome = _saver.save(frames, request, hidden)
        sequence, log_entry = request.outcome(counters, outcome.saved, outcome.message)
        ui = outcome.ui(log_entry.message, float(counters[-1].frames_per_second))
        path_pattern = outcome.path_pattern if outcome.saved else request.files.single.path_pattern
        return {"ui": ui, "result": (sequence, log_entry, path_pattern)}
