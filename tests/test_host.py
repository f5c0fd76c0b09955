"""The only door to ComfyUI. ComfyUI's own modules are stood in for: they are not ours."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from io_utils import host


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of ComfyUI, with the attributes given."""

    def module(name: str, **attributes: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(attributes)
        if "." in name:
            monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return module


class TestWithoutComfyUI:
    def test_the_folders_lie_below_the_current_one(self, base: Path) -> None:
        assert [host.folder(kind) for kind in ("output", "input", "temp")] == [
            base / "output",
            base / "input",
            base / "temp",
        ]
        assert host.system_user_folder() == base / "user" / "__system"
        assert list(base.iterdir()) == []

    def test_metadata_is_on_frames_are_float32_and_nothing_is_cancelled(self) -> None:
        assert host.metadata_disabled() is False
        assert host.float_dtype() is torch.float32
        host.raise_if_cancelled()
        host.progress_bar(3)(1)
        assert host.silent_block() is None


class TestWithComfyUI:
    def test_the_folders_are_asked_for_each_time(self, comfyui: Any) -> None:
        folder_paths = comfyui("folder_paths", get_output_directory=lambda: "/first")
        assert host.folder("output") == Path("/first")

        folder_paths.get_output_directory = lambda: "/second"
        assert host.folder("output") == Path("/second")

    def test_the_system_user_folder_is_the_one_that_no_route_reaches(self, comfyui: Any) -> None:
        comfyui("folder_paths", get_user_directory=lambda: "/comfyui/user")

        assert host.system_user_folder() == Path("/comfyui/user/__system")

    @pytest.mark.parametrize("disabled", [True, False])
    def test_disable_metadata_is_read_as_it_is_now(self, comfyui: Any, disabled: bool) -> None:
        comfyui("comfy.cli_args", args=SimpleNamespace(disable_metadata=disabled))

        assert host.metadata_disabled() is disabled

    def test_progress_goes_to_one_bar(self, comfyui: Any) -> None:
        shown: list[Any] = []

        class ProgressBar:
            def __init__(self, total: int) -> None:
                shown.append(f"bar of {total}")

            def update_absolute(self, value: int, total: int) -> None:
                shown.append((value, total))

        comfyui("comfy.utils", ProgressBar=ProgressBar)
        show_done = host.progress_bar(3)
        show_done(1)
        show_done(3)

        assert shown == ["bar of 3", (1, 3), (3, 3)]

    def test_cancel_passes_through(self, comfyui: Any) -> None:
        class InterruptProcessingException(Exception):  # noqa: N818 ComfyUI's name
            pass

        def cancelled() -> None:
            raise InterruptProcessingException

        comfyui("comfy.model_management", throw_exception_if_processing_interrupted=cancelled)

        with pytest.raises(InterruptProcessingException):
            host.raise_if_cancelled()

    def test_frames_have_the_dtype_that_comfyui_passes_between_nodes(self, comfyui: Any) -> None:
        comfyui("comfy.model_management", intermediate_dtype=lambda: torch.float16)
        assert host.float_dtype() is torch.float16

    def test_frames_are_float32_before_comfyui_had_a_choice(self, comfyui: Any) -> None:
        comfyui("comfy.model_management")
        assert host.float_dtype() is torch.float32

    def test_the_silent_block_is_comfyui_s_own(self, comfyui: Any) -> None:
        comfyui("comfy_execution.graph_utils", ExecutionBlocker=lambda message: ("blocked", message))

        assert host.silent_block() == ("blocked", None)


class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `module`, whose import raises `error`."""

    def __init__(self, module: str, error: BaseException) -> None:
        self.module, self.error, self.fired = module, error, 0

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        self.fired += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ModuleNotFoundError("No module named 'yaml'", name="yaml"), id="misses a requirement"),
        pytest.param(ImportError("cannot import name 'x'"), id="does not fit its requirements"),
        pytest.param(SyntaxError("invalid"), id="is torn"),
        pytest.param(RuntimeError("no CUDA"), id="cannot start"),
    ],
)
def test_a_broken_comfyui_is_not_taken_for_an_absent_one(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    broken = Broken("folder_paths", error)
    monkeypatch.setattr(sys, "meta_path", [broken, *sys.meta_path])

    with pytest.raises(type(error)) as caught:
        host.folder("output")

    assert (caught.value, broken.fired) == (error, 1)
    assert "folder_paths" not in sys.modules
