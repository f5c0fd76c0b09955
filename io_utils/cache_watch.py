"""CacheWatch: what a node last left on disk, so that ComfyUI's cache is not believed once that is gone.

ComfyUI runs an unchanged save node once and then reports it from its cache, whether or not the files still exist.
What IS_CHANGED returns is part of the cache key; a fingerprint of the files would differ before and after the first
run and cost a second one. So a generation number is returned, which goes up once when the files are found changed.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# An entry is some hundred bytes. By the time one is evicted, ComfyUI has long dropped the results it stands for.
MAX_ENTRIES = 4096


class Watch(Protocol):
    def lost(self) -> bool:
        """Has what the node left on disk, or read from it, changed since? Must not raise."""


@dataclass
class _Entry:
    generation: int = 0
    watch: Watch | None = None


class CacheWatch:
    """Per key (a node and its settings): what to watch on disk after its runs, and how often that was lost."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Hashable, Hashable], _Entry] = OrderedDict()
        self._settings: dict[Hashable, Hashable] = {}

    def generation(self, node_id: Hashable, settings: Hashable) -> str:
        """For IS_CHANGED: a new value once after what was recorded for these settings was lost.

        Also notes that the next record for `node_id` belongs to `settings`: when the node runs, links have become
        values, and nothing tells any more what IS_CHANGED was given.
        """
        self._settings[node_id] = settings
        entry = self._entry(node_id)
        if entry.watch is not None and entry.watch.lost():
            entry.generation, entry.watch = entry.generation + 1, None
        return f"generation {entry.generation}"

    def record(self, node_id: Hashable, watch: Watch) -> None:
        """After a run: `watch` replaces what was recorded for the settings of this run."""
        self._entry(node_id).watch = watch

    def record_read(self, node_id: Hashable, watch: Watch, files: Iterable[Path]) -> None:
        """Before `files` are read in a run: `watch` is for this run, the files for all runs with these settings."""
        entry = self._entry(node_id)
        if not isinstance(entry.watch, FilesRead):
            entry.watch = FilesRead()
        entry.watch.add(watch, files)

    def record_files(self, node_id: Hashable, files: Iterable[Path]) -> None:
        """After a run: `files` are to stay on disk, like those of earlier runs with these settings.

        Earlier runs count because a linked frame number is not among the settings, and ComfyUI may hold all of them
        in its cache (--cache-lru, --cache-ram).
        """
        entry = self._entry(node_id)
        if not isinstance(entry.watch, FilesThere):
            entry.watch = FilesThere()
        entry.watch.add(files)

    def _entry(self, node_id: Hashable) -> _Entry:
        key = (node_id, self._settings.get(node_id))
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_ENTRIES:
            (evicted, settings), _ = self._entries.popitem(last=False)
            if self._settings.get(evicted) == settings:
                del self._settings[evicted]
        return entry


class FilesThere:
    """Notices when files disappear.

    The names are asked for, not the folders' times of change: those stand still within a step of the file system's clock
    (2 s on exFAT), and for good on some mounts of object stores (s3fs, goofys). A prompt that saves one frame of a
    sequence after the other, its number linked, has its folder listed each time: 5 ms of CPU time at 10,000 names, so a
    render of 10,000 frames spends 25 s on it in all. A few files, such as the one of a frame whose number is typed, are
    asked for by name: 8 us each.
    """

    # More of them cost a network mount as many round trips; a listing has hundreds of names in one.
    _BY_NAME = 16

    def __init__(self) -> None:
        self._names: dict[Path, set[str]] = {}

    def add(self, files: Iterable[Path]) -> None:
        for file in files:
            self._names.setdefault(file.parent, set()).add(file.name)

    def lost(self) -> bool:
        return any(self._lost_in(folder, names) for folder, names in self._names.items())

    def _lost_in(self, folder: Path, names: set[str]) -> bool:
        if len(names) <= self._BY_NAME:
            return not all(os.path.isfile(folder / name) for name in names)
        try:
            return not names.issubset(os.listdir(folder))
        except OSError:
            return True


class Unchanged:
    """Watches that `look()`, a fingerprint of files, stays what it was."""

    def __init__(self, look: Callable[[], Any], seen: Any = None) -> None:
        self._look, self._seen = look, look() if seen is None else seen

    def lost(self) -> bool:
        return bool(self._look() != self._seen)


class FilesRead:
    """Watches the last run, and the files of earlier ones: ComfyUI may hold all of them (--cache-lru, --cache-ram)."""

    # 2 us each. Older ones are forgotten.
    MAX_FILES = 1000

    def __init__(self) -> None:
        self._last: Watch | None = None
        self._files: OrderedDict[Path, tuple[int, int] | None] = OrderedDict()

    def add(self, last: Watch, files: Iterable[Path]) -> None:
        self._last = last
        for file in files:
            self._files[file] = _state(file)
            self._files.move_to_end(file)
        while len(self._files) > self.MAX_FILES:
            self._files.popitem(last=False)

    def lost(self) -> bool:
        changed = any(_state(file) != state for file, state in self._files.items())
        return changed or (self._last is not None and self._last.lost())


def _state(file: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
