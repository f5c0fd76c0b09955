"""Two servers that share an output folder, and what Dask must do with them. For the stand-in and for a real ComfyUI."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from devtools.comfyui_server import ComfyUIServer

DASK_RENDER = Path(__file__).resolve().parents[1] / "farm" / "dask_render.py"
FRAMES = 24

# FarmProbe renders a frame of one colour and notes it in runs.txt. A file named like the frame in the folder `gates` holds it
# up until the file is gone; NUMBER.reached then says that it waits there, in which server.
PROBES = """
import importlib
import os
import time
from pathlib import Path

import torch

HERE = Path(__file__).parent


class FarmProbe:
    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"frame": ("INT", {"default": 0, "min": 0}), "gates": ("STRING", {}), "fails": ("STRING", {})}}

    def run(self, frame, gates, fails):
        gate = Path(gates, str(frame))
        if gate.exists():
            part = gate.with_suffix(".part")
            part.write_text(HERE.parents[1].name)
            os.replace(part, gate.with_suffix(".reached"))
            while gate.exists():
                importlib.import_module("comfy.model_management").throw_exception_if_processing_interrupted()
                time.sleep(0.01)
        if str(frame) in fails.split(","):
            raise ValueError(f"the plate of frame {frame} is damaged")
        with open(HERE / "runs.txt", "a") as notes:
            notes.write(f"{frame}\\n")
        return (torch.full((1, 24, 32, 3), frame / 255),)


NODE_CLASS_MAPPINGS = {"FarmProbe": FarmProbe}
"""


class Rack:
    """Servers named one, two, ... in the folder `base`, with one output folder. Those that a test has killed start again.

    start: makes a server for a `with` block, from its base folder and further arguments
    """

    def __init__(self, base: Path, start: Callable[..., ComfyUIServer]) -> None:
        self.base, self.output = base, base / "output"
        self._start = start
        self._running: dict[str, tuple[ComfyUIServer, contextlib.ExitStack]] = {}
        self.output.mkdir()

    def close(self) -> None:
        for _, stack in self._running.values():
            stack.close()

    def server(self, name: str, at: str = "") -> ComfyUIServer:
        """The server of this name, started if it does not run, at a free port or at the one of the address `at`."""
        if name in self._running:
            server, stack = self._running[name]
            if server.is_running:
                return server
            stack.close()
        probe = self.base / name / "custom_nodes" / "farm_probe"
        probe.mkdir(parents=True, exist_ok=True)
        (probe / "__init__.py").write_text(PROBES)
        stack = contextlib.ExitStack()
        server = stack.enter_context(
            self._start(self.base / name, "--output-directory", str(self.output), port=urlsplit(at).port or 0)
        )
        self._running[name] = server, stack
        return server

    def kill(self, name: str) -> None:
        """kill -9, without a chance to clean up."""
        process = psutil.Process(self._running[name][0].process_id)
        process.kill()
        process.wait()

    def rendered(self, name: str) -> list[int]:
        """The frames that a server has rendered in this test."""
        notes = self._notes(name)
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []

    def forget(self) -> None:
        for name in self._running:
            self._notes(name).unlink(missing_ok=True)

    def _notes(self, name: str) -> Path:
        return self.base / name / "custom_nodes" / "farm_probe" / "runs.txt"


class Sequence:
    """The prompt of a test: renders FRAMES frames, and makes the film, which is another sequence here.

    render: the dask_render.py that was started last
    """

    render: Render

    def __init__(self, rack: Rack, folder: Path, name: str) -> None:
        self.rack, self.name = rack, name
        self.gates = folder / "gates"
        self.gates.mkdir()
        self.path = folder / "prompt.json"
        self.write()

    def write(self, fails: str = "", renderer: str = "FarmProbe") -> None:
        nodes: dict[str, Any] = {
            "1": ("ImageSequenceFrameCounter", {"frame_index": 0, "total_frames": FRAMES, "frames_per_second": 24}),
            "2": (renderer, {"frame": ["1", 1], "gates": str(self.gates), "fails": fails}),
            "3": (
                "ImageSequenceSaveCounted",
                {
                    "frame_counter": ["1", 0],
                    "image": ["2", 0],
                    "directory_path": f"{self.name}/frames",
                    "prefix": "f",
                    "digits": 4,
                    "at_end": "stop output",
                    "filetype": "png",
                    "on_existing": "overwrite",
                },
            ),
            "4": ("ImageSequenceFromAnimation", {"sequence": ["3", 0]}),
            "5": (
                "ImageSequenceSaveBatch",
                {
                    "images": ["4", 0],
                    "path_pattern": f"{self.name}/film/f_####.png",
                    "start_index": 0,
                    "overwrite": "true",
                },
            ),
        }
        prompt = {node: {"class_type": kind, "inputs": inputs} for node, (kind, inputs) in nodes.items()}
        self.path.write_text(json.dumps({"prompt": prompt}))

    def numbers(self, of: str = "frames") -> list[int]:
        """The frames on disk."""
        return sorted(int(path.stem[2:]) for path in (self.rack.output / self.name / of).glob("f_*.png"))

    def hold(self, *frames: int) -> None:
        """Make the renders of these frames wait."""
        for frame in frames:
            (self.gates / str(frame)).touch()

    def release(self) -> None:
        for path in self.gates.iterdir():
            if path.suffix != ".reached":
                path.unlink()

    def reached(self, frame: int) -> str:
        """Wait until a frame that was held up is about to be rendered. Returns the name of the server."""
        path, process = self.gates / f"{frame}.reached", self.render.process
        until(lambda: path.exists() or process.poll() is not None)
        assert path.exists(), process.communicate()
        return path.read_text()


class Render:
    """A dask_render.py that runs, in a session of its own, as under a terminal."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(DASK_RENDER), *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self.events: list[dict[str, Any]] = []

    def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read events until one comes that is asked for. Raises AssertionError if there is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if is_it(self.events[-1]):
                return self.events[-1]
        raise AssertionError(f"it ended without that event: {self.events} {self.process.stderr}")

    def end(self) -> dict[str, Any]:
        """Wait for the end, and return the last event. Standard error must be empty."""
        children = self.children()
        out, err = self.process.communicate()
        self.events += map(json.loads, out.splitlines())
        assert err == ""
        assert self.events[-1]["event"] == "end"
        assert self.events[-1]["exit_code"] == self.process.returncode
        until(lambda: not any(map(is_alive, children)))  # the resource tracker of multiprocessing ends after its parent
        return self.events[-1]

    def children(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """End it with its workers, if a test has not seen its end."""
        for process in self.children():
            process.kill()
        self.process.kill()
        self.process.communicate()

    def workers(self) -> list[psutil.Process]:
        return [child for child in self.children() if any("spawn_main" in part for part in child.cmdline())]

    def notes(self) -> list[str]:
        return [event["text"] for event in self.events if event["event"] == "note"]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs. In a container without an init process, those that ended stay as zombies."""
    try:
        status: str = process.status()
    except psutil.NoSuchProcess:
        return False
    return process.is_running() and status != psutil.STATUS_ZOMBIE


def until(is_true: Callable[[], object]) -> None:
    """Wait for a condition."""
    while not is_true():
        threading.Event().wait(0.02)


def queue(server: ComfyUIServer) -> list[Any]:
    answer = server.get_json("/queue")
    return answer["queue_running"] + answer["queue_pending"]


class OnServers:
    """The fixtures of tests with servers. A subclass has the fixture `rack`."""

    @pytest.fixture
    def sequence(self, rack: Rack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sequence]:
        rack.forget()
        sequence = Sequence(rack, tmp_path, request.node.name.partition("[")[0])
        yield sequence
        sequence.release()

    @pytest.fixture
    def servers(self, rack: Rack) -> list[str]:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return ["--servers", *(server.url for server in pool.map(rack.server, ("one", "two")))]

    @pytest.fixture
    def dask(self, sequence: Sequence) -> Iterator[Callable[..., Render]]:
        """Starts a dask_render.py for the sequence."""
        started: list[Render] = []

        def start(*arguments: str, **environment: str) -> Render:
            given = ("--frames", f"0-{FRAMES - 1}", "--patience", "2", "--chunk", "3", *arguments)
            sequence.render = Render(str(sequence.path), *given, **environment)
            started.append(sequence.render)
            return sequence.render

        yield start
        for render in started:
            render.kill()


class DaskOnTwoServers(OnServers):
    """The cases of both hosts."""

    def test_both_servers_take_part_and_the_film_is_made_once_with_all_frames(self, rack, sequence, dask, servers):
        end = dask(*servers).end()
        assert (end["exit_code"], end["saved"], end["failed"], end["left"]) == (0, FRAMES, [], "")
        one, two = rack.rendered("one"), rack.rendered("two")
        assert one
        assert two
        assert sorted(one + two) == sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]
        assert sorted(end["rendered"]) == sorted(servers[1:])

    def test_a_second_run_renders_nothing(self, rack, sequence, dask, servers):
        assert dask(*servers).end()["exit_code"] == 0
        rack.forget()
        end = dask(*servers).end()
        assert (end["exit_code"], end["kept"], end["saved"], end["rendered"]) == (0, FRAMES, 0, {})
        assert rack.rendered("one") + rack.rendered("two") == []

    def test_a_server_that_is_killed_in_the_middle_leaves_its_frames_to_the_other(self, rack, sequence, dask, servers):
        sequence.hold(10)
        render = dask(*servers)
        victim = sequence.reached(10)
        rack.kill(victim)
        sequence.release()
        end = render.end()
        assert end["exit_code"] == 0
        assert Counter(rack.rendered("one") + rack.rendered("two")) == Counter(range(FRAMES))
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]
        assert 10 not in rack.rendered(victim)
        assert len([note for note in render.notes() if "gets no frames until it does" in note]) == 1

    def test_a_worker_that_is_killed_leaves_its_frames_to_the_other(self, rack, sequence, dask, servers):
        sequence.hold(1, 4)
        render = dask(*servers)
        assert {sequence.reached(1), sequence.reached(4)} == {"one", "two"}
        render.workers()[0].kill()
        render.until(lambda event: event["event"] == "note")
        sequence.release()
        end = render.end()
        assert (end["exit_code"], end["failed"]) == (0, [])
        assert "gone" in render.notes()[0]
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]
        # The server of the worker still has two of its prompts, while another worker renders their frames.
        twice = Counter(rack.rendered("one") + rack.rendered("two")) - Counter(range(FRAMES))
        assert twice.total() <= 2

    def test_a_server_that_is_dead_from_the_start_gets_no_frames(self, rack, sequence, dask, servers):
        rack.kill("one")
        end = dask(*servers).end()
        assert (end["exit_code"], end["failed"]) == (0, [])
        assert sorted(rack.rendered("two")) == sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups that a signal reaches")
    def test_ctrl_c_takes_all_prompts_out_of_the_queues(self, rack, sequence, dask, servers):
        sequence.hold(1, 4)
        render = dask(*servers)
        assert {sequence.reached(1), sequence.reached(4)} == {"one", "two"}
        os.killpg(render.process.pid, signal.SIGINT)  # a terminal sends it to the workers as well
        end = render.end()
        assert end["exit_code"] == 130
        assert end["left"] == f"1-2,4-{FRAMES - 1}"
        assert [queue(rack.server(name)) for name in ("one", "two")] == [[], []]
        assert sequence.numbers() == [0, 3]
