"""Creates images and files for tests, lists the files on disk afterwards, and makes disks fail.

Each frame has one shade, the same grey value for all its pixels: `shades(10, 20)` is a batch of two, and
`on_disk(folder)` returns {"f_0000.png": 10, "f_0001.png": 20}. Pillow writes and reads here, never the code under test.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

HEIGHT, WIDTH = 4, 6

needs_links = pytest.mark.skipif(os.name == "nt", reason="creating links needs a privilege on Windows")


def shades(*values: int, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    """An IMAGE, (N, H, W, 3): one frame for each grey value 0..255."""
    grey = torch.tensor(values, dtype=torch.float32) / 255
    return grey[:, None, None, None].expand(-1, height, width, 3).clone()


def shades_of(images: torch.Tensor) -> list[int]:
    """The inverse of `shades`. Fails if a frame is not of one shade."""
    values = (images * 255).round().to(torch.int64)
    assert all(len(frame.unique()) == 1 for frame in values)
    shades: list[int] = values[:, 0, 0, 0].tolist()
    return shades


def image_of(pixels: np.ndarray) -> torch.Tensor:
    """The IMAGE of one frame, (1, H, W, C), from uint8 `pixels` (H, W, C)."""
    return torch.from_numpy(pixels.astype(np.float32) / np.float32(255))[None]


def noise(height: int = HEIGHT, width: int = WIDTH, channels: int = 3, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def put(path: Path, shade: int = 0, *, height: int = HEIGHT, width: int = WIDTH, mode: str = "L") -> Path:
    """Write a complete file of one shade to `path`, in the format of its extension. Creates the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = shade if mode == "L" else (*[shade] * (len(mode) - 1), shade // 2) if mode[-1] == "A" else (shade,) * 3
    Image.new(mode, (width, height), colour).save(path)
    return path


def put_frames(folder: Path, *numbers: int, name: str = "f_{:02d}.png") -> None:
    """Write a file for each frame number, with the number as its shade."""
    for number in numbers:
        put(folder / name.format(number), number)


def tear(path: Path, keep: int = -10) -> Path:
    """Truncate a file, as a kill during writing does. `keep` is the index at which it ends."""
    path.write_bytes(path.read_bytes()[:keep])
    return path


def delete(path: Path) -> None:
    """Delete a file and advance its folder's mtime: two changes within one tick of the clock have the same mtime."""
    path.unlink()
    changed = path.parent.stat().st_mtime_ns + 1_000_000_000
    os.utime(path.parent, ns=(changed, changed))


def as_lists(**inputs: Any) -> dict[str, list[Any]]:
    """Inputs as ComfyUI passes them to a node with INPUT_IS_LIST."""
    return {name: [value] for name, value in inputs.items()}


def decoded(path: Path) -> np.ndarray:
    """The pixels of the file in its own mode, decoded by Pillow."""
    with Image.open(path) as image:
        return np.asarray(image)


def shade(path: Path) -> int | str:
    """The grey value of a complete file, or "torn"."""
    try:
        pixels = decoded(path)
    except (OSError, SyntaxError):
        return "torn"
    assert pixels.min() == pixels.max(), f"{path} is not of one shade"
    return int(pixels.max())


def on_disk(folder: Path) -> dict[str, int | str]:
    """The shade of every file in and below `folder`, including hidden files and part files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): shade(path) for path in files}


def forbid_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to list a folder fail the test."""

    def fail(*_: object) -> None:
        raise AssertionError("a folder was listed")

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, fail)


class Fails:
    """A function of the system that raises OSError(`code`) if `when(call index, *arguments)`. `fired` counts the failures."""

    def __init__(self, real: Callable[..., Any], when: Callable[..., bool], code: int = errno.ENOSPC) -> None:
        self._real, self._when, self._code = real, when, code
        self._calls, self._lock = 0, threading.Lock()
        self.fired = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            call, self._calls = self._calls, self._calls + 1
        if self._when(call, *args):
            with self._lock:
                self.fired += 1
            raise OSError(self._code, os.strerror(self._code))
        return self._real(*args, **kwargs)


class InterruptProcessingException(Exception):  # noqa: N818 ComfyUI's name
    """A subclass of Exception, as in ComfyUI."""


def cancel_at(question: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace comfy.model_management by one whose user presses Cancel before the check number `question`, from 0.

    Returns the list of checks so far, numbered from 0. It raises once, because ComfyUI clears its flag when it raises.
    """
    asked: list[int] = []

    def throw_exception_if_processing_interrupted() -> None:
        asked.append(len(asked))
        if asked[-1] == question:
            raise InterruptProcessingException

    stand_in(
        monkeypatch,
        "comfy.model_management",
        throw_exception_if_processing_interrupted=throw_exception_if_processing_interrupted,
    )
    return asked


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: Any) -> None:
    """Install a module in place of ComfyUI's, with only these attributes."""
    module = ModuleType(name)
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, name, module)


def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the machine appear to have two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


def is_plain(value: Any) -> bool:
    """Whether `value` consists only of JSON's own types. A subclass may not survive ComfyUI's message loop."""
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (str, int, float, bool)


@contextmanager
def work_guard(lines: int, message: str = "it does far more work than it should") -> Iterator[None]:
    """Fail if the block runs more than `lines` lines of Python. Counts work instead of time, so that load does not matter.

    Coverage cannot see the block, because it uses the same trace function.
    """
    left = lines

    def count(*_: object) -> Callable[..., Any]:
        nonlocal left
        left -= 1
        assert left > 0, message
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)
    assert left > 0, message  # also if somebody caught the error that stopped the work
