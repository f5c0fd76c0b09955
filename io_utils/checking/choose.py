"""Chooses the frames to check: which sequence is meant, its first and last frame, and what else lies beside its files."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from ..errors import FrameMissingError, ImageSequenceError, SequenceMissingError
from ..loading.access import inside, naming_the_denied
from ..loading.choose_batch import FOLDER_WORDS
from ..loading.facts import Missing, facts
from ..loading.selection import fingerprint, stamp
from ..naming.file_sequence import FileSequence
from ..naming.frame_range import absent, amount, as_ranges, numbers_in
from ..naming.inventory import folder_missing, inventory
from ..naming.lookalikes import lookalikes
from ..naming.meant_sequence import Meant, SequenceText
from ..naming.regular_files import entry_names, is_regular
from ..policies import OnProblem, Thoroughness
from ..request import limited

MOST_SHOWN = 10_000


@dataclass(frozen=True)
class Chosen:
    """The frames from `first` to `last` of `sequence`.

    frames: those that have a file, sorted. occupied: those whose name something else has, such as a folder.
    strays: the names of files that look like frames but are not.
    """

    sequence: FileSequence
    first: int
    last: int
    frames: Sequence[int]
    occupied: Sequence[int] = ()
    strays: Sequence[str] = ()

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The frames without a file, as (first, last) pairs: there may be 2^53."""
        return absent(self.frames, self.first, self.last)

    @property
    def shown(self) -> list[tuple[FileSequence, int]]:
        """The (sequence, frame) of every file, for the browser."""
        return [(self.sequence, frame) for frame in self.frames]

    @property
    def some_missing(self) -> list[int]:
        """The first of the missing frames, as many as a browser can show."""
        return list(islice(numbers_in(self.missing), MOST_SHOWN))

    @cached_property
    def fingerprint(self) -> str:
        """Stays the same as long as the same frames are chosen, their files do not change, and nothing appears beside them."""
        choice = (str(self.sequence), self.first, self.last, self.occupied, self.strays)
        return stamp(choice, map(self.sequence.file, self.frames))


@dataclass(frozen=True, kw_only=True)
class CheckRequest:
    """Checks `frame_count` frames of `path_pattern` from `start_index`.

    0 frames: up to the last one on disk. `start_index` 0 is the first frame on disk; of a number of frames of a pattern that
    names its files exactly, it is frame 0, as in Load Image Sequence (Batch).
    """

    path_pattern: str = "./frame{:06d}.png"
    folder: str = limited("output", words=FOLDER_WORDS)
    start_index: int = limited(0, least=0)
    frame_count: int = limited(0, least=0)
    thoroughness: Thoroughness = Thoroughness.QUICK
    on_problem: OnProblem = OnProblem.REPORT

    @naming_the_denied()
    def choose(self) -> Chosen:
        """The frames to check. Lists the folder two or three times.

        Raises what `SequenceText.parse` and `SequenceText.meant` raise; PatternError for several frames of one image;
        FolderMissingError, SequenceMissingError and FrameMissingError if `frame_count` is 0 and there is no frame to check.
        """
        meant = SequenceText.parse(self.path_pattern, self.folder).meant(self.frame_count)
        if not meant.sequence.pattern.has_number:
            return self._image(meant)
        on_disk = meant.frames()
        first = self._first(meant, on_disk)
        if not self.frame_count and (not on_disk or on_disk[-1] < first):
            raise self._nothing(meant.sequence, on_disk)
        last = first + self.frame_count - 1 if self.frame_count else on_disk[-1]
        frames = on_disk[bisect_left(on_disk, first) : bisect_right(on_disk, last)]
        occupied, strays = _beside(meant.sequence, set(on_disk))
        within = tuple(number for number in occupied if first <= number <= last)
        return Chosen(meant.sequence, first, last, frames, within, strays)

    def facts(self, chosen: Chosen) -> dict[str, Any]:
        """What there is of the chosen frames, see `facts.facts`. Raises OutsideError if they are outside the allowed folders."""
        files = map(chosen.sequence.file, chosen.frames)
        # A link may lead out, which is for the check to report.
        first = next((file for file in files if not file.is_symlink()), chosen.sequence.file(chosen.first))
        inside(chosen.sequence.root)(first)
        pattern = chosen.sequence.pattern_from(self.folder)
        missing = Missing(amount(chosen.missing), as_ranges(chosen.missing))
        return facts(chosen.frames, missing, pattern, first, "")

    def fingerprint(self) -> str:
        """For a cache key: changes only when what `choose` finds changes on disk. Never raises."""
        return fingerprint(lambda: self.choose().fingerprint)

    def _first(self, meant: Meant, on_disk: Sequence[int]) -> int:
        is_count_of_pattern = meant.is_exact and self.frame_count
        if self.start_index or is_count_of_pattern or not on_disk:
            return self.start_index
        return on_disk[0]

    def _image(self, meant: Meant) -> Chosen:
        """An image that is no frame of a sequence, or the only frame that is asked for."""
        sequence = meant.sequence
        sequence.pattern.require_number(self.frame_count)
        number = self.start_index if meant.number is None else meant.number
        if is_regular(sequence.file(number)):
            return Chosen(sequence, number, number, [number])
        if meant.number is None:
            raise self._nothing(sequence, ())
        return Chosen(sequence, number, number, [])

    def _nothing(self, sequence: FileSequence, on_disk: Sequence[int]) -> ImageSequenceError:
        """The error if there is no frame to check, and nobody said how many there should be."""
        if on_disk:
            path, fix = str(sequence.file(self.start_index)), f"Set start_index to {on_disk[-1]} or less"
            return FrameMissingError(
                [self.start_index], on_disk, path, "", f"{fix}, or frame_count to what there should be"
            )
        if not sequence.folder.is_dir():
            return folder_missing(sequence.folder)
        return SequenceMissingError(self.path_pattern, sequence.folder, inventory(sequence.folder))


def _beside(sequence: FileSequence, on_disk: set[int]) -> tuple[list[int], tuple[str, ...]]:
    """(the frames whose name something has that is not a file, sorted; the names of files that look like frames)."""
    folder, pattern = sequence.pattern.relative()
    if pattern != pattern.component():  # a folder for each frame
        return [], ()
    names = entry_names(sequence.root.path / folder, lambda entry: True)
    numbers = {number for name in names if (number := pattern.number(name)) is not None} - on_disk
    # A frame that has appeared since its folder was listed is a file.
    occupied = sorted(number for number in numbers if not is_regular(sequence.file(number)))
    return occupied, tuple(lookalikes(pattern, names))
