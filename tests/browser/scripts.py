"""The pack's scripts, and what they import."""

from __future__ import annotations

import os
import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "web"


def script_paths() -> list[str]:
    """Every script of the pack, which ComfyUI lists for its frontend to import: paths in web/."""
    return sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js"))


def imports(script: str) -> set[str]:
    """The scripts that a script imports, as paths in web/. Those of ComfyUI are outside: "../../scripts/app.js" is one."""
    source = (WEB / script).read_text(encoding="utf-8")
    paths = re.findall(r"^(?:import|.*\bfrom) \"(.+)\";$", source, re.MULTILINE)
    return {Path(os.path.relpath((WEB / script).parent / path, WEB)).as_posix() for path in paths}
