"""Run: what work on many frames reports to and asks, and the threads that do the work.

The nodes hand a Run in, so that saving and loading know neither ComfyUI nor the browser.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# How soon a Cancel is noticed while long frames are under way.
_CANCEL_POLL_SECONDS = 0.1

# Each event makes the browser fetch a picture: as often as people look, not as often as there are frames.
_TELL_SECONDS = 0.25


def worker_count() -> int:
    """How many cores this process may use: encoding and decoding release the GIL, so as many threads can work."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def in_flight() -> int:
    """How many frames are worked on at any time: one a core, and one more.

    While one frame waits for the disk, its core encodes another: 60 frames of 1024 x 1024 on 2 cores take 0.57 s, against
    0.61 with one a core, and flushing them to the disk costs 5 % instead of 10.
    """
    return worker_count() + 1


def _no_progress_bar(_total: int) -> Callable[[int], None]:
    return lambda done: None


@dataclass(frozen=True)
class Run:
    """What saving and loading report to and ask. Without arguments nobody watches and nobody cancels.

    progress_bar: given the number of steps, returns the function that shows how many are done.
    raise_if_cancelled: raises the host's exception once the user has pressed Cancel.
    tell: hears of frames while others are under way: (sequence, frame number) pairs of those that are done, the latest
        last; the numbers of all frames; the step between them.
    float_dtype: of the tensors that loading makes.

    All of them are called in the thread that began the work, never in a worker.
    """

    progress_bar: Callable[[int], Callable[[int], None]] = _no_progress_bar
    raise_if_cancelled: Callable[[], None] = lambda: None
    tell: Callable[[Sequence[tuple[Any, int]], Sequence[int], int], None] = lambda done, numbers, step: None
    float_dtype: torch.dtype = torch.float32

    def each(
        self,
        work: Callable[[Item], Result],
        items: Sequence[Item],
        tell: Callable[[Mapping[int, Result]], None] = lambda results: None,
        *,
        steps_before: int = 0,
        steps_after: int = 0,
    ) -> list[Result]:
        """`[work(item) for item in items]` on threads, `in_flight()` items at any time, under the caller's conditions.

        Each item is a step of the progress bar; `steps_before` and `steps_after` count the steps of the work around this.
        On Cancel, and on the first error, nothing new begins, what is in flight is finished, then the exception is
        raised: of several errors, that of the first item.

        `tell(results)` is called with what is done so far, results by the position of their items, the latest last: four
        times a second at most, and not when all is done, as the returned list says it then.
        """
        if not items:
            return []
        show_done = self.progress_bar(steps_before + len(items) + steps_after)
        results: dict[int, Result] = {}
        told = time.monotonic()
        workers = min(in_flight(), len(items))
        with ThreadPoolExecutor(workers, thread_name_prefix="image-sequence") as pool:
            work_as_caller = _as_caller(work)
            waiting = iter(enumerate(items))
            running: dict[Future[Result], int] = {}
            while len(results) < len(items):
                self.raise_if_cancelled()
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
