"""DO_WHILE: runs its body again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conductor.testing.engine.records.blueprint import contains, walk
from conductor.testing.engine.records.records import CHOICES, UNSUCCESSFUL, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.tasks.conditions import parse
from conductor.testing.engine.tasks.kind import RATE_LIMITS, EngineTask, Making, Run
from conductor.testing.engine.tasks.loop_items import is_over_items, item_of, items_of
from conductor.testing.engine.tasks.outcome import FAILED_FOR_GOOD, complete, fail
from conductor.testing.scripts import EngineMissingError, ScriptError, TimeLimitError, javascript_engine

_NEVER_ENDING = (
    "The loop is inside of another one that has come to its second iteration. The tasks of both have the same names, so"
    " that the server would go on for ever without an effect (3.32.3)."
)
KEPT = "keepLastN"
"""The input that says of how many iterations the tasks and the outputs are kept."""


class DoWhile(EngineTask):
    """The body is run at least once. After each iteration the condition decides.

    A loop over a list runs once for each item, and ends earlier if its condition, which may be empty, does not hold.
    """

    def problems(self, step: Wire, where: str) -> list[str]:
        problems = []
        if not step["loopOver"]:
            problems.append(f"loopOver field is required for {where}")
        kept = step["inputParameters"].get(KEPT)
        if kept is not None and (isinstance(kept, bool) or not isinstance(kept, int)):
            problems.append(f"inputParameters.{KEPT} must be a whole number for {where}")
        if "loopCondition" not in step:
            return [*problems, f"loopCondition field is required for {where}"]
        return [*problems, *_condition_problems(step, where)]

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
            if is_over_items(task.workflow_task) and not items_of(run.making, task):
                task.wire["outputData"] = {**task.wire["outputData"], "iteration": 0}
                return complete(task)
            return _begin_iteration(run, task, 1)
        output: dict[str, Any] = {}
        for member in body.values():
            output[member.base_ref] = member.output
            if member.status in UNSUCCESSFUL:
                fail(task, f"{member.wire.get('reasonForIncompletion', 'null')} ")
                break
        iteration = task.wire["iteration"]
        has_ended = task.ended or _iteration_ended(task, run.workflow, body)
        if has_ended:
            task.wire["outputData"] = {**task.wire["outputData"], str(iteration): output}
        _forget_early_iterations(run, task, has_ended=has_ended)
        if not has_ended:
            return False
        if task.ended:
            return True
        try:
            goes_on = _goes_on(run, task)
        except (ScriptError, TimeLimitError) as error:
            text = f"Unable to evaluate condition {task.workflow_task['loopCondition']}, exception {error}"
            return fail(task, text, FAILED_FOR_GOOD)
        return _begin_iteration(run, task, iteration + 1) if goes_on else complete(task)


def _condition_problems(step: Wire, where: str) -> list[str]:
    """Without the engine, only simple conditions are read. The server does not check the syntax (3.32.3)."""
    condition: str = step["loopCondition"]
    if not condition.strip():
        return []
    try:
        javascript_engine()
    except EngineMissingError as error:
        try:
            parse(condition, step["taskReferenceName"])
        except ValueError as unread:
            return [f"the embedded server cannot evaluate this loopCondition ({unread}): {error}, for {where}"]
    return []


def _iteration(workflow: WorkflowRecord, loop: TaskRecord) -> dict[str, TaskRecord]:
    """The tasks of the current iteration. Of several tries the last one counts."""
    found: dict[str, TaskRecord] = {}
    current = (task for task in workflow.tasks if task.wire["iteration"] == loop.wire["iteration"] > 0)
    for task in _inside(loop, current):
        if task.ref not in found or task.wire["retryCount"] > found[task.ref].wire["retryCount"]:
            found[task.ref] = task
    return found


def _inside(loop: TaskRecord, tasks: Iterable[TaskRecord]) -> list[TaskRecord]:
    """Those of the tasks that are of steps in a loop. Another task of the loop's own step counts as one."""
    refs = {step["taskReferenceName"] for step in walk([loop.workflow_task])}
    return [task for task in tasks if task is not loop and task.base_ref in refs]


def _iteration_ended(loop: TaskRecord, workflow: WorkflowRecord, body: dict[str, TaskRecord]) -> bool:
    """Whether each task has ended, and the tasks after it inside of the loop have been scheduled and have ended."""
    suffix, own = f"__{loop.wire['iteration']}", loop.workflow_task["taskReferenceName"]
    expected = {task["taskReferenceName"] + suffix for task in loop.workflow_task["loopOver"]}
    for task in body.values():
        has_branch = task.wire["taskType"] in CHOICES and task.wire["inputData"].get("hasChildren")
        following = None if has_branch else workflow.blueprint.next_task(task.base_ref)
        ref = following["taskReferenceName"] if following else own
        if ref != own and contains(loop.workflow_task, ref):
            expected.add(ref + suffix)
    return expected <= body.keys() and all(task.ended for task in body.values())


def _begin_iteration(run: Run, loop: TaskRecord, iteration: int) -> bool:
    """Begin an iteration. Returns whether it has begun: not if an operator has skipped its first task (3.32.3)."""
    before = loop.wire["iteration"], loop.wire["outputData"]
    loop.wire["iteration"] = iteration
    loop.wire["outputData"] = {**loop.wire["outputData"], "iteration": iteration}
    if is_over_items(loop.workflow_task):
        loop.wire["outputData"] |= item_of(items_of(run.making, loop), iteration)
    tasks = run.making.begin(loop.workflow_task["loopOver"][0], loop.wire["retryCount"])
    if not tasks:
        loop.wire["iteration"], loop.wire["outputData"] = before
        return False
    for task in tasks:
        task.wire["referenceTaskName"] += f"__{iteration}"
        task.wire["iteration"] = iteration
    known = _iteration(run.workflow, loop)  # its tasks if an operator has gone back to it
    if any(run.workflow.latest(task.ref) for task in tasks) and all(task.ended for task in known.values()):
        return fail(loop, _NEVER_ENDING, FAILED_FOR_GOOD)
    run.schedule(tasks)
    return True


def _forget_early_iterations(run: Run, loop: TaskRecord, *, has_ended: bool) -> None:
    """Remove the tasks of the iterations that are not to be kept, and their outputs when an iteration has ended."""
    kept, now = loop.workflow_task["inputParameters"].get(KEPT), loop.wire["iteration"]
    if kept is None or kept >= now:
        return
    gone = range(1, now - kept + 1)
    if has_ended:
        output = loop.wire["outputData"]
        loop.wire["outputData"] = {name: output[name] for name in output if not (name.isdigit() and int(name) in gone)}
    early = (task for task in run.workflow.tasks if task.wire["iteration"] in gone and task.wire["iteration"] < now)
    run.forget(_inside(loop, early))


def _goes_on(run: Run, loop: TaskRecord) -> bool:
    """Whether another iteration follows. ScriptError, TimeLimitError: the condition has no value."""
    bindings, condition = _bindings(run, loop), loop.workflow_task["loopCondition"]
    if not is_over_items(loop.workflow_task):
        return _holds(run, loop, bindings)
    items, iteration = items_of(run.making, loop), loop.wire["iteration"]
    holds = not condition.strip() or _holds(run, loop, bindings | item_of(items, iteration))
    return holds and iteration < len(items)


def _holds(run: Run, loop: TaskRecord, bindings: dict[str, Any]) -> bool:
    """Whether the condition is true; an empty one is not. Without an engine for JavaScript, it is a simple one."""
    condition = loop.workflow_task["loopCondition"]
    if not condition.strip():
        return False
    try:
        return run.making.scripts.evaluate(condition, bindings).is_true
    except EngineMissingError as error:
        return _holds_without_engine(loop, condition, error)


def _holds_without_engine(loop: TaskRecord, condition: str, missing: EngineMissingError) -> bool:
    """In a loop inside of another one the name of the loop leads nowhere, because its reference name ends with the
    number of the other's iteration (3.32.3).
    """
    ref = loop.workflow_task["taskReferenceName"]
    try:
        simple = parse(condition, ref)
    except ValueError:  # a file has the definition from a time with the engine
        raise ScriptError(str(missing)) from None
    return simple(loop.wire["iteration"] if loop.ref == ref else None)


def _bindings(run: Run, loop: TaskRecord) -> dict[str, Any]:
    """The values of ``$`` in a condition: the inputs of the loop, and the outputs of its tasks and of itself."""
    outputs = {task.base_ref: task.output for task in _inside(loop, run.workflow.tasks)}
    return {**run.making.input_of(loop), loop.ref: loop.wire["outputData"], **outputs}
