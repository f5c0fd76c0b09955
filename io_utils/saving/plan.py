"""Shared by the three savers' plans: the request, the frames that result from it, and the rules for names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..colour.spaces import (
    AS_STORED,
    AUTOMATIC,
    IMAGE_COLOR_SPACES,
    LINEAR_REC709,
    SRGB,
    color_space,
    conversion,
    file_color_spaces,
)
from ..errors import InputError, OptionError, PathError
from ..formats.base import Extent
from ..formats.exr.format import EXR
from ..formats.file_type import QUALITY, FileColour, FileType, FrameLayer
from ..formats.registry import EXTENSIONS
from ..frame_identity import FrameIdentity, Graph
from ..naming import tokens
from ..naming.allowed_roots import root_of
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import numbers_in, without_numbers_in
from ..naming.node_values import NodeValues
from ..naming.regular_files import Stamp
from ..policies import OnExisting
from ..request import known, limited
from ..wire import UNRENDERED, Unrendered

# Stands for the extent of images that are not rendered yet.
NO_EXTENT = Extent(0, 0)

# Savers of single frames do not offer "keep both": it would leave two files with one frame number.
_OFFERED = {
    policy.value: policy for policy in (OnExisting.OVERWRITE, OnExisting.SKIP, OnExisting.ERROR, OnExisting.UNCHANGED)
}


def _unknown_graph() -> None:
    """For scripts that call a saver: there is no graph."""


@dataclass(frozen=True, kw_only=True)
class SaveRequest:
    """How a saver writes its frames.

    quality: 1..100, for JPG and lossy WebP.
    workflow_file: also write the workflow to a file beside the frames.
    image_color_space: a name in `IMAGE_COLOR_SPACES`: what the values of the images are.
    file_color_space: a name in `file_color_spaces()`. "automatic" is linear Rec. 709 for EXR, and sRGB for all others.
    exr_compression: a value of EXR's `compressions`.
    now: the time for tokens such as %date%, the same throughout a run.
    nodes: the values for tokens such as %KSampler.seed%.
    graph: what makes the images, or None if that is not known. A function, because to find out takes milliseconds.
    """

    filetype: FileType = FileType.PNG_WITH_WORKFLOW
    on_existing: OnExisting = limited(OnExisting.OVERWRITE, words=_OFFERED)
    quality: int = limited(QUALITY, least=1, most=100)
    workflow_file: bool = False
    image_color_space: str = limited(SRGB.name, options=lambda: IMAGE_COLOR_SPACES)
    file_color_space: str = limited(AUTOMATIC, options=file_color_spaces)
    exr_compression: str = limited(EXR.compressions[0], options=lambda: EXR.compressions)
    now: datetime = known(tokens.moment)
    nodes: tokens.Values = known(NodeValues)
    graph: Callable[[], Graph | None] = known(lambda: _unknown_graph)

    def identity(self, number: int, image: int = 0, images: int = 1, row: int = 0) -> FrameIdentity | None:
        """What the file of frame `number` says about its origin: image `image` of the `images` in a batch.

        `row`: which item of the lists in front of the saver that batch is.
        """
        graph = self.graph()
        return None if graph is None else FrameIdentity.of(graph.of_row(row), number, image, images)

    def check(self, *, has_layers: bool = False) -> None:
        """Refuse what cannot be written, before anything is rendered.

        Raises what `colour` raises; OptionError for an unknown compression; MissingPackageError for a format whose package
        is not installed; ValueError if there are layers and the format has none.
        """
        self.filetype.image_format.require_library()
        if self.exr_compression not in EXR.compressions:
            raise OptionError("exr_compression", self.exr_compression, EXR.compressions)
        _ = self.colour
        if has_layers and not self.filetype.image_format.holds_layers:
            raise InputError(
                f"{self._how_to_hold_layers()}, or remove the link to the input 'layers': "
                f"{self.filetype.image_format.name} files have no layers."
            )

    def _how_to_hold_layers(self) -> str:
        kinds = ", ".join(repr(kind.value) for kind in FileType if kind.image_format.holds_layers)
        return f"Set filetype to one of {kinds}"

    @cached_property
    def colour(self) -> FileColour:
        """How colour is converted.

        Raises OptionError for an unknown colour space of the images, ColorSpaceError for one of the file, and ColorConfigError.
        """
        if self.image_color_space not in IMAGE_COLOR_SPACES:
            raise OptionError("image_color_space", self.image_color_space, IMAGE_COLOR_SPACES)
        image = color_space(self.image_color_space)
        if self.file_color_space == AS_STORED:
            return FileColour(is_as_stored=True)
        is_linear = self.filetype.image_format.is_linear
        automatic = LINEAR_REC709 if is_linear else SRGB
        target = automatic if self.file_color_space == AUTOMATIC else color_space(self.file_color_space)
        chromaticities = None if target.is_srgb_encoded else target.chromaticities
        return FileColour(conversion(image, target), chromaticities)


@dataclass(frozen=True)
class Frame:
    """A frame and its sequence. `image` is an (H, W, C) tensor, or UNRENDERED if the frame is on disk already.

    mask: (H, W), becomes alpha.
    layers: in the extent of the image.
    attributes: what the header says, such as that of the plate that the image was made from.
    rate: frames per second, if known.
    identity: what its file says about its origin; None if the graph is not known.
    """

    sequence: FileSequence
    number: int
    image: torch.Tensor | Unrendered = UNRENDERED
    mask: torch.Tensor | None = None
    layers: tuple[FrameLayer, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    rate: float | None = None
    identity: FrameIdentity | None = None

    @cached_property
    def path(self) -> Path:
        return self.sequence.file(self.number)


@dataclass(frozen=True)
class Saved:
    """Where a frame is on disk now, and whether this run wrote it.

    flattened_by: the format ("JPG") that cannot hold the frame's transparency, which was composited on black; else "".
    is_unchanged: whether it was kept because this graph made it.
    stamp: tells whether the file there is still the one that this run wrote or kept.
    """

    sequence: FileSequence
    number: int
    written: bool
    flattened_by: str = ""
    is_unchanged: bool = False
    stamp: Stamp | None = None

    @cached_property
    def path(self) -> Path:
        return self.sequence.file(self.number)


def common_size(texts: Iterable[str], images: Iterable[object]) -> Extent:
    """The extent of `images`, (N, H, W, C) each, for the tokens in `texts`; 0 x 0 if there are no images.

    Raises ValueError if the texts need the extent and the images differ in size.
    """
    tensors = [image for image in images if isinstance(image, torch.Tensor) and not image.is_nested]
    batches = [image for image in tensors if image.ndim == 4]
    sizes = list(dict.fromkeys(Extent(image.shape[2], image.shape[1]) for image in batches))
    if len(sizes) > 1 and tokens.needs_image(*texts):
        shown = " and ".join(map(str, sizes[:2]))
        raise InputError(
            f"Write numbers in place of %width% and %height%, or save images of each size on their own. The images are "
            f"{shown}, so these have several values."
        )
    return sizes[0] if sizes else NO_EXTENT


def require_own_paths(frames: Iterable[Frame], fix: str) -> None:
    """Raise ValueError if two frames have the same path.

    The message begins with `fix`, a sentence that says what to do.
    """
    paths: set[Path] = set()
    for frame in frames:
        if frame.path in paths:
            raise InputError(f"{fix} Two images are meant for frame {frame.number}, {str(frame.path)!r}.")
        paths.add(frame.path)


def require_no_number(prefix: str, shown: str, example: str) -> None:
    """Raise PathError if `prefix` contains a frame number or an image extension, because the saver appends both.

    `prefix` has its tokens filled in, `shown` is the text as typed. The error suggests `shown` without the number and
    the extension, or `example` if nothing remains.
    """
    name = prefix.replace("\\", "/").rpartition("/")[2]
    extension = next((ending for ending in EXTENSIONS if name.lower().endswith(ending)), "")
    if extension:
        better = _without_number(shown[: -len(extension)], example) if shown.lower().endswith(extension) else example
        rule = f"ends in {name[-len(extension) :]!r}"
        raise PathError(shown, rule, f"Write {better!r}: the frame number and the extension are added automatically.")
    if not numbers_in(prefix):
        return
    typed, folder = shown, ""
    if os.path.isabs(prefix):  # the name of the root itself may contain numbers
        try:
            root, prefix = root_of(prefix, "output", write=True)
        except PathError:  # the caller finds the same fault and reports it
            return
        typed, folder = prefix, "" if root.kind == "output" else f"{root.path.as_posix()}/"
    if numbers := numbers_in(prefix):
        better = folder + _without_number(typed, example)
        rule = f"has a frame number in it, {numbers[0]!r}"
        raise PathError(shown, rule, f"Write {better!r}: the frame number is added automatically.")


def _without_number(text: str, example: str) -> str:
    return without_numbers_in(text) or example
