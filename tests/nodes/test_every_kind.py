"""Every kind of file, with 1 to 4 channels, through every loader and saver, under both dtypes of intermediates.

Run as ComfyUI runs nodes (`hosted`); files are made and judged by other people's programs (`kinds`).
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from .. import hosted, kinds
from ..disk import stand_in
from ..hosted import wire
from ..kinds import KINDS, READ, WRITTEN, as_image, as_written, flat, picture, tolerance_of
from ..srgb import in_file, in_image
from ..wires import DreamAnimationSequence, counter

Inputs = dict[str, Any]

TYPES = {"float32": torch.float32, "float16": torch.float16}
# Half an ulp of float16 below 1.
ROUNDING = {"float32": 1e-6, "float16": 2**-12 + 1e-6}


@pytest.fixture(params=TYPES)
def dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """ComfyUI, without and with --fp16-intermediates."""
    name: str = request.param
    stand_in(
        monkeypatch,
        "comfy.model_management",
        intermediate_dtype=lambda: TYPES[name],
        throw_exception_if_processing_interrupted=lambda: None,
    )
    return name


every_file = pytest.mark.parametrize(("kind", "channels"), READ)
every_filetype = pytest.mark.parametrize("filetype", WRITTEN)
every_layout = pytest.mark.parametrize("channels", [1, 2, 3, 4])
every_loader = pytest.mark.parametrize("loader", ["LoadBatch", "LoadFrame", "FromAnimation"])
every_saver = pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted", "SaveBatch"])


class Loaded:
    """The result of a loader: `images` (n, h, w, 3) and `mask` (n, h, w), None from a node without a mask."""

    def __init__(self, images: torch.Tensor, mask: torch.Tensor | None, dtype: str, extension: str) -> None:
        assert images.dtype == TYPES[dtype]
        assert mask is None or mask.dtype == TYPES[dtype]
        self.images, self.mask, self._dtype, self._extension = images, mask, dtype, extension

    def shows(self, pictures: list[np.ndarray], tolerance: float) -> None:
        """Assert that these pictures were loaded, within the precision of the file and of the tensors.

        `pictures` are those of the files. EXR files hold linear light, and an IMAGE is sRGB-encoded.
        """
        colours, alphas = zip(*(as_image(in_image(pixels, self._extension)) for pixels in pictures))
        near = tolerance + ROUNDING[self._dtype]
        # Colour is divided by the alpha that the mask holds, here at least 0.25 with an error of up to 2^-12.
        divided = any(pixels.shape[-1] in (2, 4) for pixels in pictures) and self._extension == ".exr"
        of_alpha = 2**-11 if divided and self._dtype == "float16" else 0
        np.testing.assert_allclose(self.images, np.stack(colours), rtol=0, atol=near + of_alpha)
        if self.mask is not None:
            np.testing.assert_allclose(self.mask, np.stack(alphas), rtol=0, atol=near)


def load_batch(pack: ModuleType, dtype: str, extension: str, **more: Any) -> Loaded:
    inputs: Inputs = {
        "path_pattern": f"f_##{extension}",
        "start_index": 0,
        "frame_count": 0,
        "ignore_missing_images": "false",
    }
    (images,), (mask,), (count,), *_ = hosted.run(pack, "LoadBatch", **inputs | more).outputs
    assert count == len(images)
    return Loaded(images, mask, dtype, extension)


def load_frame(pack: ModuleType, dtype: str, extension: str, frame: int, on_missing: str = "error") -> Loaded:
    inputs = {"directory_path": "", "pattern": f"f_##{extension}", "indexing": "numeric", "on_missing": on_missing}
    (image,), (mask,), *_ = hosted.run(pack, "LoadFrame", frame_counter=wire(counter(frame)), **inputs).outputs
    return Loaded(image, mask, dtype, extension)


def load_animation(pack: ModuleType, dtype: str, files: list[Path]) -> Loaded:
    frames = {number: [str(file)] for number, file in enumerate(files)}
    sequence = DreamAnimationSequence(frames)
    (images,), _ = hosted.run(pack, "FromAnimation", sequence=wire(sequence)).outputs
    return Loaded(images, None, dtype, files[0].suffix)


@every_file
class TestAFile:
    def files(self, output: Path, kind: str, channels: int, *frames: int) -> list[Path]:
        paths = [output / f"f_{frame:02d}{KINDS[kind].extension}" for frame in frames]
        for frame, path in zip(frames, paths):
            KINDS[kind].write(path, picture(frame, channels))
        return paths

    def test_is_loaded_by_each_loader(
        self, pack: ModuleType, output: Path, dtype: str, kind: str, channels: int
    ) -> None:
        files = self.files(output, kind, channels, 0, 1, 2)
        extension, _, _, tolerance = KINDS[kind]
        pictures = [picture(frame, channels) for frame in range(3)]

        load_batch(pack, dtype, extension).shows(pictures, tolerance)
        load_animation(pack, dtype, files).shows(pictures, tolerance)
        for frame in range(3):
            load_frame(pack, dtype, extension, frame).shows([pictures[frame]], tolerance)

    def test_that_is_missing_follows_the_policy(
        self, pack: ModuleType, output: Path, dtype: str, kind: str, channels: int
    ) -> None:
        self.files(output, kind, channels, 0, 2)
        extension, _, _, tolerance = KINDS[kind]
        first, third = picture(0, channels), picture(2, channels)
        # Black frames are opaque, even among RGBA frames.
        black = np.zeros((kinds.HEIGHT, kinds.WIDTH, 3))

        def batch(policy: str) -> Loaded:
            return load_batch(pack, dtype, extension, frame_count=4, ignore_missing_images=policy)

        def frame(policy: str) -> Loaded:
            return load_frame(pack, dtype, extension, 1, policy)

        with pytest.raises(FileNotFoundError, match="1,3"):
            batch("false")
        batch("true").shows([first, third], tolerance)
        batch("hold previous").shows([first, first, third, third], tolerance)
        batch("black").shows([first, black, third, black], tolerance)
        with pytest.raises(FileNotFoundError, match="Frame 1"):
            frame("error")
        frame("hold previous").shows([first], tolerance)
        frame("hold next").shows([third], tolerance)
        frame("black").shows([black], tolerance)

    def test_of_another_size_follows_the_policy(
        self, pack: ModuleType, output: Path, dtype: str, kind: str, channels: int
    ) -> None:
        extension, write, _, tolerance = KINDS[kind]
        files = [output / f"f_{frame:02d}{extension}" for frame in range(3)]
        pictures = [flat(0.25, channels, 8, 12), flat(0.5, channels, 16, 20), flat(0.75, channels, 5, 7)]
        for file, pixels in zip(files, pictures):
            write(file, pixels)

        with pytest.raises(ValueError, match="12 x 8, but frame 1 is 20 x 16"):
            load_batch(pack, dtype, extension)
        with pytest.raises(ValueError, match="12 x 8, but frame 1 is 20 x 16"):
            load_animation(pack, dtype, files)
        # One shade stays the same under any resize filter.
        resized = [flat(shade, channels, 8, 12) for shade in (0.25, 0.5, 0.75)]
        load_batch(pack, dtype, extension, on_size_mismatch="resize to first").shows(resized, tolerance + 1e-4)


@every_filetype
@every_layout
class TestAnImage:
    def save(self, pack: ModuleType, saver: str, filetype: str, images: torch.Tensor) -> None:
        """Frames 0, 1, ... as `a/a_00000`, ..."""
        extension = WRITTEN[filetype].extension
        inputs: Inputs
        if saver == "SaveBatch":
            pattern = f"a/a_#####{extension}"
            inputs = {"path_pattern": pattern, "start_index": 0, "overwrite": "true", "filetype": filetype}
            hosted.run(pack, saver, images=wire(images), **inputs)
        elif saver == "SaveFrame":
            for frame in range(len(images)):
                inputs = {"filename_prefix": "a", "current_frame": frame, "filetype": filetype}
                hosted.run(pack, saver, images=wire(images[frame : frame + 1]), **inputs)
        else:
            inputs = {"directory_path": "a", "prefix": "a", "digits": 5, "at_end": "stop output", "filetype": filetype}
            for frame in range(len(images)):
                one, at = images[frame : frame + 1], counter(frame, len(images))
                hosted.run(pack, saver, image=wire(one), frame_counter=wire(at), **inputs)

    @pytest.mark.parametrize("dtype", TYPES)
    @every_saver
    def test_is_saved_by_each_saver(
        self, pack: ModuleType, output: Path, saver: str, filetype: str, channels: int, dtype: str
    ) -> None:
        images = torch.from_numpy(np.stack([picture(frame, channels) for frame in range(2)])).to(TYPES[dtype])
        extension, read, _, _ = WRITTEN[filetype]
        tolerance = tolerance_of(filetype, channels)

        self.save(pack, saver, filetype, images)

        for frame, image in enumerate(images):
            found = read(output / f"a/a_{frame:05d}{extension}")
            right = in_file(as_written(image.double().numpy(), filetype), extension)
            np.testing.assert_allclose(found, right, rtol=0, atol=tolerance)

    def test_saved_is_loaded_again(
        self, pack: ModuleType, output: Path, filetype: str, channels: int, dtype: str
    ) -> None:
        pictures = [picture(frame, channels) for frame in range(2)]
        extension, tolerance = WRITTEN[filetype].extension, tolerance_of(filetype, channels)
        self.save(pack, "SaveBatch", filetype, torch.from_numpy(np.stack(pictures)).to(TYPES[dtype]))

        again = load_batch(pack, dtype, extension, path_pattern=f"a/a_#####{extension}")

        written = [in_file(as_written(pixels, filetype), extension) for pixels in pictures]
        again.shows(written, tolerance + ROUNDING[dtype])
