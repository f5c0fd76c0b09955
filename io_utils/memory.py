"""How much memory is free: of the system, and of the control groups (a container's, say) that this process is in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

try:
    import psutil  # ComfyUI requires it
except ImportError:
    psutil = None

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
# limit, usage, prefix of its facts: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html
_VERSION_2 = ("memory.max", "memory.current", "")
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def free_bytes() -> int | None:
    """Bytes that can still be taken before something is killed for want of memory; None where the system does not tell.

    The least of what the system has and what each control group leaves, with the swap space that may be used. Cached
    files count as free: they give way.
    """
    available, swap = _of_system()
    left = list(_of_control_groups(swap))
    return min(left if available is None else [available + swap, *left], default=None)


def _of_system() -> tuple[int | None, int]:
    """(memory, swap space) that are free."""
    if psutil is not None:
        return int(psutil.virtual_memory().available), int(psutil.swap_memory().free)
    facts = _facts(_PROC / "meminfo")  # in KiB, whatever it says: proc_meminfo(5)
    available = facts.get("MemAvailable:")
    return None if available is None else available * 1024, facts.get("SwapFree:", 0) * 1024


def _of_control_groups(swap: int) -> Iterator[int]:
    """What the limit of each group leaves, those above included; nothing of a group that has no limit."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        # A container may be told its group's path on the host, while its own group is the top one that it sees.
        top = _CGROUPS / controllers
        group = top / path.strip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                yield from _left(folder, swap, *(_VERSION_1 if controllers else _VERSION_2))


def _left(folder: Path, swap: int, limit: str, usage: str, prefix: str) -> Iterator[int]:
    most, used = _number(folder / limit), _number(folder / usage)
    if most is None or used is None:
        return
    facts = _facts(folder / "memory.stat")
    cached = facts.get(f"{prefix}inactive_file", 0) + facts.get(f"{prefix}active_file", 0)
    most_swap, used_swap = _number(folder / "memory.swap.max"), _number(folder / "memory.swap.current")
    if most_swap is not None and used_swap is not None:
        swap = min(swap, max(0, most_swap - used_swap))
    yield max(0, most - used + cached) + swap


def _number(file: Path) -> int | None:
    """The number that is all of a file; None for "max", and where there is no such file."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _facts(file: Path) -> dict[str, int]:
    """The lines `name number ...` of a file; none where there is no such file."""
    try:
        rows = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
