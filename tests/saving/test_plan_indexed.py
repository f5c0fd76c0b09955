"""Save Image Sequence (Frame Index): which file its widgets name, and whether its image is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from io_utils.errors import FrameExistsError, PathError
from io_utils.policies import OnExisting
from io_utils.wire import UNRENDERED

from ..disk import put, shades, tear
from .savers import JPG, frame_7, indexed


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
    def test_is_a_folder_with_files_of_its_name(self, output: Path, prefix: str, file: str) -> None:
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
    def test_refuses_a_prefix_that_names_no_sequence_in_the_output_folder(self, output: Path, prefix: str) -> None:
        with pytest.raises(PathError):
            frame_7(prefix)

    def test_shows_an_example_of_a_prefix(self, output: Path) -> None:
        with pytest.raises(PathError, match="Sequence"):
            frame_7("")

    def test_accepts_an_absolute_prefix_inside_the_output_folder(self, output: Path) -> None:
        assert frame_7(f"{output}/a/b") == "a/b/b_00007.png"


class TestIndexedFrame:
    def test_is_the_one_image_under_its_number(self, output: Path) -> None:
        frame = indexed("s").frame(shades(10))

        assert (frame.number, frame.path) == (7, output / "s" / "s_00007.png")
        assert torch.equal(frame.image, shades(10)[0])  # type: ignore[arg-type]

    def test_may_have_been_left_unrendered(self, output: Path) -> None:
        assert indexed("s").frame(UNRENDERED).image is UNRENDERED

    @pytest.mark.parametrize("count", [2, 3])
    def test_of_a_batch_is_an_error_naming_the_node_for_batches(self, output: Path, count: int) -> None:
        with pytest.raises(ValueError, match=rf"Save Image Sequence \(Batch\).* 7.*{count} images"):
            indexed("s").frame(shades(*range(count)))


def needs_image(prefix: str, number: int, on_existing: OnExisting = OnExisting.SKIP) -> bool:
    return indexed(prefix, number, on_existing=on_existing).needs_image()


class TestIndexedNeedsImage:
    def test_for_a_frame_on_disk_only_under_overwrite(self, output: Path) -> None:
        put(output / "s" / "s_00007.png")

        assert [needs_image("s", number) for number in (6, 7, 8)] == [True, False, True]
        assert needs_image("s", 7, OnExisting.OVERWRITE)

    def test_refuses_a_frame_on_disk_before_rendering_under_error(self, output: Path) -> None:
        put(output / "s" / "s_00007.png")

        with pytest.raises(FrameExistsError, match=r"Frame 7 exists.*s_00007\.png"):
            needs_image("s", 7, OnExisting.ERROR)
        assert needs_image("s", 8, OnExisting.ERROR)

    def test_for_a_torn_frame(self, output: Path) -> None:
        tear(put(output / "s" / "s_00007.png"))

        assert needs_image("s", 7)

    @pytest.mark.parametrize("token", ["%width%", "%height%"])
    def test_if_the_name_depends_on_the_image(self, output: Path, token: str) -> None:
        put(output / "s_0" / "s_0_00007.png")

        assert needs_image(f"s_{token}", 7)
