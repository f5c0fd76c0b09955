"""Files are confined to ComfyUI's folders and to those that the operator lists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from io_utils.errors import OutsideError, PathError, PatternError
from io_utils.naming.allowed_roots import ANYWHERE, Root, allowed_roots, root_of, roots_file
from io_utils.naming.file_names import check_names
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern

from ..disk import needs_links
from .path_texts import path_texts

PACK = Path(__file__).resolve().parents[2]


@pytest.fixture
def output(base: Path) -> Path:
    """The output folder with links to inside, to elsewhere and to themselves, and a sibling whose name starts the same."""
    output = base / "output"
    for folder in (output / "ok", base / "output_evil", base / "input", base / "temp", base / "elsewhere"):
        folder.mkdir(parents=True)
    if os.name != "nt":
        (output / "out").symlink_to(base / "elsewhere")
        (output / "in").symlink_to(output / "ok")
        (output / "loop").symlink_to(output / "loop")
    return output


def operators_file(base: Path, text: str | bytes) -> Path:
    file = base / "user" / "__system" / "image_sequence_roots.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


class TestRelativeFolders:
    @pytest.mark.parametrize(
        ("folder", "relative"),
        [
            pytest.param("ok/f", "ok/f", id="a folder"),
            pytest.param("ok\\f", "ok/f", id="backslashes"),
            pytest.param("./ok//f/.", "ok/f", id="empty names and dots"),
            pytest.param("", "", id="the output folder itself"),
            pytest.param(".", "", id="the output folder itself, as a dot"),
            pytest.param("new/deep/er", "new/deep/er", id="folders that do not exist yet"),
            pytest.param("séquence 1/日本", "séquence 1/日本", id="letters of other scripts"),
            pytest.param(".cache", ".cache", id="a hidden folder"),
        ],
    )
    def test_lie_below_the_output_folder(self, output: Path, folder: str, relative: str) -> None:
        root, found = root_of(folder, "output", write=True)

        assert (root.path, root.kind, found) == (output, "output", relative)

    @pytest.mark.parametrize(
        ("folder", "rule"),
        [
            pytest.param("../output_evil/f", "'..'", id="a sibling whose name starts the same"),
            pytest.param("../x", "'..'", id="up"),
            pytest.param("a/../../x", "'..'", id="down and further up"),
            pytest.param("ok/..", "'..'", id="down and up again"),
            pytest.param("..\\x", "'..'", id="up, with a backslash"),
            pytest.param("..", "'..'", id="up alone"),
            pytest.param("/etc/passwd", "outside the folders", id="an absolute path"),
            pytest.param("\\etc\\passwd", "outside the folders", id="an absolute path with backslashes"),
            pytest.param("//server/share", "network path", id="UNC with slashes"),
            pytest.param("\\\\server\\share", "network path", id="UNC"),
            pytest.param("\\/server/share", "network path", id="UNC, mixed"),
            pytest.param("C:\\Windows", "drive letter", id="a drive"),
            pytest.param("c:/Windows", "drive letter", id="a drive in small letters"),
            pytest.param("C:relative", "drive letter", id="relative to a drive's folder"),
            pytest.param("ok/f:stream", "character ':'", id="an alternate data stream"),
            pytest.param("a\0b", "character '\\x00'", id="NUL"),
            pytest.param("/etc\0", "character '\\x00'", id="NUL in an absolute path"),
            pytest.param("a\nb", "character '\\n'", id="line end"),
            pytest.param("a\tb", "character '\\t'", id="tab"),
            pytest.param("a\x7fb", "character '\\x7f'", id="delete"),
            pytest.param("a*b", "character '*'", id="wildcard"),
            pytest.param("a<b>", "character '<'", id="angle bracket"),
            pytest.param('a"b', "character '\"'", id="quote"),
            pytest.param("a|b", "character '|'", id="pipe"),
            pytest.param("a?b", "character '?'", id="question mark"),
            pytest.param("~/x", "'~'", id="home"),
            pytest.param("~root", "'~'", id="another user's home"),
            pytest.param("a/~/b", "'~'", id="home further down"),
            pytest.param("con", "device on Windows", id="device"),
            pytest.param("NUL", "device on Windows", id="device in capitals"),
            pytest.param("a/Com1.png/b", "device on Windows", id="device with an extension"),
            pytest.param("lpt9.tar.gz", "device on Windows", id="device with two extensions"),
            pytest.param("aux .txt", "device on Windows", id="device, space, extension"),
            pytest.param("COM¹", "device on Windows", id="device with a superscript"),
            pytest.param("CONIN$", "device on Windows", id="console"),
            pytest.param("a.", "a dot or a space", id="trailing dot"),
            pytest.param("a /b", "a dot or a space", id="trailing space"),
            pytest.param(" a", "a dot or a space", id="leading space"),
            pytest.param("a. ./b", "a dot or a space", id="trailing dot and space"),
            pytest.param("...", "two dots", id="three dots"),
            pytest.param("shot..v2", "two dots in a row", id="two dots in a name"),
        ],
    )
    def test_outside_or_not_safe_on_every_system_are_refused(self, output: Path, folder: str, rule: str) -> None:
        for write in (True, False):
            with pytest.raises(PathError) as caught:
                root_of(folder, "output", write=write)

            assert rule in str(caught.value)
            assert repr(folder) in str(caught.value)
            assert (caught.value.path, caught.value.rule in str(caught.value)) == (folder, True)

    @pytest.mark.parametrize("folder", ["\ud800", "a/\udfffb", "/\ud800", "x\udc80"], ids=ascii)
    def test_with_a_lone_surrogate_are_refused(self, output: Path, folder: str) -> None:
        """JSON can hold lone surrogates ("\\ud800"), which no file name can encode."""
        with pytest.raises(PathError):
            root_of(folder, "output", write=True)

    @pytest.mark.parametrize("name", ["console", "con_", "nullify.png", "com", "com10", "lpt", "auxiliary", "conin"])
    def test_that_only_resemble_devices_are_allowed(self, output: Path, name: str) -> None:
        assert root_of(name, "output", write=True)[1] == name

    @pytest.mark.parametrize("kind", ["input", "temp"])
    def test_may_be_read_but_not_written_in_the_other_folders(self, output: Path, kind: str) -> None:
        assert root_of("a", kind, write=False)[0].path == output.parent / kind
        with pytest.raises(PathError, match="outside the folders that sequences may be written to"):
            root_of("a", kind, write=True)

    def test_are_shown_as_the_user_wrote_them(self, output: Path) -> None:
        with pytest.raises(PathError, match=r"'my/\.\./pattern_####\.png'"):
            root_of("my/..", "output", write=True, shown="my/../pattern_####.png")

    @pytest.mark.skipif(os.name == "nt", reason="no limit on processor time there")
    @pytest.mark.parametrize("repeated", ["a/", "a"])
    def test_of_a_megabyte_do_not_take_hours(self, base: Path, repeated: str) -> None:
        """They are checked in the server's event loop, while a prompt is posted."""
        program = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (120, 120)); sys.path.insert(0, sys.argv[1])\n"
            "from io_utils.errors import PathError\nfrom io_utils.naming.allowed_roots import root_of\n"
            "try: root_of(sys.argv[2] * (2**20 // len(sys.argv[2])), 'output', write=True)\n"
            "except PathError: pass\n"
            "print('answered')"
        )
        command = [sys.executable, "-c", program, str(PACK), repeated]
        done = subprocess.run(command, cwd=base, capture_output=True, text=True, check=False)

        assert done.stdout == "answered\n"

    @needs_links
    def test_behind_a_link_to_elsewhere_are_refused_with_the_line_that_would_allow_them(self, output: Path) -> None:
        elsewhere = output.parent / "elsewhere"
        for folder, real in (("out", elsewhere), ("out/new", elsewhere / "new")):
            with pytest.raises(OutsideError) as caught:
                root_of(folder, "output", write=True)
            fix = f" add this line to {roots_file()} (create the file and its folder if needed):\nrw {real}\n"
            assert fix in str(caught.value)

        with pytest.raises(OutsideError) as caught:
            root_of("out", "output", write=False)
        assert (caught.value.line, caught.value.file) == (f"ro {elsewhere}", roots_file())

    @needs_links
    @pytest.mark.parametrize("write", [True, False])
    def test_behind_a_link_to_elsewhere_are_shown_as_the_user_wrote_them(self, output: Path, write: bool) -> None:
        with pytest.raises(PathError) as caught:
            root_of("out", "output", write=write, shown="out/f_####.png")

        assert caught.value.path == "out/f_####.png"

    @needs_links
    def test_behind_a_link_to_elsewhere_are_allowed_once_the_operator_adds_that_line(self, output: Path) -> None:
        operators_file(output.parent, f"rw {output.parent / 'elsewhere'}\n")

        root, relative = root_of("out/new", "output", write=True)

        assert (root.kind, relative) == ("output", "out/new")

    @needs_links
    def test_behind_a_link_within_the_output_folder_are_allowed(self, output: Path) -> None:
        assert root_of("in/f", "output", write=True)[1] == "in/f"

    @needs_links
    def test_in_an_output_folder_that_is_itself_a_link_are_allowed(self, base: Path) -> None:
        (base / "disk").mkdir()
        (base / "output").symlink_to(base / "disk")

        root, relative = root_of("shots/a", "output", write=True)

        assert root.confirm(root.path / relative / "f.png", write=True) == base / "output" / "shots" / "a" / "f.png"
        with pytest.raises(PathError):
            root_of("../x", "output", write=True)

    @needs_links
    def test_a_link_made_after_the_check_is_caught_by_the_next_check(self, output: Path) -> None:
        root, relative = root_of("late", "output", write=True)
        file = root.path / relative / "f.png"
        assert root.confirm(file, write=True) == file

        (output / "late").symlink_to(output.parent / "elsewhere")

        for write in (True, False):
            with pytest.raises(PathError, match="elsewhere"):
                root.confirm(file, write=write)

    @needs_links
    def test_a_file_that_links_to_elsewhere_is_not_read_but_may_be_replaced(self, output: Path) -> None:
        secret = output.parent / "elsewhere" / "secret.png"
        secret.write_bytes(b"secret")
        (output / "ok" / "f.png").symlink_to(secret)
        root, relative = root_of("ok", "output", write=True)
        file = root.path / relative / "f.png"

        assert root.confirm(file, write=True) == file
        with pytest.raises(PathError, match="secret"):
            root.confirm(file, write=False)

    @given(path_texts, st.booleans())
    @example("\u2028", False)
    def test_never_escape_the_allowed_ones_whatever_the_text(self, output: Path, text: str, write: bool) -> None:
        try:
            root, relative = root_of(text, "output", write=write)
        except PathError as error:
            refused = error.path
        else:
            refused = text
            assert_inside(output, root.path / relative)

        assert refused == text

    @given(path_texts, st.booleans(), st.integers(0, 10**12))
    @example("com{}.png", True, 1)
    @example("lpt{}", True, 9)
    @example("{}.", True, 0)
    @example("{}/../x", True, 0)
    @example("..{}/x", True, 0)
    def test_never_escape_the_allowed_ones_whatever_the_pattern(
        self, output: Path, text: str, write: bool, frame: int
    ) -> None:
        try:
            sequence = FileSequence.from_pattern(FramePattern.parse(text), "output", write=write)
            path = sequence.root.confirm(sequence.file(frame), write=write)
        except (PathError, PatternError):
            return
        # Writing replaces a link that has the name of the frame and does not follow it.
        assert_inside(output, path.parent if write else path)
        check_names(sequence.pattern.name(frame))


def assert_inside(folder: Path, path: Path) -> None:
    real = Path(os.path.realpath(path))
    assert Path(os.path.realpath(folder)) in (real, *real.parents)


class TestPatterns:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("../f_{}.png", id="the folder"),
            pytest.param("a/../../f_{}.png", id="the folder, further down"),
            pytest.param("f_{}/../../x.png", id="after the number"),
            pytest.param("f_{}.png/../../../x", id="the extension"),
            pytest.param("{i}/../{i}.png", id="between two numbers"),
            pytest.param("..\\f_{}.png", id="with backslashes"),
            pytest.param("f_{}\\..\\..\\x.png", id="with backslashes after the number"),
            pytest.param("/etc/f_{}.png", id="an absolute folder"),
            pytest.param("/{}", id="the root of the file system"),
            pytest.param("C:\\f_{}.png", id="a drive"),
            pytest.param("C:f_{}.png", id="a drive's folder"),
            pytest.param("\\\\server\\share\\f_{}.png", id="UNC"),
            pytest.param("//server/share/f_{}.png", id="UNC with slashes"),
            pytest.param("f_{}.png:stream", id="a stream"),
            pytest.param("f_{}.png\0.jpg", id="NUL"),
            pytest.param("f_{}.png.", id="trailing dot"),
            pytest.param("f_{}.png ", id="trailing space"),
            pytest.param("f_{}..png", id="two dots"),
            pytest.param("f.{i}..{i}", id="two dots between numbers"),
            pytest.param("con/{}.png", id="a device"),
            pytest.param("nul.{}.png", id="a device with the number as extension"),
            pytest.param("com{}.png", id="a device of frames 1 to 9"),
            pytest.param("a/LPT{}/f.png", id="a device folder of frames 1 to 9"),
            pytest.param("~/f_{}.png", id="home"),
            pytest.param("~{}.png", id="home in the name"),
            pytest.param("f_{}\ud800.png", id="lone surrogate"),
        ],
    )
    def test_outside_or_not_safe_are_refused_wherever_the_fault_is(self, output: Path, text: str) -> None:
        pattern = FramePattern.parse(text)
        with pytest.raises(PathError) as caught:
            FileSequence.from_pattern(pattern, "output", write=True)
        assert repr(str(pattern)) in str(caught.value)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param("../f_", ".png", id="the prefix"),
            pytest.param("a/../../f_", ".png", id="the prefix, further down"),
            pytest.param("/tmp/f_", ".png", id="an absolute prefix"),
            pytest.param("f_", "/../../x.png", id="the suffix"),
            pytest.param("f_", "\\..\\..\\x.png", id="the suffix, with backslashes"),
            pytest.param("..", "/x.png", id="two dots before the number"),
            pytest.param("f_", ".png\0.jpg", id="NUL in the suffix"),
        ],
    )
    def test_made_of_a_prefix_and_a_suffix_are_refused_too(self, output: Path, before: str, after: str) -> None:
        with pytest.raises(PathError):
            FileSequence.from_pattern(FramePattern.around(before, after, 4), "output", write=True)

    @pytest.mark.parametrize("text", ["com{:02d}.png", "lpt_{}.png", "com1_{}.png", "nul{}.png"])
    def test_that_name_a_device_for_no_frame_are_allowed(self, output: Path, text: str) -> None:
        FileSequence.from_pattern(FramePattern.parse(text), "output", write=True)


class TestAbsoluteFolders:
    def test_inside_the_output_folder_equal_the_relative_ones(self, output: Path) -> None:
        root, relative = root_of(str(output / "ok" / "f"), "output", write=True)

        assert (root.path, root.kind, relative) == (output, "output", "ok/f")

    def test_that_are_an_allowed_root_have_an_empty_relative_path(self, output: Path) -> None:
        assert root_of(f"{output}/", "output", write=True)[1] == ""

    @pytest.mark.parametrize("kind", ["input", "temp"])
    def test_have_the_kind_of_the_root_they_are_in(self, output: Path, kind: str) -> None:
        root, relative = root_of(str(output.parent / kind / "a"), "output", write=False)

        assert (root.kind, relative) == (kind, "a")
        with pytest.raises(PathError):
            root_of(str(output.parent / kind / "a"), "output", write=True)

    @pytest.mark.parametrize("write", [True, False])
    @pytest.mark.parametrize(
        "folder",
        [
            pytest.param("renders", id="a folder"),
            pytest.param("renders/shot 1//take/", id="extra separators"),
            pytest.param("L'été", id="a quote and a letter outside ASCII"),
            pytest.param("finals rw", id="a name that ends like a line of the file"),
        ],
    )
    def test_that_are_refused_are_allowed_once_the_file_in_the_message_has_the_line_in_it(
        self, base: Path, folder: str, write: bool
    ) -> None:
        text = f"{base.as_posix()}/elsewhere/{folder}"
        with pytest.raises(OutsideError) as caught:
            root_of(text, "output", write=write)
        fix = re.search(
            r" add this line to (.*) \(create the file and its folder if needed\):\n(.*)\n", str(caught.value)
        )
        assert fix is not None
        shown, line = fix.groups()
        Path(shown).parent.mkdir(parents=True)
        Path(shown).write_text(f"# ours\n{line}\n", encoding="utf-8")
        Path(text).mkdir(parents=True)

        root, relative = root_of(text, "output", write=write)

        assert root.path / relative == Path(text)
        assert (caught.value.line, caught.value.file) == (line, Path(shown))

    def test_that_are_a_whole_drive_cannot_be_allowed(self, base: Path) -> None:
        with pytest.raises(OutsideError, match="whole drive is never allowed") as caught:
            root_of(base.anchor, "output", write=True)

        assert caught.value.line is None

    def test_whose_name_starts_with_that_of_an_allowed_root_are_refused(self, output: Path) -> None:
        with pytest.raises(PathError, match="outside"):
            root_of(f"{output}_evil", "output", write=True)

    @needs_links
    def test_through_a_link_are_resolved_to_their_real_path(self, base: Path, output: Path) -> None:
        (base / "shortcut").symlink_to(output / "ok")

        assert root_of(str(base / "shortcut" / "f"), "output", write=True)[1] == "ok/f"

    @needs_links
    def test_in_an_output_folder_that_is_a_link_are_found_by_either_path(self, base: Path) -> None:
        (base / "disk").mkdir()
        (base / "output").symlink_to(base / "disk")

        assert root_of(str(base / "output" / "a"), "output", write=True)[1] == "a"
        assert root_of(str(base / "disk" / "a"), "output", write=True)[1] == "a"


class TestOperatorsFile:
    @pytest.mark.parametrize(
        ("line", "writable"),
        [
            pytest.param("rw {}", True, id="rw before"),
            pytest.param("{} rw", True, id="rw after"),
            pytest.param("ro {}", False, id="ro before"),
            pytest.param("{} ro", False, id="ro after"),
            pytest.param("{}", False, id="ro is the default"),
            pytest.param("  rw \t {}  ", True, id="spaces and tabs around"),
            pytest.param("\ufeffrw {}", True, id="byte order mark"),
            pytest.param("# shows\n\n   # more\nrw {}\r\n\n", True, id="comments, blank lines, Windows line ends"),
            pytest.param("rw {}/", True, id="trailing slash"),
        ],
    )
    def test_lists_further_folders(self, base: Path, line: str, writable: bool) -> None:
        renders = base / "my renders"
        renders.mkdir()
        operators_file(base, line.format(renders))

        root, relative = root_of(str(renders / "shot"), "output", write=False)

        assert (root.path, root.kind, relative) == (renders, "", "shot")
        assert (os.path.realpath(renders), writable) in root.allowed
        if writable:
            assert root_of(str(renders / "shot"), "output", write=True) == (root, relative)
        else:
            with pytest.raises(PathError, match="rw "):
                root_of(str(renders / "shot"), "output", write=True)

    @pytest.mark.parametrize(
        "line",
        [
            pytest.param("/", id="everything"),
            pytest.param("rw /", id="everything, writable"),
            pytest.param("//", id="everything, with two slashes"),
            pytest.param("/tmp/..", id="everything, the long way"),
            pytest.param("rw", id="no folder"),
            pytest.param("renders", id="relative"),
            pytest.param("rw ./renders", id="relative, writable"),
            pytest.param("rwx /mnt/renders", id="unknown word"),
            pytest.param("RW /mnt/renders", id="word in capitals"),
            pytest.param("rw=/mnt/renders", id="another notation"),
            pytest.param("~/renders", id="home"),
        ],
    )
    def test_with_an_invalid_line_is_refused_with_the_line_number(self, base: Path, line: str) -> None:
        file = operators_file(base, f"# ours\n\n{line}\n")

        with pytest.raises(ValueError, match=r"^Correct line 3 of ") as caught:
            allowed_roots()

        assert repr(str(file)) in str(caught.value)
        assert repr(line) in str(caught.value)

    @needs_links
    def test_with_a_link_to_everything_is_refused(self, base: Path) -> None:
        (base / "all").symlink_to("/")
        operators_file(base, f"rw {base / 'all'}")

        with pytest.raises(ValueError, match=r"^Correct line 1 of "):
            allowed_roots()

    def test_that_is_not_utf_8_is_refused_and_named(self, base: Path) -> None:
        file = operators_file(base, "rw /mnt/séquences\n".encode("latin-1"))

        with pytest.raises(ValueError, match=r"(?i)utf-8") as caught:
            allowed_roots()
        assert repr(str(file)) in str(caught.value)

    def test_that_does_not_exist_lists_nothing(self, base: Path) -> None:
        assert list(allowed_roots()) == ["output", "input", "temp"]

    def test_that_is_empty_lists_nothing(self, base: Path) -> None:
        operators_file(base, "\ufeff\n# none yet\n")

        assert list(allowed_roots()) == ["output", "input", "temp"]

    def test_is_read_every_time(self, base: Path) -> None:
        with pytest.raises(PathError):
            root_of(str(base / "renders"), "output", write=True)

        operators_file(base, f"rw {base / 'renders'}")
        (base / "renders").mkdir()

        assert root_of(str(base / "renders"), "output", write=True)[1] == ""

    @pytest.mark.parametrize("write", [True, False])
    @pytest.mark.parametrize("below", ["", "/shot", "/shot/take1"])
    def test_with_a_folder_that_does_not_exist_is_an_error_and_the_folder_is_not_created(
        self, base: Path, below: str, write: bool
    ) -> None:
        """It may be a share that is not mounted: frames would fill the local disk, and mounting the share would hide them."""
        share = base / "mnt" / "share"
        operators_file(base, f"rw {share}")

        with pytest.raises(PathError, match=r"^Mount the folder.*mnt/share.*does not exist"):
            root_of(f"{share}{below}", "output", write=write)
        assert not (base / "mnt").exists()

    @needs_links
    def test_with_a_folder_that_does_not_exist_is_an_error_through_a_link_too(self, base: Path) -> None:
        """output/shots links to a share that is not mounted. The error says so, and nothing is created in its place."""
        share = base / "mnt" / "share"
        operators_file(base, f"rw {share}")
        (base / "output").mkdir(exist_ok=True)
        (base / "output" / "shots").symlink_to(share, target_is_directory=True)

        for folder in ("shots", "shots/take1"):
            with pytest.raises(PathError, match=r"^Mount the folder.*mnt/share.*does not exist"):
                root_of(folder, "output", write=True)
        assert not (base / "mnt").exists()

    def test_with_a_folder_that_does_not_exist_still_allows_the_others(self, base: Path) -> None:
        operators_file(base, f"rw {base / 'mnt' / 'share'}\nrw {base / 'renders'}")
        (base / "renders").mkdir()

        assert root_of(str(base / "renders"), "output", write=True)[1] == ""
        assert root_of("shot", "output", write=True)[1] == "shot"

    def test_the_innermost_root_that_contains_a_folder_is_its_root(self, base: Path) -> None:
        (base / "all" / "shows" / "a").mkdir(parents=True)
        operators_file(base, f"rw {base / 'all'}\nrw {base / 'all' / 'shows'}\n")

        root, relative = root_of(str(base / "all" / "shows" / "a"), "output", write=True)

        assert (root.path, relative) == (base / "all" / "shows", "a")

    def test_a_read_only_folder_inside_a_writable_one_is_not_written(self, base: Path) -> None:
        (base / "all" / "finals").mkdir(parents=True)
        operators_file(base, f"rw {base / 'all'}\nro {base / 'all' / 'finals'}\n")

        with pytest.raises(PathError):
            root_of(str(base / "all" / "finals" / "a"), "output", write=True)

    @needs_links
    def test_a_link_from_a_listed_folder_to_an_unlisted_one_is_refused(self, base: Path) -> None:
        (base / "renders").mkdir()
        (base / "elsewhere").mkdir()
        (base / "renders" / "out").symlink_to(base / "elsewhere")
        operators_file(base, f"rw {base / 'renders'}")

        with pytest.raises(PathError, match="elsewhere"):
            root_of(str(base / "renders" / "out"), "output", write=True)

    def test_of_the_same_name_in_another_folder_is_ignored(self, base: Path, output: Path) -> None:
        for folder in (output, base, base / "user", base / "user" / "default"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "image_sequence_roots.txt").write_text(f"rw {base / 'elsewhere'}")

        with pytest.raises(PathError):
            root_of(str(base / "elsewhere"), "output", write=True)


def test_a_root_is_a_value(output: Path) -> None:
    assert isinstance(root_of("a", "output", write=True)[0], Root)
    assert root_of("a", "output", write=True) == root_of("a", "output", write=True)


class TestAnywhere:
    """For programs that a user starts: any folder may be read, and none written."""

    def test_any_folder_is_its_own_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "in").mkdir()

        root, below = root_of("in/../in", ANYWHERE, write=False)

        assert (root.path, root.kind, below) == (tmp_path / "in", "", "")
        assert root.may_read("/")
        assert root.confirm(tmp_path / "f.png", write=False) == tmp_path / "f.png"

    def test_nothing_is_written_anywhere(self, base: Path) -> None:
        with pytest.raises(ValueError, match="Choose one of"):
            root_of(str(base), ANYWHERE, write=True)

    def test_no_text_from_outside_means_it(self, base: Path) -> None:
        with pytest.raises(ValueError, match="Choose one of"):
            root_of(str(base), "anywhere", write=False)
