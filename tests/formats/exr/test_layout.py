"""Which EXR files are whole, told from the chunk table alone, also for crafted headers. OpenEXR writes the files."""

from __future__ import annotations

import io
import struct

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_utils.errors import BrokenImageError
from io_utils.formats import registry
from io_utils.formats.exr.layout import is_whole, read_layout

from ...disk import work_guard
from ...exr_files import (
    MULTI_PART,
    NOT_AN_IMAGE,
    TILED,
    CountedFile,
    attribute,
    by_openexr,
    of_parts,
    planes,
    raw,
    tiled,
)

NOISE = {name: np.random.default_rng(5).random((300, 20)).astype(np.float16) for name in "RGB"}
FILES = {
    "scanlines": by_openexr(NOISE),
    "uncompressed": by_openexr(planes("RGB"), compression="NO"),
    "tiles": by_openexr(planes("RGB", 20, 40), **tiled()),
    "decreasing": by_openexr(planes("RGB", 90, 3), lineOrder=OpenEXR.DECREASING_Y),
    "parts": of_parts({"a": planes("RGB"), "b": planes("Z"), "c": planes("Y")}),
    "one pixel": by_openexr(planes("Y", 1, 1)),
    "last row empty": raw({name: np.ones((4, 6), np.float32) for name in "RGB"}, sampling=dict.fromkeys("RGB", (2, 2))),
}


def whole(data: bytes) -> bool:
    return is_whole(io.BytesIO(data))


def decodes(data: bytes) -> bool:
    try:
        registry.decode(data)
    except BrokenImageError:
        return False
    return True


@pytest.mark.parametrize("name", FILES)
class TestFile:
    def test_is_whole_at_its_full_length_only(self, name: str) -> None:
        data = FILES[name]

        assert whole(data)
        assert whole(data + b"more")
        assert not [cut for cut in range(len(data)) if whole(data[:cut])]

    def test_is_torn_if_a_copy_stopped_and_left_zeros(self, name: str) -> None:
        """Up to the last chunk: zeros in its pixels can be pixels."""
        data = FILES[name]
        layout = read_layout(io.BytesIO(data))
        last = max(_offsets(data, layout.table))

        assert not [cut for cut in range(8, last + 1, 7) if whole(data[:cut] + bytes(len(data) - cut))]

    def test_is_torn_if_the_program_stopped_before_it_wrote_the_table(self, name: str) -> None:
        data = FILES[name]
        table = read_layout(io.BytesIO(data)).table

        for entry in range(len(_offsets(data, table))):
            at = table + 8 * entry
            assert not whole(data[:at] + bytes(8) + data[at + 8 :])

    def test_that_decodes_is_whole_whatever_byte_is_changed(self, name: str) -> None:
        @settings(max_examples=150)
        @given(st.integers(0, min(len(FILES[name]), 1500) - 1), st.integers(1, 255))
        def check(at: int, change: int) -> None:
            data = bytearray(FILES[name])
            data[at] ^= change

            assert whole(bytes(data)) or not decodes(bytes(data))

        check()


def _offsets(data: bytes, table: int) -> list[int]:
    """The chunk table, which ends where the first chunk begins."""
    offsets: list[int] = []
    while not offsets or table + 8 * len(offsets) < min(offsets):
        offsets += struct.unpack_from("<Q", data, table + 8 * len(offsets))
    return offsets


class TestIsWhole:
    @pytest.mark.parametrize("data", [b"", b"v/1\x01", bytes(1000), b"This is not an image."])
    def test_is_false_for_other_files(self, data: bytes) -> None:
        assert not whole(data)

    def test_is_true_for_deep_files_that_are_not_read(self) -> None:
        """Otherwise "skip" would replace files of other programs, and the resume counter would start over."""
        head = raw(planes("Y", 1, 1), flags=NOT_AN_IMAGE, more=attribute("type", "string", b"deepscanline"))
        table = read_layout(io.BytesIO(head)).table
        chunk = struct.pack("<iQQQ", 0, 4, 8, 8) + bytes(12)
        data = head[:table] + struct.pack("<Q", table + 8) + chunk

        assert whole(data)
        assert not [cut for cut in range(len(data)) if whole(data[:cut])]

    def test_reads_little_of_a_large_file(self) -> None:
        """Frames on a network disk are looked at before each run."""

        file = CountedFile(by_openexr(planes("RGB", 1080, 200), compression="NO"))

        assert is_whole(file)
        assert file.count < 25_000 < len(file.getvalue()) / 100


class TestCraftedHeader:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(raw(planes("Y"))[:8] + attribute("a", "i", b"") * 100_000, id="attributes"),
            pytest.param(b"v/1\x01" + struct.pack("<I", 2 | MULTI_PART) + b"a\0i\0\0\0\0\0\0" * 50_000, id="parts"),
            pytest.param(raw(planes("Y"))[:8] + b"a" * 1_000_000, id="a name"),
            pytest.param(raw(planes("Y"))[:8] + attribute("a", "i", b"")[:-4] + b"\xff" * 1000, id="a negative length"),
        ],
    )
    def test_is_refused_early(self, data: bytes) -> None:
        with work_guard(800_000, "it reads the whole file"):
            assert not whole(data)
        with (
            work_guard(800_000),
            pytest.raises(
                BrokenImageError, match=r"its header is (damaged|incomplete)|more than 20,000 header attributes"
            ),
        ):
            registry.decode(data)

    def test_with_a_table_of_millions_of_chunks_is_read_in_a_few_steps(self) -> None:
        data = raw(planes("Y"))
        table = read_layout(io.BytesIO(data)).table
        end = table + 8 * 2_000_000
        crafted = data[:table] + struct.pack("<Q", end) * 2_000_000 + struct.pack("<iI", 0, 4) + bytes(4)

        with work_guard(5_000):
            assert whole(crafted)
        with work_guard(5_000), pytest.raises(BrokenImageError):
            registry.decode(crafted[:-1])

    @pytest.mark.parametrize("flag", [TILED, NOT_AN_IMAGE, MULTI_PART])
    def test_with_a_flag_that_does_not_fit_is_refused(self, flag: int) -> None:
        assert not decodes(raw(planes("Y"), flags=flag))

    @settings(max_examples=300)
    @given(st.integers(min_value=0), st.binary(min_size=1, max_size=20))
    def test_with_random_bytes_decodes_or_is_refused(self, position: int, put: bytes) -> None:
        data = FILES["scanlines"]
        at = position % read_layout(io.BytesIO(data)).table

        changed = data[:at] + put + data[at + len(put) :]

        assert whole(changed) or not decodes(changed)
