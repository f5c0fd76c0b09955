"""Names of files and folders that are safe on every system, and how names are shown."""

from __future__ import annotations

import re

from ..errors import PathError

# Common file systems allow 255 bytes. While a file is being written, its name is 19 bytes longer (see atomic.py).
MAX_NAME_BYTES = 230

# A file that is being written, or was when its program was killed: see atomic.py.
PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{12}\.part")

# PATH_MAX on Linux; no system accepts longer paths without special calls.
MAX_LENGTH = 4096

# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_RESERVED |= {f"{device}{n}" for device in ("com", "lpt") for n in "123456789¹²³"}
# Control characters, the characters that Windows forbids, and lone surrogates, which are not characters.
_FORBIDDEN = re.compile('[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')
_SURROGATE = re.compile("[\ud800-\udfff]")


def normalise(text: str, shown: str | None = None) -> str:
    """A relative path with '/' as separator, without '.' and empty names.

    Raises PathError, naming `shown`, for an absolute or too long path and for names that `check_names` refuses.
    """
    shown = text if shown is None else shown
    check_length(text, shown)
    if text.startswith(("/", "\\")):
        raise PathError(shown, "starts at the root of the file system", "Write the path without the slash in front.")
    names = [name for name in text.replace("\\", "/").split("/") if name not in ("", ".")]
    check_names("/".join(names), shown)
    return "/".join(names)


def check_names(path: str, shown: str | None = None) -> None:
    """Raise PathError, naming `shown`, if a name in the '/'-separated `path` is not safe on every system."""
    shown = path if shown is None else shown
    for name in path.split("/"):
        forbidden = _FORBIDDEN.search(name)
        if forbidden:
            rule = f"has the character {forbidden[0]!r}, which not every system allows in file names"
            raise PathError(shown, rule, "Use letters, digits, spaces, '.', '-' and '_'.")
        if len(name.encode()) > MAX_NAME_BYTES:
            rule = f"has a name of {len(name.encode())} bytes, more than {MAX_NAME_BYTES}"
            raise PathError(
                shown,
                rule,
                "Shorten the name: file systems allow 255 bytes, and it is longer while the file is being written.",
            )
        if name.startswith("~"):
            raise PathError(
                shown, "has a name that starts with '~', which is not expanded", "Write the full folder name."
            )
        if name == "..":
            raise PathError(shown, "leaves its folder with '..'", "Write a path that stays inside its folder.")
        if ".." in name:
            fix = "Write one dot in place of two: ComfyUI's /view refuses such names, so the frames could not be shown."
            raise PathError(shown, f"has two dots in a row, in {name!r}", fix)
        if name != name.rstrip(". ") or name != name.lstrip(" "):
            fix = "Remove the space or the dot: Windows drops it, and the file would have another name there."
            raise PathError(shown, f"has a space at the start, or a dot or a space at the end, of {name!r}", fix)
        if name.partition(".")[0].rstrip(" ").lower() in _RESERVED:
            raise PathError(shown, f"uses {name!r}, which is a device on Windows", f"Write {'_' + name!r} instead.")


def unquoted(text: str) -> str:
    """`text` without white space around it and a pair of quotes, which Windows' "Copy as path" puts around a path."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def check_length(path: str, shown: str) -> None:
    if len(path) > MAX_LENGTH:
        raise PathError(shown, f"is {len(path)} characters long", f"Shorten the path to {MAX_LENGTH} characters.")


def printable(text: str) -> str:
    """`text` with U+FFFD in place of lone surrogates, by which Python represents file name bytes that are not UTF-8.

    URLs, UTF-8 logs and some JSON readers cannot represent lone surrogates.
    """
    return _SURROGATE.sub("\ufffd", text)


def is_printable(text: str) -> bool:
    return _SURROGATE.search(text) is None
