"""Check Image Sequence: the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest

from devtools.embedded_host import EmbeddedHost
from io_utils.naming.frame_list import frame_list

from .. import hosted
from ..checking.frames import put_noise
from ..conftest import PACK
from ..disk import Fails, InterruptProcessingException, cancel_at, delete, is_plain, put, stand_in, tear
from .calls import cache_key

Prompt = dict[str, dict[str, Any]]


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceCheck"]()


class Checked(NamedTuple):
    ui: dict[str, Any]
    report: str
    missing: str
    is_good: bool
    path_pattern: str

    @property
    def json(self) -> dict[str, Any]:
        (described,) = self.ui["image_sequence"]
        found: dict[str, Any] = json.loads(described)
        return found


def check(node: Any, path_pattern: str = "f_##.png", **inputs: Any) -> Checked:
    answer = node.check(path_pattern=path_pattern, **inputs)
    assert set(answer) == {"ui", "result"}
    assert is_plain(answer["ui"])
    assert is_plain(list(answer["result"]))
    return Checked(answer["ui"], *answer["result"])


class TestAGoodSequence:
    def test_is_reported_with_its_facts(self, node: Any, output: Path) -> None:
        put_noise(output / "shot", *range(1001, 1011), name="f_{:04d}.png")

        answer = check(node, "shot/f_####.png")

        assert answer.report.splitlines()[0] == "Good: 10 frames, 1001-1010, 6 x 4, RGB, 8 bits, PNG."
        assert (answer.missing, answer.is_good, answer.path_pattern) == ("", True, "shot/f_{:04d}.png")
        assert answer.ui["text"] == [answer.report]
        assert len(answer.ui["images"]) == 10
        described = answer.json
        assert (described["first"], described["last"], described["missing"]) == (1001, 1010, [])
        assert described["check"] == {"is_good": True, "checked": 10, "missing": "", "problems": []}
        assert described["message"] == answer.report

    def test_elsewhere_has_the_pattern_that_a_loader_takes(self, node: Any, base: Path, output: Path) -> None:
        put_noise(base / "input", 1, 2)

        answer = check(node, folder="input")

        assert answer.path_pattern == f"{(base / 'input').as_posix()}/f_{{:02d}}.png"


class TestAFault:
    @pytest.fixture(autouse=True)
    def frames(self, output: Path) -> None:
        put_noise(output, *range(1, 13))
        for number in (3, 4, 9):
            (output / f"f_{number:02d}.png").unlink()
        tear(output / "f_06.png")
        put(output / "f_11.png", 7, width=9, mode="RGB")
        put(output / "f_1.png")

    def test_is_told_in_the_report_and_in_plain_values(self, node: Any) -> None:
        answer = check(node)

        assert answer.report.splitlines()[0] == "3 problems in 12 frames, 1-12."
        assert (answer.missing, answer.is_good) == ("3-4,6,9", False)
        found = answer.json["check"]
        assert {key: value for key, value in found.items() if key != "problems"} == {
            "is_good": False,
            "checked": 12,
            "missing": "3-4,6,9",
        }
        shown = [(each["kind"], each["is_fault"], each["frames"]) for each in found["problems"]]
        assert shown == [
            ("missing", True, "3-4,9"),
            ("torn", True, "6"),
            ("size", True, "11"),
            ("stray", False, ""),
        ]
        for problem in found["problems"]:
            assert problem["message"] in answer.report
            ((template, values),) = problem["words"]
            assert "%" in (template if isinstance(template, str) else template[0])
            assert values

    def test_is_stopped_at_if_the_node_says_so(self, node: Any, pack: ModuleType) -> None:
        with pytest.raises(
            ValueError, match=r"^Render frames 3-4,6,9 again, or set on_problem to 'report'\."
        ) as raised:
            check(node, on_problem="raise error")

        error: Any = raised.value
        assert (error.kinds, error.missing) == (["missing", "torn", "size"], "3-4,6,9")
        assert error.report in str(error)

    def test_are_shown_in_the_player_before_the_error_because_comfyui_sends_only_its_text(
        self, node: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard: list[dict[str, Any]] = []

        class Browser:
            client_id = "browser"

            def send_sync(self, event: str, data: dict[str, Any], sid: str) -> None:
                heard.append(data)

        stand_in(monkeypatch, "server", PromptServer=SimpleNamespace(instance=Browser()))
        stand_in(monkeypatch, "comfy_execution.utils", get_executing_context=lambda: SimpleNamespace(node_id="3"))
        with pytest.raises(ValueError, match="again"):
            check(node, on_problem="raise error")

        assert is_plain(heard)
        shown = heard[-1]
        assert shown["node"] == "3"
        assert shown["sequence"] == check(node).json

    def test_of_size_alone_asks_for_repair(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match=r"^Repair the sequence, or set on_problem to 'report'\."):
            check(node, start_index=10, on_problem="raise error")

    def test_missing_frames_are_what_the_loader_and_the_farm_take(self, node: Any) -> None:
        from comfyui_frames import parse_frames

        missing = check(node).missing

        assert list(frame_list(missing, 100)) == list(parse_frames(missing)) == [3, 4, 6, 9]

    def test_remarks_alone_do_not_stop_a_run(self, node: Any, output: Path) -> None:
        answer = check(node, start_index=1, frame_count=2, on_problem="raise error")

        assert answer.is_good
        assert [each["kind"] for each in answer.json["check"]["problems"]] == ["stray"]


def test_no_frame_at_all_is_reported_if_the_node_says_how_many_there_should_be(node: Any, output: Path) -> None:
    answer = check(node, "shot/f_##.png", start_index=1001, frame_count=240)

    assert (answer.missing, answer.is_good) == ("1001-1240", False)
    assert answer.ui["images"] == []
    assert answer.json["check"]["checked"] == 240


def test_2_to_the_53_frames_are_reported_at_once(node: Any, output: Path) -> None:
    put_noise(output, 1)

    answer = check(node, start_index=1, frame_count=2**53 - 1)

    assert answer.missing == f"2-{2**53 - 1}"
    assert len(answer.json["missing"]) == 10_000


def test_cancel_ends_it(node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_noise(output, *range(40))
    asked = cancel_at(1, monkeypatch)

    with pytest.raises(InterruptProcessingException):
        check(node, thoroughness="decode every frame")

    assert len(asked) == 2


class TestTheCacheKey:
    def test_changes_with_the_files(self, node: Any, output: Path) -> None:
        put_noise(output, 1, 2)
        keys = [cache_key(node, path_pattern="f_##.png", unique_id="1") for _ in range(2)]
        tear(output / "f_02.png")
        keys.append(cache_key(node, path_pattern="f_##.png", unique_id="1"))
        put(output / "f_1.png")
        keys.append(cache_key(node, path_pattern="f_##.png", unique_id="1"))

        assert keys[0] == keys[1]
        assert len(set(keys)) == 3

    def test_of_a_linked_pattern_changes_once_after_the_files_that_were_checked(self, node: Any, output: Path) -> None:
        put_noise(output, 1, 2)
        before = cache_key(node, path_pattern=None, unique_id="1")
        check(node, unique_id="1")
        assert cache_key(node, path_pattern=None, unique_id="1") == before

        delete(output / "f_02.png")

        after = cache_key(node, path_pattern=None, unique_id="1")
        assert after != before
        assert cache_key(node, path_pattern=None, unique_id="1") == after

    @pytest.mark.parametrize("pattern", ["f_##.png", None])
    def test_changes_until_every_file_could_be_read(
        self, node: Any, pack: ModuleType, output: Path, monkeypatch: pytest.MonkeyPatch, pattern: str | None
    ) -> None:
        """A permission that somebody gives changes neither the size nor the time of a file."""
        put_noise(output, 1, 2)

        def key() -> str:
            return cache_key(node, path_pattern=pattern, unique_id="1")

        fails = Fails(os.open, lambda call, path, *rest: str(path).endswith("f_02.png"), errno.EACCES)
        with monkeypatch.context() as context:
            context.setattr(f"{pack.__name__}.io_utils.formats.open_file.os.open", fails)
            before = key()
            assert not check(node, unique_id="1").is_good
            assert fails.fired == 1
        after = key()
        assert after != before

        assert check(node, unique_id="1").is_good
        assert key() == key()


class TestBeforeARun:
    def test_its_pattern_is_known_and_the_rest_is_not(self, node: Any, output: Path) -> None:
        put_noise(output, 1, 2)

        known = node.KNOWN_BEFORE_RUN(path_pattern="f_##.png")

        assert known.outputs == (None, None, None, "f_{:02d}.png")
        assert known.files

    @pytest.mark.parametrize("inputs", [{"path_pattern": None}, {"path_pattern": "none/f_##.png"}, {"path_pattern": 7}])
    def test_nothing_is_known_of_what_is_not_there(self, node: Any, output: Path, inputs: dict[str, Any]) -> None:
        assert node.KNOWN_BEFORE_RUN(**inputs).outputs is None

    def test_it_shows_the_sequence(self, node: Any, output: Path) -> None:
        put_noise(output, 1, 2, 4)

        look = node.look(path_pattern="f_##.png", frame_count=6, start_index=1).as_json()

        (described,) = look["sequences"]
        assert (described["first"], described["last"], described["missing"]) == (1, 4, [3, 5, 6])
        facts = look["facts"]
        assert (facts["count"], facts["ranges"], facts["missing"], facts["missing_ranges"]) == (3, "1-2,4", 3, "3,5-6")
        assert (facts["width"], facts["height"], facts["kind"]) == (6, 4, "PNG")

    def test_it_shows_nothing_as_long_as_the_pattern_is_wired(self, node: Any, output: Path) -> None:
        assert set(node.look(frame_count=6).facts.values()) == {None}

    def test_it_shows_that_there_is_nothing_yet(self, node: Any, output: Path) -> None:
        facts = node.look(path_pattern="shot/f_##.png", start_index=1, frame_count=6).facts

        assert (facts["count"], facts["missing_ranges"], facts["width"]) == (0, "1-6", None)


@pytest.mark.parametrize(
    ("inputs", "remedy"),
    [
        pytest.param({"path_pattern": ""}, "", id="no pattern"),
        pytest.param({"path_pattern": "none/f_##.png"}, "Check the folder's name", id="no such folder"),
        pytest.param({"path_pattern": "."}, "Write a folder or a pattern", id="an empty folder"),
        pytest.param({"path_pattern": "/etc/f_##.png"}, "", id="outside"),
        pytest.param({"path_pattern": "f_##.gif"}, "End the pattern in one of", id="an unsupported extension"),
        pytest.param({"thoroughness": "slow"}, "Set thoroughness to one of", id="an unlisted thoroughness"),
        pytest.param({"on_problem": None}, "Set on_problem to one of", id="no on_problem"),
        pytest.param({"folder": "anywhere"}, "Set folder to one of", id="an unlisted folder"),
        pytest.param({"start_index": -1}, "Set start_index to", id="a negative start"),
        pytest.param({"frame_count": 1.5}, "Set frame_count to", id="a broken number"),
        pytest.param({"frame_count": []}, "Set frame_count to", id="an empty list"),
    ],
)
def test_bad_input_is_refused_in_words(node: Any, output: Path, inputs: dict[str, Any], remedy: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as raised:
        check(node, **{"path_pattern": "f_##.png"} | inputs)

    assert str(raised.value).startswith(remedy)
    assert str(raised.value).endswith(".")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "comfyui", PACK) as host:
        yield host


def graph(**inputs: Any) -> Prompt:
    """A check in front of a loader, whose frames are saved again as a film would be made."""
    loader = {"start_index": 0, "frame_count": 0, "ignore_missing_images": "true", "path_pattern": ["check", 3]}
    saver = {"path_pattern": "film/g_##.png", "start_index": 0, "overwrite": "skip unchanged", "images": ["load", 0]}
    return {
        "check": {"class_type": "ImageSequenceCheck", "inputs": {"path_pattern": "shot/f_##.png", **inputs}},
        "load": {"class_type": "ImageSequenceLoadBatch", "inputs": loader},
        "save": {"class_type": "ImageSequenceSaveBatch", "inputs": saver},
    }


class TestBeforeAFilm:
    def test_a_fault_stops_the_nodes_behind_it(self, host: EmbeddedHost) -> None:
        put_noise(host.comfyui.output / "shot", 1, 3)

        with pytest.raises(ValueError, match=r"^Render frame 2 again"):
            host.run(graph(on_problem="raise error"))

        assert not (host.comfyui.output / "film").exists()

    def test_the_report_goes_with_the_film(self, host: EmbeddedHost) -> None:
        put_noise(host.comfyui.output / "shot", 1, 3)

        shown = host.run(graph())

        assert shown["check"]["text"][0].startswith("1 problem in 3 frames, 1-3.")
        assert len(list((host.comfyui.output / "film").iterdir())) == 2

    def test_the_missing_frames_go_to_a_loader(self, host: EmbeddedHost) -> None:
        put_noise(host.comfyui.output / "shot", 1, 3)
        put_noise(host.comfyui.output / "other", 1, 2, 3)
        prompt = graph()
        prompt["load"]["inputs"] |= {"path_pattern": "other/f_##.png", "frames": ["check", 1]}

        shown = host.run(prompt)

        assert json.loads(shown["load"]["image_sequence"][0])["first"] == 2

    def test_an_unchanged_film_is_kept_and_a_changed_one_made_again(self, host: EmbeddedHost) -> None:
        """The loader behind the check is told which files it will read, before any node runs."""
        put_noise(host.comfyui.output / "shot", 1, 2)

        def message() -> str:
            text: str = json.loads(host.run(graph())["save"]["image_sequence"][0])["message"]
            return text

        first, second = message(), message()
        assert "aved" in first
        assert "kept" in second.lower()
        put(host.comfyui.output / "shot/f_02.png", 9, mode="RGB")
        assert message() == first


def test_it_runs_as_comfyui_runs_it(pack: ModuleType, output: Path) -> None:
    put_noise(output, 1, 2)

    answer = hosted.run(pack, "Check", path_pattern=hosted.wire("f_##.png"), folder="output")

    assert answer.outputs[1:] == [[""], [True], ["f_{:02d}.png"]]
