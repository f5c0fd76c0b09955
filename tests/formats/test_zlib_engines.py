"""The deflate methods. The standard library inflates their output."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.formats import zlib_engines
from io_utils.formats.zlib_engines import Method, deflate


@pytest.fixture(params=["zlib-ng", "zlib"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "zlib":
        monkeypatch.setattr(zlib_engines, "zlib_ng", None)
    elif zlib_engines.zlib_ng is None:
        pytest.skip("zlib-ng is not installed")


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
    triples = np.repeat(rng.integers(0, 256, 20_000, np.uint8), 3).tobytes()

    assert size(few_values, Method.HUFFMAN) < 0.29  # 2 of 8 bits, and the code table
    assert size(runs, Method.RUNS) < 0.15
    assert size(runs, Method.HUFFMAN) > 0.9
    assert size(repeated, Method.MATCHES) < 0.03
    assert size(repeated, Method.RUNS) > 0.9
    assert size(triples, Method.TRIPLES) < 0.7
    assert 1 < size(few_values, Method.STORED) < 1.001
