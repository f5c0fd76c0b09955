"""Whether files may be read: before a run, and in words if the system denies it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ..errors import ImageSequenceError, ReadPermissionError
from ..naming.allowed_roots import Root, allowed_roots
from ..naming.folder_sequences import target_of


@contextmanager
def naming_the_denied() -> Iterator[None]:
    """Turns the system's PermissionError for a folder into a ReadPermissionError."""
    try:
        yield
    except PermissionError as error:
        if isinstance(error, ImageSequenceError) or not error.filename:
            raise
        raise ReadPermissionError(Path(error.filename)) from error


def inside(root: Root) -> Callable[[Path], None]:
    """A function that raises OutsideError for a file that must not be read. For many files: resolves each folder once."""
    may_read = cache(root.may_read)

    def may_lead_out(file: Path) -> bool:
        try:
            return file.is_symlink() and not may_read(os.path.dirname(target_of(str(file))))
        except OSError:  # a link to itself, or one that has just vanished
            return True

    def require_inside(file: Path) -> None:
        if not may_read(str(file.parent)) or may_lead_out(file):
            root.confirm(file, write=False)

    return require_inside


def require_access(files: Mapping[int, Path]) -> None:
    """Raise what a run would raise for `files`, by frame, that it may not read: OutsideError or ReadPermissionError.

    Resolves only links, and each folder once.
    """
    require_inside = inside(allowed_roots()["output"])
    for frame, file in files.items():
        require_inside(file)
        if not os.access(file, os.R_OK) and file.exists():
            raise ReadPermissionError(file, frame, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
