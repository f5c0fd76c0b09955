"""The farm's demo: two servers render one sequence under Dask, and one of them is killed in the middle.

`python dev.py farm-demo` sets up an environment first. In an environment with numpy, Pillow, torch and distributed, run
`python -m devtools.farm_demo` in the pack's folder.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from devtools.comfyui_server import ComfyUIServer, ServerError, comfyui_python
from devtools.contact_sheet import contact_sheet
from devtools.prompts import Prompt, load_prompt

PACK = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PACK / "farm"))  # where the programs in it find each other

import comfyui_frames  # noqa: E402

FRAMES = 48
FRAMES_PER_SECOND = 24
KILL_AFTER = 6  # frames that a server has rendered
_PATIENCE = 3  # seconds until the frames of the killed server go to the other


class FarmDemoError(RuntimeError):
    """The farm did not do what the demo expects."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns the exit code."""
    options = _parser().parse_args(arguments)
    base: Path = options.output.absolute()
    output = base / "output"
    # Delete only the files of an earlier demo: the folder may hold others.
    shutil.rmtree(output / "farm-demo", ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    try:
        with _servers(options, output) as servers:
            _render(servers, base)
        files = sorted((output / "farm-demo" / "frames").iterdir())
        film = _film(output / "farm-demo")
    except (FarmDemoError, ServerError, OSError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    _expect(len(files) == FRAMES, f"there are {len(files)} frames instead of {FRAMES}")
    contact_sheet(
        [("48 frames, rendered by two servers of which one was killed", files)], base / "farm-contact-sheet.png"
    )
    print(f"\nAll {len(files)} frames: {files[0]} .. {files[-1].name}")
    print(f"The film: {film}")
    print(f"All frames on one image: {base / 'farm-contact-sheet.png'}")
    return 0


def farm_prompt() -> Prompt:
    """The example with a frame counter, longer and larger, with an animated WebP at its end."""
    prompt = load_prompt(PACK / "tests" / "prompts" / "b_frame_counter.json")
    prompt["1"]["inputs"].update(total_frames=FRAMES, frames_per_second=FRAMES_PER_SECOND)
    prompt["7"]["inputs"].update(width=960, height=540)
    prompt["8"]["inputs"].update(directory_path="farm-demo/frames")
    film = {"filename_prefix": "farm-demo/film", "fps": FRAMES_PER_SECOND, "lossless": False, "quality": 80}
    prompt["10"] = {
        "class_type": "SaveAnimatedWEBP",
        "inputs": {"images": ["9", 0], **film, "method": "fastest"},
        "_meta": {"title": "The film"},
    }
    return prompt


@contextlib.contextmanager
def _servers(options: argparse.Namespace, output: Path) -> Iterator[list[ComfyUIServer]]:
    """Two servers with one output folder."""
    if options.comfyui is None:
        directory, python = None, Path(sys.executable)
        print("Starting two small stand-ins for ComfyUI (use --comfyui DIR for real ones).", flush=True)
    else:
        directory, python = options.comfyui, comfyui_python(options.comfyui, options.python)
        print(f"Starting ComfyUI in {directory} with {python}, twice. This may take a minute.", flush=True)
    with tempfile.TemporaryDirectory(prefix="farm-demo-", ignore_cleanup_errors=True) as scratch:
        arguments = ["--output-directory", str(output)]
        servers = [ComfyUIServer(directory, python, Path(scratch, name), PACK, arguments) for name in ("one", "two")]
        with contextlib.ExitStack() as running, concurrent.futures.ThreadPoolExecutor() as pool:
            yield list(pool.map(running.enter_context, servers))


def _render(servers: Sequence[ComfyUIServer], base: Path) -> None:
    """Render with farm/dask_render.py, and kill the first server that has rendered KILL_AFTER frames."""
    prompt = base / "farm-demo.json"
    prompt.write_text(json.dumps({"prompt": farm_prompt()}), encoding="utf-8")
    urls = {server.url: server for server in servers}
    command = ["farm/dask_render.py", str(prompt), "--frames", f"0-{FRAMES - 1}", "--servers", *urls]
    print("$ python", *command, flush=True)
    lines, rendered = comfyui_frames.Lines(), collections.Counter[str]()
    killed = ""
    options = ["--patience", str(_PATIENCE), "--json"]
    with subprocess.Popen([sys.executable, *command, *options], cwd=PACK, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event: comfyui_frames.Event = json.loads(line)
            lines(event)
            if event["event"] != "frame" or event["state"] != "saved":
                continue
            rendered[event["server"]] += 1
            if not killed and rendered[event["server"]] == KILL_AFTER:
                killed = event["server"]
                print(f"--- kill -9: the server {killed} dies now ---", flush=True)
                os.kill(urls[killed].process_id, getattr(signal, "SIGKILL", signal.SIGTERM))
    _expect(process.returncode == 0, f"dask_render.py ended with exit code {process.returncode}")
    _expect(len(rendered) == 2, "only one server has rendered frames")


def _film(folder: Path) -> Path:
    (path,) = folder.glob("film_*.webp")
    with Image.open(path, formats=("WEBP",)) as film:
        frames: Any = getattr(film, "n_frames", 1)
    _expect(frames == FRAMES, f"{path} has {frames} frames instead of {FRAMES}")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py farm-demo", description=__doc__)
    parser.add_argument("--comfyui", type=Path, metavar="DIR", help="start this ComfyUI twice instead of stand-ins")
    parser.add_argument("--python", type=Path, metavar="PYTHON", help="a Python with ComfyUI's requirements")
    parser.add_argument("--output", type=Path, metavar="DIR", default=PACK / "demo-output", help="folder for the files")
    return parser


def _expect(truth: bool, message: str) -> None:
    if not truth:
        raise FarmDemoError(message)


if __name__ == "__main__":
    sys.exit(main())
