"""Messages: English text, and what it takes to say it in another language."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from io_utils.message import Message, words_of

ONE_OR_MANY = ("Saved frame %frames%: %path%", "Saved frames %frames%: %path%")


class TestAMessage:
    def test_is_its_english_text(self) -> None:
        message = Message("Frame %frame% is not on disk; loaded %file% instead", frame="7", file="f_06.png")

        assert message == "Frame 7 is not on disk; loaded f_06.png instead"
        assert json.dumps(message) == '"Frame 7 is not on disk; loaded f_06.png instead"'

    @pytest.mark.parametrize(
        ("count", "frames", "text"),
        [(1, "7", "Saved frame 7: f"), (0, "", "Saved frames : f"), (2, "7-8", "Saved frames 7-8: f")],
    )
    def test_is_in_the_singular_for_a_count_of_one(self, count: int, frames: str, text: str) -> None:
        assert Message(ONE_OR_MANY, count=count, frames=frames, path="f") == text

    def test_has_thousands_separators_in_numbers_but_not_in_frame_numbers(self) -> None:
        assert Message("frame %frame%, %done% of %total%", frame="10001", done=1017, total=12000) == (
            "frame 10001, 1,017 of 12,000"
        )

    def test_does_not_look_for_placeholders_in_values(self) -> None:
        assert Message("%a% %b%", a="%b%", b="50%done%") == "%b% 50%done%"

    def test_keeps_its_template_and_its_values_for_the_browser(self) -> None:
        assert Message(ONE_OR_MANY, count=1, frames="7", path="f").words == (
            (ONE_OR_MANY, {"count": 1, "frames": "7", "path": "f"}),
        )

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda message: pickle.loads(pickle.dumps(message))])
    def test_can_be_copied(self, again: Any) -> None:
        message = Message("Loaded frame %frame%", frame="7")

        copied = again(message)
        assert (copied, copied.words) == (message, message.words)


class TestLines:
    def test_are_one_text_with_the_words_of_each(self) -> None:
        message = Message.lines(
            [Message("Saved %a%", a="x"), Message.lines([Message("Kept %b%", b="y")]), "plain 100%"]
        )

        assert message == "Saved x\nKept y\nplain 100%"
        assert message.words == (("Saved %a%", {"a": "x"}), ("Kept %b%", {"b": "y"}), ("plain 100%", {}))

    def test_of_nothing_have_no_words(self) -> None:
        assert (words_of(Message.lines([])), words_of("")) == ((), ())
