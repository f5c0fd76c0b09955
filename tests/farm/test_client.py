"""What becomes of a render, whatever happens to the server, the prompt or the client: farm.md 5.3 without a ComfyUI."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import pytest

import comfyui_frames

from .prompts import counted, single
from .running import CLIENT, Client, Event, Outcome, Render
from .scripted_comfyui import (
    CUT,
    DROPPED,
    ERROR_500,
    HANGING,
    NOT_JSON,
    PATIENCE,
    Answer,
    SaveImageSequenceMtb,
    ScriptedComfyUI,
)

WriteFile = Callable[[Any], Path]
StartClient = Callable[..., Client]

# A server that is scripted to fail for ever is given up at the first failure.
AT_ONCE = ("--wait", "0")


def frames_of(comfyui: ScriptedComfyUI) -> list[int]:
    """The frames of `single` in the order in which they were posted."""
    return [post["prompt"]["2"]["inputs"]["current_frame"] for post in comfyui.posts]


def remarks(outcome: Outcome) -> list[str]:
    return [event["text"] for event in outcome.events if event["event"] == "note"]


def changed(prompt: dict[str, Any]) -> dict[str, Any]:
    """The prompt with another image."""
    image = prompt["1"]
    return {**prompt, "1": {**image, "inputs": {**image["inputs"], "color": image["inputs"]["color"] + 1}}}


def ids(comfyui: ScriptedComfyUI) -> list[str]:
    return [post["prompt_id"] for post in comfyui.posts]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for vanished prompts without the usual 5 seconds in between."""
    monkeypatch.setattr(comfyui_frames, "_CHECK_QUEUE_EVERY", 0.0)


class TestARender:
    def test_saves_every_frame_in_ascending_order(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        outcome = render(single(), "3,1-2")

        assert outcome.code == 0
        assert outcome.frames == {1: "saved", 2: "saved", 3: "saved"}
        assert comfyui.written == ["plate/plate_00001.png", "plate/plate_00002.png", "plate/plate_00003.png"]
        assert frames_of(comfyui) == [1, 2, 3]

    def test_names_the_files(self, render: Render) -> None:
        assert render(single(), "7").frame(7)["files"] == ["plate/plate_00007.png"]

    def test_chooses_the_ids_of_its_prompts(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(single(), "0-2")

        assert len({uuid.UUID(prompt_id) for prompt_id in ids(comfyui)}) == 3
        assert len({post["client_id"] for post in comfyui.posts}) == 1

    def test_runs_the_savers_of_the_sequence_only(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """The machine that renders the final frame must not make the film before the others have finished."""
        outcome = render(counted(total_frames=3), "0-2")

        assert outcome.code == 0
        assert [post["partial_execution_targets"] for post in comfyui.posts] == [["5"]] * 3
        assert "ScriptedFilm" not in comfyui.written

    def test_takes_the_workflow_along(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """So that the farm's frames can be opened in ComfyUI, and rendered further."""
        workflow: dict[str, Any] = {"nodes": [], "links": []}

        render({"prompt": single(), "extra_data": {"extra_pnginfo": {"workflow": workflow}}}, "0")

        assert comfyui.posts[0]["extra_data"]["extra_pnginfo"] == {"workflow": workflow}

    @pytest.mark.parametrize("lookahead", [1, 2, 4])
    def test_has_as_many_prompts_in_the_queue_as_lookahead_says(
        self, comfyui: ScriptedComfyUI, render: Render, lookahead: int
    ) -> None:
        comfyui.hold()
        comfyui.when(lambda server: len(server.posts) == lookahead, comfyui.release)

        outcome = render(single(), "0-9", "--lookahead", str(lookahead))

        assert outcome.code == 0
        assert comfyui.most_queued == lookahead

    def test_leaves_nothing_of_its_frames_in_the_servers_memory(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        assert render(single(), "0-49").code == 0

        assert comfyui.history == {}

    def test_counts_what_stands_in_the_file_names(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        outcome = render(counted(total_frames=24, first_frame=1001), "1001-1002")

        assert outcome.code == 0
        assert comfyui.written == ["shot/shot_01001.png", "shot/shot_01002.png"]

    def test_says_that_frames_lie_past_the_end(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """OpenCue's #FRAME_END# runs past the range when that is no multiple of the chunk."""
        outcome = render(counted(total_frames=2), "0-3")

        assert outcome.code == 0
        assert outcome.frames == {0: "saved", 1: "saved", 2: "past the end", 3: "past the end"}
        assert comfyui.written == ["shot/shot_00000.png", "shot/shot_00001.png"]

    def test_below_the_first_frame_is_refused(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """--frames 0-23 for files that begin at 1001 is a mistake, not an empty range."""
        outcome = render(counted(total_frames=24, first_frame=1001), "0-23")

        assert outcome.code == 2
        assert "1001" in outcome.text
        assert comfyui.posts == []

    def test_from_a_frame_goes_on_with_its_sequence(
        self, comfyui: ScriptedComfyUI, render: Render, tmp_path: Path
    ) -> None:
        from PIL import Image, PngImagePlugin

        info = PngImagePlugin.PngInfo()
        info.add_text("prompt", json.dumps(single(current_frame=5)))
        info.add_text("workflow", json.dumps({"nodes": []}))
        Image.new("RGB", (6, 4)).save(tmp_path / "f.png", pnginfo=info)

        assert render(tmp_path / "f.png", "6-7").code == 0
        assert frames_of(comfyui) == [6, 7]
        assert comfyui.posts[0]["extra_data"]["extra_pnginfo"] == {"workflow": {"nodes": []}}

    @pytest.mark.parametrize("depth", [50, 300, 900, 980, 995, 1000, 3000, 20_000])
    def test_of_a_prompt_nested_deeply_ends_in_one_of_the_known_ways(
        self, render: Render, tmp_path: Path, depth: int
    ) -> None:
        prompt = json.dumps(single(note="HERE")).replace('"HERE"', "[" * depth + "]" * depth)
        (tmp_path / "deep.json").write_text(prompt, encoding="utf-8")

        outcome = render(tmp_path / "deep.json", "0")

        assert outcome.code in (0, 2)
        assert outcome.end

    def test_uses_the_server_that_comfyui_server_names(
        self, comfyui: ScriptedComfyUI, file_of: WriteFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMFYUI_SERVER", comfyui.url)

        assert comfyui_frames.run(["render", str(file_of(single())), "--frames", "0"], tell=lambda event: None) == 0
        assert frames_of(comfyui) == [0]

    def test_prefers_the_server_of_the_command_line(
        self, comfyui: ScriptedComfyUI, render: Render, nobody: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMFYUI_SERVER", nobody)

        assert render(single(), "0", *AT_ONCE).code == 0


class TestFramesOnDisk:
    def test_are_kept_and_a_second_run_renders_nothing(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        assert render(single(), "0-3").code == 0
        again = render(single(), "0-3")

        assert again.code == 0
        assert set(again.frames.values()) == {"kept"}
        assert (again.end["saved"], again.end["kept"]) == (0, 4)
        assert set(comfyui.disk.values()) == {1}

    def test_are_rendered_again_with_overwrite(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(single(on_existing="skip"), "0-1")
        again = render(single(on_existing="skip"), "0-1", "--overwrite")

        assert set(again.frames.values()) == {"saved"}
        assert set(comfyui.disk.values()) == {2}

    def test_are_compared_with_the_prompt_where_the_server_can(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(single(), "0")

        assert comfyui.posts[0]["prompt"]["2"]["inputs"]["on_existing"] == "skip unchanged"

    def test_are_not_compared_where_the_server_cannot(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.unknown_policies = ("skip unchanged",)

        render(single(), "0")

        assert comfyui.posts[0]["prompt"]["2"]["inputs"]["on_existing"] == "skip"

    def test_of_another_prompt_are_rendered_again(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(single(), "0-1")
        again = render(changed(single()), "0-2")

        assert again.frames == {0: "saved", 1: "saved", 2: "saved"}
        assert remarks(again) == []

    def test_of_another_prompt_are_kept_if_its_saver_is_set_to_skip(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        render(single(), "0-1")
        again = render(changed(single(on_existing="skip")), "0-2")

        assert again.frames == {0: "kept", 1: "kept", 2: "saved"}
        assert remarks(again) == []
        assert comfyui.posted("GET /system_stats") == [None], "only the first prompt needs to know"

    def test_are_kept_by_a_saver_set_to_skip_even_if_they_always_count_as_changed(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.knows_graphs = False
        prompt = counted(total_frames=4, on_existing="skip")

        render(prompt, "0-1")
        again = render(prompt, "0-3")
        finish = render(prompt, "0-3", "--finish")

        assert again.frames == {0: "kept", 1: "kept", 2: "saved", 3: "saved"}
        assert set(finish.frames.values()) == {"kept"}
        assert remarks(again) == remarks(finish) == []
        assert set(comfyui.disk.values()) == {1}

    @pytest.mark.parametrize("policy", ["overwrite", "error", "skip unchanged", ["9", 0]], ids=repr)
    def test_are_compared_whatever_else_the_saver_is_set_to(
        self, comfyui: ScriptedComfyUI, render: Render, policy: Any
    ) -> None:
        render({**single(on_existing=policy), "9": {"class_type": "PrimitiveInt", "inputs": {"value": 1}}}, "0")

        assert comfyui.posts[0]["prompt"]["2"]["inputs"]["on_existing"] == "skip unchanged"

    def test_are_kept_where_files_do_not_say_what_made_them_and_one_note_says_so(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.disables_metadata = True

        render(single(), "0-1")
        again = render(single(), "0-2")

        assert again.frames == {0: "kept", 1: "kept", 2: "saved"}
        (note,) = remarks(again)
        assert note.startswith("Start ComfyUI without --disable-metadata")
        assert comfyui.url in note

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(404, b"404: Not Found"),
            Answer.of(200, {}),
            Answer.of(200, {"system": {"os": "linux"}}),
            Answer.of(200, {"system": []}),
            Answer.of(200, {"system": {"argv": "main.py"}}),
        ],
        ids=["no route", "no system", "no argv", "a system that is none", "an argv that is none"],
    )
    def test_are_compared_where_the_server_does_not_tell_and_the_savers_remark_is_passed_on_once(
        self, comfyui: ScriptedComfyUI, render: Render, answer: Answer
    ) -> None:
        comfyui.disables_metadata = True
        comfyui.answer("GET /system_stats", answer)

        outcome = render(single(), "0-3")

        assert comfyui.posts[0]["prompt"]["2"]["inputs"]["on_existing"] == "skip unchanged"
        (note,) = remarks(outcome)
        assert note.startswith("Node 2 (ImageSequenceSaveFrame): Start ComfyUI without --disable-metadata")

    def test_that_always_count_as_changed_are_rendered_again_and_one_note_says_how_to_keep_them(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.knows_graphs = False

        render(single(), "0-1")
        again = render(single(), "0-1")

        assert again.frames == {0: "saved", 1: "saved"}
        (note,) = remarks(again)
        assert note.startswith(
            "Node 2 (ImageSequenceSaveFrame): Choose 'skip' to keep these frames: what this graph loads"
        )
        assert note.endswith(" To keep them, set its on_existing to skip in the prompt.")

    @pytest.mark.parametrize(("arguments", "policy"), [((), "skip unchanged"), (("--overwrite",), "true")])
    def test_of_the_batch_saver_follow_the_same_rules(
        self, comfyui: ScriptedComfyUI, render: Render, arguments: tuple[str, ...], policy: str
    ) -> None:
        batch = {"images": ["1", 0], "path_pattern": "b.####.png", "start_index": 0, "overwrite": "false"}
        prompt = {**single(), "2": {"class_type": "ImageSequenceSaveBatch", "inputs": batch}}

        outcome = render(prompt, "5", "--frame-input", "2.start_index", *arguments)

        assert outcome.code == 0
        assert comfyui.written == ["b.0005.png"]
        assert comfyui.posts[0]["prompt"]["2"]["inputs"]["overwrite"] == policy

    def test_of_the_earlier_packs_are_kept_too_where_this_pack_replaces_them(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        prompt = single()
        prompt["2"]["class_type"] = "Save Image Sequence (mtb)"

        assert render(prompt, "0-1").frames == {0: "saved", 1: "saved"}
        assert render(prompt, "0-1").frames == {0: "kept", 1: "kept"}

    def test_of_an_earlier_pack_that_is_installed_are_rendered_again_and_a_note_says_so(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.classes["Save Image Sequence (mtb)"] = SaveImageSequenceMtb
        prompt = single()
        prompt["2"]["class_type"] = "Save Image Sequence (mtb)"

        outcome = render(prompt, "0-1")

        assert outcome.code == 0
        assert outcome.frames == {0: "saved", 1: "saved"}
        (note,) = remarks(outcome)
        assert "cannot keep frames" in note
        assert "on_existing" not in comfyui.posts[0]["prompt"]["2"]["inputs"]

    def test_of_version_0_1_of_the_pack_count_as_saved(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """It does not say whether it kept them."""
        comfyui.counts_frames = False

        assert render(counted(total_frames=2), "0-2").frames == {0: "saved", 1: "saved", 2: "past the end"}


class TestFinish:
    def test_runs_the_whole_prompt_once_after_all_frames(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        outcome = render(counted(total_frames=3), "0-2", "--finish")

        assert outcome.code == 0
        assert comfyui.written == [*(f"shot/shot_0000{frame}.png" for frame in range(3)), "ScriptedFilm"]
        assert [post.get("partial_execution_targets") for post in comfyui.posts] == [["5"], ["5"], ["5"], None]
        assert comfyui.posts[-1]["prompt"]["3"]["inputs"]["frame_index"] == 2

    def test_renders_what_other_machines_have_left_out(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(counted(total_frames=4), "0,3")
        outcome = render(counted(total_frames=4), "0-3", "--finish")

        assert outcome.frames == {0: "kept", 1: "saved", 2: "saved", 3: "kept"}
        assert comfyui.written.count("ScriptedFilm") == 1
        assert set(comfyui.disk.values()) == {1}

    @pytest.mark.parametrize("why", ["other times of the plates", "files that are only known when it runs"])
    def test_renders_nothing_that_is_on_disk_whatever_has_changed(
        self, comfyui: ScriptedComfyUI, render: Render, why: str
    ) -> None:
        """The chunks before it have compared the frames, each machine with the plates that it has itself."""
        render(counted(total_frames=4), "0-2")
        if why == "other times of the plates":
            comfyui.times_of_plates = "as they were copied"
        else:
            comfyui.knows_graphs = False

        outcome = render(counted(total_frames=4), "0-3", "--finish")

        assert outcome.frames == {0: "kept", 1: "kept", 2: "kept", 3: "saved"}
        assert comfyui.written.count("ScriptedFilm") == 1
        assert set(comfyui.disk.values()) == {1}

    def test_says_how_to_compare_the_frames_with_the_prompt(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        (note,) = remarks(render(counted(total_frames=2), "0-1", "--finish"))

        assert note.startswith("If the prompt has changed, run the command without --finish first")

    def test_after_the_command_without_it_makes_the_film_of_the_prompt_as_it_is_now(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        render(counted(total_frames=3), "0-2", "--finish")
        again = render(changed(counted(total_frames=3)), "0-2")
        finish = render(changed(counted(total_frames=3)), "0-2", "--finish")

        assert set(again.frames.values()) == {"saved"}
        assert set(finish.frames.values()) == {"kept"}
        assert len(set(comfyui.makers.values())) == 1

    def test_passes_on_that_several_prompts_made_the_frames(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(counted(total_frames=8), "0-3")
        others = render(changed(counted(total_frames=8)), "4-7")
        finish = render(changed(counted(total_frames=8)), "0-7", "--finish")

        assert remarks(others) == [], "another machine may be rendering the first ones"
        assert any("2 graphs made the frames: 0-3; 4-7." in note for note in remarks(finish))

    def test_replaces_all_frames_with_overwrite(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        render(counted(total_frames=2), "0-1")
        outcome = render(counted(total_frames=2), "0-1", "--finish", "--overwrite")

        assert set(outcome.frames.values()) == {"saved"}
        assert remarks(outcome) == []

    def test_makes_the_savers_look_at_the_disk_whatever_the_server_has_in_its_cache(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        """ComfyUI runs no node whose inputs are those of the last run. The list of files in its cache may lack frames."""
        render(counted(total_frames=1), "0", "--finish")
        render(counted(total_frames=1), "0", "--finish")

        _, first, _, second = (post["prompt"]["5"]["inputs"] for post in comfyui.posts)
        assert first != second

    def test_stands_at_the_final_frame_even_if_the_frames_run_past_it(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        outcome = render(counted(total_frames=3, first_frame=1001), "1001-1010", "--finish")

        assert outcome.code == 0
        assert comfyui.posts[-1]["prompt"]["3"]["inputs"]["frame_index"] == 2
        assert comfyui.written.count("ScriptedFilm") == 1

    @pytest.mark.parametrize(("frames", "missing"), [("0-2", "3-4"), ("4", "0-3"), ("0-4:2", "1,3"), ("3-9", "0-2")])
    def test_is_refused_without_all_frames_of_the_animation(
        self, comfyui: ScriptedComfyUI, render: Render, frames: str, missing: str
    ) -> None:
        """The film would lack them, and the farm would call it finished."""
        outcome = render(counted(total_frames=5), frames, "--finish")

        assert outcome.code == 2
        assert outcome.text.startswith("Write --frames 0-4 for the film")
        assert f"{missing} would be missing" in outcome.text
        assert comfyui.posts == []

    def test_needs_no_final_frame_if_nothing_waits_for_the_animation(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        prompt = {node: counted(total_frames=5)[node] for node in ("1", "3", "5")}

        assert render(prompt, "0-2", "--finish").code == 0

    def test_without_a_counter_stands_at_the_last_frame(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        prompt = {**single(), "9": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}

        assert render(prompt, "3,5", "--finish").code == 0
        assert frames_of(comfyui) == [3, 5, 5]
        assert comfyui.written.count("PreviewImage") == 1

    def test_makes_no_film_if_a_frame_failed(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.raises)

        outcome = render(counted(total_frames=3), "0-2", "--finish")

        assert outcome.code == 1
        assert "ScriptedFilm" not in comfyui.written
        assert all("partial_execution_targets" in post for post in comfyui.posts)

    def test_ends_with_1_if_the_film_fails(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        # The final frame runs twice: with its saver, and with the whole prompt.
        finals: Iterator[bool] = iter([False, True])

        def second(item: Any) -> None:
            if next(finals):
                comfyui.raises(item)

        comfyui.in_frame(2, second, times=2)

        outcome = render(counted(total_frames=3), "0-2", "--finish")

        assert outcome.code == 1
        assert set(outcome.frames.values()) == {"saved"}
        assert outcome.end["failed"] == []
        assert "CUDA out of memory" in outcome.text

    def test_goes_on_from_a_server_that_dies_before_the_film(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        finals: Iterator[bool] = iter([False, True, False])

        def second(item: Any) -> None:
            if next(finals):
                comfyui.dies(item)

        comfyui.in_frame(2, second, times=3)

        assert render(counted(total_frames=3), "0-2", "--finish").code == 0
        assert comfyui.written.count("ScriptedFilm") == 1


class TestARefusal:
    """Exit code 2: trying again, here or elsewhere, does not help."""

    def test_of_the_whole_prompt_gives_the_servers_reasons(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        error = {
            "type": "prompt_outputs_failed_validation",
            "message": "Prompt outputs failed validation",
            "details": "",
        }
        comfyui.answer("POST /prompt", Answer.of(400, {"error": error, "node_errors": _MISSING_MODEL}))

        outcome = render(single(), "0-3")

        assert outcome.code == 2
        for part in ("node 1", "CheckpointLoaderSimple", "Value not in list", "v1-5.safetensors"):
            assert part in outcome.text
        assert outcome.end["left"] == "0-3"
        assert len(comfyui.posts) == 0
        assert len(comfyui.posted("POST /prompt")) == 1

    def test_of_one_output_withdraws_what_the_server_accepted(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """ComfyUI answers 200 and runs the other outputs."""
        comfyui.hold()
        accepted = Answer.of(200, {"prompt_id": "x", "number": 1, "node_errors": _MISSING_MODEL})
        comfyui.answer("POST /prompt", accepted, after=True)

        outcome = render(single(), "0-3")

        assert outcome.code == 2
        assert "Value not in list" in outcome.text
        assert len(comfyui.posts) == 1
        comfyui.wait_until(lambda server: server.running is None and not server.pending)
        assert comfyui.written == []

    def test_by_a_server_without_the_pack_names_the_node(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.classes = {name: node for name, node in comfyui.classes.items() if not name.startswith("ImageSequence")}

        outcome = render(single(), "0-3")

        assert outcome.code == 2
        assert "ImageSequenceSaveFrame" in outcome.text
        assert len(comfyui.posts) == 1

    def test_by_a_server_that_is_no_comfyui_says_so(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.answer("", Answer(404, b"not here"), None)

        outcome = render(single(), "0", *AT_ONCE)

        assert outcome.code == 2
        assert "--server" in outcome.text
        assert "404" in outcome.text

    @pytest.mark.parametrize(
        ("arguments", "match"),
        [
            pytest.param(["--frames", "none"], "1001-1010", id="frames that are none"),
            pytest.param([], "--frames", id="no frames"),
            pytest.param(["--frames", "1", "--wait", "soon"], "--wait", id="a wait that is no number"),
            pytest.param(["--frames", "1", "--wait", "-1"], "--wait", id="a negative wait"),
            pytest.param(["--frames", "1", "--wait", "nan"], "--wait", id="a wait of NaN"),
            pytest.param(["--frames", "1", "--lookahead", "0"], "--lookahead", id="no prompt in the queue"),
            pytest.param(["--frames", "1", "--server", "ftp://x"], "server", id="another protocol"),
            pytest.param(["--frames", "1", "--server", "http://127.0.0.1:port"], "server", id="a port that is none"),
            pytest.param(["--frames", "1", "--frame-input", "9.x"], "--frame-input", id="a node that is not there"),
            pytest.param(["--frames", "1", "--json", "--openjd"], "--json", id="two kinds of output"),
            pytest.param(["--frames", "1", "--fram", "2"], "--fram", id="half an option"),
        ],
    )
    def test_of_the_command_line_says_what_to_write(self, file_of: WriteFile, arguments: list[str], match: str) -> None:
        events: list[Event] = []

        code = comfyui_frames.run(["render", str(file_of(single())), *arguments], tell=events.append)

        assert code == 2
        assert match in Outcome(code, events).text

    @pytest.mark.parametrize("arguments", [[], ["rendr"], ["render"], ["--frames", "1"]], ids=repr)
    def test_of_a_command_that_is_none_is_one_too(self, arguments: list[str]) -> None:
        events: list[Event] = []

        assert Outcome(comfyui_frames.run(arguments, tell=events.append), events).end["exit_code"] == 2

    def test_of_an_editors_workflow_asks_no_server(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        outcome = render({"nodes": [], "links": []}, "0")

        assert outcome.code == 2
        assert "Workflow > Export (API)" in outcome.text
        assert comfyui.requests == []


_MISSING_MODEL = {
    "1": {
        "errors": [
            {
                "type": "value_not_in_list",
                "message": "Value not in list",
                "details": "ckpt_name: 'v1-5.safetensors' not in []",
                "extra_info": {},
            }
        ],
        "dependent_outputs": ["2"],
        "class_type": "CheckpointLoaderSimple",
    }
}


class TestAnAddressThatIsNone:
    @pytest.mark.parametrize(
        "address",
        ["http://", "http://ü ö:1", "http://me:secret@127.0.0.1:8188", "http://127.0.0.1:8188?x=1", "ftp://a", "a:b"],
    )
    def test_is_refused_at_once(self, render: Render, address: str) -> None:
        outcome = render(single(), "0", server=address)

        assert outcome.code == 2
        assert outcome.text.startswith("Write the server's address as http://127.0.0.1:8188")


class TestAFrameThatFails:
    """Exit code 1. The other frames are rendered, and a second run renders only the one."""

    def test_is_named_with_its_node_and_the_others_are_rendered(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.raises)

        outcome = render(single(), "0-3")

        assert outcome.code == 1
        assert outcome.frames == {0: "saved", 1: "failed", 2: "saved", 3: "saved"}
        assert outcome.end["failed"] == [1]
        failed = outcome.frame(1)
        assert (failed["node"], failed["class_type"]) == ("1", "EmptyImage")
        assert failed["error"] == "OutOfMemoryError: CUDA out of memory"
        assert "1" in outcome.text

    def test_is_the_only_one_that_a_second_run_renders(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.raises)

        render(single(), "0-3")
        again = render(single(), "0-3")

        assert again.code == 0
        assert again.frames == {0: "kept", 1: "saved", 2: "kept", 3: "kept"}

    def test_stays_in_the_servers_history(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """Somebody may want to see why."""
        comfyui.in_frame(1, comfyui.raises)

        render(single(), "0-3")

        assert list(comfyui.history) == [ids(comfyui)[1]]

    def test_was_cancelled_by_somebody(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.is_cancelled)

        outcome = render(single(), "0-2")

        assert outcome.code == 1
        assert outcome.frames == {0: "saved", 1: "failed", 2: "saved"}
        assert "cancelled" in outcome.frame(1)["error"]

    def test_was_blocked_in_front_of_its_saver(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """ComfyUI calls that a success, but there is no frame."""
        comfyui.in_frame(1, comfyui.is_blocked)

        outcome = render(single(), "0-2")

        assert outcome.code == 1
        assert outcome.frames == {0: "saved", 1: "failed", 2: "saved"}
        assert outcome.frame(1)["node"] == "2"

    def test_all_of_them(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(None, comfyui.raises, None)

        outcome = render(single(), "0-3")

        assert outcome.code == 1
        assert outcome.end["failed"] == [0, 1, 2, 3]
        assert comfyui.written == []


class TestAServerWithAnAccident:
    """The frames are rendered all the same, and none of them twice."""

    @staticmethod
    def check(comfyui: ScriptedComfyUI, outcome: Outcome, frames: int = 4) -> None:
        assert outcome.code == 0, outcome.text
        assert list(outcome.frames) == list(range(frames))
        assert list(comfyui.disk.values()) == [1] * frames

    def test_that_answers_500_twice(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.answer("POST /prompt", ERROR_500, 2)

        self.check(comfyui, render(single(), "0-3"))
        posted = [body["prompt_id"] for body in comfyui.posted("POST /prompt")]
        assert len(posted) == 6
        assert len(set(posted[:3])) == 1, "posted again with the same id"

    def test_that_loses_its_answer_to_a_post(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """The prompt is in the queue. It must not be there twice."""
        comfyui.hold()
        comfyui.answer("POST /prompt", DROPPED, after=True)
        comfyui.when(lambda server: len(server.posts) == 2, comfyui.release)

        self.check(comfyui, render(single(), "0-3"))
        assert frames_of(comfyui) == [0, 1, 2, 3]

    def test_that_loses_its_answer_and_has_finished_the_frame_meanwhile(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        """The prompt has left the queue and is in the history."""
        comfyui.answer("POST /prompt", DROPPED, after=True)

        self.check(comfyui, render(single(), "0-3", "--lookahead", "1"))
        assert frames_of(comfyui) == [0, 1, 2, 3]

    @pytest.mark.parametrize("request_line", ["GET /history", "GET /object_info", "GET /system_stats", "POST /prompt"])
    @pytest.mark.parametrize("answer", [DROPPED, ERROR_500, NOT_JSON, CUT], ids=["dropped", "500", "not JSON", "cut"])
    def test_that_answers_nonsense_once(
        self, comfyui: ScriptedComfyUI, render: Render, request_line: str, answer: Answer
    ) -> None:
        comfyui.answer(request_line, answer)

        self.check(comfyui, render(single(), "0-3"))

    def test_that_does_not_let_go_of_its_history(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """Removing what was read is a courtesy."""
        comfyui.answer("POST /history", ERROR_500, None)

        self.check(comfyui, render(single(), "0-3"))

    def test_that_restarts_and_has_forgotten_everything(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.dies)

        self.check(comfyui, render(single(), "0-3", "--lookahead", "1"))
        assert frames_of(comfyui) == [0, 1, 1, 2, 3]
        assert len(set(ids(comfyui))) == 4, "posted again with the same id"

    def test_that_forgets_two_prompts_at_once(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        def dies_with_two(item: Any) -> None:
            comfyui.wait_until(lambda server: server.pending)
            comfyui.dies(item)

        comfyui.in_frame(0, dies_with_two)

        self.check(comfyui, render(single(), "0-3"))
        assert frames_of(comfyui) == [0, 1, 0, 1, 2, 3]
        assert len(set(ids(comfyui))) == 4, "posted again with the same ids"

    def test_that_dies_when_the_frame_is_on_disk_and_nobody_knows(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.in_frame(1, comfyui.dies_after_saving)

        outcome = render(single(), "0-3")

        self.check(comfyui, outcome)
        assert outcome.frames[1] == "kept"

    def test_that_dies_twice_with_the_same_frame(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(1, comfyui.dies, 2)

        self.check(comfyui, render(single(), "0-3"))
        assert frames_of(comfyui).count(1) == 3

    def test_that_restarts_so_quickly_that_nobody_notices(
        self, comfyui: ScriptedComfyUI, render: Render, often: None
    ) -> None:
        def restarts(item: Any) -> None:
            comfyui.restart()

        comfyui.in_frame(1, restarts)

        outcome = render(single(), "0-3")

        assert outcome.code == 0
        assert len(set(ids(comfyui))) == 4
        assert set(comfyui.disk) == {f"plate/plate_0000{frame}.png" for frame in range(4)}

    def test_that_comes_up_only_after_a_connection_was_refused(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        class Starting(threading.Event):
            """The client waits for it between two attempts, so its first wait follows the first refused connection."""

            waits = 0

            def wait(self, timeout: float | None = None) -> bool:
                self.waits += 1
                if self.waits == 1:
                    assert comfyui.requests == []
                    comfyui.listen()
                return super().wait(timeout)

        comfyui.refuse_connections()

        self.check(comfyui, render(single(), "0-3", stop=(starting := Starting())))
        assert starting.waits

    def test_whose_queue_somebody_clears(self, comfyui: ScriptedComfyUI, render: Render, often: None) -> None:
        comfyui.in_frame(0, comfyui.is_cleared)

        outcome = render(single(), "0-3")

        self.check(comfyui, outcome)

    def test_that_is_shared_with_somebody_else(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.put_foreign("theirs")

        self.check(comfyui, render(single(), "0-3"))
        assert list(comfyui.history) == ["theirs"]


class TestAServerThatIsGone:
    """Exit code 75: later, or elsewhere."""

    def test_nobody_listens(self, render: Render, nobody: str) -> None:
        outcome = render(single(), "0-3", *AT_ONCE, server=nobody)

        assert outcome.code == 75
        assert nobody in outcome.text
        assert outcome.end["left"] == "0-3"

    def test_nobody_listens_for_a_second(self, render: Render, nobody: str) -> None:
        outcome = render(single(), "0-3", "--wait", "1", server=nobody)

        assert outcome.code == 75
        assert outcome.end["seconds"] >= 1

    @pytest.mark.parametrize(
        "request_line",
        ["GET /object_info", "GET /system_stats", "POST /prompt", "GET /history"],
    )
    @pytest.mark.parametrize(
        "answer", [DROPPED, ERROR_500, NOT_JSON, HANGING], ids=["dropped", "500", "not JSON", "hanging"]
    )
    def test_one_request_fails_for_ever(
        self, comfyui: ScriptedComfyUI, render: Render, request_line: str, answer: Answer
    ) -> None:
        """/queue and all others work, as in a server that has lost its model folder."""
        comfyui.answer(request_line, answer, None)

        outcome = render(single(), "0-3", "--wait", "0.1")

        assert outcome.code == 75
        assert "--server" in outcome.text or "ComfyUI" in outcome.text
        assert comfyui.pending == []

    def test_an_answer_never_ends(self, render: Render) -> None:
        """Another kind of server may stream for ever: what it sends must not fill the memory."""
        sent = threading.Event()

        def stream(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(1 << 16)
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                        while True:
                            connection.sendall(b" " * (1 << 16))
                            sent.set()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=stream, args=[listener])
            thread.start()
            outcome = render(single(), "0-3", "--wait", "0.1", server=f"http://127.0.0.1:{listener.getsockname()[1]}")
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()

        assert sent.is_set()
        assert outcome.code == 75
        assert "does not answer like ComfyUI" in outcome.text

    def test_its_queue_is_none(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.answer("POST /prompt", DROPPED, None)
        comfyui.answer("GET /queue", Answer.of(200, {"queue_running": 3, "queue_pending": []}), None)

        outcome = render(single(), "0-3", "--wait", "0.1")

        assert outcome.code == 75
        assert "does not answer like ComfyUI" in outcome.text

    def test_a_frame_kills_it_three_times(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """It would kill every server of the farm."""
        comfyui.in_frame(1, comfyui.dies, 3)

        outcome = render(single(), "0-3", "--lookahead", "1")

        assert outcome.code == 75
        assert frames_of(comfyui) == [0, 1, 1, 1]
        assert len(set(ids(comfyui))) == 2
        assert outcome.frames == {0: "saved"}
        assert outcome.end["left"] == "1-3"
        assert "frame 1" in outcome.text

    def test_somebody_clears_its_queue_again_and_again(
        self, comfyui: ScriptedComfyUI, render: Render, often: None
    ) -> None:
        comfyui.put_foreign("theirs")
        comfyui.hold()
        comfyui.wait_until(lambda server: server.running is not None)
        comfyui.clears_after_every_post = True

        outcome = render(single(), "0-3", "--lookahead", "1")
        comfyui.release()

        assert outcome.code == 75
        assert frames_of(comfyui) == [0, 0, 0]

    def test_it_dies_in_the_middle(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        comfyui.in_frame(2, comfyui.dies_for_good)

        outcome = render(single(), "0-3", "--wait", "0.1", "--lookahead", "1")

        assert outcome.code == 75
        assert outcome.frames == {0: "saved", 1: "saved"}
        assert outcome.end["left"] == "2-3"

    def test_another_machine_takes_over(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        """The same disk, behind another port."""
        comfyui.in_frame(2, comfyui.dies_for_good)
        assert render(single(), "0-3", "--wait", "0").code == 75

        comfyui.listen()
        outcome = render(single(), "0-3")

        assert outcome.code == 0
        assert outcome.frames == {0: "kept", 1: "kept", 2: "saved", 3: "saved"}
        assert set(comfyui.disk.values()) == {1}


class TestStopping:
    """From Python, for engines that run the client in a thread of their own."""

    def test_in_the_middle_of_a_frame_withdraws_our_prompts_only(
        self, comfyui: ScriptedComfyUI, render: Render
    ) -> None:
        comfyui.hold()
        stop = threading.Event()
        comfyui.when(
            lambda server: server.running is not None and len(server.pending) == 1,
            lambda: comfyui.put_foreign("theirs"),
            stop.set,
        )

        outcome = render(single(), "0-9", stop=stop)

        assert outcome.code == 130
        assert outcome.end["left"] == "0-9"
        self.check_ours_are_gone(comfyui)

    def test_before_it_begins_posts_nothing(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        stop = threading.Event()
        stop.set()

        assert render(single(), "0-9", stop=stop).code == 130
        assert comfyui.posts == []

    def test_while_it_waits_for_a_server(self, render: Render, nobody: str) -> None:
        stop = threading.Event()

        outcome = render(single(), "0", "--wait", "1000", server=nobody, stop=stop, tell=lambda event: stop.set())

        assert outcome.code == 130

    def test_between_two_frames_keeps_what_is_done(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        stop = threading.Event()

        def stop_after_two(event: Event) -> None:
            if event["event"] == "frame" and event["frame"] == 1:
                stop.set()

        outcome = render(single(), "0-9", "--lookahead", "1", stop=stop, tell=stop_after_two)

        assert outcome.code == 130
        assert outcome.frames == {0: "saved", 1: "saved"}
        assert outcome.end["left"] == "2-9"

    def test_by_an_error_of_the_caller_withdraws_too(self, comfyui: ScriptedComfyUI, render: Render) -> None:
        class BrokenError(Exception):
            pass

        def fail(event: Event) -> None:
            if event["event"] == "frame":
                comfyui.hold()
                raise BrokenError

        with pytest.raises(BrokenError):
            render(single(), "0-9", "--lookahead", "4", tell=fail)

        comfyui.wait_until(lambda server: server.running is None and not server.pending)

    @staticmethod
    def check_ours_are_gone(comfyui: ScriptedComfyUI) -> None:
        """One of ours ran and one waited; somebody else's is behind them."""
        ours = set(ids(comfyui))
        assert len(ours) == 2
        deleted = {prompt_id for body in comfyui.posted("POST /queue") for prompt_id in body["delete"]}
        interrupted = [body["prompt_id"] for body in comfyui.posted("POST /interrupt")]
        assert deleted <= ours
        assert set(interrupted) <= ours
        assert ids(comfyui)[1] in deleted
        assert ids(comfyui)[0] in interrupted
        assert not any(body.get("clear") for body in comfyui.posted("POST /queue"))
        comfyui.release()
        comfyui.wait_until(lambda server: "theirs" in server.history and server.running is None)
        assert comfyui.history["theirs"]["status"]["status_str"] == "success"
        assert comfyui.written == ["PreviewImage"], "none of our frames"


class TestAsAProcess:
    """As a farm starts it."""

    def test_ends_with_0_when_all_frames_are_there(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        code, out, err = client("render", file_of(single()), "--frames", "0-1", "--server", comfyui.url).end()

        assert (code, err) == (0, "")
        assert "frame 0: saved plate/plate_00000.png (" in out
        assert "frame 1: saved plate/plate_00001.png (" in out

    def test_says_what_was_kept(self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile) -> None:
        line = ("render", file_of(counted(total_frames=1)), "--frames", "0-1", "--server", comfyui.url)
        client(*line).end()

        code, out, _ = client(*line).end()

        assert code == 0
        assert "frame 0: kept shot/shot_00000.png" in out
        assert "frame 1: past the end, nothing was written" in out

    def test_asks_no_proxy_that_the_environment_names(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, nobody: str
    ) -> None:
        """The server is on this machine, and a proxy would not find it."""
        line = ("render", file_of(single()), "--frames", "0", "--server", comfyui.url, "--wait", "0")

        code, _, err = client(*line, http_proxy=nobody, HTTP_PROXY=nobody, no_proxy="").end()

        assert (code, err) == (0, "")

    def test_ends_with_1_when_a_frame_failed(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        comfyui.in_frame(1, comfyui.raises)

        code, out, err = client("render", file_of(single()), "--frames", "0-3", "--server", comfyui.url).end()

        assert code == 1
        assert "frame 1: failed: node 1 (EmptyImage): OutOfMemoryError: CUDA out of memory" in out
        assert "frame 3: saved" in out
        assert "frames that failed: 1" in err
        assert "Traceback" not in err

    def test_ends_with_2_when_it_is_refused(self, client: StartClient, file_of: WriteFile) -> None:
        code, out, err = client("render", file_of({"nodes": [], "links": []}), "--frames", "0").end()

        assert (code, out) == (2, "")
        assert "Workflow > Export (API)" in err

    def test_ends_with_75_when_there_is_no_server(self, client: StartClient, file_of: WriteFile, nobody: str) -> None:
        code, _, err = client("render", file_of(single()), "--frames", "0", "--server", nobody, "--wait", "0").end()

        assert code == 75
        assert nobody in err
        assert "Traceback" not in err

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    @pytest.mark.parametrize(("number", "expected"), [(SIGINT, 130), (SIGTERM, 143)])
    def test_cancelled_withdraws_its_prompts_and_nobody_elses(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, number: int, expected: int
    ) -> None:
        comfyui.hold()
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url, "--json")
        comfyui.wait_until(lambda server: server.running is not None and len(server.pending) == 1)
        comfyui.put_foreign("theirs")

        process.send(number)
        code, out, err = process.end()

        assert code == expected
        assert err == ""
        assert events_of(out)[-1]["exit_code"] == expected
        TestStopping.check_ours_are_gone(comfyui)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    @pytest.mark.parametrize(("number", "expected"), [(SIGINT, 130), (SIGTERM, 143)])
    def test_cancelled_while_a_request_hangs(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, number: int, expected: int
    ) -> None:
        comfyui.answer("GET /history", HANGING, None)
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url)
        comfyui.wait_until(lambda server: any(request.path.startswith("/history") for request in server.requests))

        process.send(number)

        assert process.end()[0] == expected

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    @pytest.mark.parametrize(("number", "expected"), [(SIGINT, 130), (SIGTERM, 143)])
    def test_cancelled_while_it_waits_for_a_server(
        self, client: StartClient, file_of: WriteFile, nobody: str, number: int, expected: int
    ) -> None:
        process = client("render", file_of(single()), "--frames", "0-9", "--server", nobody, "--wait", "1000")
        assert process.process.stdout is not None
        assert process.process.stdout.readline().startswith("Rendering 10 frames")

        process.send(number)

        assert process.end()[0] == expected

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    def test_cancelled_while_it_posts_withdraws_what_was_accepted(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        comfyui.hold()
        comfyui.answer("POST /prompt", HANGING, after=True)
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url)
        comfyui.wait_until(lambda server: server.running is not None)

        process.send(SIGTERM)

        assert process.end()[0] == 143
        comfyui.wait_until(lambda server: server.running is None and not server.pending)
        assert comfyui.written == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    def test_cancelled_while_it_posts_withdraws_what_gets_into_the_queue_after_the_first_look(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        comfyui.hold()
        comfyui.looks_before_a_post = 2  # one at what waits, one at what runs
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url)
        comfyui.wait_until(lambda server: server.posts)

        process.send(SIGTERM)

        assert process.end()[0] == 143
        assert comfyui.most_queued == 1
        comfyui.wait_until(lambda server: server.running is None and not server.pending)
        assert comfyui.written == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
    def test_killed_leaves_no_more_than_lookahead_and_the_next_one_keeps_them(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, render: Render
    ) -> None:
        comfyui.hold()
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url)
        comfyui.wait_until(lambda server: server.running is not None and len(server.pending) == 1)
        process.process.kill()
        process.end()
        comfyui.release()

        outcome = render(single(), "0-9")

        assert outcome.code == 0
        assert [frame for frame, state in outcome.frames.items() if state == "kept"] == [0, 1]
        assert set(comfyui.disk.values()) == {1}

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE")
    def test_whose_reader_has_gone_withdraws_its_prompts(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        """`... | head -1`."""
        comfyui.hold()
        process = client("render", file_of(single()), "--frames", "0-9", "--server", comfyui.url)
        comfyui.wait_until(lambda server: server.running is not None and len(server.pending) == 1)
        assert process.process.stdout is not None
        process.process.stdout.close()
        comfyui.in_frame(1, lambda item: comfyui.hold())
        comfyui.release()
        process.process.wait(PATIENCE)

        comfyui.wait_until(lambda server: server.running is None and not server.pending)
        assert process.process.returncode == 141


def events_of(out: str) -> list[Event]:
    return [json.loads(line) for line in out.splitlines()]


class TestJsonLines:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            pytest.param(["render", "PROMPT", "--frames", "0-1", "--server", "URL"], 0, id="done"),
            pytest.param(["render", "PROMPT", "--frames", "1-5", "--server", "URL"], 1, id="a frame failed"),
            pytest.param(["render", "none.json", "--frames", "0"], 2, id="no prompt"),
            pytest.param(["render", "PROMPT", "--frames", "x"], 2, id="no frames"),
            pytest.param(["render", "PROMPT"], 2, id="usage"),
            pytest.param(["render", "PROMPT", "--frames", "0", "--what"], 2, id="an option that is none"),
            pytest.param(
                ["render", "PROMPT", "--frames", "0", "--server", "NOBODY", "--wait", "0"], 75, id="no server"
            ),
        ],
    )
    def test_parse_and_end_with_an_end_in_every_way_out(
        self,
        comfyui: ScriptedComfyUI,
        client: StartClient,
        file_of: WriteFile,
        nobody: str,
        arguments: list[str],
        expected: int,
    ) -> None:
        if expected == 1:
            comfyui.in_frame(5, comfyui.raises)
        places = {"PROMPT": str(file_of(single())), "URL": comfyui.url, "NOBODY": nobody}

        code, out, _ = client(*(places.get(part, part) for part in arguments), "--json").end()

        assert code == expected
        *before, end = events_of(out)
        assert set(end) == {"event", "exit_code", "saved", "kept", "failed", "left", "seconds", "text"}
        assert (end["event"], end["exit_code"]) == ("end", expected)
        assert end["text"]
        assert all(event["event"] != "end" for event in before)

    def test_tell_of_the_start_and_of_every_frame(self, render: Render, comfyui: ScriptedComfyUI) -> None:
        outcome = render(counted(5, first_frame=1001), "1001-1003")

        start, *frames, _ = outcome.events
        assert start["event"] == "start"
        assert start["frames"] == 3
        assert start["server"] == comfyui.url
        assert start["inputs"] == {"3.frame_index": 0}
        assert [(event["frame"], event["done"], event["total"]) for event in frames] == [
            (1001, 1, 3),
            (1002, 2, 3),
            (1003, 3, 3),
        ]
        for event in frames:
            assert set(event) == {"event", "frame", "state", "files", "seconds", "done", "total"}

    def test_are_plain_ascii_whatever_the_console_can_show(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        prompt = single(filename_prefix="\u65e5\u672c")
        line = ("render", file_of(prompt), "--frames", "0", "--server", comfyui.url)

        code, out, err = client(*line, "--json", PYTHONIOENCODING="ascii").end()

        assert (code, err) == (0, "")
        assert events_of(out)[1]["files"] == ["\u65e5\u672c/\u65e5\u672c_00000.png"]

    def test_lines_do_not_fail_where_the_console_cannot_show_a_name(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        prompt = single(filename_prefix="\u65e5\u672c")
        line = ("render", file_of(prompt), "--frames", "0", "--server", comfyui.url)

        code, out, err = client(*line, PYTHONIOENCODING="ascii").end()

        assert (code, err) == (0, "")
        assert "frame 0: saved" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
class TestOnATerminal:
    def test_a_bar_with_the_time_left_stands_below_the_lines(
        self, comfyui: ScriptedComfyUI, file_of: WriteFile, tmp_path: Path
    ) -> None:
        import pty

        line = [
            sys.executable,
            str(CLIENT),
            "render",
            str(file_of(single())),
            "--frames",
            "0-3",
            "--server",
            comfyui.url,
        ]
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as terminal:
            with open(theirs, "wb", buffering=0) as out:
                process = subprocess.Popen(line, stdout=out, stderr=subprocess.PIPE)
            shown = b""
            # Linux ends the reading with EIO when the last writer has closed the terminal.
            with contextlib.suppress(OSError):
                while part := terminal.read(65536):
                    shown += part
            errors = process.communicate()[1]

        text = shown.decode()
        assert (process.returncode, errors) == (0, b"")
        assert "] 3/4, " in text
        assert text.count(" left") == 3
        assert "\x1b" not in text, "no escape sequence that a log would keep"
        lines = text.replace("\r\n", "\n").split("\n")
        assert any(one.rpartition("\r")[2].startswith("frame 3: saved") for one in lines)

    def test_there_is_no_bar_in_a_pipe(self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile) -> None:
        _, out, _ = client("render", file_of(single()), "--frames", "0-3", "--server", comfyui.url).end()

        assert "\r" not in out
        assert "] 3/4" not in out


class TestOpenJobDescriptionLines:
    def test_tell_progress_and_status_after_every_frame(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile
    ) -> None:
        code, out, _ = client("render", file_of(single()), "--frames", "0-3", "--server", comfyui.url, "--openjd").end()

        lines = out.splitlines()
        assert code == 0
        assert [line for line in lines if line.startswith("openjd_progress: ")] == [
            f"openjd_progress: {percent}" for percent in ("25.0", "50.0", "75.0", "100.0")
        ]
        assert sum(line.startswith("openjd_status: frame ") for line in lines) == 4
        assert any(line.startswith("frame 0: saved") for line in lines)
        assert not any(line.startswith("openjd_fail") for line in lines)

    @pytest.mark.parametrize("expected", [1, 2, 75])
    def test_tell_why_it_failed_in_one_line(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, nobody: str, expected: int
    ) -> None:
        if expected == 1:
            comfyui.in_frame(0, comfyui.raises)
        prompt, server = ([] if expected == 2 else single()), (nobody if expected == 75 else comfyui.url)
        line = ("render", file_of(prompt), "--frames", "0", "--server", server, "--wait", "0", "--openjd")

        code, out, _ = client(*line).end()

        assert code == expected
        assert len([line for line in out.splitlines() if line.startswith("openjd_fail: ")]) == 1


class TestTheFile:
    """It is copied to workers on its own."""

    @pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
    def test_runs_with_python(
        self, comfyui: ScriptedComfyUI, client: StartClient, file_of: WriteFile, tmp_path: Path, version: str
    ) -> None:
        python = shutil.which(f"python{version}")
        asked = [python or "", "-I", "-c", "import sys; print(sys.version)"]
        if python is None or not subprocess.run(asked, capture_output=True, check=False).stdout:
            pytest.skip(f"needs python{version} on the PATH")
        alone = tmp_path / "alone" / "client.py"
        alone.parent.mkdir()
        shutil.copy(CLIENT, alone)
        line = ["render", str(file_of(single())), "--frames", "0-1", "--server", comfyui.url]

        # Every warning is an error, for the next Python's sake.
        done = subprocess.run(
            [python, "-I", "-W", "error", str(alone), *line], capture_output=True, encoding="utf-8", check=False
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert comfyui.written == ["plate/plate_00000.png", "plate/plate_00001.png"]
