"""File bytes -> pixels. Which library decodes what, and why, is the table at `decode`."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import IO

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import bmp, exr, jpeg, png_decode, tiff, webp
from .orientation import of_exif
from .png import SIGNATURE
from .png_decode import decode_png, read_header
from .unread import NotReadError

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr")

# How files begin that people take for a sequence's frames, and that are not read.
_OTHER_KINDS = {
    b"GIF8": "a GIF file",
    b"8BPS": "a Photoshop file",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"%PDF": "a PDF file",
    b"\xff\x0a": "a JPEG XL file",
    b"\0\0\0\x0cJXL ": "a JPEG XL file",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 file",
    b"\xff\x4f\xff\x51": "a JPEG 2000 file",
    b"SDPX": "a DPX file",
    b"XPDS": "a DPX file",
    b"#?RADIANCE": "a Radiance HDR file",
    b"#?RGBE": "a Radiance HDR file",
    b"DDS ": "a DDS file",
    b"icns": "an ICNS file",
    b"\0\0\x01\0": "an ICO file",
    b"SIMPLE  =": "a FITS file",
    b"P5": "a PGM file",
    b"P6": "a PPM file",
    b"qoif": "a QOI file",
    b"\x1aE\xdf\xa3": "a Matroska or WebM video",
    b"version https://git-lfs": "a Git LFS pointer, whose file was not fetched",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG file",
    b"<?xml": "an XML file",
}
# What follows "ftyp" in ISO base media files: https://mp4ra.org/registered-types/brands.
_BRANDS = {b"avif": "an AVIF file", b"avis": "an AVIF file", b"heic": "an HEIC file", b"heix": "an HEIC file"}
_BRANDS |= {b"mif1": "an HEIF file", b"msf1": "an HEIF file", b"heif": "an HEIF file", b"crx ": "a Canon raw file"}
_KIND_BYTES = 32


class BrokenImageError(ValueError):
    """Bytes that are not one whole image, or of a kind that is not read."""


class UnreadKindError(BrokenImageError):
    """A file of a kind that is not read, whether it is sound or not; the message says what to convert it to."""


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """The pixels of one image file: (H, W, C), C = 1, 2, 3 or 4; uint8, or uint16 or float32 where the file has more.

    EXIF orientation is applied, palettes and transparency keys are resolved, alpha is unassociated, floating-point values
    are as stored, also outside 0..1. What the file is decides, not how it is called, and nothing but the kinds below is
    given to any decoder: some of Pillow's start other programs. Metadata never cost the picture. Raises BrokenImageError,
    never returns part of a picture. MemoryError stays what it is: the machine is too small for this picture, and the file
    may be sound. With `at_least`, what can be shrunk while it is decoded (JPEG, by 2, 4 or 8) comes smaller, its longest
    side no shorter than that many pixels.

    | file                        | decoder                       | because                                           |
    |-----------------------------|-------------------------------|---------------------------------------------------|
    | PNG                         | png_decode: zlib, then FFmpeg | 2x as fast; Pillow 13 gives 8 bits of 16-bit RGB, |
    |                             |                               | and wrong keys for 2 and 4 bits                   |
    | EXR, half or float          | exr: FFmpeg, checked          | Pillow has none; FFmpeg shows damage as black     |
    | TIFF                        | tiff: libtiff, as bytes; fax  | Pillow keeps 8 bits of 16, FFmpeg shows damage as |
    |                             |                               | black, libtiff fills in damaged fax               |
    | JPEG                        | jpeg: libjpeg, FFmpeg checks  | libjpeg fills up what is damaged, without a word  |
    | WebP                        | webp: libwebp                 |                                                   |
    | BMP                         | bmp: numpy                    | Pillow knows few bit fields, and shows damage     |
    """
    with _broken_named():
        if data.startswith(SIGNATURE):
            png_header, _ = read_header(io.BytesIO(data))
            _check_size(png_header.width, png_header.height)
            samples, exif = decode_png(data)
            return _turned(samples, of_exif(exif))
        if data.startswith(exr.MAGIC):
            header = exr.Header.read(io.BytesIO(data))
            _check_size(*header.size)
            _check_size(*header.data_size)
            return exr.decode_exr(data, header)
        if data.startswith(jpeg.SIGNATURE):
            _check_size(*jpeg.read_size(io.BytesIO(data))[:2])
            return _turned(*jpeg.decode_jpeg(data, at_least))
        if webp.matches(data[:12]):
            container = webp.Container.read(io.BytesIO(data))
            _check_size(container.width, container.height)
            return _turned(webp.decode_webp(data, container), container.orientation)
        if data.startswith(bmp.SIGNATURE):
            bmp_header = bmp.Header.read(io.BytesIO(data))
            _check_size(bmp_header.width, bmp_header.height)
            return bmp.decode_bmp(data, bmp_header)
        if data.startswith(tiff.MAGIC):
            directory = tiff.Directory(io.BytesIO(data))
            _check_size(*directory.size)
            return _turned(tiff.decode_tiff(data, directory), directory.orientation)
        raise _not_read(data[:_KIND_BYTES])


def size(file: IO[bytes], at_most: int | None = None) -> tuple[int, int]:
    """(width, height) of an image file, orientation applied; only its header is read.

    BrokenImageError if it is none, or if `at_most` pixels are fewer than it holds (EXR: than either of its windows).
    OSError of the system if the file cannot be read.
    """
    with _broken_named():
        file.seek(0)
        start = file.read(_KIND_BYTES)
        file.seek(0)
        if start.startswith(SIGNATURE):
            header, exif = read_header(file)
            return _turned_size(_few(*_check_size(header.width, header.height), at_most), of_exif(exif))
        if start.startswith(exr.MAGIC):
            exr_header = exr.Header.read(file)
            exr_header.require_readable()
            _few(*_check_size(*exr_header.data_size), at_most)
            return _few(*_check_size(*exr_header.size), at_most)
        if start.startswith(jpeg.SIGNATURE):
            width, height, orientation = jpeg.read_size(file)
            return _turned_size(_few(*_check_size(width, height), at_most), orientation)
        if webp.matches(start):
            container = webp.Container.read(file)
            return _turned_size(_few(*_check_size(container.width, container.height), at_most), container.orientation)
        if start.startswith(bmp.SIGNATURE):
            bmp_header = bmp.Header.read(file)
            return _few(*_check_size(bmp_header.width, bmp_header.height), at_most)
        if start.startswith(tiff.MAGIC):
            directory = tiff.Directory(file)
            directory.require_readable()
            return _turned_size(_few(*_check_size(*directory.size), at_most), directory.orientation)
        raise _not_read(start)


class State(Enum):
    """What a file is: a whole image, one that is cut off, or something that this pack does not read."""

    WHOLE = "whole"
    TORN = "torn"
    FOREIGN = "foreign"


def state(file: IO[bytes]) -> State:
    """Does an image file hold its picture to the end? By the rule by which its decoder finds that end; see each module.

    What the file is decides, not how it is called, as in `decode`; bytes behind the end do not matter. Far cheaper than
    decoding: damage between start and end is not looked for. A file that `decode` reads is WHOLE. TORN is what a crash
    leaves behind: an empty file, one of zero bytes only, or the beginning of a kind of image that is read. Everything else
    is FOREIGN, the work of somebody else, and not to be removed. OSError of the system if the file cannot be read.
    """
    file.seek(0)
    start = file.read(_KIND_BYTES)
    for matches, check in _WHOLE:
        if matches(start):
            file.seek(0)
            return State.WHOLE if check(file) else _unfinished(file, start)
    return State.TORN if _is_beginning(start) or _is_zeros(file) else State.FOREIGN


def is_whole(file: IO[bytes]) -> bool:
    """Is the file's `state` WHOLE?"""
    return state(file) is State.WHOLE


def _unfinished(file: IO[bytes], start: bytes) -> State:
    """TORN, or FOREIGN if the file is of a variety that is not read, or is a text that happens to begin with BM."""
    if start.startswith(bmp.SIGNATURE) and not bmp.is_header(start):
        return State.FOREIGN
    if (
        start.startswith(SIGNATURE) and start[12:16] == b"CgBI"
    ):  # Apple's variety of PNG: https://iphonedev.wiki/CgBI_file_format
        return State.FOREIGN
    try:
        size(file)
    except UnreadKindError:
        return State.FOREIGN
    except BrokenImageError:
        pass
    return State.TORN


def _is_beginning(start: bytes) -> bool:
    """Is a file of these few bytes the beginning of one that this pack writes?"""
    if any(signature.startswith(start) for signature in (SIGNATURE, jpeg.SIGNATURE, exr.MAGIC)):
        return True
    return len(start) < 12 and b"RIFF".startswith(start[:4]) and b"WEBP".startswith(start[8:])


def _is_zeros(file: IO[bytes]) -> bool:
    """Are all bytes 0? A power cut leaves such files on XFS and NTFS: the length is on disk, the data are not."""
    file.seek(0)
    while block := file.read(1 << 20):
        if any(block):
            return False
    return True


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(signatures)


# How a kind of file begins, and who knows where it ends.
_WHOLE: tuple[tuple[Callable[[bytes], bool], Callable[[IO[bytes]], bool]], ...] = (
    (_begins(SIGNATURE), png_decode.is_whole),
    (_begins(jpeg.SIGNATURE), jpeg.is_whole),
    (webp.matches, webp.is_whole),
    (_begins(bmp.SIGNATURE), bmp.is_whole),
    (_begins(exr.MAGIC), exr.is_whole),
    (_begins(*tiff.MAGIC), tiff.is_whole),
)


def _not_read(start: bytes) -> Exception:
    """What a file seems to be that begins like this, and what to do about it. `start`: the first _KIND_BYTES of it."""
    if not start:
        return BrokenImageError("the file is empty")
    kind = next((kind for signature, kind in _OTHER_KINDS.items() if start.startswith(signature)), None)
    if start[4:8] == b"ftyp":
        kind = _BRANDS.get(start[8:12], "a video file")
    if kind is None:
        return BrokenImageError("it is not a readable image")
    return NotReadError(f"it is {kind}, which this pack does not read")


@contextmanager
def _broken_named() -> Iterator[None]:
    """Whatever a decoder says of a file that it cannot read, as BrokenImageError.

    Decoders meet with files that nobody thought of and fail in ways that nobody thought of, so every Exception is meant.
    But what the system says of the disk, and want of memory, are not faults of the file.
    """
    try:
        yield
    except (BrokenImageError, MemoryError):
        raise
    except NotReadError as error:
        raise UnreadKindError(str(error)) from error
    except av.error.FFmpegError as error:
        raise BrokenImageError(error.strerror or "FFmpeg cannot read it") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise BrokenImageError(str(error) or "it cannot be decoded") from error
    except (ValueError, Image.DecompressionBombError) as error:
        raise BrokenImageError(str(error) or "it cannot be decoded") from error
    except Exception as error:
        raise BrokenImageError(f"it cannot be decoded ({type(error).__name__}: {error})") from error


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
    """Pillow's limit for what may be a bomb, for every kind: 179 megapixels unless set otherwise."""
    limit = Image.MAX_IMAGE_PIXELS
    if width < 1 or height < 1 or (limit is not None and width * height > 2 * limit):
        raise BrokenImageError(f"it says that it has {width} x {height} pixels")
    return width, height


def _few(width: int, height: int, at_most: int | None) -> tuple[int, int]:
    if at_most is not None and width * height > at_most:
        raise BrokenImageError(f"it has {width} x {height} pixels, and at most {at_most:,} are read here")
    return width, height


def may_have_alpha(file: IO[bytes]) -> bool:
    """Can the image in `file`, whose header `size` has read, have transparency? Its chunk headers alone are read.

    False only where that is certain: JPEG has none, PNG says so by its colour type (11.2.1) or a tRNS chunk (11.3.1).
    """
    file.seek(0)
    start = file.read(33)  # to the end of IHDR
    if not start.startswith(SIGNATURE):
        return not start.startswith(jpeg.SIGNATURE)
    if start[25] & 4:
        return True
    while len(head := file.read(8)) == 8 and head[4:] not in (b"tRNS", b"IDAT"):
        file.seek(struct.unpack(">I", head[:4])[0] + 4, io.SEEK_CUR)
    return head[4:] == b"tRNS"
