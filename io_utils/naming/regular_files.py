"""Lists the regular files in a folder, and tells whether a file is still the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What tells a file from another one under its name. `inode` does so if both have one size and the clock is coarse."""

    size: int
    modified_ns: int
    inode: int


def regular_files(folder: Path) -> list[str]:
    """The names of the regular files in `folder` and of links to such files; empty if the folder does not exist.

    Leaves out pipes and devices, because opening one may block forever, and entries that the system cannot examine,
    such as a link to itself (ELOOP): they must not hide the other files.
    """
    return entry_names(folder, _is_file)


def entry_names(folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    """The names of the entries of `folder` that pass `wanted`; empty if the folder does not exist."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if wanted(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_regular(path: Path) -> bool:
    """Whether `path` is a regular file, or a link to one. False if the system cannot examine it."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a name that no file can have, such as one with a null character
        return False


def stamp(path: str | Path) -> Stamp | None:
    """The stamp of the file at `path`, or behind the link there; None if the system finds no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
