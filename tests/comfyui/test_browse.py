"""The browse route: the sequences and folders in one folder, or one line that says why there are none."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from io_utils.comfyui import browse
from io_utils.comfyui.look import Look
from io_utils.errors import FrameMissingError, OutsideError, PatternError, SequenceChoiceError
from io_utils.host import Answer
from io_utils.loading.choose_batch import BatchRequest
from io_utils.naming.folder_sequences import FolderContents
from io_utils.policies import OnMissing

from ..disk import needs_links, put, put_frames


def look(**inputs: object) -> Look:
    return Look([{"pattern": "f_{:04d}.png"}], inputs)


def ask(**query: object) -> Answer:
    return browse.answering({"Node": look})({name: str(value) for name, value in query.items()}, ())


def listed(**query: object) -> dict[str, Any]:
    answered = ask(**query)
    assert answered.status == 200, answered.body
    assert answered.headers["Content-Type"] == "application/json"
    assert isinstance(answered.body, bytes)
    found: dict[str, Any] = json.loads(answered.body)
    return found


def assert_refused(answered: Answer, status: int, reason: str = "") -> None:
    assert answered.status == status, answered.body
    assert answered.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert isinstance(answered.body, bytes)
    assert reason in answered.body.decode()
    assert len(answered.body.splitlines()) == 1


def operator(base: Path, *lines: str) -> None:
    file = base / "user/__system/image_sequence_roots.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines))


class TestAFolder:
    def test_shows_its_folders_and_sequences(self, base: Path) -> None:
        put_frames(base / "input/shots", 1001, 1002, 1004, name="plate.{:04d}.png")
        put_frames(base / "input/shots", 7, name="mask_{:02d}.png")
        (base / "input/shots/b").mkdir()
        (base / "input/shots/a").mkdir()

        found = listed(type="input", subfolder="shots")

        assert (found["type"], found["subfolder"]) == ("input", "shots")
        assert found["folder"] == (base / "input/shots").as_posix()
        assert found["folders"] == ["a", "b"]
        assert found["is_complete"] is True
        assert found["sequences"] == [
            {
                "pattern": "mask_{:02d}.png",
                "path_pattern": "shots/mask_{:02d}.png",
                "first": 7,
                "last": 7,
                "count": 1,
                "ranges": "7",
                "missing": 0,
            },
            {
                "pattern": "plate.{:04d}.png",
                "path_pattern": "shots/plate.{:04d}.png",
                "first": 1001,
                "last": 1004,
                "count": 3,
                "ranges": "1001-1002,1004",
                "missing": 1,
            },
        ]

    @pytest.mark.parametrize("kind", ["output", "input", "temp"])
    def test_of_comfyui_is_shown_without_a_subfolder(self, base: Path, kind: str) -> None:
        put_frames(base / kind, 1)

        assert [each["path_pattern"] for each in listed(type=kind)["sequences"]] == ["f_{:02d}.png"]

    def test_of_the_operator_is_shown_with_absolute_patterns(self, base: Path) -> None:
        put_frames(base / "renders/a", 1)
        operator(base, f"ro {base / 'renders'}")

        found = listed(type="", folder=base / "renders/a")

        assert (found["type"], found["subfolder"]) == ("", "a")
        assert found["sequences"][0]["path_pattern"] == f"{(base / 'renders/a').as_posix()}/f_{{:02d}}.png"
        assert {"type": "", "folder": (base / "renders").as_posix()} in found["roots"]

    def test_names_the_roots(self, base: Path) -> None:
        roots = listed(type="output")["roots"]

        assert roots == [{"type": kind, "folder": (base / kind).as_posix()} for kind in ("output", "input", "temp")]

    def test_of_comfyui_that_does_not_exist_yet_is_empty(self, base: Path) -> None:
        assert not (base / "temp").exists()
        assert listed(type="temp")["sequences"] == []

    def test_shows_nothing_hidden_and_nothing_below_its_folders(self, output: Path) -> None:
        put(output / ".f_0001.png")
        put(output / "below/f_0001.png")
        (output / ".hidden").mkdir()

        found = listed(type="output")

        assert (found["folders"], found["sequences"]) == (["below"], [])

    def test_shows_patterns_that_a_loader_reads(self, output: Path) -> None:
        put_frames(output, 8, 9, 10, name="n_{}.png")
        put_frames(output, 8, 9, 10, 1000, name="w_{:03d}.jpg")
        put_frames(output, 1, name="{{braces}}_{:03d}.png")
        put_frames(output, 3, name="f_#_{:03d}.png")  # '#' is the frame number in a pattern, so no text means this file

        found = listed(type="output")["sequences"]

        assert [(each["pattern"], each["count"]) for each in found] == [
            ("n_{}.png", 3),
            ("w_{:03d}.jpg", 4),
            ("{{braces}}_{:03d}.png", 1),
        ]
        for each in found:
            asked = {"path_pattern": each["path_pattern"], "start_index": each["first"], "frame_count": 0}
            request = BatchRequest(**asked, ignore_missing_images=OnMissing.DROP)
            assert len(request.choose().files) == each["count"]

    def test_separates_sequences_of_another_padding(self, output: Path) -> None:
        put_frames(output, 1, 2, 1000, name="f_{:04d}.png")
        put_frames(output, 1, 22, name="f_{}.png")

        found = {each["pattern"]: each["ranges"] for each in listed(type="output")["sequences"]}

        assert found == {"f_{}.png": "1,22", "f_{:04d}.png": "1-2,1000"}

    def test_with_too_many_names_is_shown_in_part(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_frames(output, *range(6))

        monkeypatch.setattr(browse, "MOST_NAMES", 6)
        assert listed(type="output")["is_complete"] is True
        monkeypatch.setattr(browse, "MOST_NAMES", 5)
        found = listed(type="output")

        assert found["is_complete"] is False
        assert found["sequences"][0]["count"] == 5

    def test_with_too_many_names_claims_no_gaps(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_frames(output, *range(6))
        monkeypatch.setattr(browse, "MOST_NAMES", 5)
        monkeypatch.setattr(browse.FolderContents, "of", lambda *_: FolderContents((), ("f_00.png", "f_04.png"), False))

        (found,) = listed(type="output")["sequences"]

        assert (found["count"], found["ranges"], found["missing"]) == (2, "0-4", None)

    def test_shows_few_of_many_ranges(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        names = tuple(f"f_{number:05d}.png" for number in range(1, 20_000, 2))
        output.mkdir(exist_ok=True)
        monkeypatch.setattr(browse.FolderContents, "of", lambda *_: FolderContents((), names))

        (found,) = listed(type="output")["sequences"]

        assert found["ranges"] == f"{','.join(map(str, range(1, 40, 2)))},\u2026,19999"
        assert (found["count"], found["missing"]) == (10_000, 9_999)

    @pytest.mark.skipif(os.name == "nt", reason="no such names there")
    def test_shows_no_name_that_a_loader_refuses(self, output: Path) -> None:
        for name in ("a:b", "con", "dots..dots", " space"):
            (output / name).mkdir()
            put(output / f"{name}_01.png")
        os.mkdir(os.fsencode(output) + b"/\xff")

        found = listed(type="output")

        assert found["folders"] == []
        assert [each["pattern"] for each in found["sequences"]] == ["con_{:02d}.png"]


ODD = st.lists(
    st.sampled_from(
        ["a", "#", "##", "@@", "$F4", "%d", "%04d", "{x}", "{}", "{{x}}", "<f>", "..", " ", "'", '"', "\n", "é"]
    )
    | st.sampled_from(["_", "-", ".", "[#]", "*", "|", "1", "${F}", "\udcff"]),
    min_size=1,
    max_size=4,
).map("".join)


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
class TestWhatIsShown:
    """A loader accepts it, whatever characters the names have."""

    @given(folder=ODD, names=st.sets(ODD, min_size=1, max_size=3))
    @example(folder="take #2", names={"f_"})
    @example(folder="{x}", names={"{x}", "a.."})
    @example(folder="{{x}}", names={"a#"})
    @example(folder="%d", names={"$F4"})
    def test_is_loaded(self, base: Path, folder: str, names: set[str]) -> None:
        with TemporaryDirectory(dir=base) as below:
            operator(base, f"ro {below}")
            place = Path(below, folder.strip("."), "x").parent
            put_frames(base / "one", 1)
            place.mkdir(exist_ok=True)
            for name in names:
                for number in (3, 4):
                    shutil.copy(base / "one/f_01.png", place / f"{name}_{number:04d}.png")
            for each in _sequences(place):
                request = BatchRequest(path_pattern=each["path_pattern"], start_index=3, frame_count=2)

                assert [file.parent for file in request.choose().files.values()] == [place, place]

    @given(folder=ODD, names=st.sets(ODD, min_size=1, max_size=3))
    @example(folder="take #2", names={"a", "b"})
    @example(folder="a", names={"a#", "b"})
    def test_in_an_error_is_loaded(self, base: Path, folder: str, names: set[str]) -> None:
        with TemporaryDirectory(dir=base / "output" if (base / "output").is_dir() else base) as below:
            operator(base, f"ro {below}")
            place = Path(below, folder.strip("."), "x").parent
            put_frames(base / "one", 1)
            place.mkdir(exist_ok=True)
            for name in names:
                shutil.copy(base / "one/f_01.png", place / f"{name}_0003.png")
            suggested: list[str] = []
            try:
                BatchRequest(path_pattern=str(place), start_index=3, frame_count=1).choose()
            except SequenceChoiceError as error:
                suggested = error.patterns
            except (ValueError, OSError):
                pass  # nothing is suggested
            for pattern in suggested:
                assert BatchRequest(path_pattern=pattern, start_index=3, frame_count=1).choose().files


def _sequences(folder: Path) -> list[dict[str, Any]]:
    answered = ask(type="", folder=folder)
    assert answered.status in (200, 400), answered.body
    assert isinstance(answered.body, bytes)
    return json.loads(answered.body)["sequences"] if answered.status == 200 else []


class TestContainment:
    """The route lists nothing that a loader may not read."""

    @needs_links
    def test_no_link_leads_out(self, base: Path, output: Path) -> None:
        put_frames(base / "elsewhere", 1)
        (output / "way").symlink_to(base / "elsewhere")
        (output / "f_01.png").symlink_to(base / "elsewhere/f_01.png")
        (output / "round").symlink_to(output / "round")

        found = listed(type="output")

        assert (found["folders"], found["sequences"]) == ([], [])
        assert_refused(ask(type="output", subfolder="way"), 403, "outside the folders")

    @needs_links
    def test_a_link_that_stays_inside_is_followed(self, base: Path, output: Path) -> None:
        put_frames(base / "input/a", 1)
        (output / "way").symlink_to(base / "input/a")
        (output / "f_01.png").symlink_to(base / "input/a/f_01.png")

        found = listed(type="output")

        assert (found["folders"], len(found["sequences"])) == (["way"], 1)
        assert len(listed(type="output", subfolder="way")["sequences"]) == 1

    @pytest.mark.parametrize("folder", ["/", "/etc", "/etc/../etc/x"])
    def test_an_absolute_folder_outside_the_roots_is_refused(self, base: Path, folder: str) -> None:
        assert ask(type="", folder=folder).status in (400, 403)

    def test_the_folder_around_the_roots_is_refused(self, base: Path, output: Path) -> None:
        assert_refused(ask(type="", folder=base), 403, "outside the folders")

    texts = st.lists(
        st.sampled_from(["..", "/", "\\", "in", "out", "elsewhere", "C:", "~", ".", "\0", "..\\", "%2e%2e", "output"])
        | st.text(max_size=3),
        max_size=6,
    ).map("".join)

    @given(kind=st.sampled_from(["output", "input", "temp", "", "user"]), folder=texts, absolute=st.booleans())
    @example(kind="output", folder="out", absolute=False)
    @example(kind="", folder="output/../elsewhere", absolute=True)
    @needs_links
    def test_no_query_ever_lists_what_lies_outside(self, base: Path, kind: str, folder: str, absolute: bool) -> None:
        put(base / "elsewhere/secret_01.png")
        put(base / "output/in/f_01.png")
        if not (base / "output/out").is_symlink():
            (base / "output/out").symlink_to(base / "elsewhere")
        place = f"{base.as_posix()}/{folder}" if absolute else folder

        answered = ask(type=kind, subfolder=place, folder=place)

        assert answered.status in (200, 400, 403, 404)
        if answered.status == 200:
            assert isinstance(answered.body, bytes)
            assert b"secret" not in answered.body


class TestRefusals:
    @pytest.mark.parametrize(
        "subfolder", ["..", "../x", "a/../../x", "/etc", "C:\\", "C:/x", "\\\\server\\share", "//server/share", "a\0b"]
    )
    def test_of_a_subfolder_that_is_no_path_below_the_root(self, output: Path, subfolder: str) -> None:
        assert_refused(ask(type="output", subfolder=subfolder), 400)

    @pytest.mark.parametrize("query", [{}, {"type": "user"}, {"type": ""}, {"type": "", "folder": "relative"}])
    def test_of_a_folder_that_is_not_named(self, output: Path, query: dict[str, str]) -> None:
        assert_refused(ask(**query), 400, "type is")

    def test_of_a_folder_that_is_not_there(self, output: Path) -> None:
        output.mkdir(exist_ok=True)

        assert_refused(ask(type="output", subfolder="a/b"), 404, f"nearest folder that exists is {str(output)!r}")

    def test_of_a_file(self, output: Path) -> None:
        put(output / "f_01.png")

        assert_refused(ask(type="output", subfolder="f_01.png"), 404, "there is no folder")

    def test_of_a_path_that_is_too_long(self, output: Path) -> None:
        assert_refused(ask(type="output", subfolder="a/" * 100_000), 400, "4096 characters")
        assert_refused(ask(type="output", subfolder="/".join(["é" * 100] * 39)), 404)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root lists everything")
    def test_of_a_folder_that_comfyui_may_not_list(self, output: Path) -> None:
        (output / "a").mkdir()
        (output / "a").chmod(0)

        assert_refused(ask(type="output", subfolder="a"), 403, "no permission to read")

    def test_of_a_root_that_is_not_mounted(self, base: Path) -> None:
        operator(base, f"ro {base / 'share'}")

        assert_refused(ask(type="", folder=base / "share"), 400, "Mount the folder")

    def test_of_an_invalid_line_in_the_operator_s_file(self, base: Path) -> None:
        operator(base, "rw relative")

        assert_refused(ask(type="output"), 400, "Correct line 1 of")


class TestANode:
    def test_answers_with_its_look(self, base: Path) -> None:
        found = listed(node="Node", inputs='{"path_pattern": "f.png", "step": null}')

        assert found == {"sequences": [{"pattern": "f_{:04d}.png"}], "facts": {"path_pattern": "f.png"}}

    @pytest.mark.parametrize("node", ["", "Other", "x" * 10_000, "__class__"])
    def test_that_is_unknown_is_refused(self, base: Path, node: str) -> None:
        assert_refused(ask(node=node, inputs="{}"), 400, "should be one of Node")

    @pytest.mark.parametrize(
        "inputs",
        ["", "{", "[]", "1", '"text"', "null", "[" * 5000, '{"a": ' * 5000, "{" + " " * 70_000 + "}", "\0", "9" * 5000],
    )
    def test_with_inputs_that_are_no_json_object_is_refused(self, base: Path, inputs: str) -> None:
        assert_refused(ask(node="Node", inputs=inputs), 400, "JSON object")

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (PatternError("f_#_#", "has two numbers", "f_#"), 400),
            (OutsideError("/x", "/x", Path("roots"), "ro /x", write=False), 403),
            (FrameMissingError([1], [], "f_1.png", "Nothing.", "Look"), 404),
        ],
    )
    def test_that_refuses_its_inputs_says_why(self, base: Path, error: Exception, status: int) -> None:
        def refuse(**inputs: object) -> Look:
            raise error

        answered = browse.answering({"Node": refuse})({"node": "Node"}, ())

        assert_refused(answered, status, " ".join(str(error).split())[:20])
