"""Message: an English text for the user that the browser can say in the user's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

English = str | tuple[str, str]
Line = tuple[English, Mapping[str, str | int]]

_PLACEHOLDER = re.compile(r"%(\w+)%")


class Message(str):
    """The English text. Its `words` are what web/js/locale.js translates: (template, values) of each line.

    The template has %placeholders% for the values. It may be a singular and a plural, of which the value `count` chooses one.
    Numbers are written with thousands separators; frame numbers, which have none, are strings. devtools/locales.py finds the
    templates, so they must be literals.
    """

    __slots__ = ("words",)
    words: tuple[Line, ...]

    def __new__(cls, english: English, /, **values: str | int) -> Message:  # noqa: PYI034 Self is not in Python 3.10
        template = english if isinstance(english, str) else english[values["count"] != 1]
        message = super().__new__(cls, _PLACEHOLDER.sub(lambda match: _shown(values.get(match[1], match[0])), template))
        message.words = ((english, values),)
        return message

    @classmethod
    def lines(cls, texts: Iterable[str]) -> Message:
        """`texts`, one per line. Those that are not messages stay English."""
        texts = list(texts)
        message = super().__new__(cls, "\n".join(texts))
        message.words = tuple(line for text in texts for line in words_of(text))
        return message


def words_of(text: str) -> tuple[Line, ...]:
    """What the browser translates of `text`; a plain text is its own template."""
    if isinstance(text, Message):
        return text.words
    return ((text, {}),) if text else ()


def _shown(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"
