"""Conversion between IMAGE tensors and pixels."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from io_utils.formats.pixels import dequantise, on_black, quantise

INF, NAN = math.inf, math.nan
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def frame(values: list[float], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """One row of grey pixels."""
    return torch.tensor(values, dtype=dtype).reshape(1, -1, 1)


def levels(values: list[float], dtype: torch.dtype = torch.float32) -> list[int]:
    pixels, _ = quantise(frame(values, dtype))
    return pixels.ravel().tolist()


class TestQuantise:
    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_all_256_levels_survive_every_floating_dtype(self, dtype: torch.dtype) -> None:
        ramp = (torch.arange(256, dtype=torch.float64) / 255).to(dtype).tolist()

        assert levels(ramp, dtype) == list(range(256))

    @pytest.mark.parametrize(
        ("value", "level"),
        [
            pytest.param(0.0, 0, id="black"),
            pytest.param(1.0, 255, id="white"),
            pytest.param(0.5, 128, id="half: 127.5 goes up"),
            pytest.param(0.999, 255, id="nearly white is white"),
            pytest.param(127.4 / 255, 127, id="127.4 goes down"),
            pytest.param(127.6 / 255, 128, id="127.6 goes up"),
            pytest.param(-0.001, 0, id="just below black"),
            pytest.param(-1.0, 0, id="below black"),
            pytest.param(1.001, 255, id="just above white"),
            pytest.param(2.0, 255, id="above white"),
            pytest.param(300.0, 255, id="far above white: not modulo 256"),
            pytest.param(-300.0, 0, id="far below black"),
            pytest.param(1e38, 255, id="the largest numbers"),
            pytest.param(-1e38, 0, id="the smallest numbers"),
            pytest.param(INF, 255, id="infinity"),
            pytest.param(-INF, 0, id="minus infinity"),
            pytest.param(NAN, 0, id="not a number"),
        ],
    )
    def test_a_value_becomes_the_nearest_level(self, value: float, level: int) -> None:
        assert levels([value]) == [level]

    @settings(deadline=None)
    @given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50))
    def test_the_error_is_at_most_half_a_level(self, values: list[float]) -> None:
        for value, level in zip(values, levels(values), strict=True):
            assert abs(level - 255 * value) <= 0.5 + 1e-4

    @pytest.mark.parametrize(
        ("values", "count"),
        [
            pytest.param([0.5, 1.0], 0, id="none"),
            pytest.param([NAN], 1, id="one"),
            pytest.param([NAN, 0.5, NAN], 2, id="two"),
            pytest.param([INF, 0.5], 0, id="infinity is not NaN"),
            pytest.param([INF, -INF], 0, id="infinities whose sum is NaN"),
            pytest.param([INF, NAN, -INF, NAN], 2, id="among infinities"),
            pytest.param([3e38, 3e38], 0, id="numbers whose sum is infinite"),
            pytest.param([3e38, 3e38, -INF], 0, id="numbers whose sum is NaN"),
        ],
    )
    def test_counts_exactly_the_nan_values(self, values: list[float], count: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's warnings would appear in the user's console

            assert quantise(frame(values))[1] == count

    def test_nan_does_not_affect_its_neighbours(self) -> None:
        assert levels([0.2, NAN, INF, -INF, 0.8]) == [51, 0, 255, 0, 204]

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 8), (8, 1), (5, 7)])
    def test_keeps_the_shape_and_order_of_every_picture(self, height: int, width: int, channels: int) -> None:
        image = torch.arange(height * width * channels).reshape(height, width, channels) / 255

        pixels, _ = quantise(image)

        assert (pixels.shape, pixels.dtype) == ((height, width, channels), np.uint8)
        assert pixels.ravel().tolist() == list(range(height * width * channels))

    @pytest.mark.parametrize(
        "layout",
        [
            pytest.param(lambda image: image.permute(2, 0, 1).contiguous().permute(1, 2, 0), id="channels first"),
            pytest.param(lambda image: image.transpose(0, 1).contiguous().transpose(0, 1), id="columns first"),
            pytest.param(lambda image: torch.stack([image, image])[1], id="one of a batch"),
            pytest.param(lambda image: torch.cat([image, image], 2)[..., :3], id="channels cut away"),
            pytest.param(lambda image: image.repeat_interleave(2, 1)[:, ::2], id="every other column"),
            pytest.param(lambda image: image.flip(0).flip(0), id="flipped twice"),
        ],
    )
    def test_every_layout_in_memory_gives_the_same_pixels(self, layout: object) -> None:
        image = torch.rand(5, 7, 3, generator=torch.Generator().manual_seed(1))
        arranged = layout(image)  # type: ignore[operator]
        assert torch.equal(arranged, image)

        assert np.array_equal(quantise(arranged)[0], quantise(image)[0])

    @pytest.mark.parametrize("layout", [(0, 1, 2), (2, 0, 1), (1, 0, 2)], ids=["interleaved", "planes", "columns"])
    @pytest.mark.parametrize(("height", "width"), [(1, 70_000), (300, 301), (5000, 3)], ids=str)
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_a_picture_of_many_blocks_is_as_the_definition_says(
        self, height: int, width: int, layout: tuple[int, ...], dtype: type
    ) -> None:
        values = np.random.default_rng(3).uniform(-0.2, 1.2, (height, width, 3)).astype(np.float32)
        values[: height // 2] = values[: height // 2].clip(0, 1)
        values[-1, -1] = [NAN, INF, -INF]
        maximum = np.iinfo(dtype).max
        expected = np.floor(np.nan_to_num(values).clip(0, 1) * np.float32(maximum) + np.float32(0.5))

        arranged = np.ascontiguousarray(values.transpose(layout)).transpose(np.argsort(layout))
        pixels, nan_count = quantise(torch.from_numpy(arranged), dtype)

        np.testing.assert_array_equal(pixels, expected)
        assert (pixels.dtype, nan_count) == (dtype, 1)

    def test_one_value_expanded_to_a_picture_is_a_flat_colour(self) -> None:
        assert np.unique(quantise(torch.tensor(0.5).expand(5, 7, 3))[0]).tolist() == [128]

    def test_accepts_tensors_that_require_gradients(self) -> None:
        image = torch.full((2, 2, 3), 0.5, requires_grad=True)

        assert np.unique(quantise(image)[0]).tolist() == [128]

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_does_not_modify_the_image(self, dtype: torch.dtype) -> None:
        """Other nodes hold the same tensor."""
        image = torch.tensor([[[0.2, INF, 300.0]]], dtype=dtype)
        before = image.clone()

        quantise(image)

        assert torch.equal(image, before)

    @pytest.mark.parametrize(
        "image",
        [
            pytest.param(torch.zeros(4, 4, 5), id="5 channels"),
            pytest.param(torch.zeros(4, 4, 0), id="no channels"),
            pytest.param(torch.zeros(4, 4), id="2 dimensions"),
            pytest.param(torch.zeros(1, 4, 4, 3), id="a batch"),
            pytest.param(torch.zeros(0, 4, 3), id="no rows"),
            pytest.param(torch.zeros(4, 0, 3), id="no columns"),
        ],
    )
    def test_refuses_other_shapes_and_names_them(self, image: torch.Tensor) -> None:
        with pytest.raises(ValueError, match=r"1 to 4 channels") as caught:
            quantise(image)
        assert str(tuple(image.shape)) in str(caught.value)

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool, torch.complex64], ids=str)
    def test_refuses_dtypes_that_are_not_floating_point(self, dtype: torch.dtype) -> None:
        with pytest.raises(ValueError, match=str(dtype)):
            quantise(torch.zeros(4, 4, 3, dtype=dtype))


class TestQuantiseToSixteenBits:
    def test_every_level_is_exact(self) -> None:
        ramp = torch.arange(65536, dtype=torch.float64).div(65535).to(torch.float32).reshape(256, 256, 1)

        pixels, nan_count = quantise(ramp, np.uint16)

        assert (pixels.dtype, nan_count) == (np.uint16, 0)
        np.testing.assert_array_equal(pixels.reshape(-1), np.arange(65536))

    def test_a_level_is_the_same_number_after_saving_and_loading(self) -> None:
        ramp = torch.arange(65536, dtype=torch.float64).div(65535).to(torch.float32).reshape(256, 256, 1)
        image, mask = dequantised(quantise(ramp, np.uint16)[0])

        assert torch.equal(image[..., :1], ramp)
        assert not mask.any()

    def test_rounds_to_nearest_and_clips(self) -> None:
        values = [-1, 0, 0.4 / 65535, 0.6 / 65535, 0.5, 1, 2, float("inf"), float("-inf")]

        pixels, _ = quantise(torch.tensor(values).reshape(1, -1, 1), np.uint16)

        assert pixels.reshape(-1).tolist() == [0, 0, 0, 1, 32768, 65535, 65535, 65535, 0]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("edge", [-0.5, 0, 0.5, 1], ids=["-0.5", "0", "maximum + 0.5", "maximum + 1"])
    def test_every_number_near_the_ends_of_the_range_is_clipped(self, dtype: Any, edge: float) -> None:
        maximum = np.float32(np.iinfo(dtype).max)
        middle = np.float32(edge if edge <= 0 else maximum + np.float32(edge)) / maximum
        around = np.arange(-40, 41, dtype=np.float32) * np.spacing(np.float32(middle or 1e-4)) + middle

        for value in around:  # each alone: one that is out of range must not help the others
            (level,) = quantise(torch.tensor([[[float(value)]]]), dtype)[0].reshape(-1).tolist()
            assert level == int(np.clip(value * maximum + np.float32(0.5), 0, maximum))

    @given(st.floats(0, 1, width=32))
    def test_the_error_is_at_most_half_a_level(self, value: float) -> None:
        pixels, _ = quantise(torch.tensor([[[value]]]), np.uint16)

        assert abs(int(pixels[0, 0, 0]) - value * 65535) <= 0.51


class TestFloatingPoint:
    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    def test_values_outside_0_to_1_are_kept_and_nan_becomes_0(self, dtype: type) -> None:
        image = torch.tensor([-2.5, 0, 0.25, 1, 1000, float("inf"), float("-inf"), float("nan")]).reshape(1, -1, 1)

        pixels, nan_count = quantise(image, dtype)

        assert (pixels.dtype, nan_count) == (dtype, 1)
        assert pixels.reshape(-1).tolist() == [-2.5, 0, 0.25, 1, 1000, float("inf"), float("-inf"), 0]
        assert image.isnan().sum() == 1, "the image itself is not modified"

    def test_half_rounds_to_nearest(self) -> None:
        pixels, _ = quantise(torch.tensor([1 + 2**-11 + 2**-20, 65504]).reshape(1, -1, 1), np.float16)

        assert pixels.reshape(-1).tolist() == [1 + 2**-10, 65504]

    def test_half_holds_no_infinity_that_was_not_there(self) -> None:
        inf = float("inf")
        pixels, _ = quantise(torch.tensor([65519, 70000, -1e20, inf, -inf]).reshape(1, -1, 1), np.float16)

        assert pixels.reshape(-1).tolist() == [65504, 65504, -65504, inf, -inf]

    def test_values_are_loaded_unchanged(self) -> None:
        pixels = np.array([[[-1, 0.5, 7, 0.25], [0, 1, 2, 2]]], np.float32)

        image, mask = dequantised(pixels)

        np.testing.assert_array_equal(image.numpy(), pixels[..., :3])
        np.testing.assert_array_equal(mask.numpy(), [[0.75, 0]])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
    @pytest.mark.parametrize(
        ("alpha", "mask"), [(-0.5, 1), (1.5, 0), (NAN, 0), (INF, 0), (-INF, 1), (0.25, 0.75), (0, 1), (1, 0)]
    )
    def test_alpha_outside_0_to_1_is_clamped_and_nan_is_opaque(
        self, alpha: float, mask: float, dtype: torch.dtype
    ) -> None:
        _, found = dequantised(np.array([[[0.5, 0.5, 0.5, alpha]]], np.float32), dtype)

        assert found.item() == mask

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
    def test_signalling_nan_is_kept_without_a_warning(self, dtype: torch.dtype) -> None:
        """numpy's RuntimeWarning, an error in these tests, would appear in the user's console."""
        pixels = np.full((1, 1, 4), 0x7F800001, np.uint32).view(np.float32)

        image, mask = dequantised(pixels, dtype)

        assert image.isnan().all()
        assert mask.item() == 0


def dequantised(pixels: np.ndarray, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = pixels.shape[:2]
    image, mask = torch.full((height, width, 3), NAN, dtype=dtype), torch.zeros((height, width), dtype=dtype)
    dequantise(pixels, image, mask)
    return image, mask


class TestOnBlack:
    @pytest.mark.parametrize("channels", [2, 4])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_multiplies_colour_by_alpha_to_the_nearest_level(
        self, dtype: type[np.unsignedinteger], channels: int
    ) -> None:
        maximum = np.iinfo(dtype).max
        pixels = np.random.default_rng(channels).integers(0, maximum, (50, 60, channels), dtype, endpoint=True)

        colour, was_transparent = on_black(pixels)

        exact = pixels[..., :-1] * (pixels[..., -1:] / maximum)
        assert colour.dtype == dtype
        assert np.abs(colour - exact).max() <= 0.5
        assert was_transparent

    def test_an_opaque_picture_keeps_its_colour(self) -> None:
        pixels = np.full((2, 3, 4), 255, np.uint8)
        pixels[..., :3] = 7

        colour, was_transparent = on_black(pixels)

        np.testing.assert_array_equal(colour, pixels[..., :3])
        assert not was_transparent


class TestDequantise:
    @pytest.mark.parametrize(("dtype", "maximum"), [(np.uint8, 255), (np.uint16, 65535)])
    def test_every_level_is_divided_by_the_maximum(self, dtype: type, maximum: int) -> None:
        pixels = np.arange(maximum + 1, dtype=dtype).reshape(16, -1, 1)  # type: ignore[var-annotated]

        image, _ = dequantised(pixels)

        expected = np.arange(maximum + 1, dtype=np.float32) / np.float32(maximum)
        for channel in range(3):
            assert np.array_equal(image[..., channel].numpy().ravel(), expected)

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_is_the_inverse_of_quantise(self, dtype: torch.dtype) -> None:
        pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)

        image, _ = dequantised(pixels, dtype)

        assert np.array_equal(quantise(image)[0], pixels)

    @pytest.mark.parametrize(
        ("pixel", "colour", "mask"),
        [
            pytest.param([51], [0.2, 0.2, 0.2], 0.0, id="grey"),
            pytest.param([51, 0], [0.2, 0.2, 0.2], 1.0, id="grey and alpha"),
            pytest.param([51, 102, 255], [0.2, 0.4, 1.0], 0.0, id="RGB"),
            pytest.param([51, 102, 255, 204], [0.2, 0.4, 1.0], 0.2, id="RGBA"),
            pytest.param([51, 102, 255, 255], [0.2, 0.4, 1.0], 0.0, id="RGBA, opaque"),
            pytest.param([51, 102, 255, 0], [0.2, 0.4, 1.0], 1.0, id="RGBA, transparent: colour is kept"),
        ],
    )
    @pytest.mark.parametrize("depth", [1, 257], ids=["8 bits", "16 bits"])
    def test_grey_is_repeated_and_the_mask_is_inverted_alpha(
        self, pixel: list[int], colour: list[float], mask: float, depth: int
    ) -> None:
        pixels = np.array([[pixel]], dtype=np.uint8 if depth == 1 else np.uint16) * depth

        image, found = dequantised(pixels)

        assert image[0, 0].tolist() == pytest.approx(colour)
        assert found[0, 0].item() == pytest.approx(mask)

    def test_the_mask_is_exactly_one_minus_alpha(self) -> None:
        pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(2, axis=2)

        _, mask = dequantised(pixels)

        alpha = np.arange(65536, dtype=np.float32) / np.float32(65535)
        assert np.array_equal(mask.numpy().ravel(), np.float32(1) - alpha)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_without_alpha_the_mask_is_not_modified(self, channels: int) -> None:
        image, mask = torch.zeros(2, 2, 3), torch.full((2, 2), 0.25)

        dequantise(np.zeros((2, 2, channels), dtype=np.uint8), image, mask)

        assert mask.unique().tolist() == [0.25]

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_fills_only_its_own_slot_of_a_batch_in_every_floating_dtype(
        self, dtype: torch.dtype, channels: int
    ) -> None:
        images, masks = torch.zeros(3, 2, 4, 3, dtype=dtype), torch.zeros(3, 2, 4, dtype=dtype)
        pixels = np.full((2, 4, channels), 51, dtype=np.uint8)

        dequantise(pixels, images[1], masks[1])

        fifth = torch.tensor(0.2).to(dtype)
        assert images[1].unique().tolist() == [fifth.item()]
        assert masks[1].unique().tolist() == pytest.approx([0.0 if channels in (1, 3) else 0.8], rel=0.01)
        assert images[0].count_nonzero() == images[2].count_nonzero() == 0
        assert masks[0].count_nonzero() == masks[2].count_nonzero() == 0

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_accepts_a_read_only_view(self, channels: int) -> None:
        pixels = np.arange(2 * 3 * channels, dtype=np.uint8).reshape(3, 2, channels).transpose(1, 0, 2)
        pixels.flags.writeable = False

        image, _ = dequantised(pixels)

        first = pixels[..., 0] / np.float32(255)
        assert np.array_equal(image[..., 0].numpy(), first)
