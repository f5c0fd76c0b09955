"""Lists the regular files in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path


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


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
