"""The file types that the savers offer, and the function that turns a picture into the bytes of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import torch

from ..colour.primaries import Chromaticities
from ..errors import FileTypeError
from .base import IDENTITY, LIT, Extras, Format, Plane
from .exr.format import EXR as _EXR
from .jpeg import JPEG as _JPEG
from .pixels import Convert, on_black, quantise
from .png.format import PNG as _PNG
from .webp import WEBP as _WEBP

# The default of the Dream pack.
QUALITY = 95


class EncodedFrame(NamedTuple):
    """The bytes of one file, and what was lost on the way."""

    data: bytes
    nan_count: int  # values that were NaN and became 0
    flattened: bool  # whether transparent pixels were composited on black


@dataclass(frozen=True)
class FileColour:
    """How the colour of an IMAGE becomes that of a file.

    convert: to the file's colour space; None if nothing changes.
    chromaticities: what the file says about its colour, if that is linear light.
    is_as_stored: whether the numbers are written untouched, not even multiplied by alpha.
    """

    convert: Convert | None = None
    chromaticities: Chromaticities | None = None
    is_as_stored: bool = False


class FrameLayer(NamedTuple):
    """A layer of one frame: (height, width, 1 to 4 channels), floating point. Data, unless `is_color`."""

    name: str
    image: torch.Tensor
    is_color: bool = False


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
    EXR_WITH_WORKFLOW = "exr with embedded workflow", _EXR, np.float32, True, False
    EXR_HALF_WITH_WORKFLOW = "exr 16-bit with embedded workflow", _EXR, np.float16, True, False

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
        if not self.embeds_workflow:
            return None
        return "is this pack's own" if keyword == IDENTITY else self.image_format.keyword_fault(keyword, earlier)

    @staticmethod
    def of_extension(extension: str) -> FileType:
        """The first type for file names with `extension` (".png", in any case).

        It embeds the workflow if it is PNG or WebP; only ".jpg" is lossy. Raises FileTypeError if the extension is unknown.
        """
        if extension.lower() not in _BY_EXTENSION:
            raise FileTypeError(extension, _BY_EXTENSION)
        return _BY_EXTENSION[extension.lower()]

    def encode_frame(
        self,
        image: torch.Tensor,
        text: Mapping[str, str],
        *,
        quality: int = QUALITY,
        threads: int = 1,
        mask: torch.Tensor | None = None,
        colour: FileColour | None = None,
        layers: Sequence[FrameLayer] = (),
        extras: Extras | None = None,
    ) -> EncodedFrame:
        """Encode one frame of an IMAGE tensor.

        image: (height, width, 1 to 4 channels), floating point, 0.0 to 1.0 (EXR: any value); see `quantise`. If the format
            has no alpha, the picture is composited on black, as viewers show transparent frames.
        text: keyword -> string; embedded only if the type embeds the workflow
        quality: 1 to 100; used only by lossy types
        threads: how many threads may work on this file
        mask: (height, width); alpha becomes 1 - mask, in place of the image's own
        colour: the conversion to the file's colour space; without one, colour is written as it is, but multiplied by alpha
            where the format requires it
        layers: images to be written beside the picture, in the same extent. Data are float32 in every floating-point file,
            because depths and positions need more than the 11 bits of half.
        extras: the rest of `Extras`: compression, attributes, number, frame rate and identity

        Raises ValueError for another shape or dtype, and for what the format cannot hold.
        """
        colour, extras = colour or FileColour(), extras or Extras()
        associate = self.image_format.associates_alpha and not colour.is_as_stored
        lit = extras.attributes.get(LIT)
        pixels, nan_count = quantise(image, self.dtype, mask=mask, convert=colour.convert, associate=associate, lit=lit)
        flattened = False
        if pixels.shape[-1] in (2, 4) and not self.image_format.holds_alpha:
            pixels, flattened = on_black(pixels)
        planes = []
        for layer in layers:
            if layer.is_color:
                plane, nans = quantise(layer.image, self.dtype, convert=colour.convert, associate=associate)
            else:
                plane, nans = quantise(layer.image, np.float32)
            planes.append(Plane(layer.name, plane, layer.is_color))
            nan_count += nans
        data = self.image_format.encode(
            pixels,
            text if self.embeds_workflow else None,
            quality if self.is_lossy else None,
            threads,
            replace(
                extras,
                chromaticities=colour.chromaticities,
                layers=tuple(planes),
                attributes={name: value for name, value in extras.attributes.items() if name != LIT},
                is_as_stored=colour.is_as_stored,
            ),
        )
        return EncodedFrame(data, nan_count, flattened)


_BY_EXTENSION = {
    extension: next(first for first in FileType if first.image_format is filetype.image_format)
    for filetype in FileType
    for extension in filetype.image_format.extensions
}
