"""What a saver's widgets lead to, before anything runs: where the next frame goes, and which frames are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..naming.file_sequence import FileSequence
from ..naming.frame_range import ranges

_FACTS = ("number", "is_there", "existing", "existing_ranges", "in_the_way", "policy")


def unknown(path: str) -> dict[str, Any]:
    """The facts of `destination` as far as they are known without the run: `path`, with the tokens that only it fills in."""
    return {"path": path, **dict.fromkeys(_FACTS)}


def destination(
    sequence: FileSequence,
    number: int | None,
    existing: Iterable[int],
    policy: str,
    is_met: Callable[[int], bool],
) -> dict[str, Any]:
    """Plain values about the frame `number` of `sequence`. `number` is None if it is not known, or if no frame comes.

    path: the file of the frame; without a number, the pattern. Relative to the output folder, or absolute in an operator's
    folder.
    is_there: whether that frame is on disk.
    existing, existing_ranges: how many frames are on disk, and which.
    in_the_way: for how many of these `is_met` says that the coming runs meet them.
    policy: the word of the widget that says what then happens.
    """
    frames = set(existing)
    return {
        "path": sequence.path_pattern if number is None else sequence.shown_file(number),
        "number": number,
        "is_there": None if number is None else number in frames,
        "existing": len(frames),
        "existing_ranges": ranges(frames),
        "in_the_way": sum(map(is_met, frames)),
        "policy": policy,
    }
