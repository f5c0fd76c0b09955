"""Facts about the frames that a loader would load, for its node: plain values, which the browser puts into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BrokenImageError
from ..formats import registry
from ..formats.open_file import open_regular
from ..naming.allowed_roots import allowed_roots
from ..naming.frame_range import amount, as_ranges, gaps, ranges

# The names of the facts, each of which is null as long as the pattern is unknown.
UNKNOWN: Mapping[str, Any] = dict.fromkeys(
    ("count", "ranges", "missing", "missing_ranges", "width", "height", "kind", "path_pattern")
)


class Missing(NamedTuple):
    """Missing frames: how many, and which, as ranges."""

    amount: int
    listed: str

    @classmethod
    def of(cls, frames: Sequence[int]) -> Missing:
        return cls(len(frames), ranges(frames))

    @classmethod
    def between(cls, frames: Sequence[int]) -> Missing:
        """Those between the first and the last of `frames`. Any number may be missing, so they are not counted one by one."""
        found = gaps(frames)
        return cls(amount(found), as_ranges(found))


def facts(there: Sequence[int], missing: Missing, path_pattern: str, first: Path, layer: str) -> dict[str, Any]:
    """{count, ranges, missing, missing_ranges, width, height, kind, path_pattern}.

    there: the frames on disk. path_pattern: what is read. first: a file, whose header gives the size in pixels, and whose
    extension the kind; all are null if the header cannot be read.
    """
    found = {"count": len(there), "ranges": ranges(there), "missing": missing.amount, "missing_ranges": missing.listed}
    return {**UNKNOWN, **found, "path_pattern": path_pattern, **_size(first, layer)}


def _size(file: Path, layer: str) -> Mapping[str, Any]:
    with suppress(BrokenImageError, OSError):
        kind = registry.of_extension(file.suffix)
        with open_regular(allowed_roots()["output"].confirm(file, write=False)) as opened:
            width, height = registry.read_header(opened, layer=layer).extent
        return {"width": width, "height": height, "kind": kind and kind.name}
    return {}
