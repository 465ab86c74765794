"""FORK_JOIN_DYNAMIC: begins the steps that its input gives, as the server makes them (3.32.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Refusal, Termination
from conductor.testing.engine.tasks.branches import join_after, new_fork
from conductor.testing.engine.tasks.kind import EngineTask, Making
from conductor.testing.expressions import as_text

Given = Mapping[str, Any]
"""The input of the task."""
Normalise = Callable[[Wire], Wire]
"""Makes a whole task of a definition from a part of one. Any error: it is none."""


class ForkJoinDynamic(EngineTask):
    """The fork itself is done at once. The JOIN after it waits for all its steps."""

    def problems(self, step: Wire, where: str) -> list[str]:
        if "forkTaskInputs" in step["inputParameters"]:
            return []
        separate = ("dynamicForkTasksParam", "dynamicForkTasksInputParamName")
        if "dynamicForkJoinTasksParam" in step:
            if any(member in step for member in separate):
                either = "dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and"
                return [f"{either} dynamicForkTasksParam cam be used for {where}"]
            return []
        return [f"{member} field is required for {where}" for member in separate if member not in step]

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The fork, the first tasks of its steps, and the JOIN."""
        workflow = making.workflow
        fork = new_fork(making, step, retry_count)
        given = making.filled(step["inputParameters"], fork.task_id)
        is_nested = any(task.workflow_task.get("type") == "FORK_JOIN_DYNAMIC" for task in workflow.tasks)
        steps = _forked_steps(step, given, making.steps.own_step, is_nested=is_nested)
        refs = [inner["taskReferenceName"] for inner in steps]
        fork.wire.update(executed=True, inputData={"forkedTasks": refs, "forkedTaskDefs": steps, **given})
        branches = [_begun(making, inner, retry_count) for inner in steps]
        joined = [branch[-1].ref for branch in branches]  # for a choice, the first task of the chosen branch
        return [fork, *(task for branch in branches for task in branch), _join(making, step, joined)]


def _begun(making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
    made = making.begin(step, retry_count)
    if not made:
        raise Termination(f"No dynamic tasks could be created: the name {step['taskReferenceName']} is in use")
    return made


def _join(making: Making, fork: Wire, refs: list[str]) -> TaskRecord:
    """The JOIN behind the fork, which waits for its steps."""
    reason = "Dynamic join definition is not followed by a join task.  Check the workflow definition."
    step = join_after(making, fork, reason)
    (join,) = making.kinds.of_step(step).make(making, step, 0)
    join.wire["inputData"] = {**step["inputParameters"], "joinOn": refs}
    return join


def _forked_steps(workflow_task: Wire, given: Given, normalise: Normalise, *, is_nested: bool) -> list[Wire]:
    """The steps of a FORK_JOIN_DYNAMIC task, with their inputs. Termination: the input does not give them.

    is_nested: the workflow has a task of this kind already, so that the names of the steps get another prefix.
    """
    if isinstance(given.get("forkTaskInputs"), list):
        return [normalise(step) for step in _steps_of_inputs(workflow_task, given, is_nested=is_nested)]
    if workflow_task.get("dynamicForkTasksParam") is not None:
        return _steps_and_inputs(workflow_task, given, normalise)
    return _steps_of_list(workflow_task, given, normalise)


def _steps_and_inputs(workflow_task: Wire, given: Given, normalise: Normalise) -> list[Wire]:
    member = workflow_task["dynamicForkTasksParam"]
    inputs = given.get(workflow_task["dynamicForkTasksInputParamName"])
    by_ref = inputs if isinstance(inputs, Mapping) else {}
    try:
        steps = [normalise(_with_input(step, by_ref)) for step in _list(given.get(member))]
        if any(not step.get("taskReferenceName") for step in steps):
            raise ValueError("a step has no name")
    except (TypeError, ValueError, KeyError, AttributeError, Refusal):
        raise Termination(
            f"Input '{member}' is invalid. Cannot deserialize a list of Workflow Tasks from"
            f" '{as_text(given.get(member))}'"
        ) from None
    if not isinstance(inputs, Mapping):
        raise Termination(
            f"Input to the dynamically forked tasks is not a map -> expecting a map of K,V  but found {as_text(inputs)}"
        )
    return steps


def _with_input(step: Wire, inputs: Mapping[str, Any]) -> Wire:
    """The step with its part of the inputs, which a step may need to be complete."""
    parameters = {**(step.get("inputParameters") or {}), **(inputs.get(step.get("taskReferenceName", "")) or {})}
    return {**step, "inputParameters": parameters}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _steps_of_list(workflow_task: Wire, given: Given, normalise: Normalise) -> list[Wire]:
    member = workflow_task["dynamicForkJoinTasksParam"]
    found = given.get(member)
    if not isinstance(found, Mapping) or not isinstance(found.get("dynamicTasks"), list):
        raise Termination(
            f"Dynamic tasks could not be created. The value of {member} from task's input {as_text(dict(given))}"
            " has no dynamic tasks to be scheduled"
        )
    tasks: Sequence[Given] = found["dynamicTasks"]
    return [
        normalise(
            {
                "name": task.get("taskName"),
                "taskReferenceName": task.get("referenceName"),
                "type": task.get("type") or "SIMPLE",
                "inputParameters": task.get("input") or {},
            }
        )
        for task in tasks
    ]


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
