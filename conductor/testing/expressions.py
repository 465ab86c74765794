"""Expressions such as ``${workflow.input.x}`` and ``${ref.output.y[0].z}``, with which inputs are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from conductor.testing.model import TaskRecord, WorkflowRecord, base_ref

Roots = Callable[[str], Any]
"""Gives the value of an expression's first name, and None for an unknown name."""

MOST_INNER = 20  # levels of expressions inside of expressions
MOST_STARS = 20  # steps of a path: each takes a level of the stack, and may repeat the rest for each item of a list
_STEP = re.compile(
    r"""\.?(?P<name>[^.\[\]]++)|\[(?:\*|'(?P<single>[^']*+)'|"(?P<double>[^"]*+)"|(?P<index>-?\d{1,9}+))\]""", re.ASCII
)
_FROM_WORKFLOW = ("correlationId", "parentWorkflowId", "parentWorkflowTaskId", "reasonForIncompletion", "status")
_FROM_TASK = (
    *("taskType", "status", "referenceTaskName", "retryCount", "correlationId", "pollCount", "taskDefName"),
    *("scheduledTime", "startTime", "endTime", "workflowInstanceId", "taskId", "reasonForIncompletion"),
    *("callbackAfterSeconds", "workerId", "iteration"),
)


def roots_of(workflow: WorkflowRecord, task_id: str | None = None) -> Roots:
    """The names with which expressions of a workflow can begin. ``CPEWF_TASK_ID`` is the id of the task itself."""

    def roots(name: str) -> Any:
        if name == "workflow":
            return _workflow_root(workflow)
        if name == "CPEWF_TASK_ID":
            return task_id
        for task in reversed(workflow.tasks):
            if base_ref(task) == name:
                return _task_root(task)
        return None

    return roots


def _workflow_root(workflow: WorkflowRecord) -> dict[str, Any]:
    wire = workflow.wire
    return {
        **{name: wire.get(name) for name in _FROM_WORKFLOW},
        "input": workflow.input,
        "output": workflow.output,
        "variables": wire["variables"],
        "workflowId": wire["workflowId"],
        "workflowType": wire["workflowName"],
        "version": wire["workflowVersion"],
        "schemaVersion": workflow.blueprint.definition["schemaVersion"],
    }


def _task_root(task: TaskRecord) -> dict[str, Any]:
    found = {name: task.wire.get(name) for name in _FROM_TASK}
    return {**found, "input": task.input, "output": task.output}


def fill(template: Any, roots: Roots) -> Any:
    """The template with its expressions replaced.

    A value that is one expression keeps its type. An expression inside of a text becomes text.
    """
    if isinstance(template, str):
        return _fill_text(template, roots) if "${" in template else template
    if isinstance(template, dict):
        return {name: fill(value, roots) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, roots) for value in template]
    return template


def expressions_in(template: Any) -> Iterator[str]:
    """The texts between ``${`` and ``}`` anywhere in a template."""
    if isinstance(template, str):
        for start, end in _spans(template):
            yield template[start + 2 : end - 1]
    elif isinstance(template, dict):
        for value in template.values():
            yield from expressions_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from expressions_in(value)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """The places of the expressions, with balanced braces. ``$${`` begins no expression."""
    position = text.find("${")
    while position >= 0:
        end = position + 2
        if position == 0 or text[position - 1] != "$":
            depth = 1
            while end < len(text) and depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            if depth:
                return
            yield position, end
        position = text.find("${", end)


def _fill_text(text: str, roots: Roots, level: int = 0) -> Any:
    parts: list[str] = []
    done = 0
    for start, end in _spans(text):
        value = _evaluate(text[start + 2 : end - 1], roots, level)
        if start == 0 and end == len(text):
            return value
        parts += [text[done:start], as_text(value)]
        done = end
    return "".join([*parts, text[done:]]).replace("$${", "${")


def _evaluate(expression: str, roots: Roots, level: int) -> Any:
    if level > MOST_INNER:
        return None
    path = as_text(_fill_text(expression, roots, level + 1)) if "${" in expression else expression
    if not path.strip():
        return ""
    steps = [_step(match) for match in _STEP.finditer(path.strip().removeprefix("$."))]
    if not steps or steps.count("*") > MOST_STARS:
        return None
    return follow(roots(str(steps[0])), steps[1:])


def _step(match: re.Match[str]) -> str | int:
    if match["index"] is not None:
        return int(match["index"])
    return match["name"] or match["single"] or match["double"] or "*"


def follow(value: Any, steps: list[str | int]) -> Any:
    """Follow a path of names, indexes, ``[*]`` and ``length()``. None if it leads to no value."""
    for position, step in enumerate(steps):
        if step == "*" and isinstance(value, list):
            found = (follow(item, steps[position + 1 :]) for item in value)
            return [item for item in found if item is not None]
        if step == "length()" and isinstance(value, dict | list | str):
            value = len(value)
        elif isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def as_text(value: Any) -> str:
    """A value inside of a text, as Java prints it: ``null``, ``true``, ``{a=1}``, ``[1, 2]``."""
    parts: list[str] = []
    waiting: list[Any] = [value]  # the next one last; recursion could overflow the stack
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            inner = [part for name, value in each.items() for part in (", ", f"{name}=", value)]
            waiting += ["}", *reversed(inner[1:])]
            parts.append("{")
        elif isinstance(each, list):
            inner = [part for value in each for part in (", ", value)]
            waiting += ["]", *reversed(inner[1:])]
            parts.append("[")
        elif each is None:
            parts.append("null")
        elif isinstance(each, bool):
            parts.append("true" if each else "false")
        else:
            parts.append(str(each))
    return "".join(parts)
