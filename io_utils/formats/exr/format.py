"""The EXR format: connects the modules of this package to `Format`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from ...colour.primaries import REC709, Chromaticities
from ..base import IDENTITY, AnyPixels, Extras, Format, Header, Pixels, Stored
from . import layout, library
from .encode import COMPRESSIONS, LONGEST_NAME, encode_exr, is_about_color
from .layers import DATA_LAYERS_ATTRIBUTE, Layer, PartChannels, find
from .picture import Window, count_of_channels, image_of

# Attributes about how a file stores its pixels, and those that describe these very pixels. A file that is made from them
# gets its own: https://openexr.com/en/latest/StandardAttributes.html
_STORAGE = frozenset(
    [
        "channels",
        "chunkCount",
        "compression",
        "dataWindow",
        "displayWindow",
        "dwaCompressionLevel",
        "lineOrder",
        "maxSamplesPerPixel",
        "multiView",
        "name",
        "preview",
        "tiles",
        "type",
        "version",
        "view",
        "zipCompressionLevel",
    ]
)
_OWN = frozenset(["acesImageContainerFlag", "prompt", "workflow", IDENTITY, DATA_LAYERS_ATTRIBUTE])
# Attributes that have another type than text by the standard. Some programs refuse a file in which they are text.
_NOT_TEXT = frozenset(
    ["framesPerSecond", "imageCounter", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth", "timeCode"]
)


@dataclass(frozen=True)
class ExrHeader:
    """The header of the part that holds `layer`."""

    layer: Layer
    attributes: Mapping[str, Any]

    @property
    def data_window(self) -> Window:
        return Window(self.attributes["dataWindow"])

    @property
    def display_window(self) -> Window:
        return Window(self.attributes["displayWindow"])

    @property
    def chromaticities(self) -> Chromaticities | None:
        values: Any = self.attributes.get("chromaticities", ())
        if np.shape(values) != (8,) or not np.isfinite(values).all():
            return None
        (xr, yr, xg, yg, xb, yb, xw, yw) = (float(value) for value in values)
        return Chromaticities((xr, yr), (xg, yg), (xb, yb), (xw, yw))


class _Exr(Format[ExrHeader]):
    name = "EXR"
    extensions = (".exr",)
    signatures = (layout.MAGIC,)
    depths = (np.float16, np.float32)
    channels = (1, 3, 4)
    holds_text = True
    holds_layers = True
    is_linear = True
    associates_alpha = True
    compressions = tuple(COMPRESSIONS)
    largest_side = 2**31 - 1  # windows have 32-bit corners

    def require_library(self) -> None:
        library.require()

    def read_header(self, file: IO[bytes]) -> Header[ExrHeader]:
        return self.read_layer_header(file, "")

    def read_layer_header(self, file: IO[bytes], layer: str) -> Header[ExrHeader]:
        parts = library.read_parts(file, header_only=True)
        found = find([_channels_of(part) for part in parts], layer)
        header = ExrHeader(found, parts[found.part].header)
        types = layout.read_layout(file).sample_types[found.part]
        windows = [Window(part.header["dataWindow"]).extent for part in parts]
        samples = sum(len(part.header["channels"]) * box.pixel_count for part, box in zip(parts, windows))
        picture = header.display_window.extent
        carried = {name: value for name, value in header.attributes.items() if name not in _STORAGE | _OWN}
        return Header(
            (picture, *windows),
            header,
            _stored_as(found, [types[name] for name in found.channels]),
            may_have_alpha=found.has_alpha,
            planes=4 + -(-samples // max(1, picture.pixel_count)),
            alpha_is_associated=found.has_alpha and found.is_color,
            is_color=found.is_color,
            chromaticities=header.chromaticities or REC709,
            attributes={name: value for name, value in carried.items() if not is_about_color(name)},
            color_attributes={name: value for name, value in carried.items() if is_about_color(name)},
        )

    def read_text(self, file: IO[bytes]) -> dict[str, str]:
        attributes = library.read_parts(file, header_only=True)[0].header
        return {name: attributes[name] for name in ("prompt", "workflow") if isinstance(attributes.get(name), str)}

    def decode(self, data: bytes, header: Header[ExrHeader], at_least: int | None = None) -> Pixels:
        part = library.read_parts(io.BytesIO(data), header_only=False)[header.parsed.layer.part]
        parsed = header.parsed
        return image_of(parsed.layer, part.channels, parsed.data_window, parsed.display_window, parsed.chromaticities)

    def read_identity(self, file: IO[bytes]) -> str | None:
        """OpenEXR writes attributes in the order of their names, so that this one precedes `prompt` and `workflow`.

        A plate may have long ones before it, such as a Cryptomatte manifest, which are not read.
        """
        return layout.text_in(file, IDENTITY)

    def is_whole(self, file: IO[bytes]) -> bool:
        return layout.is_whole(file)

    def keyword_fault(self, keyword: str, earlier: int) -> str | None:
        """Header attributes have names of 1 to 255 bytes; those of the format itself are taken."""
        if not 1 <= len(keyword.encode("utf-8", "surrogatepass")) <= LONGEST_NAME or "\0" in keyword:
            return f"needs 1 to {LONGEST_NAME} bytes"
        is_taken = keyword in _STORAGE | _OWN | _NOT_TEXT and keyword not in ("prompt", "workflow")
        return "is a header attribute of EXR" if is_taken else None

    def _encode(
        self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int, extras: Extras
    ) -> bytes:
        identity = {IDENTITY: extras.identity} if extras.identity else {}
        return encode_exr(pixels, identity | dict(text), extras)


def _channels_of(part: Any) -> PartChannels:
    attributes = part.header
    said = attributes.get(DATA_LAYERS_ATTRIBUTE)
    names = [channel.name for channel in attributes["channels"]]
    return PartChannels(str(attributes.get("name", "")), names, said.split("\n") if isinstance(said, str) else None)


def _stored_as(layer: Layer, types: Sequence[int]) -> Stored:
    is_half = set(types) == {layout.SampleType.HALF}
    return Stored(count_of_channels(layer), 16 if is_half else 32, layout.SampleType.UINT not in types)


EXR = _Exr()
