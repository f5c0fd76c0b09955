"""Writes EXR files of one part: the picture, further layers, and attributes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base import AnyPixels, Extras
from . import library
from .layers import DATA_LAYERS_ATTRIBUTE
from .timing import attributes_of

LONGEST_NAME = 255  # bytes of the name of a channel or an attribute
# The names in the widget, and those of the package. HTJ2K, PXR24 and B44 are read, but few programs write them.
COMPRESSIONS = {
    "ZIP": "ZIP_COMPRESSION",
    "ZIPS": "ZIPS_COMPRESSION",
    "PIZ": "PIZ_COMPRESSION",
    "DWAA": "DWAA_COMPRESSION",
    "DWAB": "DWAB_COMPRESSION",
    "RLE": "RLE_COMPRESSION",
    "none": "NO_COMPRESSION",
}

# What a header says about the colour of the pixels as they are stored, beside the names that programs make up.
_ABOUT_COLOR = {"chromaticities", "adoptedNeutral", "whiteLuminance", "colorInteropID"}

_log = logging.getLogger(__name__)


def encode_exr(pixels: AnyPixels, text: Mapping[str, str], extras: Extras) -> bytes:
    """The bytes of an EXR file.

    pixels: (height, width, 1, 3 or 4 channels) float32 or float16, alpha associated. Grey is the channel Y.
    text: written as string attributes
    extras: layers are written as `layer_channels` says.

    Attributes and text that an EXR file cannot hold are left out, and one warning names them. They never replace
    what the file itself needs. Raises ValueError for layers whose channels have names of more than 255 bytes.
    """
    package = library.require()
    header: dict[str, Any] = {
        "compression": getattr(package, COMPRESSIONS[extras.compression or "ZIP"]),
        "type": package.scanlineimage,
    }
    if extras.chromaticities:
        header["chromaticities"] = tuple(float(value) for point in extras.chromaticities for value in point)
    if extras.layers:
        header[DATA_LAYERS_ATTRIBUTE] = "\n".join(layer.name for layer in extras.layers if not layer.is_color)
    channels: dict[str, Any] = {{1: "Y", 3: "RGB", 4: "RGBA"}[pixels.shape[-1]]: np.ascontiguousarray(pixels)}
    if pixels.shape[-1] == 1:
        channels["Y"] = channels["Y"][..., 0]
    for layer in extras.layers:
        names = layer_channels(layer.name, layer.pixels.shape[-1])
        channels |= {name: np.ascontiguousarray(layer.pixels[..., index]) for index, name in enumerate(names)}
    too_long = [name for name in channels if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME]
    if too_long:
        raise ValueError(f"EXR channels have names of up to {LONGEST_NAME} bytes, {too_long[0][:40]!r}... has more.")
    timing = {} if extras.number is None else attributes_of(extras.number, extras.frame_rate)
    carried = {str(name): value for name, value in extras.attributes.items()}
    if not extras.is_as_stored:
        carried = {name: value for name, value in carried.items() if not is_about_color(name)}
    # A plate keeps its time code and rate, but the counter is that of the file.
    counter = {name: value for name, value in timing.items() if name == "imageCounter"}
    optional = timing | carried | counter | dict(text)
    try:
        return library.write(optional | header, channels)
    except Exception:  # the package raises whatever its converters raise
        kept = {name: value for name, value in optional.items() if _can_write(name, value)}
        if len(kept) == len(optional):
            raise
    lost = ", ".join(repr(name) for name in optional if name not in kept)
    _log.warning("The EXR file is saved without these attributes, which it cannot hold: %s.", lost)
    return library.write(kept | header, channels)


def is_about_color(name: str) -> bool:
    """Whether an attribute is wrong once the pixels are converted: chromaticities, oiio:ColorSpace, arnold/color_space."""
    return name in _ABOUT_COLOR or re.sub("[^a-z]", "", name.lower()).endswith(("colorspace", "colourspace"))


def layer_channels(name: str, count: int) -> Sequence[str]:
    """The names of the 1 to 4 channels of the layer `name`: Z, name.Z, name.R name.G name.B, and name.A for alpha."""
    if count == 1:
        return [name] if name == "Z" else [f"{name}.Z"]
    return [f"{name}.{channel}" for channel in {2: "YA", 3: "RGB", 4: "RGBA"}[count]]


def _can_write(name: str, value: Any) -> bool:
    """Whether a file can have this attribute beside those that every file has. Takes 0.1 ms."""
    try:
        library.write({name: value}, {"Y": np.zeros((1, 1), np.float16)})
    except Exception:  # the package raises whatever its converters raise
        return False
    return True
