"""Bytes -> file: the whole file or no file, on every way out, with any number of processes in one folder.

1. The bytes go into a part file beside the target (`.<name>.<random>.part`), locked while its writer lives.
2. fsync, so that the name never points at data that a power cut takes away.
3. Rename over the target, or hard-link to it where it must not replace: both happen at once or not at all.
A killed process leaves at most part files; the next run over the folder removes those that nobody holds locked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed there, which is lock enough
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{12}\.part")

# A sweep of another run can take a part between its creation and its lock; thrice in a row is no accident.
_ATTEMPTS = 3


def write_whole(path: Path, data: bytes, *, replace: bool) -> None:
    """Write `data` to `path`, creating its folder. FileExistsError if the file exists and `replace` is False.

    On any error (disk full, no permission: OSError) what was at `path` before is untouched and no part file stays.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        _make_folder(path.parent)
        try:
            _write_once(path, data, replace)
        except FileNotFoundError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def remove_parts(folder: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """Remove what killed runs left in `folder` of files whose final name `is_ours`. Returns what was removed."""
    removed = []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        match = _PART.fullmatch(name)
        if match and is_ours(match["name"]) and _remove_unless_held(folder / name):
            removed.append(folder / name)
    return removed


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # a file stands where the folder should be: the frame itself does not exist
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def _write_once(path: Path, data: bytes, replace: bool) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        # Not mkstemp: its mode 0600 would lock the other users of a farm out; "x" keeps to the umask.
        with open(part, "xb") as file:
            _hold(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # renamed while still held, so that no sweep comes between
                _publish(part, path, replace)
        if fcntl is None:
            _publish(part, path, replace)
    finally:
        part.unlink(missing_ok=True)


def _publish(part: Path, path: Path, replace: bool) -> None:
    if replace:
        os.replace(part, path)
    elif os.name == "nt":
        os.rename(part, path)  # refuses an existing target there
    else:
        _link(part, path)


def _link(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        # No hard links here (exFAT, some network mounts): claim the name, then rename over the empty claim.
        # A kill in between leaves an empty file, which is not a whole frame and is written again.
        with open(path, "xb"):
            pass
        try:
            os.replace(part, path)
        except OSError:
            path.unlink()
            raise


def _hold(file: IO[bytes]) -> None:
    """Lock `file` for as long as it is open. A file system without locks leaves its part files unguarded."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _remove_unless_held(part: Path) -> bool:
    try:
        if fcntl is not None:
            with open(part, "r+b") as file:  # writable: NFS locks nothing else
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        else:
            part.unlink()
    except OSError:  # held by a living writer, gone already, or on a file system that cannot tell: leave it
        return False
    return True
