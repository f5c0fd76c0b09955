"""Under "skip unchanged", what is kept and what is replaced, by what the files say about their origin."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from io_utils.animation import FrameCounter
from io_utils.errors import FrameGoneError, FrameWriteError, NotAFileError
from io_utils.formats.file_type import FileType
from io_utils.frame_identity import FrameIdentity, Graph
from io_utils.policies import OnExisting
from io_utils.saving import atomic
from io_utils.saving.companions import Companions
from io_utils.saving.existing import identity_of, is_unchanged, wants
from io_utils.saving.plan import Frame, Saved, SaveRequest
from io_utils.saving.plan_batch import BatchSaveRequest
from io_utils.saving.plan_counted import CountedRequest
from io_utils.saving.plan_indexed import IndexedRequest
from io_utils.saving.write import summary, write_frames, write_workflow
from io_utils.wire import UNRENDERED

from ..disk import needs_links, on_disk, put, shades, tear
from .savers import sequence

UNCHANGED = OnExisting.UNCHANGED
GRAPH, OTHER = Graph("a" * 64), Graph("b" * 64)
UNCERTAIN = Graph(GRAPH.digest, is_certain=False)
TEXT = {"prompt": "{}"}


def frames(*values: int, graph: Graph | None = GRAPH, start: int = 0, extension: str = "png") -> list[Frame]:
    return [
        Frame(
            sequence(f"f_{{:04d}}.{extension}"),
            number,
            image,
            identity=None if graph is None else FrameIdentity.of(graph, number),
        )
        for number, image in enumerate(shades(*values), start)
    ]


def save(
    items: list[Frame], filetype: FileType = FileType.PNG, policy: OnExisting = UNCHANGED, **more: Any
) -> list[Saved]:
    return write_frames(items, SaveRequest(filetype=filetype, on_existing=policy), TEXT, **more)


def written(items: list[Frame], **more: Any) -> list[int]:
    return [item.number for item in save(items, **more) if item.written]


def said(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        found: dict[str, Any] = json.loads(image.text["image_sequence"])  # type: ignore[attr-defined]
    return found


class TestAFrame:
    def test_is_kept_if_this_graph_made_it(self, output: Path) -> None:
        save(frames(10, 20, 30))

        assert written(frames(110, 120, 130)) == []
        assert on_disk(output) == {"f_0000.png": 10, "f_0001.png": 20, "f_0002.png": 30}

    def test_is_replaced_if_another_graph_made_it(self, output: Path) -> None:
        save(frames(10, 20, 30, graph=OTHER))

        assert written(frames(110, 120, 130)) == [0, 1, 2]
        assert on_disk(output) == {"f_0000.png": 110, "f_0001.png": 120, "f_0002.png": 130}
        assert said(output / "f_0001.png")["graph"] == GRAPH.digest

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(tear, id="torn"),
            pytest.param(lambda path: path.write_bytes(b""), id="empty"),
            pytest.param(lambda path: path.write_bytes(bytes(500)), id="zeros"),
            pytest.param(lambda path: put(path, 7), id="without an identity"),
            pytest.param(lambda path: path.write_text("not a picture"), id="not a picture"),
            pytest.param(lambda path: Image.new("L", (6, 4)).save(path, "GIF"), id="a GIF"),
            pytest.param(lambda path: put(path.with_suffix(".jpg"), 7).rename(path), id="a JPG with that name"),
        ],
    )
    def test_is_replaced_if_it_does_not_say_so_or_is_not_whole(
        self, output: Path, spoil: Callable[[Path], Any]
    ) -> None:
        save(frames(10, 20, 30))
        spoil(output / "f_0001.png")

        assert written(frames(110, 120, 130)) == [1]
        assert on_disk(output) == {"f_0000.png": 10, "f_0001.png": 120, "f_0002.png": 30}

    @pytest.mark.parametrize(
        "text",
        ["", "x" * 10_000_000, "[" * 60_000, '{"graph": 7}', json.dumps({"graph": GRAPH.digest, "frame": "1"}), "null"],
        ids=["empty", "10 MB", "deeply nested", "wrong type", "a frame as text", "null"],
    )
    def test_with_a_hostile_identity_counts_as_changed(self, output: Path, text: str) -> None:
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("image_sequence", text)
        Image.new("L", (6, 4), 9).save(output / "f_0000.png", pnginfo=chunks)

        assert written(frames(110)) == [0]

    @needs_links
    def test_that_is_a_link_counts_as_what_it_leads_to_and_is_never_written_through(self, output: Path) -> None:
        save(frames(10, 20))
        (output / "f_0001.png").rename(output / "elsewhere.png")
        (output / "f_0001.png").symlink_to(output / "elsewhere.png")

        assert written(frames(110, 120)) == []
        assert written(frames(210, 220, graph=OTHER)) == [0, 1]
        assert on_disk(output) == {"f_0000.png": 210, "f_0001.png": 220, "elsewhere.png": 20}
        assert not (output / "f_0001.png").is_symlink()

    def test_that_was_copied_to_another_number_is_another_frame(self, output: Path) -> None:
        save(frames(10, 20))
        (output / "f_0001.png").write_bytes((output / "f_0000.png").read_bytes())

        assert written(frames(110, 120)) == [1]

    def test_of_a_graph_that_is_not_known_or_uncertain_is_always_rendered(self, output: Path) -> None:
        for graph in (None, UNCERTAIN):
            save(frames(10, graph=GRAPH))
            assert written(frames(110, graph=graph)) == [0]

    def test_of_an_uncertain_graph_still_says_which_it_was(self, output: Path) -> None:
        save(frames(10, graph=UNCERTAIN))

        assert said(output / "f_0000.png")["graph"] == GRAPH.digest

    def test_says_nothing_where_metadata_are_disabled(self, output: Path) -> None:
        save(frames(10), identified=False)

        assert identity_of(sequence(), 0) is None
        assert written(frames(110), identified=False) == [0]

    @pytest.mark.parametrize("policy", list(OnExisting))
    def test_says_which_graph_made_it_under_every_policy(self, output: Path, policy: OnExisting) -> None:
        save(frames(10), policy=policy)

        assert is_unchanged(sequence(), 0, FrameIdentity.of(GRAPH, 0))

    @pytest.mark.parametrize("filetype", list(FileType), ids=lambda kind: kind.value)
    def test_is_kept_in_every_kind_of_file(self, output: Path, filetype: FileType) -> None:
        extension = filetype.extension[1:]
        save(frames(10, 20, extension=extension), filetype)

        assert written(frames(10, 20, extension=extension), filetype=filetype) == []
        assert written(frames(10, 20, graph=OTHER, extension=extension), filetype=filetype) == [0, 1]

    def test_under_a_folder_s_name_is_refused(self, output: Path) -> None:
        (output / "f_0000.png").mkdir()

        with pytest.raises(NotAFileError):
            wants(UNCHANGED, sequence(), 0, FrameIdentity.of(GRAPH, 0))


class TestReplacing:
    def test_a_full_disk_leaves_the_old_frame(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save(frames(10, graph=OTHER))
        full: list[int] = []

        def fail(descriptor: int) -> None:
            full.append(descriptor)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(atomic.os, "fsync", fail)
        with pytest.raises(FrameWriteError):
            save(frames(110))

        assert full
        assert on_disk(output) == {"f_0000.png": 10}
        assert [path.name for path in output.iterdir()] == ["f_0000.png"]

    def test_is_one_rename(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """At every moment there is a whole frame under the name."""
        save(frames(10, graph=OTHER))
        replaced: list[Any] = []
        rename = os.replace

        def watched(part: Any, path: Any) -> None:
            replaced.append(on_disk(output)["f_0000.png"])
            rename(part, path)

        monkeypatch.setattr(atomic.os, "replace", watched)
        save(frames(110))

        assert replaced == [10]
        assert on_disk(output) == {"f_0000.png": 110}

    def test_a_frame_that_changes_before_it_is_kept_is_an_error(self, output: Path) -> None:
        save(frames(10))
        kept = [replace(frame, image=UNRENDERED) for frame in frames(10)]
        assert written(kept) == []
        save(frames(20, graph=OTHER), policy=OnExisting.OVERWRITE)

        with pytest.raises(FrameGoneError, match=r"Queue frame 0 again\. Its file has changed since this run started"):
            save(kept)

    def test_the_workflow_beside_the_frames_is_replaced_with_them(self, output: Path) -> None:
        saved = save(frames(10))
        assert write_workflow(saved, {"workflow": "1"}, UNCHANGED)[0]
        assert write_workflow(saved, {"workflow": "2"}, UNCHANGED)[0]
        kept = save(frames(10))
        assert write_workflow(kept, {"workflow": "3"}, UNCHANGED) == ([], [])

        assert sequence().workflow_file.read_text() == "2"


class TestTheMessage:
    def test_tells_in_one_line_what_was_saved_and_kept(self, output: Path) -> None:
        save(frames(*range(60)))
        save(frames(*range(40), start=60, graph=OTHER))

        assert summary(save(frames(*range(100)))) == "Saved 40 frames (60-99), kept 60 that this graph made: f_####.png"

    def test_of_one_frame(self, output: Path) -> None:
        assert summary(save(frames(10))) == "Saved frame 0: f_0000.png"
        assert summary(save(frames(10))) == "Kept frame 0, which this graph made: f_0000.png"
        assert summary(save(frames(10, 20))) == "Saved 1 frame (1), kept 1 that this graph made: f_####.png"
        assert summary(save(frames(10, 20))) == "Kept frames 0-1, which this graph made: f_####.png"


def given(graph: Graph | None) -> dict[str, Any]:
    return {"on_existing": UNCHANGED, "graph": lambda: graph, "filetype": FileType.PNG}


class TestOneImagePerRun:
    def request(
        self, graph: Graph | None = GRAPH, number: int = 7, row: int = 0, prefix: str = "shot"
    ) -> IndexedRequest:
        return IndexedRequest(filename_prefix=prefix, current_frame=number, row=row, **given(graph))

    def make(self, request: IndexedRequest) -> None:
        write_frames([request.frame(shades(50))], request, {})

    def test_is_not_rendered_if_it_is_unchanged(self, output: Path) -> None:
        assert self.request().needs_image()
        self.make(self.request())

        assert not self.request().needs_image()
        assert self.request(OTHER).needs_image()
        assert self.request(UNCERTAIN).needs_image()
        assert self.request(None).needs_image()
        assert self.request(number=8).needs_image()

    def test_rows_of_a_list_are_different_images(self, output: Path) -> None:
        self.make(self.request(row=1))

        assert not self.request(row=1).needs_image()
        assert self.request(row=0).needs_image()
        assert self.request(row=2).needs_image()

    def test_is_rendered_if_its_path_depends_on_its_size(self, output: Path) -> None:
        self.make(self.request(prefix="%width%"))

        assert self.request(prefix="%width%").needs_image()

    def test_asks_for_the_graph_only_under_this_policy(self, output: Path) -> None:
        asked: list[int] = []
        request = IndexedRequest(on_existing=OnExisting.SKIP, graph=lambda: asked.append(1))
        request.needs_image()
        assert not asked
        replace(request, on_existing=UNCHANGED).needs_image()
        put(output / "Sequence" / "Sequence_00000.png")
        replace(request, on_existing=UNCHANGED).needs_image()
        assert asked


class TestABatch:
    def request(self, graph: Graph | None = GRAPH, start: int = 10, pattern: str = "b_####.png", **more: Any) -> Any:
        return BatchSaveRequest(path_pattern=pattern, start_index=start, **{**given(graph), **more}).for_images([])

    def make(self, count: int, request: Any) -> None:
        write_frames(request.frames([shades(*range(count))]), request, {})

    def test_is_not_rendered_if_all_of_it_is_unchanged(self, output: Path) -> None:
        assert self.request().needs_images()
        self.make(4, self.request())

        assert not self.request().needs_images()
        assert [frame.number for frame in self.request().frames(UNRENDERED)] == [10, 11, 12, 13]
        assert self.request(OTHER).needs_images()
        assert self.request(UNCERTAIN).needs_images()
        assert self.request(None).needs_images()

    @pytest.mark.parametrize("number", [10, 11, 13])
    def test_is_rendered_if_one_of_its_files_is_gone_or_of_another_graph(self, output: Path, number: int) -> None:
        self.make(4, self.request())
        put(output / f"b_{number:04d}.png")
        assert self.request().needs_images()
        (output / f"b_{number:04d}.png").unlink()
        assert self.request().needs_images()

    def test_that_starts_elsewhere_has_other_images_in_its_files(self, output: Path) -> None:
        self.make(4, self.request(start=10))

        assert self.request(start=11).needs_images()

    def test_each_file_says_which_image_of_how_many_it_is(self, output: Path) -> None:
        self.make(3, self.request())

        assert [said(output / f"b_{n:04d}.png")["image"] for n in (10, 11, 12)] == [0, 1, 2]
        assert said(output / "b_0011.png")["images"] == 3

    def test_only_the_changed_frames_of_a_rendered_batch_are_replaced(self, output: Path) -> None:
        self.make(3, self.request())
        put(output / "b_0011.png", 99)

        request = self.request()
        saved = write_frames(request.frames([shades(0, 1, 2)]), request, {})

        assert [item.number for item in saved if item.written] == [11]

    def test_of_one_image_needs_no_number(self, output: Path) -> None:
        self.make(1, self.request(pattern="one.png", start=0))

        assert not self.request(pattern="one.png", start=0).needs_images()

    @pytest.mark.parametrize("policy", [policy for policy in OnExisting if policy is not UNCHANGED])
    def test_is_always_rendered_under_the_other_policies(self, output: Path, policy: OnExisting) -> None:
        self.make(2, self.request())

        assert self.request(on_existing=policy).needs_images()

    def test_that_claims_to_be_endless_is_rendered(self, output: Path) -> None:
        claim = FrameIdentity.of(GRAPH, 10, 0, 10**15)
        (frame,) = [Frame(self.request().sequence(), 10, image, identity=claim) for image in shades(5)]
        write_frames([frame], self.request(), {})

        assert self.request().needs_images()


class TestAnAnimation:
    def request(self, graph: Graph | None = GRAPH, **more: Any) -> CountedRequest:
        return CountedRequest(directory_path="shot", **{**given(graph), **more})

    def counter(self, frame: int = 3, total: int = 100) -> FrameCounter:
        return FrameCounter(frame, total, 25.0)

    def make(self, count: int, request: CountedRequest, frame: int = 3) -> None:
        rows = [(self.counter(frame), shades(*range(count)), Companions())]
        write_frames(request.frames(rows), request, {})

    @pytest.mark.parametrize("images", [1, 3])
    def test_is_not_rendered_where_it_is_unchanged(self, output: Path, images: int) -> None:
        assert self.request().needs_image([self.counter()])
        self.make(images, self.request())

        assert not self.request().needs_image([self.counter()])
        assert not self.request().needs_image([self.counter(total=200)])
        assert self.request(OTHER).needs_image([self.counter()])
        assert self.request(UNCERTAIN).needs_image([self.counter()])
        assert self.request().needs_image([self.counter(4)])
        kept = self.request().frames([(self.counter(), UNRENDERED, Companions())])
        assert len(kept) == images
        assert not any(item.written for item in write_frames(kept, self.request(), {}))

    def test_a_batch_that_lacks_a_variant_is_rendered(self, output: Path) -> None:
        self.make(3, self.request())
        (output / "shot" / "batch_0002" / "frame_00003.png").unlink()

        assert self.request().needs_image([self.counter()])

    def test_folders_of_a_larger_batch_do_not_matter(self, output: Path) -> None:
        """Under skip they would be waited for; here the files say how many images there are."""
        self.make(3, self.request(OTHER), frame=2)
        self.make(2, self.request())

        assert not self.request().needs_image([self.counter()])

    def test_a_single_image_and_a_batch_are_not_mixed_up(self, output: Path) -> None:
        self.make(3, self.request(OTHER))
        self.make(1, self.request())

        assert not self.request().needs_image([self.counter()])
        (kept,) = self.request().frames([(self.counter(), UNRENDERED, Companions())])
        assert kept.path == output / "shot" / "frame_00003.png"

    def test_a_folder_in_the_way_is_refused_before_the_frame_is_rendered(self, output: Path) -> None:
        (output / "shot" / "frame_00003.png").mkdir(parents=True)

        with pytest.raises(NotAFileError):
            self.request().needs_image([self.counter()])

    def test_several_counters_are_several_rows(self, output: Path) -> None:
        rows = [(self.counter(n), shades(n), Companions()) for n in (3, 4)]
        write_frames(self.request().frames(rows), self.request(), {})

        assert not self.request().needs_image([self.counter(3), self.counter(4)])
        assert self.request().needs_image([self.counter(4)]), "alone, it is the first of the images"

    def test_past_the_end_nothing_is_asked(self, output: Path) -> None:
        assert not self.request().needs_image([self.counter(100)])

    def test_the_final_frame_lists_the_animation_although_all_is_kept(
        self, output: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for frame in (0, 1):
            self.make(1, self.request(), frame)
        last = self.counter(1, total=2)
        with caplog.at_level(logging.WARNING):
            saved = write_frames(self.request().frames([(last, UNRENDERED, Companions())]), self.request(), {})
            animation, _ = self.request().outcome([last], saved, summary(saved))

        assert list(animation.frames) == [0, 1]
        assert not caplog.records
