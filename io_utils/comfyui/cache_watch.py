"""CacheWatch: remembers which files a node saved or read, so that ComfyUI runs it again once they have changed.

ComfyUI runs an unchanged save node once and then answers from its cache, even if the files no longer exist.
The return value of IS_CHANGED is part of the cache key. A fingerprint of the files would change during the first run
and cause a second one. So IS_CHANGED returns a generation number, which rises by one when the files have changed.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from ..naming.regular_files import Stamp, stamp
from .identity import is_link

# An entry takes a few hundred bytes. By the time one is evicted, ComfyUI has long dropped the results that it is for.
MAX_ENTRIES = 4096
# A file that a node has saved takes 300 bytes.
MAX_FILES = 200_000


class Watch(Protocol):
    def lost(self) -> bool:
        """Whether the files that the node saved or read have changed since. Must not raise."""


@dataclass
class _Entry:
    generation: int = 0
    watch: Watch | None = None

    @property
    def files(self) -> int:
        return len(self.watch) if isinstance(self.watch, FilesSaved) else 0


class CacheWatch:
    """For each node and its settings: the files to watch after its runs, and how often they changed."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Hashable, Hashable], _Entry] = OrderedDict()
        self._settings: dict[Hashable, Hashable] = {}
        self._files = 0  # of all entries; to count them would make a long render quadratic

    def generation(self, node_id: Hashable, settings: Hashable) -> str:
        """The value for IS_CHANGED: it changes once after the files recorded for these settings have changed.

        Also remembers that the next record for `node_id` belongs to `settings`. When the node runs, its links have been
        replaced by values, and the settings that IS_CHANGED saw are no longer known.
        """
        self._settings[node_id] = settings
        entry = self._entry(node_id)
        if entry.watch is not None and entry.watch.lost():
            self._set_watch(entry, None)
            entry.generation += 1
        return f"generation {entry.generation}"

    def record(self, node_id: Hashable, watch: Watch) -> None:
        """Call this after a run: `watch` replaces the record for the settings of this run."""
        self._set_watch(self._entry(node_id), watch)

    def record_read(self, node_id: Hashable, watch: Watch, files: Iterable[Path]) -> None:
        """Call this before a run reads `files`.

        `watch` is for this run; `files` are watched for all runs with these settings.
        """
        entry = self._entry(node_id)
        read = entry.watch if isinstance(entry.watch, FilesRead) else FilesRead()
        self._set_watch(entry, read)
        read.add(watch, files)

    def record_files(
        self,
        node_id: Hashable,
        files: Iterable[Path],
        stamps: Mapping[Path, Stamp | None] = MappingProxyType({}),
        *,
        is_beside: Callable[[Hashable], bool] = lambda _: False,
    ) -> None:
        """Call this after a run that saved `files`: they, and those of earlier runs with these settings, are watched.

        Earlier runs count because a linked frame number is not part of the settings, and ComfyUI may have all of these
        runs in its cache (--cache-lru, --cache-ram).

        stamps: of files that must not only be there, but stay as the run has left them, see `FilesSaved`.
        is_beside: whether a node is in the same prompt. Two savers of one prompt that save to the same paths replace each
            other's frames in every run. The later one wins, and the earlier one does not count as changed, because otherwise
            they would run in turn for ever.
        """
        if node_id not in self._settings:  # nobody asks under --cache-none
            return
        entry = self._entry(node_id)
        saved = entry.watch if isinstance(entry.watch, FilesSaved) else FilesSaved()
        self._set_watch(entry, None)
        saved.add(files, stamps)
        self._set_watch(entry, saved)
        for other, settings in self._settings.items():
            watch = self._entries[other, settings].watch
            if isinstance(watch, FilesSaved) and watch is not saved and is_beside(other):
                watch.accept(stamps)
        self._limit_files(entry)

    def _entry(self, node_id: Hashable) -> _Entry:
        key = (node_id, self._settings.get(node_id))
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_ENTRIES:
            self._evict()
        return entry

    def _limit_files(self, latest: _Entry) -> None:
        """Evict until at most MAX_FILES files are watched. The latest entry stays, however many it has."""
        while self._files > MAX_FILES and self._files > latest.files:
            self._evict()

    def _evict(self) -> None:
        (node_id, settings), entry = self._entries.popitem(last=False)
        self._set_watch(entry, None)
        if node_id in self._settings and self._settings[node_id] == settings:
            del self._settings[node_id]

    def _set_watch(self, entry: _Entry, watch: Watch | None) -> None:
        self._files -= entry.files
        entry.watch = watch
        self._files += entry.files


def graph_key(prompt: Mapping[str, Any], node_id: str) -> str:
    """Tells graphs apart that lead to a node, as ComfyUI's cache does, but without their change marks.

    prompt: {id: node}, as ComfyUI has checked it. Takes 2 ms for 300 nodes.
    """
    order, waiting = {node_id: 0}, [node_id]
    facts: list[Any] = []
    for each in waiting:
        node = prompt[each]
        inputs: list[Any] = []
        for name, value in sorted(node["inputs"].items()):
            if is_link(value) and value[0] in prompt:
                source, slot = value
                if source not in order:
                    order[source] = len(order)
                    waiting.append(source)
                inputs.append((name, order[source], slot))
            else:
                inputs.append((name, value))
        facts.append((node["class_type"], inputs))
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class FilesThere:
    """Notices when files disappear.

    It checks names, not modification times of folders: those do not change within one tick of the file system's clock
    (2 s on exFAT), and never change on some mounts of object stores (s3fs, goofys). A prompt that saves one frame per
    run with a linked frame number lists the folder each time: 5 ms of CPU time for 10,000 names, which adds up to 25 s
    for a render of 10,000 frames. Small numbers of files, as with a typed frame number, are checked by name: 8 us each.
    """

    # Each check by name is a round trip on a network mount; a listing fetches hundreds of names in one.
    _BY_NAME = 16

    def __init__(self) -> None:
        self._names: dict[Path, set[str]] = {}

    def add(self, files: Iterable[Path]) -> None:
        for file in files:
            self._names.setdefault(file.parent, set()).add(file.name)

    def __len__(self) -> int:
        return sum(len(names) for names in self._names.values())

    def lost(self) -> bool:
        return any(self._lost_in(folder, names) for folder, names in self._names.items())

    def _lost_in(self, folder: Path, names: set[str]) -> bool:
        if len(names) <= self._BY_NAME:
            return not all(os.path.isfile(folder / name) for name in names)
        try:
            return not names.issubset(os.listdir(folder))
        except OSError:
            return True


class FilesSaved:
    """Watches the files of a saver's runs: all must be there, and those with a stamp must be the very files.

    A run that replaces a file of an earlier one with these settings makes that one lost: --cache-lru keeps the results of
    both. IS_CHANGED cannot tell which of them it is asked for, so the later one runs once more, too, and keeps its file.

    There is no listing that tells stamps, so each costs a call: 10,000 take 50 ms on a local disk. A counter that resumes from
    a folder has the same settings in every run, so of earlier runs only the latest files keep their stamps. The others must
    still be there.
    """

    _EARLIER = 100

    def __init__(self) -> None:
        self._there = FilesThere()
        self._stamps: dict[str, Stamp | None] = {}  # the latest last
        self._is_replaced = False

    def __len__(self) -> int:
        return len(self._there) + len(self._stamps)

    def add(self, files: Iterable[Path], stamps: Mapping[Path, Stamp | None]) -> None:
        self._there.add(files)
        for file, left in stamps.items():
            path = os.fspath(file)
            self._is_replaced |= self._stamps.pop(path, left) != left
            self._stamps[path] = left
        for path in list(self._stamps)[: -(len(stamps) + self._EARLIER)]:
            del self._stamps[path]
            self._there.add([Path(path)])

    def accept(self, stamps: Mapping[Path, Stamp | None]) -> None:
        """Count watched files as unchanged if they are as in `stamps`."""
        for file, left in stamps.items():
            path = os.fspath(file)
            if path in self._stamps:
                self._stamps[path] = left

    def lost(self) -> bool:
        changed = any(left is None or stamp(path) != left for path, left in self._stamps.items())
        return self._is_replaced or changed or self._there.lost()


class Unchanged:
    """Notices when `look()`, a fingerprint of files, changes. `seen` is the value to compare with, if already known."""

    def __init__(self, look: Callable[[], Any], seen: Any = None) -> None:
        self._look, self._seen = look, look() if seen is None else seen

    def lost(self) -> bool:
        return bool(self._look() != self._seen)


class FilesRead:
    """Watches the last run and the files of earlier runs: all may be in ComfyUI's cache (--cache-lru, --cache-ram)."""

    # Checking one takes 2 us. The oldest are forgotten first.
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
    found = stamp(file)
    return None if found is None else (found.size, found.modified_ns)
