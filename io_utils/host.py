"""The only module that imports ComfyUI: folders, progress, cancel, --disable-metadata, HTTP.

Every call asks ComfyUI again: importing the pack has no side effects, and settings may change between runs. Only modules that were
not there are not looked for again until there are other places to look in.
Without ComfyUI the folders are below the current directory, nothing is cancelled and progress is discarded.
The statements about ComfyUI in this module were checked in 0.3.64 and 0.19.3.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

SYSTEM_USER = "__system"

_log = logging.getLogger(__name__)


def folder(kind: str) -> Path:
    """ComfyUI's "output", "input" or "temp" folder as configured. It may be a link and need not exist."""
    folder_paths = _module("folder_paths")
    if folder_paths is None:
        return Path.cwd() / kind
    return Path(getattr(folder_paths, f"get_{kind}_directory")())


def system_user_folder() -> Path:
    """The folder for settings that no HTTP route reads or writes: `user/__system`. It need not exist."""
    folder_paths = _module("folder_paths")
    if folder_paths is None:
        return Path.cwd() / "user" / SYSTEM_USER
    # The path that get_system_user_directory() returns, which ComfyUI has from 0.3.75 on.
    return Path(folder_paths.get_user_directory()) / SYSTEM_USER


def metadata_disabled() -> bool:
    """Whether ComfyUI was started with --disable-metadata."""
    cli_args = _module("comfy.cli_args")
    return cli_args is not None and bool(cli_args.args.disable_metadata)


def progress_bar(total: int) -> Callable[[int], None]:
    """A function that shows progress: call it with the number of finished steps, of `total`. Main thread only.

    It may raise InterruptProcessingException on Cancel and clear the cancel flag, so that in a worker thread the Cancel
    would be lost.
    """
    utils = _module("comfy.utils")
    if utils is None:
        return lambda done: None
    bar = utils.ProgressBar(total)
    return lambda done: bar.update_absolute(done, total)


def notify(event: str, facts: Mapping[str, Any]) -> None:
    """Send `facts` and the id of the running node (as `node`) to the browser that queued the run. Main thread only.

    Sends nothing for prompts without a client_id, because ComfyUI would send it to every browser. ComfyUI drops messages
    for a client without a websocket.
    """
    server, utils = _prompt_server(), _module("comfy_execution.utils")
    context = None if utils is None else utils.get_executing_context()
    if server is not None and server.client_id is not None and context is not None:
        server.send_sync(event, {"node": context.node_id, **facts}, server.client_id)


def raise_if_cancelled() -> None:
    """Raise ComfyUI's InterruptProcessingException and clear the flag if the user pressed Cancel. Main thread only."""
    model_management = _module("comfy.model_management")
    if model_management is not None:
        model_management.throw_exception_if_processing_interrupted()


def float_dtype() -> torch.dtype:
    """The dtype of IMAGE tensors between nodes: float32, or float16 under --fp16-intermediates (0.17 and later)."""
    intermediate_dtype = getattr(_module("comfy.model_management"), "intermediate_dtype", None)
    return torch.float32 if intermediate_dtype is None else intermediate_dtype()


def silent_block() -> Any:
    """ExecutionBlocker(None), a value that silently keeps every downstream node from running; None without ComfyUI."""
    graph_utils = _module("comfy_execution.graph_utils")
    return None if graph_utils is None else graph_utils.ExecutionBlocker(None)


def node_classes() -> Mapping[str, Any]:
    """The classes that are registered with ComfyUI now, by any pack: id -> class."""
    classes: Mapping[str, Any] = getattr(_module("nodes"), "NODE_CLASS_MAPPINGS", {})
    return classes


def change_marks(dynamic_prompt: Any) -> Callable[[str], Any]:
    """A function that returns what the IS_CHANGED of a node answers, in ComfyUI's form: a list, NaN if it fails.

    False if the class has none. For nodes that ComfyUI has not asked: under --cache-none it asks none. The function raises
    LookupError if the answer takes an `await`, because it is called in ComfyUI's event loop.
    """
    cache = getattr(_module("execution"), "IsChangedCache", None)
    if cache is None:
        return lambda node_id: False
    marks = cache("", dynamic_prompt, None)

    def ask(node_id: str) -> Any:
        answer = marks.get(node_id)
        try:
            answer.send(None)
        except StopIteration as answered:
            return answered.value
        with suppress(Exception):  # its `finally` expects an answer
            answer.close()
        raise LookupError(f"node {node_id} says only later whether it has changed")

    return ask


def running_prompt() -> tuple[Any, Any] | None:
    """The prompt that ComfyUI executes now and its extra_pnginfo; None if that is not known.

    For IS_CHANGED, which gets neither. One prompt runs at a time, from before IS_CHANGED is called until its last node ends.
    """
    queue = getattr(_prompt_server(), "prompt_queue", None)
    if queue is None:
        return None
    running, _ = queue.get_current_queue_volatile()
    if len(running) != 1:
        return None
    # (number, prompt id, prompt, extra data, ids of output nodes, ...)
    _, _, prompt, extra, *_ = running[0]
    return prompt, extra.get("extra_pnginfo")


def before_every_prompt(rewrite: Callable[[Any], Any]) -> None:
    """Register `rewrite` for the body of every POST /prompt. ComfyUI calls it before its own checks."""
    server = _prompt_server()
    if server is not None:
        server.add_on_prompt_handler(rewrite)


def offer_replacements(declarations: Iterable[Mapping[str, Any]]) -> None:
    """Register node replacements, which the frontend offers for missing nodes. Does nothing in ComfyUI before 0.13.

    If ComfyUI rejects them, logs a warning, because the pack works without them.
    """
    manager = getattr(_prompt_server(), "node_replace_manager", None)
    if manager is None:
        return
    try:
        io = _module("comfy_api.latest").io  # type: ignore[union-attr]
        for declaration in declarations:
            manager.register(io.NodeReplace(**declaration))
    except Exception:  # comfy_api.latest has no stable interface; no change in it may keep the pack from loading
        _log.warning("Nodes of earlier packs in workflows are not offered a replacement.", exc_info=True)


def replacement_of(node_id: str) -> str | None:
    """The node that ComfyUI offers in place of `node_id` (the first one registered), or None."""
    manager = getattr(_prompt_server(), "node_replace_manager", None)
    replacements = manager.get_replacement(node_id) if manager is not None else None
    return replacements[0].new_node_id if replacements else None


@dataclass(frozen=True)
class Answer:
    """The answer to a GET: a status, a body (or the path of the file to send) and headers. A file always has status 200."""

    status: int
    body: bytes | Path = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def add_route(path: str, answer: Callable[[Mapping[str, str], Collection[str]], Answer], at_once: int) -> None:
    """Let ComfyUI's server answer GET `path` and `/api` + `path` with `answer(query, tags)`. Does nothing without a server.

    `tags` are the ETags of If-None-Match. `answer` runs in a thread, so that the event loop is not blocked; at most
    `at_once` run at the same time, which limits memory. It is not called if the client has disconnected in the meantime.
    """
    server = _prompt_server()
    # A second copy of the pack may have added it. The same path twice would keep ComfyUI from starting.
    if server is None or any(getattr(route, "path", None) == path for route in server.routes):
        return
    web, turns = importlib.import_module("aiohttp.web"), asyncio.Semaphore(at_once)

    async def respond(request: Any) -> Any:
        tags = {tag.value for tag in request.if_none_match or ()}
        async with turns:
            if request.transport is None or request.transport.is_closing():
                return web.Response(status=499)  # nginx's "client closed request"; nobody reads it
            answered = await asyncio.to_thread(answer, dict(request.query), tags)
        if isinstance(answered.body, Path):
            return web.FileResponse(answered.body, headers=answered.headers)
        return web.Response(status=answered.status, body=answered.body, headers=answered.headers)

    server.routes.get(path)(respond)


def _prompt_server() -> Any:
    """ComfyUI's server, if it is running. Not imported, because other programs also have a module called `server`."""
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)


# The modules that were not found, and where they were looked for. An import that fails takes 0.06 ms, and a saver's run
# without ComfyUI asks for seven.
_absent: dict[str, list[Any]] = {}


def _module(name: str) -> ModuleType | None:
    if loaded := sys.modules.get(name):
        return loaded
    package, _, _ = name.rpartition(".")
    places = [sys.modules.get(package), *sys.path, *sys.meta_path]
    if len(before := _absent.get(name, ())) == len(places) and all(map(is_, before, places)):
        return None
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A missing ComfyUI is fine. A ComfyUI with a missing requirement is an error that must not be hidden.
        if error.name not in (name, name.partition(".")[0]):
            raise
        _absent[name] = places
        return None
