"""Frames wait for memory, and none waits for ever."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.checking.budget import Budget

PATIENCE = 300  # seconds; only a frame that waits for ever takes them


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_all_frames_get_through_and_never_hold_more_than_there_is(sizes: list[int]) -> None:
    budget, lock, now, most = Budget(40), threading.Lock(), [], []

    def work(size: int) -> None:
        with budget.taking(size):
            with lock:
                now.append(size)
                most.append((sum(now), len(now)))
            with lock:
                now.remove(size)

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert len(most) == len(sizes)
    assert all(held <= 40 or count == 1 or held == max(sizes) for held, count in most)


def test_a_frame_waits_until_another_is_done() -> None:
    budget, entered, leave, done = Budget(10), threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with budget.taking(8):
            entered.set()
            assert leave.wait(PATIENCE)

    def second() -> None:
        with budget.taking(3):
            assert leave.is_set(), "it was let in beside the first"
            done.set()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(PATIENCE)
    threads[1].start()
    leave.set()
    assert done.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)


def test_memory_is_given_back_after_an_error() -> None:
    budget = Budget(10)
    with pytest.raises(KeyError), budget.taking(10):
        raise KeyError

    with budget.taking(10):
        pass


def test_without_a_limit_nobody_waits() -> None:
    budget = Budget(None)

    with budget.taking(10**12), budget.taking(10**12):
        pass
