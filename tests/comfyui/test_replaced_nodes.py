"""Which nodes of earlier packs our nodes replace, and how prompts for them are rewritten."""

from __future__ import annotations

import copy
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.comfyui import replaced_nodes
from io_utils.comfyui.replaced_nodes import REPLACEMENTS, Replacement, rewrite, rewrite_request

OLD = {row.old_id: row for row in REPLACEMENTS}
LOADER = "Image Sequence Loader [Dream]"

every_replacement = pytest.mark.parametrize("row", REPLACEMENTS, ids=lambda row: row.old_id)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The nodes registered in ComfyUI: at first all of ours and none of the earlier packs'."""
    ids: dict[str, Any] = {row.new_id: object for row in REPLACEMENTS}
    nodes = ModuleType("nodes")
    vars(nodes)["NODE_CLASS_MAPPINGS"] = ids
    monkeypatch.setitem(sys.modules, "nodes", nodes)
    return ids


class Server:
    """ComfyUI's server, reduced to prompts and replacements, which it has since 0.13."""

    def __init__(self, *, replaces: bool = True) -> None:
        self.handlers: list[Any] = []
        self.offers: dict[str, list[Any]] = {}
        if replaces:
            self.node_replace_manager = SimpleNamespace(register=self.offer, get_replacement=self.offers.get)

    def add_on_prompt_handler(self, handler: Any) -> None:
        self.handlers.append(handler)

    def offer(self, replacement: Any) -> None:
        self.offers.setdefault(replacement.old_node_id, []).append(replacement)


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Server:
    """A running ComfyUI; `parametrize(indirect)` with False for a version before 0.13."""
    running = Server(replaces=getattr(request, "param", True))
    server = ModuleType("server")
    vars(server)["PromptServer"] = SimpleNamespace(instance=running)
    latest = ModuleType("comfy_api.latest")
    vars(latest)["io"] = SimpleNamespace(NodeReplace=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "server", server)
    monkeypatch.setitem(sys.modules, "comfy_api", ModuleType("comfy_api"))
    monkeypatch.setitem(sys.modules, "comfy_api.latest", latest)
    return running


class TestTheTable:
    @every_replacement
    def test_names_a_node_of_this_pack_that_takes_every_input(self, pack: ModuleType, row: Replacement) -> None:
        declared = pack.NODE_CLASS_MAPPINGS[row.new_id].INPUT_TYPES()
        taken = declared["required"] | declared.get("optional", {})

        assert set(declared["required"]) <= {*row.slots, *row.widgets} <= set(taken)

    @every_replacement
    def test_distinguishes_widgets_from_slots(self, pack: ModuleType, row: Replacement) -> None:
        """A workflow stores the values of widgets by position, so that an extra one shifts all that follow."""
        declared = pack.NODE_CLASS_MAPPINGS[row.new_id].INPUT_TYPES()
        taken = declared["required"] | declared.get("optional", {})
        with_widget = [name for name in taken if taken[name][0] not in ("IMAGE", "FRAME_COUNTER")]

        assert list(row.widgets) == [name for name in with_widget if name in row.widgets]
        assert not set(row.slots) & set(with_widget)

    @every_replacement
    def test_knows_which_nodes_have_control_after_generate(self, pack: ModuleType, row: Replacement) -> None:
        """The option must be True: frontends 1.27 and 1.42 take a string for the control's name."""
        inputs = pack.NODE_CLASS_MAPPINGS[row.new_id].INPUT_TYPES()
        declared = inputs["required"] | inputs.get("optional", {})
        controls = [
            options[0]["control_after_generate"]
            for _, *options in declared.values()
            if options and "control_after_generate" in options[0]
        ]

        assert controls == ([True] if row.counting else [])

    @every_replacement
    def test_maps_outputs_to_outputs_of_the_same_type(self, pack: ModuleType, row: Replacement) -> None:
        types = {
            "Image Sequence Saver [Dream]": ["ANIMATION_SEQUENCE", "LOG_ENTRY"],
            "JWLoadImageSequence": ["IMAGE"],
            "Frame Counter (Simple) [Dream]": ["FRAME_COUNTER"],
            "Frame Counter (Directory) [Dream]": ["FRAME_COUNTER"],
            LOADER: ["IMAGE", "STRING"],
        }
        ours = pack.NODE_CLASS_MAPPINGS[row.new_id].RETURN_TYPES

        assert [ours[index] for index in row.outputs] == types.get(row.old_id, [])

    def test_declares_every_mapping_in_full(self) -> None:
        """The server drops every unmapped input, and the frontend every unmapped link."""
        assert OLD["Save Image Sequence (mtb)"].declaration() == {
            "new_node_id": "ImageSequenceSaveFrame",
            "old_node_id": "Save Image Sequence (mtb)",
            "old_widget_ids": ["filename_prefix", "current_frame"],
            "input_mapping": [
                {"new_id": "images", "old_id": "images"},
                {"new_id": "filename_prefix", "old_id": "filename_prefix"},
                {"new_id": "current_frame", "old_id": "current_frame"},
                {"new_id": "control_after_generate", "set_value": "fixed"},
            ],
            "output_mapping": [],
        }
        assert OLD[LOADER].declaration()["output_mapping"] == [
            {"new_idx": 0, "old_idx": 0},
            {"new_idx": 2, "old_idx": 1},
        ]


class TestAPrompt:
    @pytest.mark.parametrize("old_id", list(OLD))
    def test_gets_the_new_node_with_unchanged_inputs(self, old_id: str) -> None:
        old = node(old_id, **dict.fromkeys(OLD[old_id].widgets, "a value"), image=["7", 0])

        assert rewrite({"1": old}, OLD) == {"1": {**old, "class_type": OLD[old_id].new_id}}

    def test_keeps_the_other_entries_of_a_node(self) -> None:
        title = {"_meta": {"title": "Save"}, "is_changed": ["x"]}

        assert rewrite({"1": node("JWSaveImageSequence") | title}, OLD)["1"] == node("ImageSequenceSaveBatch") | title

    def test_gets_its_links_renumbered(self) -> None:
        """The Dream loader's file name is its second output, ours is the third."""
        prompt = {
            "3:1": node(LOADER, frame_counter=["c", 0]),
            "c": node("Frame Counter (Simple) [Dream]"),
            "old": node("Image Sequence Saver [Dream]", image=["3:1", 0], prefix=["3:1", 1]),
            "other": node("PreviewAny", source=["3:1", 1], as_number=["3:1", 1.0], seed=["c", 1]),
        }
        rewritten = rewrite(prompt, OLD)

        assert rewritten["old"]["inputs"] == {"image": ["3:1", 0], "prefix": ["3:1", 2]}
        assert rewritten["other"]["inputs"] == {"source": ["3:1", 2], "as_number": ["3:1", 2], "seed": ["c", 1]}

    def test_keeps_values_that_only_look_like_links(self) -> None:
        values = {"three": ["1", 1, 1], "one": ["1"], "words": ["1", "1"], "deep": [["1", 1]], "number": [1, 1]}

        assert rewrite({"1": node(LOADER), "2": node("X", **values)}, OLD)["2"]["inputs"] == values

    def test_is_not_changed_in_place(self) -> None:
        prompt = {"1": node(LOADER), "2": node("X", name=["1", 1])}
        before = copy.deepcopy(prompt)
        rewrite(prompt, OLD)

        assert prompt == before

    @pytest.mark.parametrize(
        "prompt",
        [
            pytest.param(None, id="null"),
            pytest.param([], id="a list"),
            pytest.param({"1": None}, id="a node that is none"),
            pytest.param({"1": {"class_type": LOADER}}, id="no inputs"),
            pytest.param({"1": {"class_type": LOADER, "inputs": ["directory_path"]}}, id="inputs without names"),
            pytest.param({"1": {"inputs": {}}}, id="no class_type"),
            pytest.param({"1": {"class_type": [LOADER], "inputs": {}}}, id="a list of class types"),
            pytest.param({"1": node(LOADER.lower()), "2": node(f"{LOADER} ")}, id="nearly the name"),
        ],
    )
    def test_that_is_malformed_is_left_for_the_server_to_refuse(self, prompt: Any) -> None:
        assert rewrite(prompt, OLD) == prompt


ids = st.sampled_from(["1", "2", "3:4", "é"])
links = st.tuples(ids, st.sampled_from([0, 1, 2, 1.0, -1, True, float("inf")])).map(list)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | links,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | ids, inner, max_size=3),
    max_leaves=10,
)
class_types = st.sampled_from([*OLD, *(row.new_id for row in REPLACEMENTS), "KSampler"]) | json_values
nodes = st.fixed_dictionaries(
    {},
    optional={
        "class_type": class_types,
        "inputs": st.dictionaries(st.text(max_size=5), links | json_values, max_size=3) | json_values,
        "_meta": json_values,
    },
)
prompts = st.dictionaries(ids, nodes | json_values, max_size=4) | json_values
active = st.sets(st.sampled_from(sorted(OLD))).map(lambda some: {old_id: OLD[old_id] for old_id in some})


class TestAnyJson:
    @given(prompts, active)
    def test_is_rewritten_without_an_error_and_once_only(
        self, prompt: Any, replacements: dict[str, Replacement]
    ) -> None:
        once = rewrite(prompt, replacements)

        assert rewrite(once, replacements) == once

    @given(prompts, active)
    def test_keeps_every_node_without_an_old_id(self, prompt: Any, replacements: dict[str, Replacement]) -> None:
        rewritten = rewrite(prompt, replacements)
        if not isinstance(prompt, dict):
            assert rewritten == prompt
            return
        assert list(rewritten) == list(prompt)
        for node_id, before in prompt.items():
            after = rewritten[node_id]
            if not isinstance(before, dict):
                assert after == before
                continue
            assert list(after) == list(before)
            assert after.get("_meta") == before.get("_meta")
            if before.get("class_type") != after.get("class_type"):
                assert after["class_type"] == replacements[before["class_type"]].new_id

    @given(prompts)
    def test_is_unchanged_if_every_old_id_is_registered(self, prompt: Any) -> None:
        assert rewrite(prompt, {}) == prompt


class TestARequest:
    def test_has_its_prompt_rewritten_and_the_rest_kept(self, registered: Any) -> None:
        rest = {"client_id": "a", "extra_data": {"extra_pnginfo": {"workflow": {"nodes": [{"type": LOADER}]}}}}

        assert rewrite_request({"prompt": {"1": node(LOADER)}, **rest}) == {
            "prompt": {"1": node("ImageSequenceLoadFrame")},
            **rest,
        }

    @pytest.mark.parametrize("old_id", list(OLD))
    def test_is_unchanged_if_the_earlier_pack_is_installed(self, registered: Any, old_id: str) -> None:
        body = {"prompt": {"1": node(old_id), "2": node("X", name=["1", 1])}}
        registered[old_id] = object

        assert rewrite_request(body) == body

    def test_is_rewritten_by_the_nodes_registered_now(self, registered: Any) -> None:
        """Packs load in any order, and some register their nodes late."""
        body = {"prompt": {"1": node("JWLoadImageSequence")}}
        assert rewrite_request(body)["prompt"]["1"]["class_type"] == "ImageSequenceLoadBatch"

        registered["JWLoadImageSequence"] = object
        assert rewrite_request(body) == body

    def test_is_unchanged_if_our_node_is_not_registered(self, registered: Any) -> None:
        body = {"prompt": {"1": node(LOADER), "2": node("X", name=["1", 1])}}
        del registered["ImageSequenceLoadFrame"]

        assert rewrite_request(body) == body

    def test_is_unchanged_if_another_pack_offered_a_replacement_first(self, registered: Any, comfyui: Server) -> None:
        """For example, the earlier pack itself may have renamed its node."""
        comfyui.offer(SimpleNamespace(old_node_id="JWLoadImageSequence", new_node_id="JWLoadSequence2"))
        replaced_nodes.register()
        body = {"prompt": {"1": node("JWLoadImageSequence"), "2": node("JWSaveImageSequence")}}

        rewritten = rewrite_request(body)["prompt"]

        assert [rewritten[node_id]["class_type"] for node_id in "12"] == [
            "JWLoadImageSequence",
            "ImageSequenceSaveBatch",
        ]

    @pytest.mark.parametrize("body", [None, [], "prompt", 7, {}, {"number": 1}, ["prompt"], {"prompt": None}])
    def test_of_any_other_shape_passes_through(self, registered: Any, body: Any) -> None:
        assert rewrite_request(body) == body

    def test_passes_through_without_comfyui(self) -> None:
        body = {"prompt": {"1": node(LOADER)}}

        assert rewrite_request(body) == body


class TestRegistering:
    def test_offers_every_replacement_and_rewrites_every_prompt(self, comfyui: Server) -> None:
        replaced_nodes.register()

        assert comfyui.handlers == [rewrite_request]
        assert {old_id: [offer.new_node_id for offer in offers] for old_id, offers in comfyui.offers.items()} == {
            row.old_id: [row.new_id] for row in REPLACEMENTS
        }

    @pytest.mark.parametrize("comfyui", [False], indirect=True, ids=["before 0.13"])
    def test_only_rewrites_prompts_if_the_server_has_no_replacements(self, registered: Any, comfyui: Server) -> None:
        replaced_nodes.register()

        assert comfyui.handlers == [rewrite_request]
        assert rewrite_request({"prompt": {"1": node("JWSaveImageSequence")}})["prompt"]["1"] == node(
            "ImageSequenceSaveBatch"
        )

    def test_warns_if_comfyui_refuses_the_replacements_and_rewrites_prompts(
        self, comfyui: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(sys.modules["comfy_api.latest"], "io", SimpleNamespace())

        replaced_nodes.register()

        assert comfyui.handlers == [rewrite_request]
        assert "not offered a replacement" in caplog.text

    def test_does_nothing_without_comfyui(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.delitem(sys.modules, "server", raising=False)

        replaced_nodes.register()

        assert "server" not in sys.modules
        assert caplog.text == ""

    def test_does_not_confuse_another_module_called_server_with_comfyui(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "server", ModuleType("server"))

        replaced_nodes.register()
