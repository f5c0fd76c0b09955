"""The header of an EXR plate through loaders and savers, and what the savers add to it, judged by the OpenEXR package."""

from __future__ import annotations

import json
import logging
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import OpenEXR
import pytest
import torch

from .. import hosted
from ..disk import put, stand_in
from ..hosted import wire
from ..wires import counter
from .plates import add_layer, every_loader, every_saver, header_of, load, metadata_class, place, save, write_plate

# Attributes of every type that the package writes, with names of the standard, of renderers, and invented ones.
CARRIED: dict[str, Any] = {
    "owner": "ACME",
    "comments": "two\nlines: ä 日本",
    "capDate": "2026:11:26 10:00:00",
    "utcOffset": 3600.0,
    "expTime": 0.25,
    "isoSpeed": 800.0,
    "lookModTransform": "warm",
    "reelName": "A001",
    "worldToCamera": np.arange(16, dtype=np.float32).reshape(4, 4),
    "worldToNDC": np.eye(4, dtype=np.float32) * 2,
    "normals.matrix": np.arange(9, dtype=np.float32).reshape(3, 3),
    "lens/shift": np.array([0.5, 0.25], np.float32),
    "camera position": np.array([1, 2, 3], np.float32),
    "sensor": np.array([4096, 2160], np.int32),
    "passes": ["beauty", "depth"],
    "curve": [0.5, 1.5],
    "region": ((0, 0), (4, 3)),
    "count": 7,
    "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 4, 64),
}
PIXELS = np.full((4, 6, 3), 0.5, np.float16)


def time_code(*fields: int, drop_frame: int = 0) -> Any:
    """(hours, minutes, seconds, frame) as an attribute."""
    return OpenEXR.TimeCode(*fields, drop_frame, *(0,) * 13)


def shown(value: Any) -> Any:
    """A value in a form that can be compared."""
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return (
        value.tolist()
        if isinstance(value, (np.ndarray, np.generic))
        else value
        if isinstance(value, (int, float))
        else str(value)
    )


def per_frame(frame: int) -> dict[str, Any]:
    return {"timeCode": time_code(1, 2, 3, frame), "focus": float(frame), "slate": f"take {frame}"}


def write_plates(output: Path, *frames: int) -> None:
    for frame in frames:
        rate = {"framesPerSecond": Fraction(24000, 1001)}
        write_plate(output / f"plate/s_{frame:05d}.exr", PIXELS, **CARRIED, **rate, **per_frame(frame))


class TestAPlate:
    @every_saver
    @every_loader
    def test_keeps_its_header_frame_by_frame(self, pack: ModuleType, output: Path, saver: str, loader: str) -> None:
        write_plates(output, 5, 6, 7)

        loaded = load(pack, loader, "plate", first=5, count=3)
        save(pack, saver, loaded.images, "exr 16-bit", metadata=loaded.metadata, first=1001)

        for place_of, frame in enumerate((5, 6, 7)):
            header = header_of(output / f"s/s_{1001 + place_of:05d}.exr")
            wanted = CARRIED | per_frame(frame) | {"framesPerSecond": Fraction(24000, 1001)}
            assert {name: shown(header.get(name)) for name in wanted} == {
                name: shown(value) for name, value in wanted.items()
            }
            assert {name: type(header[name]) for name in wanted if not isinstance(wanted[name], tuple)} == {
                name: type(value) for name, value in wanted.items() if not isinstance(value, tuple)
            }
            assert header["imageCounter"] == 1001 + place_of, "the number on disk, not the plate's"

    def test_of_a_list_of_batches_follows_the_images(self, pack: ModuleType, output: Path) -> None:
        write_plates(output, *range(5))
        first, second = load(pack, "LoadBatch", "plate", count=2), load(pack, "LoadBatch", "plate", first=2, count=3)
        inputs = place("SaveBatch", "exr", first.images) | {"images": wire(first.images, second.images)}

        hosted.run(pack, "SaveBatch", **inputs, metadata=wire(first.metadata, second.metadata))

        assert [header_of(output / f"s/s_{frame:05d}.exr")["slate"] for frame in range(5)] == [
            f"take {frame}" for frame in range(5)
        ]

    @pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted"])
    def test_of_a_list_goes_with_its_image(self, pack: ModuleType, output: Path, saver: str) -> None:
        write_plates(output, 0, 1, 2)
        loaded = [load(pack, "LoadFrame", "plate", first=frame) for frame in range(3)]
        image = "images" if saver == "SaveFrame" else "image"
        numbers = (
            {"current_frame": wire(0, 1, 2)}
            if saver == "SaveFrame"
            else {"frame_counter": wire(*(counter(frame, 3) for frame in range(3)))}
        )
        lists = {image: wire(*(item.images for item in loaded)), "metadata": wire(*(item.metadata for item in loaded))}

        hosted.run(pack, saver, **place(saver, "exr", loaded[0].images) | numbers | lists)

        assert [header_of(output / f"s/s_{frame:05d}.exr")["slate"] for frame in range(3)] == [
            "take 0",
            "take 1",
            "take 2",
        ]

    def test_of_one_frame_goes_with_every_variant(self, pack: ModuleType, output: Path) -> None:
        write_plates(output, 3)
        loaded = load(pack, "LoadFrame", "plate", first=3)
        variants = torch.rand(3, 4, 6, 3)

        hosted.run(pack, "SaveCounted", **place("SaveCounted", "exr", variants), metadata=wire(loaded.metadata))

        for variant in range(3):
            assert header_of(output / f"s/batch_{variant:04d}/s_00000.exr")["slate"] == "take 3"

    @every_saver
    def test_does_not_pass_on_how_it_was_stored(self, pack: ModuleType, output: Path, saver: str) -> None:
        stored = {"compression": OpenEXR.PIZ_COMPRESSION, "lineOrder": OpenEXR.DECREASING_Y, "pixelAspectRatio": 2.0}
        window = ((10, 20), (15, 23))
        acescg = tuple(map(float, (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)))
        more = {"dataWindow": window, "displayWindow": window, "chromaticities": acescg, "imageCounter": 99}
        write_plate(output / "plate/s_00000.exr", PIXELS, **stored, **more, owner="ACME")
        loaded = load(pack, "LoadFrame", "plate")

        save(pack, saver, loaded.images, metadata=loaded.metadata, exr_compression="RLE", first=4)

        header = header_of(output / "s/s_00004.exr")
        assert str(header["compression"]).endswith("RLE_COMPRESSION")
        assert header["imageCounter"] == 4
        assert shown(header["dataWindow"]) == [[0, 0], [5, 3]]
        assert header["chromaticities"] == pytest.approx((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
        assert header["owner"] == "ACME"
        assert header["pixelAspectRatio"] == 2, "an anamorphic plate stays one"

    @pytest.mark.parametrize("filetype", ["exr", "exr with embedded workflow"])
    @every_saver
    def test_does_not_pass_on_its_prompt_and_workflow(
        self, pack: ModuleType, output: Path, saver: str, filetype: str
    ) -> None:
        """They made the plate, and not the frame that is saved."""
        write_plate(output / "plate/s_00000.exr", PIXELS, prompt='{"old": 1}', workflow='{"old": 2}', owner="ACME")
        loaded = load(pack, "LoadFrame", "plate")
        ours: dict[str, Any] = {"prompt": {"1": {"inputs": {}}}, "extra_pnginfo": {"workflow": {"nodes": []}}}

        save(pack, saver, loaded.images, filetype, metadata=loaded.metadata, **ours)

        header = header_of(output / "s/s_00000.exr")
        found = {name: header[name] for name in ("prompt", "workflow", "owner") if name in header}
        embedded = {"prompt": json.dumps(ours["prompt"]), "workflow": '{"nodes": []}'}
        assert found == {"owner": "ACME", **(embedded if "workflow" in filetype else {})}

    @every_loader
    @pytest.mark.parametrize("policy", ["black", "hold previous"])
    def test_that_is_missing_has_the_header_of_what_replaces_it(
        self, pack: ModuleType, output: Path, loader: str, policy: str
    ) -> None:
        write_plates(output, 0)
        if loader == "LoadBatch":
            inputs: dict[str, Any] = {"path_pattern": "plate/s_#####.exr", "start_index": 0, "frame_count": 2}
            inputs["ignore_missing_images"] = policy
        else:
            inputs = {"directory_path": "plate", "pattern": "s_#####.exr", "indexing": "numeric", "frame_number": 1}
            inputs["on_missing"] = policy

        outputs = hosted.run(pack, loader, **inputs).outputs

        (metadata,) = outputs[-1 if loader == "LoadFrame" else -2]
        missing = metadata.frames[-1]
        assert missing == {} if policy == "black" else missing["slate"] == "take 0"

    def test_of_a_default_image_is_empty_for_each(self, pack: ModuleType, output: Path) -> None:
        (output / "plate").mkdir()
        inputs: dict[str, Any] = {"directory_path": "plate", "pattern": "s_#####.exr", "indexing": "numeric"}
        inputs["frame_number"] = 1

        *_, (metadata,) = hosted.run(pack, "LoadFrame", **inputs, default_image=wire(torch.zeros(3, 4, 6, 3))).outputs

        assert metadata.frames == ({}, {}, {})

    @every_loader
    def test_of_a_frame_with_layers_is_that_of_its_part(self, pack: ModuleType, output: Path, loader: str) -> None:
        layers = add_layer(pack, "depth", mask=torch.ones(1, 4, 6))
        owner = metadata_class(pack)(({"owner": "ACME"},))
        save(pack, "SaveFrame", torch.zeros(1, 4, 6, 3), layers=lambda run: layers, metadata=owner)

        assert load(pack, loader, layer="depth").metadata.frames[0]["owner"] == "ACME"


@every_saver
class TestASaver:
    def test_without_metadata_adds_the_number_on_disk(self, pack: ModuleType, output: Path, saver: str) -> None:
        save(pack, saver, torch.zeros(2, 4, 6, 3), first=1001)

        assert [header_of(output / f"s/s_{frame}.exr")["imageCounter"] for frame in ("01001", "01002")] == [1001, 1002]

    @pytest.mark.parametrize(
        ("fps", "first", "rate", "code"),
        [
            (24, 1001, Fraction(24), (0, 0, 41, 17)),
            (25.0, 90_000, Fraction(25), (1, 0, 0, 0)),
            (23.976, 24, Fraction(24000, 1001), (0, 0, 1, 0)),
            (12.5, 13, Fraction(25, 2), (0, 0, 1, 1)),
        ],
    )
    def test_by_a_frame_counter_adds_rate_and_time_code(
        self, pack: ModuleType, output: Path, saver: str, fps: float, first: int, rate: Fraction, code: tuple[int, ...]
    ) -> None:
        """Frame 0 is at midnight. The other savers know no rate."""
        save(pack, saver, torch.zeros(1, 4, 6, 3), first=first, fps=fps)

        header = header_of(output / f"s/s_{first:05d}.exr")
        if saver != "SaveCounted":
            assert not {"framesPerSecond", "timeCode"} & set(header)
            return
        found = header["timeCode"]
        assert header["framesPerSecond"] == rate
        if rate.denominator != 2:
            assert (found.hours, found.minutes, found.seconds, found.frame) == code

    def test_keeps_the_plate_s_own_time_code(self, pack: ModuleType, output: Path, saver: str) -> None:
        plate = metadata_class(pack)(({"timeCode": time_code(10, 0, 0, 5), "framesPerSecond": Fraction(25)},))

        save(pack, saver, torch.zeros(1, 4, 6, 3), metadata=plate, first=7, fps=24)

        header = header_of(output / "s/s_00007.exr")
        assert str(header["timeCode"]) == str(time_code(10, 0, 0, 5))
        assert header["framesPerSecond"] == 25
        assert header["imageCounter"] == 7

    @pytest.mark.parametrize("count", [0, 2])
    def test_with_metadata_of_another_number_of_frames_warns_and_saves_without_it(
        self, pack: ModuleType, output: Path, saver: str, count: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        metadata = metadata_class(pack)(({"owner": "ACME"},) * count)
        images = torch.zeros(3, 4, 6, 3) if saver == "SaveBatch" else torch.zeros(1, 4, 6, 3)

        with caplog.at_level(logging.WARNING):
            hosted.run(pack, saver, **place(saver, "exr", images), metadata=wire(metadata))

        assert f"it is of {count}, and there are {len(images)} images. They are saved without it." in caplog.text
        assert "owner" not in header_of(output / "s/s_00000.exr")

    def test_of_a_png_plate_has_nothing_to_add(
        self, pack: ModuleType, output: Path, saver: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for frame in range(2):
            put(output / f"plate/s_{frame:05d}.png", 100)
        loaded = load(pack, "LoadBatch", "plate", count=2, kind="png")
        assert loaded.metadata.frames == ({}, {})

        with caplog.at_level(logging.WARNING):
            save(pack, saver, loaded.images, metadata=loaded.metadata)

        assert caplog.text == ""
        assert len(list(output.glob("s/*.exr"))) == 2

    @pytest.mark.parametrize("filetype", ["png", "jpg", "webp lossless with embedded workflow"])
    def test_of_another_kind_of_file_ignores_it(
        self, pack: ModuleType, output: Path, saver: str, filetype: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_plates(output, 0)
        loaded = load(pack, "LoadFrame", "plate")

        with caplog.at_level(logging.WARNING):
            save(pack, saver, loaded.images, filetype, metadata=loaded.metadata)

        assert caplog.text == ""
        assert len(list(output.glob("s/s_00000.*"))) == 1

    @pytest.mark.parametrize("value", [None, {"owner": "ACME"}, "text", [{}]], ids=["None", "dict", "text", "list"])
    def test_refuses_what_is_no_metadata(self, pack: ModuleType, output: Path, saver: str, value: Any) -> None:
        with pytest.raises(
            ValueError, match="Wire the output 'metadata' of a loader of this pack to the input 'metadata'"
        ):
            hosted.run(pack, saver, **place(saver, "exr", torch.zeros(1, 4, 6, 3)), metadata=wire(value))
        assert list(output.rglob("*.*")) == []

    def test_is_not_stopped_by_an_attribute_that_cannot_be_written(
        self, pack: ModuleType, output: Path, saver: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        odd = {"owner": "ACME", "thing": object(), "x" * 300: 1, "": "nameless"}

        with caplog.at_level(logging.WARNING):
            save(pack, saver, torch.zeros(1, 4, 6, 3), metadata=metadata_class(pack)((odd,)))

        assert header_of(output / "s/s_00000.exr")["owner"] == "ACME"
        assert "thing" in caplog.text

    @pytest.mark.parametrize("filetype", ["exr with embedded workflow", "exr 16-bit with embedded workflow"])
    @pytest.mark.parametrize("disabled", [False, True])
    def test_embeds_prompt_and_workflow_unless_comfyui_disables_it(
        self,
        pack: ModuleType,
        output: Path,
        monkeypatch: pytest.MonkeyPatch,
        saver: str,
        filetype: str,
        disabled: bool,
    ) -> None:
        stand_in(monkeypatch, "comfy.cli_args", args=SimpleNamespace(disable_metadata=disabled))
        extra = {"workflow": {"nodes": [{"title": "Größe 日本"}]}, "other": 5}

        save(pack, saver, torch.zeros(1, 4, 6, 3), filetype, prompt={"1": {"inputs": {}}}, extra_pnginfo=extra)

        header = header_of(output / "s/s_00000.exr")
        found = {name: json.loads(header[name]) for name in ("prompt", "workflow", "other") if name in header}
        assert found == ({} if disabled else {"prompt": {"1": {"inputs": {}}}, **extra})

    @pytest.mark.parametrize("filetype", ["exr", "exr 16-bit"])
    def test_embeds_nothing_without_being_asked(
        self, pack: ModuleType, output: Path, saver: str, filetype: str
    ) -> None:
        save(pack, saver, torch.zeros(1, 4, 6, 3), filetype, prompt={"1": {}}, extra_pnginfo={"workflow": {}})

        assert not {"prompt", "workflow"} & set(header_of(output / "s/s_00000.exr"))


class TestWhatAHeaderSaysAboutColour:
    ACESCG = tuple(map(float, (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)))
    SAID: ClassVar[dict[str, Any]] = {
        "oiio:ColorSpace": "ACEScg",
        "colorInteropID": "lin_ap1_scene",
        "arnold/color_space": "ACEScg",
    }

    @every_saver
    def test_is_not_said_of_converted_colour(self, pack: ModuleType, output: Path, saver: str) -> None:
        write_plate(output / "plate/s_00000.exr", PIXELS, chromaticities=self.ACESCG, **self.SAID)
        loaded = load(pack, "LoadFrame", "plate")

        save(pack, saver, loaded.images, metadata=loaded.metadata)

        header = header_of(output / "s/s_00000.exr")
        assert header["chromaticities"][0] == pytest.approx(0.64)
        assert not self.SAID.keys() & header.keys()

    @every_saver
    def test_stays_with_numbers_that_stay(self, pack: ModuleType, output: Path, saver: str) -> None:
        write_plate(output / "plate/s_00000.exr", PIXELS, chromaticities=self.ACESCG, **self.SAID)
        loaded = load(pack, "LoadFrame", "plate", file_color_space="as stored")

        save(pack, saver, loaded.images, metadata=loaded.metadata, file_color_space="as stored")

        header = header_of(output / "s/s_00000.exr")
        assert header["chromaticities"] == pytest.approx(self.ACESCG)
        assert {name: header[name] for name in self.SAID} == self.SAID

    @every_saver
    def test_is_not_said_of_numbers_that_a_loader_converted(self, pack: ModuleType, output: Path, saver: str) -> None:
        write_plate(output / "plate/s_00000.exr", PIXELS, chromaticities=self.ACESCG, **self.SAID)
        loaded = load(pack, "LoadFrame", "plate")

        save(pack, saver, loaded.images, metadata=loaded.metadata, file_color_space="as stored")

        assert not {"chromaticities", *self.SAID} & header_of(output / "s/s_00000.exr").keys()
