"""The judges, OpenColorIO and colour-science, and an operator's config."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from io_utils.colour import ocio as room


@pytest.fixture(autouse=True)
def _without_an_operators_file(base: Path) -> None:
    """Outside of ComfyUI its folders are below `base`, which is empty."""


@pytest.fixture
def ocio() -> ModuleType:
    module: ModuleType = pytest.importorskip("PyOpenColorIO")
    return module


@pytest.fixture
def without_ocio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyOpenColorIO", None)


@pytest.fixture
def colour_science(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # It would keep objects of OpenImageIO until Python ends, which then reports them as leaked.
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that Matplotlib and SciPy are not installed
        module: ModuleType = pytest.importorskip("colour")
    return module


@pytest.fixture
def studio_config(ocio: Any) -> Any:
    return ocio.Config.CreateFromBuiltinConfig("studio-config-latest")


@pytest.fixture
def by_ocio(ocio: Any, studio_config: Any) -> Callable[[str, str, np.ndarray], np.ndarray]:
    """Pixels converted by OpenColorIO alone, as exactly as it can."""

    def convert(source: str, target: str, pixels: np.ndarray) -> np.ndarray:
        processor = studio_config.getProcessor(source, target)
        result = pixels.copy()
        processor.getOptimizedCPUProcessor(ocio.OptimizationFlags.OPTIMIZATION_LOSSLESS).applyRGB(result)
        return result

    return convert


@pytest.fixture
def name_config(base: Path) -> Callable[[str | bytes], Path]:
    """Write the operator's file."""

    def write(text: str | bytes) -> Path:
        file = base / "user" / "__system" / room.CONFIG_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write
