"""Frame Counter, and Frame Counter (Resume from Directory): the nodes, as ComfyUI and scripts call them."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ..disk import put, shades
from .calls import cache_key, save_counted


@pytest.fixture
def shot(base: Path) -> Path:
    (base / "output" / "shot").mkdir(parents=True)
    return base / "output" / "shot"


class TestFrameCounter:
    @pytest.fixture
    def node(self, pack: ModuleType) -> Any:
        return pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounter"]()

    @pytest.mark.parametrize(
        ("frame", "total", "is_final", "progress"),
        [
            pytest.param(0, 100, False, 0.0, id="the first"),
            pytest.param(50, 101, False, 0.5, id="half way"),
            pytest.param(99, 100, True, 1.0, id="the last"),
            pytest.param(100, 100, False, 1.0, id="past the end"),
            pytest.param(0, 1, True, 0.0, id="the only one"),
        ],
    )
    def test_says_which_frame_of_how_many_this_is(
        self, node: Any, frame: int, total: int, is_final: bool, progress: float
    ) -> None:
        counter, *outputs = node.count(frame_index=frame, total_frames=total, frames_per_second=25)

        assert outputs == [frame, total, is_final, pytest.approx(progress)]
        assert [type(value) for value in outputs] == [int, int, bool, float]
        assert (counter.current_frame, counter.total_frames, counter.frames_per_second) == (frame, total, 25)

    @pytest.mark.parametrize(
        "total",
        [24 * 3600 * 60 + 1, 10**40, 10**400, 0, -1],
        ids=lambda total: f"{total:.0e}"[:6] if total < 10**50 else "huge",
    )
    def test_refuses_a_linked_total_that_the_widget_cannot_have(self, node: Any, total: int) -> None:
        with pytest.raises(ValueError, match=r"Set total_frames to a number.* It got "):
            node.count(frame_index=0, total_frames=total, frames_per_second=25)

    def test_has_the_attributes_that_the_dream_pack_needs(self, node: Any) -> None:
        counter = node.count(frame_index=10, total_frames=100, frames_per_second=25)[0]

        assert (counter.is_first_frame, counter.is_final_frame, counter.is_after_last_frame) == (False, False, False)
        assert counter.current_time_in_seconds == pytest.approx(0.4)
        assert counter.total_time_in_seconds == pytest.approx(4.0)
        assert counter.remaining_time_in_seconds == pytest.approx(3.6)
        assert counter.progress == pytest.approx(10 / 99)
        assert counter.incremented(5).current_frame == 15
        assert counter.incremented(-10).is_first_frame

    def test_is_not_run_again_for_the_same_frame(self, node: Any) -> None:
        assert not hasattr(node, "IS_CHANGED")

    def test_counts_frames_for_the_saver(self, node: Any, pack: ModuleType, shot: Path) -> None:
        for frame in range(3):
            counter, *_ = node.count(frame_index=frame, total_frames=3, frames_per_second=12)
            assert save_counted(pack, counter, shades(frame)).is_defined is (frame == 2)


class TestFromDirectory:
    @pytest.fixture
    def node(self, pack: ModuleType) -> Any:
        return pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]()

    @staticmethod
    def count(node: Any, total: int = 10, **more: Any) -> tuple[Any, ...]:
        inputs = {"directory_path": "shot", "pattern": "*", "indexing": "numeric", "frames_per_second": 30} | more
        return node.count(total_frames=total, **inputs)

    @pytest.mark.parametrize(
        ("names", "inputs", "frame"),
        [
            pytest.param([], {}, 0, id="an empty folder"),
            pytest.param(["f_00000.png", "f_00001.png"], {}, 2, id="after the last"),
            pytest.param(["f_00000.png", "f_00002.png", "f_00003.png"], {}, 4, id="after the last, with a gap"),
            pytest.param(
                ["f_00000.png", "f_00002.png", "f_00003.png"], {"resume_at": "first gap"}, 1, id="the first gap"
            ),
            pytest.param(["frame0.png", "frame1.png"], {}, 2, id="no underscore"),
            pytest.param(["a.png", "b.png"], {"indexing": "alphabetic order"}, 2, id="how many there are"),
            pytest.param(["f_00000.png", "g_00007.png"], {"pattern": "f_*"}, 1, id="of one prefix"),
            pytest.param(["f_00000.png", "g_00007.png"], {"pattern": "f_*|g_*"}, 8, id="of two prefixes"),
            pytest.param(["f_00000.png", "f_9.png"], {"pattern": "f_{:05d}.png"}, 1, id="of one pattern"),
            pytest.param(["batch_0000/f_00000.png", "batch_0001/f_00000.png"], {}, 1, id="of a batch"),
            pytest.param(
                ["batch_0000/f_00000.png", "batch_0000/f_00001.png", "batch_0001/f_00000.png"],
                {},
                1,
                id="of half a batch",
            ),
            pytest.param(
                ["batch_0000/f_00000.png", "batch_0001/x.png"], {}, 1, id="beside a folder without any such frame"
            ),
        ],
    )
    def test_continues_where_the_folder_ends(
        self, node: Any, shot: Path, names: list[str], inputs: dict[str, Any], frame: int
    ) -> None:
        for name in names:
            put(shot / name)

        counter, index, total, is_final, _ = self.count(node, **inputs)

        assert (counter.current_frame, index, total, is_final) == (frame, frame, 10, frame == 9)
        assert type(index) is int

    def test_in_a_folder_that_does_not_exist_yet_is_the_first_frame(self, node: Any, base: Path) -> None:
        assert self.count(node)[1] == 0
        assert list(base.iterdir()) == []

    def test_with_more_files_than_frames_is_past_the_end(self, node: Any, shot: Path) -> None:
        for number in range(12):
            put(shot / f"f_{number:05d}.png")

        counter, index, *_ = self.count(node, total=10)

        assert index == 12
        assert counter.is_after_last_frame

    @pytest.mark.parametrize(
        "inputs", [{"directory_path": ".."}, {"directory_path": "/etc"}, {"pattern": "{x}"}, {"pattern": "a/*"}]
    )
    def test_of_an_invalid_folder_is_an_error(self, node: Any, shot: Path, inputs: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            self.count(node, **inputs)  # type: ignore[arg-type]

    def test_queued_repeatedly_renders_an_animation_and_stops(self, node: Any, pack: ModuleType, shot: Path) -> None:
        """The same prompt runs five times for three frames. Its cache key must change as long as a frame is missing."""
        keys, defined = [], []
        for _ in range(5):
            keys.append(self.key(node, total_frames=3))
            defined.append(save_counted(pack, self.count(node, total=3)[0], shades(1)).is_defined)

        assert keys == ["0", "1", "2", "3", "3"]
        assert defined == [False, False, True, False, False]
        assert sorted(path.name for path in shot.iterdir()) == [f"frame_{n:05d}.png" for n in range(3)]

    @staticmethod
    def key(node: Any, **inputs: Any) -> str:
        given = {
            "directory_path": "shot",
            "pattern": "*",
            "indexing": "numeric",
            "total_frames": 10,
            "frames_per_second": 30,
            "resume_at": "after last",
            "unique_id": "1",
        }
        return cache_key(node, **given | inputs)

    class TestIsChanged:
        @pytest.fixture
        def node(self, pack: ModuleType) -> Any:
            return pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]()

        def test_is_the_next_frame(self, node: Any, shot: Path) -> None:
            seen = [TestFromDirectory.key(node)]
            for number in (0, 1, 5):
                put(shot / f"f_{number:05d}.png")
                seen += [TestFromDirectory.key(node), TestFromDirectory.key(node)]

            assert seen == ["0", "1", "1", "2", "2", "6", "6"]
            assert TestFromDirectory.key(node, resume_at="first gap") == "2"

        def test_without_its_optional_input_uses_the_default(self, node: Any, shot: Path) -> None:
            put(shot / "f_00003.png")
            given = {"directory_path": "shot", "pattern": "*", "indexing": "numeric", "total_frames": 1}

            assert type(node).IS_CHANGED(**given, frames_per_second=1, unique_id="1") == "4"

        @pytest.mark.parametrize("inputs", [{"directory_path": ".."}, {"pattern": "{x}"}, {"directory_path": "\0"}])
        def test_of_an_invalid_folder_does_not_raise(self, node: Any, shot: Path, inputs: dict[str, str]) -> None:
            assert TestFromDirectory.key(node, **inputs) == TestFromDirectory.key(node, **inputs)

        @pytest.mark.parametrize("link", ["directory_path", "pattern", "indexing", "resume_at"])
        def test_with_a_link_changes_once_after_the_folder_has_changed(self, node: Any, shot: Path, link: str) -> None:
            inputs = {link: None, "unique_id": f"link {link}"}
            before = [TestFromDirectory.key(node, **inputs)]
            TestFromDirectory.count(node, unique_id=f"link {link}")
            before += [TestFromDirectory.key(node, **inputs) for _ in range(3)]
            put(shot / "f_00000.png")
            after = [TestFromDirectory.key(node, **inputs) for _ in range(3)]

            assert len(set(before)) == 1
            assert len(set(after)) == 1
            assert before[0] != after[0]

    class TestValidateInputs:
        @pytest.fixture
        def node(self, pack: ModuleType) -> Any:
            return pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]()

        @pytest.mark.parametrize("directory", ["", "a/b", None, "%year%/%date:MM-dd%", "50%done", "%KSampler.seed%"])
        def test_accepts_valid_and_linked_values(self, node: Any, shot: Path, directory: Any) -> None:
            assert type(node).VALIDATE_INPUTS(directory_path=directory) is True

        @pytest.mark.parametrize("directory", ["..", "/etc", "%seed%", "%KSampler.seed%/..", "w%width%"])
        def test_states_the_fault_and_the_fix(self, node: Any, shot: Path, directory: str) -> None:
            answer = type(node).VALIDATE_INPUTS(directory_path=directory)

            assert type(answer) is str
            assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

        def test_names_one_input_because_comfyui_blames_all_that_are_named(self, node: Any) -> None:
            assert list(inspect.signature(type(node).VALIDATE_INPUTS).parameters) == ["directory_path"]

    def test_lists_once_and_notices_a_frame_that_another_machine_saves_meanwhile(
        self, node: Any, pack: ModuleType, shot: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(shot / "f_00004.png")
        inputs = {"directory_path": None, "unique_id": "race"}
        before = self.key(node, **inputs)
        request = sys.modules[f"{pack.__name__}.io_utils.loading.resume"].ResumeRequest
        counted, next_frame = [], request.next_frame

        def and_another_machine_saves(asked: Any) -> int:
            counted.append(next_frame(asked))
            put(shot / "f_00005.png")
            return counted[-1]

        monkeypatch.setattr(request, "next_frame", and_another_machine_saves)

        assert self.count(node, unique_id="race")[1] == 5
        assert counted == [5], "one look: each lists a folder"
        assert self.key(node, **inputs) != before, "6 is next: ComfyUI must not serve frame 5 from its cache"

    def test_finds_the_folder_that_a_saver_names_by_the_date(self, node: Any, pack: ModuleType, shot: Path) -> None:
        for frame in range(2):
            counter = self.count(node, directory_path="shot/%year%", pattern="f%year%_*")[0]
            assert counter.current_frame == frame
            save_counted(pack, counter, shades(1), "shot/%year%", "f%year%")

        (folder,) = shot.iterdir()
        assert folder.name.isdigit()

    @pytest.mark.parametrize("name", ["directory_path", "pattern"])
    @pytest.mark.parametrize("token", ["%KSampler.seed%", "%seed%", "%width%"])
    def test_refuses_a_token_that_it_cannot_fill_in(self, node: Any, shot: Path, name: str, token: str) -> None:
        with pytest.raises(ValueError, match=token):
            self.count(node, 10, **{name: token})
        assert token in self.key(node, **{name: token})


class TestFramesPerSecond:
    @pytest.mark.parametrize("node_id", ["ImageSequenceFrameCounter", "ImageSequenceFrameCounterFromDirectory"])
    def test_is_a_float_as_in_core_s_create_video(self, pack: ModuleType, node_id: str) -> None:
        kind, options = pack.NODE_CLASS_MAPPINGS[node_id].INPUT_TYPES()["required"]["frames_per_second"]

        assert kind == "FLOAT"
        assert 0 < options["min"] < 1
        assert options["step"] <= 0.001, "the frontend shows as many digits as the step has"
        assert type(options["default"]) is float

    @pytest.mark.parametrize("fps", [23.976, 24000 / 1001, 25, 0.5])
    def test_is_kept_as_it_is(self, pack: ModuleType, shot: Path, fps: float) -> None:
        counters = [
            pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounter"]().count(
                frame_index=0, total_frames=10, frames_per_second=fps
            )[0],
            pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]().count(
                directory_path="shot", pattern="*", indexing="numeric", total_frames=10, frames_per_second=fps
            )[0],
        ]

        assert [counter.frames_per_second for counter in counters] == [fps, fps]

    def test_reaches_the_video(self, pack: ModuleType, shot: Path) -> None:
        nodes = pack.NODE_CLASS_MAPPINGS
        counter = nodes["ImageSequenceFrameCounter"]().count(frame_index=0, total_frames=1, frames_per_second=23.976)[0]
        sequence = save_counted(pack, counter, shades(1), prefix="f")

        assert nodes["ImageSequenceFromAnimation"]().load(sequence)["result"][1] == 23.976


class TestInputsThatAreNone:
    """ComfyUI does not check the values of links."""

    @pytest.mark.parametrize("value", [None, [], "3", 2.5, float("nan"), -1, True, shades(1)[0, 0, 0, 0]], ids=repr)
    @pytest.mark.parametrize("name", ["frame_index", "total_frames", "frames_per_second"])
    def test_numbers(self, pack: ModuleType, name: str, value: Any) -> None:
        if name == "frames_per_second":
            value = 0 if isinstance(value, float) else value  # 2.5 is a rate
        given = {"frame_index": 0, "total_frames": 10, "frames_per_second": 24}
        with pytest.raises(ValueError, match=name):
            pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounter"]().count(**given | {name: value})

    @pytest.mark.parametrize("value", [None, [], {}, 7, b"f"], ids=repr)
    @pytest.mark.parametrize("name", ["directory_path", "pattern", "indexing", "resume_at", "total_frames"])
    def test_of_the_folder(self, pack: ModuleType, shot: Path, name: str, value: Any) -> None:
        value = 0 if name == "total_frames" and value == 7 else value
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]
        given = {"directory_path": "shot", "pattern": "*", "indexing": "numeric", "total_frames": 1}
        given |= {"frames_per_second": 1, "resume_at": "after last", name: value}

        with pytest.raises(ValueError, match=r"\w"):
            node().count(**given)
        assert isinstance(node.IS_CHANGED(**given, unique_id="none"), str)
