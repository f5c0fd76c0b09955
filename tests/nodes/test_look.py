"""The look of the loaders: what they would load, before any run, as the browse route answers."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ..disk import needs_links, put, put_frames


@pytest.fixture
def look(pack: ModuleType) -> Any:
    """look(node, **inputs): (status, JSON or text), as ComfyUI's server answers GET /image_sequence/browse."""
    looks = {name: node.look for name, node in pack.NODE_CLASS_MAPPINGS.items() if hasattr(node, "look")}
    answer = pack.browse.answering(looks)

    def ask(node: str, **inputs: Any) -> tuple[int, Any]:
        answered = answer({"node": f"ImageSequence{node}", "inputs": json.dumps(inputs)}, ())
        assert isinstance(answered.body, bytes)
        text = answered.body.decode()
        return answered.status, json.loads(text) if answered.status == 200 else text

    return ask


BATCH = {"path_pattern": "f_##.png", "start_index": 0, "frame_count": 0, "ignore_missing_images": "false"}


class TestLoadBatch:
    def test_shows_the_frames_that_it_would_load(self, look: Any, output: Path) -> None:
        put_frames(output, 0, 1, 2, 4, 9)

        status, found = look("LoadBatch", **BATCH | {"ignore_missing_images": "true", "frame_count": 6})

        assert status == 200
        (sequence,) = found["sequences"]
        assert (sequence["pattern"], sequence["first"], sequence["last"]) == ("f_{:02d}.png", 0, 4)
        assert sequence["missing"] == [3, 5]
        assert found["facts"] == {
            "count": 4,
            "ranges": "0-2,4",
            "missing": 2,
            "missing_ranges": "3,5",
            "width": 6,
            "height": 4,
            "kind": "PNG",
            "path_pattern": "f_{:02d}.png",
        }

    @pytest.mark.parametrize("policy", ["false", "hold previous"])
    def test_shows_the_frames_there_are_and_why_the_run_would_stop(self, look: Any, output: Path, policy: str) -> None:
        put_frames(output, 1, 2, 4)

        status, found = look("LoadBatch", **BATCH | {"ignore_missing_images": policy, "frame_count": 6})

        assert status == 200
        (sequence,) = found["sequences"]
        assert (sequence["first"], sequence["last"]) == (1, 4)
        facts = found["facts"]
        assert (facts["count"], facts["ranges"], facts["missing_ranges"]) == (3, "1-2,4", "0,3,5")
        assert "missing" in facts["refused"]

    def test_shows_a_pattern_for_the_widget(self, look: Any, base: Path) -> None:
        put_frames(base / "input/a", 0)

        _, found = look("LoadBatch", **BATCH | {"path_pattern": str(base / "input/a/f_##.png"), "folder": "input"})

        assert found["facts"]["path_pattern"] == "a/f_{:02d}.png"

    def test_shows_the_sequence_that_a_folder_means(self, look: Any, output: Path) -> None:
        put_frames(output / "a", 5, 6)

        _, found = look("LoadBatch", **BATCH | {"path_pattern": "a"})

        assert (found["facts"]["path_pattern"], found["facts"]["ranges"]) == ("a/f_{:02d}.png", "5-6")

    def test_knows_nothing_as_long_as_the_pattern_is_wired(self, look: Any, output: Path) -> None:
        status, found = look("LoadBatch", start_index=0, frame_count=0)

        assert (status, found["sequences"]) == (200, [])
        assert set(found["facts"].values()) == {None}

    def test_takes_the_default_of_another_wired_input(self, look: Any, output: Path) -> None:
        put_frames(output, *range(20))

        _, found = look("LoadBatch", path_pattern="f_##.png")

        assert found["facts"]["ranges"] == "0-15"

    def test_of_listed_frames_misses_none_that_is_on_disk(self, look: Any, output: Path) -> None:
        put_frames(output, *range(1, 26))

        _, found = look("LoadBatch", **BATCH | {"frames": "1-20x5,25"})

        assert [each["missing"] for each in found["sequences"]] == [[]]
        assert (found["facts"]["missing"], found["facts"]["ranges"]) == (0, "1,6,11,16,25")

    def test_does_not_know_the_size_of_a_broken_file(self, look: Any, output: Path) -> None:
        (output / "f_00.png").parent.mkdir(exist_ok=True)
        (output / "f_00.png").write_bytes(b"no picture")

        _, found = look("LoadBatch", **BATCH)

        assert (found["facts"]["count"], found["facts"]["width"], found["facts"]["kind"]) == (1, None, None)

    @pytest.mark.parametrize(
        ("inputs", "status", "reason"),
        [
            pytest.param({"path_pattern": "f_#_##.png"}, 400, "two different numbers|frame numbers", id="two numbers"),
            pytest.param({"path_pattern": "../f_##.png"}, 400, "leaves its folder", id="out of its folder"),
            pytest.param({"path_pattern": "/etc/f_##.png"}, 403, "outside the folders", id="outside"),
            pytest.param({"path_pattern": "g_##.png"}, 404, "No file there matches", id="no frames"),
            pytest.param({"path_pattern": "a/g_##.png"}, 404, "there is no folder", id="no folder"),
            pytest.param({"path_pattern": 5}, 400, "^Set path_pattern to text.*It got 5", id="a number as text"),
            pytest.param({"path_pattern": ["1", 0]}, 400, "path_pattern", id="a list as text"),
            pytest.param({"start_index": "x"}, 400, "^Set start_index to a number.*It got 'x'", id="text as number"),
            pytest.param({"start_index": -1}, 400, "0 or more", id="a number below the least"),
            pytest.param({"start_index": float("nan")}, 400, "^Set start_index to a number.*It got nan", id="NaN"),
            pytest.param({"folder": "user"}, 400, "^Set folder to one of 'output'", id="an unknown folder"),
            pytest.param({"ignore_missing_images": {}}, 400, "^Set ignore_missing_images to one of", id="an object"),
            pytest.param({"image_color_space": "CMYK"}, 400, "image_color_space", id="an unknown colour space"),
            pytest.param({"path_pattern": "a\0b_##.png"}, 400, "'\\\\x00'", id="a null character"),
            pytest.param({"unknown": 1}, 200, "", id="an input that it does not have"),
            pytest.param(
                {"cls": 1},
                400,
                "^inputs has a name or a value that ImageSequenceLoadBatch does not take\\.$",
                id="an input that no node can have",
            ),
        ],
    )
    def test_refuses_what_a_run_refuses(
        self, look: Any, output: Path, inputs: dict[str, Any], status: int, reason: str
    ) -> None:
        put_frames(output, 0)

        answered, found = look("LoadBatch", **BATCH | inputs)

        assert answered == status, found
        assert status == 200 or re.search(reason, found), found


class TestAccess:
    """The look refuses what a run may not read, with the run's own error."""

    @needs_links
    @pytest.mark.parametrize("node", ["LoadBatch", "LoadFrame"])
    def test_to_a_link_that_leads_out_is_refused(self, look: Any, base: Path, output: Path, node: str) -> None:
        put_frames(output, 0, 2)
        put_frames(base / "elsewhere", 1)
        (output / "f_01.png").symlink_to(base / "elsewhere/f_01.png")

        status, text = look(node, **BATCH if node == "LoadBatch" else FRAME | {"pattern": "f_##.png"})

        assert (status, "outside the folders" in text) == (403, True), text
        assert f" 'ro {base / 'elsewhere'}'. " in text

    @needs_links
    def test_to_a_link_that_stays_inside_is_given(self, look: Any, base: Path, output: Path) -> None:
        put_frames(output, 0)
        put_frames(base / "input", 1)
        (output / "f_01.png").symlink_to(base / "input/f_01.png")

        assert look("LoadBatch", **BATCH)[1]["facts"]["count"] == 2

    def test_that_the_system_denies_is_named(self, look: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_frames(output, 0, 1)
        asked = []

        def access(path: Path, mode: int) -> bool:
            asked.append((path.name, mode))
            return path.name != "f_01.png"

        monkeypatch.setattr(os, "access", access)

        status, text = look("LoadBatch", **BATCH)

        assert asked == [("f_00.png", os.R_OK), ("f_01.png", os.R_OK)]
        assert status == 403
        assert text == f"Let ComfyUI read {str(output / 'f_01.png')!r}: frame 1 cannot be read (Permission denied)."

    @pytest.mark.parametrize("node", ["LoadBatch", "LoadFrame"])
    def test_to_a_folder_that_the_system_denies_is_named(
        self, look: Any, output: Path, monkeypatch: pytest.MonkeyPatch, node: str
    ) -> None:
        put_frames(output / "a", 0)
        fails = []

        def scandir(path: Path) -> None:
            fails.append(path)
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(os, "scandir", scandir)

        status, text = look(
            node, **BATCH | {"path_pattern": "a"} if node == "LoadBatch" else FRAME | {"directory_path": "a"}
        )

        assert fails
        assert (status, text[:17]) == (403, "Let ComfyUI read ")
        assert f"{str(output / 'a')!r}: the folder cannot be read" in text


FRAME = {"directory_path": "", "pattern": "*", "indexing": "numeric", "frame_number": 1}


class TestLoadFrame:
    def test_shows_all_frames_and_whether_its_own_is_there(self, look: Any, output: Path) -> None:
        put_frames(output, 0, 1, 4)

        status, found = look("LoadFrame", **FRAME)

        assert status == 200
        assert [(each["first"], each["last"]) for each in found["sequences"]] == [(0, 4)]
        facts = found["facts"]
        assert (facts["count"], facts["ranges"], facts["missing"], facts["missing_ranges"]) == (3, "0-1,4", 2, "2-3")
        assert (facts["width"], facts["height"], facts["kind"]) == (6, 4, "PNG")
        assert (facts["frame"], facts["is_there"], facts["path_pattern"]) == (1, True, "f_{:02d}.png")

    def test_says_that_its_frame_is_not_there(self, look: Any, output: Path) -> None:
        """No error: default_image may be wired, and a number that counts up reaches the end of every sequence."""
        put_frames(output, 0, 1)

        status, found = look("LoadFrame", **FRAME | {"frame_number": 7})

        assert (status, found["facts"]["frame"], found["facts"]["is_there"]) == (200, 7, False)

    def test_takes_the_number_of_a_counter_that_the_browser_knows(self, look: Any, output: Path) -> None:
        put_frames(output, 0, 1)

        _, found = look("LoadFrame", **FRAME, frame_counter={"current_frame": 5, "total_frames": 9})
        status, _ = look("LoadFrame", **FRAME, frame_counter={"current_frame": "x"})

        assert (found["facts"]["frame"], found["facts"]["is_there"]) == (5, False)
        assert status == 400

    def test_does_not_know_a_number_that_is_wired(self, look: Any, output: Path) -> None:
        put_frames(output, 0, 1)

        _, found = look("LoadFrame", directory_path="", pattern="*", indexing="numeric")

        assert (found["facts"]["count"], found["facts"]["frame"], found["facts"]["is_there"]) == (2, None, None)

    @pytest.mark.parametrize("wired", ["directory_path", "pattern"])
    def test_knows_nothing_as_long_as_a_text_is_wired(self, look: Any, output: Path, wired: str) -> None:
        _, found = look("LoadFrame", **{name: value for name, value in FRAME.items() if name != wired})

        assert (found["sequences"], set(found["facts"].values())) == ([], {None})

    def test_shows_the_first_image_of_each_batch(self, look: Any, output: Path) -> None:
        for batch in (0, 1):
            put_frames(output / f"batch_000{batch}", 0, 1)

        _, found = look("LoadFrame", **FRAME)

        assert (found["facts"]["count"], found["facts"]["is_there"]) == (2, True)
        assert [each["subfolder"] for each in found["sequences"]] == ["batch_0000"]

    def test_shows_two_sequences(self, look: Any, output: Path) -> None:
        put_frames(output, 0, name="a_{:02d}.png")
        put_frames(output, 1, name="b_{:02d}.png")

        _, found = look("LoadFrame", **FRAME)

        assert len(found["sequences"]) == 2
        assert found["facts"]["path_pattern"].endswith("/*")

    def test_counts_by_place(self, look: Any, output: Path) -> None:
        for name in ("one", "two", "three"):
            put(output / f"{name}.png")

        _, found = look("LoadFrame", **FRAME | {"indexing": "alphabetic order", "frame_number": 3})

        assert (found["facts"]["ranges"], found["facts"]["is_there"]) == ("0-2", False)

    @pytest.mark.parametrize(
        ("inputs", "status"),
        [
            ({"directory_path": "nothing"}, 404),
            ({"pattern": "g_*"}, 404),
            ({"directory_path": ".."}, 400),
            ({"directory_path": "/etc"}, 403),
            ({"pattern": "f_##_*.png"}, 400),
            ({"frame_number": -1}, 400),
            ({"frame_number": True}, 400),
            ({"pattern": None}, 200),
        ],
    )
    def test_refuses_what_a_run_refuses(self, look: Any, output: Path, inputs: dict[str, Any], status: int) -> None:
        put_frames(output, 0)

        answered, found = look("LoadFrame", **FRAME | inputs)

        assert answered == status, found

    def test_refuses_a_frame_that_two_files_have(self, look: Any, output: Path) -> None:
        put_frames(output, 1, name="a_{:02d}.png")
        put_frames(output, 1, name="b_{:02d}.png")

        status, text = look("LoadFrame", **FRAME)

        assert status == 400
        assert "'a_01.png' and 'b_01.png'" in text
