"""Colour at the file: IMAGEs into EXR and PNG and back, plates of other programs, and names that are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from devtools.embedded_host import EmbeddedHost
from devtools.prompts import PromptError
from io_utils.colour.primaries import AP0, AP1, P3_D65, REC709, REC2020, Chromaticities
from io_utils.colour.spaces import SRGB, ColorSpace, color_space, conversion

from .. import hosted
from ..disk import on_disk
from ..hosted import wire
from ..kinds import _read_png as read_png
from ..srgb import encoded, linear
from .plates import (
    TYPES,
    channels_of,
    every_loader,
    every_saver,
    header_of,
    load,
    pixels_of,
    place,
    save,
    write_exr,
    write_plate,
)

PACK = Path(__file__).resolve().parents[2]


def pictures(count: int = 2, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """An IMAGE of random values from 0 to 1, with both ends and some small values."""
    images = np.random.default_rng(seed).random((count, 6, 9, channels)).astype(np.float32)
    images[:, 0, 0], images[:, 0, 1], images[:, 0, 2], images[:, 0, 3] = 0, 1, 0.001, 0.04045
    return torch.from_numpy(images)


# How far an IMAGE may be from itself after a file of this type: half has 11 bits, and so have float16 tensors.
PRECISION = {"exr": 1e-6, "exr 16-bit": 2**-10}


class TestAnImage:
    @every_saver
    @every_loader
    @pytest.mark.parametrize("filetype", PRECISION)
    def test_saved_as_exr_is_loaded_as_it_was(
        self, pack: ModuleType, output: Path, dtype: str, saver: str, loader: str, filetype: str
    ) -> None:
        images = pictures().to(TYPES[dtype])

        save(pack, saver, images, filetype)
        again = load(pack, loader, count=2)

        assert again.images.dtype == TYPES[dtype]
        near = max(PRECISION[filetype], 2**-11 if dtype == "float16" else 0)
        np.testing.assert_allclose(again.images.float(), images.float(), rtol=0, atol=near)
        assert not again.mask.any()

    @pytest.mark.parametrize("loader", ["LoadBatch"])
    @settings(max_examples=30)
    @given(values=arrays.arrays(np.float32, (1, 2, 3, 3), elements=st.floats(-4, 100, width=32, allow_subnormal=False)))
    def test_outside_0_to_1_is_loaded_as_it_was(
        self, pack: ModuleType, output: Path, loader: str, values: np.ndarray
    ) -> None:
        save(pack, "SaveBatch", torch.from_numpy(values))

        again = load(pack, loader)

        np.testing.assert_allclose(again.images, values, rtol=2e-6, atol=1e-6)

    @pytest.mark.parametrize("filetype", ["exr", "exr 16-bit", "exr with embedded workflow"])
    def test_is_linear_rec_709_in_the_file_by_default(self, pack: ModuleType, output: Path, filetype: str) -> None:
        """Also for an old prompt, which has no inputs about colour."""
        images = pictures(1)
        inputs = place("SaveFrame", filetype, images)
        assert not {"image_color_space", "file_color_space"} & set(inputs)

        hosted.run(pack, "SaveFrame", **inputs)

        (file,) = output.rglob("*.exr")
        near = 1e-6 if filetype != "exr 16-bit" else 2**-11
        np.testing.assert_allclose(pixels_of(file), linear(images[0].numpy()), rtol=0, atol=near)
        assert header_of(file)["chromaticities"] == pytest.approx([value for point in REC709 for value in point])

    @pytest.mark.parametrize("space", ["linear Rec.709", "ACEScg"])
    @every_saver
    def test_in_linear_light_goes_into_exr_and_back(
        self, pack: ModuleType, output: Path, saver: str, space: str
    ) -> None:
        images = pictures() * 4

        save(pack, saver, images, image_color_space=space)
        again = load(pack, "LoadBatch", count=2, image_color_space=space)

        np.testing.assert_allclose(again.images, images, rtol=2e-6, atol=1e-6)
        expected = images[0].numpy().copy()
        if convert := conversion(color_space(space), color_space("linear Rec.709")):
            convert(expected)
        np.testing.assert_allclose(pixels_of(output / "s/s_00000.exr"), expected, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize(
        ("space", "chromaticities"),
        [
            ("linear Rec.709", REC709),
            ("linear Rec.2020", REC2020),
            ("linear P3-D65", P3_D65),
            ("ACEScg", AP1),
            ("ACES2065-1", AP0),
            ("acescg", AP1),
        ],
    )
    @every_loader
    def test_in_a_named_space_has_its_chromaticities_by_which_it_is_loaded(
        self, pack: ModuleType, output: Path, loader: str, space: str, chromaticities: Chromaticities
    ) -> None:
        images = pictures(1)

        save(pack, "SaveFrame", images, file_color_space=space)

        file = output / "s/s_00000.exr"
        expected = images[0].numpy().copy()
        convert = conversion(SRGB, color_space(space))
        assert convert is not None
        np.testing.assert_allclose(pixels_of(file), convert(expected), rtol=0, atol=1e-6)
        assert header_of(file)["chromaticities"] == pytest.approx([xy for point in chromaticities for xy in point])
        np.testing.assert_allclose(load(pack, loader).images, images, rtol=0, atol=2e-6)
        named = load(pack, loader, file_color_space=space)
        np.testing.assert_allclose(named.images, images, rtol=0, atol=2e-6)

    @pytest.mark.parametrize("space", ["sRGB", "as stored"])
    def test_that_stays_encoded_says_nothing_about_its_colour(self, pack: ModuleType, output: Path, space: str) -> None:
        """The numbers of 0.1.0: "as stored" or sRGB, on both sides."""
        images = pictures(1)

        save(pack, "SaveFrame", images, file_color_space=space)

        assert "chromaticities" not in header_of(output / "s/s_00000.exr")
        assert (pixels_of(output / "s/s_00000.exr") == images[0].numpy()).all()
        assert (load(pack, "LoadFrame", file_color_space=space).images == images).all()

    def test_in_a_camera_log_of_opencolorio_is_loaded_as_it_was(self, pack: ModuleType, output: Path) -> None:
        pytest.importorskip("PyOpenColorIO")
        images = pictures(1)

        save(pack, "SaveFrame", images, file_color_space="ARRI LogC4")

        stored = pixels_of(output / "s/s_00000.exr")
        assert "chromaticities" not in header_of(output / "s/s_00000.exr")
        assert 0.05 < stored.min() < stored.max() < 0.5, "log"
        again = load(pack, "LoadBatch", file_color_space="arri logc4")
        np.testing.assert_allclose(again.images, images, rtol=0, atol=1e-5)


class TestPng:
    @pytest.mark.parametrize(("filetype", "levels"), [("png", 255), ("png 16-bit", 65535)])
    @every_saver
    def test_from_linear_images_is_srgb_encoded(
        self, pack: ModuleType, output: Path, saver: str, filetype: str, levels: int
    ) -> None:
        images = pictures()

        save(pack, saver, images, filetype, image_color_space="linear Rec.709")

        for frame, image in enumerate(images):
            found = read_png(output / f"s/s_{frame:05d}.png") * levels
            np.testing.assert_allclose(found, encoded(image.numpy()) * levels, rtol=0, atol=0.51)

    @pytest.mark.parametrize(("filetype", "levels"), [("png", 255), ("png 16-bit", 65535)])
    @every_loader
    def test_is_loaded_as_linear_images(
        self, pack: ModuleType, output: Path, loader: str, filetype: str, levels: int
    ) -> None:
        images = pictures(1)
        save(pack, "SaveFrame", images, filetype)

        again = load(pack, loader, kind="png", image_color_space="linear Rec.709")

        stored = np.floor(images.numpy().astype(np.float64) * levels + 0.5) / levels
        np.testing.assert_allclose(again.images, linear(stored), rtol=0, atol=1e-6)

    @every_loader
    @every_saver
    def test_of_16_bits_goes_through_linear_light_level_by_level(
        self, pack: ModuleType, output: Path, saver: str, loader: str
    ) -> None:
        levels = np.random.default_rng(1).integers(0, 65536, (2, 16, 16, 3))
        save(pack, "SaveBatch", torch.from_numpy(levels / 65535).float(), "png 16-bit")
        plate = load(pack, loader, count=2, kind="png", image_color_space="linear Rec.709")

        save(pack, saver, plate.images, "png 16-bit", image_color_space="linear Rec.709", first=10)

        for frame in range(2):
            assert (read_png(output / f"s/s_{10 + frame:05d}.png") * 65535 == levels[frame]).all()

    def test_can_hold_linear_light(self, pack: ModuleType, output: Path) -> None:
        images = pictures(1)

        save(pack, "SaveFrame", images, "png 16-bit", file_color_space="linear Rec.709")

        found = read_png(output / "s/s_00000.png") * 65535
        np.testing.assert_allclose(found, linear(images[0].numpy()) * 65535, rtol=0, atol=0.51)
        again = load(pack, "LoadFrame", kind="png", file_color_space="linear Rec.709")
        np.testing.assert_allclose(linear(again.images.numpy()), linear(images.numpy()), rtol=0, atol=1e-5)

    def test_of_another_file_type_than_exr_says_srgb_by_default(self, pack: ModuleType, output: Path) -> None:
        images = pictures(1)

        save(pack, "SaveFrame", images, "png 16-bit")

        np.testing.assert_allclose(read_png(output / "s/s_00000.png"), images[0], rtol=0, atol=0.51 / 65535)


class TestAPlate:
    """An EXR file of another program."""

    @every_loader
    @pytest.mark.parametrize("pixel_type", [np.float16, np.float32])
    def test_without_chromaticities_is_linear_rec_709(
        self, pack: ModuleType, output: Path, dtype: str, loader: str, pixel_type: type
    ) -> None:
        pixels: np.ndarray = np.random.default_rng(2).random((5, 7, 3)).astype(pixel_type)
        write_plate(output / "s/s_00000.exr", pixels)

        loaded = load(pack, loader)

        near = 1e-6 if dtype == "float32" else 2**-11
        np.testing.assert_allclose(loaded.images[0].float(), encoded(pixels), rtol=0, atol=near)

    @every_loader
    def test_with_chromaticities_is_converted_from_them(self, pack: ModuleType, output: Path, loader: str) -> None:
        pixels = np.random.default_rng(3).random((5, 7, 3)).astype(np.float32)
        attribute = tuple(float(xy) for point in REC2020 for xy in point)
        write_plate(output / "s/s_00000.exr", pixels, chromaticities=attribute)

        loaded = load(pack, loader)

        convert = conversion(ColorSpace.linear(REC2020), SRGB)
        assert convert is not None
        np.testing.assert_allclose(loaded.images[0], convert(pixels.copy()), rtol=0, atol=1e-6)
        as_709 = load(pack, loader, file_color_space="linear Rec.709")
        np.testing.assert_allclose(as_709.images[0], encoded(pixels), rtol=0, atol=1e-6)

    @every_loader
    @pytest.mark.parametrize("broken", [(0.0,) * 8, (0.3,) * 8], ids=["zeros", "one point"])
    def test_whose_chromaticities_make_no_space_is_refused_with_its_frame(
        self, pack: ModuleType, output: Path, loader: str, broken: tuple[float, ...]
    ) -> None:
        write_plate(output / "s/s_00000.exr", np.ones((2, 3, 3), np.float32), chromaticities=broken)

        with pytest.raises(
            ValueError, match=r"^Set file_color_space .* 'as stored'\. Frame 0 .*s_00000\.exr.* make no colour space\.$"
        ):
            load(pack, loader)
        assert (load(pack, loader, file_color_space="as stored").images == 1).all()

    @every_loader
    def test_of_a_format_without_convention_is_srgb(self, pack: ModuleType, output: Path, loader: str) -> None:
        """A floating-point TIFF is taken as it is, as before."""
        pixels = np.random.default_rng(4).random((5, 7, 3)).astype(np.float32)
        (output / "s").mkdir()
        tifffile.imwrite(output / "s/s_00000.tiff", pixels, photometric="rgb")

        assert (load(pack, loader, kind="tiff").images[0].numpy() == pixels).all()


# (input, value, what the error suggests)
UNKNOWN = [
    ("file_color_space", "ACESgc", "ACEScg"),
    ("file_color_space", "linear rec709", "linear Rec.709"),
    ("file_color_space", "As Stored", "as stored"),
    ("image_color_space", "Linear Rec 709", "linear Rec.709"),
    ("image_color_space", "automatic", "sRGB"),
    ("image_color_space", "ACES2065-1", "ACEScg"),
    ("image_color_space", "as stored", "sRGB"),
    ("exr_compression", "dwa-a", "DWAA"),
    ("exr_compression", "zip16", "ZIP"),
    ("exr_compression", "", "ZIP"),
]


class Costly:
    """Stands for the graph in front of a saver. `runs` counts its runs."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("IMAGE", "MASK", "IMAGE_LAYERS", "FRAME_METADATA")
    runs = 0

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def run(self) -> tuple[Any, ...]:
        Costly.runs += 1
        return torch.zeros(1, 4, 6, 3), torch.zeros(1, 4, 6), None, None


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "comfyui", PACK) as running:
        running.node_classes["Costly"] = Costly
        Costly.runs = 0
        yield running


def graph(saver: str, filetype: str = "exr", **more: Any) -> dict[str, Any]:
    """A prompt whose images come from Costly; links are (output index,)."""
    inputs = {name: value for name, value in place(saver, filetype, None).items() if not isinstance(value, tuple)}
    inputs["image" if saver == "SaveCounted" else "images"] = ["costly", 0]
    if saver == "SaveCounted":
        inputs["frame_counter"] = ["counter", 0]
    counting = {"frame_index": 0, "total_frames": 5, "frames_per_second": 24}
    return {
        "costly": {"class_type": "Costly", "inputs": {}},
        "counter": {"class_type": "ImageSequenceFrameCounter", "inputs": counting},
        "save": {"class_type": f"ImageSequence{saver}", "inputs": inputs | more},
    }


@every_saver
class TestBeforeAnythingRuns:
    @pytest.mark.parametrize(("name", "value", "nearest"), UNKNOWN)
    def test_an_unknown_name_is_refused_with_the_nearest_right_one(
        self, host: EmbeddedHost, saver: str, name: str, value: str, nearest: str
    ) -> None:
        with pytest.raises(ValueError, match=f"(Set {name} to|Did you mean) '{nearest}'"):
            host.run(graph(saver, **{name: value}))

        assert Costly.runs == 0
        assert on_disk(host.comfyui.output) == {}

    def test_a_value_that_is_no_text_is_refused_by_comfyui(self, host: EmbeddedHost, saver: str) -> None:
        with pytest.raises(PromptError, match="not in"):
            host.run(graph(saver, exr_compression=5))

    @pytest.mark.parametrize("filetype", ["png", "png 16-bit", "jpg", "webp lossy with embedded workflow"])
    def test_layers_are_refused_for_kinds_of_file_without_them(
        self, host: EmbeddedHost, saver: str, filetype: str
    ) -> None:
        with pytest.raises(ValueError, match=r"^Set filetype to one of 'exr', .* or remove the link .* 'layers'"):
            host.run(graph(saver, filetype, layers=["costly", 2]))

        assert Costly.runs == 0
        assert on_disk(host.comfyui.output) == {}

    def test_exr_is_refused_without_its_package(
        self, host: EmbeddedHost, saver: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"{host.pack.__name__}.io_utils.formats.exr.library.OpenEXR", None)

        with pytest.raises(ValueError, match="python -m pip install OpenEXR"):
            host.run(graph(saver))
        assert Costly.runs == 0
        assert on_disk(host.comfyui.output) == {}

        host.run(graph(saver, "png"))
        assert Costly.runs == 1

    def test_valid_settings_are_not(self, host: EmbeddedHost, saver: str) -> None:
        host.run(graph(saver, exr_compression="DWAB", file_color_space="ACEScg", image_color_space="linear Rec.709"))

        assert Costly.runs == 1
        (file,) = host.comfyui.output.rglob("*.exr")
        assert str(header_of(file)["compression"]).endswith("DWAB_COMPRESSION")


@pytest.mark.parametrize(
    ("filetype", "remedy"),
    [
        ("as the pattern's extension says", "End path_pattern in '.exr', or remove the link"),
        (
            "png",
            """End path_pattern in '.exr' and set filetype to "as the pattern's extension says", or remove the link""",
        ),
    ],
)
def test_the_extension_of_a_batch_decides_whether_it_holds_layers(
    host: EmbeddedHost, filetype: str, remedy: str
) -> None:
    with pytest.raises(ValueError, match=f"^{remedy} .*: PNG files have no layers"):
        host.run(graph("SaveBatch", filetype, path_pattern="s/s_#####.png", layers=["costly", 2]))
    assert Costly.runs == 0


def test_a_type_that_contradicts_the_extension_of_a_batch_is_refused_before_anything_renders(
    host: EmbeddedHost,
) -> None:
    with pytest.raises(ValueError, match=r"^Set filetype to .*, or end path_pattern in '\.exr'"):
        host.run(graph("SaveBatch", "exr", path_pattern="s/s_#####.png"))
    assert Costly.runs == 0


@pytest.mark.parametrize("word", ["ZIP", "ZIPS", "PIZ", "DWAA", "DWAB", "RLE", "none"])
def test_every_compression_is_in_the_header_and_loads(pack: ModuleType, output: Path, word: str) -> None:
    images = pictures(1)

    save(pack, "SaveFrame", images, exr_compression=word)

    shown = str(header_of(output / "s/s_00000.exr")["compression"])
    assert shown.endswith("NO_COMPRESSION" if word == "none" else f".{word}_COMPRESSION")
    near = 0.1 if word.startswith("DWA") else 1e-6
    np.testing.assert_allclose(load(pack, "LoadFrame").images, images, rtol=0, atol=near)
    assert set(channels_of(output / "s/s_00000.exr")) == set("RGB")


@every_loader
@pytest.mark.parametrize(("name", "value", "nearest"), [row for row in UNKNOWN if row[0] != "exr_compression"])
class TestALoader:
    def test_refuses_an_unknown_space_with_the_nearest_right_one(
        self, pack: ModuleType, output: Path, loader: str, name: str, value: str, nearest: str
    ) -> None:
        write_plate(output / "s/s_00000.exr", np.ones((2, 3, 3), np.float32))

        more: dict[str, Any] = {name: value}

        with pytest.raises(ValueError, match=f"(Set {name} to|Did you mean) '{nearest}'"):
            load(pack, loader, **more)


def test_a_loader_refuses_an_unknown_space_before_its_default_image_is_rendered(host: EmbeddedHost) -> None:
    inputs = {"directory_path": "s", "pattern": "s_#####.exr", "indexing": "numeric", "default_image": ["costly", 0]}
    prompt: dict[str, Any] = {
        "costly": {"class_type": "Costly", "inputs": {}},
        "load": {"class_type": "ImageSequenceLoadFrame", "inputs": inputs | {"file_color_space": "ACESgc"}},
        "save": {"class_type": "ImageSequenceSaveFrame", "inputs": {"images": ["load", 0], "filename_prefix": "s"}},
    }
    prompt["save"]["inputs"]["current_frame"] = 0

    with pytest.raises(ValueError, match="Did you mean 'ACEScg'"):
        host.run(prompt)
    assert Costly.runs == 0


@every_loader
def test_black_has_the_size_of_the_layer(pack: ModuleType, output: Path, loader: str) -> None:
    """The file has layers only, so that its picture has no size."""
    plane = np.ones((3, 4), np.float32)
    write_exr(output / "s/s_00000.exr", {"depth.Z": plane, "id.Z": plane})
    if loader == "LoadBatch":
        inputs: dict[str, Any] = {"path_pattern": "s/s_#####.exr", "start_index": 0, "frame_count": 2}
        inputs["ignore_missing_images"] = "black"
    else:
        inputs = {"directory_path": "s", "pattern": "s_#####.exr", "indexing": "numeric", "frame_number": 1}
        inputs["on_missing"] = "black"

    (images,), *_ = hosted.run(pack, loader, layer="depth", **inputs).outputs

    assert images.shape[1:] == (3, 4, 3)
    assert not images[-1].any()


def test_a_wire_can_bring_the_name_of_a_space(pack: ModuleType, output: Path) -> None:
    images = pictures(1)

    hosted.run(pack, "SaveFrame", **place("SaveFrame", "exr", images), file_color_space=wire("as stored"))

    assert (pixels_of(output / "s/s_00000.exr") == images[0].numpy()).all()


@every_loader
def test_the_cache_key_follows_the_files_also_with_settings_that_are_refused(
    pack: ModuleType, output: Path, loader: str
) -> None:
    """ComfyUI adds the settings to the key itself. An exception here would be logged, and run the node every time."""
    write_plate(output / "s/s_00000.exr", np.ones((2, 3, 3), np.float32))
    node = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{loader}"]
    inputs: dict[str, Any] = {"path_pattern": "s/s_#####.exr", "start_index": 0, "frame_count": 0}
    inputs |= {"ignore_missing_images": "false"}
    if loader == "LoadFrame":
        inputs = {"directory_path": "s", "pattern": "s_#####.exr", "indexing": "numeric"}

    def key(**settings: str) -> str:
        found: str = node.IS_CHANGED(**inputs, **settings)
        assert type(found) is str
        return found

    before = [key(), key(layer="depth"), key(file_color_space="ACEScg"), key(file_color_space="ACESgc")]
    assert before == [key(), key(layer="depth"), key(file_color_space="ACEScg"), key(file_color_space="ACESgc")]
    os.utime(output / "s/s_00000.exr", (1, 1))
    assert key() != before[0]
    assert key(layer="depth") != before[1]


@pytest.mark.parametrize("version", ["3.4.17", "3.3.0", None])
def test_a_package_that_is_too_old_counts_as_absent(version: str | None) -> None:
    """Before 3.5 it reads and writes no streams. Other packs may have installed it, in their own version."""
    code = "import sys, types; sys.modules['OpenEXR'] = old = types.ModuleType('OpenEXR')\n"
    code += f"if {version!r}: old.__version__ = {version!r}\n"
    code += "from io_utils.formats.exr import library\nlibrary.require()"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACK, capture_output=True, text=True, check=False)

    assert done.stderr.splitlines()[-1].endswith(
        "Run `python -m pip install OpenEXR --upgrade` with ComfyUI's Python and restart ComfyUI. EXR files need the "
        "package OpenEXR, version 3.5 or later, which is not installed."
    )
