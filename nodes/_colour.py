"""Shared by savers and loaders: the inputs that name colour spaces."""

from __future__ import annotations

from typing import Any

from ._inputs import widget

_MORE_SPACES = "With the package opencolorio, there are also the camera logs and the other spaces of its config."


def color_spaces(request: type[Any], of_images: str, of_files: str) -> dict[str, Any]:
    """The two inputs, with the tooltips `of_images` and `of_files`."""
    return {
        "image_color_space": widget(request, "image_color_space", of_images, advanced=True),
        "file_color_space": widget(request, "file_color_space", f"{of_files} {_MORE_SPACES}", advanced=True),
    }
