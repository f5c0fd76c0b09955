"""tests/prompts run on a fresh ComfyUI when posted by README's own commands or byte by byte."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devtools.comfyui_server import ComfyUIServer

from .conftest import PACK

PROMPTS = sorted((PACK / "tests" / "prompts").glob("*.json"))
README = (PACK / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8188"


@pytest.fixture
def fresh(start: Callable[..., ComfyUIServer]) -> Iterator[ComfyUIServer]:
    """A server without files in its input and output folders."""
    with start() as server:
        assert [
            path for name in ("input", "output") for path in (server.base / name).rglob("*") if path.is_file()
        ] == []
        yield server


def post(server: ComfyUIServer, body: bytes) -> str:
    """Post `body` to /prompt, unchanged. Returns the prompt's id."""
    request = urllib.request.Request(f"{server.url}/prompt", body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        answered = json.load(answer)
    assert answered["node_errors"] == {}
    return answered["prompt_id"]


def frames(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def readme_commands(language: str) -> str:
    """The only code block of README in this language that posts prompts."""
    [block] = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if "/prompt" in text]
    return block


def check_what_is_on_disk(output: Path) -> None:
    demo = output / "demo"
    assert frames(demo / "a_sunrise") == ["a_sunrise_00000.png"]
    assert frames(demo / "b_nightfall") == ["nightfall_00000.png"]
    assert frames(demo / "c_batch") == [f"shot_{frame:06d}.png" for frame in range(24)]
    assert frames(demo / "d_read_back") == [f"frame_{frame:04d}.png" for frame in range(1, 25)]
    assert frames(demo / "e_resume") == [f"nightfall_{frame:05d}.png" for frame in range(12)]
    saved = [pixels(path) for path in sorted((demo / "c_batch").iterdir())]
    again = [pixels(path) for path in sorted((demo / "d_read_back").iterdir())]
    assert all(np.array_equal(one, other) for one, other in zip(saved, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in itertools.pairwise(saved))
    assert all(picture.std() > 5 for picture in saved), "no picture is empty"


def test_every_file_is_the_body_of_a_post_that_runs_on_a_fresh_server(fresh):
    assert [path.stem[0] for path in PROMPTS] == list("abcde")
    for path in PROMPTS:
        for _ in range(12 if path.stem == "e_resume" else 1):
            entry = fresh.wait(post(fresh, path.read_bytes()))
            assert any(outputs.get("images") for outputs in entry["outputs"].values())
    check_what_is_on_disk(fresh.base / "output")


def test_the_commands_of_readme_leave_the_frames_that_it_names(fresh):
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    commands = readme_commands("sh")
    assert commands.count(ADDRESS) == len(PROMPTS)
    script = commands.replace(ADDRESS, fresh.url).replace("curl ", "curl --silent --show-error --fail --noproxy '*' ")
    ran = subprocess.run(["sh", "-ec", script], cwd=PACK, capture_output=True, text=True, check=True)
    posted = [json.loads(answer) for answer in re.findall(r"\{.*?\"node_errors\": \{\}\}", ran.stdout)]
    assert len(posted) == len(PROMPTS) - 1 + 12
    for answer in posted:
        fresh.wait(answer["prompt_id"])
    check_what_is_on_disk(fresh.base / "output")
