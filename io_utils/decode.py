"""File bytes -> integer pixels. Which library decodes what, and why, is the table at `decode`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]
try:
    from zlib_ng import zlib_ng
except ImportError:
    zlib_ng = None  # type: ignore[assignment]

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# PNG colour types: specification, third edition, table 8. Palettes are not among them: Pillow resolves those.
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_PAETH = 4  # the last of the filter types, 9.2


class BrokenImageError(ValueError):
    """Bytes that are not one whole image."""


@dataclass(frozen=True)
class _Png:
    """What a PNG file says of itself, and its compressed samples: the concatenated IDAT chunks, a zlib stream."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool
    chunks: frozenset[bytes]
    samples: bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without the filter type in front of it."""
        return self.width * _PNG_CHANNELS[self.colour_type] * self.bit_depth // 8

    @property
    def is_plain(self) -> bool:
        """Are its samples its pixels, in order, 8 or 16 bits each?"""
        resolved = self.colour_type not in _PNG_CHANNELS or self.bit_depth < 8 or self.interlaced
        return not resolved and not self.chunks & {b"tRNS", b"eXIf", b"acTL"}


def decode(data: bytes) -> Pixels:
    """The pixels of one image file: (H, W, C) uint8, or uint16 where the file has more; C = 1, 2, 3 or 4.

    EXIF orientation is applied, palettes and transparency keys are resolved. Raises BrokenImageError, never returns
    part of a picture.

    | file                                      | decoder | because                                                  |
    |-------------------------------------------|---------|----------------------------------------------------------|
    | PNG grey/RGB, with or without alpha, 8/16 | PyAV    | 2x as fast; Pillow 13 gives 8 bits of a 16-bit RGB file  |
    | other PNG (palette, tRNS, Adam7, eXIf)    | Pillow  | resolves palettes and transparency                       |
    | JPEG, WebP, BMP, TIFF                     | Pillow  |                                                          |
    """
    try:
        if data.startswith(_PNG_SIGNATURE):
            png = _checked_png(data)
            if png.is_plain:
                return _with_pyav(png)
        return _with_pillow(data)
    except BrokenImageError:
        raise
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        raise BrokenImageError(str(error)) from error


def size(data: bytes) -> tuple[int, int]:
    """(width, height) from the first bytes of a file, orientation applied, nothing decoded. BrokenImageError if none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.format != "PNG" and image.getexif().get(0x0112, 1) >= 5  # EXIF 2.32, 4.6.4: a quarter turn
            return (image.height, image.width) if turned else image.size
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise BrokenImageError(str(error)) from error


@contextmanager
def strict() -> Iterator[None]:
    """Decode strictly, whatever other packs set: with LOAD_TRUNCATED_IMAGES Pillow fills up half a picture with black.

    The switch is global, so it is thrown once around a whole load and not in its threads.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _checked_png(data: bytes) -> _Png:
    """Read IHDR and check every chunk's length and CRC, which neither decoder does for all of them."""
    position, chunks, samples = len(_PNG_SIGNATURE), [], []
    crc32 = _engine().crc32
    while position < len(data):
        if position + 12 > len(data):
            raise BrokenImageError("it ends inside a chunk")
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 8 + length
        if end + 4 > len(data):
            raise BrokenImageError(f"it ends inside its {kind.decode('latin-1')} chunk")
        if crc32(memoryview(data)[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise BrokenImageError(f"the checksum of its {kind.decode('latin-1')} chunk is wrong")
        chunks.append(kind)
        if kind == b"IDAT":
            samples.append(memoryview(data)[position + 8 : end])
        position = end + 4
        if kind == b"IEND":
            break
    if not samples or chunks[0] != b"IHDR" or chunks[-1] != b"IEND":
        raise BrokenImageError("it has no image data, or no end")
    header = struct.unpack_from(">IIBBBBB", data, len(_PNG_SIGNATURE) + 8)
    width, height, bit_depth, colour_type, _, _, interlace = header
    return _Png(width, height, bit_depth, colour_type, bool(interlace), frozenset(chunks), b"".join(samples))


def _engine() -> Any:
    """The fastest zlib there is: ISA-L inflates in 40 % of the time of stdlib zlib, zlib-ng in 75 %. Same bytes."""
    return isal_zlib or zlib_ng or zlib


def _inflated(png: _Png) -> bytes:
    """The filtered rows of a PNG: exactly as many as it has. BrokenImageError if any is missing or no row at all."""
    wanted = png.height * (1 + png.row_bytes)
    try:
        # One byte more, so that the checksum behind the last row is read; a bomb is not inflated any further.
        rows: bytes = _engine().decompressobj().decompress(png.samples, wanted + 1)[:wanted]
    except Exception as error:  # each engine has its own class: isal_zlib.error, zlib_ng.error, zlib.error
        raise BrokenImageError(f"its compressed data are damaged: {error}") from error
    if len(rows) < wanted:
        raise BrokenImageError(f"it holds {len(rows):,} of {wanted:,} bytes of picture")
    worst = max(rows[:: 1 + png.row_bytes])
    if worst > _PAETH:
        raise BrokenImageError(f"a row of it has filter type {worst}, which PNG has not")
    return rows


def _stored(png: _Png, rows: bytes) -> bytes:
    """A PNG file of `rows`, not compressed: stored blocks, RFC 1951, section 3.2.4."""
    engine = _engine()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return b"".join(
            (len(content).to_bytes(4, "big"), kind, content, engine.crc32(content, zlib.crc32(kind)).to_bytes(4, "big"))
        )

    header = struct.pack(">IIBBBBB", png.width, png.height, png.bit_depth, png.colour_type, 0, 0, 0)
    stream = (zlib_ng or zlib).compress(rows, 0)  # not ISA-L, whose level 0 is not "stored"
    return b"".join((_PNG_SIGNATURE, chunk(b"IHDR", header), chunk(b"IDAT", stream), chunk(b"IEND", b"")))


def _with_pyav(png: _Png) -> Pixels:
    """Inflated here, unfiltered by FFmpeg, whose own inflate is slow and takes half a picture for a whole one.

    1024 x 1024 RGB: 4 ms to inflate and 2 to 3 for the rest, against 12 for FFmpeg alone and 14 for Pillow.
    """
    decoder = av.CodecContext.create("png", "r")
    decoder.thread_count = 1  # frames are decoded side by side already
    packet = av.Packet(_stored(png, _inflated(png)))
    frames = decoder.decode(packet) or decoder.decode(None)
    if not frames:
        raise BrokenImageError("it holds no picture")
    return _plane(frames[0], png)


def _plane(frame: av.VideoFrame, png: _Png) -> Pixels:
    """The frame's one plane as (H, W, C), the padding of its rows cut off. 16 bits come big-endian, as PNG has them."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: png.height]
    samples = rows[:, : png.row_bytes]
    shape = (png.height, png.width, _PNG_CHANNELS[png.colour_type])
    if png.bit_depth == 16:
        return samples.view(">u2").reshape(shape).astype(np.uint16)
    return samples.reshape(shape)


def _with_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
        image.load()
        if image.mode.startswith("I"):  # 16-bit grey; mode "I" holds the same in 32 bits
            return np.asarray(image).astype(np.uint16)[..., np.newaxis]
        transparent = image.has_transparency_data
        if image.mode not in ("L", "LA", "RGB", "RGBA") or (transparent and image.mode in ("L", "RGB")):
            image = image.convert("RGBA" if transparent else "RGB")
        pixels = np.asarray(image)
        return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
