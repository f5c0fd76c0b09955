"""Load Image Sequence (Frame): one numbered file per run."""

from __future__ import annotations

from typing import Any

from ..io_utils import report, single
from ..io_utils.animation import whole_frame
from ..io_utils.frames import Frames, Indexing
from ..io_utils.ledger import Ledger, Unchanged
from ..io_utils.paths import FOLDERS
from ..io_utils.single import OnMissingFrame
from .saving import COUNTING_TOOLTIP
from .validation import ABSENT, FOLDER, choice, text, verdict, whole

_ledger = Ledger()


class ImageSequenceLoadFrame:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Loads one frame of a numbered sequence per run, by a frame counter or a frame number that counts up: for video to "
        "video frame by frame. A file that changes on disk is read again."
    )
    SEARCH_ALIASES = ["load frame", "load frames from folder", "image sequence", "video to video", "frame by frame"]
    FUNCTION = "load"
    RETURN_TYPES = ("IMAGE", "MASK", "STRING")
    RETURN_NAMES = ("image", "mask", "file_name")
    OUTPUT_TOOLTIPS = (
        "The frame as RGB; of a frame that was saved as a batch, all its images.",
        "1 - alpha of the frame: 0 is opaque, and all 0 without alpha.",
        "Name of the file that was loaded, with its extension; empty for a black image and for default_image.",
    )
    HAS_INTERMEDIATE_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        directory = "The folder of the frames, below the chosen folder. Empty: that folder itself."
        pattern = (
            "Which files are the frames. With a frame number, {:04d}, %04d or ####, these exact names: frame_####.png. "
            "Without one, wildcards: frame_*.png, several with | between; indexing then says which file is which frame."
        )
        how = "For wildcards. numeric: by the number at the end of the file name. alphabetic order: by place, from 0."
        counter = "The frame to load. Without it, frame_number decides."
        default = (
            "The image for a frame that is not on disk, whatever on_missing says. The graph in front of it runs only "
            "when it is needed."
        )
        number = f"The frame to load where no frame_counter is wired. {COUNTING_TOOLTIP}"
        missing = (
            "When the frame is not on disk and no default_image is wired. error: stop, and say which frames there are. "
            "hold previous, hold next: load the nearest frame before or after it. black: a black image."
        )
        counting = {
            "default": 0,
            "min": 0,
            "max": 2**53 - 1,
            "control_after_generate": True,
            "tooltip": number,
        }
        return {
            "required": {
                "directory_path": ("STRING", {"default": "", "tooltip": directory}),
                "pattern": ("STRING", {"default": "*", "tooltip": pattern}),
                "indexing": ([indexing.value for indexing in Indexing], {"tooltip": how}),
            },
            "optional": {
                "frame_counter": ("FRAME_COUNTER", {"tooltip": counter}),
                "default_image": ("IMAGE", {"lazy": True, "tooltip": default}),
                "frame_number": ("INT", counting),
                "on_missing": ([policy.value for policy in OnMissingFrame], {"tooltip": missing}),
                "folder": (list(FOLDERS), {"tooltip": "The ComfyUI folder that directory_path starts in."}),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, directory_path: Any = None) -> bool | str:
        # Not the pattern too: ComfyUI would blame both for what one has. It is checked before anything is read.
        return verdict(single.check, directory_path)

    @classmethod
    def IS_CHANGED(
        cls,
        directory_path: Any = None,
        pattern: Any = None,
        indexing: Any = None,
        frame_counter: Any = ABSENT,
        default_image: Any = ABSENT,
        frame_number: Any = 0,
        on_missing: Any = OnMissingFrame.ERROR.value,
        folder: Any = "output",
        unique_id: Any = None,
    ) -> str:
        number = frame_number if frame_counter is ABSENT else None
        policy = on_missing if default_image is ABSENT else ""
        settings = (directory_path, pattern, folder, number, indexing, policy)
        if number is None or None in settings:  # linked: compare with what the last runs read
            return _ledger.generation(unique_id, settings)
        return single.fingerprint(directory_path, pattern, folder, number, indexing, policy)

    def check_lazy_status(
        self,
        directory_path: str,
        pattern: str,
        indexing: str,
        frame_counter: Any = ABSENT,
        default_image: Any = ABSENT,
        frame_number: int = 0,
        on_missing: str = OnMissingFrame.ERROR.value,
        folder: str = "output",
        unique_id: Any = None,
    ) -> list[str]:
        if default_image is ABSENT:
            return []
        frames = _frames(directory_path, pattern, folder)
        number = _number(frame_counter, frame_number)
        chosen = single.choose(frames, number, choice(indexing, "indexing", Indexing), None)
        return ["default_image"] if chosen.is_default else []

    def load(
        self,
        directory_path: str,
        pattern: str,
        indexing: str,
        frame_counter: Any = ABSENT,
        default_image: Any = ABSENT,
        frame_number: int = 0,
        on_missing: str = OnMissingFrame.ERROR.value,
        folder: str = "output",
        unique_id: Any = None,
    ) -> dict[str, Any]:
        number = _number(frame_counter, frame_number)
        policy = choice(on_missing, "on_missing", OnMissingFrame) if default_image is ABSENT else None
        chosen = single.choose(
            _frames(directory_path, pattern, folder), number, choice(indexing, "indexing", Indexing), policy
        )
        missing_as = policy.value if policy else ""
        # Before it is read: what changes meanwhile is read again by the next run.
        unchanged = Unchanged(
            lambda: single.fingerprint(directory_path, pattern, folder, number, indexing, missing_as),
            chosen.fingerprint,
        )
        _ledger.record_read(unique_id, unchanged, chosen.files)
        image, mask = single.load(chosen, default_image)
        missing = [] if chosen.source == number else [number]
        ui = report.ui(chosen.shown, missing=missing, message=chosen.summary)
        ui["text"] = [chosen.summary]
        return {"ui": ui, "result": (image, mask, chosen.file_name)}


def _frames(directory_path: Any, pattern: Any, folder: Any) -> Frames:
    return single.locate(
        text(directory_path, "directory_path"), text(pattern, "pattern"), choice(folder, "folder", FOLDER)
    )


def _number(frame_counter: Any, frame_number: Any) -> int:
    """The frame of the counter, or of the widget where no counter is wired."""
    return whole(frame_number, "frame_number") if frame_counter is ABSENT else whole_frame(frame_counter)
