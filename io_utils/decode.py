"""File bytes -> integer pixels. Which library decodes what, and why, is the table at `decode`."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from .png import SIGNATURE, chunk, deflate_engine

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

# Samples a pixel by PNG colour type (specification, third edition, table 8), palettes left out: Pillow resolves those.
_PNG_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
_PAETH = 4  # the last of the filter types, 9.2
# Adam7, 8.1: first column and row of each pass, and its steps. A picture that is not interlaced is one pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)
_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4 A: 1 to 8
_BITS_PER_SAMPLE, _PHOTOMETRIC, _BLACK_IS_ZERO = 258, 262, 1  # TIFF 6.0, section 8
# What FFmpeg makes of PNG samples (tRNS adds a channel), and the channels of each.
_CHANNELS = {"gray": 1, "gray16be": 1, "ya8": 2, "ya16be": 2, "rgb24": 3, "rgb48be": 3, "rgba": 4, "rgba64be": 4}

_strict_lock, _strict_users, _before_strict = threading.Lock(), 0, False


class BrokenImageError(ValueError):
    """Bytes that are not one whole image."""


@dataclass(frozen=True)
class _Png:
    """What a PNG file says of itself, and its compressed samples: the joined IDAT chunks, a zlib stream."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool
    transparency: bytes | None
    exif: bytes | None
    samples: bytes

    @property
    def passes(self) -> list[tuple[int, int]]:
        """(rows, bytes in a row, its filter type included) of every pass that has pixels."""
        size = _PNG_SAMPLES[self.colour_type] * self.bit_depth // 8
        passes = []
        for left, top, right, down in _ADAM7 if self.interlaced else _ONE_PASS:
            columns, rows = -((left - self.width) // right), -((top - self.height) // down)
            if columns > 0 and rows > 0:
                passes.append((rows, 1 + columns * size))
        return passes


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """The pixels of one image file: (H, W, C) uint8, or uint16 where the file has more; C = 1, 2, 3 or 4.

    EXIF orientation is applied, palettes and transparency keys are resolved. Raises BrokenImageError, never returns
    part of a picture. With `at_least`, what can be shrunk while it is decoded (JPEG, by 2, 4 or 8) comes smaller, its
    longest side no shorter than that many pixels.

    | file                                 | decoder | because                                                  |
    |--------------------------------------|---------|----------------------------------------------------------|
    | PNG, 8 or 16 bits a sample           | PyAV    | 2x as fast; Pillow 13 gives 8 bits of a 16-bit RGB file  |
    | PNG, palette, or 1, 2, 4 bits        | Pillow  | resolves palettes and their transparency                 |
    | JPEG, WebP, BMP, TIFF                | Pillow  |                                                          |
    | TIFF, 16 bits, but grey              | none    | Pillow keeps 8 bits, PyAV shows broken tiles as black    |
    """
    with _broken_named():
        if data.startswith(SIGNATURE):
            png = _checked_png(data)
            if png.colour_type in _PNG_SAMPLES and png.bit_depth >= 8:
                return _turned(_with_pyav(png), _orientation(png.exif))
        return _with_pillow(data, at_least)


def size(file: IO[bytes]) -> tuple[int, int]:
    """(width, height) of an image file, orientation applied; only its header is read. BrokenImageError if it is none."""
    with _broken_named(), Image.open(file) as image:
        if image.format == "PNG":
            # Not getexif(), which decodes a whole PNG in search of EXIF data that stand behind its pixels.
            orientation = _orientation(image.info.get("exif"))
        else:  # of a TIFF, Pillow gives the size as turned
            orientation = 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION, 1)
        return (image.height, image.width) if orientation >= 5 else image.size  # from 5 on a quarter turn


@contextmanager
def strict() -> Iterator[None]:
    """Decode strictly, whatever other packs set: with LOAD_TRUNCATED_IMAGES Pillow fills up half a picture with black.

    The switch is global, so it is thrown once around a whole load and not in its threads; while loads and previews run
    side by side, the first throws it and the last one back.
    """
    global _strict_users, _before_strict  # noqa: PLW0603 beside Pillow's own global
    with _strict_lock:
        if not _strict_users:
            _before_strict, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        _strict_users += 1
    try:
        yield
    finally:
        with _strict_lock:
            _strict_users -= 1
            if not _strict_users:
                ImageFile.LOAD_TRUNCATED_IMAGES = _before_strict


@contextmanager
def _broken_named() -> Iterator[None]:
    """Whatever a decoder says of a file that it cannot read, as BrokenImageError."""
    try:
        yield
    except BrokenImageError:
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError("it is no image that can be read") from error
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        raise BrokenImageError(str(error)) from error


def _checked_png(data: bytes) -> _Png:
    """Read IHDR and check every chunk's length and CRC, which neither decoder does for all of them."""
    position, samples = len(SIGNATURE), []
    chunks: dict[bytes, bytes] = {}
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
        if kind == b"IDAT":
            samples.append(memoryview(data)[position + 8 : end])
        chunks.setdefault(kind, b"" if kind == b"IDAT" else data[position + 8 : end])
        position = end + 4
        if kind == b"IEND":
            break
    if not samples or next(iter(chunks)) != b"IHDR" or b"IEND" not in chunks:
        raise BrokenImageError("it has no image data, or no end")
    width, height, bit_depth, colour_type, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    transparency, exif = chunks.get(b"tRNS"), chunks.get(b"eXIf")
    return _Png(width, height, bit_depth, colour_type, bool(interlace), transparency, exif, b"".join(samples))


def _engine() -> Any:
    """The fastest zlib there is: ISA-L inflates in 40 % of the time of stdlib zlib, zlib-ng in 75 %. Same bytes."""
    return isal_zlib or deflate_engine()


def _inflated(png: _Png) -> bytes:
    """The filtered rows of a PNG: exactly as many as it has. BrokenImageError if any is missing or no row at all."""
    wanted = sum(rows * row_bytes for rows, row_bytes in png.passes)
    try:
        # One byte more, so that the checksum behind the last row is read; a bomb is not inflated any further.
        rows: bytes = _engine().decompressobj().decompress(png.samples, wanted + 1)[:wanted]
    except Exception as error:  # each engine has its own class: isal_zlib.error, zlib_ng.error, zlib.error
        raise BrokenImageError(f"its compressed data are damaged: {error}") from error
    if len(rows) < wanted:
        raise BrokenImageError(f"it holds {len(rows):,} of {wanted:,} bytes of picture")
    start = 0
    for count, row_bytes in png.passes:
        worst = max(rows[start : start + count * row_bytes : row_bytes])
        if worst > _PAETH:
            raise BrokenImageError(f"a row of it has filter type {worst}, which PNG has not")
        start += count * row_bytes
    return rows


def _stored(png: _Png, rows: bytes) -> bytes:
    """A PNG file of `rows`, not compressed: stored blocks, RFC 1951, section 3.2.4."""
    header = struct.pack(">IIBBBBB", png.width, png.height, png.bit_depth, png.colour_type, 0, 0, png.interlaced)
    transparency = [] if png.transparency is None else chunk(b"tRNS", png.transparency)
    stream = deflate_engine().compress(rows, 0)  # not ISA-L, whose level 0 is not "stored"
    chunks = [*chunk(b"IHDR", header), *transparency, *chunk(b"IDAT", stream), *chunk(b"IEND")]
    return b"".join((SIGNATURE, *chunks))


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
    return _plane(frames[0])


def _plane(frame: av.VideoFrame) -> Pixels:
    """The frame's one plane as (H, W, C), the padding of its rows cut off. 16 bits come big-endian, as PNG has them."""
    dtype = np.dtype(">u2" if frame.format.name.endswith("be") else "u1")
    plane, channels = frame.planes[0], _CHANNELS[frame.format.name]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height]
    samples = rows[:, : frame.width * channels * dtype.itemsize].view(dtype)
    return samples.reshape(frame.height, frame.width, channels).astype(dtype.newbyteorder("="), copy=False)


def _orientation(exif: bytes | None) -> int:
    """How a picture is turned, 1 to 8 (EXIF 2.32, 4.6.4 A); 1, upright, where nothing is said."""
    if not exif:
        return 1
    tags = Image.Exif()
    tags.load(exif)
    return int(tags.get(_ORIENTATION, 1))


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """The picture upright."""
    turns = {
        2: lambda: pixels[:, ::-1],
        3: lambda: pixels[::-1, ::-1],
        4: lambda: pixels[::-1],
        5: lambda: pixels.swapaxes(0, 1),
        6: lambda: pixels.swapaxes(0, 1)[:, ::-1],
        7: lambda: pixels.swapaxes(0, 1)[::-1, ::-1],
        8: lambda: pixels.swapaxes(0, 1)[::-1],
    }
    return turns[orientation]() if orientation in turns else pixels


def _is_unread_tiff(image: Image.Image) -> bool:
    """Is it a TIFF of 16-bit samples that Pillow cuts to 8 bits, or gives as a negative (WhiteIsZero)?"""
    if not isinstance(image, TiffImageFile) or 16 not in image.tag_v2.get(_BITS_PER_SAMPLE, ()):
        return False
    return not image.mode.startswith("I;16") or image.tag_v2.get(_PHOTOMETRIC) != _BLACK_IS_ZERO


def _with_pillow(data: bytes, at_least: int | None) -> Pixels:
    with Image.open(io.BytesIO(data)) as opened:
        if at_least is not None:
            # By the longest side: the shorter one, asked for in proportion, never forbids what the longest allows.
            width, height = (max(1, side * at_least // max(opened.size)) for side in opened.size)
            opened.draft(None, (width, height))
        if _is_unread_tiff(opened):
            raise BrokenImageError(
                "it is a colour or inverted TIFF of 16 bits, which is not read yet; convert it to 16-bit PNG"
            )
        image: Image.Image = ImageOps.exif_transpose(opened)
        image.load()
        if image.mode.startswith("I"):  # 16-bit grey; mode "I" may hold more
            values = np.asarray(image)
            if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
                raise BrokenImageError("its samples have more than 16 bits, which are not read")
            return values.astype(np.uint16)[..., np.newaxis]
        if image.mode == "F":
            raise BrokenImageError("its samples are floating point, which are not read")
        transparent = image.has_transparency_data
        if image.mode not in ("L", "LA", "RGB", "RGBA") or (transparent and image.mode in ("L", "RGB")):
            image = image.convert("RGBA" if transparent else "RGB")
        pixels = np.asarray(image)
        return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
