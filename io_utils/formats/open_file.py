"""Opens files without ever blocking, even if a pipe or a device has a frame's name."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Without O_NONBLOCK, opening a pipe waits until somebody writes to it. Windows has neither flag nor such pipes.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> BinaryIO:
    """Open the regular file at `path` for reading. Checks the opened file, so nothing can replace it after the check.

    Raises FileNotFoundError for anything else with that name (a folder, a pipe, a device), and other OSErrors.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno != errno.ENXIO:  # an IPC endpoint, or a device file without its device: open(2)
            raise
        raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")
