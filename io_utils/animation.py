"""FrameCounter, AnimationSequence and LogEntry: the values that nodes pass to each other.

They are interchangeable with those of the Dream pack (https://github.com/alt-key-project/comfyui-dream-project): its nodes
accept ours, and our nodes accept its. The attribute names below are that contract.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from .errors import EndOfAnimationError, InputError
from .message import Message
from .policies import AtEnd
from .request import limited
from .wire import described

# Sixty hours at 24 frames per second: the earlier pack's limit.
MAX_FRAMES = 24 * 3600 * 60


@dataclass(frozen=True)
class FrameCounter:
    """A position in an animation: frame `current_frame` of 0 .. `total_frames` - 1. Immutable; counting returns a new one."""

    current_frame: float
    total_frames: int
    frames_per_second: float

    def incremented(self, amount: float) -> FrameCounter:
        return FrameCounter(self.current_frame + amount, self.total_frames, self.frames_per_second)

    @property
    def is_first_frame(self) -> bool:
        return self.current_frame == 0

    @property
    def is_final_frame(self) -> bool:
        return self.current_frame == self.total_frames - 1

    @property
    def is_after_last_frame(self) -> bool:
        return self.current_frame >= self.total_frames

    @property
    def current_time_in_seconds(self) -> float:
        return self.current_frame / self.frames_per_second

    @property
    def total_time_in_seconds(self) -> float:
        return self.total_frames / self.frames_per_second

    @property
    def remaining_time_in_seconds(self) -> float:
        return self.total_time_in_seconds - self.current_time_in_seconds

    @property
    def progress(self) -> float:
        """0.0 on the first frame, 1.0 on the final frame and past it. 0.0 if the animation has only one frame."""
        return min(max(self.current_frame / max(1, self.total_frames - 1), 0.0), 1.0)


@dataclass(frozen=True, kw_only=True)
class CountRequest:
    """What the widgets of Frame Counter ask for."""

    frame_index: int = limited(0, least=0)
    total_frames: int = limited(100, least=1, most=MAX_FRAMES)
    frames_per_second: float = limited(25.0, above=0)

    def outlook(self) -> dict[str, int]:
        """Plain values: the frame, how many there are, and how many are left, this one included."""
        return outlook(self.frame_index, self.total_frames)

    def choose(self) -> FrameCounter:
        return FrameCounter(self.frame_index, self.total_frames, self.frames_per_second)


def outlook(frame: int, total: int) -> dict[str, int]:
    """Plain values about `frame`, the next of `total` to render: `left` is how many frames are left, this one included."""
    return {"frame": frame, "total": total, "left": max(0, total - frame)}


def saves(counter: Any, at_end: AtEnd) -> bool:
    """Whether the frame of `counter` must be written.

    Raises EndOfAnimationError for a frame past the end where the policy says so, and ValueError if `current_frame`,
    `total_frames` or `frames_per_second` is missing or invalid.
    """
    frame, total = whole_frame(counter), total_frames(counter)
    frames_per_second(counter)  # not used here, but refused before anything is rendered
    if frame >= total and at_end is AtEnd.RAISE:
        raise EndOfAnimationError(frame, total)
    return frame < total or at_end is AtEnd.KEEP


def whole_frame(counter: Any) -> int:
    """The frame number of any frame counter, from 0.

    Raises ValueError if it is fractional (a time offset can make it so), negative, or missing.
    """
    frame = _number(counter, "current_frame")
    if not math.isfinite(frame) or frame != int(frame):
        rate = getattr(counter, "frames_per_second", None)
        multiple = f", or a multiple of 1/{rate:g} s" if isinstance(rate, Real) else ""
        raise InputError(
            f"Use an offset in frames{multiple}. The frame counter is at {frame}, between two frames: an offset in seconds "
            f"was not a whole number of frames."
        )
    if frame < 0:
        raise InputError(f"Check the offset of the frame counter. It is at {int(frame)}, but frame numbers start at 0.")
    return int(frame)


def total_frames(counter: Any) -> int:
    """The number of frames of any frame counter's animation. Raises ValueError if it is missing or not finite."""
    total = _number(counter, "total_frames")
    if not math.isfinite(total):
        raise InputError(
            f"Set total_frames of the frame counter. It counts to {total}, which is not a number of frames."
        )
    return int(total)


def frames_per_second(counter: Any) -> float:
    """The rate of any frame counter, in frames per second. Raises ValueError if it is missing, not finite or not above 0."""
    rate = float(_number(counter, "frames_per_second"))
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(
            f"Set frames_per_second of the frame counter to a number above 0. It has {rate:g} frames per second."
        )
    return rate


def _number(counter: Any, name: str) -> Any:
    value = getattr(counter, name, None)
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            float(value)
            return value
        raise InputError(f"Check how {name} of the frame counter is calculated. It has hundreds of digits.")
    lacks = "is not a number" if hasattr(counter, name) else "is missing"
    fault = "" if counter is None else f", whose {name} {lacks}"
    raise InputError(f"Wire a frame counter to frame_counter. It got {described(counter)}{fault}.")


@dataclass(frozen=True)
class AnimationSequence:
    """The files of a finished animation. `frames` maps each frame number to its files, one per image of the batch.

    Undefined (`is_defined` is False) until the final frame is saved. The colour spaces are those that the saver was set to,
    so that the files give its images again.
    """

    frame_counter: Any
    frames: Mapping[int, list[str]] = field(default_factory=dict)
    image_color_space: str = "sRGB"
    file_color_space: str = "automatic"

    @property
    def is_defined(self) -> bool:
        return bool(self.frames)

    @property
    def fps(self) -> float:
        return float(self.frame_counter.frames_per_second)

    @property
    def keys_in_order(self) -> list[int]:
        return sorted(self.frames)

    @property
    def num_batches(self) -> int:
        return min((len(files) for files in self.frames.values()), default=0)

    @property
    def batches(self) -> range:
        return range(self.num_batches)

    def get_image_files_of_batch(self, batch_num: int) -> Iterator[str]:
        for frame in self.keys_in_order:
            yield self.frames[frame][batch_num]


class LogEntry:
    """Lines of text, each with its time in seconds since the epoch. Immutable: `add` and `merge` return a new one."""

    def __init__(self, data: Iterable[tuple[float, str]] = ()) -> None:
        self._data = list(data)

    @classmethod
    def new(cls, text: str) -> LogEntry:
        return cls([(time.time(), text)])

    def add(self, text: str) -> LogEntry:
        return LogEntry([*self._data, (time.time(), text)])

    def merge(self, log_entry: Any) -> LogEntry:
        return LogEntry([*self._data, *log_entry._data])  # noqa: SLF001 the Dream pack's own name for it

    def get_filtered_entries(self, t: float) -> Iterator[tuple[float, str]]:
        """The (time, text) of every line after time `t`, sorted by time."""
        return (entry for entry in sorted(self._data) if entry[0] > t)

    @property
    def message(self) -> Message:
        return Message.lines(text for _, text in self._data)

    def __str__(self) -> str:
        return str(self.message)
