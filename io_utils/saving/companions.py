"""What a saver gets beside its images: a mask, layers, and the metadata of the frames that the images were made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from .. import wire
from ..errors import CompanionError
from ..formats.base import Extent
from ..formats.file_type import FrameLayer
from ..frame_metadata import metadata_of
from ..image_layers import as_layers
from ..wire import UNRENDERED
from .plan import Frame

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Companions:
    """What came with the images of some frames, as it is on the wires: one item, or several whose images follow each other.

    mask: (N, H, W) or (H, W). layers: ImageLayers. metadata: FrameMetadata. Empty for inputs that are not wired.
    """

    mask: Sequence[Any] = ()
    layers: Sequence[Any] = ()
    metadata: Sequence[Any] = ()

    def attached(self, frames: Sequence[Frame]) -> list[Frame]:
        """`frames`, each with its own mask, layers and attributes.

        A mask or a layer may have one image for all frames. An empty mask may have any size: Load Image gives a mask of 64 x 64
        zeros for an image without alpha. Metadata of another number of frames is
        left out, with a warning: it never costs a picture.

        Frames that are not rendered stay as they are: ComfyUI may pass companions that are in its cache.

        Raises NoImageError for what is not a mask; InputError for what is not layers or metadata; CompanionError if the
        number or the size does not match the images.
        """
        if all(frame.image is UNRENDERED for frame in frames):
            return list(frames)
        masks: Sequence[torch.Tensor | None] = [None] * len(frames)
        if self.mask:
            stack = [mask for item in self.mask for mask in wire.masks(item, "mask")]
            masks = [_fitted(mask, frame) for mask, frame in zip(_each(stack, frames, "'mask'", "masks"), frames)]
        layers, attributes = self._layers(frames), self._attributes(len(frames))
        return [
            replace(frame, mask=masks[index], layers=layers[index], attributes=attributes[index])
            for index, frame in enumerate(frames)
        ]

    def _layers(self, frames: Sequence[Frame]) -> list[tuple[FrameLayer, ...]]:
        """The layers of each frame. Layers of one name, from several items, follow each other as one layer."""
        chains = [as_layers(item).layers for item in self.layers]
        names: list[set[str]] = [{stack.name for stack in chain} for chain in chains]
        in_all = names[0].intersection(*names) if names else set()
        if partly := {name for chain in names for name in chain} - in_all:
            fix = "Add the same layers for every batch of images."
            raise CompanionError("'layers'", f"{', '.join(sorted(partly))} for some batches only", fix)
        by_name: dict[str, list[FrameLayer]] = {}
        for stack in (stack for chain in chains for stack in chain):
            images = by_name.setdefault(stack.name, [])
            images += [FrameLayer(stack.name, image, stack.is_color) for image in stack.images]
        found: list[tuple[FrameLayer, ...]] = [()] * len(frames)
        for name, images in by_name.items():
            shown = f"'layers' ({name})"
            each = _each(images, frames, shown, "images")
            for layer, frame in zip(each, frames):
                _require_size(layer.image, frame, shown)
            found = [(*before, layer) for before, layer in zip(found, each)]
        return found

    def _attributes(self, count: int) -> Sequence[Mapping[str, Any]]:
        found = [attributes for item in self.metadata for attributes in metadata_of(item)]
        if not self.metadata:
            return [{}] * count
        if len(found) not in (1, count):
            _log.warning(
                "Wire metadata of as many frames as there are images, or of one: it is of %d, and there are %d images. "
                "They are saved without it.",
                len(found),
                count,
            )
            return [{}] * count
        return found if len(found) == count else found * count


Item = TypeVar("Item")


def _each(items: Sequence[Item], frames: Sequence[Frame], name: str, kind: str) -> Sequence[Item]:
    """The item of each frame. Raises CompanionError unless there is one for each, or one for all.

    `kind`: the plural of what the items are.
    """
    if len(items) not in (1, len(frames)):
        fix = f"Wire one of the {kind} for each image that is saved, or one for all."
        raise CompanionError(name, f"{len(items)} {kind} for {len(frames)} image{'s' * (len(frames) != 1)}", fix)
    return items if len(items) == len(frames) else [items[0]] * len(frames)


def _fitted(mask: torch.Tensor, frame: Frame) -> torch.Tensor:
    """`mask`, or if it is empty (all 0, opaque), an empty mask in the extent of the frame."""
    if isinstance(frame.image, torch.Tensor) and mask.shape != frame.image.shape[:2]:
        if mask.numel() and not mask.any():
            return mask.new_zeros(()).expand(frame.image.shape[:2])
        _require_size(mask, frame, "'mask'")
    return mask


def _require_size(picture: torch.Tensor, frame: Frame, name: str) -> None:
    if isinstance(frame.image, torch.Tensor) and picture.shape[:2] != frame.image.shape[:2]:
        found, expected = (Extent(shape[1], shape[0]) for shape in (picture.shape, frame.image.shape))
        fix = "Resize it to the size of the images."
        raise CompanionError(name, f"{found} pixels, but frame {frame.number} has {expected}", fix)
