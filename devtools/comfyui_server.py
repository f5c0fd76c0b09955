"""Starts a real ComfyUI with the pack in it and talks to it over HTTP. Uses only the standard library."""

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

from devtools.pack_folder import install_pack, uninstall_pack
from devtools.prompts import PromptError

# A cold start imports torch and all of ComfyUI: often half a minute on a slow disk, sometimes several minutes.
_START_SECONDS = 300
_EXIT_SECONDS = 3
_POLL_SECONDS = 0.05
_TAIL_LINES = 40

# Connect directly, even if the environment names a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(RuntimeError):
    """ComfyUI did not start, died, or did not answer in time. The message ends with the tail of its log."""


class PromptFailed(RuntimeError):  # noqa: N818 - it is the prompt that failed, not this client
    """A prompt was accepted but did not finish. `entry` is its history entry; `interrupted` is True after a Cancel."""

    def __init__(self, message: str, entry: dict[str, Any], *, interrupted: bool) -> None:
        super().__init__(message)
        self.entry = entry
        self.interrupted = interrupted


@final
class ComfyUIServer:
    """A ComfyUI process on this machine, on `port` or a free one and without GPU, that runs within a `with` block.

    `directory` is a ComfyUI checkout, or None for devtools.embedded_server; `python` is an interpreter with its requirements.
    `base` becomes its --base-directory (custom_nodes with the pack, input, output, temp, user); the log is
    `base/comfyui.log`. Raises FileNotFoundError if `directory` has no main.py.
    """

    def __init__(
        self,
        directory: Path | None,
        python: Path,
        base: Path,
        pack: Path,
        extra_args: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        if directory is not None and not (directory / "main.py").is_file():
            msg = f"{directory} is not a ComfyUI folder: it has no main.py"
            raise FileNotFoundError(msg)
        self.directory = None if directory is None else directory.absolute()
        self.python = python
        self.base = base.absolute()
        self.pack = pack
        self.extra_args = tuple(extra_args)
        self.port = port
        self.log = self.base / "comfyui.log"
        self.client_id = uuid.uuid4().hex
        self.node_errors: dict[str, Any] = {}
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> ComfyUIServer:
        """Start the server and wait until it answers. Raises ServerError if it does not."""
        with self._cleanup:
            self.base.mkdir(parents=True, exist_ok=True)
            if self.directory is not None:  # the stand-in installs the pack itself
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
        """Stop the server and remove the pack from `base`."""
        self._cleanup.close()

    @property
    def process_id(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def run(self, prompt: Mapping[str, Any], extra_pnginfo: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """Post a prompt, wait for it, and return the `ui` of its nodes by node id. Raises what post() and wait() raise."""
        extra_data = None if extra_pnginfo is None else {"extra_pnginfo": extra_pnginfo}
        outputs: dict[str, dict[str, Any]] = self.wait(self.post(prompt, extra_data))["outputs"]
        return outputs

    def post(self, prompt: Mapping[str, Any], extra_data: dict[str, Any] | None = None) -> str:
        """Queue a prompt and return its id. Raises PromptError if ComfyUI refuses it.

        If ComfyUI runs only some of the output nodes, the errors of the others are in `node_errors` afterwards.
        """
        # Without a client_id, ComfyUI 0.19.3 leaves cached nodes out of the history.
        body = {"prompt": prompt, "client_id": self.client_id, "extra_data": extra_data or {}}
        try:
            answer = json.loads(self._request("/prompt", body))
        except urllib.error.HTTPError as error:
            with error:
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
        """Wait until a prompt is done and return its history entry.

        Raises PromptFailed if a node fails or the prompt is cancelled, and ServerError if ComfyUI dies or takes longer than
        `seconds`.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            entry = self.get_json(f"/history/{prompt_id}").get(prompt_id)
            # The status is set only once the prompt is done.
            if entry is not None and entry.get("status"):
                return self._succeeded(entry)
            time.sleep(_POLL_SECONDS)
        msg = f"prompt {prompt_id} did not finish within {seconds:.0f} s\n{self._tail()}"
        raise ServerError(msg)

    def interrupt(self) -> None:
        """Cancel the running prompt."""
        self._request("/interrupt", {})

    def get(self, path: str) -> bytes:
        """The body of a GET, e.g. /view?filename=f.png&type=output. Raises HTTPError unless the status is 2xx."""
        return self._request(path)

    def get_json(self, path: str) -> Any:
        """The JSON body of a GET. Raises HTTPError unless the status is 2xx."""
        return json.loads(self.get(path))

    def _start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        port = self.port or _free_port()
        self.url = f"http://127.0.0.1:{port}"
        if self.directory is None:
            program = ["-m", "devtools.embedded_server"]
        else:
            program = ["main.py", "--cpu", "--listen", "127.0.0.1", "--disable-auto-launch"]
        options = ["--base-directory", str(self.base), "--port", str(port), *self.extra_args]
        command = [str(self.python), *program, *options]
        # UTF-8 for every console: a log line that it cannot encode must not end the server.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
        try:
            return subprocess.Popen(
                command,
                cwd=self.directory or self.pack,
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
            # Connections are refused until the server listens.
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
        """The body of the answer. Raises HTTPError unless the status is 2xx, and ServerError if there is no answer."""
        assert self._process is not None
        try:
            return self._open(path, body)
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            # A dying process closes its connections a moment before it exits.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_EXIT_SECONDS)
            self._check_alive()
            msg = f"ComfyUI is running but does not answer {path}: {error}\n{self._tail()}"
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
                # ComfyUI ends the message with a line for tips, which is usually empty.
                message = f"{data['exception_type']} in {where}: {data['exception_message'].strip()}\n{self._tail()}"
                raise PromptFailed(message, entry, interrupted=False)
        raise PromptFailed(f"the prompt failed\n{self._tail()}", entry, interrupted=False)

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"--- end of {self.log} ---", *lines[-_TAIL_LINES:]])


def comfyui_python(directory: Path, named: Path | None = None) -> Path:
    """The Python to run a ComfyUI folder with: `named`, else $COMFYUI_PYTHON, else the folder's own, else this one."""
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
