"""What lies in a folder: its regular files, and how their names are shown to people."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

_SURROGATE = re.compile("[\ud800-\udfff]")


def regular_files(folder: Path) -> list[str]:
    """The names of the regular files in `folder`, links to such files included; none where there is no such folder.

    Pipes and devices are left out, as opening one may block for good. So are entries whose kind the system cannot tell,
    such as a link that leads back to itself (ELOOP): they must not keep the other files from being found.
    """
    return entry_names(folder, _is_file)


def entry_names(folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    """The names of the entries of `folder` that are `wanted`; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if wanted(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_regular(path: Path) -> bool:
    """Is `path` a regular file, or a link to one? False too where the system cannot tell."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def printable(text: str) -> str:
    """`text` with U+FFFD for each byte of a file name that is not UTF-8, which Python reads as half a surrogate pair.

    URLs, logs in UTF-8 and some readers of JSON cannot hold those.
    """
    return _SURROGATE.sub("\ufffd", text)


def is_printable(text: str) -> bool:
    return _SURROGATE.search(text) is None


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
