"""Chooses the file of one frame, or what replaces it if it is missing, for Load Image Sequence (Frame)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..cancellable_run import Run
from ..errors import FrameMissingError, FrameSizeError, ImageSequenceError, InputError
from ..frame_metadata import FrameMetadata
from ..message import Message
from ..naming.allowed_roots import require_valid_in_any_folder, root_of
from ..naming.file_names import printable, unquoted
from ..naming.file_sequence import FileSequence
from ..naming.frame_folder import FrameFolder, folder_and_names
from ..naming.frame_pattern import FramePattern
from ..naming.inventory import folder_missing
from ..naming.meant_sequence import require_readable
from ..policies import Indexing, OnMissingFrame
from ..request import known, limited
from .access import naming_the_denied, require_access
from .choose_batch import FOLDER_WORDS
from .facts import Missing, facts
from .frame_colour import ColourRequest, FrameColour
from .read import Loaded, black_frame, read_frames
from .selection import Selection, fingerprint, stamp


@dataclass(frozen=True, kw_only=True)
class FrameRequest(ColourRequest):
    """Frame `frame_number` of a folder. `has_default`: the caller provides an image for a missing frame."""

    directory_path: str = ""
    pattern: str = "*"
    indexing: Indexing = Indexing.NUMERIC
    frame_number: int = limited(0, least=0)
    on_missing: OnMissingFrame = OnMissingFrame.ERROR
    folder: str = limited("output", words=FOLDER_WORDS)
    has_default: bool = known(bool)

    def frames(self) -> FrameFolder:
        """The frames that the texts name. A pair of quotes and white space around them do not count. Of the path of one frame, those of its sequence; to find it, lists the folder.

        Raises what `FrameFolder.parse` and `folder_and_names` raise, ValueError for an unsupported extension.
        """
        pattern = unquoted(self.pattern)
        if not pattern:
            raise InputError("Write * into pattern for all images, or a pattern such as frame_####.png: it is empty.")
        directory_path, pattern = folder_and_names(unquoted(self.directory_path), pattern, self.folder)
        names = FramePattern.parse(pattern)
        if names.has_number:
            require_readable(names, self.pattern)
        frames = FrameFolder.parse(directory_path, pattern, self.folder)
        return frames.of_frame() if self.indexing is Indexing.NUMERIC else frames

    @naming_the_denied()
    def choose(self) -> ChosenFrame:
        """The frame, or what replaces it.

        Lists folders only for wildcards, or if the frame is missing: to find the sequence of another padding, see
        `FrameFolder.of_padding`, or a replacement. Raises what `frames` and `colour` raise;
        AmbiguousFrameError; FrameMissingError under ERROR, without a frame to hold, and under BLACK without another frame to
        give the size.
        """
        _ = self.colour  # what it refuses is refused before the caller's image is rendered
        frames, number = self.frames(), self.frame_number
        files = frames.files(number, self.indexing)
        if not files:
            frames = frames.of_padding(self.indexing)
            files = frames.files(number, self.indexing)
        if files:
            return ChosenFrame(frames, number, number, tuple(files))
        if self.has_default:
            return ChosenFrame(frames, number, None)
        available = frames.numbers(self.indexing)
        place = bisect_left(available, number)
        earlier, later = available[:place][-1:], available[place:][:1]
        sources = {
            OnMissingFrame.HOLD_PREVIOUS: earlier,
            OnMissingFrame.HOLD_NEXT: later,
            OnMissingFrame.BLACK: earlier or later,
        }.get(self.on_missing)
        if not sources:
            raise _missing(frames, number, available, self.on_missing)
        found = tuple(frames.files(sources[0], self.indexing))
        return ChosenFrame(frames, number, sources[0], found, self.on_missing is OnMissingFrame.BLACK)

    @naming_the_denied()
    def found(self) -> list[tuple[FileSequence, int]]:
        """The (sequence, frame) of every frame there is, in order. Raises FrameMissingError if there is none."""
        _, frames = self.colour, self.frames().of_padding(self.indexing)
        found = frames.found(self.indexing)
        if not found:
            raise _missing(frames, self.frame_number, [], self.on_missing)
        return found

    def facts(self, found: Sequence[tuple[FileSequence, int]]) -> dict[str, Any]:
        """What there is of the frames, see `facts.facts`. Of several sequences, the pattern is the wildcard."""
        there = [number for _, number in found]
        sequence, first = found[0]
        patterns = {each.pattern_from(self.folder) for each, _ in found}
        pattern = patterns.pop() if len(patterns) == 1 else str(self.frames())
        return facts(there, Missing.between(there), pattern, sequence.file(first), self.colour.layer)

    def facts_of_frame(self) -> dict[str, Any]:
        """{frame, is_there}: the number of the frame, and whether it is on disk.

        Raises AmbiguousFrameError, and what `require_access` raises.
        """
        number = self.frame_number
        frames = self.frames().of_padding(self.indexing)
        files = frames.files(number, self.indexing)
        for file in files:
            require_access({number: file})
        return {"frame": number, "is_there": bool(files)}

    def fingerprint(self) -> str:
        """For a cache key: changes only when the files that `choose` returns change on disk. Never raises."""
        return fingerprint(lambda: self.choose().fingerprint)


@dataclass(frozen=True)
class ChosenFrame:
    """What to load for frame `number`: the files of frame `source`, one for each image of a batch.

    `source` is None if the caller's image replaces the frame. If `black`, only the size of the files matters.
    """

    frames: FrameFolder
    number: int
    source: int | None
    files: tuple[Path, ...] = ()
    black: bool = False

    @property
    def is_default(self) -> bool:
        return self.source is None

    @property
    def missing(self) -> list[int]:
        """The frame itself, if something else replaces it."""
        return [] if self.source == self.number else [self.number]

    @property
    def shown(self) -> list[tuple[FileSequence, int]]:
        """The (sequence, frame) of every loaded picture."""
        if self.black or self.source is None:
            return []
        return [(self.frames.sequence(file, self.source), self.source) for file in self.files]

    @property
    def file_name(self) -> str:
        """Name of the first loaded file, or ''.

        Bytes that are not UTF-8 become U+FFFD, because other nodes get the name.
        """
        return "" if self.black or self.source is None else printable(self.files[0].name)

    @property
    def fingerprint(self) -> str:
        """Stays the same as long as the same files are chosen and none of them changes."""
        return stamp((self.number, self.source, self.black), self.files)

    @property
    def summary(self) -> Message:
        """One line for the user."""
        number, file = str(self.number), self.file_name
        if self.source == self.number:
            return Message("Loaded frame %number%: %file%", number=number, file=file)
        if self.black:
            return Message("Frame %number% is not on disk; loaded a black image instead", number=number)
        if self.source is None:
            return Message("Frame %number% is not on disk; loaded default_image instead", number=number)
        return Message(
            "Frame %number% is not on disk; loaded frame %held% (%file%) instead",
            number=number,
            held=str(self.source),
            file=file,
        )

    def read(self, default: Any = None, run: Run | None = None, colour: FrameColour | None = None) -> Loaded:
        """The frame, like `read_frames`; several images for a batch. Raises what that raises.

        If `is_default`, returns `default`, (N, H, W, C), unchanged with a mask of zeros. Raises ValueError if it is not
        an image.
        """
        run, colour, number = run or Run(), colour or FrameColour(), self.source
        if number is None:
            return _default(self.number, default)
        if self.black:
            return black_frame(number, self.files[0], run.float_dtype, colour.layer)
        loaded = [read_frames(Selection.of_files({number: file}), run=run, colour=colour) for file in self.files]
        sizes = [(images.shape[2], images.shape[1]) for images, *_ in loaded]
        for file, size in zip(self.files, sizes):
            if size != sizes[0]:
                fix = "Render the frame again in one size, or write one of the batch folders into directory_path."
                raise FrameSizeError((number, number), (sizes[0], size), file, fix)
        if len(loaded) == 1:
            return loaded[0]
        images, masks, metadata, is_float = zip(*loaded)
        attributes = tuple(frame for item in metadata for frame in item.frames)
        return Loaded(torch.cat(images), torch.cat(masks), FrameMetadata(attributes), any(is_float))


def check_directory(directory_path: str) -> None:
    """Raise the error of a path that is invalid in all of ComfyUI's folders: before the run, the folder is unknown."""
    require_valid_in_any_folder(lambda kind: root_of(unquoted(directory_path), kind, write=False))


def _default(number: int, default: Any) -> Loaded:
    if not isinstance(default, torch.Tensor) or default.ndim != 4:
        came = "nothing" if default is None else f"a {type(default).__name__} that is not an IMAGE"
        raise InputError(
            f"Frame {number} is not on disk, and the node wired to default_image gave {came}. Wire an image to it."
        )
    return Loaded(default, default.new_zeros(default.shape[:3]), FrameMetadata(({},) * len(default)))


def _missing(frames: FrameFolder, number: int, available: list[int], on_missing: OnMissingFrame) -> ImageSequenceError:
    fix = "Check directory_path, pattern and folder, or render what is missing"
    if on_missing is OnMissingFrame.ERROR:
        fix += ", or set on_missing to 'hold previous', 'hold next' or 'black', or wire default_image"
    elif available:
        side = "before" if on_missing is OnMissingFrame.HOLD_PREVIOUS else "after"
        fix += f"; there is no frame {side} it to hold"
    if not available and not frames.folder.is_dir():
        return folder_missing(frames.folder)
    path = frames.folder / frames.names.name(number) if frames.names.has_number else frames
    return FrameMissingError([number], available, str(path), "" if available else frames.instead(), fix)
