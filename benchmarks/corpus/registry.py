"""Contents by name, each of one kind."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .draw import Random, Size

Pixels = npt.NDArray[Any]
Maker = Callable[[Random, Size], Pixels]

# What the tables and the panels of the chart are about -> their titles.
KINDS = {
    "photo": "photographs, noisy",
    "clean": "photographs, clean",
    "gradient": "gradients",
    "depth": "depth, normals, motion",
    "mask": "masks, flat colours",
    "graphic": "text, interfaces, lines",
    "drawing": "drawings, few colours",
    "noise": "noise",
    "format": "grey, alpha, 16 bits",
    "mixed": "mixed",
}


class Registry:
    """One half of the corpus."""

    def __init__(self) -> None:
        self._makers: dict[str, tuple[str, Maker]] = {}

    def content(self, kind: str) -> Callable[[Maker], Maker]:
        """Register the decorated function, under its own name, as a content of this kind."""

        def register(maker: Maker) -> Maker:
            self.add(kind, maker.__name__, maker)
            return maker

        return register

    def add(self, kind: str, name: str, maker: Maker) -> None:
        """Register a content. Raises ValueError for a name that is taken: the name is the seed, too."""
        if name in self._makers:
            raise ValueError(f"name it differently: there is a content {name!r} already")
        self._makers[name] = kind, maker

    def names(self) -> dict[str, str]:
        """Name -> kind, in the order of KINDS."""
        return {name: kind for of in KINDS for name, (kind, _) in self._makers.items() if kind == of}

    def picture(self, name: str, size: Size) -> Pixels:
        """Return the content as (height, width) or (height, width, channels), uint8 or uint16.

        The same arguments give the same pixels: the name is the seed. Raises ValueError for an unknown name.
        """
        if name not in self._makers:
            raise ValueError(f"unknown content {name!r}: expected one of {', '.join(self._makers)}")
        pixels = self._makers[name][1](np.random.default_rng(zlib.crc32(name.encode())), size)
        return np.ascontiguousarray(pixels)
