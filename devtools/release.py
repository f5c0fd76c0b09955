"""Check that a tag is ready to be published: `python dev.py release v1.2.3`. With --output DIR, also zip farm/ there.

The registry takes every version only once and cannot change it afterwards, so the facts are checked before the upload.
Its archive lacks farm/, which is therefore offered as a zip beside the release on GitHub.
Standard library only: the check runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import zipfile
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]
FARM = "image-sequence-farm"  # the name of the zip, and of the folder in it

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


def zip_farm(folder: Path) -> Path:
    """Zip the files of farm/ that git tracks, and the licence, into `folder`. Returns the path of the zip.

    The same files give the same bytes everywhere: they have the time at which zip begins, no owner and no permissions of
    this machine, and are stored as they are, because zlib's versions compress differently.
    Raises subprocess.CalledProcessError if this is not a git checkout.
    """
    listed = subprocess.run(["git", "ls-files", "-z", "farm"], cwd=PACK, capture_output=True, text=True, check=True)
    sources = {Path(name).relative_to("farm").as_posix(): PACK / name for name in listed.stdout.split("\0") if name}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{FARM}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sorted({**sources, "LICENSE": PACK / "LICENSE"}.items()):
            entry = zipfile.ZipInfo(f"{FARM}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, also on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, source.read_bytes())
    return path


def main() -> int:
    """Print the problems; 1 if there are any."""
    parser = argparse.ArgumentParser(prog="dev.py release")
    parser.add_argument("tag")
    parser.add_argument("--output", type=Path, metavar="DIR")
    options = parser.parse_args()
    project, changelog = ((PACK / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md"))
    found = problems(options.tag, project, changelog)
    print("\n".join(found) or f"{options.tag} is ready to be published.")
    if options.output is not None and not found:
        print(f"{zip_farm(options.output)} holds farm/.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
