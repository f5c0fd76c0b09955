"""Tokens in a file name prefix."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_utils.errors import TokenError
from io_utils.naming.tokens import needs_image, resolve, resolve_without_size

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
EVENING = datetime(2026, 11, 21, 23, 45, 59, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        pytest.param("%year%", "2026", id="year"),
        pytest.param("%month%", "03", id="month"),
        pytest.param("%day%", "04", id="day"),
        pytest.param("%hour%", "05", id="hour"),
        pytest.param("%minute%", "06", id="minute"),
        pytest.param("%second%", "07", id="second"),
        pytest.param("%width%", "640", id="width"),
        pytest.param("%height%", "360", id="height"),
        pytest.param("%date:yyyy-MM-dd%", "2026-03-04", id="date"),
        pytest.param("%date:yy-M-d%", "26-3-4", id="date, short"),
        pytest.param("%date:hhmmss%", "050607", id="time"),
        pytest.param("%date:h.m.s%", "5.6.7", id="time, short"),
        pytest.param("%date:yyyy/MM/dd%", "2026/03/04", id="folders"),
        pytest.param("a_%width%x%height%_b", "a_640x360_b", id="several"),
        pytest.param("%year%%month%", "202603", id="side by side"),
        pytest.param("%year%month%", "2026month%", id="a percent sign ends one token only"),
        pytest.param("", "", id="nothing"),
        pytest.param("take 1", "take 1", id="no token"),
        pytest.param("100%", "100%", id="a percent sign"),
        pytest.param("50% and 60%", "50% and 60%", id="two percent signs"),
        pytest.param("50%done", "50%done", id="a percent sign before a word"),
        pytest.param("50%done_60%", "50%done_60%", id="two, with more than a word between them"),
        pytest.param("50%dry%04d", "50%dry%04d", id="a word before a frame number"),
        pytest.param("50%_wet_%04d", "50%_wet_%04d", id="a percent sign before a separator"),
        pytest.param("%s_%d", "%s_%d", id="printf words"),
        pytest.param("100%/50%", "100%/50%", id="in two folders"),
        pytest.param("%year", "%year", id="not closed"),
        pytest.param("%20%", "%20%", id="a number"),
        pytest.param("%05d", "%05d", id="printf"),
        pytest.param("{year} {0.__class__}", "{year} {0.__class__}", id="format fields"),
    ],
)
def test_tokens_are_replaced_and_all_other_text_stays(text: str, resolved: str) -> None:
    assert resolve(text, NOW, 640, 360) == resolved


@pytest.mark.parametrize(
    ("text", "token"),
    [
        pytest.param("%seed%", "%seed%", id="of other packs"),
        pytest.param("%batch_num%", "%batch_num%", id="of core's Save Image"),
        pytest.param("%Year%", "%Year%", id="another case"),
        pytest.param("%YEAR%", "%YEAR%", id="in capitals"),
        pytest.param("%date%", "%date%", id="date without a format"),
        pytest.param("%time:hh%", "%time:hh%", id="time"),
        pytest.param("%USERPROFILE%", "%USERPROFILE%", id="of Windows"),
        pytest.param("%year%/%seed%", "%seed%", id="next to a known one"),
        pytest.param("%year%seed%", None, id="a percent sign ends one token only"),
        pytest.param("%date:YYYY-MM-DD%", "%date:YYYY-MM-DD%", id="another date format"),
        pytest.param("%date:yyy%", "%date:yyy%", id="three letters for the year"),
        pytest.param("%date:HH%", "%date:HH%", id="another hour format"),
        pytest.param("%date:%", "%date:%", id="date with an empty format"),
        pytest.param("%My Image%", "%My Image%", id="a title without a widget"),
        pytest.param("%width %", "%width %", id="with a space"),
        pytest.param("%EmptyImage.%", "%EmptyImage.%", id="without the name of the widget"),
    ],
)
def test_an_unknown_token_is_an_error_that_lists_the_known_ones(text: str, token: str | None) -> None:
    if token is None:
        assert resolve(text, NOW, 1, 1) == "2026seed%"
        return
    with pytest.raises(TokenError, match=r"yyyy") as caught:
        resolve(text, NOW, 1, 1)

    assert caught.value.token == token
    assert repr(token) in str(caught.value)


@pytest.mark.parametrize("text", ["%width%", "f_%height%", "%year%/%width%"])
def test_the_size_of_an_image_is_an_error_where_there_is_no_image(text: str) -> None:
    with pytest.raises(TokenError, match="size of an image"):
        resolve_without_size(text, NOW)
    assert resolve_without_size("%year%/50%done", NOW) == "2026/50%done"


def test_hours_count_to_23() -> None:
    assert resolve("%hour%%minute% %date:hh-mm% %date:h%", EVENING, 1, 1) == "2345 23-45 23"


def test_the_value_of_a_token_is_not_resolved_again() -> None:
    assert resolve("%%year%%", NOW, 1, 1) == "%2026%"


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        pytest.param("a_%width%", True, id="width"),
        pytest.param("%year%/%height%", True, id="height"),
        pytest.param("%year%_%date:dd%", False, id="the time only"),
        pytest.param("%date:%width%", False, id="not a token there"),
        pytest.param("width", False, id="a word"),
    ],
)
def test_only_the_size_of_the_image_needs_the_image(text: str, needed: bool) -> None:
    assert needs_image(text) is needed


@given(st.lists(st.sampled_from(["%", "date:", "width", "year", "y", "M", "_", "%width%"]) | st.text(max_size=2)))
def test_a_prefix_that_needs_no_image_is_the_same_for_every_size(pieces: list[str]) -> None:
    text = "".join(pieces)
    if not needs_image(text):
        try:
            resolve(text, NOW, 1, 2)
        except TokenError:
            return
        assert resolve(text, NOW, 1, 2) == resolve(text, NOW, 3, 4)


@given(st.text(alphabet=st.characters(exclude_characters="%")))
def test_text_without_percent_signs_stays_as_it_is(text: str) -> None:
    assert resolve(text, NOW, 1, 1) == text
