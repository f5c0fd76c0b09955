"""The text that says which graph made a file: where it is, who else reads it, and what damaged files do."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import OpenEXR
import png
import pytest
from PIL import ExifTags, Image

from io_utils.formats import registry
from io_utils.formats.base import IDENTITY, IDENTITY_BYTES, Extras, State
from io_utils.formats.file_type import FileType

from ..disk import image_of, noise, work_guard

IDENTIFIED = '{"graph": "0123456789abcdef", "frame": 7, "version": "0.1.1"}'
TEXT = {"prompt": '{"9": {"class_type": "KSampler"}}', "workflow": '{"nodes": []}', "note": "kept"}
every_type = pytest.mark.parametrize("filetype", list(FileType), ids=lambda kind: kind.value)


def encoded(filetype: FileType, identity: str | None = IDENTIFIED, **more: Any) -> bytes:
    pixels = image_of(noise(24, 32, 4))[0]
    return filetype.encode_frame(pixels, TEXT, extras=Extras(identity=identity, **more)).data


def read(data: bytes) -> str | None:
    return registry.read_identity(io.BytesIO(data))


@every_type
class TestEveryTypeOfFile:
    def test_holds_it_also_without_the_workflow(self, filetype: FileType) -> None:
        assert read(encoded(filetype)) == IDENTIFIED

    def test_is_whole_with_it_and_has_the_same_pixels(self, filetype: FileType) -> None:
        with_it, without = encoded(filetype), encoded(filetype, None)

        assert registry.state(io.BytesIO(with_it)) is State.WHOLE
        assert np.array_equal(registry.decode(with_it), registry.decode(without))

    def test_has_none_unless_asked(self, filetype: FileType) -> None:
        data = encoded(filetype, None)

        assert read(data) is None
        assert IDENTITY.encode() not in data

    def test_has_it_before_all_other_text_and_the_pixels(self, filetype: FileType) -> None:
        data = encoded(filetype)
        place = data.index(IDENTITY.encode())

        assert place < 1000
        for keyword in TEXT if filetype.embeds_workflow else ():
            assert place < data.index(TEXT[keyword].encode())

    def test_is_read_from_the_start_of_the_file(self, filetype: FileType) -> None:
        reads: list[int | None] = []

        class Watched(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                reads.append(size)
                return super().read(size)

        assert registry.read_identity(Watched(encoded(filetype))) == IDENTIFIED
        if filetype.image_format.name == "EXR":
            assert sum(map(int, filter(None, reads))) < 10_000, (
                "its attributes have sizes, so that it is found without reading them"
            )
        else:
            assert reads == [32, IDENTITY_BYTES]

    def test_a_file_that_is_cut_anywhere_is_no_error(self, filetype: FileType) -> None:
        data = encoded(filetype)
        end = data.index(IDENTIFIED.encode()) + len(IDENTIFIED)

        for length in range(end + 40):
            assert read(data[:length]) in (None, IDENTIFIED)
            assert length >= end or read(data[:length]) is None

    def test_a_file_with_any_other_bytes_is_no_error(self, filetype: FileType) -> None:
        chance, data = random.Random(filetype.value), encoded(filetype)
        for _ in range(500):
            damaged = bytearray(data)
            for _ in range(chance.randrange(1, 6)):
                damaged[chance.randrange(400)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
            assert isinstance(read(bytes(damaged)), str | None)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"not an image at all", bytes(1000), b"RIFF\4\0\0\0WAVE"])
def test_other_files_have_none(data: bytes) -> None:
    assert read(data) is None


class TestOtherPrograms:
    """Their readers see it, and all text that they saw before."""

    @pytest.mark.parametrize("filetype", [FileType.PNG_WITH_WORKFLOW, FileType.PNG16_WITH_WORKFLOW])
    def test_pillow_and_pypng_find_it_in_png(self, filetype: FileType) -> None:
        data = encoded(filetype)
        with Image.open(io.BytesIO(data)) as image:
            assert list(image.text.items()) == [(IDENTITY, IDENTIFIED), *TEXT.items()]  # type: ignore[attr-defined]
        chunks = list(png.Reader(bytes=data).chunks())
        assert [name for name, _ in chunks[:3]] == [b"IHDR", b"tEXt", b"tEXt"]
        assert chunks[1][1] == IDENTITY.encode() + b"\0" + IDENTIFIED.encode()

    @pytest.mark.parametrize("filetype", [FileType.WEBP_LOSSLESS, FileType.WEBP_LOSSY])
    def test_pillow_finds_it_in_the_exif_of_webp(self, filetype: FileType) -> None:
        with Image.open(io.BytesIO(encoded(filetype))) as image:
            image.load()
            assert image.mode == "RGBA"
            tags = image.getexif()
        assert tags[ExifTags.Base.ProcessingSoftware] == f"{IDENTITY}:{IDENTIFIED}"
        assert tags[ExifTags.Base.Model] == f"prompt:{TEXT['prompt']}"
        assert tags[ExifTags.Base.Make] == f"workflow:{TEXT['workflow']}"
        assert f"note:{TEXT['note']}" in tags.values()

    def test_pillow_finds_it_in_the_comment_of_jpeg(self) -> None:
        with Image.open(io.BytesIO(encoded(FileType.JPG))) as image:
            assert image.info["comment"] == f"{IDENTITY}:{IDENTIFIED}".encode()
            assert image.info["jfif"] == 0x101, "the JFIF header is the first segment"

    @pytest.mark.parametrize("filetype", [FileType.EXR, FileType.EXR_HALF_WITH_WORKFLOW])
    def test_openexr_finds_it_in_the_header(self, filetype: FileType) -> None:
        header = OpenEXR.File(io.BytesIO(encoded(filetype)), header_only=True).header()

        assert header[IDENTITY] == IDENTIFIED
        assert ("prompt" in header) == filetype.embeds_workflow


class TestExr:
    def test_the_identity_of_a_plate_is_not_carried_into_the_frames_made_of_it(self) -> None:
        header = registry.read_header(io.BytesIO(encoded(FileType.EXR, attributes={"camera": "A"})))

        assert "camera" in header.attributes
        assert IDENTITY not in header.attributes

    def test_it_is_found_behind_the_attributes_of_a_plate(self) -> None:
        attributes = {f"camera{number:03d}": "x" * 100 for number in range(100)}

        assert read(encoded(FileType.EXR_WITH_WORKFLOW, attributes=attributes)) == IDENTIFIED

    @pytest.mark.parametrize("count", [100, 5000])
    def test_long_attributes_of_a_plate_may_precede_it(self, count: int) -> None:
        attributes = {f"cryptomatte/{number:04d}/manifest": "x" * 1000 for number in range(count)}

        assert read(encoded(FileType.EXR, attributes=attributes)) == IDENTIFIED


def with_chunk(data: bytes, name: bytes, contents: bytes) -> bytes:
    """A PNG with a further chunk behind its header."""
    crc = struct.pack(">I", zlib.crc32(name + contents))
    return data[:33] + struct.pack(">I", len(contents)) + name + contents + crc + data[33:]


class TestHostileFiles:
    BARE = encoded(FileType.PNG, None)

    def test_ten_megabytes_are_not_read(self) -> None:
        data = with_chunk(self.BARE, b"tEXt", IDENTITY.encode() + b"\0" + b"x" * 10_000_000)

        with work_guard(2000):
            assert read(data) is None

    def test_thousands_of_chunks_are_passed_by(self) -> None:
        data = self.BARE[:33] + b"".join([struct.pack(">I4sI", 0, b"abcd", 0)] * 1_000_000) + self.BARE[33:]

        with work_guard(60_000):
            assert read(data) is None

    def test_a_text_behind_the_pixels_does_not_count(self) -> None:
        end = self.BARE.index(b"IEND") - 4
        chunk = with_chunk(bytes(33), b"tEXt", IDENTITY.encode() + b"\0" + IDENTIFIED.encode())[33:]

        assert read(self.BARE[:end] + chunk + self.BARE[end:]) is None

    def test_a_length_beyond_the_end_of_the_file_is_no_error(self) -> None:
        head = struct.pack(">I4s", 2**31 - 1, b"tEXt") + IDENTITY.encode() + b"\0"

        assert read(self.BARE[:33] + head + self.BARE[33:]) is None

    def test_a_directory_of_65535_tags_in_webp_is_passed_by(self) -> None:
        exif = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 1, 3, 1, 0) * 65535
        body = b"VP8X" + struct.pack("<I", 10) + bytes(10) + b"EXIF" + struct.pack("<I", len(exif)) + exif
        data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body

        with work_guard(100_000):
            assert read(data) is None

    def test_a_jpeg_of_comments_only_is_passed_by(self) -> None:
        with work_guard(400_000):
            assert read(b"\xff\xd8" + b"\xff\xfe\0\2" * 1_000_000) is None
