"""Batch folders: `batch_0000`, `batch_0001`, ... beside the frames, one for each image of a batch (the Dream pack's layout).

Each folder is a sequence of its own, with one file per frame. Saving, resuming and loading all ask here which of the
folders count, and what a frame needs to be complete:

- A batch folder counts if it holds any frame of the sequence in question. It need not hold frame 0.
- If any folder counts, a frame is on disk when it is on disk in every one that does; the single file `frame_00007.png`
  beside them does not stand for a batch. If none counts, the single file decides.
- Folders are numbered from 0 without gaps. Where a lower one is gone, or empty, while a higher one counts, its frames are
  missing: savers and resuming take no frame for complete, and it is rendered again. (Nothing tells of a last folder that is
  gone.) The loaders load the variants that there are.

So files left by another kind of take (single images, or a batch of more images) can cause a frame to be rendered again, but
never to be skipped; under a policy that keeps existing frames, whole files are kept. The saver keeps that from going on for
ever: it saves such a frame once and says so, and stops when the same frame comes again (`OtherTakeError`).
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

# What holds the frames of one variant: a sequence for a saver, a folder and its frames for a loader.
Place = TypeVar("Place")


def batch_folder(index: int) -> str:
    """The name of the folder for image `index` of a batch, from 0."""
    return f"batch_{index:04d}"


@dataclass(frozen=True)
class Variants(Generic[Place]):
    """The batch folders that count, by the index of their image."""

    places: Mapping[int, Place]

    @classmethod
    def find(
        cls, root: Root, folder: Path, frames_in: Callable[[int, Path], Place | None], *, strict: bool = True
    ) -> Variants[Place]:
        """The batch folders in `folder` for which `frames_in(index, path)` finds something: None is a folder without frames.

        PathError for one that is a link to somewhere else. Such links are left out unless `strict`, for a look that must
        not cost frames that are rendered already. One listing: 5 ms of CPU time where 10,000 frames lie beside them.
        """
        found = ((index, frames_in(index, path)) for index, path in _folders(root, folder, strict=strict))
        return cls({index: place for index, place in found if place is not None})

    def __bool__(self) -> bool:
        return bool(self.places)

    @property
    def gaps(self) -> str:
        """The folders that are missing below the highest that counts: "batch_0001, batch_0003 to batch_0007"; "" for none."""
        expected, missing = 0, []
        for index in sorted(self.places):
            if index == expected + 1:
                missing.append(batch_folder(expected))
            elif index > expected:
                missing.append(f"{batch_folder(expected)} to {batch_folder(index - 1)}")
            expected = index + 1
        return ", ".join(missing)

    def lacking(self, has_frame: Callable[[Place], bool]) -> list[Place]:
        """The places that lack a frame. All are asked: any of them may raise."""
        return [place for place in self.places.values() if not has_frame(place)]

    def common(self: Variants[set[int]]) -> set[int]:
        """Where the places are sets of frames: those that are in every folder that counts; none where no folder does."""
        return set.intersection(*self.places.values()) if self.places else set()

    def complete(self: Variants[set[int]]) -> set[int]:
        """The frames that savers and resuming take for complete: `common`, but none while there are `gaps`."""
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
