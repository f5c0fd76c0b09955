"""The demo: runs the example prompts in tests/prompts and shows their frames on a contact sheet.

`python dev.py demo` sets up an environment first. In an environment with numpy, Pillow and torch, run
`python -m devtools.demo` in the pack's folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from devtools.comfyui_server import ComfyUIServer, ServerError, comfyui_python
from devtools.contact_sheet import contact_sheet
from devtools.prompts import Prompt, at_frame, load_prompt

PACK = Path(__file__).resolve().parent.parent
PROMPTS = PACK / "tests" / "prompts"
FRAMES = 12
BATCH = 24
_DONE_BEFORE_RESUME = 7  # frames of an interrupted render


class Host(Protocol):
    """Runs prompts: EmbeddedHost or ComfyUIServer."""

    def run(self, prompt: Prompt, extra_pnginfo: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]: ...


class DemoError(RuntimeError):
    """The nodes did not do what the demo expects."""


@dataclass
class Job:
    """One example and its result."""

    title: str
    files: list[Path]
    seconds: float
    checks: list[str]


class Demo:
    """The jobs on one host. `output` is the host's output folder."""

    def __init__(self, host: Host, output: Path) -> None:
        self.host = host
        self.output = output

    def jobs(self) -> Iterator[Job]:
        """Run one job after the other. Raises DemoError if a result is wrong, and whatever the host raises."""
        yield self._frame_index()
        yield from self._frame_counter()
        yield from self._batch()
        yield self._resume()

    def _frame_index(self) -> Job:
        prompt = self._load("a_frame_index")
        files, seconds = self._run_all([at_frame(prompt, frame, FRAMES) for frame in range(FRAMES)])
        _expect(len(files) == FRAMES, f"{FRAMES} prompts should save {FRAMES} frames, not {len(files)}")
        checks = [_embedded(files[-1], at_frame(prompt, FRAMES - 1, FRAMES), ("5", "7"))]
        return Job("a  Frame index: one prompt per frame", files, seconds, checks)

    def _frame_counter(self) -> Iterator[Job]:
        prompt = self._load("b_frame_counter")
        saved, seconds = self._run_all([at_frame(prompt, frame, FRAMES) for frame in range(FRAMES)])
        files, again = ([path for path in saved if path.suffix == suffix] for suffix in (".png", ".jpg"))
        _expect(len(files) == FRAMES, f"{FRAMES} prompts should save {FRAMES} frames, not {len(files)}")
        _expect(len(again) == FRAMES, f"the final frame should save all {FRAMES} frames again, not {len(again)}")

        past_the_end = at_frame(prompt, 0, FRAMES)
        past_the_end["1"]["inputs"]["frame_index"] = FRAMES
        before = sorted(files[0].parent.iterdir())
        more, _ = self._run_all([past_the_end])
        _expect(not more and sorted(files[0].parent.iterdir()) == before, "past the end nothing should be written")
        checks = [f'prompt {FRAMES + 1} of {FRAMES}: "stop output" rendered nothing and wrote nothing']
        yield Job("b  Frame counter: counts, and stops at the end", files, seconds, checks)
        yield Job("b  Animation to images: after the final frame, the whole animation as one batch", again, 0, [])

    def _batch(self) -> Iterator[Job]:
        saved, seconds = self._run_all([self._load("c_save_batch")])
        _expect(len(saved) == BATCH, f"a batch of {BATCH} images should give {BATCH} frames, not {len(saved)}")
        yield Job("c  Batch: a batch in, a folder of frames out", saved, seconds, [])
        again, seconds = self._run_all([self._load("d_read_back")])
        checks = [_same_pixels(saved, again, "the loaded frames")]
        yield Job("d  Read back: the saved frames loaded as a batch, and saved again", again, seconds, checks)

    def _resume(self) -> Job:
        whole = [self.output / "demo" / "b_nightfall" / f"nightfall_{frame:05d}.png" for frame in range(FRAMES)]
        folder = self.output / "demo" / "e_resume"
        folder.mkdir(parents=True)
        for path in whole[:_DONE_BEFORE_RESUME]:
            shutil.copy2(path, folder)
        left = FRAMES - _DONE_BEFORE_RESUME
        # One run more than needed: it finds all frames on disk and stops.
        files, seconds = self._run_all([self._load("e_resume")] * (left + 1))
        _expect(len(files) == left, f"{left} frames were left to render, {len(files)} were saved")
        everything = sorted(folder.iterdir())
        checks = [
            f"{_DONE_BEFORE_RESUME} frames existed; running the same prompt {left + 1} times rendered the other {left}",
            _same_pixels(whole, everything, "the uninterrupted render of job b"),
        ]
        return Job("e  Resume: continues after the frames on disk", everything, seconds, checks)

    def _load(self, name: str) -> Prompt:
        return load_prompt(PROMPTS / f"{name}.json")

    def _run_all(self, prompts: Sequence[Prompt]) -> tuple[list[Path], float]:
        """(files saved in the output folder, in order; seconds)."""
        workflow = {"version": 0.4, "nodes": [], "links": [], "extra": {"made_by": "dev.py demo"}}
        start = time.perf_counter()
        results = [self.host.run(prompt, {"workflow": workflow}) for prompt in prompts]
        seconds = time.perf_counter() - start
        files = []
        for prompt, outputs in zip(prompts, results, strict=True):
            for node_id, shown in outputs.items():
                if prompt[node_id]["class_type"].startswith("ImageSequenceSave"):
                    files += [self.output / image["subfolder"] / image["filename"] for image in shown["images"]]
        missing = [path.name for path in files if not path.is_file()]
        _expect(not missing, f"reported as saved, but not on disk: {', '.join(missing)}")
        return files, seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns the exit code."""
    options = _parser().parse_args(arguments)
    base: Path = options.output.absolute()
    output = base / "output"
    # Delete only the files of an earlier demo: the folder may hold others.
    shutil.rmtree(output / "demo", ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)

    sheet: list[tuple[str, Sequence[Path]]] = []
    try:
        with _host(options, output) as host:
            print(f"Frames go to {output / 'demo'}\n")
            for job in Demo(host, output).jobs():
                _report(job)
                sheet.append((job.title, job.files))
    except (DemoError, ServerError, OSError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    contact_sheet(sheet, base / "contact-sheet.png")
    print(f"\nAll frames on one image: {base / 'contact-sheet.png'}")
    return 0


@contextlib.contextmanager
def _host(options: argparse.Namespace, output: Path) -> Iterator[Host]:
    # A temporary folder: the pack must not be linked into itself, and ComfyUI leaves a database and settings there.
    with tempfile.TemporaryDirectory(prefix="image-sequence-demo-", ignore_cleanup_errors=True) as scratch:
        if options.comfyui is None:
            from devtools.embedded_host import EmbeddedHost  # noqa: PLC0415 - imports torch, which a real ComfyUI has itself

            print("Running the nodes in a small stand-in for ComfyUI (use --comfyui DIR for a real one).")
            with EmbeddedHost(Path(scratch), PACK, output_directory=output) as host:
                yield host
        else:
            python = comfyui_python(options.comfyui, options.python)
            folders = ["--output-directory", str(output)]
            print(f"Starting ComfyUI in {options.comfyui} with {python}. This may take a minute.", flush=True)
            with ComfyUIServer(options.comfyui, python, Path(scratch), PACK, folders) as server:
                version = server.get_json("/system_stats")["system"].get("comfyui_version", "of unknown version")
                print(f"ComfyUI {version} is running.")
                yield server


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Run the example prompts and show their frames.")
    parser.add_argument("--comfyui", type=Path, metavar="DIR", help="run them in this ComfyUI instead of a stand-in")
    parser.add_argument("--python", type=Path, metavar="PYTHON", help="a Python with ComfyUI's requirements")
    parser.add_argument("--output", type=Path, metavar="DIR", default=PACK / "demo-output", help="folder for the files")
    return parser


def _report(job: Job) -> None:
    size = sum(path.stat().st_size for path in job.files)
    span = f"{job.files[0].parent.name}/{job.files[0].name} .. {job.files[-1].name}"
    seconds = f", {job.seconds:.2f} s" if job.seconds else ""
    print(job.title)
    print(f"   {span}: {len(job.files)} frames, {size / 1000:,.0f} kB{seconds}")
    for check in job.checks:
        print(f"   {check}")
    sys.stdout.flush()


def _same_pixels(expected: Sequence[Path], got: Sequence[Path], what: str) -> str:
    _expect(len(expected) == len(got), f"{len(got)} frames instead of {len(expected)}")
    for one, other in zip(expected, got, strict=True):
        with Image.open(one, formats=("PNG",)) as first, Image.open(other, formats=("PNG",)) as second:
            same = first.mode == second.mode and np.array_equal(np.asarray(first), np.asarray(second))
        _expect(same, f"{other} differs from {one}")
    return f"all {len(got)} are identical to {what}, pixel for pixel (checked with Pillow)"


def _embedded(path: Path, prompt: Prompt, node_ids: Sequence[str]) -> str:
    """Check that the file contains the prompt that made it (at least the inputs of `node_ids`) and the workflow."""
    with Image.open(path, formats=("PNG",)) as picture:
        text = {key: json.loads(value) for key, value in picture.info.items() if key in ("prompt", "workflow")}
    _expect(sorted(text) == ["prompt", "workflow"], f"{path} should contain prompt and workflow, not {sorted(text)}")
    same = all(text["prompt"][node_id]["inputs"] == prompt[node_id]["inputs"] for node_id in node_ids)
    _expect(same, f"the prompt in {path} is not the one that made it")
    return f"prompt and workflow are inside: drop {path.name} into ComfyUI"


def _expect(truth: bool, message: str) -> None:
    if not truth:
        raise DemoError(message)


if __name__ == "__main__":
    sys.exit(main())
