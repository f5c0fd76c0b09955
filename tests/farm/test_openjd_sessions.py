"""`openjd run` carries out farm/template.yaml with the real client, on a scripted ComfyUI."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import prompts
from .job_template import command, environment, openjd
from .scripted_comfyui import PATIENCE, ScriptedComfyUI

# A ComfyUI that answers and does nothing: it notes how it was started.
MAIN = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self):
        self.send_error(400)


port = int(sys.argv[sys.argv.index("--port") + 1])
server = HTTPServer(("127.0.0.1", port), Handler)
Path(__file__).with_name(f"{port}.json").write_text(json.dumps(sys.argv[1:]))
server.serve_forever()
"""

# A ComfyUI that never answers: it tells the test which process started it, and lives until it is ended.
SILENT_MAIN = """
import os, socket

with socket.create_connection(("127.0.0.1", int(os.environ["REPORT_TO"]))) as test:
    test.sendall(str(os.getppid()).encode())
    test.recv(1)
"""


@pytest.fixture
def run(
    tmp_path: Path, file_of: Callable[[Any], Path], comfyui: ScriptedComfyUI
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the whole template on the scripted server, in chunks of at most 4 frames."""

    def run(prompt: Any, frames: str, **parameters: Any) -> subprocess.CompletedProcess[str]:
        given = {"Prompt": file_of(prompt), "Frames": frames, "ChunkSize": 4, "Server": comfyui.url}
        return openjd("run", temporary=tmp_path, **{**given, "Python": sys.executable, **parameters})

    return run


def names(frames: range) -> Counter[str]:
    return Counter(f"shot/shot_{frame:05}.png" for frame in frames)


class TestOneSession:
    def test_it_renders_every_chunk_and_makes_the_film_once_at_the_end(self, run, comfyui):
        done = run(prompts.counted(total_frames=10), "0-9")
        assert done.returncode == 0, done.stdout
        assert comfyui.disk == names(range(10))
        assert comfyui.written == [*names(range(10)), "ScriptedFilm"]
        assert [line.split()[-1] for line in done.stdout.splitlines() if "Frame(CHUNK" in line] == ["0-3", "4-6", "7-9"]
        assert "openjd_progress: 100.0" in done.stdout

    def test_the_same_job_again_renders_nothing(self, run, comfyui):
        assert run(prompts.counted(total_frames=6), "0-5").returncode == 0
        comfyui.written.clear()
        done = run(prompts.counted(total_frames=6), "0-5")
        assert done.returncode == 0, done.stdout
        assert comfyui.written == ["ScriptedFilm"]
        assert "frame 5: kept" in done.stdout

    def test_frames_that_the_prompt_cannot_save_are_refused_with_the_reason(self, run, comfyui):
        done = run(prompts.single(), "-3--1,2")
        assert done.returncode == 1
        assert "openjd_fail: Start --frames at 0 or later: frame -3 would set" in done.stdout
        assert comfyui.posts == []

    def test_more_frame_inputs_move_with_the_frames(self, run, comfyui):
        prompt = prompts.counted(total_frames=2)
        done = run(prompt, "0,1", FrameInputs="1.color, 1.batch_size")
        assert done.returncode == 0, done.stdout
        images = [post["prompt"]["1"]["inputs"] for post in comfyui.posts]
        assert {(image["color"], image["batch_size"]) for image in images} == {(0, 1), (1, 2)}

    def test_a_frame_that_fails_ends_the_session_with_its_reason(self, run, comfyui):
        comfyui.in_frame(1, comfyui.raises)
        done = run(prompts.counted(total_frames=6), "0-5")
        assert done.returncode == 1
        assert "openjd_fail: " in done.stdout
        assert "CUDA out of memory" in done.stdout
        assert comfyui.disk == names(range(3)) - Counter(["shot/shot_00001.png"])

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
    def test_a_cancelled_session_takes_its_own_prompts_off_the_queue(self, comfyui, file_of, tmp_path):
        comfyui.hold()
        given = {
            "Prompt": file_of(prompts.counted()),
            "Frames": "0-23",
            "Server": comfyui.url,
            "Python": sys.executable,
        }
        openjd_run = subprocess.Popen(
            command("run", **given), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, encoding="utf-8"
        )
        comfyui.wait_until(lambda server: server.running and server.pending)
        comfyui.put_foreign("somebody else's")
        openjd_run.send_signal(signal.SIGINT)
        printed, _ = openjd_run.communicate(timeout=PATIENCE)
        assert openjd_run.returncode == 1
        assert "Cancelled" in printed
        comfyui.wait_until(lambda server: server.running is None or server.running.prompt_id == "somebody else's")
        comfyui.release()
        comfyui.wait_until(lambda server: "somebody else's" in server.history)
        assert comfyui.pending == []
        assert comfyui.disk == Counter()


class TestTheComfyUIOfASession:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        folder = tmp_path / "my ComfyUI"
        folder.mkdir()
        (folder / "main.py").write_text(MAIN, encoding="utf-8")
        return folder

    def test_it_is_started_as_told_and_stopped_even_though_a_chunk_failed(self, run, folder, tmp_path):
        output = tmp_path / "the frames"
        started = {"ComfyUI": folder, "ComfyUIPython": sys.executable, "ComfyUIArguments": "--base-directory '/a b'"}
        done = run(prompts.counted(), "0-3", **started, OutputDir=output, Server="")
        assert done.returncode == 1
        assert "openjd_fail: " in done.stdout
        [(port, arguments)] = [
            (note.stem, json.loads(note.read_text(encoding="utf-8"))) for note in folder.glob("*.json")
        ]
        assert arguments[arguments.index("--output-directory") + 1] == str(output)
        assert arguments[-2:] == ["--base-directory", "/a b"]
        assert f"openjd_env: COMFYUI_SERVER=http://127.0.0.1:{port}" in done.stdout
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0

    def test_a_folder_that_is_none_fails_before_a_frame_is_tried(self, run, comfyui, tmp_path):
        done = run(prompts.counted(), "0-3", ComfyUI=tmp_path)
        assert done.returncode == 1
        assert f"{tmp_path} has no main.py" in done.stdout
        assert comfyui.posts == []

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for one process")
    @pytest.mark.parametrize(
        "is_killed", [pytest.param(False, id="cancelled"), pytest.param(True, id="start is killed")]
    )
    def test_it_is_stopped_even_though_it_has_not_answered_yet(self, is_killed, folder, file_of, tmp_path):
        """Start prints the process id before it waits, so the session can stop what a killed start left behind."""
        (folder / "main.py").write_text(SILENT_MAIN, encoding="utf-8")
        started = {"ComfyUI": folder, "ComfyUIPython": sys.executable, "Python": sys.executable}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            run = subprocess.Popen(
                command("run", **started, Prompt=file_of(prompts.counted()), Frames="0-3"),
                cwd=tmp_path,
                env=environment(tmp_path, PYTHONUNBUFFERED="1", REPORT_TO=str(listener.getsockname()[1])),
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            assert run.stdout is not None
            assert any("openjd_env: COMFYUI_PID=" in line for line in run.stdout)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                start = int(connection.recv(100))
                os.kill(start if is_killed else run.pid, signal.SIGKILL if is_killed else signal.SIGINT)
                printed, _ = run.communicate(timeout=PATIENCE)
                assert connection.recv(1) == b"", "ComfyUI has ended"
        assert run.returncode == 1
        assert "Running step" not in printed
