"""Frames: the files of one folder that stand for frame numbers, chosen by wildcards or by a frame pattern."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from .batches import batch_folders, in_every
from .listing import entry_names, is_regular, regular_files
from .paths import Root, locate
from .pattern import MAX_PADDING, FramePattern, PatternError, named
from .registry import EXTENSIONS
from .sequence import Sequence

# The last number of a name, and what is between it and the extension: no letters or digits.
_NUMBER = re.compile(rf"(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([\W_]*)\.[^.]+$")


# What the widgets of the frame numbers can hold: Number.MAX_SAFE_INTEGER of the frontend. Longer numbers in names are times,
# serial numbers and the like.
LARGEST = 2**53 - 1


class Indexing(str, Enum):
    """How a file stands for a frame: by the number at the end of its name, or by its place in alphabetic order.

    If no file of the same beginning has its number at the very end, punctuation may follow it, as in ComfyUI's own
    `ComfyUI_00001_.png` or in `frame (1).png`. A number above LARGEST is not a frame. A number with a minus sign is not a frame: see `_is_negative`.
    """

    NUMERIC = "numeric"
    ALPHABETIC = "alphabetic order"


class AmbiguousFrameError(ValueError):
    """Several files have the number of one frame. Attributes: `frame`, `paths`, `suggestion` (a pattern for the first)."""

    def __init__(self, frame: int, paths: list[Path], suggestion: FramePattern) -> None:
        self.frame, self.paths, self.suggestion = frame, paths, str(suggestion)
        files = " and ".join(repr(path.name) for path in paths)
        super().__init__(
            f"Frame {frame} is {files} in {str(paths[0].parent)!r}, but one frame is one file. Write a pattern that "
            f"only one of the sequences has, such as {self.suggestion!r}."
        )


@dataclass(frozen=True)
class Frames:
    """The frames in the folder `root.path / directory`, and in its batch folders.

    Their file names are those of `names` if it has a frame number, else those that one of `globs` matches.
    """

    root: Root
    directory: str
    globs: tuple[str, ...]
    names: FramePattern

    @classmethod
    def locate(cls, directory_path: str, pattern: str, kind: str = "output") -> Frames:
        """`pattern` is a frame pattern (`frame_{:05d}.png`) if it has a frame number, else a glob (`frame_*.png`).

        Several globs are written with '|' between them. `directory_path` is relative to ComfyUI's `kind` folder.
        Raises PathError for the directory, PatternError for a frame pattern that cannot be read or has wildcards,
        ValueError for a pattern with a folder in it.
        """
        if "/" in pattern or "\\" in pattern:
            raise ValueError(f"The pattern {pattern!r} has a folder in it. Write the folder into directory_path.")
        names = FramePattern.parse(pattern)
        if names.has_number and re.search(r"[*?|]", pattern):
            raise PatternError(
                pattern, "has a frame number and wildcards", re.sub(r"\*+", "*", "*".join(names.literals))
            )
        root, directory = locate(directory_path, kind, write=False)
        return cls(root, directory, tuple(pattern.split("|")), names)

    @property
    def folder(self) -> Path:
        return self.root.path / self.directory

    def __str__(self) -> str:
        """What a file would have to match, as a path."""
        return f"{self.folder.as_posix()}/{self.names if self.names.has_number else '|'.join(self.globs)}"

    def sequence(self, file: Path, number: int) -> Sequence:
        """The sequence that `file`, frame `number` of these frames, is part of."""
        if not self.names.has_number:
            return Sequence.of_file(file, number)
        folder = file.parent.relative_to(self.root.path).as_posix()
        return Sequence(self.root, self.names.within("" if folder == "." else folder))

    def batches(self) -> list[Path]:
        """The batch folders there are, in order. PathError for one that is a link to somewhere else."""
        return [path for _, path in batch_folders(self.root, self.folder)]

    def files(self, number: int, indexing: Indexing) -> list[Path]:
        """The file of frame `number`, or one file a variant if all batch folders have it; empty if it is missing.

        With a frame pattern no folder is listed. Raises AmbiguousFrameError.
        """
        single = self._file(self.folder, number, indexing)
        if single is not None:
            return [single]
        folders = self.batches()
        variants = [self._file(folder, number, indexing) for folder in folders]
        found = [file for file in variants if file is not None]
        if len(found) == len(variants):
            return found
        # A folder without any of these frames does not count: see batches.py.
        without = [folder for folder, file in zip(folders, variants, strict=True) if file is None]
        return [] if any(self.listed(folder, indexing) for folder in without) else found

    def numbers(self, indexing: Indexing) -> list[int]:
        """The frames for which `files` finds some, in order. One listing a folder."""
        single = {number for number, _ in self.listed(self.folder, indexing)}
        batches = [{number for number, _ in self.listed(folder, indexing)} for folder in self.batches()]
        return sorted(single | in_every(batches))

    def listed(self, folder: Path, indexing: Indexing) -> list[tuple[int, str]]:
        """(frame number, file name) of the frames in one folder, in the order of the numbers."""
        return self._numbered(regular_files(folder), indexing)

    def instead(self) -> str:
        """For a user whose pattern matches no frame: what there is, and what to write."""
        if self.names.has_number:
            return f"No file there matches {str(self)!r}. {inventory(self.folder)}"
        matching = self._matching(regular_files(self.folder))
        what = f"No image there matches {str(self)!r}."
        if matching:
            what = f"Of the images that match {str(self)!r}, none has a frame number at its end."
            if not any(any(character in "0123456789" for character in name) for name in matching):
                what += f" To count them by place, set indexing to {Indexing.ALPHABETIC.value!r}."
        return f"{what} {inventory(self.folder)}"

    def _file(self, folder: Path, number: int, indexing: Indexing) -> Path | None:
        if self.names.has_number:
            file = folder / self.names.name(number)
            return file if is_regular(file) else None
        listed = regular_files(folder)
        # With 10,000 names, picking these out takes 0.2 ms, and reading the number of each would take 8 ms.
        likely = [name for name in listed if str(number) in name] if indexing is Indexing.NUMERIC else listed
        found = [folder / name for found, name in self._numbered(likely, indexing) if found == number]
        if len(likely) < len(listed) and any(not file.stem[-1:].isdigit() for file in found):
            # Only if no name of the same beginning, in the whole folder, ends in its number.
            found = [folder / name for found, name in self._numbered(listed, indexing) if found == number]
        if len(found) > 1:
            raise AmbiguousFrameError(number, found, Sequence.of_file(found[0], number).pattern.relative()[1])
        return found[0] if found else None

    def _numbered(self, names: list[str], indexing: Indexing) -> list[tuple[int, str]]:
        if self.names.has_number:
            numbered = ((self.names.number(name), name) for name in names)
            return sorted((number, name) for number, name in numbered if number is not None and number <= LARGEST)
        matching = self._matching(names)
        if indexing is Indexing.ALPHABETIC:
            return list(enumerate(matching))
        found = [(match, name) for name in matching if (match := _NUMBER.search(name)) and not _is_negative(match)]
        found = [(match, name) for match, name in found if int(match[1]) <= LARGEST]
        # One file that ends in its number hides those of its own beginning, and its copies: 'f_0007 (1).png'. It must not
        # hide a sequence of another beginning.
        ending = {beginning for match, name in found if not match[2] for beginning in (_before(match), _stem(match))}
        return sorted(
            (int(match[1]), name)
            for match, name in found
            if not match[2] or not ending & {_before(match), _copied(match)}
        )

    def _matching(self, names: list[str]) -> list[str]:
        """The images among `names` that the wildcards match, in alphabetic order."""
        return sorted(filter(self._matches, filter(_is_image, names)))

    @cached_property
    def _matches(self) -> Callable[[str], object]:
        return re.compile("|".join(translate(glob) for glob in self.globs)).match


def _before(number: re.Match[str]) -> str:
    """What stands before the number of a name."""
    return number.string[: number.start(1)]


def _stem(number: re.Match[str]) -> str:
    return number.string[: number.end(1)]


def _copied(number: re.Match[str]) -> str:
    """The stem of which a name would be a copy: 'f_0007' of 'f_0007 (1).png'."""
    return re.sub(r"[\W_]+$", "", _before(number))


def inventory(folder: Path) -> str:
    """What is in `folder`, in a sentence or two for a user who looks for frames: sequences as patterns that would match."""
    shown = [name for name in regular_files(folder) if not name.startswith(".")]
    if not shown:
        inside = sorted(entry_names(folder, lambda entry: not entry.name.startswith(".")))
        if not folder.is_dir():
            return f"There is no folder {str(folder)!r}."
        return "It has no files, but " + _some(inside, "folder") + "." if inside else "The folder is empty."
    sequences, negative, large, others = _sorted_out(shown)
    said = []
    if sequences:
        largest = sorted(sequences.items(), key=lambda item: -len(item[1]))
        patterns = [f"{str(_pattern(*ends, digits))!r} ({named(map(int, digits))})" for ends, digits in largest[:3]]
        more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
        said.append(f"In that folder are {', '.join(patterns)}{more}: write the pattern that you mean.")
    for left_out, reason in ((negative, "negative"), (large, f"above {LARGEST}")):
        if left_out:
            said.append(_left_out(left_out, reason))
    if unread := [name for name in others if not _is_image(name)]:
        said.append(f"Not of a type that is read: {_some(unread, 'file')}. Types: {', '.join(EXTENSIONS)}.")
    if unnumbered := [name for name in others if _is_image(name)]:
        said.append(f"Without a frame number: {_some(unnumbered, 'file')}.")
    return " ".join(said)


def _sorted_out(
    names: list[str],
) -> tuple[dict[tuple[str, str], list[str]], list[str], list[str], list[str]]:
    """Frames, as the digits in the names by what is before and behind them; negative and too large numbers; all others."""
    sequences: dict[tuple[str, str], list[str]] = {}
    negative, large, others = [], [], []
    for name in sorted(names):
        number = re.fullmatch(rf"(.*?)(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([^0-9]*)", name, re.DOTALL)
        if number is None or not _is_image(name):
            others.append(name)
        elif _is_negative(number, 2):
            negative.append(name)
        elif int(number[2]) > LARGEST:
            large.append(name)
        else:
            sequences.setdefault((number[1], number[3]), []).append(number[2])
    return sequences, negative, large, others


def _pattern(before: str, after: str, digits: list[str]) -> FramePattern:
    widths = {len(text) for text in digits}
    padded = len(widths) == 1 or any(text.startswith("0") for text in digits)
    return FramePattern((before, after), min(widths) if padded else 0)


def _some(names: list[str], what: str) -> str:
    """'1 file, 'a.gif'', or '3 files such as 'a.gif''."""
    return f"1 {what}, {names[0]!r}" if len(names) == 1 else f"{len(names)} {what}s such as {names[0]!r}"


def _left_out(names: list[str], reason: str) -> str:
    """`reason`: what their numbers are, such as "negative"."""
    if len(names) == 1:
        return f"{names[0]!r} is left out: its number is {reason}."
    return f"{_some(names, 'file')} are left out: their numbers are {reason}."


def _is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def _is_negative(number: re.Match[str], group: int = 1) -> bool:
    """Is the number in a file name negative?

    A '-', a minus sign or an en dash is a sign at the beginning of the name or after a '.', '_', space or another sign, as in `f.-005.png`, and a
    separator after a letter, a digit or a closing bracket, as in `shot-005.png`. fileseq
    (https://github.com/justinfx/fileseq) takes '.-005' for a negative frame as well, and the rest for no frame at all.
    """
    before = number.string[: number.start(group)]
    if not before.endswith(("-", "\u2212", "\u2013")):
        return False
    # Half a surrogate pair is a byte of a name that is not UTF-8, most likely an accented letter.
    return not re.search(r"[^\W_\ud800-\udfff][-\u2212\u2013]$|[\ud800-\udfff)\]}][-\u2212\u2013]$", before)
