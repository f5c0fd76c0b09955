"""FrameColour: which layer of the files is loaded, and how its colour becomes that of an IMAGE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..colour.spaces import (
    AS_STORED,
    AUTOMATIC,
    IMAGE_COLOR_SPACES,
    SRGB,
    ColorSpace,
    color_space,
    conversion,
    file_color_spaces,
)
from ..errors import OptionError
from ..formats.base import Header
from ..formats.pixels import Convert
from ..request import limited


@dataclass(frozen=True)
class FrameColour:
    """The settings of a loader. The defaults load the picture, and give the sRGB-encoded values of an IMAGE.

    layer: "" is the picture.
    image_color_space: a name in `IMAGE_COLOR_SPACES`.
    file_color_space: a name in `file_color_spaces()`. "automatic" is what the format means by convention: linear light in
        EXR, with the file's own chromaticities, and sRGB in all others. "as stored" loads the numbers untouched.

    Raises OptionError for an unknown colour space of the images, ColorSpaceError for one of the file, and ColorConfigError.
    """

    layer: str = ""
    image_color_space: str = SRGB.name
    file_color_space: str = AUTOMATIC

    def __post_init__(self) -> None:
        if self.image_color_space not in IMAGE_COLOR_SPACES:
            raise OptionError("image_color_space", self.image_color_space, IMAGE_COLOR_SPACES)
        if self.file_color_space not in (AUTOMATIC, AS_STORED):
            color_space(self.file_color_space)

    def conversion(self, header: Header[Any]) -> tuple[Convert | None, bool]:
        """The conversion of the colour of a file (None: there is nothing to convert), and whether it is divided by alpha first.

        Data, such as depth and normals, and everything that is loaded as stored, keep their numbers. Raises
        ChromaticitiesError, and ColorConfigError.
        """
        if self.is_as_stored or not header.is_color:
            return None, False
        return conversion(self._file(header), self._image), header.alpha_is_associated

    @property
    def is_as_stored(self) -> bool:
        return self.file_color_space == AS_STORED

    @cached_property
    def _image(self) -> ColorSpace:
        return color_space(self.image_color_space)

    def _file(self, header: Header[Any]) -> ColorSpace:
        if self.file_color_space != AUTOMATIC:
            return color_space(self.file_color_space)
        return ColorSpace.of_file(header.chromaticities)


@dataclass(frozen=True, kw_only=True)
class ColourRequest:
    """The inputs of every loader that say what is loaded of a file."""

    layer: str = ""
    image_color_space: str = limited(SRGB.name, options=lambda: IMAGE_COLOR_SPACES)
    file_color_space: str = limited(AUTOMATIC, options=file_color_spaces)

    @property
    def colour(self) -> FrameColour:
        """What the inputs say. Raises what `FrameColour` raises."""
        return FrameColour(self.layer.strip(), self.image_color_space, self.file_color_space)
