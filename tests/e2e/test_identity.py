"""After a change of the graph, "skip unchanged" renders the frames that it concerns, on a running ComfyUI, and no others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .conftest import Bench

Nodes = dict[str, tuple[str, dict[str, Any]]]

FRAMES = range(100)


def keyed(frame: int, then: str = "a forest at night") -> str:
    """The text of a frame: one up to frame 59, another from frame 60 on."""
    return "a forest at noon" if frame < 60 else then


def painted(name: str, frame: int, text: str = "", /, **changes: Any) -> Nodes:
    """A graph that renders a frame by its text, and saves it as the counter says."""
    settings = {"directory_path": name, "prefix": "f", "digits": 4, "at_end": "stop output", "filetype": "png"}
    links = {"frame_counter": ["count", 0], "image": ["paint", 0]}
    counting = {"frame_index": frame, "total_frames": 100, "frames_per_second": 25}
    return {
        "count": ("ImageSequenceFrameCounter", counting),
        "text": ("ProbeText", {"text": text or keyed(frame)}),
        "paint": ("ProbePainted", {"text": ["text", 0], "frame": ["count", 1]}),
        "save": ("ImageSequenceSaveCounted", {**links, **settings, "on_existing": "skip unchanged", **changes}),
    }


def saved(name: str, frame: int, seed: int = 0, **changes: Any) -> Nodes:
    """A graph that renders a frame and saves it by its number."""
    numbers = {"frame": frame, "count": 1, "width": 64, "height": 48, "seed": seed}
    settings = {"filename_prefix": name, "current_frame": frame, "on_existing": "skip unchanged"}
    return {
        "render": ("ProbeCostly", numbers),
        "save": ("ImageSequenceSaveFrame", {"images": ["render", 0], **settings, **changes}),
    }


@pytest.fixture
def queue(comfyui) -> Callable[[list[Nodes]], list[int]]:
    """Posts graphs, waits until all are done, and returns the frames that were rendered.

    Another graph goes before them, so that ComfyUI has nothing of theirs in its cache.
    """
    aside: Nodes = {
        "text": ("EmptyImage", {"width": 8, "height": 8, "batch_size": 1, "color": 0}),
        "note": ("ProbeNote", {"images": ["text", 0], "path": os.devnull}),
    }

    def run(graphs: list[Nodes]) -> list[int]:
        comfyui.rendered()
        for prompt_id in [comfyui.post(**nodes) for nodes in (aside, *graphs)]:
            comfyui.server.wait(prompt_id)
        return comfyui.rendered()

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestAHundredFrames:
    def test_are_rendered_only_where_a_change_concerns_them(self, comfyui, queue):
        assert queue([painted("keyed", frame) for frame in FRAMES]) == list(FRAMES)
        before = contents(comfyui.output / "keyed")

        assert queue([painted("keyed", frame, filetype="png with embedded workflow") for frame in FRAMES]) == []

        changed = [painted("keyed", frame, keyed(frame, "a forest at dawn")) for frame in FRAMES]
        assert queue(changed) == list(range(60, 100))
        after = contents(comfyui.output / "keyed")
        assert [name for name in sorted(before) if before[name] != after[name]] == [
            f"f_{n:04d}.png" for n in FRAMES[60:]
        ]
        assert len(after) == 100

        assert queue([painted("other", frame) for frame in FRAMES[:3]]) == [0, 1, 2], "they are not there yet"
        assert queue([painted("keyed", frame, keyed(frame, "a forest at dawn")) for frame in FRAMES]) == []
        assert queue([painted("other", frame) for frame in FRAMES[:3]]) == []

    @pytest.mark.parametrize("saver", ["SaveCounted", "SaveFrame"])
    def test_are_rendered_only_where_their_own_text_has_changed(self, comfyui, queue, saver):
        """One text with keys, as prompt schedules are written: all frames have it in front of them."""

        def graph(frame: int, last: str) -> Nodes:
            nodes = painted(saver, frame)
            nodes["text"] = ("ProbeKeyed", {"text": f"0: a forest at noon\n60: {last}", "frame": ["count", 1]})
            if saver == "SaveFrame":
                nodes["save"] = saved(saver, frame, images=["paint", 0])["save"]
            return nodes

        assert queue([graph(frame, "at night") for frame in FRAMES]) == list(FRAMES)
        assert queue([graph(frame, "at night") for frame in FRAMES]) == []
        assert queue([graph(frame, "at dawn") for frame in FRAMES]) == list(range(60, 100))
        assert queue([graph(frame, "at dawn") for frame in FRAMES]) == []

    def test_stay_as_they_are_when_nodes_are_moved_renamed_and_get_other_ids(self, comfyui, queue):
        frames = FRAMES[:10]
        queue([painted("moved", frame) for frame in frames])

        def moved(frame: int) -> dict[str, Any]:
            """The same graph with other ids, in another order, with other titles, and a node on another branch."""
            names = {"count": "12", "text": "7", "paint": "3", "save": "1"}
            nodes: dict[str, Any] = {}
            for name, (kind, inputs) in reversed(painted("moved", frame).items()):
                linked = {
                    key: [names[value[0]], value[1]] if isinstance(value, list) else value
                    for key, value in reversed(inputs.items())
                }
                nodes[names[name]] = {"class_type": kind, "inputs": linked, "_meta": {"title": f"node {frame}"}}
            nodes["3"]["inputs"]["farm_run"] = f"run {frame}"
            nodes["99"] = {"class_type": "ProbeText", "inputs": {"text": f"{frame}"}}
            return nodes

        comfyui.rendered()
        for frame in frames:
            comfyui.server.run(moved(frame))
        assert comfyui.rendered() == []

    def test_of_a_longer_animation_keep_the_frames_that_are_there(self, comfyui, queue):
        def longer(frame: int) -> Nodes:
            nodes = painted("longer", frame)
            nodes["count"][1].update(total_frames=200, frames_per_second=30)
            return nodes

        queue([painted("longer", frame) for frame in FRAMES[:5]])

        assert queue([longer(frame) for frame in FRAMES[:7]]) == [5, 6]


class TestALoadedImage:
    @pytest.fixture
    def picture(self, comfyui, request) -> Iterator[Path]:
        path = comfyui.input / f"{request.node.name}.png"
        Image.new("RGB", (8, 8), (255, 0, 0)).save(path)
        yield path
        path.unlink()

    def test_that_is_edited_concerns_all_frames_that_use_it(self, comfyui, queue, picture):
        def graph(frame: int) -> Nodes:
            nodes = painted("loaded", frame)
            if frame % 2:
                nodes["load"] = ("LoadImage", {"image": picture.name})
                nodes["paint"][1]["picture"] = ["load", 0]
            return nodes

        assert queue([graph(frame) for frame in range(10)]) == list(range(10))
        assert queue([graph(frame) for frame in range(10)]) == []
        Image.new("RGB", (8, 8), (0, 255, 0)).save(picture)
        assert queue([graph(frame) for frame in range(10)]) == [1, 3, 5, 7, 9]
        assert queue([graph(frame) for frame in range(10)]) == []

    def test_of_a_plate_concerns_the_frame_that_is_made_of_it(self, comfyui, queue, start):
        folder = comfyui.input / "plate for identity"
        folder.mkdir()
        for number in range(6):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"plate.{number:04d}.png")

        def graph(frame: int) -> Nodes:
            nodes = painted("plates", frame)
            given = {"directory_path": folder.name, "pattern": "plate.####.png", "indexing": "numeric"}
            nodes["load"] = ("ImageSequenceLoadFrame", {**given, "folder": "input", "frame_counter": ["count", 0]})
            nodes["paint"][1]["picture"] = ["load", 0]
            return nodes

        assert queue([graph(frame) for frame in range(6)]) == list(range(6))
        Image.new("RGB", (8, 8), (0, 200, 0)).save(folder / "plate.0003.png")
        assert queue([graph(frame) for frame in range(6)]) == [3]
        assert queue([graph(frame) for frame in range(6)]) == []

    def test_is_noticed_without_a_cache_and_by_another_server(self, start, tmp_path):
        base = tmp_path / "base"
        (base / "input").mkdir(parents=True)
        Image.new("RGB", (8, 8), (255, 0, 0)).save(base / "input" / "picture.png")
        nodes = painted("loaded", 0)
        nodes["text"] = ("ProbeKeyed", {"text": "0: a forest at noon\n60: at night", "frame": ["count", 1]})
        nodes["load"] = ("LoadImage", {"image": "picture.png"})
        nodes["paint"][1]["picture"] = ["load", 0]
        notes = base / "custom_nodes" / "probe" / "runs.txt"
        prompt = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}

        with start(base=base) as server:
            server.run(prompt)
        with start("--cache-none", base=base) as server:
            server.run(prompt)
            assert notes.read_text().split() == ["0"], "the same graph on another server"
            nodes["text"][1]["text"] = "0: a forest at noon\n60: at dawn"
            server.run(prompt)
            assert notes.read_text().split() == ["0"], "another graph with the same text"
            Image.new("RGB", (8, 8), (0, 255, 0)).save(base / "input" / "picture.png")
            server.run(prompt)
            assert notes.read_text().split() == ["0", "0"]


class TestGraphsThatGrow:
    def test_a_node_that_adds_nodes_counts_by_its_inputs(self, comfyui, queue):
        def graph(seed: int) -> Nodes:
            nodes = saved("expanded", 4, seed)
            nodes["render"] = ("ProbeExpanded", nodes["render"][1])
            return nodes

        assert queue([graph(0)]) == [4]
        assert queue([graph(1)]) == [4]
        assert queue([graph(2), graph(2)]) == [4]

    def test_a_saver_that_another_node_adds_keeps_what_is_unchanged(self, comfyui, queue):
        def graph(frame: int, seed: int, prefix: str = "inside") -> Nodes:
            numbers = {"frame": frame, "count": 1, "width": 64, "height": 48, "seed": seed}
            return {"all": ("ProbeSavedInside", {**numbers, "prefix": prefix, "on_existing": "skip unchanged"})}

        assert queue([graph(4, 0), graph(5, 0)]) == [4, 5]
        assert queue([graph(4, 0), graph(5, 0)]) == []
        assert queue([graph(4, 1)]) == [4]


class TestABatch:
    def test_is_kept_without_being_rendered_and_replaced_as_a_whole(self, comfyui, queue):
        def graph(seed: int, **changes: Any) -> Nodes:
            numbers = {"frame": 7, "count": 4, "width": 64, "height": 48, "seed": seed}
            settings = {"path_pattern": "batch/f_####.png", "start_index": 10, "overwrite": "skip unchanged"}
            return {
                "render": ("ProbeCostly", numbers),
                "save": ("ImageSequenceSaveBatch", {"images": ["render", 0], **settings, **changes}),
            }

        assert queue([graph(0)]) == [7]
        assert queue([graph(0, quality=90)]) == []
        assert queue([graph(0, start_index=11)]) == [7], "image 0 is now another frame"
        assert queue([graph(1)]) == [7]
        (comfyui.output / "batch" / "f_0012.png").unlink()
        assert queue([graph(1, quality=80)]) == [7]

    def test_of_variants_is_kept_as_a_whole(self, comfyui, queue):
        def graph(frame: int, count: int, **changes: Any) -> Nodes:
            nodes = painted("variants", frame, **changes)
            numbers = {"frame": ["count", 1], "count": count, "width": 64, "height": 48, "seed": 0}
            nodes["paint"] = ("ProbeCostly", numbers)
            del nodes["text"]
            return nodes

        assert queue([graph(0, 3), graph(1, 3)]) == [0, 1]
        assert queue([graph(0, 3), graph(1, 3)]) == []
        (comfyui.output / "variants" / "batch_0002" / "f_0001.png").unlink()
        assert queue([graph(0, 3, quality=90), graph(1, 3, quality=90)]) == [1]
        assert queue([graph(0, 2)]) == [0]


@pytest.mark.parametrize("cache", [(), ("--cache-lru", "100")], ids=["classic cache", "--cache-lru"])
def test_a_result_in_the_cache_does_not_stand_for_a_file_that_is_no_longer_the_same(start, tmp_path, cache):
    base = tmp_path / "base"
    bench: Bench

    def run(seed: int = 0) -> tuple[list[int], str]:
        """The frames that were rendered, and what the saver says."""
        bench.rendered()
        (shown,) = bench.run(**saved("watched", 1, seed))["save"]["image_sequence"]
        return bench.rendered(), json.loads(shown)["message"]

    with start(*cache, base=base) as server:
        bench, frame = Bench(server), base / "output" / "watched" / "watched_00001.png"
        saved_it: tuple[list[int], str] = ([1], "Saved frame 1: watched/watched_00001.png")
        cached: tuple[list[int], str] = ([], saved_it[1])
        assert run() == saved_it
        of_this_graph = pixels(frame)
        assert run() == cached

        def check(rendered: list[int]) -> None:
            """The graph saves its frame again, once."""
            assert run() == (rendered, saved_it[1])
            assert pixels(frame) == of_this_graph
            inode = frame.stat().st_ino
            assert run() == cached
            assert frame.stat().st_ino == inode

        whole = frame.read_bytes()
        Image.new("RGB", (64, 48), (255, 0, 0)).save(frame)
        check([])  # the image is still in ComfyUI's cache
        os.truncate(frame, len(whole) - 6)
        check([])
        assert run(seed=1) == saved_it
        assert pixels(frame) != of_this_graph
        assert run(seed=1) == cached, "the later graph does not run once more"
        check([] if cache else [1])
        os.utime(frame)
        kept: tuple[list[int], str] = ([], "Kept frame 1, which this graph made: watched/watched_00001.png")
        assert [run(), run()] == [kept, kept], "another time, but the same picture"


def pixels(frame: Path) -> bytes:
    with Image.open(frame) as image:
        return image.tobytes()


def test_the_message_tells_what_was_kept(comfyui):
    def message(**changes: Any) -> str:
        (shown,) = comfyui.run(**saved("said", 3, **changes))["save"]["image_sequence"]
        return json.loads(shown)["message"]

    assert message() == "Saved frame 3: said/said_00003.png"
    assert message(quality=90) == "Kept frame 3, which this graph made: said/said_00003.png"


def test_a_finished_animation_tells_whether_one_graph_made_it(comfyui, queue):
    def message(frame: int, text: str) -> str:
        nodes = painted("several", frame, text)
        nodes["count"][1]["total_frames"] = 6
        (shown,) = comfyui.run(**nodes)["save"]["image_sequence"]
        return json.loads(shown)["message"]

    earlier = [message(frame, "a fox") for frame in range(4)]
    changed, final = (message(frame, "a wolf") for frame in (4, 5))
    renewed = [message(frame, "a wolf") for frame in (0, 1, 2, 3, 5)]

    assert not any("graph" in text for text in earlier)
    assert "another graph made frame 3" in changed
    assert "2 graphs made the frames: 0-3; 4-5." in final
    assert renewed[-1].splitlines()[1:] == ["All 6 frames are on disk."]


def test_nothing_is_written_under_disable_metadata(start):
    with start("--disable-metadata") as server:
        prompt = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in saved("bare", 3).items()}
        server.run(prompt)
        with Image.open(server.base / "output" / "bare" / "bare_00003.png") as image:
            assert image.text == {}  # type: ignore[attr-defined]
            assert np.asarray(image).any()
