"""The values of other nodes in a saver's texts, and where a saver's faults are reported, on a real server."""

from __future__ import annotations

import pytest

from devtools.comfyui_server import PromptFailed
from devtools.prompts import PromptError

COUNTER = {"frame_index": 0, "total_frames": 5, "frames_per_second": 24}


def costly(seed: int) -> tuple[str, dict]:
    return "ProbeCostly", {"frame": 0, "count": 1, "width": 16, "height": 12, "seed": seed}


def saver(name: str, text: str) -> tuple[str, dict]:
    inputs = {
        "SaveFrame": {"images": ["make", 0], "filename_prefix": text, "current_frame": 0},
        "SaveCounted": {"image": ["make", 0], "frame_counter": ["count", 0], "directory_path": text, "prefix": "f"}
        | {"digits": 4, "at_end": "stop output", "filetype": "png"},
        "SaveBatch": {"images": ["make", 0], "path_pattern": f"{text}/f_####", "start_index": 0, "overwrite": "true"},
    }
    return f"ImageSequence{name}", inputs[name]


# Each saver has images of its own, because ComfyUI caches them.
SEEDS = {"SaveFrame": 100, "SaveCounted": 200, "SaveBatch": 300}

every_saver = pytest.mark.parametrize("name", ["SaveFrame", "SaveCounted", "SaveBatch"])


@every_saver
class TestTheValueOfAnotherNode:
    def run(self, comfyui, name: str, take: str, seed: int, text: str = "%ProbeText.text%") -> None:
        """The node with the text is not in front of the saver: only the token depends on it."""
        comfyui.run(
            note=("ProbeText", {"text": take}),
            count=("ImageSequenceFrameCounter", COUNTER),
            make=costly(SEEDS[name] + seed),
            save=saver(name, f"tokens_{name}/{text}"),
        )

    def test_is_part_of_the_path_and_of_the_cache_key(self, comfyui, name):
        folder = comfyui.output / f"tokens_{name}"
        comfyui.rendered()

        for take in ("one", "one", "two", "one", "three?"):
            self.run(comfyui, name, take, 1)

        assert sorted(path.name for path in folder.iterdir()) == ["one", "three_", "two"]
        assert comfyui.rendered() == [0], "only the saver runs again"

    def test_that_is_unchanged_does_not_save_again(self, comfyui, name):
        self.run(comfyui, name, "same", 2)
        (file,) = (comfyui.output / f"tokens_{name}/same").iterdir()
        before = file.stat().st_ino

        self.run(comfyui, name, "same", 2)
        assert file.stat().st_ino == before
        self.run(comfyui, name, "same", 3)
        assert file.stat().st_ino != before

    def test_in_a_subgraph_is_found(self, comfyui, name):
        inner = {"5:12": ("ProbeText", {"text": "inner"})}
        comfyui.run(
            **inner,
            count=("ImageSequenceFrameCounter", COUNTER),
            make=costly(SEEDS[name] + 5),
            save=saver(name, f"tokens_{name}/sub_%ProbeText.text%"),
        )

        assert (comfyui.output / f"tokens_{name}/sub_inner").is_dir()

    def test_of_an_unknown_node_is_refused_before_anything_renders(self, comfyui, name):
        comfyui.rendered()

        with pytest.raises(PromptFailed, match=r"Write %ProbeText\.text%"):
            self.run(comfyui, name, "x", 4, "%ProbText.text%")

        assert comfyui.rendered() == []
        assert not (comfyui.output / f"tokens_{name}/%ProbText.text%").exists()


@every_saver
@pytest.mark.parametrize("text", ["../x", "%seed%", "a..b"])
def test_a_fault_in_a_text_is_reported_once_and_for_its_input(comfyui, name, text):
    inputs = {"SaveFrame": "filename_prefix", "SaveCounted": "directory_path", "SaveBatch": "path_pattern"}

    with pytest.raises(PromptError) as caught:
        comfyui.run(count=("ImageSequenceFrameCounter", COUNTER), make=costly(0), save=saver(name, text))

    (error,) = caught.value.node_errors["save"]["errors"]
    assert error["extra_info"]["input_name"] == inputs[name]
    assert list(caught.value.node_errors) == ["save"]


def test_a_type_that_contradicts_the_extension_is_refused_before_anything_renders(comfyui):
    comfyui.rendered()
    kind, inputs = saver("SaveBatch", "contradiction")

    with pytest.raises(PromptFailed, match=r"Set filetype to .* or end path_pattern in '\.exr'"):
        comfyui.run(make=costly(9), save=(kind, inputs | {"path_pattern": "contradiction/f_##.png", "filetype": "exr"}))

    assert comfyui.rendered() == []
    assert not (comfyui.output / "contradiction").exists()
