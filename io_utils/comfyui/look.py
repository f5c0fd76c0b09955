"""Look: what a node's widgets lead to, before any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Look:
    """What a node would load, or where it would save.

    sequences: the frames that a loader would load, described as in `ui.image_sequence` (see report.py).
    facts: plain values about them; the browser puts them into words, in the user's language. `refused` is why a run would
    fail although there are frames: some of those it asks for are missing.
    """

    sequences: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"sequences": list(self.sequences), "facts": dict(self.facts)}
