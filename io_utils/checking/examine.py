"""Looks into one frame's file: is it whole, what is it, which graph made it, and what is in its pixels?"""

from __future__ import annotations

import hashlib
import os
from enum import Enum
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ..errors import BrokenImageError, MissingPackageError, UnknownLayerError, UnsupportedFileError
from ..formats import registry
from ..formats.base import Extent, Header, State, Stored
from ..formats.open_file import open_regular
from ..frame_identity import FrameIdentity
from .budget import Budget

# Lossy files hold black as 0 or 1 of 255, and so do fades. In linear light, the sRGB curve makes 1 of 255 of 1/12.92 of that.
_BLACK = 1 / 255
_LINEAR_BLACK = _BLACK / 12.92


class Damage(str, Enum):
    """Why the picture of a frame cannot be used."""

    MISSING = "missing"
    TORN = "torn"
    FOREIGN = "foreign"
    BROKEN = "broken"
    UNREAD = "unread"

    @property
    def must_be_rendered(self) -> bool:
        """False if the file may be good, and only this machine cannot say."""
        return self is not Damage.UNREAD


class Fault(NamedTuple):
    """reason: a clause about "it"; remedy: a clause; both without a full stop, and empty if `damage` says it all."""

    damage: Damage
    reason: str = ""
    remedy: str = ""


class Picture(NamedTuple):
    """What the header says. Equal in all frames of a good sequence."""

    format: str
    extent: Extent
    stored: Stored


class Content(NamedTuple):
    """What is in the pixels. digest: of the decoded pixels as they are stored."""

    digest: bytes
    is_finite: bool
    is_black: bool
    is_transparent: bool


class Examined(NamedTuple):
    """What one look into a file has found. `content` is None if the file was not decoded."""

    fault: Fault | None = None
    picture: Picture | None = None
    identity: FrameIdentity | None = None
    content: Content | None = None


def examine(path: Path, budget: Budget | None = None) -> Examined:
    """Look into the file of a frame, once: its beginning and its end. With a `budget` of memory, decode it.

    Raises nothing for what is in the file, or for what the system says about it.
    """
    try:
        with open_regular(path) as file:
            return _examine(file, budget)
    except (FileNotFoundError, NotADirectoryError):  # it was there when the folder was listed
        return Examined(Fault(Damage.MISSING))
    except PermissionError as error:
        reason = f"the system does not let this program read it ({error.strerror})"
        return Examined(Fault(Damage.UNREAD, reason, "let it read the file, and check again"))
    except OSError as error:
        return Examined(Fault(Damage.UNREAD, f"the disk fails ({error.strerror or error})", "check the disk"))
    except MemoryError:
        return Examined(Fault(Damage.UNREAD, "it does not fit into the memory that is free", "close other programs"))


def _examine(file: IO[bytes], budget: Budget | None) -> Examined:
    identity = FrameIdentity.parse(registry.read_identity(file))
    state = registry.state(file)
    if state is State.TORN:
        return Examined(Fault(Damage.TORN))
    try:
        layer = ""
        try:
            header = registry.read_header(file)
        except UnknownLayerError as error:  # only layers, no picture: the first stands for all
            if not error.available:
                raise
            layer = error.available[0]
            header = registry.read_header(file, layer=layer)
        picture = Picture(registry.name_of(file), header.extent, header.stored)
        content = None
        if budget:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            with budget.taking(size + _memory_for(header)):
                content = _content(registry.decode_as_stored(file.read(), layer))
    except MissingPackageError as error:
        return Examined(Fault(Damage.UNREAD, error.reason, error.remedy))
    except UnsupportedFileError as error:
        return Examined(Fault(Damage.FOREIGN, error.reason))
    except BrokenImageError as error:
        return Examined(Fault(Damage.FOREIGN if state is State.FOREIGN else Damage.BROKEN, str(error)))
    return Examined(None, picture, identity, content)


def _memory_for(header: Header[Any]) -> int:
    """Bytes that decoding takes: the pixels, and the decoder's own copy."""
    stored = header.stored
    sample = 4 if stored.is_float or stored.bits > 16 else 2 if stored.bits > 8 else 1
    return 2 * sample * header.planes * header.extent.pixel_count


def _content(picture: registry.Picture) -> Content:
    pixels = np.ascontiguousarray(picture.pixels)
    digest = hashlib.blake2b(f"{pixels.dtype.str} {pixels.shape} ".encode(), digest_size=16)
    digest.update(pixels.data)
    is_finite = pixels.dtype.kind != "f" or bool(np.isfinite(pixels).all())
    is_black, is_transparent = _darkness(picture, pixels)
    return Content(digest.digest(), is_finite, is_black, is_transparent)


def _darkness(picture: registry.Picture, pixels: np.ndarray) -> tuple[bool, bool]:
    """(whether nothing is brighter than black, whether alpha is 0 everywhere and nothing shines through it).

    Colour where alpha is 0 shows only if it is multiplied by alpha already, as that of fire is in EXR files.
    """
    header = picture.header
    limit = _BLACK if header.chromaticities is None else _LINEAR_BLACK
    if pixels.dtype.kind != "f":
        limit = int(np.iinfo(pixels.dtype).max) // 255

    def is_dark(pixels: np.ndarray) -> bool:
        if pixels.shape[2] not in (2, 4):
            return bool((pixels <= limit).all())
        is_shown = pixels[..., :-1] > limit
        if not header.alpha_is_associated:
            is_shown &= pixels[..., -1:] > 0
        return not is_shown.any() and not np.isnan(pixels).any()

    # Nearly all frames are told by one pixel of 256.
    is_black = is_dark(pixels[::16, ::16]) and is_dark(pixels)
    has_alpha = pixels.shape[2] in (2, 4)
    return is_black, is_black and has_alpha and not (pixels[..., -1] > 0).any()
