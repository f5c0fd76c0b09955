"""Check that a tag is ready to be published: `python dev.py release v1.2.3`.

The registry takes every version only once and cannot change it afterwards, so the facts are checked before the upload.
Standard library only: the check runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]

# Without these fields `comfy node publish` fails, or the registry's page of the pack has no link to its source.
_REQUIRED = ("Repository", "PublisherId")


def problems(tag: str, project: str, changelog: str) -> list[str]:
    """What keeps `tag` from being published, one sentence each. Empty if nothing does.

    `project` and `changelog` are the contents of pyproject.toml and CHANGELOG.md.
    """
    found = []
    version = _field(project, "version")
    if tag != f"v{version}":
        found.append(f"The tag is {tag}, but pyproject.toml has version {version}: it should be v{version}.")
    first = re.search(r"^## \[(?P<version>.+?)\](?P<date>.*)$", changelog, re.MULTILINE)
    if first is None or first["version"] != version:
        found.append(f"The first entry of CHANGELOG.md is not about version {version}.")
    elif not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", first["date"]):
        found.append(
            f"The entry of version {version} in CHANGELOG.md has no date: write '## [{version}] - YYYY-MM-DD'."
        )
    found += [
        f"pyproject.toml has no {field}: see 'Before publishing' in CONTRIBUTING.md."
        for field in _REQUIRED
        if _field(project, field) is None
    ]
    return found


def _field(project: str, name: str) -> str | None:
    """The value of a text field. By a regular expression: tomllib came with Python 3.11."""
    match = re.search(rf'^{re.escape(name)} *= *"(.+)"', project, re.MULTILINE)
    return match[1] if match else None


def main() -> int:
    """Print the problems; 1 if there are any."""
    parser = argparse.ArgumentParser(prog="dev.py release")
    parser.add_argument("tag")
    tag = parser.parse_args().tag
    project, changelog = ((PACK / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md"))
    found = problems(tag, project, changelog)
    print("\n".join(found) or f"{tag} is ready to be published.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
