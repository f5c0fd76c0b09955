"""farm/README.md: its command lines are right to the letter, and its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import check_sequence
import comfyui_frames

from ..checking.frames import put_noise
from ..disk import tear

FARM = Path(__file__).resolve().parents[2] / "farm"
README = (FARM / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

# What the engines write in the place of their variables.
HANDED_OVER = {
    "<STARTFRAME>-<ENDFRAME>": "1001-1010",
    "#FRAMESPEC#": "1001-1009x2",
    "@#@-@#@": "1001-1010",
    "--frames=$frame": "--frames=1001",
    "$from-$to": "1001-1010",
    "$(frames)": "1001-1010",
    "<SeqStart>-<SeqEnd>": "1001-1010",
    "FIRST-LAST": "1001-1010",
    '"$missing"': "1005,1010-1012",
    '"<Scene>"': "/mnt/shot.json",
}


def filled_in(line: str) -> str:
    for variable, value in HANDED_OVER.items():
        line = line.replace(variable, value)
    return line


def command_lines(program: str) -> list[str]:
    """The arguments of a program in code blocks, those in Python left out, and in code spans."""
    code = [line for language, block in BLOCKS if language != "python" for line in block.splitlines()]
    code += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))
    found = [re.search(rf'{program}\.py"? +([^"}}]+)', filled_in(line).partition("    #")[0]) for line in code]
    return [match[1].strip() for match in found if match]


def block_with(text: str) -> str:
    (found,) = [block for _, block in BLOCKS if text in block]
    return found


def refusal(arguments: list[str]) -> str:
    """What the client says to a command line before it asks a server: the prompt does not exist here."""
    events: list[dict[str, Any]] = []
    assert comfyui_frames.run(arguments, events.append) == comfyui_frames.REFUSED
    return str(events[-1]["text"])


def all_frames(arguments: list[str]) -> list[int]:
    (frames,) = [value.removeprefix("--frames=") for value in arguments if value.startswith("--frames=")]
    return comfyui_frames.parse_frames(frames)


class TestCommandLines:
    def test_there_is_one_for_every_engine(self) -> None:
        assert len(command_lines("comfyui_frames")) > 15
        assert len(command_lines("dask_render")) >= 2

    @pytest.mark.parametrize("line", command_lines("comfyui_frames"))
    def test_the_client_accepts_it(self, line: str, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = shlex.split(line)
        if "--help" in arguments:
            with pytest.raises(SystemExit) as ended:
                comfyui_frames.run(arguments)
            assert ended.value.code == 0
            return
        if arguments[1:] == []:
            return  # a mention of the command
        assert refusal(arguments).startswith(f"Check the path of the prompt: {arguments[1]} ")

    @pytest.mark.parametrize("line", command_lines("dask_render"))
    def test_dask_render_accepts_it(self, line: str) -> None:
        pytest.importorskip("distributed")
        command = [sys.executable, str(FARM / "dask_render.py"), *shlex.split(line)]
        ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert ended.returncode == comfyui_frames.REFUSED
        assert "Check the path of the prompt: /mnt/shot.json " in ended.stderr

    @pytest.mark.parametrize("line", re.findall(r"check_sequence\.py (.*?)\)?$", README, re.MULTILINE))
    def test_the_check_accepts_it_and_the_report_is_in_its_words(
        self, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On 240 frames of which some are wrong, in another folder."""
        put_noise(tmp_path, *{*range(1001, 1241)} - {1005, 1010, 1011, 1012}, name="plate_{:04d}.png")
        tear(tmp_path / "plate_1020.png")

        code = check_sequence.main(shlex.split(line.replace("/mnt/renders", str(tmp_path))))

        assert code == check_sequence.FAULTY
        told = capsys.readouterr().out.replace("6 x 4", "1920 x 1080")
        shown = block_with("$ python check_sequence.py").partition("\n")[2]
        assert told.startswith("1005,1010-1012,1020\n" if "--missing" in line else shown)

    def test_the_output_that_is_shown_is_in_the_words_of_the_client(self) -> None:
        source = (FARM / "comfyui_frames.py").read_text(encoding="utf-8")
        shown = block_with("$ python comfyui_frames.py")
        assert re.findall(r"^frame \d+: (\w+)", shown, re.MULTILINE) == ["kept", "saved", "saved"]
        for words in ("Rendering ", " frames, ", ", on ", " from ", " frames: ", ", in "):
            assert words in shown
            assert words in source


class TestScripts:
    """The recipes in Python run, with recorders in the place of the engines' modules."""

    def test_opencue_gets_the_chunks_and_a_last_layer_that_waits_for_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        layers: list[dict[str, Any]] = []
        launched: list[dict[str, Any]] = []

        class Shell:
            def __init__(self, name: str, **arguments: Any) -> None:
                self.facts = {"name": name, **arguments}

            def depend_all(self, other: Shell) -> None:
                self.facts["after"] = other.facts["name"]

        class Outline:
            def __init__(self, name: str, **facts: str) -> None:
                self.facts = {"name": name, **facts}

            def add_layer(self, layer: Shell) -> None:
                layers.append(layer.facts)

        modules = {name: ModuleType(name) for name in ("outline", "outline.cuerun", "outline.modules")}
        modules["outline.modules.shell"] = ModuleType("outline.modules.shell")
        modules["outline"].Outline = Outline  # type: ignore[attr-defined]
        modules["outline"].cuerun = modules["outline.cuerun"]  # type: ignore[attr-defined]
        modules["outline.cuerun"].launch = lambda job, **options: launched.append(options)  # type: ignore[attr-defined]
        modules["outline.modules.shell"].Shell = Shell  # type: ignore[attr-defined]
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)

        exec(compile(block_with("import outline"), "README.md", "exec"), {})

        assert launched == [{"use_pycuerun": False}]
        render, finish = layers
        assert (render["range"], render["chunk"], finish["after"]) == ("1001-1100", 10, "render")
        for layer in layers:
            arguments = shlex.split(filled_in(" ".join(layer["command"])))[2:]
            assert refusal(arguments).startswith("Check the path of the prompt: /mnt/shot.json ")

    def test_afanasy_gets_the_chunks_and_a_last_block_that_waits_for_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Recorder:
            """Remembers the arguments of every call, as af.Block and af.Job take them."""

            def __init__(self, *arguments: str) -> None:
                self.calls: dict[str, tuple[Any, ...]] = {"": arguments}
                self.blocks: list[Recorder] = []

            def __getattr__(self, name: str) -> Any:
                return lambda *arguments, **_: self.calls.update({name: arguments})

        module = ModuleType("af")
        module.Block = module.Job = Recorder  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "af", module)
        names: dict[str, Any] = {}

        exec(compile(block_with("import af"), "README.md", "exec"), names)

        assert "send" in names["job"].calls
        render, finish = names["job"].blocks
        assert render.calls["setNumeric"] == (1001, 1100, 10)
        assert finish.calls["setDependMask"] == render.calls[""][:1]
        for block in (render, finish):
            arguments = shlex.split(filled_in(block.calls["setCommand"][0]))[2:]
            assert refusal(arguments).startswith("Check the path of the prompt: /mnt/shot.json ")

    @pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
    def test_the_array_of_slurm_renders_every_frame_once(self, tmp_path: Path) -> None:
        script = block_with("#SBATCH")
        (python := tmp_path / "python3").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        python.chmod(0o755)
        first, last = map(int, re.findall(r"--array=(\d+)-(\d+)", script)[0])
        frames = []
        for number in range(first, last + 1):
            environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(number)}
            ended = subprocess.run(
                ["bash"], input=script, env=environment, capture_output=True, text=True, encoding="utf-8", check=True
            )
            frames += all_frames(ended.stdout.splitlines())
        assert frames == list(range(1001, 1101))

    def test_what_is_posted_to_flamenco_has_the_settings_of_the_job_type(self) -> None:
        posted = json.loads(re.findall(r"-d '(\{.*\})'", block_with("/api/v3/jobs"), re.DOTALL)[0])
        keys = set(re.findall(r'\bkey: "(\w+)"', (FARM / "comfyui_sequence.js").read_text(encoding="utf-8")))
        assert {"name", "type", "priority", "submitter_platform"} < set(posted)
        assert {"prompt", "frames", "client"} <= set(posted["settings"]) <= keys

    def test_the_parameters_of_the_bundle_are_those_of_the_template(self) -> None:
        yaml = pytest.importorskip("yaml")
        template = yaml.safe_load((FARM / "template.yaml").read_text(encoding="utf-8"))
        known = {parameter["name"] for parameter in template["parameterDefinitions"]}
        named = re.findall(r" -p (\w+)=", README)
        assert len(named) >= 4
        assert set(named) <= known


class TestPage:
    def test_it_names_every_file_of_the_folder(self) -> None:
        rows = set(re.findall(r"^\| `([\w.]+)` \|", README, re.MULTILINE))
        files = {path.name for path in FARM.iterdir() if path.is_file()}
        assert rows == files - {"README.md"}

    def test_its_links_lead_to_its_own_sections_or_out(self) -> None:
        """The folder is unzipped alone, so a link to another file of the pack would lead nowhere."""
        headings = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
        }
        links = re.findall(r"\]\(([^)]+)\)", README)
        assert links
        assert [
            link for link in links if link.removeprefix("#") not in headings and not link.startswith("https://")
        ] == []

    def test_every_engine_has_a_recipe_and_a_row_that_says_how_it_is_known(self) -> None:
        _, _, table = README.partition("\n## What was run and what was only read\n")
        rows = re.findall(r"^\| (\w[^|]*?) \|", table, re.MULTILINE)
        recipes = re.findall(r"^### (.+)$", README.partition("\n## The command\n")[0], re.MULTILINE)
        for engine in ("Dask", "Deadline 10", "Deadline Cloud", "OpenCue", "Flamenco", "Afanasy", "Tractor"):
            assert any(engine in recipe for recipe in recipes), engine
            assert any(row.startswith(engine) for row in rows), engine
        for engine in ("Open Job Description", "Royal Render", "Slurm", "HTCondor"):
            assert any(engine in recipe for recipe in recipes), engine
            assert any(row.startswith(engine) for row in rows), engine

    def test_the_exit_codes_are_those_of_the_client(self) -> None:
        rows = re.findall(r"^\| (\d+(?:, \d+)*) \| ", README, re.MULTILINE)
        codes = [int(code) for row in rows for code in row.split(", ")]
        constants = (comfyui_frames.DONE, comfyui_frames.FAILED, comfyui_frames.REFUSED, comfyui_frames.NO_SERVER)
        assert codes == [*constants, 130, 143, 129, 141]
