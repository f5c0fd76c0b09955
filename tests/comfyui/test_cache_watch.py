"""CacheWatch: ComfyUI's cache is believed until what a node left on disk is gone, and then asked again once."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import pytest

from io_utils.comfyui.cache_watch import MAX_ENTRIES, CacheWatch, FilesRead, FilesThere, Unchanged

NODE, SETTINGS = "7", "prefix a"


class Lost:
    """A watch whose answer the test decides."""

    def __init__(self, *, lost: bool = False) -> None:
        self.is_lost = lost

    def lost(self) -> bool:
        return self.is_lost


class Folder:
    """A folder whose time of change goes on with every change, as it does where they are not nanoseconds apart."""

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


def generations(ledger: CacheWatch, times: int = 3, node: str = NODE, settings: object = SETTINGS) -> list[str]:
    return [ledger.generation(node, settings) for _ in range(times)]


class TestGeneration:
    def test_stays_while_nothing_was_recorded(self) -> None:
        assert len(set(generations(CacheWatch()))) == 1

    def test_is_the_same_before_and_after_the_first_run(self, folder: Folder) -> None:
        ledger = CacheWatch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, folder.write("f_0.png"))

        assert generations(ledger) == [before] * 3

    def test_goes_up_exactly_once_for_each_loss(self, folder: Folder) -> None:
        ledger = CacheWatch()
        seen = []
        for _ in range(3):
            seen += generations(ledger)
            ledger.record_files(NODE, folder.write("f_0.png", "f_1.png"))
            seen += generations(ledger)
            folder.delete("f_1.png")

        assert seen == [seen[0]] * 6 + [seen[6]] * 6 + [seen[12]] * 6
        assert len(set(seen)) == 3

    def test_goes_up_once_however_many_files_are_lost(self, folder: Folder) -> None:
        ledger = CacheWatch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, folder.write("f_0.png", "f_1.png", "f_2.png"))
        folder.delete("f_0.png", "f_2.png")

        after = generations(ledger)

        assert len(set(after)) == 1
        assert after[0] != before

    def test_is_text_as_a_cache_key_must_be(self) -> None:
        assert isinstance(CacheWatch().generation(NODE, SETTINGS), str)

    def test_of_other_settings_does_not_change(self, folder: Folder) -> None:
        """Each frame number of a widget is a setting of its own; ComfyUI may hold all of them in its cache."""
        ledger = CacheWatch()
        before = {}
        for frame in range(3):
            before[frame] = ledger.generation(NODE, frame)
            ledger.record_files(NODE, folder.write(f"f_{frame}.png"))
        folder.delete("f_1.png")

        after = {frame: ledger.generation(NODE, frame) for frame in range(3)}

        assert [frame for frame in range(3) if after[frame] != before[frame]] == [1]

    def test_of_other_nodes_does_not_change_when_all_are_asked_before_any_runs(self, folder: Folder) -> None:
        ledger = CacheWatch()
        before = {node: ledger.generation(node, SETTINGS) for node in ("1", "2", "1:5")}
        for node in before:
            ledger.record_files(node, folder.write(f"node{node.replace(':', '_')}.png"))
        folder.delete("node2.png")

        after = {node: ledger.generation(node, SETTINGS) for node in before}

        assert [node for node in before if after[node] != before[node]] == ["2"]

    def test_notices_the_loss_of_any_run_whose_linked_frame_number_it_cannot_see(self, folder: Folder) -> None:
        ledger = CacheWatch()
        settings = ("prefix a", None)
        for frame in range(5):
            before = ledger.generation(NODE, settings)
            ledger.record_files(NODE, folder.write(f"f_{frame}.png"))
        folder.delete("f_0.png")

        after = generations(ledger, settings=settings)

        assert len(set(after)) == 1
        assert after[0] != before

    def test_notices_a_loss_between_its_question_and_the_next_record(self, folder: Folder) -> None:
        """Renders take minutes; the frames of earlier runs may be tidied away meanwhile."""
        ledger = CacheWatch()
        ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, folder.write("f_0.png"))
        before = ledger.generation(NODE, SETTINGS)
        folder.delete("f_0.png")
        ledger.record_files(NODE, folder.write("f_1.png"))

        assert ledger.generation(NODE, SETTINGS) != before

    def test_forgets_what_was_lost(self, folder: Folder) -> None:
        ledger = CacheWatch()
        ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, folder.write("f_0.png"))
        folder.delete("f_0.png")
        lost = ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, folder.write("f_1.png"))

        assert generations(ledger) == [lost] * 3

    def test_replaces_one_watch_by_the_next(self) -> None:
        ledger = CacheWatch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record(NODE, Lost(lost=True))
        ledger.record(NODE, Lost())

        assert generations(ledger) == [before] * 3

    def test_takes_files_after_another_kind_of_watch(self, folder: Folder) -> None:
        ledger = CacheWatch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record(NODE, Lost())
        ledger.record_files(NODE, folder.write("f_0.png"))
        assert ledger.generation(NODE, SETTINGS) == before

        folder.delete("f_0.png")

        assert ledger.generation(NODE, SETTINGS) != before

    def test_of_a_run_that_was_never_asked_about_still_counts(self, folder: Folder) -> None:
        ledger = CacheWatch()
        ledger.record_files(NODE, folder.write("f_0.png"))

        assert ledger.generation(NODE, SETTINGS)


class TestEviction:
    def test_the_entry_longest_unused_goes_first(self) -> None:
        ledger = CacheWatch()
        watches = {n: Lost() for n in range(MAX_ENTRIES + 1)}
        before = {}
        for n, watch in watches.items():
            ledger.generation("0", 0)  # in use all the time
            before[n] = ledger.generation(str(n), n)
            ledger.record(str(n), watch)
        for watch in watches.values():
            watch.is_lost = True

        assert ledger.generation("0", 0) != before[0]
        assert ledger.generation("1", 1) == before[1]  # forgotten: at worst saved once more
        assert ledger.generation("3", 3) != before[3]

    def test_what_is_evicted_is_let_go_altogether(self) -> None:
        class Settings:
            pass

        ledger = CacheWatch()
        watch, settings = Lost(), Settings()
        gone = [weakref.ref(watch), weakref.ref(settings)]
        ledger.generation("first", settings)
        ledger.record("first", watch)
        del watch, settings
        for n in range(MAX_ENTRIES):
            ledger.generation(f"node {n}", n)
        gc.collect()

        assert [reference() for reference in gone] == [None, None]  # type: ignore[operator]


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

    def test_are_none_at_first(self) -> None:
        watch = FilesThere()
        watch.add([])

        assert not watch.lost()


class TestUnchanged:
    def test_is_lost_while_its_fingerprint_is_another_one(self) -> None:
        fingerprint = "a"
        watch = Unchanged(lambda: fingerprint)
        assert not watch.lost()

        fingerprint = "b"
        assert watch.lost()

        fingerprint = "a"
        assert not watch.lost()

    def test_makes_a_ledger_count_once(self) -> None:
        fingerprint = "a"
        ledger = CacheWatch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record(NODE, Unchanged(lambda: fingerprint))
        assert ledger.generation(NODE, SETTINGS) == before
        fingerprint = "b"

        after = generations(ledger)

        assert len(set(after)) == 1
        assert after[0] != before


@pytest.mark.parametrize("files", [1, 3, 500], ids=["one file", "a few", "many"])
class TestAFolderWhoseTimeOfChangeStandsStill:
    """exFAT counts in steps of 2 s; s3fs and goofys do not change it at all."""

    def test_has_a_deleted_file_noticed(self, tmp_path: Path, files: int) -> None:
        ledger, paths = CacheWatch(), [tmp_path / f"f_{frame}.png" for frame in range(files)]
        for path in paths:
            path.touch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, paths)
        os.utime(tmp_path, (1, 1))
        assert generations(ledger) == [before] * 3

        paths[-1].unlink()
        os.utime(tmp_path, (1, 1))
        after = generations(ledger)

        assert after[0] != before
        assert len(set(after)) == 1

    def test_has_a_file_noticed_that_was_deleted_while_the_next_frame_was_rendered(
        self, tmp_path: Path, files: int
    ) -> None:
        ledger, paths = CacheWatch(), [tmp_path / f"f_{frame}.png" for frame in range(files + 1)]
        for path in paths:
            path.touch()
        before = ledger.generation(NODE, SETTINGS)
        ledger.record_files(NODE, paths[:files])
        paths[0].unlink()
        ledger.record_files(NODE, paths[files:])
        os.utime(tmp_path, (1, 1))

        assert ledger.generation(NODE, SETTINGS) != before


def test_many_files_are_looked_for_with_one_listing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One round trip for each of 10,000 frames would take a network mount 10 s a prompt."""
    watch = FilesThere()
    watch.add(folder.write(*(f"f_{frame}.png" for frame in range(1000))))
    listed, asked = [], []
    listdir, stat = os.listdir, os.stat
    monkeypatch.setattr(os, "listdir", lambda path: (listed.append(path), listdir(path))[1])
    monkeypatch.setattr(os, "stat", lambda path, **more: (asked.append(path), stat(path, **more))[1])

    assert not watch.lost()
    assert (listed, asked) == ([folder.path], [])


class TestFilesRead:
    """What runs of one node read, each another file, by a link that IS_CHANGED does not see through."""

    @pytest.fixture
    def files(self, folder: Folder) -> list[Path]:
        return folder.write(*(f"f_{frame}.png" for frame in range(4)))

    @pytest.mark.parametrize("frame", range(4))
    @pytest.mark.parametrize("change", [lambda file: os.utime(file, (1, 1)), Path.unlink, lambda f: f.write_bytes(b"")])
    def test_are_lost_once_when_any_of_them_changes(self, files: list[Path], frame: int, change: object) -> None:
        ledger = CacheWatch()
        before = generations(ledger)
        for file in files:
            ledger.record_read(NODE, Lost(), [file])
            before += generations(ledger)
        change(files[frame])  # type: ignore[operator]
        after = generations(ledger)

        assert len(set(before)) == 1
        assert len(set(after)) == 1
        assert after[0] != before[0]

    def test_are_lost_when_the_last_run_is(self, files: list[Path]) -> None:
        ledger = CacheWatch()
        last = Lost()
        ledger.record_read(NODE, Lost(lost=True), files[:1])
        ledger.record_read(NODE, last, files[1:2])
        before = ledger.generation(NODE, SETTINGS)
        ledger.record_read(NODE, last, files[1:2])
        assert generations(ledger) == [before] * 3
        last.is_lost = True

        assert ledger.generation(NODE, SETTINGS) != before

    def test_are_no_more_than_can_be_looked_at_in_no_time(
        self, files: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FilesRead, "MAX_FILES", 3)
        ledger = CacheWatch()
        ledger.generation(NODE, SETTINGS)
        for file in files:
            ledger.record_read(NODE, Lost(), [file])
        before = ledger.generation(NODE, SETTINGS)

        os.utime(files[0], (1, 1))
        assert ledger.generation(NODE, SETTINGS) == before
        os.utime(files[1], (1, 1))
        assert ledger.generation(NODE, SETTINGS) != before
