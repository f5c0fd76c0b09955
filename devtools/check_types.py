"""Runs mypy --strict on the pack as a package, because nodes/ and __init__.py use relative imports.

    python -m devtools.check_types

The pack's folder usually has a hyphen in its name, so mypy cannot import it. It is checked through a link with a valid
package name.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from devtools.pack_folder import install_pack

PACK = Path(__file__).resolve().parent.parent
NAME = "pack"


def main() -> int:
    """Run the check. Returns mypy's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        install_pack(PACK, Path(folder), NAME)
        mypy = [sys.executable, "-m", "mypy", "--config-file", str(PACK / "pyproject.toml")]
        # A separate cache: mypy caches by module name, and here io_utils has another name than when it is checked alone.
        mypy += ["--cache-dir", str(PACK / ".mypy_cache" / NAME), "-m", NAME, "-p", f"{NAME}.nodes"]
        return subprocess.run(mypy, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
