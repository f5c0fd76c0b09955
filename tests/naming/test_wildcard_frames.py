"""Frame numbers in file names that no pattern describes. How wildcards use them is in test_frame_folder.py."""

from __future__ import annotations

import re

import pytest

from io_utils.naming.wildcard_frames import is_image, is_negative


def number_in(name: str) -> re.Match[str]:
    number = re.search(r"([0-9]+)\D*$", name)
    assert number is not None
    return number


class TestIsNegative:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("-005.png", id="at the beginning"),
            pytest.param("f.-005.png", id="after a dot"),
            pytest.param("f_-5.png", id="after an underscore"),
            pytest.param("f -5.png", id="after a space"),
            pytest.param("f--5.png", id="after another sign"),
            pytest.param("frame (-5).png", id="after an opening bracket"),
            pytest.param("f.\u2212005.png", id="a minus sign"),
            pytest.param("f.\u2013005.png", id="an en dash"),
        ],
    )
    def test_a_sign_after_a_separator_makes_a_number_negative(self, name: str) -> None:
        assert is_negative(number_in(name))

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("f_005.png", id="no sign"),
            pytest.param("shot-005.png", id="after a letter"),
            pytest.param("é-005.png", id="after a letter outside ASCII"),
            pytest.param("caf\udce9-005.png", id="after a byte that is not UTF-8"),
            pytest.param("v2-5.png", id="after a digit"),
            pytest.param("shot (a)-5.png", id="after a round bracket"),
            pytest.param("[a]-005.png", id="after a square bracket"),
        ],
    )
    def test_any_other_dash_is_a_separator(self, name: str) -> None:
        assert not is_negative(number_in(name))


class TestIsImage:
    @pytest.mark.parametrize("name", ["f_0001.png", "F.JPEG", "f.0001.exr", "cover.webp", "f.tif"])
    def test_the_extension_decides_in_any_case(self, name: str) -> None:
        assert is_image(name)

    @pytest.mark.parametrize("name", ["f_0001.gif", "f_0001.txt", "f_0001", "png", "f_0001.png.part"])
    def test_other_files_are_not_images(self, name: str) -> None:
        assert not is_image(name)

    def test_hidden_files_are_not_images(self) -> None:
        assert not is_image(".f_0001.png")
