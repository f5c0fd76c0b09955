"""The identity of a graph: what counts as a change of the picture, and what does not."""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from io_utils.comfyui.identity import Graphs, Known, StaticPrompt, graph_of
from io_utils.frame_identity import Graph

from ..disk import stand_in

Prompt = dict[str, dict[str, Any]]

MADE = {"images": "images", "image": "images", "mask": "mask", "layers": "layers"}


def node(class_type: str, mark: Any = None, **inputs: Any) -> dict[str, Any]:
    found = {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}
    return found if mark is None else {**found, "is_changed": mark}


class Sampler:
    FUNCTION = "sample"
    RETURN_TYPES: ClassVar = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "text": ("STRING", {}),
                "seed": ("INT", {}),
                "cfg": ("FLOAT", {}),
                "tiled": ("BOOLEAN", {}),
                "method": (["euler", "ddim"], {}),
            },
            "optional": {
                "denoise": ("FLOAT", {"default": 0.7}),
                "settings": ("SETTINGS", {}),
                "picture": ("IMAGE", {}),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def sample(self, text: Any, seed: Any, cfg: Any, tiled: Any, method: Any, denoise: Any = 1, **more: Any) -> None:
        """Its default for denoise is not that of the widget."""


class Anything:
    """The inputs of a pack whose widgets the browser adds: its dict claims to contain every name."""

    FUNCTION = "run"

    class Every(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            return True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}, "optional": cls.Every()}

    def run(self, **inputs: Any) -> None: ...


class Broken:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        raise RuntimeError("its models are missing")


class Counter:
    """Says what its outputs are, like this pack's counters."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"frame": ("INT", {}), "total": ("INT", {})}}

    @classmethod
    def KNOWN_BEFORE_RUN(cls, frame: Any = None, total: Any = None) -> Known:
        return Known() if frame is None or total is None else Known(outputs=(frame, total, frame / total))


class Loader:
    """Says which files it will read, like this pack's loaders."""

    files: ClassVar[dict[int, str]] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"number": ("INT", {}), "layer": ("STRING", {})}}

    @classmethod
    def KNOWN_BEFORE_RUN(cls, number: Any = None, layer: Any = None) -> Known:
        return Known(files=cls.files.get(number), covered=("number",))


@pytest.fixture(autouse=True)
def classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes that are registered with ComfyUI."""
    found = {kind.__name__: kind for kind in (Sampler, Anything, Broken, Counter, Loader)}
    stand_in(monkeypatch, "nodes", NODE_CLASS_MAPPINGS=found)
    monkeypatch.setattr(Loader, "files", {7: "seven", 8: "eight"})


def identity(prompt: Any, saver: str = "save") -> Graph:
    graph = graph_of(StaticPrompt(prompt), saver, MADE)
    assert graph is not None
    return graph


def graph(saver: Mapping[str, Any] | None = None, mark: Any = None, **changes: Any) -> Prompt:
    """A sampler in front of a saver. With `changes` of the sampler's inputs; None removes one."""
    inputs = {"text": "a fox", "seed": 7, "cfg": 8.0, "tiled": False, "method": "euler"} | changes
    given = {name: value for name, value in inputs.items() if value is not None}
    settings = {"images": ["sample", 0], "filename_prefix": "shot", "current_frame": 3, **(saver or {})}
    return {"sample": node("Sampler", mark, **given), "save": node("Save", **settings)}


def same(prompt: Prompt, other: Prompt) -> bool:
    return identity(prompt) == identity(other)


class TestWhatCounts:
    @pytest.mark.parametrize(
        "change",
        [
            {"text": "a wolf"},
            {"text": "a fox "},
            {"seed": 8},
            {"seed": 2**64 - 1},
            {"cfg": 8.000000001},
            {"tiled": True},
            {"method": "ddim"},
            {"denoise": 0.7},
            {"settings": {"steps": [1, 2]}},
        ],
    )
    def test_every_value_of_every_node_in_front(self, change: dict[str, Any]) -> None:
        assert not same(graph(), graph(**change))

    def test_the_class_of_a_node(self) -> None:
        assert not same(graph(), {**graph(), "sample": {**graph()["sample"], "class_type": "OtherSampler"}})

    def test_which_output_is_used(self) -> None:
        assert not same(graph(), graph({"images": ["sample", 1]}))

    def test_what_is_far_in_front(self) -> None:
        def chain(first: int) -> Prompt:
            links = {str(n): node("Sampler", picture=[str(n - 1), 0], seed=1) for n in range(1, 2000)}
            return {"0": node("Sampler", seed=first), **links, "save": node("Save", images=["1999", 0])}

        assert same(chain(1), chain(1))
        assert not same(chain(1), chain(2))

    @pytest.mark.parametrize("name", ["mask", "layers"])
    def test_what_makes_mask_and_layers(self, name: str) -> None:
        def masked(seed: int) -> Prompt:
            return {**graph({name: ["other", 0]}), "other": node("Sampler", seed=seed)}

        assert not same(graph(), masked(1))
        assert not same(masked(1), masked(2))
        assert same(masked(1), masked(1))

    def test_a_mask_in_place_of_layers(self) -> None:
        assert not same(graph({"mask": ["sample", 0]}), graph({"layers": ["sample", 0]}))

    def test_whether_two_inputs_have_one_source_or_which_two(self) -> None:
        def mixed(first: str, second: str) -> Prompt:
            sources = {"a": node("Sampler", seed=1), "b": node("Sampler", seed=2)}
            mix = node("Mix", one=[first, 0], two=[second, 0])
            return {**sources, "mix": mix, "save": node("Save", images=["mix", 0])}

        digests = {identity(mixed(first, second)).digest for first, second in itertools.product("ab", repeat=2)}
        assert len(digests) == 4


class TestWhatDoesNotCount:
    @pytest.mark.parametrize(
        "change",
        [
            {"filename_prefix": "other"},
            {"current_frame": 4},
            {"on_existing": "skip unchanged"},
            {"filetype": "exr", "quality": 3, "farm_run": "x"},
            {"frame_counter": ["sample", 2]},
        ],
    )
    def test_where_and_how_the_frame_is_saved(self, change: dict[str, Any]) -> None:
        assert same(graph(), graph(change))

    def test_which_saver_saves_it(self) -> None:
        assert same(graph(), {**graph(), "save": node("SaveCounted", image=["sample", 0], prefix="x")})

    def test_titles_order_and_other_branches(self) -> None:
        prompt = graph()
        prompt["sample"]["_meta"] = {"title": "Größe"}
        prompt["sample"]["inputs"] = dict(reversed(prompt["sample"]["inputs"].items()))
        prompt["preview"] = node("Preview", images=["sample", 0])
        prompt["aside"] = node("Sampler", seed=99)

        assert same(graph(), dict(reversed(prompt.items())))

    @given(st.randoms(use_true_random=False))
    def test_the_ids_of_nodes(self, chance: random.Random) -> None:
        prompt: Prompt = {"0": node("Sampler", seed=0)}
        for number in range(1, 12):
            links = {f"from_{i}": [str(chance.randrange(number)), i] for i in range(chance.randrange(3))}
            prompt[str(number)] = node("Mix", value=number % 3, **links)
        prompt["save"] = node("Save", images=["11", 0])
        ids = list(prompt)
        others = dict(zip(ids, chance.sample([f"{n}:{n}" for n in range(99)], len(ids))))
        moved: Prompt = {}
        for old, new in chance.sample(sorted(others.items()), len(others)):
            inputs = {
                name: [others[value[0]], value[1]] if isinstance(value, list) else value
                for name, value in prompt[old]["inputs"].items()
            }
            moved[new] = node(prompt[old]["class_type"], **inputs)

        assert identity(prompt, "save") == identity(moved, others["save"])

    def test_two_equal_nodes_in_place_of_one(self) -> None:
        """ComfyUI runs them as one, too."""
        one = {"a": node("Sampler", seed=1), "mix": node("Mix", one=["a", 0], two=["a", 0])}
        two = {**one, "b": node("Sampler", seed=1), "mix": node("Mix", one=["a", 0], two=["b", 0])}
        save = {"save": node("Save", images=["mix", 0])}

        assert same(one | save, two | save)


class TestValuesCountAsTheNodeGetsThem:
    @pytest.mark.parametrize(
        "change",
        [
            {"seed": 7.0},
            {"seed": "7"},
            {"cfg": 8},
            {"cfg": "8"},
            {"tiled": 0},
            {"tiled": ""},
            {"text": {"__value__": "a fox"}},
        ],
    )
    def test_converted_to_the_declared_type(self, change: dict[str, Any]) -> None:
        assert same(graph(), graph(**change))

    def test_a_number_as_text_counts_as_text(self) -> None:
        assert same(graph(text=5), graph(text="5"))
        assert not same(graph(settings=5), graph(settings="5"))

    def test_what_cannot_be_converted_counts_as_it_is(self) -> None:
        assert not same(graph(seed="many"), graph(seed="few"))

    def test_an_absent_input_is_the_default_of_the_function(self) -> None:
        """Not that of the widget: ComfyUI passes nothing for an absent input."""
        assert same(graph(), graph(denoise=1.0))
        assert same(graph(), graph(denoise=1))
        assert not same(graph(), graph(denoise=0.7))

    def test_a_constant_that_the_node_does_not_declare_is_not_passed(self) -> None:
        assert same(graph(), graph(farm_run="run 5"))

    def test_a_link_that_the_node_does_not_declare_is_passed(self) -> None:
        assert not same(graph(), graph(farm_run=["sample 2", 0]) | {"sample 2": node("Sampler", seed=1)})

    @pytest.mark.parametrize("kind", ["Anything", "Broken", "not registered"])
    def test_all_inputs_count_where_the_class_does_not_tell_which_it_has(self, kind: str) -> None:
        def prompt(value: str) -> Prompt:
            return {"a": node(kind, lora=value), "save": node("Save", images=["a", 0])}

        assert not same(prompt("one"), prompt("two"))
        assert same(prompt("one"), prompt("one"))

    def test_lists_and_dicts_count_by_what_they_hold(self) -> None:
        assert same(graph(settings={"a": 1, "b": [1, "x", 2]}), graph(settings={"b": [1, "x", 2], "a": 1}))
        assert not same(graph(settings=[1, 2, 3]), graph(settings=[3, 2, 1]))

    def test_a_list_that_looks_like_the_digest_of_a_link_is_not_one(self) -> None:
        linked = graph(settings=["other", 0]) | {"other": node("Sampler", seed=1)}
        digest = identity({"other": node("Sampler", seed=1), "save": node("Save", images=["other", 0])}).digest

        assert not same(linked, graph(settings=[digest, 0, "link"]))

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", "ß" * 10, 10**300, None, {}])
    def test_any_json_counts(self, value: Any) -> None:
        prompt = {"a": node("Anything", x=value), "save": node("Save", images=["a", 0])}

        assert identity(prompt).is_certain
        assert same(prompt, prompt)


class TestChangeMarks:
    @pytest.mark.parametrize(
        "mark", [["abc"], ["abc", "d"], [1700000000.25], [{"a": 1}], [b"\x01"], ["x", float("nan")]]
    )
    def test_count(self, mark: list[Any]) -> None:
        assert not same(graph(), graph(mark=mark))
        assert not same(graph(mark=["other"]), graph(mark=mark))
        assert same(graph(mark=mark), graph(mark=json.loads(json.dumps(mark)) if b"\x01" not in mark else mark))

    @pytest.mark.parametrize("mark", [[float("nan")], [np.float64("nan")], [object()], [torch.zeros(2)]])
    def test_that_differ_in_every_run_are_left_out(self, mark: Any) -> None:
        def behind(mark: Any = None) -> Prompt:
            return graph(mark=mark, picture=["first", 0]) | {"first": node("Sampler", seed=1)}

        assert same(behind(), behind(mark))
        assert identity(behind(mark)).is_certain

    @pytest.mark.parametrize("mark", [[float("nan")], ["x", float("nan")], [object()]])
    def test_that_differ_in_every_run_make_the_graph_uncertain_where_pictures_begin(self, mark: Any) -> None:
        """Loaders of some packs say it, because they do not know when their files change."""
        loader = graph(picture=["load", 0]) | {"load": node("Sampler", mark)}

        assert identity(graph(picture=["load", 0]) | {"load": node("Sampler", ["hash"])}).is_certain
        assert not identity(loader).is_certain
        assert identity(loader).digest, "the file says it, for other questions"

    def test_that_have_failed_make_the_graph_uncertain(self) -> None:
        """ComfyUI's own Load Image fails if the name of its file comes by a link."""
        assert not identity(graph(mark=float("nan"))).is_certain
        assert not identity(graph(mark=float("nan"), picture=["a", 0]) | {"a": node("Sampler")}).is_certain

    def test_are_asked_for_where_comfyui_did_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Under --cache-none it asks no node."""
        monkeypatch.setattr(Sampler, "IS_CHANGED", lambda **inputs: "", raising=False)
        stand_in(monkeypatch, "nodes", NODE_CLASS_MAPPINGS={"Sampler": type("Sampler", (Sampler,), {})})
        answers = {"sample": ["hash"]}
        stand_in(monkeypatch, "execution", IsChangedCache=is_changed_cache(answers))

        assert same(graph(), graph(mark=["hash"]))
        answers["sample"] = ["other hash"]
        assert not same(graph(), graph(mark=["hash"]))

    def test_that_are_not_known_yet_make_the_graph_uncertain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, "nodes", NODE_CLASS_MAPPINGS={"Sampler": type("Sampler", (Sampler,), {"IS_CHANGED": 1})})
        stand_in(monkeypatch, "execution", IsChangedCache=is_changed_cache({}))

        assert not identity(graph()).is_certain


def is_changed_cache(answers: Mapping[str, Any]) -> Any:
    """ComfyUI's class, as far as it is used; a node without an answer awaits it."""

    class IsChangedCache:
        def __init__(self, prompt_id: str, dynamic_prompt: Any, outputs: Any) -> None:
            assert dynamic_prompt.has_node("sample")

        async def get(self, node_id: str) -> Any:
            if node_id not in answers:
                await Pause()
            return answers[node_id]

    return IsChangedCache


class Pause:
    def __await__(self) -> Any:
        yield


class TestValuesThatAreKnown:
    def counted(self, frame: int = 7, total: int = 100, **links: int) -> Prompt:
        inputs: dict[str, Any] = {name: ["count", slot] for name, slot in links.items()}
        return {**graph(**inputs), "count": node("Counter", frame=frame, total=total)}

    def test_count_in_place_of_the_node_that_brings_them(self) -> None:
        assert same(self.counted(frame=7, seed=0), graph(seed=7))
        assert not same(self.counted(frame=7, seed=0), self.counted(frame=8, seed=0))

    def test_a_longer_animation_changes_only_what_depends_on_its_length(self) -> None:
        assert same(self.counted(total=100, seed=0), self.counted(total=200, seed=0))
        assert not same(self.counted(total=100, seed=1), self.counted(total=200, seed=1))
        assert not same(self.counted(total=100, cfg=2), self.counted(total=200, cfg=2))

    @pytest.mark.parametrize("kind", ["PrimitiveInt", "PrimitiveString"])
    def test_a_primitive_of_core_counts_as_its_value(self, kind: str) -> None:
        assert same(graph(seed=["value", 0]) | {"value": node(kind, value=7)}, graph())

    def test_reach_through_several_nodes(self) -> None:
        nodes = {"value": node("PrimitiveInt", value=7), "count": node("Counter", frame=["value", 0], total=9)}

        assert same(graph(seed=["count", 0]) | nodes, graph(seed=7))

    def test_that_only_the_run_brings_count_as_links(self) -> None:
        def linked(seed: int) -> Prompt:
            nodes = {"other": node("Sampler", seed=seed), "count": node("Counter", frame=["other", 0], total=9)}
            return graph(seed=["count", 0]) | nodes

        assert same(linked(1), linked(1))
        assert not same(linked(1), linked(2))


class TestFiles:
    def loaded(self, number: Any, layer: str = "") -> Prompt:
        return graph(picture=["load", 0]) | {"load": node("Loader", ["generation 5"], number=number, layer=layer)}

    def test_count_in_place_of_the_mark_and_of_what_leads_to_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = identity(self.loaded(7))
        assert before == identity(self.loaded(7))
        assert before != identity(self.loaded(8))
        assert before != identity(self.loaded(7, "depth"))
        monkeypatch.setattr(Loader, "files", {7: "seven, edited", 9: "seven"})
        assert before != identity(self.loaded(7))
        assert before == identity(self.loaded(9))

    def test_that_only_the_run_knows_make_the_graph_uncertain(self) -> None:
        assert identity(self.loaded(7)).is_certain
        assert not identity(self.loaded(1)).is_certain
        assert not identity(self.loaded(["other", 0]) | {"other": node("Sampler", seed=1)}).is_certain

    def test_on_other_branches_do_not_matter(self) -> None:
        assert identity(graph() | {"load": node("Loader", number=1)}).is_certain


class TestOddPrompts:
    @pytest.mark.parametrize(
        "value", [torch.zeros(3), object(), {1, 2}, {"a": [object()]}], ids=lambda v: type(v).__name__
    )
    def test_a_value_that_is_not_json_makes_the_graph_uncertain(self, value: Any) -> None:
        """Nodes that are added while others run may have such inputs."""
        prompt = {"a": node("Anything", x=value), "save": node("Save", images=["a", 0])}

        assert not identity(prompt).is_certain

    @pytest.mark.parametrize(
        "prompt",
        [
            pytest.param({"save": None}, id="no node"),
            pytest.param({"save": {"class_type": "Save"}}, id="no inputs"),
            pytest.param({"save": node("Save", images=["gone", 0])}, id="a link to nothing"),
            pytest.param({"save": node("Save", images=["save", 0])}, id="itself"),
            pytest.param(
                {"a": node("A", x=["b", 0]), "b": node("B", x=["a", 0]), "save": node("S", images=["a", 0])},
                id="a circle",
            ),
            pytest.param(
                {"a": node("A", x={1: 2, "b": 3}), "save": node("S", images=["a", 0])}, id="keys of two types"
            ),
            pytest.param("save", id="text"),
        ],
    )
    def test_have_no_identity_and_do_no_harm(self, prompt: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            assert graph_of(StaticPrompt(prompt), "save", MADE) is None
        assert len(caplog.records) == 1

    def test_a_saver_that_is_not_in_the_prompt_has_none(self) -> None:
        """A script may call it with any prompt."""
        assert graph_of(StaticPrompt({}), "save", MADE) is None

    def test_a_prompt_with_more_paths_than_atoms_is_followed_node_by_node(self) -> None:
        """Each node has the one before it as two of its inputs: 2^500 ways lead to the first."""
        prompt = {"0": node("Sampler", seed=1)}
        prompt |= {str(n): node("Mix", one=[str(n - 1), 0], two=[str(n - 1), 1]) for n in range(1, 500)}
        visits: list[str] = []

        class Watched(StaticPrompt):
            def get_node(self, node_id: str) -> Any:
                visits.append(node_id)
                return super().get_node(node_id)

        assert graph_of(Watched(prompt | {"save": node("Save", images=["499", 0])}), "save", MADE) is not None
        assert len(visits) < 4 * len(prompt)


class TestGraphs:
    def test_a_graph_stays_as_it_was_before_it_ran(self) -> None:
        """A file that is edited during the run is not the one in the picture."""
        graphs, prompt = Graphs(), graph(mark=["before"])
        dynamic = StaticPrompt(prompt)
        before = graphs.of(dynamic, "save", MADE)
        prompt["sample"]["is_changed"] = ["after"]

        assert graphs.of(dynamic, "save", MADE) == before
        assert graphs.of(StaticPrompt(prompt), "save", MADE) != before

    def test_each_saver_has_its_own(self) -> None:
        graphs = Graphs()
        prompt = StaticPrompt(graph() | {"other": node("Sampler", seed=5), "save 2": node("Save", images=["other", 0])})

        assert graphs.of(prompt, "save", MADE) != graphs.of(prompt, "save 2", MADE)


class Keyed:
    """Makes a text of a text with keys and a number."""

    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"text": ("STRING", {}), "frame": ("INT", {})}}


class Costs(Keyed):
    API_NODE = True


class Caption(Keyed):
    """Makes a text of an image."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE", {})}}


class TestValuesThatNodesMake:
    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kinds = (Sampler, Keyed, Costs, Caption, Loader, Counter)
        stand_in(monkeypatch, "nodes", NODE_CLASS_MAPPINGS={kind.__name__: kind for kind in kinds})

    def keyed(self, text: str = "0: noon", kind: str = "Keyed", seed: int = 7) -> Prompt:
        return graph(text=["style", 0], seed=seed) | {
            "keys": node(kind, text=text, frame=3),
            "style": node("Keyed", text=["keys", 0], frame=0),
        }

    def values(self, prompt: Prompt, *values: Any) -> str | None:
        """The second digest, once the links have brought `values`, in the order in which they are asked for."""
        graphs, dynamic = Graphs(), StaticPrompt(prompt)
        names = graphs.ask(dynamic, "save", MADE)
        assert len(names) == len(values)
        graphs.bring(dynamic, "save", MADE, dict(zip(names, values)))
        found = graphs.of(dynamic, "save", MADE)
        assert found is not None
        return found.values

    def test_are_asked_for_by_links_that_are_removed_again(self) -> None:
        prompt = self.keyed()
        before = json.dumps(prompt)
        graphs, dynamic = Graphs(), StaticPrompt(prompt)
        (name,) = graphs.ask(dynamic, "save", MADE)

        assert prompt["save"]["inputs"][name] == ["style", 0], (
            "not the text in front of it: only what an image is made of"
        )
        assert graphs.ask(dynamic, "save", MADE) == [], "it asks once"
        graphs.bring(dynamic, "save", MADE, {name: ["noon"]})
        assert json.dumps(prompt) == before

    def test_count_in_place_of_the_nodes_that_make_them(self) -> None:
        noon = self.values(self.keyed("0: noon"), ["noon"])

        assert noon is not None
        assert noon == self.values(self.keyed("0: noon, 60: night"), ["noon"])
        assert noon != self.values(self.keyed("0: noon"), ["night"])
        assert noon != self.values(self.keyed("0: noon", seed=8), ["noon"])

    def test_of_a_list_count_with_their_places(self) -> None:
        assert self.values(self.keyed(), ["a", "b"]) != self.values(self.keyed(), ["b", "a"])

    def test_are_not_known_if_their_node_did_not_run(self) -> None:
        assert self.values(self.keyed(), (None,)) is None

    @pytest.mark.parametrize("value", [object(), torch.zeros(2), {1}])
    def test_are_not_known_if_they_are_not_values(self, value: Any) -> None:
        assert self.values(self.keyed(), [value]) is None

    def test_may_be_frame_counters_of_any_pack(self) -> None:
        def counter(frame: int) -> Any:
            return SimpleNamespace(current_frame=frame, total_frames=9, frames_per_second=24.0)

        three = self.values(self.keyed(), [counter(3)])
        assert three is not None
        assert three == self.values(self.keyed(), [counter(3)])
        assert three != self.values(self.keyed(), [counter(4)])

    def test_tell_which_files_are_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def loaded(number: int) -> str | None:
            inputs = {"load": node("Loader", number=["count", 0], layer=""), "count": node("Keyed", text="", frame=0)}
            return self.values(graph(picture=["load", 0]) | inputs, [number])

        seven = loaded(7)
        assert seven is not None
        assert loaded(7) == seven
        assert loaded(8) != seven
        assert loaded(1) is None, "no such file"
        monkeypatch.setattr(Loader, "files", {7: "seven, edited"})
        assert loaded(7) != seven

    @pytest.mark.parametrize("kind", ["Costs", "Sampler", "not registered"])
    def test_of_nodes_that_cost_something_are_not_asked_for(self, kind: str) -> None:
        assert self.values(self.keyed(kind=kind)) is None

    def test_of_nodes_behind_an_image_are_not_asked_for(self) -> None:
        prompt = graph(text=["caption", 0]) | {"caption": node("Caption", image=["a", 0]), "a": node("Sampler", seed=1)}

        assert self.values(prompt) is None

    def test_go_as_far_as_the_nodes_that_need_an_image(self) -> None:
        """A node that makes a text of an image and a text is not run, but the text in front of it is known."""
        prompt = graph(text=["caption", 0]) | {
            "caption": node("Caption", image=["a", 0], hint=["keys", 0]),
            "keys": node("Keyed", text="", frame=0),
            "a": node("Sampler", seed=1),
        }
        assert self.values(prompt, ["a hint"]) is not None
        assert self.values(prompt, ["a hint"]) != self.values(prompt, ["another"])

    def test_a_graph_without_them_has_one_digest(self) -> None:
        assert self.values(graph()) is None

    def test_of_counters_that_are_known_are_not_asked_for(self) -> None:
        assert self.values(graph(seed=["count", 0]) | {"count": node("Counter", frame=7, total=9)}) is None


class Counts(Counter):
    """Counts by itself, like this pack's counters."""

    @classmethod
    def KNOWN_BEFORE_RUN(cls, frame: Any = None, total: Any = None) -> Known:
        return Known((frame, total, frame / total), shared=("frame", total, "progress"), number=frame)


class TestAnimation:
    """The digest that the frames of an animation share, and the numbers in which they differ."""

    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Numbered(Sampler):
            @classmethod
            def INPUT_TYPES(cls) -> dict[str, Any]:
                declared = super().INPUT_TYPES()
                declared["required"]["take"] = ("INT", {"control_after_generate": True})
                return declared

        class Plate(Loader):
            @classmethod
            def INPUT_TYPES(cls) -> dict[str, Any]:
                return {"required": {"number": ("INT", {"control_after_generate": True}), "layer": ("STRING", {})}}

        kinds = {"Sampler": Sampler, "Numbered": Numbered, "Plate": Plate, "Keyed": Keyed, "Counts": Counts}
        kinds["PrimitiveInt"] = Numbered
        stand_in(monkeypatch, "nodes", NODE_CLASS_MAPPINGS=kinds)

    def counted(self, frame: int, total: int = 9, **inputs: Any) -> Prompt:
        return graph(**inputs) | {"count": node("Counts", frame=frame, total=total)}

    def test_is_that_of_the_frame_if_nothing_counts(self) -> None:
        batch = identity(graph(seed=None))

        assert batch.animation == batch.digest
        assert batch.numbers == ()

    @pytest.mark.parametrize("slot", [0, 2])
    def test_is_the_same_for_all_frames_of_a_counter(self, slot: int) -> None:
        three, four = (identity(self.counted(frame, cfg=["count", slot], seed=None)) for frame in (3, 4))

        assert three.digest != four.digest
        assert three.animation == four.animation != three.digest
        assert (three.numbers, four.numbers) == ((3,), (4,))

    def test_counts_what_a_counter_brings_to_all_frames(self) -> None:
        wired = [identity(self.counted(3, total, cfg=["count", 1])).animation for total in (9, 9, 10)]
        other = [identity(self.counted(3, total, cfg=["count", 0])).animation for total in (9, 10)]

        assert wired[0] == wired[1] != wired[2]
        assert other[0] == other[1], "total_frames is not wired to the graph"

    @pytest.mark.parametrize("name", ["seed", "take"])
    def test_is_the_same_for_all_values_of_a_control_after_generate(self, name: str) -> None:
        found = [identity({**graph(), "sample": node("Numbered", text="a fox", **{name: value})}) for value in (7, 8)]

        assert found[0].digest != found[1].digest
        assert found[0].animation == found[1].animation
        assert [graph.numbers for graph in found] == [(7,), (8,)]

    def test_is_the_same_behind_all_nodes(self) -> None:
        def chain(frame: int, text: str = "a fox") -> Graph:
            nodes = {
                "first": node("Sampler", text=text, seed=["count", 0]),
                "middle": node("Sampler", text="", picture=["first", 0]),
            }
            return identity(self.counted(frame, picture=["middle", 0], seed=None) | nodes)

        assert chain(3).animation == chain(4).animation
        assert chain(3).animation != chain(3, "a wolf").animation

    def test_is_the_same_behind_a_text_with_keys(self) -> None:
        def keyed(frame: int, text: str) -> Graph:
            return identity(
                self.counted(frame, text=["keys", 0]) | {"keys": node("Keyed", text=text, frame=["count", 0])}
            )

        assert keyed(3, "0: noon").animation == keyed(4, "0: noon").animation
        assert keyed(3, "0: noon").animation == keyed(3, "0: noon, 60: night").animation, (
            "frame 3 is kept and still says it"
        )
        assert keyed(3, "0: noon").keys == keyed(4, "0: noon").keys != keyed(3, "0: noon, 60: night").keys
        assert identity(graph()).keys == ""

    def test_is_another_after_a_change_of_a_text_that_is_made_of_other_texts(self) -> None:
        def joined(text: str) -> Graph:
            return identity(graph(text=["keys", 0]) | {"keys": node("Keyed", text=text, frame=0)})

        assert joined("a fox").animation != joined("a wolf").animation

    def test_is_the_same_behind_a_primitive_that_counts(self) -> None:
        found = [
            identity(graph(cfg=["value", 0], seed=None) | {"value": node("PrimitiveInt", value=value, seed=value)})
            for value in (7, 8)
        ]

        assert found[0].digest != found[1].digest
        assert found[0].animation == found[1].animation

    def test_is_the_same_whichever_of_many_files_a_counter_chooses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def plate(number: Any, layer: str = "") -> Graph:
            return identity(
                self.counted(number, picture=["load", 0], seed=None)
                | {"load": node("Plate", number=["count", 0], layer=layer)}
            )

        assert plate(7).digest != plate(8).digest
        assert plate(7).animation == plate(8).animation != plate(7, "depth").animation
        assert plate(7).numbers == (7,)
        posted = [
            identity(graph(picture=["load", 0], seed=None) | {"load": node("Plate", number=number, layer="")})
            for number in (7, 8)
        ]
        assert posted[0].animation == posted[1].animation
        assert [graph.numbers for graph in posted] == [(7,), (8,)]

    def test_is_another_after_a_change_of_the_graph(self) -> None:
        first = identity(graph())

        for changed in (graph(text="a wolf"), graph(cfg=7.0), graph(mark=["edited"])):
            assert identity(changed).animation != first.animation

    def test_does_not_depend_on_ids_or_on_the_order_of_inputs(self) -> None:
        def two(first: str, second: str, *, is_reversed: bool) -> Graph:
            nodes = {
                first: node("Sampler", text="", seed=5),
                second: node("Numbered", text="", take=6, picture=[first, 0]),
            }
            prompt = graph(picture=[second, 0]) | nodes
            if is_reversed:
                prompt = {
                    key: {**value, "inputs": dict(reversed(value["inputs"].items()))}
                    for key, value in reversed(prompt.items())
                }
            return identity(prompt)

        found, other = two("a", "b", is_reversed=False), two("z", "y", is_reversed=True)
        assert (found.digest, found.animation, found.numbers) == (other.digest, other.animation, other.numbers)
        assert sorted(found.numbers) == [5, 6, 7]

    def test_says_no_more_than_16_numbers(self) -> None:
        nodes = {str(seed): node("Sampler", seed=seed, picture=[str(seed - 1), 0] if seed else 0) for seed in range(40)}

        assert len(identity(graph(picture=["39", 0]) | nodes).numbers) == 16

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "seven", None, [1, 2, 3]])
    def test_takes_other_values_as_they_are(self, value: Any) -> None:
        found = identity({**graph(), "sample": node("Numbered", text="a fox", take=value)})

        assert found.numbers == ()
        assert found.animation == found.digest

    def test_of_items_in_a_list_is_the_same(self) -> None:
        found = identity(self.counted(3, cfg=["count", 0]))

        assert found.of_row(2).animation == found.animation
        assert found.of_row(2).numbers == found.numbers


def test_the_digest_is_the_same_in_every_release() -> None:
    """If it changes, all frames of all users count as changed: then rename `_KIND`, and say so in the changelog."""
    assert identity(graph(mark=["hash"], picture=["a", 1]) | {"a": node("Sampler", seed=1)}).digest == PINNED


PINNED = "7a7eec389572d34e217172af850bfd794fb456793709ac768e4b01e96ffedc04"
