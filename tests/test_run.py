"""Work on many frames at once. Threads wait for each other by events, never by the clock."""

from __future__ import annotations

import sys
import threading
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from io_utils.comfyui.report import comfyui_run
from io_utils.run import in_flight, worker_count


def each(*args: Any, **options: Any) -> list[Any]:
    return comfyui_run().each(*args, **options)


# An event that is never set is a bug of the test: it fails then, instead of hanging.
PATIENCE = 300  # seconds: only what never happens is waited for that long


class InterruptProcessingException(Exception):  # noqa: N818 ComfyUI's name
    pass


class ComfyUI:
    """What ComfyUI's progress bar and Cancel button saw, and on which thread."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []
        self.threads: set[threading.Thread] = set()
        self.cancelled = threading.Event()
        self.asked = 0

    def throw_exception_if_processing_interrupted(self) -> None:
        self.threads.add(threading.current_thread())
        self.asked += 1
        if self.cancelled.is_set():
            self.cancelled.clear()  # the question uses up the flag
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
    """The system says that the process may use this many."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(request.param)), raising=False)
    return request.param


@pytest.fixture
def four_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cores, and one item more than cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(3)), raising=False)


def test_results_come_in_the_order_of_the_items_whatever_is_done_first(four_at_once: None) -> None:
    later_ones_done = threading.Event()

    def work(item: int) -> int:
        if item == 10:  # begun once 3 to 9 are done, by the one worker that is left
            later_ones_done.set()
        if item < 3:
            assert later_ones_done.wait(PATIENCE)
        return item * 10

    assert each(work, range(50)) == [item * 10 for item in range(50)]


def test_no_items_are_no_work(comfyui: ComfyUI) -> None:
    assert each(lambda item: item, []) == []


def test_one_item_more_than_cores_is_under_way_and_never_more(cores: int) -> None:
    lock, all_busy = threading.Lock(), threading.Event()
    working, most = 0, 0

    def work(item: int) -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
            if working == cores + 1:
                all_busy.set()
        assert all_busy.wait(PATIENCE)  # the first ones stay until all are there
        with lock:
            working -= 1

    each(work, range(5 * cores))

    assert most == cores + 1 == in_flight()


def test_nothing_waits_in_a_queue_of_its_own(four_at_once: None) -> None:
    """Items are taken as there are workers for them: what is not begun costs nothing."""
    begun: list[int] = []
    taken: list[int] = []
    go_on = threading.Event()

    class Items(list[int]):
        def __iter__(self) -> Any:
            for item in range(100):
                begun.append(item)
                yield item

    def work(item: int) -> int:
        if item == 3:
            taken.append(len(begun))
            go_on.set()
        assert go_on.wait(PATIENCE)
        return item

    assert each(work, Items(range(100))) == list(range(100))
    assert taken[0] <= 4


def test_progress_counts_up_to_all_of_them(comfyui: ComfyUI, cores: int) -> None:
    each(lambda item: item, range(10))

    done = [value for value, _ in comfyui.shown]
    assert done == sorted(set(done))
    assert comfyui.shown[-1] == (10, 10)
    assert {total for _, total in comfyui.shown} == {10}


def test_progress_and_cancel_are_asked_on_the_calling_thread_only(comfyui: ComfyUI, cores: int) -> None:
    threads = set()
    each(lambda item: threads.add(threading.current_thread()), range(10))

    assert comfyui.threads == {threading.current_thread()}
    assert comfyui.asked
    assert threading.current_thread() not in threads


def test_cancel_begins_nothing_new_and_finishes_what_is_under_way(comfyui: ComfyUI, four_at_once: None) -> None:
    begun, finished = [], []
    all_busy = threading.Barrier(4)

    def work(item: int) -> None:
        begun.append(item)
        all_busy.wait(PATIENCE)
        comfyui.cancelled.set()  # the user presses Cancel while four are under way
        finished.append(item)

    with pytest.raises(InterruptProcessingException):
        each(work, range(100))

    assert sorted(begun) == sorted(finished) == [0, 1, 2, 3]


def test_cancel_is_noticed_while_a_long_item_is_under_way(comfyui: ComfyUI, four_at_once: None) -> None:
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
        each(work, [1])


def test_cancel_before_the_first_item_begins_none(comfyui: ComfyUI) -> None:
    comfyui.cancelled.set()
    begun: list[int] = []

    with pytest.raises(InterruptProcessingException):
        each(begun.append, range(10))

    assert begun == []


def test_a_cancel_that_the_progress_bar_raises_passes_through(
    comfyui: ComfyUI, four_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(value: int, total: int) -> None:
        raise InterruptProcessingException

    monkeypatch.setattr(comfyui, "update_absolute", cancelled)
    begun: list[int] = []

    with pytest.raises(InterruptProcessingException):
        each(begun.append, range(100))

    assert len(begun) <= 4


def test_the_first_error_is_raised_nothing_new_begins_and_what_is_under_way_finishes(four_at_once: None) -> None:
    begun, finished = [], []
    all_busy, failed = threading.Barrier(4), threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        all_busy.wait(PATIENCE)
        if item == 2:
            failed.set()
            raise OSError(28, "No space left on device")
        assert failed.wait(PATIENCE)
        finished.append(item)

    with pytest.raises(OSError, match="No space left on device"):
        each(work, range(100))

    assert 2 in begun
    assert sorted([*finished, 2]) == sorted(begun)
    assert len(begun) < 100


def test_of_errors_at_the_same_time_one_is_raised_as_it_is(four_at_once: None) -> None:
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


def test_there_is_a_worker_even_where_the_system_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)

    assert worker_count() == 1


class Clock:
    """A clock that stands at what it is set to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class TestTell:
    """What a browser is told while it goes on."""

    def test_is_what_is_done_by_then_the_latest_last(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("io_utils.run.in_flight", lambda: 1)
        clock, told = Clock(monkeypatch), []

        def work(item: int) -> int:
            clock.now += 1
            return item * 10

        each(work, range(5), lambda results: told.append(dict(results)))

        assert told == [{position: position * 10 for position in range(done)} for done in (1, 2, 3, 4)]

    def test_comes_four_times_a_second_at_most(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        clock, told = Clock(monkeypatch), []
        lock = threading.Lock()

        def work(item: int) -> None:
            with lock:
                clock.now += 1 / 64

        each(work, range(256), lambda results: told.append(clock.now))

        assert 2 <= len(told) <= 16
        assert min(later - sooner for sooner, later in pairwise(told)) >= 0.25

    def test_is_nothing_when_it_is_over_at_once(self, cores: int) -> None:
        told: list[int] = []

        each(lambda item: item, range(3), lambda results: told.append(len(results)))

        assert told == []

    def test_is_never_all_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run of one frame has nothing to tell before its end."""
        clock, told = Clock(monkeypatch), []  # type: ignore[var-annotated]

        def work(item: int) -> None:
            clock.now += 1

        each(work, [1], told.append)

        assert told == []

    def test_comes_on_the_calling_thread(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        clock, threads = Clock(monkeypatch), set()

        def work(item: int) -> None:
            clock.now += 1

        each(work, range(20), lambda results: threads.add(threading.current_thread()))

        assert threads == {threading.current_thread()}

    def test_a_cancel_that_comes_of_it_passes_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock(monkeypatch)

        def work(item: int) -> None:
            clock.now += 1

        def cancelled(results: Any) -> None:
            raise InterruptProcessingException

        with pytest.raises(InterruptProcessingException):
            each(work, range(20), cancelled)
