"""A real ComfyUI with this pack and a pack of probe nodes. COMFYUI_DIR names its checkout, COMFYUI_PYTHON its Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.comfyui_server import ComfyUIServer, comfyui_python

PACK = Path(__file__).resolve().parents[2]

# Nodes for the tests. ProbeCostly records its runs in a file, which shows what the cache or laziness has spared.
PROBES = '''
import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch
from comfy_execution.graph_utils import GraphBuilder

NOTES = Path(__file__).with_name("runs.txt")


class Costly:
    """Renders `count` images of noise that is different for every frame and seed."""

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
    """Returns a list of `count` batches with 2 images each, for `frame` and the frames after it."""

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


class Keyed(Text):
    """The text of the last key up to the frame; each line is a key."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"multiline": True}), "frame": ("INT", {"default": 0})}}

    def run(self, text, frame):
        keys = [line.split(": ") for line in text.splitlines()]
        return ([words for key, words in keys if int(key) <= frame][-1],)


class Painted(Costly):
    """Renders an image by its text, like a sampler by its prompt, over a picture if one is wired."""

    @classmethod
    def INPUT_TYPES(cls):
        texts = {"text": ("STRING", {"forceInput": True}), "frame": ("INT", {"default": 0})}
        return {"required": texts, "optional": {"picture": ("IMAGE",)}}

    def run(self, text, frame, picture=None):
        seed = zlib.crc32(text.encode()) % 1000
        (image,) = super().run(frame, 1, 64, 48, seed)
        return (image if picture is None else (image + picture.mean()) / 2,)


class Expanded(Costly):
    """Adds a node of its own to the prompt, which renders the image."""

    def run(self, **numbers):
        graph = GraphBuilder()
        return {"result": (graph.node("ProbeCostly", **numbers).out(0),), "expand": graph.finalize()}


class SavedInside(Costly):
    """Adds nodes to the prompt that render and save the image."""

    RETURN_TYPES, OUTPUT_NODE = (), True

    @classmethod
    def INPUT_TYPES(cls):
        settings = {"prefix": ("STRING", {}), "on_existing": ("STRING", {})}
        return {"required": {**super().INPUT_TYPES()["required"], **settings}}

    def run(self, frame, prefix, on_existing, **numbers):
        graph = GraphBuilder()
        image = graph.node("ProbeCostly", frame=frame, **numbers).out(0)
        settings = {"filename_prefix": prefix, "current_frame": frame, "on_existing": on_existing}
        graph.node("ImageSequenceSaveFrame", images=image, **settings)
        return {"result": (), "expand": graph.finalize()}


class Odd(Text):
    """Returns what faulty nodes return instead of an image, and leaves objects that are not JSON in the metadata."""

    RETURN_TYPES, OUTPUT_IS_LIST = ("IMAGE",), (True,)

    @classmethod
    def INPUT_TYPES(cls):
        return {**super().INPUT_TYPES(), "hidden": {"extra_pnginfo": "EXTRA_PNGINFO"}}

    def run(self, text, extra_pnginfo=None):
        extra_pnginfo["alien  key"] = extra_pnginfo["alien"] = {"tensor": torch.zeros(2), "text": "kept"}
        image = torch.zeros(1, 4, 6, 3)
        odd = {"None": [None], "nothing": [], "mask": [image[..., 0]], "array": [image.numpy()], "image": [image]}
        return (odd[text.split()[0]],)  # text after the word prevents a result from the cache


class Array:
    """The array of a .npy file as IMAGE, with all its channels."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"path": ("STRING", {}), "dtype": (["float32", "float16"],)}}

    def run(self, path, dtype):
        return (torch.from_numpy(numpy.load(path)).to(getattr(torch, dtype)),)


class Animation:
    """A finished animation of these files, as the Dream pack's savers return it."""

    FUNCTION, CATEGORY, RETURN_TYPES = "run", "probe", ("ANIMATION_SEQUENCE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"files": ("STRING", {"multiline": True})}}

    def run(self, files):
        frames = {number: [file] for number, file in enumerate(files.splitlines())}
        return (SimpleNamespace(frames=frames, keys_in_order=list(frames), num_batches=1, is_defined=True, fps=24.0),)


class Note:
    """Writes its inputs to `path`.npz: images and mask as float32, and their dtypes."""

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
    "ProbeKeyed": Keyed,
    "ProbePainted": Painted,
    "ProbeExpanded": Expanded,
    "ProbeSavedInside": SavedInside,
    "ProbeText": Text,
    "ProbeOdd": Odd,
    "ProbeArray": Array,
    "ProbeAnimation": Animation,
    "ProbeNote": Note,
}
'''


class Bench:
    """A running server and its folders, for tests that post prompts and examine the files."""

    def __init__(self, server: ComfyUIServer) -> None:
        self.server, self.output, self.input = server, server.base / "output", server.base / "input"
        self._notes = server.base / "custom_nodes" / "probe" / "runs.txt"

    def run(self, **nodes: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Post a graph, {name: (class_type, inputs)}, wait until it is done, and return the `ui` of its nodes."""
        return self.server.run(graph(nodes), {"workflow": WORKFLOW})

    def post(self, **nodes: tuple[str, dict[str, Any]]) -> str:
        return self.server.post(graph(nodes))

    def rendered(self) -> list[int]:
        """The frames that ProbeCostly has rendered since the last call."""
        frames = [int(line) for line in self._notes.read_text().split()] if self._notes.exists() else []
        self._notes.unlink(missing_ok=True)
        return frames


WORKFLOW = {"nodes": [{"id": 1, "type": "ProbeCostly", "title": "Größe 日本"}], "version": 0.4}


def graph(nodes: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ComfyUIServer]:
    """Creates a server for a `with` block, with extra arguments and optionally an existing base folder."""
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
    """The graph of the editor that comes with every prompt."""
    return WORKFLOW
