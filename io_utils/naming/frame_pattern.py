"""FramePattern: converts frame numbers to file names and back."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property

from ..errors import InputError, PatternError
from .file_names import MAX_LENGTH

# Signed 64-bit frame numbers have at most 19 digits, and file systems limit names to 255 bytes.
MAX_PADDING = 32

# The largest number that the widgets hold (Number.MAX_SAFE_INTEGER of the frontend). Longer numbers in file names that no
# pattern describes are times, serial numbers and the like.
LARGEST_FRAME = 2**53 - 1

# Patterns read numbers below this one, so they must not write larger ones.
END = 10**MAX_PADDING

# The names of the frame number in `{i:04d}`.
_ARGUMENTS = ("", "i", "0", "frame")

# The notations of this pack and of other programs. Houdini writes $F4 (https://www.sidefx.com/docs/houdini/render/expressions.html),
# Shake, Katana and RV write one '@' per digit, After Effects puts '#' in brackets, Maya and Arnold write <frame>.
_FIELD = re.compile(
    r"""
      (?P<escape> \{\{ | \}\} )
    | \$F (?P<houdini> [0-9]+ ) | \$\{F (?P<braced> [0-9]* ) \} | (?P<bare> \$F (?! [A-Za-z0-9] ) )
    | (?P<variable> \$ (?: FF | SF | NFRAMES | [FR]?FSTART | [FR]?FEND ) (?! [A-Za-z] ) )
    | \{ (?P<argument> [^{}:!]* ) (?P<conversion> ![^{}:]* )? (?: : (?P<spec> [^{}]* ) )? \}
    | % (?P<padded> [0-9]+ ) [diu]
    | (?P<printf> (?: (?<! [0-9] ) %d | %d (?! [A-Za-z] ) ) (?! ate: | ay% ) | %[iu] (?! [A-Za-z] ) )  # but 50%done
    | (?P<unlike> % (?: [-+']+ [0-9]+ | [0-9]* \. [0-9]+ | [0-9]+ (?: ll? | hh? ) | \( \w+ \) [0-9]* ) [diu] )
    | \[ (?P<bracketed> \#+ ) \]
    | (?P<hashes> \#+ )
    | (?P<ats> @@+ | (?<! [^._/\\-] ) @ (?! [^._/\\-] ) )  # but me@home
    | (?P<angled> < (?i: frame | f ) [\s:]* [0-9]* d? > )
    | (?P<stray> [{}] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class FramePattern:
    """A file name (or '/'-separated path) with the frame number between its literals, `len(literals) - 1` times.

    `padding` is the minimum number of digits, 0 for no padding. Longer numbers are never truncated: frame 1000 of
    `f_###.png` is `f_1000.png`. `name` and `number` are inverses. `str()` returns the pattern in `str.format` notation.
    """

    literals: tuple[str, ...]
    padding: int = 0

    @classmethod
    def parse(cls, text: str) -> FramePattern:
        """Read `f_{:06d}.png`, `f_{}.png`, `f_{i:04d}.png`, `f_{0:04d}.png`, `f_%06d.png` or `f_####.png`.

        It also reads `{frame:04d}`, `%04i`, `%04u`, `$F4`, `${F4}`, `$F`, `@@@@` and `[####]`. It refuses notations that
        leave the padding open or are not a plain number (`<frame>`, `$FF`, `%+04d`) instead of taking them literally.
        A single '@' is a frame number only between '.', '_', '-' and '/'.

        `{{` and `}}` stand for braces. A named number (`{i}`, `{0}`, `{frame}`) may be repeated in the same notation.
        A pattern without a frame number is valid and names one file. Raises PatternError. Never calls `str.format` on
        `text`: that would allow attribute access and huge paddings
        (https://docs.python.org/3/library/string.html#formatstrings).
        """
        if len(text) > MAX_LENGTH:
            reason = f"is {len(text)} characters long, more than the {MAX_LENGTH} that a path can have"
            raise PatternError(text[:40] + "...", reason, "frame_{:06d}.png")
        literals, fields, end = [""], [], 0
        for match in _FIELD.finditer(text):
            literals[-1] += text[end : match.start()]
            end = match.end()
            if match["escape"]:
                literals[-1] += match["escape"][0]
                continue
            padding = _padding(text, match)
            fields.append((match["argument"], padding, match[0]))
            literals.append("")
        literals[-1] += text[end:]
        if len(set(fields)) > 1 or (len(fields) > 1 and not fields[0][0]):
            written = " and ".join(repr(field) for _, _, field in fields)
            reason = f"has {len(fields)} frame numbers ({written}), but a file has only one"
            raise PatternError(text, reason, _with_one_number(text))
        return cls(tuple(literals), fields[0][1] if fields else 0)

    @classmethod
    def around(cls, before: str, after: str, padding: int) -> FramePattern:
        """The pattern `before<frame>after`, both taken literally. Raises PatternError if `padding` is above 32."""
        pattern = cls((before, after), max(0, padding))
        if padding > MAX_PADDING:
            reason = f"pads frame numbers to {padding} digits, more than {MAX_PADDING}"
            raise PatternError(str(pattern), reason, str(cls((before, after), 5)))
        return pattern

    def within(self, folder: str) -> FramePattern:
        """The same names inside `folder`, a '/'-separated path taken literally ('' for no folder)."""
        head = f"{folder}/{self.literals[0]}" if folder else self.literals[0]
        return FramePattern((head, *self.literals[1:]), self.padding)

    def with_suffix(self, suffix: str) -> FramePattern:
        """The same names with `suffix` before their extension: `f_{:04d}.png` -> `f_{:04d}-0.png`."""
        stem, dot, extension = self.literals[-1].rpartition(".")
        last = f"{stem}{suffix}{dot}{extension}" if dot else f"{self.literals[-1]}{suffix}"
        return FramePattern((*self.literals[:-1], last), self.padding)

    @property
    def hashes(self) -> str:
        """The pattern with a # for each digit of the frame number: `f_####.png`."""
        return ("#" * max(1, self.padding)).join(self.literals)

    @property
    def extension(self) -> str:
        """'.png' for `f_{:04d}.png`, or ''. Only text after the frame number counts: `shot.####` has no extension."""
        return os.path.splitext("x" + self.literals[-1].replace("\\", "/").rpartition("/")[2])[1]

    @property
    def has_number(self) -> bool:
        return len(self.literals) > 1

    def name(self, frame: int) -> str:
        """The file name of `frame`. Raises ValueError if the pattern has a number and `frame` is not in 0 .. 10**32 - 1."""
        if not 0 <= frame < END and self.has_number:
            limit = f"from 0 on: {frame} is negative" if frame < 0 else f"of at most {MAX_PADDING} digits"
            raise InputError(f"Use frame numbers {limit}.")
        return f"{frame:0{self.padding}d}".join(self.literals)

    def number(self, name: str) -> int | None:
        """The frame number in `name`, or None if `name` does not match this pattern."""
        match = self._regex.fullmatch(name) if self.has_number else None
        if match is None:
            return None
        frame = int(match["frame"])
        return frame if self.name(frame) == name else None

    def require_number(self, frames: int) -> None:
        """Raise PatternError if `frames`, the number of frames, is above 1 and all would have the same name."""
        if frames > 1 and not self.has_number:
            reason = f"has no frame number, but there are {frames} frames"
            raise PatternError(str(self), reason, _with_one_number(str(self)))

    def relative(self) -> tuple[str, FramePattern]:
        """(folder, pattern): the folder that all frames share, and the pattern of the names in it."""
        folder, _, head = self.literals[0].rpartition("/")
        return folder, FramePattern((head, *self.literals[1:]), self.padding)

    def component(self) -> FramePattern:
        """The pattern of the first file or folder name that contains the frame number."""
        literals: list[str] = []
        for literal in self.relative()[1].literals:
            name, slash, _ = literal.partition("/")
            literals.append(name)
            if slash:
                break
        return FramePattern(tuple(literals), self.padding)

    def __str__(self) -> str:
        number = f"{{:0{self.padding}d}}" if self.padding else "{}"
        if len(self.literals) > 2:  # str.format counts bare fields up; only {0} repeats the same number
            number = number.replace("{", "{0")
        return number.join(literal.replace("{", "{{").replace("}", "}}") for literal in self.literals)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        first, *others = (re.escape(literal) for literal in self.literals[1:])
        rest = first + "".join("(?P=frame)" + other for other in others)
        # [0-9], not \d: int() also reads digits of other scripts, but name() would not write them back.
        return re.compile(re.escape(self.literals[0]) + "(?P<frame>[0-9]{1,32})" + rest)


def frame_in(name: str) -> tuple[str, str, str] | None:
    """The parts of the file name of a frame: before its number, the digits, after them. None if it has no frame number.

    The number in 'p.1001.png' and 'ComfyUI_00001_.png' is a frame; those in 'v2.png' and 'take1.png' need not be.
    """
    match = re.fullmatch(
        rf"(.*?)((?:(?<![A-Za-z0-9])[0-9]{{1,{MAX_PADDING}}})|(?:(?<![0-9])[0-9]{{3,{MAX_PADDING}}}))([\W_]*\.[^.]+)",
        name,
        re.DOTALL,
    )
    return (match[1], match[2], match[3]) if match else None


def numbers_in(text: str) -> list[str]:
    """The frame number notations in `text`, supported or not: `####`, `$F4`, `<frame>`.

    For prefixes, to which the number is added: there a notation would become part of the name. Braces around other words
    (`{seed}`) do not count.
    """
    return [match[0] for match in _FIELD.finditer(text) if _is_number(match)]


def without_numbers_in(text: str) -> str:
    """`text` without these notations and the separators beside them: 'shots/f_####' -> 'shots/f', '####' -> ''."""
    names = []
    for name in text.replace("\\", "/").split("/"):
        kept, end = "", 0
        for match in filter(_is_number, _FIELD.finditer(name)):
            kept, end = (kept + name[end : match.start()]).rstrip("._- "), match.end()
        rest = name[end:]
        names.append(kept + rest if kept else rest.lstrip("._- ") if end else rest)
    *folders, last = names
    return "/".join([*(folder for folder in folders if folder), last]).rstrip("/") if any(names) else ""


def _is_number(match: re.Match[str]) -> bool:
    if match["escape"] or match["stray"]:
        return False
    return not match["conversion"] and match["argument"] in (None, *_ARGUMENTS)


def _padding(text: str, match: re.Match[str]) -> int:
    """The padding of one field. Raises PatternError if the field is not a zero-padded frame number."""
    digits = _digits(match)
    if match["stray"]:
        reason = f"has a single {match[0]!r}"
    elif match["conversion"] or match["argument"] not in (None, *_ARGUMENTS) or match["variable"]:
        reason = f"asks for {match[0]!r}, which is not the frame number"
    elif match["angled"]:
        reason = f"has {match[0]!r}, which does not clearly say how the frame number is padded"
    elif digits is None:
        reason = f"writes the frame number as {match[0]!r}, but only whole numbers padded with zeros are supported"
    elif digits > MAX_PADDING:
        reason = f"pads frame numbers to {digits} digits, more than {MAX_PADDING}"
    else:
        return digits
    raise PatternError(text, reason, _with_one_number(text))


def _digits(match: re.Match[str]) -> int | None:
    """The padding of a field; None if it is not a zero-padded integer."""
    if run := match["hashes"] or match["bracketed"] or match["ats"]:
        return len(run)
    if match["houdini"] or match["braced"] is not None:
        return int(match["houdini"] or match["braced"] or 0)
    if match["bare"] or match["printf"]:
        return 0
    if match["padded"]:
        return _zero_padded(match["padded"])
    if match["conversion"] or match["argument"] not in _ARGUMENTS:
        return None
    return _zero_padded((match["spec"] or "").removesuffix("d"))


def _zero_padded(spec: str) -> int | None:
    """'06' -> 6, '' and '0' -> 0; None for anything else ('6' pads with spaces in both str.format and printf)."""
    if not spec or spec == "0":
        return 0
    return int(spec) if re.fullmatch(r"0[1-9][0-9]{0,9}", spec) else None


def _with_one_number(text: str) -> str:
    """`text` with exactly one valid frame number, in place of its last field or before its extension."""
    fields = [match for match in _FIELD.finditer(text) if not match["escape"]]
    numbers = [match for match in fields if not match["stray"]]
    if not numbers:
        folder, slash, file = _without_numbers(text).rpartition("/")
        stem, dot, extension = file.rpartition(".")
        if parts := frame_in(file):
            return f"{folder}{slash}{parts[0]}{'#' * len(parts[1])}{parts[2]}"
        return f"{folder}{slash}{stem or file}_{{:06d}}{dot}{extension if dot else ''}"
    chosen = next((match for match in reversed(numbers) if _digits(match) is not None), numbers[-1])
    width = re.search(r"[1-9][0-9]?", chosen[0])
    digits = _digits(chosen) or (int(width[0]) if width else 4)
    number = f"{{:0{min(digits, MAX_PADDING)}d}}"
    return f"{_without_numbers(text[: chosen.start()])}{number}{_without_numbers(text[chosen.end() :])}"


def _without_numbers(text: str) -> str:
    """`text` without any field, and without any that the removal of another creates."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"[{}%#]", "", _FIELD.sub("", text))
    return text
