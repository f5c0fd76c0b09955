"""Frames from the user's own machine, dropped on a loader or chosen by its button, in ComfyUI's own editor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_picking import BATCH, FRAME, fresh, node, write_frames
from .test_player import editor, server

__all__ = ["editor", "node", "server"]  # the fixtures


def names(folder: Any) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", [BATCH, FRAME])
def test_three_frames_that_are_dropped_are_uploaded_and_filled_in(node, tmp_path, kind):
    desk, name = node(kind), fresh()
    desk.drop(*write_frames(tmp_path / "mine", 1001, 1003, f"{name}.{{}}.png"))
    desk.toast(f"3 frames are in input/{name}.")
    assert names(desk.input / name) == [f"{name}.{number}.png" for number in (1001, 1002, 1003)]
    if kind == BATCH:
        desk.has(folder="input", path_pattern=f"{name}/{name}.####.png", start_index=1001, frame_count=0)
    else:
        desk.has(folder="input", directory_path=name, pattern=f"{name}.####.png", frame_number=1001)
    desk.editor.sees(1001)
    desk.picture("dropped")
    assert desk.page.evaluate("app.graph.nodes.length") == 1


def test_a_folder_that_is_dropped_is_uploaded_without_its_sub_folders(node, tmp_path):
    desk, name = node(), fresh()
    write_frames(tmp_path / name, 1, 3)
    write_frames(tmp_path / name / "old", 1, 2)
    (tmp_path / name / "notes.txt").write_text("no frame")
    desk.drop(tmp_path / name)
    desk.toast(f"3 frames are in input/{name}.")
    desk.toast("Subfolders left out: old")
    assert names(desk.input / name) == ["f_0001.png", "f_0002.png", "f_0003.png"]
    desk.has(path_pattern=f"{name}/f_####.png")


def with_player(node: Any, server: Any) -> Any:
    """A loader whose player shows a picture."""
    name = fresh()
    write_frames(server.base / "input" / name, 0, 2)
    desk = node(folder="input", path_pattern=f"{name}/f_####.png", frame_count=0)
    desk.editor.player().locator(".seqplayer-view").wait_for()
    return desk


def test_frames_that_are_dropped_on_the_player_are_uploaded_and_filled_in(node, server, tmp_path):
    desk, name = with_player(node, server), fresh()
    desk.drop(*write_frames(tmp_path / "mine", 1, 3, f"{name}.{{:04d}}.png"), on_player=True)
    desk.toast(f"3 frames are in input/{name}.")
    desk.has(folder="input", start_index=1, frame_count=0)
    assert names(desk.input / name) == [f"{name}.{number:04d}.png" for number in (1, 2, 3)]
    assert list(desk.input.glob(f"{name}*.png")) == []
    assert desk.page.evaluate("app.graph.nodes.length") == 1


@pytest.mark.parametrize("on_player", [False, True])
def test_a_workflow_that_is_dropped_on_a_loader_opens(node, server, tmp_path, on_player):
    desk = with_player(node, server) if on_player else node()
    file = tmp_path / "workflow.json"
    graph = desk.page.evaluate("app.graph.serialize()")
    note = {"id": 77, "type": "EmptyImage", "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0}
    file.write_text(json.dumps({**graph, "id": "00000000-0000-4000-8000-000000000000", "nodes": [note], "links": []}))
    desk.drop(file, on_player=on_player)
    desk.page.wait_for_function("app.graph.nodes.length === 1 && app.graph.nodes[0].type === 'EmptyImage'")


def test_the_button_chooses_files(node, tmp_path):
    desk, name = node(), fresh()
    files = write_frames(tmp_path / "mine", 1, 2, f"{name}_{{:03d}}.png")
    with desk.page.expect_file_chooser() as chooser:
        desk.press_button("upload_frames", "Upload frames...")
    chooser.value.set_files(files)
    desk.toast(f"2 frames are in input/{name}.")
    desk.has(path_pattern=f"{name}/{name}_###.png")


def test_three_hundred_frames_are_counted_and_can_be_cancelled_and_continued(node, tmp_path):
    desk, name = node(), fresh()
    write_frames(tmp_path / name, 1, 300)
    held: list[Any] = []
    desk.page.route("**/upload/image", lambda route: held.append(route))  # noqa: PLW0108
    desk.drop(tmp_path / name)
    desk.page.wait_for_function("() => true")
    desk.label("Cancel (0 of 300)")
    desk.picture("uploading")
    desk.press_button("upload_frames", "Cancel (0 of 300)")
    desk.toast("The upload was cancelled: 0 of 300 frames are in input.")
    desk.label("Upload frames...")
    desk.page.unroute("**/upload/image")
    desk.drop(tmp_path / name)
    desk.toast(f"300 frames are in input/{name}.")
    assert names(desk.input / name) == [f"f_{number:04d}.png" for number in range(1, 301)]
    desk.has(path_pattern=f"{name}/f_####.png", start_index=1)


def test_a_frame_that_fails_is_named_and_can_be_tried_again(node, tmp_path):
    desk, name = node(), fresh()
    write_frames(tmp_path / name, 1, 3)
    count = iter(range(100))
    desk.page.route(
        "**/upload/image", lambda route: route.fulfill(status=413, body="") if next(count) == 0 else route.continue_()
    )
    desk.drop(tmp_path / name)
    problem = desk.page.locator(".seqpicker-text")
    problem.get_by_text("larger than this ComfyUI accepts").wait_for()
    desk.picture("failed")
    assert len(names(desk.input / name)) == 2
    desk.has(path_pattern=f"{name}/f_####.png")
    desk.page.get_by_role("button", name="Try again").click()
    desk.toast(f"3 frames are in input/{name}.")
    assert len(names(desk.input / name)) == 3
