"""DO_WHILE: runs its body again and again."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.blueprint import contains
from conductor.testing.engine.records.records import CHOICES, UNSUCCESSFUL, TaskRecord, Wire, WorkflowRecord, base_ref
from conductor.testing.engine.tasks.conditions import parse
from conductor.testing.engine.tasks.kind import RATE_LIMITS, EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import FAILED_FOR_GOOD, complete, fail
from conductor.testing.scripts import EngineMissingError, ScriptError, TimeLimitError, evaluate, javascript_engine


class DoWhile(EngineTask):
    """The body is run at least once. After each iteration the condition decides."""

    def problems(self, step: Wire, where: str) -> list[str]:
        problems = []
        if not step["loopOver"]:
            problems.append(f"loopOver field is required for {where}")
        if "items" in step or "keepLastN" in step["inputParameters"]:
            problems.append(f"the embedded server supports neither items nor keepLastN for {where}")
        if "loopCondition" not in step:
            return [*problems, f"loopCondition field is required for {where}"]
        return [*problems, *_condition_problems(step["loopCondition"], where)]

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The loop alone. It begins its body when it is executed."""
        earlier = making.workflow.latest(step["taskReferenceName"])
        if earlier and earlier.ended:
            return []
        (task,) = super().make(making, step, retry_count)
        task.wire.update({member: task.definition[member] for member in RATE_LIMITS})
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """Begin the first or the next iteration, fail with a task of the body, or end by the condition."""
        body = _iteration(run.workflow, task)
        if not body:
            return _begin_iteration(run, task, 1)
        output: dict[str, Any] = {}
        for member in body.values():
            output[base_ref(member)] = member.output
            if member.status in UNSUCCESSFUL:
                fail(task, f"{member.wire.get('reasonForIncompletion', 'null')} ")
                break
        iteration = task.wire["iteration"]
        if not (task.ended or _iteration_ended(task, run.workflow, body)):
            return False
        task.wire["outputData"] = {**task.wire["outputData"], str(iteration): output}
        if task.ended:
            return True
        try:
            goes_on = _condition_holds(run, task)
        except (ScriptError, TimeLimitError) as error:
            text = f"Unable to evaluate condition {task.workflow_task['loopCondition']}, exception {error}"
            return fail(task, text, FAILED_FOR_GOOD)
        return _begin_iteration(run, task, iteration + 1) if goes_on else complete(task)


def _condition_problems(condition: str, where: str) -> list[str]:
    """Without the engine, only simple conditions are read. The server does not check the syntax (3.32.3)."""
    try:
        javascript_engine()
    except EngineMissingError as error:
        try:
            parse(condition)
        except ValueError as unread:
            return [f"the embedded server cannot evaluate this loopCondition ({unread}): {error}, for {where}"]
    return []


def _iteration(workflow: WorkflowRecord, loop: TaskRecord) -> dict[str, TaskRecord]:
    """The tasks of the current iteration. Of several tries the last one counts."""
    found: dict[str, TaskRecord] = {}
    for task in workflow.tasks:
        if (
            task is not loop
            and task.wire["iteration"] == loop.wire["iteration"] > 0
            and contains(loop.workflow_task, base_ref(task))
            and (task.ref not in found or task.wire["retryCount"] > found[task.ref].wire["retryCount"])
        ):
            found[task.ref] = task
    return found


def _iteration_ended(loop: TaskRecord, workflow: WorkflowRecord, body: dict[str, TaskRecord]) -> bool:
    """Whether each task has ended, and the tasks after it inside of the loop have been scheduled and have ended."""
    suffix = f"__{loop.wire['iteration']}"
    expected = {task["taskReferenceName"] + suffix for task in loop.workflow_task["loopOver"]}
    for task in body.values():
        has_branch = task.wire["taskType"] in CHOICES and task.wire["inputData"].get("hasChildren")
        following = None if has_branch else workflow.blueprint.next_task(base_ref(task))
        if following is not None and following["taskReferenceName"] != loop.ref:
            expected.add(following["taskReferenceName"] + suffix)
    return expected <= body.keys() and all(task.ended for task in body.values())


def _begin_iteration(run: Run, loop: TaskRecord, iteration: int) -> bool:
    """Begin an iteration. Returns whether it has begun: not if an operator has skipped its first task (3.32.3)."""
    tasks = run.making.begin(loop.workflow_task["loopOver"][0], loop.wire["retryCount"])
    if not tasks:
        return False
    loop.wire["iteration"] = iteration
    loop.wire["outputData"] = {**loop.wire["outputData"], "iteration": iteration}
    for task in tasks:
        task.wire["referenceTaskName"] += f"__{iteration}"
        task.wire["iteration"] = iteration
    run.schedule(tasks)
    return True


def _condition_holds(run: Run, loop: TaskRecord) -> bool:
    """Whether the loop goes on. Without an engine for JavaScript, a simple condition is read here."""
    condition = loop.workflow_task["loopCondition"]
    bindings = _bindings(run, loop)
    try:
        return evaluate(condition, bindings).is_true
    except EngineMissingError:
        return bool(parse(condition)(bindings.get))


def _bindings(run: Run, loop: TaskRecord) -> dict[str, Any]:
    """The values of ``$`` in a condition: the inputs of the loop, and the outputs of its tasks and of itself."""
    tasks = run.workflow.tasks
    inside = [task for task in tasks if task is not loop and contains(loop.workflow_task, base_ref(task))]
    outputs = {base_ref(task): task.output for task in inside}
    return {**run.making.input_of(loop), loop.ref: loop.wire["outputData"], **outputs}
