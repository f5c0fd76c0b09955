"""Plans and saves frames, as the savers do."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from io_utils.comfyui.report import comfyui_run
from io_utils.formats.file_type import FileType
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.policies import OnExisting
from io_utils.saving.plan import Frame, Saved, SaveRequest
from io_utils.saving.plan_indexed import IndexedRequest
from io_utils.saving.write import write_frames

from ..disk import shades

OVERWRITE, SKIP, ERROR, KEEP_BOTH = OnExisting.OVERWRITE, OnExisting.SKIP, OnExisting.ERROR, OnExisting.KEEP_BOTH
PNG, WITH_WORKFLOW, JPG = FileType.PNG, FileType.PNG_WITH_WORKFLOW, FileType.JPG
NOW = datetime(2024, 3, 5, 7, 8, 9, tzinfo=timezone.utc)
TEXT = {"prompt": "{}"}


def sequence(pattern: str = "f_{:04d}.png") -> FileSequence:
    return FileSequence.from_pattern(FramePattern.parse(pattern), "output", write=True)


def frames(*values: int, start: int = 0, pattern: str = "f_{:04d}.png") -> list[Frame]:
    return [Frame(sequence(pattern), number, image) for number, image in enumerate(shades(*values), start)]


def save(
    items: list[Frame], filetype: FileType, text: dict[str, str], on_existing: OnExisting, quality: int = 95
) -> list[Saved]:
    request = SaveRequest(filetype=filetype, on_existing=on_existing, quality=quality)
    return write_frames(items, request, text, comfyui_run())


def written(items: list[Frame], on_existing: OnExisting = OVERWRITE, filetype: FileType = PNG) -> list[str]:
    """The names of the files that a save wrote."""
    return [saved.path.name for saved in save(items, filetype, TEXT, on_existing) if saved.written]


def indexed(prefix: str, number: int = 7, digits: int = 5, filetype: FileType = PNG, **more: Any) -> IndexedRequest:
    return IndexedRequest(
        filename_prefix=prefix, current_frame=number, digits=digits, filetype=filetype, now=NOW, **more
    )


def frame_7(prefix: str, digits: int = 5, filetype: FileType = PNG, image: torch.Tensor | None = None) -> str:
    """The path of frame 7 below the output folder."""
    path = indexed(prefix, 7, digits, filetype).sequence(image).file(7)
    return path.relative_to(Path.cwd() / "output").as_posix()
