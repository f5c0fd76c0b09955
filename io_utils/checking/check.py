"""Checks a sequence: looks into every file on threads, with progress and Cancel, and reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..cancellable_run import Run
from ..errors import OutsideError
from ..loading.access import inside
from ..loading.memory import free_bytes
from ..policies import Thoroughness
from .budget import Budget
from .choose import Chosen
from .examine import Damage, Examined, Fault, Picture, examine
from .report import Report, report

# Looking at the beginning and the end of a file on a local disk takes 0.1 ms, and handing the job to a thread as long again.
# On a network disk, at about 10 ms each, sixteen still take no longer than Cancel may.
_AT_ONCE = 16
_LEADS_OUT = Fault(
    Damage.UNREAD, "it is a link to a file outside the folders that may be read", "put a copy of the file in its place"
)


def check(chosen: Chosen, thoroughness: Thoroughness, run: Run | None = None) -> Report:
    """The report about the chosen frames. Holds a few hundred bytes for each, and pixels only of the frames in flight.

    Raises OutsideError for a folder outside the allowed ones. Cancel passes through.
    """
    run = run or Run()
    free = free_bytes()
    # Half of it: ComfyUI's models and other programs grow meanwhile.
    budget = Budget(None if free is None else free // 2) if thoroughness is Thoroughness.DECODE else None
    at_once = 1 if budget else _AT_ONCE
    groups = [chosen.frames[start : start + at_once] for start in range(0, len(chosen.frames), at_once)]
    pictures: dict[Picture | None, Picture | None] = {}
    require_inside = inside(chosen.sequence.root)

    def look_at(group: Sequence[int]) -> list[tuple[int, Examined]]:
        return [(number, look_at_one(chosen.sequence.file(number))) for number in group]

    def look_at_one(path: Path) -> Examined:
        try:
            require_inside(path)
        except OutsideError:
            if not path.is_symlink():
                raise
            return Examined(_LEADS_OUT)
        return examine(path, budget)

    found: dict[int, Examined] = {}
    for group in run.each(look_at, groups):
        for number, examined in group:
            # Nearly all frames have the same header: hold it once.
            found[number] = examined._replace(picture=pictures.setdefault(examined.picture, examined.picture))
    return report(chosen, found, thoroughness)
