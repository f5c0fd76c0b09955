"""FileType: what the savers write, and the one way from a picture to the bytes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import FileTypeError
from .base import Format
from .exr import EXR as _EXR
from .jpeg import JPEG as _JPEG
from .pixels import on_black, quantise
from .png.format import PNG as _PNG
from .webp import WEBP as _WEBP

# What the Dream pack writes.
QUALITY = 95


class EncodedFrame(NamedTuple):
    """The bytes of one file, how many values were NaN and became 0, and whether transparency was lost (put on black)."""

    data: bytes
    nan_count: int
    flattened: bool


class FileType(str, Enum):
    """A value of the savers' `filetype` widget: (kind of file, samples, whether the workflow is embedded, is it lossy).

    Of the members of one kind, the first is what its extension asks for.
    """

    PNG_WITH_WORKFLOW = "png with embedded workflow", _PNG, np.uint8, True, False
    PNG = "png", _PNG, np.uint8, False, False
    JPG = "jpg", _JPEG, np.uint8, False, True
    PNG16_WITH_WORKFLOW = "png 16-bit with embedded workflow", _PNG, np.uint16, True, False
    PNG16 = "png 16-bit", _PNG, np.uint16, False, False
    WEBP_LOSSLESS = "webp lossless with embedded workflow", _WEBP, np.uint8, True, False
    WEBP_LOSSY = "webp lossy with embedded workflow", _WEBP, np.uint8, True, True
    EXR = "exr", _EXR, np.float32, False, False
    EXR_HALF = "exr 16-bit", _EXR, np.float16, False, False

    image_format: Format[Any]
    dtype: type[np.generic]  # of the file's samples
    embeds_workflow: bool
    is_lossy: bool

    def __new__(  # noqa: PYI034 typing.Self needs Python 3.11
        cls, label: str, image_format: Format[Any], dtype: type[np.generic], embeds_workflow: bool, is_lossy: bool
    ) -> FileType:
        member = str.__new__(cls, label)
        member._value_ = label
        member.image_format, member.dtype = image_format, dtype
        member.embeds_workflow, member.is_lossy = embeds_workflow, is_lossy
        return member

    @property
    def extension(self) -> str:
        return self.image_format.extensions[0]

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        """Why a file of this type cannot hold text under `keyword`, after `earlier` others; None if it can.

        None also where the text is not embedded at all.
        """
        return self.image_format.keyword_fault(keyword, earlier) if self.embeds_workflow else None

    def for_extension(self, extension: str) -> FileType:
        """The type that a file name's `extension` (".png", any case) asks for; this one where it leaves the choice.

        '' leaves everything to this type; an extension of this type's kind leaves the rest of it (bits, workflow, loss).
        Otherwise the workflow is embedded where it can be, and only ".jpg" loses anything. FileTypeError for an unknown one.
        """
        named = _BY_EXTENSION.get(extension.lower())
        if extension and named is None:
            raise FileTypeError(extension, _BY_EXTENSION)
        return self if named is None or named.image_format is self.image_format else named

    def encode_frame(
        self, image: torch.Tensor, text: Mapping[str, str], *, quality: int = QUALITY, threads: int = 1
    ) -> EncodedFrame:
        """One file. `image`: (H, W, C), C in 1..4, floating point, 0.0 .. 1.0 (EXR: any value); see `quantise`.

        `text`: the entries to embed, if this type does. `quality`: 1..100, of the types that are lossy. A picture with
        alpha is composited on black where files hold none, as every viewer shows a transparent frame. `threads`: how many
        may work on this file. ValueError for a picture that is too large for the format, or is none.
        """
        pixels, nan_count = quantise(image, self.dtype)
        flattened = False
        if pixels.shape[-1] in (2, 4) and not self.image_format.holds_alpha:
            pixels, flattened = on_black(pixels)
        data = self.image_format.encode(
            pixels, text if self.embeds_workflow else None, quality if self.is_lossy else None, threads
        )
        return EncodedFrame(data, nan_count, flattened)


_BY_EXTENSION = {
    extension: next(first for first in FileType if first.image_format is filetype.image_format)
    for filetype in FileType
    for extension in filetype.image_format.extensions
}
