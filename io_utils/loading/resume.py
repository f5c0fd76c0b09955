"""Frame Counter (Resume from Directory): the next frame of a sequence that is partly on disk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..animation import MAX_FRAMES, FrameCounter
from ..errors import MixedTakesError, PathError
from ..formats.registry import is_whole_file
from ..naming.frame_folder import FrameFolder
from ..naming.regular_files import entry_names
from ..naming.tokens import moment, resolve_time
from ..naming.variants import Variants
from ..policies import Indexing, ResumeAt
from ..request import limited
from .selection import fingerprint


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """The frame to render next, by what is in a folder, and the counter that stands at it."""

    directory_path: str = ""
    pattern: str = "*"
    indexing: Indexing = Indexing.NUMERIC
    total_frames: int = limited(100, least=1, most=MAX_FRAMES)
    frames_per_second: float = limited(30.0, above=0)
    resume_at: ResumeAt = ResumeAt.AFTER_LAST

    def frames(self) -> FrameFolder:
        """The frames that the texts name, tokens of the date filled in. Raises TokenError, and as FrameFolder.parse."""
        now = moment()
        return FrameFolder.parse(*(resolve_time(text, now) for text in (self.directory_path, self.pattern)))

    def choose(self) -> FrameCounter:
        """A counter at the next frame, 0 for a folder that is empty or not there yet. Each folder is listed once.

        Among batch folders (`batch_0000`, ...) a frame counts once every one that counts has it (see variants.py): a batch
        that was only half saved, or lacks a folder, is rendered again. Raises as `frames`; MixedTakesError if single files
        beside them lead to another frame: following either could overwrite the other take, or leave gaps in it.
        """
        return FrameCounter(self.next_frame(), self.total_frames, self.frames_per_second)

    def next_frame(self) -> int:
        """The number that `choose` counts to. Raises as `choose`."""
        frames = self.frames()
        single = _done(frames, frames.folder, self.indexing)
        by_single = self._next(single or set())
        variants = Variants.find(frames.root, frames.folder, lambda _, folder: _done(frames, folder, self.indexing))
        if not variants:
            return by_single
        by_batch = self._next(variants.complete())
        if single is not None and by_single != by_batch:
            raise MixedTakesError(frames.folder, by_single, by_batch)
        return by_batch

    def fingerprint(self) -> str:
        """For a cache key: the next frame, or why there is none. Never raises."""
        return fingerprint(lambda: str(self.next_frame()))

    def _next(self, done: set[int]) -> int:
        if self.resume_at is ResumeAt.FIRST_GAP:
            return next(number for number in count() if number not in done)
        return max(done, default=-1) + 1


def _done(frames: FrameFolder, folder: Path, indexing: Indexing) -> set[int] | None:
    """The frames in one folder, without those at the end that a killed program left torn; None if it has none at all."""
    numbered = frames.listed(folder, indexing)
    if not numbered:
        return None
    links = set(entry_names(folder, lambda entry: entry.is_symlink()))
    numbered = [(number, name) for number, name in numbered if name not in links or _is_inside(frames, folder / name)]
    # Only from the end: to look into every file of 10 000 takes 0.2 s, for every frame that is rendered.
    while numbered and not is_whole_file(folder / numbered[-1][1]):
        numbered.pop()
    return {number for number, _ in numbered}


def _is_inside(frames: FrameFolder, link: Path) -> bool:
    """Does a link lead to an allowed folder? One that leads out is not opened, and is no frame, as for the loaders."""
    try:
        frames.root.confirm(link, write=False)
    except PathError:
        return False
    return True
