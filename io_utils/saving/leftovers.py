"""Removes what killed runs left unfinished of a sequence."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..naming.file_sequence import FileSequence
from .atomic import remove_parts
from .plan import Frame

_log = logging.getLogger(__name__)

# The (folder, sequence) pairs from which this process has removed the part files of killed runs. Once is enough: every
# frame of a long render is a run of its own, and listing 10,000 names for each would make the render quadratic.
_swept: set[tuple[Path, FileSequence]] = set()


def remove_leftovers(frames: Sequence[Frame]) -> None:
    """Remove the part files that killed runs left of the frames' sequences, listing each folder once."""
    sequences: dict[Path, set[FileSequence]] = {}
    for frame in frames:
        # If each frame has a folder of its own, the workflow is in another one.
        for folder in {frame.path.parent, frame.sequence.folder}:
            if len(frames) > 1 or (folder, frame.sequence) not in _swept:
                sequences.setdefault(folder, set()).add(frame.sequence)
    for folder, swept in sequences.items():
        for sequence in swept:
            _swept.add((sequence.root.confirm(folder / "frame", write=True).parent, sequence))
        removed = remove_parts(folder, lambda name: _is_name_of_any(swept, folder / name))  # noqa: B023 called at once
        if removed:
            _log.info("Removed %d unfinished files that a killed run left in %s.", len(removed), folder)


def _is_name_of_any(sequences: Iterable[FileSequence], path: Path) -> bool:
    return any(_is_name_of(sequence, path) for sequence in sequences)


def _is_name_of(sequence: FileSequence, path: Path) -> bool:
    """Whether `path` is a file of the sequence, one that KEEP_BOTH put beside it, or its workflow."""
    if path == sequence.workflow_file:
        return True
    name = path.relative_to(sequence.root.path).as_posix()
    pattern = sequence.pattern
    return any(
        pattern.number(candidate) is not None or (not pattern.has_number and pattern.name(0) == candidate)
        for candidate in (name, re.sub(r"-[0-9]+(\.[^./]+)$", r"\1", name))
    )
