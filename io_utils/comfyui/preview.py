"""Answers the player's preview route: one frame as a small picture, or the reason why there is none.

GET /image_sequence/preview?type=output&subfolder=shots/a&filename=f_0001.png&size=512
GET /image_sequence/preview?type=&folder=/mnt/renders/a&filename=f_0001.png&size=512&v=18a3c5d2f0b1e2a4-1f40
GET /image_sequence/preview?type=output&subfolder=shots/a&filename=f_0001.exr&size=512&exposure=-1.5
GET /image_sequence/preview?type=output&subfolder=shots/a&filename=f_0001.exr&text=workflow&pattern=f_{:04d}.exr

Anyone who can reach ComfyUI can use it, so it does only what a loader may do: read one image by name in an allowed
folder.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from string import ascii_letters, digits
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..colour.primaries import Chromaticities
from ..colour.spaces import ColorSpace
from ..errors import BrokenImageError, ChromaticitiesError
from ..formats import registry
from ..formats.base import Header
from ..formats.open_file import open_regular
from ..formats.pixels import unassociated
from ..formats.png.encode import encode_png
from ..host import Answer
from ..naming.allowed_roots import root_of
from ..naming.file_names import check_names
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import FramePattern
from .display import displayed
from .refusals import QueryError, folder_of, one_line, refused

ROUTE = "/image_sequence/preview"

# How many pictures are made at the same time. Two suffice while a render goes on: a 1080p frame takes 20 ms.
AT_ONCE = 2

# Decoded, a 16-bit RGBA frame of this many pixels takes 0.5 GB. The longest common film frame, 8K full aperture, has
# 35 million.
_MAX_PIXELS = 2**26
_MAX_FILE_BYTES = 2**30
# Larger workflow files are not sent. The largest ones hold a few images as text.
_MAX_WORKFLOW_BYTES = 2**25
_SIZES = 16, 4096
_STOPS = 6  # exposure reaches from -6 to 6
# No sign but "-": in a query, "+" is a space.
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")

# JPEG for opaque pictures, else WebP, which takes a tenth of PNG's bytes. 1080p scaled to 512: 0.3 and 9 ms.
_QUALITY = 80
_WEBP_EFFORT = 2

_UNQUOTED = f"{ascii_letters}{digits}-._~"


class _NoWorkflowError(Exception):
    """Neither the file nor the workflow file beside it holds a workflow that can be read."""


def answer(query: Mapping[str, str], known_tags: Collection[str]) -> Answer:
    """The picture that `query` asks for. `known_tags` are the ETags of the client's copies.

    Either `type` is "output", "input" or "temp" and `subfolder` a path in that folder, or `type` is "" and `folder` an
    absolute path in one of the operator's roots. `filename` is the name of a file there. With `size`, the picture is
    scaled down to that many pixels on its longest side (16 to 4096; never up), as JPEG, or as WebP if it is
    transparent. Without `size`, it is the file itself, or its pixels as PNG if browsers do not show such files.

    `layer` names a layer of the file that is shown instead of its picture.

    `exposure`, in stops from -6 to 6, applies to scene-linear files, which are shown through the sRGB curve; all others
    ignore it. A picture in which NaN or infinities are marked (see `display`) is PNG at any size.

    `text=workflow` asks for the workflow in the file instead, as JSON, or for its prompt if it has no workflow. This works
    for formats with `read_text`; in others, ComfyUI's frontend finds the workflow itself. A file that holds neither may
    have a workflow file beside it: `pattern`, the name or '/'-separated path that its sequence has in reports, says which.

    The client may keep the picture without asking again only if `v` is the file's current state, as `state` writes it:
    `<mtime in ns>-<size in bytes>`, both in hexadecimal. With any other `v`, or none, the client asks again and gets
    304 if nothing has changed.

    Status: 200, or 304 if the client has the picture; 400 for an invalid query; 403 for a file outside the folders that may be
    read; 404 if there is no readable file, or no workflow in it; 415 if it is not an image or too large; 503 if memory does not suffice. For
    errors, the body is one line that says why.
    """
    name = query.get("filename", "")
    try:
        if "text" in query:
            return _workflow_of(_file(query), query, known_tags)
        wanted = _Wanted(query.get("layer", ""), _longest_side(query), _exposure(query))
        return _picture_of(_file(query), wanted, known_tags, query.get("v"))
    except _NoWorkflowError:
        return one_line(404, f"No workflow can be read from {name}.")
    except BrokenImageError as error:
        return one_line(415, f"{name} cannot be shown: {str(error).rstrip('.')}.")
    except MemoryError:
        return one_line(503, f"{name} cannot be shown: not enough memory is free right now.")
    except (ValueError, OSError) as error:
        return refused(error, name)


def picture(data: bytes, longest: int | None, exposure: float = 0.0, layer: str = "") -> tuple[str, bytes]:
    """(media type, bytes) of an image file as an 8-bit picture, scaled down to `longest` pixels on its longest side.

    None: not scaled. Shows the upper 8 of 16 bits. Float values are clipped to 0..1; those of scene-linear formats go
    through the display curve first, after `exposure` in stops. Raises BrokenImageError.
    """
    decoded, header = registry.decode_as_stored(data, layer, at_least=longest)
    if header.alpha_is_associated:
        decoded = unassociated(decoded)
    if header.chromaticities is None:
        pixels, is_marked = _eight_bits(decoded), False
    else:
        pixels, is_marked = displayed(decoded, longest, exposure, _space_of(header.chromaticities))
    if longest is None or is_marked:  # lossy compression would blur the mark of a single pixel
        return "image/png", encode_png(pixels)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    # Shrink by a whole factor first, then by the rest: this halves the time without a visible difference.
    image.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=1.01)
    buffer = io.BytesIO()
    if image.mode in ("LA", "RGBA"):
        if image.getextrema()[-1] != (255, 255):
            image.save(buffer, "WEBP", quality=_QUALITY, method=_WEBP_EFFORT)
            return "image/webp", buffer.getvalue()
        image = image.convert(image.mode[:-1])
    image.save(buffer, "JPEG", quality=_QUALITY)
    return "image/jpeg", buffer.getvalue()


def _space_of(chromaticities: Chromaticities) -> ColorSpace:
    try:
        return ColorSpace.linear(chromaticities)
    except ChromaticitiesError as error:
        raise BrokenImageError(str(error)) from error


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        pixels = pixels >> 8
    elif np.issubdtype(pixels.dtype, np.floating):
        pixels = np.nan_to_num(pixels).clip(0, 1) * 255 + 0.5
    return np.asarray(pixels, np.uint8)


def _file(query: Mapping[str, str]) -> Path:
    """The requested file, in a folder that may be read. Raises QueryError, PathError, BrokenImageError."""
    name = query.get("filename", "")
    if not name or "/" in name or "\\" in name:
        raise QueryError(f"filename is {name!r}, but should be the name of a file; its folder has its own field.")
    check_names(name)
    if os.path.splitext(name)[1].lower() not in registry.EXTENSIONS:
        raise BrokenImageError(f"its name does not end in one of {', '.join(registry.EXTENSIONS)}")
    root, folder = folder_of(query)
    return root.confirm(root.path / folder / name, write=False)


def _longest_side(query: Mapping[str, str]) -> int | None:
    size = query.get("size")
    if size is None:
        return None
    if not (size.isascii() and size.isdigit() and 0 < len(size) < 10):
        raise QueryError(f"size is {size[:20]!r}, but should be a number of pixels.")
    least, most = _SIZES
    return min(max(int(size), least), most)


def _exposure(query: Mapping[str, str]) -> float:
    """Stops, to a thousandth: pictures that differ by less look the same, and share an ETag."""
    exposure = query.get("exposure", "0")
    if not _DECIMAL.fullmatch(exposure):
        raise QueryError(f"exposure is {exposure[:20]!r}, but should be a number of stops, such as -1.5.")
    return round(min(max(float(exposure), -_STOPS), _STOPS), 3) + 0.0  # not -0


def state(status: os.stat_result) -> str:
    """The value of `v` for a file with this status. It differs after every change that the file system shows."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


class _Wanted(NamedTuple):
    """The parts of a query that say which picture of a file is wanted."""

    layer: str
    longest: int | None
    exposure: float


def _picture_of(path: Path, wanted: _Wanted, known_tags: Collection[str], wanted_state: str | None) -> Answer:
    """The picture of the file at `path`, or status 304 if the client's copy is current.

    Raises BrokenImageError for a file that is not an image or too large, and OSError if it cannot be read.
    """
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    with open_regular(path) as file:
        longest, exposure = wanted.longest, wanted.exposure
        status, header = _checked(file, wanted.layer)
        kind = registry.of_extension(path.suffix)
        if longest is None and kind and kind.media_type:
            # With aiohttp's own ETag, and never immutable: aiohttp reopens the file, which may have been replaced by
            # then.
            shown = f"inline; filename*=UTF-8''{_percent_encoded(path.name)}"  # for "Save image as": RFC 6266
            return Answer(200, path, {**headers, "Content-Type": kind.media_type, "Content-Disposition": shown})
        tag = f"{state(status)}-{longest or 'full'}"
        if header.chromaticities is not None:
            tag += f"-{exposure:g}"
        headers["ETag"] = f'"{tag}"'
        if wanted_state == state(status):
            headers["Cache-Control"] = "private, max-age=31536000, immutable"
        if tag in known_tags:
            return Answer(304, headers=headers)
        file.seek(0)
        media_type, body = picture(file.read(), longest, exposure, wanted.layer)
    return Answer(200, body, {**headers, "Content-Type": media_type})


def _workflow_of(path: Path, query: Mapping[str, str], known_tags: Collection[str]) -> Answer:
    """The workflow of the file at `path` as JSON, or status 304 if the client's copy is current.

    It is the one in the file, else the prompt in the file, else the content of the workflow file beside it.

    Raises _NoWorkflowError, and what `_picture_of` raises.
    """
    wanted = query["text"]
    if wanted != "workflow":
        raise QueryError(f"text is {wanted[:20]!r}, but should be workflow.")
    with open_regular(path) as file:
        status, _ = _checked(file)
        texts = registry.read_text(file)
    # The frontend says "opened" of any JSON, and a graph that is none empties the open tab.
    text = next((texts[name] for name in ("workflow", "prompt") if _is_graph(texts.get(name, ""))), None)
    if text is None:
        status, text = _workflow_beside(path, query.get("pattern", ""))
    tag = f"{state(status)}-workflow"
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "ETag": f'"{tag}"'}
    if tag in known_tags:
        return Answer(304, headers=headers)
    return Answer(200, text.encode(errors="replace"), {**headers, "Content-Type": "application/json"})


def _workflow_beside(path: Path, pattern: str) -> tuple[os.stat_result, str]:
    """The status and the text of the workflow file of the sequence `pattern` that has the frame `path`.

    Raises _NoWorkflowError if there is none, PatternError for an invalid pattern and OutsideError.
    """
    names = FramePattern.parse(pattern)
    depth = str(names).count("/") + 1
    below = "/".join(path.parts[-depth:])
    is_frame = names.number(below) is not None or (not names.has_number and names.name(0) == below)
    if not is_frame or depth >= len(path.parts):
        raise _NoWorkflowError
    root, folder = root_of(path.parents[depth - 1].as_posix(), "output", write=False)
    beside = root.confirm(FileSequence(root, names.within(folder)).workflow_file, write=False)
    try:
        with open_regular(beside) as file:
            status = os.fstat(file.fileno())
            text = file.read(_MAX_WORKFLOW_BYTES + 1)
    except FileNotFoundError as error:
        raise _NoWorkflowError from error
    if len(text) > _MAX_WORKFLOW_BYTES or not _is_graph(text.decode(errors="replace")):
        raise _NoWorkflowError
    return status, text.decode(errors="replace")


def _is_graph(text: str) -> bool:
    """Whether `text` is the JSON of a workflow, which has nodes, or of a prompt, whose entries have a class_type."""
    try:
        graph = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(graph, dict):
        return False
    entries = graph.values()
    return isinstance(graph.get("nodes"), list) or any(isinstance(e, dict) and "class_type" in e for e in entries)


def _checked(file: IO[bytes], layer: str = "") -> tuple[os.stat_result, Header[Any]]:
    """The status and the header of an image file that is not too large. Raises BrokenImageError for others."""
    status = os.fstat(file.fileno())
    if status.st_size > _MAX_FILE_BYTES:
        raise BrokenImageError(f"it has {status.st_size:,} bytes, too many for a preview")
    return status, registry.read_header(file, _MAX_PIXELS, layer)


def _percent_encoded(name: str) -> str:
    """Encode per RFC 8187, 3.2.1, so that no name can end this header or begin another."""
    return "".join(chr(byte) if chr(byte) in _UNQUOTED else f"%{byte:02X}" for byte in name.encode())
