"""Save Image Sequence (Frame Counter): the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image

from .. import wires
from ..disk import (
    Fails,
    InterruptProcessingException,
    as_lists,
    cancel_at,
    delete,
    is_plain,
    needs_links,
    on_disk,
    put,
    shades,
    tear,
)
from ..wires import DreamFrameCounter
from .calls import saver_cache_key

TOTAL = 5


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveCounted"]()


def counter(frame: float, total: int = TOTAL) -> Any:
    return wires.counter(frame, total)


class Outcome(NamedTuple):
    ui: dict[str, Any]
    sequence: Any
    log: Any
    path_pattern: str = ""


def save(
    node: Any,
    frame_counter: Any,
    image: Any,
    at_end: str = "stop output",
    *,
    directory_path: str = "shot",
    prefix: str = "frame",
    digits: int = 5,
    filetype: str = "png",
    **more: Any,
) -> Outcome:
    result = node.save(
        frame_counter=frame_counter,
        image=image,
        directory_path=directory_path,
        prefix=prefix,
        digits=digits,
        at_end=at_end,
        filetype=filetype,
        **more,
    )
    assert set(result) == {"ui", "result"}
    return Outcome(result["ui"], *result["result"])


def names_of(sequence: Any, batch: int = 0) -> list[str]:
    folder = Path.cwd() / "output"
    return [Path(path).relative_to(folder).as_posix() for path in sequence.get_image_files_of_batch(batch)]


class TestAtEnd:
    """Frames 3, 4, 5 and 9 of 5, with the Dream pack's policies."""

    @pytest.mark.parametrize("at_end", ["stop output", "raise error", "keep going"])
    def test_before_the_final_frame_every_policy_saves(self, node: Any, output: Path, at_end: str) -> None:
        outcome = save(node, counter(3), shades(30), at_end)

        assert on_disk(output) == {"shot/frame_00003.png": 30}
        assert not outcome.sequence.is_defined
        assert "frame 3" in str(outcome.log)

    @pytest.mark.parametrize("at_end", ["stop output", "raise error", "keep going"])
    def test_on_the_final_frame_every_policy_returns_the_animation(self, node: Any, output: Path, at_end: str) -> None:
        for frame in range(TOTAL):
            outcome = save(node, counter(frame), shades(frame), at_end)

        assert outcome.sequence.is_defined
        assert names_of(outcome.sequence) == [f"shot/frame_{n:05d}.png" for n in range(TOTAL)]
        assert outcome.sequence.fps == 24.0

    @pytest.mark.parametrize("frame", [5, 9])
    @pytest.mark.parametrize("image", ["rendered", "left unrendered"])
    def test_stop_output_writes_nothing_past_the_end(self, node: Any, output: Path, frame: int, image: str) -> None:
        outcome = save(node, [counter(frame)], [shades(50)] if image == "rendered" else (None,))

        assert on_disk(output) == {}
        assert not outcome.sequence.is_defined
        assert "Stopped" in str(outcome.log)
        assert str(frame) in str(outcome.log)
        assert outcome.ui["images"] == []
        assert "Stopped" in json.loads(outcome.ui["image_sequence"][0])["message"]

    @pytest.mark.parametrize("frame", [5, 9])
    def test_raise_error_names_frame_total_and_policies(self, node: Any, output: Path, frame: int) -> None:
        with pytest.raises(ValueError, match=rf"'stop output' or 'keep going'\. Frame {frame} .*5 frames"):
            save(node, counter(frame), shades(50), "raise error")
        assert on_disk(output) == {}

    @pytest.mark.parametrize("frame", [5, 9])
    def test_keep_going_writes_on(self, node: Any, output: Path, frame: int) -> None:
        outcome = save(node, counter(frame), shades(50), "keep going")

        assert on_disk(output) == {f"shot/frame_{frame:05d}.png": 50}
        assert not outcome.sequence.is_defined

    def test_an_animation_of_one_frame_ends_with_it(self, node: Any, output: Path) -> None:
        outcome = save(node, counter(0, 1), shades(50))

        assert names_of(outcome.sequence) == ["shot/frame_00000.png"]


class TestFiles:
    @pytest.mark.parametrize(
        ("inputs", "name"),
        [
            pytest.param({"directory_path": ""}, "frame_00003.png", id="no directory"),
            pytest.param({"directory_path": "a/b/c"}, "a/b/c/frame_00003.png", id="three folders"),
            pytest.param({"prefix": "x"}, "shot/x_00003.png", id="a prefix"),
            pytest.param({"digits": 0}, "shot/frame_3.png", id="no padding"),
            pytest.param({"digits": -3}, "shot/frame_3.png", id="less than no padding"),
            pytest.param({"filetype": "jpg"}, "shot/frame_00003.jpg", id="JPG"),
            pytest.param({"filetype": "png with embedded workflow"}, "shot/frame_00003.png", id="with workflow"),
        ],
    )
    def test_are_where_the_widgets_say(self, node: Any, output: Path, inputs: dict[str, Any], name: str) -> None:
        save(node, counter(3), shades(50), **inputs)

        assert on_disk(output) == {name: 50}

    def test_are_in_the_absolute_output_folder_of_older_workflows(self, node: Any, output: Path) -> None:
        save(node, counter(3), shades(50), directory_path=str(output))

        assert on_disk(output) == {"frame_00003.png": 50}

    def test_are_there_for_lists_too(self, node: Any, output: Path) -> None:
        node.save(
            **as_lists(
                frame_counter=counter(3),
                image=shades(50),
                directory_path="shot",
                prefix="frame",
                digits=5,
                at_end="stop output",
                filetype="png",
                on_existing="overwrite",
                prompt={},
                extra_pnginfo=None,
                unique_id="1",
            )
        )

        assert on_disk(output) == {"shot/frame_00003.png": 50}

    def test_have_the_workflow_on_request(self, node: Any, output: Path) -> None:
        hidden = {"prompt": [{"1": {"inputs": {"a": 1}}}], "extra_pnginfo": [{"workflow": {"nodes": []}}]}
        save(node, counter(0), shades(50), filetype="png with embedded workflow", **hidden)  # type: ignore[arg-type]
        save(node, counter(1), shades(50), filetype="png", **hidden)  # type: ignore[arg-type]

        with Image.open(output / "shot" / "frame_00000.png") as image:
            assert set(image.text) == {"prompt", "workflow"}  # type: ignore[attr-defined]
        with Image.open(output / "shot" / "frame_00001.png") as image:
            assert image.text == {}  # type: ignore[attr-defined]

    def test_of_a_batch_go_into_folders_of_the_same_frame_number(self, node: Any, output: Path) -> None:
        save(node, counter(3), shades(10, 20, 30))

        assert on_disk(output) == {
            "shot/batch_0000/frame_00003.png": 10,
            "shot/batch_0001/frame_00003.png": 20,
            "shot/batch_0002/frame_00003.png": 30,
        }

    def test_of_an_empty_batch_are_an_error_not_the_end(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match="3"):
            save(node, counter(3), torch.zeros(0, 4, 6, 3))

    def test_of_many_counters_go_side_by_side(self, node: Any, output: Path) -> None:
        outcome = save(node, [counter(n) for n in range(TOTAL)], [shades(n) for n in range(TOTAL)])

        assert on_disk(output) == {f"shot/frame_{n:05d}.png": n for n in range(TOTAL)}
        assert outcome.sequence.keys_in_order == list(range(TOTAL))

    def test_of_many_counters_stop_at_the_end(self, node: Any, output: Path) -> None:
        save(node, [counter(n) for n in (3, 4, 5, 6)], [shades(n) for n in (3, 4, 5, 6)])

        assert on_disk(output) == {"shot/frame_00003.png": 3, "shot/frame_00004.png": 4}

    def test_of_many_images_with_one_counter_are_an_error(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match=r"^Wire a batch in place of the list of images: .*frame 3"):
            save(node, [counter(3)], [shades(10), shades(20)])
        assert on_disk(output) == {}

    @pytest.mark.parametrize("frame", [5.5, -1, float("nan"), float("inf")])
    @pytest.mark.parametrize("at_end", ["stop output", "raise error", "keep going"])
    def test_of_an_invalid_frame_number_are_an_error(self, node: Any, output: Path, frame: float, at_end: str) -> None:
        with pytest.raises(ValueError, match=r"[Oo]ffset.* is at (5\.5|-1|nan|inf)"):
            save(node, counter(frame), shades(50), at_end)
        assert on_disk(output) == {}

    @pytest.mark.parametrize(
        "inputs",
        [{"directory_path": "../zone"}, {"directory_path": "/etc"}, {"prefix": "../../zone"}, {"prefix": "/z"}],
    )
    def test_elsewhere_are_refused(self, node: Any, output: Path, base: Path, inputs: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=r"(?s:(Write|operator).*The path)"):
            save(node, counter(3), shades(50), **inputs)  # type: ignore[arg-type]
        assert on_disk(base) == {}

    @needs_links
    @pytest.mark.parametrize(("link", "images"), [("shot", [10]), ("shot/batch_0001", [10, 20])])
    def test_in_a_folder_that_leads_out_are_refused(
        self, node: Any, output: Path, base: Path, link: str, images: list[int]
    ) -> None:
        (base / "elsewhere").mkdir()
        (output / link).parent.mkdir(parents=True, exist_ok=True)
        (output / link).symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(ValueError, match="outside"):
            save(node, counter(3), shades(*images))
        assert on_disk(base) == {}


class TestForeignCounters:
    def test_of_the_dream_pack_are_accepted(self, node: Any, output: Path) -> None:
        start = DreamFrameCounter(0, 3, 12)
        for step in range(4):
            outcome = save(node, start.incremented(step), shades(step))
            assert outcome.sequence.is_defined == (step == 2)

        assert on_disk(output) == {f"shot/frame_{n:05d}.png": n for n in range(3)}

    def test_at_a_whole_number_as_a_float_are_accepted(self, node: Any, output: Path) -> None:
        save(node, DreamFrameCounter(0, 10, 25).incremented(2.0), shades(50))

        assert on_disk(output) == {"shot/frame_00002.png": 50}

    def test_between_two_frames_are_an_error_naming_the_offset(self, node: Any, output: Path) -> None:
        """0.1 s at 25 frames per second: the Dream pack wrote frame_005.5.png."""
        with pytest.raises(ValueError, match=r"1/25.*5\.5"):
            save(node, DreamFrameCounter(3, 10, 25).incremented(0.1 * 25), shades(50))


class TestTheSequence:
    """The files of a finished animation, with the cases that the earlier pack got wrong."""

    def run(self, node: Any, total: int, images: Any = None, **inputs: Any) -> Outcome:
        for frame in range(total):
            outcome = save(node, counter(frame, total), shades(frame) if images is None else images, **inputs)
        return outcome

    def test_leaves_out_stale_frames_other_prefixes_and_stray_files(self, node: Any, output: Path) -> None:
        self.run(node, 6)
        self.run(node, 3, prefix="other")
        put(output / "shot" / "cover.png")
        put(output / "shot" / "logo_7.png")

        outcome = self.run(node, 3)

        assert names_of(outcome.sequence) == [f"shot/frame_{n:05d}.png" for n in range(3)]

    def test_leaves_out_another_file_type(self, node: Any, output: Path) -> None:
        self.run(node, 3)

        assert names_of(self.run(node, 3, filetype="jpg").sequence) == [f"shot/frame_{n:05d}.jpg" for n in range(3)]

    def test_names_its_gaps_in_the_log(self, node: Any, output: Path) -> None:
        for frame in (0, 1, 4, 6):
            outcome = save(node, counter(frame, 7), shades(frame))

        assert outcome.sequence.keys_in_order == [0, 1, 4, 6]
        assert "2-3,5" in str(outcome.log)

    def test_is_in_numeric_order(self, node: Any, output: Path) -> None:
        outcome = self.run(node, 12, digits=1)

        assert names_of(outcome.sequence) == [f"shot/frame_{n}.png" for n in range(12)]

    def test_has_every_image_of_a_batch(self, node: Any, output: Path) -> None:
        outcome = self.run(node, 2, shades(10, 20, 30))

        assert outcome.sequence.num_batches == 3
        assert list(outcome.sequence.batches) == [0, 1, 2]
        assert names_of(outcome.sequence, 2) == [f"shot/batch_0002/frame_{n:05d}.png" for n in range(2)]

    def test_mixes_no_images_of_a_batch(self, node: Any, output: Path) -> None:
        for frame in range(2):
            save(node, counter(frame, 3), shades(10, 20))
        (output / "shot" / "batch_0000" / "frame_00001.png").unlink()
        outcome = save(node, counter(2, 3), shades(10, 20))

        assert outcome.sequence.keys_in_order == [0, 2]
        assert names_of(outcome.sequence, 1) == [f"shot/batch_0001/frame_{n:05d}.png" for n in (0, 2)]
        assert "Frame 1 of" in str(outcome.log)

    def test_of_single_images_leaves_out_batch_folders_of_an_older_run(self, node: Any, output: Path) -> None:
        self.run(node, 3, shades(10, 20))

        assert names_of(self.run(node, 3).sequence) == [f"shot/frame_{n:05d}.png" for n in range(3)]

    def test_of_a_batch_leaves_out_the_single_files_of_an_older_run(self, node: Any, output: Path) -> None:
        self.run(node, 3)
        outcome = self.run(node, 3, shades(10, 20))

        assert names_of(outcome.sequence) == [f"shot/batch_0000/frame_{n:05d}.png" for n in range(3)]

    def test_names_the_frames_saved_with_another_number_of_images(self, node: Any, output: Path) -> None:
        save(node, counter(0, 2), shades(10))
        outcome = save(node, counter(1, 2), shades(10, 20))

        assert outcome.sequence.keys_in_order == [1]
        assert "Frame 0 of" in str(outcome.log)

    def test_is_returned_if_nothing_had_to_be_rendered(self, node: Any, output: Path) -> None:
        self.run(node, 3)

        outcome = save(node, [counter(2, 3)], (None,), on_existing=["skip"])

        assert outcome.sequence.keys_in_order == [0, 1, 2]
        assert on_disk(output) == {f"shot/frame_{n:05d}.png": n for n in range(3)}

    def test_of_a_batch_is_returned_if_nothing_had_to_be_rendered(self, node: Any, output: Path) -> None:
        self.run(node, 3, shades(10, 20))

        outcome = save(node, [counter(2, 3)], (None,), on_existing=["skip"])

        assert (outcome.sequence.num_batches, outcome.sequence.keys_in_order) == (2, [0, 1, 2])
        assert len(outcome.ui["images"]) == 2


class TestOnExisting:
    @pytest.fixture(autouse=True)
    def _old(self, output: Path) -> None:
        put(output / "shot" / "frame_00003.png", 10)

    def test_overwrite_is_the_default(self, node: Any, output: Path) -> None:
        save(node, counter(3), shades(50))

        assert on_disk(output) == {"shot/frame_00003.png": 50}

    def test_skip_keeps_it(self, node: Any, output: Path) -> None:
        outcome = save(node, counter(3), shades(50), on_existing="skip")

        assert on_disk(output) == {"shot/frame_00003.png": 10}
        assert "Kept" in str(outcome.log)

    def test_skip_rewrites_a_torn_one(self, node: Any, output: Path) -> None:
        tear(output / "shot" / "frame_00003.png")
        save(node, counter(3), shades(50), on_existing="skip")

        assert on_disk(output) == {"shot/frame_00003.png": 50}

    def test_skip_writes_the_images_of_a_batch_that_are_missing(self, node: Any, output: Path) -> None:
        put(output / "shot" / "batch_0001" / "frame_00004.png", 11)
        save(node, counter(4), shades(50, 60, 70), on_existing="skip")

        found = on_disk(output / "shot")
        assert [found[f"batch_{n:04d}/frame_00004.png"] for n in range(3)] == [50, 11, 70]

    def test_error_stops_and_names_it(self, node: Any, output: Path) -> None:
        with pytest.raises(FileExistsError, match=r"Frame 3.*frame_00003\.png"):
            save(node, counter(3), shades(50), on_existing="error")
        assert on_disk(output) == {"shot/frame_00003.png": 10}

    def test_error_stops_for_one_image_of_a_batch_and_writes_none_of_it(self, node: Any, output: Path) -> None:
        put(output / "shot" / "batch_0001" / "frame_00004.png", 11)

        with pytest.raises(FileExistsError, match=r"Frame 4 .*batch_0001"):
            save(node, counter(4), shades(50, 60, 70), on_existing="error")
        assert sorted(on_disk(output / "shot")) == ["batch_0001/frame_00004.png", "frame_00003.png"]

    def test_a_frame_that_was_not_rendered_and_has_vanished_is_an_error(self, node: Any, output: Path) -> None:
        (output / "shot" / "frame_00003.png").unlink()

        with pytest.raises(FileNotFoundError, match=r"[Ff]rame 3 .*frame_00003\.png"):
            save(node, [counter(3)], (None,), on_existing=["skip"])


class TestCheckLazyStatus:
    @staticmethod
    def asks(
        node: Any, frame: float | list[float], at_end: str = "stop output", on_existing: str | None = None, **more: Any
    ) -> bool:
        frames = frame if isinstance(frame, list) else [frame]
        inputs = {"directory_path": "shot", "prefix": "frame", "digits": 5, "filetype": "png", "at_end": at_end} | more
        inputs |= {"on_existing": on_existing} if on_existing else {}
        answer = node.check_lazy_status(
            frame_counter=[counter(n) for n in frames],
            image=(None,),
            **as_lists(**inputs, prompt={}, extra_pnginfo=None, unique_id="1"),
        )
        assert answer in ([], ["image"])
        return bool(answer)

    @pytest.mark.parametrize("at_end", ["stop output", "raise error", "keep going"])
    @pytest.mark.parametrize("on_existing", [None, "overwrite", "skip", "error"])
    def test_asks_for_a_frame_that_is_not_on_disk(
        self, node: Any, output: Path, at_end: str, on_existing: str | None
    ) -> None:
        assert self.asks(node, 3, at_end, on_existing)
        assert self.asks(node, 4, at_end, on_existing)

    @pytest.mark.parametrize("frame", [5, 9])
    def test_asks_past_the_end_only_under_keep_going(self, node: Any, output: Path, frame: int) -> None:
        assert not self.asks(node, frame, "stop output")
        assert self.asks(node, frame, "keep going")
        with pytest.raises(ValueError, match=f"Frame {frame}"):
            self.asks(node, frame, "raise error")

    @pytest.mark.parametrize(("on_existing", "asked"), [(None, True), ("overwrite", True), ("skip", False)])
    def test_asks_for_a_frame_on_disk_unless_it_is_kept(
        self, node: Any, output: Path, on_existing: str | None, asked: bool
    ) -> None:
        put(output / "shot" / "frame_00003.png")

        assert self.asks(node, 3, on_existing=on_existing) is asked

    def test_refuses_a_frame_on_disk_before_rendering_under_error(self, node: Any, output: Path) -> None:
        put(output / "shot" / "frame_00003.png")

        with pytest.raises(FileExistsError, match="exists already"):
            self.asks(node, 3, on_existing="error")

    def test_asks_for_a_torn_frame(self, node: Any, output: Path) -> None:
        tear(put(output / "shot" / "frame_00003.png"))

        assert self.asks(node, 3, on_existing="skip")

    def test_asks_until_every_batch_folder_that_was_begun_has_the_frame(self, node: Any, output: Path) -> None:
        for name in ("batch_0000/frame_00000.png", "batch_0001/frame_00000.png", "batch_0000/frame_00003.png"):
            put(output / "shot" / name)
        assert self.asks(node, 3, on_existing="skip")

        put(output / "shot" / "batch_0001" / "frame_00003.png")
        assert not self.asks(node, 3, on_existing="skip")

    def test_asks_if_any_of_several_counters_needs_an_image(self, node: Any, output: Path) -> None:
        put(output / "shot" / "frame_00003.png")

        assert self.asks(node, [3, 4], on_existing="skip")
        assert not self.asks(node, [3, 5, 6], on_existing="skip")

    @pytest.mark.parametrize("frame", [2.5, -1])
    def test_refuses_an_invalid_frame_number_before_rendering(self, node: Any, output: Path, frame: float) -> None:
        with pytest.raises(ValueError, match=r"frame counter.* is at"):
            self.asks(node, frame)

    @pytest.mark.parametrize("prefix", ["f_####", "f_%04d", "f.png"])
    def test_refuses_a_frame_number_in_the_prefix_before_rendering(self, node: Any, output: Path, prefix: str) -> None:
        with pytest.raises(ValueError, match="Write 'f'"):
            self.asks(node, 0, prefix=prefix)

    def test_and_save_agree_over_a_whole_range_queued_again(self, node: Any, output: Path) -> None:
        """Resuming renders only what is missing, and returns the whole animation."""
        put(output / "shot" / "frame_00000.png", 100)
        tear(put(output / "shot" / "frame_00001.png", 100))
        put(output / "shot" / "frame_00003.png", 100)
        rendered = []
        for frame in range(7):
            asked = self.asks(node, frame, on_existing="skip")
            image = [shades(frame)] if asked else (None,)
            rendered += [frame] if asked else []
            outcome = save(node, [counter(frame)], image, on_existing=["skip"])
            assert outcome.sequence.is_defined == (frame == TOTAL - 1)

        assert rendered == [1, 2, 4]
        assert on_disk(output / "shot") == {
            "frame_00000.png": 100,
            "frame_00001.png": 1,
            "frame_00002.png": 2,
            "frame_00003.png": 100,
            "frame_00004.png": 4,
        }


def is_changed(node: Any, unique_id: str, directory: str | None = "shot") -> str:
    return saver_cache_key(
        node,
        unique_id,
        frame_counter=None,
        image=None,
        directory_path=directory,
        prefix="frame",
        digits=5,
        at_end="stop output",
        filetype="png",
        on_existing="overwrite",
    )


class TestIsChanged:
    @pytest.mark.parametrize("directory", ["shot", None], ids=["constants", "links"])
    def test_stays_until_a_file_vanishes_and_then_changes_once(
        self, node: Any, output: Path, directory: str | None
    ) -> None:
        node_id = f"counted {directory}"
        keys = []
        for frame in range(3):
            keys += [is_changed(node, node_id, directory)]
            save(node, [counter(frame)], [shades(1)], unique_id=[node_id])
        before = [*keys, is_changed(node, node_id, directory)]
        delete(output / "shot" / "frame_00001.png")
        after = [is_changed(node, node_id, directory) for _ in range(3)]

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert before[0] != after[0]

    def test_stays_when_a_run_past_the_end_wrote_nothing(self, node: Any, output: Path) -> None:
        before = is_changed(node, "stopped")
        save(node, [counter(9)], (None,), unique_id=["stopped"])

        assert is_changed(node, "stopped") == before

    def test_watches_every_image_of_a_batch(self, node: Any, output: Path) -> None:
        before = is_changed(node, "variants")
        save(node, [counter(0)], [shades(1, 2, 3)], unique_id=["variants"])
        assert is_changed(node, "variants") == before
        delete(output / "shot" / "batch_0001" / "frame_00000.png")

        assert is_changed(node, "variants") != before


class TestValidateInputs:
    @pytest.mark.parametrize("directory", ["", "a/b", None, "shot", (None,), ["shot"], "%year%/%width%", "50%done"])
    def test_accepts_valid_and_linked_values(self, node: Any, output: Path, directory: Any) -> None:
        assert type(node).VALIDATE_INPUTS(directory_path=directory) is True

    @pytest.mark.parametrize("directory", ["..", "/etc", "con", "a" * 300, "a\0", "%seed%", "%KSampler.seed%/.."])
    def test_states_the_fault_and_the_fix(self, node: Any, output: Path, directory: str) -> None:
        answer = type(node).VALIDATE_INPUTS(directory_path=[directory])

        assert type(answer) is str
        assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

    def test_names_one_input_because_comfyui_blames_all_that_are_named(self, node: Any) -> None:
        assert list(inspect.signature(type(node).VALIDATE_INPUTS).parameters) == ["directory_path"]


class TestTokens:
    @staticmethod
    def asks(
        node: Any, frame: int = 0, directory: str = "shot", prefix: str = "f", existing: str = "skip"
    ) -> list[str]:
        given = {"directory_path": directory, "prefix": prefix, "digits": 5, "at_end": "stop output", "filetype": "png"}
        return node.check_lazy_status(frame_counter=[counter(frame)], on_existing=[existing], **as_lists(**given))

    def test_are_filled_in_both_texts(self, node: Any, output: Path) -> None:
        save(node, counter(0), shades(10), directory_path="d_%width%x%height%", prefix="%year%_%width%")

        (file,) = on_disk(output)
        folder, _, name = file.partition("/")
        assert folder == "d_6x4"
        assert re.fullmatch(r"20[0-9]{2}_6_00000\.png", name)

    @pytest.mark.parametrize("texts", [{"directory": "%width%"}, {"prefix": "f_%height%"}])
    def test_of_the_image_s_size_need_the_image(self, node: Any, output: Path, texts: dict[str, str]) -> None:
        assert self.asks(node, 0, **texts) == ["image"]
        assert self.asks(node, 99, **texts) == [], "past the end"

    def test_of_the_date_leave_a_frame_on_disk_unrendered(self, node: Any, output: Path) -> None:
        save(node, counter(0), shades(10), directory_path="%year%", prefix="f%year%")

        assert self.asks(node, directory="%year%", prefix="f%year%") == []
        assert self.asks(node, 1, directory="%year%", prefix="f%year%") == ["image"]

    @pytest.mark.parametrize("token", ["%KSampler.seed%", "%seed%", "%Year%", "%batch_num%"])
    @pytest.mark.parametrize("text", ["directory", "prefix"])
    def test_that_cannot_be_filled_in_are_refused_before_rendering(
        self, node: Any, output: Path, token: str, text: str
    ) -> None:
        with pytest.raises(ValueError, match=f"token '{token}' cannot be filled in"):
            self.asks(node, 0, **{text: token})
        assert on_disk(output) == {}


class TestUi:
    def test_lists_every_image_and_describes_every_folder_in_plain_values(self, node: Any, output: Path) -> None:
        outcome = save(node, counter(3), shades(10, 20))

        assert is_plain(outcome.ui)
        assert outcome.ui["images"] == [
            {"filename": "frame_00003.png", "subfolder": f"shot/batch_{n:04d}", "type": "output"} for n in range(2)
        ]
        described = [json.loads(text) for text in outcome.ui["image_sequence"]]
        assert [description["subfolder"] for description in described] == ["shot/batch_0000", "shot/batch_0001"]
        assert {description["fps"] for description in described} == {24.0}
        assert described[0]["message"] == str(outcome.log)

    def test_is_plain_whatever_the_counter_is_made_of(self, node: Any, output: Path) -> None:
        numbers = torch.tensor([3, 5, 24])
        foreign = SimpleNamespace(
            current_frame=numbers[0].item(), total_frames=numbers[1].item(), frames_per_second=float(numbers[2])
        )

        assert is_plain(save(node, foreign, shades(10)).ui)


class TestFailures:
    def test_a_full_disk_keeps_the_old_frame(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(output / "shot" / "frame_00003.png", 10)
        failing = Fails(os.fsync, lambda *_: True)
        monkeypatch.setattr(os, "fsync", failing)

        with pytest.raises(OSError, match=r"Frame 3 .*frame_00003\.png"):
            save(node, counter(3), shades(50))

        assert failing.fired
        assert on_disk(output) == {"shot/frame_00003.png": 10}

    def test_cancel_passes_through(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = cancel_at(0, monkeypatch)

        with pytest.raises(InterruptProcessingException):
            save(node, counter(3), shades(50))
        assert asked == [0]
        assert on_disk(output) == {}
