"""What the OpenEXR package prints stays off the console, and everything else works where it is not installed."""

from __future__ import annotations

import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from io_utils.errors import BrokenImageError, MissingPackageError
from io_utils.formats import registry
from io_utils.formats.base import State
from io_utils.formats.exr import library
from io_utils.formats.exr.format import EXR
from io_utils.formats.file_type import FileType

from ... import sample_files
from ...exr_files import CountedFile, attribute, by_openexr, planes, raw


def damaged() -> bytes:
    """A file whose second chunk has a checksum that does not match."""
    data = bytearray(by_openexr({"Y": np.add.outer(np.arange(32), np.arange(64)).astype("f4")}))
    data[-1] ^= 0xFF
    return bytes(data)


class TestPrints:
    """The package prints why a part cannot be read, and goes on without the part."""

    def test_of_damage_are_the_reason_in_the_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(BrokenImageError, match="its pixels are damaged"):
            registry.decode(damaged())

        assert capsys.readouterr().out == ""

    def test_in_several_threads_at_once_stay_off_the_console(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = sys.stdout
        whole, broken = by_openexr(planes("RGB")), damaged()

        def decode(number: int) -> bool:
            try:
                registry.decode(broken if number % 2 else whole)
            except BrokenImageError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(decode, range(40)))

        assert outcomes == [True, False] * 20
        assert sys.stdout is before
        assert capsys.readouterr().out == ""

    def test_of_other_threads_are_passed_on(self, capsys: pytest.CaptureFixture[str]) -> None:
        def say(text: str) -> None:
            thread = threading.Thread(target=sys.stdout.write, args=(text,))
            thread.start()
            thread.join()

        with library._captured_prints() as printed:
            sys.stdout.write("of this thread")
            say("of another thread, ")
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(registry.decode, by_openexr(planes("RGB"))).result().any()
            say("after it has read a file")

        assert printed() == "of this thread"
        assert capsys.readouterr().out == "of another thread, after it has read a file"

    def test_of_a_program_without_a_console_are_kept_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """On Windows, pythonw has no sys.stdout."""
        monkeypatch.setattr(sys, "stdout", None)

        with library._captured_prints() as printed:
            stand_in: Any = sys.stdout
            stand_in.write("text")
            stand_in.flush()

        assert printed() == "text"
        assert sys.stdout is None

    def test_leave_a_stdout_that_was_set_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = io.StringIO()
        monkeypatch.setattr(sys, "stdout", sys.stdout)

        with library._captured_prints():
            sys.stdout = other

        assert sys.stdout is other


class TestHeader:
    @pytest.mark.parametrize("kind", ["string", "stringvector"])
    def test_with_text_that_is_not_utf_8_is_read(self, kind: str) -> None:
        """Programs of the time before Unicode wrote Latin-1: "artiste: R\\xe9mi"."""
        value = b"R\xe9mi" if kind == "string" else b"\4\0\0\0R\xe9mi"
        channels = planes("RGB")
        data = raw(channels, more=attribute("artist", kind, value))

        header = registry.read_header(io.BytesIO(data))

        assert header.attributes["artist"] == ("R?mi" if kind == "string" else ["R?mi"])
        np.testing.assert_array_equal(registry.decode(data), np.stack(list(channels.values()), axis=-1)[..., [0, 1, 2]])

    @pytest.mark.parametrize("length", [1_100_000, 5_000_000])
    def test_of_megabytes_is_read(self, length: int) -> None:
        """A Cryptomatte manifest lists all objects of a scene."""
        data = by_openexr(planes("RGB"), **{"cryptomatte/f834d0a/manifest": "x" * length})

        assert len(registry.read_header(io.BytesIO(data)).attributes["cryptomatte/f834d0a/manifest"]) == length
        assert registry.decode(data).shape == (20, 13, 3)
        assert EXR.is_whole(io.BytesIO(data))
        assert not EXR.is_whole(io.BytesIO(data[:length]))

    def test_is_read_without_the_pixels(self) -> None:
        """10,000 frames of a sequence on a network disk are looked at before the first is decoded."""

        data = by_openexr(planes("RGB", 1000, 100), compression="NO")
        file = CountedFile(data)

        registry.read_header(file)

        assert file.count < 100_000 < len(data) / 10


@pytest.fixture
def without_openexr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "OpenEXR", None)


@pytest.mark.usefixtures("without_openexr")
class TestWithoutThePackage:
    DATA = by_openexr(planes("RGB"))
    REMEDY = r"python -m pip install OpenEXR --upgrade` .*EXR files need the package OpenEXR, "

    def test_reading_says_how_to_install_it(self) -> None:
        for read in (registry.decode, lambda data: registry.read_header(io.BytesIO(data))):
            with pytest.raises(MissingPackageError, match=self.REMEDY):
                read(self.DATA)

    @pytest.mark.parametrize("filetype", [kind for kind in FileType if kind.image_format is EXR])
    def test_writing_says_how_to_install_it(self, filetype: FileType) -> None:
        with pytest.raises(MissingPackageError, match=self.REMEDY):
            filetype.encode_frame(torch.zeros(2, 2, 3), {})
        with pytest.raises(MissingPackageError, match=self.REMEDY):
            filetype.image_format.require_library()

    def test_whole_and_torn_files_are_still_told_apart(self) -> None:
        """They are somebody's work: "skip" must not replace them."""
        assert registry.state(io.BytesIO(self.DATA)) is State.WHOLE
        assert registry.state(io.BytesIO(self.DATA[:-1])) is not State.WHOLE

    @pytest.mark.parametrize("kind", sorted({name.split()[0] for name in sample_files.every_kind()} - {"exr"}))
    def test_other_kinds_of_file_are_read(self, kind: str) -> None:
        for data in sample_files.of(kind).values():
            assert registry.decode(data).ndim == 3

    @pytest.mark.parametrize("filetype", [kind for kind in FileType if kind.image_format is not EXR])
    def test_other_kinds_of_file_are_written(self, filetype: FileType) -> None:
        filetype.image_format.require_library()

        assert filetype.encode_frame(torch.zeros(2, 2, 3), {}).data
