"""Single: one frame of a folder of frames. Which file it is, and what takes its place if it is missing."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch

from . import paths, reader
from .frames import Frames, Indexing
from .listing import printable
from .paths import anywhere
from .pattern import FramePattern
from .reader import FrameMissingError, FrameSizeError, OnSizeMismatch, Selection
from .sequence import Sequence


class OnMissingFrame(str, Enum):
    """What a frame that is not on disk gives."""

    ERROR = "error"
    HOLD_PREVIOUS = "hold previous"
    HOLD_NEXT = "hold next"
    BLACK = "black"


@dataclass(frozen=True)
class Single:
    """What frame `number` gives: the files of frame `source`, one for each image of a batch.

    `source` is None where the caller's image stands in for it. If `black`, only the size of the files matters.
    """

    frames: Frames
    number: int
    source: int | None
    files: tuple[Path, ...] = ()
    black: bool = False

    @property
    def is_default(self) -> bool:
        return self.source is None

    @property
    def shown(self) -> list[tuple[Sequence, int]]:
        """The (sequence, frame) of every picture that is loaded."""
        if self.black or self.source is None:
            return []
        return [(self.frames.sequence(file, self.source), self.source) for file in self.files]

    @property
    def file_name(self) -> str:
        """Name of the first loaded file, or ''. Bytes of it that are not UTF-8 are U+FFFD: it goes to other nodes."""
        return "" if self.black or self.source is None else printable(self.files[0].name)

    @property
    def fingerprint(self) -> str:
        """The same as long as the same files are chosen and none of them changes."""
        return reader.stamp((self.number, self.source, self.black), self.files)

    @property
    def summary(self) -> str:
        """A line for people."""
        if self.source == self.number:
            return f"Loaded frame {self.number}: {self.file_name}"
        held = f"frame {self.source}: {self.file_name}"
        instead = "a black image" if self.black else "default_image" if self.source is None else held
        return f"Frame {self.number} is not on disk; in its place {instead}"


def locate(directory_path: str, pattern: str, kind: str) -> Frames:
    """The frames that a loader's widgets name. Raises what `Frames.locate` does, and ValueError for a file type."""
    names = FramePattern.parse(pattern)
    if names.has_number:
        reader.require_readable(names, pattern)
    return Frames.locate(directory_path, pattern, kind)


def check(directory_path: str) -> None:
    """Raise what `locate` raises for this path in all of ComfyUI's folders: before the run it is not known which one is meant."""
    anywhere(lambda kind: paths.locate(directory_path, kind, write=False))


def choose(frames: Frames, number: int, indexing: Indexing, on_missing: OnMissingFrame | None) -> Single:
    """Frame `number`, or what stands for it; `on_missing` None: an image that the caller has.

    Folders are listed only for globs, or to find what stands for a missing frame.

    Raises FrameMissingError (under ERROR; or with nothing to hold, and for black no other frame to tell the size),
    AmbiguousFrameError.
    """
    files = frames.files(number, indexing)
    if files:
        return Single(frames, number, number, tuple(files))
    if on_missing is None:
        return Single(frames, number, None)
    available = frames.numbers(indexing)
    place = bisect_left(available, number)
    earlier, later = available[:place][-1:], available[place:][:1]
    sources = {
        OnMissingFrame.HOLD_PREVIOUS: earlier,
        OnMissingFrame.HOLD_NEXT: later,
        OnMissingFrame.BLACK: earlier or later,
    }.get(on_missing)
    if not sources:
        raise _missing(frames, number, available, on_missing)
    found = tuple(frames.files(sources[0], indexing))
    return Single(frames, number, sources[0], found, on_missing is OnMissingFrame.BLACK)


def load(single: Single, default: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(image, mask): (N, H, W, 3) and (N, H, W) as of `reader.load`, N > 1 for a batch. Raises what that raises.

    `default`, (N, H, W, C), is returned as it is, with a mask of zeros, where `single.is_default`. ValueError if it is
    not an image.
    """
    number = single.source
    if number is None:
        if not isinstance(default, torch.Tensor) or default.ndim != 4:
            came = "nothing" if default is None else f"a {type(default).__name__} that is not an IMAGE"
            raise ValueError(
                f"Frame {single.number} is not on disk, and {came} came from the node wired to default_image. "
                f"Wire an image to it."
            )
        return default, default.new_zeros(default.shape[:3])
    if single.black:
        return reader.black(number, single.files[0])
    loaded = [
        reader.load(Selection((number,), (number,), {number: file}), OnSizeMismatch.ERROR) for file in single.files
    ]
    sizes = [(image.shape[2], image.shape[1]) for image, _ in loaded]
    for file, size in zip(single.files, sizes):
        if size != sizes[0]:
            fix = "Render the frame again in one size, or write one of the batch folders into directory_path."
            raise FrameSizeError((number, number), (sizes[0], size), file, fix)
    if len(loaded) == 1:
        return loaded[0]
    images, masks = zip(*loaded)
    return torch.cat(images), torch.cat(masks)


def fingerprint(directory_path: str, pattern: str, kind: str, number: int, indexing: str, on_missing: str) -> str:
    """For a cache key: changes when the files that `choose` chooses change on disk, and only then. Never raises.

    `on_missing` is a value of OnMissingFrame, or "" for None.
    """
    try:
        policy = OnMissingFrame(on_missing) if on_missing else None
        return choose(locate(directory_path, pattern, kind), number, Indexing(indexing), policy).fingerprint
    except (ValueError, TypeError, OSError) as error:
        return str(error)


def _missing(frames: Frames, number: int, available: list[int], on_missing: OnMissingFrame) -> FrameMissingError:
    fix = "Check directory_path, pattern and folder, or render what is missing"
    if on_missing is OnMissingFrame.ERROR:
        fix += ", or set on_missing to 'hold previous', 'hold next' or 'black', or wire default_image"
    elif available:
        side = "before" if on_missing is OnMissingFrame.HOLD_PREVIOUS else "after"
        fix += f"; there is no frame {side} it to hold"
    path = frames.folder / frames.names.name(number) if frames.names.has_number else frames
    return FrameMissingError([number], available, str(path), "" if available else frames.instead(), fix)
