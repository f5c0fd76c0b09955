"""farm/template.yaml: what the real openjd reads in it, and the command lines that it makes of a job's parameters."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openjd.model import (
    DocumentType,
    IntRangeExpr,
    create_job,
    decode_job_template,
    document_string_to_object,
    preprocess_job_parameters,
)

import comfyui_frames

from .job_template import FARM, TEMPLATE, openjd

TEXT = TEMPLATE.read_text(encoding="utf-8")
STARTED = "If the job starts ComfyUI"


def decoded(text: str = TEXT) -> Any:
    document = document_string_to_object(document=text, document_type=DocumentType.YAML)
    return decode_job_template(template=document, supported_extensions=["TASK_CHUNKING"])


def job(**parameters: Any) -> Any:
    """The job that `openjd` and farms make of the template and these parameters."""
    given = {"Prompt": "shot.json", "Frames": "1-10", **parameters}
    template = decoded()
    values = preprocess_job_parameters(
        job_template=template,
        job_parameter_values={name: str(value) for name, value in given.items() if value is not None},
        job_template_dir=FARM,
        current_working_dir=Path.cwd(),
    )
    return create_job(job_template=template, job_parameter_values=values)


def actions() -> list[Any]:
    """All actions of the template."""
    template = decoded()
    scripts = [environment.script.actions for environment in template.jobEnvironments]
    return [
        *(action for script in scripts for action in (script.onEnter, script.onExit)),
        *(step.script.actions.onRun for step in template.steps),
    ]


class TestTheTemplate:
    def test_openjd_accepts_it(self, tmp_path):
        run = openjd("check", temporary=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "passes validation checks" in run.stdout

    def test_it_needs_no_extension_but_chunks(self):
        """Every extension is one more thing that a farm must know."""
        assert decoded().extensions == ["TASK_CHUNKING"]

    def test_every_frame_is_a_task_and_finish_is_one_more(self, tmp_path):
        frames = "-5--2, 1-10 ,20-40:5"
        run = openjd("summary", "--output", "json", temporary=tmp_path, Prompt="shot.json", Frames=frames, ChunkSize=4)
        summary = json.loads(run.stdout)
        assert [(step["name"], step["total_tasks"]) for step in summary["steps"]] == [("Render", 19), ("Finish", 1)]
        assert summary["total_tasks"] == 20

    @pytest.mark.parametrize(
        ("frames", "count"), [("7", 1), ("10-1:-1", 10), ("9,10,20-25", 8), ("1-1000000", 1_000_000)]
    )
    def test_ranges(self, frames, count):
        render, _ = job(Frames=frames).steps
        assert len(IntRangeExpr.from_str(str(render.parameterSpace.taskParameterDefinitions["Frame"].range))) == count

    def test_finish_waits_for_render(self):
        render, finish = decoded().steps
        assert render.dependencies is None
        assert [dependency.dependsOn for dependency in finish.dependencies or ()] == [render.name]

    @pytest.mark.parametrize(("size", "why"), [(0, "at least 1"), (151, "at most 150"), ("few", "integer")])
    def test_chunk_sizes_that_deadline_cloud_refuses_are_refused_before(self, size, why):
        with pytest.raises(ValueError, match=f"ChunkSize.*{why}"):
            job(ChunkSize=size)

    def test_only_the_prompt_and_the_frames_must_be_given(self):
        with pytest.raises(ValueError, match=r"^Values missing for required job parameters: Frames, Prompt$"):
            job(Prompt=None, Frames=None)

    @pytest.mark.parametrize("name", ["Prompt", "Frames", "Python"])
    def test_what_must_not_be_empty_is_refused_before_anything_runs(self, name):
        with pytest.raises(ValueError, match=name):
            job(**{name: ""})

    def test_every_parameter_is_used(self):
        used = set(re.findall(r"{{Param\.(\w+)}}", TEXT))
        assert used == {parameter.name for parameter in decoded().parameterDefinitions or ()}

    def test_no_action_needs_a_shell(self):
        assert {str(action.command) for action in actions()} == {"{{Param.Python}}"}
        assert {str(action.args[0]) for action in actions()} == {"{{Param.Client}}"}

    def test_a_cancelled_action_is_told_before_it_is_killed(self):
        modes = [(action.cancelation.mode.value, action.cancelation.notifyPeriodInSeconds) for action in actions()]
        assert modes == [("NOTIFY_THEN_TERMINATE", 30)] * 4

    def test_the_host_requirement_in_the_comments_can_be_uncommented(self):
        text = re.sub(r"^(  )# (hostRequirements:|  amounts:|  - \{name: amount)", r"\1\2", TEXT, flags=re.MULTILINE)
        requirements = [step.hostRequirements for step in decoded(text).steps]
        assert [[(amount.name, amount.min) for amount in asked.amounts] for asked in requirements if asked] == [
            [("amount.worker.gpu", 1)],
            [("amount.worker.gpu", 1)],
        ]


class TestTheSubmitter:
    """What the form of Deadline Cloud's submitter is made of."""

    PARAMETERS = {parameter.name: parameter for parameter in decoded().parameterDefinitions or ()}

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_every_parameter_has_an_explanation_in_one_paragraph(self, name):
        description = self.PARAMETERS[name].description
        assert description.endswith((".", '"'))
        assert "\n" not in description

    def test_parameters_stand_in_groups_under_readable_labels(self):
        groups: dict[str, list[str]] = {}
        for parameter in self.PARAMETERS.values():
            if parameter.userInterface.control.value != "HIDDEN":
                groups.setdefault(parameter.userInterface.groupLabel, []).append(parameter.userInterface.label)
        assert groups == {
            "Sequence": ["Prompt", "Frames", "Frames per chunk", "More frame inputs"],
            "If ComfyUI runs on the workers already": ["Address"],
            STARTED: ["ComfyUI folder", "Output folder", "ComfyUI's Python", "Arguments"],
            "Workers": ["Python"],
        }

    def test_job_attachments_carry_the_prompt_and_the_client_and_bring_back_the_output(self):
        flows = {
            name: (parameter.objectType.value, parameter.dataFlow.value)
            for name, parameter in self.PARAMETERS.items()
            if parameter.type.value == "PATH"
        }
        assert flows == {
            "Prompt": ("FILE", "IN"),
            "OutputDir": ("DIRECTORY", "OUT"),
            "Client": ("FILE", "IN"),
        }

    def test_no_comfyui_is_started_unless_a_folder_is_named(self):
        started = [p for p in self.PARAMETERS.values() if p.userInterface.groupLabel == STARTED]
        assert {parameter.default for parameter in started} == {""}

    def test_the_client_travels_with_the_template(self):
        assert (FARM / self.PARAMETERS["Client"].default).is_file()


# Stands in for comfyui_frames.py: it notes its command line, and fails where it is told to.
RECORDER = """
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
with Path(__file__).with_name("calls.jsonl").open("a", encoding="utf-8") as calls:
    calls.write(json.dumps([arguments, os.environ.get("COMFYUI_SERVER"), sys.stdout.encoding]) + "\\n")
if arguments[0] == "start":
    print("openjd_env: COMFYUI_SERVER=http://127.0.0.1:4321", flush=True)
sys.exit(os.environ.get("FAIL_AT", "nothing") in arguments)
"""

# What Python on Windows writes into pipes, unless it is told otherwise.
CODE_PAGE = {"PYTHONIOENCODING": "cp1252:backslashreplace"}


@pytest.fixture
def commands(tmp_path) -> Callable[..., list[list[str]]]:
    """The command lines that `openjd run` calls the client with, and COMFYUI_SERVER in the environment of each."""
    folder = tmp_path / "the client's folder"
    folder.mkdir()
    (folder / "recorder.py").write_text(RECORDER, encoding="utf-8")

    def run(*arguments: str, code: int = 0, fail_at: str = "nothing", **parameters: Any) -> list[list[str]]:
        given = {"Prompt": "shot.json", "Frames": "1-2", "Client": folder / "recorder.py", "Python": sys.executable}
        result = openjd(
            "run",
            *arguments,
            temporary=tmp_path,
            variables={"FAIL_AT": fail_at, **CODE_PAGE},
            **{**given, **parameters},
        )
        assert result.returncode == code, result.stdout + result.stderr
        calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
        servers = [server for _, server, _ in calls]
        assert servers == [None] + ["http://127.0.0.1:4321"] * (len(servers) - 1)
        assert {encoding for *_, encoding in calls} == {"utf-8"}
        lines = [arguments for arguments, *_ in calls]
        for line in lines:
            comfyui_frames._parser().parse_args(line)  # raises an error for an option that the client does not have
        return lines

    return run


def frames_of(calls: list[list[str]]) -> list[str]:
    return [argument for call in calls for argument in call if argument.startswith("--frames")]


class TestCommandLines:
    def test_a_session_starts_renders_finishes_and_stops(self, commands, tmp_path):
        prompt = str(tmp_path / "shot.json")
        assert commands(Frames="1-4", ChunkSize=2) == [
            ["start", "--comfyui=", "--server=", "--output=", "--python=", "--arguments=", "--wait=900"],
            ["render", prompt, "--frames=1,2", "--frame-input=", "--openjd"],
            ["render", prompt, "--frames=3,4", "--frame-input=", "--openjd"],
            ["render", prompt, "--frames=1-4", "--frame-input=", "--finish", "--openjd"],
            ["stop"],
        ]

    @pytest.mark.parametrize(
        ("frames", "size", "chunks"),
        [
            ("1-10,20-40:5", 4, ["1-4", "5-8", "9,10,20,25", "30-40:5"]),
            pytest.param("-5--2,1,2", 3, ["-5--3", "-2,1,2"], id="negative frames"),
        ],
    )
    def test_chunks(self, commands, frames, size, chunks):
        *rendered, finished = frames_of(commands(Frames=frames, ChunkSize=size))
        assert rendered == [f"--frames={chunk}" for chunk in chunks]
        assert finished == f"--frames={frames}"

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param('it\'s "a b" $HOME `id` * & %PATH% \\', id="what shells read"),
            pytest.param("-Größe 日本 {{Param.Frames}}", id="what openjd and consoles read"),
        ],
    )
    def test_values_arrive_as_they_are(self, name, commands, tmp_path):
        start, *rendered, _ = commands(
            Prompt=tmp_path / f"{name}.json",
            ComfyUI=tmp_path / name,
            OutputDir=tmp_path / name / "out",
            ComfyUIPython=name,
            ComfyUIArguments=name,
        )
        assert start == [
            "start",
            f"--comfyui={tmp_path / name}",
            "--server=",
            f"--output={tmp_path / name / 'out'}",
            f"--python={name}",
            f"--arguments={name}",
            "--wait=900",
        ]
        assert {call[1] for call in rendered} == {str(tmp_path / f"{name}.json")}

    @pytest.mark.skipif(os.name == "nt", reason="/show is no absolute path on Windows")
    def test_paths_of_the_submitting_machine_are_mapped_and_those_of_the_workers_are_not(self, commands, tmp_path):
        rule = {"source_path_format": "POSIX", "source_path": "/show", "destination_path": str(tmp_path / "mnt")}
        rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
        start, *rendered, _ = commands(
            *("--path-mapping-rules", rules),
            Prompt="/show/shot.json",
            OutputDir="/show/out",
            ComfyUI="/show/ComfyUI",
            ComfyUIPython="/show/python",
            ComfyUIArguments="--base-directory /show/base",
        )
        assert start == [
            "start",
            "--comfyui=/show/ComfyUI",
            "--server=",
            f"--output={tmp_path / 'mnt' / 'out'}",
            "--python=/show/python",
            "--arguments=--base-directory /show/base",
            "--wait=900",
        ]
        assert {call[1] for call in rendered} == {str(tmp_path / "mnt" / "shot.json")}

    def test_the_client_reads_the_values_back(self, commands, tmp_path):
        lines = commands(
            Frames="-3--1,5",
            FrameInputs="3.seed, 12.start",
            Server="http://127.0.0.1:8189",
            ComfyUI="/opt/Comfy UI",
            OutputDir="out",
            ComfyUIPython="/opt/python",
            ComfyUIArguments="--cpu --base-directory '/a b'",
        )
        start, render, finish, _ = map(comfyui_frames._parser().parse_args, lines)
        assert start.comfyui == "/opt/Comfy UI"
        assert start.server == "http://127.0.0.1:8189"
        assert start.output == str(tmp_path / "out")
        assert start.python == "/opt/python"
        assert start.arguments == "--cpu --base-directory '/a b'"
        for line in (render, finish):
            assert line.prompt == str(tmp_path / "shot.json")
            assert comfyui_frames.parse_frames(line.frames) == [-3, -2, -1, 5]
            assert line.frame_input == ["3.seed, 12.start"]
            assert line.teller is comfyui_frames._OpenJD
        assert [render.finish, finish.finish] == [False, True]

    def test_a_failed_chunk_ends_the_session_and_comfyui_is_stopped(self, commands):
        calls = commands(Frames="1-6", ChunkSize=2, code=1, fail_at="--frames=3,4")
        assert [call[0] for call in calls] == ["start", "render", "render", "stop"]

    def test_a_comfyui_that_does_not_start_is_stopped_and_nothing_is_rendered(self, commands):
        assert [call[0] for call in commands(code=1, fail_at="start")] == ["start", "stop"]
