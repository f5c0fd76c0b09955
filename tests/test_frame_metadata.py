"""FrameMetadata: what the headers of frames say, and how it reads as text."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.frame_metadata import FrameMetadata, metadata_of


def code(hours: int, minutes: int, seconds: int, frame: int, drop_frame: int = 0) -> Any:
    return OpenEXR.TimeCode(hours, minutes, seconds, frame, drop_frame, *(0,) * 13)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Alexa", "Alexa"),
        ("two\nlines", "two lines"),
        ("x" * 5000, "x" * 200 + "..."),
        (0.5, "0.5"),
        (Fraction(24000, 1001), "24000/1001"),
        (code(1, 2, 3, 4), "01:02:03:04"),
        (code(0, 1, 0, 2, 1), "00:01:00;02"),
        (np.array([0.5, 2], np.float32), "[0.5 2. ]"),
        (np.eye(2, dtype=np.float32), "[[1. 0.] [0. 1.]]"),
        (["beauty", "depth"], "beauty, depth"),
        ((np.array([0, 0], np.int32), np.array([4, 3], np.int32)), "[0 0], [4 3]"),
    ],
)
def test_a_value_reads_as_one_line(value: Any, text: str) -> None:
    assert str(FrameMetadata(({"name": value},))) == f"name: {text}"


def test_a_value_that_changes_reads_as_that_of_the_first_and_of_the_last_frame() -> None:
    frames = ({"timeCode": code(1, 0, 0, n), "owner": "ACME"} for n in range(3))

    assert str(FrameMetadata(tuple(frames))) == "timeCode: 01:00:00:00 ... 01:00:00:02\nowner: ACME"


def test_a_value_of_some_frames_reads_as_theirs() -> None:
    assert str(FrameMetadata(({}, {"owner": "ACME"}, {}))) == "owner: ACME"


@pytest.mark.parametrize("frames", [(), ({},), ({}, {})])
def test_no_value_reads_as_no_metadata(frames: tuple[dict[str, Any], ...]) -> None:
    assert str(FrameMetadata(frames)) == "no metadata"


names = st.text(st.characters(categories=("L", "N")), min_size=1)
attributes = st.dictionaries(names, st.text() | st.integers() | st.floats() | st.lists(st.text()), max_size=4)


@given(st.lists(attributes, max_size=4))
def test_any_metadata_has_one_line_for_each_name(frames: list[dict[str, Any]]) -> None:
    lines = str(FrameMetadata(tuple(frames))).split("\n")

    found = {name for frame in frames for name in frame}
    assert len(lines) == max(1, len(found))
    assert {line.partition(": ")[0] for line in lines} == (found or {"no metadata"})


def test_a_wire_brings_the_attributes_of_each_frame() -> None:
    frames: tuple[dict[str, Any], ...] = ({"owner": "ACME"}, {})

    assert metadata_of(FrameMetadata(frames)) is frames


@pytest.mark.parametrize("value", [None, {}, [{}], ({},), "owner: ACME"])
def test_a_wire_of_another_pack_is_refused_with_the_way_out(value: object) -> None:
    with pytest.raises(
        ValueError, match=r"^Wire the output 'metadata' of a loader of this pack to the input 'metadata'\."
    ):
        metadata_of(value)
