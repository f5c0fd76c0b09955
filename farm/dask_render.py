#!/usr/bin/env python3
"""Render one image sequence on several ComfyUI servers, with Dask as the engine.

From one machine, on the servers that it reaches and that share an output folder:

    python dask_render.py shot.json --frames 1001-1100 --servers http://127.0.0.1:8188 http://127.0.0.1:8189

On several machines that share an output folder, each with its own ComfyUI at http://127.0.0.1:8188 or COMFYUI_SERVER:

    dask scheduler                                                                     on one machine
    dask worker tcp://HOST:8786 --nthreads 1 --memory-limit 0 --resources comfyui=1    on each
    python dask_render.py shot.json --frames 1001-1100 --scheduler tcp://HOST:8786     on any

All need the same versions of Python and Dask. Machines may join, leave and die meanwhile: their frames go to the others.
The same command again renders only what is missing.

Exit codes: 0 all frames are on disk; 1 a frame failed; 2 the command or the prompt was refused; 75 there is no server;
130 or 143 cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import importlib.util
import json
import logging
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import comfyui_frames

try:
    import distributed
except ImportError:
    print(f"Install Dask: {sys.executable} -m pip install distributed", file=sys.stderr)
    sys.exit(comfyui_frames.REFUSED)

Event = dict[str, Any]

_RESOURCE = "comfyui"  # a worker has 1 of it while its server answers
_PROBE_SECONDS, _PROBE_EVERY = 10.0, 1.0
_LOOK_EVERY = 0.25  # seconds between two looks at the workers
_MOST_DEATHS = 3  # servers that may go away while they render a chunk; Dask's allowed-failures counts workers
_GONE = (
    "Start the scheduler and the workers, and run the command again to render what is missing: the scheduler is gone."
)
_LOST = (OSError, RuntimeError)  # what Dask's client raises once the scheduler or the worker is gone
_WITHDRAW_SECONDS = 20.0  # for the clients to take their prompts out of the servers' queues


class Machine(distributed.WorkerPlugin):
    """What Dask gives to every worker: the client and the prompt. A worker needs nothing but Dask.

    topic: the name of the plugin, and of the events that it sends
    client: the source of comfyui_frames.py
    prompt: the body of a POST to /prompt
    arguments: of the client's `render`
    is_child: whether the worker gets the Ctrl-C of the submitter's terminal
    """

    def __init__(self, topic: str, client: str, prompt: str, arguments: Sequence[str], *, is_child: bool) -> None:
        self.topic, self.files, self.arguments = topic, {"client.py": client, "prompt.json": prompt}, arguments
        self.is_child = is_child

    def setup(self, worker: distributed.Worker) -> None:
        """Unpack the client and the prompt."""
        if self.is_child:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the submitter ends this process, after the client
        self.worker, self.stop = worker, threading.Event()
        self.watch: asyncio.Future[None] | None = None
        self.is_aside = False
        self.folder = tempfile.TemporaryDirectory(prefix="comfyui-frames-")
        for name, text in self.files.items():
            Path(self.folder.name, name).write_text(text, encoding="utf-8")
        spec: Any = importlib.util.spec_from_file_location(self.topic, Path(self.folder.name, "client.py"))
        self.client = sys.modules[self.topic] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.client)
        self.server = self.client.server_url(os.environ.get("COMFYUI_SERVER") or self.client.DEFAULT_SERVER)
        self.place = {"worker": str(worker.name), "server": self.server}
        self.notes: set[str] = {self.client.NOT_COMPARED}  # the chunks before the finish have compared them

    async def teardown(self, worker: distributed.Worker) -> None:
        """Cancel what is being rendered, and leave the worker to the next job."""
        self.stop.set()
        if self.watch is not None:
            self.watch.cancel()
        if self.is_aside and worker.status == distributed.Status.running:
            await worker.set_resources(**{_RESOURCE: 1})
        sys.modules.pop(self.topic, None)
        self.folder.cleanup()

    def render(self, frames: str, arguments: Sequence[str]) -> Event:
        """Render frames. Returns the client's last event; "died" says whether the server went away meanwhile."""
        last: Event = {"exit_code": self.client.NO_SERVER, "died": False, "address": self.worker.address, **self.place}
        if self._answers():

            def tell(event: Event) -> None:
                if event["event"] == "end":
                    last.update(event)
                elif (
                    event["event"] != "start" and event.get("text") not in self.notes
                ):  # which every chunk would repeat
                    self.notes |= {event["text"]} if event["event"] == "note" else set()
                    self._tell(event)

            prompt = str(Path(self.folder.name, "prompt.json"))
            command = ["render", prompt, f"--frames={frames}", f"--server={self.server}", *self.arguments, *arguments]
            last["died"] = self.client.run(command, tell, self.stop) == self.client.NO_SERVER
        return last

    async def step_aside(self, *, for_good: bool) -> None:
        """Get no chunks, or none until the server answers: a worker that fails at once is always the first to be free."""
        if not self.is_aside:
            self.is_aside = True
            await self.worker.set_resources(**{_RESOURCE: 0})
            if not for_good:
                self._note("does not answer. It gets no frames until it does: start ComfyUI there.")
                self.watch = asyncio.ensure_future(self._come_back())

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            self.client.Server(self.server, _PROBE_SECONDS, self.stop).get("/system_stats", _PROBE_SECONDS)
            return True
        return False

    async def _come_back(self) -> None:
        while not await asyncio.to_thread(self._answers):  # noqa: ASYNC110 - nothing tells when a server starts
            await asyncio.sleep(_PROBE_EVERY)
        await self.worker.set_resources(**{_RESOURCE: 1})
        self.watch, self.is_aside = None, False
        self._note("answers again.")

    def _note(self, text: str) -> None:
        worker = "" if self.place["worker"] == self.server else f" of {self.place['worker']}"
        self._tell({"event": "note", "text": f"{self.server}{worker} {text}"})

    def _tell(self, event: Event) -> None:
        self.worker.log_event(self.topic, [{**event, **self.place}])  # in a list, because Dask adds a key to a dict


def _render(topic: str, frames: str, arguments: Sequence[str]) -> Event:
    """The task of Dask: render frames on the worker that runs it."""
    machine: Any = distributed.get_worker().plugins[topic]
    result: Event = machine.render(frames, arguments)
    return result


async def _step_aside(topic: str, for_good: bool, dask_worker: distributed.Worker) -> None:
    machine: Any = dask_worker.plugins[topic]
    await machine.step_aside(for_good=for_good)


class Account:
    """Knows what became of every frame, and passes the events on to `tell`."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.tell = tell
        self.wanted: list[int] = []
        self._frames: dict[int, Event] = {}
        self._started = time.monotonic()

    def take(self, event: Event) -> None:
        """Pass an event on, with the state of the whole render."""
        if event["event"] == "frame":
            if event["frame"] in self._frames and event["state"] in ("kept", "past the end"):
                return  # whoever continues a chunk, and the finish, look at frames that are done
            self._frames[event["frame"]] = event
            event = {**event, "done": len(self._frames), "total": len(self.wanted)}
        self.tell(event)

    def note(self, text: str) -> None:
        """Tell the user something."""
        self.tell({"event": "note", "text": text})

    def of(self, state: str) -> list[int]:
        """The frames in a state."""
        return sorted(frame for frame, event in self._frames.items() if event["state"] == state)

    def end(self, code: int, text: str) -> None:
        """Tell who has rendered what, and how it ended."""
        by_worker: dict[str, list[int]] = {}
        for frame in self.of("saved"):
            by_worker.setdefault(self._frames[frame]["worker"], []).append(frame)
        rendered = {worker: comfyui_frames.frame_ranges(frames) for worker, frames in sorted(by_worker.items())}
        for worker, frames in rendered.items():
            shown = frames if len(frames) < 60 else f"{frames[:60].rpartition(',')[0]},..."
            self.note(f"{worker} rendered {comfyui_frames.count_of_frames(len(by_worker[worker]))}: {shown}")
        left = comfyui_frames.frame_ranges(frame for frame in self.wanted if frame not in self._frames)
        counts = {state: len(self.of(state)) for state in comfyui_frames.STATES}
        seconds = round(time.monotonic() - self._started, 3)
        if not text:
            told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
            text = f"{comfyui_frames.count_of_frames(len(self._frames))}: {told}, in {seconds:.1f} s."
        text += comfyui_frames.not_rendered(left)
        facts = {"saved": counts["saved"], "kept": counts["kept"], "failed": self.of("failed"), "left": left}
        self.tell({"event": "end", "exit_code": code, **facts, "seconds": seconds, "text": text, "rendered": rendered})


@dataclass(eq=False)
class Chunk:
    """Frames that one worker renders at a time, and how many servers have gone away meanwhile."""

    frames: Sequence[int]
    arguments: Sequence[str] = ()
    deaths: int = 0


class Farm:
    """Hands chunks to the workers of a scheduler, one to each at a time.

    Dask could queue all of them at once, but it holds the death of a worker against every task that waits there.
    """

    def __init__(
        self, client: distributed.Client, topic: str, account: Account, signals: list[int], wait: float
    ) -> None:
        self._client, self._topic, self._account, self._signals = client, topic, account, signals
        self._wait = wait
        self._waiting: deque[Chunk] = deque()
        self._running: dict[distributed.Future[Event], Chunk] = {}
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()  # events, and futures that are done
        self._workers: dict[str, str] = {}  # address -> name
        self._free: set[str] = set()  # the addresses of the workers whose server answers
        self._next_look, self._alive = 0.0, time.monotonic()
        self._refusal = ""  # what the last server that refused the prompt said
        self._has_told = False  # that there is no worker
        self._known: set[str] = set()  # the addresses of the workers that had the resource at some time
        self.fault = ""  # what the last client said that failed
        client.subscribe_topic(topic, lambda event: self._inbox.put(event[1][0]))

    def render(self, chunks: Iterable[Chunk]) -> None:
        """Render chunks of frames. Raises RefusedError, NoServerError and Cancelled."""
        self._waiting.extend(chunks)
        while self._waiting or self._running:
            if self._signals:
                raise comfyui_frames.Cancelled(self._signals[0])
            if time.monotonic() >= self._next_look:
                self._look_at_workers()
            while self._waiting and len(self._running) < len(self._free):
                self._submit(self._waiting.popleft())
            with contextlib.suppress(queue.Empty):
                self._take(self._inbox.get(timeout=_LOOK_EVERY))
                while True:
                    self._take(self._inbox.get_nowait())

    def wait_for_clients(self) -> None:
        """Wait until the clients that were cancelled have ended."""
        running = [future for future in self._running if not future.done()]
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            distributed.wait(running, _WITHDRAW_SECONDS)

    def _submit(self, chunk: Chunk) -> None:
        frames = comfyui_frames.frame_ranges(chunk.frames)
        key = f"frames {frames[:40]} {uuid.uuid4().hex}"  # what the dashboard shows
        task = (_render, self._topic, frames, chunk.arguments)
        future = self._client.submit(*task, key=key, resources={_RESOURCE: 1}, pure=False)
        self._running[future] = chunk
        future.add_done_callback(self._inbox.put)

    def _look_at_workers(self) -> None:
        """See whose server answers, and take back the chunks that wait for one that does not."""
        workers, places = self._state()
        for address in self._workers.keys() - workers.keys():
            self._account.note(f"The worker {self._workers[address]} is gone. Its frames go to those that are left.")
        self._workers = {address: str(facts["name"]) for address, facts in workers.items()}
        had_none = not self._free
        self._free = {address for address, facts in workers.items() if facts["resources"].get(_RESOURCE)}
        for future in list(self._running):
            place = places.get(future.key)  # None while Dask finds no worker for it
            if place in workers.keys() - self._free or (place is None and had_none and not self._free):
                self._waiting.appendleft(self._running.pop(future))
                future.cancel()
        now = time.monotonic()
        self._next_look = now + _LOOK_EVERY
        if not workers and not self._known and not self._has_told:
            self._has_told = True
            self._account.note(f"No worker has joined yet. {self._start_workers()}")
        if self._free:
            self._alive = now
        elif self._refusal:
            raise comfyui_frames.RefusedError(self._refusal)
        elif now - self._alive >= self._wait:
            raise comfyui_frames.NoServerError(
                f"Start ComfyUI: for {self._wait:g} s there has been none at {', '.join(self._workers.values())}."
                if self._workers
                else f"For {self._wait:g} s there has been no worker. {self._start_workers()}"
            )

    def _start_workers(self) -> str:
        info = self._client.scheduler_info()
        command = f"dask worker {info['address']} --nthreads 1 --memory-limit 0 --resources {_RESOURCE}=1"
        others = f" ({len(info['workers'])} have joined without --resources.)" if info["workers"] else ""
        return f"Start workers on the machines with ComfyUI: {command}.{others}"

    def _state(self) -> tuple[dict[str, Any], dict[Any, str]]:
        """(the workers that may render, by address; the addresses of the workers that have tasks, by key)."""
        try:
            workers = self._client.scheduler_info()["workers"]
            tasks = self._client.processing()
        except _LOST as error:
            raise comfyui_frames.NoServerError(_GONE) from error
        if self._client.status != "running":
            raise comfyui_frames.NoServerError(_GONE)
        # A worker that steps aside may be without the resource for a moment.
        self._known |= {address for address, facts in workers.items() if _RESOURCE in facts["resources"]}
        return (
            {address: facts for address, facts in workers.items() if address in self._known},
            {key: address for address, keys in tasks.items() for key in keys},
        )

    def _take(self, item: Event | distributed.Future[Event]) -> None:
        if isinstance(item, dict):
            self._account.take(item)
            return
        chunk = self._running.pop(item, None)
        if chunk is None:
            return  # it was given to somebody else
        self._next_look = 0.0
        try:
            result = item.result(_PROBE_SECONDS)
        except distributed.KilledWorker:
            self._blame(chunk, "the workers that rendered it died")
        except (
            TimeoutError,
            asyncio.TimeoutError,
            concurrent.futures.CancelledError,
        ):  # the worker took the result with it
            item.cancel()
            self._waiting.appendleft(chunk)
        else:
            self._end(chunk, result)

    def _end(self, chunk: Chunk, result: Event) -> None:
        code = result["exit_code"]
        if code == comfyui_frames.REFUSED:
            text = result["text"].removesuffix(comfyui_frames.not_rendered(result["left"]))
            worker = "" if result["worker"] == result["server"] else f" It is the server of {result['worker']}."
            self._refuse(chunk, result, text + worker)
            return
        if code in (comfyui_frames.DONE, comfyui_frames.FAILED):
            self.fault = result["text"] if code else self.fault
            return
        if code == comfyui_frames.NO_SERVER:
            self._set_aside(result["address"], for_good=False)
        chunk.deaths += result["died"]
        if chunk.deaths < _MOST_DEATHS:
            self._waiting.appendleft(chunk)
        else:
            self._blame(chunk, f"{_MOST_DEATHS} servers went away while they rendered it; look at their logs")

    def _refuse(self, chunk: Chunk, result: Event, text: str) -> None:
        """Give a chunk to the others: one machine may lack what they have. Raises RefusedError once all have refused."""
        self._waiting.appendleft(chunk)
        self._refusal = text
        self._set_aside(result["address"], for_good=True)
        self._look_at_workers()
        if self._free:
            self._account.note(f"{result['server']} gets no more frames. {text}")

    def _set_aside(self, address: str, *, for_good: bool) -> None:
        with contextlib.suppress(*_LOST, KeyError):
            self._client.run(_step_aside, self._topic, for_good, workers=[address])
        self._free.discard(address)

    def _blame(self, chunk: Chunk, why: str) -> None:
        """Render the frames of a chunk that kills its workers or servers one by one, and count the one that does it."""
        if "--finish" in chunk.arguments:
            raise comfyui_frames.NoServerError(f"The frames are done, but what comes after them is not: {why}.")
        if len(chunk.frames) > 1:
            self._waiting.extend(Chunk([frame], chunk.arguments) for frame in chunk.frames)
            return
        fault = {"error": why, "node": "", "class_type": "", "files": [], "seconds": 0.0}
        self._account.take({"event": "frame", "frame": chunk.frames[0], "state": "failed", **fault})


@contextlib.contextmanager
def connected(options: argparse.Namespace) -> Iterator[distributed.Client]:
    """A client of the scheduler, or of a cluster on this machine. Raises NoServerError."""
    if options.scheduler:
        seconds = max(1.0, min(options.wait, _PROBE_SECONDS))
        try:
            # First, because Client() waits for ever for a program that accepts connections and is no scheduler.
            asyncio.run(asyncio.wait_for(_identity(options.scheduler), seconds))
            client = distributed.Client(options.scheduler, timeout=seconds)
        except Exception as error:  # another program's answer may be taken for anything, even for an array of 3 EiB
            raise comfyui_frames.NoServerError(
                f"Check --scheduler: no Dask scheduler answers at {options.scheduler} ({type(error).__name__})."
            ) from error
        with client:
            yield client
        return
    worker = {"nthreads": 1, "resources": {_RESOURCE: 1}, "memory_limit": 0, "dashboard": False}
    worker["silence_logs"] = logging.CRITICAL
    workers = {
        url: {"cls": distributed.Nanny, "options": {**worker, "env": {"COMFYUI_SERVER": url}}}
        for url in dict.fromkeys(map(comfyui_frames.server_url, options.servers))
    }
    # Port 0 of the dashboard's server too, or a second run beside this one would complain.
    ports = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": distributed.Scheduler, "options": ports}
    try:
        with _signals_held():
            cluster = distributed.SpecCluster(workers, scheduler, silence_logs=logging.CRITICAL)
    except RuntimeError as error:
        raise comfyui_frames.NoServerError(
            f"Run the command again: Dask could not start its workers ({error})."
        ) from error
    with cluster, distributed.Client(cluster) as client:
        yield client


async def _identity(address: str) -> Any:
    async with distributed.rpc(address) as scheduler:
        return await scheduler.identity()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals back until the block ends. Processes that are started in it never get them.

    A terminal's Ctrl-C and an engine's SIGTERM go to all processes. The workers need to live until their clients have
    taken their prompts out of the queues.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let the signals through when the first process starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def render(options: argparse.Namespace, account: Account, signals: list[int]) -> tuple[int, str]:
    """(exit code, what the last line says). Raises RefusedError, NoServerError and Cancelled."""
    account.wanted = frames = comfyui_frames.parse_frames(options.frames)
    nodes, extra_pnginfo = comfyui_frames.read_prompt(Path(options.prompt))
    job = comfyui_frames.make_job(nodes, extra_pnginfo, options.frame_input)
    job.check(frames)
    account.tell(comfyui_frames.start_event(job, frames, options.scheduler or ", ".join(options.servers)))
    has_finish = options.finish
    try:
        job.check_finish(frames)
    except comfyui_frames.RefusedError as error:  # nobody asked for the film
        if options.finish:
            account.note(f"No film will be made. {error}")
        has_finish = False
    topic = f"comfyui_frames_{uuid.uuid4().hex}"
    machine = Machine(
        topic,
        Path(comfyui_frames.__file__).read_text(encoding="utf-8"),
        json.dumps({"prompt": nodes, "extra_data": {"extra_pnginfo": extra_pnginfo}}),
        [
            f"--wait={min(options.wait, options.patience)}",
            f"--lookahead={options.lookahead}",
            *(f"--frame-input={name}" for name in options.frame_input),
        ],
        is_child=not options.scheduler,
    )
    with connected(options) as client:
        farm = Farm(client, topic, account, signals, options.wait)
        client.register_plugin(machine, name=topic)
        try:
            overwrite = ["--overwrite"] if options.overwrite else []
            farm.render(Chunk(frames[i : i + options.chunk], overwrite) for i in range(0, len(frames), options.chunk))
            if has_finish and not account.of("failed"):
                farm.render([Chunk(frames, ["--finish"])])
        finally:
            with contextlib.suppress(*_LOST):
                client.unregister_worker_plugin(topic)  # which cancels the clients that still run
                farm.wait_for_clients()
    if failed := account.of("failed"):
        text = f"Run the command again to render only the frames that failed: {comfyui_frames.frame_ranges(failed)}."
        text += " No film was made." if has_finish else ""
        return comfyui_frames.FAILED, text
    return (comfyui_frames.FAILED, farm.fault) if farm.fault else (comfyui_frames.DONE, "")


def _parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    comfyui_frames.add_render_arguments(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--servers", metavar="URL", nargs="+", help="the ComfyUI servers to render on")
    where.add_argument("--scheduler", metavar="ADDRESS", help="the Dask scheduler whose workers render")
    parser.add_argument(
        "--chunk", metavar="N", type=int, default=4, help="how many frames a server gets at a time (default: 4)"
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=30.0,
        help="after how long others take the frames of a server that does not answer; it may load a model (default: 30)",
    )
    parser.add_argument(
        "--no-finish", dest="finish", action="store_false", help="do not run what waits for the finished animation"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for every event")
    options = parser.parse_args()
    if any("," in server for server in options.servers or ()):
        parser.error("separate the addresses of --servers with spaces")
    if options.scheduler == "":
        parser.error("--scheduler takes the address of a Dask scheduler, such as tcp://HOST:8786")
    if options.chunk < 1 or options.patience < 0:
        parser.error("--chunk takes 1 or more, --patience 0 or more")
    return options


def main() -> int:
    """Run the command line."""
    options = _parse()
    signals: list[int] = []

    def cancel(number: int, _: object) -> None:
        signals.append(number)
        for other in handled:
            signal.signal(other, signal.SIG_DFL)  # a second one ends the program at once

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handled = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # nohup
    for number in handled:
        signal.signal(number, cancel)
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what Dask logs as an error is told here
    account = Account(comfyui_frames.JsonLines() if options.json else comfyui_frames.Lines())
    code, text = comfyui_frames.outcome(lambda: render(options, account, signals))
    account.end(code, text)
    return code


if __name__ == "__main__":
    sys.exit(main())
