"""How the scripts in web/ depend on each other. ComfyUI's frontend imports each of them separately."""

from __future__ import annotations

from .scripts import imports, script_paths

PLAYER, PICKER = "js/player/", "js/picker/"


def test_importing_the_scripts_only_registers_extensions(desk):
    stage = desk()
    assert sorted(stage.run("app.extensions.map(({ name }) => name)")) == [
        "ImageSequence.Counting",
        "ImageSequence.OptionLabels",
        "ImageSequence.Picking",
        "ImageSequence.Player",
        "ImageSequence.SubgraphPlayers",
    ]
    assert stage.run("document.body.childElementCount") == 0
    assert stage.run("document.querySelectorAll('link[rel=stylesheet]').length") == 0


def test_the_player_imports_only_its_own_modules():
    player = [script for script in script_paths() if script.startswith(PLAYER)]
    assert player
    assert {path for script in player for path in imports(script) if not path.startswith(PLAYER)} == set()


def test_the_picker_imports_only_its_own_modules_and_tools_of_the_player():
    picker = [script for script in script_paths() if script.startswith(PICKER)]
    assert picker
    tools = {"js/player/clamp.js", "js/player/dom.js", "js/player/fill.js"}
    assert {path for script in picker for path in imports(script) if not path.startswith(PICKER)} == tools


def test_no_scripts_import_each_other_in_a_circle():
    """Repeatedly removes the scripts that import none of the others. Any that remain are in a circle, or import one."""
    left = {script: imports(script) for script in script_paths()}
    assert left["js/image_sequence.js"] & left.keys()
    while free := [script for script, paths in left.items() if not paths & left.keys()]:
        for script in free:
            del left[script]
    assert left == {}
