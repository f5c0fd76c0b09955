"""How the scripts in web/ hang together. ComfyUI's frontend imports every one of them by itself."""

from __future__ import annotations

from .scripts import imports, script_paths

PLAYER = "js/player/"


def test_only_the_extensions_do_anything_when_they_are_imported(desk):
    stage = desk()
    assert sorted(stage.run("app.extensions.map(({ name }) => name)")) == [
        "ImageSequence.Counting",
        "ImageSequence.OptionLabels",
        "ImageSequence.Player",
    ]
    assert stage.run("document.body.childElementCount") == 0
    assert stage.run("document.querySelectorAll('link[rel=stylesheet]').length") == 0


def test_the_player_knows_nothing_but_itself():
    player = [script for script in script_paths() if script.startswith(PLAYER)]
    assert player
    assert {path for script in player for path in imports(script) if not path.startswith(PLAYER)} == set()


def test_imports_go_one_way():
    """Scripts that import none of the others are taken away until none is left: what stays imports in a circle."""
    left = {script: imports(script) for script in script_paths()}
    assert left["js/image_sequence.js"] & left.keys()
    while free := [script for script, paths in left.items() if not paths & left.keys()]:
        for script in free:
            del left[script]
    assert left == {}
