"""Requests and loads batches of frames, and makes animations of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from io_utils.comfyui.report import comfyui_run
from io_utils.loading.choose_batch import BatchRequest
from io_utils.loading.read import read_frames
from io_utils.loading.selection import Selection
from io_utils.naming.file_sequence import FileSequence
from io_utils.policies import OnMissing, OnSizeMismatch

from ..disk import put_frames
from ..wires import DreamAnimationSequence

ERROR, DROP, HOLD_PREVIOUS, BLACK = OnMissing.ERROR, OnMissing.DROP, OnMissing.HOLD_PREVIOUS, OnMissing.BLACK


def on_disk(output: Path, *numbers: int, pattern: str = "f_{:04d}.png") -> None:
    put_frames(output, *numbers, name=pattern)


def request(
    pattern: str, start: int = 0, count: int = 0, on_missing: OnMissing = ERROR, step: int = 1, kind: str = "output"
) -> BatchRequest:
    return BatchRequest(
        path_pattern=pattern,
        start_index=start,
        frame_count=count,
        ignore_missing_images=on_missing,
        step=step,
        folder=kind,
    )


def locate(pattern: str, kind: str) -> FileSequence:
    return request(pattern, kind=kind).sequence_text().place


def selected(
    start: int, count: int, on_missing: OnMissing = ERROR, step: int = 1, pattern: str = "f_####.png"
) -> Selection:
    return request(pattern, start, count, on_missing, step).choose()


def load(selection: Selection, on_size_mismatch: OnSizeMismatch) -> tuple[torch.Tensor, torch.Tensor]:
    return read_frames(selection, on_size_mismatch, comfyui_run())[:2]


def loaded(pattern: str = "f_####.png", start: int = 0, count: int = 0, on_missing: OnMissing = ERROR) -> torch.Tensor:
    images, _ = load(selected(start, count, on_missing, pattern=pattern), OnSizeMismatch.ERROR)
    return images


def animation(*files: Path, batches: int = 1) -> Any:
    """The files as frames 0, 1, ...; if there are several `batches`, v<i>_<name> of each."""
    return DreamAnimationSequence(
        {
            number: [str(file.parent / f"v{batch}_{file.name}" if batches > 1 else file) for batch in range(batches)]
            for number, file in enumerate(files)
        }
    )
