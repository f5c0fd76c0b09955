"""Reads frame numbers from file names without a pattern, such as the names that a wildcard matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

from ..formats.registry import EXTENSIONS
from .frame_pattern import LARGEST_FRAME, MAX_PADDING

# The last number of a name, and what is between it and the extension: no letters or digits.
_NUMBER = re.compile(rf"(?<![0-9])([0-9]{{1,{MAX_PADDING}}})([\W_]*)\.[^.]+$")


def is_image(name: str) -> bool:
    """Whether a file of this name is read: it has the extension of a known format and is not hidden."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def matching(globs: Iterable[str]) -> Callable[[str], object]:
    """A function that says whether one of `globs` matches a file name. Extensions match in any case: `*.jpg` finds .JPG."""
    return re.compile("|".join(translate(_with_any_extension(glob)) for glob in globs)).match


def _with_any_extension(glob: str) -> str:
    stem, dot, extension = glob.rpartition(".")
    if not dot or not extension.isalnum():
        return glob
    return stem + dot + "".join(f"[{each.lower()}{each.upper()}]" for each in extension)


def numbered(names: Iterable[str]) -> list[tuple[int, str]]:
    """(frame number, name) of the file names that have one, in order of the numbers.

    The number is the last one in the name, directly before the extension. If no name with the same beginning ends in its
    number, punctuation may follow it, as in ComfyUI's own `ComfyUI_00001_.png` or in `frame (1).png`. Negative numbers and
    those above LARGEST_FRAME are not frames.
    """
    found = [(match, name) for name in names if (match := _NUMBER.search(name)) and not is_negative(match)]
    found = [(match, name) for match, name in found if int(match[1]) <= LARGEST_FRAME]
    # A file that ends in its number hides others with the same beginning, and its own copies: 'f_0007 (1).png'. It must not
    # hide a sequence with another beginning.
    ending = {beginning for match, _ in found if not match[2] for beginning in (_before(match), _stem(match))}
    return sorted(
        (int(match[1]), name) for match, name in found if not match[2] or not ending & {_before(match), _copied(match)}
    )


def is_negative(number: re.Match[str], group: int = 1) -> bool:
    """Whether the number in a file name, matched by `group`, has a minus sign.

    A '-', a minus sign or an en dash is a sign at the beginning of the name and after a '.', '_', space or another sign, as
    in `f.-005.png`. After a letter, a digit or a closing bracket it is a separator, as in `shot-005.png`. fileseq
    (https://github.com/justinfx/fileseq) agrees about '.-005', and takes the rest for no frame at all.
    """
    before = number.string[: number.start(group)]
    if not before.endswith(("-", "\u2212", "\u2013")):
        return False
    # A lone surrogate is a byte of a name that is not UTF-8, most likely an accented letter.
    return not re.search(r"[^\W_\ud800-\udfff][-\u2212\u2013]$|[\ud800-\udfff)\]}][-\u2212\u2013]$", before)


def _before(number: re.Match[str]) -> str:
    """The part of the name before its number."""
    return number.string[: number.start(1)]


def _stem(number: re.Match[str]) -> str:
    """The name up to the end of its number."""
    return number.string[: number.end(1)]


def _copied(number: re.Match[str]) -> str:
    """The stem that a copy would have been made of: 'f_0007' for 'f_0007 (1).png'."""
    return re.sub(r"[\W_]+$", "", _before(number))
