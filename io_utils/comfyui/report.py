"""Reports a node's frames to ComfyUI: `ui` values for API clients, the assets panel and the player."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from .. import host
from ..cancellable_run import Run
from ..formats import registry
from ..message import Message, words_of
from ..naming.file_names import printable
from ..naming.file_sequence import FileSequence

# Carries `progress` to the browser during a run.
PROGRESS_EVENT = "image_sequence.progress"

# More than any slider can show; the message lists them all, as ranges.
_MAX_MISSING = 10_000
# Two frames can be 2^53 and more apart; a list of those between would not fit into memory.
_MAX_SPAN = 1_000_000


def ui(
    frames: Iterable[tuple[FileSequence, int]],
    *,
    numbers: Container[int] | None = None,
    step: int = 1,
    missing: Iterable[int] = (),
    fps: float | None = None,
    message: str = "",
    more: Mapping[str, Any] | None = None,
) -> dict[str, list[Any]]:
    """The `ui` dict for `frames`, (sequence, frame number) pairs in order.

    `images`: {filename, subfolder, type} of every frame that /view serves. Frames in the operator's roots are left out,
    and so are names that are not UTF-8, which no URL can hold. `image_sequence`: one JSON string for each pattern in
    `frames`: {pattern, subfolder, type, folder, linear, first, last, step, missing, fps, message, words}. `pattern` is a
    str.format pattern below `subfolder`; `folder` is that folder's absolute path, with forward slashes; `type` is "" for
    an operator's folder; `linear` is true if files of that kind are scene-linear. `missing` lists the frames that are
    missing between `first` and `last`, in steps, and those in the argument `missing`, up to 10,000. Frames outside
    `numbers`, which only replace missing ones, are left out. `message` is English; `words` is what the browser translates of
    it, [template, values] of each line (see Message). All values are plain lists, strings, numbers and booleans:
    anything else stops ComfyUI's message loop. `more` is added to each description.
    """
    frames = [(sequence, frame) for sequence, frame in frames if sequence.is_printable]
    facts = {"fps": fps, **_said(message), **(more or {})}
    described = described_sequences(frames, numbers=numbers, step=step, missing=missing, facts=facts)
    if not described and message:
        described = [facts]
    images = [_image(sequence, frame) for sequence, frame in frames if sequence.root.kind]
    return {"images": images, "image_sequence": [json.dumps(description) for description in described]}


def described_sequences(
    frames: Iterable[tuple[FileSequence, int]],
    *,
    numbers: Container[int] | None = None,
    step: int = 1,
    missing: Iterable[int] = (),
    facts: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The entries of `image_sequence`, see `ui`, as dicts. `facts` are added to each."""
    found: dict[FileSequence, set[int]] = {}
    for sequence, frame in frames:
        if sequence.is_printable and (numbers is None or frame in numbers):
            found.setdefault(sequence, set()).add(frame)
    lacking = set(missing)
    return [_describe(sequence, there, step, lacking, numbers) | dict(facts or {}) for sequence, there in found.items()]


def loaded(
    frames: Iterable[tuple[FileSequence, int]],
    summary: str,
    *,
    numbers: Container[int] | None = None,
    step: int = 1,
    missing: Iterable[int] = (),
    fps: float | None = None,
    layer: str = "",
    is_float: bool = False,
) -> dict[str, list[Any]]:
    """The `ui` dict of a loader, which also shows its summary as text.

    The descriptions also have `layer`, the layer that was loaded, and `float`, whether the files are floating point.
    """
    more = {"layer": layer, "float": is_float}
    shown = ui(frames, numbers=numbers, step=step, missing=missing, fps=fps, message=summary, more=more)
    return shown | {"text": [str(summary)]}


def checked(
    frames: Iterable[tuple[FileSequence, int]], summary: str, found: Mapping[str, Any], *, missing: Iterable[int] = ()
) -> dict[str, list[Any]]:
    """The `ui` dict of a check, which also shows its report as text. The descriptions also have what was `found`, as `check`."""
    return ui(frames, missing=missing, message=summary, more={"check": found}) | {"text": [printable(summary)]}


def show_before_error(shown: Mapping[str, list[Any]]) -> None:
    """Show what `ui` has made in the player of a node that raises an error next: ComfyUI sends no `ui` of it."""
    described = json.loads(shown["image_sequence"][0])
    if "pattern" in described:
        host.notify(PROGRESS_EVENT, {"sequence": described, "done": 1, "total": 1, "text": described["message"]})


def comfyui_run() -> Run:
    """A Run with ComfyUI's progress bar, Cancel and float dtype. It reports to the browser that queued the prompt."""

    def tell(done: Sequence[tuple[FileSequence, int]], numbers: Sequence[int], step: int) -> None:
        if done[-1][0].is_printable:
            host.notify(PROGRESS_EVENT, progress(done, numbers, step=step))

    return Run(host.progress_bar, host.raise_if_cancelled, tell, host.float_dtype())


def progress(done: Sequence[tuple[FileSequence, int]], numbers: Iterable[int], *, step: int = 1) -> dict[str, Any]:
    """The progress of a run that has saved or loaded `done`, the latest last, of the frames `numbers`.

    Returns {sequence, done, total, text}. `sequence` describes the finished frames of the latest frame's pattern, as in
    `image_sequence`; `done` and `total` are numbers of frames; `text` is one line for the user.
    """
    numbers = list(numbers)
    latest = done[-1][0]
    sequence = _describe(latest, {frame for sequence, frame in done if sequence == latest}, step, set())
    first, last = min(numbers), max(numbers)
    text = Message(
        "frame %frame% (%first%-%last%), %done% of %total%",
        frame=str(sequence["last"]),
        first=str(first),
        last=str(last),
        done=len(done),
        total=len(numbers),
    )
    described = sequence | {"fps": None, **_said(text)}
    return {"sequence": described, "done": len(done), "total": len(numbers), "text": str(text)}


def _said(message: str) -> dict[str, Any]:
    """`message` in English, and its `words`: what the browser translates, [template, values] of each line."""
    words = [
        [english, {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}]
        for english, values in words_of(message)
    ]
    return {"message": printable(str(message)), "words": words}


def _image(sequence: FileSequence, frame: int) -> dict[str, str]:
    subfolder, _, filename = sequence.pattern.name(frame).rpartition("/")
    return {"filename": filename, "subfolder": subfolder, "type": sequence.root.kind}


def _describe(
    sequence: FileSequence, found: set[int], step: int, missing: set[int], numbers: Container[int] | None = None
) -> dict[str, Any]:
    """The frames `found` of `sequence` as an entry of `image_sequence` (see `ui`), without fps and message.

    Adds the gaps between them, in steps of `step`, to `missing`, but only those in `numbers`, if that is given.
    """
    first, last = min(found), max(found)
    gaps = set(range(first, last + 1, step)) - found if last - first < _MAX_SPAN * step else set()
    if numbers is not None:
        gaps = {number for number in gaps if number in numbers}
    folder, pattern = sequence.pattern.relative()
    image_format = registry.of_extension(pattern.extension)
    return {
        "pattern": str(pattern),
        "subfolder": folder,
        "type": sequence.root.kind,
        "folder": printable(sequence.folder.as_posix()),
        "linear": image_format is not None and image_format.is_linear,
        "first": first,
        "last": last,
        "step": step,
        "missing": sorted(gaps | missing)[:_MAX_MISSING],
    }
