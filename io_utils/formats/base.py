"""What every kind of image file has in common: the contract `Format`, and the values that pass through it.

To add a kind of file: write a module with a subclass of `Format`, and put its one instance into `registry.FORMATS`. If the
savers are to write it, add a member to `file_type.FileType`. Nothing else lists kinds of files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .orientation import UPRIGHT, is_sideways

# (height, width, channels), 1 to 4 channels: grey, grey and alpha, RGB, RGBA. Alpha is not premultiplied.
Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]


class State(Enum):
    """What a file is: a whole image, one that is cut off, or something that this pack does not read."""

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
        """The extent of the upright picture, if this is that of the stored one."""
        return Extent(self.height, self.width) if is_sideways(orientation) else self


Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Header(Generic[Parsed]):
    """What a file says of its picture before it is decoded.

    `allocated`: every extent that decoding takes memory for, as stored; that of the picture comes first. `parsed` is the
    format's own header, so that decoding does not parse it again. `may_have_alpha` is False only where that is certain.
    """

    allocated: tuple[Extent, ...]
    parsed: Parsed
    may_have_alpha: bool = True
    orientation: int = UPRIGHT  # as in EXIF, 1 to 8

    @property
    def extent(self) -> Extent:
        """Of the upright picture."""
        return self.allocated[0].turned(self.orientation)


class Format(ABC, Generic[Parsed]):
    """One kind of image file. It has one instance, in `registry.FORMATS`.

    The methods that read raise ValueError, best with the reason as a clause about "it" (the file), and UnreadKindError for
    a variety that is not read. `registry` turns whatever they raise into BrokenImageError, applies the orientation, and
    refuses pictures that are too large.
    """

    name: str  # as users know it
    extensions: tuple[str, ...]  # in lower case, with the dot; files are written with the first
    signatures: tuple[bytes, ...]  # how such a file begins
    media_type: str | None = None  # None if browsers do not show such files
    depths: tuple[type[np.generic], ...] = ()  # of samples that are written; none: such files are only read
    channels: tuple[int, ...] = ()  # numbers of channels that are written
    holds_text: bool = False
    largest_side: int  # in pixels

    @property
    def is_written(self) -> bool:
        return bool(self.depths)

    @property
    def holds_alpha(self) -> bool:
        """Can a file that is written have alpha?"""
        return bool({2, 4} & set(self.channels))

    def matches(self, start: bytes) -> bool:
        """Is a file with these first 32 bytes of this kind?"""
        return start.startswith(self.signatures)

    def is_beginning(self, start: bytes) -> bool:
        """Are these bytes, all that a file has, too few to tell, but the first ones of such a file?"""
        return any(signature.startswith(start) for signature in self.signatures)

    def is_foreign(self, start: bytes) -> bool:
        """Is a file that `matches`, and is not whole, of another make, rather than a torn file of this kind?"""
        return False

    @abstractmethod
    def read_header(self, file: IO[bytes]) -> Header[Parsed]:
        """By as little of the file as that takes. It stays open as long as `Header.parsed` is used."""

    @abstractmethod
    def decode(self, data: bytes, header: Header[Parsed], at_least: int | None = None) -> Pixels:
        """All pixels of the file `data`, whose header is `header`, as stored: not turned.

        With `at_least`, what can be shrunk while it is decoded may be smaller, its longest side at least that long.
        """

    @abstractmethod
    def is_whole(self, file: IO[bytes]) -> bool:
        """Does the file reach to the picture's own end? By the rule by which `decode` finds that end, but cheaper."""

    def encode(
        self,
        pixels: NDArray[Any],
        text: Mapping[str, str] | None = None,
        quality: int | None = None,
        threads: int = 1,
    ) -> bytes:
        """The bytes of one file. `pixels`: (height, width, 1 to 4 channels) of one of `depths`, alpha not premultiplied.

        Grey becomes colour where files have no grey. `text`: keyword -> string, to embed. `quality`: 1 to 100; None for
        no loss. `threads`: how many may work on it. ValueError for what files of this kind cannot hold.
        """
        if pixels.dtype not in self.depths:
            raise ValueError(f"{self.name} files are not written with samples of {pixels.dtype}.")
        extent = Extent(pixels.shape[1], pixels.shape[0])
        if max(extent) > self.largest_side:
            raise ValueError(
                f"{self.name} pictures have at most {self.largest_side} pixels per side, this one is {extent}. "
                f"Choose PNG or EXR."
            )
        channels = pixels.shape[-1]
        if channels in (2, 4) and not self.holds_alpha:
            raise ValueError(f"{self.name} files have no alpha.")
        if text and not self.holds_text:
            raise ValueError(f"{self.name} files hold no text.")
        if channels not in self.channels:
            pixels = pixels[..., [0, 0, 0, *range(1, channels)]]
        return self._encode(pixels, text or {}, quality, threads)

    def _encode(self, pixels: NDArray[Any], text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        """As `encode`, for pixels of one of `depths` and a number of channels in `channels`."""
        raise NotImplementedError

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        """Why a file cannot hold text under `keyword`, after `earlier` others, as the end of a sentence; None if it can."""
        return None if self.holds_text else "cannot be held"
