"""Plans Save Image Sequence (Batch): which images of a batch, or of a list of batches, go to which files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from .. import wire
from ..errors import InputError, PathError
from ..formats.base import Extent
from ..formats.file_type import FileType
from ..naming import tokens
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import LARGEST_FRAME, FramePattern
from ..naming.regular_files import is_regular
from ..policies import OnExisting
from ..request import known, limited, word_of
from ..wire import UNRENDERED, Unrendered
from .companions import Companions
from .destination import destination, unknown
from .existing import unchanged_images
from .plan import NO_EXTENT, Frame, SaveRequest, common_size

# "false" and "true" are the earlier pack's words; a boolean widget would refuse the workflows saved with it.
_OVERWRITE = {
    "false": OnExisting.KEEP_BOTH,
    "true": OnExisting.OVERWRITE,
    "skip": OnExisting.SKIP,
    "error": OnExisting.ERROR,
    OnExisting.UNCHANGED.value: OnExisting.UNCHANGED,
}


AS_EXTENSION = "as the pattern's extension says"
_FILETYPES: dict[str, FileType | None] = {AS_EXTENSION: None, **{filetype.value: filetype for filetype in FileType}}


@dataclass(frozen=True, kw_only=True)
class BatchSaveRequest(SaveRequest):
    """Image i of a batch goes to `path_pattern` at `start_index` + i. `size`: the extent of the images.

    `chosen_type` is the widget's file type; with None the extension of the pattern decides, and without an extension it is
    PNG with the workflow. `filetype` is the result, see `for_images`.
    """

    path_pattern: str = "./frame{:06d}.png"
    start_index: int = limited(0, least=0, most=LARGEST_FRAME)
    filetype: FileType = known(lambda: FileType.PNG_WITH_WORKFLOW)
    chosen_type: FileType | None = limited(None, words=_FILETYPES, name="filetype")
    on_existing: OnExisting = limited(OnExisting.OVERWRITE, words=_OVERWRITE, name="overwrite")
    size: Extent = known(lambda: NO_EXTENT)

    def for_images(self, images: Iterable[object]) -> BatchSaveRequest:
        """The same request with the size of the images, and its file type.

        Without `images`, before they are rendered, the size is 0 x 0. Raises TokenError, PatternError; FileTypeError for an
        unknown extension; ValueError if the pattern's extension contradicts `chosen_type`, and like `common_size`.
        """
        sized = replace(self, size=common_size([self.path_pattern], images))
        return replace(sized, filetype=sized._type())  # noqa: SLF001

    def check(self, *, has_layers: bool = False) -> None:
        """Also refuses what `sequence` refuses: only the run knows a linked pattern and the values of other nodes."""
        super().check(has_layers=has_layers)
        self.sequence()

    def sequence(self) -> FileSequence:
        """The sequence that `path_pattern` names, with tokens filled in; without an extension it gets the file type's.

        Raises PathError, and what `for_images` raises.
        """
        pattern = self._pattern()
        extension = self._type().extension
        _, slash, name = pattern.literals[-1].replace("\\", "/").rpartition("/")
        if (slash or not pattern.has_number) and name in ("", pattern.extension):
            fix = "Write a pattern such as 'shot/frame_####.png'."
            raise PathError(self.path_pattern, "does not name a file", fix)
        if not pattern.extension:
            pattern = FramePattern((*pattern.literals[:-1], pattern.literals[-1] + extension), pattern.padding)
        return FileSequence.from_pattern(pattern, "output", write=True, shown=self.path_pattern)

    def destination(self, *, has_start: bool = True) -> dict[str, Any]:
        """Where the first image goes, see `destination`. `has_start`: whether `start_index` is known.

        Lists one folder. Raises what `sequence` and `check` raise.
        """
        start = self.start_index if has_start else None
        later = tokens.Later()
        needs_run = tokens.needs_run(self.path_pattern)
        chosen = replace(self, nodes=later).for_images([]) if needs_run else self.for_images([])
        chosen.check()
        sequence = chosen.sequence()
        if needs_run:
            return unknown(later.restored(sequence.path_pattern if start is None else sequence.shown_file(start)))
        if sequence.pattern.has_number:
            existing = sequence.frames()
        else:  # one file, whatever its number
            existing = [self.start_index] if is_regular(sequence.file(self.start_index)) else []
        return destination(sequence, start, existing, word_of(self, "overwrite"), lambda found: found >= (start or 0))

    def needs_images(self, *, has_layers: bool = False) -> bool:
        """Whether the images must be rendered, as far as can be known without them: not, if they are all kept.

        How many there are, only their files say. Raises what `check` and `existing.identity_of` raise.
        """
        self.check(has_layers=has_layers)
        return not self._unchanged()

    def _unchanged(self) -> list[Frame]:
        """The frames on disk that the graph would make again, under UNCHANGED; [] unless all of them are there."""
        if self.on_existing is not OnExisting.UNCHANGED or tokens.needs_image(self.path_pattern):
            return []
        sequence = self.sequence()
        return unchanged_images(self.identity, lambda index: Frame(sequence, self.start_index + index))

    def frames(self, batches: Iterable[object] | Unrendered, companions: Companions | None = None) -> list[Frame]:
        """The frames of one or many batches, (N, H, W, C) each, numbered from `start_index`, with their `companions`.

        For UNRENDERED, the frames that are on disk.

        Raises what `sequence` and `Companions.attached` raise; PatternError for several images and a pattern without a
        frame number; ValueError if there is no image; NoImageError for anything that is not a batch of images.
        """
        sequence = self.sequence()
        if batches is UNRENDERED:
            return self._unchanged() or [Frame(sequence, self.start_index)]
        images: list[torch.Tensor] = []
        for batch in batches:
            images += wire.images(batch, "images", self.start_index + len(images))
        if not images:
            raise InputError(
                f"There is no image to save to {str(sequence)!r}: the input 'images' got an empty batch or list. "
                f"Check the node that is wired to it."
            )
        sequence.pattern.require_number(len(images))
        frames = [
            Frame(sequence, number, image, identity=self.identity(number, number - self.start_index, len(images)))
            for number, image in enumerate(images, self.start_index)
        ]
        return (companions or Companions()).attached(frames)

    def _how_to_hold_layers(self) -> str:
        pattern = self._pattern()
        if self.chosen_type is None:
            return "End path_pattern in '.exr'"
        if not pattern.extension:
            return super()._how_to_hold_layers()
        return f"End path_pattern in '.exr' and set filetype to {AS_EXTENSION!r}"

    def _type(self) -> FileType:
        """The file type. Raises what `for_images` raises."""
        extension = self._pattern().extension
        if not extension:
            return self.chosen_type or FileType.PNG_WITH_WORKFLOW
        named = FileType.of_extension(extension)
        chosen = self.chosen_type or named
        if chosen.image_format is not named.image_format:
            raise InputError(
                f"Set filetype to {AS_EXTENSION!r}, or end path_pattern in {chosen.extension!r}: filetype is "
                f"{chosen.value!r}, but the pattern {self.path_pattern!r} ends in {extension!r}."
            )
        return chosen

    def _pattern(self) -> FramePattern:
        nodes = self.nodes if isinstance(self.nodes, tokens.Later) else _Literal(self.nodes)
        return FramePattern.parse(tokens.resolve(self.path_pattern, self.now, *self.size, nodes))


class _Literal(NamedTuple):
    """Values of other nodes for a pattern, in which braces are doubled."""

    nodes: tokens.Values

    def fill(self, token: str, name: str, widget: str) -> str:
        return self.nodes.fill(token, name, widget).replace("{", "{{").replace("}", "}}")
