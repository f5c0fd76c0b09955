"""The values of IMAGE and MASK wires: batches pass, and anything else is refused with an explanation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from io_utils.errors import NoImageError
from io_utils.wire import images, masks


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn])
@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (0, 4, 6, 3), (2, 4, 6, 4), (1, 4, 6, 5)])
def test_any_floating_point_batch_passes_unchanged(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    batch = torch.zeros(shape, dtype=dtype)

    assert images(batch, "images", 7) is batch


WRONG = [
    pytest.param(None, r"no image \(None\)", id="None"),
    pytest.param(np.zeros((1, 4, 6, 3), np.float32), r"numpy\.ndarray", id="a numpy array"),
    pytest.param(Image.new("RGB", (6, 4)), r"PIL\.Image\.Image", id="a PIL image"),
    pytest.param({"samples": torch.zeros(1, 4, 6, 3)}, r"builtins\.dict", id="a latent"),
    pytest.param("image.png", r"builtins\.str", id="text"),
    pytest.param(torch.zeros(1, 4, 6), r"\(1, 4, 6\).*MASK", id="a mask"),
    pytest.param(torch.zeros(4, 6, 3), r"\(4, 6, 3\).*batch dimension", id="an image without a batch dimension"),
    pytest.param(torch.zeros(4, 6), r"\(4, 6\)", id="two dimensions"),
    pytest.param(torch.zeros(1, 2, 4, 6, 3), r"\(1, 2, 4, 6, 3\)", id="five dimensions"),
    pytest.param(torch.tensor(0.5), r"\(\)", id="a number"),
    pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.uint8), r"torch\.uint8", id="integers"),
    pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.bool), r"torch\.bool", id="booleans"),
    pytest.param(torch.zeros(1, 4, 6, 3, dtype=torch.complex64), r"torch\.complex64", id="complex numbers"),
    pytest.param(torch.zeros(1, 4, 6, 3).to_sparse(), r"sparse", id="a sparse tensor"),
    pytest.param(torch.zeros(1, 4, 6, 3, device="meta"), r"meta", id="a meta tensor"),
]


@pytest.mark.parametrize(("value", "fact"), WRONG)
def test_anything_else_is_refused_with_frame_input_fact_and_remedy(value: Any, fact: str) -> None:
    with pytest.raises(NoImageError, match=rf"For frame 7, the input 'images' got .*{fact}") as caught:
        images(value, "images", 7)

    assert caught.value.input == "images"
    assert caught.value.fact in str(caught.value)
    assert str(caught.value).startswith(("Check ", "Convert ")), "the remedy first"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 4, 6), (0, 4, 6), (3, 4, 6)])
def test_any_floating_point_masks_pass_unchanged(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    batch = torch.zeros(shape, dtype=dtype)

    assert masks(batch, "mask") is batch


def test_a_mask_without_its_batch_dimension_is_one() -> None:
    assert masks(torch.zeros(4, 6), "mask").shape == (1, 4, 6)


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        pytest.param(None, r"nothing \(None\)", id="None"),
        pytest.param(np.zeros((1, 4, 6), np.float32), "a ndarray", id="a numpy array"),
        pytest.param("mask.png", "a str", id="text"),
        pytest.param(torch.zeros(1, 4, 6, 3), r"\(1, 4, 6, 3\)", id="an image"),
        pytest.param(torch.tensor(0.5), r"\(\)", id="a number"),
        pytest.param(torch.zeros(6), r"\(6,\)", id="a row"),
        pytest.param(torch.zeros(1, 4, 6, dtype=torch.bool), r"torch\.bool", id="booleans"),
        pytest.param(torch.zeros(1, 4, 6, dtype=torch.uint8), r"torch\.uint8", id="integers"),
        pytest.param(torch.zeros(1, 4, 6).to_sparse(), "sparse", id="a sparse tensor"),
        pytest.param(torch.zeros(1, 4, 6, device="meta"), "without values", id="a meta tensor"),
    ],
)
def test_anything_else_is_no_mask(value: Any, fact: str) -> None:
    with pytest.raises(NoImageError, match=rf"For frame 7, the input 'mask' got .*{fact}.*, not a MASK") as caught:
        masks(value, "mask", 7)

    assert caught.value.input == "mask"
    assert str(caught.value).startswith(("Check ", "Convert ")), "the remedy first"


def test_nested_masks_are_refused() -> None:
    nested = torch.nested.nested_tensor([torch.zeros(4, 6), torch.zeros(2, 6)], layout=torch.jagged)

    with pytest.raises(NoImageError, match="a NestedTensor, not a MASK"):
        masks(nested, "mask")
