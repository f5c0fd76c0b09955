"""host.py, the only door to ComfyUI. Stand-ins replace ComfyUI's own modules."""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from io_utils import host
from io_utils.host import Answer


@pytest.fixture
def comfyui(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that installs a module of ComfyUI with the given attributes."""

    def module(name: str, **attributes: Any) -> ModuleType:
        stand_in = ModuleType(name)
        vars(stand_in).update(attributes)
        if "." in name:
            monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
        monkeypatch.setitem(sys.modules, name, stand_in)
        return stand_in

    return module


class TestWithoutComfyUI:
    def test_no_prompt_is_running(self) -> None:
        assert host.running_prompt() is None

    def test_the_folders_are_below_the_current_one(self, base: Path) -> None:
        assert [host.folder(kind) for kind in ("output", "input", "temp")] == [
            base / "output",
            base / "input",
            base / "temp",
        ]
        assert host.system_user_folder() == base / "user" / "__system"
        assert list(base.iterdir()) == []

    def test_metadata_is_enabled_images_are_float32_and_nothing_is_cancelled(self) -> None:
        assert host.metadata_disabled() is False
        assert host.float_dtype() is torch.float32
        host.raise_if_cancelled()
        host.progress_bar(3)(1)
        assert host.silent_block() is None


class Recording(importlib.abc.MetaPathFinder):
    """Finds nothing, and records what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        self.asked.append(name)


class TestComfyUIThatIsNotThere:
    def test_is_looked_for_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        finder = Recording()
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])

        for _ in range(3):
            host.folder("output")
            host.metadata_disabled()

        assert sorted(finder.asked) == ["comfy", "folder_paths"]

    def test_is_looked_for_whatever_is_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Programs put objects of their own there, which may not say whether they are equal."""
        finder = Recording()
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])

        for _ in range(2):
            monkeypatch.setattr(sys, "path", [*sys.path, np.arange(3)])
            host.metadata_disabled()
            host.metadata_disabled()

        assert finder.asked == ["comfy", "comfy"]

    def test_is_found_once_its_modules_are_loaded(self, comfyui: Any, base: Path) -> None:
        assert host.metadata_disabled() is False

        comfyui("comfy.cli_args", args=SimpleNamespace(disable_metadata=True))

        assert host.metadata_disabled() is True

    def test_is_found_once_its_folder_is_on_the_path(
        self, monkeypatch: pytest.MonkeyPatch, base: Path, tmp_path: Path
    ) -> None:
        assert host.folder("output") == base / "output"

        (tmp_path / "folder_paths.py").write_text("def get_output_directory(): return '/comfyui/output'")
        monkeypatch.syspath_prepend(tmp_path)

        assert host.folder("output") == Path("/comfyui/output")
        del sys.modules["folder_paths"]

    def test_is_found_once_its_package_is_another_one(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        first = ModuleType("comfy")
        first.__path__ = []
        monkeypatch.setitem(sys.modules, "comfy", first)
        assert host.metadata_disabled() is False

        (tmp_path / "cli_args.py").write_text("class args: disable_metadata = True")
        second = ModuleType("comfy")
        second.__path__ = [str(tmp_path)]
        monkeypatch.setitem(sys.modules, "comfy", second)

        assert host.metadata_disabled() is True
        del sys.modules["comfy.cli_args"]


class TestWithComfyUI:
    def test_the_folders_are_looked_up_every_time(self, comfyui: Any) -> None:
        folder_paths = comfyui("folder_paths", get_output_directory=lambda: "/first")
        assert host.folder("output") == Path("/first")

        folder_paths.get_output_directory = lambda: "/second"
        assert host.folder("output") == Path("/second")

    def test_the_system_user_folder_is_out_of_reach_for_http_routes(self, comfyui: Any) -> None:
        comfyui("folder_paths", get_user_directory=lambda: "/comfyui/user")

        assert host.system_user_folder() == Path("/comfyui/user/__system")

    @pytest.mark.parametrize("disabled", [True, False])
    def test_disable_metadata_is_read_every_time(self, comfyui: Any, disabled: bool) -> None:
        comfyui("comfy.cli_args", args=SimpleNamespace(disable_metadata=disabled))

        assert host.metadata_disabled() is disabled

    def test_all_progress_goes_to_one_bar(self, comfyui: Any) -> None:
        shown: list[Any] = []

        class ProgressBar:
            def __init__(self, total: int) -> None:
                shown.append(f"bar of {total}")

            def update_absolute(self, value: int, total: int) -> None:
                shown.append((value, total))

        comfyui("comfy.utils", ProgressBar=ProgressBar)
        show_done = host.progress_bar(3)
        show_done(1)
        show_done(3)

        assert shown == ["bar of 3", (1, 3), (3, 3)]

    def test_cancel_passes_through(self, comfyui: Any) -> None:
        class InterruptProcessingException(Exception):  # noqa: N818 ComfyUI's name
            pass

        def cancelled() -> None:
            raise InterruptProcessingException

        comfyui("comfy.model_management", throw_exception_if_processing_interrupted=cancelled)

        with pytest.raises(InterruptProcessingException):
            host.raise_if_cancelled()

    def test_images_have_the_dtype_that_comfyui_passes_between_nodes(self, comfyui: Any) -> None:
        comfyui("comfy.model_management", intermediate_dtype=lambda: torch.float16)
        assert host.float_dtype() is torch.float16

    def test_images_are_float32_in_a_comfyui_without_a_choice_of_dtype(self, comfyui: Any) -> None:
        comfyui("comfy.model_management")
        assert host.float_dtype() is torch.float32

    def test_the_running_prompt_is_the_only_one_that_the_queue_runs(self, comfyui: Any) -> None:
        running: list[Any] = [(0, "id", {"1": {}}, {"extra_pnginfo": {"workflow": {}}}, ["1"], {})]
        queue = SimpleNamespace(get_current_queue_volatile=lambda: (running, [(1, "next", {"2": {}}, {}, ["2"])]))
        comfyui("server", PromptServer=SimpleNamespace(instance=SimpleNamespace(prompt_queue=queue)))

        assert host.running_prompt() == ({"1": {}}, {"workflow": {}})
        running.append(running[0])
        assert host.running_prompt() is None
        running.clear()
        assert host.running_prompt() is None

    def test_the_silent_block_is_comfyui_s_own(self, comfyui: Any) -> None:
        comfyui("comfy_execution.graph_utils", ExecutionBlocker=lambda message: ("blocked", message))

        assert host.silent_block() == ("blocked", None)


class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `module`, and raises `error` when it is imported. `fired` counts how often it did."""

    def __init__(self, module: str, error: BaseException) -> None:
        self.module, self.error, self.fired = module, error, 0

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        self.fired += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ModuleNotFoundError("No module named 'yaml'", name="yaml"), id="lacks a requirement"),
        pytest.param(ImportError("cannot import name 'x'"), id="has incompatible requirements"),
        pytest.param(SyntaxError("invalid"), id="has a damaged file"),
        pytest.param(RuntimeError("no CUDA"), id="cannot start"),
    ],
)
def test_a_broken_comfyui_is_not_mistaken_for_an_absent_one(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    broken = Broken("folder_paths", error)
    monkeypatch.setattr(sys, "meta_path", [broken, *sys.meta_path])

    with pytest.raises(type(error)) as caught:
        host.folder("output")

    assert (caught.value, broken.fired) == (error, 1)
    assert "folder_paths" not in sys.modules


class Browsers:
    """Stands in for ComfyUI's PromptServer: knows the browser that queued the run, and records what is sent to whom."""

    def __init__(self, client_id: str | None) -> None:
        self.client_id = client_id
        self.routes = web.RouteTableDef()
        self.sent: list[Any] = []

    def send_sync(self, event: str, data: dict[str, Any], sid: str) -> None:
        self.sent.append((event, data, sid))


class TestNotify:
    @pytest.fixture
    def running(self, comfyui: Any) -> Callable[[Browsers], None]:
        """Installs a ComfyUI in which node 12 is running."""

        def runs(browsers: Browsers) -> None:
            comfyui("server", PromptServer=SimpleNamespace(instance=browsers))
            comfyui("comfy_execution.utils", get_executing_context=lambda: SimpleNamespace(node_id="12"))

        return runs

    def test_the_browser_that_queued_the_run_receives_the_event_with_the_node(self, running: Any) -> None:
        running(browsers := Browsers("mine"))

        host.notify("image_sequence.progress", {"done": 3})

        assert browsers.sent == [("image_sequence.progress", {"node": "12", "done": 3}, "mine")]

    def test_nothing_is_sent_for_a_run_that_no_browser_queued(self, running: Any) -> None:
        """Sending to None would send to every browser."""
        running(browsers := Browsers(None))

        host.notify("image_sequence.progress", {"done": 3})

        assert browsers.sent == []

    def test_nothing_happens_outside_a_run(self, running: Any, comfyui: Any) -> None:
        running(browsers := Browsers("mine"))
        comfyui("comfy_execution.utils", get_executing_context=lambda: None)

        host.notify("image_sequence.progress", {"done": 3})

        assert browsers.sent == []

    def test_nothing_happens_without_comfyui(self) -> None:
        host.notify("image_sequence.progress", {"done": 3})

        assert "server" not in sys.modules


class TestRoute:
    """On a real aiohttp server."""

    PATIENCE = 300  # seconds; only an event that never comes takes that long

    @pytest.fixture
    def serve(self, comfyui: Any) -> Callable[..., None]:
        """Runs `talk(session, url)` against a server with the route. `answer` and `at_once` are those of add_route."""

        def run(
            answer: Callable[..., Answer], talk: Callable[[ClientSession, str], Awaitable[None]], at_once: int = 2
        ) -> None:
            browsers = Browsers(None)
            comfyui("server", PromptServer=SimpleNamespace(instance=browsers))
            host.add_route("/picture", answer, at_once)
            host.add_route("/picture", answer, at_once)  # a second copy of the pack

            @web.middleware
            async def count(request: web.Request, handler: Any) -> Any:
                self.arrived.release()
                return await handler(request)

            async def main() -> None:
                self.arrived = asyncio.Semaphore(0)
                app = web.Application(middlewares=[count])
                app.add_routes(browsers.routes)
                async with TestServer(app) as server, ClientSession() as session:
                    await asyncio.wait_for(talk(session, str(server.make_url("/picture"))), self.PATIENCE)

            asyncio.run(main())

        return run

    def test_passes_query_and_tags_on_and_sends_the_answer(self, serve: Any) -> None:
        asked: list[Any] = []

        def answer(query: Any, tags: Any) -> Answer:
            asked.append((query, tags))
            return Answer(200, b"body", {"Content-Type": "image/webp", "ETag": '"now"'})

        async def talk(session: ClientSession, url: str) -> None:
            params, headers = {"a": "1 ä/", "b": ""}, {"If-None-Match": '"old", W/"older"'}
            async with session.get(url, params=params, headers=headers) as got:
                assert (got.status, await got.read()) == (200, b"body")
                assert (got.headers["Content-Type"], got.headers["ETag"]) == ("image/webp", '"now"')
            async with session.get(url) as got:
                assert got.status == 200

        serve(answer, talk)

        assert asked == [({"a": "1 ä/", "b": ""}, {"old", "older"}), ({}, set())]

    def test_sends_a_file_unchanged(self, serve: Any, tmp_path: Path) -> None:
        (tmp_path / "f.png").write_bytes(b"pixels")

        async def talk(session: ClientSession, url: str) -> None:
            async with session.get(url) as got:
                assert (await got.read(), got.headers["Cache-Control"]) == (b"pixels", "no-cache")
            async with session.get(url, headers={"If-None-Match": got.headers["ETag"]}) as again:
                assert (again.status, again.headers.get("Cache-Control")) == (304, "no-cache")

        serve(lambda query, tags: Answer(200, tmp_path / "f.png", {"Cache-Control": "no-cache"}), talk)

    def test_answers_in_a_few_threads_while_the_event_loop_goes_on(self, serve: Any) -> None:
        lock, started, go_on = threading.Lock(), threading.Semaphore(0), threading.Event()
        working, most, threads = 0, 0, set()

        def answer(query: Any, tags: Any) -> Answer:
            nonlocal working, most
            with lock:
                working += 1
                most = max(most, working)
                threads.add(threading.current_thread())
            started.release()
            assert go_on.wait(self.PATIENCE)
            with lock:
                working -= 1
            return Answer(200, query["n"].encode())

        async def talk(session: ClientSession, url: str) -> None:
            async def get(n: int) -> bytes:
                async with session.get(url, params={"n": n}) as got:
                    return await got.read()

            asked = [asyncio.create_task(get(n)) for n in range(9)]
            for _ in range(3):
                assert await asyncio.to_thread(started.acquire, timeout=self.PATIENCE)
            go_on.set()
            assert await asyncio.gather(*asked) == [b"%d" % n for n in range(9)]

        serve(answer, talk, at_once=3)

        assert most == 3
        assert threading.main_thread() not in threads

    def test_does_not_answer_requests_that_were_dropped(self, serve: Any) -> None:
        answered: list[str] = []
        started, go_on = threading.Event(), threading.Event()

        def answer(query: Any, tags: Any) -> Answer:
            answered.append(query["n"])
            started.set()
            assert go_on.wait(self.PATIENCE)
            return Answer(200)

        async def talk(session: ClientSession, url: str) -> None:
            async def get(n: str) -> int:
                async with session.get(url, params={"n": n}) as got:
                    return got.status

            first = asyncio.create_task(get("first"))
            assert await asyncio.to_thread(started.wait, self.PATIENCE)
            # A hundred frames that the user scrubs over, each dropped for the next one.
            async with ClientSession() as scrubbing:
                dropped = [asyncio.create_task(scrubbing.get(url, params={"n": str(n)})) for n in range(100)]
                for _ in range(1 + len(dropped)):
                    await self.arrived.acquire()
                for task in dropped:
                    task.cancel()
                await asyncio.gather(*dropped, return_exceptions=True)
            last = asyncio.create_task(get("last"))
            async with session.get(url.replace("picture", "other")) as other:
                assert other.status == 404  # the event loop is free, and has noticed the dropped requests
            go_on.set()
            assert await asyncio.gather(first, last) == [200, 200]

        serve(answer, talk, at_once=1)

        assert answered == ["first", "last"]

    def test_is_not_added_without_a_server(self) -> None:
        host.add_route("/picture", lambda query, tags: Answer(200), 1)

        assert "server" not in sys.modules
