"""The tasks that the engine runs itself. Each function returns whether its task has changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from conductor.testing.engine.blueprint import contains
from conductor.testing.engine.conditions import parse
from conductor.testing.engine.model import CHOICES, UNSUCCESSFUL, TaskRecord, WorkflowRecord, base_ref
from conductor.testing.engine.payloads import payload_size
from conductor.testing.engine.scheduling import Scheduling
from conductor.testing.engine.script_tasks import SCRIPTED, Outcome
from conductor.testing.engine.stubs import answer
from conductor.testing.scripts import EngineMissingError, ScriptError, TimeLimitError, evaluate

_VARIABLES_LIMIT = 256 * 1024


class SystemTasks(Scheduling):
    """Each type of system task has a method, or shares one."""

    def _execute(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        """Run an open system task as far as it can go now."""
        run: dict[str, Callable[[WorkflowRecord, TaskRecord], bool]] = {
            "JOIN": self._execute_join,
            "EXCLUSIVE_JOIN": self._execute_exclusive_join,
            **dict.fromkeys((*CHOICES, "NOOP"), self._complete),
            **dict.fromkeys(SCRIPTED, self._execute_script),
            "HUMAN": self._wait_for_an_update,
            "DO_WHILE": self._execute_loop,
            "WAIT": self._execute_wait,
            "TERMINATE": self._execute_terminate,
            "SET_VARIABLE": self._execute_set_variable,
        }
        return (self._execute_stub if task.is_stubbed else run[task.wire["taskType"]])(workflow, task)

    def _execute_stub(self, _: WorkflowRecord, task: TaskRecord) -> bool:
        stub = self._stubs.of(task.workflow_task)
        if stub is None or self._now_ms < task.wait_until:
            return False
        return self._end_with(task, answer(stub, copy.deepcopy(task.input)))

    def _complete(self, _: WorkflowRecord, task: TaskRecord) -> bool:
        task.wire["status"] = "COMPLETED"
        return True

    def _wait_for_an_update(self, _workflow: WorkflowRecord, _task: TaskRecord) -> bool:
        return False

    def _execute_script(self, _: WorkflowRecord, task: TaskRecord) -> bool:
        return self._end_with(task, SCRIPTED[task.wire["taskType"]](task.input))

    @staticmethod
    def _end_with(task: TaskRecord, outcome: Outcome) -> bool:
        task.wire.update(status=outcome.status, outputData=outcome.output)
        task.set_reason(outcome.reason)
        return True

    def _execute_wait(self, _: WorkflowRecord, task: TaskRecord) -> bool:
        if not task.wait_until or self._now_ms < task.wait_until:
            return False
        task.wire["status"] = "COMPLETED"
        return True

    def _execute_terminate(self, _: WorkflowRecord, task: TaskRecord) -> bool:
        given = task.wire["inputData"]
        if given.get("terminationStatus") not in {"COMPLETED", "FAILED", "TERMINATED"}:
            task.set_reason("given termination status is not valid")
            task.wire["status"] = "FAILED"
            return True
        output = given.get("workflowOutput")
        if output is not None:
            task.wire["outputData"] = dict(output) if isinstance(output, dict) else {"output": output}
        task.wire["status"] = "COMPLETED"
        return True

    def _execute_set_variable(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        variables = {**workflow.wire["variables"], **task.wire["inputData"]}
        size = payload_size(variables)
        if size is None:
            task.set_reason(f"The variables of workflow: {workflow.workflow_id} are nested too deep")
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            return True
        if size > _VARIABLES_LIMIT:
            task.set_reason(
                f"The variables payload size: {size} of workflow: {workflow.workflow_id} is greater than the "
                f"permissible limit: {_VARIABLES_LIMIT // 1024} kilobytes"
            )
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            return True
        workflow.wire["variables"] = variables
        task.wire["status"] = "COMPLETED"
        self._save_workflow(workflow)
        return True

    # JOIN

    def _execute_join(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        """Collect the outputs of the members. End when all have ended, or at once when a member has failed for good."""
        suffix = f"__{task.wire['iteration']}" if task.wire["iteration"] else ""
        refs = [ref + suffix for ref in task.wire["inputData"]["joinOn"]]
        found = {ref: workflow.latest(ref) for ref in refs}
        members = {ref: member for ref, member in found.items() if member is not None}
        all_ended = len(members) == len(refs) and all(member.ended for member in members.values())
        output: dict[str, Any] = {}
        for ref, member in members.items():
            if member.output:
                output[ref] = member.output
            tolerated = member.workflow_task["optional"] or (member.workflow_task["permissive"] and not all_ended)
            if member.status in UNSUCCESSFUL and not tolerated:
                self._fail_join(task, list(members.values()))
                task.wire["outputData"] = output
                return True
        if not all_ended:
            return False
        task.wire["outputData"] = output
        flawed = [m for m in members.values() if m.status == "COMPLETED_WITH_ERRORS" and m.workflow_task["optional"]]
        task.wire["status"] = "COMPLETED_WITH_ERRORS" if flawed else "COMPLETED"
        if flawed:
            names = " ".join(f"{member.wire['taskDefName']}/{member.task_id}" for member in flawed)
            task.set_reason(f"{names} completed with errors")
        return True

    @staticmethod
    def _fail_join(task: TaskRecord, members: list[TaskRecord]) -> None:
        failed = [member for member in members if member.status in UNSUCCESSFUL]
        reasons = [member.wire.get("reasonForIncompletion") for member in failed]
        task.set_reason(" ".join(reason for reason in reasons if reason))
        canceled = all(member.status == "CANCELED" for member in failed if not member.workflow_task["optional"])
        task.wire["status"] = "CANCELED" if canceled else "FAILED"

    def _execute_exclusive_join(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        """End with the first member that was scheduled, or else with the first of the default ones."""
        given = task.wire["inputData"]
        suffix = f"__{task.wire['iteration']}" if task.wire["iteration"] else ""
        member = self._first_member(workflow, [ref + suffix for ref in given["joinOn"]])
        if member is None or not member.ended:
            member = self._first_member(workflow, given.get("defaultExclusiveJoinTask") or []) or member
        if member is None or not member.ended:
            return False
        if member.status in UNSUCCESSFUL:
            task.set_reason(member.wire.get("reasonForIncompletion") or "")
            task.wire["status"] = "FAILED"
        else:
            task.wire.update(status="COMPLETED", outputData=member.output)
        return True

    @staticmethod
    def _first_member(workflow: WorkflowRecord, refs: list[str]) -> TaskRecord | None:
        found = (workflow.latest(ref) for ref in refs)
        return next((task for task in found if task is not None and task.status != "SKIPPED"), None)

    # DO_WHILE

    def _execute_loop(self, workflow: WorkflowRecord, task: TaskRecord) -> bool:
        """Begin the first or the next iteration, fail with a task of the body, or end by the condition."""
        body = self._iteration(workflow, task)
        if not body:
            return self._begin_iteration(workflow, task, 1)
        output: dict[str, Any] = {}
        for member in body.values():
            output[base_ref(member)] = member.output
            if member.status in UNSUCCESSFUL:
                task.set_reason(f"{member.wire.get('reasonForIncompletion', 'null')} ")
                task.wire["status"] = "FAILED"
                break
        iteration = task.wire["iteration"]
        if not (task.ended or self._iteration_ended(task, workflow, body)):
            return False
        task.wire["outputData"] = {**task.wire["outputData"], str(iteration): output}
        if task.ended:
            return True
        try:
            goes_on = self._condition_holds(workflow, task)
        except (ScriptError, TimeLimitError) as error:
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            task.set_reason(f"Unable to evaluate condition {task.workflow_task['loopCondition']}, exception {error}")
            return True
        if not goes_on:
            task.wire["status"] = "COMPLETED"
            return True
        return self._begin_iteration(workflow, task, iteration + 1)

    @staticmethod
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

    @staticmethod
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

    def _begin_iteration(self, workflow: WorkflowRecord, loop: TaskRecord, iteration: int) -> bool:
        """Begin an iteration. Returns whether it has begun: not if an operator has skipped its first task (3.32.3)."""
        tasks = self._make(workflow, loop.workflow_task["loopOver"][0], loop.wire["retryCount"])
        if not tasks:
            return False
        loop.wire["iteration"] = iteration
        loop.wire["outputData"] = {**loop.wire["outputData"], "iteration": iteration}
        for task in tasks:
            task.wire["referenceTaskName"] += f"__{iteration}"
            task.wire["iteration"] = iteration
        self._schedule(workflow, tasks)
        return True

    def _condition_holds(self, workflow: WorkflowRecord, loop: TaskRecord) -> bool:
        """Whether the loop goes on. Without an engine for JavaScript, a simple condition is read here."""
        condition = loop.workflow_task["loopCondition"]
        bindings = self._bindings(workflow, loop)
        try:
            return evaluate(condition, bindings).is_true
        except EngineMissingError:
            return bool(parse(condition)(bindings.get))

    def _bindings(self, workflow: WorkflowRecord, loop: TaskRecord) -> dict[str, Any]:
        """The values of ``$`` in a condition: the inputs of the loop, and the outputs of its tasks and of itself."""
        inside = [task for task in workflow.tasks if task is not loop and contains(loop.workflow_task, base_ref(task))]
        outputs = {base_ref(task): task.output for task in inside}
        return {**self._input(workflow, loop), loop.ref: loop.wire["outputData"], **outputs}
