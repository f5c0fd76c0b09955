"""Frames that are dropped on a loader, or chosen by its button, get to the server with their names and into the widgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

BATCH, FRAME = "ImageSequenceLoadBatch", "ImageSequenceLoadFrame"

# ComfyUI's routes for uploads and views (server.py), and the pack's for folders, over files in the page's memory. `gate`
# holds uploads back, `refusals` are statuses by file name.
SERVER = """{
    window.server = { folders: {}, uploads: [], running: 0, most: 0, gate: null, refusals: {}, views: 0 };
    const text = (status, body) => new Response(body, { status, headers: { "Content-Type": "text/plain" } });
    const listed = (files) => {
        const found = new Map();
        for (const name of Object.keys(files)) {
            const [, start, digits, end] = /^(.*?)(\\d+)(\\.\\w+)$/.exec(name) ?? [];
            if (digits) {
                const pattern = `${start}{:0${digits.length}d}${end}`;
                found.set(pattern, [...(found.get(pattern) ?? []), Number(digits)].sort((a, b) => a - b));
            }
        }
        return [...found];
    };
    const browse = (query) => {
        const subfolder = query.get("subfolder");
        const files = server.folders[subfolder];
        if (!files) return text(404, `${subfolder} is not there.`);
        const sequences = listed(files).map(([pattern, numbers]) => ({
            pattern, path_pattern: `${subfolder}/${pattern}`, first: numbers[0], last: numbers.at(-1),
            count: numbers.length, ranges: numbers.join(","), missing: 0,
        }));
        return Response.json({ type: "input", subfolder, folder: "/x", roots: [], folders: [], sequences, is_complete: true });
    };
    const upload = async ({ body, signal }) => {
        const file = body.get("image");
        server.most = Math.max(server.most, ++server.running);
        const aborted = new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
        aborted.catch(() => {});
        await Promise.race([server.gate, aborted]).finally(() => server.running--);
        const status = server.refusals[file.name];
        if (status === 0) throw new TypeError("Failed to fetch");
        if (status) return text(status, "");
        const files = (server.folders[body.get("subfolder")] ??= {});
        const content = await file.text();
        const isTaken = (files[file.name] ?? content) !== content;
        const name = isTaken ? file.name.replace(/(\\.\\w+)$/, " (1)$1") : file.name;
        files[name] = content;
        server.uploads.push([body.get("type"), body.get("subfolder"), name]);
        return Response.json({ name, subfolder: body.get("subfolder"), type: "input" });
    };
    api.fetchApi = async (path, options = {}) => {
        const url = new URL(path, location.href);
        if (url.pathname === "/image_sequence/browse") return browse(url.searchParams);
        if (url.pathname === "/upload/image") return upload(options);
        server.views++;
        return text(200, server.folders[url.searchParams.get("subfolder")][url.searchParams.get("filename")]);
    };
}"""

# Synthetic events bring files, but no folders.
DROP = """(() => {
    const dataTransfer = new DataTransfer();
    for (const [name, content] of a) dataTransfer.items.add(new File([content], name));
    return [node.onDragOver({ dataTransfer }), node.onDragDrop({ dataTransfer })];
})()"""


class Desk:
    """One loader in the editor, and the server behind it."""

    def __init__(self, stage: Any, kind: str) -> None:
        self.stage, self.page = stage, stage.page
        stage.run("app.start()")
        widgets = {
            BATCH: {"path_pattern": "", "start_index": 0, "frame_count": 16, "folder": "output"},
            FRAME: {"directory_path": "", "pattern": "*", "frame_number": 0, "folder": "output"},
        }
        stage.run("app.widgets = a", widgets[kind])
        stage.run("window.node = app.add(a, 7)", kind)
        stage.run("{ window.button = node.widgets.find(({ name }) => name === 'upload_frames') }")
        stage.run(SERVER)

    def drop(self, *names: str, content: str = "") -> list[bool]:
        """Whether the node shows that it takes files, and whether it takes these. Each contains its name by default."""
        taken: list[bool] = self.stage.run(DROP, [[name, content or name] for name in names])
        return taken

    def drop_folders(self, *paths: Path) -> None:
        """From the desktop, as only the browser itself can do it."""
        self.stage.run("document.ondragover = (event) => event.preventDefault()")
        self.stage.run("document.ondrop = (event) => (event.preventDefault(), node.onDragDrop(event))")
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})

    def toast(self, count: int = 1) -> dict[str, Any]:
        """The last of `count` notifications, when it is there."""
        self.page.wait_for_function("count => app.toasts.length >= count", arg=count)
        toast: dict[str, Any] = self.stage.run("app.toasts.at(-1)")
        return toast

    def label(self, text: str) -> None:
        self.page.wait_for_function("text => button.label === text", arg=text)

    @property
    def uploads(self) -> list[list[str]]:
        uploads: list[list[str]] = self.stage.run("server.uploads")
        return sorted(uploads)

    @property
    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = self.stage.run(
            "Object.fromEntries(node.widgets.map(({ name, value }) => [name, value]))"
        )
        return values

    @property
    def problems(self) -> str:
        """The text of the dialog about failures, when it is there."""
        text: str = self.page.locator(".seqpicker-text").text_content()
        return text


@pytest.fixture
def loader(desk):
    def open_loader(kind: str = BATCH) -> Desk:
        return Desk(desk(), kind)

    return open_loader


def frames(first: int, last: int, name: str = "plate.{}.exr") -> list[str]:
    return [name.format(number) for number in range(first, last + 1)]


class TestADrop:
    def test_of_frames_is_uploaded_and_filled_in(self, loader):
        desk = loader()
        assert desk.drop(*frames(1001, 1003)) == [True, True]
        assert desk.toast() == {
            "severity": "success",
            "summary": "3 frames are in input/plate.",
            "detail": "",
            "life": 5000,
        }
        assert desk.uploads == [["input", "plate", name] for name in frames(1001, 1003)]
        filled = {"folder": "input", "path_pattern": "plate/plate.####.exr", "start_index": 1001, "frame_count": 0}
        assert desk.values.items() >= filled.items()
        assert desk.stage.run("app.canvas.steps") == ["before", "after"]
        desk.label("Upload frames...")

    def test_on_a_frame_loader_is_filled_in_too(self, loader):
        desk = loader(FRAME)
        desk.drop(*frames(5, 6, "f_{:04d}.png"))
        desk.toast()
        filled = {"folder": "input", "directory_path": "f", "pattern": "f_####.png", "frame_number": 5}
        assert desk.values.items() >= filled.items()

    def test_of_a_folder_takes_the_files_directly_in_it(self, loader, tmp_path):
        folder = tmp_path / "plates"
        (folder / "old").mkdir(parents=True)
        for name in [*frames(1, 120, "f_{:04d}.png"), "notes.txt", "old/g_0001.png", "._f_0001.png"]:
            (folder / name).write_text(name)
        desk = loader()
        desk.drop_folders(folder)
        toast = desk.toast()
        assert toast["summary"] == "120 frames are in input/plates."
        assert "Left out, because loaders cannot read them: ._f_0001.png, notes.txt." in toast["detail"]
        assert "Subfolders left out: old." in toast["detail"]
        assert desk.uploads == [["input", "plates", name] for name in frames(1, 120, "f_{:04d}.png")]
        assert desk.values["path_pattern"] == "plates/f_####.png"

    def test_of_two_folders_fills_in_the_longest_sequence(self, loader, tmp_path):
        for name, count in (("a", 2), ("b", 3)):
            (tmp_path / name).mkdir()
            for frame in frames(1, count, "f_{}.png"):
                (tmp_path / name / frame).write_text(frame)
        desk = loader()
        desk.drop_folders(tmp_path / "a", tmp_path / "b")
        toast = desk.toast()
        assert toast["summary"] == "5 frames are in input/a, input/b."
        assert toast["detail"] == "Chose f_#.png, the longest of 2 sequences."
        assert desk.values["path_pattern"] == "b/f_#.png"

    @pytest.mark.parametrize("name", ["workflow.json", "film.mp4", "notes.txt", "._f_0001.png"])
    def test_of_anything_else_is_left_to_comfyui(self, loader, name):
        desk = loader()
        assert desk.drop(name) == [True, False]
        assert desk.stage.run("app.toasts") == []
        desk.label("Upload frames...")

    def test_of_other_files_is_opened_by_the_editor_even_if_vue_nodes_keep_it(self, loader):
        desk = loader()
        desk.stage.run("LiteGraph.vueNodesMode = true")
        desk.stage.run("{ app.handleFile = async ({ name }) => { window.opened = name } }")
        assert desk.drop("workflow.json") == [True, True]
        assert desk.stage.run("opened") == "workflow.json"

    def test_of_one_png_is_a_frame_even_with_a_workflow_in_it(self, loader):
        desk = loader()
        assert desk.drop("ComfyUI_00001_.png") == [True, True]
        desk.toast()
        assert desk.uploads == [["input", "ComfyUI_00001", "ComfyUI_00001_.png"]]

    def test_of_a_frame_without_a_number_is_filled_in_by_name(self, loader):
        desk = loader()
        desk.drop("matte.png")
        desk.toast()
        assert desk.values["path_pattern"] == "matte/matte.png"

    def test_of_an_empty_folder_says_so(self, loader, tmp_path):
        (tmp_path / "empty").mkdir()
        desk = loader()
        desk.drop_folders(tmp_path / "empty")
        assert desk.toast()["summary"] == "There are no frames to upload."


class TestADropOnThePlayer:
    DRAG = """(() => {
        const dataTransfer = new DataTransfer();
        for (const name of a) dataTransfer.items.add(new File([name], name));
        const drag = (type) => {
            const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
            node.place.querySelector(".seqplayer-view").dispatchEvent(event);
            return [event.defaultPrevented, app.dragOverNode === node];
        };
        return b.map(drag);
    })()"""

    @pytest.fixture
    def player(self, loader):
        def open_player(*, is_vue: bool = False) -> Desk:
            desk = loader()
            desk.stage.run("{ LiteGraph.vueNodesMode = a; app.dragOverNode = null; app.render(node) }", is_vue)
            return desk

        return open_player

    def test_is_one_on_the_node(self, player):
        """The frontend outlines app.dragOverNode, and hands it the drop."""
        desk = player()
        assert desk.stage.run(self.DRAG, frames(1, 2), ["dragover", "drop"]) == [[True, True], [False, True]]

    def test_is_over_when_the_files_have_left(self, player):
        desk = player()
        assert desk.stage.run(self.DRAG, frames(1, 2), ["dragover", "dragleave"])[1] == [False, False]

    def test_of_something_else_than_files_is_none(self, player):
        assert player().stage.run(self.DRAG, [], ["dragover"]) == [[False, False]]

    def test_is_left_to_the_element_of_a_vue_node(self, player):
        assert player(is_vue=True).stage.run(self.DRAG, frames(1, 2), ["dragover"]) == [[False, False]]


class TestNames:
    @pytest.mark.parametrize(
        ("given", "there"),
        [
            ("a:b_01.png", "a_b_01.png"),
            ("what?*_01.png", "what___01.png"),
            ("f..01.png", "f.01.png"),
            (" f_01.png", "f_01.png"),
            ("~f_01.png", "_f_01.png"),
            ("con.png", "_con.png"),
            ("back\\slash_01.png", "back_slash_01.png"),
        ],
    )
    def test_that_not_every_system_allows_are_changed_and_told(self, loader, given, there):
        desk = loader()
        desk.drop(given)
        toast = desk.toast()
        assert [name for _, _, name in desk.uploads] == [there]
        assert toast["detail"] == f"Renamed, because not every system allows these names: {given} → {there}."

    def test_that_are_too_long_are_left_out(self, loader):
        desk = loader()
        desk.drop("f_01.png", f"{'x' * 230}.png")
        assert "Left out" in desk.toast()["detail"]
        assert [name for _, _, name in desk.uploads] == ["f_01.png"]

    def test_that_become_equal_are_not_mixed_up(self, loader):
        desk = loader()
        desk.drop("a:1.png", "a?1.png")
        assert "Left out" in desk.toast()["detail"]
        assert len(desk.uploads) == 1

    @pytest.mark.parametrize(
        ("names", "folder"),
        [
            (["plate.1001.exr", "plate.1002.exr"], "plate"),
            (["fg_1.png", "bg_1.png"], "frames"),
            (["shot_010_a_1.png", "shot_010_b_1.png"], "shot_010"),
            (["shot_010.1001.exr", "shot_010.1002.exr"], "shot_010"),
            (["shot_010.1001.exr"], "shot_010"),
            (["ComfyUI_00001_.png", "ComfyUI_00002_.png"], "ComfyUI"),
            (["0001.png"], "frames"),
            (["50%_1.png"], "50_"),
        ],
    )
    def test_of_the_folder_are_what_the_frames_have_in_common(self, loader, names, folder):
        desk = loader()
        desk.drop(*names)
        desk.toast()
        assert {place for _, place, _ in desk.uploads} == {folder}


class TestTheFolder:
    def test_is_a_free_one(self, loader):
        desk = loader()
        desk.stage.run("server.folders = a", {"plate": {"plate.1.exr": "old"}, "plate_2": {"other_1.png": "old"}})
        desk.drop(*frames(1, 2))
        desk.toast()
        assert {folder for _, folder, _ in desk.uploads} == {"plate_3"}
        assert desk.stage.run("server.folders.plate") == {"plate.1.exr": "old"}

    def test_is_used_again_if_it_holds_the_same_frames(self, loader):
        desk = loader()
        desk.stage.run("server.folders = a", {"plate": {"plate.1.exr": "plate.1.exr"}})
        desk.drop(*frames(1, 3))
        assert desk.toast()["summary"] == "3 frames are in input/plate."
        assert desk.uploads == [["input", "plate", name] for name in frames(2, 3)]

    def test_that_cannot_be_listed_stops_the_upload(self, loader):
        desk = loader()
        desk.stage.run(
            "api.fetchApi = async () => new Response('No.', { status: 403, headers: { 'Content-Type': 'text/plain' } })"
        )
        desk.drop(*frames(1, 2))
        toast = desk.toast()
        assert (toast["severity"], toast["detail"]) == ("error", "No.")
        desk.label("Upload frames...")


class TestThreeHundredFrames:
    def test_go_a_few_at_a_time(self, loader):
        desk = loader()
        desk.drop(*frames(1, 300, "f_{:04d}.png"))
        assert desk.toast()["summary"] == "300 frames are in input/f."
        assert len(desk.uploads) == 300
        assert desk.stage.run("server.most") == 4

    def test_can_be_cancelled_by_the_button_and_continued(self, loader):
        desk = loader()
        desk.stage.run("{ server.gate = new Promise(() => {}) }")
        desk.drop(*frames(1, 300, "f_{:04d}.png"))
        desk.label("Cancel (0 of 300)")
        desk.stage.run("button.callback()")
        assert desk.toast()["summary"] == "The upload was cancelled: 0 of 300 frames are in input."
        desk.label("Upload frames...")
        assert desk.values["path_pattern"] == ""
        desk.stage.run("server.gate = null")
        desk.drop(*frames(1, 300, "f_{:04d}.png"))
        assert desk.toast(2)["summary"] == "300 frames are in input/f."

    def test_are_counted_while_they_go(self, loader):
        desk = loader()
        desk.stage.run(
            "{ window.labels = []; let label = ''; Object.defineProperty(button, 'label', "
            "{ get: () => label, set: (text) => labels.push(label = text) }) }"
        )
        desk.drop(*frames(1, 12))
        desk.toast()
        assert desk.stage.run("labels") == [*(f"Cancel ({n} of 12)" for n in range(13)), "Upload frames..."]

    def test_are_not_mixed_with_a_second_drop(self, loader):
        desk = loader()
        desk.stage.run("{ server.gate = new Promise((open) => (window.openGate = open)) }")
        desk.drop(*frames(1, 3))
        desk.label("Cancel (0 of 3)")
        desk.drop("other_1.png")
        assert desk.toast()["summary"] == "This node is still uploading. Wait until it is done, or cancel it first."
        desk.stage.run("openGate()")
        assert desk.toast(2)["summary"] == "3 frames are in input/plate."
        assert len(desk.uploads) == 3

    def test_stop_when_the_node_is_removed(self, loader):
        desk = loader()
        desk.stage.run("{ server.gate = new Promise(() => {}) }")
        desk.drop(*frames(1, 3))
        desk.label("Cancel (0 of 3)")
        desk.stage.run("node.onRemoved()")
        assert "cancelled" in desk.toast()["summary"]
        assert desk.uploads == []


class TestAFailedFrame:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (413, "The file is larger than this ComfyUI accepts. Its start option --max-upload-size sets the limit."),
            (400, "The server answered 400."),
            (0, "The server does not answer."),
        ],
    )
    def test_is_named_with_the_reason_and_the_rest_is_there(self, loader, status, reason):
        desk = loader()
        desk.stage.run("server.refusals = a", {"plate.2.exr": status})
        desk.drop(*frames(1, 3))
        desk.page.get_by_role("dialog", name="1 frame was not uploaded.").wait_for()
        assert desk.problems == f"plate.2.exr: {reason}\n\n2 frames are in input/plate."
        assert len(desk.uploads) == 2
        assert desk.values["path_pattern"] == "plate/plate.#.exr"

    def test_can_be_tried_again(self, loader):
        desk = loader()
        desk.stage.run("server.refusals = a", {"plate.2.exr": 500})
        desk.drop(*frames(1, 3))
        again = desk.page.get_by_role("button", name="Try again")
        again.wait_for()
        desk.stage.run("server.refusals = {}")
        again.click()
        assert desk.toast()["summary"] == "3 frames are in input/plate."
        assert desk.uploads == [["input", "plate", name] for name in frames(1, 3)]

    def test_is_one_that_the_server_has_renamed(self, loader):
        desk = loader()
        desk.stage.run("{ server.gate = new Promise((open) => (window.openGate = open)) }")
        desk.drop(*frames(1, 2))
        desk.label("Cancel (0 of 2)")
        # Somebody else saves a frame there meanwhile.
        desk.stage.run("{ server.folders.plate = { 'plate.1.exr': 'other' }; openGate() }")
        assert "plate.1.exr: The server saved it as plate.1 (1).exr" in desk.problems

    def test_does_not_hide_what_all_frames_of_a_server_that_is_gone_have_in_common(self, loader):
        desk = loader()
        desk.stage.run("server.refusals = a", dict.fromkeys(frames(1, 3), 0))
        desk.drop(*frames(1, 3))
        desk.page.get_by_role("dialog", name="3 frames were not uploaded.").wait_for()
        assert desk.problems.startswith("plate.1.exr, plate.2.exr, plate.3.exr: The server does not answer.")
        assert desk.values["path_pattern"] == ""


class TestTheButtons:
    def test_choose_files(self, loader, tmp_path):
        desk = loader()
        files = [tmp_path / name for name in frames(1, 2)]
        for file in files:
            file.write_text(file.name)
        with desk.page.expect_file_chooser() as chooser:
            desk.stage.run("button.callback()")
        chooser.value.set_files(files)
        assert desk.toast()["summary"] == "2 frames are in input/plate."

    def test_choose_a_folder_in_the_dialog(self, loader, tmp_path):
        (tmp_path / "plates" / "old").mkdir(parents=True)
        for name in ("f_1.png", "f_2.png", "old/f_3.png"):
            (tmp_path / "plates" / name).write_text(name)
        desk = loader()
        desk.stage.run("node.widgets.find(({ name }) => name === 'choose_frames').callback()")
        with desk.page.expect_file_chooser() as chooser:
            desk.page.get_by_role("button", name="Upload a folder...").click()
        chooser.value.set_files(tmp_path / "plates")
        toast = desk.toast()
        assert toast["summary"] == "2 frames are in input/plates."
        assert toast["detail"] == "Subfolders left out: old."
