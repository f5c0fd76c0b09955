"""EXR files for the tests, by the OpenEXR package and OpenImageIO, or byte by byte where neither writes such files."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO

Planes = Mapping[str, np.ndarray]
Box = tuple[int, int, int, int]  # left, top, right, bottom, inclusive

# Of the compression attribute.
UNCOMPRESSED = 0
# Flags beside the version.
TILED, LONG_NAMES, NOT_AN_IMAGE, MULTI_PART = 0x200, 0x400, 0x800, 0x1000

_TYPES = {np.dtype("<u4"): 0, np.dtype("<f2"): 1, np.dtype("<f4"): 2}


def values(channels: int, height: int = 20, width: int = 13, dtype: Any = np.float32) -> np.ndarray:
    """(height, width, channels), many values outside 0..1, with a 0 and a very small and a large value."""
    pixels = np.random.default_rng(5).normal(0, 3, (height, width, channels)).astype(np.float32)
    pixels[0, 0] = 0
    pixels[-1, -1] = 1e-6
    pixels[0, -1] = 60000
    return pixels.astype(dtype)


def planes(names: str | Sequence[str], height: int = 20, width: int = 13, dtype: Any = np.float32) -> dict[str, Any]:
    pixels = values(len(names), height, width, dtype)
    return {name: np.ascontiguousarray(pixels[..., index]) for index, name in enumerate(names)}


def by_openexr(channels: Planes, **header: Any) -> bytes:
    """A file of one part. `header` may name the compression by its short name, such as "ZIP" or "NO"."""
    buffer = io.BytesIO()
    with OpenEXR.File(_header(header), dict(channels)) as file:
        file.write(buffer)
    return buffer.getvalue()


def of_parts(parts: Mapping[str, Planes], **header: Any) -> bytes:
    """A file of a scanline part for each item."""
    buffer = io.BytesIO()
    with OpenEXR.File([OpenEXR.Part(_header({**header, "name": name}), dict(parts[name])) for name in parts]) as file:
        file.write(buffer)
    return buffer.getvalue()


def _header(header: Mapping[str, Any]) -> dict[str, Any]:
    compression = header.get("compression", "ZIP")
    if isinstance(compression, str):
        compression = getattr(OpenEXR, f"{compression}_COMPRESSION")
    return {"type": OpenEXR.scanlineimage, **header, "compression": compression}


def tiled(levels: Any = OpenEXR.ONE_LEVEL) -> dict[str, Any]:
    """Header attributes for tiles of 16 x 8."""
    tiles = OpenEXR.TileDescription()
    tiles.xSize, tiles.ySize, tiles.mode = 16, 8, levels
    return {"type": OpenEXR.tiledimage, "tiles": tiles}


def read_by_openexr(data: bytes, part: int = 0) -> dict[str, np.ndarray]:
    with OpenEXR.File(io.BytesIO(data), separate_channels=True) as file:
        return {name: channel.pixels for name, channel in file.parts[part].channels.items()}


def header_by_openexr(data: bytes, part: int = 0) -> dict[str, Any]:
    with OpenEXR.File(io.BytesIO(data), separate_channels=True, header_only=True) as file:
        return dict(file.parts[part].header)  # closing the file empties it


def read_by_openimageio(path: Path, part: int = 0) -> dict[str, np.ndarray]:
    """The channels in the extent of the display window, 0 outside the data window. Raises OSError if it refuses."""
    file = OpenImageIO.ImageInput.open(str(path))
    if file is None:
        raise OSError(OpenImageIO.geterror())
    try:
        spec = file.spec(part, 0)
        if spec.deep:
            raise OSError("it is deep")
        pixels = file.read_image(part, 0, 0, spec.nchannels, "float")
        if pixels is None:
            raise OSError(file.geterror())
    finally:
        file.close()
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    shown = np.zeros((spec.full_height, spec.full_width, spec.nchannels), np.float32)
    covered = pixels.reshape(spec.height, spec.width, -1)
    covered = covered[max(0, -top) : max(0, spec.full_height - top), max(0, -left) : max(0, spec.full_width - left)]
    target = shown[max(0, top) :, max(0, left) :]
    target[: covered.shape[0], : covered.shape[1]] = covered
    return {name: shown[..., index] for index, name in enumerate(spec.channelnames)}


def attribute(name: str | bytes, kind: str, value: bytes) -> bytes:
    name = name.encode() if isinstance(name, str) else name
    return name + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value


def raw_header(
    channels: Mapping[str, tuple[np.dtype[Any], int, int]],
    data: Box,
    display: Box,
    *,
    flags: int = 0,
    compression: int = UNCOMPRESSED,
    more: bytes = b"",
) -> bytes:
    """The magic number and the header of a file of one part. `channels`: name -> dtype, x and y sampling."""
    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<IIii", _TYPES[dtype], 0, x, y)
        for name, (dtype, x, y) in sorted(channels.items())
    )
    return (
        b"v/1\x01"
        + struct.pack("<I", 2 | flags)
        + attribute("channels", "chlist", listed + b"\0")
        + attribute("compression", "compression", bytes([compression]))
        + attribute("dataWindow", "box2i", struct.pack("<4i", *data))
        + attribute("displayWindow", "box2i", struct.pack("<4i", *display))
        + attribute("lineOrder", "lineOrder", b"\0")
        + attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
        + attribute("screenWindowCenter", "v2f", bytes(8))
        + attribute("screenWindowWidth", "float", struct.pack("<f", 1))
        + more
        + b"\0"
    )


def raw(
    channels: Planes,
    data: Box | None = None,
    display: Box | None = None,
    sampling: Mapping[str, tuple[int, int]] | None = None,
    flags: int = 0,
    more: bytes = b"",
) -> bytes:
    """An uncompressed file. `sampling`: x and y sampling of channels; theirs are as much smaller."""
    steps = {name: (sampling or {}).get(name, (1, 1)) for name in channels}
    first = next(iter(channels))
    height, width = (np.array(channels[first].shape) * steps[first][::-1]).tolist()
    data = data or (0, 0, width - 1, height - 1)
    types = {name: (plane.dtype.newbyteorder("<"), *steps[name]) for name, plane in channels.items()}
    head = raw_header(types, data, display or data, flags=flags, more=more)
    chunks = []
    for row in range(data[1], data[3] + 1):
        contents = b"".join(
            channels[name][(row - data[1]) // steps[name][1]].tobytes()
            for name in sorted(channels)
            if row % steps[name][1] == 0
        )
        chunks.append(struct.pack("<iI", row, len(contents)) + contents)
    offsets = np.cumsum([len(head) + 8 * len(chunks), *map(len, chunks[:-1])])
    return head + struct.pack(f"<{len(chunks)}Q", *offsets) + b"".join(chunks)


class CountedFile(io.BytesIO):
    """A file in memory that counts the bytes that are read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found
