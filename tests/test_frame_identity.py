"""What a file says about its origin, as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.frame_identity import VERSION, FrameIdentity, Graph, graph_groups, graph_remarks

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
        pytest.param(json.dumps(FACTS | {"animation": DIGEST[:-1]}), id="a short digest of the animation"),
        pytest.param(json.dumps(FACTS | {"animation": None}), id="no digest of the animation"),
        pytest.param(json.dumps(FACTS | {"numbers": 7}), id="numbers that are no list"),
        pytest.param(json.dumps(FACTS | {"keys": DIGEST}), id="a long digest of keys"),
        pytest.param(json.dumps(FACTS | {"keys": None}), id="no digest of keys"),
        pytest.param(json.dumps(FACTS | {"numbers": [7]}), id="a number that is no digest"),
        pytest.param(json.dumps(FACTS | {"numbers": [DIGEST]}), id="a long digest of a number"),
        pytest.param(json.dumps(FACTS | {"numbers": [["0" * 16]]}), id="a digest of a number in a list"),
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


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(numbers, max_size=16).map(tuple), st.sampled_from(["", DIGEST, OTHER]), st.none() | st.just(VALUES))
def test_what_counts_from_frame_to_frame_is_read_back(counts: Any, animation: str, values: str | None) -> None:
    identity = FrameIdentity.of(Graph(DIGEST, values=values, animation=animation, numbers=counts), 7, 3, 16)

    assert FrameIdentity.parse(identity.text) == identity
    assert bool(identity.animation) == (animation == OTHER), "not the same digest twice"
    assert len(identity.text) <= 1000


def test_a_seed_is_not_to_be_read() -> None:
    assert "987654321" not in FrameIdentity.of(Graph(DIGEST, animation=OTHER, numbers=(987654321,)), 7).text


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


def frame(number: int, graph: str = "graph", *counts: float, image: int = 0) -> FrameIdentity:
    """A frame of an animation whose frames all differ. `graph` is what they share."""
    return FrameIdentity.of(
        Graph(f"{graph} {number} {counts}", animation=graph, numbers=counts), number, image, image + 1
    )


def groups(*frames: FrameIdentity | None) -> list[list[int]]:
    return graph_groups(dict(enumerate(frames)))


class TestFramesOfOneGraph:
    def test_are_those_of_one_batch(self) -> None:
        assert groups(*[FrameIdentity(DIGEST, 0, image, 5) for image in range(5)]) == [[0, 1, 2, 3, 4]]

    def test_of_two_graphs_are_two_groups_which_may_alternate(self) -> None:
        assert groups(*[frame(number, "ab"[4 <= number < 6]) for number in range(9)]) == [[0, 1, 2, 3, 6, 7, 8], [4, 5]]

    def test_that_say_nothing_are_a_group(self) -> None:
        assert groups(None, None, frame(2), frame(3)) == [[0, 1], [2, 3]]
        assert groups(None, None) == [[0, 1]]
        assert graph_groups({}) == []

    def test_are_told_by_the_digest_of_the_frame_where_there_is_no_other(self) -> None:
        first, second = FrameIdentity(DIGEST, 0), FrameIdentity(OTHER, 0)

        assert groups(first, first, second) == [[0, 1], [2]]

    @pytest.mark.parametrize("count", [2, 3, 5, 100])
    @pytest.mark.parametrize(
        "counted",
        [
            pytest.param(lambda number: number, id="a frame counter"),
            pytest.param(lambda number: number + 1001, id="a frame counter at another number"),
            pytest.param(lambda number: 7 * number % 101, id="random seeds"),
            pytest.param(lambda number: number / 99, id="progress"),
            pytest.param(lambda number: number // 2, id="on twos"),
            pytest.param(lambda number: 5, id="a fixed seed"),
        ],
    )
    def test_count_from_frame_to_frame(self, count: int, counted: Any) -> None:
        frames = [frame(number, "graph", 5, counted(number), number) for number in range(count)]

        assert groups(*frames) == [list(range(count))]

    def test_may_come_from_several_batches(self) -> None:
        """A counter stands at the first frame of each batch."""
        frames = [frame(number, "graph", number - number % 10, image=number % 10) for number in range(40)]

        assert groups(*frames) == [list(range(40))]

    @pytest.mark.parametrize("count", [5, 10, 100])
    def test_are_divided_by_a_seed_that_was_set_anew(self, count: int) -> None:
        first = count - 2
        frames = [frame(number, "graph", number, 5 if number < first else 6) for number in range(count)]

        assert groups(*frames) == [list(range(first)), [first, first + 1]]

    def test_are_divided_where_a_counted_seed_was_set_anew(self) -> None:
        frames = [frame(number, "graph", number + (1000 if number >= 60 else 0)) for number in range(100)]

        assert groups(*frames) == [list(range(60)), list(range(60, 100))]

    @pytest.mark.parametrize(
        "seeds",
        [
            pytest.param([5] * 20 + list(range(100, 120)), id="fixed, then counting"),
            pytest.param([5] * 10 + [7 * number % 101 for number in range(10)], id="fixed, then random"),
            pytest.param([3 * number for number in range(10)] + [5] * 10, id="counting by 3, then fixed"),
            pytest.param([5] * 100 + list(range(100)), id="100 fixed, then counting"),
            pytest.param([6 if number % 4 == 3 else 5 for number in range(40)], id="every fourth again"),
            pytest.param([0, 0, 0, 7, 7, 0, 0], id="two in the middle again"),
        ],
    )
    def test_are_divided_where_a_seed_is_used_in_another_way(self, seeds: list[int]) -> None:
        found = groups(*[frame(number, "graph", number, seed) for number, seed in enumerate(seeds)])

        assert len(found) == 2

    def test_are_divided_by_a_seed_even_if_each_has_its_own_graph(self) -> None:
        frames = [frame(number, f"graph {number}", 1 if 4 <= number < 7 else 0) for number in range(12)]

        assert groups(*frames) == [[0, 1, 2, 3, 7, 8, 9, 10, 11], [4, 5, 6]]

    @pytest.mark.parametrize("graphs", ["xyxyxy", "xyxyxyxyxyxyxyxyxyxyxyxy", "xyyxyy", "yxyyxyyxyyxy"])
    def test_may_alternate_as_two_machines_render_them(self, graphs: str) -> None:
        assert len(groups(*[frame(number, graph, number) for number, graph in enumerate(graphs)])) == 2

    def test_of_a_third_graph_do_not_hide_those_of_two_others(self) -> None:
        assert groups(*[frame(number, graph) for number, graph in enumerate("xzxyyy")]) == [[0, 2], [1], [3, 4, 5]]

    def test_may_differ_each_in_what_no_node_declares(self) -> None:
        """A script puts another file name into every prompt."""
        for count in (3, 4, 9):
            assert groups(*[frame(number, f"graph {number}") for number in range(count)]) == [list(range(count))]
        assert groups(frame(0, "a"), frame(1, "b")) == [[0], [1]], "of two frames nobody knows"
        assert groups(*[frame(number, f"graph {number}") for number in range(4)], None) == [[0, 1, 2, 3], [4]]

    def test_are_found_in_10_000_frames(self) -> None:
        frames = [frame(number, "ab"[number > 7000], number, 7919 * number % 9973, 5) for number in range(10_000)]

        assert list(map(len, groups(*frames))) == [7001, 2999]


def keyed(number: int, keys: str) -> FrameIdentity:
    return FrameIdentity.of(Graph(f"{number} {keys}", animation="graph", keys=keys * 64), number)


class TestRemarks:
    def said(self, *frames: FrameIdentity | None) -> list[tuple[list[tuple[int, int]], str]]:
        return [(runs, str(message)) for runs, message in graph_remarks(dict(enumerate(frames)))]

    def test_there_are_none_for_frames_of_one_graph(self) -> None:
        assert self.said(*[frame(number) for number in range(9)]) == []
        assert self.said(*[keyed(number, "a") for number in range(9)]) == []
        assert self.said(None, None, None) == self.said() == []

    def test_of_frames_from_before_and_after_a_change_of_keys(self) -> None:
        ((frames, text),) = self.said(*[keyed(number, "b" if 4 <= number < 6 else "a") for number in range(9)])

        assert frames == [(4, 5)]
        assert "has changed between these frames: 0-3,6-8; 4-5." in text

    def test_of_graphs_that_cannot_be_compared(self) -> None:
        assert self.said(*[frame(number, f"graph {number}") for number in range(9)]) == [
            ([], "Remark: which graph made the frames cannot be compared, because every frame has its own.")
        ]
