"""Answers the browse route: what is in a folder, and what a node would load or save, before anything runs.

GET /image_sequence/browse?type=input&subfolder=shots/a
GET /image_sequence/browse?type=&folder=/mnt/renders/a
GET /image_sequence/browse?node=ImageSequenceLoadBatch&inputs={"path_pattern":"a/f_####.png","folder":"input"}

Anyone who can reach ComfyUI can use it, so it does only what a loader may do: list one folder that may be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import PathError
from ..host import Answer
from ..naming.allowed_roots import Root, allowed_roots
from ..naming.file_names import check_names, is_printable, printable
from ..naming.folder_sequences import FolderContents, FoundSequence, SortedNames
from ..naming.frame_range import as_ranges, ranges, shortened
from ..naming.inventory import folder_missing
from .look import Look
from .refusals import QueryError, folder_of, refused

ROUTE = "/image_sequence/browse"

# How many folders are listed at the same time. 10,000 names take 0.1 s.
AT_ONCE = 2

MOST_NAMES = 10_000

# The longest query that aiohttp reads has 8190 bytes; this is for servers that are set to read more.
_LONGEST_INPUTS = 2**16

Looks = Mapping[str, Callable[..., Look]]


def answering(looks: Looks) -> Callable[[Mapping[str, str], Collection[str]], Answer]:
    """The route's answer to a query. `looks` are the `look` methods of nodes, by node id.

    With `node` and `inputs`, a JSON object of widget values: what that node would load or save, as JSON, see `Look`.
    Otherwise a folder, named as in `folder_of`: what is in it, as JSON, see `listing`.

    Status: 200; 400 for an invalid query, and for values that a run refuses; 403 for a folder outside those that may be
    read; 404 if there is no folder or no frame. For errors, the body is one line that says why.
    """

    def answer(query: Mapping[str, str], known_tags: Collection[str]) -> Answer:
        try:
            found = look_of(looks, query) if "node" in query else listing(query)
        except (ValueError, OSError) as error:
            return refused(error, "The folder")
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Answer(200, json.dumps(found).encode(), headers)

    return answer


def look_of(looks: Looks, query: Mapping[str, str]) -> dict[str, Any]:
    """What a node would load or save. Raises QueryError for an unknown node or inputs that are not a JSON object of its own."""
    node, text = query.get("node", ""), query.get("inputs", "{}")
    if node not in looks:
        raise QueryError(f"node is {node[:40]!r}, but should be one of {', '.join(looks)}.")
    try:
        inputs = json.loads(text) if len(text) <= _LONGEST_INPUTS else None
    except (ValueError, RecursionError):
        inputs = None
    if not isinstance(inputs, dict):
        raise QueryError(
            f"inputs is {text[:40]!r}, but should be a JSON object of at most {_LONGEST_INPUTS:,} characters."
        )
    try:
        return looks[node](**{name: value for name, value in inputs.items() if value is not None}).as_json()
    except TypeError as error:  # a name that is no input, or a value that no input can have
        raise QueryError(f"inputs has a name or a value that {node} does not take.") from error


def listing(query: Mapping[str, str]) -> dict[str, Any]:
    """The folders and sequences in the folder that `query` names.

    type, subfolder: the root and the path relative to it; folder: the absolute path.
    roots: {type, folder} of every root. folders: names, sorted.
    sequences: {pattern, path_pattern, first, last, count, ranges, missing} of every sequence that a loader takes, in
        alphabetic order. `path_pattern` is what is written into a loader whose folder is `type`.
    is_complete: False if the folder has more than MOST_NAMES names; the first are reported. Then which frames are missing is
        unknown: `missing` is null, and `ranges` goes from the first reported frame to the last. `ranges` shows at most
        MOST_RANGES ranges and the last one.

    Leaves out hidden files, links that lead out of the roots, and names that a loader refuses. Raises QueryError,
    FolderMissingError, and what `folder_of` raises.
    """
    root, relative = folder_of(query)
    folder = root.path / relative
    is_there = folder.is_dir()
    if not is_there and (relative or root.mount):
        raise folder_missing(folder)
    # ComfyUI creates its own folders when it needs them.
    contents = FolderContents.of(folder, root, MOST_NAMES) if is_there else FolderContents()
    found = SortedNames.of(contents.files).loadable
    return {
        "type": root.kind,
        "subfolder": printable(relative),
        "folder": printable(folder.as_posix()),
        "roots": [{"type": each.kind, "folder": each.path.as_posix()} for each in allowed_roots().values()],
        "folders": sorted(filter(_is_accepted, contents.folders)),
        "sequences": [_described(sequence, root, relative, contents.is_complete) for sequence in found],
        "is_complete": contents.is_complete,
    }


def _described(sequence: FoundSequence, root: Root, folder: str, is_complete: bool) -> dict[str, Any]:
    frames = sequence.frames
    first, last = frames[0], frames[-1]
    span = last - first + 1
    return {
        "pattern": str(sequence.pattern),
        "path_pattern": sequence.in_folder(root, folder).pattern_from(root.kind),
        "first": first,
        "last": last,
        "count": len(frames),
        "ranges": shortened(ranges(frames)) if is_complete else as_ranges([(first, last)]),
        "missing": span - len(frames) if is_complete else None,
    }


def _is_accepted(name: str) -> bool:
    """Whether a loader accepts the name of a folder."""
    try:
        check_names(name)
    except PathError:
        return False
    return is_printable(name)
