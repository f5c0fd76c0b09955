"""ResumeRequest: the next frame of a sequence that is partly on disk."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from io_utils.errors import MixedTakesError, PathError, PatternError
from io_utils.loading.resume import ResumeRequest
from io_utils.policies import Indexing, ResumeAt

from ..disk import needs_links

NUMERIC, ALPHABETIC = Indexing.NUMERIC, Indexing.ALPHABETIC
AFTER_LAST, FIRST_GAP = ResumeAt.AFTER_LAST, ResumeAt.FIRST_GAP


@pytest.fixture
def shot(base: Path) -> Path:
    (base / "output" / "shot").mkdir(parents=True)
    return base / "output" / "shot"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.lower().endswith((".png", ".jpg", ".jpeg", ".tiff")):
            Image.new("L", (1, 1)).save(folder / name)
        else:
            (folder / name).write_bytes(b"some other file")


def following(
    pattern: str = "*", indexing: Indexing = NUMERIC, resume_at: ResumeAt = AFTER_LAST, directory: str = "shot"
) -> int:
    request = ResumeRequest(directory_path=directory, pattern=pattern, indexing=indexing, resume_at=resume_at)
    return request.next_frame()


class TestNext:
    @pytest.mark.parametrize(
        ("names", "after_last", "first_gap"),
        [
            pytest.param([], 0, 0, id="an empty folder"),
            pytest.param(["f_00000.png", "f_00001.png", "f_00002.png"], 3, 3, id="no gap"),
            pytest.param(["f_00000.png", "f_00002.png", "f_00003.png"], 4, 1, id="a gap"),
            pytest.param(["f_00005.png"], 6, 0, id="no first frame"),
            pytest.param([f"f_{n:05d}.png" for n in range(12)], 12, 12, id="more than there are to be"),
            pytest.param(["frame0.png", "frame1.png"], 2, 2, id="no underscore"),
            pytest.param(["0.png", "1.png"], 2, 2, id="nothing but a number"),
            pytest.param(["v2.0000.jpg", "v2.0001.jpg"], 2, 2, id="other digits in the name"),
            pytest.param([f"f_{n}.png" for n in (8, 9, 10, 11)], 12, 0, id="no padding"),
            pytest.param(["f_00000.PNG", "f_00001.TIFF"], 2, 2, id="in capitals"),
            pytest.param(["cover.png", "f_00000.png"], 1, 1, id="a picture without a number"),
            pytest.param(["f_00000.png", "f_00007.txt", "f_00008.mp4", "notes_9"], 1, 1, id="files other than images"),
            pytest.param(["f_00000.png", ".f_00007.png", ".f_00003.png.0123456789ab.part"], 1, 1, id="hidden files"),
        ],
    )
    def test_by_the_number_in_the_name(self, shot: Path, names: list[str], after_last: int, first_gap: int) -> None:
        touch(shot, *names)

        assert following() == after_last
        assert following(resume_at=FIRST_GAP) == first_gap

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            pytest.param([], 0, id="an empty folder"),
            pytest.param(["a.png", "b.png", "c.png"], 3, id="names without numbers"),
            pytest.param(["f_00000.png", "f_00002.png"], 2, id="a gap does not count"),
            pytest.param(["frame0.png", "frame1.png", "cover.jpg"], 3, id="every image counts"),
            pytest.param(["a.png", "b.txt", ".c.png"], 1, id="images only"),
        ],
    )
    @pytest.mark.parametrize("resume_at", [AFTER_LAST, FIRST_GAP])
    def test_by_how_many_files_there_are(
        self, shot: Path, names: list[str], expected: int, resume_at: ResumeAt
    ) -> None:
        touch(shot, *names)

        assert following(indexing=ALPHABETIC, resume_at=resume_at) == expected

    def test_in_a_folder_that_does_not_exist_yet_is_the_first(self, base: Path) -> None:
        assert following(directory="new/shot") == 0
        assert not (base / "output").exists()

    def test_in_a_folder_that_is_a_file_is_the_first(self, shot: Path) -> None:
        touch(shot, "notes")

        assert following(directory="shot/notes") == 0

    def test_in_the_output_folder_itself(self, shot: Path) -> None:
        touch(shot.parent, "f_00002.png")

        assert following(directory="") == 3

    @pytest.mark.parametrize("directory", ["..", "/etc", "shot/../.."])
    def test_elsewhere_is_refused(self, shot: Path, directory: str) -> None:
        with pytest.raises(PathError):
            following(directory=directory)


class TestPattern:
    @pytest.fixture(autouse=True)
    def _two_sequences(self, shot: Path) -> None:
        touch(
            shot,
            "frame_00000.png",
            "frame_00001.png",
            "frame_00001.jpg",
            "other_00007.png",
            "frame_9.png",
            "logo_42.png",
        )

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            pytest.param("*", 43, id="all"),
            pytest.param("frame_*", 10, id="one prefix"),
            pytest.param("frame_?????.png", 2, id="five characters"),
            pytest.param("frame_0*.png|other_*.png", 8, id="two globs"),
            pytest.param("other_[0-9]*", 8, id="a set of characters"),
            pytest.param("FRAME_*", 0, id="case counts"),
            pytest.param("nothing_*|no", 0, id="no match"),
            pytest.param("", 0, id="empty"),
        ],
    )
    def test_with_wildcards(self, pattern: str, expected: int) -> None:
        assert following(pattern) == expected

    @pytest.mark.parametrize("pattern", ["frame_{:05d}.png", "frame_%05d.png", "frame_#####.png"])
    def test_with_a_frame_number_is_exact(self, pattern: str) -> None:
        assert following(pattern) == 2
        assert following(pattern, ALPHABETIC) == 2

    def test_with_a_frame_number_and_no_padding(self) -> None:
        assert following("frame_{}.png") == 10

    @pytest.mark.parametrize("pattern", ["a/*.png", "a\\*.png", "a/f_####.png"])
    def test_with_a_folder_says_where_to_write_it(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="directory_path"):
            following(pattern)

    @pytest.mark.parametrize("pattern", ["{x}", "{:5d}.png", "##_##.png", "frame_{.png"])
    def test_that_is_invalid_is_an_error_with_the_nearest_valid_one(self, pattern: str) -> None:
        with pytest.raises(PatternError, match="Write for example"):
            following(pattern)


class TestBatchFolders:
    def test_count_a_frame_once_all_have_it(self, shot: Path) -> None:
        touch(shot, *(f"batch_0000/f_{n:05d}.png" for n in range(4)), *(f"batch_0001/f_{n:05d}.png" for n in range(3)))

        assert following() == 3

    def test_may_have_gaps(self, shot: Path) -> None:
        touch(shot, *(f"batch_0000/f_{n:05d}.png" for n in (0, 1, 2, 3)))
        touch(shot, *(f"batch_0001/f_{n:05d}.png" for n in (0, 2, 3)))

        assert following(resume_at=FIRST_GAP) == 1
        assert following() == 4

    @pytest.mark.parametrize("resume_at", list(ResumeAt))
    @pytest.mark.parametrize(
        ("single", "batch"),
        [
            pytest.param(10, 4, id="a stale take of single files must not end the batch"),
            pytest.param(4, 10, id="a stale batch must not end the single files"),
        ],
    )
    def test_beside_single_files_that_lead_elsewhere_are_an_error_naming_both(
        self, shot: Path, single: int, batch: int, resume_at: ResumeAt
    ) -> None:
        touch(shot, *(f"f_{n:05d}.png" for n in range(single)))
        touch(shot, *(f"batch_000{index}/f_{n:05d}.png" for n in range(batch) for index in range(2)))

        with pytest.raises(MixedTakesError, match=rf"^Move the take.* frame {single}, .*frame {batch}\.") as caught:
            following(resume_at=resume_at)
        assert (caught.value.single, caught.value.batch) == (single, batch)

    def test_beside_single_files_that_lead_to_the_same_frame_are_fine(self, shot: Path) -> None:
        touch(shot, "f_00000.png", "f_00001.png", "batch_0000/f_00001.png", "batch_0001/f_00001.png")

        assert following() == 2

    def test_with_a_gap_between_them_lack_the_frames_of_one(self, shot: Path) -> None:
        touch(shot, *(f"batch_000{index}/f_0000{n}.png" for index in (0, 2) for n in range(3)))
        touch(shot, "batch_x/f_00009.png", "batch_0000.old/f_00009.png")
        assert following() == 0
        assert following(resume_at=FIRST_GAP) == 0
        touch(shot, "batch_0001/f_00000.png", "batch_0001/f_00001.png")
        assert following() == 2

        (shot / "batch_0002" / "f_00002.png").unlink()
        assert following() == 2

    def test_without_any_of_these_frames_do_not_count(self, shot: Path) -> None:
        touch(shot, "batch_0000/f_00000.png", "batch_0001/f_00000.png", "batch_0002/other_00000.png")
        (shot / "batch_0003").mkdir()

        assert following("f_#####.png") == 1

    def test_with_only_torn_frames_do_count(self, shot: Path) -> None:
        touch(shot, "batch_0000/f_00000.png", "batch_0001/f_00000.png")
        (shot / "batch_0001" / "f_00000.png").write_bytes(b"")

        assert following() == 0

    def test_match_the_pattern_too(self, shot: Path) -> None:
        touch(shot, "batch_0000/f_00000.png", "batch_0000/other_00007.png")

        assert following("f_{:05d}.png") == 1
        assert following("f_*") == 1

    @needs_links
    def test_that_lead_out_of_the_allowed_folders_are_not_listed(self, shot: Path, base: Path) -> None:
        touch(base / "elsewhere", "f_00007.png")
        (shot / "batch_0000").symlink_to(base / "elsewhere", target_is_directory=True)

        try:
            assert following() == 0
        except PathError as error:
            assert "batch_0000" in str(error)  # noqa: PT017 both refusing and ignoring it are right


def test_a_folder_named_like_a_frame_is_not_one(shot: Path) -> None:
    touch(shot, "f_00000.png")
    (shot / "f_00007.png").mkdir()

    assert following() == 1
    assert following("f_{:05d}.png") == 1


class TestFingerprint:
    @pytest.mark.parametrize(("indexing", "expected"), [(NUMERIC, "8"), (ALPHABETIC, "1")])
    def test_is_the_next_frame(self, shot: Path, indexing: Indexing, expected: str) -> None:
        touch(shot, "f_00007.png")

        assert ResumeRequest(directory_path="shot", indexing=indexing).fingerprint() == expected

    @pytest.mark.parametrize(
        ("directory", "pattern", "indexing", "resume_at"),
        [
            ("..", "*", "numeric", "after last"),
            ("shot", "{x}", "numeric", "after last"),
            ("shot", "a/*", "numeric", "after last"),
            ("shot", "*", "by chance", "after last"),
            ("shot", "*", "numeric", "never"),
            ("\0", "*", "numeric", "after last"),
        ],
    )
    def test_of_a_folder_that_cannot_be_counted_says_why(
        self, shot: Path, pack: ModuleType, directory: str, pattern: str, indexing: str, resume_at: str
    ) -> None:
        node = pack.NODE_CLASS_MAPPINGS["ImageSequenceFrameCounterFromDirectory"]
        found = node.IS_CHANGED(directory_path=directory, pattern=pattern, indexing=indexing, resume_at=resume_at)

        assert isinstance(found, str)
        assert not found.isdigit()


@pytest.mark.parametrize("resume_at", list(ResumeAt))
@pytest.mark.parametrize("left", [0, 20, -1], ids=["nothing", "a start", "all but a byte"])
def test_a_torn_frame_at_the_end_is_rendered_again(shot: Path, left: int, resume_at: ResumeAt) -> None:
    touch(shot, "f_00000.png", "f_00001.png")
    torn = shot / "f_00001.png"
    torn.write_bytes(torn.read_bytes()[:left])

    assert following(resume_at=resume_at) == 1


@needs_links
class TestAFrameThatIsALink:
    def test_out_of_the_allowed_folders_is_not_opened_and_does_not_count(self, shot: Path, base: Path) -> None:
        touch(shot, "f_00000.png")
        touch(base, "elsewhere.png")
        (shot / "f_00001.png").symlink_to(base / "elsewhere.png")

        assert following() == 1
        touch(shot, "f_00002.png")
        assert (following(), following(resume_at=FIRST_GAP)) == (3, 1)

    def test_to_a_frame_in_an_allowed_folder_counts(self, shot: Path) -> None:
        touch(shot, "f_00000.png", "shared/x.png")
        (shot / "f_00001.png").symlink_to(shot / "shared" / "x.png")

        assert following() == 2
