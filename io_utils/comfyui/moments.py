"""Moments: when a run of a saver began, for the tokens in its texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..naming.tokens import moment


class Moments:
    """The moment that a saver's tokens stand for: taken once a run, when the saver is first asked what it needs.

    ComfyUI asks IS_CHANGED when the prompt begins, `check_lazy_status` before the graph in front runs and once more after
    it, then calls `save`, minutes later; a folder called %date% or %second% must be the same one in all of them. What the
    last three have in common is the node's id and the prompt, which is one object throughout a run and another one in the
    next. IS_CHANGED is not told the prompt: the moment that it noted is that of the next run of this node. Only the moments
    of the prompt seen last are kept, each until its `save`.
    """

    def __init__(self) -> None:
        self._prompt: Any = None
        self._begun: dict[Any, datetime] = {}
        self._noted: dict[Any, datetime] = {}

    def note(self, node_id: Any) -> datetime:
        """For IS_CHANGED: now, which is the moment of the run that follows, if one does."""
        self._noted[node_id] = moment()
        return self._noted[node_id]

    def forget(self, node_id: Any) -> None:
        """For IS_CHANGED: no moment of an earlier prompt is that of the run that follows."""
        self._noted.pop(node_id, None)

    def begin(self, unique_id: Any, prompt: Any) -> datetime:
        """For `check_lazy_status`: the moment of this run; now, if it was not asked for before."""
        if prompt is None:
            return moment()
        if self._prompt is not prompt:
            self._prompt, self._begun = prompt, {}
        if unique_id not in self._begun:
            self._begun[unique_id] = self._noted.pop(unique_id) if unique_id in self._noted else moment()
        return self._begun[unique_id]

    def end(self, unique_id: Any, prompt: Any) -> datetime:
        """For `save`: the moment of this run, which ends with it."""
        begun = self._begun.pop(unique_id, None) if self._prompt is prompt else None
        noted = self._noted.pop(unique_id, None) if prompt is not None else None
        return begun or noted or moment()
