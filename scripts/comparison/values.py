"""Inputs of workflows and outputs of tasks, made from what the expressions of a definition read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from comparison.steps import GENERIC_TASK, GENERIC_WORKFLOW, STUBBED_TYPES, Json, expressions_in, walk

SEGMENT = re.compile(r"\.?([\w-]+)|\[(\d+)\]|\['([^']+)'\]")
WHOLE = re.compile(r"\$\{([^{}]+)\}")
FORKED = ("generic_1", "generic_2")

Place = tuple[str | int, ...]


class Variant(NamedTuple):
    """A way to make values."""

    name: str
    case: int
    """Which of its cases a switch takes."""
    number: int | None
    """A number in place of texts."""
    empty: bool = False
    """There are no values at all."""


TEXTS = Variant("texts", 0, None)
NUMBERS = Variant("numbers", 1, 2)
NOTHING = Variant("nothing", 0, None, empty=True)


class Values:
    """The input of a workflow, and the output of each of its tasks by reference name. They are the same in each run.

    definitions: the workflow and its sub-workflows.
    """

    def __init__(self, definitions: Sequence[Json], variant: Variant, loopback: str) -> None:
        self._variant = variant
        self._steps = list(_all_steps(definitions))
        self._special: dict[str, Any] = dict(_special_values(definitions, variant, loopback))
        self._trees: dict[str, Any] = {}
        if variant.empty:
            return
        parameters = [name for definition in definitions for name in definition.get("inputParameters") or ()]
        named = (f"workflow.input.{name}" for name in parameters if isinstance(name, str))
        for text in (*named, *expressions_in(list(definitions))):
            source, path = _source_and_path(text)
            if source is not None and path:
                value = self._special[text] if text in self._special else self._plain(source, path)
                self._trees[source] = _placed(self._trees.get(source), path, value)

    def workflow_input(self) -> Json:
        return self._of("workflow.input")

    def output(self, ref: str) -> Json:
        """Also that of a task that a workflow has made while it ran."""
        return self._of(ref) if self._variant.empty else {"made_by": ref} | self._of(ref)

    def stubs(self) -> dict[str, Json]:
        """Outputs for the types that stubs answer: by reference name, and by type for steps that a workflow makes."""
        others = {task["taskReferenceName"] for task in self._steps if task.get("type") not in STUBBED_TYPES}
        refs = {task["taskReferenceName"] for task in self._steps} - others
        return {kind: {} for kind in sorted(STUBBED_TYPES)} | {ref: self.output(ref) for ref in sorted(refs)}

    def _of(self, source: str) -> Json:
        found = self._trees.get(source, {})
        return found if isinstance(found, dict) else {}

    def _plain(self, source: str, path: Place) -> Any:
        return f"{path[-1]} of {source}" if self._variant.number is None else self._variant.number


def _placed(tree: Any, path: Place, value: Any) -> Any:
    """The tree with a value at a place. An object or a list that is there already stays."""
    if not path:
        return tree if isinstance(tree, dict | list) else value
    head, *rest = path
    if isinstance(head, int):
        inner = tree[0] if isinstance(tree, list) and tree else None
        return [_placed(inner, tuple(rest), value)] * (head + 1)
    members = tree if isinstance(tree, dict) else {}
    return members | {head: _placed(members.get(head), tuple(rest), value)}


def _source_and_path(text: str) -> tuple[str | None, Place]:
    """The reference name or ``workflow.input`` that an expression reads, and the members below its output."""
    parts = [name or (int(index) if index else quoted) for name, index, quoted in SEGMENT.findall(text)]
    if parts[:2] == ["workflow", "input"]:
        return "workflow.input", tuple(parts[2:])
    if len(parts) > 2 and parts[1] == "output" and isinstance(parts[0], str):
        return parts[0], tuple(parts[2:])
    return None, ()


def _all_steps(definitions: Sequence[Json]) -> Iterator[Json]:
    for definition in definitions:
        yield from walk(definition.get("tasks"))


def _special_values(definitions: Sequence[Json], variant: Variant, loopback: str) -> Iterator[tuple[str, Any]]:
    """Values for the expressions that decide how a workflow goes on."""
    for task in _all_steps(definitions):
        inputs = task.get("inputParameters") or {}
        for name, value in _wanted(task, inputs, variant, loopback):
            found = WHOLE.fullmatch(name if "$" in name else str(inputs.get(name, "")))
            if found:
                yield found[1], value


def _wanted(task: Json, inputs: Json, variant: Variant, loopback: str) -> Iterator[tuple[str, Any]]:
    """Names of inputs of a step, or whole expressions, with their values."""
    cases = list(task.get("decisionCases") or ())
    steps = [{"name": GENERIC_TASK, "taskReferenceName": ref, "type": "SIMPLE"} for ref in FORKED]
    match task.get("type", "SIMPLE"):
        case "SWITCH" | "DECISION" if cases:
            yield from ((name, cases[variant.case % len(cases)]) for name in inputs)
        case "DYNAMIC":
            yield task.get("dynamicTaskNameParam", ""), GENERIC_TASK
        case "FORK_JOIN_DYNAMIC":
            yield task.get("dynamicForkTasksParam", ""), steps
            yield task.get("dynamicForkTasksInputParamName", ""), {ref: {"given": ref} for ref in FORKED}
            yield (
                task.get("dynamicForkJoinTasksParam", ""),
                [{"taskName": GENERIC_TASK, "referenceName": ref, "input": {}} for ref in FORKED],
            )
            yield from (("forkTaskName", GENERIC_TASK), ("forkTaskInputs", [{"given": ref} for ref in FORKED]))
            yield "forkTaskWorkflow", GENERIC_WORKFLOW
        case "SUB_WORKFLOW":
            given = task.get("subWorkflowParam") or {}
            yield str(given.get("name", "")), GENERIC_WORKFLOW
            yield str(given.get("version", "")), 1
        case "START_WORKFLOW":
            yield "startWorkflow", {"name": GENERIC_WORKFLOW, "version": 1, "input": {}}
        case "HTTP":
            yield "http_request", {"uri": loopback, "method": "GET"}
            request = inputs.get("http_request")
            uri = inputs.get("uri") or (request.get("uri") if isinstance(request, dict) else None) or ""
            yield from (("${" + text + "}", loopback) for text in expressions_in(uri[: uri.find("}") + 1]))
        case "WAIT":
            yield from (("duration", "1 hours"), ("until", "2099-01-01 00:00 GMT"))
        case "DO_WHILE":
            yield "items", ["first", "second"]
            yield str(task.get("items", "")), ["first", "second"]
