"""The protocol of the types of tasks, and the two objects that its methods get: ``Making`` and ``Run``."""

from __future__ import annotations

import copy
from typing import Any, Protocol

from conductor.testing.engine.records.document import document_of
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_task
from conductor.testing.engine.tasks.outcome import Outcome
from conductor.testing.engine.tasks.strict_inputs import check_inputs
from conductor.testing.expressions import fill
from conductor.testing.scripts import Scripts

RATE_LIMITS = ("rateLimitPerFrequency", "rateLimitFrequencyInSeconds")


class TaskKind(Protocol):
    """One type of task: the checks of its steps, the making of its tasks, and its work.

    A step is a task of a definition. Its members are there, with the server's defaults.
    """

    @property
    def for_workers(self) -> bool:
        """Whether its tasks wait in a queue for workers. If so, ``execute`` is not called."""
        ...

    def problems(self, step: Wire, where: str) -> list[str]:
        """The reasons to refuse a definition with this step. where: names the step, for the texts.

        EngineMissingError: a script of the step needs the engine of an extra.
        """
        ...

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """The tasks with which the step begins. It changes nothing. Termination: the workflow ends instead."""
        ...

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """Do an open task as far as it can go now. Returns whether the task has changed. Termination: as above."""
        ...


class Steps(Protocol):
    """The definitions, as far as tasks are made of them."""

    @property
    def strict_inputs(self) -> bool:
        """Whether each expression in an input must have a value."""
        ...

    def own_step(self, given: Wire) -> Wire:
        """A step that is given while its workflow runs, as a step of a definition. Termination: it is refused."""
        ...

    def task_def_of(self, step: Wire) -> Wire:
        """The task definition of a step: the registered one, or else that of the server for names without one."""
        ...


class KindsOfTasks(Protocol):
    """The types of tasks of one engine: see ``registry``."""

    def of_step(self, step: Wire) -> TaskKind: ...
    def of_task(self, task: TaskRecord) -> TaskKind: ...
    def is_for_workers(self, task: TaskRecord) -> bool: ...


class Making:
    """Makes tasks for one workflow at one moment. It changes nothing."""

    def __init__(
        self, workflow: WorkflowRecord, now_ms: int, kinds: KindsOfTasks, steps: Steps, scripts: Scripts
    ) -> None:
        self.workflow = workflow
        self.now_ms = now_ms
        self.kinds = kinds
        self.steps = steps
        self.scripts = scripts

    def begin(self, step: Wire, retry_count: int = 0) -> list[TaskRecord]:
        """The tasks with which a step begins, except those whose names have been used."""
        if self.steps.strict_inputs:
            check_inputs(self.workflow, step)
        used = {task.ref for task in self.workflow.tasks if task.status != "SCHEDULED"}
        made = self.kinds.of_step(step).make(self, step, retry_count)
        return [task for task in made if task.ref not in used]

    def new(self, step: Wire, retry_count: int, status: str = "SCHEDULED") -> TaskRecord:
        """A task without input. With another status than SCHEDULED it has started."""
        task = new_task(self.workflow, step, self.now_ms)
        task.wire.update(retryCount=retry_count, status=status)
        if status != "SCHEDULED":
            task.wire["startTime"] = self.now_ms
        return task

    def delayed(self, step: Wire, retry_count: int) -> TaskRecord:
        """A task with its input, which begins after the startDelay of its step."""
        task = self.new(step, retry_count)
        task.wire.update(inputData=self.input_of(task), callbackAfterSeconds=step["startDelay"])
        return task

    def filled(self, parameters: Any, task_id: str | None = None) -> Any:
        """The parameters, with the values of the workflow in place of expressions."""
        return fill(parameters, document_of(self.workflow), task_id)

    def input_of(self, task: TaskRecord) -> Wire:
        """The inputParameters, with the TaskDef's inputTemplate for members that are missing or null."""
        template = task.definition.get("inputTemplate") or {}
        parameters = {**copy.deepcopy(template), **task.workflow_task["inputParameters"]}
        filled: Wire = self.filled(parameters, task.task_id)
        if template:
            filled = {name: template.get(name) if value is None else value for name, value in filled.items()}
        return filled


class Work(Protocol):
    """Work of a task that takes its time, such as a request to another server. It knows nothing of the engine."""

    def run(self) -> Outcome:
        """Do the work. Returns how the task ends; with the status IN_PROGRESS it goes on, and waits for an update."""
        ...

    def stop(self) -> None:
        """Let ``run``, which another thread executes, end soon."""
        ...


class Run(Protocol):
    """A workflow that runs, and all that the work of a task may change in it or beside it."""

    @property
    def workflow(self) -> WorkflowRecord: ...

    @property
    def making(self) -> Making: ...

    def schedule(self, tasks: list[TaskRecord]) -> None:
        """Put new tasks into the workflow, and into the queues of workers."""
        ...

    def start(self, request: Wire, parent: TaskRecord | None = None) -> WorkflowRecord:
        """Start a workflow by a StartWorkflowRequest that has been checked. Refusal: it cannot be started.

        parent: the task of this workflow that ends with it.
        """
        ...

    def level(self) -> int:
        """The number of parents above the workflow."""
        ...

    def in_background(self, task: TaskRecord, work: Work) -> bool:
        """Let the work run while the engine does other things. The task, unless it ends earlier, gets its outcome.

        Returns whether it has begun: not if work of this task is running already.
        """
        ...

    def publish(self, event: str, message_id: str, payload: Wire) -> None:
        """Publish an event. Its handlers are called when the workflow, and all that it changes, has come to rest."""
        ...

    def forget(self, tasks: list[TaskRecord]) -> None:
        """Remove tasks of the workflow."""
        ...


def has_input(step: Wire, *names: str) -> bool:
    """Whether a step has one of the inputs, by itself or by the inputTemplate of its task definition."""
    template = step.get("taskDefinition", {}).get("inputTemplate") or {}
    return any(name in step["inputParameters"] or name in template for name in names)


class EngineTask:
    """The usual answers of a type of task that the engine runs itself."""

    for_workers = False

    def problems(self, step: Wire, where: str) -> list[str]:  # noqa: ARG002 - of the protocol
        return []

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        """One task, which has started, with its input."""
        task = making.new(step, retry_count, "IN_PROGRESS")
        task.wire["inputData"] = making.input_of(task)
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:  # noqa: ARG002 - of the protocol
        """It waits for an update."""
        return False
