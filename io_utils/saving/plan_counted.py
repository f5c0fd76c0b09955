"""Plans Save Image Sequence (Frame Counter): the frame at a frame counter, as one image or a batch of variants."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from .. import wire
from ..animation import AnimationSequence, LogEntry, saves, total_frames, whole_frame
from ..errors import InputError, OtherTakeError, PathError
from ..formats.base import Extent
from ..formats.file_type import FileType
from ..frame_identity import FrameIdentity, graph_groups, graph_problems
from ..message import Message
from ..naming import tokens
from ..naming.allowed_roots import Root, root_of
from ..naming.file_names import normalise
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import LARGEST_FRAME, FramePattern
from ..naming.frame_range import absent, as_ranges
from ..naming.variants import Variants, batch_folder
from ..policies import AtEnd, OnExisting
from ..request import known, limited, word_of
from ..wire import UNRENDERED
from .companions import Companions
from .destination import destination, unknown
from .existing import Identify, facts_of, is_saved, unchanged_images, wants
from .plan import NO_EXTENT, Frame, Saved, SaveRequest, common_size, require_no_number, require_own_paths

_log = logging.getLogger(__name__)

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class CountedRequest(SaveRequest):
    """Saves the frames that frame counters are at as `<directory_path>/<prefix>_<frame>.<ext>`.

    The number on disk is that of the counter plus `first_frame`.
    `size` is the extent of the images, for tokens in the texts; 0 x 0 before they are rendered.
    """

    directory_path: str = ""
    prefix: str = "frame"
    # The earlier pack set no limits; a negative number pads like 0.
    digits: int = limited(5)
    at_end: AtEnd = AtEnd.STOP
    first_frame: int = limited(0, least=0, most=LARGEST_FRAME)
    size: Extent = known(lambda: NO_EXTENT)

    @property
    def texts(self) -> tuple[str, str]:
        """The texts that may hold tokens."""
        return self.directory_path, self.prefix

    def for_images(self, images: Iterable[object]) -> CountedRequest:
        """The same request with the size of the images. Raises ValueError like `common_size`."""
        return replace(self, size=common_size(self.texts, images))

    @cached_property
    def files(self) -> CountedFiles:
        """The files, with tokens filled in. An empty `directory_path` means the output folder itself.

        Raises TokenError, PathError (also from `require_no_number`), PatternError.
        """
        directory_path, prefix = (tokens.resolve(text, self.now, *self.size, self.nodes) for text in self.texts)
        require_no_number(prefix, self.prefix, "frame")
        root, directory = root_of(directory_path, "output", write=True)
        return CountedFiles.place(root, directory, normalise(prefix), self.digits, self.filetype, self.first_frame)

    def destination(self, counter: Any = None) -> dict[str, Any]:
        """Where the frame at `counter` goes, see `destination`; without a counter, where the frames go.

        The coming runs meet the frames from the counter's present one to the last, and none once the animation is over. Without
        a counter they may meet any. Lists the folder and its batch folders. Raises what `files` and `check` raise, and EndOfAnimationError where `at_end`
        says so.
        """
        self.check()
        later = tokens.Later()
        needs_run = tokens.needs_run(*self.texts)
        files = replace(self, nodes=later).files if needs_run else self.files
        number = files.number(counter) if counter is not None and saves(counter, self.at_end) else None
        if needs_run:
            path = files.single.path_pattern if number is None else files.single.shown_file(number)
            return unknown(later.restored(path))
        policy = word_of(self, "on_existing")
        sequence, existing = files.on_disk()
        if counter is None:
            return destination(sequence, None, existing, policy, lambda found: True)
        if number is None:
            return destination(sequence, None, existing, policy, lambda found: False)
        coming = range(number, max(number + 1, files.numbers(total_frames(counter)).stop))
        return destination(sequence, number, existing, policy, lambda found: found in coming)

    def needs_image(self, counters: Sequence[Any], *, has_layers: bool = False) -> bool:
        """Whether any frame must be rendered: one that is not past the end, nor kept under SKIP.

        The number of images is not known before rendering, so ERROR refuses a file of the frame in any batch folder or
        beside them. Raises EndOfAnimationError, FrameExistsError, ForeignFileError or NotAFileError where the policies
        say so, and ValueError for a number above LARGEST_FRAME. Under SKIP, raises OtherTakeError if the frame exists as a
        single image beside a batch that lacks it: either take could be the one to continue. Raises what `check` raises.
        """
        self.check(has_layers=has_layers)
        files = self.files
        numbers = {row: files.number(counter) for row, counter in enumerate(counters) if saves(counter, self.at_end)}
        if tokens.needs_image(*self.texts):  # the path is not known before the frame is rendered
            return bool(numbers)
        if self.on_existing is OnExisting.UNCHANGED:
            return any(self._has_changed(row, number) for row, number in numbers.items())
        return bool(numbers and files.lacking(list(numbers.values()), self.on_existing))

    def _has_changed(self, row: int, number: int) -> bool:
        """Whether a frame must be rendered under UNCHANGED. Raises NotAFileError if it cannot be written."""
        is_kept = bool(self.files.unchanged(number, partial(self.identity, row=row)))
        return not is_kept and wants(self.on_existing, self.files.single, number)

    def frames(self, rows: Iterable[tuple[Any, Any, Companions]]) -> list[Frame]:
        """The frames of (counter, images, companions), without those past the end. Images: see `CountedFiles.frames`.

        Raises EndOfAnimationError where `at_end` says so, what `Companions.attached` raises, ValueError if two images have
        the same path.
        """
        frames = [
            replace(frame, rate=float(counter.frames_per_second))
            for row, (counter, images, companions) in enumerate(rows)
            if saves(counter, self.at_end)
            for frame in companions.attached(self._frames_of(self.files.number(counter), images, row))
        ]
        require_own_paths(frames, "Wire a batch in place of the list of images: there is one frame counter.")
        return frames

    def _frames_of(self, number: int, images: object, row: int) -> list[Frame]:
        """The frames of one row, with their identities."""
        identity = partial(self.identity, row=row)
        if images is UNRENDERED:
            unchanged = self.files.unchanged(number, identity) if self.on_existing is OnExisting.UNCHANGED else []
            return unchanged or self.files.frames(number, images)
        frames = self.files.frames(number, images)
        return [replace(frame, identity=identity(number, image, len(frames))) for image, frame in enumerate(frames)]

    def outcome(
        self, counters: Sequence[Any], saved: Sequence[Saved], summary: str
    ) -> tuple[AnimationSequence, LogEntry]:
        """See `CountedFiles.outcome`. The animation also knows the colour spaces of this request."""
        sequence, log = self.files.outcome(counters, saved, summary)
        image, file = self.image_color_space, self.file_color_space
        return replace(sequence, image_color_space=image, file_color_space=file), log


@dataclass(frozen=True)
class CountedFiles:
    """The files of an animation: `<directory>/<prefix>_<frame>.<ext>`, or files in batch folders for batches of images.

    Image i of a batch goes to `<directory>/batch_<i>/<prefix>_<frame>.<ext>`. With a prefix `a/b` this is
    `<directory>/a/batch_<i>/b_<frame>.<ext>`: batch folders lie beside single frames, so that a loader or a counter for
    that folder finds them. 0.1.0 wrote `<directory>/batch_<i>/a/b_<frame>.<ext>`; a take that has such files continues
    there. variants.py defines what counts as on disk. `file` is the pattern below these folders. `first_frame` is the number
    of the animation's first frame on disk; lower numbers are not part of it.
    """

    root: Root
    directory: str
    file: FramePattern
    first_frame: int = 0

    @classmethod
    def place(
        cls, root: Root, directory: str, prefix: str, digits: int, filetype: FileType, first_frame: int = 0
    ) -> CountedFiles:
        """The files of `prefix` below `directory`. Raises PathError, PatternError for too many digits."""
        pattern = FramePattern.around(f"{prefix}_", filetype.extension, digits)
        earlier = cls(root, directory, pattern, first_frame)
        root.confirm(earlier.single.file(0), write=True)
        below, file = pattern.relative()
        if not below:
            return earlier
        files = cls(root, f"{directory}/{below}" if directory else below, file, first_frame)
        return earlier if not files.variants() and earlier.variants() else files

    def number(self, counter: Any) -> int:
        """The number on disk of the frame at `counter`. Raises what `whole_frame` raises, ValueError above LARGEST_FRAME."""
        frame = whole_frame(counter)
        number = self.first_frame + frame
        if number > LARGEST_FRAME and self.first_frame:
            raise InputError(
                f"Set first_frame to {max(0, LARGEST_FRAME - frame)} or less: with first_frame {self.first_frame}, frame "
                f"{frame} of the counter would be number {number}, and frame numbers end at {LARGEST_FRAME}."
            )
        return number

    def numbers(self, total: int) -> range:
        """The numbers on disk of an animation of `total` frames."""
        return range(self.first_frame, self.first_frame + total)

    @property
    def single(self) -> FileSequence:
        """The sequence of single images, beside the batch folders."""
        return FileSequence(self.root, self.file.within(self.directory))

    def variant(self, index: int) -> FileSequence:
        """The sequence of image `index` of every batch."""
        return FileSequence(self.root, self.file.within(batch_folder(index)).within(self.directory))

    def variants(self, *, strict: bool = True) -> Variants[FileSequence]:
        """The batch folders that hold any frame of these files."""

        def with_frames(index: int, _: object) -> FileSequence | None:
            sequence = self.variant(index)
            return sequence if sequence.has_frames(self.first_frame) else None

        return Variants.find(self.root, self.root.path / self.directory, with_frames, strict=strict)

    def on_disk(self) -> tuple[FileSequence, set[int]]:
        """The sequence that represents the frames, and their numbers on disk, torn ones included (see variants.py)."""

        def numbers(sequence: FileSequence) -> set[int]:
            return {number for number in sequence.frames() if number >= self.first_frame}

        variants = Variants.find(
            self.root,
            self.root.path / self.directory,
            lambda index, _: numbers(self.variant(index)) or None,
            strict=False,
        )
        if not variants:
            return self.single, numbers(self.single)
        return self.variant(min(variants.places)), variants.complete()

    def lacking(self, numbers: Sequence[int], policy: OnExisting) -> list[int]:
        """Those of the frames `numbers` that must be written, as far as can be known without the number of images."""
        if policy is OnExisting.OVERWRITE:
            return [number for number in numbers if wants(policy, self.single, number)]
        variants = self.variants()
        if policy is OnExisting.ERROR:
            places = (self.single, *variants.places.values())
            return [number for number in numbers for place in places if wants(policy, place, number)]
        if variants.gaps:
            _log.warning(
                "In %s the frames of %s are missing, so every frame is rendered again.",
                self.single.folder,
                variants.gaps,
            )
        return [number for number in numbers if self._lacks(number, variants)]

    def _lacks(self, number: int, variants: Variants[FileSequence]) -> bool:
        """Whether a frame must be rendered under SKIP."""
        if not variants:
            return wants(OnExisting.SKIP, self.single, number)
        lacking = variants.lacking(lambda sequence: not wants(OnExisting.SKIP, sequence, number))
        if lacking and is_saved(self.single, number):
            single = self.single
            raise OtherTakeError(number, single.folder, [single.file(number).name], list(map(_folder, lacking)))
        return bool(lacking or variants.gaps)

    def unchanged(self, number: int, identity: Identify) -> list[Frame]:
        """The images of a frame on disk that the graph would make again, one or a batch; [] if it must be rendered.

        Batch folders beyond those of this batch, from another take, do not matter.
        """
        single = unchanged_images(identity, lambda image: Frame(self.single, number))
        if len(single) == 1:
            return single
        batch = unchanged_images(identity, lambda image: Frame(self.variant(image), number))
        return batch if len(batch) > 1 else []

    def frames(self, number: int, images: object) -> list[Frame]:
        """One frame for each of `images`, (N, H, W, C), at `number`; for UNRENDERED, the frames that are on disk.

        Raises ValueError for an empty batch, NoImageError for anything that is not a batch of images. Raises
        OtherTakeError if every image of the batch is on disk, but further batch folders lack the frame: skipping and
        resuming would ask for it endlessly.
        """
        if images is UNRENDERED:
            return [Frame(sequence, number) for sequence in self._on_disk(number) or [self.single]]
        batch = wire.images_of_frame(images, "image", number)
        if len(batch) == 1:
            return [Frame(self.single, number, batch[0])]
        frames = [Frame(self.variant(index), number, image) for index, image in enumerate(batch)]
        ours = [frame.sequence for frame in frames]
        places = self.variants(strict=False).places
        higher = [sequence for index, sequence in places.items() if index >= len(batch)]
        lacking = [sequence for sequence in higher if not _is_whole(sequence, number)]
        if lacking and all(_is_whole(sequence, number) for sequence in ours):
            raise OtherTakeError(number, self.single.folder, list(map(_folder, ours)), list(map(_folder, lacking)))
        return frames

    def _on_disk(self, number: int) -> list[FileSequence]:
        """The sequences that hold the whole frame: all batch folders that count, else the single sequence.

        Empty if any of them lacks the frame, which must then be rendered.
        """
        variants = self.variants()
        sequences = list(variants.places.values()) or [self.single]
        is_complete = not variants.gaps and all(is_saved(sequence, number) for sequence in sequences)
        return sequences if is_complete else []

    def outcome(
        self, counters: Sequence[Any], saved: Sequence[Saved], summary: str
    ) -> tuple[AnimationSequence, LogEntry]:
        """The result of a run at `counters`: the animation, finished if one of them is at its final frame, and a log.

        The animation holds the frames of this prefix and file type, by their numbers on disk (see `numbers`), for which
        every variant of the batch is whole. One variant never replaces another. The log names the missing frames.
        """
        if not saved:
            return AnimationSequence(counters[-1]), LogEntry.new(Message.lines(map(self._stopped, counters)))
        log = LogEntry.new(summary)
        if stale := self._other_takes(saved):
            log = log.add(stale)
        numbers = {item.number for item in saved}
        final = [counter for counter in counters if _is_final(counter) and self.number(counter) in numbers]
        if not final:
            if changed := _changed_graph(saved[-1]):
                log = log.add(changed)
            return AnimationSequence(counters[-1]), log
        number, animation = self.number(final[-1]), self.numbers(int(final[-1].total_frames))
        sequences = list(dict.fromkeys(item.sequence for item in saved if item.number == number))
        common = set.intersection(*(_listed(sequence, animation) for sequence in sequences))
        facts = {n: [_facts(sequence, n) for sequence in sequences] for n in sorted(common)}
        identities = {
            n: [identity for _, identity in found]
            for n, found in facts.items()
            if all(is_whole for is_whole, _ in found)
        }
        files = {n: [str(sequence.file(n)) for sequence in sequences] for n in identities}
        log = log.add(_ending(list(files), animation))
        for line in _several_graphs(identities):
            log = log.add(line)
        return AnimationSequence(final[-1], files), log

    def _stopped(self, counter: Any) -> str:
        total = int(counter.total_frames)
        numbers = self.numbers(total)
        return Message(
            (
                "Stopped: frame %frame% is past the end (%count% frame: %range%); nothing was written.",
                "Stopped: frame %frame% is past the end (%count% frames: %range%); nothing was written.",
            ),
            frame=str(self.number(counter)),
            count=total,
            range=f"{numbers.start}-{numbers.stop - 1}" if total > 1 else f"{numbers.start}",
        )

    def _other_takes(self, saved: Sequence[Saved]) -> str:
        """A line about batch folders of another take, which make all frames of this one incomplete; "" if none."""
        ours = {item.sequence for item in saved}
        is_single = self.single in ours
        if is_single and not any(item.written for item in saved):
            return ""
        places = self.variants(strict=False).places
        others = ", ".join(_folder(sequence) for sequence in places.values() if sequence not in ours)
        if not others:
            return ""
        if is_single:
            return Message(
                "This frame is a single image, but %others% hold batches. If those are from another take, move them away. Otherwise "
                "skipping and resuming will stop at them.",
                others=others,
            )
        return Message(
            "If the frames in %others% are of another take, move them away. Otherwise skipping and resuming will wait for them: this "
            "batch has %count% images.",
            others=others,
            count=len(ours),
        )


def _folder(sequence: FileSequence) -> str:
    """The name of a variant's batch folder: the last name in its path that is one."""
    return next(name for name in reversed(sequence.folder.parts) if name.startswith("batch_"))


def _listed(sequence: FileSequence, animation: range) -> set[int]:
    """The frames of `animation` on disk.

    Never raises: this run's frames are saved by now, so a failing folder counts as empty.
    """
    try:
        return {number for number in sequence.frames() if number in animation}
    except OSError as error:
        _log.warning("The frames of %s could not be listed: %s", sequence, error)
        return set()


def _facts(sequence: FileSequence, frame: int) -> tuple[bool, FrameIdentity | None]:
    nothing: tuple[bool, FrameIdentity | None] = (False, None)
    return _if_readable(facts_of, sequence, frame, nothing)


def _is_whole(sequence: FileSequence, frame: int) -> bool:
    return _if_readable(is_saved, sequence, frame, False)


def _if_readable(
    look: Callable[[FileSequence, int], Found], sequence: FileSequence, frame: int, nothing: Found
) -> Found:
    """What `look` finds at a frame. Never raises, because a failure must not cost a rendered frame.

    Unreadable files and links that lead out do not count: there is `nothing`.
    """
    try:
        return look(sequence, frame)
    except (PathError, OSError) as error:
        _log.warning("Frame %d of %s does not count: %s", frame, sequence, error)
        return nothing


def _ending(whole: Sequence[int], animation: range) -> str:
    """The last line of the log: which frames are missing, or that none is."""
    total = animation.stop - animation.start  # not len(), which ends at 2**63 - 1
    if missing := as_ranges(absent(whole, animation.start, animation.stop - 1)):
        return Message(
            (
                "Frame %missing% of the animation is missing (%total% in all).",
                "Frames %missing% of the animation are missing (%total% in all).",
            ),
            count=total - len(whole),
            missing=missing,
            total=total,
        )
    return Message(("The only frame is on disk.", "All %count% frames are on disk."), count=total)


def _several_graphs(identities: Mapping[int, Sequence[FrameIdentity | None]]) -> list[Message]:
    """Lines about frames that several graphs made, see `graph_problems`.

    identities: by frame number, of each image of the batch. The first image that differs is told.
    """
    for of_image in zip(*identities.values(), strict=True):
        if problems := graph_problems(dict(zip(identities, of_image, strict=True))):
            return [message for _, message in problems]
    return []


def _changed_graph(saved: Saved) -> str:
    """A line about the two frames before one that was written, if one graph made both, and another one this frame."""
    numbers = range(saved.number - 2, saved.number + 1)
    if not saved.written or numbers.start < 0:
        return ""
    identities = {number: _facts(saved.sequence, number)[1] for number in numbers}
    if None in identities.values() or graph_groups(identities) != [list(numbers[:2]), [saved.number]]:
        return ""
    return Message(
        "Queue the earlier frames again with on_existing 'skip unchanged' to bring them up to date: another graph made frame "
        "%frame%.",
        frame=str(saved.number - 1),
    )


def _is_final(counter: Any) -> bool:
    return whole_frame(counter) == int(counter.total_frames) - 1
