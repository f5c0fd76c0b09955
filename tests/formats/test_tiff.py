"""TIFF files. Judges: files written here according to TIFF 6.0, tifffile, OpenCV, OpenImageIO, and Pillow as a writer."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import pytest
import tifffile
from PIL import Image, ImageOps, TiffImagePlugin

from io_utils.errors import BrokenImageError
from io_utils.formats import registry
from io_utils.formats.tiff import library_decoders
from io_utils.formats.tiff.directory import Directory
from io_utils.formats.tiff.format import TIFF
from io_utils.formats.tiff.library_decoders import with_directory

from .. import sample_files
from ..sample_files import reaches_its_end

HEIGHT, WIDTH = 21, 37
FORMATS = {"u": 1, "i": 2, "f": 3}
GREY, INVERTED, RGB, PALETTE, CMYK, YCBCR, LAB = 1, 0, 2, 3, 5, 6, 8
INPUTS = Path(__file__).parents[1] / "inputs"
CONTIGUOUS, SEPARATE = 1, 2
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3
ASSOCIATED, UNASSOCIATED, UNSPECIFIED = 1, 2, 0


def values(dtype: str, channels: int) -> np.ndarray:
    random = np.random.default_rng(7)
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 3, (HEIGHT, WIDTH, channels)).astype(dtype)
    return random.integers(0, 1 << 16, (HEIGHT, WIDTH, channels)).astype(np.uint16).astype(dtype)


def differences(block: np.ndarray, predictor: int) -> np.ndarray:
    """Section 14 and Adobe's technical note 3: each sample, or byte, minus the corresponding one to the left."""
    if predictor == DIFFERENCES:
        return np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1])).astype(block.dtype)
    rows, columns, channels = block.shape
    size = block.dtype.itemsize
    big = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(">"))).view(np.uint8)
    planes = big.reshape(rows, columns * channels, size).swapaxes(1, 2).reshape(rows, -1, channels)
    return np.diff(planes, axis=1, prepend=np.zeros_like(planes[:, :1])).astype(np.uint8)


def tiff_file(
    pixels: np.ndarray,
    photometric: int = RGB,
    *,
    order: str = "<",
    deflate: bool = False,
    predictor: int = 1,
    tile: int = 0,
    planar: int = CONTIGUOUS,
    big: bool = False,
    tags: dict[int, list[int]] | None = None,
) -> bytes:
    """A TIFF with strips of 8 rows, or tiles of `tile` x `tile`, in byte order `order`; BigTIFF if `big`."""
    height, width, channels = pixels.shape
    pixels = pixels.astype(pixels.dtype.newbyteorder(order))  # type: ignore[arg-type]
    blocks = []
    for plane in [pixels] if planar == CONTIGUOUS else np.split(pixels, channels, axis=-1):
        if tile:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[-1]), pixels.dtype)
            padded[:height, :width] = plane
            corners = itertools.product(range(0, len(padded), tile), range(0, padded.shape[1], tile))
            parts = [padded[top : top + tile, left : left + tile] for top, left in corners]
        else:
            parts = [plane[top : top + 8] for top in range(0, height, 8)]
        for part in parts:
            plain = (part if predictor == 1 else differences(part, predictor)).tobytes()
            blocks.append(zlib.compress(plain) if deflate else plain)
    start = 16 if big else 8
    offsets = [start + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    lengths = [len(block) for block in blocks]
    bits, kind = 8 * pixels.dtype.itemsize, FORMATS[pixels.dtype.kind]
    all_tags = {256: [width], 257: [height], 258: [bits] * channels, 259: [8 if deflate else 1], 262: [photometric]}
    all_tags |= {277: [channels], 284: [planar], 317: [predictor], 339: [kind] * channels}
    all_tags |= (
        {322: [tile], 323: [tile], 324: offsets, 325: lengths} if tile else {273: offsets, 278: [8], 279: lengths}
    )
    all_tags |= tags or {}
    entry, number = ("HHQ", "Q") if big else ("HHI", "I")
    room = struct.calcsize(number)
    data = b"".join(blocks)
    directory = start + len(data)
    count = struct.pack(order + ("Q" if big else "H"), len(all_tags))
    values_start = directory + len(count) + len(all_tags) * (4 + 2 * room) + room
    entries, rest = b"", b""
    for tag, numbers in sorted(all_tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > room:
            packed, rest = struct.pack(order + number, values_start + len(rest)), rest + packed
        entries += struct.pack(order + entry, tag, 4, len(numbers)) + packed.ljust(room, b"\0")
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + (
        struct.pack(order + "HHHQ", 43, 8, 0, directory) if big else struct.pack(order + "HI", 42, directory)
    )
    return head + data + count + entries + bytes(room) + rest


PACKINGS: dict[str, dict[str, Any]] = {
    "stored": {},
    "deflated": {"deflate": True},
    "deflated differences": {"deflate": True, "predictor": DIFFERENCES},
    "in tiles": {"tile": 16},
    "in deflated tiles": {"deflate": True, "tile": 16},
    "in tiles of differences": {"deflate": True, "predictor": DIFFERENCES, "tile": 16},
    "in planes": {"planar": SEPARATE},
    "in deflated planes in tiles": {"planar": SEPARATE, "deflate": True, "tile": 16},
    "in a BigTIFF": {"big": True, "deflate": True},
}
FLOAT_PACKINGS: dict[str, dict[str, Any]] = {
    **{name: options for name, options in PACKINGS.items() if options.get("predictor") != DIFFERENCES},
    "differences of bytes": {"deflate": True, "predictor": FLOAT_DIFFERENCES},
    "tiles of differences of bytes": {"deflate": True, "predictor": FLOAT_DIFFERENCES, "tile": 16},
}
LAYOUTS = {1: (GREY, {}), 2: (GREY, {338: [UNASSOCIATED]}), 3: (RGB, {}), 4: (RGB, {338: [UNASSOCIATED]})}


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("channels", LAYOUTS)
class TestEveryLayout:
    @pytest.mark.parametrize("packing", PACKINGS)
    def test_with_16_bits_keeps_its_values(self, packing: str, channels: int, order: str) -> None:
        photometric, tags = LAYOUTS[channels]
        pixels = values("u2", channels)

        data = tiff_file(pixels, photometric, order=order, tags=tags, **PACKINGS[packing])

        found = registry.decode(data)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, pixels)
        assert registry.read_header(io.BytesIO(data)).extent == (WIDTH, HEIGHT)

    @pytest.mark.parametrize("packing", PACKINGS)
    def test_with_8_bits_keeps_its_values(self, packing: str, channels: int, order: str) -> None:
        photometric, tags = LAYOUTS[channels]
        pixels = values("u1", channels)

        data = tiff_file(pixels, photometric, order=order, tags=tags, **PACKINGS[packing])

        found = registry.decode(data)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, pixels)

    @pytest.mark.parametrize("packing", FLOAT_PACKINGS)
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_with_floating_point_keeps_its_values(self, dtype: str, packing: str, channels: int, order: str) -> None:
        photometric, tags = LAYOUTS[channels]
        pixels = values(dtype, channels)

        found = registry.decode(tiff_file(pixels, photometric, order=order, tags=tags, **FLOAT_PACKINGS[packing]))

        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, pixels.astype(np.float32))


class TestInterpretation:
    @pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    @pytest.mark.parametrize("dtype", ["u2", "f4"])
    def test_grey_file_of_pillow_keeps_its_values(self, dtype: str, compression: str | None) -> None:
        pixels = values(dtype, 1)
        buffer = io.BytesIO()
        Image.fromarray(pixels[..., 0]).save(buffer, "TIFF", compression=compression)

        np.testing.assert_array_equal(registry.decode(buffer.getvalue()), pixels)

    def test_white_is_zero_is_inverted(self) -> None:
        pixels = values("u2", 1)

        np.testing.assert_array_equal(registry.decode(tiff_file(pixels, INVERTED)), 65535 - pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied(self, orientation: int) -> None:
        pixels = values("u2", 3)
        tags = Image.Exif()
        tags[0x0112] = orientation
        buffer = io.BytesIO()
        Image.fromarray((pixels >> 8).astype(np.uint8)).save(buffer, "PNG", exif=tags)
        data = tiff_file(pixels, tags={274: [orientation]})

        with Image.open(buffer) as judge:
            expected = ImageOps.exif_transpose(judge)
            np.testing.assert_array_equal(registry.decode(data) >> 8, np.asarray(expected))  # type: ignore[operator]
            assert registry.read_header(io.BytesIO(data)).extent == expected.size

    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    def test_associated_alpha_is_divided_out(self, dtype: str) -> None:
        one = {"u1": 255, "u2": 65535, "f4": 1}[dtype]
        straight = np.array([[[1, 0.5, 0, 1], [1, 0.5, 0.25, 0.5], [0.2, 0.4, 0.6, 0.1], [0, 0, 0, 0]]]) * one
        multiplied = straight * np.array([1, 1, 1, 0]) * straight[..., 3:] / one + straight * np.array([0, 0, 0, 1])
        data = tiff_file(multiplied.astype(dtype), tags={338: [ASSOCIATED]})

        np.testing.assert_allclose(registry.decode(data), straight, atol={"u1": 6, "u2": 20, "f4": 1e-6}[dtype])

    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    def test_colour_is_unchanged_where_associated_alpha_is_0(self, dtype: str) -> None:
        pixels = np.array([[[9, 8, 7, 0]]], dtype)

        np.testing.assert_array_equal(registry.decode(tiff_file(pixels, tags={338: [ASSOCIATED]})), pixels)

    def test_extra_channels_other_than_alpha_are_dropped(self) -> None:
        pixels = values("u2", 5)

        found = registry.decode(tiff_file(pixels, tags={338: [UNSPECIFIED, UNASSOCIATED]}))

        np.testing.assert_array_equal(found, pixels[..., [0, 1, 2, 4]])
        np.testing.assert_array_equal(registry.decode(tiff_file(pixels, tags={338: [0, 0]})), pixels[..., :3])


def packed_bits(levels: np.ndarray, bits: int) -> np.ndarray:
    """Integers of `bits` bits, (height, width, channels), as rows of bytes, (height, bytes, 1), padded per row (section 4)."""
    spread = (levels[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    return np.packbits(spread.reshape(len(levels), -1).astype(np.uint8), axis=1)[..., np.newaxis]


def packed_bits_file(levels: np.ndarray, bits: int, photometric: int, **options: Any) -> bytes:
    """A TIFF with samples that are not whole bytes."""
    _, width, channels = levels.shape
    tags = {256: [width], 258: [bits] * channels, 277: [channels], 339: [1] * channels} | options.pop("tags", {})
    return tiff_file(packed_bits(levels, bits), photometric, tags=tags, **options)


class TestEveryDepth:
    @pytest.mark.parametrize("deflate", [False, True], ids=["stored", "deflated"])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    @pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
    def test_is_scaled_to_8_or_16_bits(self, bits: int, channels: int, deflate: bool, tmp_path: Path) -> None:
        levels = np.random.default_rng(1).integers(0, 1 << bits, (HEIGHT, WIDTH, channels))
        data = packed_bits_file(levels, bits, GREY if channels == 1 else RGB, deflate=deflate)
        (tmp_path / "f.tif").write_bytes(data)

        found = registry.decode(data)

        white = 255 if bits < 8 else 65535
        assert found.dtype == (np.uint8 if bits < 8 else np.uint16)
        np.testing.assert_array_equal(found, np.rint(levels * (white / ((1 << bits) - 1))))
        if bits in (2, 4, 10, 12, 14):
            judge = OpenImageIO.ImageBuf(str(tmp_path / "f.tif")).get_pixels(OpenImageIO.FLOAT)
            assert judge is not None
            colour = judge.reshape(HEIGHT, WIDTH, -1)[..., :1] if channels == 1 else None
            assert colour is None or np.abs(colour - found / white).max() <= 1.5 / white

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_of_white_is_zero_is_inverted(self, bits: int) -> None:
        levels = np.random.default_rng(1).integers(0, 1 << bits, (HEIGHT, WIDTH, 1))

        np.testing.assert_array_equal(
            registry.decode(packed_bits_file(levels, bits, INVERTED)),
            255 - registry.decode(packed_bits_file(levels, bits, GREY)),
        )

    @pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
    def test_of_a_palette_has_the_colours_of_the_palette(self, bits: int) -> None:
        random = np.random.default_rng(2)
        levels = random.integers(0, 1 << bits, (HEIGHT, WIDTH, 1))
        palette = random.integers(256, 1 << 16, (3, 1 << bits))
        tags = {320: palette.ravel().tolist()}
        data = (
            tiff_file(levels.astype(f"u{bits // 8}"), PALETTE, tags=tags)
            if bits >= 8
            else packed_bits_file(levels, bits, PALETTE, tags=tags)
        )

        expected = palette.T[levels[..., 0]]
        np.testing.assert_array_equal(registry.decode(data), expected if bits == 16 else expected >> 8)

    @pytest.mark.parametrize("count", [1, 65, 255])
    def test_indices_beyond_the_palette_are_black(self, count: int) -> None:
        """As in PNG, and as libtiff shows the file of golang.org/x/image with a palette of 65 colours."""
        palette = np.random.default_rng(2).integers(256, 1 << 16, (3, count))
        levels = values("u1", 1)

        found = registry.decode(tiff_file(levels, PALETTE, tags={320: palette.ravel().tolist()}))

        expected = np.zeros((256, 3), int)
        expected[:count] = palette.T >> 8
        np.testing.assert_array_equal(found, expected[levels[..., 0]])

    def test_a_palette_may_have_8_bit_values(self) -> None:
        """libtiff assumes 8 bits if no value is above 255, because old writers wrote such palettes."""
        palette = np.random.default_rng(2).integers(0, 256, (3, 256))
        levels = values("u1", 1)

        found = registry.decode(tiff_file(levels, PALETTE, tags={320: palette.ravel().tolist()}))

        np.testing.assert_array_equal(found, palette.T[levels[..., 0]])

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    @pytest.mark.parametrize("alpha", [False, True], ids=["", "and alpha"])
    def test_cmyk_is_converted_to_rgb(self, alpha: bool, dtype: str) -> None:
        pixels = values(dtype, 5 if alpha else 4)
        data = tiff_file(pixels, CMYK, tags={338: [UNASSOCIATED]} if alpha else None)

        found = registry.decode(data)

        white = np.iinfo(dtype).max
        cyan = 1 - pixels[..., :4] / white
        np.testing.assert_allclose(found[..., :3], cyan[..., :3] * cyan[..., 3:] * white, atol=0.51)
        if alpha:
            np.testing.assert_array_equal(found[..., 3], pixels[..., 4])
        elif dtype == "u1":
            expected = Image.frombytes("CMYK", (WIDTH, HEIGHT), pixels.tobytes()).convert("RGB")
            assert np.abs(found.astype(int) - np.asarray(expected)).max() <= 1

    @pytest.mark.parametrize("alpha", [False, True], ids=["", "and alpha"])
    def test_lab_is_converted_to_rgb(self, alpha: bool) -> None:
        lab = np.array([[[255, 0, 0], [0, 0, 0], [128, 0, 0], [136, 80, 67]]], np.uint8)  # white, black, grey, red
        pixels = np.concatenate([lab, np.full((1, 4, 1), 77, np.uint8)], axis=-1) if alpha else lab

        found = registry.decode(tiff_file(pixels, LAB, tags={338: [UNASSOCIATED]} if alpha else None))

        expected = [[255, 255, 255], [0, 0, 0], [119, 119, 119], [254, 0, 0]]
        assert np.abs(found[0, :, :3].astype(int) - expected).max() <= 12
        assert not alpha or set(found[..., 3].ravel()) == {77}

    def test_signed_bytes_are_refused(self) -> None:
        with pytest.raises(BrokenImageError, match="8-bit signed integers"):
            registry.decode((INPUTS / "f30_int8.tif").read_bytes())


class TestYCbCr:
    """Section 21: every pixel has its own luma, and shares chroma with its neighbours."""

    BT709 = (0.2126, 0.7152, 0.0722)

    def data(self, pixels: np.ndarray, coefficients: tuple[float, ...] | None, **options: Any) -> bytes:
        """`coefficients` as rationals over 10,000, appended to the file."""
        tags = {530: [1, 1]} | ({529: [0, 0, 0]} if coefficients else {}) | options.pop("tags", {})
        data = tiff_file(pixels, YCBCR, tags=tags, **options)
        if coefficients:
            entry = data.index(struct.pack("<HHI", 529, 4, 3))
            rationals = b"".join(struct.pack("<II", round(c * 10_000), 10_000) for c in coefficients)
            data = data[:entry] + struct.pack("<HHII", 529, 5, 3, len(data)) + data[entry + 12 :] + rationals
        return data

    def test_the_coefficients_of_the_file_are_used(self) -> None:
        pixels = np.full((2, 2, 3), [150, 43, 21], np.uint8)

        assert registry.decode(self.data(pixels, self.BT709))[0, 0].tolist() == [0, 216, 0]
        assert registry.decode(self.data(pixels, None))[0, 0].tolist() == [0, 255, 0]

    def test_invalid_coefficients_are_refused(self) -> None:
        """As in libtiff: they would lead to a division by zero."""
        with pytest.raises(BrokenImageError, match="YCbCrCoefficients"):
            registry.decode(self.data(np.full((2, 2, 3), 150, np.uint8), (0.2126, 0.0, 0.0722)))

    @pytest.mark.parametrize("deflate", [False, True], ids=["stored", "deflated"])
    @pytest.mark.parametrize("rows", [8, 37], ids=["strips", "one strip"])
    @pytest.mark.parametrize("factors", [(1, 1), (2, 1), (2, 2), (4, 4), (1, 2)], ids=lambda s: f"{s[0]}x{s[1]}")
    def test_chroma_may_be_subsampled(self, factors: tuple[int, int], rows: int, deflate: bool, tmp_path: Path) -> None:
        across, down = factors
        random = np.random.default_rng(3)
        height, width = HEIGHT, WIDTH
        units_y, units_x = -(-height // down), -(-width // across)
        luma = random.integers(0, 256, (units_y * down, units_x * across)).astype(np.uint8)
        chroma = random.integers(90, 160, (units_y, units_x, 2)).astype(np.uint8)
        inner = luma.reshape(units_y, down, units_x, across).swapaxes(1, 2).reshape(units_y, units_x, -1)
        lines = np.concatenate([inner, chroma], axis=-1).reshape(units_y, -1, 1)
        step = rows // down if rows < height else units_y
        parts = [lines[top : top + step].tobytes() for top in range(0, units_y, step)]
        blocks = [zlib.compress(part) if deflate else part for part in parts]
        offsets = np.cumsum([8, *map(len, blocks[:-1])]).tolist()
        one = tiff_file(np.zeros((1, 1, 3), np.uint8), YCBCR)
        tags = {256: [width], 257: [height], 258: [8] * 3, 259: [8 if deflate else 1], 262: [YCBCR], 277: [3]}
        tags |= {530: list(factors), 273: offsets, 278: [min(rows, height)], 279: list(map(len, blocks))}
        data = with_directory(one[:8] + b"".join(blocks), tags, big_endian=False)

        found = registry.decode(data)

        y = luma[:height, :width].astype(float)
        cb, cr = np.moveaxis(chroma.repeat(down, 0).repeat(across, 1)[:height, :width].astype(float) - 128, -1, 0)
        expected = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1).clip(0, 255)
        assert np.abs(found - expected).max() <= 1.01


class TestExtraChannels:
    """A fourth channel of unspecified meaning beside RGB is alpha, at every depth (OpenCV writes such files)."""

    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    @pytest.mark.parametrize(
        "extra_samples", [None, [UNSPECIFIED], [UNASSOCIATED]], ids=["no tag", "unspecified", "unassociated"]
    )
    def test_a_fourth_channel_beside_rgb_is_alpha(self, extra_samples: list[int] | None, dtype: str) -> None:
        pixels = values(dtype, 4)

        np.testing.assert_array_equal(
            registry.decode(tiff_file(pixels, tags={338: extra_samples} if extra_samples else None)), pixels
        )

    def test_a_file_of_opencv_has_alpha(self) -> None:
        path = INPUTS / "f15_opencv_rgba16.tif"

        found = registry.decode(path.read_bytes())

        np.testing.assert_array_equal(found, sample_files.by_opencv(path.read_bytes()))
        np.testing.assert_array_equal(found, tifffile.imread(path))

    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    @pytest.mark.parametrize("extra_samples", [None, [UNSPECIFIED]], ids=["no tag", "unspecified"])
    def test_an_unspecified_channel_beside_grey_is_dropped(self, extra_samples: list[int] | None, dtype: str) -> None:
        """OpenImageIO and OpenCV do not take it for alpha."""
        pixels = values(dtype, 2)

        found = registry.decode(tiff_file(pixels, GREY, tags={338: extra_samples} if extra_samples else None))

        np.testing.assert_array_equal(found, pixels[..., :1])

    @pytest.mark.parametrize("planar", [CONTIGUOUS, SEPARATE])
    def test_spot_colours_beside_alpha_are_dropped(self, planar: int) -> None:
        pixels = values("u1", 5)

        found = registry.decode(tiff_file(pixels, planar=planar, tags={338: [UNASSOCIATED, UNSPECIFIED]}))

        np.testing.assert_array_equal(found, pixels[..., :4])

    def test_grey_with_associated_alpha_is_divided_by_it(self) -> None:
        path = INPUTS / "f16_grey_associated_alpha.tif"
        stored = tifffile.imread(path).astype(float)

        found = registry.decode(path.read_bytes())

        alpha = stored[..., 1]
        expected = np.where(alpha > 0, stored[..., 0] * 255 / np.maximum(alpha, 1), stored[..., 0]).clip(0, 255)
        assert np.abs(found[..., 0] - expected).max() <= 0.51
        np.testing.assert_array_equal(found[..., 1], alpha)


class TestOddDirectories:
    """Tags that other writers omit, or use for something else."""

    def without(self, data: bytes, tag: int) -> bytes:
        """Replace the tag by one that is never read."""
        at = data.index(struct.pack("<HHI", tag, 4, 1)) if struct.pack("<HHI", tag, 4, 1) in data else None
        at = data.rindex(struct.pack("<HH", tag, 4)) if at is None else at
        return data[:at] + struct.pack("<H", 65_000) + data[at + 2 :]

    def test_a_big_endian_bigtiff_with_8_bits_keeps_its_values(self) -> None:
        path = INPUTS / "f17_bigtiff_big_endian_8.tif"

        np.testing.assert_array_equal(registry.decode(path.read_bytes()).squeeze(), tifffile.imread(path).squeeze())

    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    @pytest.mark.parametrize(("channels", "photometric"), [(1, GREY), (3, RGB)])
    def test_without_photometric_interpretation_it_is_grey_or_rgb(
        self, channels: int, photometric: int, dtype: str
    ) -> None:
        pixels = values(dtype, channels)

        np.testing.assert_array_equal(registry.decode(self.without(tiff_file(pixels, photometric), 262)), pixels)

    @pytest.mark.parametrize("deflate", [False, True], ids=["stored", "deflated"])
    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_strip_byte_counts_may_be_missing(self, dtype: str, deflate: bool) -> None:
        pixels = values(dtype, 3)
        data = tiff_file(pixels, deflate=deflate)

        np.testing.assert_array_equal(registry.decode(self.without(data, 279)), pixels)

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_tiles_may_be_listed_in_the_tags_for_strips(self, dtype: str) -> None:
        pixels = values(dtype, 3)
        data = tiff_file(pixels, tile=16)
        for tile, strip in ((324, 273), (325, 279)):
            data = data.replace(struct.pack("<HH", tile, 4), struct.pack("<HH", strip, 4))

        np.testing.assert_array_equal(registry.decode(data), pixels)

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_rows_per_strip_may_be_the_largest_number(self, dtype: str) -> None:
        pixels = values(dtype, 3)[:8]

        np.testing.assert_array_equal(registry.decode(tiff_file(pixels, tags={278: [(1 << 32) - 1]})), pixels)

    @pytest.mark.parametrize(
        "kind", [(1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i")], ids=lambda k: str(k[0])
    )
    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_orientation_may_have_any_integer_type(self, dtype: str, kind: tuple[int, str]) -> None:
        pixels = values(dtype, 3)
        data = tiff_file(pixels, tags={274: [8]})
        at = data.index(struct.pack("<HHII", 274, 4, 1, 8))
        value = struct.pack("<" + kind[1], 8).ljust(4, b"\0")

        turned = data[:at] + struct.pack("<HHI", 274, kind[0], 1) + value + data[at + 12 :]

        np.testing.assert_array_equal(registry.decode(turned), np.rot90(pixels))
        assert registry.read_header(io.BytesIO(turned)).extent == (HEIGHT, WIDTH)

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_fill_order_2_is_reversed(self, dtype: str) -> None:
        pixels = values(dtype, 1)
        turned = np.packbits(np.unpackbits(pixels.view(np.uint8), bitorder="little")).reshape(HEIGHT, -1, 1)

        data = tiff_file(turned, GREY, tags={256: [WIDTH], 258: [pixels.itemsize * 8], 266: [2]})

        np.testing.assert_array_equal(registry.decode(data), pixels)

    @pytest.mark.parametrize("compression", ["jpeg", "lzw", "packbits", "zstd", "lzma", "adobe_deflate"])
    @pytest.mark.parametrize("tile", [None, (16, 32)], ids=["strips", "tiles"])
    def test_files_of_tifffile_keep_their_values(
        self, tile: tuple[int, int] | None, compression: str, tmp_path: Path
    ) -> None:
        smooth = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
        pixels = np.stack([smooth, 255 - smooth, smooth // 2], axis=-1)
        tifffile.imwrite(tmp_path / "f.tif", pixels, photometric="rgb", compression=compression, tile=tile)

        found = registry.decode((tmp_path / "f.tif").read_bytes())

        np.testing.assert_allclose(found, tifffile.imread(tmp_path / "f.tif"), atol=3 if compression == "jpeg" else 0)


FAX_COMPRESSIONS = {"group3": 3, "group4": 4, "tiff_ccitt": 2}


def fax_file(pixels: np.ndarray, compression: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", FAX_COMPRESSIONS)
class TestFax:
    @pytest.mark.parametrize("density", [0, 0.0004, 0.01, 0.5])
    @pytest.mark.parametrize("size", [(1, 1), (9, 37), (40, 1728), (12, 7000)], ids=lambda s: f"{s[0]}x{s[1]}")
    def test_decodes_to_the_pixels_that_libtiff_encoded(
        self, size: tuple[int, int], density: float, compression: str
    ) -> None:
        changes = np.random.default_rng(4).random(size) < density
        pixels = (np.cumsum(changes, axis=1) % 2).astype(bool)

        found = registry.decode(fax_file(pixels, compression))

        np.testing.assert_array_equal(found[..., 0], pixels * np.uint8(255))

    def test_damaged_data_are_refused_without_console_output(
        self, compression: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """libtiff makes up what it cannot decode, and prints "Bad code word"."""
        pixels = (np.cumsum(np.random.default_rng(4).random((60, 300)) < 0.05, axis=1) % 2).astype(bool)
        data = bytearray(fax_file(pixels, compression))
        at, length = self.strip(bytes(data))
        data[at + length // 2 : at + length // 2 + 12] = b"\0\0\1" * 4

        with pytest.raises(BrokenImageError, match="fax data"):
            registry.decode(bytes(data))
        assert capfd.readouterr().err == ""

    def test_too_few_rows_are_refused(self, compression: str) -> None:
        pixels = (np.cumsum(np.random.default_rng(4).random((60, 300)) < 0.05, axis=1) % 2).astype(bool)
        data = fax_file(pixels, compression)
        _, length = self.strip(data)
        short = data.replace(struct.pack("<HHI", 279, 4, 1) + struct.pack("<I", length),
                             struct.pack("<HHI", 279, 4, 1) + struct.pack("<I", length * 2 // 3))  # fmt: skip
        assert short != data

        with pytest.raises(BrokenImageError, match="fax data"):
            registry.decode(short)

    @staticmethod
    def strip(data: bytes) -> tuple[int, int]:
        with Image.open(io.BytesIO(data)) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            return image.tag_v2[273][0], image.tag_v2[279][0]


class TestUnsupportedVarieties:
    """The error names the variety instead of calling the file damaged, and nothing is printed to stderr."""

    @pytest.mark.parametrize(
        ("data", "named"),
        [
            pytest.param(
                tiff_file(values("u1", 3), tags={259: [50001]}), "WebP compression in TIFF is not supported", id="WebP"
            ),
            pytest.param(tiff_file(values("u1", 3), tags={259: [50002]}), "JPEG XL compression", id="JPEG XL"),
            pytest.param(tiff_file(values("u1", 3), tags={259: [34887]}), "LERC compression", id="LERC"),
            pytest.param(tiff_file(values("u1", 3), tags={259: [34712]}), "JPEG 2000 compression", id="JPEG 2000"),
            pytest.param(tiff_file(values("u1", 3), tags={259: [34676]}), "SGILog compression", id="SGILog"),
            pytest.param(
                tiff_file(values("u1", 3), tags={259: [12345]}), "compression 12345", id="an unknown compression"
            ),
            pytest.param(tiff_file(values("i2", 1), GREY), "16-bit signed integers", id="int16"),
            pytest.param(tiff_file(values("i4", 1), GREY), "32-bit signed integers", id="int32"),
            pytest.param(tiff_file(values("u4", 1), GREY), "32-bit unsigned integers", id="uint32"),
            pytest.param(tiff_file(values("u1", 3), tags={258: [5, 6, 5]}), "bits 5, 6, 5", id="565"),
            pytest.param(tiff_file(values("u1", 3), 32844), "LogL", id="LogL"),
            pytest.param(tiff_file(values("u1", 1), 32803), "a camera's raw data", id="camera raw"),
            pytest.param(tiff_file(values("u1", 4), CMYK, tags={332: [2]}), "inks other than CMYK", id="inks"),
        ],
    )
    def test_are_named(self, data: bytes, named: str, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(BrokenImageError, match=named):
            registry.decode(data)
        with pytest.raises(BrokenImageError, match=named):
            registry.read_header(io.BytesIO(data))
        assert capfd.readouterr().err == ""
        assert TIFF.is_whole(io.BytesIO(data))


class TestIsWhole:
    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    @pytest.mark.parametrize("packing", PACKINGS)
    def test_agrees_with_decode_for_a_file_truncated_anywhere(self, packing: str, dtype: str) -> None:
        """With bytes after the directory that are not part of the picture."""
        if np.dtype(dtype).kind == "f" and PACKINGS[packing].get("predictor"):
            return  # floats have a predictor of their own
        data = tiff_file(values(dtype, 3), **PACKINGS[packing])
        data += b"trailing"
        for length in [*range(0, len(data) - 400, 211), *range(len(data) - 400, len(data) + 1, 3)]:
            cut = data[:length]
            try:
                registry.decode(cut)
            except BrokenImageError:
                assert not TIFF.is_whole(io.BytesIO(cut)), length
            else:
                assert TIFF.is_whole(io.BytesIO(cut)), length

    @pytest.mark.parametrize("compression", ["jpeg", "lzw", "group4", "packbits"])
    def test_agrees_with_decode_for_compressed_files_of_pillow(self, compression: str, tmp_path: Path) -> None:
        pixels = values("u1", 3)
        image = Image.fromarray(pixels).convert("1") if compression == "group4" else Image.fromarray(pixels)
        buffer = io.BytesIO()
        image.save(buffer, "TIFF", compression=compression)
        data = buffer.getvalue()
        for length in range(0, len(data) + 1, 7):
            whole = TIFF.is_whole(io.BytesIO(data[:length]))
            try:
                registry.decode(data[:length])
            except BrokenImageError:
                assert not whole, length
            else:
                assert whole, length
        assert TIFF.is_whole(io.BytesIO(data + b"more"))

    @pytest.mark.parametrize("data", [b"", b"II*\0", b"II*\0\x08\0\0\0", bytes(1000), b"This is no image."])
    def test_is_false_for_other_files(self, data: bytes) -> None:
        assert not TIFF.is_whole(io.BytesIO(data))


class TestLarge:
    """Pillow's limit counts pixels. Pictures with many bytes per pixel, as in film, are not bombs."""

    def test_4k_with_four_float_channels_keeps_its_values(self) -> None:
        pixels = np.zeros((3072, 4096, 4), np.float32)
        pixels[-1, -1] = 0.25, 0.5, 0.75, 1

        with warnings.catch_warnings():
            warnings.simplefilter("error")  # DecompressionBombWarning
            assert (registry.decode(tiff_file(pixels, tags={338: [UNASSOCIATED]})) == pixels).all()

    def test_a_picture_of_more_than_1_gib_is_refused_before_memory_is_taken(self) -> None:
        data = tiff_file(np.zeros((8, 8, 1), np.float32), GREY, tags={256: [10_000], 257: [10_000], 277: [3]})
        with pytest.raises(BrokenImageError, match="1,200,000,000 bytes"):
            registry.decode(data)

    def test_millions_of_missing_tiles_take_no_memory(self) -> None:
        """The offsets of 10 000 x 10 000 tiles of one pixel would take 1.6 GB."""
        data = tiff_file(values("u1", 1), GREY, tile=16, tags={256: [10_000], 257: [10_000], 322: [1], 323: [1]})

        tracemalloc.start()
        try:
            assert not TIFF.is_whole(io.BytesIO(data))
            with pytest.raises(BrokenImageError, match="100,000,000 strips or tiles"):
                registry.decode(data)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 1_000_000

    def test_strips_that_all_cover_the_whole_file_are_refused(self) -> None:
        """Reading all of them would take 4 GB: 20 000 strips of 200 kB."""
        blob = bytes(200_000)
        tags = {256: [8], 257: [20_000], 258: [8], 259: [5], 262: [1], 277: [1], 278: [1]}
        tags |= {273: [8] * 20_000, 279: [len(blob)] * 20_000}

        with pytest.raises(BrokenImageError, match="overlap"):
            registry.decode(with_directory(bytes(8) + blob, tags, big_endian=False))

    def test_unused_tags_take_no_memory(self) -> None:
        """Each of 1000 tags claims the 100 kB of the file as values. As Python integers they would take 0.8 GB."""
        blob, count = bytes(100_000), 1000
        entries = b"".join(struct.pack("<HHII", 40_000 + i, 1, len(blob), 8) for i in range(count))
        data = b"II*\0" + struct.pack("<I", 8 + len(blob)) + blob + struct.pack("<H", count) + entries + bytes(4)

        tracemalloc.start()
        try:
            Directory(io.BytesIO(data))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 10 * len(data)


@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF data")
class TestRefused:
    @pytest.mark.parametrize(
        ("data", "named"),
        [
            pytest.param(tiff_file(values("u4", 3)), "32, 32, 32", id="integers of 32 bits"),
            pytest.param(tiff_file(values("i2", 1), GREY), "format", id="signed integers"),
            pytest.param(tiff_file(values("u2", 1), PALETTE), "palette has 0 numbers", id="a missing palette"),
            pytest.param(
                tiff_file(values("u2", 3), 9),
                "TIFF with ICC Lab is not supported; convert its colours to RGB",
                id="ICC Lab",
            ),
            pytest.param(tiff_file(values("u2", 3), tags={258: [16, 8, 16]}), "16, 8, 16", id="different bit depths"),
            pytest.param(tiff_file(values("u2", 3), tags={259: [7]}), "compression 7", id="JPEG in 16 bits"),
            pytest.param(tiff_file(values("u2", 3), tags={317: [9]}), "predictor 9", id="an unknown predictor"),
            pytest.param(tiff_file(values("u2", 3), tags={256: [1 << 20], 257: [1 << 20]}), "1048576", id="a bomb"),
            pytest.param(tiff_file(values("f4", 1), INVERTED), "inverted", id="inverted floating point"),
        ],
    )
    def test_unsupported_and_invalid_files_are_named(self, data: bytes, named: str) -> None:
        with pytest.raises(BrokenImageError, match=named):
            registry.decode(data)

    @pytest.mark.parametrize("packing", PACKINGS)
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_files_truncated_anywhere(self, packing: str, order: str) -> None:
        data = tiff_file(values("u2", 3), order=order, **PACKINGS[packing])
        for length in [*range(0, len(data) - 300, 61), *range(len(data) - 300, len(data))]:
            with pytest.raises(BrokenImageError):
                registry.decode(data[:length])

    @pytest.mark.parametrize("packing", ["deflated", "deflated differences", "in deflated tiles"])
    def test_files_with_damaged_blocks(self, packing: str) -> None:
        data = bytearray(tiff_file(values("u2", 3), **PACKINGS[packing]))
        data[200:260] = bytes(60)

        with pytest.raises(BrokenImageError):
            registry.decode(bytes(data))

    @pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 339])
    @pytest.mark.parametrize("number", [0, 3, 77, (1 << 32) - 1])
    def test_files_with_any_number_in_a_tag_decode_or_are_refused(self, tag: int, number: int) -> None:
        tags: dict[int, Any] = {tag: [number]}
        with contextlib.suppress(BrokenImageError):
            assert registry.decode(tiff_file(values("u2", 1), GREY, tags=tags)).ndim == 3


def compressed_file(
    compression: int,
    blocks: list[bytes],
    photometric: int,
    channels: int,
    rows: int = 8,
    tags: dict[int, Any] | None = None,
) -> bytes:
    """A TIFF of HEIGHT x WIDTH, 8 bits, with strips of `rows` rows that are compressed already."""
    offsets = [8 + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    places = {273: offsets, 278: [rows], 279: [len(block) for block in blocks], 259: [compression], 317: [1]}
    directory = tiff_file(values("u1", channels), photometric, tags=places | (tags or {}))
    data = b"".join(blocks)
    start = struct.unpack_from("<I", directory, 4)[0]
    plain = HEIGHT * WIDTH * channels
    # The blocks replace those of `tiff_file`. The directory stays where it is.
    assert start == 8 + plain
    filler = bytes(max(0, plain - len(data)))
    assert len(data) <= plain, "the directory would have to move"
    return directory[:8] + data + filler + directory[start:]


def strips(pixels: np.ndarray, rows: int = 8) -> list[np.ndarray]:
    return [pixels[top : top + rows] for top in range(0, len(pixels), rows)]


def flat(channels: int) -> np.ndarray:
    """Horizontal bands, which compress well."""
    return np.broadcast_to(np.arange(HEIGHT, dtype=np.uint8)[:, None, None] * 9, (HEIGHT, WIDTH, channels)).copy()


def old_lzw(plain: bytes) -> bytes:
    """LZW as before TIFF 5.0: codes with the lowest bit first."""
    bits = position = 0
    table: dict[bytes, int] = {}

    def put(code: int, width: int) -> None:
        nonlocal bits, position
        bits |= code << position
        position += width

    put(256, 9)
    table, current, width = {bytes([i]): i for i in range(256)}, b"", 9
    following = 258
    for value in plain:
        longer = current + bytes([value])
        if longer in table:
            current = longer
            continue
        put(table[current], width)
        table[longer] = following
        following += 1
        if following == (1 << width) + 1:
            width += 1
        current = bytes([value])
    put(table[current], width)
    put(257, width)
    return bits.to_bytes(-(-position // 8), "little")


def packed_runs(plain: bytes) -> bytes:
    """PackBits across row boundaries: runs of at most 128 equal bytes."""
    packed = b""
    for value, group in itertools.groupby(plain):
        count = len(list(group))
        for start in range(0, count, 128):
            some = min(128, count - start)
            packed += bytes([(257 - some) & 255 if some > 1 else 0, value])
    return packed


def damaged_copies(data: bytes, count: int = 40) -> Iterator[bytes]:
    """Copies of `data` with zeros, ones or noise in the compressed data, and truncated ones."""
    random = np.random.default_rng(3)
    end = max(len(data) - 400, 60)
    for place in random.integers(8, end, count):
        for hole in (bytes(24), b"\xff" * 24, random.bytes(24)):
            yield data[:place] + hole + data[place + 24 :]
        yield data[:place]


class TestCompressions:
    """The compressions that FFmpeg, libtiff, Python's modules and codecs.py decode."""

    @pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "lzma", "zstd", "tiff_adobe_deflate"])
    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "1"])
    def test_files_of_pillow_keep_their_values(self, mode: str, compression: str) -> None:
        random = np.random.default_rng(4)
        shape = (95, 131, len(Image.new(mode, (1, 1)).getbands()))
        if mode == "1":
            image = Image.fromarray(random.integers(0, 256, shape[:2], np.uint8)).convert("1")
        else:
            pixels = random.integers(0, 4, shape).astype(np.uint16 if mode == "I;16" else np.uint8)
            image = Image.fromarray(pixels[..., 0] if shape[2] == 1 else pixels)
        buffer = io.BytesIO()
        image.save(buffer, "TIFF", compression=compression)

        found = registry.decode(buffer.getvalue())

        expected = np.asarray(image.convert("L") if mode == "1" else image)
        np.testing.assert_array_equal(found, expected.reshape(found.shape))

    @pytest.mark.parametrize("predictor", [False, True])
    @pytest.mark.parametrize("compression", ["lzw", "packbits", "lzma", "zstd"])
    @pytest.mark.parametrize("tile", [None, (16, 16)])
    def test_files_of_tifffile_keep_their_values(
        self, tile: tuple[int, int] | None, compression: str, predictor: bool
    ) -> None:
        pixels = values("u2", 3)
        buffer = io.BytesIO()
        predictor = predictor and compression != "packbits"
        tifffile.imwrite(buffer, pixels, photometric="rgb", compression=compression, predictor=predictor, tile=tile)

        np.testing.assert_array_equal(registry.decode(buffer.getvalue()), pixels)

    def test_more_blocks_than_ffmpeg_gets_at_once_keep_their_values(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(library_decoders, "_MOST_BYTES_AT_ONCE", 1000)
        pixels = values("u1", 3)
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, pixels, photometric="rgb", compression="lzw", tile=(16, 16))

        np.testing.assert_array_equal(registry.decode(buffer.getvalue()), pixels)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_packbits_runs_may_continue_in_the_next_row(self, channels: int) -> None:
        """libtiff and tifffile accept this; FFmpeg does not."""
        pixels = np.zeros((HEIGHT, WIDTH, channels), np.uint8)
        pixels[9:] = 77
        data = compressed_file(
            32773, [packed_runs(part.tobytes()) for part in strips(pixels)], [0, 1, 0, 2][channels], channels
        )

        np.testing.assert_array_equal(registry.decode(data), pixels)
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)).reshape(pixels.shape), pixels)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_lzw_may_have_the_lowest_bit_first(self, channels: int) -> None:
        random = np.random.default_rng(6)
        pixels = flat(channels) + random.integers(0, 2, (HEIGHT, WIDTH, channels)).astype(np.uint8)
        data = compressed_file(
            5, [old_lzw(part.tobytes()) for part in strips(pixels)], [0, 1, 0, 2][channels], channels
        )

        np.testing.assert_array_equal(registry.decode(data), pixels)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))).reshape(pixels.shape), pixels)

    def test_thunderscan_keeps_its_values(self) -> None:
        """A raw pixel, a run, and differences of two and three bits. Differences after the end of a row are ignored."""
        row = bytes([0xC5, 3, 0b01_01_11_10, 0b10_010_100, 0xC0, 28, 0b01_01_01_01])
        tags = {258: [4]}
        data = compressed_file(32809, [row * 8, row * 8, row * 5], GREY, 1, tags=tags)

        expected = [5, 5, 5, 5, 6, 5, 7, 0, *[0] * 28, 1]

        assert len(expected) == WIDTH
        np.testing.assert_array_equal(registry.decode(data)[..., 0], np.tile(np.array(expected) * 17, (HEIGHT, 1)))
        np.testing.assert_array_equal(registry.decode(data)[..., 0], np.asarray(Image.open(io.BytesIO(data))))

    @pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "lzma", "tiff_adobe_deflate", "group4", "jpeg"])
    def test_damaged_files_are_refused_without_console_output(
        self, compression: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        buffer = io.BytesIO()
        largest = 255 if compression == "group4" else 9  # black and white would have no dots with less noise
        pixels = np.random.default_rng(8).integers(0, largest, (60, 70, 3)).astype(np.uint8)
        image = Image.fromarray(pixels).convert("1" if compression == "group4" else "RGB")
        image.save(buffer, "TIFF", compression=compression)
        refused = 0

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for data in damaged_copies(buffer.getvalue()):
                with contextlib.suppress(BrokenImageError):
                    registry.decode(data)
                    continue
                refused += 1

        assert refused
        assert capfd.readouterr() == ("", "")


def old_jpeg(tags: dict[int, Any] | None = None) -> tuple[bytes, np.ndarray]:
    """A TIFF of old-style JPEG (section 22) with a complete JPEG file inside, and the pixels that Pillow decodes from it."""
    stream = io.BytesIO()
    Image.fromarray(sample_files.smooth(40, 56)).save(stream, "JPEG", quality=90, subsampling=2)
    inside, start = stream.getvalue(), 8
    entries = {256: [56], 257: [40], 258: [8] * 3, 259: [6], 262: [YCBCR], 277: [3], 278: [40], 273: [start]}
    entries |= {279: [len(inside)], 512: [1], 513: [start], 514: [len(inside)], 530: [2, 2]} | (tags or {})
    one = tiff_file(np.zeros((1, 1, 3), np.uint8), YCBCR)
    with Image.open(io.BytesIO(inside)) as picture:
        return with_directory(one[:8] + inside, entries, big_endian=False), np.asarray(picture)


class TestOldJpeg:
    def test_decodes_like_the_jpeg_file_inside(self) -> None:
        data, picture = old_jpeg()

        np.testing.assert_allclose(
            registry.decode(data).astype(int), picture, atol=8
        )  # chroma is upsampled differently

    def test_reference_black_white_is_applied(self) -> None:
        """Section 20: black is at 16 and white at 235, as in video."""
        plain, _ = old_jpeg()
        video, _ = old_jpeg({532: [16, 235, 128, 240, 128, 240]})

        brightest = registry.decode(plain).max()

        assert registry.decode(video).max() > brightest or brightest == 255
        assert registry.decode(video).min() <= registry.decode(plain).min()
        assert not np.array_equal(registry.decode(video), registry.decode(plain))

    def test_is_whole_only_if_the_jpeg_file_inside_is_complete(self) -> None:
        data, _ = old_jpeg()
        beyond, _ = old_jpeg({513: [len(data) - 20], 273: [len(data) - 20]})

        assert reaches_its_end(io.BytesIO(data))
        assert not reaches_its_end(io.BytesIO(beyond))

    def test_other_numbers_of_channels_are_named(self) -> None:
        data, _ = old_jpeg({258: [8, 8], 277: [2], 262: [GREY]})

        with pytest.raises(BrokenImageError, match=r"JPEG with 2 channels is not supported"):
            registry.decode(data)


class TestJpegInside:
    @pytest.mark.parametrize("tile", [None, (32, 32)])
    @pytest.mark.parametrize("space", ["YCBCR", "RGB", "MINISBLACK"])
    def test_decodes_like_another_decoder(self, space: str, tile: tuple[int, int] | None) -> None:
        pixels = sample_files.smooth(70, 90)
        pixels = pixels[..., :1] if space == "MINISBLACK" else pixels
        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer, pixels, photometric=space, compression="jpeg", tile=tile, rowsperstrip=None if tile else 16
        )
        data = buffer.getvalue()

        found = registry.decode(data)

        judge = sample_files.by_opencv(data).reshape(pixels.shape)
        assert found.shape == pixels.shape
        np.testing.assert_allclose(found.astype(int), judge, atol=3)

    def test_damage_is_refused(self) -> None:
        """libtiff makes up half of what a hole of zeros damages, without an error."""
        pixels = np.random.default_rng(8).integers(0, 99, (120, 160, 3)).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "TIFF", compression="jpeg")
        data = buffer.getvalue()
        at = data.index(b"\xff\xda") + 300
        registry.decode(data)

        for cut in (bytes(200), b"\xff\xd9" + bytes(198), b""):
            with pytest.raises(BrokenImageError):
                registry.decode(data[:at] + cut + data[at + len(cut) :] if cut else data[:at])

    @pytest.mark.parametrize("size", [(WIDTH - 1, 8), (WIDTH + 1, 8), (WIDTH, 7), (WIDTH, 9)])
    def test_a_stream_that_does_not_fit_its_strip_is_refused(self, size: tuple[int, int]) -> None:
        stream = io.BytesIO()
        Image.new("L", (WIDTH, 8)).save(stream, "JPEG")
        fits = stream.getvalue()
        at = fits.index(b"\xff\xc0") + 5
        other = fits[:at] + struct.pack(">HH", size[1], size[0]) + fits[at + 4 :]
        shown = registry.decode(compressed_file(7, [fits[:]], GREY, 1, rows=8, tags={257: [8]}))
        assert shown.shape == (8, WIDTH, 1)

        with pytest.raises(BrokenImageError, match="a strip or tile"):
            registry.decode(compressed_file(7, [other], GREY, 1, rows=8, tags={257: [8]}))
