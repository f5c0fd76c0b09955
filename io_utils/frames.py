"""Frames: the files of one folder that stand for frame numbers, chosen by wildcards or by a frame pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from .batches import batch_folders, in_every
from .decode import EXTENSIONS
from .paths import Root, locate
from .pattern import FramePattern, PatternError
from .sequence import Sequence


class Indexing(str, Enum):
    """How a file stands for a frame: by the number at the end of its name, or by its place in alphabetic order."""

    NUMERIC = "numeric"
    ALPHABETIC = "alphabetic order"


class AmbiguousFrameError(ValueError):
    """Several files have the number of one frame. Attributes: `frame`, `paths`, `suggestion` (a pattern for the first)."""

    def __init__(self, frame: int, paths: list[Path], suggestion: FramePattern) -> None:
        self.frame, self.paths, self.suggestion = frame, paths, str(suggestion)
        files = " and ".join(repr(path.name) for path in paths)
        super().__init__(
            f"frame {frame} is {files} in {str(paths[0].parent)!r}, but one frame is one file. Write a pattern that "
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
            raise PatternError(pattern, "has a frame number and wildcards", "*".join(names.literals))
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
        return self._numbered(_names(folder), indexing)

    def _file(self, folder: Path, number: int, indexing: Indexing) -> Path | None:
        if self.names.has_number:
            file = folder / self.names.name(number)
            return file if file.is_file() else None
        names = _names(folder)
        if indexing is Indexing.NUMERIC:
            # Of 10 000 names, to pick these out takes 0.2 ms, to read the number of each 8.
            names = [name for name in names if str(number) in name]
        found = [folder / name for found, name in self._numbered(names, indexing) if found == number]
        if len(found) > 1:
            raise AmbiguousFrameError(number, found, Sequence.of_file(found[0], number).pattern.relative()[1])
        return found[0] if found else None

    def _numbered(self, names: list[str], indexing: Indexing) -> list[tuple[int, str]]:
        if self.names.has_number:
            return sorted((number, name) for name in names if (number := self.names.number(name)) is not None)
        images = [name for name in names if name.lower().endswith(EXTENSIONS) and not name.startswith(".")]
        matching = sorted(filter(self._matches, images))
        if indexing is Indexing.ALPHABETIC:
            return list(enumerate(matching))
        found = ((re.search(r"([0-9]+)\.[^.]+$", name), name) for name in matching)
        return sorted((int(match[1]), name) for match, name in found if match)

    @cached_property
    def _matches(self) -> Callable[[str], object]:
        return re.compile("|".join(translate(glob) for glob in self.globs)).match


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
