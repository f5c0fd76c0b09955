"""`openjd run` with farm/template.yaml and a real ComfyUI, which the job's environment starts and stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from devtools.comfyui_server import ComfyUIServer
from devtools.pack_folder import install_pack

from ..farm.job_template import command, environment, openjd
from .conftest import PACK, Bench, graph

TOTAL = 24


def counted(total: int = TOTAL) -> dict[str, Any]:
    """A sequence by a counter, and a film of it."""
    saver = {"directory_path": "shot", "prefix": "shot", "digits": 5, "at_end": "stop output", "filetype": "png"}
    return graph(
        {
            "count": (
                "ImageSequenceFrameCounter",
                {"frame_index": 0, "total_frames": total, "frames_per_second": 24},
            ),
            "costly": (
                "ProbeCostly",
                {"frame": ["count", 1], "count": 1, "width": 64, "height": 48, "seed": 0},
            ),
            "save": (
                "ImageSequenceSaveCounted",
                {"frame_counter": ["count", 0], "image": ["costly", 0], **saver},
            ),
            "film": ("ImageSequenceFromAnimation", {"sequence": ["save", 0]}),
            "copy": (
                "ImageSequenceSaveBatch",
                {"images": ["film", 0], "path_pattern": "film/{:03d}.png", "start_index": 0, "overwrite": "true"},
            ),
        }
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


class Place:
    """A folder for a job: the prompt, ComfyUI's base folder with the pack, and the output folder that the job names."""

    def __init__(self, server: ComfyUIServer, folder: Path) -> None:
        install_pack(PACK, server.base / "custom_nodes")
        self.base, self.folder, self.output = server.base, folder, folder / "the frames"
        self.rendered = Bench(server).rendered
        self._comfyui, self._python = server.directory, server.python

    def parameters(self, total: int = TOTAL) -> dict[str, Any]:
        """Of a job that starts its own ComfyUI."""
        prompt = self.folder / "my shot.json"
        prompt.write_text(json.dumps(counted(total)), encoding="utf-8")
        return {
            "Prompt": prompt,
            "Frames": f"0-{total - 1}",
            "ChunkSize": 10,
            "Python": sys.executable,
            "ComfyUI": self._comfyui,
            "ComfyUIPython": self._python,
            "ComfyUIArguments": f"--cpu --base-directory '{self.base}'",
            "OutputDir": self.output,
        }

    def frames(self) -> list[str]:
        return sorted(path.name for path in (self.output / "shot").iterdir())


@pytest.fixture
def place(start: Callable[..., ComfyUIServer], tmp_path: Path) -> Place:
    return Place(start(base=tmp_path / "base folder"), tmp_path)


def addresses(printed: str) -> list[str]:
    """Of the ComfyUIs that sessions have started."""
    return re.findall(r"openjd_env: COMFYUI_SERVER=(http://\S+)", printed)


def assert_nothing_is_left(printed: str, base: Path) -> None:
    """No server at the address that the session has printed, and no process with the base folder in its command line."""
    [address] = addresses(printed)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) != 0
    processes = list(Path("/proc").glob("[0-9]*/cmdline"))  # none on Windows and macOS; empty for zombies
    assert [file for file in processes if str(base) in read_if_there(file)] == []


def read_if_there(file: Path) -> str:
    """Empty for a process that has ended in the meantime."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def start_and_interrupt(folder: Path, parameters: dict[str, Any]) -> str:
    """Run the job, send SIGINT after its first frame, and return what it printed."""
    printed = []
    with subprocess.Popen(
        command("run", **parameters),
        cwd=folder,
        env={**environment(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            printed.append(line)
            # Once: openjd-cli 0.8.0 hangs if a second signal arrives while it handles the first.
            if "openjd_status: frame 0: saved" in line:
                run.send_signal(signal.SIGINT)
    assert run.returncode == 1, "".join(printed)
    return "".join(printed)


needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")


def test_a_session_starts_comfyui_renders_makes_the_film_and_leaves_no_process(place):
    done = openjd("run", temporary=place.folder, **place.parameters())
    assert done.returncode == 0, done.stdout
    assert place.rendered() == list(range(TOTAL))
    assert place.frames() == [f"shot_{frame:05}.png" for frame in range(TOTAL)]
    frames = [place.output / "shot" / name for name in place.frames()]
    film = sorted((place.output / "film").iterdir())
    assert len(film) == TOTAL
    for frame, copy in zip(frames, film, strict=True):
        assert np.array_equal(pixels(frame), pixels(copy))
    assert min(path.stat().st_mtime_ns for path in film) >= max(path.stat().st_mtime_ns for path in frames)
    assert done.stdout.count("finish: done") == 1
    assert_nothing_is_left(done.stdout, place.base)

    again = openjd("run", temporary=place.folder, **place.parameters())
    assert again.returncode == 0, again.stdout
    assert place.rendered() == []
    assert len(re.findall(r"openjd_status: frame \d+: kept", again.stdout)) == 2 * TOTAL
    assert_nothing_is_left(again.stdout, place.base)


@needs_signals
def test_a_cancelled_session_ends_its_comfyui(place):
    printed = start_and_interrupt(place.folder, {**place.parameters(5_000), "ChunkSize": 150})
    assert "Cancelled." in printed
    assert 1 <= len(place.frames()) < 150
    assert_nothing_is_left(printed, place.base)


@needs_signals
def test_a_cancelled_session_leaves_a_comfyui_of_others_running_with_an_empty_queue(place, server, comfyui):
    parameters = {**place.parameters(5_000), "ChunkSize": 150, "ComfyUI": "", "Server": server.url}
    printed = start_and_interrupt(place.folder, parameters)
    assert "Cancelled." in printed
    assert server.get_json("/queue") == {"queue_running": [], "queue_pending": []}
    saved = {path.name for path in (comfyui.output / "shot").iterdir()}
    rendered = {f"shot_{frame:05}.png" for frame in comfyui.rendered()}
    assert saved <= rendered
    assert len(rendered - saved) <= 1, "the frame that was cancelled may have been rendered already"
    assert 1 <= len(saved) < 150
