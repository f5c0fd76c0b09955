"""Many files -> one tensor: parallel, bounded, cancellable, with progress; nothing invented, nothing dropped unasked.

Which library decodes which kind of file, and why, is one table, at `registry.decode`.
"""

from __future__ import annotations

import hashlib
import operator
import re
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

from . import host, registry, report
from .base import BrokenImageError, Pixels, UnreadKindError
from .frames import inventory
from .listing import is_regular
from .memory import free_bytes, gib
from .opened import open_regular
from .parallel import each, in_flight
from .paths import allowed_roots, anywhere
from .pattern import FramePattern, PatternError, named, ranges
from .pixels import dequantise
from .sequence import Sequence
from .wire import described

# No memory holds more, and naming each of 2^53 missing frames would never end.
MAX_FRAMES = 1_000_000

# Reading a header from a local disk takes 0.1 ms, and handing it to a thread as long again. On a network disk, where each
# takes some 10 ms, eight still take no longer than a frame, so Cancel is noticed soon.
_HEADERS_AT_ONCE = 8


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
    """Frames that are not on disk. Attributes: `frames` (missing), `available`, `path` (of the first one missing).

    `beyond`: the first of further ones, all missing and too many to list; None if `frames` are all of them.
    """

    def __init__(
        self,
        frames: Many[int],
        available: Many[int],
        path: str,
        instead: str,
        fix: str,
        beyond: int | None = None,
    ) -> None:
        """`instead`: what to say if no frame is available. `fix`: what to do about it, without the final dot."""
        self.frames, self.available, self.path, self.beyond = list(frames), list(available), Path(path), beyond
        listed = [named(frames)] if frames else []
        if beyond is not None:
            listed.append(f"all frames from {beyond} on")
        what = f"{' and '.join(listed).capitalize()} {'is' if len(frames) == 1 and beyond is None else 'are'} missing: {path!r}"
        have = f"On disk are {ranges(available)}." if available else instead
        super().__init__(f"{what}. {have} {fix}.")


class FrameReadError(ValueError):
    """A file that is not a whole image, or of a kind that is not read. Attributes: `frame`, `path`, `reason`."""

    def __init__(self, frame: int, path: Path, reason: str, remedy: str = "Render or copy it again.") -> None:
        """`remedy`: a sentence, or nothing if the reason says already what to do."""
        self.frame, self.path, self.reason = frame, path, reason
        super().__init__(f"Frame {frame} cannot be read: {str(path)!r}: {reason}. {remedy}".rstrip())


class FrameSizeError(ValueError):
    """Two frames of different size. Attributes: `frames`, `sizes`, two each; sizes are (width, height) in pixels."""

    def __init__(
        self, frames: tuple[int, int], sizes: tuple[tuple[int, int], tuple[int, int]], path: Path, fix: str = ""
    ) -> None:
        """`fix`: what to do about it, in a sentence; without it, what helps in Load Image Sequence (Batch)."""
        self.frames, self.sizes, self.path = frames, sizes, path
        first, second = (f"frame {frame} is {width} x {height}" for frame, (width, height) in zip(frames, sizes))
        fix = fix or f"Load them separately, or set on_size_mismatch to {OnSizeMismatch.RESIZE.value!r}."
        super().__init__(
            f"{first.capitalize()}, but {second}: {str(path)!r}. All images of a batch have the same size. {fix}"
        )


class BatchTooLargeError(ValueError):
    """A batch that memory cannot hold. Attributes: `needed`, `free` (bytes), `fitting` (how many frames would fit)."""

    def __init__(self, count: int, size: tuple[int, int], needed: int, free: int, fitting: int) -> None:
        self.needed, self.free, self.fitting = needed, free, fitting
        super().__init__(
            f"A batch of {count} at {size[0]} x {size[1]} needs {gib(needed)} of memory, but {gib(free)} are free: "
            f"{fitting} would fit. Load fewer at a time, by frame_count or step, or one per run with Load Image Sequence "
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
        """The same as long as the same files are chosen and none of them changes."""
        return stamp(self.sources, self.files.values())


def locate(path_pattern: str, kind: str) -> Sequence:
    """The sequence that a loader's `path_pattern` names. Raises PatternError, PathError, ValueError for its extension."""
    pattern = FramePattern.parse(path_pattern)
    if "*" in path_pattern or "?" in path_pattern:
        better = path_pattern if pattern.has_number else re.sub(r"[*?]+", "####", path_pattern, count=1)
        reason = "has wildcards, which this node does not read: write #### for the number"
        raise PatternError(path_pattern, reason, re.sub(r"[*?]+", "", better))
    require_readable(pattern, path_pattern)
    return Sequence.locate(pattern, kind, write=False, shown=path_pattern)


def require_readable(pattern: FramePattern, text: str) -> None:
    """ValueError if `text`, parsed as `pattern`, has an extension that is not supported."""
    if pattern.extension.lower() not in registry.EXTENSIONS:
        raise ValueError(
            f"The pattern {text!r} does not end in an image type that can be read. Write one of "
            f"{', '.join(registry.EXTENSIONS)}."
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
        available = [start] if is_regular(sequence.file(start)) else []
    else:
        available = sequence.frames()
    last = available[-1] if available and not count else start + (max(count, 1) - 1) * step
    wanted = range(start, last + 1, step)
    length = max(0, (last - start) // step + 1)  # len() has a limit, 2^63, that file names do not have
    there = set(available)
    beyond = None
    if (
        length > MAX_FRAMES
    ):  # not to be counted through: of what lies behind the last frame on disk, the first is enough
        end = available[-1] if available else start - 1
        beyond = start + max(0, (end - start) // step + 1) * step
        wanted = range(start, min(beyond, last + 1), step)
        beyond = beyond if beyond <= last else None
    missing = tuple(islice((number for number in wanted if number not in there), MAX_FRAMES))
    found = [number for number in available if number in wanted]
    if not found or ((missing or beyond is not None) and on_missing is OnMissing.ERROR):
        nothing = (start,) if beyond is None else ()
        raise _missing(sequence, missing or nothing, available, on_missing, beyond)
    if on_missing is OnMissing.DROP:
        return Selection(tuple(found), tuple(found), {number: sequence.file(number) for number in found}, missing)
    if length > MAX_FRAMES:
        raise ValueError(
            f"Frames {start} to {last} in steps of {step} are {length}, more than the {MAX_FRAMES} that can be loaded at "
            f"a time. Load them in parts, by start_index and frame_count."
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


def is_finished(sequence: Any) -> bool:
    """Is this animation sequence, ours or the Dream pack's, complete? ValueError if it is not one."""
    with _as_animation(sequence):
        return bool(sequence.is_defined)


def frame_rate(sequence: Any) -> float:
    """Frames per second of an animation sequence. ValueError if it is not one."""
    with _as_animation(sequence):
        return float(sequence.fps)


def select_animation(sequence: Any, batch_index: int) -> Selection:
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
    return Selection(numbers, numbers, files)


def fingerprint(path_pattern: str, kind: str, start: int, count: int, step: int, on_missing: str) -> str:
    """For a cache key: changes when the files that `select` chooses change on disk, and only then. Never raises.

    Settings that select nothing have their error as fingerprint.
    """
    try:
        return select(locate(path_pattern, kind), start, count, step, OnMissing(on_missing)).fingerprint
    except (ValueError, TypeError, OSError) as error:
        return str(error)


def stamp(choice: object, files: Iterable[Path]) -> str:
    """sha256 of `choice`, by its repr, and of the paths, sizes and times of change of the files."""
    digest = hashlib.sha256(repr(choice).encode("utf-8", "surrogatepass"))
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        # Names that are not UTF-8 contain halves of surrogate pairs.
        digest.update(f"|{file}|{status.st_size}|{status.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def load(
    selection: Selection, on_size_mismatch: OnSizeMismatch, sequence: Sequence | None = None, step: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """(images, mask): (N, H, W, 3) and (N, H, W), 0.0 .. 1.0, in the dtype ComfyUI wants; mask = 1 - alpha.

    Reports progress to the browser: which frames of `sequence`, in steps of `step`, are loaded so far.

    Every header is read before the first decode, so that sizes are compared and memory is asked for in time. Raises
    FrameSizeError, BatchTooLargeError, FrameReadError (a broken file), FileNotFoundError and other OSErrors of the
    system, naming the frame, PathError (a file that is a link out of the allowed folders); on Cancel ComfyUI's exception
    passes through.
    """
    files, numbers = selection.files, list(selection.files)
    count, dtype = len(selection.numbers), host.float_dtype()
    width, height = _look_at_all(selection, on_size_mismatch, dtype)
    images = torch.empty((count, height, width, 3), dtype=dtype)
    # numpy's zeros take no memory until they are written to: most sequences have no alpha.
    mask = torch.from_numpy(np.zeros((count, height, width), np.float16 if dtype == torch.float16 else np.float32))
    places: dict[int | None, list[int]] = {}
    for place, source in enumerate(selection.sources):
        places.setdefault(source, []).append(place)

    def load_one(number: int) -> None:
        place = places[number][0]
        _load_into(number, files[number], images[place], mask[place], on_size_mismatch)

    asked = set(selection.numbers)
    told = [number for number in numbers if number in asked]  # not those that only stand in for others

    def tell(loaded: Mapping[int, None]) -> None:
        if sequence is None or not sequence.is_printable:
            return
        done = [(sequence, numbers[position]) for position in loaded if numbers[position] in asked]
        if done:
            host.notify(report.PROGRESS_EVENT, report.progress(done, told, step=step))

    each(load_one, numbers, tell, steps_before=len(_header_groups(numbers)))
    for source, (first, *repeats) in places.items():
        _repeat(images, mask, None if source is None else first, repeats if source is not None else [first, *repeats])
    return images, mask


def _repeat(images: torch.Tensor, mask: torch.Tensor, first: int | None, places: Many[int]) -> None:
    """Put what is at `first` (None: black) at `places` too. Zeros are not copied in masks, where they take no memory."""
    for place in places:
        images[place] = 0 if first is None else images[first]
        if first is not None and mask[first].any():
            mask[place] = mask[first]


def _look_at_all(selection: Selection, on_size_mismatch: OnSizeMismatch, dtype: torch.dtype) -> tuple[int, int]:
    """(width, height) of the batch. Raises what `load` raises before the first decode."""
    files, numbers = selection.files, list(selection.files)
    any_root = allowed_roots()["output"]

    def look_at(some: Many[int]) -> dict[int, _Header]:
        return {number: _header(number, any_root.confirm(files[number], write=False)) for number in some}

    groups = _header_groups(numbers)
    headers = dict(item for group in each(look_at, groups, steps_after=len(numbers)) for item in group.items())
    size = _common_size({number: header.size for number, header in headers.items()}, files, on_size_mismatch)
    masks = sum(source is not None and headers[source].may_have_alpha for source in selection.sources)
    _require_memory(len(selection.numbers), masks, min(len(files), in_flight()), size, dtype)
    return size


def black(number: int, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(image, mask), (1, H, W, 3) and (1, H, W) of zeros, as large as the file of frame `number`, by its header alone."""
    width, height = _header(number, allowed_roots()["output"].confirm(path, write=False)).size
    return torch.zeros((1, height, width, 3), dtype=host.float_dtype()), torch.zeros(
        (1, height, width), dtype=host.float_dtype()
    )


def _missing(
    sequence: Sequence, frames: Many[int], available: Many[int], on_missing: OnMissing, beyond: int | None = None
) -> FrameMissingError:
    """`beyond`: the first of frames that are all missing and too many to list, after `frames`; None if there are none."""
    fix = "Check the folder, the pattern, start_index and frame_count, or render what is missing"
    if available and on_missing is OnMissing.ERROR:
        fix += ", or set ignore_missing_images to 'true', 'hold previous' or 'black'"
    elif available and on_missing is OnMissing.HOLD_PREVIOUS and frames and frames[0] < available[0]:
        fix += "; before the first frame on disk there is no frame to hold"
    path = str(sequence.file([*frames[:1], beyond or 0][0]))
    instead = "" if available else f"No file there matches {str(sequence.pattern)!r}. {inventory(sequence.folder)}"
    return FrameMissingError(frames, available, path, instead, fix, beyond)


def _require_memory(count: int, masks: int, decoding: int, size: tuple[int, int], dtype: torch.dtype) -> None:
    """BatchTooLargeError if `count` frames of `size`, `masks` of them with alpha, do not fit.

    In the tensors, each frame takes three planes for colour and, if it has alpha, one for the mask: the zeros of other
    masks take no memory. Each of the `decoding` frames in flight takes about four planes more.
    """
    free, plane = free_bytes(), size[0] * size[1] * dtype.itemsize
    needed = (3 * count + masks + 4 * decoding) * plane
    if free is not None and needed > free:
        fitting = (free // plane - 4 * decoding) // (4 if masks else 3)
        raise BatchTooLargeError(count, size, needed, free, max(0, fitting))


def _header_groups(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + _HEADERS_AT_ONCE] for start in range(0, len(numbers), _HEADERS_AT_ONCE)]


@dataclass(frozen=True)
class _Header:
    """What is known of a file before it is decoded; `size` is (width, height) in pixels."""

    size: tuple[int, int]
    may_have_alpha: bool


def _header(number: int, path: Path) -> _Header:
    with _named_in_errors(number, path), open_regular(path) as file:
        header = registry.read_header(file)
        return _Header(header.extent, header.may_have_alpha)


def _common_size(
    sizes: Mapping[int, tuple[int, int]], files: Mapping[int, Path], on_size_mismatch: OnSizeMismatch
) -> tuple[int, int]:
    """(width, height) of the first frame. FrameSizeError if another differs and is not to be resized."""
    first, expected = next(iter(sizes.items()))
    for number, size in sizes.items():
        if size != expected and on_size_mismatch is OnSizeMismatch.ERROR:
            raise FrameSizeError((first, number), (expected, size), files[number])
    return expected


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


@contextmanager
def _named_in_errors(number: int, path: Path) -> Iterator[None]:
    """FrameReadError for what is not a whole image; errors of the system stay what they are, and name the frame."""
    try:
        yield
    except UnreadKindError as error:
        raise FrameReadError(number, path, str(error), remedy="") from error
    except (BrokenImageError, IsADirectoryError) as error:
        raise FrameReadError(number, path, str(error)) from error
    except OSError as error:
        raise OSError(error.errno, f"Frame {number} cannot be read ({error.strerror or error})", str(path)) from error


def _load_into(
    number: int, path: Path, image: torch.Tensor, mask: torch.Tensor, on_size_mismatch: OnSizeMismatch
) -> None:
    with _named_in_errors(number, path), open_regular(path) as file:
        pixels = registry.decode(file.read())
    if pixels.shape[:2] == tuple(image.shape[:2]):
        dequantise(pixels, image, mask)
    elif on_size_mismatch is OnSizeMismatch.RESIZE:
        _resize_into(pixels, image, mask)
    else:
        found, expected = (pixels.shape[1], pixels.shape[0]), (image.shape[1], image.shape[0])
        raise FrameReadError(
            number, path, f"it holds {found[0]} x {found[1]} pixels, not {expected[0]} x {expected[1]}"
        )


def _resize_into(pixels: Pixels, image: torch.Tensor, mask: torch.Tensor) -> None:
    """Bicubic with antialiasing, colour and mask alike, clipped to 0..1; colour of floating-point files is not."""
    full_image, full_mask = torch.empty((*pixels.shape[:2], 3)), torch.zeros(pixels.shape[:2])
    dequantise(pixels, full_image, full_mask)
    planes = torch.cat([full_image.movedim(-1, 0), full_mask[None]])[None]
    size = tuple(image.shape[:2])
    scaled = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True)[0]
    (scaled[3] if pixels.dtype.kind == "f" else scaled).clamp_(0, 1)
    image.copy_(scaled[:3].movedim(0, -1))
    if pixels.shape[2] in (2, 4):  # the zeros of the others take no memory until they are written to
        mask.copy_(scaled[3])
