"""WebP files, by libwebp in Pillow, with text where ComfyUI's frontend reads it: the EXIF block, as core writes it."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffTags

from . import orientation
from .base import Extent, Format, Header, Pixels

_LARGEST_SIDE = 16383  # 14 bits: https://developers.google.com/speed/webp/docs/riff_container
# prompt goes into Model, everything else into Make and the tags below it, as in core's animated WebP (comfy_api 0.19).
_MODEL, _MAKE = 0x0110, 0x010F
# Those of them whose values are not numbers.
_TAGS = [tag for tag in range(_MAKE, 0, -1) if TiffTags.lookup(tag).type in (None, TiffTags.ASCII)]
# One for each frame of an animation, and a few. A file made to be slow has millions of empty ones.
_MOST_CHUNKS = 1 << 16
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04  # in the VP8X chunk: without its flag, libwebp ignores the chunk

# A megapixel photograph, lossless: 0.11 s and 0.83 of the bytes of PNG; 20 and method 4: 0.15 s and 0.82; 80: 0.6 s and
# the same. Lossy: method 4, libwebp's own, takes 0.07 s.
_LOSSLESS = {"lossless": True, "method": 1, "quality": 20}


def encode_webp(pixels: NDArray[np.uint8], text: Mapping[str, str], quality: int | None) -> bytes:
    """`pixels`: (H, W, C) uint8, C = 3 or 4. `quality`: 1..100, None for lossless.

    `text`: keyword -> ASCII; the frontend finds `keyword:text` in any tag. Colour below alpha 0 is kept (lossless).
    Raises ValueError for text that WebP cannot hold: see `keyword_fault`.
    """
    options = _LOSSLESS if quality is None else {"quality": quality, "method": 4}
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", exact=True, exif=_exif(text), **options)
    return _even(buffer.getvalue())


@dataclass(frozen=True)
class Container:
    """What the chunks of a WebP file say. `end`: where the file ends according to its header, in bytes."""

    width: int
    height: int
    end: int
    exif: bytes = b""
    xmp: bytes = b""

    @property
    def orientation(self) -> int:
        return orientation.of_exif_or_xmp(self.exif, self.xmp)

    @classmethod
    def read(cls, file: IO[bytes]) -> Container:
        """By the chunks' headers; pixels are not read. ValueError if a chunk is not all there.

        The rules are those of libwebp's demuxer: the RIFF header says where the file ends, and what follows does not
        matter; without a VP8X chunk the first chunk is the picture, and there is nothing else.
        """
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if not WEBP.matches(head):
            raise ValueError("it does not begin as a WebP file")
        end = struct.unpack_from("<I", head, 4)[0] + 8
        if end > length:
            raise ValueError(f"it has {length:,} bytes instead of {end:,}")
        position, first, found = 12, b"", {}
        for _ in range(_MOST_CHUNKS):
            if position + 8 > end or first not in (b"", b"VP8X"):
                break
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8))
            position += 8 + size + size % 2
            if position > end:
                raise ValueError("it ends inside a chunk")
            if name not in found and name in (b"VP8X", b"VP8 ", b"VP8L", b"ANMF", b"EXIF", b"XMP "):
                found[name] = file.read(size if name in (b"EXIF", b"XMP ") else min(size, 10))
            first = first or name
        else:
            raise ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")
        width, height = _size(first, found.get(first, b""))
        if not found.keys() & {b"VP8 ", b"VP8L", b"ANMF"}:
            raise ValueError("it has no picture")
        flags = found[first][0] if first == b"VP8X" else 0
        return cls(
            width,
            height,
            end,
            found.get(b"EXIF", b"") if flags & _EXIF_FLAG else b"",
            found.get(b"XMP ", b"") if flags & _XMP_FLAG else b"",
        )


def decode_webp(data: bytes, container: Container) -> NDArray[np.uint8]:
    """(H, W, C) uint8, C = 3 or 4, not turned; of an animation its first frame. ValueError, OSError if it is damaged.

    Pillow's WebP reader ignores LOAD_TRUNCATED_IMAGES, which other packs set.
    """
    with Image.open(io.BytesIO(data[: container.end]), formats=("WEBP",)) as image:
        image.load()
        return np.asarray(image)


def _size(name: bytes, contents: bytes) -> tuple[int, int]:
    """(width, height) by the first chunk: of the canvas, or of the picture. `contents`: its first 10 bytes.

    https://developers.google.com/speed/webp/docs/riff_container, RFC 6386, 9.1, and RFC 9649, 3.4.
    """
    if name == b"VP8X" and len(contents) == 10:
        width, height = (int.from_bytes(contents[at : at + 3], "little") + 1 for at in (4, 7))
    elif name == b"VP8 " and len(contents) == 10 and contents[3:6] == b"\x9d\x01\x2a":
        width, height = (side & _LARGEST_SIDE for side in struct.unpack_from("<HH", contents, 6))
    elif name == b"VP8L" and len(contents) >= 5 and contents[0] == 0x2F:
        (packed,) = struct.unpack_from("<I", contents, 1)
        width, height = (packed & _LARGEST_SIDE) + 1, (packed >> 14 & _LARGEST_SIDE) + 1
    else:
        raise ValueError("its first chunk is not a picture")
    return width, height


def _even(data: bytes) -> bytes:
    """The file with the byte of padding behind a chunk of odd length made part of it, which decoders pass over.

    Frontend 1.27 does not know of the padding, and finds no text behind it.
    """
    even, position = bytearray(data), 12
    while position < len(even):
        (length,) = struct.unpack_from("<I", even, position + 4)
        length += length % 2
        struct.pack_into("<I", even, position + 4, length)
        position += 8 + length
    return bytes(even)


def keyword_fault(keyword: str, earlier: int = 0) -> str | None:
    """Why `keyword` could not be read back out of a WebP file; None if it can.

    The tags are ASCII, and every reader splits them at the first colon. There is one tag for each keyword but "prompt":
    `earlier` is how many of them there are before this one.
    """
    if not keyword or not keyword.isascii() or not keyword.isprintable():
        return "must be printable ASCII"
    if ":" in keyword:
        return "must hold no colon"
    if keyword != "prompt" and earlier >= len(_TAGS):
        return f"is one more than the {len(_TAGS)} that fit"
    return None


def _exif(text: Mapping[str, str]) -> bytes:
    if not text:
        return b""
    tags, others = Image.Exif(), 0
    for keyword, value in text.items():
        if fault := keyword_fault(keyword, others):
            raise ValueError(f"text keyword {keyword!r} {fault}")
        tag = _MODEL if keyword == "prompt" else _TAGS[others]
        others += keyword != "prompt"
        tags[tag] = f"{keyword}:{value}"
    return tags.tobytes()


class _WebP(Format[Container]):
    name = "WebP"
    extensions = (".webp",)
    signatures = (b"RIFF",)  # which other kinds of file share
    media_type = "image/webp"
    depths = (np.uint8,)
    channels = (3, 4)
    holds_text = True
    largest_side = _LARGEST_SIDE

    def matches(self, start: bytes) -> bool:
        return super().matches(start) and start[8:12] == b"WEBP"

    def is_beginning(self, start: bytes) -> bool:
        return len(start) < 12 and super().is_beginning(start[:4]) and b"WEBP".startswith(start[8:])

    def read_header(self, file: IO[bytes]) -> Header[Container]:
        container = Container.read(file)
        stored = Extent(container.width, container.height)
        return Header((stored,), container, orientation=container.orientation)

    def decode(self, data: bytes, header: Header[Container], at_least: int | None = None) -> Pixels:
        return decode_webp(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Is every chunk there, up to the end that the RIFF header gives? WebP has no checksums."""
        try:
            Container.read(file)
        except ValueError:
            return False
        return True

    def _encode(self, pixels: NDArray[Any], text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        return encode_webp(pixels, text, quality)

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        return keyword_fault(keyword, earlier)


WEBP = _WebP()
