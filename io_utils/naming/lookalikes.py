"""Finds files that look like frames of a sequence but are not: other padding, other extension, copies, unfinished files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..formats.registry import EXTENSIONS
from .frame_pattern import MAX_PADDING, FramePattern

# What systems, browsers and this pack ("keep both": -0) add to the name of a copy: " - Copy (2)", " copy 2", " (1)".
_BETWEEN = "[ _.-]{0,3}"
_COPY = rf"(?:{_BETWEEN}\(?(?:another |[0-9]..? )?(?:copy|kopie|copie|copia)\)?)?(?:{_BETWEEN}\(?[0-9]{{1,4}}\)?)?"
# What programs add while they write a file, or before they replace it: editors, browsers; this pack and rsync.
_KEPT = r"(?:~|\.(?:bak|old|orig|tmp|temp|part|filepart|crdownload))"
_HIDDEN = r"\.(?:swp|[0-9a-f]{12}\.part|[A-Za-z0-9]{6})"


def lookalikes(pattern: FramePattern, names: Iterable[str]) -> list[str]:
    """Those of the file `names` in a folder that `pattern` does not match, but that somebody may take for its frames, sorted.

    The frames of `pattern` are in one folder. Upper and lower case do not count.
    """
    if not pattern.has_number or any("/" in literal for literal in pattern.literals):
        return []
    looks_alike = _regex(pattern).fullmatch
    return sorted(name for name in names if looks_alike(name) and pattern.number(name) is None)


def _regex(pattern: FramePattern) -> re.Pattern[str]:
    before, after = pattern.literals[0], pattern.literals[1]
    stem = after.removesuffix(pattern.extension)
    extension = "|".join(map(re.escape, dict.fromkeys((pattern.extension, *EXTENSIONS))))
    name = rf"{re.escape(before)}-?[0-9]{{1,{MAX_PADDING}}}{re.escape(stem)}{_COPY}(?:{extension})"
    return re.compile(rf"(?:copy of )?{name}|{name}{_KEPT}|\.{name}{_HIDDEN}", re.IGNORECASE)
