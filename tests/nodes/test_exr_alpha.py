"""Alpha at the file: masks on the savers, and premultiplied plates of other programs through a loader and a saver."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from .. import hosted
from ..hosted import wire
from ..srgb import linear
from .plates import (
    TYPES,
    channels_of,
    every_loader,
    every_saver,
    load,
    pixels_of,
    place,
    save,
    write_plate,
)

HEIGHT, WIDTH = 6, 10


def pictures(count: int = 2, channels: int = 3) -> torch.Tensor:
    random = np.random.default_rng(channels)
    return torch.from_numpy(random.random((count, HEIGHT, WIDTH, channels)).astype(np.float32))


def fade(count: int = 2, smallest: float = 2**-20) -> torch.Tensor:
    """Masks of frames that fade from transparent to opaque, with alpha of 0, of `smallest` and a few more, and of 1."""
    across = np.linspace(0, 1, WIDTH - 4)
    alpha = np.concatenate([[0, smallest, smallest * 3, 2**-8], across])
    alphas = [np.tile(alpha * share, (HEIGHT, 1)) for share in np.linspace(1, 0.5, count)]
    return torch.from_numpy(1 - np.stack(alphas).astype(np.float32))


class TestAMask:
    @every_saver
    @every_loader
    @pytest.mark.parametrize(("filetype", "near", "smallest"), [("exr", 1e-6, 2**-20), ("exr 16-bit", 2**-10, 2**-8)])
    def test_saved_with_an_image_comes_back_with_it(
        self,
        pack: ModuleType,
        output: Path,
        dtype: str,
        saver: str,
        loader: str,
        filetype: str,
        near: float,
        smallest: float,
    ) -> None:
        images, masks = pictures().to(TYPES[dtype]), fade(smallest=smallest).to(TYPES[dtype])

        save(pack, saver, images, filetype, mask=masks)
        again = load(pack, loader, count=2)

        if dtype == "float16":
            near = max(near, 2**-11)
        visible = masks < 1
        assert visible.any()
        assert (~visible).any()
        np.testing.assert_allclose(again.mask.float(), masks.float(), rtol=0, atol=near)
        np.testing.assert_allclose(again.images[visible].float(), images[visible].float(), rtol=0, atol=near)
        assert not again.images[~visible].any(), "colour where alpha is 0 becomes 0"

    @every_saver
    def test_is_associated_alpha_in_the_file(self, pack: ModuleType, output: Path, saver: str) -> None:
        images, masks = pictures(), fade()

        save(pack, saver, images, mask=masks)

        for frame in range(2):
            stored = pixels_of(output / f"s/s_{frame:05d}.exr")
            alpha = 1 - masks[frame].numpy()
            assert (stored[..., 3] == alpha).all()
            expected = linear(images[frame].numpy()) * alpha[..., None]
            np.testing.assert_allclose(stored[..., :3], expected, rtol=2e-6, atol=1e-9)

    @pytest.mark.parametrize("filetype", ["png", "png 16-bit", "webp lossless with embedded workflow"])
    @every_saver
    def test_is_straight_alpha_in_other_files(self, pack: ModuleType, output: Path, saver: str, filetype: str) -> None:
        images, masks = pictures(), fade()
        kind = filetype.split(maxsplit=1)[0]

        save(pack, saver, images, filetype, mask=masks)
        again = load(pack, "LoadBatch", count=2, kind=kind)

        near = 0.51 / (65535 if "16" in filetype else 255)
        visible = (1 - again.mask) > 0
        np.testing.assert_allclose(again.mask, masks, rtol=0, atol=near)
        np.testing.assert_allclose(again.images[visible], images[visible], rtol=0, atol=near)

    @every_saver
    def test_of_one_image_is_that_of_all(self, pack: ModuleType, output: Path, saver: str) -> None:
        images, mask = pictures(3), fade(1)

        save(pack, saver, images, mask=mask)

        for frame in range(3):
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["A"] == 1 - mask[0].numpy()).all()

    def test_without_its_batch_dimension_is_one(self, pack: ModuleType, output: Path) -> None:
        hosted.run(pack, "SaveFrame", **place("SaveFrame", "exr", pictures(1)), mask=wire(fade(1)[0]))

        assert (channels_of(output / "s/s_00000.exr")["A"] == 1 - fade(1)[0].numpy()).all()

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @every_saver
    def test_replaces_the_alpha_of_the_image(self, pack: ModuleType, output: Path, saver: str, channels: int) -> None:
        save(pack, saver, pictures(channels=channels), mask=fade())

        for frame in range(2):
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["A"] == 1 - fade()[frame].numpy()).all()

    @every_saver
    def test_of_core_load_image_for_an_image_without_alpha_is_opaque(
        self, pack: ModuleType, output: Path, saver: str
    ) -> None:
        """It is 64 x 64 zeros, whatever the size of the image."""
        save(pack, saver, pictures(), mask=torch.zeros(1, 64, 64))

        for frame in range(2):
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["A"] == 1).all()

    @every_saver
    @pytest.mark.parametrize("filetype", ["exr", "png", "jpg"])
    def test_of_another_size_is_refused_with_both_sizes(
        self, pack: ModuleType, output: Path, saver: str, filetype: str
    ) -> None:
        mask = torch.zeros(1, 4, 8)
        mask[0, 0, 0] = 1

        with pytest.raises(ValueError, match=r"^Resize it .*'mask' got 8 x 4 pixels, but frame 0 has 10 x 6\.$"):
            save(pack, saver, pictures(1), filetype, mask=mask)
        assert list(output.rglob("*.*")) == []

    @pytest.mark.parametrize("count", [2, 4])
    def test_count_that_does_not_match_is_refused(self, pack: ModuleType, output: Path, count: int) -> None:
        with pytest.raises(ValueError, match=rf"'mask' got {count} masks for 3 images"):
            hosted.run(pack, "SaveBatch", **place("SaveBatch", "exr", pictures(3)), mask=wire(fade(count)))
        assert list(output.rglob("*.*")) == []

    @pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted"])
    def test_count_for_one_frame_is_one(self, pack: ModuleType, output: Path, saver: str) -> None:
        with pytest.raises(ValueError, match="'mask' got 3 masks for 1 image"):
            hosted.run(pack, saver, **place(saver, "exr", pictures(1)), mask=wire(fade(3)))
        assert list(output.rglob("*.*")) == []

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(None, id="None"),
            pytest.param("mask", id="text"),
            pytest.param(np.zeros((1, HEIGHT, WIDTH), np.float32), id="array"),
            pytest.param({"samples": torch.zeros(1, HEIGHT, WIDTH)}, id="latent"),
            pytest.param(torch.zeros(1, HEIGHT, WIDTH, 3), id="image"),
            pytest.param(torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8), id="integers"),
            pytest.param(torch.zeros(1, HEIGHT, WIDTH, device="meta"), id="meta"),
            pytest.param(torch.zeros(1, HEIGHT, WIDTH).to_sparse(), id="sparse"),
            pytest.param(torch.tensor(0.5), id="number"),
        ],
    )
    @every_saver
    def test_that_is_none_is_refused(self, pack: ModuleType, output: Path, saver: str, value: Any) -> None:
        with pytest.raises(ValueError, match=r"The input 'mask' got .* MASK"):
            hosted.run(pack, saver, **place(saver, "exr", pictures(1)), mask=wire(value))
        assert list(output.rglob("*.*")) == []

    @pytest.mark.parametrize("name", ["mask", "layers", "metadata"])
    @every_saver
    def test_of_an_empty_list_is_refused_like_images(
        self, pack: ModuleType, output: Path, saver: str, name: str
    ) -> None:
        """A filter in front of it lets nothing through."""
        inputs: dict[str, Any] = {**place(saver, "exr", pictures(1)), name: wire()}

        with pytest.raises(ValueError, match=f"The input '{name}' got an empty list"):
            hosted.run(pack, saver, **inputs)
        assert list(output.rglob("*.*")) == []

    @every_saver
    def test_with_nan_is_opaque_there(self, pack: ModuleType, output: Path, saver: str) -> None:
        mask = torch.full((1, HEIGHT, WIDTH), 0.5)
        mask[0, 0, 0], mask[0, 0, 1], mask[0, 0, 2] = torch.nan, -3, 7

        save(pack, saver, pictures(1), mask=mask)

        alpha = channels_of(output / "s/s_00000.exr")["A"]
        assert alpha[0, :4].tolist() == [1, 1, 0, 0.5]

    @every_saver
    def test_in_jpg_puts_the_image_on_black_with_a_warning(
        self, pack: ModuleType, output: Path, saver: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        mask = torch.zeros(1, HEIGHT, WIDTH)
        mask[:, :, WIDTH // 2 :] = 1
        with caplog.at_level(logging.WARNING):
            save(pack, saver, torch.ones(1, HEIGHT, WIDTH, 3), "jpg", mask=mask, quality=100)

        with Image.open(output / "s/s_00000.jpg") as image:
            pixels = np.asarray(image)
        assert pixels[:, 0].min() > 240
        assert pixels[:, -1].max() < 15
        assert "JPG has no transparency: frame 0 is composited on black." in caplog.text

    @pytest.mark.parametrize("lists", ["both", "one mask for all"])
    @pytest.mark.parametrize("saver", ["SaveFrame", "SaveCounted"])
    def test_in_a_list_goes_with_its_image(self, pack: ModuleType, output: Path, saver: str, lists: str) -> None:
        """ComfyUI repeats the last item of the shorter list."""
        images, masks = pictures(3), fade(3)
        each = [masks[n : n + 1] for n in range(3 if lists == "both" else 1)]
        inputs = [place(saver, "exr", images[n : n + 1], n) for n in range(3)]
        name = "current_frame" if saver == "SaveFrame" else "frame_counter"
        image = "images" if saver == "SaveFrame" else "image"
        numbers = [item[name] if saver == "SaveFrame" else item[name][0] for item in inputs]
        lists_of: dict[str, Any] = {
            image: wire(*(item[image][0] for item in inputs)),
            name: wire(*numbers),
            "mask": wire(*each),
        }

        hosted.run(pack, saver, **inputs[0] | lists_of)

        for frame in range(3):
            expected = each[min(frame, len(each) - 1)]
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["A"] == 1 - expected[0].numpy()).all()

    def test_in_a_list_of_batches_follows_the_images(self, pack: ModuleType, output: Path) -> None:
        images, masks = pictures(5), fade(5)
        inputs = place("SaveBatch", "exr", images) | {"images": wire(images[:2], images[2:])}

        hosted.run(pack, "SaveBatch", **inputs, mask=wire(masks[:4], masks[4:]))

        for frame in range(5):
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["A"] == 1 - masks[frame].numpy()).all()

    def test_of_a_batch_of_variants_goes_into_each_folder(self, pack: ModuleType, output: Path) -> None:
        hosted.run(pack, "SaveCounted", **place("SaveCounted", "exr", pictures(2)), mask=wire(fade(2)))

        for variant in range(2):
            alpha = channels_of(output / f"s/batch_{variant:04d}/s_00000.exr")["A"]
            assert (alpha == 1 - fade(2)[variant].numpy()).all()


def premultiplied(pixel_type: type, frame: int = 0) -> np.ndarray:
    """A plate that fades from nothing to more than white: alpha from 0 to 1, colour multiplied by it."""
    random = np.random.default_rng(frame)
    alpha: np.ndarray = np.concatenate([[0, 2**-14, 2**-9], np.linspace(0, 1, 29)]).astype(pixel_type)
    colour = random.random((8, len(alpha), 3)) * random.choice([0.01, 1, 16], (8, len(alpha), 1))
    pixels = np.concatenate([colour * alpha[:, None], np.broadcast_to(alpha[:, None], (8, len(alpha), 1))], axis=-1)
    return pixels.astype(pixel_type)


class TestAPremultipliedPlate:
    @every_saver
    @every_loader
    @pytest.mark.parametrize(("pixel_type", "filetype"), [(np.float16, "exr 16-bit"), (np.float32, "exr")])
    def test_goes_through_a_loader_and_a_saver_unchanged(
        self, pack: ModuleType, output: Path, saver: str, loader: str, pixel_type: type, filetype: str
    ) -> None:
        """Half is exact. Float is 1 - (1 - alpha) and a curve and its inverse in 24 bits."""
        plates = [premultiplied(pixel_type, frame) for frame in range(2)]
        for frame, plate in enumerate(plates):
            write_plate(output / f"plate/s_{frame:05d}.exr", plate)

        loaded = load(pack, loader, "plate", count=2)
        save(pack, saver, loaded.images, filetype, mask=loaded.mask)

        for frame, plate in enumerate(plates):
            again = pixels_of(output / f"s/s_{frame:05d}.exr")
            assert again.dtype == plate.dtype
            if pixel_type is np.float16:
                assert (again == plate).all()
            else:
                np.testing.assert_allclose(again, plate, rtol=1e-6, atol=1e-6)

    @every_saver
    @every_loader
    @pytest.mark.parametrize(("pixel_type", "filetype"), [(np.float16, "exr 16-bit"), (np.float32, "exr")])
    def test_as_stored_both_ways_keeps_every_bit(
        self, pack: ModuleType, output: Path, saver: str, loader: str, pixel_type: type, filetype: str
    ) -> None:
        """Also colour without coverage, above 1 and below 0. MASK holds alpha in steps of 2^-24."""
        plate = premultiplied(pixel_type)
        plate[:, 0, :3] = [3, -0.5, 1000]
        plate[..., 3] = np.round(plate[..., 3].astype(np.float64) * 2**24) / 2**24
        write_plate(output / "plate/s_00000.exr", plate)
        assert (pixels_of(output / "plate/s_00000.exr") == plate).all()

        loaded = load(pack, loader, "plate", file_color_space="as stored")
        save(pack, saver, loaded.images, filetype, mask=loaded.mask, file_color_space="as stored")

        assert pixels_of(output / "s/s_00000.exr").tobytes() == plate.tobytes()

    @settings(max_examples=40)
    @given(
        alpha=arrays.arrays(np.float16, (3, 4, 1), elements=st.floats(0, 1, width=16)),
        colour=arrays.arrays(np.float16, (3, 4, 3), elements=st.floats(0, 1, width=16)),
    )
    def test_of_any_half_values_is_exact(
        self, pack: ModuleType, output: Path, alpha: np.ndarray, colour: np.ndarray
    ) -> None:
        plate = np.concatenate([colour * alpha, alpha], axis=-1)
        write_plate(output / "plate/s_00000.exr", plate)

        loaded = load(pack, "LoadFrame", "plate")
        save(pack, "SaveFrame", loaded.images, "exr 16-bit", mask=loaded.mask)

        assert (pixels_of(output / "s/s_00000.exr") == plate).all()

    def test_is_divided_by_alpha_for_the_image(self, pack: ModuleType, output: Path) -> None:
        plate = np.full((2, 3, 4), 0.5, np.float32)
        plate[..., :3] = 0.25
        write_plate(output / "s/s_00000.exr", plate)

        loaded = load(pack, "LoadFrame")

        np.testing.assert_allclose(linear(loaded.images.numpy()), 0.5, rtol=1e-6)
        assert (loaded.mask == 0.5).all()

    def test_with_colour_but_no_coverage_keeps_the_colour_in_the_image(self, pack: ModuleType, output: Path) -> None:
        """A glow. A saver with its mask makes it 0: alpha is 0."""
        plate = np.zeros((2, 3, 4), np.float32)
        plate[..., :3] = 0.25
        write_plate(output / "s/s_00000.exr", plate)

        loaded = load(pack, "LoadFrame")

        np.testing.assert_allclose(linear(loaded.images.numpy()), 0.25, rtol=1e-6)
        assert (loaded.mask == 1).all()


class TestLightWhereAlphaIs0:
    """A glow: emission without coverage. Loaders leave it as it is; savers keep it while the mask is the plate's own."""

    @staticmethod
    def glow() -> np.ndarray:
        pixels = np.random.default_rng(5).random((HEIGHT, WIDTH, 4)).astype(np.float16)
        pixels[..., :3] *= pixels[..., 3:]
        pixels[2:4, :5, 3] = 0
        pixels[2:4, :5, :3] = [4, 0.5, 0.25]
        return pixels

    @every_saver
    @every_loader
    def test_survives_load_and_save_exactly(self, pack: ModuleType, output: Path, saver: str, loader: str) -> None:
        write_plate(output / "plate/s_00000.exr", self.glow())
        loaded = load(pack, loader, "plate")

        save(pack, saver, loaded.images, "exr 16-bit", mask=loaded.mask, metadata=loaded.metadata)

        np.testing.assert_array_equal(pixels_of(output / "s/s_00000.exr"), self.glow())

    @every_saver
    def test_is_0_under_another_mask(self, pack: ModuleType, output: Path, saver: str) -> None:
        write_plate(output / "plate/s_00000.exr", self.glow())
        loaded = load(pack, "LoadFrame", "plate")
        mask = loaded.mask.clone()
        mask[:, 0, 0] = 1

        save(pack, saver, loaded.images, "exr", mask=mask, metadata=loaded.metadata)

        saved = pixels_of(output / "s/s_00000.exr")
        assert not saved[saved[..., 3] == 0].any()

    @every_saver
    def test_of_a_picture_that_is_no_plate_is_0(self, pack: ModuleType, output: Path, saver: str) -> None:
        """What a background remover leaves under its mask must not shine through."""
        save(pack, saver, pictures(1), "exr", mask=torch.ones(1, HEIGHT, WIDTH))

        assert not pixels_of(output / "s/s_00000.exr").any()
