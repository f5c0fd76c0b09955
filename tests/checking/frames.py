"""Sequences for the tests of checks, and the checks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from io_utils.checking.check import check
from io_utils.checking.choose import CheckRequest
from io_utils.checking.report import Report
from io_utils.frame_identity import FrameIdentity
from io_utils.policies import Thoroughness

PATTERN = "f_##.png"


def report_of(path_pattern: str = PATTERN, *, decode: bool = False, **request: Any) -> Report:
    """The report about a sequence in the output folder."""
    made = CheckRequest(path_pattern=path_pattern, **request)
    return check(made.choose(), Thoroughness.DECODE if decode else Thoroughness.QUICK)


def found(report: Report) -> dict[str, str]:
    """The frames of each kind of problem. The kinds of a sequence without one are {}."""
    shown: dict[str, str] = {}
    for problem in report.as_json()["problems"]:
        shown[problem["kind"]] = ";".join(filter(None, [shown.get(problem["kind"], ""), problem["frames"]]))
    return shown


def put_noise(folder: Path, *numbers: int, name: str = PATTERN.replace("##", "{:02d}"), **made_by: str) -> None:
    """Write a different picture for each frame. `graph`: the letter that its graph's digest repeats."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        text = PngImagePlugin.PngInfo()
        if made_by:
            text.add_text("image_sequence", FrameIdentity(made_by["graph"] * 64, number).text)
        Image.fromarray(pixels).save(folder / name.format(number), pnginfo=text)
