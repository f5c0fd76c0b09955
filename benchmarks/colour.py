"""What converting colours costs: `python -m benchmarks.colour [--size WxH]`.

CPU time for three channels, in place, and the ratio to numpy's float32 power in the same run. OpenColorIO is compared if it
is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.measure import Report, cpu_seconds, machine, parsed_size, times
from io_utils.colour import ocio
from io_utils.colour.spaces import ACESCG, LINEAR_P3_D65, LINEAR_REC709, SRGB, color_space, conversion

Convert = Callable[[np.ndarray], object]

PAIRS = ((SRGB, LINEAR_REC709), (LINEAR_REC709, SRGB), (SRGB, ACESCG), (ACESCG, SRGB), (ACESCG, LINEAR_P3_D65))
WITH_OCIO = ("ARRI LogC4", "S-Log3 S-Gamut3")
POWER = "numpy's power alone"


def rows() -> Iterator[tuple[str, Convert]]:
    """(name, function that works in place) of each row."""
    yield POWER, lambda pixels: np.power(pixels, np.float32(2.4), out=pixels)
    yield "torch's power alone", lambda pixels: torch.from_numpy(pixels).pow_(2.4)
    for source, target in PAIRS:
        yield f"{source.name} to {target.name}", _required(conversion(source, target))
    library = ocio.library()
    if library is None:
        return
    for name in WITH_OCIO:
        yield f"sRGB to {name}", _required(conversion(SRGB, color_space(name)))
    processor = library.Config.CreateFromBuiltinConfig(ocio.STUDIO_CONFIG.removeprefix(ocio.BUILT_IN)).getProcessor(
        "srgb_texture", "lin_rec709"
    )
    yield "OpenColorIO alone, sRGB to linear Rec.709", processor.getDefaultCPUProcessor().applyRGB
    lossless = processor.getOptimizedCPUProcessor(library.OptimizationFlags.OPTIMIZATION_LOSSLESS)
    yield "the same without approximations", lossless.applyRGB


def _required(convert: Convert | None) -> Convert:
    assert convert is not None
    return convert


def table(report: Report, size: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    width, height = size
    pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    work = pixels.copy()

    def fresh() -> np.ndarray:
        work[:] = pixels
        return work

    copying, _ = cpu_seconds(9, fresh)
    measured: list[list[str]] = []
    power = 0.0
    for name, convert in rows():
        convert(fresh())  # tables, memory
        seconds = cpu_seconds(9, lambda convert=convert: convert(fresh()))[0] - copying
        power = power or seconds
        measured.append([name, f"{seconds * 1e3 * 2**20 / (width * height):.1f}", times(seconds / power)])
    report.table("conversion", ["CPU ms per megapixel", "numpy's power = 1"], measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parsed_size, default="1024x1024")
    size = parser.parse_args().size
    report = Report()
    report.line(f"{machine()}; {size[0]} x {size[1]}")
    table(report, size)


if __name__ == "__main__":
    main()
