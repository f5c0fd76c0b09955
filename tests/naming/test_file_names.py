"""Names of files and folders that are safe on every system, and how names are shown."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given

from io_utils.errors import PathError
from io_utils.naming.file_names import (
    MAX_LENGTH,
    MAX_NAME_BYTES,
    check_length,
    check_names,
    is_printable,
    normalise,
    printable,
)

from .path_texts import path_texts


class TestNormalise:
    @given(path_texts)
    def test_leaves_its_own_results_as_they_are(self, text: str) -> None:
        try:
            path = normalise(text)
        except PathError:
            return
        assert normalise(path) == path
        assert not path.startswith("/")
        check_names(path)


class TestCheckNames:
    @pytest.mark.parametrize("name", ["nul", "con.png", "COM1.tar.gz", "aux .txt"])
    def test_suggests_a_safe_name_in_place_of_a_device(self, name: str) -> None:
        with pytest.raises(PathError) as caught:
            check_names(name)
        instead = str(caught.value).partition("Use '")[2].partition("' instead.")[0]

        check_names(instead)

    @pytest.mark.parametrize("letter", ["x", "é", "日"])
    def test_counts_the_bytes_of_a_name_and_not_its_characters(self, letter: str) -> None:
        longest = letter * (MAX_NAME_BYTES // len(letter.encode()))

        check_names(f"shots/{longest}/{longest}")
        with pytest.raises(PathError, match=f"more than {MAX_NAME_BYTES}"):
            check_names(f"shots/{longest}{letter}")


def test_a_path_has_at_most_4096_characters() -> None:
    check_length("a" * MAX_LENGTH, "shown")
    with pytest.raises(PathError, match=r"'shown'.*is 4097 characters long"):
        check_length("a" * (MAX_LENGTH + 1), "shown")


@pytest.mark.parametrize("name", ["f_0001.png", "séquence 1/日本", "\U0001f600.png"])
def test_names_without_lone_surrogates_are_shown_as_they_are(name: str) -> None:
    assert is_printable(name)
    assert printable(name) == name


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_each_byte_that_is_not_utf_8_is_shown_as_a_replacement_character() -> None:
    name = os.fsdecode(b"caf\xe9_0001.png")  # é in Latin-1

    assert not is_printable(name)
    assert printable(name) == "caf\ufffd_0001.png"
