"""All exceptions that this pack raises on purpose, in one tree below ImageSequenceError.

Each class is also the built-in exception that callers expect: ValueError for invalid input, FileNotFoundError for a
missing file, FileExistsError for an existing one, OSError for disk errors. The facts are attributes. The message first says
what to do, then states the facts. It names inputs as the API does, single words after "set", and quotes the values of
options, so that the browser can put in their labels: "set layer to 'Z'", "raise total_frames".
"""

from __future__ import annotations

import difflib
import errno
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar

from .naming.frame_range import in_short, named, shortened, with_noun
from .policies import AtEnd, OnProblem, OnSizeMismatch

_LONGEST_SHOWN = 4096  # characters of a path: PATH_MAX on Linux
_LONGEST_NAME = 100  # characters; the longest name of a colour space in the ACES studio config has 37
_MOST_LAYERS = 20  # that an error names
_SURROGATE = re.compile("[\ud800-\udfff]")


class ImageSequenceError(Exception):
    """The base of all errors of this pack.

    ComfyUI's frontends show an error as "<module>.<class>: <message>", with a folder of the server as the module; only
    built-in classes are shown without one (`full_type_name` in ComfyUI's execution.py). So the subclasses claim to be built
    in. Python's tracebacks also show them by their name alone. Copying and pickling keep the message and the facts.
    """

    _defined_in: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._defined_in, cls.__module__ = cls.__module__, "builtins"

    def __reduce__(self) -> tuple[Callable[..., ImageSequenceError], tuple[Any, ...]]:
        # Neither "builtins" nor the facts that __init__ takes would lead back to this error.
        args: Any = super().__reduce__()[1]
        return _restored, (self._defined_in, type(self).__qualname__, args, vars(self))


def _restored(module: str, name: str, args: tuple[Any, ...], facts: dict[str, Any]) -> ImageSequenceError:
    """The error of the class `name` in `module` with these `args` and attributes."""
    kind: Any = reduce(getattr, name.split("."), sys.modules[module])
    error: ImageSequenceError = kind.__new__(kind, *args)
    super(ImageSequenceError, error).__init__(*args)  # not the class's own, which takes facts
    vars(error).update(facts)
    return error


class InputError(ImageSequenceError, ValueError):
    """Input that cannot be used. The message names it and says what to do; subclasses hold the facts as attributes."""


# --- names, paths and texts ----------------------------------------------------------------------------------------


class PatternError(InputError):
    """A file name pattern with a missing, ambiguous or unsupported frame number.

    Attributes: `pattern` (the text), `reason`, `suggestion` (the nearest pattern that works).
    """

    def __init__(self, pattern: str, reason: str, suggestion: str) -> None:
        self.pattern, self.reason, self.suggestion = pattern, reason, suggestion
        super().__init__(f"Write for example {suggestion!r}: the pattern {pattern!r} {reason}.")


class FrameListError(InputError):
    """A text that is not a list of frames. Attributes: `text`, `part` (the part that is wrong), `reason`."""

    def __init__(self, text: str, part: str, reason: str) -> None:
        """`reason`: a verb and what follows, without the full stop."""
        self.text, self.part, self.reason = text, part, reason
        where = "" if part == text else f" in {_short(text)!r}"
        super().__init__(
            f"Write the frames as in 1001-1100x2,1150,1200-1210, or leave frames empty: {_short(part)!r}{where} {reason}."
        )


class SequenceChoiceError(InputError):
    """A folder or a wildcard with several sequences. Attributes: `text`, `patterns`."""

    def __init__(self, text: str, where: str, patterns: Sequence[str], listed: str) -> None:
        """`where`: the folder; `listed`: the patterns with their frames, for the message."""
        self.text, self.patterns = text, list(patterns)
        super().__init__(
            f"Write one of these patterns instead of {text!r}: {listed}. The folder {where!r} has them all."
        )


class SequenceMissingError(ImageSequenceError, FileNotFoundError):
    """A folder or a wildcard without a sequence. Attributes: `text`, `folder`."""

    def __init__(self, text: str, folder: Path, inventory: str) -> None:
        self.text, self.folder = text, folder
        super().__init__(
            f"Write a folder or a pattern that has numbered images: {text!r} has none, in {str(folder)!r}. {inventory}"
        )


class PathError(InputError):
    """A path that this pack may not read or write. Attributes: `path` (the text), `rule` (the broken rule)."""

    def __init__(self, path: str, rule: str, fix: str) -> None:
        self.path, self.rule = path, rule
        shown = path if len(path) <= _LONGEST_SHOWN else f"{path[:40]}..."
        space = "" if fix.endswith("\n") else " "
        super().__init__(f"{fix}{space}The path {shown!r} {rule}.")


class OutsideError(PathError):
    """A path outside the allowed folders.

    Attributes: `file`, the operator's list of folders, and `line`, the line to add to it, or None if no
    line can allow the path.
    """

    def __init__(self, path: str, real: str, file: Path, line: str | None, *, write: bool) -> None:
        """`real`: where the path leads. In the message, bytes of `line` that are not UTF-8 are shown as U+FFFD."""
        elsewhere = "Save below ComfyUI's output folder" if write else "Copy the files into ComfyUI's input folder"
        allowed = "written to" if write else "read from"
        self.file, self.line = file, line
        fix = "Choose a folder on the drive: a whole drive is never allowed."
        if line is not None:
            fix = (
                f"{elsewhere}, or ask the server's operator to add this line to {file} (create the file and its folder if "
                f"needed):\n{_SURROGATE.sub(chr(0xFFFD), line)}\n"
            )
        super().__init__(path, f"leads to {real!r}, outside the folders that sequences may be {allowed}", fix)


class TokenError(InputError):
    """A token that cannot be filled in. Attribute: `token`, as the user wrote it."""

    def __init__(self, token: str, reason: str, fix: str) -> None:
        self.token = token
        super().__init__(f"{fix} The token {token!r} {reason}.")


# --- files ---------------------------------------------------------------------------------------------------------


class BrokenImageError(InputError):
    """Bytes that are not one whole image, or of an unsupported kind."""


class UnsupportedFileError(BrokenImageError):
    """A file of an unsupported kind, damaged or not.

    Attributes: `reason` and `remedy`, both without a full stop.
    """

    def __init__(self, reason: str, remedy: str = "convert it to PNG") -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")


class MissingPackageError(UnsupportedFileError):
    """A kind of file that needs an optional package. Attributes: `what` (in the plural), `package`, `version` (the least)."""

    def __init__(self, what: str, package: str, version: str) -> None:
        self.what, self.package, self.version = what, package, version
        remedy = f"run `python -m pip install {package} --upgrade` with ComfyUI's Python and restart ComfyUI"
        reason = f"{what} need the package {package}, version {version} or later, which is not installed"
        super().__init__(reason, remedy)
        self.args = (f"{sentence(remedy)} {sentence(reason)}",)  # also raised by itself, when no file is read


class UnknownLayerError(UnsupportedFileError):
    """A layer that a file does not have.

    Attributes: `layer`, `available` (the names of the layers that it has), `nearest` (the most similar of them, or None).
    """

    def __init__(self, layer: str, available: Iterable[str], reason: str | None = None) -> None:
        """`reason`: why, if not because the name is unknown, as a clause about "it"."""
        self.layer, self.available = layer, tuple(available)
        self.nearest = nearest(layer, self.available)
        others = [repr(name) for name in self.available if name != self.nearest]
        choices = [repr(self.nearest)] if self.nearest else []
        if others:
            more = f" and {len(others) - _MOST_LAYERS} more" if len(others) > _MOST_LAYERS else ""
            choices.append(f"one of {', '.join(others[:_MOST_LAYERS])}{more}" if len(others) > 1 else others[0])
        remedy = f"set layer to {', or to '.join(choices)}" if choices else "leave layer empty to load the picture"
        super().__init__(reason or f"it has no layer {_short(layer)!r}", remedy)


class FileTypeError(InputError):
    """A file name extension that the savers do not write. Attributes: `extension`, `extensions` (those they write)."""

    def __init__(self, extension: str, extensions: Iterable[str]) -> None:
        self.extension, self.extensions = extension, list(extensions)
        super().__init__(
            f"Write one of the extensions {', '.join(self.extensions)}: frames cannot be saved as {extension!r} files."
        )


# --- colour --------------------------------------------------------------------------------------------------------


class ColorSpaceError(InputError):
    """A colour space that does not exist. Attributes: `name`, `nearest` (the most similar name), `available`."""

    def __init__(self, name: str, available: Iterable[str], *, has_ocio: bool) -> None:
        """`has_ocio`: whether the colour spaces of OpenColorIO are among the available ones."""
        self.name, self.available = name, list(available)
        self.nearest = nearest(name, self.available, at_least=0)
        more = ""
        if not has_ocio:
            more = (
                " For the colour spaces of the ACES studio config, such as camera logs, or those of your own "
                "OpenColorIO config, run `pip install opencolorio` in ComfyUI's Python and restart ComfyUI."
            )
        super().__init__(
            f"Did you mean {self.nearest!r}? There is no colour space {_short(name)!r}.{more} "
            f"Available are {', '.join(self.available)}."
        )


class ColorConfigError(InputError):
    """An OpenColorIO config, or the operator's file that names it, that cannot be used.

    Attributes: `file` (the operator's), `config` (its path or ocio://<name>; empty if `file` names none), `reason`.
    """

    def __init__(self, file: Path, config: str, reason: str) -> None:
        """`reason`: a verb and what follows, without the full stop."""
        self.file, self.config, self.reason = file, config, reason.rstrip(".")
        if config:
            fix = f"Repair the OpenColorIO config, or name another one in {str(file)!r}."
            what = f"The config {config!r} {self.reason}."
        else:
            fix = (
                "Write one line besides comments into the file: the absolute path of an .ocio or .ocioz file, or ocio:// "
                "and the name of a config that is built into OpenColorIO, such as ocio://studio-config-latest."
            )
            what = f"The file {str(file)!r} {self.reason}."
        super().__init__(f"{fix} {what}")


class ChromaticitiesError(InputError):
    """Primaries and a white point that make no colour space.

    Attributes: `chromaticities` (CIE xy: red, green, blue, white), `reason` and `remedy`, both without a full stop.
    """

    def __init__(self, chromaticities: Sequence[tuple[float, float]]) -> None:
        self.chromaticities = chromaticities
        listed = ", ".join(f"{x:g} {y:g}" for x, y in chromaticities)
        self.reason = f"the chromaticities of red, green, blue and white are {listed}, which make no colour space"
        self.remedy = "set file_color_space to the name of the file's colour space, or to 'as stored'"
        super().__init__(f"{sentence(self.remedy)} {sentence(self.reason)}")


# --- wires ---------------------------------------------------------------------------------------------------------


class NoImageError(InputError):
    """An IMAGE input got something that is not a batch of images.

    Attributes: `input` (its name), `frame` (None if it is not known), `fact` (what the input got).
    """

    def __init__(self, name: str, frame: int | None, fact: str, fix: str) -> None:
        """`fix`: a sentence; `fact`: an object of "got"."""
        self.input, self.frame, self.fact = name, frame, fact
        the = "The" if frame is None else f"For frame {frame}, the"
        super().__init__(f"{fix} {the} input {name!r} got {fact}.")


class LayerNameError(InputError):
    """A name that a layer cannot have. Attributes: `name`, `rule` (the broken rule)."""

    def __init__(self, name: str, rule: str, fix: str) -> None:
        """`rule`: a verb and what follows, without the full stop; `fix`: a sentence."""
        self.name, self.rule = name, rule
        super().__init__(f"{fix} The layer name {_short(name)!r} {rule}.")


class OptionError(InputError):
    """A text that is not one of the options of an input.

    Attributes: `input`, `value`, `options`, `nearest` (the most similar option; the first if none is similar).
    """

    def __init__(self, name: str, value: str, options: Iterable[str]) -> None:
        self.input, self.value, self.options = name, value, tuple(options)
        self.nearest = nearest(value, self.options) or self.options[0]
        super().__init__(
            f"Set {name} to {self.nearest!r}, or to one of {', '.join(repr(o) for o in self.options if o != self.nearest)}. "
            f"It got {_short(value)!r}."
        )


# --- saving -------------------------------------------------------------------------------------------------------


class CompanionError(InputError):
    """A mask or a layer that does not match the images. Attributes: `input`, `fact` (what it got)."""

    def __init__(self, name: str, fact: str, fix: str) -> None:
        """`fix`: a sentence; `fact`: an object of "got"."""
        self.input, self.fact = name, fact
        super().__init__(f"{fix} The input {name} got {fact}.")


class FrameExistsError(ImageSequenceError, FileExistsError):
    """Frames that exist already and must not be touched. Attributes: `frames`, `path` (of the first)."""

    def __init__(self, frames: Sequence[int], path: Path) -> None:
        self.frames, self.path = list(frames), path
        verb, them = ("exists", "it") if len(frames) == 1 else ("exist", "them")
        super().__init__(
            f"Move the old take away, start at another frame, or choose to skip or to overwrite. "
            f"{named(frames).capitalize()} {verb} already: {str(path)!r}. Nothing was written over {them}."
        )


class NotAFileError(ImageSequenceError, FileExistsError):
    """Something other than a file has the name of a frame. Attributes: `frame`, `path`, `kind` ("a directory")."""

    def __init__(self, frame: int, path: Path, kind: str) -> None:
        self.frame, self.path, self.kind = frame, path, kind
        super().__init__(
            f"Move {str(path)!r} away, or save under another name. Frame {frame} cannot be saved: {kind} has its name."
        )


class ForeignFileError(ImageSequenceError, FileExistsError):
    """A file that this pack cannot read has the name of a frame. Attributes: `frame`, `path`."""

    def __init__(self, frame: int, path: Path) -> None:
        self.frame, self.path = frame, path
        super().__init__(
            f"Move {str(path)!r} away, or choose to overwrite it. Frame {frame} cannot be kept or saved: the file with its "
            f"name is not an image of a kind that this pack reads. Nothing was written over it."
        )


_DISK_REMEDIES = {
    errno.ENOSPC: "Free space on the disk, then queue the frame again.",
    errno.EDQUOT: "Free space in your quota of the disk, then queue the frame again.",
    errno.EACCES: "Save to another folder, or let ComfyUI write to this one.",
    errno.EPERM: "Save to another folder, or let ComfyUI write to this one.",
    errno.EROFS: "Save to another folder: this disk is read-only.",
}


class FrameWriteError(ImageSequenceError, OSError):
    """A frame that could not be written. `errno` is the system's. Attributes: `frame`, `path`."""

    def __init__(self, frame: int, path: Path, error: OSError) -> None:
        self.frame, self.path = frame, path
        super().__init__(error.errno, error.strerror or str(error), str(path))

    def __str__(self) -> str:
        # OSError's own text begins with "[Errno 28]".
        remedy = _DISK_REMEDIES.get(self.errno or 0, "Check the disk, then queue the frame again.")
        fact = f"Frame {self.frame} could not be written ({self.strerror}): {str(self.path)!r}."
        return f"{remedy} {fact} The frames before it are whole."


class OtherTakeError(InputError):
    """A frame that would be rendered again and again, because files of another take lack it.

    Attributes: `frame`, `folder`, `done` and `lacking` (the places below `folder` with and
    without the frame).
    """

    def __init__(self, frame: int, folder: Path, done: Sequence[str], lacking: Sequence[str]) -> None:
        self.frame, self.folder, self.done, self.lacking = frame, folder, list(done), list(lacking)
        super().__init__(
            f"Move the take that you do not want to continue to another folder, or save under another prefix. The folder "
            f"{str(folder)!r} has frames of two takes: frame {frame} is on disk in {', '.join(done)}, but not in "
            f"{', '.join(lacking)}, so it would be rendered again and again."
        )


class EndOfAnimationError(InputError):
    """The frame counter is past its last frame and at_end is "raise error". Attributes: `frame`, `total_frames`."""

    def __init__(self, frame: int, total_frames: int) -> None:
        self.frame, self.total_frames = frame, total_frames
        frames = "1 frame, 0" if total_frames == 1 else f"{total_frames} frames, 0 to {total_frames - 1}"
        super().__init__(
            f"Raise total_frames, or set at_end to {AtEnd.STOP.value!r} or {AtEnd.KEEP.value!r}. Frame {frame} is past the "
            f"end: the animation has {frames}. Nothing was written."
        )


# --- loading and resuming -----------------------------------------------------------------------------------------


class FrameMissingError(ImageSequenceError, FileNotFoundError):
    """Frames that are not on disk.

    Attributes: `frames` (the missing ones), `available`, `path` (of the first missing one), `beyond` (the first of
    further missing frames, too many to list; None if there are none).
    """

    def __init__(
        self,
        frames: Sequence[int],
        available: Sequence[int],
        path: str,
        instead: str,
        fix: str,
        beyond: int | None = None,
        remedy: str = "",
    ) -> None:
        """`instead`: what to say if no frame is available. `fix`: what else to do, without the full stop.

        `remedy`: a sentence that comes first: what one widget repairs.
        """
        self.frames, self.available, self.path, self.beyond = list(frames), list(available), Path(path), beyond
        listed = [named(frames)] if frames else []
        if beyond is not None:
            listed.append(f"all frames from {beyond} on")
        verb = "is" if len(frames) == 1 and beyond is None else "are"
        what = f"{' and '.join(listed).capitalize()} {verb} missing: {path!r}"
        have = f"On disk {'is' if len(available) == 1 else 'are'} {in_short(available)}." if available else instead
        facts = f"{what}. {have}".rstrip()
        super().__init__(f"{remedy} {facts} {fix}." if remedy else f"{fix}. {facts}")


class FolderMissingError(ImageSequenceError, FileNotFoundError):
    """A folder that does not exist. Attributes: `folder`, `nearest` (the longest part of its path that exists)."""

    def __init__(self, folder: Path, nearest: Path) -> None:
        self.folder, self.nearest = folder, nearest
        super().__init__(
            f"Check the folder's name: there is no folder {str(folder)!r}. The nearest folder that exists is {str(nearest)!r}."
        )


class FrameGoneError(ImageSequenceError, FileNotFoundError):
    """A frame that was on disk before and is not now."""


class ReadPermissionError(ImageSequenceError, PermissionError):
    """A file or folder that the system does not let ComfyUI read. Attributes: `path`, `frame` (None for a folder)."""

    def __init__(self, path: Path, frame: int | None = None, error: OSError | None = None) -> None:
        """`error` is the system's."""
        self.path, self.frame = path, frame
        code = errno.EACCES if error is None else error.errno
        super().__init__(code, (error and error.strerror) or "Permission denied", str(path))

    def __str__(self) -> str:
        # OSError's own text begins with "[Errno 13]".
        what = "the folder" if self.frame is None else f"frame {self.frame}"
        return f"Let ComfyUI read {str(self.path)!r}: {what} cannot be read ({self.strerror})."


class FrameReadError(InputError):
    """A file that is not a whole image, or of an unsupported kind. Attributes: `frame`, `path`, `reason`."""

    def __init__(self, frame: int, path: Path, reason: str, remedy: str = "") -> None:
        """`reason` and `remedy`: without the full stop; by default, the frame must be rendered or copied again."""
        self.frame, self.path, self.reason = frame, path, reason
        remedy = sentence(remedy or f"render or copy frame {frame} again")
        super().__init__(f"{remedy} Frame {frame} cannot be read: {str(path)!r}: {reason}.")


class FrameSizeError(InputError):
    """Two frames of different sizes. Attributes: `frames`, `sizes` (two each, (width, height) in pixels), `path`."""

    def __init__(
        self, frames: tuple[int, int], sizes: tuple[tuple[int, int], tuple[int, int]], path: Path, fix: str = ""
    ) -> None:
        """`fix`: a sentence that says what to do; by default, what helps in Load Image Sequence (Batch)."""
        self.frames, self.sizes, self.path = frames, sizes, path
        first, second = (f"frame {frame} is {width} x {height}" for frame, (width, height) in zip(frames, sizes))
        fix = fix or f"Set on_size_mismatch to {OnSizeMismatch.RESIZE.value!r}, or load the frames separately."
        super().__init__(
            f"{fix} {first.capitalize()}, but {second}: {str(path)!r}. All images of a batch have the same size."
        )


class BatchTooLargeError(InputError):
    """A batch that does not fit into memory.

    Attributes: `needed`, `free` (bytes), `fitting` (how many frames would fit).
    """

    def __init__(self, count: int, size: tuple[int, int], needed: int, free: int, fitting: int) -> None:
        self.needed, self.free, self.fitting = needed, free, fitting
        super().__init__(
            f"Load fewer frames at a time, by frame_count or step, or one per run with Load Image Sequence (Frame). A batch "
            f"of {count} at {size[0]} x {size[1]} needs {gib(needed)} of memory, but {gib(free)} are free: {fitting} would "
            f"fit."
        )


class SequenceFaultError(InputError):
    """A sequence with faults, which a check was to stop at.

    Attributes: `kinds` (of the faults), `missing` (the frames to render again, as ranges; "" if there are none), `report`.
    """

    def __init__(self, kinds: Sequence[str], missing: str, report: str) -> None:
        self.kinds, self.missing, self.report = list(kinds), missing, report
        fix = f"Render {with_noun(shortened(missing))} again" if missing else "Repair the sequence"
        super().__init__(f"{fix}, or set on_problem to {OnProblem.REPORT.value!r}. {report}")


class AmbiguousFrameError(InputError):
    """Several files have the number of one frame.

    Attributes: `frame`, `paths`, `suggestion` (a pattern for the first).
    """

    def __init__(self, frame: int, paths: Sequence[Path], suggestion: str) -> None:
        self.frame, self.paths, self.suggestion = frame, list(paths), suggestion
        files = " and ".join(repr(path.name) for path in paths)
        super().__init__(
            f"Write a pattern that only one of the sequences matches, such as {self.suggestion!r}. Frame {frame} is {files} "
            f"in {str(paths[0].parent)!r}, but one frame is one file."
        )


class MixedTakesError(InputError):
    """A folder has frames both as single files and in batch folders, and the two lead to different next frames.

    Attributes: `folder`, `single` and `batch` (the next frame by each).
    """

    def __init__(self, folder: Path, single: int, batch: int) -> None:
        self.folder, self.single, self.batch = folder, single, batch
        super().__init__(
            f"Move the take that you do not want to continue to another folder, or choose a pattern that only the other one "
            f"matches. The folder {str(folder)!r} has frames of two takes: by the single files the next one is frame "
            f"{single}, by the batch folders (batch_0000, ...) it is frame {batch}."
        )


def nearest(word: str, words: Iterable[str], at_least: float = 0.4) -> str | None:
    """The one of `words` that is most similar to `word`, in any case.

    None if there are none, or if the similarity is below `at_least`: 0 is nothing in common, 1 is equal.
    """
    folded = {candidate.casefold(): candidate for candidate in words}
    found = difflib.get_close_matches(word[:_LONGEST_NAME].casefold(), folded, n=1, cutoff=at_least)
    return folded[found[0]] if found else None


def _short(name: str) -> str:
    """A name from a widget, cut to a length that fits into a message."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def sentence(clause: str) -> str:
    """`clause`, without a full stop, as a sentence: "it ends" -> "It ends."."""
    return f"{clause[:1].upper()}{clause[1:]}."


def gib(count: int) -> str:
    """A number of bytes for messages, such as "1.5 GiB"."""
    return f"{count / 2**30:,.1f} GiB"
