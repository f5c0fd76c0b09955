"""Which files the widgets of the frame-index and batch savers mean: settings -> sequences and their frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime

import torch

from . import registry, tokens, wire
from .filetype import FileType
from .paths import PathError, locate
from .pattern import FramePattern, numbers_in, without_numbers_in
from .sequence import Sequence
from .wire import UNRENDERED
from .writer import Frame, OnExisting


def indexed(prefix: str, digits: int, filetype: FileType, now: datetime, image: torch.Tensor | None = None) -> Sequence:
    """`<output>/<prefix>/<last name of prefix>_<frame>.<ext>`, tokens in `prefix` resolved (image: (N, H, W, C)).

    Raises PathError for an empty prefix, one outside the output folder or as `require_no_number`, PatternError for too
    many digits.
    """
    height, width = (0, 0) if image is None else image.shape[1:3]
    folder = tokens.resolve(prefix, now, width, height).rstrip("/\\")
    require_no_number(folder, prefix, "Sequence")
    name = folder.replace("\\", "/").rpartition("/")[2]
    if name in ("", "."):
        raise PathError(prefix, "does not name the sequence", "Write a name such as 'Sequence' or 'shots/take1'.")
    pattern = FramePattern.around(f"{folder}/{name}_", filetype.extension, digits)
    return Sequence.locate(pattern, "output", write=True, shown=prefix)


def require_no_number(prefix: str, shown: str, example: str) -> None:
    """PathError if `prefix` has a frame number or an image's extension, which are added to it and so would stand there twice.

    'f_####' would be the literal name of a file. `prefix` has its tokens filled in, `shown` is as it was typed, and
    `example` is what to write if nothing else is left.
    """
    name = prefix.replace("\\", "/").rpartition("/")[2]
    extension = next((ending for ending in registry.EXTENSIONS if name.lower().endswith(ending)), "")
    if extension:
        better = _without_number(shown[: -len(extension)], example) if shown.lower().endswith(extension) else example
        rule = f"ends in {name[-len(extension) :]!r}"
        raise PathError(shown, rule, f"The frame number and the extension are added by themselves: write {better!r}.")
    if not numbers_in(prefix):
        return
    typed, folder = shown, ""
    if os.path.isabs(prefix):  # the folder that it starts in may be called anything
        try:
            root, prefix = locate(prefix, "output", write=True)
        except PathError:  # the caller's to tell
            return
        typed, folder = prefix, "" if root.kind == "output" else f"{root.path.as_posix()}/"
    if numbers := numbers_in(prefix):
        better = folder + _without_number(typed, example)
        rule = f"has a frame number in it, {numbers[0]!r}"
        raise PathError(shown, rule, f"The frame number is added by itself: write {better!r}.")


def _without_number(text: str, example: str) -> str:
    return without_numbers_in(text) or example


def indexed_frame(prefix: str, digits: int, filetype: FileType, now: datetime, number: int, images: object) -> Frame:
    """Frame `number`, made of `images`, (1, H, W, C) or UNRENDERED.

    Raises ValueError for more than one image and for none, NoImageError for anything but an image.
    """
    if images is UNRENDERED:
        return Frame(indexed(prefix, digits, filetype, now), number)
    batch = wire.images(images, "images", number)
    if not len(batch):
        raise ValueError(
            f"Frame {number}: the input 'images' got a batch without any image. Check the node that is wired to it."
        )
    if len(batch) != 1:
        raise ValueError(
            f"Frame {number}: there is one frame number for a batch of {len(batch)} images. Save a batch with "
            f"Save Image Sequence (Batch), or give each image its own frame number."
        )
    return Frame(indexed(prefix, digits, filetype, now, batch), number, batch[0])


def indexed_needs_image(
    prefix: str, digits: int, filetype: FileType, now: datetime, number: int, on_existing: OnExisting
) -> bool:
    """Does this frame have to be rendered, as far as that can be told without its image? Raises as `OnExisting.wants`."""
    return tokens.needs_image(prefix) or on_existing.wants(indexed(prefix, digits, filetype, now), number)


def batch(sequence: Sequence, start_index: int, batches: Iterable[object]) -> list[Frame]:
    """The frames of one or many batches, (N, H, W, C) each, counted on from `start_index`.

    Raises PatternError if there are several and the pattern has no frame number, ValueError if there is none,
    NoImageError for anything but a batch of images.
    """
    images: list[torch.Tensor] = []
    for batch in batches:
        images += wire.images(batch, "images", start_index + len(images))
    if not images:
        raise ValueError(
            f"There is no image to save to {str(sequence)!r}: the input 'images' got an empty batch or list. "
            f"Check the node that is wired to it."
        )
    sequence.pattern.require_number(len(images))
    return [Frame(sequence, number, image) for number, image in enumerate(images, start_index)]


def common_size(texts: Iterable[str], images: Iterable[object]) -> tuple[int, int]:
    """(width, height) for the tokens in `texts`, of `images`, (N, H, W, C) each; (0, 0) if there are none.

    ValueError if the texts need it and the images differ.
    """
    tensors = [image for image in images if isinstance(image, torch.Tensor) and not image.is_nested]
    batches = [image for image in tensors if image.ndim == 4]
    sizes = list(dict.fromkeys((image.shape[2], image.shape[1]) for image in batches))
    if len(sizes) > 1 and tokens.needs_image(*texts):
        shown = " and ".join(f"{width} x {height}" for width, height in sizes[:2])
        raise ValueError(
            f"The images are {shown}, so %width% and %height% stand for several numbers. Write the numbers themselves, "
            f"or save images of each size on their own."
        )
    return sizes[0] if sizes else (0, 0)


def batch_sequence(
    path_pattern: str, filetype: FileType, now: datetime | None = None, size: tuple[int, int] = (0, 0)
) -> tuple[Sequence, FileType]:
    """The sequence that a saver's `path_pattern` names, and its file type, by the extension where it has one.

    Tokens are filled in; `size` is (width, height) of the images. Raises TokenError, PatternError, PathError, FileTypeError.
    """
    now = now or datetime.now().astimezone()
    pattern = FramePattern.parse(tokens.resolve(path_pattern, now, *size))
    filetype = filetype.for_extension(pattern.extension)
    _, slash, name = pattern.literals[-1].replace("\\", "/").rpartition("/")
    if (slash or not pattern.has_number) and name in ("", pattern.extension):
        raise PathError(path_pattern, "does not name a file", "Write a pattern such as 'shot/frame_####.png'.")
    if not pattern.extension:
        pattern = FramePattern((*pattern.literals[:-1], pattern.literals[-1] + filetype.extension), pattern.padding)
    return Sequence.locate(pattern, "output", write=True, shown=path_pattern), filetype
