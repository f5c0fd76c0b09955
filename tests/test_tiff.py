"""TIFF files of 16 bits and floating point. Judges: files by the book (TIFF 6.0), and Pillow where it writes such files."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import tracemalloc
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from io_utils import decode, tiff
from io_utils.decode import BrokenImageError

HEIGHT, WIDTH = 21, 37
FORMATS = {"u": 1, "i": 2, "f": 3}
GREY, INVERTED, RGB, PALETTE, CMYK = 1, 0, 2, 3, 5
CONTIGUOUS, SEPARATE = 1, 2
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3
ASSOCIATED, UNASSOCIATED, UNSPECIFIED = 1, 2, 0


def values(dtype: str, channels: int) -> np.ndarray:
    random = np.random.default_rng(7)
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 3, (HEIGHT, WIDTH, channels)).astype(dtype)
    return random.integers(0, 1 << 16, (HEIGHT, WIDTH, channels)).astype(dtype)


def differences(block: np.ndarray, predictor: int) -> np.ndarray:
    """Sections 14, and Adobe's technical note 3: each sample, or byte, less the one of its kind to the left."""
    if predictor == DIFFERENCES:
        return np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1])).astype(block.dtype)
    rows, columns, channels = block.shape
    size = block.dtype.itemsize
    big = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(">"))).view(np.uint8)
    planes = big.reshape(rows, columns * channels, size).swapaxes(1, 2).reshape(rows, -1, channels)
    return np.diff(planes, axis=1, prepend=np.zeros_like(planes[:, :1])).astype(np.uint8)


def written(
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
    """A TIFF of strips of 8 rows, or of tiles of `tile` x `tile`, in byte order `order`; `big` for BigTIFF."""
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
    behind = directory + len(count) + len(all_tags) * (4 + 2 * room) + room
    entries, rest = b"", b""
    for tag, numbers in sorted(all_tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > room:
            packed, rest = struct.pack(order + number, behind + len(rest)), rest + packed
        entries += struct.pack(order + entry, tag, 4, len(numbers)) + packed.ljust(room, b"\0")
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + (
        struct.pack(order + "HHHQ", 43, 8, 0, directory) if big else struct.pack(order + "HI", 42, directory)
    )
    return head + data + count + entries + bytes(room) + rest


PACKINGS = {
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
FLOAT_PACKINGS = {
    **{name: options for name, options in PACKINGS.items() if options.get("predictor") != DIFFERENCES},  # type: ignore[attr-defined]
    "differences of bytes": {"deflate": True, "predictor": FLOAT_DIFFERENCES},
    "tiles of differences of bytes": {"deflate": True, "predictor": FLOAT_DIFFERENCES, "tile": 16},
}
LAYOUTS = {1: (GREY, {}), 2: (GREY, {338: [UNASSOCIATED]}), 3: (RGB, {}), 4: (RGB, {338: [UNASSOCIATED]})}


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("channels", LAYOUTS)
class TestEveryLayout:
    @pytest.mark.parametrize("packing", PACKINGS)
    def test_of_16_bits_has_its_values(self, packing: str, channels: int, order: str) -> None:
        photometric, tags = LAYOUTS[channels]
        pixels = values("u2", channels)

        data = written(pixels, photometric, order=order, tags=tags, **PACKINGS[packing])  # type: ignore[arg-type]

        found = decode.decode(data)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, pixels)
        assert decode.size(io.BytesIO(data)) == (WIDTH, HEIGHT)

    @pytest.mark.parametrize("packing", FLOAT_PACKINGS)
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_of_floating_point_has_its_values(self, dtype: str, packing: str, channels: int, order: str) -> None:
        photometric, tags = LAYOUTS[channels]
        pixels = values(dtype, channels)

        found = decode.decode(written(pixels, photometric, order=order, tags=tags, **FLOAT_PACKINGS[packing]))  # type: ignore[arg-type]

        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, pixels.astype(np.float32))


class TestMeaning:
    @pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    @pytest.mark.parametrize("dtype", ["u2", "f4"])
    def test_of_a_grey_file_of_pillow_is_what_was_written(self, dtype: str, compression: str | None) -> None:
        pixels = values(dtype, 1)
        buffer = io.BytesIO()
        Image.fromarray(pixels[..., 0]).save(buffer, "TIFF", compression=compression)

        np.testing.assert_array_equal(decode.decode(buffer.getvalue()), pixels)

    def test_of_an_inverted_grey_file_is_black_on_white(self) -> None:
        pixels = values("u2", 1)

        np.testing.assert_array_equal(decode.decode(written(pixels, INVERTED)), 65535 - pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_turned_upright(self, orientation: int) -> None:
        pixels = values("u2", 3)
        tags = Image.Exif()
        tags[0x0112] = orientation
        buffer = io.BytesIO()
        Image.fromarray((pixels >> 8).astype(np.uint8)).save(buffer, "PNG", exif=tags)
        data = written(pixels, tags={274: [orientation]})

        with Image.open(buffer) as judge:
            expected = ImageOps.exif_transpose(judge)
            np.testing.assert_array_equal(decode.decode(data) >> 8, np.asarray(expected))  # type: ignore[operator]
            assert decode.size(io.BytesIO(data)) == expected.size

    @pytest.mark.parametrize("dtype", ["u2", "f4"])
    def test_of_associated_alpha_is_taken_apart(self, dtype: str) -> None:
        one = 65535 if dtype == "u2" else 1
        straight = np.array([[[1, 0.5, 0, 1], [1, 0.5, 0.25, 0.5], [0.2, 0.4, 0.6, 0.1], [0, 0, 0, 0]]]) * one
        multiplied = straight * np.array([1, 1, 1, 0]) * straight[..., 3:] / one + straight * np.array([0, 0, 0, 1])
        data = written(multiplied.astype(dtype), tags={338: [ASSOCIATED]})

        np.testing.assert_allclose(decode.decode(data), straight, atol=20 if dtype == "u2" else 1e-6)

    def test_of_extra_channels_that_are_no_alpha_is_left_out(self) -> None:
        pixels = values("u2", 5)

        found = decode.decode(written(pixels, tags={338: [UNSPECIFIED, UNASSOCIATED]}))

        np.testing.assert_array_equal(found, pixels[..., [0, 1, 2, 4]])
        np.testing.assert_array_equal(decode.decode(written(pixels, tags={338: [0, 0]})), pixels[..., :3])


class TestLarge:
    """Pillow's limit is one of pixels: a picture of more bytes, as film has them, is no bomb."""

    def test_4k_of_four_floats_has_its_values(self) -> None:
        pixels = np.zeros((3072, 4096, 4), np.float32)
        pixels[-1, -1] = 0.25, 0.5, 0.75, 1

        with warnings.catch_warnings():
            warnings.simplefilter("error")  # DecompressionBombWarning
            assert (decode.decode(written(pixels, tags={338: [UNASSOCIATED]})) == pixels).all()

    def test_more_than_1_gb_of_a_picture_is_refused_before_memory_is_taken(self) -> None:
        data = written(np.zeros((8, 8, 1), np.float32), GREY, tags={256: [10_000], 257: [10_000], 277: [3]})
        with pytest.raises(BrokenImageError, match="1,200,000,000 bytes"):
            decode.decode(data)

    def test_tags_that_nobody_asks_for_take_no_memory(self) -> None:
        """Each of 1000 has the 100 kB of the file as its values: as Python's numbers that would be 0.8 GB."""
        blob, count = bytes(100_000), 1000
        entries = b"".join(struct.pack("<HHII", 40_000 + i, 1, len(blob), 8) for i in range(count))
        data = b"II*\0" + struct.pack("<I", 8 + len(blob)) + blob + struct.pack("<H", count) + entries + bytes(4)

        tracemalloc.start()
        try:
            tiff.Directory(io.BytesIO(data))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 10 * len(data)


@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF data")
class TestRefused:
    @pytest.mark.parametrize(
        ("data", "named"),
        [
            pytest.param(written(values("u4", 3)), "32, 32, 32", id="integers of 32 bits"),
            pytest.param(written(values("i2", 1), GREY), "format", id="signed integers"),
            pytest.param(written(values("u2", 1), PALETTE), "neither grey nor RGB", id="a palette of 16 bits"),
            pytest.param(written(values("u2", 4), CMYK), "neither grey nor RGB", id="CMYK of 16 bits"),
            pytest.param(written(values("u2", 1), GREY, tags={258: [12]}), "12", id="12 bits"),
            pytest.param(written(values("u2", 3), tags={258: [16, 8, 16]}), "16, 8, 16", id="bits of several kinds"),
            pytest.param(written(values("u2", 3), tags={259: [7]}), "compression 7", id="JPEG in 16 bits"),
            pytest.param(written(values("u2", 3), tags={317: [9]}), "predictor 9", id="an unknown predictor"),
            pytest.param(written(values("u2", 3), tags={256: [1 << 20], 257: [1 << 20]}), "1048576", id="a bomb"),
            pytest.param(written(values("f4", 1), INVERTED), "inverted", id="inverted floating point"),
        ],
    )
    def test_are_files_that_cannot_be_read_rightly(self, data: bytes, named: str) -> None:
        with pytest.raises(BrokenImageError, match=named):
            decode.decode(data)

    @pytest.mark.parametrize("packing", PACKINGS)
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_are_files_that_are_cut_anywhere(self, packing: str, order: str) -> None:
        data = written(values("u2", 3), order=order, **PACKINGS[packing])  # type: ignore[arg-type]
        for length in [*range(0, len(data) - 300, 61), *range(len(data) - 300, len(data))]:
            with pytest.raises(BrokenImageError):
                decode.decode(data[:length])

    @pytest.mark.parametrize("packing", ["deflated", "deflated differences", "in deflated tiles"])
    def test_are_files_whose_blocks_are_damaged(self, packing: str) -> None:
        data = bytearray(written(values("u2", 3), **PACKINGS[packing]))  # type: ignore[arg-type]
        data[200:260] = bytes(60)

        with pytest.raises(BrokenImageError):
            decode.decode(bytes(data))

    @pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 339])
    @pytest.mark.parametrize("number", [0, 3, 77, (1 << 32) - 1])
    def test_or_read_are_files_with_anything_in_a_tag(self, tag: int, number: int) -> None:
        tags: dict[int, Any] = {tag: [number]}
        with contextlib.suppress(BrokenImageError):
            assert decode.decode(written(values("u2", 1), GREY, tags=tags)).ndim == 3
