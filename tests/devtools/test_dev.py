"""dev.py, the demo and the starter of a real ComfyUI: what they do, and how they report errors."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from devtools import demo, release
from devtools.comfyui_server import ComfyUIServer, PromptFailed, ServerError, comfyui_python
from devtools.contact_sheet import contact_sheet
from devtools.pack_folder import FOLDER_NAME
from devtools.prompts import PromptError, at_frame, load_prompt

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module, with its .venv and its lists of packages in tmp_path."""
    spec = importlib.util.spec_from_file_location("dev_script", ROOT / "dev.py")
    script = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(script)  # type: ignore[union-attr]
    monkeypatch.setattr(script, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(script, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(script, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(script, "BENCH_REQUIREMENTS", tmp_path / "rivals.txt")
    script.REQUIREMENTS.write_text("torch==2.13.0\ntinything\n")
    script.CONSTRAINTS.write_text("# pins\ntorch==2.13.0\ntinything==1.0\n")
    return script


class TestEnvironment:
    def test_a_python_that_has_all_packages_is_used_directly(self, dev):
        assert dev.interpreter(("json", "subprocess")) == Path(sys.executable)
        assert not dev.VENV.exists()

    def test_missing_modules_are_named(self, dev):
        assert dev.missing(("json", "no_such_module", "pytest")) == ["no_such_module"]

    def test_a_finished_environment_is_used_without_installing_again(self, dev):
        python = dev.venv_python(dev.VENV)
        python.parent.mkdir(parents=True)
        python.touch()
        (dev.VENV / "dev-stamp.txt").write_text(dev.fingerprint(dev.REQUIREMENTS, dev.CONSTRAINTS))
        assert dev.interpreter(("no_such_module",)) == python
        assert python.stat().st_size == 0

    def test_changed_requirements_change_the_fingerprint(self, dev):
        before = dev.fingerprint(dev.REQUIREMENTS, dev.CONSTRAINTS)
        dev.REQUIREMENTS.write_text("torch==2.13.0\ntinything\nanother\n")
        assert dev.fingerprint(dev.REQUIREMENTS, dev.CONSTRAINTS) != before

    def test_without_the_venv_module_the_error_names_the_package_to_install(self, dev, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "ensurepip", None)  # as in Debian's Python without python3-venv
        monkeypatch.setattr(dev, "ALL_NEEDS", ("no_such_module",))
        assert dev.main(["lint"]) == 1
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        assert f"sudo apt install python{version}-venv" in capsys.readouterr().err
        assert not dev.VENV.exists()

    def test_the_real_lists_pin_torch_to_the_same_version(self, dev):
        requirements = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
        pin = dev.torch_pin(ROOT / "tests" / "constraints.txt")
        assert [line for line in requirements if line.startswith("torch")] == [pin]

    def test_a_list_that_does_not_pin_torch_is_an_error(self, dev):
        dev.CONSTRAINTS.write_text("numpy==2.4.6\n")
        with pytest.raises(dev.SetupError, match="does not pin torch"):
            dev.torch_pin(dev.CONSTRAINTS)

    def test_the_real_lists_name_the_packages_of_all_modules(self, dev):
        listed = (ROOT / "tests" / "requirements.txt").read_text().lower()
        packages = {"PIL": "pillow", "zlib_ng": "zlib-ng", "png": "pypng", "cv2": "opencv-python-headless"}
        packages |= {"PyOpenColorIO": "opencolorio", "colour": "colour-science"}
        assert [name for name in dev.ALL_NEEDS if packages.get(name, name.lower()) not in listed] == []

    def test_the_benchmarks_list_names_the_packages_of_the_rivals_and_each_is_pinned(self, dev):
        listed = [
            line for line in (ROOT / "benchmarks" / "requirements.txt").read_text().splitlines() if line[0] != "#"
        ]
        packages = {"fpng_py": "fpng-py"}
        assert [packages.get(name, name) for name in dev.RIVALS] == listed
        pins = (ROOT / "tests" / "constraints.txt").read_text()
        assert [line for line in listed if f"\n{line}==" not in pins] == []

    def test_a_rival_that_cannot_be_installed_is_left_out_and_the_others_are_installed(
        self, dev, tmp_path, monkeypatch, capfd
    ):
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        write_wheel(wheels, "rival", "1.0")
        dev.BENCH_REQUIREMENTS.write_text("# what to compare with\nnot-offered\nrival\n")
        install_packages_only_from(wheels, monkeypatch)
        monkeypatch.setenv("PIP_TARGET", str(tmp_path / "installed"))

        dev.install_rivals(Path(sys.executable))
        assert "not-offered cannot be installed" in capfd.readouterr().out
        assert (tmp_path / "installed" / "rival.py").is_file()

    def test_the_benchmarks_do_not_install_packages_that_their_python_has(self, dev, tmp_path, monkeypatch, capfd):
        """Even if the Python that runs dev.py lacks it: the benchmarks run in .venv."""
        python = dev.venv_python(dev.VENV)
        venv.create(dev.VENV, with_pip=False, symlinks=os.name != "nt")
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        answer = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
        (Path(answer.stdout.strip()) / "the_rival.py").touch()
        (dev.VENV / "dev-stamp.txt").write_text(dev.fingerprint(dev.REQUIREMENTS, dev.CONSTRAINTS))
        dev.BENCH_REQUIREMENTS.write_text("the-rival\n")
        monkeypatch.setattr(dev, "RIVALS", ("the_rival",))
        monkeypatch.setattr(dev, "ROOT", tmp_path)
        (tmp_path / "benchmarks").mkdir()
        (tmp_path / "benchmarks" / "bench.py").write_text("import the_rival; print('measured')\n")

        assert dev.main(["bench", "--quick"]) == 0
        out, err = capfd.readouterr()
        assert (out.strip(), err) == ("measured", "")  # this .venv has no pip: an attempt to install would be an error

    def test_a_new_environment_is_created_once_with_the_available_build_of_the_pinned_torch(
        self, dev, tmp_path, monkeypatch, capfd
    ):
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        for name, version in [("torch", "2.13.0+cpu"), ("torch", "2.14.0"), ("tinything", "1.0"), ("tinything", "2.0")]:
            write_wheel(wheels, name, version)
        install_packages_only_from(wheels, monkeypatch)

        python = dev.interpreter(("tinything_that_is_not_here",))
        code = "import torch, tinything; print(torch.VERSION, tinything.VERSION)"
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == ["2.13.0+cpu", "1.0"]
        assert "2 to 10 minutes" in capfd.readouterr().out

        for wheel in wheels.iterdir():
            wheel.unlink()  # pip would fail now
        assert dev.interpreter(("tinything_that_is_not_here",)) == python
        assert capfd.readouterr().out == ""

        dev.REQUIREMENTS.write_text("torch==2.13.0\nnot-offered\n")
        with pytest.raises(dev.SetupError, match="installing the rest failed with exit code 1"):
            dev.interpreter(("tinything_that_is_not_here",))


class TestCommands:
    def lines(self, dev: ModuleType, *arguments: str) -> list[list[str]]:
        options, rest = dev.parse(arguments)
        return [line[1:] for line in dev.commands(options, rest, Path("python"))]

    def test_test_runs_all_tests_and_passes_other_arguments_to_pytest(self, dev):
        pytest_line = ["-m", "pytest", f"--confcutdir={ROOT / 'tests'}", "tests", "-q"]
        assert self.lines(dev, "test") == [pytest_line]
        assert self.lines(dev, "test", "-k", "resume", "-x") == [[*pytest_line, "-k", "resume", "-x"]]

    def test_named_test_files_run_alone(self, dev):
        assert self.lines(dev, "test", "tests/devtools/test_dev.py::TestCommands") == [
            ["-m", "pytest", f"--confcutdir={ROOT / 'tests'}", "-q", "tests/devtools/test_dev.py::TestCommands"]
        ]

    def test_paths_of_the_demo_are_relative_to_the_users_folder(self, dev, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert self.lines(dev, "demo") == [["-m", "devtools.demo"]]
        assert self.lines(dev, "demo", "--output", "here", "--comfyui", "../there") == [
            ["-m", "devtools.demo", "--comfyui", str(tmp_path.parent / "there"), "--output", str(tmp_path / "here")]
        ]

    def test_the_farms_demo_has_the_same_options(self, dev, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert self.lines(dev, "farm-demo") == [["-m", "devtools.farm_demo"]]
        assert self.lines(dev, "farm-demo", "--comfyui", "there", "--python", "python", "--output", "here") == [
            [
                *(
                    "-m",
                    "devtools.farm_demo",
                    "--comfyui",
                    str(tmp_path / "there"),
                    "--python",
                    str(tmp_path / "python"),
                ),
                *("--output", str(tmp_path / "here")),
            ]
        ]

    def test_paths_of_bench_are_too_and_its_other_options_are_passed_on(self, dev, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert self.lines(dev, "bench") == [["-m", "benchmarks.bench", "--size", "1024x1024"]]
        flags = ["--size", "1920x1080", "--tuning", "--quick"]
        here, a, b = str(tmp_path / "here"), str(tmp_path / "a"), str(tmp_path.parent / "b")
        assert self.lines(dev, "bench", "--peers", "a", "../b", "--output", "here", *flags) == [
            ["-m", "benchmarks.bench", *flags, "--output", here, "--peers", a, b]
        ]

    def test_bench_passes_on_the_tables_that_are_wanted(self, dev):
        only = ["--only", "goals", "exr"]
        assert self.lines(dev, "bench", *only) == [["-m", "benchmarks.bench", "--size", "1024x1024", *only]]

    @pytest.mark.parametrize("folder", ["image-sequence-pack", "image_sequence_pack", "pack with spaces"])
    def test_tests_run_whatever_the_name_of_the_packs_folder(self, tmp_path, folder):
        root = tmp_path / folder
        (root / "tests").mkdir(parents=True)
        (root / "dev.py").write_text((ROOT / "dev.py").read_text(encoding="utf-8"), encoding="utf-8")
        (root / "__init__.py").write_text("from .nodes import nothing\n")
        (root / "tests" / "test_it.py").write_text("def test_it():\n    pass\n")
        command = [sys.executable, str(root / "dev.py"), "test"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "1 passed" in ended.stdout

    def test_without_a_browser_there_is_one_skip_for_all_its_tests(self, tmp_path):
        pytest_line = [sys.executable, "-m", "pytest", f"--confcutdir={ROOT / 'tests'}", "tests/browser", "-q", "-rs"]
        environment = {**os.environ, "PATH": str(tmp_path)}
        ended = subprocess.run(pytest_line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert "\n1 skipped in" in ended.stdout
        assert ended.stdout.count("needs Chromium") == 1

    def test_coverage_is_measured_and_its_limit_checked_on_request(self, dev):
        measure, check_limit = self.lines(dev, "test", "--coverage", "-k", "resume")
        (plain,) = self.lines(dev, "test", "-k", "resume")
        assert measure == ["-m", "coverage", "run", *plain]
        assert check_limit == ["-m", "coverage", "report"]

    def test_accelerators_are_left_out_on_request(self, dev):
        (plain,) = self.lines(dev, "test")
        assert self.lines(dev, "test", "--without-accelerators", "-x") == [[*plain, "--without-accelerators", "-x"]]

    def test_without_accelerators_none_can_be_imported(self, tmp_path):
        test = tmp_path / "test_engines.py"
        test.write_text("""
import pytest

@pytest.mark.parametrize("name", ["isal", "zlib_ng"])
def test_it_is_absent(name):
    with pytest.raises(ModuleNotFoundError):
        __import__(name)
""")
        # conftest.py as a plug-in, because this test is outside of its folder.
        run = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", "-q"]
        run += [f"--confcutdir={tmp_path}", "-p", "tests.conftest", "-p", "no:cacheprovider", str(test)]
        ended = subprocess.run([*run, "--without-accelerators"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert "2 passed" in ended.stdout

    def test_release_needs_nothing_but_the_python_that_runs_it(self, dev, monkeypatch, capfd):
        monkeypatch.setattr(dev, "ALL_NEEDS", ("no_such_module",))
        assert dev.main(["release", "v0.0.0"]) == 1
        assert "The tag is v0.0.0, but pyproject.toml has version" in capfd.readouterr().out
        assert not dev.VENV.exists()

    def test_lint_runs_ruff_and_mypy_on_everything(self, dev, monkeypatch):
        monkeypatch.setenv("PATH", "")  # no Node.js
        assert self.lines(dev, "lint") == [
            ["-m", "ruff", "check", "."],
            ["-m", "ruff", "format", "--check", "."],
            # Without the option mypy refuses a pack in a folder with a hyphen.
            ["-m", "mypy", "--explicit-package-bases"],
            ["-m", "mypy", "--explicit-package-bases", "dev.py"],
            ["-m", "devtools.check_types"],
        ]

    def test_without_node_lint_says_in_one_line_that_the_javascript_is_not_checked(self, dev, monkeypatch, capsys):
        monkeypatch.setenv("PATH", "")
        assert dev.javascript_checks() == []
        assert capsys.readouterr().out.count("\n") == 1

    def test_lint_installs_the_pinned_tools_once_and_checks_the_javascript(self, dev, tmp_path, monkeypatch):
        monkeypatch.setattr(dev.shutil, "which", lambda name: str(tmp_path / name))
        monkeypatch.setattr(dev, "JAVASCRIPT", tmp_path / "javascript")
        modules = dev.JAVASCRIPT / "node_modules"
        modules.mkdir(parents=True)
        (dev.JAVASCRIPT / "package-lock.json").write_text("{}")

        def tools():
            return [Path(line[1]).name for line in dev.javascript_checks()]

        assert tools() == ["ci", "tsc", "eslint.js"]
        (modules / ".package-lock.json").write_text("{}")
        assert tools() == ["tsc", "eslint.js"]
        os.utime(modules / ".package-lock.json", (0, 0))  # the lock file has changed since
        assert tools() == ["ci", "tsc", "eslint.js"]

    def test_lint_does_not_touch_a_linked_installation(self, dev, tmp_path, monkeypatch):
        """The link can lead to another worktree's installation, which npm ci would empty."""
        monkeypatch.setattr(dev.shutil, "which", lambda name: str(tmp_path / name))
        monkeypatch.setattr(dev, "JAVASCRIPT", tmp_path / "javascript")
        (tmp_path / "shared").mkdir()
        dev.JAVASCRIPT.mkdir()
        (dev.JAVASCRIPT / "node_modules").symlink_to(tmp_path / "shared", target_is_directory=True)
        (dev.JAVASCRIPT / "package-lock.json").write_text("{}")

        assert [Path(line[1]).name for line in dev.javascript_checks()] == ["tsc", "eslint.js"]

    def test_every_script_enables_the_checks_and_the_tools_are_pinned_and_not_published(self):
        scripts = list((ROOT / "web" / "js").glob("**/*.js"))
        assert scripts
        assert [path.name for path in scripts if not path.read_text("utf-8").startswith("// @ts-check\n")] == []
        versions = json.loads((ROOT / "devtools" / "javascript" / "package.json").read_bytes())[
            "devDependencies"
        ].values()
        assert [version for version in versions if not version[0].isdigit()] == []
        assert "devtools/" in (ROOT / ".comfyignore").read_text(encoding="utf-8").split()
        assert "node_modules/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()

    def test_all_commands_run_and_the_first_failure_is_the_exit_code(self, dev, tmp_path):
        touch = f"open({str(tmp_path / 'ran')!r}, 'w').close()"
        lines = [[sys.executable, "-c", code] for code in ("pass", "exit(3)", "exit(4)", touch)]
        assert dev.run_all(lines) == 3
        assert (tmp_path / "ran").exists()

    def test_an_unknown_option_is_refused(self, dev, capsys):
        with pytest.raises(SystemExit):
            dev.main(["demo", "--ouptut", "x"])
        assert "unrecognized arguments: --ouptut" in capsys.readouterr().err

    def test_the_exit_code_of_a_failed_demo_is_dev_pys_exit_code(self, tmp_path):
        command = [sys.executable, str(ROOT / "dev.py"), "demo", "--comfyui", "nowhere", "--output", "demo"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert f"{tmp_path / 'nowhere'} is not a ComfyUI folder: it has no main.py" in ended.stderr


class TestRelease:
    PROJECT = 'version = "1.2.3"\nRepository = "https://example.com/pack"\nPublisherId = "somebody"\n'
    CHANGELOG = "# Changelog\n\n## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-01\n"

    def test_a_tag_that_matches_version_and_changelog_is_ready(self):
        assert release.problems("v1.2.3", self.PROJECT, self.CHANGELOG) == []

    @pytest.mark.parametrize("tag", ["1.2.3", "v1.2.4", "v1.2.3-rc1"])
    def test_a_tag_of_another_version_is_not_ready(self, tag):
        (problem,) = release.problems(tag, self.PROJECT, self.CHANGELOG)
        assert "should be v1.2.3" in problem

    @pytest.mark.parametrize(
        ("changelog", "expected"),
        [
            ("## [1.2.3] - unreleased\n", "has no date"),
            ("## [1.2.2] - 2026-11-01\n", "is not about version 1.2.3"),
            ("", "is not about version 1.2.3"),
        ],
    )
    def test_a_changelog_without_this_version_and_its_date_is_not_ready(self, changelog, expected):
        (problem,) = release.problems("v1.2.3", self.PROJECT, changelog)
        assert expected in problem

    def test_fields_that_the_registry_needs_are_named(self):
        found = release.problems("v1.2.3", 'version = "1.2.3"\n', self.CHANGELOG)
        assert [problem.split(":")[0] for problem in found] == [
            "pyproject.toml has no Repository",
            "pyproject.toml has no PublisherId",
        ]

    def test_the_fields_are_found_in_the_real_file(self):
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert release._field(project, "version") is not None

    def test_the_output_folder_is_relative_to_the_users_folder(self, dev, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        options, rest = dev.parse(["release", "v1.2.3", "--output", "dist"])
        (line,) = dev.commands(options, rest, Path("python"))
        assert line[1:] == ["-m", "devtools.release", "v1.2.3", "--output", str(tmp_path / "dist")]

    def test_nothing_is_zipped_for_a_tag_that_is_not_ready(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["release", "v0.0.0", "--output", str(tmp_path / "dist")])
        assert release.main() == 1
        assert not (tmp_path / "dist").exists()
        assert "holds farm/" not in capsys.readouterr().out


class TestFarmArchive:
    @staticmethod
    def tracked() -> dict[str, bytes]:
        listed = subprocess.run(["git", "ls-files", "-z", "farm"], cwd=ROOT, capture_output=True, text=True, check=True)
        return {name.removeprefix("farm/"): (ROOT / name).read_bytes() for name in listed.stdout.split("\0") if name}

    def test_it_is_the_folder_as_git_knows_it_with_the_licence(self, tmp_path):
        with zipfile.ZipFile(release.zip_farm(tmp_path)) as archive:
            held = {name: archive.read(name) for name in archive.namelist()}
        expected = {**self.tracked(), "LICENSE": (ROOT / "LICENSE").read_bytes()}
        assert "comfyui_frames.py" in expected
        assert held == {f"image-sequence-farm/{name}": content for name, content in expected.items()}

    def test_its_bytes_do_not_depend_on_the_day_or_the_machine(self, tmp_path):
        with zipfile.ZipFile(release.zip_farm(tmp_path)) as archive:
            entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        facts = {(entry.date_time, entry.create_system, entry.external_attr, entry.compress_type) for entry in entries}
        assert facts == {((1980, 1, 1, 0, 0, 0), 3, 0o100644 << 16, zipfile.ZIP_STORED)}

    def test_its_client_runs_where_it_was_unzipped_without_the_pack(self, tmp_path):
        with zipfile.ZipFile(release.zip_farm(tmp_path)) as archive:
            archive.extractall(tmp_path)
        # -I: without the packages of the user, and without the folder that this test runs in.
        command = [sys.executable, "-I", str(tmp_path / "image-sequence-farm" / "comfyui_frames.py"), "--help"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "render | start | stop" in ended.stdout

    def test_unzip_finds_no_fault_in_it(self, tmp_path):
        unzip = shutil.which("unzip")
        if unzip is None:
            pytest.skip("needs unzip")
        subprocess.run([unzip, "-tqq", str(release.zip_farm(tmp_path))], check=True)


class TestPrompts:
    PROMPT = {
        "1": {
            "class_type": "A",
            "inputs": {"x": 0, "y": 0, "blur": 0, "fixed": 7},
            "_meta": {"animate": {"x": [0, 110], "y": [90, 20, 90], "blur": [0.0, 1.0]}},
        }
    }

    @pytest.mark.parametrize(
        ("frame", "expected"),
        [
            (0, {"x": 0, "y": 90, "blur": 0.0}),
            (4, {"x": 40, "y": 34, "blur": pytest.approx(0.4)}),
            (5, {"x": 50, "y": 20, "blur": 0.5}),
            (10, {"x": 100, "y": 90, "blur": 1.0}),
        ],
    )
    def test_animated_inputs_follow_their_keys_from_first_to_last_frame(self, frame, expected):
        prompt = {
            "1": {**self.PROMPT["1"], "_meta": {"animate": {**self.PROMPT["1"]["_meta"]["animate"], "x": [0, 100]}}}  # type: ignore[index]
        }
        inputs = at_frame(prompt, frame, 11)["1"]["inputs"]
        assert inputs == {**expected, "fixed": 7}
        assert [type(inputs[name]) for name in ("x", "blur")] == [int, float]

    def test_the_prompt_itself_is_not_changed(self):
        before = json.dumps(self.PROMPT)
        at_frame(self.PROMPT, 3, 12)
        assert json.dumps(self.PROMPT) == before

    def test_an_animation_of_one_frame_has_the_values_of_its_first_key(self):
        assert at_frame(self.PROMPT, 0, 1)["1"]["inputs"]["y"] == 90

    @pytest.mark.parametrize("content", ["[]", "{}", '{"1": {"class_type": "A"}}', '{"prompt": []}'])
    def test_a_file_that_is_not_the_body_of_a_post_is_refused(self, tmp_path, content):
        (tmp_path / "file.json").write_text(content)
        with pytest.raises(ValueError, match=r"file\.json is not the body of a POST to /prompt"):
            load_prompt(tmp_path / "file.json")

    @pytest.mark.parametrize("path", sorted(demo.PROMPTS.glob("*.json")), ids=lambda path: path.stem)
    def test_an_example_is_in_api_format_and_every_node_has_a_title(self, path):
        for node in load_prompt(path).values():
            assert set(node) == {"class_type", "inputs", "_meta"}
            assert node["_meta"]["title"]


class TestDemo:
    def test_it_runs_in_the_stand_in_and_draws_a_contact_sheet_of_its_frames(self, tmp_path, capsys):
        output = tmp_path / "out" / "output"
        old = output / "demo" / "c_batch" / "from_an_earlier_demo.png"
        mine = output / "mine.png"
        for path in (old, mine):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

        assert demo.main(["--output", str(tmp_path / "out")]) == 0
        printed = capsys.readouterr().out
        for line in (
            "a_sunrise_00000.png .. a_sunrise_00011.png: 12 frames",
            "prompt 13 of 12:",
            "nightfall_1001.jpg .. nightfall_1012.jpg: 12 frames",
            "all 24 are identical to the loaded frames, pixel for pixel",
            "the same prompt 6 times rendered the other 5",
            "contact-sheet.png",
        ):
            assert line in printed
        with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
            assert sheet.size > (1000, 500)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["contact-sheet.png", "output"]
        assert [old.exists(), mine.exists()] == [False, True]

    def test_the_contact_sheet_shows_the_files_in_order(self, tmp_path):
        files = []
        for i in range(14):
            path = tmp_path / f"frame_{i:04d}.png"
            Image.new("RGB", (32, 18), (i * 10, 200, 100)).save(path)
            files.append(path)
        contact_sheet([("Fourteen", files)], tmp_path / "sheet.png")
        with Image.open(tmp_path / "sheet.png") as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        reds = [red for red, green, blue in pixels.reshape(-1, 3).tolist() if (green, blue) == (200, 100)]
        assert list(dict.fromkeys(reds)) == [i * 10 for i in range(14)]


# To the client this is a ComfyUI. The class of node 1 decides whether a prompt is refused, fails or finishes.
FAKE_COMFYUI = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

option = dict(zip(sys.argv[1::1], sys.argv[2::1]))
base = Path(option["--base-directory"])
assert (base / "custom_nodes" / "FOLDER" / "__init__.py").is_file(), "no pack"
print("a fake is starting", option.get("--mood", "well"), flush=True)
if "--mood" in option:
    sys.exit(7)
posted = {}

class Handler(BaseHTTPRequestHandler):
    def answer(self, code, body):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self):
        if self.path == "/system_stats":
            self.answer(200, {"system": {"comfyui_version": "fake"}})
        elif self.path.startswith("/history/"):
            prompt_id = self.path.rpartition("/")[2]
            self.answer(200, {prompt_id: posted[prompt_id]} if prompt_id in posted else {})
        else:
            self.answer(404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/interrupt":
            return self.answer(200, {})
        kind = body["prompt"]["1"]["class_type"]
        if kind == "Refused":
            error = {"type": "t", "message": "Prompt outputs failed validation", "details": "", "extra_info": {}}
            reason = {"type": "t", "message": "Bad value", "details": "x", "extra_info": {}}
            node_errors = {"1": {"errors": [reason], "dependent_outputs": ["1"], "class_type": kind}}
            return self.answer(400, {"error": error, "node_errors": node_errors})
        if kind == "Dies":
            print("the end", flush=True)
            sys.stdout.flush()
            import os
            os._exit(9)
        place = {"node_id": "1", "node_type": kind}
        problem = {"exception_message": "frame 7 is missing\\n", "exception_type": "ValueError"}
        messages = {
            "Fails": [["execution_start", {}], ["execution_error", {**place, **problem}]],
            "Cancelled": [["execution_interrupted", place]],
        }.get(kind, [])
        status = {"status_str": "error" if messages else "success", "messages": messages}
        outputs = {"1": {"client": [body["client_id"]], "extra": [body["extra_data"]]}}
        posted["p1"] = {"status": status, "outputs": outputs}
        self.answer(200, {"prompt_id": "p1", "node_errors": {"2": {}}})

    def log_message(self, *arguments):
        pass

HTTPServer(("127.0.0.1", int(option["--port"])), Handler).serve_forever()
"""


class TestComfyUIServer:
    @pytest.fixture
    def unstarted(self, tmp_path: Path) -> ComfyUIServer:
        for name, source in (
            ("comfyui/main.py", FAKE_COMFYUI.replace("FOLDER", FOLDER_NAME)),
            ("pack/__init__.py", ""),
        ):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(source)
        python = Path(sys.executable)
        return ComfyUIServer(tmp_path / "comfyui", python, tmp_path / "base", tmp_path / "pack")

    @pytest.fixture
    def server(self, unstarted: ComfyUIServer) -> Iterator[ComfyUIServer]:
        with unstarted as server:
            yield server

    def test_a_prompt_returns_its_outputs(self, server):
        outputs = server.run({"1": {"class_type": "Fine", "inputs": {}}}, {"workflow": {"nodes": []}})
        shown = {"client": [server.client_id], "extra": [{"extra_pnginfo": {"workflow": {"nodes": []}}}]}
        assert outputs == {"1": shown}
        assert server.node_errors == {"2": {}}

    def test_a_refusal_has_comfyuis_own_words(self, server):
        with pytest.raises(PromptError, match=r"node 1 \(Refused\): Bad value: x") as caught:
            server.post({"1": {"class_type": "Refused", "inputs": {}}})
        assert caught.value.node_errors["1"]["dependent_outputs"] == ["1"]

    def test_the_message_of_a_failed_prompt_names_error_and_node_and_ends_with_the_log(self, server):
        with pytest.raises(PromptFailed, match=r"ValueError in node 1 \(Fails\): frame 7 is missing\n") as caught:
            server.run({"1": {"class_type": "Fails", "inputs": {}}})
        assert not caught.value.interrupted
        assert str(caught.value).endswith("a fake is starting well")

    def test_a_cancelled_prompt_says_so(self, server):
        server.interrupt()
        with pytest.raises(PromptFailed) as caught:
            server.run({"1": {"class_type": "Cancelled", "inputs": {}}})
        assert caught.value.interrupted

    def test_the_error_after_a_crash_shows_the_end_of_the_log(self, server):
        with pytest.raises(ServerError, match=r"(?s)ended with exit code 9.*the end"):
            server.run({"1": {"class_type": "Dies", "inputs": {}}})

    def test_the_error_after_a_failed_start_shows_the_end_of_the_log(self, unstarted, tmp_path):
        unstarted.extra_args = ("--mood", "badly")
        with pytest.raises(ServerError, match=r"(?s)exit code 7.*a fake is starting badly"):
            unstarted.__enter__()
        assert list((tmp_path / "base" / "custom_nodes").iterdir()) == []

    def test_afterwards_the_server_and_the_link_to_the_pack_are_gone(self, unstarted, tmp_path):
        with unstarted as server:
            assert server.get_json("/system_stats")["system"]["comfyui_version"] == "fake"
        assert list((tmp_path / "base" / "custom_nodes").iterdir()) == []
        assert (tmp_path / "pack" / "__init__.py").is_file()
        with pytest.raises(ServerError, match="ended with exit code"):
            server.get("/system_stats")

    def test_a_folder_without_main_py_is_not_a_comfyui(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="is not a ComfyUI folder"):
            ComfyUIServer(tmp_path, Path(sys.executable), tmp_path / "base", ROOT)

    def test_the_error_about_a_missing_python_names_the_option(self, unstarted):
        unstarted.python = Path("no-such-python")
        with pytest.raises(ServerError, match=r"no-such-python.*--python"):
            unstarted.__enter__()

    def test_python_is_the_named_one_else_the_environments_else_comfyuis_own_else_this_one(self, tmp_path, monkeypatch):
        monkeypatch.delenv("COMFYUI_PYTHON", raising=False)
        assert comfyui_python(tmp_path) == Path(sys.executable)
        own = tmp_path / "venv" / "bin" / "python"
        own.parent.mkdir(parents=True)
        own.touch()
        assert comfyui_python(tmp_path) == own
        monkeypatch.setenv("COMFYUI_PYTHON", "from-the-environment")
        assert comfyui_python(tmp_path) == Path("from-the-environment")
        assert comfyui_python(tmp_path, Path("named")) == Path("named")


def install_packages_only_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the real pip use this folder as its only source of packages."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)


def write_wheel(folder: Path, name: str, version: str) -> None:
    """Write the smallest wheel that pip accepts, with one module that holds its version."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        files = [f"{name}.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
        wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in files))
