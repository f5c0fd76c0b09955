"""EXR files of the savers, compared by oiiotool --diff with files that tifffile and colour-science made of the same images.

oiiotool comes with OpenImageIO's Python package. The reference is float TIFF, so neither its encoder nor its colour is ours.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

colour = pytest.importorskip("colour")

OIIOTOOL = Path(sys.executable).with_name("oiiotool.exe" if sys.platform == "win32" else "oiiotool")
pytestmark = pytest.mark.skipif(not OIIOTOOL.is_file(), reason="OpenImageIO's package did not install oiiotool")


def diff(ours: Path, reference: Path, fail: float) -> str:
    """What `oiiotool --diff` says if any value differs by more than `fail`, else ""."""
    command = [str(OIIOTOOL), "--fail", str(fail), "--diff", str(reference), str(ours)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def pictures(*, alpha: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.rand(2, 37, 53, 4 if alpha else 3, generator=generator)


def save(pack: ModuleType, images: torch.Tensor, **inputs: Any) -> None:
    node = pack.NODE_CLASS_MAPPINGS["ImageSequenceSaveBatch"]()
    node.save(images=[images], path_pattern="a_####.exr", start_index=1001, overwrite="true", **inputs)


@pytest.mark.parametrize(("filetype", "fail"), [("exr", 1e-6), ("exr 16-bit", 2**-11)])
@pytest.mark.parametrize("compression", ["ZIP", "ZIPS", "PIZ", "RLE", "none"])
@pytest.mark.parametrize("alpha", [False, True], ids=["RGB", "RGBA"])
def test_a_frame_is_linear_and_associated(
    pack: ModuleType, output: Path, tmp_path: Path, filetype: str, fail: float, compression: str, alpha: bool
) -> None:
    images = pictures(alpha=alpha)

    save(pack, images, filetype=filetype, exr_compression=compression)

    for number, image in enumerate(images.double().numpy(), 1001):
        linear = np.concatenate([colour.models.eotf_sRGB(image[..., :3]), image[..., 3:]], axis=-1)
        linear[..., :3] *= linear[..., 3:] if alpha else 1
        options: Any = {"extrasamples": ["assocalpha"]} if alpha else {}
        reference = tmp_path / f"{number}.tif"
        tifffile.imwrite(reference, linear.astype(np.float32), photometric="rgb", **options)
        assert diff(output / f"a_{number}.exr", reference, fail) == ""


@pytest.mark.parametrize("space", ["ACEScg", "ITU-R BT.2020"])
def test_a_frame_is_in_the_colour_space_that_is_chosen(
    pack: ModuleType, output: Path, tmp_path: Path, space: str
) -> None:
    images = pictures(alpha=False)

    save(pack, images, filetype="exr", file_color_space={"ITU-R BT.2020": "linear Rec.2020"}.get(space, space))

    source, target = (colour.RGB_COLOURSPACES[name].copy() for name in ("sRGB", space))
    for either in (source, target):  # from the primaries; the published matrices are rounded to four digits
        either.use_derived_transformation_matrices(usage=True)
    matrix = colour.matrix_RGB_to_RGB(source, target, chromatic_adaptation_transform="Bradford")
    linear = colour.models.eotf_sRGB(images[0].double().numpy()) @ matrix.T
    tifffile.imwrite(tmp_path / "reference.tif", linear.astype(np.float32), photometric="rgb")
    assert diff(output / "a_1001.exr", tmp_path / "reference.tif", 1e-5) == ""


def test_oiiotool_notices_a_difference(pack: ModuleType, output: Path, tmp_path: Path) -> None:
    images = pictures(alpha=False)
    save(pack, images, filetype="exr")
    tifffile.imwrite(tmp_path / "encoded.tif", images[0].numpy(), photometric="rgb")

    assert "FAILURE" in diff(output / "a_1001.exr", tmp_path / "encoded.tif", 1e-3)
