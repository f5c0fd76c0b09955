"""The only door to ComfyUI: folders, progress, cancel, --disable-metadata, HTTP. Without ComfyUI it stands in for itself.

Everything is looked up when it is asked for: importing the pack touches nothing, and settings may change between runs.
Without ComfyUI the folders lie below the current directory, nothing is ever cancelled and progress goes nowhere.
Facts about ComfyUI were read in 0.3.64 and 0.19.3.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

SYSTEM_USER = "__system"


def folder(kind: str) -> Path:
    """ComfyUI's "output", "input" or "temp" folder, as configured (it need not exist, it may be a link)."""
    folder_paths = _module("folder_paths")
    if folder_paths is None:
        return Path.cwd() / kind
    return Path(getattr(folder_paths, f"get_{kind}_directory")())


def system_user_folder() -> Path:
    """Where an operator keeps settings that no HTTP route reads or writes: `user/__system`."""
    folder_paths = _module("folder_paths")
    if folder_paths is None:
        return Path.cwd() / "user" / SYSTEM_USER
    # get_system_user_directory() came with 0.3.75; this is the path it gives.
    return Path(folder_paths.get_user_directory()) / SYSTEM_USER


def metadata_disabled() -> bool:
    """Was ComfyUI started with --disable-metadata?"""
    cli_args = _module("comfy.cli_args")
    return cli_args is not None and bool(cli_args.args.disable_metadata)


def progress_bar(total: int) -> Callable[[int], None]:
    """A function that shows that `done` of `total` steps are done. Main thread only.

    Its hook raises InterruptProcessingException on Cancel, and in a worker thread it would use up the cancel flag.
    """
    utils = _module("comfy.utils")
    if utils is None:
        return lambda done: None
    bar = utils.ProgressBar(total)
    return lambda done: bar.update_absolute(done, total)


def notify(event: str, facts: Mapping[str, Any]) -> None:
    """Send `facts`, and as `node` the id of the node that runs, to the browser that queued the run. Main thread only.

    Nothing is sent where nobody listens: for prompts that were posted without a client_id (ComfyUI would send that to
    everyone), or with one that has no websocket (ComfyUI drops it).
    """
    server, utils = _running_server(), _module("comfy_execution.utils")
    context = None if utils is None else utils.get_executing_context()
    if server is not None and server.client_id is not None and context is not None:
        server.send_sync(event, {"node": context.node_id, **facts}, server.client_id)


def raise_if_cancelled() -> None:
    """Raise ComfyUI's InterruptProcessingException if the user pressed Cancel, clearing the flag. Main thread only."""
    model_management = _module("comfy.model_management")
    if model_management is not None:
        model_management.throw_exception_if_processing_interrupted()


def float_dtype() -> torch.dtype:
    """The dtype of IMAGE tensors between nodes: float32, or float16 under --fp16-intermediates (0.17 and later)."""
    intermediate_dtype = getattr(_module("comfy.model_management"), "intermediate_dtype", None)
    return torch.float32 if intermediate_dtype is None else intermediate_dtype()


def silent_block() -> Any:
    """The value that keeps every node behind it from running, without an error: ExecutionBlocker(None)."""
    graph_utils = _module("comfy_execution.graph_utils")
    return None if graph_utils is None else graph_utils.ExecutionBlocker(None)


@dataclass(frozen=True)
class Answer:
    """What a GET is answered with: a status, a body, or the path of the file that is the body, and headers."""

    status: int
    body: bytes | Path = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def add_route(path: str, answer: Callable[[Mapping[str, str], Collection[str]], Answer], at_once: int) -> None:
    """Have ComfyUI's server answer GET `path`, and `/api` + `path`, by `answer(query, tags)`; nothing without a server.

    `answer` runs in a thread, `at_once` of them at any time: the event loop goes on, memory is bounded. A request whose
    client has gone by the time of its turn costs nothing. `tags` are the ETags that the client has a copy of.
    """
    server = _running_server()
    # A second copy of the pack: one path twice would keep ComfyUI from starting.
    if server is None or any(getattr(route, "path", None) == path for route in server.routes):
        return
    web, turns = importlib.import_module("aiohttp.web"), asyncio.Semaphore(at_once)

    async def respond(request: Any) -> Any:
        tags = {tag.value for tag in request.if_none_match or ()}
        async with turns:
            if request.transport is None or request.transport.is_closing():
                return web.Response(status=499)  # nobody reads it
            answered = await asyncio.to_thread(answer, dict(request.query), tags)
        if isinstance(answered.body, Path):
            return web.FileResponse(answered.body, headers=answered.headers)
        return web.Response(status=answered.status, body=answered.body, headers=answered.headers)

    server.routes.get(path)(respond)


def _running_server() -> Any:
    """ComfyUI's PromptServer. None without one; none is ever begun, not even its module imported."""
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Absent ComfyUI is fine; a ComfyUI that misses one of its own requirements is not ours to hide.
        if error.name not in (name, name.partition(".")[0]):
            raise
        return None
