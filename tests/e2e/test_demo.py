"""The demo's prompts leave identical files in the embedded host and in a real ComfyUI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image

from devtools.comfyui_server import comfyui_python
from io_utils.formats.base import IDENTITY

from .conftest import PACK


def content(path: Path) -> Any:
    """The file; but the identity of frames that were loaded counts when their files were written."""
    if path.parent.name != "d_read_back":
        return path.read_bytes()
    with Image.open(path) as image:
        return image.tobytes(), {key: text for key, text in image.info.items() if key != IDENTITY}


def test_the_demo_leaves_the_same_files_in_the_embedded_host_and_in_comfyui(start, tmp_path):
    directory = Path(os.environ["COMFYUI_DIR"])
    python = comfyui_python(directory)  # one Python for both, because the bytes depend on its deflate library

    def demo(name: str, *arguments: str) -> dict[str, Any]:
        command = [python, "-m", "devtools.demo", "--output", tmp_path / name, *arguments]
        subprocess.run(command, cwd=PACK, check=True)
        output = tmp_path / name / "output"
        return {path.relative_to(output).as_posix(): content(path) for path in output.rglob("*") if path.is_file()}

    embedded = demo("embedded")
    real = demo("real", "--comfyui", str(directory), "--python", str(python))
    assert len(real) > 60
    assert sorted(embedded) == sorted(real)
    assert [name for name in real if embedded[name] != real[name]] == []
