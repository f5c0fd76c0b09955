"""mypy, strictly, on the pack as the package that ComfyUI imports: nodes/ and __init__.py import relatively.

    python -m dev.check_types

The pack's folder may be called anything, also what no package can be called (a hyphen is usual). So it is checked through a
link under a name that imports.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dev.pack_folder import install_pack

PACK = Path(__file__).resolve().parent.parent
NAME = "pack"


def main() -> int:
    """Check; mypy's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        install_pack(PACK, Path(folder), NAME)
        mypy = [sys.executable, "-m", "mypy", "--config-file", str(PACK / "pyproject.toml")]
        # A cache of its own: mypy's cache goes by module, and here io_utils has another name than when it is checked alone.
        mypy += ["--cache-dir", str(PACK / ".mypy_cache" / NAME), "-m", NAME, "-p", f"{NAME}.nodes"]
        return subprocess.run(mypy, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
