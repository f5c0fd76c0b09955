"""The kinds of image file that are read and written, and what a file is: bytes -> pixels, header, state.

Everything that knows kinds of files is derived from `FORMATS`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import av
from PIL import Image

from ..errors import BrokenImageError, UnreadKindError
from .base import Format, Header, Pixels, State
from .bmp import BMP
from .exr import EXR
from .jpeg import JPEG
from .open_file import open_regular
from .orientation import upright
from .png.format import PNG
from .tiff.format import TIFF
from .webp import WEBP

FORMATS: tuple[Format[Any], ...] = (PNG, JPEG, WEBP, BMP, TIFF, EXR)

EXTENSIONS = tuple(extension for kind in FORMATS for extension in kind.extensions)
_BY_EXTENSION: dict[str, Format[Any]] = {extension: kind for kind in FORMATS for extension in kind.extensions}

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
_START_BYTES = 32  # enough to tell all of them apart


def of_extension(extension: str) -> Format[Any] | None:
    """The kind of file that has this extension (".png", in any case)."""
    return _BY_EXTENSION.get(extension.lower())


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """The pixels of one image file: (H, W, C), C = 1, 2, 3 or 4; uint8, or uint16 or float32 where the file has more.

    EXIF orientation is applied, palettes and transparency keys are resolved, alpha is unassociated, floating-point values
    are as stored, also outside 0..1. The content of a file decides what it is, not its name, and nothing but the kinds
    below is given to any decoder: some of Pillow's start other programs. Metadata never cost the picture. Raises
    BrokenImageError, and never returns part of a picture. MemoryError passes through: the machine is too small for this
    picture, and the file may be sound. With `at_least`, what can be shrunk while it is decoded (JPEG, by 2, 4 or 8) comes
    smaller, its longest side no shorter than that many pixels.

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
        kind = _of_start(data[:_START_BYTES])
        header = kind.read_header(io.BytesIO(data))
        _require_sane(header)
        return upright(kind.decode(data, header, at_least), header.orientation)


def read_header(file: IO[bytes], at_most_pixels: int | None = None) -> Header[Any]:
    """The header of an image file; its pixels are not read.

    BrokenImageError if it is no image that can be read, or if one of the extents that have to be decoded has more than
    `at_most_pixels`. OSError of the system if the file cannot be read.
    """
    with _broken_named():
        kind = _of_start(_start_of(file))
        header = kind.read_header(file)
        _require_sane(header)
        for extent in header.allocated:
            if at_most_pixels is not None and extent.pixel_count > at_most_pixels:
                raise BrokenImageError(f"it has {extent} pixels, and at most {at_most_pixels:,} are read here")
        return header


def state(file: IO[bytes]) -> State:
    """Does an image file hold its picture to the end? By the rule by which its decoder finds that end; see each format.

    The content decides what it is, as in `decode`; bytes behind the end do not matter. Far cheaper than decoding: damage
    between start and end is not looked for. A file that `decode` reads is WHOLE. TORN is what a crash leaves behind: an
    empty file, one of zero bytes only, or the beginning of a kind of image that is read. Everything else is FOREIGN,
    somebody else's work, and not to be removed. OSError of the system if the file cannot be read.
    """
    start = _start_of(file)
    for kind in FORMATS:
        if kind.matches(start):
            return State.WHOLE if kind.is_whole(file) else _unfinished(kind, file, start)
    # Of the kinds that are only read, nobody here has left a beginning.
    is_beginning = any(kind.is_beginning(start) for kind in FORMATS if kind.is_written)
    return State.TORN if is_beginning or _is_zeros(file) else State.FOREIGN


def state_of(path: Path) -> State | None:
    """What the file at `path` is (see `state`); None where there is none, or something else (a folder, a pipe).

    OSError of the system if there is a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            return state(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_whole_file(path: Path) -> bool:
    """Is there a whole image file at `path`? OSError of the system if there is a file that cannot be read."""
    return state_of(path) is State.WHOLE


def _start_of(file: IO[bytes]) -> bytes:
    """The first bytes. Leaves the file at its beginning."""
    file.seek(0)
    start = file.read(_START_BYTES)
    file.seek(0)
    return start


def _of_start(start: bytes) -> Format[Any]:
    """The kind of a file that begins like this. BrokenImageError, which says what it seems to be, if it is not read."""
    for kind in FORMATS:
        if kind.matches(start):
            return kind
    if not start:
        raise BrokenImageError("the file is empty")
    name = next((name for signature, name in _OTHER_KINDS.items() if start.startswith(signature)), None)
    if start[4:8] == b"ftyp":
        name = _BRANDS.get(start[8:12], "a video file")
    if name is None:
        raise BrokenImageError("it is not a readable image")
    raise UnreadKindError(f"it is {name}, which this pack does not read")


def _unfinished(kind: Format[Any], file: IO[bytes], start: bytes) -> State:
    """TORN, or FOREIGN if the file is of a variety that is not read, or of another kind that begins alike."""
    if kind.is_foreign(start):
        return State.FOREIGN
    try:
        read_header(file)
    except UnreadKindError:
        return State.FOREIGN
    except BrokenImageError:
        pass
    return State.TORN


def _is_zeros(file: IO[bytes]) -> bool:
    """Are all bytes 0? A power cut leaves such files on XFS and NTFS: the length is on disk, the data are not."""
    file.seek(0)
    while block := file.read(1 << 20):
        if any(block):
            return False
    return True


def _require_sane(header: Header[Any]) -> None:
    """BrokenImageError for an extent that is empty, or beyond Pillow's limit for what may be a bomb.

    That is 179 megapixels unless set otherwise; it holds for every kind of file.
    """
    limit = Image.MAX_IMAGE_PIXELS
    for extent in header.allocated:
        if min(extent) < 1 or (limit is not None and extent.pixel_count > 2 * limit):
            raise BrokenImageError(f"it says that it has {extent} pixels")


@contextmanager
def _broken_named() -> Iterator[None]:
    """Turns whatever a decoder raises for a file that it cannot read into BrokenImageError.

    Decoders meet files that nobody foresaw and fail in ways that nobody foresaw, so every Exception is caught. But errors
    of the disk, and too little memory, are not the file's fault.
    """
    try:
        yield
    except (BrokenImageError, MemoryError):
        raise
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
