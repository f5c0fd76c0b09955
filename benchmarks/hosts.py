"""Runs and times prompts, in the stand-in for ComfyUI in this process or in a real ComfyUI server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from benchmarks import probe_nodes
from benchmarks.measure import wall_seconds
from devtools.comfyui_server import ComfyUIServer
from devtools.embedded_host import EmbeddedHost

PACK = Path(__file__).resolve().parents[1]
EXTRA_PNGINFO: dict[str, Any] = {"workflow": {"nodes": []}}

Node = dict[str, object]
Prompt = Mapping[str, Node]


def node(class_type: str, **inputs: object) -> Node:
    return {"class_type": class_type, "inputs": inputs}


class Host(Protocol):
    """Runs prompts within a `with` block. `output` is its output folder."""

    output: Path

    @property
    def process_id(self) -> int: ...

    def has(self, class_type: str) -> bool:
        """Whether a node with this class type is registered."""

    def run(self, prompt: Prompt) -> float:
        """Run a prompt and return the seconds that it took."""

    def __enter__(self) -> Host: ...  # noqa: PYI034 - Self needs 3.11

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class InProcess:
    """The stand-in for ComfyUI. It has no cache, so a source must cache its frames itself."""

    def __init__(self, base: Path) -> None:
        self.host = EmbeddedHost(base, PACK)
        self.host.node_classes.update(probe_nodes.NODE_CLASS_MAPPINGS)
        self.output = base / "output"

    @property
    def process_id(self) -> int:
        return os.getpid()

    def has(self, class_type: str) -> bool:
        return class_type in self.host.node_classes

    def run(self, prompt: Prompt) -> float:
        return wall_seconds(self.host.run, prompt, EXTRA_PNGINFO)

    def __enter__(self) -> InProcess:  # noqa: PYI034
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.host.close()


class RealServer:
    """A ComfyUI with this pack, the probe nodes and the earlier packs in `peers`. Times are from ComfyUI's own clock."""

    def __init__(self, comfyui: Path, python: Path, base: Path, peers: Sequence[Path] = ()) -> None:
        for folder in ("input", "output", "models", "user", "custom_nodes/bench"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(probe_nodes.__file__, base / "custom_nodes" / "bench" / "__init__.py")
        for peer in peers:  # copied, because some write into their own folder
            copy = base / "custom_nodes" / peer.name
            shutil.copytree(peer, copy, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        self.output = base / "output"
        self._gate = base / "gate"
        self._server = ComfyUIServer(comfyui, python, base, PACK)
        self._kinds: set[str] = set()
        self._gates = 0

    @property
    def process_id(self) -> int:
        return self._server.process_id

    def has(self, class_type: str) -> bool:
        self._kinds = self._kinds or set(self._server.get_json("/object_info"))
        return class_type in self._kinds

    def run(self, prompt: Prompt) -> float:
        return self._seconds([self._post(prompt)])

    def run_queue(self, prompts: Sequence[Prompt], beside_gate: Prompt) -> float:
        """Queue all prompts, then release them. Returns the seconds from the start of the first to the end of the last.

        The prompt that holds the queue also runs the nodes of `beside_gate`, so that they are in the cache.
        """
        self._gate.unlink(missing_ok=True)
        self._gates += 1
        self._post({"gate": node("BenchGate", run=self._gates), **beside_gate})
        ids = [self._post(prompt) for prompt in prompts]
        self._gate.touch()
        return self._seconds(ids)

    def __enter__(self) -> RealServer:  # noqa: PYI034
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def _post(self, prompt: Prompt) -> str:
        return self._server.post(prompt, {"extra_pnginfo": EXTRA_PNGINFO})

    def _seconds(self, prompt_ids: Sequence[str]) -> float:
        times = [self._times(self._server.wait(prompt_id)) for prompt_id in prompt_ids]
        return (max(end for _, end in times) - min(start for start, _ in times)) / 1000

    def _times(self, entry: dict[str, Any]) -> tuple[int, int]:
        messages = dict(entry["status"]["messages"])
        return messages["execution_start"]["timestamp"], messages["execution_success"]["timestamp"]
