"""Tokens in the savers' texts: %year%, %width%, %date:yyyy-MM-dd% and the like. They work for API clients as well.

The frontend fills them in only for a fixed list of core nodes (frontend 1.58.1, Comfy.SaveImageExtraOutput).
"""

from __future__ import annotations

import re
from datetime import datetime

from ..errors import TokenError

_TOKEN = re.compile(r"%(?:date:(?P<format>[^%]*)|(?P<name>year|month|day|hour|minute|second|width|height))%")
# The frontend's date format: one letter without padding, two letters zero-padded; hours from 0 to 23.
_DATE_PART = re.compile(r"yyyy|yy|MM?|dd?|hh?|mm?|ss?")
# Other programs' date letters, which would otherwise be kept as text: the frontend writes yyyy, dd and hh.
_OTHER_DATE_PART = re.compile(r"YY+|DD+|HH+|SS+|yyy|y(?!y)")
# Text that looks like a token of ComfyUI's frontend (%Node title.widget%) or of another pack (%seed%): two names joined by
# a dot, or one word of at least two letters, between percent signs. '100%', '50%done', '%s' and '50% and 60%' remain text,
# and so does a word before a frame number, as in '50%dry%04d'.
_LOOKS_LIKE_TOKEN = re.compile(
    r"%(?:[^\W\d][^%/\\.]*\.\w[^%/\\.]*|[A-Za-z][A-Za-z_]*[A-Za-z](?::[^%]*)?)%(?![0-9]*[diu]\b)"
)
_NAMES = "%year%, %month%, %day%, %hour%, %minute%, %second%, %width%, %height% and %date:yyyy-MM-dd%"


def moment() -> datetime:
    """The current time in the local time zone, for the date tokens of a run that starts now."""
    return datetime.now().astimezone()


def needs_image(*texts: str) -> bool:
    """Whether any of `texts` contains a token that depends on the rendered image (%width% or %height%)."""
    return any(match["name"] in ("width", "height") for text in texts for match in _TOKEN.finditer(text))


def needs_time(*texts: str) -> bool:
    """Whether any of `texts` contains a token that depends on the time of the run."""
    return any(match["name"] not in ("width", "height") for text in texts for match in _TOKEN.finditer(text))


def resolve(text: str, now: datetime, width: int, height: int) -> str:
    """`text` with its tokens filled in; `width` and `height` are in pixels. Other percent signs are kept.

    Raises TokenError for an unknown token, and for an unknown date format.
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
    # Filled-in values are not searched for unknown tokens, nor can a token start in one text and end in the next.
    filled, end = [], 0
    for match in _TOKEN.finditer(text):
        filled += [
            _checked_text(text[end : match.start()]),
            values.get(match["name"]) or _date(match["format"], match[0], now),
        ]
        end = match.end()
    return "".join([*filled, _checked_text(text[end:])])


def resolve_time(text: str, now: datetime) -> str:
    """`text` with its date and time tokens filled in. Raises TokenError for all others."""
    if needs_image(text):
        token = "%width%" if "%width%" in text else "%height%"
        raise TokenError(token, "is the size of an image, which is not known here", "Write the number instead.")
    return resolve(text, now, 0, 0)


def _checked_text(text: str) -> str:
    """`text` itself, which contains no known token. Raises TokenError if it contains an unknown one."""
    if match := _LOOKS_LIKE_TOKEN.search(text):
        fix = f"Only {_NAMES} can be. Write one of them, or remove the percent signs."
        if "." in match[0]:
            fix = f"Values of other nodes are not available here: wire the whole text into this input instead. {fix}"
        raise TokenError(match[0], "cannot be filled in", fix)
    return text


def _date(text: str, token: str, now: datetime) -> str:
    numbers = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}
    if _OTHER_DATE_PART.search(text.replace("yyyy", "").replace("yy", "")):
        fix = "Use yyyy or yy, MM, dd, hh, mm and ss, as in %date:yyyy-MM-dd-hhmmss%."
        raise TokenError(token, "has an unknown date format", fix)

    def part(match: re.Match[str]) -> str:
        letters = match[0]
        if letters[0] == "y":
            return f"{now.year:04d}"[-len(letters) :]
        return f"{numbers[letters[0]]:0{len(letters)}d}"

    return _DATE_PART.sub(part, text)
