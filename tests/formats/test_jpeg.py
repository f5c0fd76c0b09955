"""JPEG files: decoded as other decoders do, whatever their metadata say, and refused if damaged."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from io_utils.errors import BrokenImageError
from io_utils.formats import registry

from .. import sample_files
from ..sample_files import reaches_its_end

INPUTS = Path(__file__).parents[1] / "inputs"
GARBAGE = bytes(range(256))


def photograph(height: int = 160, width: int = 200) -> Image.Image:
    """Shapes with noise on them, whose compressed data are as irregular as those of a camera."""
    rng = np.random.default_rng(5)
    blurred = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (0, 0), 3).astype(float)
    return Image.fromarray(
        np.clip((blurred - 128) * 6 + 128 + rng.normal(0, 3, blurred.shape), 0, 255).astype(np.uint8)
    )


def written(image: Image.Image | None = None, **options: Any) -> bytes:
    return sample_files.file_of(image or photograph(), "JPEG", **options)


def segment(marker: int, contents: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2 if length is None else length) + contents


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """Put right after SOI."""
    return data[:2] + b"".join(segments) + data[2:]


def scan_of(data: bytes) -> tuple[int, int]:
    """Where the compressed data of the first scan begin and end."""
    at = data.index(b"\xff\xda")
    start = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    end = start
    while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
        end += 1
    return start, end


def judged(data: bytes) -> np.ndarray:
    """By OpenCV, not turned."""
    return sample_files.by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def same(data: bytes, whole: bytes) -> None:
    """`data` are shown as `whole`, by size() and is_whole() too."""
    pixels = registry.decode(data)
    np.testing.assert_array_equal(pixels, registry.decode(whole))
    assert registry.read_header(io.BytesIO(data)).extent == (pixels.shape[1], pixels.shape[0])
    assert reaches_its_end(io.BytesIO(data))


class TestPixels:
    @pytest.mark.parametrize(
        "name", [name for name in sample_files.of("jpeg") if "CMYK" not in name and name != "jpeg exif"]
    )
    def test_are_those_of_another_decoder(self, name: str) -> None:
        data = sample_files.every_kind()[name]

        pixels = registry.decode(data).astype(int)

        assert np.abs(pixels - judged(data)).max() <= 3

    @pytest.mark.parametrize("side", [1, 7, 8, 9, 15, 16, 17, 33])
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}])
    def test_of_odd_sizes_are_too(self, side: int, options: dict[str, Any]) -> None:
        data = written(photograph(side, side + 2), quality=90, **options)

        assert np.abs(registry.decode(data).astype(int) - judged(data)).max() <= 3

    @pytest.mark.parametrize("quality", [1, 5, 50, 100])
    def test_of_every_quality_are_too(self, quality: int) -> None:
        """Below a quality of 25 tables of 16 bits come into use where baseline is not forced."""
        data = written(quality=quality)

        assert np.abs(registry.decode(data).astype(int) - judged(data)).max() <= 3

    def test_with_quantisation_tables_of_16_bits_are_too(self) -> None:
        data = written(quality=50)
        at = data.index(b"\xff\xdb")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        values = data[at + 5 : at + 2 + length]
        wide = b"\x10" + b"".join(bytes([0, value]) for value in values)

        data = data[:at] + segment(0xDB, wide) + data[at + 2 + length :]

        assert np.abs(registry.decode(data).astype(int) - judged(data)).max() <= 3

    @pytest.mark.parametrize("at_least", [1, 20, 25, 50, 99, 100, 101, 200, 4000])
    def test_may_be_shrunk_while_they_are_decoded(self, at_least: int) -> None:
        data = written()

        height, width, _ = registry.decode(data, at_least).shape

        scale = max(scale for scale in (1, 2, 4, 8) if scale == 1 or 200 // scale >= at_least)
        assert (width, height) == (200 // scale, 160 // scale)

    @pytest.mark.parametrize("truncated", [False, True])
    def test_never_depend_on_a_switch_of_pillow_nor_change_it(
        self, monkeypatch: pytest.MonkeyPatch, truncated: bool
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated)
        seen = []
        load = ImageFile.ImageFile.load
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: seen.append(image) or load(image))

        registry.decode(written())
        for data in (written()[:-2], written()[:2000] + b"\xff\xd9"):
            with pytest.raises(BrokenImageError):
                registry.decode(data)

        assert seen == []
        assert ImageFile.LOAD_TRUNCATED_IMAGES is truncated


class TestMetadata:
    """None of it decides whether pixels load."""

    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param(segment(0xE0, b"JFIF\0"), id="a JFIF segment of 7 bytes"),
            pytest.param(segment(0xE0, b""), id="an empty APP0"),
            pytest.param(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\xff\xff"), id="JFIF with a thumbnail that is not there"),
            pytest.param(segment(0xE0, b"JFXX\0\x10"), id="JFXX cut short"),
            pytest.param(segment(0xE1, b"Exif\0\0"), id="empty EXIF"),
            pytest.param(segment(0xE1, b"Exif\0\0" + GARBAGE), id="EXIF of garbage"),
            pytest.param(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"), id="EXIF that points beyond its end"),
            pytest.param(
                segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), id="EXIF of 65 535 tags that are not there"
            ),
            pytest.param(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff<x"), id="XMP of garbage"),
            pytest.param(segment(0xE2, b"MPF\0" + GARBAGE), id="MPF of garbage"),
            pytest.param(segment(0xE2, b"ICC_PROFILE\0"), id="a colour profile cut short"),
            pytest.param(segment(0xE2, b"ICC_PROFILE\0\2\1" + GARBAGE), id="a colour profile's second part of one"),
            pytest.param(
                segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\xff\xff\xff\xff"), id="Photoshop's block"
            ),
            pytest.param(segment(0xEE, b"Adobe"), id="Adobe's segment cut short"),
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
    def test_that_is_broken_leaves_the_picture_as_it_is(self, broken: bytes, jfif: bool) -> None:
        whole = written()
        if not jfif:
            whole = whole[:2] + whole[20:]

        same(with_segments(whole, broken), whole)

    @pytest.mark.parametrize("kind", [*range(1, 14), 0, 99, 65535])
    @pytest.mark.parametrize("tag", [0x010F, 0x011A, 0x0128, 0x0131, 0x0132, 0x8769, 0x8825, 0xA005, 0x014A])
    def test_of_any_tag_as_any_type_leaves_it_turned_by_its_orientation(self, tag: int, kind: int) -> None:
        """Software as fraction, resolution as text, an offset as text ..."""
        upright = written(photograph(24, 16))
        for count, value in ((1, 7), (3, 0xFFFFFFF0), (0, 8)):
            orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
            other = struct.pack(">HHII", tag, kind, count, value)
            block = b"MM\0*" + struct.pack(">IH", 8, 2) + b"".join(sorted((orientation, other))) + bytes(4)
            turned = with_segments(upright, segment(0xE1, b"Exif\0\0" + block))

            np.testing.assert_array_equal(registry.decode(turned), np.rot90(registry.decode(upright), -1))
            assert registry.read_header(io.BytesIO(turned)).extent == (24, 16)

    @pytest.mark.parametrize("name", ["f7_software_as_rational.jpg", "f7_xresolution_as_text.jpg"])
    def test_of_wrong_types_in_a_real_file(self, name: str) -> None:
        data = (INPUTS / name).read_bytes()

        pixels = registry.decode(data)

        judge = sample_files.by_opencv(data, cv2.IMREAD_COLOR)  # turned
        assert np.abs(pixels.astype(int) - judge).max() <= 3
        assert registry.read_header(io.BytesIO(data)).extent == (judge.shape[1], judge.shape[0])

    @pytest.mark.parametrize("orientation", range(10))
    def test_in_xmp_turns_it_where_exif_does_not(self, orientation: int) -> None:
        for text in (f'<r tiff:Orientation="{orientation}"/>', f"<tiff:Orientation>{orientation}</tiff:Orientation>"):
            upright = written(photograph(24, 16))
            xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())
            turned = orientation if 1 <= orientation <= 8 else 1

            expected = registry.decode(
                with_segments(upright, segment(0xE1, b"Exif\0\0" + sample_files.exif(turned)[6:]))
            )
            np.testing.assert_array_equal(registry.decode(with_segments(upright, xmp)), expected)
            both = with_segments(upright, xmp, segment(0xE1, b"Exif\0\0" + sample_files.exif(3)[6:]))
            np.testing.assert_array_equal(registry.decode(both), registry.decode(upright)[::-1, ::-1])


class TestADamagedFile:
    def test_that_was_cut_and_closed_again_is_refused(self) -> None:
        data = (INPUTS / "f3_cut_at_60_percent_with_eoi.jpg").read_bytes()
        assert judged(data) is not None  # libjpeg fills it up, and warns

        with pytest.raises(BrokenImageError, match="damaged"):
            registry.decode(data)

    @pytest.mark.parametrize(
        "options", [{"quality": 90}, {"quality": 75}, {"restart_marker_rows": 1}, {"progressive": True}]
    )
    @pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.9])
    def test_cut_anywhere_and_closed_again_is_refused(self, options: dict[str, Any], part: float) -> None:
        data = written(**options)

        with pytest.raises(BrokenImageError):
            registry.decode(data[: int(len(data) * part)] + b"\xff\xd9")

    @pytest.mark.parametrize(
        "options", [{"quality": 90, "subsampling": 0}, {"quality": 95, "optimize": True}, {"quality": 75}]
    )
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    @pytest.mark.parametrize("hole", [512, 4096])
    def test_with_a_hole_of_zeros_is_refused(self, options: dict[str, Any], mode: str, hole: int) -> None:
        """What rsync and network disks leave of a block that was never written."""
        data = written(photograph().convert(mode), **options)
        start, end = scan_of(data)
        for place in range(start, end - hole, (end - start) // 5):
            with pytest.raises(BrokenImageError):
                registry.decode(data[:place] + bytes(hole) + data[place + hole :])

    @pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 75, "optimize": True}])
    @pytest.mark.parametrize("count", [1000, 3000])
    def test_with_bytes_missing_or_twice_is_refused(self, options: dict[str, Any], count: int) -> None:
        data = written(**options)
        start, end = scan_of(data)
        for place in range(start, end - count, (end - start) // 5):
            for damaged in (data[:place] + data[place + count :], data[: place + count] + data[place:]):
                with pytest.raises(BrokenImageError):
                    registry.decode(damaged)

    @pytest.mark.parametrize("behind", [b"\xff", b"\xff\xff\xff", b"\0", b"\0\0\0"])
    def test_is_not_one_with_fill_bytes_or_zeros_behind_its_scan(self, behind: bytes) -> None:
        for quality in range(70, 95, 3):
            data = written(quality=quality)

            same(data[:-2] + behind + data[-2:], data)

    def test_is_not_one_of_channels_with_the_same_number(self) -> None:
        """libjpeg renumbers them: in real files they are all 1 or all 0."""
        data = bytearray(written(subsampling=0))
        frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
        data[frame + 16] = data[frame + 13]
        data[scan + 9] = data[scan + 7]

        assert registry.read_header(io.BytesIO(bytes(data))).extent == (200, 160)
        assert reaches_its_end(io.BytesIO(bytes(data)))

    @pytest.mark.parametrize("scans", range(1, 10))
    def test_whose_last_scans_are_missing_is_refused(self, scans: int) -> None:
        """What is left of it is a blurred picture; no decoder finds anything wrong."""
        data = written(progressive=True)
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
    def test_with_restart_markers_in_disorder_is_refused(self, damage: Any) -> None:
        data = written(restart_marker_rows=1)
        start, end = scan_of(data)

        with pytest.raises(BrokenImageError, match="restart"):
            registry.decode(data[:start] + damage(data[start:end]) + data[end:])

    def test_with_restart_markers_that_were_never_announced_is_refused(self) -> None:
        data = written(restart_marker_rows=1)
        at = data.index(b"\xff\xdd")

        with pytest.raises(BrokenImageError):
            registry.decode(data[:at] + data[at + 6 :])

    def test_may_have_one_more_restart_marker_at_its_end(self) -> None:
        """As some cameras write it: no decoder minds."""
        data = written(restart_marker_rows=1)
        _, end = scan_of(data)
        last = max(data[at + 1] for at in range(end) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7)
        rows = 160 // 16
        assert last >= 0xD0

        same(data[:end] + bytes([0xFF, 0xD0 + (rows - 1) % 8]) + data[end:], data)

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            (0xCB, "a lossless JPEG file"),
            (0xC5, "a hierarchical JPEG file"),
            (0xF7, "a JPEG-LS JPEG file"),
        ],
    )
    def test_of_a_kind_that_is_not_read_is_told_by_its_kind(self, kind: int, told: str) -> None:
        data = written()
        at = data.index(b"\xff\xc0")

        with pytest.raises(BrokenImageError, match=told):
            registry.decode(data[: at + 1] + bytes([kind]) + data[at + 2 :])

    def test_of_12_bits_is_told_so(self) -> None:
        data = bytearray(written())
        data[data.index(b"\xff\xc0") + 4] = 12

        with pytest.raises(BrokenImageError, match="12 bits per sample"):
            registry.decode(bytes(data))
