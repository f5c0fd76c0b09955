"""EXR files. Judges: a reader and a writer that follow the OpenEXR file layout, and the OpenEXR library."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from io_utils.errors import BrokenImageError
from io_utils.formats import exr, registry
from io_utils.formats.pixels import dequantise, quantise

# Sample types and compressions by number; rows per block.
TYPES = {np.dtype("<u4"): 0, np.dtype("<f2"): 1, np.dtype("<f4"): 2}
NONE, ZIPS, ZIP, PIZ, DWAA = 0, 2, 3, 4, 8
ROWS = {NONE: 1, ZIPS: 1, ZIP: 16}

INPUTS = Path(__file__).parents[1] / "inputs"

Window = tuple[int, int, int, int]


def values(channels: int, height: int = 20, width: int = 13) -> np.ndarray:
    """float32 values, many outside 0..1, with a 0 and a very small and a large value."""
    pixels = np.random.default_rng(5).normal(0, 3, (height, width, channels)).astype(np.float32)
    pixels[0, 0] = 0
    pixels[-1, -1] = 1e-6
    pixels[0, -1] = 60000
    return pixels


def predicted(data: bytes) -> bytes:
    """The input of zlib in ZIP compression: even bytes, then odd ones, each as its difference from the previous, plus 128."""
    plain = np.frombuffer(data, np.uint8)
    reordered = np.concatenate([plain[0::2], plain[1::2]])
    return bytes([reordered[0]]) + (np.diff(reordered.astype(int)) + 128 & 255).astype(np.uint8).tobytes()


def packed(data: bytes, compression: int) -> bytes:
    if compression == NONE:
        return data
    squeezed = zlib.compress(predicted(data))
    return squeezed if len(squeezed) < len(data) else data


def unpacked(data: bytes, compression: int, size: int) -> bytes:
    if compression == NONE or len(data) == size:
        return data
    plain = np.frombuffer(zlib.decompress(data), np.uint8).astype(int)
    plain[1:] -= 128
    summed = (np.cumsum(plain) % 256).astype(np.uint8)
    plain_bytes = np.empty(size, np.uint8)
    plain_bytes[0::2], plain_bytes[1::2] = summed[: (size + 1) // 2], summed[(size + 1) // 2 :]
    return plain_bytes.tobytes()


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value


def exr_file(
    planes: dict[str, np.ndarray],
    compression: int = ZIP,
    data: Window | None = None,
    display: Window | None = None,
    flags: int = 0,
    more: bytes = b"",
) -> bytes:
    """A scanline EXR file of (height, width) planes by channel name, with the further attributes `more`."""
    height, width = next(iter(planes.values())).shape
    data = data or (0, 0, width - 1, height - 1)
    names = sorted(planes)
    channels = b"".join(
        name.encode() + b"\0" + struct.pack("<IIii", TYPES[planes[name].dtype], 0, 1, 1) for name in names
    )
    head = b"v/1\x01" + struct.pack("<I", 2 | flags)
    head += attribute("channels", "chlist", channels + b"\0")
    head += attribute("compression", "compression", bytes([compression]))
    head += attribute("dataWindow", "box2i", struct.pack("<4i", *data))
    head += attribute("displayWindow", "box2i", struct.pack("<4i", *(display or data)))
    head += attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    head += attribute("screenWindowCenter", "v2f", bytes(8))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + more + b"\0"
    blocks = []
    for top in range(0, height, step := ROWS.get(compression, 32)):
        rows = range(top, min(top + step, height))
        plain = b"".join(planes[name][row].tobytes() for row in rows for name in names)
        contents = packed(plain, compression)
        blocks.append(struct.pack("<iI", data[1] + top, len(contents)) + contents)
    starts = np.cumsum([len(head) + 8 * len(blocks), *map(len, blocks[:-1])])
    return head + struct.pack(f"<{len(blocks)}Q", *starts) + b"".join(blocks)


def read_planes(data: bytes) -> dict[str, np.ndarray]:
    """The planes of a scanline EXR file whose data window starts at 0, 0."""
    position, attributes = 8, {}
    while data[position]:
        name, kind, rest = data[position:].split(b"\0", 2)
        (length,) = struct.unpack("<I", rest[:4])
        attributes[name.decode()] = rest[4 : 4 + length]
        position += len(name) + len(kind) + 6 + length
    names, types, listed = [], [], attributes["channels"]
    while listed[0]:
        name, listed = listed.split(b"\0", 1)
        names.append(name.decode())
        types.append({number: dtype for dtype, number in TYPES.items()}[struct.unpack("<I", listed[:4])[0]])
        listed = listed[16:]
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"])
    width, height, compression = x1 - x0 + 1, y1 - y0 + 1, attributes["compression"][0]
    planes = {name: np.empty((height, width), dtype) for name, dtype in zip(names, types, strict=True)}
    for block in range(-(-height // ROWS[compression])):
        (start,) = struct.unpack_from("<Q", data, position + 1 + 8 * block)
        y, length = struct.unpack_from("<iI", data, start)
        rows = range(y, min(y + ROWS[compression], height))
        size = len(rows) * sum(width * dtype.itemsize for dtype in types)  # type: ignore[attr-defined]
        plain = unpacked(data[start + 8 : start + 8 + length], compression, size)
        for row in rows:
            for name, dtype in zip(names, types, strict=True):  # type: ignore[assignment]
                planes[name][row] = np.frombuffer(plain[: width * dtype.itemsize], dtype)  # type: ignore[attr-defined, call-overload, index]
                plain = plain[width * dtype.itemsize :]  # type: ignore[attr-defined]
    return planes


def openexr_planes(data: bytes, folder: Path) -> dict[str, np.ndarray]:
    (folder / "f.exr").write_bytes(data)
    return {
        name: c.pixels for name, c in OpenEXR.File(str(folder / "f.exr"), separate_channels=True).channels().items()
    }


def openexr_file(planes: dict[str, np.ndarray], compression: int, folder: Path, **header: object) -> bytes:
    """A file of the OpenEXR library: scanline, or tiled if `header` says so."""
    header |= {"compression": OpenEXR.Compression(compression)}
    header.setdefault("type", OpenEXR.scanlineimage)
    with OpenEXR.File(header, dict(planes)) as file:  # OpenEXR modifies the dictionary
        file.write(str(folder / "made.exr"))
    return (folder / "made.exr").read_bytes()


def unassociated(planes: dict[str, np.ndarray], names: str) -> np.ndarray:
    """The expected pixels for the planes of a file: colour divided by alpha, but unchanged where alpha is 0."""
    pixels = np.stack([planes[name].astype(np.float32) for name in names], axis=-1)
    if names.endswith("A"):
        with np.errstate(all="ignore"):
            divided = pixels[..., :-1] / pixels[..., -1:]
        pixels[..., :-1] = np.where(pixels[..., -1:] == 0, pixels[..., :-1], divided)
    return pixels


LAYOUTS = {1: "Y", 2: "RGBA", 3: "RGB", 4: "RGBA"}


class TestEncode:
    @pytest.mark.parametrize("dtype", ["<f4", "<f2"])
    @pytest.mark.parametrize("channels", LAYOUTS)
    @pytest.mark.parametrize(
        "size", [(1, 1), (1, 9), (9, 1), (16, 3), (33, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
    )
    def test_files_hold_exactly_these_values(
        self, channels: int, dtype: str, size: tuple[int, int], tmp_path: Path
    ) -> None:
        pixels = values(channels, *size).astype(dtype)

        data = exr.EXR.encode(pixels)

        expected = pixels[..., [0, 0, 0, 1]] if channels == 2 else pixels
        if channels in (2, 4):
            expected = expected.astype(np.float32)
            expected[..., :3] *= expected[..., 3:]
            with np.errstate(over="ignore"):
                expected = expected.astype(dtype)
        planes = read_planes(data)
        assert sorted(planes) == sorted(LAYOUTS[channels])
        for index, name in enumerate(LAYOUTS[channels]):
            assert planes[name].dtype == np.dtype(dtype)
            np.testing.assert_array_equal(planes[name], expected[..., index])

    @pytest.mark.parametrize("dtype", ["<f4", "<f2"])
    @pytest.mark.parametrize("channels", LAYOUTS)
    def test_openexr_reads_the_same_values(self, channels: int, dtype: str, tmp_path: Path) -> None:
        data = exr.EXR.encode(values(channels).astype(dtype))

        for name, plane in openexr_planes(data, tmp_path).items():
            np.testing.assert_array_equal(plane, read_planes(data)[name])

    @pytest.mark.parametrize("dtype", ["<f4", "<f2"])
    @pytest.mark.parametrize("channels", LAYOUTS)
    def test_files_decode_to_the_same_values(self, channels: int, dtype: str) -> None:
        pixels = np.random.default_rng(8).uniform(0, 1, (20, 13, channels)).astype(dtype)
        pixels[..., -1:] = pixels[..., -1:].clip(0.01)

        found = registry.decode(exr.EXR.encode(pixels))

        assert found.dtype == np.float32
        expected = pixels[..., [0, 0, 0, 1]] if channels == 2 else pixels
        if channels in (1, 3):
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if dtype == "<f4" else 2**-10)

    def test_half_is_rounded_to_nearest_not_truncated(self) -> None:
        image = torch.linspace(-2, 2, 6001).reshape(1, -1, 1)

        pixels, _ = quantise(image, np.float16)

        plane = read_planes(exr.EXR.encode(pixels))["Y"]
        np.testing.assert_array_equal(plane, image[..., 0].numpy().astype(np.float16))
        assert np.abs(plane.astype(np.float32) - image[..., 0].numpy()).max() <= 2**-11

    def test_infinities_are_kept(self) -> None:
        pixels = np.array([[[np.inf], [-np.inf], [3.4e38]]], np.float32)

        np.testing.assert_array_equal(registry.decode(exr.EXR.encode(pixels)), pixels)


def planes_of(names: str, dtype: str = "<f4") -> dict[str, np.ndarray]:
    pixels = values(len(names))
    return {name: np.ascontiguousarray(pixels[..., index].astype(dtype)) for index, name in enumerate(names)}


class TestAlpha:
    """EXR files have associated alpha: colour is stored multiplied by it (OpenEXR, Technical Introduction)."""

    @pytest.mark.parametrize(("dtype", "within"), [(np.float32, 0), (np.float16, 2**-10)])
    def test_multiplies_colour_when_writing(self, dtype: type, within: float, tmp_path: Path) -> None:
        image = torch.tensor([[[1.0, 0.5, 0.25, 0.5], [1, 1, 1, 1], [0.8, 0.6, 0.4, 0.1], [3, 2, 1, 0.25]]])

        planes = openexr_planes(exr.EXR.encode(quantise(image, dtype)[0]), tmp_path)

        found = np.stack([planes[name] for name in "RGBA"], axis=-1).astype(np.float32)
        expected = image.numpy() * np.concatenate([image.numpy()[..., 3:].repeat(3, -1), np.ones((1, 4, 1))], axis=-1)
        np.testing.assert_allclose(found, expected, rtol=within, atol=1e-7)

    def test_of_0_removes_colour_when_writing(self, tmp_path: Path) -> None:
        """Otherwise it would be added to the background as light. This includes 0 times infinity."""
        pixels = np.array([[[1, np.inf, -5, 0]]], np.float32)

        assert {name: plane.item() for name, plane in openexr_planes(exr.EXR.encode(pixels), tmp_path).items()} == {
            "R": 0, "G": 0, "B": 0, "A": 0
        }  # fmt: skip

    @pytest.mark.parametrize("names", ["RGBA", "YA"])
    @pytest.mark.parametrize("dtype", ["f4", "f2"])
    def test_divides_colour_when_reading(self, dtype: str, names: str, tmp_path: Path) -> None:
        planes = {name: np.array([[0.25, 0.5, 0, 3, 1]], dtype) for name in names}
        planes["A"] = np.array([[0.5, 1, 0.25, 2, 0.125]], dtype)

        found = registry.decode(openexr_file(planes, ZIP, tmp_path))

        assert found[0, :, 0].tolist() == [0.5, 0.5, 0, 1.5, 8]
        assert found[0, :, -1].tolist() == [0.5, 1, 0.25, 2, 0.125]

    @pytest.mark.parametrize("alpha", [0, np.nan, np.inf, -np.inf])
    def test_that_is_0_or_not_finite_leaves_colour_unchanged(self, alpha: float, tmp_path: Path) -> None:
        """Emission without coverage, such as a glow or a flare, has alpha 0."""
        planes = {name: np.full((2, 2), value, "f4") for name, value in zip("RGBA", [0.5, 7, -1, alpha])}

        found = registry.decode(openexr_file(planes, ZIP, tmp_path))

        np.testing.assert_array_equal(found[0, 0], np.array([0.5, 7, -1, alpha], "f4"))

    def test_outside_0_to_1_becomes_a_mask_of_0_to_1(self) -> None:
        """Filters overshoot: the file has alpha of 1.5, NaN and -1."""
        pixels = registry.decode((INPUTS / "f23_alpha_outside_0_1.exr").read_bytes())
        image, mask = torch.zeros(*pixels.shape[:2], 3), torch.zeros(*pixels.shape[:2])
        assert pixels[..., -1].min() < 0 or np.isnan(pixels[..., -1]).any()

        dequantise(pixels, image, mask)

        alpha = np.nan_to_num(pixels[..., -1], nan=1).clip(0, 1)
        np.testing.assert_array_equal(mask.numpy(), 1 - alpha)


BLACK = {"RLE": 1, "ZIPS": 2, "ZIP": 3, "PIZ": 4, "PXR24": 5, "B44": 6, "B44A": 7, "none": 0}


@pytest.mark.parametrize("compression", BLACK)
class TestBlackBlocks:
    """FFmpeg leaves blocks black that it cannot decode. Blocks that are black in the file must still be accepted."""

    @pytest.mark.parametrize("dtype", ["f2", "f4"])
    @pytest.mark.parametrize(
        "size", [(1, 1), (35, 1), (1, 200), (7, 5), (64, 64), (70, 33)], ids=lambda s: f"{s[0]}x{s[1]}"
    )
    @pytest.mark.parametrize("names", ["RGB", "RGBA", "Y", "YA", "RGBZ", "RGBNXYZ"])
    @pytest.mark.parametrize("tiles", [False, True], ids=["", "tiles"])
    def test_are_read_as_by_openexr(
        self, tiles: bool, names: str, size: tuple[int, int], dtype: str, compression: str, tmp_path: Path
    ) -> None:
        picture = "".join(name for name in ("RGB" if "R" in names else "Y") + "A" if name in names)
        random = np.random.default_rng(3)
        header = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()} if tiles else {}
        if tiles:
            header["tiles"].xSize, header["tiles"].ySize = 32, 32
        for lit in ["nothing", "last pixel", "lower half", "alpha alone", "other channels"]:
            planes = {name: np.zeros(size, dtype) for name in sorted({*names})}
            for name, plane in planes.items():
                used = name in picture
                if lit == "last pixel" and used:
                    plane[-1, -1] = 0.75
                if (lit == "lower half" and used) or (lit == "other channels" and not used):
                    plane[size[0] // 2 if used else 0 :] = random.normal(
                        1, 1, plane[size[0] // 2 if used else 0 :].shape
                    )
                if lit == "alpha alone" and name == "A":
                    plane[:] = 1
            data = openexr_file(planes, BLACK[compression], tmp_path, **header)

            expected = unassociated(openexr_planes(data, tmp_path), picture)

            np.testing.assert_array_equal(registry.decode(data), expected, err_msg=lit)


class TestDecode:
    @pytest.mark.parametrize(
        ("name", "lit"), [("rle_black_above", 0), ("b44_black_above", 0), ("piz_1x35_last_pixel_lit", 1)]
    )
    def test_files_with_black_blocks_keep_their_values(self, name: str, lit: int, tmp_path: Path) -> None:
        data = (INPUTS / f"f2_{name}.exr").read_bytes()
        planes = openexr_planes(data, tmp_path)

        found = registry.decode(data)

        assert np.count_nonzero(found) == lit or not lit
        np.testing.assert_array_equal(found, unassociated(planes, "RGB" if "R" in planes else "Y"))

    @pytest.mark.parametrize("compression", [NONE, ZIPS, ZIP])
    @pytest.mark.parametrize("dtype", ["<f4", "<f2"])
    @pytest.mark.parametrize(
        ("names", "picture"), [("RGB", "RGB"), ("RGBA", "RGBA"), ("Y", "Y"), ("YA", "YA"), ("RGBZ", "RGB")]
    )
    def test_files_keep_their_values(self, names: str, picture: str, dtype: str, compression: int) -> None:
        planes = planes_of(names, dtype)

        pixels = registry.decode(exr_file(planes, compression))

        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels, unassociated(planes, picture))

    @pytest.mark.parametrize("length", [1_100_000, 5_000_000])
    def test_files_with_a_header_of_any_length_keep_their_values(self, length: int, tmp_path: Path) -> None:
        """A Cryptomatte manifest lists all objects of a scene and takes megabytes."""
        planes = planes_of("RGB")
        manifest = {"cryptomatte/f834d0a/manifest": "x" * length}

        data = openexr_file(planes, ZIP, tmp_path, **manifest)

        np.testing.assert_array_equal(registry.decode(data), unassociated(planes, "RGB"))
        assert exr.EXR.is_whole(io.BytesIO(data))
        assert registry.read_header(io.BytesIO(data)).extent == (13, 20)
        assert not exr.EXR.is_whole(io.BytesIO(data[:length]))

    @pytest.mark.parametrize("type_name", [b"deeptile", b"deepscanline", b"tiledimage", b"nonsense"])
    @pytest.mark.parametrize("compression", [NONE, ZIP])
    def test_the_flags_of_a_single_part_file_count_and_not_its_type(self, type_name: bytes, compression: int) -> None:
        planes = planes_of("RGB")

        data = exr_file(planes, compression, more=attribute("type", "string", type_name))

        np.testing.assert_array_equal(registry.decode(data), unassociated(planes, "RGB"))

    def test_signalling_nan_is_read_without_a_warning(self) -> None:
        """Includes all half values, such as the signalling NaN 0x7c01. Warnings are errors in these tests."""
        bits = np.arange(1 << 16, dtype="<u2").reshape(256, 256)

        pixels = registry.decode(exr_file({"Y": bits.view("<f2")}))
        dequantise(pixels, torch.zeros(256, 256, 3), torch.zeros(256, 256))

        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(pixels[..., 0], bits.view("<f2").astype(np.float32))

    def test_other_channels_may_have_another_sample_type(self) -> None:
        planes = planes_of("RGB", "<f2") | {"Z": values(1)[..., 0], "id": np.ones((20, 13), "<u4")}

        pixels = registry.decode(exr_file(planes))

        np.testing.assert_array_equal(pixels, np.stack([planes[name] for name in "RGB"], axis=-1))

    @pytest.mark.parametrize("compression", [NONE, ZIP])
    @pytest.mark.parametrize(
        "display",
        [
            pytest.param((0, 0, 12, 19), id="the same"),
            pytest.param((0, 0, 29, 29), id="larger"),
            pytest.param((-5, -4, 20, 30), id="larger, to the left and above too"),
            pytest.param((3, 2, 8, 7), id="smaller"),
            pytest.param((5, 5, 30, 30), id="overlapping"),
            pytest.param((100, 100, 109, 104), id="elsewhere"),
        ],
    )
    @pytest.mark.parametrize("origin", [(0, 0), (10, 20), (-7, -30)], ids=lambda at: f"from {at[0]},{at[1]}")
    def test_the_display_window_is_the_picture(
        self, display: Window, origin: tuple[int, int], compression: int
    ) -> None:
        planes, (x, y) = planes_of("RGB"), origin
        data = (x, y, x + 12, y + 19)
        display = (display[0] + x, display[1] + y, display[2] + x, display[3] + y)
        expected = np.zeros((display[3] - display[1] + 1, display[2] - display[0] + 1, 3), np.float32)
        for row, column in np.ndindex(expected.shape[:2]):
            below, right = row + display[1] - y, column + display[0] - x
            if 0 <= below < 20 and 0 <= right < 13:
                expected[row, column] = [planes[name][below, right] for name in "RGB"]

        file = exr_file(planes, compression, data, display)

        np.testing.assert_array_equal(registry.decode(file), expected)
        assert registry.read_header(io.BytesIO(file)).extent == (expected.shape[1], expected.shape[0])

    @pytest.mark.parametrize(
        ("data", "named"),
        [
            pytest.param(exr_file({"A": values(1)[..., 0]}), "no channels R, G, B or Y, but A", id="alpha alone"),
            pytest.param(exr_file({f"layer.{n}": p for n, p in planes_of("RGB").items()}), "layer.R", id="a layer"),
            pytest.param(exr_file({n: np.ones((4, 4), "<u4") for n in "RGB"}), "half or all float", id="integers"),
            pytest.param(
                exr_file(planes_of("RG", "<f2") | {"B": values(1)[..., 0]}), "half or all float", id="half and float"
            ),
            pytest.param(exr_file(planes_of("RGB"), DWAA), "DWAA", id="DWA"),
            pytest.param(exr_file(planes_of("RGB"), 77), "number 77", id="an unknown compression"),
            pytest.param(exr_file(planes_of("RGB"), flags=0x1000), "several parts", id="several parts"),
            pytest.param(exr_file(planes_of("RGB"), flags=0x800), "deep data", id="deep"),
            pytest.param(
                exr_file(planes_of("RGB"), display=(0, 0, 1 << 15, 1 << 15)),
                "32769 x 32769",
                id="a bomb in its display window",
            ),
            pytest.param(
                exr_file(planes_of("RGB"), data=(0, 0, 1 << 15, 1 << 15), display=(0, 0, 9, 9)),
                "32769",
                id="a bomb in its data window",
            ),
            pytest.param(exr_file(planes_of("RGB"), display=(0, 0, -1, -1)), "0 x 0", id="no picture"),
        ],
    )
    def test_files_that_are_not_supported_are_refused(self, data: bytes, named: str) -> None:
        with pytest.raises(BrokenImageError, match=named):
            registry.decode(data)


# A file of this pack. Its values fit in half, so that its blocks become smaller: larger ones would be stored without a
# checksum. The picture has enough content, because otherwise a few changes in a thousand have the same Adler-32.
PACKED = values(3, 40, 13).astype("<f2").astype("<f4")
WHOLE = exr.EXR.encode(PACKED)
TABLE = WHOLE.index(b"lavc") + 5

# The block that OpenEXR 3.5.3 writes for the steps in a test below, 32 rows of 64 floats.
PIZ_BLOCK = (
    "c-s5GF2KRafC?DVX;~(O)PA6-FO<)s|9=z=MeyMwgNUKS{{Lr`&;S4a|7S~O`#<>~^$+_D`tAQ82l4;^Gx&e_KmQ-&^Z!58{|5;l"
    "{Qn0eVE^GbT#5bvGxi^V%6MJ?067!xhX"
)


class TestBroken:
    @pytest.mark.parametrize("compression", [NONE, ZIPS, ZIP])
    def test_files_truncated_anywhere_are_refused(self, compression: int) -> None:
        data = exr_file(planes_of("RGB"), compression)
        for length in range(len(data)):
            with pytest.raises(BrokenImageError):
                registry.decode(data[:length])

    def test_files_padded_with_zeros_are_refused(self) -> None:
        for length in range(8, len(WHOLE) - 8, 7):
            with pytest.raises(BrokenImageError):
                registry.decode(WHOLE[:length].ljust(len(WHOLE), b"\0"))

    @settings(max_examples=300)
    @given(st.integers(min_value=0), st.binary(min_size=1, max_size=20))
    def test_files_with_random_bytes_in_the_header_decode_or_are_refused(self, position: int, put: bytes) -> None:
        at = position % TABLE
        data = WHOLE[:at] + put + WHOLE[at + len(put) :]

        with contextlib.suppress(BrokenImageError):
            assert registry.decode(data).ndim == 3

    def test_changed_bytes_in_the_pixels_are_detected(self) -> None:
        for at in range(TABLE, len(WHOLE), 3):
            data = bytearray(WHOLE)
            data[at] ^= 0xFF
            try:
                found = registry.decode(bytes(data))
            except BrokenImageError:
                continue
            np.testing.assert_array_equal(found, PACKED)

    def test_blocks_that_ffmpeg_leaves_black_are_refused(self) -> None:
        """PIZ has no checksum: if its Huffman codes are invalid, FFmpeg stops without an error and leaves 0."""
        steps = (np.add.outer(np.arange(32) // 8, np.arange(64) // 8) % 4 + 1).astype("<f4")
        block = zlib.decompress(base64.b85decode(PIZ_BLOCK))
        whole = exr_file({"Y": steps}, PIZ)
        start = len(whole) - len(packed(steps.tobytes(), PIZ)) - 4
        whole = whole[:start] + struct.pack("<I", len(block)) + block
        damaged = bytearray(whole)
        damaged[-len(block)] ^= 0xFF

        np.testing.assert_array_equal(registry.decode(whole)[..., 0], steps)
        with pytest.raises(BrokenImageError, match=r"block .* is damaged"):
            registry.decode(bytes(damaged))

    @pytest.mark.parametrize("name", ["RLE", "PXR24"])
    def test_changed_black_blocks_are_refused_if_openexr_refuses_them(self, name: str, tmp_path: Path) -> None:
        whole = openexr_file({n: np.zeros((64, 40), "f2") for n in "RGB"}, BLACK[name], tmp_path)
        header = exr.ExrHeader.read(io.BytesIO(whole))
        (last,) = struct.unpack_from("<Q", whole, header.table + 8 * header.block_count - 8)
        refused = 0
        for at in range(last + 8, len(whole)):
            damaged = bytearray(whole)
            damaged[at] ^= 0x55
            try:
                judged = openexr_planes(bytes(damaged), tmp_path)["R"]
            except (RuntimeError, ValueError):
                judged = None
            if judged is None:
                refused += 1
                with pytest.raises(BrokenImageError):
                    registry.decode(bytes(damaged))
        assert refused

    def test_a_header_with_too_many_attributes_is_refused(self) -> None:
        more = b"".join(attribute(f"{number:x}", "i", b"") for number in range(70_000))

        with pytest.raises(BrokenImageError, match="65,536 attributes"):
            registry.decode(exr_file(planes_of("RGB"), more=more))


def with_zeros_from(data: bytes, cut: int) -> bytes:
    return data[:cut] + bytes(len(data) - cut)


class TestIsWhole:
    @pytest.mark.parametrize("compression", [NONE, ZIPS, ZIP])
    def test_is_true_for_the_complete_file_only(self, compression: int) -> None:
        data = exr_file(planes_of("RGB"), compression)

        assert exr.EXR.is_whole(io.BytesIO(data))
        assert not [cut for cut in range(len(data)) if exr.EXR.is_whole(io.BytesIO(data[:cut]))]

    @pytest.mark.parametrize("compression", ["ZIP", "PIZ", "DWAA", "DWAB"])
    def test_is_true_for_complete_files_of_any_compression_only(self, tmp_path: Path, compression: str) -> None:
        header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION"), "type": OpenEXR.scanlineimage}
        noisy = np.random.default_rng(5).random((300, 20)).astype(np.float16)
        with OpenEXR.File(header, {"R": noisy, "G": noisy, "B": noisy}) as file:
            file.write(str(tmp_path / "f.exr"))
        data = (tmp_path / "f.exr").read_bytes()

        assert exr.EXR.is_whole(io.BytesIO(data + b"more"))
        assert not [cut for cut in range(len(data)) if exr.EXR.is_whole(io.BytesIO(data[:cut]))]

    def test_is_false_for_a_file_padded_with_zeros(self) -> None:
        """A killed copy leaves zeros in the space that it had reserved, so every block must be checked up to the last one."""
        data = exr_file(planes_of("RGB"), ZIPS)
        header = exr.ExrHeader.read(io.BytesIO(data))
        (last,) = struct.unpack_from("<Q", data, header.table + 8 * (header.block_count - 1))

        assert not [
            cut for cut in range(len(data) // 2, last) if exr.EXR.is_whole(io.BytesIO(with_zeros_from(data, cut)))
        ]

    def test_is_false_for_an_empty_offset_table(self) -> None:
        assert exr.EXR.is_whole(io.BytesIO(WHOLE))
        assert not exr.EXR.is_whole(io.BytesIO(WHOLE[:TABLE] + bytes(24) + WHOLE[TABLE + 24 :]))

    @pytest.mark.parametrize("data", [b"", b"v/1\x01", bytes(1000), b"This is not an image."])
    def test_is_false_for_other_files(self, data: bytes) -> None:
        assert not exr.EXR.is_whole(io.BytesIO(data))

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(exr_file(planes_of("RGB"), DWAA), id="DWA"),
            pytest.param(exr_file(planes_of("RGB"), flags=0x1000), id="several parts"),
            pytest.param(exr_file(planes_of("RGB"), flags=0x800), id="deep"),
        ],
    )
    def test_is_true_for_complete_files_that_are_not_supported(self, data: bytes) -> None:
        """Otherwise "skip" would replace files of other programs, and the resume counter would start over."""
        assert exr.EXR.is_whole(io.BytesIO(data))
        assert not exr.EXR.is_whole(io.BytesIO(data[:100]))

    def test_is_false_for_an_empty_window(self) -> None:
        assert not exr.EXR.is_whole(io.BytesIO(exr_file(planes_of("RGB"), data=(0, 0, -1, -1))))


class TestReadHeader:
    def test_refuses_a_file_that_is_not_supported(self) -> None:
        """So the error comes before the first frame of a batch is decoded, not in the middle."""
        with pytest.raises(BrokenImageError, match="DWAA"):
            registry.read_header(io.BytesIO(exr_file(planes_of("RGB"), DWAA)))

    @pytest.mark.parametrize("window", ["data", "display"])
    def test_applies_the_pixel_limit_to_both_windows(self, window: str) -> None:
        windows = {"data": (0, 0, 12, 19), "display": (0, 0, 12, 19)} | {window: (0, 0, 99, 99)}
        data = exr_file(planes_of("RGB"), **windows)  # type: ignore[arg-type]

        assert registry.read_header(io.BytesIO(data), 10_000).extent
        with pytest.raises(BrokenImageError, match="100 x 100 pixels"):
            registry.read_header(io.BytesIO(data), 9_999)


def test_pillow_still_does_not_read_exr() -> None:
    with pytest.raises(OSError):
        Image.open(io.BytesIO(WHOLE))
