"""Mutated files of every kind decode or raise BrokenImageError, in bounded time and memory, and headers agree with pixels.

Seeded, so that failures can be reproduced. `--mutations N` tries N files instead of 20 000: `pytest
tests/formats/test_mutated_files.py --mutations 1000000`.
"""

from __future__ import annotations

import faulthandler
import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from io_utils.errors import BrokenImageError
from io_utils.formats import registry

from .. import sample_files
from ..sample_files import reaches_its_end

resource = pytest.importorskip("resource", reason="measures the memory of a process, on Unix only")

KINDS = sorted({name.split()[0] for name in sample_files.every_kind()})
# Edge cases for parsers: zero, one, the largest, negative.
NUMBERS = [
    bytes(4),
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\1",
    b"\1\0\0\0",
    b"\x80\0\0\0",
    b"\0\0\0\x80",
]
PARTS = 8  # a failing part then has fewer files to repeat


def mutated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """`data` with one to four changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        # Headers are at the start of a file.
        at = rng.randrange(max(1, len(changed))) if rng.random() < 0.6 else rng.randrange(min(64, max(1, len(changed))))
        kind = rng.randrange(8)
        if kind == 0:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            number = rng.choice(NUMBERS)[: rng.choice((2, 4))]
            changed[at : at + len(number)] = number
        elif kind == 3:
            del changed[at : at + rng.choice((1, 2, 4, 30))]
        elif kind == 4:
            changed[at:at] = rng.randbytes(rng.choice((1, 2, 4, 30)))
        elif kind == 5:
            del changed[at:]
        elif kind == 6:
            part = rng.randrange(max(1, len(other)))
            changed[at : at + 16] = other[part : part + 16]
        else:
            length = rng.choice((4, 16, 64))
            changed[at : at + length] = bytes(min(length, len(changed) - at))
    return bytes(changed)


def outcome(look: Callable[[Any], Any], argument: Any) -> Any:
    """The return value, or the BrokenImageError that is raised."""
    try:
        return look(argument)
    except BrokenImageError as error:
        return error


@pytest.fixture
def small_pictures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some mutations declare gigabytes. With a limit of 2 ** 21 pixels they are all refused."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2**20)


@pytest.fixture
def no_hang() -> Iterator[None]:
    """A decoder that never returns ends the tests with a traceback."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.usefixtures("small_pictures_only", "no_hang")
@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged files
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_decodes_to_its_declared_extent_or_is_refused(kind: str, part: int, mutations: int) -> None:
    """Whatever a file declares, it takes no more memory than a picture of the largest allowed extent."""
    rng = random.Random(f"{kind} {part}")
    files = list(sample_files.of(kind).values())
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    for _ in range(mutations // (len(KINDS) * PARTS)):
        data = mutated(rng, rng.choice(files), rng.choice(files))
        header, pixels = outcome(registry.read_header, io.BytesIO(data)), outcome(registry.decode, data)
        whole = reaches_its_end(io.BytesIO(data))
        if isinstance(pixels, BrokenImageError):
            assert str(pixels), data.hex()
            assert "\n" not in str(pixels), data.hex()
        else:
            read += 1
            assert whole, data.hex()
            assert pixels.ndim == 3, data.hex()
            assert header.extent == pixels.shape[1::-1], data.hex()
            assert header.may_have_alpha or pixels.shape[2] in (1, 3), data.hex()
            assert pixels.dtype in (np.uint8, np.uint16, np.float32), data.hex()
    assert 0 < read < mutations
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident < 500_000  # kB
