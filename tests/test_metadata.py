"""prompt + workflow -> the text entries of a file."""

from __future__ import annotations

import copy
import json
import math
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_utils.metadata import text_entries

PROMPT = {"1": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["4", 0]}}}
WORKFLOW = {"nodes": [{"id": 1, "title": "Größe 日本 🎞"}], "links": []}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def strictly(text: str) -> Any:
    """`text` read as JSON by the letter: NaN and Infinity are errors."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_prompt_comes_first_and_then_every_key_of_the_extra_information() -> None:
    entries = text_entries(PROMPT, {"workflow": WORKFLOW, "other": [1, "two", None]})

    assert list(entries) == ["prompt", "workflow", "other"]
    assert [strictly(text) for text in entries.values()] == [PROMPT, WORKFLOW, [1, "two", None]]


def test_entries_are_written_as_comfyui_s_own_save_image_writes_them() -> None:
    entries = text_entries(PROMPT, {"workflow": WORKFLOW})

    assert entries == {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}


@pytest.mark.parametrize(
    ("prompt", "extra", "keywords"),
    [
        pytest.param(None, None, [], id="neither"),
        pytest.param(PROMPT, None, ["prompt"], id="prompt only"),
        pytest.param(None, {"workflow": WORKFLOW}, ["workflow"], id="workflow only"),
        pytest.param({}, {}, ["prompt"], id="an empty prompt is one"),
    ],
)
def test_what_comfyui_does_not_hand_over_is_left_out(prompt: Any, extra: Any, keywords: list[str]) -> None:
    assert list(text_entries(prompt, extra)) == keywords


@settings(deadline=None)
@given(st.dictionaries(st.text(), values, max_size=4), st.dictionaries(st.text(), values, max_size=4))
def test_any_prompt_and_workflow_become_strict_ascii_json(prompt: dict[str, Any], extra: dict[str, Any]) -> None:
    for text in text_entries(prompt, extra).values():
        strictly(text)
        assert text.isascii()


def test_text_of_all_scripts_is_escaped_and_comes_back() -> None:
    text = text_entries(None, {"workflow": WORKFLOW})["workflow"]

    assert text.isascii()
    assert strictly(text) == WORKFLOW


def test_half_a_character_does_not_stop_a_save() -> None:
    assert text_entries(None, {"workflow": "\ud800"}) == {"workflow": '"\\ud800"'}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")], ids=str)
def test_what_is_not_a_number_in_json_becomes_null_at_any_depth(number: float) -> None:
    extra = {"a": number, "b": [number, {"c": (1.5, [number])}], "d": {"e": {"f": number}}}

    entries = text_entries({"1": {"inputs": {"cfg": number}}}, extra)

    assert {keyword: strictly(text) for keyword, text in entries.items()} == {
        "prompt": {"1": {"inputs": {"cfg": None}}},
        "a": None,
        "b": [None, {"c": [1.5, [None]]}],
        "d": {"e": {"f": None}},
    }


def test_comfyui_s_note_of_its_cache_is_dropped_from_every_node() -> None:
    noted = {
        "1": {"class_type": "A", "inputs": {}, "is_changed": [math.nan]},
        "2": {"class_type": "B", "inputs": {"is_changed": "an input of this name stays"}, "is_changed": "generation 1"},
    }

    assert strictly(text_entries(noted, None)["prompt"]) == {
        "1": {"class_type": "A", "inputs": {}},
        "2": {"class_type": "B", "inputs": {"is_changed": "an input of this name stays"}},
    }


def test_the_originals_are_left_as_they_are() -> None:
    """They are ComfyUI's live prompt: what is dropped from it would be asked anew by the next node."""
    prompt = {"1": {"inputs": {"cfg": [1.0, math.inf]}, "is_changed": ["x"]}}
    extra = {"workflow": {"nodes": (math.inf, None)}}
    before = copy.deepcopy((prompt, extra))

    text_entries(prompt, extra)

    assert (prompt, extra) == before


@pytest.mark.parametrize("node", [None, "text", [1], 7], ids=str)
def test_a_node_that_is_no_mapping_does_not_stop_a_save(node: Any) -> None:
    assert strictly(text_entries({"1": node}, None)["prompt"]) == {"1": node}


@pytest.mark.parametrize(("disabled", "keywords"), [(True, []), (False, ["prompt", "workflow"])])
def test_disable_metadata_is_honoured(monkeypatch: pytest.MonkeyPatch, disabled: bool, keywords: list[str]) -> None:
    cli_args = ModuleType("comfy.cli_args")
    cli_args.args = SimpleNamespace(disable_metadata=disabled)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comfy", ModuleType("comfy"))
    monkeypatch.setitem(sys.modules, "comfy.cli_args", cli_args)

    assert list(text_entries(PROMPT, {"workflow": WORKFLOW})) == keywords
