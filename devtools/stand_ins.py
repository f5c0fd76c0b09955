"""Stand-ins for the ComfyUI modules from which a pack gets folders, progress, cancel and settings."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import torch


class InterruptProcessingException(Exception):  # noqa: N818 - ComfyUI's name
    """The user pressed Cancel. A subclass of Exception, as in ComfyUI: `except Exception` swallows it."""


class ExecutionBlocker:
    """A value that keeps every node that it reaches from running, silently if `message` is None."""

    def __init__(self, message: str | None) -> None:
        self.message = message


class ProgressStep(NamedTuple):
    """One update of a node's progress bar."""

    node_id: str | None
    value: int
    total: int


@dataclass
class ComfyUIStandIn:
    """The state of the stand-in modules: the folders, the registered nodes, the recorded progress, and the cancel flag."""

    output: Path
    input: Path
    temp: Path
    user: Path
    node_classes: Mapping[str, type[Any]] = field(default_factory=dict)
    progress: list[ProgressStep] = field(default_factory=list)
    current_node: str | None = None
    disable_metadata: bool = False
    interrupted: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _blocks: int = 0
    _before: dict[str, ModuleType | None] = field(default_factory=dict)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this block, `import folder_paths`, `import comfy.utils` and so on return the stand-ins.

        The blocks of several threads may overlap: the last one to end restores what was there before.
        """
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                modules = self._modules()
                self._before = {name: sys.modules.get(name) for name in modules}
                sys.modules.update(modules)
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if self._blocks == 0:
                    self._restore()

    def throw_if_interrupted(self) -> None:
        """Raise InterruptProcessingException if cancelled, and clear the flag for the next run."""
        if self.interrupted.is_set():
            self.interrupted.clear()
            raise InterruptProcessingException

    def _restore(self) -> None:
        for name, module in self._before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module

    def _modules(self) -> dict[str, ModuleType]:
        folder_paths = _module(
            "folder_paths",
            get_output_directory=lambda: str(self.output),
            get_input_directory=lambda: str(self.input),
            get_temp_directory=lambda: str(self.temp),
            get_user_directory=lambda: str(self.user),
            get_system_user_directory=lambda name="system": str(self.user / f"__{name}"),
        )
        utils = _module("comfy.utils", ProgressBar=self._progress_bar_class())
        model_management = _module(
            "comfy.model_management",
            InterruptProcessingException=InterruptProcessingException,
            throw_exception_if_processing_interrupted=self.throw_if_interrupted,
            processing_interrupted=self.interrupted.is_set,
            interrupt_current_processing=self._set_interrupted,
            intermediate_dtype=lambda: torch.float32,
        )
        cli_args = _module("comfy.cli_args", args=SimpleNamespace(disable_metadata=self.disable_metadata))
        graph_utils = _module("comfy_execution.graph_utils", ExecutionBlocker=ExecutionBlocker)
        packages = [
            _package("comfy", utils=utils, model_management=model_management, cli_args=cli_args),
            _package("comfy_execution", graph_utils=graph_utils),
        ]
        nodes = _module("nodes", NODE_CLASS_MAPPINGS=self.node_classes)
        modules = [nodes, folder_paths, utils, model_management, cli_args, graph_utils, *packages]
        return {module.__name__: module for module in modules}

    def _set_interrupted(self, value: bool = True) -> None:
        if value:
            self.interrupted.set()
        else:
            self.interrupted.clear()

    def _progress_bar_class(self) -> type[Any]:
        state = self

        class ProgressBar:
            """Records the updates. Never raises on Cancel: ComfyUI's hook is throttled, so no node may rely on it."""

            def __init__(self, total: int, node_id: str | None = None) -> None:
                self.total = total
                self.current = 0
                self.node_id = state.current_node if node_id is None else node_id

            def update_absolute(self, value: int, total: int | None = None, preview: object = None) -> None:
                del preview
                self.total = self.total if total is None else total
                self.current = min(value, self.total)
                state.progress.append(ProgressStep(self.node_id, self.current, self.total))

            def update(self, value: int) -> None:
                self.update_absolute(self.current + value)

        return ProgressBar


def _module(name: str, **attributes: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(attributes)
    return module


def _package(name: str, **attributes: object) -> ModuleType:
    # An empty __path__ makes it a package, so that importing any other submodule raises ModuleNotFoundError.
    return _module(name, __path__=[], **attributes)
