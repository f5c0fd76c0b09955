"""The counters' button that queues the frames that are left."""

from __future__ import annotations

import json

import pytest

COUNTER = "ImageSequenceFrameCounter"
RESUME = "ImageSequenceFrameCounterFromDirectory"

COUNTER_WIDGETS = """() => {
    const number = { name: "frame_index", value: 12, options: {} };
    const control = { name: "control_after_generate", value: "increment", options: { serialize: false } };
    control.afterQueued = () => {
        if (control.value === "increment") number.callback(++number.value);
    };
    return [
        number,
        control,
        { name: "total_frames", value: 100, options: {} },
        { name: "frames_per_second", value: 25, options: {} },
    ];
}"""

RESUME_WIDGETS = """() => [
    { name: "directory_path", value: "shots", options: {} },
    { name: "pattern", value: "*", options: {} },
    { name: "total_frames", value: 100, options: {} },
]"""


class Button:
    """The node's button, as a user has it, and what it queues."""

    def __init__(self, stage):
        self.stage = stage

    @property
    def label(self):
        return self.stage.run("node.widgets.find(({ name }) => name === 'queue_rest').label")

    def press(self):
        self.stage.run("{ node.widgets.find(({ name }) => name === 'queue_rest').callback() }")

    def says(self, text):
        self.stage.page.wait_for_function(
            "text => node.widgets.find(({ name }) => name === 'queue_rest').label === text", arg=text
        )

    @property
    def queued(self):
        """The numbers in the prompts that were queued."""
        return self.stage.run("posted.map(({ output }) => output[7].inputs.frame_index ?? null)")

    @property
    def number(self):
        return self.stage.run("node.widgets[0].value")


@pytest.fixture
def button(desk):
    """Opens the editor with a counter, node 7. `pending`: the inputs of the node in the server's queue."""

    def open_with(kind=COUNTER, facts=None, pending=(), **widgets):
        stage = desk()
        given = {"frame": 12, "total": 100, "left": 88} if facts is None else facts
        answer = json.dumps({"facts": given, "sequences": []})
        stage.page.route("**/image_sequence/browse?*", lambda route: route.fulfill(body=answer))
        items = [
            [0, str(at), {"7": {"class_type": kind, "inputs": inputs}}, {"extra_pnginfo": {"workflow": {"id": "root"}}}]
            for at, inputs in enumerate(pending)
        ]
        foreign = [0, "x", items[0][2], {"extra_pnginfo": {"workflow": {"id": "other"}}}] if items else []
        queue = {"queue_running": items[:1], "queue_pending": [*items[1:], *([foreign] if foreign else [])]}
        stage.page.route("**/api/queue", lambda route: route.fulfill(json=queue))
        stage.run(
            """{
            app.classes[a] = eval(b);
            window.posted = [];
            api.answer = (number, data) => {
                posted.push(structuredClone(data));
                return Promise.resolve({ prompt_id: `p${posted.length}`, node_errors: {} });
            };
        }""",
            kind,
            COUNTER_WIDGETS if kind == COUNTER else RESUME_WIDGETS,
        )
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.render(node) })", kind)
        for name, value in widgets.items():
            stage.run("{ node.widgets.find(({ name }) => name === a).value = b }", name, value)
        stage.page.locator(".seqplayer-message", has_text=" ").wait_for(state="attached")
        return Button(stage)

    return open_with


class TestTheFrameCounter:
    def test_queues_every_frame_up_to_the_end_in_order(self, button):
        counter = button()
        counter.says("Queue 88 frames")
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == list(range(12, 100))
        assert counter.number == 100

    def test_queues_more_than_a_hundred(self, button):
        counter = button(total_frames=312)
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == list(range(12, 312))

    @pytest.mark.parametrize("control", ["fixed", "randomize", "decrement"])
    def test_does_not_depend_on_what_happens_after_each_run(self, button, control):
        counter = button(control_after_generate=control, total_frames=15)
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == [12, 13, 14]
        assert counter.number == 15

    def test_does_not_queue_what_is_in_the_servers_queue(self, button):
        counter = button(total_frames=16, pending=[{"frame_index": 12}, {"frame_index": 14}])
        counter.says("Queue 2 frames")
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == [13, 15]

    def test_says_what_to_do_when_nothing_is_left(self, button):
        counter = button(frame_index=100)
        counter.says("Set frame_index to 0 to start again")
        counter.press()
        assert counter.queued == []

    def test_a_frame_that_is_finished_can_be_queued_again(self, button):
        counter = button(total_frames=13)
        counter.press()
        counter.says("All frames are queued")
        counter.stage.run("api.tell('execution_success', { prompt_id: 'p1' })")
        counter.says("Set frame_index to 0 to start again")

    def test_a_run_that_ends_before_the_answer_to_its_prompt_is_not_pending(self, button):
        counter = button(total_frames=13)
        counter.stage.run("""{
            const { answer } = api;
            api.answer = (...given) => {
                const answered = answer(...given);
                api.tell("execution_success", { prompt_id: "p1" });
                return answered;
            };
        }""")
        counter.press()
        counter.says("Set frame_index to 0 to start again")
        assert counter.queued == [12]

    def test_a_prompt_that_was_deleted_from_the_queue_is_left_again(self, button):
        counter = button(pending=[{"frame_index": 12}])
        counter.says("Queue 87 frames")
        empty: dict[str, list[object]] = {"queue_running": [], "queue_pending": []}
        counter.stage.page.route("**/api/queue", lambda route: route.fulfill(json=empty))
        counter.stage.run("api.tell('status', { exec_info: { queue_remaining: 0 } })")
        counter.says("Queue 88 frames")

    def test_says_if_its_number_is_linked(self, button):
        counter = button()
        counter.stage.run("{ node.linked = 'frame_index'; node.onConnectionsChange() }")
        counter.says("frame_index is linked: use Run")

    def test_shows_its_progress_and_stops_when_it_is_pressed_again(self, button):
        counter = button()
        counter.stage.run("""{
            const { answer } = api;
            api.answer = async (...given) => {
                if (posted.length === 3) await new Promise((done) => { window.goOn = done });
                return answer(...given);
            };
        }""")
        counter.press()
        counter.says("Stop (queued 3 of 88)")
        counter.stage.page.wait_for_function("Boolean(window.goOn)")
        counter.press()
        counter.stage.run("{ goOn() }")
        counter.says("Queue 84 frames")
        assert counter.queued == [12, 13, 14, 15]
        assert counter.number == 16

    def test_stops_at_a_prompt_that_is_refused(self, button):
        counter = button()
        counter.stage.run("""{
            const { answer } = api;
            const error = { type: "x", message: "The saver's folder is full.", details: "" };
            api.answer = (...given) => posted.length === 2
                ? Promise.reject({ response: { node_errors: { 7: { errors: [error] } } } }) : answer(...given);
        }""")
        counter.press()
        counter.stage.says("The saver's folder is full.", "error")
        counter.says("Queue 86 frames")
        assert counter.queued == [12, 13]
        assert counter.number == 14

    def test_stops_if_what_depends_on_it_is_refused(self, button):
        counter = button()
        counter.stage.run("""{
            api.answer = (number, data) => {
                posted.push(structuredClone(data));
                data.output[8] = { class_type: "Save", inputs: { counter: ["7", 0] } };
                const errors = { 8: { errors: [], dependent_outputs: ["8"] } };
                return Promise.resolve({ prompt_id: "p", node_errors: errors });
            };
        }""")
        counter.press()
        counter.stage.page.wait_for_function("posted.length")
        counter.says("Queue 88 frames")
        assert counter.queued == [12]

    def test_a_run_that_is_clicked_meanwhile_is_one_of_them(self, button):
        counter = button(total_frames=16)
        counter.stage.run("""{
            const { answer } = api;
            api.answer = (...given) => {
                if (posted.length === 1) app.queuePrompt(0);
                return answer(...given);
            };
        }""")
        counter.press()
        counter.says("All frames are queued")
        assert sorted(counter.queued) == [12, 13, 14, 15]

    def test_waits_for_a_run_that_is_being_queued(self, button):
        counter = button(total_frames=16)
        counter.stage.run("""{
            const { answer } = api;
            api.answer = async (...given) => {
                if (!posted.length) await new Promise((done) => { window.goOn = done });
                return answer(...given);
            };
            app.queuePrompt(0);
        }""")
        counter.press()
        counter.stage.page.wait_for_function("app.queueItems.length === 1")
        counter.stage.run("{ goOn() }")
        counter.says("All frames are queued")
        assert sorted(counter.queued) == [12, 13, 14, 15]

    def test_has_the_next_number_in_its_widget_while_a_prompt_is_on_its_way(self, button):
        """ComfyUI stores a workflow as it is when the user leaves it."""
        counter = button(total_frames=15)
        counter.stage.run("""{
            const { answer } = api;
            window.numbers = [];
            api.answer = async (...given) => {
                await new Promise((done) => setTimeout(done));
                numbers.push(node.widgets[0].value);
                return answer(...given);
            };
        }""")
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == [12, 13, 14]
        assert counter.stage.run("numbers") == [13, 14, 15]

    def test_says_that_it_stops_when_another_workflow_is_opened(self, button):
        counter = button()
        counter.stage.run("""{
            const { answer } = api;
            api.answer = async (...given) => {
                if (posted.length === 3) app.configure(() => { app.graph.id = "other" });
                return answer(...given);
            };
        }""")
        counter.press()
        counter.stage.page.wait_for_function("app.toasts.length")
        assert counter.stage.run("app.toasts.map(({ severity, summary }) => [severity, summary])") == [
            [
                "warn",
                ("Queued 4 of 88 frames: this workflow is no longer open. Open it and press the button again."),
            ]
        ]
        assert counter.queued == [12, 13, 14, 15]
        assert counter.number == 16

    def test_says_that_it_stops_when_its_node_is_removed(self, button):
        counter = button()
        counter.stage.run("""{
            const { answer } = api;
            api.answer = async (...given) => {
                if (!posted.length) app.configure(() => {});
                return answer(...given);
            };
        }""")
        counter.press()
        counter.stage.page.wait_for_function("app.toasts.length")
        assert counter.stage.run("app.toasts[0].summary").startswith("Queued 1 of 88 frames: the node was removed")

    def test_says_that_the_server_does_not_answer_and_goes_on_from_there(self, button):
        counter = button(total_frames=16)
        counter.stage.run("""{
            const { answer } = api;
            window.answers = answer;
            api.answer = (...given) => posted.length === 2 ? fetch("http://127.0.0.1:1/") : answer(...given);
        }""")
        counter.press()
        counter.stage.page.wait_for_function("app.toasts.length")
        assert counter.stage.run("app.toasts.map(({ summary }) => summary)") == [
            "Queued 2 of 4 frames: the server does not answer. Press the button again when it is back."
        ]
        assert counter.number == 14
        counter.stage.run("{ api.answer = answers; api.tell('status', { exec_info: { queue_remaining: 0 } }) }")
        counter.says("Queue 2 frames")
        counter.stage.run("""{ window.toasts = app.toasts.length }""")
        counter.press()
        counter.stage.page.wait_for_function("posted.length === 4")
        assert counter.queued == [12, 13, 14, 15]

    def test_knows_that_the_user_has_emptied_the_queue(self, button):
        counter = button(total_frames=13)
        counter.press()
        counter.says("All frames are queued")
        counter.stage.run("api.tell('status', { exec_info: { queue_remaining: 0 } })")
        counter.says("Set frame_index to 0 to start again")

    def test_asks_a_server_that_is_back_what_is_in_its_queue(self, button):
        counter = button(total_frames=14)
        counter.press()
        counter.says("All frames are queued")
        counter.stage.run("api.tell('reconnected')")
        counter.says("Set frame_index to 0 to start again")

    def test_is_neither_in_the_workflow_nor_in_the_prompt(self, button):
        counter = button()
        assert counter.stage.run("""(() => {
            const { serialize, options } = node.widgets.find(({ name }) => name === "queue_rest");
            return [serialize, options.serialize];
        })()""") == [False, False]
        assert counter.stage.run("node.widgets.slice(0, 4).map(({ name }) => name)") == [
            "frame_index",
            "control_after_generate",
            "total_frames",
            "frames_per_second",
        ]


class TestTheResumeCounter:
    def test_queues_the_same_prompt_as_often_as_frames_are_left(self, button):
        counter = button(RESUME)
        counter.says("Queue 88 frames")
        counter.press()
        counter.says("All frames are queued")
        assert counter.queued == [None] * 88

    def test_counts_the_prompts_in_the_servers_queue_that_fill_the_same_folder(self, button):
        same, other = {"directory_path": "shots", "pattern": "*"}, {"directory_path": "other", "pattern": "*"}
        counter = button(RESUME, pending=[same, same, other])
        counter.says("Queue 86 frames")
        counter.press()
        counter.says("All frames are queued")
        assert len(counter.queued) == 86

    def test_says_that_all_frames_are_there(self, button):
        button(RESUME, {"frame": 100, "total": 100, "left": 0}).says("All frames are on disk")
