"""The file types that the savers offer, and the function that turns a picture into the bytes of a file."""

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

# The default of the Dream pack.
QUALITY = 95


class EncodedFrame(NamedTuple):
    """The bytes of one file, and what was lost on the way."""

    data: bytes
    nan_count: int  # values that were NaN and became 0
    flattened: bool  # whether transparent pixels were composited on black


class FileType(str, Enum):
    """A value of the savers' `filetype` widget: label, format, sample dtype, embeds the workflow, is lossy.

    A file name's extension selects the first member with that format.
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
        """Why a file of this type cannot hold text under `keyword` after `earlier` other keywords, or None.

        None as well if this type does not embed text.
        """
        return self.image_format.keyword_fault(keyword, earlier) if self.embeds_workflow else None

    def for_extension(self, extension: str) -> FileType:
        """The type for a file name with `extension` (".png", in any case), where this type is chosen in the widget.

        This type for '' and for an extension of its own format. For another extension the first type with that format,
        which embeds the workflow if the format can hold it; only ".jpg" is lossy. Raises FileTypeError if it is unknown.
        """
        named = _BY_EXTENSION.get(extension.lower())
        if extension and named is None:
            raise FileTypeError(extension, _BY_EXTENSION)
        return self if named is None or named.image_format is self.image_format else named

    def encode_frame(
        self, image: torch.Tensor, text: Mapping[str, str], *, quality: int = QUALITY, threads: int = 1
    ) -> EncodedFrame:
        """Encode one frame of an IMAGE tensor.

        image: (height, width, 1 to 4 channels), floating point, 0.0 to 1.0 (EXR: any value); see `quantise`. If the format
            has no alpha, the picture is composited on black, as viewers show transparent frames.
        text: keyword -> string; embedded only if the type embeds the workflow
        quality: 1 to 100; used only by lossy types
        threads: how many threads may work on this file

        Raises ValueError for another shape or dtype, and for a picture that is too large for the format.
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
