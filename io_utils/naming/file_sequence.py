"""FileSequence: numbered files in an allowed folder, and which of them exist, found with one listing."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .allowed_roots import Root, root_of, roots_of
from .file_names import MAX_NAME_BYTES, check_names, is_printable
from .frame_pattern import MAX_PADDING, FramePattern
from .regular_files import entry_names, is_regular, regular_files

WORKFLOW_SUFFIX = ".workflow.json"
_LONGEST_WORKFLOW = MAX_NAME_BYTES - len(WORKFLOW_SUFFIX)


@dataclass(frozen=True)
class FileSequence:
    """The files `root.path / pattern.name(frame)`; `pattern` is '/'-separated and relative to the root."""

    root: Root
    pattern: FramePattern

    @classmethod
    def from_pattern(cls, pattern: FramePattern, kind: str, *, write: bool, shown: str | None = None) -> FileSequence:
        """The sequence of `pattern`, relative to ComfyUI's `kind` folder or absolute inside an allowed root.

        The files need not exist. Raises PathError if their names are not safe or their folder is not allowed; the message
        shows `shown`, the user's own text.
        """
        shown = str(pattern) if shown is None else shown
        first, *others = (re.sub(r"[\\/](?:\.?[\\/])*", "/", literal) for literal in pattern.literals)
        start = first.rfind("/") + 1
        file = FramePattern((first[start:], *others), pattern.padding)
        # Two leading slashes or backslashes must stay: they make it a UNC path.
        root, relative = root_of(_head(pattern.literals[0]), kind, write=write, shown=shown)
        check_names(file.name(1), shown)  # 1, because com1 and lpt1 are devices but com0 is not
        return cls(root, file.within(relative))

    @classmethod
    def from_file(cls, path: Path, frame: int) -> FileSequence:
        """A sequence in which `path` is the file of `frame`. If the last number in its name is `frame`, that number varies.

        Raises OutsideError if `path` is outside the folders that may be read.
        """
        return cls.from_files({frame: path})[0]

    @classmethod
    def from_files(cls, files: Mapping[int, Path]) -> list[FileSequence]:
        """`from_file` for every (frame, path) in `files`. Looks up each folder only once."""
        placed = roots_of({path.parent for path in files.values()})
        return [cls(*_below(placed[path.parent], _pattern_of(path.name, frame))) for frame, path in files.items()]

    @classmethod
    def from_names(cls, folder: Path, names: Iterable[tuple[int, str]]) -> list[FileSequence]:
        """`from_file` for every (frame, name) of a file in `folder`, also where two files have the same number."""
        place = roots_of([folder])[folder]
        return [cls(*_below(place, _pattern_of(name, frame))) for frame, name in names]

    def file(self, frame: int) -> Path:
        return self.root.path / self.pattern.name(frame)

    @property
    def path_pattern(self) -> str:
        """The pattern as a loader takes it: relative to ComfyUI's output folder, or absolute in any other root."""
        return self.pattern_from("output")

    def pattern_from(self, kind: str) -> str:
        """The pattern as a loader takes it whose folder is `kind`: relative to that folder, or absolute in any other root."""
        return str(self.pattern if self.root.kind and self.root.kind == kind else self)

    def shown_file(self, frame: int) -> str:
        """The path of `frame` as users see it: relative to ComfyUI's output folder, or absolute in any other root."""
        return self.pattern.name(frame) if self.root.kind == "output" else self.file(frame).as_posix()

    @property
    def folder(self) -> Path:
        """The folder that all frames share."""
        return self.root.path / self.pattern.relative()[0]

    @property
    def workflow_file(self) -> Path:
        """The workflow file of a sequence whose frames cannot hold the workflow: `shots/f_####.exr.workflow.json`.

        It is in the folder that all frames share. Its name is the pattern, with `#` for each digit of the frame number, so
        that no two sequences share a file. If that is not a valid file name (one folder per frame, too long) or the name
        already contains #, eight digits of the pattern's SHA-256 make it unique.
        """
        folder, pattern = self.pattern.relative()
        name = pattern.hashes
        if "/" in name or len(name.encode()) > _LONGEST_WORKFLOW or any("#" in literal for literal in pattern.literals):
            short = name.replace("/", "-").encode()[: _LONGEST_WORKFLOW - 9].decode(errors="ignore")
            name = f"{short}-{hashlib.sha256(str(pattern).encode()).hexdigest()[:8]}"
        return self.root.path / folder / f"{name}{WORKFLOW_SUFFIX}"

    def has_frames(self, first: int = 0) -> bool:
        """Whether any frame from `first` on has a file, complete or not. Stops at the first one."""
        folder, below = self.pattern.relative()
        component = below.component()
        try:
            with os.scandir(self.root.path / folder) as entries:
                numbers = (component.number(entry.name) for entry in entries)
                return any(number is not None and number >= first and self.file(number).is_file() for number in numbers)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def frames(self) -> list[int]:
        """The frame numbers on disk, sorted. Lists the folder once."""
        folder, below = self.pattern.relative()
        component = below.component()
        if component == below:
            listed = regular_files(self.root.path / folder)
            return sorted(number for name in listed if (number := component.number(name)) is not None)
        found = map(component.number, entry_names(self.root.path / folder, lambda entry: True))
        return sorted(number for number in found if number is not None and is_regular(self.file(number)))

    @property
    def is_printable(self) -> bool:
        """Whether its file names can be sent to a browser: names that are not UTF-8 cannot be part of a URL."""
        return all(map(is_printable, self.pattern.literals))

    def __str__(self) -> str:
        return f"{self.root.path.as_posix()}/{self.pattern}"


def _pattern_of(name: str, frame: int) -> FramePattern:
    """The pattern of the file `name`, with its last number as the frame number if that equals `frame`."""
    stem = re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", name, re.DOTALL)
    if stem and len(stem[2]) <= MAX_PADDING and int(stem[2]) == frame:
        return FramePattern.around(stem[1], stem[3], len(stem[2]))
    return FramePattern((name,))


def _below(place: tuple[Root, str], pattern: FramePattern) -> tuple[Root, FramePattern]:
    root, folder = place
    return root, pattern.within(folder)


def _head(text: str) -> str:
    """The folder part of a path, including the last separator."""
    return text[: max(text.rfind("/"), text.rfind("\\")) + 1]
