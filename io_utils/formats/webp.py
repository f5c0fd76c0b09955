"""WebP: libwebp in Pillow decodes and encodes. Text goes into EXIF tags, where ComfyUI's frontend looks for it."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL import Image, TiffTags

from . import exif, orientation
from .base import IDENTITY, IDENTITY_BYTES, AnyPixels, ByteArray, Extent, Extras, Format, Header, Pixels, Stored

_LARGEST_SIDE = 16383  # 14 bits: https://developers.google.com/speed/webp/docs/riff_container
# prompt goes into Model, everything else into Make and the tags below it, as in core's animated WebP (comfy_api 0.19).
_MODEL, _MAKE = 0x0110, 0x010F
# The identity goes into ProcessingSoftware, so that it precedes all other text: tags are in order.
_SOFTWARE = 0x000B
# Make and the tags below it, except those that hold numbers.
_TAGS = [tag for tag in range(_MAKE, _SOFTWARE, -1) if TiffTags.lookup(tag).type in (None, TiffTags.ASCII)]
# An animation has one per frame, plus a few. Malicious files have millions of empty ones.
_MOST_CHUNKS = 1 << 16
_ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x10, 0x08, 0x04  # in VP8X; libwebp ignores chunks without their flag
_LOSSLESS_ALPHA = 0x10  # in the fifth byte of VP8L: RFC 9649, 3.4

# Method 4 is libwebp's default. Method 2 takes half the time, but with the same quality, photographs lose 0.03 to 1.0 dB of
# PSNR, most of them over 0.3, gradients up to 3, and a halftone takes twice the bytes. With the same PSNR, photographs take 3 to
# 50 % more bytes, half of them more than 14 (quality 80) or 9 (90).
_LOSSY = {"method": 4}
# Lossless, method 0 takes a third of the time of method 1 for photographs, and two of three grow by at most 20 %, half of these by
# at most 7. But it looks for no palette and no repetitions: text takes 1.1 to 4.9 times the bytes, a ramp 1000 times. Method 4
# takes 1.2 times as long as 1 and saves 1 %.
_SMALL, _QUICK = {"lossless": True, "method": 1, "quality": 20}, {"lossless": True, "method": 0, "quality": 0}
_MOST_LARGER = 1.1  # how many times the bytes a quick file may take, judged by a sample
_BANDS, _BAND_ROWS = 4, 8  # the sample; 4 % of the time


def encode_webp(pixels: ByteArray, text: Mapping[str, str], quality: int | None, identity: str | None = None) -> bytes:
    """Return `pixels` as the bytes of a WebP file.

    pixels: (height, width, 3 or 4) uint8
    text: keyword -> ASCII text, stored as "keyword:text"; the frontend finds it in any tag
    identity: stored likewise under `IDENTITY`; with it, the text precedes the pixels
    quality: 1 to 100, or None for lossless, which also keeps colour where alpha is 0

    Raises ValueError for a keyword that WebP cannot hold: see `keyword_fault`.
    """
    pixels = np.ascontiguousarray(pixels)
    options = _lossless_options(pixels) if quality is None else {"quality": quality, **_LOSSY}
    file = _without_padding(_saved(pixels, exif=_exif(text, identity), **options))
    return _text_first(file) if identity else file


def _lossless_options(pixels: ByteArray) -> dict[str, Any]:
    """The quick ones if they make little difference to bands of the picture."""
    height = len(pixels)
    if height < 2 * _BANDS * _BAND_ROWS:
        return _SMALL
    starts = [(2 * band + 1) * (height - _BAND_ROWS) // (2 * _BANDS) for band in range(_BANDS)]
    sample = np.concatenate([pixels[start : start + _BAND_ROWS] for start in starts])
    quick, small = (len(_saved(sample, **options)) for options in (_QUICK, _SMALL))
    says_enough = small >= sample.nbytes / 32  # bands that are nearly empty say nothing about the rest
    return _QUICK if says_enough and quick <= _MOST_LARGER * small else _SMALL


def _saved(pixels: ByteArray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", exact=True, **options)
    return buffer.getvalue()


@dataclass(frozen=True)
class Container:
    """The metadata in the chunks of a WebP file."""

    width: int
    height: int
    end: int  # of the file in bytes, according to its RIFF header
    has_alpha: bool
    exif: bytes = b""
    xmp: bytes = b""

    @property
    def orientation(self) -> int:
        return orientation.of_exif_or_xmp(self.exif, self.xmp)

    @classmethod
    def read(cls, file: IO[bytes]) -> Container:
        """Read the headers of the chunks. Raises ValueError if a chunk is truncated.

        Follows libwebp's demuxer: bytes after the end given in the RIFF header are ignored, and without a VP8X chunk only
        the first chunk counts, which is the picture.
        """
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if not WEBP.matches(head):
            raise ValueError("it does not start like a WebP file")
        end = struct.unpack_from("<I", head, 4)[0] + 8
        if end > length:
            raise ValueError(f"it has {length:,} bytes instead of {end:,}")
        position, first, chunks = 12, b"", {}
        for _ in range(_MOST_CHUNKS):
            if position + 8 > end or first not in (b"", b"VP8X"):
                break
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8))
            position += 8 + size + size % 2
            if position > end:
                raise ValueError("it ends inside a chunk")
            if name not in chunks and name in (b"VP8X", b"VP8 ", b"VP8L", b"ANMF", b"EXIF", b"XMP "):
                chunks[name] = file.read(size if name in (b"EXIF", b"XMP ") else min(size, 10))
            first = first or name
        else:
            raise ValueError(f"it has more than {_MOST_CHUNKS:,} chunks")
        width, height = _size(first, chunks.get(first, b""))
        if not chunks.keys() & {b"VP8 ", b"VP8L", b"ANMF"}:
            raise ValueError("it has no picture")
        flags = chunks[first][0] if first == b"VP8X" else 0
        return cls(
            width,
            height,
            end,
            bool(flags & _ALPHA_FLAG) or chunks.get(b"VP8L", bytes(5))[4] & _LOSSLESS_ALPHA != 0,
            chunks.get(b"EXIF", b"") if flags & _EXIF_FLAG else b"",
            chunks.get(b"XMP ", b"") if flags & _XMP_FLAG else b"",
        )


def decode_webp(data: bytes, container: Container) -> ByteArray:
    """Decode to (height, width, 3 or 4) uint8, without applying the orientation. Animations: the first frame.

    Raises ValueError or OSError for damaged files. Pillow's WebP reader ignores LOAD_TRUNCATED_IMAGES, which other packs
    set.
    """
    with Image.open(io.BytesIO(data[: container.end]), formats=("WEBP",)) as image:
        image.load()
        return np.asarray(image)


def _size(name: bytes, contents: bytes) -> tuple[int, int]:
    """The width and height in the first chunk, of the canvas or of the picture. `contents`: its first 10 bytes.

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


def _without_padding(data: bytes) -> bytes:
    """The file with odd chunk lengths increased by one, so that the padding byte is part of the chunk.

    Decoders ignore the extra byte. Frontend 1.27 does not skip padding, and would not find the text after it.
    """
    file, position = bytearray(data), 12
    while position < len(file):
        (length,) = struct.unpack_from("<I", file, position + 4)
        length += length % 2
        struct.pack_into("<I", file, position + 4, length)
        position += 8 + length
    return bytes(file)


def _text_first(file: bytes) -> bytes:
    """The file with its EXIF chunk, the last one, before the pixels, where one read of the start finds it.

    Readers must expect metadata anywhere: https://developers.google.com/speed/webp/docs/riff_container, "Extended file
    format".
    """
    chunks, position = [], 12
    while position < len(file):
        end = position + 8 + int.from_bytes(file[position + 4 : position + 8], "little")
        chunks.append(file[position:end])
        position = end
    features, *pixels, text = chunks  # the order of libwebp
    return b"".join([file[:12], features, text, *pixels])


def keyword_fault(keyword: str, earlier: int = 0) -> str | None:
    """Why `keyword` could not be read back from a WebP file, or None if it can.

    Tags are ASCII, and readers split them at the first colon. Every keyword except "prompt" takes one of the tags from
    Make on; `earlier` is how many of them precede this one.
    """
    if not keyword or not keyword.isascii() or not keyword.isprintable():
        return "must be printable ASCII"
    if ":" in keyword:
        return "must hold no colon"
    if keyword != "prompt" and earlier >= len(_TAGS):
        return f"is one more than the {len(_TAGS)} that fit"
    return None


def _exif(text: Mapping[str, str], identity: str | None) -> bytes:
    """The EXIF block with one tag per entry. Raises ValueError for a keyword with a `keyword_fault`."""
    if not text and not identity:
        return b""
    tags, others = Image.Exif(), 0
    if identity:
        tags[_SOFTWARE] = f"{IDENTITY}:{identity}"
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
    signatures = (b"RIFF",)  # shared by other RIFF formats, such as WAV
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
        channels = Stored(4 if container.has_alpha else 3, 8)
        return Header((stored,), container, channels, orientation=container.orientation)

    def decode(self, data: bytes, header: Header[Container], at_least: int | None = None) -> Pixels:
        return decode_webp(data, header.parsed)

    def read_identity(self, file: IO[bytes]) -> str | None:
        start = file.read(IDENTITY_BYTES)
        if start[12:16] != b"VP8X" or start[30:34] != b"EXIF":
            return None
        value = exif.text(start[38:], _SOFTWARE)
        keyword, _, text = (value or "").partition(":")
        return text if keyword == IDENTITY else None

    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether all chunks up to the end given in the RIFF header are complete. WebP has no checksums."""
        try:
            Container.read(file)
        except ValueError:
            return False
        return True

    def _encode(
        self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int, extras: Extras
    ) -> bytes:
        return encode_webp(pixels, text, quality, extras.identity)

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        return keyword_fault(keyword, earlier)


WEBP = _WebP()
