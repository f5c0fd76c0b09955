"""Chooses the files of a batch, and what replaces missing ones, for Load Image Sequence (Batch)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import FrameMissingError, InputError, PatternError
from ..formats.registry import EXTENSIONS
from ..naming.allowed_roots import FOLDERS, require_valid_in_any_folder
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import FramePattern
from ..naming.inventory import inventory
from ..naming.regular_files import is_regular
from ..policies import OnMissing, OnSizeMismatch
from ..request import limited
from .facts import Missing, facts
from .frame_colour import ColourRequest
from .selection import Selection, fingerprint

# More would not fit into memory, and listing up to 2^53 missing frames would never end.
LARGEST_BATCH = 1_000_000

FOLDER_WORDS = {kind: kind for kind in FOLDERS}


@dataclass(frozen=True, kw_only=True)
class BatchRequest(ColourRequest):
    """`frame_count` frames of `path_pattern` from `start_index`, every `step`-th; 0 means up to the last on disk."""

    path_pattern: str = "./frame{:06d}.png"
    start_index: int = limited(0, least=0)
    frame_count: int = limited(16, least=0)
    ignore_missing_images: OnMissing = OnMissing.ERROR
    folder: str = limited("output", words=FOLDER_WORDS)
    step: int = limited(1, least=1)
    on_size_mismatch: OnSizeMismatch = OnSizeMismatch.ERROR

    def sequence(self) -> FileSequence:
        """The sequence that the pattern names.

        Raises PatternError, PathError, ValueError for an unsupported extension.
        """
        pattern, text = FramePattern.parse(self.path_pattern), self.path_pattern
        if "*" in text or "?" in text:
            better = text if pattern.has_number else re.sub(r"[*?]+", "####", text, count=1)
            reason = "has wildcards, which this node does not read: write #### for the number"
            raise PatternError(text, reason, re.sub(r"[*?]+", "", better))
        require_readable(pattern, text)
        return FileSequence.from_pattern(pattern, self.folder, write=False, shown=text)

    def choose(self) -> Selection:
        """The frames to load. Lists the folder once.

        Raises what `sequence` raises; PatternError for several frames and a pattern without a number; ValueError for
        more than LARGEST_BATCH. Raises FrameMissingError, naming every missing frame, under ERROR, if no frame exists, and
        under HOLD_PREVIOUS if there is no earlier frame to hold.
        """
        return _select(self.sequence(), self)

    def facts(self, selection: Selection) -> dict[str, Any]:
        """What there is of the chosen frames, see `facts.facts`."""
        there = [number for number in selection.numbers if number in selection.files]
        sequence, first = selection.shown[0]
        missing = Missing.of(selection.missing)
        return facts(there, missing, sequence.pattern_from(self.folder), sequence.file(first), self.colour.layer)

    def fingerprint(self) -> str:
        """For a cache key: changes only when the files that `choose` returns change on disk. Never raises."""
        return fingerprint(lambda: self.choose().fingerprint)


def check_pattern(path_pattern: str) -> None:
    """Raise the error of a pattern that is invalid in every folder: before the run, the folder is unknown."""
    require_valid_in_any_folder(lambda kind: BatchRequest(path_pattern=path_pattern, folder=kind).sequence())


def require_readable(pattern: FramePattern, text: str) -> None:
    """Raise ValueError if `text`, parsed as `pattern`, has an unsupported extension."""
    if pattern.extension.lower() not in EXTENSIONS:
        raise InputError(
            f"The pattern {text!r} does not end in a supported extension. Write one of {', '.join(EXTENSIONS)}."
        )


def _select(sequence: FileSequence, request: BatchRequest) -> Selection:
    """The frames of `sequence` to load. The errors are those of `BatchRequest.choose`."""
    start, step, on_missing = request.start_index, request.step, request.ignore_missing_images
    available = _available(sequence, request)
    asked = _Asked.of(request, available)
    on_disk = set(available)
    missing = tuple(islice((number for number in asked.numbers if number not in on_disk), LARGEST_BATCH))
    found = [number for number in available if number in asked.numbers]
    if not found or ((missing or asked.beyond is not None) and on_missing is OnMissing.ERROR):
        nothing = (start,) if asked.beyond is None else ()
        raise _missing(sequence, missing or nothing, available, on_missing, asked.beyond)
    if on_missing is OnMissing.DROP:
        return _selection(sequence, found, found, missing, step)
    if asked.count > LARGEST_BATCH:
        raise InputError(
            f"Frames {start} to {asked.last} in steps of {step} are {asked.count}, more than the {LARGEST_BATCH} that can "
            f"be loaded at a time. Load them in parts, by start_index and frame_count."
        )
    sources: list[int | None] = []
    for number in asked.numbers:
        source = number if number in on_disk else None
        if source is None and on_missing is OnMissing.HOLD_PREVIOUS:
            earlier = bisect_left(available, number)
            if not earlier:
                raise _missing(sequence, missing, available, on_missing)
            source = available[earlier - 1]
        sources.append(source)
    return _selection(sequence, asked.numbers, sources, missing, step)


def _selection(
    sequence: FileSequence, numbers: Iterable[int], sources: Iterable[int | None], missing: tuple[int, ...], step: int
) -> Selection:
    sources = tuple(sources)
    files = {source: sequence.file(source) for source in sources if source is not None}
    return Selection(tuple(numbers), sources, files, missing, step, dict.fromkeys(files, sequence))


def _available(sequence: FileSequence, request: BatchRequest) -> list[int]:
    """The sorted frames on disk. A pattern without a number has one file, which counts as frame `start_index`."""
    if sequence.pattern.has_number:
        return sequence.frames()
    sequence.pattern.require_number(request.frame_count)
    return [request.start_index] if is_regular(sequence.file(request.start_index)) else []


@dataclass(frozen=True)
class _Asked:
    """The frames that a request asks for: `count` numbers, the last of which is `last`.

    Up to LARGEST_BATCH are all in `numbers`. If there are more, `numbers` goes no further than the last frame on disk.
    The frames from `beyond` on (None: there are none) are missing; listing them would take forever.
    """

    numbers: range
    last: int
    count: int
    beyond: int | None = None

    @classmethod
    def of(cls, request: BatchRequest, available: Sequence[int]) -> _Asked:
        start, step = request.start_index, request.step
        to_the_end = available and not request.frame_count
        last = available[-1] if to_the_end else start + (max(request.frame_count, 1) - 1) * step
        count = max(0, (last - start) // step + 1)  # len() is limited to 2^63, numbers in file names are not
        if count <= LARGEST_BATCH:
            return cls(range(start, last + 1, step), last, count)
        end = available[-1] if available else start - 1
        beyond = start + max(0, (end - start) // step + 1) * step
        return cls(range(start, min(beyond, last + 1), step), last, count, beyond if beyond <= last else None)


def _missing(
    sequence: FileSequence,
    frames: Sequence[int],
    available: Sequence[int],
    on_missing: OnMissing,
    beyond: int | None = None,
) -> FrameMissingError:
    """The error for `frames`.

    `beyond` is the first of further missing frames, too many to list; None if there are none.
    """
    fix = "Check the folder, the pattern, start_index and frame_count, or render what is missing"
    if available and on_missing is OnMissing.ERROR:
        fix += ", or set ignore_missing_images to 'true', 'hold previous' or 'black'"
    elif available and on_missing is OnMissing.HOLD_PREVIOUS and frames and frames[0] < available[0]:
        fix += "; before the first frame on disk there is no frame to hold"
    path = str(sequence.file([*frames[:1], beyond or 0][0]))
    instead = "" if available else f"No file there matches {str(sequence.pattern)!r}. {inventory(sequence.folder)}"
    return FrameMissingError(frames, available, path, instead, fix, beyond)
