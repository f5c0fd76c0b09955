"""Batch folders on a disk: which of them count, which frames are complete in them, and which folders are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from io_utils.errors import PathError
from io_utils.naming.allowed_roots import Root, root_of
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.naming.variants import Variants, batch_folder

from ..disk import needs_links, put

PATTERN = FramePattern.parse("f_####.png")


@pytest.fixture
def root(output: Path) -> Root:
    return root_of("", "output", write=True)[0]


@pytest.fixture
def shot(output: Path) -> Path:
    (output / "shot").mkdir()
    return output / "shot"


def put_frames(shot: Path, **frames: list[int]) -> None:
    """Write these frames into each batch folder: `put_frames(shot, batch_0000=[1, 2])`. The folders exist even if empty."""
    for folder, numbers in frames.items():
        (shot / folder).mkdir()
        for number in numbers:
            put(shot / folder / PATTERN.name(number))


def find(root: Root, shot: Path, *, strict: bool = True) -> Variants[set[int]]:
    """The frames of PATTERN in the batch folders of `shot`, read from the disk as a saver reads them."""

    def frames_in(_: int, folder: Path) -> set[int] | None:
        frames = FileSequence(root, PATTERN.within(folder.relative_to(root.path).as_posix())).frames()
        return set(frames) or None

    return Variants.find(root, shot, frames_in, strict=strict)


class TestFoldersThatCount:
    def test_are_those_with_any_frame_of_the_sequence(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[5, 6], batch_0001=[6], batch_0002=[])
        put(shot / "batch_0003" / "other_0005.png")
        put(shot / "batch_0004" / "f_0005.jpg")

        assert find(root, shot).places == {0: {5, 6}, 1: {6}}

    @pytest.mark.parametrize(
        "name", ["batch_000", "batch_00000", "batch_000a", "batch_0000 copy", "Batch_0000", "take_0000", "batch_"]
    )
    def test_have_the_exact_name_that_savers_write(self, root: Root, shot: Path, name: str) -> None:
        put_frames(shot, **{name: [1]})

        assert not find(root, shot)

    def test_have_more_digits_from_10_000_variants_on(self, root: Root, shot: Path) -> None:
        assert [batch_folder(index) for index in (0, 9_999, 10_000)] == ["batch_0000", "batch_9999", "batch_10000"]
        put_frames(shot, batch_9999=[1], batch_10000=[2])

        assert find(root, shot).places == {9_999: {1}, 10_000: {2}}

    def test_are_in_numeric_order(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_10000=[1], batch_0002=[1], batch_0010=[1])

        assert list(find(root, shot).places) == [2, 10, 10_000]

    def test_are_folders_and_not_files(self, root: Root, shot: Path) -> None:
        (shot / "batch_0000").write_bytes(b"")

        assert not find(root, shot)

    def test_are_none_in_a_folder_that_does_not_exist(self, root: Root, shot: Path) -> None:
        assert not find(root, shot / "gone")
        put(shot / "file.png")
        assert not find(root, shot / "file.png")

    def test_do_not_include_the_single_file_beside_them(self, root: Root, shot: Path) -> None:
        put(shot / "f_0007.png")

        assert not find(root, shot)


class TestGaps:
    @pytest.mark.parametrize(
        ("folders", "gaps"),
        [
            pytest.param([], "", id="no folder"),
            pytest.param([0, 1, 2], "", id="all folders"),
            pytest.param([1], "batch_0000", id="the first folder"),
            pytest.param([0, 2], "batch_0001", id="a folder in between"),
            pytest.param([0, 4], "batch_0001 to batch_0003", id="a range of folders"),
            pytest.param([0, 2, 8], "batch_0001, batch_0003 to batch_0007", id="several"),
        ],
    )
    def test_are_the_folders_missing_below_the_highest_that_counts(
        self, root: Root, shot: Path, folders: list[int], gaps: str
    ) -> None:
        put_frames(shot, **{batch_folder(index): [1] for index in folders})

        assert find(root, shot).gaps == gaps

    def test_include_an_empty_folder(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[], batch_0001=[1])

        assert find(root, shot).gaps == "batch_0000"

    def test_do_not_include_a_missing_last_folder_which_nothing_reveals(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[1], batch_0001=[])

        assert find(root, shot).gaps == ""


class TestFrames:
    def test_common_to_all_folders_are_common_and_complete(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[1, 2, 3], batch_0001=[2, 3, 4], batch_0002=[0, 2, 3])

        assert find(root, shot).common() == {2, 3}
        assert find(root, shot).complete() == {2, 3}

    def test_are_not_complete_while_a_lower_folder_is_missing(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[1, 2], batch_0002=[2])

        assert find(root, shot).common() == {2}
        assert find(root, shot).complete() == set()

    def test_are_neither_common_nor_complete_where_no_folder_counts(self, root: Root, shot: Path) -> None:
        assert find(root, shot).common() == find(root, shot).complete() == set()

    def test_are_lacking_in_the_folders_without_them(self, root: Root, shot: Path) -> None:
        put_frames(shot, batch_0000=[1, 2], batch_0001=[2, 3], batch_0002=[2])
        variants = find(root, shot)

        assert variants.lacking(lambda frames: 1 in frames) == [{2, 3}, {2}]
        assert variants.lacking(lambda frames: 2 in frames) == []


def test_every_folder_is_asked_for_a_frame_even_after_one_lacks_it(root: Root, shot: Path) -> None:
    """The question can raise, for example for a file that is a link to somewhere else."""
    put_frames(shot, batch_0000=[1], batch_0001=[2])

    def has_frame(frames: set[int]) -> bool:
        if 2 in frames:
            raise PathError("batch_0001", "is broken", "Mend it.")
        return False

    with pytest.raises(PathError, match="batch_0001"):
        find(root, shot).lacking(has_frame)


@needs_links
class TestABatchFolderThatIsALink:
    @pytest.fixture(autouse=True)
    def _frames(self, shot: Path) -> None:
        put_frames(shot, batch_0000=[1, 2])

    def test_counts_if_it_leads_to_an_allowed_folder(self, root: Root, shot: Path) -> None:
        put(shot / "elsewhere" / "f_0002.png")
        (shot / "batch_0001").symlink_to(shot / "elsewhere", target_is_directory=True)

        assert find(root, shot).complete() == {2}

    def test_is_an_error_if_it_leads_out_of_the_allowed_folders(self, root: Root, shot: Path, base: Path) -> None:
        put(base / "elsewhere" / "f_0002.png")
        (shot / "batch_0001").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(PathError, match="batch_0001"):
            find(root, shot)

    def test_is_left_out_of_a_look_that_must_not_fail(self, root: Root, shot: Path, base: Path) -> None:
        put(base / "elsewhere" / "f_0002.png")
        (shot / "batch_0001").symlink_to(base / "elsewhere", target_is_directory=True)

        assert find(root, shot, strict=False).places == {0: {1, 2}}

    def test_does_not_count_if_it_leads_nowhere(self, root: Root, shot: Path) -> None:
        (shot / "batch_0001").symlink_to(shot / "gone", target_is_directory=True)

        assert find(root, shot).places == {0: {1, 2}}
