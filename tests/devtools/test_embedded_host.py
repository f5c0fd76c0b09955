"""The stand-in for ComfyUI behaves like ComfyUI 0.19.3 wherever a node can tell the difference."""

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from devtools.comfyui_server import ComfyUIServer, PromptFailed, comfyui_python
from devtools.embedded_host import EmbeddedHost, InterruptProcessingException, PromptError
from devtools.pack_folder import FOLDER_NAME
from devtools.prompts import Prompt

# Nodes that show their inputs. CALLS holds the texts of the Text nodes in the order in which they ran.
NODES = '''
import importlib

CALLS = []

class Node:
    RETURN_TYPES = ()
    FUNCTION = "run"

class Text(Node):
    """Returns a STRING and records the call."""
    RETURN_TYPES = ("STRING",)
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}}
    def run(self, text):
        CALLS.append(text)
        return (text,)

class Words(Node):
    """A list output with one item per word."""
    RETURN_TYPES = ("STRING",)
    OUTPUT_IS_LIST = (True,)
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}}
    def run(self, text):
        return (text.split(),)

class Show(Node):
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}, "optional": {"suffix": ("STRING", {"default": "."})}}
    def run(self, text, suffix=""):
        return {"ui": {"text": [text + suffix]}}

class ShowList(Node):
    OUTPUT_NODE = True
    INPUT_IS_LIST = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}, "hidden": {"unique_id": "UNIQUE_ID"}}
    @classmethod
    def VALIDATE_INPUTS(cls, text):
        return True if isinstance(text, (list, tuple)) else "no list"
    def run(self, text, unique_id):
        return {"ui": {"text": ["+".join(text), *unique_id]}}

class Either(Node):
    """Asks for the lazy inputs that `which` names, and also for b if a is "and b"."""
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        lazy = ("STRING", {"lazy": True})
        return {"required": {"which": ("STRING", {})}, "optional": {"a": lazy, "b": lazy}}
    def check_lazy_status(self, which, a=None, b=None):
        wanted = [name for name in which.split(",") if name]
        return [*wanted, "b"] if a == "and b" else wanted
    def run(self, which, a=None, b=None):
        return {"ui": {"text": [str(a), str(b)]}}

class Limits(Node):
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {
            "number": ("INT", {"min": 1, "max": 9}),
            "choice": (["red", "blue"], {}),
            "flag": ("BOOLEAN", {}),
        }}
    def run(self, number, choice, flag):
        return {"ui": {"got": [repr((number, choice, flag))]}}

class OwnLimits(Limits):
    @classmethod
    def VALIDATE_INPUTS(cls, number, choice):
        return f"got {number!r} and {choice!r}" if number == 13 else True

class Hidden(Node):
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}, "hidden": {
            "prompt": "PROMPT", "extra": "EXTRA_PNGINFO", "node": "UNIQUE_ID", "dynamic": "DYNPROMPT"}}
    def run(self, prompt, extra, node, dynamic):
        return {"ui": {"seen": [prompt[node]["class_type"], extra, node, dynamic.get_node(node)["class_type"]]}}

class Block(Node):
    """Returns the text, or a blocker if the text is "no"."""
    RETURN_TYPES = ("STRING",)
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {}), "message": ("STRING", {})}}
    def run(self, text, message):
        blocker = importlib.import_module("comfy_execution.graph_utils").ExecutionBlocker
        return (blocker(message or None) if text == "no" else text,)

class Comfy(Node):
    """Uses ComfyUI's folders, progress bar, Cancel and settings."""
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"cancel": ("BOOLEAN", {})}}
    def run(self, cancel):
        folders = importlib.import_module("folder_paths")
        management = importlib.import_module("comfy.model_management")
        bar = importlib.import_module("comfy.utils").ProgressBar(3)
        bar.update(1)
        bar.update_absolute(3)
        if cancel:
            management.interrupt_current_processing()
            assert management.processing_interrupted()
        management.throw_exception_if_processing_interrupted()
        arguments = importlib.import_module("comfy.cli_args").args
        names = ["output", "input", "temp", "user", "system_user"]
        return {"ui": {"folders": [getattr(folders, f"get_{name}_directory")() for name in names],
                       "dtype": [str(management.intermediate_dtype())], "disabled": [arguments.disable_metadata]}}

class Odd(Node):
    """Makes the mistakes that nodes make."""
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"how": ("STRING", {})}, "optional": {"lazy": ("STRING", {"lazy": True})}}
    def check_lazy_status(self, how, lazy=None):
        return ["lazy"] if how == "asks for nothing" else []
    def run(self, how, lazy=None):
        if how == "fails":
            raise ValueError("frame 7 is missing")
        return {"ui": {"path": [object()]}}

class Count(Node):
    """Counts its runs in an attribute of the object."""
    OUTPUT_NODE = True
    runs = 0
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
    def run(self):
        self.runs += 1
        return {"ui": {"runs": [self.runs]}}

class Marked(Text):
    """Says that it has changed with its text and its hidden inputs, or fails."""
    @classmethod
    def INPUT_TYPES(cls):
        return {**super().INPUT_TYPES(), "hidden": {
            "prompt": "PROMPT", "extra": "EXTRA_PNGINFO", "node": "UNIQUE_ID", "dynamic": "DYNPROMPT"}}
    @classmethod
    def IS_CHANGED(cls, text, **hidden):
        if text == "fails":
            raise ValueError("cannot say")
        return repr((text, sorted(hidden.items())))
    def run(self, text, **hidden):
        return super().run(text)

class MarkedList(Marked):
    INPUT_IS_LIST = True
    def run(self, text, **hidden):
        return super().run(text[0])

class Marks(Show):
    """Shows the change marks of all nodes."""
    @classmethod
    def INPUT_TYPES(cls):
        return {**super().INPUT_TYPES(), "hidden": {"prompt": "PROMPT"}}
    def run(self, text, prompt, suffix=""):
        marks = {name: node["is_changed"] for name, node in prompt.items() if "is_changed" in node}
        return {"ui": {"marks": [repr(marks)]}}

class SolidMask(Show):
    """Has the name of a core node."""

NODE_CLASS_MAPPINGS = {
    node.__name__: node
    for node in (Text, Words, Show, ShowList, Either, Limits, OwnLimits, Hidden, Block, Comfy, Odd, Count, SolidMask,
                 Marked, MarkedList, Marks)
}
'''

WritePack = Callable[..., Path]


@pytest.fixture
def write_pack(tmp_path: Path) -> WritePack:
    def write(**modules: str) -> Path:
        folder = tmp_path / "source"
        folder.mkdir()
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def host(tmp_path: Path, write_pack: WritePack) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "base", write_pack(__init__=NODES)) as host:
        yield host


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def refusal(host: EmbeddedHost, prompt: dict[str, Any]) -> PromptError:
    with pytest.raises(PromptError) as caught:
        host.run(prompt)
    return caught.value


def reasons(host: EmbeddedHost, prompt: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(node id, type, details) of all errors."""
    errors = refusal(host, prompt).node_errors
    return [(name, error["type"], error["details"]) for name, entry in errors.items() for error in entry["errors"]]


class TestLoading:
    def test_the_pack_gets_the_module_name_that_comfyui_gives_it(self, host, tmp_path):
        folder = tmp_path / "base" / "custom_nodes" / FOLDER_NAME
        assert host.pack.__name__ == str(folder).replace(".", "_x_")
        assert sys.modules[host.pack.__name__] is host.pack
        assert "-" in folder.name

    def test_relative_imports_work_and_absolute_imports_of_the_pack_do_not(self, tmp_path, write_pack):
        start = "from .inner import NODE_CLASS_MAPPINGS\n"
        pack = write_pack(__init__=start, inner="NODE_CLASS_MAPPINGS = {}")
        with EmbeddedHost(tmp_path / "base", pack) as host:
            assert host.pack.NODE_CLASS_MAPPINGS == {}
        (pack / "__init__.py").write_text("from source.inner import NODE_CLASS_MAPPINGS\n")
        with pytest.raises(ModuleNotFoundError):
            EmbeddedHost(tmp_path / "base", pack)

    def test_a_pack_without_mappings_is_refused(self, tmp_path, write_pack):
        with pytest.raises(ImportError, match="no NODE_CLASS_MAPPINGS"):
            EmbeddedHost(tmp_path / "base", write_pack(__init__=""))

    def test_closing_removes_the_pack_and_keeps_its_source_and_the_output(self, tmp_path, write_pack):
        pack = write_pack(__init__="from . import inner\nNODE_CLASS_MAPPINGS = {}", inner="")
        with EmbeddedHost(tmp_path / "base", pack) as host:
            (tmp_path / "base" / "output" / "frame.png").write_bytes(b"")
        assert not [name for name in sys.modules if name.startswith(host.pack.__name__)]
        assert list((tmp_path / "base" / "custom_nodes").iterdir()) == []
        assert (pack / "inner.py").is_file()
        assert (tmp_path / "base" / "output" / "frame.png").is_file()

    def test_a_new_host_loads_fresh_modules_like_a_restarted_comfyui(self, tmp_path, write_pack):
        pack = write_pack(__init__=NODES)
        for _ in range(2):
            with EmbeddedHost(tmp_path / "base", pack) as host:
                assert host.pack.CALLS == []
                host.run({"1": node("Text", text="x"), "2": node("Show", text=["1", 0])})

    def test_without_permission_for_links_the_pack_is_copied_and_the_copy_removed(
        self, tmp_path, write_pack, monkeypatch
    ):
        def refuse(*arguments: Any, **options: Any) -> None:
            raise OSError(1314, "A required privilege is not held by the client")

        monkeypatch.setattr(Path, "symlink_to", refuse)  # Windows without developer mode
        pack = write_pack(__init__=NODES)
        (pack / ".venv").mkdir()
        with EmbeddedHost(tmp_path / "base", pack) as host:
            folder = tmp_path / "base" / "custom_nodes" / FOLDER_NAME
            assert not folder.is_symlink()
            assert not (folder / ".venv").exists()
            assert host.run({"4": node("Show", text="x")}) == {"4": {"text": ["x"]}}
        assert not folder.exists()
        assert (pack / "__init__.py").is_file()

    def test_another_folder_with_the_packs_name_is_never_overwritten(self, tmp_path, write_pack):
        (tmp_path / "base" / "custom_nodes" / FOLDER_NAME).mkdir(parents=True)
        with pytest.raises(FileExistsError, match="is not a link"):
            EmbeddedHost(tmp_path / "base", write_pack(__init__=NODES))

    def test_a_pack_cannot_shadow_a_core_node(self, host):
        assert host.node_classes["SolidMask"].RETURN_TYPES == ("MASK",)

    def test_packs_that_are_in_custom_nodes_are_loaded_too(self, tmp_path, write_pack):
        other = tmp_path / "base" / "custom_nodes" / "other"
        other.mkdir(parents=True)
        (other / "__init__.py").write_text(NODES)
        with EmbeddedHost(tmp_path / "base", write_pack(__init__="NODE_CLASS_MAPPINGS = {}")) as host:
            assert host.run({"1": node("Show", text="x")}) == {"1": {"text": ["x"]}}
        assert not [name for name in sys.modules if str(other) in name]
        assert other.is_dir()

    def test_comfyuis_modules_exist_only_during_a_run(self, host):
        stand_ins = {"folder_paths", "comfy", "comfy.utils", "comfy.model_management", "comfy_execution"}
        host.run({"1": node("Comfy", cancel=False)})
        assert not stand_ins & sys.modules.keys()

    def test_comfyuis_modules_stay_until_the_last_of_several_threads_is_done_with_them(self, host):
        """The web server checks a prompt while another one runs."""
        first, second = host.comfyui.installed(), host.comfyui.installed()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert sys.modules["folder_paths"].get_output_directory() == str(host.comfyui.output)
        second.__exit__(None, None, None)
        assert "folder_paths" not in sys.modules

    def test_modules_of_the_same_name_are_restored_after_a_run(self, host, monkeypatch):
        mine = type(sys)("folder_paths")
        monkeypatch.setitem(sys.modules, "folder_paths", mine)
        host.run({"1": node("Comfy", cancel=False)})
        assert sys.modules["folder_paths"] is mine


class TestRunning:
    def test_only_nodes_that_outputs_need_run_and_each_runs_once(self, host):
        outputs = host.run(
            {
                "1": node("Text", text="needed"),
                "2": node("Text", text="not needed"),
                "3": node("Show", text=["1", 0]),
                "4": node("Show", text=["1", 0], suffix="!"),
            }
        )
        assert outputs == {"3": {"text": ["needed"]}, "4": {"text": ["needed!"]}}
        assert host.pack.CALLS == ["needed"]

    def test_targets_are_the_only_outputs_that_run_and_that_are_checked(self, host):
        prompt = {
            "1": node("Text", text="needed"),
            "2": node("Show", text=["1", 0]),
            "3": node("Limits", number=99, choice="red", flag=True),
            "4": node("Show", text="another output"),
        }
        assert host.run(prompt, targets=["2"]) == {"2": {"text": ["needed"]}}
        assert host.node_errors == {}
        with pytest.raises(PromptError) as caught:
            host.run(prompt, targets=["1"])
        assert caught.value.error["type"] == "prompt_no_outputs"

    def test_what_nodes_showed_before_an_exception_is_kept(self, host):
        with pytest.raises(ValueError, match="frame 7 is missing"):
            host.run({"1": node("Show", text="before"), "2": node("Odd", how="fails")})
        assert host.ui == {"1": {"text": ["before"]}}

    def test_every_run_runs_all_nodes_again(self, host):
        prompt = {"1": node("Text", text="x"), "2": node("Show", text=["1", 0])}
        assert host.run(prompt) == host.run(prompt)
        assert host.pack.CALLS == ["x", "x"]

    def test_a_nodes_object_is_kept_while_its_id_stays_in_the_prompt(self, host):
        counts = [host.run({"1": node("Count")})["1"]["runs"] for _ in range(2)]
        host.run({"2": node("Count")})
        counts.append(host.run({"1": node("Count")})["1"]["runs"])
        assert counts == [[1], [2], [1]]

    def test_the_callers_prompt_is_not_changed(self, host):
        prompt = {"1": node("Limits", number="3", choice="red", flag=0)}
        host.run(prompt)
        assert prompt == {"1": node("Limits", number="3", choice="red", flag=0)}

    def test_hidden_inputs_are_the_prompt_the_workflow_and_the_id(self, host):
        outputs = host.run({"7": node("Hidden")}, {"workflow": {"nodes": []}})
        assert outputs["7"]["seen"] == ["Hidden", {"workflow": {"nodes": []}}, "7", "Hidden"]

    def test_without_extra_pnginfo_nodes_get_none(self, host):
        assert host.run({"7": node("Hidden")})["7"]["seen"][1] is None

    def test_nodes_run_in_inference_mode(self, tmp_path, write_pack):
        pack = write_pack(
            __init__="""
            import torch
            class Mode:
                RETURN_TYPES, FUNCTION, OUTPUT_NODE = (), "run", True
                @classmethod
                def INPUT_TYPES(cls):
                    return {"required": {}}
                def run(self):
                    return {"ui": {"inference": [torch.is_inference_mode_enabled()]}}
            NODE_CLASS_MAPPINGS = {"Mode": Mode}
            """
        )
        with EmbeddedHost(tmp_path / "base", pack) as host:
            assert host.run({"1": node("Mode")}) == {"1": {"inference": [True]}}

    def test_an_error_passes_through_and_names_its_node(self, host):
        with pytest.raises(ValueError, match="frame 7 is missing") as caught:
            host.run({"5": node("Odd", how="fails")})
        assert (caught.value.node_id, caught.value.class_type) == ("5", "Odd")  # type: ignore[attr-defined]
        if sys.version_info >= (3, 11):
            assert caught.value.__notes__ == ["raised by node 5 (Odd)"]

    def test_a_ui_that_would_crash_comfyui_is_an_error(self, host):
        with pytest.raises(TypeError, match="plain JSON values"):
            host.run({"5": node("Odd", how="shows an object")})

    def test_folders_progress_and_settings_are_like_comfyuis(self, host, tmp_path):
        outputs = host.run({"9": node("Comfy", cancel=False)})["9"]
        base = tmp_path / "base"
        below = ["output", "input", "temp", "user", "user/__system"]
        assert [Path(folder) for folder in outputs["folders"]] == [base / name for name in below]
        assert outputs["dtype"] == [str(torch.float32)]
        assert outputs["disabled"] == [False]
        assert host.comfyui.progress == [("9", 1, 3), ("9", 3, 3)]

    def test_cancel_stops_the_run_and_the_next_run_starts_clean(self, host):
        with pytest.raises(InterruptProcessingException):
            host.run({"9": node("Comfy", cancel=True)})
        assert host.run({"9": node("Comfy", cancel=False)})

    def test_output_and_input_can_be_elsewhere(self, tmp_path, write_pack):
        folders = {"output_directory": tmp_path / "here", "input_directory": tmp_path / "there"}
        with EmbeddedHost(tmp_path / "base", write_pack(__init__=NODES), **folders) as host:
            shown = host.run({"9": node("Comfy", cancel=False)})["9"]["folders"]
        assert shown[:2] == [str(tmp_path / "here"), str(tmp_path / "there")]


class TestLists:
    def test_a_node_after_a_list_runs_once_for_each_item_and_its_ui_is_joined(self, host):
        outputs = host.run({"1": node("Words", text="a b c"), "2": node("Show", text=["1", 0])})
        assert outputs == {"2": {"text": ["a", "b", "c"]}}

    def test_a_shorter_list_repeats_its_last_item(self, host):
        outputs = host.run(
            {
                "1": node("Words", text="a b c"),
                "2": node("Words", text="1 2"),
                "3": node("Show", text=["1", 0], suffix=["2", 0]),
            }
        )
        assert outputs == {"3": {"text": ["a1", "b2", "c2"]}}

    def test_input_is_list_receives_whole_lists_in_one_call(self, host):
        outputs = host.run({"1": node("Words", text="a b c"), "2": node("ShowList", text=["1", 0])})
        assert outputs == {"2": {"text": ["a+b+c", "2"]}}

    def test_input_is_list_receives_constants_in_lists_too_even_for_validation(self, host):
        assert host.run({"2": node("ShowList", text="alone")}) == {"2": {"text": ["alone", "2"]}}


class TestLazyInputs:
    PROMPT = {"1": node("Text", text="first"), "2": node("Text", text="second")}

    @pytest.mark.parametrize(
        ("which", "shown", "ran"),
        [
            ("", ["None", "None"], []),
            ("a", ["first", "None"], ["first"]),
            ("b", ["None", "second"], ["second"]),
            ("a,b", ["first", "second"], ["first", "second"]),
        ],
    )
    def test_only_requested_inputs_run_and_the_others_are_none(self, host, which, shown, ran):
        outputs = host.run({**self.PROMPT, "3": node("Either", which=which, a=["1", 0], b=["2", 0])})
        assert outputs == {"3": {"text": shown}}
        assert [*host.pack.CALLS] == ran

    def test_a_requested_input_can_lead_to_another_request(self, host):
        prompt = {"1": node("Text", text="and b"), "2": node("Text", text="second")}
        outputs = host.run({**prompt, "3": node("Either", which="a", a=["1", 0], b=["2", 0])})
        assert outputs == {"3": {"text": ["and b", "second"]}}

    def test_a_constant_need_not_be_requested(self, host):
        assert host.run({"3": node("Either", which="a", a="typed")}) == {"3": {"text": ["typed", "None"]}}

    def test_a_lazy_input_stays_none_even_if_another_node_made_its_source_run(self, host):
        outputs = host.run({**self.PROMPT, "3": node("Either", which="", a=["1", 0]), "0": node("Show", text=["1", 0])})
        assert outputs["3"] == {"text": ["None", "None"]}

    def test_requesting_an_input_that_is_not_linked_is_an_error_that_says_so(self, host):
        with pytest.raises(ValueError, match="asks for 'lazy', which is not in the prompt"):
            host.run({"1": node("Odd", how="asks for nothing")})

    def test_lazy_inputs_are_validated_too(self, host):
        prompt = {"1": node("Limits", number=1, choice="red", flag=True), "3": node("Either", which="", a=["1", 0])}
        with pytest.raises(PromptError):
            host.run({"3": prompt["3"], "1": {**prompt["1"], "class_type": "Gone"}})


class TestBlockers:
    def test_a_blocked_node_does_not_run_and_shows_nothing(self, host):
        outputs = host.run(
            {
                "1": node("Block", text="no", message=""),
                "2": node("Show", text=["1", 0]),
                "3": node("ShowList", text=["1", 0]),
                "4": node("Show", text="free"),
            }
        )
        assert outputs == {"4": {"text": ["free"]}}
        assert host.block_messages == []

    def test_within_a_list_only_the_blocked_items_are_left_out(self, host):
        outputs = host.run(
            {
                "1": node("Words", text="a no c"),
                "2": node("Block", text=["1", 0], message=""),
                "3": node("Show", text=["2", 0]),
            }
        )
        assert outputs == {"3": {"text": ["a", "c"]}}

    def test_a_block_passes_through_the_nodes_after_it(self, host):
        outputs = host.run(
            {
                "1": node("Block", text="no", message=""),
                "2": node("Text", text=["1", 0]),
                "3": node("Show", text=["2", 0]),
            }
        )
        assert outputs == {}
        assert host.pack.CALLS == []

    def test_a_message_is_shown_once_at_the_first_node_it_blocks(self, host):
        host.run(
            {
                "1": node("Block", text="no", message="no model"),
                "2": node("Text", text=["1", 0]),
                "3": node("Show", text=["2", 0]),
            }
        )
        assert host.block_messages == [("2", "no model")]


class TestChecks:
    GOOD = {"number": 5, "choice": "red", "flag": True}

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"number": 0}, ("value_smaller_than_min", "number")),
            ({"number": 10}, ("value_bigger_than_max", "number")),
            (
                {"number": "many"},
                ("invalid_input_type", "number, many, invalid literal for int() with base 10: 'many'"),
            ),
            ({"choice": "green"}, ("value_not_in_list", "choice: 'green' not in ['red', 'blue']")),
            ({"number": ["1"]}, ("bad_linked_input", "number")),
            ({"number": ["2", 0]}, ("return_type_mismatch", "number, received_type(STRING) mismatch input_type(INT)")),
        ],
    )
    def test_an_invalid_value_is_refused_in_comfyuis_words(self, host, change, expected):
        prompt = {"1": node("Limits", **{**self.GOOD, **change}), "2": node("Text", text="5")}
        assert reasons(host, prompt) == [("1", *expected)]

    def test_all_errors_are_reported_at_once(self, host):
        found = reasons(host, {"1": node("Limits", number=0, choice="green")})
        assert [(kind, details.split(":")[0]) for _, kind, details in found] == [
            ("value_smaller_than_min", "number"),
            ("value_not_in_list", "choice"),
            ("required_input_missing", "flag"),
        ]

    def test_constants_are_converted_as_comfyui_converts_them(self, host):
        outputs = host.run({"1": node("Limits", number="5", choice="blue", flag="false")})
        assert outputs == {"1": {"got": ["(5, 'blue', True)"]}}

    def test_a_validator_replaces_the_checks_of_the_inputs_it_names(self, host):
        outputs = host.run({"1": node("OwnLimits", number=99, choice="green", flag=True)})
        assert outputs == {"1": {"got": ["(99, 'green', True)"]}}

    def test_the_answer_of_a_validator_is_reported_for_each_input_that_it_received(self, host):
        found = reasons(host, {"1": node("OwnLimits", number=13, choice="red", flag=True)})
        assert found == [
            ("1", "custom_validation_failed", "number - got 13 and 'red'"),
            ("1", "custom_validation_failed", "choice - got 13 and 'red'"),
        ]

    def test_a_validator_receives_none_for_a_link(self, tmp_path, write_pack):
        pack = write_pack(
            __init__=NODES
            + """
class Linked(Show):
    @classmethod
    def VALIDATE_INPUTS(cls, text):
        return "linked" if text is None else True
NODE_CLASS_MAPPINGS["Linked"] = Linked
"""
        )
        with EmbeddedHost(tmp_path / "base", pack) as host:
            prompt = {"1": node("Text", text="x"), "2": node("Linked", text=["1", 0])}
            assert reasons(host, prompt) == [("2", "custom_validation_failed", "text - linked")]

    def test_an_error_is_reported_at_its_node_and_names_the_outputs_that_depend_on_it(self, host):
        prompt = {"1": node("Text"), "2": node("Show", text=["1", 0]), "3": node("ShowList", text=["1", 0])}
        errors = refusal(host, prompt).node_errors
        assert list(errors) == ["1"]
        assert errors["1"]["class_type"] == "Text"
        assert errors["1"]["dependent_outputs"] == ["2", "3"]
        assert errors["1"]["errors"] == [
            {
                "type": "required_input_missing",
                "message": "Required input is missing",
                "details": "text",
                "extra_info": {"input_name": "text"},
            }
        ]

    def test_valid_outputs_run_even_if_another_one_is_refused(self, host):
        outputs = host.run({"1": node("Show", text="fine"), "2": node("Show")})
        assert outputs == {"1": {"text": ["fine"]}}
        assert list(host.node_errors) == ["2"]

    def test_a_link_to_nowhere_is_refused(self, host):
        assert reasons(host, {"2": node("Show", text=["1", 0])}) == [("2", "exception_during_validation", "'1'")]
        prompt = {"1": node("Text", text="x"), "2": node("Show", text=["1", 4])}
        assert [kind for _, kind, _ in reasons(host, prompt)] == ["exception_during_validation"]

    def test_a_cycle_is_refused(self, host):
        prompt = {"1": node("Text", text=["2", 0]), "2": node("Text", text=["1", 0]), "3": node("Show", text=["1", 0])}
        refusal(host, prompt)

    def test_unknown_classes_and_prompts_without_output_are_refused(self, host):
        unknown = refusal(host, {"1": {**node("Gone"), "_meta": {"title": "My node"}}})
        assert unknown.error["type"] == "missing_node_type"
        assert unknown.error["message"] == "Node 'My node' not found. The custom node may not be installed."
        assert refusal(host, {"1": node("Text", text="x")}).error["type"] == "prompt_no_outputs"

    def test_the_message_names_node_class_and_reason(self, host):
        assert str(refusal(host, {"4": node("Show")})) == (
            "Prompt outputs failed validation\nnode 4 (Show): Required input is missing: text"
        )


class TestCoreNodes:
    """They compute the same as ComfyUI's own nodes, so the demo's frames are identical in both."""

    def composite(self, host: EmbeddedHost, **inputs: Any) -> torch.Tensor:
        return host.node_classes["ImageCompositeMasked"]().composite(resize_source=False, **inputs)[0]

    def test_an_image_is_composited_over_another_one_where_the_mask_is_white(self, host):
        below, above = torch.zeros(1, 4, 6, 3), torch.ones(1, 2, 2, 3)
        mask = torch.tensor([[[1.0, 0.0], [0.25, 1.0]]])
        result = self.composite(host, destination=below, source=above, x=3, y=1, mask=mask)
        assert result[0, 1:3, 3:5, 0].tolist() == [[1.0, 0.0], [0.25, 1.0]]
        assert result.sum() == 3 * 2.25
        assert below.sum() == 0

    def test_parts_beyond_the_edge_are_cut_off(self, host):
        below, above = torch.zeros(1, 4, 6, 3), torch.ones(1, 3, 3, 3)
        assert self.composite(host, destination=below, source=above, x=5, y=2).sum() == 3 * 2
        assert self.composite(host, destination=below, source=above, x=6, y=4).sum() == 0

    def test_an_empty_image_has_the_requested_colour(self, host):
        image = host.node_classes["EmptyImage"]().generate(3, 2, 4, 0x336600)[0]
        assert image.shape == (4, 2, 3, 3)
        assert torch.equal(image.reshape(-1, 3).unique(dim=0), torch.tensor([[0x33 / 0xFF, 0x66 / 0xFF, 0.0]]))

    def test_noise_differs_between_images_and_is_the_same_for_the_same_seed(self, host):
        def noisy(seed: int) -> torch.Tensor:
            return host.node_classes["ImageAddNoise"]().add(torch.full((2, 3, 4, 3), 0.5), seed, 0.25)[0]

        assert torch.equal(noisy(3), noisy(3))
        assert not torch.equal(noisy(3), noisy(4))
        assert not torch.equal(*noisy(3))
        assert 0 <= noisy(3).min() < noisy(3).max() <= 1

    def test_images_become_an_animated_webp_with_the_next_free_number(self, host):
        images = node("EmptyImage", width=8, height=6, batch_size=3, color=0xFF0000)
        save = {"fps": 24.0, "lossless": True, "quality": 80, "method": "fastest"}
        prompt = {
            "1": images,
            "2": node("ImageAddNoise", image=["1", 0], seed=1, strength=0.5),
            "3": node("SaveAnimatedWEBP", images=["2", 0], filename_prefix="films/film", **save),
        }
        shown = [host.run(prompt)["3"] for _ in range(2)]
        assert [output["images"][0]["filename"] for output in shown] == ["film_00001_.webp", "film_00002_.webp"]
        assert shown[0]["images"][0]["subfolder"] == "films"
        assert shown[0]["animated"] == [True]
        with Image.open(host.comfyui.output / "films" / "film_00001_.webp") as film:
            film.load()
            assert (getattr(film, "n_frames", 1), film.size, film.info["duration"]) == (3, (8, 6), 41)

    def test_an_image_is_scaled(self, host):
        image = torch.tensor([[[[0.0], [1.0]]]])
        scaled = host.node_classes["ImageScale"]().upscale(image, "nearest-exact", 4, 2, "disabled")[0]
        assert scaled[..., 0].tolist() == [[[0.0, 0.0, 1.0, 1.0]] * 2]


FIRST_AND_SECOND = {"1": node("Text", text="first"), "2": node("Text", text="second")}
GOOD = TestChecks.GOOD
SAME_IN_COMFYUI: list[Prompt] = [
    {**FIRST_AND_SECOND, "3": node("Show", text=["1", 0]), "4": node("Show", text=["1", 0], suffix="!")},
    {"7": node("Hidden")},
    {
        "1": node("Words", text="a b c"),
        "2": node("Words", text="1 2"),
        "3": node("Show", text=["1", 0], suffix=["2", 0]),
    },
    {"1": node("Words", text="a b c"), "2": node("ShowList", text=["1", 0])},
    {"2": node("ShowList", text="alone")},
    {**FIRST_AND_SECOND, "3": node("Either", which="", a=["1", 0], b=["2", 0])},
    {**FIRST_AND_SECOND, "3": node("Either", which="a,b", a=["1", 0], b=["2", 0])},
    {
        "1": node("Text", text="and b"),
        "2": node("Text", text="s"),
        "3": node("Either", which="a", a=["1", 0], b=["2", 0]),
    },
    {"1": node("Text", text="x"), "3": node("Either", which="", a=["1", 0]), "0": node("Show", text=["1", 0])},
    {
        "1": node("Words", text="a no c"),
        "2": node("Block", text=["1", 0], message=""),
        "3": node("Show", text=["2", 0]),
    },
    {
        "1": node("Words", text="a no"),
        "2": node("Block", text=["1", 0], message=""),
        "3": node("ShowList", text=["2", 0]),
    },
    {"1": node("Block", text="no", message=""), "2": node("Text", text=["1", 0]), "3": node("Show", text=["2", 0])},
    {"1": node("Limits", number=0, choice="green")},
    {"1": node("Limits", number=10, choice="red", flag=1)},
    {"1": node("Limits", **{**GOOD, "number": "many"})},
    {"1": node("Limits", **{**GOOD, "number": ["1"]})},
    {"1": node("Limits", **{**GOOD, "number": ["2", 0]}), "2": node("Text", text="5")},
    {"1": node("Limits", number="5", choice="red", flag="false")},
    {"1": node("OwnLimits", number=99, choice="green", flag=True)},
    {"1": node("OwnLimits", number=13, choice="red", flag=True)},
    {"1": node("Text"), "2": node("Show", text=["1", 0]), "3": node("ShowList", text=["1", 0])},
    {"1": node("Show", text="fine"), "2": node("Show")},
    {"2": node("Show", text=["1", 0])},
    {"1": node("Text", text="x"), "2": node("Show", text=["1", 4])},
    {"1": node("Text", text=["9", 0]), "2": node("Show", text=["1", 0])},
    {"1": node("Gone")},
    {"1": {"inputs": {}}},
    {"1": node("Text", text="x")},
    {"1": node("Odd", how="fails")},
    {"1": node("Odd", how="asks for nothing")},
    {"9": node("Comfy", cancel=True)},
    {"1": node("Show", text="x", unknown=4)},
    {"1": node("Text", text="x"), "2": node("Show", text="y", unknown=["1", 0])},
    {"1": node("Show", text=None)},
]


MARKS_IN_COMFYUI: list[Prompt] = [
    {"1": node("Marked", text="a"), "2": node("Marks", text=["1", 0])},
    {"1": node("Marked", text="a"), "2": node("Marked", text=["1", 0]), "3": node("Marks", text=["2", 0])},
    {"1": node("Marked", text="fails"), "2": node("Marks", text=["1", 0])},
    {"1": node("MarkedList", text="a"), "2": node("Marks", text=["1", 0])},
    {"1": node("Marked", text="a"), "2": node("Marks", text="no output needs node 1")},
    {"1": {**node("Marked", text="a"), "is_changed": ["posted"]}, "2": node("Marks", text=["1", 0])},
]


class TestChangeMarks:
    def marks(self, host: EmbeddedHost, prompt: Prompt) -> str:
        (shown,) = host.run(prompt).values()
        return shown["marks"][0]

    def test_the_answer_of_is_changed_is_in_the_prompt_that_nodes_see(self, host):
        hidden: list[tuple[str, Any]] = [("dynamic", None), ("extra", None), ("node", "1"), ("prompt", {})]
        assert self.marks(host, MARKS_IN_COMFYUI[0]) == repr({"1": [repr(("a", hidden))]})

    def test_a_link_is_none(self, host):
        assert "(None, [" in self.marks(host, MARKS_IN_COMFYUI[1])

    def test_a_failure_is_nan(self, host):
        assert self.marks(host, MARKS_IN_COMFYUI[2]) == "{'1': nan}"

    def test_nodes_that_take_lists_get_lists(self, host):
        assert "(['a'], [" in self.marks(host, MARKS_IN_COMFYUI[3])

    def test_nodes_that_no_output_needs_are_asked_too(self, host):
        assert "'a'" in self.marks(host, MARKS_IN_COMFYUI[4])

    def test_a_mark_that_was_posted_stays(self, host):
        assert self.marks(host, MARKS_IN_COMFYUI[5]) == "{'1': ['posted']}"


@pytest.mark.skipif(
    not os.environ.get("COMFYUI_DIR"), reason="needs a ComfyUI to compare with: set COMFYUI_DIR to its checkout"
)
def test_comfyui_itself_leaves_the_same_marks(host, tmp_path):
    directory = Path(os.environ["COMFYUI_DIR"])
    with ComfyUIServer(directory, comfyui_python(directory), tmp_path / "comfyui", tmp_path / "source") as comfyui:
        for prompt in MARKS_IN_COMFYUI:
            assert comfyui.run(prompt) == host.run(prompt), prompt


@pytest.mark.skipif(
    not os.environ.get("COMFYUI_DIR"), reason="needs a ComfyUI to compare with: set COMFYUI_DIR to its checkout"
)
def test_comfyui_itself_gives_the_same_answers(host, tmp_path):
    directory = Path(os.environ["COMFYUI_DIR"])
    pack = tmp_path / "source"
    # Without ComfyUI's cache, because the stand-in has none.
    with ComfyUIServer(directory, comfyui_python(directory), tmp_path / "comfyui", pack, ["--cache-none"]) as comfyui:
        for prompt in SAME_IN_COMFYUI:
            assert answer(host, prompt) == answer(comfyui, prompt), prompt


def answer(host: EmbeddedHost | ComfyUIServer, prompt: Prompt) -> Any:
    """A host's answer to a prompt, without tracebacks and the order of sets, which may differ."""
    try:
        outputs = host.run(prompt, {"workflow": {}})
    except PromptError as refused:
        return refused.error["type"], refused.error["message"], comparable(refused.node_errors)
    except PromptFailed as failed:
        return "cancelled" if failed.interrupted else "failed"
    except InterruptProcessingException:
        return "cancelled"
    except (TypeError, ValueError):
        return "failed"
    return outputs, comparable(host.node_errors)


def comparable(node_errors: dict[str, Any]) -> Any:
    found = json.loads(json.dumps(node_errors))
    for entry in found.values():
        entry["dependent_outputs"].sort()
        entry["errors"].sort(key=lambda error: (error["type"], error["details"]))
        for error in entry["errors"]:
            error["extra_info"].pop("traceback", None)
            error["extra_info"].pop("exception_message", None)
    return found
