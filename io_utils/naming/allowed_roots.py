"""Confines files to ComfyUI's folders and the folders that the operator lists.

Widget text arrives unauthenticated through POST /prompt, so every path is checked twice: its text against the rules
below, and its real path (symlinks resolved, also those of the roots) against the allowed roots; see `Root.confirm`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import host
from ..errors import InputError, OutsideError, PathError
from .file_names import check_length, check_names, normalise

FOLDERS = ("output", "input", "temp")
ROOTS_FILE = "image_sequence_roots.txt"


class _Anywhere(str):
    """Compared by identity: no text that anybody sends is this one."""

    __slots__ = ()


# In place of a kind of folder: any folder of the machine, to read from. For programs that a user starts, never for what
# comes over the network. Relative paths are below the current directory.
ANYWHERE = _Anywhere("anywhere")

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Root:
    """A folder that may hold sequences.

    `path` is as configured. `kind` is "output", "input" or "temp", or "" for a folder from the operator's file.
    `allowed` holds (real path, writable) of every root, because links may lead from one root to another.
    """

    path: Path
    kind: str
    allowed: tuple[tuple[str, bool], ...] = ()

    @property
    def mount(self) -> Path | None:
        """The operator's folder, which must exist already (it may be a share that is not mounted), or None.

        ComfyUI's own folders are created if they do not exist.
        """
        return None if self.kind else self.path

    def confirm(self, path: Path, *, write: bool, shown: str | None = None) -> Path:
        """`path` itself, if its real path lies in an allowed folder. Raises OutsideError, naming `shown`, if not.

        When writing, only links in the folder part are resolved: a rename replaces a link and never writes through it.
        """
        self.confirm_folder(path.parent, write=write, shown=shown or str(path))
        if not write and path.is_symlink():
            real = os.path.realpath(path)
            self._confirm(real, write, shown or str(path), os.path.dirname(real))
        return path

    def confirm_folder(self, folder: Path, *, write: bool, shown: str) -> None:
        """Raise OutsideError, naming `shown`, if the real path of `folder` is not in an allowed folder. It need not exist."""
        real = os.path.realpath(folder)
        self._confirm(real, write, shown, real)

    def may_read(self, path: str) -> bool:
        """Whether the real path of `path` is in an allowed folder."""
        real = os.path.realpath(path)
        return any(_is_inside(real, allowed) for allowed, _ in self.allowed)

    def _confirm(self, real: str, write: bool, shown: str, folder: str) -> None:
        owners = [(len(root), writable) for root, writable in self.allowed if _is_inside(real, root)]
        # The innermost root decides: a read-only folder may lie inside a writable one.
        if not owners or (write and not max(owners)[1]):
            raise _outside(shown, real, folder, write=write)


def allowed_roots() -> dict[str, Root]:
    """The roots by kind ("output", "input", "temp"), then the operator's folders by path.

    The operator's file `image_sequence_roots.txt` is in ComfyUI's system user folder, which no HTTP route reaches.
    Each line is an absolute folder with `rw` or `ro` (the default) before or after it; `#` starts a comment line.
    Raises ValueError, naming file and line, for any other line and for a whole drive.
    """
    folders = [(host.folder(kind), kind, kind == "output") for kind in FOLDERS]
    folders += [(path, "", writable) for path, writable in _operator_folders(roots_file())]
    allowed = tuple((os.path.realpath(path), writable) for path, _, writable in folders)
    return {kind or str(path): Root(path, kind, allowed) for path, kind, _ in folders}


def roots_file() -> Path:
    """The operator's list of additional folders; it need not exist."""
    return host.system_user_folder() / ROOTS_FILE


def root_of(folder: str, kind: str, *, write: bool, shown: str | None = None) -> tuple[Root, str]:
    """The root that `folder` is in, and the path relative to it ('/'-separated, '' for the root itself).

    A relative `folder` is below ComfyUI's `kind` folder; an absolute one must be inside an allowed root. It need not exist.
    With ANYWHERE, any folder is its own root.
    Raises PathError, naming `shown`, if its text breaks a rule, if it or its real path is outside the roots, or if the
    operator's folder that contains it does not exist: it may be a share that is not mounted. Raises ValueError for an
    unknown `kind` and for a bad line in the operator's file.
    """
    shown = folder if shown is None else shown
    check_length(folder, shown)
    if kind is ANYWHERE and not write:
        path = Path(os.path.abspath(folder))
        return Root(path, "", ((os.path.realpath(path.anchor), False),)), ""
    if kind not in FOLDERS:
        raise InputError(
            f"Choose one of {', '.join(map(repr, FOLDERS))}: ComfyUI has no folder {kind!r} for sequences."
        )
    roots = allowed_roots()
    text = folder.replace("\\", "/")
    drive = _DRIVE.match(text)
    if not (text.startswith("/") or drive):
        root, relative = roots[kind], normalise(folder, shown)
    else:
        if os.name != "nt" and (drive or text.startswith("//")):
            rule = "starts with a drive letter" if drive else "is a network path"
            start = "ComfyUI's output folder" if write else "the folder that is chosen in the node"
            raise PathError(shown, rule, f"Write the path relative to {start}.")
        check_names(text.partition(":")[2] if drive else text, shown)
        root, relative = _owner(text, [(root, os.path.realpath(root.path)) for root in roots.values()], shown, write)
    root.confirm_folder(root.path / relative, write=write, shown=shown)
    # Check the real path: a link in the output folder may lead to a share that is not mounted.
    by_operator = [listed for listed in roots.values() if not listed.kind]
    real = os.path.realpath(root.path / relative) if by_operator else ""
    for listed in by_operator:
        if _is_inside(real, os.path.realpath(listed.path)) and not listed.path.is_dir():
            rule = f"lies in {str(listed.path)!r}, which {str(roots_file())!r} lists but which does not exist"
            fix = "Mount the folder if it is a network share or another disk, or create it: this pack never does."
            raise PathError(shown, rule, fix)
    return root, relative


def roots_of(folders: Iterable[Path]) -> dict[Path, tuple[Root, str]]:
    """The root of each of `folders`, by its real path, and the path relative to it. For reading.

    `folders` are absolute paths of existing folders, so their names need not be portable. Raises OutsideError for a
    folder outside all roots.
    """
    roots = [(root, os.path.realpath(root.path)) for root in allowed_roots().values()]
    return {folder: _owner(str(folder), roots, str(folder), write=False) for folder in folders}


def _owner(text: str, roots: list[tuple[Root, str]], shown: str, write: bool) -> tuple[Root, str]:
    """The innermost of `roots` (with their real paths) that contains the absolute path `text`, and the path below it."""
    real = os.path.realpath(text)
    owners = [(root, path) for root, path in roots if _is_inside(real, path)]
    if not owners:
        # Do not reveal the targets of links outside the roots: anyone may post a path.
        known = any(_is_inside(os.path.normpath(text), str(root.path)) for root, _ in roots)
        revealed = real if known else text
        raise _outside(shown, revealed, revealed, write=write)
    root, path = max(owners, key=lambda owner: len(owner[1]))
    relative = Path(os.path.relpath(real, path)).as_posix()
    return root, "" if relative == "." else relative


def require_valid_in_any_folder(find: Callable[[str], object]) -> None:
    """Raise the ValueError of `find(kind)` if it fails for all FOLDERS.

    As long as the folder is unknown, one that is valid suffices.
    """
    *others, last = FOLDERS
    for kind in others:
        with suppress(ValueError):
            find(kind)
            return
    find(last)


def _is_inside(real: str, root: str) -> bool:
    """Whether the real path `real` is `root` or below it. Compares whole names: '/out' is a prefix of '/out_evil'."""
    real, root = os.path.normcase(real), os.path.normcase(root)
    return real == root or real.startswith(root if root.endswith(os.sep) else root + os.sep)


def _is_drive(path: Path) -> bool:
    return path == Path(path.anchor) or Path(os.path.realpath(path)) == Path(path.anchor)


def _outside(shown: str, real: str, folder: str, *, write: bool) -> OutsideError:
    """The error for a path that leads to `real`, with the line that would allow `folder`."""
    line = None if _is_drive(Path(folder)) else f"{'rw' if write else 'ro'} {os.path.normpath(folder)}"
    return OutsideError(shown, real, roots_file(), line, write=write)


def _operator_folders(file: Path) -> Sequence[tuple[Path, bool]]:
    """(folder, writable) for every line of the operator's file; empty if the file does not exist."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise InputError(f"Save {str(file)!r} as UTF-8 text: it is not ({error}).") from error
    return [
        _operator_folder(file, number, line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _operator_folder(file: Path, number: int, line: str) -> tuple[Path, bool]:
    mode, folder = "ro", line
    if match := re.fullmatch(r"(rw|ro)\s+(.+)", line):
        mode, folder = match[1], match[2]
    elif match := re.fullmatch(r"(.+?)\s+(rw|ro)", line):
        folder, mode = match[1], match[2]
    path = Path(folder)
    if not path.is_absolute() or _is_drive(path):
        wanted = "one absolute folder, not a whole drive, with rw or ro, such as 'rw /mnt/renders'"
        raise InputError(f"Correct line {number} of {str(file)!r}: it is {line!r}, but should be {wanted}.")
    return path, mode == "rw"
