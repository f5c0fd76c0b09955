"""Tokens in the texts of savers and counters, for IS_CHANGED, which does not get the prompt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count

from ..io_utils import host
from ..io_utils.naming import tokens
from ..io_utils.naming.node_values import NodeValues

_never_before = count()


def running_nodes() -> NodeValues | None:
    """The values of the nodes in the prompt that is running; None if it is not known."""
    running = host.running_prompt()
    return NodeValues(*running) if running else None


def filled(texts: Iterable[str], now: datetime) -> list[str]:
    """For a cache key: `texts` with their tokens filled in from the prompt that is running, sizes excepted.

    For a text that cannot be filled in, the error, which the run raises as well. If the running prompt is not known, a text
    with values of other nodes is different each time: the node then runs, rather than keep the values of an earlier prompt.
    """
    nodes = running_nodes()
    found = []
    for text in texts:
        if nodes is None and tokens.needs_nodes(text):
            found.append(f"{text} {next(_never_before)}")
            continue
        try:
            found.append(tokens.resolve(text, now, 0, 0, nodes))
        except ValueError as error:
            found.append(str(error))
    return found
