"""Layers: from Add EXR Layer through every saver into the file, judged by the OpenEXR package, and loaded by their names."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from io_utils.colour.spaces import SRGB, color_space, conversion

from .. import hosted
from ..hosted import wire
from ..srgb import linear
from .plates import (
    TYPES,
    add_layer,
    channels_of,
    every_loader,
    every_saver,
    load,
    place,
    save,
    write_exr,
)

HEIGHT, WIDTH = 6, 10


def pictures(count: int = 2, channels: int = 3, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.random((count, HEIGHT, WIDTH, channels)).astype(np.float32))


def data(count: int = 2, channels: int = 3, seed: int = 1) -> torch.Tensor:
    """Positions or depths: values of any size, which need more than the 11 bits of half."""
    random = np.random.default_rng(seed)
    return torch.from_numpy((random.normal(size=(count, HEIGHT, WIDTH, channels)) * 1000 + 0.123).astype(np.float32))


class TestTheFile:
    @pytest.mark.parametrize(
        ("name", "kind", "channels"),
        [
            ("Z", "mask", ["Z"]),
            ("depth", "mask", ["depth.Z"]),
            ("left.depth", "mask", ["left.depth.Z"]),
            ("normal", "image", ["normal.R", "normal.G", "normal.B"]),
            ("left.diffuse", "image", ["left.diffuse.R", "left.diffuse.G", "left.diffuse.B"]),
            ("Z", "image", ["Z.R", "Z.G", "Z.B"]),
            (" Tiefe ä ", "mask", ["Tiefe ä.Z"]),
        ],
    )
    @every_saver
    def test_has_the_channels_of_the_name_beside_the_picture(
        self, pack: ModuleType, output: Path, saver: str, name: str, kind: str, channels: list[str]
    ) -> None:
        values = data()
        of_layer = values[..., 0] if kind == "mask" else values

        save(pack, saver, pictures(), layers=lambda run: add_layer(pack, name, **{kind: of_layer[run]}))

        for frame in range(2):
            found = channels_of(output / f"s/s_{frame:05d}.exr")
            assert set(found) == {"R", "G", "B", *channels}
            for place_of, channel in enumerate(channels):
                assert found[channel].dtype == np.float32
                assert (found[channel] == values[frame, ..., place_of].numpy()).all()

    @pytest.mark.parametrize(
        ("count", "channels"), [(1, ["n.Z"]), (2, ["n.Y", "n.A"]), (4, ["n.R", "n.G", "n.B", "n.A"])]
    )
    def test_of_an_image_with_other_channels(
        self, pack: ModuleType, output: Path, count: int, channels: list[str]
    ) -> None:
        values = data(1, count)

        save(pack, "SaveFrame", pictures(1), layers=lambda run: add_layer(pack, "n", image=values))

        found = channels_of(output / "s/s_00000.exr")
        assert [
            name for name in channels if (found[name] == values[0, ..., channels.index(name)].numpy()).all()
        ] == channels
        assert set(found) == {"R", "G", "B", *channels}

    @every_saver
    def test_has_every_layer_of_a_chain(self, pack: ModuleType, output: Path, saver: str) -> None:
        values = [data(seed=seed) for seed in range(12)]

        def chain(run: slice) -> Any:
            layers = add_layer(pack, "Z", mask=values[0][run][..., 0])
            for number, each in enumerate(values[1:], 1):
                layers = add_layer(pack, f"aov{number:02d}", layers, image=each[run])
            return layers

        save(pack, saver, pictures(), layers=chain)

        for frame in range(2):
            found = channels_of(output / f"s/s_{frame:05d}.exr")
            assert len(found) == 3 + 1 + 11 * 3
            assert (found["Z"] == values[0][frame, ..., 0].numpy()).all()
            for number, each in enumerate(values[1:], 1):
                for index, letter in enumerate("RGB"):
                    assert (found[f"aov{number:02d}.{letter}"] == each[frame, ..., index].numpy()).all()

    @pytest.mark.parametrize("filetype", ["exr 16-bit", "exr 16-bit with embedded workflow"])
    def test_of_half_has_the_picture_as_half_and_data_as_float(
        self, pack: ModuleType, output: Path, filetype: str
    ) -> None:
        def both(run: slice) -> Any:
            return add_layer(
                pack, "light", add_layer(pack, "P", image=data()[run]), image=pictures()[run], is_color=True
            )

        save(pack, "SaveBatch", pictures(), filetype, layers=both)

        found = channels_of(output / "s/s_00001.exr")
        assert {name: plane.dtype for name, plane in found.items()} == {
            **dict.fromkeys(["R", "G", "B", "light.R", "light.G", "light.B"], np.dtype(np.float16)),
            **dict.fromkeys(["P.R", "P.G", "P.B"], np.dtype(np.float32)),
        }
        assert (found["P.R"] == data()[1, ..., 0].numpy()).all()

    @every_saver
    def test_has_colour_converted_and_data_as_they_are(self, pack: ModuleType, output: Path, saver: str) -> None:
        images = pictures()

        def both(run: slice) -> Any:
            return add_layer(pack, "c", add_layer(pack, "d", image=images[run]), image=images[run], is_color=True)

        save(pack, saver, images, layers=both, file_color_space="ACEScg")

        convert = conversion(SRGB, color_space("ACEScg"))
        assert convert is not None
        for frame in range(2):
            found = channels_of(output / f"s/s_{frame:05d}.exr")
            expected = convert(images[frame].numpy().copy())
            for index, letter in enumerate("RGB"):
                np.testing.assert_allclose(found[f"c.{letter}"], expected[..., index], rtol=0, atol=1e-6)
                assert (found[f"d.{letter}"] == images[frame, ..., index].numpy()).all()

    def test_has_a_mask_as_data_whatever_is_color_says(self, pack: ModuleType, output: Path) -> None:
        mask = pictures(1)[..., 0]

        save(pack, "SaveFrame", pictures(1), layers=lambda run: add_layer(pack, "m", mask=mask, is_color=True))

        assert (channels_of(output / "s/s_00000.exr")["m.Z"] == mask[0].numpy()).all()

    def test_has_grey_colour_as_rgb(self, pack: ModuleType, output: Path) -> None:
        """One channel would be data to every program, also to the loaders."""
        grey = pictures(1, 1)

        save(pack, "SaveFrame", pictures(1), layers=lambda run: add_layer(pack, "g", image=grey, is_color=True))

        found = channels_of(output / "s/s_00000.exr")
        for letter in "RGB":
            np.testing.assert_allclose(found[f"g.{letter}"], linear(grey[0, ..., 0].numpy()), rtol=0, atol=1e-6)
        np.testing.assert_allclose(load(pack, "LoadFrame", layer="g").images, grey.expand(-1, -1, -1, 3), atol=1e-6)

    @every_saver
    def test_has_a_layer_of_one_image_in_every_frame(self, pack: ModuleType, output: Path, saver: str) -> None:
        values = data(1)

        save(pack, saver, pictures(3), layers=lambda run: add_layer(pack, "P", image=values))

        for frame in range(3):
            assert (channels_of(output / f"s/s_{frame:05d}.exr")["P.G"] == values[0, ..., 1].numpy()).all()

    def test_of_each_variant_has_its_own(self, pack: ModuleType, output: Path) -> None:
        values = data(2)
        layers = add_layer(pack, "P", image=values)

        hosted.run(pack, "SaveCounted", **place("SaveCounted", "exr", pictures(2)), layers=wire(layers))

        for variant in range(2):
            found = channels_of(output / f"s/batch_{variant:04d}/s_00000.exr")
            assert (found["P.B"] == values[variant, ..., 2].numpy()).all()

    def test_of_a_list_of_batches_has_those_of_the_list(self, pack: ModuleType, output: Path) -> None:
        images, values = pictures(5), data(5)
        layers = [add_layer(pack, "P", image=values[part]) for part in (slice(0, 2), slice(2, 5))]
        inputs = place("SaveBatch", "exr", images) | {"images": wire(images[:2], images[2:])}

        hosted.run(pack, "SaveBatch", **inputs, layers=wire(*layers))

        for frame in range(5):
            found = channels_of(output / f"s/s_{frame:05d}.exr")
            assert (found["P.R"] == values[frame, ..., 0].numpy()).all()


class TestALoadedLayer:
    @every_saver
    @every_loader
    def test_is_what_was_saved(self, pack: ModuleType, output: Path, dtype: str, saver: str, loader: str) -> None:
        images, normals, depth = (pictures(seed=seed).to(TYPES[dtype]) for seed in range(3))

        def three(run: slice) -> Any:
            layers = add_layer(pack, "Z", mask=depth[run][..., 0])
            layers = add_layer(pack, "normal", layers, image=normals[run])
            return add_layer(pack, "light", layers, image=images[run], is_color=True)

        save(pack, saver, pictures(), layers=three)

        assert (load(pack, loader, count=2, layer="normal").images == normals).all()
        assert (load(pack, loader, count=2, layer="Z").images == depth[..., :1].expand(-1, -1, -1, 3)).all()
        assert (load(pack, loader, count=2, layer="normal.G").images == normals[..., 1:2].expand(-1, -1, -1, 3)).all()
        light = load(pack, loader, count=2, layer=" light ")
        near = 1e-6 if dtype == "float32" else 2**-11
        np.testing.assert_allclose(light.images.float(), images.float(), rtol=0, atol=near)
        assert not light.mask.any()

    @every_loader
    def test_of_colour_and_alpha_has_a_mask(self, pack: ModuleType, output: Path, loader: str) -> None:
        glass = pictures(2, 4)
        glass[..., 3] = glass[..., 3] * 0.9 + 0.1

        save(pack, "SaveBatch", pictures(), layers=lambda run: add_layer(pack, "glass", image=glass, is_color=True))

        again = load(pack, loader, count=2, layer="glass")
        np.testing.assert_allclose(again.images, glass[..., :3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(again.mask, 1 - glass[..., 3], rtol=0, atol=1e-6)

    @every_loader
    def test_of_data_outside_0_to_1_is_kept(self, pack: ModuleType, output: Path, loader: str) -> None:
        values = data()

        save(pack, "SaveBatch", pictures(), layers=lambda run: add_layer(pack, "world", image=values))

        assert (load(pack, loader, count=2, layer="world").images == values).all()

    @every_loader
    def test_that_is_unknown_is_refused_with_those_there_are(self, pack: ModuleType, output: Path, loader: str) -> None:
        plane = np.ones((4, 5), np.float32)
        names = ["R", "G", "B", "Z", "normal.X", "normal.Y", "normal.Z", "diffuse.R", "diffuse.G", "diffuse.B"]
        write_exr(output / "s/s_00000.exr", dict.fromkeys(names, plane))

        with pytest.raises(
            ValueError, match=r"^Set layer to 'normal', .* Frame 0 .*it has no layer 'Normals'"
        ) as caught:
            load(pack, loader, layer="Normals")
        assert all(repr(name) in str(caught.value) for name in ("Z", "normal", "diffuse"))

    @every_loader
    def test_of_a_kind_of_file_without_layers_is_refused(self, pack: ModuleType, output: Path, loader: str) -> None:
        save(pack, "SaveBatch", pictures(1), "png")

        with pytest.raises(ValueError, match=r"^Leave layer empty.* Frame 0 .*PNG files have no layers"):
            load(pack, loader, kind="png", layer="depth")

    @every_loader
    def test_of_a_name_that_is_very_long_is_refused_in_a_short_message(
        self, pack: ModuleType, output: Path, loader: str
    ) -> None:
        save(pack, "SaveBatch", pictures(1))

        with pytest.raises(ValueError, match="it has no layer 'xxx") as caught:
            load(pack, loader, layer="x" * 100_000)
        assert len(str(caught.value)) < 1000

    @every_loader
    def test_of_another_program_s_depth_is_not_converted(self, pack: ModuleType, output: Path, loader: str) -> None:
        plane = (np.arange(20, dtype=np.float32) * 7.5).reshape(4, 5)
        write_exr(output / "s/s_00000.exr", {**dict.fromkeys("RGB", plane / 150), "Z": plane, "depth.V": plane})

        assert (load(pack, loader, layer="Z").images[0, ..., 0].numpy() == plane).all()
        assert (load(pack, loader, layer="depth.V").images[0, ..., 0].numpy() == plane).all()


@every_loader
class TestTheReport:
    """What the player shows, and which widgets the editor shows."""

    @staticmethod
    def described(pack: ModuleType, loader: str, kind: str, **more: Any) -> dict[str, Any]:
        inputs: dict[str, Any] = {"path_pattern": f"s/s_#####.{kind}", "start_index": 0, "frame_count": 1}
        if loader == "LoadFrame":
            inputs = {"directory_path": "s", "pattern": f"s_#####.{kind}", "frame_number": 0, "indexing": "numeric"}
        else:
            inputs["ignore_missing_images"] = "false"
        ui = hosted.run(pack, loader, **inputs, **more).ui
        found: dict[str, Any] = json.loads(ui["image_sequence"][0])
        return found

    def test_has_the_layer(self, pack: ModuleType, output: Path, loader: str) -> None:
        write_exr(output / "s/s_00000.exr", dict.fromkeys([*"RGB", "depth.Z"], np.ones((4, 6), np.float32)))

        found = self.described(pack, loader, "exr", layer="depth")

        assert (found["layer"], found["float"], found["linear"]) == ("depth", True, True)

    @pytest.mark.parametrize(("dtype", "is_float"), [(np.float32, True), (np.uint16, False)])
    def test_says_whether_the_files_are_floating_point(
        self, pack: ModuleType, output: Path, loader: str, dtype: Any, is_float: bool
    ) -> None:
        (output / "s").mkdir()
        tifffile.imwrite(output / "s/s_00000.tif", np.ones((4, 6, 3), dtype), photometric="rgb")

        found = self.described(pack, loader, "tif")

        assert (found["layer"], found["float"], found["linear"]) == ("", is_float, False)


class TestAColourLayer:
    @pytest.mark.parametrize("name", ["diffuse", "normal", "emotion", "id"])
    @every_loader
    def test_comes_back_whatever_its_name_is(self, pack: ModuleType, output: Path, loader: str, name: str) -> None:
        values = pictures(1, seed=8)
        save(pack, "SaveBatch", pictures(1), layers=lambda run: add_layer(pack, name, image=values[run], is_color=True))

        loaded = load(pack, loader, layer=name)

        torch.testing.assert_close(loaded.images, values, rtol=0, atol=1e-6)


class TestAddExrLayer:
    @pytest.mark.parametrize(
        ("name", "rule"),
        [
            ("", "is empty"),
            ("   ", "is empty"),
            *((name, "is a channel of the picture") for name in ("R", "G", "B", "A", "Y", "RY", "BY", " R ")),
            *((name, "has a dot that separates nothing") for name in ("a..b", ".a", "a.", ".", "..")),
            *((name, "cannot be printed") for name in ("a\nb", "a\0", "a\tb", "\ud800", "a\u200bb")),
            ("x" * 300, "has more than 200 bytes"),
            ("ä" * 101, "has more than 200 bytes"),
        ],
    )
    def test_refuses_a_bad_name_with_its_rule(self, pack: ModuleType, name: str, rule: str) -> None:
        with pytest.raises(ValueError, match=rule) as caught:
            add_layer(pack, name, mask=torch.zeros(1, 4, 6))
        assert len(str(caught.value)) < 300
        assert str(caught.value).startswith("Write ")

    def test_takes_a_name_of_200_bytes(self, pack: ModuleType, output: Path) -> None:
        name = "ä" * 100

        save(pack, "SaveFrame", pictures(1), layers=lambda run: add_layer(pack, name, mask=data(1)[..., 0]))

        assert (load(pack, "LoadFrame", layer=name).images[0, ..., 0] == data(1)[0, ..., 0]).all()

    def test_refuses_a_name_twice(self, pack: ModuleType) -> None:
        once = add_layer(pack, "depth", mask=torch.zeros(1, 4, 6))

        with pytest.raises(
            ValueError, match=r"Give each layer a name of its own\. .*'depth' is that of an earlier layer"
        ):
            add_layer(pack, " depth", once, mask=torch.zeros(1, 4, 6))

    @pytest.mark.parametrize(
        ("inputs", "got"),
        [({}, "neither"), ({"image": torch.zeros(1, 4, 6, 3), "mask": torch.zeros(1, 4, 6)}, "both")],
        ids=["neither", "both"],
    )
    def test_needs_an_image_or_a_mask(self, pack: ModuleType, inputs: dict[str, Any], got: str) -> None:
        with pytest.raises(ValueError, match=f"Wire either image or mask: the layer 'depth' got {got}"):
            add_layer(pack, "depth", **inputs)

    @pytest.mark.parametrize("value", [torch.zeros(1, 4, 6), "x", torch.zeros(1, 4, 6, 3, dtype=torch.uint8)])
    def test_refuses_what_is_no_image(self, pack: ModuleType, value: Any) -> None:
        with pytest.raises(ValueError, match="The input 'image' got"):
            hosted.run(pack, "AddLayer", name="n", image=wire(value))

    def test_refuses_five_channels(self, pack: ModuleType) -> None:
        with pytest.raises(ValueError, match="1 to 4 channels: that of the layer 'n' has 5"):
            add_layer(pack, "n", image=torch.zeros(1, 4, 6, 5))

    def test_refuses_what_is_no_layers(self, pack: ModuleType) -> None:
        with pytest.raises(ValueError, match=r"output of Add EXR Layer to the input 'layers'\. It got a str"):
            hosted.run(pack, "AddLayer", name="n", image=wire(torch.zeros(1, 4, 6, 3)), layers=wire("depth"))

    def test_refuses_none_for_earlier_layers(self, pack: ModuleType) -> None:
        """The layers that the node in front should have made would be missing from the file."""
        with pytest.raises(ValueError, match=r"It got nothing \(None\)"):
            hosted.run(pack, "AddLayer", name="n", image=wire(torch.zeros(1, 4, 6, 3)), layers=wire(None))

    def test_leaves_the_layers_of_the_wire_as_they_are(self, pack: ModuleType) -> None:
        """Several nodes may be wired to one output, and ComfyUI keeps it in its cache."""
        once = add_layer(pack, "depth", mask=torch.zeros(1, 4, 6))
        add_layer(pack, "normal", once, image=torch.zeros(1, 4, 6, 3))

        assert [layer.name for layer in once.layers] == ["depth"]
        assert str(add_layer(pack, "normal", once, image=torch.zeros(1, 4, 6, 3))) == (
            "depth: 1 x 4 x 6 x 1\nnormal: 1 x 4 x 6 x 3"
        )

    def test_over_lists_makes_one_chain_for_each(self, pack: ModuleType) -> None:
        masks = [torch.zeros(1, 4, 6), torch.ones(1, 4, 6)]

        (found,) = hosted.run(pack, "AddLayer", name="depth", mask=wire(*masks)).outputs

        assert [chain.layers[0].images.unique().tolist() for chain in found] == [[0.0], [1.0]]


@every_saver
class TestLayersThatDoNotFit:
    def refused(self, pack: ModuleType, output: Path, saver: str, layers: Any, match: str, count: int = 1) -> None:
        with pytest.raises(ValueError, match=match):
            hosted.run(pack, saver, **place(saver, "exr", pictures(count)), layers=wire(layers))
        assert list(output.rglob("*.*")) == []

    def test_in_size_are_refused_with_both_sizes(self, pack: ModuleType, output: Path, saver: str) -> None:
        layers = add_layer(pack, "depth", mask=torch.zeros(1, 4, 8))

        self.refused(pack, output, saver, layers, r"'layers' \(depth\) got 8 x 4 pixels, but frame 0 has 10 x 6")

    @pytest.mark.parametrize("count", [0, 2, 4])
    def test_in_number_are_refused_with_both_numbers(
        self, pack: ModuleType, output: Path, saver: str, count: int
    ) -> None:
        layers = add_layer(pack, "depth", mask=torch.zeros(count, HEIGHT, WIDTH))

        self.refused(pack, output, saver, layers, rf"'layers' \(depth\) got {count} images for 1 image")

    @pytest.mark.parametrize("value", [None, "depth", torch.zeros(1, HEIGHT, WIDTH, 3), {}])
    def test_in_kind_are_refused(self, pack: ModuleType, output: Path, saver: str, value: Any) -> None:
        self.refused(pack, output, saver, value, "Wire the output of Add EXR Layer to the input 'layers'")


@every_saver
def test_an_old_chain_without_layers_is_none(pack: ModuleType, output: Path, saver: str) -> None:
    empty = type(add_layer(pack, "n", mask=torch.zeros(1, 4, 6)))()

    hosted.run(pack, saver, **place(saver, "exr", pictures(1)), layers=wire(empty))

    assert set(channels_of(output / "s/s_00000.exr")) == set("RGB")
