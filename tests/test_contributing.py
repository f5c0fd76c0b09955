"""The commands, versions and files that the pages for contributors, the workflows and the hooks name exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from devtools.release import FARM

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))
PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "README.md")]
PROSE = [*PAGES, ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md"]
CONFIGURATION = [*WORKFLOWS, ROOT / ".pre-commit-config.yaml", ROOT / ".ci" / "run"]

# The options of pytest and of tests/conftest.py that pages may name.
PYTEST_OPTIONS = {"-k", "-x", "--mutations", "--exr-images"}


def label(value: object) -> str:
    return value.relative_to(ROOT).as_posix() if isinstance(value, Path) else str(value)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands() -> list[tuple[Path, str]]:
    """The command lines of dev.py in code spans and code blocks of the pages, and in the configuration without comments."""
    code = [
        (path, line)
        for path in PROSE
        for block, span in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text(path), re.DOTALL)
        for line in (block or span).splitlines()
    ]
    code += [(path, line) for path in CONFIGURATION for line in text(path).splitlines()]
    named = [(path, re.search(r"\bdev\.py\"? ([a-z].*)", line.partition("#")[0])) for path, line in code]
    return [(path, match[1].partition("||")[0]) for path, match in named if match]


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    """The script dev.py as a module. It is not part of any package."""
    spec = importlib.util.spec_from_file_location("dev_script_of_contributing", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


class TestCommands:
    def test_pages_workflows_and_hooks_have_commands(self) -> None:
        named = {path.name for path, _ in commands()}
        assert named >= {"CONTRIBUTING.md", "tests.yml", "lint.yml", "publish.yml", ".pre-commit-config.yaml", "run"}

    @pytest.mark.parametrize(("path", "command"), commands(), ids=label)
    def test_dev_py_knows_the_command_and_its_options(self, dev: ModuleType, path: Path, command: str) -> None:
        words = shlex.split(command)
        options, for_pytest = dev.parse(words)
        assert options.command
        assert {word for word in for_pytest if word.startswith("-")} <= PYTEST_OPTIONS
        assert [word for word in for_pytest if word.startswith("tests/") and not (ROOT / word).exists()] == []


class TestPages:
    @pytest.mark.parametrize("page", PROSE, ids=label)
    def test_relative_links_lead_to_files(self, page: Path) -> None:
        targets = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", text(page))
        assert [target for target in targets if not (page.parent / target).exists()] == []

    def test_contributing_is_short_and_links_to_the_other_pages(self) -> None:
        contributing = text(ROOT / "CONTRIBUTING.md")
        assert len(contributing.splitlines()) <= 120
        assert "(docs/architecture.md)" in contributing
        assert "(SECURITY.md)" in contributing

    def test_a_report_of_a_vulnerability_goes_to_github_and_not_to_an_address(self) -> None:
        security = text(ROOT / "SECURITY.md")
        assert "Report a vulnerability" in security
        assert "@" not in security


class TestIssueForms:
    @pytest.mark.parametrize("form", FORMS, ids=label)
    def test_it_asks_for_the_version_the_error_and_a_workflow_or_frame(self, form: Path) -> None:
        asked = text(form)
        for wanted in ("label: ComfyUI version", "label: Error text", "workflow (.json)", "frame"):
            assert wanted in asked


class TestWorkflows:
    @pytest.mark.parametrize("path", WORKFLOWS, ids=label)
    def test_it_has_permission_to_read_the_repository_only(self, path: Path) -> None:
        assert re.findall(r"^permissions:\n((?:  .*\n)+)", text(path), re.MULTILINE) == ["  contents: read\n"]
        others = re.findall(r"^  (\w+):\n(?:   .*\n|\n)*?    permissions:\n((?:      .*\n)+)", text(path), re.MULTILINE)
        expected = [("farm", "      contents: write # to create the release\n")] if path.name == "publish.yml" else []
        assert others == expected
        assert text(path).count("permissions:") == 1 + len(expected)
        checkouts = re.findall(r"uses: actions/checkout@.*\n((?:        .*\n)*)", text(path))
        assert all("persist-credentials: false" in settings for settings in checkouts)

    @pytest.mark.parametrize("path", WORKFLOWS, ids=label)
    def test_it_does_not_run_twice_at_the_same_time(self, path: Path) -> None:
        assert re.search(r"^concurrency:\n  group: ", text(path), re.MULTILINE)

    @pytest.mark.parametrize("path", WORKFLOWS, ids=label)
    def test_actions_are_pinned_by_github_to_a_major_version_and_by_others_to_a_commit(self, path: Path) -> None:
        used = re.findall(r"uses: ([^\s#]+)", text(path))
        assert used
        allowed = r"actions/[\w-]+@v\d+|[\w-]+/[\w-]+@[0-9a-f]{40}|\./\.github/workflows/\w+\.yml"
        assert [action for action in used if not re.fullmatch(allowed, action)] == []

    def test_the_registrys_token_is_the_only_secret(self) -> None:
        secrets = [(path.name, secret) for path in WORKFLOWS for secret in re.findall(r"secrets\.(\w+)", text(path))]
        assert secrets == [("publish.yml", "REGISTRY_ACCESS_TOKEN")]

    def test_tests_run_on_every_system_with_the_oldest_python_with_and_without_accelerators(self) -> None:
        tests = text(ROOT / ".github" / "workflows" / "tests.yml")
        oldest = re.findall(r'^requires-python = ">=(3\.\d+)"', text(ROOT / "pyproject.toml"), re.MULTILINE)[0]
        assert "os: [ubuntu-latest, windows-latest, macos-latest]" in tests
        assert f'python: ["{oldest}", ' in tests
        assert "accelerators: [with, without]" in tests

    def test_nothing_is_published_before_lint_and_tests_have_passed(self) -> None:
        publish = text(ROOT / ".github" / "workflows" / "publish.yml")
        assert "needs: [ready, lint, tests]" in publish
        assert 'run: python dev.py release "$GITHUB_REF_NAME"' in publish

    def test_the_release_on_github_gets_the_farm_folder_after_the_version_is_published(self) -> None:
        job = text(ROOT / ".github" / "workflows" / "publish.yml").partition("\n  farm:\n")[2]
        assert "needs: publish\n" in job
        assert 'python dev.py release "$GITHUB_REF_NAME" --output dist\n' in job
        assert f'gh release upload "$GITHUB_REF_NAME" dist/{FARM}.zip --clobber\n' in job


class TestVersions:
    def test_the_hooks_use_the_ruff_that_the_tests_are_pinned_to(self) -> None:
        (pinned,) = re.findall(r"^ruff==(\S+)", text(ROOT / "tests" / "constraints.txt"), re.MULTILINE)
        hooks = text(ROOT / ".pre-commit-config.yaml")
        assert re.findall(r"ruff-pre-commit\n    rev: v(\S+)", hooks) == [pinned]

    def test_the_hooks_run_the_pinned_mypy_because_they_run_it_through_dev_py(self) -> None:
        hooks = text(ROOT / ".pre-commit-config.yaml")
        assert "entry: python dev.py lint" in hooks
        assert "mirrors-mypy" not in hooks

    def test_none_of_these_files_are_published(self) -> None:
        ignored = text(ROOT / ".comfyignore").split()
        assert {".ci/", ".gitattributes", ".github/", ".pre-commit-config.yaml", "docs/", "tests/"} <= {*ignored}
