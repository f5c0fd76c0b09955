"""TIFF files of 16 bits and of floating point -> pixels. Those of 8 bits and less are Pillow's.

Pillow 13 keeps 8 bits of 16-bit colour and has no grey with alpha and no floating-point colour; FFmpeg shows broken tiles
as black. So libtiff, which Pillow brings, is shown the same strips or tiles as a picture of bytes, unpacks them exactly and
notices what is missing; what the bytes mean is said here. Section numbers: TIFF 6.0, Adobe, 1992.
"""

from __future__ import annotations

import io
import os
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # section 2; + is BigTIFF
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 317, 322, 323, 324, 325, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5  # sections 8 and 16
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # section 18
_UNSIGNED, _FLOAT = 1, 3  # section 19
_DTYPES = {(16, _UNSIGNED): "u2", (16, _FLOAT): "f2", (32, _FLOAT): "f4", (64, _FLOAT): "f8"}
_LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "ZSTD"}
_UNPREDICTED = (1, 32773)  # libtiff undoes predictors of the others only
_READ = frozenset({_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES})
_READ |= {_STRIP_ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA}
_READ |= {_FORMAT}
_MOST_BYTES = 2**30  # of a picture, all its channels included; 8K in four floats has half of it
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # BYTE, SHORT, LONG and BigTIFF's LONG8
_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3  # section 14 and Adobe's TIFF technical note 3


class Directory:
    """The first picture of a TIFF or BigTIFF file, as its tags describe it. ValueError if they are not all there.

    Read here: Pillow passes over tags that are cut off, and the picture then is another one.
    """

    def __init__(self, file: IO[bytes]) -> None:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16).ljust(16, b"\0")
        self.big_endian = head[:1] == b"M"
        order, big = ">" if self.big_endian else "<", b"+" in head[2:4]
        number, entry = ("Q", "HHQ8s") if big else ("I", "HHI4s")

        def require(form: str, at: int) -> int:
            size = struct.calcsize(order + form)
            if at + size > length:
                raise ValueError("it ends inside its directory of tags")
            return size

        def read(form: str, at: int) -> tuple[Any, ...]:
            size = require(form, at)
            file.seek(at)
            return struct.unpack(order + form, file.read(size))

        (start,) = struct.unpack_from(order + number, head, 8 if big else 4)
        (count,) = read("Q" if big else "H", start)
        start += 8 if big else 2
        size = struct.calcsize(order + entry)
        self._tags: dict[int, tuple[int, ...]] = {}
        for index in range(count):
            tag, kind, many, value = read(entry, start + index * size)
            if kind in _INTEGERS:
                form = f"{many}{_INTEGERS[kind]}"
                inline = struct.calcsize(order + form) <= len(value)
                at = start + (index + 1) * size - len(value) if inline else struct.unpack(order + number, value)[0]
                require(form, at)
                # 65 000 other tags may each have the whole file for their values: 0.2 MB of it would take 6 GB.
                if tag in _READ:
                    self._tags[tag] = read(form, at)

    def all(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        return self._tags.get(tag, default)

    def one(self, tag: int, default: int | None = None) -> int:
        values = self.all(tag) or (() if default is None else (default,))
        if not values:
            raise ValueError(f"its tag {tag} is missing")
        return values[0]

    @property
    def is_deep(self) -> bool:
        """More than 8 bits a sample, or floating point?"""
        return max(self.all(_BITS, (1,))) > 8

    @property
    def orientation(self) -> int:
        return self.one(_ORIENTATION, 1)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.one(_WIDTH), self.one(_HEIGHT)


def decode_tiff(data: bytes, directory: Directory) -> NDArray[Any]:
    """(H, W, C), C in 1..4, uint16 or float32, not turned; alpha is unassociated. ValueError for what cannot be read.

    `directory`: of `data`, deep. Extra channels that are not said to be alpha are left out.
    """
    dtype = _dtype(directory)
    colours = _COLOURS.get(directory.one(_PHOTOMETRIC))
    channels = directory.one(_SAMPLES, 1)
    if colours is None or channels < colours:
        raise ValueError(
            f"its colours are neither grey nor RGB (photometric interpretation {directory.one(_PHOTOMETRIC)})"
        )
    samples = _samples(data, directory, dtype, channels)
    if directory.one(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        if dtype.kind == "f":
            raise ValueError("it is an inverted picture in floating point")
        samples[..., :1] = np.iinfo(np.uint16).max - samples[..., :1]
    extra = directory.all(_EXTRA)
    alpha = next((i for i, kind in enumerate(extra, colours) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if alpha is None or alpha >= channels:
        return samples[..., :colours]
    pixels: NDArray[Any] = samples[..., [*range(colours), alpha]]
    return _unassociated(pixels) if extra[alpha - colours] == _ASSOCIATED else pixels


def _dtype(directory: Directory) -> np.dtype[Any]:
    bits, formats = set(directory.all(_BITS)), set(directory.all(_FORMAT, (_UNSIGNED,)))
    name = _DTYPES.get((bits.pop(), formats.pop())) if len(bits) == len(formats) == 1 else None
    if name is None:
        raise ValueError(
            f"its samples have {directory.all(_BITS)} bits of format {directory.all(_FORMAT, (_UNSIGNED,))}; "
            f"16 bits and floating point are read"
        )
    return np.dtype((">" if directory.big_endian else "<") + name)


def _samples(data: bytes, directory: Directory, dtype: np.dtype[Any], channels: int) -> NDArray[Any]:
    """(H, W, channels), the strips or tiles unpacked: uint16 or float32."""
    width, height = directory.size
    if directory.one(_PLANAR, 1) == 1:
        samples = _unpacked(data, directory, dtype, channels, slice(None))
    else:  # a plane a channel, their strips one plane after the other
        count = len(directory.all(_TILES) or directory.all(_STRIPS)) // channels
        planes = [slice(i * count, (i + 1) * count) for i in range(channels)]
        samples = np.concatenate([_unpacked(data, directory, dtype, 1, plane) for plane in planes], axis=-1)
    assert samples.shape == (height, width, channels)
    return samples.astype(np.uint16 if dtype.kind == "u" else np.float32)


def _unpacked(data: bytes, directory: Directory, dtype: np.dtype[Any], channels: int, plane: slice) -> NDArray[Any]:
    width, height = directory.size
    pixel = channels * dtype.itemsize
    tiled = bool(directory.all(_TILES))
    across = directory.one(_TILE_WIDTH) if tiled else width
    padded = -(-width // max(1, across)) * across  # rows of whole tiles: the float predictor spreads a value over them
    down = directory.one(_TILE_HEIGHT) if tiled else 1
    needed = padded * -(-height // max(1, down)) * down * directory.one(_SAMPLES, 1) * dtype.itemsize
    if needed > _MOST_BYTES:
        raise ValueError(f"its {width} x {height} pixels are {needed:,} bytes")
    compression, predictor = directory.one(_COMPRESSION, 1), directory.one(_PREDICTOR, _NO_PREDICTOR)
    if compression not in _LOSSLESS or predictor not in (_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES):
        raise ValueError(f"its compression {compression} with predictor {predictor} is not read")
    # Four bytes a pixel where they fit, which Pillow calls CMYK: of one byte a pixel, 4K in floating point is a bomb to it.
    fill_order = directory.one(_FILL_ORDER, 1)
    wide = 4 if across * pixel % 4 == 0 and fill_order == 1 else 1
    tags: dict[int, tuple[int, ...]] = {
        _WIDTH: (padded * pixel // wide,),
        _HEIGHT: (height,),
        _BITS: (8,) * wide,
        _COMPRESSION: (compression,),
        _PHOTOMETRIC: (_BLACK_IS_ZERO if wide == 1 else _CMYK,),
        _FILL_ORDER: (fill_order,),
        _SAMPLES: (wide,),
    }
    if tiled:
        tags |= {_TILE_WIDTH: (across * pixel // wide,), _TILE_HEIGHT: (directory.one(_TILE_HEIGHT),)}
        tags |= {_TILES: directory.all(_TILES)[plane], _TILE_BYTES: directory.all(_TILE_BYTES)[plane]}
    else:
        tags |= {_STRIP_ROWS: (min(directory.one(_STRIP_ROWS, height), height),)}
        tags |= {_STRIPS: directory.all(_STRIPS)[plane], _STRIP_BYTES: directory.all(_STRIP_BYTES)[plane]}
    with Image.open(io.BytesIO(_with_directory(data, tags, directory.big_endian))) as image:
        stored = np.asarray(image).reshape(height, -1)
    if predictor == _NO_PREDICTOR or compression in _UNPREDICTED:
        return stored.view(dtype).reshape(height, padded, channels)[:, :width]
    parts = [
        _added_up(np.ascontiguousarray(stored[:, left * pixel : (left + across) * pixel]), dtype, channels, predictor)
        for left in range(0, padded, across)
    ]
    return np.concatenate(parts, axis=1)[:, :width]


def _added_up(stored: NDArray[np.uint8], dtype: np.dtype[Any], channels: int, predictor: int) -> NDArray[Any]:
    """Rows of differences -> samples, (H, W, channels)."""
    height = len(stored)
    if predictor == _DIFFERENCES:
        numbers = stored.view(dtype.str.replace("f", "u")).reshape(height, -1, channels)
        summed = np.cumsum(numbers, axis=1, dtype=numbers.dtype.newbyteorder("="))
        return summed.view(dtype.newbyteorder("="))
    # The bytes of a row by significance, the most significant ones of all its samples first.
    summed = np.cumsum(stored.reshape(height, -1, channels), axis=1, dtype=np.uint8).reshape(height, dtype.itemsize, -1)
    values = np.ascontiguousarray(summed.swapaxes(1, 2)).view(dtype.newbyteorder(">"))
    return values.reshape(height, -1, channels)


def _with_directory(data: bytes, tags: dict[int, tuple[int, ...]], big_endian: bool) -> bytes:
    """The file with these tags, all LONG, for its only directory (section 2)."""
    order = ">" if big_endian else "<"
    start = len(data) + len(data) % 2
    behind = start + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > 4:
            packed, values = struct.pack(f"{order}I", behind + len(values)), values + packed
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", start)
    count = struct.pack(f"{order}H", len(tags))
    return b"".join((head, data[8:], bytes(start - len(data)), count, entries, bytes(4), values))


def _unassociated(pixels: NDArray[Any]) -> NDArray[Any]:
    """Colour that was multiplied by alpha, divided by it again; black where alpha is 0."""
    alpha = pixels[..., -1:].astype(np.float64)
    whole = pixels.dtype.kind == "u"
    largest = float(np.iinfo(np.uint16).max) if whole else 1.0
    colour = np.divide(pixels[..., :-1] * largest, alpha, out=np.zeros(pixels[..., :-1].shape), where=alpha != 0)
    if whole:
        colour = np.clip(np.rint(colour), 0, largest)
    return np.concatenate([colour, alpha], axis=-1).astype(pixels.dtype)
