"""Counting from 1001 on a real server, and what the browse route tells about it before each run."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

FOLDER = "counting/%ProbeText.text%"
SAVER = {"directory_path": "counting/take", "prefix": "f", "digits": 4, "at_end": "stop output", "filetype": "png"}
COUNTER = {"pattern": "f_####.png", "indexing": "numeric", "total_frames": 3, "frames_per_second": 24.0}


def look(comfyui, node: str, **inputs: object) -> dict:
    query = urlencode({"node": f"ImageSequence{node}", "inputs": json.dumps(inputs)})
    return comfyui.server.get_json(f"/image_sequence/browse?{query}")["facts"]


def run(comfyui) -> None:
    comfyui.run(
        note=("ProbeText", {"text": "take"}),
        count=("ImageSequenceFrameCounterFromDirectory", {"directory_path": FOLDER, "first_frame": 1001, **COUNTER}),
        make=("ProbeCostly", {"frame": ["count", 1], "count": 1, "width": 16, "height": 12, "seed": 77}),
        save=(
            "ImageSequenceSaveCounted",
            {
                "frame_counter": ["count", 0],
                "image": ["make", 0],
                **SAVER,
                "directory_path": FOLDER,
                "first_frame": 1001,
            },
        ),
    )


def test_the_resume_counter_and_the_saver_count_together_and_the_look_tells_the_next_frame(comfyui):
    folder = comfyui.output / "counting/take"
    told = []
    for _ in range(4):
        counter = look(
            comfyui, "FrameCounterFromDirectory", directory_path="counting/take", first_frame=1001, **COUNTER
        )
        front = {"current_frame": counter["frame"], "total_frames": 3, "frames_per_second": 24}
        saver = look(comfyui, "SaveCounted", **SAVER, first_frame=1001, frame_counter=front)
        told.append((counter["left"], saver["number"], saver["existing_ranges"]))
        run(comfyui)

    assert told == [(3, 1001, ""), (2, 1002, "1001"), (1, 1003, "1001-1002"), (0, None, "1001-1003")]
    assert sorted(file.name for file in folder.iterdir()) == ["f_1001.png", "f_1002.png", "f_1003.png"]
    assert comfyui.rendered() == [0, 1, 2]


@pytest.mark.parametrize(
    ("node", "inputs", "message"),
    [
        ("SaveFrame", {"filename_prefix": "../x", "current_frame": 0}, "'..'"),
        ("SaveBatch", {"path_pattern": "f_##.png", "start_index": 0, "filetype": "exr"}, "Set filetype to"),
        ("SaveCounted", SAVER | {"prefix": "f.png"}, "'f'"),
    ],
)
def test_the_look_refuses_what_the_run_refuses(comfyui, node, inputs, message):
    with pytest.raises(HTTPError) as caught:
        look(comfyui, node, **inputs)

    assert caught.value.code == 400
    assert message in str(caught.value.reason) + caught.value.read().decode()
