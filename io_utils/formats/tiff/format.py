"""The TIFF format: connects the modules of this package to `Format`. TIFF is read, not written."""

from __future__ import annotations

from typing import IO

from ..base import Format, Header, Pixels
from .blocks import Blocks
from .decode import decode_tiff, stored_as
from .directory import Directory
from .support import require_supported


class _Tiff(Format[Directory]):
    name = "TIFF"
    extensions = (".tif", ".tiff")
    signatures = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0, section 2; + is BigTIFF
    largest_side = 2**32 - 1  # ImageWidth and ImageLength are LONG, section 8

    def read_header(self, file: IO[bytes]) -> Header[Directory]:
        directory = Directory(file)
        require_supported(directory)
        has_alpha = directory.alpha_channel is not None
        return Header((directory.extent,), directory, stored_as(directory), has_alpha, directory.orientation)

    def decode(self, data: bytes, header: Header[Directory], at_least: int | None = None) -> Pixels:
        return decode_tiff(data, header.parsed)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether all strips or tiles that the directory lists lie inside the file. Nothing is decoded."""
        try:
            Blocks.of(Directory(file))
        except ValueError:
            return False
        return True


TIFF = _Tiff()
