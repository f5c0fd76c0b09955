"""A small file of every kind and mode that the loaders read, from other projects' encoders or, failing these, built by hand."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import IO, Any

import cv2
import numpy as np
import png
import tifffile
from PIL import Image

from io_utils.formats import registry
from io_utils.formats.base import State
from io_utils.formats.exr.format import EXR

from . import exr_files
from .disk import noise

HEIGHT, WIDTH = 6, 11


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reaches_its_end(file: IO[bytes]) -> bool:
    """Whether the pack considers the file whole."""
    return registry.state(file) is State.WHOLE


def by_opencv(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Pixels decoded by OpenCV: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA. Raises AssertionError if it refuses."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert pixels is not None
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def _image(mode: str, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    if mode in ("P", "1", "CMYK"):
        return Image.fromarray(noise(height, width)).convert(mode)
    pixels = noise(height, width, len(Image.new(mode, (1, 1)).getbands()))
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def smooth(height: int = 24, width: int = 40) -> np.ndarray:
    """Smooth pixels, uint8 (H, W, 3), that JPEG preserves within a few levels."""
    rows, columns = np.mgrid[:height, :width]
    planes = [rows * 200 // height, columns * 200 // width, 255 - columns * 200 // width]
    return np.stack(planes, axis=-1).astype(np.uint8)


def _png(colour: int, depth: int, *, interlace: bool = False, key: bool = False) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    values = np.random.default_rng(depth).integers(0, 1 << depth, (HEIGHT, WIDTH, channels))
    options: dict[str, Any] = {"bitdepth": depth, "interlace": interlace}
    if colour == 3:
        alpha = (9,) if key else ()
        options["palette"] = [(i, 255 - i, i // 2, *alpha) for i in range(1 << depth)]
    else:
        options |= {"greyscale": colour in (0, 4), "alpha": colour in (4, 6)}
        if key:
            options["transparent"] = values[0, 0].tolist() if channels > 1 else int(values[0, 0, 0])
    buffer = io.BytesIO()
    writer = png.Writer(WIDTH, HEIGHT, **options)
    if interlace:
        writer.write_array(buffer, values.reshape(-1).tolist())
    else:
        writer.write(buffer, values.reshape(HEIGHT, -1).tolist())
    return buffer.getvalue()


def png_chunk(name: bytes, contents: bytes = b"") -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def _pngs() -> dict[str, bytes]:
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    files = {
        f"png {colour}-{depth}{' Adam7' if interlace else ''}{' key' if key else ''}": _png(
            colour, depth, interlace=interlace, key=key
        )
        for colour in depths
        for depth in depths[colour]
        for interlace in (False, True)
        for key in ((False, True) if colour in (0, 2, 3) else (False,))
    }
    plain = files["png 2-8"]
    files["png exif"] = plain[:33] + png_chunk(b"eXIf", exif()) + plain[33:]
    files["png exif behind"] = plain[:-12] + png_chunk(b"eXIf", exif()) + plain[-12:]
    files["png text"] = plain[:33] + png_chunk(b"tEXt", b"workflow\0{}") + plain[33:]
    return files


def jpeg_of(sampling: int = 0, **flags: int) -> bytes:
    """A JPEG file by OpenCV, which supports more subsamplings than Pillow."""
    names = {"progressive": cv2.IMWRITE_JPEG_PROGRESSIVE, "restart": cv2.IMWRITE_JPEG_RST_INTERVAL}
    options = [value for name, flag in flags.items() for value in (names[name], flag)]
    if sampling:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return bytes(cv2.imencode(".jpg", smooth(), options)[1])


def _jpegs() -> dict[str, bytes]:
    picture = Image.fromarray(smooth())
    files = {
        f"jpeg {mode}{' progressive' if progressive else ''}": file_of(
            picture.convert(mode), "JPEG", progressive=progressive
        )
        for mode in ("L", "RGB", "CMYK")
        for progressive in (False, True)
    }
    files |= {
        f"jpeg {sampling:x}": jpeg_of(sampling) for sampling in (0x411111, 0x211111, 0x121111, 0x221111, 0x111111)
    }
    files["jpeg restart"] = jpeg_of(restart=2)
    files["jpeg restart progressive"] = jpeg_of(restart=2, progressive=1)
    files["jpeg of one pixel"] = file_of(Image.new("RGB", (1, 1)), "JPEG")
    files["jpeg exif"] = file_of(picture, "JPEG", exif=exif())
    files["jpeg optimized"] = file_of(picture, "JPEG", optimize=True, quality=95, comment=b"\xff\xd9\xff\xda")
    files["jpeg rgb"] = file_of(picture, "JPEG", keep_rgb=True)
    files["jpeg mpo"] = file_of(picture, "MPO", save_all=True, append_images=[picture])
    return files


def _webps() -> dict[str, bytes]:
    files = {
        f"webp {mode}{' lossless' if lossless else ''}{' exif' if turned else ''}": file_of(
            _image(mode), "WEBP", lossless=lossless, **({"exif": exif()} if turned else {})
        )
        for mode in ("RGB", "RGBA")
        for lossless in (False, True)
        for turned in (False, True)
    }
    files["webp animated"] = file_of(_image("RGB"), "WEBP", save_all=True, append_images=[_image("RGB", HEIGHT, WIDTH)])
    return files


def bmp_of(
    width: int,
    height: int,
    bits: int,
    data: bytes,
    *,
    compression: int = 0,
    masks: tuple[int, ...] = (),
    header: int = 40,
    palette: bytes = b"",
) -> bytes:
    """A BMP file built from its headers. `data` is stored as it is: rows from the bottom up unless `height` is negative."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colours = len(palette) // 4
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    fields = struct.pack(f"<{len(masks)}I", *masks)
    info = (info + fields).ljust(header, b"\0") if header > 40 else info[:header] + fields
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def bmp_rows(bits: int, height: int = HEIGHT, width: int = WIDTH) -> bytes:
    stride = (width * bits + 31) // 32 * 4
    return np.random.default_rng(bits).integers(0, 256, (height, stride), np.uint8).tobytes()


PALETTE = b"".join(bytes([index, 255 - index, index // 2, 0]) for index in range(256))
GREYS = b"".join(bytes([index] * 3 + [0]) for index in range(256))
RLE8 = b"\6\1\0\0\3\2\3\3\0\0\0\6\1\2\3\4\5\6\0\1"
RLE4 = b"\6\x12\0\0\3\x22\3\x33\0\0\0\6\x12\x34\x56\0\0\1"


def _bmps() -> dict[str, bytes]:
    files = {
        f"bmp {bits}": bmp_of(WIDTH, HEIGHT, bits, bmp_rows(bits), palette=PALETTE[: 4 << bits]) for bits in (1, 4, 8)
    }
    files |= {f"bmp {bits}": bmp_of(WIDTH, HEIGHT, bits, bmp_rows(bits)) for bits in (16, 24, 32)}
    files["bmp top down"] = bmp_of(WIDTH, -HEIGHT, 24, bmp_rows(24))
    files["bmp core"] = bmp_of(WIDTH, HEIGHT, 24, bmp_rows(24), header=12)
    files["bmp core palette"] = bmp_of(WIDTH, HEIGHT, 4, bmp_rows(4), header=12, palette=bytes(range(48)))
    files["bmp os2"] = bmp_of(WIDTH, HEIGHT, 8, bmp_rows(8), header=64, palette=PALETTE)
    files["bmp greys"] = bmp_of(WIDTH, HEIGHT, 8, bmp_rows(8), palette=GREYS)
    files["bmp 565"] = bmp_of(WIDTH, HEIGHT, 16, bmp_rows(16), compression=3, masks=(0xF800, 0x7E0, 0x1F))
    files["bmp 4444"] = bmp_of(
        WIDTH, HEIGHT, 16, bmp_rows(16), compression=3, masks=(0xF00, 0xF0, 0xF, 0xF000), header=56
    )
    files["bmp 4444 alpha fields"] = bmp_of(
        WIDTH, HEIGHT, 16, bmp_rows(16), compression=6, masks=(0xF00, 0xF0, 0xF, 0xF000)
    )
    files["bmp v5 alpha"] = bmp_of(
        WIDTH, HEIGHT, 32, bmp_rows(32), compression=3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), header=124
    )
    files["bmp rle8"] = bmp_of(6, 3, 8, RLE8, compression=1, palette=PALETTE)
    files["bmp rle4"] = bmp_of(6, 3, 4, RLE4, compression=2, palette=PALETTE[:64])
    return files


def _tiffs() -> dict[str, bytes]:
    files = {
        f"tiff {mode} {compression}": file_of(_image(mode), "TIFF", compression=compression)
        for mode, compression in (
            ("L", "raw"),
            ("RGB", "raw"),
            ("RGBA", "tiff_lzw"),
            ("RGB", "tiff_adobe_deflate"),
            ("RGB", "jpeg"),
            ("RGB", "packbits"),
            ("P", "raw"),
            ("1", "group4"),
            ("CMYK", "tiff_lzw"),
        )
    }
    for dtype in ("u1", "u2", "f4"):
        for options in ({}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}):
            buffer = io.BytesIO()
            values = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(dtype)
            tifffile.imwrite(buffer, values, photometric="rgb", **options)
            files[f"tiff {dtype} {' '.join(options)}"] = buffer.getvalue()
    return files


def _exrs() -> dict[str, bytes]:
    rng = np.random.default_rng(2)
    pixels = rng.random((HEIGHT, WIDTH, 4))
    files = {
        f"exr {np.dtype(dtype)} {channels}": EXR.encode(pixels[..., :channels].astype(dtype))
        for dtype in (np.float16, np.float32)
        for channels in (1, 3, 4)
    }
    half = exr_files.planes("RGBA", HEIGHT, WIDTH, np.float16)
    files |= {f"exr {name}": exr_files.by_openexr(half, compression=name) for name in ("NO", "PIZ", "DWAA", "HTJ2K32")}
    files["exr tiled"] = exr_files.by_openexr(half, **exr_files.tiled())
    files["exr parts"] = exr_files.of_parts({"rgba": half, "depth": exr_files.planes("Z", HEIGHT, WIDTH)})
    files["exr window"] = exr_files.raw(exr_files.planes("RGB"), (-3, 5, 9, 24), (0, 0, WIDTH - 1, HEIGHT + 3))
    chroma = exr_files.planes(["RY", "BY"], 4, 6, np.float16)
    steps = {"RY": (2, 2), "BY": (2, 2)}
    files["exr chroma"] = exr_files.raw({"Y": np.ones((8, 12), np.float16), **chroma}, sampling=steps)
    return files


@cache
def every_kind() -> dict[str, bytes]:
    """All sample files by name. The first word of a name is the kind."""
    return {**_pngs(), **_jpegs(), **_webps(), **_bmps(), **_tiffs(), **_exrs()}


def of(kind: str) -> dict[str, bytes]:
    return {name: data for name, data in every_kind().items() if name.startswith(f"{kind} ")}
