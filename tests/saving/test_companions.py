"""Companions: which mask, layers and metadata go with which frame."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from io_utils.errors import CompanionError
from io_utils.frame_metadata import FrameMetadata
from io_utils.image_layers import ImageLayers
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern
from io_utils.saving.companions import Companions
from io_utils.saving.plan import Frame
from io_utils.wire import UNRENDERED


@pytest.fixture
def sequence(output: Path) -> FileSequence:
    return FileSequence.from_pattern(FramePattern.parse("f_####.exr"), "output", write=True)


def frames(sequence: FileSequence, count: int) -> list[Frame]:
    return [Frame(sequence, number, torch.zeros(4, 6, 3)) for number in range(count)]


def numbered(count: int, start: int = 0) -> torch.Tensor:
    """Masks of 4 x 6 whose values are their numbers."""
    return torch.arange(start, start + count, dtype=torch.float32)[:, None, None].expand(-1, 4, 6)


# How the items of a list divide a batch: [2, 0, 1] is a batch of two, an empty one, and one of one.
divisions = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(divisions, st.integers(1, 6))
def test_each_frame_has_its_own_or_that_of_all_or_nothing_is_saved(
    sequence: FileSequence, counts: list[int], count: int
) -> None:
    starts = [sum(counts[:index]) for index in range(len(counts))]
    masks = [numbered(length, start) for length, start in zip(counts, starts)]
    layers = [ImageLayers().adding("depth", mask=mask) for mask in masks]
    metadata = [
        FrameMetadata(tuple({"number": float(start + n)} for n in range(length)))
        for length, start in zip(counts, starts)
    ]
    given_frames, total = frames(sequence, count), sum(counts)

    if total not in (1, count):
        for companions in (Companions(mask=masks), Companions(layers=layers)):
            with pytest.raises(CompanionError, match=f"got {total} .* for {count} image"):
                companions.attached(given_frames)
        return
    for number, frame in enumerate(Companions(masks, layers, metadata).attached(given_frames)):
        expected = 0.0 if total == 1 else float(number)
        assert frame.mask is not None
        assert frame.mask.unique().tolist() == [expected]
        ((name, image, is_color),) = frame.layers
        assert (name, image.unique().tolist(), is_color) == ("depth", [expected], False)
        assert frame.attributes == {"number": expected}


def test_nothing_goes_with_nothing(sequence: FileSequence) -> None:
    given_frames = frames(sequence, 2)

    assert Companions().attached(given_frames) == given_frames


def test_what_does_not_fit_does_not_matter_for_frames_that_are_not_rendered(sequence: FileSequence) -> None:
    kept = [Frame(sequence, 0, UNRENDERED)]

    assert Companions([numbered(3)], [object()], [None]).attached(kept) == kept


@given(st.integers(1, 9), st.integers(1, 9))
def test_an_empty_mask_fits_every_size(sequence: FileSequence, height: int, width: int) -> None:
    (frame,) = Companions([torch.zeros(1, height, width)]).attached(frames(sequence, 1))

    assert frame.mask is not None
    assert frame.mask.shape == (4, 6)
    assert not frame.mask.any()


@pytest.mark.parametrize("value", [0.5, 1.0])
def test_any_other_mask_of_another_size_is_refused(sequence: FileSequence, value: float) -> None:
    with pytest.raises(CompanionError, match="3 x 2 pixels, but frame 0 has 6 x 4"):
        Companions([torch.full((1, 2, 3), value)]).attached(frames(sequence, 1))


def test_a_mask_without_pixels_is_refused(sequence: FileSequence) -> None:
    with pytest.raises(CompanionError, match="0 x 4 pixels, but frame 0 has 6 x 4"):
        Companions([torch.zeros(1, 4, 0)]).attached(frames(sequence, 1))


def test_metadata_that_does_not_fit_is_left_out_with_one_warning(
    sequence: FileSequence, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        attached = Companions(metadata=[FrameMetadata(({"a": 1},) * 2)]).attached(frames(sequence, 3))

    assert [frame.attributes for frame in attached] == [{}, {}, {}]
    (record,) = caplog.records
    assert "it is of 2, and there are 3 images" in record.getMessage()


def test_layers_of_two_chains_keep_their_order(sequence: FileSequence) -> None:
    chains = [
        ImageLayers().adding("a", mask=numbered(1)).adding("b", mask=numbered(1)),
        ImageLayers().adding("b", mask=numbered(1, 1)).adding("a", mask=numbered(1, 1)),
    ]

    attached = Companions(layers=chains).attached(frames(sequence, 2))

    assert [[layer.name for layer in frame.layers] for frame in attached] == [["a", "b"], ["a", "b"]]
    assert [[layer.image.max().item() for layer in frame.layers] for frame in attached] == [[0, 0], [1, 1]]


def test_a_layer_of_some_batches_only_is_refused(sequence: FileSequence) -> None:
    """It would go with the frames of the others."""
    chains = [
        ImageLayers().adding("a", mask=numbered(1)).adding("b", mask=numbered(1)),
        ImageLayers().adding("a", mask=numbered(1)),
    ]

    with pytest.raises(CompanionError, match=r"^Add the same layers for every batch .* got b for some batches only"):
        Companions(layers=chains).attached(frames(sequence, 2))
