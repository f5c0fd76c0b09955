"""The colour spaces that images and files may be in, by name, and the conversion from one to another.

Some are built in. With the optional package `opencolorio` there are also those of its config, see `ocio`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ColorConfigError, ColorSpaceError
from . import curves, ocio
from .curves import Scratch
from .primaries import AP0, AP1, P3_D65, REC709, REC2020, Chromaticities, Matrix, to_xyz_d65

Pixels = npt.NDArray[np.float32]

AUTOMATIC = "automatic"
AS_STORED = "as stored"

# Numbers in one block. With 16,000, a curve takes 11 ms a megapixel instead of 9, for the calls of numpy; the scratch arrays
# of many more would leave the cache. Above 29,000 pixels OpenBLAS would start threads for a product with a 3 x 3 matrix.
_BLOCK = 60_000
# A matrix that differs less from the identity is left out: EXR's chromaticities are float32, which makes up to 7e-8.
_SMALLEST_CHANGE = 2e-7
# An OpenColorIO conversion keeps grey if the channels of its results differ less, relative to values above 1.
_GREY_TOLERANCE = 1e-5
_GREYS = np.linspace(-1, 2, 301, dtype=np.float32)


@dataclass(frozen=True)
class ColorSpace:
    """A colour space, built in or of an OpenColorIO config.

    chromaticities: of a built-in one; None for one of a config.
    is_srgb_encoded: whether its values have the sRGB curve. The other built-in ones are linear.
    config: the one that defines `name`; None for a built-in one.
    """

    name: str
    chromaticities: Chromaticities | None = None
    is_srgb_encoded: bool = False
    config: ocio.Config | None = None

    @classmethod
    def linear(cls, chromaticities: Chromaticities, name: str = "the file's chromaticities") -> ColorSpace:
        """The linear space with these primaries and this white. Raises ChromaticitiesError if they make none."""
        to_xyz_d65(chromaticities)
        return cls(name, chromaticities)

    @classmethod
    def of_file(cls, chromaticities: Chromaticities | None) -> ColorSpace:
        """What a file means: linear light with its own chromaticities, or sRGB without. Raises ChromaticitiesError."""
        return SRGB if chromaticities is None else cls.linear(chromaticities)


SRGB = ColorSpace("sRGB", REC709, is_srgb_encoded=True)
LINEAR_REC709 = ColorSpace("linear Rec.709", REC709)
LINEAR_REC2020 = ColorSpace("linear Rec.2020", REC2020)
LINEAR_P3_D65 = ColorSpace("linear P3-D65", P3_D65)
ACESCG = ColorSpace("ACEScg", AP1)
ACES2065_1 = ColorSpace("ACES2065-1", AP0)

_BUILT_IN = (SRGB, LINEAR_REC709, LINEAR_REC2020, LINEAR_P3_D65, ACESCG, ACES2065_1)
_BY_FOLDED_NAME = {space.name.casefold(): space for space in _BUILT_IN}

IMAGE_COLOR_SPACES: tuple[str, ...] = (SRGB.name, LINEAR_REC709.name, ACESCG.name)
FILE_COLOR_SPACES: tuple[str, ...] = (AUTOMATIC, AS_STORED, *(space.name for space in _BUILT_IN))


def file_color_spaces() -> tuple[str, ...]:
    """FILE_COLOR_SPACES, and the other active colour spaces of the OpenColorIO config, if the package is installed.

    A config that cannot be read adds none: `color_space` reports it.
    """
    try:
        config = ocio.current_config()
    except ColorConfigError:
        return FILE_COLOR_SPACES
    names = config.names if config else ()
    known = {name.casefold() for name in FILE_COLOR_SPACES}
    return (*FILE_COLOR_SPACES, *(name for name in names if name.casefold() not in known))


def color_space(name: str) -> ColorSpace:
    """The colour space with this name: a built-in one, else one of the OpenColorIO config. Case does not matter.

    In a config, aliases, roles and inactive colour spaces are found too, as in other programs. "automatic" and "as
    stored" are none. Raises ColorSpaceError for an unknown name, ColorConfigError if the config cannot be read.
    """
    if built_in := _BY_FOLDED_NAME.get(name.casefold()):
        return built_in
    config = ocio.current_config()
    if config is not None and (found := config.find(name)) is not None:
        return ColorSpace(found, config=config)
    raise ColorSpaceError(name, file_color_spaces(), has_ocio=config is not None)


def conversion(source: ColorSpace, target: ColorSpace) -> Conversion | None:
    """What converts pixels from `source` to `target`, or None if there is nothing to do.

    Data (a colour space such as Raw, which its config declares as data) are never converted.
    Raises ColorConfigError if a config cannot convert.
    """
    if source == target or _is_data(source) or _is_data(target):
        return None
    steps: list[_Step] = []
    if source.config is not None and source.config is target.config:
        steps += _config_step(source.config.conversion(source.name, target.name))
    else:
        start, end = _end(source), _end(target)
        if source.config is not None and start.role is not None:
            steps += _config_step(source.config.conversion(source.name, start.role))
        steps += _built_in_steps(start, end)
        if target.config is not None and end.role is not None:
            steps += _config_step(target.config.conversion(end.role, target.name))
    return Conversion(tuple(steps)) if steps else None


class Conversion:
    """Converts pixels from one colour space to another. It may be called in several threads at once.

    The steps of a block of pixels follow each other while it is in the cache, and without the GIL, except the calls themselves.
    """

    def __init__(self, steps: tuple[_Step, ...]) -> None:
        self._steps = steps

    def __call__(self, pixels: Pixels) -> Pixels:
        """Convert `pixels`, float32 of (height, width, 1 or 3), in place if they can be written to. Returns the result.

        Grey, one channel, is R = G = B. The result has one channel as well, except if `keeps_grey` is false: then it is
        a new array of three. NaN stays NaN. Values are not clipped; a matrix makes several channels infinite or NaN if
        one is infinite.
        """
        pixels = np.require(pixels, np.float32, ["C", "W"])
        channels = pixels.shape[-1]
        assert channels in (1, 3), pixels.shape
        if channels == 1 and any(step.mixes_channels and not step.keeps_white for step in self._steps):
            return self._from_grey(pixels)
        # Matrices between built-in spaces take white to white, so grey needs the curves only.
        steps = [step for step in self._steps if channels == 3 or not step.mixes_channels]
        _apply(steps, _blocks(pixels.reshape(-1, channels), _BLOCK // channels))
        return pixels

    @cached_property
    def keeps_grey(self) -> bool:
        """Whether one channel of grey stays one channel. It depends on the colour spaces, not on the pixels.

        All built-in ones keep it. Those of a config are asked for the greys from -1 to 2.
        """
        greys = np.repeat(_GREYS[:, None], 3, axis=1)
        _apply(self._steps, [greys])
        finite = greys[np.isfinite(greys).all(axis=1)]  # 2 in a logarithmic space may be beyond float32
        return bool(np.all(np.ptp(finite, axis=1) <= _GREY_TOLERANCE * np.maximum(1, np.abs(finite[:, 1]))))

    def _from_grey(self, pixels: Pixels) -> Pixels:
        grey = pixels.reshape(-1, 1)
        result = grey if self.keeps_grey else np.empty((len(grey), 3), np.float32)
        for part, out in zip(_blocks(grey, _BLOCK // 3), _blocks(result, _BLOCK // 3)):
            rgb = np.repeat(part, 3, axis=1)
            _apply(self._steps, [rgb])
            out[...] = rgb[:, 1:2] if self.keeps_grey else rgb
        return result.reshape(*pixels.shape[:-1], result.shape[1])


class _Step(NamedTuple):
    """A function that converts a block of pixels (n, channels) in place, with scratch arrays of n * channels numbers.

    mixes_channels: whether it needs three channels. keeps_white: whether such a step leaves R = G = B as it is.
    """

    run: Callable[[Pixels, Scratch], None]
    mixes_channels: bool = False
    keeps_white: bool = False


class _End(NamedTuple):
    """One side of the conversion between built-in spaces: a space, or the role that connects a config.

    to_xyz_d65: the matrix of the linear values.
    """

    to_xyz_d65: Matrix
    is_srgb_encoded: bool
    role: str | None = None


def _is_data(space: ColorSpace) -> bool:
    return space.config is not None and space.config.is_data(space.name)


def _end(space: ColorSpace) -> _End:
    if space.config is None:
        assert space.chromaticities is not None
        return _End(to_xyz_d65(space.chromaticities), space.is_srgb_encoded)
    role = space.config.interchange(space.name)
    return _End(to_xyz_d65(AP0) if role == ocio.SCENE_INTERCHANGE else np.eye(3), False, role)


def _built_in_steps(start: _End, end: _End) -> Iterator[_Step]:
    matrix = np.linalg.inv(end.to_xyz_d65) @ start.to_xyz_d65
    has_matrix = bool(np.abs(matrix - np.eye(3)).max() > _SMALLEST_CHANGE)
    if not has_matrix and start.is_srgb_encoded == end.is_srgb_encoded:
        return
    if start.is_srgb_encoded:
        yield _Step(lambda block, scratch: curves.decode(block.reshape(-1), scratch))
    if has_matrix:
        keeps_white = bool(np.abs(matrix.sum(axis=1) - 1).max() < _SMALLEST_CHANGE)
        yield _Step(_product(matrix), mixes_channels=True, keeps_white=keeps_white)
    if end.is_srgb_encoded:
        yield _Step(lambda block, scratch: curves.encode(block.reshape(-1), scratch))


def _product(matrix: Matrix) -> Callable[[Pixels, Scratch], None]:
    columns = np.ascontiguousarray(matrix.T, np.float32)

    def run(block: Pixels, scratch: Scratch) -> None:
        product = scratch.first.reshape(block.shape)
        np.matmul(block, columns, out=product)
        block[...] = product

    return run


def _config_step(convert: ocio.Convert | None) -> Iterator[_Step]:
    if convert is not None:
        yield _Step(lambda block, scratch: convert(block), mixes_channels=True)


def _blocks(pixels: Pixels, length: int) -> Iterator[Pixels]:
    """Views of the (n, channels) `pixels`, `length` pixels each."""
    for start in range(0, len(pixels), length):
        yield pixels[start : start + length]


def _apply(steps: Iterable[_Step], blocks: Iterable[Pixels]) -> None:
    """Take each block, of at most _BLOCK numbers, through all steps."""
    memory = Scratch.of(_BLOCK)
    with np.errstate(all="ignore"):  # very bright values overflow to infinity
        for block in blocks:
            scratch = memory.cut(block.size)
            for step in steps:
                step.run(block, scratch)
