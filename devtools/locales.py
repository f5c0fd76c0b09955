"""Writes the translations of the nodes and the player: `python dev.py locales`.

The code of the nodes and of the player holds the English texts. devtools/translations/<language>.json maps each of them to
its translation, wherever it occurs. From both, this module writes locales/<language>/nodeDefs.json, with the keys by which
ComfyUI's frontend looks texts up (https://docs.comfy.org/custom-nodes/i18n), and main.json, in which web/js/locale.js finds
the player's texts. Texts keep their places in these files when code moves. A text that changes has no translation until
somebody adds one; the tests name such texts.
An English text may stand in for a translation until somebody writes one.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from devtools.embedded_host import load_pack

PACK = Path(__file__).resolve().parents[1]
WORDS = PACK / "devtools" / "translations"
LOCALES = PACK / "locales"

# The nodes are in "image/sequence". The frontend looks up each part of a category, and translates "image" itself.
CATEGORY = "sequence"

# Every call of t(), and calls of translate() with a literal text.
_CALL = re.compile(r"\b(?:(?P<marker>t)\(\s*|translate\(\s*(?=[\"'`]))")
_LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# A text, or its singular and plural.
_ENGLISH = re.compile(rf"(?:({_LITERAL})|\[\s*({_LITERAL})\s*,\s*({_LITERAL})\s*,?\s*\])\s*[,)]")

# Lists in nodeDefs.json.
_LISTS = ("options", "outputs")

Texts = dict[str, Any]


class UncollectableTextError(Exception):
    """A script or a module has a text that player() cannot read."""


def english(pack: ModuleType) -> Texts:
    """The English nodeDefs.json, from the nodes: {node id: {display_name, description, inputs, outputs}}."""
    untranslated = _config_color_spaces(pack)
    return {
        node_id: {
            "display_name": pack.NODE_DISPLAY_NAME_MAPPINGS[node_id],
            "description": node.DESCRIPTION,
            "inputs": {key(name): _input(name, kind, options, untranslated) for name, (kind, options) in _inputs(node)},
            "outputs": {
                str(place): {"name": name, "tooltip": tooltip}
                for place, (name, tooltip) in enumerate(
                    zip(getattr(node, "RETURN_NAMES", ()), getattr(node, "OUTPUT_TOOLTIPS", ()), strict=True)
                )
            },
        }
        for node_id, node in pack.NODE_CLASS_MAPPINGS.items()
    }


def player(scripts: Path = PACK / "web" / "js", modules: Iterable[Path] = ()) -> Texts:
    """The English texts of the player, with their %placeholders%: {key: text}.

    In the scripts every text is written as t("text") or t(["singular", "plural"]), in double quotes; in the modules as
    Message("text") or Message(("singular", "plural")). Raises UncollectableTextError for any other form, because that text
    would stay English.
    """
    found = [text for script in sorted(scripts.rglob("*.js")) for text in _texts_in(script)]
    found += [text for module in modules for text in _messages_in(module)]
    return {key(text): text for text in found}


def modules_with_messages(pack: Path = PACK) -> list[Path]:
    """The modules that tell the user something while a node runs."""
    definition = pack / "io_utils" / "message.py"
    return [
        path for room in ("io_utils", "nodes") for path in sorted((pack / room).rglob("*.py")) if path != definition
    ]


def _messages_in(module: Path) -> Iterator[str]:
    """The templates of the messages in a module."""
    calls = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda found: found.lineno):
        if not (isinstance(call.func, ast.Name) and call.func.id == "Message"):
            continue
        template = call.args[0] if call.args else None
        texts = template.elts if isinstance(template, ast.Tuple) else [template]
        for text in texts:
            if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
                msg = f'{module.name}, line {call.lineno}: write Message("text"), or the text cannot be translated'
                raise UncollectableTextError(msg)
            yield text.value


def _texts_in(script: Path) -> Iterator[str]:
    """The texts in a script."""
    source = script.read_text(encoding="utf-8")
    for call in _CALL.finditer(source):
        english = _ENGLISH.match(source, call.end()) if call["marker"] == "t" else None
        if english is None:
            line = source.count("\n", 0, call.start()) + 1
            msg = f'{script.name}, line {line}: write t("text"), or the text cannot be translated'
            raise UncollectableTextError(msg)
        yield from map(json.loads, filter(None, english.groups()))


def key(name: str) -> str:
    """`name` as a translation key, like the frontend's normalizeI18nKey."""
    return name.replace(".", "_")


def texts(definitions: Texts) -> Iterator[str]:
    """Every text in `definitions`, in order."""
    for value in definitions.values():
        if isinstance(value, str):
            yield value
        else:
            yield from texts(value)


def files(pack: ModuleType, language: str) -> dict[str, Texts]:
    """{file name: content} of locales/<language>, without the texts that have no translation: these appear in English."""
    words = _unless_syntax if language == "en" else partial(_translation, load_words(language))
    main = {"nodeCategories": {CATEGORY: CATEGORY}, "imageSequencePlayer": player(modules=modules_with_messages())}
    return {"main.json": _translated(main, words), "nodeDefs.json": _translated(english(pack), words)}


def languages() -> list[str]:
    return ["en", *sorted(path.stem for path in WORDS.glob("*.json"))]


def load_words(language: str) -> dict[str, str]:
    """The translations of `language`, by their English text."""
    words: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return words


def main() -> int:
    """Update both folders and say what is missing. Returns 1 if a text has no translation."""
    pack = load_pack(PACK)
    sources = list(dict.fromkeys([CATEGORY, *texts(english(pack)), *texts(player(modules=modules_with_messages()))]))
    missing: dict[str, list[str]] = {}
    for language in languages():
        if language != "en":
            words = load_words(language)
            _write(WORDS / f"{language}.json", {text: words.get(text, "") for text in sources})
            missing[language] = [text for text in sources if not words.get(text)]
        for name, content in files(pack, language).items():
            _write(LOCALES / language / name, content)
    print(report(missing))
    return 1 if any(missing.values()) else 0


def report(missing: Mapping[str, list[str]]) -> str:
    """What `main` did, for {language: texts without a translation}."""
    lines = [f"devtools/translations/{language}.json: {text}" for language, some in missing.items() for text in some]
    if not lines:
        return "locales/ is up to date, and every text is translated."
    return "\n".join(
        [
            *lines,
            "locales/ is up to date, except that the texts above have no translation and the tests ask for one. Translate",
            "them in devtools/translations/, then run this command again. If you do not speak a language, repeat the English",
            "text as its own translation, and ask for a translator in the pull request.",
        ]
    )


def _inputs(node: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    declared = node.INPUT_TYPES()
    for group in ("required", "optional"):
        yield from declared.get(group, {}).items()


def _config_color_spaces(pack: ModuleType) -> set[str]:
    """The colour spaces that only an installed OpenColorIO offers. Their names are the same in every language."""
    spaces = pack.io_utils.colour.spaces
    return set(spaces.file_color_spaces()) - set(spaces.FILE_COLOR_SPACES)


def _input(name: str, kind: Any, options: Mapping[str, Any], untranslated: set[str]) -> Texts:
    described: Texts = {"name": name, "tooltip": options["tooltip"]}
    if isinstance(kind, list):
        described["options"] = {key(value): value for value in kind if value not in untranslated}
    return described


def _translated(definitions: Texts, words: Callable[[str], str | None]) -> Texts:
    translated = {
        name: words(value) if isinstance(value, str) else _translated(value, words)
        for name, value in definitions.items()
    }
    return {name: value for name, value in translated.items() if value}


def _in_order_of(before: Texts, content: Texts) -> Texts:
    """`content` in the order of `before`; new texts come last. Options and outputs keep the order of their lists."""
    kept = {name: content[name] for name in before if name in content}
    return {
        name: _in_order_of(before.get(name, {}), value) if isinstance(value, dict) and name not in _LISTS else value
        for name, value in (kept | content).items()
    }


def _translation(words: Mapping[str, str], text: str) -> str | None:
    """The translation of `text`. English that nobody has translated yet has the limits of the English file."""
    translation = words.get(text)
    return _unless_syntax(text) if translation == text else translation


def _unless_syntax(text: str) -> str | None:
    """The text, or None if vue-i18n would read syntax in it. Without it, the frontend shows the node's own text."""
    return None if set(text) & set("{}|@") else text


def _write(path: Path, content: Texts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        content = _in_order_of(json.loads(path.read_text(encoding="utf-8")), content)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
