"""Variants: the batch folders `batch_0000`, `batch_0001`, ... beside the frames, one for each image of a batch.

The layout is the Dream pack's: each folder is a sequence of its own, with one file per frame. Saving, resuming and loading
all ask this module which folders count and when a frame is complete:

- A batch folder counts if it holds any frame of the sequence. It need not hold frame 0.
- If any folder counts, a frame is on disk when every folder that counts has it. If no folder counts, the single file
  `frame_00007.png` beside the folders decides. For savers and resuming, a single file never replaces a batch; a loader
  loads the single file where there is one.
- Folders are numbered from 0 without gaps. If a lower one is missing or empty while a higher one counts, no frame is complete
  for savers and resuming, and every frame is rendered again. (A missing last folder cannot be noticed.) Loaders load the
  variants that exist.

So files left by another kind of take (single images, or larger batches) can cause a frame to be rendered again, but never to
be skipped; whole files are kept under a policy that keeps existing frames. The saver prevents an endless loop: it saves such
a frame once and says so, and stops when the same frame comes again (`OtherTakeError`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import PathError
from .allowed_roots import Root

_NAME = re.compile(r"batch_([0-9]{4,9})")

# What represents one variant: a sequence for a saver, its files or frame numbers for a loader.
Place = TypeVar("Place")


def batch_folder(index: int) -> str:
    """The name of the folder for image `index` of a batch, from 0."""
    return f"batch_{index:04d}"


@dataclass(frozen=True)
class Variants(Generic[Place]):
    """The batch folders that count, by the index of their image in the batch."""

    places: Mapping[int, Place]

    @classmethod
    def find(
        cls, root: Root, folder: Path, frames_in: Callable[[int, Path], Place | None], *, strict: bool = True
    ) -> Variants[Place]:
        """The batch folders in `folder` that hold frames. `frames_in(index, path)` returns None for one without frames.

        Raises PathError if a batch folder is a link to a folder that is not allowed. Unless `strict`, such links are left
        out: frames that are rendered already must not be lost. Lists the folder once: 5 ms of CPU time with 10,000 frames.
        """
        found = ((index, frames_in(index, path)) for index, path in _folders(root, folder, strict=strict))
        return cls({index: place for index, place in found if place is not None})

    def __bool__(self) -> bool:
        return bool(self.places)

    @property
    def gaps(self) -> str:
        """The folders missing below the highest one that counts: "batch_0001, batch_0003 to batch_0007"; "" if none."""
        expected, missing = 0, []
        for index in sorted(self.places):
            if index == expected + 1:
                missing.append(batch_folder(expected))
            elif index > expected:
                missing.append(f"{batch_folder(expected)} to {batch_folder(index - 1)}")
            expected = index + 1
        return ", ".join(missing)

    def lacking(self, has_frame: Callable[[Place], bool]) -> list[Place]:
        """The places for which `has_frame` is false. It is called for all of them, because any call may raise."""
        return [place for place in self.places.values() if not has_frame(place)]

    def common(self: Variants[set[int]]) -> set[int]:
        """For places that are sets of frame numbers: the frames in every folder that counts; empty if no folder counts."""
        return set.intersection(*self.places.values()) if self.places else set()

    def complete(self: Variants[set[int]]) -> set[int]:
        """The frames that are complete for savers and resuming: `common`, but none while there are `gaps`."""
        return set() if self.gaps else self.common()


def _folders(root: Root, folder: Path, *, strict: bool) -> list[tuple[int, Path]]:
    """(index, path) of the batch folders in `folder`, in order."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = filter(None, (_NAME.fullmatch(name) for name in names if name.startswith("batch_")))
    indices = sorted(int(match[1]) for match in matches if batch_folder(int(match[1])) == match[0])
    found = [(index, folder / batch_folder(index)) for index in indices]
    folders = [(index, path) for index, path in found if path.is_dir()]
    inside = []
    for index, path in folders:
        with suppress(PathError) if not strict else nullcontext():
            root.confirm_folder(path, write=False, shown=str(path))
            inside.append((index, path))
    return inside
