"""A file is whole if and only if it decodes up to its own end. Tested with every kind of file: truncated, extended, damaged."""

from __future__ import annotations

import errno
import io
import os
import socket
from pathlib import Path

import cv2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from io_utils.errors import BrokenImageError
from io_utils.formats import registry
from io_utils.formats.png.encode import encode_png
from io_utils.formats.registry import is_whole_file as is_whole

from .. import sample_files
from ..disk import noise
from ..sample_files import reaches_its_end

KINDS = sorted(sample_files.every_kind())
INPUTS = Path(__file__).parents[1] / "inputs"


def whole(data: bytes) -> bool:
    return reaches_its_end(io.BytesIO(data))


def decodes(data: bytes) -> bool:
    try:
        registry.decode(data)
    except BrokenImageError:
        return False
    return True


class TestFileOfEveryKind:
    @pytest.mark.parametrize("name", sample_files.every_kind())
    def test_is_whole_and_decodes(self, name: str) -> None:
        assert (whole(sample_files.every_kind()[name]), decodes(sample_files.every_kind()[name])) == (True, True)

    @pytest.mark.parametrize("name", KINDS)
    def test_is_whole_at_exactly_the_lengths_at_which_it_decodes(self, name: str) -> None:
        data = sample_files.every_kind()[name]

        found = [(length, whole(data[:length]), decodes(data[:length])) for length in range(len(data))]

        assert [entry for entry in found if entry[1] != entry[2]] == []
        assert not found[len(data) // 4][1]  # not len // 2: an MPO file has its first picture in the first half

    @pytest.mark.parametrize("name", KINDS)
    @pytest.mark.parametrize(
        "trailing",
        [
            b"\0",
            b"\0\0\0",
            b"\xff",
            b"\xff\xd9",
            b"\xff\xd8\xff",
            b"\0\0\0\0IEND\xaeB`\x82",
            b"more",
            bytes(5000),
            b"\xff" * 600,
        ],
        ids=lambda trailing: f"{len(trailing)} bytes, {trailing[:4].hex()}",
    )
    def test_stays_whole_with_bytes_after_its_end(self, name: str, trailing: bytes) -> None:
        data = sample_files.every_kind()[name]

        pixels = registry.decode(data + trailing)

        assert whole(data + trailing)
        assert pixels.tobytes() == registry.decode(data).tobytes()

    @settings(max_examples=1500, deadline=None)
    @given(st.sampled_from(sorted(sample_files.every_kind())), st.integers(min_value=0), st.integers(1, 255))
    def test_with_a_changed_byte_never_decodes_unless_it_is_whole(self, name: str, position: int, change: int) -> None:
        data = bytearray(sample_files.every_kind()[name])
        data[position % len(data)] ^= change

        assert whole(bytes(data)) or not decodes(bytes(data))

    @settings(max_examples=1000, deadline=None)
    @given(
        st.sampled_from(sorted(sample_files.every_kind())),
        st.integers(min_value=0),
        st.binary(max_size=30),
        st.integers(0, 30),
    )
    def test_with_inserted_or_removed_bytes_never_decodes_unless_it_is_whole(
        self, name: str, position: int, put: bytes, taken: int
    ) -> None:
        data = sample_files.every_kind()[name]
        at = position % len(data)
        changed = data[:at] + put + data[at + taken :]

        assert whole(changed) or not decodes(changed)

    @settings(max_examples=500, deadline=None)
    @given(st.binary(max_size=200))
    @example(b"\xff\xd8\xff\xd9")
    @example(b"RIFF\0\0\0\0WEBP")
    @example(b"BM")
    def test_random_bytes_are_not_whole_and_do_not_decode(self, data: bytes) -> None:
        assert not decodes(data)
        assert not whole(data)


class TestFileOnDisk:
    @pytest.mark.parametrize("name", ["f4_bytes_behind_iend.png", "f4_padded_by_3_bytes.jpg"])
    def test_with_bytes_after_its_end_is_whole(self, name: str) -> None:
        """Cameras pad, phones append a video, editors shorten in place. Skip and resume must not replace such files."""
        assert is_whole(INPUTS / name)
        assert decodes((INPUTS / name).read_bytes())

    @pytest.mark.parametrize("name", sample_files.every_kind())
    def test_is_judged_by_its_content_not_by_its_name(self, tmp_path: Path, name: str) -> None:
        """The loaders do the same."""
        for extension in registry.EXTENSIONS:
            path = tmp_path / f"f{extension}"
            path.write_bytes(sample_files.every_kind()[name])

            assert is_whole(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
    @pytest.mark.parametrize("extension", [".png", ".jpg", ".exr", ".webp", ".tif", ".bmp"])
    def test_is_not_a_pipe_a_folder_a_socket_or_a_device(self, tmp_path: Path, extension: str) -> None:
        """Opening a pipe waits until somebody writes to it, which never happens here."""
        pipe, folder, link, there = (tmp_path / f"{name}{extension}" for name in ("pipe", "folder", "link", "socket"))
        os.mkfifo(pipe)
        folder.mkdir()
        link.symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(there))

        assert [is_whole(path) for path in (pipe, folder, link, there)] == [False] * 4

    def test_is_judged_without_reading_the_pixels_of_a_png(self, tmp_path: Path) -> None:
        """Only chunk headers are read: skipping a sequence on a network disk transfers kilobytes, not gigabytes."""
        data = encode_png(noise(600, 600))

        class Counted(io.BytesIO):
            count = 0

            def read(self, size: int | None = -1, /) -> bytes:
                found = super().read(size)
                self.count += len(found)
                return found

        file = Counted(data)
        assert reaches_its_end(file)
        assert file.count < 300 < len(data)

    def test_that_cannot_be_read_raises_the_error_of_the_system(self, tmp_path: Path) -> None:
        class Failing(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(errno.EIO, "Input/output error")

        for look in (reaches_its_end, registry.read_header):
            with pytest.raises(OSError, match="Input/output error"):
                look(Failing(encode_png(noise())))


class CountedReads(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


class TestAPngOfManyChunks:
    """libpng writes 8 KiB to a chunk, so that a frame of 4 MB has 500 of them."""

    @staticmethod
    def of(chunks: int, last: int = 100, behind: bytes = b"") -> bytes:
        """A PNG by hand with `chunks` chunks of 64 bytes of pixels and one of `last` bytes, which are not compressed pixels."""
        start = sample_files.of("png")["png 2-8"][:33]
        pixels = sample_files.png_chunk(b"IDAT", bytes(64)) * chunks + sample_files.png_chunk(b"IDAT", bytes(last))
        return start + pixels + behind + sample_files.png_chunk(b"IEND")

    @pytest.mark.parametrize("chunks", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 500])
    @pytest.mark.parametrize("last", [64, 100])
    def test_is_whole_at_its_full_length_only(self, chunks: int, last: int) -> None:
        data = self.of(chunks, last)

        assert whole(data)
        assert [cut for cut in range(1, min(len(data), 400)) if whole(data[:-cut])] == []

    @pytest.mark.parametrize("chunks", [1, 2, 6, 500])
    def test_its_orientation_is_found_behind_the_pixels(self, chunks: int) -> None:
        data = self.of(chunks, behind=sample_files.png_chunk(b"eXIf", sample_files.exif(6)))

        assert registry.read_header(io.BytesIO(data)).orientation == 6

    def test_is_looked_at_in_few_places(self) -> None:
        few, many = CountedReads(self.of(0)), CountedReads(self.of(10_000))

        for file in (few, many):
            assert reaches_its_end(file)
            registry.read_header(file)

        assert many.reads - few.reads < 100

    def test_by_opencv_is_looked_at_in_few_places(self) -> None:
        _, encoded = cv2.imencode(".png", noise(600, 400))
        file = CountedReads(bytes(encoded))

        assert bytes(encoded).count(b"IDAT") > 80
        assert reaches_its_end(file)
        assert file.reads < 40
