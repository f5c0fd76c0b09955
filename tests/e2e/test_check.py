"""Check Image Sequence on a running ComfyUI: what it reports, that it runs again when files change, and what it stops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from devtools.comfyui_server import PromptFailed
from devtools.prompts import PromptError

SMALL = {"count": 1, "width": 64, "height": 48, "seed": 0}

Nodes = dict[str, tuple[str, dict[str, Any]]]


def saved(folder: str, frame: int, **changes: int) -> Nodes:
    """A graph that renders one frame and saves it."""
    return {
        "make": ("ProbeCostly", {"frame": frame, **SMALL, **changes}),
        "save": (
            "ImageSequenceSaveFrame",
            {"images": ["make", 0], "filename_prefix": folder, "current_frame": frame},
        ),
    }


def file(folder: Path, frame: int) -> Path:
    """Where the saver puts the frame: its prefix is the folder's name and the beginning of the file's."""
    return folder / f"{folder.name}_{frame:05d}.png"


def check(folder: str, **inputs: Any) -> tuple[str, dict[str, Any]]:
    return "ImageSequenceCheck", {"path_pattern": f"{folder}/{folder}_#####.png", **inputs}


def film(folder: str, **inputs: Any) -> Nodes:
    """A check in front of a loader and a saver, as in front of a video node."""
    loading = {"start_index": 0, "frame_count": 0, "ignore_missing_images": "true", "folder": "output"}
    saving = {"start_index": 0, "overwrite": "true", "path_pattern": f"{folder}/film/g_##.png"}
    return {
        "check": check(folder, **inputs),
        "load": ("ImageSequenceLoadBatch", {"path_pattern": ["check", 3], **loading}),
        "save": ("ImageSequenceSaveBatch", {"images": ["load", 0], **saving}),
    }


def told(ui: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ui["check"]["image_sequence"][0])["check"]
    return found


@pytest.fixture
def render(comfyui: Any) -> Any:
    """render(folder, frames): saves these frames, 64 x 48, with their graph."""

    def render(folder: str, frames: range | list[int], **changes: int) -> Path:
        for frame in frames:
            comfyui.run(**saved(folder, frame, **changes))
        path: Path = comfyui.output / folder
        return path

    return render


def test_what_was_rendered_is_good(comfyui: Any, render: Any) -> None:
    render("good", range(5))

    for thoroughness in ("quick", "decode every frame"):
        ui = comfyui.run(check=check("good", thoroughness=thoroughness))
        assert ui["check"]["text"][0].startswith("Good: 5 frames, 0-4, 64 x 48, RGB, 8 bits, PNG.")
        found = told(ui)
        assert (found["is_good"], found["checked"], found["missing"]) == (True, 5, "")
        # The frame number is typed into a node that does not declare that it counts.
        assert [problem["kind"] for problem in found["problems"]] == ["keys"]
        assert len(ui["check"]["images"]) == 5


def test_every_fault_is_told(comfyui: Any, render: Any) -> None:
    folder = render("faults", range(12))
    (file(folder, 3)).unlink()
    torn = file(folder, 5)
    torn.write_bytes(torn.read_bytes()[:-20])
    Image.new("RGB", (64, 48)).save(file(folder, 7))
    Image.new("RGB", (32, 48), "red").save(file(folder, 8))
    (file(folder, 10)).write_text("not an image")

    ui = comfyui.run(check=check("faults", frame_count=13, thoroughness="decode every frame"))

    found = told(ui)
    kinds = {problem["kind"]: problem["frames"] for problem in found["problems"]}
    assert (found["is_good"], found["checked"], found["missing"]) == (False, 13, "3,5,10,12")
    assert kinds.pop("keys") == "", "every frame has its own graph"
    assert kinds == {"missing": "3,12", "torn": "5", "foreign": "10", "size": "8", "graphs": "7-8", "black": "7"}


def test_frames_of_a_changed_graph_are_told(comfyui: Any, render: Any) -> None:
    render("graphs", range(12))
    render("graphs", range(4, 7), width=64, height=48, seed=1)

    problem, _ = told(comfyui.run(check=check("graphs")))["problems"]

    assert (problem["kind"], problem["frames"]) == ("graphs", "4-6")


def test_it_is_answered_from_the_cache_until_a_file_changes(comfyui: Any, render: Any) -> None:
    folder = render("cache", range(3))
    nodes = {"check": check("cache")}

    comfyui.run(**nodes)
    history = comfyui.server.wait(comfyui.post(**nodes))
    assert "check" in json.dumps([data for event, data in history["status"]["messages"] if event == "execution_cached"])

    (file(folder, 1)).unlink()

    assert told(comfyui.run(**nodes))["missing"] == "1"


class TestBeforeAFilm:
    def test_a_fault_stops_the_loader_and_the_saver_behind_it(self, comfyui: Any, render: Any) -> None:
        folder = render("stopped", [1, 2, 4])

        with pytest.raises(PromptFailed, match=r"Render frame 3 again, or set on_problem to 'report'") as failed:
            comfyui.run(**film("stopped", on_problem="raise error"))

        assert "ImageSequenceCheck" in str(failed.value)
        assert not (folder / "film").exists()

    def test_a_good_sequence_goes_on_and_the_pattern_leads_the_loader_to_it(self, comfyui: Any, render: Any) -> None:
        folder = render("going", range(1, 6))

        comfyui.run(**film("going", on_problem="raise error"))

        assert len(list((folder / "film").iterdir())) == 5

    def test_the_missing_frames_are_rendered_by_what_they_are_wired_to(self, comfyui: Any, render: Any) -> None:
        """The loader takes the list; here it loads them from a second take."""
        folder = render("take_a", [1, 2, 5])
        render("take_b", range(1, 6))
        nodes = film("take_a")
        kind, inputs = nodes["load"]
        nodes["load"] = (kind, inputs | {"path_pattern": "take_b/take_b_#####.png", "frames": ["check", 1]})

        ui = comfyui.run(**nodes)

        assert json.loads(ui["load"]["image_sequence"][0])["first"] == 3
        assert len(list((folder / "film").iterdir())) == 2

    def test_an_unchanged_film_is_kept_by_the_files_that_it_is_made_of(self, comfyui: Any, render: Any) -> None:
        folder = render("kept", range(1, 4))
        nodes = film("kept")
        kind, inputs = nodes["save"]
        nodes["save"] = (kind, inputs | {"overwrite": "skip unchanged"})
        comfyui.run(**nodes)
        before = {path.name: path.stat().st_mtime_ns for path in (folder / "film").iterdir()}

        comfyui.run(other=("EmptyImage", {"width": 8, "height": 8, "batch_size": 1, "color": 0}), **nodes)
        assert {path.name: path.stat().st_mtime_ns for path in (folder / "film").iterdir()} == before

        Image.new("RGB", (64, 48), "red").save(file(folder, 2))
        comfyui.run(**nodes)
        assert {path.name: path.stat().st_mtime_ns for path in (folder / "film").iterdir()} != before


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param({"thoroughness": "slow"}, id="an unlisted word"),
        pytest.param({"start_index": -1}, id="a negative frame"),
        pytest.param({"path_pattern": "f_##.gif"}, id="an unsupported extension"),
        pytest.param({"path_pattern": "/etc/f_##.png"}, id="outside"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(comfyui: Any, inputs: dict[str, Any]) -> None:
    with pytest.raises(PromptError):
        comfyui.run(check=check("good", **inputs))


@pytest.mark.skipif(os.name == "nt", reason="links make thousands of frames of one")
def test_cancel_ends_the_check(comfyui: Any, render: Any) -> None:
    folder = render("cancel", [0], width=1024, height=1024)
    for number in range(1, 1000):
        os.link(file(folder, 0), file(folder, number))

    prompt_id = comfyui.post(check=check("cancel", thoroughness="decode every frame"))
    while not comfyui.server.get_json("/queue")["queue_running"]:
        pass
    while comfyui.server.get_json("/queue")["queue_running"]:
        # Repeatedly, because ComfyUI drops an interrupt that comes before the first node of a prompt.
        comfyui.server.interrupt()

    with pytest.raises(PromptFailed) as failure:
        comfyui.server.wait(prompt_id)
    assert failure.value.interrupted
