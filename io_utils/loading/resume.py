"""Finds the next frame of a sequence that is partly on disk, for Frame Counter (Resume from Directory)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from ..animation import MAX_FRAMES, FrameCounter, outlook
from ..errors import MixedTakesError, PathError
from ..formats.registry import is_whole_file
from ..naming import tokens
from ..naming.frame_folder import FrameFolder
from ..naming.frame_pattern import LARGEST_FRAME
from ..naming.frame_range import ranges
from ..naming.node_values import NodeValues
from ..naming.regular_files import entry_names
from ..naming.variants import Variants
from ..policies import Indexing, ResumeAt
from ..request import known, limited
from .selection import fingerprint


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """The frame to render next, given what is in a folder, and the counter for it.

    With NUMERIC indexing, frame 0 of the counter has the number `first_frame` on disk, and lower numbers do not count.
    """

    directory_path: str = ""
    pattern: str = "*"
    indexing: Indexing = Indexing.NUMERIC
    total_frames: int = limited(100, least=1, most=MAX_FRAMES)
    frames_per_second: float = limited(30.0, above=0)
    resume_at: ResumeAt = ResumeAt.AFTER_LAST
    first_frame: int = limited(0, least=0, most=LARGEST_FRAME)
    nodes: tokens.Values = known(NodeValues)

    @property
    def texts(self) -> tuple[str, str]:
        """The texts that may hold tokens."""
        return self.directory_path, self.pattern

    def frames(self) -> FrameFolder:
        """The frames that the texts name, with tokens filled in.

        Raises TokenError, and what FrameFolder.parse raises.
        """
        now = tokens.moment()
        return FrameFolder.parse(*(tokens.resolve_without_size(text, now, self.nodes) for text in self.texts))

    def choose(self) -> FrameCounter:
        """A counter at the next frame: 0 for a folder that is empty or does not exist yet. Lists each folder once.

        In batch folders (`batch_0000`, ...) a frame counts once it is in all of them that count (see variants.py). A
        batch that was only half saved, or lacks a folder, is rendered again. Raises what `frames` raises, and
        MixedTakesError if single files beside the batch folders lead to another frame: continuing one take could
        overwrite the other, or leave gaps in it.
        """
        return FrameCounter(self.next_frame(), self.total_frames, self.frames_per_second)

    def outlook(self) -> dict[str, Any]:
        """Plain values: those of `animation.outlook`, and how many frames are on disk and which. Raises what `choose` raises.

        None for what only a run knows, because a text holds the value of another node.
        """
        if tokens.needs_nodes(*self.texts):
            replace(self, nodes=tokens.Later()).frames()
            return {**dict.fromkeys(("frame", "left", "existing", "existing_ranges")), "total": self.total_frames}
        frame, done = self._found()
        existing = {"existing": len(done), "existing_ranges": ranges(number + self._offset for number in done)}
        found = outlook(frame, self.total_frames)
        later = sum(frame <= number < self.total_frames for number in done)  # after a gap
        return found | {"left": found["left"] - later} | existing

    def next_frame(self) -> int:
        """The frame number of the counter that `choose` returns. Raises what `choose` raises."""
        return self._found()[0]

    def _found(self) -> tuple[int, set[int]]:
        """The next frame, and the frames on disk, both as the counter counts them."""
        frames = self.frames()
        single = self._done(frames, frames.folder)
        by_single = self._next(single or set())
        variants = Variants.find(frames.root, frames.folder, lambda _, folder: self._done(frames, folder))
        if not variants:
            return by_single, single or set()
        done = variants.complete()
        by_batch = self._next(done)
        if single is not None and by_single != by_batch:
            raise MixedTakesError(frames.folder, by_single, by_batch)
        return by_batch, done

    def fingerprint(self) -> str:
        """For a cache key: the next frame, or the error. Never raises."""
        return fingerprint(lambda: str(self.next_frame()))

    @property
    def _offset(self) -> int:
        """The number on disk of frame 0. In alphabetic order, frames have places, not numbers."""
        return self.first_frame if self.indexing is Indexing.NUMERIC else 0

    def _done(self, frames: FrameFolder, folder: Path) -> set[int] | None:
        """The frames in one folder, without torn ones at the end, which a killed program left; None if it has no files."""
        listed = frames.listed(folder, self.indexing)
        numbered = [(number - self._offset, name) for number, name in listed if number >= self._offset]
        if not numbered:
            return None
        links = set(entry_names(folder, lambda entry: entry.is_symlink()))
        numbered = [
            (number, name) for number, name in numbered if name not in links or _is_inside(frames, folder / name)
        ]
        # Only from the end: checking 10,000 files takes 0.2 s, and this runs once per rendered frame.
        while numbered and not is_whole_file(folder / numbered[-1][1]):
            numbered.pop()
        return {number for number, _ in numbered}

    def _next(self, done: set[int]) -> int:
        if self.resume_at is ResumeAt.FIRST_GAP:
            return next(number for number in count() if number not in done)
        return max(done, default=-1) + 1


def _is_inside(frames: FrameFolder, link: Path) -> bool:
    """Whether a link leads to an allowed folder.

    Others are not opened and do not count as frames, as for the loaders.
    """
    try:
        frames.root.confirm(link, write=False)
    except PathError:
        return False
    return True
