"""Every kind of file with 1 to 4 channels, in every loader and saver of a running ComfyUI with float32 and float16 images.

Nearly all nodes run in one prompt. A probe (`ProbeNote`) records the result of each loader; other projects' decoders check the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from devtools.comfyui_server import ComfyUIServer, PromptFailed

from ..kinds import HEIGHT, KINDS, READ, WIDTH, WRITTEN, as_image, as_written, flat, picture, tolerance_of
from ..srgb import in_file, in_image

# Half an ulp of float16 below 1.
ROUNDING = {"float32": 1e-6, "float16": 2**-12 + 1e-6}
Node = tuple[str, dict[str, Any]]

# The cases for each loader: (node, its inputs, the frames that it returns). Of 0 to 3, frames 0 and 2 are on disk. None is black.
ASKED: dict[str, tuple[str, dict[str, Any], list[int | None]]] = {
    "batch, missing left out": ("LoadBatch", {"ignore_missing_images": "true"}, [0, 2]),
    "batch, previous held": ("LoadBatch", {"ignore_missing_images": "hold previous"}, [0, 0, 2, 2]),
    "batch, black": ("LoadBatch", {"ignore_missing_images": "black"}, [0, None, 2, None]),
    "batch, every second": ("LoadBatch", {"ignore_missing_images": "false", "step": 2, "frame_count": 2}, [0, 2]),
    "frame": ("LoadFrame", {"frame_number": 2, "on_missing": "error"}, [2]),
    "frame, previous held": ("LoadFrame", {"frame_number": 1, "on_missing": "hold previous"}, [0]),
    "frame, next held": ("LoadFrame", {"frame_number": 1, "on_missing": "hold next"}, [2]),
    "frame, black": ("LoadFrame", {"frame_number": 1, "on_missing": "black"}, [None]),
    "animation": ("FromAnimation", {}, [0, 2]),
}
SIZES = (8, 12), (16, 20), (5, 7)
DTYPES = ("float32", "float16")
SAVED = [
    (saver, filetype, channels, dtype)
    for saver in ("SaveBatch", "SaveFrame", "SaveCounted")
    for filetype in WRITTEN
    for channels in (1, 2, 3, 4)
    for dtype in DTYPES
]


def folder(kind: str, channels: int) -> str:
    return f"{kind.replace(' ', '_')}_{channels}"


class Noted(NamedTuple):
    images: np.ndarray
    mask: np.ndarray | None


class Host:
    """A ComfyUI that passes images as `dtype`, and the results of its nodes."""

    def __init__(self, server: ComfyUIServer, dtype: str) -> None:
        self.server, self.dtype = server, dtype
        self.input, self.output = server.base / "input", server.base / "output"
        self.notes = server.base / "notes"
        self.notes.mkdir()
        self._write_files()
        server.run({name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in self._graph()})

    def _write_files(self) -> None:
        for kind, channels in READ:
            extension, write, _, _ = KINDS[kind]
            for place in ("", "sizes_"):
                (self.input / f"{place}{folder(kind, channels)}").mkdir()
            for frame in (0, 2):
                write(self.input / folder(kind, channels) / f"f_{frame:02d}{extension}", picture(frame, channels))
            for frame, (height, width) in enumerate(SIZES):
                path = self.input / f"sizes_{folder(kind, channels)}" / f"f_{frame:02d}{extension}"
                write(path, flat((frame + 1) / 4, channels, height, width))
        for channels in (1, 2, 3, 4):
            np.save(self.input / f"{channels}.npy", np.stack([picture(frame, channels) for frame in range(2)]))

    def _graph(self) -> Iterator[tuple[str, Node]]:
        for kind, channels in READ:
            for asked in ASKED:
                yield from self._asks(kind, channels, asked)
            loader = self.batch(kind, channels, "sizes_") | {"on_size_mismatch": "resize to first"}
            yield from self._noted(f"{folder(kind, channels)} sizes", ("ImageSequenceLoadBatch", loader))
        for channels in (1, 2, 3, 4):
            for dtype in DTYPES:
                given = {"path": str(self.input / f"{channels}.npy"), "dtype": dtype}
                yield f"{channels} {dtype}", ("ProbeArray", given)
                yield f"{channels} {dtype} first", ("ImageFromBatch", self.first(channels, dtype))
        yield "counter", ("ImageSequenceFrameCounter", {"frame_index": 0, "total_frames": 1, "frames_per_second": 24})
        for row in SAVED:
            yield from self._saves(*row)

    def batch(self, kind: str, channels: int, place: str = "") -> dict[str, Any]:
        pattern = f"{place}{folder(kind, channels)}/f_##{KINDS[kind].extension}"
        more = {"start_index": 0, "frame_count": 0, "ignore_missing_images": "false", "folder": "input"}
        return {"path_pattern": pattern} | more

    def first(self, channels: int, dtype: str) -> dict[str, Any]:
        return {"image": [f"{channels} {dtype}", 0], "batch_index": 0, "length": 1}

    def frame(self, kind: str, channels: int) -> dict[str, Any]:
        pattern = f"f_##{KINDS[kind].extension}"
        return {"directory_path": folder(kind, channels), "pattern": pattern, "indexing": "numeric", "folder": "input"}

    def _asks(self, kind: str, channels: int, asked: str) -> Iterator[tuple[str, Node]]:
        node, inputs, _ = ASKED[asked]
        name = f"{folder(kind, channels)} {asked}"
        if node == "FromAnimation":
            files = sorted((self.input / folder(kind, channels)).iterdir())
            yield f"{name} files", ("ProbeAnimation", {"files": "\n".join(map(str, files))})
            yield from self._noted(name, ("ImageSequenceFromAnimation", {"sequence": [f"{name} files", 0]}), mask=False)
        elif node == "LoadFrame":
            yield from self._noted(name, ("ImageSequenceLoadFrame", self.frame(kind, channels) | inputs))
        else:
            more = {"frame_count": 4} | inputs
            yield from self._noted(name, ("ImageSequenceLoadBatch", self.batch(kind, channels) | more))

    def _noted(self, name: str, loader: Node, *, mask: bool = True) -> Iterator[tuple[str, Node]]:
        yield name, loader
        note = {"images": [name, 0], "path": str(self.notes / f"{name}.npz")} | ({"mask": [name, 1]} if mask else {})
        yield f"{name} note", ("ProbeNote", note)

    def _saves(self, saver: str, filetype: str, channels: int, dtype: str) -> Iterator[tuple[str, Node]]:
        where, images = self.saved_at(saver, filetype, channels, dtype), f"{channels} {dtype}"
        one = [f"{images} first", 0]
        if saver == "SaveBatch":
            inputs = {"images": [images, 0], "path_pattern": f"{where}/a_#####", "start_index": 0, "overwrite": "true"}
        elif saver == "SaveFrame":
            inputs = {"images": one, "filename_prefix": f"{where}/a", "current_frame": 0}
        else:
            inputs = {"frame_counter": ["counter", 0], "image": one, "directory_path": where, "prefix": "a"}
            inputs |= {"digits": 5, "at_end": "stop output"}
        yield where, (f"ImageSequence{saver}", inputs | {"filetype": filetype})
        if saver == "SaveCounted":
            again = ("ImageSequenceFromAnimation", {"sequence": [where, 0]})
            yield from self._noted(where.replace("/", " "), again, mask=False)

    def saved_at(self, saver: str, filetype: str, channels: int, dtype: str) -> str:
        return f"{saver}/{folder(filetype, channels)}_{dtype}"

    def noted(self, name: str) -> Noted:
        with np.load(self.notes / f"{name}.npz") as note:
            types = json.loads(str(note["types"]))
            assert set(types.values()) == {f"torch.{self.dtype}"}
            return Noted(note["images"], note.get("mask"))

    def shows(self, name: str, pictures: list[np.ndarray], tolerance: float, extension: str) -> None:
        """Assert that the node showed these pictures of files. EXR files hold linear light, an IMAGE is sRGB-encoded."""
        noted = self.noted(name)
        colours, alphas = zip(*(as_image(in_image(pixels, extension)) for pixels in pictures))
        near = tolerance + ROUNDING[self.dtype]
        # Colour is divided by the alpha that the mask holds, here at least 0.25 with an error of up to 2^-12.
        divided = extension == ".exr" and any(pixels.shape[-1] in (2, 4) for pixels in pictures)
        of_alpha = 2**-11 if divided and self.dtype == "float16" else 0
        np.testing.assert_allclose(noted.images, np.stack(colours), rtol=0, atol=near + of_alpha)
        if noted.mask is not None:
            np.testing.assert_allclose(noted.mask, np.stack(alphas), rtol=0, atol=near)


@pytest.fixture(scope="module", params=["float32", "float16"])
def host(start: Callable[..., ComfyUIServer], request: pytest.FixtureRequest) -> Iterator[Host]:
    """A ComfyUI with its default options, and one with --fp16-intermediates."""
    flags = [] if request.param == "float32" else ["--fp16-intermediates"]
    known = (Path(os.environ.get("COMFYUI_DIR", "")) / "comfy" / "cli_args.py").read_text(encoding="utf-8")
    if not all(flag in known for flag in flags):
        pytest.skip("needs a ComfyUI that has --fp16-intermediates, as 0.17 and later have")
    with start(*flags) as server:
        yield Host(server, request.param)


@pytest.mark.parametrize(("kind", "channels"), READ)
class TestAFile:
    @pytest.mark.parametrize("asked", ASKED)
    def test_is_loaded(self, host: Host, kind: str, channels: int, asked: str) -> None:
        black = np.zeros((HEIGHT, WIDTH, 3))
        pictures = [black if frame is None else picture(frame, channels) for frame in ASKED[asked][2]]

        row = KINDS[kind]
        host.shows(f"{folder(kind, channels)} {asked}", pictures, row.tolerance, row.extension)

    def test_of_another_size_is_resized(self, host: Host, kind: str, channels: int) -> None:
        pictures = [flat(shade, channels, *SIZES[0]) for shade in (0.25, 0.5, 0.75)]

        row = KINDS[kind]
        host.shows(f"{folder(kind, channels)} sizes", pictures, row.tolerance + 1e-4, row.extension)


@pytest.mark.parametrize(("kind", "channels"), [("png", 4), ("exr half", 4), ("tiff16", 2)])
class TestAPolicyOfStopping:
    def stops(self, host: Host, node: str, inputs: dict[str, Any], *facts: str) -> None:
        loader = {"class_type": f"ImageSequence{node}", "inputs": inputs}
        shown = {"class_type": "PreviewImage", "inputs": {"images": ["load", 0]}}
        with pytest.raises(PromptFailed) as caught:
            host.server.run({"load": loader, "show": shown})
        first_line = str(caught.value).splitlines()[0]
        assert all(fact in first_line for fact in facts), first_line

    def test_names_the_missing_frames_of_a_batch(self, host: Host, kind: str, channels: int) -> None:
        self.stops(host, "LoadBatch", host.batch(kind, channels) | {"frame_count": 4}, "1,3", "On disk are 0,2")

    def test_names_a_missing_frame(self, host: Host, kind: str, channels: int) -> None:
        missing = {"frame_number": 1, "on_missing": "error"}
        self.stops(host, "LoadFrame", host.frame(kind, channels) | missing, "rame 1", "On disk are 0,2")

    def test_names_both_sizes(self, host: Host, kind: str, channels: int) -> None:
        self.stops(host, "LoadBatch", host.batch(kind, channels, "sizes_"), "12 x 8", "frame 1 is 20 x 16")


every_saved = pytest.mark.parametrize(("saver", "filetype", "channels", "dtype"), SAVED)
every_animation = pytest.mark.parametrize(
    ("saver", "filetype", "channels", "dtype"), [row for row in SAVED if row[0] == "SaveCounted"]
)


def rendered(channels: int, dtype: str, frame: int) -> np.ndarray:
    """The picture, as a tensor of `dtype` holds it."""
    return picture(frame, channels).astype(dtype).astype(np.float64)


@every_saved
def test_an_image_is_saved(host: Host, saver: str, filetype: str, channels: int, dtype: str) -> None:
    extension, read, _, _ = WRITTEN[filetype]
    tolerance = tolerance_of(filetype, channels)
    where = host.output / host.saved_at(saver, filetype, channels, dtype)

    for frame in range(2 if saver == "SaveBatch" else 1):
        found = read(where / ("a" if saver == "SaveFrame" else "") / f"a_{frame:05d}{extension}")
        right = in_file(as_written(rendered(channels, dtype, frame), filetype), extension)
        np.testing.assert_allclose(found, right, rtol=0, atol=tolerance + ROUNDING["float32"])


@every_animation
def test_a_finished_animation_is_loaded(host: Host, saver: str, filetype: str, channels: int, dtype: str) -> None:
    name = host.saved_at(saver, filetype, channels, dtype).replace("/", " ")
    extension = WRITTEN[filetype].extension
    right = in_file(as_written(rendered(channels, dtype, 0), filetype), extension)
    host.shows(name, [right], tolerance_of(filetype, channels), extension)
