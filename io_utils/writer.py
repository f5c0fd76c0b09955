"""Many frames -> many files: parallel, bounded, cancellable, with progress; each file whole or absent."""

from __future__ import annotations

import contextlib
import logging
import re
import stat
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import torch

from . import host, report
from .atomic import remove_parts, remove_torn, sync_folders, write_whole
from .base import State
from .filetype import QUALITY, FileType
from .opened import state_of
from .parallel import each, worker_count
from .paths import PathError
from .pattern import named
from .sequence import Sequence
from .wire import UNRENDERED, Unrendered

_log = logging.getLogger(__name__)

# The (folder, sequence) pairs that this process has cleared of a killed run's part files. Once each is enough: every frame
# of a long render is a run of its own, and listing 10,000 names for each would make the render quadratic.
_swept: set[tuple[Path, Sequence]] = set()


class FrameExistsError(FileExistsError):
    """Frames that are on disk already, while they are not to be touched. Attributes: `frames`, `path` (of the first)."""

    def __init__(self, frames: Many[int], path: Path) -> None:
        self.frames, self.path = list(frames), path
        verb = "exists" if len(frames) == 1 else "exist"
        super().__init__(
            f"{named(frames).capitalize()} {verb} already: {str(path)!r}. Nothing was written over it. Move the old take away, "
            f"start at another frame, or choose to skip or to overwrite."
        )


class NotAFileError(FileExistsError):
    """Something that is not a file has the name of a frame. Attributes: `frame`, `path`, `kind` ("a directory")."""

    def __init__(self, frame: int, path: Path, kind: str) -> None:
        self.frame, self.path, self.kind = frame, path, kind
        super().__init__(
            f"Frame {frame} cannot be saved: {kind} has its name, {str(path)!r}. Move it away, or save under another name."
        )


class ForeignFileError(FileExistsError):
    """A file that is not one of this pack's has the name of a frame. Attributes: `frame`, `path`."""

    def __init__(self, frame: int, path: Path) -> None:
        self.frame, self.path = frame, path
        super().__init__(
            f"Frame {frame} cannot be kept or saved: the file that has its name, {str(path)!r}, is not an image of a kind "
            f"that this pack reads. Nothing was written over it. Move it away, or choose to overwrite."
        )


class FrameWriteError(OSError):
    """A frame that could not be written. `errno` as the system gave it; attributes `frame`, `path`."""

    def __init__(self, frame: int, path: Path, error: OSError) -> None:
        self.frame, self.path = frame, path
        reason = f"Frame {frame} could not be written ({error.strerror or error}); the frames before it are whole"
        super().__init__(error.errno, reason, str(path))


class OnExisting(str, Enum):
    """What to do about a frame that is on disk already. This table is the one rule, before rendering and while saving:

    ==============================  ===========  ===========  ==================  =============================
    at the frame's path             overwrite    skip         error               keep both
    ==============================  ===========  ===========  ==================  =============================
    nothing                         write        write        write               write
    a whole file                    replace it   keep it      refuse, touch none  keep it, write `-0` beside it
    torn: an unfinished or empty    replace it   replace it   refuse, touch none  replace it
    file, a link to nothing
    a foreign file                  replace it   refuse       refuse, touch none  keep it, write `-0` beside it
    a directory, fifo, device ...   refuse       refuse       refuse, touch none  keep it, write `-0` beside it
    ==============================  ===========  ===========  ==================  =============================

    `registry.state` decides what is whole, torn or foreign: a GIF or a text that somebody gave a frame's name is no
    unfinished frame, and it is no frame that could be kept either. "error" counts a torn file as existing: users who choose
    it want nothing that is there to be touched, and are told before the frame is rendered. A link to a file is what the
    file is; it is replaced itself, never written through, and under "keep both" it stays. Nothing but a regular file is
    ever opened.
    """

    OVERWRITE = "overwrite"
    SKIP = "skip"
    ERROR = "error"
    KEEP_BOTH = "keep both"

    def wants(self, sequence: Sequence, frame: int) -> bool:
        """Is `frame` to be written? FrameExistsError, ForeignFileError, NotAFileError where the table says "refuse"."""
        if self is OnExisting.KEEP_BOTH:
            return True
        there = _is_there(sequence.file(frame), frame)
        if there and self is OnExisting.ERROR:
            raise FrameExistsError([frame], sequence.file(frame))
        if not (there and self is OnExisting.SKIP):
            return True
        found = _state(sequence, frame)
        if found is State.FOREIGN:
            raise ForeignFileError(frame, sequence.file(frame))
        return found is not State.WHOLE


@dataclass(frozen=True)
class Frame:
    """A frame and the sequence it belongs to. `image`: (H, W, C) tensor, or UNRENDERED for one that is on disk."""

    sequence: Sequence
    number: int
    image: torch.Tensor | Unrendered = UNRENDERED

    @property
    def path(self) -> Path:
        return self.sequence.file(self.number)


@dataclass(frozen=True)
class Saved:
    """Where a frame is on disk now, whether this run wrote it, and whether its transparency went (onto black)."""

    sequence: Sequence
    number: int
    written: bool
    flattened: bool = False

    @property
    def path(self) -> Path:
        return self.sequence.file(self.number)


def save(
    frames: Many[Frame],
    filetype: FileType,
    text: Mapping[str, str],
    on_existing: OnExisting,
    quality: int = QUALITY,
) -> list[Saved]:
    """Write `frames`, each whole or not at all, and tell where each is on disk; `text` is embedded as `filetype` says.

    `quality`: 1..100, of JPG and lossy WebP.

    Before the first frame is encoded: FrameExistsError or NotAFileError where `OnExisting` refuses what is there under
    ERROR, ValueError if two frames have one path, PathError if a file would leave the allowed folders. While writing:
    NotAFileError under the other policies, ForeignFileError under SKIP, FrameWriteError (disk full, no permission),
    ValueError for pixels that cannot be saved; frames finished by then stay. On Cancel ComfyUI's exception passes through,
    every finished file whole. A frame that is UNRENDERED must be on disk, and its policy SKIP, which alone leaves frames
    unrendered.
    """
    _require_own_paths(frames)
    if on_existing is OnExisting.ERROR:
        taken = [frame for frame in frames if _is_there(frame.path, frame.number)]
        if taken:
            raise FrameExistsError([frame.number for frame in taken], taken[0].path)
    _sweep(frames)
    threads = max(1, worker_count() // max(1, len(frames)))
    numbers = [frame.number for frame in frames]

    def tell(outcomes: Mapping[int, tuple[Saved, int]]) -> None:
        done = [(saved.sequence, saved.number) for saved, _ in outcomes.values()]
        host.notify(report.PROGRESS_EVENT, report.progress(done, numbers))

    folders = {frame.path.parent for frame in frames}
    try:
        outcomes = each(lambda frame: _save_one(frame, filetype, text, on_existing, threads, quality), frames, tell)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            sync_folders(folders)
        raise
    if any(saved.written for saved, _ in outcomes):
        sync_folders(folders)
    not_numbers = [saved.number for saved, nan_count in outcomes if nan_count]
    if not_numbers:
        count = sum(nan_count for _, nan_count in outcomes)
        _log.warning("In %s %d values are NaN (not a number); they are saved as 0.", named(not_numbers), count)
    flattened = [saved.number for saved, _ in outcomes if saved.flattened]
    if flattened:
        _log.warning("%s", _on_black(flattened))
    return [saved for saved, _ in outcomes]


def save_workflow(saved: Many[Saved], text: Mapping[str, str], on_existing: OnExisting) -> tuple[list[Path], list[str]]:
    """Write the workflow that made `saved` beside them, one file a sequence (`Sequence.workflow_file`).

    Returns which were written, and warnings for people, which are logged too, about those that could not be: the frames are
    whole by then, and a file beside them is no reason for the run to fail. Never raises PathError or OSError.

    That of `text` (see `metadata.text_entries`), or its prompt where there is none: both open when dropped into ComfyUI.
    OVERWRITE replaces the file of an earlier run, everything else keeps it, as the frames that it is of are kept. Nothing
    is written for frames that were all kept, nor without `text`.
    """
    workflow = text.get("workflow", text.get("prompt"))
    written, warnings = [], []
    for sequence in dict.fromkeys(item.sequence for item in saved if item.written and workflow is not None):
        path = sequence.workflow_file
        try:
            sequence.root.confirm(path, write=True)
            _write(sequence, path, str(workflow).encode("ascii"), replace=on_existing is OnExisting.OVERWRITE)
            sync_folders([path.parent])
        except FileExistsError:
            if not path.is_symlink() and not path.is_file():
                warnings.append(_without_workflow(path, "something that is not a file has its name"))
        except PathError as error:
            warnings.append(_without_workflow(path, str(error)))
        except OSError as error:
            warnings.append(_without_workflow(path, error.strerror or str(error)))
        else:
            written.append(path)
    for warning in warnings:
        _log.warning("%s", warning)
    return written, warnings


def _without_workflow(path: Path, reason: str) -> str:
    return f"The frames are whole, but their workflow could not be written to {str(path)!r}: {reason}."


def is_saved(sequence: Sequence, frame: int) -> bool:
    """Is this frame on disk, whole? (See `registry.state`.) PathError for a link out of the allowed folders."""
    return _state(sequence, frame) is State.WHOLE


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
    flattened = [item.number for item in saved if item.flattened]
    return "\n".join([*parts, _on_black(flattened)] if flattened else parts) or "Saved nothing"


def _on_black(frames: Many[int]) -> str:
    return f"JPG has no transparency: {named(frames)} {'is' if len(frames) == 1 else 'are'} composited on black."


def _save_one(
    frame: Frame, filetype: FileType, text: Mapping[str, str], on_existing: OnExisting, threads: int, quality: int
) -> tuple[Saved, int]:
    path = frame.sequence.root.confirm(frame.path, write=True)
    kept = Saved(frame.sequence, frame.number, written=False)
    if frame.image is UNRENDERED:
        _require_kept(frame, on_existing)
        return kept, 0
    try:
        # For ERROR, `save` has looked already; a file that appears meanwhile is noticed when this one gets its name.
        if on_existing is not OnExisting.ERROR and not on_existing.wants(frame.sequence, frame.number):
            return kept, 0
        encoded = filetype.encode_frame(frame.image, text, quality=quality, threads=threads)
    except PathError:
        raise
    except ValueError as error:
        raise ValueError(f"Frame {frame.number} ({str(path)!r}) was not saved: {error}") from error
    except (NotAFileError, ForeignFileError):
        raise
    except OSError as error:
        raise FrameWriteError(frame.number, path, error) from error
    try:
        saved = _publish(frame, encoded.data, on_existing)
    except (NotAFileError, ForeignFileError):
        raise
    except FileExistsError:
        raise FrameExistsError([frame.number], path) from None
    except OSError as error:
        raise FrameWriteError(frame.number, path, error) from error
    return replace(saved, flattened=saved.written and encoded.flattened), encoded.nan_count


def _require_kept(frame: Frame, on_existing: OnExisting) -> None:
    if on_existing is not OnExisting.SKIP:
        raise ValueError(
            f"Frame {frame.number} ({str(frame.path)!r}) was not saved: no image was rendered for it. Queue it again."
        )
    if not is_saved(frame.sequence, frame.number):
        raise FileNotFoundError(
            f"Frame {frame.number} was on disk when this run began and is gone: {str(frame.path)!r}. Queue it again."
        )


def _publish(frame: Frame, data: bytes, on_existing: OnExisting) -> Saved:
    sequence, number, path = frame.sequence, frame.number, frame.path
    if on_existing is OnExisting.KEEP_BOTH:
        return _publish_beside(sequence, number, data)
    if on_existing is not OnExisting.SKIP:
        _write(sequence, path, data, replace=on_existing is OnExisting.OVERWRITE)
        return Saved(sequence, number, written=True)
    while on_existing.wants(sequence, number):
        with contextlib.suppress(FileExistsError):  # another run was faster: look again at what there is now
            if _is_there(path, number):
                # Not replaced by the rename: between this look and that one, another run may finish the frame.
                remove_torn(path, lambda: _state(sequence, number) is State.TORN, links=True)
            _write(sequence, path, data, replace=False)
            return Saved(sequence, number, written=True)
    return Saved(sequence, number, written=False)


def _publish_beside(sequence: Sequence, number: int, data: bytes) -> Saved:
    """KEEP_BOTH: under the frame's own name, or else under the first of `-0`, `-1`, ... that is free."""
    take = -1
    while True:
        beside = sequence if take < 0 else replace(sequence, pattern=sequence.pattern.with_suffix(f"-{take}"))
        path = beside.file(number)
        with contextlib.suppress(FileExistsError):  # another run was faster, or something that is not a file is there
            if _is_there(path, number):
                remove_torn(path, lambda: state_of(path) is State.TORN)  # noqa: B023 called at once
            _write(beside, path, data, replace=False)
            return Saved(beside, number, written=True)
        take += 1


def _write(sequence: Sequence, path: Path, data: bytes, *, replace: bool) -> None:
    """As `write_whole`. Of the roots, ComfyUI's own folder may be made, but not one that the operator listed."""
    write_whole(path, data, replace=replace, mount=None if sequence.root.kind else sequence.root.path)


def _state(sequence: Sequence, frame: int) -> State | None:
    """What the file of this frame is, None if there is none. PathError for a link out of the allowed folders."""
    return state_of(sequence.root.confirm(sequence.file(frame), write=False))


def _is_there(path: Path, frame: int) -> bool:
    """Is there anything at `path`? NotAFileError if it is neither a file nor a link to one or to nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:
        # Nothing there, or a link to nothing or to itself. If it is a disk that fails, that shows when writing.
        return path.is_symlink()
    if not stat.S_ISREG(mode):
        raise NotAFileError(frame, path, _KINDS.get(stat.S_IFMT(mode), "something that is not a file"))
    return True


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a fifo (named pipe)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


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
    """Remove what a killed run left unfinished of these sequences, with one listing a folder."""
    sequences: dict[Path, set[Sequence]] = {}
    for frame in frames:
        # The workflow's folder is another one where each frame has a folder of its own.
        for folder in {frame.path.parent, frame.sequence.folder}:
            if len(frames) > 1 or (folder, frame.sequence) not in _swept:
                sequences.setdefault(folder, set()).add(frame.sequence)
    for folder, of in sequences.items():
        for sequence in of:
            _swept.add((sequence.root.confirm(folder / "frame", write=True).parent, sequence))
        removed = remove_parts(folder, lambda name: _is_name_of_any(of, folder / name))  # noqa: B023 called at once
        if removed:
            _log.info("Removed %d unfinished files that a killed run left in %s.", len(removed), folder)


def _is_name_of_any(sequences: Iterable[Sequence], path: Path) -> bool:
    return any(_is_name_of(sequence, path) for sequence in sequences)


def _is_name_of(sequence: Sequence, path: Path) -> bool:
    """Is `path` a file of the sequence, or one that KEEP_BOTH put beside it, or its workflow?"""
    if path == sequence.workflow_file:
        return True
    name = path.relative_to(sequence.root.path).as_posix()
    pattern = sequence.pattern
    return any(
        pattern.number(candidate) is not None or (not pattern.has_number and pattern.name(0) == candidate)
        for candidate in (name, re.sub(r"-[0-9]+(\.[^./]+)$", r"\1", name))
    )
