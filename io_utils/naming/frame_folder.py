"""FrameFolder: the files of one folder that stand for frame numbers, chosen by wildcards or by a frame pattern."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from ..errors import AmbiguousFrameError, PatternError
from ..policies import Indexing
from .allowed_roots import Root, root_of
from .file_sequence import FileSequence
from .frame_pattern import MAX_PADDING, FramePattern
from .inventory import inventory
from .numbered_names import LARGEST, is_image, is_negative
from .regular_files import is_regular, regular_files
from .variants import Variants

# The last number of a name, and what is between it and the extension: no letters or digits.
_NUMBER = re.compile(rf"(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([\W_]*)\.[^.]+$")


@dataclass(frozen=True)
class FrameFolder:
    """The frames in the folder `root.path / directory`, and in its batch folders.

    Their file names are those of `names` if it has a frame number, else those that one of `globs` matches.
    """

    root: Root
    directory: str
    globs: tuple[str, ...]
    names: FramePattern

    @classmethod
    def parse(cls, directory_path: str, pattern: str, kind: str = "output") -> FrameFolder:
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
        root, directory = root_of(directory_path, kind, write=False)
        return cls(root, directory, tuple(pattern.split("|")), names)

    @property
    def folder(self) -> Path:
        return self.root.path / self.directory

    def __str__(self) -> str:
        """What a file would have to match, as a path."""
        return f"{self.folder.as_posix()}/{self.names if self.names.has_number else '|'.join(self.globs)}"

    def sequence(self, file: Path, number: int) -> FileSequence:
        """The sequence that `file`, frame `number` of these frames, is part of."""
        if not self.names.has_number:
            return FileSequence.from_file(file, number)
        folder = file.parent.relative_to(self.root.path).as_posix()
        return FileSequence(self.root, self.names.within("" if folder == "." else folder))

    def files(self, number: int, indexing: Indexing) -> list[Path]:
        """The file of frame `number`, or one file a variant if all batch folders have it; empty if it is missing.

        With a frame pattern, only folders without the frame are listed. Raises AmbiguousFrameError, and PathError for a
        batch folder that is a link to somewhere else.
        """
        single = self._file(self.folder, number, indexing)
        if single is not None:
            return [single]

        def file_in(_: int, folder: Path) -> list[Path] | None:
            file = self._file(folder, number, indexing)
            return [file] if file is not None else [] if self.listed(folder, indexing) else None

        variants = Variants.find(self.root, self.folder, file_in)
        return [] if variants.lacking(bool) else [file for files in variants.places.values() for file in files]

    def numbers(self, indexing: Indexing) -> list[int]:
        """The frames for which `files` finds some, in order. One listing a folder. Raises PathError as `files`."""

        def numbers_in(_: int, folder: Path) -> set[int] | None:
            return {number for number, _ in self.listed(folder, indexing)} or None

        single = numbers_in(0, self.folder) or set()
        return sorted(single | Variants.find(self.root, self.folder, numbers_in).common())

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
            suggestion = FileSequence.from_file(found[0], number).pattern.relative()[1]
            raise AmbiguousFrameError(number, found, str(suggestion))
        return found[0] if found else None

    def _numbered(self, names: list[str], indexing: Indexing) -> list[tuple[int, str]]:
        if self.names.has_number:
            numbered = ((self.names.number(name), name) for name in names)
            return sorted((number, name) for number, name in numbered if number is not None and number <= LARGEST)
        matching = self._matching(names)
        if indexing is Indexing.ALPHABETIC:
            return list(enumerate(matching))
        found = [(match, name) for name in matching if (match := _NUMBER.search(name)) and not is_negative(match)]
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
        return sorted(filter(self._matches, filter(is_image, names)))

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
