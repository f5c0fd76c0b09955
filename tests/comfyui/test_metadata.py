"""text_entries: prompt and workflow as the text entries of a file, and what is left out."""

from __future__ import annotations

import copy
import io
import json
import math
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from io_utils.comfyui.identity import VALUE
from io_utils.comfyui.metadata import text_entries
from io_utils.formats.file_type import FileType

PROMPT = {"1": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["4", 0]}}}
WORKFLOW = {"nodes": [{"id": 1, "title": "Größe 日本 🎞"}], "links": []}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def strictly(text: str) -> Any:
    """`text` read as strict JSON: NaN and Infinity are errors."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def text_in(data: bytes, filetype: FileType) -> dict[str, str]:
    """The text in a file, as other people's programs read it."""
    if filetype.extension == ".exr":
        header = OpenEXR.File(io.BytesIO(data)).header()
        return {name: value for name, value in header.items() if isinstance(value, str)}
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if filetype.extension == ".webp":
            return dict(value.split(":", 1) for value in image.getexif().values())
        return dict(getattr(image, "text", {}))


def test_the_prompt_comes_first_then_every_key_of_extra_pnginfo() -> None:
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
def test_what_comfyui_does_not_pass_is_left_out(prompt: Any, extra: Any, keywords: list[str]) -> None:
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


def test_a_lone_surrogate_does_not_stop_a_save() -> None:
    assert text_entries(None, {"workflow": "\ud800"}) == {"workflow": '"\\ud800"'}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")], ids=str)
def test_nan_and_infinities_become_null_at_any_depth(number: float) -> None:
    extra = {"a": number, "b": [number, {"c": (1.5, [number])}], "d": {"e": {"f": number}}}

    entries = text_entries({"1": {"inputs": {"cfg": number}}}, extra)

    assert {keyword: strictly(text) for keyword, text in entries.items()} == {
        "prompt": {"1": {"inputs": {"cfg": None}}},
        "a": None,
        "b": [None, {"c": [1.5, [None]]}],
        "d": {"e": {"f": None}},
    }


def test_is_changed_is_removed_from_every_node() -> None:
    noted = {
        "1": {"class_type": "A", "inputs": {}, "is_changed": [math.nan]},
        "2": {"class_type": "B", "inputs": {"is_changed": "an input of this name stays"}, "is_changed": "generation 1"},
    }

    assert strictly(text_entries(noted, None)["prompt"]) == {
        "1": {"class_type": "A", "inputs": {}},
        "2": {"class_type": "B", "inputs": {"is_changed": "an input of this name stays"}},
    }


def test_the_arguments_are_not_modified() -> None:
    """They are ComfyUI's live prompt, which the next node needs complete."""
    prompt = {"1": {"inputs": {"cfg": [1.0, math.inf]}, "is_changed": ["x"]}}
    extra = {"workflow": {"nodes": (math.inf, None)}}
    before = copy.deepcopy((prompt, extra))

    text_entries(prompt, extra)

    assert (prompt, extra) == before


@pytest.mark.parametrize("node", [None, "text", [1], 7], ids=str)
def test_a_node_that_is_not_a_mapping_does_not_stop_a_save(node: Any) -> None:
    assert strictly(text_entries({"1": node}, None)["prompt"]) == {"1": node}


@pytest.mark.parametrize(("disabled", "keywords"), [(True, []), (False, ["prompt", "workflow"])])
def test_disable_metadata_is_honoured(monkeypatch: pytest.MonkeyPatch, disabled: bool, keywords: list[str]) -> None:
    cli_args = ModuleType("comfy.cli_args")
    cli_args.args = SimpleNamespace(disable_metadata=disabled)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comfy", ModuleType("comfy"))
    monkeypatch.setitem(sys.modules, "comfy.cli_args", cli_args)

    assert list(text_entries(PROMPT, {"workflow": WORKFLOW})) == keywords


class Hostile(dict):
    """A mapping of another pack whose methods fail."""

    def items(self) -> Any:
        raise RuntimeError("not now")


def nested(depth: int, inside: Any = None) -> Any:
    for _ in range(depth):
        inside = [inside]
    return inside


class TestWhatJsonCannotHold:
    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            pytest.param({"a": 1, "b": {1, 2}}, {"a": 1}, id="a set in a mapping"),
            pytest.param([1, b"x", 3], [1, None, 3], id="bytes in a list keep their place"),
            pytest.param((1, object()), [1, None], id="an object in a tuple"),
            pytest.param({"a": [{"b": object(), "c": 2}]}, {"a": [{"c": 2}]}, id="an object deep inside"),
            pytest.param({("a", 1): 1, b"k": 2, "c": 3}, {"c": 3}, id="keys that are not text"),
            pytest.param({1: "a", 2.5: "b", None: "c", "e": {1}}, None, id="keys that JSON writes as text"),
            pytest.param({"a": np.float32(1.5), "b": np.int64(7), "c": np.bool_(True)}, None, id="numpy's scalars"),
            pytest.param({"a": 10**5000, "b": 1}, {"b": 1}, id="a number of 5000 digits"),
            pytest.param({"a": Hostile(x=1), "b": 1}, None, id="a mapping that fails"),
        ],
    )
    def test_is_left_out_in_its_place(self, value: Any, kept: Any) -> None:
        entries = text_entries(PROMPT, {"odd": value, "workflow": WORKFLOW})

        assert strictly(entries["workflow"]) == WORKFLOW
        assert strictly(entries["prompt"]) == PROMPT
        if kept is not None:
            assert strictly(entries["odd"]) == kept

    def test_of_numpy_is_kept_as_a_number(self) -> None:
        value = {"a": np.float32(1.5), "b": np.int64(7), "c": np.bool_(True), "d": np.float64("nan")}

        assert strictly(text_entries(None, {"n": value})["n"]) == {"a": 1.5, "b": 7, "c": True, "d": None}

    def test_that_contains_itself_is_left_out_where_it_recurs(self) -> None:
        cycle: dict[str, Any] = {"a": 1}
        cycle["me"] = [cycle]

        assert strictly(text_entries(None, {"c": cycle})["c"]) == {"a": 1, "me": [None]}

    def test_that_is_shared_by_two_places_is_kept_in_both(self) -> None:
        shared = {"a": 1}

        assert strictly(text_entries(None, {"s": [shared, shared, {1}]})["s"]) == [shared, shared, None]

    def test_that_is_too_deep_is_left_out_below_the_limit(self) -> None:
        entries = text_entries(None, {"deep": nested(100_000), "workflow": WORKFLOW})

        assert strictly(entries["workflow"]) == WORKFLOW
        assert strictly(entries["deep"])

    def test_is_not_a_workflow_600_deep(self) -> None:
        assert strictly(text_entries(None, {"workflow": nested(600)})["workflow"]) == nested(600)

    def test_is_named_in_one_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        prompt = {"5": {"inputs": {"image": object(), "seed": 1}}}
        text_entries(
            prompt, {"workflow": {"nodes": [0, {1}]}, "alien": b"x", 7: 1}, FileType.PNG_WITH_WORKFLOW.keyword_fault
        )

        (record,) = caplog.records
        assert record.levelname == "WARNING"
        for named in (
            "prompt.5.inputs.image (of type object)",
            "workflow.nodes.1 (of type set)",
            "alien",
            "7 (the key",
        ):
            assert named in record.getMessage()

    def test_is_not_named_without_end(self, caplog: pytest.LogCaptureFixture) -> None:
        text_entries(None, {"x" * 5000: object(), "many": {str(n): object() for n in range(10_000)}})

        (record,) = caplog.records
        assert len(record.getMessage()) < 3000
        assert "more" in record.getMessage()

    def test_gives_no_warning_if_there_is_none(self, caplog: pytest.LogCaptureFixture) -> None:
        text_entries(PROMPT, {"workflow": WORKFLOW, "nan": math.nan, "empty": {}, "none": None})

        assert not caplog.records

    @pytest.mark.parametrize("extra", [[], [1], "workflow", 5, True, object(), Hostile(workflow=1)], ids=str)
    def test_does_not_cost_the_prompt(self, extra: Any, caplog: pytest.LogCaptureFixture) -> None:
        assert list(text_entries(PROMPT, extra)) == ["prompt"]
        (record,) = caplog.records
        assert "extra_pnginfo" in record.getMessage()

    @pytest.mark.parametrize("prompt", [[1], "text", 5])
    def test_does_not_include_a_prompt_of_another_type(self, prompt: Any) -> None:
        assert strictly(text_entries(prompt, None)["prompt"]) == prompt

    def test_of_a_second_prompt_leaves_the_first(self) -> None:
        entries = text_entries(PROMPT, {"prompt": object(), "workflow": WORKFLOW})

        assert strictly(entries["prompt"]) == PROMPT


class TestWhatAFileCannotHold:
    """The file type gives the reason."""

    EMBEDDING = [filetype for filetype in FileType if filetype.embeds_workflow]

    @pytest.mark.parametrize("filetype", EMBEDDING)
    @settings(deadline=None, max_examples=60)
    @given(keys=st.dictionaries(st.text(max_size=90), st.just(1), max_size=6))
    def test_any_key_is_written_or_left_out(self, filetype: FileType, keys: dict[str, int]) -> None:
        entries = text_entries(PROMPT, {**keys, "workflow": WORKFLOW}, filetype.keyword_fault)

        filetype.encode_frame(torch.zeros(2, 3, 3), entries)

        assert strictly(entries["workflow"]) == WORKFLOW

    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_of_two_thousand_keys_does_not_cost_the_workflow(self, filetype: FileType) -> None:
        extra = {"workflow": WORKFLOW, **{f"key {n}": n for n in range(2000)}}
        entries = text_entries(PROMPT, extra, filetype.keyword_fault)

        data = filetype.encode_frame(torch.zeros(2, 3, 3), entries).data

        found = text_in(data, filetype)
        assert found == entries
        assert strictly(found["workflow"]) == WORKFLOW
        assert strictly(found["prompt"]) == PROMPT
        assert len(found) > 100 if filetype.extension == ".webp" else len(found) == 2002

    def test_of_webp_is_a_colon_in_a_key_which_would_shadow_another(self) -> None:
        """Readers split at the first colon: "workflow:x" would be the workflow."""
        extra = {"workflow:x": 1, "workflow": WORKFLOW}

        assert list(text_entries(None, extra, FileType.WEBP_LOSSLESS.keyword_fault)) == ["workflow"]
        assert list(text_entries(None, extra, FileType.PNG_WITH_WORKFLOW.keyword_fault)) == ["workflow:x", "workflow"]


class _Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_a_keyword_of_a_class_without_repr_is_kept() -> None:
    assert text_entries(None, {_Loud("note"): 1, "workflow": {}}) == {"note": "1", "workflow": "{}"}


def test_a_keyword_whose_methods_all_fail_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        @property  # type: ignore[misc]
        def __class__(self) -> type:
            raise RuntimeError("no")

    assert text_entries(None, {Failing(): 1, "workflow": {}}) == {"workflow": "{}"}
    assert "Failing" in caplog.text


def test_a_node_of_the_prompt_that_fails_costs_only_itself() -> None:
    class Failing(dict[str, object]):
        def items(self) -> object:  # type: ignore[override]
            raise RuntimeError("no")

    assert text_entries({"1": Failing(a=1), "2": {"is_changed": 3}}, {"workflow": {}})["workflow"] == "{}"


def test_inputs_that_a_saver_has_added_to_itself_for_a_moment_are_not_in_the_file() -> None:
    """Another saver may write its frames in that moment, see `identity.Graphs`."""
    inputs = {"images": ["1", 0], "filename_prefix": "shot"}
    prompt = {"2": {"class_type": "Save", "inputs": {**inputs, f"{VALUE}0": ["7", 0]}}}
    before = copy.deepcopy(prompt)

    assert strictly(text_entries(prompt, None)["prompt"]) == {"2": {"class_type": "Save", "inputs": inputs}}
    assert prompt == before
