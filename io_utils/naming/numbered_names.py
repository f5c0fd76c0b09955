"""Frame numbers in file names that no pattern describes, such as those that a wildcard matches."""

from __future__ import annotations

import re

from ..formats.registry import EXTENSIONS

# The widgets of the frame numbers hold no more: Number.MAX_SAFE_INTEGER of the frontend. Longer numbers in names are times,
# serial numbers and the like.
LARGEST = 2**53 - 1


def is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def is_negative(number: re.Match[str], group: int = 1) -> bool:
    """Is the number in a file name negative?

    A '-', a minus sign or an en dash is a sign at the beginning of the name or after a '.', '_', space or another sign, as in `f.-005.png`, and a
    separator after a letter, a digit or a closing bracket, as in `shot-005.png`. fileseq
    (https://github.com/justinfx/fileseq) takes '.-005' for a negative frame as well, and the rest for no frame at all.
    """
    before = number.string[: number.start(group)]
    if not before.endswith(("-", "\u2212", "\u2013")):
        return False
    # Half a surrogate pair is a byte of a name that is not UTF-8, most likely an accented letter.
    return not re.search(r"[^\W_\ud800-\udfff][-\u2212\u2013]$|[\ud800-\udfff)\]}][-\u2212\u2013]$", before)
