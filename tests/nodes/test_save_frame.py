"""Save Image Sequence (Frame Index): the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ..disk import (
    as_lists,
    decoded,
    delete,
    image_of,
    is_plain,
    needs_links,
    noise,
    on_disk,
    put,
    shades,
    stand_in,
    tear,
)
from .calls import saver_cache_key

PROMPT = {"3": {"class_type": "KSampler", "inputs": {"text": "naïve 日本", "cfg": 7.5}, "is_changed": [float("nan")]}}
WORKFLOW = {"workflow": {"nodes": [], "extra": {"ds": [1, float("inf")]}}}


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveFrame"]()


def save(node: Any, images: Any, current_frame: Any = 7, filename_prefix: Any = "shot", **more: Any) -> dict[str, Any]:
    return node.save(images=images, filename_prefix=filename_prefix, current_frame=current_frame, **more)["ui"]


class TestTheFile:
    @pytest.mark.parametrize(
        ("inputs", "name"),
        [
            pytest.param({}, "shot/shot_00007.png", id="as the widgets are"),
            pytest.param({"filename_prefix": "a/b/c"}, "a/b/c/c_00007.png", id="in folders"),
            pytest.param({"digits": 3}, "shot/shot_007.png", id="with three digits"),
            pytest.param({"digits": 0}, "shot/shot_7.png", id="without padding"),
            pytest.param({"current_frame": 9999999}, "shot/shot_9999999.png", id="a number longer than its digits"),
            pytest.param({"filetype": "jpg"}, "shot/shot_00007.jpg", id="as JPG"),
            pytest.param({"filename_prefix": "%width%x%height%"}, "6x4/6x4_00007.png", id="named by its size"),
        ],
    )
    @pytest.mark.parametrize("lists", [False, True], ids=["plain", "lists"])
    def test_is_where_the_widgets_say(
        self, node: Any, output: Path, inputs: dict[str, Any], name: str, lists: bool
    ) -> None:
        inputs = {"images": shades(50), "filename_prefix": "shot", "current_frame": 7} | inputs
        node.save(**as_lists(**inputs) if lists else inputs)

        assert on_disk(output) == {name: 50}

    def test_is_named_by_the_date(self, node: Any, output: Path) -> None:
        before = datetime.now().astimezone()
        save(node, shades(50), filename_prefix="%date:yyyy-MM-dd%/x")
        after = datetime.now().astimezone()

        (name,) = on_disk(output)
        assert name in {f"{day:%Y-%m-%d}/x/x_00007.png" for day in (before, after)}

    def test_has_the_prompt_and_the_workflow_in_it(self, node: Any, output: Path) -> None:
        save(node, shades(50), prompt=[PROMPT], extra_pnginfo=[WORKFLOW])

        with Image.open(output / "shot" / "shot_00007.png") as image:
            text = image.text  # type: ignore[attr-defined]
        assert set(text) == {"prompt", "workflow"}
        assert all(type(value) is str and value.isascii() for value in text.values())
        assert json.loads(text["prompt"])["3"] == {
            "class_type": "KSampler",
            "inputs": {"text": "naïve 日本", "cfg": 7.5},
        }
        assert json.loads(text["workflow"]) == {"nodes": [], "extra": {"ds": [1, None]}}
        assert "is_changed" in PROMPT["3"], "it is ComfyUI's own, and still needed"

    @pytest.mark.parametrize("filetype", ["png", "jpg"])
    def test_has_no_metadata_unless_requested(self, node: Any, output: Path, filetype: str) -> None:
        save(node, shades(50), filetype=filetype, prompt=PROMPT, extra_pnginfo=WORKFLOW)

        (path,) = output.rglob("*.*")
        assert b"KSampler" not in path.read_bytes()

    @pytest.mark.parametrize("hidden", [None, [None]])
    def test_needs_no_prompt(self, node: Any, output: Path, hidden: Any) -> None:
        save(node, shades(50), prompt=hidden, extra_pnginfo=hidden, unique_id=hidden)

        assert on_disk(output) == {"shot/shot_00007.png": 50}

    def test_has_no_metadata_under_disable_metadata(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, "comfy.cli_args", args=SimpleNamespace(disable_metadata=True))

        save(node, shades(50), prompt=PROMPT, extra_pnginfo=WORKFLOW)

        with Image.open(output / "shot" / "shot_00007.png") as image:
            assert image.text == {}  # type: ignore[attr-defined]


class TestPixels:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("size", [(1, 1), (1, 8), (8, 1), (5, 7)], ids=lambda size: "{}x{}".format(*size))
    def test_are_those_of_the_image(self, node: Any, output: Path, channels: int, size: tuple[int, int]) -> None:
        pixels = noise(*size, channels)

        save(node, image_of(pixels))

        found = decoded(output / "shot" / "shot_00007.png")
        np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_are_the_nearest_to_those_of_the_image_in_any_precision(
        self, node: Any, output: Path, dtype: torch.dtype
    ) -> None:
        image = torch.linspace(-0.1, 1.1, 40 * 30 * 3).reshape(1, 40, 30, 3).to(dtype)
        exact = np.clip(image[0].double().numpy() * 255, 0, 255)

        save(node, image)

        found = decoded(output / "shot" / "shot_00007.png")
        assert np.abs(found - exact).max() <= 0.5 + 1e-4

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
    def test_of_every_level_are_kept(self, node: Any, output: Path, dtype: torch.dtype) -> None:
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)

        save(node, image_of(levels).to(dtype))

        np.testing.assert_array_equal(decoded(output / "shot" / "shot_00007.png"), levels)

    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(lambda image: image.transpose(1, 2), id="on its side"),
            pytest.param(lambda image: image[:, ::2, 1::3], id="every second row, every third column"),
            pytest.param(lambda image: image.flip(1), id="upside down"),
            pytest.param(lambda image: image[..., :1].expand(-1, -1, -1, 3), id="one channel as three"),
            pytest.param(lambda image: image.movedim(-1, 1).contiguous().movedim(1, -1), id="channels first"),
        ],
    )
    def test_of_an_image_with_any_memory_layout(self, node: Any, output: Path, view: Any) -> None:
        pixels = noise(12, 18)
        image = view(image_of(pixels))

        save(node, image)

        expected = (image[0] * 255).round().to(torch.uint8).numpy()
        np.testing.assert_array_equal(decoded(output / "shot" / "shot_00007.png"), expected)

    def test_with_alpha_in_a_jpg_are_composited_on_black(self, node: Any, output: Path) -> None:
        image = torch.ones(1, 8, 8, 4)
        image[..., 3] = 0.5

        save(node, image, filetype="jpg")

        assert abs(int(decoded(output / "shot" / "shot_00007.jpg")[4, 4, 0]) - 128) <= 2

    def test_that_need_gradients_are_saved(self, node: Any, output: Path) -> None:
        save(node, shades(50).requires_grad_())

        assert on_disk(output) == {"shot/shot_00007.png": 50}

    def test_that_are_nan_become_0_and_are_named_in_one_warning(
        self, node: Any, output: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        image = shades(50)
        image[0, 1, 2, 0] = torch.nan

        with caplog.at_level(logging.WARNING):
            save(node, image)

        (record,) = caplog.records
        assert "frame 7" in record.getMessage()
        assert decoded(output / "shot" / "shot_00007.png")[1, 2].tolist() == [0, 50, 50]

    @pytest.mark.parametrize(
        "image", [torch.zeros(1, 4, 6, 5), torch.zeros(1, 4, 6), torch.zeros(1, 4, 6, 3, dtype=torch.int32)]
    )
    def test_that_no_file_can_hold_are_an_error_naming_the_frame(
        self, node: Any, output: Path, image: torch.Tensor
    ) -> None:
        with pytest.raises(ValueError, match=r"[Ff]rame 7"):
            save(node, image)
        assert on_disk(output) == {}


class TestLists:
    def test_of_images_and_numbers_go_side_by_side(self, node: Any, output: Path) -> None:
        save(node, [shades(10), shades(20), shades(30)], [5, 7, 6], ["shot"])

        assert on_disk(output) == {"shot/shot_00005.png": 10, "shot/shot_00006.png": 30, "shot/shot_00007.png": 20}

    def test_of_images_with_one_number_are_an_error(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match=r"Save Image Sequence \(Batch\).*frame 7"):
            save(node, [shades(10), shades(20)], [7], ["shot"])
        assert on_disk(output) == {}

    def test_of_images_and_prefixes_are_sequences_of_their_own(self, node: Any, output: Path) -> None:
        save(node, [shades(10), shades(20)], [7], ["a", "b"])

        assert on_disk(output) == {"a/a_00007.png": 10, "b/b_00007.png": 20}

    @pytest.mark.parametrize("count", [2, 5])
    def test_a_batch_is_an_error_naming_the_node_for_batches(self, node: Any, output: Path, count: int) -> None:
        with pytest.raises(ValueError, match=rf"Save Image Sequence \(Batch\).* frame 7.*{count} images"):
            save(node, shades(*range(count)))
        assert on_disk(output) == {}


class TestOnExisting:
    @pytest.fixture(autouse=True)
    def _old(self, output: Path) -> None:
        put(output / "shot" / "shot_00007.png", 10)

    def test_overwrite_is_the_default(self, node: Any, output: Path) -> None:
        save(node, shades(50))

        assert on_disk(output) == {"shot/shot_00007.png": 50}

    def test_skip_keeps_it(self, node: Any, output: Path) -> None:
        ui = save(node, shades(50), on_existing="skip")

        assert on_disk(output) == {"shot/shot_00007.png": 10}
        assert ui["images"] == [{"filename": "shot_00007.png", "subfolder": "shot", "type": "output"}]
        assert "Kept" in json.loads(ui["image_sequence"][0])["message"]

    def test_skip_rewrites_a_torn_one(self, node: Any, output: Path) -> None:
        tear(output / "shot" / "shot_00007.png")
        save(node, shades(50), on_existing="skip")

        assert on_disk(output) == {"shot/shot_00007.png": 50}

    def test_error_stops(self, node: Any, output: Path) -> None:
        with pytest.raises(FileExistsError, match=r"Frame 7.*shot_00007\.png"):
            save(node, shades(50), on_existing="error")
        assert on_disk(output) == {"shot/shot_00007.png": 10}

    def test_skip_uses_the_file_of_a_frame_that_was_not_rendered(self, node: Any, output: Path) -> None:
        """An image that check_lazy_status did not request arrives as None."""
        ui = save(node, (None,), [7], ["shot"], on_existing=["skip"])

        assert on_disk(output) == {"shot/shot_00007.png": 10}
        assert len(ui["images"]) == 1

    def test_skip_names_a_frame_that_was_not_rendered_and_has_vanished(self, node: Any, output: Path) -> None:
        delete(output / "shot" / "shot_00007.png")

        with pytest.raises(FileNotFoundError, match=r"[Ff]rame 7 .*shot_00007\.png"):
            save(node, (None,), [7], ["shot"], on_existing=["skip"])


class TestCheckLazyStatus:
    @staticmethod
    def asks(node: Any, on_existing: str | None = None, lists: bool = True, **inputs: Any) -> bool:
        given = {"filename_prefix": "shot", "current_frame": 7} | inputs
        given |= {"on_existing": on_existing} if on_existing else {}
        given = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        answer = node.check_lazy_status(images=(None,), prompt=[{}], extra_pnginfo=[None], unique_id=["1"], **given)
        assert answer in ([], ["images"])
        return bool(answer)

    @pytest.mark.parametrize("on_existing", [None, "overwrite", "skip", "error"])
    def test_asks_for_a_frame_that_is_not_on_disk(self, node: Any, output: Path, on_existing: str | None) -> None:
        assert self.asks(node, on_existing)

    @pytest.mark.parametrize(("on_existing", "asked"), [(None, True), ("overwrite", True), ("skip", False)])
    def test_asks_for_a_frame_on_disk_unless_it_is_kept(
        self, node: Any, output: Path, on_existing: str | None, asked: bool
    ) -> None:
        put(output / "shot" / "shot_00007.png")

        assert self.asks(node, on_existing) is asked

    def test_refuses_a_frame_on_disk_before_rendering_under_error(self, node: Any, output: Path) -> None:
        put(output / "shot" / "shot_00007.png")

        with pytest.raises(FileExistsError, match="exists already"):
            self.asks(node, "error")

    @staticmethod
    def asks_again(node: Any, images: Any, mask: Any) -> Any:
        """What it asks for under "error", once other nodes have run."""
        given = {"filename_prefix": ["shot"], "current_frame": [7], "on_existing": ["error"], "unique_id": ["1"]}
        return node.check_lazy_status(images=images, mask=mask, prompt=[{}], extra_pnginfo=[None], **given)

    def test_leaves_the_frame_to_the_save_once_everything_has_come(self, node: Any, output: Path) -> None:
        file = put(output / "shot" / "shot_00007.png", 10)

        assert self.asks_again(node, [shades(70)], [torch.zeros(1, 8, 8)]) == ["images", "mask"]

        with pytest.raises(FileExistsError, match="exists already"):
            save(node, [shades(70)], [7], ["shot"], on_existing=["error"])
        assert on_disk(file.parent) == {"shot_00007.png": 10}

    @pytest.mark.parametrize("mask", [(None,), None], ids=["not run", "not known"])
    def test_looks_again_as_long_as_a_mask_is_missing(self, node: Any, output: Path, mask: Any) -> None:
        assert "mask" in self.asks_again(node, [shades(70)], mask)

        put(output / "shot" / "shot_00007.png")
        with pytest.raises(FileExistsError, match="exists already"):
            self.asks_again(node, [shades(70)], mask)

    @pytest.mark.parametrize("keep", [0, 30, -1])
    def test_asks_for_a_torn_frame(self, node: Any, output: Path, keep: int) -> None:
        tear(put(output / "shot" / "shot_00007.png"), keep)

        assert self.asks(node, "skip")

    def test_asks_if_the_name_depends_on_the_image(self, node: Any, output: Path) -> None:
        put(output / "0" / "0_00007.png")

        assert self.asks(node, "skip", filename_prefix="%width%")

    @pytest.mark.parametrize(
        "inputs", [{"digits": 4}, {"filetype": "jpg"}, {"current_frame": 8}, {"filename_prefix": "s"}]
    )
    def test_asks_if_the_settings_name_another_file(self, node: Any, output: Path, inputs: dict[str, Any]) -> None:
        put(output / "shot" / "shot_00007.png")

        assert self.asks(node, "skip", **inputs)

    def test_asks_if_any_of_several_is_missing(self, node: Any, output: Path) -> None:
        put(output / "shot" / "shot_00007.png")

        assert self.asks(node, "skip", current_frame=[7, 8])
        assert not self.asks(node, "skip", current_frame=[7, 7])

    def test_refuses_a_prefix_that_leads_elsewhere_before_rendering(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match=r"\.\."):
            self.asks(node, "skip", filename_prefix="../zone")


class TestIsChanged:
    @staticmethod
    def key(node: Any, frame: Any = 7, prefix: Any = "shot", unique_id: str = "1") -> str:
        return saver_cache_key(
            node,
            unique_id,
            images=None,
            filename_prefix=prefix,
            current_frame=frame,
            digits=5,
            filetype="png",
            on_existing="overwrite",
        )

    @pytest.mark.parametrize("linked", [False, True], ids=["constants", "links"])
    def test_stays_until_a_file_vanishes_and_then_changes_once(self, node: Any, output: Path, linked: bool) -> None:
        inputs = (None, None) if linked else (7, "shot")
        node_id = f"changes {linked}"
        before = [self.key(node, *inputs, node_id)]  # type: ignore[call-arg]
        save(node, [shades(50)], [7], ["shot"], unique_id=[node_id])
        before += [self.key(node, *inputs, node_id) for _ in range(3)]  # type: ignore[call-arg]
        delete(output / "shot" / "shot_00007.png")
        after = [self.key(node, *inputs, node_id) for _ in range(3)]  # type: ignore[call-arg]
        save(node, [shades(50)], [7], ["shot"], unique_id=[node_id])
        after += [self.key(node, *inputs, node_id) for _ in range(3)]  # type: ignore[call-arg]

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert before[0] != after[0]

    def test_of_another_frame_stays(self, node: Any, output: Path) -> None:
        for frame in (1, 2):
            self.key(node, frame, unique_id="frames")
            save(node, [shades(50)], [frame], ["shot"], unique_id=["frames"])
        before = self.key(node, 1, unique_id="frames"), self.key(node, 2, unique_id="frames")
        delete(output / "shot" / "shot_00001.png")

        after = self.key(node, 1, unique_id="frames"), self.key(node, 2, unique_id="frames")

        assert after[0] != before[0]
        assert after[1] == before[1]


class TestValidateInputs:
    @pytest.mark.parametrize("prefix", ["Sequence", "a/b", "%year%/x", "%width%", None, (None,), ["Sequence"]])
    def test_accepts_valid_and_linked_values(self, node: Any, output: Path, prefix: Any) -> None:
        assert type(node).VALIDATE_INPUTS(filename_prefix=prefix) is True

    @pytest.mark.parametrize(
        "prefix", ["", "..", "../x", "/etc/x", "a\0b", "con", "x.", "a" * 300, "..\\x", "a..b", "f_####", "f.png"]
    )
    def test_states_the_fault_and_the_fix(self, node: Any, output: Path, prefix: str) -> None:
        for given in (prefix, [prefix]):
            answer = type(node).VALIDATE_INPUTS(filename_prefix=given)
            assert type(answer) is str
            assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

    def test_names_only_what_it_checks(self, node: Any) -> None:
        """ComfyUI skips its own checks of every input named here."""
        assert list(inspect.signature(type(node).VALIDATE_INPUTS).parameters) == ["filename_prefix"]


class TestUi:
    def test_lists_the_file_and_describes_the_sequence_in_plain_values(self, node: Any, output: Path) -> None:
        ui = save(node, shades(50), filename_prefix="a/b")

        assert is_plain(ui)
        assert ui["images"] == [{"filename": "b_00007.png", "subfolder": "a/b", "type": "output"}]
        description = json.loads(ui["image_sequence"][0])
        assert {key: description[key] for key in ("pattern", "subfolder", "type", "first", "last", "missing")} == {
            "pattern": "b_{:05d}.png",
            "subfolder": "a/b",
            "type": "output",
            "first": 7,
            "last": 7,
            "missing": [],
        }
        assert "frame 7" in description["message"]

    def test_names_files_that_exist(self, node: Any, output: Path) -> None:
        for prefix in ("flat", "nest/seq", "%date:yyyy%/x", "{1} [x]"):
            (image,) = save(node, shades(50), filename_prefix=prefix)["images"]
            assert (output / image["subfolder"] / image["filename"]).is_file()


@needs_links
def test_a_folder_that_leads_out_of_the_output_folder_is_refused(node: Any, output: Path, base: Path) -> None:
    (base / "elsewhere").mkdir()
    (output / "shot").symlink_to(base / "elsewhere", target_is_directory=True)

    with pytest.raises(ValueError, match="outside"):
        save(node, shades(50))
    assert on_disk(base) == {}


@pytest.mark.parametrize("prefix", ["../zone", "..", "/etc/zone", "a/../../zone", "~/zone", "C:/zone"])
def test_a_prefix_that_leads_elsewhere_is_refused(node: Any, output: Path, base: Path, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"\.\.|zone"):
        save(node, shades(50), filename_prefix=prefix)
    assert on_disk(base) == {}


class TestTheMoment:
    """%date% and %second% stand for one time from the first lazy check to the save, however long the render takes."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch, pack: ModuleType) -> Callable[[str], object]:
        """Returns a function that sets the savers' clock."""
        names = [f"{pack.__name__}.io_utils.{name}" for name in ("naming.tokens", "comfyui.moments")]
        return lambda time: [
            monkeypatch.setattr(sys.modules[name], "moment", lambda: datetime.fromisoformat(f"{time}+00:00"))
            for name in names
        ]

    EVE, DAY = "2024-12-31T23:59:59", "2025-01-01T00:00:01"
    PREFIX = "%date:yyyy-MM-dd%"

    def run(self, node: Any, prompt: Any, policy: str = "skip", images: Any = (None,), node_id: str = "9") -> list[str]:
        return node.check_lazy_status(
            filename_prefix=[self.PREFIX],
            current_frame=[7],
            images=images,
            on_existing=[policy],
            prompt=[prompt],
            unique_id=[node_id],
        )

    def save(self, node: Any, prompt: Any, images: Any, policy: str = "skip", node_id: str = "9") -> None:
        save(node, images, [7], [self.PREFIX], on_existing=[policy], prompt=[prompt], unique_id=[node_id])

    def test_of_a_kept_frame_is_that_of_the_lazy_check(self, node: Any, output: Path, clock: Any) -> None:
        put(output / "2024-12-31" / "2024-12-31_00007.png", 10)
        prompt: dict[str, Any] = {}
        clock(self.EVE)
        assert self.run(node, prompt) == []
        clock(self.DAY)
        self.save(node, prompt, (None,))

        assert on_disk(output) == {"2024-12-31/2024-12-31_00007.png": 10}

    @pytest.mark.parametrize("fresh", [False, True], ids=["the same object", "an object of its own (--cache-none)"])
    def test_of_a_rendered_frame_is_that_of_the_first_lazy_check(
        self, node: Any, output: Path, clock: Any, fresh: bool
    ) -> None:
        put(output / "2025-01-01" / "2025-01-01_00007.png", 10)
        prompt: dict[str, Any] = {}
        clock(self.EVE)
        assert self.run(node, prompt, "error") == ["images"]
        clock(self.DAY)
        node = type(node)() if fresh else node
        assert self.run(node, prompt, "error", [shades(70)]) == ["images"]
        self.save(node, prompt, [shades(70)], "error")

        assert on_disk(output)["2024-12-31/2024-12-31_00007.png"] == 70
        assert on_disk(output)["2025-01-01/2025-01-01_00007.png"] == 10

    def test_of_the_next_prompt_is_a_new_one(self, node: Any, output: Path, clock: Any) -> None:
        """Also if the first one failed while rendering, so that it was never saved."""
        clock(self.EVE)
        self.run(node, {})
        clock(self.DAY)
        prompt: dict[str, Any] = {}
        self.run(node, prompt)
        self.save(node, prompt, [shades(70)])

        assert list(on_disk(output)) == ["2025-01-01/2025-01-01_00007.png"]

    def test_of_each_node_is_its_own_and_ends_with_its_save(self, node: Any, output: Path, clock: Any) -> None:
        prompt: dict[str, Any] = {}
        clock(self.EVE)
        self.run(node, prompt, node_id="9")
        self.save(node, prompt, [shades(70)], node_id="9")
        clock(self.DAY)
        self.run(node, prompt, node_id="10")
        self.save(node, prompt, [shades(80)], node_id="10")
        self.save(node, prompt, [shades(90)], "overwrite", node_id="9")

        assert on_disk(output) == {
            "2024-12-31/2024-12-31_00007.png": 70,
            "2025-01-01/2025-01-01_00007.png": 90,
        }

    def changed(self, node: Any, prefix: Any = PREFIX, node_id: str = "9") -> str:
        return node.IS_CHANGED(
            filename_prefix=[prefix],
            current_frame=[7],
            images=[None],
            prompt=[{}],
            extra_pnginfo=[None],
            unique_id=[node_id],
        )

    def test_of_the_same_graph_a_second_later_changes_the_cache_key(self, node: Any, output: Path, clock: Any) -> None:
        """ComfyUI would serve an unchanged saver from its cache, and nothing would be written."""
        clock(self.EVE)
        first = self.changed(node)
        assert self.changed(node) == first
        clock(self.DAY)
        assert self.changed(node) != first

    @pytest.mark.parametrize("prefix", ["shot", "%width%x%height%", None, "%seed%"])
    def test_does_not_matter_to_texts_without_its_tokens(
        self, node: Any, output: Path, clock: Any, prefix: str | None
    ) -> None:
        clock(self.EVE)
        first = self.changed(node, prefix)
        clock(self.DAY)
        assert self.changed(node, prefix) == first

    def test_does_not_matter_if_the_tokens_stay_the_same(self, node: Any, output: Path, clock: Any) -> None:
        clock("2025-01-01T00:00:01")
        first = self.changed(node)
        clock("2025-01-01T23:00:01")
        assert self.changed(node) == first

    def test_of_the_run_is_that_of_the_cache_key(self, node: Any, output: Path, clock: Any) -> None:
        prompt: dict[str, Any] = {}
        clock(self.EVE)
        self.changed(node)
        clock(self.DAY)
        assert self.run(node, prompt) == ["images"]
        self.save(node, prompt, [shades(70)])

        assert on_disk(output) == {"2024-12-31/2024-12-31_00007.png": 70}

    def test_of_a_run_that_was_cached_is_not_that_of_the_next(self, node: Any, output: Path, clock: Any) -> None:
        clock(self.EVE)
        self.changed(node)
        clock(self.DAY)
        self.changed(node)
        self.save(node, {}, [shades(70)])

        assert on_disk(output) == {"2025-01-01/2025-01-01_00007.png": 70}

    def test_of_a_script_without_a_prompt_is_now(self, node: Any, output: Path, clock: Any) -> None:
        for time in (self.EVE, self.DAY):
            clock(time)
            save(node, shades(70), 7, self.PREFIX)

        assert len(on_disk(output)) == 2
