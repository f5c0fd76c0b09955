"""OpenColorIO, which is optional: `pip install opencolorio`.

The config is the one that the operator names in `image_sequence_ocio.txt`, else OpenColorIO's built-in ACES studio config.
No environment variable chooses or changes it: $OCIO is not read, the config's own variables (`environment:`) have
their defaults only, and $OCIO_INACTIVE_COLORSPACES hides no colour space. OpenColorIO itself reads two more: $OCIO_LOGGING_LEVEL,
and $OCIO_OPTIMIZATION_FLAGS, which sets the precision of its arithmetic. It offers no way to ignore them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import host
from ..errors import ColorConfigError

CONFIG_FILE = "image_sequence_ocio.txt"
BUILT_IN = "ocio://"
STUDIO_CONFIG = BUILT_IN + "studio-config-latest"

# https://opencolorio.readthedocs.io/en/latest/guides/authoring/overview.html: the roles that connect configs.
SCENE_INTERCHANGE = "aces_interchange"  # ACES2065-1
DISPLAY_INTERCHANGE = "cie_xyz_d65_interchange"  # CIE XYZ, white D65

Convert = Callable[[npt.NDArray[np.float32]], None]


def library() -> Any | None:
    """The module PyOpenColorIO, or None if it is not installed. The first call imports it."""
    try:
        import PyOpenColorIO  # noqa: PLC0415 -- it takes 30 ms, and most workflows need none of its colour spaces
    except ImportError:
        return None
    return PyOpenColorIO


def config_file() -> Path:
    """The operator's file that names the config. It need not exist."""
    return host.system_user_folder() / CONFIG_FILE


def current_config() -> Config | None:
    """The config that is in force, or None without PyOpenColorIO. It is read again only if its file has changed.

    Raises ColorConfigError if the operator's file is invalid, or names a config that cannot be read.
    """
    if library() is None:
        return None
    source = _named_config() or STUDIO_CONFIG
    if source.startswith(BUILT_IN):
        return _load(source, 0, 0)
    try:
        status = os.stat(source)
    except OSError as error:
        raise ColorConfigError(config_file(), source, f"cannot be read: {error.strerror}") from error
    return _load(source, status.st_mtime_ns, status.st_size)


class Config:
    """An OpenColorIO config and the context in which its variables have their defaults.

    names: its colour spaces in its order, without those that it declares inactive.
    """

    def __init__(self, source: str, config: Any) -> None:
        """`source`: the path of its file, or ocio://<name>."""
        self._source, self._config = source, config
        # The config's own context holds values from the environment. Its copy also knows where the config's files are.
        self._context = copy.deepcopy(config.getCurrentContext())
        self._context.clearStringVars()
        for name in config.getEnvironmentVarNames():
            self._context.setStringVar(name, config.getEnvironmentVarDefault(name))
        ocio = library()
        assert ocio is not None
        # By default, getColorSpaceNames() leaves out what an environment variable names.
        every = config.getColorSpaceNames(
            ocio.SearchReferenceSpaceType.SEARCH_REFERENCE_SPACE_ALL, ocio.ColorSpaceVisibility.COLORSPACE_ALL
        )
        inactive = {self.find(name.strip()) for name in config.getInactiveColorSpaces().split(",")}
        self.names = tuple(name for name in every if name not in inactive)

    def find(self, name: str) -> str | None:
        """The name of the colour space that has this name, alias or role, in any case. None if there is none."""
        try:
            name.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON allows
            return None
        space = self._config.getColorSpace(name)
        return None if space is None else str(space.getName())

    def is_data(self, name: str) -> bool:
        """Whether the colour space is for data that are no colours, such as Raw."""
        return bool(self._config.getColorSpace(name).isData())

    def interchange(self, name: str) -> str:
        """The role through which a colour space of this config is connected to those outside.

        It is the role for the reference space of `name`, so that no view transform, which may be a tone curve, is on the
        way. If the config lacks it, it is the other one. Raises ColorConfigError if the config has neither.
        """
        ocio = library()
        assert ocio is not None
        roles = [SCENE_INTERCHANGE, DISPLAY_INTERCHANGE]
        reference = self._config.getColorSpace(name).getReferenceSpaceType()
        if reference == ocio.ReferenceSpaceType.REFERENCE_SPACE_DISPLAY:
            roles.reverse()
        for role in roles:
            if self._config.hasRole(role):
                return role
        raise ColorConfigError(
            config_file(), self._source, f"has neither the role {SCENE_INTERCHANGE} nor {DISPLAY_INTERCHANGE}"
        )

    def conversion(self, source: str, target: str) -> Convert | None:
        """What converts RGB pixels, any C-contiguous float32 array of them, in place. None if there is nothing to do.

        `source` and `target`: names of colour spaces or roles. The function may be called in several threads; it
        releases the GIL. Pixels with a NaN become NaN in all channels.
        Raises ColorConfigError if OpenColorIO cannot convert, for example because a LUT is missing.
        """
        ocio = library()
        assert ocio is not None
        try:
            processor = self._config.getProcessor(self._context, source, target)
            if processor.isNoOp():
                return None
            # The default flags approximate powers and logarithms: white becomes 1.000007, and it takes 40 ms a megapixel
            # instead of 57.
            cpu = processor.getOptimizedCPUProcessor(ocio.OptimizationFlags.OPTIMIZATION_LOSSLESS)
        except (ocio.Exception, ocio.ExceptionMissingFile) as error:
            raise ColorConfigError(
                config_file(), self._source, f"cannot convert {source!r} to {target!r}: {error}"
            ) from error

        def convert(pixels: npt.NDArray[np.float32]) -> None:
            # OpenColorIO's logarithms take NaN for their lowest value, which would hide it.
            broken = np.isnan(pixels).any(axis=-1) if pixels.size and np.isnan(pixels.min()) else None
            cpu.applyRGB(pixels)
            if broken is not None:
                pixels[broken] = np.nan

        return convert


def _named_config() -> str | None:
    """The config that the operator's file names, or None if there is no such file, or nothing in it but comments."""
    file = config_file()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ColorConfigError(file, "", f"is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ColorConfigError(file, "", f"cannot be read: {error.strerror}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return None
    named = lines[0]
    is_path = Path(named).is_absolute() and Path(named).suffix.lower() in (".ocio", ".ocioz")
    if len(lines) > 1 or not (is_path or named.startswith(BUILT_IN)):
        raise ColorConfigError(file, "", f"has the line {lines[-1]!r}")
    return named


@lru_cache(maxsize=2)
def _load(source: str, mtime_ns: int, size: int) -> Config:
    """Read the config `source`. `mtime_ns` and `size` of its file belong to the key of the cache."""
    ocio = library()
    assert ocio is not None
    ocio.ClearAllCaches()  # also of LUT files, which may have changed with the config
    try:
        if source.startswith(BUILT_IN):
            return Config(source, ocio.Config.CreateFromBuiltinConfig(source.removeprefix(BUILT_IN)))
        return Config(source, ocio.Config.CreateFromFile(source))
    except Exception as error:  # OpenColorIO's two have no common base, and names that are not UTF-8 raise Python's
        raise ColorConfigError(config_file(), source, f"cannot be read: {error}") from error
