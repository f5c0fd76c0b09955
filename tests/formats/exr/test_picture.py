"""The pixels of EXR files of every kind. Judges: the OpenEXR package with separate channels, and OpenImageIO."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
import torch

from io_utils.errors import BrokenImageError, UnknownLayerError, UnsupportedFileError
from io_utils.formats import registry
from io_utils.formats.exr.format import EXR
from io_utils.formats.pixels import dequantise

from ...exr_files import (
    NOT_AN_IMAGE,
    attribute,
    by_openexr,
    of_parts,
    planes,
    raw,
    read_by_openexr,
    read_by_openimageio,
    tiled,
    values,
)

INPUTS = Path(__file__).parents[2] / "inputs"

# Those that the installed package knows. The enumeration has reserved names of compressions that are not implemented.
COMPRESSIONS = [
    name
    for name in ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K256", "HTJ2K32")
    if hasattr(OpenEXR, f"{name}_COMPRESSION")
]


def stored(data: bytes, layer: str = "") -> np.ndarray:
    return registry.decode_as_stored(data, layer).pixels


def stacked(channels: dict[str, Any], names: str) -> np.ndarray:
    return np.stack([np.asarray(channels[name]).astype(np.float32) for name in names], axis=-1)


@pytest.mark.parametrize("compression", COMPRESSIONS)
class TestCompression:
    @pytest.mark.parametrize("tiles", [False, True], ids=["scanlines", "tiles"])
    @pytest.mark.parametrize("dtype", ["f2", "f4"])
    @pytest.mark.parametrize("names", ["RGB", "RGBA", "Y", "YA"])
    def test_gives_the_values_that_openexr_gives(self, names: str, dtype: str, tiles: bool, compression: str) -> None:
        for height, width in [(1, 1), (1, 70), (35, 1), (70, 33)]:
            data = by_openexr(
                planes(names, height, width, dtype), compression=compression, **(tiled() if tiles else {})
            )

            found = stored(data)

            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, stacked(read_by_openexr(data), names))

    @pytest.mark.parametrize("names", ["RGB", "RGBA"])
    def test_gives_the_values_that_openimageio_gives(self, names: str, compression: str, tmp_path: Path) -> None:
        data = by_openexr(planes(names, 70, 33, "f2"), compression=compression)
        (tmp_path / "f.exr").write_bytes(data)

        np.testing.assert_array_equal(stored(data), stacked(read_by_openimageio(tmp_path / "f.exr"), names))

    def test_of_black_pictures_is_read(self, compression: str) -> None:
        """FFmpeg, which read these files before, leaves blocks black that it cannot decode."""
        for lit in (False, True):
            channels = {name: np.zeros((70, 33), "f2") for name in "RGB"}
            channels["G"][-1, -1] = lit
            data = by_openexr(channels, compression=compression)

            np.testing.assert_array_equal(stored(data), stacked(read_by_openexr(data), "RGB"))

    def test_that_is_truncated_or_not_is_known_without_decoding(self, compression: str) -> None:
        data = by_openexr(planes("RGB", 40, 3, "f2"), compression=compression)

        assert EXR.is_whole(io.BytesIO(data + b"more"))
        for cut in range(0, len(data), 3):
            assert not EXR.is_whole(io.BytesIO(data[:cut]))
            with pytest.raises(BrokenImageError):
                registry.decode(data[:cut])


class TestChannels:
    @pytest.mark.parametrize("name", ["rle_black_above", "b44_black_above", "piz_1x35_last_pixel_lit"])
    def test_of_files_with_black_blocks_keep_their_values(self, name: str) -> None:
        data = (INPUTS / f"f2_{name}.exr").read_bytes()
        channels = read_by_openexr(data)

        np.testing.assert_array_equal(stored(data), stacked(channels, "RGB" if "R" in channels else "Y"))

    def test_may_mix_half_float_and_integers(self) -> None:
        channels = {
            "R": values(1, dtype="f2")[..., 0],
            "G": values(1)[..., 0],
            "B": np.arange(260, dtype="u4").reshape(20, 13) * 16_000_000,
            "id": np.full((20, 13), 2**32 - 1, "u4"),
            "Z": values(1)[..., 0] + 2**-20,
        }
        data = by_openexr(channels)

        np.testing.assert_array_equal(stored(data), stacked(channels, "RGB"))
        np.testing.assert_array_equal(stored(data, "Z")[..., 0], channels["Z"])
        np.testing.assert_array_equal(stored(data, "id")[..., 0], np.float32(2**32 - 1))

    def test_of_colour_that_a_file_lacks_are_0(self) -> None:
        channels = planes("GBA")

        expected = np.stack([np.zeros((20, 13), "f4"), *channels.values()], axis=-1)
        np.testing.assert_array_equal(stored(by_openexr(channels)), expected)

    def test_of_data_that_are_two_get_a_third_of_zeros(self) -> None:
        channels = planes(["uv.U", "uv.V"])

        expected = np.stack([*channels.values(), np.zeros((20, 13), "f4")], axis=-1)
        np.testing.assert_array_equal(stored(by_openexr(channels), "uv"), expected)

    def test_have_names_of_up_to_255_bytes(self) -> None:
        name = "é" * 126 + "n.R"
        channels = {**planes("RGB"), name: values(1)[..., 0]}
        data = by_openexr(channels)

        assert len(name.encode()) == 255
        np.testing.assert_array_equal(stored(data, name)[..., 0], channels[name])

    def test_may_hold_every_half_value(self) -> None:
        """Includes signalling NaN, such as 0x7c01. Warnings are errors in these tests."""
        bits = np.arange(1 << 16, dtype="<u2").reshape(256, 256)

        pixels = stored(raw({"Y": bits.view("<f2")}))
        dequantise(pixels, torch.zeros(256, 256, 3), torch.zeros(256, 256))

        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(pixels[..., 0], bits.view("<f2").astype(np.float32))

    def test_in_decreasing_line_order_are_not_upside_down(self) -> None:
        channels = planes("RGB", 40)
        data = by_openexr(channels, lineOrder=OpenEXR.DECREASING_Y)

        assert EXR.is_whole(io.BytesIO(data))
        assert not EXR.is_whole(io.BytesIO(data[:-1]))
        np.testing.assert_array_equal(stored(data), stacked(channels, "RGB"))

    def test_of_mip_maps_are_those_of_the_largest_level(self, tmp_path: Path) -> None:
        pixels = np.random.default_rng(1).random((64, 128, 3)).astype(np.float32)
        buffer = OpenImageIO.ImageBuf(pixels)
        path = tmp_path / "mip.exr"
        assert OpenImageIO.ImageBufAlgo.make_texture(OpenImageIO.MakeTxTexture, buffer, str(path)), (
            OpenImageIO.geterror()
        )
        data = path.read_bytes()

        assert len(data) > 4 * pixels.size
        assert EXR.is_whole(io.BytesIO(data))
        found = stored(data)
        np.testing.assert_array_equal(found, stacked(read_by_openimageio(path), "RGB"))
        assert found.shape == (64, 128, 3)


class TestAlpha:
    """EXR files have associated alpha: https://openexr.com/en/latest/TechnicalIntroduction.html#premultiplication."""

    @pytest.mark.parametrize("names", ["RGBA", "YA"])
    @pytest.mark.parametrize("dtype", ["f4", "f2"])
    def test_is_divided_out_on_request_only(self, dtype: str, names: str) -> None:
        channels = {name: np.array([[0.25, 0.5, 0, 3, 1]], dtype) for name in names}
        channels["A"] = np.array([[0.5, 1, 0.25, 2, 0.125]], dtype)
        data = by_openexr(channels)

        assert registry.read_header(io.BytesIO(data)).alpha_is_associated
        np.testing.assert_array_equal(stored(data), stacked(channels, names))
        assert registry.decode(data)[0, :, 0].tolist() == [0.5, 0.5, 0, 1.5, 8]
        assert registry.decode(data)[0, :, -1].tolist() == [0.5, 1, 0.25, 2, 0.125]

    @pytest.mark.parametrize("alpha", [0, np.nan, np.inf, -np.inf])
    def test_that_is_0_or_not_finite_leaves_colour_unchanged(self, alpha: float) -> None:
        """Emission without coverage, such as a glow or a flare, has alpha 0."""
        channels = {name: np.full((2, 2), value, "f4") for name, value in zip("RGBA", [0.5, 7, -1, alpha])}

        np.testing.assert_array_equal(registry.decode(by_openexr(channels))[0, 0], np.array([0.5, 7, -1, alpha], "f4"))

    def test_outside_0_to_1_becomes_a_mask_of_0_to_1(self) -> None:
        """Filters overshoot: the file has alpha of 1.5, NaN and -1."""
        pixels = registry.decode((INPUTS / "f23_alpha_outside_0_1.exr").read_bytes())
        image, mask = torch.zeros(*pixels.shape[:2], 3), torch.zeros(*pixels.shape[:2])
        assert pixels[..., -1].min() < 0 or np.isnan(pixels[..., -1]).any()

        dequantise(pixels, image, mask)

        alpha = np.nan_to_num(pixels[..., -1], nan=1).clip(0, 1)
        np.testing.assert_array_equal(mask.numpy(), 1 - alpha)

    def test_of_data_is_not_associated(self) -> None:
        """Four channels of a Cryptomatte are two pairs of an identifier and a coverage."""
        channels = planes([f"crypto00.{name}" for name in ("red", "green", "blue", "alpha")]) | planes("RGB")
        header = registry.read_header(io.BytesIO(by_openexr(channels)), layer="crypto00")

        assert (header.is_color, header.may_have_alpha, header.alpha_is_associated) == (False, True, False)


class TestWindows:
    """The picture is the display window. It is black where the data window does not reach."""

    @pytest.mark.parametrize("tiles", [False, True], ids=["scanlines", "tiles"])
    @pytest.mark.parametrize(
        "display",
        [
            pytest.param((0, 0, 12, 19), id="the same"),
            pytest.param((0, 0, 29, 29), id="larger"),
            pytest.param((-5, -4, 20, 30), id="larger, to the left and above too"),
            pytest.param((3, 2, 8, 7), id="smaller"),
            pytest.param((5, 5, 30, 30), id="overlapping"),
            pytest.param((-9, -9, 3, 3), id="overlapping above"),
            pytest.param((100, 100, 109, 104), id="elsewhere"),
            pytest.param((-100, -100, -91, -96), id="elsewhere above"),
        ],
    )
    @pytest.mark.parametrize("origin", [(0, 0), (10, 20), (-7, -30)], ids=lambda at: f"from {at[0]},{at[1]}")
    def test_of_any_place(
        self, display: tuple[int, int, int, int], origin: tuple[int, int], tiles: bool, tmp_path: Path
    ) -> None:
        (x, y), channels = origin, planes("RGBA")
        windows = {
            "dataWindow": (np.array([x, y], "i4"), np.array([x + 12, y + 19], "i4")),
            "displayWindow": (
                np.array([display[0] + x, display[1] + y], "i4"),
                np.array([display[2] + x, display[3] + y], "i4"),
            ),
        }
        data = by_openexr(channels, **windows, **(tiled() if tiles else {}))
        (tmp_path / "f.exr").write_bytes(data)

        found = stored(data)

        np.testing.assert_array_equal(found, stacked(read_by_openimageio(tmp_path / "f.exr"), "RGBA"))
        assert registry.read_header(io.BytesIO(data)).extent == found.shape[1::-1]

    @pytest.mark.parametrize("box", [(0, 0, -1, -1), (5, 5, 4, 9)])
    def test_that_are_empty_are_refused(self, box: tuple[int, int, int, int]) -> None:
        with pytest.raises(BrokenImageError):
            registry.decode(raw(planes("RGB"), display=box))

    @pytest.mark.parametrize("window", ["data", "display"])
    def test_that_are_huge_are_refused_before_memory_is_taken(self, window: str) -> None:
        huge = (0, 0, 1 << 15, 1 << 15)
        data = raw(planes("RGB"), display=huge) if window == "display" else _with_data_window(huge)

        with pytest.raises(BrokenImageError, match="32769 x 32769"):
            registry.decode(data)

    @pytest.mark.parametrize("window", ["data", "display"])
    def test_both_count_for_the_limit_of_pixels(self, window: str) -> None:
        size, box = (100, 100) if window == "data" else (20, 13), (0, 0, 9, 9) if window == "data" else (0, 0, 99, 99)
        data = raw(planes("RGB", *size), display=box)

        assert registry.read_header(io.BytesIO(data), 10_000).extent == (box[2] + 1, box[3] + 1)
        with pytest.raises(BrokenImageError, match="100 x 100 pixels"):
            registry.read_header(io.BytesIO(data), 9_999)

    def test_and_the_number_of_channels_count_for_it(self) -> None:
        data = by_openexr({f"pass{number}.R": np.zeros((10, 10), "f2") for number in range(100)})

        assert registry.read_header(io.BytesIO(data), layer="pass3").planes >= 100
        with pytest.raises(BrokenImageError, match="10,400 samples"):
            registry.read_header(io.BytesIO(data), 800, layer="pass3")


def _with_data_window(box: tuple[int, int, int, int]) -> bytes:
    whole = raw(planes("RGB"), display=(0, 0, 9, 9))
    return whole.replace(struct.pack("<4i", 0, 0, 12, 19), struct.pack("<4i", *box), 1)


class TestSubsampling:
    """OpenImageIO refuses such files, and OpenEXR's package gives the smaller planes."""

    @pytest.mark.parametrize("step", [(2, 2), (2, 1), (1, 2), (4, 3)], ids=lambda step: f"{step[0]}x{step[1]}")
    @pytest.mark.parametrize("origin", [(0, 0), (-12, 24)], ids=["at 0", "elsewhere"])
    def test_of_colour_and_data_repeats_samples(self, step: tuple[int, int], origin: tuple[int, int]) -> None:
        x, y = step
        full = planes("RG", 24, 24)
        small = {"B": np.ascontiguousarray(values(1, 24 // y, 24 // x)[..., 0])}
        box = (*origin, origin[0] + 23, origin[1] + 23)
        data = raw(full | small, box, sampling={"B": step})

        expected = np.repeat(np.repeat(small["B"], y, 0), x, 1)
        np.testing.assert_array_equal(stored(data), np.stack([*full.values(), expected], axis=-1))

    def test_of_uniform_chroma_gives_a_uniform_colour(self) -> None:
        colour = np.array([0.6, 0.3, 0.1])
        weights = np.array([0.2126, 0.7152, 0.0722])  # of Rec. 709, to four digits
        luminance = colour @ weights
        chroma = {
            "RY": np.full((8, 10), (colour[0] - luminance) / luminance, "f4"),
            "BY": np.full((8, 10), (colour[2] - luminance) / luminance, "f4"),
        }
        data = raw({"Y": np.full((16, 20), luminance, "f4")} | chroma, sampling={"RY": (2, 2), "BY": (2, 2)})

        np.testing.assert_allclose(stored(data), np.broadcast_to(colour, (16, 20, 3)), atol=1e-4)

    def test_of_chroma_matches_openexrs_rgba_interface(self) -> None:
        """The expected values are those of RgbaInputFile of OpenEXR 3.1.5 for this file, whose values are exact in half."""
        rows, columns = np.mgrid[:8, :12]
        data = raw(
            {
                "Y": (0.25 + rows / 16 + columns / 32).astype("f2"),
                "RY": (np.mgrid[:4, :6][0] / 8 - 0.25).astype("f2"),
                "BY": (0.25 - np.mgrid[:4, :6][1] / 16).astype("f2"),
            },
            sampling={"RY": (2, 2), "BY": (2, 2)},
        )
        np.testing.assert_allclose(stored(data)[[2, 5]][:, [0, 3, 6, 11]], RGBA_INTERFACE, rtol=0, atol=2**-10)


# The pixels of columns 0, 3, 6 and 11 in rows 2 and 5.
RGBA_INTERFACE = [
    [
        [0.328125, 0.37939453125, 0.46875],
        [0.41015625, 0.478759765625, 0.541015625],
        [0.4921875, 0.580078125, 0.59765625],
        [0.62890625, 0.75048828125, 0.669921875],
    ],
    [
        [0.6025390625, 0.53662109375, 0.703125],
        [0.70263671875, 0.63232421875, 0.7578125],
        [0.80322265625, 0.7294921875, 0.796875],
        [0.970703125, 0.8935546875, 0.8447265625],
    ],
]


class TestParts:
    def test_are_layers(self) -> None:
        left, right, depth = planes("RGBA"), planes("RGB", 20, 13, "f2"), planes("Z")
        data = of_parts({"left": left, "right": right, "depth": depth})

        np.testing.assert_array_equal(stored(data), stacked(left, "RGBA"))
        np.testing.assert_array_equal(stored(data, "right"), stacked(right, "RGB"))
        np.testing.assert_array_equal(stored(data, "depth"), stacked(depth, "Z"))
        with pytest.raises(UnknownLayerError, match="set layer to 'right'"):
            stored(data, "rihgt")

    def test_are_all_checked_for_completeness(self) -> None:
        data = of_parts({"left": planes("RGB"), "right": planes("RGB")})

        assert EXR.is_whole(io.BytesIO(data))
        assert not [cut for cut in range(len(data)) if EXR.is_whole(io.BytesIO(data[:cut]))]

    def test_of_deep_data_are_refused_by_name(self) -> None:
        """Writing a deep file takes the C++ library. These have its flag, and its type, and no deep pixels."""
        for data in (
            raw(planes("RGB"), flags=NOT_AN_IMAGE, more=attribute("type", "string", b"deepscanline")),
            raw(planes("RGB"), flags=NOT_AN_IMAGE),
        ):
            with pytest.raises(UnsupportedFileError, match="deep data; flatten it first"):
                registry.decode(data)

    @pytest.mark.parametrize("kind", [b"deeptile", b"deepscanline", b"tiledimage", b"nonsense"])
    def test_that_are_single_are_what_the_flags_say_and_not_the_type(self, kind: bytes) -> None:
        channels = planes("RGB")

        np.testing.assert_array_equal(
            stored(raw(channels, more=attribute("type", "string", kind))), stacked(channels, "RGB")
        )
