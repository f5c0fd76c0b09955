"""Selection: which files are to become a batch, and in which places."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..naming.frame_range import named, ranges


@dataclass(frozen=True)
class Selection:
    """Which frames to load: `numbers` in order, and for each the frame that fills its place (None: black).

    `files` has the file of every such frame, `missing` the numbers that were asked for and are not on disk; `step` lies
    between two numbers.
    """

    numbers: tuple[int, ...]
    sources: tuple[int | None, ...]
    files: Mapping[int, Path]
    missing: tuple[int, ...] = ()
    step: int = 1

    @classmethod
    def of_files(cls, files: Mapping[int, Path]) -> Selection:
        """Exactly the frames in `files`."""
        return cls(tuple(files), tuple(files), files)

    @property
    def summary(self) -> str:
        """A line for people: what was loaded, and what was not there."""
        lacking = f"; not on disk: {ranges(self.missing)}" if self.missing else ""
        return f"Loaded {named(self.files)}{lacking}"

    @property
    def fingerprint(self) -> str:
        """The same as long as the same files are chosen and none of them changes."""
        return stamp(self.sources, self.files.values())


def stamp(choice: object, files: Iterable[Path]) -> str:
    """sha256 of `choice`, by its repr, and of the paths, sizes and modification times of the files."""
    digest = hashlib.sha256(repr(choice).encode("utf-8", "surrogatepass"))
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        # Names that are not UTF-8 contain halves of surrogate pairs.
        digest.update(f"|{file}|{status.st_size}|{status.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def fingerprint(look: Callable[[], str]) -> str:
    """What `look()` finds, for a cache key. Never raises: settings that select nothing have their error as fingerprint."""
    try:
        return look()
    except (ValueError, TypeError, OSError) as error:
        return str(error)
