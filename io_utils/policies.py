"""The choices that widgets offer, by the words that users see and saved workflows hold."""

from __future__ import annotations

from enum import Enum


class OnExisting(str, Enum):
    """What to do about a frame that is on disk already. saving's `existing.wants` is the rule, with its table."""

    OVERWRITE = "overwrite"
    SKIP = "skip"
    ERROR = "error"
    KEEP_BOTH = "keep both"


class AtEnd(str, Enum):
    """What a saver does once `current_frame >= total_frames`."""

    STOP = "stop output"
    RAISE = "raise error"
    KEEP = "keep going"


class OnMissing(str, Enum):
    """What to do about a frame that is not on disk. The first two keep the earlier pack's words."""

    ERROR = "false"
    DROP = "true"
    HOLD_PREVIOUS = "hold previous"
    BLACK = "black"


class OnMissingFrame(str, Enum):
    """What a frame that is not on disk gives."""

    ERROR = "error"
    HOLD_PREVIOUS = "hold previous"
    HOLD_NEXT = "hold next"
    BLACK = "black"


class OnSizeMismatch(str, Enum):
    """What to do about a frame that is not as large as the first one."""

    ERROR = "error"
    RESIZE = "resize to first"


class Indexing(str, Enum):
    """How a file stands for a frame: by the number at the end of its name, or by its place in alphabetic order.

    Punctuation may follow the number if no file that begins alike has its number at the very end, as in ComfyUI's own
    `ComfyUI_00001_.png` or in `frame (1).png`. Numbers above `numbered_names.LARGEST`, and negative ones, are not frames.
    """

    NUMERIC = "numeric"
    ALPHABETIC = "alphabetic order"


class ResumeAt(str, Enum):
    """Which frame comes next in a folder that has some: the one after the highest, or the first that is missing."""

    AFTER_LAST = "after last"
    FIRST_GAP = "first gap"
