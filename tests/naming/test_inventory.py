"""The sentence about a folder that a user reads when no frame was found: what is there, and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from io_utils.naming.frame_folder import FrameFolder
from io_utils.naming.inventory import inventory
from io_utils.policies import Indexing

from ..disk import put


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        pytest.param(["f_0001.PNG", "f_0002.PNG"], ["'f_{:04d}.PNG' (frames 1-2)"], id="another case"),
        pytest.param(["f_001.png", "f_002.png"], ["'f_{:03d}.png' (frames 1-2)"], id="another width"),
        pytest.param(["f_9.png", "f_10.png"], ["'f_{}.png' (frames 9-10)"], id="no width"),
        pytest.param(["f_0001_beauty.png"], ["'f_{:04d}_beauty.png' (frame 1)"], id="words behind the number"),
        pytest.param(["f_0001.avif", "f_0002.avif"], ["2 files such as 'f_0001.avif'", ".png, .jpg"], id="avif"),
        pytest.param(["f_0001.gif"], ["1 file, 'f_0001.gif'", "type"], id="gif"),
        pytest.param(["cover.png"], ["Without a frame number: 1 file, 'cover.png'"], id="no number"),
        pytest.param(["f.-005.png"], ["'f.-005.png' is left out: its number is negative."], id="a negative number"),
        pytest.param(["f.-5.png", "f.-6.png"], ["2 files such as 'f.-5.png' are left out"], id="negative numbers"),
        pytest.param(["a_1.png", "b_1.png", "c_1.png", "d_1.png"], ["and 1 more"], id="many"),
        pytest.param(["take1/f_1.png"], ["no files, but 1 folder, 'take1'"], id="in a folder below"),
        pytest.param([".hidden_1.png"], ["empty"], id="hidden"),
    ],
)
def test_says_what_is_there(shot: Path, names: list[str], facts: list[str]) -> None:
    for name in names:
        (shot / name).parent.mkdir(parents=True, exist_ok=True)
        (shot / name).write_bytes(b"")

    assert all(fact in inventory(shot) for fact in facts), inventory(shot)


def test_says_that_there_is_no_folder(shot: Path) -> None:
    assert inventory(shot / "a/b").startswith(f"Check the folder's name: there is no folder {str(shot / 'a/b')!r}.")


def test_names_the_nearest_folder_that_there_is(shot: Path) -> None:
    shot.mkdir()

    assert inventory(shot / "a/b").endswith(f"The nearest folder that exists is {str(shot)!r}.")


def test_names_patterns_that_find_the_files(shot: Path) -> None:
    put(shot / "f_0001_beauty.png")
    put(shot / "f_0002_beauty.png")
    patterns = re.findall(r"'(f_.*?)'", inventory(shot))

    assert patterns == ["f_{:04d}_beauty.png"]
    assert FrameFolder.parse("shot", patterns[0]).numbers(Indexing.NUMERIC) == [1, 2]
