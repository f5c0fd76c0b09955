"""What the routes share: the folder that a query names, and the answer to a query that is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import ImageSequenceError, InputError, OutsideError, ReadPermissionError
from ..host import Answer
from ..naming.allowed_roots import FOLDERS, Root, root_of
from ..naming.file_names import normalise, printable


class QueryError(InputError):
    """An invalid query."""


def folder_of(query: Mapping[str, str]) -> tuple[Root, str]:
    """The folder that a query names: its root, and the path relative to it. It need not exist.

    Either `type` is "output", "input" or "temp" and `subfolder` a path in that folder, or `type` is "" and `folder` an
    absolute path in one of the operator's roots. Raises QueryError, and what `root_of` raises.
    """
    kind = query.get("type", "")
    if kind and kind not in FOLDERS:
        raise QueryError(f"type is {kind[:40]!r}, but should be one of {', '.join(FOLDERS)}, or empty.")
    if kind:
        return root_of(normalise(query.get("subfolder", "")), kind, write=False)
    if not os.path.isabs(query.get("folder", "")):
        raise QueryError("type is empty, so folder should be the absolute path of the file's folder.")
    return root_of(query["folder"], "output", write=False)


def refused(error: ValueError | OSError, name: str) -> Answer:
    """The answer to a query that raised `error`: its status, and one line of text that says why.

    403: a path that must not be read. 404: a file or folder that is not there or cannot be read; `name` is what the text
    calls it if the error is the system's. 400: everything else.
    """
    is_forbidden = isinstance(error, (OutsideError, PermissionError))
    status = 403 if is_forbidden else 404 if isinstance(error, OSError) else 400
    return one_line(status, _why(error, name))


def one_line(status: int, why: str) -> Answer:
    """An answer with a line of text instead of what was asked for."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status, " ".join(why.split()).encode(errors="replace"), headers)


def _why(error: ValueError | OSError, name: str) -> str:
    if isinstance(error, OutsideError) and error.line is not None:
        return str(error).replace(f"\n{printable(error.line)}\n", f" {printable(error.line)!r}. ")
    if isinstance(error, ImageSequenceError) or not isinstance(error, OSError):
        return str(error)
    if isinstance(error, PermissionError) and error.filename:
        return str(ReadPermissionError(Path(error.filename)))
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"{name} is no longer on disk."
    if isinstance(error, PermissionError):
        return f"ComfyUI has no permission to read {name}."
    return f"{name} cannot be read: {error.strerror or error}."  # a loop of links, too long a path, a failing disk
