"""Tokens in the texts of the savers: %year%, %width%, %date:yyyy-MM-dd% and the like, filled in here for API clients too.

The frontend fills them in for a fixed list of core nodes only (frontend 1.58.1, Comfy.SaveImageExtraOutput).
"""

from __future__ import annotations

import re
from datetime import datetime

_TOKEN = re.compile(r"%(?:date:(?P<format>[^%]*)|(?P<name>year|month|day|hour|minute|second|width|height))%")
# The frontend's date format: one letter plain, two letters padded; hours count to 23.
_DATE_PART = re.compile(r"yyyy|yy|MM?|dd?|hh?|mm?|ss?")
# Formats of other programs, which would otherwise stay as letters: here the year is yyyy, the day dd, the hour hh.
_OTHER_DATE_PART = re.compile(r"YY+|DD+|HH+|SS+|yyy|y(?!y)")
# What looks like a token of ComfyUI, of its frontend (%Node title.widget%) or of another pack (%seed%): words between
# two signs, or a word of three letters and more. So '100%', '50%done', '%s' and '50% and 60%' stay text; so does a word
# before a frame number, as in '50%dry%04d'.
_LIKE_TOKEN = re.compile(r"%(?:[^\W\d][^%/\\.]*\.\w[^%/\\.]*|[A-Za-z][A-Za-z_]*[A-Za-z](?::[^%]*)?)%(?![0-9]*[diu]\b)")
_NAMES = "%year%, %month%, %day%, %hour%, %minute%, %second%, %width%, %height% and %date:yyyy-MM-dd%"


class TokenError(ValueError):
    """A token that cannot be filled in. Attribute: `token`, as the user wrote it."""

    def __init__(self, token: str, reason: str, fix: str) -> None:
        self.token = token
        super().__init__(f"The token {token!r} {reason}. {fix}")


def moment() -> datetime:
    """Now, in the local time zone: what tokens of the date stand for in a run that begins."""
    return datetime.now().astimezone()


def needs_image(*texts: str) -> bool:
    """Does one of `texts` hold a token that takes the rendered image to fill in?"""
    return any(match["name"] in ("width", "height") for text in texts for match in _TOKEN.finditer(text))


def needs_time(*texts: str) -> bool:
    """Does one of `texts` hold a token that stands for the moment of the run?"""
    return any(match["name"] not in ("width", "height") for text in texts for match in _TOKEN.finditer(text))


def resolve(text: str, now: datetime, width: int, height: int) -> str:
    """`text` with its tokens filled in; `width` and `height` in pixels. A percent sign that begins no token is text.

    Raises TokenError for text that looks like a token but is unknown.
    """
    values = {
        "year": f"{now:%Y}",
        "month": f"{now:%m}",
        "day": f"{now:%d}",
        "hour": f"{now:%H}",
        "minute": f"{now:%M}",
        "second": f"{now:%S}",
        "width": str(width),
        "height": str(height),
    }
    # The value of a token is not searched for tokens, and neither is the text between two of them.
    filled, end = [], 0
    for match in _TOKEN.finditer(text):
        filled += [
            _known(text[end : match.start()]),
            values.get(match["name"]) or _date(match["format"], match[0], now),
        ]
        end = match.end()
    return "".join([*filled, _known(text[end:])])


def resolve_time(text: str, now: datetime) -> str:
    """`text` with the tokens filled in that need no image. Raises TokenError for the others."""
    if needs_image(text):
        token = "%width%" if "%width%" in text else "%height%"
        raise TokenError(token, "is the size of an image, and there is none here", "Write the number.")
    return resolve(text, now, 0, 0)


def _known(text: str) -> str:
    """`text` itself, in which there is no known token. Raises TokenError if there is one that is not known."""
    if match := _LIKE_TOKEN.search(text):
        fix = f"These are: {_NAMES}. Write one of them, or take the percent signs away."
        if "." in match[0]:
            fix = f"Values of other nodes are not: wire the whole text into this input instead. {fix}"
        raise TokenError(match[0], "cannot be filled in", fix)
    return text


def _date(text: str, token: str, now: datetime) -> str:
    numbers = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}
    if _OTHER_DATE_PART.search(text.replace("yyyy", "").replace("yy", "")):
        fix = "Use yyyy or yy, MM, dd, hh, mm and ss, as in %date:yyyy-MM-dd-hhmmss%."
        raise TokenError(token, "has a date format that cannot be filled in", fix)

    def part(match: re.Match[str]) -> str:
        letters = match[0]
        if letters[0] == "y":
            return f"{now.year:04d}"[-len(letters) :]
        return f"{numbers[letters[0]]:0{len(letters)}d}"

    return _DATE_PART.sub(part, text)
