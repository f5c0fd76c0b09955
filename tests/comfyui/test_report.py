"""The report of a node's frames to ComfyUI, and its progress events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from io_utils.comfyui.report import progress, ui
from io_utils.message import Message
from io_utils.naming.allowed_roots import Root
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern

from ..disk import is_plain


def sequence(pattern: str, kind: str = "output") -> FileSequence:
    return FileSequence(Root(Path("/base") / (kind or "operator"), kind), FramePattern.parse(pattern))


def described(report: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in report["image_sequence"]]


def test_every_frame_is_listed_as_view_needs_it() -> None:
    frames = sequence("shots/a/f_####.png")

    assert ui([(frames, 7), (frames, 8)])["images"] == [
        {"filename": "f_0007.png", "subfolder": "shots/a", "type": "output"},
        {"filename": "f_0008.png", "subfolder": "shots/a", "type": "output"},
    ]


@pytest.mark.parametrize(
    ("pattern", "filename", "subfolder"),
    [
        pytest.param("f_{}.png", "f_7.png", "", id="in the folder itself"),
        pytest.param("a/{i}/f_{i}.png", "f_7.png", "a/7", id="in a folder for each frame"),
        pytest.param("a/still.png", "still.png", "a", id="without a number"),
    ],
)
@pytest.mark.parametrize("kind", ["output", "input", "temp"])
def test_the_folder_is_in_subfolder_and_never_in_filename(
    pattern: str, filename: str, subfolder: str, kind: str
) -> None:
    assert ui([(sequence(pattern, kind), 7)])["images"] == [
        {"filename": filename, "subfolder": subfolder, "type": kind}
    ]


def test_the_sequence_is_described_in_one_json_string() -> None:
    frames = sequence("shots/a/f_####.png")

    (description,) = described(ui([(frames, n) for n in (5, 6, 8)], fps=24.0, message="Saved frame 5-6,8"))

    assert description == {
        "pattern": "f_{:04d}.png",
        "subfolder": "shots/a",
        "type": "output",
        "folder": "/base/output/shots/a",
        "linear": False,
        "first": 5,
        "last": 8,
        "step": 1,
        "missing": [7],
        "fps": 24.0,
        "message": "Saved frame 5-6,8",
        "words": [["Saved frame 5-6,8", {}]],
    }


def test_a_message_is_in_english_and_in_words_for_the_browser() -> None:
    frames = FileSequence(Root(Path("/base/output"), "output"), FramePattern(("f_", ".png")))
    message = Message(("Saved %count% frame: %path%", "Saved %count% frames: %path%"), count=1200, path="caf\udce9")

    report = ui([(frames, 7)], message=Message.lines([message, "Done"]))

    (description,) = described(report)
    assert description["message"] == "Saved 1,200 frames: caf\ufffd\nDone"
    assert description["words"] == [
        [["Saved %count% frame: %path%", "Saved %count% frames: %path%"], {"count": 1200, "path": "caf\ufffd"}],
        ["Done", {}],
    ]
    assert is_plain(report)


@pytest.mark.parametrize(
    ("pattern", "linear"),
    [("f_####.exr", True), ("a.b/F####.EXR", True), ("f_####.png", False), ("f_####.tif", False), ("exr_####", False)],
)
def test_a_sequence_of_scene_linear_files_is_described_as_such(pattern: str, linear: bool) -> None:
    (description,) = described(ui([(sequence(pattern), 1)]))

    assert description["linear"] is linear


@pytest.mark.parametrize(
    ("frames", "step", "missing", "expected"),
    [
        pytest.param([4], 1, [], [], id="one frame"),
        pytest.param([4, 5, 6], 1, [], [], id="no gap"),
        pytest.param([9, 4, 6], 1, [], [5, 7, 8], id="gaps, whatever the order"),
        pytest.param([0, 2, 4], 2, [], [], id="every other frame is all of them"),
        pytest.param([0, 4, 10], 2, [], [2, 6, 8], id="gaps among every other frame"),
        pytest.param([4, 5], 1, [2, 3, 6], [2, 3, 6], id="before and behind what is there"),
        pytest.param([4, 6], 1, [5], [5], id="given and found"),
        pytest.param([4, 4, 5], 1, [], [], id="one twice"),
    ],
)
def test_missing_are_the_frames_between_first_and_last_and_those_given(
    frames: list[int], step: int, missing: list[int], expected: list[int]
) -> None:
    (description,) = described(ui([(sequence("f_{}.png"), n) for n in frames], step=step, missing=missing))

    assert (description["first"], description["last"]) == (min(frames), max(frames))
    assert (description["step"], description["missing"]) == (step, expected)


def test_missing_are_only_requested_frames() -> None:
    """Frame 0 replaces frame 1; 2 and 4 lie between the steps."""
    frames = sequence("f_{}.png")

    report = ui([(frames, n) for n in (0, 3, 5)], numbers={1, 3, 5}, step=2, missing=[1])

    assert [image["filename"] for image in report["images"]] == ["f_0.png", "f_3.png", "f_5.png"]
    (description,) = described(report)
    assert (description["first"], description["last"], description["missing"]) == (3, 5, [1])


def test_a_name_that_is_not_utf_8_is_only_in_the_message() -> None:
    """No URL can hold it: encodeURIComponent throws on a lone surrogate."""
    frames = FileSequence(Root(Path("/base/output"), "output"), FramePattern(("caf\udce9_", ".png")))

    report = ui([(frames, 7), (sequence("f_{}.png"), 7)], message="caf\udce9_7.png")

    assert report["images"] == [{"filename": "f_7.png", "subfolder": "", "type": "output"}]
    assert [(item["pattern"], item["message"]) for item in described(report)] == [("f_{}.png", "caf\ufffd_7.png")]


def test_a_folder_that_is_not_utf_8_is_reported_as_printable_text() -> None:
    frames = FileSequence(Root(Path("/caf\udce9/output"), "output"), FramePattern.parse("a/f_{}.png"))

    report = ui([(frames, 7)])

    assert report["images"] == [{"filename": "f_7.png", "subfolder": "a", "type": "output"}]
    assert described(report)[0]["folder"] == "/caf\ufffd/output/a"


def test_each_pattern_is_a_sequence_of_its_own() -> None:
    batches = [sequence(f"batch_{n:04d}/f_####.png") for n in range(3)]

    report = ui([(batch, frame) for frame in (1, 3) for batch in batches])

    assert [description["subfolder"] for description in described(report)] == ["batch_0000", "batch_0001", "batch_0002"]
    assert [description["missing"] for description in described(report)] == [[2]] * 3
    assert len(report["images"]) == 6


def test_frames_in_an_operator_s_folder_are_described_but_not_listed_for_view() -> None:
    """/view serves only output, input and temp, so an entry would be a broken picture."""
    report = ui([(sequence("a/f_{}.png", ""), 1), (sequence("b/f_{}.png"), 1)])

    assert report["images"] == [{"filename": "f_1.png", "subfolder": "b", "type": "output"}]
    assert [description["type"] for description in described(report)] == ["", "output"]
    assert [description["folder"] for description in described(report)] == ["/base/operator/a", "/base/output/b"]


def test_a_pattern_is_described_as_str_format_reads_it() -> None:
    for text in ("f_####.png", "{i:02d}/f_{i:02d}.png", "{{x}}_{}.png", "50%_%04d.png"):
        frames = sequence(text)

        (description,) = described(ui([(frames, 7)]))

        name = description["pattern"].format(7)
        assert "/".join(filter(None, [description["subfolder"], name])) == frames.pattern.name(7)


def test_a_message_without_frames_is_still_reported() -> None:
    report = ui([], fps=25.0, message="Stopped: frame 5 is past the end.")

    assert report["images"] == []
    (description,) = described(report)
    assert set(description) == {"fps", "message", "words"}
    assert description["message"] == "Stopped: frame 5 is past the end."


def test_nothing_to_report_is_two_empty_lists() -> None:
    assert ui([]) == {"images": [], "image_sequence": []}


def test_every_value_is_a_list_of_plain_values() -> None:
    """A Path or a numpy number in `ui` ends ComfyUI's message loop and with it the process."""
    report = ui([(sequence("a/f_{}.png"), n) for n in range(3)], step=2, missing=[9], fps=12.5, message="x")

    for values in report.values():
        assert type(values) is list
        assert {type(value) for value in values} <= {dict, str}
    assert all(type(text) is str for image in report["images"] for text in image.values())
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_comfyui_does_not_take_a_description_for_a_file() -> None:
    """ComfyUI takes every dict with a filename for a file of the node."""
    assert all(type(value) is str for value in ui([(sequence("f_{}.png"), 1)])["image_sequence"])


def test_frames_are_read_once_so_that_an_iterator_will_do() -> None:
    frames = sequence("f_{}.png")

    report = ui(((frames, n) for n in range(3)), missing=iter([5]))

    assert len(report["images"]) == 3
    assert described(report)[0]["missing"] == [5]


class TestProgress:
    def test_names_the_frame_the_range_and_how_many(self) -> None:
        frames = sequence("shots/a/f_####.png")

        event = progress([(frames, n) for n in range(1001, 1018)], range(1001, 1121))

        assert event["text"] == "frame 1017 (1001-1120), 17 of 120"
        assert (event["done"], event["total"]) == (17, 120)

    def test_describes_finished_frames_as_the_report_does(self) -> None:
        frames = sequence("shots/a/f_####.png")

        event = progress([(frames, n) for n in (5, 6, 8)], range(5, 20))

        (reported,) = described(ui([(frames, n) for n in (5, 6, 8)], message=event["text"]))
        assert event["sequence"] == reported | {"words": event["sequence"]["words"]}
        assert (reported["first"], reported["last"], reported["missing"]) == (5, 8, [7])

    def test_goes_on_counting_when_frames_are_done_out_of_order(self) -> None:
        frames = sequence("f_{}.png")

        event = progress([(frames, 2), (frames, 1)], range(10))

        assert event["text"] == "frame 2 (0-9), 2 of 10"

    def test_frames_between_the_steps_are_not_missing(self) -> None:
        frames = sequence("f_{}.png")

        assert progress([(frames, 0), (frames, 5)], range(0, 50, 5), step=5)["sequence"]["missing"] == []

    def test_of_several_sequences_the_latest_is_shown(self) -> None:
        one, two = sequence("a/f_{}.png"), sequence("b/f_{}.png")

        event = progress([(one, 1), (two, 1), (one, 2), (two, 2)], [1, 1, 2, 2, 3, 3])

        assert (event["sequence"]["subfolder"], event["sequence"]["last"]) == ("b", 2)
        assert event["text"] == "frame 2 (1-3), 4 of 6"
        ((template, values),) = event["sequence"]["words"]
        assert template == "frame %frame% (%first%-%last%), %done% of %total%"
        assert values == {"frame": "2", "first": "1", "last": "3", "done": 4, "total": 6}

    def test_is_plain(self) -> None:
        assert is_plain(progress([(sequence("f_{}.png"), 1)], iter([1, 2])))
