"""Plate in, plate out on a running ComfyUI: EXR frame by frame with its header, layers, and refusals before rendering."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devtools.comfyui_server import ComfyUIServer, PromptFailed

from ..srgb import encoded, linear
from .conftest import Bench

OpenEXR = pytest.importorskip("OpenEXR")

from ..nodes.plates import channels_of, header_of, pixels_of, write_plate  # noqa: E402 -- they need OpenEXR

Node = tuple[str, dict[str, Any]]
FIRST, COUNT = 1001, 4


@pytest.fixture(scope="module", params=["float32", "float16"])
def bench(start: Callable[..., ComfyUIServer], request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A ComfyUI with its default options, and one with --fp16-intermediates."""
    flags = [] if request.param == "float32" else ["--fp16-intermediates"]
    known = (Path(os.environ.get("COMFYUI_DIR", "")) / "comfy" / "cli_args.py").read_text(encoding="utf-8")
    if not all(flag in known for flag in flags):
        pytest.skip("needs a ComfyUI that has --fp16-intermediates, as 0.17 and later have")
    with start(*flags) as server:
        bench = Bench(server)
        bench.dtype = request.param  # type: ignore[attr-defined]
        yield bench


@pytest.fixture
def near(bench: Bench) -> float:
    """How far colour from 0 to 1 may be from what it should be, in sRGB: half an ulp of half files and of tensors."""
    return 2**-10 if bench.dtype == "float16" else 2**-11  # type: ignore[attr-defined]


@pytest.fixture
def plates(bench: Bench, request: pytest.FixtureRequest) -> Plates:
    return Plates(bench, request.node.name.partition("[")[0])


class Plates:
    """A shot in the input folder of this test alone: half EXR with alpha, time code, rate, and a camera."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench, self.name = bench, name

    def write(self, *frames: int, **more: Any) -> dict[int, np.ndarray]:
        found = {}
        for frame in frames:
            alpha: np.ndarray = np.linspace(0.25, 1, 24, dtype=np.float16)[:, None]
            colour = encoded_grid(frame)
            pixels = np.concatenate(
                [linear(colour) * alpha[..., None], np.broadcast_to(alpha[..., None], (24, 32, 1))], axis=-1
            )
            found[frame] = pixels.astype(np.float16)
            attributes = {
                "timeCode": OpenEXR.TimeCode(10, 0, frame // 24 % 60, frame % 24, *(0,) * 14),
                "framesPerSecond": Fraction(24000, 1001),
                "cameraModel": "Alexa",
                "focus": float(frame),
            }
            write_plate(self.bench.input / self.name / f"plate.{frame}.exr", found[frame], **attributes | more)
        return found

    def load(self, frame: int, **more: Any) -> Node:
        inputs = {"directory_path": self.name, "pattern": "plate.####.exr", "indexing": "numeric", "folder": "input"}
        return "ImageSequenceLoadFrame", inputs | {"frame_number": frame} | more

    def save(self, frame: int, image: str = "work", **more: Any) -> Node:
        inputs = {"images": [image, 0], "mask": ["load", 1], "metadata": ["load", 3], "current_frame": frame}
        kept = {"filetype": "exr 16-bit", "filename_prefix": self.name, "on_existing": "skip"}
        return "ImageSequenceSaveFrame", inputs | kept | more

    def file(self, frame: int) -> Path:
        return self.bench.output / self.name / f"{self.name}_{frame:05d}.exr"


def encoded_grid(frame: int) -> np.ndarray:
    """(24, 32, 3) sRGB-encoded values from 0 to 1, other ones in every frame."""
    return np.random.default_rng(frame).random((24, 32, 3))


INVERT: Node = ("ImageInvert", {"image": ["load", 0]})


def straight(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The sRGB-encoded colour and the alpha of a file."""
    pixels = pixels_of(path).astype(np.float64)
    return encoded(pixels[..., :3] / pixels[..., 3:]), pixels[..., 3]


class TestAPlate:
    def test_is_inverted_frame_by_frame_and_keeps_its_header(self, bench: Bench, plates: Plates, near: float) -> None:
        written = plates.write(*range(FIRST, FIRST + COUNT))
        queued = [bench.post(load=plates.load(frame), work=INVERT, save=plates.save(frame)) for frame in written]
        for prompt_id in queued:
            bench.server.wait(prompt_id)

        for frame, plate in written.items():
            colour, alpha = straight(plates.file(frame))
            before, _ = straight(bench.input / plates.name / f"plate.{frame}.exr")
            # Alpha is at least 1/4, so that the colour of a half file is exact to 4 of its steps.
            np.testing.assert_allclose(colour, 1 - before, rtol=0, atol=4 * near)
            np.testing.assert_allclose(alpha, plate[..., 3], rtol=0, atol=2**-11)
            header = header_of(plates.file(frame))
            code = header["timeCode"]
            assert (code.hours, code.minutes, code.seconds, code.frame) == (10, 0, frame // 24 % 60, frame % 24)
            assert header["framesPerSecond"] == Fraction(24000, 1001)
            assert (header["cameraModel"], header["focus"], header["imageCounter"]) == ("Alexa", frame, frame)

    def test_that_is_not_changed_comes_out_as_it_was(self, bench: Bench, plates: Plates) -> None:
        (plate,) = plates.write(FIRST).values()

        bench.run(load=plates.load(FIRST), save=plates.save(FIRST, "load"))

        found = pixels_of(plates.file(FIRST))
        if bench.dtype == "float32":  # type: ignore[attr-defined]
            assert (found == plate).all()
        else:
            np.testing.assert_allclose(found, plate, rtol=0, atol=2**-9)

    def test_of_a_batch_is_scaled_with_its_header(self, bench: Bench, plates: Plates) -> None:
        plates.write(*range(COUNT))
        batch = {"path_pattern": f"{plates.name}/plate.#.exr", "start_index": 0, "frame_count": 0, "folder": "input"}
        scale = {"image": ["load", 0], "upscale_method": "area", "width": 16, "height": 12, "crop": "disabled"}
        saving = {"images": ["work", 0], "metadata": ["load", 4], "filetype": "exr", "start_index": 50}
        bench.run(
            load=("ImageSequenceLoadBatch", batch | {"ignore_missing_images": "false"}),
            work=("ImageScale", scale),
            save=("ImageSequenceSaveBatch", saving | {"path_pattern": f"{plates.name}/out_###", "overwrite": "true"}),
        )

        for frame in range(COUNT):
            file = bench.output / plates.name / f"out_{50 + frame:03d}.exr"
            assert pixels_of(file).shape == (12, 16, 3)
            header = header_of(file)
            assert (header["focus"], header["imageCounter"]) == (frame, 50 + frame)
            assert header["timeCode"].frame == frame

    def test_resumes_after_a_part_of_the_range(self, bench: Bench, plates: Plates) -> None:
        """Of the frames on disk, nothing in front of the saver runs: neither the loader nor the work."""
        plates.write(*range(FIRST, FIRST + COUNT))

        def queue(*frames: int) -> list[dict[str, Any]]:
            posted = [bench.post(load=plates.load(frame), work=INVERT, save=plates.save(frame)) for frame in frames]
            return [bench.server.wait(prompt_id)["outputs"] for prompt_id in posted]

        queue(FIRST, FIRST + 2)
        kept = {frame: plates.file(frame).stat().st_mtime_ns for frame in (FIRST, FIRST + 2)}
        shown = queue(*range(FIRST, FIRST + COUNT))

        assert ["load" in outputs for outputs in shown] == [False, True, False, True]
        assert {frame: plates.file(frame).stat().st_mtime_ns for frame in kept} == kept
        assert all(plates.file(frame).is_file() for frame in range(FIRST, FIRST + COUNT))

    def test_by_a_frame_counter_gets_its_rate_and_time_code(self, bench: Bench) -> None:
        counting = {"frame_index": 48, "total_frames": 100, "frames_per_second": 24}
        saving: dict[str, Any] = {
            "frame_counter": ["count", 0],
            "image": ["make", 0],
            "directory_path": "counted",
            "prefix": "f",
        }
        saving |= {"digits": 4, "at_end": "stop output", "filetype": "exr with embedded workflow"}
        bench.run(
            count=("ImageSequenceFrameCounter", counting),
            make=("EmptyImage", {"width": 8, "height": 6, "batch_size": 1, "color": 255}),
            save=("ImageSequenceSaveCounted", saving),
        )

        header = header_of(bench.output / "counted/f_0048.exr")
        code = header["timeCode"]
        assert (header["framesPerSecond"], header["imageCounter"]) == (24, 48)
        assert (code.hours, code.minutes, code.seconds, code.frame) == (0, 0, 2, 0)
        assert {"prompt", "workflow"} <= set(header)

    def test_shows_its_header_as_text(self, bench: Bench, plates: Plates) -> None:
        plates.write(FIRST)
        shown = bench.run(load=plates.load(FIRST), show=("PreviewAny", {"source": ["load", 3]}))["show"]["text"][0]

        assert "cameraModel: Alexa" in shown.splitlines()
        assert f"timeCode: 10:00:{FIRST // 24 % 60:02}:{FIRST % 24:02}" in shown.splitlines()


class TestALayer:
    def test_of_a_mask_and_of_an_image_is_saved_and_loaded(self, bench: Bench, plates: Plates) -> None:
        (plate,) = plates.write(FIRST).values()
        bench.run(
            load=plates.load(FIRST),
            depth=("ImageSequenceAddLayer", {"name": "Z", "mask": ["load", 1]}),
            normal=("ImageSequenceAddLayer", {"name": "normal", "image": ["load", 0], "layers": ["depth", 0]}),
            save=plates.save(FIRST, "load", layers=["normal", 0]),
        )

        found = channels_of(plates.file(FIRST))
        assert set(found) == {*"RGBAZ", "normal.R", "normal.G", "normal.B"}
        np.testing.assert_allclose(found["Z"], 1 - plate[..., 3].astype(np.float32), rtol=0, atol=2**-11)

        again = {"path_pattern": f"{plates.name}/{plates.name}_#####.exr", "start_index": FIRST, "frame_count": 1}
        again |= {"ignore_missing_images": "false", "layer": "normal"}
        note = bench.server.base / f"{plates.name}.npz"
        bench.run(
            load=("ImageSequenceLoadBatch", again), note=("ProbeNote", {"images": ["load", 0], "path": str(note)})
        )
        with np.load(note) as noted:
            normal = np.stack([found[f"normal.{letter}"] for letter in "RGB"], axis=-1)
            np.testing.assert_allclose(noted["images"][0], normal, rtol=0, atol=2**-11)

    def test_that_is_unknown_is_refused_with_those_there_are(self, bench: Bench, plates: Plates) -> None:
        plates.write(FIRST)

        with pytest.raises(PromptFailed, match="it has no layer 'depth'"):
            bench.run(load=plates.load(FIRST, layer="depth"), show=("PreviewImage", {"images": ["load", 0]}))


BAD = [
    pytest.param({"exr_compression": "DWA-A"}, "Set exr_compression to 'DWAA'", id="compression"),
    pytest.param({"file_color_space": "ACESgc"}, "Did you mean 'ACEScg'", id="colour space of the file"),
    pytest.param({"image_color_space": "linear"}, "Set image_color_space to 'linear Rec.709'", id="of the images"),
    pytest.param({"filetype": "png", "layers": ["layer", 0]}, "PNG files have no layers", id="layers in PNG"),
]


@pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted", "SaveBatch"])
@pytest.mark.parametrize(("bad", "message"), BAD)
def test_bad_input_is_refused_before_anything_renders(
    bench: Bench, saver: str, bad: dict[str, Any], message: str, request: pytest.FixtureRequest
) -> None:
    folder = f"bad_{saver}"
    bench.rendered()
    seed = abs(hash(request.node.name)) % 10_000
    inputs: dict[str, dict[str, Any]] = {
        "SaveFrame": {"images": ["make", 0], "filename_prefix": folder, "current_frame": 0},
        "SaveCounted": {"image": ["make", 0], "frame_counter": ["count", 0], "directory_path": folder, "prefix": "f"},
        "SaveBatch": {"images": ["make", 0], "path_pattern": f"{folder}/f_####", "start_index": 0},
    }
    more: dict[str, dict[str, Any]] = {
        "SaveFrame": {},
        "SaveCounted": {"digits": 4, "at_end": "stop output"},
        "SaveBatch": {"overwrite": "true"},
    }
    counting = {"frame_index": 0, "total_frames": 5, "frames_per_second": 24}

    with pytest.raises(PromptFailed) as caught:
        bench.run(
            make=("ProbeCostly", {"frame": 0, "count": 1, "width": 8, "height": 6, "seed": seed}),
            layer=("ImageSequenceAddLayer", {"name": "n", "image": ["make", 0]}),
            count=("ImageSequenceFrameCounter", counting),
            save=(f"ImageSequence{saver}", inputs[saver] | more[saver] | {"filetype": "exr"} | bad),
        )

    assert message in str(caught.value)
    assert bench.rendered() == []
    assert not (bench.output / folder).exists()
