"""Work on many frames at once: bounded in flight, in step with ComfyUI's progress bar and Cancel button."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from . import host

Item = TypeVar("Item")
Result = TypeVar("Result")

# How soon a Cancel is noticed while long frames are under way.
_CANCEL_POLL_SECONDS = 0.1

# A picture in the browser each time: as often as one looks, not as often as there are frames.
_TELL_SECONDS = 0.25


def worker_count() -> int:
    """How many cores this process may use: encoding and decoding release the GIL, so as many threads can work."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def in_flight() -> int:
    """How many frames are worked on at any time: one a core, and one more.

    While a frame waits for the disk, its core encodes another: 60 frames of 1024 x 1024 on 2 cores take 0.57 s, against
    0.61 with one a core, and flushing them to the disk costs 5 % instead of 10.
    """
    return worker_count() + 1


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    tell: Callable[[Mapping[int, Result]], None] = lambda results: None,
    *,
    steps_before: int = 0,
    steps_after: int = 0,
) -> list[Result]:
    """`[work(item) for item in items]` on threads, `in_flight()` items at any time, under the caller's conditions.

    The main thread alone drives the progress bar and asks for Cancel: in a worker the question would use up the flag.
    On Cancel or on the first error nothing new is begun, what is in flight is finished, then the exception is raised:
    of several errors that of the first item.

    In the main thread too, `tell(results)` is called with what is done by then: results by the position of their items,
    the latest last. Four times a second at most, and not when all is done: what is returned then tells it.

    Each item is a step of the progress bar; `steps_before` and `steps_after` count the steps of the work around this.
    """
    if not items:
        return []
    show_done = host.progress_bar(steps_before + len(items) + steps_after)
    results: dict[int, Result] = {}
    told = time.monotonic()
    workers = min(in_flight(), len(items))
    with ThreadPoolExecutor(workers, thread_name_prefix="image-sequence") as pool:
        work_as_caller = _as_caller(work)
        waiting = iter(enumerate(items))
        running: dict[Future[Result], int] = {}
        while len(results) < len(items):
            host.raise_if_cancelled()
            while len(running) < workers and (upcoming := next(waiting, None)):
                running[pool.submit(work_as_caller, upcoming[1])] = upcoming[0]
            done, _ = wait(running, timeout=_CANCEL_POLL_SECONDS, return_when=FIRST_COMPLETED)
            if any(future.exception() for future in done):
                wait(running)
                done = set(running)
            for future in sorted(done, key=running.__getitem__):
                results[running.pop(future)] = future.result()
            if done:
                show_done(steps_before + len(results))
            if done and len(results) < len(items) and time.monotonic() - told >= _TELL_SECONDS:
                tell(results)
                told = time.monotonic()
    return [results[index] for index in range(len(items))]


def _as_caller(work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """`work`, wrapped to run on another thread in the inference and gradient modes of this one.

    PyTorch keeps both per thread, and ComfyUI runs nodes in inference mode: a thread outside it may not write into a
    tensor that was made inside it (https://pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html).
    """
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def work_as_caller(item: Item) -> Result:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return work(item)

    return work_as_caller
