"""Free memory: what the system reports, and what a container's limit leaves of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from io_utils.errors import gib
from io_utils.loading import memory
from io_utils.loading.memory import free_bytes

MIB = 2**20


@pytest.fixture(autouse=True)
def _linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with 1000 MiB and no swap, without psutil."""
    monkeypatch.setattr(memory, "psutil", None)
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    write(tmp_path / "proc/meminfo", "MemTotal: 2048000 kB\nMemAvailable: 1024000 kB\nSwapFree: 0 kB\n")


def write(file: Path, text: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def group(folder: Path, limit: object, used: int, cached: int = 0) -> None:
    """A control group of version 2, in MiB."""
    write(folder / "memory.max", limit if isinstance(limit, str) else limit * MIB)  # type: ignore[operator]
    write(folder / "memory.current", used * MIB)
    write(folder / "memory.stat", f"anon 1\ninactive_file {cached * MIB}\nactive_file 0")


class TestSystem:
    def test_is_what_linux_reports_as_available(self) -> None:
        assert free_bytes() == 1000 * MIB

    def test_includes_swap_space(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/meminfo", "MemAvailable: 1024 kB\nSwapFree: 2048 kB")

        assert free_bytes() == 3 * MIB

    def test_is_read_through_psutil_if_that_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        psutil = SimpleNamespace(
            virtual_memory=lambda: SimpleNamespace(available=5 * MIB), swap_memory=lambda: SimpleNamespace(free=MIB)
        )
        monkeypatch.setattr(memory, "psutil", psutil)

        assert free_bytes() == 6 * MIB

    @pytest.mark.parametrize("text", [None, "", "MemTotal: 9 kB"], ids=["no file", "empty", "an old kernel"])
    def test_that_does_not_report_it_gives_none(self, tmp_path: Path, text: str | None) -> None:
        (tmp_path / "proc/meminfo").unlink()
        if text is not None:
            write(tmp_path / "proc/meminfo", text)

        assert free_bytes() is None


class TestContainer:
    @pytest.fixture(autouse=True)
    def _member(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/self/cgroup", "0::/app/worker")

    def test_is_limited_to_its_own_maximum(self, tmp_path: Path) -> None:
        group(tmp_path / "cgroup/app/worker", 500, used=200)

        assert free_bytes() == 300 * MIB

    def test_has_no_more_than_the_system_has(self, tmp_path: Path) -> None:
        group(tmp_path / "cgroup/app/worker", 5000, used=0)

        assert free_bytes() == 1000 * MIB

    def test_can_reuse_the_memory_of_cached_files(self, tmp_path: Path) -> None:
        group(tmp_path / "cgroup/app/worker", 500, used=400, cached=150)

        assert free_bytes() == 250 * MIB

    def test_can_be_limited_by_a_parent_group(self, tmp_path: Path) -> None:
        group(tmp_path / "cgroup/app/worker", "max", used=10)
        group(tmp_path / "cgroup/app", 100, used=40)

        assert free_bytes() == 60 * MIB

    def test_can_see_its_own_group_as_the_root(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/self/cgroup", "0::/docker/0123456789ab")
        group(tmp_path / "cgroup", 300, used=100)

        assert free_bytes() == 200 * MIB

    def test_over_its_limit_has_nothing_free(self, tmp_path: Path) -> None:
        group(tmp_path / "cgroup/app/worker", 500, used=501)

        assert free_bytes() == 0

    @pytest.mark.parametrize(("limit", "used", "more"), [("max", 0, 50), (30 * MIB, 10 * MIB, 20), (0, 0, 0)])
    def test_can_swap_as_much_as_it_may(self, tmp_path: Path, limit: object, used: int, more: int) -> None:
        write(tmp_path / "proc/meminfo", f"MemAvailable: 1024000 kB\nSwapFree: {50 * 1024} kB")
        group(tmp_path / "cgroup/app/worker", 100, used=0)
        write(tmp_path / "cgroup/app/worker/memory.swap.max", limit)
        write(tmp_path / "cgroup/app/worker/memory.swap.current", used)

        assert free_bytes() == (100 + more) * MIB

    def test_of_version_1_is_read_too(self, tmp_path: Path) -> None:
        write(tmp_path / "proc/self/cgroup", "9:name=systemd:/\n4:memory:/app\n1:cpu:/\n0::/")
        folder = tmp_path / "cgroup/memory/app"
        write(folder / "memory.limit_in_bytes", 500 * MIB)
        write(folder / "memory.usage_in_bytes", 450 * MIB)
        write(folder / "memory.stat", f"inactive_file 1\ntotal_inactive_file {60 * MIB}\ntotal_active_file {40 * MIB}")
        write(tmp_path / "cgroup/memory/memory.limit_in_bytes", 2**63 - 4096)
        write(tmp_path / "cgroup/memory/memory.usage_in_bytes", 10)

        assert free_bytes() == 150 * MIB

    def test_without_a_limit_has_all_of_the_system(self) -> None:
        assert free_bytes() == 1000 * MIB


def test_this_machine_has_some() -> None:
    free = free_bytes()
    assert free is None or free > 0


def test_is_written_in_gib() -> None:
    assert gib(3 * 2**30 // 2) == "1.5 GiB"
    assert gib(2000 * 2**30) == "2,000.0 GiB"
