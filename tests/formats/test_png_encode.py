"""The PNG encoder, judged by Pillow, pypng and PyAV. The pack's own decoder is not used."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import png as pypng
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks import corpus
from benchmarks.engines import check
from io_utils.formats import zlib_engines
from io_utils.formats.png import encode as png
from io_utils.formats.png.encode import encode_png

Pixels = np.ndarray[Any, Any]

DEPTHS = [pytest.param(np.uint8, id="8-bit"), pytest.param(np.uint16, id="16-bit")]
CHANNELS = [pytest.param(n, id=name) for n, name in enumerate(["grey", "grey+alpha", "RGB", "RGBA"], 1)]


ACCELERATORS = ("zlib_ng", "isal_zlib")


@pytest.fixture(params=["accelerators", "zlib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test twice: with zlib-ng and ISA-L, and as if they were not installed."""
    if request.param == "zlib":
        for name in ACCELERATORS:
            monkeypatch.setattr(zlib_engines, name, None)
    elif not all(getattr(zlib_engines, name) for name in ACCELERATORS):
        pytest.skip("zlib-ng or ISA-L is not installed")
    return str(request.param)


@pytest.fixture
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of 1000 bytes instead of 512 KiB, so that small pictures have many."""
    monkeypatch.setattr(png, "_STRIP_BYTES", 1000)


class Chunk(NamedTuple):
    name: str
    data: bytes


def chunks(data: bytes) -> list[Chunk]:
    """Return the chunks as section 5 defines them; a wrong signature, CRC or length fails the test."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        name, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (crc,) = struct.unpack_from(">I", data, position + 8 + length)
        assert crc == zlib.crc32(name + body), f"CRC of {name!r}"
        found.append(Chunk(name.decode("ascii"), body))
        position += 12 + length
    assert position == len(data)
    return found


def inflated(data: bytes) -> bytes:
    """Return what the IDAT chunks hold as one zlib stream, which must be complete and have nothing after it."""
    inflater = zlib.decompressobj()
    raw = inflater.decompress(b"".join(chunk.data for chunk in chunks(data) if chunk.name == "IDAT"))
    assert inflater.eof
    assert not inflater.unused_data
    return raw


def by_pypng(data: bytes) -> Pixels:
    width, height, rows, info = pypng.Reader(bytes=data).read()
    dtype = np.uint16 if info["bitdepth"] == 16 else np.uint8
    return np.array([list(row) for row in rows], dtype).reshape(height, width, info["planes"])


def by_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def pillow_size(pixels: Pixels) -> int:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=4)
    return buffer.tell()


def noise(shape: tuple[int, ...], dtype: Any = np.uint8, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def photograph(height: int, width: int) -> Pixels:
    """Smooth colour with a little noise."""
    y, x = np.mgrid[0:height, 0:width] / 100
    smooth = np.stack([128 + 60 * np.sin(x + y * k) + 40 * np.cos(y - x * k) for k in (1, 2, 3)], -1)
    return (smooth + np.random.default_rng(1).normal(0, 1, smooth.shape)).clip(0, 255).astype(np.uint8)


def text_page(height: int, width: int) -> Pixels:
    """Glyphs of 8 x 8 pixels, few different ones, on white."""
    rng = np.random.default_rng(2)
    glyphs = np.where(rng.random((20, 8, 8)) < 0.3, 0, 255).astype(np.uint8)
    glyphs[:8] = 255
    page = glyphs[rng.integers(0, 20, (height // 8, width // 8))].swapaxes(1, 2).reshape(height, width)
    return np.repeat(page[..., None], 3, -1)


def mask(height: int, width: int) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    disc = (np.hypot(x - width / 2, y - height / 2) < height / 3).astype(np.uint8) * np.uint8(255)
    return np.repeat(disc[..., None], 3, -1)


def ramp(height: int, width: int) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    return np.repeat(((x * 2 + y) // 8 % 256).astype(np.uint8)[..., None], 3, -1)


CONTENTS = {
    "photograph": photograph(256, 320),
    "grey photograph in RGB": np.repeat(photograph(256, 320)[..., :1], 3, -1),
    "page of text": text_page(256, 320),
    "mask": mask(256, 320),
    "flat colours": np.array([[200, 30, 40], [10, 90, 250]], np.uint8)[mask(256, 320)[..., 0] // 255],
    "ramp": ramp(256, 320),
    "noise": noise((256, 320, 3)),
    "black": np.zeros((256, 320, 3), np.uint8),
}
CONTENT = pytest.mark.parametrize("pixels", CONTENTS.values(), ids=CONTENTS.keys())


class TestPixels:
    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize("channels", CHANNELS)
    @pytest.mark.parametrize("dtype", DEPTHS)
    def test_every_format_decodes_to_the_same_pixels(self, dtype: Any, channels: int) -> None:
        pixels = noise((7, 5, channels), dtype)
        assert np.array_equal(by_pypng(encode_png(pixels)), pixels)

    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize("channels", CHANNELS)
    def test_pillow_reads_8_bit_files(self, channels: int) -> None:
        pixels = noise((7, 5, channels))
        assert np.array_equal(by_pillow(encode_png(pixels)), pixels)

    @pytest.mark.usefixtures("engine", "small_strips")
    @pytest.mark.parametrize(("channels", "layout"), [(3, "rgb48be"), (4, "rgba64be")])
    def test_ffmpeg_reads_16_bit_colour(self, tmp_path: Path, channels: int, layout: str) -> None:
        pixels = noise((30, 40, channels), np.uint16)
        (tmp_path / "frame.png").write_bytes(encode_png(pixels))
        with av.open(tmp_path / "frame.png") as container:
            frame = next(container.decode(video=0))
        assert frame.format.name == layout
        assert np.array_equal(frame.to_ndarray(), pixels)

    @pytest.mark.usefixtures("engine", "small_strips")
    @CONTENT
    def test_all_content_survives_in_many_strips(self, pixels: Pixels) -> None:
        assert np.array_equal(by_pillow(encode_png(pixels)), pixels)

    @pytest.mark.parametrize("content", corpus.HELD_OUT.names())
    def test_what_people_save_survives(self, content: str) -> None:
        """In strips of the usual size: one of these pictures could not be encoded, because one strip was unlike the others."""
        pixels = corpus.HELD_OUT.picture(content, (1024, 1024))
        check(encode_png(pixels), pixels, content)

    @pytest.mark.usefixtures("engine")
    def test_a_frame_of_several_full_strips_survives(self) -> None:
        pixels = np.concatenate([photograph(600, 1000), text_page(400, 1000), noise((200, 1000, 3))])
        data = encode_png(pixels)
        assert len([chunk for chunk in chunks(data) if chunk.name == "IDAT"]) == 7
        assert np.array_equal(by_pillow(data), pixels)

    @settings(max_examples=150)
    @given(
        height=st.integers(1, 40),
        width=st.integers(1, 40),
        channels=st.integers(1, 4),
        dtype=st.sampled_from([np.uint8, np.uint16]),
        values=st.integers(1, 2**16),
        repeat=st.sampled_from([1, 1, 3, 9]),
        strip=st.integers(1, 3000),
        accelerated=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def test_any_small_picture_survives_any_cut_into_strips(
        self, height, width, channels, dtype, values, repeat, strip, accelerated, seed
    ) -> None:
        top = min(values, np.iinfo(dtype).max)
        pixels = np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype, endpoint=True)
        pixels = pixels.repeat(repeat, 0).repeat(repeat, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(png, "_STRIP_BYTES", strip)
            for name in ACCELERATORS if not accelerated else ():
                patch.setattr(zlib_engines, name, None)
            data = encode_png(pixels)
        assert len(inflated(data)) == pixels.shape[0] * (1 + pixels[0].nbytes)
        assert np.array_equal(by_pypng(data), pixels)

    @pytest.mark.usefixtures("engine", "small_strips")
    @pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (1, 5000), (5000, 1)], ids=str)
    @pytest.mark.parametrize("channels", CHANNELS)
    def test_pictures_may_be_one_pixel_wide_or_high(self, shape: tuple[int, int], channels: int) -> None:
        pixels = noise((*shape, channels), np.uint16)
        assert np.array_equal(by_pypng(encode_png(pixels)), pixels)

    def test_two_dimensions_mean_grey(self) -> None:
        pixels = noise((6, 9))
        assert encode_png(pixels) == encode_png(pixels[..., None])
        assert Image.open(io.BytesIO(encode_png(pixels))).mode == "L"

    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(lambda a: a[::2, ::3], id="every other row"),
            pytest.param(lambda a: a[::-1, ::-1, ::-1], id="flipped, channels reversed"),
            pytest.param(lambda a: a.swapaxes(0, 1), id="transposed"),
            pytest.param(np.asfortranarray, id="Fortran order"),
            pytest.param(lambda a: a[..., 1:], id="without the first channel"),
            pytest.param(lambda a: np.broadcast_to(a[:1], a.shape), id="broadcast"),
        ],
    )
    @pytest.mark.parametrize("dtype", DEPTHS)
    def test_strides_do_not_matter(self, view: Any, dtype: Any) -> None:
        pixels = view(noise((20, 30, 4), dtype))
        assert encode_png(pixels) == encode_png(pixels.copy(order="C"))
        assert np.array_equal(by_pypng(encode_png(pixels)), pixels)

    def test_the_pixels_are_not_modified_and_may_be_read_only(self) -> None:
        pixels = photograph(40, 40)
        before = pixels.copy()
        pixels.flags.writeable = False
        encode_png(pixels)
        assert np.array_equal(pixels, before)

    def test_16_bit_samples_are_stored_most_significant_byte_first(self) -> None:
        assert inflated(encode_png(np.array([[0x1234]], np.uint16)))[1:] == b"\x12\x34"


class TestFile:
    def test_chunks_are_ordered_header_text_pixels_end(self) -> None:
        data = encode_png(noise((800, 500, 3)), {"prompt": "{}", "title": "日本"})
        names = [chunk.name for chunk in chunks(data)]
        assert names == ["IHDR", "tEXt", "iTXt", "IDAT", "IDAT", "IDAT", "IEND"]

    @pytest.mark.parametrize("channels", CHANNELS)
    @pytest.mark.parametrize("dtype", DEPTHS)
    def test_the_header_has_size_depth_and_colour_type(self, dtype: Any, channels: int) -> None:
        header = chunks(encode_png(noise((3, 8, channels), dtype)))[0]
        depth, colour_type = 8 * np.dtype(dtype).itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        assert header == ("IHDR", struct.pack(">IIBBBBB", 8, 3, depth, colour_type, 0, 0, 0))

    @pytest.mark.usefixtures("engine", "small_strips")
    @CONTENT
    def test_all_strips_are_one_zlib_stream_of_filtered_rows(self, pixels: Pixels) -> None:
        """zlib checks the Adler-32 that was combined from those of the strips; pypng would not."""
        raw = np.frombuffer(inflated(encode_png(pixels)), np.uint8).reshape(256, 1 + 3 * 320)
        assert set(raw[:, 0]) <= {0, 1, 2, 3, 4}

    def test_a_small_frame_is_one_chunk(self) -> None:
        assert [chunk.name for chunk in chunks(encode_png(noise((64, 64, 3))))] == ["IHDR", "IDAT", "IEND"]

    @pytest.mark.usefixtures("engine", "small_strips")
    @CONTENT
    def test_any_number_of_threads_gives_the_same_bytes(self, pixels: Pixels) -> None:
        alone = encode_png(pixels, {"prompt": "{}"})
        assert encode_png(pixels, {"prompt": "{}"}, threads=4) == alone
        assert encode_png(pixels, {"prompt": "{}"}, threads=4) == alone

    @CONTENT
    @pytest.mark.parametrize("absent", [["zlib_ng"], ["isal_zlib"], ACCELERATORS], ids="+".join)
    def test_without_an_accelerator_the_pixels_are_the_same(
        self, absent: list[str], pixels: Pixels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in absent:
            monkeypatch.setattr(zlib_engines, name, None)
        assert np.array_equal(by_pillow(encode_png(pixels)), pixels)

    @pytest.mark.parametrize(
        ("name", "kind"), [("zlib_ng", "flat colours"), ("isal_zlib", "grey photograph in RGB")], ids=str
    )
    def test_an_accelerator_is_used_when_it_is_installed_and_only_then(
        self, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = getattr(zlib_engines, name)
        if module is None:
            pytest.skip(f"{name} is not installed")
        with_it = encode_png(CONTENTS[kind])
        monkeypatch.setattr(zlib_engines, name, None)
        without = encode_png(CONTENTS[kind])
        monkeypatch.setattr(zlib_engines, name, module)
        assert with_it != without
        assert encode_png(CONTENTS[kind]) == with_it


class TestSize:
    """Files are no larger than those of ComfyUI's Save Image, and no strip suffers from its neighbour."""

    @pytest.mark.usefixtures("engine")
    def test_a_photograph_is_no_larger_than_with_pillow(self) -> None:
        pixels = photograph(512, 512)
        assert len(encode_png(pixels)) <= pillow_size(pixels)

    @pytest.mark.usefixtures("engine")
    def test_a_black_and_white_mask_is_no_larger_than_with_pillow(self) -> None:
        pixels = mask(1024, 1024)
        assert len(encode_png(pixels)) <= pillow_size(pixels)

    @pytest.mark.usefixtures("engine")
    def test_noise_grows_by_less_than_a_thousandth(self) -> None:
        pixels = noise((512, 512, 3))
        assert len(encode_png(pixels)) < pixels.nbytes * 1.001

    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize("kind", ["page of text", "mask", "flat colours", "ramp", "grey photograph in RGB"])
    def test_content_that_huffman_codes_alone_would_inflate_stays_small(self, kind: str) -> None:
        """Huffman codes take at least one bit per byte, an eighth of the picture, and make a grey photograph 50 % larger."""
        limit = {"page of text": 0.12, "mask": 0.02, "flat colours": 0.02, "ramp": 0.1, "grey photograph in RGB": 0.25}
        pixels = CONTENTS[kind]
        assert len(encode_png(pixels)) < pixels.nbytes * limit[kind]

    @pytest.mark.usefixtures("engine")
    def test_each_strip_of_a_mixed_frame_gets_suitable_settings(self) -> None:
        """The file is about as small as its parts on their own, which no single setting could achieve."""
        parts = [photograph(512, 1024), mask(512, 1024), text_page(512, 1024), noise((512, 1024, 3))]
        whole = len(encode_png(np.concatenate(parts)))
        assert whole < 1.02 * sum(len(encode_png(part)) for part in parts)
        assert whole < 0.98 * pillow_size(np.concatenate(parts))

    @pytest.mark.usefixtures("engine")
    def test_a_mixed_frame_uses_several_filter_types(self) -> None:
        parts = [photograph(512, 1024), mask(512, 1024), noise((512, 1024, 3))]
        raw = np.frombuffer(inflated(encode_png(np.concatenate(parts))), np.uint8).reshape(-1, 1 + 3 * 1024)
        assert len(set(raw[1:512, 0]) | set(raw[513:1024, 0])) > 1

    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize("kind", ["photograph", "page of text", "ramp"])
    def test_cutting_a_frame_into_strips_costs_little(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """At most 5 %, or for tiny files a chunk and a table of codes for each strip: 80 bytes."""
        pixels = np.tile(CONTENTS[kind], (4, 1, 1))
        monkeypatch.setattr(png, "_STRIP_BYTES", pixels.nbytes * 2)
        whole = len(encode_png(pixels))
        monkeypatch.setattr(png, "_STRIP_BYTES", pixels.nbytes // 4)
        assert len(encode_png(pixels)) < max(1.05 * whole, whole + 5 * 80)


class TestText:
    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            pytest.param('{"3": {"class_type": "KSampler"}}', "tEXt", id="JSON"),
            pytest.param("caf\xe9 \xff", "tEXt", id="latin-1"),
            pytest.param("", "tEXt", id="empty"),
            pytest.param("two\nlines", "tEXt", id="two lines"),
            pytest.param("日本語 \U0001f3ac", "iTXt", id="beyond latin-1"),
            pytest.param("x" * 300_000, "tEXt", id="300 kB"),
        ],
    )
    def test_pillow_reads_back_what_was_written(self, value: str, name: str) -> None:
        data = encode_png(noise((2, 2, 3)), {"workflow": value})
        assert chunks(data)[1].name == name
        with Image.open(io.BytesIO(data)) as image:
            assert image.text == {"workflow": value}  # type: ignore[attr-defined]
            assert image.info["workflow"] == value

    def test_tEXt_is_keyword_nul_latin_1(self) -> None:
        assert chunks(encode_png(noise((2, 2)), {"Title": "\xe9"}))[1] == ("tEXt", b"Title\0\xe9")

    def test_iTXt_is_uncompressed_utf_8_without_language(self) -> None:
        assert chunks(encode_png(noise((2, 2)), {"Title": "€"}))[1] == ("iTXt", b"Title\0\0\0\0\0\xe2\x82\xac")

    def test_entries_keep_their_order(self) -> None:
        data = encode_png(noise((2, 2)), {"workflow": "1", "prompt": "2", "a": "3"})
        assert [chunk.data for chunk in chunks(data)[1:4]] == [b"workflow\x001", b"prompt\x002", b"a\x003"]

    @pytest.mark.parametrize("keyword", ["a", "x" * 79, "Creation Time", "\xa1\xff", "~ !"], ids=repr)
    def test_keywords_may_be_1_to_79_printable_latin_1_characters(self, keyword: str) -> None:
        with Image.open(io.BytesIO(encode_png(noise((2, 2)), {keyword: "v"}))) as image:
            assert image.text == {keyword: "v"}  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("keyword", "rule"),
        [
            pytest.param("", "1 to 79", id="empty"),
            pytest.param("x" * 80, "1 to 79", id="80 characters"),
            pytest.param(7, "1 to 79", id="not a string"),
            pytest.param(" a", "leading", id="leading space"),
            pytest.param("a ", "leading", id="trailing space"),
            pytest.param("a  b", "doubled", id="two spaces"),
            pytest.param("a\nb", "printable", id="line feed"),
            pytest.param("a\0b", "printable", id="NUL"),
            pytest.param("a\x7fb", "printable", id="delete"),
            pytest.param("a\xa0b", "printable", id="no-break space"),
            pytest.param("日", "printable", id="beyond latin-1"),
        ],
    )
    def test_other_keywords_are_refused_by_name(self, keyword: Any, rule: str) -> None:
        with pytest.raises(ValueError, match=rule) as refused:
            encode_png(noise((2, 2)), {keyword: "v"})
        assert repr(keyword) in str(refused.value)

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            pytest.param("ab\0c", "NUL at position 2", id="NUL"),
            pytest.param("€\0", "NUL at position 1", id="NUL beyond latin-1"),
            pytest.param("ab\ud800", "surrogate pair at position 2", id="half a surrogate pair"),
            pytest.param(b"bytes", "must be a string, got bytes", id="bytes"),
            pytest.param(None, "must be a string, got NoneType", id="None"),
        ],
    )
    def test_text_that_png_cannot_hold_is_refused_by_keyword(self, value: Any, reason: str) -> None:
        with pytest.raises(ValueError, match=reason) as refused:
            encode_png(noise((2, 2)), {"workflow": value})
        assert "'workflow'" in str(refused.value)


class TestRefused:
    @pytest.mark.parametrize(
        ("pixels", "named"),
        [
            pytest.param([[1, 2]], "got list", id="a list"),
            pytest.param(None, "got NoneType", id="None"),
            pytest.param(np.zeros((2, 2, 3), np.float32), "float32", id="floats"),
            pytest.param(np.zeros((2, 2, 3), np.int16), "int16", id="signed"),
            pytest.param(np.zeros((2, 2, 3), bool), "bool", id="bool"),
            pytest.param(np.zeros((2, 2), np.dtype(np.uint16).newbyteorder()), "native", id="foreign byte order"),
            pytest.param(np.zeros(4, np.uint8), r"\(4,\)", id="one dimension"),
            pytest.param(np.zeros((1, 2, 2, 3), np.uint8), r"\(1, 2, 2, 3\)", id="a batch"),
            pytest.param(np.zeros((2, 2, 5), np.uint8), r"\(2, 2, 5\)", id="five channels"),
            pytest.param(np.zeros((2, 2, 0), np.uint8), r"\(2, 2, 0\)", id="no channels"),
            pytest.param(np.zeros((0, 2, 3), np.uint8), r"\(0, 2, 3\)", id="no rows"),
            pytest.param(np.zeros((2, 0), np.uint8), r"\(2, 0\)", id="no columns"),
            pytest.param(np.broadcast_to(np.uint8(0), (1, 2**31)), "2147483647 high and wide", id="too wide"),
            pytest.param(np.broadcast_to(np.uint8(0), (2**31, 1, 3)), "2147483647 high and wide", id="too high"),
        ],
    )
    def test_the_error_names_the_argument(self, pixels: Any, named: str) -> None:
        with pytest.raises(ValueError, match=named):
            encode_png(pixels)

    @pytest.mark.parametrize("threads", [0, -1])
    def test_fewer_than_one_thread_is_refused(self, threads: int) -> None:
        with pytest.raises(ValueError, match=f"at least 1, got {threads}"):
            encode_png(noise((2, 2)), threads=threads)
