"""The steps that a DYNAMIC or FORK_JOIN_DYNAMIC task makes of its input, as the server makes them (3.32.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conductor.testing.engine.model import Refusal, TaskRecord, Termination, Wire
from conductor.testing.expressions import as_text

Given = Mapping[str, Any]
"""The input of the task."""
Normalise = Callable[[Wire], Wire]
"""Makes a whole task of a definition from a part of one. Any error: it is none."""


def dynamic_name(workflow_task: Wire, given: Given) -> str:
    """The name that the input of a DYNAMIC task gives it. Termination: there is none."""
    member = workflow_task["dynamicTaskNameParam"]
    if given.get(member) is None:
        raise Termination(
            "Cannot map a dynamic task based on the parameter and input. "
            f"Parameter= {member}, input= {as_text(dict(given))}"
        )
    return as_text(given[member])


def forked_steps(workflow_task: Wire, given: Given, normalise: Normalise, *, is_nested: bool) -> list[Wire]:
    """The steps of a FORK_JOIN_DYNAMIC task, with their inputs. Termination: the input does not give them.

    is_nested: the workflow has a task of this kind already, so that the names of the steps get another prefix.
    """
    if isinstance(given.get("forkTaskInputs"), list):
        return [normalise(step) for step in _steps_of_inputs(workflow_task, given, is_nested=is_nested)]
    if workflow_task.get("dynamicForkTasksParam") is not None:
        steps, inputs = _steps_and_inputs(workflow_task, given, normalise)
    else:
        steps, inputs = _steps_of_list(workflow_task, given, normalise)
    for step in steps:
        step["inputParameters"] = {**step["inputParameters"], **(inputs.get(step["taskReferenceName"]) or {})}
    return steps


def _steps_and_inputs(workflow_task: Wire, given: Given, normalise: Normalise) -> tuple[list[Wire], Mapping[str, Any]]:
    member = workflow_task["dynamicForkTasksParam"]
    try:
        steps = [normalise(step) for step in _list(given.get(member))]
        if any(not step.get("taskReferenceName") for step in steps):
            raise ValueError("a step has no name")
    except (TypeError, ValueError, KeyError, AttributeError, Refusal):
        raise Termination(
            f"Input '{member}' is invalid. Cannot deserialize a list of Workflow Tasks from"
            f" '{as_text(given.get(member))}'"
        ) from None
    inputs = given.get(workflow_task["dynamicForkTasksInputParamName"])
    if not isinstance(inputs, Mapping):
        raise Termination(
            f"Input to the dynamically forked tasks is not a map -> expecting a map of K,V  but found {as_text(inputs)}"
        )
    return steps, inputs


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _steps_of_list(workflow_task: Wire, given: Given, normalise: Normalise) -> tuple[list[Wire], Mapping[str, Any]]:
    member = workflow_task["dynamicForkJoinTasksParam"]
    found = given.get(member)
    if not isinstance(found, Mapping) or not isinstance(found.get("dynamicTasks"), list):
        raise Termination(
            f"Dynamic tasks could not be created. The value of {member} from task's input {as_text(dict(given))}"
            " has no dynamic tasks to be scheduled"
        )
    tasks: Sequence[Given] = found["dynamicTasks"]
    steps = [
        normalise(
            {
                "name": task.get("taskName"),
                "taskReferenceName": task.get("referenceName"),
                "type": task.get("type") or "SIMPLE",
            }
        )
        for task in tasks
    ]
    return steps, {task.get("referenceName", ""): task.get("input") for task in tasks}


def _steps_of_inputs(workflow_task: Wire, given: Given, *, is_nested: bool) -> list[Wire]:
    """One step for each member of ``forkTaskInputs``, all of one task or of one workflow."""
    child, kind = given.get("forkTaskWorkflow"), given.get("forkTaskType") or "SIMPLE"
    name = given.get("forkTaskName") or (kind if kind != "SIMPLE" else workflow_task["taskReferenceName"])
    prefix = f"_{workflow_task['taskReferenceName']}_{name}" if is_nested else f"_{name}"
    steps = []
    for index, inputs in enumerate(given["forkTaskInputs"]):
        own = dict(inputs) if isinstance(inputs, Mapping) else {"input": inputs}
        step: Wire = {
            "taskReferenceName": f"{prefix}_{index}",
            "inputParameters": {**own, "__index": index},
            "optional": workflow_task["optional"],
        }
        if child is None:
            step.update(name=name, type=kind)
        else:
            version = str(given.get("forkTaskWorkflowVersion") or "")
            of_child = {"name": child, "version": int(version) if version.isdigit() else None}
            step.update(name=child, type="SUB_WORKFLOW", subWorkflowParam=of_child)
        steps.append(step)
    return steps


def keep_step(task: TaskRecord) -> TaskRecord:
    """The task, which keeps its step, because the definition of the workflow does not have it."""
    task.wire["workflowTask"] = task.workflow_task
    return task
