"""PROMPT: files that hold a prompt, written by this pack, by ComfyUI's own nodes and by others, whole, damaged and hostile."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from comfyui_frames import RefusedError, make_job, read_prompt
from io_utils.comfyui.metadata import text_entries
from io_utils.formats.file_type import FileType

from .prompts import counted, single
from .running import CLIENT

PROMPT = single(filename_prefix="plate \u00e9 \u65e5\u672c \U0001f600")
WORKFLOW = {"nodes": [{"id": 1, "type": "EmptyImage", "title": "\u65e5\u672c"}], "links": []}
EXPORT = r"Workflow > Export \(API\)"

WriteFile = Callable[[Any], Path]


def file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    """A PNG of one pixel with further chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    )


def refused(path: Path, match: str) -> str:
    with pytest.raises(RefusedError, match=match) as refusal:
        read_prompt(path)
    return str(refusal.value)


class TestJson:
    def test_the_nodes_are_a_prompt(self, file_of: WriteFile) -> None:
        assert read_prompt(file_of(PROMPT)) == (PROMPT, {})

    def test_the_body_of_a_post_is_a_prompt_with_its_workflow(self, file_of: WriteFile) -> None:
        body = {"client_id": "x", "prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": WORKFLOW}}}

        assert read_prompt(file_of(body)) == (PROMPT, {"workflow": WORKFLOW})

    @pytest.mark.parametrize("extra", [None, {}, [], {"extra_pnginfo": None}, {"extra_pnginfo": [1]}], ids=repr)
    def test_a_body_without_a_workflow_is_a_prompt(self, file_of: WriteFile, extra: Any) -> None:
        assert read_prompt(file_of({"prompt": PROMPT, "extra_data": extra})) == (PROMPT, {})

    def test_a_byte_order_mark_is_no_fault(self, tmp_path: Path) -> None:
        """Windows' Notepad and PowerShell write one."""
        text = json.dumps(PROMPT)
        for encoding in ("utf-8-sig", "utf-16"):
            assert read_prompt(file(tmp_path, "prompt.json", text.encode(encoding))) == (PROMPT, {})

    def test_titles_and_other_notes_of_a_node_stay(self, file_of: WriteFile) -> None:
        titled = {"1": {**PROMPT["1"], "_meta": {"title": "Sky"}}, "2": PROMPT["2"]}

        assert read_prompt(file_of(titled)) == (titled, {})

    def test_what_comfyui_noted_for_its_cache_goes(self, file_of: WriteFile) -> None:
        """A prompt that is posted with `is_changed` keeps its nodes in the cache, whatever happens to the files."""
        noted = {"1": {**PROMPT["1"], "is_changed": ["x"]}, "2": PROMPT["2"]}

        assert read_prompt(file_of(noted)) == (PROMPT, {})


class TestAnEditorsWorkflow:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(WORKFLOW, id="as the editor saves it"),
            pytest.param({**WORKFLOW, "version": 0.4, "extra": {}, "groups": []}, id="with everything"),
            pytest.param({"nodes": [], "links": []}, id="empty"),
            pytest.param({"prompt": WORKFLOW}, id="in the place of a prompt"),
        ],
    )
    def test_is_refused_with_the_way_to_export_it(self, file_of: WriteFile, content: Any) -> None:
        assert "workflow of the editor" in refused(file_of(content), EXPORT)

    @pytest.mark.parametrize("name", ["Image sequence - count frames.json", "Image sequence - one frame per run.json"])
    def test_of_this_pack_is_refused_too(self, name: str) -> None:
        path = CLIENT.parents[1] / "example_workflows" / name

        assert "workflow of the editor" in refused(path, EXPORT)


class TestWhatIsNoPrompt:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param({}, id="no node"),
            pytest.param([], id="a list"),
            pytest.param([PROMPT], id="a list of prompts"),
            pytest.param("text", id="a text"),
            pytest.param(None, id="null"),
            pytest.param(7, id="a number"),
            pytest.param({"1": None}, id="a node that is null"),
            pytest.param({"1": {"inputs": {}}}, id="a node without a class"),
            pytest.param({"1": {"class_type": "EmptyImage"}}, id="a node without inputs"),
            pytest.param({"1": {"class_type": ["EmptyImage"], "inputs": {}}}, id="a class that is no text"),
            pytest.param({"1": {"class_type": "EmptyImage", "inputs": []}}, id="inputs that are a list"),
            pytest.param({"prompt": {}}, id="a body without a node"),
            pytest.param({"prompt": None}, id="a body without a prompt"),
        ],
    )
    def test_is_refused_with_the_way_to_export_one(self, file_of: WriteFile, content: Any) -> None:
        refused(file_of(content), EXPORT)

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="an empty file"),
            pytest.param(b"{", id="half a JSON"),
            pytest.param(b"\xff\xfe\xfd", id="bytes"),
            pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), id="a JPEG"),
            pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", id="a WAV file, which is RIFF too"),
            pytest.param(b'{"1": ' + b"9" * 5000 + b"}", id="a number with 5000 digits"),
            pytest.param(b"[" * 200_000, id="brackets nested 200,000 deep"),
            pytest.param(b'{"1":' * 100_000 + b"1" + b"}" * 100_000, id="objects nested 100,000 deep"),
        ],
    )
    def test_is_refused_whatever_it_holds(self, tmp_path: Path, data: bytes) -> None:
        refused(file(tmp_path, "prompt.json", data), EXPORT)

    def test_is_refused_if_it_is_not_there(self, tmp_path: Path) -> None:
        refused(tmp_path / "none.json", "none.json")

    def test_is_refused_if_it_is_a_folder(self, tmp_path: Path) -> None:
        refused(tmp_path, "path of the prompt")


EMBEDDING = [filetype for filetype in FileType if filetype.embeds_workflow]


class TestFramesOfThisPack:
    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_hold_the_prompt_and_the_workflow(self, tmp_path: Path, filetype: FileType) -> None:
        entries = text_entries(PROMPT, {"workflow": WORKFLOW}, filetype.keyword_fault)
        data = filetype.encode_frame(torch.zeros(4, 6, 3), entries).data

        assert read_prompt(file(tmp_path, "frame.dat", data)) == (PROMPT, {"workflow": WORKFLOW})

    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_hold_them_beside_a_hundred_other_texts(self, tmp_path: Path, filetype: FileType) -> None:
        extra = {**{f"key {n}": n for n in range(100)}, "workflow": WORKFLOW}
        entries = text_entries(PROMPT, extra, filetype.keyword_fault)
        data = filetype.encode_frame(torch.zeros(4, 6, 3), entries).data

        assert read_prompt(file(tmp_path, "frame.dat", data)) == (PROMPT, {"workflow": WORKFLOW})

    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_without_a_workflow_hold_the_prompt(self, tmp_path: Path, filetype: FileType) -> None:
        data = filetype.encode_frame(torch.zeros(4, 6, 3), text_entries(PROMPT, None)).data

        assert read_prompt(file(tmp_path, "frame.dat", data)) == (PROMPT, {})

    @pytest.mark.parametrize("filetype", [filetype for filetype in FileType if not filetype.embeds_workflow])
    def test_that_hold_no_workflow_are_refused(self, tmp_path: Path, filetype: FileType) -> None:
        data = filetype.encode_frame(torch.zeros(4, 6, 3), {}).data

        refused(file(tmp_path, "frame.dat", data), EXPORT)

    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_saved_under_disable_metadata_are_refused(self, tmp_path: Path, filetype: FileType) -> None:
        data = filetype.encode_frame(torch.zeros(4, 6, 3), {}).data

        assert "holds no prompt" in refused(file(tmp_path, "frame.dat", data), "saved with its workflow")

    @pytest.mark.parametrize("filetype", EMBEDDING)
    def test_with_a_workflow_alone_are_refused(self, tmp_path: Path, filetype: FileType) -> None:
        data = filetype.encode_frame(torch.zeros(4, 6, 3), text_entries(None, {"workflow": WORKFLOW})).data

        assert "workflow, but no prompt" in refused(file(tmp_path, "frame.dat", data), "saved with its workflow")


class TestFramesOfOthers:
    """Pillow writes here, with the calls of ComfyUI's Save Image and Save Animated WEBP, and OpenEXR."""

    @pytest.mark.parametrize(
        "add",
        [
            pytest.param(lambda info, key, text: info.add_text(key, text), id="tEXt, as Save Image"),
            pytest.param(lambda info, key, text: info.add_text(key, text, zip=True), id="zTXt"),
            pytest.param(lambda info, key, text: info.add_itxt(key, text), id="iTXt"),
            pytest.param(lambda info, key, text: info.add_itxt(key, text, "ja", key, zip=True), id="iTXt, compressed"),
        ],
    )
    @pytest.mark.parametrize("is_ascii", [True, False], ids=["escaped", "as it is"])
    def test_png(self, tmp_path: Path, add: Callable[..., None], is_ascii: bool) -> None:
        # Without escapes Pillow writes iTXt in place of tEXt and zTXt, if latin-1 lacks a character.
        info = PngImagePlugin.PngInfo()
        add(info, "prompt", json.dumps(PROMPT, ensure_ascii=is_ascii))
        add(info, "workflow", json.dumps(WORKFLOW, ensure_ascii=is_ascii))
        Image.new("RGB", (6, 4)).save(tmp_path / "f.png", pnginfo=info, compress_level=4)

        assert read_prompt(tmp_path / "f.png") == (PROMPT, {"workflow": WORKFLOW})

    def test_png_with_the_texts_behind_the_pixels(self, tmp_path: Path) -> None:
        info = PngImagePlugin.PngInfo()
        info.add(b"tEXt", b"prompt\0" + json.dumps(PROMPT).encode(), after_idat=True)
        Image.new("RGB", (600, 400)).save(tmp_path / "f.png", pnginfo=info)

        assert read_prompt(tmp_path / "f.png") == (PROMPT, {})

    def test_png_with_an_older_prompt_in_another_chunk_gives_what_pillow_gives(self, tmp_path: Path) -> None:
        """Editors that copy all chunks and add their own leave two."""
        older = chunk(b"tEXt", b"prompt\0" + json.dumps(counted()).encode())
        newer = chunk(b"tEXt", b"prompt\0" + json.dumps(PROMPT).encode())
        path = file(tmp_path, "f.png", png(older, newer))

        with Image.open(path) as image:
            image.load()
            assert read_prompt(path)[0] == json.loads(image.text["prompt"])  # type: ignore[attr-defined]

    @pytest.mark.parametrize("order", ["little-endian", "big-endian"])
    def test_webp(self, tmp_path: Path, order: str) -> None:
        """As SaveAnimatedWEBP: https://github.com/comfyanonymous/ComfyUI/blob/master/comfy_extras/nodes_images.py."""
        exif = Image.Exif()
        exif.endian = ">" if order == "big-endian" else "<"
        exif[0x0110] = f"prompt:{json.dumps(PROMPT)}"
        exif[0x010F] = f"workflow:{json.dumps(WORKFLOW)}"
        Image.new("RGB", (6, 4)).save(tmp_path / "f.webp", exif=exif, lossless=True)

        assert read_prompt(tmp_path / "f.webp") == (PROMPT, {"workflow": WORKFLOW})

    def test_animated_webp(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0110] = f"prompt:{json.dumps(PROMPT)}"
        frames = [Image.new("RGB", (6, 4), color) for color in ("red", "green", "blue")]
        frames[0].save(tmp_path / "f.webp", save_all=True, append_images=frames[1:], exif=exif)

        assert read_prompt(tmp_path / "f.webp") == (PROMPT, {})

    def test_exr(self, tmp_path: Path) -> None:
        library = pytest.importorskip("OpenEXR", reason="needs OpenEXR: see requirements.txt")
        pixels = np.zeros((4, 6, 3), np.float32)
        header = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW), "owner": "x" * 300}
        with library.File(header, {"RGB": pixels}) as image:
            image.write(str(tmp_path / "f.exr"))

        assert read_prompt(tmp_path / "f.exr") == (PROMPT, {"workflow": WORKFLOW})

    @pytest.mark.parametrize("kind", ["png", "webp"])
    def test_without_any_text_are_refused(self, tmp_path: Path, kind: str) -> None:
        Image.new("RGB", (6, 4)).save(tmp_path / f"f.{kind}")

        assert "holds no prompt" in refused(tmp_path / f"f.{kind}", EXPORT)

    def test_with_a_prompt_that_is_no_json_are_refused(self, tmp_path: Path) -> None:
        """Other programs write the words of the text prompt under this keyword."""
        refused(file(tmp_path, "f.png", png(chunk(b"tEXt", b"prompt\0a cat, masterpiece"))), EXPORT)

    def test_with_a_workflow_that_is_damaged_can_be_rendered(self, tmp_path: Path) -> None:
        texts = chunk(b"tEXt", b"prompt\0" + json.dumps(PROMPT).encode()), chunk(b"tEXt", b"workflow\0{")

        assert read_prompt(file(tmp_path, "f.png", png(*texts))) == (PROMPT, {})


def _whole(tmp_path: Path) -> list[bytes]:
    entries = text_entries(PROMPT, {"workflow": WORKFLOW})
    kinds = (FileType.PNG_WITH_WORKFLOW, FileType.WEBP_LOSSLESS, FileType.EXR)
    return [kind.encode_frame(torch.zeros(4, 6, 3), entries).data for kind in kinds]


WHOLE = _whole(Path())


class TestDamagedFrames:
    """They are read, or refused with the fix, and nothing else happens."""

    @given(st.sampled_from(WHOLE), st.data())
    def test_cut_anywhere(self, tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
        end = data.draw(st.integers(0, len(whole) - 1))
        self.check(tmp_path, whole[:end])

    @given(st.sampled_from(WHOLE), st.data())
    def test_with_other_bytes_anywhere(self, tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
        damaged = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        self.check(tmp_path, bytes(damaged))

    @staticmethod
    def check(folder: Path, data: bytes) -> None:
        with contextlib.suppress(RefusedError):
            prompt, _ = read_prompt(file(folder, "frame.dat", data))
            make_job(prompt, {}, [])

    @pytest.mark.parametrize(
        "texts",
        [
            pytest.param(chunk(b"zTXt", b"prompt\0\0not zlib"), id="zTXt that is not compressed"),
            pytest.param(chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"{}" * 999)[:-30]), id="zTXt that is cut"),
            pytest.param(chunk(b"zTXt", b"prompt"), id="zTXt without its separator"),
            pytest.param(chunk(b"iTXt", b"prompt\0\1\0"), id="iTXt without its languages"),
            pytest.param(chunk(b"tEXt", b""), id="tEXt of no length"),
            pytest.param(b"\xff\xff\xff\xfftEXtprompt\0{}", id="a length of 4 GB"),
        ],
    )
    def test_png_texts(self, tmp_path: Path, texts: bytes) -> None:
        refused(file(tmp_path, "f.png", png(texts)), EXPORT)

    @pytest.mark.parametrize(
        "exif",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"II*\0\xff\xff\xff\xff", id="a directory behind the end"),
            pytest.param(b"II*\0\x08\0\0\0\xff\xff", id="65535 entries that are not there"),
            pytest.param(
                b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x110, 2, 0xFFFFFFFF, 0xFFFFFFF0), id="4 GB of text"
            ),
            pytest.param(b"XX*\0\x08\0\0\0", id="no order of bytes"),
        ],
    )
    def test_webp_exif(self, tmp_path: Path, exif: bytes) -> None:
        body = b"WEBP" + b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)

        refused(file(tmp_path, "f.webp", b"RIFF" + struct.pack("<I", len(body)) + body), EXPORT)

    @pytest.mark.parametrize(
        "header",
        [
            pytest.param(b"", id="none"),
            pytest.param(b"prompt\0string\0", id="no length"),
            pytest.param(b"prompt\0string\0\xff\xff\xff\xff{}", id="a length of 4 GB"),
            pytest.param(b"prompt", id="a name without an end"),
        ],
    )
    def test_exr_headers(self, tmp_path: Path, header: bytes) -> None:
        refused(file(tmp_path, "f.exr", b"\x76\x2f\x31\x01\x02\0\0\0" + header), EXPORT)


LIMITED = """
import resource, runpy, sys
limit = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no setrlimit")
class TestHostileFrames:
    """A machine of the farm reads frames that anybody can put on the share. 1 GB of memory must do."""

    def refusal(self, path: Path, megabytes: int = 1024) -> str:
        """What the client says about a file, with a limit on its memory."""
        line = [sys.executable, "-c", LIMITED, str(megabytes), str(CLIENT), "render", str(path), "--frames", "1"]
        done = subprocess.run([*line, "--wait", "0"], capture_output=True, encoding="utf-8", check=False, timeout=120)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    @staticmethod
    def bomb(size: int) -> bytes:
        """The beginning of zlib data of `size` zeros. After a full flush, the same zeros are the same bytes."""
        packer = zlib.compressobj(9)
        first, other = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
        return first + other * ((size >> 20) - 1)

    @pytest.mark.parametrize("keyword", [b"prompt", b"workflow", b"comment"])
    def test_a_gigabyte_of_zeros_in_a_megabyte_of_ztxt(self, tmp_path: Path, keyword: bytes) -> None:
        data = png(chunk(b"zTXt", keyword + b"\0\0" + self.bomb(1 << 30)))
        assert len(data) < 1.1 * (1 << 20)
        assert len(zlib.decompressobj().decompress(self.bomb(1 << 22))) == 1 << 22

        assert EXPORT.replace("\\", "") in self.refusal(file(tmp_path, "f.png", data))

    def test_a_gigabyte_of_zeros_in_a_megabyte_of_itxt(self, tmp_path: Path) -> None:
        data = png(chunk(b"iTXt", b"prompt\0\1\0\0\0" + self.bomb(1 << 30)))

        assert EXPORT.replace("\\", "") in self.refusal(file(tmp_path, "f.png", data))

    @pytest.mark.parametrize("keyword", ["prompt", "comment %d"])
    def test_ten_of_them(self, tmp_path: Path, keyword: str) -> None:
        bomb = self.bomb(1 << 28)
        keywords = (keyword.replace("%d", str(number)).encode() for number in range(10))
        data = png(*(chunk(b"zTXt", name + b"\0\0" + bomb) for name in keywords))

        assert EXPORT.replace("\\", "") in self.refusal(file(tmp_path, "f.png", data), megabytes=600)

    def test_a_sparse_file_of_a_hundred_gigabytes(self, tmp_path: Path) -> None:
        path = file(tmp_path, "f.png", b"")
        with path.open("r+b") as sparse:
            sparse.truncate(100 << 30)

        assert EXPORT.replace("\\", "") in self.refusal(path)

    def test_a_device_without_end(self) -> None:
        assert EXPORT.replace("\\", "") in self.refusal(Path("/dev/zero"))


class TestOtherFiles:
    @pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "TIFF"])
    def test_an_image_that_holds_no_workflow_is_refused_by_its_kind(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "frame"
        Image.new("RGB", (8, 8)).save(path, kind)

        with pytest.raises(RefusedError, match=f"is a {kind} file, which holds no workflow"):
            read_prompt(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[json.dumps(single())])
        writer.start()

        assert read_prompt(tmp_path / "pipe")[0] == single()
        writer.join()


class TestFrameInputs:
    """Which inputs move, and which number --frames means."""

    @staticmethod
    def job(prompt: dict[str, Any], *named: str) -> Any:
        return make_job(prompt, {}, list(named))

    def test_the_savers_own_number(self) -> None:
        job = self.job(single(current_frame=7))

        assert job.inputs == {("2", "current_frame"): 7}
        assert job.at(12, {})["2"]["inputs"]["current_frame"] == 12

    def test_the_counters_number(self) -> None:
        job = self.job(counted(5))

        assert job.inputs == {("3", "frame_index"): 5}
        assert job.at(12, {})["3"]["inputs"]["frame_index"] == 12

    def test_frames_count_what_stands_in_the_file_names(self) -> None:
        job = self.job(counted(0, first_frame=1001))

        assert job.at(1001, {})["3"]["inputs"]["frame_index"] == 0
        assert job.at(1024, {})["3"]["inputs"]["frame_index"] == 23

    def test_a_number_linked_from_the_counter_follows_it(self) -> None:
        prompt = {**counted(4), **single(current_frame=["3", 1])}

        assert self.job(prompt).inputs == {("3", "frame_index"): 4}

    def test_a_loader_of_a_plate_keeps_its_distance(self) -> None:
        prompt = {**counted(0), "8": _loader(frame_number=1001)}
        prompt["5"]["inputs"]["image"] = ["8", 0]

        moved = self.job(prompt).at(10, {})

        assert moved["3"]["inputs"]["frame_index"] == 10
        assert moved["8"]["inputs"]["frame_number"] == 1011

    def test_a_loader_with_a_counter_follows_the_counter_alone(self) -> None:
        prompt = {**counted(0), "8": _loader(frame_number=1001, frame_counter=["3", 0])}
        prompt["5"]["inputs"]["image"] = ["8", 0]

        assert self.job(prompt).inputs == {("3", "frame_index"): 0}

    def test_a_loader_that_no_saver_needs_stays(self) -> None:
        prompt = {
            **single(),
            "8": _loader(frame_number=1001),
            "9": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}},
        }

        assert self.job(prompt).inputs == {("2", "current_frame"): 0}

    def test_named_inputs_move_too(self) -> None:
        prompt = single()
        prompt["1"]["inputs"]["color"] = 500

        job = self.job(prompt, "1.color")

        assert job.at(3, {})["1"]["inputs"]["color"] == 503
        assert job.at(3, {})["2"]["inputs"]["current_frame"] == 3

    def test_a_batch_savers_number_moves_if_it_is_named(self) -> None:
        prompt = _batch(start_index=1)

        job = self.job(prompt, "2.start_index")

        assert job.at(9, {})["2"]["inputs"]["start_index"] == 9

    def test_a_prompt_is_not_changed(self) -> None:
        prompt = counted(0)
        before = json.dumps(prompt)

        self.job(prompt).at(12, {("5", "on_existing"): "skip"})

        assert json.dumps(prompt) == before

    def test_two_savers_that_disagree_are_refused_with_the_way_to_decide(self) -> None:
        prompt = {**counted(0), **single(current_frame=100)}

        with pytest.raises(RefusedError, match="--frame-input") as refusal:
            self.job(prompt)

        assert "--frame-input 2.current_frame for node 2, now at 100" in str(refusal.value)
        assert "--frame-input 5.frame_counter for node 5, now at 0" in str(refusal.value)

    @pytest.mark.parametrize(
        ("named", "number", "other"),
        [("2.current_frame", 100, 0), ("3.frame_index", 0, 100), ("5.frame_counter", 0, 100)],
    )
    def test_two_savers_that_disagree_follow_the_named_one(self, named: str, number: int, other: int) -> None:
        prompt = {**counted(0), **single(current_frame=100)}

        moved = self.job(prompt, named).at(number + 5, {})

        assert {moved["2"]["inputs"]["current_frame"], moved["3"]["inputs"]["frame_index"]} == {number + 5, other + 5}

    @pytest.mark.parametrize(
        ("prompt", "advice"),
        [
            pytest.param(
                {**single(current_frame=["4", 0]), "4": {"class_type": "PrimitiveInt", "inputs": {"value": 3}}},
                "--frame-input 4.value",
                id="the saver's number is linked",
            ),
            pytest.param(
                {**single(current_frame=["4", 0]), "4": {"class_type": "Random", "inputs": {}}},
                "--frame-input NODE.INPUT",
                id="the saver's number comes from a node without numbers",
            ),
        ],
    )
    def test_none_is_refused_with_the_input_to_name(self, prompt: dict[str, Any], advice: str) -> None:
        with pytest.raises(RefusedError, match="Name the input") as refusal:
            self.job(prompt)

        assert advice in str(refusal.value)

    def test_a_batch_saver_alone_is_refused_with_the_input_to_name(self) -> None:
        with pytest.raises(RefusedError, match=r"--frame-input 2\.start_index"):
            self.job(_batch())

    def test_a_second_saver_that_would_write_all_frames_under_one_number_is_refused(self) -> None:
        batch = {"images": ["1", 0], "path_pattern": "depth/{:04d}.png", "start_index": 7, "overwrite": "false"}
        prompt = {**counted(0), "8": {"class_type": "ImageSequenceSaveBatch", "inputs": batch}}

        with pytest.raises(RefusedError, match=r"node 8 as well, for instance --frame-input 8\.start_index"):
            self.job(prompt)

        assert self.job(prompt, "8.start_index").at(5, {})["8"]["inputs"]["start_index"] == 12

    @pytest.mark.parametrize(
        "numbering",
        [
            {"start_index": ["3", 1]},
            {"path_pattern": ["9", 0]},
            {"path_pattern": "%Frame Counter.frame_index%/{:04d}.png"},
        ],
        ids=["linked number", "linked pattern", "a token in the pattern"],
    )
    def test_a_second_saver_may_count_in_another_way(self, numbering: dict[str, Any]) -> None:
        batch = {"images": ["1", 0], "path_pattern": "depth/{:04d}.png", "start_index": 7, "overwrite": "false"}
        text = {"class_type": "StringFormat", "inputs": {"number": ["3", 1]}}
        saver = {"class_type": "ImageSequenceSaveBatch", "inputs": {**batch, **numbering}}

        assert self.job({**counted(0), "8": saver, "9": text}).savers == ("5", "8")

    @pytest.mark.parametrize(("leader", "index"), [("5.frame_counter", 5), ("8.frame_counter", 1006)])
    def test_two_savers_of_one_counter_are_told_apart_by_naming_the_saver(self, leader: str, index: int) -> None:
        prompt = counted(0, first_frame=1001)
        proxy = {**prompt["5"]["inputs"], "directory_path": "proxy", "first_frame": 0}
        prompt["8"] = {"class_type": "ImageSequenceSaveCounted", "inputs": proxy}

        with pytest.raises(RefusedError, match=r"--frame-input 5\.frame_counter.*--frame-input 8\.frame_counter"):
            self.job(prompt)

        assert self.job(prompt, leader).at(1006, {})["3"]["inputs"]["frame_index"] == index

    def test_first_frame_counts_if_the_counter_gets_its_number_from_another_node(self) -> None:
        prompt = {**counted(["4", 0], first_frame=1001), "4": {"class_type": "PrimitiveInt", "inputs": {"value": 0}}}

        assert self.job(prompt, "4.value").at(1003, {})["4"]["inputs"]["value"] == 2

    def test_first_frame_counts_behind_a_node_that_passes_the_counter_on(self) -> None:
        offset = {"class_type": "Frame Counter Offset [Dream]", "inputs": {"frame_counter": ["3", 0], "offset": 0}}
        prompt = {**counted(0, first_frame=1001, frame_counter=["9", 0]), "9": offset}

        assert self.job(prompt).at(1004, {})["3"]["inputs"]["frame_index"] == 3

    @pytest.mark.parametrize(
        ("named", "fault"),
        [
            ("9.seed", "no node '9'"),
            ("seed", "no node 'seed'"),
            ("2.seed", "does not exist"),
            ("2.filename_prefix", "is not a number"),
            ("2.images", "is not a number"),
            ("2", "does not exist"),
        ],
    )
    def test_a_named_input_that_is_none_is_refused(self, named: str, fault: str) -> None:
        with pytest.raises(RefusedError, match="--frame-input") as refusal:
            self.job(single(), named)

        assert fault in str(refusal.value)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=repr)
    def test_a_number_that_is_none_is_refused(self, file_of: WriteFile, value: float) -> None:
        """Python's json writes and reads NaN and Infinity."""
        prompt, _ = read_prompt(file_of(single(current_frame=value)))

        with pytest.raises(RefusedError, match="Name the input"):
            self.job(prompt)

    def test_a_number_of_400_digits_counts_like_any_other(self) -> None:
        """It is larger than a float can be."""
        assert self.job(single(current_frame=10**400)).at(7, {})["2"]["inputs"]["current_frame"] == 7

    def test_first_frame_from_another_node_is_refused(self) -> None:
        """Taken for 0, --frames 1001-1024 would ask the counter for frames past its end and write nothing, with exit code 0."""
        prompt = {**counted(0, first_frame=["4", 0]), "4": {"class_type": "PrimitiveInt", "inputs": {"value": 1001}}}

        with pytest.raises(RefusedError, match="Type first_frame of node 5"):
            self.job(prompt)

    def test_a_circle_of_links_does_not_hang(self) -> None:
        prompt = single()
        prompt["1"]["inputs"]["image"] = ["2", 0]

        assert self.job(prompt).savers == ("2",)


class TestTheEarlierPacks:
    def test_mtb(self) -> None:
        prompt = single(current_frame=3)
        prompt["2"]["class_type"] = "Save Image Sequence (mtb)"

        assert make_job(prompt, {}, []).inputs == {("2", "current_frame"): 3}

    def test_dream(self) -> None:
        prompt = counted(3)
        prompt["3"]["class_type"] = "Frame Counter (Simple) [Dream]"
        prompt["5"]["class_type"] = "Image Sequence Saver [Dream]"

        job = make_job(prompt, {}, [])

        assert job.inputs == {("3", "frame_index"): 3}
        assert job.savers == ("5",)

    def test_jw(self) -> None:
        prompt = _batch()
        prompt["2"]["class_type"] = "JWSaveImageSequence"

        assert make_job(prompt, {}, ["2.start_index"]).savers == ("2",)


class TestSavers:
    def test_a_prompt_without_one_is_refused(self) -> None:
        prompt = {"1": single()["1"], "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}

        with pytest.raises(RefusedError, match="Add a node that saves an image sequence"):
            make_job(prompt, {}, [])

    def test_those_behind_the_finished_animation_wait_for_finish(self) -> None:
        prompt = counted()
        prompt["8"] = {
            "class_type": "ImageSequenceSaveBatch",
            "inputs": {"images": ["6", 0], "path_pattern": "again.####.png", "start_index": 0, "overwrite": "true"},
        }

        assert make_job(prompt, {}, []).savers == ("5",)

    def test_those_far_behind_the_finished_animation_wait_too(self) -> None:
        prompt = counted()
        prompt["8"] = {"class_type": "ImageScale", "inputs": {"image": ["6", 0], "width": 3}}
        prompt["9"] = {
            "class_type": "ImageSequenceSaveBatch",
            "inputs": {"images": ["8", 0], "path_pattern": "small.####.png", "start_index": 0, "overwrite": "true"},
        }

        assert make_job(prompt, {}, []).savers == ("5",)

    def test_all_of_them_behind_it_are_refused(self) -> None:
        prompt = {
            "6": {"class_type": "ImageSequenceFromAnimation", "inputs": {"sequence": ["5", 0]}},
            "8": {"class_type": "ImageSequenceSaveFrame", "inputs": {"images": ["6", 0], "current_frame": 0}},
        }

        with pytest.raises(RefusedError, match="Animation Sequence to Images"):
            make_job(prompt, {}, [])

    @pytest.mark.parametrize("counter", ["ImageSequenceFrameCounterFromDirectory", "Frame Counter (Directory) [Dream]"])
    def test_a_resume_counter_in_front_is_refused(self, counter: str) -> None:
        prompt = counted()
        prompt["3"] = {"class_type": counter, "inputs": {"directory_path": "shot", "pattern": "*", "total_frames": 24}}

        with pytest.raises(RefusedError, match="Replace node 3 with Frame Counter") as refusal:
            make_job(prompt, {}, [])

        assert "same frame" in str(refusal.value)

    def test_a_resume_counter_elsewhere_is_none_of_its_business(self) -> None:
        prompt = {
            **single(),
            "9": {"class_type": "ImageSequenceFrameCounterFromDirectory", "inputs": {"total_frames": 24}},
        }

        assert make_job(prompt, {}, []).savers == ("2",)


def _loader(**inputs: Any) -> dict[str, Any]:
    where = {"directory_path": "", "pattern": "plate.####.png", "indexing": "numeric"}
    return {"class_type": "ImageSequenceLoadFrame", "inputs": {**where, **inputs}}


def _batch(**inputs: Any) -> dict[str, Any]:
    defaults = {"images": ["1", 0], "path_pattern": "b.####.png", "start_index": 0, "overwrite": "false"}
    return {**single(), "2": {"class_type": "ImageSequenceSaveBatch", "inputs": {**defaults, **inputs}}}
