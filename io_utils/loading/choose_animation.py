"""Animation Sequence to Images: the files of a finished animation, ours or the Dream pack's."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..naming.frame_range import named
from ..naming.regular_files import is_regular
from ..wire import described
from .selection import Selection


def is_finished(sequence: Any) -> bool:
    """Is this animation sequence, ours or the Dream pack's, complete? ValueError if it is not one."""
    with _as_animation(sequence):
        return bool(sequence.is_defined)


def frame_rate(sequence: Any) -> float:
    """Frames per second of an animation sequence. ValueError if it is not one."""
    with _as_animation(sequence):
        return float(sequence.fps)


def choose_animation(sequence: Any, batch_index: int) -> Selection:
    """The files of one image of the batch in a finished animation sequence, ours or the Dream pack's.

    Raises ValueError for an out-of-range `batch_index`, and for what is not an animation sequence; FileNotFoundError
    naming the frames whose files are gone.
    """
    with _as_animation(sequence):
        numbers = tuple(map(operator.index, sequence.keys_in_order))
        variants = operator.index(sequence.num_batches)
        paths = {number: [Path(path) for path in sequence.frames[number]] for number in numbers}
    variants = min([variants, *map(len, paths.values())])
    if not 0 <= batch_index < variants:
        held = f"{variants} image{'s' if variants != 1 else ''} per frame"
        fix = (
            f"Set it to a number from 0 to {variants - 1}"
            if variants > 1
            else "Set it to 0"
            if variants
            else "Save it again"
        )
        raise ValueError(f"batch_index is {batch_index}, but the sequence holds {held}. {fix}.")
    files = {number: paths[number][batch_index] for number in numbers}
    gone = [number for number, file in files.items() if not is_regular(file)]
    if gone:
        raise FileNotFoundError(
            f"{named(gone).capitalize()} of the sequence can no longer be found: {str(files[gone[0]])!r}. Save "
            f"{'it' if len(gone) == 1 else 'them'} again."
        )
    return Selection.of_files(files)


@contextmanager
def _as_animation(sequence: Any) -> Iterator[None]:
    """Turns errors about what `sequence` lacks of an animation sequence into a ValueError in words."""
    try:
        yield
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise ValueError(
            f"The input 'sequence' got {described(sequence)}, which is not a finished animation sequence. Wire the output 'sequence' of "
            f"Save Image Sequence (Frame Counter) to it."
        ) from error
