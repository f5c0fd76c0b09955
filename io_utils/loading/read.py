"""Reads many files into one tensor on threads, with progress and Cancel. No frame is invented or dropped unasked.

The table at `registry.decode` shows which library decodes which kind of file, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..cancellable_run import Run, in_flight
from ..errors import (
    BatchTooLargeError,
    BrokenImageError,
    ChromaticitiesError,
    FrameReadError,
    FrameSizeError,
    ReadPermissionError,
    UnsupportedFileError,
)
from ..formats import registry
from ..formats.base import LIT, Extent, Header, Pixels
from ..formats.open_file import open_regular
from ..formats.pixels import Convert, dequantise
from ..frame_metadata import FrameMetadata
from ..naming.allowed_roots import allowed_roots
from ..policies import OnSizeMismatch
from .frame_colour import FrameColour
from .memory import free_bytes
from .selection import Selection

# Reading a header from a local disk takes 0.1 ms, and handing the job to a thread takes as long again. On a network
# disk, at about 10 ms each, eight headers still take no longer than a frame, so Cancel is noticed soon.
_HEADERS_AT_ONCE = 8


class Loaded(NamedTuple):
    """images, (N, H, W, 3), and mask, (N, H, W), with the dtype of the run; mask = 1 - alpha. metadata: of each frame.

    is_float: whether a file is floating point.
    """

    images: torch.Tensor
    mask: torch.Tensor
    metadata: FrameMetadata
    is_float: bool = False


def read_frames(
    selection: Selection,
    on_size_mismatch: OnSizeMismatch = OnSizeMismatch.ERROR,
    run: Run | None = None,
    colour: FrameColour | None = None,
) -> Loaded:
    """The frames of `selection`. Values are 0.0 .. 1.0, except those of floating-point files, which have any.

    Reports to `run` which frames are loaded so far, if the selection names their sequences.

    Reads every header before the first decode, to compare sizes and check memory in time. Raises FrameSizeError,
    BatchTooLargeError, FrameReadError (a broken file, or an unknown layer), FileNotFoundError and other OSErrors of the
    system, naming the frame, PathError (a file that is a link out of the allowed folders). Cancel passes through.
    """
    run, colour = run or Run(), colour or FrameColour()
    files, numbers = selection.files, list(selection.files)
    count, dtype = len(selection.numbers), run.float_dtype
    (width, height), headers = _look_at_all(selection, on_size_mismatch, run, colour.layer)
    # numpy asks Linux for huge pages, torch does not: 7 page faults for a frame of 1024 x 1024 instead of 3073, and 1 to 3 ms of
    # 16 less where the system grants them on request ("madvise"), the same time elsewhere. Most sequences have no alpha, and
    # numpy's zeros take no memory until they are written to: 2 ms less.
    of_numpy = np.float16 if dtype == torch.float16 else np.float32
    images = torch.from_numpy(np.empty((count, height, width, 3), of_numpy))
    mask = torch.from_numpy(np.zeros((count, height, width), of_numpy))
    places: dict[int | None, list[int]] = {}
    for place, source in enumerate(selection.sources):
        places.setdefault(source, []).append(place)

    def load_one(number: int) -> _Facts:
        place = places[number][0]
        return _load_into(number, files[number], images[place], mask[place], on_size_mismatch, colour)

    requested = set(selection.numbers)
    reported = [number for number in numbers if number in requested]  # not those that only replace others

    def tell(loaded: Mapping[int, _Facts]) -> None:
        frames = [numbers[position] for position in loaded if numbers[position] in requested]
        done = [(selection.sequences[frame], frame) for frame in frames if frame in selection.sequences]
        if done:
            run.tell(done, reported, selection.step)

    facts = dict(zip(numbers, run.each(load_one, numbers, tell, steps_before=len(_header_groups(numbers)))))
    for source, (first, *repeats) in places.items():
        _repeat(images, mask, None if source is None else first, repeats if source is not None else [first, *repeats])
    said = {number: _attributes(header, colour, facts[number].lit) for number, header in headers.items()}
    attributes = [{} if source is None else said[source] for source in selection.sources]
    return Loaded(images, mask, FrameMetadata(tuple(attributes)), any(fact.is_float for fact in facts.values()))


class _Facts(NamedTuple):
    """What decoding says about a file. lit: see `dequantise`."""

    is_float: bool
    lit: int | None = None


def _attributes(header: Header[Any], colour: FrameColour, lit: int | None) -> Mapping[str, Any]:
    """What FRAME_METADATA says of a frame. What its header says about colour is true only of unconverted pixels."""
    about_color = header.color_attributes if colour.is_as_stored else {}
    about_light = {} if lit is None else {LIT: lit}
    return {**header.attributes, **about_color, **about_light}


def black_frame(number: int, path: Path, dtype: torch.dtype, layer: str = "") -> Loaded:
    """One frame, all zeros and without metadata, in the size that the header of frame `number` gives for `layer`."""
    width, height = _header(number, allowed_roots()["output"].confirm(path, write=False), layer).extent
    image, mask = torch.zeros((1, height, width, 3), dtype=dtype), torch.zeros((1, height, width), dtype=dtype)
    return Loaded(image, mask, FrameMetadata(({},)))


def _repeat(images: torch.Tensor, mask: torch.Tensor, first: int | None, places: Sequence[int]) -> None:
    """Copy what is at `first` (None: black) to `places`. Zero masks are not copied: unwritten, they take no memory."""
    for place in places:
        images[place] = 0 if first is None else images[first]
        if first is not None and mask[first].any():
            mask[place] = mask[first]


def _look_at_all(
    selection: Selection, on_size_mismatch: OnSizeMismatch, run: Run, layer: str
) -> tuple[Extent, Mapping[int, Header[Any]]]:
    """The extent of the batch and the headers, after all checks that `read_frames` makes before the first decode.

    Raises their errors.
    """
    files, numbers = selection.files, list(selection.files)
    any_root = allowed_roots()["output"]

    def look_at(group: Sequence[int]) -> dict[int, Header[Any]]:
        return {number: _header(number, any_root.confirm(files[number], write=False), layer) for number in group}

    groups = _header_groups(numbers)
    headers = dict(item for group in run.each(look_at, groups, steps_after=len(numbers)) for item in group.items())
    size = _common_size({number: header.extent for number, header in headers.items()}, files, on_size_mismatch)
    masks = sum(source is not None and headers[source].may_have_alpha for source in selection.sources)
    planes = max(header.planes for header in headers.values())
    decoding = min(len(files), in_flight()) * planes
    _require_memory(len(selection.numbers), masks, decoding, size, run.float_dtype)
    return size, headers


def _require_memory(count: int, masks: int, decoding: int, size: Extent, dtype: torch.dtype) -> None:
    """Raise BatchTooLargeError if `count` frames of `size`, `masks` of them with alpha, do not fit into memory.

    In the tensors, each frame takes three planes for colour and, if it has alpha, one for the mask; other masks are
    zeros, which take no memory. The frames in flight take `decoding` more planes.
    """
    free, plane = free_bytes(), size.pixel_count * dtype.itemsize
    needed = (3 * count + masks + decoding) * plane
    if free is not None and needed > free:
        fitting = (free // plane - decoding) // (4 if masks else 3)
        raise BatchTooLargeError(count, size, needed, free, max(0, fitting))


def _header_groups(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + _HEADERS_AT_ONCE] for start in range(0, len(numbers), _HEADERS_AT_ONCE)]


def _header(number: int, path: Path, layer: str) -> Header[Any]:
    with _named_in_errors(number, path), open_regular(path) as file:
        # Without the format's own header: a batch may have 10,000 of them, and each holds its closed file.
        return replace(registry.read_header(file, layer=layer), parsed=None)


def _common_size(sizes: Mapping[int, Extent], files: Mapping[int, Path], on_size_mismatch: OnSizeMismatch) -> Extent:
    """The extent of the first frame. Raises FrameSizeError if another differs, unless it may be resized."""
    first, expected = next(iter(sizes.items()))
    for number, size in sizes.items():
        if size != expected and on_size_mismatch is OnSizeMismatch.ERROR:
            raise FrameSizeError((first, number), (expected, size), files[number])
    return expected


@contextmanager
def _named_in_errors(number: int, path: Path) -> Iterator[None]:
    """Turns a broken image into a FrameReadError. Errors of the system keep their type and name the frame."""
    try:
        yield
    except (UnsupportedFileError, ChromaticitiesError) as error:
        raise FrameReadError(number, path, error.reason, error.remedy) from error
    except (BrokenImageError, IsADirectoryError) as error:
        raise FrameReadError(number, path, str(error)) from error
    except PermissionError as error:
        raise ReadPermissionError(path, number, error) from error
    except OSError as error:
        raise OSError(error.errno, f"Frame {number} cannot be read ({error.strerror or error})", str(path)) from error


def _load_into(
    number: int,
    path: Path,
    image: torch.Tensor,
    mask: torch.Tensor,
    on_size_mismatch: OnSizeMismatch,
    colour: FrameColour,
) -> _Facts:
    """Load one file into its place."""
    with _named_in_errors(number, path), open_regular(path) as file:
        pixels, header = registry.decode_as_stored(file.read(), colour.layer)
        convert, divide = colour.conversion(header)
    is_float = pixels.dtype.kind == "f"
    if pixels.shape[:2] == tuple(image.shape[:2]):
        return _Facts(is_float, dequantise(pixels, image, mask, convert=convert, divide=divide))
    if on_size_mismatch is OnSizeMismatch.RESIZE:
        _resize_into(pixels, image, mask, convert, divide=divide)
        return _Facts(is_float)
    found, expected = Extent(pixels.shape[1], pixels.shape[0]), Extent(image.shape[1], image.shape[0])
    raise FrameReadError(number, path, f"it holds {found} pixels, not {expected}")


def _resize_into(
    pixels: Pixels, image: torch.Tensor, mask: torch.Tensor, convert: Convert | None, *, divide: bool
) -> None:
    """Resize colour and mask bicubically with antialiasing.

    Clips to 0..1, except the colour of floating-point files.
    """
    full_image, full_mask = torch.empty((*pixels.shape[:2], 3)), torch.zeros(pixels.shape[:2])
    dequantise(pixels, full_image, full_mask, convert=convert, divide=divide)
    planes = torch.cat([full_image.movedim(-1, 0), full_mask[None]])[None]
    size = tuple(image.shape[:2])
    scaled = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True)[0]
    (scaled[3] if pixels.dtype.kind == "f" else scaled).clamp_(0, 1)
    image.copy_(scaled[:3].movedim(0, -1))
    if pixels.shape[2] in (2, 4):  # other masks stay zeros, which take no memory until written to
        mask.copy_(scaled[3])
