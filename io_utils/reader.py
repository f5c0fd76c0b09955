"""Many files -> one tensor: parallel, bounded, cancellable, with progress; nothing invented, nothing dropped unasked.

Which library decodes which kind of file, and why, is one table, at `decode.decode`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Many
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import decode, host, report
from .memory import free_bytes, gib
from .parallel import each, in_flight
from .paths import allowed_roots, anywhere
from .pattern import FramePattern, named, ranges
from .pixels import dequantise
from .sequence import Sequence

# No memory holds more, and naming each of 2^53 missing frames would never end.
MAX_FRAMES = 1_000_000


class OnMissing(str, Enum):
    """What to do about a frame that is not on disk. The first two keep the earlier pack's words."""

    ERROR = "false"
    DROP = "true"
    HOLD_PREVIOUS = "hold previous"
    BLACK = "black"


class OnSizeMismatch(str, Enum):
    """What to do about a frame that is not as large as the first one."""

    ERROR = "error"
    RESIZE = "resize to first"


class FrameMissingError(FileNotFoundError):
    """Frames that are not on disk. Attributes: `frames` (missing), `available`, `path` (of the first one missing)."""

    def __init__(self, frames: Many[int], available: Many[int], path: str, pattern: str, fix: str) -> None:
        self.frames, self.available, self.path = list(frames), list(available), Path(path)
        what = f"{named(frames)} {'is' if len(frames) == 1 else 'are'} missing: {path!r}"
        have = f"On disk are {ranges(available)}" if available else f"No file there matches {pattern}"
        super().__init__(f"{what}. {have}. {fix}.")


class FrameReadError(ValueError):
    """A file that is not a whole image. Attributes: `frame`, `path`, `reason`."""

    def __init__(self, frame: int, path: Path, reason: str) -> None:
        self.frame, self.path, self.reason = frame, path, reason
        super().__init__(f"frame {frame} cannot be read: {str(path)!r}: {reason}. Render or convert it again.")


class FrameSizeError(ValueError):
    """Two frames of different size. Attributes: `frames`, `sizes`, two each; sizes are (width, height) in pixels."""

    def __init__(self, frames: tuple[int, int], sizes: tuple[tuple[int, int], tuple[int, int]], path: Path) -> None:
        self.frames, self.sizes, self.path = frames, sizes, path
        first, second = (f"frame {frame} is {width} x {height}" for frame, (width, height) in zip(frames, sizes))
        super().__init__(
            f"{first}, but {second}: {str(path)!r}. A batch has one size. Load them apart, or by Load Image Sequence "
            f"(Batch) with on_size_mismatch {OnSizeMismatch.RESIZE.value!r}."
        )


class BatchTooLargeError(ValueError):
    """A batch that memory cannot hold. Attributes: `needed`, `free` (bytes), `fitting` (how many frames would fit)."""

    def __init__(self, count: int, size: tuple[int, int], needed: int, free: int, fitting: int) -> None:
        self.needed, self.free, self.fitting = needed, free, fitting
        super().__init__(
            f"A batch of {count} at {size[0]} x {size[1]} needs {gib(needed)} of memory, but {gib(free)} are free: "
            f"{fitting} would fit. Load fewer at a time, by frame_count or step, or one a run by Load Image Sequence "
            f"(Frame)."
        )


@dataclass(frozen=True)
class Selection:
    """Which frames to load: `numbers` in order, and for each the frame that fills its place (None: black).

    `files` has the file of every such frame, `missing` the numbers that were asked for and are not on disk.
    """

    numbers: tuple[int, ...]
    sources: tuple[int | None, ...]
    files: Mapping[int, Path]
    missing: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        """A line for people: what was loaded, and what was not there."""
        lacking = f"; not on disk: {ranges(self.missing)}" if self.missing else ""
        return f"Loaded {named(self.files)}{lacking}"

    @property
    def fingerprint(self) -> str:
        """Stays while the files do, and their choice."""
        return stamp(self.sources, self.files.values())


def locate(path_pattern: str, kind: str) -> Sequence:
    """The sequence that a loader's `path_pattern` names. Raises PatternError, PathError, ValueError for its extension."""
    pattern = FramePattern.parse(path_pattern)
    require_readable(pattern, path_pattern)
    return Sequence.locate(pattern, kind, write=False)


def require_readable(pattern: FramePattern, text: str) -> None:
    """ValueError for `text`, a `pattern` of files that are of no type that can be read."""
    if pattern.extension.lower() not in decode.EXTENSIONS:
        raise ValueError(
            f"The pattern {text!r} does not end in an image type that can be read. Write one of "
            f"{', '.join(decode.EXTENSIONS)}."
        )


def check(path_pattern: str) -> None:
    """Raise what `locate` raises for this pattern in every folder: before the run nobody knows which one it is."""
    anywhere(lambda kind: locate(path_pattern, kind))


def select(sequence: Sequence, start: int, count: int, step: int, on_missing: OnMissing) -> Selection:
    """The frames start, start + step, ... (`count` of them; 0 for all to the last on disk), as `on_missing` says.

    One directory listing. Raises FrameMissingError naming every missing frame at once (under ERROR; and always if none
    is there, or "hold previous" has nothing before the first), PatternError for many frames and no number, ValueError
    for more than MAX_FRAMES.
    """
    if not sequence.pattern.has_number:
        sequence.pattern.require_number(count)
        available = [start] if sequence.file(start).is_file() else []
    else:
        available = sequence.frames()
    last = available[-1] if available and not count else start + (max(count, 1) - 1) * step
    wanted = range(start, last + 1, step)
    there = set(available)
    missing = tuple(islice((number for number in wanted if number not in there), MAX_FRAMES))
    found = [number for number in available if number in wanted]
    if not found or (missing and on_missing is OnMissing.ERROR):
        raise _missing(sequence, missing or (start,), available, on_missing)
    if on_missing is OnMissing.DROP:
        return Selection(tuple(found), tuple(found), {number: sequence.file(number) for number in found}, missing)
    if len(wanted) > MAX_FRAMES:
        raise ValueError(
            f"Frames {start} to {last} in steps of {step} are {len(wanted)}, more than {MAX_FRAMES} at a time. "
            f"Load them in parts, by start_index and frame_count."
        )
    sources: list[int | None] = []
    for number in wanted:
        source = number if number in there else None
        if source is None and on_missing is OnMissing.HOLD_PREVIOUS:
            earlier = bisect_left(available, number)
            if not earlier:
                raise _missing(sequence, missing, available, on_missing)
            source = available[earlier - 1]
        sources.append(source)
    files = {source: sequence.file(source) for source in sources if source is not None}
    return Selection(tuple(wanted), tuple(sources), files, missing)


def select_animation(sequence: Any, batch_index: int) -> Selection:
    """The files of one image of the batch in a finished animation sequence, ours or the Dream pack's.

    Raises ValueError for a `batch_index` that it has not, FileNotFoundError naming a file that is gone.
    """
    if not 0 <= batch_index < sequence.num_batches:
        raise ValueError(
            f"batch_index is {batch_index}, but the sequence holds {sequence.num_batches} images a frame: 0 to "
            f"{sequence.num_batches - 1}."
        )
    numbers = tuple(sequence.keys_in_order)
    files = {number: Path(sequence.frames[number][batch_index]) for number in numbers}
    gone = [number for number, file in files.items() if not file.is_file()]
    if gone:
        raise FileNotFoundError(f"{named(gone)} of the sequence cannot be found any more: {str(files[gone[0]])!r}.")
    return Selection(numbers, numbers, files)


def fingerprint(path_pattern: str, kind: str, start: int, count: int, step: int, on_missing: str) -> str:
    """For a cache key: changes when the files that `select` chooses change on disk, and only then. Never raises.

    Settings that select nothing have their error as fingerprint.
    """
    try:
        return select(locate(path_pattern, kind), start, count, step, OnMissing(on_missing)).fingerprint
    except (ValueError, OSError) as error:
        return str(error)


def stamp(choice: object, files: Iterable[Path]) -> str:
    """sha256 of `choice`, by its repr, and of the paths, sizes and times of change of the files."""
    digest = hashlib.sha256(repr(choice).encode())
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        digest.update(f"|{file}|{status.st_size}|{status.st_mtime_ns}".encode())
    return digest.hexdigest()


def load(
    selection: Selection, on_size_mismatch: OnSizeMismatch, sequence: Sequence | None = None, step: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """(images, mask): (N, H, W, 3) and (N, H, W), 0.0 .. 1.0, in the dtype ComfyUI wants; mask = 1 - alpha.

    Who watches is told which frames of `sequence`, one in `step`, are loaded so far.

    Sizes are compared, and memory is asked for, before the first decode. Raises FrameSizeError, BatchTooLargeError,
    FrameReadError (a broken file), FileNotFoundError and other OSErrors of the system, naming the frame, PathError (a
    file that is a link to somewhere else); on Cancel ComfyUI's exception passes through.
    """
    files = selection.files
    any_root = allowed_roots()["output"]
    for path in files.values():
        any_root.confirm(path, write=False)
    width, height = _common_size(files, on_size_mismatch)
    count, dtype = len(selection.numbers), host.float_dtype()
    _require_memory(count, min(len(files), in_flight()), (width, height), dtype)
    images = torch.empty((count, height, width, 3), dtype=dtype)
    # From numpy, whose zeros cost no memory until they are written: most sequences have no alpha.
    mask = torch.from_numpy(np.zeros((count, height, width), np.float16 if dtype == torch.float16 else np.float32))
    places: dict[int | None, list[int]] = {}
    for place, source in enumerate(selection.sources):
        places.setdefault(source, []).append(place)

    def load_one(number: int) -> None:
        place = places[number][0]
        _load_into(number, files[number], images[place], mask[place], on_size_mismatch)

    numbers = list(files)

    def tell(loaded: Mapping[int, None]) -> None:
        if sequence is not None:
            done = [(sequence, numbers[position]) for position in loaded]
            host.notify(report.PROGRESS_EVENT, report.progress(done, numbers, step=step))

    each(load_one, numbers, tell)
    for source, (first, *repeats) in places.items():
        if source is None:
            images[[first, *repeats]] = 0
        for place in repeats if source is not None else ():
            images[place] = images[first]
            if mask[first].any():
                mask[place] = mask[first]
    return images, mask


def _missing(sequence: Sequence, frames: Many[int], available: Many[int], on_missing: OnMissing) -> FrameMissingError:
    fix = "Check the folder, the pattern, start_index and frame_count, or render what is missing"
    if available and on_missing is OnMissing.ERROR:
        fix += ", or set ignore_missing_images to 'true', 'hold previous' or 'black'"
    elif available and on_missing is OnMissing.HOLD_PREVIOUS and frames[0] < available[0]:
        fix += "; before the first frame on disk there is none to hold"
    return FrameMissingError(frames, available, str(sequence.file(frames[0])), str(sequence.pattern), fix)


def _require_memory(count: int, decoding: int, size: tuple[int, int], dtype: torch.dtype) -> None:
    """BatchTooLargeError if `count` frames of `size` do not fit, with what the `decoding` ones in flight take besides.

    A frame is three colours and a mask in the tensors, and about as much on its way there.
    """
    free, one = free_bytes(), size[0] * size[1] * 4 * dtype.itemsize
    if free is not None and (count + decoding) * one > free:
        raise BatchTooLargeError(count, size, (count + decoding) * one, free, max(0, free // one - decoding))


def _common_size(files: Mapping[int, Path], on_size_mismatch: OnSizeMismatch) -> tuple[int, int]:
    """(width, height) of the first frame. FrameSizeError if another differs and is not to be resized."""
    first: tuple[int, tuple[int, int]] | None = None
    for number, path in files.items():
        with _named_in_errors(number, path), open(path, "rb") as file:
            size = decode.size(file)
        if first is None:
            first = number, size
        elif size != first[1] and on_size_mismatch is OnSizeMismatch.ERROR:
            raise FrameSizeError((first[0], number), (first[1], size), path)
        if on_size_mismatch is OnSizeMismatch.RESIZE:
            break
    assert first is not None, "select() never gives an empty selection"
    return first[1]


@contextmanager
def _named_in_errors(number: int, path: Path) -> Iterator[None]:
    """FrameReadError for what is not a whole image; errors of the system stay what they are, and name the frame."""
    try:
        yield
    except (decode.BrokenImageError, IsADirectoryError) as error:
        raise FrameReadError(number, path, str(error)) from error
    except OSError as error:
        raise OSError(error.errno, f"frame {number} cannot be read ({error.strerror or error})", str(path)) from error


def _load_into(
    number: int, path: Path, image: torch.Tensor, mask: torch.Tensor, on_size_mismatch: OnSizeMismatch
) -> None:
    with _named_in_errors(number, path):
        pixels = decode.decode(path.read_bytes())
    if pixels.shape[:2] == tuple(image.shape[:2]):
        dequantise(pixels, image, mask)
    elif on_size_mismatch is OnSizeMismatch.RESIZE:
        _resize_into(pixels, image, mask)
    else:
        found, expected = (pixels.shape[1], pixels.shape[0]), (image.shape[1], image.shape[0])
        raise FrameReadError(
            number, path, f"it holds {found[0]} x {found[1]} pixels, not {expected[0]} x {expected[1]}"
        )


def _resize_into(pixels: decode.Pixels, image: torch.Tensor, mask: torch.Tensor) -> None:
    """Bicubic with antialiasing, colour and mask alike, clipped to 0..1; colour of floating-point files is not."""
    full_image, full_mask = torch.empty((*pixels.shape[:2], 3)), torch.zeros(pixels.shape[:2])
    dequantise(pixels, full_image, full_mask)
    planes = torch.cat([full_image.movedim(-1, 0), full_mask[None]])[None]
    size = tuple(image.shape[:2])
    scaled = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True)[0]
    (scaled[3] if pixels.dtype.kind == "f" else scaled).clamp_(0, 1)
    image.copy_(scaled[:3].movedim(0, -1))
    mask.copy_(scaled[3])
