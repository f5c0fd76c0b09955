"""Sequence: numbered files in a folder that may be used. What is on disk is asked here, with one listing."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .paths import MAX_NAME_BYTES, Root, check_names, locate
from .pattern import FramePattern

WORKFLOW_SUFFIX = ".workflow.json"
_LONGEST_WORKFLOW = MAX_NAME_BYTES - len(WORKFLOW_SUFFIX)


@dataclass(frozen=True)
class Sequence:
    """The files `root.path / pattern.name(frame)`; `pattern` is '/'-separated and relative to the root."""

    root: Root
    pattern: FramePattern

    @classmethod
    def locate(cls, pattern: FramePattern, kind: str, *, write: bool) -> Sequence:
        """The sequence that `pattern` names, relative to ComfyUI's `kind` folder or absolute inside an allowed root.

        Raises PathError where files must not be. The files need not exist.
        """
        first, *others = (re.sub(r"[\\/](?:\.?[\\/])*", "/", literal) for literal in pattern.literals)
        start = first.rfind("/") + 1
        file = FramePattern((first[start:], *others), pattern.padding)
        # Absolute folders keep their two leading slashes or backslashes: that is what makes them UNC paths.
        root, relative = locate(_head(pattern.literals[0]), kind, write=write, shown=str(pattern))
        check_names(file.name(1), str(pattern))  # 1, as com1 and lpt1 are devices and com0 is none
        return cls(root, file.within(relative))

    @classmethod
    def of_file(cls, path: Path, frame: int) -> Sequence:
        """A sequence whose file of `frame` is `path`: the last number in the name is the frame number, if it fits.

        Raises PathError if `path` is outside the folders that may be read.
        """
        stem = re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.name)
        if stem and int(stem[2]) == frame:
            pattern = FramePattern.around(stem[1], stem[3], len(stem[2]))
        else:
            pattern = FramePattern((path.name,))
        root, relative = locate(path.parent.as_posix(), "output", write=False)
        return cls(root, pattern.within(relative))

    def file(self, frame: int) -> Path:
        return self.root.path / self.pattern.name(frame)

    @property
    def workflow_file(self) -> Path:
        """Where the workflow of these frames goes if they cannot hold it: `shots/f_####.exr.workflow.json`.

        The name is the pattern with its number as #, in the folder that all frames share, so that no two sequences have
        one file. Where that cannot be a file name (a folder for each frame, a name too long) or # is in the name itself,
        what is missing is made up for by eight digits of the pattern's SHA-256.
        """
        folder, pattern = self.pattern.relative()
        name = ("#" * max(1, pattern.padding)).join(pattern.literals)
        if "/" in name or len(name.encode()) > _LONGEST_WORKFLOW or any("#" in literal for literal in pattern.literals):
            short = name.replace("/", "-").encode()[: _LONGEST_WORKFLOW - 9].decode(errors="ignore")
            name = f"{short}-{hashlib.sha256(str(pattern).encode()).hexdigest()[:8]}"
        return self.root.path / folder / f"{name}{WORKFLOW_SUFFIX}"

    def is_begun(self) -> bool:
        """Is there any file of a frame, whole or not? Stops at the first."""
        folder, below = self.pattern.relative()
        component = below.component()
        try:
            with os.scandir(self.root.path / folder) as entries:
                numbers = (component.number(entry.name) for entry in entries)
                return any(number is not None and self.file(number).is_file() for number in numbers)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def frames(self) -> list[int]:
        """The frame numbers on disk, in numeric order: one listing, however many frames."""
        folder, below = self.pattern.relative()
        component = below.component()
        is_file = component == below
        try:
            with os.scandir(self.root.path / folder) as entries:
                numbered = [(component.number(entry.name), entry) for entry in entries]
                found = [n for n, entry in numbered if n is not None and (not is_file or entry.is_file())]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found if is_file else (n for n in found if self.file(n).is_file()))

    def __str__(self) -> str:
        return f"{self.root.path.as_posix()}/{self.pattern}"


def _head(text: str) -> str:
    """The folder part of a path text, its last separator included."""
    return text[: max(text.rfind("/"), text.rfind("\\")) + 1]
