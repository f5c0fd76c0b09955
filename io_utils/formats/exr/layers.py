"""Names of layers: which channels of which part are the picture, and which are the layer of a name.

A channel's name is `<layer>.<channel>`, or only `<channel>` in the picture:
https://openexr.com/en/latest/TechnicalIntroduction.html#layers. A file of several parts has such channels in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import UnknownLayerError

# The channels of an image, in its order. Programs write single letters or whole words, in either case.
_COLOR_ORDERS = (
    ("r", "g", "b", "a"),
    ("red", "green", "blue", "alpha"),
    ("y", "ry", "by", "a"),
)
_DATA_ORDERS = (
    ("x", "y", "z"),
    ("u", "v", "w", "a"),
)
_ALPHA = {"a", "alpha"}
_COLOR = {name for order in _COLOR_ORDERS for name in order} - _ALPHA
# Layers whose R, G and B are data by the custom of renderers: Arnold, Cycles, RenderMan, V-Ray, Nuke.
_DATA_NAMES = {
    "n",
    "ns",
    "ng",
    "nn",
    "p",
    "pref",
    "pworld",
    "nworld",
    "uv",
    "uvs",
    "st",
    "z",
    "id",
    "objectid",
    "materialid",
}
# The last words of their names, as in "Denoising Normal", "WorldPosition" and "motionvector".
_DATA_WORDS = {
    *("normal", "normals", "position", "positions", "depth", "zdepth", "velocity", "motion"),
    *("vector", "vectors", "motionvector", "motionvectors", "forward", "backward", "disparity", "flow"),
}

# In files of this pack with layers: the names of those that are data, one per line, because their channels do not tell.
DATA_LAYERS_ATTRIBUTE = "imageSequenceDataLayers"


@dataclass(frozen=True)
class PartChannels:
    """What a part holds: its name ("" in files of one part) and the names of its channels.

    data_layers: the layers that are data, if the file says so.
    """

    name: str
    channels: Sequence[str]
    data_layers: Sequence[str] | None = None


@dataclass(frozen=True)
class Layer:
    """The channels of one layer, or of the picture.

    part: its index in the file.
    channels: the full names, in the order of the image: red, green, blue, alpha.
    is_color: False for data.
    """

    part: int
    channels: tuple[str, ...]
    is_color: bool

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The channels' names without the layer, in lower case."""
        return tuple(_suffix(channel) for channel in self.channels)

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is the alpha of the others."""
        return len(self.channels) > 1 and self.suffixes[-1] in _ALPHA

    @property
    def is_luminance(self) -> bool:
        """Whether it is luminance, with or without chroma, rather than red, green and blue."""
        return self.is_color and "y" in self.suffixes


def find(parts: Sequence[PartChannels], name: str) -> Layer:
    """The layer `name`. "" is the picture of the first part that has one. Otherwise it is the file's only
    layer, or the only one that is called Combined: Blender's multilayer files have no other picture.

    `name` is a layer or a channel as in the file ("depth.Z", "Z", "normals"), or a part ("rgba_left"), or both ("left.Z").
    A channel that is asked for by its name is data, also if it is called R.

    Raises UnknownLayerError, which lists the layers of the file.
    """
    if not name:
        for index, part in enumerate(parts):
            if picture := _picture(part):
                return Layer(index, picture, is_color=True)
        available = names(parts)
        chosen = available if len(available) == 1 else [layer for layer in available if _is_main(layer)]
        if len(chosen) == 1:
            return find(parts, chosen[0])
        raise UnknownLayerError("", available, "it has no picture (channels R, G and B, or Y), only layers")
    for candidate, index, layer, channels in _candidates(parts):
        if candidate == name:
            return _layer(index, layer, channels, parts[index])
    raise UnknownLayerError(name, names(parts))


def names(parts: Sequence[PartChannels]) -> list[str]:
    """The layers of a file, for errors. Channels in no layer count as layers, except those of the picture."""
    found: dict[str, None] = {}
    for part in parts:
        picture = _picture(part)
        prefix = f"{part.name}." if part.name and len(parts) > 1 else ""
        below = [*_groups(part), *(name for name in _loose(part) if name not in picture)]
        if prefix and (picture or len(below) == 1 or not _groups(part)):
            found[part.name] = None
            below = below if picture else []
        found |= dict.fromkeys(f"{prefix}{name}" for name in below)
    return list(found)


def _candidates(parts: Sequence[PartChannels]) -> Iterator[tuple[str, int, str, list[str]]]:
    """(what a layer may be called, its part, its name, its channels), in the order of precedence.

    Layers come first, then channels, then parts, and last the layers and channels of a part.
    """
    for index, part in enumerate(parts):
        yield from ((name, index, name, channels) for name, channels in _groups(part).items())
    for index, part in enumerate(parts):
        yield from ((channel, index, "", [channel]) for channel in part.channels)
    for index, part in enumerate(parts):
        if not part.name:
            continue
        picture, groups, loose = _picture(part), _groups(part), _loose(part)
        if picture:
            yield part.name, index, part.name, list(picture)
        elif len(groups) == 1 and not loose:
            ((name, channels),) = groups.items()
            yield part.name, index, name, channels
        elif loose and not groups:
            yield part.name, index, part.name, loose
        yield from ((f"{part.name}.{name}", index, name, channels) for name, channels in groups.items())
        yield from ((f"{part.name}.{channel}", index, "", [channel]) for channel in part.channels)


def _picture(part: PartChannels) -> tuple[str, ...]:
    """The channels of the part's picture, such as R, G, B and A, or () if it has none."""
    channels, is_color = _image(_loose(part))
    return channels if is_color else ()


def _image(channels: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Those of `channels` that make up an image, in its order, and whether they are colour. () if none do.

    Colour may have other channels beside it, such as Z. Data may not, because an image of x, y and z without w misleads.
    """
    by_suffix: dict[str, str] = {}
    for channel in channels:  # sorted as in the file, so that R has precedence over r
        by_suffix.setdefault(_suffix(channel), channel)
    orders = [order for order in (*_COLOR_ORDERS, *_DATA_ORDERS) if set(by_suffix) <= set(order)]
    if not orders and "x" not in by_suffix:  # x and y are coordinates, not luminance
        orders = list(_COLOR_ORDERS)
    for order in orders:
        has_luminance = order[0] != "y" or "y" in by_suffix  # chroma alone is no picture
        if has_luminance and set(by_suffix) & set(order) - _ALPHA:
            return tuple(by_suffix[suffix] for suffix in order if suffix in by_suffix), order in _COLOR_ORDERS
    return (), False


def _groups(part: PartChannels) -> dict[str, list[str]]:
    """The channels of each layer, by its name. A layer inside a layer ("left.diffuse.R") is one name, "left.diffuse"."""
    groups: dict[str, list[str]] = {}
    for channel in part.channels:
        layer = channel.rpartition(".")[0]
        if layer:
            groups.setdefault(layer, []).append(channel)
    return groups


def _loose(part: PartChannels) -> list[str]:
    """The channels that are in no layer."""
    return [channel for channel in part.channels if not channel.rpartition(".")[0]]


def _layer(index: int, name: str, channels: Sequence[str], part: PartChannels) -> Layer:
    """The layer `name` with `channels`, or with "" a single channel.

    Raises UnknownLayerError, which lists the channels, if several make up no image.
    """
    is_alone = len(channels) == 1
    if is_alone and (not name or "." in channels[0] or _suffix(channels[0]) not in _COLOR):
        return Layer(index, tuple(channels), is_color=False)
    chosen, is_color = _image(channels)
    if not chosen:
        reason = f"its layer {name!r} has the channels {', '.join(channels)}, which do not make up an image"
        raise UnknownLayerError(name, channels, reason)
    is_data = _is_data_name(name) if part.data_layers is None else name in part.data_layers
    return Layer(index, chosen, is_color and not is_data)


def _is_main(name: str) -> bool:
    return name.rpartition(".")[2] == "Combined"


def _is_data_name(name: str) -> bool:
    last = name.rpartition(".")[2]
    *_, word = re.findall(r"[A-Z]*[a-z]+|[A-Z]+|[^\W_]+", last) or [""]
    plain = re.sub("[^a-z0-9]", "", last.lower())
    return plain in _DATA_NAMES or word.lower() in _DATA_WORDS or plain.startswith(("crypto", "ucrypto"))


def _suffix(channel: str) -> str:
    return channel.rpartition(".")[2].lower()
