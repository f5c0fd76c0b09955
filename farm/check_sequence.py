"""Check a sequence on disk: missing, unfinished and broken frames, and frames that do not belong together.

    python check_sequence.py "/mnt/renders/f_####.png"
    python check_sequence.py --missing --first 1001 --count 240 "/mnt/renders/f_####.png"

It prints the report of the node Check Image Sequence. It needs no ComfyUI, but the pack, whose folder is the one above this one
or named by --pack, and the Python packages that the pack needs: run it with the Python of a ComfyUI that has the pack.

PATTERN has the frame number as ####, %04d or {:04d}; it may also be a folder with one sequence, a wildcard, or the path of a
frame. Any folder may be checked. Quote it, or the shell takes * and # for its own.

Exit codes: 0 no fault, 1 faults, 2 refused, 130 cancelled. Remarks, such as black frames, are no faults.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

GOOD, FAULTY, REFUSED, CANCELLED, NO_READER = 0, 1, 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Check each pattern, and return the highest exit code."""
    options = _options().parse_args(arguments)
    if options.missing and len(options.patterns) > 1:
        return _refuse("Give one pattern: --missing prints the frames of one sequence.")
    sys.path.insert(0, str(options.pack.resolve()))
    try:
        from io_utils.checking.check import check  # noqa: PLC0415 the pack may be elsewhere, and torch takes a second
        from io_utils.checking.choose import CheckRequest  # noqa: PLC0415
        from io_utils.naming.allowed_roots import ANYWHERE  # noqa: PLC0415
        from io_utils.policies import Thoroughness  # noqa: PLC0415
    except ImportError as error:
        fix = "Name the folder of the pack with --pack, and run this with a Python that has what the pack needs"
        return _refuse(f"{fix}, such as ComfyUI's: {error}.")
    code = GOOD
    for pattern in options.patterns:
        try:
            request = CheckRequest(
                path_pattern=os.path.expanduser(pattern),
                folder=ANYWHERE,
                start_index=options.first,
                frame_count=options.count,
                thoroughness=Thoroughness.DECODE if options.decode else Thoroughness.QUICK,
            )
            chosen = request.choose()
            found = check(chosen, request.thoroughness, _run())
        except (ValueError, OSError) as error:
            code = max(code, _refuse(str(error)))
            continue
        code = max(code, GOOD if found.is_good else FAULTY)
        if options.json:
            sequence = {"path_pattern": str(chosen.sequence), "first": chosen.first, "last": chosen.last}
            _say(json.dumps({**sequence, "report": str(found.text), **found.as_json(), "missing": found.missing}))
        elif options.missing:
            _say(found.missing)
        else:
            _say(f"{chosen.sequence}\n{found.text}" if len(options.patterns) > 1 else found.text)
    return code


def _options() -> argparse.ArgumentParser:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("patterns", nargs="+", metavar="PATTERN")
    parser.add_argument(
        "--first", type=_number, default=0, metavar="N", help="the first frame; by default, the first one on disk"
    )
    parser.add_argument(
        "--count",
        type=_number,
        default=0,
        metavar="N",
        help="how many frames there should be; by default, up to the last one on disk",
    )
    parser.add_argument(
        "--decode",
        action="store_true",
        help="decode every frame: also find damage inside, NaN, black and repeated frames",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print a line of JSON for each pattern")
    shown.add_argument(
        "--missing",
        action="store_true",
        help="print only the frames to render again, as comfyui_frames.py --frames takes them",
    )
    parser.add_argument(
        "--pack",
        type=Path,
        default=Path(__file__).resolve().parents[1],
        metavar="DIR",
        help="the folder of the pack (default: the folder above this one)",
    )
    return parser


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"write a whole number from 0 in place of {text!r}")
    return int(text)


def _run() -> Any:
    """Shows progress on a terminal."""
    from io_utils.cancellable_run import Run  # noqa: PLC0415

    return Run(_progress) if sys.stderr.isatty() else Run()


def _progress(total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        end = "\r" if done < total else "\r\033[K"
        sys.stderr.write(f"{100 * done // total} %{end}")
        sys.stderr.flush()

    return show


def _say(text: str) -> None:
    print(text, flush=True)


def _refuse(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return REFUSED


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        ended = main()
    except KeyboardInterrupt:
        ended = CANCELLED
    except BrokenPipeError:
        ended = NO_READER
    except OSError as error:  # a full disk, where the output goes
        with contextlib.suppress(OSError):
            _refuse(f"Make room where the output goes: {error.strerror or error}.")
        ended = REFUSED
    # At once: Python would wait for the files that are being read, and complain about a closed output.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(ended)
