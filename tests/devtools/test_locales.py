"""What the nodes say, in other languages: all of it, nothing else, and the parts that must stay as they are."""

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


def test_the_languages_are_these() -> None:
    assert sorted(path.name for path in (PACK / "locales").iterdir()) == sorted(LANGUAGES)
    assert sorted(locales.languages()) == sorted(LANGUAGES)


def test_they_are_published_and_what_they_are_made_from_is_not() -> None:
    ignored = (PACK / ".comfyignore").read_text(encoding="utf-8").split()

    assert "devtools/" in ignored
    assert not [line for line in ignored if line.startswith(("locales", "*", "/locales", "web"))]


@every_language
def test_the_files_are_up_to_date(pack: ModuleType, language: str) -> None:
    """If not: `python dev.py locales`, and devtools/translations/ where it names texts."""
    assert published(language) == locales.files(pack, language)


@every_translation
def test_every_text_is_translated(pack: ModuleType, language: str) -> None:
    words = locales.load_words(language)

    spoken = (locales.CATEGORY, *locales.texts(locales.english(pack)), *locales.texts(locales.player()))
    assert [text for text in spoken if not words.get(text)] == []


@every_language
def test_the_player_says_what_is_plain_text_in_html(language: str) -> None:
    said = published(language)["main.json"]["imageSequencePlayer"]

    assert {"Play (space)", "Path copied_", "Open the workflow of this frame"} <= set(said)
    assert set("".join(said.values())).isdisjoint('<>&"')


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('t("Play");', ["Play"]),
        ('this.#t("Frame %frame%", { frame })', ["Frame %frame%"]),
        ('t(\n  "Stop",\n)', ["Stop"]),
        (r't("Say \"no\".")', ['Say "no".']),
        ('start("Play"); fill("Play"); [...set("Play")]', []),
    ],
)
def test_the_player_says_what_its_scripts_mark(tmp_path: Path, source: str, texts: list[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "script.js").write_text(source, encoding="utf-8")

    assert list(locales.player(tmp_path).values()) == texts


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


@every_translation
def test_what_the_player_fills_in_stays_in_the_text(language: str) -> None:
    words = locales.load_words(language)
    placeholders = re.compile(r"%\w+%")

    assert any(placeholders.findall(english) for english in locales.player().values())
    for english in locales.player().values():
        assert sorted(placeholders.findall(words[english])) == sorted(placeholders.findall(english)), english


@every_language
def test_keys_are_those_of_the_nodes(pack: ModuleType, language: str) -> None:
    """Compared with ComfyUI's own view of a node, not with the code that wrote the file."""
    nodes = published(language)["nodeDefs.json"]

    assert set(nodes) == set(pack.NODE_CLASS_MAPPINGS)
    for node_id, node in pack.NODE_CLASS_MAPPINGS.items():
        declared = {
            name: spec for group in ("required", "optional") for name, spec in node.INPUT_TYPES().get(group, {}).items()
        }
        assert set(nodes[node_id]["inputs"]) == set(declared)
        for name, (kind, *_) in declared.items():
            values = kind if isinstance(kind, list) else []
            assert list(nodes[node_id]["inputs"][name].get("options", {})) == values
        assert list(nodes[node_id].get("outputs", {})) == [str(place) for place in range(len(node.RETURN_TYPES))]


@every_language
def test_nothing_is_syntax_to_the_frontend(language: str) -> None:
    """vue-i18n reads { } @ and | as placeholders, links and plurals; older frontends compile tooltips too."""
    assert [
        text for content in published(language).values() for text in locales.texts(content) if set(text) & set("{}@|")
    ] == []


@every_language
def test_keys_are_ones_that_the_frontend_finds(language: str) -> None:
    """It asks for keys with dots replaced, and a dot in a key leads into the next level."""
    for path in (PACK / "locales" / language).iterdir():
        assert not path.read_bytes().startswith(b"\xef\xbb\xbf"), "ComfyUI skips files with a byte order mark"
        assert "." not in "".join(re.findall(r'"([^"]*)":', path.read_text(encoding="utf-8")))


@every_translation
def test_what_is_typed_or_shown_as_it_is_stays_in_the_text(pack: ModuleType, language: str) -> None:
    """File names, tokens, placeholders of paths, and `value:` where a tooltip says what each value of the input does."""
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
            said = [value for value in kind if isinstance(kind, list) and f"{value}: " in tooltip]
            assert [value for value in said if value not in words[tooltip]] == []
