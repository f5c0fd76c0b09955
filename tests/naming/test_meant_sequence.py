"""SequenceText: the one sequence that a folder, wildcards, the path of a frame or a pattern of another padding means."""

from __future__ import annotations

from pathlib import Path

import pytest

from io_utils.errors import (
    FolderMissingError,
    InputError,
    OutsideError,
    PathError,
    PatternError,
    SequenceChoiceError,
    SequenceMissingError,
)
from io_utils.naming.allowed_roots import roots_file
from io_utils.naming.meant_sequence import Meant, SequenceText

from ..disk import forbid_listing, needs_links, put, put_frames


def meant(text: str, frames: int = 0, kind: str = "output") -> Meant:
    return SequenceText.parse(text, kind).meant(frames)


def pattern(text: str, frames: int = 0, kind: str = "output") -> str:
    return str(meant(text, frames, kind).sequence.pattern)


@pytest.fixture
def plate(output: Path) -> Path:
    """Frames 1001 to 1003 of output/shots/plate.{:04d}.png."""
    put_frames(output / "shots", 1001, 1002, 1003, name="plate.{:04d}.png")
    return output / "shots"


class TestOneSequence:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("shots", id="a folder"),
            pytest.param("shots/", id="a folder with a slash"),
            pytest.param("./shots\\", id="a folder as Windows writes it"),
            pytest.param("shots/*.png", id="wildcards"),
            pytest.param("shots/*", id="any name"),
            pytest.param("shots/plate.????.png", id="question marks"),
            pytest.param("shots/plate.[0-9]*.png", id="a set of characters"),
            pytest.param("shots/*.exr|*.png", id="several wildcards"),
            pytest.param("shots/plate.1001.png", id="the path of a frame"),
            pytest.param("shots/plate.1003.png", id="the path of another frame"),
            pytest.param("shots\\plate.1002.png", id="a path as Windows writes it"),
            pytest.param("shots/plate.0007.png", id="the path of a frame that is not there"),
            pytest.param("shots/plate.1.png", id="a frame of another padding that is not there"),
            pytest.param("shots/plate.#####.png", id="too many digits"),
            pytest.param("shots/plate.%06d.png", id="too many digits of printf"),
            pytest.param("shots/plate.$F5.png", id="too many digits of Houdini"),
        ],
    )
    def test_is_meant(self, plate: Path, text: str) -> None:
        found = meant(text)

        assert str(found.sequence.pattern) == "shots/plate.{:04d}.png"
        assert not found.is_exact
        assert found.sequence.frames() == [1001, 1002, 1003]

    @pytest.mark.parametrize("text", ["", "/", "/*.png", "/plate.1001.png", "/plate.######.png"])
    def test_is_meant_by_an_absolute_path_in_an_allowed_root(self, plate: Path, text: str) -> None:
        assert pattern(f"{plate}{text}", kind="input") == "shots/plate.{:04d}.png"

    def test_is_meant_by_the_chosen_folder_itself(self, output: Path) -> None:
        put_frames(output, 1)

        assert {pattern(text) for text in ("", ".", "./", "*", "f_01.png")} == {"f_{:02d}.png"}

    def test_is_meant_in_the_operator_s_folder(self, base: Path) -> None:
        put_frames(base / "renders/a", 1)
        roots_file().parent.mkdir(parents=True)
        roots_file().write_text(f"ro {base / 'renders'}")

        assert pattern(f"{base / 'renders/a'}") == "a/f_{:02d}.png"
        assert pattern(f"{base / 'renders/a/f_01.png'}") == "a/f_{:02d}.png"

    def test_is_meant_beside_images_without_a_number_and_other_files(self, plate: Path) -> None:
        for name in ("cover.png", ".hidden_0001.png", "notes_01.txt"):
            put(plate / "x.png").rename(plate / name)

        assert pattern("shots") == "shots/plate.{:04d}.png"

    def test_is_meant_by_a_frame_with_signs_behind_its_number(self, output: Path) -> None:
        put_frames(output, 1, 2, name="ComfyUI_{:05d}_.png")

        assert pattern("ComfyUI_00001_.png") == "ComfyUI_{:05d}_.png"

    def test_is_chosen_by_wildcards_among_several(self, plate: Path) -> None:
        put_frames(plate, 1001, name="mask.{:04d}.png")

        assert pattern("shots/p*.png") == "shots/plate.{:04d}.png"
        assert pattern("shots/mask.1001.png") == "shots/mask.{:04d}.png"

    def test_of_a_frame_is_that_with_its_padding(self, output: Path) -> None:
        put_frames(output, 1, 22, name="f_{}.png")
        put_frames(output, 1, 22, name="f_{:04d}.png")

        assert pattern("f_0001.png") == "f_{:04d}.png"
        assert pattern("f_22.png") == "f_{}.png"

    @needs_links
    def test_is_found_through_a_link_that_stays_inside(self, base: Path, plate: Path) -> None:
        (plate.parent / "way").symlink_to(plate)

        assert pattern("way") == "way/plate.{:04d}.png"


class TestWrongPaddingInNumbersAsWideAsThePadding:
    """Some of the files match the pattern, so it must not load only these."""

    @pytest.mark.parametrize("text", ["a_%d.png", "a_{}.png", "a_#.png", "a_##.png", "a_###.png", "a_#####.png"])
    def test_means_the_whole_sequence(self, output: Path, text: str) -> None:
        put_frames(output, *range(990, 1011), name="a_{:04d}.png")

        found = meant(text)

        assert (str(found.sequence.pattern), found.is_exact) == ("a_{:04d}.png", False)
        assert found.frames() == [*range(990, 1011)]

    @pytest.mark.parametrize(("text", "name"), [("n_####.png", "n_{}.png"), ("n_####.png", "n_{:03d}.png")])
    def test_means_the_whole_sequence_of_a_smaller_padding(self, output: Path, text: str, name: str) -> None:
        put_frames(output, 9, 999, 1000, 1001, name=name)

        assert pattern(text) == name
        assert meant(text).frames() == [9, 999, 1000, 1001]

    def test_means_exactly_these_files_if_the_other_sequence_lacks_one(self, output: Path) -> None:
        put_frames(output, 1, 1000, name="a_{}.png")
        put_frames(output, 1, 999, name="a_{:04d}.png")

        found = meant("a_#.png")

        assert (str(found.sequence.pattern), found.is_exact) == ("a_{:01d}.png", True)
        assert found.frames() == [1, 1000]

    @pytest.mark.parametrize("text", ["a_{}.png", "a_####.png"])
    def test_means_exactly_these_files_if_there_are_no_others(self, output: Path, text: str) -> None:
        put_frames(output, 1000, 1001, name="a_{:04d}.png")

        assert meant(text).is_exact
        assert meant(text).frames() == [1000, 1001]

    def test_is_not_looked_for_if_the_first_frame_has_leading_zeros(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_frames(output, 1, 1000, name="a_{:04d}.png")
        asked = SequenceText.parse("a_####.png", "output")
        monkeypatch.setattr(SequenceText, "_files", lambda *_: pytest.fail("the folder was listed again"))

        assert asked.meant().is_exact


class TestAFolderWhoseNameLooksLikeAFrameNumber:
    @pytest.fixture(params=["take #2", "@@", "$F4", "%d", "{x}", "{{x}}", "{", "f{0}"])
    def odd(self, request: pytest.FixtureRequest, output: Path) -> str:
        put_frames(output / "chars" / request.param, 1, 2)
        return str(request.param)

    def test_is_meant_by_its_path(self, output: Path, odd: str) -> None:
        for text in (f"chars/{odd}", f"chars/{odd}/", str(output / "chars" / odd), f'"chars/{odd}"'):
            assert meant(text).sequence.file(2) == output / "chars" / odd / "f_02.png"

    @pytest.mark.parametrize("name", ["f_##.png", "f_{:02d}.png", "f_#####.png", "*.png", "f_01.png"])
    def test_may_stand_before_a_name(self, output: Path, odd: str, name: str) -> None:
        found = meant(f"chars/{odd}/{name}")

        assert found.sequence.file(2) == output / "chars" / odd / "f_02.png"
        assert str(meant(found.sequence.path_pattern).sequence.pattern) == str(found.sequence.pattern)

    def test_is_not_looked_for_outside_the_roots(self, base: Path, output: Path) -> None:
        put_frames(base / "take #2", 1)

        with pytest.raises(InputError):
            meant(f"{base}/take #2/f_##.png")

    def test_is_a_folder_for_each_frame_if_it_is_not_on_disk(self, output: Path) -> None:
        for number in (1, 2):
            put(output / f"chars/{number:04d}/f.png")

        assert meant("chars/####/f.png").frames() == [1, 2]


class TestQuotes:
    @pytest.mark.parametrize("text", ['"{}"', " {}\n", "'{}'", '"{}"\r\n', "\t{} "])
    def test_and_white_space_around_a_path_do_not_count(self, plate: Path, text: str) -> None:
        for path in ("shots", "shots/plate.1001.png", "shots/plate.####.png", f"{plate}/*.png"):
            assert pattern(text.format(path)) == "shots/plate.{:04d}.png"


class TestAnExactPattern:
    def test_with_files_is_never_reinterpreted(self, output: Path) -> None:
        put_frames(output, 1, 1000, name="f_{:03d}.png")
        put_frames(output, 1, 1000, name="f_{:04d}.png")

        found = meant("f_###.png")

        assert (str(found.sequence.pattern), found.is_exact) == ("f_{:03d}.png", True)
        assert found.frames() == [1, 1000]

    @pytest.mark.parametrize("text", ["f_####.png", "g_####.png", "f_####.PNG", "####/f.png", "f_{:02d}_{:02d}.jpg"])
    def test_without_files_and_without_a_like_means_itself(self, output: Path, text: str) -> None:
        put_frames(output, 1, name="other_{:05d}.png")

        if text.count("{") > 1:
            with pytest.raises(PatternError):
                meant(text)
        else:
            assert meant(text).is_exact

    def test_is_examined_without_looking_at_the_disk(self, plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        forbid_listing(monkeypatch)
        for text in ("shots", "shots/*.png", "shots/plate.1001.png", "shots/plate.##.png", "nowhere/at/all", ""):
            SequenceText.parse(text, "output")


class TestASingleImage:
    @pytest.mark.parametrize("name", ["still.png", "v2.png", "take1.png", "shot_v2_final.png"])
    @pytest.mark.parametrize("frames", [0, 1])
    def test_without_a_frame_number_is_itself(self, output: Path, name: str, frames: int) -> None:
        put(output / name)
        put_frames(output, 1, 2)

        found = meant(name, frames)

        assert (found.sequence.file(0), found.is_exact) == (output / name, True)

    def test_with_a_frame_number_is_itself_if_one_frame_is_wanted(self, plate: Path) -> None:
        found = meant("shots/plate.1002.png", 1)

        assert (found.sequence.file(0), found.is_exact) == (plate / "plate.1002.png", True)

    def test_alone_in_a_folder_is_meant(self, output: Path) -> None:
        put(output / "a/still.png")

        assert pattern("a") == pattern("a/*") == "a/still.png"

    def test_that_is_not_there_means_itself(self, output: Path) -> None:
        assert pattern("still.png") == "still.png"


class TestSeveralSequences:
    @pytest.fixture(autouse=True)
    def _two(self, output: Path) -> None:
        put_frames(output / "a", 1, 2, 3)
        put_frames(output / "a", 1, name="g_{:02d}.png")

    @pytest.mark.parametrize("text", ["a", "a/*.png", "a/?_*"])
    def test_are_named_with_their_frames_as_patterns_to_write(self, text: str) -> None:
        with pytest.raises(SequenceChoiceError, match=r"^Write one of these patterns instead of") as caught:
            meant(text)

        assert caught.value.patterns == ["a/f_{:02d}.png", "a/g_{:02d}.png"]
        assert "'a/f_{:02d}.png' (frames 1-3), 'a/g_{:02d}.png' (frame 1)" in str(caught.value)
        assert [pattern(each) for each in caught.value.patterns] == caught.value.patterns

    def test_of_other_paddings_are_named(self, output: Path) -> None:
        put_frames(output, 1, name="f_{:02d}.png")
        put_frames(output, 1, name="f_{:03d}.png")

        with pytest.raises(SequenceChoiceError) as caught:
            meant("f_####.png")
        assert caught.value.patterns == ["f_{:02d}.png", "f_{:03d}.png"]

    def test_are_absolute_in_another_folder(self, output: Path) -> None:
        with pytest.raises(SequenceChoiceError) as caught:
            meant(str(output / "a"), kind="input")
        assert caught.value.patterns[0] == f"{output.as_posix()}/a/f_{{:02d}}.png"


class TestNoSequence:
    def test_in_a_folder_says_what_there_is(self, output: Path) -> None:
        (output / "empty").mkdir(parents=True)
        put(output / "below/a/f_01.png")
        put(output / "stills/a.png")
        put(output / "stills/b.png")

        for text, fact in (
            ("empty", "The folder is empty"),
            ("below", "It has no files, but 1 folder, 'a'"),
            ("stills", "Without a frame number: 2 files such as 'a.png'"),
            ("stills/*.jpg", "Without a frame number"),
        ):
            with pytest.raises(SequenceMissingError, match=fact):
                meant(text)

    @pytest.mark.parametrize("text", ["a/b/c", "a/b/c/*.png", "a/b/c/"])
    def test_in_a_folder_that_is_not_there_names_the_nearest(self, output: Path, text: str) -> None:
        (output / "a").mkdir(parents=True)

        with pytest.raises(FolderMissingError) as caught:
            meant(text)
        assert (caught.value.folder, caught.value.nearest) == (output / "a/b/c", output / "a")

    @pytest.mark.parametrize("text", ["clip.mp4", "notes", "f.dpx"])
    def test_in_a_file_of_another_kind(self, output: Path, text: str) -> None:
        put(output / "x.png").rename(output / text)

        with pytest.raises(InputError, match=r"\.png.*supported extension"):
            meant(text)


class TestContainment:
    @pytest.mark.parametrize(
        "text",
        [
            "..",
            "../x",
            "../*.png",
            "../f_01.png",
            "a/../../b",
            "a*/b.png",
            "~/*.png",
            "a\0b",
            "a\0/*.png",
            "C:",
            "C:/a/*",
        ],
    )
    def test_refuses_a_path_that_breaks_a_rule(self, output: Path, text: str) -> None:
        with pytest.raises(PathError) as caught:
            SequenceText.parse(text, "output")
        assert caught.value.path == text

    @pytest.mark.parametrize("text", ["/etc", "/etc/*", "/etc/f_01.png", "/etc/passwd"])
    def test_refuses_a_path_outside(self, output: Path, text: str) -> None:
        with pytest.raises(OutsideError):
            SequenceText.parse(text, "output")

    @needs_links
    @pytest.mark.parametrize("text", ["way", "way/*.png", "way/f_01.png", "way.png"])
    def test_follows_no_link_that_leads_out(self, base: Path, output: Path, text: str) -> None:
        put_frames(base / "elsewhere", 1, 2)
        output.mkdir(exist_ok=True)
        (output / "way").symlink_to(base / "elsewhere")
        (output / "way.png").symlink_to(base / "elsewhere")

        with pytest.raises(OutsideError):
            meant(text)

    @needs_links
    def test_leaves_out_frames_that_are_links_to_other_places(self, base: Path, output: Path) -> None:
        put_frames(base / "elsewhere", 1, 2)
        put_frames(output / "a", 5, name="g_{}.png")
        for number in (1, 2):
            (output / f"a/f_0{number}.png").symlink_to(base / f"elsewhere/f_0{number}.png")

        assert pattern("a") == "a/g_{}.png"
