"""What a file says about its origin, as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.frame_identity import VERSION, FrameIdentity, Graph

DIGEST, OTHER, VALUES = "0123456789abcdef" * 4, "f" * 64, "a" * 64
FACTS = {"graph": DIGEST, "frame": 7, "version": VERSION}


def test_the_text_is_strict_json_with_the_graph_the_frame_and_the_version() -> None:
    assert json.loads(FrameIdentity(DIGEST, 7).text) == FACTS


def test_in_a_batch_it_also_tells_which_image_of_how_many_it_is() -> None:
    assert json.loads(FrameIdentity(DIGEST, 7, 0, 16).text) == FACTS | {"image": 0, "images": 16}


@given(st.integers(-(2**63), 2**63), st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_text_is_read_back(frame: int, image: int, more: int) -> None:
    identity = FrameIdentity(DIGEST, frame, image, image + more)

    assert identity.text.isascii()
    assert FrameIdentity.parse(identity.text) == identity


def test_the_version_and_what_later_versions_add_do_not_matter() -> None:
    later = json.dumps(FACTS | {"version": "99.0.0", "machine": {"name": "render 12"}})

    assert FrameIdentity.parse(later) == FrameIdentity(DIGEST, 7)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("not JSON", id="not JSON"),
        pytest.param(json.dumps(FACTS)[:-1], id="cut"),
        pytest.param(json.dumps([FACTS]), id="a list"),
        pytest.param("null", id="null"),
        pytest.param("7", id="a number"),
        pytest.param("{}", id="without facts"),
        pytest.param("[" * 900, id="deeply nested"),
        pytest.param('{"a":' * 190, id="deeply nested objects"),
        pytest.param(json.dumps(FACTS) + " " * 10_000_000, id="10 MB"),
        pytest.param(json.dumps(FACTS | {"note": "x" * 10_000_000}), id="10 MB of text"),
        pytest.param(json.dumps(FACTS | {"graph": DIGEST[:-1]}), id="a short digest"),
        pytest.param(json.dumps(FACTS | {"graph": DIGEST.upper()}), id="another spelling"),
        pytest.param(json.dumps(FACTS | {"graph": DIGEST + "\n"}), id="a digest and a line feed"),
        pytest.param(json.dumps(FACTS | {"graph": [DIGEST]}), id="a digest in a list"),
        pytest.param(json.dumps(FACTS | {"values": 7}), id="values that are no digest"),
        pytest.param(json.dumps(FACTS | {"frame": "7"}), id="a frame as text"),
        pytest.param(json.dumps(FACTS | {"frame": 7.0}), id="a fractional frame"),
        pytest.param(json.dumps(FACTS | {"frame": True}), id="true as a frame"),
        pytest.param(json.dumps(FACTS | {"frame": None}), id="no frame"),
        pytest.param(json.dumps(FACTS).replace("7", "NaN"), id="not a number"),
        pytest.param(json.dumps(FACTS | {"image": 1}), id="the second image of one"),
        pytest.param(json.dumps(FACTS | {"image": -1, "images": 3}), id="image -1"),
        pytest.param(json.dumps(FACTS | {"image": 0, "images": 0}), id="a batch of none"),
        pytest.param(json.dumps(FACTS | {"images": {}}), id="a batch of an object"),
    ],
)
def test_any_other_text_is_no_identity(text: Any) -> None:
    assert FrameIdentity.parse(text) is None


@given(
    st.text(max_size=200) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_no_text_is_an_error(text: str) -> None:
    assert FrameIdentity.parse(text) is None


class TestGraph:
    def test_items_of_a_list_are_different_pictures_of_one_graph(self) -> None:
        graph = Graph(DIGEST)

        assert graph.of_row(0) == graph
        assert len({graph.of_row(row).digest for row in range(5)}) == 5
        assert not Graph(DIGEST, is_certain=False).of_row(2).is_certain

    def test_a_file_has_the_picture_of_the_graph_that_it_names(self) -> None:
        found = FrameIdentity.parse(FrameIdentity.of(Graph(DIGEST), 7).text)

        assert FrameIdentity.of(Graph(DIGEST), 7).is_that_of(found)
        assert not FrameIdentity.of(Graph(DIGEST), 8).is_that_of(found)
        assert not FrameIdentity.of(Graph(DIGEST), 7, 0, 2).is_that_of(found)
        assert not FrameIdentity.of(Graph(OTHER), 7).is_that_of(found)
        assert not FrameIdentity.of(Graph(DIGEST, is_certain=False), 7).is_that_of(found), "its files may have changed"
        assert not FrameIdentity.of(Graph(DIGEST), 7).is_that_of(None)

    def test_or_that_has_the_same_values(self) -> None:
        found = FrameIdentity.parse(FrameIdentity.of(Graph(DIGEST, values=VALUES), 7).text)

        assert FrameIdentity.of(Graph(OTHER, values=VALUES), 7).is_that_of(found)
        assert FrameIdentity.of(Graph(OTHER, is_certain=False, values=VALUES), 7).is_that_of(found)
        assert FrameIdentity.of(Graph(DIGEST, values=OTHER), 7).is_that_of(found), "nothing in front has changed"
        assert not FrameIdentity.of(Graph(OTHER, values=OTHER), 7).is_that_of(found)
        assert not FrameIdentity.of(Graph(OTHER, values=VALUES), 8).is_that_of(found)
        assert not FrameIdentity.of(Graph(OTHER), 7).is_that_of(FrameIdentity(DIGEST, 7)), "no values are not the same"
