"""The savers' "skip unchanged", as ComfyUI calls them: what runs, what is kept, and what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from devtools.change_marks import write_change_marks
from devtools.embedded_host import EmbeddedHost
from io_utils.frame_identity import VERSION

from ..conftest import PACK
from ..disk import put, put_frames, shades

Prompt = dict[str, dict[str, Any]]

# A node that renders, and notes it, and one that brings a number which only the run knows.
RENDERER = """
RUNS, TEXTS = [], []

class Render:
    FUNCTION, RETURN_TYPES = "run", ("IMAGE", "MASK")

    @classmethod
    def INPUT_TYPES(cls):
        values = {name: ("INT", {"default": value}) for name, value in (("shade", 0), ("count", 1))}
        return {"required": values, "optional": {"picture": ("IMAGE",), "also": ("*", {"forceInput": True})}}

    def run(self, shade, count, picture=None, also=None):
        import torch
        RUNS.append(shade)
        image = torch.full((count, 4, 6, 3), shade / 255)
        return (image, torch.zeros(count, 4, 6))

class RenderList(Render):
    OUTPUT_IS_LIST = (True, True)

    def run(self, **inputs):
        images, masks = super().run(**inputs)
        return ([image[None] for image in images], [mask[None] for mask in masks])

class Number:
    FUNCTION, RETURN_TYPES = "run", ("INT",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT", {})}}

    def run(self, value):
        return (value,)

class Measure(Number):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    def run(self, image):
        return (int(image.max() * 255),)

class Keyed:
    # The text of the last key up to the frame: "0: noon, 60: night".

    FUNCTION, RETURN_TYPES = "run", ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {}), "frame": ("INT", {})}}

    def run(self, text, frame):
        keys = [key.split(": ") for key in text.split(", ")]
        if len(keys[0]) < 2:
            raise ValueError("no key")
        found = [text for key, text in keys if int(key) <= frame][-1]
        TEXTS.append(found)
        return (found,)

class Joined(Keyed):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"first": ("STRING", {}), "second": ("STRING", {})}}

    def run(self, first, second):
        return (first + second,)

class Numbers(Number):
    OUTPUT_IS_LIST = (True,)

    def run(self, value):
        return (list(range(value)),)

NODE_CLASS_MAPPINGS = {"Render": Render, "RenderList": RenderList, "Number": Number, "Numbers": Numbers}
NODE_CLASS_MAPPINGS |= {"Measure": Measure, "Keyed": Keyed, "Joined": Joined}
NODE_CLASS_MAPPINGS["PrimitiveInt"] = Number  # core's, which has the same inputs and outputs
"""


class Bench:
    """The pack in the stand-in for ComfyUI, beside a pack that renders."""

    def __init__(self, host: EmbeddedHost) -> None:
        self.host, self.output, self.input = host, host.comfyui.output, host.comfyui.input
        self._runs: list[int] = host.packs[1].RUNS
        self.texts: list[str] = host.packs[1].TEXTS

    def rendered(self, prompt: Prompt) -> list[int]:
        """Run a prompt. Returns the shades that were rendered."""
        self._runs.clear()
        self.shown = self.host.run(prompt)
        return list(self._runs)

    @property
    def message(self) -> str:
        text: str = json.loads(self.shown["save"]["image_sequence"][0])["message"]
        return text


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    other = tmp_path / "comfyui" / "custom_nodes" / "renderer"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(RENDERER, encoding="utf-8")
    with EmbeddedHost(tmp_path / "comfyui", PACK) as host:
        yield Bench(host)


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def graph(saver: str = "SaveFrame", shade: Any = 50, count: int = 1, render: str = "Render", **settings: Any) -> Prompt:
    """A renderer in front of one of the savers."""
    image = {"SaveCounted": "image"}.get(saver, "images")
    common: dict[str, dict[str, Any]] = {
        "SaveFrame": {"filename_prefix": "shot", "current_frame": 7, "on_existing": "skip unchanged"},
        "SaveCounted": {
            "directory_path": "shot",
            "prefix": "f",
            "digits": 4,
            "at_end": "stop output",
            "filetype": "png",
            "frame_counter": ["count", 0],
            "on_existing": "skip unchanged",
        },
        "SaveBatch": {"path_pattern": "shot/f_####.png", "start_index": 7, "overwrite": "skip unchanged"},
    }
    return {
        "count": node("ImageSequenceFrameCounter", frame_index=7, total_frames=100, frames_per_second=25),
        "render": node(render, shade=shade, count=count),
        "save": node(f"ImageSequence{saver}", **{image: ["render", 0]}, **(common[saver] | settings)),
    }


every_saver = pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted", "SaveBatch"])


@every_saver
class TestEverySaver:
    def test_does_not_run_the_graph_that_made_the_frame(self, bench: Bench, saver: str) -> None:
        assert bench.rendered(graph(saver)) == [50]
        (file,) = bench.output.rglob("*.png")
        before = file.stat().st_mtime_ns

        assert bench.rendered(graph(saver)) == []
        assert file.stat().st_mtime_ns == before
        assert bench.message.startswith("Kept frame 7, which this graph made: shot/")

    def test_renders_and_replaces_the_frame_of_another_graph(self, bench: Bench, saver: str) -> None:
        bench.rendered(graph(saver))

        assert bench.rendered(graph(saver, shade=60)) == [60]
        assert bench.message.startswith("Saved frame 7: shot/")
        (file,) = bench.output.rglob("*.png")
        with Image.open(file) as image:
            assert image.getpixel((0, 0)) == (60, 60, 60)

    def test_writes_the_identity_in_the_words_of_the_contract(self, bench: Bench, saver: str) -> None:
        bench.rendered(graph(saver))

        (file,) = bench.output.rglob("*.png")
        with Image.open(file) as image:
            facts = json.loads(image.text["image_sequence"])  # type: ignore[attr-defined]
        assert facts == {"graph": facts["graph"], "frame": 7, "version": VERSION}
        assert len(bytes.fromhex(facts["graph"])) == 32

    @pytest.mark.parametrize("quality", [None, 90])
    def test_keeps_batches(self, bench: Bench, saver: str, quality: int | None) -> None:
        more: dict[str, Any] = {} if quality is None else {"quality": quality}
        if saver == "SaveFrame":
            return
        assert bench.rendered(graph(saver, count=3)) == [50]
        assert len(list(bench.output.rglob("*.png"))) == 3

        assert bench.rendered(graph(saver, count=3, **more)) == []
        described = [json.loads(text) for text in bench.shown["save"]["image_sequence"]]
        assert (described[0]["saved"], described[0]["kept"]) == (0, 3)

    def test_does_not_run_a_mask_in_front_of_a_kept_frame(self, bench: Bench, saver: str) -> None:
        def masked(shade: int) -> Prompt:
            return graph(saver, mask=["other", 1]) | {"other": node("Render", shade=shade, count=1)}

        assert sorted(bench.rendered(masked(1))) == [1, 50]
        assert bench.rendered(masked(1)) == []
        assert sorted(bench.rendered(masked(2))) == [2, 50]

    def test_writes_nothing_about_the_graph_under_disable_metadata(
        self, bench: Bench, saver: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.host.comfyui.disable_metadata = True
        assert bench.rendered(graph(saver)) == [50]
        (file,) = bench.output.rglob("*.png")
        assert b"image_sequence" not in file.read_bytes()

        assert bench.rendered(graph(saver)) == [50], "nothing says that it is unchanged"
        assert "Start ComfyUI without --disable-metadata to keep unchanged frames" in bench.message

    def test_keeps_what_was_saved_under_another_policy(self, bench: Bench, saver: str) -> None:
        policy: dict[str, Any] = {"overwrite": "true"} if saver == "SaveBatch" else {"on_existing": "overwrite"}
        bench.rendered(graph(saver, **policy))

        assert bench.rendered(graph(saver)) == []

    def test_a_script_without_a_prompt_saves_without_an_identity(
        self, pack: ModuleType, saver: str, output: Path
    ) -> None:
        prompt = graph(saver)
        inputs = {name: value for name, value in prompt["save"]["inputs"].items() if not isinstance(value, list)}
        image = "image" if saver == "SaveCounted" else "images"
        if saver == "SaveCounted":
            counter = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounter"]()
            inputs["frame_counter"] = counter.count(**prompt["count"]["inputs"])[0]
        for _ in range(2):
            shown = pack.NODE_CLASS_MAPPINGS[f"ImageSequence{saver}"]().save(**{image: shades(50)}, **inputs)["ui"]
            assert json.loads(shown["image_sequence"][0])["saved"] == 1
        (file,) = output.rglob("*.png")
        assert b"image_sequence" not in file.read_bytes()


class TestLists:
    def test_images_of_a_list_are_kept_each_by_its_place(self, bench: Bench) -> None:
        numbers = {"numbers": node("Numbers", value=3)}
        prompt = graph(count=3, render="RenderList", current_frame=["numbers", 0]) | numbers

        assert bench.rendered(prompt) == [50]
        assert bench.rendered(prompt) == []
        assert bench.message == "Kept frames 0-2, which this graph made: shot/shot_#####.png"
        next(bench.output.rglob("shot_00001.png")).unlink()
        assert bench.rendered(prompt) == [50]
        assert bench.message == "Saved 1 frame (1), kept 2 that this graph made: shot/shot_#####.png"

    def test_a_list_of_batches_is_one_batch(self, bench: Bench) -> None:
        prompt = graph("SaveBatch", count=3, render="RenderList")

        assert bench.rendered(prompt) == [50]
        assert bench.rendered(prompt) == []
        assert bench.message == "Kept frames 7-9, which this graph made: shot/f_####.png"


class TestFrameCounters:
    def counted(self, slot: int, frame: int = 7, total: int = 100, rate: float = 25) -> Prompt:
        prompt = graph("SaveCounted", shade=["count", 1])
        prompt["render"]["inputs"]["also"] = ["count", slot]
        prompt["count"] = node(
            "ImageSequenceFrameCounter", frame_index=frame, total_frames=total, frames_per_second=rate
        )
        return prompt

    @pytest.mark.parametrize(("slot", "is_kept"), [(1, True), (2, False), (3, True), (4, False)])
    def test_the_length_counts_for_what_it_is_wired_to(self, bench: Bench, slot: int, is_kept: bool) -> None:
        """frame_index, total_frames, is_final_frame, progress."""
        assert bench.rendered(self.counted(slot)) == [7]

        assert bench.rendered(self.counted(slot, total=200)) == ([] if is_kept else [7])

    def test_the_final_frame_is_another_one_in_a_longer_animation(self, bench: Bench) -> None:
        assert bench.rendered(self.counted(3, frame=99)) == [99]

        assert bench.rendered(self.counted(3, frame=99, total=200)) == [99]

    def test_the_rate_counts_only_for_nodes_that_get_the_counter(self, bench: Bench) -> None:
        bench.rendered(self.counted(1))
        assert bench.rendered(self.counted(1, rate=30)) == []
        bench.rendered(self.counted(0))
        assert bench.rendered(self.counted(0, rate=30)) == [7]

    def test_a_frame_that_a_resume_counter_rendered_is_kept_by_a_frame_counter(self, bench: Bench) -> None:
        prompt = self.counted(1, frame=0)
        resume = node(
            "ImageSequenceFrameCounterFromDirectory",
            directory_path="shot",
            pattern="f_####.png",
            indexing="numeric",
            total_frames=100,
            frames_per_second=25,
        )

        assert bench.rendered(prompt | {"count": resume}) == [0]
        assert bench.rendered(prompt | {"count": resume}) == [1]
        assert bench.rendered(prompt) == []


class TestFramesOfSeveralGraphs:
    """What the saver of an animation says if one graph made some of its frames, and another one the rest."""

    def animation(self, bench: Bench, changed: range, total: int = 8, **settings: Any) -> list[list[str]]:
        """Render all frames, those in `changed` with a graph that also has a mask. The lines of each run's message."""
        messages = []
        for frame in range(total):
            prompt = graph("SaveCounted", shade=["count", 1], **settings)
            prompt["count"]["inputs"] |= {"frame_index": frame, "total_frames": total}
            if frame in changed:
                prompt["save"]["inputs"]["mask"] = ["render", 1]
            bench.rendered(prompt)
            messages.append(bench.message.splitlines())
        return messages

    def test_says_nothing_if_one_graph_made_them(self, bench: Bench) -> None:
        *earlier, final = self.animation(bench, range(0))

        assert all(len(lines) == 1 for lines in earlier)
        assert final[1:] == ["All 8 frames are on disk."]

    def test_names_the_frames_of_each_graph_at_the_end(self, bench: Bench) -> None:
        *_, final = self.animation(bench, range(3, 5))

        _, on_disk, graphs = final
        assert on_disk == "All 8 frames are on disk."
        assert graphs == (
            "2 graphs made the frames: 0-2,5-7; 3-4. Queue all of them again with on_existing 'skip unchanged'."
        )

    def test_of_every_image_of_a_batch(self, bench: Bench) -> None:
        assert "2 graphs made the frames: 0-3; 4-7." in self.animation(bench, range(4, 8))[-1][-1]
        for file in (bench.output / "shot").iterdir():
            file.unlink()
        prompt = graph("SaveCounted", count=2)

        def batch(frame: int, count: int) -> None:
            prompt["count"]["inputs"] |= {"frame_index": frame, "total_frames": 8}
            prompt["render"]["inputs"]["count"] = count
            bench.rendered(prompt)

        for frame in range(8):
            batch(frame, 3 if frame == 2 else 2)

        assert "2 graphs made the frames: 0-1,3-7; 2." in bench.message

    def test_tells_the_change_at_once_when_the_next_frame_is_saved(self, bench: Bench) -> None:
        messages = self.animation(bench, range(4, 8))

        assert messages[4][1] == (
            "Queue the earlier frames again with on_existing 'skip unchanged' to bring them up to date: another graph made "
            "frame 3."
        )
        assert [len(lines) for lines in messages] == [1, 1, 1, 1, 2, 1, 1, 3], "once, and at the end"

    def test_a_longer_animation_is_made_by_the_same_graph(self, bench: Bench) -> None:
        self.animation(bench, range(0), total=4)

        assert self.animation(bench, range(0), total=8)[-1][1:] == ["All 8 frames are on disk."]

    def test_names_the_frames_that_do_not_say_which_graph_made_them(self, bench: Bench) -> None:
        self.animation(bench, range(0))
        for number in (2, 3):
            Image.open(bench.output / f"shot/f_{number:04d}.png").save(bench.output / f"shot/f_{number:04d}.png")

        assert self.animation(bench, range(0), on_existing="skip")[-1][-1] == (
            "2 frames do not say which graph made them, but others do: 2-3. Queue them again if they are old."
        )

    def test_says_nothing_about_the_frames_of_a_program_that_never_says_it(self, bench: Bench) -> None:
        put_frames(bench.output / "shot", *range(8), name="f_{:04d}.png")

        assert self.animation(bench, range(0), on_existing="skip")[-1][1:] == ["All 8 frames are on disk."]

    def test_a_text_with_keys_may_change_for_some_of_them(self, bench: Bench) -> None:
        def keyed(text: str) -> None:
            for frame in range(8):
                prompt = graph("SaveCounted", shade=50) | {"keys": node("Keyed", text=text, frame=["count", 1])}
                prompt["render"]["inputs"]["also"] = ["keys", 0]
                prompt["count"]["inputs"] |= {"frame_index": frame, "total_frames": 8}
                bench.rendered(prompt)

        keyed("0: noon, 6: night")
        keyed("0: noon, 6: dawn")

        assert bench.message.splitlines()[1:] == ["All 8 frames are on disk."]
        assert "Saved frame 7" in bench.message


class TestLoaders:
    def loaded(self, bench: Bench, frame: Any = 3, **changes: Any) -> Prompt:
        folder = bench.input / "plate"
        if not folder.exists():
            for number in range(6):
                put(folder / f"p_{number:04d}.png", 10 + number)
        settings = {"directory_path": "plate", "pattern": "p_####.png", "indexing": "numeric", "folder": "input"}
        prompt = graph()
        prompt["load"] = node("ImageSequenceLoadFrame", **settings, frame_number=frame, **changes)
        prompt["render"]["inputs"]["picture"] = ["load", 0]
        return prompt

    def edit(self, bench: Bench, number: int) -> None:
        path = bench.input / "plate" / f"p_{number:04d}.png"
        put(path, 200)
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000_000))

    @pytest.mark.parametrize("number", ["typed", "counted", "primitive"])
    def test_an_edited_frame_changes_what_is_made_of_it_and_no_other(self, bench: Bench, number: str) -> None:
        def prompt() -> Prompt:
            if number == "typed":
                return self.loaded(bench, 7 - 4)
            if number == "counted":
                counted = self.loaded(bench, 0, frame_counter=["count", 0])
                counted["count"]["inputs"]["frame_index"] = 3
                return counted
            return self.loaded(bench, ["value", 0]) | {"value": node("PrimitiveInt", value=3)}

        assert bench.rendered(prompt()) == [50]
        assert bench.rendered(prompt()) == []
        self.edit(bench, 2)
        assert bench.rendered(prompt()) == []
        self.edit(bench, 3)
        assert bench.rendered(prompt()) == [50]
        assert bench.rendered(prompt()) == []

    def test_the_number_may_come_from_any_node(self, bench: Bench) -> None:
        """It runs before the saver decides, so that the file is known."""
        prompt = self.loaded(bench, ["number", 0]) | {"number": node("Number", value=3)}

        assert bench.rendered(prompt) == [50]
        assert bench.rendered(prompt) == []
        self.edit(bench, 3)
        assert bench.rendered(prompt) == [50]
        assert bench.rendered(prompt) == []

    def test_a_number_that_is_made_of_an_image_is_not_known_without_rendering(self, bench: Bench) -> None:
        prompt = self.loaded(bench, ["number", 0])
        prompt |= {"number": node("Measure", image=["plate", 0]), "plate": node("Render", shade=3, count=1)}

        assert bench.rendered(prompt) == [3, 50]
        assert bench.rendered(prompt) == [3, 50]
        assert "Choose 'skip' to keep these frames: what this graph loads" in bench.message

    def test_frames_of_a_loaded_batch_count_together(self, bench: Bench) -> None:
        self.loaded(bench)
        prompt = graph()
        settings = {"start_index": 1, "frame_count": 3, "ignore_missing_images": "false", "folder": "input"}
        prompt["load"] = node("ImageSequenceLoadBatch", path_pattern="plate/p_####.png", **settings)
        prompt["render"]["inputs"]["picture"] = ["load", 0]

        assert bench.rendered(prompt) == [50]
        self.edit(bench, 4)
        assert bench.rendered(prompt) == []
        self.edit(bench, 2)
        assert bench.rendered(prompt) == [50]

    def test_the_same_disk_at_another_place_has_the_same_frames(self, bench: Bench, tmp_path: Path) -> None:
        """Machines of a farm see it under different paths."""
        assert bench.rendered(self.loaded(bench)) == [50]
        elsewhere = tmp_path / "mounted elsewhere"
        bench.input.rename(elsewhere)
        bench.host.comfyui.input = bench.input = elsewhere

        assert bench.rendered(self.loaded(bench)) == []

    def test_what_another_saver_has_just_written_is_not_known(self, bench: Bench) -> None:
        prompt = graph()
        prompt["first"] = node(
            "ImageSequenceSaveBatch", **graph("SaveBatch")["save"]["inputs"] | {"images": ["count 1", 0]}
        )
        prompt["count 1"] = node("Render", shade=9, count=1)
        prompt["load"] = node(
            "ImageSequenceLoadBatch",
            path_pattern=["first", 0],
            start_index=7,
            frame_count=1,
            ignore_missing_images="false",
        )
        prompt["render"]["inputs"]["picture"] = ["load", 0]

        assert bench.rendered(prompt) == [9, 50]
        assert bench.rendered(prompt) == [50]


class TestTextsWithKeys:
    """A node makes the text of each frame of one text with keys, as FizzNodes and others do."""

    def keyed(self, frame: int, text: str = "0: noon, 60: night", saver: str = "SaveFrame", **settings: Any) -> Prompt:
        if saver == "SaveFrame":
            settings = {"current_frame": frame, **settings}
        prompt = graph(saver, **settings)
        prompt["count"]["inputs"]["frame_index"] = frame
        prompt["keys"] = node("Keyed", text=text, frame=["count", 1])
        prompt["style"] = node("Joined", first=["keys", 0], second=", oil on canvas")
        prompt["render"]["inputs"]["also"] = ["style", 0]
        return prompt

    def test_only_frames_whose_own_text_changes_are_rendered(self, bench: Bench) -> None:
        for frame in (10, 59, 60, 99):
            assert bench.rendered(self.keyed(frame)) == [50]
        changed = [frame for frame in (10, 59, 60, 99) if bench.rendered(self.keyed(frame, "0: noon, 60: dawn"))]
        assert changed == [60, 99]
        assert bench.rendered(self.keyed(10, "0: noon, 60: dawn")) == []
        assert bench.rendered(self.keyed(99, "0: noon, 60: dawn")) == []

    @every_saver
    def test_with_every_saver(self, bench: Bench, saver: str) -> None:
        assert bench.rendered(self.keyed(7, saver=saver)) == [50]
        assert bench.rendered(self.keyed(7, "0: noon, 60: dawn", saver)) == []
        assert bench.rendered(self.keyed(7, "0: morning, 60: dawn", saver)) == [50]

    def test_the_nodes_that_make_texts_do_not_run_either_where_nothing_has_changed(self, bench: Bench) -> None:
        bench.rendered(self.keyed(10))
        bench.texts.clear()
        assert bench.rendered(self.keyed(10)) == []
        assert bench.texts == []
        assert bench.rendered(self.keyed(10, "0: noon, 70: dawn")) == []
        assert bench.texts == ["noon"]

    def test_a_frame_that_is_rendered_has_its_texts_made_once(self, bench: Bench) -> None:
        bench.texts.clear()
        bench.rendered(self.keyed(10))

        assert bench.texts == ["noon"]

    @pytest.mark.parametrize("policy", ["overwrite", "skip", "error"])
    def test_frames_that_were_saved_under_another_policy_know_their_texts(self, bench: Bench, policy: str) -> None:
        assert bench.rendered(self.keyed(10, on_existing=policy)) == [50]

        assert bench.rendered(self.keyed(10, "0: noon, 60: dawn")) == []

    def test_another_change_in_front_counts_beside_the_same_text(self, bench: Bench) -> None:
        bench.rendered(self.keyed(10))
        prompt = self.keyed(10, "0: noon, 60: dawn")
        prompt["render"]["inputs"]["shade"] = 51

        assert bench.rendered(prompt) == [51]

    def test_the_prompt_is_saved_as_it_was_posted(self, bench: Bench) -> None:
        prompt = self.keyed(10)
        bench.rendered(prompt)

        (file,) = bench.output.rglob("*.png")
        with Image.open(file) as image:
            saved = json.loads(image.text["prompt"])  # type: ignore[attr-defined]
        assert saved["save"]["inputs"] == prompt["save"]["inputs"]

    def test_a_text_that_no_node_makes_is_an_error_of_that_node(self, bench: Bench) -> None:
        with pytest.raises(ValueError, match="no key"):
            bench.rendered(self.keyed(10, "fails"))


def test_many_frames_are_kept_without_listing_the_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for frame in range(3):
        bench.rendered(graph(current_frame=frame))
    listed: list[Any] = []
    scan, listing = os.scandir, os.listdir
    monkeypatch.setattr(os, "scandir", lambda path=".": (listed.append(path), scan(path))[1])
    monkeypatch.setattr(os, "listdir", lambda path=".": (listed.append(path), listing(path))[1])

    for frame in range(3):
        assert bench.rendered(graph(current_frame=frame)) == []
    assert listed == []


@every_saver
class TestTheMarkOfASaver:
    """What IS_CHANGED answers is part of the key of ComfyUI's cache: a result stands only as long as its files do."""

    @pytest.fixture
    def mark(self, bench: Bench) -> Callable[[Prompt], str]:
        """What the saver answers if a prompt is queued."""

        def ask(prompt: Prompt) -> str:
            checked: Prompt = json.loads(json.dumps(prompt))
            write_change_marks(checked, bench.host.node_classes)
            (answer,) = checked["save"]["is_changed"]
            return str(answer)

        return ask

    def test_stays_when_its_frame_is_kept(self, bench: Bench, saver: str, mark: Callable[[Prompt], str]) -> None:
        before = mark(graph(saver))
        for _ in range(3):
            bench.rendered(graph(saver))
            assert mark(graph(saver)) == before

    @pytest.mark.parametrize("change", ["cut", "another program's", "another saver's"])
    def test_changes_once_when_its_frame_is_no_longer_the_same(
        self, bench: Bench, saver: str, mark: Callable[[Prompt], str], change: str
    ) -> None:
        before = mark(graph(saver))
        bench.rendered(graph(saver))
        (file,) = bench.output.rglob("*.png")
        if change == "cut":
            os.truncate(file, file.stat().st_size - 6)
        elif change == "another program's":
            Image.new("RGB", (6, 4)).save(file)
        else:
            nodes = graph(saver, shade=60)
            bench.rendered({"other": nodes.pop("save"), **nodes})
        after = mark(graph(saver))

        assert after != before
        assert bench.rendered(graph(saver)) == [50]
        assert mark(graph(saver)) == after

    def test_stays_under_another_policy_when_somebody_edits_the_frame(
        self, bench: Bench, saver: str, mark: Callable[[Prompt], str]
    ) -> None:
        policy: dict[str, Any] = {"overwrite": "true"} if saver == "SaveBatch" else {"on_existing": "overwrite"}
        before = mark(graph(saver, **policy))
        bench.rendered(graph(saver, **policy))
        (file,) = bench.output.rglob("*.png")
        Image.new("RGB", (6, 4)).save(file)

        assert mark(graph(saver, **policy)) == before

    def test_settles_for_two_savers_with_one_path(
        self, bench: Bench, saver: str, mark: Callable[[Prompt], str]
    ) -> None:
        image = "image" if saver == "SaveCounted" else "images"
        prompt = graph(saver) | {"render 2": node("Render", shade=60, count=1)}
        prompt["later"] = node(f"ImageSequence{saver}", **(prompt["save"]["inputs"] | {image: ["render 2", 0]}))
        before = mark(prompt)

        assert sorted(bench.rendered(prompt)) == [50, 60]
        assert mark(prompt) == before
