"""Where to go on: the next frame of a sequence that is partly on disk."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from itertools import count
from pathlib import Path

from .batches import batch_folder, batch_folders, gaps
from .frames import Frames, Indexing
from .listing import entry_names
from .opened import is_whole
from .paths import PathError
from .tokens import resolve_time


class ResumeAt(str, Enum):
    AFTER_LAST = "after last"
    FIRST_GAP = "first gap"


class MixedTakesError(ValueError):
    """A folder has frames both as single files and in batch folders, and the two lead to different next frames.

    Attributes: `folder`, `single` and `batch` (the next frame by each).
    """

    def __init__(self, folder: Path, single: int, batch: int) -> None:
        self.folder, self.single, self.batch = folder, single, batch
        super().__init__(
            f"The folder {str(folder)!r} has frames of two takes: by the single files the next one is frame {single}, by "
            f"the batch folders ({batch_folder(0)}, ...) it is frame {batch}. Move the take that you do not want to continue to "
            f"another folder, or choose a pattern that only the other one matches."
        )


def locate(directory_path: str, pattern: str) -> Frames:
    """The frames that the counter's widgets name, tokens of the date filled in. Raises TokenError, and as Frames.locate."""
    now = datetime.now().astimezone()
    return Frames.locate(*(resolve_time(text, now) for text in (directory_path, pattern)))


def next_frame(frames: Frames, indexing: Indexing, resume_at: ResumeAt) -> int:
    """The frame to render next, 0 for a folder that is empty or not there yet. Each folder is listed once.

    Among batch folders (`batch_0000`, ...) a frame counts once every one that counts has it (see batches.py): a batch
    that was only half saved, or lacks a folder, is rendered again. Raises MixedTakesError if single files beside them lead to another frame:
    following either could overwrite the other take, or leave gaps in it.
    """
    single = _done(frames, frames.folder, indexing)
    folders = batch_folders(frames.root, frames.folder)
    begun = {index: done for index, folder in folders if (done := _done(frames, folder, indexing)) is not None}
    # Of a folder that is gone, or empty, no frame is on disk.
    batches = [*begun.values(), set()] if gaps(begun) else list(begun.values())
    by_single = _next(single or set(), resume_at)
    if not batches:
        return by_single
    by_batch = _next(set.intersection(*batches), resume_at)
    if single is not None and by_single != by_batch:
        raise MixedTakesError(frames.folder, by_single, by_batch)
    return by_batch


def _next(done: set[int], resume_at: ResumeAt) -> int:
    if resume_at is ResumeAt.FIRST_GAP:
        return next(number for number in count() if number not in done)
    return max(done, default=-1) + 1


def fingerprint(directory_path: str, pattern: str, indexing: str, resume_at: str) -> str:
    """For a cache key: the next frame, or why there is none. Never raises."""
    try:
        return str(next_frame(locate(directory_path, pattern), Indexing(indexing), ResumeAt(resume_at)))
    except (ValueError, TypeError, OSError) as error:
        return str(error)


def _done(frames: Frames, folder: Path, indexing: Indexing) -> set[int] | None:
    """The frames in one folder, without those at the end that a killed program left torn; None if it has none at all."""
    numbered = frames.listed(folder, indexing)
    if not numbered:
        return None
    links = set(entry_names(folder, lambda entry: entry.is_symlink()))
    numbered = [(number, name) for number, name in numbered if name not in links or _is_inside(frames, folder / name)]
    # Only from the end: to look into every file of 10 000 takes 0.2 s, for every frame that is rendered.
    while numbered and not is_whole(folder / numbered[-1][1]):
        numbered.pop()
    return {number for number, _ in numbered}


def _is_inside(frames: Frames, link: Path) -> bool:
    """Does a link lead to an allowed folder? One that leads out is not opened, and is no frame, as for the loaders."""
    try:
        frames.root.confirm(link, write=False)
    except PathError:
        return False
    return True
