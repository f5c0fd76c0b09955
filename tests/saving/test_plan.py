"""Which files the widgets of the frame-index and batch savers mean."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import torch

from io_utils import host
from io_utils.errors import FileTypeError, FrameExistsError, PathError, PatternError
from io_utils.formats.file_type import FileType
from io_utils.naming.file_sequence import FileSequence
from io_utils.policies import OnExisting
from io_utils.saving.plan_batch import BatchSaveRequest
from io_utils.saving.plan_indexed import IndexedRequest
from io_utils.wire import UNRENDERED

from ..disk import put, shades, tear

NOW = datetime(2024, 3, 5, 7, 8, 9, tzinfo=timezone.utc)
PNG, WITH_WORKFLOW, JPG = FileType.PNG, FileType.PNG_WITH_WORKFLOW, FileType.JPG


def indexed(prefix: str, number: int = 7, digits: int = 5, filetype: FileType = PNG, **more: Any) -> IndexedRequest:
    return IndexedRequest(
        filename_prefix=prefix, current_frame=number, digits=digits, filetype=filetype, now=NOW, **more
    )


def frame_7(prefix: str, digits: int = 5, filetype: FileType = PNG, image: torch.Tensor | None = None) -> str:
    """The path of frame 7 below the output folder."""
    path = indexed(prefix, 7, digits, filetype).sequence(image).file(7)
    return path.relative_to(Path.cwd() / "output").as_posix()


class TestIndexed:
    @pytest.mark.parametrize(
        ("prefix", "file"),
        [
            pytest.param("Sequence", "Sequence/Sequence_00007.png", id="a name"),
            pytest.param("a/b/c", "a/b/c/c_00007.png", id="folders, the last one named twice only"),
            pytest.param("nest/seq", "nest/seq/seq_00007.png", id="one folder"),
            pytest.param("a\\b", "a/b/b_00007.png", id="a backslash"),
            pytest.param("shots/", "shots/shots_00007.png", id="a slash at the end"),
            pytest.param("./shots", "shots/shots_00007.png", id="a dot in front"),
            pytest.param("a//b", "a/b/b_00007.png", id="two slashes"),
            pytest.param("v1.2", "v1.2/v1.2_00007.png", id="a dot in the name"),
            pytest.param(
                "{seed} 50%done", "{seed} 50%done/{seed} 50%done_00007.png", id="other braces and signs are text"
            ),
            pytest.param("me@home", "me@home/me@home_00007.png", id="an @ between words is text"),
            pytest.param("f.pngs", "f.pngs/f.pngs_00007.png", id="a dot and a word"),
            pytest.param("naïve 日本", "naïve 日本/naïve 日本_00007.png", id="any script"),
        ],
    )
    def test_is_a_folder_and_files_of_its_name(self, output: Path, prefix: str, file: str) -> None:
        assert frame_7(prefix) == file

    @pytest.mark.parametrize(
        ("prefix", "file"),
        [
            ("%year%%month%%day%", "20240305/20240305_00007.png"),
            ("%date:yyyy-MM-dd%/take", "2024-03-05/take/take_00007.png"),
            ("%hour%%minute%%second%", "070809/070809_00007.png"),
            ("shot_%width%x%height%", "shot_6x4/shot_6x4_00007.png"),
        ],
    )
    def test_fills_in_tokens(self, output: Path, prefix: str, file: str) -> None:
        assert frame_7(prefix, image=shades(1)) == file

    @pytest.mark.parametrize(("digits", "file"), [(0, "s/s_7.png"), (1, "s/s_7.png"), (3, "s/s_007.png")])
    def test_pads(self, output: Path, digits: int, file: str) -> None:
        assert frame_7("s", digits) == file

    def test_has_the_extension_of_its_file_type(self, output: Path) -> None:
        assert frame_7("s", filetype=JPG) == "s/s_00007.jpg"

    @pytest.mark.parametrize(
        "prefix", ["", "/", ".", "./", "a/.", "   ", "..", "../zone", "a/../../b", "/etc/x", "C:x"]
    )
    def test_refuses_what_names_no_sequence_in_the_output_folder(self, output: Path, prefix: str) -> None:
        with pytest.raises(PathError):
            frame_7(prefix)

    @pytest.mark.parametrize(
        ("prefix", "better"),
        [
            ("f_####", "f"),
            ("f_#", "f"),
            ("f_%04d", "f"),
            ("f.%d", "f"),
            ("f_$F4", "f"),
            ("f_$F", "f"),
            ("f_${F4}", "f"),
            ("f_@@@@", "f"),
            ("f_{:04d}", "f"),
            ("f_{}", "f"),
            ("f_{i:04d}", "f"),
            ("f_{frame}", "f"),
            ("f_[####]", "f"),
            ("f_<frame>", "f"),
            ("f.$FF", "f"),
            ("f_%+04d", "f"),
            ("f_####_beauty", "f_beauty"),
            ("####_beauty", "beauty"),
            ("shots/f_####", "shots/f"),
            ("shots\\f_####\\", "shots/f"),
            ("shots/####", "shots"),
            ("####", "Sequence"),
            ("take_####/f", "take/f"),
            ("%year%/f_####", "%year%/f"),
        ],
    )
    def test_refuses_a_frame_number_which_is_added_by_itself(self, output: Path, prefix: str, better: str) -> None:
        with pytest.raises(PathError) as caught:
            frame_7(prefix)

        assert str(caught.value).startswith(f"The path {prefix!r} has a frame number in it, ")
        assert str(caught.value).endswith(f". The frame number is added by itself: write {better!r}.")
        frame_7(better)

    @pytest.mark.parametrize(
        ("prefix", "better"),
        [
            ("f.png", "f"),
            ("a/f.JPG", "a/f"),
            ("f.exr", "f"),
            ("f.v2.tiff", "f.v2"),
            ("f_####.png", "f"),
            ("a/.png", "a"),
            (".png", "Sequence"),
            ("%year%.png", "%year%"),
        ],
    )
    def test_refuses_an_extension_which_is_added_by_itself(self, output: Path, prefix: str, better: str) -> None:
        with pytest.raises(PathError) as caught:
            frame_7(prefix)

        assert str(caught.value).endswith(
            f"The frame number and the extension are added by themselves: write {better!r}."
        )
        frame_7(better)

    def test_says_what_a_prefix_looks_like(self, output: Path) -> None:
        with pytest.raises(PathError, match="Sequence"):
            frame_7("")

    def test_takes_an_output_folder_whose_own_name_looks_like_a_number(
        self, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = base / "take #2"
        monkeypatch.setattr(host, "folder", lambda kind: folder if kind == "output" else base / kind)

        assert indexed(f"{folder}/a").sequence().file(7) == folder / "a" / "a_00007.png"
        with pytest.raises(PathError, match="write 'a'"):
            indexed(f"{folder}/a_##").sequence()

    def test_takes_an_absolute_prefix_inside_the_output_folder(self, output: Path) -> None:
        assert frame_7(f"{output}/a/b") == "a/b/b_00007.png"


class TestIndexedFrame:
    def test_is_the_one_image_under_its_number(self, output: Path) -> None:
        frame = indexed("s").frame(shades(10))

        assert (frame.number, frame.path) == (7, output / "s" / "s_00007.png")
        assert torch.equal(frame.image, shades(10)[0])  # type: ignore[arg-type]

    def test_may_have_been_left_unrendered(self, output: Path) -> None:
        assert indexed("s").frame(UNRENDERED).image is UNRENDERED

    @pytest.mark.parametrize("count", [2, 3])
    def test_of_a_batch_is_an_error_that_names_the_node_for_batches(self, output: Path, count: int) -> None:
        with pytest.raises(ValueError, match=rf"7.*{count} images.*Save Image Sequence \(Batch\)"):
            indexed("s").frame(shades(*range(count)))


def needs_image(prefix: str, number: int, on_existing: OnExisting = OnExisting.SKIP) -> bool:
    return indexed(prefix, number, on_existing=on_existing).needs_image()


class TestIndexedNeedsImage:
    def test_of_a_frame_on_disk_only_if_it_is_to_be_overwritten(self, output: Path) -> None:
        put(output / "s" / "s_00007.png")

        assert [needs_image("s", number) for number in (6, 7, 8)] == [True, False, True]
        assert needs_image("s", 7, OnExisting.OVERWRITE)

    def test_refuses_a_frame_on_disk_before_it_is_rendered_under_error(self, output: Path) -> None:
        put(output / "s" / "s_00007.png")

        with pytest.raises(FrameExistsError, match=r"Frame 7 exists.*s_00007\.png"):
            needs_image("s", 7, OnExisting.ERROR)
        assert needs_image("s", 8, OnExisting.ERROR)

    def test_of_a_torn_frame(self, output: Path) -> None:
        tear(put(output / "s" / "s_00007.png"))

        assert needs_image("s", 7)

    @pytest.mark.parametrize("token", ["%width%", "%height%"])
    def test_where_only_the_image_tells_the_name(self, output: Path, token: str) -> None:
        put(output / "s_0" / "s_0_00007.png")

        assert needs_image(f"s_{token}", 7)


def batch(pattern: str, start: int = 0, filetype: FileType = PNG) -> BatchSaveRequest:
    return BatchSaveRequest(path_pattern=pattern, start_index=start, filetype=filetype)


def batch_sequence(text: str, filetype: FileType) -> tuple[FileSequence, FileType]:
    request = batch(text, filetype=filetype).for_images([])
    return request.sequence(), request.filetype


class TestBatch:
    def test_counts_on_from_the_start(self, output: Path) -> None:
        frames = batch("f_##.png", 8).frames([shades(10, 20), shades(30), shades(40, 50)])

        assert [frame.number for frame in frames] == [8, 9, 10, 11, 12]
        assert [int(frame.image.max() * 255) for frame in frames] == [10, 20, 30, 40, 50]  # type: ignore[union-attr]

    def test_of_one_needs_no_number(self, output: Path) -> None:
        assert [frame.path for frame in batch("still.png", 8).frames([shades(10)])] == [output / "still.png"]

    @pytest.mark.parametrize("batches", [[shades(1, 2)], [shades(1), shades(2)]], ids=["a batch", "a list"])
    def test_of_several_needs_a_number(self, output: Path, batches: list[torch.Tensor]) -> None:
        with pytest.raises(PatternError, match=r"2 frames.*still_\{:06d\}\.png"):
            batch("still.png").frames(batches)

    def test_of_no_images_is_an_error(self, output: Path) -> None:
        with pytest.raises(ValueError, match=r"no image to save to .*f_\{:01d\}\.png"):
            batch("f_#.png").frames([torch.zeros(0, 4, 6, 3)])


class TestBatchSequence:
    @pytest.mark.parametrize(
        ("text", "filetype", "file", "kind"),
        [
            pytest.param("./frame{:06d}.png", WITH_WORKFLOW, "frame000007.png", WITH_WORKFLOW, id="the default"),
            pytest.param("f_%04d.png", PNG, "f_0007.png", PNG, id=".png leaves the choice about the workflow"),
            pytest.param("f_####.jpg", WITH_WORKFLOW, "f_0007.jpg", JPG, id=".jpg decides"),
            pytest.param("f_####.jpeg", PNG, "f_0007.jpeg", JPG, id=".jpeg decides"),
            pytest.param("f_####.png", JPG, "f_0007.png", WITH_WORKFLOW, id=".png decides"),
            pytest.param("f_####.PNG", PNG, "f_0007.PNG", PNG, id="in capitals"),
            pytest.param("f_####", JPG, "f_0007.jpg", JPG, id="no extension leaves it all"),
            pytest.param("shot.####", PNG, "shot.0007.png", PNG, id="what comes before the number is not an extension"),
            pytest.param("v1.2/####", PNG, "v1.2/0007.png", PNG, id="nor is a dot in a folder"),
            pytest.param("####/beauty", PNG, "0007/beauty.png", PNG, id="a folder for each frame"),
        ],
    )
    def test_is_named_by_the_pattern(
        self, output: Path, text: str, filetype: FileType, file: str, kind: FileType
    ) -> None:
        sequence, found = batch_sequence(text, filetype)

        assert (sequence.file(7), found) == (output / file, kind)

    @pytest.mark.parametrize("text", ["f_####.dpx", "f_####.tif", "f_####.part"])
    def test_of_another_type_is_an_error_that_names_those_there_are(self, output: Path, text: str) -> None:
        with pytest.raises(FileTypeError, match=r"\.png.*\.jpg"):
            batch_sequence(text, PNG)

    @pytest.mark.parametrize("text", ["", ".png", "a/", "a/.png", "/", "./", "shot####/", "f_####.exr/", "a/####/.png"])
    def test_of_no_name_is_an_error(self, output: Path, text: str) -> None:
        with pytest.raises((PathError, PatternError), match="Write"):
            batch_sequence(text, PNG)

    @pytest.mark.parametrize("text", ["####", "a/####.png", "#.jpg"])
    def test_of_nothing_but_a_number_is_fine(self, output: Path, text: str) -> None:
        batch_sequence(text, PNG)

    @pytest.mark.parametrize(
        "text", ["../f_##.png", "/etc/f_##.png", "a/../../f_##.png", "##/../../f.png", "C:\\f##.png"]
    )
    def test_elsewhere_is_refused(self, output: Path, text: str) -> None:
        with pytest.raises(PathError):
            batch_sequence(text, PNG)
