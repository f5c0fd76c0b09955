"""Shared by the nodes that read folders: the cache key, and the inputs about layers and colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..io_utils.comfyui.cache_watch import CacheWatch
from ..io_utils.comfyui.identity import Known
from . import _colour
from ._inputs import read, widget

_NOT_KNOWN = Known(files=None)

PATH_PATTERN_TOOLTIP = (
    "The frames below the chosen folder: a pattern with the frame number as {:06d}, %06d or ######, a folder with one "
    "sequence, wildcards (plate_*.png), or the path of one of its frames."
)
FOLDER_TOOLTIP = "The ComfyUI folder that path_pattern starts in."
LAYER_TOOLTIP = (
    "Which layer of an EXR file to load, by its name: depth, normal, left.diffuse, Z, or the name of a part. Empty: the "
    "picture. An unknown name is refused, and the error lists the layers of the file."
)
IMAGE_SPACE_TOOLTIP = (
    "The colour space that the images get. ComfyUI's models expect sRGB; linear Rec.709 and ACEScg are for work in linear "
    "light."
)
FILE_SPACE_TOOLTIP = (
    "The colour space of the files. automatic: linear light in EXR, with the file's own chromaticities, and sRGB in all "
    "other kinds. as stored: the numbers are loaded as they are, not even divided by alpha."
)
METADATA_TOOLTIP = (
    "What the headers of the EXR files say, frame by frame. Wire it to a saver to keep time code and camera data."
)


def colour_inputs(request: type[Any]) -> dict[str, Any]:
    """The inputs at the end of every loader."""
    return {
        "layer": widget(request, "layer", LAYER_TOOLTIP, advanced=True),
        **_colour.color_spaces(request, IMAGE_SPACE_TOOLTIP, FILE_SPACE_TOOLTIP),
    }


def unwired(node: type[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """`inputs`, as the browser sends them for a look, without unknown ones, and with defaults for those that are wired."""
    declared = node.INPUT_TYPES()
    required = {name: _default(*declaration) for name, declaration in declared["required"].items()}
    known = declared["required"].keys() | declared["optional"].keys()
    return required | {name: value for name, value in inputs.items() if name in known}


def _default(kind: Any, options: Mapping[str, Any]) -> Any:
    return options["default"] if "default" in options else kind[0]


class Request(Protocol):
    def fingerprint(self) -> str: ...


def mark(
    node: type[Any],
    request: type[Request],
    inputs: Mapping[str, Any],
    watch: CacheWatch,
    unique_id: Any,
    **known: Any,
) -> str:
    """For IS_CHANGED: the request's fingerprint. If an input is linked (None), changes when the last run's files do."""
    try:
        if any(value is None for value in inputs.values()):
            return watch.generation(unique_id, repr((sorted(inputs.items()), known)))
        return read(node, request, inputs, **known).fingerprint()
    except (ValueError, TypeError) as error:  # the run raises it, too
        return str(error)


def known_files(inputs: Mapping[str, Any], request: Callable[[], Request], covered: Sequence[str] = ()) -> Known:
    """For KNOWN_BEFORE_RUN: the fingerprint of `request()`, in which the inputs `covered` count.

    Not known if an input is linked (None) to what only the run knows. IS_CHANGED cannot take its place: for linked inputs
    it counts how often files were edited since ComfyUI started.
    """
    return known(inputs, lambda: Known(files=request().fingerprint(), covered=covered))


def known(inputs: Mapping[str, Any], ask: Callable[[], Known], unknown: Known = _NOT_KNOWN) -> Known:
    """For KNOWN_BEFORE_RUN: `ask()`; `unknown` if an input is linked (None) to what only the run knows, or is refused there."""
    if any(value is None for value in inputs.values()):
        return unknown
    try:
        return ask()
    except (ValueError, TypeError, OSError):  # the run raises it, too
        return unknown
