"""Tokens in a file name prefix."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_utils.tokens import needs_image, resolve

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
        pytest.param("%date:%", "", id="empty date"),
        pytest.param("a_%width%x%height%_b", "a_640x360_b", id="several"),
        pytest.param("%year%%month%", "202603", id="side by side"),
        pytest.param("%year%month%", "2026month%", id="a sign ends one token only"),
        pytest.param("", "", id="nothing"),
        pytest.param("take 1", "take 1", id="no token"),
        pytest.param("100%", "100%", id="a percent sign"),
        pytest.param("50% and 60%", "50% and 60%", id="two percent signs"),
        pytest.param("%Year%", "%Year%", id="another case"),
        pytest.param("%year", "%year", id="not closed"),
        pytest.param("%date%", "%date%", id="date without a format"),
        pytest.param("%KSampler.seed%", "%KSampler.seed%", id="the frontend's own tokens"),
        pytest.param("%05d", "%05d", id="printf"),
        pytest.param("{year} {0.__class__}", "{year} {0.__class__}", id="format fields"),
    ],
)
def test_tokens_are_filled_in_and_all_else_stays(text: str, resolved: str) -> None:
    assert resolve(text, NOW, 640, 360) == resolved


def test_hours_count_to_23() -> None:
    assert resolve("%hour%%minute% %date:hh-mm% %date:h%", EVENING, 1, 1) == "2345 23-45 23"


def test_what_a_token_stands_for_is_not_resolved_again() -> None:
    assert resolve("%date:%%year%", NOW, 1, 1) == "2026"
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
def test_only_the_picture_s_size_needs_the_picture(text: str, needed: bool) -> None:
    assert needs_image(text) is needed


@settings(deadline=None)
@given(st.lists(st.sampled_from(["%", "date:", "width", "year", "y", "M", "_", "%width%"]) | st.text(max_size=2)))
def test_a_prefix_that_needs_no_picture_is_the_same_for_every_size(pieces: list[str]) -> None:
    text = "".join(pieces)
    if not needs_image(text):
        assert resolve(text, NOW, 1, 2) == resolve(text, NOW, 3, 4)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="%")))
def test_text_without_percent_signs_stays_as_it_is(text: str) -> None:
    assert resolve(text, NOW, 1, 1) == text
