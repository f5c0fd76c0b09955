"""Write a file completely or not at all, however the call ends and however many processes share the folder.

1. The bytes go into a part file beside the target (`.<name>.<random>.part`), locked while its writer runs.
2. fsync, so that a power cut cannot leave the name pointing at lost data.
3. Rename over the target, or hard-link to it if it must not be replaced. Both are atomic.
4. fsync of the folder (`sync_folders`), so that a power cut cannot undo the rename.
A killed process leaves only part files; the next run over the same files removes those that are not locked.

Some file systems lack one of these calls: SMB and FUSE mounts without fsync, exFAT without hard links, vboxsf where an
open file cannot be renamed. Frames are still saved there, and the log says once per folder what is not guaranteed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from ..naming.file_names import PART

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be removed, which serves as the lock
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

# Another run's cleanup can remove a part file between its creation and its lock; three losses in a row are not a race.
_ATTEMPTS = 3

# "Not supported": EINVAL according to fsync(2), ENOSYS from FUSE servers without the call, ENOTSUP from network mounts
# (the same number as EOPNOTSUPP on Linux), ENOTTY where it is implemented as an ioctl. Any other code is a failure:
# EIO, ENOSPC and EDQUOT mean that the data are lost, EROFS that the disk has become read-only.
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}

# Systems that cannot flush folders also report EBADF or EACCES (PostgreSQL's fsync_fname ignores these, too).
_NO_FOLDER_FSYNC = {*_NO_FSYNC, errno.EBADF, errno.EACCES, errno.EPERM}

# A system that cannot rename or link an open file reports ETXTBSY (vboxsf), EBUSY or EACCES (FUSE, SMB). These codes
# have other causes too, so the call is repeated once the file is closed.
_NOT_WHILE_OPEN = {errno.ETXTBSY, errno.EBUSY, errno.EACCES, errno.EPERM}

# The (folder, message) pairs already logged.
_warned: set[tuple[Path, str]] = set()

_WITHOUT_FSYNC = "cannot flush files to disk (fsync): frames saved there can be lost in a power cut"
_WITHOUT_LINKS = (
    "has no hard links: a frame that must not replace another is first created as an empty file, which remains "
    "if this process is killed at that moment"
)
_WITHOUT_OPEN_RENAME = (
    "cannot rename an open file: another run that starts at the same moment may mistake an unfinished frame for a leftover "
    "of a killed run; the frame is then written again"
)


def write_whole(path: Path, data: bytes, *, replace: bool, mount: Path | None = None) -> None:
    """Write `data` to `path`, creating its folder.

    `mount` is a folder above `path` that must already exist, because creating it would put the files on another disk.
    After any error the previous file at `path` is untouched and no part file remains.

    Raises FileExistsError if the file exists and `replace` is False, FileNotFoundError if `mount` does not exist,
    NotADirectoryError if a file has the name of a folder, and other OSErrors (disk full, no permission).
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
    """Flush the names in `folders` to disk: without this, a power cut can undo a rename, though the file is complete.

    Call it once per save, not once per frame: it takes 0.17 ms on ext4, where the fsync of one frame takes 0.67 ms.
    Skips folders that cannot be opened or flushed (Windows, some network mounts). Raises OSError if the disk fails
    (EIO).
    """
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError:  # Windows, or a folder with write but no read permission
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
    """Remove the part files of killed runs from `folder` whose final name passes `is_ours`.

    Returns the removed paths.
    """
    removed = []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        match = PART.fullmatch(name)
        if match and is_ours(match["name"]) and _remove_unless_locked(folder / name):
            removed.append(folder / name)
    return removed


def remove_torn(path: Path, is_torn: Callable[[], bool], *, links: bool = False) -> None:
    """Remove the file at `path` if `is_torn()`, so that only one of several processes replaces it.

    `path` is a regular file or a link. A dangling link is removed. A link to a file is kept; with `links` the link is
    removed if the file is torn. The target of a link is never removed.

    `is_torn` is called under a lock on the file. This protects a complete file that another process has written in the
    meantime, and the empty file with which it claims the name.
    """
    with contextlib.suppress(FileNotFoundError):
        is_link = path.is_symlink()
        if is_link and not path.exists():
            path.unlink()
            return
        if is_link and not links:
            return
        with _open_for_locking(path) as file:
            _lock(file)
            is_at = path.is_symlink() if is_link else _is_still_at(file, path)
            if not (is_at and is_torn()):
                return
            if fcntl is not None:
                path.unlink()
                return
        path.unlink()  # Windows cannot remove an open file


def _open_for_locking(path: Path) -> IO[bytes]:
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
    except FileExistsError as error:
        # A file has the folder's name. FileExistsError would mean that the frame exists.
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def _make_below(mount: Path, folder: Path) -> None:
    """Like `mkdir -p`, but never create `mount` itself: it can vanish between any check and this call."""
    if folder == mount or folder.is_dir():
        if not folder.is_dir():
            reason = f"the folder {str(mount)!r} does not exist; if it is a network share or another disk, mount it"
            raise FileNotFoundError(errno.ENOENT, reason, str(mount))
        return
    _make_below(mount, folder.parent)
    folder.mkdir(exist_ok=True)


def _write_once(path: Path, data: bytes, replace: bool) -> None:
    """Write `data` to a part file and publish it as `path`. The part file is removed in any case.

    Raises FileNotFoundError if another run's cleanup has removed the part file, FileExistsError if `path` exists and
    `replace` is False, and other OSErrors.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        # Not mkstemp: its mode 0600 would lock out the other users of a render farm. "x" respects the umask.
        with open(part, "xb") as file:
            _lock(file)
            file.write(data)
            file.flush()
            _fsync(file.fileno(), path.parent)
            # Publish before the lock is released, so that no cleanup can remove the part file first.
            published = fcntl is not None and _published_while_locked(part, path, replace)
        if not published:
            _publish(part, path, replace)
            if fcntl is not None:
                _warn_once(path.parent, _WITHOUT_OPEN_RENAME)
    finally:
        part.unlink(missing_ok=True)


def _fsync(descriptor: int, folder: Path) -> None:
    """Call fsync; log it if the file system of `folder` does not support it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
        _warn_once(folder, _WITHOUT_FSYNC)


def _published_while_locked(part: Path, path: Path, replace: bool) -> bool:
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
        os.rename(part, path)  # on Windows, fails if the target exists
    else:
        _link(part, path)


def _link(part: Path, path: Path) -> None:
    """Give the file `part` the name `path`. Raises FileExistsError if that exists, and never replaces it.

    Without hard links, renames over an empty file that claims the name.
    """
    try:
        os.link(part, path)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        # Any code (EPERM, ENOTSUP, ENOSYS, EMLINK, EACCES ...): claim the name with an empty file, then rename over it.
        # If the disk itself is at fault, this fails as well. A kill in between leaves an empty file, which counts as an
        # incomplete frame and is written again.
        with open(path, "xb") as claim:
            _lock(claim)
            if not _is_still_at(claim, path):  # another process removed it as torn before it was locked
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            renamed = _rename_over_claim(part, path, must=False)
        if not renamed:
            _rename_over_claim(part, path, must=True)
        _warn_once(path.parent, _WITHOUT_LINKS)


def _rename_over_claim(part: Path, path: Path, *, must: bool) -> bool:
    """Rename over our own claim. Returns False if the claim must be closed first. On failure removes the claim."""
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno in _NOT_WHILE_OPEN and not must:
            return False
        path.unlink()
        raise
    return True


def _is_still_at(file: IO[bytes], path: Path) -> bool:
    """Whether `path` is still the name of this open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def _warn_once(folder: Path, message: str) -> None:
    if (folder, message) not in _warned:
        _warned.add((folder, message))
        _log.warning("The file system of %s %s.", folder, message)


def _lock(file: IO[bytes]) -> None:
    """Lock `file` for as long as it is open. On a file system without locks, part files are unprotected."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _remove_unless_locked(part: Path) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(part).st_mode):
            return False
        if fcntl is not None:
            with open(part, "r+b") as file:  # NFS locks only files open for writing
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        else:
            part.unlink()
    except OSError:  # locked by a running writer, already removed, or on a file system without locks
        return False
    return True
