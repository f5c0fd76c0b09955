"""Describes the contents of a folder to a user whose pattern matches no frame in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..errors import FolderMissingError
from ..formats.registry import EXTENSIONS
from .folder_sequences import FoundSequence, SortedNames
from .frame_pattern import LARGEST_FRAME
from .frame_range import named
from .regular_files import entry_names, regular_files
from .wildcard_frames import is_image


def inventory(folder: Path) -> str:
    """One or more sentences about the files in `folder`. Sequences are shown as patterns that would match them."""
    shown = [name for name in regular_files(folder) if not name.startswith(".")]
    if not shown:
        inside = sorted(entry_names(folder, lambda entry: not entry.name.startswith(".")))
        if not folder.is_dir():
            return str(folder_missing(folder))
        return "It has no files, but " + _some(inside, "folder") + "." if inside else "The folder is empty."
    names = SortedNames.of(shown)
    sentences = []
    if names.loadable:
        sentences.append(f"The folder contains {some_patterns(names.loadable)}: use one of these patterns.")
    if refused := [each.pattern.name(each.frames[0]) for each in names.sequences if not each.is_loadable]:
        sentences.append(f"Rename {_some(refused, 'file')}: no pattern can describe {_them(refused)}.")
    for left_out, reason in ((names.negative, "negative"), (names.large, f"above {LARGEST_FRAME}")):
        if left_out:
            sentences.append(_left_out(left_out, reason))
    if unsupported := [name for name in names.others if not is_image(name)]:
        sentences.append(f"Unsupported type: {_some(unsupported, 'file')}. Types: {', '.join(EXTENSIONS)}.")
    if unnumbered := [name for name in names.others if is_image(name)]:
        sentences.append(f"Without a frame number: {_some(unnumbered, 'file')}.")
    return " ".join(sentences)


def folder_missing(folder: Path) -> FolderMissingError:
    """The error for a folder that does not exist, with the longest part of its path that does."""
    return FolderMissingError(folder, next(parent for parent in folder.parents if parent.is_dir()))


def some_patterns(sequences: Iterable[FoundSequence], text: Callable[[FoundSequence], str] | None = None) -> str:
    """The patterns and frames of the largest three, and how many more there are. `text` writes a pattern."""
    largest = sorted(sequences, key=lambda sequence: -len(sequence.frames))
    patterns = [
        f"{(text(sequence) if text else str(sequence.pattern))!r} ({named(sequence.frames)})"
        for sequence in largest[:3]
    ]
    return ", ".join(patterns) + (f" and {len(largest) - 3} more" if len(largest) > 3 else "")


def _some(names: Sequence[str], what: str) -> str:
    """'1 file, 'a.gif'', or '3 files such as 'a.gif''."""
    return f"1 {what}, {names[0]!r}" if len(names) == 1 else f"{len(names)} {what}s such as {names[0]!r}"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _left_out(names: Sequence[str], reason: str) -> str:
    """A sentence about names that are not frames; `reason` says why their numbers do not count, such as "negative"."""
    if len(names) == 1:
        return f"{names[0]!r} is left out: its number is {reason}."
    return f"{_some(names, 'file')} are left out: their numbers are {reason}."
