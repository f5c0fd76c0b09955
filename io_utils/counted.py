"""Counted: the files of an animation that a frame counter counts, one image a frame or a batch of variants."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import targets, tokens, wire
from .animation import AnimationSequence, AtEnd, LogEntry, whole_frame
from .batches import batch_folder, batch_folders
from .filetype import FileType
from .paths import Root, locate, normalise
from .pattern import FramePattern, named
from .sequence import Sequence
from .wire import UNRENDERED
from .writer import Frame, OnExisting, Saved, is_saved


@dataclass(frozen=True)
class Counted:
    """The files `<directory>/<prefix>_<frame>.<ext>` of an animation, or those in its batch folders for batches of images.

    Image i of a batch goes to `<directory>/batch_<i>/<prefix>_<frame>.<ext>`; batches.py says what
    counts as on disk there. `file` is the pattern below these folders.
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

        An empty `directory_path` is the output folder itself. Raises TokenError, PathError (as `targets.require_no_number` too),
        PatternError.
        """
        now = now or datetime.now().astimezone()
        texts = directory_path, prefix
        directory_path, prefix = (tokens.resolve(text, now, *size) for text in texts)
        targets.require_no_number(prefix, texts[1], "frame")
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

    def begun(self) -> list[Sequence]:
        """The sequences of the batch folders that hold any frame of these files, in order."""
        folders = batch_folders(self.root, self.root.path / self.directory)
        return [sequence for index, _ in folders if (sequence := self.variant(index)).is_begun()]

    def needs_image(self, counters: Iterable[Any], at_end: AtEnd, on_existing: OnExisting) -> bool:
        """Is there a frame to render? Not past the end, nor where it is on disk and to be kept (SKIP).

        Asked before anything is rendered. Raises EndOfAnimationError, FrameExistsError or NotAFileError where the policies
        say so. It is not yet known how many images will come, so under ERROR a file of the frame in any batch folder, or
        beside them, is refused.
        """
        frames = [whole_frame(counter) for counter in counters if at_end.saves(counter)]
        if on_existing is OnExisting.OVERWRITE or not frames:
            sequences = [self.single]
        elif on_existing is OnExisting.ERROR:
            sequences = [self.single, *self.begun()]
        else:
            sequences = self.begun() or [self.single]
        # No short cut: any of them can raise.
        wanted = [on_existing.wants(sequence, frame) for frame in frames for sequence in sequences]
        return any(wanted)

    def frames(self, number: int, images: object) -> list[Frame]:
        """The frames that `images`, (N, H, W, C), are at `number`; if they are UNRENDERED, those that are on disk.

        Raises ValueError for an empty batch, NoImageError for what is not a batch of images.
        """
        if images is UNRENDERED:
            return [Frame(sequence, number) for sequence in self.on_disk(number) or [self.single]]
        batch = wire.images(images, "image", number)
        if not len(batch):
            raise ValueError(
                f"Frame {number}: the input 'image' got a batch without any image. Check the node that is wired to it."
            )
        if len(batch) == 1:
            return [Frame(self.single, number, batch[0])]
        return [Frame(self.variant(index), number, image) for index, image in enumerate(batch)]

    @staticmethod
    def require_own_files(frames: Iterable[Frame]) -> None:
        """ValueError if two images have one file: a list of images that came with a single counter."""
        seen = set()
        for frame in frames:
            if frame.path in seen:
                raise ValueError(
                    f"Two images are meant for frame {frame.number}, {str(frame.path)!r}: a list of images came with one "
                    f"frame counter. Make it a batch."
                )
            seen.add(frame.path)

    def on_disk(self, number: int) -> list[Sequence]:
        """The sequences that hold frame `number` whole: every batch folder that counts, or the single one if none does.

        Empty if it is missing in any of them: then the frame has to be rendered.
        """
        sequences = self.begun() or [self.single]
        return sequences if all(is_saved(sequence, number) for sequence in sequences) else []

    def outcome(self, counters: Many[Any], saved: Many[Saved], summary: str) -> tuple[AnimationSequence, LogEntry]:
        """The result of a run at `counters`: the animation, finished if one of them is at its final frame, and a log.

        The animation holds this prefix and file type only, frames 0 .. total - 1 in numeric order, where every variant
        of the batch is whole on disk; one variant never stands in for another. The log names the frames it lacks.
        """
        if not saved:
            return AnimationSequence(counters[-1]), LogEntry.new("\n".join(map(_stopped, counters)))
        log = LogEntry.new(summary)
        if stale := self._other_takes(saved):
            log = log.add(stale)
        numbers = {item.number for item in saved}
        final = [counter for counter in counters if _is_final(counter) and whole_frame(counter) in numbers]
        if not final:
            return AnimationSequence(counters[-1]), log
        frame, total = whole_frame(final[-1]), int(final[-1].total_frames)
        sequences = list(dict.fromkeys(item.sequence for item in saved if item.number == frame))
        common = set(range(total)).intersection(*(sequence.frames() for sequence in sequences))
        whole = [n for n in sorted(common) if all(is_saved(sequence, n) for sequence in sequences)]
        missing = sorted(set(range(total)).difference(whole))
        end = f"The animation lacks {named(missing)} of {total}." if missing else f"All frames are there: {total}."
        files = {n: [str(sequence.file(n)) for sequence in sequences] for n in whole}
        return AnimationSequence(final[-1], files), log.add(end)

    def _other_takes(self, saved: Many[Saved]) -> str:
        """A line about batch folders of another take, which keep every frame of this one incomplete; "" if there are none."""
        ours = {item.sequence for item in saved}
        if self.single in ours:
            return ""
        others = [sequence.file(0).parent.name for sequence in self.begun() if sequence not in ours]
        if not others:
            return ""
        return (
            f"The batch has {len(ours)} images, but there are frames in {', '.join(others)} as well: if these are of "
            f"another take, move them away, or skipping and resuming will wait for them."
        )


def _is_final(counter: Any) -> bool:
    return whole_frame(counter) == int(counter.total_frames) - 1


def _stopped(counter: Any) -> str:
    frame, total = whole_frame(counter), int(counter.total_frames)
    return f"Stopped: frame {frame} is past the end of {total} frames (0-{total - 1}); nothing was written."
