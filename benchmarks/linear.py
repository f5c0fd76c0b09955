"""Checks that the cost per frame does not grow with the sequence: `python -m benchmarks.linear [100 1000 10000]`.

It saves one batch, loads one batch, browses their folder and saves frame by frame, with 64 x 64 frames in the stand-in for ComfyUI. A run of
one frame makes all the calls that ComfyUI makes: IS_CHANGED, check_lazy_status and the save. It reports CPU time, directory
listings and the growth of peak memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks.end_to_end import write_frames
from benchmarks.hosts import InProcess, Prompt, node
from benchmarks.measure import PeakMemory, Report, cpu_seconds, machine
from io_utils.comfyui import browse
from io_utils.formats.png.encode import encode_png

SIDE = 64


class Repeated:
    """`count` copies of one frame, without copying its memory."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "bench", ("IMAGE",)
    FRAME = torch.rand((1, SIDE, SIDE, 3), generator=torch.Generator().manual_seed(0))

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"count": ("INT", {"default": 1})}}

    def run(self, count: int) -> tuple[torch.Tensor]:
        return (self.FRAME.expand(count, SIDE, SIDE, 3),)


def save_batch(host: InProcess, count: int) -> None:
    save = node(
        "ImageSequenceSaveBatch",
        images=["source", 0],
        path_pattern=f"{count}/{{:05d}}.png",
        start_index=0,
        overwrite="error",
    )
    host.run({"source": node("Repeated", count=count), "save": save})


def load_batch(host: InProcess, count: int) -> None:
    load = node(
        "ImageSequenceLoadBatch",
        path_pattern=f"{count}/{{:05d}}.png",
        start_index=0,
        frame_count=0,
        ignore_missing_images="false",
    )
    host.run({"load": load, "sink": node("BenchSink", images=["load", 0])})


def one_frame_runs(host: InProcess, count: int) -> None:
    saver = host.host.node_classes["ImageSequenceSaveFrame"]
    settings = {"filename_prefix": f"one_by_one/{count}", "digits": 5, "filetype": "png", "on_existing": "skip"}
    for number in range(count):
        save = node("ImageSequenceSaveFrame", images=["source", 0], current_frame=number, **settings)
        prompt: Prompt = {"source": node("Repeated", count=1), "save": save}
        lists = {name: [value] for name, value in settings.items()}
        with host.host.comfyui.installed():  # the stand-in does not call IS_CHANGED
            saver.IS_CHANGED(unique_id=["save"], images=(None,), current_frame=[number], **lists)
        host.run(prompt)


def browse_folder(host: InProcess, count: int) -> None:
    """Ask the browse route for the folder that `save_batch` wrote."""
    with host.host.comfyui.installed():
        answered = browse.answering({})({"type": "output", "subfolder": f"{count}"}, ())
    assert answered.status == 200, answered.body


@contextmanager
def listings(folder: Path) -> Iterator[list[str]]:
    """Records every listing of `folder` and the folders below it within the block."""
    listed: list[str] = []

    def counting(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any = ".") -> Any:
            if isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder):
                listed.append(os.fspath(path))
            return function(path)

        return counted

    with ExitStack() as patches:
        for name in ("listdir", "scandir"):
            patches.enter_context(mock.patch.object(os, name, counting(getattr(os, name))))
        yield listed


def one_frame_table(report: Report, size: tuple[int, int], count: int) -> None:
    """CPU time of a run that saves one photograph, and of its parts: the host with a sink, and the encoder alone."""
    with tempfile.TemporaryDirectory(prefix="image-sequence-bench-") as base, InProcess(Path(base)) as host:
        write_frames(Path(base), size, count)
        source = {"source": node("BenchSource", count=count)}
        photographs = np.load(Path(base) / "frames.npy")

        def run(save: bool) -> None:
            for number in range(count):
                settings: dict[str, object] = {"filename_prefix": "one/f", "current_frame": number} if save else {}
                kind = "ImageSequenceSaveFrame" if save else "BenchSink"
                frame = node("BenchPick", images=["source", 0], index=number)
                host.run({**source, "frame": frame, "save": node(kind, images=["frame", 0], **settings)})

        run(save=False)
        host_alone, _ = cpu_seconds(1, run, False)
        saving, _ = cpu_seconds(1, run, True)
        encoding, _ = cpu_seconds(1, lambda: [encode_png(pixels) for pixels in photographs])
    seconds = {"saving": saving - host_alone, "of which encoding": encoding, "ComfyUI's part, not included": host_alone}
    cells = [[title, f"{value / count * 1e3:.2f}"] for title, value in seconds.items()]
    report.table(f"a run of one frame, {size[0]} x {size[1]}", ["CPU ms"], cells)


def tables(report: Report, counts: Sequence[int]) -> None:
    """One table for each job, with a row for each number of frames."""
    with tempfile.TemporaryDirectory(prefix="image-sequence-bench-") as base, InProcess(Path(base)) as host:
        host.host.node_classes["Repeated"] = Repeated
        for job in (save_batch, load_batch, browse_folder, one_frame_runs):
            rows = []
            job(host, 9)  # imports, thread pools
            for count in counts:
                memory = PeakMemory(os.getpid())
                with listings(host.output) as listed:
                    seconds, _ = cpu_seconds(1, job, host, count)
                growth = memory.growth() / 2**20
                tensor = count * SIDE**2 * 12 / 2**20 if job is load_batch else 0
                rows.append(
                    [f"{count}", f"{seconds / count * 1e3:.3f}", f"{len(listed)}", f"{growth:.0f}", f"{tensor:.0f}"]
                )
            columns = ["CPU ms per frame", "listings", "peak growth, MiB", "of which images"]
            report.table(f"{job.__name__.replace('_', ' ')}, {SIDE} x {SIDE}", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[100, 1000, 10000])
    counts = parser.parse_args().counts
    report = Report()
    report.line(machine())
    tables(report, counts)


if __name__ == "__main__":
    main()
