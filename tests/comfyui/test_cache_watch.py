"""CacheWatch: the generation rises once after the files of a node have changed, so that ComfyUI runs it again."""

from __future__ import annotations

import gc
import json
import os
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from io_utils.comfyui.cache_watch import MAX_ENTRIES, CacheWatch, FilesRead, FilesThere, Unchanged, graph_key
from io_utils.naming.regular_files import stamp

NODE, SETTINGS = "7", "prefix a"


class Lost:
    """A watch with a fixed answer."""

    def __init__(self, *, lost: bool = False) -> None:
        self.is_lost = lost

    def lost(self) -> bool:
        return self.is_lost


class Folder:
    """A folder whose modification time advances with every change, as if changes were not nanoseconds apart."""

    def __init__(self, path: Path) -> None:
        self.path, self._seconds = path, 1_000_000_000
        path.mkdir(parents=True, exist_ok=True)

    def write(self, *names: str) -> list[Path]:
        for name in names:
            (self.path / name).write_bytes(b"frame")
        self._changed()
        return [self.path / name for name in names]

    def delete(self, *names: str) -> None:
        for name in names:
            (self.path / name).unlink()
        self._changed()

    def _changed(self) -> None:
        self._seconds += 1
        os.utime(self.path, (self._seconds, self._seconds))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "shots")


def generations(cache_watch: CacheWatch, times: int = 3, node: str = NODE, settings: object = SETTINGS) -> list[str]:
    return [cache_watch.generation(node, settings) for _ in range(times)]


class TestGeneration:
    def test_stays_while_nothing_was_recorded(self) -> None:
        assert len(set(generations(CacheWatch()))) == 1

    def test_is_the_same_before_and_after_the_first_run(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, folder.write("f_0.png"))

        assert generations(cache_watch) == [before] * 3

    def test_goes_up_exactly_once_for_each_loss(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        seen = []
        for _ in range(3):
            seen += generations(cache_watch)
            cache_watch.record_files(NODE, folder.write("f_0.png", "f_1.png"))
            seen += generations(cache_watch)
            folder.delete("f_1.png")

        assert seen == [seen[0]] * 6 + [seen[6]] * 6 + [seen[12]] * 6
        assert len(set(seen)) == 3

    def test_goes_up_once_however_many_files_are_lost(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, folder.write("f_0.png", "f_1.png", "f_2.png"))
        folder.delete("f_0.png", "f_2.png")

        after = generations(cache_watch)

        assert len(set(after)) == 1
        assert after[0] != before

    def test_is_text_because_it_is_part_of_a_cache_key(self) -> None:
        assert isinstance(CacheWatch().generation(NODE, SETTINGS), str)

    def test_of_other_settings_does_not_change(self, folder: Folder) -> None:
        """Each frame number in a widget is a setting of its own; ComfyUI may have all of them in its cache."""
        cache_watch = CacheWatch()
        before = {}
        for frame in range(3):
            before[frame] = cache_watch.generation(NODE, frame)
            cache_watch.record_files(NODE, folder.write(f"f_{frame}.png"))
        folder.delete("f_1.png")

        after = {frame: cache_watch.generation(NODE, frame) for frame in range(3)}

        assert [frame for frame in range(3) if after[frame] != before[frame]] == [1]

    def test_of_other_nodes_does_not_change_if_all_are_asked_before_any_runs(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        before = {node: cache_watch.generation(node, SETTINGS) for node in ("1", "2", "1:5")}
        for node in before:
            cache_watch.record_files(node, folder.write(f"node{node.replace(':', '_')}.png"))
        folder.delete("node2.png")

        after = {node: cache_watch.generation(node, SETTINGS) for node in before}

        assert [node for node in before if after[node] != before[node]] == ["2"]

    def test_notices_the_loss_of_any_run_with_a_linked_frame_number(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        settings = ("prefix a", None)
        for frame in range(5):
            before = cache_watch.generation(NODE, settings)
            cache_watch.record_files(NODE, folder.write(f"f_{frame}.png"))
        folder.delete("f_0.png")

        after = generations(cache_watch, settings=settings)

        assert len(set(after)) == 1
        assert after[0] != before

    def test_notices_a_loss_between_is_changed_and_the_next_record(self, folder: Folder) -> None:
        """Renders take minutes, and somebody may delete the frames of earlier runs meanwhile."""
        cache_watch = CacheWatch()
        cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, folder.write("f_0.png"))
        before = cache_watch.generation(NODE, SETTINGS)
        folder.delete("f_0.png")
        cache_watch.record_files(NODE, folder.write("f_1.png"))

        assert cache_watch.generation(NODE, SETTINGS) != before

    def test_forgets_what_was_lost(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, folder.write("f_0.png"))
        folder.delete("f_0.png")
        lost = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, folder.write("f_1.png"))

        assert generations(cache_watch) == [lost] * 3

    def test_replaces_one_watch_with_the_next(self) -> None:
        cache_watch = CacheWatch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record(NODE, Lost(lost=True))
        cache_watch.record(NODE, Lost())

        assert generations(cache_watch) == [before] * 3

    def test_accepts_files_after_another_kind_of_watch(self, folder: Folder) -> None:
        cache_watch = CacheWatch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record(NODE, Lost())
        cache_watch.record_files(NODE, folder.write("f_0.png"))
        assert cache_watch.generation(NODE, SETTINGS) == before

        folder.delete("f_0.png")

        assert cache_watch.generation(NODE, SETTINGS) != before

    def test_of_runs_without_is_changed_takes_no_memory(self, folder: Folder) -> None:
        """--cache-none: ComfyUI never asks, however many frames a server renders."""
        cache_watch = CacheWatch()
        empty = pickle.dumps(cache_watch)
        files = folder.write("f_0.png")
        cache_watch.record_files(NODE, files, {file: stamp(file) for file in files})

        assert pickle.dumps(cache_watch) == empty


class TestEviction:
    def test_the_least_recently_used_entry_goes_first(self) -> None:
        cache_watch = CacheWatch()
        watches = {n: Lost() for n in range(MAX_ENTRIES + 1)}
        before = {}
        for n, watch in watches.items():
            cache_watch.generation("0", 0)  # keeps it in use
            before[n] = cache_watch.generation(str(n), n)
            cache_watch.record(str(n), watch)
        for watch in watches.values():
            watch.is_lost = True

        assert cache_watch.generation("0", 0) != before[0]
        assert cache_watch.generation("1", 1) == before[1]  # forgotten: at worst, it is saved once more
        assert cache_watch.generation("3", 3) != before[3]

    def test_a_node_that_comfyui_did_not_ask_about_is_evicted_too(self) -> None:
        """With --cache-none, it asks about none."""
        cache_watch = CacheWatch()
        files = {n: Path(f"f_{n}.png") for n in range(MAX_ENTRIES + 2)}

        for n, file in files.items():
            cache_watch.record_read(n, Lost(), [file])

        assert len(cache_watch._entries) == MAX_ENTRIES

    def test_an_evicted_entry_is_freed(self) -> None:
        class Settings:
            pass

        cache_watch = CacheWatch()
        watch, settings = Lost(), Settings()
        evicted = [weakref.ref(watch), weakref.ref(settings)]
        cache_watch.generation("first", settings)
        cache_watch.record("first", watch)
        del watch, settings
        for n in range(MAX_ENTRIES):
            cache_watch.generation(f"node {n}", n)
        gc.collect()

        assert [reference() for reference in evicted] == [None, None]  # type: ignore[operator]


class TestFilesThere:
    def test_are_not_lost_while_all_stay(self, folder: Folder) -> None:
        watch = FilesThere()
        watch.add(folder.write("a.png", "b.png"))
        folder.write("other.png")
        folder.delete("other.png")

        assert not watch.lost()
        assert not watch.lost()

    def test_are_lost_when_one_is_deleted(self, folder: Folder) -> None:
        watch = FilesThere()
        watch.add(folder.write("a.png", "b.png"))
        folder.delete("b.png")

        assert watch.lost()

    def test_are_lost_when_one_is_moved_away(self, folder: Folder, tmp_path: Path) -> None:
        watch = FilesThere()
        (file,) = watch_files = folder.write("a.png")
        watch.add(watch_files)
        file.rename(tmp_path / "a.png")
        folder.write()

        assert watch.lost()

    def test_are_lost_when_their_folder_is_deleted(self, folder: Folder) -> None:
        watch = FilesThere()
        watch.add(folder.write("a.png"))
        folder.delete("a.png")
        folder.path.rmdir()

        assert watch.lost()

    def test_are_lost_when_one_of_many_folders_is(self, tmp_path: Path) -> None:
        folders = [Folder(tmp_path / f"batch_{n:04d}") for n in range(3)]
        watch = FilesThere()
        watch.add([file for folder in folders for file in folder.write("a.png")])
        assert not watch.lost()

        folders[2].delete("a.png")

        assert watch.lost()

    def test_are_not_lost_before_any_is_added(self) -> None:
        watch = FilesThere()
        watch.add([])

        assert not watch.lost()


class TestUnchanged:
    def test_is_lost_while_its_fingerprint_differs(self) -> None:
        fingerprint = "a"
        watch = Unchanged(lambda: fingerprint)
        assert not watch.lost()

        fingerprint = "b"
        assert watch.lost()

        fingerprint = "a"
        assert not watch.lost()

    def test_raises_the_generation_once(self) -> None:
        fingerprint = "a"
        cache_watch = CacheWatch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record(NODE, Unchanged(lambda: fingerprint))
        assert cache_watch.generation(NODE, SETTINGS) == before
        fingerprint = "b"

        after = generations(cache_watch)

        assert len(set(after)) == 1
        assert after[0] != before


@pytest.mark.parametrize("files", [1, 3, 500], ids=["one file", "a few", "many"])
class TestAFolderWhoseModificationTimeDoesNotChange:
    """exFAT counts it in steps of 2 s; s3fs and goofys never change it."""

    def test_has_a_deleted_file_noticed(self, tmp_path: Path, files: int) -> None:
        cache_watch, paths = CacheWatch(), [tmp_path / f"f_{frame}.png" for frame in range(files)]
        for path in paths:
            path.touch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, paths)
        os.utime(tmp_path, (1, 1))
        assert generations(cache_watch) == [before] * 3

        paths[-1].unlink()
        os.utime(tmp_path, (1, 1))
        after = generations(cache_watch)

        assert after[0] != before
        assert len(set(after)) == 1

    def test_has_a_file_noticed_that_was_deleted_while_the_next_frame_was_rendered(
        self, tmp_path: Path, files: int
    ) -> None:
        cache_watch, paths = CacheWatch(), [tmp_path / f"f_{frame}.png" for frame in range(files + 1)]
        for path in paths:
            path.touch()
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, paths[:files])
        paths[0].unlink()
        cache_watch.record_files(NODE, paths[files:])
        os.utime(tmp_path, (1, 1))

        assert cache_watch.generation(NODE, SETTINGS) != before


def test_many_files_are_checked_with_one_listing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One round trip for each of 10,000 frames would take 10 s per prompt on a network mount."""
    watch = FilesThere()
    watch.add(folder.write(*(f"f_{frame}.png" for frame in range(1000))))
    listed, asked = [], []
    listdir, stat = os.listdir, os.stat
    monkeypatch.setattr(os, "listdir", lambda path: (listed.append(path), listdir(path))[1])
    monkeypatch.setattr(os, "stat", lambda path, **more: (asked.append(path), stat(path, **more))[1])

    assert not watch.lost()
    assert (listed, asked) == ([folder.path], [])


class TestFilesRead:
    """Runs of one node read a file each, named by a link whose value IS_CHANGED does not get."""

    @pytest.fixture
    def files(self, folder: Folder) -> list[Path]:
        return folder.write(*(f"f_{frame}.png" for frame in range(4)))

    @pytest.mark.parametrize("frame", range(4))
    @pytest.mark.parametrize("change", [lambda file: os.utime(file, (1, 1)), Path.unlink, lambda f: f.write_bytes(b"")])
    def test_are_lost_once_when_any_of_them_changes(self, files: list[Path], frame: int, change: object) -> None:
        cache_watch = CacheWatch()
        before = generations(cache_watch)
        for file in files:
            cache_watch.record_read(NODE, Lost(), [file])
            before += generations(cache_watch)
        change(files[frame])  # type: ignore[operator]
        after = generations(cache_watch)

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert after[0] != before[0]

    def test_are_lost_when_the_last_run_is(self, files: list[Path]) -> None:
        cache_watch = CacheWatch()
        last = Lost()
        cache_watch.record_read(NODE, Lost(lost=True), files[:1])
        cache_watch.record_read(NODE, last, files[1:2])
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_read(NODE, last, files[1:2])
        assert generations(cache_watch) == [before] * 3
        last.is_lost = True

        assert cache_watch.generation(NODE, SETTINGS) != before

    def test_are_limited_in_number(self, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FilesRead, "MAX_FILES", 3)
        cache_watch = CacheWatch()
        cache_watch.generation(NODE, SETTINGS)
        for file in files:
            cache_watch.record_read(NODE, Lost(), [file])
        before = cache_watch.generation(NODE, SETTINGS)

        os.utime(files[0], (1, 1))
        assert cache_watch.generation(NODE, SETTINGS) == before
        os.utime(files[1], (1, 1))
        assert cache_watch.generation(NODE, SETTINGS) != before


class TestFilesThatMustStay:
    """Under "skip unchanged", a frame that is no longer the one that the node has left must be looked at again."""

    OTHER = "8"

    @pytest.fixture
    def cache_watch(self) -> CacheWatch:
        cache_watch = CacheWatch()
        for node in (NODE, self.OTHER):
            cache_watch.generation(node, SETTINGS)
        return cache_watch

    @staticmethod
    def save(
        cache_watch: CacheWatch, file: Path, content: bytes = b"", node: str = NODE, prompt: tuple[str, ...] = ()
    ) -> None:
        """A run: replaces the file if there is content, and keeps it otherwise."""
        if content:
            replace(file, content)
        cache_watch.record_files(node, [], {file: stamp(file)}, is_beside=prompt.__contains__)

    @pytest.mark.parametrize("frames", [1, 500])
    @pytest.mark.parametrize(
        "change",
        [
            lambda file: file.write_bytes(b"another picture"),
            lambda file: os.truncate(file, 2),
            lambda file: os.utime(file, (1, 1)),
            lambda file: replace(file, b"other", os.stat(file).st_mtime_ns),
            Path.unlink,
        ],
        ids=["written", "cut", "touched", "replaced by one of its size and time", "deleted"],
    )
    def test_are_lost_once_when_one_changes(
        self, cache_watch: CacheWatch, folder: Folder, frames: int, change: Callable[[Path], None]
    ) -> None:
        files = folder.write(*(f"f_{frame}.png" for frame in range(frames)))
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, [], {file: stamp(file) for file in files})
        assert generations(cache_watch) == [before] * 3

        change(files[-1])
        after = generations(cache_watch)

        assert len(set(after)) == 1
        assert after[0] != before

    def test_are_not_lost_by_runs_that_keep_them(self, cache_watch: CacheWatch, tmp_path: Path) -> None:
        before = cache_watch.generation(NODE, SETTINGS)
        self.save(cache_watch, tmp_path / "f", b"a")
        for _ in range(3):
            self.save(cache_watch, tmp_path / "f")
            assert cache_watch.generation(NODE, SETTINGS) == before

    def test_are_lost_once_when_another_graph_in_front_of_the_node_replaces_them(
        self, cache_watch: CacheWatch, tmp_path: Path
    ) -> None:
        """--cache-lru has the results of both. The later graph looks once more, keeps its file, and then stays in the cache."""
        before = cache_watch.generation(NODE, SETTINGS)
        self.save(cache_watch, tmp_path / "f", b"graph a")
        assert cache_watch.generation(NODE, SETTINGS) == before
        self.save(cache_watch, tmp_path / "f", b"graph b")
        after = cache_watch.generation(NODE, SETTINGS)
        self.save(cache_watch, tmp_path / "f")

        assert after != before
        assert generations(cache_watch) == [after] * 3

    def test_settle_even_if_the_graph_replaces_them_whenever_it_runs(
        self, cache_watch: CacheWatch, tmp_path: Path
    ) -> None:
        self.save(cache_watch, tmp_path / "f", b"graph a")
        self.save(cache_watch, tmp_path / "f", b"graph b")
        after = cache_watch.generation(NODE, SETTINGS)
        self.save(cache_watch, tmp_path / "f", b"graph b, once more")

        assert generations(cache_watch) == [after] * 3

    def test_are_lost_when_a_saver_of_another_prompt_replaces_them(
        self, cache_watch: CacheWatch, tmp_path: Path
    ) -> None:
        before = cache_watch.generation(NODE, SETTINGS)
        self.save(cache_watch, tmp_path / "f", b"graph a", NODE, prompt=(NODE,))
        self.save(cache_watch, tmp_path / "f", b"graph b", self.OTHER, prompt=(self.OTHER,))

        assert cache_watch.generation(NODE, SETTINGS) != before

    @pytest.mark.parametrize("runs", [(NODE, OTHER), (OTHER,)], ids=["both run", "one is cached"])
    def test_of_two_savers_in_one_prompt_do_not_make_them_run_in_turn(
        self, cache_watch: CacheWatch, tmp_path: Path, runs: tuple[str, ...]
    ) -> None:
        both = (NODE, self.OTHER)
        for node in both:
            self.save(cache_watch, tmp_path / "f", f"graph of {node}".encode(), node, both)
        for node in runs:
            cache_watch.generation(node, SETTINGS)
            self.save(cache_watch, tmp_path / "f", f"new graph of {node}".encode(), node, both)
        # What one has replaced may be looked at once more.
        looked_at = [node for node in both for _ in generations(cache_watch, 1, node)]
        for node in looked_at:
            self.save(cache_watch, tmp_path / "f", f"again {node}".encode(), node, both)
        settled = [cache_watch.generation(node, SETTINGS) for node in both]

        for _ in range(3):
            assert [cache_watch.generation(node, SETTINGS) for node in both] == settled

    def test_of_many_earlier_runs_must_only_be_there(self, cache_watch: CacheWatch, folder: Folder) -> None:
        """A counter that resumes from a folder has the same settings in all of 10,000 runs."""
        files = folder.write(*(f"f_{frame}.png" for frame in range(300)))
        for file in files:
            self.save(cache_watch, file)
        before = cache_watch.generation(NODE, SETTINGS)

        replace(files[10], b"another picture")
        assert cache_watch.generation(NODE, SETTINGS) == before, "not one of the latest"
        replace(files[-50], b"another picture")
        assert cache_watch.generation(NODE, SETTINGS) != before
        for file in files:
            self.save(cache_watch, file)
        before = cache_watch.generation(NODE, SETTINGS)
        folder.delete(files[10].name)
        assert cache_watch.generation(NODE, SETTINGS) != before

    def test_may_be_beside_others_that_must_only_be_there(self, cache_watch: CacheWatch, folder: Folder) -> None:
        frame, workflow = folder.write("f_0.png", "f_#.workflow.json")
        before = cache_watch.generation(NODE, SETTINGS)
        cache_watch.record_files(NODE, [workflow], {frame: stamp(frame)})
        workflow.write_bytes(b"edited")
        assert cache_watch.generation(NODE, SETTINGS) == before

        folder.delete(workflow.name)

        assert cache_watch.generation(NODE, SETTINGS) != before

    def test_are_limited_in_number(
        self, cache_watch: CacheWatch, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The settings that were used last stay, whatever they watch."""
        monkeypatch.setattr("io_utils.comfyui.cache_watch.MAX_FILES", 5)
        settings = ["first", "second", "third"]
        files = folder.write(*(f"f_{frame}.png" for frame in range(4)))
        before = {}
        for each in settings:
            before[each] = cache_watch.generation(NODE, each)
            cache_watch.record_files(NODE, [], {file: stamp(file) for file in files})
        files[0].write_bytes(b"another picture")

        assert [each for each in settings if cache_watch.generation(NODE, each) != before[each]] == ["third"]

    def test_are_not_counted_once_they_are_lost_or_recorded_again(
        self, cache_watch: CacheWatch, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("io_utils.comfyui.cache_watch.MAX_FILES", 5)
        (file, other) = folder.write("f_0.png", "f_1.png")
        for content in (b"a", b"second", b"the third"):
            cache_watch.generation(NODE, "first")
            for _ in range(2):
                cache_watch.record_files(NODE, [], {file: stamp(file), other: stamp(other)})
            file.write_bytes(content)
        before = cache_watch.generation(NODE, "first")
        cache_watch.record_files(NODE, [], {file: stamp(file), other: stamp(other)})
        cache_watch.generation(NODE, "second")
        cache_watch.record_files(NODE, [], {file: stamp(file), other: stamp(other)})

        folder.delete(file.name)

        assert cache_watch.generation(NODE, "first") != before


def replace(file: Path, content: bytes, modified_ns: int | None = None) -> None:
    """Put another file in its place, as the savers and other programs do."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(content)
    if modified_ns is not None:
        os.utime(part, ns=(modified_ns, modified_ns))
    part.replace(file)


class TestGraphKey:
    GRAPH: ClassVar[dict[str, Any]] = {
        "1": {"class_type": "Render", "inputs": {"seed": 4}},
        "2": {"class_type": "Blur", "inputs": {"image": ["1", 0], "radii": [1, 2], "odd": [["1"], 0]}},
        "3": {"class_type": "Save", "inputs": {"image": ["2", 0], "mask": ["1", 1], "prefix": "f"}},
        "4": {"class_type": "Render", "inputs": {"seed": 9}},
    }

    def test_tells_graphs_apart(self) -> None:
        others = [json.loads(json.dumps(self.GRAPH)) for _ in range(4)]
        others[0]["1"]["inputs"]["seed"] = 5
        others[1]["2"]["class_type"] = "Sharpen"
        others[2]["3"]["inputs"]["mask"] = ["4", 1]
        others[3]["3"]["inputs"]["mask"] = ["1", 0]

        assert len({graph_key(graph, "3") for graph in (self.GRAPH, *others)}) == 5

    def test_does_not_depend_on_other_branches_ids_titles_and_order(self) -> None:
        text = json.dumps(dict(reversed(self.GRAPH.items()))).replace('"1"', '"12:7"').replace('"2"', '"1"')
        other = json.loads(text)
        other["4"]["inputs"]["seed"] = 10
        other["1"]["_meta"] = {"title": "soft"}
        other["1"]["inputs"]["odd"] = [["1"], 0]

        assert graph_key(other, "3") == graph_key(self.GRAPH, "3")

    def test_of_a_graph_that_goes_in_circles_ends(self) -> None:
        assert graph_key({"1": {"class_type": "Loop", "inputs": {"image": ["1", 0]}}}, "1")
