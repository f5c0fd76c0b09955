"""NodeValues: the widget values of other nodes, for tokens such as %KSampler.seed%.

The frontend fills such tokens in only for a fixed list of core nodes, and API clients have no frontend. So this finds the
node as the frontend does (applyTextReplacements in 1.58.1): by its "Node name for S&R", then by its title. The first is a
property in the workflow; without a workflow it is the class of the node, which is its default. The title is in the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import TokenError, nearest
from .frame_pattern import numbers_in

# The frontend replaces the same characters.
_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_MOST_NAMED = 12
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class NodeValues:
    """The nodes of an API prompt. `extra_pnginfo` may hold their workflow. Both may be of any shape, or None."""

    prompt: Any = field(default=None, repr=False)
    extra_pnginfo: Any = field(default=None, repr=False)

    def fill(self, token: str, name: str, widget: str) -> str:
        """The value of `widget` in the node called `name`, safe for file names, in place of `token`.

        Raises TokenError if there is no such node or widget, if the widget is linked, if two nodes of that name have
        different values, and for a value that is not a text, number or boolean or that contains a frame number (####).
        """
        nodes = self._called(name)
        if not nodes:
            raise self._unknown_node(token, name, widget)
        values = {node_id: inputs[widget] for node_id, inputs in nodes.items() if widget in inputs}
        if not values:
            raise _unknown_widget(token, name, widget, nodes)
        texts = {node_id: self._text(token, name, widget, value) for node_id, value in values.items()}
        (first, text), *others = texts.items()
        for other, different in others:
            if different != text:
                fix = f"Give one of the nodes {name!r} another title."
                reason = f"has two values: {_short(text)!r} (node {first}) and {_short(different)!r} (node {other})"
                raise TokenError(token, reason, fix)
        safe = _UNSAFE.sub("_", text)
        if numbers := numbers_in(safe):
            fix = f"Remove {numbers[0]!r} from {widget} of {name!r}, or write the text without the token."
            raise TokenError(token, f"has the value {_short(text)!r}, which contains a frame number", fix)
        return safe

    def _called(self, name: str) -> dict[str, Mapping[str, Any]]:
        """The inputs of the nodes called `name`, by the id of the node."""
        nodes = self._nodes()
        search_names = _search_names(self.extra_pnginfo, nodes)
        classes = {node_id: node.get("class_type") for node_id, node in nodes.items()}
        titles = {node_id: _title(node) for node_id, node in nodes.items()}
        for names in ({**classes, **search_names}, titles, classes):
            found = [node_id for node_id in nodes if names[node_id] == name]
            if found:
                return {node_id: nodes[node_id]["inputs"] for node_id in found}
        return {}

    def _nodes(self) -> dict[str, Mapping[str, Any]]:
        entries = self.prompt.items() if isinstance(self.prompt, Mapping) else ()
        return {
            str(node_id): node
            for node_id, node in entries
            if isinstance(node, Mapping) and isinstance(node.get("inputs"), Mapping)
        }

    def _text(self, token: str, name: str, widget: str, value: Any) -> str:
        """The value as the frontend would write it."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        if value is None or isinstance(value, (str, int, float)):
            return "" if value is None else _number_text(value)
        if isinstance(value, list) and value and str(value[0]) in (nodes := self._nodes()):
            source = nodes[str(value[0])]
            called = _title(source) or source.get("class_type")
            fix = f"Write the token of a widget of {called!r}, the node that is wired to it, or remove the link."
            raise TokenError(token, f"is not known before the run, because {widget} of {name!r} is linked", fix)
        fix = f"Write a widget that holds a text or a number, not {widget}."
        raise TokenError(token, f"stands for a value of type {type(value).__name__}", fix)

    def _unknown_node(self, token: str, name: str, widget: str) -> TokenError:
        nodes = self._nodes()
        if not nodes:
            fix = "Write the value itself, or send the prompt through ComfyUI."
            return TokenError(token, "cannot be filled in, because no prompt is known here", fix)
        names = list(dict.fromkeys(str(_title(node) or node.get("class_type")) for node in nodes.values()))
        likely = nearest(name, names)
        remedy = f"Write %{likely}.{widget}%, or one of" if likely else "Write one of"
        fix = f"{remedy} the nodes of this graph: {_listed(names)}."
        return TokenError(token, f"cannot be filled in: no node of the graph is called {name!r}", fix)


def _unknown_widget(token: str, name: str, widget: str, nodes: Mapping[str, Mapping[str, Any]]) -> TokenError:
    """The error for a node without such a widget. Linked inputs are not offered."""
    inputs = {key: value for found in nodes.values() for key, value in found.items()}
    widgets = [str(key) for key, value in inputs.items() if not isinstance(value, (list, Mapping))]
    if not widgets:
        return TokenError(token, f"cannot be filled in: {name!r} has no widgets", "Write the token of another node.")
    likely = nearest(widget, widgets)
    remedy = f"Write %{name}.{likely}%, or one of" if likely else "Write one of"
    fix = f"{remedy} the widgets of {name!r}: {_listed(widgets)}."
    return TokenError(token, f"cannot be filled in: {name!r} has no widget {widget!r}", fix)


def _search_names(extra_pnginfo: Any, node_ids: Mapping[str, Any]) -> dict[str, str]:
    """The "Node name for S&R" of those nodes that have one in the workflow.

    A node in a subgraph has the id `5:12`: node 12 in the subgraph that is node 5.
    """
    workflow = _get(extra_pnginfo, "workflow")
    subgraphs = _list(_get(_get(workflow, "definitions"), "subgraphs"))
    inside = {str(_get(subgraph, "id")): _by_id(_get(subgraph, "nodes")) for subgraph in subgraphs}
    top = _by_id(_get(workflow, "nodes"))
    found = {}
    for node_id in node_ids:
        level: Mapping[str, Any] = top
        node: Any = None
        for part in node_id.split(":"):
            node = level.get(part)
            level = inside.get(str(_get(node, "type")), {})
        name = _get(_get(node, "properties"), "Node name for S&R")
        if isinstance(name, str):
            found[node_id] = name
    return found


def _by_id(nodes: Any) -> dict[str, Any]:
    return {str(_get(node, "id")): node for node in _list(nodes)}


def _title(node: Mapping[str, Any]) -> Any:
    return _get(node.get("_meta"), "title")


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number_text(value: str | float) -> str:
    try:
        return str(value)
    except ValueError:  # more than 4300 digits: sys.set_int_max_str_digits
        return "_"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(repr(_short(name)) for name in names[:_MOST_NAMED])}{more}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
