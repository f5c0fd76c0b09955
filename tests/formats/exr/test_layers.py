"""Which channels a layer's name means, and which names an error offers."""

from __future__ import annotations

import pytest

from io_utils.errors import UnknownLayerError
from io_utils.formats.exr.layers import Layer, PartChannels, find, names

BLENDER = PartChannels(
    "",
    sorted(
        f"ViewLayer.{channel}"
        for channel in (
            *("Combined.R", "Combined.G", "Combined.B", "Combined.A", "Depth.Z", "Normal.X", "Normal.Y", "Normal.Z"),
            *("Vector.X", "Vector.Y", "Vector.Z", "Vector.W", "UV.U", "UV.V", "UV.A", "IndexOB.X"),
            *("DiffCol.R", "DiffCol.G", "DiffCol.B", "Denoising Normal.R", "Denoising Normal.G", "Denoising Normal.B"),
            *("CryptoObject00.r", "CryptoObject00.g", "CryptoObject00.b", "CryptoObject00.a"),
        )
    ),
)


def part(channels: str, name: str = "") -> PartChannels:
    return PartChannels(name, sorted(channels.split()))


def found(name: str, *parts: PartChannels) -> tuple[int, str, bool]:
    layer = find(parts, name)
    return layer.part, " ".join(layer.channels), layer.is_color


class TestPicture:
    @pytest.mark.parametrize(
        ("channels", "picture"),
        [
            ("R G B", "R G B"),
            ("R G B A", "R G B A"),
            ("A B G R Z id", "R G B A"),
            ("Y", "Y"),
            ("Y A", "Y A"),
            ("Y RY BY", "Y RY BY"),
            ("Y RY BY A Z", "Y RY BY A"),
            ("R", "R"),
            ("G B A", "G B A"),
            ("R G B Y", "R G B"),
            ("r g b a", "r g b a"),
            ("red green blue alpha", "red green blue alpha"),
            ("R G B r g b", "R G B"),
            ("R G B left.R left.G left.B", "R G B"),
        ],
    )
    def test_is_the_colour_that_is_in_no_layer(self, channels: str, picture: str) -> None:
        assert found("", part(channels)) == (0, picture, True)

    @pytest.mark.parametrize(
        ("channels", "layer"),
        [("Z", "Z"), ("A", "A"), ("depth.Z", "depth.Z"), ("N.X N.Y N.Z", "N.X N.Y N.Z"), ("mask.A", "mask.A")],
    )
    def test_is_the_only_layer_if_there_is_no_colour(self, channels: str, layer: str) -> None:
        assert found("", part(channels)) == (0, layer, False)

    def test_is_that_of_the_first_part_that_has_one(self) -> None:
        assert found("", part("Z", "depth"), part("R G B", "rgba"), part("R G B", "other")) == (1, "R G B", True)

    def test_is_called_combined_in_multilayer_files_of_blender(self) -> None:
        channels = "ViewLayer.Combined.R ViewLayer.Combined.G ViewLayer.Combined.B ViewLayer.Combined.A"

        assert found("", BLENDER) == (0, channels, True)

    @pytest.mark.parametrize(
        ("channels", "offered"),
        [
            ("A Z", ["A", "Z"]),
            ("X Y Z", ["X", "Y", "Z"]),
            ("real imag", ["imag", "real"]),
            ("RY BY", ["BY", "RY"]),
            ("one.R one.G one.B two.R two.G two.B", ["one", "two"]),
            ("a.Combined.R a.Combined.G b.Combined.R b.Combined.G", ["a.Combined", "b.Combined"]),
        ],
    )
    def test_that_is_missing_is_an_error_with_the_layers(self, channels: str, offered: list[str]) -> None:
        with pytest.raises(UnknownLayerError, match="no picture") as caught:
            find([part(channels)], "")

        assert list(caught.value.available) == offered


class TestLayer:
    @pytest.mark.parametrize(
        ("name", "channels", "is_color"),
        [
            ("ViewLayer.DiffCol", "R G B", True),
            ("ViewLayer.Depth", "Z", False),
            ("ViewLayer.Normal", "X Y Z", False),
            ("ViewLayer.UV", "U V A", False),
            ("ViewLayer.IndexOB", "X", False),
            ("ViewLayer.Denoising Normal", "R G B", False),
            ("ViewLayer.CryptoObject00", "r g b a", False),
        ],
    )
    def test_of_blender_has_its_channels_in_the_order_of_an_image(
        self, name: str, channels: str, is_color: bool
    ) -> None:
        assert found(name, BLENDER) == (0, " ".join(f"{name}.{channel}" for channel in channels.split()), is_color)

    def test_may_have_further_channels_beside_its_colour(self) -> None:
        """The views of a multi-view file are layers with all channels of the main view."""
        views = part("R G B A Z right.R right.G right.B right.A right.Z")

        assert found("right", views) == (0, "right.R right.G right.B right.A", True)
        assert found("right.Z", views) == (0, "right.Z", False)

    def test_of_more_channels_than_an_image_has_is_an_error_with_the_channels(self) -> None:
        with pytest.raises(UnknownLayerError, match=r"'ViewLayer.Vector' has the channels .*, which do not make up"):
            find([BLENDER], "ViewLayer.Vector")
        assert found("ViewLayer.Vector.W", BLENDER) == (0, "ViewLayer.Vector.W", False)

    @pytest.mark.parametrize(
        "name", ["N", "normals", "P", "WorldPosition", "motionvector", "left.depth", "crypto_asset00", "__Nworld", "st"]
    )
    def test_of_data_by_its_name_is_not_colour(self, name: str) -> None:
        assert found(name, part(f"{name}.R {name}.G {name}.B")) == (0, f"{name}.R {name}.G {name}.B", False)

    @pytest.mark.parametrize("name", ["diffuse", "emotion", "workflow", "composition", "abnormal", "subdepth"])
    def test_whose_name_only_ends_in_the_letters_of_data_is_colour(self, name: str) -> None:
        assert found(name, part(f"{name}.R {name}.G {name}.B")) == (0, f"{name}.R {name}.G {name}.B", True)

    @pytest.mark.parametrize("channel", ["R", "G", "Y", "Z", "A", "V"])
    def test_of_a_single_channel_is_data(self, channel: str) -> None:
        assert found("AO", part(f"R G B AO.{channel}")) == (0, f"AO.{channel}", False)

    def test_of_any_name_is_colour_if_the_file_says_so(self) -> None:
        listed = PartChannels("", ["normal.B", "normal.G", "normal.R"], data_layers=[])

        assert found("normal", listed) == (0, "normal.R normal.G normal.B", True)

    def test_of_data_by_an_attribute_of_the_file_is_not_colour(self) -> None:
        listed = PartChannels("", ["a.B", "a.G", "a.R", "b.B", "b.G", "b.R"], data_layers=["a"])

        assert found("a", listed) == (0, "a.R a.G a.B", False)
        assert found("b", listed) == (0, "b.R b.G b.B", True)

    @pytest.mark.parametrize("name", ["R", "Y", "Z", "left.R", "A"])
    def test_of_one_channel_that_is_asked_for_is_data(self, name: str) -> None:
        assert found(name, part("R G B A Y Z left.R left.G")) == (0, name, False)

    def test_has_precedence_over_a_channel_of_its_name(self) -> None:
        assert found("depth", part("R G B depth depth.Z")) == (0, "depth.Z", False)

    @pytest.mark.parametrize(
        ("channels", "has_alpha"), [("A", False), ("Y A", True), ("R G B", False), ("u v a", True)]
    )
    def test_has_alpha_beside_other_channels_only(self, channels: str, has_alpha: bool) -> None:
        assert Layer(0, tuple(channels.split()), is_color=True).has_alpha == has_alpha


class TestParts:
    """Nuke writes each layer into a part of its own, and stereo views into parts with a suffix."""

    NUKE = (
        part("R G B A", "rgba_left"),
        part("Z", "depth_left"),
        part("N.X N.Y N.Z", "N_left"),
        part("R G B A", "rgba_right"),
    )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("rgba_right", (3, "R G B A", True)),
            ("depth_left", (1, "Z", False)),
            ("N_left", (2, "N.X N.Y N.Z", False)),
            ("N", (2, "N.X N.Y N.Z", False)),
            ("Z", (1, "Z", False)),
            ("rgba_right.G", (3, "G", False)),
            ("N_left.N", (2, "N.X N.Y N.Z", False)),
            ("N_left.N.X", (2, "N.X", False)),
        ],
    )
    def test_are_layers_and_hold_layers(self, name: str, expected: tuple[int, str, bool]) -> None:
        assert found(name, *self.NUKE) == expected

    def test_of_data_by_their_name_are_not_colour(self) -> None:
        assert found("normals", part("R G B", "rgba"), part("R G B", "normals")) == (1, "R G B", False)

    def test_and_layers_are_what_an_error_offers(self) -> None:
        views = part("R G B Z", "left"), part("R G B Z", "right"), part("a.R a.G b.R b.G", "more")

        assert names(self.NUKE) == ["rgba_left", "depth_left", "N_left", "rgba_right"]
        assert names(views) == ["left", "left.Z", "right", "right.Z", "more.a", "more.b"]
        assert found("right.Z", *views) == (1, "Z", False)
        assert found("more.b", *views) == (2, "b.R b.G", True)

    @pytest.mark.parametrize(
        "parts",
        [NUKE, (BLENDER,), (part("R G B A Z id depth.Z"),), (part("Z", "a"), part("b.Z", "b"), part("R G", "c"))],
        ids=["Nuke", "Blender", "one part", "three parts"],
    )
    def test_each_layer_that_is_offered_is_found(self, parts: tuple[PartChannels, ...]) -> None:
        offered = names(parts)

        assert len(set(offered)) == len(offered) > 1
        channels = [
            find(parts, name).channels for name in offered if name != "ViewLayer.Vector"
        ]  # which has four channels of data
        assert len({(name, *each) for name, each in zip(offered, channels)}) == len(channels)


class TestError:
    def test_names_the_nearest_layer_first(self) -> None:
        with pytest.raises(UnknownLayerError, match=r"no layer 'Combined'; set layer to 'ViewLayer.Combined', or "):
            find([BLENDER], "Combined")
        with pytest.raises(UnknownLayerError, match="set layer to 'depth'"):
            find([part("R G B depth.Z")], "depth.z")

    def test_stays_readable_with_many_layers(self) -> None:
        many = part(" ".join(f"pass{number:03}.{channel}" for number in range(300) for channel in "RGB"))

        with pytest.raises(UnknownLayerError, match="and 280 more") as caught:
            find([many], "")

        assert len(str(caught.value)) < 400
        assert len(caught.value.available) == 300
