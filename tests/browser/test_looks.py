"""What a node shows before any run: the browse route's answer about its widget values."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from .test_image_sequence import report

LOADER = "ImageSequenceLoadBatch"
SAVER = "ImageSequenceSaveFrame"

WIDGETS = """() => [
    { name: "path_pattern", value: "a/f_####.png", options: {} },
    { name: "frame_count", value: 0, options: {} },
    { name: "folder", value: "input", options: { values: ["output", "input", "temp"] } },
]"""


def frames(first, last, **facts):
    """The sequences of a look that finds these frames."""
    return [json.loads(report(first, last=last, **facts)["image_sequence"][0])]


FOUND = {
    "count": 3,
    "ranges": "1-4",
    "missing": 1,
    "missing_ranges": "3",
    "width": 64,
    "height": 48,
    "kind": "PNG",
    "path_pattern": "a/f_####.png",
}
SAVES = {
    "path": "shots/f_00012.png",
    "number": 12,
    "is_there": False,
    "existing": 12,
    "existing_ranges": "0-11",
    "in_the_way": 0,
    "policy": "overwrite",
}


class Server:
    """Answers the browse route, and records the questions."""

    def __init__(self):
        self.questions = []  # [node class, inputs]
        self.answers = {}  # node class -> (status, body), or a function of the inputs that returns it

    def finds(self, node, facts=None, sequences=()):
        self.answers[node] = (200, json.dumps({"facts": facts or {}, "sequences": list(sequences)}))

    def refuses(self, node, text, status=400):
        self.answers[node] = (status, text)

    def answer(self, route):
        query = parse_qs(urlsplit(route.request.url).query)
        node, inputs = query["node"][0], json.loads(query["inputs"][0])
        self.questions.append([node, inputs])
        answer = self.answers[node]
        status, body = answer(inputs) if callable(answer) else answer
        route.fulfill(status=status, body=body, headers={"Cache-Control": "no-store"})


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def opened(desk, server):
    """Opens the editor with one node of a class, number 7."""

    def open_with(kind, language="en"):
        stage = desk(language)
        stage.page.route("**/image_sequence/browse?*", server.answer)
        stage.run("{ app.classes[a] = eval(b) }", LOADER, WIDGETS)
        stage.run("{ window.node = app.add(a, 7); app.render(node) }", kind)
        return stage

    return open_with


def pick(stage, name, value):
    """Change a widget as the user does."""
    script = "{ const widget = node.widgets.find(({ name }) => name === a); widget.value = b; widget.callback(b) }"
    stage.run(script, name, value)


def settle(stage):
    """Wait longer than the node does before it asks, and for the answer."""
    stage.page.wait_for_timeout(400)
    stage.page.wait_for_load_state("networkidle")


class TestALoader:
    def test_shows_the_frames_that_it_would_load_and_what_they_are(self, opened, server, site):
        site.make("a", [1, 2, 4])
        server.finds(LOADER, FOUND, frames(1, 4, missing=[3]))
        stage = opened(LOADER)
        stage.says("3 frames, 1-4, 1 missing (3), 64 x 48 PNG", "message")
        stage.says("/ 4", "last")
        assert server.questions == [[LOADER, {"path_pattern": "a/f_####.png", "frame_count": 0, "folder": "input"}]]

    def test_asks_once_for_what_is_typed_quickly(self, opened, server):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        for text in ("b", "b/", "b/f_####.png"):
            pick(stage, "path_pattern", text)
        settle(stage)
        assert [inputs["path_pattern"] for _, inputs in server.questions] == ["a/f_####.png", "b/f_####.png"]

    def test_asks_nothing_while_its_values_are_the_same(self, opened, server):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        pick(stage, "frame_count", 0)
        stage.run("api.tell('graphChanged', {})")
        settle(stage)
        assert len(server.questions) == 1

    @pytest.mark.parametrize(
        "occasion",
        [
            "api.tell('execution_success', { prompt_id: '1' })",
            "api.tell('execution_error', { prompt_id: '1', node_id: 9 })",
            "api.tell('execution_interrupted', { prompt_id: '1', node_id: 9 })",
            "dispatchEvent(new Event('focus'))",
            "api.tell('reconnected')",
        ],
    )
    def test_asks_again_when_files_may_have_changed(self, opened, server, occasion):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        server.finds(LOADER, FOUND | {"count": 4})
        stage.run(occasion)
        stage.says("4 frames", "message")

    def test_leaves_linked_inputs_out_and_asks_nothing_without_a_pattern(self, opened, server):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        stage.run("{ node.linked = 'frame_count'; node.onConnectionsChange() }")
        settle(stage)
        assert server.questions[1:] == [[LOADER, {"path_pattern": "a/f_####.png", "folder": "input"}]]
        stage.run("{ node.linked = 'path_pattern'; node.onConnectionsChange() }")
        settle(stage)
        assert len(server.questions) == 2
        assert stage.page.locator(".seqplayer-message").text_content() == ""

    def test_says_why_a_run_would_fail_until_that_is_mended(self, opened, server):
        server.refuses(LOADER, "No file matches a/f_####.png.", 404)
        stage = opened(LOADER)
        pick(stage, "frame_count", 2)
        stage.says("No file matches a/f_####.png.", "message")
        assert stage.page.locator(".seqplayer-error").text_content() == ""
        server.finds(LOADER, FOUND)
        pick(stage, "path_pattern", "a/g_####.png")
        stage.says("3 frames", "message")

    def test_that_is_new_and_finds_nothing_says_what_to_do(self, opened, server):
        server.refuses(LOADER, "No file matches a/f_####.png.", 404)
        opened(LOADER).says("Choose or upload frames, or type where they are.", "message")

    def test_that_is_new_shows_any_other_refusal(self, opened, server):
        server.refuses(LOADER, "The folder is not allowed.", 403)
        opened(LOADER).says("The folder is not allowed.", "message")

    def test_shows_nothing_of_an_answer_that_comes_too_late(self, opened, server):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        stage.run("""{
            const { fetch } = window;
            window.waiting = [];
            window.fetch = (...given) => {
                const answer = fetch(...given);
                return String(given[0]).includes("browse") ? new Promise((done) => waiting.push(() => done(answer))) : answer;
            };
        }""")
        server.answers[LOADER] = lambda inputs: (
            200,
            json.dumps({"facts": FOUND | {"ranges": inputs["path_pattern"]}, "sequences": []}),
        )
        pick(stage, "path_pattern", "slow")
        stage.page.wait_for_function("waiting.length === 1")
        pick(stage, "path_pattern", "quick")
        stage.page.wait_for_function("waiting.length === 2")
        stage.run("{ waiting[1]() }")
        stage.says("quick", "message")
        stage.run("{ waiting[0]() }")
        settle(stage)
        assert "quick" in stage.page.locator(".seqplayer-message").text_content()

    def test_keeps_the_report_of_a_run_while_its_values_are_there(self, opened, server, site):
        site.make("a", range(1, 9))
        server.finds(LOADER, FOUND, frames(1, 4))
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        stage.run("api.tell('execution_start', { prompt_id: '1' })")
        stage.run("node.onExecuted(a)", report(5, last=8, message="Loaded 4 frames"))
        stage.run("api.tell('execution_success', { prompt_id: '1' })")
        settle(stage)
        stage.says("Loaded 4 frames", "message")
        stage.says("/ 8", "last")
        pick(stage, "frame_count", 4)
        stage.says("3 frames, 1-4", "message")
        stage.says("/ 4", "last")
        pick(stage, "frame_count", 0)
        stage.says("Loaded 4 frames", "message")
        stage.says("/ 8", "last")

    def test_does_not_take_the_report_of_other_values_for_its_own(self, opened, server):
        """The user changes the values while the run waits in the queue."""
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        stage.run("app.queuePrompt(0)")
        server.finds(LOADER, FOUND | {"count": 5})
        pick(stage, "path_pattern", "other")
        stage.says("5 frames", "message")
        stage.run("api.tell('execution_start', { prompt_id: '1' })")
        stage.run("node.onExecuted(a)", report(5, last=8, message="Loaded 4 frames"))
        assert "5 frames" in stage.page.locator(".seqplayer-message").text_content()

    def test_stores_nothing_of_a_look(self, opened, server):
        server.finds(LOADER, FOUND, frames(1, 4))
        stage = opened(LOADER)
        stage.says("3 frames", "message")
        stage.run("dispatchEvent(new Event('pagehide'))")
        assert stage.run("Object.keys(sessionStorage)") == []

    def test_an_error_goes_when_the_values_that_it_is_about_are_changed(self, opened, server):
        server.finds(LOADER, FOUND)
        stage = opened(LOADER)
        stage.run("api.tell('execution_error', { node_id: 7, exception_message: 'Frame 3 is missing.' })")
        stage.says("Frame 3 is missing.", "error")
        pick(stage, "frame_count", 2)
        assert stage.page.locator(".seqplayer-error").text_content() == ""


class TestASaver:
    @pytest.mark.parametrize(
        ("facts", "text"),
        [
            ({"existing": 0, "existing_ranges": ""}, "Next: shots/f_00012.png."),
            ({}, "Next: shots/f_00012.png. 12 frames are there already (0-11)."),
            (
                {"in_the_way": 12},
                "Next: shots/f_00012.png. 12 frames are there already (0-11): they will be replaced.",
            ),
            (
                {"in_the_way": 1, "policy": "skip"},
                "Next: shots/f_00012.png. 12 frames are there already (0-11), 1 of them in the way: it will be kept.",
            ),
            (
                {"in_the_way": 2, "policy": "error"},
                "Next: shots/f_00012.png. 12 frames are there already (0-11), 2 of them in the way: the run will stop.",
            ),
            (
                {"in_the_way": 2, "policy": "false"},
                (
                    "Next: shots/f_00012.png. 12 frames are there already (0-11), 2 of them in the way: "
                    "the new frames will be saved beside them."
                ),
            ),
            (dict.fromkeys(SAVES) | {"path": "%width%/f.png"}, "Saves to %width%/f.png."),
        ],
    )
    def test_says_where_the_next_frame_goes_and_what_becomes_of_those_there(self, opened, server, facts, text):
        server.finds(SAVER, SAVES | facts)
        stage = opened(SAVER)
        stage.says(text, "message")
        assert stage.page.locator(".seqplayer-message").text_content() == text

    def test_says_it_below_what_the_last_run_has_saved(self, opened, server, site):
        site.make("a", [3])
        server.finds(SAVER, SAVES)
        stage = opened(SAVER)
        stage.says("Next", "message")
        stage.run("node.onExecuted(a)", report(3))
        stage.says("Saved frame 3", "message")
        assert stage.page.locator(".seqplayer-message").text_content().startswith("Saved frame 3\nNext: ")

    def test_says_nothing_of_the_next_frame_while_frames_are_in_the_queue(self, opened, server, site):
        site.make("a", [3])
        server.finds(SAVER, SAVES)
        stage = opened(SAVER)
        stage.says("Next", "message")
        stage.run("app.queuePrompt(0)")
        stage.page.wait_for_function("!document.querySelector('.seqplayer-message').textContent")
        stage.run("api.tell('execution_start', { prompt_id: '1' })")
        stage.run("dispatchEvent(new Event('focus'))")
        settle(stage)
        stage.run("node.onExecuted(a)", report(3))
        stage.says("Saved frame 3", "message")
        assert stage.page.locator(".seqplayer-message").text_content() == "Saved frame 3"
        server.finds(SAVER, SAVES | {"path": "shots/f_00013.png"})
        stage.run("api.tell('execution_success', { prompt_id: '1' })")
        stage.says("Next: shots/f_00013.png.", "message")

    def test_says_it_again_when_the_queue_is_emptied(self, opened, server):
        server.finds(SAVER, SAVES)
        stage = opened(SAVER)
        stage.says("Next", "message")
        stage.run("app.queuePrompt(0)")
        stage.page.wait_for_function("!document.querySelector('.seqplayer-message').textContent")
        stage.run("api.tell('status', { exec_info: { queue_remaining: 0 } })")
        stage.says("Next", "message")

    def test_says_that_the_animation_is_over_behind_a_counter_past_the_end(self, opened, server):
        saver, counter = "ImageSequenceSaveCounted", "ImageSequenceFrameCounter"
        server.finds(saver, SAVES | {"number": None, "is_there": None, "in_the_way": 0, "existing": 40})
        server.finds(counter, {"frame": 40, "total": 40, "left": 0})
        stage = opened(saver)
        stage.says("Saves to", "message")
        stage.run(
            """{
            node.inputs.push({ name: "frame_counter" });
            Object.assign(node, { sources: { frame_counter: app.add(a, 9) }, linked: "frame_counter" });
        }""",
            counter,
        )
        stage.says("The animation is over.", "message")

    def test_the_number_that_counts_by_itself_does_not_outdate_the_report(self, opened, server, site):
        site.make("a", [3])
        server.finds(SAVER, SAVES)
        stage = opened(SAVER)
        stage.run("node.onExecuted(a)", report(3))
        pick(stage, "current_frame", 4)
        settle(stage)
        stage.says("Saved frame 3", "message")
        pick(stage, "on_existing", "skip")
        settle(stage)
        assert stage.page.locator(".seqplayer-message").text_content().startswith("Next: ")

    def test_that_a_counter_feeds_asks_with_the_place_of_the_counter(self, opened, server):
        saver, counter = "ImageSequenceSaveCounted", "ImageSequenceFrameCounterFromDirectory"
        server.finds(saver, SAVES)
        server.finds(counter, {"frame": 12, "total": 100, "left": 88, "existing": 12, "existing_ranges": "0-11"})
        stage = opened(saver)
        stage.says("Next", "message")
        stage.run(
            """{
            node.inputs.push({ name: "frame_counter" });
            app.classes[a] = () => [{ name: "frames_per_second", value: 30, options: {} }];
            const reroute = app.add("Reroute", 8);
            Object.assign(reroute, { type: "Reroute", sources: { images: app.add(a, 9) }, linked: "images" });
            Object.assign(node, { sources: { frame_counter: reroute }, linked: "frame_counter" });
        }""",
            counter,
        )
        settle(stage)
        settle(stage)
        asked = [inputs for node, inputs in server.questions if node == saver][-1]
        assert asked["frame_counter"] == {"current_frame": 12, "total_frames": 100, "frames_per_second": 30}


class TestACounter:
    COUNTER = "ImageSequenceFrameCounter"

    def test_says_which_frame_is_next_and_how_many_are_left(self, opened, server):
        server.finds(self.COUNTER, {"frame": 12, "total": 100, "left": 88})
        stage = opened(self.COUNTER)
        stage.says("Next: frame 12 (100 in all), 88 left.", "message")

    def test_shows_its_own_errors(self, opened, server):
        server.finds(self.COUNTER, {"frame": 12, "total": 100, "left": 88})
        stage = opened(self.COUNTER)
        stage.run("api.tell('execution_error', { node_id: 7, exception_message: 'The folder is gone.' })")
        stage.says("The folder is gone.", "error")


class TestTheServersTexts:
    """They name inputs and options. The user sees the names that the node shows."""

    def shown(self, stage, text):
        stage.run("api.tell('execution_error', { node_id: 7, exception_message: a })", text)
        return stage.page.locator(".seqplayer-error").text_content()

    def test_have_the_labels_of_the_fields_and_options(self, opened, server):
        server.finds(SAVER)
        stage = opened(SAVER, "fr")
        label = stage.run("node.inputs.find(({ name }) => name === 'current_frame').localized_name")
        stage.run("{ node.widgets[2].options.values = ['overwrite', 'skip'] }")
        option = stage.run("node.widgets[2].options.getOptionLabel('skip')")
        assert "current_frame" not in label
        shown = self.shown(stage, "current_frame is 3, not my_current_frame. Choose 'skip'. Set images to f.")
        images = stage.run("node.inputs.find(({ name }) => name === 'images').localized_name")
        assert shown == f"{label} is 3, not my_current_frame. Choose '{option}'. Set {images} to f."

    def test_keep_words_that_are_only_spelled_like_a_field(self, opened, server):
        server.finds(SAVER)
        stage = opened(SAVER, "fr")
        assert self.shown(stage, "The images are gone.") == "The images are gone."

    def test_of_a_look_have_them_too(self, opened, server):
        server.refuses(SAVER, "Set current_frame to 0.")
        stage = opened(SAVER, "fr")
        label = stage.run("node.inputs.find(({ name }) => name === 'current_frame').localized_name")
        stage.says(f"Set {label} to 0.", "message")
