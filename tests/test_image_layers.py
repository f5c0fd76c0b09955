"""ImageLayers: the chain on an IMAGE_LAYERS wire."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from io_utils.errors import LayerNameError
from io_utils.image_layers import ImageLayers, as_layers

MASK = torch.zeros(1, 4, 6)

# Parts of names as people write them: printable, no dots.
parts = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="."), min_size=1, max_size=20)
good_names = (
    st.lists(parts, min_size=1, max_size=3)
    .map(".".join)
    .filter(lambda name: len(name.encode()) <= 200 and name not in {"R", "G", "B", "A", "Y", "RY", "BY"})
)


@given(st.lists(good_names, unique=True, max_size=6))
def test_a_chain_holds_its_layers_in_order(names: list[str]) -> None:
    layers = ImageLayers()
    for name in names:
        layers = layers.adding(name, mask=MASK)

    assert [layer.name for layer in layers.layers] == names


@given(st.text())
def test_any_text_is_a_name_or_refused_with_its_rule(text: str) -> None:
    refusal, layer = None, None
    try:
        (layer,) = ImageLayers().adding(text, mask=MASK).layers
    except LayerNameError as error:
        refusal = error
    if layer is None:
        assert refusal is not None
        assert refusal.rule in str(refusal)
        assert len(str(refusal)) < 1000
        return
    assert layer.name == text.strip()
    assert layer.name.isprintable()
    assert 1 <= len(layer.name.encode()) <= 200
    assert all(layer.name.split("."))


@given(good_names)
def test_a_name_comes_once(name: str) -> None:
    layers = ImageLayers().adding(name, mask=MASK)

    with pytest.raises(LayerNameError) as caught:
        layers.adding(f" {name} ", mask=MASK)
    assert caught.value.name == name


def test_names_that_differ_in_case_are_two() -> None:
    layers = ImageLayers().adding("depth", mask=MASK).adding("Depth", mask=MASK)

    assert str(layers) == "depth: 1 x 4 x 6 x 1\nDepth: 1 x 4 x 6 x 1"
    assert str(ImageLayers()) == "no layers"


@pytest.mark.parametrize(
    ("image", "mask", "is_color", "shape", "becomes_color"),
    [
        pytest.param(torch.zeros(2, 4, 6, 3), None, True, (2, 4, 6, 3), True, id="colour"),
        pytest.param(torch.zeros(2, 4, 6, 3), None, False, (2, 4, 6, 3), False, id="data"),
        pytest.param(torch.zeros(2, 4, 6, 1), None, True, (2, 4, 6, 3), True, id="grey colour is RGB"),
        pytest.param(torch.zeros(2, 4, 6, 1), None, False, (2, 4, 6, 1), False, id="one channel of data"),
        pytest.param(None, torch.zeros(2, 4, 6), True, (2, 4, 6, 1), False, id="a mask is data"),
        pytest.param(None, torch.zeros(4, 6), False, (1, 4, 6, 1), False, id="a mask without batch dimension"),
    ],
)
def test_a_layer_is_colour_or_data(
    image: torch.Tensor | None,
    mask: torch.Tensor | None,
    is_color: bool,
    shape: tuple[int, ...],
    becomes_color: bool,
) -> None:
    (layer,) = ImageLayers().adding("n", image, mask, is_color=is_color).layers

    assert tuple(layer.images.shape) == shape
    assert layer.is_color is becomes_color


@pytest.mark.parametrize("value", [None, "depth", [], MASK, ()])
def test_a_wire_of_another_pack_is_refused_with_the_way_out(value: object) -> None:
    with pytest.raises(ValueError, match=r"^Wire the output of Add EXR Layer to the input 'layers'\."):
        as_layers(value)
