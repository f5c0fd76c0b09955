"""Finds the folder that a text names literally, although its name may look like a frame number: `take #2`, `{x}`."""

from __future__ import annotations

import re
from contextlib import suppress

from .allowed_roots import Root, root_of

# What could be read as a frame number.
_SPECIAL = re.compile(r"[{}%#$@<\[]")


def may_be_number(text: str) -> bool:
    """Whether `text` has a character with which a notation of the frame number begins."""
    return _SPECIAL.search(text) is not None


def literal_folder(text: str, kind: str) -> tuple[Root, str] | None:
    """The folder on disk that `text` names, as `root_of` returns it; None if there is none that may be read.

    `{{` and `}}` first stand for braces, as in a pattern, then for themselves. Lists no folder.
    """
    for folder in dict.fromkeys((text.replace("{{", "{").replace("}}", "}"), text)):
        with suppress(ValueError, OSError):
            root, relative = root_of(folder, kind, write=False)
            if (root.path / relative).is_dir():
                return root, relative
    return None


def split_folder(text: str) -> tuple[str, str]:
    """(folder, name): `text` up to and including its last separator, and the rest."""
    start = max(text.rfind("/"), text.rfind("\\")) + 1
    return text[:start], text[start:]
