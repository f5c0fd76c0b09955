"""Save Image Sequence (Frame Counter): the frame that a frame counter stands at, until the animation ends."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from ..io_utils import targets, tokens
from ..io_utils.animation import AtEnd, whole_frame
from ..io_utils.counted import Counted
from ..io_utils.filetype import QUALITY, FileType
from ..io_utils.writer import OnExisting
from . import saving
from .lists import lazy_images, listed, one, rows, some
from .validation import choice, text, verdict, whole


class ImageSequenceSaveCounted:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Saves the frame that a frame counter stands at: <directory>/<prefix>_<frame>.<ext>, a batch into folders "
        "batch_0000, batch_0001, ... On the final frame, sequence lists the whole animation. Past the end, at_end decides."
    )
    SEARCH_ALIASES = [
        "save frames",
        "export png sequence",
        "image sequence",
        "animation saver",
        "stop at end",
        "resume",
    ]
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    RETURN_TYPES = ("ANIMATION_SEQUENCE", "LOG_ENTRY")
    RETURN_NAMES = ("sequence", "log_entry")
    OUTPUT_TOOLTIPS = (
        "All files of the finished animation; undefined before the final frame is saved.",
        "What was saved, kept or stopped, as text.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = (
            "Folder below the output folder, made if needed. Empty: the output folder itself. %year%, %width% and "
            "%date:yyyy-MM-dd% are filled in, here and in prefix."
        )
        prefix = "Start of the file names: prefix 'frame' writes frame_00000.png."
        at_end = (
            "When the counter is past its last frame. stop output: write nothing, and do not run the graph in front. "
            "raise error: fail with an error, and so do the runs queued behind it. keep going: go on writing."
        )
        return {
            "required": {
                "frame_counter": ("FRAME_COUNTER", {"tooltip": "Which frame this is, of how many."}),
                "image": ("IMAGE", {"lazy": True, "tooltip": "The image of this frame, or a batch of variants of it."}),
                "directory_path": ("STRING", {"default": "", "tooltip": directory}),
                "prefix": ("STRING", {"default": "frame", "tooltip": prefix}),
                "digits": ("INT", {"default": 5, "tooltip": saving.DIGITS_TOOLTIP}),
                "at_end": ([policy.value for policy in AtEnd], {"tooltip": at_end}),
                "filetype": (saving.FILETYPES, {"tooltip": saving.FILETYPE_TOOLTIP}),
            },
            "optional": {
                "on_existing": (saving.ON_EXISTING, {"tooltip": saving.ON_EXISTING_TOOLTIP}),
                **saving.ENCODING,
            },
            "hidden": saving.HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the prefix too: ComfyUI would blame both for what one has. It is checked before anything is rendered.
        return verdict(lambda path: Counted.locate(path, "frame", 0, FileType.PNG), directory_path)

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, prompt: Any = None, extra_pnginfo: Any = None, **settings: Any) -> str:
        return saving.generation(unique_id, settings)

    def check_lazy_status(
        self,
        frame_counter: Any,
        directory_path: Any,
        prefix: Any,
        digits: Any,
        at_end: Any,
        filetype: Any,
        image: Any = None,
        on_existing: Any = OnExisting.OVERWRITE.value,
        quality: Any = QUALITY,
        workflow_file: Any = False,
        unique_id: Any = None,
        prompt: Any = None,
        **others: Any,
    ) -> list[str]:
        saving.encoding(quality, workflow_file)
        texts = _texts(directory_path, prefix)
        policy = choice(at_end, "at_end", AtEnd)
        existing = choice(on_existing, "on_existing", OnExisting)
        counters = some(frame_counter, "frame_counter")
        files = _files(texts, digits, filetype, saving.moments.begin(unique_id, prompt))
        if tokens.needs_image(*texts):
            # Where the frame goes is known once it is rendered; past the end nothing is.
            return ["image"] if any(policy.saves(counter) for counter in counters) else []
        return ["image"] if files.needs_image(counters, policy, existing) else []

    def save(
        self,
        frame_counter: Any,
        image: Any,
        directory_path: Any,
        prefix: Any,
        digits: Any,
        at_end: Any,
        filetype: Any,
        on_existing: Any = OnExisting.OVERWRITE.value,
        quality: Any = QUALITY,
        workflow_file: Any = False,
        prompt: Any = None,
        extra_pnginfo: Any = None,
        unique_id: Any = None,
    ) -> dict[str, Any]:
        encoding = saving.encoding(quality, workflow_file)
        texts = _texts(directory_path, prefix)
        policy, counters = choice(at_end, "at_end", AtEnd), some(frame_counter, "frame_counter")
        size = targets.common_size(texts, listed(image))
        files = _files(texts, digits, filetype, saving.moments.end(unique_id, prompt), size)
        frames = [
            frame
            for counter, images in rows(frame_counter=counters, image=lazy_images(image))
            if policy.saves(counter)
            for frame in files.frames(whole_frame(counter), images)
        ]
        files.require_own_files(frames)
        kind = choice(filetype, "filetype", FileType)
        existing = choice(on_existing, "on_existing", OnExisting)
        context = saving.Context(prompt, extra_pnginfo, unique_id)
        saved, summary = saving.save(frames, kind, existing, context, *encoding)
        sequence, log_entry = files.outcome(counters, saved, summary)
        ui = saving.ui(saved, str(log_entry), float(counters[-1].frames_per_second))
        return {"ui": ui, "result": (sequence, log_entry)}


def _texts(directory_path: Any, prefix: Any) -> tuple[str, str]:
    return text(one(directory_path, "directory_path"), "directory_path"), text(one(prefix, "prefix"), "prefix")


def _files(
    texts: tuple[str, str], digits: Any, filetype: Any, now: datetime, size: tuple[int, int] = (0, 0)
) -> Counted:
    # The earlier pack's digits had no limits: what is below 0 pads as 0 does.
    padding = whole(one(digits, "digits"), "digits", least=-sys.maxsize)
    return Counted.locate(*texts, padding, choice(filetype, "filetype", FileType), now, size)
