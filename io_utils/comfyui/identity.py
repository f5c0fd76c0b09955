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
  But where pictures begin with such a node, which may be a loader, nothing tells whether they have changed. Nor does
  anything behind a node whose IS_CHANGED has failed, as that of a loader does if the name of its file comes by a link.
- Texts and numbers that nodes make of others count by their nodes and, in a second digest, by their values: after a change of
  a text with keys, a frame whose own text is still the same is unchanged.
- Links from nodes whose outputs are known before they run count as the values that they bring. So a frame counter's
  total_frames counts for the nodes to which it is wired, and a longer animation keeps the frames that do not depend on it.
- Of this pack's nodes, IS_CHANGED does not count, because it also watches files from earlier runs. `Known` takes its place.
- The frames of an animation have another digest, too: what they share. In it, inputs that count from run to run do not count,
  which are frame counters and the numbers that have a control after generate, such as seeds. Their values stand beside it.
  Texts and numbers that are made of them do not count, either: a frame that is kept after a change of a text with keys still
  says the text of then. The nodes that make them have a digest of their own.

What cannot be known makes the identity uncertain: files whose names are computed by the graph, values that JSON cannot hold.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .. import host
from ..frame_identity import Graph

_log = logging.getLogger(__name__)

# Changes of what a digest is made of need another name here: then all frames count as changed.
_KIND = "image_sequence 1"

# A file says no more of the numbers that count from run to run: a graph with 16 seeds is known by the first.
_NUMBERS = 16
# How such an input counts for the digest of the animation.
_COUNTING = ("counting",)
# Those that the browser gives a control after generate, whatever the node declares:
# https://github.com/Comfy-Org/ComfyUI_frontend, src/scripts/widgets.ts, `inputIsSeed`.
_SEEDS = frozenset(["seed", "noise_seed"])

# Core's nodes that hold a value.
_PRIMITIVES = frozenset(
    ["PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean"]
)
_CONVERT: Mapping[str, type[Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
# What `_digest` takes as it is. Subclasses may look like anything.
_SCALARS = frozenset([str, int, float, bool, type(None)])

# For inputs whose default is not known, or cannot be compared.
_NO_DEFAULT: Any = object()

# The types of outputs that are cheap to make, and are compared by value.
_VALUES = frozenset([*_CONVERT, "FRAME_COUNTER"])

# A node and the index of one of its outputs.
Link = tuple[str, int]

# The beginning of the names of inputs that a saver adds to itself, see `Graphs`.
VALUE = "image_sequence_value_"


@dataclass(frozen=True)
class Known:
    """What a node of this pack says about a run before it: the return value of a class method `known(**inputs)`.

    Its inputs are those of the prompt, with None for links that bring what only the run knows.

    outputs: the values of its outputs, which then count in place of the node; None if they are not known, or for one of them.
    shared: of a node that counts the runs: what its outputs have in common in all of them; None if it does not count.
    number: where such a node stands.
    files: changes with the files that the node will read; None if they are not known.
    covered: the inputs that count by the files that they lead to.
    """

    outputs: Sequence[Any] | None = None
    shared: Sequence[Any] | None = None
    number: float | None = None
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
    """The graph in front of the saver `node_id`, as far as it leads to `inputs`, without its values.

    prompt: ComfyUI's DynamicPrompt, which also has the nodes that others have added while they ran; or a StaticPrompt.
    inputs: names of the saver's inputs -> the names under which they count.

    None if the prompt has no such node; with a warning, if it cannot be followed: it has no such shape, or goes in circles.
    Never raises. Takes 5 ms for 300 nodes on a slow core, and time in proportion for more.
    """
    graph, _ = _traced(prompt, node_id, inputs, {})
    return graph


def _traced(
    prompt: Any, node_id: str, inputs: Mapping[str, str], brought: Mapping[Link, Sequence[Any]]
) -> tuple[Graph | None, list[Link]]:
    """(the graph, given what links have `brought`; the links that bring values to it). Never raises."""
    walk = _Walk(prompt, brought)
    try:
        if not prompt.has_node(node_id):
            return None, []
        values = prompt.get_node(node_id)["inputs"]
        wired = {counted: walk.counted(values[name]) for name, counted in inputs.items() if name in values}
        digest, animation = (_digest(_KIND, sorted((name, fact[of]) for name, fact in wired.items())) for of in (0, 1))
        graph = Graph(digest, walk.is_certain, animation=animation, numbers=walk.numbers, keys=walk.keys)
        return graph, list(walk.values)
    except Exception as error:  # other packs put anything into a prompt
        _log.warning("The frames are saved without the identity of their graph: %s: %s", type(error).__name__, error)
        return None, []


class Graphs:
    """The graphs of the savers in the prompt that runs, each as it was when the saver first asked for it.

    That must be before the graph runs: a loaded file that is edited during the run has another mark afterwards, but the
    picture may show the file as it was. ComfyUI's DynamicPrompt is one object throughout a run.

    Texts and numbers that nodes make for each frame, such as a prompt with keys, are known only once these nodes have run.
    They are cheap, so the saver has them run before it decides: `ask` adds links to its node, which ComfyUI follows like
    those of lazy inputs, and `bring` takes what they have brought.
    """

    def __init__(self) -> None:
        self._prompt: Any = None
        self._graphs: dict[str, Graph | None] = {}
        self._links: dict[str, dict[str, Link]] = {}

    def of(self, prompt: Any, node_id: str, inputs: Mapping[str, str]) -> Graph | None:
        """The graph, with the values that were brought. See `graph_of`."""
        if self._prompt is not prompt:
            self._prompt, self._graphs, self._links = prompt, {}, {}
        if node_id not in self._graphs:
            self._graphs[node_id], links = _traced(prompt, node_id, inputs, {})
            self._links[node_id] = {f"{VALUE}{index}": link for index, link in enumerate(links)}
        return self._graphs[node_id]

    def ask(self, prompt: Any, node_id: str, inputs: Mapping[str, str]) -> list[str]:
        """The names of inputs for which check_lazy_status must ask to get the values; [] if it has asked, or there are none."""
        self.of(prompt, node_id, inputs)
        links = self._links.pop(node_id, {})
        if links:
            prompt.get_node(node_id)["inputs"].update({name: list(link) for name, link in links.items()})
        return list(links)

    def bring(self, prompt: Any, node_id: str, inputs: Mapping[str, str], values: Mapping[str, Sequence[Any]]) -> None:
        """Note `values`, by the names that `ask` has returned, and remove these inputs from the prompt again."""
        if not values:
            return
        given = prompt.get_node(node_id)["inputs"]
        links = {name: given.pop(name) for name in values}
        graph = self.of(prompt, node_id, inputs)
        if graph is None or any(isinstance(value, tuple) for value in values.values()):  # (None,): it did not run
            return
        brought = {(source, int(slot)): values[name] for name, (source, slot) in links.items()}
        filled, _ = _traced(prompt, node_id, inputs, brought)
        if filled is not None and filled.is_certain:
            self._graphs[node_id] = replace(graph, values=filled.digest)


class _Source(NamedTuple):
    """A node whose outputs are used.

    animation: the digest that it shares with the other frames of an animation.
    outputs: their values, if they are known.
    shared: how these outputs count for the animation; None: as they are.
    makes_values: whether it makes texts and numbers, from texts and numbers only.
    """

    digest: str
    animation: str
    outputs: Sequence[Any] | None = None
    shared: Sequence[Any] | None = None
    makes_values: bool = False


class _Given(NamedTuple):
    """The inputs of a node.

    known: their values, None for what only the run knows.
    facts: how they count: scalars, tuples for other constants, lists for links.
    links: the names of these links.
    shared: those that count otherwise for the animation, and how.
    counting: the constants among these that count from run to run themselves.
    """

    known: dict[str, Any]
    facts: dict[str, Any]
    links: list[str]
    shared: dict[str, Any]
    counting: list[str]


class _Walk:
    """Visits each node in front of a saver once, sources first. Not recursive: loops are chains of thousands of nodes."""

    def __init__(self, prompt: Any, brought: Mapping[Link, Sequence[Any]]) -> None:
        self._get_node = prompt.get_node
        self._brought = brought
        self._classes = host.node_classes()
        self._ask = host.change_marks(prompt)
        self._encode = json.JSONEncoder(sort_keys=True, default=self._give_up).encode
        self._sources: dict[str, _Source] = {}
        self._numbers: set[tuple[str, str, float]] = set()
        self._keyed: set[str] = set()
        self.is_certain = True
        self.values: dict[Link, None] = {}  # the links that bring values to nodes that make something else

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values that count from run to run, in an order that does not depend on the ids of nodes."""
        return tuple(number for _, _, number in sorted(self._numbers)[:_NUMBERS])

    @property
    def keys(self) -> str:
        """A digest of the nodes that make texts and numbers of what counts; "" if there are none."""
        return _digest(sorted(self._keyed)) if self._keyed else ""

    def counted(self, value: Any) -> tuple[list[Any], list[Any]]:
        """How the value of one of the saver's inputs counts, for the frame and for its animation."""
        if not is_link(value):
            fact = ["value", self._fact(value)]
            return fact, fact
        self._visit(value[0])
        link, constant, shared = self._followed(value)
        fact = ["value", self._fact(constant)] if link is None else ["link", *link]
        return fact, fact if shared is None else ["shared", shared]

    def _visit(self, node_id: str) -> None:
        stack: list[str] = [node_id]
        opened: dict[str, dict[str, list[Any]]] = {}  # the links of each node that waits for its sources
        while stack:
            current = stack[-1]
            node = self._get_node(current)
            if current not in opened:
                links = {
                    name: value for name, value in node["inputs"].items() if type(value) is list and is_link(value)
                }
                opened[current] = links
                waiting = [source for source, _ in links.values() if source not in self._sources]
                if self._brought:  # nothing in front of these counts
                    followed = {source for source, slot in links.values() if (source, slot) not in self._brought}
                    waiting = [source for source in waiting if source in followed]
                if waiting:
                    if not opened.keys().isdisjoint(waiting):
                        raise ValueError(f"node {current} depends on itself")
                    stack += waiting
                    continue
            if current not in self._sources:
                self._sources[current] = self._source(current, node, opened[current])
            del opened[current]
            stack.pop()

    def _followed(self, link: list[Any]) -> tuple[list[Any] | None, Any, Any]:
        """How a link counts; or None, and the constant that it brings from a source whose outputs are known.

        Then how it counts for the animation; None if in the same way.
        """
        if self._brought and (link[0], link[1]) in self._brought:
            return ["brought", [self._fact(self._value(item)) for item in self._brought[link[0], link[1]]]], None, None
        source, slot = self._sources[link[0]], int(link[1])
        if source.outputs is not None and 0 <= slot < len(source.outputs) and source.outputs[slot] is not None:
            return None, source.outputs[slot], None if source.shared is None else self._fact(source.shared[slot])
        if source.animation == source.digest:
            return [source.digest, slot], None, None
        return [source.digest, slot], None, _COUNTING if source.makes_values else [source.animation, slot]

    def _source(self, node_id: str, node: Mapping[str, Any], wires: Mapping[str, list[Any]]) -> _Source:
        """The node. All sources of its `wires`, the inputs that are links, have been visited."""
        class_type = node["class_type"]
        node_class = self._classes.get(class_type)
        declared = _declared(node_class)
        given = self._inputs(node["inputs"], wires, declared)
        facts, shared = given.facts, given.shared
        bring_values = [wires[name] for name in given.links if self._brings_value(*wires[name])]
        makes_values = declared.makes_values and len(bring_values) == len(given.links)
        if bring_values and not makes_values:
            self.values.update(((source, int(slot)), None) for source, slot in bring_values)
            sources = [self._sources[source] for source, _ in bring_values if source in self._sources]
            self._keyed.update(source.animation for source in sources if source.animation != source.digest)
        known = self._known(node_class, class_type, declared, given.known)
        if known is None:
            begins = len(bring_values) == len(given.links)
            mark = self._mark(node_id, node, declared, begins=begins)
        else:
            mark = known.files
        animation = ""
        if shared:  # which of many files a counter chooses is the frame's own affair
            animation = _digest(class_type, sorted((facts | shared).items()), mark if known is None else None)
        number = outputs = common = None
        if known is not None:
            number, outputs, common = known.number, known.outputs, known.shared
            self.is_certain &= known.files is not None
            for name in known.covered if known.files is not None else ():
                facts.pop(name, None)
            if common is None and shared and outputs is not None:
                common = [[animation, slot] for slot in range(len(outputs))]
        if number is not None:
            self._numbers.add(("", "", number))
        else:
            self._numbers.update([(animation, name, given.known[name]) for name in given.counting])
        digest = _digest(class_type, sorted(facts.items()), mark)
        return _Source(digest, animation or digest, outputs, common, makes_values)

    def _brings_value(self, source: str, slot: float) -> bool:
        return (source, slot) in self._brought or self._sources[source].makes_values

    def _inputs(self, given: Mapping[str, Any], wires: Mapping[str, list[Any]], declared: _Declared) -> _Given:
        known: dict[str, Any] = {}
        facts: dict[str, Any] = {}
        links: list[str] = []
        shared: dict[str, Any] = {}
        counting: list[str] = []
        inputs = declared.inputs
        for name, value in given.items():
            constant = value
            if name in wires:
                link, constant, common = self._followed(value)
                if common is not None:
                    shared[name] = common
                if link is not None:
                    facts[name], known[name] = link, self._single(value) if self._brought else None
                    links.append(name)
                    continue
            elif name not in inputs and not declared.passes(name):
                continue
            converter, default = inputs.get(name, (None, _NO_DEFAULT))
            if type(constant) is not converter:
                constant = _converted(converter, constant)
            known[name] = constant
            if type(constant) is not type(default) or constant != default:
                facts[name] = constant if type(constant) in _SCALARS else self._fact(constant)
            if name in declared.counting and name not in wires and _is_number(constant):
                shared[name] = _COUNTING
                counting.append(name)
        return _Given(known, facts, links, shared, counting)

    def _single(self, link: list[Any]) -> Any:
        """The value that a link has brought; None if that is not known, or it has brought several."""
        items = self._brought.get((link[0], link[1]), ())
        return items[0] if len(items) == 1 else None

    def _value(self, item: Any) -> Any:
        """A value as it counts, also a frame counter of another pack."""
        if item is None or isinstance(item, (str, int, float, np.generic)) or is_dataclass(item):
            return item
        counter = [getattr(item, name, None) for name in ("current_frame", "total_frames", "frames_per_second")]
        return item if None in counter else ["counter", *counter]

    def _known(self, node_class: Any, class_type: str, declared: _Declared, given: Mapping[str, Any]) -> Known | None:
        if class_type in _PRIMITIVES and given.get("value") is not None:
            return Known(outputs=(given["value"],))
        if not hasattr(node_class, "KNOWN_BEFORE_RUN"):
            return None
        known: Known = node_class.KNOWN_BEFORE_RUN(
            **{name: value for name, value in given.items() if declared.passes(name)}
        )
        return known

    def _mark(self, node_id: str, node: Mapping[str, Any], declared: _Declared, *, begins: bool) -> Any:
        """The node's change mark; None for those that do not count. begins: it gets no more than texts and numbers."""
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
        if mark is False or mark == []:
            return None
        answers = mark if isinstance(mark, list) else [mark]
        marks = [item for item in answers if not _is_nan(item)]
        try:
            encoded = _strict.encode(marks)
        except (TypeError, ValueError):  # ComfyUI takes such a mark for a new one in every run, as NaN
            marks = []
        has_failed = not isinstance(mark, list) and not marks
        if has_failed or (begins and len(marks) < len(answers)):
            self.is_certain = False
        return encoded if marks else None

    def _fact(self, value: Any) -> Any:
        """A value for a digest: of a plain type, or JSON."""
        return value if type(value) in _SCALARS else ("json", self._encode(value))

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

    inputs: name -> (the type to which ComfyUI converts a constant, or None; the default of the node's function).
    groups: contain the names of all inputs that get constants, also where they do not list them; None if every input does.
    counting: the inputs with a control after generate.
    may_mark: whether the class has an IS_CHANGED, as far as can be told from here.
    makes_values: whether all outputs are texts, numbers or frame counters, without side effects or costs that it declares.
    """

    inputs: Mapping[str, tuple[type[Any] | None, Any]] = field(default_factory=dict)
    groups: tuple[Container[str], ...] | None = None
    counting: frozenset[str] = frozenset()
    may_mark: bool = True
    is_v3: bool = False
    makes_values: bool = False

    @classmethod
    def by(cls, node_class: Any) -> _Declared:
        is_v3 = hasattr(node_class, "GET_SCHEMA")
        declared = node_class.INPUT_TYPES()
        groups = [declared.get(group, {}) for group in ("required", "optional")]
        function = getattr(node_class, "execute" if is_v3 else getattr(node_class, "FUNCTION", ""), None)
        is_list = getattr(node_class, "INPUT_IS_LIST", False)
        parameters = {} if function is None or is_list else inspect.signature(function).parameters
        inputs, counting = {}, set()
        for name, declaration in (item for group in groups for item in group.items()):
            if name in _SEEDS or (len(declaration) > 1 and declaration[1].get("control_after_generate")):
                counting.add(name)
            converter = _CONVERT.get(declaration[0]) if isinstance(declaration[0], str) else None
            default = parameters[name].default if name in parameters else _NO_DEFAULT
            is_plain = isinstance(default, (str, int, float, bool))
            inputs[name] = converter, _converted(converter, default) if is_plain else _NO_DEFAULT
        takes_all = is_v3 and getattr(node_class, "ACCEPT_ALL_INPUTS", False)
        may_mark = is_v3 or hasattr(node_class, "IS_CHANGED")
        outputs = getattr(node_class, "RETURN_TYPES", ())
        makes_values = bool(outputs) and all(isinstance(kind, str) and kind in _VALUES for kind in outputs)
        makes_values &= not (getattr(node_class, "OUTPUT_NODE", False) or getattr(node_class, "API_NODE", False))
        return cls(inputs, None if takes_all else tuple(groups), frozenset(counting), may_mark, is_v3, makes_values)

    def passes(self, name: str) -> bool:
        """Whether ComfyUI passes a constant of this name to the node. (It passes every link.)"""
        if self.groups is None or name in self.groups[0] or name in self.groups[1]:
            return True
        # An input of a V3 node that has a list or a group of inputs is called "list.item".
        first, dot, _ = name.partition(".")
        return self.is_v3 and bool(dot) and self.passes(first)


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
    """`value` as ComfyUI passes it. It converts those of posted nodes, and not those of nodes that others add."""
    if isinstance(value, dict) and "__value__" in value:  # how the frontend sends a list that is not a link
        value = value["__value__"]
    if converter is None:
        return value
    try:
        return converter(value)
    except (TypeError, ValueError, OverflowError):
        return value


def is_link(value: Any) -> bool:
    """ComfyUI's rule: a list of a node's id and the index of one of its outputs."""
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, float))
    )


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


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


def _digest(*facts: Any) -> str:
    """Of texts, numbers and None, in lists, tuples and pairs. Python literals are made in a third of the time of JSON."""
    return hashlib.sha256(ascii(facts).encode()).hexdigest()
