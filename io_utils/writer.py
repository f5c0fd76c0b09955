"""Many frames -> many files: parallel, bounded, cancellable, with progress; each file whole or absent."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import torch

from . import host, report
from .atomic import remove_parts, write_whole
from .filetype import FileType, is_whole
from .parallel import each, worker_count
from .pattern import named
from .pixels import quantise
from .sequence import Sequence

_log = logging.getLogger(__name__)

# Folders that this process has cleared of a killed run's part files: once each, as every frame of a long render is a
# run of its own, and listing 10 000 names for each of them would make the render quadratic.
_swept: set[Path] = set()


class FrameExistsError(FileExistsError):
    """Frames that are on disk already, while they are not to be touched. Attributes: `frames`, `path` (of the first)."""

    def __init__(self, frames: Many[int], path: Path) -> None:
        self.frames, self.path = list(frames), path
        verb = "exists" if len(frames) == 1 else "exist"
        super().__init__(
            f"{named(frames)} {verb} already: {str(path)!r}. Nothing was written over it. Move the old take away, "
            f"start at another frame, or choose to skip or to overwrite."
        )


class FrameWriteError(OSError):
    """A frame that could not be written. `errno` as the system gave it; attributes `frame`, `path`."""

    def __init__(self, frame: int, path: Path, error: OSError) -> None:
        self.frame, self.path = frame, path
        reason = f"frame {frame} could not be written ({error.strerror or error}); the frames before it are whole"
        super().__init__(error.errno, reason, str(path))


class OnExisting(str, Enum):
    """What to do about a frame that is on disk already."""

    OVERWRITE = "overwrite"
    SKIP = "skip"
    ERROR = "error"
    KEEP_BOTH = "keep both"

    def wants(self, frame: int, on_disk: Callable[[], Many[Sequence]]) -> bool:
        """Is `frame` to be rendered? Raises FrameExistsError under ERROR.

        `on_disk` looks in which sequences it is whole (none: missing); OVERWRITE has no need to look.
        """
        if self is OnExisting.OVERWRITE:
            return True
        found = on_disk()
        if found and self is OnExisting.ERROR:
            raise FrameExistsError([frame], found[0].file(frame))
        return not found


@dataclass(frozen=True)
class Frame:
    """A frame and the sequence it belongs to. `image`: (H, W, C) tensor, or None where nobody rendered it."""

    sequence: Sequence
    number: int
    image: torch.Tensor | None = None

    @property
    def path(self) -> Path:
        return self.sequence.file(self.number)


@dataclass(frozen=True)
class Saved:
    """Where a frame is on disk now, and whether this run wrote it."""

    sequence: Sequence
    number: int
    written: bool

    @property
    def path(self) -> Path:
        return self.sequence.file(self.number)


def save(frames: Many[Frame], filetype: FileType, text: Mapping[str, str], on_existing: OnExisting) -> list[Saved]:
    """Write `frames`, each whole or not at all, and tell where each is on disk; `text` is embedded as `filetype` says.

    Before the first frame is encoded: FrameExistsError under ERROR if a file exists, ValueError if two frames have one
    path, PathError if a file would leave the allowed folders. While writing: FrameWriteError (disk full, no
    permission), ValueError for an image that is none; frames finished by then stay. SKIP keeps whole files, torn ones
    are written again; KEEP_BOTH writes `<stem>-0.<ext>`, `-1`, ... beside the old file. On Cancel ComfyUI's exception
    passes through, every finished file whole. A frame whose `image` is None must be on disk (FileNotFoundError).
    """
    _require_own_paths(frames)
    if on_existing is OnExisting.ERROR:
        taken = [frame for frame in frames if frame.path.exists()]
        if taken:
            raise FrameExistsError([frame.number for frame in taken], taken[0].path)
    _sweep(frames)
    threads = max(1, worker_count() // max(1, len(frames)))
    numbers = [frame.number for frame in frames]

    def tell(outcomes: Mapping[int, tuple[Saved, int]]) -> None:
        done = [(saved.sequence, saved.number) for saved, _ in outcomes.values()]
        host.notify(report.PROGRESS_EVENT, report.progress(done, numbers))

    outcomes = each(lambda frame: _save_one(frame, filetype, text, on_existing, threads), frames, tell)
    not_numbers = [saved.number for saved, nan_count in outcomes if nan_count]
    if not_numbers:
        count = sum(nan_count for _, nan_count in outcomes)
        _log.warning("In %s %d values are NaN (not a number); they are saved as 0.", named(not_numbers), count)
    return [saved for saved, _ in outcomes]


def is_saved(sequence: Sequence, frame: int) -> bool:
    """Is this frame on disk, whole? (See `filetype.is_whole`.)"""
    return is_whole(sequence.root.confirm(sequence.file(frame), write=False))


def summary(saved: Many[Saved]) -> str:
    """A line for people: what was written, what was kept, and where."""
    parts = []
    for verb, items in (
        ("Saved", [item for item in saved if item.written]),
        ("Kept, as it is on disk already,", [item for item in saved if not item.written]),
    ):
        for sequence in dict.fromkeys(item.sequence for item in items):
            numbers = [item.number for item in items if item.sequence == sequence]
            parts.append(f"{verb} {named(numbers)}: {sequence}")
    return "\n".join(parts) or "Saved nothing"


def _save_one(
    frame: Frame, filetype: FileType, text: Mapping[str, str], on_existing: OnExisting, threads: int
) -> tuple[Saved, int]:
    path = frame.sequence.root.confirm(frame.path, write=True)
    skipped = Saved(frame.sequence, frame.number, written=False)
    if frame.image is None:
        if not is_whole(path):
            raise FileNotFoundError(
                f"Frame {frame.number} was on disk when this run began and is gone: {str(path)!r}. Queue it again."
            )
        return skipped, 0
    if on_existing is OnExisting.SKIP and is_whole(path):
        return skipped, 0
    try:
        pixels, nan_count = quantise(frame.image)
    except ValueError as error:
        raise ValueError(f"Frame {frame.number}: {error}") from error
    data = filetype.encode_frame(pixels, text, threads)
    try:
        return _publish(frame, data, on_existing), nan_count
    except FileExistsError:
        if on_existing is OnExisting.SKIP:  # another run was faster
            return skipped, 0
        raise FrameExistsError([frame.number], path) from None
    except OSError as error:
        raise FrameWriteError(frame.number, path, error) from error


def _publish(frame: Frame, data: bytes, on_existing: OnExisting) -> Saved:
    sequence = frame.sequence
    if on_existing is not OnExisting.KEEP_BOTH:
        torn = on_existing is OnExisting.SKIP and frame.path.exists() and not is_whole(frame.path)
        write_whole(frame.path, data, replace=torn or on_existing is OnExisting.OVERWRITE)
        return Saved(sequence, frame.number, written=True)
    take = -1
    while True:
        beside = sequence if take < 0 else replace(sequence, pattern=sequence.pattern.with_suffix(f"-{take}"))
        try:
            if not beside.file(frame.number).exists():
                write_whole(beside.file(frame.number), data, replace=False)
                return Saved(beside, frame.number, written=True)
        except FileExistsError:
            pass
        take += 1


def _require_own_paths(frames: Many[Frame]) -> None:
    numbers: dict[Path, int] = {}
    for frame in frames:
        if frame.path in numbers:
            raise ValueError(
                f"Two images are meant for frame {frame.number}, {str(frame.path)!r}: one would overwrite the other. "
                f"Give each its own frame number, or save them with Save Image Sequence (Batch)."
            )
        numbers[frame.path] = frame.number


def _sweep(frames: Many[Frame]) -> None:
    for folder, sequence in {frame.path.parent: frame.sequence for frame in frames}.items():
        if len(frames) == 1 and folder in _swept:
            continue
        _swept.add(sequence.root.confirm(folder / "frame", write=True).parent)
        removed = remove_parts(folder, lambda name: _is_name_of(sequence, folder / name))  # noqa: B023 called at once
        if removed:
            _log.info("Removed %d unfinished files that a killed run left in %s.", len(removed), folder)


def _is_name_of(sequence: Sequence, path: Path) -> bool:
    """Is `path` a file of the sequence, or one that KEEP_BOTH put beside it?"""
    name = path.relative_to(sequence.root.path).as_posix()
    pattern = sequence.pattern
    return any(
        pattern.number(candidate) is not None or (not pattern.has_number and pattern.name(0) == candidate)
        for candidate in (name, re.sub(r"-[0-9]+(\.[^./]+)$", r"\1", name))
    )
