"""Chooses the files of a batch, and what replaces missing ones, for Load Image Sequence (Batch)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import gcd
from typing import Any

from ..errors import FrameMissingError, ImageSequenceError, InputError
from ..naming.allowed_roots import FOLDERS, require_valid_in_any_folder
from ..naming.file_sequence import FileSequence
from ..naming.frame_list import frame_list
from ..naming.inventory import folder_missing, inventory
from ..naming.meant_sequence import Meant, SequenceText
from ..naming.regular_files import is_regular
from ..policies import OnMissing, OnSizeMismatch
from ..request import limited
from .access import naming_the_denied, require_access
from .facts import Missing, facts
from .frame_colour import ColourRequest
from .selection import Selection, fingerprint

# More would not fit into memory, and listing up to 2^53 missing frames would never end.
LARGEST_BATCH = 1_000_000

FOLDER_WORDS = {kind: kind for kind in FOLDERS}


@dataclass(frozen=True, kw_only=True)
class BatchRequest(ColourRequest):
    """`frame_count` frames of `path_pattern` from `start_index`, every `step`-th; 0 means up to the last on disk.

    If `frames` is not empty, it is a list of frames that replaces these three, see `frame_list`. A text that is not the
    pattern of files on disk means a sequence, see `SequenceText.meant`; then `start_index` 0 is the first frame on disk.
    """

    path_pattern: str = "./frame{:06d}.png"
    start_index: int = limited(0, least=0)
    frame_count: int = limited(16, least=0)
    ignore_missing_images: OnMissing = OnMissing.ERROR
    folder: str = limited("output", words=FOLDER_WORDS)
    step: int = limited(1, least=1)
    on_size_mismatch: OnSizeMismatch = OnSizeMismatch.ERROR
    frames: str = ""

    def sequence_text(self) -> SequenceText:
        """The text of the pattern, examined without looking at the disk. Raises what `SequenceText.parse` raises."""
        return SequenceText.parse(self.path_pattern, self.folder)

    @naming_the_denied()
    def choose(self) -> Selection:
        """The frames to load. Lists the folder once, and a second time if no file matches the pattern.

        Raises what `sequence_text`, `SequenceText.meant` and `frame_list` raise; PatternError for several frames and a
        pattern without a number; ValueError for more than LARGEST_BATCH. Raises FrameMissingError, naming every missing
        frame, under ERROR, if no frame exists, and under HOLD_PREVIOUS if there is no earlier frame to hold.
        """
        listed = frame_list(self.frames, LARGEST_BATCH) if self.frames.strip() else ()
        meant = self.sequence_text().meant(0 if listed else self.frame_count)
        return _select(meant, self, listed)

    def facts(self, selection: Selection) -> dict[str, Any]:
        """What there is of the chosen frames, see `facts.facts`. Raises what `require_access` raises."""
        require_access(selection.files)
        there = [number for number in selection.numbers if number in selection.files]
        sequence, first = selection.shown[0]
        missing = Missing.of(selection.missing)
        return facts(there, missing, sequence.pattern_from(self.folder), sequence.file(first), self.colour.layer)

    def fingerprint(self) -> str:
        """For a cache key: changes only when the files that `choose` returns change on disk. Never raises."""
        return fingerprint(lambda: self.choose().fingerprint)


def check_pattern(path_pattern: str) -> None:
    """Raise the error of a pattern that is invalid in every folder: before the run, the folder is unknown."""
    require_valid_in_any_folder(lambda kind: SequenceText.parse(path_pattern, kind))


def _select(meant: Meant, request: BatchRequest, listed: tuple[int, ...]) -> Selection:
    """The frames to load. `listed`: those that are asked for by number. The errors are those of `BatchRequest.choose`."""
    sequence, on_missing = meant.sequence, request.ignore_missing_images
    available = _available(meant, request, listed)
    start = _start(meant, request, available)
    asked = _Asked.listed(listed) if listed else _Asked.of(request, start, available)
    on_disk = set(available)
    missing = tuple(islice((number for number in asked.numbers if number not in on_disk), LARGEST_BATCH))
    wanted = set(listed) if listed else asked.numbers
    found = [number for number in (asked.numbers if listed else available) if number in wanted and number in on_disk]
    if not found or ((missing or asked.beyond is not None) and on_missing is OnMissing.ERROR):
        nothing = (start,) if asked.beyond is None else ()
        raise _missing(sequence, missing or nothing, available, request, asked.beyond)
    if on_missing is OnMissing.DROP:
        return _selection(sequence, found, found, missing, asked.step)
    if asked.count > LARGEST_BATCH:
        raise InputError(
            f"Load them in parts, by start_index and frame_count: frames {start} to {asked.last} in steps of {asked.step} are "
            f"{asked.count}, more than the {LARGEST_BATCH} that can be loaded at a time."
        )
    sources: list[int | None] = []
    for number in asked.numbers:
        source = number if number in on_disk else None
        if source is None and on_missing is OnMissing.HOLD_PREVIOUS:
            earlier = bisect_left(available, number)
            if not earlier:
                raise _missing(sequence, missing, available, request)
            source = available[earlier - 1]
        sources.append(source)
    return _selection(sequence, asked.numbers, sources, missing, asked.step)


def _start(meant: Meant, request: BatchRequest, available: Sequence[int]) -> int:
    """The first frame to load."""
    if meant.number is not None:
        return meant.number
    if request.start_index or meant.is_exact or not available or available[0] == 0:
        return request.start_index
    return available[0]


def _selection(
    sequence: FileSequence, numbers: Iterable[int], sources: Iterable[int | None], missing: tuple[int, ...], step: int
) -> Selection:
    sources = tuple(sources)
    files = {source: sequence.file(source) for source in sources if source is not None}
    return Selection(tuple(numbers), sources, files, missing, step, dict.fromkeys(files, sequence))


def _available(meant: Meant, request: BatchRequest, listed: tuple[int, ...]) -> list[int]:
    """The sorted frames on disk. A pattern without a number has one file, which counts as the first frame asked for."""
    sequence = meant.sequence
    if sequence.pattern.has_number:
        return meant.frames()
    is_there = is_regular(sequence.file(0))
    if is_there:
        _require_one(sequence, request, listed)
    sequence.pattern.require_number(len(listed) or request.frame_count)
    only = request.start_index if meant.number is None else meant.number
    return [*listed, only][:1] if is_there else []


def _require_one(still: FileSequence, request: BatchRequest, listed: tuple[int, ...]) -> None:
    """Raise ValueError if more than one frame of an image without a frame number is asked for."""
    count = len(listed) or request.frame_count
    if count > 1:
        fix = "Write one number into frames" if listed else "Set frame_count to 1 or 0"
        raise InputError(
            f"{fix} to load {str(still.file(0))!r}: it is one image without a frame number, and {count} frames are asked for."
        )


@dataclass(frozen=True)
class _Asked:
    """The frames that a request asks for: `count` numbers, the last of which is `last`.

    Up to LARGEST_BATCH are all in `numbers`. If there are more, `numbers` goes no further than the last frame on disk.
    The frames from `beyond` on (None: there are none) are missing; listing them would take forever.
    """

    numbers: Sequence[int]
    last: int
    count: int
    step: int
    beyond: int | None = None

    @classmethod
    def listed(cls, numbers: tuple[int, ...]) -> _Asked:
        """Frames in any order. The step is the largest on which all of them lie."""
        ordered = sorted(numbers)
        step = gcd(*(after - before for before, after in pairwise(ordered)))
        return cls(numbers, ordered[-1], len(numbers), step or 1)

    @classmethod
    def of(cls, request: BatchRequest, start: int, available: Sequence[int]) -> _Asked:
        step = request.step
        to_the_end = available and not request.frame_count
        last = available[-1] if to_the_end else start + (max(request.frame_count, 1) - 1) * step
        count = max(0, (last - start) // step + 1)  # len() is limited to 2^63, numbers in file names are not
        if count <= LARGEST_BATCH:
            return cls(range(start, last + 1, step), last, count, step)
        end = available[-1] if available else start - 1
        beyond = start + max(0, (end - start) // step + 1) * step
        numbers = range(start, min(beyond, last + 1), step)
        return cls(numbers, last, count, step, beyond if beyond <= last else None)


def _missing(
    sequence: FileSequence,
    frames: Sequence[int],
    available: Sequence[int],
    request: BatchRequest,
    beyond: int | None = None,
) -> ImageSequenceError:
    """The error for `frames`.

    `beyond` is the first of further missing frames, too many to list; None if there are none.
    """
    on_missing, folder = request.ignore_missing_images, sequence.folder
    if not available and not folder.is_dir():
        return folder_missing(folder)
    numbers = " and frames" if request.frames.strip() else ", start_index and frame_count"
    fix = f"Check the folder, the pattern{numbers}, or render what is missing"
    if available and on_missing is OnMissing.ERROR:
        fix += ", or set ignore_missing_images to 'true', 'hold previous' or 'black'"
    elif available and on_missing is OnMissing.HOLD_PREVIOUS and frames and frames[0] < available[0]:
        fix += "; before the first frame on disk there is no frame to hold"
    path = str(sequence.file([*frames[:1], beyond or 0][0]))
    instead = "" if available else f"No file there matches {str(sequence.pattern)!r}. {inventory(folder)}"
    remedy = _remedy(available, [*frames[:1], beyond or 0][0], request)
    return FrameMissingError(frames, available, path, instead, fix, beyond, remedy)


def _remedy(available: Sequence[int], first_missing: int, request: BatchRequest) -> str:
    """What one widget repairs: a sentence, or ""."""
    if not available or request.frames.strip():
        return ""
    if request.start_index < available[0] and first_missing < available[0]:
        return f"Set start_index to {available[0]}, the first frame there is."
    if request.frame_count and request.start_index <= available[-1] < first_missing:
        there = sum(number >= request.start_index for number in available)
        what = "frame" if there == 1 else f"{there} frames"
        return f"Set frame_count to 0 to load the {what} there {'is' if there == 1 else 'are'}."
    return ""
