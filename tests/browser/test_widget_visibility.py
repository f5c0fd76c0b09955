"""Which widgets of a node are shown."""

from __future__ import annotations

import json

import pytest

SAVER, LOADER = "ImageSequenceSaveBatch", "ImageSequenceLoadFrame"


@pytest.fixture
def ask(desk):
    """Calls a function of the module with an object."""
    stage = desk()

    def call(name, **given):
        return stage.run(
            f"import('/extensions/pack/js/widget_visibility.js').then((module) => module.{name}(a))", given
        )

    return call


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"filetype": "exr"}, True),
        ({"filetype": "exr 16-bit"}, True),
        ({"filetype": "exr with embedded workflow", "pattern": "f.png"}, False),
        ({"filetype": "exr", "pattern": "f_####"}, True),
        ({"filetype": "exr", "pattern": "v1.2_####"}, True),
        ({"filetype": "png"}, False),
        ({"filetype": "png", "pattern": "f_####.exr"}, True),
        ({"filetype": "as the pattern's extension says", "pattern": "f_####.png"}, False),
        ({"filetype": "as the pattern's extension says", "pattern": "f_####.exr"}, True),
        ({"pattern": "f_{:04d}.EXR"}, True),
        ({"pattern": "*.exr"}, True),
        ({"pattern": "a_*.exr|b_*.png"}, True),
        ({"pattern": "f_####.exr "}, True),
        ({"pattern": "f_####.tif", "isFloat": True}, True),
        ({"pattern": "f_####.tif"}, False),
        ({"pattern": "exr/f_####.png"}, False),
        ({"pattern": "f.exr.png"}, False),
        ({"pattern": "*"}, False),
        ({"pattern": "*", "isFloat": True}, True),
        ({"pattern": "f_####", "isFloat": True}, True),
        ({"pattern": "v1.2_####", "isFloat": True}, True),
        ({"pattern": "*.png", "isFloat": True}, False),
        ({"filetype": "png", "isFloat": True}, False),
        ({}, False),
    ],
    ids=str,
)
def test_exr_is_chosen_by_type_by_extension_or_by_what_was_loaded(ask, chosen, expected):
    assert ask("filesOf", **chosen)["isLinear"] is expected


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ({"filetype": "jpg"}, "jpg"),
        ({"filetype": "webp lossy with embedded workflow"}, "webp lossy"),
        ({"filetype": "webp lossless with embedded workflow"}, "webp"),
        ({"filetype": "png 16-bit with embedded workflow"}, "png"),
        ({"filetype": "exr 16-bit"}, "exr"),
        ({"filetype": "png", "pattern": "f_####.JPG"}, "jpg"),
        ({"filetype": "png", "pattern": "f_####.jpeg"}, "jpg"),
        ({"filetype": "webp lossy with embedded workflow", "pattern": "f_####.webp"}, "webp lossy"),
        ({"filetype": "as the pattern's extension says", "pattern": "f_####.webp"}, "webp"),
        ({"filetype": "as the pattern's extension says", "pattern": "f_####.jpg"}, "jpg"),
        ({"filetype": "as the pattern's extension says", "pattern": "f_####"}, "png"),
        ({"filetype": "as the pattern's extension says", "pattern": "v1.2_####"}, "png"),
        ({"filetype": "as the pattern's extension says", "pattern": "jpg/f_####.exr"}, "exr"),
    ],
    ids=str,
)
def test_the_extension_decides_over_the_type(ask, chosen, kind):
    assert ask("filesOf", **chosen)["kind"] == kind


@pytest.mark.parametrize("applies", [False, True])
@pytest.mark.parametrize("is_default", [False, True])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_widget_is_hidden_only_if_nothing_speaks_for_it(ask, applies, is_default, is_linked):
    hidden = not applies and is_default and not is_linked
    assert ask("isShown", applies=applies, isDefault=is_default, isLinked=is_linked) is not hidden


class TestInANode:
    @pytest.fixture
    def node(self, desk):
        def open_node(kind, values=None, *, advanced=True, **widgets):
            stage = desk()
            stage.run("{ app.widgets = a; app.hasAdvancedInputs = b }", widgets, advanced)
            stage.run("app.configure(() => { window.node = app.add(a, 7, b); app.render(node) })", kind, values)
            return stage

        return open_node

    def shown(self, stage):
        return stage.run("node.widgets.filter((w) => w.advanced === false && !w.options.advanced).map((w) => w.name)")

    def choose(self, stage, name, value):
        stage.run("{ const w = node.widgets.find((w) => w.name === a); w.value = b; w.callback?.(b) }", name, value)

    WIDGETS = {"filetype": "png", "exr_compression": "ZIP", "image_color_space": "sRGB"}

    def test_they_follow_the_choice_of_the_user(self, node):
        stage = node(SAVER, **self.WIDGETS)
        assert self.shown(stage) == []
        self.choose(stage, "filetype", "exr")
        assert self.shown(stage) == ["exr_compression", "image_color_space"]
        self.choose(stage, "exr_compression", "PIZ")
        self.choose(stage, "filetype", "png")
        assert self.shown(stage) == ["exr_compression"]

    def test_they_follow_the_values_of_a_workflow(self, node):
        stage = node(SAVER, {"filetype": "exr"}, **self.WIDGETS)
        assert self.shown(stage) == ["exr_compression", "image_color_space"]

    def test_they_follow_what_a_loader_has_loaded(self, node):
        stage = node(LOADER, pattern="*", layer="", image_color_space="sRGB")
        assert self.shown(stage) == []
        output = {"pattern": "f_{:04d}.exr", "first": 1, "last": 1, "step": 1, "missing": [], "type": "input"}
        output |= {"subfolder": "a", "folder": "", "fps": None, "linear": True}
        stage.run("node.onExecuted(a)", {"image_sequence": [json.dumps(output)]})
        assert self.shown(stage) == ["layer", "image_color_space"]
        self.choose(stage, "pattern", "*.png")
        assert self.shown(stage) == []

    def test_quality_and_the_workflow_file_appear_with_the_files_that_they_are_for(self, node):
        stage = node(SAVER, filetype="png", path_pattern="f_####", quality=90, workflow_file=False)
        assert self.shown(stage) == []
        self.choose(stage, "filetype", "jpg")
        assert self.shown(stage) == ["quality", "workflow_file"]
        self.choose(stage, "filetype", "webp lossy with embedded workflow")
        assert self.shown(stage) == ["quality"]
        self.choose(stage, "path_pattern", "f_####.exr")
        assert self.shown(stage) == ["workflow_file"]
        self.choose(stage, "workflow_file", True)
        self.choose(stage, "path_pattern", "f_####.png")
        assert self.shown(stage) == ["workflow_file"]

    def test_rarely_used_ones_appear_with_a_value_of_the_users(self, node):
        stage = node(LOADER, step=1, on_size_mismatch="error", first_frame=0)
        assert self.shown(stage) == []
        self.choose(stage, "step", 2)
        assert self.shown(stage) == ["step"]

    def test_a_frontend_without_advanced_inputs_shows_rarely_used_ones(self, node):
        stage = node(LOADER, advanced=False, step=1, layer="")
        assert stage.run("node.widgets.find(({ name }) => name === 'step').hidden ?? false") is False
        assert stage.run("node.widgets.find(({ name }) => name === 'layer').hidden") is True

    def test_a_frontend_without_advanced_inputs_hides_them(self, node):
        stage = node(SAVER, advanced=False, **self.WIDGETS)
        hidden = "node.widgets.filter((w) => w.hidden && w.name !== 'sequence_player').map((w) => w.name)"
        assert stage.run(hidden) == ["exr_compression", "image_color_space"]
        self.choose(stage, "filetype", "exr")
        assert stage.run(hidden) == []

    def test_a_widget_with_a_link_is_shown(self, node):
        stage = node(SAVER, **self.WIDGETS)
        stage.run("{ node.linked = 'image_color_space'; node.onConnectionsChange?.() }")
        assert self.shown(stage) == ["image_color_space"]

    @pytest.mark.parametrize("advanced", [False, True])
    def test_a_hidden_widget_is_nowhere_under_the_mouse(self, node, advanced):
        """The canvas puts its input slot, which has a tooltip, where the widget is."""
        stage = node(SAVER, advanced=advanced, **self.WIDGETS)
        places = "(node.widgets.forEach((w) => (w.y = 50)), node.widgets.find((w) => w.name === 'exr_compression').y)"
        assert stage.run(places) < -100_000
        self.choose(stage, "filetype", "exr")
        assert stage.run(places) == 50
        self.choose(stage, "filetype", "png")
        assert stage.run(places) < -100_000
        if advanced:
            stage.run("node.showAdvanced = true")
            assert stage.run(places) == 50

    def test_values_and_their_order_do_not_change(self, node):
        stage = node(SAVER, **self.WIDGETS)
        values = "node.widgets.filter((w) => w.serialize !== false).map((w) => [w.name, w.value])"
        before = stage.run(values)
        self.choose(stage, "filetype", "exr")
        assert [name for name, _ in stage.run(values)] == [name for name, _ in before]
        self.choose(stage, "filetype", "png")
        assert stage.run(values) == before
