"""Bytes -> file: the whole file or no file, on every way out, with any number of processes in one folder.

1. The bytes go into a part file beside the target (`.<name>.<random>.part`), locked while its writer lives.
2. fsync, so that the name never points at data that a power cut takes away.
3. Rename over the target, or hard-link to it where it must not replace: both happen at once or not at all.
4. fsync of the folder (`sync_folders`), so that a power cut does not take the name away.
A killed process leaves at most part files; the next run over the same files removes those that nobody holds locked.

Some file systems lack one of these calls: SMB and FUSE mounts without fsync, exFAT without hard links, vboxsf where an
open file cannot be renamed. Frames are saved there all the same, and the log says once a folder what cannot be promised.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed there, which is lock enough
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{12}\.part")

# Another run's sweep can take a part between its creation and its lock; three losses in a row are not a race.
_ATTEMPTS = 3

# The codes that mean "not supported": fsync(2) names EINVAL, FUSE servers without the call give ENOSYS, network mounts ENOTSUP
# (on Linux the same number as EOPNOTSUPP), ENOTTY where it is an ioctl underneath. Everything else is a failure: EIO,
# ENOSPC and EDQUOT mean that the data are lost, EROFS that the disk went read-only under us.
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}

# Some systems cannot flush folders at all and say so with EBADF or EACCES as well (PostgreSQL's fsync_fname ignores these,
# too).
_NO_FOLDER_FSYNC = {*_NO_FSYNC, errno.EBADF, errno.EACCES, errno.EPERM}

# The codes by which a system refuses to rename or link a file that is still open: ETXTBSY on vboxsf, EBUSY or EACCES on
# FUSE and SMB. They can mean other things too, so the same call is made again once the file is closed.
_NOT_WHILE_OPEN = {errno.ETXTBSY, errno.EBUSY, errno.EACCES, errno.EPERM}

# The (folder, message) pairs that have been logged already.
_told: set[tuple[Path, str]] = set()

_WITHOUT_FSYNC = "cannot flush files to disk (fsync): frames saved there can be lost in a power cut"
_WITHOUT_LINKS = (
    "has no hard links: a frame that must not replace another first takes its name with an empty file, which stays behind "
    "if this process is killed at that moment"
)
_WITHOUT_OPEN_RENAME = (
    "cannot rename an open file: another run that starts at the same moment may take an unfinished frame for a killed "
    "run's; it is then written again"
)


def write_whole(path: Path, data: bytes, *, replace: bool, mount: Path | None = None) -> None:
    """Write `data` to `path`, creating its folder. FileExistsError if the file exists and `replace` is False.

    `mount`: a folder above `path` that must be there already, because creating it would put the files on another disk;
    FileNotFoundError if it is not. On any error (disk full, no permission: OSError) what was at `path` before is
    untouched and no part file stays.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        _make_folder(path.parent, mount)
        try:
            _write_once(path, data, replace)
        except FileNotFoundError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def sync_folders(folders: Iterable[Path]) -> None:
    """Flush the names in `folders` to disk: after a power cut a renamed file is whole, but may still have its old name.

    OSError where the disk fails (EIO); folders that cannot be opened or flushed (Windows, some network mounts) are
    passed over. Call it once per save, however many frames that has: 0.17 ms on ext4, where one frame's fsync takes 0.67.
    """
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError:  # cannot be opened: Windows, or a folder that may be written but not listed
            continue
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno in _NO_FOLDER_FSYNC:
                continue
            reason = f"the files are written, but their folder could not be flushed to disk ({error.strerror or error})"
            raise OSError(error.errno, reason, str(folder)) from error
        finally:
            os.close(descriptor)


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


def remove_torn(path: Path, is_torn: Callable[[], bool], *, links: bool = False) -> None:
    """Remove the file at `path` if `is_torn()`, such that only one of several processes puts a new one there.

    `path`: a regular file, or a link. A link to nothing is removed. One to a file stays, whatever the file; with `links` it
    is removed if the file is torn. The file that a link leads to is never removed.

    `is_torn` is called under a lock on the file, so that a whole file that another process has put there since stays, and so
    does the empty one by which it is just claiming the name.
    """
    with contextlib.suppress(FileNotFoundError):
        is_link = path.is_symlink()
        if is_link and not path.exists():
            path.unlink()
            return
        if is_link and not links:
            return
        with _opened_to_lock(path) as file:
            _hold(file)
            is_at = path.is_symlink() if is_link else _is_at(file, path)
            if not (is_at and is_torn()):
                return
            if fcntl is not None:
                path.unlink()
                return
        path.unlink()  # Windows does not remove an open file


def _opened_to_lock(path: Path) -> IO[bytes]:
    try:
        return open(path, "r+b")  # NFS locks only files open for writing
    except PermissionError:
        return open(path, "rb")


def _make_folder(folder: Path, mount: Path | None) -> None:
    try:
        if mount is None:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            _make_below(mount, folder)
    except FileExistsError as error:  # a file stands where the folder should be: the frame itself does not exist
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def _make_below(mount: Path, folder: Path) -> None:
    """`mkdir -p`, but never make `mount` itself: it can vanish between any check and this call."""
    if folder == mount or folder.is_dir():
        if not folder.is_dir():
            reason = f"the folder {str(mount)!r} is not there; if it is a network share or another disk, mount it"
            raise FileNotFoundError(errno.ENOENT, reason, str(mount))
        return
    _make_below(mount, folder.parent)
    folder.mkdir(exist_ok=True)


def _write_once(path: Path, data: bytes, replace: bool) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        # Not mkstemp: its mode 0600 would lock the other users of a farm out; "x" keeps to the umask.
        with open(part, "xb") as file:
            _hold(file)
            file.write(data)
            file.flush()
            _fsync(file.fileno(), path.parent)
            # While it is still held, so that no sweep comes between.
            published = fcntl is not None and _published_while_open(part, path, replace)
        if not published:
            _publish(part, path, replace)
            if fcntl is not None:
                _tell(path.parent, _WITHOUT_OPEN_RENAME)
    finally:
        part.unlink(missing_ok=True)


def _fsync(descriptor: int, folder: Path) -> None:
    """fsync; where the file system of `folder` has none, log that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
        _tell(folder, _WITHOUT_FSYNC)


def _published_while_open(part: Path, path: Path, replace: bool) -> bool:
    try:
        _publish(part, path, replace)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        if error.errno not in _NOT_WHILE_OPEN:
            raise
        return False
    return True


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
        # Whatever the code (EPERM, ENOTSUP, ENOSYS, EMLINK, EACCES ...): claim the name, then rename over the empty
        # claim. If the disk itself is at fault, this fails as well. A kill in between leaves an empty file, which is not
        # a whole frame and is written again.
        with open(path, "xb") as claim:
            _hold(claim)
            if not _is_at(claim, path):  # removed as a torn file before it was locked
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            renamed = _renamed(part, path, must=False)
        if not renamed:
            _renamed(part, path, must=True)
        _tell(path.parent, _WITHOUT_LINKS)


def _renamed(part: Path, path: Path, *, must: bool) -> bool:
    """Rename over our own claim; False if that can only be done once the claim is closed. On failure the claim goes."""
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno in _NOT_WHILE_OPEN and not must:
            return False
        path.unlink()
        raise
    return True


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Is `path` still the name of this open file?"""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def _tell(folder: Path, message: str) -> None:
    if (folder, message) not in _told:
        _told.add((folder, message))
        _log.warning("The file system of %s %s.", folder, message)


def _hold(file: IO[bytes]) -> None:
    """Lock `file` for as long as it is open. A file system without locks leaves its part files unguarded."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _remove_unless_held(part: Path) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(part).st_mode):
            return False
        if fcntl is not None:
            with open(part, "r+b") as file:  # NFS locks only files open for writing
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        else:
            part.unlink()
    except OSError:  # held by a living writer, gone already, or on a file system that cannot tell: leave it
        return False
    return True
