"""Where files may be: inside ComfyUI's folders and the folders that the operator lists, nowhere else.

Widget text arrives unauthenticated through POST /prompt, so every path is checked twice: its text against the rules
below, and the real path (symlinks followed, on both sides) against the allowed roots; see `Root.confirm`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import host
from .listing import printable
from .pattern import MAX_LENGTH

# 255 hold on every common file system; while a file is written, its name is 19 longer (see atomic.py).
MAX_NAME_BYTES = 230

FOLDERS = ("output", "input", "temp")
ROOTS_FILE = "image_sequence_roots.txt"

# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_RESERVED |= {f"{device}{n}" for device in ("com", "lpt") for n in "123456789¹²³"}
# Control characters, what Windows forbids, and halves of surrogate pairs, which are no characters at all.
_FORBIDDEN = re.compile('[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')
_DRIVE = re.compile(r"[A-Za-z]:")


class PathError(ValueError):
    """A path that this pack may not read or write. Attributes: `path` (the text), `rule` (what it breaks)."""

    def __init__(self, path: str, rule: str, fix: str) -> None:
        self.path, self.rule = path, rule
        shown = path if len(path) <= MAX_LENGTH else f"{path[:40]}..."
        super().__init__(f"The path {shown!r} {rule}. {fix}")


class OutsideError(PathError):
    """A path outside the allowed folders. `line`, added to the operator's `file`, allows it; None where none can."""

    def __init__(self, path: str, real: str, folder: str, *, write: bool) -> None:
        verb, mode, allowed = ("write", "rw", "written to") if write else ("read", "ro", "read from")
        self.file = roots_file()
        self.line: str | None = None
        fix = "A whole drive is never allowed: use a folder on it."
        if not _is_drive(Path(folder)):
            self.line = f"{mode} {os.path.normpath(folder)}"
            fix = (
                f"To let ComfyUI {verb} there, its operator makes this folder and file, if they are not there yet, and "
                f"adds this line to {self.file}:\n{printable(self.line)}"
            )
        super().__init__(path, f"leads to {real!r}, outside the folders that sequences may be {allowed}", fix)


@dataclass(frozen=True)
class Root:
    """A folder that sequences may be in.

    `path` is as configured, `kind` is "output", "input" or "temp", or "" for a folder from the operator's file;
    `allowed` has the real path of every root, and whether it may be written: links may lead from one to another.
    """

    path: Path
    kind: str
    allowed: tuple[tuple[str, bool], ...] = ()

    def confirm(self, path: Path, *, write: bool, shown: str | None = None) -> Path:
        """`path` itself, if what it really is (links followed) lies in an allowed folder; PathError, naming `shown`, if not.

        When writing, only the folder is followed: a rename replaces a link, it never writes through it.
        """
        self.confirm_folder(path.parent, write=write, shown=shown or str(path))
        if not write and path.is_symlink():
            real = os.path.realpath(path)
            self._confirm(real, write, shown or str(path), os.path.dirname(real))
        return path

    def confirm_folder(self, folder: Path, *, write: bool, shown: str) -> None:
        """Raise PathError, naming `shown`, if `folder` is not really in an allowed one. It need not exist."""
        real = os.path.realpath(folder)
        self._confirm(real, write, shown, real)

    def _confirm(self, real: str, write: bool, shown: str, folder: str) -> None:
        owners = [(len(root), writable) for root, writable in self.allowed if _inside(real, root)]
        # The innermost decides: a folder to read from only may lie in one that may be written.
        if not owners or (write and not max(owners)[1]):
            raise OutsideError(shown, real, folder, write=write)


def allowed_roots() -> dict[str, Root]:
    """The roots by kind ("output", "input", "temp"), then the operator's folders by their path.

    The operator's file `image_sequence_roots.txt` lies in ComfyUI's system user folder, which no HTTP route reaches.
    One absolute folder a line, with `rw` or `ro` (the default) before or behind it; `#` starts a comment line.
    Raises ValueError, naming file and line, for a line that is not that, and for a whole drive.
    """
    folders = [(host.folder(kind), kind, kind == "output") for kind in FOLDERS]
    folders += [(path, "", writable) for path, writable in _operator_folders(roots_file())]
    allowed = tuple((os.path.realpath(path), writable) for path, _, writable in folders)
    return {kind or str(path): Root(path, kind, allowed) for path, kind, _ in folders}


def roots_file() -> Path:
    """The operator's list of further folders."""
    return host.system_user_folder() / ROOTS_FILE


def locate(folder: str, kind: str, *, write: bool, shown: str | None = None) -> tuple[Root, str]:
    """The root that `folder` is in, and the path from there ('/'-separated, '' for the root itself).

    A relative `folder` lies below ComfyUI's `kind` folder, an absolute one must be inside an allowed root.
    Raises PathError, naming `shown`, for anything else, before and after following symlinks, and for a folder that the
    operator listed and that is not there: it may be a share that is not mounted. Folders below a root need not exist.
    """
    shown = folder if shown is None else shown
    _check_length(folder, shown)
    if kind not in FOLDERS:
        raise ValueError(f"ComfyUI has no folder {kind!r} for sequences. Choose one of {', '.join(FOLDERS)}.")
    roots = allowed_roots()
    text = folder.replace("\\", "/")
    drive = _DRIVE.match(text)
    if not (text.startswith("/") or drive):
        root, relative = roots[kind], normalise(folder, shown)
    else:
        if os.name != "nt" and (drive or text.startswith("//")):
            rule = "starts with a drive letter" if drive else "is a network path"
            start = "ComfyUI's output folder" if write else "the folder that is chosen in the node"
            raise PathError(shown, rule, f"Write it relative to {start}.")
        check_names(text.partition(":")[2] if drive else text, shown)
        root, relative = _owner(text, [(root, os.path.realpath(root.path)) for root in roots.values()], shown, write)
    root.confirm_folder(root.path / relative, write=write, shown=shown)
    # By where the folder really is: a link in the output folder may lead to a share that is not mounted.
    real = os.path.realpath(root.path / relative)
    for listed in roots.values():
        if not listed.kind and _inside(real, os.path.realpath(listed.path)) and not listed.path.is_dir():
            rule = f"lies in {str(listed.path)!r}, which {str(roots_file())!r} lists, but which is not there"
            raise PathError(shown, rule, "Mount it if it is a share or another disk, or make it: this pack never does.")
    return root, relative


def place(folders: Iterable[Path]) -> dict[Path, tuple[Root, str]]:
    """For each of `folders`, absolute paths to read from: the root that it is really in, and the path from there.

    Raises OutsideError for a folder outside all roots. The names need not be portable: these folders exist.
    """
    roots = [(root, os.path.realpath(root.path)) for root in allowed_roots().values()]
    return {folder: _owner(str(folder), roots, str(folder), write=False) for folder in folders}


def _owner(text: str, roots: list[tuple[Root, str]], shown: str, write: bool) -> tuple[Root, str]:
    """Of `roots`, with their real paths, the innermost that the absolute path `text` is in, and the path from there."""
    real = os.path.realpath(text)
    owners = [(root, path) for root, path in roots if _inside(real, path)]
    if not owners:
        # Say where a link leads only for links inside the allowed folders: anybody may post a path.
        known = any(_inside(os.path.normpath(text), str(root.path)) for root, _ in roots)
        told = real if known else text
        raise OutsideError(shown, told, told, write=write)
    root, path = max(owners, key=lambda owner: len(owner[1]))
    relative = Path(os.path.relpath(real, path)).as_posix()
    return root, "" if relative == "." else relative


def anywhere(find: Callable[[str], object]) -> None:
    """Raise what `find(kind)` raises for every one of FOLDERS: not knowing which, only that is wrong for sure."""
    *others, last = FOLDERS
    for kind in others:
        with suppress(ValueError):
            find(kind)
            return
    find(last)


def normalise(text: str, shown: str | None = None) -> str:
    """A relative path with '/' between its names, without '.' and empty names. Raises PathError as `check_names`."""
    shown = text if shown is None else shown
    _check_length(text, shown)
    if text.startswith(("/", "\\")):
        raise PathError(shown, "starts at the root of the file system", "Write it without the slash in front.")
    names = [name for name in text.replace("\\", "/").split("/") if name not in ("", ".")]
    check_names("/".join(names), shown)
    return "/".join(names)


def check_names(path: str, shown: str | None = None) -> None:
    """Raise PathError if a name in the '/'-separated `path` is not safe on every system. `shown` is named instead."""
    shown = path if shown is None else shown
    for name in path.split("/"):
        forbidden = _FORBIDDEN.search(name)
        if forbidden:
            rule = f"has the character {forbidden[0]!r}, which file names cannot hold everywhere"
            raise PathError(shown, rule, "Use letters, digits, spaces, '.', '-' and '_'.")
        if len(name.encode()) > MAX_NAME_BYTES:
            rule = f"has a name of {len(name.encode())} bytes, more than {MAX_NAME_BYTES}"
            raise PathError(
                shown, rule, "Shorten it: file systems hold 255, and a file needs some more while it is written."
            )
        if name.startswith("~"):
            raise PathError(shown, "starts a name with '~', which is not expanded here", "Write the folder's own name.")
        if name == "..":
            raise PathError(shown, "leaves its folder by '..'", "Write the path down from the folder it starts in.")
        if ".." in name:
            fix = "Write one: ComfyUI's /view refuses such names, so nobody could look at the frames."
            raise PathError(shown, f"has two dots in a row, in {name!r}", fix)
        if name != name.rstrip(". ") or name != name.lstrip(" "):
            fix = "Take it away: Windows drops it, and the file would change its name."
            raise PathError(shown, f"has a dot or a space at the edge of {name!r}", fix)
        if name.partition(".")[0].rstrip(" ").lower() in _RESERVED:
            raise PathError(shown, f"uses {name!r}, which is a device on Windows", f"Call it {'_' + name!r}, say.")


def _check_length(path: str, shown: str) -> None:
    if len(path) > MAX_LENGTH:
        raise PathError(shown, f"is {len(path)} characters long", f"No path is longer than {MAX_LENGTH}.")


def _inside(real: str, root: str) -> bool:
    """Is `real` the real path `root`, or below it? Compared name by name, as a prefix would take /out_evil for /out."""
    real, root = os.path.normcase(real), os.path.normcase(root)
    try:
        return os.path.commonpath([real, root]) == root
    except ValueError:  # different drives
        return False


def _is_drive(path: Path) -> bool:
    return path == Path(path.anchor) or Path(os.path.realpath(path)) == Path(path.anchor)


def _operator_folders(file: Path) -> Sequence[tuple[Path, bool]]:
    """(folder, may be written) for every line of the operator's file; nothing where there is no file."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not UTF-8 text: {error}. Save it as UTF-8.") from error
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
        raise ValueError(f"Line {number} of {str(file)!r} is {line!r}, but should be {wanted}.")
    return path, mode == "rw"
