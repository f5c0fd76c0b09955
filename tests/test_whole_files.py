"""A file is whole if and only if it can be decoded, up to its own end: over every kind of file, cut, continued and damaged."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from io_utils import decode
from io_utils.decode import BrokenImageError

from . import kinds

# Kinds whose own rule tells where they end.
EXACT = sorted(name for name in kinds.every_kind() if not name.startswith("tiff "))
INPUTS = Path(__file__).parent / "inputs"


def whole(data: bytes) -> bool:
    return decode.is_whole(io.BytesIO(data))


def decodes(data: bytes) -> bool:
    try:
        decode.decode(data)
    except BrokenImageError:
        return False
    return True


class TestAFileOfEveryKind:
    @pytest.mark.parametrize("name", kinds.every_kind())
    def test_is_whole_and_decodes(self, name: str) -> None:
        assert (whole(kinds.every_kind()[name]), decodes(kinds.every_kind()[name])) == (True, True)

    @pytest.mark.parametrize("name", EXACT)
    def test_is_whole_if_and_only_if_it_decodes_wherever_it_is_cut(self, name: str) -> None:
        data = kinds.every_kind()[name]

        found = [(length, whole(data[:length]), decodes(data[:length])) for length in range(len(data))]

        assert [entry for entry in found if entry[1] != entry[2]] == []
        assert not found[len(data) // 4][1]  # an MPO file has its first picture in its first half

    @pytest.mark.parametrize("name", EXACT)
    @pytest.mark.parametrize(
        "behind",
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
        ids=lambda behind: f"{len(behind)} bytes, {behind[:4].hex()}",
    )
    def test_stays_whole_with_bytes_behind_its_end(self, name: str, behind: bytes) -> None:
        data = kinds.every_kind()[name]

        pixels = decode.decode(data + behind)

        assert whole(data + behind)
        assert pixels.tobytes() == decode.decode(data).tobytes()

    @settings(max_examples=1500, deadline=None)
    @given(st.sampled_from(sorted(kinds.every_kind())), st.integers(min_value=0), st.integers(1, 255))
    def test_with_a_byte_that_changed_never_decodes_unless_it_is_whole(
        self, name: str, position: int, change: int
    ) -> None:
        data = bytearray(kinds.every_kind()[name])
        data[position % len(data)] ^= change

        assert whole(bytes(data)) or not decodes(bytes(data))

    @settings(max_examples=1000, deadline=None)
    @given(
        st.sampled_from(sorted(kinds.every_kind())),
        st.integers(min_value=0),
        st.binary(max_size=30),
        st.integers(0, 30),
    )
    def test_with_bytes_put_in_or_taken_out_never_decodes_unless_it_is_whole(
        self, name: str, position: int, put: bytes, taken: int
    ) -> None:
        data = kinds.every_kind()[name]
        at = position % len(data)
        changed = data[:at] + put + data[at + taken :]

        assert whole(changed) or not decodes(changed)

    @settings(max_examples=500, deadline=None)
    @given(st.binary(max_size=200))
    @example(b"\xff\xd8\xff\xd9")
    @example(b"RIFF\0\0\0\0WEBP")
    @example(b"BM")
    def test_is_none_of_any_other_bytes(self, data: bytes) -> None:
        assert (whole(data), decodes(data)) == (False, False)
