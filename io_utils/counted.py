"""Counted: the files of an animation that a frame counter counts, one image a frame or a batch of variants."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import torch

from . import tokens
from .animation import AnimationSequence, AtEnd, LogEntry, whole_frame
from .filetype import FileType
from .frames import batch_folder
from .paths import Root, locate, normalise
from .pattern import FramePattern, named
from .sequence import Sequence
from .writer import Frame, OnExisting, Saved, is_saved


@dataclass(frozen=True)
class Counted:
    """The files `<directory>/<prefix>_<frame>.<ext>`, or for a batch of n images a frame

    `<directory>/batch_0000/<prefix>_<frame>.<ext>` to `batch_<n - 1>`. `file` is the pattern below these folders.
    """

    root: Root
    directory: str
    file: FramePattern

    @classmethod
    def locate(
        cls,
        directory_path: str,
        prefix: str,
        digits: int,
        filetype: FileType,
        now: datetime | None = None,
        size: tuple[int, int] = (0, 0),
    ) -> Counted:
        """The files of these settings, tokens in `directory_path` and `prefix` filled in; `size` is (width, height).

        An empty `directory_path` is the output folder itself. Raises TokenError, PathError, PatternError.
        """
        now = now or datetime.now().astimezone()
        directory_path, prefix = (tokens.resolve(text, now, *size) for text in (directory_path, prefix))
        root, directory = locate(directory_path, "output", write=True)
        pattern = FramePattern.around(f"{normalise(prefix)}_", filetype.extension, digits)
        counted = cls(root, directory, pattern)
        root.confirm(counted.single.file(0), write=True)
        return counted

    @property
    def single(self) -> Sequence:
        return Sequence(self.root, self.file.within(self.directory))

    def variant(self, index: int) -> Sequence:
        return Sequence(self.root, self.file.within(batch_folder(index)).within(self.directory))

    def needs_image(self, counters: Iterable[Any], at_end: AtEnd, on_existing: OnExisting) -> bool:
        """Is there a frame to render? Not past the end, nor where it is on disk and to be kept (SKIP).

        Raises EndOfAnimationError and FrameExistsError where the policies say so: before anything is rendered.
        """
        frames = [whole_frame(counter) for counter in counters if at_end.saves(counter)]
        wanted = [on_existing.wants(frame, partial(self.on_disk, frame)) for frame in frames]
        return any(wanted)

    def frames(self, number: int, images: torch.Tensor | None) -> list[Frame]:
        """The frames that `images`, (N, H, W, C), are at `number`; for None, nobody having rendered, those on disk."""
        if images is None:
            return [Frame(sequence, number) for sequence in self.on_disk(number) or [self.single]]
        if not len(images):
            raise ValueError(f"Frame {number}: the batch holds no image.")
        if len(images) == 1:
            return [Frame(self.single, number, images[0])]
        return [Frame(self.variant(index), number, image) for index, image in enumerate(images)]

    def on_disk(self, number: int) -> list[Sequence]:
        """The sequences that hold frame `number` whole: the single one, or every batch folder that has frame 0.

        Empty if it is missing in any of them: then the frame is to be rendered.
        """
        if is_saved(self.single, number):
            return [self.single]
        begun: list[Sequence] = []
        while is_saved(self.variant(len(begun)), 0):
            begun.append(self.variant(len(begun)))
        return begun if all(is_saved(sequence, number) for sequence in begun) else []

    def outcome(self, counter: Any, saved: Many[Saved], summary: str) -> tuple[AnimationSequence, LogEntry]:
        """What a run at `counter` amounts to: the finished animation on its final frame, and what to tell people.

        The animation holds this prefix and file type only, frames 0 .. total - 1 in numeric order, where every variant
        of the batch is whole on disk; one variant never stands in for another. The log names the frames it lacks.
        """
        frame, total = whole_frame(counter), int(counter.total_frames)
        if not saved:
            return AnimationSequence(counter), LogEntry.new(
                f"Stopped: frame {frame} is past the end of {total} frames (0-{total - 1}); nothing was written."
            )
        log = LogEntry.new(summary)
        if frame != total - 1:
            return AnimationSequence(counter), log
        sequences = list(dict.fromkeys(item.sequence for item in saved if item.number == frame))
        common = set(range(total)).intersection(*(sequence.frames() for sequence in sequences))
        whole = [n for n in sorted(common) if all(is_saved(sequence, n) for sequence in sequences)]
        missing = sorted(set(range(total)).difference(whole))
        end = f"The animation lacks {named(missing)} of {total}." if missing else f"All frames are there: {total}."
        files = {n: [str(sequence.file(n)) for sequence in sequences] for n in whole}
        return AnimationSequence(counter, files), log.add(end)
