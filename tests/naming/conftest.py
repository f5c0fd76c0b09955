"""A folder of frames below the output folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def shot(output: Path) -> Path:
    """output/shot, which does not exist yet."""
    return output / "shot"
