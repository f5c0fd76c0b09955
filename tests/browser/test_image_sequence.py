"""The player in the nodes of an editor: how it reacts to ComfyUI's events and answers."""

from __future__ import annotations

import json
import re

import pytest

from devtools import locales

SAVER = "ImageSequenceSaveFrame"


@pytest.fixture
def node(desk, site):
    """Opens the editor with one saver, node 7."""

    def open_in(language="en", supported=True):
        stage = desk(language, supported)
        stage.run("{ window.node = app.add(a, 7); app.render(node) }", SAVER)
        return stage

    return open_in


def report(frame, **facts):
    """The report of io_utils/comfyui/report.py about one saved frame."""
    defaults = {
        "pattern": "f_{:04d}.png",
        "first": frame,
        "last": frame,
        "step": 1,
        "missing": [],
        "type": "output",
        "subfolder": "a",
        "folder": "",
        "fps": None,
        "message": f"Saved frame {frame}",
    }
    return {"image_sequence": [json.dumps(defaults | facts)]}


def required(name):
    return {
        "type": "required_input_missing",
        "message": "Required input is missing",
        "details": name,
        "extra_info": {"input_name": name},
    }


def refused(name, text):
    return {
        "type": "custom_validation_failed",
        "message": "Custom validation failed for node",
        "details": f"{name} - {text}",
        "extra_info": {"input_name": name},
    }


class TestTheAnswerToAPrompt:
    """It belongs to the caller, whatever it is, because other extensions wrap the same function."""

    @pytest.mark.parametrize(
        "answer",
        [
            "undefined",
            "null",
            "'text'",
            "Promise.resolve()",
            "Promise.resolve(null)",
            "Promise.resolve({})",
            "Promise.resolve({ node_errors: null })",
            "Promise.resolve({ node_errors: [] })",
            "Promise.resolve({ node_errors: { 7: {} } })",
            "Promise.resolve({ node_errors: { 7: null, 8: { errors: null }, 9: { errors: [] } } })",
            "Promise.resolve({ node_errors: { 7: { errors: [null, {}] }, '3:4': { errors: [{}] } } })",
            "{ then(done) { done({ node_errors: { 7: {} } }) } }",
        ],
    )
    def test_is_returned_unchanged(self, node, answer):
        stage = node()
        assert stage.run(f"""(async () => {{
            const answer = {answer};
            api.answer = () => answer;
            const given = api.queuePrompt(0, {{}});
            await new Promise((done) => setTimeout(done));
            return given === answer;
        }})()""")

    @pytest.mark.parametrize(
        "reason",
        [
            "undefined",
            "null",
            "new Error('no network')",
            "{ response: null }",
            "{ response: { node_errors: { 7: {} } } }",
        ],
    )
    def test_is_passed_on_if_it_is_a_refusal(self, node, reason):
        stage = node()
        assert stage.run(f"""(async () => {{
            const reason = {reason};
            api.answer = () => Promise.reject(reason);
            return api.queuePrompt(0, {{}}).then(() => false, (error) => error === reason);
        }})()""")

    def test_does_not_make_comfyui_blame_this_pack_for_a_lost_server(self, node):
        """Its dialog names the first file of an extension in the stack of the error."""
        stage = node()
        name, stack = stage.run("""(async () => {
            api.answer = () => fetch("http://127.0.0.1:1/");
            return api.queuePrompt(0, {}).catch((error) => [error.name, error.stack]);
        })()""")
        assert name == "TypeError"
        assert "/scripts/api.js" in stack
        assert "/extensions/" not in stack

    def test_may_be_an_error_that_is_thrown_at_once(self, node):
        stage = node()
        assert stage.run("""(() => {
            const reason = new Error("thrown");
            api.answer = () => { throw reason };
            try {
                api.queuePrompt(0, {});
            } catch (error) {
                return error === reason;
            }
        })()""")

    def test_is_requested_with_the_caller_s_arguments(self, node):
        stage = node()
        stage.run(
            "(api.answer = (...given) => (window.given = given, Promise.resolve({})), api.queuePrompt(1, 'p', {}))"
        )
        assert stage.run("given") == [1, "p", {}]


class TestWhyAPromptIsRefused:
    def error_after(self, stage, *errors):
        """The text that the node shows after a refusal for these reasons."""
        script = """(async () => {
            api.answer = () => Promise.reject({ response: { error: {}, node_errors: { 7: { errors: a } } } });
            await api.queuePrompt(0, {}).catch(() => {});
            return document.querySelector(".seqplayer-error").textContent;
        })()"""
        return stage.run(script, list(errors))

    def test_a_missing_input_is_explained(self, node):
        assert self.error_after(node(), required("images")) == "Nothing is connected to images, which is required."

    def test_the_nodes_own_text_follows_the_name_of_its_input(self, node):
        text = "'../f' leaves its folder"
        assert self.error_after(node(), refused("filename_prefix", text)) == f"filename_prefix: {text}"

    def test_the_same_text_for_several_inputs_is_shown_once_without_a_name(self, node):
        text = "No frame there"
        assert self.error_after(node(), refused("filename_prefix", text), refused("current_frame", text)) == text

    def test_a_value_that_a_list_lacks_is_named_with_its_field(self, node):
        error = {
            "type": "value_not_in_list",
            "message": "Value not in list",
            "details": "filetype: 'x' not in ['png']",
            "extra_info": {"input_name": "filetype", "received_value": "x"},
        }
        assert self.error_after(node(), error) == "Choose another value for filetype: 'x' is not in its list."

    def test_any_other_reason_is_shown_with_its_details(self, node):
        errors = [
            {"type": "value_not_in_list", "message": "Value not in list", "details": "filetype: 'x' not in ['png']"},
            {"type": "no_details", "message": "Something is wrong", "details": ""},
        ]
        shown = "Value not in list: filetype: 'x' not in ['png']\nSomething is wrong"
        assert self.error_after(node(), *errors) == shown

    def test_it_is_in_the_users_language_with_the_names_that_the_node_shows(self, node):
        stage = node("fr")
        name = stage.run("fetch('/api/i18n').then((answer) => answer.json())")["fr"]["nodeDefs"][SAVER]["inputs"][
            "images"
        ]
        shown = self.error_after(stage, required("images"))
        assert name["name"] in shown
        assert "Nothing" not in shown

    def test_it_uses_the_name_that_the_user_gave_the_input(self, node):
        stage = node("fr")
        stage.run("node.inputs[0].label = 'plate'")
        assert "plate" in self.error_after(stage, required("images"))

    def test_it_is_in_english_if_the_frontend_lacks_the_users_language(self, node):
        stage = node("de", supported=False)
        assert self.error_after(stage, required("images")) == "Nothing is connected to images, which is required."


class TestOptions:
    """The labels of the values. Workflows and prompts contain the values themselves."""

    def shown(self, stage):
        return stage.run("node.widgets[2].options.getOptionLabel?.('skip') ?? 'skip'")

    @pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "ko", "zh"])
    def test_are_shown_in_the_language_of_the_widgets(self, node, language):
        assert self.shown(node(language)) == locales.load_words(language)["skip"]

    def test_stay_english_if_the_frontend_lacks_the_users_language(self, node):
        assert self.shown(node("de", supported=False)) == "skip"


class TestHowLongAnErrorStays:
    def error(self, stage):
        return stage.run("document.querySelector('.seqplayer-error').textContent")

    def queue(self, stage, errors, prompt="1"):
        answer = {"prompt_id": prompt, "node_errors": {"7": {"errors": errors}} if errors else {}}
        stage.run("(async () => { api.answer = async () => a; await api.queuePrompt(0, {}) })()", answer)

    def start(self, stage, prompt="1"):
        stage.run("api.tell('execution_start', { prompt_id: a })", prompt)

    def test_a_refusal_stays_while_the_valid_branches_of_the_same_prompt_run(self, node):
        stage = node()
        self.queue(stage, [required("images")])
        self.start(stage)
        assert "images" in self.error(stage)

    def test_a_refusal_is_shown_even_if_the_run_starts_before_the_answer(self, node):
        stage = node()
        self.start(stage)
        self.queue(stage, [required("images")])
        assert "images" in self.error(stage)

    def test_the_next_accepted_prompt_clears_a_refusal(self, node):
        stage = node()
        self.queue(stage, [required("images")])
        self.queue(stage, [], "2")
        assert self.error(stage) == ""

    def test_the_next_run_clears_a_failure(self, node):
        stage = node()
        self.start(stage)
        stage.run("api.tell('execution_error', { node_id: 7, exception_message: 'Disk full.\\n' })")
        assert self.error(stage) == "Disk full."
        self.queue(stage, [], "2")
        assert self.error(stage) == "Disk full."
        self.start(stage, "2")
        assert self.error(stage) == ""

    def test_a_failure_without_a_message_shows_nothing(self, node):
        stage = node()
        stage.run("api.tell('execution_error', { node_id: 7 })")
        assert self.error(stage) == ""


class TestPictures:
    def run_once(self, stage, frame, run="1", **facts):
        stage.run("api.tell('execution_start', { prompt_id: a })", run)
        stage.run("node.onExecuted(a)", report(frame, **facts))

    def drawn(self, stage, colour):
        stage.page.wait_for_function(
            """colour => {
            const canvas = document.querySelector(".seqplayer-view canvas");
            const [r, g] = canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
            return r * 256 + g === colour;
        }""",
            arg=colour,
        )

    def test_are_requested_by_name_and_size_only(self, node, site):
        site.make("a", [3])
        stage = node()
        self.run_once(stage, 3)
        self.drawn(stage, 3)
        assert site.queries == ["type=output&subfolder=a&filename=f_0003.png&size=512"]

    def test_of_a_frame_that_was_saved_again_are_new(self, node, site):
        site.make("a", [3])
        stage = node()
        self.run_once(stage, 3)
        self.drawn(stage, 3)
        site.make("a", [3], colour=200)
        self.run_once(stage, 3, "2")
        self.drawn(stage, 200)

    def test_of_a_frame_that_another_program_saved_are_new_when_the_page_is_opened_again(self, node, site):
        site.make("a", [3])
        stage = node()
        self.run_once(stage, 3)
        self.drawn(stage, 3)
        site.make("a", [3], colour=200)
        stage = node()
        stage.run("api.tell('execution_start', { prompt_id: '1' })")
        self.run_once(stage, 3)
        self.drawn(stage, 200)

    def test_in_full_size_come_from_the_preview_route(self, node, site):
        site.make("a", [3])
        stage = node()
        self.run_once(stage, 3)
        link = stage.page.get_by_role("link").get_attribute("href")
        assert link.partition("#")[0] == "/api/image_sequence/preview?type=output&subfolder=a&filename=f_0003.png"

    def test_of_linear_files_are_requested_with_the_exposure(self, node, site):
        site.make("a", [3])
        stage = node()
        self.run_once(stage, 3, linear=True)
        self.drawn(stage, 3)
        stage.page.get_by_role("slider", name="Exposure").fill("-5")
        site.wait_for_requests(2)
        assert site.queries[-1] == "type=output&subfolder=a&filename=f_0003.png&size=512&exposure=-1.667"

    def test_the_exposure_survives_a_reload_of_the_page(self, node, site):
        site.make("a", [3])
        stage = node()
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.render(node) })", SAVER)
        self.run_once(stage, 3, linear=True)
        stage.page.get_by_role("slider", name="Exposure").fill("4")
        stage = node()
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.render(node) })", SAVER)
        stage.page.locator(".seqplayer-stops", has_text="+1.3 stops").wait_for()


class TestTheWorkflowOfAFrame:
    """The frontend reads it from PNG and WebP. The route reads it from all others, and from the file beside them."""

    @pytest.fixture
    def opened(self, node, site):
        """Presses the button on frame 3, and returns what the frontend was given: the name, type and text of a file."""

        def open_frame(extension):
            stage = node()
            stage.run(
                "{ app.handleFile = async (file) => { window.given = [file.name, file.type, await file.text()] } }"
            )
            stage.run("node.onExecuted(a)", report(3, pattern=f"f_{{:04d}}.{extension}", linear=extension == "exr"))
            stage.page.get_by_role("button", name="Open the workflow").click()
            stage.page.locator(".seqplayer-message", has_text=re.compile("Workflow opened|no workflow")).wait_for()
            return stage.run("window.given")

        return open_frame

    @pytest.mark.parametrize("extension", ["exr", "jpg", "png", "tif"])
    def test_is_sent_by_the_route(self, opened, site, extension):
        site.make("a", [3], extension=extension)
        site.workflows[f"f_0003.{extension}"] = '{"nodes": []}'
        assert opened(extension) == [f"f_0003.{extension}.json", "application/json", '{"nodes": []}']
        where = f"type=output&subfolder=a&filename=f_0003.{extension}"
        assert site.queries[-1] == f"{where}&text=workflow&pattern=f_%7B%3A04d%7D.{extension}"

    @pytest.mark.parametrize("extension", ["exr", "jpg", "png"])
    def test_is_missing_if_the_route_finds_none(self, opened, site, extension):
        site.make("a", [3], extension=extension)
        assert opened(extension) is None

    def test_is_read_from_png_by_the_frontend(self, opened, site):
        site.make("a", [3], text={"workflow": '{"nodes": []}'})
        name, kind, content = opened("png")
        assert (name, kind) == ("f_0003.png", "image/png")
        assert '{"nodes": []}' in content


class TestFramesOfSeveralRuns:
    """A node that saves one frame per run also shows the frames of earlier runs."""

    def saved(self, stage, *frames):
        """The range, step and value of the slider after a run for each of these frames."""
        for run, frame in enumerate(frames):
            stage.run("api.tell('execution_start', { prompt_id: a })", str(run))
            stage.run("node.onExecuted(a)", report(frame))
        return stage.run("['min', 'max', 'step', 'value'].map((name) => Number(node.slider()[name]))")

    @pytest.fixture
    def saver(self, node):
        stage = node()
        stage.run("{ node.slider = () => document.querySelector('.seqplayer input[type=range]') }")
        return stage

    @pytest.mark.parametrize(
        ("frames", "offered"),
        [
            ([1001], [1001, 1001, 1, 1001]),
            ([1001, 1002, 1003], [1001, 1003, 1, 1003]),
            ([1001, 1005], [1001, 1005, 4, 1005]),
            ([1001, 1005, 1007], [1001, 1007, 2, 1007]),
            ([1007, 1001, 1005], [1001, 1007, 2, 1005]),
            ([1001, 1001], [1001, 1001, 1, 1001]),
        ],
        ids=str,
    )
    def test_form_one_sequence_with_the_largest_step_that_reaches_them_all(self, saver, frames, offered):
        assert self.saved(saver, *frames) == offered

    def test_are_restored_when_the_page_is_loaded_again(self, node, site):
        site.make("a", range(1, 4))
        stage = node()
        self.run_three(stage)
        stage.slider.fill("2")
        stage = node()
        assert stage.page.locator(".seqplayer[data-layout=empty]").count() == 1
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.render(node) })", SAVER)
        stage.says("2", "number")
        stage.says("/ 3", "last")
        stage.says("Saved frame 3", "message")

    def run_three(self, stage):
        stage.run("node.onExecuted(a)", report(1))
        stage.run("node.onExecuted(a)", report(2))
        stage.run("node.onExecuted(a)", report(3))


class TestAServerThatIsBack:
    """It may have been started anew: then nobody will ever say that its runs have ended."""

    LIVE = "api.tell('image_sequence.progress', { node: 7, sequence: a, text: 'frame 1 of 9' })"

    def reconnects(self, stage, running):
        queue = {"queue_running": [[0, prompt, {}, {}] for prompt in running], "queue_pending": []}
        stage.page.route("**/api/queue", lambda route: route.fulfill(json=queue))
        stage.run("api.tell('reconnected')")

    def test_has_lost_the_run_that_it_knows_nothing_of(self, node, site):
        site.make("a", [3])
        stage = node()
        stage.run("api.tell('execution_start', { prompt_id: 'p' })")
        stage.run(self.LIVE, json.loads(report(3)["image_sequence"][0]))
        self.reconnects(stage, [])
        stage.says("Stopped: frame 1 of 9", "message")

    def test_goes_on_with_a_run_that_is_in_its_queue(self, node, site):
        site.make("a", [3])
        stage = node()
        stage.run("api.tell('execution_start', { prompt_id: 'p' })")
        stage.run(self.LIVE, json.loads(report(3)["image_sequence"][0]))
        with stage.page.expect_response("**/api/queue"):
            self.reconnects(stage, ["p"])
        stage.page.wait_for_load_state("networkidle")
        assert stage.page.locator(".seqplayer-message").text_content() == "frame 1 of 9"

    def test_is_asked_again_for_the_picture_that_it_did_not_give(self, node, site):
        site.make("a", [3])
        stage = node()
        stage.page.route("**/preview?*", lambda route: route.abort())
        stage.run("node.onExecuted(a)", report(3))
        stage.says("The server does not answer.")
        stage.page.unroute("**/preview?*")
        self.reconnects(stage, [])
        stage.page.locator(".seqplayer-note").wait_for(state="hidden")


class TestTexts:
    @pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "ko", "zh"])
    def test_are_in_the_users_language(self, node, site, language):
        """Those about problems and states, and what the nodes say. Errors are English."""
        words = locales.load_words(language)
        site.make("a", [400])
        stage = node(language)
        stage.run("node.onExecuted(a)", report(3, last=400, missing=[4]))
        stage.page.locator(".seqplayer-view[aria-busy=false]").wait_for()
        here = words["Frame %frame%, %name%"].replace("%frame%", "400").replace("%name%", "f_0400.png")
        assert stage.view.get_attribute("aria-label") == stage.slider.get_attribute("aria-valuetext") == here
        stage.slider.fill("4")
        stage.says(words["Frame %frame% is not on disk."].replace("%frame%", "4"))
        stage.page.wait_for_load_state("networkidle")  # otherwise going offline would cut off the frames it loads ahead
        stage.page.context.set_offline(True)
        stage.slider.fill("200")  # further than it loads ahead
        stage.says(words["The server does not answer."])
        stage.page.context.set_offline(False)
        live = json.loads(report(41)["image_sequence"][0])
        stage.run("api.tell('image_sequence.progress', { node: 7, sequence: a, text: 'frame 1 of 9' })", live)
        stage.run("api.tell('execution_interrupted', { node_id: 7 })")
        stage.says(words["Stopped: %progress%"].replace("%progress%", "frame 1 of 9"), "message")

    @pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "ko", "zh"])
    def test_of_nodes_are_in_the_users_language(self, node, site, language):
        """Line by line, after a run, while one goes on, and when it was stopped."""
        words = locales.load_words(language)
        site.make("a", [3])
        stage = node(language)
        gone, copied = words["%name% is gone."].replace("%name%", "f_0003.png"), words["Path copied."]
        said = [["%name% is gone.", {"name": "f_0003.png"}], ["Path copied.", {}], ["Not a text of ours: 100%", {}]]
        stage.run("node.onExecuted(a)", report(3, message="English", words=said))
        stage.says(f"{gone}\n{copied}\nNot a text of ours: 100%", "message")
        live = json.loads(report(3, words=said[1:2])["image_sequence"][0])
        stage.run("api.tell('image_sequence.progress', { node: 7, sequence: a, text: 'English' })", live)
        stage.says(copied, "message")
        stage.run("api.tell('execution_interrupted', { node_id: 7 })")
        stage.says(words["Stopped: %progress%"].replace("%progress%", copied), "message")

    def test_of_nodes_have_the_singular_and_the_separators_of_the_language(self, node, site):
        site.make("a", [3])
        stage = node("de")
        said = [[["%count% frame", "%count% frames"], {"count": count}] for count in (1, 12000)]
        stage.run("node.onExecuted(a)", report(3, words=said))
        stage.page.wait_for_function(  # .says() does not tell capitals from small letters
            "text => document.querySelector('.seqplayer-message').textContent === text", arg="1 Frame\n12.000 Frames"
        )

    def test_of_nodes_are_english_in_reports_of_an_older_version(self, node, site):
        site.make("a", [3])
        stage = node("fr")
        stage.run("node.onExecuted(a)", report(3))
        stage.says("Saved frame 3", "message")


class TestCounting:
    def test_a_new_node_starts_on_increment(self, node):
        assert node().run("node.widgets[1].value") == "increment"

    @pytest.mark.parametrize("saved", ["fixed", "randomize", "decrement", "increment"])
    def test_a_node_of_a_workflow_keeps_its_saved_control(self, node, saved):
        assert node().run("app.add(a, 8, [3, b]).widgets[1].value", SAVER, saved) == saved

    # As those of the frontends: 1.42 never counts a run of selected outputs.
    CONTROLLED = """() => {
        const number = { name: "current_frame", value: 0, options: {} };
        const control = { name: "control_after_generate", value: "randomize", options: { serialize: false } };
        control.afterQueued = ({ isPartialExecution } = {}) => {
            if (!(FRONTEND === "1.42" && isPartialExecution) && control.value === "increment") number.value++;
        };
        return [number, control];
    }"""

    @pytest.mark.parametrize("frontend", ["1.42", "1.58"])
    @pytest.mark.parametrize(
        ("targets", "counted"), [([], 1), (["7"], 1), (["8", "7"], 1), (["8"], 0)], ids=["all", "it", "both", "other"]
    )
    def test_a_run_of_selected_outputs_counts_if_the_node_is_part_of_it(self, node, frontend, targets, counted):
        stage = node()
        stage.run(f"app.classes[a] = {self.CONTROLLED.replace('FRONTEND', repr(frontend))}", SAVER)
        stage.run("app.configure(() => { window.node = app.add(a, 7); app.add('PreviewImage', 8) })", SAVER)
        stage.run("app.queuePrompt(0, 1, a.length ? a : undefined)", targets)
        assert stage.run("node.widgets[0].value") == counted

    def test_nodes_of_other_packs_are_not_changed(self, node):
        assert node().run("app.add('KSampler', 8).widgets[1].value") == "randomize"


class TestAfterUndo:
    """With Vue nodes, ComfyUI keeps the elements of the nodes that it replaces."""

    def undone(self, stage):
        stage.run("app.configure(() => { window.node = app.add(a, 7) })", SAVER)

    def test_the_new_player_replaces_the_old_one(self, node, site):
        site.make("a", [3])
        stage = node()
        stage.run("LiteGraph.vueNodesMode = true")
        for _ in range(3):
            self.undone(stage)
            stage.page.wait_for_function("node.widgets.at(-1).element.isConnected")
        assert stage.page.locator(".seqplayer").count() == 1
        stage.run("node.onExecuted(a)", report(3))
        stage.says("3", "number")

    def test_the_new_player_is_connected_even_after_two_undos_at_once(self, node):
        stage = node()
        stage.run("LiteGraph.vueNodesMode = true")
        stage.run("{ for (let i = 0; i < 2; i++) app.configure(() => { window.node = app.add(a, 7) }) }", SAVER)
        stage.page.wait_for_function("node.widgets.at(-1).element.isConnected")

    def test_the_player_of_another_node_stays_where_it_is(self, node):
        stage = node()
        stage.run("LiteGraph.vueNodesMode = true")
        stage.run("window.other = app.add(a, 8)", SAVER)
        stage.run("other.onExecuted(a)", report(3))
        assert stage.run("[node, other].map(({ widgets }) => widgets.at(-1).element.isConnected)") == [True, False]
