"""Chooses the files of a finished animation, ours or the Dream pack's, for Animation Sequence to Images."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import FrameGoneError, InputError
from ..naming.file_sequence import FileSequence
from ..naming.frame_range import named
from ..naming.regular_files import is_regular
from ..wire import described
from .frame_colour import FrameColour
from .selection import Selection


def is_finished(sequence: Any) -> bool:
    """Whether this animation sequence, ours or the Dream pack's, is complete. Raises ValueError for anything else."""
    with _as_animation(sequence):
        return bool(sequence.is_defined)


def frame_rate(sequence: Any) -> float:
    """Frames per second of an animation sequence. Raises ValueError for anything else."""
    with _as_animation(sequence):
        return float(sequence.fps)


def colour_of(sequence: Any) -> FrameColour:
    """How the files of an animation sequence become the images that were saved. The Dream pack's are sRGB.

    Raises OptionError, ColorSpaceError.
    """
    plain = FrameColour()
    return FrameColour(
        image_color_space=getattr(sequence, "image_color_space", plain.image_color_space),
        file_color_space=getattr(sequence, "file_color_space", plain.file_color_space),
    )


def choose_animation(sequence: Any, batch_index: int) -> Selection:
    """The files of image `batch_index` of every batch in a finished animation sequence, ours or the Dream pack's.

    Raises ValueError for an out-of-range `batch_index` and for anything that is not an animation sequence,
    FileNotFoundError naming the frames whose files no longer exist.
    """
    with _as_animation(sequence):
        numbers = tuple(map(operator.index, sequence.keys_in_order))
        variants = operator.index(sequence.num_batches)
        paths = {number: [Path(path) for path in sequence.frames[number]] for number in numbers}
    variants = min([variants, *map(len, paths.values())])
    if not 0 <= batch_index < variants:
        held = f"{variants} image{'s' if variants != 1 else ''} per frame"
        fix = (
            f"Set batch_index to a number from 0 to {variants - 1}"
            if variants > 1
            else "Set batch_index to 0"
            if variants
            else "Save the sequence again"
        )
        raise InputError(f"{fix}. The sequence holds {held}, and batch_index is {batch_index}.")
    files = {number: paths[number][batch_index] for number in numbers}
    missing = [number for number, file in files.items() if not is_regular(file)]
    if missing:
        raise FrameGoneError(
            f"Save {named(missing)} again. {'It' if len(missing) == 1 else 'They'} can no longer be found: "
            f"{str(files[missing[0]])!r}."
        )
    sequences = FileSequence.from_files(files)
    return Selection.of_files(files, dict(zip(files, sequences, strict=True)))


@contextmanager
def _as_animation(sequence: Any) -> Iterator[None]:
    """Turns an error from reading `sequence` as an animation sequence into a ValueError that says what it is."""
    try:
        yield
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise InputError(
            f"Wire the output 'sequence' of Save Image Sequence (Frame Counter) to the input 'sequence'. It got "
            f"{described(sequence)}, which is not a finished animation sequence."
        ) from error
