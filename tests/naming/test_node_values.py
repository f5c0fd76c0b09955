"""The values of other nodes in the savers' texts: %Node title.widget%, as ComfyUI's frontend resolves it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from io_utils.errors import TokenError
from io_utils.naming.node_values import NodeValues
from io_utils.naming.tokens import Later, needs_nodes, needs_run, needs_time, resolve

NOW = datetime(2026, 3, 5, 7, 8, 9, tzinfo=timezone.utc)


def node(class_type: str = "KSampler", title: str | None = None, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


def filled(text: str, prompt: Any, extra_pnginfo: Any = None) -> str:
    return resolve(text, NOW, 640, 360, NodeValues(prompt, extra_pnginfo))


def refusal(text: str, prompt: Any, extra_pnginfo: Any = None) -> str:
    with pytest.raises(TokenError) as caught:
        filled(text, prompt, extra_pnginfo)
    assert caught.value.token in text
    return str(caught.value)


class TestANode:
    PROMPT = {
        "3": node(title="Base", seed=5),
        "8": node("EmptyLatentImage", title="Canvas", width=512, height=768),
        "5:12": node("LoraLoader", title="Style (2)", lora_name="ink.safetensors"),
        "9": node(title="KSampler v1.5", seed=9),
        "10": node(title="light/key", seed=10),
    }

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            pytest.param("%Base.seed%", "5", id="by its title"),
            pytest.param("%EmptyLatentImage.width%", "512", id="by its class"),
            pytest.param("a/%EmptyLatentImage.width%_b%Canvas.height%", "a/512_b768", id="several"),
            pytest.param("%Style (2).lora_name%", "ink.safetensors", id="in a subgraph"),
            pytest.param("%Base.seed%_%width%_%year%", "5_640_2026", id="beside other tokens"),
            pytest.param("50%_%Base.seed%", "50%_5", id="after a percent sign"),
            pytest.param("%KSampler v1.5.seed%", "9", id="by a title with a dot"),
            pytest.param("a/%light/key.seed%/b", "a/10/b", id="by a title with a slash"),
        ],
    )
    def test_is_found(self, text: str, found: str) -> None:
        assert filled(text, self.PROMPT) == found

    def test_by_its_search_name_comes_before_one_by_its_title(self) -> None:
        prompt = {"1": node(title="main", seed=1), "2": node(title="x", seed=2), "4:7": node(title="y", seed=3)}
        workflow = {
            "nodes": [
                {"id": 1, "type": "KSampler", "properties": {}},
                {"id": "2", "type": "KSampler", "properties": {"Node name for S&R": "main"}},
                {"id": 4, "type": "sub"},
            ],
            "definitions": {
                "subgraphs": [{"id": "sub", "nodes": [{"id": 7, "properties": {"Node name for S&R": "inner"}}]}]
            },
        }

        assert filled("%main.seed% %inner.seed%", prompt, {"workflow": workflow}) == "2 3"
        assert filled("%main.seed%", prompt) == "1"

    def test_in_chinese_or_with_an_emoji_is_found(self) -> None:
        prompt = {"1": node(title="采样器", seed=1), "2": node(title="🎲 Dice", seed=2), "3": node(title="2nd", seed=3)}

        assert filled("%采样器.seed%%🎲 Dice.seed%%2nd.seed%", prompt) == "123"

    def test_that_is_unknown_is_refused_with_the_nearest(self) -> None:
        error = refusal("%KSamper.seed%", {"1": node(seed=1), "2": node("SaveImage", title="Save")})

        assert "Write %KSampler.seed%, or one of the nodes of this graph: 'KSampler', 'Save'." in error
        assert "no node of the graph is called 'KSamper'" in error

    def test_whose_widget_is_unknown_is_refused_with_the_nearest(self) -> None:
        error = refusal("%KSampler.sed%", {"1": node(seed=1, steps=20, model=["2", 0])})

        assert "Write %KSampler.seed%, or one of the widgets of 'KSampler': 'seed', 'steps'." in error

    def test_whose_input_is_linked_is_refused_with_the_node_in_front(self) -> None:
        prompt = {"1": node(seed=["2", 0]), "2": node("PrimitiveInt", title="Seed", value=7)}

        assert "Write the token of a widget of 'Seed'" in refusal("%KSampler.seed%", prompt)
        assert filled("%Seed.value%", prompt) == "7"

    def test_two_of_one_name_must_agree(self) -> None:
        def two(first: int, second: int) -> dict[str, Any]:
            return {"1": node(seed=first), "2": node(seed=second)}

        assert filled("%KSampler.seed%", two(5, 5)) == "5"
        error = refusal("%KSampler.seed%", two(5, 6))
        assert "Give one of the nodes 'KSampler' another title." in error
        assert "'5' (node 1) and '6' (node 2)" in error

    @pytest.mark.parametrize("prompt", [None, {}, [], "text", {"1": None}, {"1": {"inputs": []}}, 7])
    def test_is_unknown_without_a_prompt(self, prompt: Any) -> None:
        assert "no prompt is known" in refusal("%KSampler.seed%", prompt)

    @pytest.mark.parametrize(
        "extra",
        [
            *(None, [], "text", {"workflow": None}, {"workflow": {"nodes": [None, 3, {"id": None}]}}),
            {"workflow": {"nodes": [{"id": 1, "properties": []}], "definitions": {"subgraphs": [None, {"nodes": 1}]}}},
        ],
    )
    def test_is_found_whatever_the_workflow_is(self, extra: Any) -> None:
        assert filled("%KSampler.seed%", {"1": node(seed=5)}, extra) == "5"


class TestAValue:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (20, "20"),
            (7.5, "7.5"),
            (7.0, "7"),
            (True, "true"),
            ("a b", "a b"),
            ('a/b\\c:d*e?f"g<h>i|j\x00k\x7f', "a_b_c_d_e_f_g_h_i_j_k_"),
            (2**63, "9223372036854775808"),
        ],
    )
    def test_is_written_as_the_frontend_writes_it(self, value: Any, text: str) -> None:
        assert filled("%KSampler.seed%", {"1": node(seed=value)}) == text

    @pytest.mark.parametrize("value", ["%year%", "take %KSampler.cfg%", "%seed%"])
    def test_that_is_a_token_is_refused(self, value: str) -> None:
        """It would become a folder of that name."""
        assert "tokens in the widgets of other nodes are not filled in" in refusal(
            "%KSampler.seed%", {"1": node(seed=value)}
        )

    @pytest.mark.parametrize("value", ["", " ", None])
    def test_that_is_empty_is_refused(self, value: Any) -> None:
        assert refusal("%KSampler.seed%", {"1": node(seed=value)}).startswith("Fill in the widget")

    @pytest.mark.parametrize("value", ["####", "f_%04d", "$F4"])
    def test_with_a_frame_number_is_refused(self, value: str) -> None:
        assert "contains a frame number" in refusal("%KSampler.seed%", {"1": node(seed=value)})

    @pytest.mark.parametrize("value", [[9, 2], {"a": 1}, []])
    def test_that_is_not_single_is_refused(self, value: Any) -> None:
        assert "Write a widget that holds a text or a number" in refusal("%KSampler.seed%", {"1": node(seed=value)})


class TestLater:
    def test_stands_in_for_what_only_a_run_knows(self) -> None:
        later = Later()

        text = resolve("%year%/%K.seed%_%width%_%K.seed%", NOW, 0, 0, later)

        assert "%" not in text
        assert later.restored(text) == "2026/%K.seed%_%width%_%K.seed%"


@pytest.mark.parametrize("text", ["5%1.5%", "f_%04d.png_50%", "100%", "100%/take.50%"])
def test_other_percent_signs_are_no_tokens(text: str) -> None:
    assert filled(text, {"1": node(seed=1)}) == text
    assert not needs_nodes(text)


def test_a_node_is_needed_by_the_run_but_not_the_time() -> None:
    assert needs_run("%K.seed%")
    assert needs_run("%width%")
    assert not needs_time("%K.seed%")
    assert not needs_run("%year%")
