"""Load Image Sequence (Frame): the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import png
import pytest
import torch

from devtools.embedded_host import EmbeddedHost
from devtools.prompts import Prompt

from ..disk import (
    InterruptProcessingException,
    cancel_at,
    delete,
    forbid_listing,
    is_plain,
    needs_links,
    put,
    put_frames,
    shades_of,
    tear,
)
from ..wires import counter
from .calls import cache_key

PACK = Path(__file__).resolve().parents[2]


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadFrame"]()


class Loaded(NamedTuple):
    ui: dict[str, Any]
    image: torch.Tensor
    mask: torch.Tensor
    file_name: str
    metadata: Any

    @property
    def shades(self) -> list[int]:
        return shades_of(self.image)


def load(node: Any, pattern: str = "f_##.png", number: int = 0, directory: str = "", **more: Any) -> Loaded:
    inputs = {"directory_path": directory, "pattern": pattern, "indexing": "numeric", "frame_number": number} | more
    result = node.load(**inputs)
    assert set(result) == {"ui", "result"}
    return Loaded(result["ui"], *result["result"])


class TestTheFrame:
    @pytest.fixture(autouse=True)
    def _frames(self, output: Path) -> None:
        put_frames(output, *range(5))

    def test_is_the_one_that_the_widget_names(self, node: Any) -> None:
        loaded = load(node, number=3)

        assert loaded.shades == [3]
        assert loaded.image.shape == (1, 4, 6, 3)
        assert loaded.mask.shape == (1, 4, 6)
        assert not loaded.mask.any()
        assert loaded.file_name == "f_03.png"

    @pytest.mark.parametrize("frame", [2, 2.0])
    def test_is_the_one_at_the_frame_counter(self, node: Any, frame: float) -> None:
        assert load(node, number=3, frame_counter=counter(frame)).shades == [2]

    def test_at_a_counter_between_two_frames_is_an_error(self, node: Any) -> None:
        with pytest.raises(ValueError, match=r"is at 2\.5, between two frames"):
            load(node, frame_counter=counter(2.5))

    def test_below_0_is_an_error(self, node: Any) -> None:
        with pytest.raises(ValueError, match="frame numbers start at 0"):
            load(node, frame_counter=counter(-1))

    @pytest.mark.parametrize("pattern", ["f_{:02d}.png", "f_%02d.png", "f_##.png", "f_*.png", "*", "f_??.png|g_*"])
    def test_accepts_every_notation(self, node: Any, pattern: str) -> None:
        assert load(node, pattern, 4).shades == [4]

    def test_is_found_by_place_if_names_have_no_number(self, node: Any, output: Path) -> None:
        for shade, name in enumerate(("ant", "bee", "cow")):
            put(output / "zoo" / f"{name}.png", shade)

        assert load(node, "*", 1, "zoo", indexing="alphabetic order").file_name == "bee.png"

    def test_with_two_files_is_an_error_naming_both(self, node: Any, output: Path) -> None:
        put_frames(output, 3, name="g_{:02d}.png")

        with pytest.raises(ValueError, match=r"Frame 3 is 'f_03\.png' and 'g_03\.png'"):
            load(node, "*", 3)
        assert load(node, "g_*", 3).file_name == "g_03.png"

    def test_of_a_batch_is_all_its_images(self, node: Any, output: Path) -> None:
        for variant in range(3):
            put(output / f"take/batch_000{variant}/f_00007.png", 10 * variant)

        loaded = load(node, "*", 7, "take")

        assert loaded.shades == [0, 10, 20]
        assert loaded.mask.shape == (3, 4, 6)
        assert loaded.file_name == "f_00007.png"
        assert [image["subfolder"] for image in loaded.ui["images"]] == [f"take/batch_000{n}" for n in range(3)]

    def test_of_a_batch_has_one_size(self, node: Any, output: Path) -> None:
        put(output / "take/batch_0000/f_00007.png")
        put(output / "take/batch_0001/f_00007.png", width=9)

        with pytest.raises(
            ValueError, match=r"^Render the frame again.*Frame 7 is 6 x 4, but frame 7 is 9 x 4.*batch_0001"
        ):
            load(node, "*", 7, "take")

    def test_has_its_alpha_as_mask(self, node: Any, output: Path) -> None:
        put(output / "f_07.png", 100, mode="RGBA")

        assert (load(node, number=7).mask * 255).round().unique().tolist() == [205]

    @pytest.mark.parametrize("policy", ["error", "hold previous", "black"])
    def test_that_is_a_pipe_is_missing_and_never_opened(self, node: Any, output: Path, policy: str) -> None:
        os.mkfifo(output / "f_09.png")

        for pattern in ("f_##.png", "*"):
            if policy == "error":
                with pytest.raises(FileNotFoundError, match="Frame 9 is missing"):
                    load(node, pattern, 9)
            else:
                assert load(node, pattern, 9, on_missing=policy).shades == [4 if policy == "hold previous" else 0]

    def test_of_16_bits_is_exact(self, node: Any, output: Path) -> None:
        ramp = np.arange(1024, dtype=np.uint16).reshape(32, 32) * np.uint16(64)
        with open(output / "f_07.png", "wb") as file:
            png.Writer(32, 32, greyscale=True, bitdepth=16).write(file, ramp.tolist())

        np.testing.assert_allclose(load(node, number=7).image[0, ..., 1].numpy(), ramp / 65535, rtol=0, atol=1e-7)

    @pytest.mark.parametrize("folder", ["output", "input", "temp"])
    def test_is_in_the_requested_folder(self, node: Any, base: Path, folder: str) -> None:
        for shade, other in enumerate(("output", "input", "temp")):
            put(base / other / "a" / "f_09.png", shade)

        loaded = load(node, number=9, directory="a", folder=folder)

        assert loaded.shades == [("output", "input", "temp").index(folder)]
        assert loaded.ui["images"] == [{"filename": "f_09.png", "subfolder": "a", "type": folder}]

    @pytest.mark.parametrize("truncated", [60, 0])
    @pytest.mark.parametrize("policy", ["error", "hold previous", "hold next", "black"])
    def test_that_is_broken_is_an_error_under_every_policy(
        self, node: Any, output: Path, truncated: int, policy: str
    ) -> None:
        tear(output / "f_03.png", truncated)

        with pytest.raises(ValueError, match=r"Frame 3 .*f_03\.png"):
            load(node, number=3, on_missing=policy)


class TestAMissingFrame:
    @pytest.fixture(autouse=True)
    def _gap(self, output: Path) -> None:
        put_frames(output, 2, 3, 7, 8)

    @pytest.mark.parametrize("pattern", ["f_##.png", "f_*.png"])
    def test_is_an_error_with_the_available_frames_and_a_fix(self, node: Any, pattern: str) -> None:
        with pytest.raises(FileNotFoundError, match=r"on_missing.*default.*Frame 5 is missing: .*f_.*\.png.*2-3,7-8"):
            load(node, pattern, 5)

    @pytest.mark.parametrize("pattern", ["f_##.png", "*"])
    @pytest.mark.parametrize(
        ("policy", "number", "held"),
        [
            ("hold previous", 5, 3),
            ("hold previous", 99, 8),
            ("hold next", 5, 7),
            ("hold next", 0, 2),
        ],
    )
    def test_follows_the_policy(self, node: Any, pattern: str, policy: str, number: int, held: int) -> None:
        loaded = load(node, pattern, number, on_missing=policy)

        assert loaded.shades == [held]
        assert loaded.file_name == f"f_{held:02d}.png"
        assert loaded.ui["text"] == [f"Frame {number} is not on disk; loaded frame {held} (f_{held:02d}.png) instead"]

    @pytest.mark.parametrize(
        ("policy", "number", "side"), [("hold previous", 1, "before it"), ("hold next", 9, "after it")]
    )
    def test_with_nothing_to_hold_is_an_error(self, node: Any, policy: str, number: int, side: str) -> None:
        with pytest.raises(FileNotFoundError, match=f"there is no frame {side}.*Frame {number} is missing"):
            load(node, number=number, on_missing=policy)

    @pytest.mark.parametrize(("number", "size"), [(5, (1, 4, 6)), (9, (1, 4, 6)), (0, (1, 4, 6)), (12, (1, 10, 20))])
    def test_is_as_large_as_its_neighbour_and_black_and_opaque(
        self, node: Any, output: Path, number: int, size: tuple[int, ...]
    ) -> None:
        put(output / "f_11.png", 50, width=20, height=10)

        loaded = load(node, number=number, on_missing="black")

        assert loaded.image.shape == (*size, 3)
        assert loaded.mask.shape == size
        assert not loaded.image.any()
        assert not loaded.mask.any()
        assert loaded.file_name == ""
        assert loaded.ui["images"] == []
        assert loaded.ui["text"] == [f"Frame {number} is not on disk; loaded a black image instead"]

    def test_that_is_black_needs_only_the_size_of_its_neighbour(self, node: Any, output: Path) -> None:
        for number in (2, 3, 7, 8):
            tear(output / f"f_{number:02d}.png", -20)

        assert load(node, number=5, on_missing="black").image.shape == (1, 4, 6, 3)

    @pytest.mark.parametrize("policy", ["error", "hold previous", "hold next", "black"])
    def test_and_no_others_is_an_error(self, node: Any, policy: str) -> None:
        for pattern in ("g_##.png", "g_*"):
            with pytest.raises(
                FileNotFoundError,
                match=r"Frame 5 is missing.*No (file|image) there matches .*g_.*The folder contains 'f_\{:02d\}\.png' \(frames 2-3,7-8\)",
            ):
                load(node, pattern, 5, on_missing=policy)

    @pytest.mark.parametrize("policy", ["error", "hold previous", "hold next", "black"])
    def test_is_the_default_image_under_every_policy(self, node: Any, policy: str) -> None:
        default = torch.rand(2, 5, 7, 4)

        loaded = load(node, number=5, default_image=default, on_missing=policy)

        assert loaded.image is default
        assert loaded.mask.shape == (2, 5, 7)
        assert not loaded.mask.any()
        assert loaded.file_name == ""
        assert loaded.ui["images"] == []
        assert loaded.ui["text"] == ["Frame 5 is not on disk; loaded default_image instead"]

    def test_on_disk_ignores_the_default_image(self, node: Any) -> None:
        assert load(node, number=3, default_image=torch.rand(1, 5, 7, 3)).shades == [3]


class TestAWildcardThatFindsNothing:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("f_0001_beauty.png", "f_{:04d}_beauty.png"),
            ("f_0001.avif", "f_0001.avif"),
            ("f_0001.gif", "f_0001.gif"),
            ("cover.png", "alphabetic order"),
            ("f.-001.png", "f.-001.png"),
        ],
    )
    def test_says_what_matches_and_why_it_is_not_a_frame(self, node: Any, output: Path, name: str, reason: str) -> None:
        put(output / "shot" / "x.png").rename(output / "shot" / name)

        with pytest.raises(FileNotFoundError) as caught:
            load(node, "*", 1, "shot")
        assert reason in str(caught.value)
        assert "No file there matches" not in str(caught.value)

    @pytest.mark.parametrize("name", ["ComfyUI_00001_.png", "frame (1).png", "f_0001.PNG"])
    def test_finds_names_as_comfyui_and_windows_write_them(self, node: Any, output: Path, name: str) -> None:
        put(output / "shot" / "x.png", 7).rename(output / "shot" / name)

        assert load(node, "*", 1, "shot").file_name == name


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
class TestANameThatIsNotUtf8:
    NAME = os.fsdecode(b"caf\xe9_0001.png")  # é in Latin-1

    @pytest.fixture(autouse=True)
    def _frame(self, output: Path) -> None:
        put(output / "x.png", 7).rename(output / self.NAME)

    @pytest.mark.parametrize("pattern", ["*", "caf*.png"])
    def test_is_loaded_and_reported_as_text_that_can_be_encoded(self, node: Any, pattern: str) -> None:
        loaded = load(node, pattern, 1)

        assert loaded.shades == [7]
        assert loaded.file_name == "caf\ufffd_0001.png"
        assert json.dumps(loaded.ui, ensure_ascii=False).encode()
        assert is_plain(loaded.ui)

    def test_is_not_listed_for_view_because_no_url_can_hold_it(self, node: Any) -> None:
        ui = load(node, "*", 1).ui

        assert ui["images"] == []
        assert [set(json.loads(text)) for text in ui["image_sequence"]] == [
            {"fps", "message", "words", "layer", "float"}
        ]

    def test_has_a_key_that_changes_with_the_file(self, node: Any, output: Path) -> None:
        keys = [TestIsChanged.key(node, pattern="*", frame_number=1) for _ in range(2)]
        os.utime(output / self.NAME, (1, 1))
        keys.append(TestIsChanged.key(node, pattern="*", frame_number=1))

        assert keys[0] == keys[1] != keys[2]
        assert "".join(keys).encode()

    def test_is_held_for_a_missing_frame(self, node: Any) -> None:
        assert load(node, "*", 5, on_missing="hold previous").shades == [7]

    def test_beside_others_is_named_in_an_error(self, node: Any, output: Path) -> None:
        put(output / "café_0001.png")

        with pytest.raises(ValueError, match="Frame 1 is") as caught:
            load(node, "*", 1)
        assert str(caught.value).encode()


class TestInputsThatAreNone:
    """ComfyUI does not check the values of links."""

    @pytest.mark.parametrize("value", [None, [], {}, 7, 2.5, b"f"], ids=repr)
    @pytest.mark.parametrize("name", ["directory_path", "pattern", "folder", "indexing", "on_missing"])
    def test_text(self, node: Any, output: Path, name: str, value: Any) -> None:
        put_frames(output, 0)
        with pytest.raises(ValueError, match=r"\w"):
            load(node, **{"directory": "", name: value} if name != "directory_path" else {"directory": value})

    @pytest.mark.parametrize("value", [None, [], "3", 2.5, float("nan"), -1, torch.tensor(3)], ids=repr)
    def test_frame_number(self, node: Any, output: Path, value: Any) -> None:
        put_frames(output, 0)
        with pytest.raises(ValueError, match="frame_number"):
            load(node, number=value)

    @pytest.mark.parametrize(
        "value", [None, [], "3", 3, SimpleNamespace(), SimpleNamespace(current_frame=None), counter("3")], ids=repr
    )
    def test_frame_counter(self, node: Any, output: Path, value: Any) -> None:
        put_frames(output, 0, 3)
        with pytest.raises(ValueError, match=r"Wire a frame counter to frame_counter"):
            load(node, frame_counter=value)
        with pytest.raises(ValueError, match=r"Wire a frame counter to frame_counter"):
            TestLaziness.asks(node, frame_counter=value, default_image=None)

    @pytest.mark.parametrize("value", [None, [], "image", torch.zeros(4, 4), {"samples": 1}], ids=repr)
    def test_default_image_matters_only_if_it_is_needed(self, node: Any, output: Path, value: Any) -> None:
        put_frames(output, 0)

        assert load(node, number=0, default_image=value).shades == [0]
        with pytest.raises(ValueError, match=r"default_image gave .*\. Wire an image"):
            load(node, number=5, default_image=value)


class TestLaziness:
    """default_image is rendered only for a missing frame."""

    @staticmethod
    def asks(node: Any, **inputs: Any) -> list[str]:
        given = {"directory_path": "", "pattern": "f_##.png", "indexing": "numeric", "unique_id": "1"}
        return node.check_lazy_status(**given | inputs)

    @pytest.fixture(autouse=True)
    def _frame(self, output: Path) -> None:
        put_frames(output, 3)

    def test_asks_for_it_when_the_frame_is_missing(self, node: Any) -> None:
        assert self.asks(node, frame_number=4, default_image=None) == ["default_image"]
        assert self.asks(node, frame_counter=counter(4), default_image=None) == ["default_image"]

    def test_does_not_ask_when_the_frame_is_on_disk(self, node: Any) -> None:
        assert self.asks(node, frame_number=3, default_image=None) == []
        assert self.asks(node, frame_number=4, frame_counter=counter(3), default_image=None) == []

    def test_does_not_ask_for_an_unwired_image(self, node: Any) -> None:
        assert self.asks(node, frame_number=4) == []

    def test_an_invalid_counter_is_an_error_before_rendering(self, node: Any) -> None:
        with pytest.raises(ValueError, match=r"2\.5"):
            self.asks(node, frame_counter=counter(2.5), default_image=None)


class TestWhereFilesMayBe:
    @pytest.mark.parametrize("folder", ["output", "input", "temp"])
    @pytest.mark.parametrize("directory", ["..", "/etc", "a/../.."])
    def test_elsewhere_is_refused(self, node: Any, output: Path, base: Path, folder: str, directory: str) -> None:
        put_frames(base, 0)

        with pytest.raises(ValueError, match=r"\.\.|outside"):
            load(node, directory=directory, folder=folder)

    @needs_links
    @pytest.mark.parametrize("pattern", ["f_##.png", "*"])
    def test_links_that_lead_out_are_refused(self, node: Any, output: Path, base: Path, pattern: str) -> None:
        put(base / "secret.png")
        put_frames(base / "elsewhere", 0)
        (output / "f_00.png").symlink_to(base / "secret.png")
        (output / "linked").symlink_to(base / "elsewhere", target_is_directory=True)

        for directory in ("", "linked"):
            with pytest.raises(ValueError, match="outside"):
                load(node, pattern, directory=directory)

    def test_absolute_paths_inside_are_fine(self, node: Any, output: Path) -> None:
        put_frames(output / "a", 1)

        assert load(node, number=1, directory=f"{output}/a", folder="input").shades == [1]


class TestIsChanged:
    @staticmethod
    def key(node: Any, **inputs: Any) -> str:
        given = {
            "directory_path": "",
            "pattern": "f_##.png",
            "indexing": "numeric",
            "frame_number": 3,
            "on_missing": "error",
            "folder": "output",
            "unique_id": "1",
        }
        return cache_key(node, **given | inputs)

    @pytest.fixture(autouse=True)
    def _frames(self, output: Path) -> None:
        put_frames(output, *range(6))

    @pytest.mark.parametrize("pattern", ["f_##.png", "f_*.png"])
    def test_changes_once_when_the_file_does(self, node: Any, output: Path, pattern: str) -> None:
        before = [self.key(node, pattern=pattern) for _ in range(3)]
        os.utime(output / "f_03.png", (1, 1))
        after = [self.key(node, pattern=pattern) for _ in range(3)]

        assert len(set(before)) == len(set(after)) == 1
        assert before[0] != after[0]

    @pytest.mark.parametrize("pattern", ["f_##.png", "f_*.png"])
    @pytest.mark.parametrize("policy", ["error", "hold previous", "hold next", "black"])
    def test_stays_when_any_other_file_changes(self, node: Any, output: Path, pattern: str, policy: str) -> None:
        before = self.key(node, pattern=pattern, on_missing=policy)
        os.utime(output / "f_02.png", (1, 1))
        delete(output / "f_04.png")
        put_frames(output, 7)
        put(output / "g_03.png")

        assert self.key(node, pattern=pattern, on_missing=policy) == before

    def test_of_a_held_frame_changes_with_it_and_when_a_nearer_one_appears(self, node: Any, output: Path) -> None:
        inputs = {"frame_number": 9, "on_missing": "hold previous"}
        keys = [self.key(node, **inputs)]
        os.utime(output / "f_05.png", (1, 1))
        keys.append(self.key(node, **inputs))
        put_frames(output, 7)
        keys.append(self.key(node, **inputs))
        put_frames(output, 9)
        keys.append(self.key(node, **inputs))

        assert len(set(keys)) == 4

    def test_of_the_default_image_changes_only_when_the_frame_appears(self, node: Any, output: Path) -> None:
        inputs = {"frame_number": 9, "default_image": None}
        before = self.key(node, **inputs)
        put_frames(output, 7)
        assert self.key(node, **inputs) == before
        put_frames(output, 9)
        assert self.key(node, **inputs) != before

    @pytest.mark.parametrize("pattern", ["f_##.png", "f_*.png"])
    @pytest.mark.parametrize(
        "link",
        [
            *("frame_counter", "frame_number", "directory_path", "pattern"),
            *("layer", "image_color_space", "file_color_space"),
        ],
    )
    def test_with_a_link_changes_once_after_the_file_read_has_changed(
        self, node: Any, output: Path, link: str, pattern: str
    ) -> None:
        """The link's value is not known before the run, but what the last run read is."""
        inputs = {"pattern": pattern, link: None, "unique_id": f"link {link} {pattern}"}
        read = {"pattern": pattern, "number": 3, "unique_id": inputs["unique_id"]}
        before = [self.key(node, **inputs)]
        load(node, **read)  # type: ignore[arg-type]
        before += [self.key(node, **inputs) for _ in range(3)]
        os.utime(output / "f_04.png", (1, 1))
        put(output / "g_00.png")
        before += [self.key(node, **inputs)]
        os.utime(output / "f_03.png", (1, 1))
        after = [self.key(node, **inputs) for _ in range(3)]
        load(node, **read)  # type: ignore[arg-type]
        after += [self.key(node, **inputs) for _ in range(3)]

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert before[0] != after[0]

    def test_of_a_counter_changes_when_an_earlier_frame_does(self, node: Any, output: Path) -> None:
        """It may still be in ComfyUI's cache (--cache-lru, --cache-ram)."""
        inputs = {"frame_counter": None, "unique_id": "counted"}
        before = [self.key(node, **inputs)]
        for number in range(4):
            load(node, frame_counter=counter(number), unique_id="counted")
            before.append(self.key(node, **inputs))
        os.utime(output / "f_01.png", (1, 1))

        assert len(set(before)) == 1
        assert self.key(node, **inputs) != before[0]

    def test_without_optional_inputs_uses_their_defaults(self, node: Any) -> None:
        given = {"directory_path": "", "pattern": "f_##.png", "indexing": "numeric"}

        assert type(node).IS_CHANGED(**given, unique_id="1") == self.key(node, frame_number=0)

    @pytest.mark.parametrize(
        "inputs", [{"directory_path": ".."}, {"pattern": "##_##"}, {"pattern": "f.exr"}, {"frame_number": 2**53}]
    )
    def test_of_invalid_settings_does_not_raise(self, node: Any, inputs: dict[str, Any]) -> None:
        assert self.key(node, **inputs) == self.key(node, **inputs)


class TestValidateInputs:
    @pytest.mark.parametrize("directory", ["", "a/b", "not/there", None])
    def test_accepts_valid_and_linked_values(self, node: Any, output: Path, directory: Any) -> None:
        assert type(node).VALIDATE_INPUTS(directory_path=directory) is True

    @pytest.mark.parametrize("directory", ["..", "/etc", "a/../..", "con", "a\0"])
    def test_states_the_fault_and_the_fix(self, node: Any, output: Path, directory: str) -> None:
        answer = type(node).VALIDATE_INPUTS(directory_path=directory)

        assert type(answer) is str
        assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

    def test_names_one_input_because_comfyui_blames_all_that_are_named(self, node: Any) -> None:
        assert list(inspect.signature(type(node).VALIDATE_INPUTS).parameters) == ["directory_path"]

    @pytest.mark.parametrize("pattern", ["b|c/*", "{x}", "f_####", "f_##.xcf", "*_##.png"])
    def test_leaves_the_pattern_to_the_run_which_refuses_it_before_rendering(
        self, node: Any, output: Path, pattern: str
    ) -> None:
        given = {"directory_path": "a", "pattern": pattern, "indexing": "numeric", "frame_number": 0}
        for ask in (node.load, lambda **inputs: node.check_lazy_status(**inputs, default_image=None)):
            with pytest.raises(ValueError, match=r"[Ww]rite|^End the pattern in"):
                ask(**given)

    def test_lists_no_folder(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        forbid_listing(monkeypatch)

        assert type(node).VALIDATE_INPUTS(directory_path="a") is True


class TestUi:
    @pytest.mark.parametrize("pattern", ["f_##.png", "f_*.png"])
    def test_shows_the_frame_and_describes_the_sequence_in_plain_values(
        self, node: Any, output: Path, pattern: str
    ) -> None:
        put_frames(output / "a", 4)

        ui = load(node, pattern, 4, "a").ui

        assert is_plain(ui)
        assert ui["images"] == [{"filename": "f_04.png", "subfolder": "a", "type": "output"}]
        assert ui["text"] == ["Loaded frame 4: f_04.png"]
        description = json.loads(ui["image_sequence"][0])
        assert (description["pattern"], description["subfolder"]) == ("f_{:02d}.png", "a")
        assert (description["first"], description["last"], description["missing"]) == (4, 4, [])

    @pytest.mark.parametrize("policy", ["hold previous", "black"])
    def test_reports_that_the_frame_is_missing(self, node: Any, output: Path, policy: str) -> None:
        put_frames(output, 4)

        ui = load(node, number=6, on_missing=policy).ui

        assert is_plain(ui)
        description = json.loads(ui["image_sequence"][0])
        assert "Frame 6 is not on disk" in description["message"]
        assert description.get("missing", [6]) == [6]


def test_cancel_passes_through(node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_frames(output, 0)
    asked = cancel_at(0, monkeypatch)

    with pytest.raises(InterruptProcessingException):
        load(node)
    assert asked == [0]


class TestInComfyUI:
    """Prompts as the server gets them, in the stand-in for ComfyUI."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Any:
        with EmbeddedHost(tmp_path / "comfyui", PACK) as host:
            yield host

    @staticmethod
    def graph(**load: Any) -> Prompt:
        inputs = {"directory_path": "plate", "pattern": "*", "indexing": "numeric", "folder": "input"}
        return {
            "load": {"class_type": "ImageSequenceLoadFrame", "inputs": inputs | load},
            "save": {
                "class_type": "ImageSequenceSaveFrame",
                "inputs": {"images": ["load", 0], "filename_prefix": "out", "current_frame": 0},
            },
        }

    def test_a_prompt_of_the_earlier_pack_runs_with_class_type_alone_changed(self, host: Any, tmp_path: Path) -> None:
        folder = tmp_path / "comfyui" / "output" / "plate"
        put_frames(folder, 5)
        prompt = self.graph() | {
            "count": {
                "class_type": "ImageSequenceFrameCounter",
                "inputs": {"frame_index": 5, "total_frames": 9, "frames_per_second": 25},
            },
            "load": {
                "class_type": "ImageSequenceLoadFrame",
                "inputs": {
                    "frame_counter": ["count", 0],
                    "directory_path": str(folder),
                    "pattern": "*",
                    "indexing": "numeric",
                },
            },
        }

        shown = host.run(prompt)

        assert shown["load"]["images"] == [{"filename": "f_05.png", "subfolder": "plate", "type": "output"}]
        assert shown["save"]["images"] == [{"filename": "out_00000.png", "subfolder": "out", "type": "output"}]

    @pytest.mark.parametrize(("number", "rendered"), [(5, False), (6, True)])
    def test_the_graph_before_default_image_runs_only_for_a_missing_frame(
        self, host: Any, tmp_path: Path, number: int, rendered: bool
    ) -> None:
        put_frames(tmp_path / "comfyui" / "input" / "plate", 5)
        put_frames(tmp_path / "comfyui" / "input" / "other", 1)
        prompt = self.graph(frame_number=number, default_image=["default", 0])
        prompt["default"] = self.graph(directory_path="other", frame_number=1)["load"]

        shown = host.run(prompt)

        assert ("default" in shown) is rendered
        assert shown["load"]["text"] == [
            "Frame 6 is not on disk; loaded default_image instead" if rendered else "Loaded frame 5: f_05.png"
        ]

    def test_a_missing_frame_without_default_image_stops_the_run(self, host: Any, tmp_path: Path) -> None:
        put_frames(tmp_path / "comfyui" / "input" / "plate", 5)

        with pytest.raises(FileNotFoundError, match="Frame 6 is missing"):
            host.run(self.graph(frame_number=6))
