"""Add EXR Layer: adds an image or a mask to the layers that are saved beside the picture."""

from __future__ import annotations

from typing import Any

from ..io_utils.image_layers import ImageLayers, LayerRequest
from ._inputs import read, widget


class ImageSequenceAddLayer:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Adds a named layer, such as depth or normals, which a saver of this pack writes into the EXR file beside the picture. "
        "For several layers, wire several of these nodes in a chain, and the last one to the saver's input layers."
    )
    SEARCH_ALIASES = [
        "exr layer",
        "multilayer exr",
        "save exr layers",
        "aov",
        "render pass",
        "depth to exr",
        "z pass",
        "normal pass",
    ]
    FUNCTION = "add"
    RETURN_TYPES = ("IMAGE_LAYERS",)
    RETURN_NAMES = ("layers",)
    OUTPUT_TOOLTIPS = ("The layers so far and this one.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        name = (
            "Name of the layer. Z is written as the channel Z, which compositing programs expect for depth. Any other name is "
            "written as name.Z for one channel, and as name.R, name.G and name.B for three."
        )
        is_color = (
            "true: the layer is a picture, and is converted to the colour space of the file. false: it is data, such as depth, "
            "normals or positions, and its numbers are written as they are."
        )
        layers = "The layers so far, from another Add EXR Layer."
        image = "The images of the layer: one for each frame, or one for all."
        mask = "A mask, or depth as a mask: one channel, in place of an image."
        return {
            "required": {"name": widget(LayerRequest, "name", name)},
            "optional": {
                "layers": ("IMAGE_LAYERS", {"lazy": True, "tooltip": layers}),
                "image": ("IMAGE", {"lazy": True, "tooltip": image}),
                "mask": ("MASK", {"lazy": True, "tooltip": mask}),
                "is_color": widget(LayerRequest, "is_color", is_color),
            },
        }

    def check_lazy_status(self, **inputs: Any) -> list[str]:
        wires = _wires(inputs)
        read(self, LayerRequest, inputs).check(has_image="image" in wires, has_mask="mask" in wires)
        return [name for name, value in wires.items() if value is None]

    def add(self, **inputs: Any) -> tuple[ImageLayers]:
        wires = _wires(inputs)
        return (read(self, LayerRequest, inputs).added(**wires),)


def _wires(inputs: dict[str, Any]) -> dict[str, Any]:
    """Remove from `inputs` those that are wired, and return them."""
    return {name: inputs.pop(name) for name in ("layers", "image", "mask") if name in inputs}
