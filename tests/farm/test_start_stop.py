"""start and stop: a ComfyUI for one session of a farm. A few lines of Python stand for it here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from .running import Client
from .scripted_comfyui import PATIENCE

StartClient = Callable[..., Client]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these ask Linux and macOS which processes are left")

# Answers /system_stats like ComfyUI, with its own command line and the number of a child that runs for ever.
MAIN = """
import http.server, json, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"argv": sys.argv[1:], "child": child.pid}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer((sys.argv[sys.argv.index("--listen") + 1], port), Handler).serve_forever()
"""


@pytest.fixture
def comfyui_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ComfyUI"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN, encoding="utf-8")
    return folder


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def variables(out: str) -> dict[str, str]:
    """What the session is told to put into the environment."""
    lines = [line.removeprefix("openjd_env: ") for line in out.splitlines() if line.startswith("openjd_env: ")]
    return dict(line.split("=", 1) for line in lines)


def stats(url: str) -> dict[str, object]:
    with build_opener(ProxyHandler({})).open(f"{url}/system_stats", timeout=PATIENCE) as answer:
        content: dict[str, object] = json.loads(answer.read())
        return content


def is_running(process: int) -> bool:
    """Whether a process runs. One that has ended and that nobody has asked about does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and "Z" not in state.stdout


Session = Callable[..., dict[str, str]]


@pytest.fixture
def started(client: StartClient, comfyui_folder: Path) -> Iterator[Session]:
    """Starts a server: started(arguments) is what the session is told. None of them outlives the test."""
    sessions: list[dict[str, str]] = []

    def start(*arguments: str) -> dict[str, str]:
        code, out, err = client("start", "--comfyui", comfyui_folder, "--python", sys.executable, *arguments).end()
        assert (code, err) == (0, "")
        sessions.append(variables(out))
        return sessions[-1]

    yield start
    for session in sessions:
        if is_running(int(session["COMFYUI_PID"])):
            os.killpg(int(session["COMFYUI_PID"]), signal.SIGKILL)


class TestStart:
    def test_waits_until_the_server_answers_and_names_it(self, started: Session) -> None:
        session = started()

        assert stats(session["COMFYUI_SERVER"])
        assert is_running(int(session["COMFYUI_PID"]))

    def test_listens_on_this_machine_only(self, started: Session) -> None:
        session = started()

        argv = stats(session["COMFYUI_SERVER"])["argv"]
        assert isinstance(argv, list)
        assert argv[argv.index("--listen") + 1] == "127.0.0.1"
        assert session["COMFYUI_SERVER"].startswith("http://127.0.0.1:")

    def test_passes_the_output_folder_and_further_arguments(self, started: Session, tmp_path: Path) -> None:
        session = started("--output", str(tmp_path / "with space"), "--arguments", "--cpu --name 'a b'")

        argv = stats(session["COMFYUI_SERVER"])["argv"]
        assert isinstance(argv, list)
        assert argv[argv.index("--output-directory") + 1] == str(tmp_path / "with space")
        assert argv[-3:] == ["--cpu", "--name", "a b"]

    def test_takes_the_port_of_server(self, started: Session, free_port: int) -> None:
        session = started("--server", f"http://127.0.0.1:{free_port}")

        assert session["COMFYUI_SERVER"] == f"http://127.0.0.1:{free_port}"
        assert stats(session["COMFYUI_SERVER"])

    def test_twice_gives_two_servers(self, started: Session) -> None:
        assert started()["COMFYUI_SERVER"] != started()["COMFYUI_SERVER"]

    def test_without_a_folder_does_nothing(self, client: StartClient) -> None:
        for arguments in ([], ["--comfyui", ""]):
            code, out, _ = client("start", *arguments).end()

            assert code == 0
            assert variables(out) == {}

    def test_without_a_folder_passes_the_server_on(self, client: StartClient) -> None:
        code, out, _ = client("start", "--server", "http://127.0.0.1:8189/").end()

        assert code == 0
        assert variables(out) == {"COMFYUI_SERVER": "http://127.0.0.1:8189"}

    def test_with_a_folder_that_is_no_comfyui_is_refused(self, client: StartClient, tmp_path: Path) -> None:
        code, out, err = client("start", "--comfyui", tmp_path).end()

        assert (code, variables(out)) == (2, {})
        assert "main.py" in err

    def test_with_a_python_that_is_none_is_refused(self, client: StartClient, comfyui_folder: Path) -> None:
        code, _, err = client("start", "--comfyui", comfyui_folder, "--python", comfyui_folder / "no-python").end()

        assert code == 2
        assert "--python" in err

    @pytest.mark.parametrize("server", ["http://10.0.0.1:8188", "https://127.0.0.1:8188", "http://127.0.0.1", "?"])
    def test_elsewhere_is_refused(self, client: StartClient, comfyui_folder: Path, server: str) -> None:
        code, out, err = client("start", "--comfyui", comfyui_folder, "--server", server).end()

        assert (code, variables(out)) == (2, {})
        assert "127.0.0.1" in err

    def test_at_a_port_that_is_taken_is_refused(
        self, started: Session, client: StartClient, comfyui_folder: Path
    ) -> None:
        """The server that listens there may belong to somebody else."""
        taken = started()["COMFYUI_SERVER"]

        code, out, err = client("start", "--comfyui", comfyui_folder, "--server", taken).end()

        assert (code, variables(out)) == (2, {})
        assert taken in err

    def test_refuses_arguments_with_an_open_quotation(self, client: StartClient, comfyui_folder: Path) -> None:
        code, out, err = client("start", "--comfyui", comfyui_folder, "--arguments", '--cpu "models').end()

        assert (code, variables(out)) == (2, {})
        assert err.startswith("Close the quotation in --arguments")

    def test_shows_the_end_of_the_log_of_a_server_that_does_not_start(
        self, client: StartClient, comfyui_folder: Path
    ) -> None:
        (comfyui_folder / "main.py").write_text("raise SystemExit('no such GPU')", encoding="utf-8")

        code, out, err = client("start", "--comfyui", comfyui_folder, "--python", sys.executable).end()

        assert code == 75
        assert "COMFYUI_SERVER" not in variables(out)
        assert "no such GPU" in err

    def test_gives_up_a_server_that_does_not_answer_and_ends_it(
        self, client: StartClient, comfyui_folder: Path, tmp_path: Path
    ) -> None:
        note = tmp_path / "pid"
        main = f"import os, sys, time; open({str(note)!r}, 'w').write(str(os.getpid())); sys.stdout.flush(); time.sleep(600)"
        (comfyui_folder / "main.py").write_text(main, encoding="utf-8")

        line = ("start", "--comfyui", comfyui_folder, "--python", sys.executable, "--wait", "2")
        code, out, _ = client(*line).end()

        assert code == 75
        assert "COMFYUI_SERVER" not in variables(out)
        assert not is_running(int(note.read_text()))


class TestStop:
    def test_ends_the_server_and_its_children(self, started: Session, client: StartClient) -> None:
        session = started()
        child = stats(session["COMFYUI_SERVER"])["child"]
        assert isinstance(child, int)

        code, _, err = client("stop", **session).end()

        assert (code, err) == (0, "")
        assert not is_running(int(session["COMFYUI_PID"]))
        assert not is_running(child)

    def test_of_a_server_that_has_ended_already_is_no_fault(self, started: Session, client: StartClient) -> None:
        session = started()
        client("stop", **session).end()

        assert client("stop", **session).end()[0] == 0

    def test_without_a_process_does_nothing(self, client: StartClient) -> None:
        for environment in ({}, {"COMFYUI_PID": ""}):
            assert client("stop", **environment).end()[0] == 0

    @pytest.mark.parametrize("process", ["0", "1", "-1", "none", "1 2", "\u00b2"])
    def test_of_what_is_no_process_is_refused(self, client: StartClient, process: str) -> None:
        """0, 1 and negative numbers would be all processes of a group, init, or everything."""
        code, _, err = client("stop", COMFYUI_PID=process).end()

        assert code == 2
        assert "COMFYUI_PID" in err

    def test_does_not_end_a_process_that_start_did_not_start(self, client: StartClient) -> None:
        """The number of an ended server may belong to somebody else's process now."""
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            assert client("stop", COMFYUI_PID=str(other.pid)).end()[0] == 0
            assert other.poll() is None
            assert other.stdin is not None
            other.stdin.close()
            other.wait(PATIENCE)
