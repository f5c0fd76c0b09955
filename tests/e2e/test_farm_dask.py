"""dask_render.py and the farm's demo with two running ComfyUI servers that share an output folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools import farm_demo
from devtools.comfyui_server import ComfyUIServer
from tests.farms import DaskOnTwoServers, Rack


@pytest.fixture(scope="module")
def rack(start: Callable[..., ComfyUIServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    rack = Rack(tmp_path_factory.mktemp("rack"), lambda base, *arguments, port=0: start(*arguments, base=base))
    yield rack
    rack.close()


class TestTwoServers(DaskOnTwoServers):
    pass


def test_the_demo_ends_with_all_frames_and_the_film(start, tmp_path, capfd):
    assert farm_demo.main(["--comfyui", os.environ["COMFYUI_DIR"], "--output", str(tmp_path)]) == 0
    out = capfd.readouterr().out
    assert "dies now" in out
    assert len([*Path(tmp_path, "output", "farm-demo", "frames").iterdir()]) == farm_demo.FRAMES
