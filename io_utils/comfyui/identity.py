"""The identity of a graph: a digest of everything that the images of a saver depend on.

It answers whether the graph would make the same picture again, without running it. Two graphs have the same digest if the
nodes in front of the saver have the same classes and the same inputs, and are linked in the same way:

- Ids, positions, titles and the order of nodes do not matter, nor do nodes on other branches, nor the saver's own inputs,
  which only say where and how a frame is saved.
- Values count as ComfyUI passes them to the node, converted to the declared type: 7 is 7.0 for a FLOAT. A constant that the
  class does not declare, which ComfyUI does not pass, does not count, and neither does one that equals the default of the
  node's function: for the function there is no difference to an absent one.
- Change marks (`is_changed`, what a node's IS_CHANGED answered) count, such as Load Image's hash of the file. NaN, "always
  run", does not: a node that says so would change every picture, although most do so only for the sake of a side effect.
- Links from nodes whose outputs are known before they run count as the values that they bring. So a frame counter's
  total_frames counts for the nodes to which it is wired, and a longer animation keeps the frames that do not depend on it.
- Of this pack's nodes, IS_CHANGED does not count, because it also watches files from earlier runs. `Known` takes its place.

What cannot be known makes the identity uncertain: files whose names are computed by the graph, values that JSON cannot hold.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import numpy as np

from .. import host
from ..frame_identity import Graph

_log = logging.getLogger(__name__)

# Changes of what a digest is made of need another name here: then all frames count as changed.
_KIND = "image_sequence 1"

# Core's nodes that hold a value.
_PRIMITIVES = frozenset(
    ["PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean"]
)
_CONVERT: Mapping[str, type[Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True)
class Known:
    """What a node of this pack says about a run before it: the return value of a class method `known(**inputs)`.

    Its inputs are those of the prompt, with None for links that bring what only the run knows.

    outputs: the values of its outputs, which then count in place of the node; None if they are not known.
    files: changes with the files that the node will read; None if they are not known.
    covered: the inputs that count by the files that they lead to.
    """

    outputs: Sequence[Any] | None = None
    files: str | None = ""
    covered: Sequence[str] = ()


@dataclass(frozen=True)
class StaticPrompt:
    """A prompt as ComfyUI's DynamicPrompt, for callers that have only the dict."""

    nodes: Mapping[str, Any]

    def has_node(self, node_id: str) -> bool:
        return node_id in self.nodes

    def get_node(self, node_id: str) -> Any:
        return self.nodes[node_id]


def graph_of(prompt: Any, node_id: str, inputs: Mapping[str, str]) -> Graph | None:
    """The graph in front of the saver `node_id`, as far as it leads to `inputs`.

    prompt: ComfyUI's DynamicPrompt, which also has the nodes that others have added while they ran; or a StaticPrompt.
    inputs: names of the saver's inputs -> the names under which they count.

    None if the prompt has no such node; with a warning, if it cannot be followed: it has no such shape, or goes in circles.
    Never raises. Takes 3 ms for 300 nodes, and time in proportion for more.
    """
    walk = _Walk(prompt)
    try:
        if not prompt.has_node(node_id):
            return None
        values = prompt.get_node(node_id)["inputs"]
        wired = {counted: walk.counted(values[name]) for name, counted in inputs.items() if name in values}
        return Graph(walk.digest([_KIND, wired]), walk.is_certain)
    except Exception as error:  # other packs put anything into a prompt
        _log.warning("The frames are saved without the identity of their graph: %s: %s", type(error).__name__, error)
        return None


class Graphs:
    """The graphs of the savers in the prompt that runs, each as it was when the saver first asked for it.

    That must be before the graph runs: a loaded file that is edited during the run has another mark afterwards, but the
    picture may show the file as it was. ComfyUI's DynamicPrompt is one object throughout a run.
    """

    def __init__(self) -> None:
        self._prompt: Any = None
        self._graphs: dict[str, Graph | None] = {}

    def of(self, prompt: Any, node_id: str, inputs: Mapping[str, str]) -> Graph | None:
        """See `graph_of`."""
        if self._prompt is not prompt:
            self._prompt, self._graphs = prompt, {}
        if node_id not in self._graphs:
            self._graphs[node_id] = graph_of(prompt, node_id, inputs)
        return self._graphs[node_id]


@dataclass(frozen=True)
class _Source:
    """A node whose outputs are used. `outputs`: their values, if they are known."""

    digest: str
    outputs: Sequence[Any] | None = None


class _Walk:
    """Visits each node in front of a saver once, sources first. Not recursive: loops are chains of thousands of nodes."""

    def __init__(self, prompt: Any) -> None:
        self._get_node = prompt.get_node
        self._classes = host.node_classes()
        self._ask = host.change_marks(prompt)
        self._encode = json.JSONEncoder(sort_keys=True, default=self._give_up).encode
        self._sources: dict[str, _Source] = {}
        self.is_certain = True

    def counted(self, value: Any) -> list[Any]:
        """How the value of one of the saver's inputs counts."""
        if not _is_link(value):
            return ["value", value]
        self._visit(value[0])
        link, constant = self._followed(value)
        return ["value", constant] if link is None else ["link", *link]

    def _visit(self, node_id: str) -> None:
        stack, opened = [node_id], set()
        while stack:
            current = stack[-1]
            node = self._get_node(current)
            if current not in opened:
                opened.add(current)
                links = [value[0] for value in node["inputs"].values() if isinstance(value, list) and _is_link(value)]
                if waiting := [source for source in links if source not in self._sources]:
                    if not opened.isdisjoint(waiting):
                        raise ValueError(f"node {current} depends on itself")
                    stack += waiting
                    continue
            if current not in self._sources:
                self._sources[current] = self._source(current, node)
            opened.discard(current)
            stack.pop()

    def _followed(self, link: list[Any]) -> tuple[list[Any] | None, Any]:
        """How a link counts; or None, and the constant that it brings from a source whose outputs are known."""
        source, slot = self._sources[link[0]], int(link[1])
        if source.outputs is None or not 0 <= slot < len(source.outputs):
            return [source.digest, slot], None
        return None, source.outputs[slot]

    def _source(self, node_id: str, node: Mapping[str, Any]) -> _Source:
        """The node, all of whose sources have been visited."""
        class_type = node["class_type"]
        node_class = self._classes.get(class_type)
        declared = _declared(node_class)
        given: dict[str, Any] = {}
        links: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for name, value in node["inputs"].items():
            constant = value
            if isinstance(value, list) and _is_link(value):
                links[name], constant = self._followed(value)
                if links[name] is not None:
                    given[name] = None
                    continue
                del links[name]
            elif not declared.passes(name):
                continue
            given[name] = constant = declared.converted(name, constant)
            if not declared.is_default(name, constant):
                values[name] = constant
        known = self._known(node_class, class_type, declared, given)
        if known is None:
            return _Source(self.digest([class_type, links, values, self._mark(node_id, node, declared)]))
        if known.files is None:
            self.is_certain = False
        for name in known.covered if known.files is not None else ():
            links.pop(name, None)
            values.pop(name, None)
        return _Source(self.digest([class_type, links, values, known.files]), known.outputs)

    def _known(self, node_class: Any, class_type: str, declared: _Declared, given: Mapping[str, Any]) -> Known | None:
        if class_type in _PRIMITIVES and given.get("value") is not None:
            return Known(outputs=(given["value"],))
        if not hasattr(node_class, "KNOWN_BEFORE_RUN"):
            return None
        known: Known = node_class.KNOWN_BEFORE_RUN(
            **{name: value for name, value in given.items() if declared.passes(name)}
        )
        return known

    def _mark(self, node_id: str, node: Mapping[str, Any], declared: _Declared) -> Any:
        """The node's change mark; None for those that do not count."""
        if "is_changed" in node:
            mark = node["is_changed"]
        elif not declared.may_mark:
            return None
        else:
            try:
                mark = self._ask(node_id)
            except LookupError:
                self.is_certain = False
                return None
        marks = [item for item in mark if not _is_nan(item)] if isinstance(mark, list) else [mark]
        try:
            return _strict.encode(marks) if marks and mark is not False else None
        except (TypeError, ValueError):  # ComfyUI takes such a mark for a new one in every run, as NaN
            return None

    def digest(self, facts: Any) -> str:
        return hashlib.sha256(self._encode(facts).encode()).hexdigest()

    def _give_up(self, value: Any) -> Any:
        """For a value that is not JSON. ComfyUI takes it for another one in every run."""
        try:
            return _plain(value)
        except TypeError:
            self.is_certain = False
            return None


@dataclass(frozen=True)
class _Declared:
    """What the class of a node declares.

    groups: contain the names of the inputs that get constants; None if all do.
    converters: of the inputs whose constants ComfyUI converts.
    defaults: of the node's function.
    may_mark: whether the class has an IS_CHANGED, as far as can be told from here.
    """

    groups: tuple[Container[str], ...] | None = None
    converters: Mapping[str, type[Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    may_mark: bool = True
    is_v3: bool = False

    @classmethod
    def by(cls, node_class: Any) -> _Declared:
        is_v3 = hasattr(node_class, "GET_SCHEMA")
        declared = node_class.INPUT_TYPES()
        groups = [declared.get(group, {}) for group in ("required", "optional")]
        types = {name: declaration[0] for group in groups for name, declaration in group.items()}
        converters = {
            name: _CONVERT[kind] for name, kind in types.items() if isinstance(kind, str) and kind in _CONVERT
        }
        function = getattr(node_class, "execute" if is_v3 else getattr(node_class, "FUNCTION", ""), None)
        defaults = {}
        if function is not None and not getattr(node_class, "INPUT_IS_LIST", False):
            for name, parameter in inspect.signature(function).parameters.items():
                if isinstance(parameter.default, (str, int, float, bool)):
                    defaults[name] = _converted(converters.get(name), parameter.default)
        takes_all = is_v3 and getattr(node_class, "ACCEPT_ALL_INPUTS", False)
        may_mark = is_v3 or hasattr(node_class, "IS_CHANGED")
        return cls(None if takes_all else tuple(groups), converters, defaults, may_mark, is_v3)

    def passes(self, name: str) -> bool:
        """Whether ComfyUI passes a constant of this name to the node. (It passes every link.)"""
        if self.groups is None or name in self.groups[0] or name in self.groups[1]:
            return True
        # An input of a V3 node that has a list or a group of inputs is called "list.item".
        first, dot, _ = name.partition(".")
        return self.is_v3 and bool(dot) and self.passes(first)

    def converted(self, name: str, value: Any) -> Any:
        """The value as ComfyUI passes it. It converts those of posted nodes, and not those of nodes that others add."""
        converter = self.converters.get(name)
        return value if type(value) is converter else _converted(converter, value)

    def is_default(self, name: str, value: Any) -> bool:
        return name in self.defaults and type(value) is type(self.defaults[name]) and bool(value == self.defaults[name])


# By class. Some INPUT_TYPES list folders.
_classes: dict[type[Any], _Declared] = {}
_ANY = _Declared()


def _declared(node_class: type[Any] | None) -> _Declared:
    if node_class is None:
        return _ANY
    if node_class not in _classes:
        try:
            _classes[node_class] = _Declared.by(node_class)
        except Exception:  # another pack's class: all of its inputs count, as they are
            _classes[node_class] = _ANY
    return _classes[node_class]


def _converted(converter: type[Any] | None, value: Any) -> Any:
    if isinstance(value, dict) and "__value__" in value:  # how the frontend sends a list that is not a link
        value = value["__value__"]
    if converter is None:
        return value
    try:
        return converter(value)
    except (TypeError, ValueError, OverflowError):
        return value


def _is_link(value: Any) -> bool:
    """ComfyUI's rule: a list of a node's id and the index of one of its outputs."""
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, float))
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    """For JSON. Raises TypeError for what cannot be told apart by its text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, asdict(value)]
    raise TypeError(f"a {type(value).__name__} is not JSON")


_strict = json.JSONEncoder(sort_keys=True, allow_nan=False, default=_plain)
