"""Decoding files of integer pixels. Judges: Pillow for 8 bits, the pixels given to pypng for 16 bits."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import png
import pytest
from PIL import Image, ImageFile, ImageOps

from io_utils.comfyui import preview
from io_utils.errors import BrokenImageError
from io_utils.formats import registry
from io_utils.formats.registry import is_whole_file as is_whole

from .. import sample_files
from ..disk import noise
from ..sample_files import by_opencv, png_chunk, reaches_its_end

HEIGHT, WIDTH = 8, 16
INPUTS = Path(__file__).parents[1] / "inputs"

CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Noise in any of Pillow's modes."""
    if mode in ("P", "1", "CMYK"):
        return Image.fromarray(noise(height, width)).convert(mode)
    pixels = noise(height, width, len(Image.new(mode, (1, 1)).getbands()))
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def png16(pixels: np.ndarray, **options: Any) -> bytes:
    """A 16-bit PNG that pypng wrote."""
    channels = pixels.shape[-1]
    writer = png.Writer(
        pixels.shape[1], pixels.shape[0], greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16, **options
    )
    buffer = io.BytesIO()
    rows = pixels.reshape(len(pixels), -1).tolist()
    writer.write(buffer, rows) if not options.get("interlace") else writer.write_array(
        buffer, list(itertools.chain.from_iterable(rows))
    )
    return buffer.getvalue()


def noise16(channels: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(16).integers(0, 1 << 16, (height, width, channels), np.uint16)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG `data` with one more chunk after IHDR, which ends at byte 33."""
    return data[:33] + chunk(kind, content) + data[33:]


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


class TestEightBitPixels:
    @pytest.mark.parametrize(
        ("kind", "mode"),
        [
            *itertools.product(["PNG", "TIFF", "WEBP"], ["L", "LA", "RGB", "RGBA"]),
            *itertools.product(["BMP"], ["L", "RGB", "RGBA"]),
            *itertools.product(["JPEG"], ["L", "RGB", "CMYK"]),
        ],
    )
    def test_are_the_same_as_in_pillow(self, kind: str, mode: str) -> None:
        data = file_of(picture(mode), kind, **({"lossless": True} if kind == "WEBP" else {}))
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(image.convert("RGB") if mode == "CMYK" else image)

        np.testing.assert_array_equal(registry.decode(data), expected.reshape(HEIGHT, WIDTH, -1))

    @pytest.mark.parametrize("channels", CHANNELS)
    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5), (64, 33)], ids=lambda s: f"{s[0]}x{s[1]}")
    def test_are_exact_in_pictures_of_any_size(self, channels: int, size: tuple[int, int]) -> None:
        pixels = noise(*size, channels)
        data = file_of(Image.fromarray(pixels if channels > 1 else pixels[..., 0]))

        np.testing.assert_array_equal(registry.decode(data), pixels)

    @pytest.mark.parametrize("mode", ["P", "1", "CMYK"])
    def test_of_other_modes_become_rgb_or_grey(self, mode: str) -> None:
        image = picture(mode)
        data = file_of(image, "TIFF" if mode == "CMYK" else "PNG")

        expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(np.broadcast_to(registry.decode(data), expected.shape), expected)

    def test_of_a_palette_with_transparency_become_rgba(self) -> None:
        image = picture("P")
        data = file_of(image, transparency=bytes([0, 64, 128] + [255] * 253))
        with Image.open(io.BytesIO(data)) as opened:
            expected = np.asarray(opened.convert("RGBA"))

        assert set(np.unique(expected[..., 3])) >= {255}
        np.testing.assert_array_equal(registry.decode(data), expected)

    @pytest.mark.parametrize(("mode", "key"), [("L", 0), ("RGB", (9, 9, 9))], ids=["grey", "colour"])
    def test_of_the_transparency_key_are_transparent(self, mode: str, key: Any) -> None:
        image = picture(mode)
        image.putpixel((3, 2), key)
        data = file_of(image, transparency=key)

        pixels = registry.decode(data)

        colour = pixels[..., :-1]
        np.testing.assert_array_equal(np.broadcast_to(colour, (HEIGHT, WIDTH, 3)), np.asarray(image.convert("RGB")))
        np.testing.assert_array_equal(pixels[..., -1], np.where((colour == key).all(axis=-1), 0, 255))
        assert pixels[2, 3, -1] == 0

    @pytest.mark.parametrize("channels", CHANNELS)
    def test_of_an_interlaced_png_are_exact(self, channels: int) -> None:
        pixels = noise(9, 7, channels)
        buffer = io.BytesIO()
        writer = png.Writer(7, 9, greyscale=channels < 3, alpha=channels in (2, 4), interlace=True)
        writer.write_array(buffer, pixels.reshape(-1).tolist())

        np.testing.assert_array_equal(registry.decode(buffer.getvalue()), pixels)

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_of_a_grey_png_with_fewer_bits_are_scaled_up(self, bits: int) -> None:
        levels = np.random.default_rng(0).integers(0, 1 << bits, (5, 7))
        buffer = io.BytesIO()
        png.Writer(7, 5, greyscale=True, bitdepth=bits).write(buffer, levels.tolist())

        pixels = registry.decode(buffer.getvalue())

        np.testing.assert_array_equal(pixels[..., 0], levels * 255 // ((1 << bits) - 1))

    def test_of_a_png_with_many_idat_chunks_are_exact(self) -> None:
        pixels = noise(64, 64)
        data = file_of(Image.fromarray(pixels))
        idat = data.index(b"IDAT")
        (length,) = struct.unpack_from(">I", data, idat - 4)
        samples = data[idat + 4 : idat + 4 + length]
        pieces = b"".join(chunk(b"IDAT", samples[start : start + 100]) for start in range(0, length, 100))

        np.testing.assert_array_equal(registry.decode(data[: idat - 4] + pieces + chunk(b"IEND", b"")), pixels)


def by_ffmpeg(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), format="jpeg_pipe") as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")  # type: ignore[union-attr]


class TestJpeg:
    @pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    def test_decodes_like_another_decoder(self, mode: str, progressive: bool) -> None:
        """Pillow writes CMYK like Adobe: inverted, with an Adobe marker."""
        rows, columns = np.mgrid[:64, :48].astype(np.uint8)
        image = Image.fromarray(np.stack([columns * 5, rows * 4, 255 - columns * 5], axis=-1)).convert(mode)
        data = file_of(image, "JPEG", quality=98, subsampling=0, progressive=progressive)

        pixels = registry.decode(data)

        assert (b"Adobe" in data) == (mode == "CMYK")
        expected = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(pixels - expected).max() <= 4
        assert np.abs(pixels - by_ffmpeg(data).astype(int)).max() <= 4

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_rotated_by_its_exif_orientation(self, orientation: int) -> None:
        data = file_of(picture(), "JPEG", exif=exif(orientation))
        with Image.open(io.BytesIO(data)) as judge:
            expected = ImageOps.exif_transpose(judge)

        np.testing.assert_array_equal(registry.decode(data), np.asarray(expected))
        assert registry.read_header(io.BytesIO(data)).extent == expected.size


class TestSixteenBitPixels:
    @pytest.mark.parametrize("channels", CHANNELS, ids=CHANNELS.get)
    def test_of_a_png_are_exact(self, channels: int) -> None:
        pixels = noise16(channels)

        decoded = registry.decode(png16(pixels))

        assert decoded.dtype == np.uint16
        np.testing.assert_array_equal(decoded, pixels)

    @pytest.mark.parametrize("channels", CHANNELS, ids=CHANNELS.get)
    def test_of_an_interlaced_png_are_exact(self, channels: int) -> None:
        pixels = noise16(channels)

        np.testing.assert_array_equal(registry.decode(png16(pixels, interlace=True)), pixels)

    @pytest.mark.parametrize("channels", CHANNELS, ids=CHANNELS.get)
    def test_of_a_png_with_exif_data_are_exact(self, channels: int) -> None:
        """GIMP and darktable write an eXIf chunk into every 16-bit PNG."""
        pixels = noise16(channels)

        np.testing.assert_array_equal(registry.decode(with_chunk(png16(pixels), b"eXIf", exif(1))), pixels)

    @pytest.mark.parametrize(("channels", "key"), [(1, (300,)), (3, (300, 40000, 7))], ids=["grey", "colour"])
    def test_of_the_transparency_key_are_transparent(self, channels: int, key: tuple[int, ...]) -> None:
        """A 16-bit key is one of 2 ** 48 colours: others with the same high bytes are opaque."""
        pixels = noise16(channels)
        pixels[2, 3] = key
        pixels[4, 5] = np.array(key) ^ 1

        decoded = registry.decode(png16(pixels, transparent=key if channels == 3 else key[0]))

        colour = decoded[..., :-1]
        np.testing.assert_array_equal(
            np.broadcast_to(colour, (HEIGHT, WIDTH, 3)), np.broadcast_to(pixels, (HEIGHT, WIDTH, 3))
        )
        assert [decoded[2, 3, -1], decoded[4, 5, -1]] == [0, 65535]

    def test_of_a_colour_png_with_exif_orientation_are_rotated(self) -> None:
        pixels = noise16(3)
        data = with_chunk(png16(pixels), b"eXIf", exif(6))

        np.testing.assert_array_equal(registry.decode(data), np.rot90(pixels, -1))

    def test_of_a_grey_tiff_are_exact(self) -> None:
        pixels = noise16(1)
        data = file_of(Image.fromarray(pixels[..., 0]), "TIFF")

        np.testing.assert_array_equal(registry.decode(data), pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_of_a_colour_png_are_rotated_by_the_exif_orientation(self, orientation: int) -> None:
        pixels = noise16(3)
        with Image.open(
            io.BytesIO(file_of(Image.fromarray((pixels >> 8).astype(np.uint8)), exif=exif(orientation)))
        ) as judge:
            expected = np.asarray(ImageOps.exif_transpose(judge))

        decoded = registry.decode(with_chunk(png16(pixels), b"eXIf", exif(orientation)))

        np.testing.assert_array_equal(decoded >> 8, expected)  # type: ignore[operator]


def test_pixels_with_more_than_16_bits_are_refused_not_wrapped() -> None:
    levels = np.array([[0, 65535], [65536, 70000]], np.int32)

    with pytest.raises(BrokenImageError):
        registry.decode(file_of(Image.fromarray(levels), "TIFF"))


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "PNG"])
    def test_applies_to_the_pixels_and_the_extent(self, kind: str, orientation: int) -> None:
        data = file_of(picture(), kind, exif=exif(orientation), **({"lossless": True} if kind == "WEBP" else {}))
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        assert expected.shape[:2] == ((WIDTH, HEIGHT) if orientation >= 5 else (HEIGHT, WIDTH))

        pixels = registry.decode(data)

        np.testing.assert_array_equal(pixels, expected)
        assert registry.read_header(io.BytesIO(data)).extent == (pixels.shape[1], pixels.shape[0])

    def test_values_1_6_and_8_rotate_as_exif_defines(self) -> None:
        pixels = noise(HEIGHT, WIDTH)
        turned = {1: pixels, 6: np.rot90(pixels, -1), 8: np.rot90(pixels)}
        for orientation, expected in turned.items():
            data = file_of(Image.fromarray(pixels), "WEBP", lossless=True, exif=exif(orientation))
            np.testing.assert_array_equal(registry.decode(data), expected)


class TestReadHeader:
    @pytest.mark.parametrize("data", [b"", b"This is not an image.", b"\x89PNG\r\n\x1a\n", bytes(1000)])
    def test_refuses_a_file_that_is_not_an_image(self, data: bytes) -> None:
        with pytest.raises(BrokenImageError):
            registry.read_header(io.BytesIO(data))


def broken_png(name: str) -> bytes:
    whole = file_of(picture())
    idat = whole.index(b"IDAT")
    rows = b"".join(b"\0" + row.tobytes() for row in noise(HEIGHT, WIDTH))

    def with_samples(samples: bytes) -> bytes:
        return whole[: idat - 4] + chunk(b"IDAT", samples) + chunk(b"IEND", b"")

    flipped = bytearray(whole)
    flipped[idat + 20] ^= 1
    return {
        "cut in its samples": whole[: idat + 30],
        "cut before IEND": whole[:-12],
        "cut in its IEND": whole[:-3],
        "a flipped bit": bytes(flipped),
        "half of its samples, checksums right": with_samples(zlib.compress(rows[: len(rows) // 2])),
        "one row short": with_samples(zlib.compress(rows[: -(1 + WIDTH * 3)])),
        "half of its compressed samples, checksums right": with_samples(zlib.compress(rows)[:200]),
        "samples that are not zlib's": with_samples(bytes(range(256))),
        "a wrong Adler checksum": with_samples(zlib.compress(rows)[:-4] + b"\1\2\3\4"),
        "an unknown filter type": with_samples(zlib.compress(b"\7" + rows[1:])),
        "no samples": with_samples(b""),
        "no IDAT": whole[: idat - 4] + chunk(b"IEND", b""),
        "a length far beyond its end": whole[: idat - 4] + b"\x7f\xff\xff\xff" + whole[idat:],
        "an empty IHDR": whole[:8] + chunk(b"IHDR", b"") + whole[33:],
        "no width": whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, HEIGHT, 8, 2, 0, 0, 0)) + whole[33:],
        "3 bits a sample": whole[:8]
        + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 3, 2, 0, 0, 0))
        + whole[33:],
    }[name]


BROKEN_PNGS = [
    "cut in its samples",
    "cut before IEND",
    "cut in its IEND",
    "a flipped bit",
    "half of its samples, checksums right",
    "one row short",
    "half of its compressed samples, checksums right",
    "samples that are not zlib's",
    "a wrong Adler checksum",
    "an unknown filter type",
    "no samples",
    "no IDAT",
    "a length far beyond its end",
    "an empty IHDR",
    "no width",
    "3 bits a sample",
]
OTHERS = {"JPEG": {}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"}}


@pytest.fixture(params=[False, True], ids=["", "another pack loads truncated images"])
def load_truncated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """ImageFile.LOAD_TRUNCATED_IMAGES, a global that another pack may have set."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", request.param)
    return request.param


@pytest.mark.usefixtures("load_truncated")
@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF data")
class TestBrokenFile:
    @pytest.mark.parametrize("name", BROKEN_PNGS)
    def test_png_is_refused(self, name: str) -> None:
        with pytest.raises(BrokenImageError, match=r"\w"):
            registry.decode(broken_png(name))

    @pytest.mark.parametrize("kind", OTHERS)
    @pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
    def test_truncated_is_refused(self, kind: str, part: float) -> None:
        data = file_of(picture(height=64, width=64), kind, **OTHERS[kind])  # type: ignore[arg-type]

        with pytest.raises(BrokenImageError, match=r"\w"):
            registry.decode(data[: int(len(data) * part)])

    @pytest.mark.parametrize("mode", ["P", "1"])
    def test_png_that_pillow_accepts_is_refused(self, mode: str) -> None:
        data = file_of(picture(mode, 64, 64))
        idat = data.index(b"IDAT")
        (length,) = struct.unpack_from(">I", data, idat - 4)
        half = data[: idat - 4] + chunk(b"IDAT", data[idat + 4 : idat + 4 + length // 2]) + chunk(b"IEND", b"")

        with pytest.raises(BrokenImageError):
            registry.decode(half)

    @pytest.mark.parametrize(
        "data",
        [b"", b"This is not an image.", bytes(1000), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0"],
        ids=["empty", "text", "zeros", "a PNG signature", "a JPEG signature", "a TIFF signature"],
    )
    def test_that_is_not_an_image_is_refused(self, data: bytes) -> None:
        with pytest.raises(BrokenImageError):
            registry.decode(data)


@pytest.mark.parametrize("before", [False, True])
class TestLoadTruncatedImages:
    """ImageFile.LOAD_TRUNCATED_IMAGES of Pillow is global: other packs must find the value that they set."""

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_is_unchanged_after_decoding(self, monkeypatch: pytest.MonkeyPatch, before: bool, kind: str) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", before)

        registry.decode(file_of(picture(), kind))
        assert ImageFile.LOAD_TRUNCATED_IMAGES is before

    def test_is_unchanged_after_a_broken_file(self, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", before)

        with pytest.raises(BrokenImageError):
            registry.decode(file_of(picture(), "JPEG")[:200])
        assert ImageFile.LOAD_TRUNCATED_IMAGES is before

    def test_is_unchanged_after_many_threads(self, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
        """A thread that reset it would affect the others: they would return half a picture in black instead of an error."""
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", before)
        whole = file_of(picture(height=256, width=256), "JPEG")
        half = whole[: len(whole) // 2]

        def broken(number: int) -> bool:
            try:
                registry.decode(half if number % 2 else whole)
            except BrokenImageError:
                return True
            return False

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(broken, range(200))) == [False, True] * 100
        assert ImageFile.LOAD_TRUNCATED_IMAGES is before


def exif_of(kind: int, count: int, value: bytes) -> bytes:
    """EXIF data with only an orientation, of any TIFF type (TIFF 6.0, section 2)."""
    return b"Exif\0\0MM\0*" + struct.pack(">IHHHI4sI", 8, 1, 0x0112, kind, count, value, 0)


class TestInvalidOrientation:
    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
    @pytest.mark.parametrize(
        "entry",
        [
            pytest.param((2, 3, b"6a\0\0"), id="text"),
            pytest.param((1, 4, b"abcd"), id="bytes"),
            pytest.param((7, 4, b"abcd"), id="of no type"),
            pytest.param((3, 1, b"\0\x63\0\0"), id="99"),
        ],
    )
    def test_leaves_the_picture_upright(self, kind: str, entry: tuple[int, int, bytes]) -> None:
        data = file_of(picture(), kind, exif=exif_of(*entry))

        assert registry.read_header(io.BytesIO(data)).extent == (WIDTH, HEIGHT)
        assert registry.decode(data).shape == (HEIGHT, WIDTH, 3)


class TestExif:
    """EXIF data never prevent decoding, and a readable orientation is applied."""

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
    @pytest.mark.parametrize(
        "block",
        [
            b"",
            b"Exif",
            b"Exif\0\0",
            b"II*\0",
            b"MM\0*\xff\xff\xff\xff",
            b"MM\0*\0\0\0\x08\xff\xff",
            b"MM\0*\0\0\0\x08\0\x01\x01\x12",
            b"II*\0\x08\0\0\0",
            bytes(range(256)),
            b"not a TIFF file",
            b"\0" * 100,
        ],
        ids=lambda block: block[:16].hex(),
    )
    def test_garbage_leaves_the_picture_upright(self, kind: str, block: bytes) -> None:
        data = file_of(picture(), kind, exif=b"Exif\0\0" + block, **({"lossless": True} if kind == "WEBP" else {}))
        plain = file_of(picture(), kind, **({"lossless": True} if kind == "WEBP" else {}))

        np.testing.assert_array_equal(registry.decode(data), registry.decode(plain))
        assert registry.read_header(io.BytesIO(data)).extent == (WIDTH, HEIGHT)

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
    @pytest.mark.parametrize(
        "entry",
        [
            pytest.param((3, 1, b"\0\6\0\0"), id="SHORT"),
            pytest.param((1, 1, b"\6\0\0\0"), id="BYTE"),
            pytest.param((4, 1, b"\0\0\0\6"), id="LONG"),
            pytest.param((8, 1, b"\0\6\0\0"), id="signed"),
        ],
    )
    def test_orientation_may_have_any_integer_type(self, kind: str, entry: tuple[int, int, bytes]) -> None:
        options = {"lossless": True} if kind == "WEBP" else {}

        data = file_of(picture(), kind, exif=exif_of(*entry), **options)

        np.testing.assert_array_equal(
            registry.decode(data), np.rot90(registry.decode(file_of(picture(), kind, **options)), -1)
        )
        assert registry.read_header(io.BytesIO(data)).extent == (HEIGHT, WIDTH)

    def test_broken_chunk_in_a_real_file_is_ignored(self) -> None:
        data = (INPUTS / "f7_broken_exif_chunk.png").read_bytes()

        pixels = registry.decode(data)

        judge = by_opencv(data)
        np.testing.assert_array_equal(pixels.squeeze(), judge)
        assert registry.read_header(io.BytesIO(data)).extent == (judge.shape[1], judge.shape[0])


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n%%EOF\n"

# Files that are not supported, and what the error says about them.
OTHER_TYPES = {
    "an empty file": (b"", "the file is empty"),
    "zeros": (bytes(1000), "not a readable image"),
    "text": (b"This is not an image.", "not a readable image"),
    "GIF": (file_of(picture("P"), "GIF"), "a GIF file, which this pack does not read; convert it to PNG"),
    "PPM": (file_of(picture(), "PPM"), "a PPM file"),
    "PostScript": (POSTSCRIPT, "a PostScript file"),
    "EPS of DOS": (b"\xc5\xd0\xd3\xc6" + bytes(100), "a PostScript file"),
    "ICNS": (file_of(picture("RGBA", 32, 32), "ICNS"), "an ICNS file"),
    "ICO": (file_of(picture("RGBA", 32, 32), "ICO"), "an ICO file"),
    "PCX": (file_of(picture(), "PCX"), "not a readable image"),
    "DDS": (file_of(picture(), "DDS"), "a DDS file"),
    "TGA": (file_of(picture(), "TGA"), "not a readable image"),
    "SGI": (file_of(picture(), "SGI"), "not a readable image"),
    "JPEG 2000": (file_of(picture(), "JPEG2000"), "a JPEG 2000 file"),
    "FITS": (b"SIMPLE  =                    T".ljust(2880), "a FITS file"),
    "Photoshop": (b"8BPS\0\1" + bytes(100), "a Photoshop file"),
    "PDF": (b"%PDF-1.7" + bytes(100), "a PDF file"),
    "AVIF": (b"\0\0\0\x1cftypavif" + bytes(100), "an AVIF file"),
    "HEIC": (b"\0\0\0\x1cftypheic" + bytes(100), "an HEIC file"),
    "MP4": (b"\0\0\0\x1cftypisom" + bytes(100), "a video file"),
    "JPEG XL": (b"\xff\x0a" + bytes(100), "a JPEG XL file"),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
    "DPX": (b"SDPX" + bytes(100), "a DPX file"),
    "HDR": (b"#?RADIANCE\n", "a Radiance HDR file"),
    "a web page": (b"<!DOCTYPE html><html></html>", "a web page"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "WAV": (b"RIFF\x24\0\0\0WAVEfmt ", "not a readable image"),
}


def test_no_format_of_this_pack_is_among_the_other_types() -> None:
    listed = [start for start in registry._OTHER_TYPES if any(kind.matches(start) for kind in registry.FORMATS)]
    assert not listed, f"take these out of _OTHER_TYPES in registry.py, and out of OTHER_TYPES in this file: {listed}"


@pytest.mark.filterwarnings("error")
class TestFileOfAnotherType:
    @pytest.mark.parametrize("name", OTHER_TYPES)
    def test_is_named_and_never_opened(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        data, description = OTHER_TYPES[name]
        opened: list[object] = []
        monkeypatch.setattr(Image, "open", lambda *a, **k: opened.append(a))

        for look in (registry.decode, lambda data: registry.read_header(io.BytesIO(data))):
            with pytest.raises(BrokenImageError, match=description):
                look(data)

        assert not reaches_its_end(io.BytesIO(data))
        assert opened == []

    @pytest.mark.skipif(os.name == "nt", reason="the stand-in for Ghostscript is a shell script")
    @pytest.mark.parametrize("data", [POSTSCRIPT, (INPUTS / "f14_postscript_called.png").read_bytes()], ids=["", "F14"])
    @pytest.mark.parametrize("extension", [".png", ".jpg", ".tif", ".bmp", ".webp"])
    def test_never_starts_another_program(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, pack: ModuleType, data: bytes, extension: str
    ) -> None:
        """Pillow starts Ghostscript to read PostScript. The stand-in for it leaves a trace."""
        trace, gs = output / "started", output / "bin/gs"
        gs.parent.mkdir()
        gs.write_text(f'#!/bin/sh\necho >> "{trace}"\n')
        gs.chmod(0o755)
        monkeypatch.setenv("PATH", str(gs.parent), prepend=os.pathsep)
        monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
        path = output / f"f_0001{extension}"
        path.write_bytes(data)
        with contextlib.suppress(OSError), Image.open(path) as image:
            image.load()
        assert trace.exists()  # the stand-in works
        trace.unlink()

        settings = {"start_index": 1, "frame_count": 1, "ignore_missing_images": "false"}
        with pytest.raises(ValueError, match="a PostScript file, which this pack does not read"):
            pack.NODE_CLASS_MAPPINGS["ImageSequenceLoadBatch"]().load(path_pattern=f"f_####{extension}", **settings)
        for size in ({}, {"size": "64"}):
            answered = preview.answer({"type": "output", "filename": path.name, **size}, ())
            assert isinstance(answered.body, bytes)
            assert (answered.status, b"a PostScript file" in answered.body) == (415, True)
        assert not is_whole(path)
        assert not trace.exists()


class TestAnyExceptionOfADecoder:
    """Decoders fail in unforeseen ways; the error must name the frame in any case."""

    @pytest.mark.parametrize(
        "error", [TypeError, AssertionError, AttributeError, IndexError, RuntimeError, RecursionError]
    )
    def test_becomes_broken_image_error(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        def fail(*_: object) -> None:
            failed.append(1)
            raise error("'bytes' object cannot be interpreted as an integer")

        failed: list[int] = []
        (output / "f_0001.bmp").write_bytes(file_of(picture(), "BMP"))
        monkeypatch.setattr("io_utils.formats.bmp.decode_bmp", fail)

        with pytest.raises(BrokenImageError, match=f"cannot be decoded .{error.__name__}: 'bytes' object"):
            registry.decode(file_of(picture(), "BMP"))
        answered = preview.answer({"type": "output", "filename": "f_0001.bmp", "size": "64"}, ())
        assert isinstance(answered.body, bytes)
        assert (answered.status, b"f_0001.bmp cannot be shown" in answered.body) == (415, True)
        assert len(failed) == 2

    def test_memory_error_is_passed_on_because_the_file_is_not_to_blame(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise MemoryError

        (output / "f_0001.bmp").write_bytes(file_of(picture(), "BMP"))
        monkeypatch.setattr("io_utils.formats.bmp.decode_bmp", fail)

        with pytest.raises(MemoryError):
            registry.decode(file_of(picture(), "BMP"))
        assert preview.answer({"type": "output", "filename": "f_0001.bmp", "size": "64"}, ()).status == 503


def test_a_decompression_bomb_is_not_inflated_beyond_its_picture() -> None:
    """64 MiB of zeros in 64 kB, after the rows of a small picture."""
    whole = file_of(picture())
    idat = whole.index(b"IDAT")
    rows = b"".join(b"\0" + row.tobytes() for row in noise(HEIGHT, WIDTH))
    bomb = whole[: idat - 4] + chunk(b"IDAT", zlib.compress(rows + bytes(1 << 26))) + chunk(b"IEND", b"")

    with pytest.raises(BrokenImageError, match="more than the 392 bytes"):
        registry.decode(bomb)


def test_many_threads_can_decode_at_once() -> None:
    pixels = [noise(32, 32, channels) for channels in (1, 2, 3, 4) * 8]
    files = [file_of(Image.fromarray(p if p.shape[-1] > 1 else p[..., 0])) for p in pixels]
    decoded: dict[int, np.ndarray] = {}

    threads = [
        threading.Thread(target=lambda n=n: decoded.update({n: registry.decode(files[n])})) for n in range(len(files))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for n, expected in enumerate(pixels):
        np.testing.assert_array_equal(decoded[n], expected)


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2].split(",")))  # None: importing it fails
from io_utils import errors
from io_utils.formats import registry
with open(sys.argv[1], "rb") as file:
    data = file.read()
sys.stdout.buffer.write(registry.decode(data).tobytes())
try:
    registry.decode(data[:-40] + data[-12:])
except errors.BrokenImageError:
    pass
else:
    sys.exit("a truncated file was accepted")
"""


@pytest.mark.parametrize("absent", ["isal", "isal,zlib_ng"])
def test_pixels_are_the_same_without_the_accelerators(tmp_path: Path, absent: str) -> None:
    pixels = noise(40, 30)
    (tmp_path / "f.png").write_bytes(file_of(Image.fromarray(pixels)))

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "f.png"), absent],
        cwd=Path(registry.__file__).parents[2],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == pixels.tobytes()


def _declaring(name: str, side: int) -> bytes:
    """A file that declares `side` x `side` pixels, or as many as its format can declare."""
    if name == "png":
        ihdr = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        room = bytes(side * side // 8 // 1000)  # enough that deflate could hold such a picture
        chunks = [png_chunk(b"IHDR", ihdr), png_chunk(b"IDAT", room), png_chunk(b"IEND")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    data = bytearray(next(iter(sample_files.of(name).values())))
    if name == "jpeg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", min(side, 65535), min(side, 65535))
    elif name == "bmp":
        data[18:26] = struct.pack("<ii", side, side)
    elif name == "webp":
        data = bytearray(sample_files.every_kind()["webp RGB exif"])
        data[24:30] = (side - 1).to_bytes(3, "little") * 2
    elif name == "exr":
        for window in (b"dataWindow", b"displayWindow"):
            at = data.index(window + b"\0box2i\0") + len(window) + 1 + 6 + 4
            data[at : at + 16] = struct.pack("<4i", 0, 0, side - 1, side - 1)
    else:
        (start,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            if struct.unpack_from("<H", data, at)[0] in (256, 257):
                struct.pack_into("<HII", data, at + 2, 4, 1, side)
    return bytes(data)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "bmp", "tiff", "exr"])
def test_a_file_that_declares_65536_x_65536_pixels_is_refused_without_taking_memory(name: str) -> None:
    """Half a megabyte of PNG would take 4 GiB, and 48 as an IMAGE. The error must blame the file, not the memory."""
    data = _declaring(name, 65536)
    tracemalloc.start()
    try:
        for look in (registry.decode, lambda data: registry.read_header(io.BytesIO(data))):
            with pytest.raises(BrokenImageError, match=r"its header declares 6553[56] x 6553[56] pixels"):
                look(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data) + 2**20
