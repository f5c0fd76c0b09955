"""What the three savers share: their widgets, their cache key and the last step of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..io_utils import report, writer
from ..io_utils.filetype import QUALITY, FileType
from ..io_utils.ledger import Ledger
from ..io_utils.metadata import text_entries
from ..io_utils.writer import Frame, OnExisting, Saved
from .lists import one

HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"}

FILETYPES = [filetype.value for filetype in FileType]
ON_EXISTING = [OnExisting.OVERWRITE.value, OnExisting.SKIP.value, OnExisting.ERROR.value]

FILETYPE_TOOLTIP = (
    "The kind of file. PNG is lossless, with 8 or 16 bits a channel; EXR holds floating point, also values outside 0 to 1 "
    "(exr: 32 bits, exr 16-bit: half); WebP is smaller. With the embedded workflow, dropping a frame into ComfyUI opens "
    "the graph that made it. JPG is small and lossy; it and EXR cannot hold the workflow: see workflow_file."
)
QUALITY_TOOLTIP = "Of JPG and lossy WebP, 1 to 100: higher is better and larger. The other kinds of file lose nothing."
WORKFLOW_FILE_TOOLTIP = (
    "Also write <prefix>.workflow.json beside the frames, one for the sequence: dropped into ComfyUI, it opens the graph. "
    "For JPG and EXR, which cannot hold it."
)
ENCODING = {
    "quality": ("INT", {"default": QUALITY, "min": 1, "max": 100, "tooltip": QUALITY_TOOLTIP}),
    "workflow_file": ("BOOLEAN", {"default": False, "tooltip": WORKFLOW_FILE_TOOLTIP}),
}
DIGITS_TOOLTIP = "Least number of digits of the frame number; shorter numbers are padded with zeros, longer ones kept."
ON_EXISTING_TOOLTIP = (
    "When the frame is on disk already. overwrite: replace it, all at once. skip: keep it, and do not even run the "
    "graph in front of this node; queueing a whole range again renders only what is missing. error: stop, before that "
    "graph runs."
)

_ledger = Ledger()


@dataclass(frozen=True)
class Context:
    """The hidden inputs of a saver, as ComfyUI hands them over."""

    prompt: Any
    extra_pnginfo: Any
    unique_id: Any


def generation(unique_id: Any, settings: dict[str, Any]) -> str:
    """For IS_CHANGED: changes once after a file that this node left on disk has vanished."""
    return _ledger.generation(one(unique_id), repr(sorted(settings.items())))


def save(
    frames: list[Frame],
    filetype: FileType,
    on_existing: OnExisting,
    context: Context,
    quality: int,
    workflow_file: bool,
) -> tuple[list[Saved], str]:
    """Save the frames, remember their files for `generation`, and say in a line what was done."""
    text = text_entries(one(context.prompt), one(context.extra_pnginfo))
    node_id = one(context.unique_id)
    _ledger.about_to_save(node_id, {frame.path.parent for frame in frames})
    saved = writer.save(frames, filetype, text, on_existing, quality)
    workflows = writer.save_workflow(saved, text, on_existing) if workflow_file else []
    _ledger.record_files(node_id, [*(item.path for item in saved), *workflows])
    return saved, "\n".join([writer.summary(saved), *(f"Workflow: {path.as_posix()}" for path in workflows)])


def ui(saved: list[Saved], message: str, fps: float | None = None) -> dict[str, list[Any]]:
    return report.ui([(item.sequence, item.number) for item in saved], fps=fps, message=message)
