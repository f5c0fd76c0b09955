"""The rules that all savers share: a prefix has no frame number and no extension."""

from __future__ import annotations

from pathlib import Path

import pytest

from io_utils import host
from io_utils.errors import PathError

from .savers import frame_7, indexed


class TestAPrefix:
    @pytest.mark.parametrize(
        ("prefix", "better"),
        [
            ("f_####", "f"),
            ("f_#", "f"),
            ("f_%04d", "f"),
            ("f.%d", "f"),
            ("f_$F4", "f"),
            ("f_$F", "f"),
            ("f_${F4}", "f"),
            ("f_@@@@", "f"),
            ("f_{:04d}", "f"),
            ("f_{}", "f"),
            ("f_{i:04d}", "f"),
            ("f_{frame}", "f"),
            ("f_[####]", "f"),
            ("f_<frame>", "f"),
            ("f.$FF", "f"),
            ("f_%+04d", "f"),
            ("f_####_beauty", "f_beauty"),
            ("####_beauty", "beauty"),
            ("shots/f_####", "shots/f"),
            ("shots\\f_####\\", "shots/f"),
            ("shots/####", "shots"),
            ("####", "Sequence"),
            ("take_####/f", "take/f"),
            ("%year%/f_####", "%year%/f"),
        ],
    )
    def test_must_not_contain_a_frame_number(self, output: Path, prefix: str, better: str) -> None:
        with pytest.raises(PathError) as caught:
            frame_7(prefix)

        start = (
            f"Write {better!r}: the frame number is added automatically. The path {prefix!r} has a frame number in it, "
        )
        assert str(caught.value).startswith(start)
        frame_7(better)

    @pytest.mark.parametrize(
        ("prefix", "better"),
        [
            ("f.png", "f"),
            ("a/f.JPG", "a/f"),
            ("f.exr", "f"),
            ("f.v2.tiff", "f.v2"),
            ("f_####.png", "f"),
            ("a/.png", "a"),
            (".png", "Sequence"),
            ("%year%.png", "%year%"),
        ],
    )
    def test_must_not_contain_an_extension(self, output: Path, prefix: str, better: str) -> None:
        with pytest.raises(PathError) as caught:
            frame_7(prefix)

        start = f"Write {better!r}: the frame number and the extension are added automatically."
        assert str(caught.value).startswith(start)
        frame_7(better)

    def test_may_lie_in_a_root_whose_name_looks_like_a_number(
        self, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = base / "take #2"
        monkeypatch.setattr(host, "folder", lambda kind: folder if kind == "output" else base / kind)

        assert indexed(f"{folder}/a").sequence().file(7) == folder / "a" / "a_00007.png"
        with pytest.raises(PathError, match="Write 'a'"):
            indexed(f"{folder}/a_##").sequence()
