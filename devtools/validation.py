"""Checks a posted prompt as ComfyUI 0.19.3 does, with the same errors."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any

from devtools.node_calls import Inputs, NodeClass, call_over_lists, input_info
from devtools.prompts import Prompt, PromptError, is_link
from devtools.stand_ins import ExecutionBlocker

Reason = dict[str, Any]
NodeErrors = dict[str, dict[str, Any]]

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
_MAX_LISTED_CHOICES = 20  # ComfyUI does not list more choices in an error


def check_prompt(
    prompt: Prompt, classes: Mapping[str, NodeClass], targets: Collection[str] | None = None
) -> tuple[list[str], NodeErrors]:
    """(ids of the output nodes that can run, errors of the other nodes). Converts constants in place.

    `targets` leaves out the output nodes that it does not name. Raises PromptError if a node's class is unknown, if there
    is no output node, or if no output node can run.
    """
    outputs = []
    for node_id, node in prompt.items():
        node_class = classes.get(node.get("class_type", ""))
        if node_class is None:
            raise _missing_node(node_id, node)
        if getattr(node_class, "OUTPUT_NODE", False) is True and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        raise PromptError(_reason("prompt_no_outputs", "Prompt has no outputs", ""))

    checks = _Checks(prompt, classes)
    good = [output for output in outputs if checks.check_output(output)]
    if not good:
        bad = [reason for output in outputs for reason in checks.reasons[output]]
        details = "\n".join(f"{reason['message']}: {reason['details']}" for reason in bad)
        error = _reason("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
        raise PromptError(error, checks.node_errors)
    return good, checks.node_errors


class _Checks:
    """The checks of one prompt. Each node is checked once, as part of the first output node that needs it."""

    def __init__(self, prompt: Prompt, classes: Mapping[str, NodeClass]) -> None:
        self.prompt = prompt
        self.classes = classes
        self.passed: dict[str, bool] = {}
        self.reasons: dict[str, list[Reason]] = {}
        self.node_errors: NodeErrors = {}

    def check_output(self, node_id: str) -> bool:
        """Check an output node and everything upstream of it, and record the errors. Returns whether it can run."""
        try:
            passed = self._check_node(node_id)
        except Exception as error:
            passed = self._record(node_id, passed=False, reasons=[_exception("exception_during_validation", error)])
        if not passed:
            for bad, reasons in self.reasons.items():
                if reasons:
                    entry = self.node_errors.setdefault(
                        bad,
                        {"errors": reasons, "dependent_outputs": [], "class_type": self.prompt[bad]["class_type"]},
                    )
                    entry["dependent_outputs"].append(node_id)
        return passed

    def _record(self, node_id: str, *, passed: bool, reasons: list[Reason]) -> bool:
        self.passed[node_id] = passed
        self.reasons[node_id] = reasons
        return passed

    def _check_node(self, node_id: str) -> bool:
        if node_id in self.passed:
            return self.passed[node_id]
        node_class = self.classes[self.prompt[node_id]["class_type"]]
        inputs = self.prompt[node_id]["inputs"]
        declared = node_class.INPUT_TYPES()
        validator = _Validator(node_class)
        received_types: dict[str, Any] = {}
        reasons: list[Reason] = []
        upstream_passed = True

        for name in (*declared.get("required", {}), *declared.get("optional", {})):
            info = input_info(declared, name)
            assert info is not None
            if name not in inputs:
                if info[1] == "required":
                    reasons.append(
                        _reason("required_input_missing", "Required input is missing", name, input_name=name)
                    )
            elif isinstance(inputs[name], list):
                reason = self._check_link(name, info, inputs[name], received_types, any_type=validator.takes_types)
                if reason is not None:
                    reasons.append(reason)
                else:
                    upstream_passed &= self._check_upstream(name, info, inputs[name])
            else:
                reason = _check_constant(name, info, inputs, check_range=not validator.names(name))
                if reason is not None:
                    reasons.append(reason)

        reasons += validator.check(node_id, declared, inputs, received_types)
        return self._record(node_id, passed=upstream_passed and not reasons, reasons=reasons)

    def _check_link(
        self, name: str, info: tuple[Any, str, Any], link: list[Any], received_types: dict[str, Any], *, any_type: bool
    ) -> Reason | None:
        config = (info[0], info[2])
        if len(link) != 2:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return _reason("bad_linked_input", message, name, input_name=name, input_config=config, received_value=link)
        received = self.classes[self.prompt[link[0]]["class_type"]].RETURN_TYPES[link[1]]
        received_types[name] = received
        if any_type or _types_match(received, info[0]):
            return None
        return _reason(
            "return_type_mismatch",
            "Return type mismatch between linked nodes",
            f"{name}, received_type({received}) mismatch input_type({info[0]})",
            input_name=name,
            input_config=config,
            received_type=received,
            linked_node=link,
        )

    def _check_upstream(self, name: str, info: tuple[Any, str, Any], link: list[Any]) -> bool:
        try:
            return self._check_node(link[0])
        except Exception as error:
            extra = {"input_name": name, "input_config": (info[0], info[2]), "linked_node": link}
            reason = _exception("exception_during_inner_validation", error, **extra)
            return self._record(link[0], passed=False, reasons=[reason])


class _Validator:
    """A node's VALIDATE_INPUTS: the inputs that it checks, and its results."""

    def __init__(self, node_class: NodeClass) -> None:
        self._class = node_class
        self._function = getattr(node_class, "VALIDATE_INPUTS", None)
        spec = None if self._function is None else inspect.getfullargspec(self._function)
        self._parameters = [] if spec is None else spec.args
        self._takes_all = spec is not None and spec.varkw is not None
        self.takes_types = "input_types" in self._parameters

    def names(self, name: str) -> bool:
        """Whether VALIDATE_INPUTS checks this input. ComfyUI then skips its own checks of range and choices."""
        return self._takes_all or name in self._parameters

    def check(
        self, node_id: str, declared: Mapping[str, Any], inputs: Mapping[str, Any], types: dict[str, Any]
    ) -> list[Reason]:
        """Call VALIDATE_INPUTS with its inputs (links as None). A result other than True is an error for each of them."""
        if self._function is None:
            return []
        known = _known_inputs(node_id, declared, inputs)
        given = {name: value for name, value in known.items() if self.names(name)}
        if self.takes_types:
            given["input_types"] = [types]
        reasons = []
        verdicts = call_over_lists(self._class, "VALIDATE_INPUTS", given)
        for name in given:
            for verdict in verdicts:
                if verdict is not True and not isinstance(verdict, ExecutionBlocker):
                    details = name if verdict is False else f"{name} - {verdict}"
                    message = "Custom validation failed for node"
                    reasons.append(_reason("custom_validation_failed", message, details, input_name=name))
        return reasons


def _known_inputs(node_id: str, declared: Mapping[str, Any], inputs: Mapping[str, Any]) -> Inputs:
    """The inputs that VALIDATE_INPUTS gets: constants in lists of one, links as None, and empty hidden inputs but the id."""
    known: Inputs = {}
    for name, value in inputs.items():
        info = input_info(declared, name)
        if is_link(value) and not (info and info[2].get("rawLink")):
            known[name] = (None,)
        elif info is not None:
            known[name] = [value]
    hidden: dict[str, Any] = {"PROMPT": {}, "DYNPROMPT": None, "EXTRA_PNGINFO": None, "UNIQUE_ID": node_id}
    for name, kind in declared.get("hidden", {}).items():
        if kind in hidden:
            known[name] = [hidden[kind]]
    return known


def _check_constant(
    name: str, info: tuple[Any, str, dict[str, Any]], inputs: dict[str, Any], *, check_range: bool
) -> Reason | None:
    """The first error in a constant, or None. Writes the converted value into `inputs`."""
    kind, _, options = info
    config = (kind, options)
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:  # the frontend wraps lists, because a bare list is a link
        value = inputs[name] = value["__value__"]
    try:
        if isinstance(kind, str) and kind in _CONVERSIONS:
            value = inputs[name] = _CONVERSIONS[kind](value)
    except Exception as error:
        return _reason(
            "invalid_input_type",
            f"Failed to convert an input value to a {kind} value",
            f"{name}, {value}, {error}",
            input_name=name,
            input_config=config,
            received_value=value,
            exception_message=str(error),
        )
    if not check_range:
        return None
    extra = {"input_name": name, "input_config": config, "received_value": value}
    if "min" in options and value < options["min"]:
        return _reason("value_smaller_than_min", f"Value {value} smaller than min of {options['min']}", name, **extra)
    if "max" in options and value > options["max"]:
        return _reason("value_bigger_than_max", f"Value {value} bigger than max of {options['max']}", name, **extra)
    choices = kind if isinstance(kind, list) else options.get("options", []) if kind == "COMBO" else None
    if choices is None or value in choices:
        return None
    listed = str(choices)
    if len(choices) > _MAX_LISTED_CHOICES:
        listed, extra["input_config"] = f"(list of length {len(choices)})", None
    return _reason("value_not_in_list", "Value not in list", f"{name}: '{value}' not in {listed}", **extra)


def _types_match(received: Any, wanted: Any) -> bool:
    """Whether an output of type `received` fits an input of type `wanted`. Unions such as "IMAGE,MASK" are allowed."""
    if not received != wanted:  # noqa: SIM202 - "any type" classes of other packs override only __ne__
        return True
    if "*" in (received, wanted) or (isinstance(received, list) and wanted == "COMBO"):
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return False
    ours, theirs = ({part.strip() for part in kind.split(",")} for kind in (received, wanted))
    return "*" in ours | theirs or bool(ours & theirs)


def _reason(kind: str, message: str, details: str, **extra_info: Any) -> Reason:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def _exception(kind: str, error: Exception, **extra_info: Any) -> Reason:
    inner = " inner" if kind == "exception_during_inner_validation" else ""
    return _reason(
        kind,
        f"Exception when validating{inner} node",
        str(error),
        **extra_info,
        exception_message=str(error),
        exception_type=full_type_name(type(error)),
        traceback=traceback.format_tb(error.__traceback__),
    )


def full_type_name(kind: type) -> str:
    """The name by which ComfyUI's frontends show an exception: without a module if it is a built-in one."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _missing_node(node_id: str, node: Mapping[str, Any]) -> PromptError:
    class_type = node.get("class_type")
    title = node.get("_meta", {}).get("title", class_type)
    if class_type is None:
        message = (
            f"Node '{title or f'ID #{node_id}'}' has no class_type. "
            "The workflow may be corrupted or a custom node is missing."
        )
    else:
        message = f"Node '{title}' not found. The custom node may not be installed."
    extra = {"node_id": node_id, "class_type": class_type, "node_title": title}
    return PromptError(_reason("missing_node_type", message, f"Node ID '#{node_id}'", **extra))
