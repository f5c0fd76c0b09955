"""The sample images of the OpenEXR project: https://github.com/AcademySoftwareFoundation/openexr-images.

They are not part of this repository: `pytest tests/formats/test_exr_samples.py --exr-images DIR` reads all EXR files below
DIR. The judge is OpenImageIO. Where it refuses a file or shows one face of an environment cube, the judges are the OpenEXR
package and, for luminance and chroma, that the colour has the luminance of the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO
import pytest

from io_utils.errors import BrokenImageError, UnknownLayerError, UnsupportedFileError
from io_utils.formats import registry

from ..exr_files import header_by_openexr, read_by_openexr, read_by_openimageio

REC709 = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = metafunc.config.getoption("--exr-images")
    if not folder:
        marks = pytest.mark.skip("needs the sample images of the OpenEXR project: --exr-images DIR")
        metafunc.parametrize("path", [pytest.param(None, id="none", marks=marks)])
        return
    paths = sorted(Path(folder).rglob("*.exr"))
    assert paths, f"there are no EXR files below {folder}"
    metafunc.parametrize("path", paths, ids=[path.relative_to(folder).as_posix() for path in paths])


def is_deep(path: Path) -> bool:
    file = OpenImageIO.ImageInput.open(str(path))
    OpenImageIO.geterror()  # an error that nobody asks for is printed at exit
    return file is not None and file.spec().deep


def test_is_read_as_by_another_program(path: Path) -> None:
    data = path.read_bytes()
    if is_deep(path):
        with pytest.raises(UnsupportedFileError, match="deep data"):
            registry.decode(data)
        return
    try:
        pixels, header = registry.decode_as_stored(data)
    except UnknownLayerError as error:  # a file of layers alone
        pixels, header = registry.decode_as_stored(data, error.available[0])
    except BrokenImageError:
        with pytest.raises(OSError):
            read_by_openimageio(path)
        return
    layer = header.parsed.layer
    if layer.is_luminance and len(layer.channels) - layer.has_alpha > 1:
        weights = luminance_weights(header_by_openexr(data, layer.part).get("chromaticities", REC709))
        judged = read_by_openexr(data, layer.part)["Y"].astype(np.float32)
        # OpenEXR's filter against fringes keeps luminance, and clips what is below 0.
        np.testing.assert_allclose(pixels[..., :3] @ weights, judged, rtol=2**-10, atol=1e-4)
        return
    if "envmap" in header.attributes:
        channels = read_by_openexr(data, layer.part)
    else:
        channels = read_by_openimageio(path, layer.part)
    expected = [channels[name].astype(np.float32) if name in channels else 0 for name in layer.channels]
    np.testing.assert_array_equal(pixels, np.stack(expected, axis=-1))


def luminance_weights(chromaticities: np.ndarray | list[float]) -> np.ndarray:
    """The shares of red, green and blue in luminance: SMPTE RP 177."""
    points = np.reshape(np.asarray(chromaticities, np.float64), (4, 2))
    primaries = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=-1)])  # rows: x, y, z
    white = primaries[:, 3] / primaries[1, 3]
    weights: np.ndarray = primaries[1, :3] * np.linalg.solve(primaries[:, :3], white)
    return weights
