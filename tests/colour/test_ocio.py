"""Colour spaces of OpenColorIO: its built-in studio config, and the config that the operator names."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from io_utils.colour.ocio import config_file
from io_utils.colour.spaces import (
    ACES2065_1,
    ACESCG,
    FILE_COLOR_SPACES,
    LINEAR_REC709,
    SRGB,
    ColorSpace,
    color_space,
    conversion,
    file_color_spaces,
)
from io_utils.errors import ColorConfigError, ColorSpaceError

pytest.importorskip("PyOpenColorIO")

CONFIG = """
ocio_profile_version: 2
environment: {{{environment}}}
search_path: luts
roles:
  default: raw
{roles}
inactive_colorspaces: [{inactive}]
displays:
  screen:
    - !<View> {{name: plain, colorspace: raw}}
view_transforms:
  - !<ViewTransform>
    name: brighter
    from_scene_reference: !<MatrixTransform> {{matrix: [8, 0, 0, 0, 0, 8, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1]}}
display_colorspaces:
  - !<ColorSpace>
    name: XYZ
  - !<ColorSpace>
    name: half XYZ
    from_display_reference: !<MatrixTransform> {{matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
colorspaces:
  - !<ColorSpace>
    name: raw
    isdata: true
  - !<ColorSpace>
    name: AP0
  - !<ColorSpace>
    name: twice AP0
    aliases: [double]
    from_scene_reference: !<MatrixTransform> {{matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}}
  - !<ColorSpace>
    name: warm AP0
    from_scene_reference: !<MatrixTransform> {{matrix: [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}}
  - !<ColorSpace>
    name: graded
    from_scene_reference: !<FileTransform> {{src: {lut}}}
  - !<ColorSpace>
    name: sRGB
    from_scene_reference: !<MatrixTransform> {{matrix: [9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 1]}}
"""
ROLES = "  aces_interchange: AP0\n  cie_xyz_d65_interchange: XYZ"


def lut(gain: float) -> str:
    return f"Version 1\nFrom 0.0 1.0\nLength 2\nComponents 1\n{{\n0.0\n{gain}\n}}\n"


@pytest.fixture
def write_config(base: Path, name_config):
    """Write a config with two LUT files in luts/, and the operator's file that names it."""

    def write(environment="GRADE: third", lut_file="$GRADE.spi1d", roles=ROLES, inactive="") -> Path:
        folder = base / "ocio"
        (folder / "luts").mkdir(parents=True, exist_ok=True)
        (folder / "luts" / "third.spi1d").write_text(lut(1 / 3))
        (folder / "luts" / "fifth.spi1d").write_text(lut(1 / 5))
        path = folder / "show.ocio"
        path.write_text(CONFIG.format(environment=environment, lut=lut_file, roles=roles, inactive=inactive))
        name_config(f"# our show\n{path}\n")
        return path

    return write


def converted(source: ColorSpace, target: ColorSpace, *pixel: float) -> list[float]:
    convert = conversion(source, target)
    pixels = np.array(pixel, np.float32).reshape(1, 1, -1)
    return list((pixels if convert is None else convert(pixels)).ravel())


class TestTheStudioConfig:
    def test_adds_its_active_colour_spaces_and_no_name_twice(self, studio_config: Any) -> None:
        names = file_color_spaces()

        assert names[: len(FILE_COLOR_SPACES)] == FILE_COLOR_SPACES
        assert {"ARRI LogC4", "S-Log3 S-Gamut3.Cine", "sRGB Encoded Rec.709 (sRGB)", "Raw"} <= set(names)
        assert len({name.casefold() for name in names}) == len(names)
        assert not [name for name in names if name.startswith("CIE XYZ")]  # inactive
        known = {name.casefold() for name in names}
        assert [name for name in studio_config.getColorSpaceNames() if name.casefold() not in known] == []

    def test_has_colour_spaces_by_alias_and_role_too(self) -> None:
        assert color_space("lin_srgb").name == "Linear Rec.709 (sRGB)"
        assert color_space("SCENE_LINEAR").name == "ACEScg"
        assert color_space("lin_srgb") == color_space("Linear Rec.709 (sRGB)")

    def test_every_colour_space_converts_as_opencolorio_does_it(self, by_ocio) -> None:
        pixels = np.random.default_rng(0).uniform(0, 1, (20, 30, 3)).astype(np.float32)
        for name in file_color_spaces()[len(FILE_COLOR_SPACES) :]:
            space = color_space(name)
            for built_in, studio in ((ACESCG, "ACEScg"), (LINEAR_REC709, "lin_rec709")):
                from_it, to_it = conversion(space, built_in), conversion(built_in, space)
                for convert, pair in ((from_it, (name, studio)), (to_it, (studio, name))):
                    expected = by_ocio(*pair, pixels)
                    result = pixels if convert is None else convert(pixels.copy())
                    size = np.maximum(1, np.abs(expected).max(axis=-1, keepdims=True))
                    assert (np.abs(result - expected) <= 1e-5 * size).all(), pair

    def test_srgb_is_its_srgb(self) -> None:
        pixel = (0.9, 0.5, 0.01)

        for name in ("sRGB - Texture", "sRGB - Display"):
            assert converted(SRGB, color_space(name), *pixel) == pytest.approx(pixel, abs=1e-5)

    def test_two_of_its_colour_spaces_convert_directly(self, by_ocio) -> None:
        source, target = color_space("ARRI LogC4"), color_space("S-Log3 S-Gamut3")
        pixels = np.random.default_rng(0).uniform(0, 1, (20, 30, 3)).astype(np.float32)

        convert = conversion(source, target)

        assert convert is not None
        np.testing.assert_array_equal(convert(pixels.copy()), by_ocio(source.name, target.name, pixels))
        assert conversion(source, source) is None

    def test_data_are_never_converted(self) -> None:
        raw = color_space("Raw")

        assert conversion(SRGB, raw) is None
        assert conversion(raw, ACESCG) is None
        assert conversion(raw, color_space("ARRI LogC4")) is None

    @pytest.mark.parametrize("name", ["ARRI LogC4", "S-Log3 S-Gamut3", "ACEScct", "sRGB - Texture"])
    def test_nan_stays_nan(self, name: str) -> None:
        """Also in a logarithm, where OpenColorIO itself would make it the lowest value."""
        pixels = np.full((1, 2, 3), 0.18, np.float32)
        pixels[0, 0, 1] = np.nan
        convert = conversion(LINEAR_REC709, color_space(name))
        assert convert is not None

        result = convert(pixels)

        assert np.isnan(result[0, 0]).all()
        assert np.isfinite(result[0, 1]).all()

    def test_all_its_colour_spaces_keep_grey(self) -> None:
        for name in file_color_spaces()[len(FILE_COLOR_SPACES) :]:
            for pair in ((SRGB, color_space(name)), (color_space(name), SRGB)):
                convert = conversion(*pair)
                assert convert is None or convert.keeps_grey, pair

    def test_grey_is_converted_like_three_equal_channels(self) -> None:
        grey = np.random.default_rng(0).uniform(0, 1, (200, 301, 1)).astype(np.float32)
        convert = conversion(SRGB, color_space("ARRI LogC4"))
        assert convert is not None
        expected = convert(np.repeat(grey, 3, axis=2))

        result = convert(grey)

        assert result.shape == grey.shape
        np.testing.assert_array_equal(result[..., 0], expected[..., 1])

    def test_a_frame_larger_than_a_block_is_converted_like_its_rows(self) -> None:
        pixels = np.random.default_rng(0).uniform(0, 1, (3, 50_001, 3)).astype(np.float32)
        convert = conversion(SRGB, color_space("ARRI LogC4"))
        assert convert is not None

        rows = np.concatenate([convert(pixels[row : row + 1].copy()) for row in range(3)])

        np.testing.assert_allclose(convert(pixels), rows, atol=1e-6)


class TestTheOperatorsConfig:
    def test_replaces_the_studio_config(self, write_config) -> None:
        write_config()

        assert file_color_spaces() == (
            *FILE_COLOR_SPACES,
            "XYZ",
            "half XYZ",
            "raw",
            "AP0",
            "twice AP0",
            "warm AP0",
            "graded",
        )
        assert converted(ACES2065_1, color_space("twice AP0"), 0.1, 0.2, 0.3) == pytest.approx([0.2, 0.4, 0.6])
        assert converted(color_space("double"), ACES2065_1, 0.1, 0.2, 0.3) == pytest.approx([0.05, 0.1, 0.15])
        with pytest.raises(ColorSpaceError):
            color_space("ARRI LogC4")

    def test_finds_its_lut_files(self, write_config) -> None:
        write_config()

        assert converted(ACES2065_1, color_space("graded"), 0.3, 0.6, 0.9) == pytest.approx([0.1, 0.2, 0.3])

    def test_may_be_an_archive_with_its_lut_files(self, ocio: Any, write_config, name_config, base: Path) -> None:
        config = ocio.Config.CreateFromFile(str(write_config(lut_file="third.spi1d")))
        config.archive(str(base / "show.ocioz"))
        for path in sorted((base / "ocio").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        name_config(str(base / "show.ocioz"))

        assert converted(ACES2065_1, color_space("graded"), 0.3, 0.6, 0.9) == pytest.approx([0.1, 0.2, 0.3])

    def test_may_be_one_that_is_built_in(self, name_config) -> None:
        name_config("\ufeff\n  # small\nocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1  \n")

        assert color_space("sRGB - Texture").name == "sRGB - Texture"
        assert "ARRI LogC4" not in file_color_spaces()

    @pytest.mark.parametrize("text", ["", "\n# none yet\n\n"])
    def test_is_the_studio_config_if_the_file_names_none(self, name_config, text: str) -> None:
        name_config(text)

        assert color_space("ARRI LogC4").config is not None

    def test_never_changes_what_a_built_in_name_means(self, write_config) -> None:
        write_config()

        assert color_space("sRGB") is SRGB

    def test_is_read_again_if_it_changes(self, write_config) -> None:
        path = write_config()
        before = color_space("graded")
        assert color_space("graded") == before
        write_config(environment="GRADE: fifth")
        os.utime(path, ns=(1, 1))

        assert converted(ACES2065_1, color_space("graded"), 0.5, 0.5, 0.5) == pytest.approx([0.1] * 3)
        assert color_space("graded") != before
        # A colour space that was asked for before keeps the config that it came from.
        assert converted(before, color_space("graded"), 0.1, 0.1, 0.1) == pytest.approx([0.06] * 3)

    def test_leaves_out_its_inactive_colour_spaces_but_finds_them(self, write_config) -> None:
        write_config(inactive="AP0, double")

        assert not {"AP0", "twice AP0"} & set(file_color_spaces())
        assert color_space("twice AP0").name == "twice AP0"

    def test_that_does_not_keep_grey_makes_three_channels_of_it(self, write_config) -> None:
        write_config()
        convert = conversion(ACES2065_1, color_space("warm AP0"))
        assert convert is not None
        grey = np.full((2, 3, 1), 0.25, np.float32)

        result = convert(grey)

        assert not convert.keeps_grey
        assert result.shape == (2, 3, 3)
        assert list(result[1, 2]) == [0.5, 0.25, 0.25]
        assert (grey == 0.25).all()

    def test_connects_scenes_by_aces_and_displays_by_xyz_so_that_no_view_transform_is_between(
        self, write_config
    ) -> None:
        write_config()
        white = 0.3127 / 0.329 / 2, 0.5, 0.3583 / 0.329 / 2

        assert converted(SRGB, color_space("twice AP0"), 1, 1, 1) == pytest.approx([2, 2, 2], abs=1e-5)
        assert converted(SRGB, color_space("half XYZ"), 1, 1, 1) == pytest.approx(white, abs=1e-5)
        assert converted(color_space("half XYZ"), SRGB, *white) == pytest.approx([1, 1, 1], abs=1e-5)

    def test_with_one_of_the_two_roles_uses_it_for_both(self, write_config) -> None:
        write_config(roles="  cie_xyz_d65_interchange: XYZ")

        # The view transform is the config's only way from one to the other.
        xyz = converted(color_space("twice AP0"), color_space("XYZ"), 1, 1, 1)
        assert xyz == pytest.approx([4, 4, 4])
        assert converted(color_space("twice AP0"), SRGB, 1, 1, 1) == pytest.approx(
            converted(color_space("XYZ"), SRGB, *xyz)
        )

    def test_with_neither_role_is_an_error_that_says_so_and_its_own_spaces_still_convert(self, write_config) -> None:
        path = write_config(roles="")
        space = color_space("twice AP0")

        with pytest.raises(
            ColorConfigError, match="neither the role aces_interchange nor cie_xyz_d65_interchange"
        ) as caught:
            conversion(SRGB, space)

        assert (caught.value.config, caught.value.file) == (str(path), config_file())
        assert converted(space, color_space("AP0"), 2, 2, 2) == pytest.approx([1, 1, 1])

    def test_without_a_lut_file_is_an_error_that_names_it(self, write_config) -> None:
        write_config(lut_file="lost.spi1d")

        with pytest.raises(ColorConfigError, match=r"cannot convert 'aces_interchange' to 'graded': .*lost\.spi1d"):
            conversion(SRGB, color_space("graded"))

    def test_is_only_read(self, write_config, base: Path) -> None:
        path = write_config()
        before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in base.rglob("*") if file.is_file()}

        conversion(SRGB, color_space("graded"))

        assert {
            file: (file.stat().st_mtime_ns, file.read_bytes()) for file in base.rglob("*") if file.is_file()
        } == before
        assert path in before


class TestABrokenConfig:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            pytest.param("show.ocio", r"has the line 'show\.ocio'", id="a relative path"),
            pytest.param("/shows/config.yaml", r"has the line '/shows/config\.yaml'", id="another kind of file"),
            pytest.param("/a/show.ocio\n/b/show.ocio", r"has the line '/b/show\.ocio'", id="two configs"),
            pytest.param("$OCIO", r"has the line '\$OCIO'", id="an environment variable"),
            pytest.param("https://x/show.ocio", "has the line 'https", id="a web address"),
            pytest.param("/séquences/show.ocio".encode("latin-1"), "is not UTF-8", id="not UTF-8"),
        ],
    )
    def test_an_invalid_line_is_named_together_with_the_file(self, name_config, text: str | bytes, reason: str) -> None:
        file = name_config(text)

        with pytest.raises(ColorConfigError, match=reason) as caught:
            color_space("any")

        assert repr(str(file)) in str(caught.value)
        assert str(caught.value).startswith("Write one line besides comments into the file: the absolute path")

    @pytest.mark.parametrize("content", [None, "", "no: yaml: [", "ocio_profile_version: 99"])
    def test_a_config_that_cannot_be_read_is_named(self, base: Path, name_config, content: str | None) -> None:
        path = base / "show.ocio"
        if content is not None:
            path.write_text(content)
        file = name_config(str(path))

        with pytest.raises(ColorConfigError, match="cannot be read: ") as caught:
            color_space("any")

        assert (caught.value.file, caught.value.config) == (file, str(path))

    def test_a_config_with_names_that_are_not_utf_8_is_named(self, write_config) -> None:
        path = write_config()
        path.write_bytes(path.read_bytes().replace(b"name: graded", b"name: grad\xe9"))

        assert file_color_spaces() == FILE_COLOR_SPACES
        with pytest.raises(ColorConfigError, match=r"show\.ocio' cannot be read: .*utf-8"):
            color_space("any")

    def test_an_archive_that_cannot_be_read_is_named(self, base: Path, name_config) -> None:
        (base / "show.ocioz").write_bytes(b"PK\3\4 no archive")
        name_config(str(base / "show.ocioz"))

        with pytest.raises(ColorConfigError, match=r"show\.ocioz' cannot be read: "):
            color_space("any")

    def test_a_built_in_config_that_does_not_exist_is_named(self, name_config) -> None:
        name_config("ocio://nuke-default")

        with pytest.raises(ColorConfigError, match=r"'ocio://nuke-default' cannot be read: .*built-in"):
            color_space("any")

    def test_a_folder_in_place_of_the_file_is_named(self, base: Path) -> None:
        config_file().mkdir(parents=True)

        with pytest.raises(ColorConfigError, match=r"image_sequence_ocio\.txt' cannot be read: "):
            color_space("any")

    def test_leaves_the_built_in_colour_spaces(self, name_config) -> None:
        name_config("no config")

        assert color_space("ACEScg") is ACESCG
        assert file_color_spaces() == FILE_COLOR_SPACES


class TestEnvironmentVariables:
    """OpenColorIO reads several; none of them may change what a workflow does."""

    def test_ocio_names_no_config(self, monkeypatch: pytest.MonkeyPatch, write_config, name_config) -> None:
        monkeypatch.setenv("OCIO", str(write_config()))
        name_config("# none")

        assert color_space("ARRI LogC4").config is not None
        assert "twice AP0" not in file_color_spaces()

    def test_a_variable_of_the_config_keeps_its_default(self, monkeypatch: pytest.MonkeyPatch, write_config) -> None:
        monkeypatch.setenv("GRADE", "fifth")
        write_config()

        assert converted(ACES2065_1, color_space("graded"), 0.9, 0.9, 0.9) == pytest.approx([0.3] * 3)

    @pytest.mark.parametrize("environment", ["OTHER: third", ""])
    def test_a_variable_without_a_default_has_no_value(
        self, monkeypatch: pytest.MonkeyPatch, write_config, environment: str
    ) -> None:
        monkeypatch.setenv("GRADE", "fifth")
        write_config(environment=environment)

        with pytest.raises(ColorConfigError, match=r"\$GRADE\.spi1d"):
            conversion(SRGB, color_space("graded"))

    def test_a_config_without_declared_variables_gets_none(
        self, monkeypatch: pytest.MonkeyPatch, ocio: Any, write_config
    ) -> None:
        """OpenColorIO itself then offers the whole environment to the config."""
        monkeypatch.setenv("GRADE", "fifth")
        path = write_config()
        path.write_text("\n".join(line for line in path.read_text().splitlines() if "environment" not in line))
        assert ocio.Config.CreateFromFile(str(path)).getProcessor("AP0", "graded") is not None

        with pytest.raises(ColorConfigError, match=r"\$GRADE\.spi1d"):
            conversion(SRGB, color_space("graded"))

    @pytest.mark.parametrize("inactive", ["", "AP0"])
    def test_ocio_inactive_colorspaces_hides_none_and_shows_none(
        self, monkeypatch: pytest.MonkeyPatch, ocio: Any, write_config, inactive: str
    ) -> None:
        path = write_config(inactive=inactive)
        expected = file_color_spaces()
        monkeypatch.setenv("OCIO_INACTIVE_COLORSPACES", "graded, twice AP0")
        os.utime(path, ns=(1, 1))  # so that it is read again
        assert "graded" not in ocio.Config.CreateFromFile(str(path)).getColorSpaceNames()

        assert file_color_spaces() == expected

    def test_an_unusable_ocio_optimization_flags_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, write_config
    ) -> None:
        """OpenColorIO reads it whenever it prepares a conversion; there is no way around."""
        monkeypatch.setenv("OCIO_OPTIMIZATION_FLAGS", "fast")
        write_config()

        with pytest.raises(ColorConfigError, match="OCIO_OPTIMIZATION_FLAGS"):
            conversion(SRGB, color_space("twice AP0"))


def test_nothing_is_logged_about_a_usable_config(write_config, capfd: pytest.CaptureFixture[str], caplog) -> None:
    caplog.set_level(logging.DEBUG)
    write_config()

    conversion(SRGB, color_space("graded"))

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
