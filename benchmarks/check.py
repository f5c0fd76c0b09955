"""Check Image Sequence against programs that look at the same files: `python -m benchmarks.check [--frames N] [--size WxH] [--decode]`.

Wall and CPU time for a folder of frames, the best of three runs after one that fills the system's cache; as a ratio to `os.stat` of
every file, the least that anybody can do. Pillow's `Image.open` reads the header alone; with `verify()` it reads the whole file
and compares checksums, which is the usual way to look for torn frames, and with `load()` it decodes. The frames are written by
this pack, with a workflow of 20 KB, and by OpenCV, whose files have a chunk for every 8 KB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks import corpus
from benchmarks.measure import PeakMemory, Report, machine, parsed_size, wall_seconds
from io_utils.checking.check import check
from io_utils.checking.choose import CheckRequest
from io_utils.formats.base import Extras
from io_utils.formats.png.format import PNG
from io_utils.frame_identity import FrameIdentity
from io_utils.naming.allowed_roots import ANYWHERE
from io_utils.policies import Thoroughness

RUNS = 3
WORKFLOW = "w" * 20_000


def by_this_pack(path: Path, pixels: np.ndarray, number: int) -> None:
    identity = FrameIdentity("0" * 64, number).text
    path.write_bytes(PNG.encode(pixels, {"workflow": WORKFLOW}, extras=Extras(identity=identity)))


def by_opencv(path: Path, pixels: np.ndarray, number: int) -> None:
    cv2.imwrite(str(path), pixels)


def write(
    folder: Path, frames: int, size: tuple[int, int], writer: Callable[[Path, np.ndarray, int], None]
) -> list[Path]:
    """Different pictures, eight of which are made and then shifted, because making one takes longer than writing it."""
    pictures = [corpus.frames("photo", size, seed) for seed in range(min(8, frames))]
    paths = [folder / f"f_{number:05d}.png" for number in range(frames)]
    for number, path in enumerate(paths):
        writer(path, np.roll(pictures[number % len(pictures)], number, axis=1), number)
    return paths


def checked(folder: Path, thoroughness: Thoroughness) -> None:
    request = CheckRequest(path_pattern=str(folder / "f_#####.png"), folder=ANYWHERE)
    report = check(request.choose(), thoroughness)
    if not report.is_good:
        raise AssertionError(report.text)


def each(look: Callable[[Path], object], paths: Sequence[Path]) -> None:
    for path in paths:
        look(path)


def opened(path: Path) -> None:
    with Image.open(path, formats=("PNG",)) as image:
        assert image.size


def verified(path: Path) -> None:
    with Image.open(path, formats=("PNG",)) as image:
        image.verify()


def loaded(path: Path) -> None:
    with Image.open(path, formats=("PNG",)) as image:
        image.load()


def table(report: Report, frames: int, size: tuple[int, int], decode: bool) -> None:
    rows = []
    for name, writer in (("this pack", by_this_pack), ("OpenCV", by_opencv)):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            paths = write(folder, frames, size, writer)
            ways: dict[str, Callable[[], None]] = {
                "os.stat": partial(each, os.stat, paths),
                "Pillow, open": partial(each, opened, paths),
                "Pillow, open and verify": partial(each, verified, paths),
                "check, quick": partial(checked, folder, Thoroughness.QUICK),
            }
            if decode:
                ways["Pillow, decode"] = partial(each, loaded, paths)
                ways["check, decode every frame"] = partial(checked, folder, Thoroughness.DECODE)
            least = 0.0
            for way, run in ways.items():
                run()
                memory, started = PeakMemory(os.getpid()), time.process_time()
                measured = [(wall_seconds(run), time.process_time()) for _ in range(RUNS)]
                seconds = min(wall for wall, _ in measured)
                cpu = min(after - before for (_, before), (_, after) in pairwise([(0.0, started), *measured]))
                least = least or seconds
                growth = memory.growth() / 1e6
                rows.append(
                    [
                        f"{way}, {name}'s files",
                        f"{seconds:.2f}",
                        f"{seconds / least:.0f}",
                        f"{cpu:.2f}",
                        f"{growth:.0f}",
                    ]
                )
    title = f"{frames:,} frames of {size[0]} x {size[1]}"
    report.table(title, ["seconds", "os.stat = 1", "CPU seconds", "MB more"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--size", type=parsed_size, default="256x144")
    parser.add_argument("--decode", action="store_true", help="also decode every frame, which takes minutes")
    parser.add_argument("--output", type=Path, default=Path("bench-output"))
    options = parser.parse_args()
    report = Report()
    report.line(machine())
    table(report, options.frames, options.size, options.decode)
    options.output.mkdir(parents=True, exist_ok=True)
    report.write(options.output / "check.md")


if __name__ == "__main__":
    main()
