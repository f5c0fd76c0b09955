"""Draws all frames of several sequences on one image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 12  # one row for each animation of the demo
_THUMB = (144, 81)
_GAP = 8
_CAPTION = 18
_TITLE = 34
_MARGIN = 16
_BACKGROUND, _INK, _FAINT = (24, 25, 28), (236, 236, 232), (150, 152, 158)


def contact_sheet(rows: Sequence[tuple[str, Sequence[Path]]], path: Path) -> None:
    """Write a PNG to `path` that shows a title and the frames of each (title, files)."""
    width = 2 * _MARGIN + _COLUMNS * _THUMB[0] + (_COLUMNS - 1) * _GAP
    lines = [math.ceil(len(files) / _COLUMNS) for _, files in rows]
    line_height = _THUMB[1] + _CAPTION + _GAP
    height = 2 * _MARGIN + sum(_TITLE + count * line_height for count in lines)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    title_font, caption_font = ImageFont.load_default(17), ImageFont.load_default(11)

    top = _MARGIN
    for (title, files), count in zip(rows, lines, strict=True):
        draw.text((_MARGIN, top + 6), title, font=title_font, fill=_INK)
        top += _TITLE
        for i, file in enumerate(files):
            x = _MARGIN + i % _COLUMNS * (_THUMB[0] + _GAP)
            y = top + i // _COLUMNS * line_height
            with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as frame:
                sheet.paste(frame.convert("RGB").resize(_THUMB, Image.Resampling.LANCZOS), (x, y))
            centre = (x + _THUMB[0] // 2, y + _THUMB[1] + _CAPTION // 2)
            draw.text(centre, file.name, font=caption_font, fill=_FAINT, anchor="mm")
        top += count * line_height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
