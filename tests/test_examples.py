"""The example workflows and the help pages agree with the nodes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

PACK = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((PACK / "example_workflows").glob("*.json"))
VIDEO = PACK / "example_workflows" / "Image sequence to video.json"
PAGES = PACK / "web" / "docs"
NODE_IDS = [
    "ImageSequenceAddLayer",
    "ImageSequenceCheck",
    "ImageSequenceFrameCounter",
    "ImageSequenceFrameCounterFromDirectory",
    "ImageSequenceFromAnimation",
    "ImageSequenceLoadBatch",
    "ImageSequenceLoadFrame",
    "ImageSequenceSaveBatch",
    "ImageSequenceSaveCounted",
    "ImageSequenceSaveFrame",
]

# All of them are in ComfyUI 0.3.64 and 0.19.3, and none needs a model or a file. Notes exist in the editor only.
CORE_NODES = {
    "CreateVideo",
    "EmptyImage",
    "ImageAddNoise",
    "ImageBlend",
    "ImageCompositeMasked",
    "ImageInvert",
    "ImageScale",
    "ImageToMask",
    "InvertMask",
    "PreviewAny",
    "PreviewImage",
    "PrimitiveStringMultiline",
    "SaveVideo",
    "StringCompare",
    "StringSubstring",
}
NOTES = {"MarkdownNote", "Note"}

WIDGET_TYPES = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}
CONTROL_VALUES = {"fixed", "increment", "decrement", "randomize"}
WIDEST_THUMBNAIL = 1280
PICTURE = re.compile(r"^!\[(.+)\]\((.+)\)$", re.MULTILINE)

# What people type into the node search, and the nodes that they look for.
SAVERS = {"ImageSequenceSaveBatch", "ImageSequenceSaveCounted", "ImageSequenceSaveFrame"}
LOADERS = {"ImageSequenceLoadBatch", "ImageSequenceLoadFrame"}
SEARCHES = {
    "save frames": SAVERS,
    "export frames": SAVERS,
    "export png sequence": SAVERS,
    "image sequence": set(NODE_IDS) - {"ImageSequenceAddLayer"},
    "load images from folder": LOADERS,
    "load images from directory": LOADERS,
    "load frames from folder": LOADERS,
    "image folder": LOADERS,
    "load image sequence": LOADERS,
    "upload": LOADERS,
    "upload images": LOADERS,
    "upload frames": LOADERS,
    "footage": LOADERS,
    "import footage": LOADERS,
    "frame range": {"ImageSequenceLoadBatch", "ImageSequenceFrameCounter"},
    "missing frames": {*LOADERS, "ImageSequenceFrameCounterFromDirectory", "ImageSequenceCheck"},
    "check frames": {"ImageSequenceCheck"},
    "broken frames": {"ImageSequenceCheck"},
    "black frames": {"ImageSequenceCheck"},
    "png sequence": {*SAVERS, *LOADERS},
    "exr": {*SAVERS, *LOADERS, "ImageSequenceAddLayer"},
    "save exr": {*SAVERS, "ImageSequenceAddLayer"},
    "load exr": LOADERS,
    "webp": {*SAVERS, *LOADERS},
    "jpg": {*SAVERS, *LOADERS},
    "jpeg": {*SAVERS, *LOADERS},
    "tiff": LOADERS,
    "16 bit": {*SAVERS, *LOADERS},
    "resume": {"ImageSequenceFrameCounterFromDirectory", "ImageSequenceSaveCounted"},
    "frame number": {"ImageSequenceFrameCounter"},
    "frames to video": {"ImageSequenceFromAnimation", "ImageSequenceLoadBatch"},
    "sequence to video": {"ImageSequenceFromAnimation"},
    "exr layer": {"ImageSequenceAddLayer"},
    "render pass": {"ImageSequenceAddLayer"},
}

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
every_node = pytest.mark.parametrize("node_id", NODE_IDS)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def is_ours(node: dict[str, Any]) -> bool:
    return node["type"] in NODE_IDS


def inputs_of(pack: ModuleType, node_id: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """The visible inputs of a node, required ones first: name -> (type or options, settings)."""
    groups = pack.NODE_CLASS_MAPPINGS[node_id].INPUT_TYPES()
    declared = {**groups["required"], **groups.get("optional", {})}
    return {name: (spec[0], spec[1] if len(spec) > 1 else {}) for name, spec in declared.items()}


def is_widget(kind: Any, settings: dict[str, Any]) -> bool:
    return (isinstance(kind, list) or kind in WIDGET_TYPES) and not settings.get("forceInput")


def refusal(kind: Any, settings: dict[str, Any], value: Any) -> str | None:
    """Why a widget cannot have this value, or None."""
    if isinstance(kind, list):
        return None if value in kind else f"{value!r} is not among {kind}"
    if not isinstance(value, WIDGET_TYPES[kind]) or (isinstance(value, bool) and kind != "BOOLEAN"):  # type: ignore[arg-type]
        return f"{value!r} is not of type {kind}"
    if "min" in settings and value < settings["min"]:
        return f"{value} is below {settings['min']}"
    if "max" in settings and value > settings["max"]:
        return f"{value} is above {settings['max']}"
    return None


def expected_widgets(pack: ModuleType, node_id: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(name, type, settings) for every entry of widgets_values. The editor adds a control widget after some widgets."""
    for name, (kind, settings) in inputs_of(pack, node_id).items():
        if is_widget(kind, settings):
            yield name, kind, settings
            if settings.get("control_after_generate"):
                yield f"control after generate of {name}", sorted(CONTROL_VALUES), {}


def slot_type(kind: Any) -> Any:
    return "COMBO" if isinstance(kind, list) else kind


def test_every_node_of_the_pack_is_used_in_an_example(pack):
    used = {node["type"] for path in WORKFLOWS for node in read(path)["nodes"] if is_ours(node)}
    assert sorted(used) == sorted(pack.NODE_CLASS_MAPPINGS) == NODE_IDS


@every_workflow
def test_an_example_is_a_workflow_of_the_editor_with_a_thumbnail_of_the_same_name(path):
    workflow = read(path)
    assert workflow["version"] == 0.4
    with Image.open(path.with_suffix(".jpg")) as thumbnail:
        thumbnail.load()
        assert thumbnail.format == "JPEG"
        assert thumbnail.width <= WIDEST_THUMBNAIL
    assert path.with_suffix(".jpg").stat().st_size < 120_000


def test_every_thumbnail_has_an_example():
    pictures = {path.stem for path in (PACK / "example_workflows").iterdir() if path.suffix != ".json"}
    assert pictures == {path.stem for path in WORKFLOWS}


@every_workflow
def test_the_name_of_an_example_fits_on_its_card(path):
    """ComfyUI's template browser cuts it to one line, of about 34 letters in 1.58."""
    assert len(path.stem) <= 34
    assert "image sequence" in path.stem.lower()


@every_workflow
def test_an_example_uses_only_this_pack_and_core_nodes_that_need_no_model(path):
    assert {node["type"] for node in read(path)["nodes"]} <= {*NODE_IDS, *CORE_NODES, *NOTES}


@every_workflow
def test_an_example_says_to_press_run(path):
    notes = [node for node in read(path)["nodes"] if node["type"] in NOTES]
    assert any("**Run**" in note["widgets_values"][0] for note in notes)


@every_workflow
def test_an_example_with_a_counter_says_to_press_its_button(path):
    """The number beside Run goes no further than 100."""
    text = "".join(node["widgets_values"][0] for node in read(path)["nodes"] if node["type"] in NOTES)
    has_counter = any(node["type"].startswith("ImageSequenceFrameCounter") for node in read(path)["nodes"])
    assert ("**Queue ... frames**" in text) == has_counter
    assert ("beside **Run**" in text) <= (not has_counter)


def test_the_film_of_an_example_has_the_frames_that_are_saved_for_it():
    nodes = {node["type"]: node["widgets_values"] for node in read(VIDEO)["nodes"]}
    assert nodes["EmptyImage"][2] == nodes["ImageSequenceLoadBatch"][2]


@every_workflow
def test_every_node_of_an_example_names_its_pack(path):
    for node in read(path)["nodes"]:
        if node["type"] in NOTES:
            continue
        properties = node["properties"]
        assert properties["Node name for S&R"] == node["type"]
        assert properties["cnr_id"] == ("image-sequence-pack" if is_ours(node) else "comfy-core")
        assert properties["ver"]


@every_workflow
def test_both_ends_of_every_link_record_it(path):
    workflow = read(path)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert len(nodes) == len(workflow["nodes"])
    links = {link[0]: link for link in workflow["links"]}
    assert len(links) == len(workflow["links"])
    for number, source, output, target, slot, kind in links.values():
        start, end = nodes[source]["outputs"][output], nodes[target]["inputs"][slot]
        assert number in start["links"]
        assert end["link"] == number
        assert start["type"] == kind
        assert end["type"] in (kind, "*")
    held = [slot["link"] for node in nodes.values() for slot in node.get("inputs", []) if slot.get("link") is not None]
    given = [link for node in nodes.values() for slot in node.get("outputs", []) for link in slot["links"] or []]
    assert sorted(held) == sorted(given) == sorted(links)
    assert max(links, default=0) <= workflow["last_link_id"]
    assert max(nodes) <= workflow["last_node_id"]


@every_workflow
def test_our_nodes_have_the_sockets_that_they_declare(path, pack):
    for node in read(path)["nodes"]:
        if not is_ours(node):
            continue
        cls = pack.NODE_CLASS_MAPPINGS[node["type"]]
        inputs = inputs_of(pack, node["type"])
        assert {slot["name"]: slot["type"] for slot in node["inputs"]} == {
            name: slot_type(kind) for name, (kind, _) in inputs.items()
        }
        names = getattr(cls, "RETURN_NAMES", cls.RETURN_TYPES)
        found = [(slot["name"], slot["type"]) for slot in node["outputs"]]
        assert found == list(zip(names, cls.RETURN_TYPES, strict=True))


@every_workflow
def test_our_nodes_accept_their_widget_values(path, pack):
    for node in read(path)["nodes"]:
        if not is_ours(node):
            continue
        expected = list(expected_widgets(pack, node["type"]))
        values = node["widgets_values"]
        assert len(values) == len(expected), f"{node['type']}: {[name for name, _, _ in expected]}"
        refused = {
            name: reason
            for (name, kind, settings), value in zip(expected, values, strict=True)
            if (reason := refusal(kind, settings, value))
        }
        assert refused == {}


@every_workflow
def test_every_required_socket_of_our_nodes_is_linked(path, pack):
    for node in read(path)["nodes"]:
        if not is_ours(node):
            continue
        required = pack.NODE_CLASS_MAPPINGS[node["type"]].INPUT_TYPES()["required"]
        for slot in node["inputs"]:
            kind, settings = inputs_of(pack, node["type"])[slot["name"]]
            if slot["name"] in required and not is_widget(kind, settings):
                assert slot["link"] is not None, f"{node['type']}.{slot['name']}"


@every_workflow
def test_our_nodes_accept_the_paths_of_an_example(path, pack, base):
    for node in read(path)["nodes"]:
        validate = getattr(pack.NODE_CLASS_MAPPINGS.get(node["type"]), "VALIDATE_INPUTS", None)
        if validate is None:
            continue
        names = [name for name, _, _ in expected_widgets(pack, node["type"])]
        values = dict(zip(names, node["widgets_values"], strict=True))
        asked = validate.__func__.__code__.co_varnames[1 : validate.__func__.__code__.co_argcount]
        assert validate(**{name: values[name] for name in asked}) is True


def test_there_is_one_help_page_for_every_node(pack):
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(pack.NODE_CLASS_MAPPINGS)


def section(page: str, title: str) -> str:
    _, heading, rest = page.partition(f"\n## {title}\n")
    assert heading, f"no section {title!r}"
    return rest.partition("\n## ")[0]


@every_node
def test_a_help_page_names_every_input_and_no_other(node_id, pack):
    text = section((PAGES / f"{node_id}.md").read_text(encoding="utf-8"), "Inputs")
    inputs = inputs_of(pack, node_id)
    assert [name for name in inputs if f"- **{name}**" not in text] == []
    extra = [line for line in text.splitlines() if line.startswith("- **") and line.strip(" -*") not in inputs]
    assert extra == []


@every_node
def test_a_help_page_explains_every_choice_of_a_node(node_id, pack):
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    spaces = pack.io_utils.colour.spaces
    from_config = set(spaces.file_color_spaces()) - set(spaces.FILE_COLOR_SPACES)  # the page says where these come from
    kinds = [kind for kind, _ in inputs_of(pack, node_id).values() if isinstance(kind, list)]
    choices = [choice for kind in kinds for choice in kind if choice not in from_config]
    missing = [choice for choice in choices if f"*{choice}*" not in page and f"| {choice} |" not in page]
    assert not missing, f"explain these values in web/docs/{node_id}.md, each one between asterisks: {missing}"


@every_node
def test_a_help_page_names_every_output(node_id, pack):
    cls = pack.NODE_CLASS_MAPPINGS[node_id]
    text = section((PAGES / f"{node_id}.md").read_text(encoding="utf-8"), "Outputs")
    assert [name for name in getattr(cls, "RETURN_NAMES", cls.RETURN_TYPES) if f"- **{name}**" not in text] == []
    assert text.strip().startswith("None.") == (not cls.RETURN_TYPES)


@every_node
def test_a_help_page_has_all_sections(node_id):
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    for title in ("Example", "What goes wrong and what to do", "Good to know"):
        assert section(page, title).strip()
    assert "<" not in page, "the help panel does not show HTML"


@every_node
def test_a_help_page_opens_with_one_picture_of_the_node_in_use(node_id):
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    [(caption, file)] = PICTURE.findall(page)
    assert file == f"{node_id}.jpg", "the help panel looks for it next to the page"
    assert caption
    assert page.index("![") < page.index("\n## ")
    with Image.open(PAGES / file) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert 700 <= picture.width <= 900
    assert (PAGES / file).stat().st_size < 60_000


@pytest.mark.parametrize("node_id", sorted(LOADERS))
def test_the_page_of_a_loader_names_every_file_type_that_it_reads(node_id, pack):
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    types = ", ".join(extension.removeprefix(".") for extension in pack.io_utils.formats.registry.EXTENSIONS)
    assert f"Types: {types}." in page, (
        f"name them in web/docs/{node_id}.md, under path_pattern or pattern: Types: {types}."
    )


@pytest.mark.parametrize("phrase", SEARCHES)
def test_a_search_for_these_words_finds_the_nodes(phrase, pack):
    """Stricter than the editor's search, which also finds similar words."""
    names = {
        node_id: [pack.NODE_DISPLAY_NAME_MAPPINGS[node_id], *cls.SEARCH_ALIASES]
        for node_id, cls in pack.NODE_CLASS_MAPPINGS.items()
    }
    assert {node_id for node_id in names if any(phrase in name.lower() for name in names[node_id])} == SEARCHES[phrase]


# What the pages say instead of quoting a message: what people see, and remarks behind a message.
SYMPTOMS = {
    "Every run renders the same frame",
    "The picture does not move",
    "Only one frame is rendered, and further runs render it again or do nothing",
    "It starts far too high",
    "A frame in the middle is missing",
    "The video lacks frames that are now on disk",
    "Nothing downstream of this node runs",
    "The video is shorter than total_frames",
    "Every frame is rendered again, although nothing has changed",
    "The batch is rendered again, although nothing has changed",
    "A frame is kept, although the picture would be different",
    "The check finds no missing frames, but the end is missing",
}
REMARKS = re.compile(r" and the like$| in the saver's log$|\(.*?\)")
# What a message fills in: quoted text, numbers and ranges of numbers, and what a page leaves out.
FILLED_IN = re.compile(r"'[^']*'|-?\d[\d.,-]*|\.\.\.|…|,")


def words(text: str) -> str:
    """The words of a text between single spaces, in lower case."""
    return " ".join(["", *re.findall(r"[\w'-]+", text.lower()), ""])


def message_parts() -> set[str]:
    """The words between placeholders in all strings of the pack, except docstrings."""
    found = set()
    for path in [*PACK.glob("io_utils/**/*.py"), *PACK.glob("nodes/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found |= {
            words(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        }
    return found


def is_composed(text: str, parts: set[str]) -> bool:
    """Whether these words are one run of words of a part after another.

    A run has at least two words, so that the words of a sentence cannot be picked one by one; or it is a whole part, such
    as a verb in singular or plural.
    """
    if text in parts or not text.strip():
        return True
    split = text.split()
    return any(
        (words(head) in parts or (end > 1 and any(words(head) in part for part in parts)))
        and is_composed(words(" ".join(split[end:])), parts)
        for end in range(len(split), 0, -1)
        for head in [" ".join(split[:end])]
    )


def is_said(piece: str, parts: set[str]) -> bool:
    """Whether the code says this piece of a message. A single word may be the beginning or end of a part."""
    text = words(piece)
    is_word = len(text.split()) == 1
    return is_composed(text, parts) or (is_word and any(part.startswith(text) or part.endswith(text) for part in parts))


def quoted_messages() -> list[tuple[str, str]]:
    """(node id, message) for every message that a help page quotes: as the head of a remedy, or between quotation marks."""
    quotes = []
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        heads = re.findall(r"^- \*\*(.+)\*\*", section(page, "What goes wrong and what to do"), re.MULTILINE)
        quotes += [(path.stem, head) for head in heads if head not in SYMPTOMS]
        quotes += [(path.stem, text) for text in re.findall(r'"([^"]+)"', page)]
    return quotes


class TestQuotedMessage:
    PARTS = message_parts()

    @pytest.mark.parametrize(("node_id", "message"), quoted_messages())
    def test_is_a_message_of_the_code(self, node_id, message):
        pieces = FILLED_IN.split(REMARKS.sub(" ", message))
        unknown = [piece for piece in pieces if not is_said(piece, self.PARTS)]
        assert not unknown, (
            f"web/docs/{node_id}.md quotes what no string of io_utils/ or nodes/ says: {unknown}. Quote the message as it "
            f"is; if the page describes what people see, add it to SYMPTOMS in tests/test_examples.py."
        )

    def test_is_not_put_together_from_single_words(self):
        parts = {
            words(text) for text in ("of the sequence can no longer be found", "cannot be read", "exists", "already")
        }
        assert is_composed(words("exists already"), parts)
        assert is_composed(words("can no longer be found"), parts)
        assert not is_composed(words("of the sequence cannot be found any more"), parts)

    def test_every_symptom_is_on_a_page(self):
        pages = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.md"))
        assert [symptom for symptom in SYMPTOMS if f"- **{symptom}**" not in pages] == []


class TestReadme:
    """The section "From a script" posts the prompts in tests/prompts. tests/e2e/test_prompts.py runs its commands."""

    README = (PACK / "README.md").read_text(encoding="utf-8")
    PROMPTS = sorted(path.name for path in (PACK / "tests" / "prompts").glob("*.json"))

    @pytest.mark.parametrize(
        ("language", "written"), [("sh", "@tests/prompts/{}"), ("powershell", '"@tests/prompts/{}"')]
    )
    def test_it_posts_every_prompt_on_every_system(self, language, written):
        """In PowerShell a bare @ has a meaning of its own, and curl can be an alias of another command."""
        [block] = [
            text for text in re.findall(rf"```{language}\n(.*?)```", self.README, re.DOTALL) if "/prompt" in text
        ]
        curl = "curl.exe" if language == "powershell" else "curl"
        lines = [line.strip() for line in block.splitlines() if "/prompt " in f"{line} "]

        assert lines == [
            f'{curl} -H "Content-Type: application/json" --data-binary {written.format(name)} http://127.0.0.1:8188/prompt'
            for name in self.PROMPTS
        ]

    def test_its_relative_links_lead_to_files_of_the_pack(self):
        targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", self.README)

        assert targets
        assert [target for target in targets if not (PACK / target).exists()] == []
