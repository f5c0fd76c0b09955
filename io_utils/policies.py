"""The choices that widgets offer. The values are the words that users see and saved workflows contain."""

from __future__ import annotations

from enum import Enum


class OnExisting(str, Enum):
    """What to do about a frame that is on disk already. The table in `saving/existing.py` is the rule."""

    OVERWRITE = "overwrite"
    SKIP = "skip"
    ERROR = "error"
    KEEP_BOTH = "keep both"
    UNCHANGED = "skip unchanged"


class AtEnd(str, Enum):
    """What a saver does once `current_frame >= total_frames`."""

    STOP = "stop output"
    RAISE = "raise error"
    KEEP = "keep going"


class OnMissing(str, Enum):
    """What to do about a frame that is not on disk, in a batch. The first two are the earlier pack's words."""

    ERROR = "false"
    DROP = "true"
    HOLD_PREVIOUS = "hold previous"
    BLACK = "black"


class OnMissingFrame(str, Enum):
    """What to load for a single frame that is not on disk."""

    ERROR = "error"
    HOLD_PREVIOUS = "hold previous"
    HOLD_NEXT = "hold next"
    BLACK = "black"


class OnSizeMismatch(str, Enum):
    """What to do about a frame whose size differs from the first one's."""

    ERROR = "error"
    RESIZE = "resize to first"


class Indexing(str, Enum):
    """How a file is assigned to a frame: by the number at the end of its name, or by its place in alphabetic order.

    Punctuation may follow the number (ComfyUI's own `ComfyUI_00001_.png`, `frame (1).png`), unless a file with the same
    beginning has its number at the very end. Negative numbers and those above `frame_pattern.LARGEST_FRAME` are not frames.
    """

    NUMERIC = "numeric"
    ALPHABETIC = "alphabetic order"


class ResumeAt(str, Enum):
    """Which frame comes next in a folder with frames: the one after the highest, or the first missing one."""

    AFTER_LAST = "after last"
    FIRST_GAP = "first gap"


class Thoroughness(str, Enum):
    """How a sequence is checked: by the beginning and the end of every file, or by its pixels as well."""

    QUICK = "quick"
    DECODE = "decode every frame"


class OnProblem(str, Enum):
    """What Check Image Sequence does once it has found a fault."""

    REPORT = "report"
    RAISE = "raise error"
