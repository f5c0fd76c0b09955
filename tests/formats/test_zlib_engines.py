"""The deflate methods. The standard library inflates their output."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.formats import zlib_engines
from io_utils.formats.zlib_engines import Inflater, Method, compressor, deflate

PACK = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["accelerators", "zlib"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("zlib_ng", "isal_zlib"):
        if request.param == "zlib":
            monkeypatch.setattr(zlib_engines, name, None)
        elif getattr(zlib_engines, name) is None:
            pytest.skip(f"{name} is not installed")


def inflated(*parts: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(b"".join(parts))
    assert inflater.eof
    assert not inflater.unused_data
    return data


@pytest.mark.parametrize("method", Method)
def test_pieces_join_to_one_stream(method: Method) -> None:
    pieces = [b"", b"abc" * 1000, bytes(5000), np.random.default_rng(0).bytes(70_000)]
    streams = [deflate(piece, method, final=piece is pieces[-1]) for piece in pieces]

    assert inflated(*(part for stream in streams for part in stream)) == b"".join(pieces)


def test_isa_l_alone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it, the standard library would be too slow to be chosen, and files would be larger than without it."""
    monkeypatch.setattr(zlib_engines, "zlib_ng", None)

    assert compressor(Method.QUICK).library == "zlib"


def test_pieces_of_different_methods_join_to_one_stream() -> None:
    """Strips of one picture are deflated by different libraries; ISA-L's must end at a byte boundary, too."""
    rng = np.random.default_rng(0)
    pieces = [bytes(rng.integers(0, top, length, np.uint8)) for top in (2, 16, 255) for length in (1, 999, 70_001)]
    methods = [*Method] * 2

    streams = [
        deflate(piece, method, final=number == len(pieces) - 1)
        for number, (piece, method) in enumerate(zip(pieces, methods, strict=False))
    ]

    assert inflated(*(part for stream in streams for part in stream)) == b"".join(pieces)


def test_the_first_library_that_is_installed_does_the_work() -> None:
    for method in Method:
        assert getattr(zlib_engines, compressor(method).library) is not None
    assert compressor(Method.QUICK).library == ("isal_zlib" if zlib_engines.isal_zlib else "zlib")
    assert compressor(Method.SEARCH).library == ("zlib_ng" if zlib_engines.zlib_ng else "zlib")


def test_any_bytes_survive() -> None:
    @given(st.binary(max_size=300), st.sampled_from(Method))
    def check(data: bytes, method: Method) -> None:
        assert inflated(*deflate(data, method, final=True)) == data

    check()


def test_each_method_finds_its_kind_of_redundancy() -> None:
    rng = np.random.default_rng(1)

    def size(data: bytes, method: Method) -> float:
        return sum(map(len, deflate(data, method, final=True))) / len(data)

    few_values = rng.integers(0, 4, 60_000, np.uint8).tobytes()
    runs = np.repeat(rng.integers(0, 256, 3000, np.uint8), 20).tobytes()
    repeated = rng.bytes(600) * 100

    assert size(few_values, Method.HUFFMAN) < 0.29  # 2 of 8 bits, and the code table
    assert size(runs, Method.RUNS) < 0.15
    assert size(runs, Method.HUFFMAN) > 0.9
    for method in (Method.QUICK, Method.MATCHES, Method.SEARCH):
        assert size(repeated, method) < 0.03
    assert size(repeated, Method.RUNS) > 0.9
    assert 1 < size(few_values, Method.STORED) < 1.001


class TestInflater:
    DATA = np.random.default_rng(4).integers(0, 9, 300_000, np.uint8).tobytes() + bytes(200_000)

    @pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
    @pytest.mark.parametrize("part", [1000, 70_000, 500_000])
    def test_reads_a_stream_that_is_cut_anywhere_in_parts_of_any_length(self, piece: int, part: int) -> None:
        stream = zlib.compress(self.DATA)
        pieces = [memoryview(stream)[at : at + piece] for at in range(0, len(stream), piece)]
        inflater = Inflater(pieces, len(self.DATA))

        parts = [inflater.read(min(part, len(self.DATA) - at)) for at in range(0, len(self.DATA), part)]
        inflater.finish()

        assert b"".join(parts) == self.DATA

    @pytest.mark.parametrize("cut", [1, 4, 5, 1000])
    def test_refuses_a_stream_that_is_cut_short(self, cut: int) -> None:
        with pytest.raises(ValueError, match=r"do not end|holds only [\d,]+ of 500,000 bytes"):
            _read_all(zlib.compress(self.DATA)[:-cut], len(self.DATA))

    def test_refuses_a_wrong_checksum(self) -> None:
        stream = bytearray(zlib.compress(self.DATA))
        stream[-1] ^= 1

        with pytest.raises(ValueError, match="damaged"):
            _read_all(stream, len(self.DATA))

    def test_inflates_no_more_of_a_bomb_than_it_is_asked_for(self) -> None:
        stream = zlib.compress(bytes(50_000_000))
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="more than the 1,000 bytes"):
                _read_all(stream, 1000)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_refuses_a_stream_that_holds_a_byte_more(self) -> None:
        with pytest.raises(ValueError, match="more than the 499,999 bytes"):
            _read_all(zlib.compress(self.DATA), len(self.DATA) - 1)


def _read_all(stream: bytes | bytearray, length: int) -> None:
    inflater = Inflater([memoryview(stream)], length)
    inflater.read(length)
    inflater.finish()


SCRIPT = """
import hashlib, sys
import numpy as np
from io_utils.formats.zlib_engines import Method, deflate

rng = np.random.default_rng(0)
for _ in range(2500):
    rows = np.zeros((125, 4005), np.uint8)
    rows[:, 2001:2445:2] = rng.integers(0, 32, (125, 222))
    rows[:, 2002:2445:2] = rng.integers(0, 256, (125, 222))
    sys.stdout.write(hashlib.sha256(b"".join(deflate(rows, Method.QUICK, final=False))).hexdigest() + "\\n")
"""


def test_every_process_gets_the_same_bytes() -> None:
    """ISA-L's depend on chance if it gets a stream at once: of these strips, 2 to 8 differ between two processes."""
    if zlib_engines.isal_zlib is None:
        pytest.skip("ISA-L is not installed")
    command = [sys.executable, "-c", SCRIPT]
    runs = [subprocess.run(command, cwd=PACK, check=True, capture_output=True, text=True).stdout for _ in range(3)]

    assert len(runs[0].split()) == 2500
    assert runs[0] == runs[1] == runs[2]
