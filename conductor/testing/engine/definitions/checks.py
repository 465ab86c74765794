"""Checks of definitions, with the texts and paths of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conductor.testing.engine.records.blueprint import places, walk
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import problem
from conductor.testing.engine.tasks.registry import Kinds
from conductor.testing.expressions import patterns_in, problems_in


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


def check_workflow_def(definition: Wire, path: str, kinds: Kinds, task_defs: Mapping[str, Wire]) -> list[Wire]:
    """The problems of a normalised WorkflowDef, also task types that this server does not run.

    task_defs: the registered ones, whose inputTemplate may give a task the inputs that it needs.
    """
    problems = check_steps(definition, path, kinds, task_defs)
    if definition["schemaVersion"] != 2:
        text = "workflowDef schemaVersion: 2 is only supported"
        problems.append(problem(f"{path}.schemaVersion", text, definition["schemaVersion"]))
    if not problems:
        problems += [problem(path, text) for text in _check_references(definition)]
    return problems


def check_steps(definition: Wire, path: str, kinds: Kinds, task_defs: Mapping[str, Wire]) -> list[Wire]:
    """The problems of its name, and of its steps one by one."""
    problems = []
    name = definition.get("name")
    if not name:
        problems.append(problem(f"{path}.name", "WorkflowDef name cannot be null or empty", name))
    if not definition["tasks"]:
        problems.append(problem(f"{path}.tasks", "WorkflowTask list cannot be empty"))
    problems += [problem(f"{path}.outputParameters", text) for text in patterns_in(definition["outputParameters"])]
    for step, place in _placed(definition["tasks"], f"{path}.tasks"):
        problems += _check_step(step, place, kinds, task_defs)
    return problems


def _placed(tasks: list[Wire], path: str) -> Iterator[tuple[Wire, str]]:
    """All steps, also those inside of others, with their paths."""
    for position, step in enumerate(tasks):
        place = f"{path}[{position}]"
        yield step, place
        for name, inner in places(step).items():
            yield from _placed(inner, f"{place}.{name}")


def _check_step(step: Wire, path: str, kinds: Kinds, task_defs: Mapping[str, Wire]) -> Iterator[Wire]:
    if not step.get("name"):
        yield problem(f"{path}.name", "WorkflowTask name cannot be empty or null", step.get("name"))
    if not step.get("taskReferenceName"):
        text = "WorkflowTask taskReferenceName name cannot be empty or null"
        yield problem(f"{path}.taskReferenceName", text, step.get("taskReferenceName"))
    for text in patterns_in(step["inputParameters"]):
        yield problem(f"{path}.inputParameters", text)
    known = task_defs.get(step.get("name") or "", {})
    # The server checks no task of a loop, so that the status of a TERMINATE may be an expression there.
    is_free = step["type"] == "TERMINATE" and ".loopOver[" in path
    problems_of = kinds.problems_of_stubs if is_free else kinds.problems
    for text in problems_of({"taskDefinition": known, **step}):
        yield problem(path, text)
    inline = step.get("subWorkflowParam", {}).get("workflowDefinition")
    if isinstance(inline, dict):
        yield from check_steps(inline, f"{path}.subWorkflowParam.workflowDefinition", kinds, task_defs)


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
