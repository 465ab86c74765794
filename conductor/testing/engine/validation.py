"""Checks of definitions and results, with the texts and paths of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine.blueprint import walk
from conductor.testing.engine.conditions import parse
from conductor.testing.engine.durations import parse_duration, parse_until
from conductor.testing.engine.model import Refusal, Wire
from conductor.testing.engine.script_tasks import LANGUAGES, VALUE_PARAM
from conductor.testing.engine.stubs import Stubs
from conductor.testing.expressions import problems_in
from conductor.testing.scripts import EngineMissingError, ScriptError, check_syntax, javascript_engine, jq_engine

UNSUPPORTED_TYPES = frozenset(
    {
        *("START_WORKFLOW", "EVENT", "HTTP", "KAFKA_PUBLISH"),
        *("LLM_TEXT_COMPLETE", "LLM_CHAT_COMPLETE"),
        *("LLM_INDEX_TEXT", "LLM_SEARCH_INDEX", "LLM_GENERATE_EMBEDDINGS", "LLM_STORE_EMBEDDINGS"),
        *("LLM_GET_EMBEDDINGS", "LIST_MCP_TOOLS", "CALL_MCP_TOOL", "PULL_WORKFLOW_MESSAGES", "AGENT"),
        *("GET_AGENT_CARD", "CANCEL_AGENT"),
    }
)
"""System tasks that the real server runs and this one does not."""

_MISSING: Any = object()


def refuse(problems: list[Wire]) -> None:
    """Raise the server's 400 if there is a problem."""
    if problems:
        raise Refusal(400, "Validation failed, check below errors for detail.", problems)


def problem(path: str, message: str, invalid: Any = _MISSING) -> Wire:
    """An entry of validationErrors. The value is left out if it is null or an object."""
    found = {"path": path, "message": message}
    if invalid is not _MISSING and invalid is not None:
        found["invalidValue"] = str(invalid)
    return found


def check_task_def(definition: Wire, path: str) -> list[Wire]:
    """The problems of a normalised TaskDef."""
    problems = []
    name = definition.get("name")
    if not name:
        problems.append(problem(f"{path}.name", "TaskDef name cannot be null or empty", name))
    for member, least, message in (
        # In the server's texts the limit stands in place of the value.
        ("retryCount", 0, "TaskDef retryCount: 0 must be >= 0"),
        ("responseTimeoutSeconds", 1, None),
        ("backoffScaleFactor", 1, "Backoff scale factor. Applicable for LINEAR_BACKOFF"),
        ("pollTimeoutSeconds", 0, "TaskDef pollTimeoutSeconds: 0 must be >= 0"),
    ):
        value = definition.get(member, least)
        if value < least:
            text = message or f"TaskDef responseTimeoutSeconds: {value} should be minimum 1 second"
            problems.append(problem(f"{path}.{member}", text, value))
    timeout, response = definition["timeoutSeconds"], definition["responseTimeoutSeconds"]
    total = definition["totalTimeoutSeconds"]
    if 0 < timeout < response:
        text = (
            f"TaskDef: {name or 'null'} responseTimeoutSeconds: {response} must be less than timeoutSeconds: {timeout}"
        )
        problems.append(problem(path, text))
    if 0 < total < timeout:
        text = f"TaskDef: {name} timeoutSeconds: {timeout} must be less than or equal to totalTimeoutSeconds: {total}"
        problems.append(problem(path, text))
    return problems


def check_workflow_def(definition: Wire, path: str, stubs: Stubs) -> list[Wire]:
    """The problems of a normalised WorkflowDef, also task types that this server does not run."""
    problems = []
    name = definition.get("name")
    if not name:
        problems.append(problem(f"{path}.name", "WorkflowDef name cannot be null or empty", name))
    if not definition["tasks"]:
        problems.append(problem(f"{path}.tasks", "WorkflowTask list cannot be empty"))
    if definition["schemaVersion"] != 2:
        text = "workflowDef schemaVersion: 2 is only supported"
        problems.append(problem(f"{path}.schemaVersion", text, definition["schemaVersion"]))
    for position, task in enumerate(definition["tasks"]):
        problems += _check_named(task, f"{path}.tasks[{position}]", stubs)
    if not problems:
        problems += [problem(path, text) for text in _check_references(definition)]
    return problems


def _check_named(task: Wire, path: str, stubs: Stubs) -> Iterator[Wire]:
    for inner in walk([task]):
        if not inner.get("name"):
            yield problem(f"{path}.name", "WorkflowTask name cannot be empty or null", inner.get("name"))
        if not inner.get("taskReferenceName"):
            text = "WorkflowTask taskReferenceName name cannot be empty or null"
            yield problem(f"{path}.taskReferenceName", text, inner.get("taskReferenceName"))
        for text in () if stubs.of(inner) is not None else _check_task(inner):
            yield problem(path, text)


def check_step(task: Wire, stubs: Stubs) -> list[str]:
    """The problems of a step that is made while its workflow runs."""
    return [text for inner in walk([task]) if stubs.of(inner) is None for text in _check_task(inner)]


def _check_task(task: Wire) -> list[str]:
    kind, name = task["type"], task.get("name")
    if kind in UNSUPPORTED_TYPES:
        return [f"the embedded server does not support taskType: {kind} taskName: {name}"]
    check = _CHECKS.get(kind)
    try:
        return check(task, f"taskType: {kind} taskName: {name}") if check else []
    except EngineMissingError as error:
        return [f"{error}, for taskType: {kind} taskName: {name}"]


def _check_switch(task: Wire, where: str) -> list[str]:
    problems = []
    if "evaluatorType" not in task:
        problems.append(f"evaluatorType field is required for {where}")
    elif "expression" not in task:
        problems.append(f"expression field is required for {where}")
    elif task["evaluatorType"] not in (VALUE_PARAM, *LANGUAGES):
        problems.append(
            f"the embedded server supports the evaluatorTypes value-param, javascript and graaljs, not"
            f" {task['evaluatorType']}, for {where}"
        )
    if not task["decisionCases"]:
        problems.append(f"decisionCases should have atleast one task for {where}")
    if task.get("evaluatorType") in LANGUAGES and "expression" in task:
        problems += _check_script(task["expression"], task, checks_syntax=task["evaluatorType"] == "javascript")
    return problems


def _check_decision(task: Wire, where: str) -> list[str]:
    problems = []
    if "caseValueParam" not in task and "caseExpression" not in task:
        problems.append(f"caseValueParam or caseExpression field is required for {where}")
    if not task["decisionCases"]:
        problems.append(f"decisionCases should have atleast one task for {where}")
    if "caseExpression" in task:
        problems += _check_script(task["caseExpression"], task)
    return problems


def _check_script(script: str, task: Wire, *, checks_syntax: bool = True) -> list[str]:
    javascript_engine()
    try:
        if checks_syntax:
            check_syntax(script)
    except ScriptError as error:
        return [f"Expression is not well formatted: {error}, taskType: {task['type']} taskName {task['name']}"]
    return []


def _check_inline(task: Wire, where: str) -> list[str]:
    javascript_engine()
    language = task["inputParameters"].get("evaluatorType")
    if language == "python":
        return [f"the embedded server does not run Python, for {where}"]
    return []


def _check_lambda(_task: Wire, _where: str) -> list[str]:
    javascript_engine()
    return []


def _check_jq(task: Wire, where: str) -> list[str]:
    jq_engine()
    if "queryExpression" not in task["inputParameters"]:
        return [f"inputParameters.queryExpression field is required for {where}"]
    return []


def _check_loop(task: Wire, where: str) -> list[str]:
    problems = []
    if not task["loopOver"]:
        problems.append(f"loopOver field is required for {where}")
    if "items" in task or "keepLastN" in task["inputParameters"]:
        problems.append(f"the embedded server supports neither items nor keepLastN for {where}")
    if "loopCondition" not in task:
        return [*problems, f"loopCondition field is required for {where}"]
    return [*problems, *_check_condition(task["loopCondition"], where)]


def _check_condition(condition: str, where: str) -> list[str]:
    """Without the engine, only simple conditions are read. The server does not check the syntax (3.32.3)."""
    try:
        javascript_engine()
    except EngineMissingError as error:
        try:
            parse(condition)
        except ValueError as unread:
            return [f"the embedded server cannot evaluate this loopCondition ({unread}): {error}, for {where}"]
    return []


def _check_dynamic(task: Wire, where: str) -> list[str]:
    return [] if "dynamicTaskNameParam" in task else [f"dynamicTaskNameParam field is required for {where}"]


def _check_dynamic_fork(task: Wire, where: str) -> list[str]:
    if "forkTaskInputs" in task["inputParameters"]:
        return []
    separate = ("dynamicForkTasksParam", "dynamicForkTasksInputParamName")
    if "dynamicForkJoinTasksParam" in task:
        if any(member in task for member in separate):
            either = "dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and"
            return [f"{either} dynamicForkTasksParam cam be used for {where}"]
        return []
    return [f"{member} field is required for {where}" for member in separate if member not in task]


def _check_fork(task: Wire, where: str) -> list[str]:
    return [] if task["forkTasks"] else [f"forkTasks should have atleast one task for {where}"]


def _check_terminate(task: Wire, _: str) -> list[str]:
    problems = []
    name, status = task.get("name"), str(task["inputParameters"].get("terminationStatus"))
    if task["optional"]:
        problems.append(f"terminate task cannot be optional, taskName: {name}")
    if status not in {"COMPLETED", "FAILED", "TERMINATED"} and not status.startswith("${"):
        problems.append(
            "terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, "
            f"taskName: {name}"
        )
    return problems


def _check_sub_workflow(task: Wire, where: str) -> list[str]:
    if "subWorkflowParam" not in task:
        return [f"subWorkflowParam field is required for {where}"]
    if not isinstance(task["subWorkflowParam"].get("name"), str) or "workflowDefinition" in task["subWorkflowParam"]:
        return [f"the embedded server supports sub-workflows by name only, for {where}"]
    return []


def _check_wait(task: Wire, _: str) -> list[str]:
    duration, until = (str(task["inputParameters"].get(name) or "").strip() for name in ("duration", "until"))
    if duration and until:
        return ["Both 'duration' and 'until' specified. Please provide only one input"]
    try:
        if duration and not duration.startswith("${"):
            parse_duration(duration)
    except ValueError:
        return ["Either date or duration is passed as null "]
    try:
        if until and not until.startswith("${"):
            parse_until(until)
    except ValueError:
        return ["Unable to parse date "]
    return []


_CHECKS = {
    "SWITCH": _check_switch,
    "DECISION": _check_decision,
    "DYNAMIC": _check_dynamic,
    "FORK_JOIN_DYNAMIC": _check_dynamic_fork,
    "INLINE": _check_inline,
    "LAMBDA": _check_lambda,
    "JSON_JQ_TRANSFORM": _check_jq,
    "DO_WHILE": _check_loop,
    "FORK_JOIN": _check_fork,
    "TERMINATE": _check_terminate,
    "SUB_WORKFLOW": _check_sub_workflow,
    "WAIT": _check_wait,
}


def _check_references(definition: Wire) -> Iterator[str]:
    """Problems of reference names that are not unique, and of expressions that name no task."""
    seen: set[str] = set()
    for task in walk(definition["tasks"]):
        ref = task["taskReferenceName"]
        if ref in seen:
            yield (
                f"taskReferenceName: {ref} should be unique across tasks for a given workflowDefinition: "
                f"{definition['name']}"
            )
        seen.add(ref)
    for task in definition["tasks"]:
        yield from problems_in(task["inputParameters"], task["name"], seen)


def check_result(result: Wire) -> list[Wire]:
    """The members that a TaskResult must have on ``POST /tasks``."""
    problems = []
    for member, message in (
        ("workflowInstanceId", "Workflow Id cannot be null or empty"),
        ("taskId", "Task ID cannot be null or empty"),
    ):
        if not result.get(member):
            problems.append(problem(f"updateTask.arg0.{member}", message, result.get(member)))
    return problems
