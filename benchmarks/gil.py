"""Measures which share of a frame's time holds Python's global lock (GIL): `python -m benchmarks.gil [--size WxH]`.

A frame is quantised, encoded and written on one thread, as in a batch, but without fsync, during which others work. What holds
the lock never runs beside other frames, so one divided by the share is how many frames a batch can work on at once at most.

While another process works, this one reads from its memory whether its lock is taken. So measuring slows nothing down, and
neither do other programs change the share much. A thread in C that reads the lock without pause at the same time gives shares
that are 0 to 2 points higher. Needs Linux and CPython, and to be allowed to read the memory of a child.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from benchmarks import corpus
from benchmarks.measure import Report, machine, parsed_size
from io_utils.formats.file_type import FileType
from io_utils.saving.atomic import write_whole

# Title -> content, whether its channels are in planes, the type of file.
KINDS = {
    "photograph, PNG": ("photo", False, FileType.PNG),
    "photograph as VAE Decode leaves it, PNG": ("photo", True, FileType.PNG),
    "mask, PNG": ("mask", False, FileType.PNG),
    "photograph, EXR half": ("photo", False, FileType.EXR_HALF),
}
# Every 0.1 ms for this long: the share is exact to 0.3 %.
SECONDS, PAUSE = 2.0, 1e-4

Size = tuple[int, int]


def lock_table(report: Report, size: Size, seconds: float = SECONDS) -> None:
    """Report the share of each kind. Reports one line instead where it cannot be measured."""
    try:
        shares = {title: share_with_lock(title, size, seconds) for title in KINDS}
    except (OSError, LookupError) as error:
        report.line(f"The share of the GIL cannot be measured here: {error}.")
        return
    report.table(
        "a frame on one thread",
        ["CPU ms", "share with the GIL", "frames at once, at most"],
        [[title, f"{ms:.1f}", f"{share:.1%}", f"{1 / share:.0f}"] for title, (ms, share) in shares.items()],
    )


def share_with_lock(title: str, size: Size, seconds: float) -> tuple[float, float]:
    """(CPU time of a frame in ms, the share of its time in which a thread of the process holds the lock).

    Raises OSError if the memory of a child cannot be read, LookupError if this Python has no such lock.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_work, args=(theirs, title, size), daemon=True)
    child.start()
    try:
        address = ours.recv()
        if address is None:
            raise LookupError("this Python keeps its lock elsewhere")
        taken = samples = 0
        with open(f"/proc/{child.pid}/mem", "rb", buffering=0) as memory:
            ours.send("begin")
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                taken += os.pread(memory.fileno(), 4, address) != bytes(4)
                samples += 1
                time.sleep(PAUSE)
        ours.send("end")
        milliseconds: float = ours.recv()
        return milliseconds, taken / samples
    finally:
        child.kill()
        child.join()


def _work(parent: Connection, title: str, size: Size) -> None:
    """Save frames on the main thread from the parent's first message to its second."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(os, "fsync"):
        save = _saver(title, size, Path(folder) / "frame")
        save()
        parent.send(_lock_address())
        parent.recv()
        start, frames = time.process_time(), 0
        while not parent.poll():
            save()
            frames += 1
        parent.send((time.process_time() - start) / frames * 1e3)
        parent.recv()  # until the parent ends this process


def _saver(title: str, size: Size, path: Path) -> Callable[[], None]:
    content, planes, filetype = KINDS[title]
    values = corpus.frames(content, size, 0).astype(np.float32) / 255
    image = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)) if planes else values)
    image = image.movedim(0, -1) if planes else image
    return lambda: write_whole(path, filetype.encode_frame(image, {}).data, replace=True)


def _lock_address() -> int | None:
    """Where this process keeps whether its lock is taken, an int; None if it is not found.

    CPython's struct _gil_runtime_state begins with the switch interval, the last holder and `locked`: in _PyRuntime up to 3.11, in
    the interpreter's state since 3.12 (Include/internal/pycore_gil.h).
    """
    python = ctypes.pythonapi
    state, interpreter = python.PyThreadState_Get, python.PyInterpreterState_Get
    state.restype = interpreter.restype = ctypes.c_void_p
    pattern = struct.pack("@LP", round(sys.getswitchinterval() * 1e6), state())
    runtime = ctypes.addressof(ctypes.c_char.in_dll(python, "_PyRuntime"))
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for start in (runtime, interpreter()):
            place = os.pread(memory.fileno(), 2**20, start).find(pattern)
            if place >= 0:
                return int(start) + place + len(pattern)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    report = Report()
    report.line(machine())
    lock_table(report, parser.parse_args().size)


if __name__ == "__main__":
    main()
