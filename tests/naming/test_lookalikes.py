"""Which files look like frames of a sequence without being any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.naming.file_names import PART
from io_utils.naming.frame_pattern import FramePattern
from io_utils.naming.lookalikes import lookalikes


def looks_like(name: str, pattern: str = "f_####.png") -> bool:
    return lookalikes(FramePattern.parse(pattern), [name]) == [name]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("f_1.png", id="less padding"),
        pytest.param("f_00001.png", id="more padding"),
        pytest.param("f_-001.png", id="a negative number"),
        pytest.param("f_0001.jpg", id="another extension"),
        pytest.param("F_0001.PNG", id="upper case"),
        pytest.param("f_0001-0.png", id="kept both by a saver"),
        pytest.param("f_0001 (1).png", id="a second download"),
        pytest.param("f_0001 - Copy.png", id="a copy on Windows"),
        pytest.param("f_0001 - Copy (2).png", id="a second copy on Windows"),
        pytest.param("f_0001 copy.png", id="a copy on macOS"),
        pytest.param("f_0001 copy 2.png", id="a second copy on macOS"),
        pytest.param("f_0001 (copy).png", id="a copy on Linux"),
        pytest.param("f_0001 (3rd copy).png", id="a third copy on Linux"),
        pytest.param("f_0001 - Kopie.png", id="a copy in German"),
        pytest.param("Copy of f_0001.png", id="a copy on a web drive"),
        pytest.param(".f_0001.png.0123456789ab.part", id="a part file of a killed run"),
        pytest.param(".f_0001.png.aB3dE6", id="what rsync writes"),
        pytest.param("f_0001.png.crdownload", id="what a browser writes"),
        pytest.param("f_0001.png.bak", id="a backup"),
        pytest.param("f_0001.png~", id="a backup of an editor"),
    ],
)
def test_a_file_that_looks_like_a_frame(name: str) -> None:
    assert looks_like(name)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("f_0001.png", id="a frame"),
        pytest.param("f_12345.png", id="a frame with more digits than the padding"),
        pytest.param("f_beauty_0001.png", id="a frame of another sequence"),
        pytest.param("f_0001_depth.png", id="a frame of a layer"),
        pytest.param("g_0001.png", id="another name"),
        pytest.param("f.png", id="no number"),
        pytest.param("f_0001.txt", id="no image"),
        pytest.param("f_0001.png.sha256", id="a checksum"),
        pytest.param("f_####.png.workflow.json", id="the workflow"),
        pytest.param("f_0001v2.png", id="a version"),
    ],
)
def test_a_file_that_does_not(name: str) -> None:
    assert not looks_like(name)


def test_a_pattern_that_is_only_a_number_does_not_take_every_number() -> None:
    names = ["1.png", "0001-1.png", "2024-01-01.png", "12 monkeys.png", "00001.jpg"]

    assert lookalikes(FramePattern.parse("####.png"), names) == ["00001.jpg", "0001-1.png", "1.png"]


@pytest.mark.parametrize("pattern", ["still.png", "####/f.png", "f_####/f_####.png"])
def test_only_frames_in_one_folder_have_lookalikes(pattern: str) -> None:
    names = ["still (1).png", "0001", "0002.png", "f_1.png"]

    assert lookalikes(FramePattern((pattern,)) if "#" not in pattern else _several(pattern), names) == []


def _several(pattern: str) -> FramePattern:
    return FramePattern(tuple(pattern.split("####")), 4)


def test_what_is_behind_the_number_belongs_to_the_name() -> None:
    assert looks_like("p.0001_left (1).exr", "p.####_left.exr")
    assert not looks_like("p.0001 (1).exr", "p.####_left.exr")


@given(st.integers(0, 10**12), st.text("abc_.- #()", max_size=8))
def test_a_frame_never_looks_like_one(number: int, before: str) -> None:
    pattern = FramePattern((before, ".png"), 4)

    assert lookalikes(pattern, [pattern.name(number)]) == []
    part = f".{pattern.name(number)}.0123456789ab.part"
    assert PART.fullmatch(part)
    assert lookalikes(pattern, [part]) == [part]


def test_names_that_are_not_utf_8_are_compared_as_well() -> None:
    assert looks_like("\udce4_1.png", "\udce4_####.png")
