"""Tokens in the savers' texts: %year%, %width%, %date:yyyy-MM-dd%, %KSampler.seed% and the like, also for API clients.

The frontend fills them in only for a fixed list of core nodes (frontend 1.58.1, Comfy.SaveImageExtraOutput).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol

from ..errors import TokenError
from .node_values import NodeValues

# A node is not mistaken for a frame number: '%04d.png_50%' is not a token.
_TOKEN = re.compile(
    r"""%(?: date:(?P<format>[^%]*)
          | (?P<name> year|month|day|hour|minute|second|width|height )
          | (?! [0-9]*[diu](?![A-Za-z]) ) (?P<node> [^\s%/\\.][^%]* ) \. (?P<widget> [^\W\d][^%/\\.]* )
         )%""",
    re.VERBOSE,
)
# The frontend's date format: one letter without padding, two letters zero-padded; hours from 0 to 23.
_DATE_PART = re.compile(r"yyyy|yy|MM?|dd?|hh?|mm?|ss?")
# Other programs' date letters, which would otherwise be kept as text: the frontend writes yyyy, dd and hh.
_OTHER_DATE_PART = re.compile(r"YY+|DD+|HH+|SS+|yyy|y(?!y)")
# Text that looks like a token of ComfyUI's frontend or of another pack (%seed%): a name with a dot behind it, or words of at
# least two letters, between percent signs. '100%', '50%done', '%s' and '50% and 60%' remain text, and so does a word before a
# frame number, as in '50%dry%04d'.
_LOOKS_LIKE_TOKEN = re.compile(
    r"%(?:[^\W\d][^%/\\]*\.[^%/\\.]*|[A-Za-z][A-Za-z_ ]*[A-Za-z]\ *(?::[^%]*)?)%(?![0-9]*[diu]\b)"
)
_NAMES = (
    "%year%, %month%, %day%, %hour%, %minute%, %second%, %width%, %height%, %date:yyyy-MM-dd% and values of other nodes, such "
    "as %KSampler.seed%"
)
_SIZES = ("width", "height")

# Stand-ins are characters of Unicode's private use area, which no rule for names refuses.
_FIRST_STAND_IN = 0xE000
_MOST_STAND_INS = 6400


class Values(Protocol):
    """Where the values of other nodes come from."""

    def fill(self, token: str, name: str, widget: str) -> str:
        """The text in place of `token`, %name.widget%. Raises TokenError if there is none."""


class Later:
    """Fills in a stand-in for every token whose value only a run knows, so that the rest of a text can be checked before."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}

    def fill(self, token: str, name: str = "", widget: str = "") -> str:
        number = len(self._stand_ins) % _MOST_STAND_INS
        return self._stand_ins.setdefault(token, chr(_FIRST_STAND_IN + number))

    def restored(self, text: str) -> str:
        """`text` with the tokens themselves in place of their stand-ins."""
        for token, stand_in in self._stand_ins.items():
            text = text.replace(stand_in, token)
        return text


def moment() -> datetime:
    """The current time in the local time zone, for the date tokens of a run that starts now."""
    return datetime.now().astimezone()


def needs_image(*texts: str) -> bool:
    """Whether any of `texts` contains a token that depends on the rendered image (%width% or %height%)."""
    return any(match["name"] in _SIZES for text in texts for match in _TOKEN.finditer(text))


def needs_nodes(*texts: str) -> bool:
    """Whether any of `texts` contains a token for the value of another node (%KSampler.seed%)."""
    return any(match["node"] for text in texts for match in _TOKEN.finditer(text))


def needs_run(*texts: str) -> bool:
    """Whether any of `texts` contains a token whose value only a run knows."""
    return needs_image(*texts) or needs_nodes(*texts)


def needs_time(*texts: str) -> bool:
    """Whether any of `texts` contains a token that depends on the time of the run."""
    found = (match for text in texts for match in _TOKEN.finditer(text))
    return any(match["node"] is None and match["name"] not in _SIZES for match in found)


def resolve(text: str, now: datetime, width: int, height: int, nodes: Values | None = None) -> str:
    """`text` with its tokens filled in; `width` and `height` are in pixels. Other percent signs are kept.

    `nodes` fills in the values of other nodes; `Later` also stands in for the size. Raises TokenError for an unknown token,
    for an unknown date format, and like `NodeValues.fill`.
    """
    nodes = nodes or NodeValues()
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
    if isinstance(nodes, Later):
        values |= {name: nodes.fill(f"%{name}%") for name in _SIZES if f"%{name}%" in text}

    def value(match: re.Match[str]) -> str:
        if match["node"]:
            return _checked_value(match[0], nodes.fill(match[0], match["node"], match["widget"]))
        return values[match["name"]] if match["name"] else _date(match["format"], match[0], now)

    # Filled-in values are not searched for unknown tokens, nor can a token start in one text and end in the next.
    filled, end = [], 0
    for match in _TOKEN.finditer(text):
        filled += [_checked_text(text[end : match.start()]), value(match)]
        end = match.end()
    return "".join([*filled, _checked_text(text[end:])])


def resolve_without_size(text: str, now: datetime, nodes: Values | None = None) -> str:
    """Like `resolve`, where there is no image. Raises TokenError for %width% and %height%."""
    if needs_image(text):
        token = "%width%" if "%width%" in text else "%height%"
        raise TokenError(token, "is the size of an image, which is not known here", "Write the number instead.")
    return resolve(text, now, 0, 0, nodes)


def _checked_text(text: str) -> str:
    """`text` itself, which contains no known token. Raises TokenError if it contains an unknown one."""
    if match := _LOOKS_LIKE_TOKEN.search(text):
        fix = f"Write one of {_NAMES}, or remove the percent signs."
        raise TokenError(match[0], "cannot be filled in", fix)
    return text


def _checked_value(token: str, value: str) -> str:
    """`value` in place of `token`. Raises TokenError if it is empty, or a token itself, which would become part of a name."""
    if not value.strip():
        raise TokenError(token, "is empty in that node", "Fill in the widget, or write the text without the token.")
    if _TOKEN.search(value) or _LOOKS_LIKE_TOKEN.search(value):
        fix = "Write the token itself into this text: tokens in the widgets of other nodes are not filled in."
        raise TokenError(token, f"stands for {value!r}", fix)
    return value


def _date(text: str, token: str, now: datetime) -> str:
    numbers = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}
    if not text.strip() or _OTHER_DATE_PART.search(text.replace("yyyy", "").replace("yy", "")):
        fix = "Use yyyy or yy, MM, dd, hh, mm and ss, as in %date:yyyy-MM-dd-hhmmss%."
        raise TokenError(token, "has an unknown date format", fix)

    def part(match: re.Match[str]) -> str:
        letters = match[0]
        if letters[0] == "y":
            return f"{now.year:04d}"[-len(letters) :]
        return f"{numbers[letters[0]]:0{len(letters)}d}"

    return _DATE_PART.sub(part, text)
