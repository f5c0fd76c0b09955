"""Save Image Sequence (Batch): which files its widgets name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from io_utils.errors import FileTypeError, PathError, PatternError
from io_utils.formats.file_type import FileType
from io_utils.naming.file_sequence import FileSequence
from io_utils.saving.plan_batch import BatchSaveRequest

from ..disk import shades
from .savers import JPG, PNG, WITH_WORKFLOW

PNG16 = FileType.PNG16


def batch(pattern: str, start: int = 0, filetype: FileType | None = PNG) -> BatchSaveRequest:
    return BatchSaveRequest(path_pattern=pattern, start_index=start, chosen_type=filetype)


def batch_sequence(text: str, filetype: FileType | None) -> tuple[FileSequence, FileType]:
    request = batch(text, filetype=filetype).for_images([])
    return request.sequence(), request.filetype


class TestBatch:
    def test_is_numbered_from_the_start_index(self, output: Path) -> None:
        frames = batch("f_##.png", 8).frames([shades(10, 20), shades(30), shades(40, 50)])

        assert [frame.number for frame in frames] == [8, 9, 10, 11, 12]
        assert [int(frame.image.max() * 255) for frame in frames] == [10, 20, 30, 40, 50]  # type: ignore[union-attr]

    def test_of_one_image_needs_no_number(self, output: Path) -> None:
        assert [frame.path for frame in batch("still.png", 8).frames([shades(10)])] == [output / "still.png"]

    @pytest.mark.parametrize("batches", [[shades(1, 2)], [shades(1), shades(2)]], ids=["a batch", "a list"])
    def test_of_several_images_needs_a_number(self, output: Path, batches: list[torch.Tensor]) -> None:
        with pytest.raises(PatternError, match=r"still_\{:06d\}\.png.*2 frames"):
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
            pytest.param("f_####.png", PNG16, "f_0007.png", PNG16, id=".png leaves the bit depth open"),
            pytest.param("f_####.exr", FileType.EXR_HALF, "f_0007.exr", FileType.EXR_HALF, id="so does .exr"),
            pytest.param("f_####.jpg", None, "f_0007.jpg", JPG, id="as the extension says: .jpg"),
            pytest.param("f_####.jpeg", None, "f_0007.jpeg", JPG, id="as the extension says: .jpeg"),
            pytest.param("f_####.png", None, "f_0007.png", WITH_WORKFLOW, id="as the extension says: .png"),
            pytest.param("f_####.EXR", None, "f_0007.EXR", FileType.EXR, id="as the extension says: .EXR"),
            pytest.param("f_####", None, "f_0007.png", WITH_WORKFLOW, id="as the extension says, but there is none"),
            pytest.param("f_####.PNG", PNG, "f_0007.PNG", PNG, id="in capitals"),
            pytest.param("f_####", JPG, "f_0007.jpg", JPG, id="no extension leaves it all"),
            pytest.param("shot.####", PNG, "shot.0007.png", PNG, id="what comes before the number is not an extension"),
            pytest.param("v1.2/####", PNG, "v1.2/0007.png", PNG, id="nor is a dot in a folder"),
            pytest.param("####/beauty", PNG, "0007/beauty.png", PNG, id="a folder for each frame"),
        ],
    )
    def test_is_named_by_the_pattern(
        self, output: Path, text: str, filetype: FileType | None, file: str, kind: FileType
    ) -> None:
        sequence, found = batch_sequence(text, filetype)

        assert (sequence.file(7), found) == (output / file, kind)

    @pytest.mark.parametrize(
        ("text", "filetype", "extension"),
        [
            pytest.param("f_####.png", FileType.EXR, ".exr", id="no 8-bit PNG for somebody who chose EXR"),
            pytest.param("f_####.exr", WITH_WORKFLOW, ".png", id="no EXR for somebody who chose PNG"),
            pytest.param("f_####.jpeg", PNG, ".png", id="nor JPG"),
            pytest.param("f_####.PNG", JPG, ".jpg", id="in capitals"),
            pytest.param("still.png", FileType.WEBP_LOSSY, ".webp", id="without a number"),
        ],
    )
    def test_of_another_type_than_the_widget_says_is_an_error_with_both_ways_out(
        self, output: Path, text: str, filetype: FileType, extension: str
    ) -> None:
        remedy = f"""Set filetype to "as the pattern's extension says", or end path_pattern in '{extension}': """
        facts = f"filetype is {filetype.value!r}, but the pattern {text!r} ends in "

        with pytest.raises(ValueError, match=re.escape(remedy + facts)):
            batch_sequence(text, filetype)

    @pytest.mark.parametrize("text", ["f_####.dpx", "f_####.tif", "f_####.part"])
    def test_of_an_unsupported_type_is_an_error_naming_the_supported_ones(self, output: Path, text: str) -> None:
        with pytest.raises(FileTypeError, match=r"\.png.*\.jpg"):
            batch_sequence(text, PNG)

    @pytest.mark.parametrize("text", ["", ".png", "a/", "a/.png", "/", "./", "shot####/", "f_####.exr/", "a/####/.png"])
    def test_without_a_name_is_an_error(self, output: Path, text: str) -> None:
        with pytest.raises((PathError, PatternError), match=r"Write|For example"):
            batch_sequence(text, PNG)

    @pytest.mark.parametrize("text", ["####", "a/####.png", "#.jpg"])
    def test_named_only_by_a_number_is_fine(self, output: Path, text: str) -> None:
        batch_sequence(text, None)

    @pytest.mark.parametrize(
        "text", ["../f_##.png", "/etc/f_##.png", "a/../../f_##.png", "##/../../f.png", "C:\\f##.png"]
    )
    def test_elsewhere_is_refused(self, output: Path, text: str) -> None:
        with pytest.raises(PathError):
            batch_sequence(text, PNG)
