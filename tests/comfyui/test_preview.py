"""The player's preview route: one frame as a small picture, or one line that says why there is none."""

from __future__ import annotations

import io
import json
import os
import re
import struct
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from io_utils.comfyui import preview
from io_utils.errors import BrokenImageError
from io_utils.formats.png.encode import encode_png
from io_utils.host import Answer
from io_utils.naming.file_sequence import FileSequence
from io_utils.naming.frame_pattern import FramePattern

from ..disk import needs_links, noise, put, tear

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def ask(*known_tags: str, **query: object) -> Answer:
    return preview.answer({name: str(value) for name, value in query.items()}, known_tags)


def shown(answered: Answer) -> Image.Image:
    """The picture as a browser, here Pillow, decodes it."""
    assert answered.status == 200, answered.body
    body = answered.body.read_bytes() if isinstance(answered.body, Path) else answered.body
    image = Image.open(io.BytesIO(body))
    image.load()
    assert answered.headers["Content-Type"] == Image.MIME[str(image.format)]
    return image


def seen(image: Image.Image, *at: int) -> list[int]:
    """A pixel's channels."""
    return list(np.atleast_1d(np.asarray(image)[at[1], at[0]]).astype(int))


@pytest.fixture
def frame(output: Path) -> Path:
    """A frame of 60 x 40: the upper half is red, the lower half blue."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = RED, BLUE
    path = output / "shots/a/f_0007.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_png(pixels))
    return path


A_FRAME = {"type": "output", "subfolder": "shots/a", "filename": "f_0007.png"}


class TestSize:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            pytest.param(30, (30, 20), id="half"),
            pytest.param(59, (59, 39), id="a bit smaller"),
            pytest.param(60, (60, 40), id="its own"),
            pytest.param(4096, (60, 40), id="never up"),
            pytest.param(1, (16, 11), id="never too small to see"),
            pytest.param(999_999_999, (60, 40), id="of any length"),
        ],
    )
    def test_limits_the_longest_side(self, frame: Path, size: int, expected: tuple[int, int]) -> None:
        picture = shown(ask(**A_FRAME, size=size))

        assert picture.size == expected
        assert picture.format == "JPEG"
        np.testing.assert_allclose(seen(picture, 5, 2), RED, atol=8)
        np.testing.assert_allclose(seen(picture, 5, expected[1] - 2), BLUE, atol=8)

    def test_is_limited_to_that_of_a_screen(self, output: Path) -> None:
        put(output / "wide.png", 9, width=5000, height=2)

        assert shown(ask(type="output", filename="wide.png", size=10_000)).size == (4096, 2)

    @pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tif"])
    def test_of_an_upright_frame(self, output: Path, extension: str) -> None:
        pixels = np.zeros((300, 100, 3), np.uint8)
        pixels[:150] = GREEN
        Image.fromarray(pixels).save(output / f"f{extension}")

        picture = shown(ask(type="output", filename=f"f{extension}", size=60))

        assert picture.size == (20, 60)
        np.testing.assert_allclose(seen(picture, 10, 10), GREEN, atol=12)

    def test_of_a_rotated_jpeg(self, output: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        pixels = np.zeros((80, 400, 3), np.uint8)
        pixels[:, :200] = GREEN
        Image.fromarray(pixels).save(output / "f.jpg", exif=exif)

        picture = shown(ask(type="output", filename="f.jpg", size=100))

        assert picture.size == (20, 100)
        np.testing.assert_allclose(seen(picture, 10, 10), GREEN, atol=12)
        np.testing.assert_allclose(seen(picture, 10, 90), (0, 0, 0), atol=12)

    @pytest.mark.parametrize("width", [511, 512, 513, 1025, 2049])
    def test_of_a_jpeg_is_as_requested_though_it_is_decoded_smaller(self, output: Path, width: int) -> None:
        Image.fromarray(noise(64, width)).save(output / "f.jpg")

        assert shown(ask(type="output", filename="f.jpg", size=512)).width == min(512, width)

    def test_averages_pixels(self, output: Path) -> None:
        """Taking every other pixel would give only black or only white."""
        pixels = np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255
        (output / "f.png").write_bytes(encode_png(pixels[..., None]))

        np.testing.assert_allclose(np.asarray(shown(ask(type="output", filename="f.png", size=16))), 128, atol=3)


class TestColours:
    def test_of_16_bits_the_upper_8_are_shown(self, output: Path) -> None:
        ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16, 1)
        (output / "f.png").write_bytes(encode_png(np.repeat(ramp, 3, axis=-1)))

        picture = shown(ask(type="output", filename="f.png", size=16))

        np.testing.assert_allclose(np.asarray(picture)[..., 0].ravel(), np.arange(256), atol=6)  # JPEG

    @pytest.mark.parametrize(
        ("value", "expected"), [(-1.0, 0), (0.0, 0), (0.5, 128), (1.0, 255), (7.5, 255), (float("nan"), 0)]
    )
    def test_float_values_are_clipped_as_by_a_saver(self, value: float, expected: int) -> None:
        assert preview._eight_bits(np.full((1, 1, 3), value, np.float32)).tolist() == [[[expected] * 3]]

    @pytest.mark.parametrize("channels", [2, 4])
    def test_transparency_is_kept(self, output: Path, channels: int) -> None:
        pixels = np.full((32, 32, channels), 255, np.uint8)
        pixels[:16, :, -1] = 0
        (output / "f.png").write_bytes(encode_png(pixels))

        picture = shown(ask(type="output", filename="f.png", size=16))

        assert (picture.format, picture.mode) == ("WEBP", "RGBA")
        assert seen(picture, 8, 2)[-1] == 0
        assert min(seen(picture, 8, 13)) > 250

    def test_colours_of_transparent_pixels_do_not_bleed(self, output: Path) -> None:
        pixels = np.zeros((32, 32, 4), np.uint8)
        pixels[..., :3], pixels[::2, ::2] = RED, (*GREEN, 255)
        (output / "f.png").write_bytes(encode_png(pixels))

        red, green, _, alpha = seen(shown(ask(type="output", filename="f.png", size=16)), 8, 8)

        assert (red < 40, green > 215, 40 < alpha < 90) == (True, True, True)

    def test_opaque_alpha_does_not_need_a_slower_format(self, output: Path) -> None:
        (output / "f.png").write_bytes(encode_png(np.full((20, 20, 4), 255, np.uint8)))

        assert shown(ask(type="output", filename="f.png", size=16)).format == "JPEG"


SIZES = pytest.mark.parametrize("size", [{}, {"size": 4096}, {"size": 40}], ids=["full", "at its own size", "smaller"])


class TestLinear:
    """EXR files are scene-linear: they are shown through the sRGB curve, with exposure."""

    @staticmethod
    def write(output: Path, pixels: np.ndarray, **header: str) -> None:
        """Write f.exr by OpenEXR: (height, width, 1 to 4 channels), alpha associated."""
        names = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}[pixels.shape[-1]]
        planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0), np.float32)
        OpenEXR.File(
            {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header},
            {name: OpenEXR.Channel(plane) for name, plane in zip(names, planes)},
        ).write(str(output / "f.exr"))

    @classmethod
    def seen(cls, output: Path, *at: int, **query: object) -> list[int]:
        return seen(shown(ask(type="output", filename="f.exr", **query)), *at)

    def flat(self, output: Path, *values: float, **query: object) -> list[int]:
        self.write(output, np.full((60, 80, len(values)), values, np.float32))
        return self.seen(output, 10, 10, **query)

    @SIZES
    @pytest.mark.parametrize(
        ("value", "expected"),
        [(0.0, 0), (0.002, 7), (0.18, 118), (0.5, 188), (1.0, 255), (-1.0, 0), (20.0, 255), (3e38, 255), (-3e38, 0)],
    )
    def test_values_go_through_the_curve_and_are_clipped(
        self, output: Path, value: float, expected: int, size: dict[str, int]
    ) -> None:
        np.testing.assert_allclose(self.flat(output, value, value, value, **size), expected, atol=1)

    @SIZES
    @pytest.mark.parametrize(
        ("value", "exposure", "expected"),
        [
            pytest.param(0.18, "1", 162, id="a stop more doubles light"),
            pytest.param(0.18, "-1", 85, id="a stop less halves it"),
            pytest.param(0.18, "0.333", 131, id="a third of a stop"),
            pytest.param(20.0, "-6", 152, id="highlights come into view"),
            pytest.param(0.01, "6", 209, id="shadows come into view"),
            pytest.param(0.01, "60", 209, id="at most 6 stops"),
            pytest.param(20.0, "-999999999.5", 152, id="at least -6"),
            pytest.param(3e38, "6", 255, id="beyond float32"),
        ],
    )
    def test_exposure_is_in_stops(
        self, output: Path, value: float, exposure: str, expected: int, size: dict[str, int]
    ) -> None:
        np.testing.assert_allclose(self.flat(output, value, value, value, exposure=exposure, **size), expected, atol=1)

    @pytest.mark.parametrize("size", [{}, {"size": 40}], ids=["full", "small"])
    def test_no_exposure_and_0_are_the_same_picture(self, output: Path, size: dict[str, int]) -> None:
        self.write(output, noise(60, 80).astype(np.float32) / 255)
        plain = ask(type="output", filename="f.exr", **size)

        for exposure in ("0", "-0", "0.0", "0.0001"):
            answered = ask(type="output", filename="f.exr", exposure=exposure, **size)
            assert (answered.body, answered.headers["ETag"]) == (plain.body, plain.headers["ETag"]), exposure

    def test_each_exposure_has_its_own_tag(self, output: Path) -> None:
        self.write(output, np.full((4, 4, 3), 0.18, np.float32))
        status = (output / "f.exr").stat()
        state = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        where = {"type": "output", "filename": "f.exr", "size": 32}

        tags = {ask(**where, exposure=stops).headers["ETag"] for stops in ("-0.333", "0", "0.333", "0.334")}
        assert len(tags) == 4

        answered = ask(**where, exposure="1.5", v=state)
        assert answered.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        tag = answered.headers["ETag"].strip('"')
        assert tag.startswith(f"{state}-32-")
        again = ask(tag, **where, exposure="1.5", v=state)
        assert (again.status, again.headers["Cache-Control"]) == (304, "private, max-age=31536000, immutable")
        assert ask(tag, **where, exposure="1.6").status == 200
        assert ask(**where, exposure="1.5").headers["Cache-Control"] == "no-cache"

    @pytest.mark.parametrize("exposure", ["", "bright", "nan", "inf", "1e3", "1_0", "١", "+1", " 1", "1.", "9" * 5000])
    def test_an_exposure_that_is_no_decimal_number_is_invalid(self, output: Path, exposure: str) -> None:
        self.write(output, np.zeros((4, 4, 3), np.float32))

        TestRefusals.assert_refused(
            ask(type="output", filename="f.exr", size=32, exposure=exposure), 400, "number of stops"
        )

    def test_other_files_ignore_exposure(self, output: Path) -> None:
        (output / "f.png").write_bytes(encode_png(noise()))
        plain, exposed = (ask(type="output", filename="f.png", size=32, **query) for query in ({}, {"exposure": "3"}))

        assert (plain.body, plain.headers) == (exposed.body, exposed.headers)

    def test_the_content_decides_and_not_the_name(self, output: Path) -> None:
        (output / "f.exr").write_bytes(encode_png(np.full((4, 4, 3), 118, np.uint8)))

        assert self.seen(output, 1, 1, exposure="3") == [118] * 3

    def test_light_is_averaged_before_the_curve(self, output: Path) -> None:
        """Half the light of white is 188. The mean of black and white after the curve would be 128."""
        pixels = np.indices((64, 64)).sum(0)[..., None] % 2
        self.write(output, np.repeat(pixels, 3, axis=-1))

        np.testing.assert_allclose(np.asarray(shown(ask(type="output", filename="f.exr", size=32))), 188, atol=1)

    def test_a_highlight_is_averaged_with_all_its_light(self, output: Path) -> None:
        pixels = np.zeros((64, 64, 3), np.float32)
        pixels[1::4, 1::4] = 16 * 0.18
        self.write(output, pixels)

        np.testing.assert_allclose(self.seen(output, 5, 5, size=16), 118, atol=1)

    @pytest.mark.parametrize(("size", "expected"), [(40, (40, 27)), (59, (59, 39)), (1, (16, 11)), (99, (60, 40))])
    def test_it_has_the_requested_size(self, output: Path, size: int, expected: tuple[int, int]) -> None:
        self.write(output, np.zeros((40, 60, 3), np.float32))

        assert shown(ask(type="output", filename="f.exr", size=size)).size == expected

    @SIZES
    def test_grey_is_shown_as_grey(self, output: Path, size: dict[str, int]) -> None:
        np.testing.assert_allclose(self.flat(output, 0.18, exposure="1", **size), 162, atol=1)

    @SIZES
    def test_alpha_is_neither_exposed_nor_curved(self, output: Path, size: dict[str, int]) -> None:
        """Colour is divided by alpha first: 0.09 at half coverage is a surface of 0.18."""
        *colour, alpha = self.flat(output, 0.09, 0.09, 0.09, 0.5, exposure="1", **size)

        np.testing.assert_allclose(colour, 162, atol=2)
        assert alpha == 128

    def test_colours_of_transparent_pixels_do_not_bleed(self, output: Path) -> None:
        pixels = np.zeros((32, 32, 4), np.float32)
        pixels[..., 0] = 1  # a glow without coverage
        pixels[::2, ::2] = (0, 1, 0, 1)
        self.write(output, pixels)

        red, green, _, alpha = self.seen(output, 8, 8, size=16)

        assert (red < 40, green > 215, 60 <= alpha <= 68) == (True, True, True)

    def test_alpha_outside_0_to_1_is_clipped(self, output: Path) -> None:
        pixels = np.full((32, 32, 4), 0.18, np.float32)
        pixels[:16, :, 3], pixels[16:, :, 3] = 1.5, -1
        self.write(output, pixels)

        picture = shown(ask(type="output", filename="f.exr", size=16))

        assert (seen(picture, 4, 4)[-1], seen(picture, 4, 12)[-1]) == (255, 0)


class TestMarks:
    """Pixels that hold NaN or infinity are marked in every size, because they break what is rendered from them."""

    MAGENTA, CYAN, YELLOW = [255, 0, 255], [0, 255, 255], [255, 255, 0]
    write = staticmethod(TestLinear.write)

    @pytest.mark.parametrize("exposure", ["-6", "0", "6"])
    @pytest.mark.parametrize("size", [{}, {"size": 99}, {"size": 77}, {"size": 16}])
    @pytest.mark.parametrize(
        ("value", "mark"), [(np.nan, MAGENTA), (np.inf, CYAN), (-np.inf, YELLOW)], ids=["NaN", "infinity", "-infinity"]
    )
    def test_a_single_value_marks_its_pixel_and_in_previews_those_around_it(
        self, output: Path, value: float, mark: list[int], size: dict[str, int], exposure: str
    ) -> None:
        for x, y in ((0, 0), (37, 21), (98, 65)):
            pixels = np.full((66, 99, 3), 0.18, np.float32)
            pixels[y, x, 1] = value
            self.write(output, pixels)

            picture = np.asarray(shown(ask(type="output", filename="f.exr", exposure=exposure, **size)))

            scale = picture.shape[1] / 99
            marked = np.argwhere((picture == mark).all(axis=-1))
            row, column, reach = int((y + 0.5) * scale), int((x + 0.5) * scale), 1 if size else 0
            around = np.zeros(picture.shape[:2])
            around[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 1
            assert marked.tolist() == np.argwhere(around).tolist()

    def test_the_pixels_around_a_mark_keep_their_finite_values(self, output: Path) -> None:
        pixels = np.full((64, 64, 3), 0.18, np.float32)
        pixels[33, 33] = np.nan
        self.write(output, pixels)

        picture = np.asarray(shown(ask(type="output", filename="f.exr", size=16))).copy()

        assert picture[8, 8].tolist() == self.MAGENTA
        picture[7:10, 7:10] = 118
        np.testing.assert_array_equal(picture, 118)

    def test_nan_hides_the_infinities_beside_it(self, output: Path) -> None:
        pixels = np.full((64, 64, 3), 0.18, np.float32)
        pixels[0, :3] = np.array([[np.nan], [np.inf], [-np.inf]])
        pixels[24, :2] = np.array([[np.inf], [-np.inf]])
        self.write(output, pixels)

        picture = shown(ask(type="output", filename="f.exr", size=16))

        assert (seen(picture, 0, 0), seen(picture, 0, 6)) == (self.MAGENTA, self.CYAN)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("size", [{}, {"size": 16}], ids=["full", "small"])
    def test_marks_are_coloured_and_opaque_in_every_kind_of_picture(
        self, output: Path, channels: int, size: dict[str, int]
    ) -> None:
        """Where alpha is 0, the decoder leaves colour as it is."""
        pixels = np.zeros((32, 32, channels), np.float32)
        pixels[0, 0, 0] = np.inf
        self.write(output, pixels)

        assert seen(shown(ask(type="output", filename="f.exr", **size)), 0, 0)[:4] in (self.CYAN, [*self.CYAN, 255])

    def test_values_whose_sum_is_beyond_float32_are_not_marked(self, output: Path) -> None:
        pixels = np.full((32, 32, 3), 3e38, np.float32)
        pixels[:, ::2] *= -1
        self.write(output, pixels)

        picture = shown(ask(type="output", filename="f.exr"))

        assert (seen(picture, 0, 0), seen(picture, 1, 0)) == ([0, 0, 0], [255, 255, 255])


class TestLayer:
    def test_is_shown_instead_of_the_picture(self, output: Path) -> None:
        depth = np.full((4, 4), 0.18, np.float32)
        planes = {name: np.zeros((4, 4), np.float32) for name in "RGB"} | {"depth.Z": depth}
        OpenEXR.File({}, planes).write(str(output / "f.exr"))

        answered = ask(type="output", filename="f.exr", layer="depth")

        assert isinstance(answered.body, bytes)
        assert np.asarray(Image.open(io.BytesIO(answered.body), formats=["PNG"])).flat[0] == 118

    def test_that_the_file_lacks_is_refused_by_name(self, output: Path) -> None:
        OpenEXR.File({}, {name: np.zeros((4, 4), np.float32) for name in "RGB"}).write(str(output / "f.exr"))

        answered = ask(type="output", filename="f.exr", layer="dpeth")

        assert answered.status == 415
        assert b"it has no layer 'dpeth'" in bytes(answered.body)


class TestWorkflow:
    """`text=workflow`: the workflow in a file whose text the browser does not read."""

    PROMPT, GRAPH = {"1": {"class_type": "LoadImage", "inputs": {}}}, {"nodes": [], "title": "Größe 日本"}

    @staticmethod
    def write(output: Path, **header: str) -> None:
        TestLinear.write(output, np.zeros((4, 4, 3), np.float32), **header)

    def test_is_sent_as_json(self, output: Path) -> None:
        self.write(output, prompt=json.dumps(self.PROMPT), workflow=json.dumps(self.GRAPH))

        answered = ask(type="output", filename="f.exr", text="workflow")

        assert (answered.status, answered.headers["Content-Type"]) == (200, "application/json")
        assert isinstance(answered.body, bytes)
        assert json.loads(answered.body) == self.GRAPH

    def test_is_the_prompt_if_there_is_no_workflow(self, output: Path) -> None:
        self.write(output, prompt=json.dumps(self.PROMPT))

        answered = ask(type="output", filename="f.exr", text="workflow")

        assert isinstance(answered.body, bytes)
        assert json.loads(answered.body) == self.PROMPT

    @pytest.mark.parametrize("text", ['{"nodes": [', "[1, 2, 3]", '{"a": 1}', "[" * 100_000, "", "null"])
    def test_that_is_no_graph_is_not_sent(self, output: Path, text: str) -> None:
        """ComfyUI's frontend empties the open tab for some of these."""
        self.write(output, workflow=text)

        answered = ask(type="output", filename="f.exr", text="workflow")

        assert (answered.status, answered.body) == (404, b"No workflow can be read from f.exr.")

    def test_is_sent_again_only_after_the_file_has_changed(self, output: Path) -> None:
        self.write(output, workflow=json.dumps(self.GRAPH))
        where = {"type": "output", "filename": "f.exr", "text": "workflow"}
        answered = ask(**where)
        tag = answered.headers["ETag"].strip('"')

        assert answered.headers["Cache-Control"] == "no-cache"
        assert ask(tag, **where).status == 304
        os.utime(output / "f.exr", ns=(1, 1))
        assert ask(tag, **where).status == 200

    def test_of_a_file_without_one_is_a_line_that_says_so(self, output: Path) -> None:
        self.write(output, comments="a plate")
        (output / "f.png").write_bytes(encode_png(noise()))

        for name in ("f.exr", "f.png"):
            answered = ask(type="output", filename=name, text="workflow")
            TestRefusals.assert_refused(answered, 404, f"No workflow can be read from {name}.")

    @pytest.mark.parametrize(
        ("frame", "pattern", "beside"),
        [
            ("a/f_0007.jpg", "f_{:04d}.jpg", "a/f_####.jpg.workflow.json"),
            ("a/f_12345.jpg", "f_{:04d}.jpg", "a/f_####.jpg.workflow.json"),
            ("f_7.jpg", "f_{}.jpg", "f_#.jpg.workflow.json"),
            ("a/f.jpg", "f.jpg", "a/f.jpg.workflow.json"),
        ],
    )
    def test_is_found_in_the_file_beside_the_frames(self, output: Path, frame: str, pattern: str, beside: str) -> None:
        folder, _, name = frame.rpartition("/")
        self.put_jpeg(output / frame)
        (output / beside).write_text(json.dumps(self.GRAPH))
        where = {"type": "output", "subfolder": folder, "filename": name, "text": "workflow", "pattern": pattern}

        answered = ask(**where)

        assert json.loads(bytes(answered.body)) == self.GRAPH
        tag = answered.headers["ETag"].strip('"')
        assert ask(tag, **where).status == 304
        (output / beside).write_text(json.dumps(self.GRAPH | {"version": 1}))
        assert ask(tag, **where).status == 200

    def test_is_found_beside_frames_that_have_a_folder_each(self, output: Path) -> None:
        sequence = FileSequence.from_pattern(FramePattern.parse("a/take_####/beauty.jpg"), "output", write=True)
        self.put_jpeg(sequence.file(3))
        sequence.workflow_file.write_text(json.dumps(self.GRAPH))
        pattern = str(sequence.pattern.relative()[1])
        where = {"type": "output", "subfolder": "a/take_0003", "filename": "beauty.jpg", "text": "workflow"}

        assert json.loads(bytes(ask(**where, pattern=pattern).body)) == self.GRAPH

    def test_in_the_file_is_preferred_to_the_one_beside_it(self, output: Path) -> None:
        self.write(output, workflow=json.dumps(self.GRAPH))
        (output / "f.exr.workflow.json").write_text(json.dumps(self.GRAPH | {"title": "another"}))

        answered = ask(type="output", filename="f.exr", text="workflow", pattern="f.exr")

        assert json.loads(bytes(answered.body)) == self.GRAPH

    @pytest.mark.parametrize(
        "pattern", ["", "g_{:04d}.jpg", "../f_{:04d}.jpg", "a/f_{:04d}.jpg", "/" * 300, "f_{:04d}"]
    )
    def test_beside_another_sequence_is_not_read(self, output: Path, pattern: str) -> None:
        self.put_jpeg(output / "f_0001.jpg")
        for name in ("f_####.jpg", "g_####.jpg", "f_####", "f_0001.jpg"):
            (output / f"{name}.workflow.json").write_text(json.dumps(self.GRAPH))

        answered = ask(type="output", filename="f_0001.jpg", text="workflow", pattern=pattern)

        TestRefusals.assert_refused(answered, 404, "No workflow can be read from f_0001.jpg.")

    @pytest.mark.parametrize("content", ["{}", "", "no JSON", "\udce9", None])
    def test_beside_the_frames_that_is_no_graph_is_not_sent(self, output: Path, content: str | None) -> None:
        self.put_jpeg(output / "f_0001.jpg")
        beside = output / "f_####.jpg.workflow.json"
        if content is None:
            beside.mkdir()
        else:
            beside.write_bytes(content.encode(errors="surrogateescape"))

        answered = ask(type="output", filename="f_0001.jpg", text="workflow", pattern="f_{:04d}.jpg")

        TestRefusals.assert_refused(answered, 404, "No workflow can be read from f_0001.jpg.")

    def test_beside_the_frames_that_is_too_large_is_not_sent(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.put_jpeg(output / "f_0001.jpg")
        graph = json.dumps(self.GRAPH)
        (output / "f_####.jpg.workflow.json").write_text(graph)
        monkeypatch.setattr(preview, "_MAX_WORKFLOW_BYTES", len(graph) - 1)

        answered = ask(type="output", filename="f_0001.jpg", text="workflow", pattern="f_{:04d}.jpg")

        TestRefusals.assert_refused(answered, 404, "No workflow can be read from f_0001.jpg.")

    @needs_links
    def test_beside_the_frames_is_not_read_through_a_link_out_of_the_folder(self, base: Path, output: Path) -> None:
        self.put_jpeg(output / "f_0001.jpg")
        (base / "secret.json").write_text(json.dumps(self.GRAPH))
        (output / "f_####.jpg.workflow.json").symlink_to(base / "secret.json")

        answered = ask(type="output", filename="f_0001.jpg", text="workflow", pattern="f_{:04d}.jpg")

        TestRefusals.assert_refused(answered, 403, "")

    @staticmethod
    def put_jpeg(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)

    def test_no_other_text_can_be_read(self, output: Path) -> None:
        self.write(output, secret="1")

        for wanted in ("secret", "", "prompt"):
            TestRefusals.assert_refused(ask(type="output", filename="f.exr", text=wanted), 400, "should be workflow")

    def test_of_a_file_that_must_not_be_read_is_refused(self, base: Path, output: Path) -> None:
        self.write(base, workflow="{}")

        TestRefusals.assert_refused(ask(type="output", subfolder="..", filename="f.exr", text="workflow"), 400, "")

    @pytest.mark.parametrize("damage", ["torn", "another kind"])
    def test_of_a_damaged_file_is_an_error(self, output: Path, damage: str) -> None:
        self.write(output, workflow="{}")
        (output / "f.exr").write_bytes((output / "f.exr").read_bytes()[:40] if damage == "torn" else b"GIF89a")

        TestRefusals.assert_refused(ask(type="output", filename="f.exr", text="workflow"), 415, "cannot be shown")


class TestWithoutSize:
    @pytest.mark.parametrize("extension", [".png", ".jpg", ".jpeg", ".webp", ".bmp"])
    def test_it_is_the_file_itself_if_browsers_show_its_type(self, output: Path, extension: str) -> None:
        path = put(output / f"f{extension}", 77)

        answered = ask(type="output", filename=path.name)

        assert answered.body == path
        assert shown(answered).size == (6, 4)

    def test_it_is_the_pixels_as_png_if_they_do_not(self, output: Path) -> None:
        pixels = noise(20, 30)
        Image.fromarray(pixels).save(output / "f.tif")

        picture = shown(ask(type="output", filename="f.tif"))

        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), pixels)


class TestCaching:
    def test_with_the_state_of_the_file_it_is_immutable(self, frame: Path) -> None:
        status = frame.stat()
        state = f"{status.st_mtime_ns:x}-{status.st_size:x}"

        answered = ask(**A_FRAME, size=32, v=state)

        assert answered.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        tag = answered.headers["ETag"].strip('"')
        assert tag == f"{state}-32"  # the client takes the state from it for its next query
        again = ask(tag, **A_FRAME, size=32, v=state)
        assert (again.status, again.headers["Cache-Control"]) == (304, "private, max-age=31536000, immutable")

    def test_with_another_state_it_must_be_revalidated(self, frame: Path) -> None:
        """A frame that another program renders again has the same prompt id, and can have the same size."""
        status = frame.stat()
        before = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        os.utime(frame, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

        for version in (before, "3", "b2c1e0f4-prompt", "", f"{before}-32"):
            assert ask(**A_FRAME, size=32, v=version).headers["Cache-Control"] == "no-cache", version

    def test_the_file_itself_must_always_be_revalidated(self, frame: Path) -> None:
        """The server opens the file again to send it, and may then find another one."""
        status = frame.stat()

        answered = ask(**A_FRAME, v=f"{status.st_mtime_ns:x}-{status.st_size:x}")

        assert answered.headers["Cache-Control"] == "no-cache"

    def test_without_a_state_it_must_be_revalidated(self, frame: Path) -> None:
        for size in ({"size": 32}, {}):
            assert ask(**A_FRAME, **size).headers["Cache-Control"] == "no-cache"

    def test_a_known_tag_gets_304_until_the_file_changes(self, frame: Path) -> None:
        first = ask(**A_FRAME, size=32)
        tag = first.headers["ETag"].strip('"')

        again = ask("other", tag, **A_FRAME, size=32)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert ask(tag, **A_FRAME, size=33).status == 200
        os.utime(frame, ns=(1, 1))
        assert ask(tag, **A_FRAME, size=32).status == 200

    def test_errors_are_not_cached(self, output: Path) -> None:
        assert ask(type="output", filename="gone.png", v=1).headers["Cache-Control"] == "no-store"


class TestRefusals:
    """Every error is one line that can be shown."""

    @staticmethod
    def assert_refused(answered: Answer, status: int, reason: str) -> None:
        assert isinstance(answered.body, bytes)
        text = answered.body.decode()
        assert (answered.status, answered.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
        assert reason in text
        assert "\n" not in text

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            pytest.param({}, "filename is ''", id="nothing"),
            pytest.param({"type": "output"}, "filename is ''", id="no filename"),
            pytest.param({**A_FRAME, "type": "models"}, "type is 'models'", id="a type there is not"),
            pytest.param({**A_FRAME, "filename": "a/f_0007.png"}, "name of a file", id="a path for a name"),
            pytest.param({**A_FRAME, "filename": "a\\f_0007.png"}, "name of a file", id="a Windows path for a name"),
            pytest.param({**A_FRAME, "size": "big"}, "number of pixels", id="a word for a size"),
            pytest.param({**A_FRAME, "size": "-5"}, "number of pixels", id="a negative size"),
            pytest.param({**A_FRAME, "size": ""}, "number of pixels", id="an empty size"),
            pytest.param({**A_FRAME, "size": "1e3"}, "number of pixels", id="a float for a size"),
            pytest.param({**A_FRAME, "size": "9" * 5000}, "number of pixels", id="a size without end"),
            pytest.param({**A_FRAME, "size": "٣٠"}, "number of pixels", id="a size in other digits"),
            pytest.param({"type": "", "filename": "f.png"}, "absolute path", id="an operator's file without folder"),
            pytest.param({"filename": "f.png", "folder": "a"}, "absolute path", id="an operator's folder, relative"),
        ],
    )
    def test_an_invalid_query(self, frame: Path, query: dict[str, str], reason: str) -> None:
        self.assert_refused(ask(**query), 400, reason)

    @pytest.mark.parametrize("name", ["f_0008.png", "F.PNG"])
    def test_a_frame_that_vanished(self, frame: Path, name: str) -> None:
        self.assert_refused(ask(**{**A_FRAME, "filename": name}, size=64), 404, f"{name} is no longer on disk")

    def test_a_folder_that_vanished(self, output: Path) -> None:
        self.assert_refused(ask(**A_FRAME, size=64), 404, "f_0007.png is no longer on disk")

    def test_a_file_where_a_folder_was(self, frame: Path) -> None:
        self.assert_refused(
            ask(type="output", subfolder="shots/a/f_0007.png", filename="f_0001.png"), 404, "no longer on disk"
        )

    @pytest.mark.parametrize("name", ["secret.txt", "f_0007.png.part", "png", ".png", "f_0007", "f_0007.png~", "f.svg"])
    @pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
    def test_an_unsupported_extension_whether_the_file_exists_or_not(self, frame: Path, name: str, there: bool) -> None:
        if there:
            (frame.parent / name).write_bytes(frame.read_bytes())

        self.assert_refused(ask(**{**A_FRAME, "filename": name}), 415, "its name does not end in one of .png, .jpg")

    @pytest.mark.parametrize("size", [{}, {"size": 64}], ids=["the file itself", "small"])
    def test_a_file_that_is_not_an_image_despite_its_extension(self, frame: Path, size: dict[str, int]) -> None:
        frame.write_text("root:x:0:0")

        self.assert_refused(ask(**A_FRAME, **size), 415, "f_0007.png cannot be shown: it is not a readable image")

    @pytest.mark.parametrize("extension", [".png", ".jpg"])
    @pytest.mark.parametrize("truncated", [True, False], ids=["whatever other packs set", "as Pillow is"])
    def test_a_torn_file_is_never_half_a_picture(
        self, output: Path, monkeypatch: pytest.MonkeyPatch, extension: str, truncated: bool
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated)
        path = output / f"f{extension}"
        Image.fromarray(noise(200, 200)).save(path)
        tear(path, keep=-5000)

        self.assert_refused(ask(type="output", filename=path.name, size=64), 415, "cannot be shown")
        assert ImageFile.LOAD_TRUNCATED_IMAGES is truncated

    @pytest.mark.parametrize("size", [{}, {"size": 64}], ids=["the file itself", "small"])
    def test_a_decompression_bomb_by_its_header_alone(self, output: Path, size: dict[str, int]) -> None:
        """2^30 pixels in a few bytes must not be decoded."""
        bomb = bytearray(encode_png(np.zeros((1, 1, 1), np.uint8)))
        bomb[16:24] = struct.pack(">II", 2**15, 2**15)
        (output / "bomb.png").write_bytes(bomb)

        self.assert_refused(ask(type="output", filename="bomb.png", **size), 415, "cannot be shown")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes")
    @pytest.mark.parametrize("size", [{}, {"size": 64}], ids=["the file itself", "small"])
    def test_a_folder_or_a_pipe_of_that_name(self, output: Path, size: dict[str, int]) -> None:
        os.mkfifo(output / "pipe.png")
        (output / "folder.png").mkdir()

        for name in ("pipe.png", "folder.png"):
            self.assert_refused(ask(type="output", filename=name, **size), 404, f"{name} is no longer on disk")

    def test_a_path_that_is_too_long_for_the_system(self, frame: Path) -> None:
        long = "/".join(["é" * 100] * 39)
        self.assert_refused(ask(type="output", subfolder=long, filename=frame.name), 404, "cannot be read")

    @needs_links
    def test_a_link_to_itself(self, output: Path) -> None:
        (output / "round.png").symlink_to(output / "round.png")
        self.assert_refused(ask(type="output", filename="round.png"), 404, "cannot be read")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
    def test_a_file_that_comfyui_may_not_read(self, frame: Path) -> None:
        frame.chmod(0)

        self.assert_refused(ask(**A_FRAME), 403, "may not be read")

    def test_an_invalid_line_in_the_operator_s_file(self, base: Path, frame: Path) -> None:
        operator(base, "rw relative/folder")

        self.assert_refused(ask(**A_FRAME), 400, "Correct line 1 of")


class TestSaveAs:
    @pytest.mark.parametrize(
        "name",
        [
            "f_0007.png",
            "a b.png",
            "per%cent;semi, 'x'.png",
            "\u00fcn\u00efc\u00f6de \u65e5.png",
        ],
    )
    def test_offers_the_name_of_the_frame(self, output: Path, name: str) -> None:
        """RFC 6266 and 8187: percent-encoded UTF-8, so that no name can end the header or begin another."""
        try:
            (output / name).write_bytes(encode_png(noise()))
        except OSError:
            pytest.skip("this system has no such names")

        answered = ask(type="output", filename=name)

        start, _, quoted = answered.headers["Content-Disposition"].partition("UTF-8''")
        assert start == "inline; filename*="
        assert unquote(quoted) == name
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+", quoted)


def operator(base: Path, *lines: str) -> None:
    file = base / "user/__system/image_sequence_roots.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines))


class TestContainment:
    """As for loaders: no query reads anything outside the allowed folders."""

    @pytest.mark.parametrize(
        "subfolder", ["..", "../elsewhere", "shots/../../elsewhere", "/etc", "C:\\", "\\\\server\\share", "a\0b", "~"]
    )
    def test_no_subfolder_leads_out(self, frame: Path, subfolder: str) -> None:
        put(frame.parents[3] / "elsewhere" / "f_0007.png")

        assert ask(**{**A_FRAME, "subfolder": subfolder}).status == 400

    @pytest.mark.parametrize("name", ["..png", "a..png", "con.png", " f.png", "f:x.png"])
    def test_no_filename_leads_out(self, frame: Path, name: str) -> None:
        assert ask(**{**A_FRAME, "filename": name}).status == 400

    @needs_links
    def test_no_link_leads_out(self, base: Path, frame: Path) -> None:
        put(base / "elsewhere" / "f.png")
        (frame.parent / "f.png").symlink_to(base / "elsewhere" / "f.png")
        (base / "output" / "way").symlink_to(base / "elsewhere")

        assert ask(**{**A_FRAME, "filename": "f.png"}).status == 403
        assert ask(type="output", subfolder="way", filename="f.png").status == 403

    @needs_links
    def test_a_link_that_stays_inside_is_followed(self, base: Path, frame: Path) -> None:
        (base / "output" / "latest.png").symlink_to(frame)

        assert ask(type="output", filename="latest.png").status == 200

    @pytest.mark.parametrize("kind", ["output", "input", "temp"])
    def test_each_of_comfyui_s_folders_is_read(self, base: Path, kind: str) -> None:
        put(base / kind / "a" / "f.png", 5)

        assert shown(ask(type=kind, subfolder="a", filename="f.png")).size == (6, 4)

    @pytest.mark.parametrize("mode", ["ro", "rw"])
    def test_the_operator_s_folders_are_read(self, base: Path, mode: str) -> None:
        put(base / "renders" / "a" / "f.png", 5)
        where = {"type": "", "folder": (base / "renders" / "a").as_posix(), "filename": "f.png"}
        assert ask(**where, size=64).status == 403

        operator(base, f"{mode} {base / 'renders'}")

        assert shown(ask(**where, size=64)).size == (6, 4)
        assert shown(ask(**where)).format == "PNG"
        assert ask(**{**where, "folder": base.as_posix()}).status == 403
        assert ask(**{**where, "folder": f"{where['folder']}/../.."}).status == 400

    secret = b"\x89PNG secret"
    texts = st.lists(
        st.sampled_from(["..", "/", "\\", "in", "out", "elsewhere", "C:", "~", ".", "\0", "..\\", "%2e%2e", "output"])
        | st.text(max_size=3),
        max_size=6,
    ).map("".join)

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        kind=st.sampled_from(["output", "input", "temp", "", "user"]), folder=texts, name=texts, absolute=st.booleans()
    )
    @example(kind="output", folder="out", name="f", absolute=False)
    @example(kind="", folder="elsewhere", name="f", absolute=True)
    @example(kind="", folder="output/../elsewhere", name="f", absolute=True)
    @needs_links
    def test_no_query_ever_shows_what_lies_outside(
        self, base: Path, kind: str, folder: str, name: str, absolute: bool
    ) -> None:
        for place in ("elsewhere", "output", "output/in"):
            put(base / place / "f.png", 200 if place == "elsewhere" else 10)
        if not (base / "output/out").is_symlink():
            (base / "output/out").symlink_to(base / "elsewhere")
        place = f"{base.as_posix()}/{folder}" if absolute else folder
        for filename in (f"{name}.png", "f.png", name):
            answered = ask(type=kind, subfolder=place, folder=place, filename=filename, size=16)

            assert answered.status in (200, 400, 403, 404, 415)
            if answered.status == 200:
                assert seen(shown(answered), 0, 0)[0] < 20


class TestPicture:
    def test_of_anything_but_an_image_is_an_error(self) -> None:
        with pytest.raises(BrokenImageError):
            preview.picture(b"x", 64)
