"""What the farm's client costs a frame, what a second server brings, and whether memory stays flat over 10,000 frames.

    python -m benchmarks.farm                                in stand-ins for ComfyUI
    python -m benchmarks.farm --comfyui DIR [--python PY]    the first two tables in real servers

The client and every server are processes of their own, as on a farm.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import probe_nodes
from benchmarks.hosts import node
from benchmarks.measure import Report, machine
from devtools.comfyui_server import ComfyUIServer, comfyui_python

PACK = Path(__file__).resolve().parents[1]
FARM = PACK / "farm"
RUNS = 3


@dataclass
class Farm:
    """Servers that share an output folder."""

    output: Path
    urls: list[str]
    process_ids: list[int]


@dataclass
class Render:
    """One command: its wall clock in seconds, and the resident bytes of (client, first server) by frames done."""

    seconds: float
    frames: list[dict[str, Any]]
    resident: dict[int, tuple[int, int]]

    @property
    def milliseconds_a_frame(self) -> float:
        return 1000 * self.seconds / len(self.frames)


@contextlib.contextmanager
def farm(options: argparse.Namespace, count: int) -> Iterator[Farm]:
    """`count` servers with the nodes of the benchmarks."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as scratch, contextlib.ExitStack() as running:
        output = Path(scratch) / "output"
        output.mkdir()
        result = Farm(output, [], [])
        for number in range(count):
            base = Path(scratch) / f"server{number}"
            for folder in ("input", "models", "user", "custom_nodes/bench"):
                (base / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(probe_nodes.__file__, base / "custom_nodes" / "bench" / "__init__.py")
            python = comfyui_python(options.comfyui, options.python) if options.comfyui else Path(sys.executable)
            arguments = ("--output-directory", str(output))
            server = running.enter_context(ComfyUIServer(options.comfyui, python, base, PACK, arguments))
            result.urls.append(server.url)
            result.process_ids.append(server.process_id)
        yield result


def prompt(folder: Path, total: int, milliseconds: int) -> Path:
    """A file with a prompt: a counter, a frame that takes `milliseconds`, a saver."""
    counter = node("ImageSequenceFrameCounter", frame_index=0, total_frames=total, frames_per_second=25)
    waits = node("BenchWait", frame=["1", 1], milliseconds=milliseconds)
    settings = {"directory_path": "shot", "prefix": "shot", "digits": 5, "at_end": "stop output"}
    filetype = "png with embedded workflow"
    links = {"frame_counter": ["1", 0], "image": ["2", 0]}
    saver = node("ImageSequenceSaveCounted", **settings, **links, filetype=filetype)
    path = folder / "prompt.json"
    path.write_text(json.dumps({"1": counter, "2": waits, "3": saver}))
    return path


def render(program: str, arguments: list[str], measured: Farm | None = None, every: int = 0) -> Render:
    """Run a command of farm/ to its end. Raises CalledProcessError unless all frames are done."""
    command = [sys.executable, str(FARM / program), *arguments, "--json"]
    done = Render(0.0, [], {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "frame":
                done.frames.append(event)
                if measured and len(done.frames) % every == 0:
                    done.resident[len(done.frames)] = (_resident(process.pid), _resident(measured.process_ids[0]))
            elif event["event"] == "end":
                done.seconds = event["seconds"]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return done


def _resident(process_id: int) -> int:
    """Resident bytes of a process: proc(5), Linux."""
    return int(Path(f"/proc/{process_id}/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024


def overhead(report: Report, options: argparse.Namespace) -> None:
    """The cost of a frame beyond its rendering, on one server."""
    count, wait = (8, 50) if options.quick else (100, 100)
    rows = []
    with farm(options, 1) as running:
        file = prompt(running.output, count, wait)
        given = ["render", str(file), "--frames", f"0-{count - 1}", "--server", running.urls[0]]
        for lookahead in ("1", "2", "4"):
            rendered, kept = [], []
            for _ in range(1 if options.quick else RUNS):
                shutil.rmtree(running.output / "shot", ignore_errors=True)
                rendered.append(
                    render("comfyui_frames.py", [*given, "--lookahead", lookahead]).milliseconds_a_frame - wait
                )
                kept.append(render("comfyui_frames.py", [*given, "--lookahead", lookahead]).milliseconds_a_frame)
            rows.append([lookahead, f"{statistics.median(rendered):.1f}", f"{statistics.median(kept):.1f}"])
    title = f"lookahead ({count} frames, median of {RUNS} runs)"
    report.table(title, [f"a frame of {wait} ms: ms beyond that", "a kept frame: ms"], rows)


def scaling(report: Report, options: argparse.Namespace) -> None:
    """Two servers under Dask against one, with frames of 0.4 s."""
    count = 8 if options.quick else 96
    seconds = []
    with farm(options, 2) as running:
        file = prompt(running.output, count, 400)
        for urls in (running.urls[:1], running.urls):
            shutil.rmtree(running.output / "shot", ignore_errors=True)
            given = [str(file), "--frames", f"0-{count - 1}", "--servers", *urls, "--no-finish"]
            seconds.append(render("dask_render.py", given).seconds)
    one, two = seconds
    columns = ["1 server: s", "2 servers: s", "times as fast"]
    report.table("Dask", columns, [[f"{count} frames of 0.4 s", f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}"]])


def memory(report: Report, options: argparse.Namespace) -> None:
    """Resident memory of client and server over many frames, in the stand-in: half of the frames rendered, half kept."""
    count = 200 if options.quick else 10_000
    options = argparse.Namespace(**{**vars(options), "comfyui": None})
    with farm(options, 1) as running:
        file = prompt(running.output, count, 0)
        given = ["render", str(file), "--server", running.urls[0]]
        render("comfyui_frames.py", [*given, "--frames", f"0-{count - 1}:2"])
        done = render("comfyui_frames.py", [*given, "--frames", f"0-{count - 1}"], running, count // 10)
    states = [frame["state"] for frame in done.frames]
    rows = [[f"{frames:,}", *(f"{bytes_ / 2**20:.1f}" for bytes_ in both)] for frames, both in done.resident.items()]
    report.table("frames done", ["client: MiB", "server: MiB"], rows)
    report.line(
        f"{states.count('saved'):,} saved, {states.count('kept'):,} kept, {done.milliseconds_a_frame:.1f} ms a frame"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, help="a ComfyUI folder, to measure in real servers")
    parser.add_argument("--python", type=Path, help="a Python with ComfyUI's requirements")
    parser.add_argument("--quick", action="store_true", help="only check that it works")
    parser.add_argument("--only", choices=["overhead", "scaling", "memory"], help="one table")
    options = parser.parse_args()
    report = Report()
    report.line(f"{machine()}, load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else machine())
    for table in (overhead, scaling, memory):
        if options.only in (None, table.__name__):
            table(report, options)


if __name__ == "__main__":
    main()
