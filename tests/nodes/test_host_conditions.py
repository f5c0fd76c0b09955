"""Every node under every condition that ComfyUI and other packs create: it works, or it raises a readable error.

One table of nodes (`NODES`), and for each kind of condition one table of cases. tests/conftest.py adds what holds for
all of them: a thread that is not the main one, in PyTorch's inference mode.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from .. import hosted, kinds
from ..disk import put, stand_in
from ..hosted import wire
from ..srgb import in_file
from ..wires import DreamAnimationSequence, counter

Inputs = dict[str, Any]

HEIGHT, WIDTH = 6, 10


def images(count: int = 1, channels: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """An IMAGE whose values are multiples of 1 / 64, which every floating-point type can represent."""
    generator = np.random.default_rng(channels)
    return torch.from_numpy(generator.integers(0, 65, (count, HEIGHT, WIDTH, channels)) / 64).to(dtype)


def animation(output: Path, *frames: int) -> DreamAnimationSequence:
    files = {frame: [str(output / f"r/f_{frame:04d}.png")] for frame in frames}
    return DreamAnimationSequence(files, fps=24)


def save_frame(output: Path) -> Inputs:
    return {"images": wire(images()), "filename_prefix": "s", "current_frame": 0}


def save_counted(output: Path) -> Inputs:
    return {
        "frame_counter": wire(counter(0, 3)),
        "image": wire(images()),
        "directory_path": "s",
        "prefix": "s",
        "digits": 5,
        "at_end": "stop output",
        "filetype": "png",
    }


def save_batch(output: Path) -> Inputs:
    return {"images": wire(images()), "path_pattern": "s/s_#####.png", "start_index": 0, "overwrite": "true"}


def load_batch(output: Path) -> Inputs:
    return {"path_pattern": "r/f_####.png", "start_index": 0, "frame_count": 2, "ignore_missing_images": "false"}


def load_frame(output: Path) -> Inputs:
    return {
        "directory_path": "r",
        "pattern": "f_####.png",
        "indexing": "numeric",
        "frame_counter": wire(counter(0, 3)),
        "default_image": wire(images()),
    }


def frame_counter(output: Path) -> Inputs:
    return {"frame_index": 0, "total_frames": 3, "frames_per_second": 24}


def resume(output: Path) -> Inputs:
    return {
        "directory_path": "r",
        "pattern": "*",
        "indexing": "numeric",
        "total_frames": 3,
        "frames_per_second": 24,
    }


def from_animation(output: Path) -> Inputs:
    return {"sequence": wire(animation(output, 0, 1))}


def add_layer(output: Path) -> Inputs:
    return {"name": "normal", "image": wire(images())}


def check(output: Path) -> Inputs:
    return {"path_pattern": "r/f_####.png"}


# The inputs of each node in an ordinary run. The output folder has r/f_0000.png and r/f_0001.png.
NODES: dict[str, Callable[[Path], Inputs]] = {
    "SaveFrame": save_frame,
    "SaveCounted": save_counted,
    "SaveBatch": save_batch,
    "LoadBatch": load_batch,
    "LoadFrame": load_frame,
    "FrameCounter": frame_counter,
    "FrameCounterFromDirectory": resume,
    "FromAnimation": from_animation,
    "AddLayer": add_layer,
    "Check": check,
}
SAVERS = {"SaveFrame": "images", "SaveCounted": "image", "SaveBatch": "images"}
LOADERS = ("LoadBatch", "LoadFrame", "FromAnimation")

every_node = pytest.mark.parametrize("name", NODES)
every_saver = pytest.mark.parametrize("saver", SAVERS)
every_loader = pytest.mark.parametrize("loader", LOADERS)


@pytest.fixture
def disk(output: Path) -> Path:
    for frame in (0, 1):
        put(output / f"r/f_{frame:04d}.png", 100 + frame, height=HEIGHT, width=WIDTH)
    return output


def in_words(error: Exception) -> str:
    """The message of a refusal. Raises AssertionError for a raw error of Python, numpy or torch."""
    assert isinstance(error, (ValueError, FileNotFoundError, FileExistsError)), f"a raw {error!r}"
    assert not isinstance(error, UnicodeError), f"a raw {error!r}"
    message = str(error)
    # Ours are whole sentences; Python's own ("'x' is not a valid OnExisting") are not.
    assert len(message.split()) > 4, f"too short for a person: {message!r}"
    assert message.rstrip().endswith("."), f"no sentence: {message!r}"
    assert "NoneType" not in message, message
    assert "object at 0x" not in message, message
    return message


def works_or_is_refused(pack: ModuleType, name: str, /, **inputs: Any) -> hosted.Answer | str:
    try:
        return hosted.run(pack, name, **inputs)
    except Exception as error:
        return in_words(error)


def saved(output: Path) -> list[np.ndarray]:
    """The pictures below s/, in order of their names, as another decoder reads them: (H, W, C), 0..1."""
    written = sorted((output / "s").rglob("*.png"))
    return [kinds.WRITTEN["png"].read(path) for path in written]


class TestTheTable:
    def test_has_every_node(self, pack: ModuleType) -> None:
        assert {f"ImageSequence{name}" for name in NODES} == set(pack.NODE_CLASS_MAPPINGS)

    @every_node
    def test_has_inputs_that_work(self, pack: ModuleType, disk: Path, name: str) -> None:
        hosted.run(pack, name, **NODES[name](disk))


def _outside(image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.tensor(image.tolist(), dtype=image.dtype)


def _computed(image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        return _outside(image).requires_grad_() * 1


TENSORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "float32": lambda image: image,
    "float16": torch.Tensor.half,
    "bfloat16": torch.Tensor.bfloat16,
    "float64": torch.Tensor.double,
    "that asks for gradients": lambda image: _outside(image).requires_grad_(),
    "made outside inference mode": _outside,
    "result of a computation with gradients": _computed,
    "channels first in memory": lambda image: image.movedim(-1, 1).contiguous().movedim(1, -1),
    "columns first in memory": lambda image: image.swapaxes(1, 2).contiguous().swapaxes(1, 2),
    "every other row of a larger one": lambda image: image.repeat_interleave(2, dim=1)[:, ::2],
    "a part of a larger one": lambda image: torch.nn.functional.pad(image, (0, 1, 3, 3, 2, 2))[:, 2:-2, 3:-3, :-1],
    "not a tensor's own memory": lambda image: image[:1].expand(len(image), -1, -1, -1),
    "of a list that ends in it": lambda image: torch.stack([image, image])[1],
}


@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
class TestATensor:
    @every_saver
    def test_is_saved(self, pack: ModuleType, disk: Path, saver: str, channels: int, tensor: str) -> None:
        image = images(channels=channels)
        inputs = NODES[saver](disk) | {SAVERS[saver]: wire(TENSORS[tensor](image))}

        hosted.run(pack, saver, **inputs)

        (picture,) = saved(disk)
        np.testing.assert_array_equal(picture, np.floor(image[0].double().numpy() * 255 + 0.5) / 255)

    def test_stands_for_a_missing_frame(self, pack: ModuleType, disk: Path, channels: int, tensor: str) -> None:
        image = TENSORS[tensor](images(channels=channels))
        inputs = load_frame(disk) | {"frame_counter": wire(counter(9, 3)), "default_image": wire(image)}

        loaded, mask, name, metadata = hosted.run(pack, "LoadFrame", **inputs).outputs

        assert torch.equal(loaded[0], image)
        assert mask[0].shape == (1, HEIGHT, WIDTH)
        assert not mask[0].any()
        assert name == [""]
        assert metadata[0].frames == ({},)


@every_saver
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(torch.zeros(1, 4, 6, 5), id="five channels"),
        pytest.param(torch.zeros(4, 6, 3), id="no batch"),
        pytest.param(torch.zeros(1, 4, 6), id="a mask"),
        pytest.param(torch.zeros(1, 2, 4, 6, 3), id="a video"),
        pytest.param(torch.zeros(0, 4, 6, 3), id="a batch of none"),
        pytest.param(torch.zeros(1, 0, 6, 3), id="no rows"),
        pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.uint8), id="whole numbers"),
        pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.bool), id="booleans"),
        pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.complex64), id="complex numbers"),
    ],
)
def test_a_tensor_that_is_not_an_image_is_refused(
    pack: ModuleType, disk: Path, saver: str, image: torch.Tensor
) -> None:
    message = works_or_is_refused(pack, saver, **NODES[saver](disk) | {SAVERS[saver]: wire(image)})

    assert isinstance(message, str), "it was saved"
    assert not (disk / "s").exists() or not list((disk / "s").rglob("*.png"))


SPACES = {"image_color_space": "sRGB", "file_color_space": "automatic"}
ENCODING = {"filetype": "exr", "quality": 95, "workflow_file": False, "exr_compression": "ZIP"} | SPACES
# A valid value for each input that NODES leaves at its default, besides the wires of COMPANIONS.
MORE: dict[str, Inputs] = {
    "SaveFrame": {"digits": 5, "on_existing": "overwrite"} | ENCODING,
    "SaveCounted": {"on_existing": "overwrite", "first_frame": 0} | ENCODING,
    "SaveBatch": {"path_pattern": "s/s_#####"} | ENCODING,
    "LoadBatch": {"folder": "output", "step": 1, "on_size_mismatch": "error", "layer": "", "frames": ""} | SPACES,
    "LoadFrame": {"frame_number": 0, "on_missing": "error", "folder": "output", "layer": ""} | SPACES,
    "FrameCounter": {},
    "FrameCounterFromDirectory": {"resume_at": "after last", "first_frame": 0},
    "FromAnimation": {"batch_index": 0},
    "AddLayer": {"is_color": False},
    "Check": {"folder": "output", "start_index": 0, "frame_count": 2, "thoroughness": "quick", "on_problem": "report"},
}


class Value(NamedTuple):
    """An instance of a class of the pack, which is loaded when the tests run, under another name than io_utils."""

    room: str
    name: str

    def made(self) -> Any:
        return getattr(sys.modules[f"image_sequence_pack_under_test.io_utils.{self.room}"], self.name)()


LAYERS, METADATA = Value("image_layers", "ImageLayers"), Value("frame_metadata", "FrameMetadata")
MASKS = torch.zeros(1, HEIGHT, WIDTH)
COMPANIONS: dict[str, Inputs] = {
    **{saver: {"mask": MASKS, "layers": LAYERS, "metadata": METADATA} for saver in SAVERS},
    "AddLayer": {"layers": LAYERS},
}
# The node takes only one of these inputs and of those above.
ALTERNATIVES = [("AddLayer", "mask")]


def everything(name: str, output: Path) -> Inputs:
    """Every input of the node, with a valid value."""
    wires = COMPANIONS.get(name, {})
    made = {key: wire(value.made() if isinstance(value, Value) else value) for key, value in wires.items()}
    return NODES[name](output) | MORE[name] | made


INPUTS = [(name, key) for name in NODES for key in {**NODES[name](Path()), **MORE[name], **COMPANIONS.get(name, {})}]
every_input = pytest.mark.parametrize(("name", "key"), INPUTS)


@every_node
def test_the_table_has_every_input(pack: ModuleType, name: str) -> None:
    declared = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{name}"].INPUT_TYPES()

    listed = {*everything(name, Path()), *(key for node, key in ALTERNATIVES if node == name)}
    assert listed == {*declared["required"], *declared.get("optional", {})}


class TestAWire:
    """Users can turn any widget into an input with a click and wire it to any node."""

    @every_input
    def test_brings_the_value_of_the_widget(self, pack: ModuleType, disk: Path, name: str, key: str) -> None:
        inputs = everything(name, disk)

        hosted.run(pack, name, **inputs | {key: wire(*hosted.listed(inputs[key]))})

    @every_input
    def test_brings_none(self, pack: ModuleType, disk: Path, name: str, key: str) -> None:
        """From a node that found nothing, and from ComfyUI for a lazy input that was not requested."""
        works_or_is_refused(pack, name, **everything(name, disk) | {key: wire(None)})

    @pytest.mark.parametrize(("name", "key"), [row for row in INPUTS if row[0] in SAVERS])
    def test_brings_nothing(self, pack: ModuleType, disk: Path, name: str, key: str) -> None:
        """An empty list, as from filters. ComfyUI itself cannot pass it to nodes that take one item at a time."""
        works_or_is_refused(pack, name, **everything(name, disk) | {key: wire()})

    @every_input
    def test_brings_the_same_twice(self, pack: ModuleType, disk: Path, name: str, key: str) -> None:
        inputs = everything(name, disk)
        twice = hosted.listed(inputs[key]) * 2

        works_or_is_refused(pack, name, **inputs | {key: wire(*twice)})

    @every_input
    def test_brings_none_beside_a_value(self, pack: ModuleType, disk: Path, name: str, key: str) -> None:
        inputs = everything(name, disk)

        works_or_is_refused(pack, name, **inputs | {key: wire(*hosted.listed(inputs[key]), None)})


class TestAMissingImage:
    @every_saver
    @pytest.mark.parametrize("on_disk", [False, True])
    @pytest.mark.parametrize("on_existing", ["overwrite", "skip", "error"])
    def test_never_counts_as_saved(
        self, pack: ModuleType, disk: Path, saver: str, on_disk: bool, on_existing: str
    ) -> None:
        """None from a node does not mean that the frame is on disk: the run fails, and the files stay."""
        if on_disk:
            hosted.run(pack, saver, **NODES[saver](disk))
        before = saved(disk) if on_disk else []
        key, policy = ("overwrite", "true") if saver == "SaveBatch" else ("on_existing", on_existing)
        policy = on_existing if saver == "SaveBatch" and on_existing != "overwrite" else policy
        inputs = NODES[saver](disk) | {SAVERS[saver]: wire(None), key: policy}

        answer = works_or_is_refused(pack, saver, **inputs)

        if isinstance(answer, hosted.Answer):  # only if the image was never requested
            assert (on_existing, on_disk) == ("skip", True)
        assert len(before) == len(saved(disk)) if on_disk else not (disk / "s").exists()


RING: list[Any] = []
RING.append(RING)
EXTRA: dict[str, Any] = {
    "none": None,
    "empty": {},
    "no workflow": {"seed": 7},
    "no mapping": ["workflow"],
    "workflow of none": {"workflow": None},
    "key with two spaces": {"lora  hashes": 1},
    "key with a space at its edge": {" note ": 1},
    "key of 80 letters": {"k" * 80: 1},
    "empty key": {"": 1},
    "key with a line break": {"a\nb": 1},
    "key with NUL": {"a\0b": 1},
    "Chinese key": {"提示词": 1},
    "key that is a number": {5: 1},
    "key with a lone surrogate": {"a\ud800": 1},
    "tensor": {"latent": torch.zeros(3)},
    "array": {"latent": np.zeros(3)},
    "number of numpy": {"seed": np.int64(7)},
    "bytes": {"thumbnail": b"\xff"},
    "set": {"tags": {"a"}},
    "path": {"from": Path("a")},
    "object": {"pipe": object()},
    "function": {"call": print},
    "not a number": {"cfg": float("nan")},
    "infinity": {"cfg": float("inf")},
    "keys that are numbers, inside": {"map": {1: {2.5: "x", None: "y"}}},
    "keys that are tuples, inside": {"map": {("a", 1): "x"}},
    "itself": {"ring": RING},
    "text with NUL and a lone surrogate": {"note": "a\0b\ud800"},
    "100 deep": {"deep": json.loads("[" * 100 + "]" * 100)},
}
PROMPT = {"3": {"class_type": "Probe", "inputs": {"x": 1}}}
PROMPTS: dict[str, Any] = {
    "none": None,
    "empty": {},
    "with a note of the cache": {"3": {**PROMPT["3"], "is_changed": [float("nan")]}},
    "with a note of the cache that is not a number": {"3": {**PROMPT["3"], "is_changed": float("nan")}},
    "with a tensor": {"3": {"class_type": "Probe", "inputs": {"x": torch.zeros(2)}}},
    "with an infinity": {"3": {"class_type": "Probe", "inputs": {"x": float("inf")}}},
    "with a node that is null": {"3": None},
    "with numbers as ids": {3: PROMPT["3"]},
}
FILETYPES = ["png with embedded workflow", "webp lossless with embedded workflow", "jpg", "exr"]


@every_saver
class TestMetadata:
    """It never costs the picture, whatever other packs put into it."""

    @pytest.mark.parametrize("filetype", FILETYPES)
    @pytest.mark.parametrize("content", EXTRA)
    def test_of_the_workflow(self, pack: ModuleType, disk: Path, saver: str, filetype: str, content: str) -> None:
        self.save(pack, disk, saver, filetype, prompt=PROMPT, extra_pnginfo=EXTRA[content])

    @pytest.mark.parametrize("filetype", FILETYPES)
    @pytest.mark.parametrize("content", PROMPTS)
    def test_of_the_prompt(self, pack: ModuleType, disk: Path, saver: str, filetype: str, content: str) -> None:
        self.save(pack, disk, saver, filetype, prompt=PROMPTS[content], extra_pnginfo={"workflow": {"nodes": []}})

    def save(self, pack: ModuleType, disk: Path, saver: str, filetype: str, **hidden: Any) -> None:
        extension, read, tolerance, _ = kinds.WRITTEN[filetype]
        inputs = NODES[saver](disk) | {"filetype": filetype, "workflow_file": True}
        if saver == "SaveBatch":
            inputs["path_pattern"] = f"s/s_#####{extension}"

        hosted.run(pack, saver, **inputs, **hidden)

        picture = read(disk / f"s/s_00000{extension}")
        if filetype != "jpg":
            right = in_file(images()[0].double().numpy(), extension)
            np.testing.assert_allclose(picture, right, atol=tolerance + 1e-7)


class TestACounter:
    """Another pack's counter, with any result of its arithmetic."""

    COUNTERS: dict[str, Any] = {
        "between two frames": counter(0.5, 3),
        "before the first": counter(-1, 3),
        "past the last": counter(3, 3),
        "not a number": counter(float("nan"), 3),
        "infinite": counter(float("inf"), 3),
        "a float": counter(1.0, 3.0, 23.976),
        "of no frames": counter(0, 0),
        "huge": counter(10**20, 10**21),
    }

    @pytest.mark.parametrize("at_end", ["stop output", "raise error", "keep going"])
    @pytest.mark.parametrize("stands", COUNTERS)
    def test_is_saved_or_refused(self, pack: ModuleType, disk: Path, stands: str, at_end: str) -> None:
        inputs = save_counted(disk) | {"frame_counter": wire(self.COUNTERS[stands]), "at_end": at_end}

        works_or_is_refused(pack, "SaveCounted", **inputs)

    @pytest.mark.parametrize("on_missing", ["error", "hold previous", "hold next", "black"])
    @pytest.mark.parametrize("stands", COUNTERS)
    def test_is_loaded_or_refused(self, pack: ModuleType, disk: Path, stands: str, on_missing: str) -> None:
        inputs = load_frame(disk) | {"frame_counter": wire(self.COUNTERS[stands]), "on_missing": on_missing}
        inputs.pop("default_image")

        works_or_is_refused(pack, "LoadFrame", **inputs)


class TestAnAnimation:
    def test_that_is_not_finished_blocks_silently(
        self, pack: ModuleType, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class ExecutionBlocker:
            def __init__(self, message: str | None) -> None:
                self.message = message

        stand_in(monkeypatch, "comfy_execution.graph_utils", ExecutionBlocker=ExecutionBlocker)
        unfinished = SimpleNamespace(is_defined=False, frames={})

        outputs = hosted.run(pack, "FromAnimation", sequence=wire(unfinished)).outputs

        assert [(type(value), value.message) for (value,) in outputs] == [(ExecutionBlocker, None)] * 2

    @pytest.mark.parametrize("index", [0, 1, -1, 10**20])
    def test_has_the_batch_index_or_says_what_it_has(self, pack: ModuleType, disk: Path, index: int) -> None:
        answer = works_or_is_refused(pack, "FromAnimation", **from_animation(disk), batch_index=index)

        assert isinstance(answer, hosted.Answer) == (index == 0)

    def test_whose_file_has_vanished_is_refused(self, pack: ModuleType, disk: Path) -> None:
        inputs = {"sequence": wire(animation(disk, 0, 1, 2))}

        message = works_or_is_refused(pack, "FromAnimation", **inputs)

        assert "f_0002.png" in str(message)


@pytest.fixture(params=[torch.float32, torch.float16], ids=["float32", "float16"])
def dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    """ComfyUI, without and with --fp16-intermediates."""
    wanted: torch.dtype = request.param
    stand_in(
        monkeypatch,
        "comfy.model_management",
        intermediate_dtype=lambda: wanted,
        throw_exception_if_processing_interrupted=lambda: None,
    )
    return wanted


@every_node
def test_runs_under_both_types_of_intermediates(pack: ModuleType, disk: Path, name: str, dtype: torch.dtype) -> None:
    outputs = hosted.run(pack, name, **NODES[name](disk)).outputs

    tensors = [value for output in outputs for value in output if isinstance(value, torch.Tensor)]
    assert bool(tensors) == (name in LOADERS)
    assert {tensor.dtype for tensor in tensors} <= {dtype}


class TestRequiredInputs:
    """ComfyUI refuses a prompt that lacks one. Scripts that call the nodes directly must not get a default instead."""

    @pytest.mark.parametrize(
        ("name", "missing"),
        [
            (name, missing)
            for name, inputs in NODES.items()
            for missing in inputs(Path("output"))
            if not isinstance(inputs(Path("output"))[missing], hosted.Wire)
        ],
    )
    def test_one_that_is_missing_is_named(self, pack: ModuleType, output: Path, name: str, missing: str) -> None:
        node = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{name}"]
        given = {key: hosted.listed(value) for key, value in NODES[name](output).items() if key != missing}
        if not getattr(node, "INPUT_IS_LIST", False):
            given = {key: value[0] for key, value in given.items()}

        with pytest.raises(TypeError, match=f"ImageSequence{name} needs the inputs {missing}"):
            getattr(node(), node.FUNCTION)(**given)
        assert not [path for path in output.rglob("*") if path.is_file()]

    def test_one_that_the_node_does_not_have_is_named(self, pack: ModuleType, output: Path) -> None:
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounter"]

        with pytest.raises(TypeError, match="ImageSequenceFrameCounter has no inputs fps"):
            node().count(frame_index=0, total_frames=1, frames_per_second=24, fps=24)


def test_a_list_inside_a_list_is_no_frame_number(pack: ModuleType, output: Path) -> None:
    """What applies to one image of a list is one value; only settings for all images may come as a list of equal ones."""
    with pytest.raises(ValueError, match=r"Set current_frame to a number.* It got a list"):
        hosted.run(pack, "SaveFrame", images=wire(images()), filename_prefix="s", current_frame=wire([3]))


def test_on_missing_does_not_matter_with_a_default_image(pack: ModuleType, output: Path) -> None:
    answer = hosted.run(
        pack,
        "LoadFrame",
        directory_path="",
        pattern="f_##.png",
        indexing="numeric",
        frame_number=7,
        on_missing=wire("whatever"),
        default_image=wire(images()),
    )

    assert torch.equal(answer.outputs[0][0], images())
