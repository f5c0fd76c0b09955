"""ImageLayers: the value on an IMAGE_LAYERS wire, the named images that an EXR file holds beside the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .errors import InputError, LayerNameError
from .wire import described, images, masks

# The channels of the picture itself. Z is a channel without a layer, as compositing programs expect depth.
_OF_THE_PICTURE = {"R", "G", "B", "A", "Y", "RY", "BY"}
_LONGEST_NAME = 200  # bytes; the name of a channel has at most 255, and its letter follows that of the layer


@dataclass(frozen=True)
class ImageLayer:
    """One layer: `images` is (N, height, width, 1 to 4 channels), floating point. Data, unless `is_color`."""

    name: str
    images: torch.Tensor
    is_color: bool = False


@dataclass(frozen=True)
class ImageLayers:
    """Layers in the order in which they were added."""

    layers: tuple[ImageLayer, ...] = ()

    def adding(self, name: str, image: object = None, mask: object = None, *, is_color: bool = False) -> ImageLayers:
        """These layers and one more, of either `image`, an IMAGE, or `mask`, a MASK.

        A mask is data, whatever `is_color` is. Grey colour becomes RGB, because a layer of one channel is data to every
        program. Raises LayerNameError; NoImageError for what is neither; InputError for both or none, and for too many
        channels.
        """
        name = self.require_name(name)
        require_one(name, has_image=image is not None, has_mask=mask is not None)
        stack = images(image, "image") if mask is None else masks(mask, "mask")[..., None]
        count = stack.shape[-1]
        if not 1 <= count <= 4:
            raise InputError(f"Wire an image of 1 to 4 channels: that of the layer {name!r} has {count}.")
        is_color = is_color and mask is None
        if is_color and count == 1:
            stack = stack.expand(-1, -1, -1, 3)
        return ImageLayers((*self.layers, ImageLayer(name, stack, is_color)))

    def require_name(self, name: str) -> str:
        """The name of a further layer, without spaces around it. Raises LayerNameError."""
        name = name.strip()
        short = "Write a short name such as 'depth', 'Z' or 'normal'."
        if not name:
            raise LayerNameError(name, "is empty", short)
        if not name.isprintable():
            raise LayerNameError(name, "has characters that cannot be printed", short)
        if len(name.encode()) > _LONGEST_NAME:
            raise LayerNameError(name, f"has more than {_LONGEST_NAME} bytes", short)
        if name in _OF_THE_PICTURE:
            raise LayerNameError(
                name, "is a channel of the picture itself", f"Write another name, such as 'layer{name}'."
            )
        if "" in name.split("."):
            raise LayerNameError(
                name, "has a dot that separates nothing", "Write a name on both sides of each dot: 'left.depth'."
            )
        if name in (layer.name for layer in self.layers):
            raise LayerNameError(name, "is that of an earlier layer", "Give each layer a name of its own.")
        return name

    def __str__(self) -> str:
        lines = [f"{layer.name}: {' x '.join(map(str, layer.images.shape))}" for layer in self.layers]
        return "\n".join(lines) or "no layers"


_NO_LAYERS = ImageLayers()


@dataclass(frozen=True)
class LayerRequest:
    """The settings of Add EXR Layer."""

    name: str = "depth"
    is_color: bool = False

    def check(self, *, has_image: bool, has_mask: bool) -> None:
        """Refuse, before anything renders, what can be known then. Raises LayerNameError; InputError for both or none."""
        _NO_LAYERS.require_name(self.name)
        require_one(self.name, has_image=has_image, has_mask=has_mask)

    def added(self, layers: object = _NO_LAYERS, image: object = None, mask: object = None) -> ImageLayers:
        """`layers` and one more. Raises what `as_layers` and `ImageLayers.adding` raise."""
        return as_layers(layers).adding(self.name, image, mask, is_color=self.is_color)


def require_one(name: str, *, has_image: bool, has_mask: bool) -> None:
    """Raise InputError unless the layer `name` is of either an image or a mask."""
    if has_image == has_mask:
        got = "both" if has_image else "neither"
        raise InputError(f"Wire either image or mask: the layer {name!r} got {got}.")


def as_layers(value: object) -> ImageLayers:
    """The layers on a wire. Raises InputError for anything else."""
    if not isinstance(value, ImageLayers):
        raise InputError(f"Wire the output of Add EXR Layer to the input 'layers'. It got {described(value)}.")
    return value
