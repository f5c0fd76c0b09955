"""What all image file formats have in common: the contract `Format`, and the values that pass through it.

To add a format: write a module with a subclass of `Format`, and add its one instance to `registry.FORMATS`. If the savers
should write it, add a member to `file_type.FileType`. No other module lists formats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..colour.primaries import Chromaticities
from ..errors import UnknownLayerError
from .orientation import UPRIGHT, is_sideways

# Decoded: (height, width, channels), 1 to 4 channels: grey, grey and alpha, RGB, RGBA. Alpha is unassociated unless
# `Header.alpha_is_associated`.
Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
# To be encoded: the same, or float16.
AnyPixels = NDArray[Any]
# The same shape with the values of a file: unsigned integers of any depth, or floating point of 16, 32 or 64 bits.
Samples = NDArray[Any]
# Bytes, in a shape that the function's docstring gives; often the rows of a picture: (height, bytes of a row).
ByteArray = NDArray[np.uint8]


class State(Enum):
    """What a file is: a complete image, a truncated one, or something that this pack does not read."""

    WHOLE = "whole"
    TORN = "torn"
    FOREIGN = "foreign"


class Extent(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"

    @property
    def pixel_count(self) -> int:
        return self.width * self.height

    def turned(self, orientation: int) -> Extent:
        """The extent after the EXIF orientation is applied to a picture of this extent."""
        return Extent(self.height, self.width) if is_sideways(orientation) else self


class Stored(NamedTuple):
    """How a file stores its picture: the number of channels that `decode` returns, and the bits of each sample."""

    channels: int
    bits: int
    is_float: bool = False


Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Header(Generic[Parsed]):
    """What a file says about its picture, or about one of its layers, before it is decoded.

    allocated: every extent for which decoding takes memory, before the orientation is applied; the first is the picture's.
    parsed: the format's own header, so that decoding does not parse it again.
    stored: channels and bits of the picture; palettes count as the colours that they stand for.
    may_have_alpha: False only if the picture certainly has no alpha.
    orientation: the EXIF orientation, 1 to 8.
    planes: how many samples per pixel decoding takes memory for, of `allocated[0]`.
    alpha_is_associated: whether `decode` returns colour that is multiplied by alpha.
    is_color: False for data, such as depth and normals, whose numbers have no colour space.
    chromaticities: of linear light; None if colour is sRGB-encoded, by the convention of the format.
    attributes: what else the header says, name -> value, in the types of the format's library. Not what is about storage.
    color_attributes: what the header says about the colour of the pixels as they are stored.
    """

    allocated: tuple[Extent, ...]
    parsed: Parsed
    stored: Stored
    may_have_alpha: bool = True
    orientation: int = UPRIGHT
    planes: int = 4
    alpha_is_associated: bool = False
    is_color: bool = True
    chromaticities: Chromaticities | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    color_attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def extent(self) -> Extent:
        """The extent of the upright picture."""
        return self.allocated[0].turned(self.orientation)


# Among the attributes of a loaded frame: what `pixels.dequantise` says about its light where alpha is 0. Not for files.
LIT = "imageSequence.lit"


# The keyword of the text that says which graph made a file, and, except in EXR, how much of the file may precede its end.
IDENTITY = "image_sequence"
IDENTITY_BYTES = 1 << 16


class Plane(NamedTuple):
    """A layer to be encoded beside the picture. `pixels` are (height, width, 1 to 4 channels), float32 or float16."""

    name: str
    pixels: AnyPixels
    is_color: bool = False


@dataclass(frozen=True)
class Extras:
    """What only some formats hold beside the picture. The others ignore all but the layers, which they refuse.

    compression: a value of `Format.compressions`, or None for the format's default.
    chromaticities: of the written colour, if it is linear light.
    layers: further images, with the extent of the picture.
    attributes: header attributes, name -> value. Those that the format cannot hold are left out.
    is_as_stored: whether the pixels are written as they are, so that `attributes` may also say what their colour is.
    number, frame_rate: of the frame, for the header. Time code and rate in `attributes` take precedence.
    identity: which graph made the frame; every format holds it, under `IDENTITY`, before all other text.
    """

    compression: str | None = None
    chromaticities: Chromaticities | None = None
    layers: tuple[Plane, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_as_stored: bool = False
    number: int | None = None
    frame_rate: float | None = None
    identity: str | None = None


class Format(ABC, Generic[Parsed]):
    """One image file format. Each has a single instance, in `registry.FORMATS`.

    Methods that read raise ValueError for files that they cannot read, preferably with the reason as a clause about "it"
    (the file), and UnsupportedFileError for varieties that are not supported. `registry` turns all exceptions into
    BrokenImageError, applies the orientation, and refuses pictures that are too large.
    """

    name: str  # as users know it
    extensions: tuple[str, ...]  # lower case, with the dot; new files get the first
    signatures: tuple[bytes, ...]  # the first bytes of such files; if there are none, override `matches`
    media_type: str | None = None  # None if browsers cannot show such files
    depths: tuple[type[np.generic], ...] = ()  # dtypes that can be written; empty if the format is only read
    channels: tuple[int, ...] = ()  # numbers of channels that can be written
    holds_text: bool = False
    holds_layers: bool = False
    is_linear: bool = False  # scene-linear by convention: pictures are shown through the display curve
    associates_alpha: bool = False  # colour is written multiplied by alpha
    compressions: tuple[str, ...] = ()  # the values of `Extras.compression`, the default first
    largest_side: int  # in pixels

    @property
    def is_written(self) -> bool:
        return bool(self.depths)

    @property
    def holds_alpha(self) -> bool:
        """Whether files can be written with alpha."""
        return bool({2, 4} & set(self.channels))

    def require_library(self) -> None:
        """Raise MissingPackageError if files of this format need a package that is not installed."""

    def matches(self, start: bytes) -> bool:
        """Whether a file with these first 32 bytes has this format."""
        return start.startswith(self.signatures)

    def is_beginning(self, start: bytes) -> bool:
        """Whether these bytes, a whole file, are an incomplete signature of this format."""
        return any(signature.startswith(start) for signature in self.signatures)

    def is_foreign(self, start: bytes) -> bool:
        """Whether an incomplete file that `matches` has another format with the same signature."""
        return False

    @abstractmethod
    def read_header(self, file: IO[bytes]) -> Header[Parsed]:
        """Read as little of the file as the header requires. `file` stays open as long as `Header.parsed` is used."""

    def read_layer_header(self, file: IO[bytes], layer: str) -> Header[Parsed]:
        """Like `read_header`, for the layer that is called `layer`. Raises UnknownLayerError."""
        raise UnknownLayerError(layer, (), f"{self.name} files have no layers")

    @abstractmethod
    def decode(self, data: bytes, header: Header[Parsed], at_least: int | None = None) -> Pixels:
        """Decode a whole file, whose header is `header`. The orientation is not applied.

        With `at_least`, decoders that can scale down may return a smaller picture whose longest side is at least that
        many pixels.
        """

    def read_text(self, file: IO[bytes]) -> dict[str, str]:
        """The text embedded in a file: keyword -> string. Empty for formats whose text this pack does not read."""
        return {}

    def read_identity(self, file: IO[bytes]) -> str | None:
        """The text under `IDENTITY` of a file that stands at its beginning; None if it is not where this pack writes it.

        May raise for damaged files.
        """
        return None

    @abstractmethod
    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether the file reaches the end of its picture, which is where `decode` finds it. Cheaper than decoding."""

    def encode(
        self,
        pixels: AnyPixels,
        text: Mapping[str, str] | None = None,
        quality: int | None = None,
        threads: int = 1,
        extras: Extras | None = None,
    ) -> bytes:
        """Return `pixels` as the bytes of a file.

        pixels: (height, width, 1 to 4 channels), one of `depths`. Grey is repeated as RGB if the format has no grey. Alpha
            is written as it is, with the colour as it is: unassociated, but associated in the formats that say so.
        text: keyword -> string, to embed; not under `IDENTITY`
        quality: 1 to 100, or None for lossless
        threads: how many threads may work on this file
        extras: see `Extras`

        Raises ValueError for anything that the format cannot hold.
        """
        extras = extras or Extras()
        if pixels.dtype not in self.depths:
            raise ValueError(f"{self.name} files are not written with samples of {pixels.dtype}.")
        extent = Extent(pixels.shape[1], pixels.shape[0])
        if max(extent) > self.largest_side:
            raise ValueError(
                f"Make the image smaller, or choose PNG or EXR: {self.name} pictures have at most {self.largest_side} pixels per side, this one is "
                f"{extent}."
            )
        channels = pixels.shape[-1]
        if channels in (2, 4) and not self.holds_alpha:
            raise ValueError(f"{self.name} files have no alpha.")
        if text and not self.holds_text:
            raise ValueError(f"{self.name} files hold no text.")
        if extras.layers and not self.holds_layers:
            raise ValueError(f"{self.name} files hold no layers.")
        if channels not in self.channels:
            pixels = pixels[..., [0, 0, 0, *range(1, channels)]]
        return self._encode(pixels, text or {}, quality, threads, extras)

    def _encode(
        self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int, extras: Extras
    ) -> bytes:
        """Like `encode`, but only for one of `depths` and a number of channels in `channels`."""
        raise NotImplementedError

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        """Why a file cannot hold text under `keyword` after `earlier` other keywords, as the end of a sentence, or None."""
        return None if self.holds_text else "cannot be held"
