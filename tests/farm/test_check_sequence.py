"""The check as a farm calls it, from a checkout or with the pack in another folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import check_sequence
import comfyui_frames
from io_utils.naming.frame_list import frame_list

from ..checking.frames import put_noise, report_of
from ..conftest import PACK
from ..disk import put, tear

COMMAND = PACK / "farm" / "check_sequence.py"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """run(*arguments): (exit code, output, errors)."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = check_sequence.main(list(map(str, arguments)))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


Run = Callable[..., tuple[int, str, str]]


class TestTheReport:
    def test_is_that_of_the_node(self, run: Run, output: Path) -> None:
        put_noise(output, 1, 2, 4)
        tear(output / "f_02.png")

        code, out, err = run(output / "f_##.png")

        assert (code, err) == (check_sequence.FAULTY, "")
        assert out == f"{report_of().text}\n"
        assert out.startswith("2 problems in 4 frames, 1-4.\n")

    def test_of_a_good_sequence_ends_well(self, run: Run, output: Path) -> None:
        put_noise(output, 1, 2)

        assert run(output / "f_##.png", "--decode")[:2] == (0, "Good: 2 frames, 1-2, 6 x 4, RGB, 8 bits, PNG.\n")

    def test_with_remarks_ends_well(self, run: Run, output: Path) -> None:
        for number in (1, 2):
            put(output / f"f_{number:02d}.png", 99)

        code, out, _ = run("--decode", output / "f_##.png")

        assert code == check_sequence.GOOD
        assert "Remark: 2 frames have the same pixels" in out

    def test_is_about_any_folder_also_by_a_relative_path(
        self, run: Run, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("renders")
        put_noise(folder / "a", 1, 2)
        before = Path.cwd()
        os.chdir(folder / "a")
        try:
            for text in ("f_##.png", "../a/f_##.png", "*.png", "f_01.png", ".", str(folder / "a"), ""):
                assert run(text)[0] == 0, text
        finally:
            os.chdir(before)

    def test_of_several_sequences_names_each_and_ends_with_the_worst(self, run: Run, output: Path) -> None:
        put_noise(output / "good", 1, 2)
        put_noise(output / "bad", 1, 3)

        code, out, err = run(output / "good", output / "bad/f_##.png", output / "none/f_##.png")

        assert code == check_sequence.REFUSED
        assert f"{output / 'good/f_'}{{:02d}}.png\nGood: " in out
        assert f"{output / 'bad/f_'}{{:02d}}.png\n1 problem in 3 frames, 1-3." in out
        assert err.startswith("Check the folder's name: ")


class TestMissing:
    def test_prints_what_has_to_be_rendered_for_the_other_command(self, run: Run, output: Path) -> None:
        put_noise(output, 1001, 1002, 1004, name="f_{:04d}.png")
        tear(output / "f_1002.png")

        code, out, err = run("--missing", "--first", 1000, "--count", 8, output / "f_####.png")

        assert (code, out, err) == (check_sequence.FAULTY, "1000,1002-1003,1005-1007\n", "")
        frames = [1000, 1002, 1003, 1005, 1006, 1007]
        assert list(comfyui_frames.parse_frames(out.strip())) == list(frame_list(out, 100)) == frames

    def test_prints_an_empty_line_if_all_is_there(self, run: Run, output: Path) -> None:
        put_noise(output, 1, 2)

        assert run("--missing", output / "f_##.png") == (0, "\n", "")

    def test_names_all_frames_before_the_first_is_rendered(self, run: Run, output: Path) -> None:
        assert run("--missing", "--first", 1, "--count", 5, output / "new/f_##.png")[:2] == (1, "1-5\n")

    def test_is_of_one_sequence(self, run: Run, output: Path) -> None:
        code, out, err = run("--missing", "a", "b")

        assert (code, out) == (check_sequence.REFUSED, "")
        assert err.startswith("Give one pattern")


def test_json_is_a_line_for_each_pattern(run: Run, output: Path) -> None:
    put_noise(output / "good", 1, 2)
    put_noise(output / "bad", *range(1, 40_001, 20_000), name="f_{:05d}.png")

    code, out, _ = run("--json", output / "good", output / "bad")

    good, bad = map(json.loads, out.splitlines())
    assert code == check_sequence.FAULTY
    assert (good["is_good"], good["checked"], good["first"], good["last"], good["missing"]) == (True, 2, 1, 2, "")
    assert bad["missing"] == "2-20000"
    assert bad["path_pattern"].endswith("/bad/f_{:05d}.png")
    assert [problem["kind"] for problem in bad["problems"]] == ["missing"]
    assert bad["report"].startswith("1 problem in ")


class TestRefusals:
    @pytest.mark.parametrize(
        "arguments",
        [
            pytest.param([], id="no pattern"),
            pytest.param(["f_##.png", "--first", "-1"], id="a negative frame"),
            pytest.param(["f_##.png", "--first", "one"], id="no number"),
            pytest.param(["f_##.png", "--json", "--missing"], id="two outputs"),
            pytest.param(["f_##.png", "--dec"], id="an abbreviation"),
        ],
    )
    def test_of_options(self, run: Run, arguments: list[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            run(*arguments)

        assert ended.value.code == check_sequence.REFUSED

    @pytest.mark.parametrize("text", ["f_##.png", "f_<frame>.png", "f_##.gif", "a*.png", "none/", "f_##_##.png"])
    def test_of_patterns_say_why_and_print_no_traceback(self, run: Run, output: Path, text: str) -> None:
        code, out, err = run(output / text)

        assert (code, out) == (check_sequence.REFUSED, "")
        assert err.rstrip().endswith((".", "?"))
        assert "Traceback" not in err


def started(*arguments: str | Path, command: Path = COMMAND, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(command), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


class TestAsAProgram:
    def test_from_a_checkout(self, output: Path) -> None:
        put_noise(output, 1, 3)

        ended = started(output / "f_##.png")

        assert (ended.returncode, ended.stderr) == (1, "")
        assert ended.stdout.startswith("1 problem in 3 frames, 1-3.\n")

    def test_as_a_module(self, output: Path) -> None:
        put_noise(output, 1, 2)
        command = [sys.executable, "-m", "farm.check_sequence", str(output)]

        ended = subprocess.run(command, cwd=PACK, capture_output=True, text=True, check=False)

        assert (ended.returncode, ended.stderr) == (0, "")

    def test_beside_no_pack_names_the_option(self, tmp_path: Path, output: Path) -> None:
        """The zip of farm/ has the command without the pack."""
        put_noise(output, 1, 2)
        alone = tmp_path / "alone" / "farm"
        alone.mkdir(parents=True)
        shutil.copy(COMMAND, alone)

        refused = started(output, command=alone / COMMAND.name)
        ended = started(output, "--pack", PACK, command=alone / COMMAND.name)

        assert (refused.returncode, refused.stdout) == (check_sequence.REFUSED, "")
        assert refused.stderr.startswith("Name the folder of the pack with --pack, ")
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_on_a_terminal_that_knows_only_ascii(self, output: Path) -> None:
        put_noise(output, 1)
        put(output / "f_01 (\u00fc).png")
        (output / "f_\u00fc.png").touch()

        ended = started(output / "f_##.png", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

        assert (ended.returncode, ended.stderr) == (0, "")

    @pytest.mark.skipif(os.name == "nt", reason="Ctrl-C goes to a whole console there")
    def test_ctrl_c_ends_it_without_a_traceback(self, output: Path) -> None:
        """A pipe under the name of the pack's first module holds the import until the signal is sent."""
        pack = output / "pack"
        (pack / "io_utils/checking").mkdir(parents=True)
        for folder in (pack / "io_utils", pack / "io_utils/checking"):
            (folder / "__init__.py").touch()
        (pack / "io_utils/checking/check.py").write_text("import sys\nprint('here', flush=True)\nsys.stdin.read()\n")
        command = [sys.executable, str(COMMAND), str(output), "--pack", str(pack)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"here\n"
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b""
            assert process.wait() == check_sequence.CANCELLED

    @pytest.mark.skipif(os.name == "nt", reason="needs a shell")
    def test_an_output_that_nobody_reads_prints_no_traceback(self, output: Path) -> None:
        put_noise(output, 1)
        process = subprocess.Popen(
            [sys.executable, str(COMMAND), str(output)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        with process:
            assert process.stderr.read() == b""
        assert process.returncode == check_sequence.NO_READER


def test_a_cancelled_check_is_passed_on(monkeypatch: pytest.MonkeyPatch, run: Run, output: Path) -> None:
    put_noise(output, 1)
    pressed: list[Any] = []

    def press(*_: Any) -> None:
        pressed.append(True)
        raise KeyboardInterrupt

    monkeypatch.setattr("io_utils.checking.check.examine", press)

    with pytest.raises(KeyboardInterrupt):
        run(output)
    assert pressed


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, run: Run, output: Path) -> None:
    put_noise(output, *range(40))
    assert run(output)[2] == ""

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert "100 %" in run(output)[2]


def test_its_help_needs_neither_the_pack_nor_its_packages() -> None:
    code = "import check_sequence; check_sequence.main(['--help'])"

    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(COMMAND.parent)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0
    assert "--missing" in ended.stdout
