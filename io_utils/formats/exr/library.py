"""The OpenEXR project's own Python package reads and writes the files. It is optional: see `require`.

It is called with one thread per file, because many files are in flight already; it releases Python's lock meanwhile.
"""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from ...errors import MissingPackageError, UnsupportedFileError
from .layout import Layout, has_all_chunks, read_layout

try:
    import OpenEXR
except ImportError:
    OpenEXR = None

# The first version that reads and writes streams. An older one, which another pack may have installed, counts as absent.
_LEAST_VERSION = (3, 5)
if tuple(map(int, re.findall("[0-9]+", getattr(OpenEXR, "__version__", "0"))[:2])) < _LEAST_VERSION:
    OpenEXR = None

_ONE_THREAD = 0  # the package's word for "no thread but the caller's"


def require() -> Any:
    """The package. Raises MissingPackageError, which says how to install it."""
    if OpenEXR is None:
        raise MissingPackageError("EXR files", "OpenEXR", ".".join(map(str, _LEAST_VERSION)))
    return OpenEXR


def read_parts(file: IO[bytes], *, header_only: bool) -> Sequence[Any]:
    """The parts of an EXR file, with a NumPy array per channel unless `header_only`.

    Raises ValueError for incomplete and damaged files, UnsupportedFileError for deep data, MissingPackageError.

    The package has three habits that this function hides. It prints the error about a damaged part and leaves the part
    out. It writes errors about an incomplete chunk table to the C library's stderr, so such files do not reach it. And it
    refuses headers with text that is not UTF-8, which older programs write. One habit remains: for a damaged chunk, two
    lines go to the C library's stderr, which cannot be redirected for one thread alone.
    """
    library = require()
    layout = read_layout(file)
    if any(storage.startswith(b"deep") for storage in layout.storages):
        raise UnsupportedFileError("it holds deep data", "flatten it first, for example with Nuke's DeepToImage")
    if not has_all_chunks(file, layout):
        raise ValueError("it is incomplete: it ends before its last pixels")
    file.seek(0)
    with _captured_prints() as printed:
        try:
            parts = library.File(file, True, header_only, _ONE_THREAD).parts
        except UnicodeDecodeError:
            parts = library.File(_as_utf8(file, layout), True, header_only, _ONE_THREAD).parts
    if len(parts) < len(layout.storages):
        raise ValueError(_reason(printed()) or "its pixels are damaged")
    return list(parts)


def write(header: Mapping[str, Any], channels: Mapping[str, Any]) -> bytes:
    """The bytes of a file with one part."""
    buffer = io.BytesIO()
    require().File(dict(header), dict(channels), _ONE_THREAD).write(buffer)
    return buffer.getvalue()


def _reason(printed: str) -> str:
    """The library's reason in what the package printed: "Warning: Exception raised reading ... part 0 - <reason>"."""
    reason = printed.partition(" - ")[2].partition("\n")[0].strip()
    return f"its pixels are damaged ({reason})" if reason else ""


def _as_utf8(file: IO[bytes], layout: Layout) -> IO[bytes]:
    """A copy of the file in which the text that is not UTF-8 has question marks, so that no length changes."""
    file.seek(0)
    data = bytearray(file.read())
    for start, length in layout.texts:
        text = bytes(data[start : start + length])
        try:
            text.decode()
        except UnicodeDecodeError:
            data[start : start + length] = bytes(byte if byte < 0x80 else ord("?") for byte in text)
    return io.BytesIO(data)


class _Capture:
    """Stands in for sys.stdout: keeps what some threads print, and passes on what all others print."""

    def __init__(self, stdout: Any) -> None:
        self.stdout = stdout
        self.printed: dict[int, list[str]] = {}

    def write(self, text: str) -> int:
        kept = self.printed.get(threading.get_ident())
        if kept is not None:
            kept.append(text)
        elif self.stdout is not None:  # as in a program without a console on Windows
            self.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        if self.stdout is not None:
            self.stdout.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stdout, name)


_lock = threading.Lock()
_capture: _Capture | None = None


@contextmanager
def _captured_prints() -> Iterator[Callable[[], str]]:
    """Keeps what this thread prints from the console. Yields a function that returns it afterwards.

    contextlib.redirect_stdout would swallow what other threads print, and restore the wrong stdout where two overlap.
    """
    global _capture  # noqa: PLW0603 the stand-in that all threads share while any of them reads a file
    thread = threading.get_ident()
    kept: list[str] = []
    with _lock:
        if _capture is None or sys.stdout is not _capture:
            _capture = _Capture(sys.stdout)
            sys.stdout = _capture
        capture = _capture
        capture.printed[thread] = kept
    try:
        yield lambda: "".join(kept)
    finally:
        with _lock:
            del capture.printed[thread]
            if not capture.printed and sys.stdout is capture:  # nobody else has replaced it meanwhile
                sys.stdout = capture.stdout
