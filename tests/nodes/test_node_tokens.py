"""Values of other nodes in the texts of savers and of the resume counter: %KSampler.seed%, for API clients as well."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .. import hosted
from ..disk import on_disk, put_frames, shades, stand_in
from .plates import SAVERS, place

TEXTS = [
    ("SaveFrame", "filename_prefix", "s_%KSampler.seed%", "s_{seed}/s_{seed}_00000.png"),
    ("SaveCounted", "directory_path", "s_%KSampler.seed%", "s_{seed}/s_00000.png"),
    ("SaveCounted", "prefix", "a/s_%KSampler.seed%", "s/a/s_{seed}_00000.png"),
    ("SaveBatch", "path_pattern", "%KSampler.seed%/f_####", "{seed}/f_0000.png"),
]
every_text = pytest.mark.parametrize(("saver", "name", "text", "file"), TEXTS)


def prompt(seed: Any = 5, **more: Any) -> dict[str, Any]:
    return {"3": {"class_type": "KSampler", "inputs": {"seed": seed}}, **more}


def save(pack: ModuleType, saver: str, name: str, text: str, running: Any) -> hosted.Answer:
    return hosted.run(pack, saver, prompt=running, **(place(saver, "png", shades(70)) | {name: text}))


class TestSaving:
    @every_text
    def test_fills_in_the_value(
        self, pack: ModuleType, output: Path, saver: str, name: str, text: str, file: str
    ) -> None:
        save(pack, saver, name, text, prompt(5))

        assert on_disk(output) == {file.format(seed=5): 70}

    @every_text
    def test_refuses_an_unknown_node_before_rendering_and_creates_no_folder(
        self, pack: ModuleType, output: Path, saver: str, name: str, text: str, file: str
    ) -> None:
        with pytest.raises(ValueError, match=r"Write %KSampler\.seed%"):
            save(pack, saver, name, text.replace("KSampler", "KSamplr"), prompt(5))
        assert list(output.iterdir()) == []

    @every_text
    def test_makes_the_value_safe_and_keeps_braces(
        self, pack: ModuleType, output: Path, saver: str, name: str, text: str, file: str
    ) -> None:
        save(pack, saver, name, text, prompt("a/b:c {x}"))

        assert list(on_disk(output)) == [file.format(seed="a_b_c {x}")]

    @every_text
    @pytest.mark.parametrize("value", ["..", "a..b"])
    def test_applies_the_rules_for_names_to_the_value(
        self, pack: ModuleType, output: Path, saver: str, name: str, text: str, file: str, value: str
    ) -> None:
        with pytest.raises(ValueError, match=r"\.\."):
            save(pack, saver, name, text, prompt(value))
        assert list(output.iterdir()) == []

    @every_text
    @pytest.mark.parametrize(
        ("added", "value", "message"),
        [
            pytest.param("%width%", "..", r"\.\.", id="a value that names cannot have"),
            pytest.param("%width%_%KSampl.seed%", 5, "no node of the graph", id="an unknown node"),
        ],
    )
    def test_is_refused_before_rendering_even_beside_a_size(
        self,
        pack: ModuleType,
        output: Path,
        saver: str,
        name: str,
        text: str,
        file: str,
        added: str,
        value: Any,
        message: str,
    ) -> None:
        node = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{saver}"]()
        inputs = place(saver, "png", None) | {name: f"{added}{text}"}
        images = {key: (None,) for key in ("image", "images") if key in inputs}
        lists = {key: hosted.listed(given) for key, given in inputs.items()} | images

        with pytest.raises(ValueError, match=message):
            node.check_lazy_status(**lists, prompt=[prompt(value)], extra_pnginfo=[None], unique_id=["7"])

    @pytest.mark.parametrize("saver", SAVERS)
    def test_is_refused_where_there_is_no_prompt(self, pack: ModuleType, output: Path, saver: str) -> None:
        _, name, text, _ = next(row for row in TEXTS if row[0] == saver)

        with pytest.raises(ValueError, match="no prompt is known"):
            save(pack, saver, name, text, None)


class TestResuming:
    @pytest.mark.parametrize(
        ("directory", "pattern"), [("shot_%KSampler.seed%", "*"), ("shot_5", "%KSampler.seed%_####.png")]
    )
    def test_counts_in_the_folder_that_the_saver_uses(
        self, pack: ModuleType, output: Path, directory: str, pattern: str
    ) -> None:
        put_frames(output / "shot_5", 0, 1, 2, name="5_{:04d}.png")
        inputs: dict[str, Any] = {
            "directory_path": directory,
            "pattern": pattern,
            "indexing": "numeric",
            "total_frames": 9,
        }

        answer = hosted.run(pack, "FrameCounterFromDirectory", prompt=prompt(5), frames_per_second=24.0, **inputs)
        assert answer.outputs[1] == [3]

    def test_its_look_knows_nothing_before_the_run(self, pack: ModuleType, output: Path) -> None:
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]
        inputs = {"directory_path": "%KSampler.seed%", "pattern": "*", "indexing": "numeric", "total_frames": 9}

        nothing = dict.fromkeys(("frame", "left", "existing", "existing_ranges"))
        assert node.look(**inputs).facts == {"total": 9, **nothing}


class Queue:
    """ComfyUI's queue, as far as it is used: the prompts that are running now."""

    def __init__(self) -> None:
        self.running: list[Any] = []

    def get_current_queue_volatile(self) -> tuple[list[Any], list[Any]]:
        return self.running, []


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    server = SimpleNamespace(prompt_queue=queue, client_id=None)
    stand_in(monkeypatch, "server", PromptServer=SimpleNamespace(instance=server))
    return queue


def key(pack: ModuleType, node: str, **inputs: Any) -> str:
    """The answer of IS_CHANGED, which is called without the prompt."""
    node_class = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{node}"]
    hidden: dict[str, Any] = {"prompt": {}, "extra_pnginfo": None, "unique_id": "7"}
    given = inputs | hidden
    if getattr(node_class, "INPUT_IS_LIST", False):
        given = {name: [value] for name, value in given.items()}
    answer = node_class.IS_CHANGED(**given)
    assert type(answer) is str
    return answer


KEYED = [
    ("SaveFrame", {"filename_prefix": "s_%KSampler.seed%", "current_frame": 1}),
    ("SaveCounted", {"directory_path": "s", "prefix": "s_%KSampler.seed%"}),
    ("SaveBatch", {"path_pattern": "s_%KSampler.seed%_####", "start_index": 0}),
    ("FrameCounterFromDirectory", {"directory_path": "%KSampler.seed%", "pattern": "*", "total_frames": 9}),
]


@pytest.mark.parametrize(("node", "inputs"), KEYED)
class TestTheCacheKey:
    def test_changes_with_the_value(
        self, pack: ModuleType, output: Path, queue: Queue, node: str, inputs: dict[str, Any]
    ) -> None:
        keys = []
        for seed in (5, 5, 6):
            queue.running = [(0, "id", prompt(seed), {"extra_pnginfo": {}}, ["1"])]
            keys.append(key(pack, node, **inputs))

        assert keys[0] == keys[1] != keys[2]

    def test_stays_when_another_value_changes(
        self, pack: ModuleType, output: Path, queue: Queue, node: str, inputs: dict[str, Any]
    ) -> None:
        keys = []
        for steps in (20, 30):
            other = {"class_type": "Other", "inputs": {"steps": steps}}
            queue.running = [(0, "id", prompt(5, other=other), {}, ["1"])]
            keys.append(key(pack, node, **inputs))

        assert keys[0] == keys[1]

    @pytest.mark.parametrize("count", [0, 2])
    def test_never_repeats_if_the_running_prompt_is_not_known(
        self, pack: ModuleType, output: Path, queue: Queue, node: str, inputs: dict[str, Any], count: int
    ) -> None:
        queue.running = [(0, "id", prompt(5), {}, ["1"])] * count

        assert key(pack, node, **inputs) != key(pack, node, **inputs)

    def test_repeats_without_such_a_token(
        self, pack: ModuleType, output: Path, node: str, inputs: dict[str, Any]
    ) -> None:
        plain = {
            name: value.replace("%KSampler.seed%", "5") if isinstance(value, str) else value
            for name, value in inputs.items()
        }

        assert key(pack, node, **plain) == key(pack, node, **plain)
