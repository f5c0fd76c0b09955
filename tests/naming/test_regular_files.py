"""Which entries of a folder are files, and what a folder of frames makes of those that are not."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from io_utils.naming.frame_folder import FrameFolder
from io_utils.naming.regular_files import is_regular, regular_files
from io_utils.policies import Indexing

from ..disk import needs_links, put

NUMERIC = Indexing.NUMERIC


@needs_links
def test_regular_files_are_files_and_links_to_files(shot: Path) -> None:
    put(shot / "a.png")
    (shot / "b.png").symlink_to("a.png")
    (shot / "c.png").mkdir()
    (shot / "d.png").symlink_to("c.png")
    (shot / "e.png").symlink_to("gone.png")

    assert sorted(regular_files(shot)) == ["a.png", "b.png"]
    assert [name for name in "abcde" if is_regular(shot / f"{name}.png")] == ["a", "b"]


def test_a_folder_that_does_not_exist_has_no_files(shot: Path) -> None:
    assert regular_files(shot) == []
    put(shot / "a.png")
    assert regular_files(shot / "a.png") == []


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 300], ids=["a null character", "too long"])
def test_a_name_that_no_file_can_have_is_not_a_regular_file(shot: Path, name: str) -> None:
    assert not is_regular(shot / name)


class TestAFolderOfFramesLeavesOut:
    @needs_links
    def test_links_that_lead_nowhere_or_in_a_circle(self, shot: Path) -> None:
        put(shot / "f_0001.png")
        (shot / "f_0002.png").symlink_to("f_0002.png")
        (shot / "f_0003.png").symlink_to("f_0004.png")
        (shot / "f_0004.png").symlink_to("f_0003.png")
        (shot / "f_0005.png").symlink_to("gone.png")

        for pattern in ("*", "f_####.png"):
            frames = FrameFolder.parse("shot", pattern)
            assert frames.numbers(NUMERIC) == [1]
            assert [len(frames.files(number, NUMERIC)) for number in range(1, 6)] == [1, 0, 0, 0, 0]

    @pytest.mark.parametrize("code", [errno.ELOOP, errno.EACCES, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG])
    def test_an_entry_that_the_system_cannot_examine(
        self, shot: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        put(shot / "f_0001.png")
        put(shot / "f_0002.png")
        scandir, examined = os.scandir, []

        class Entry:
            def __init__(self, entry: os.DirEntry[str]) -> None:
                self.name = entry.name

            def is_file(self) -> bool:
                examined.append(self.name)
                if self.name == "f_0002.png":
                    raise OSError(code, os.strerror(code))
                return True

        @contextmanager
        def entries(folder: Path) -> Iterator[Iterator[Entry]]:
            with scandir(folder) as found:
                yield map(Entry, found)

        monkeypatch.setattr(os, "scandir", entries)

        assert FrameFolder.parse("shot", "*").numbers(NUMERIC) == [1]
        assert "f_0002.png" in examined

    @pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders there")
    def test_pipes_and_devices(self, shot: Path) -> None:
        put(shot / "f_0001.png")
        os.mkfifo(shot / "f_0002.png")
        (shot / "f_0003.png").symlink_to("/dev/zero")

        for pattern in ("*", "f_####.png"):
            frames = FrameFolder.parse("shot", pattern)
            assert frames.numbers(NUMERIC) == [1]
            assert frames.files(2, NUMERIC) == frames.files(3, NUMERIC) == []
