"""BMP files with every header, depth and layout of bit fields. Judges: Pillow, OpenCV and OpenImageIO, as far as they read them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from io_utils.errors import BrokenImageError
from io_utils.formats import registry

from .. import sample_files
from ..sample_files import HEIGHT, PALETTE, RLE4, RLE8, WIDTH, bmp_of, bmp_rows, reaches_its_end

READ_BY_PILLOW = [name for name in sample_files.of("bmp") if "4444" not in name and "core palette" not in name]


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB") if image.mode in ("P", "1") else image)


def by_opencv(data: bytes) -> np.ndarray:
    return sample_files.by_opencv(data, cv2.IMREAD_COLOR)


def by_openimageio(data: bytes, path: Path) -> np.ndarray | None:
    path.write_bytes(data)
    file = OpenImageIO.ImageInput.open(str(path))
    return None if file is None else file.read_image("uint8")


def rows_of(values: np.ndarray, bits: int) -> bytes:
    """Integers, (height, width), one per pixel, as rows from the bottom up."""
    stored = values[::-1].astype(f"<u{bits // 8}")
    return b"".join(row.tobytes().ljust(-(-row.nbytes // 4) * 4, b"\0") for row in stored)


def fields(bits: int, masks: tuple[int, ...]) -> tuple[bytes, np.ndarray]:
    """Rows with random values in the fields of `masks`, and the expected pixels, scaled to 8 bits."""
    rng = np.random.default_rng(bits)
    stored, expected = np.zeros((HEIGHT, WIDTH), np.uint64), []
    for mask in masks:
        shift = (mask & -mask).bit_length() - 1
        largest = mask >> shift
        values = rng.integers(0, largest + 1, (HEIGHT, WIDTH)).astype(np.uint64)
        values[0, 0], values[0, 1] = 0, largest
        stored |= values << np.uint64(shift)
        expected.append(values.astype(float) * 255 / largest)
    return rows_of(stored, bits), np.stack(expected, axis=-1)


class TestPixels:
    @pytest.mark.parametrize("name", READ_BY_PILLOW)
    def test_are_the_same_as_in_pillow(self, name: str) -> None:
        data = sample_files.every_kind()[name]

        expected = by_pillow(data)

        np.testing.assert_array_equal(registry.decode(data), expected.reshape(*expected.shape[:2], -1))

    @pytest.mark.parametrize("width", range(1, 18))
    @pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
    @pytest.mark.parametrize("down", [1, -1], ids=["bottom up", "top down"])
    def test_of_any_width_are_the_same_as_in_pillow_and_opencv(self, bits: int, width: int, down: int) -> None:
        palette = PALETTE[: 4 << bits] if bits <= 8 else b""
        data = bmp_of(width, 5 * down, bits, bmp_rows(bits, 5, width), palette=palette)

        pixels = registry.decode(data)

        np.testing.assert_array_equal(pixels, by_pillow(data).reshape(5, width, -1))
        if bits != 16:  # OpenCV drops the lowest bits
            np.testing.assert_array_equal(pixels, by_opencv(data))
        assert registry.read_header(io.BytesIO(data)).extent == (width, 5)

    @pytest.mark.parametrize(
        ("bits", "masks"),
        [
            pytest.param(16, (0xF00, 0xF0, 0xF, 0xF000), id="A4 R4 G4 B4"),
            pytest.param(16, (0xF000, 0xF00, 0xF0, 0xF), id="R4 G4 B4 A4"),
            pytest.param(16, (0xF00, 0xF0, 0xF), id="X4 R4 G4 B4"),
            pytest.param(16, (0xE000, 0x1C00, 0x300), id="R3 G3 B2"),
            pytest.param(16, (0xE0, 0x1C, 0x3, 0xFF00), id="A8 R3 G3 B2"),
            pytest.param(16, (0x1F, 0x7E0, 0xF800), id="B5 G6 R5"),
            pytest.param(16, (0x7C00, 0x3E0, 0x1F, 0x8000), id="A1 R5 G5 B5"),
            pytest.param(16, (0xF800, 0x7C0, 0x3E, 0x1), id="R5 G5 B5 A1"),
            pytest.param(32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000), id="A2 R10 G10 B10"),
            pytest.param(32, (0x3FF, 0xFFC00, 0x3FF00000), id="X2 B10 G10 R10"),
            pytest.param(32, (0xFFE00000, 0x1FFC00, 0x3FF), id="R11 G11 B10"),
            pytest.param(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), id="A8 R8 G8 B8"),
            pytest.param(32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), id="A8 B8 G8 R8"),
            pytest.param(32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF), id="R8 G8 B8 A8"),
            pytest.param(32, (0xFF00, 0xFF0000, 0xFF000000), id="B8 G8 R8 X8"),
            pytest.param(32, (0xFFFF0000, 0xFF00, 0xFF), id="R16 G8 B8"),
        ],
    )
    @pytest.mark.parametrize(("header", "compression"), [(40, 3), (40, 6), (52, 3), (56, 3), (108, 3), (124, 3)])
    def test_of_bit_fields_are_split_by_their_masks(
        self, tmp_path: Path, bits: int, masks: tuple[int, ...], header: int, compression: int
    ) -> None:
        takes_alpha = header >= 56 or compression == 6
        written = (*masks, 0)[:4] if takes_alpha else masks[:3]
        rows, expected = fields(bits, masks)
        file = bmp_of(WIDTH, HEIGHT, bits, rows, compression=compression, masks=written, header=header)

        pixels = registry.decode(file)

        channels = len([mask for mask in written if mask])
        assert pixels.shape == (HEIGHT, WIDTH, channels)
        assert np.abs(pixels - expected[..., :channels]).max() < 1
        for corner in ((0, 0), (0, 1)):
            np.testing.assert_array_equal(pixels[corner], expected[corner][:channels])
        if masks[0] == 0xF00 and header != 40:  # OpenImageIO reads this layout correctly, but without alpha
            np.testing.assert_array_equal(pixels[..., :3], by_openimageio(file, tmp_path / "f.bmp"))

    def test_of_bit_fields_have_no_alpha_if_it_is_0_everywhere(self, tmp_path: Path) -> None:
        """An invisible picture comes from a program that left those bits 0."""
        rows = (np.arange(HEIGHT * 12, dtype="<u2") & 0xFFF).tobytes()
        file = bmp_of(11, HEIGHT, 16, rows, compression=3, masks=(0xF00, 0xF0, 0xF, 0xF000), header=56)

        np.testing.assert_array_equal(registry.decode(file), by_openimageio(file, tmp_path / "f.bmp"))

    def test_with_an_index_beyond_the_palette_are_black(self) -> None:
        data = bmp_of(WIDTH, HEIGHT, 8, bmp_rows(8), palette=PALETTE[:40])

        np.testing.assert_array_equal(registry.decode(data), by_opencv(data))

    def test_may_lack_the_padding_of_the_last_row(self) -> None:
        data = bmp_of(5, 3, 24, bmp_rows(24, 3, 5))

        np.testing.assert_array_equal(registry.decode(data[:-1]), registry.decode(data))
        with pytest.raises(BrokenImageError, match="instead of"):
            registry.decode(data[:-2])

    @pytest.mark.parametrize("header", [16, 40, 52, 56, 64, 108, 124])
    def test_are_the_same_with_every_header(self, header: int) -> None:
        rows = bmp_rows(24)
        expected = registry.decode(bmp_of(WIDTH, HEIGHT, 24, rows, header=12))

        np.testing.assert_array_equal(registry.decode(bmp_of(WIDTH, HEIGHT, 24, rows, header=header)), expected)


def rle(data: bytes, width: int = 6, height: int = 3, bits: int = 8) -> bytes:
    compression = {8: 1, 4: 2}[bits]
    return bmp_of(width, height, bits, data, compression=compression, palette=PALETTE[: 4 << bits])


class TestRunLengths:
    @pytest.mark.parametrize(("data", "bits"), [(RLE8, 8), (RLE4, 4)])
    def test_decode_as_in_opencv_and_pillow(self, data: bytes, bits: int) -> None:
        file = rle(data, bits=bits)

        np.testing.assert_array_equal(registry.decode(file), by_pillow(file))
        np.testing.assert_array_equal(registry.decode(file), by_opencv(file))

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\3\1\0\0\6\2\0\0\6\3\0\1", id="a row that ends early"),
            pytest.param(b"\3\1\0\2\1\1\2\2\0\1", id="a step over pixels"),
            pytest.param(b"\6\1\0\0\0\1", id="missing rows"),
            pytest.param(b"\0\1", id="only an end of the bitmap"),
            pytest.param(b"\6\1\0\0\6\2\0\0\6\3\0\0\0\1", id="an end of line after the last row"),
            pytest.param(b"\6\1\0\0\6\2\0\0\6\3\0\0", id="no end of the bitmap after the last row"),
        ],
    )
    def test_leave_skipped_pixels_in_colour_0(self, data: bytes) -> None:
        """The format allows this, and OpenCV decodes it in the same way."""
        np.testing.assert_array_equal(registry.decode(rle(data)), by_opencv(rle(data)))

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\7\1\0\0\6\2\0\0\6\3\0\1", id="a run beyond the end of its row"),
            pytest.param(b"\0\7\1\2\3\4\5\6\7\0\0\0\6\2\0\0\6\3\0\1", id="literal pixels beyond the end of their row"),
            pytest.param(b"\6\1\0\0\6\2\0\0\6\3\0\0\6\4\0\1", id="a row too many"),
            pytest.param(b"\6\1\0\0\6\2\0\0\6\3\0\0\0\0\0\1", id="an end of line too many"),
            pytest.param(b"\3\1\0\2\x09\1\2\2\0\1", id="a step out of the row"),
            pytest.param(b"\3\1\0\2\0\xff\0\1", id="a step out of the picture"),
            pytest.param(b"\6\1\0\0\6\2\0\0\0\6\1\2", id="cut in its pixels"),
            pytest.param(b"\6\1\0\0\6\2", id="cut after a row"),
            pytest.param(b"\6\1\0\2\1", id="cut in a step"),
            pytest.param(b"\6", id="cut in a run"),
            pytest.param(b"", id="nothing"),
        ],
    )
    def test_that_leave_the_picture_or_end_too_early_are_refused(self, data: bytes) -> None:
        """Pillow continues in the next row, or pads with black."""
        with pytest.raises(BrokenImageError, match="run lengths"):
            registry.decode(rle(data))
        assert not reaches_its_end(io.BytesIO(rle(data)))

    @pytest.mark.parametrize(
        ("data", "bits"),
        [
            pytest.param(b"\6\1\2\0\0\0\6\2\2\0\0\0\6\3\2\0\0\1", 8, id="bytes"),
            pytest.param(b"\6\x11\2\0\0\0\6\x22\2\0\0\0\6\x33\2\0\0\1", 4, id="half bytes"),
        ],
    )
    def test_may_pad_rows_after_the_last_pixel(self, data: bytes, bits: int) -> None:
        """ImageMagick pads to a multiple of four bytes. The padding must start at the end of the row and end there."""
        pixels = registry.decode(rle(data, bits=bits))

        np.testing.assert_array_equal(pixels, by_pillow(rle(data, bits=bits)))
        with pytest.raises(BrokenImageError, match="run lengths leave the picture"):
            registry.decode(rle(data.replace(b"\2\0", b"\x0b\0"), bits=bits))

    def test_of_half_bytes_may_continue_to_the_end_of_the_last_byte(self) -> None:
        pixels = registry.decode(rle(b"\6\x12\0\0" * 3 + b"\0\1", 5, 3, 4))

        assert pixels.shape[:2] == (3, 5)
        np.testing.assert_array_equal(pixels, registry.decode(rle(b"\5\x12\0\0" * 3 + b"\0\1", 5, 3, 4)))

    @pytest.mark.parametrize("width", range(1, 9))
    def test_of_half_bytes_alternate_two_colours(self, width: int) -> None:
        row = bytes([width, 0x12, 0, 0])

        pixels = registry.decode(rle(row * 3 + b"\0\1", width, 3, 4))

        np.testing.assert_array_equal(pixels[0, :, 0], [PALETTE[4 * (1 + place % 2) + 2] for place in range(width)])


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "description"),
        [
            ({"compression": 4, "bits": 24}, "JPEG"),
            ({"compression": 5, "bits": 24}, "PNG"),
            ({"compression": 3, "bits": 1, "header": 64}, "Huffman"),
            ({"compression": 1, "bits": 24}, "24 bits"),
            ({"compression": 0, "bits": 64}, "64 bits"),
            ({"compression": 99, "bits": 24}, "compression 99"),
        ],
    )
    def test_name_the_unsupported_variety(self, options: dict[str, Any], description: str) -> None:
        with pytest.raises(BrokenImageError, match=f"{description}.*which is not supported; convert it to PNG"):
            registry.decode(bmp_of(WIDTH, HEIGHT, options.pop("bits"), bytes(500), **options))

    @pytest.mark.parametrize(("width", "height"), [(0, 5), (-3, 5), (5, 0), (2**31 - 1, 2**31 - 1)])
    def test_name_an_invalid_extent(self, width: int, height: int) -> None:
        for look in (registry.decode, lambda data: registry.read_header(io.BytesIO(data))):
            with pytest.raises(BrokenImageError, match=f"{width} x {height} pixels"):
                look(bmp_of(width, height, 24, bytes(100)))
