"""Counted: the files of an animation that a frame counter counts, one image a frame or a batch of variants."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import targets, tokens, wire
from .animation import AnimationSequence, AtEnd, LogEntry, whole_frame
from .batches import batch_folder, batch_folders, gaps
from .filetype import FileType
from .paths import PathError, Root, locate, normalise
from .pattern import FramePattern, with_noun
from .sequence import Sequence
from .wire import UNRENDERED
from .writer import Frame, OnExisting, Saved, is_saved

_log = logging.getLogger(__name__)


class OtherTakeError(ValueError):
    """A frame that would be rendered again and again, as files of another take lack it.

    Attributes: `frame`, `folder`, `done` and `lacking` (the places below `folder` that have the frame, and that do not).
    """

    def __init__(self, frame: int, folder: Path, done: Many[str], lacking: Many[str]) -> None:
        self.frame, self.folder, self.done, self.lacking = frame, folder, list(done), list(lacking)
        super().__init__(
            f"The folder {str(folder)!r} has frames of two takes: frame {frame} is on disk in {', '.join(done)}, but not in "
            f"{', '.join(lacking)}, so it would be rendered again and again. Move the take that you do not want to continue "
            f"to another folder, or save under another prefix."
        )


@dataclass(frozen=True)
class Counted:
    """The files `<directory>/<prefix>_<frame>.<ext>` of an animation, or those in its batch folders for batches of images.

    The batch folders are beside the frames, so that a loader or a counter that is given their folder finds them: image i of
    a batch goes to `<directory>/batch_<i>/<prefix>_<frame>.<ext>`, and with a prefix `a/b` to `<directory>/a/batch_<i>/
    b_<frame>.<ext>`. 0.1.0 wrote `<directory>/batch_<i>/a/b_<frame>.<ext>`; a take that was begun so is continued so.
    batches.py says what counts as on disk there. `file` is the pattern below these folders.
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
        earlier = cls(root, directory, pattern)
        root.confirm(earlier.single.file(0), write=True)
        below, file = pattern.relative()
        if not below:
            return earlier
        counted = cls(root, f"{directory}/{below}" if directory else below, file)
        return earlier if not counted.begun() and earlier.begun() else counted

    @property
    def single(self) -> Sequence:
        return Sequence(self.root, self.file.within(self.directory))

    def variant(self, index: int) -> Sequence:
        return Sequence(self.root, self.file.within(batch_folder(index)).within(self.directory))

    def begun(self, *, strict: bool = True) -> dict[int, Sequence]:
        """By index, the sequences of the batch folders that hold any frame of these files; see `batch_folders`."""
        folders = batch_folders(self.root, self.root.path / self.directory, strict=strict)
        return {index: sequence for index, _ in folders if (sequence := self.variant(index)).is_begun()}

    def needs_image(self, counters: Iterable[Any], at_end: AtEnd, on_existing: OnExisting) -> bool:
        """Is there a frame to render? Not past the end, nor where it is on disk and to be kept (SKIP).

        Asked before anything is rendered. Raises EndOfAnimationError, FrameExistsError, ForeignFileError or NotAFileError
        where the policies say so. It is not yet known how many images will come, so under ERROR a file of the frame in any
        batch folder, or beside them, is refused. Under SKIP, OtherTakeError for a frame that is on disk as a single image
        beside a batch that lacks it: nothing tells which of the two is to be continued.
        """
        frames = [whole_frame(counter) for counter in counters if at_end.saves(counter)]
        if on_existing is OnExisting.OVERWRITE or not frames:
            wanted = [on_existing.wants(self.single, frame) for frame in frames]
            return any(wanted)  # no short cut, here and below: any of them can raise
        begun = self.begun()
        if on_existing is OnExisting.ERROR:
            sequences = (self.single, *begun.values())
            wanted = [on_existing.wants(sequence, frame) for frame in frames for sequence in sequences]
            return any(wanted)
        if missing := gaps(begun):
            _log.warning(
                "In %s the frames of %s are gone, so every frame is rendered again.", self.single.folder, missing
            )
        wanted = [self._lacks(frame, begun) for frame in frames]
        return any(wanted)

    def _lacks(self, frame: int, begun: Mapping[int, Sequence]) -> bool:
        """Does `frame` have to be rendered under SKIP? `begun`: as `begun()`."""
        if not begun:
            return OnExisting.SKIP.wants(self.single, frame)
        lacking = [sequence for sequence in begun.values() if OnExisting.SKIP.wants(sequence, frame)]
        if lacking and is_saved(self.single, frame):
            raise OtherTakeError(frame, self.single.folder, [self.single.file(frame).name], list(map(_folder, lacking)))
        return bool(lacking or gaps(begun))

    def frames(self, number: int, images: object) -> list[Frame]:
        """The frames that `images`, (N, H, W, C), are at `number`; if they are UNRENDERED, those that are on disk.

        Raises ValueError for an empty batch, NoImageError for what is not a batch of images, OtherTakeError for a batch of
        which every image is on disk already, while folders of a batch with more images lack the frame: skipping and
        resuming would ask for it for ever.
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
        frames = [Frame(self.variant(index), number, image) for index, image in enumerate(batch)]
        ours = [frame.sequence for frame in frames]
        higher = [sequence for index, sequence in self.begun(strict=False).items() if index >= len(batch)]
        lacking = [sequence for sequence in higher if not _is_whole(sequence, number)]
        if lacking and all(_is_whole(sequence, number) for sequence in ours):
            raise OtherTakeError(number, self.single.folder, list(map(_folder, ours)), list(map(_folder, lacking)))
        return frames

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
        begun = self.begun()
        sequences = list(begun.values()) or [self.single]
        is_complete = not gaps(begun) and all(is_saved(sequence, number) for sequence in sequences)
        return sequences if is_complete else []

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
        common = set.intersection(*(_listed(sequence, total) for sequence in sequences))
        whole = [n for n in sorted(common) if all(_is_whole(sequence, n) for sequence in sequences)]
        missing = _missing(whole, total)
        end = f"The animation lacks {missing} of {total}." if missing else f"All frames are there: {total}."
        files = {n: [str(sequence.file(n)) for sequence in sequences] for n in whole}
        return AnimationSequence(final[-1], files), log.add(end)

    def _other_takes(self, saved: Many[Saved]) -> str:
        """A line about batch folders of another take, which keep every frame of this one incomplete; "" if there are none."""
        ours = {item.sequence for item in saved}
        begun = self.begun(strict=False)
        others = ", ".join(_folder(sequence) for sequence in begun.values() if sequence not in ours)
        if not others:
            return ""
        if self.single in ours:
            if not any(item.written for item in saved):
                return ""
            return (
                f"This frame is a single image, but there are batches of images in {others} as well: if these are of "
                f"another take, move them away, or skipping and resuming will stop at them."
            )
        return (
            f"The batch has {len(ours)} images, but there are frames in {others} as well: if these are of "
            f"another take, move them away, or skipping and resuming will wait for them."
        )


def _folder(sequence: Sequence) -> str:
    """The name of a variant's batch folder: the last such name in its path."""
    return next(name for name in reversed(sequence.folder.parts) if name.startswith("batch_"))


def _listed(sequence: Sequence, total: int) -> set[int]:
    """The frames below `total` on disk. As the frames of this run are saved by now, a folder that fails has none."""
    try:
        return {number for number in sequence.frames() if number < total}
    except OSError as error:
        _log.warning("The frames of %s could not be listed: %s", sequence, error)
        return set()


def _is_whole(sequence: Sequence, frame: int) -> bool:
    """As `is_saved`, for a look that must not cost a frame that is rendered: what cannot be read, or leads out, is not."""
    try:
        return is_saved(sequence, frame)
    except (PathError, OSError) as error:
        _log.warning("Frame %d of %s does not count: %s", frame, sequence, error)
        return False


def _missing(whole: Many[int], total: int) -> str:
    """The frames of 0 .. total - 1 that are not in `whole`, which is in order: "frames 1-2,4"; "" for none.

    By what is there, not by `total`, which may be millions.
    """
    runs = []
    for before, after in zip([-1, *whole], [*whole, total], strict=True):
        first, last = before + 1, after - 1
        if first <= last:
            runs.append(f"{first}" if first == last else f"{first}-{last}")
    return with_noun(",".join(runs)) if runs else ""


def _is_final(counter: Any) -> bool:
    return whole_frame(counter) == int(counter.total_frames) - 1


def _stopped(counter: Any) -> str:
    frame, total = whole_frame(counter), int(counter.total_frames)
    return f"Stopped: frame {frame} is past the end of {total} frames (0-{total - 1}); nothing was written."
