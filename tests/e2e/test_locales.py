"""ComfyUI serves the translations in locales/."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("language", ["en", "zh", "ja", "ko", "fr", "de", "es"])
def test_the_server_serves_every_language(comfyui, language):
    served = comfyui.server.get_json("/i18n")[language]

    for name in ("nodeDefs", "main"):
        written = json.loads((PACK / "locales" / language / f"{name}.json").read_text(encoding="utf-8"))
        assert (served["nodeDefs"] if name == "nodeDefs" else served).items() >= written.items()
