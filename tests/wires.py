"""What other packs send over the wires of our nodes: frame counters and animation sequences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def counter(frame: Any = 0, total: Any = 10, fps: float = 24) -> SimpleNamespace:
    """A frame counter with nothing but the three attributes that our nodes may read."""
    return SimpleNamespace(current_frame=frame, total_frames=total, frames_per_second=fps)


class DreamFrameCounter:
    """The Dream pack's frame counter, with the attributes of dreamtypes.FrameCounter 5.1.2."""

    def __init__(self, current_frame: float = 0, total_frames: int = 1, frames_per_second: float = 25.0) -> None:
        self.current_frame = max(0, current_frame)
        self.total_frames = max(total_frames, 1)
        self.frames_per_second = float(max(1.0, frames_per_second))

    def incremented(self, amount: float) -> DreamFrameCounter:
        return DreamFrameCounter(self.current_frame + amount, self.total_frames, self.frames_per_second)


class DreamAnimationSequence:
    """The Dream pack's animation sequence, with the attributes of dreamtypes.AnimationSequence 5.1.2.

    `frames` holds the absolute paths of each frame, one for every image of the batch.
    """

    def __init__(self, frames: dict[int, list[str]] | None, fps: float = 25.0) -> None:
        self.frames, self.fps = frames, fps
        self.frame_counter = SimpleNamespace(frames_per_second=fps)
        self.keys_in_order = sorted(frames) if frames else []
        self.num_batches = min(map(len, frames.values())) if frames else 0

    @property
    def is_defined(self) -> bool:
        return bool(self.frames)
