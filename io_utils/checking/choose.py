"""Chooses the frames to check, for Check Image Sequence and its command."""

from __future__ import annotations

from dataclasses import dataclass

from ..loading.choose_batch import FOLDER_WORDS
from ..policies import OnProblem, Thoroughness
from ..request import limited


@dataclass(frozen=True, kw_only=True)
class CheckRequest:
    """Checks `frame_count` frames of `path_pattern` from `start_index`; 0 means up to the last on disk."""

    path_pattern: str = "./frame{:06d}.png"
    folder: str = limited("output", words=FOLDER_WORDS)
    start_index: int = limited(0, least=0)
    frame_count: int = limited(0, least=0)
    thoroughness: Thoroughness = Thoroughness.QUICK
    on_problem: OnProblem = OnProblem.REPORT
