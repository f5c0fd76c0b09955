"""Load Image Sequence (Batch): the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import png
import pytest
import torch
from PIL import Image, ImageFile

from ..disk import (
    InterruptProcessingException,
    cancel_at,
    delete,
    forbid_listing,
    is_plain,
    needs_links,
    noise,
    put,
    put_frames,
    shades_of,
    stand_in,
    tear,
)
from .calls import cache_key


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]()


class Loaded(NamedTuple):
    ui: dict[str, Any]
    images: torch.Tensor
    mask: torch.Tensor
    count: int  # type: ignore[assignment]
    range: str
    metadata: Any
    path_pattern: str

    @property
    def shades(self) -> list[int]:
        return shades_of(self.images)


def load(node: Any, path_pattern: str = "f_##.png", start: int = 0, count: int = 0, **more: Any) -> Loaded:
    inputs = {"ignore_missing_images": "false"} | more
    result = node.load(path_pattern=path_pattern, start_index=start, frame_count=count, **inputs)
    assert set(result) == {"ui", "result"}
    return Loaded(result["ui"], *result["result"])


class TestFrames:
    def test_are_one_batch_in_order_with_mask_and_count(self, node: Any, output: Path) -> None:
        put_frames(output, *range(12))

        loaded = load(node, count=12)

        assert loaded.shades == list(range(12))
        assert loaded.images.shape == (12, 4, 6, 3)
        assert loaded.mask.shape == (12, 4, 6)
        assert loaded.count == 12
        assert type(loaded.count) is int

    def test_are_counted_by_number_not_by_name(self, node: Any, output: Path) -> None:
        put_frames(output, 98, 99, 100, 101)

        assert load(node, start=98, count=4).shades == [98, 99, 100, 101]

    @pytest.mark.parametrize(
        ("inputs", "shades"),
        [
            pytest.param({"count": 3}, [0, 1, 2], id="three"),
            pytest.param({"start": 4, "count": 2}, [4, 5], id="from the fifth"),
            pytest.param({"start": 7}, [7, 8, 9], id="to the last"),
            pytest.param({"step": 3}, [0, 3, 6, 9], id="every third to the last"),
            pytest.param({"start": 1, "count": 3, "step": 4}, [1, 5, 9], id="every fourth"),
        ],
    )
    def test_are_the_requested_ones(self, node: Any, output: Path, inputs: dict[str, Any], shades: list[int]) -> None:
        put_frames(output, *range(10))

        assert load(node, **inputs).shades == shades

    @pytest.mark.parametrize("folder", ["output", "input", "temp"])
    def test_are_in_the_requested_folder(self, node: Any, base: Path, folder: str) -> None:
        for shade, other in enumerate(("output", "input", "temp")):
            put(base / other / "a" / "f_00.png", shade)

        loaded = load(node, "a/f_##.png", folder=folder)

        assert loaded.shades == [("output", "input", "temp").index(folder)]
        assert loaded.ui["images"] == [{"filename": "f_00.png", "subfolder": "a", "type": folder}]

    @pytest.mark.parametrize("pattern", ["f_{:02d}.png", "f_%02d.png", "f_##.png", "./f_{i:02d}.png", "f_{0:02d}.png"])
    def test_accept_every_notation(self, node: Any, output: Path, pattern: str) -> None:
        put_frames(output, 0, 1)

        assert load(node, pattern).shades == [0, 1]

    def test_in_folders_of_their_own(self, node: Any, output: Path) -> None:
        put_frames(output, 1, 2, name="shot/{:04d}/beauty.png")

        assert load(node, "shot/{:04d}/beauty.png", start=1).shades == [1, 2]

    def test_of_other_sequences_are_ignored(self, node: Any, output: Path) -> None:
        put_frames(output, 0, 1)
        for name in ("cover.png", "g_02.png", "f_2.png", "f_02.jpg", "f_02-0.png", "sub/f_02.png"):
            put(output / name)

        assert load(node).shades == [0, 1]

    def test_without_a_number_are_one_file(self, node: Any, output: Path) -> None:
        put(output / "still.png", 77)

        for count in (0, 1):
            assert load(node, "still.png", start=3, count=count).shades == [77]
        with pytest.raises(ValueError, match=r"^Set frame_count to 1 or 0 to load .*still\.png.*16 frames"):
            load(node, "still.png", count=16)

    def test_of_mixed_kinds_have_one_mask(self, node: Any, output: Path) -> None:
        put(output / "f_00.png", 100, mode="RGB")
        put(output / "f_01.png", 100, mode="RGBA")

        loaded = load(node)

        assert loaded.shades == [100, 100]
        assert (loaded.mask[:, 0, 0] * 255).round().tolist() == [0, 205]

    def test_of_16_bits_are_exact(self, node: Any, output: Path) -> None:
        ramp = np.arange(1024, dtype=np.uint16).reshape(32, 32) * np.uint16(64)
        with open(output / "f_00.png", "wb") as file:
            png.Writer(32, 32, greyscale=True, bitdepth=16).write(file, ramp.tolist())

        images = load(node).images

        assert len(images.unique()) == 1024
        np.testing.assert_allclose(images[0, ..., 1].numpy(), ramp / 65535, rtol=0, atol=1e-7)

    def test_are_float16_if_comfyui_asks_for_float16(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(
            monkeypatch,
            "comfy.model_management",
            intermediate_dtype=lambda: torch.float16,
            throw_exception_if_processing_interrupted=lambda: None,
        )
        Image.fromarray(noise(8, 8)).save(output / "f_00.png")

        loaded = load(node)

        assert loaded.images.dtype is loaded.mask.dtype is torch.float16
        np.testing.assert_array_equal((loaded.images[0].float() * 255).round().numpy(), noise(8, 8))

    def test_are_float32_in_a_comfyui_without_intermediate_dtype(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cancel_at(-1, monkeypatch)  # ComfyUI 0.3.64: a model_management without intermediate_dtype
        put_frames(output, 0)

        assert load(node).images.dtype is torch.float32


class TestMissingFrames:
    @pytest.fixture(autouse=True)
    def _gaps(self, output: Path) -> None:
        put_frames(output, 1, 2, 5)

    def test_are_an_error_naming_all(self, node: Any) -> None:
        with pytest.raises(
            FileNotFoundError, match=r"^Set start_index to 1.*0,3-4,6.*f_00\.png.*1-2,5.*ignore_missing_images"
        ):
            load(node, count=7)

    @pytest.mark.parametrize(
        ("policy", "start", "shades"),
        [
            ("true", 0, [1, 2, 5]),
            ("hold previous", 1, [1, 2, 2, 2, 5, 5]),
            ("black", 0, [0, 1, 2, 0, 0, 5]),
        ],
    )
    def test_follow_the_policy(self, node: Any, policy: str, start: int, shades: list[int]) -> None:
        loaded = load(node, start=start, count=6, ignore_missing_images=policy)

        assert loaded.shades == shades
        assert loaded.count == len(shades)
        assert loaded.mask.shape == (len(shades), 4, 6)

    def test_before_the_first_frame_cannot_be_held(self, node: Any) -> None:
        with pytest.raises(FileNotFoundError, match="0,3-4"):
            load(node, count=6, ignore_missing_images="hold previous")

    @pytest.mark.parametrize("policy", ["false", "true", "hold previous", "black"])
    def test_and_no_others_are_an_error(self, node: Any, policy: str) -> None:
        with pytest.raises(FileNotFoundError, match="20-29"):
            load(node, start=20, count=10, ignore_missing_images=policy)
        with pytest.raises(FileNotFoundError, match=r"g_.*\.png"):
            load(node, "g_##.png", ignore_missing_images=policy)

    def test_are_reported_in_the_ui(self, node: Any) -> None:
        ui = load(node, count=7, ignore_missing_images="true").ui

        description = json.loads(ui["image_sequence"][0])
        assert description["missing"] == [0, 3, 4, 6]
        assert "0,3-4,6" in description["message"]


class TestSizes:
    def test_that_differ_are_an_error_naming_both(self, node: Any, output: Path) -> None:
        put_frames(output, 0, 1)
        put(output / "f_02.png", width=9, height=5)

        with pytest.raises(ValueError, match=r"resize to first.*Frame 0 is 6 x 4.*frame 2 is 9 x 5.*f_02\.png"):
            load(node)

    def test_that_differ_become_that_of_the_first_on_request(self, node: Any, output: Path) -> None:
        put_frames(output, 0, 1)
        put(output / "f_02.png", 20, width=9, height=5)

        loaded = load(node, on_size_mismatch="resize to first")

        assert loaded.images.shape == (3, 4, 6, 3)
        assert loaded.shades == [0, 1, 20]


class TestBrokenFiles:
    @pytest.mark.parametrize("truncated", [False, True], ids=["", "another pack loads truncated images"])
    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda path: tear(path, 70), id="truncated"),
            pytest.param(lambda path: path.write_bytes(b""), id="empty"),
            pytest.param(lambda path: path.write_text("This is not an image."), id="not an image"),
            pytest.param(
                lambda path: path.write_bytes(path.read_bytes()[:60] + b"\0" + path.read_bytes()[61:]),
                id="a wrong byte",
            ),
        ],
    )
    def test_are_an_error_naming_frame_and_file(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, truncated: bool
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated)
        for number in range(4):
            Image.fromarray(noise(16, 16)).save(output / f"f_{number:02d}.png")
        spoil(output / "f_02.png")

        with pytest.raises(ValueError, match=r"Frame 2 .*f_02\.png"):
            load(node)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is truncated

    def test_that_are_folders_are_missing(self, node: Any, output: Path) -> None:
        put_frames(output, 0, 2)
        (output / "f_01.png").mkdir()

        with pytest.raises(FileNotFoundError, match=r"Frame 1 .*f_01\.png"):
            load(node)


class TestWhereFilesMayBe:
    @pytest.mark.parametrize("folder", ["output", "input", "temp"])
    @pytest.mark.parametrize("pattern", ["../f_##.png", "/etc/f_##.png", "a/../../f_##.png", "##/../../f.png"])
    def test_elsewhere_is_refused(self, node: Any, output: Path, base: Path, folder: str, pattern: str) -> None:
        put_frames(base, 0)

        with pytest.raises(ValueError, match="f"):
            load(node, pattern, folder=folder)

    @needs_links
    def test_links_that_lead_out_are_refused(self, node: Any, output: Path, base: Path) -> None:
        put(base / "secret.png")
        put_frames(base / "elsewhere", 0)
        (output / "f_00.png").symlink_to(base / "secret.png")
        (output / "linked").symlink_to(base / "elsewhere", target_is_directory=True)

        for pattern in ("f_##.png", "linked/f_##.png"):
            with pytest.raises(ValueError, match="outside"):
                load(node, pattern)

    def test_absolute_paths_inside_are_fine(self, node: Any, output: Path) -> None:
        put_frames(output, 0, 1)

        assert load(node, f"{output}/f_##.png", folder="input").shades == [0, 1]


class TestIsChanged:
    @staticmethod
    def key(node: Any, **inputs: Any) -> str:
        given = {
            "path_pattern": "f_##.png",
            "start_index": 0,
            "frame_count": 0,
            "ignore_missing_images": "true",
            "folder": "output",
            "step": 1,
            "on_size_mismatch": "error",
            "unique_id": "1",
        }
        return cache_key(node, **given | inputs)

    @pytest.fixture(autouse=True)
    def _frames(self, output: Path) -> None:
        put_frames(output, *range(6))

    def test_stays_while_nothing_changes(self, node: Any) -> None:
        assert len({self.key(node) for _ in range(3)}) == 1

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda output: os.utime(output / "f_03.png", (1, 1)), id="rewritten"),
            pytest.param(lambda output: put(output / "f_06.png"), id="added"),
            pytest.param(lambda output: delete(output / "f_03.png"), id="removed"),
        ],
    )
    def test_changes_once_when_a_frame_does(self, node: Any, output: Path, change: Any) -> None:
        before = self.key(node)
        change(output)

        assert self.key(node) != before
        assert self.key(node) == self.key(node)

    def test_stays_when_frames_between_the_steps_change(self, node: Any, output: Path) -> None:
        before = self.key(node, step=5)
        os.utime(output / "f_03.png", (1, 1))
        delete(output / "f_04.png")

        assert self.key(node, step=5) == before

    def test_stays_when_other_files_change(self, node: Any, output: Path) -> None:
        before = self.key(node, start_index=2, frame_count=3)
        for name in ("g_03.png", "f_03.jpg", "cover.png", "f_09.png"):
            put(output / name)
        os.utime(output / "f_00.png", (1, 1))
        os.utime(output / "f_05.png", (1, 1))

        assert self.key(node, start_index=2, frame_count=3) == before

    def test_without_optional_inputs_uses_their_defaults(self, node: Any) -> None:
        given = {"path_pattern": "f_##.png", "start_index": 0, "frame_count": 0, "ignore_missing_images": "true"}

        assert type(node).IS_CHANGED(**given, unique_id="1") == self.key(node)

    @pytest.mark.parametrize("pattern", ["../f_##.png", "##_##.png", "f.exr", "\0.png", "gone/f_##.png"])
    def test_of_invalid_settings_does_not_raise(self, node: Any, pattern: str) -> None:
        assert self.key(node, path_pattern=pattern) == self.key(node, path_pattern=pattern)

    @pytest.mark.parametrize(
        "link",
        [
            *("path_pattern", "start_index", "frame_count", "folder", "step", "ignore_missing_images"),
            *("layer", "image_color_space", "file_color_space"),
        ],
    )
    def test_with_a_link_changes_once_after_the_files_read_have_changed(
        self, node: Any, output: Path, link: str
    ) -> None:
        """The link's value is not known before the run, but what the last run read is."""
        inputs = {link: None, "unique_id": f"link {link}"}
        before = [self.key(node, **inputs)]
        load(node, unique_id=f"link {link}")
        before += [self.key(node, **inputs) for _ in range(3)]
        put(output / "g_00.png")
        before += [self.key(node, **inputs)]
        os.utime(output / "f_03.png", (1, 1))
        after = [self.key(node, **inputs) for _ in range(3)]
        load(node, unique_id=f"link {link}")
        after += [self.key(node, **inputs) for _ in range(3)]

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert before[0] != after[0]


class TestValidateInputs:
    @pytest.mark.parametrize("pattern", ["./frame{:06d}.png", "a/f_####.webp", "still.TIF", None])
    def test_accepts_valid_and_linked_values(self, node: Any, output: Path, pattern: Any) -> None:
        assert type(node).VALIDATE_INPUTS(path_pattern=pattern) is True

    @pytest.mark.parametrize("pattern", ["f_##", "f_##.dpx", "##_##.png", "{x}.png", "../f_##.png", "/etc/f.png"])
    def test_states_the_fault_and_the_fix(self, node: Any, output: Path, pattern: str) -> None:
        answer = type(node).VALIDATE_INPUTS(path_pattern=pattern)

        assert type(answer) is str
        assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

    def test_names_only_what_it_checks(self, node: Any) -> None:
        assert "path_pattern" in inspect.signature(type(node).VALIDATE_INPUTS).parameters
        assert set(inspect.signature(type(node).VALIDATE_INPUTS).parameters) <= {"path_pattern", "folder"}

    def test_does_not_need_files_that_the_same_graph_may_write(self, node: Any, base: Path) -> None:
        assert type(node).VALIDATE_INPUTS(path_pattern="not/there/yet_##.png") is True

    def test_lists_no_folder(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        forbid_listing(monkeypatch)

        assert type(node).VALIDATE_INPUTS(path_pattern="a/f_##.png") is True

    @needs_links
    def test_does_not_refuse_what_another_folder_would_allow(self, node: Any, output: Path, base: Path) -> None:
        """output/shots links to a disk that is not allowed; the frames to load are in input/shots."""
        (base / "disk").mkdir()
        (output / "shots").symlink_to(base / "disk", target_is_directory=True)
        put_frames(base / "input" / "shots", 0)
        inputs = {"path_pattern": "shots/f_##.png", "folder": "input"}
        named = inspect.signature(type(node).VALIDATE_INPUTS).parameters

        assert type(node).VALIDATE_INPUTS(**{name: inputs[name] for name in named}) is True
        assert load(node, **inputs).shades == [0]  # type: ignore[arg-type]


class TestInputsThatAreNone:
    """ComfyUI does not check the values of links."""

    @pytest.mark.parametrize("value", [None, [], {}, 7, b"f"], ids=repr)
    @pytest.mark.parametrize("name", ["path_pattern", "folder", "ignore_missing_images", "on_size_mismatch"])
    def test_text(self, node: Any, output: Path, name: str, value: Any) -> None:
        put_frames(output, 0)
        given = {"path_pattern": "f_##.png", "start_index": 0, "frame_count": 1, "ignore_missing_images": "false"}
        with pytest.raises(ValueError, match=r"\w"):
            node.load(**given | {name: value})

    @pytest.mark.parametrize("value", [None, [], "3", 2.5, float("inf"), -1, torch.tensor(1)], ids=repr)
    @pytest.mark.parametrize("name", ["start_index", "frame_count", "step"])
    def test_numbers(self, node: Any, output: Path, name: str, value: Any) -> None:
        put_frames(output, 0)
        given = {"path_pattern": "f_##.png", "start_index": 0, "frame_count": 1, "ignore_missing_images": "false"}
        with pytest.raises(ValueError, match=name):
            node.load(**given | {name: value})

    @pytest.mark.parametrize("value", [[], {}, "3", 2.5, float("nan"), -1], ids=repr)
    @pytest.mark.parametrize("name", ["path_pattern", "start_index", "frame_count", "step", "folder"])
    def test_do_not_make_is_changed_raise(self, node: Any, output: Path, name: str, value: Any) -> None:
        given = {"path_pattern": "f_##.png", "start_index": 0, "frame_count": 1, "ignore_missing_images": "false"}

        assert isinstance(type(node).IS_CHANGED(**given | {name: value}, unique_id="1"), str)


class TestUi:
    @pytest.mark.parametrize("policy", ["hold previous", "black", "true"])
    def test_missing_are_the_requested_frames_that_are_not_on_disk(self, node: Any, output: Path, policy: str) -> None:
        """1, 3 and 5 are requested; 0 only replaces 1; 2 and 4 are not loaded."""
        put_frames(output, 0, 3, 5)

        ui = load(node, start=1, count=3, step=2, ignore_missing_images=policy).ui

        (description,) = map(json.loads, ui["image_sequence"])
        assert description["missing"] == [1]
        shown = range(description["first"], description["last"] + 1, description["step"])
        assert {3, 5} <= set(shown), "the player reaches every frame there is"

    def test_lists_every_frame_and_describes_the_sequence_in_plain_values(self, node: Any, output: Path) -> None:
        put_frames(output / "a", 2, 4, 6)

        ui = load(node, "a/f_##.png", start=2, step=2).ui

        assert is_plain(ui)
        assert ui["images"] == [{"filename": f"f_{n:02d}.png", "subfolder": "a", "type": "output"} for n in (2, 4, 6)]
        description = json.loads(ui["image_sequence"][0])
        assert (description["first"], description["last"], description["step"]) == (2, 6, 2)
        assert (description["pattern"], description["missing"]) == ("f_{:02d}.png", [])

    def test_says_which_frames_were_loaded_and_which_are_missing(self, node: Any, output: Path) -> None:
        put_frames(output, *range(1001, 1007), 1008, name="f_{}.png")

        loaded = load(node, "f_####.png", start=1001, count=9, ignore_missing_images="hold previous")

        assert loaded.ui["text"] == ["Loaded frames 1001-1006,1008; not on disk: 1007,1009"]
        assert loaded.range == "1001-1006,1008"
        assert loaded.count == 9

    def test_stays_small_however_many_frames_are_requested(self, node: Any, output: Path) -> None:
        """It goes through the websocket and stays in the history, so it must not list millions of missing frames."""
        put_frames(output, 0, 1)

        ui = load(node, count=2**53 - 1, ignore_missing_images="true").ui

        assert len(json.dumps(ui)) < 100_000


def test_cancel_passes_through(node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_frames(output, *range(5))
    asked = cancel_at(0, monkeypatch)

    with pytest.raises(InterruptProcessingException):
        load(node)
    assert asked == [0]
