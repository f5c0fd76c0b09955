"""Selection: its summary, and file names that are not UTF-8."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from io_utils.errors import (
    FrameReadError,
)
from io_utils.loading.selection import Selection
from io_utils.policies import OnSizeMismatch

from ..disk import (
    put,
    shades_of,
)
from .batches import DROP, load, on_disk, selected


class TestSummary:
    def test_says_what_was_loaded_and_what_is_missing(self, output: Path) -> None:
        on_disk(output, 1, 3, 4)

        assert selected(3, 2).summary == "Loaded frames 3-4"
        assert selected(1, 4, DROP).summary == "Loaded frames 1,3-4; not on disk: 2"


NOT_UTF_8 = os.fsdecode(b"caf\xe9_0001.png")  # é in Latin-1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
class TestANameThatIsNotUtf8:
    @pytest.fixture
    def selection(self, output: Path) -> Selection:
        put(output / "x.png", 7).rename(output / NOT_UTF_8)
        return Selection((1,), (1,), {1: output / NOT_UTF_8})

    def test_is_loaded(self, selection: Selection) -> None:
        assert shades_of(load(selection, OnSizeMismatch.ERROR)[0]) == [7]

    def test_has_a_fingerprint_that_changes_with_the_file(self, output: Path, selection: Selection) -> None:
        before = selection.fingerprint
        os.utime(output / NOT_UTF_8, (1, 1))

        assert selection.fingerprint != before

    def test_is_named_in_errors_that_a_utf_8_log_can_hold(self, output: Path, selection: Selection) -> None:
        (output / NOT_UTF_8).write_bytes(b"broken")
        with pytest.raises(FrameReadError) as caught:
            load(selection, OnSizeMismatch.ERROR)

        assert str(caught.value).encode()
