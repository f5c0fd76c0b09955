"""Installs the pack in a custom_nodes folder, under the name that users have."""

from __future__ import annotations

import shutil
from pathlib import Path

# With a hyphen, like most pack folders. Such a name cannot be imported, so only relative imports work in the pack.
FOLDER_NAME = "image-sequence-pack"

# Not needed to run the pack, and large or endless (demo-output may contain the folder that is being filled).
_NOT_COPIED = (".*", "__pycache__", "venv", "demo-output", "node_modules", "*.egg-info", "build", "dist")


def install_pack(pack: Path, custom_nodes: Path, name: str = FOLDER_NAME) -> Path:
    """Link `pack` into a custom_nodes folder, or copy it if links are not allowed (Windows without developer mode).

    Returns the new folder. Raises FileExistsError if it already exists and is not a link.
    """
    custom_nodes.mkdir(parents=True, exist_ok=True)
    folder = custom_nodes / name
    if folder.is_symlink():
        folder.unlink()
    if folder.exists():
        msg = f"{folder} already exists and is not a link: remove it, or choose another base folder"
        raise FileExistsError(msg)
    try:
        folder.symlink_to(pack.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(pack, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    return folder


def uninstall_pack(folder: Path) -> None:
    """Remove the link or copy that install_pack() made, if it exists. Keeps the pack itself."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
