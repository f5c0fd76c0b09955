"""FileType: the kinds of image file that the savers write, and what a whole one looks like on disk."""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import decode, exr, webp
from .opened import open_regular
from .png import encode_png, keyword_fault

_JPEG_LARGEST_SIDE = 65500  # of libjpeg; the format has 16 bits

# What the Dream pack writes, with optimized Huffman tables and 4:2:0 as it does: files no larger.
QUALITY = 95


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
    PNG16_WITH_WORKFLOW = "png 16-bit with embedded workflow"
    PNG16 = "png 16-bit"
    WEBP_LOSSLESS = "webp lossless with embedded workflow"
    WEBP_LOSSY = "webp lossy with embedded workflow"
    EXR = "exr"
    EXR_HALF = "exr 16-bit"

    @property
    def extension(self) -> str:
        return _EXTENSION.get(self, ".png")

    @property
    def embeds_workflow(self) -> bool:
        return self in _EMBEDDING

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        """Why a file of this type cannot hold text under `keyword`, after `earlier` others; None if it can."""
        if not self.embeds_workflow:
            return None
        return webp.keyword_fault(keyword, earlier) if self.extension == ".webp" else keyword_fault(keyword)

    @property
    def dtype(self) -> type[np.generic]:
        """Of the pixels that `encode_frame` takes: what one sample of the file is."""
        return _DTYPE.get(self, np.uint8)

    def for_extension(self, extension: str) -> FileType:
        """The type that a file name's `extension` (".png", any case) asks for; this one where it leaves the choice.

        '' leaves it all to this type; an extension of this type what else it says (bits, workflow, loss). Otherwise the
        workflow is embedded where it can be, and nothing is lost but by ".jpg". FileTypeError for an unknown one.
        """
        named = _BY_EXTENSION.get(extension.lower())
        if extension and named is None:
            raise FileTypeError(extension)
        return self if named is None or named.extension == self.extension else named

    def encode_frame(
        self, pixels: NDArray[Any], text: Mapping[str, str], threads: int, quality: int = QUALITY
    ) -> bytes:
        """The bytes of one file. `pixels`: (H, W, C) of `dtype`, C in 1..4; `text`: the entries to embed, if it does.

        `quality`: 1..100, of the two that lose something. JPEG has no alpha: pixels with alpha are composited on black,
        as every viewer shows a transparent frame. ValueError for a picture too large for the format.
        """
        if self.extension == ".exr":
            return exr.encode_exr(pixels)
        if self.extension == ".webp":
            return webp.encode_webp(pixels, text, quality if self is FileType.WEBP_LOSSY else None)
        if self is not FileType.JPG:
            return encode_png(pixels, text if self.embeds_workflow else None, threads=threads)
        if max(pixels.shape[:2]) > _JPEG_LARGEST_SIDE:
            raise ValueError(
                f"JPG pictures have at most {_JPEG_LARGEST_SIDE} pixels per side, this one is {pixels.shape[1]} x {pixels.shape[0]}. Choose PNG or EXR."
            )
        return _encode_jpeg(Image.fromarray(_without_alpha(pixels)), quality)

    def flattens(self, pixels: NDArray[Any]) -> bool:
        """Has this picture transparency that the file cannot hold?"""
        return (
            self is FileType.JPG
            and pixels.shape[-1] in (2, 4)
            and bool((pixels[..., -1] < np.iinfo(np.uint8).max).any())
        )


_EMBEDDING = {
    FileType.PNG_WITH_WORKFLOW,
    FileType.PNG16_WITH_WORKFLOW,
    FileType.WEBP_LOSSLESS,
    FileType.WEBP_LOSSY,
}
_EXTENSION = {
    FileType.JPG: ".jpg",
    FileType.WEBP_LOSSLESS: ".webp",
    FileType.WEBP_LOSSY: ".webp",
    FileType.EXR: ".exr",
    FileType.EXR_HALF: ".exr",
}
_DTYPE: dict[FileType, type[np.generic]] = {
    FileType.PNG16_WITH_WORKFLOW: np.uint16,
    FileType.PNG16: np.uint16,
    FileType.EXR: np.float32,
    FileType.EXR_HALF: np.float16,
}
_BY_EXTENSION = {
    ".png": FileType.PNG_WITH_WORKFLOW,
    ".jpg": FileType.JPG,
    ".jpeg": FileType.JPG,
    ".webp": FileType.WEBP_LOSSLESS,
    ".exr": FileType.EXR,
}


def state(path: Path) -> decode.State | None:
    """What the file at `path` is (see `decode.state`); None where there is none, or something else (a folder, a pipe).

    OSError of the system if there is a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            return decode.state(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_whole(path: Path) -> bool:
    """Is there a whole image file at `path`? OSError of the system if there is a file that cannot be read."""
    return state(path) is decode.State.WHOLE


def _encode_jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, "JPEG", quality=quality, optimize=True)
    except OSError:
        # For optimized tables libjpeg needs its whole buffer at once: Pillow gives it one byte per pixel below quality 95, and
        # two from there on. Colour noise needs more. Plain tables need a small buffer only, and noise gains nothing by
        # optimized ones.
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels = pixels.shape[-1]
    colour = pixels if channels in (1, 3) else pixels[..., :-1]
    if colour is not pixels:
        colour = ((colour.astype(np.uint16) * pixels[..., -1:] + 127) // 255).astype(np.uint8)
    return colour[..., 0] if channels < 3 else colour
