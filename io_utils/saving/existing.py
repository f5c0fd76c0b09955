"""What is at a frame's path, and what each policy makes of it: the one rule, before rendering and while saving.

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

`registry.state` decides what is whole, torn or foreign: a GIF or a text that somebody gave a frame's name is not an unfinished
frame, and not a frame to keep either. "error" counts a torn file as existing: users who choose it want nothing touched, and
hear of it before the frame is rendered. A link to a file counts as that file; it is replaced itself, never written through,
and under "keep both" it stays. Only regular files are ever opened.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import ForeignFileError, FrameExistsError, NotAFileError
from ..formats.base import State
from ..formats.registry import state_of
from ..naming.file_sequence import FileSequence
from ..policies import OnExisting
from .atomic import remove_torn, write_whole
from .plan import Frame, Saved

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a fifo (named pipe)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def wants(policy: OnExisting, sequence: FileSequence, frame: int) -> bool:
    """Is `frame` to be written? FrameExistsError, ForeignFileError, NotAFileError where the table says "refuse"."""
    if policy is OnExisting.KEEP_BOTH:
        return True
    there = _is_there(sequence.file(frame), frame)
    if there and policy is OnExisting.ERROR:
        raise FrameExistsError([frame], sequence.file(frame))
    if not (there and policy is OnExisting.SKIP):
        return True
    found = _state(sequence, frame)
    if found is State.FOREIGN:
        raise ForeignFileError(frame, sequence.file(frame))
    return found is not State.WHOLE


def refuse_existing(frames: Iterable[Frame]) -> None:
    """For ERROR, before the first frame is encoded: FrameExistsError that names all frames that are there, NotAFileError."""
    taken = [frame for frame in frames if _is_there(frame.path, frame.number)]
    if taken:
        raise FrameExistsError([frame.number for frame in taken], taken[0].path)


def is_saved(sequence: FileSequence, frame: int) -> bool:
    """Is this frame on disk, whole? (See `registry.state`.) PathError for a link out of the allowed folders."""
    return _state(sequence, frame) is State.WHOLE


def publish(frame: Frame, data: bytes, policy: OnExisting) -> Saved:
    """Write `data` as `frame` where the table says so. FileExistsError under ERROR, if a file has appeared meanwhile."""
    sequence, number = frame.sequence, frame.number
    if policy is OnExisting.KEEP_BOTH:
        return _publish_beside(sequence, number, data)
    if policy is OnExisting.SKIP:
        return Saved(sequence, number, written=_publish_if_wanted(sequence, number, data))
    write_into(sequence, frame.path, data, replace=policy is OnExisting.OVERWRITE)
    return Saved(sequence, number, written=True)


def write_into(sequence: FileSequence, path: Path, data: bytes, *, replace: bool) -> None:
    """As `write_whole`. Of the roots, ComfyUI's own folder may be made, but not one that the operator listed."""
    write_whole(path, data, replace=replace, mount=None if sequence.root.kind else sequence.root.path)


def _publish_if_wanted(sequence: FileSequence, number: int, data: bytes) -> bool:
    """SKIP: was the frame written? Other runs may be at the same frame: what is there is looked at until one call settles it."""
    path = sequence.file(number)
    while wants(OnExisting.SKIP, sequence, number):
        with contextlib.suppress(FileExistsError):  # another run was faster: look again at what there is now
            if _is_there(path, number):
                # Not replaced by the rename: between this look and that one, another run may finish the frame.
                remove_torn(path, lambda: _state(sequence, number) is State.TORN, links=True)
            write_into(sequence, path, data, replace=False)
            return True
    return False


def _publish_beside(sequence: FileSequence, number: int, data: bytes) -> Saved:
    """KEEP_BOTH: under the frame's own name, or else under the first of `-0`, `-1`, ... that is free."""
    take = -1
    while True:
        beside = sequence if take < 0 else replace(sequence, pattern=sequence.pattern.with_suffix(f"-{take}"))
        path = beside.file(number)
        with contextlib.suppress(FileExistsError):  # another run was faster, or something that is not a file is there
            if _is_there(path, number):
                remove_torn(path, lambda: state_of(path) is State.TORN)  # noqa: B023 called at once
            write_into(beside, path, data, replace=False)
            return Saved(beside, number, written=True)
        take += 1


def _state(sequence: FileSequence, frame: int) -> State | None:
    """What the file of this frame is, None if there is none. PathError for a link out of the allowed folders."""
    return state_of(sequence.root.confirm(sequence.file(frame), write=False))


def _is_there(path: Path, frame: int) -> bool:
    """Is there anything at `path`? NotAFileError if it is neither a file nor a link to one or to nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:
        # Nothing there, or a link to nothing or to itself. A failing disk shows when the frame is written.
        return path.is_symlink()
    if not stat.S_ISREG(mode):
        raise NotAFileError(frame, path, _KINDS.get(stat.S_IFMT(mode), "something that is not a file"))
    return True
