"""Fixtures: folders like ComfyUI's, the pack loaded as ComfyUI loads it, and a browser."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

# No deadlines: the time that an example takes depends on the load of the machine. All examples of a test can share its
# function-scoped fixtures, because these only create folders and set switches that no example changes.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("patient")

pytest.register_assert_rewrite("tests.farms")

# A shell that runs the tests in the background ignores Ctrl-C for them, and so would the programs that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PACK = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutations", type=int, default=20_000, help="how many damaged files test_mutated_files.py decodes"
    )
    parser.addoption("--exr-images", help="a folder with the OpenEXR project's sample images, for test_exr_samples.py")
    parser.addoption("--without-accelerators", action="store_true", help="make isal and zlib-ng unimportable")


def pytest_configure(config: pytest.Config) -> None:
    """With --without-accelerators, importing one fails as if it were not installed. No test module is imported yet.

    Only in this process: tests that start another one choose its accelerators themselves.
    """
    if config.getoption("--without-accelerators"):
        for name in ("isal", "zlib_ng"):
            # None makes its import fail: https://docs.python.org/3/reference/import.html#the-module-cache
            sys.modules[name] = None  # type: ignore[assignment]


@pytest.fixture
def mutations(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--mutations")
    return count


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run every test as ComfyUI runs nodes: outside the main thread and in PyTorch's inference mode.

    Tests that drive a browser stay in the main thread, because playwright's objects belong to the thread that created them.
    """
    if "browser" in pyfuncitem.fixturenames:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            with torch.inference_mode():
                pyfuncitem.obj(**arguments)
        except BaseException as error:  # raised again below, in pytest's thread
            outcome.append(error)

    thread = threading.Thread(target=run, name="prompt-worker")
    thread.start()
    thread.join()
    if outcome:
        raise outcome[0]
    return True


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with output, input, temp and user: the current directory, if there is no ComfyUI."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def output(base: Path) -> Path:
    """The output folder."""
    (base / "output").mkdir()
    return base / "output"


@pytest.fixture(scope="session")
def pack() -> ModuleType:
    """The pack, imported from its folder under another name, as ComfyUI imports custom nodes."""
    name = "image_sequence_pack_under_test"
    spec = importlib.util.spec_from_file_location(name, PACK / "__init__.py", submodule_search_locations=[str(PACK)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def chromium() -> str | None:
    """The system's Chromium, because playwright's would be another download."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def why_no_browser() -> str:
    """Why tests cannot use a browser here, in one line, or an empty text."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: see tests/requirements.txt"
    if chromium() is None:
        return "needs Chromium; on Debian and Ubuntu: apt-get install chromium"
    return ""


class _NeedsBrowser(pytest.Directory):
    """A folder of tests that is skipped as a whole."""

    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip(why_no_browser(), allow_module_level=True)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Report a missing browser once, and not for every test in tests/browser."""
    if path == Path(__file__).with_name("browser") and why_no_browser():
        return _NeedsBrowser.from_parent(parent, path=path)
    return None


@pytest.fixture(scope="module")  # not longer: playwright's event loop would disturb tests that run their own
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by playwright."""
    if why := why_no_browser():
        pytest.skip(why)
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        yield browser
        browser.close()
