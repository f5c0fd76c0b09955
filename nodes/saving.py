"""What the three savers share: their widgets, their cache key and the last step of a run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..io_utils import report, tokens, writer
from ..io_utils.filetype import QUALITY, FileType
from ..io_utils.ledger import Ledger
from ..io_utils.metadata import text_entries
from ..io_utils.writer import Frame, OnExisting, Saved
from .lists import hidden, listed, one
from .validation import flag, whole

HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"}

FILETYPES = [filetype.value for filetype in FileType]
ON_EXISTING = [OnExisting.OVERWRITE.value, OnExisting.SKIP.value, OnExisting.ERROR.value]

FILETYPE_TOOLTIP = (
    "The kind of file. PNG is lossless, with 8 or 16 bits per channel; EXR holds floating point, also values outside 0 to 1 "
    "(exr: 32 bits, exr 16-bit: half); WebP is smaller. With the embedded workflow, dropping a frame into ComfyUI opens "
    "the graph that made it. JPG is small and lossy; it and EXR do not hold the workflow: see workflow_file."
)
QUALITY_TOOLTIP = "For JPG and lossy WebP, 1 to 100: higher is better and larger. The other kinds of file lose nothing."
WORKFLOW_FILE_TOOLTIP = (
    "Also write the workflow beside the frames, as <file name with # for the number>.workflow.json, one for the sequence: "
    "dropped into ComfyUI, it opens the graph. For JPG and EXR, which do not hold it."
)
ENCODING = {
    "quality": ("INT", {"default": QUALITY, "min": 1, "max": 100, "tooltip": QUALITY_TOOLTIP}),
    "workflow_file": ("BOOLEAN", {"default": False, "tooltip": WORKFLOW_FILE_TOOLTIP}),
}
COUNTING_TOOLTIP = (
    "Counts up with every run, unless control after generate (the +1 button in Nodes 2.0) says otherwise."
)
DIGITS_TOOLTIP = "Least number of digits of the frame number; shorter numbers are padded with zeros, longer ones kept."
ON_EXISTING_TOOLTIP = (
    "When the frame is on disk already. overwrite: replace it in one step. skip: keep it, and do not even run the "
    "graph in front of this node; queueing a whole range again renders only what is missing. error: stop, before that "
    "graph runs."
)

_ledger = Ledger()


def encoding(quality: Any, workflow_file: Any) -> tuple[int, bool]:
    """What the widgets ENCODING hold, of links too. ValueError, naming the input, for what they cannot hold.

    Asked before anything is rendered, and again when it is saved.
    """
    return (
        whole(one(quality, "quality"), "quality", least=1, most=100),
        flag(one(workflow_file, "workflow_file"), "workflow_file"),
    )


@dataclass(frozen=True)
class Context:
    """The hidden inputs of a saver, as ComfyUI hands them over."""

    prompt: Any
    extra_pnginfo: Any
    unique_id: Any


def generation(unique_id: Any, settings: dict[str, Any]) -> str:
    """For IS_CHANGED: changes once after a file that this node left on disk has vanished.

    And with what tokens of the time stand for: a folder called %second% is another one a second later, and the same graph
    is to write there. `settings` are as ComfyUI hands them over, with None for what is linked.
    """
    texts = [item for value in settings.values() for item in listed(value) if isinstance(item, str)]
    if not tokens.needs_time(*texts):
        moments.forget(hidden(unique_id))
        return _ledger.generation(hidden(unique_id), repr(sorted(settings.items())))
    now = moments.note(hidden(unique_id))
    filled = []
    for text in texts:
        with suppress(ValueError):  # a token that is unknown: told when the node runs
            filled.append(tokens.resolve(text, now, 0, 0))
    return f"{_ledger.generation(hidden(unique_id), repr((sorted(settings.items()), filled)))} {filled}"


class Moments:
    """The moment that a saver's tokens stand for: taken once a run, when the saver is first asked what it needs.

    ComfyUI asks IS_CHANGED when the prompt begins, `check_lazy_status` before the graph in front runs and once more after
    it, then calls `save`, minutes later; a folder called %date% or %second% must be the same one in all of them. What the
    last three have in common is the node's id and the prompt, which is one object throughout a run and another one in the
    next. IS_CHANGED is not told the prompt: the moment that it noted is that of the next run of this node. Only the moments
    of the prompt seen last are kept, each until its `save`.
    """

    def __init__(self) -> None:
        self._prompt: Any = None
        self._begun: dict[Any, datetime] = {}
        self._noted: dict[Any, datetime] = {}

    def note(self, node_id: Any) -> datetime:
        """For IS_CHANGED: now, which is the moment of the run that follows, if one does."""
        self._noted[node_id] = _now()
        return self._noted[node_id]

    def forget(self, node_id: Any) -> None:
        """For IS_CHANGED: no moment of an earlier prompt is that of the run that follows."""
        self._noted.pop(node_id, None)

    def begin(self, unique_id: Any, prompt: Any) -> datetime:
        """For `check_lazy_status`: the moment of this run; now, if it was not asked for before."""
        if hidden(prompt) is None:
            return _now()
        if self._prompt is not hidden(prompt):
            self._prompt, self._begun = hidden(prompt), {}
        node_id = hidden(unique_id)
        if node_id not in self._begun:
            self._begun[node_id] = self._noted.pop(node_id) if node_id in self._noted else _now()
        return self._begun[node_id]

    def end(self, unique_id: Any, prompt: Any) -> datetime:
        """For `save`: the moment of this run, which ends with it."""
        begun = self._begun.pop(hidden(unique_id), None) if self._prompt is hidden(prompt) else None
        noted = self._noted.pop(hidden(unique_id), None) if hidden(prompt) is not None else None
        return begun or noted or _now()


def _now() -> datetime:
    return datetime.now().astimezone()


moments = Moments()


def save(
    frames: list[Frame],
    filetype: FileType,
    on_existing: OnExisting,
    context: Context,
    quality: int,
    workflow_file: bool,
) -> tuple[list[Saved], str]:
    """Save the frames, remember their files for `generation`, and say in a line what was done."""
    text = {}
    if filetype.embeds_workflow or workflow_file:
        text = text_entries(hidden(context.prompt), hidden(context.extra_pnginfo), filetype.keyword_fault)
    saved = writer.save(frames, filetype, text, on_existing, quality)
    workflows, warnings = writer.save_workflow(saved, text, on_existing) if workflow_file else ([], [])
    _ledger.record_files(hidden(context.unique_id), [*(item.path for item in saved), *workflows])
    return saved, "\n".join([writer.summary(saved), *(f"Workflow: {path.as_posix()}" for path in workflows), *warnings])


def ui(saved: list[Saved], message: str, fps: float | None = None) -> dict[str, list[Any]]:
    return report.ui([(item.sequence, item.number) for item in saved], fps=fps, message=message)
