"""Moments: remembers when a saver's run started, for the time tokens in its texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..naming.tokens import moment


class Moments:
    """The time that a saver's tokens stand for, taken once per run.

    ComfyUI calls IS_CHANGED when the prompt starts, `check_lazy_status` before and after the graph before the node
    runs, and `save` minutes later. A folder called %date% or %second% must be the same one in all of them. The last
    three share the node's id and the prompt, which is one object throughout a run and another in the next. IS_CHANGED
    does not get the prompt, so the time that it notes belongs to the node's next run. Only the latest prompt's times
    are kept, each until its `save`.
    """

    def __init__(self) -> None:
        self._prompt: Any = None
        self._started: dict[Any, datetime] = {}
        self._noted: dict[Any, datetime] = {}

    def note(self, node_id: Any) -> datetime:
        """For IS_CHANGED: the current time, which becomes the time of the next run of the node."""
        self._noted[node_id] = moment()
        return self._noted[node_id]

    def forget(self, node_id: Any) -> None:
        """For IS_CHANGED: drop the time noted for an earlier prompt, so that the next run does not get it."""
        self._noted.pop(node_id, None)

    def begin(self, unique_id: Any, prompt: Any) -> datetime:
        """For `check_lazy_status`: the time of this run; the current time on the first call."""
        if prompt is None:
            return moment()
        if self._prompt is not prompt:
            self._prompt, self._started = prompt, {}
        if unique_id not in self._started:
            self._started[unique_id] = self._noted.pop(unique_id) if unique_id in self._noted else moment()
        return self._started[unique_id]

    def end(self, unique_id: Any, prompt: Any) -> datetime:
        """For `save`: the time of this run, which is then forgotten."""
        started = self._started.pop(unique_id, None) if self._prompt is prompt else None
        noted = self._noted.pop(unique_id, None) if prompt is not None else None
        return started or noted or moment()
