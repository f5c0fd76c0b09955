"""The stand-in's web server answers like ComfyUI 0.19.3, for a client that posts prompts and polls."""

import json
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from PIL import Image

from devtools.comfyui_server import ComfyUIServer, PromptFailed, comfyui_python
from devtools.prompts import PromptError

PACK = Path(__file__).resolve().parents[2]

# Gate waits until the file `path` exists, which makes a prompt run as long as a test wants it to.
NODES = """
import importlib
import os
import time

class Text:
    RETURN_TYPES, FUNCTION, CATEGORY = ("STRING",), "run", "probe"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": ""})}}
    def run(self, text):
        return (text,)

class Show(Text):
    RETURN_TYPES, OUTPUT_NODE = (), True
    def run(self, text):
        if text == "fail":
            raise ValueError("frame 7 is missing")
        return {"ui": {"text": [text]}}

class Gate(Show):
    def run(self, text):
        management = importlib.import_module("comfy.model_management")
        open(text + ".reached", "w").close()
        while not os.path.exists(text):
            management.throw_exception_if_processing_interrupted()
            time.sleep(0.01)
        return {"ui": {"text": ["open"]}}

NODE_CLASS_MAPPINGS = {"ServerProbeText": Text, "ServerProbeShow": Show, "ServerProbeGate": Gate}
NODE_DISPLAY_NAME_MAPPINGS = {"ServerProbeShow": "Show a text"}
"""


def show(text: str | list, name: str = "Show") -> dict:
    return {"class_type": f"ServerProbe{name}", "inputs": {"text": text}}


class Gate:
    """A file that a Gate node waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node = show(str(path), "Gate")

    def wait_until_reached(self) -> None:
        while not Path(f"{self.path}.reached").exists():
            threading.Event().wait(0.01)

    def open(self) -> None:
        self.path.touch()


def start_server(base: Path, directory: Path | None = None) -> ComfyUIServer:
    probe = base / "custom_nodes" / "probe"
    probe.mkdir(parents=True, exist_ok=True)
    (probe / "__init__.py").write_text(NODES)
    python = Path(sys.executable) if directory is None else comfyui_python(directory)
    return ComfyUIServer(directory, python, base, PACK)


@pytest.fixture(scope="module", params=["stand-in", "ComfyUI"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIServer]:
    """The stand-in, and a real ComfyUI if there is one: the same is asked of both."""
    directory = None
    if request.param == "ComfyUI":
        if not os.environ.get("COMFYUI_DIR"):
            pytest.skip("needs a ComfyUI: set COMFYUI_DIR to its checkout and COMFYUI_PYTHON to its Python")
        directory = Path(os.environ["COMFYUI_DIR"])
    with start_server(tmp_path_factory.mktemp("base"), directory) as running:
        yield running


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def post(server: ComfyUIServer) -> Callable[..., str]:
    """Posts nodes under an id of the client's and returns the id."""

    def post(prompt_id: str, *, targets: list[str] | None = None, **nodes: dict) -> str:
        body = {"prompt": nodes, "prompt_id": prompt_id, "client_id": server.client_id}
        body |= {} if targets is None else {"partial_execution_targets": targets}
        answer = ask(server, "/prompt", body)
        assert answer["prompt_id"] == prompt_id
        return prompt_id

    return post


def ask(server: ComfyUIServer, path: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(server.url + path, data)) as answer:
        return json.loads(answer.read() or b"null")


def refusal(server: ComfyUIServer, path: str, body: object = None) -> tuple[int, Any]:
    """The status code and the body of an answer that is an error."""
    with pytest.raises(HTTPError) as caught:
        ask(server, path, body)
    with caught.value as answer:
        content = answer.read()
        return answer.code, json.loads(content) if answer.code == 400 else content


def ids(server: ComfyUIServer) -> tuple[list[str], list[str]]:
    queue = ask(server, "/queue")
    return [item[1] for item in queue["queue_running"]], [item[1] for item in queue["queue_pending"]]


class TestPrompts:
    def test_the_client_chooses_the_id_and_finds_the_outputs_under_it(self, server, post):
        entry = server.wait(post("mine", one=show("a")))
        assert entry["outputs"] == {"one": {"text": ["a"]}}
        assert entry["status"]["completed"] is True
        assert [event for event, _ in entry["status"]["messages"]] == [
            "execution_start",
            "execution_cached",
            "execution_success",
        ]
        assert ask(server, "/history/mine") == {"mine": entry}
        assert entry["prompt"][1:3] == ["mine", {"one": show("a")}]

    def test_only_the_targets_run(self, server, post):
        entry = server.wait(post("partial", targets=["two"], one=show("a1"), two=show("b1")))
        assert entry["outputs"] == {"two": {"text": ["b1"]}}
        assert entry["prompt"][4] == ["two"]

    def test_targets_that_are_no_outputs_are_refused(self, server, post):
        nodes = {"1": show("a", "Text"), "2": show(["1", 0])}
        code, answer = refusal(
            server, "/prompt", {"prompt": nodes, "prompt_id": "none", "partial_execution_targets": ["1"]}
        )
        assert (code, answer["error"]["type"], answer["node_errors"]) == (400, "prompt_no_outputs", {})
        assert ask(server, "/history/none") == {}

    def test_a_refusal_names_the_node(self, server):
        with pytest.raises(PromptError, match="Node 'NoSuchNode' not found"):
            server.post({"1": {"class_type": "NoSuchNode", "inputs": {}}})

    def test_a_body_without_a_prompt_is_refused(self, server):
        code, answer = refusal(server, "/prompt", {})
        assert (code, answer["error"]["type"]) == (400, "no_prompt")

    def test_a_prompt_that_is_no_graph_is_an_error_of_the_server(self, server):
        assert refusal(server, "/prompt", {"prompt": [1]})[0] == 500

    def test_an_exception_ends_in_the_history_with_its_node(self, server, post):
        with pytest.raises(
            PromptFailed, match=r"ValueError in node 2 \(ServerProbeShow\): frame 7 is missing"
        ) as caught:
            server.wait(post("bad", **{"2": show("fail")}))
        assert caught.value.entry["status"]["completed"] is False
        assert server.wait(post("good", **{"2": show("after")}))["outputs"] == {"2": {"text": ["after"]}}

    def test_the_packs_nodes_get_the_workflow(self, server):
        nodes = {
            "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
            "2": {
                "class_type": "ImageSequenceSaveFrame",
                "inputs": {
                    "images": ["1", 0],
                    "filename_prefix": "plain/plain",
                    "current_frame": 3,
                    "filetype": "png with embedded workflow",
                },
            },
        }
        (saved,) = server.run(nodes, {"workflow": {"nodes": [{"id": 4}]}})["2"]["images"]
        with Image.open(server.base / "output" / saved["subfolder"] / saved["filename"]) as image:
            assert json.loads(image.info["workflow"]) == {"nodes": [{"id": 4}]}
            assert json.loads(image.info["prompt"])["1"] == nodes["1"]


class TestQueue:
    def test_prompts_run_one_after_the_other_in_the_order_in_which_they_came(self, server, post, gate):
        post("first", one=gate.node)
        gate.wait_until_reached()
        post("second", one=show("b2"))
        post("third", one=show("c2"))
        assert ids(server) == (["first"], ["second", "third"])
        assert ask(server, "/history/first") == {}
        gate.open()
        server.wait("third")
        done = [key for key in ask(server, "/history") if key in ("first", "second", "third")]
        assert done == ["first", "second", "third"]
        assert ids(server) == ([], [])

    def test_deleted_prompts_do_not_run(self, server, post, gate):
        post("running", one=gate.node)
        gate.wait_until_reached()
        for name in ("a", "b", "c"):
            post(name, one=show(name))
        ask(server, "/queue", {"delete": ["a", "c", "running", "unknown"]})
        assert ids(server) == (["running"], ["b"])
        ask(server, "/queue", {"clear": True})
        gate.open()
        server.wait("running")
        assert ids(server) == ([], [])

    def test_an_interrupt_with_an_id_cancels_that_prompt_and_no_other(self, server, post, gate):
        post("cancelled", one=gate.node)
        gate.wait_until_reached()
        post("waits", one=show("w"))
        ask(server, "/interrupt", {"prompt_id": "waits"})
        assert ids(server) == (["cancelled"], ["waits"])
        ask(server, "/interrupt", {"prompt_id": "cancelled"})
        with pytest.raises(PromptFailed) as caught:
            server.wait("cancelled")
        assert caught.value.interrupted
        assert server.wait("waits")["outputs"] == {"one": {"text": ["w"]}}

    def test_forgotten_entries_are_gone(self, server, post):
        server.wait(post("kept", one=show("k")))
        server.wait(post("forgotten", one=show("f")))
        ask(server, "/history", {"delete": ["forgotten"]})
        assert ask(server, "/history/forgotten") == {}
        assert "kept" in ask(server, "/history")
        ask(server, "/history", {"clear": True})
        assert ask(server, "/history") == {}


class TestInformation:
    def test_object_info_describes_a_class_of_the_pack_or_says_nothing(self, server):
        (info,) = ask(server, "/object_info/ImageSequenceSaveFrame").values()
        assert (info["name"], info["output_node"]) == ("ImageSequenceSaveFrame", True)
        assert "current_frame" in info["input"]["required"]
        assert info["input_order"]["required"] == [*info["input"]["required"]]
        assert ask(server, "/object_info/ServerProbeShow")["ServerProbeShow"]["display_name"] == "Show a text"
        assert ask(server, "/object_info/NoSuchNode") == {}

    def test_all_classes_can_be_described(self, server):
        assert {"EmptyImage", "ImageSequenceFrameCounter", "ServerProbeText"} <= ask(server, "/object_info").keys()

    def test_system_stats_name_the_version(self, server):
        stats = ask(server, "/system_stats")
        assert stats["system"]["comfyui_version"].count(".") == 2
        assert stats["devices"][0]["type"] == "cpu"

    @pytest.mark.parametrize("path", ["/no-such-path", "/queue/1", "/history/a/b"])
    def test_other_paths_are_not_found(self, server, path):
        assert refusal(server, path)[0] == 404


class TestProcess:
    def test_terminating_it_removes_the_pack_from_its_base(self, tmp_path):
        with start_server(tmp_path) as server:
            assert sorted(path.name for path in (tmp_path / "custom_nodes").iterdir()) == [
                "image-sequence-pack",
                "probe",
            ]
            process = server._process
            assert process is not None
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        assert sorted(path.name for path in (tmp_path / "custom_nodes").iterdir()) == ["probe"]

    def test_what_it_keeps_does_not_grow_with_the_prompts_once_a_client_has_read_them(self, tmp_path):
        from devtools.embedded_host import EmbeddedHost
        from devtools.embedded_server import PromptQueue

        prompt = {
            "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 3, "color": 0}},
            "2": {
                "class_type": "ImageSequenceSaveBatch",
                "inputs": {"images": ["1", 0], "path_pattern": "b/b_####.png", "start_index": 0, "overwrite": "true"},
            },
        }
        with EmbeddedHost(tmp_path, PACK) as host:
            queue = PromptQueue(host)
            for i in range(3):
                queue.post({"prompt": prompt, "prompt_id": str(i)})
            while not queue.history("2"):
                threading.Event().wait(0.01)
            assert queue.history("2")["2"]["status"]["status_str"] == "success"
            assert (host.comfyui.progress, host.block_messages) == ([], [])
            queue.change_history({"delete": ["0", "1", "2"]})
            assert queue.history() == {}
