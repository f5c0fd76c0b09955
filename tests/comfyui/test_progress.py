"""Progress events while frames are saved and loaded: only frames that are whole on disk."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from io_utils.comfyui.report import comfyui_run
from io_utils.formats.file_type import FileType
from io_utils.loading.choose_batch import BatchRequest
from io_utils.loading.read import read_frames
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.policies import OnExisting
from io_utils.saving.plan import Frame, SaveRequest
from io_utils.saving.write import write_frames

from ..disk import InterruptProcessingException, put, shade, shades, stand_in, two_workers


def sequence(pattern: str) -> FileSequence:
    return FileSequence.from_pattern(FramePattern.parse(pattern), "output", write=True)


def first_file(event: dict[str, Any]) -> Path:
    return Path(event["sequence"]["folder"]) / event["sequence"]["pattern"].format(event["sequence"]["first"])


def newest_file(event: dict[str, Any]) -> Path:
    return Path(event["sequence"]["folder"]) / event["sequence"]["pattern"].format(event["sequence"]["last"])


class Browser:
    """The browser that queued the running prompt, as node 3.

    The clock advances a second per look, so that every frame is reported.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client_id = "browser"
        self.heard: list[dict[str, Any]] = []
        self.whole: list[bool] = []
        ticks = itertools.count()
        monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
        stand_in(monkeypatch, "server", PromptServer=SimpleNamespace(instance=self))
        stand_in(monkeypatch, "comfy_execution.utils", get_executing_context=lambda: SimpleNamespace(node_id="3"))

    def send_sync(self, event: str, data: dict[str, Any], sid: str) -> None:
        assert (event, data.pop("node"), sid) == ("image_sequence.progress", "3", "browser")
        self.heard.append(data)
        self.whole.append({shade(first_file(data)), shade(newest_file(data))}.isdisjoint({"torn"}))

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.heard]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr("io_utils.cancellable_run.in_flight", lambda: 1)
    return Browser(monkeypatch)


def save(*frames: Frame, on_existing: OnExisting = OnExisting.OVERWRITE) -> None:
    write_frames(frames, SaveRequest(filetype=FileType.PNG, on_existing=on_existing), {}, comfyui_run())


def frames(pattern: str, start: int, *values: int) -> list[Frame]:
    return [Frame(sequence(pattern), number, image) for number, image in enumerate(shades(*values), start)]


class TestSaving:
    def test_reports_the_frame_and_the_range(self, output: Path, browser: Browser) -> None:
        save(*frames("a/f_####.png", 1001, 10, 20, 30, 40))

        assert browser.texts == [
            "frame 1001 (1001-1004), 1 of 4",
            "frame 1002 (1001-1004), 2 of 4",
            "frame 1003 (1001-1004), 3 of 4",
        ]

    def test_reports_only_frames_that_are_whole_on_disk(
        self, output: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        two_workers(monkeypatch)

        save(*frames("f_{}.png", 0, *range(0, 200, 5)))

        assert browser.heard
        assert all(browser.whole)
        for event in browser.heard:
            there = set(range(event["sequence"]["first"], event["sequence"]["last"] + 1)) - {
                *event["sequence"]["missing"]
            }
            assert len(there) == event["done"]

    def test_names_the_files_that_keep_both_puts_beside_the_old_ones(self, output: Path, browser: Browser) -> None:
        for number in range(3):
            put(output / f"f_{number}.png", 99)

        save(*frames("f_{}.png", 0, 10, 20, 30), on_existing=OnExisting.KEEP_BOTH)

        assert [newest_file(event).name for event in browser.heard] == ["f_0-0.png", "f_1-0.png"]

    def test_one_frame_reports_nothing_before_its_end(self, output: Path, browser: Browser) -> None:
        save(*frames("f_{}.png", 0, 10))

        assert browser.heard == []

    def test_a_cancel_during_a_report_passes_through(
        self, output: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cancelled(*event: Any) -> None:
            raise InterruptProcessingException

        monkeypatch.setattr(browser, "send_sync", cancelled)

        with pytest.raises(InterruptProcessingException):
            save(*frames("f_{}.png", 0, 10, 20, 30))


class TestLoading:
    def test_reports_the_frame_and_the_range_in_steps(self, output: Path, browser: Browser) -> None:
        for number in range(9):
            put(output / f"a/f_{number}.png", number)
        request = BatchRequest(path_pattern="a/f_{}.png", frame_count=0, step=2)

        read_frames(request.choose(), run=comfyui_run())

        assert browser.texts[-1] == "frame 6 (0-8), 4 of 5"
        assert browser.heard[-1]["sequence"]["missing"] == []
        assert browser.heard[-1]["sequence"]["step"] == 2

    def test_the_nodes_report(self, output: Path, browser: Browser, pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(f"{pack.__name__}.io_utils.cancellable_run.in_flight", lambda: 1)
        for number in range(3):
            put(output / f"f_{number}.png", number)
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]()

        node.load(path_pattern="f_{}.png", start_index=0, frame_count=0, ignore_missing_images="false")

        assert browser.texts == ["frame 0 (0-2), 1 of 3", "frame 1 (0-2), 2 of 3"]
