"""Makes tasks of a workflow from the tasks of its definition, with their input, their domain and their queue."""

from __future__ import annotations

import copy
from collections.abc import Callable

from conductor.testing.engine.definitions import DefinitionCalls
from conductor.testing.engine.document import document_of
from conductor.testing.engine.durations import parse_duration, parse_until
from conductor.testing.engine.dynamic_tasks import dynamic_name, forked_steps, keep_step
from conductor.testing.engine.model import FOREVER, TaskRecord, Termination, Wire, WorkflowRecord, new_task
from conductor.testing.engine.script_tasks import SCRIPTED, case_of_decision, case_of_switch
from conductor.testing.expressions import fill
from conductor.testing.scripts import ScriptError, TimeLimitError

ACTIVE_WORKER_SECONDS = 10.0
"""Seconds after its last poll for which a domain counts as served (the server's activeWorkerLastPollTimeout)."""

_PLAIN_SYSTEM_TYPES = ("TERMINATE", "SET_VARIABLE", "HUMAN", *SCRIPTED)
_RATE_LIMITS = ("rateLimitPerFrequency", "rateLimitFrequencyInSeconds")


class Scheduling(DefinitionCalls):
    """Makes tasks, and puts them into workflows and queues."""

    def _make(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int = 0) -> list[TaskRecord]:
        """The tasks that begin with a task of the definition, except those whose names have been used."""
        used = {task.ref for task in workflow.tasks if task.status != "SCHEDULED"}
        makers: dict[str, Callable[[WorkflowRecord, Wire, int], list[TaskRecord]]] = {
            "SIMPLE": self._make_simple,
            "FORK_JOIN": self._make_fork,
            "FORK_JOIN_DYNAMIC": self._make_dynamic_fork,
            "DYNAMIC": self._make_dynamic,
            "JOIN": self._make_join,
            "EXCLUSIVE_JOIN": self._make_exclusive_join,
            "SWITCH": self._make_switch,
            "DECISION": self._make_decision,
            "NOOP": self._make_noop,
            "DO_WHILE": self._make_loop,
            "WAIT": self._make_wait,
            "SUB_WORKFLOW": self._make_sub_workflow,
            **dict.fromkeys(_PLAIN_SYSTEM_TYPES, self._make_plain_system),
        }
        make = makers.get(workflow_task["type"], self._make_user_defined)
        if self._stubs.of(workflow_task) is not None:
            make = self._make_stubbed
        return [task for task in make(workflow, workflow_task, retry_count) if task.ref not in used]

    def _input(self, workflow: WorkflowRecord, task: TaskRecord) -> Wire:
        """The inputParameters, with the TaskDef's inputTemplate for members that are missing or null."""
        template = task.definition.get("inputTemplate") or {}
        parameters = {**copy.deepcopy(template), **task.workflow_task["inputParameters"]}
        filled: Wire = fill(parameters, document_of(workflow), task.task_id)
        if template:
            filled = {name: template.get(name) if value is None else value for name, value in filled.items()}
        return filled

    def _new(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> TaskRecord:
        task = new_task(workflow, workflow_task, self._now_ms)
        task.wire["retryCount"] = retry_count
        return task

    def _make_user_defined(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        task = self._new(workflow, workflow_task, retry_count)
        task.wire["inputData"] = self._input(workflow, task)
        task.wire["callbackAfterSeconds"] = workflow_task["startDelay"]
        task.wire.update({member: task.definition[member] for member in _RATE_LIMITS})
        return [task]

    def _make_simple(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = self._make_user_defined(workflow, workflow_task, retry_count)
        task.wire["taskType"] = workflow_task["name"]
        task.wire["startDelayInSeconds"] = workflow_task["startDelay"]
        task.wire["responseTimeoutSeconds"] = task.definition["responseTimeoutSeconds"]
        return [task]

    def _system(self, workflow: WorkflowRecord, workflow_task: Wire, status: str, retry_count: int) -> TaskRecord:
        task = self._new(workflow, workflow_task, retry_count)
        task.wire["status"] = status
        task.wire["startTime"] = self._now_ms
        return task

    def _make_plain_system(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        task = self._system(workflow, workflow_task, "IN_PROGRESS", retry_count)
        task.wire["inputData"] = self._input(workflow, task)
        return [task]

    def _make_fork(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        """The fork, which is done at once, the first tasks of its branches, and the JOIN after it."""
        fork = self._system(workflow, workflow_task, "COMPLETED", retry_count)
        fork.wire.update(taskType="FORK", taskDefName="FORK", endTime=self._now_ms)
        fork.wire["inputData"] = fill(workflow_task["inputParameters"], document_of(workflow))
        join = workflow.blueprint.next_task(workflow_task["taskReferenceName"])
        if join is None or join["type"] != "JOIN":
            raise Termination("Fork task definition is not followed by a join task.  Check the blueprint")
        firsts = [branch[0] for branch in workflow_task["forkTasks"]]
        return [fork, *(task for first in [*firsts, join] for task in self._make(workflow, first, retry_count))]

    def _make_dynamic(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        given = fill(workflow_task["inputParameters"], document_of(workflow))
        name = dynamic_name(workflow_task, given)
        step = {**workflow_task, "name": name, "taskDefinition": self._task_def_of({"name": name, "type": "SIMPLE"})}
        return [keep_step(task) for task in self._make_simple(workflow, step, retry_count)]

    def _make_dynamic_fork(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        """The fork, which is done at once, the first tasks of the steps in its input, and the JOIN after it."""
        fork = self._system(workflow, workflow_task, "COMPLETED", retry_count)
        given = fill(workflow_task["inputParameters"], document_of(workflow), fork.task_id)
        is_nested = any(task.workflow_task.get("type") == "FORK_JOIN_DYNAMIC" for task in workflow.tasks)
        steps = forked_steps(workflow_task, given, self._own_step, is_nested=is_nested)
        refs = [step["taskReferenceName"] for step in steps]
        fork.wire.update(taskType="FORK", taskDefName="FORK", endTime=self._now_ms, executed=True)
        fork.wire["inputData"] = {"forkedTasks": refs, "forkedTaskDefs": steps, **given}
        branches: list[TaskRecord] = []
        for step in steps:
            made = [keep_step(task) for task in self._make(workflow, step, retry_count)]
            if not made:
                raise Termination(f"No dynamic tasks could be created: the name {step['taskReferenceName']} is in use")
            branches += made
        return [fork, *branches, self._join_after(workflow, workflow_task, refs)]

    def _join_after(self, workflow: WorkflowRecord, fork: Wire, refs: list[str]) -> TaskRecord:
        """The JOIN that must follow a dynamic fork. It waits for the tasks of the fork."""
        step = workflow.blueprint.next_task(fork["taskReferenceName"])
        if step is None or step["type"] != "JOIN":
            raise Termination("Dynamic join definition is not followed by a join task.  Check the workflow definition.")
        (join,) = self._make_join(workflow, step, 0)
        join.wire["inputData"] = {**step["inputParameters"], "joinOn": refs}
        return join

    def _make_exclusive_join(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = self._make_join(workflow, workflow_task, retry_count)
        task.wire["taskDefName"] = "EXCLUSIVE_JOIN"
        if "defaultExclusiveJoinTask" in workflow_task:
            task.wire["inputData"]["defaultExclusiveJoinTask"] = workflow_task["defaultExclusiveJoinTask"]
        return [task]

    def _make_join(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        task = self._system(workflow, workflow_task, "IN_PROGRESS", retry_count)
        task.wire.update(taskDefName="JOIN", inputData={"joinOn": list(workflow_task["joinOn"])})
        return [task]

    def _make_switch(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        """The switch, and the first task of the branch that it takes. If its script fails: a failed switch alone."""
        task = self._system(workflow, workflow_task, "IN_PROGRESS", retry_count)
        given = fill(workflow_task["inputParameters"], document_of(workflow), task.task_id)
        task.wire.update(taskDefName="SWITCH", inputData=given)
        try:
            case = case_of_switch(workflow_task, given)
        except (ScriptError, TimeLimitError) as error:
            task.wire["status"] = "FAILED"
            task.set_reason(str(error))
            return [task]
        task.wire["inputData"] = {**given, "case": case}
        task.wire["outputData"] = {"evaluationResult": [case], "selectedCase": case}
        chosen = workflow_task["decisionCases"].get(case, workflow_task["defaultCase"])
        return [task, *self._make_branch(workflow, task, chosen)]

    def _make_decision(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        """The decision, and the first task of its branch. A case without tasks is no case, other than for a SWITCH."""
        task = self._system(workflow, workflow_task, "IN_PROGRESS", retry_count)
        given = fill(workflow_task["inputParameters"], document_of(workflow), task.task_id)
        try:
            case = case_of_decision(workflow_task, given)
        except (ScriptError, TimeLimitError):
            raise Termination(f"Error while evaluating script: {workflow_task['caseExpression']}") from None
        task.wire.update(taskDefName="DECISION", inputData={"case": case}, outputData={"caseOutput": [case]})
        chosen = workflow_task["decisionCases"].get(case) or workflow_task["defaultCase"]
        return [task, *self._make_branch(workflow, task, chosen)]

    def _make_stubbed(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = self._make_plain_system(workflow, workflow_task, retry_count)
        task.is_stubbed = True
        if workflow_task["type"] == "SIMPLE":
            task.wire["taskType"] = workflow_task["name"]
        return [task]

    def _make_noop(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        """It has no input (3.32.3)."""
        return [self._system(workflow, workflow_task, "IN_PROGRESS", retry_count)]

    def _make_branch(self, workflow: WorkflowRecord, choice: TaskRecord, branch: list[Wire]) -> list[TaskRecord]:
        if not branch:
            return []
        choice.wire["inputData"]["hasChildren"] = "true"
        return self._make(workflow, branch[0], choice.wire["retryCount"])

    def _make_loop(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        earlier = workflow.latest(workflow_task["taskReferenceName"])
        if earlier and earlier.ended:
            return []
        (task,) = self._make_plain_system(workflow, workflow_task, retry_count)
        task.wire.update({member: task.definition[member] for member in _RATE_LIMITS})
        return [task]

    def _make_wait(self, workflow: WorkflowRecord, workflow_task: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = self._make_plain_system(workflow, workflow_task, retry_count)
        given = task.wire["inputData"]
        duration, until = (str(given.get(name) or "").strip() for name in ("duration", "until"))
        try:
            if duration:
                task.wire["callbackAfterSeconds"] = parse_duration(duration)
                task.wait_until = self._now_ms + 1000 * task.wire["callbackAfterSeconds"]
            elif until:
                task.wait_until = parse_until(until)
                task.wire["callbackAfterSeconds"] = max(0, (task.wait_until - self._now_ms) // 1000)
            else:
                task.wire["callbackAfterSeconds"] = FOREVER
        except ValueError:
            task.wire["status"] = "FAILED_WITH_TERMINAL_ERROR"
            task.set_reason(f"Invalid/Unsupported Wait Until format.  Provided: {duration or until}")
        return [task]

    def _make_sub_workflow(self, workflow: WorkflowRecord, workflow_task: Wire, _: int) -> list[TaskRecord]:
        task = self._new(workflow, workflow_task, 0)
        given = fill(workflow_task["subWorkflowParam"], document_of(workflow))
        task.wire["inputData"] = {
            "subWorkflowName": given["name"],
            "subWorkflowVersion": given["version"],
            "subWorkflowTaskToDomain": given.get("taskToDomain"),
            "subWorkflowDefinition": None,
            "idempotencyKey": given.get("idempotencyKey"),
            "idempotencyStrategy": given.get("idempotencyStrategy"),
            "workflowInput": self._input(workflow, task),
            "priority": given.get("priority"),
        }
        task.wire["callbackAfterSeconds"] = workflow_task["startDelay"]
        task.wait_until = self._now_ms + 1000 * workflow_task["startDelay"]
        return [task]

    # Into the workflow

    def _schedule(self, workflow: WorkflowRecord, tasks: list[TaskRecord]) -> bool:
        """Add tasks to their workflow and its queues. Returns whether the engine itself must run one of them."""
        seq = max((task.wire["seq"] for task in workflow.tasks), default=0)
        for task in tasks:
            seq += 1
            task.wire["seq"] = task.wire["seq"] or seq
            task.wire["scheduledTime"] = self._now_ms
            task.first_scheduled = task.first_scheduled or self._now_ms
            self._payloads.limit_task(task, "inputData")
            self._add_task(workflow, task)
            if task.is_worker_task and workflow.wire["taskToDomain"]:
                self._set_domain(workflow, task)
            if task.ended:
                self._save_task(task)
            elif task.is_worker_task:
                wait = task.visible_at - self.clock.now() if task.visible_at else task.wire["callbackAfterSeconds"]
                self._enqueue(task, wait)
        return any(task.ended or not task.is_worker_task for task in tasks)

    def _set_domain(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        """The domain by taskToDomain: the entry of the task before ``*``. Of several domains the first one with a
        worker counts.
        """
        by_type: dict[str, str] = workflow.wire["taskToDomain"]
        listed = by_type.get(task.wire["taskType"], by_type.get("*", "")).strip()
        if not listed:
            return
        domains = [domain.strip() for domain in listed.split(",")]
        served = (domain for domain in domains if self._is_served(task.wire["taskType"], domain))
        domain = next(served, domains[-1])
        if domain.upper() == "NO_DOMAIN":
            task.wire.pop("domain", None)
        else:
            task.wire["domain"] = domain

    def _is_served(self, task_type: str, domain: str) -> bool:
        poll = self._polls.get((task_type, domain))
        since = self._now_ms - 1000 * ACTIVE_WORKER_SECONDS
        return poll is not None and domain.upper() != "NO_DOMAIN" and poll["lastPollTime"] > since
