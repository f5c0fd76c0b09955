"""FileType: the kinds of image file that the savers write, and what a whole one looks like on disk."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .png import SIGNATURE, encode_png

# The whole of the IEND chunk: PNG specification, third edition, 11.2.5.
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PNG_LEAST = len(SIGNATURE) + 25 + 12 + len(_PNG_END)  # IHDR is 25 bytes, an empty IDAT 12
# Start and end of image markers: ITU-T T.81, table B.1.
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_JPEG_LEAST = 100  # the two quantisation and Huffman tables alone are larger

# What the Dream pack writes, with optimized Huffman tables and 4:2:0 as it does: files no larger.
JPEG_QUALITY = 95


class FileTypeError(ValueError):
    """A file name extension that the savers do not write. Attributes: `extension`, `extensions` (those they do)."""

    def __init__(self, extension: str) -> None:
        self.extension, self.extensions = extension, list(_BY_EXTENSION)
        super().__init__(f"Frames cannot be saved as {extension!r} files. Write one of {', '.join(self.extensions)}.")


class FileType(str, Enum):
    """A value of the savers' `filetype` widget."""

    PNG_WITH_WORKFLOW = "png with embedded workflow"
    PNG = "png"
    JPG = "jpg"

    @property
    def extension(self) -> str:
        return ".jpg" if self is FileType.JPG else ".png"

    @property
    def embeds_workflow(self) -> bool:
        return self is FileType.PNG_WITH_WORKFLOW

    def for_extension(self, extension: str) -> FileType:
        """The type that a file name's `extension` (".png", any case) asks for; this one where it leaves the choice.

        '' leaves it all to this type, ".png" whether the workflow is embedded. FileTypeError for an unknown one.
        """
        named = _BY_EXTENSION.get(extension.lower())
        if extension and named is None:
            raise FileTypeError(extension)
        return self if named is None or named.extension == self.extension else named

    def encode_frame(self, pixels: NDArray[np.uint8], text: Mapping[str, str], threads: int) -> bytes:
        """The bytes of one file. `pixels`: uint8, (H, W, C), C in 1..4; `text`: the entries to embed, if this type does.

        JPEG has no alpha: pixels with alpha are composited on black, as every viewer shows a transparent frame.
        """
        if self is not FileType.JPG:
            return encode_png(pixels, text if self.embeds_workflow else None, threads=threads)
        buffer = io.BytesIO()
        Image.fromarray(_without_alpha(pixels)).save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
        return buffer.getvalue()


_BY_EXTENSION = {".png": FileType.PNG_WITH_WORKFLOW, ".jpg": FileType.JPG, ".jpeg": FileType.JPG}


def is_whole(path: Path) -> bool:
    """Is there a whole file at `path`? By size, signature and end marker: a few microseconds, no decoding.

    Of types that this pack does not write, only an empty file is known not to be whole.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            start = file.read(len(SIGNATURE))
            file.seek(max(0, size - len(_PNG_END)))
            end = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    extension = path.suffix.lower()
    if extension == ".png":
        return size >= _PNG_LEAST and start == SIGNATURE and end == _PNG_END
    if extension in (".jpg", ".jpeg"):
        return size >= _JPEG_LEAST and start.startswith(_JPEG_START) and end.endswith(_JPEG_END)
    return size > 0


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels = pixels.shape[-1]
    colour = pixels if channels in (1, 3) else pixels[..., :-1]
    if colour is not pixels:
        colour = ((colour.astype(np.uint16) * pixels[..., -1:] + 127) // 255).astype(np.uint8)
    return colour[..., 0] if channels < 3 else colour
