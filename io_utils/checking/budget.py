"""Memory for frames that are decoded at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """Lets in as many frames as fit into `most` bytes; None: all. A frame that is larger than that is let in alone.

    A machine of 32 cores has 33 frames in flight. In floating point at 8K, they would take 35 GB.
    """

    def __init__(self, most: int | None) -> None:
        self._most, self._taken = most, 0
        self._freed = Condition()

    @contextmanager
    def taking(self, size: int) -> Iterator[None]:
        """Wait until there are `size` bytes, and hold them for the block."""
        with self._freed:
            self._freed.wait_for(lambda: self._most is None or not self._taken or self._taken + size <= self._most)
            self._taken += size
        try:
            yield
        finally:
            with self._freed:
                self._taken -= size
                self._freed.notify_all()
