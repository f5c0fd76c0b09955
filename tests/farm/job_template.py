"""Runs the farm's job template with the real `openjd` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FARM = Path(__file__).resolve().parents[2] / "farm"
TEMPLATE = FARM / "template.yaml"


def command(subcommand: str, *arguments: str, **parameters: Any) -> list[str]:
    """The command line of `openjd SUBCOMMAND` for the template. `parameters`: values of the job's parameters."""
    values = json.dumps({name: str(value) for name, value in parameters.items()})
    given = ["--job-param", values] if parameters else []
    return [sys.executable, "-m", "openjd", subcommand, str(TEMPLATE), *given, *arguments]


def environment(temporary: Path, **variables: str) -> dict[str, str]:
    """The environment for `openjd`: sessions work below `temporary`, and no COMFYUI_ variable of the caller is in it."""
    inherited: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if not name.startswith("COMFYUI_")
    }
    return {**inherited, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary), **variables}


def openjd(
    subcommand: str, *arguments: str, temporary: Path, variables: Mapping[str, str] | None = None, **parameters: Any
) -> subprocess.CompletedProcess[str]:
    """Run `openjd SUBCOMMAND` for the template, in the folder `temporary`, and wait for its end."""
    return subprocess.run(
        command(subcommand, *arguments, **parameters),
        cwd=temporary,
        env=environment(temporary, **(variables or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
