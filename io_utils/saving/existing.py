"""Decides what each policy does with what is at a frame's path. The same table holds before rendering and while saving.

==============================  ===========  ===========  ==============  ==================  =============================
at the frame's path             overwrite    skip         skip unchanged  error               keep both
==============================  ===========  ===========  ==============  ==================  =============================
nothing                         write        write        write           write               write
a whole file that this graph    replace it   keep it      keep it         refuse, touch none  keep it, write `-0` beside it
made
another whole file              replace it   keep it      replace it      refuse, touch none  keep it, write `-0` beside it
torn: an unfinished or empty    replace it   replace it   replace it      refuse, touch none  replace it
file, a link to nothing
a foreign file                  replace it   refuse       replace it      refuse, touch none  keep it, write `-0` beside it
a directory, fifo, device ...   refuse       refuse       refuse          refuse, touch none  keep it, write `-0` beside it
==============================  ===========  ===========  ==============  ==================  =============================

`registry.state_of` decides what is whole, torn or foreign. A GIF or a text file under a frame's name is foreign: it is
not an unfinished frame, nor is it a frame to keep. Which graph made a file, its own text says (see `frame_identity`); a
file without such a text counts as made by another graph. "error" counts a torn file as existing, because users who choose it
want nothing touched; the error comes before the frame is rendered. A link to a file counts as that file. Writing
replaces the link and never writes through it; "keep both" keeps it. Only regular files are ever opened.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import ForeignFileError, FrameExistsError, FrameGoneError, InputError, NotAFileError, PathError
from ..formats.base import State
from ..formats.open_file import open_regular
from ..formats.registry import read_identity, state, state_of
from ..frame_identity import FrameIdentity
from ..naming.file_sequence import FileSequence
from ..policies import OnExisting
from .atomic import remove_torn, write_whole
from .leftovers import remove_leftovers
from .plan import Frame, Saved, require_own_paths

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a fifo (named pipe)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


Identify = Callable[[int, int, int], FrameIdentity | None]

# The policies under which a file may be replaced by a whole one.
REPLACING = (OnExisting.OVERWRITE, OnExisting.UNCHANGED)


def wants(policy: OnExisting, sequence: FileSequence, frame: int, identity: FrameIdentity | None = None) -> bool:
    """Whether to write `frame`. `identity`: what its file says if the graph in front of the saver made it.

    Raises FrameExistsError, ForeignFileError or NotAFileError where the table says "refuse".
    """
    if policy is OnExisting.KEEP_BOTH:
        return True
    exists = _exists(sequence.file(frame), frame)
    if exists and policy is OnExisting.ERROR:
        raise FrameExistsError([frame], sequence.file(frame))
    if exists and policy is OnExisting.UNCHANGED:
        return not is_unchanged(sequence, frame, identity)
    if not (exists and policy is OnExisting.SKIP):
        return True
    state = _state(sequence, frame)
    if state is State.FOREIGN:
        raise ForeignFileError(frame, sequence.file(frame))
    return state is not State.WHOLE


def prepare(frames: Sequence[Frame], policy: OnExisting) -> None:
    """Check all frames before the first is encoded, and remove what killed runs left of them.

    Raises ValueError if two frames have the same path. Under ERROR, raises FrameExistsError, naming every frame that
    exists, and NotAFileError.
    """
    fix = "Give each image its own frame number, or save them with Save Image Sequence (Batch)."
    require_own_paths(frames, fix)
    existing = [frame for frame in frames if policy is OnExisting.ERROR and _exists(frame.path, frame.number)]
    if existing:
        raise FrameExistsError([frame.number for frame in existing], existing[0].path)
    remove_leftovers(frames)


def is_saved(sequence: FileSequence, frame: int) -> bool:
    """Whether the frame's file is whole (see `registry.state_of`).

    Raises PathError for a link out of the allowed folders.
    """
    return _state(sequence, frame) is State.WHOLE


def identity_of(sequence: FileSequence, frame: int) -> FrameIdentity | None:
    """What the frame's file says about its origin; None if it says nothing, is not whole, or does not exist.

    The text is read first, because to find out whether a file is whole may take longer: all of a JPG is read.

    A link out of the allowed folders is not opened, and says nothing. Raises the system's OSError if the file cannot be read.
    """
    try:
        path = sequence.root.confirm(sequence.file(frame), write=False)
        with open_regular(path) as file:
            identity = FrameIdentity.parse(read_identity(file))
            return identity if identity and state(file) is State.WHOLE else None
    except (FileNotFoundError, NotADirectoryError, PathError):
        return None


def facts_of(sequence: FileSequence, frame: int) -> tuple[bool, FrameIdentity | None]:
    """Whether the frame's file is whole, and what it says about its origin.

    Raises PathError for a link out of the allowed folders, and the system's OSError if the file cannot be read.
    """
    path = sequence.root.confirm(sequence.file(frame), write=False)
    try:
        with open_regular(path) as file:
            return state(file) is State.WHOLE, FrameIdentity.parse(read_identity(file))
    except (FileNotFoundError, NotADirectoryError):
        return False, None


def is_unchanged(sequence: FileSequence, frame: int, identity: FrameIdentity | None) -> bool:
    """Whether the frame's file is whole and says `identity`. Raises what `identity_of` raises."""
    return identity is not None and identity.is_that_of(identity_of(sequence, frame))


def unchanged_images(identity: Identify, place: Callable[[int], Frame]) -> list[Frame]:
    """The frames on disk of a batch that the graph would make again; [] unless all of its images are there, unchanged.

    identity: (frame, image, images) -> what the file of that image says.
    place: the frame of image i, UNRENDERED.

    The first file says how many images there are. Raises what `identity_of` raises.
    """
    first = place(0)
    found = identity_of(first.sequence, first.number)
    if found is None:
        return []
    frames: list[Frame] = []
    for index in range(found.images):
        frame = place(index)
        frame = replace(frame, identity=identity(frame.number, index, found.images))
        if not is_unchanged(frame.sequence, frame.number, frame.identity):
            return []
        frames.append(frame)
    return frames


def require_kept(frame: Frame, policy: OnExisting) -> None:
    """Check an UNRENDERED frame.

    Raises ValueError unless the policy is SKIP or UNCHANGED, FileNotFoundError if it is not on disk, or under UNCHANGED
    another frame is.
    """
    if policy is OnExisting.UNCHANGED:
        if not is_unchanged(frame.sequence, frame.number, frame.identity):
            raise FrameGoneError(
                f"Queue frame {frame.number} again. Its file has changed since this run started: {str(frame.path)!r}."
            )
        return
    if policy is not OnExisting.SKIP:
        raise InputError(
            f"Queue frame {frame.number} again. No image was rendered for it, so {str(frame.path)!r} was not saved."
        )
    if not is_saved(frame.sequence, frame.number):
        raise FrameGoneError(
            f"Queue frame {frame.number} again. It was on disk when this run started, but no longer is: "
            f"{str(frame.path)!r}."
        )


def publish(frame: Frame, data: bytes, policy: OnExisting) -> Saved:
    """Write `data` as `frame` where the table says so.

    Raises FileExistsError under ERROR if a file has appeared since the check.
    """
    sequence, number = frame.sequence, frame.number
    if policy is OnExisting.KEEP_BOTH:
        return _publish_beside(sequence, number, data)
    if policy is OnExisting.SKIP:
        return Saved(sequence, number, written=_publish_if_wanted(sequence, number, data))
    write_whole(frame.path, data, replace=policy in REPLACING, mount=sequence.root.mount)
    return Saved(sequence, number, written=True)


def _publish_if_wanted(sequence: FileSequence, number: int, data: bytes) -> bool:
    """SKIP: write the frame unless it is whole. Returns whether it was written.

    Other runs may write the same frame, so this looks again until one atomic call settles it.
    """
    path = sequence.file(number)
    while wants(OnExisting.SKIP, sequence, number):
        with contextlib.suppress(FileExistsError):  # another run was faster: look again
            if _exists(path, number):
                # Replacing it by a rename is not safe: another run may finish the frame after this check.
                remove_torn(path, lambda: _state(sequence, number) is State.TORN, links=True)
            write_whole(path, data, replace=False, mount=sequence.root.mount)
            return True
    return False


def _publish_beside(sequence: FileSequence, number: int, data: bytes) -> Saved:
    """KEEP_BOTH: write under the frame's own name, or else with the first free suffix of `-0`, `-1`, ..."""
    suffix = -1
    while True:
        beside = sequence if suffix < 0 else replace(sequence, pattern=sequence.pattern.with_suffix(f"-{suffix}"))
        path = beside.file(number)
        with contextlib.suppress(FileExistsError):  # another run was faster, or it is not a file
            if _exists(path, number):
                remove_torn(path, lambda: state_of(path) is State.TORN)  # noqa: B023 called at once
            write_whole(path, data, replace=False, mount=beside.root.mount)
            return Saved(beside, number, written=True)
        suffix += 1


def _state(sequence: FileSequence, frame: int) -> State | None:
    """The state of the frame's file, None if there is none. Raises PathError for a link out of the allowed folders."""
    return state_of(sequence.root.confirm(sequence.file(frame), write=False))


def _exists(path: Path, frame: int) -> bool:
    """Whether a file or a link is at `path`. Raises NotAFileError for anything else, also behind a link."""
    try:
        mode = path.stat().st_mode
    except OSError:
        # Nothing, a dangling link, or a link to itself. If the disk fails, writing the frame reports it.
        return path.is_symlink()
    if not stat.S_ISREG(mode):
        raise NotAFileError(frame, path, _KINDS.get(stat.S_IFMT(mode), "something that is not a file"))
    return True
