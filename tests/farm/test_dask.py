"""dask_render.py with two stand-ins for ComfyUI, each a process that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools.comfyui_server import ComfyUIServer
from tests.farms import DASK_RENDER, FRAMES, DaskOnTwoServers, OnServers, Rack, queue, until

PACK = Path(__file__).resolve().parents[2]


def start(base: Path, *arguments: str, port: int = 0) -> ComfyUIServer:
    return ComfyUIServer(None, Path(sys.executable), base, PACK, arguments, port)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    rack = Rack(tmp_path_factory.mktemp("rack"), start)
    yield rack
    rack.close()


class TestTwoServers(DaskOnTwoServers):
    pass


class TestFaults(OnServers):
    def test_a_frame_that_fails_does_not_stop_the_others_and_the_film_is_not_made(self, sequence, dask, servers):
        sequence.write(fails="7,15")
        render = dask(*servers)
        end = render.end()
        assert (end["exit_code"], end["failed"], end["saved"]) == (1, [7, 15], FRAMES - 2)
        assert "render only the frames that failed: 7,15" in end["text"]
        (fault,) = [event for event in render.events if event.get("frame") == 7]
        assert (fault["state"], fault["node"], fault["class_type"]) == ("failed", "2", "FarmProbe")
        assert "the plate of frame 7 is damaged" in fault["error"]
        assert sequence.numbers() == [frame for frame in range(FRAMES) if frame not in (7, 15)]
        assert sequence.numbers("film") == []

    def test_a_server_that_refuses_the_prompt_leaves_its_frames_to_the_others(self, rack, sequence, dask, tmp_path):
        """It lacks a node or a model that the others have."""
        with start(tmp_path / "without the probe", "--output-directory", str(rack.output)) as lacking:
            render = dask("--servers", rack.server("one").url, lacking.url)
            end = render.end()
        assert (end["exit_code"], end["saved"]) == (0, FRAMES)
        assert any(
            f"{lacking.url} gets no more frames." in event["text"] and "'FarmProbe' not found" in event["text"]
            for event in render.events
            if event["event"] == "note"
        )
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    def test_a_prompt_that_all_servers_refuse_is_refused(self, rack, sequence, dask, tmp_path):
        with start(tmp_path / "without the probe", "--output-directory", str(rack.output)) as lacking:
            end = dask("--servers", lacking.url).end()
        assert end["exit_code"] == 2
        assert f"{lacking.url} refuses it. " in end["text"]
        assert "'FarmProbe' not found" in end["text"]
        assert end["text"].endswith(f" Not rendered: {end['left']}.")
        assert end["text"].count("Not rendered") == 1
        assert sequence.numbers() == []

    @pytest.mark.parametrize("fault", ["frames", "workflow", "resume counter"])
    def test_what_the_client_refuses_is_refused_before_anything_starts(self, sequence, dask, fault):
        arguments = ["--servers", "127.0.0.1:1"]
        if fault == "frames":
            arguments += ["--frames", "9-1"]
        elif fault == "workflow":
            sequence.path.write_text('{"nodes": [], "links": []}')
        else:
            text = sequence.path.read_text()
            sequence.path.write_text(
                text.replace('"ImageSequenceFrameCounter"', '"ImageSequenceFrameCounterFromDirectory"')
            )
        render = dask(*arguments)
        end = render.end()
        words = {"frames": "Write 1-9", "workflow": "Export", "resume counter": "Replace node 1 with Frame Counter"}
        assert (end["exit_code"], end["text"][: len(words[fault])]) == (2, words[fault])
        assert [event["event"] for event in render.events] == ["end"]

    def test_without_any_server_it_gives_up_after_the_wait(self, rack, dask, servers, sequence):
        rack.kill("one")
        rack.kill("two")
        end = dask(*servers, "--wait", "1").end()
        assert (end["exit_code"], end["left"]) == (75, f"0-{FRAMES - 1}")
        assert end["text"].startswith("Start ComfyUI: ")

    def test_sigterm_cancels_too(self, rack, sequence, dask, servers):
        sequence.hold(1)
        render = dask(*servers)
        sequence.reached(1)
        render.process.send_signal(signal.SIGTERM)
        end = render.end()
        assert end["exit_code"] == 143
        assert [queue(rack.server(name)) for name in ("one", "two")] == [[], []]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_to_all_processes_while_the_workers_start_cancels(self, rack, sequence, number, code):
        """As a terminal sends it, and many engines."""
        command = [sys.executable, str(DASK_RENDER), str(sequence.path), "--frames", "0-3", "--json"]
        command += ["--servers", rack.server("one").url, rack.server("two").url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(process.stdout.readline())["event"] == "start"
            os.killpg(process.pid, number)
            events = [json.loads(line) for line in process.stdout]
            assert process.stderr.read() == b""
        assert (process.returncode, events[-1]["event"], events[-1]["exit_code"]) == (code, "end", code)

    def test_a_frame_that_kills_its_workers_is_found_and_the_others_are_rendered(self, rack, sequence, dask):
        server = rack.server("one")
        sequence.hold(4)
        # None may die with a chunk, instead of 3: it takes 2 deaths instead of 8 to find the frame.
        render = dask("--servers", server.url, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
        for _ in range(2):
            sequence.reached(4)
            (sequence.gates / "4.reached").unlink()
            (worker,) = render.workers()
            worker.kill()
            server.interrupt()  # the frame that the worker has left behind
        sequence.release()
        end = render.end()
        assert (end["exit_code"], end["failed"]) == (1, [4])
        assert sequence.numbers() == [frame for frame in range(FRAMES) if frame != 4]
        assert [event["error"] for event in render.events if event.get("frame") == 4] == [
            "the workers that rendered it died"
        ]


class TestServersThatComeBack(OnServers):
    """Servers that somebody starts again at the same address."""

    def test_it_takes_frames_again(self, rack, sequence, dask, servers):
        sequence.hold(1, 4)
        render = dask(*servers)
        assert {sequence.reached(1), sequence.reached(4)} == {"one", "two"}
        rack.kill("one")
        render.until(lambda event: "gets no frames until it does" in event.get("text", ""))
        rack.server("one", at=servers[1])
        render.until(lambda event: "answers again" in event.get("text", ""))
        rack.forget()
        sequence.release()
        assert render.end()["exit_code"] == 0
        assert rack.rendered("one")
        assert rack.rendered("two")
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    def test_a_frame_that_kills_three_servers_is_counted_as_failed(self, rack, sequence, dask, servers):
        addresses = {name: rack.server(name).url for name in ("one", "two")}
        sequence.hold(4)
        render = dask(*servers, "--chunk", "1")
        for _ in range(3):
            victim = sequence.reached(4)
            (sequence.gates / "4.reached").unlink()
            rack.kill(victim)
            # After the third death it may end before the note arrives.
            render.until(
                lambda event: "gets no frames until it does" in event.get("text", "") or event.get("state") == "failed"
            )
            rack.server(victim, at=addresses[victim])
        sequence.release()
        end = render.end()
        assert (end["exit_code"], end["failed"], end["left"]) == (1, [4], "")
        assert sequence.numbers() == [frame for frame in range(FRAMES) if frame != 4]


class TestOutput(OnServers):
    def test_a_line_a_frame_names_its_server_and_a_summary_who_has_rendered_what(self, rack, sequence):
        url = rack.server("one").url
        command = [
            sys.executable,
            str(DASK_RENDER),
            str(sequence.path),
            "--frames",
            "3-5",
            "--no-finish",
            "--servers",
            url,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = ended.stdout.splitlines()
        assert (ended.returncode, ended.stderr) == (0, "")
        assert lines[0] == f"Rendering 3 frames, 3 to 5, on {url}: 1.frame_index from 3"
        assert [line.partition(" (")[0] for line in lines[1:4]] == [
            f"frame {frame}: saved {sequence.name}/frames/f_{frame:04}.png" for frame in (3, 4, 5)
        ]
        assert all(line.endswith(f" s) on {url}") for line in lines[1:4])
        assert f"{url} rendered 3 frames: 3-5" in lines
        assert lines[-1].startswith("3 frames: 3 saved, in ")

    def test_without_dask_it_says_how_to_install_it(self, tmp_path):
        (tmp_path / "distributed.py").write_text("raise ImportError")
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, str(DASK_RENDER), "--help"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert ended.stderr == f"Install Dask: {sys.executable} -m pip install distributed\n"


@contextlib.contextmanager
def running_scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """(a scheduler of Dask, its address)."""
    file = folder / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with running("dask_scheduler", options, folder / "scheduler.log") as process:
        until(lambda: process.poll() is not None or (file.exists() and file.read_text().rstrip().endswith("}")))
        assert process.poll() is None, (folder / "scheduler.log").read_text()
        yield process, json.loads(file.read_text())["address"]


@contextlib.contextmanager
def running_worker(folder: Path, scheduler: str, name: str, server: str) -> Iterator[subprocess.Popen]:
    options = ["--nthreads", "1", "--memory-limit", "0", "--resources", "comfyui=1", "--no-dashboard", "--name", name]
    with running("dask_worker", [scheduler, *options], folder / f"{name}.log", COMFYUI_SERVER=server) as process:
        yield process


@contextlib.contextmanager
def running(program: str, options: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """A command line of Dask, outside of the pack's folder. It is ended with its children."""
    command = [sys.executable, "-m", f"distributed.cli.{program}", *options]
    environment = {**os.environ, **environment}
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent, env=environment) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


class TestScheduler(OnServers):
    """Workers that were started on their own, each with its server, as on several machines."""

    @pytest.fixture
    def scheduler(self, tmp_path: Path) -> Iterator[str]:
        with running_scheduler(tmp_path) as (_, address):
            yield address

    @pytest.fixture
    def join_of(self, tmp_path: Path) -> Iterator[Callable[[str], Callable[[str, str], subprocess.Popen]]]:
        """Starts workers of a scheduler, each with a server. They have Dask, and nothing of the pack."""
        with contextlib.ExitStack() as started:

            def join_of(scheduler: str) -> Callable[[str, str], subprocess.Popen]:
                return lambda name, server: started.enter_context(running_worker(tmp_path, scheduler, name, server))

            yield join_of

    @pytest.fixture
    def join(self, scheduler: str, join_of) -> Callable[[str, str], subprocess.Popen]:
        return join_of(scheduler)

    def test_workers_may_join_after_the_start_and_each_uses_its_own_server(self, rack, sequence, dask, scheduler, join):
        sequence.hold(1, 4)
        render = dask("--scheduler", scheduler)
        render.until(lambda event: event["event"] == "start")
        join("left", rack.server("one").url)
        join("right", rack.server("two").url)
        assert {sequence.reached(1), sequence.reached(4)} == {"one", "two"}
        sequence.release()
        end = render.end()
        assert (end["exit_code"], sorted(end["rendered"])) == (0, ["left", "right"])
        servers = {(event["worker"], event["server"]) for event in render.events if event["event"] == "frame"}
        assert servers == {("left", rack.server("one").url), ("right", rack.server("two").url)}
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    def test_a_worker_that_is_stopped_takes_its_prompts_back_and_leaves_its_frames_to_the_other(
        self, rack, sequence, dask, scheduler, join
    ):
        workers = {"one": join("left", rack.server("one").url), "two": join("right", rack.server("two").url)}
        sequence.hold(1, 4)
        render = dask("--scheduler", scheduler)
        assert {sequence.reached(1), sequence.reached(4)} == {"one", "two"}
        workers["one"].terminate()
        until(lambda: queue(rack.server("one")) == [])
        sequence.release()
        end = render.end()
        assert (end["exit_code"], end["failed"]) == (0, [])
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    def test_without_workers_it_says_how_to_start_one(self, dask, scheduler):
        end = dask("--scheduler", scheduler, "--wait", "1").end()
        assert end["exit_code"] == 75
        assert f"dask worker {scheduler} --nthreads 1 --memory-limit 0 --resources comfyui=1" in end["text"]

    def test_when_the_scheduler_dies_another_run_renders_what_is_missing(self, rack, sequence, dask, tmp_path, join_of):
        with running_scheduler(tmp_path) as (process, address):
            join_of(address)("left", rack.server("one").url)
            sequence.hold(4)
            render = dask("--scheduler", address)
            sequence.reached(4)
            process.kill()
            end = render.end()
            assert (end["exit_code"], end["text"].partition(" and ")[0]) == (75, "Start the scheduler")
            sequence.release()
        assert dask("--servers", rack.server("one").url).end()["exit_code"] == 0
        assert sequence.numbers() == sequence.numbers("film") == [*range(FRAMES)]

    def test_another_program_at_the_address_is_not_waited_for(self, dask, rack):
        address = rack.server("one").url.replace("http", "tcp")
        end = dask("--scheduler", address, "--wait", "1").end()
        assert (end["exit_code"], end["text"].partition(":")[0]) == (75, "Check --scheduler")

    def test_without_a_scheduler_it_names_the_address(self, dask):
        end = dask("--scheduler", "tcp://127.0.0.1:9", "--wait", "1").end()
        assert (end["exit_code"], end["text"].partition(":")[0]) == (75, "Check --scheduler")
        assert "tcp://127.0.0.1:9" in end["text"]
