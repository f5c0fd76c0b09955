"""Translations: every text has one, nothing else does, and names and placeholders stay as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devtools import locales

PACK = Path(__file__).resolve().parents[2]
LANGUAGES = ["en", "zh", "ja", "ko", "fr", "de", "es"]
every_language = pytest.mark.parametrize("language", LANGUAGES)
every_translation = pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])


def published(language: str) -> dict[str, Any]:
    return {path.name: json.loads(path.read_bytes()) for path in (PACK / "locales" / language).iterdir()}


def pairs(english: dict[str, Any], translated: dict[str, Any]) -> list[tuple[str, str]]:
    """Every text beside its translation."""
    return list(zip(locales.texts(english), locales.texts(translated), strict=True))


def choices(pack: ModuleType, kind: Any) -> list[str]:
    """The values of a combo, whether OpenColorIO is installed or not."""
    spaces = pack.io_utils.colour.spaces
    more = set(spaces.file_color_spaces()) - set(spaces.FILE_COLOR_SPACES)
    return [value for value in kind if value not in more] if isinstance(kind, list) else []


def test_these_languages_are_published() -> None:
    assert sorted(path.name for path in (PACK / "locales").iterdir()) == sorted(LANGUAGES)
    assert sorted(locales.languages()) == sorted(LANGUAGES)


def test_the_locales_are_published_and_their_sources_are_not() -> None:
    ignored = (PACK / ".comfyignore").read_text(encoding="utf-8").split()

    assert "devtools/" in ignored
    assert not [line for line in ignored if line.startswith(("locales", "*", "/locales", "web"))]


@every_language
def test_the_files_are_up_to_date(pack: ModuleType, language: str) -> None:
    assert published(language) == locales.files(pack, language), (
        "Run `python dev.py locales`, which updates locales/ and says which texts have no translation."
    )


@every_translation
def test_every_text_is_translated(pack: ModuleType, language: str) -> None:
    words = locales.load_words(language)

    sources = (
        locales.CATEGORY,
        *locales.texts(locales.english(pack)),
        *locales.texts(locales.player(modules=locales.modules_with_messages())),
    )
    missing = [text for text in sources if not words.get(text)]
    assert not missing, locales.report({language: missing})


class TestReport:
    def test_says_that_everything_is_translated(self) -> None:
        assert locales.report({"de": [], "fr": []}) == "locales/ is up to date, and every text is translated."

    def test_lists_the_texts_without_a_translation_and_says_what_to_do(self) -> None:
        lines = locales.report({"de": ["Play"], "fr": [], "ja": ["Play", "Stop"]}).splitlines()

        assert lines[:3] == [
            f"devtools/translations/{text}" for text in ("de.json: Play", "ja.json: Play", "ja.json: Stop")
        ]
        assert "repeat the English text as its own translation" in " ".join(lines)


def test_an_english_text_may_stand_for_its_translation(
    tmp_path: Path, pack: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frontend would read braces as syntax. Without an entry, it shows the node's own text."""
    english = [
        locales.CATEGORY,
        *locales.texts(locales.english(pack)),
        *locales.texts(locales.player(modules=locales.modules_with_messages())),
    ]
    (tmp_path / "it.json").write_text(json.dumps({text: text for text in english}), encoding="utf-8")
    monkeypatch.setattr(locales, "WORDS", tmp_path)

    assert locales.files(pack, "it") == locales.files(pack, "en")


@every_language
def test_the_texts_of_the_player_are_plain_text_in_html(language: str) -> None:
    player = published(language)["main.json"]["imageSequencePlayer"]

    assert {"Play (space)", "Path copied_", "Open the workflow of this frame"} <= set(player)
    assert set("".join(player.values())).isdisjoint('<>&"')


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('t("Play");', ["Play"]),
        ('this.#t("Frame %frame%", { frame })', ["Frame %frame%"]),
        ('t(\n  "Stop",\n)', ["Stop"]),
        ('t(["%count% frame", "%count% frames"], { count })', ["%count% frame", "%count% frames"]),
        (r't("Say \"no\".")', ['Say "no".']),
        ('start("Play"); fill("Play"); [...set("Play")]', []),
    ],
)
def test_texts_are_collected_from_calls_of_t(tmp_path: Path, source: str, texts: list[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "script.js").write_text(source, encoding="utf-8")

    assert list(locales.player(tmp_path).values()) == texts


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('Message("Saved nothing")', ["Saved nothing"]),
        ('Message(\n    "Saved %path%, "\n    "whole", path=path)', ["Saved %path%, whole"]),
        ('Message(("Saved 1", "Saved %count%"), count=2)', ["Saved 1", "Saved %count%"]),
        ('Message.lines([Message("A"), Message("B")])', ["A", "B"]),
        ('Other("Saved")', []),
    ],
)
def test_texts_are_collected_from_messages(tmp_path: Path, source: str, texts: list[str]) -> None:
    (tmp_path / "module.py").write_text(source, encoding="utf-8")

    assert list(locales.player(tmp_path, [tmp_path / "module.py"]).values()) == texts


@pytest.mark.parametrize("call", ["Message(text)", 'Message(f"Saved {path}")', 'Message(("Saved 1", many), count=2)'])
def test_a_message_that_cannot_be_collected_is_refused(tmp_path: Path, call: str) -> None:
    (tmp_path / "module.py").write_text(f"\n{call}\n", encoding="utf-8")

    with pytest.raises(locales.UncollectableTextError, match=r"module\.py, line 2"):
        locales.player(tmp_path, [tmp_path / "module.py"])


def test_what_nodes_say_is_collected() -> None:
    collected = locales.player(modules=locales.modules_with_messages()).values()

    assert {"Saved frame %frames%: %path%", "frame %frame% (%first%-%last%), %done% of %total%"} <= set(collected)


@pytest.mark.parametrize(
    "call", ["t(text)", "t('Play')", "t(`Play`)", 't(a ? "Play" : "Pause")', 't("Play" + more)', 'translate("Play")']
)
def test_a_text_that_cannot_be_collected_is_refused(tmp_path: Path, call: str) -> None:
    (tmp_path / "script.js").write_text(f"// @ts-check\n\nsay({call});\n", encoding="utf-8")

    with pytest.raises(locales.UncollectableTextError, match=r"^script\.js, line 3: write t"):
        locales.player(tmp_path)


def test_texts_keep_their_places_in_the_files(tmp_path: Path) -> None:
    locales._write(tmp_path / "main.json", {"player": {"a": "A", "b": "B"}, "nodes": {"c": "C"}})
    locales._write(tmp_path / "main.json", {"nodes": {"d": "D", "c": "C"}, "player": {"x": "X", "b": "BB", "a": "A"}})

    written = json.loads((tmp_path / "main.json").read_text(encoding="utf-8"))
    assert list(written) == ["player", "nodes"]
    assert list(written["player"].items()) == [("a", "A"), ("b", "BB"), ("x", "X")]
    assert list(written["nodes"]) == ["c", "d"]


@pytest.mark.parametrize("name", ["options", "outputs"])
def test_lists_keep_their_own_order(tmp_path: Path, name: str) -> None:
    """Also where only the last of them had a translation so far."""
    locales._write(tmp_path / "nodeDefs.json", {"Node": {name: {"2": "C"}}})
    locales._write(tmp_path / "nodeDefs.json", {"Node": {name: {"0": "A", "1": "B", "2": "C"}}})

    written = json.loads((tmp_path / "nodeDefs.json").read_text(encoding="utf-8"))
    assert list(written["Node"][name]) == ["0", "1", "2"]


@every_translation
def test_the_player_s_placeholders_are_in_every_translation(language: str) -> None:
    words = locales.load_words(language)
    placeholders = re.compile(r"%\w+%")

    assert any(
        placeholders.findall(english) for english in locales.player(modules=locales.modules_with_messages()).values()
    )
    for english in locales.player(modules=locales.modules_with_messages()).values():
        assert sorted(placeholders.findall(words[english])) == sorted(placeholders.findall(english)), english


@every_language
def test_the_keys_are_those_of_the_nodes(pack: ModuleType, language: str) -> None:
    """Compares with the declarations that ComfyUI reads, not with the code that wrote the file."""
    nodes = published(language)["nodeDefs.json"]

    assert set(nodes) == set(pack.NODE_CLASS_MAPPINGS)
    for node_id, node in pack.NODE_CLASS_MAPPINGS.items():
        declared = {
            name: spec for group in ("required", "optional") for name, spec in node.INPUT_TYPES().get(group, {}).items()
        }
        assert set(nodes[node_id]["inputs"]) == set(declared)
        for name, (kind, *_) in declared.items():
            values = [locales.key(value) for value in choices(pack, kind)]
            assert list(nodes[node_id]["inputs"][name].get("options", {})) == values
        assert list(nodes[node_id].get("outputs", {})) == [str(place) for place in range(len(node.RETURN_TYPES))]


@every_language
def test_no_text_contains_syntax_of_the_frontend(language: str) -> None:
    """vue-i18n reads { } as placeholders, @ as a link and | as a plural. Older frontends compile tooltips too."""
    assert [
        text for content in published(language).values() for text in locales.texts(content) if set(text) & set("{}@|")
    ] == []


@every_language
def test_the_frontend_finds_all_keys(language: str) -> None:
    """It replaces dots in the keys that it looks up, and reads a dot in a file's key as a step to the next level."""
    for path in (PACK / "locales" / language).iterdir():
        assert not path.read_bytes().startswith(b"\xef\xbb\xbf"), "ComfyUI skips files with a byte order mark"
        assert "." not in "".join(re.findall(r'"([^"]*)":', path.read_text(encoding="utf-8")))


@every_translation
def test_literal_names_and_values_are_in_every_translation(pack: ModuleType, language: str) -> None:
    """File names, tokens, placeholders of paths, and the values that a tooltip explains as `value: ...`."""
    words = locales.load_words(language)
    tokens = re.compile(
        r"%[a-zA-Z:-]+%|%0\dd|#{4,}|<\w+>|\b\w+\.png\b|'[\w/]+'|\b(?:JPG|PNG|EXR|WebP|Dream|increment)\b"
    )
    for english in locales.texts(locales.english(pack)):
        lost = [token for token in tokens.findall(english) if token not in words[english]]
        assert lost == [], english
    for node in pack.NODE_CLASS_MAPPINGS.values():
        for _, (kind, *options) in (
            item for group in ("required", "optional") for item in node.INPUT_TYPES().get(group, {}).items()
        ):
            tooltip = options[0]["tooltip"]
            explained = [value for value in kind if isinstance(kind, list) and f"{value}: " in tooltip]
            assert [value for value in explained if value not in words[tooltip]] == []
