"""choose_animation: the files of a finished animation, and what is not one."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from io_utils.errors import (
    PathError,
)
from io_utils.loading.choose_animation import choose_animation
from io_utils.policies import OnSizeMismatch

from ..disk import (
    put,
    shades_of,
)
from .batches import animation, load, on_disk


class TestSelectAnimation:
    def test_has_all_files_in_frame_order(self, output: Path) -> None:
        on_disk(output, 0, 1, 2)
        sequence = animation(*(output / f"f_{n:04d}.png" for n in range(3)))
        sequence.frames = dict(reversed(sequence.frames.items()))

        selection = choose_animation(sequence, 0)

        assert selection.numbers == (0, 1, 2)
        assert shades_of(load(selection, OnSizeMismatch.ERROR)[0]) == [0, 1, 2]

    def test_has_the_requested_image_of_every_batch(self, output: Path) -> None:
        for n, batch in itertools.product(range(2), range(3)):
            put(output / f"v{batch}_f_{n:04d}.png", 100 * batch + n)
        sequence = animation(*(output / f"f_{n:04d}.png" for n in range(2)), batches=3)

        shades = [shades_of(load(choose_animation(sequence, b), OnSizeMismatch.ERROR)[0]) for b in range(3)]

        assert shades == [[0, 1], [100, 101], [200, 201]]

    @pytest.mark.parametrize("index", [-1, 3, 99])
    def test_of_an_out_of_range_batch_index_is_an_error(self, output: Path, index: int) -> None:
        with pytest.raises(
            ValueError,
            match=rf"^Set batch_index to a number from 0 to 2\. .* 3 images per frame, and batch_index is {index}\.",
        ):
            choose_animation(animation(output / "f_0000.png", batches=3), index)

    def test_names_all_frames_that_no_longer_exist(self, output: Path) -> None:
        on_disk(output, 0, 3)
        sequence = animation(*(output / f"f_{n:04d}.png" for n in range(5)))

        with pytest.raises(FileNotFoundError, match=r"1-2,4.*f_0001\.png"):
            choose_animation(sequence, 0)

    def test_outside_the_allowed_folders_is_refused(self, output: Path, base: Path) -> None:
        elsewhere = put(base / "elsewhere" / "f_0000.png")

        with pytest.raises(PathError, match="outside"):
            load(choose_animation(animation(elsewhere), 0), OnSizeMismatch.ERROR)


class TestNotAnAnimation:
    @pytest.mark.parametrize(
        "sequence",
        [
            None,
            [],
            "output/f_####.png",
            7,
            SimpleNamespace(),
            SimpleNamespace(keys_in_order=[0], num_batches=1, frames=None),
            SimpleNamespace(keys_in_order=[0], num_batches=1, frames={}),
            SimpleNamespace(keys_in_order=[0], num_batches=None, frames={0: ["f.png"]}),
            SimpleNamespace(keys_in_order=[0], num_batches=1, frames={0: None}),
            SimpleNamespace(keys_in_order=[0], num_batches=1, frames={0: [None]}),
            SimpleNamespace(keys_in_order=["0"], num_batches=1, frames={"0": ["f.png"]}),
            SimpleNamespace(keys_in_order=None, num_batches=1, frames={0: ["f.png"]}),
        ],
        ids=repr,
    )
    def test_is_an_error_that_says_what_to_wire(self, output: Path, sequence: Any) -> None:
        with pytest.raises(ValueError, match=r"^Wire .*Save Image Sequence.* not a finished animation sequence"):
            choose_animation(sequence, 0)

    def test_with_fewer_images_than_it_claims_is_refused(self, output: Path) -> None:
        sequence = SimpleNamespace(keys_in_order=[0, 1], num_batches=2, frames={0: ["a", "b"], 1: ["a"]})

        with pytest.raises(ValueError, match=r"^Set batch_index to 0\. The sequence holds 1 image per frame"):
            choose_animation(sequence, 1)
