"""Selection: which files make up a batch, and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..message import Message
from ..naming.file_sequence import FileSequence
from ..naming.frame_range import ranges


@dataclass(frozen=True)
class Selection:
    """Which frames to load: `numbers` in order, and in `sources` the frame that fills each place (None: black).

    files: the file of every source.
    missing: the requested numbers that are not on disk.
    step: the difference between two successive numbers.
    sequences: the sequence of each file, by frame; empty if the frames are not reported to the browser.
    """

    numbers: tuple[int, ...]
    sources: tuple[int | None, ...]
    files: Mapping[int, Path]
    missing: tuple[int, ...] = ()
    step: int = 1
    sequences: Mapping[int, FileSequence] = field(default_factory=dict)

    @classmethod
    def of_files(cls, files: Mapping[int, Path], sequences: Mapping[int, FileSequence] | None = None) -> Selection:
        """Exactly the frames in `files`."""
        return cls(tuple(files), tuple(files), files, sequences=sequences or {})

    @property
    def shown(self) -> list[tuple[FileSequence, int]]:
        """The (sequence, frame) of every file, for the browser."""
        return [(sequence, frame) for frame, sequence in self.sequences.items()]

    @property
    def summary(self) -> Message:
        """One line for the user: what was loaded and what is missing."""
        count, frames = len(self.files), ranges(self.files)
        if not self.missing:
            return Message(("Loaded frame %frames%", "Loaded frames %frames%"), count=count, frames=frames)
        return Message(
            ("Loaded frame %frames%; not on disk: %missing%", "Loaded frames %frames%; not on disk: %missing%"),
            count=count,
            frames=frames,
            missing=ranges(self.missing),
        )

    @property
    def fingerprint(self) -> str:
        """Stays the same as long as the same files are chosen and none of them changes."""
        return stamp(self.sources, self.files.values())


def stamp(choice: object, files: Iterable[Path]) -> str:
    """SHA-256 of the repr of `choice` and of the names, sizes and modification times of `files`.

    Of each path the name and the folder count: other machines of a farm see the same disk under another path.
    """
    digest = hashlib.sha256(repr(choice).encode("utf-8", "surrogatepass"))
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        # Names that are not UTF-8 contain lone surrogates.
        name = f"{file.parent.name}/{file.name}"
        digest.update(f"|{name}|{status.st_size}|{status.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def fingerprint(look: Callable[[], str]) -> str:
    """The result of `look()`, for a cache key.

    Never raises: if the settings select nothing, it is their error message.
    """
    try:
        return look()
    except (ValueError, TypeError, OSError) as error:
        return str(error)
