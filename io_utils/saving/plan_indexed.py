"""Plans Save Image Sequence (Frame Index): one image per run, with the frame number from a widget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from .. import wire
from ..errors import InputError, PathError
from ..frame_identity import FrameIdentity
from ..naming import tokens
from ..naming.file_sequence import FileSequence
from ..naming.frame_pattern import MAX_PADDING, FramePattern
from ..policies import OnExisting
from ..request import known, limited, word_of
from ..wire import UNRENDERED
from .companions import Companions
from .destination import destination, unknown
from .existing import wants
from .plan import Frame, SaveRequest, require_no_number


@dataclass(frozen=True, kw_only=True)
class IndexedRequest(SaveRequest):
    """Frame `current_frame` of the sequence `<output>/<prefix>/<last name of prefix>_<frame>.<ext>`.

    row: which item of the lists in front of the saver it is.
    """

    filename_prefix: str = "Sequence"
    current_frame: int = limited(0, least=0)
    digits: int = limited(5, least=0, most=MAX_PADDING)
    row: int = known(int)

    def sequence(self, image: torch.Tensor | None = None) -> FileSequence:
        """The sequence. `image`, (N, H, W, C), gives the size for tokens in the prefix.

        Raises TokenError; PathError for a prefix that is empty, leads out of the output folder, or is refused by
        `require_no_number`; PatternError for too many digits.
        """
        height, width = (0, 0) if image is None else image.shape[1:3]
        folder = tokens.resolve(self.filename_prefix, self.now, width, height, self.nodes).rstrip("/\\")
        require_no_number(folder, self.filename_prefix, "Sequence")
        name = folder.replace("\\", "/").rpartition("/")[2]
        if name in ("", "."):
            fix = "Write a name such as 'Sequence' or 'shots/take1'."
            raise PathError(self.filename_prefix, "does not name the sequence", fix)
        pattern = FramePattern.around(f"{folder}/{name}_", self.filetype.extension, self.digits)
        return FileSequence.from_pattern(pattern, "output", write=True, shown=self.filename_prefix)

    def destination(self, *, has_number: bool = True) -> dict[str, Any]:
        """Where the frame goes, see `destination`. `has_number`: whether `current_frame` is known.

        Lists one folder. Raises what `sequence` and `check` raise.
        """
        self.check()
        number = self.current_frame if has_number else None
        if tokens.needs_run(self.filename_prefix):
            later = tokens.Later()
            sequence = replace(self, nodes=later).sequence()
            return unknown(later.restored(sequence.path_pattern if number is None else sequence.shown_file(number)))
        sequence = self.sequence()
        policy = word_of(self, "on_existing")
        return destination(sequence, number, sequence.frames(), policy, lambda found: found >= (number or 0))

    def needs_image(self, *, has_layers: bool = False) -> bool:
        """Whether the frame must be rendered, as far as can be known without its image.

        Raises what `check`, `sequence` and `existing.wants` raise.
        """
        self.check(has_layers=has_layers)
        sequence = self.sequence()
        if tokens.needs_image(self.filename_prefix):  # the path is not known before the frame is rendered
            return True
        return wants(self.on_existing, sequence, self.current_frame, self._identity())

    def frame(self, images: object, companions: Companions | None = None) -> Frame:
        """The frame to save, with its `companions`. `images` is (1, H, W, C) or UNRENDERED.

        Raises what `Companions.attached` raises, ValueError unless there is exactly one image, NoImageError for anything
        that is not an image.
        """
        number = self.current_frame
        if images is UNRENDERED:
            return Frame(self.sequence(), number, identity=self._identity())
        batch = wire.images_of_frame(images, "images", number)
        if len(batch) != 1:
            raise InputError(
                f"Save a batch with Save Image Sequence (Batch), or give each image its own frame number. For frame "
                f"{number}, the input 'images' got a batch of {len(batch)} images."
            )
        frame = Frame(self.sequence(batch), number, batch[0], identity=self.identity(number, row=self.row))
        (frame,) = (companions or Companions()).attached([frame])
        return frame

    def _identity(self) -> FrameIdentity | None:
        """The frame's identity, if the policy asks for it."""
        return self.identity(self.current_frame, row=self.row) if self.on_existing is OnExisting.UNCHANGED else None
