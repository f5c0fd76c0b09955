"""Measures free memory, within the limits of the system and of this process's control groups (such as a container)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

try:
    import psutil  # ComfyUI requires it
except ImportError:
    psutil = None

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
# (limit, usage, prefix in memory.stat): https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html
_VERSION_2 = ("memory.max", "memory.current", "")
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def free_bytes() -> int | None:
    """Bytes that can be allocated before a process is killed for being out of memory; None if unknown.

    The minimum of the system's free memory and the remainder of each control group's limit, including usable swap
    space. The page cache counts as free, because the kernel reclaims it.
    """
    available, swap = _of_system()
    left = list(_control_groups_left(swap))
    return min(left if available is None else [available + swap, *left], default=None)


def _of_system() -> tuple[int | None, int]:
    """(memory, swap space) that are free."""
    if psutil is not None:
        return int(psutil.virtual_memory().available), int(psutil.swap_memory().free)
    facts = _read_table(_PROC / "meminfo")  # in KiB, although it says kB: proc_meminfo(5)
    available = facts.get("MemAvailable:")
    return None if available is None else available * 1024, facts.get("SwapFree:", 0) * 1024


def _control_groups_left(swap: int) -> Iterator[int]:
    """The bytes left in each group of this process and its parents. Groups without a limit yield nothing."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        # A container may see the host's path of its group here, while /sys/fs/cgroup shows its own group at the top.
        top = _CGROUPS / controllers
        group = top / path.strip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                yield from _group_left(folder, swap, *(_VERSION_1 if controllers else _VERSION_2))


def _group_left(folder: Path, swap: int, limit: str, usage: str, prefix: str) -> Iterator[int]:
    most, used = _read_number(folder / limit), _read_number(folder / usage)
    if most is None or used is None:
        return
    facts = _read_table(folder / "memory.stat")
    cached = facts.get(f"{prefix}inactive_file", 0) + facts.get(f"{prefix}active_file", 0)
    most_swap, used_swap = _read_number(folder / "memory.swap.max"), _read_number(folder / "memory.swap.current")
    if most_swap is not None and used_swap is not None:
        swap = min(swap, max(0, most_swap - used_swap))
    yield max(0, most - used + cached) + swap


def _read_number(file: Path) -> int | None:
    """The content of a file that holds one number; None for "max" or if the file does not exist."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _read_table(file: Path) -> dict[str, int]:
    """The lines `name number ...` of a file as a mapping; empty if the file does not exist."""
    try:
        rows = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
