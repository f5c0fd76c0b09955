"""write_whole: a file appears complete or not at all, however the call ends and however many writers there are."""

from __future__ import annotations

import contextlib
import errno
import operator
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from io_utils.saving.atomic import remove_parts, remove_torn, write_whole

with contextlib.suppress(ImportError):  # Windows
    import fcntl

PACK = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds; only a test that fails waits that long
PART = ".f.png.0123456789ab.part"

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other locks, signals and modes")


def every_name(name: str) -> bool:
    return True


def parts(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".part"))


class Failure:
    """Replaces a system call: fails with `code` and counts its calls in `fired`."""

    def __init__(self, code: int) -> None:
        self.code, self.fired = code, 0

    def __call__(self, *args: object) -> None:
        self.fired += 1
        raise OSError(self.code, os.strerror(self.code))


@pytest.fixture(params=["hard links", "no hard links"])
def any_file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A file system with hard links, and one without, such as exFAT and some network mounts."""
    if request.param == "hard links":
        yield
        return
    failing = Failure(errno.EPERM)
    monkeypatch.setattr(os, "link", failing)
    yield
    assert failing.fired


class TestWriteWhole:
    @pytest.mark.parametrize("replace", [True, False])
    def test_creates_the_file_and_its_folders_and_nothing_else(self, tmp_path: Path, replace: bool) -> None:
        file = tmp_path / "a" / "b" / "f.png"

        write_whole(file, b"frame", replace=replace)

        assert file.read_bytes() == b"frame"
        assert os.listdir(file.parent) == ["f.png"]

    @pytest.mark.parametrize("data", [b"", bytes(5_000_000)], ids=["empty", "5 MB"])
    def test_writes_files_of_any_size(self, tmp_path: Path, data: bytes) -> None:
        write_whole(tmp_path / "f.png", data, replace=True)

        assert (tmp_path / "f.png").read_bytes() == data

    @pytest.mark.parametrize("name", ["naïve 日本.png", "-rf.png", ".hidden.png", "a.part", "n" * 200 + ".png"])
    def test_writes_files_of_any_name(self, tmp_path: Path, name: str) -> None:
        write_whole(tmp_path / name, b"frame", replace=False)

        assert os.listdir(tmp_path) == [name]

    def test_replaces_an_existing_file_if_replace_is_true(self, tmp_path: Path) -> None:
        (tmp_path / "f.png").write_bytes(b"old")

        write_whole(tmp_path / "f.png", b"new", replace=True)

        assert (tmp_path / "f.png").read_bytes() == b"new"
        assert os.listdir(tmp_path) == ["f.png"]

    def test_raises_for_an_existing_file_if_replace_is_false(self, tmp_path: Path, any_file_system: None) -> None:
        (tmp_path / "f.png").write_bytes(b"old")

        with pytest.raises(FileExistsError):
            write_whole(tmp_path / "f.png", b"new", replace=False)

        assert (tmp_path / "f.png").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["f.png"]

    @posix
    def test_replaces_a_link_and_leaves_its_target(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_bytes(b"old")
        (tmp_path / "f.png").symlink_to(tmp_path / "precious")

        write_whole(tmp_path / "f.png", b"new", replace=True)

        assert not (tmp_path / "f.png").is_symlink()
        assert (tmp_path / "precious").read_bytes() == b"old"

    @posix
    def test_does_not_write_through_a_dangling_link(self, tmp_path: Path, any_file_system: None) -> None:
        (tmp_path / "f.png").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(FileExistsError):
            write_whole(tmp_path / "f.png", b"new", replace=False)

        assert sorted(os.listdir(tmp_path)) == ["f.png"]

    @posix
    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
    def test_respects_the_umask(self, tmp_path: Path, umask: int, mode: int) -> None:
        before = os.umask(umask)
        try:
            write_whole(tmp_path / "f.png", b"frame", replace=False)
            write_whole(tmp_path / "g.png", b"frame", replace=True)
        finally:
            os.umask(before)

        assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("f.png", "g.png")] == [mode, mode]

    def test_leaves_one_file_with_and_without_hard_links(self, tmp_path: Path, any_file_system: None) -> None:
        write_whole(tmp_path / "f.png", b"frame", replace=False)

        assert (tmp_path / "f.png").read_bytes() == b"frame"
        assert (tmp_path / "f.png").stat().st_nlink == 1
        assert os.listdir(tmp_path) == ["f.png"]

    @pytest.mark.parametrize("replace", [True, False])
    def test_raises_an_error_other_than_file_exists_if_a_file_has_the_name_of_the_folder(
        self, tmp_path: Path, replace: bool
    ) -> None:
        """FileExistsError would mean that the frame is already on disk."""
        (tmp_path / "notes.txt").write_bytes(b"mine")

        with pytest.raises(OSError) as caught:
            write_whole(tmp_path / "notes.txt" / "f.png", b"frame", replace=replace)

        assert not isinstance(caught.value, FileExistsError)
        assert (tmp_path / "notes.txt").read_bytes() == b"mine"

    @pytest.mark.parametrize("replace", [True, False])
    def test_raises_if_a_folder_has_the_name_of_the_file(self, tmp_path: Path, replace: bool) -> None:
        (tmp_path / "f.png").mkdir()

        with pytest.raises(OSError):
            write_whole(tmp_path / "f.png", b"frame", replace=replace)

        assert os.listdir(tmp_path) == ["f.png"]


class TestFailures:
    """The previous file is untouched and no part file remains. Each test asserts that its fault was injected."""

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["disk full", "broken disk"])
    def test_a_full_or_broken_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        (tmp_path / "old.png").write_bytes(b"old")
        failing = Failure(code)
        monkeypatch.setattr(os, "fsync", failing)

        for name, replace in (("old.png", True), ("new.png", True), ("new.png", False)):
            with pytest.raises(OSError) as caught:
                write_whole(tmp_path / name, b"frame", replace=replace)
            assert caught.value.errno == code

        assert failing.fired == 3
        assert (tmp_path / "old.png").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["old.png"]

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EXDEV, errno.ENOSPC], ids=lambda code: errno.errorcode[code])
    def test_a_failed_rename_over_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        (tmp_path / "f.png").write_bytes(b"old")
        failing = Failure(code)
        monkeypatch.setattr(os, "replace", failing)

        with pytest.raises(OSError) as caught:
            write_whole(tmp_path / "f.png", b"new", replace=True)

        assert caught.value.errno == code
        assert failing.fired == (2 if code == errno.EACCES else 1)  # EACCES: tried again once the part file is closed
        assert (tmp_path / "f.png").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["f.png"]

    @posix
    def test_a_failed_rename_over_the_claim_without_hard_links(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        no_links, no_renames = Failure(errno.EPERM), Failure(errno.ENOSPC)
        monkeypatch.setattr(os, "link", no_links)
        monkeypatch.setattr(os, "replace", no_renames)

        with pytest.raises(OSError) as caught:
            write_whole(tmp_path / "f.png", b"frame", replace=False)

        assert (caught.value.errno, no_links.fired, no_renames.fired) == (errno.ENOSPC, 1, 1)
        assert os.listdir(tmp_path) == []

    @posix
    def test_a_write_that_fails_halfway(self, tmp_path: Path) -> None:
        """Under a limit of 1 MB on file sizes, the system accepts the first part of the bytes and refuses the rest."""
        (tmp_path / "old.png").write_bytes(b"old")
        program = (
            "import resource, signal, sys; from pathlib import Path; from io_utils.saving.atomic import write_whole\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
            "for name, replace in (('old.png', True), ('new.png', True), ('new.png', False)):\n"
            "    try: write_whole(Path(sys.argv[1], name), bytes(2**21), replace=replace)\n"
            "    except OSError as error: print(error.errno)\n"
        )

        done = run(program, tmp_path)

        assert done.stdout.split() == [str(errno.EFBIG)] * 3
        assert (tmp_path / "old.png").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["old.png"]

    @posix
    def test_a_folder_without_write_permission(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        (tmp_path / "f.png").write_bytes(b"old")
        tmp_path.chmod(0o555)
        try:
            for replace in (True, False):
                with pytest.raises(PermissionError):
                    write_whole(tmp_path / "f.png", b"new", replace=replace)
        finally:
            tmp_path.chmod(0o755)

        assert (tmp_path / "f.png").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["f.png"]

    def test_an_interruption_leaves_no_part_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fired = []

        def interrupted(descriptor: int) -> None:
            fired.append(descriptor)
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_whole(tmp_path / "f.png", b"frame", replace=False)

        assert fired
        assert os.listdir(tmp_path) == []

    @posix
    @pytest.mark.parametrize("replace", [True, False])
    def test_a_part_file_removed_by_a_cleanup_is_written_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
    ) -> None:
        removed = self.clean_up_at_fsync(tmp_path, monkeypatch, times=2)

        write_whole(tmp_path / "f.png", b"frame", replace=replace)

        assert len(removed) == 2
        assert (tmp_path / "f.png").read_bytes() == b"frame"
        assert os.listdir(tmp_path) == ["f.png"]

    @posix
    def test_a_part_file_that_is_removed_every_time_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        removed = self.clean_up_at_fsync(tmp_path, monkeypatch, times=1000)

        with pytest.raises(FileNotFoundError):
            write_whole(tmp_path / "f.png", b"frame", replace=False)

        assert len(removed) == 3
        assert os.listdir(tmp_path) == []

    @staticmethod
    def clean_up_at_fsync(folder: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
        """Remove the part file at each of the first `times` fsyncs, like a cleanup that precedes the writer's lock."""
        removed: list[str] = []

        def fsync(descriptor: int) -> None:
            if len(removed) < times:
                for name in parts(folder):
                    removed.append(name)
                    (folder / name).unlink()

        monkeypatch.setattr(os, "fsync", fsync)
        return removed


def names(code: int) -> str:
    return errno.errorcode[code]


UNSUPPORTED = sorted({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY})


@posix
class TestFileSystems:
    """Frames are saved even if the file system lacks a call. The log says once per folder what is not guaranteed."""

    def save_two(self, folder: Path, replace: bool) -> None:
        for name in ("f.png", "g.png"):
            write_whole(folder / name, b"frame", replace=replace)
        assert sorted(os.listdir(folder)) == ["f.png", "g.png"]
        assert (folder / "g.png").read_bytes() == b"frame"

    @pytest.mark.parametrize("replace", [True, False])
    @pytest.mark.parametrize("code", UNSUPPORTED, ids=names)
    def test_one_without_fsync_accepts_frames(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        code: int,
        replace: bool,
    ) -> None:
        failing = Failure(code)
        monkeypatch.setattr(os, "fsync", failing)

        self.save_two(tmp_path, replace)

        assert failing.fired == 2
        (record,) = caplog.records
        assert (record.levelname, str(tmp_path) in record.getMessage()) == ("WARNING", True)
        assert "power cut" in record.getMessage()

    @pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EBADF], ids=names)
    def test_an_fsync_that_fails_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
    ) -> None:
        failing = Failure(code)
        monkeypatch.setattr(os, "fsync", failing)

        with pytest.raises(OSError) as caught:
            write_whole(tmp_path / "f.png", b"frame", replace=True)

        assert (caught.value.errno, failing.fired) == (code, 1)
        assert os.listdir(tmp_path) == []
        assert not caplog.records

    @pytest.mark.parametrize(
        "code",
        [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EMLINK, errno.EINVAL, errno.EXDEV, errno.EBUSY],
        ids=names,
    )
    def test_one_without_hard_links_accepts_frames(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
    ) -> None:
        failing = Failure(code)
        monkeypatch.setattr(os, "link", failing)

        self.save_two(tmp_path, replace=False)

        assert failing.fired == 2
        (record,) = caplog.records
        assert "no hard links" in record.getMessage()

    @pytest.mark.parametrize("code", [errno.ETXTBSY, errno.EBUSY, errno.EACCES, errno.EPERM], ids=names)
    @pytest.mark.parametrize(("replace", "links"), [(True, True), (False, True), (False, False)])
    def test_one_that_cannot_rename_open_files_accepts_frames(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        code: int,
        replace: bool,
        links: bool,
    ) -> None:
        """Neither the part file nor, without hard links, the claim that the rename replaces may be open."""
        refused: list[str] = []

        def refuse_open_files(name: str) -> None:
            real = getattr(os, name)

            def call(source: Path, target: Path) -> None:
                if is_open(source) or is_open(target):
                    refused.append(name)
                    raise OSError(code, os.strerror(code))
                real(source, target)

            monkeypatch.setattr(os, name, call)

        refuse_open_files("replace")
        refuse_open_files("link")
        if not links:
            monkeypatch.setattr(os, "link", Failure(errno.EPERM))

        self.save_two(tmp_path, replace)

        assert refused
        assert sum("cannot rename an open file" in record.getMessage() for record in caplog.records) == 1

    def test_one_that_supports_everything_is_not_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_whole(tmp_path / "f.png", b"frame", replace=True)
        write_whole(tmp_path / "g.png", b"frame", replace=False)

        assert not caplog.records

    def test_a_cleanup_during_the_rename_of_an_open_part_file_leaves_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The writer holds its lock until the part file has its final name."""
        real, removed = os.replace, []

        def clean_up_first(source: Path, target: Path) -> None:
            removed.append(remove_parts(tmp_path, every_name))
            real(source, target)

        monkeypatch.setattr(os, "replace", clean_up_first)
        write_whole(tmp_path / "f.png", b"frame", replace=True)

        assert removed == [[]]

    def test_a_part_file_closed_for_the_rename_and_removed_by_a_cleanup_is_written_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.replace
        removed: list[Path] = []

        def refuse_open_then_clean_up_once(source: Path, target: Path) -> None:
            if is_open(source):
                raise OSError(errno.ETXTBSY, os.strerror(errno.ETXTBSY))
            if not removed:
                removed.extend(remove_parts(tmp_path, every_name))
            real(source, target)

        monkeypatch.setattr(os, "replace", refuse_open_then_clean_up_once)
        write_whole(tmp_path / "f.png", b"frame", replace=True)

        assert len(removed) == 1
        assert (tmp_path / "f.png").read_bytes() == b"frame"


def is_open(path: Path) -> bool:
    """Whether this process has the file at `path` open."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.path.samestat(status, os.fstat(int(descriptor))):
                return True
    return False


class TestRemoveTorn:
    @posix
    def test_removes_a_torn_file_and_keeps_a_whole_one(self, tmp_path: Path) -> None:
        for name in ("torn", "whole"):
            (tmp_path / name).write_bytes(b"x")
            remove_torn(tmp_path / name, partial(operator.eq, name, "torn"))

        assert os.listdir(tmp_path) == ["whole"]

    @posix
    def test_keeps_a_file_that_another_process_wrote_while_it_waited_for_the_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By then another file has the name."""
        torn, waited = tmp_path / "f.png", []
        torn.write_bytes(b"x")
        (tmp_path / "new").write_bytes(b"whole")
        lock = fcntl.flock

        def replace_then_lock(file: int, operation: int) -> None:
            waited.append(1)
            os.replace(tmp_path / "new", torn)
            lock(file, operation)

        monkeypatch.setattr(fcntl, "flock", replace_then_lock)
        remove_torn(torn, lambda: True)

        assert waited == [1]
        assert torn.read_bytes() == b"whole"

    @posix
    def test_removes_a_dangling_link_and_keeps_a_link_to_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_bytes(b"mine")
        (tmp_path / "a").symlink_to(tmp_path / "nothing")
        (tmp_path / "b").symlink_to(tmp_path / "precious")
        for name in ("a", "b"):
            remove_torn(tmp_path / name, lambda: True)

        assert sorted(os.listdir(tmp_path)) == ["b", "precious"]

    def test_does_nothing_if_there_is_no_file(self, tmp_path: Path) -> None:
        remove_torn(tmp_path / "gone", lambda: True)


class TestMount:
    def test_folders_below_an_existing_mount_are_created(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a" / "b" / "f.png", b"frame", replace=True, mount=tmp_path)

        assert (tmp_path / "a" / "b" / "f.png").read_bytes() == b"frame"

    @pytest.mark.parametrize("below", ["f.png", "a/f.png", "a/b/f.png"])
    def test_a_missing_mount_is_an_error_and_is_not_created(self, tmp_path: Path, below: str) -> None:
        with pytest.raises(FileNotFoundError, match=r"share' does not exist.*mount it"):
            write_whole(tmp_path / "share" / below, b"frame", replace=True, mount=tmp_path / "share")
        assert os.listdir(tmp_path) == []

    def test_a_file_with_the_name_of_a_folder_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"mine")

        with pytest.raises(NotADirectoryError):
            write_whole(tmp_path / "a" / "f.png", b"frame", replace=False, mount=tmp_path)


class TestRacingWriters:
    def test_exactly_one_of_eight_threads_creates_the_file(self, tmp_path: Path, any_file_system: None) -> None:
        file, start = tmp_path / "f.png", threading.Barrier(8)
        outcomes: list[bytes | type[BaseException]] = []

        def write(data: bytes) -> None:
            start.wait()
            try:
                write_whole(file, data, replace=False)
            except BaseException as error:
                outcomes.append(type(error))
            else:
                outcomes.append(data)

        threads = [threading.Thread(target=write, args=(bytes([n]) * 100_000,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        winners = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        assert [outcome for outcome in outcomes if outcome not in winners] == [FileExistsError] * 7
        assert winners == [file.read_bytes()]
        assert os.listdir(tmp_path) == ["f.png"]

    def test_eight_threads_that_replace_the_file_leave_a_whole_one(self, tmp_path: Path) -> None:
        file, start = tmp_path / "f.png", threading.Barrier(8)
        contents = [bytes([n]) * 100_000 for n in range(8)]
        failed: list[BaseException] = []

        def write(data: bytes) -> None:
            start.wait()
            try:
                for _ in range(5):
                    write_whole(file, data, replace=True)
                    assert file.read_bytes() in contents
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=write, args=(data,)) for data in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failed == []
        assert os.listdir(tmp_path) == ["f.png"]

    def test_exactly_one_of_four_processes_creates_the_file(self, tmp_path: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from io_utils.saving.atomic import write_whole\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "try: write_whole(Path(sys.argv[1], 'f.png'), sys.argv[2].encode() * 100_000, replace=False)\n"
            "except FileExistsError: print('exists')\n"
            "else: print(sys.argv[2])\n"
        )
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(started(program, tmp_path, letter)) for letter in "abcd"]
            for writer in writers:
                assert writer.stdout.readline() == "ready\n"  # type: ignore[union-attr]
            for writer in writers:
                writer.stdin.write("go\n")  # type: ignore[union-attr]
                writer.stdin.flush()  # type: ignore[union-attr]
            outcomes = sorted(writer.communicate()[0].strip() for writer in writers)

        winner = (tmp_path / "f.png").read_text()[0]
        assert outcomes == [winner, *["exists"] * 3]
        assert (tmp_path / "f.png").read_text() == winner * 100_000
        assert os.listdir(tmp_path) == ["f.png"]


# Pauses between writing and publishing: prints "held", and continues after a line on stdin.
PAUSED_WRITER = (
    "import os, sys; from pathlib import Path; from io_utils.saving.atomic import write_whole\n"
    "def fsync(descriptor): print('held', flush=True); sys.stdin.readline()\n"
    "os.fsync = fsync\n"
    "write_whole(Path(sys.argv[1], 'f.png'), b'new' * 1000, replace=sys.argv[2] == 'replace')\n"
    "print('done', flush=True)\n"
)


@posix
class TestKilledWriters:
    def test_a_killed_writer_leaves_the_old_file_and_a_part_file_that_the_next_run_removes(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "f.png").write_bytes(b"old")
        self.kill(tmp_path, "replace")

        assert (tmp_path / "f.png").read_bytes() == b"old"
        left = parts(tmp_path)
        assert len(left) == 1

        assert remove_parts(tmp_path, lambda name: name == "f.png") == [tmp_path / left[0]]
        assert os.listdir(tmp_path) == ["f.png"]

    def test_a_killed_writer_leaves_no_file_with_the_final_name(self, tmp_path: Path) -> None:
        self.kill(tmp_path, "keep")

        assert os.listdir(tmp_path) == parts(tmp_path)
        assert len(parts(tmp_path)) == 1

    def test_the_part_file_of_a_running_writer_is_never_removed(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor() as pool, started(PAUSED_WRITER, tmp_path, "keep") as writer:
            assert writer.stdout.readline() == "held\n"  # type: ignore[union-attr]
            held = parts(tmp_path)
            assert len(held) == 1
            # A cleanup that waited for the writer's lock would time out here.
            assert pool.submit(remove_parts, tmp_path, every_name).result(timeout=PATIENCE) == []
            assert parts(tmp_path) == held

            output, _ = writer.communicate("go on\n")

        assert output == "done\n"
        assert (tmp_path / "f.png").read_bytes() == b"new" * 1000
        assert os.listdir(tmp_path) == ["f.png"]

    @staticmethod
    def kill(folder: Path, mode: str) -> None:
        with started(PAUSED_WRITER, folder, mode) as writer:
            assert writer.stdout.readline() == "held\n"  # type: ignore[union-attr]
            writer.kill()
            assert writer.wait() == -signal.SIGKILL


class TestRemoveParts:
    def test_removes_the_part_files_whose_final_name_is_ours(self, tmp_path: Path) -> None:
        theirs = ".g.png.0123456789ab.part"
        for name in (PART, theirs):
            (tmp_path / name).touch()

        assert remove_parts(tmp_path, lambda name: name == "f.png") == [tmp_path / PART]
        assert os.listdir(tmp_path) == [theirs]

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("f.png", id="a frame"),
            pytest.param("f.png.0123456789ab.part", id="no leading dot"),
            pytest.param(".f.png.part", id="no random digits"),
            pytest.param(".f.png.0123456789a.part", id="too few digits"),
            pytest.param(".f.png.0123456789abc.part", id="too many digits"),
            pytest.param(".f.png.0123456789AB.part", id="capital letters"),
            pytest.param(".f.png.0123456789xy.part", id="not hexadecimal"),
            pytest.param(".f.png.0123456789ab.part2", id="a longer extension"),
            pytest.param(".f.png.0123456789ab.PART", id="an extension in capitals"),
            pytest.param("..0123456789ab.part", id="no name"),
            pytest.param("movie.mkv.part", id="another program's file"),
        ],
    )
    def test_keeps_files_with_other_names(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).touch()

        assert remove_parts(tmp_path, every_name) == []
        assert os.listdir(tmp_path) == [name]

    def test_keeps_folders(self, tmp_path: Path) -> None:
        (tmp_path / PART).mkdir()

        assert remove_parts(tmp_path, every_name) == []
        assert os.listdir(tmp_path) == [PART]

    @posix
    def test_removes_a_link_but_not_its_target(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_bytes(b"mine")
        (tmp_path / PART).symlink_to(tmp_path / "precious")

        remove_parts(tmp_path, every_name)

        assert (tmp_path / "precious").read_bytes() == b"mine"

    def test_does_not_look_into_subfolders(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / PART).touch()

        assert remove_parts(tmp_path, every_name) == []

    def test_returns_nothing_for_a_missing_folder_or_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        assert remove_parts(tmp_path / "none", every_name) == []
        assert remove_parts(tmp_path / "file", every_name) == []


def run(program: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.run(command, cwd=PACK, capture_output=True, text=True, check=True)


@contextlib.contextmanager
def started(program: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *map(str, args)]
    process = subprocess.Popen(command, cwd=PACK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
