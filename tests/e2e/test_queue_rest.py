"""The counters' button queues a whole animation: in each frontend, on the canvas and with Vue nodes."""

from __future__ import annotations

import itertools
import re

import pytest

from .test_player import editor, server

__all__ = ["editor", "server"]  # the fixtures

FOLDERS = itertools.count()
LONG = 300_000  # milliseconds for a hundred runs on a busy machine
COUNTER, RESUME = "ImageSequenceFrameCounter", "ImageSequenceFrameCounterFromDirectory"

BUTTON = "app.graph.getNodeById(id).widgets.find(({ name }) => name === 'queue_rest')"


class Counter:
    """A counter, a small image and a saver, and the counter's button."""

    def __init__(self, editor, kind, total):
        self.editor, self.page = editor, editor.page
        self.folder = f"rest_{next(FOLDERS)}"
        values = {"total_frames": total} | ({"directory_path": self.folder} if kind == RESUME else {})
        nodes = [
            {"type": kind, "values": values, "pos": [60, 120]},
            {"type": "ProbeCostly", "values": {"frame": 0, "width": 8, "height": 8}, "pos": [60, 620]},
            {"type": "ImageSequenceSaveCounted", "values": {"directory_path": self.folder}, "pos": [520, 120]},
        ]
        links = [(0, 0, 2, "frame_counter"), (1, 0, 2, "image"), (0, 1, 1, "frame")]
        self.id = editor.make(nodes, links)[0]

    def says(self, text):
        self.page.wait_for_function(f"([id, text]) => {BUTTON}.label === text", arg=[self.id, text])

    def has_queued(self):
        """Wait until the server has answered every prompt."""
        script = f"(id) => /^(All frames are|Set )/.test({BUTTON}.label)"
        self.page.wait_for_function(script, arg=self.id, timeout=LONG)

    def press(self):
        if self.page.evaluate("Boolean(LiteGraph.vueNodesMode)"):
            label = self.page.evaluate(f"(id) => {BUTTON}.label", self.id)
            self.page.locator(f'[data-node-id="{self.id}"]').get_by_role("button", name=label).click()
            return
        x, y = self.page.evaluate(
            f"""(id) => {{
            const node = app.graph.getNodeById(id);
            const {{ ds }} = app.canvas;
            const at = {BUTTON}.last_y ?? {BUTTON}.y;
            const box = app.canvas.canvas.getBoundingClientRect();
            const [x, y] = [node.pos[0] + node.size[0] / 2, node.pos[1] + at + 10];
            return [box.x + (x + ds.offset[0]) * ds.scale, box.y + (y + ds.offset[1]) * ds.scale];
        }}""",
            self.id,
        )
        self.page.mouse.click(x, y)

    def value(self, name):
        script = "([id, name]) => app.graph.getNodeById(id).widgets.find((w) => w.name === name).value"
        return self.page.evaluate(script, [self.id, name])

    def saved(self, server):
        return sorted(path.name for path in (server.base / "output" / self.folder).glob("*.png"))


def names(count):
    return [f"frame_{number:05d}.png" for number in range(count)]


def idle(editor):
    """Wait until the server's queue is empty."""
    editor.page.wait_for_function(
        """async () => {
        const { queue_running, queue_pending } = await (await fetch("/api/queue")).json();
        return !queue_running.length && !queue_pending.length;
    }""",
        timeout=LONG,
    )


@pytest.mark.parametrize("kind", [COUNTER, RESUME])
def test_more_than_a_hundred_frames_are_queued_in_order_and_saved(editor, server, tmp_path, kind):
    counter = Counter(editor, kind, 104)
    counter.says("Queue 104 frames")
    renderer = "vue" if editor.page.evaluate("Boolean(LiteGraph.vueNodesMode)") else "canvas"
    editor.page.wait_for_timeout(300)
    editor.page.screenshot(path=tmp_path / f"{editor.version}_{renderer}_{kind}.png")
    editor.page.evaluate("""() => {
        window.queued = [];
        const { queuePrompt } = app.api;
        app.api.queuePrompt = function (number, data, ...more) {
            queued.push(Object.values(data.output).find(({ class_type }) => class_type.includes("FrameCounter")).inputs);
            return queuePrompt.call(this, number, data, ...more);
        };
    }""")
    counter.press()
    editor.page.wait_for_function("queued.length === 104", timeout=LONG)
    if kind == COUNTER:
        assert editor.page.evaluate("queued.map(({ frame_index }) => frame_index)") == list(range(104))
    counter.has_queued()
    idle(editor)
    assert counter.saved(server) == names(104)
    counter.says("Set frame_index to 0 to start again" if kind == COUNTER else "All frames are on disk")
    if kind == COUNTER:
        assert counter.value("frame_index") == 104
        assert counter.value("control_after_generate") == "increment"


def test_frames_in_the_queue_are_not_queued_again_even_after_a_reload(editor, server):
    counter = Counter(editor, COUNTER, 30)
    # The server waits with the first frame until the page has been loaded again.
    editor.page.evaluate(
        "(id) => { app.graph.getNodeById(id).widgets.find(({ name }) => name === 'width').value = 4000 }",
        str(int(counter.id) + 1),
    )
    counter.says("Queue 30 frames")
    workflow = editor.page.evaluate("JSON.stringify(app.graph.serialize())")
    counter.press()
    counter.has_queued()
    editor.reload()
    editor.page.evaluate("(saved) => app.loadGraphData(JSON.parse(saved))", workflow)
    label = re.compile(r"^(All frames are queued|Queue \d+ frames?)$")
    editor.page.wait_for_function(
        f"([id, pattern]) => new RegExp(pattern).test({BUTTON}.label)", arg=[counter.id, label.pattern]
    )
    left = editor.page.evaluate(
        f"""async (id) => {{
        const {{ queue_running, queue_pending }} = await (await fetch("/api/queue")).json();
        return [queue_running.length + queue_pending.length, {BUTTON}.label];
    }}""",
        counter.id,
    )
    pending, shown = left
    queueable = int(re.sub(r"\D", "", shown) or 0)
    assert pending + queueable >= 29  # one may end in between
    idle(editor)
    assert counter.saved(server) == names(30)


def test_a_refused_prompt_stops_it_and_the_node_says_why(editor):
    counter = Counter(editor, COUNTER, 20)
    counter.says("Queue 20 frames")
    editor.page.evaluate("(id) => { app.graph.getNodeById(id).disconnectInput(1) }", str(int(counter.id) + 2))
    counter.press()
    editor.page.locator(".seqplayer-error", has_text="Nothing is connected to image").wait_for()
    counter.says("Queue 20 frames")
    assert counter.value("frame_index") == 0
