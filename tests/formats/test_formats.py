"""All formats in one table: what each Format declares is true, judged by the decoders and encoders of other projects."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from io_utils.errors import BrokenImageError
from io_utils.formats import base, registry
from io_utils.formats.base import Extent, Format
from io_utils.formats.file_type import FileType
from io_utils.formats.orientation import upright
from io_utils.formats.registry import FORMATS

from .. import exr_files, hosted, kinds, sample_files
from ..hosted import wire
from ..kinds import HEIGHT, KINDS, READ, WIDTH, picture
from ..sample_files import reaches_its_end

Inputs = dict[str, Any]

PACK = Path(__file__).resolve().parents[2]
BY_NAME = {kind.name: kind for kind in FORMATS}
WRITTEN = [kind.name for kind in FORMATS if kind.is_written]
READ_ONLY = [kind.name for kind in FORMATS if not kind.is_written]
DEPTHS = [(name, depth) for name in WRITTEN for depth in BY_NAME[name].depths]
SAMPLES = sample_files.every_kind()

# https://developer.mozilla.org/docs/Web/Media/Guides/Formats/Image_types: TIFF and EXR are not among them.
SHOWN_BY_BROWSERS = {
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "image/x-icon",
}

every_format = pytest.mark.parametrize("name", BY_NAME)
every_written = pytest.mark.parametrize("name", WRITTEN)
every_depth = pytest.mark.parametrize(("name", "depth"), DEPTHS)


def written_by_others(tmp_path: Path, kind: str, channels: int) -> bytes:
    path = tmp_path / f"f{KINDS[kind].extension}"
    KINDS[kind].write(path, picture(0, channels))
    return path.read_bytes()


def format_of(data: bytes) -> Format[Any]:
    """The only format that matches this file."""
    (kind,) = [kind for kind in FORMATS if kind.matches(data[:32])]
    return kind


def pillow_name(kind: Format[Any]) -> str | None:
    """What Pillow calls this format, or None if it does not know it."""
    Image.init()
    return Image.registered_extensions().get(kind.extensions[0])


def by_pillow(data: bytes) -> Image.Image:
    """The file, opened by Pillow as the one format that this pack recognises in it."""
    name = pillow_name(format_of(data))
    assert name is not None
    return Image.open(io.BytesIO(data), formats=[name])


def decodes(data: bytes) -> bool:
    try:
        registry.decode(data)
    except BrokenImageError:
        return False
    return True


def by_openexr(data: bytes, tmp_path: Path) -> Extent:
    """The extent of the display window."""
    path = tmp_path / "judged.exr"
    path.write_bytes(data)
    with OpenEXR.File(str(path)) as file:
        first, last = file.header()["displayWindow"]
    return Extent(*(int(side) for side in last - first + 1))


def by_openimageio(data: bytes, tmp_path: Path) -> Extent:
    path = tmp_path / "judged.bmp"
    path.write_bytes(data)
    file = OpenImageIO.ImageInput.open(str(path))
    assert file is not None
    return Extent(file.spec().width, file.spec().height)


class TestExtent:
    def test_is_width_and_height_and_formats_as_in_messages(self) -> None:
        extent = Extent(640, 360)

        assert extent == (640, 360)
        assert extent.pixel_count == 230_400
        assert f"{extent}" == str(extent) == "640 x 360"

    @pytest.mark.parametrize("orientation", range(10))
    def test_turns_like_the_pixels(self, orientation: int) -> None:
        stored = np.zeros((2, 3, 1))

        assert Extent(3, 2).turned(orientation) == upright(stored, orientation).shape[1::-1]


class TestFormats:
    def test_have_unique_extensions_in_lower_case(self) -> None:
        extensions = [extension for kind in FORMATS for extension in kind.extensions]

        assert len(set(extensions)) == len(extensions)
        assert list(registry.EXTENSIONS) == extensions
        assert all(re.fullmatch(r"\.[a-z0-9]+", extension) for extension in extensions)

    def test_are_found_by_extension_in_any_case(self) -> None:
        for kind in FORMATS:
            for extension in kind.extensions:
                assert registry.of_extension(extension) is registry.of_extension(extension.upper()) is kind
        assert registry.of_extension(".gif") is None
        assert registry.of_extension("") is None

    def test_have_unique_names_and_signatures(self) -> None:
        assert len(BY_NAME) == len(FORMATS)
        signatures = [signature for kind in FORMATS for signature in kind.signatures]
        assert not [(a, b) for a in signatures for b in signatures if a is not b and b.startswith(a)]

    def test_are_in_the_tables_of_the_tests(self) -> None:
        read = {registry.of_extension(row.extension) for row in KINDS.values()}
        assert read == set(FORMATS), "add a row to KINDS in tests/kinds.py: who else writes this format"
        assert {format_of(data) for data in SAMPLES.values()} == set(FORMATS), "add files to tests/sample_files.py"
        assert set(kinds.WRITTEN) == {filetype.value for filetype in FileType}, (
            "add a row to WRITTEN in tests/kinds.py: who else reads what the savers write"
        )

    def test_that_are_written_are_those_of_the_savers(self) -> None:
        assert {filetype.image_format.name for filetype in FileType} == set(WRITTEN)
        assert [filetype for filetype in FileType if filetype.dtype not in filetype.image_format.depths] == []
        assert [
            filetype for filetype in FileType if filetype.embeds_workflow and not filetype.image_format.holds_text
        ] == []

    @every_format
    def test_have_a_media_type_if_browsers_show_them(self, name: str) -> None:
        media_type = Image.MIME.get(pillow_name(BY_NAME[name]) or "")

        assert BY_NAME[name].media_type == (media_type if media_type in SHOWN_BY_BROWSERS else None)


@pytest.mark.parametrize(("kind", "channels"), READ)
class TestFileOfAnotherProgram:
    def test_matches_only_the_format_of_its_extension(self, tmp_path: Path, kind: str, channels: int) -> None:
        data = written_by_others(tmp_path, kind, channels)

        assert format_of(data) is registry.of_extension(KINDS[kind].extension)

    def test_header_gives_the_extent_and_whether_there_is_alpha(self, tmp_path: Path, kind: str, channels: int) -> None:
        data = written_by_others(tmp_path, kind, channels)

        header = registry.read_header(io.BytesIO(data))

        assert header.extent == (WIDTH, HEIGHT)
        assert header.orientation == 1
        # The header of a WebP file does not tell.
        assert header.may_have_alpha == (channels in (2, 4)) or (
            format_of(data).name == "WebP" and header.may_have_alpha
        )

    def test_decodes_to_its_picture(self, tmp_path: Path, kind: str, channels: int) -> None:
        data = written_by_others(tmp_path, kind, channels)

        pixels: Any = registry.decode(data)

        maximum = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        np.testing.assert_allclose(pixels / maximum, picture(0, channels), rtol=0, atol=KINDS[kind].tolerance + 2**-24)

    def test_is_whole_at_exactly_the_lengths_at_which_it_decodes(
        self, tmp_path: Path, kind: str, channels: int
    ) -> None:
        data = written_by_others(tmp_path, kind, channels)
        its_format = format_of(data)

        found = {
            length: (its_format.is_whole(io.BytesIO(data[:length])), decodes(data[:length]))
            for length in {*range(0, len(data), 7), *range(max(0, len(data) - 24), len(data) + 1)}
        }

        assert {length: pair for length, pair in found.items() if pair[0] != pair[1]} == {}
        assert found[len(data)] == (True, True)
        assert not found[0][0]

    @pytest.mark.parametrize("trailing", [b"\0", b"\xff\xd9more", bytes(3000)], ids=["a byte", "text", "zeros"])
    def test_bytes_after_its_end_do_not_matter(self, tmp_path: Path, kind: str, channels: int, trailing: bytes) -> None:
        data = written_by_others(tmp_path, kind, channels)

        assert format_of(data).is_whole(io.BytesIO(data + trailing))
        np.testing.assert_array_equal(registry.decode(data + trailing), registry.decode(data))


class TestSampleOfEveryVariety:
    @pytest.mark.parametrize("sample", SAMPLES)
    def test_header_agrees_with_another_decoder(self, tmp_path: Path, sample: str) -> None:
        data = SAMPLES[sample]

        header = registry.read_header(io.BytesIO(data))

        if sample.startswith("exr"):
            assert header.extent == by_openexr(data, tmp_path)
        elif sample.startswith("tiff"):
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                assert header.extent == (file.pages.first.imagewidth, file.pages.first.imagelength)
                assert header.may_have_alpha == bool(file.pages.first.extrasamples)
        elif sample.startswith("bmp") and sample != "bmp os2":  # Pillow knows few bit fields
            assert header.extent == by_openimageio(data, tmp_path)
        else:  # OpenImageIO 3.2 reads fields beyond the header of "bmp os2", and refuses one file in eight
            with by_pillow(data) as image:
                has_alpha = "A" in image.getbands() or "transparency" in image.info
                assert header.extent == ImageOps.exif_transpose(image).size
                assert header.may_have_alpha == has_alpha or (sample.startswith("webp") and header.may_have_alpha)

    @pytest.mark.parametrize("sample", SAMPLES)
    def test_header_agrees_with_the_pixels(self, sample: str) -> None:
        data = SAMPLES[sample]

        header, pixels = registry.read_header(io.BytesIO(data)), registry.decode(data)

        assert header.extent == Extent(pixels.shape[1], pixels.shape[0])
        assert header.may_have_alpha or pixels.shape[2] in (1, 3)

    @pytest.mark.parametrize("sample", SAMPLES)
    def test_is_refused_above_the_pixel_limit(self, sample: str) -> None:
        data = SAMPLES[sample]
        count = max(extent.pixel_count for extent in registry.read_header(io.BytesIO(data)).allocated)

        assert registry.read_header(io.BytesIO(data), count).extent.pixel_count <= count
        with pytest.raises(BrokenImageError, match=f"it has .* pixels, more than the limit of {count - 1}"):
            registry.read_header(io.BytesIO(data), count - 1)


def file_types(name: str) -> list[FileType]:
    """The values of the savers' filetype that write this format."""
    return [filetype for filetype in FileType if filetype.image_format is BY_NAME[name]]


def is_always_lossy(name: str) -> bool:
    return all(filetype.is_lossy for filetype in file_types(name))


def judge(name: str) -> kinds.Written:
    """The row of the format's first file type: another project's reader, and the tolerance if it is not lossless."""
    return kinds.WRITTEN[file_types(name)[0].value]


def tolerance_of(name: str, depth: type[np.generic], channels: int) -> float:
    """How far decoded samples may be from those that were encoded: lossless integers must not change."""
    if is_always_lossy(name):
        return judge(name).tolerance
    if np.issubdtype(depth, np.integer):
        return 0
    # Colour is multiplied by alpha and rounded.
    return kinds.HALF_PRODUCT if depth is np.float16 and channels in (2, 4) else kinds.PRODUCT


def samples(depth: type[np.generic], channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The input of the encoder, and the picture that it represents, from 0 to 1. Floating-point files associate alpha."""
    exact = picture(0, channels)
    if np.issubdtype(depth, np.floating):
        return kinds.associated(exact).astype(depth), exact.astype(depth).astype(np.float64)
    levels = kinds.levels(exact, depth)  # type: ignore[arg-type]
    return levels, levels / np.iinfo(depth).max  # type: ignore[type-var]


def quality_of(name: str) -> int | None:
    """None (lossless), unless the format is always lossy."""
    return 95 if is_always_lossy(name) else None


class TestEncode:
    @every_depth
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_another_decoder_reads_the_same_pixels(
        self, tmp_path: Path, name: str, depth: type[np.generic], channels: int
    ) -> None:
        kind = BY_NAME[name]
        pixels, expected = samples(depth, channels)
        if channels in (2, 4) and not kind.holds_alpha:
            with pytest.raises(ValueError, match="no alpha"):
                kind.encode(pixels, quality=quality_of(name))
            return
        path = tmp_path / f"f{kind.extensions[0]}"

        path.write_bytes(kind.encode(pixels, quality=quality_of(name)))

        if channels not in kind.channels:  # grey is repeated as RGB
            expected = expected[..., [0, 0, 0, *range(1, channels)]]
        found = judge(name).read(path)
        assert found.shape[-1] == expected.shape[-1]
        assert found.shape[-1] in kind.channels
        near = tolerance_of(name, depth, channels)
        np.testing.assert_allclose(found, expected, rtol=0, atol=near + 1e-12)

    @every_depth
    def test_the_file_is_whole_and_is_read_back(self, name: str, depth: type[np.generic]) -> None:
        data = BY_NAME[name].encode(samples(depth, 3)[0], quality=quality_of(name))

        assert format_of(data) is BY_NAME[name]
        assert reaches_its_end(io.BytesIO(data))
        assert registry.read_header(io.BytesIO(data)).extent == (WIDTH, HEIGHT)
        assert decodes(data)

    @every_depth
    def test_a_truncated_file_is_torn_and_refused(self, name: str, depth: type[np.generic]) -> None:
        data = BY_NAME[name].encode(samples(depth, 3)[0], quality=quality_of(name))

        for length in range(len(data)):
            assert registry.state(io.BytesIO(data[:length])) is base.State.TORN, length
            assert not decodes(data[:length]), length

    @every_format
    def test_refuses_all_other_depths(self, name: str) -> None:
        for depth in (np.uint8, np.uint16, np.int16, np.uint32, np.float16, np.float32, np.float64):
            if depth not in BY_NAME[name].depths:
                with pytest.raises(ValueError, match=f"{name} files are not written with samples of"):
                    BY_NAME[name].encode(np.zeros((2, 2, 3), depth), quality=95)

    @every_written
    def test_embeds_text_or_refuses_it(self, name: str) -> None:
        kind, text = BY_NAME[name], {"prompt": '{"a": 1}', "workflow": '{"nodes": []}'}
        pixels, _ = samples(kind.depths[0], 3)
        if not kind.holds_text:
            assert kind.keyword_fault("workflow", 0)
            with pytest.raises(ValueError, match="hold no text"):
                kind.encode(pixels, text, quality=quality_of(name))
            return

        data = kind.encode(pixels, text, quality=quality_of(name))

        if kind.name == "EXR":
            found = {keyword: exr_files.header_by_openexr(data).get(keyword) for keyword in text}
        else:
            with by_pillow(data) as image:
                image.load()
                found = getattr(image, "text", None) or dict(tag.split(":", 1) for tag in image.getexif().values())
        assert found == text
        assert kind.keyword_fault("workflow", 0) is None
        assert kind.keyword_fault("", 0)

    @every_written
    def test_is_lossless_unless_a_quality_is_given(self, name: str) -> None:
        pixels, _ = samples(BY_NAME[name].depths[0], 3)
        if is_always_lossy(name):
            with pytest.raises(ValueError, match="quality"):
                BY_NAME[name].encode(pixels)
        else:
            assert BY_NAME[name].encode(pixels)

    @every_depth
    @pytest.mark.parametrize("is_wide", [True, False], ids=["wide", "high"])
    def test_refuses_a_side_above_the_limit(self, name: str, depth: type[np.generic], is_wide: bool) -> None:
        largest = BY_NAME[name].largest_side
        shape = (1, largest + 1, 3) if is_wide else (largest + 1, 1, 3)
        extent = f"{shape[1]} x {shape[0]}"

        with pytest.raises(
            ValueError, match=rf"choose PNG or EXR: {name} .* {largest} pixels per side, this one is {extent}\."
        ):
            BY_NAME[name].encode(np.broadcast_to(np.zeros((), depth), shape), quality=95)

    @pytest.mark.parametrize("name", [name for name in WRITTEN if BY_NAME[name].largest_side < 2**22])
    def test_accepts_a_side_at_the_limit(self, tmp_path: Path, name: str) -> None:
        kind = BY_NAME[name]
        pixels = np.zeros((1, kind.largest_side, 1), kind.depths[0])

        data = kind.encode(pixels, quality=95)

        path = tmp_path / f"f{kind.extensions[0]}"
        path.write_bytes(data)
        assert judge(name).read(path).shape[:2] == (1, kind.largest_side)
        assert registry.read_header(io.BytesIO(data)).extent == (kind.largest_side, 1)

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_a_format_that_is_only_read_has_no_capabilities(self, name: str) -> None:
        kind = BY_NAME[name]

        assert (kind.channels, kind.holds_text, kind.holds_alpha) == ((), False, False)
        # A file that holds only its first byte is not a torn frame of this pack.
        for signature in kind.signatures:
            assert registry.state(io.BytesIO(signature[:1])) is base.State.FOREIGN


# A format that this pack does not have (netpbm's PGM and PPM), written as a contributor would.
PNM = """
import io
import re

import numpy as np

from .base import Extent, Format, Header, Stored


class _Pnm(Format):
    name = "PNM"
    extensions = (".pnm", ".ppm")
    signatures = (b"P5", b"P6")
    depths = (np.uint8,)
    channels = (1, 3)
    largest_side = 1 << 20

    def read_header(self, file):
        head = re.match(rb"P([56]) (\\d+) (\\d+) 255\\n", file.read(100))
        if not head:
            raise ValueError("its header is damaged")
        extent = Extent(int(head[2]), int(head[3]))
        channels = 1 if head[1] == b"5" else 3
        return Header((extent,), (head.end(), channels), Stored(channels, 8), may_have_alpha=False)

    def decode(self, data, header, at_least=None):
        (start, channels), (width, height) = header.parsed, header.extent
        if not self.is_whole(io.BytesIO(data)):
            raise ValueError("it ends before its pixels do")
        return np.frombuffer(data, np.uint8, width * height * channels, start).reshape(height, width, channels)

    def is_whole(self, file):
        try:
            header = self.read_header(file)
        except ValueError:
            return False
        start, channels = header.parsed
        return file.seek(0, io.SEEK_END) >= start + header.extent.pixel_count * channels

    def _encode(self, pixels, text, quality, threads, extras):
        height, width, channels = pixels.shape
        return b"P%d %d %d 255\\n" % (5 if channels == 1 else 6, width, height) + pixels.tobytes()


PNM = _Pnm()
"""


@pytest.fixture(scope="module")
def pack_with_pnm(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A copy of the pack with one more module, one more entry in FORMATS and one more FileType."""

    def copy_of(module: ModuleType) -> Path:
        assert module.__file__ is not None
        return copy / Path(module.__file__).resolve().relative_to(PACK)

    def edit(path: Path, pattern: str, more: str) -> None:
        """Insert `more` after the first match of `pattern`."""
        text, count = re.subn(pattern, lambda found: found[0] + more, path.read_text(encoding="utf-8"), count=1)
        assert count == 1, pattern
        path.write_text(text, encoding="utf-8")

    copy = tmp_path_factory.mktemp("custom_nodes") / "image_sequence_pack"
    for folder in ("io_utils", "nodes"):
        shutil.copytree(PACK / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PACK / "__init__.py", copy / "__init__.py")
    formats = copy_of(base).parent
    filetype = copy_of(sys.modules[FileType.__module__])
    (formats / "pnm.py").write_text(PNM, encoding="utf-8")
    edit(copy_of(registry), r"from \.bmp import BMP\n", "from .pnm import PNM\n")
    edit(copy_of(registry), r"FORMATS: .* = \(", "PNM, ")
    edit(filetype, r"from \.jpeg import JPEG as _JPEG\n", "from .pnm import PNM as _PNM\n")
    edit(filetype, r"    EXR_HALF = .*\n", '    PNM = "pnm", _PNM, np.uint8, False, False\n')

    name = "image_sequence_pack_with_pnm"
    spec = importlib.util.spec_from_file_location(name, copy / "__init__.py", submodule_search_locations=[str(copy)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class TestAddedFormat:
    """A module, an entry in FORMATS and a FileType are enough: no other code lists formats."""

    SETTINGS: Inputs = {"path_pattern": "s/f_####.pnm", "start_index": 0}

    @pytest.fixture
    def saved(self, pack_with_pnm: ModuleType, output: Path) -> ModuleType:
        images = torch.from_numpy(np.stack([picture(frame, 3) for frame in range(3)])).float()
        hosted.run(pack_with_pnm, "SaveBatch", images=wire(images), overwrite="skip", filetype="pnm", **self.SETTINGS)
        return pack_with_pnm

    def test_is_written_by_the_savers(self, saved: ModuleType, output: Path) -> None:
        for frame in range(3):
            with Image.open(output / f"s/f_{frame:04d}.pnm", formats=["PPM"]) as image:
                np.testing.assert_array_equal(np.asarray(image), kinds.levels(picture(frame, 3), np.uint8))
        assert "pnm" in saved.NODE_CLASS_MAPPINGS["ImageSequenceSaveFrame"].INPUT_TYPES()["optional"]["filetype"][0]

    def test_is_read_by_the_loaders(self, saved: ModuleType) -> None:
        options: Inputs = {"frame_count": 0, "ignore_missing_images": "false"}

        (images,), (mask,), (count,), *_ = hosted.run(saved, "LoadBatch", **self.SETTINGS, **options).outputs

        assert count == 3
        np.testing.assert_allclose(images[1], picture(1, 3), atol=0.51 / 255)
        assert not mask.any()

    def test_is_counted_by_the_resume_counter_if_it_is_whole(self, saved: ModuleType, output: Path) -> None:
        inputs: Inputs = {
            "directory_path": "s",
            "pattern": "*",
            "indexing": "numeric",
            "total_frames": 9,
            "frames_per_second": 9,
        }
        assert hosted.run(saved, "FrameCounterFromDirectory", **inputs).outputs[1] == [3]
        last = output / "s/f_0002.pnm"
        last.write_bytes(last.read_bytes()[:-1])

        assert hosted.run(saved, "FrameCounterFromDirectory", **inputs).outputs[1] == [2]

    def test_is_shown_by_the_preview(self, saved: ModuleType) -> None:
        (preview,) = [
            module
            for name, module in sys.modules.items()
            if name.startswith(f"{saved.__name__}.") and name.endswith(".preview")
        ]
        query = {"type": "output", "subfolder": "s", "filename": "f_0001.pnm"}

        answered = preview.answer(query, ())

        assert (answered.status, answered.headers["Content-Type"]) == (200, "image/png")

    def test_is_listed_among_the_readable_types(self, saved: ModuleType, output: Path) -> None:
        (output / "s/notes.txt").write_text("hello")
        inputs: Inputs = {
            "path_pattern": "s/g_####.png",
            "start_index": 0,
            "frame_count": 1,
            "ignore_missing_images": "false",
        }

        with pytest.raises(FileNotFoundError, match=r"'f_{:04d}\.pnm'.*'notes\.txt'.*\.pnm, \.ppm"):
            hosted.run(saved, "LoadBatch", **inputs)
