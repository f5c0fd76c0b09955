"""The farm's client, run in this process or as a farm starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfyui_frames

from .scripted_comfyui import PATIENCE

CLIENT = Path(comfyui_frames.__file__)

Event = dict[str, Any]


@dataclass
class Outcome:
    """How a render ended, and what it told."""

    code: int
    events: list[Event]

    @property
    def frames(self) -> dict[int, str]:
        """Frame -> state, in the order in which they were told."""
        return {event["frame"]: event["state"] for event in self.events if event["event"] == "frame"}

    @property
    def end(self) -> Event:
        (end,) = (event for event in self.events if event["event"] == "end")
        assert self.events[-1] is end
        assert end["exit_code"] == self.code
        return end

    @property
    def text(self) -> str:
        text: str = self.end["text"]
        return text

    def frame(self, number: int) -> Event:
        (event,) = (event for event in self.events if event["event"] == "frame" and event["frame"] == number)
        return event


Render = Callable[..., Outcome]


class Client:
    """The client as a farm starts it."""

    def __init__(self, *arguments: str | Path, python: str = sys.executable, **environment: str) -> None:
        self.process = subprocess.Popen(
            [python, str(CLIENT), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
            encoding="utf-8",
        )

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: (exit code, stdout, stderr)."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err
