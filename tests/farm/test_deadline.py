"""The official client of AWS Deadline Cloud reads and submits farm/ as a job bundle. The service is a stand-in on 127.0.0.1.

Skipped unless a `deadline` command is on the PATH: python -m pip install deadline
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .job_template import FARM, TEMPLATE

DEADLINE = shutil.which("deadline") or ""
pytestmark = pytest.mark.skipif(not DEADLINE, reason="needs the command `deadline`: python -m pip install deadline")

FARM_ID, JOB_ID = f"farm-{0:032}", f"job-{0:032}"
QUEUE_ID, QUEUE_WITH_BUCKET_ID = f"queue-{0:032}", f"queue-{1:032}"
MADE = {"createdAt": "2026-01-01T00:00:00Z", "createdBy": "somebody"}
BUCKET = {"jobAttachmentSettings": {"s3BucketName": "frames", "rootPrefix": "shots"}}
KEY = {"accessKeyId": "none", "secretAccessKey": "none", "sessionToken": "none", "expiration": "2099-01-01T00:00:00Z"}
CREATED = {"lifecycleStatus": "CREATE_COMPLETE", "lifecycleStatusMessage": "The job was created."}


def answers(queue_id: str, facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the service answers: https://docs.aws.amazon.com/deadline-cloud/latest/APIReference/API_Operations.html."""
    path = f"/2023-10-12/farms/{FARM_ID}/queues/{queue_id}"
    queue = {"farmId": FARM_ID, "queueId": queue_id, "displayName": "shots", "status": "IDLE", **MADE, **facts}
    return {
        f"GET {path}": {**queue, "defaultBudgetAction": "NONE"},
        f"GET {path}/environments": {"environments": []},
        f"GET {path}/user-roles": {"credentials": KEY},
        f"POST {path}/jobs": {"jobId": JOB_ID},
        f"GET {path}/jobs/{JOB_ID}": {"jobId": JOB_ID, "name": "shot", "priority": 50, **MADE, **CREATED},
    }


ANSWERS = {**answers(QUEUE_ID, {}), **answers(QUEUE_WITH_BUCKET_ID, BUCKET)}


@dataclass
class Service:
    """The stand-in: where it is, the jobs that were created, and the requests that it could not answer."""

    address: str
    jobs: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    """Answers what Deadline Cloud answers to a submission. A request for anything else fails the test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = f"{self.command} {urlsplit(self.path).path}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if request not in ANSWERS:
                seen.unknown.append(request)
                self.send_error(404)
                return
            if self.command == "POST":
                seen.jobs.append(json.loads(body))
            content = json.dumps(ANSWERS[request]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any, **__: Any) -> None:
            """Nothing: a failed test shows what it needs."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Service(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield seen
        server.shutdown()
        thread.join()
    assert seen.unknown == []


@pytest.fixture
def bundle(tmp_path) -> Path:
    """The folder as artists get it."""
    return Path(shutil.copytree(FARM, tmp_path / "image sequence farm", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def deadline(tmp_path, monkeypatch) -> Callable[..., str]:
    """Runs `deadline` without the settings and the keys of this machine. Returns what it printed."""
    for name in [name for name in os.environ if name.upper().startswith(("AWS_", "DEADLINE_", "NO_PROXY"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("DEADLINE_CONFIG_FILE_PATH", str(home / "config"))
    monkeypatch.setenv("DEADLINE_CLOUD_TELEMETRY_OPT_OUT", "true")

    def run(*arguments: str | Path, service: Service | None = None) -> str:
        keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-west-2"}
        variables = {**os.environ, **keys, "AWS_EC2_METADATA_DISABLED": "true"}
        if service is not None:
            # The client asks for management.deadline.invalid, which no name server knows, and leaves that to the proxy.
            variables |= {"AWS_ENDPOINT_URL": "http://deadline.invalid"}
            variables |= dict.fromkeys(("HTTP_PROXY", "http_proxy"), service.address)
        done = subprocess.run(
            [DEADLINE, *map(str, arguments)],
            cwd=tmp_path,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def submit(bundle: Path, queue_id: str, *options: str | Path, **parameters: str) -> list[str | Path]:
    """The arguments of `deadline bundle submit`."""
    values = [part for name, value in parameters.items() for part in ("--parameter", f"{name}={value}")]
    return ["bundle", "submit", bundle, "--farm-id", FARM_ID, "--queue-id", queue_id, *values, *options, "--yes"]


def test_the_client_reads_the_bundle(deadline, bundle):
    info = json.loads(deadline("bundle", "info", bundle, "--output", "json"))
    assert info["name"] == "ComfyUI image sequence"
    assert info["steps"] == ["Render", "Finish"]
    required = [parameter["name"] for parameter in info["parameters"] if "default" not in parameter]
    assert required == ["Prompt", "Frames"]


def test_the_client_submits_the_whole_template_with_absolute_paths(deadline, bundle, service, tmp_path):
    (tmp_path / "my shot.json").write_text("{}", encoding="utf-8")
    given = {"Prompt": "my shot.json", "Frames": "-5--2,7", "ComfyUI": "/opt/ComfyUI"}
    printed = deadline(*submit(bundle, QUEUE_ID, "--max-retries-per-task", "3", **given), service=service)
    assert JOB_ID in printed
    [job] = service.jobs
    assert job["templateType"] == "YAML"
    assert job["template"] == TEMPLATE.read_text(encoding="utf-8")
    assert job["parameters"] == {
        "Prompt": {"path": str(tmp_path / "my shot.json")},
        "Frames": {"string": "-5--2,7"},
        "ComfyUI": {"string": "/opt/ComfyUI"},
        "Client": {"path": str(bundle / "comfyui_frames.py")},
    }
    assert job["maxRetriesPerTask"] == 3


def test_job_attachments_are_the_prompt_and_the_client_and_nothing_else(deadline, bundle, service, tmp_path):
    """ComfyUI's folder is the workers' own. It must not become a part of the paths that are mapped."""
    (tmp_path / "shot.json").write_text("{}", encoding="utf-8")
    given = {"Prompt": "shot.json", "Frames": "1-10", "OutputDir": "out", "ComfyUI": "/opt/ComfyUI"}
    snapshot = tmp_path / "snapshot"
    deadline(*submit(bundle, QUEUE_WITH_BUCKET_ID, "--save-debug-snapshot", snapshot, **given), service=service)
    job = json.loads((snapshot / "create_job_args.json").read_text(encoding="utf-8"))
    [attached] = job["attachments"]["manifests"]
    assert Path(attached["rootPath"]) == tmp_path
    assert attached["outputRelativeDirectories"] == ["out"]
    manifest = snapshot / "Manifests" / attached["inputManifestPath"]
    paths = [file["path"] for file in json.loads(manifest.read_text(encoding="utf-8"))["paths"]]
    assert sorted(paths) == ["image sequence farm/comfyui_frames.py", "shot.json"]
    assert service.jobs == []
