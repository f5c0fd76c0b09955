"""Tokens in a file name prefix: %year%, %width%, %date:yyyy-MM-dd% and their like, resolved here for API clients too.

The frontend resolves them for a fixed list of core nodes only (frontend 1.58.1, Comfy.SaveImageExtraOutput).
"""

from __future__ import annotations

import re
from datetime import datetime

_TOKEN = re.compile(r"%(?:date:(?P<format>[^%]*)|(?P<name>year|month|day|hour|minute|second|width|height))%")
# The frontend's date format: one letter plain, two letters padded; hours count to 23.
_DATE_PART = re.compile(r"yyyy|yy|MM?|dd?|hh?|mm?|ss?")


def needs_image(text: str) -> bool:
    """Does `text` hold a token that only the rendered image answers?"""
    return any(match["name"] in ("width", "height") for match in _TOKEN.finditer(text))


def resolve(text: str, now: datetime, width: int, height: int) -> str:
    """`text` with its tokens replaced; `width` and `height` in pixels. Other text between % signs stays as it is."""
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

    def value(match: re.Match[str]) -> str:
        return values[match["name"]] if match["name"] else _date(match["format"], now)

    return _TOKEN.sub(value, text)


def _date(text: str, now: datetime) -> str:
    numbers = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}

    def part(match: re.Match[str]) -> str:
        letters = match[0]
        if letters[0] == "y":
            return f"{now.year:04d}"[-len(letters) :]
        return f"{numbers[letters[0]]:0{len(letters)}d}"

    return _DATE_PART.sub(part, text)
