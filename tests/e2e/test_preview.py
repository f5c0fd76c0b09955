"""The player's route and progress events on a real server: answers, caching, refusals, load, and the messages sent."""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

PREVIEW = "/api/image_sequence/preview"


def get(url: str, etag: str | None = None, **query: Any) -> tuple[int, bytes, dict[str, str]]:
    """(status, body, headers) of a GET; header names in lower case."""
    asked = urllib.request.Request(f"{url}{PREVIEW}?{urllib.parse.urlencode(query)}")
    if etag is not None:
        asked.add_header("If-None-Match", etag)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=60) as answer:
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, error.read(), {name.lower(): value for name, value in error.headers.items()}


def photograph(height: int, width: int, seed: int = 0) -> Image.Image:
    """Smooth colours with fine noise, like a photograph or the output of a VAE."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 16, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return Image.fromarray((np.asarray(coarse) + rng.normal(0, 3, (height, width, 3))).clip(0, 255).astype(np.uint8))


@pytest.fixture
def frame(comfyui) -> Path:
    path = comfyui.output / "preview/f_0001.png"
    path.parent.mkdir(exist_ok=True)
    photograph(720, 1280).save(path)
    return path


A_FRAME = {"type": "output", "subfolder": "preview", "filename": "f_0001.png"}


class TestRoute:
    def test_a_frame_is_sent_small_with_an_etag_and_can_be_cached(self, comfyui, frame):
        url, on_disk = comfyui.server.url, frame.stat()
        state = f"{on_disk.st_mtime_ns:x}-{on_disk.st_size:x}"

        status, body, headers = get(url, **A_FRAME, size=512, v=state)

        with Image.open(io.BytesIO(body)) as image:
            assert (status, image.size, image.format) == (200, (512, 288), "JPEG")
        assert headers["content-type"] == "image/jpeg"
        assert headers["cache-control"] == "private, max-age=31536000, immutable"
        assert get(url, **A_FRAME, size=512)[2]["cache-control"] == "no-cache"
        assert get(url, **A_FRAME, size=512, v=1)[2]["cache-control"] == "no-cache"
        assert get(url, headers["etag"], **A_FRAME, size=512)[:2] == (304, b"")

    def test_without_a_size_it_is_the_file(self, comfyui, frame):
        status, body, headers = get(comfyui.server.url, **A_FRAME)

        assert (status, body) == (200, frame.read_bytes())
        assert get(comfyui.server.url, headers["etag"], **A_FRAME)[:2] == (304, b"")

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            pytest.param({"filename": "f_0002.png"}, 404, id="a frame that does not exist"),
            pytest.param({"subfolder": ".."}, 400, id="a folder above"),
            pytest.param({"subfolder": "/etc"}, 400, id="an absolute folder"),
            pytest.param({"type": "", "folder": "/etc"}, 403, id="a folder that is not allowed"),
            pytest.param({"filename": "notes.txt"}, 415, id="not an image type"),
            pytest.param({"filename": "torn.png"}, 415, id="a torn frame"),
            pytest.param({"size": "x"}, 400, id="not a size"),
            pytest.param({"type": "models"}, 400, id="another type"),
        ],
    )
    def test_refusals_are_a_line_of_text(self, comfyui, frame, query, status):
        (frame.parent / "torn.png").write_bytes(frame.read_bytes()[:-2000])

        got, body, headers = get(comfyui.server.url, **{**A_FRAME, "size": "64", **query})

        assert (got, headers["content-type"]) == (status, "text/plain; charset=utf-8")
        assert body
        assert b"\n" not in body
        assert headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("mode", ["ro", "rw"])
    def test_frames_in_an_operator_s_folder_play(self, comfyui, tmp_path, mode):
        """They are loaded by an absolute pattern and reported without /view entries, so only this route shows them."""
        roots = comfyui.server.base / "user/__system/image_sequence_roots.txt"
        for number in range(3):
            photograph(90, 160, number).save(tmp_path / f"r_{number}.png")
        pattern = f"{tmp_path.as_posix()}/r_{{}}.png"
        loader = {"path_pattern": pattern, "start_index": 0, "frame_count": 0, "ignore_missing_images": "false"}
        roots.parent.mkdir(parents=True, exist_ok=True)
        roots.write_text(f"{mode} {tmp_path}\n")
        try:
            shown = comfyui.run(load=("ImageSequenceLoadBatch", loader), out=("PreviewImage", {"images": ["load", 0]}))[
                "load"
            ]
            sequence = json.loads(shown["image_sequence"][0])
            assert (shown["images"], sequence["type"], sequence["folder"]) == ([], "", tmp_path.as_posix())
            for number in range(sequence["first"], sequence["last"] + 1):
                filename = sequence["pattern"].format(number)
                where = {"type": "", "folder": sequence["folder"], "filename": filename}
                assert get(comfyui.server.url, **where, size=64)[0] == 200
                assert get(comfyui.server.url, **where)[1] == (tmp_path / filename).read_bytes()
        finally:
            roots.unlink()
        assert get(comfyui.server.url, **where, size=64)[0] == 403


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (3840, 2160)])
def test_the_queue_is_answered_while_previews_are_made(comfyui, record_property, width, height):
    """Records the throughput and the latency of /api/queue, without a limit."""
    folder = comfyui.output / f"load_{width}"
    folder.mkdir()
    count = 60 if width < 3840 else 16
    for number in range(8):
        photograph(height, width, number).save(folder / f"f_{number}.png", compress_level=1)

    async def talk() -> tuple[float, list[float], int]:
        async with aiohttp.ClientSession(comfyui.server.url) as session:

            async def picture(number: int) -> int:
                query = {"type": "output", "subfolder": folder.name, "filename": f"f_{number % 8}.png", "size": "512"}
                async with session.get(PREVIEW, params=query) as answer:
                    assert answer.status == 200
                    return len(await answer.read())

            async def six_at_a_time(numbers: Any) -> int:
                return sum([await picture(number) for number in numbers])

            numbers, latencies = iter(range(count)), []
            started = time.perf_counter()
            clients = asyncio.gather(*(six_at_a_time(numbers) for _ in range(6)))
            while not clients.done():
                asked = time.perf_counter()
                async with session.get("/api/queue") as answer:
                    assert answer.status == 200
                latencies.append(time.perf_counter() - asked)
                await asyncio.sleep(0.01)
            return time.perf_counter() - started, latencies, sum(await clients)

    seconds, latencies, sent = asyncio.run(talk())

    record_property("pictures a second", round(count / seconds, 1))
    record_property(
        "queue latency ms, median and most", [round(f(latencies) * 1e3, 1) for f in (statistics.median, max)]
    )
    record_property("bytes a picture", sent // count)


class TestProgress:
    @staticmethod
    def progress_events(
        comfyui, nodes: dict[str, tuple[str, dict[str, Any]]], *, as_other: bool = False
    ) -> list[dict[str, Any]]:
        """The progress events that a websocket receives while the graph runs. Checks that the newest frame of each is whole."""

        async def talk() -> list[dict[str, Any]]:
            events = []
            who = "other" if as_other else comfyui.server.client_id
            async with (
                aiohttp.ClientSession(comfyui.server.url) as session,
                session.ws_connect(f"/ws?clientId={who}") as ws,
            ):
                run = asyncio.create_task(asyncio.to_thread(comfyui.run, **nodes))
                while True:
                    receiving = asyncio.create_task(ws.receive())
                    done, _ = await asyncio.wait({receiving, run}, return_when=asyncio.FIRST_COMPLETED)
                    if receiving not in done:
                        receiving.cancel()
                        break
                    message = receiving.result()
                    if message.type is aiohttp.WSMsgType.TEXT:
                        event = json.loads(message.data)
                        if event["type"] == "image_sequence.progress":
                            facts = event["data"]
                            newest = Path(
                                facts["sequence"]["folder"],
                                facts["sequence"]["pattern"].format(facts["sequence"]["last"]),
                            )
                            with Image.open(newest) as image:
                                image.load()
                            events.append({**facts, "at": time.monotonic()})
                await run
                return events

        return asyncio.run(talk())

    @staticmethod
    def save(seed: int, pattern: str) -> dict[str, tuple[str, dict[str, Any]]]:
        size = {"count": 100, "width": 768, "height": 768}
        return {
            "make": ("ProbeCostly", {"frame": 1, "seed": seed, **size}),
            "save": (
                "ImageSequenceSaveBatch",
                {"images": ["make", 0], "path_pattern": pattern, "start_index": 1001, "overwrite": "true"},
            ),
        }

    def test_a_long_save_reports_its_newest_whole_frame_a_few_times_a_second(self, comfyui, record_property):
        events = self.progress_events(comfyui, self.save(71, "telling/f_####.png"))

        assert events
        assert {event["node"] for event in events} == {"save"}
        assert [event["done"] for event in events] == sorted({event["done"] for event in events})
        for event in events:
            assert event["text"] == f"frame {event['sequence']['last']} (1001-1100), {event['done']} of 100"
            assert (event["sequence"]["type"], event["sequence"]["subfolder"]) == ("output", "telling")
            assert event["total"] == 100
        record_property("events", len(events))
        record_property("texts", [event["text"] for event in events])

    def test_a_client_that_did_not_queue_the_run_receives_nothing(self, comfyui):
        assert self.progress_events(comfyui, self.save(72, "quiet/f_####.png"), as_other=True) == []

    def test_a_long_load_reports_its_progress_too(self, comfyui):
        comfyui.run(**self.save(73, "loading/f_####.png"))
        loader = {"path_pattern": "loading/f_####.png", "start_index": 1001, "frame_count": 0}

        events = self.progress_events(
            comfyui,
            {
                "load": ("ImageSequenceLoadBatch", {**loader, "ignore_missing_images": "false"}),
                "save": (
                    "ImageSequenceSaveBatch",
                    {"images": ["load", 0], "path_pattern": "loaded/{}.jpg", "start_index": 0, "overwrite": "true"},
                ),
            },
        )

        assert events
        assert {event["node"] for event in events} <= {"load", "save"}
