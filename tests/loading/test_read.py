"""read_frames: the pixels and masks of a batch, and the errors that come before the first decode."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import png
import pytest
import torch
from PIL import Image, ImageFile, ImageOps
from PIL.PngImagePlugin import PngInfo

from io_utils import host
from io_utils.errors import (
    BatchTooLargeError,
    FrameReadError,
    FrameSizeError,
    PathError,
)
from io_utils.loading import read
from io_utils.loading.read import black_frame
from io_utils.loading.selection import Selection
from io_utils.policies import OnSizeMismatch

from ..disk import (
    InterruptProcessingException,
    cancel_at,
    needs_links,
    noise,
    put,
    shades_of,
    stand_in,
    tear,
    two_workers,
)
from .batches import BLACK, DROP, HOLD_PREVIOUS, load, loaded, on_disk, selected


def pages_taken(address: int, size: int) -> int:
    """The number of touched pages of this memory: https://docs.kernel.org/admin-guide/mm/pagemap.html."""
    page = os.sysconf("SC_PAGE_SIZE")
    first, end = -(-address // page), (address + size) // page
    with open("/proc/self/pagemap", "rb") as file:
        file.seek(first * 8)
        entries = np.frombuffer(file.read((end - first) * 8), np.uint64)
    return int((entries >> np.uint64(62) != 0).sum())  # present, or swapped out


class TestPixels:
    @pytest.mark.parametrize(
        ("name", "mode", "options"),
        [
            *((f"{mode}.png", mode, {}) for mode in ("L", "LA", "RGB", "RGBA", "P", "1")),
            ("key.png", "P", {"transparency": 3}),
            ("table.png", "P", {"transparency": bytes([0, 64, 128] + [255] * 253)}),
            *((f"{mode}.jpg", mode, {}) for mode in ("L", "RGB")),
            *((f"{mode}.webp", mode, {"lossless": True}) for mode in ("RGB", "RGBA")),
            *((f"{mode}.bmp", mode, {}) for mode in ("L", "RGB", "P", "1")),
            *((f"{mode}.tif", mode, {}) for mode in ("L", "RGB", "RGBA", "P", "1")),
        ],
        ids=lambda value: value if isinstance(value, str) and "." in value else "",
    )
    def test_and_mask_are_as_pillow_decodes_them(
        self, output: Path, name: str, mode: str, options: dict[str, Any]
    ) -> None:
        bands = 4 if mode == "RGBA" else 2 if mode == "LA" else 3
        image = Image.fromarray(noise(5, 7, bands))
        image = image if image.mode == mode else image.convert(mode)
        image.save(output / name, **options)
        with Image.open(output / name) as opened:
            expected = np.asarray(opened.convert("RGBA"), dtype=np.float32) / np.float32(255)

        images, mask = load(selected(0, 1, pattern=name), OnSizeMismatch.ERROR)

        assert (images.dtype, mask.dtype) == (torch.float32, torch.float32)
        assert (images.shape, mask.shape) == ((1, 5, 7, 3), (1, 5, 7))
        np.testing.assert_array_equal(images[0].numpy(), expected[..., :3])
        np.testing.assert_array_equal(mask[0].numpy(), 1 - expected[..., 3])

    @pytest.mark.parametrize("channels", [1, 2, 3, 4], ids=["grey", "grey with alpha", "RGB", "RGBA"])
    def test_of_16_bits_are_exact(self, output: Path, channels: int) -> None:
        ramp = np.arange(32 * 32 * channels, dtype=np.uint16).reshape(32, 32, channels) * np.uint16(16)
        writer = png.Writer(32, 32, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16)
        with open(output / "f_0000.png", "wb") as file:
            writer.write(file, ramp.reshape(32, -1).tolist())
        expected = ramp.astype(np.float64) / 65535

        images, mask = load(selected(0, 1), OnSizeMismatch.ERROR)

        colour = np.broadcast_to(expected[..., :1], (32, 32, 3)) if channels < 3 else expected[..., :3]
        np.testing.assert_allclose(images[0].numpy(), colour, rtol=0, atol=1e-7)
        assert len(images.unique()) == (1024 * channels if channels in (1, 3) else 1024 * (channels - 1))
        alpha = expected[..., -1] if channels in (2, 4) else np.ones((32, 32))
        np.testing.assert_allclose(mask[0].numpy(), 1 - alpha, rtol=0, atol=1e-7)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", ["f_0000.jpg", "f_0000.png", "f_0000.webp", "f_0000.tif"])
    def test_are_rotated_by_their_exif_orientation(self, output: Path, name: str, orientation: int) -> None:
        tags = Image.Exif()
        tags[0x0112] = orientation
        Image.fromarray(noise(8, 16)).save(output / name, exif=tags, **({"lossless": True} if "webp" in name else {}))  # type: ignore[arg-type]
        with Image.open(output / name) as image:
            expected = np.asarray(ImageOps.exif_transpose(image), np.float32) / np.float32(255)
        assert expected.shape[:2] == ((16, 8) if orientation >= 5 else (8, 16))

        np.testing.assert_array_equal(loaded(name)[0].numpy(), expected)

    def test_of_rgb_and_rgba_frames_mix(self, output: Path) -> None:
        put(output / "f_0000.png", 10, mode="RGB")
        put(output / "f_0001.png", 20, mode="RGBA")
        put(output / "f_0002.png", 30, mode="L")
        put(output / "f_0003.png", 40, mode="LA")

        images, mask = load(selected(0, 4), OnSizeMismatch.ERROR)

        assert shades_of(images) == [10, 20, 30, 40]
        assert mask.shape == (4, 4, 6)
        np.testing.assert_allclose(mask[:, 0, 0].numpy(), [0, 1 - 10 / 255, 0, 1 - 20 / 255], atol=1e-7)

    def test_under_full_transparency_are_kept(self, output: Path) -> None:
        """Premultiplying would lose colours that a compositor needs."""
        Image.new("RGBA", (3, 2), (200, 100, 50, 0)).save(output / "f_0000.png")

        images, mask = load(selected(0, 1), OnSizeMismatch.ERROR)

        assert (images[0, 0, 0] * 255).round().tolist() == [200, 100, 50]
        assert mask.unique().tolist() == [1.0]

    def test_without_alpha_have_a_mask_of_zeros(self, output: Path) -> None:
        on_disk(output, 1, 2, 3)

        _, mask = load(selected(1, 3), OnSizeMismatch.ERROR)

        assert mask.shape == (3, 4, 6)
        assert not mask.any()

    def test_of_one_pixel(self, output: Path) -> None:
        for number, size in enumerate([(1, 1), (1, 9), (9, 1)]):
            put(output / f"f_{number:04d}.png", 77, width=size[0], height=size[1])
            images, _ = load(selected(number, 1), OnSizeMismatch.ERROR)
            assert images.shape == (1, size[1], size[0], 3)
            assert shades_of(images) == [77]

    def test_are_float16_if_comfyui_asks_for_float16(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(
            monkeypatch,
            "comfy.model_management",
            intermediate_dtype=lambda: torch.float16,
            throw_exception_if_processing_interrupted=lambda: None,
        )
        Image.fromarray(noise(16, 16, 4)).save(output / "f_0000.png")
        put(output / "f_0001.png", 3, height=16, width=16)

        images, mask = load(selected(0, 3, HOLD_PREVIOUS), OnSizeMismatch.ERROR)

        assert (images.dtype, mask.dtype) == (torch.float16, torch.float16)
        pixels = (images[0].float() * 255).round().numpy()
        np.testing.assert_array_equal(pixels, noise(16, 16, 4)[..., :3])
        np.testing.assert_array_equal(((1 - mask[0].float()) * 255).round().numpy(), noise(16, 16, 4)[..., 3])

    def test_of_many_frames_are_in_order(self, output: Path) -> None:
        on_disk(output, *range(60))

        assert shades_of(loaded()) == list(range(60))

    def test_of_numbers_that_outgrow_their_digits_are_in_order(self, output: Path) -> None:
        on_disk(output, 98, 99, 100, 101, pattern="f_{:02d}.png")

        assert shades_of(loaded("f_##.png", 98, 4)) == [98, 99, 100, 101]

    def test_of_a_folder_for_each_frame(self, output: Path) -> None:
        on_disk(output, 1, 2, 3, pattern="{:04d}/beauty.png")

        assert shades_of(loaded("{:04d}/beauty.png", 1, 3)) == [1, 2, 3]


class TestFilling:
    def test_held_frames_repeat_image_and_mask(self, output: Path) -> None:
        put(output / "f_0000.png", 100, mode="RGBA")
        put(output / "f_0003.png", 30)

        images, mask = load(selected(0, 5, HOLD_PREVIOUS), OnSizeMismatch.ERROR)

        assert shades_of(images) == [100, 100, 100, 30, 30]
        assert (mask[:, 0, 0] * 255).round().tolist() == [205, 205, 205, 0, 0]

    def test_black_frames_are_black_and_opaque(self, output: Path) -> None:
        put(output / "f_0001.png", 100, mode="RGBA")

        images, mask = load(selected(0, 4, BLACK), OnSizeMismatch.ERROR)

        assert shades_of(images) == [0, 100, 0, 0]
        assert (mask[:, 0, 0] * 255).round().tolist() == [0, 205, 0, 0]

    def test_dropped_frames_make_the_batch_shorter(self, output: Path) -> None:
        on_disk(output, 1, 3)

        assert shades_of(loaded(start=0, count=6, on_missing=DROP)) == [1, 3]


class TestSizes:
    def test_that_differ_are_an_error_naming_both_frames_and_sizes(self, output: Path) -> None:
        on_disk(output, 0, 1)
        put(output / "f_0002.png", height=8, width=3)
        on_disk(output, 3)

        with pytest.raises(FrameSizeError, match=r"resize to first.* Frame 0 is 6 x 4, but frame 2 is 3 x 8") as caught:
            loaded()

        assert (caught.value.frames, caught.value.sizes) == ((0, 2), ((6, 4), (3, 8)))
        assert caught.value.path == output / "f_0002.png"

    def test_are_compared_before_the_first_decode(self, output: Path) -> None:
        on_disk(output, 0, 1)
        tear(output / "f_0001.png", -20)  # its header is whole, so its size is known
        put(output / "f_0002.png", height=8, width=3)

        with pytest.raises(FrameSizeError):
            loaded()

    def test_are_compared_after_rotation(self, output: Path) -> None:
        """A portrait photo has the size of a portrait render, though its pixels are stored sideways."""
        tags = Image.Exif()
        tags[0x0112] = 6
        Image.new("RGB", (6, 4)).save(output / "f_0000.jpg", exif=tags)
        Image.new("RGB", (4, 6)).save(output / "f_0001.jpg")

        assert loaded("f_####.jpg").shape == (2, 6, 4, 3)

    @pytest.mark.parametrize(("width", "height"), [(12, 8), (3, 2), (9, 4), (1, 1)])
    def test_are_resized_to_the_first_frame_on_request(self, output: Path, width: int, height: int) -> None:
        put(output / "f_0000.png", 10)
        put(output / "f_0001.png", 200, width=width, height=height, mode="RGBA")
        put(output / "f_0002.png", 30)

        images, mask = load(selected(0, 3), OnSizeMismatch.RESIZE)

        assert images.shape == (3, 4, 6, 3)
        assert shades_of(images) == [10, 200, 30]
        assert (mask[:, 0, 0] * 255).round().tolist() == [0, 155, 0]

    def test_that_shrink_keep_the_picture_in_range_and_in_place(self, output: Path) -> None:
        put(output / "f_0000.png", 10, width=8, height=8)
        quarter = np.zeros((64, 64), np.uint8)
        quarter[:32, 32:] = 255
        Image.fromarray(quarter).save(output / "f_0001.png")

        images, _ = load(selected(0, 2), OnSizeMismatch.RESIZE)

        assert 0 <= images.min() <= images.max() <= 1
        assert images[1, 1, 6, 0] > 0.99
        assert images[1, 6, 6, 0] < 0.01
        assert images[1, 1, 1, 0] < 0.01

    def test_of_a_file_that_changed_since_its_header_was_read_are_an_error(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_disk(output, 0, 1)
        replaced: list[str] = []

        bars: list[int] = []

        def show(total: int) -> Any:  # the second call is between the headers and the first decode
            bars.append(total)
            if len(bars) == 2:
                put(output / "f_0001.png", height=9, width=9)
                replaced.append("f_0001.png")
            return SimpleNamespace(update_absolute=lambda *_: None)

        stand_in(monkeypatch, "comfy.utils", ProgressBar=show)

        with pytest.raises(FrameReadError, match=r"Frame 1 .*f_0001\.png.*9 x 9 pixels, not 6 x 4"):
            loaded()
        assert replaced


def text_of(characters: int) -> PngInfo:
    info = PngInfo()
    info.add_text("workflow", "x" * characters)
    return info


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("f_0000.png", {}, id="png"),
        pytest.param("f_0000.png", {"pnginfo": text_of(900_000)}, id="png with a long workflow"),
        pytest.param("f_0000.png", {"icc_profile": np.random.default_rng(0).bytes(600_000)}, id="png with a profile"),
        pytest.param("f_0000.jpg", {"quality": 100, "subsampling": 0}, id="jpeg"),
        pytest.param("f_0000.jpg", {"icc_profile": bytes(600_000)}, id="jpeg with a profile for print"),
        pytest.param("f_0000.webp", {"lossless": True}, id="webp"),
        pytest.param("f_0000.bmp", {}, id="bmp"),
        pytest.param("f_0000.tif", {}, id="tiff"),
        pytest.param("f_0000.tif", {"compression": "tiff_lzw"}, id="tiff, its directory at the end"),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_file_of_any_length_is_loaded(output: Path, name: str, options: dict[str, Any]) -> None:
    Image.fromarray(noise(400, 300)).save(output / name, **options)
    assert (output / name).stat().st_size > 300_000
    with Image.open(output / name) as image:
        expected = np.asarray(image, np.float32) / np.float32(255)

    np.testing.assert_array_equal(loaded(name)[0].numpy(), expected)


def keep_half_of_the_samples(path: Path) -> None:
    """Half a picture in valid chunks with valid checksums, as some writers leave when they are stopped."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    data = path.read_bytes()
    idat = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, idat - 4)
    rows = zlib.decompress(data[idat + 4 : idat + 4 + length])
    half = chunk(b"IDAT", zlib.compress(rows[: len(rows) // 2]))
    path.write_bytes(data[: idat - 4] + half + chunk(b"IEND", b""))


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


BREAK: dict[str, Callable[[Path], object]] = {
    "truncated in its samples": lambda path: tear(path, 80),
    "truncated by a byte": lambda path: tear(path, -1),
    "a flipped bit": flip_a_bit,
    "half of its samples": keep_half_of_the_samples,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("This is not an image."),
}


class TestABrokenFile:
    @pytest.mark.parametrize("how", BREAK)
    @pytest.mark.parametrize("truncated", [False, True], ids=["", "another pack loads truncated images"])
    def test_is_an_error_naming_frame_and_file(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, how: str, truncated: bool
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated)
        for number in range(5):
            Image.fromarray(noise(16, 16, seed=number)).save(output / f"f_{number:04d}.png")
        BREAK[how](output / "f_0003.png")

        with pytest.raises(
            FrameReadError, match=r"^Render or copy frame 3 again\. Frame 3 .*f_0003\.png.*\.$"
        ) as caught:
            loaded()

        assert (caught.value.frame, caught.value.path) == (3, output / "f_0003.png")
        assert caught.value.reason
        assert ImageFile.LOAD_TRUNCATED_IMAGES is truncated

    @pytest.mark.parametrize("name", ["f_0000.jpg", "f_0000.webp", "f_0000.bmp", "f_0000.tif", "palette_0000.png"])
    @pytest.mark.filterwarnings("ignore:Truncated File Read")
    def test_of_any_type_is_an_error_even_when_another_pack_loads_truncated_images(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        image = Image.fromarray(noise(64, 64))
        (image.convert("P") if "palette" in name else image).save(output / name)
        tear(output / name, (output / name).stat().st_size // 2)

        with pytest.raises(FrameReadError, match=name):
            loaded(name)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True

    def test_with_the_extension_of_another_type_is_loaded_by_its_content(self, output: Path) -> None:
        put(output / "f_0000.jpg", 50).rename(output / "f_0000.png")

        assert loaded().shape == (1, 4, 6, 3)

    @pytest.mark.parametrize(
        ("name", "options"),
        [("GIF", {}), ("JPEG2000", {}), ("ICO", {}), ("TIFF", {"compression": "webp"})],
        ids=str,
    )
    def test_of_an_unsupported_kind_is_not_called_damaged(
        self, output: Path, name: str, options: dict[str, Any]
    ) -> None:
        """Rendering or copying it again would give the same file."""
        buffer = io.BytesIO()
        try:
            Image.fromarray(noise(16, 16)).save(buffer, name, **options)
        except OSError:  # a libtiff without WebP
            pytest.skip("this Pillow does not write such files")
        (output / "f_0000.png").write_bytes(buffer.getvalue())

        with pytest.raises(FrameReadError, match=r"is not supported|does not read") as caught:
            loaded()

        assert re.match(r"(Convert|Save) it [^.]*\. Frame 0 ", str(caught.value))
        assert "again" not in str(caught.value)
        assert "damaged" not in str(caught.value)

    def test_that_became_a_pipe_since_it_was_chosen_does_not_block(self, output: Path) -> None:
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no such pipes")
        on_disk(output, 0, 1)
        selection = selected(0, 2)
        (output / "f_0001.png").unlink()
        os.mkfifo(output / "f_0001.png")

        with pytest.raises(FileNotFoundError, match=r"Frame 1 cannot be read \(not a regular file\).*f_0001\.png"):
            load(selection, OnSizeMismatch.ERROR)

    def test_that_the_system_denies_is_named_after_what_to_do(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_disk(output, 0, 1)
        selection = selected(0, 2)
        real, denied = os.open, []

        def deny(path: Any, *given: Any, **more: Any) -> int:
            if str(path).endswith("f_0001.png"):
                denied.append(path)
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, *given, **more)

        monkeypatch.setattr(os, "open", deny)

        with pytest.raises(
            PermissionError, match=r"^Let ComfyUI read .*f_0001\.png.*: frame 1 cannot be read"
        ) as caught:
            load(selection, OnSizeMismatch.ERROR)
        assert denied
        assert caught.value.errno == errno.EACCES

    def test_that_vanished_since_it_was_chosen_is_named(self, output: Path) -> None:
        on_disk(output, 0, 1)
        selection = selected(0, 2)
        (output / "f_0001.png").unlink()

        with pytest.raises(FileNotFoundError, match=r"Frame 1 cannot be read .*f_0001\.png"):
            load(selection, OnSizeMismatch.ERROR)


class TestMemory:
    """A plane of 16 x 16 takes 1 KiB in float32.

    A frame takes three, and one more for a mask with alpha. Each of the three frames in flight takes four.
    """

    @pytest.fixture(autouse=True)
    def _frames(self, output: Path) -> None:
        for number in range(8):
            put(output / f"f_{number:04d}.png", number, width=16, height=16)

    @staticmethod
    def leave(monkeypatch: pytest.MonkeyPatch, free: int | None) -> None:
        two_workers(monkeypatch)
        monkeypatch.setattr(read, "free_bytes", lambda: free)

    def test_that_cannot_hold_the_batch_is_an_error_with_the_bytes_and_frames_that_fit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.leave(monkeypatch, 27 * 1024)

        with pytest.raises(
            BatchTooLargeError, match=r"batch of 8 at 16 x 16 needs .* of memory.*5 would fit"
        ) as caught:
            loaded()

        assert (caught.value.needed, caught.value.free, caught.value.fitting) == (36 * 1024, 27 * 1024, 5)
        assert loaded(count=5).shape[0] == 5

    @pytest.mark.parametrize(
        ("mode", "name", "options", "planes"),
        [
            ("RGB", "f.png", {}, 3),
            ("L", "f.png", {}, 3),
            ("RGB", "f.jpg", {}, 3),
            ("P", "f.png", {}, 3),
            ("RGBA", "f.png", {}, 4),
            ("LA", "f.png", {}, 4),
            ("P", "f.png", {"transparency": 0}, 4),
            ("RGB", "f.png", {"transparency": (1, 2, 3)}, 4),
            ("RGBA", "f.webp", {"lossless": True}, 4),
            ("RGBA", "f.tif", {}, 4),
        ],
    )
    def test_is_counted_for_a_mask_only_if_there_can_be_alpha(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, mode: str, name: str, options: dict[str, Any], planes: int
    ) -> None:
        """Most sequences have no alpha, and zeros take no memory until they are written to."""
        Image.new(mode, (16, 16)).save(output / name, **options)
        selection = Selection((0, 1, 2, 3), (0, 0, None, 0), {0: output / name})
        needed = 4 * 3 + (planes - 3) * 3 + 4  # black frames need no mask either

        self.leave(monkeypatch, needed * 1024)
        assert len(load(selection, OnSizeMismatch.ERROR)[0]) == 4
        self.leave(monkeypatch, needed * 1024 - 1)
        with pytest.raises(BatchTooLargeError):
            load(selection, OnSizeMismatch.ERROR)

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_that_is_not_counted_is_not_used(self, output: Path) -> None:
        """Two frames without alpha, one of them resized, and a black one.

        The mask has 71 MB: glibc keeps at most 64 MiB of freed memory, touched already, to hand it out again (twice the
        largest M_MMAP_THRESHOLD, see mallopt(3)); more than that is fresh from the kernel.
        """
        for number, height in enumerate((5120, 2560)):
            put(output / f"g_{number}.jpg", 50, width=1152, height=height)
        selection = Selection((0, 1, 2), (0, 1, None), {n: output / f"g_{n}.jpg" for n in (0, 1)})

        _, mask = load(selection, OnSizeMismatch.RESIZE)

        taken, frame = pages_taken(mask.data_ptr(), mask.numel() * 4), 5120 * 1152 * 4 // os.sysconf("SC_PAGE_SIZE")
        assert taken < frame // 2, "huge pages at both ends are shared with other memory"
        assert not mask.any()

    def test_is_reported_in_gib(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(monkeypatch, 3 * 2**30)
        put(output / "g_0000.png", width=8192, height=8192)
        selection = Selection((0, 1, 2, 3), (0, None, None, None), {0: output / "g_0000.png"})

        with pytest.raises(BatchTooLargeError, match=r"needs 4\.0 GiB of memory, but 3\.0 GiB are free: 2 would fit"):
            load(selection, OnSizeMismatch.ERROR)

    def test_is_checked_before_any_frame_is_decoded(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(monkeypatch, 4096)
        for number in range(8):
            tear(output / f"f_{number:04d}.png", 60)

        with pytest.raises(BatchTooLargeError):
            loaded()

    def test_is_counted_for_replaced_frames(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(monkeypatch, 66 * 1024)

        with pytest.raises(BatchTooLargeError, match="batch of 20"):
            loaded(count=20, on_missing=BLACK)
        assert loaded(count=18, on_missing=BLACK).shape[0] == 18

    def test_is_half_as_much_for_float16(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(monkeypatch, 18 * 1024)
        monkeypatch.setattr(host, "float_dtype", lambda: torch.float16)

        assert loaded().shape[0] == 8

    def test_is_not_checked_if_the_system_does_not_report_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(monkeypatch, None)

        assert loaded().shape[0] == 8


@needs_links
class TestLinks:
    def test_a_frame_that_links_out_is_refused(self, output: Path, base: Path) -> None:
        on_disk(output, 0)
        (output / "f_0001.png").symlink_to(put(base / "elsewhere.png"))

        with pytest.raises(PathError, match=r"f_0001\.png.*outside"):
            loaded()

    def test_a_folder_of_a_frame_that_links_out_is_refused(self, output: Path, base: Path) -> None:
        put(output / "0000" / "f.png")
        put(base / "elsewhere" / "f.png")
        (output / "0001").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError, match=r"0001.*outside"):
            loaded("####/f.png")

    def test_a_frame_that_links_into_another_allowed_folder_is_loaded(self, output: Path, base: Path) -> None:
        on_disk(output, 0)
        (output / "f_0001.png").symlink_to(put(base / "input" / "x.png", 9))

        assert shades_of(loaded()) == [0, 9]


def test_cancel_passes_through_and_ends_the_load(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_workers(monkeypatch)
    on_disk(output, *range(30))
    (output / "f_0029.png").write_bytes((output / "f_0029.png").read_bytes()[:60])  # would be noticed when decoded
    asked = cancel_at(2, monkeypatch)

    with pytest.raises(InterruptProcessingException):
        loaded()
    assert asked[-1] == 2


@pytest.mark.parametrize("broken", ["f_0029.png", None], ids=["one of them broken", "all whole"])
def test_cancel_is_noticed_while_headers_are_read(
    output: Path, monkeypatch: pytest.MonkeyPatch, broken: str | None
) -> None:
    """On a network folder, the headers of 5,000 files take minutes. The test counts files, because times vary."""
    monkeypatch.setattr("io_utils.cancellable_run.in_flight", lambda: 1)
    on_disk(output, *range(30))
    if broken:
        (output / broken).write_bytes(b"")
    headers: list[str] = []
    decoded: list[Any] = []
    read_header = read.registry.read_header
    monkeypatch.setattr(
        read.registry, "read_header", lambda file, **more: (headers.append(file.name), read_header(file, **more))[1]
    )
    monkeypatch.setattr(read.registry, "decode_as_stored", decoded.append)
    asked = cancel_at(3, monkeypatch)

    with pytest.raises(InterruptProcessingException):
        loaded()

    assert asked[-1] == 3
    assert len(headers) <= 3 * 8, "eight at a time"
    assert decoded == []


def test_progress_counts_every_file(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk(output, *range(7))
    seen: list[tuple[int, int]] = []

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: int, total: int) -> None:
            seen.append((value, total))

    stand_in(monkeypatch, "comfy.utils", ProgressBar=ProgressBar)

    loaded()

    assert seen[-1] == (8, 8), "the headers, all at a time, then 7 files"
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {8}


def test_the_size_of_a_frame_needs_only_the_head_of_its_file(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The headers of 500 frames of 50 MB are read before the first decode, which must not read 25 GB twice."""
    Image.fromarray(noise(1024, 1024)).save(output / "f_0000.png", compress_level=0)
    put(output / "f_0001.png")
    sizes: list[int] = []

    class Counting(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:  # type: ignore[override, unused-ignore]
            data = super().read(-1 if size is None else size)
            sizes.append(len(data))
            return data

        def readall(self) -> bytes:
            data = super().readall()
            sizes.append(len(data))
            return data

        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer) or 0
            sizes.append(count)
            return count

    def opened(path: Path) -> Any:
        raw = Counting(path)
        return io.BufferedReader(raw)

    monkeypatch.setattr(read, "open_regular", opened)

    with pytest.raises(FrameSizeError):
        loaded()
    assert sizes
    assert sum(sizes) < 1 << 20


def test_black_needs_only_the_header_of_a_frame(output: Path) -> None:
    tear(put(output / "f_0000.png", width=9, height=5), -20)

    image, mask, *_ = black_frame(0, output / "f_0000.png", torch.float32)
    assert (image.shape, mask.shape) == ((1, 5, 9, 3), (1, 5, 9))
