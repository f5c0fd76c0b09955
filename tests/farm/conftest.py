"""Fixtures: a scripted ComfyUI, and the farm's client in this process or as a process of its own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import comfyui_frames

from .running import Client, Event, Outcome, Render
from .scripted_comfyui import PATIENCE, ScriptedComfyUI


@pytest.fixture
def comfyui(pack: ModuleType) -> Iterator[ScriptedComfyUI]:
    """A running server. In the end, every fault that a test ordered must have happened."""
    with ScriptedComfyUI(pack) as server:
        yield server
    server.check_faults()


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a server that does not run. The port stays taken, so that nobody else starts one there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _no_server_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine that runs the tests."""
    monkeypatch.delenv("COMFYUI_SERVER", raising=False)
    monkeypatch.delenv("COMFYUI_PID", raising=False)


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a prompt, or anything else, as JSON."""

    def write(content: Any, name: str = "prompt.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def render(comfyui: ScriptedComfyUI, file_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch) -> Render:
    """Runs `render` in this process: render(prompt or path, frames, further arguments)."""
    monkeypatch.setattr(comfyui_frames, "_RETRY_EVERY", 0.01)  # in place of half a second

    def run(
        prompt: Any,
        frames: str,
        *arguments: str,
        server: str | None = None,
        tell: Callable[[Event], None] = lambda event: None,
        stop: threading.Event | None = None,
    ) -> Outcome:
        path = prompt if isinstance(prompt, Path) else file_of(prompt)
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            tell(event)

        line = ["render", str(path), f"--frames={frames}", "--server", server or comfyui.url, *arguments]
        stop = stop or threading.Event()
        watchdog = threading.Timer(2 * PATIENCE, stop.set)  # a client that waits for ever fails the test with 130
        watchdog.start()
        try:
            code = comfyui_frames.run(line, tell=note, stop=stop)
        finally:
            watchdog.cancel()
            watchdog.join()
        return Outcome(code, events)

    return run


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Starts the client as a process. None of them outlives the test."""
    started: list[Client] = []

    def start(*arguments: str | Path, **options: str) -> Client:
        started.append(Client(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        with one.process as process:  # which closes its pipes
            process.kill()
