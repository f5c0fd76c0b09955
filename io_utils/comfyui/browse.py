"""Answers the browse route: what is in a folder, and what a node would load or save, before anything runs.

GET /image_sequence/browse?type=input&subfolder=shots/a
GET /image_sequence/browse?type=&folder=/mnt/renders/a
GET /image_sequence/browse?node=ImageSequenceLoadBatch&inputs={"path_pattern":"a/f_####.png","folder":"input"}

Anyone who can reach ComfyUI can use it, so it does only what a loader may do: list a folder that may be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import InputError
from ..host import Answer
from .look import Look

ROUTE = "/image_sequence/browse"

# How many folders are listed at the same time. 10,000 names take 20 ms.
AT_ONCE = 2

Looks = Mapping[str, Callable[..., Look]]


class QueryError(InputError):
    """An invalid query."""


def answering(looks: Looks) -> Callable[[Mapping[str, str], Collection[str]], Answer]:
    """The route's answer to a query. `looks` are the `look` methods of nodes, by node id.

    With `node` and `inputs`, a JSON object of widget values: what that node would load or save, as JSON, see `Look`.

    Status: 200; 400 for an invalid query, and for values that a run refuses; 403 for a folder that must not be read; 404
    if there is no folder or no frame. For errors, the body is one line that says why.
    """

    def answer(query: Mapping[str, str], known_tags: Collection[str]) -> Answer:
        try:
            found = look_of(looks, query)
        except FileNotFoundError as error:
            status, why = 404, str(error)
        except ValueError as error:
            status, why = 400, str(error)
        else:
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            return Answer(200, json.dumps(found).encode(), headers)
        headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
        return Answer(status, " ".join(why.split()).encode(errors="replace"), headers)

    return answer


def look_of(looks: Looks, query: Mapping[str, str]) -> dict[str, Any]:
    node, inputs = query.get("node", ""), json.loads(query.get("inputs", "{}"))
    if node not in looks or not isinstance(inputs, dict):
        msg = f"node is {node[:40]!r}, but should be one of {', '.join(looks)}, and inputs a JSON object."
        raise QueryError(msg)
    return looks[node](**inputs).as_json()
