"""ComfyUI's queue over HTTP in front of devtools.embedded_host, for machines that have no ComfyUI.

`python -m devtools.embedded_server --base DIR [--output DIR] [--port N]` runs one, as its own process, on 127.0.0.1. It
answers what a client that posts prompts asks, with the paths, fields and status codes of ComfyUI 0.19.3: /prompt, /queue,
/history, /interrupt, /object_info and /system_stats. There is no websocket, and a prompt's `number` and `front` are ignored:
the first that comes is the first to run.
"""

from __future__ import annotations

import argparse
import collections
import json
import platform
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from devtools.embedded_host import EmbeddedHost, InterruptProcessingException
from devtools.prompts import PromptError
from devtools.validation import full_type_name

PACK = Path(__file__).resolve().parent.parent
VERSION = "0.19.3"  # of the ComfyUI that it behaves like
_MAX_HISTORY = 10_000  # ComfyUI's MAXIMUM_HISTORY_SIZE

# (number, prompt id, nodes, extra_data, ids of the outputs to run), as in the answers of /queue and /history.
Item = tuple[int, str, dict[str, Any], dict[str, Any], list[str]]


class PromptQueue:
    """The prompts that wait, the one that runs, and the history. One thread runs them all, in the order they came in."""

    def __init__(self, host: EmbeddedHost) -> None:
        self.host = host
        self._changed = threading.Condition()
        self._number = 0
        self._waiting: collections.deque[Item] = collections.deque()
        self._running: Item | None = None
        self._history: dict[str, dict[str, Any]] = {}
        threading.Thread(target=self._work, name="prompt_worker", daemon=True).start()

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Check a prompt and queue it. Returns the answer. Raises PromptError if it is refused."""
        if "prompt" not in body:
            message = "No prompt provided"
            raise PromptError({"type": "no_prompt", "message": message, "details": message, "extra_info": {}})
        prompt, outputs, node_errors = self.host.check(body["prompt"], body.get("partial_execution_targets"))
        prompt_id = str(body.get("prompt_id", uuid.uuid4()))
        extra_data = {**body.get("extra_data", {}), "create_time": _milliseconds()}
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        with self._changed:
            number = self._number
            self._number += 1
            self._waiting.append((number, prompt_id, prompt, extra_data, outputs))
            self._changed.notify()
        return {"prompt_id": prompt_id, "number": number, "node_errors": node_errors}

    def queue(self) -> dict[str, list[Item]]:
        """The prompt that runs, if there is one, and those that wait."""
        with self._changed:
            running = [] if self._running is None else [self._running]
            return {"queue_running": running, "queue_pending": list(self._waiting)}

    def history(self, prompt_id: str | None = None) -> dict[str, dict[str, Any]]:
        """The entries of the prompts that are done, or of one of them."""
        with self._changed:
            return {key: entry for key, entry in self._history.items() if prompt_id in (None, key)}

    def change_queue(self, body: dict[str, Any]) -> None:
        """Take prompts that wait out of the queue: all with "clear", else those that "delete" lists."""
        with self._changed:
            gone = [item[1] for item in self._waiting] if body.get("clear") else body.get("delete", [])
            self._waiting = collections.deque(item for item in self._waiting if item[1] not in gone)

    def change_history(self, body: dict[str, Any]) -> None:
        """Forget entries: all with "clear", else those that "delete" lists."""
        with self._changed:
            for prompt_id in [*self._history] if body.get("clear") else body.get("delete", []):
                self._history.pop(prompt_id, None)

    def interrupt(self, body: dict[str, Any]) -> None:
        """Cancel the prompt that runs. With a "prompt_id", only if it is the one."""
        with self._changed:
            if not body.get("prompt_id") or (self._running is not None and self._running[1] == body["prompt_id"]):
                self.host.interrupt()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                item = self._running = self._waiting.popleft()
            messages = self._run(item)
            succeeded = messages[-1][0] == "execution_success"
            status = {
                "status_str": "success" if succeeded else "error",
                "completed": succeeded,
                "messages": messages,
            }
            # What the host records for its tests would grow with every prompt.
            self.host.comfyui.progress.clear()
            self.host.block_messages.clear()
            with self._changed:
                self._running = None
                if len(self._history) > _MAX_HISTORY:
                    del self._history[next(iter(self._history))]
                self._history[item[1]] = {"prompt": item, "outputs": self.host.ui, "status": status, "meta": {}}

    def _run(self, item: Item) -> list[tuple[str, dict[str, Any]]]:
        """Run a prompt and return the messages of its status."""
        _, prompt_id, prompt, extra_data, outputs = item
        messages = [_message("execution_start", prompt_id), _message("execution_cached", prompt_id, nodes=[])]
        try:
            self.host.execute(prompt, outputs, extra_data.get("extra_pnginfo"))
        except Exception as error:
            place = {
                "node_id": getattr(error, "node_id", None),
                "node_type": getattr(error, "class_type", None),
                "executed": [*self.host.ui],
            }
            if isinstance(error, InterruptProcessingException):
                messages.append(_message("execution_interrupted", prompt_id, **place))
                return messages
            traceback.print_exc()
            problem = {
                "exception_message": f"{error}\n",
                "exception_type": full_type_name(type(error)),
                "traceback": traceback.format_tb(error.__traceback__),
                "current_inputs": {},
                "current_outputs": [],
            }
            messages.append(_message("execution_error", prompt_id, **place, **problem))
            return messages
        messages.append(_message("execution_success", prompt_id))
        return messages


class Handler(BaseHTTPRequestHandler):
    """Answers one request. The server's `queue` holds the prompts."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two would meet Nagle's algorithm, which costs 40 ms a request.
    wbufsize = -1

    @property
    def queue(self) -> PromptQueue:
        """The queue of the server that got the request."""
        assert isinstance(self.server, Server)
        return self.server.queue

    def do_GET(self) -> None:
        """Answer /queue, /history, /object_info and /system_stats; 404 for everything else."""
        _, place, name, *rest = [*self.path.partition("?")[0].split("/"), ""]
        name = unquote(name)
        if any(rest):
            place = ""
        if place == "history":
            self._answer(200, self.queue.history(name or None))
        elif place == "object_info":
            self._answer(200, object_info(self.queue.host, name or None))
        elif (place, name) == ("queue", ""):
            self._answer(200, self.queue.queue())
        elif (place, name) == ("system_stats", ""):
            self._answer(200, system_stats())
        else:
            self._answer(404)

    def do_POST(self) -> None:
        """Answer /prompt, /queue, /history and /interrupt; 404 for everything else."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        act = {
            "/queue": self.queue.change_queue,
            "/history": self.queue.change_history,
            "/interrupt": self.queue.interrupt,
        }.get(self.path)
        if act is not None:
            act(body)
            self._answer(200)
        elif self.path == "/prompt":
            self._answer(*self._post_prompt(body))
        else:
            self._answer(404)

    def _post_prompt(self, body: dict[str, Any]) -> tuple[int, Any]:
        try:
            return 200, self.queue.post(body)
        except PromptError as refusal:
            return 400, {"error": refusal.error, "node_errors": refusal.node_errors}
        except Exception:  # a prompt of another shape, which stops ComfyUI's own checks in the same way
            traceback.print_exc()
            return 500, None

    def _answer(self, code: int, body: Any = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet: a client asks many times a second."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1, at `port` or at a free one if that is 0."""

    daemon_threads = True

    def __init__(self, host: EmbeddedHost, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.queue = PromptQueue(host)


def object_info(host: EmbeddedHost, name: str | None) -> dict[str, dict[str, Any]]:
    """What ComfyUI tells of a node class, or of all; nothing of one that it does not have."""
    shown = {
        key: title for pack in host.packs for key, title in getattr(pack, "NODE_DISPLAY_NAME_MAPPINGS", {}).items()
    }
    with host.comfyui.installed():
        return {
            key: _node_info(key, node_class, shown.get(key, key))
            for key, node_class in host.node_classes.items()
            if name in (None, key)
        }


def _node_info(name: str, node_class: Any, display_name: str) -> dict[str, Any]:
    inputs = node_class.INPUT_TYPES()
    return {
        "input": inputs,
        "input_order": {category: [*names] for category, names in inputs.items()},
        "is_input_list": getattr(node_class, "INPUT_IS_LIST", False),
        "output": node_class.RETURN_TYPES,
        "output_is_list": getattr(node_class, "OUTPUT_IS_LIST", [False] * len(node_class.RETURN_TYPES)),
        "output_name": getattr(node_class, "RETURN_NAMES", node_class.RETURN_TYPES),
        "name": name,
        "display_name": display_name,
        "description": getattr(node_class, "DESCRIPTION", ""),
        "python_module": "nodes",
        "category": getattr(node_class, "CATEGORY", "sd"),
        "output_node": getattr(node_class, "OUTPUT_NODE", False) is True,
    }


def system_stats() -> dict[str, Any]:
    """The versions. Without the sizes of memories, which a client of numbered images has no use for."""
    system = {"os": sys.platform, "comfyui_version": VERSION, "python_version": sys.version, "argv": sys.argv}
    return {"system": system, "devices": [{"name": platform.processor() or "cpu", "type": "cpu", "index": None}]}


def _message(event: str, prompt_id: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    return event, {"prompt_id": prompt_id, **facts, "timestamp": _milliseconds()}


def _milliseconds() -> int:
    return int(time.time() * 1000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Prints the address once it answers."""
    parser = argparse.ArgumentParser(prog="python -m devtools.embedded_server", description=__doc__)
    # The long names are ComfyUI's.
    parser.add_argument("--base", "--base-directory", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", "--output-directory", type=Path, metavar="DIR", help="default: output in --base")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            EmbeddedHost(options.base, PACK, output_directory=options.output) as host,
            Server(host, options.port) as server,
        ):
            print(f"To see the GUI go to: http://127.0.0.1:{server.server_port}", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
