"""JPEG files: pixels agree with other decoders, invalid metadata are ignored, damaged files are refused, bytes are Pillow's."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from io_utils.errors import BrokenImageError
from io_utils.formats import jpeg, registry
from io_utils.formats.jpeg import JPEG

from .. import sample_files
from ..disk import Fails, noise
from ..sample_files import reaches_its_end

PACK = Path(__file__).parents[2]
INPUTS = PACK / "tests" / "inputs"
GARBAGE = bytes(range(256))


def photograph(height: int = 160, width: int = 200) -> Image.Image:
    """Noisy shapes, whose compressed data are as irregular as those of a camera."""
    rng = np.random.default_rng(5)
    blurred = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (0, 0), 3).astype(float)
    return Image.fromarray(
        np.clip((blurred - 128) * 6 + 128 + rng.normal(0, 3, blurred.shape), 0, 255).astype(np.uint8)
    )


def jpeg_file(image: Image.Image | None = None, **options: Any) -> bytes:
    return sample_files.file_of(image or photograph(), "JPEG", **options)


def segment(marker: int, contents: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2 if length is None else length) + contents


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """Insert segments after SOI."""
    return data[:2] + b"".join(segments) + data[2:]


def scan_of(data: bytes) -> tuple[int, int]:
    """The start and the end of the compressed data of the first scan."""
    at = data.index(b"\xff\xda")
    start = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    end = start
    while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
        end += 1
    return start, end


def opencv_pixels(data: bytes) -> np.ndarray:
    """The pixels according to OpenCV, without the orientation."""
    return sample_files.by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def assert_decodes_like(data: bytes, whole: bytes) -> None:
    """`data` has the same pixels as `whole`, a header that agrees, and counts as whole."""
    pixels = registry.decode(data)
    np.testing.assert_array_equal(pixels, registry.decode(whole))
    assert registry.read_header(io.BytesIO(data)).extent == (pixels.shape[1], pixels.shape[0])
    assert reaches_its_end(io.BytesIO(data))


class TestPixels:
    @pytest.mark.parametrize(
        "name", [name for name in sample_files.of("jpeg") if "CMYK" not in name and name != "jpeg exif"]
    )
    def test_agree_with_another_decoder(self, name: str) -> None:
        data = sample_files.every_kind()[name]

        pixels = registry.decode(data).astype(int)

        assert np.abs(pixels - opencv_pixels(data)).max() <= 3

    @pytest.mark.parametrize("side", [1, 7, 8, 9, 15, 16, 17, 33])
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}])
    def test_of_odd_sizes_agree_with_another_decoder(self, side: int, options: dict[str, Any]) -> None:
        data = jpeg_file(photograph(side, side + 2), quality=90, **options)

        assert np.abs(registry.decode(data).astype(int) - opencv_pixels(data)).max() <= 3

    @pytest.mark.parametrize("quality", [1, 5, 50, 100])
    def test_of_every_quality_agree_with_another_decoder(self, quality: int) -> None:
        """Below quality 25, encoders that do not force baseline use 16-bit tables."""
        data = jpeg_file(quality=quality)

        assert np.abs(registry.decode(data).astype(int) - opencv_pixels(data)).max() <= 3

    def test_with_16_bit_quantisation_tables_agree_with_another_decoder(self) -> None:
        data = jpeg_file(quality=50)
        at = data.index(b"\xff\xdb")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        values = data[at + 5 : at + 2 + length]
        wide = b"\x10" + b"".join(bytes([0, value]) for value in values)

        data = data[:at] + segment(0xDB, wide) + data[at + 2 + length :]

        assert np.abs(registry.decode(data).astype(int) - opencv_pixels(data)).max() <= 3

    @pytest.mark.parametrize("at_least", [1, 20, 25, 50, 99, 100, 101, 200, 4000])
    def test_may_be_scaled_down_while_decoding(self, at_least: int) -> None:
        data = jpeg_file()

        height, width, _ = registry.decode(data, at_least).shape

        scale = max(scale for scale in (1, 2, 4, 8) if scale == 1 or 200 // scale >= at_least)
        assert (width, height) == (200 // scale, 160 // scale)

    @pytest.mark.parametrize("truncated", [False, True])
    def test_do_not_depend_on_load_truncated_images_and_do_not_change_it(
        self, monkeypatch: pytest.MonkeyPatch, truncated: bool
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated)
        seen = []
        load = ImageFile.ImageFile.load
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: seen.append(image) or load(image))

        registry.decode(jpeg_file())
        for data in (jpeg_file()[:-2], jpeg_file()[:2000] + b"\xff\xd9"):
            with pytest.raises(BrokenImageError):
                registry.decode(data)

        assert seen == []
        assert ImageFile.LOAD_TRUNCATED_IMAGES is truncated


class TestMetadata:
    """Metadata never prevent decoding."""

    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param(segment(0xE0, b"JFIF\0"), id="a JFIF segment of 7 bytes"),
            pytest.param(segment(0xE0, b""), id="an empty APP0"),
            pytest.param(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\xff\xff"), id="JFIF with a missing thumbnail"),
            pytest.param(segment(0xE0, b"JFXX\0\x10"), id="JFXX, truncated"),
            pytest.param(segment(0xE1, b"Exif\0\0"), id="empty EXIF"),
            pytest.param(segment(0xE1, b"Exif\0\0" + GARBAGE), id="EXIF of garbage"),
            pytest.param(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"), id="EXIF that points beyond its end"),
            pytest.param(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), id="EXIF with 65 535 missing tags"),
            pytest.param(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff<x"), id="XMP of garbage"),
            pytest.param(segment(0xE2, b"MPF\0" + GARBAGE), id="MPF of garbage"),
            pytest.param(segment(0xE2, b"ICC_PROFILE\0"), id="a truncated colour profile"),
            pytest.param(segment(0xE2, b"ICC_PROFILE\0\2\1" + GARBAGE), id="part 2 of 1 of a colour profile"),
            pytest.param(
                segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\xff\xff\xff\xff"), id="Photoshop's block"
            ),
            pytest.param(segment(0xEE, b"Adobe"), id="a truncated Adobe segment"),
            pytest.param(segment(0xEC, b"Ducky"), id="APP12"),
            pytest.param(segment(0xFE, b"\xff\xd8\xff\xd9\xff\xda"), id="markers in a comment"),
            pytest.param(segment(0xFE, b""), id="an empty comment"),
            pytest.param(segment(0xFE, b"", 0), id="a comment of length 0"),
            pytest.param(segment(0xE3, b"", 1), id="APP3 of length 1"),
            pytest.param(b"\xff\xff\xff\xff", id="fill bytes"),
            pytest.param(segment(0xFE, b"x") + b"\0\0\0", id="zeros between segments"),
            pytest.param(segment(0xE1, b"Exif\0\0") * 40, id="EXIF forty times"),
        ],
    )
    @pytest.mark.parametrize("jfif", [True, False], ids=["", "without JFIF"])
    def test_broken_segments_do_not_change_the_picture(self, broken: bytes, jfif: bool) -> None:
        whole = jpeg_file()
        if not jfif:
            whole = whole[:2] + whole[20:]

        assert_decodes_like(with_segments(whole, broken), whole)

    @pytest.mark.parametrize("kind", [*range(1, 14), 0, 99, 65535])
    @pytest.mark.parametrize("tag", [0x010F, 0x011A, 0x0128, 0x0131, 0x0132, 0x8769, 0x8825, 0xA005, 0x014A])
    def test_other_tags_of_any_type_do_not_affect_the_orientation(self, tag: int, kind: int) -> None:
        """Such as software as a fraction, resolution or an offset as text."""
        upright = jpeg_file(photograph(24, 16))
        for count, value in ((1, 7), (3, 0xFFFFFFF0), (0, 8)):
            orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
            other = struct.pack(">HHII", tag, kind, count, value)
            block = b"MM\0*" + struct.pack(">IH", 8, 2) + b"".join(sorted((orientation, other))) + bytes(4)
            turned = with_segments(upright, segment(0xE1, b"Exif\0\0" + block))

            np.testing.assert_array_equal(registry.decode(turned), np.rot90(registry.decode(upright), -1))
            assert registry.read_header(io.BytesIO(turned)).extent == (24, 16)

    @pytest.mark.parametrize("name", ["f7_software_as_rational.jpg", "f7_xresolution_as_text.jpg"])
    def test_wrong_types_in_a_real_file_are_ignored(self, name: str) -> None:
        data = (INPUTS / name).read_bytes()

        pixels = registry.decode(data)

        judge = sample_files.by_opencv(data, cv2.IMREAD_COLOR)  # applies the orientation
        assert np.abs(pixels.astype(int) - judge).max() <= 3
        assert registry.read_header(io.BytesIO(data)).extent == (judge.shape[1], judge.shape[0])

    @pytest.mark.parametrize("orientation", range(10))
    def test_xmp_gives_the_orientation_if_exif_does_not(self, orientation: int) -> None:
        for text in (f'<r tiff:Orientation="{orientation}"/>', f"<tiff:Orientation>{orientation}</tiff:Orientation>"):
            upright = jpeg_file(photograph(24, 16))
            xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())
            turned = orientation if 1 <= orientation <= 8 else 1

            expected = registry.decode(
                with_segments(upright, segment(0xE1, b"Exif\0\0" + sample_files.exif(turned)[6:]))
            )
            np.testing.assert_array_equal(registry.decode(with_segments(upright, xmp)), expected)
            both = with_segments(upright, xmp, segment(0xE1, b"Exif\0\0" + sample_files.exif(3)[6:]))
            np.testing.assert_array_equal(registry.decode(both), registry.decode(upright)[::-1, ::-1])


class TestDamagedFile:
    def test_truncated_and_closed_by_an_end_marker_is_refused(self) -> None:
        data = (INPUTS / "f3_cut_at_60_percent_with_eoi.jpg").read_bytes()
        assert opencv_pixels(data) is not None  # libjpeg makes up the rest, and warns

        with pytest.raises(BrokenImageError, match="damaged"):
            registry.decode(data)

    @pytest.mark.parametrize(
        "options", [{"quality": 90}, {"quality": 75}, {"restart_marker_rows": 1}, {"progressive": True}]
    )
    @pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.9])
    def test_truncated_anywhere_and_closed_by_an_end_marker_is_refused(
        self, options: dict[str, Any], part: float
    ) -> None:
        data = jpeg_file(**options)

        with pytest.raises(BrokenImageError):
            registry.decode(data[: int(len(data) * part)] + b"\xff\xd9")

    @pytest.mark.parametrize(
        "options", [{"quality": 90, "subsampling": 0}, {"quality": 95, "optimize": True}, {"quality": 75}]
    )
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    @pytest.mark.parametrize("hole", [512, 4096])
    def test_with_a_hole_of_zeros_is_refused(self, options: dict[str, Any], mode: str, hole: int) -> None:
        """rsync and network disks leave such holes for blocks that were never written."""
        data = jpeg_file(photograph().convert(mode), **options)
        start, end = scan_of(data)
        for place in range(start, end - hole, (end - start) // 5):
            with pytest.raises(BrokenImageError):
                registry.decode(data[:place] + bytes(hole) + data[place + hole :])

    @pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 75, "optimize": True}])
    @pytest.mark.parametrize("count", [1000, 3000])
    def test_with_missing_or_repeated_bytes_is_refused(self, options: dict[str, Any], count: int) -> None:
        data = jpeg_file(**options)
        start, end = scan_of(data)
        for place in range(start, end - count, (end - start) // 5):
            for damaged in (data[:place] + data[place + count :], data[: place + count] + data[place:]):
                with pytest.raises(BrokenImageError):
                    registry.decode(damaged)

    @pytest.mark.parametrize("trailing", [b"\xff", b"\xff\xff\xff", b"\0", b"\0\0\0"])
    def test_fill_bytes_or_zeros_after_the_scan_are_not_damage(self, trailing: bytes) -> None:
        for quality in range(70, 95, 3):
            data = jpeg_file(quality=quality)

            assert_decodes_like(data[:-2] + trailing + data[-2:], data)

    def test_channels_with_equal_identifiers_are_not_damage(self) -> None:
        """libjpeg renumbers them. In real files of this kind all identifiers are 1 or all are 0."""
        data = bytearray(jpeg_file(subsampling=0))
        frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
        data[frame + 16] = data[frame + 13]
        data[scan + 9] = data[scan + 7]

        assert registry.read_header(io.BytesIO(bytes(data))).extent == (200, 160)
        assert reaches_its_end(io.BytesIO(bytes(data)))

    @pytest.mark.parametrize("scans", range(1, 10))
    def test_without_its_last_scans_is_refused(self, scans: int) -> None:
        """Other decoders show a blurred picture without an error."""
        data = jpeg_file(progressive=True)
        ends = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]

        with pytest.raises(BrokenImageError, match="scan"):
            registry.decode(data[: ends[scans]] + b"\xff\xd9")

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda scan: scan.replace(b"\xff\xd1", b"\xff\xd2", 1), id="out of order"),
            pytest.param(lambda scan: scan.replace(b"\xff\xd1", b"", 1), id="one missing"),
            pytest.param(lambda scan: scan.replace(b"\xff\xd1", b"\xff\xd1\xff\xd1", 1), id="one twice"),
            pytest.param(lambda scan: scan.replace(b"\xff\xd1", b"ab", 1), id="one overwritten"),
            pytest.param(
                lambda scan: scan[: scan.index(b"\xff\xd1")] + scan[scan.index(b"\xff\xd3") :], id="two parts missing"
            ),
        ],
    )
    def test_with_wrong_restart_markers_is_refused(self, damage: Any) -> None:
        data = jpeg_file(restart_marker_rows=1)
        start, end = scan_of(data)

        with pytest.raises(BrokenImageError, match="restart"):
            registry.decode(data[:start] + damage(data[start:end]) + data[end:])

    def test_with_restart_markers_but_no_interval_is_refused(self) -> None:
        data = jpeg_file(restart_marker_rows=1)
        at = data.index(b"\xff\xdd")

        with pytest.raises(BrokenImageError):
            registry.decode(data[:at] + data[at + 6 :])

    def test_one_more_restart_marker_at_the_end_is_not_damage(self) -> None:
        """Some cameras write it, and all decoders accept it."""
        data = jpeg_file(restart_marker_rows=1)
        _, end = scan_of(data)
        last = max(data[at + 1] for at in range(end) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7)
        rows = 160 // 16
        assert last >= 0xD0

        assert_decodes_like(data[:end] + bytes([0xFF, 0xD0 + (rows - 1) % 8]) + data[end:], data)

    @pytest.mark.parametrize(
        ("kind", "description"),
        [
            (0xCB, "a lossless JPEG file"),
            (0xC5, "a hierarchical JPEG file"),
            (0xF7, "a JPEG-LS JPEG file"),
        ],
    )
    def test_unsupported_varieties_are_named(self, kind: int, description: str) -> None:
        data = jpeg_file()
        at = data.index(b"\xff\xc0")

        with pytest.raises(BrokenImageError, match=description):
            registry.decode(data[: at + 1] + bytes([kind]) + data[at + 2 :])

    def test_12_bit_files_are_named(self) -> None:
        data = bytearray(jpeg_file())
        data[data.index(b"\xff\xc0") + 4] = 12

        with pytest.raises(BrokenImageError, match="12 bits per sample"):
            registry.decode(bytes(data))


class TestWriting:
    """The bytes are those that Pillow writes into memory."""

    @pytest.mark.parametrize("quality", [1, 75, 95, 100])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_gives_the_bytes_that_pillow_writes_into_memory(self, channels: int, quality: int) -> None:
        pixels = np.asarray(photograph())[..., :channels]

        assert written(pixels, quality) == in_memory(pixels, quality, optimize=True)

    def test_too_large_for_optimized_tables_gives_those_bytes_too(self) -> None:
        pixels = noise(400, 400) // 128 * 255
        with pytest.raises(OSError, match="broken data stream"):
            in_memory(pixels, 92, optimize=True)

        assert written(pixels, 92) == in_memory(pixels, 92)

    @pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")
    def test_leaves_the_writing_to_the_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pillow holds Python's lock while it encodes, unless it writes to the descriptor of a file by itself."""
        opened: list[io.FileIO] = []

        class Watched(io.FileIO):
            def write(self, data: object) -> int:
                raise AssertionError("Python wrote the file")

        def opening(descriptor: int, *_: object, **__: object) -> io.FileIO:
            opened.append(Watched(descriptor, "w+b"))
            return opened[-1]

        monkeypatch.setattr(jpeg, "open", opening, raising=False)

        assert written(np.asarray(photograph()), 95) == in_memory(np.asarray(photograph()), 95, optimize=True)
        assert [file.closed for file in opened] == [True]

    def test_does_not_need_files_in_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other systems have none; a sandbox may forbid them."""
        pixels = np.asarray(photograph())
        expected = in_memory(pixels, 95, optimize=True)
        forbidden = Fails(lambda *_: None, lambda *_: True, errno.EPERM)
        monkeypatch.setattr(os, "memfd_create", forbidden, raising=False)

        assert written(pixels, 95) == expected
        assert forbidden.fired == 1

        monkeypatch.delattr(os, "memfd_create")
        assert written(pixels, 95) == expected

    @pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")
    def test_does_not_trust_a_file_that_takes_a_part(self) -> None:
        """Under a limit of 1000 bytes on file sizes, the system accepts the first 1000, and Pillow reports no error."""
        program = (
            "import os, resource, signal, sys; import numpy as np; from PIL import Image\n"
            "from io_utils.formats.jpeg import encode_jpeg\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(160, 200, 3)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "with open(os.memfd_create('test'), 'w+b', buffering=0) as file:\n"
            "    Image.fromarray(pixels).save(file, 'JPEG', quality=95, optimize=True)\n"
            "    assert file.tell() == 1000\n"
            "sys.stdout.buffer.write(encode_jpeg(pixels, 95))\n"
        )
        pixels = np.asarray(photograph())

        done = subprocess.run(
            [sys.executable, "-c", program], input=pixels.tobytes(), stdout=subprocess.PIPE, check=True, cwd=PACK
        )

        assert done.stdout == in_memory(pixels, 95, optimize=True)


def written(pixels: np.ndarray, quality: int) -> bytes:
    return JPEG.encode(pixels, quality=quality)


def in_memory(pixels: np.ndarray, quality: int, **options: Any) -> bytes:
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return jpeg_file(image, quality=quality, comment=b"", **options)
