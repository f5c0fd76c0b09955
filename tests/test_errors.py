"""The errors as ComfyUI shows them, and as Python copies them."""

from __future__ import annotations

import copy
import errno
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import io_utils.errors
from devtools.validation import full_type_name
from io_utils.comfyui.browse import QueryError
from io_utils.errors import (
    EndOfAnimationError,
    FrameExistsError,
    FrameGoneError,
    FrameMissingError,
    FrameWriteError,
    ImageSequenceError,
    InputError,
)

CLASSES = [
    found
    for found in vars(io_utils.errors).values()
    if isinstance(found, type) and issubclass(found, ImageSequenceError) and found is not ImageSequenceError
]

ERRORS = [
    InputError("Set step to 1 or more."),
    EndOfAnimationError(7, 3),
    FrameMissingError([3, 4], [1, 2], "shot/f_0003.png", "", "Set frame_count to 2"),
    FrameExistsError([1, 2], Path("shot/f_0001.png")),
    FrameGoneError("Queue frame 7 again."),
    FrameWriteError(5, Path("shot/f_0005.png"), OSError(errno.ENOSPC, "No space left on device")),
    QueryError("inputs is not JSON."),
]

Again = Callable[[Any], Any]


@pytest.mark.parametrize("kind", [*CLASSES, QueryError])
def test_comfyui_shows_every_error_without_a_module(kind: type[ImageSequenceError]) -> None:
    assert full_type_name(kind) == kind.__qualname__


def test_a_traceback_ends_in_the_name_and_the_message() -> None:
    last = traceback.format_exception_only(InputError("Set step to 1 or more."))

    assert last == ["InputError: Set step to 1 or more.\n"]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_copy_has_the_class_the_message_and_the_facts(error: ImageSequenceError, again: Again) -> None:
    copied = again(error)

    assert type(copied) is type(error)
    assert (str(copied), copied.args, vars(copied)) == (str(error), error.args, vars(error))


def test_a_copy_of_a_system_error_keeps_its_number_and_path() -> None:
    copied = copy.copy(FrameWriteError(5, Path("f_0005.png"), OSError(errno.ENOSPC, "No space left on device")))

    assert (copied.errno, copied.filename, copied.frame) == (errno.ENOSPC, "f_0005.png", 5)
