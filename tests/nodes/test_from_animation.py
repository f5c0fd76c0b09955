"""Animation Sequence to Images: the node, as ComfyUI and scripts call it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from ..disk import is_plain, needs_links, put, shades, shades_of, stand_in, tear
from ..wires import DreamAnimationSequence, counter
from .calls import save_counted


@pytest.fixture
def node(pack: ModuleType) -> Any:
    return pack.NODE_CLASS_MAPPINGS["ImageSequenceFromAnimation"]()


def animation(folder: Path, *numbers: int, variants: int = 1) -> DreamAnimationSequence:
    """Write frames, each with its number as shade (plus 100 for each further variant), and return their sequence."""
    files = {
        number: [
            put(folder / (f"batch_{v:04d}" if variants > 1 else "") / f"f_{number:05d}.png", number + 100 * v)
            for v in range(variants)
        ]
        for number in numbers
    }
    return DreamAnimationSequence({number: [str(path) for path in paths] for number, paths in files.items()})


def load(node: Any, sequence: Any, **inputs: Any) -> tuple[dict[str, Any], torch.Tensor, float]:
    result = node.load(sequence=sequence, **inputs)
    return result["ui"], *result["result"]


class TestBeforeTheFinalFrame:
    class ExecutionBlocker:
        """Like the class in comfy_execution.graph_utils."""

        def __init__(self, message: str | None) -> None:
            self.message = message

    @pytest.mark.parametrize("frames", [None, {}])
    def test_the_nodes_downstream_are_blocked_silently(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch, frames: Any
    ) -> None:
        stand_in(monkeypatch, "comfy_execution.graph_utils", ExecutionBlocker=self.ExecutionBlocker)

        result = node.load(sequence=DreamAnimationSequence(frames))

        assert [type(value) for value in result["result"]] == [self.ExecutionBlocker] * 2
        assert [value.message for value in result["result"]] == [None, None], "a message would be an error"

    def test_the_batch_index_does_not_matter_yet(
        self, node: Any, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, "comfy_execution.graph_utils", ExecutionBlocker=self.ExecutionBlocker)

        assert node.load(sequence=DreamAnimationSequence(None), batch_index=7)["result"][0].message is None

    def test_the_saver_s_own_sequence_blocks_too(
        self, node: Any, pack: ModuleType, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, "comfy_execution.graph_utils", ExecutionBlocker=self.ExecutionBlocker)
        sequence = save_counted(pack, counter(0, 2, 12), shades(1), prefix="f")

        assert node.load(sequence=sequence)["result"][0].message is None


class TestAFinishedAnimation:
    def test_is_one_batch_in_order_with_its_speed(self, node: Any, output: Path) -> None:
        sequence = animation(output / "shot", *range(9, 13))
        sequence.frames = dict(reversed(sequence.frames.items()))  # type: ignore[union-attr]

        _, images, fps = load(node, sequence)

        assert shades_of(images) == [9, 10, 11, 12]
        assert images.shape == (4, 4, 6, 3)
        assert fps == 25.0
        assert type(fps) is float

    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_of_a_batch_is_the_requested_image(self, node: Any, output: Path, index: int) -> None:
        sequence = animation(output / "shot", 0, 1, variants=3)

        ui, images, _ = load(node, sequence, batch_index=index)

        assert shades_of(images) == [100 * index, 100 * index + 1]
        assert {image["subfolder"] for image in ui["images"]} == {f"shot/batch_{index:04d}"}

    @pytest.mark.parametrize(
        ("index", "reason"), [(3, "0 to 2.*batch_index is 3"), (-1, "-1"), (None, "None"), ("1", "'1'"), (0.5, "0.5")]
    )
    def test_refuses_an_out_of_range_batch_index(self, node: Any, output: Path, index: Any, reason: str) -> None:
        with pytest.raises(ValueError, match=rf"^Set batch_index to .*{reason}"):
            load(node, animation(output / "shot", 0, 1, variants=3), batch_index=index)

    @pytest.mark.parametrize(
        "sequence", [None, [], "shot", SimpleNamespace(), SimpleNamespace(is_defined=True, fps=None)], ids=repr
    )
    def test_refuses_anything_else_and_says_what_to_wire(self, node: Any, output: Path, sequence: Any) -> None:
        with pytest.raises(ValueError, match=r"Save Image Sequence.* not a finished animation sequence"):
            node.load(sequence=sequence)

    def test_reads_the_allowed_folders_equally_often_for_any_number_of_frames(
        self, node: Any, pack: ModuleType, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each time reads the operator's file and resolves the real path of every folder in it."""
        sequences = [animation(output / f"of {count}", *range(count)) for count in (1, 40)]
        paths = sys.modules[f"{pack.__name__}.io_utils.naming.allowed_roots"]
        read, real = [], paths._operator_folders
        monkeypatch.setattr(paths, "_operator_folders", lambda file: (read.append(file), real(file))[1])
        asked = []
        for sequence in sequences:
            load(node, sequence)
            asked.append(len(read))

        assert asked[0] > 0
        assert asked[1] == 2 * asked[0]

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
    def test_whose_file_names_are_not_utf_8_is_loaded(self, node: Any, output: Path) -> None:
        file = output / os.fsdecode(b"caf\xe9_0000.png")
        put(output / "x.png", 9).rename(file)

        ui, images, _ = load(node, DreamAnimationSequence({0: [str(file)]}))

        assert shades_of(images) == [9]
        assert ui["images"] == []
        assert json.dumps(ui, ensure_ascii=False).encode()

    def test_from_the_saver_is_loaded(self, node: Any, pack: ModuleType, output: Path) -> None:
        for frame in range(3):
            sequence = save_counted(pack, counter(frame, 3, 12), shades(frame, 50 + frame), prefix="f")

        _, images, fps = load(node, sequence, batch_index=1)

        assert (shades_of(images), fps) == ([50, 51, 52], 12.0)

    def test_is_described_in_plain_values(self, node: Any, output: Path) -> None:
        ui, *_ = load(node, animation(output / "shot", 0, 1, 3))

        assert is_plain(ui)
        assert ui["images"] == [
            {"filename": f"f_{n:05d}.png", "subfolder": "shot", "type": "output"} for n in (0, 1, 3)
        ]
        (text,) = ui["image_sequence"]
        description = json.loads(text)
        assert {key: description[key] for key in ("pattern", "subfolder", "first", "last", "missing", "fps")} == {
            "pattern": "f_{:05d}.png",
            "subfolder": "shot",
            "first": 0,
            "last": 3,
            "missing": [2],
            "fps": 25.0,
        }

    def test_whose_file_names_are_not_their_frame_numbers_is_loaded(self, node: Any, output: Path) -> None:
        """The Dream pack lists a folder, so cover.png may be its frame -1."""
        sequence = DreamAnimationSequence(
            {-1: [str(put(output / "cover.png", 7))], 0: [str(put(output / "f_5.png", 8))]}
        )

        ui, images, _ = load(node, sequence)

        assert shades_of(images) == [7, 8]
        assert [image["filename"] for image in ui["images"]] == ["cover.png", "f_5.png"]


class TestFilesThatAreNotThere:
    def test_are_all_named(self, node: Any, output: Path) -> None:
        sequence = animation(output / "shot", *range(6))
        for number in (1, 2, 4):
            (output / "shot" / f"f_{number:05d}.png").unlink()

        with pytest.raises(FileNotFoundError, match=r"1-2,4.*f_00001\.png"):
            load(node, sequence)

    def test_whole_are_named(self, node: Any, output: Path) -> None:
        sequence = animation(output / "shot", 0, 1)
        tear(output / "shot" / "f_00001.png")

        with pytest.raises(ValueError, match=r"Frame 1 .*f_00001\.png"):
            load(node, sequence)

    def test_of_one_size_are_named(self, node: Any, output: Path) -> None:
        sequence = animation(output / "shot", 0, 1)
        put(output / "shot" / "f_00001.png", width=9)

        with pytest.raises(
            ValueError, match=r"^Render the frames of another.* Frame 0 is 6 x 4, but frame 1 is 9 x 4.*same size"
        ):
            load(node, sequence)


class TestWhereFilesMayBe:
    def test_outside_the_allowed_folders_is_refused(self, node: Any, output: Path, base: Path) -> None:
        with pytest.raises(ValueError, match="outside"):
            load(node, animation(base / "elsewhere", 0, 1))

    @needs_links
    def test_a_link_out_is_refused(self, node: Any, output: Path, base: Path) -> None:
        animation(base / "elsewhere", 0)
        (output / "shot").symlink_to(base / "elsewhere", target_is_directory=True)

        with pytest.raises(ValueError, match="outside"):
            load(node, DreamAnimationSequence({0: [str(output / "shot" / "f_00000.png")]}))

    def test_a_path_that_climbs_out_is_refused(self, node: Any, output: Path, base: Path) -> None:
        animation(base / "elsewhere", 0)

        with pytest.raises(ValueError, match=r"outside|\.\."):
            load(node, DreamAnimationSequence({0: [str(output / ".." / "elsewhere" / "f_00000.png")]}))

    @pytest.mark.parametrize("kind", ["output", "input", "temp"])
    def test_in_any_folder_of_comfyui_is_fine(self, node: Any, base: Path, kind: str) -> None:
        ui, images, _ = load(node, animation(base / kind / "a", 3))

        assert shades_of(images) == [3]
        assert ui["images"] == [{"filename": "f_00003.png", "subfolder": "a", "type": kind}]

    def test_in_a_folder_of_the_operator_is_loaded_but_not_listed_for_view(
        self, node: Any, output: Path, base: Path
    ) -> None:
        """/view serves only ComfyUI's own folders."""
        (base / "user" / "__system").mkdir(parents=True)
        (base / "user" / "__system" / "image_sequence_roots.txt").write_text(f"ro {base / 'renders'}\n")

        ui, images, _ = load(node, animation(base / "renders" / "a", 3, 4))

        assert shades_of(images) == [3, 4]
        assert ui["images"] == []


@pytest.mark.parametrize(
    "spaces", [("sRGB", "automatic"), ("sRGB", "as stored"), ("linear Rec.709", "automatic"), ("ACEScg", "ACES2065-1")]
)
def test_the_images_are_those_that_were_saved_whatever_the_colour_spaces_of_the_saver(
    pack: ModuleType, node: Any, output: Path, spaces: tuple[str, str]
) -> None:
    image = torch.rand(1, 4, 6, 3)
    settings = {"filetype": "exr", "image_color_space": spaces[0], "file_color_space": spaces[1]}
    sequence = save_counted(pack, counter(0, 1), image, **settings)

    _, images, _ = load(node, sequence)

    torch.testing.assert_close(images, image, rtol=0, atol=2e-5)
