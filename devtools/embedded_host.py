"""A small in-process stand-in for ComfyUI: runs API prompts through the pack on machines that have no ComfyUI.

It follows ComfyUI 0.19.3 in everything that a node can observe: how the pack is loaded, how a posted prompt is checked, lazy
inputs, lists, hidden inputs, IS_CHANGED and the marks that it leaves in the prompt, blockers, and the content of the
history.

It does not model caching (every run executes every node that is needed), V3 nodes, node expansion, async nodes. devtools.embedded_server is its web server.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, final

import torch

from devtools.change_marks import write_change_marks
from devtools.core_nodes import CORE_NODES
from devtools.node_calls import Inputs, NodeClass, call_over_lists, input_info, merge_returns
from devtools.pack_folder import install_pack, uninstall_pack
from devtools.prompts import Prompt, PromptError, is_link
from devtools.stand_ins import ComfyUIStandIn, ExecutionBlocker, InterruptProcessingException
from devtools.validation import NodeErrors, check_prompt

__all__ = ["EmbeddedHost", "ExecutionBlocker", "InterruptProcessingException", "PromptError"]


@final
class EmbeddedHost:
    """ComfyUI with the pack in its custom_nodes, in this process. A new instance stands for a restarted ComfyUI.

    `base` holds custom_nodes, output, input, temp and user, like ComfyUI's --base-directory. Packs that are already in its
    custom_nodes are loaded too. Close it, or use it in a `with` block, to remove the pack from `base` again.
    """

    def __init__(
        self, base: Path, pack: Path, *, output_directory: Path | None = None, input_directory: Path | None = None
    ) -> None:
        base = base.absolute()
        self.comfyui = ComfyUIStandIn(
            output=(output_directory or base / "output").absolute(),
            input=(input_directory or base / "input").absolute(),
            temp=base / "temp",
            user=base / "user",
        )
        for folder in (self.comfyui.output, self.comfyui.input, self.comfyui.temp, self.comfyui.user):
            folder.mkdir(parents=True, exist_ok=True)
        self.node_errors: NodeErrors = {}
        self.ui: dict[str, dict[str, Any]] = {}
        self.block_messages: list[tuple[str, str]] = []
        self._objects: dict[tuple[str, str], Any] = {}
        self._folder = install_pack(pack, base / "custom_nodes")
        try:
            with self.comfyui.installed():
                self.pack = load_pack(self._folder)
                self.packs = [self.pack, *map(load_pack, _other_packs(self._folder))]
        except BaseException:
            self.close()
            raise
        # Core nodes win: ComfyUI silently skips a pack's class with the id of a core node.
        self.node_classes: dict[str, NodeClass] = {
            name: node for pack in self.packs for name, node in pack.NODE_CLASS_MAPPINGS.items()
        } | CORE_NODES
        self.comfyui.node_classes = self.node_classes

    def run(
        self,
        prompt: Mapping[str, Any],
        extra_pnginfo: dict[str, Any] | None = None,
        targets: Collection[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Run a prompt and return the `ui` of its nodes by node id, as in ComfyUI's history: {"9": {"images": [...]}}.

        `targets` are the output nodes to run, as in ComfyUI's partial_execution_targets; by default all of them. Raises
        PromptError if the prompt is refused. If only some output nodes fail the checks, the others run, and `node_errors`
        holds the errors, as in ComfyUI. An exception in a node is raised with a note that names the node and with the
        attributes `node_id` and `class_type`. Raises InterruptProcessingException if cancelled.
        """
        checked, outputs, self.node_errors = self.check(prompt, targets)
        return self.execute(checked, outputs, extra_pnginfo)

    def check(
        self, prompt: Mapping[str, Any], targets: Collection[str] | None = None
    ) -> tuple[Prompt, list[str], NodeErrors]:
        """(the prompt to execute, the output nodes to run, the errors of the others). Raises PromptError if refused."""
        checked: Prompt = json.loads(json.dumps(prompt))  # a server only ever gets JSON
        with self.comfyui.installed():
            return checked, *check_prompt(checked, self.node_classes, targets)

    def execute(
        self, checked: Prompt, outputs: Collection[str], extra_pnginfo: dict[str, Any] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Run the output nodes of a prompt that was checked, and return `ui`. Raises what a node raises, as run() does.

        `ui` holds what nodes have shown before an exception, too.
        """
        wanted = {(node_id, node["class_type"]) for node_id, node in checked.items()}
        self._objects = {key: node for key, node in self._objects.items() if key in wanted}
        self.comfyui.interrupted.clear()
        run = _Run(self, checked, json.loads(json.dumps(extra_pnginfo)))
        self.ui = run.ui
        with self.comfyui.installed(), torch.inference_mode():
            write_change_marks(checked, self.node_classes)
            for node_id in outputs:
                run.finish(node_id)
        return run.ui

    def interrupt(self) -> None:
        """Cancel the current run, as the Cancel button does. Call it from another thread or from a node."""
        self.comfyui.interrupted.set()

    def close(self) -> None:
        """Remove the pack from `base` and from the loaded modules. Keeps the files that it wrote."""
        for name in map(_module_name, (self._folder, *_other_packs(self._folder))):
            for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
                del sys.modules[loaded]
        uninstall_pack(self._folder)

    def __enter__(self) -> EmbeddedHost:
        """The host itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def node_object(self, node_id: str, class_type: str) -> Any:
        """The object of a node id. ComfyUI reuses it in later runs while the node stays in the prompt."""
        key = (node_id, class_type)
        if key not in self._objects:
            self._objects[key] = self.node_classes[class_type]()
        return self._objects[key]


class DynamicPrompt:
    """The value of a hidden DYNPROMPT input: read access to the prompt, without node expansion."""

    def __init__(self, prompt: Prompt) -> None:
        self.original_prompt = prompt

    def get_node(self, node_id: str) -> dict[str, Any]:
        """The node as it is in the prompt. Raises KeyError if the prompt has no such node."""
        node: dict[str, Any] = self.original_prompt[node_id]
        return node

    def has_node(self, node_id: str) -> bool:
        """Whether the prompt has a node with this id."""
        return node_id in self.original_prompt

    def get_original_prompt(self) -> Prompt:
        """The whole prompt."""
        return self.original_prompt


class _Run:
    """One run of a prompt, with the outputs of the nodes that have run so far."""

    def __init__(self, host: EmbeddedHost, prompt: Prompt, extra_pnginfo: dict[str, Any] | None) -> None:
        self.host = host
        self.prompt = prompt
        self.hidden_values = {
            "PROMPT": prompt,
            "DYNPROMPT": DynamicPrompt(prompt),
            "EXTRA_PNGINFO": extra_pnginfo,
        }
        self.outputs: dict[str, list[list[Any]]] = {}
        self.ui: dict[str, dict[str, Any]] = {}

    def finish(self, node_id: str) -> None:
        """Run a node, after the nodes that it needs, unless it has already run."""
        if node_id in self.outputs:
            return
        node = self.prompt[node_id]
        node_class = self.host.node_classes[node["class_type"]]
        declared = node_class.INPUT_TYPES()
        sources = {name: value[0] for name, value in node["inputs"].items() if is_link(value)}
        wired = {source for name, source in sources.items() if not _is_lazy(declared, name)}
        for source in sorted(wired):
            self.finish(source)

        with self._attributed_to(node_id):
            instance = self.host.node_object(node_id, node["class_type"])
        # A lazy input is None until the node asks for it. Its value may make the node ask for more.
        while True:
            with self._attributed_to(node_id):
                inputs, absent = self._inputs(node_id, declared, wired)
                asked = self._requested_inputs(instance, inputs, absent)
                new = {self._lazy_source(node["inputs"], name) for name in asked}
            if not new:
                break
            for source in sorted(new):
                self.finish(source)
            wired |= new

        with self._attributed_to(node_id):
            self._call(node_id, instance, inputs)

    def _call(self, node_id: str, instance: Any, inputs: Inputs) -> None:
        returned = call_over_lists(
            instance,
            instance.FUNCTION,
            inputs,
            before_call=self.host.comfyui.throw_if_interrupted,
            on_block=lambda blocker: self._record_block(node_id, blocker),
        )
        self.outputs[node_id], ui = merge_returns(instance, returned)
        if ui:
            _check_json(ui)
            self.ui[node_id] = ui

    def _inputs(self, node_id: str, declared: Mapping[str, Any], wired: set[str]) -> tuple[Inputs, set[str]]:
        """(inputs as lists, names of the inputs whose source node has not run)."""
        inputs: Inputs = {}
        absent = set()
        for name, value in self.prompt[node_id]["inputs"].items():
            info = input_info(declared, name)
            if is_link(value) and not (info and info[2].get("rawLink")):
                source, slot = value
                if source in wired and slot < len(self.outputs[source]):
                    inputs[name] = self.outputs[source][slot]
                else:
                    inputs[name] = (None,)
                    absent.add(name)
            elif info is not None:
                inputs[name] = [value]
        for name, kind in declared.get("hidden", {}).items():
            if kind == "UNIQUE_ID":
                inputs[name] = [node_id]
            elif kind in self.hidden_values:
                inputs[name] = [self.hidden_values[kind]]
        return inputs, absent

    def _requested_inputs(self, instance: Any, inputs: Inputs, absent: set[str]) -> list[str]:
        if getattr(instance, "check_lazy_status", None) is None:
            return []
        answers = call_over_lists(
            instance, "check_lazy_status", inputs, before_call=self.host.comfyui.throw_if_interrupted
        )
        names = {name for answer in answers if isinstance(answer, list) for name in answer if isinstance(name, str)}
        return sorted(name for name in names if name not in inputs or name in absent)

    def _lazy_source(self, inputs: Mapping[str, Any], name: str) -> str:
        """The source of an input that a node asks for. It may have added the input to itself in the DynamicPrompt."""
        if not is_link(inputs.get(name)):
            what = "is a constant" if name in inputs else "is not in the prompt"
            msg = f"check_lazy_status asks for {name!r}, which {what}: ask only for inputs that arrived as None"
            raise ValueError(msg)
        source: str = inputs[name][0]
        return source

    def _record_block(self, node_id: str, blocker: ExecutionBlocker) -> ExecutionBlocker:
        # ComfyUI shows the message once, at the first blocked node, and then continues silently.
        if blocker.message is None:
            return blocker
        self.host.block_messages.append((node_id, blocker.message))
        return ExecutionBlocker(None)

    @contextlib.contextmanager
    def _attributed_to(self, node_id: str) -> Iterator[None]:
        """Attribute progress and exceptions within this block to the node."""
        self.host.comfyui.current_node = node_id
        try:
            yield
        except Exception as error:
            class_type = self.prompt[node_id]["class_type"]
            error.node_id, error.class_type = node_id, class_type  # type: ignore[attr-defined]
            if sys.version_info >= (3, 11):
                error.add_note(f"raised by node {node_id} ({class_type})")
            raise
        finally:
            self.host.comfyui.current_node = None


def load_pack(folder: Path) -> ModuleType:
    """Import the pack as ComfyUI does. Raises ImportError if it is not a node pack, and whatever its import raises."""
    name = _module_name(folder)
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    if spec is None or spec.loader is None:
        msg = f"{folder} is not a Python package"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if getattr(module, "NODE_CLASS_MAPPINGS", None) is None:
        msg = f"{folder} has no NODE_CLASS_MAPPINGS: ComfyUI would skip it"
        raise ImportError(msg)
    return module


def _other_packs(folder: Path) -> list[Path]:
    return sorted(entry.parent for entry in folder.parent.glob("*/__init__.py") if entry.parent != folder)


def _module_name(folder: Path) -> str:
    # Not an importable name, as in ComfyUI: if the pack imports itself absolutely, that fails here too.
    return os.fspath(folder).replace(".", "_x_")


def _is_lazy(declared: Mapping[str, Any], name: str) -> bool:
    info = input_info(declared, name)
    return info is not None and bool(info[2].get("lazy"))


def _check_json(ui: dict[str, list[Any]]) -> None:
    try:
        json.dumps(ui)
    except TypeError as error:
        msg = f"ui must be plain JSON values ({error}): sending this to a browser would crash ComfyUI"
        raise TypeError(msg) from error
