"""Fixtures that the tests of several nodes share."""

from __future__ import annotations

import pytest

from .plates import TYPES, pass_images_as


@pytest.fixture(params=TYPES)
def dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    pass_images_as(name, monkeypatch)
    return name
