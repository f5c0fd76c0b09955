"""What headers say about channels and bits, against what decoding and the programs that wrote the files say."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from io_utils.formats import registry
from io_utils.formats.base import Stored

from .. import exr_files, kinds, sample_files


def stored(data: bytes) -> Stored:
    return registry.read_header(io.BytesIO(data)).stored


@pytest.mark.parametrize("name", sample_files.every_kind())
def test_the_header_says_how_many_channels_decoding_returns(name: str) -> None:
    pixels = registry.decode(sample_files.every_kind()[name])

    found = stored(sample_files.every_kind()[name])

    assert found.channels == pixels.shape[2]
    assert found.is_float == (pixels.dtype == np.float32)
    assert (found.bits > 8) == (pixels.dtype != np.uint8)


@pytest.mark.parametrize(("kind", "channels"), kinds.READ)
def test_the_header_says_what_another_program_wrote(tmp_path: Path, kind: str, channels: int) -> None:
    path = tmp_path / f"f{kinds.KINDS[kind].extension}"
    kinds.KINDS[kind].write(path, kinds.picture(0, channels))
    wide = {"png16": (16, False), "tiff16": (16, False), "tiff float": (32, True), "exr": (32, True)}

    bits, is_float = {**wide, "exr half": (16, True)}.get(kind, (8, False))

    assert stored(path.read_bytes()) == Stored(channels, bits, is_float)


def by_tifffile(dtype: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 6), dtype), **options)
    return buffer.getvalue()


ODD: dict[str, tuple[Callable[[], bytes], Stored]] = {
    "a PNG palette": (lambda: sample_files.of("png")["png 3-2"], Stored(3, 8)),
    "a PNG palette with transparency": (lambda: sample_files.of("png")["png 3-2 key"], Stored(4, 8)),
    "a PNG of one bit": (lambda: sample_files.of("png")["png 0-1"], Stored(1, 1)),
    "a PNG with a transparent grey": (lambda: sample_files.of("png")["png 0-16 key"], Stored(2, 16)),
    "a JPEG of four inks": (lambda: sample_files.of("jpeg")["jpeg CMYK"], Stored(3, 8)),
    "a TIFF of one bit": (lambda: sample_files.of("tiff")["tiff 1 group4"], Stored(1, 1)),
    "a TIFF in double precision": (lambda: by_tifffile("f8"), Stored(1, 64, is_float=True)),
    "a TIFF of four inks": (lambda: sample_files.of("tiff")["tiff CMYK tiff_lzw"], Stored(3, 8)),
    "a TIFF with a 16-bit palette": (
        lambda: by_tifffile("u2", photometric="palette", colormap=np.zeros((3, 65536), np.uint16)),
        Stored(3, 16),
    ),
    "a BMP with a grey palette": (lambda: sample_files.of("bmp")["bmp greys"], Stored(1, 8)),
    "an EXR of whole numbers": (
        lambda: exr_files.by_openexr({"Y": np.zeros((4, 6), np.uint32)}),
        Stored(1, 32),
    ),
    "an EXR with half colour and float alpha": (
        lambda: exr_files.by_openexr(
            {**exr_files.planes("RGB", 4, 6, np.float16), **exr_files.planes("A", 4, 6, np.float32)}
        ),
        Stored(4, 32, is_float=True),
    ),
    "an EXR with a float depth beside half colour": (
        lambda: exr_files.by_openexr(
            {**exr_files.planes("RGB", 4, 6, np.float16), **exr_files.planes("Z", 4, 6, np.float32)}
        ),
        Stored(3, 16, is_float=True),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_the_header_of_an_unusual_file(name: str) -> None:
    data, expected = ODD[name]

    assert stored(data()) == expected


def test_pillow_agrees_about_alpha_in_webp_files() -> None:
    for name, data in sample_files.of("webp").items():
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            assert stored(data).channels == len(image.getbands()), name


def test_opencv_agrees_about_bits_of_tiff_files() -> None:
    for dtype in (np.uint8, np.uint16, np.float32):
        data = bytes(cv2.imencode(".tif", np.zeros((4, 6, 3), dtype))[1])
        assert stored(data) == Stored(3, np.dtype(dtype).itemsize * 8, dtype is np.float32)
