"""The members that a step needs for its type, and the values that a server refuses (3.32.3)."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from conductor.linting.findings import Faults, Severity
from conductor.linting.flow import CASES, Step
from conductor.linting.scope import Scope
from conductor.models import WorkflowTaskType
from conductor.testing.engine.tasks.durations import parse_duration

_NEEDED = {
    "DO_WHILE": ("loopCondition", "loopOver"),
    "DYNAMIC": ("dynamicTaskNameParam",),
    "EVENT": ("sink",),
    "FORK_JOIN": ("forkTasks",),
    "SUB_WORKFLOW": ("subWorkflowParam",),
    "SWITCH": ("evaluatorType", "expression", "decisionCases"),
}
_NEEDED_INPUTS = {
    "HTTP": ("http_request", "uri"),
    "INLINE": ("expression",),
    "JSON_JQ_TRANSFORM": ("queryExpression",),
    "KAFKA_PUBLISH": ("kafka_request",),
}
"""One of them is needed, in the step or in the inputTemplate of its task definition."""
_EVALUATORS = ("value-param", "javascript", "graaljs", "python")
_ENDS = ("COMPLETED", "FAILED", "TERMINATED")
_TYPES_WITHOUT_ENUM = (
    *("GENERATE_AUDIO", "GENERATE_IMAGE", "GENERATE_PDF", "GENERATE_VIDEO", "HTTP_POLL", "WAIT_FOR_WEBHOOK"),
    *("BUSINESS_RULE", "GET_DOCUMENT", "GET_WORKFLOW", "JDBC", "QUERY_PROCESSOR", "OPS_GENIE", "SENDGRID", "YIELD"),
    *("UPDATE_SECRET", "UPDATE_TASK", "GRPC", "INTEGRATION", "TERMINATE_WORKFLOW", "GET_SIGNED_JWT", "LIST_FILES"),
    *("PARSE_DOCUMENT", "CHUNK_TEXT"),
)
"""Types of plug-ins of the server, and of Orkes."""
_FAILS_AT_RUN_TIME = re.compile(
    r"\.(evaluatorType|loopOver|subWorkflowParam(\.name)?|dynamicTaskNameParam|sink|forkTasks\[.*|inputParameters\..*)"
)
"""The members that a workflow cannot do without, also where no server looks before it runs."""


def member_faults(scope: Scope) -> Faults:
    """The faults of the steps themselves, without their relations."""
    yield from _of_workflow(scope)
    refs = Counter(step.ref for step in scope.steps)
    for step in scope.steps:
        if refs[step.ref] > 1 and scope.by_ref[step.ref] is step:
            severity: Severity = "warning" if scope.is_inline else "error"
            yield severity, f"{step.path}.taskReferenceName", f"another task has the reference name {step.ref!r}, too"
        yield from _unknown_type(step)
        is_checked = scope.is_checked(step)
        for member, text in chain(_of_each(step), _of_type(scope, step)):
            is_error = is_checked or _FAILS_AT_RUN_TIME.fullmatch(member)
            yield "error" if is_error else "warning", step.path + member, text


def _of_workflow(scope: Scope) -> Faults:
    wire = scope.wire
    if not scope.steps:
        yield "warning" if scope.is_inline else "error", ".tasks", "there is no task in it"
    if not scope.is_inline and not wire["name"]:
        yield "error", ".name", "it is empty"
    if not scope.is_inline and wire.get("schemaVersion") not in (None, 2):
        yield "error", ".schemaVersion", "the server takes only 2"


def _of_each(step: Step) -> Iterator[tuple[str, str]]:
    """The member and the sentence of each fault that a step of any type may have."""
    for member in ("name", "taskReferenceName"):
        if not step.wire[member]:
            yield f".{member}", "it is empty"
    if (step.wire.get("startDelay") or 0) < 0:
        yield ".startDelay", "it must be 0 or more"
    if step.kind in CASES:
        cases = {f".decisionCases.{case}": tasks for case, tasks in (step.wire.get("decisionCases") or {}).items()}
        cases[".defaultCase"] = step.wire.get("defaultCase", [])
        yield from ((path, "it must be a list, not null") for path, tasks in cases.items() if tasks is None)


def _unknown_type(step: Step) -> Faults:
    known = [*WorkflowTaskType.__members__, *_TYPES_WITHOUT_ENUM]
    if step.kind not in known:
        near = difflib.get_close_matches(step.kind.upper(), known, n=1, cutoff=0.85)
        text = f"{step.kind!r} is no type of the server: it would wait for a worker of this name"
        yield "warning", f"{step.path}.type", text + (f"; the nearest type is {near[0]}" if near else "")


def _of_type(scope: Scope, step: Step) -> Iterator[tuple[str, str]]:
    """The same for faults that only steps of some types have."""
    for member in _NEEDED.get(step.kind, ()):
        if not step.wire.get(member) and step.wire.get(member) != "":
            yield f".{member}", f"{step.kind} tasks need it"
    inputs = scope.known.inputs(step)
    if (needed := _NEEDED_INPUTS.get(step.kind)) and not any(name in inputs for name in needed):
        yield f".inputParameters.{needed[0]}", f"{step.kind} tasks need it"
    if step.kind == "TERMINATE":
        yield from _terminate(step, scope.is_checked(step))
    if step.kind in _CHECKS:
        yield from _CHECKS[step.kind](step, inputs)


def _switch(step: Step, _: dict[str, Any]) -> Iterator[tuple[str, str]]:
    evaluator = step.wire.get("evaluatorType")
    if evaluator and evaluator not in _EVALUATORS:
        yield ".evaluatorType", _no_evaluator(evaluator)


def _no_evaluator(name: object) -> str:
    return f"the server has no evaluator {name!r}: it must be one of {', '.join(_EVALUATORS)}"


def _inline(_: Step, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    evaluator = inputs.get("evaluatorType")
    if evaluator is not None and not _is_expression(evaluator) and evaluator not in _EVALUATORS:
        yield ".inputParameters.evaluatorType", _no_evaluator(evaluator)


def _http(_: Step, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Without http_request, the inputs themselves are the request. If they have no uri, that is a fault of its own."""
    request = inputs.get("http_request")
    path, given = (".inputParameters", inputs) if request is None else (".inputParameters.http_request", request)
    if isinstance(given, dict) and {"http_request", "uri"} & inputs.keys():
        yield from ((f"{path}.{name}", "HTTP tasks need it") for name in ("uri", "method") if given.get(name) is None)


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and "${" in value


def _decision(step: Step, _: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if step.wire.get("caseValueParam") is None and step.wire.get("caseExpression") is None:
        yield ".caseValueParam", "DECISION tasks need it, or caseExpression"
    if not step.wire.get("decisionCases"):
        yield ".decisionCases", "DECISION tasks need it"


def _fork(step: Step, _: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for index, branch in enumerate(step.wire.get("forkTasks") or []):
        if not branch:
            yield f".forkTasks[{index}]", "a branch needs a task: no workflow gets past this FORK_JOIN"


def _dynamic_fork(step: Step, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    whole = step.wire.get("dynamicForkJoinTasksParam") is not None
    parts = [name for name in ("dynamicForkTasksParam", "dynamicForkTasksInputParamName") if step.wire.get(name)]
    if whole and parts:
        yield f".{parts[0]}", "it cannot stand beside dynamicForkJoinTasksParam"
    for name in ("dynamicForkTasksParam", "dynamicForkTasksInputParamName"):
        if not whole and name not in parts and "forkTaskInputs" not in inputs:
            yield f".{name}", "FORK_JOIN_DYNAMIC tasks need it"


def _sub_workflow(step: Step, _: dict[str, Any]) -> Iterator[tuple[str, str]]:
    param = step.wire.get("subWorkflowParam")
    if param is not None and not param.get("name") and not param.get("workflowDefinition"):
        yield ".subWorkflowParam.name", "SUB_WORKFLOW tasks need it, or workflowDefinition"
    inline = (param or {}).get("workflowDefinition")
    if isinstance(inline, str) and not (inline.startswith("${") and inline.endswith("}")):
        yield ".subWorkflowParam.workflowDefinition", "it must be an object, or one expression"


def _terminate(step: Step, is_checked: bool) -> Iterator[tuple[str, str]]:
    if step.wire.get("optional"):
        yield ".optional", "a TERMINATE cannot be optional"
    status = str(step.inputs.get("terminationStatus"))
    if status not in _ENDS and (is_checked or not status.startswith("${")):
        yield ".inputParameters.terminationStatus", f"it must be one of {', '.join(_ENDS)}, and no expression"


def _wait(step: Step, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if step.wire.get("inputParameters", {}) is None:
        yield ".inputParameters", "it must be an object, not null"
    duration, until = (str(inputs.get(name) or "").strip() for name in ("duration", "until"))
    if duration and until:
        yield ".inputParameters.until", "it cannot stand beside duration"
    elif duration and not duration.startswith("${") and not _is_duration(duration):
        yield ".inputParameters.duration", f"{duration!r} is no duration: write it as 1 hour 10 minutes, or 5s"


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


_CHECKS: dict[str, Callable[[Step, dict[str, Any]], Iterator[tuple[str, str]]]] = {
    "SWITCH": _switch,
    "DECISION": _decision,
    "FORK_JOIN": _fork,
    "FORK_JOIN_DYNAMIC": _dynamic_fork,
    "HTTP": _http,
    "INLINE": _inline,
    "SUB_WORKFLOW": _sub_workflow,
    "WAIT": _wait,
}
