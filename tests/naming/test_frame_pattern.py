"""Frame patterns turn frame numbers into file names and back."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import fileseq
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from io_utils.errors import PatternError
from io_utils.naming.frame_pattern import END, MAX_PADDING, FramePattern

PACK = Path(__file__).resolve().parents[2]

frame_numbers = st.integers(0, 10**12) | st.integers(0, END - 1)
paddings = st.integers(0, MAX_PADDING)
patterns = st.builds(FramePattern, st.lists(st.text(), min_size=2, max_size=4).map(tuple), paddings)
# Texts of the characters that have a meaning in patterns. Far more of them are patterns than of arbitrary texts.
numbers = st.sampled_from(
    [
        "{}",
        "{i}",
        "{0}",
        "{:04d}",
        "{i:04d}",
        "{0:4d}",
        "{frame:04d}",
        "%d",
        "%04d",
        "%i",
        "%04u",
        "#",
        "##",
        "####",
        "$F",
        "$F4",
        "${F}",
        "${F4}",
        "@",
        "@@",
        "[##]",
    ]
)
others = st.sampled_from(
    [
        "{",
        "}",
        "{{",
        "}}",
        "{x}",
        "{:s}",
        "{!r}",
        "{i.real}",
        "%",
        "d",
        "0",
        "4",
        "/",
        ".",
        ".png",
        "$",
        "F",
        "<frame>",
        "<f4>",
        "$FF",
        "%+4d",
        "%.4d",
        "%(n)d",
        "[",
        "]",
        "_",
        "-",
        "i",
        "a",
    ]
)
pattern_texts = st.lists(numbers | others | st.text(max_size=3), max_size=8).map("".join)


def refusal(text: str) -> PatternError | None:
    try:
        FramePattern.parse(text)
    except PatternError as error:
        return error
    return None


class TestNamesAndNumbers:
    @given(patterns, frame_numbers)
    @example(FramePattern(("", "1", ""), 0), 11)
    @example(FramePattern(("0", "0"), 0), 0)
    @example(FramePattern(("v002_f", ".png"), 4), 9999)
    def test_number_is_the_inverse_of_name(self, pattern: FramePattern, frame: int) -> None:
        assert pattern.number(pattern.name(frame)) == frame

    @given(patterns, st.text(alphabet="0123456789", min_size=1, max_size=40))
    @example(FramePattern(("f_", ".png"), 4), "001")
    @example(FramePattern(("f_", ".png"), 0), "007")
    @example(FramePattern(("f_", ".png"), 0), "1" + "0" * 32)
    @example(FramePattern(("f_", ".png"), 0), "9" * 32)
    def test_digits_that_name_would_not_write_are_not_a_frame(self, pattern: FramePattern, digits: str) -> None:
        name = digits.join(pattern.literals)
        canonical = f"{int(digits):0{pattern.padding}d}" == digits

        assert pattern.number(name) == (int(digits) if canonical and int(digits) < END else None)

    @given(patterns, st.text())
    def test_a_name_has_a_number_only_if_the_pattern_writes_that_name(self, pattern: FramePattern, name: str) -> None:
        number = pattern.number(name)

        assert number is None or pattern.name(number) == name

    @given(paddings.filter(bool), frame_numbers)
    def test_widths_pad_as_fileseq_pads(self, padding: int, frame: int) -> None:
        for written in ("#" * padding, f"%0{padding}d", "@" * padding, f"$F{padding}"):
            oracle = fileseq.FileSequence(f"f_1-1{written}.png", pad_style=fileseq.PAD_STYLE_HASH1)

            assert FramePattern.parse(f"f_{written}.png").name(frame) == oracle.frame(frame)

    def test_widths_never_truncate(self) -> None:
        pattern = FramePattern.parse("f_###.png")

        assert [pattern.name(n) for n in (9, 999, 1000)] == ["f_009.png", "f_999.png", "f_1000.png"]
        assert [pattern.number(f"f_{n}.png") for n in ("009", "999", "1000", "0999")] == [9, 999, 1000, None]

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("f_٠٠٠٧.png", id="arabic-indic digits"),
            pytest.param("f_０００７.png", id="full-width digits"),
            pytest.param("f_000².png", id="superscript"),
            pytest.param("f_-007.png", id="minus"),
            pytest.param("f_+007.png", id="plus"),
            pytest.param("f_0_07.png", id="python's digit separator"),
            pytest.param("f_ 007.png", id="space"),
            pytest.param("f_.png", id="no digits"),
            pytest.param("f_0007.png\n", id="line end after the name"),
            pytest.param("f_0007.png.part", id="more after the name"),
            pytest.param("F_0007.png", id="another case"),
            pytest.param("f_0007xpng", id="a dot is not a wildcard"),
        ],
    )
    def test_only_plain_digits_between_the_literals_are_a_frame(self, name: str) -> None:
        assert FramePattern.parse("f_####.png").number(name) is None

    @pytest.mark.parametrize("digits", [4299, 5000, 100_000], ids=lambda digits: f"{digits} digits")
    def test_a_number_beyond_all_frames_is_not_an_error(self, digits: int) -> None:
        number = FramePattern.parse("f_{}.png").number(f"f_{'9' * digits}.png")

        assert number is None or number == 10**digits - 1

    def test_a_number_that_would_not_be_read_back_is_not_written(self) -> None:
        pattern = FramePattern.parse("f_{}.png")

        assert pattern.number(pattern.name(10**32 - 1)) == 10**32 - 1
        with pytest.raises(ValueError, match="at most 32 digits"):
            pattern.name(10**32)

    def test_frames_below_0_are_refused(self) -> None:
        with pytest.raises(ValueError, match="from 0 on: -1 is negative"):
            FramePattern.parse("f_{}.png").name(-1)

    @pytest.mark.parametrize(
        ("text", "frame_7"),
        [
            pytest.param("{i}/{i}0.png", "7/70.png", id="a zero after it"),
            pytest.param("shot{i}_{i}2k.png", "shot7_72k.png", id="a word that starts with a digit"),
        ],
    )
    def test_a_number_that_occurs_twice_may_precede_a_digit(self, text: str, frame_7: str) -> None:
        pattern = FramePattern.parse(text)

        assert pattern.name(7) == frame_7
        assert pattern.number(frame_7) == 7

    def test_a_number_that_occurs_twice_must_be_the_same(self) -> None:
        pattern = FramePattern.parse("shot{i:02d}/f_{i:02d}.png")

        assert pattern.name(7) == "shot07/f_07.png"
        assert [pattern.number(name) for name in ("shot07/f_07.png", "shot07/f_08.png")] == [7, None]

    def test_a_pattern_without_number_names_one_file_and_no_frame(self) -> None:
        pattern = FramePattern.parse("still.png")

        assert not pattern.has_number
        assert pattern.name(3) == "still.png"
        assert pattern.number("still.png") is None


class TestParse:
    @pytest.mark.parametrize(
        ("text", "frame_7"),
        [
            pytest.param("f_{:06d}.png", "f_000007.png", id="format, padded"),
            pytest.param("f_{:06}.png", "f_000007.png", id="format, padded, without d"),
            pytest.param("f_{:d}.png", "f_7.png", id="format, d alone"),
            pytest.param("f_{}.png", "f_7.png", id="format, bare"),
            pytest.param("f_{i}.png", "f_7.png", id="format, named"),
            pytest.param("f_{i:04d}.png", "f_0007.png", id="format, named and padded"),
            pytest.param("f_{0:04d}.png", "f_0007.png", id="format, indexed"),
            pytest.param("f_%06d.png", "f_000007.png", id="printf, padded"),
            pytest.param("f_%d.png", "f_7.png", id="printf, bare"),
            pytest.param("f_####.png", "f_0007.png", id="hashes"),
            pytest.param("####.png", "0007.png", id="nothing before the number"),
            pytest.param("f.####", "f.0007", id="nothing after the number"),
            pytest.param("{:d}/f.png", "7/f.png", id="a folder for each frame"),
            pytest.param("{{f}}_{}.png", "{f}_7.png", id="doubled braces are braces"),
            pytest.param("100%_{}.png", "100%_7.png", id="a percent sign alone is itself"),
            pytest.param("%s_{}.png", "%s_7.png", id="other printf words are themselves"),
            pytest.param("v002_2k_{:04d}.png", "v002_2k_0007.png", id="digits elsewhere"),
            pytest.param("", "", id="nothing"),
            pytest.param("f.$F4.png", "f.0007.png", id="Houdini"),
            pytest.param("f.${F4}.png", "f.0007.png", id="Houdini, in braces"),
            pytest.param("f.$F4b.png", "f.0007b.png", id="Houdini, followed by a letter"),
            pytest.param("f_$F_b.png", "f_7_b.png", id="Houdini, not padded"),
            pytest.param("f.${F}.png", "f.7.png", id="Houdini, in braces, not padded"),
            pytest.param("f.@@@@.png", "f.0007.png", id="Shake, Katana, RV"),
            pytest.param("f@@@@.png", "f0007.png", id="Shake, after a letter"),
            pytest.param("f.@.png", "f.7.png", id="Shake, not padded"),
            pytest.param("f_%05i.png", "f_00007.png", id="printf, i"),
            pytest.param("f_%05u.png", "f_00007.png", id="printf, u"),
            pytest.param("f_%i.png", "f_7.png", id="printf, i, bare"),
            pytest.param("f_[####].png", "f_0007.png", id="After Effects"),
            pytest.param("f_{frame:04d}.png", "f_0007.png", id="format, named frame"),
            pytest.param("{frame}/f_{frame}.png", "7/f_7.png", id="format, named frame, twice"),
            pytest.param("me@home_####.png", "me@home_0007.png", id="an @ inside a word"),
            pytest.param("US$_####.png", "US$_0007.png", id="a dollar sign"),
            pytest.param("$Film_####.png", "$Film_0007.png", id="a dollar sign before a word"),
            pytest.param("50%done_####.png", "50%done_0007.png", id="per cent before a d"),
            pytest.param("%input_####.png", "%input_0007.png", id="per cent before an i"),
            pytest.param("my%20shot_####.png", "my%20shot_0007.png", id="an escaped space"),
            pytest.param("take%dx.png", "take7x.png", id="printf before a letter"),
            pytest.param("f_[{:04d}].png", "f_[0007].png", id="a number in brackets"),
        ],
    )
    def test_reads_every_usual_way_to_write_a_frame_number(self, text: str, frame_7: str) -> None:
        assert FramePattern.parse(text).name(7) == frame_7

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            pytest.param("{i.__class__}.png", "is not the frame number", id="attribute access"),
            pytest.param("{0.__class__.__mro__}.png", "is not the frame number", id="attribute access by index"),
            pytest.param("{i.__init__.__globals__}.png", "is not the frame number", id="path to globals"),
            pytest.param("{i[0]}.png", "is not the frame number", id="item access"),
            pytest.param("{i.real}_{i.denominator}.png", "is not the frame number", id="two attributes"),
            pytest.param("{x}.png", "asks for '{x}'", id="unknown name"),
            pytest.param("{1}.png", "asks for '{1}'", id="another index"),
            pytest.param("{ }.png", "asks for '{ }'", id="blank name"),
            pytest.param("{!r}.png", "asks for '{!r}'", id="conversion"),
            pytest.param("{i!s:04d}.png", "asks for", id="conversion and format"),
            pytest.param("{:s}.png", "only whole numbers", id="text"),
            pytest.param("{:f}.png", "only whole numbers", id="fixed point"),
            pytest.param("{:e}.png", "only whole numbers", id="exponent"),
            pytest.param("{:x}.png", "only whole numbers", id="hexadecimal"),
            pytest.param("{:,}.png", "only whole numbers", id="thousands"),
            pytest.param("{:+d}.png", "only whole numbers", id="sign"),
            pytest.param("{:%Y}.png", "only whole numbers", id="date"),
            pytest.param("{:4d}.png", "only whole numbers", id="padded with spaces"),
            pytest.param("f_%4d.png", "only whole numbers", id="printf padded with spaces"),
            pytest.param("{:<04d}.png", "only whole numbers", id="alignment"),
            pytest.param("{:٠٤d}.png", "only whole numbers", id="width in other digits"),
            pytest.param("{:300d}.png", "only whole numbers", id="300 spaces"),
            pytest.param("{:0300d}.png", "300 digits", id="300 digits"),
            pytest.param("{:0200000000d}.png", "200000000 digits", id="bomb, zeros"),
            pytest.param("{:200000000d}.png", "only whole numbers", id="bomb, spaces"),
            pytest.param("f_%0200000000d.png", "200000000 digits", id="printf bomb"),
            pytest.param("f_" + "#" * 33 + ".png", "33 digits", id="33 hashes"),
            pytest.param("{:06d}{:d}.png", "has 2 frame numbers", id="two bare numbers"),
            pytest.param("{:04d}_{i}.png", "has 2 frame numbers", id="bare and named"),
            pytest.param("{i}_{0}.png", "has 2 frame numbers", id="named and indexed"),
            pytest.param("{i:02d}_{i:04d}.png", "has 2 frame numbers", id="two widths"),
            pytest.param("sh##/f####.png", "has 2 frame numbers", id="two runs of hashes"),
            pytest.param("a##_##.png", "has 2 frame numbers", id="two equal runs of hashes"),
            pytest.param("%02d_%02d.png", "has 2 frame numbers", id="two printf numbers"),
            pytest.param("{}_%d.png", "has 2 frame numbers", id="format and printf"),
            pytest.param("{}_####.png", "has 2 frame numbers", id="format and hashes"),
            pytest.param("f.$F4.####.png", "has 2 frame numbers", id="Houdini and hashes"),
            pytest.param("f.@.####.png", "has 2 frame numbers", id="an @ between dots, and hashes"),
            pytest.param("f.$FF.png", "asks for '$FF'", id="Houdini's fractional frame"),
            pytest.param("f.$F33.png", "33 digits", id="Houdini, too wide"),
            pytest.param("f_" + "@" * 33 + ".png", "33 digits", id="33 @"),
            pytest.param("f_<frame>.png", "how the frame number is padded", id="Maya"),
            pytest.param("f_<Frame:04d>.png", "how the frame number is padded", id="with a width"),
            pytest.param("f.<f4>.png", "how the frame number is padded", id="Arnold"),
            pytest.param("f_%+05d.png", "only whole numbers", id="printf with a sign"),
            pytest.param("f_%-5d.png", "only whole numbers", id="printf to the left"),
            pytest.param("f_%.5d.png", "only whole numbers", id="printf with a precision"),
            pytest.param("f_%05ld.png", "only whole numbers", id="printf, long"),
            pytest.param("f_%5i.png", "only whole numbers", id="printf i padded with spaces"),
            pytest.param("f_%(frame)05d.png", "only whole numbers", id="printf by name"),
            pytest.param("{", "single '{'", id="an opening brace alone"),
            pytest.param("}", "single '}'", id="a closing brace alone"),
            pytest.param("f_{:03d", "single '{'", id="never closed"),
            pytest.param("f_{{}.png", "single '}'", id="half doubled"),
            pytest.param("{:{}}.png", "single '{'", id="width from an argument"),
        ],
    )
    def test_refuses_what_is_not_plainly_one_padded_number(self, text: str, reason: str) -> None:
        with pytest.raises(PatternError) as caught:
            FramePattern.parse(text)

        error = caught.value
        assert reason in str(error)
        assert repr(text) in str(error)
        assert repr(error.suggestion) in str(error)
        assert (error.pattern, error.reason in str(error)) == (text, True)
        assert FramePattern.parse(error.suggestion).has_number

    def test_suggests_the_valid_pattern_nearest_to_what_was_written(self) -> None:
        nearest = {
            "shot_%4d.png": "shot_{:04d}.png",
            "{:200000000d}.png": "{:020d}.png",
            "sh##/f####.png": "sh/f{:04d}.png",
            "f_{:03d": "f_:03d_{:06d}",
            "f.<f4>.exr": "f.{:04d}.exr",
            "f_<frame>.png": "f_{:04d}.png",
            "f_%.6d.png": "f_{:06d}.png",
            "f.$FF.exr": "f.{:04d}.exr",
        }
        for text, suggestion in nearest.items():
            with pytest.raises(PatternError) as caught:
                FramePattern.parse(text)
            assert caught.value.suggestion == suggestion

    @settings(max_examples=500)
    @given(pattern_texts)
    @example("%{}d{i}")
    @example("{:0}{x}d{i}")
    @example(".@{x}.{:3d}")
    @example("$F$F44")
    def test_its_suggestions_always_have_a_number(self, text: str) -> None:
        error = refusal(text)

        assert error is None or FramePattern.parse(error.suggestion).has_number

    @pytest.mark.parametrize("text", ["frame.png", "a/b/frame", ".png", "", "a.b/", "{{}}.png", "50%.png"])
    def test_several_frames_need_a_number(self, text: str) -> None:
        pattern = FramePattern.parse(text)

        pattern.require_number(1)
        with pytest.raises(PatternError, match="has no frame number, but there are 3 frames") as caught:
            pattern.require_number(3)
        assert FramePattern.parse(caught.value.suggestion).has_number

    def test_a_pattern_with_a_number_suffices_for_any_number_of_frames(self) -> None:
        FramePattern.parse("f_{}.png").require_number(10**6)

    @given(pattern_texts)
    def test_str_is_parsed_as_the_same_pattern(self, text: str) -> None:
        assume(refusal(text) is None)
        pattern = FramePattern.parse(text)

        assert FramePattern.parse(str(pattern)) == pattern

    @given(patterns, frame_numbers)
    def test_str_is_a_format_string_of_python(self, pattern: FramePattern, frame: int) -> None:
        assert str(pattern).format(frame) == pattern.name(frame)

    @given(st.text())
    def test_raises_no_error_but_its_own(self, text: str) -> None:
        error = refusal(text)

        assert error is None or error.pattern == text

    @pytest.mark.parametrize("text", ["{:0200000000d}", "{:200000000d}", "%0200000000d", "{:0" + "9" * 60 + "d}"])
    def test_a_padding_bomb_costs_no_memory(self, text: str) -> None:
        tracemalloc.start()
        try:
            with pytest.raises(PatternError):
                FramePattern.parse(text)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 2**20

    def test_a_text_longer_than_any_path_is_refused_and_abbreviated(self) -> None:
        assert FramePattern.parse("a" * 4094 + "{}").has_number
        with pytest.raises(PatternError, match="4097 characters") as caught:
            FramePattern.parse("a" * 4095 + "{}")

        assert len(str(caught.value)) < 300
        assert FramePattern.parse(caught.value.suggestion).has_number

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time there")
    @pytest.mark.parametrize("repeated", ["{{", "#/"])
    def test_reads_a_megabyte_of_hostile_text(self, repeated: str) -> None:
        """In linear time: quadratic time would take hours."""
        program = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (120, 120))\n"
            "from io_utils.errors import PatternError\nfrom io_utils.naming.frame_pattern import FramePattern\n"
            "try: FramePattern.parse(sys.argv[1] * (2**20 // len(sys.argv[1])))\n"
            "except PatternError: pass\n"
            "print('read')"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, repeated], cwd=PACK, capture_output=True, text=True, check=False
        )

        assert done.stdout == "read\n"


class TestPartsOfAPattern:
    @given(st.text(), st.text(), paddings, frame_numbers)
    def test_around_takes_text_literally(self, before: str, after: str, padding: int, frame: int) -> None:
        pattern = FramePattern.around(before, after, padding)

        assert pattern.name(frame) == f"{before}{str(frame).zfill(padding)}{after}"

    def test_a_negative_padding_means_no_padding(self) -> None:
        assert FramePattern.around("f_", ".png", -3).name(7) == "f_7.png"

    def test_around_refuses_a_padding_that_no_file_name_can_hold(self) -> None:
        with pytest.raises(PatternError, match="1000000 digits, more than 32") as caught:
            FramePattern.around("{f}_", ".png", 1_000_000)
        assert FramePattern.parse(caught.value.suggestion).name(7) == "{f}_00007.png"

    @pytest.mark.parametrize(
        ("text", "suffixed"),
        [
            pytest.param("f_{:04d}.png", "f_0007-0.png", id="before the extension"),
            pytest.param("f_{:04d}.tar.png", "f_0007.tar-0.png", id="before the last one"),
            pytest.param("f_{:04d}", "f_0007-0", id="no extension"),
            pytest.param("still.png", "still-0.png", id="no number"),
            pytest.param("{i}/f_{i}.png", "7/f_7-0.png", id="a folder for each frame"),
        ],
    )
    def test_a_suffix_goes_before_the_extension(self, text: str, suffixed: str) -> None:
        assert FramePattern.parse(text).with_suffix("-0").name(7) == suffixed

    def test_within_puts_the_same_names_into_a_folder(self) -> None:
        pattern = FramePattern.parse("f_{}.png")

        assert pattern.within("a/{b}").name(7) == "a/{b}/f_7.png"
        assert pattern.within("") == pattern

    @pytest.mark.parametrize(
        ("text", "folder", "below"),
        [
            pytest.param("f_{}.png", "", "f_{}.png", id="no folder"),
            pytest.param("a/b/f_{}.png", "a/b", "f_{}.png", id="folders before the number"),
            pytest.param("a/{}/f.png", "a", "{}/f.png", id="the number in a folder"),
            pytest.param("a/still.png", "a", "still.png", id="no number"),
        ],
    )
    def test_relative_splits_at_the_last_folder_that_all_frames_share(self, text: str, folder: str, below: str) -> None:
        pattern = FramePattern.parse(text)

        assert pattern.relative() == (folder, FramePattern.parse(below))
        assert FramePattern.parse(below).within(folder) == pattern

    @pytest.mark.parametrize(
        ("text", "component"),
        [
            pytest.param("a/f_{:02d}.png", "f_{:02d}.png", id="the file"),
            pytest.param("a/t{:02d}/f.png", "t{:02d}", id="the folder with the number"),
            pytest.param("a/t{i}_{i}/f_{i}.png", "t{i}_{i}", id="the first folder with the number"),
        ],
    )
    def test_component_is_the_first_name_with_the_number(self, text: str, component: str) -> None:
        assert FramePattern.parse(text).component() == FramePattern.parse(component)

    def test_a_pattern_is_a_value(self) -> None:
        first, second = FramePattern.parse("f_{:04d}.png"), FramePattern.parse("f_####.png")

        assert first == second
        assert len({first, second}) == 1
