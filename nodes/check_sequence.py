"""Check Image Sequence: says what is wrong with the files of a sequence, before a film is made of them."""

from __future__ import annotations

import itertools
from typing import Any

from ..io_utils.checking.check import check
from ..io_utils.checking.choose import CheckRequest, Chosen
from ..io_utils.comfyui import report
from ..io_utils.comfyui.cache_watch import CacheWatch, Unchanged
from ..io_utils.comfyui.identity import Known
from ..io_utils.comfyui.look import Look
from ..io_utils.loading.choose_batch import check_pattern
from ..io_utils.loading.facts import UNKNOWN
from ..io_utils.naming.frame_pattern import LARGEST_FRAME
from . import _loader
from ._inputs import read, verdict, widget

_watch = CacheWatch()
# The cache keys of checks that could not read every file: they run again, although no file has changed. Permissions may have.
_uncertain: set[str] = set()
_attempts = itertools.count()


def _known(chosen: Chosen) -> Known:
    return Known(outputs=(None, None, None, chosen.sequence.path_pattern), files=chosen.fingerprint)


class ImageSequenceCheck:
    CATEGORY = "image/sequence"
    DESCRIPTION = (
        "Checks the files of a numbered sequence: missing, unfinished and broken frames, sizes, channels and bit depths that "
        "differ, NaN, frames of several graphs. Also reports black frames, neighbours with the same pixels and stray files. "
        "It can stop the run before a film is made of a sequence with faults."
    )
    SEARCH_ALIASES = [
        "check frames",
        "check sequence",
        "verify frames",
        "verify images",
        "validate sequence",
        "missing frames",
        "find missing frames",
        "broken frames",
        "corrupt images",
        "black frames",
        "duplicate frames",
        "frame gaps",
        "nan check",
        "quality control",
        "qc",
        "image sequence",
    ]
    FUNCTION = "check"
    OUTPUT_NODE = True
    RETURN_TYPES = ("STRING", "STRING", "BOOLEAN", "STRING")
    RETURN_NAMES = ("report", "missing", "is_good", "path_pattern")
    OUTPUT_TOOLTIPS = (
        "What was found, as text: the verdict, then one line for each problem.",
        "The frames to render again: missing, unfinished and broken ones, such as 1005,1010-1012. The input frames of a loader takes such a list.",
        "True if there is no fault. Black frames, neighbours with the same pixels and stray files do not count: they may be meant.",
        "The pattern that was checked, for a loader: it then waits for the check, and 'raise error' stops it.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        start = "The first frame to check. 0 means the first one on disk; with a pattern and a frame_count, it means frame 0."
        count = "How many frames there should be: those that are not on disk are missing. 0 checks up to the last one on disk."
        thoroughness = (
            "quick: read the beginning and the end of every file, which finds everything but damage in the middle, NaN, black "
            "frames and neighbours with the same pixels. decode every frame: find those as well."
        )
        problem = (
            "When a fault is found. report: say so, and go on. raise error: stop the run before the nodes that are wired to "
            "this one."
        )
        large = {"max": LARGEST_FRAME}
        return {
            "required": {
                "path_pattern": widget(CheckRequest, "path_pattern", _loader.PATH_PATTERN_TOOLTIP),
            },
            "optional": {
                "folder": widget(CheckRequest, "folder", _loader.FOLDER_TOOLTIP),
                "start_index": widget(CheckRequest, "start_index", start, **large),
                "frame_count": widget(CheckRequest, "frame_count", count, **large),
                "thoroughness": widget(CheckRequest, "thoroughness", thoroughness),
                "on_problem": widget(CheckRequest, "on_problem", problem),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, path_pattern: Any = None) -> bool | str:
        return verdict(check_pattern, path_pattern)

    @classmethod
    def IS_CHANGED(cls, unique_id: Any = None, **inputs: Any) -> str:
        key = _loader.mark(cls, CheckRequest, inputs, _watch, unique_id)
        return f"{key} {next(_attempts)}" if key in _uncertain else key

    @classmethod
    def KNOWN_BEFORE_RUN(cls, **inputs: Any) -> Known:
        return _loader.known(inputs, lambda: _known(read(cls, CheckRequest, inputs).choose()))

    @classmethod
    def look(cls, **inputs: Any) -> Look:
        if "path_pattern" not in inputs:
            return Look(facts=UNKNOWN)
        request = read(cls, CheckRequest, _loader.unwired(cls, inputs))
        chosen = request.choose()
        shown = report.described_sequences(chosen.shown, missing=chosen.some_missing)
        return Look(shown, request.facts(chosen))

    def check(self, unique_id: Any = None, **inputs: Any) -> dict[str, Any]:
        request = read(self, CheckRequest, inputs)
        chosen = request.choose()
        # Record before reading: if a file changes meanwhile, the next run checks it again.
        _watch.record(unique_id, Unchanged(request.fingerprint, chosen.fingerprint))
        found = check(chosen, request.thoroughness, report.comfyui_run())
        _uncertain.discard(chosen.fingerprint)
        if not found.is_certain:
            _uncertain.add(chosen.fingerprint)
            _watch.record(unique_id, Unchanged(request.fingerprint, "not known"))
        ui = report.checked(chosen.shown, found.text, found.as_json(), missing=chosen.some_missing)
        if found.stops(request.on_problem):
            report.show_before_error(ui)
            raise found.error
        pattern = chosen.sequence.path_pattern
        return {"ui": ui, "result": (str(found.text), found.missing, found.is_good, pattern)}
