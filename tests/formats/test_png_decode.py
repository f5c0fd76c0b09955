"""PNG files of every colour type, judged by pypng and Pillow, and a corpus of broken and unusual files.

libpng 1.6.55 decided which files are valid: it reads every unusual file of the corpus, to the same pixels.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import png
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from io_utils.errors import BrokenImageError
from io_utils.formats import registry

from ..sample_files import by_opencv, exif, reaches_its_end

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colour type -> (channels, bit depths): specification, third edition, table 8.
KINDS = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
EVERY_KIND = [(colour, depth) for colour, (_, depths) in KINDS.items() for depth in depths]
SIZES = [(1, 1), (1, 9), (9, 1), (5, 7), (8, 8), (33, 17)]

Chunks = list[tuple[bytes, bytes]]


def chunk(name: bytes, contents: bytes = b"", crc: int = 0, length: int = 0) -> bytes:
    """A chunk. `crc` is XORed with the correct checksum, `length` is added to the correct length."""
    correct = zlib.crc32(name + contents)
    return struct.pack(">I", len(contents) + length) + name + contents + struct.pack(">I", correct ^ crc)


def file_of(chunks: Chunks) -> bytes:
    return SIGNATURE + b"".join(chunk(name, contents) for name, contents in chunks)


def samples(colour: int, depth: int, height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(depth).integers(0, 1 << depth, (height, width, KINDS[colour][0]))


def palette(depth: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (1 << depth, 3))


def png_file(values: np.ndarray, colour: int, depth: int, *, interlace: bool = False, key: Any = None) -> bytes:
    """A file of pypng. `key`: a transparency key, or for a palette the alpha of each colour."""
    height, width = values.shape[:2]
    options: dict[str, Any] = {"bitdepth": depth, "interlace": interlace}
    if colour == 3:
        colours = palette(depth)
        alphas = [] if key is None else [[alpha] for alpha in key]
        options["palette"] = [
            (*map(int, rgb), *alpha) for rgb, alpha in itertools.zip_longest(colours, alphas, fillvalue=())
        ]
    else:
        options |= {"greyscale": colour in (0, 4), "alpha": colour in (4, 6), "transparent": key}
    buffer = io.BytesIO()
    writer = png.Writer(width, height, **options)
    if interlace:
        writer.write_array(buffer, values.reshape(-1).tolist())
    else:
        writer.write(buffer, values.reshape(height, -1).tolist())
    return buffer.getvalue()


def expected_pixels(values: np.ndarray, colour: int, depth: int) -> np.ndarray:
    """Samples as pixels: palettes are resolved (11.2.2), samples of less than 8 bits are scaled to 8 (13.12)."""
    if colour == 3:
        return palette(depth)[values[..., 0]]
    return values * 255 // ((1 << depth) - 1) if depth < 8 else values


class TestEveryKind:
    @pytest.mark.parametrize("interlace", [False, True], ids=["", "Adam7"])
    @pytest.mark.parametrize(("height", "width"), SIZES)
    @pytest.mark.parametrize(("colour", "depth"), EVERY_KIND)
    def test_decodes_to_the_pixels_that_were_written(
        self, colour: int, depth: int, height: int, width: int, interlace: bool
    ) -> None:
        values = samples(colour, depth, height, width)

        pixels = registry.decode(png_file(values, colour, depth, interlace=interlace))

        assert pixels.dtype == (np.uint16 if depth == 16 else np.uint8)
        np.testing.assert_array_equal(pixels, expected_pixels(values, colour, depth))

    @pytest.mark.parametrize("interlace", [False, True], ids=["", "Adam7"])
    @pytest.mark.parametrize(("colour", "depth"), [kind for kind in EVERY_KIND if kind[0] in (0, 2)])
    def test_pixels_of_the_transparency_key_are_transparent(self, colour: int, depth: int, interlace: bool) -> None:
        """Pillow 13 compares keys of 2 and 4 bits with samples of 8 bits, and finds no match."""
        values = samples(colour, depth)
        key = tuple(int(sample) for sample in values[2, 3])

        pixels = registry.decode(png_file(values, colour, depth, interlace=interlace, key=key))

        np.testing.assert_array_equal(pixels[..., :-1], expected_pixels(values, colour, depth))
        clear = (values == key).all(axis=-1)
        np.testing.assert_array_equal(pixels[..., -1], np.where(clear, 0, np.iinfo(pixels.dtype).max))  # type: ignore[type-var]
        assert clear[2, 3]

    @pytest.mark.parametrize("interlace", [False, True], ids=["", "Adam7"])
    @pytest.mark.parametrize("depth", [1, 2, 4, 8])
    def test_palette_colours_have_their_transparency(self, depth: int, interlace: bool) -> None:
        values = samples(3, depth)
        alpha = np.random.default_rng(4).integers(0, 256, 1 << depth)

        pixels = registry.decode(png_file(values, 3, depth, interlace=interlace, key=alpha.tolist()))

        np.testing.assert_array_equal(pixels[..., :3], expected_pixels(values, 3, depth))
        np.testing.assert_array_equal(pixels[..., 3], alpha[values[..., 0]])

    @pytest.mark.parametrize("key", [None, (0, 9)])
    @pytest.mark.parametrize("depth", [1, 2, 4, 8])
    def test_indices_beyond_the_palette_are_black(self, depth: int, key: tuple[int, ...] | None) -> None:
        """As in OpenCV (libpng). Alpha beyond the transparency chunk is 255 (11.3.1.1)."""
        values = samples(3, depth)
        data = png_file(values, 3, depth, key=key)
        at = data.index(b"PLTE")
        colours = (1 << depth) - 1
        short = (
            data[: at - 4]
            + chunk(b"PLTE", data[at + 4 : at + 4 + 3 * colours])
            + data[at + 12 * 1 - 4 + 3 * (1 << depth) :]
        )
        if key and colours < len(key):
            short = short.replace(short[short.index(b"tRNS") - 4 : short.index(b"tRNS") + 10], b"")

        found = registry.decode(short)

        expected = palette(depth)
        expected[colours:] = 0
        np.testing.assert_array_equal(found[..., :3], expected[values[..., 0]])
        if found.shape[-1] == 3:
            np.testing.assert_array_equal(found, by_opencv(short, cv2.IMREAD_COLOR))
        else:
            assert (found[values[..., 0] >= colours][:, 3] == 255).all()

    @pytest.mark.parametrize("given", [1, 200])
    def test_colours_beyond_the_transparency_chunk_are_opaque(self, given: int) -> None:
        image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16), "L").convert("P")
        buffer = io.BytesIO()
        image.save(buffer, "PNG", transparency=bytes([7] * given))

        pixels = registry.decode(buffer.getvalue())

        with Image.open(io.BytesIO(buffer.getvalue())) as judge:
            np.testing.assert_array_equal(pixels, np.asarray(judge.convert("RGBA")))

    def test_only_the_low_bits_of_the_key_count(self) -> None:
        """11.3.1.1: if the image has less than 16 bits, the least significant bits are used and the others are 0."""
        values = np.array([[[0], [9], [255]]])
        data = png_file(values, 0, 8)
        keyed = data[:33] + chunk(b"tRNS", b"\x01\x09") + data[33:]

        np.testing.assert_array_equal(registry.decode(keyed)[0, :, 1], [255, 0, 255])

    @pytest.mark.parametrize("where", ["before IDAT", "after IDAT"])
    def test_exif_orientation_is_applied_before_and_after_the_image_data(self, where: str) -> None:
        values = samples(2, 8)
        data = png_file(values, 2, 8)
        tags = Image.Exif()
        tags[0x0112] = 6
        at = 33 if where == "before IDAT" else len(data) - 12
        turned = data[:at] + chunk(b"eXIf", tags.tobytes()) + data[at:]

        np.testing.assert_array_equal(registry.decode(turned), np.rot90(values, -1))
        assert registry.read_header(io.BytesIO(turned)).extent == (5, 7)


# Left column, top row, and steps of each pass: 8.1.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
EVERY_FILTER = (4, 3, 2, 1, 0)


class TestLargePicture:
    """The decoder works on 256 KiB of rows at a time, and a row may depend on every row above it."""

    WIDTH = 1001

    def height(self, colour: int, depth: int, *, interlace: bool = False) -> int:
        """Of a picture with more than 256 KiB, also in the last of its seven passes."""
        return (1_200_000 if interlace else 300_000) * 8 // (self.WIDTH * KINDS[colour][0] * depth)

    def rows(self, colour: int, depth: int, filters: tuple[int, ...], *, interlace: bool = False) -> list[bytes]:
        """Random bytes as filtered rows, whose filter types are `filters` in turn. Any bytes are valid."""
        rng, height = np.random.default_rng(5), self.height(colour, depth, interlace=interlace)
        filter_types, pixel_bits = itertools.cycle(filters), KINDS[colour][0] * depth
        return [
            bytes([next(filter_types)]) + rng.bytes((len(range(left, self.WIDTH, right)) * pixel_bits + 7) // 8)
            for left, top, right, down in (ADAM7 if interlace else [(0, 0, 1, 1)])
            for _ in range(top, height, down)
        ]

    def file(self, colour: int, depth: int, rows: bytes, *, interlace: bool = False) -> bytes:
        height = self.height(colour, depth, interlace=interlace)
        ihdr = header(width=self.WIDTH, height=height, colour=colour, depth=depth, interlace=interlace)
        colours = [(b"PLTE", palette(depth).astype(np.uint8).tobytes())] if colour == 3 else []
        return whole(*colours, ihdr=ihdr, idat=zlib.compress(rows, 1))

    def assert_decodes_as_in_libpng(self, data: bytes) -> None:
        pixels, judge = registry.decode(data), by_opencv(data)
        channels = {1: [0], 2: [0, 0, 0, 1]}.get(pixels.shape[-1], slice(None))  # OpenCV has no grey with alpha
        np.testing.assert_array_equal(pixels[..., channels], judge.reshape(*judge.shape[:2], -1))

    @pytest.mark.parametrize(("colour", "depth"), EVERY_KIND)
    def test_of_every_kind_decodes_as_in_libpng(self, colour: int, depth: int) -> None:
        self.assert_decodes_as_in_libpng(self.file(colour, depth, b"".join(self.rows(colour, depth, EVERY_FILTER))))

    @pytest.mark.parametrize("interlace", [False, True], ids=["", "Adam7"])
    @pytest.mark.parametrize("filter_type", EVERY_FILTER)
    def test_with_every_filter_decodes_as_in_libpng(self, filter_type: int, interlace: bool) -> None:
        rows = b"".join(self.rows(2, 8, (filter_type,), interlace=interlace))
        self.assert_decodes_as_in_libpng(self.file(2, 8, rows, interlace=interlace))

    @pytest.mark.parametrize("at", [0, 50, -1])
    def test_with_an_invalid_filter_type_in_any_row_is_refused(self, at: int) -> None:
        rows = self.rows(2, 8, EVERY_FILTER)
        rows[at] = b"\5" + rows[at][1:]

        with pytest.raises(BrokenImageError, match="row filter 5 is invalid"):
            registry.decode(self.file(2, 8, b"".join(rows)))

    @pytest.mark.parametrize("missing", [1, 1 + 3 * WIDTH, 100_000])
    def test_without_its_last_bytes_is_refused(self, missing: int) -> None:
        rows = b"".join(self.rows(2, 8, EVERY_FILTER))[:-missing]

        with pytest.raises(BrokenImageError, match=rf"holds only {len(rows):,} of [\d,]+ bytes"):
            registry.decode(self.file(2, 8, rows))

    def test_with_a_byte_more_is_refused(self) -> None:
        rows = b"".join(self.rows(2, 8, EVERY_FILTER))

        with pytest.raises(BrokenImageError, match=f"holds more than the {len(rows):,} bytes"):
            registry.decode(self.file(2, 8, rows + b"\0"))

    def test_with_rows_that_are_larger_than_a_block_decodes_as_in_libpng(self) -> None:
        width = 100_000
        rows = b"".join(b"\4" + np.random.default_rng(6).bytes(3 * width) for _ in range(3))
        self.assert_decodes_as_in_libpng(whole(ihdr=header(width=width, height=3), idat=zlib.compress(rows, 1)))

    def test_in_as_few_bytes_as_deflate_can_is_no_bomb(self) -> None:
        side = 1 << 12
        data = whole(ihdr=header(width=side, height=side, colour=0), idat=zlib.compress(bytes(side * (1 + side)), 9))

        assert side * side / len(data) > 1000
        assert not registry.decode(data).any()

    def test_in_a_file_that_is_long_enough_is_refused_if_its_image_data_are_not(self) -> None:
        side = 1 << 13
        data = whole((b"tEXt", bytes(side * side * 3 // 1000)), ihdr=header(width=side, height=side))

        assert registry.read_header(io.BytesIO(data)).extent == (side, side)
        with pytest.raises(BrokenImageError, match="cannot hold"):
            registry.decode(data)


# A small RGB picture that the corpus damages, and the same with a palette.
RGB = samples(2, 8)
ROWS = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in RGB)
IHDR = struct.pack(">IIBBBBB", 7, 5, 8, 2, 0, 0, 0)
IDAT = zlib.compress(ROWS)
INDICES = samples(3, 8) % 4
INDEX_ROWS = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in INDICES)
INDEX_IHDR = struct.pack(">IIBBBBB", 7, 5, 8, 3, 0, 0, 0)
PLTE = bytes(range(12))
TEXT = b"Comment\0words"


def whole(*before: tuple[bytes, bytes], ihdr: bytes = IHDR, idat: bytes = IDAT, after: Chunks | None = None) -> bytes:
    return file_of([(b"IHDR", ihdr), *before, (b"IDAT", idat), *(after or []), (b"IEND", b"")])


def indexed(*before: tuple[bytes, bytes], after: Chunks | None = None, rows: bytes = INDEX_ROWS) -> bytes:
    return whole(*before, ihdr=INDEX_IHDR, idat=zlib.compress(rows), after=after)


def header(**changes: int) -> bytes:
    fields = {"width": 7, "height": 5, "depth": 8, "colour": 2, "compression": 0, "filter": 0, "interlace": 0} | changes
    return struct.pack(">IIBBBBB", *fields.values())


def filtered(filter_type: int) -> bytes:
    rows = bytearray(ROWS)
    rows[22] = filter_type  # of the second row: a row has 1 + 3 x 7 bytes
    return zlib.compress(bytes(rows))


def raw(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


FIRST, DATA, END = chunk(b"IHDR", IHDR), chunk(b"IDAT", IDAT), chunk(b"IEND")
SPLIT = [chunk(b"IDAT", IDAT[:40]), chunk(b"IDAT", IDAT[40:])]

SMALL_WINDOW = zlib.compressobj(9, zlib.DEFLATED, 9)
RGBA = samples(6, 8)
RGBA_ROWS = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in RGBA)

# Unusual files that libpng reads as the same picture.
UNUSUAL = {
    "text before the image": whole((b"tEXt", TEXT)),
    "text after the image": whole(after=[(b"tEXt", TEXT)]),
    "the same text twice": whole((b"tEXt", TEXT), (b"tEXt", TEXT)),
    "an unknown ancillary chunk": whole((b"abCd", b"anything")),
    "an unknown ancillary chunk that is not safe to copy": whole((b"abCD", b"anything")),
    "a suggested palette": whole((b"PLTE", PLTE)),
    "image data in two chunks": raw(FIRST, *SPLIT, END),
    "image data in chunks of a byte": raw(FIRST, *(chunk(b"IDAT", IDAT[i : i + 1]) for i in range(len(IDAT))), END),
    "empty image data chunks": raw(FIRST, chunk(b"IDAT"), *SPLIT, chunk(b"IDAT"), END),
    "bytes after IEND": whole() + b"more",
    "a whole PNG after IEND": whole() + whole(),
    "stored blocks": whole(idat=zlib.compress(ROWS, 0)),
    "a window of 512 bytes": whole(idat=SMALL_WINDOW.compress(ROWS) + SMALL_WINDOW.flush()),
    "bytes after the zlib stream": whole(idat=IDAT + b"more"),
    "a gamma of 1/2.2": whole((b"gAMA", struct.pack(">I", 45455))),
    "significant bits": whole((b"sBIT", b"\5\6\5")),
    "a transparency chunk beside real alpha": whole(
        (b"tRNS", bytes(6)), ihdr=header(colour=6), idat=zlib.compress(RGBA_ROWS)
    ),
}

# Files that must be refused. libpng 1.6.55 refuses all but eight, because it stops reading after the last row (a missing or
# bad IEND, forbidden chunks after the image, a row too many).
BROKEN = {
    "nothing": b"",
    "half a signature": SIGNATURE[:4],
    "a signature alone": SIGNATURE,
    "a signature that FTP broke": b"\x89PNG\n\x1a\n" + whole()[8:],
    "a signature without its high bit": b"\x09PNG\r\n\x1a\n" + whole()[8:],
    "no IHDR": raw(DATA, END),
    "text before IHDR": raw(chunk(b"tEXt", TEXT), FIRST, DATA, END),
    "two IHDR": raw(FIRST, FIRST, DATA, END),
    "IHDR after the image": raw(FIRST, DATA, FIRST, END),
    "an IHDR of 12 bytes": whole(ihdr=IHDR[:12]),
    "an IHDR of 14 bytes": whole(ihdr=IHDR + b"\0"),
    "an empty IHDR": whole(ihdr=b""),
    "no width": whole(ihdr=header(width=0)),
    "no height": whole(ihdr=header(height=0)),
    "a width of 2^31": whole(ihdr=header(width=1 << 31)),
    "a height of 2^32 - 1": whole(ihdr=header(height=(1 << 32) - 1)),
    "2^30 pixels in a kilobyte": whole(ihdr=header(width=1 << 15, height=1 << 15)),
    "2^62 pixels": whole(ihdr=header(width=(1 << 31) - 1, height=(1 << 31) - 1)),
    "a height that is one too large": whole(ihdr=header(height=6)),
    "a height that is one too small": whole(ihdr=header(height=4)),
    "a width that is one too large": whole(ihdr=header(width=8)),
    "a width that is one too small": whole(ihdr=header(width=6)),
    "interlaced according to the header only": whole(ihdr=header(width=8, height=9, interlace=1)),
    "compression 1": whole(ihdr=header(compression=1)),
    "filter 1": whole(ihdr=header(filter=1)),
    "interlace 2": whole(ihdr=header(interlace=2)),
    "no IDAT": file_of([(b"IHDR", IHDR), (b"IEND", b"")]),
    "an empty IDAT": whole(idat=b""),
    "no IEND": raw(FIRST, DATA),
    "IEND cut": whole()[:-1],
    "IEND without its checksum": whole()[:-4],
    "IEND before the image": raw(FIRST, END, DATA),
    "other chunks between image data": raw(FIRST, SPLIT[0], chunk(b"tEXt", TEXT), SPLIT[1], END),
    "an unknown critical chunk": whole((b"ABCD", b"anything")),
    "an unknown critical chunk after the image": whole(after=[(b"ABCD", b"")]),
    "a name with a space": whole((b"ab d", b"")),
    "a name of zeros": whole((bytes(4), b"")),
    "a name of high bytes": whole((b"\xe1bCd", b"")),
    "a wrong checksum of IHDR": raw(chunk(b"IHDR", IHDR, crc=1), DATA, END),
    "a wrong checksum of IDAT": raw(FIRST, chunk(b"IDAT", IDAT, crc=1 << 31), END),
    "a wrong checksum of IEND": raw(FIRST, DATA, chunk(b"IEND", crc=1)),
    "a length of IDAT too long by one": raw(FIRST, chunk(b"IDAT", IDAT, length=1), END),
    "a length of IDAT too short by one": raw(FIRST, chunk(b"IDAT", IDAT, length=-1), END),
    "a length beyond the end": raw(FIRST, chunk(b"IDAT", IDAT, length=1 << 20), END),
    "a length of 2^32 - 1": raw(FIRST, struct.pack(">I", (1 << 32) - 1) + b"IDAT" + IDAT, END),
    "a negative length of text": raw(FIRST, struct.pack(">i", -1) + b"tEXt" + TEXT, DATA, END),
    "no zlib header": whole(idat=IDAT[2:]),
    "zlib method 7": whole(idat=b"\x77\x85" + IDAT[2:]),
    "a preset dictionary": whole(idat=b"\x78\xbb" + bytes(4) + IDAT[2:]),
    "a preset dictionary a byte at a time": raw(
        FIRST, *(chunk(b"IDAT", bytes([byte])) for byte in b"\x78\xbb" + bytes(4) + IDAT[2:]), END
    ),
    "gzip": whole(idat=b"\x1f\x8b\x08" + bytes(7) + IDAT[2:-4]),
    "a reserved deflate block": whole(idat=b"\x78\x01\x07" + bytes(20)),
    "a distance too far back": whole(idat=b"\x78\x01" + bytes.fromhex("4b04220000") + bytes(8)),
    "half of the compressed data": whole(idat=IDAT[: len(IDAT) // 2]),
    "no Adler-32": whole(idat=IDAT[:-4]),
    "half an Adler-32": whole(idat=IDAT[:-2]),
    "a wrong Adler-32": whole(idat=IDAT[:-1] + bytes([IDAT[-1] ^ 1])),
    "a byte of picture less": whole(idat=zlib.compress(ROWS[:-1])),
    "a byte of picture more": whole(idat=zlib.compress(ROWS + b"\0")),
    "no picture": whole(idat=zlib.compress(b"")),
    **{f"filter type {n}": whole(idat=filtered(n)) for n in (5, 6, 64, 128, 255)},
    **{
        f"{depth} bits of colour type {colour}": whole(ihdr=header(depth=depth, colour=colour))
        for colour, depth in itertools.product(range(8), (0, 1, 2, 3, 4, 8, 16, 32))
        if (colour, depth) not in EVERY_KIND
    },
    "no palette": indexed(),
    "an empty palette": indexed((b"PLTE", b"")),
    "a palette of 13 bytes": indexed((b"PLTE", PLTE + b"\0")),
    "a palette of 257 colours": indexed((b"PLTE", bytes(771))),
    "two palettes": indexed((b"PLTE", PLTE), (b"PLTE", PLTE)),
    "a palette after the image": indexed(after=[(b"PLTE", PLTE)]),
    "text": b"This is not an image.",
    "zeros": bytes(1000),
    "a PNG in a text file": whole().replace(b"\0", b" "),
}


def pillow(data: bytes) -> np.ndarray | None:
    """The pixels that Pillow reads, or None if it refuses the file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError, ValueError, struct.error, IndexError, KeyError, Image.DecompressionBombError):
        return None


def rgba(pixels: np.ndarray) -> np.ndarray:
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return pixels if pixels.shape[-1] == 4 else np.concatenate([pixels, alpha], axis=-1)


class TestUnusual:
    @pytest.mark.parametrize("name", UNUSUAL)
    def test_files_decode_as_in_the_judge(self, name: str) -> None:
        pixels = registry.decode(UNUSUAL[name])

        np.testing.assert_array_equal(pixels, RGBA if "alpha" in name else RGB)
        np.testing.assert_array_equal(rgba(pixels), pillow(UNUSUAL[name]))

    @pytest.mark.parametrize("name", UNUSUAL)
    def test_files_have_their_extent(self, name: str) -> None:
        assert registry.read_header(io.BytesIO(UNUSUAL[name])).extent == (7, 5)


# Transparency chunks that libpng ignores (wrong length, wrong place, a second one), and some that it uses.
TRANSPARENCY = {
    "more transparencies than colours": indexed((b"PLTE", PLTE), (b"tRNS", bytes(5))),
    "256 transparencies for 4 colours": indexed((b"PLTE", PLTE), (b"tRNS", bytes(256))),
    "no transparency in its chunk": indexed((b"PLTE", PLTE), (b"tRNS", b"")),
    "as many transparencies as colours": indexed((b"PLTE", PLTE), (b"tRNS", bytes(4))),
    "two transparency chunks": indexed((b"PLTE", PLTE), (b"tRNS", b"\0"), (b"tRNS", b"\0\0")),
    "transparency after the image": indexed((b"PLTE", PLTE), after=[(b"tRNS", b"\0")]),
    "transparency before the palette": indexed((b"tRNS", b"\0"), (b"PLTE", PLTE)),
    "a key of a byte": whole((b"tRNS", b"\0")),
    "a key of two samples": whole((b"tRNS", bytes(4))),
    "a key of four samples": whole((b"tRNS", bytes(8))),
    "a key of three samples": whole((b"tRNS", b"\0".join([b"", *(bytes([value]) for value in RGB[0, 0].tolist())]))),
    "a key after the image": whole(after=[(b"tRNS", bytes(6))]),
}
USED = ("as many transparencies as colours", "two transparency chunks", "a key of three samples")


class TestTransparency:
    @pytest.mark.parametrize("name", TRANSPARENCY)
    def test_is_the_same_as_in_libpng(self, name: str) -> None:
        judge = by_opencv(TRANSPARENCY[name])

        np.testing.assert_array_equal(rgba(registry.decode(TRANSPARENCY[name])), rgba(judge))

    @pytest.mark.parametrize("name", TRANSPARENCY)
    def test_makes_alpha_if_it_is_used(self, name: str) -> None:
        """An empty chunk, or one of another length, makes none. So nobody takes the picture for one with alpha."""
        assert registry.decode(TRANSPARENCY[name]).shape[2] == (4 if name in USED else 3)

    @pytest.mark.parametrize("name", TRANSPARENCY)
    def test_is_announced_by_the_header_if_it_is_used(self, name: str) -> None:
        """Memory is needed for the alpha that the header announces. What is behind the image is never used."""
        announced = registry.read_header(io.BytesIO(TRANSPARENCY[name])).may_have_alpha

        assert announced or name not in USED
        assert not (announced and "after the image" in name)

    def test_is_announced_also_behind_exif_data(self) -> None:
        data = indexed((b"PLTE", PLTE), (b"eXIf", exif(6)), (b"tRNS", bytes(4)))

        assert registry.read_header(io.BytesIO(data)).may_have_alpha

    @pytest.mark.parametrize("at", range(4, 13))
    def test_with_a_damaged_byte_is_refused(self, at: int) -> None:
        """Whether in its name, contents or checksum: without the chunk the picture would silently be opaque."""
        data = bytearray(TRANSPARENCY["as many transparencies as colours"])
        data[data.index(b"tRNS") - 4 + at] ^= 1

        with pytest.raises(BrokenImageError):
            registry.decode(bytes(data))


ANCILLARY: tuple[bytes, ...]
ANCILLARY = (b"iCCP", b"cLLI", b"mDCV", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT")
ANCILLARY += (b"tIME", b"iTXt", b"tEXt", b"zTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"iDOT", b"vpAg", b"prVt")


class TestChunkThatDoesNotAffectThePixels:
    @pytest.mark.parametrize("name", ANCILLARY)
    @pytest.mark.parametrize("place", [33, -12], ids=["before the image", "after it"])
    def test_is_ignored_if_its_checksum_is_wrong(self, name: bytes, place: int) -> None:
        data = whole()
        broken = data[:place] + chunk(name, TEXT, crc=0x10001) + data[place:]

        np.testing.assert_array_equal(registry.decode(broken), RGB)
        assert registry.read_header(io.BytesIO(broken)).extent == (7, 5)
        assert reaches_its_end(io.BytesIO(broken))

    @pytest.mark.parametrize("name", ANCILLARY)
    def test_may_hold_anything_anywhere_outside_the_image_data(self, name: bytes) -> None:
        for odd in (
            whole((name, b"\0")),
            whole((name, b"")),
            whole((name, TEXT), (name, TEXT)),
            whole(after=[(name, b"x")]),
        ):
            np.testing.assert_array_equal(registry.decode(odd), RGB)

    def test_with_exif_data_is_ignored_if_its_checksum_is_wrong(self) -> None:
        tags = Image.Exif()
        tags[0x0112] = 6
        broken, intact = chunk(b"eXIf", tags.tobytes(), crc=1), chunk(b"eXIf", tags.tobytes())
        for data, turned in ((raw(FIRST, broken, DATA, END), 0), (raw(FIRST, broken, DATA, intact, END), -1)):
            np.testing.assert_array_equal(registry.decode(data), np.rot90(RGB, turned))
            assert registry.read_header(io.BytesIO(data)).extent == ((5, 7) if turned else (7, 5))

    def test_with_exif_data_counts_only_if_it_is_the_first_of_its_kind(self) -> None:
        """As in libpng, which takes no data that begin with "Exif"."""
        first, second = (chunk(b"eXIf", exif(turn).removeprefix(b"Exif\0\0")) for turn in (6, 3))
        data = raw(FIRST, first, second, DATA, END)

        np.testing.assert_array_equal(registry.decode(data), np.rot90(RGB, -1))
        np.testing.assert_array_equal(registry.decode(data), by_opencv(data, cv2.IMREAD_COLOR))

    @pytest.mark.parametrize("colour", [0, 4])
    def test_is_ignored_if_it_is_the_palette_of_a_grey_picture(self, colour: int) -> None:
        values = samples(colour, 8)
        data = png_file(values, colour, 8)

        np.testing.assert_array_equal(registry.decode(data[:33] + chunk(b"PLTE", PLTE) + data[33:]), values)


# Found without reading the pixels: chunks that are cut or missing, that no chunk can be, and damage in the first and the last.
INCOMPLETE = (
    *("nothing", "half a signature", "a signature alone", "a signature that FTP broke"),
    *("a signature without its high bit", "no IHDR", "text before IHDR", "an IHDR of 12 bytes", "an IHDR of 14 bytes"),
    *("an empty IHDR", "no IDAT", "no IEND", "IEND cut", "IEND without its checksum", "IEND before the image"),
    *("a name with a space", "a name of zeros", "a name of high bytes", "a wrong checksum of IHDR"),
    *("a wrong checksum of IEND", "a length of IDAT too long by one", "a length of IDAT too short by one"),
    *("a length beyond the end", "a length of 2^32 - 1", "a negative length of text", "text", "zeros"),
)


class TestBroken:
    @pytest.mark.parametrize("name", BROKEN)
    def test_files_are_refused(self, name: str) -> None:
        with pytest.raises(BrokenImageError, match=r"\w"):
            registry.decode(BROKEN[name])

    @pytest.mark.parametrize("name", INCOMPLETE)
    def test_files_without_all_of_their_chunks_are_not_whole(self, name: str) -> None:
        assert not reaches_its_end(io.BytesIO(BROKEN[name]))

    @pytest.mark.parametrize("name", BROKEN)
    def test_files_have_an_extent_or_are_refused(self, name: str) -> None:
        with contextlib.suppress(BrokenImageError):
            assert min(registry.read_header(io.BytesIO(BROKEN[name])).extent) >= 1

    @pytest.mark.parametrize("side", [1 << 15, (1 << 31) - 1])
    def test_bombs_are_refused_when_the_header_is_read(self, side: int) -> None:
        data = whole(ihdr=header(width=side, height=side)).ljust(1024, b"\0")

        with pytest.raises(BrokenImageError, match="cannot hold"):
            registry.read_header(io.BytesIO(data))

    @pytest.mark.parametrize("length", range(len(whole())))
    def test_files_truncated_anywhere_are_refused(self, length: int) -> None:
        with pytest.raises(BrokenImageError):
            registry.decode(whole()[:length])


class TestChangedBytes:
    """Every byte of a PNG is covered by a checksum or locates one, so that every change to the pixels is detected."""

    FILES = {
        f"{colour}-{depth}{'-Adam7' if interlace else ''}": png_file(
            samples(colour, depth), colour, depth, interlace=interlace
        )
        for (colour, depth), interlace in itertools.product(EVERY_KIND, (False, True))
    }

    @settings(max_examples=400)
    @given(st.sampled_from(sorted(FILES)), st.integers(min_value=0), st.integers(1, 255))
    def test_never_change_the_picture(self, name: str, position: int, change: int) -> None:
        data = bytearray(self.FILES[name])
        before = registry.decode(bytes(data))
        data[position % len(data)] ^= change

        try:
            after = registry.decode(bytes(data))
        except BrokenImageError:
            return
        np.testing.assert_array_equal(after, before)

    @settings(max_examples=200)
    @given(st.sampled_from(sorted(FILES)), st.integers(min_value=0), st.binary(max_size=40), st.integers(0, 40))
    def test_inserted_or_removed_never_change_the_picture(
        self, name: str, position: int, put: bytes, taken: int
    ) -> None:
        data = self.FILES[name]
        at = position % len(data)

        try:
            after = registry.decode(data[:at] + put + data[at + taken :])
        except BrokenImageError:
            return
        np.testing.assert_array_equal(after, registry.decode(data))
