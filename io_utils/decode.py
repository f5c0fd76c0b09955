"""File bytes -> pixels. Which library decodes what, and why, is the table at `decode`."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from . import exr, tiff
from .png import SIGNATURE
from .png_decode import decode_png, read_header

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr")

_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4 A: 1 to 8

_strict_lock, _strict_users, _before_strict = threading.Lock(), 0, False


class BrokenImageError(ValueError):
    """Bytes that are not one whole image."""


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """The pixels of one image file: (H, W, C), C = 1, 2, 3 or 4; uint8, or uint16 or float32 where the file has more.

    EXIF orientation is applied, palettes and transparency keys are resolved, alpha is unassociated (EXR: as stored),
    floating-point values are as stored, also outside 0..1. What the file is decides, not how it is called. Raises
    BrokenImageError, never returns part of a picture. With `at_least`, what can be shrunk while it is decoded (JPEG, by 2, 4
    or 8) comes smaller, its longest side no shorter than that many pixels.

    | file                        | decoder                       | because                                           |
    |-----------------------------|-------------------------------|---------------------------------------------------|
    | PNG                         | png_decode: zlib, then FFmpeg | 2x as fast; Pillow 13 gives 8 bits of 16-bit RGB, |
    |                             |                               | and wrong keys for 2 and 4 bits                   |
    | EXR, half or float          | exr: FFmpeg, checked          | Pillow has none; FFmpeg shows damage as black     |
    | TIFF, 16 bits or float      | tiff: libtiff, as bytes       | Pillow keeps 8 bits, FFmpeg shows damage as black |
    | TIFF, up to 8 bits          | Pillow                        |                                                   |
    | JPEG, WebP, BMP             | Pillow                        |                                                   |
    """
    with _broken_named():
        if data.startswith(SIGNATURE):
            samples, exif = decode_png(data)
            return _turned(samples, _orientation(_tags(exif)))
        if data.startswith(exr.MAGIC):
            header = exr.Header.read(io.BytesIO(data))
            _check_size(*header.size)
            _check_size(*header.data_size)
            return exr.decode_exr(data, header)
        with _strict():
            if data.startswith(tiff.MAGIC) and (directory := tiff.Directory(io.BytesIO(data))).is_deep:
                _check_size(*directory.size)
                return _turned(tiff.decode_tiff(data, directory), directory.orientation)
            return _with_pillow(data, at_least)


def size(file: IO[bytes], at_most: int | None = None) -> tuple[int, int]:
    """(width, height) of an image file, orientation applied; only its header is read.

    BrokenImageError if it is none, or if `at_most` pixels are fewer than it holds (EXR: than either of its windows).
    """
    with _broken_named():
        start = file.read(len(SIGNATURE))
        file.seek(0)
        if start == SIGNATURE:
            header, exif = read_header(file)
            return _turned_size(_few(header.width, header.height, at_most), _orientation(_tags(exif)))
        if start.startswith(exr.MAGIC):
            exr_header = exr.Header.read(file)
            exr_header.require_readable()
            _few(*_check_size(*exr_header.data_size), at_most)
            return _few(*_check_size(*exr_header.size), at_most)
        if start.startswith(tiff.MAGIC) and (directory := tiff.Directory(file)).is_deep:
            return _turned_size(_few(*_check_size(*directory.size), at_most), directory.orientation)
        with Image.open(file) as image:
            # Of a TIFF, Pillow gives the size as turned.
            orientation = 1 if image.format == "TIFF" else _orientation(image.getexif())
            return _turned_size(_few(*image.size, at_most), orientation)


@contextmanager
def _strict() -> Iterator[None]:
    """Let Pillow decode strictly, whatever other packs set: with LOAD_TRUNCATED_IMAGES it fills up half a picture with black.

    The switch is global: while frames and previews are decoded side by side, the first throws it and the last one back.
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
    except av.error.FFmpegError as error:
        raise BrokenImageError(error.strerror or "FFmpeg cannot read it") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        KeyError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        raise BrokenImageError(str(error)) from error


def _tags(exif: bytes | None) -> Image.Exif:
    tags = Image.Exif()
    if exif:
        tags.load(exif)
    return tags


def _orientation(tags: Image.Exif) -> int:
    """How a picture is turned, 1 to 8 (EXIF 2.32, 4.6.4 A); 1, upright, where none of these is said: it may be text."""
    said: Any = tags.get(_ORIENTATION)
    return next((orientation for orientation in range(2, 9) if orientation == said), 1)


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


def _turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if 5 <= orientation <= 8 else size  # from 5 on a quarter turn


def _check_size(width: int, height: int) -> tuple[int, int]:
    """Pillow's limit for what may be a bomb, for formats that it does not open: 179 megapixels unless set otherwise."""
    limit = Image.MAX_IMAGE_PIXELS
    if width < 1 or height < 1 or (limit is not None and width * height > 2 * limit):
        raise BrokenImageError(f"it says that it has {width} x {height} pixels")
    return width, height


def _few(width: int, height: int, at_most: int | None) -> tuple[int, int]:
    if at_most is not None and width * height > at_most:
        raise BrokenImageError(f"it has {width} x {height} pixels, and at most {at_most:,} are read here")
    return width, height


def _with_pillow(data: bytes, at_least: int | None) -> Pixels:
    with Image.open(io.BytesIO(data)) as opened:
        if at_least is not None:
            # By the longest side: the shorter one, asked for in proportion, never forbids what the longest allows.
            width, height = (max(1, side * at_least // max(opened.size)) for side in opened.size)
            opened.draft(None, (width, height))
        image: Image.Image = ImageOps.exif_transpose(opened)
        image.load()
        if image.mode.startswith(("I", "F")):
            raise BrokenImageError(f"its samples (Pillow's mode {image.mode}) are not read")
        transparent = image.has_transparency_data
        if image.mode not in ("L", "LA", "RGB", "RGBA") or (transparent and image.mode in ("L", "RGB")):
            image = image.convert("RGBA" if transparent else "RGB")
        pixels = np.asarray(image)
        return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def may_have_alpha(file: IO[bytes]) -> bool:
    """Can the image in `file`, whose header `size` has read, have transparency? Its chunk headers alone are read.

    False only where that is certain: JPEG has none, PNG says so by its colour type (11.2.1) or a tRNS chunk (11.3.1).
    """
    file.seek(0)
    start = file.read(33)  # to the end of IHDR
    if not start.startswith(SIGNATURE):
        return not start.startswith(b"\xff\xd8\xff")
    if start[25] & 4:
        return True
    while len(head := file.read(8)) == 8 and head[4:] not in (b"tRNS", b"IDAT"):
        file.seek(struct.unpack(">I", head[:4])[0] + 4, io.SEEK_CUR)
    return head[4:] == b"tRNS"
