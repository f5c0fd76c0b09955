"""Mask, layers and metadata beside the images of the savers: they are rendered only with them, and skipped with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from devtools.embedded_host import EmbeddedHost

from .. import hosted
from ..disk import on_disk, put
from ..hosted import wire
from ..wires import counter
from .plates import add_layer, every_saver, header_of, metadata_class, place, save

PACK = Path(__file__).resolve().parents[2]
NAMES = ("mask", "layers", "metadata")
IMAGE = {"SaveFrame": "images", "SaveCounted": "image", "SaveBatch": "images"}


def companions(pack: ModuleType) -> dict[str, Any]:
    return {
        "mask": wire(torch.full((1, 4, 6), 0.5)),
        "layers": wire(add_layer(pack, "depth", mask=torch.ones(1, 4, 6))),
        "metadata": wire(metadata_class(pack)(({"owner": "ACME"},))),
    }


@every_saver
def test_all_that_is_wired_is_asked_for_with_the_images(pack: ModuleType, output: Path, saver: str) -> None:
    images = torch.zeros(1, 4, 6, 3)

    answer = hosted.run(pack, saver, **place(saver, "exr", images), **companions(pack))
    alone = hosted.run(pack, saver, **place(saver, "exr", images, 1), metadata=companions(pack)["metadata"])
    without = hosted.run(pack, saver, **place(saver, "exr", images, 2))

    assert answer.asked_for == {IMAGE[saver], *NAMES}
    assert alone.asked_for == {IMAGE[saver], "metadata"}
    assert without.asked_for == {IMAGE[saver]}


@pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted"])
class TestAFrameOnDisk:
    def test_asks_for_nothing_and_stays(self, pack: ModuleType, output: Path, saver: str) -> None:
        save(pack, saver, torch.zeros(1, 4, 6, 3))
        before = (output / "s/s_00000.exr").read_bytes()

        inputs = place(saver, "exr", torch.ones(1, 4, 6, 3)) | companions(pack)
        answer = hosted.run(pack, saver, **inputs, on_existing="skip")

        assert answer.asked_for == frozenset()
        assert (output / "s/s_00000.exr").read_bytes() == before

    @pytest.mark.parametrize("name", NAMES)
    def test_does_not_look_at_what_comfyui_has_in_its_cache(
        self, pack: ModuleType, output: Path, saver: str, name: str
    ) -> None:
        """ComfyUI passes a lazy input that was not asked for, if its node has run for another one. It need not fit."""
        put(output / "s/s_00000.png", 7)
        node = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{saver}"]()
        inputs = {
            key: list(value) if isinstance(value, tuple) else [value]
            for key, value in place(saver, "png", None).items()
        }
        cached = {"mask": torch.zeros(5, 9, 9), "layers": object(), "metadata": metadata_class(pack)(({},) * 5)}

        node.save(**inputs | {IMAGE[saver]: (None,), name: [cached[name]], "on_existing": ["skip"]})

        assert on_disk(output) == {"s/s_00000.png": 7}

    def test_is_kept_beside_one_that_is_rendered(self, pack: ModuleType, output: Path, saver: str) -> None:
        """In a list of frames one is missing, so that ComfyUI renders all of them."""
        save(pack, saver, torch.zeros(1, 4, 6, 3))
        before = (output / "s/s_00000.exr").read_bytes()
        images = [torch.full((1, 4, 6, 3), value) for value in (0.25, 0.5)]
        numbers: dict[str, Any] = {"current_frame": wire(0, 1)}
        if saver == "SaveCounted":
            numbers = {"frame_counter": wire(counter(0, 9), counter(1, 9))}
        metadata = wire(*(metadata_class(pack)(({"owner": owner},)) for owner in ("first", "second")))

        inputs = place(saver, "exr", None) | numbers | {IMAGE[saver]: wire(*images), "on_existing": "skip"}
        hosted.run(pack, saver, **inputs, metadata=metadata)

        assert (output / "s/s_00000.exr").read_bytes() == before
        assert header_of(output / "s/s_00001.exr")["owner"] == "second"


def test_past_the_end_nothing_is_asked_for(pack: ModuleType, output: Path) -> None:
    inputs = place("SaveCounted", "exr", torch.zeros(1, 4, 6, 3)) | {"frame_counter": wire(counter(5, 5))}

    answer = hosted.run(pack, "SaveCounted", **inputs, **companions(pack))

    assert answer.asked_for == frozenset()
    assert on_disk(output) == {}


@every_saver
def test_scripts_may_pass_plain_values(pack: ModuleType, output: Path, saver: str) -> None:
    """Not in lists, and without check_lazy_status."""
    node = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{saver}"]()
    inputs = {
        key: value[0] if isinstance(value, tuple) else value
        for key, value in place(saver, "exr", torch.zeros(1, 4, 6, 3)).items()
    }
    plain = {key: value[0] for key, value in companions(pack).items()}

    node.save(**inputs, **plain)

    header = header_of(output / "s/s_00000.exr")
    assert header["owner"] == "ACME"
    assert {channel.name for channel in header["channels"]} == {*"RGBA", "depth.Z"}


class Source:
    """Makes an image, a mask, layers or metadata, and counts its runs by its `text`."""

    FUNCTION, CATEGORY = "run", "probe"
    RETURN_TYPES = ("IMAGE", "MASK", "FRAME_METADATA")
    runs: list[str]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"text": ("STRING", {})}}

    def run(self, text: str) -> tuple[Any, ...]:
        Source.runs.append(text)
        return torch.zeros(1, 4, 6, 3), torch.zeros(1, 4, 6), Source.metadata  # type: ignore[attr-defined]


class TestOnAServer:
    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[EmbeddedHost]:
        with EmbeddedHost(tmp_path / "comfyui", PACK) as running:
            running.node_classes["Source"] = Source
            Source.runs = []
            Source.metadata = metadata_class(running.pack)(({"owner": "ACME"},))  # type: ignore[attr-defined]
            yield running

    def test_a_range_that_is_queued_again_runs_no_graph_in_front(self, host: EmbeddedHost) -> None:
        def queue(frame: int) -> list[str]:
            Source.runs = []
            wires = {"images": ["a", 0], "mask": ["b", 1], "layers": ["layer", 0], "metadata": ["d", 2]}
            saving = {"filename_prefix": "s", "current_frame": frame, "filetype": "exr", "on_existing": "skip"}
            sources = {name: {"class_type": "Source", "inputs": {"text": name}} for name in "abcd"}
            layer = {"class_type": "ImageSequenceAddLayer", "inputs": {"name": "n", "image": ["c", 0]}}
            host.run(
                {**sources, "layer": layer, "save": {"class_type": "ImageSequenceSaveFrame", "inputs": wires | saving}}
            )
            return sorted(Source.runs)

        assert [queue(frame) for frame in (0, 1, 0, 1, 2)] == [list("abcd"), list("abcd"), [], [], list("abcd")]
        assert header_of(host.comfyui.output / "s/s_00002.exr")["owner"] == "ACME"

    def test_types_of_wires_are_not_mixed_up(self, host: EmbeddedHost) -> None:
        prompt = {
            "a": {"class_type": "Source", "inputs": {"text": "a"}},
            "save": {
                "class_type": "ImageSequenceSaveFrame",
                "inputs": {"images": ["a", 0], "layers": ["a", 2], "filename_prefix": "s", "current_frame": 0},
            },
        }
        with pytest.raises(Exception, match=r"received_type\(FRAME_METADATA\) mismatch input_type\(IMAGE_LAYERS\)"):
            host.run(prompt)
        assert Source.runs == []
