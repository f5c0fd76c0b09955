"""All image formats, and what can be asked of any image file: its pixels, its header, its state.

`FORMATS` is the only list of formats; everything else is derived from it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import av
from PIL import Image

from ..errors import BrokenImageError, UnsupportedFileError
from .base import Format, Header, Pixels, State
from .bmp import BMP
from .exr.format import EXR
from .jpeg import JPEG
from .open_file import open_regular
from .orientation import upright
from .pixels import unassociated
from .png.format import PNG
from .tiff.format import TIFF
from .webp import WEBP

FORMATS: tuple[Format[Any], ...] = (PNG, JPEG, WEBP, BMP, TIFF, EXR)

EXTENSIONS = tuple(extension for image_format in FORMATS for extension in image_format.extensions)
_BY_EXTENSION: dict[str, Format[Any]] = {
    extension: image_format for image_format in FORMATS for extension in image_format.extensions
}

# Signatures of other files that users mistake for frames, so that the error can name them.
_OTHER_TYPES = {
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
_CHANNELS_AT_MOST = 12
_START_BYTES = 32  # longer than every signature


def of_extension(extension: str) -> Format[Any] | None:
    """The format with this extension (".png", in any case), or None."""
    return _BY_EXTENSION.get(extension.lower())


class Picture(NamedTuple):
    """The pixels of a file, or of one of its layers, as stored, and the header that says what they are."""

    pixels: Pixels
    header: Header[Any]


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """Like `decode_as_stored`, but alpha is always unassociated, and without the header."""
    pixels, header = decode_as_stored(data, at_least=at_least)
    return unassociated(pixels) if header.alpha_is_associated else pixels


def decode_as_stored(data: bytes, layer: str = "", at_least: int | None = None) -> Picture:
    """Decode an image file to (height, width, 1 to 4 channels): uint8, or uint16 or float32 if the file has more bits.

    The EXIF orientation is applied, palettes and transparency keys are resolved. Alpha is unassociated, unless the header
    says that it is associated. Colour is not converted: floating-point values are returned as stored, also outside 0..1.
    With `layer`, that layer is decoded instead of the picture. With `at_least`, JPEG files may be scaled down by 2, 4 or 8
    while they are decoded; the longest side stays at least that many pixels.

    The content decides the format, not the file name, and files of other formats never reach a decoder: some of Pillow's
    start other programs. Invalid metadata never prevent decoding.

    Raises BrokenImageError (UnknownLayerError for a layer that the file does not have), and never returns part of a
    picture. MemoryError is passed on: the picture is too large for this machine, but the file may be intact.

    | file | decoder                                           | reason                                                |
    |------|---------------------------------------------------|-------------------------------------------------------|
    | PNG  | zlib, then FFmpeg for the filters                 | 2x as fast; Pillow 13 reduces 16-bit RGB to 8 bits    |
    |      |                                                   | and misreads transparency keys of 2 and 4 bits        |
    | EXR  | OpenEXR, if it is installed                       | the format's own library reads all of it              |
    | TIFF | zlib, FFmpeg, libtiff, fax.py, as each fits best  | Pillow reduces 16-bit colour to 8 bits, FFmpeg shows  |
    |      |                                                   | damage as black, libtiff makes up damaged fax pixels  |
    | JPEG | libjpeg, with FFmpeg as a check                   | libjpeg makes up damaged parts without an error       |
    | WebP | libwebp                                           |                                                       |
    | BMP  | numpy                                             | Pillow supports few bit fields and accepts damage     |
    """
    with _errors_as_broken_image():
        image_format = _identify(data[:_START_BYTES])
        file = io.BytesIO(data)
        header = image_format.read_layer_header(file, layer) if layer else image_format.read_header(file)
        _require_plausible_extents(header)
        return Picture(upright(image_format.decode(data, header, at_least), header.orientation), header)


def read_header(file: IO[bytes], at_most_pixels: int | None = None, layer: str = "") -> Header[Any]:
    """Read the header of an image file, without its pixels; with `layer`, as that layer has it.

    With `at_most_pixels`, larger pictures are refused, and files with so many channels that decoding them takes as much
    memory as a picture of `_CHANNELS_AT_MOST` channels with that many pixels.

    Raises BrokenImageError if it is not a readable image or is refused, UnknownLayerError for a layer that it does not
    have, and the system's OSError if the file cannot be read.
    """
    with _errors_as_broken_image():
        image_format = _identify(_read_start(file))
        header = image_format.read_layer_header(file, layer) if layer else image_format.read_header(file)
        _require_plausible_extents(header)
        for extent in header.allocated:
            if at_most_pixels is not None and extent.pixel_count > at_most_pixels:
                raise BrokenImageError(f"it has {extent} pixels, more than the limit of {at_most_pixels:,}")
        samples = header.planes * header.extent.pixel_count
        if at_most_pixels is not None and samples > _CHANNELS_AT_MOST * at_most_pixels:
            raise BrokenImageError(
                f"it has {samples:,} samples, more than the limit of {_CHANNELS_AT_MOST * at_most_pixels:,}"
            )
        return header


def name_of(file: IO[bytes]) -> str:
    """The name of an image file's format, such as "PNG". Raises BrokenImageError, and the system's OSError."""
    return _identify(_read_start(file)).name


def read_text(file: IO[bytes]) -> dict[str, str]:
    """The text that is embedded in an image file, keyword -> string, for the formats that can read it (`Format.read_text`).

    Raises BrokenImageError.
    """
    with _errors_as_broken_image():
        image_format = _identify(_read_start(file))
        return image_format.read_text(file)


def read_identity(file: IO[bytes]) -> str | None:
    """The text that says which graph made an image file; None if there is none, or it is not where this pack writes it.

    A read of `IDENTITY_BYTES`, or in EXR of the attributes up to it. Raises the system's OSError if the file cannot be read,
    and nothing for what is in it.
    """
    try:
        with _errors_as_broken_image():
            return _identify(_read_start(file)).read_identity(file)
    except BrokenImageError:
        return None


def state(file: IO[bytes]) -> State:
    """Whether an image file is complete, truncated, or something else. Much cheaper than decoding.

    WHOLE: the file contains its picture up to the end that `decode` would find. Every file that `decode` accepts is WHOLE;
    the reverse does not hold, because damage in the middle is not looked for. Bytes after the end do not matter.
    TORN: what a crash leaves, which is an empty file, only zero bytes, or the beginning of an image in one of `FORMATS`.
    FOREIGN: everything else. It is somebody else's work and must not be removed.

    Raises the system's OSError if the file cannot be read.
    """
    start = _read_start(file)
    for image_format in FORMATS:
        if image_format.matches(start):
            return State.WHOLE if image_format.is_whole(file) else _incomplete_state(image_format, file, start)
    # A format that is only read cannot be a leftover of this pack.
    is_beginning = any(image_format.is_beginning(start) for image_format in FORMATS if image_format.is_written)
    return State.TORN if is_beginning or _is_zeros(file) else State.FOREIGN


def state_of(path: Path) -> State | None:
    """The state of the file at `path`, or None if there is no regular file.

    Raises the system's OSError if the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return state(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_whole_file(path: Path) -> bool:
    """Whether there is a complete image file at `path`. Raises the system's OSError if the file cannot be read."""
    return state_of(path) is State.WHOLE


def _read_start(file: IO[bytes]) -> bytes:
    """The first bytes of the file, which is left at its beginning."""
    file.seek(0)
    start = file.read(_START_BYTES)
    file.seek(0)
    return start


def _identify(start: bytes) -> Format[Any]:
    """The format of a file with these first bytes. Raises BrokenImageError, which names the file type if it is known."""
    for image_format in FORMATS:
        if image_format.matches(start):
            return image_format
    if not start:
        raise BrokenImageError("the file is empty")
    name = next((name for signature, name in _OTHER_TYPES.items() if start.startswith(signature)), None)
    if start[4:8] == b"ftyp":
        name = _BRANDS.get(start[8:12], "a video file")
    if name is None:
        raise BrokenImageError("it is not a readable image")
    raise UnsupportedFileError(f"it is {name}, which this pack does not read")


def _incomplete_state(image_format: Format[Any], file: IO[bytes], start: bytes) -> State:
    """TORN, or FOREIGN if the file is an unsupported variety of the format, or another format with the same signature."""
    if image_format.is_foreign(start):
        return State.FOREIGN
    try:
        read_header(file)
    except UnsupportedFileError:
        return State.FOREIGN
    except BrokenImageError:
        pass
    return State.TORN


def _is_zeros(file: IO[bytes]) -> bool:
    """Whether all bytes are 0. A power cut leaves such files on XFS and NTFS: the length is on disk, the data are not."""
    file.seek(0)
    while block := file.read(1 << 20):
        if any(block):
            return False
    return True


def _require_plausible_extents(header: Header[Any]) -> None:
    """Raise BrokenImageError if an extent is empty or exceeds Pillow's limit for decompression bombs.

    The limit is 179 megapixels unless Image.MAX_IMAGE_PIXELS has been changed. It applies to all formats.
    """
    limit = Image.MAX_IMAGE_PIXELS
    for extent in header.allocated:
        if min(extent) < 1 or (limit is not None and extent.pixel_count > 2 * limit):
            most = "" if limit is None else f", and more than {2 * limit:,} are refused"
            raise BrokenImageError(f"its header declares {extent} pixels{most}")


@contextmanager
def _errors_as_broken_image() -> Iterator[None]:
    """Turn every exception of a decoder into BrokenImageError, except disk errors and MemoryError.

    Damaged files make decoders fail in ways that nobody can foresee, so every Exception is caught. An OSError with an
    errno comes from the disk, not from the content of the file.
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
