"""A real ComfyUI with the pack, and a pack of probe nodes, in it. COMFYUI_DIR names the checkout, COMFYUI_PYTHON its Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.comfyui_server import ComfyUIServer, comfyui_python

PACK = Path(__file__).resolve().parents[2]

# Nodes that note every run of theirs in a file: what the cache or laziness saved is what is not in there.
PROBES = '''
import json
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch

NOTES = Path(__file__).with_name("runs.txt")


class Costly:
    """Renders `count` images of `frame`: noise that only this frame and seed give."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        numbers = {name: ("INT", {"default": value, "min": 0}) for name, value in
                   (("frame", 0), ("count", 1), ("width", 64), ("height", 48), ("seed", 0))}
        return {"required": numbers}

    def run(self, frame, count, width, height, seed):
        with open(NOTES, "a") as notes:
            notes.write(f"{frame}\\n")
        generator = torch.Generator().manual_seed(frame * 1000 + seed)
        return (torch.randint(0, 256, (count, height, width, 3), generator=generator, dtype=torch.uint8) / 255.0,)


class BatchList(Costly):
    """The same, as a list of one batch for each of `count`: the frame-th of 2 images."""

    OUTPUT_IS_LIST = (True,)

    def run(self, frame, count, width, height, seed):
        return ([super(BatchList, self).run(frame + i, 2, width, height, seed)[0] for i in range(count)],)


class Text:
    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": ""})}}

    def run(self, text):
        return (text,)


class Odd(Text):
    """What nodes with a fault give instead of an image; it also leaves an object of its own in the metadata."""

    RETURN_TYPES, OUTPUT_IS_LIST = ("IMAGE",), (True,)

    @classmethod
    def INPUT_TYPES(cls):
        return {**super().INPUT_TYPES(), "hidden": {"extra_pnginfo": "EXTRA_PNGINFO"}}

    def run(self, text, extra_pnginfo=None):
        extra_pnginfo["alien  key"] = extra_pnginfo["alien"] = {"tensor": torch.zeros(2), "text": "kept"}
        image = torch.zeros(1, 4, 6, 3)
        odd = {"None": [None], "nothing": [], "mask": [image[..., 0]], "array": [image.numpy()], "image": [image]}
        return (odd[text.split()[0]],)  # what follows the word keeps the cache out


class Array:
    """The array of a .npy file as IMAGE, with as many channels as it has."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"path": ("STRING", {}), "dtype": (["float32", "float16"],)}}

    def run(self, path, dtype):
        return (torch.from_numpy(numpy.load(path)).to(getattr(torch, dtype)),)


class Animation:
    """A finished animation of these files, as the Dream pack's savers give it."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("ANIMATION_SEQUENCE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"files": ("STRING", {"multiline": True})}}

    def run(self, files):
        frames = {number: [file] for number, file in enumerate(files.splitlines())}
        return (SimpleNamespace(frames=frames, keys_in_order=list(frames), num_batches=1, is_defined=True, fps=24.0),)


class Note:
    """Writes what a node gave to `path`.npz: images and mask as float32, and their types."""

    FUNCTION, CATEGORY, RETURN_TYPES, OUTPUT_NODE = "run", "probe", (), True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",), "path": ("STRING", {})}, "optional": {"mask": ("MASK",)}}

    def run(self, images, path, mask=None):
        given = {"images": images} | ({} if mask is None else {"mask": mask})
        numpy.savez(
            path,
            types=json.dumps({name: str(tensor.dtype) for name, tensor in given.items()}),
            **{name: tensor.float().numpy() for name, tensor in given.items()},
        )
        return {}


NODE_CLASS_MAPPINGS = {
    "ProbeCostly": Costly,
    "ProbeBatchList": BatchList,
    "ProbeText": Text,
    "ProbeOdd": Odd,
    "ProbeArray": Array,
    "ProbeAnimation": Animation,
    "ProbeNote": Note,
}
'''


class Bench:
    """A running server with a folder: what a test needs to post prompts and look at what they left."""

    def __init__(self, server: ComfyUIServer) -> None:
        self.server, self.output, self.input = server, server.base / "output", server.base / "input"
        self._notes = server.base / "custom_nodes" / "probe" / "runs.txt"

    def run(self, **nodes: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Post a graph, {name: (class_type, inputs)}, wait, and return what its nodes show."""
        return self.server.run(graph(nodes), {"workflow": WORKFLOW})

    def post(self, **nodes: tuple[str, dict[str, Any]]) -> str:
        return self.server.post(graph(nodes))

    def rendered(self) -> list[int]:
        """The frames that the costly node rendered since the last question."""
        frames = [int(line) for line in self._notes.read_text().split()] if self._notes.exists() else []
        self._notes.unlink(missing_ok=True)
        return frames


WORKFLOW = {"nodes": [{"id": 1, "type": "ProbeCostly", "title": "Größe 日本"}], "version": 0.4}


def graph(nodes: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ComfyUIServer]:
    """Makes a server (to be entered with `with`), with extra arguments and, if wanted, an old base folder."""
    directory = os.environ.get("COMFYUI_DIR")
    if not directory:
        pytest.skip("needs a ComfyUI: set COMFYUI_DIR to its checkout and COMFYUI_PYTHON to its Python")

    def server(*extra_args: str, base: Path | None = None) -> ComfyUIServer:
        base = base or tmp_path_factory.mktemp("comfyui")
        probe = base / "custom_nodes" / "probe"
        for folder in (probe, base / "input", base / "output", base / "models", base / "user"):
            folder.mkdir(parents=True, exist_ok=True)
        (probe / "__init__.py").write_text(PROBES)
        return ComfyUIServer(Path(directory), comfyui_python(Path(directory)), base, PACK, extra_args)

    return server


@pytest.fixture(scope="session")
def server(start: Callable[..., ComfyUIServer]) -> Iterator[ComfyUIServer]:
    with start() as running:
        yield running


@pytest.fixture
def comfyui(server: ComfyUIServer) -> Bench:
    bench = Bench(server)
    bench.rendered()
    return bench


@pytest.fixture
def workflow() -> dict[str, Any]:
    """What every prompt carries as the graph of the editor."""
    return WORKFLOW
