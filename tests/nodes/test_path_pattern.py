"""The output path_pattern of the savers: wired into a loader, it loads what was saved."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from .. import hosted
from ..disk import shades, shades_of
from ..hosted import wire
from ..wires import counter
from .plates import SAVERS, place


def path_pattern(answer: hosted.Answer) -> str:
    (value,) = answer.outputs[-1]
    assert type(value) is str
    return value


def loaded(pack: ModuleType, pattern: str, first: int, count: int = 1) -> list[int]:
    inputs: dict[str, Any] = {"start_index": first, "frame_count": count, "ignore_missing_images": "false"}
    (images,), *_ = hosted.run(pack, "LoadBatch", path_pattern=wire(pattern), **inputs).outputs
    return shades_of(images)


@pytest.mark.parametrize("saver", SAVERS)
class TestPathPattern:
    @pytest.mark.parametrize("filetype", ["png", "exr", "exr 16-bit with embedded workflow"])
    def test_loads_the_frame_that_was_saved(self, pack: ModuleType, output: Path, saver: str, filetype: str) -> None:
        pattern = path_pattern(hosted.run(pack, saver, **place(saver, filetype, shades(70), 1001)))

        assert pattern == f"s/s_{{:05d}}.{filetype[:3]}"
        assert loaded(pack, pattern, 1001) == [70]

    def test_has_its_tokens_filled_in(self, pack: ModuleType, output: Path, saver: str) -> None:
        names = {"SaveFrame": "filename_prefix", "SaveCounted": "directory_path", "SaveBatch": "path_pattern"}
        texts = {
            "SaveFrame": "a/%width%x%height%",
            "SaveCounted": "a/%width%x%height%",
            "SaveBatch": "a/%width%x%height%/#",
        }

        inputs = place(saver, "png", shades(70)) | {names[saver]: texts[saver]}
        pattern = path_pattern(hosted.run(pack, saver, **inputs))

        assert pattern.startswith("a/6x4/")
        assert loaded(pack, pattern, 0) == [70]

    def test_is_absolute_in_a_folder_that_the_operator_allows(
        self, pack: ModuleType, output: Path, tmp_path_factory: pytest.TempPathFactory, saver: str
    ) -> None:
        plates = tmp_path_factory.mktemp("renders")
        system = output.parent / "user" / "__system"
        system.mkdir(parents=True)
        (system / "image_sequence_roots.txt").write_text(f"rw {plates}\n")
        names = {"SaveFrame": "filename_prefix", "SaveCounted": "directory_path", "SaveBatch": "path_pattern"}
        texts = {"SaveFrame": f"{plates}/s", "SaveCounted": f"{plates}/s", "SaveBatch": f"{plates}/s/s_#####"}

        inputs = place(saver, "png", shades(70)) | {names[saver]: texts[saver]}
        pattern = path_pattern(hosted.run(pack, saver, **inputs))

        assert pattern == f"{plates.as_posix()}/s/s_{{:05d}}.png"
        assert loaded(pack, pattern, 0) == [70]

    def test_is_the_same_when_the_frame_is_kept(self, pack: ModuleType, output: Path, saver: str) -> None:
        policy = {"overwrite": "skip"} if saver == "SaveBatch" else {"on_existing": "skip"}
        patterns = [
            path_pattern(hosted.run(pack, saver, **place(saver, "png", shades(shade)) | policy)) for shade in (70, 80)
        ]

        assert patterns[0] == patterns[1]
        assert loaded(pack, patterns[1], 0) == [70]


def test_of_a_batch_of_variants_is_that_of_the_first(pack: ModuleType, output: Path) -> None:
    pattern = path_pattern(hosted.run(pack, "SaveCounted", **place("SaveCounted", "png", shades(70, 80))))

    assert pattern == "s/batch_0000/s_{:05d}.png"
    assert loaded(pack, pattern, 0) == [70]


def test_past_the_end_is_that_of_the_animation(pack: ModuleType, output: Path) -> None:
    hosted.run(pack, "SaveCounted", **place("SaveCounted", "png", shades(70), 4))
    inputs = place("SaveCounted", "png", torch.zeros(1, 4, 6, 3)) | {"frame_counter": wire(counter(5, 5))}

    pattern = path_pattern(hosted.run(pack, "SaveCounted", **inputs))

    assert loaded(pack, pattern, 4) == [70]


def test_of_a_list_of_batches_loads_all(pack: ModuleType, output: Path) -> None:
    inputs = place("SaveBatch", "png", None, 8) | {"images": wire(shades(10, 20), shades(30))}

    pattern = path_pattern(hosted.run(pack, "SaveBatch", **inputs))

    assert loaded(pack, pattern, 8, 3) == [10, 20, 30]
