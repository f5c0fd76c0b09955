"""Describes the contents of a folder to a user whose pattern matches no frame in it."""

from __future__ import annotations

import re
from pathlib import Path

from ..formats.registry import EXTENSIONS
from .frame_pattern import LARGEST_FRAME, MAX_PADDING, FramePattern
from .frame_range import named
from .regular_files import entry_names, regular_files
from .wildcard_frames import is_image, is_negative


def inventory(folder: Path) -> str:
    """One or more sentences about the files in `folder`. Sequences are shown as patterns that would match them."""
    shown = [name for name in regular_files(folder) if not name.startswith(".")]
    if not shown:
        inside = sorted(entry_names(folder, lambda entry: not entry.name.startswith(".")))
        if not folder.is_dir():
            return f"There is no folder {str(folder)!r}."
        return "It has no files, but " + _some(inside, "folder") + "." if inside else "The folder is empty."
    sequences, negative, large, others = _sorted_out(shown)
    sentences = []
    if sequences:
        largest = sorted(sequences.items(), key=lambda item: -len(item[1]))
        patterns = [f"{str(_pattern(*ends, digits))!r} ({named(map(int, digits))})" for ends, digits in largest[:3]]
        more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
        sentences.append(f"The folder contains {', '.join(patterns)}{more}: use one of these patterns.")
    for left_out, reason in ((negative, "negative"), (large, f"above {LARGEST_FRAME}")):
        if left_out:
            sentences.append(_left_out(left_out, reason))
    if unsupported := [name for name in others if not is_image(name)]:
        sentences.append(f"Unsupported type: {_some(unsupported, 'file')}. Types: {', '.join(EXTENSIONS)}.")
    if unnumbered := [name for name in others if is_image(name)]:
        sentences.append(f"Without a frame number: {_some(unnumbered, 'file')}.")
    return " ".join(sentences)


def _sorted_out(
    names: list[str],
) -> tuple[dict[tuple[str, str], list[str]], list[str], list[str], list[str]]:
    """Sorts names into frames, negative numbers, numbers that are too large, and all others.

    The frames are grouped by (text before the number, text after it); each group holds the digits as they are written.
    """
    sequences: dict[tuple[str, str], list[str]] = {}
    negative, large, others = [], [], []
    for name in sorted(names):
        number = re.fullmatch(rf"(.*?)(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([^0-9]*)", name, re.DOTALL)
        if number is None or not is_image(name):
            others.append(name)
        elif is_negative(number, 2):
            negative.append(name)
        elif int(number[2]) > LARGEST_FRAME:
            large.append(name)
        else:
            sequences.setdefault((number[1], number[3]), []).append(number[2])
    return sequences, negative, large, others


def _pattern(before: str, after: str, digits: list[str]) -> FramePattern:
    widths = {len(text) for text in digits}
    padded = len(widths) == 1 or any(text.startswith("0") for text in digits)
    return FramePattern((before, after), min(widths) if padded else 0)


def _some(names: list[str], what: str) -> str:
    """'1 file, 'a.gif'', or '3 files such as 'a.gif''."""
    return f"1 {what}, {names[0]!r}" if len(names) == 1 else f"{len(names)} {what}s such as {names[0]!r}"


def _left_out(names: list[str], reason: str) -> str:
    """A sentence about names that are not frames; `reason` says why their numbers do not count, such as "negative"."""
    if len(names) == 1:
        return f"{names[0]!r} is left out: its number is {reason}."
    return f"{_some(names, 'file')} are left out: their numbers are {reason}."
