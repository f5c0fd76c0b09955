"""Images after saving with each saver and loading, for every file type."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from io_utils.formats import registry

from ..disk import tear
from ..kinds import FILE_TYPES, WRITTEN, tolerance_on_black

PROMPT = {"1": {"class_type": "Probe", "inputs": {}}}
WORKFLOW = {"workflow": {"nodes": [{"title": "naïve 日本"}]}}

EMBEDDING = [kind for kind in WRITTEN if kind.endswith("with embedded workflow")]
every_kind = pytest.mark.parametrize("kind", WRITTEN)


def ramp(count: int = 3, channels: int = 3) -> torch.Tensor:
    """Smooth gradients, so that lossy files are close; different ones in every frame and channel."""
    steps = torch.linspace(0, 1, 24)
    planes = [steps.expand(16, -1), torch.linspace(0, 1, 16)[:, None].expand(-1, 24), 1 - steps.expand(16, -1)]
    alpha = 0.25 + steps.expand(16, -1) / 2
    picture = torch.stack([*planes, alpha][:channels] if channels != 4 else [*planes, alpha], dim=-1)
    return torch.stack([picture * (1 - 0.1 * index) for index in range(count)])


def node(pack: ModuleType, name: str) -> Any:
    return pack.NODE_CLASS_MAPPINGS[f"ImageSequence{name}"]()


def load(pack: ModuleType, pattern: str, count: int = 0, **more: Any) -> tuple[torch.Tensor, torch.Tensor, int]:
    settings = {"path_pattern": pattern, "start_index": 0, "frame_count": count, "ignore_missing_images": "false"}
    images, mask, found, *_ = node(pack, "LoadBatch").load(**settings, **more)["result"]
    return images, mask, found


def save_by(pack: ModuleType, saver: str, images: torch.Tensor, kind: str, **more: Any) -> tuple[str, Any]:
    """Save three frames with one of the savers. Returns the pattern that loads them and the result of the last run."""
    hidden = {"prompt": PROMPT, "extra_pnginfo": WORKFLOW, "unique_id": "7"}
    extension = WRITTEN[kind].extension
    if saver == "SaveBatch":
        inputs = {"path_pattern": f"s/s_#####{extension}", "start_index": 0, "overwrite": "true", "filetype": kind}
        return f"s/s_#####{extension}", node(pack, saver).save(images=images, **inputs, **more, **hidden)
    result = None
    for number in range(len(images)):
        if saver == "SaveFrame":
            inputs = {"images": images[number : number + 1], "filename_prefix": "s", "current_frame": number}
        else:
            counter = SimpleNamespace(current_frame=number, total_frames=len(images), frames_per_second=24)
            inputs = {"frame_counter": counter, "image": images[number : number + 1], "directory_path": "s"}
            inputs |= {"prefix": "s", "digits": 5, "at_end": "stop output"}
        result = node(pack, saver).save(filetype=kind, **inputs, **more, **hidden)
    return f"s/s_#####{extension}", result


@every_kind
@pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted", "SaveBatch"])
class TestSavedAndLoaded:
    def test_images_are_as_close_as_the_file_type_allows(
        self, pack: ModuleType, output: Path, saver: str, kind: str
    ) -> None:
        pattern, _ = save_by(pack, saver, ramp(), kind)

        images, mask, count = load(pack, pattern)

        assert count == 3
        np.testing.assert_allclose(images, ramp(), atol=WRITTEN[kind].tolerance_without_alpha + 1e-7)
        assert not mask.any()

    def test_alpha_becomes_the_mask_or_is_composited_on_black(
        self, pack: ModuleType, output: Path, saver: str, kind: str
    ) -> None:
        rgba = ramp(channels=4)
        pattern, result = save_by(pack, saver, rgba, kind)

        images, mask, _ = load(pack, pattern)

        if not FILE_TYPES[kind].image_format.holds_alpha:
            np.testing.assert_allclose(images, rgba[..., :3] * rgba[..., 3:], atol=tolerance_on_black(kind))
            assert not mask.any()
            assert "composited on black" in json.loads(result["ui"]["image_sequence"][0])["message"]
        else:
            row = WRITTEN[kind]
            np.testing.assert_allclose(images, rgba[..., :3], atol=row.tolerance)
            # EXR stores alpha as it stores colour without alpha.
            np.testing.assert_allclose(mask, 1 - rgba[..., 3], atol=max(row.tolerance_without_alpha, 1e-7) * 1.01)

    def test_the_workflow_can_be_saved_in_a_file_beside_them(
        self, pack: ModuleType, output: Path, saver: str, kind: str
    ) -> None:
        save_by(pack, saver, ramp(), kind)
        assert not list(output.rglob("*.json"))

        pattern, result = save_by(pack, saver, ramp(), kind, workflow_file=True)

        file = output / f"{pattern}.workflow.json"
        assert list(output.rglob("*.json")) == [file]
        assert json.loads(file.read_bytes()) == WORKFLOW["workflow"]
        message = json.loads(result["ui"]["image_sequence"][0])["message"]
        assert f"Workflow: {file.name}" in message
        assert not [image for image in result["ui"]["images"] if image["filename"].endswith(".json")]

    def test_the_workflow_is_embedded_if_the_file_type_says_so(
        self, pack: ModuleType, output: Path, saver: str, kind: str
    ) -> None:
        save_by(pack, saver, ramp(), kind)

        for path in (output / "s").iterdir():
            assert (json.dumps(WORKFLOW["workflow"]).encode() in path.read_bytes()) == (kind in EMBEDDING)


@every_kind
class TestResume:
    def test_renders_missing_and_truncated_frames(self, pack: ModuleType, output: Path, kind: str) -> None:
        save_by(pack, "SaveFrame", ramp(), kind)
        extension = WRITTEN[kind].extension
        tear(output / "s" / f"s_00001{extension}")

        saver = node(pack, "SaveFrame")
        wanted = [
            saver.check_lazy_status(filename_prefix="s", current_frame=frame, filetype=kind, on_existing="skip")
            for frame in range(4)
        ]

        assert wanted == [[], ["images"], [], ["images"]]

    def test_continues_after_the_last_whole_file(self, pack: ModuleType, output: Path, kind: str) -> None:
        save_by(pack, "SaveFrame", ramp(), kind)
        tear(output / "s" / f"s_00002{WRITTEN[kind].extension}")

        counting = {"pattern": "*", "indexing": "numeric", "total_frames": 100, "frames_per_second": 24}
        result = node(pack, "FrameCounterFromDirectory").count(directory_path="s", **counting)

        assert result[1] == 2

    def test_the_finished_sequence_has_this_file_type_only(self, pack: ModuleType, output: Path, kind: str) -> None:
        save_by(pack, "SaveCounted", ramp(), "jpg" if kind != "jpg" else "png")

        _, result = save_by(pack, "SaveCounted", ramp(), kind)

        sequence = result["result"][0]
        assert [Path(path).suffix for path in sequence.get_image_files_of_batch(0)] == [WRITTEN[kind].extension] * 3
        images, fps = node(pack, "FromAnimation").load(sequence=sequence)["result"]
        assert fps == 24
        np.testing.assert_allclose(images, ramp(), atol=WRITTEN[kind].tolerance_without_alpha + 1e-7)


class TestValues:
    def test_every_level_of_a_16_bit_ramp_survives(self, pack: ModuleType, output: Path) -> None:
        levels = torch.arange(65536, dtype=torch.float64).div(65535).to(torch.float32).reshape(1, 256, 256, 1)
        pattern, _ = save_by(pack, "SaveBatch", levels.expand(-1, -1, -1, 3), "png 16-bit")

        images, _, _ = load(pack, pattern)

        assert torch.equal(images[..., 0:1], levels)

    @pytest.mark.parametrize("kind", ["exr", "exr 16-bit"])
    def test_outside_0_to_1_are_kept_in_exr(self, pack: ModuleType, output: Path, kind: str) -> None:
        """Exactly if they are stored as they are, and within the precision of the file if they become linear light."""
        values = torch.tensor([-4, -0.5, 0, 1, 1.5, 60]).reshape(1, 1, 6, 1).expand(-1, -1, -1, 3)
        pattern, _ = save_by(pack, "SaveBatch", values, kind, file_color_space="as stored")
        assert torch.equal(load(pack, pattern, file_color_space="as stored")[0], values)

        save_by(pack, "SaveBatch", values, kind)

        rounding = 2**-11 if kind == "exr 16-bit" else 2e-6
        np.testing.assert_allclose(load(pack, pattern)[0], values, rtol=rounding, atol=0)

    def test_outside_0_to_1_are_kept_when_a_frame_is_resized(self, pack: ModuleType, output: Path) -> None:
        save_by(pack, "SaveBatch", torch.full((1, 8, 8, 3), 5.0), "exr")
        settings = {"path_pattern": "s/s_#####.exr", "start_index": 1, "overwrite": "true"}
        node(pack, "SaveBatch").save(images=torch.full((1, 4, 4, 3), -3.0), **settings)

        images, _, _ = load(pack, "s/s_#####.exr", on_size_mismatch="resize to first")

        np.testing.assert_allclose(images[0], 5, atol=1e-5)
        np.testing.assert_allclose(images[1], -3, atol=1e-5)

    def test_that_are_nan_become_0_with_one_warning(
        self, pack: ModuleType, output: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        broken = torch.full((2, 4, 4, 3), float("nan"))
        for kind in ("png 16-bit", "exr", "exr 16-bit"):
            caplog.clear()
            pattern, _ = save_by(pack, "SaveBatch", broken, kind)

            assert not load(pack, pattern)[0].any()
            assert [record.getMessage() for record in caplog.records] == [
                "In frames 0-1 96 values are NaN (not a number); they are saved as 0."
            ]


class TestQuality:
    @pytest.mark.parametrize("kind", ["jpg", "webp lossy with embedded workflow"])
    def test_is_an_input(self, pack: ModuleType, output: Path, kind: str) -> None:
        sizes = []
        for quality in (10, 95):
            save_by(pack, "SaveBatch", ramp(), kind, quality=quality)
            sizes.append(sum(path.stat().st_size for path in (output / "s").iterdir()))

        assert sizes[0] < sizes[1]

    def test_is_95_if_an_old_prompt_does_not_set_it(self, pack: ModuleType, output: Path) -> None:
        files = []
        for more in ({}, {"quality": 95}):
            save_by(pack, "SaveBatch", ramp(), "jpg", **more)
            files.append((output / "s" / "s_00000.jpg").read_bytes())

        assert files[0] == files[1]


class TestBrokenFile:
    @pytest.mark.parametrize("extension", [kind.extensions[0] for kind in registry.FORMATS])
    @pytest.mark.parametrize("data", [b"", b"This is not an image.", bytes(5000)], ids=["empty", "text", "zeros"])
    def test_is_named_in_the_error(self, pack: ModuleType, output: Path, extension: str, data: bytes) -> None:
        (output / f"f_01{extension}").write_bytes(data)

        with pytest.raises(ValueError, match=rf"Frame 1 cannot be read: .*f_01\{extension}"):
            node(pack, "LoadBatch").load(
                path_pattern=f"f_##{extension}", start_index=1, frame_count=1, ignore_missing_images="false"
            )

    @every_kind
    def test_is_named_in_the_error_if_it_is_truncated(self, pack: ModuleType, output: Path, kind: str) -> None:
        pattern, _ = save_by(pack, "SaveBatch", ramp(), kind)
        tear(output / "s" / f"s_00001{WRITTEN[kind].extension}", -20)

        with pytest.raises(ValueError, match=r"Frame 1 cannot be read: .*s_00001"):
            load(pack, pattern)

    @pytest.mark.parametrize("extension", [kind.extensions[0] for kind in registry.FORMATS])
    def test_a_folder_is_never_a_frame(self, pack: ModuleType, output: Path, extension: str) -> None:
        (output / f"f_01{extension}").mkdir()

        with pytest.raises(FileNotFoundError, match=rf"f_01\{extension}"):
            node(pack, "LoadBatch").load(
                path_pattern=f"f_##{extension}", start_index=1, frame_count=1, ignore_missing_images="false"
            )
