"""Save Image Sequence (Batch): the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import errno
import inspect
import json
import logging
import os
import re
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from ..disk import (
    Fails,
    InterruptProcessingException,
    as_lists,
    cancel_at,
    decoded,
    delete,
    forbid_listing,
    is_plain,
    needs_links,
    noise,
    on_disk,
    put,
    shades,
    stand_in,
    tear,
    two_workers,
)
from .calls import saver_cache_key


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveBatch"]()


def save(
    node: Any, images: Any, path_pattern: str = "f_##.png", start_index: int = 0, overwrite: str = "true", **more: Any
) -> dict[str, Any]:
    return node.save(images=images, path_pattern=path_pattern, start_index=start_index, overwrite=overwrite, **more)[
        "ui"
    ]


class TestFiles:
    @pytest.mark.parametrize(
        ("inputs", "names"),
        [
            pytest.param({}, ["f_00.png", "f_01.png"], id="hashes"),
            pytest.param({"start_index": 1001}, ["f_1001.png", "f_1002.png"], id="from 1001, wider than its padding"),
            pytest.param({"path_pattern": "./frame{:06d}.png"}, ["frame000000.png", "frame000001.png"], id="default"),
            pytest.param({"path_pattern": "f_%03d.png"}, ["f_000.png", "f_001.png"], id="printf"),
            pytest.param({"path_pattern": "a/b/c/{}.png"}, ["a/b/c/0.png", "a/b/c/1.png"], id="in folders"),
            pytest.param(
                {"path_pattern": "{:04d}/beauty.png"}, ["0000/beauty.png", "0001/beauty.png"], id="each its own"
            ),
            pytest.param({"path_pattern": "f_##.jpg"}, ["f_00.jpg", "f_01.jpg"], id="JPG by its extension"),
            pytest.param({"path_pattern": "f_##", "filetype": "jpg"}, ["f_00.jpg", "f_01.jpg"], id="JPG by the widget"),
            pytest.param(
                {"path_pattern": "f_##.jpg", "filetype": "as the pattern's extension says"},
                ["f_00.jpg", "f_01.jpg"],
                id="JPG by its extension, chosen",
            ),
            pytest.param({"path_pattern": "f_##"}, ["f_00.png", "f_01.png"], id="PNG without an extension"),
        ],
    )
    @pytest.mark.parametrize("lists", [False, True], ids=["plain", "lists"])
    def test_are_where_the_widgets_say(
        self, node: Any, output: Path, inputs: dict[str, Any], names: list[str], lists: bool
    ) -> None:
        inputs = {"images": shades(10, 20), "path_pattern": "f_##.png", "start_index": 0, "overwrite": "true"} | inputs
        node.save(**as_lists(**inputs) if lists else inputs)

        assert on_disk(output) == dict(zip(names, [10, 20]))

    def test_of_a_list_of_batches_are_one_sequence(self, node: Any, output: Path) -> None:
        save(node, [shades(10, 20), shades(30), shades(40, 50)], start_index=8)

        assert on_disk(output) == {f"f_{8 + n:02d}.png": shade for n, shade in enumerate([10, 20, 30, 40, 50])}

    def test_of_a_list_may_differ_in_size(self, node: Any, output: Path) -> None:
        save(node, [shades(10), shades(20, height=9, width=2)])

        assert decoded(output / "f_01.png").shape == (9, 2, 3)

    def test_have_the_workflow_in_each(self, node: Any, output: Path) -> None:
        save(node, shades(10, 20), prompt=[{"1": {"inputs": {}}}], extra_pnginfo=[{"workflow": {"nodes": []}}])

        for path in output.iterdir():
            with Image.open(path) as image:
                assert {key: json.loads(text) for key, text in image.text.items()} == {  # type: ignore[attr-defined]
                    "prompt": {"1": {"inputs": {}}},
                    "workflow": {"nodes": []},
                }

    @pytest.mark.parametrize("filetype", ["png", "jpg"])
    def test_have_no_workflow_unless_requested(self, node: Any, output: Path, filetype: str) -> None:
        save(node, shades(10), "f_##", filetype=filetype, prompt={"1": {"inputs": {"text": "secret"}}})

        (path,) = output.iterdir()
        assert b"secret" not in path.read_bytes()

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_have_the_pixels_of_their_image(self, node: Any, output: Path, channels: int) -> None:
        pixels = np.stack([noise(9, 7, channels, seed=seed) for seed in range(3)])

        save(node, torch.from_numpy(pixels / np.float32(255)))

        for number, expected in enumerate(pixels):
            np.testing.assert_array_equal(decoded(output / f"f_{number:02d}.png").reshape(9, 7, -1), expected)

    def test_without_a_number_are_one(self, node: Any, output: Path) -> None:
        save(node, shades(10), "still.png", start_index=5)

        assert on_disk(output) == {"still.png": 10}

    @pytest.mark.parametrize("images", [shades(1, 2), [shades(1), shades(2)]], ids=["a batch", "a list"])
    @pytest.mark.parametrize("overwrite", ["true", "false", "skip", "error"])
    def test_without_a_number_cannot_be_many(self, node: Any, output: Path, images: Any, overwrite: str) -> None:
        with pytest.raises(ValueError, match=r"still_\{:06d\}\.png.*still\.png.*2 frames"):
            save(node, images, "still.png", overwrite=overwrite)
        assert on_disk(output) == {}

    @pytest.mark.parametrize("images", [torch.zeros(0, 4, 6, 3), [torch.zeros(0, 4, 6, 3)]], ids=["plain", "listed"])
    def test_of_an_empty_batch_are_an_error(self, node: Any, output: Path, images: Any) -> None:
        """A run that writes no frame is not a success."""
        with pytest.raises(ValueError, match="empty"):
            save(node, images)

    def test_of_an_empty_batch_among_others_are_skipped(self, node: Any, output: Path) -> None:
        save(node, [shades(10), torch.zeros(0, 4, 6, 3), shades(20)])

        assert on_disk(output) == {"f_00.png": 10, "f_01.png": 20}

    @pytest.mark.parametrize(
        "pattern",
        ["{i.__class__}.png", "{:200000000d}.png", "{x}.png", "{.png", "{!r}.png", "{:f}.png", "##_##.png", "f_##.tif"],
    )
    def test_of_an_invalid_pattern_are_an_error(self, node: Any, output: Path, pattern: str) -> None:
        with pytest.raises(ValueError, match=r"For example|Write"):
            save(node, shades(10), pattern)
        assert on_disk(output) == {}

    @pytest.mark.parametrize("pattern", ["../f_##.png", "/etc/f_##.png", "a/../../f_##.png", "##/../../f.png"])
    def test_elsewhere_are_refused(self, node: Any, output: Path, base: Path, pattern: str) -> None:
        with pytest.raises(ValueError, match="f"):
            save(node, shades(10, 20), pattern)
        assert on_disk(base) == {}

    @needs_links
    def test_in_a_folder_that_leads_out_are_refused(self, node: Any, output: Path, base: Path) -> None:
        (base / "elsewhere").mkdir()
        (output / "shot").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(ValueError, match="outside"):
            save(node, shades(10, 20), "shot/f_##.png")
        assert on_disk(base) == {}

    def test_with_nan_are_named_in_one_warning(self, node: Any, output: Path, caplog: pytest.LogCaptureFixture) -> None:
        batch = shades(*[50] * 6)
        batch[1:4, 0, 0] = torch.nan
        batch[5, 3, 5] = torch.nan

        with caplog.at_level(logging.WARNING):
            save(node, batch, start_index=10)

        (record,) = caplog.records
        assert "11-13,15" in record.getMessage()
        assert decoded(output / "f_15.png")[3, 5].tolist() == [0, 0, 0]


class TestOverwrite:
    @pytest.fixture(autouse=True)
    def _old(self, output: Path) -> None:
        put(output / "f_01.png", 1)
        put(output / "f_02.png", 2)

    def test_true_replaces(self, node: Any, output: Path) -> None:
        save(node, shades(10, 20, 30))

        assert on_disk(output) == {"f_00.png": 10, "f_01.png": 20, "f_02.png": 30}

    def test_false_writes_beside(self, node: Any, output: Path) -> None:
        save(node, shades(10, 20, 30), overwrite="false")
        ui = save(node, shades(11, 21, 31), overwrite="false")

        assert on_disk(output) == {
            "f_00.png": 10,
            "f_00-0.png": 11,
            "f_01.png": 1,
            "f_01-0.png": 20,
            "f_01-1.png": 21,
            "f_02.png": 2,
            "f_02-0.png": 30,
            "f_02-1.png": 31,
        }
        assert [image["filename"] for image in ui["images"]] == ["f_00-0.png", "f_01-1.png", "f_02-1.png"]
        described = [json.loads(text) for text in ui["image_sequence"]]
        assert {each["pattern"] for each in described} == {"f_{:02d}-0.png", "f_{:02d}-1.png"}
        assert "leads to f_##-0.png, without frames 1-2, which have other names." in described[0]["message"]

    def test_false_writes_beside_without_a_number_too(self, node: Any, output: Path) -> None:
        for shade in (10, 20, 30):
            save(node, shades(shade), "still.png", overwrite="false")

        assert {name: shade for name, shade in on_disk(output).items() if "still" in name} == {
            "still.png": 10,
            "still-0.png": 20,
            "still-1.png": 30,
        }

    def test_false_loses_nothing_when_eight_save_the_same_at_once(self, pack: ModuleType, output: Path) -> None:
        start, failures = threading.Barrier(8), []

        def run(value: int) -> None:
            node = pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveBatch"]()
            start.wait()
            try:
                save(node, shades(*[value] * 4), "takes/f_##.png", overwrite="false")
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(value,)) for value in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        found = on_disk(output / "takes")
        takes = ["", *(f"-{take}" for take in range(7))]
        assert set(found) == {f"f_{n:02d}{take}.png" for n in range(4) for take in takes}
        for n in range(4):
            assert sorted(found[f"f_{n:02d}{take}.png"] for take in takes) == list(range(8))

    def test_skip_keeps(self, node: Any, output: Path) -> None:
        tear(output / "f_02.png")
        ui = save(node, shades(10, 20, 30), overwrite="skip")

        assert on_disk(output) == {"f_00.png": 10, "f_01.png": 1, "f_02.png": 30}
        assert [image["filename"] for image in ui["images"]] == ["f_00.png", "f_01.png", "f_02.png"]

    def test_error_refuses_before_the_first_frame_is_encoded_naming_all(self, node: Any, output: Path) -> None:
        images = [torch.zeros(1, 4, 6, 5), *[shades(n) for n in range(1, 4)]]  # frame 0 cannot be encoded

        with pytest.raises(FileExistsError, match=r"1-2.*f_01\.png"):
            save(node, images, overwrite="error")
        assert on_disk(output) == {"f_01.png": 1, "f_02.png": 2}


class TestFailures:
    def test_a_full_disk_leaves_whole_frames_and_names_the_missing_one(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(output / "f_05.png", 5)
        failing = Fails(os.replace, lambda call, part, path: Path(path).name == "f_05.png")
        monkeypatch.setattr(os, "replace", failing)

        with pytest.raises(OSError, match=r"Frame 5 .*f_05\.png") as caught:
            save(node, shades(*range(100, 108)))

        assert failing.fired == 1
        assert caught.value.errno == errno.ENOSPC
        found = on_disk(output)
        assert found["f_05.png"] == 5
        assert [found[f"f_{n:02d}.png"] for n in range(5)] == [100, 101, 102, 103, 104]
        assert all(name.startswith("f_") for name in found)

    def test_cancel_leaves_whole_frames_and_passes_through(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        two_workers(monkeypatch)
        asked = cancel_at(2, monkeypatch)

        with pytest.raises(InterruptProcessingException):
            save(node, shades(*range(30)))

        assert asked[-1] == 2
        found = on_disk(output)
        assert 3 <= len(found) <= 6  # up to three more begin after each of the two checks before Cancel
        assert found == {f"f_{n:02d}.png": n for n in range(len(found))}

    def test_a_failed_run_is_not_watched(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """ComfyUI does not cache a failed run, so its files need no watch."""
        key = is_changed(node, "failed")
        cancel_at(1, monkeypatch)
        with pytest.raises(InterruptProcessingException):
            save(node, shades(*range(5)), unique_id=["failed"])
        for path in output.iterdir():
            delete(path)

        assert is_changed(node, "failed") == key


def is_changed(node: Any, unique_id: str, pattern: Any = "f_##.png") -> str:
    return saver_cache_key(
        node, unique_id, images=None, path_pattern=pattern, start_index=0, overwrite="true", filetype="png"
    )


class TestIsChanged:
    @pytest.mark.parametrize("pattern", ["f_##.png", None], ids=["a constant", "a link"])
    def test_stays_until_any_file_vanishes_and_then_changes_once(
        self, node: Any, output: Path, pattern: str | None
    ) -> None:
        keys = []
        for vanishing in ("f_02.png", "f_00.png"):
            keys += [is_changed(node, f"batch {pattern}", pattern)]
            save(node, shades(1, 2, 3), unique_id=[f"batch {pattern}"])
            keys += [is_changed(node, f"batch {pattern}", pattern) for _ in range(3)]
            delete(output / vanishing)
        keys += [is_changed(node, f"batch {pattern}", pattern) for _ in range(3)]

        assert [len(set(keys[0:4])), len(set(keys[4:8])), len(set(keys[8:]))] == [1, 1, 1]
        assert len({keys[0], keys[4], keys[8]}) == 3


class TestValidateInputs:
    @pytest.mark.parametrize(
        "pattern", ["./frame{:06d}.png", "a/f_####", "still.png", "f_%04d.JPG", None, (None,), ["f_#.png"]]
    )
    def test_accepts_valid_and_linked_values(self, node: Any, output: Path, pattern: Any) -> None:
        assert type(node).VALIDATE_INPUTS(path_pattern=pattern) is True

    @pytest.mark.parametrize(
        "pattern", ["", "f_##.tif", "##_##.png", "{x}.png", "../f_##.png", "/etc/f.png", "f_{:300d}.png", "\0.png"]
    )
    def test_states_the_fault_and_the_fix(self, node: Any, output: Path, pattern: str) -> None:
        for given_pattern in (pattern, [pattern]):
            answer = type(node).VALIDATE_INPUTS(path_pattern=given_pattern)
            assert type(answer) is str
            assert len(re.split(r"[.:]\s", answer)) >= 2, "a remedy and a fact"

    def test_names_only_what_it_checks(self, node: Any) -> None:
        assert list(inspect.signature(type(node).VALIDATE_INPUTS).parameters) == ["path_pattern"]

    def test_lists_no_folder(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """VALIDATE_INPUTS runs in the server's event loop while the prompt is posted."""

        forbid_listing(monkeypatch)

        assert type(node).VALIDATE_INPUTS(path_pattern="a/f_##.png") is True


class TestUi:
    def test_lists_every_frame_and_describes_the_sequence_in_plain_values(self, node: Any, output: Path) -> None:
        ui = save(node, shades(*range(5)), "a/b/f_##.png", start_index=8)

        assert is_plain(ui)
        assert ui["images"] == [
            {"filename": f"f_{n:02d}.png", "subfolder": "a/b", "type": "output"} for n in range(8, 13)
        ]
        description = json.loads(ui["image_sequence"][0])
        assert (description["pattern"], description["subfolder"]) == ("f_{:02d}.png", "a/b")
        assert (description["first"], description["last"], description["step"]) == (8, 12, 1)
        assert "8-12" in description["message"]

    def test_names_files_that_exist(self, node: Any, output: Path) -> None:
        for pattern in ("f_#.png", "a/{}/x.png", "{{b}}/f_#.png", "a\\c\\f_#.jpg"):
            for image in save(node, shades(1, 2), pattern)["images"]:
                assert (output / image["subfolder"] / image["filename"]).is_file()

    def test_shows_progress_for_every_frame(self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[int, int]] = []

        class ProgressBar:
            def __init__(self, total: int) -> None:
                self.total = total

            def update_absolute(self, value: int, total: int) -> None:
                seen.append((value, total))

        stand_in(monkeypatch, "comfy.utils", ProgressBar=ProgressBar)

        save(node, shades(*range(9)))

        assert seen[-1] == (9, 9)
        assert seen == sorted(seen)


levels = arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 3, st.integers(1, 4)))


@settings(max_examples=40)
@given(levels=levels, offset=st.floats(-0.49, 0.49))
def test_what_is_saved_is_loaded_as_the_nearest_of_256_levels(
    pack: ModuleType, base: Path, levels: np.ndarray, offset: float
) -> None:
    """For any values, the loaded batch is round(255 x) / 255, with its alpha as the mask."""
    images = torch.from_numpy(((levels.astype(np.float64) + offset) / 255).astype(np.float32))
    save(pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveBatch"](), images, start_index=3)

    loaded = pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]().load(
        path_pattern="f_##.png", start_index=3, frame_count=len(images), ignore_missing_images="false"
    )

    batch, mask, count, *_ = loaded["result"]
    exact = levels.astype(np.float32) / np.float32(255)
    channels = levels.shape[-1]
    colour = np.broadcast_to(exact[..., :1], (*levels.shape[:3], 3)) if channels < 3 else exact[..., :3]
    alpha = exact[..., -1] if channels in (2, 4) else np.ones(levels.shape[:3], np.float32)
    assert count == len(images)
    np.testing.assert_array_equal(batch.numpy(), colour)
    np.testing.assert_array_equal(mask.numpy(), 1 - alpha)


def test_several_patterns_for_one_run_are_an_error_and_nothing_is_written(node: Any, output: Path) -> None:
    with pytest.raises(ValueError, match=r"list of 2 different values, 'a_#.png', 'b_#.png'"):
        node.save(
            images=[shades(1), shades(2)], path_pattern=["a_#.png", "b_#.png"], start_index=[0], overwrite=["true"]
        )
    assert on_disk(output) == {}


class TestTokens:
    @staticmethod
    def save(node: Any, pattern: str, *images: torch.Tensor, start: int = 0) -> None:
        node.save([*images], path_pattern=[pattern], start_index=[start], overwrite=["true"], filetype=["png"])

    def test_are_filled_in(self, node: Any, output: Path) -> None:
        self.save(node, "%year%/w%width%_%04d.png", shades(10, 20))

        assert re.fullmatch(r"20[0-9]{2}/w6_0000\.png 20[0-9]{2}/w6_0001\.png", " ".join(on_disk(output)))

    def test_of_the_date_are_never_read_as_frame_numbers(self, node: Any, output: Path) -> None:
        self.save(node, "%day%/%date:dd%_%d.png", shades(10))

        assert re.fullmatch(r"([0-9]{2})/\1_0\.png", " ".join(on_disk(output)))

    def test_of_the_size_are_an_error_if_images_differ_in_size(self, node: Any, output: Path) -> None:
        with pytest.raises(ValueError, match=r"6 x 4 and 9 x 4.*several values"):
            self.save(node, "w%width%_##.png", shades(10), shades(20, width=9))
        assert on_disk(output) == {}

        self.save(node, "f_##.png", shades(10), shades(20, width=9))
        assert on_disk(output) == {"f_00.png": 10, "f_01.png": 20}

    @pytest.mark.parametrize("token", ["%Seed%", "%seed%", "%batch_num%"])
    def test_that_cannot_be_filled_in_are_refused_and_no_folder_is_created(
        self, node: Any, output: Path, token: str
    ) -> None:
        with pytest.raises(ValueError, match=f"token '{token}' cannot be filled in"):
            self.save(node, f"{token}/f_####.png", shades(10))
        assert list(output.iterdir()) == []
        assert f"token '{token}' cannot be filled in" in type(node).VALIDATE_INPUTS(path_pattern=f"{token}/f_####.png")

    @pytest.mark.parametrize("notation", ["$F4", "@@@@", "%04i", "%04u", "${F4}", "[####]", "{frame:04d}"])
    def test_beside_a_neighbours_frame_number_one_image_a_run_is_one_file_a_run(
        self, node: Any, output: Path, notation: str
    ) -> None:
        for number in range(2):
            self.save(node, f"s/f.{notation}.png", shades(10 * number), start=number)

        assert on_disk(output) == {"s/f.0000.png": 0, "s/f.0001.png": 10}

    @pytest.mark.parametrize("notation", ["<frame>", "<f4>", "$FF", "%+05d", "%.4d"])
    def test_an_unsupported_notation_is_refused(self, node: Any, output: Path, notation: str) -> None:
        with pytest.raises(ValueError, match=r"Write for example 's/f\.\{:0.d\}\.png'"):
            self.save(node, f"s/f.{notation}.png", shades(10))
        assert on_disk(output) == {}
