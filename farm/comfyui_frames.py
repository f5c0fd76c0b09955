#!/usr/bin/env python3
"""Render frames of one image sequence on one ComfyUI server. A render farm runs this command on every machine.

    python comfyui_frames.py render shot.json --frames 1001-1100
    python comfyui_frames.py render shot/shot_01001.png --frames 1001-1100:2 --server http://127.0.0.1:8188
    python comfyui_frames.py render shot.json --frames 1001-1100 --finish

The prompt is a file in ComfyUI's API format, or a frame that was saved with its workflow. Each frame is one run of the
prompt. Frames that are on disk are kept, so the same command can run again, on any machine: it renders what is missing, and
without --finish also what another prompt made, where the server can tell.

Exit codes: 0 all frames are on disk; 1 a frame failed; 2 the command or the prompt was refused; 75 there is no server
here, try again later or elsewhere; 130 or 143 cancelled.

This file needs Python 3.9 or later and nothing else. It is copied to workers on its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

if sys.version_info < (3, 9):  # noqa: UP036 - farm machines have what they have
    print(f"Run this with Python 3.9 or later: {sys.executable} is Python {sys.version.split()[0]}.", file=sys.stderr)
    sys.exit(2)

Prompt = dict[str, Any]
Event = dict[str, Any]
Tell = Callable[[Event], None]
Input = tuple[str, str]  # the id of a node and the name of one of its inputs

DONE, FAILED, REFUSED, NO_SERVER = 0, 1, 2, 75  # 75 is EX_TEMPFAIL of sysexits.h

DEFAULT_SERVER = "http://127.0.0.1:8188"
_MOST_FRAMES = 1_000_000
_LARGEST_FRAME = 10**18  # len() of a range ends at 2^63
_MOST_TEXT = 64 << 20  # bytes of a text in an image file. Real workflows have less than 1 MB.
_TEXTS = ("prompt", "workflow")
_OTHER_IMAGES = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_MOST_REPOSTS = 2  # a frame that kills the server three times would kill every server of a farm

_CHECK_QUEUE_EVERY = 5.0  # seconds: a prompt that somebody removed from the queue never appears in the history
_POLL_SHORTEST, _POLL_LONGEST = 0.005, 0.5  # seconds between two looks at the history
_RETRY_EVERY = 0.5  # seconds, while the server does not answer
_REQUEST_SECONDS = 30.0  # a server that loads a model can be silent for that long
_SHORTEST_REQUEST = 1.0
_MOST_ANSWER = 256 << 20  # bytes; some nodes leave images in the history
_WITHDRAW_SECONDS = 5.0  # for one request; a farm that cancels a task kills it soon
_WITHDRAW_LOOKS, _WITHDRAW_EVERY = 20, 0.1
_NO_READER = 141  # the exit code that a shell gives a command that SIGPIPE has ended
_END_SECONDS = 15.0  # for ComfyUI to end after SIGTERM
_FORGET_AT = 20  # history entries that are removed with one request

_QUEUE = ("queue_running", "queue_pending")
STATES = ("saved", "kept", "past the end")


# ---------------------------------------------------------------------------------------------------------- errors


class RefusedError(ValueError):
    """The command, the prompt or the frames are wrong: trying again does not help. Exit code 2."""


class NoServerError(OSError):
    """No server answered within --wait, or it died with the same frame three times. Exit code 75."""


class Cancelled(BaseException):
    """The render was cancelled. `signal` is the number of the signal. Exit code 128 + `signal`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class _UnreachableError(OSError):
    """One request was not answered, or not with the JSON that ComfyUI answers."""


# ---------------------------------------------------------------------------------------------------------- frames

# The grammar of Open Job Description, 2023-09, <IntRangeExpr>, with x as another way to write the step: 1-10x2.
_SPACE = r"\s*"
_NUMBER = f"(?:-{_SPACE})?[0-9]+"  # two runs of spaces side by side would make the matching quadratic
_RANGE = re.compile(
    f"{_SPACE}(?P<first>{_NUMBER})"
    f"({_SPACE}-{_SPACE}(?P<last>{_NUMBER})({_SPACE}[:x]{_SPACE}(?P<step>{_NUMBER}))?)?{_SPACE}"
)


def parse_frames(text: str) -> list[int]:
    """The frames of a text such as "1-10:2,20,30-25:-1", each once, in the order of Open Job Description.

    That is: ranges by their lowest frames, each in its own direction. Raises RefusedError for anything else, and for more
    than 1,000,000 frames.
    """
    parts = [_parse_range(part) for part in text.split(",")]
    if sum(len(part) for part in parts) > _MOST_FRAMES:
        raise RefusedError(f"Render fewer frames at once: --frames {text} has more than {_MOST_FRAMES:,}.")
    parts.sort(key=lambda part: (min(part), max(part)))
    if any(max(before) >= min(after) for before, after in zip(parts, parts[1:])):
        return sorted({frame for part in parts for frame in part})  # openjd-model refuses ranges that overlap
    joined = parts[:1]
    for part in parts[1:]:
        before, step = joined[-1], abs(part.step)
        if step == abs(before.step) and max(before) + step == min(part):  # openjd-model joins them, ascending
            joined[-1] = range(min(before), max(part) + 1, step)
        else:
            joined.append(part)
    return [frame for part in joined for frame in part]


def _parse_range(part: str) -> range:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise RefusedError(
            f"Write --frames as frames and ranges, such as 1001-1010,1015 or 1001-1100:2: {part.strip()!r} is neither."
        )
    first, last, step = (_integer(match[name]) for name in ("first", "last", "step"))
    if abs(first) >= _LARGEST_FRAME or abs(last or 0) >= _LARGEST_FRAME:
        raise RefusedError(f"Write smaller frame numbers: {part.strip()} in --frames has more than 18 digits.")
    if last is None:
        return range(first, first + 1)
    step = 1 if step is None else step
    if step == 0 or (last - first) * step < 0:
        remedy = f"{last}-{first}" if step == 1 else f"{first}-{last}:{-step or 1}"
        raise RefusedError(f"Write {remedy} in --frames: {part.strip()} has no frames.")
    return range(first, last + (1 if step > 0 else -1), step)


def _integer(text: str | None) -> Any:
    """The number that a text stands for; of a long number only the first 40 digits, which are more than anybody needs."""
    if text is None:
        return None
    digits = int(text.lstrip("-").strip().lstrip("0")[:40] or "0")
    return -digits if text.startswith("-") else digits


def frame_ranges(frames: Iterable[int]) -> str:
    """Frame numbers as text that --frames takes: "1-3,7". Empty for no frames."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][1] + 1 == frame:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


# ---------------------------------------------------------------------------------------------------------- prompt files


def read_prompt(path: Path) -> tuple[Prompt, dict[str, Any]]:
    """(the prompt in a file, what belongs into its extra_pnginfo: the workflow).

    The file is JSON in ComfyUI's API format (the nodes, or the body of a POST to /prompt), or a PNG, WebP or EXR file
    that was saved with its workflow. Raises RefusedError.
    """
    try:
        with path.open("rb") as opened:
            file: BinaryIO = opened if opened.seekable() else io.BytesIO(opened.read(_MOST_TEXT))  # not a pipe
            head = file.read(12)
            file.seek(0)
            texts = _image_texts(head, file)
            content = file.read(_MOST_TEXT) if texts is None else b""
    except OSError as error:
        raise RefusedError(
            f"Check the path of the prompt: {path} cannot be read ({error.strerror or error})."
        ) from error
    if texts is not None:
        return _prompt_of_image(path, texts)
    if kind := next((kind for start, kind in _OTHER_IMAGES.items() if head.startswith(start)), None):
        raise RefusedError(
            f"Pass a PNG, WebP or EXR frame that was saved with its workflow, or export the prompt with Workflow > Export "
            f"(API): {path} is a {kind} file, which holds no workflow."
        )
    return _prompt_of_json(path, _json(content, path))


def _image_texts(head: bytes, file: BinaryIO) -> dict[str, str] | None:
    """Keyword -> text of an image file; None if it is no image that can hold a prompt."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return dict(_png_texts(file))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return dict(_webp_texts(file))
    if head.startswith(b"\x76\x2f\x31\x01"):
        return dict(_exr_texts(file))
    return None


def _png_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The tEXt, zTXt and iTXt chunks: https://www.w3.org/TR/png-3/#11textinfo."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or length > _MOST_TEXT:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        keyword, _, text = file.read(length).partition(b"\0")
        file.seek(4, os.SEEK_CUR)
        if keyword.decode("latin-1") not in _TEXTS:  # a few MB of others can become many GB
            continue
        encoding = "latin-1"
        if kind == b"zTXt":
            text = _inflated(text[1:])
        elif kind == b"iTXt":
            is_compressed, encoding = text[:1] == b"\1", "utf-8"
            text = text[2:].split(b"\0", 2)[-1]
            text = _inflated(text) if is_compressed else text
        yield keyword.decode("latin-1"), text.decode(encoding, "replace")


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT)
    except zlib.error:
        return b""


def _webp_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Texts such as "prompt:{...}" in the tags of the EXIF chunk, as ComfyUI writes them.

    https://developers.google.com/speed/webp/docs/riff_container
    """
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name != b"EXIF" or length > _MOST_TEXT:
            file.seek(length + length % 2, os.SEEK_CUR)
            continue
        exif = file.read(length)
        for text in _exif_texts(exif[6:] if exif.startswith(b"Exif\0\0") else exif):
            keyword, _, value = text.partition(":")
            yield keyword, value
        return


def _exif_texts(tiff: bytes) -> Iterator[str]:
    """The ASCII values of the first directory: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, page 14."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return
    start = struct.unpack_from(order + "I", tiff, 4)[0]
    if start + 2 > len(tiff):
        return
    count = struct.unpack_from(order + "H", tiff, start)[0]
    for entry in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        _, kind, length, place = struct.unpack_from(order + "HHII", tiff, entry)
        if kind == 2:  # ASCII; up to 4 bytes stand in the entry itself
            value = tiff[entry + 8 : entry + 8 + length] if length <= 4 else tiff[place : place + length]
            yield value.rstrip(b"\0").decode("utf-8", "replace")


def _exr_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The string attributes of the first header: https://openexr.com/en/latest/OpenEXRFileLayout.html."""
    header = file.read(_MOST_TEXT)
    position = 8
    while header[position : position + 1] not in (b"", b"\0"):
        try:
            name_end = header.index(b"\0", position)
            kind_end = header.index(b"\0", name_end + 1)
            length = struct.unpack_from("<I", header, kind_end + 1)[0]
        except (ValueError, struct.error):
            return
        start = kind_end + 5
        if header[name_end + 1 : kind_end] == b"string":
            yield (
                header[position:name_end].decode("utf-8", "replace"),
                header[start : start + length].decode("utf-8", "replace"),
            )
        position = start + length


def _prompt_of_image(path: Path, texts: Mapping[str, str]) -> tuple[Prompt, dict[str, Any]]:
    if "prompt" not in texts:
        has = "the workflow, but no prompt" if "workflow" in texts else "no prompt"
        raise RefusedError(
            f"Pass a frame that was saved with its workflow, or export the prompt with Workflow > Export (API): {path} "
            f"holds {has}."
        )
    prompt = _json(texts["prompt"], path)
    extra = {}
    for keyword, text in texts.items():
        if keyword == "workflow":
            with contextlib.suppress(RefusedError):  # the frames can be rendered without it
                extra[keyword] = _json(text, path)
    return _nodes(path, prompt), extra


def _prompt_of_json(path: Path, content: Any) -> tuple[Prompt, dict[str, Any]]:
    extra: dict[str, Any] = {}
    if isinstance(content, dict) and isinstance(content.get("prompt"), dict):  # the body of a POST to /prompt
        data = content.get("extra_data")
        pnginfo = data.get("extra_pnginfo") if isinstance(data, dict) else None
        extra = pnginfo if isinstance(pnginfo, dict) else {}
        content = content["prompt"]
    return _nodes(path, content), extra


def _nodes(path: Path, content: Any) -> Prompt:
    if isinstance(content, dict) and isinstance(content.get("nodes"), list):
        raise RefusedError(
            f"Export the prompt with Workflow > Export (API) in ComfyUI and pass that file: {path} is a workflow of the "
            "editor, which the server cannot run. A frame that was saved with its workflow works too."
        )
    is_prompt = (
        isinstance(content, dict)
        and content
        and all(
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
            for node in content.values()
        )
    )
    if not is_prompt:
        raise RefusedError(
            f"Export the prompt with Workflow > Export (API) in ComfyUI and pass that file: {path} is not a prompt in "
            "ComfyUI's API format."
        )
    # A note that ComfyUI wrote into the prompt that a frame holds. Posted, it would freeze the cache of the node.
    return {node_id: {key: node[key] for key in node if key != "is_changed"} for node_id, node in content.items()}


def _json(text: Any, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"Export the prompt with Workflow > Export (API) in ComfyUI and pass that file: {path} holds no JSON that can "
            f"be read ({error})."
        ) from error


# ---------------------------------------------------------------------------------------------------------- the job

# The savers of earlier packs. On a server without those packs, ComfyUI runs this pack's nodes in their place.
_SUCCESSORS = {
    "Save Image Sequence (mtb)": "ImageSequenceSaveFrame",
    "Image Sequence Saver [Dream]": "ImageSequenceSaveCounted",
    "JWSaveImageSequence": "ImageSequenceSaveBatch",
}


def _and_earlier(inputs: dict[str, str]) -> dict[str, str]:
    """Inputs of this pack's savers, and those of the earlier packs' savers, which have the same names."""
    return {**inputs, **{earlier: inputs[ours] for earlier, ours in _SUCCESSORS.items()}}


# The nodes that save numbered frames, and their inputs that say what happens to frames on disk.
_POLICIES = _and_earlier(
    {
        "ImageSequenceSaveFrame": "on_existing",
        "ImageSequenceSaveCounted": "on_existing",
        "ImageSequenceSaveBatch": "overwrite",
    }
)
_OVERWRITE = {"on_existing": "overwrite", "overwrite": "true"}
_SKIP, _COMPARE = "skip", "skip unchanged"
_NO_METADATA = "--disable-metadata"  # an argument of ComfyUI: the files do not say what made them
# In the savers' messages: how lines begin that say why "skip unchanged" keeps nothing (nodes/_saver.py of the pack), and what
# lines contain that say which frames belong together (io_utils/frame_identity.py).
_WHY_NOTHING_IS_KEPT = (
    f"Start ComfyUI without {_NO_METADATA}",
    "Choose 'skip' to keep these frames",
)
_SEVERAL_GRAPHS = (" graphs made the frames: ", " say which graph made ")
# A remark of --finish.
NOT_COMPARED = (
    "If the prompt has changed, run the command without --finish first: --finish keeps the frames on disk, whichever prompt "
    "made them."
)
# Their inputs that decide the numbers of their files.
_NUMBERED_BY = _and_earlier(
    {
        "ImageSequenceSaveFrame": "current_frame",
        "ImageSequenceSaveCounted": "frame_counter",
        "ImageSequenceSaveBatch": "start_index",
    }
)

# The inputs that hold a frame number. Those of savers and counters decide which number the file gets.
_NUMBERING = {
    **{kind: name for kind, name in _NUMBERED_BY.items() if name == "current_frame"},
    "ImageSequenceFrameCounter": "frame_index",
    "Frame Counter (Simple) [Dream]": "frame_index",
}
_FOLLOWING = {"ImageSequenceLoadFrame": "frame_number"}
# Those by which --frame-input says whose files --frames counts.
_LEADING = {(kind, name) for kind, name in _NUMBERED_BY.items() if name != "start_index"}

# They give every machine the same frame: the next one that is not on disk.
_RESUME_COUNTERS = ("ImageSequenceFrameCounterFromDirectory", "Frame Counter (Directory) [Dream]")
# It waits for the final frame. Savers behind it belong to --finish.
_ANIMATION = "ImageSequenceFromAnimation"
_LOADERS = (_ANIMATION, *_FOLLOWING, "ImageSequenceLoadBatch")


@dataclass(frozen=True)
class Job:
    """A prompt, and how it is set to a frame.

    inputs: the inputs that move with the frame, and their values in `prompt`
    number: the frame that `prompt` stands at, as in the name of the file
    savers: the ids of the nodes that save the sequence
    finals: the final frames of the animations that something waits for, and the first frames of these
    """

    prompt: Prompt
    extra_pnginfo: dict[str, Any]
    inputs: dict[Input, float]
    number: int
    savers: tuple[str, ...]
    finals: dict[int, int]

    def at(self, frame: int, changes: Mapping[Input, Any]) -> Prompt:
        """The prompt for a frame, with further `changes` of inputs."""
        moved = {key: value + frame - self.number for key, value in self.inputs.items()}
        return _changed(self.prompt, {**moved, **changes})

    def check(self, frames: Sequence[int]) -> None:
        """Raise RefusedError for frames that a counter cannot count to."""
        lowest = min(frames)
        for (node, name), value in self.inputs.items():
            first = int(self.number - value)
            if _NUMBERING.get(self.class_of(node)) == name and lowest < first:
                raise RefusedError(
                    f"Start --frames at {first} or later: frame {lowest} would set {node}.{name} to "
                    f"{lowest - first}. --frames takes the numbers in the names of the files; this prompt saves frame "
                    f"{first} when {node}.{name} is 0."
                )

    def check_finish(self, frames: Iterable[int]) -> None:
        """Raise RefusedError for frames that lack some of an animation that something waits for."""
        for final, first in self.finals.items():
            missing = set(range(first, final + 1)).difference(frames)
            if missing:
                raise RefusedError(
                    f"Write --frames {first}-{final} for the film: what waits for the animation takes all of its frames, and "
                    f"{frame_ranges(missing)} would be missing. Frames on disk are only looked at."
                )

    def is_of_sequence(self, node: str) -> bool:
        """Whether the files that a node reports are frames of the sequence, saved or loaded."""
        return node in self.savers or self.prompt.get(node, {}).get("class_type") in _LOADERS

    def class_of(self, node: str) -> str:
        """The class of a node."""
        kind: str = self.prompt[node]["class_type"]
        return kind

    def name_of(self, node: str) -> str:
        """A node as messages name it."""
        return f"Node {node} ({self.class_of(node)})"


def _changed(prompt: Prompt, changes: Mapping[Input, Any]) -> Prompt:
    result = dict(prompt)
    for (node, name), value in changes.items():
        result[node] = {**result[node], "inputs": {**result[node]["inputs"], name: value}}
    return result


def make_job(prompt: Prompt, extra_pnginfo: dict[str, Any], named: Sequence[str]) -> Job:
    """The job of a prompt. `named`: inputs that move too, as "node.input,node.input". Raises RefusedError."""
    savers = _sequence_savers(prompt)
    wanted = set().union(*(_upstream(prompt, saver) for saver in savers))
    for node in sorted(wanted):
        if prompt[node]["class_type"] in _RESUME_COUNTERS:
            raise RefusedError(
                f"Replace node {node} with Frame Counter: {prompt[node]['class_type']} counts the files on disk, so all "
                "machines would take the same frame."
            )
    numbering = _inputs(prompt, wanted, _NUMBERING)
    following = {
        key: value
        for key, value in _inputs(prompt, wanted, _FOLLOWING).items()
        if not _link(prompt, prompt[key[0]]["inputs"].get("frame_counter"))
    }
    leaders, chosen = _named_inputs(prompt, savers, named)
    inputs = {**numbering, **chosen, **following}
    if not inputs:
        raise RefusedError(_no_input(prompt, savers))
    _check_numbering(prompt, savers, inputs)
    numbers = _numbers(prompt, savers, inputs)
    number = _number(prompt, numbers, leaders, chosen)
    number = int(next(iter(inputs.values()))) if number is None else number
    return Job(prompt, extra_pnginfo, inputs, number, savers, _finals(prompt, numbers, number))


def _sequence_savers(prompt: Prompt) -> tuple[str, ...]:
    """The savers to run for every frame: all but those behind the finished animation."""
    savers = [node for node in prompt if prompt[node]["class_type"] in _POLICIES]
    if not savers:
        raise RefusedError(
            "Add a node that saves an image sequence, such as Save Image Sequence (Frame Index): the prompt has none."
        )
    early = tuple(
        node
        for node in savers
        if not any(prompt[other]["class_type"] == _ANIMATION for other in _upstream(prompt, node))
    )
    if not early:
        raise RefusedError(
            "Add a saver in front of Animation Sequence to Images: all savers of the prompt wait for the finished animation."
        )
    return early


def _upstream(prompt: Prompt, node: str) -> set[str]:
    """The node and all that it depends on."""
    found, new = set(), [node]
    while new:
        current = new.pop()
        if current not in found:
            found.add(current)
            new += [link for value in prompt[current]["inputs"].values() if (link := _link(prompt, value)) is not None]
    return found


def _link(prompt: Prompt, value: Any) -> str | None:
    """The node that a value comes from if it is a link, [node id, output]."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in prompt:
        return value[0]
    return None


def _inputs(prompt: Prompt, nodes: Iterable[str], names: Mapping[str, str]) -> dict[Input, float]:
    found = {}
    for node in sorted(nodes):
        name = names.get(prompt[node]["class_type"], "")
        value = prompt[node]["inputs"].get(name)
        if _is_number(value):
            found[node, name] = value
    return found


def _is_number(value: Any) -> bool:
    """Whether it is one that can count. Python's json reads NaN and Infinity."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole or (isinstance(value, float) and math.isfinite(value))


def _named_inputs(prompt: Prompt, savers: Sequence[str], named: Iterable[str]) -> tuple[list[str], dict[Input, float]]:
    """(savers whose numbering was named, and whose files --frames counts therefore; inputs that move)."""
    leaders, chosen = [], {}
    for text in filter(None, map(str.strip, ",".join(named).split(","))):
        node, _, name = text.partition(".")
        if node not in prompt:
            raise RefusedError(f"Write --frame-input as NODE.INPUT, such as 3.seed: the prompt has no node {node!r}.")
        inputs = prompt[node]["inputs"]
        kind = prompt[node]["class_type"]
        is_leader = node in savers and (kind, name) in _LEADING and name in inputs
        if is_leader:
            leaders.append(node)
        if _is_number(inputs.get(name)):
            chosen[node, name] = inputs[name]
        elif not is_leader:
            numbers = [key for key, other in inputs.items() if _is_number(other)]
            has = f"its numbers are {', '.join(numbers)}" if numbers else "it has no numbers"
            fault = "is not a number" if name in inputs else "does not exist"
            raise RefusedError(
                f"Name an input that holds a number with --frame-input: {text} {fault}; node {node} ({kind}): {has}."
            )
    return leaders, chosen


def _numbers(prompt: Prompt, savers: Iterable[str], inputs: Mapping[Input, float]) -> dict[str, int]:
    """The numbers that the prompt gives to the files of its savers, where they follow from inputs that move.

    Batch savers count only if there are no others: a number typed into them is moved because it was named.
    """
    numbers = {}
    for saver in savers:
        drivers = _drivers(prompt, saver, inputs)
        if drivers:
            numbers[saver] = int(inputs[drivers[0]]) + _first_frame(prompt, saver)
    others = {
        saver: number for saver, number in numbers.items() if _POLICIES[prompt[saver]["class_type"]] != "overwrite"
    }
    return others or numbers


def _drivers(prompt: Prompt, saver: str, inputs: Iterable[Input]) -> list[Input]:
    """The moving inputs that decide the numbers of a saver's files."""
    name = _NUMBERED_BY[prompt[saver]["class_type"]]
    source = _link(prompt, prompt[saver]["inputs"].get(name))
    upstream = _upstream(prompt, source) if source else set()
    return [key for key in inputs if key == (saver, name) or key[0] in upstream]


def _first_frame(prompt: Prompt, saver: str) -> int:
    """What a saver adds to the frame of its counter."""
    first = prompt[saver]["inputs"].get("first_frame", 0)
    if prompt[saver]["class_type"] != "ImageSequenceSaveCounted":
        return 0
    if not _is_number(first):
        raise RefusedError(
            f"Type first_frame of node {saver} ({prompt[saver]['class_type']}) as a number: it decides which frame --frames "
            "means, and here it comes from elsewhere."
        )
    return int(first)


def _number(prompt: Prompt, numbers: Mapping[str, int], leaders: Sequence[str], chosen: Iterable[Input]) -> int | None:
    """The number in the file names that the prompt stands at. None if no saver says it."""
    if leaders:
        return numbers[leaders[0]]
    named = {number for saver, number in numbers.items() if _drivers(prompt, saver, chosen)}
    for candidates in (set(numbers.values()), named):
        if len(candidates) == 1:
            return candidates.pop()
    if not numbers:
        return None
    ways = {saver: f"--frame-input {saver}.{_NUMBERED_BY[prompt[saver]['class_type']]}" for saver in numbers}
    stand = ", ".join(f"{way} for node {saver}, now at {numbers[saver]}" for saver, way in ways.items())
    raise RefusedError(f"Say whose files --frames counts: {stand}. Their files get different numbers.")


def _no_input(prompt: Prompt, savers: Sequence[str]) -> str:
    """What to do about a prompt without a frame number."""
    names = {**_FOLLOWING, **_NUMBERED_BY, **_NUMBERING}
    for node in sorted(set().union(*(_upstream(prompt, saver) for saver in savers))):
        name = names.get(prompt[node]["class_type"], "")
        if candidate := _counting_input(prompt, node, name):
            where = "" if candidate == f"{node}.{name}" else f", from which {node}.{name} comes"
            return (
                f"Name the input that counts the frames, for instance --frame-input {candidate}{where}: none was found."
            )
    return "Name the input that counts the frames with --frame-input NODE.INPUT: the prompt has no frame counter."


def _counting_input(prompt: Prompt, node: str, name: str) -> str:
    """An input that holds a number: the given one, or one of the node that it is linked to. Empty if there is none."""
    value = prompt[node]["inputs"].get(name)
    if _is_number(value):
        return f"{node}.{name}"
    source = _link(prompt, value)
    numbers = [key for key, other in prompt[source]["inputs"].items() if _is_number(other)] if source else []
    return f"{source}.{numbers[0]}" if numbers else ""


def _check_numbering(prompt: Prompt, savers: Sequence[str], moved: Iterable[Input]) -> None:
    """Raise RefusedError for a saver that would give all frames the same number, of which it would keep the first."""
    moved = set(moved)
    counting = {node for node, _ in moved}
    for saver in savers:
        inputs = prompt[saver]["inputs"]
        name = _NUMBERED_BY[prompt[saver]["class_type"]]
        sources = [link for value in (inputs.get(name), inputs.get("path_pattern")) if (link := _link(prompt, value))]
        has_tokens = any("%" in value for value in inputs.values() if isinstance(value, str))
        if (saver, name) in moved or has_tokens or any(counting & _upstream(prompt, link) for link in sources):
            continue
        remedy = f"--frame-input {_counting_input(prompt, saver, name) or 'NODE.INPUT'}"
        raise RefusedError(
            f"Name the input that numbers the files of node {saver} as well, for instance {remedy}: "
            f"{prompt[saver]['class_type']} would save all frames under one number."
        )


def _finals(prompt: Prompt, numbers: Mapping[str, int], number: int) -> dict[int, int]:
    """The final frames of the animations that something waits for, and their first frames, counted as --frames does."""
    awaited = {
        link for node in prompt for value in prompt[node]["inputs"].values() if (link := _sequence_of(prompt, value))
    }
    finals = {}
    for saver in awaited & numbers.keys():
        counter = _link(prompt, prompt[saver]["inputs"].get("frame_counter"))
        total = prompt[counter]["inputs"].get("total_frames") if counter else None
        if counter and isinstance(total, (int, float)) and total >= 1:
            first = _first_frame(prompt, saver) + number - numbers[saver]
            finals[first + int(total) - 1] = first
    return finals


def _sequence_of(prompt: Prompt, value: Any) -> str | None:
    """The saver whose animation a value is, if it is one."""
    saver = _link(prompt, value)
    is_sequence = saver and value[1] == 0 and _NUMBERED_BY.get(prompt[saver]["class_type"]) == "frame_counter"
    return saver if is_sequence else None


# ---------------------------------------------------------------------------------------------------------- the server


class Server:
    """A ComfyUI server.

    url: such as http://127.0.0.1:8188
    wait: for how many seconds an operation may fail before the server counts as gone
    stop: ends all waiting with Cancelled when it is set
    """

    def __init__(self, url: str, wait: float, stop: threading.Event) -> None:
        self.url = url
        self.wait = wait
        self.stop = stop
        # Directly, even if the environment names a proxy: the server is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)

    def get(self, path: str, seconds: float | None = None) -> dict[str, Any]:
        """The JSON object at a path. Raises _UnreachableError and RefusedError."""
        return self._object(path, self.request(path, None, seconds))

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """The JSON object that answers a POST. Raises _UnreachableError and RefusedError."""
        return self._object(path, self.request(path, body))

    def request(self, path: str, body: Any = None, seconds: float | None = None) -> bytes:
        """The answer to a GET, or to a POST if there is a body. Raises _UnreachableError and RefusedError."""
        try:
            data = None if body is None else json.dumps(body).encode()
        except RecursionError as error:  # just below the depth that json.loads refuses
            raise RefusedError("Simplify the prompt: its values are nested too deeply to be posted.") from error
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        timeout = min(_REQUEST_SECONDS, self.wait) if seconds is None else seconds
        timeout = max(_SHORTEST_REQUEST, timeout)
        end = time.monotonic() + timeout
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                content = bytearray()
                while part := answer.read1(1 << 16):
                    content += part
                    if len(content) > _MOST_ANSWER or time.monotonic() > end:
                        raise _UnreachableError(f"{self.url}{path} does not answer like ComfyUI")  # noqa: TRY301 - as below
                return bytes(content)
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code in (408, 429):  # timed out, too many requests
                raise _UnreachableError(f"{self.url}{path} answers with HTTP {error.code}") from error
            raise RefusedError(self._refusal(path, error)) from error
        except _UnreachableError:
            raise
        except (OSError, ValueError, EOFError) as error:
            reason = getattr(error, "reason", error)
            raise _UnreachableError(f"{self.url} does not answer ({reason})") from error
        except Exception as error:  # http.client.HTTPException is no OSError
            if type(error).__module__ != "http.client":
                raise
            raise _UnreachableError(f"{self.url} does not answer ({error!r})") from error

    def _object(self, path: str, answer: bytes) -> dict[str, Any]:
        try:
            content = json.loads(answer)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise _UnreachableError(f"{self.url}{path} does not answer like ComfyUI")
        return content

    def pause(self, seconds: float) -> None:
        """Sleep. Raises Cancelled as soon as the render is cancelled."""
        if self.stop.wait(seconds):
            raise Cancelled(signal.SIGINT)

    def patiently(self, path: str) -> dict[str, Any]:
        """The JSON object at a path, waiting for a server that does not answer. Raises NoServerError and RefusedError."""
        patience = _Patience(self)
        while True:
            try:
                return self.get(path)
            except _UnreachableError as error:  # noqa: PERF203 - a request takes a thousand times as long
                patience.failed(error)

    def _refusal(self, path: str, error: urllib.error.HTTPError) -> str:
        try:
            answer = json.loads(error.read())
        except (OSError, ValueError):
            answer = None
        if error.code != 400 or not isinstance(answer, dict):
            return f"Check --server: {self.url}{path} answers with HTTP {error.code}, which ComfyUI does not."
        reasons = _reasons(answer)
        return f"Fix the prompt, or install what it needs: {self.url} refuses it. {reasons}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Answers of ComfyUI lead nowhere else, and prompts are not for other machines."""

    def redirect_request(self, *arguments: Any) -> None:
        """Leave the answer as it is."""


class _Patience:
    """Measures for how long one operation has failed, the first attempt included."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.succeeded()

    def succeeded(self) -> None:
        """Begin to measure again."""
        self._since = time.monotonic()

    def failed(self, error: OSError) -> None:
        """Sleep before the next attempt. Raises NoServerError if --wait is over."""
        left = self._server.wait - (time.monotonic() - self._since)
        if left <= 0:
            raise NoServerError(
                f"Start ComfyUI, or name its address with --server: {error}, tried for {self._server.wait:g} s."
            ) from error
        self._server.pause(min(_RETRY_EVERY, left))


def _reasons(answer: Mapping[str, Any]) -> str:
    """What is wrong with a prompt, from the answer to POST /prompt."""
    reasons: list[str] = []
    error = answer.get("error")
    errors = answer.get("node_errors")
    for node, fault in errors.items() if isinstance(errors, dict) else ():
        faults = fault.get("errors", ()) if isinstance(fault, dict) else ()
        reasons += [f"node {node} ({fault.get('class_type')}): {_sentence(reason)}" for reason in faults]
    if not reasons and error:  # else it repeats what the nodes say
        reasons = [_sentence(error)]
    return "; ".join(filter(None, dict.fromkeys(reasons))).rstrip(".") + "."


def _sentence(reason: Any) -> str:
    if not isinstance(reason, dict):
        return str(reason)
    message, details = str(reason.get("message") or ""), str(reason.get("details") or "")
    return f"{message.rstrip('.')}: {details}" if details and details not in message else message


def server_url(text: str) -> str:
    """An address as http://host:port, perhaps with a path. Raises RefusedError."""
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url)
        has_host = re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", parts.hostname or "")
        is_plain = not (parts.query or parts.fragment or parts.username)
        if parts.scheme in ("http", "https") and has_host and is_plain and parts.port != 0:
            return url.rstrip("/")
    raise RefusedError(f"Write the server's address as {DEFAULT_SERVER}: {text!r} is none.")


# ---------------------------------------------------------------------------------------------------------- rendering


@dataclass
class _Run:
    """A run of the prompt that was posted, or is about to be."""

    frame: int
    body: dict[str, Any]
    reposts: int = 0

    @property
    def prompt_id(self) -> str:
        identifier: str = self.body["prompt_id"]
        return identifier


@dataclass(frozen=True)
class Result:
    """What became of a frame. `fault` is None unless it failed: then it has error, node and class_type.

    notes: what its savers say that a user should know
    """

    frame: int
    state: str
    files: list[str]
    seconds: float
    fault: dict[str, str] | None = None
    notes: tuple[str, ...] = ()


class Renderer:
    """Renders frames of a job, with at most `lookahead` of them in the server's queue, so that it never idles.

    changes: inputs to set in every run
    """

    def __init__(self, server: Server, job: Job, changes: Mapping[Input, Any], lookahead: int) -> None:
        self._server, self._job, self._changes, self._lookahead = server, job, changes, lookahead
        self._client_id = f"image-sequence-{uuid.uuid4().hex}"
        self._queued: deque[_Run] = deque()
        self._files: frozenset[str] = frozenset()  # those of the last frame
        self._read: list[str] = []  # prompts whose entries in the history are no longer needed

    def render(self, frames: Iterable[int]) -> Generator[Result, None, None]:
        """Render frames with the savers of the sequence only, in order.

        Raises RefusedError, NoServerError and Cancelled. Nothing of this render stays in the server's queue, however it ends.
        """
        return self._results(frames, list(self._job.savers))

    def finish(self, frame: int) -> Result:
        """Run the whole prompt at a frame. Raises what `render` raises."""
        (result,) = self._results([frame], None)
        return result

    def _results(self, frames: Iterable[int], targets: list[str] | None) -> Generator[Result, None, None]:
        waiting = iter(frames)
        try:
            while True:
                for frame in waiting:
                    self._begin(frame, targets)
                    if len(self._queued) >= self._lookahead:
                        break
                if not self._queued:
                    break
                entry = self._wait_for(self._queued[0])
                run = self._queued.popleft()
                result = self._checked(self._result(run, entry))
                self._forget(run, result)
                yield result
        except BaseException:
            self._withdraw()
            raise
        finally:
            self._forget_all()

    def _checked(self, result: Result) -> Result:
        """The result. Raises RefusedError if the frame before it had some of the same files."""
        if same := sorted(self._files.intersection(result.files)):
            step = len(result.files)
            raise RefusedError(
                f"Write --frames in steps, such as 0-99:{step} for {step} images a run: frame {result.frame} and the one before "
                f"it both save {_few(same)}."
            )
        self._files = frozenset(result.files)
        return result

    def _begin(self, frame: int, targets: list[str] | None) -> None:
        self._server.pause(0)
        body = {
            "prompt": self._job.at(frame, self._changes),
            "prompt_id": str(uuid.uuid4()),  # our own: an answer that got lost can be looked up
            "client_id": self._client_id,  # ComfyUI 0.19.3 leaves cached nodes out of the history without it
            "extra_data": {"extra_pnginfo": self._job.extra_pnginfo} if self._job.extra_pnginfo else {},
        }
        if targets is not None:
            body["partial_execution_targets"] = targets
        run = _Run(frame, body)
        self._queued.append(run)  # before it is posted, so that a signal in between withdraws it
        self._post(run)

    def _post(self, run: _Run) -> None:
        patience, was_sent = _Patience(self._server), False
        while True:
            try:
                # The server may have accepted the prompt although its answer got lost.
                if was_sent and (run.prompt_id in self._in_queue() or self._entry(run) is not None):
                    return
                answer = self._server.post("/prompt", run.body)
            except _UnreachableError as error:
                was_sent = True
                patience.failed(error)
                continue
            if answer.get("node_errors"):
                # ComfyUI runs the outputs that have no errors. Ours may be among the others.
                raise RefusedError(f"Fix the prompt, or install what it needs: {_reasons(answer)}")
            return

    def _wait_for(self, run: _Run) -> dict[str, Any]:
        """The entry of a finished run in the server's history."""
        patience, pause = _Patience(self._server), _POLL_SHORTEST
        was_lost, checked = False, time.monotonic()
        while True:
            try:
                entry = self._entry(run)
                if entry is not None:
                    return entry
                if was_lost or time.monotonic() - checked > _CHECK_QUEUE_EVERY:
                    self._repost_forgotten()
                    was_lost, checked = False, time.monotonic()
                patience.succeeded()
            except _UnreachableError as error:
                was_lost = True
                patience.failed(error)
                continue
            self._server.pause(pause)
            pause = min(pause * 1.2, _POLL_LONGEST)

    def _repost_forgotten(self) -> None:
        """Post the prompts again that the server no longer knows: it restarted, or somebody cleared its queue."""
        in_queue = self._in_queue()
        for run in self._queued:
            # The history after the queue: a prompt enters it at the moment when it leaves the queue.
            if run.prompt_id in in_queue or self._entry(run) is not None:
                continue
            if run.reposts == _MOST_REPOSTS:
                raise NoServerError(
                    f"Look at the log of ComfyUI: {self._server.url} has lost frame {run.frame}, {_MOST_REPOSTS + 1} times. "
                    "It died while it rendered the frame, or somebody cleared its queue."
                )
            run.reposts += 1
            self._post(run)

    def _entry(self, run: _Run) -> dict[str, Any] | None:
        """The history entry of a run, once it has finished."""
        entry = self._server.get(f"/history/{run.prompt_id}").get(run.prompt_id)
        return entry if isinstance(entry, dict) and entry.get("status") else None

    def _in_queue(self, *parts: str, seconds: float | None = None) -> set[str]:
        """The ids of the prompts in the server's queue; `parts` are queue_running and queue_pending, by default both."""
        queue = self._server.get("/queue", seconds)
        lists = [items for part in parts or _QUEUE if isinstance(items := queue.get(part), list)]
        if len(lists) < len(parts or _QUEUE):
            raise _UnreachableError(f"{self._server.url}/queue does not answer like ComfyUI")
        return {str(item[1]) for items in lists for item in items if isinstance(item, list) and len(item) > 1}

    def _withdraw(self) -> None:
        """Take our prompts out of the server's queue and interrupt the one that runs. Others' prompts stay."""
        ours = {run.prompt_id for run in self._queued}
        seconds = _WITHDRAW_SECONDS
        # A request that a signal cut off may put its prompt into the queue after the first look. An interrupt at the moment
        # when a prompt starts has no effect.
        looks_without_ours = 0
        for _ in range(_WITHDRAW_LOOKS if ours else 0):
            try:
                pending = ours & self._in_queue("queue_pending", seconds=seconds)
                if pending:
                    self._server.request("/queue", {"delete": sorted(pending)}, seconds)
                running = ours & self._in_queue("queue_running", seconds=seconds)
                for prompt_id in running:
                    self._server.request("/interrupt", {"prompt_id": prompt_id}, seconds)
            except (_UnreachableError, RefusedError):
                return  # a server that is gone has no queue
            looks_without_ours = 0 if pending or running else looks_without_ours + 1
            if looks_without_ours == 2:
                return
            time.sleep(_WITHDRAW_EVERY)

    def _forget(self, run: _Run, result: Result) -> None:
        """Remove the entry of a frame that was read, unless it failed and somebody may want to look at it.

        ComfyUI keeps 10,000 entries, each with the prompt and the workflow: 1 GB if they have 100 kB.
        """
        if result.fault is None:
            self._read.append(run.prompt_id)
        if len(self._read) >= _FORGET_AT:
            self._forget_all()

    def _forget_all(self) -> None:
        read, self._read = self._read, []
        if read:
            with contextlib.suppress(_UnreachableError, RefusedError):  # the frames are on disk, with or without it
                self._server.request("/history", {"delete": read}, _WITHDRAW_SECONDS)

    def _result(self, run: _Run, entry: Mapping[str, Any]) -> Result:
        """What became of the frame, from its entry in the history."""
        try:
            return self._read_result(run, entry)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise NoServerError(
                f"Check --server: {self._server.url} does not answer like ComfyUI ({error!r})."
            ) from error

    def _read_result(self, run: _Run, entry: Mapping[str, Any]) -> Result:
        status = entry["status"]
        messages = dict(item[:2] for item in status.get("messages") or () if len(item) >= 2)
        seconds = _seconds(messages)
        outputs = entry.get("outputs") or {}
        if status.get("status_str") != "success":
            return Result(run.frame, "failed", [], seconds, _fault(messages))
        if "partial_execution_targets" not in run.body:
            made = (node for node in outputs if not self._job.is_of_sequence(node))
            files = [file for node in made for file in _files(outputs[node])]
            # Not of the runs before: until all frames are done, some may still be those of another prompt.
            several = [
                f"{self._job.name_of(saver)}: {line}"
                for saver in self._job.savers
                for line in _message_lines(outputs.get(saver, {}))
                if any(words in line for words in _SEVERAL_GRAPHS)
            ]
            return Result(run.frame, "finished", files, seconds, notes=tuple(several))
        states, files, notes = set(), [], []
        for saver in self._job.savers:
            kind = self._job.class_of(saver)
            if saver in outputs:
                states.add(_state(outputs[saver]))
                files += _files(outputs[saver])
                notes += [
                    f"{self._job.name_of(saver)}: {line} To keep them, set its {_POLICIES[kind]} to {_SKIP} in the prompt."
                    for line in _message_lines(outputs[saver])
                    if line.startswith(_WHY_NOTHING_IS_KEPT)
                ]
            elif kind in _SUCCESSORS:  # the earlier packs' savers report nothing
                states.add("saved")
            else:
                fault = {"error": "no image reached the saver, so nothing was saved", "node": saver, "class_type": kind}
                return Result(run.frame, "failed", [], seconds, fault)
        state = next(state for state in STATES if state in states)
        return Result(run.frame, state, files, seconds, notes=tuple(notes))


def _seconds(messages: Mapping[str, Any]) -> float:
    """How long the server worked on a prompt."""
    times = [
        data["timestamp"] / 1000
        for data in messages.values()
        if isinstance(data, dict) and _is_number(data.get("timestamp"))
    ]
    return round(max(times) - min(times), 3) if times else 0.0


def _fault(messages: Mapping[str, Any]) -> dict[str, str]:
    error = messages.get("execution_error")
    data = error or messages.get("execution_interrupted") or {}
    text = str(data.get("exception_message", "")).strip() if error else "somebody cancelled it on the server"
    kind = str(data.get("exception_type", "")).rpartition(".")[-1]
    return {
        "error": f"{kind}: {text}" if kind and error else text or "the server does not say why",
        "node": str(data.get("node_id", "")),
        "class_type": str(data.get("node_type", "")),
    }


def _reports(output: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a node of this pack says about its frames, see io_utils/comfyui/report.py there."""
    reports = []
    for text in output.get("image_sequence") or ():
        with contextlib.suppress(ValueError, TypeError):
            reports.append(json.loads(text))
    return [report for report in reports if isinstance(report, dict)]


def _message_lines(output: Mapping[str, Any]) -> list[str]:
    """The lines of what a node of this pack tells its user."""
    return [line for report in _reports(output) for line in str(report.get("message") or "").splitlines()]


def _state(output: Mapping[str, Any]) -> str:
    """Whether a saver has saved or kept the frame, or did nothing because its animation has ended."""
    reports = _reports(output)
    if any(report.get("saved") for report in reports):
        return "saved"
    if any(report.get("kept") for report in reports):
        return "kept"
    if any("saved" in report for report in reports):
        return "past the end"
    return "saved" if output.get("images") else "past the end"  # version 0.1 of the pack does not count them


def _files(output: Mapping[str, Any]) -> list[str]:
    """The files that a node reports: below ComfyUI's output folder, or absolute in a folder of the operator's."""
    items = [item for values in output.values() if isinstance(values, list) for item in values]
    files = [
        "/".join(filter(None, (item.get("subfolder"), item["filename"])))
        for item in items
        if isinstance(item, dict) and item.get("type") == "output" and item.get("filename")
    ]
    for report in _reports(output):
        if report.get("folder") and report.get("type") == "":
            with contextlib.suppress(LookupError, ValueError, AttributeError):  # no pattern
                files.append(f"{report['folder']}/{report['pattern'].format(report['last'])}")
    return files


# ---------------------------------------------------------------------------------------------------------- the command


# Runs a command. Returns (exit code, what the last line says).
Command = Callable[[argparse.Namespace, Tell, "Tally", threading.Event], tuple[int, str]]


def run(arguments: Sequence[str], tell: Tell | None = None, stop: threading.Event | None = None) -> int:
    """Run a command line and return its exit code. Signals are the caller's business.

    tell: gets every event as a dict, as --json writes them, instead of standard output
    stop: cancels the render when it is set; the exit code is then 130
    """
    tally, given = Tally(), tell
    tell = given or (JsonLines() if "--json" in arguments else Lines())

    def command() -> tuple[int, str]:
        nonlocal tell
        options = _parse(arguments)
        tell = given or options.teller()
        function: Command = options.function
        return function(options, tell, tally, threading.Event() if stop is None else stop)

    code, text = outcome(command)
    tell(tally.end(code, text))
    return code


def outcome(command: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """Run a command. Returns (exit code, what the last line says), also if it was refused, cancelled or had no server."""
    try:
        return command()
    except RefusedError as error:
        return REFUSED, str(error)
    except NoServerError as error:
        return NO_SERVER, str(error)
    except Cancelled as error:
        return 128 + error.signal, "Cancelled."


def not_rendered(frames: str) -> str:
    """The end of a last line that names frames which were not rendered. Empty if there are none."""
    return f" Not rendered: {frames}." if frames else ""


class Tally:
    """Counts what became of the frames."""

    def __init__(self) -> None:
        self._frames: list[int] = []
        self._done = 0
        self._states = dict.fromkeys(STATES, 0)
        self._started = time.monotonic()
        self._noted: set[str] = set()
        self.failed: list[int] = []

    def begin(self, frames: list[int]) -> None:
        self._frames = frames

    def frame(self, result: Result) -> Event:
        """Count a frame. Returns the event that tells of it."""
        self._done += 1
        if result.fault is None:
            self._states[result.state] += 1
        else:
            self.failed.append(result.frame)
        facts = {"frame": result.frame, "state": result.state, "files": result.files, "seconds": result.seconds}
        return {"event": "frame", **facts, "done": self._done, "total": len(self._frames), **(result.fault or {})}

    def notes(self, texts: Iterable[str]) -> list[Event]:
        """The events that tell of remarks: of each once, however many frames repeat it."""
        new = [text for text in dict.fromkeys(texts) if text not in self._noted]
        self._noted.update(new)
        return [{"event": "note", "text": text} for text in new]

    def end(self, code: int, text: str) -> Event:
        """The last event."""
        left = frame_ranges(self._frames[self._done :])
        return {
            "event": "end",
            "exit_code": code,
            "saved": self._states["saved"],
            "kept": self._states["kept"],
            "failed": self.failed,
            "left": left,
            "seconds": round(time.monotonic() - self._started, 3),
            "text": f"{text}{not_rendered(left)}",
        }

    def summary(self) -> str:
        """One line about a render that went to its end."""
        if self.failed:
            others = self._done - len(self.failed)
            return (
                f"Run the command again to render only the frames that failed: {frame_ranges(self.failed)}."
                f"{f' {count_of_frames(others)} succeeded.' if others else ''}"
            )
        if self._states["past the end"] == self._done:
            return f"Check --frames, which takes the numbers in the file names: {count_of_frames(self._done)}, all past the end."
        counts = ", ".join(f"{count} {state}" for state, count in self._states.items() if count)
        return f"{count_of_frames(self._done)}: {counts}, in {time.monotonic() - self._started:.1f} s."


def _render(options: argparse.Namespace, tell: Tell, tally: Tally, stop: threading.Event) -> tuple[int, str]:
    """(exit code, what the last line says)."""
    frames = parse_frames(options.frames)
    url = server_url(options.server or os.environ.get("COMFYUI_SERVER") or DEFAULT_SERVER)
    prompt, extra_pnginfo = read_prompt(Path(options.prompt))
    job = make_job(prompt, extra_pnginfo, options.frame_input)
    job.check(frames)
    if options.finish:
        job.check_finish(frames)
    tally.begin(frames)
    tell(start_event(job, frames, url))

    server = Server(url, options.wait, stop)
    changes, remarks = policies(server, job, is_overwrite=options.overwrite, is_finish=options.finish)
    for note in tally.notes(remarks):
        tell(note)
    # An input that no node reads: the savers run and look at the disk, whatever the server has in its cache. It may say
    # "saved" of an earlier run, or hold the sequence that a saver listed while frames were missing.
    changes.update({(saver, "farm_run"): uuid.uuid4().hex for saver in job.savers})
    renderer = Renderer(server, job, changes, options.lookahead)
    with contextlib.closing(renderer.render(frames)) as results:
        for result in results:
            for note in tally.notes(result.notes):
                tell(note)
            tell(tally.frame(result))
    if tally.failed:
        return FAILED, tally.summary()
    return _finish(renderer, job, frames, tell, tally) if options.finish else (DONE, tally.summary())


def start_event(job: Job, frames: Sequence[int], server: str) -> Event:
    """The first event."""
    first = job.at(frames[0], {})
    inputs = {f"{node}.{name}": first[node]["inputs"][name] for node, name in job.inputs}
    span = {"frames": len(frames), "first": min(frames), "last": max(frames)}
    return {"event": "start", **span, "server": server, "inputs": inputs}


def _finish(renderer: Renderer, job: Job, frames: list[int], tell: Tell, tally: Tally) -> tuple[int, str]:
    """Run the whole prompt where animations end, or at the last frame if nothing waits for one."""
    for last in sorted(job.finals) or [max(frames)]:
        result = renderer.finish(last)
        fault = result.fault or {}
        for note in tally.notes(result.notes):
            tell(note)
        tell({"event": "finish", "frame": last, "files": result.files, "seconds": result.seconds, **fault})
        if fault:
            return FAILED, f"The frames are done, but what comes after them failed: {_where(fault)}{fault['error']}"
    return DONE, tally.summary()


def policies(server: Server, job: Job, *, is_overwrite: bool, is_finish: bool) -> tuple[dict[Input, Any], list[str]]:
    """(inputs that make the savers keep or replace frames on disk, remarks about frames that are not kept or not compared).

    Frames on disk are compared with the prompt, except by a saver that is set to "skip", and by --finish. All machines have
    compared them before it, each with the plates that it has itself: one whose plates have other times would render the
    others' frames again, and so would any if the graph always counts as changed.

    Raises NoServerError and Cancelled.
    """
    changes: dict[Input, Any] = {}
    remarks = []
    for saver in job.savers:
        kind = job.class_of(saver)
        name = _POLICIES[kind]
        known = _node_info(server, kind) or _node_info(server, _SUCCESSORS.get(kind, kind))
        if not known:
            continue  # the server will refuse the prompt, and say why
        offered = _options(known, name)
        value = _OVERWRITE[name] if is_overwrite else _SKIP
        if not is_overwrite and _COMPARE in offered and job.prompt[saver]["inputs"].get(name) != _SKIP:
            fault = NOT_COMPARED if is_finish else _why_incomparable(server)
            remarks += [fault] if fault else []
            value = _SKIP if fault else _COMPARE
        if value in offered:
            changes[saver, name] = value
        elif not is_overwrite:
            remarks.append(f"{job.name_of(saver)} cannot keep frames that are on disk: it renders all of them.")
    return changes, remarks


def _why_incomparable(server: Server) -> str:
    """Why the files on a server do not say what made them. Empty if they do, or if the server does not tell."""
    try:
        system = server.patiently("/system_stats").get("system")
    except RefusedError:  # no such route
        return ""
    arguments = system.get("argv") if isinstance(system, dict) else None
    if not isinstance(arguments, list) or _NO_METADATA not in arguments:
        return ""
    return (
        f"Start ComfyUI without {_NO_METADATA} to render frames again that another prompt made: the files of {server.url} do "
        "not say what made them, so all frames on disk are kept."
    )


def _node_info(server: Server, kind: str) -> dict[str, Any]:
    """What the server says about a class of nodes; empty if it has none of that name."""
    info = server.patiently(f"/object_info/{urllib.parse.quote(kind, safe='')}").get(kind)
    return info if isinstance(info, dict) else {}


def _options(info: Mapping[str, Any], name: str) -> list[Any]:
    """The values that an input offers."""
    for inputs in (info.get("input") or {}).values():
        declared = inputs.get(name) if isinstance(inputs, dict) else None
        if isinstance(declared, list) and declared:
            details = declared[1] if len(declared) > 1 and isinstance(declared[1], dict) else {}
            options = declared[0] if isinstance(declared[0], list) else details.get("options")
            return options if isinstance(options, list) else []
    return []


def _where(fault: Mapping[str, str]) -> str:
    return f"node {fault['node']} ({fault['class_type']}): " if fault["node"] else ""


# ---------------------------------------------------------------------------------------------------------- output


def _line(event: Event) -> str:
    """An event as a line of text."""
    kind = event["event"]
    if kind == "start":
        inputs = ", ".join(f"{name} from {value}" for name, value in event["inputs"].items())
        span = f", {event['first']} to {event['last']}," if event["frames"] > 1 else f", {event['first']},"
        return f"Rendering {count_of_frames(event['frames'])}{span} on {event['server']}: {inputs}"
    files = _few(event.get("files", ()))
    seconds = f"({event.get('seconds', 0):.1f} s)"
    if kind == "frame":
        what = " ".join(filter(None, (event["state"], files, seconds)))
        if event["state"] == "failed":
            what = f"failed: {_where(event)}{' '.join(event['error'].split())}"
        elif event["state"] == "past the end":
            what = "past the end, nothing was written"
        worker = f" on {event['worker']}" if "worker" in event else ""  # of dask_render.py
        return f"frame {event['frame']}: {what}{worker}"
    if kind == "finish":
        return " ".join(filter(None, ("finish: failed" if "error" in event else "finish: done", files, seconds)))
    return str(event["text"])


def count_of_frames(count: int) -> str:
    """Such as "1 frame" or "1,200 frames"."""
    return "1 frame" if count == 1 else f"{count:,} frames"


def _few(files: Sequence[str]) -> str:
    return " ".join(files) if len(files) < 4 else f"{files[0]} ... {files[-1]} ({len(files)} files)"


class Lines:
    """Prints a line for every event. On a terminal, a bar with the time left stands below them."""

    def __init__(self) -> None:
        self._out: TextIO = sys.stdout
        self._has_bar = self._out is not None and self._out.isatty()
        self._bar = ""
        self._clock = self._rendered = 0.0
        self._rendered_frames = 0

    def __call__(self, event: Event) -> None:
        """Print an event."""
        is_error = event["event"] == "end" and event["exit_code"] != DONE
        self._clear()
        print(_line(event), file=sys.stderr if is_error else self._out, flush=True)
        if self._has_bar:
            self._draw(event)

    def _clear(self) -> None:
        if self._bar:
            print("\r" + " " * len(self._bar) + "\r", end="", file=self._out)
            self._bar = ""

    def _draw(self, event: Event) -> None:
        now = time.monotonic()
        if event["event"] == "frame":
            if event["state"] != "kept":  # kept frames take no time and would make the estimate too short
                self._rendered += now - self._clock
                self._rendered_frames += 1
            if event["done"] < event["total"]:
                self._bar = self._text(event["done"], event["total"])
                print(self._bar, end="", file=self._out, flush=True)
        self._clock = now

    def _text(self, done: int, total: int) -> str:
        width = max(10, min(40, shutil.get_terminal_size().columns - 45))
        filled = width * done // total
        text = f"[{'#' * filled}{'.' * (width - filled)}] {done}/{total}"
        if not self._rendered_frames:
            return text
        seconds = self._rendered / self._rendered_frames
        left = round(seconds * (total - done))
        return f"{text}, {seconds:.1f} s a frame, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


class JsonLines:
    """Prints every event as a line of JSON."""

    def __call__(self, event: Event) -> None:
        """Print an event."""
        print(json.dumps(event), flush=True)


class _OpenJD:
    """Prints lines, and tells an Open Job Description session how far the task is.

    https://github.com/OpenJobDescription/openjd-specifications/wiki/How-Jobs-Are-Run#stdoutstderr-messages
    """

    def __init__(self) -> None:
        self._lines = Lines()

    def __call__(self, event: Event) -> None:
        """Print an event."""
        self._lines(event)
        text = " ".join(_line(event).split())
        if event["event"] == "frame":
            print(f"openjd_progress: {100 * event['done'] / event['total']:.1f}")
            print(f"openjd_status: {text}", flush=True)
        elif event["event"] == "end" and event["exit_code"] != DONE:
            print(f"openjd_fail: {text}", flush=True)


# ---------------------------------------------------------------------------------------------------------- start and stop


def _start(options: argparse.Namespace, tell: Tell, tally: Tally, stop: threading.Event) -> tuple[int, str]:
    """Start ComfyUI in the background, for a session of Open Job Description."""
    if not options.comfyui:
        if options.server:
            print(f"openjd_env: COMFYUI_SERVER={server_url(options.server)}")
        return DONE, "No ComfyUI was started: --comfyui is empty, so one must be running."
    folder = Path(options.comfyui)
    if not (folder / "main.py").is_file():
        raise RefusedError(f"Pass the folder of ComfyUI with --comfyui: {folder} has no main.py.")
    url = _free_address(options.server)
    try:
        further = shlex.split(options.arguments.replace("\\", "\\\\") if os.name == "nt" else options.arguments)
    except ValueError as error:
        raise RefusedError(f"Close the quotation in --arguments: {options.arguments!r} ({error}).") from error
    log = tempfile.NamedTemporaryFile(prefix="comfyui-", suffix=".log", delete=False)  # noqa: SIM115 - ComfyUI writes it
    python = options.python or _python_of(folder)
    python = os.path.abspath(python) if os.path.dirname(python) else python  # it starts in ComfyUI's folder
    command = [
        *(python, "main.py", "--listen", "127.0.0.1"),
        *("--port", str(urllib.parse.urlsplit(url).port), "--disable-auto-launch"),
        *(("--output-directory", str(Path(options.output).absolute())) if options.output else ()),
        *further,
    ]
    try:
        with log:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **_detached()
            )
    except OSError as error:
        raise RefusedError(
            f"Name ComfyUI's own Python with --python: {command[0]} cannot be started ({error})."
        ) from error
    # Now, because a session that kills this before the server answers runs stop all the same.
    print(f"openjd_env: COMFYUI_PID={process.pid}", flush=True)
    try:
        _wait_until_it_answers(Server(url, options.wait, stop), process, log.name)
    except BaseException:
        _end(process.pid)
        raise
    print(f"openjd_env: COMFYUI_SERVER={url}")
    return DONE, f"ComfyUI runs at {url}, process {process.pid}. Its log is {log.name}."


def _free_address(server: str) -> str:
    """The address to start a server at: the given one, else a free port. Raises RefusedError if it cannot be used."""
    if not server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{probe.getsockname()[1]}"
    url = server_url(server)
    parts = urllib.parse.urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost") or parts.scheme != "http" or parts.port is None:
        raise RefusedError(
            f"Write --server as {DEFAULT_SERVER}: ComfyUI is started on this machine only, not at {url}."
        )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", parts.port)) == 0:
            raise RefusedError(
                f"Choose another port with --server, or leave it out: something listens at {url} already."
            )
    return url


def _python_of(folder: Path) -> str:
    """The Python of a ComfyUI folder, else the one that runs this."""
    places = [folder / venv / end for venv in (".venv", "venv") for end in ("bin/python", "Scripts/python.exe")]
    places.append(folder.absolute().parent / "python_embeded" / "python.exe")  # the Windows portable build
    return next((str(place) for place in places if place.is_file()), sys.executable)


def _detached() -> dict[str, Any]:
    """The arguments of Popen for a process that outlives this one and can be ended with all its children."""
    if os.name == "nt":
        flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        return {"creationflags": flags}
    return {"start_new_session": True}


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: str) -> None:
    end = time.monotonic() + server.wait
    while True:
        code = process.poll()
        if code is not None:
            raise NoServerError(f"Look at {log}: ComfyUI ended with exit code {code}.\n{_tail(log)}")
        try:
            server.get("/system_stats")
        except (_UnreachableError, RefusedError) as error:
            if time.monotonic() > end:
                raise NoServerError(f"Look at {log}: {error}, tried for {server.wait:g} s.\n{_tail(log)}") from error
            server.pause(_RETRY_EVERY)
        else:
            return


def _tail(log: str) -> str:
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-20:])


def _stop(options: argparse.Namespace, tell: Tell, tally: Tally, stop: threading.Event) -> tuple[int, str]:
    """End the ComfyUI that `_start` started."""
    number = os.environ.get("COMFYUI_PID", "")
    if not number:
        return DONE, "No ComfyUI was stopped: COMFYUI_PID is not set, so none was started."
    if not number.isascii() or not number.isdigit() or int(number) < 2:
        raise RefusedError(f"Set COMFYUI_PID to what start printed: {number!r} is not the number of a process.")
    has_ended = _is_comfyui(int(number)) and _end(int(number))
    return DONE, f"Process {number} has ended." if has_ended else f"Process {number} had ended already."


def _is_comfyui(process: int) -> bool:
    """Whether a process may be the one that start started. Other systems than Linux do not tell."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()  # empty for one that has just ended
    except OSError:
        return True
    return not command or b"main.py" in command


def _end(process: int) -> bool:
    """End a process that was started detached, and its children. False if there was none."""
    if os.name == "nt":
        taskkill = ["taskkill", "/PID", str(process), "/T", "/F"]
        return subprocess.run(taskkill, capture_output=True, check=False).returncode == 0
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(process) != process:
            return False  # the number was given to another process
    try:
        os.killpg(process, signal.SIGTERM)
    except ProcessLookupError:
        return False
    _wait_until_it_ends(process)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS does not permit it once all are dead
        os.killpg(process, signal.SIGKILL)  # those that did not end in time, and children that outlived it
    _wait_until_it_ends(process)
    return True


def _wait_until_it_ends(process: int) -> None:
    end = time.monotonic() + _END_SECONDS
    while _is_alive(process) and time.monotonic() < end:
        time.sleep(_WITHDRAW_EVERY)


def _is_alive(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)  # a child of this process stays a zombie until somebody waits for it
    try:
        os.kill(process, 0)
        # In a container without an init process nobody does. While other threads of it end, it still listens.
        folder = Path(f"/proc/{process}")
        state = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        return state != "Z" or len(list((folder / "task").iterdir())) > 1
    except ProcessLookupError:
        return False
    except OSError:  # no /proc
        return True


# ---------------------------------------------------------------------------------------------------------- the parser


class _Parser(argparse.ArgumentParser):
    """Raises RefusedError instead of ending the process."""

    def error(self, message: str) -> Any:
        """Refuse the command line."""
        raise RefusedError(f"See {self.prog} --help: {message}.")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Raises RefusedError if they are wrong."""
    # argparse takes a value that begins with a minus sign for an option.
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in ("--frames", "--arguments"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    options, unknown = _parser().parse_known_args(joined)
    if unknown:
        raise RefusedError(f"See comfyui_frames.py {options.command} --help: it does not know {' '.join(unknown)}.")
    return options


def _parser() -> _Parser:
    description = (__doc__ or "").strip()
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser("comfyui_frames.py", description=description, formatter_class=raw, allow_abbrev=False)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="render | start | stop", parser_class=_Parser
    )
    render = commands.add_parser("render", help="render frames", allow_abbrev=False)
    render.set_defaults(function=_render, teller=Lines)
    add_render_arguments(render)
    render.add_argument(
        "--server", metavar="URL", help=f"the ComfyUI to use (default: COMFYUI_SERVER, else {DEFAULT_SERVER})"
    )
    render.add_argument(
        "--finish",
        action="store_true",
        help="render only what is missing, whichever prompt made the others; then run the whole prompt at the final frame, "
        "with what waits for the finished animation",
    )
    output = render.add_mutually_exclusive_group()
    output.add_argument(
        "--json", dest="teller", action="store_const", const=JsonLines, help="print a line of JSON for every event"
    )
    output.add_argument(
        "--openjd",
        dest="teller",
        action="store_const",
        const=_OpenJD,
        help="also report to an Open Job Description session",
    )

    start = commands.add_parser("start", help="start ComfyUI for a session of Open Job Description", allow_abbrev=False)
    start.set_defaults(function=_start, teller=Lines)
    start.add_argument("--comfyui", metavar="DIR", default="", help="ComfyUI's folder; empty: one is running already")
    start.add_argument("--server", metavar="URL", default="", help="where it listens (default: a free port)")
    start.add_argument("--output", metavar="DIR", default="", help="its output folder")
    start.add_argument("--python", metavar="PYTHON", default="", help="its Python (default: the one of its own folder)")
    start.add_argument("--arguments", metavar="TEXT", default="", help="further arguments of its main.py")
    start.add_argument("--wait", metavar="SECONDS", type=_seconds_to_wait, default=300.0, help="how long it may take")
    commands.add_parser("stop", help="end the ComfyUI that start has started").set_defaults(
        function=_stop, teller=Lines
    )
    return parser


def add_render_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what to render, not where."""
    parser.add_argument("prompt", metavar="PROMPT", help="a prompt in API format, or a frame saved with its workflow")
    parser.add_argument(
        "--frames",
        metavar="SPEC",
        required=True,
        help="e.g. 1001-1100, 1001-1100:2 or 7,9,20-25: the numbers in the file names",
    )
    parser.add_argument(
        "--frame-input",
        metavar="NODE.INPUT",
        nargs="+",
        action="extend",
        default=[],
        help="another input that moves with the frame, e.g. 3.seed; also several, with commas",
    )
    parser.add_argument("--overwrite", action="store_true", help="also render frames that are on disk")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds_to_wait,
        default=300.0,
        help="how long to wait for a server that does not answer (default: 300)",
    )
    parser.add_argument(
        "--lookahead",
        metavar="N",
        type=_at_least_one,
        default=2,
        help="how many frames are in the server's queue at a time (default: 2)",
    )


def _seconds_to_wait(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < threading.TIMEOUT_MAX:
            return seconds
    raise argparse.ArgumentTypeError(f"write a number of seconds, not {text!r}")


def _at_least_one(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"write a number from 1 on, not {text!r}")


def main() -> int:
    """Run the command line. SIGINT, SIGTERM, SIGHUP and SIGBREAK cancel it."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]

    def cancel(number: int, _: object) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)  # let it withdraw its prompts
        raise Cancelled(signal.SIGINT if number == getattr(signal, "SIGBREAK", None) else number)

    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, cancel)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # a service may have none
        stream.reconfigure(errors="backslashreplace")
    try:
        return run(sys.argv[1:])
    except (
        OSError
    ) as error:  # nobody reads the output any more, as in `| head`, or its disk is full. Nothing is queued.
        if not isinstance(error, BrokenPipeError):
            print(f"Make room for the output: it cannot be written ({error.strerror}).", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at the end
        return _NO_READER


if __name__ == "__main__":
    sys.exit(main())
