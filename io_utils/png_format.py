"""PNG as one of the kinds of file: `png` writes them, `png_decode` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from . import orientation, png, png_decode
from .base import Extent, Format, Header, Pixels
from .png_decode import Ihdr


class _Png(Format[Ihdr]):
    name = "PNG"
    extensions = (".png",)
    signatures = (png.SIGNATURE,)
    media_type = "image/png"
    depths = (np.uint8, np.uint16)
    channels = (1, 2, 3, 4)
    holds_text = True
    largest_side = png.LARGEST_SIDE

    def is_foreign(self, start: bytes) -> bool:
        """Apple's variety, whose first chunk is not IHDR: https://iphonedev.wiki/CgBI_file_format."""
        return start[12:16] == b"CgBI"

    def read_header(self, file: IO[bytes]) -> Header[Ihdr]:
        ihdr, exif, has_transparency = png_decode.read_header(file)
        return Header(
            (Extent(ihdr.width, ihdr.height),), ihdr, ihdr.has_alpha or has_transparency, orientation.of_exif(exif)
        )

    def decode(self, data: bytes, header: Header[Ihdr], at_least: int | None = None) -> Pixels:
        return png_decode.decode_png(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        return png_decode.is_whole(file)

    def _encode(self, pixels: NDArray[Any], text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        return png.encode_png(pixels, text, threads=threads)

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        return png.keyword_fault(keyword)


PNG = _Png()
