"""Putting the pack where a ComfyUI looks for it, under a name as users have it."""

from __future__ import annotations

import shutil
from pathlib import Path

# With a hyphen, as most pack folders: no importable name, so only relative imports work in the pack.
FOLDER_NAME = "image-sequence-pack"

# Never needed to run the pack, and big or endless (a demo folder may hold the very folder that is being filled).
_NOT_COPIED = (".*", "__pycache__", "venv", "demo-output", "node_modules", "*.egg-info", "build", "dist")


def install_pack(pack: Path, custom_nodes: Path, name: str = FOLDER_NAME) -> Path:
    """Link `pack` into a custom_nodes folder, or copy it where links are not allowed (Windows without developer mode).

    Returns the new folder. FileExistsError if something that is not a link is there already.
    """
    custom_nodes.mkdir(parents=True, exist_ok=True)
    folder = custom_nodes / name
    if folder.is_symlink():
        folder.unlink()
    if folder.exists():
        msg = f"{folder} exists already and is not a link: remove it, or choose another base folder"
        raise FileExistsError(msg)
    try:
        folder.symlink_to(pack.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(pack, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    return folder


def uninstall_pack(folder: Path) -> None:
    """Remove what install_pack() made: the link, or the copy. The pack itself stays. Nothing to remove is fine."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
