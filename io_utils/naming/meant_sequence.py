"""The sequence that a text means: a pattern, a folder, a wildcard, or the path of one frame, as people type and paste them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, PatternError, SequenceChoiceError, SequenceMissingError
from ..formats.registry import EXTENSIONS
from .allowed_roots import Root, root_of
from .file_names import check_names, unquoted
from .file_sequence import FileSequence
from .folder_sequences import FolderContents, FoundSequence, SortedNames, like, may_continue
from .frame_pattern import FramePattern, frame_in
from .inventory import folder_missing, inventory, some_patterns
from .literal_folder import literal_folder, may_be_number, split_folder
from .regular_files import is_regular
from .wildcard_frames import is_image, matching


class Meant(NamedTuple):
    """A sequence, and whether the text names exactly its files, as a pattern or as the path of a single image does.

    found: the frames on disk, sorted, if the folder was listed for them already. number: the frame number in the name, if
    only this one file of a sequence is meant.
    """

    sequence: FileSequence
    is_exact: bool = True
    found: list[int] | None = None
    number: int | None = None

    def frames(self) -> list[int]:
        """The frames on disk, sorted."""
        return self.sequence.frames() if self.found is None else self.found


@dataclass(frozen=True)
class SequenceText:
    """A text that means a sequence, relative to ComfyUI's `kind` folder or absolute inside an allowed root.

    place: the sequence of a pattern; for a path without a number, that one file or folder; for wildcards, the folder.
    globs: wildcards for the names in that folder; empty if the text has none.
    """

    text: str
    kind: str
    place: FileSequence
    globs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, kind: str) -> SequenceText:
        """Lists no folder. A pair of quotes and white space around the text do not count.

        A text that names a folder on disk is that folder. If what is before the last slash is a folder on disk, it is taken
        literally, and only the name of the files can have a frame number: `take #2/f_####.png`. Raises PatternError, also for a frame number together with wildcards; PathError; ValueError for an unsupported
        extension after a frame number.
        """
        text = unquoted(text)
        head, name = split_folder(text)
        if place := literal_folder(text, kind) if may_be_number(text) else None:
            return cls(text, kind, _sequence(place, FramePattern(("",))))
        if place := literal_folder(head, kind) if may_be_number(head) else None:
            return cls._in_folder(text, kind, place, name)
        pattern = FramePattern.parse(text)
        if "*" in text or "?" in text:
            require_no_number(pattern, text)
            path = pattern.literals[0]
            start = max(path.rfind("/"), path.rfind("\\")) + 1
            root, folder = root_of(path[:start], kind, write=False, shown=text)
            return cls(text, kind, FileSequence(root, FramePattern((folder,))), tuple(path[start:].split("|")))
        if pattern.has_number:
            require_readable(pattern, text)
            return cls(text, kind, FileSequence.from_pattern(pattern, kind, write=False, shown=text))
        if pattern.extension.lower() in EXTENSIONS:
            return cls(text, kind, FileSequence.from_pattern(pattern, kind, write=False, shown=text))
        root, path = root_of(pattern.literals[0], kind, write=False, shown=text)
        return cls(text, kind, FileSequence(root, FramePattern((path,))))

    @classmethod
    def _in_folder(cls, text: str, kind: str, place: tuple[Root, str], name: str) -> SequenceText:
        """The text of `name`, the names of files in the folder `place`. Raises what `parse` raises."""
        names = FramePattern.parse(name)
        if "*" in name or "?" in name:
            require_no_number(names, name)
            return cls(text, kind, _sequence(place, FramePattern(("",))), tuple(name.split("|")))
        if names.has_number:
            require_readable(names, text)
        check_names(names.name(1), text)
        return cls(text, kind, _sequence(place, names))

    def meant(self, frames: int = 0) -> Meant:
        """The one sequence that is meant. `frames` is how many frames are wanted, 0 for all that there are.

        - A pattern with files on disk means them. If they are part of a sequence of another padding, or if there are none, it
          means the one sequence that differs from it only by the padding of the number.
        - A folder or a wildcard means the one sequence in it, or if it has none, the one image.
        - The path of a frame means its sequence, but that one file if `frames` is 1. A file without a frame number is itself.

        Raises SequenceChoiceError if there are several, SequenceMissingError if there is none, FolderMissingError,
        ValueError for a file of an unsupported kind.
        """
        path = self.place.file(0)
        if self.globs:
            return Meant(
                self._only(self.place.pattern.literals[0], matching(self.globs)),
                is_exact=False,
            )
        if self.place.pattern.has_number:
            return self._by_padding()
        if path.is_dir():
            return Meant(self._only(self.place.pattern.literals[0], lambda name: True), is_exact=False)
        if not path.name.lower().endswith(EXTENSIONS):
            if path.suffix or path.exists():
                require_readable(self.place.pattern, self.text)
            raise folder_missing(path)
        if frames == 1:
            parts = frame_in(path.name)
            return Meant(self.place, number=int(parts[1]) if parts else None)
        return self._of_frame(path)

    def _by_padding(self) -> Meant:
        """The sequence of a pattern."""
        frames = self.place.frames()
        folder, names = self.place.pattern.relative()
        is_below = any("/" in literal for literal in names.literals)  # a folder for each frame
        return (not is_below and self._like(folder, names, frames=frames)) or Meant(self.place, found=frames)

    def _of_frame(self, path: Path) -> Meant:
        """The sequence of the frame at `path`."""
        parts = frame_in(path.name)
        if parts is None:
            return Meant(self.place)
        before, digits, after = parts
        folder, _ = self.place.pattern.relative()
        names = FramePattern((before, after), len(digits))
        if (found := self._like(folder, names, path.name)) or is_regular(path):
            return found or Meant(self.place)
        return Meant(FileSequence(self.place.root, names.within(folder)), is_exact=False)

    def _like(self, folder: str, names: FramePattern, name: str = "", frames: Sequence[int] = ()) -> Meant | None:
        """The sequence in `folder` whose names differ from `names` only by the padding, see `like`."""
        if frames and not may_continue(names, frames[0]):
            return None
        found = like(names, self._files(folder), name, frames)
        if len(found) > 1:
            raise self._several(folder, found)
        return Meant(found[0].in_folder(self.place.root, folder), is_exact=False) if found else None

    def _only(self, folder: str, wanted: Callable[[str], object]) -> FileSequence:
        names = SortedNames.of(filter(wanted, self._files(folder)))
        images = [name for name in names.others if is_image(name)]
        if len(names.loadable) > 1:
            raise self._several(folder, names.loadable)
        if names.loadable:
            return names.loadable[0].in_folder(self.place.root, folder)
        if len(images) == 1:
            return FileSequence(self.place.root, FramePattern((images[0],)).within(folder))
        path = self.place.root.path / folder
        raise SequenceMissingError(self.text, path, inventory(path))

    def _files(self, folder: str) -> Sequence[str]:
        """The names of the files in `folder`; none if it does not exist. Raises FolderMissingError for a wildcard's folder."""
        path = self.place.root.path / folder
        self.place.root.confirm_folder(path, write=False, shown=self.text)
        if path.is_dir():
            return FolderContents.of(path, self.place.root).files
        if self.globs:
            raise folder_missing(path)
        return ()

    def _several(self, folder: str, found: Sequence[FoundSequence]) -> SequenceChoiceError:
        def text(each: FoundSequence) -> str:
            return each.in_folder(self.place.root, folder).pattern_from(self.kind)

        where = self.place.root.path / folder
        return SequenceChoiceError(self.text, str(where), list(map(text, found)), some_patterns(found, text))


def _sequence(place: tuple[Root, str], names: FramePattern) -> FileSequence:
    """The sequence of `names` in the folder `place`. Without a name, the folder itself."""
    root, folder = place
    return FileSequence(root, names.within(folder) if names.literals != ("",) else FramePattern((folder,)))


def require_no_number(pattern: FramePattern, text: str) -> None:
    """Raise PatternError if `text`, wildcards that were parsed as `pattern`, also has a frame number."""
    if pattern.has_number:
        reason = "has a frame number and wildcards: write only one of them"
        raise PatternError(text, reason, re.sub(r"[*?]+", "", text))


def require_readable(pattern: FramePattern, text: str) -> None:
    """Raise ValueError if `text`, parsed as `pattern`, has an unsupported extension."""
    if pattern.extension.lower() not in EXTENSIONS:
        raise InputError(
            f"End the pattern in one of {', '.join(EXTENSIONS)}: {text!r} does not end in a supported extension."
        )
