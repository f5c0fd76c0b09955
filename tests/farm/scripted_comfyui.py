"""A server on 127.0.0.1 that behaves like ComfyUI 0.19.3 towards the farm's client, and fails as a test tells it to.

It queues prompts first in, first out and runs one at a time. Nothing is rendered: a saver notes the name of its file in `disk`.
What the savers report comes from the pack itself, and so does what nodes offer (INPUT_TYPES). What made a file stands in
`makers`, as it stands in real files.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import json
import os
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple, final
from urllib.parse import unquote

from devtools.core_nodes import CORE_NODES
from io_utils.animation import FrameCounter
from io_utils.comfyui.replaced_nodes import REPLACEMENTS, rewrite
from io_utils.frame_identity import FrameIdentity, Graph, graph_problems
from io_utils.message import Message
from io_utils.naming.allowed_roots import Root
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.saving.plan import Saved
from io_utils.saving.plan_counted import CountedFiles
from io_utils.saving.write import summary

# Only a test that fails waits this long.
PATIENCE = 60

_OUTPUT = Root(Path("/output"), "output")
_REPLACED = {replacement.old_id: replacement for replacement in REPLACEMENTS}
_COUNTERS = ("ImageSequenceFrameCounter",)
_FRAMES_PER_SECOND = 24


class ScriptedFilm:
    """An output node that is no sequence saver: what makes the film, behind Animation Sequence to Images."""

    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}}


class SaveImageSequenceMtb:
    """The saver of an earlier pack, where that is installed: it knows no policy and reports nothing."""

    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",), "filename_prefix": ("STRING",), "current_frame": ("INT",)}}


class PreviewImage:
    """ComfyUI's output node that saves nothing for good."""

    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}}


class PrimitiveInt:
    """ComfyUI's node for a number that several inputs share."""

    RETURN_TYPES = ("INT",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"default": 0})}}


class Answer(NamedTuple):
    """A response that a fault gives in place of the server's own."""

    status: int
    body: bytes

    @classmethod
    def of(cls, status: int, body: Any) -> Answer:
        return cls(status, json.dumps(body).encode())


# Other ways not to answer: the connection is closed, or stays open without a byte until the server is closed.
DROPPED = Answer(0, b"dropped")
HANGING = Answer(0, b"hanging")

ERROR_500 = Answer(500, b"500 Internal Server Error\n\nServer got itself in trouble")
CUT = Answer(200, b'{"half": ')
NOT_JSON = Answer(200, b"<html><title>Sign in to the proxy</title></html>")


@dataclass(eq=False)
class Fault:
    """Something that goes wrong `times` times, or for ever if that is None. The fixture asserts that it did."""

    name: str
    times: int | None
    fired: int = 0

    def is_due(self) -> bool:
        """Whether it happens now. Counts itself."""
        if self.times is not None and self.fired >= self.times:
            return False
        self.fired += 1
        return True

    def check(self) -> None:
        """Fail if it has not happened as often as the test says."""
        if self.times is None:
            assert self.fired, f"the fault {self.name!r} never fired"
        else:
            assert self.fired == self.times, f"the fault {self.name!r} fired {self.fired} times, not {self.times}"


class Request(NamedTuple):
    method: str
    path: str
    body: Any


@dataclass(eq=False)
class Item:
    """A prompt in the queue."""

    prompt_id: str
    prompt: dict[str, Any]
    extra_data: dict[str, Any]
    outputs: list[str]
    number: int
    interrupted: bool = False
    frames: list[int] = field(default_factory=list)

    def as_json(self) -> list[Any]:
        return [self.number, self.prompt_id, self.prompt, self.extra_data, self.outputs]


class NodeFailed(Exception):  # noqa: N818 - an end of a run, like Interrupted
    def __init__(self, node_id: str, message: str) -> None:
        super().__init__(message)
        self.node_id = node_id


class Interrupted(Exception):  # noqa: N818
    """The running prompt was cancelled."""


class Died(Exception):  # noqa: N818
    """The server has lost its queue while it ran the prompt."""


@final
class ScriptedComfyUI:
    """See the module. A `with` block starts it on a free port and closes it."""

    def __init__(self, pack: ModuleType) -> None:
        others = {node.__name__: node for node in (PreviewImage, PrimitiveInt, ScriptedFilm)}
        self.classes: dict[str, Any] = {**pack.NODE_CLASS_MAPPINGS, **CORE_NODES, **others}
        self._saver_nodes = importlib.import_module(f"{pack.__name__}.nodes._saver")
        self.unknown_policies: tuple[str, ...] = ()
        self.changed = threading.Condition()
        self.requests: list[Request] = []
        self.posts: list[dict[str, Any]] = []
        self.pending: list[Item] = []
        self.running: Item | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.disk: Counter[str] = Counter()
        self.makers: dict[str, str | None] = {}
        self.disables_metadata = False  # so that no file says what made it
        self.knows_graphs = True  # False: the graph loads files that are only known when it runs
        self.times_of_plates = "as they were made"  # another machine's copies may have others
        self.written: list[str] = []
        self.most_queued = 0
        self.faults: list[Fault] = []
        self.is_held = False
        self.clears_after_every_post = False
        self.counts_frames = True
        # How often the client looks at the queue before a prompt that it has sent gets there; 0: it is there at once.
        self.looks_before_a_post = 0
        self._looks = 0
        self._answers: list[tuple[Fault, str, Answer, bool]] = []
        self._runs: list[tuple[Fault, int | None, Callable[[Item], None]]] = []
        self._closing = False
        self._life = 0
        self._number = 0
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self._threads: list[threading.Thread] = []

    # ---- for tests

    def __enter__(self) -> ScriptedComfyUI:
        self.listen()
        worker = threading.Thread(target=self._work, name="scripted-comfyui-worker")
        worker.start()
        self._threads.append(worker)
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        self.refuse_connections()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def listen(self) -> None:
        """Take connections, always at the same port."""
        server = self

        class Handler(_Handler):
            comfyui = server

        self._http = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_port
        thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="scripted-comfyui-http")
        thread.start()
        self._threads.append(thread)

    def refuse_connections(self) -> None:
        """Close the port, as a server that is not running."""
        http, self._http = self._http, None
        if http is not None:
            http.shutdown()
            http.server_close()

    def wait_until(self, condition: Callable[[ScriptedComfyUI], Any]) -> None:
        """Wait until something that the server sees has happened."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), PATIENCE), "this never happened at the server"

    def when(self, condition: Callable[[ScriptedComfyUI], Any], *actions: Callable[[], Any]) -> None:
        """Do something as soon as something has happened, while the test goes on."""

        def act() -> None:
            self.wait_until(condition)
            for action in actions:
                action()

        thread = threading.Thread(target=act, name="scripted-comfyui-when")
        thread.start()
        self._threads.append(thread)

    def hold(self) -> None:
        """Let the running prompt, or the next one, wait for `release`."""
        with self.changed:
            self.is_held = True

    def release(self) -> None:
        with self.changed:
            self.is_held = False
            self.changed.notify_all()

    def answer(self, request: str, answer: Answer, times: int | None = 1, *, after: bool = False) -> Fault:
        """Give `answer` to requests such as "POST /prompt"; `after`: do first what was asked for."""
        fault = self._fault(f"{request}: {answer}", times)
        self._answers.append((fault, request, answer, after))
        return fault

    def in_frame(self, frame: int | None, happens: Callable[[Item], None], times: int | None = 1) -> Fault:
        """Let something happen while `frame` is rendered, or any frame if that is None."""
        fault = self._fault(f"{happens.__name__} in frame {frame}", times)
        self._runs.append((fault, frame, happens))
        return fault

    def raises(self, item: Item) -> None:
        """For `in_frame`: a node in front of the saver raises an exception."""
        node_id = next(iter(item.prompt))
        raise NodeFailed(node_id, "CUDA out of memory")

    def is_cancelled(self, item: Item) -> None:
        """For `in_frame`: somebody presses Cancel."""
        raise Interrupted

    def is_cleared(self, item: Item) -> None:
        """For `in_frame`: somebody clears the queue as soon as a prompt waits in it; the running one goes on."""
        self.wait_until(lambda server: server.pending)
        with self.changed:
            self.pending.clear()
            self.changed.notify_all()

    def dies(self, item: Item) -> None:
        """For `in_frame`: the process is killed and started again, with an empty queue and an empty history.

        The next request meets a closed connection, whatever it is.
        """
        self.answer("", DROPPED)
        self.restart()
        raise Died

    def dies_after_saving(self, item: Item) -> None:
        """For `in_frame`: as `dies`, at the moment when the file is on disk and nobody knows it."""
        self._run_outputs(item)
        self.dies(item)

    def dies_for_good(self, item: Item) -> None:
        """For `in_frame`: the process is killed."""
        self.restart()
        # Not from a handler's thread, which the closing would wait for.
        self.refuse_connections()
        raise Died

    def is_blocked(self, item: Item) -> None:
        """For `in_frame`: a node in front blocks the savers, which then do not run; ComfyUI calls that a success."""
        item.outputs = [node_id for node_id in item.outputs if self._saver(item.prompt[node_id]) is None]

    def restart(self) -> None:
        """Forget the queue and the history. Files stay."""
        with self.changed:
            self._life += 1
            self.pending.clear()
            self.running = None
            self.history.clear()
            self.changed.notify_all()

    def put_foreign(self, prompt_id: str) -> None:
        """Queue a prompt of somebody else. It writes no frame."""
        prompt = {"1": {"class_type": "PreviewImage", "inputs": {}}}
        self._put(Item(prompt_id, prompt, {"client_id": "somebody else"}, ["1"], self._next_number()))

    def check_faults(self) -> None:
        for fault in self.faults:
            fault.check()

    def posted(self, method_and_path: str) -> list[Any]:
        """The bodies of the requests to "POST /queue" and the like."""
        return [request.body for request in self.requests if f"{request.method} {request.path}" == method_and_path]

    def _fault(self, name: str, times: int | None) -> Fault:
        fault = Fault(name, times)
        self.faults.append(fault)
        return fault

    # ---- ComfyUI's routes

    def handle(self, method: str, path: str, body: Any) -> Answer:
        """The answer to a request, or what a fault makes of it."""
        with self.changed:
            self.requests.append(Request(method, path, body))
            self.changed.notify_all()
            due = next(
                (
                    (answer, after)
                    for fault, request, answer, after in self._answers
                    if f"{method} {path}".startswith(request) and fault.is_due()
                ),
                None,
            )
            if due is None:
                return self._route(method, path, body)
            answer, after = due
            if after:
                self._route(method, path, body)
            if answer is HANGING:
                self.changed.wait_for(lambda: self._closing)
            return answer

    def _route(self, method: str, path: str, body: Any) -> Answer:
        head, _, rest = path.lstrip("/").partition("/")
        route: Callable[[str, Any], Answer] | None = getattr(self, f"_{method.lower()}_{head}", None)
        return Answer(404, b"404: Not Found") if route is None else route(rest, body)

    def _get_object_info(self, class_type: str, _: Any) -> Answer:
        return Answer.of(200, self._object_info(class_type))

    def _get_system_stats(self, _: str, __: Any) -> Answer:
        argv = ["main.py", "--listen", *(["--disable-metadata"] if self.disables_metadata else [])]
        return Answer.of(200, {"system": {"os": "linux", "argv": argv}, "devices": []})

    def _get_history(self, prompt_id: str, _: Any) -> Answer:
        entry = self.history.get(prompt_id)
        return Answer.of(200, {} if entry is None else {prompt_id: entry})

    def _get_queue(self, _: str, __: Any) -> Answer:
        running = [] if self.running is None else [self.running.as_json()]
        seen = Answer.of(200, {"queue_running": running, "queue_pending": [item.as_json() for item in self.pending]})
        self._looks += 1
        if self._looks == self.looks_before_a_post:
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most_queued, PATIENCE)
        return seen

    def _post_queue(self, _: str, body: Any) -> Answer:
        gone = set(body.get("delete", ()))
        self.pending = [item for item in self.pending if not (body.get("clear") or item.prompt_id in gone)]
        return self._done()

    def _post_interrupt(self, _: str, body: Any) -> Answer:
        named = (body or {}).get("prompt_id")
        if self.running is not None and named in (None, self.running.prompt_id):
            self.running.interrupted = True
        return self._done()

    def _post_history(self, _: str, body: Any) -> Answer:
        for prompt_id in body.get("delete", ()):
            self.history.pop(prompt_id, None)
        return self._done()

    def _done(self) -> Answer:
        self.changed.notify_all()
        return Answer(200, b"")

    def _object_info(self, class_type: str) -> dict[str, Any]:
        node_class = self.classes.get(class_type)
        if node_class is None:
            return {}
        declared = copy.deepcopy(node_class.INPUT_TYPES())
        for name in ("on_existing", "overwrite"):
            for inputs in declared.values():
                if name in inputs:
                    choices, *options = inputs[name]
                    inputs[name] = ([choice for choice in choices if choice not in self.unknown_policies], *options)
        return {
            class_type: {
                "input": declared,
                "input_order": {key: list(value) for key, value in declared.items()},
                "output": list(getattr(node_class, "RETURN_TYPES", ())),
                "name": class_type,
                "output_node": getattr(node_class, "OUTPUT_NODE", False),
            }
        }

    def _post_prompt(self, _: str, body: Any) -> Answer:
        self.posts.append(body)
        self.changed.notify_all()
        self.changed.wait_for(lambda: self._looks >= self.looks_before_a_post, PATIENCE)
        replaced = {
            old: new for old, new in _REPLACED.items() if old not in self.classes and new.new_id in self.classes
        }
        prompt = rewrite(body["prompt"], replaced)
        targets = body.get("partial_execution_targets")
        for node_id, node in prompt.items():
            if node["class_type"] not in self.classes:
                message = f"Node '{node['class_type']}' not found. The custom node may not be installed."
                return _refusal("missing_node_type", message, f"Node ID '#{node_id}'")
        outputs = [
            node_id
            for node_id, node in prompt.items()
            if getattr(self.classes[node["class_type"]], "OUTPUT_NODE", False)
            and (targets is None or node_id in targets)
        ]
        if not outputs:
            return _refusal("prompt_no_outputs", "Prompt has no outputs", "")
        extra_data = {**body.get("extra_data", {}), "client_id": body.get("client_id")}
        prompt_id = body.get("prompt_id", f"made by the server {len(self.posts)}")
        self._put(Item(prompt_id, prompt, extra_data, outputs, number := self._next_number()))
        return Answer.of(200, {"prompt_id": prompt_id, "number": number, "node_errors": {}})

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _put(self, item: Item) -> None:
        with self.changed:
            if not self.clears_after_every_post:
                self.pending.append(item)
            self.most_queued = max(self.most_queued, len(self.pending) + (self.running is not None))
            self.changed.notify_all()

    # ---- the thread that runs prompts

    def _work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._closing or self.pending)
                if self._closing:
                    return
                item = self.running = self.pending.pop(0)
                life = self._life
                self.changed.notify_all()
            # A killed process leaves nothing behind.
            with contextlib.suppress(Died):
                outputs, status = self._result(item)
                with self.changed:
                    if life == self._life:
                        self.running = None
                        entry = {"prompt": item.as_json(), "outputs": outputs, "status": status, "meta": {}}
                        self.history[item.prompt_id] = entry
                        self.changed.notify_all()

    def _result(self, item: Item) -> tuple[dict[str, Any], dict[str, Any]]:
        """The outputs and the status of a prompt, as in the history."""
        about = {"prompt_id": item.prompt_id, "timestamp": 0}
        messages: list[Any] = [["execution_start", about], ["execution_cached", {"nodes": [], **about}]]
        outputs: dict[str, Any] = {}
        try:
            self._run(item, outputs)
        except NodeFailed as error:
            where = {"node_id": error.node_id, "node_type": item.prompt[error.node_id]["class_type"], "executed": []}
            failure = {"exception_message": f"{error}\n", "exception_type": "torch.OutOfMemoryError", "traceback": []}
            messages.append(["execution_error", {**about, **where, **failure}])
            return outputs, {"status_str": "error", "completed": False, "messages": messages}
        except Interrupted:
            where = {"node_id": "1", "node_type": item.prompt["1"]["class_type"], "executed": []}
            messages.append(["execution_interrupted", {**about, **where}])
            return outputs, {"status_str": "error", "completed": False, "messages": messages}
        messages.append(["execution_success", about])
        return outputs, {"status_str": "success", "completed": True, "messages": messages}

    def _run(self, item: Item, outputs: dict[str, Any]) -> None:
        life = self._life
        savers = {node_id: saver for node_id in item.outputs if (saver := self._saver(item.prompt[node_id]))}
        item.frames = [frame for node_id, saver in savers.items() for frame in saver(item.prompt, node_id).frames]
        for fault, frame, happens in self._runs:
            if item.frames and (frame is None or frame in item.frames) and fault.is_due():
                happens(item)
        with self.changed:
            if not self.changed.wait_for(
                lambda: not self.is_held or item.interrupted or self._closing or life != self._life, PATIENCE
            ):
                self.is_held = False
                self._fault("the test lets go of the server", 1)
                raise NodeFailed(next(iter(item.prompt)), "the test never let go of the server")
            if self._closing or life != self._life:
                raise Died
            if item.interrupted:
                raise Interrupted
        outputs.update(self._run_outputs(item))

    def _run_outputs(self, item: Item) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for node_id in item.outputs:
            saver = self._saver(item.prompt[node_id])
            if saver is not None:
                ui = self._saved(saver(item.prompt, node_id), self._graph(item.prompt, node_id))
                if item.prompt[node_id]["class_type"].startswith("ImageSequence"):
                    outputs[node_id] = ui
            elif self._may_run(item.prompt, node_id):
                self.written.append(item.prompt[node_id]["class_type"])
                outputs[node_id] = {"images": [{"filename": "other.png", "subfolder": "", "type": "temp"}]}
        return outputs

    def _may_run(self, prompt: dict[str, Any], node_id: str) -> bool:
        """False for what hangs behind an animation that is not at its final frame."""
        behind = [node for node in _in_front(prompt, node_id) if node["class_type"] == "ImageSequenceFromAnimation"]
        counters = [node["inputs"] for node in prompt.values() if node["class_type"] in _COUNTERS]
        return not behind or any(int(c["frame_index"]) == int(c["total_frames"]) - 1 for c in counters)

    def _graph(self, prompt: dict[str, Any], node_id: str) -> Graph:
        """What makes the images of a saver. The frame is left out: the name of the file says it."""
        nodes = [node for node in _in_front(prompt, node_id) if node["class_type"] not in _COUNTERS]
        made = json.dumps([nodes, self.times_of_plates])
        return Graph(hashlib.sha256(made.encode()).hexdigest(), is_certain=self.knows_graphs)

    def _saved(self, plan: _Plan, graph: Graph) -> dict[str, Any]:
        if plan.past_the_end is not None:
            return self._ui([], plan.past_the_end)
        saved = []
        for frame in plan.frames:
            name = plan.sequence.pattern.name(frame)
            is_unchanged = graph.is_certain and self.makers.get(name) == graph.digest
            is_kept = name in self.disk and (
                plan.policy == "skip" or (plan.policy == "skip unchanged" and is_unchanged)
            )
            if not is_kept:
                self.disk[name] += 1
                self.makers[name] = None if self.disables_metadata else graph.digest
                self.written.append(name)
            saved.append(Saved(plan.sequence, frame, written=not is_kept))
        return self._ui(saved, Message.lines([summary(saved), *self._remarks(plan, graph, saved)]))

    def _remarks(self, plan: _Plan, graph: Graph, saved: list[Saved]) -> list[Any]:
        """What the pack's savers add to their messages."""
        remarks: list[Any] = []
        if plan.policy == "skip unchanged" and any(item.written for item in saved):
            request = SimpleNamespace(on_existing=self._saver_nodes.OnExisting.UNCHANGED, graph=lambda: graph)
            remarks += self._saver_nodes._why_nothing_is_kept(request, not self.disables_metadata)
        if plan.is_final:
            names = {frame: plan.sequence.pattern.name(frame) for frame in range(plan.frames[0] + 1)}
            identities = {
                frame: FrameIdentity(maker, frame) if (maker := self.makers[name]) else None
                for frame, name in names.items()
                if name in self.disk
            }
            remarks += [message for _, message in graph_problems(identities)]
        return remarks

    def _ui(self, saved: list[Saved], message: str) -> dict[str, Any]:
        ui: dict[str, Any] = self._saver_nodes.Outcome(saved, message).ui(fps=float(_FRAMES_PER_SECOND))
        if not self.counts_frames:
            reports = [json.loads(text) for text in ui["image_sequence"]]
            ui["image_sequence"] = [
                json.dumps({key: value for key, value in one.items() if key not in ("saved", "kept")})
                for one in reports
            ]
        return ui

    @staticmethod
    def _saver(node: Mapping[str, Any]) -> Callable[[dict[str, Any], str], _Plan] | None:
        return {
            "ImageSequenceSaveFrame": _single,
            "ImageSequenceSaveCounted": _counted,
            "ImageSequenceSaveBatch": _batch,
            "Save Image Sequence (mtb)": _single,
            "Image Sequence Saver [Dream]": _counted,
        }.get(node["class_type"])


@dataclass(frozen=True)
class _Plan:
    """What a saver would do."""

    sequence: FileSequence
    frames: list[int]
    policy: str
    past_the_end: str | None = None
    is_final: bool = False


def _single(prompt: dict[str, Any], node_id: str) -> _Plan:
    inputs = prompt[node_id]["inputs"]
    prefix = inputs["filename_prefix"]
    name = prefix.rsplit("/", 1)[-1]
    pattern = FramePattern.around(f"{prefix}/{name}_", ".png", inputs.get("digits", 5))
    return _Plan(
        FileSequence(_OUTPUT, pattern),
        [_value(prompt, inputs["current_frame"])],
        inputs.get("on_existing", "overwrite"),
    )


def _counted(prompt: dict[str, Any], node_id: str) -> _Plan:
    inputs = prompt[node_id]["inputs"]
    source = prompt[inputs["frame_counter"][0]]["inputs"]
    counter = FrameCounter(_value(prompt, source["frame_index"]), source["total_frames"], _FRAMES_PER_SECOND)
    pattern = FramePattern.around(f"{inputs['prefix']}_", ".png", inputs["digits"])
    files = CountedFiles(_OUTPUT, inputs["directory_path"], pattern, inputs.get("first_frame", 0))
    policy = inputs.get("on_existing", "overwrite")
    if counter.is_after_last_frame and inputs["at_end"] == "stop output":
        _, log = files.outcome([counter], [], "")
        return _Plan(files.single, [], policy, log.message)
    return _Plan(files.single, [files.number(counter)], policy, is_final=counter.is_final_frame)


def _batch(prompt: dict[str, Any], node_id: str) -> _Plan:
    inputs = prompt[node_id]["inputs"]
    pattern = FramePattern.parse(inputs["path_pattern"])
    return _Plan(FileSequence(_OUTPUT, pattern), [_value(prompt, inputs["start_index"])], inputs["overwrite"])


def _value(prompt: dict[str, Any], value: Any) -> int:
    """A number, followed through links to a counter's frame_index and to PrimitiveInt."""
    while isinstance(value, list):
        inputs = prompt[value[0]]["inputs"]
        value = inputs["frame_index"] if "frame_index" in inputs else inputs["value"]
    return int(value)


def _in_front(prompt: dict[str, Any], node_id: str) -> Iterator[dict[str, Any]]:
    for value in prompt[node_id]["inputs"].values():
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
            yield prompt[value[0]]
            yield from _in_front(prompt, value[0])


def _refusal(kind: str, message: str, details: str, node_errors: Any = ()) -> Answer:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return Answer.of(400, {"error": error, "node_errors": node_errors})


class _Server(ThreadingHTTPServer):
    allow_reuse_address = os.name == "posix"  # Windows would let two servers share the port
    daemon_threads = False  # so that closing waits for them

    def server_bind(self) -> None:
        """As HTTPServer does, without asking a name server for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed closes its connections; that is no fault of this server."""


class _Handler(BaseHTTPRequestHandler):
    comfyui: ScriptedComfyUI
    timeout = PATIENCE

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(data) if data else None)

    def _answer(self, body: Any) -> None:
        answer = self.comfyui.handle(self.command, unquote(self.path), body)
        if answer.status == 0:
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.body) + (answer is CUT)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Not to the test's stderr."""
