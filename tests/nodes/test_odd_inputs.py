"""The three savers with odd values from other nodes: None, empty lists, things that are not images, odd metadata."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image

from ..disk import needs_links, on_disk, put, shades, tear
from ..test_wire import WRONG
from ..wires import counter

FRAME, BATCH, COUNTED = "ImageSequenceSaveFrame", "ImageSequenceSaveBatch", "ImageSequenceSaveCounted"
# The policy's widget, and its word for each of the three policies that all savers have.
POLICY = {FRAME: "on_existing", BATCH: "overwrite", COUNTED: "on_existing"}
WORD = {
    name: {"overwrite": "overwrite" if name != BATCH else "true", "skip": "skip", "error": "error"} for name in POLICY
}
IMAGES = {FRAME: "images", BATCH: "images", COUNTED: "image"}
# The file of frame 7 with the inputs below.
FILE = {FRAME: "shot/shot_00007.png", BATCH: "shot/f_0007.png", COUNTED: "shot/frame_00007.png"}
UNRENDERED = (None,)

every_saver = pytest.mark.parametrize("name", [FRAME, BATCH, COUNTED])
every_policy = pytest.mark.parametrize("policy", ["overwrite", "skip", "error"])


def inputs(name: str, **more: Any) -> dict[str, list[Any]]:
    """All inputs in lists, as ComfyUI passes them."""
    values: dict[str, dict[str, list[Any]]] = {
        FRAME: {"images": [shades(70)], "filename_prefix": ["shot"], "current_frame": [7], "filetype": ["png"]},
        BATCH: {
            "images": [shades(70)],
            "path_pattern": ["shot/f_####.png"],
            "start_index": [7],
            "overwrite": ["true"],
            "filetype": ["png"],
        },
        COUNTED: {
            "image": [shades(70)],
            "frame_counter": [counter(7)],
            "directory_path": ["shot"],
            "prefix": ["frame"],
            "digits": [5],
            "at_end": ["stop output"],
            "filetype": ["png"],
        },
    }
    return values[name] | more


@pytest.fixture
def saver(pack: ModuleType) -> Callable[[str], Any]:
    return lambda name: pack.NODE_CLASS_MAPPINGS[name]()


@every_saver
@every_policy
@pytest.mark.parametrize("there", [False, True], ids=["frame missing", "frame on disk"])
class TestNone:
    """A node that fails to make an image returns None. This differs from an image that the saver did not request."""

    @pytest.mark.parametrize("images", [[None], None], ids=["from a node", "from a script"])
    def test_is_an_error_naming_the_input_and_leaves_the_disk_unchanged(
        self, saver: Any, output: Path, name: str, policy: str, there: bool, images: Any
    ) -> None:
        if there:
            put(output / FILE[name], 10)
        before = on_disk(output)
        more = {IMAGES[name]: images, POLICY[name]: [WORD[name][policy]]}

        with pytest.raises(
            ValueError, match=rf"^Check .*For frame 7, the input '{IMAGES[name]}' got no image \(None\)"
        ):
            saver(name).save(**inputs(name, **more))
        assert on_disk(output) == before

    def test_among_images_is_an_error_too(self, saver: Any, output: Path, name: str, policy: str, there: bool) -> None:
        more: dict[str, Any] = {IMAGES[name]: [shades(50), None], POLICY[name]: [WORD[name][policy]]}
        if name == FRAME:
            more["current_frame"] = [6, 7]
        if name == COUNTED:
            more["frame_counter"] = [counter(6), counter(7)]
        if name == BATCH:
            more["start_index"] = [6]
        if there:
            put(output / FILE[name], 10)
        before = on_disk(output)

        with pytest.raises(ValueError, match=rf"For frame 7, the input '{IMAGES[name]}' got no image \(None\)"):
            saver(name).save(**inputs(name, **more))
        assert on_disk(output) == before


class TestAnUnrenderedImage:
    """ComfyUI passes the tuple (None,) for a lazy input that was not requested."""

    @pytest.mark.parametrize("name", [FRAME, COUNTED])
    def test_is_accepted_if_the_frame_is_kept(self, saver: Any, output: Path, name: str) -> None:
        put(output / FILE[name], 10)

        shown = saver(name).save(**inputs(name, **{IMAGES[name]: UNRENDERED, "on_existing": ["skip"]}))

        assert on_disk(output) == {FILE[name]: 10}
        assert len(shown["ui"]["images"]) == 1

    @pytest.mark.parametrize("name", [FRAME, COUNTED])
    @pytest.mark.parametrize("policy", ["overwrite", "error"])
    def test_is_an_error_if_the_frame_must_be_written(self, saver: Any, output: Path, name: str, policy: str) -> None:
        put(output / FILE[name], 10)

        with pytest.raises((ValueError, FileExistsError), match=r"[Ff]rame 7 "):
            saver(name).save(**inputs(name, **{IMAGES[name]: UNRENDERED, "on_existing": [policy]}))
        assert on_disk(output) == {FILE[name]: 10}

    def test_is_accepted_past_the_end(self, saver: Any, output: Path) -> None:
        saver(COUNTED).save(**inputs(COUNTED, image=UNRENDERED, frame_counter=[counter(10)]))

        assert on_disk(output) == {}


@every_saver
class TestNotAnImage:
    @pytest.mark.parametrize(("value", "fact"), WRONG)
    def test_is_refused_with_frame_input_and_remedy(
        self, saver: Any, output: Path, name: str, value: Any, fact: str
    ) -> None:
        with pytest.raises(ValueError, match=rf"For frame 7, the input '{IMAGES[name]}' got .*{fact}"):
            saver(name).save(**inputs(name, **{IMAGES[name]: [value]}))
        assert on_disk(output) == {}

    @pytest.mark.parametrize("channels", [0, 5])
    def test_for_its_channels_is_refused_with_frame_and_path(
        self, saver: Any, output: Path, name: str, channels: int
    ) -> None:
        with pytest.raises(ValueError, match=rf"channels.* Frame 7 was not saved: '.*{FILE[name]}'"):
            saver(name).save(**inputs(name, **{IMAGES[name]: [torch.zeros(1, 4, 6, channels)]}))
        assert on_disk(output) == {}


@every_saver
def test_an_empty_list_on_any_wire_is_an_error_naming_it(saver: Any, output: Path, name: str) -> None:
    for wire in inputs(name):
        with pytest.raises(ValueError, match=rf"input '{wire}' got an empty"):
            saver(name).save(**inputs(name, **{wire: []}))
    assert on_disk(output) == {}


@pytest.mark.parametrize("name", [FRAME, COUNTED])
def test_an_empty_list_is_an_error_before_rendering(saver: Any, output: Path, name: str) -> None:
    for wire in inputs(name).keys() - {IMAGES[name]}:
        with pytest.raises(ValueError, match=rf"input '{wire}' got an empty"):
            saver(name).check_lazy_status(**inputs(name, **{wire: [], IMAGES[name]: UNRENDERED}))


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        (FRAME, "filename_prefix"),
        (FRAME, "current_frame"),
        (BATCH, "path_pattern"),
        (BATCH, "start_index"),
        (COUNTED, "directory_path"),
        (COUNTED, "prefix"),
        (COUNTED, "frame_counter"),
    ],
)
@pytest.mark.parametrize("value", [None, {}, torch.zeros(2), -1, 1.5, b"x"], ids=lambda value: type(value).__name__)
def test_a_value_of_another_type_is_an_error_naming_the_input(
    saver: Any, output: Path, name: str, wire: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"\b{wire}\b.* It got "):
        saver(name).save(**inputs(name, **{wire: [value]}))
    if name != BATCH:
        with pytest.raises(ValueError, match=rf"\b{wire}\b.* It got "):
            saver(name).check_lazy_status(**inputs(name, **{wire: [value], IMAGES[name]: UNRENDERED}))
    assert on_disk(output) == {}


_NO_NUMBER = [-1, True, 10**40, 10**400, 2.5, float("nan"), "5", None, {}, b"5", torch.zeros(2), np.arange(3)]


class TestAnInvalidNumber:
    """ComfyUI checks widgets, but not the values of links."""

    @pytest.mark.parametrize(
        ("name", "wire"), [(FRAME, "quality"), (COUNTED, "quality"), (BATCH, "quality"), (FRAME, "digits")]
    )
    @pytest.mark.parametrize("value", [*_NO_NUMBER, 101], ids=lambda value: ascii(value)[:12])
    def test_is_refused_with_the_name_of_its_input_before_rendering(
        self, saver: Any, output: Path, name: str, wire: str, value: Any
    ) -> None:
        node = saver(name)
        call = node.save if name == BATCH else node.check_lazy_status
        more = {} if name == BATCH else {IMAGES[name]: UNRENDERED}

        with pytest.raises(ValueError, match=rf"Set {wire} to a.* It got "):
            call(**inputs(name, **more, **{wire: [value]}))
        assert on_disk(output) == {}

    @every_saver
    def test_is_refused_for_quality_0_too(self, saver: Any, output: Path, name: str) -> None:
        with pytest.raises(ValueError, match=r"Set quality to a number from 1 to 100\. It got 0\."):
            saver(name).save(**inputs(name, quality=[0]))

    @every_saver
    @pytest.mark.parametrize(
        "value", [None, 2, -1, "true", "", {}, torch.zeros(2), 0.5], ids=lambda value: ascii(value)[:9]
    )
    def test_of_workflow_file_is_refused_unless_it_is_true_or_false(
        self, saver: Any, output: Path, name: str, value: Any
    ) -> None:
        with pytest.raises(ValueError, match=r"Set workflow_file to true or false.* It got "):
            saver(name).save(**inputs(name, workflow_file=[value]))
        assert on_disk(output) == {}

    @every_saver
    @pytest.mark.parametrize("value", [True, False, 0, 1, np.True_], ids=repr)
    def test_of_workflow_file_may_be_0_or_1(self, saver: Any, output: Path, name: str, value: Any) -> None:
        saver(name).save(**inputs(name, workflow_file=[value]))

    @every_saver
    @pytest.mark.parametrize(
        "values", [[torch.zeros(2), torch.ones(2)], [np.arange(3), np.arange(3)]], ids=["tensors", "arrays"]
    )
    def test_several_arrays_for_a_setting_are_refused_with_an_explanation(
        self, saver: Any, output: Path, name: str, values: list[Any]
    ) -> None:
        with pytest.raises(
            ValueError, match=r"Set quality to one value.* a list of 2 different values.* a (Tensor|ndarray)"
        ):
            saver(name).save(**inputs(name, quality=values))


def test_an_empty_batch_is_called_that(saver: Any, output: Path) -> None:
    with pytest.raises(ValueError, match=r"For frame 7, the input 'images' got a batch without any image"):
        saver(FRAME).save(**inputs(FRAME, images=[torch.zeros(0, 4, 6, 3)]))


@every_saver
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_is_refused_with_an_explanation(saver: Any, output: Path, name: str) -> None:
    nested = torch.nested.nested_tensor([torch.zeros(4, 6, 3), torch.zeros(5, 6, 3)])

    with pytest.raises(ValueError, match="got a nested tensor"):
        saver(name).save(**inputs(name, **{IMAGES[name]: [nested]}))


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def _torn(path: Path) -> None:
    tear(put(path, 10))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NOTHING: dict[str, Callable[[Path], Any]] = {"missing": lambda path: None}
WHOLE: dict[str, Callable[[Path], Any]] = {"whole": lambda path: put(path, 10)}
TORN: dict[str, Callable[[Path], Any]] = {"torn": _torn, "empty": Path.touch, "a link to nothing": _dangling}
FOREIGN: dict[str, Callable[[Path], Any]] = {
    "a GIF": lambda path: path.write_bytes(b"GIF89a\1\0\1\0\0\0\0;"),
    "a text": lambda path: path.write_text("my notes"),
}
ODD: dict[str, Callable[[Path], Any]] = {"a directory": Path.mkdir, "a fifo": os.mkfifo, "a device": _device}
TABLE = {
    "overwrite": {"missing": "written", "whole": "written", "torn": "written", "foreign": "written", "odd": "refused"},
    "skip": {"missing": "written", "whole": "kept", "torn": "written", "foreign": "refused", "odd": "refused"},
    "error": {"missing": "written", "whole": "refused", "torn": "refused", "foreign": "refused", "odd": "refused"},
    "false": {"missing": "written", "whole": "beside", "torn": "written", "foreign": "beside", "odd": "beside"},
}


# "false" is "keep both", which only the batch saver has, and that is not lazy.
POLICIES = {name: [word for word in TABLE if word != "false" or name == BATCH] for name in POLICY}


@needs_links
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param(kind, make, id=what)
        for kind, makers in (("missing", NOTHING), ("whole", WHOLE), ("torn", TORN), ("foreign", FOREIGN), ("odd", ODD))
        for what, make in makers.items()
    ],
)
class TestThePolicies:
    """The table of OnExisting, before rendering and while saving."""

    @pytest.mark.parametrize(("name", "policy"), [(name, word) for name in POLICY for word in POLICIES[name]])
    def test_do_while_saving_what_the_table_says(
        self, saver: Any, output: Path, base: Path, name: str, policy: str, kind: str, make: Callable[[Path], Any]
    ) -> None:
        path = output / FILE[name]
        path.parent.mkdir()
        make(path)
        if path.is_symlink() and path.exists():  # or else it is refused for where it leads
            (base / "user" / "__system").mkdir(parents=True)
            (base / "user" / "__system" / "image_sequence_roots.txt").write_text("/dev")
        word = policy if policy == "false" else WORD[name][policy]
        expected = TABLE[policy][kind]

        if expected == "refused":
            with pytest.raises(
                FileExistsError, match=rf"(?i)(move .*{path.name}.* frame 7 |move .*frame 7 .*{path.name})"
            ):
                saver(name).save(**inputs(name, **{POLICY[name]: [word]}))
        else:
            saver(name).save(**inputs(name, **{POLICY[name]: [word]}))

        if expected == "written":
            assert on_disk(output) == {FILE[name]: 70}
            assert not path.is_symlink()
        elif expected == "kept":
            assert on_disk(output) == {FILE[name]: 10}
        elif expected == "beside":
            assert path.exists()
            assert on_disk(path.parent)["f_0007-0.png"] == 70
        else:
            assert os.path.lexists(path)
            assert os.listdir(path.parent) == [path.name]

    @pytest.mark.parametrize(("name", "policy"), [(name, word) for name in (FRAME, COUNTED) for word in POLICIES[name]])
    def test_say_before_rendering_what_the_table_says(
        self, saver: Any, output: Path, base: Path, name: str, policy: str, kind: str, make: Callable[[Path], Any]
    ) -> None:
        path = output / FILE[name]
        path.parent.mkdir()
        make(path)
        asks = inputs(name, **{IMAGES[name]: UNRENDERED, POLICY[name]: [policy]})

        if TABLE[policy][kind] == "refused":
            with pytest.raises(
                FileExistsError, match=rf"(?i)(move .*{path.name}.* frame 7 |move .*frame 7 .*{path.name})"
            ):
                saver(name).check_lazy_status(**asks)
        else:
            wanted = TABLE[policy][kind] == "written"
            assert saver(name).check_lazy_status(**asks) == ([IMAGES[name]] if wanted else [])


class Mine:
    """An object of another pack, as can end up in a prompt."""


def _cycle() -> dict[str, Any]:
    holder: dict[str, Any] = {}
    holder["me"] = holder
    return holder


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


ODD_KEYS = [
    "two  spaces",
    " edge",
    "edge ",
    "",
    "x" * 80,
    "line\nbreak",
    "日本",
    "\ud800",
    "nul\0",
    5,
    None,
    ("a",),
    b"k",
    "channels",
    "compression",
    "dataWindow",
    "type",
    "timeCode",
    "imageCounter",
    "chromaticities",
]
ODD_VALUES = {
    "tensor": torch.zeros(2),
    "object": Mine(),
    "bytes": b"x",
    "set": {1, 2},
    "array": np.zeros(2),
    "cycle": _cycle(),
    "deep": _deep(),
    "number": 10**5000,
}
WORKFLOW = {"nodes": [1, {"title": "Größe 日本 🎞"}]}
PROMPT = {"1": {"class_type": "A", "inputs": {"seed": 5}, "is_changed": [1]}}


@every_saver
@pytest.mark.parametrize(
    "filetype",
    ["png with embedded workflow", "webp lossless with embedded workflow", "jpg", "exr with embedded workflow"],
)
class TestForeignMetadata:
    def save(self, saver: Any, name: str, filetype: str, **hidden: Any) -> None:
        pattern = {"path_pattern": ["shot/f_####"]} if name == BATCH else {}
        more = {"filetype": [filetype], "workflow_file": [True], **pattern}
        saver(name).save(**inputs(name, **more), **{key: [value] for key, value in hidden.items()})

    def text(self, output: Path, filetype: str) -> dict[str, Any]:
        """The text entries, and for EXR the other attributes, of the only frame, read by another library, and the contents of the workflow file."""
        (frame,) = (path for path in (output / "shot").iterdir() if path.suffix != ".json")
        (workflow,) = (output / "shot").glob("*.workflow.json")
        if filetype.startswith("exr"):
            with OpenEXR.File(str(frame)) as file:
                entries = dict(file.header())
        else:
            with Image.open(frame) as image:
                image.load()
                entries = dict(getattr(image, "text", {}))
                if filetype.startswith("webp"):
                    entries = dict(value.split(":", 1) for value in image.getexif().values())
        if filetype != "jpg":
            assert json.loads(entries["workflow"]) == json.loads(workflow.read_text())
        return {"workflow": workflow.read_text(), **entries}

    @pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
    def test_with_an_odd_key_cost_neither_the_picture_nor_the_rest(
        self, saver: Any, output: Path, name: str, filetype: str, key: Any
    ) -> None:
        self.save(saver, name, filetype, prompt=PROMPT, extra_pnginfo={key: 1, "workflow": WORKFLOW, "other": 2})

        text = self.text(output, filetype)
        assert json.loads(text["workflow"]) == WORKFLOW
        if filetype != "jpg":
            assert json.loads(text["prompt"]) == {"1": {"class_type": "A", "inputs": {"seed": 5}}}
            assert json.loads(text["other"]) == 2

    @pytest.mark.parametrize("kind", list(ODD_VALUES))
    def test_with_an_odd_value_cost_only_the_value(
        self, saver: Any, output: Path, name: str, filetype: str, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        odd = ODD_VALUES[kind]
        extra = {"alien": odd, "workflow": {**WORKFLOW, "extra": {"alien": odd, "ours": 1}}}

        with caplog.at_level(logging.WARNING):
            self.save(saver, name, filetype, prompt={"1": {"inputs": {"a": odd, "b": 2}}}, extra_pnginfo=extra)

        workflow = json.loads(self.text(output, filetype)["workflow"])
        assert workflow["nodes"] == WORKFLOW["nodes"]
        assert workflow["extra"]["ours"] == 1
        (record,) = caplog.records
        assert "alien" in record.getMessage()
        assert "workflow.extra.alien" in record.getMessage()
        assert "prompt.1.inputs.a" in record.getMessage()

    @pytest.mark.parametrize(
        "extra", [[1, 2], "text", 5, torch.zeros(2), Mine(), [{"workflow": 1}]], ids=lambda extra: type(extra).__name__
    )
    def test_that_are_not_a_mapping_cost_only_themselves(
        self, saver: Any, output: Path, name: str, filetype: str, extra: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            self.save(saver, name, filetype, prompt=PROMPT, extra_pnginfo=extra)

        assert len([path for path in (output / "shot").iterdir() if path.suffix != ".json"]) == 1
        (record,) = caplog.records
        assert "extra_pnginfo" in record.getMessage()
