"""Batch folders: `batch_0000`, `batch_0001`, ... beside the frames, one for each image of a batch (the Dream pack's layout).

Each folder is a sequence of its own, with one file per frame. For the savers, for resuming and for loading, this module
answers which of the folders count, and when a frame is on disk:

- A batch folder counts if it holds any frame of the sequence in question. It need not hold frame 0, and there may be gaps
  between the folders.
- If any folder counts, a frame is on disk when it is on disk in every one that does; the single file `frame_00007.png`
  beside them does not stand for a batch. If none counts, the single file decides.

So files left by a take of another kind (single images, or a batch of more images) can cause a frame to be rendered again, but
never to be skipped. Nothing is lost by that: under a policy that keeps existing frames, whole files are kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .paths import Root

_NAME = re.compile(r"batch_([0-9]{4,9})")


def batch_folder(index: int) -> str:
    """The name of the folder for image `index` of a batch, from 0."""
    return f"batch_{index:04d}"


def batch_folders(root: Root, folder: Path) -> list[tuple[int, Path]]:
    """(index, path) of the batch folders in `folder`, in order. PathError for one that is a link to somewhere else.

    One listing: 5 ms of CPU time where 10,000 frames lie beside them.
    """
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = filter(None, (_NAME.fullmatch(name) for name in names if name.startswith("batch_")))
    indices = sorted(int(match[1]) for match in matches if batch_folder(int(match[1])) == match[0])
    found = [(index, folder / batch_folder(index)) for index in indices]
    folders = [(index, path) for index, path in found if path.is_dir()]
    for _, path in folders:
        root.confirm_folder(path, write=False, shown=str(path))
    return folders


def in_every(batches: Iterable[set[int]]) -> set[int]:
    """The frames that are in every batch folder that counts. `batches`: the frames of each; empty ones do not count."""
    begun = [numbers for numbers in batches if numbers]
    return set.intersection(*begun) if begun else set()
