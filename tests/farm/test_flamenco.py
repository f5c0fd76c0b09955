"""The job type of Flamenco, run by Node.js with the functions that Flamenco's manager provides."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import comfyui_frames

SCRIPT = Path(__file__).resolve().parents[2] / "farm" / "comfyui_sequence.js"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

# What Flamenco's manager provides, after internal/manager/job_compilers of Flamenco (after 3.8.5): author.go, js_globals.go and
# scripts.go. Like them it runs the file in strict mode, takes 1..10 for 1-10, sorts frames, writes two neighbours as 1,2,
# and refuses steps, negative frames, and tasks without a name or a type.
MANAGER = r"""
const fs = require("fs"), vm = require("vm");
const [script, settings] = process.argv.slice(1);
const tasks = [];

function explode(range) {
  const frames = new Set();
  const number = (text) => {
    if (!/^[+-]?\d+$/.test(text.trim())) throw new Error(`invalid range "${range}"`);
    return Number(text);
  };
  for (const part of range.replaceAll("..", "-").split(",")) {
    const ends = part.split("-").map(number);
    if (ends.length > 2) throw new Error(`invalid range "${range}"`);
    for (let frame = ends[0]; frame <= ends.at(-1); frame++) frames.add(frame);
  }
  return [...frames].sort((a, b) => a - b);
}

function merge(frames) {
  const runs = [];
  for (const frame of frames) {
    if (runs.length && frame === runs.at(-1)[1] + 1) runs.at(-1)[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs.map(([a, b]) => (a === b ? `${a}` : a + 1 === b ? `${a},${b}` : `${a}-${b}`)).join(",");
}

const manager = {
  author: {
    Task(name, type) {
      if (!name.trim() || !type.trim()) throw new Error("name and type are required");
      const task = { name, type, commands: [], dependencies: [] };
      task.addCommand = (command) => task.commands.push(command);
      task.addDependency = (other) => task.dependencies.push(other.name);
      return task;
    },
    Command: (name, parameters) => ({ name, parameters }),
  },
  frameChunker(range, size) {
    if (!Number.isInteger(size) || size < 1) throw new Error(`invalid chunk size: ${size}`);
    const frames = explode(range), chunks = [];
    for (let i = 0; i < frames.length; i += size) chunks.push(merge(frames.slice(i, i + size)));
    return chunks;
  },
  shellSplit: (text) => [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]),
};
vm.createContext(manager);
const type = vm.runInContext(`"use strict";` + fs.readFileSync(script, "utf8") + "; JOB_TYPE", manager);
manager.job = { settings: JSON.parse(settings), addTask: (task) => tasks.push(task) };
vm.runInContext("compileJob(job)", manager);
console.log(JSON.stringify({ type, tasks }));
"""

REQUIRED = {"prompt": "/mnt/shot.json", "frames": "1-10", "client": "/mnt/farm/comfyui_frames.py"}


def compiled(**settings: object) -> dict[str, Any]:
    """The job type and the tasks of a job."""
    command = [str(NODE), "-e", MANAGER, str(SCRIPT), json.dumps({**REQUIRED, **settings})]
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def tasks(**settings: object) -> dict[str, list[str]]:
    """Name of a task -> the command line that it runs."""
    found = {}
    for task in compiled(**settings)["tasks"]:
        (command,) = task["commands"]
        assert command["name"] == "exec"
        found[task["name"]] = [command["parameters"]["exe"], *command["parameters"]["args"]]
    return found


class TestTasks:
    def test_chunks_are_rendered_and_then_the_whole_range_is_finished(self) -> None:
        render = ["python", "/mnt/farm/comfyui_frames.py", "render", "/mnt/shot.json"]

        assert tasks(chunk_size=4) == {
            "render-1-4": [*render, "--frames=1-4"],
            "render-5-8": [*render, "--frames=5-8"],
            "render-9,10": [*render, "--frames=9,10"],
            "finish": [*render, "--frames=1-10", "--finish"],
        }

    def test_finishing_waits_for_all_chunks(self) -> None:
        waits = {task["name"]: task["dependencies"] for task in compiled(chunk_size=4)["tasks"]}

        assert waits == {
            "render-1-4": [],
            "render-5-8": [],
            "render-9,10": [],
            "finish": ["render-1-4", "render-5-8", "render-9,10"],
        }

    def test_without_finish_there_are_only_chunks(self) -> None:
        assert list(tasks(chunk_size=5, finish=False)) == ["render-1-5", "render-6-10"]

    def test_the_type_of_the_tasks_is_one_that_every_worker_takes(self) -> None:
        """task_types in flamenco-worker.yaml: blender, ffmpeg, file-management and misc by default."""
        assert {task["type"] for task in compiled()["tasks"]} == {"misc"}

    @pytest.mark.parametrize("size", [1, 3, 100])
    @pytest.mark.parametrize("frames", ["7", "1-10", "3, 5-10, 47-327", "1..10,20..25", "1001-1100"])
    def test_the_client_reads_the_chunks_and_together_they_are_the_range(self, frames: str, size: int) -> None:
        chunks = [
            comfyui_frames.parse_frames(line[-1].removeprefix("--frames="))
            for line in tasks(frames=frames, chunk_size=size, finish=False).values()
        ]

        assert [frame for chunk in chunks for frame in chunk] == comfyui_frames.parse_frames(frames.replace("..", "-"))
        assert {len(chunk) for chunk in chunks[:-1]} <= {size}

    def test_further_arguments_are_split_as_a_shell_splits_them(self) -> None:
        line = tasks(frames="1", finish=False, arguments='--wait 60 --frame-input "12.noise seed"')["render-1"]

        assert line[-4:] == ["--wait", "60", "--frame-input", "12.noise seed"]

    def test_python_can_be_a_variable_that_the_manager_replaces(self) -> None:
        assert {line[0] for line in tasks(python="{python}").values()} == {"{python}"}


class TestSettings:
    TYPES = frozenset({"string", "int32", "float", "bool"})
    SUBTYPES = frozenset({"file_path", "dir_path", "file_name", "hashed_file_path"})
    KEYS = frozenset(
        {"key", "type", "subtype", "choices", "propargs", "description", "label", "default", "eval", "evalInfo"}
        | {"visible", "required", "editable"}
    )

    def test_they_are_what_flamencos_api_knows(self) -> None:
        """The schema AvailableJobSetting in pkg/api/flamenco-openapi.yaml."""
        for setting in compiled()["type"]["settings"]:
            assert set(setting) <= self.KEYS
            assert setting["type"] in self.TYPES
            assert setting.get("subtype", "file_path") in self.SUBTYPES

    def test_a_setting_is_required_or_has_a_default(self) -> None:
        settings = compiled()["type"]["settings"]

        assert {setting["key"] for setting in settings if setting.get("required")} == set(REQUIRED)
        assert [
            setting["key"] for setting in settings if not setting.get("required") and "default" not in setting
        ] == []
