"""What a check finds in a sequence. Files are written by Pillow, OpenEXR, OpenCV and tifffile, and damaged here."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from io_utils.cancellable_run import Run, in_flight
from io_utils.checking import examine as examining
from io_utils.checking.check import check
from io_utils.checking.choose import CheckRequest
from io_utils.checking.examine import Damage, Examined, Fault
from io_utils.checking.report import report
from io_utils.errors import BrokenImageError, OutsideError
from io_utils.formats.exr import library
from io_utils.frame_identity import FrameIdentity
from io_utils.naming.allowed_roots import ANYWHERE
from io_utils.naming.frame_range import ranges
from io_utils.policies import Thoroughness

from .. import exr_files, kinds, sample_files
from ..disk import Fails, needs_links, put, tear
from .frames import found, put_noise, report_of

INPUTS = Path(__file__).parents[1] / "inputs"
NOISY = np.random.default_rng(0).random((kinds.HEIGHT, kinds.WIDTH, 4))


class TestAGoodSequence:
    @pytest.mark.parametrize("decode", [False, True])
    @pytest.mark.parametrize(("kind", "channels"), kinds.READ)
    def test_of_every_kind_is_good(self, output: Path, kind: str, channels: int, decode: bool) -> None:
        extension, write, *_ = kinds.KINDS[kind]
        for frame in range(1001, 1005):
            write(output / f"f.{frame}{extension}", kinds.picture(frame - 1000, channels))

        answer = report_of(f"f.####{extension}", decode=decode)

        assert (answer.is_good, found(answer), answer.missing, answer.checked) == (True, {}, "", 4)
        name = {"bmp": "BMP", "exr": "EXR", "jpg": "JPG", "png": "PNG", "webp": "WebP", "tif": "TIFF", "tiff": "TIFF"}
        depth = {"png16": "16 bits", "tiff16": "16 bits", "tiff float": "32-bit float", "exr": "32-bit float"}
        depth |= {"exr half": "16-bit float"}
        picture = f"12 x 8, {kinds.LAYOUTS[channels]}, {depth.get(kind, '8 bits')}, {name[extension[1:]]}"
        assert answer.text.splitlines()[0] == f"Good: 4 frames, 1001-1004, {picture}."
        assert ("quick check" in answer.text) != decode
        assert len(answer.text.splitlines()) == 2 - decode

    @pytest.mark.parametrize("decode", [False, True])
    @pytest.mark.parametrize("name", sample_files.every_kind())
    def test_of_one_frame_of_every_variety_has_no_fault(self, output: Path, name: str, decode: bool) -> None:
        kind = name.partition(" ")[0]
        (output / f"f_01.{kind.replace('jpeg', 'jpg')}").write_bytes(sample_files.every_kind()[name])

        answer = report_of(str(next(output.iterdir()).name), decode=decode)

        assert answer.is_good, answer.text
        assert answer.text.startswith("Good: 1 frame, 1, ")

    def test_of_one_image_is_called_by_its_name(self, output: Path) -> None:
        put(output / "still.png", mode="RGB")

        assert report_of("still.png").text.startswith("Good: 1 frame, 'still.png', 6 x 4, RGB, 8 bits, PNG.")


def wrong(folder: Path, damage: str) -> None:
    """Write frame 3 of f_##.png as the damage says."""
    path = folder / "f_03.png"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        tear(path)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "zeros":
        path.write_bytes(bytes(len(whole)))
    elif damage == "text":
        path.write_text("<html>not found</html>")
    elif damage == "a GIF":
        Image.new("L", (6, 4)).save(path, "GIF")
    elif damage == "a bomb":
        header = whole[:16] + (60_000).to_bytes(4, "big") * 2 + whole[24:29]
        path.write_bytes(header + sample_files.png_chunk(header[12:16], header[16:])[-4:] + whole[33:])
    elif damage == "a flipped bit":
        path.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    else:
        path.unlink()
        path.mkdir()


class TestDamage:
    @pytest.mark.parametrize("decode", [False, True])
    @pytest.mark.parametrize(
        ("damage", "kind"),
        [
            ("gone", "missing"),
            ("cut", "torn"),
            ("empty", "torn"),
            ("zeros", "torn"),
            ("text", "foreign"),
            ("a GIF", "foreign"),
            ("a folder", "foreign"),
            ("a bomb", "broken"),
        ],
    )
    def test_is_found_and_the_frame_is_to_be_rendered_again(
        self, output: Path, damage: str, kind: str, decode: bool
    ) -> None:
        put_noise(output, 1, 2, 3, 4, 5)
        wrong(output, damage)

        answer = report_of(decode=decode)

        assert found(answer) == {kind: "3"}
        assert (answer.is_good, answer.missing) == (False, "3")
        assert answer.text.splitlines()[0] == "1 problem in 5 frames, 1-5."
        assert "Frame 3 " in answer.text or "frame 3 " in answer.text

    def test_inside_is_found_by_decoding_only(self, output: Path) -> None:
        put_noise(output, 1, 2, 3, 4)
        wrong(output, "a flipped bit")

        assert found(report_of()) == {}
        assert found(report_of(decode=True)) == {"broken": "3"}
        assert report_of(decode=True).missing == "3"

    def test_of_other_programs_is_found(self, output: Path) -> None:
        """Files that came up in practice, see tests/inputs."""
        (output / "f_01.jpg").write_bytes((INPUTS / "f4_padded_by_3_bytes.jpg").read_bytes())
        (output / "f_02.jpg").write_bytes((INPUTS / "f3_cut_at_60_percent_with_eoi.jpg").read_bytes())

        answer = report_of("f_##.jpg", decode=True)

        assert found(answer)["broken"] == "2"

    def test_of_several_kinds_is_told_in_order_and_summed_up(self, output: Path) -> None:
        put_noise(output, *range(1, 11))
        for number in (2, 3):
            (output / f"f_{number:02d}.png").unlink()
        tear(output / "f_05.png")
        (output / "f_07.png").write_text("a text")

        answer = report_of(frame_count=12, start_index=1)

        assert list(found(answer).items()) == [("missing", "2-3,11-12"), ("torn", "5"), ("foreign", "7")]
        assert answer.missing == "2-3,5,7,11-12"
        first, second, *lines = answer.text.splitlines()
        assert first == "3 problems in 12 frames, 1-12."
        assert second == "Most frames are 6 x 4, RGB, 8 bits, PNG."
        assert lines[0] == "4 frames are missing: 2-3,11-12. Render them."

    def test_has_its_reason_in_one_line_of_bearable_length(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_noise(output, 1, 2)

        def long(*_: Any) -> None:
            raise BrokenImageError("a line\n" * 1000 + "\udce4")

        monkeypatch.setattr(examining.registry, "decode_as_stored", long)

        answer = report_of(decode=True)

        assert found(answer) == {"broken": "1-2"}
        assert len(answer.text.splitlines()) == 2
        assert len(answer.text) < 600

    def test_of_all_frames_leaves_nothing_to_describe(self, output: Path) -> None:
        (output / "f_01.png").write_text("a text")

        answer = report_of()

        assert answer.text.splitlines()[0] == "1 problem in frame 1."
        assert len(answer.text.splitlines()) == 2

    @given(st.lists(st.sampled_from(["good", "gone", "cut", "text"]), min_size=2, max_size=12))
    def test_every_frame_is_good_or_told_once(
        self, tmp_path_factory: pytest.TempPathFactory, states: list[str]
    ) -> None:
        folder = tmp_path_factory.mktemp("frames")
        data = sample_files.of("png")["png 2-8"]
        for number, state in enumerate(states):
            if state != "gone":
                (folder / f"f_{number:02d}.png").write_bytes({"good": data, "cut": data[:-9], "text": b"text"}[state])
        answer = report_of(str(folder / "f_##.png"), folder=ANYWHERE, frame_count=len(states))

        told = found(answer)
        names = {"gone": "missing", "cut": "torn", "text": "foreign"}
        assert told == {
            kind: ranges(number for number, state in enumerate(states) if state == name)
            for name, kind in names.items()
            if name in states
        }
        assert answer.missing == ranges(number for number, state in enumerate(states) if state != "good")
        assert answer.is_good == (set(states) == {"good"})


class TestDifferences:
    def test_in_size_are_told_against_the_most_common_one(self, output: Path) -> None:
        for number, width in enumerate((8, 6, 6, 6, 9, 8), 1):
            put(output / f"f_{number:02d}.png", number, width=width)

        answer = report_of()

        assert found(answer) == {"size": "1,5-6"}
        assert answer.missing == "", "they are whole, and somebody may want them"
        assert "3 frames are 8 x 4 (1,6), 9 x 4 (5), most are 6 x 4." in answer.text

    def test_between_two_frames_are_told_against_the_first(self, output: Path) -> None:
        put(output / "f_01.png", width=6)
        put(output / "f_02.png", width=8)

        assert found(report_of()) == {"size": "2"}

    def test_in_channels_are_told(self, output: Path) -> None:
        for number, mode in enumerate(("RGB", "RGBA", "RGB", "L"), 1):
            put(output / f"f_{number:02d}.png", number, mode=mode)

        answer = report_of()

        assert found(answer) == {"channels": "2,4"}
        assert "2 frames are RGBA (2), grey (4), most are RGB." in answer.text

    def test_in_depth_are_told(self, output: Path) -> None:
        for number in (1, 2, 3):
            tifffile.imwrite(output / f"f_{number:02d}.tif", np.zeros((4, 6), np.uint8 if number < 3 else np.float32))

        answer = report_of("f_##.tif")

        assert found(answer) == {"depth": "3"}
        assert "Frame 3 has 32-bit float, most have 8 bits." in answer.text

    def test_between_kinds_of_file_under_one_extension_are_told(self, output: Path) -> None:
        put_noise(output, 1, 2, 3)
        (output / "f_02.png").write_bytes(bytes(cv2.imencode(".jpg", np.zeros((4, 6, 3), np.uint8))[1]))

        assert found(report_of()) == {"format": "2"}

    def test_of_many_values_are_cut_short(self, output: Path) -> None:
        for number in range(30):
            put(output / f"f_{number:02d}.png", number, width=6 + max(0, number - 5))

        answer = report_of()

        assert found(answer) == {"size": "6-29"}
        assert "11 x 4 (10), \u2026, most are 6 x 4" in answer.text


class TestGraphs:
    def test_that_made_the_frames_are_told_apart(self, output: Path) -> None:
        put_noise(output, *range(10), graph="a")
        put_noise(output, 4, 5, 6, graph="b")

        answer = report_of()

        assert found(answer) == {"graphs": "4-6"}
        assert "2 graphs made the frames: 0-3,7-9; 4-6." in answer.text

    def test_that_are_unknown_for_some_frames_are_told(self, output: Path) -> None:
        put_noise(output, *range(10), graph="a")
        put_noise(output, 8)

        assert found(report_of()) == {"graphs": "8"}

    @pytest.mark.parametrize("graph", [{}, {"graph": "a"}])
    def test_are_no_problem_if_it_is_one_or_if_no_frame_says(self, output: Path, graph: dict[str, str]) -> None:
        put_noise(output, *range(4), **graph)

        assert found(report_of()) == {}

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("x" * 10_000_000, id="10 MB"),
            pytest.param("[" * 900, id="deeply nested"),
            pytest.param("[" * 60_000, id="more deeply nested"),
            pytest.param('{"graph": 7}', id="a wrong type"),
            pytest.param(FrameIdentity("a" * 64, 1).text[:-1] + ', "numbers": [NaN]}', id="no JSON"),
        ],
    )
    def test_that_a_hostile_file_claims_do_not_count(self, output: Path, text: str) -> None:
        put_noise(output, 1, 2)
        for number in (1, 2):
            path = output / f"f_{number:02d}.png"
            whole = path.read_bytes()
            chunk = sample_files.png_chunk(b"tEXt", b"image_sequence\0" + text.encode())
            path.write_bytes(whole[:33] + chunk + whole[33:])

        assert found(report_of(decode=True)) == {}


def put_exr(path: Path, pixels: np.ndarray) -> None:
    kinds.KINDS["exr"].write(path, pixels)


class TestPixels:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("kind", ["exr", "exr half", "tiff float"])
    def test_that_are_no_numbers_are_a_fault(self, output: Path, kind: str, value: float) -> None:
        extension, write, *_ = kinds.KINDS[kind]
        for number in (1, 2, 3):
            pixels = kinds.picture(number, 3)
            pixels[5, 7, 1] = value if number == 2 else 0.5
            write(output / f"f_{number:02d}{extension}", pixels)

        answer = report_of(f"f_##{extension}", decode=True)

        assert found(answer) == {"nan": "2"}
        assert (answer.is_good, answer.missing) == (False, "")
        assert found(report_of(f"f_##{extension}")) == {}

    def test_larger_than_their_sum_can_be_are_numbers(self, output: Path) -> None:
        for number in (1, 2):
            put_exr(output / f"f_{number:02d}.exr", np.full((8, 12, 3), 3e38 / number))

        assert found(report_of("f_##.exr", decode=True)) == {}

    def test_that_neighbours_share_are_remarked_as_runs(self, output: Path) -> None:
        for number, shade in enumerate((10, 20, 20, 20, 30, 30, 40, 50, 40)):
            put(output / f"f_{number:02d}.png", shade)

        answer = report_of(decode=True)

        assert found(answer) == {"same": "1-3,4-5"}
        assert answer.is_good
        assert "Remark: 5 frames have the same pixels as a neighbour: 1-3,4-5." in answer.text
        assert answer.text.startswith("Good: ")

    def test_are_compared_as_they_are_stored_and_not_as_bytes_of_files(self, output: Path) -> None:
        Image.fromarray(np.full((4, 6, 3), 99, np.uint8)).save(output / "f_01.png", compress_level=1)
        Image.fromarray(np.full((4, 6, 3), 99, np.uint8)).save(output / "f_02.png", compress_level=9)
        Image.fromarray(np.full((4, 6), 99, np.uint8)).save(output / "f_03.png")

        assert found(report_of(decode=True)) == {"same": "1-2", "channels": "3"}

    def test_of_frames_with_a_gap_between_them_are_not_compared(self, output: Path) -> None:
        for number in (1, 3):
            put(output / f"f_{number:02d}.png", 99)

        assert found(report_of(decode=True)) == {"missing": "2"}

    @given(st.lists(st.integers(1, 3), min_size=1, max_size=12))
    def test_runs_of_equal_neighbours(self, tmp_path_factory: pytest.TempPathFactory, shades: list[int]) -> None:
        folder = tmp_path_factory.mktemp("frames")
        for number, shade in enumerate(shades):
            put(folder / f"f_{number:02d}.png", 50 * shade)
        answer = report_of(str(folder / "f_##.png"), folder=ANYWHERE, decode=True)

        runs, start = [], 0
        for end in range(1, len(shades) + 1):
            if end == len(shades) or shades[end] != shades[start]:
                runs += [f"{start}-{end - 1}"] if end - start > 1 else []
                start = end
        assert found(answer) == ({"same": ",".join(runs)} if runs else {})


BLACK: dict[str, tuple[str, np.ndarray, bool]] = {
    "black": (".png", np.zeros((4, 6, 3), np.uint8), True),
    "black but for what a lossy file leaves": (".png", np.full((4, 6, 3), 1, np.uint8), True),
    "nearly black": (".png", np.full((4, 6, 3), 2, np.uint8), False),
    "black, with one pixel": (".png", np.eye(6, dtype=np.uint8)[:4, :, None].repeat(3, 2) * 200, False),
    "black of 16 bits": (".png", np.full((4, 6), 257, np.uint16), True),
    "nearly black of 16 bits": (".png", np.full((4, 6), 258, np.uint16), False),
    "black and opaque": (".png", np.dstack([np.zeros((4, 6, 3)), np.full((4, 6), 255)]).astype(np.uint8), True),
    "white where it is transparent": (
        ".png",
        np.dstack([np.full((4, 6, 3), 255), np.zeros((4, 6))]).astype(np.uint8),
        True,
    ),
    "white and opaque": (".png", np.full((4, 6, 4), 255, np.uint8), False),
    "black in floating point": (".exr", np.full((8, 12, 3), 0.0003), True),
    "a dark grey in linear light": (".exr", np.full((8, 12, 3), 0.001), False),
    "below zero": (".exr", np.full((8, 12, 3), -5.0), True),
}


class TestBlack:
    @pytest.mark.parametrize("name", BLACK)
    def test_frames_are_remarked(self, output: Path, name: str) -> None:
        extension, pixels, is_black = BLACK[name]
        path = output / f"f_01{extension}"
        if extension == ".png":
            assert cv2.imwrite(str(path), pixels)
        else:
            put_exr(path, pixels)

        answer = report_of(f"f_##{extension}", decode=True)

        assert found(answer) == ({"black": "1"} if is_black else {})
        assert answer.is_good, "a film may begin in black"
        assert found(report_of(f"f_##{extension}")) == {}

    def test_frames_and_transparent_ones_are_told_apart(self, output: Path) -> None:
        for number, colour in enumerate(((0, 0, 0, 255), (0, 0, 0, 0), (255, 255, 255, 0), (9, 9, 9, 255))):
            Image.new("RGBA", (6, 4), colour).save(output / f"f_{number:02d}.png")

        answer = report_of(decode=True)

        assert found(answer) == {"black": "0;1-2"}
        assert "Remark: frame 0 is black." in answer.text
        assert "Remark: 2 frames are transparent everywhere: 1-2." in answer.text

    def test_fire_without_alpha_is_neither(self, output: Path) -> None:
        """In EXR files colour is multiplied by alpha, so that light with alpha 0 is added to what is behind it."""
        planes = {name: np.full((4, 6), value, np.float32) for name, value in zip("RGBA", (0.9, 0.3, 0.0, 0.0))}
        (output / "f_01.exr").write_bytes(exr_files.by_openexr(planes))

        assert found(report_of("f_##.exr", decode=True)) == {}

    def test_frames_that_repeat_are_told_once(self, output: Path) -> None:
        for number in range(4):
            put(output / f"f_{number:02d}.png", 0)

        assert found(report_of(decode=True)) == {"black": "0-3"}


class TestLayers:
    def test_of_a_file_without_a_picture_are_looked_at(self, output: Path) -> None:
        for number in (1, 2, 3):
            parts = {name: exr_files.planes("XYZ", 4, 6) for name in ("normal", "position")}
            parts["normal"]["X"][0, 0] = np.nan if number == 2 else number
            (output / f"f_{number:02d}.exr").write_bytes(exr_files.of_parts(parts))

        assert found(report_of("f_##.exr")) == {}
        assert found(report_of("f_##.exr", decode=True)) == {"nan": "2"}


class TestStrays:
    def test_are_remarked_with_their_names(self, output: Path) -> None:
        put_noise(output, 1, 2)
        for name in ("f_1.png", "f_02-0.png", "f_02.jpg"):
            put(output / name)
        (output / ".f_02.png.0123456789ab.part").touch()

        answer = report_of()

        assert found(answer) == {"stray": ""}
        assert answer.is_good
        assert (
            "Remark: 4 files look like frames, but are not named like f_##.png: .f_02.png.0123456789ab.part, f_02-0.png, "
            "f_02.jpg, f_1.png."
        ) in answer.text

    def test_whose_names_are_not_utf_8_are_shown(self, output: Path) -> None:
        put_noise(output, 1)
        try:
            (output / "f_01\udce4.png").touch()
            (output / "f_01 \udce4.png").touch()
            os.rename(put(output / "f_9.png"), output / os.fsdecode(b"f_01-1.png\xe4"))
        except (OSError, UnicodeError):
            pytest.skip("this file system takes only UTF-8")
        (output / "f_001.png").touch()

        answer = report_of()

        assert answer.text.encode()
        assert found(answer) == {"stray": ""}


class TestWhatCannotBeRead:
    """The file may be good, so nobody must render it again because of that."""

    @pytest.mark.parametrize("decode", [False, True])
    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (errno.EACCES, "the system does not let this program read it (Permission denied). Let it read the file"),
            (errno.EIO, "the disk fails (Input/output error). Check the disk."),
        ],
    )
    def test_is_told_with_the_reason(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, code: int, text: str, decode: bool
    ) -> None:
        put_noise(output, 1, 2, 3, 4)
        fails = Fails(os.open, lambda call, path, *rest: str(path).endswith(("f_02.png", "f_03.png")), code)
        monkeypatch.setattr("io_utils.formats.open_file.os.open", fails)

        answer = report_of(decode=decode)

        assert fails.fired == 2
        assert found(answer) == {"unread": "2-3"}
        assert (answer.is_good, answer.missing) == (False, "")
        assert f"2 frames could not be checked: 2-3. The reason: {text}" in answer.text

    def test_fails_while_it_is_read(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_noise(output, 1, 2)
        fails = Fails(examining.registry.state, lambda call, file: True, errno.EIO)
        monkeypatch.setattr(examining.registry, "state", fails)

        assert found(report_of()) == {"unread": "1-2"}
        assert fails.fired == 2

    @pytest.mark.parametrize("decode", [False, True])
    def test_exr_files_without_the_package_are_not_called_broken(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, decode: bool
    ) -> None:
        for number in (1, 2, 3):
            put_exr(output / f"f_{number:02d}.exr", kinds.picture(number, 3))
        tear(output / "f_02.exr", 200)
        monkeypatch.setattr(library, "OpenEXR", None)

        answer = report_of("f_##.exr", decode=decode)

        assert found(answer)["unread"] in ("1-3", "1,3")
        assert "broken" not in found(answer)
        assert "pip install OpenEXR" in answer.text
        assert answer.missing in ("", "2")

    def test_a_picture_that_memory_cannot_hold(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_noise(output, 1)

        def no_memory(*_: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(examining.registry, "decode_as_stored", no_memory)

        assert found(report_of(decode=True)) == {"unread": "1"}

    @needs_links
    def test_a_link_out_of_the_allowed_folders_is_not_opened(
        self, output: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        put_noise(output, 1)
        secret = put(tmp_path_factory.mktemp("elsewhere") / "secret.png")
        (output / "f_02.png").symlink_to(secret)

        answer = report_of()
        assert found(answer) == {"unread": "2"}
        assert "it is a link to a file outside the folders that may be read" in answer.text
        assert answer.missing == ""

    @needs_links
    def test_a_folder_outside_the_allowed_ones_is_refused(
        self, output: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        put_noise(elsewhere, 1)
        (output / "shots").symlink_to(elsewhere)

        with pytest.raises(OutsideError):
            report_of("shots/f_##.png")

    @needs_links
    def test_a_link_inside_is_followed(self, output: Path) -> None:
        put_noise(output, 1)
        (output / "f_02.png").symlink_to(put(output / "still.png", mode="RGB"))

        assert found(report_of()) == {}


class TestMeanwhile:
    """Other programs write into the folder while it is checked."""

    def test_a_file_that_vanishes_is_missing(self, output: Path) -> None:
        put_noise(output, 1, 2, 3)
        choice = CheckRequest(path_pattern="f_##.png").choose()
        (output / "f_02.png").unlink()

        answer = check(choice, Thoroughness.QUICK)

        assert found(answer) == {"missing": "2"}
        assert answer.missing == "2"

    def test_a_file_that_is_replaced_by_a_folder_is_missing(self, output: Path) -> None:
        put_noise(output, 1, 2, 3)
        choice = CheckRequest(path_pattern="f_##.png").choose()
        (output / "f_02.png").unlink()
        (output / "f_02.png").mkdir()

        assert found(check(choice, Thoroughness.DECODE)) == {"missing": "2"}

    @needs_links
    def test_a_file_that_is_replaced_by_a_link_to_itself_cannot_be_checked(self, output: Path) -> None:
        put_noise(output, 1, 2, 3)
        choice = CheckRequest(path_pattern="f_##.png").choose()
        (output / "f_02.png").unlink()
        (output / "f_02.png").symlink_to(output / "f_02.png")

        assert found(check(choice, Thoroughness.QUICK)) == {"unread": "2"}

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_file_that_is_replaced_by_a_pipe_does_not_block(self, output: Path) -> None:
        put_noise(output, 1, 2, 3)
        choice = CheckRequest(path_pattern="f_##.png").choose()
        (output / "f_02.png").unlink()
        os.mkfifo(output / "f_02.png")

        assert found(check(choice, Thoroughness.QUICK)) == {"missing": "2"}


class CancelledError(Exception):
    pass


class TestARun:
    @pytest.mark.parametrize(("thoroughness", "steps"), [(Thoroughness.QUICK, 4), (Thoroughness.DECODE, 50)])
    def test_shows_its_progress(self, output: Path, thoroughness: Thoroughness, steps: int) -> None:
        put_noise(output, *range(50))
        shown: list[tuple[int, int]] = []

        def bar(total: int) -> Callable[[int], None]:
            return lambda done: shown.append((done, total))

        check(CheckRequest(path_pattern="f_##.png").choose(), thoroughness, Run(bar))

        assert shown[-1] == (steps, steps)
        assert shown == sorted(shown)

    @pytest.mark.parametrize("thoroughness", Thoroughness)
    def test_ends_at_cancel(self, output: Path, monkeypatch: pytest.MonkeyPatch, thoroughness: Thoroughness) -> None:
        put_noise(output, *range(90))
        looked: list[Path] = []
        pressed = threading.Event()

        def look(path: Path, budget: Any) -> Examined:
            looked.append(path)
            pressed.set()
            return Examined(Fault(Damage.TORN))

        def raise_if_cancelled() -> None:
            if pressed.is_set():
                raise CancelledError

        monkeypatch.setattr("io_utils.checking.check.examine", look)

        with pytest.raises(CancelledError):
            check(
                CheckRequest(path_pattern="f_##.png").choose(), thoroughness, Run(raise_if_cancelled=raise_if_cancelled)
            )
        assert looked
        assert len(looked) < 90

    def test_decodes_no_more_frames_at_a_time_than_are_in_flight(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_noise(output, *range(40))
        lock, now, most = threading.Lock(), 0, 0
        real = examining.registry.decode_as_stored

        def counted(*args: Any) -> Any:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            try:
                return real(*args)
            finally:
                with lock:
                    now -= 1

        monkeypatch.setattr(examining.registry, "decode_as_stored", counted)

        assert report_of(decode=True).is_good
        assert 1 <= most <= in_flight()

    def test_decodes_one_frame_at_a_time_if_memory_holds_no_more(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_noise(output, *range(20))
        lock, now, most = threading.Lock(), 0, 0
        real = examining.registry.decode_as_stored

        def counted(*args: Any) -> Any:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            try:
                return real(*args)
            finally:
                with lock:
                    now -= 1

        monkeypatch.setattr(examining.registry, "decode_as_stored", counted)
        monkeypatch.setattr("io_utils.checking.check.free_bytes", lambda: 100)

        assert report_of(decode=True).is_good
        assert most == 1

    def test_opens_every_file_once_and_reads_no_pixels_if_it_is_quick(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_noise(output, *range(20))
        opened: list[str] = []
        real = os.open

        def noted(path: Any, *args: Any, **kwargs: Any) -> int:
            opened.append(Path(path).name)
            return real(path, *args, **kwargs)

        def fail(*_: Any) -> None:
            raise AssertionError("a frame was decoded")

        monkeypatch.setattr("io_utils.formats.open_file.os.open", noted)
        monkeypatch.setattr(examining.registry, "decode_as_stored", fail)

        assert report_of().is_good
        assert sorted(opened) == [f"f_{number:02d}.png" for number in range(20)]


def test_a_report_of_frames_far_apart_takes_no_time(output: Path) -> None:
    for number in (0, 2**53 - 1, 10**30):
        put(output / f"f_{number}.png", 7, mode="RGB")

    answer = report_of("f_{}.png")

    assert answer.missing == f"1-{2**53 - 2},{2**53}-{10**30 - 1}"
    assert answer.checked == 10**30 + 1


def test_a_long_list_of_frames_is_cut_for_the_browser_and_whole_for_the_loader(output: Path) -> None:
    choice = CheckRequest(path_pattern="f_##.png", frame_count=1).choose() if put(output / "f_00.png") else None
    assert choice is not None
    choice = replace(choice, first=0, last=20_000, frames=range(0, 20_001, 2))

    answer = report(choice, {number: Examined() for number in choice.frames}, Thoroughness.QUICK)

    assert answer.missing.count(",") == 9_999
    shown = answer.as_json()
    for text in (
        shown["missing"],
        *(text for problem in shown["problems"] for text in (problem["frames"], problem["message"])),
    ):
        assert len(text) <= 10_000
    assert answer.missing.startswith(f"{shown['missing']},")
    assert "10,000 frames are missing: 1,3,5," in answer.text
    assert "and 9,980 more" in answer.text
    assert len(answer.text) < 1000
