"""Expressions such as ``${workflow.input.amount}``: their syntax, and the names in them.

Server 3.32.3 checks the inputParameters of the outermost tasks when a definition is registered. In other places an
expression that it cannot read, or that names nothing, gives null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from conductor.linting.findings import Faults, Severity, nearest
from conductor.linting.flow import Step, are_in_one_loop, order
from conductor.linting.scope import Scope
from conductor.testing.expressions.checks import checked_paths, is_path
from conductor.testing.expressions.template import SYSTEM_NAMES

_OPEN = re.compile(r"(?<!\$)\$\{[\w.\-\[\]'\"]*$")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_OF_WORKFLOW = (
    *("input", "output", "variables", "status", "workflowId", "workflowType", "version", "correlationId", "secrets"),
    *("parentWorkflowId", "parentWorkflowTaskId", "reasonForIncompletion", "schemaVersion", "env", "taskToDomain"),
    *("ownerApp", "createTime", "priority"),
)
_OF_TASK = (
    *("input", "output", "params", "taskType", "status", "referenceTaskName", "retryCount", "correlationId"),
    *("pollCount", "taskDefName", "scheduledTime", "startTime", "endTime", "workflowInstanceId", "taskId"),
    *("reasonForIncompletion", "callbackAfterSeconds", "workerId", "iteration"),
)
_ORDER = {
    "after": "{} comes after this task, so it has no output yet",
    "inside": "{} is inside of this task, so it has no output yet",
    "other case": "{} is in another case of the same {}, so it has not run",
    "other branch": "{} is in another branch of the same {}, so it may not have ended",
}


def expression_faults(scope: Scope) -> Faults:
    """The faults of all expressions of a workflow, without those of inline sub-workflows."""
    for step in scope.steps:
        is_checked = not step.around and not scope.is_inline
        for path, text in _texts(step.inputs, f"{step.path}.inputParameters"):
            yield from _faults(scope, step, path, text, is_checked)
        param = dict(step.wire.get("subWorkflowParam") or {})
        if isinstance(param.get("workflowDefinition"), dict):
            del param["workflowDefinition"]
        for path, text in _texts(param, f"{step.path}.subWorkflowParam"):
            yield from _faults(scope, step, path, text, is_checked=False)
    for path, text in _texts(scope.wire.get("outputParameters"), ".outputParameters"):
        yield from _faults(scope, None, path, text, is_checked=False)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The texts in a JSON value, and their places."""
    waiting = [(path, value)]
    while waiting:
        path, each = waiting.pop()
        if isinstance(each, str):
            yield path, each
        elif isinstance(each, dict):
            waiting += [(f"{path}.{key}", inner) for key, inner in reversed(each.items())]
        elif isinstance(each, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in reversed([*enumerate(each)])]


def _faults(scope: Scope, step: Step | None, path: str, text: str, is_checked: bool) -> Faults:
    if unclosed := _OPEN.search(text):
        yield "warning", path, f"the expression {unclosed.group()} is not closed, so it is taken as a text"
    for expression in checked_paths(text):
        for severity, sentence in _faults_of_one(scope, step, expression, is_checked):
            yield severity, path, sentence


def _faults_of_one(scope: Scope, step: Step | None, path: str, is_checked: bool) -> Iterator[tuple[Severity, str]]:
    if not is_path(path):
        yield (
            "error" if is_checked else "warning",
            f"${{{path}}} is no path: it has a blank, an empty part or a key without quotes",
        )
        return
    root = path.split(".", maxsplit=1)[0] if is_checked else re.split(r"[.\[]", path, maxsplit=1)[0]
    if root == "workflow":
        yield from _of_workflow(scope, path)
    elif path in SYSTEM_NAMES:
        return
    elif (target := scope.by_ref.get(root)) is None:
        yield from _unknown(scope, path, root, is_checked)
    else:
        yield from _unknown_member(path, root, _OF_TASK)
        if step is not None:
            yield from _too_early(step, target)


def _unknown(scope: Scope, path: str, root: str, is_checked: bool) -> Iterator[tuple[Severity, str]]:
    if _VARIABLE.fullmatch(path):
        yield "warning", f"no task has the reference name {path}: it must be an environment variable of the server"
    elif is_checked:
        yield "error", f"no task has the reference name {root!r}{nearest(root, scope.by_ref)}: the server refuses it"
    elif not scope.makes_steps:
        yield "warning", f"no task has the reference name {root!r}{nearest(root, scope.by_ref)}: its value is null"


def _of_workflow(scope: Scope, path: str) -> Iterator[tuple[Severity, str]]:
    yield from _unknown_member(path, "workflow", _OF_WORKFLOW)
    declared = scope.wire.get("inputParameters")
    name = re.fullmatch(r"workflow\.input\.([\w-]+)(?:[.\[].*)?", path)
    if not declared or name is None:
        return
    properties = ((scope.wire.get("inputSchema") or {}).get("data") or {}).get("properties")
    known = {*declared, *(scope.wire.get("inputTemplate") or {})}
    known |= {*properties} if isinstance(properties, dict) else set()
    if name[1] not in known:
        yield "warning", f"inputParameters of the workflow do not name {name[1]!r}{nearest(name[1], declared)}"


def _unknown_member(path: str, root: str, known: tuple[str, ...]) -> Iterator[tuple[Severity, str]]:
    """Only members that are nearly those that exist: newer servers may have others."""
    member = re.match(r"\.(\w+)", path[len(root) :])
    if member and member[1] not in known and (like := nearest(member[1], known)):
        yield "warning", f"{root} has no member {member[1]!r}{like}"


def _too_early(step: Step, target: Step) -> Iterator[tuple[Severity, str]]:
    when = order(step, target)
    if when == "before" or are_in_one_loop(step, target):
        return
    common = next((each.kind for each in reversed(step.around) if each in target.around), "")
    text = _ORDER[when].format(target.ref, common)
    yield "warning", text if target is not step else f"{target.ref} is this task itself, which has no output yet"
