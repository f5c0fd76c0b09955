"""WebP files: pixels judged by Pillow, and text where ComfyUI's frontend looks for it."""

from __future__ import annotations

import io
import json
import struct

import av
import numpy as np
import pytest
from PIL import Image

from benchmarks import corpus
from io_utils.formats import registry, webp

from .. import sample_files
from ..disk import noise

TEXT = {"prompt": json.dumps({"1": {"text": "naïve 日本"}}), "workflow": json.dumps({"nodes": [1, 2]})}


def ascii_tags(data: bytes) -> list[tuple[int, str]]:
    """The ASCII tags of IFD0 as (tag, text), parsed like the frontend does: RIFF chunks, "EXIF", a TIFF directory."""
    position, found = 12, []
    while position < len(data):
        kind, length = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        if kind == b"EXIF":
            exif = data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0")
            order = "<" if exif[:2] == b"II" else ">"
            (start,) = struct.unpack_from(order + "I", exif, 4)
            for entry in range(struct.unpack_from(order + "H", exif, start)[0]):
                tag, type_, count, offset = struct.unpack_from(order + "HHII", exif, start + 2 + 12 * entry)
                if type_ == 2:
                    at = offset if count > 4 else start + 2 + 12 * entry + 8
                    found.append((tag, exif[at : at + count - 1].decode("ascii")))
        position += 8 + length  # without padding, as in frontend 1.27
    return found


def ffmpeg_pixels(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), format="webp_pipe") as file:
        return next(file.decode(video=0)).to_ndarray(format="rgba")  # type: ignore[union-attr]


def by_pillow(pixels: np.ndarray, **options: int) -> bytes:
    return webp._without_padding(sample_files.file_of(Image.fromarray(pixels), "WEBP", lossless=True, **options))


def with_alpha(pixels: np.ndarray, channels: int) -> np.ndarray:
    """As RGB, or as RGBA with the green channel as alpha."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, 2)
    return pixels[..., [0, 1, 2, 1][:channels]]


class TestPixels:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_of_lossless_files_are_exact(self, channels: int) -> None:
        pixels = noise(20, 30, channels)

        data = webp.WEBP.encode(pixels, TEXT, None)

        expected = pixels if channels > 2 else pixels[..., [0, 0, 0, 1][: channels + 2]]
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.size) == ("WEBP", (30, 20))
            np.testing.assert_array_equal(np.asarray(image), expected)
        np.testing.assert_array_equal(registry.decode(data), expected)

    def test_below_alpha_0_are_kept(self) -> None:
        pixels = noise(20, 30, 4)
        pixels[..., 3] = 0

        np.testing.assert_array_equal(registry.decode(webp.WEBP.encode(pixels, {}, None)), pixels)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_of_lossy_files_are_similar_and_lower_quality_is_smaller(self, channels: int) -> None:
        ramp = np.linspace(0, 255, 64 * 64).reshape(64, 64, 1).repeat(channels, 2).astype(np.uint8)

        files = [webp.WEBP.encode(ramp, {}, quality) for quality in (10, 95)]

        assert len(files[0]) < len(files[1])
        found = registry.decode(files[1]).astype(int)
        assert np.abs(found[..., 0] - ramp[..., 0]).mean() < 3


class TestLossless:
    """Quick settings for pictures like photographs; small files for those with repetitions or few colours."""

    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.parametrize("name", ["film_grain", "text_60", "slow_down", "mask_letters", "cartoon"])
    @pytest.mark.parametrize("height", [1, 63, 64, 65, 200])
    def test_two_other_decoders_read_exactly_the_pixels(self, name: str, height: int, channels: int) -> None:
        pixels = with_alpha(corpus.TUNING.picture(name, (200, height)), channels)

        data = webp.WEBP.encode(pixels, TEXT, None)

        np.testing.assert_array_equal(sample_files.by_opencv(data)[..., :channels], pixels)
        np.testing.assert_array_equal(ffmpeg_pixels(data)[..., :channels], pixels)
        assert webp.WEBP.encode(pixels, TEXT, None) == data

    @pytest.mark.parametrize("name", ["film_grain", "shot_noise", "leaves_sharp"])
    def test_a_photograph_is_written_quickly(self, name: str) -> None:
        pixels = corpus.TUNING.picture(name, (512, 512))
        quick, small = by_pillow(pixels, method=0, quality=0), by_pillow(pixels, method=1, quality=20)
        assert len(small) < len(quick) < 1.15 * len(small)

        assert webp.WEBP.encode(pixels, {}, None) == quick

    @pytest.mark.parametrize("name", ["text_60", "slow_down", "mask_letters", "id_matte", "black_and_white"])
    def test_a_picture_that_the_quick_settings_make_far_larger_is_not(self, name: str) -> None:
        pixels = corpus.TUNING.picture(name, (512, 512))
        pixels = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, 2)
        quick, small = by_pillow(pixels, method=0, quality=0), by_pillow(pixels, method=1, quality=20)
        assert len(quick) > 1.2 * len(small)

        assert webp.WEBP.encode(pixels, {}, None) == small


class TestText:
    @pytest.mark.parametrize("quality", [None, 80])
    def test_is_in_the_tags_that_the_frontend_reads(self, quality: int | None) -> None:
        data = webp.WEBP.encode(noise(), TEXT, quality)

        assert dict(ascii_tags(data)) == {0x0110: f"prompt:{TEXT['prompt']}", 0x010F: f"workflow:{TEXT['workflow']}"}

    @pytest.mark.parametrize("quality", [None, 80])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_is_found_after_pixels_of_any_length_and_the_picture_is_intact(
        self, channels: int, quality: int | None
    ) -> None:
        for width in range(1, 25):
            pixels = noise(20, width, channels, seed=width)
            buffer = io.BytesIO()
            rgb = pixels[..., [0, 0, 0, 1][: channels + 2]] if channels < 3 else pixels
            options = {"lossless": True, "method": 1, "quality": 20} if quality is None else {"quality": quality}
            Image.fromarray(rgb).save(buffer, "WEBP", exact=True, **options)

            data = webp.WEBP.encode(pixels, TEXT, quality)

            assert len(ascii_tags(data)) == 2
            with Image.open(buffer) as judge, Image.open(io.BytesIO(data)) as image:
                np.testing.assert_array_equal(np.asarray(image), np.asarray(judge))
            if quality is None:  # in lossy pictures of odd width, FFmpeg's last column is undefined
                np.testing.assert_array_equal(ffmpeg_pixels(data)[..., :3], rgb[..., :3])

    def test_has_a_tag_for_each_keyword(self) -> None:
        text = TEXT | {f"key{n}": json.dumps({"n": n}) for n in range(20)}

        found = ascii_tags(webp.WEBP.encode(noise(), text, None))

        assert sorted(value for _, value in found) == sorted(f"{keyword}:{value}" for keyword, value in text.items())
        assert max(tag for tag, _ in found) == 0x0110

    def test_of_any_length_is_complete(self) -> None:
        for length in (0, 1, 2, 3, 4, 5, 200_001):
            text = {"workflow": json.dumps("x" * length)}
            assert dict(ascii_tags(webp.WEBP.encode(noise(), text, None)))[0x010F] == f"workflow:{text['workflow']}"

    def test_is_absent_if_there_is_none(self) -> None:
        assert b"EXIF" not in webp.WEBP.encode(noise(), {}, None)


class TestIsWhole:
    @pytest.mark.parametrize("quality", [None, 80])
    @pytest.mark.parametrize("text", [{}, TEXT], ids=["", "with text"])
    def test_is_true_for_the_complete_file_only(self, text: dict[str, str], quality: int | None) -> None:
        data = webp.WEBP.encode(noise(), text, quality)

        assert webp.WEBP.is_whole(io.BytesIO(data))
        assert not [cut for cut in range(len(data)) if webp.WEBP.is_whole(io.BytesIO(data[:cut]))]
        assert webp.WEBP.is_whole(io.BytesIO(data + b"\0\1\2"))
        assert not webp.WEBP.is_whole(io.BytesIO(b"RIFF" + data[4:8] + b"WAVE" + data[12:]))
