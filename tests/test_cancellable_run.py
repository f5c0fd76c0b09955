"""Work on many frames at once. Here threads wait for each other by events and never by the clock."""

from __future__ import annotations

import sys
import threading
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from io_utils.cancellable_run import in_flight, worker_count
from io_utils.comfyui.report import comfyui_run


def each(*args: Any, **options: Any) -> list[Any]:
    return comfyui_run().each(*args, **options)


# Seconds. Only an event that never comes, which is a bug, takes that long: the test then fails instead of hanging.
PATIENCE = 300


class InterruptProcessingException(Exception):  # noqa: N818 ComfyUI's name
    pass


class ComfyUI:
    """Stands in for ComfyUI's progress bar and Cancel button, and records their calls and the threads of these."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []
        self.threads: set[threading.Thread] = set()
        self.cancelled = threading.Event()
        self.asked = 0

    def throw_exception_if_processing_interrupted(self) -> None:
        self.threads.add(threading.current_thread())
        self.asked += 1
        if self.cancelled.is_set():
            self.cancelled.clear()  # ComfyUI clears its flag when it raises
            raise InterruptProcessingException

    def bar(self, total: int) -> Any:
        self.threads.add(threading.current_thread())
        return self

    def update_absolute(self, value: int, total: int) -> None:
        self.threads.add(threading.current_thread())
        self.shown.append((value, total))


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch) -> ComfyUI:
    stand_in = ComfyUI()
    utils, model_management = ModuleType("comfy.utils"), ModuleType("comfy.model_management")
    utils.ProgressBar = stand_in.bar  # type: ignore[attr-defined]
    model_management.throw_exception_if_processing_interrupted = stand_in.throw_exception_if_processing_interrupted  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comfy", ModuleType("comfy"))
    monkeypatch.setitem(sys.modules, "comfy.utils", utils)
    monkeypatch.setitem(sys.modules, "comfy.model_management", model_management)
    return stand_in


@pytest.fixture(params=[1, 2, 4], ids=lambda cores: f"{cores} cores")
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of cores that the process may use, according to the system."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(request.param)), raising=False)
    return request.param


@pytest.fixture
def four_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cores, so that four items are processed at once."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(3)), raising=False)


def test_results_are_in_the_order_of_the_items_whichever_finishes_first(four_at_once: None) -> None:
    later_items_done = threading.Event()

    def work(item: int) -> int:
        if item == 10:  # starts after 3 to 9 are done, on the one worker that is free
            later_items_done.set()
        if item < 3:
            assert later_items_done.wait(PATIENCE)
        return item * 10

    assert each(work, range(50)) == [item * 10 for item in range(50)]


def test_without_items_there_are_no_results(comfyui: ComfyUI) -> None:
    assert each(lambda item: item, []) == []


def test_at_most_one_item_more_than_cores_is_in_progress(cores: int) -> None:
    lock, all_busy = threading.Lock(), threading.Event()
    working, most = 0, 0

    def work(item: int) -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
            if working == cores + 1:
                all_busy.set()
        assert all_busy.wait(PATIENCE)  # the first items wait until all have started
        with lock:
            working -= 1

    each(work, range(5 * cores))

    assert most == cores + 1 == in_flight()


def test_items_do_not_queue_up_ahead_of_the_workers(four_at_once: None) -> None:
    """An item is taken when a worker is free for it, so items that have not started cost nothing."""
    produced: list[int] = []
    taken: list[int] = []
    go_on = threading.Event()

    class Items(list[int]):
        def __iter__(self) -> Any:
            for item in range(100):
                produced.append(item)
                yield item

    def work(item: int) -> int:
        if item == 3:
            taken.append(len(produced))
            go_on.set()
        assert go_on.wait(PATIENCE)
        return item

    assert each(work, Items(range(100))) == list(range(100))
    assert taken[0] <= 4


def test_progress_counts_up_to_the_number_of_items(comfyui: ComfyUI, cores: int) -> None:
    each(lambda item: item, range(10))

    done = [value for value, _ in comfyui.shown]
    assert done == sorted(set(done))
    assert comfyui.shown[-1] == (10, 10)
    assert {total for _, total in comfyui.shown} == {10}


def test_progress_and_cancel_use_the_calling_thread_only(comfyui: ComfyUI, cores: int) -> None:
    threads = set()
    each(lambda item: threads.add(threading.current_thread()), range(10))

    assert comfyui.threads == {threading.current_thread()}
    assert comfyui.asked
    assert threading.current_thread() not in threads


def test_after_cancel_no_item_starts_and_those_in_progress_finish(comfyui: ComfyUI, four_at_once: None) -> None:
    started, finished = [], []
    all_busy = threading.Barrier(4)

    def work(item: int) -> None:
        started.append(item)
        all_busy.wait(PATIENCE)
        comfyui.cancelled.set()  # the user presses Cancel while four items are in progress
        finished.append(item)

    with pytest.raises(InterruptProcessingException):
        each(work, range(100))

    assert sorted(started) == sorted(finished) == [0, 1, 2, 3]


def test_cancel_is_noticed_while_a_long_item_is_in_progress(comfyui: ComfyUI, four_at_once: None) -> None:
    asked_again = threading.Event()
    ask = comfyui.throw_exception_if_processing_interrupted

    def work(item: int) -> None:
        comfyui.cancelled.set()
        assert asked_again.wait(PATIENCE)

    def notice() -> None:
        try:
            ask()
        except InterruptProcessingException:
            asked_again.set()
            raise

    sys.modules["comfy.model_management"].throw_exception_if_processing_interrupted = notice  # type: ignore[attr-defined]
    with pytest.raises(InterruptProcessingException):
        each(work, [1, 2])


class TestASingleItem:
    """Most runs of a render save one frame. Starting a thread for it would take longer than some frames do."""

    def test_is_worked_on_in_the_calling_thread(self, comfyui: ComfyUI) -> None:
        assert each(lambda item: (item, threading.current_thread()), [7]) == [(7, threading.current_thread())]
        assert comfyui.shown == [(1, 1)]

    def test_is_finished_before_a_cancel_passes_through(self, comfyui: ComfyUI) -> None:
        finished: list[int] = []

        def work(item: int) -> None:
            comfyui.cancelled.set()
            finished.append(item)

        with pytest.raises(InterruptProcessingException):
            each(work, [1])

        assert finished == [1]
        assert comfyui.shown == []

    def test_is_not_begun_after_a_cancel(self, comfyui: ComfyUI) -> None:
        comfyui.cancelled.set()
        started: list[int] = []

        with pytest.raises(InterruptProcessingException):
            each(started.append, [1])

        assert started == []


def test_after_cancel_before_the_first_item_no_item_starts(comfyui: ComfyUI) -> None:
    comfyui.cancelled.set()
    started: list[int] = []

    with pytest.raises(InterruptProcessingException):
        each(started.append, range(10))

    assert started == []


def test_a_cancel_raised_by_the_progress_bar_passes_through(
    comfyui: ComfyUI, four_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(value: int, total: int) -> None:
        raise InterruptProcessingException

    monkeypatch.setattr(comfyui, "update_absolute", cancelled)
    started: list[int] = []

    with pytest.raises(InterruptProcessingException):
        each(started.append, range(100))

    assert len(started) <= 4


def test_after_the_first_error_no_item_starts_and_those_in_progress_finish(four_at_once: None) -> None:
    started, finished = [], []
    all_busy, failed = threading.Barrier(4), threading.Event()

    def work(item: int) -> None:
        started.append(item)
        all_busy.wait(PATIENCE)
        if item == 2:
            failed.set()
            raise OSError(28, "No space left on device")
        assert failed.wait(PATIENCE)
        finished.append(item)

    with pytest.raises(OSError, match="No space left on device"):
        each(work, range(100))

    assert 2 in started
    assert sorted([*finished, 2]) == sorted(started)
    assert len(started) < 100


def test_of_several_simultaneous_errors_one_is_raised_unchanged(four_at_once: None) -> None:
    all_busy = threading.Barrier(4)

    def work(item: int) -> None:
        all_busy.wait(PATIENCE)
        raise ValueError(f"frame {item}")

    with pytest.raises(ValueError, match=r"frame [0-3]"):
        each(work, range(100))


def test_the_traceback_of_an_error_leads_to_the_work(four_at_once: None) -> None:
    def work(item: int) -> None:
        raise KeyError(item)

    with pytest.raises(KeyError) as caught:
        each(work, [7])

    assert caught.traceback[-1].name == "work"


def test_no_thread_is_left_over(four_at_once: None) -> None:
    before = threading.active_count()
    each(lambda item: item, range(10))
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [0])

    assert threading.active_count() == before


def test_there_is_one_worker_if_the_number_of_cores_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)

    assert worker_count() == 1


class Clock:
    """A clock that shows the time that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class TestProgressEvents:
    """The results so far, which a run sends to the browser while it works."""

    def test_hold_the_results_so_far(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("io_utils.cancellable_run.in_flight", lambda: 1)
        clock, events = Clock(monkeypatch), []

        def work(item: int) -> int:
            clock.now += 1
            return item * 10

        each(work, range(5), lambda results: events.append(dict(results)))

        assert events == [{position: position * 10 for position in range(done)} for done in (1, 2, 3, 4)]

    def test_come_at_most_four_times_a_second(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        clock, events = Clock(monkeypatch), []
        lock = threading.Lock()

        def work(item: int) -> None:
            with lock:
                clock.now += 1 / 64

        each(work, range(256), lambda results: events.append(clock.now))

        assert 2 <= len(events) <= 16
        assert min(later - sooner for sooner, later in pairwise(events)) >= 0.25

    def test_do_not_come_from_a_short_run(self, cores: int) -> None:
        events: list[int] = []

        each(lambda item: item, range(3), lambda results: events.append(len(results)))

        assert events == []

    def test_never_hold_all_results(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So a run of one frame sends none."""
        clock, events = Clock(monkeypatch), []  # type: ignore[var-annotated]

        def work(item: int) -> None:
            clock.now += 1

        each(work, [1], events.append)

        assert events == []

    def test_come_on_the_calling_thread(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        clock, threads = Clock(monkeypatch), set()

        def work(item: int) -> None:
            clock.now += 1

        each(work, range(20), lambda results: threads.add(threading.current_thread()))

        assert threads == {threading.current_thread()}

    def test_let_a_cancel_pass_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock(monkeypatch)

        def work(item: int) -> None:
            clock.now += 1

        def cancelled(results: Any) -> None:
            raise InterruptProcessingException

        with pytest.raises(InterruptProcessingException):
            each(work, range(20), cancelled)
