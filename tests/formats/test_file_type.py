"""FileType: which files the savers write, and when these files count as whole."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import torch
from PIL import Image, ImageFile

from io_utils.errors import FileTypeError
from io_utils.formats import registry
from io_utils.formats.file_type import EncodedFrame, FileType
from io_utils.formats.registry import is_whole_file as is_whole

END_CHUNK = b"\0\0\0\0IEND\xaeB`\x82"
FORMATS = [("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG")]


def picture(channels: int = 3, height: int = 16, width: int = 24) -> np.ndarray:
    """Smooth gradients, a different one in each channel: JPEG keeps them within a few levels."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramps = [8 * rows, 8 * columns, 255 - 8 * columns, 100 + 4 * rows]
    return np.stack(ramps[:channels], axis=-1).astype(np.uint8)


def encoded(filetype: FileType, pixels: np.ndarray, text: dict[str, str] | None = None, **options: Any) -> EncodedFrame:
    """A frame whose samples in the file are `pixels`; for EXR, `pixels` are the values of the image."""
    maximum = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    return filetype.encode_frame(torch.from_numpy(pixels.astype(np.float32) / maximum), text or {}, **options)


def pillow_file(format_: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, format_)
    return buffer.getvalue()


def test_labels_are_those_of_the_earlier_pack_in_its_order() -> None:
    assert [filetype.value for filetype in FileType][:3] == ["png with embedded workflow", "png", "jpg"]


@pytest.mark.parametrize(
    ("filetype", "extension", "embeds"),
    [
        (FileType.PNG_WITH_WORKFLOW, ".png", True),
        (FileType.PNG, ".png", False),
        (FileType.JPG, ".jpg", False),
        (FileType.PNG16_WITH_WORKFLOW, ".png", True),
        (FileType.PNG16, ".png", False),
        (FileType.WEBP_LOSSLESS, ".webp", True),
        (FileType.WEBP_LOSSY, ".webp", True),
        (FileType.EXR, ".exr", False),
        (FileType.EXR_HALF, ".exr", False),
    ],
)
def test_a_file_type_has_an_extension_and_may_embed_the_workflow(
    filetype: FileType, extension: str, embeds: bool
) -> None:
    assert (filetype.extension, filetype.embeds_workflow) == (extension, embeds)


class TestOfExtension:
    @pytest.mark.parametrize(
        ("extension", "filetype"),
        [
            pytest.param(".png", FileType.PNG_WITH_WORKFLOW, id="8 bits, with the workflow"),
            pytest.param(".jpg", FileType.JPG, id="jpg"),
            pytest.param(".jpeg", FileType.JPG, id="jpeg"),
            pytest.param(".webp", FileType.WEBP_LOSSLESS, id="lossless"),
            pytest.param(".exr", FileType.EXR, id="32 bits"),
            pytest.param(".PNG", FileType.PNG_WITH_WORKFLOW, id="capitals"),
            pytest.param(".Jpg", FileType.JPG, id="mixed"),
        ],
    )
    def test_is_the_first_type_of_the_format(self, extension: str, filetype: FileType) -> None:
        assert FileType.of_extension(extension) is filetype

    @pytest.mark.parametrize("extension", [".dpx", ".avif", ".tif", ".png2", ".", "", ".p ng", ".sh", ".pngé"])
    def test_an_unknown_extension_is_refused_with_a_list_of_the_known_ones(self, extension: str) -> None:
        with pytest.raises(FileTypeError) as caught:
            FileType.of_extension(extension)

        written = dict.fromkeys(known for filetype in FileType for known in filetype.image_format.extensions)
        assert (caught.value.extension, caught.value.extensions) == (extension, list(written))
        assert list(written)[:5] == [".png", ".jpg", ".jpeg", ".webp", ".exr"]
        assert repr(extension) in str(caught.value)
        assert ", ".join(written) in str(caught.value)


class TestEncodeFrame:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("filetype", [FileType.PNG, FileType.PNG_WITH_WORKFLOW])
    def test_png_keeps_every_pixel_and_channel(self, filetype: FileType, channels: int) -> None:
        data = encoded(filetype, picture(channels)).data

        decoded = np.asarray(Image.open(io.BytesIO(data)))
        assert np.array_equal(decoded.reshape(picture(channels).shape), picture(channels))

    @pytest.mark.parametrize(
        ("filetype", "text"),
        [
            (FileType.PNG_WITH_WORKFLOW, {"prompt": "{}", "workflow": '{"a": 1}'}),
            (FileType.PNG, {}),
            (FileType.JPG, {}),
        ],
    )
    def test_of_these_only_png_with_embedded_workflow_holds_text(
        self, filetype: FileType, text: dict[str, str]
    ) -> None:
        data = encoded(filetype, picture(), {"prompt": "{}", "workflow": '{"a": 1}'}).data

        assert getattr(Image.open(io.BytesIO(data)), "text", {}) == text
        assert (b"workflow" in data) is bool(text)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("filetype", [FileType.PNG16, FileType.PNG16_WITH_WORKFLOW])
    def test_16_bit_png_keeps_every_level(self, filetype: FileType, channels: int) -> None:
        pixels = np.arange(65536 * channels, dtype=np.uint16).reshape(256, 256, channels)

        data = encoded(filetype, pixels, {"workflow": "{}"}, threads=2).data

        _, _, rows, info = png.Reader(bytes=data).read()
        assert info["bitdepth"] == 16
        assert np.array_equal(np.vstack(list(rows)).reshape(pixels.shape), pixels)
        assert (b"workflow" in data) is filetype.embeds_workflow

    def test_quality_affects_the_size_of_lossy_types_only(self) -> None:
        for filetype in FileType:
            low, high = (
                encoded(filetype, picture().astype(filetype.dtype), quality=quality).data for quality in (5, 95)
            )
            if filetype.is_lossy:
                assert len(low) < len(high), filetype
            else:
                assert low == high, filetype
        assert FileType.JPG.is_lossy
        assert FileType.WEBP_LOSSY.is_lossy

    def test_only_formats_without_alpha_flatten_and_only_transparent_pictures(self) -> None:
        clear = np.zeros((2, 2, 4), np.uint8)
        opaque = np.full((2, 2, 4), 255, np.uint8)

        def flattening(pixels: np.ndarray) -> list[FileType]:
            return [filetype for filetype in FileType if encoded(filetype, pixels).flattened]

        assert flattening(clear) == [filetype for filetype in FileType if not filetype.image_format.holds_alpha]
        assert FileType.JPG in flattening(clear)
        assert flattening(opaque) == flattening(clear[..., :3]) == []

    @pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")])
    def test_jpg_accepts_every_number_of_channels(self, channels: int, mode: str) -> None:
        pixels = picture(channels)

        image = Image.open(io.BytesIO(encoded(FileType.JPG, pixels).data))

        assert (image.format, image.mode, image.size) == ("JPEG", mode, (24, 16))
        colour = pixels if channels in (1, 3) else pixels[..., :-1] * (pixels[..., -1:] / 255)  # on black
        decoded = np.asarray(image, dtype=float).reshape(colour.shape)
        assert np.abs(decoded - colour).mean() < 4

    @pytest.mark.parametrize("channels", [2, 4])
    @pytest.mark.parametrize(("alpha", "seen"), [(255, 200), (0, 0), (128, 100)], ids=["opaque", "transparent", "half"])
    def test_jpg_composites_alpha_on_black(self, channels: int, alpha: int, seen: int) -> None:
        pixels = np.full((16, 16, channels), 200, dtype=np.uint8)
        pixels[..., -1] = alpha

        decoded = np.asarray(Image.open(io.BytesIO(encoded(FileType.JPG, pixels).data)))

        assert np.abs(decoded.astype(int) - seen).max() <= 1

    @pytest.mark.parametrize("filetype", list(FileType))
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1)])
    def test_pictures_may_be_one_pixel_wide_or_high(self, filetype: FileType, height: int, width: int) -> None:
        pixels = picture(3, height, width).astype(filetype.dtype)

        data = encoded(filetype, pixels).data

        assert registry.read_header(io.BytesIO(data)).extent == (width, height)

    @pytest.mark.parametrize("filetype", list(FileType))
    def test_the_same_frame_gives_the_same_bytes(self, filetype: FileType) -> None:
        pixels = picture(4).astype(filetype.dtype)
        first, second = (encoded(filetype, pixels, {"prompt": "{}"}).data for _ in range(2))

        assert first == second


class TestNoise:
    @pytest.mark.parametrize("quality", [*range(1, 100, 7), *range(90, 101)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_is_encoded_as_jpg_at_every_quality(self, quality: int, channels: int) -> None:
        """Pixels that are all on or off make the largest files; Pillow gives optimized tables one byte per pixel."""
        pixels = np.random.default_rng(0).integers(0, 2, (400, 400, channels)).astype(np.uint8) * 255

        data = encoded(FileType.JPG, pixels, quality=quality).data

        assert registry.decode(data).shape == pixels.shape
        assert ImageFile.MAXBLOCK == 65536  # a global of Pillow that other packs use

    def test_too_large_for_optimized_tables_is_encoded_with_standard_tables(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 2, (512, 512, 3)).astype(np.uint8) * 255
        with pytest.raises(OSError, match="broken data stream"):
            Image.fromarray(pixels).save(io.BytesIO(), "JPEG", quality=92, optimize=True)

        decoded = registry.decode(encoded(FileType.JPG, pixels, quality=92).data)

        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
        np.testing.assert_array_equal(decoded, np.asarray(Image.open(buffer)))


class TestIsWholeFile:
    @pytest.mark.parametrize(("extension", "format_"), [*FORMATS, ("PNG", "PNG"), ("JPG", "JPEG")])
    def test_a_file_of_pillow_is_whole(self, tmp_path: Path, extension: str, format_: str) -> None:
        file = tmp_path / f"f.{extension}"
        file.write_bytes(pillow_file(format_))

        assert is_whole(file)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("filetype", list(FileType))
    def test_a_file_of_this_pack_is_whole_even_with_one_pixel(
        self, tmp_path: Path, filetype: FileType, channels: int
    ) -> None:
        file = tmp_path / f"f{filetype.extension}"
        pixels = picture(channels, 1, 1).astype(filetype.dtype)
        file.write_bytes(encoded(filetype, pixels, {"prompt": "{}"}).data)

        assert is_whole(file)

    @pytest.mark.parametrize(("extension", "format_"), FORMATS[:2])
    def test_a_truncated_file_is_not_whole(self, tmp_path: Path, extension: str, format_: str) -> None:
        file, whole = tmp_path / f"f.{extension}", pillow_file(format_)
        lengths = [*range(60), len(whole) // 2, *range(len(whole) - 13, len(whole))]
        for length in lengths:
            file.write_bytes(whole[:length])

            assert not is_whole(file), f"{length} of {len(whole)} bytes"

    @pytest.mark.parametrize(("extension", "format_"), FORMATS[:2])
    def test_a_file_padded_with_zeros_is_not_whole(self, tmp_path: Path, extension: str, format_: str) -> None:
        """A power cut leaves such a file if its size is on disk before its data."""
        file, whole = tmp_path / f"f.{extension}", pillow_file(format_)
        file.write_bytes(whole[:40] + bytes(len(whole) - 40))

        assert not is_whole(file)

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            pytest.param("f.png", b"", id="nothing, png"),
            pytest.param("f.jpg", b"", id="nothing, jpg"),
            pytest.param("f.png", b"This is not an image.", id="text, png"),
            pytest.param("f.jpg", b"This is not an image.", id="text, jpg"),
            pytest.param("f.png", END_CHUNK, id="the end of a png alone"),
            pytest.param("f.png", b"\x89PNG\r\n\x1a\n" + END_CHUNK, id="the start and the end of a png alone"),
            pytest.param("f.png", bytes(8) + pillow_file("PNG")[8:], id="a png with another signature"),
            pytest.param("f.jpg", b"\xff\xd9", id="the end of a jpg alone"),
            pytest.param("f.jpg", b"\0\0\0" + pillow_file("JPEG")[3:], id="a jpg with another signature"),
        ],
    )
    def test_a_file_without_its_start_or_end_is_not_whole(self, tmp_path: Path, name: str, data: bytes) -> None:
        (tmp_path / name).write_bytes(data)

        assert not is_whole(tmp_path / name)

    @pytest.mark.parametrize("filetype", list(FileType))
    def test_a_truncated_file_of_this_pack_is_not_whole(self, tmp_path: Path, filetype: FileType) -> None:
        file = tmp_path / f"f{filetype.extension}"
        data = encoded(filetype, picture().astype(filetype.dtype), {"prompt": "{}"}).data
        for length in range(len(data)):
            file.write_bytes(data[:length])

            assert not is_whole(file), f"{length} of {len(data)} bytes"
        file.write_bytes(data)
        assert is_whole(file)

    @pytest.mark.parametrize("name", ["f.png", "f.jpg", "f.webp", "f.exr"])
    def test_a_missing_file_or_a_folder_is_not_whole(self, tmp_path: Path, name: str) -> None:
        assert not is_whole(tmp_path / name)
        (tmp_path / name).mkdir()
        assert not is_whole(tmp_path / name)
        (tmp_path / "file").touch()
        assert not is_whole(tmp_path / "file" / name)
