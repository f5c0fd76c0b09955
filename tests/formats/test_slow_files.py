"""Malicious files with millions of meaningless parts: a preview or a prompt must not keep a core busy for minutes.

Work is counted in lines of Python, not in seconds.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress

import pytest

from io_utils.errors import BrokenImageError
from io_utils.formats import bmp, jpeg, registry, webp
from io_utils.formats.exr import layout
from io_utils.formats.png import decode as png_decode

from ..disk import work_guard
from ..exr_files import attribute
from ..sample_files import PALETTE, bmp_of, png_chunk, reaches_its_end

PARTS = 4000
PNG_HEAD = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
FILES = {
    "chunks of a PNG": PNG_HEAD + png_chunk(b"teXt", b"") * PARTS,
    "image data of a PNG": PNG_HEAD + png_chunk(b"IDAT", b"") * PARTS,
    "chunks of a WebP": b"RIFF"
    + struct.pack("<I", 22 + 8 * PARTS)
    + b"WEBPVP8X"
    + struct.pack("<I", 10)
    + bytes(10)
    + b"JUNK\0\0\0\0" * PARTS,
    "comments of a JPEG": b"\xff\xd8" + b"\xff\xfe\0\2" * PARTS,
    "restart markers of a JPEG": b"\xff\xd8" + b"\xff\xd0" * PARTS,
    "fill bytes of a JPEG": b"\xff\xd8" + b"\xff" * PARTS,
    "stray bytes of a JPEG": b"\xff\xd8\xff\xe0\0\2" + bytes(PARTS),
    "attributes of an EXR": b"v/1\x01\2\0\0\0" + attribute("a", "i", b"") * PARTS,
    "steps of a BMP": bmp_of(8, 8, 8, b"\0\2\0\0" * PARTS, compression=1, palette=PALETTE),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_millions_of_parts_is_refused_early(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_decode, "_MOST_CHUNKS", 100)
    monkeypatch.setattr(webp, "_MOST_CHUNKS", 100)
    monkeypatch.setattr(jpeg, "_MOST_SEGMENTS", 100)
    monkeypatch.setattr(jpeg, "_MOST_STRAY", 100)
    monkeypatch.setattr(bmp, "_MOST_CODES", 100)
    monkeypatch.setattr(layout, "_MOST_ATTRIBUTES", 100)

    with pytest.raises(BrokenImageError, match="more than 100"):
        registry.decode(FILES[name])
    with work_guard(PARTS * 6, "it reads the whole file"):
        with pytest.raises(BrokenImageError):
            registry.decode(FILES[name])
        assert not reaches_its_end(io.BytesIO(FILES[name]))
        with suppress(BrokenImageError):  # not an error if the extent is at the start: the rest is not read
            registry.read_header(io.BytesIO(FILES[name]))
