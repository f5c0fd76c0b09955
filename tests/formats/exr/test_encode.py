"""EXR files that the pack writes. Judges: the OpenEXR package with separate channels, and OpenImageIO."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch

from io_utils.colour.primaries import REC709
from io_utils.formats import registry
from io_utils.formats.base import Extras, Plane
from io_utils.formats.exr.encode import COMPRESSIONS
from io_utils.formats.exr.format import EXR
from io_utils.formats.file_type import FileColour, FileType, FrameLayer
from io_utils.formats.pixels import quantise

from ...exr_files import by_openexr, header_by_openexr, planes, read_by_openexr, read_by_openimageio, values

NAMES = {1: "Y", 2: "RGBA", 3: "RGB", 4: "RGBA"}
LOSSLESS = [name for name in COMPRESSIONS if not name.startswith("DWA")]


class TestPixels:
    @pytest.mark.parametrize("dtype", ["f4", "f2"])
    @pytest.mark.parametrize("channels", NAMES)
    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (16, 3), (33, 20)], ids=lambda at: f"{at[0]}x{at[1]}")
    def test_are_the_channels_of_the_file(
        self, channels: int, dtype: str, size: tuple[int, int], tmp_path: Path
    ) -> None:
        pixels = values(channels, *size).astype(dtype)

        data = EXR.encode(pixels)

        (tmp_path / "f.exr").write_bytes(data)
        expected = pixels[..., [0, 0, 0, 1]] if channels == 2 else pixels
        stored, judged = read_by_openexr(data), read_by_openimageio(tmp_path / "f.exr")
        assert set(stored) == set(judged) == set(NAMES[channels])
        for index, name in enumerate(NAMES[channels]):
            assert stored[name].dtype == np.dtype(dtype)
            np.testing.assert_array_equal(stored[name], expected[..., index])
            np.testing.assert_array_equal(judged[name], expected[..., index].astype(np.float32))

    @pytest.mark.parametrize("compression", COMPRESSIONS)
    def test_have_the_compression_that_is_asked_for(self, compression: str) -> None:
        pixels = values(3, 40)

        data = EXR.encode(pixels, extras=Extras(compression=compression))

        name = "NO" if compression == "none" else compression
        assert header_by_openexr(data)["compression"] == getattr(OpenEXR, f"{name}_COMPRESSION")
        if compression in LOSSLESS:
            np.testing.assert_array_equal(registry.decode(data), pixels)

    def test_are_compressed_by_zip_unless_something_else_is_asked_for(self) -> None:
        assert EXR.compressions[0] == "ZIP"
        assert header_by_openexr(EXR.encode(values(3)))["compression"] == OpenEXR.ZIP_COMPRESSION

    def test_of_half_are_rounded_to_nearest_not_truncated(self) -> None:
        image = torch.linspace(-2, 2, 6001).reshape(1, -1, 1)

        data = EXR.encode(quantise(image, np.float16)[0])

        np.testing.assert_array_equal(read_by_openexr(data)["Y"], image[..., 0].numpy().astype(np.float16))

    @pytest.mark.parametrize("dtype", ["f4", "f2"])
    def test_keep_infinities_and_nan(self, dtype: str) -> None:
        pixels = np.array([[[np.inf], [-np.inf], [np.nan], [65504]]], dtype)

        np.testing.assert_array_equal(registry.decode(EXR.encode(pixels)), pixels.astype("f4"))

    def test_may_be_a_view_that_is_not_contiguous(self) -> None:
        pixels = values(4)[::-1, ::-1, 2::-1]

        np.testing.assert_array_equal(registry.decode(EXR.encode(pixels)), pixels)


class TestFrame:
    """FileType.encode_frame multiplies colour by alpha, and converts colour only if it is told to."""

    @pytest.mark.parametrize(("filetype", "within"), [(FileType.EXR, 0), (FileType.EXR_HALF, 2**-10)])
    def test_has_associated_alpha(self, filetype: FileType, within: float) -> None:
        image = torch.tensor([[[1.0, 0.5, 0.25, 0.5], [1, 1, 1, 1], [0.8, 0.6, 0.4, 0.1], [3, 2, 1, 0.25]]])

        stored = read_by_openexr(filetype.encode_frame(image, {}).data)

        found = np.stack([stored[name] for name in "RGBA"], axis=-1).astype(np.float32)
        expected = image.numpy() * np.concatenate([image.numpy()[..., 3:].repeat(3, -1), np.ones((1, 4, 1))], axis=-1)
        np.testing.assert_allclose(found, expected, rtol=within, atol=1e-7)

    def test_of_alpha_0_has_no_colour(self) -> None:
        """Otherwise it would be added to the background as light. This includes 0 times infinity."""
        stored = read_by_openexr(FileType.EXR.encode_frame(torch.tensor([[[1, torch.inf, -5, 0]]]), {}).data)

        assert {name: plane.item() for name, plane in stored.items()} == dict.fromkeys("RGBA", 0)

    def test_as_stored_is_untouched(self) -> None:
        image = torch.tensor([[[1.0, 0.5, 0.25, 0.5], [1, 2, 3, 0]]])

        stored = read_by_openexr(FileType.EXR.encode_frame(image, {}, colour=FileColour(is_as_stored=True)).data)

        np.testing.assert_array_equal(np.stack([stored[name] for name in "RGBA"], axis=-1), image)

    def test_is_converted_before_it_is_multiplied(self) -> None:
        colour = FileColour(convert=lambda pixels: pixels + 1, chromaticities=REC709)

        data = FileType.EXR.encode_frame(torch.tensor([[[0.5, 0, 1, 0.5]]]), {}, colour=colour).data

        assert {name: plane.item() for name, plane in read_by_openexr(data).items()} == {
            "R": 0.75, "G": 0.5, "B": 1, "A": 0.5
        }  # fmt: skip
        np.testing.assert_allclose(
            header_by_openexr(data)["chromaticities"], [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329], rtol=1e-6
        )

    @pytest.mark.parametrize("filetype", [FileType.EXR, FileType.EXR_HALF])
    def test_loaded_again_is_the_image(self, filetype: FileType) -> None:
        image = torch.rand(20, 13, 4, generator=torch.Generator().manual_seed(3)).clamp(0.01)

        found = registry.decode(filetype.encode_frame(image, {}).data)

        np.testing.assert_allclose(found, image, rtol=0, atol=1e-6 if filetype is FileType.EXR else 2**-10)


class TestLayers:
    def test_are_channels_beside_the_picture(self) -> None:
        rng = np.random.default_rng(1)
        layers = {
            name: rng.random((20, 13, count), np.float32)
            for name, count in {"Z": 1, "mask": 1, "normals": 3, "matte": 4, "grey": 2}.items()
        }
        extras = Extras(layers=tuple(Plane(name, pixels) for name, pixels in layers.items()))

        data = EXR.encode(values(3), extras=extras)

        assert sorted(read_by_openexr(data)) == sorted(
            [
                *("R", "G", "B", "Z", "mask.Z", "normals.R", "normals.G", "normals.B", "grey.Y", "grey.A"),
                *("matte.R", "matte.G", "matte.B", "matte.A"),
            ]
        )
        np.testing.assert_array_equal(registry.decode(data), values(3))
        for name, pixels in layers.items():
            picture = registry.decode_as_stored(data, name)
            np.testing.assert_array_equal(picture.pixels, pixels)
            assert not picture.header.is_color

    def test_of_colour_are_colour_when_they_are_read(self) -> None:
        extras = Extras(layers=(Plane("glow", values(3), is_color=True), Plane("flow2d", values(3))))

        data = EXR.encode(values(3), extras=extras)

        found = {name: registry.decode_as_stored(data, name).header.is_color for name in ("glow", "flow2d")}
        assert found == {"glow": True, "flow2d": False}

    def test_of_data_are_float_in_half_files(self) -> None:
        """11 bits are too few for depths and positions."""
        layers = [
            FrameLayer("Z", torch.full((4, 4, 1), 1234.567)),
            FrameLayer("glow", torch.ones(4, 4, 3), is_color=True),
        ]

        stored = read_by_openexr(FileType.EXR_HALF.encode_frame(torch.ones(4, 4, 3), {}, layers=layers).data)

        assert {name: plane.dtype.str for name, plane in stored.items()} == {
            "R": "<f2", "G": "<f2", "B": "<f2", "Z": "<f4", "glow.R": "<f2", "glow.G": "<f2", "glow.B": "<f2"
        }  # fmt: skip
        assert stored["Z"][0, 0] == np.float32(1234.567)

    def test_have_names_of_up_to_255_bytes_with_their_channels(self) -> None:
        name = "é" * 126 + "n"

        data = EXR.encode(values(3), extras=Extras(layers=(Plane(name, values(3)),)))

        np.testing.assert_array_equal(registry.decode_as_stored(data, name).pixels, values(3))
        with pytest.raises(ValueError, match="names of up to 255 bytes"):
            EXR.encode(values(3), extras=Extras(layers=(Plane(name + "n", values(3)),)))


class TestText:
    def test_is_a_string_attribute(self) -> None:
        text = {"prompt": json.dumps({"1": {}}), "workflow": json.dumps({"a": "é"}), "more": "x"}

        data = EXR.encode(values(3), text)

        header = header_by_openexr(data)
        assert {name: header[name] for name in text} == text
        assert EXR.read_text(io.BytesIO(data)) == {name: text[name] for name in ("prompt", "workflow")}

    def test_may_be_long(self) -> None:
        text = {"workflow": "x" * 20_000_000}

        assert EXR.read_text(io.BytesIO(EXR.encode(values(3), text))) == text

    @pytest.mark.parametrize("keyword", header_by_openexr(by_openexr(planes("RGB"))))
    def test_never_replaces_what_the_file_needs(self, keyword: str) -> None:
        assert EXR.keyword_fault(keyword, 0) == "is a header attribute of EXR"

        data = EXR.encode(values(3), {keyword: "text", "prompt": "{}"})

        np.testing.assert_array_equal(registry.decode(data), values(3))
        assert EXR.read_text(io.BytesIO(data)) == {"prompt": "{}"}

    @pytest.mark.parametrize(
        "keyword", ["tiles", "view", "name", "multiView", "timeCode", "framesPerSecond", "", "a\0b"]
    )
    def test_of_other_attributes_of_the_standard_is_refused(self, keyword: str) -> None:
        assert EXR.keyword_fault(keyword, 0)
        assert EXR.keyword_fault("n" * 256, 0) == "needs 1 to 255 bytes"

    @pytest.mark.parametrize("keyword", ["prompt", "workflow", "sequence", "é", "n" * 255])
    def test_of_any_other_keyword_is_held(self, keyword: str) -> None:
        assert EXR.keyword_fault(keyword, 0) is None
        assert header_by_openexr(EXR.encode(values(3), {keyword: "text"}))[keyword] == "text"


def plate(**more: Any) -> dict[str, Any]:
    """The header of a camera's file."""
    return {
        "owner": "ACME",
        "expTime": 0.02,
        "isoSpeed": 800.0,
        "capDate": "2026:11:26 12:00:00",
        "wrapmodes": "clamp",
        "pixelAspectRatio": 2.0,
        "screenWindowWidth": 1.5,
        "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 4, 64),
        "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *(0,) * 14),
        "worldToCamera": np.arange(16, dtype="f4").reshape(4, 4),
        "cameraNames": ["a", "b"],
        **more,
    }


class TestAttributes:
    def test_of_a_plate_are_carried_from_file_to_file(self) -> None:
        source = by_openexr(planes("RGB"), **plate())
        carried = registry.read_header(io.BytesIO(source)).attributes

        written = header_by_openexr(EXR.encode(values(3), extras=Extras(attributes=carried)))

        assert set(plate()) <= set(carried)
        for name in plate():
            np.testing.assert_equal(written[name], carried[name])
            assert str(written[name]) == str(header_by_openexr(source)[name])

    def test_about_storage_are_not_carried(self) -> None:
        source = by_openexr(
            planes("RGB"),
            compression="PIZ",
            name="part",
            prompt="{}",
            chromaticities=(0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3),
            owner="ACME",
        )

        carried = registry.read_header(io.BytesIO(source)).attributes

        assert set(carried) == {"owner", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth"}

    def test_that_cannot_be_written_do_not_cost_the_picture(self, caplog: pytest.LogCaptureFixture) -> None:
        attributes = {"owner": "ACME", "odd": object(), "surrogate": "\udc80", "pixelAspectRatio": "wide"}

        data = EXR.encode(values(3), extras=Extras(attributes=attributes))

        np.testing.assert_array_equal(registry.decode(data), values(3))
        assert header_by_openexr(data)["owner"] == "ACME"
        assert [record.getMessage() for record in caplog.records] == [
            "The EXR file is saved without these attributes, which it cannot hold: 'odd', 'surrogate', 'pixelAspectRatio'."
        ]

    def test_of_time_are_added_unless_the_plate_has_them(self) -> None:
        """Its time code is that of the camera; the counter is that of the file."""
        attributes = {"timeCode": OpenEXR.TimeCode(5, 6, 7, 8, *(0,) * 14), "imageCounter": 1}

        header = header_by_openexr(
            EXR.encode(values(3), extras=Extras(attributes=attributes, number=48, frame_rate=24))
        )

        assert (header["timeCode"].hours, header["imageCounter"], header["framesPerSecond"]) == (5, 48, 24)
        header = header_by_openexr(EXR.encode(values(3), extras=Extras(number=48, frame_rate=24)))
        assert (header["timeCode"].seconds, header["timeCode"].frame) == (2, 0)

    def test_are_never_text_and_text_is_never_an_attribute_of_another_frame(self) -> None:
        extras = Extras(attributes={"workflow": "old"})

        assert EXR.read_text(io.BytesIO(EXR.encode(values(3), {"workflow": "new"}, extras=extras))) == {
            "workflow": "new"
        }
