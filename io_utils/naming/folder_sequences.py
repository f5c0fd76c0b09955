"""What a folder holds: its sequences, and the folders below it. Found with one listing."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from ..errors import InputError
from .allowed_roots import Root
from .file_names import check_names, is_printable
from .file_sequence import FileSequence
from .frame_pattern import LARGEST_FRAME, MAX_PADDING, FramePattern
from .literal_folder import may_be_number
from .wildcard_frames import is_image, is_negative

# The last number in a name, and what follows it.
_NUMBER = re.compile(rf"(.*?)(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([^0-9]*)", re.DOTALL)

_MOST_LINKS = 40  # that Linux follows: https://man7.org/linux/man-pages/man7/path_resolution.7.html


@dataclass(frozen=True)
class FoundSequence:
    """A sequence in a folder: the `pattern` of its file names, and its frames on disk, sorted."""

    pattern: FramePattern
    frames: tuple[int, ...]

    @property
    def is_loadable(self) -> bool:
        """Whether a loader takes the pattern as text, and accepts the file names."""
        name = self.pattern.name(1)
        try:
            check_names(name)
            # To parse all of 10,000 patterns takes 0.2 s.
            is_plain = not may_be_number(name) or FramePattern.parse(str(self.pattern)) == self.pattern
        except InputError:
            return False
        return is_plain and is_printable(name)

    def in_folder(self, root: Root, folder: str) -> FileSequence:
        """The sequence in `folder`, a '/'-separated path below `root`."""
        return FileSequence(root, self.pattern.within(folder))


@dataclass(frozen=True)
class SortedNames:
    """The names of files: frames by sequence, and names that are not frames: those with negative or too large numbers, others."""

    sequences: tuple[FoundSequence, ...]
    negative: tuple[str, ...] = ()
    large: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> SortedNames:
        """The last number in a name is its frame number. The sequences are in alphabetic order."""
        digits: dict[tuple[str, str], list[str]] = {}
        negative, large, others = [], [], []
        for name in sorted(names):
            number = _NUMBER.fullmatch(name)
            if number is None or not is_image(name):
                others.append(name)
            elif is_negative(number, 2):
                negative.append(name)
            elif int(number[2]) > LARGEST_FRAME:
                large.append(name)
            else:
                digits.setdefault((number[1], number[3]), []).append(number[2])
        found = [sequence for literals, texts in digits.items() for sequence in _by_padding(literals, texts)]
        return cls(tuple(found), tuple(negative), tuple(large), tuple(others))

    @property
    def loadable(self) -> list[FoundSequence]:
        return [sequence for sequence in self.sequences if sequence.is_loadable]


def like(
    pattern: FramePattern, names: Iterable[str], name: str = "", frames: Sequence[int] = ()
) -> list[FoundSequence]:
    """The loadable sequences among file `names` that differ from `pattern` only by the padding.

    If one of them has the file `name`, only that one. `frames` are the sorted frames that match `pattern` itself: if there
    are any, only a sequence that has all their files and more. `f_##.png` matches 1000 of `f_0999.png`, `f_1000.png`, and
    the sequence with both is meant.
    """
    ends = pattern.literals[0], pattern.literals[-1]
    likely = [each for each in names if each.startswith(ends[0]) and each.endswith(ends[1])]
    found = [each for each in SortedNames.of(likely).loadable if each.pattern.literals == pattern.literals]
    if frames:
        first, wanted = pattern.name(frames[0]), set(frames)
        found = [each for each in found if each.pattern.name(frames[0]) == first and wanted < set(each.frames)]
    return [each for each in found if each.pattern.number(name) in each.frames] or found


def may_continue(pattern: FramePattern, first: int) -> bool:
    """Whether `first`, the first frame of `pattern`, has so many digits that another padding would write the same name."""
    return len(pattern.literals) == 2 and (pattern.padding < 2 or first >= 10 ** (pattern.padding - 1))


def _by_padding(literals: tuple[str, str], digits: list[str]) -> Iterator[FoundSequence]:
    """The sequences of names that differ only in their number, given as the digits that are written in the names.

    A leading zero shows the padding. A number without one belongs to the largest padding that it fills: 1000 may follow 0999.
    """
    shown = {len(text) for text in digits if text.startswith("0") and len(text) > 1}
    widths = {len(text) for text in digits}
    if not shown and len(widths) == 1:
        shown = widths - {1}
    frames: dict[int, list[int]] = {}
    for text in digits:
        is_padded = text.startswith("0") and len(text) > 1
        padding = len(text) if is_padded else max((width for width in shown if width <= len(text)), default=0)
        frames.setdefault(padding, []).append(int(text))
    for padding, numbers in sorted(frames.items()):
        yield FoundSequence(FramePattern(literals, padding), tuple(sorted(numbers)))


@dataclass(frozen=True)
class FolderContents:
    """The folders and the regular files in a folder, in no particular order, without hidden ones.

    is_complete: False if the folder has more entries than were asked for.
    """

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_complete: bool = True

    @classmethod
    def of(cls, folder: Path, root: Root, most: int | None = None) -> FolderContents:
        """The first `most` entries of `folder`, which is in `root`; None: all.

        Leaves out links that lead out of the allowed folders, and what the system cannot examine. Raises OSError, such as
        FileNotFoundError, if the folder cannot be listed.
        """
        found: dict[str | None, list[str]] = {"folder": [], "file": [], None: []}
        may_read = cache(root.may_read)
        with os.scandir(folder) as entries:
            for entry in islice(entries, most):
                found[_kind(entry, may_read)].append(entry.name)
            return cls(tuple(found["folder"]), tuple(found["file"]), next(entries, None) is None)


def _kind(entry: os.DirEntry[str], may_read: Callable[[str], bool]) -> str | None:
    """'folder' or 'file'; None if the entry is hidden, something else, or a link that must not be followed."""
    if entry.name.startswith("."):
        return None
    try:
        kind = "folder" if entry.is_dir() else "file" if entry.is_file() else None
        if kind is None or not entry.is_symlink():
            return kind
        return kind if may_read(entry.path if kind == "folder" else os.path.dirname(target_of(entry.path))) else None
    except OSError:
        return None


def target_of(link: str) -> str:
    """The file to which `link` leads, in a folder that may be a link. Thousands of links mostly lead to one folder."""
    for _ in range(_MOST_LINKS):
        if not os.path.islink(link):
            return link
        link = os.path.join(os.path.dirname(link), os.readlink(link))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), link)
