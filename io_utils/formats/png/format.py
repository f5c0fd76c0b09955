"""The PNG format: connects the modules of this package to `Format`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import numpy as np

from .. import orientation
from ..base import IDENTITY, IDENTITY_BYTES, AnyPixels, Extent, Extras, Format, Header, Pixels, Stored
from . import decode, encode
from .decode import Ihdr


class _Png(Format[Ihdr]):
    name = "PNG"
    extensions = (".png",)
    signatures = (encode.SIGNATURE,)
    media_type = "image/png"
    depths = (np.uint8, np.uint16)
    channels = (1, 2, 3, 4)
    holds_text = True
    largest_side = encode.LARGEST_SIDE

    def is_foreign(self, start: bytes) -> bool:
        """Whether it is Apple's variety, whose first chunk is not IHDR: https://iphonedev.wiki/CgBI_file_format."""
        return start[12:16] == b"CgBI"

    def read_header(self, file: IO[bytes]) -> Header[Ihdr]:
        ihdr, exif, has_transparency = decode.read_header(file)
        has_alpha = ihdr.has_alpha or has_transparency
        stored = Stored(ihdr.colour_channels + has_alpha, ihdr.sample_bits)
        return Header((Extent(ihdr.width, ihdr.height),), ihdr, stored, has_alpha, orientation.of_exif(exif))

    def decode(self, data: bytes, header: Header[Ihdr], at_least: int | None = None) -> Pixels:
        return decode.decode_png(data, header.parsed)

    def read_identity(self, file: IO[bytes]) -> str | None:
        return decode.text_before_pixels(file.read(IDENTITY_BYTES), IDENTITY)

    def is_whole(self, file: IO[bytes]) -> bool:
        return decode.is_whole(file)

    def _encode(
        self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int, extras: Extras
    ) -> bytes:
        identity = {IDENTITY: extras.identity} if extras.identity else {}
        return encode.encode_png(pixels, identity | dict(text), threads=threads)

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        return encode.keyword_fault(keyword)


PNG = _Png()
