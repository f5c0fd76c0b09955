"""Starting a real ComfyUI with the pack in it, and talking to it over HTTP. Standard library only."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, final

from dev.pack_folder import install_pack, uninstall_pack
from dev.prompts import PromptError

# A cold start imports torch and all of ComfyUI: half a minute is usual on a slow disk, minutes happen.
_START_SECONDS = 300
_DYING_SECONDS = 3
_POLL_SECONDS = 0.05
_TAIL_LINES = 40

# Straight to this machine, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(RuntimeError):
    """ComfyUI did not start, died, or did not answer in time. The message ends with the tail of its log."""


class PromptFailed(RuntimeError):  # noqa: N818 - it is the prompt that failed, not this client
    """A prompt that was accepted and did not finish. `entry` is its history entry, `interrupted` says if by Cancel."""

    def __init__(self, message: str, entry: dict[str, Any], *, interrupted: bool) -> None:
        super().__init__(message)
        self.entry = entry
        self.interrupted = interrupted


@final
class ComfyUIServer:
    """A ComfyUI process on this machine, for the time of a `with` block, on a free port, without GPU.

    `directory` is a ComfyUI checkout, `python` the interpreter that has its requirements. `base` becomes its
    --base-directory (custom_nodes with the pack, input, output, temp, user; the log is `base/comfyui.log`).
    """

    def __init__(self, directory: Path, python: Path, base: Path, pack: Path, extra_args: Sequence[str] = ()) -> None:
        if not (directory / "main.py").is_file():
            msg = f"{directory} is no ComfyUI folder: it has no main.py"
            raise FileNotFoundError(msg)
        self.directory = directory.absolute()
        self.python = python
        self.base = base.absolute()
        self.pack = pack
        self.extra_args = tuple(extra_args)
        self.log = self.base / "comfyui.log"
        self.client_id = uuid.uuid4().hex
        self.node_errors: dict[str, Any] = {}
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> ComfyUIServer:
        """Start the server, and wait until it answers. ServerError if it does not."""
        with self._cleanup:
            self.base.mkdir(parents=True, exist_ok=True)
            self._cleanup.callback(uninstall_pack, install_pack(self.pack, self.base / "custom_nodes"))
            log = self._cleanup.enter_context(self.log.open("wb"))
            self._process = self._start(log)
            self._cleanup.callback(self._stop)
            self._wait_until_ready()
            self._cleanup = self._cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and take the pack out of `base`."""
        self._cleanup.close()

    @property
    def process_id(self) -> int:
        """The server's process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def run(self, prompt: Mapping[str, Any], extra_pnginfo: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """Post a prompt, wait for it, and return what its nodes show, for each node id. Errors as post() and wait()."""
        extra_data = None if extra_pnginfo is None else {"extra_pnginfo": extra_pnginfo}
        outputs: dict[str, dict[str, Any]] = self.wait(self.post(prompt, extra_data))["outputs"]
        return outputs

    def post(self, prompt: Mapping[str, Any], extra_data: dict[str, Any] | None = None) -> str:
        """Queue a prompt; its id. PromptError if ComfyUI refuses it.

        Output nodes that it leaves out while it runs others are in `node_errors` afterwards.
        """
        # Without a client_id 0.19.3 leaves cached nodes out of the history.
        body = {"prompt": prompt, "client_id": self.client_id, "extra_data": extra_data or {}}
        try:
            answer = json.loads(self._request("/prompt", body))
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            if error.code != 400:
                msg = f"ComfyUI answered /prompt with {error.code}: {text}\n{self._tail()}"
                raise ServerError(msg) from error
            refusal = json.loads(text)
            raise PromptError(refusal["error"], refusal["node_errors"]) from None
        self.node_errors = answer["node_errors"]
        prompt_id: str = answer["prompt_id"]
        return prompt_id

    def wait(self, prompt_id: str, seconds: float = 300) -> dict[str, Any]:
        """The history entry of a prompt when it is done. PromptFailed if a node failed or it was cancelled.

        ServerError if ComfyUI dies, or is not done in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            entry = self.get_json(f"/history/{prompt_id}").get(prompt_id)
            # Recorded as soon as it is done, but not before.
            if entry is not None and entry.get("status"):
                return self._succeeded(entry)
            time.sleep(_POLL_SECONDS)
        msg = f"prompt {prompt_id} was not done after {seconds:.0f} s\n{self._tail()}"
        raise ServerError(msg)

    def interrupt(self) -> None:
        """Cancel the prompt that is running."""
        self._request("/interrupt", {})

    def get(self, path: str) -> bytes:
        """The body of a GET, e.g. of /view?filename=f.png&type=output. HTTPError if the answer is no 2xx."""
        return self._request(path)

    def get_json(self, path: str) -> Any:
        """The JSON answer of a GET."""
        return json.loads(self.get(path))

    def _start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        listen = ["--listen", "127.0.0.1", "--port", str(port), "--disable-auto-launch"]
        command = [str(self.python), "main.py", "--cpu", "--base-directory", str(self.base), *listen, *self.extra_args]
        # UTF-8 whatever the console is: a log line in another encoding must not end the server.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
        try:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            msg = f"cannot start {self.python}: {error}; name ComfyUI's own Python with --python"
            raise ServerError(msg) from error

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            # Until it listens, connections are refused.
            with contextlib.suppress(OSError):
                self._open("/system_stats")
                return
            self._check_alive()
            time.sleep(_POLL_SECONDS)
        msg = f"ComfyUI did not answer within {_START_SECONDS} s\n{self._tail()}"
        raise ServerError(msg)

    def _stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _request(self, path: str, body: object = None) -> bytes:
        """The body of the answer. HTTPError if it is no 2xx, ServerError if there is none."""
        assert self._process is not None
        try:
            return self._open(path, body)
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            # A dying process closes its connections a moment before it is gone.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_DYING_SECONDS)
            self._check_alive()
            msg = f"ComfyUI runs but does not answer {path}: {error}\n{self._tail()}"
            raise ServerError(msg) from error

    def _open(self, path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with _OPENER.open(request, timeout=60) as answer:
            content: bytes = answer.read()
            return content

    def _check_alive(self) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            msg = f"ComfyUI ended with exit code {code}\n{self._tail()}"
            raise ServerError(msg)

    def _succeeded(self, entry: dict[str, Any]) -> dict[str, Any]:
        if entry["status"]["status_str"] == "success":
            return entry
        for event, data in entry["status"]["messages"]:
            if event == "execution_interrupted":
                message = f"cancelled at node {data['node_id']} ({data['node_type']})"
                raise PromptFailed(message, entry, interrupted=True)
            if event == "execution_error":
                where = f"node {data['node_id']} ({data['node_type']})"
                # ComfyUI ends the message with a line for tips, mostly empty.
                message = f"{data['exception_type']} in {where}: {data['exception_message'].strip()}\n{self._tail()}"
                raise PromptFailed(message, entry, interrupted=False)
        raise PromptFailed(f"the prompt failed\n{self._tail()}", entry, interrupted=False)

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"--- end of {self.log} ---", *lines[-_TAIL_LINES:]])


def comfyui_python(directory: Path, named: Path | None = None) -> Path:
    """The interpreter to run a ComfyUI folder with: the named one, else COMFYUI_PYTHON, else its own, else this one."""
    if named is not None:
        return named
    if os.environ.get("COMFYUI_PYTHON"):
        return Path(os.environ["COMFYUI_PYTHON"])
    candidates = [
        directory / venv / place for venv in (".venv", "venv") for place in ("bin/python", "Scripts/python.exe")
    ]
    candidates.append(directory.absolute().parent / "python_embeded" / "python.exe")  # the Windows portable build
    return next((path for path in candidates if path.is_file()), Path(sys.executable))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
