"""Unchanged API prompts of the packs that this one replaces, on a ComfyUI that does not have those packs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from devtools.comfyui_server import ComfyUIServer
from devtools.prompts import PromptError
from io_utils.comfyui.replaced_nodes import REPLACEMENTS

from .conftest import Bench, graph

# A pack with all the nodes of the earlier packs. Each of them reports that it is the original.
ORIGINALS = f"""
class Original:
    FUNCTION, CATEGORY, OUTPUT_NODE, RETURN_TYPES = "run", "probe", True, ("STRING", "STRING")

    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{}}}}

    def run(self):
        return {{"ui": {{"text": ["the original"]}}, "result": ("first", "second")}}


NODE_CLASS_MAPPINGS = dict.fromkeys({[row.old_id for row in REPLACEMENTS]!r}, Original)
"""


class OldPrompts:
    """Posts graphs with node titles, as the editor does, or without, as in prompts that are written by hand."""

    def __init__(self, bench: Bench, *, titles: bool) -> None:
        self.output, self._bench, self._titles = bench.output, bench, titles

    def run(self, **nodes: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        prompt = graph(nodes)
        for node in prompt.values() if self._titles else ():
            node["_meta"] = {"title": node["class_type"]}
        return self._bench.server.run(prompt)


@pytest.fixture(params=[True, False], ids=["with titles", "without _meta"])
def old(comfyui: Bench, request: pytest.FixtureRequest) -> OldPrompts:
    return OldPrompts(comfyui, titles=request.param)


def make(count: int = 1, width: int = 32) -> tuple[str, dict[str, Any]]:
    return "ProbeCostly", {"frame": 3, "count": count, "width": width, "height": 24, "seed": 5}


def show(node: str, output: int = 0) -> tuple[str, dict[str, Any]]:
    return "PreviewAny", {"source": [node, output]}


class TestRuns:
    def test_save_image_sequence_mtb(self, old):
        inputs = {"images": ["make", 0], "filename_prefix": "mtb", "current_frame": 12}
        old.run(make=make(), save=("Save Image Sequence (mtb)", inputs))

        with Image.open(old.output / "mtb/mtb_00012.png") as image:
            prompt = json.loads(image.text["prompt"])  # type: ignore[attr-defined]
        assert prompt["save"]["class_type"] == "ImageSequenceSaveFrame"

    def test_jw_save_and_load(self, old):
        save = {"images": ["make", 0], "path_pattern": "./jw/f{i:03d}.png", "start_index": 7, "overwrite": "true"}
        old.run(make=make(4, 40), save=("JWSaveImageSequence", save))
        assert sorted(path.name for path in (old.output / "jw").iterdir()) == [f"f{n:03d}.png" for n in range(7, 11)]

        (old.output / "jw/f009.png").unlink()
        load = {"path_pattern": "./jw/f{:03d}.png", "start_index": 8, "frame_count": 4, "ignore_missing_images": "true"}
        shown = old.run(
            load=("JWLoadImageSequence", load), size=("GetImageSize", {"image": ["load", 0]}), show=show("size", 2)
        )
        assert shown["show"]["text"] == ["2"]

    def test_dream_counter_and_saver(self, old):
        for frame in range(2):
            shown = old.run(
                make=make(),
                count=(
                    "Frame Counter (Simple) [Dream]",
                    {"frame_index": frame, "total_frames": 2, "frames_per_second": 12},
                ),
                save=(
                    "Image Sequence Saver [Dream]",
                    {
                        "frame_counter": ["count", 0],
                        "image": ["make", 0],
                        "directory_path": str(old.output / "dream_takes"),
                        "prefix": "take",
                        "digits": 3,
                        "at_end": "raise error",
                        "filetype": "jpg",
                    },
                ),
                film=("ImageSequenceFromAnimation", {"sequence": ["save", 0]}),
                fps=show("film", 1),
                log=show("save", 1),
            )
        assert sorted(path.name for path in (old.output / "dream_takes").iterdir()) == ["take_000.jpg", "take_001.jpg"]
        assert shown["fps"]["text"] == ["12.0"]
        assert "All 2 frames are on disk." in shown["log"]["text"][0]

    def test_dream_directory_counter_and_saver(self, old):
        folder = old.output / "resumed"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        count = {"pattern": "shot_*.png", "indexing": "numeric", "total_frames": 3, "frames_per_second": 30}
        save = {"prefix": "shot", "digits": 4, "at_end": "stop output", "filetype": "png"}
        for _ in range(4):
            old.run(
                make=make(),
                count=("Frame Counter (Directory) [Dream]", {"directory_path": str(folder), **count}),
                save=(
                    "Image Sequence Saver [Dream]",
                    {"frame_counter": ["count", 0], "image": ["make", 0], "directory_path": str(folder), **save},
                ),
            )
        assert sorted(path.name for path in folder.iterdir()) == [f"shot_{n:04d}.png" for n in range(3)]

    @pytest.mark.parametrize("default", [True, False], ids=["with its default image", "without"])
    def test_dream_loader(self, old, default):
        save = {"images": ["make", 0], "path_pattern": "plate/p_{:03d}.png", "start_index": 5, "overwrite": "true"}
        old.run(make=make(2), save=("JWSaveImageSequence", save))
        load = {"directory_path": str(old.output / "plate"), "pattern": "p_*.png", "indexing": "numeric"}
        shown = old.run(
            make=make(),
            count=("Frame Counter (Simple) [Dream]", {"frame_index": 6, "total_frames": 9, "frames_per_second": 12}),
            load=(
                "Image Sequence Loader [Dream]",
                {"frame_counter": ["count", 0], **load, **({"default_image": ["make", 0]} if default else {})},
            ),
            name=show("load", 1),
            save=("SaveImage", {"images": ["load", 0], "filename_prefix": "loaded"}),
        )
        assert shown["name"]["text"] == ["p_006.png"]
        with (
            Image.open(old.output / "plate/p_006.png") as plate,
            Image.open(old.output / shown["save"]["images"][0]["filename"]) as loaded,
        ):
            assert loaded.tobytes() == plate.tobytes()


def test_folders_that_the_earlier_packs_wrote_to_are_refused_with_the_line_that_allows_them(comfyui, tmp_path):
    save = {
        "images": ["make", 0],
        "path_pattern": f"{tmp_path}/all/f{{:03d}}.png",
        "start_index": 0,
        "overwrite": "true",
    }
    prompt = graph({"make": make(), "save": ("JWSaveImageSequence", save)})
    with pytest.raises(PromptError) as caught:
        comfyui.server.run(prompt)
    details = caught.value.node_errors["save"]["errors"][0]["details"]
    roots = comfyui.server.base / "user/__system/image_sequence_roots.txt"
    assert f"add this line to {roots} (create the file and its folder if needed):\nrw {tmp_path}/all\n" in details

    roots.parent.mkdir(exist_ok=True)
    roots.write_text(details.splitlines()[-2])
    try:
        with pytest.raises(PromptError, match=r"Mount the folder.*or create it.*does not exist"):
            comfyui.server.run(prompt)
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "all").mkdir()
        comfyui.server.run(prompt)
    finally:
        roots.unlink()
    assert (tmp_path / "all/f000.png").is_file()


def answer(server: ComfyUIServer, body: Any) -> tuple[int, str]:
    """The status and the text with which POST /prompt answers this JSON."""
    request = urllib.request.Request(f"{server.url}/prompt", json.dumps(body).encode())
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, "No prompt provided", id="no prompt"),
        pytest.param({"prompt": {}}, "Prompt has no outputs", id="an empty prompt"),
        pytest.param({"prompt": {"1": {"inputs": {}}}}, "", id="no class type"),
        pytest.param(
            {"prompt": {"1": {"class_type": "JWSaveImageSequences", "inputs": {}}}},
            "JWSaveImageSequences",
            id="a class type that nobody has",
        ),
        pytest.param(
            {"prompt": {"1": {"class_type": "JWSaveImageSequence", "inputs": {}}}},
            "Required input is missing",
            id="no inputs",
        ),
    ],
)
def test_the_server_itself_reports_errors_in_a_prompt(comfyui, body, expected):
    status, text = answer(comfyui.server, body)

    assert status == 400
    assert expected in text
    assert "on_prompt_handler" not in comfyui.server.log.read_text()


def test_the_frontend_is_offered_every_replacement(comfyui):
    if not comfyui.server.get_json("/features").get("node_replacements"):
        pytest.skip("a ComfyUI before 0.13 has no node replacements")
    offered = comfyui.server.get_json("/node_replacements")

    for row in REPLACEMENTS:
        wanted = row.declaration()
        assert offered[row.old_id] == [wanted | {"output_mapping": wanted["output_mapping"] or None}]


@pytest.fixture(scope="module")
def beside(start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIServer]:
    """A server that also has the earlier packs' nodes."""
    base = tmp_path_factory.mktemp("beside")
    (base / "custom_nodes").mkdir()
    (base / "custom_nodes" / "originals.py").write_text(ORIGINALS)
    with start(base=base) as running:
        yield running


@pytest.mark.parametrize("old_id", [row.old_id for row in REPLACEMENTS])
@pytest.mark.parametrize("meta", [{"_meta": {"title": "x"}}, {}], ids=["with titles", "without _meta"])
def test_with_the_earlier_packs_installed_their_own_nodes_run(beside, old_id, meta):
    prompt = {
        "1": {"class_type": old_id, "inputs": {}, **meta},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}, **meta},
    }
    shown = beside.run(prompt)

    assert shown["1"]["text"] == ["the original"]
    assert shown["2"]["text"] == ["second"]
