"""Writes many frames on threads, with progress and Cancel. Every file is whole or absent."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..cancellable_run import Run, worker_count
from ..errors import ForeignFileError, FrameExistsError, FrameWriteError, InputError, NotAFileError, PathError, sentence
from ..formats.base import Extras
from ..message import Message
from ..naming.file_sequence import FileSequence
from ..naming.frame_range import named, ranges
from ..naming.regular_files import stamp
from ..policies import OnExisting
from ..wire import UNRENDERED
from .atomic import sync_folders, write_whole
from .existing import REPLACING, prepare, publish, require_kept, wants
from .plan import Frame, Saved, SaveRequest

_log = logging.getLogger(__name__)


def write_frames(
    frames: Sequence[Frame],
    request: SaveRequest,
    text: Mapping[str, str],
    run: Run | None = None,
    *,
    identified: bool = True,
) -> list[Saved]:
    """Write `frames`, each whole or not at all, and return where each is on disk.

    `text` is embedded if the file type does so. If `identified`, every file says which graph made it.

    Before the first frame is encoded, raises FrameExistsError or NotAFileError under ERROR if a file exists, ValueError
    if two frames have the same path, PathError if a file would leave the allowed folders. While writing, raises
    NotAFileError under the other policies, ForeignFileError under SKIP, FrameWriteError (disk full, no permission),
    ValueError for pixels that cannot be saved. Cancel passes through. In each case the finished files stay, and are
    whole. An UNRENDERED frame must be on disk and its policy SKIP or UNCHANGED, because no other policy leaves frames
    unrendered.
    """
    run = run or Run()
    request.check(has_layers=any(frame.layers for frame in frames))
    prepare(frames, request.on_existing)
    threads = max(1, worker_count() // max(1, len(frames)))
    numbers = [frame.number for frame in frames]

    def tell(outcomes: Mapping[int, tuple[Saved, int]]) -> None:
        run.tell([(saved.sequence, saved.number) for saved, _ in outcomes.values()], numbers, 1)

    folders = {frame.path.parent for frame in frames}
    try:
        outcomes = run.each(lambda frame: _write_frame(frame, request, text, threads, identified), frames, tell)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            sync_folders(folders)
        raise
    if any(saved.written for saved, _ in outcomes):
        sync_folders(folders)
    _warn_of_nan([(saved.number, count) for saved, count in outcomes if count])
    if warning := _flattening_warning([saved for saved, _ in outcomes]):
        _log.warning("%s", warning)
    return [saved for saved, _ in outcomes]


def write_workflow(
    saved: Sequence[Saved], text: Mapping[str, str], on_existing: OnExisting
) -> tuple[list[Path], list[str]]:
    """Write the workflow that made `saved` beside the frames, one file per sequence (`FileSequence.workflow_file`).

    Returns the written paths, and a warning for the user about each file that could not be written; the warnings are
    also logged. Never raises PathError or OSError: the frames are whole by now, so the run must not fail.

    The file holds the workflow in `text` (see `metadata.text_entries`), or else the prompt; ComfyUI opens both when
    they are dropped into it. OVERWRITE and UNCHANGED replace the file of an earlier run. Every other policy keeps it, like
    the frames that it made. Nothing is written if all frames were kept, or without `text`.
    """
    workflow = text.get("workflow", text.get("prompt"))
    written, warnings = [], []
    for sequence in dict.fromkeys(item.sequence for item in saved if item.written and workflow is not None):
        path = sequence.workflow_file
        try:
            sequence.root.confirm(path, write=True)
            replaces = on_existing in REPLACING
            write_whole(path, str(workflow).encode("ascii"), replace=replaces, mount=sequence.root.mount)
            sync_folders([path.parent])
        except FileExistsError:
            if not path.is_symlink() and not path.is_file():
                warnings.append(_without_workflow(path, "something that is not a file is in the way"))
        except PathError as error:
            warnings.append(_without_workflow(path, str(error).rstrip(".")))
        except OSError as error:
            warnings.append(_without_workflow(path, error.strerror or str(error)))
        else:
            written.append(path)
    for warning in warnings:
        _log.warning("%s", warning)
    return written, warnings


def scattered(saved: Sequence[Saved]) -> list[Message]:
    """A warning, also logged, if the frames of one batch got different names, because some were on disk already."""
    first = saved[0].sequence
    others = [item.number for item in saved if item.sequence != first]
    if not others:
        return []
    warning = Message(
        (
            "The output path_pattern leads to %pattern%, without frame %frames%, which has another name.",
            "The output path_pattern leads to %pattern%, without frames %frames%, which have other names.",
        ),
        count=len(others),
        pattern=first.pattern.relative()[1].hashes,
        frames=ranges(others),
    )
    _log.warning("%s", warning)
    return [warning]


def summary(saved: Sequence[Saved]) -> Message:
    """Tells the user what was written, what was kept, and where: one line per sequence."""
    written = _numbers(item for item in saved if item.written)
    kept = _numbers(item for item in saved if not item.written)
    unchanged = {item.sequence for item in saved if item.is_unchanged}
    lines: list[str] = []
    for sequence, numbers in written.items():
        lines.append(_saved(sequence, numbers, kept.pop(sequence, []) if sequence in unchanged else []))
    lines += [_kept(sequence, numbers, is_unchanged=sequence in unchanged) for sequence, numbers in kept.items()]
    if warning := _flattening_warning(saved):
        lines.append(warning)
    return Message.lines(lines or [Message("Saved nothing")])


def _numbers(items: Iterable[Saved]) -> dict[FileSequence, list[int]]:
    numbers: dict[FileSequence, list[int]] = {}
    for item in items:
        numbers.setdefault(item.sequence, []).append(item.number)
    return numbers


def _saved(sequence: FileSequence, numbers: list[int], unchanged: list[int]) -> Message:
    if unchanged:
        return Message(
            (
                "Saved %count% frame (%frames%), kept %kept% that this graph made: %path%",
                "Saved %count% frames (%frames%), kept %kept% that this graph made: %path%",
            ),
            count=len(numbers),
            frames=ranges(numbers),
            kept=len(unchanged),
            path=_where(sequence, [*numbers, *unchanged]),
        )
    return Message(
        ("Saved frame %frames%: %path%", "Saved frames %frames%: %path%"),
        count=len(numbers),
        frames=ranges(numbers),
        path=_where(sequence, numbers),
    )


def _kept(sequence: FileSequence, numbers: list[int], *, is_unchanged: bool) -> Message:
    facts: dict[str, str | int] = {
        "count": len(numbers),
        "frames": ranges(numbers),
        "path": _where(sequence, numbers),
    }
    if is_unchanged:
        return Message(
            (
                "Kept frame %frames%, which this graph made: %path%",
                "Kept frames %frames%, which this graph made: %path%",
            ),
            **facts,
        )
    return Message(
        ("Kept frame %frames%, already on disk: %path%", "Kept frames %frames%, already on disk: %path%"), **facts
    )


def _where(sequence: FileSequence, numbers: Sequence[int]) -> str:
    """The file of one frame, or the pattern of several: below ComfyUI's folder, or absolute in an operator's."""
    pattern = sequence.pattern
    below = pattern.name(numbers[0]) if len(numbers) == 1 else pattern.hashes
    return below if sequence.root.kind else (sequence.root.path / below).as_posix()


def _write_frame(
    frame: Frame, request: SaveRequest, text: Mapping[str, str], threads: int, identified: bool
) -> tuple[Saved, int]:
    """Write one frame. Returns where it is on disk now, and how many of its values were NaN."""
    policy, path = request.on_existing, frame.sequence.root.confirm(frame.path, write=True)
    # Before the look into the file: one that replaces it afterwards has another stamp.
    found, is_unchanged = stamp(path), policy is OnExisting.UNCHANGED
    kept = Saved(frame.sequence, frame.number, written=False, is_unchanged=is_unchanged, stamp=found)
    if frame.image is UNRENDERED:
        require_kept(frame, policy)
        return kept, 0
    try:
        # ERROR was checked for all frames before. If a file has appeared since, `publish` notices.
        if policy is not OnExisting.ERROR and not wants(policy, frame.sequence, frame.number, frame.identity):
            return kept, 0
        encoded = request.filetype.encode_frame(
            frame.image,
            text,
            quality=request.quality,
            threads=threads,
            mask=frame.mask,
            colour=request.colour,
            layers=frame.layers,
            extras=Extras(
                compression=request.exr_compression,
                attributes=frame.attributes,
                number=frame.number,
                frame_rate=frame.rate,
                identity=frame.identity.text if frame.identity and identified else None,
            ),
        )
        saved = publish(frame, encoded.data, policy)
    except (PathError, NotAFileError, ForeignFileError):
        raise
    except ValueError as error:
        raise InputError(
            f"{sentence(str(error).rstrip('.'))} Frame {frame.number} was not saved: {str(path)!r}."
        ) from error
    except FileExistsError:
        raise FrameExistsError([frame.number], path) from None
    except OSError as error:
        raise FrameWriteError(frame.number, path, error) from error
    flattened_by = request.filetype.image_format.name if saved.written and encoded.flattened else ""
    return replace(saved, flattened_by=flattened_by, stamp=stamp(saved.path)), encoded.nan_count


def _without_workflow(path: Path, reason: str) -> str:
    return Message(
        "The frames were saved, but the workflow could not be written to %path%: %reason%.",
        path=repr(str(path)),
        reason=reason,
    )


def _warn_of_nan(counts: Sequence[tuple[int, int]]) -> None:
    """Log the NaNs. `counts` holds (frame, number of NaNs) of the frames that have any."""
    if counts:
        count = sum(number for _, number in counts)
        frames = named(frame for frame, _ in counts)
        _log.warning("In %s %d values are NaN (not a number); they are saved as 0.", frames, count)


def _flattening_warning(saved: Sequence[Saved]) -> str:
    """A line about the frames that lost their transparency; "" if there are none."""
    flattened = [item for item in saved if item.flattened_by]
    if not flattened:
        return ""
    return Message(
        (
            "%format% has no transparency: frame %frames% is composited on black.",
            "%format% has no transparency: frames %frames% are composited on black.",
        ),
        format=flattened[0].flattened_by,
        count=len(flattened),
        frames=ranges(item.number for item in flattened),
    )
