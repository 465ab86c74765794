"""The state of the engine, its transactions, and the few ways to change it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.changes import Changes
from conductor.testing.engine.state.clock import Clock
from conductor.testing.engine.state.payloads import PayloadOptions, Payloads
from conductor.testing.engine.state.store import Store
from conductor.testing.engine.state.timers import Timers
from conductor.testing.engine.state.worker_queues import WorkerQueues
from conductor.testing.scripts import Scripts

_ERRORS_KEPT = 50


class State:
    """All that an engine knows. It is read and changed inside of ``transaction`` only."""

    def __init__(self, clock: Clock, db: str, retention: int, payload_options: PayloadOptions) -> None:
        self.clock = clock
        self.lock = threading.RLock()  # guards everything below
        self._depth = 0
        self._closed = False
        self.closing = False  # written without the lock, so that it ends a transaction that holds the lock
        self.store = Store(db, retention)
        self.payloads = Payloads(payload_options, self.store.payloads.add)
        self.workflows: dict[str, WorkflowRecord] = {}  # open workflows, and those that the current call has loaded
        self.tasks: dict[str, tuple[WorkflowRecord, TaskRecord]] = {}  # the tasks of these workflows
        self._dirty_workflows: dict[str, WorkflowRecord] = {}
        self._dirty_tasks: dict[str, TaskRecord] = {}
        self.loaded: set[str] = set()  # ids of workflows that are forgotten again at the end of the transaction
        self.queues = WorkerQueues(clock, self.lock, self.tasks, self._dirty_tasks)
        self.timers = Timers(self.workflows)
        self.to_decide: deque[WorkflowRecord] = deque()  # the workflows that the current call looks at next
        self.unfinished: dict[str, WorkflowRecord] = {}  # by id: workflows that the next sweep moves on
        self.scripts = Scripts()
        self.changed = threading.Condition(self.lock)  # notified when a workflow has changed
        self.changed_workflows = Changes()
        self.changed_tasks = Changes()
        self.errors: deque[Wire] = deque(maxlen=_ERRORS_KEPT)

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock. The outermost exit writes the changes, and forgets the workflows that have ended."""
        with self.lock:
            if self._closed:
                raise Refusal(503, "The server is closed")
            if not self._depth:
                self.scripts.begin()
            self._depth += 1
            try:
                yield
            except Refusal as refusal:
                self.note_error(refusal.status, refusal.message)
                raise
            finally:
                self._depth -= 1
                if not self._depth:
                    self._flush()

    def _flush(self) -> None:
        workflows, tasks = list(self._dirty_workflows.values()), list(self._dirty_tasks.values())
        ended = [workflow for workflow in workflows if workflow.ended]
        self._dirty_workflows.clear()
        self._dirty_tasks.clear()
        forgotten: list[str] = []
        if workflows or tasks:
            self.changed.notify_all()
        if self.store.durable and (workflows or tasks):
            forgotten = self.store.save(workflows, tasks)
        elif ended:
            forgotten = self.store.save(ended, [task for workflow in ended for task in workflow.tasks])
        if workflows or tasks:
            self.changed_tasks.note(task.task_id for task in tasks)
            of_tasks = (str(task.wire["workflowInstanceId"]) for task in tasks)
            self.changed_workflows.note(chain((workflow.workflow_id for workflow in workflows), of_tasks, forgotten))
        for workflow_id in [*self.loaded, *(workflow.workflow_id for workflow in ended)]:
            self.evict(workflow_id)
        self.loaded.clear()

    def evict(self, workflow_id: str) -> None:
        """Forget a workflow if it has ended. The store still has it."""
        workflow = self.workflows.get(workflow_id)
        if workflow is not None and workflow.ended:
            self._forget(workflow)

    def _forget(self, workflow: WorkflowRecord) -> None:
        self.workflows.pop(workflow.workflow_id, None)
        self.unfinished.pop(workflow.workflow_id, None)
        for task in workflow.tasks:
            self.tasks.pop(task.task_id, None)

    def note_error(self, status: int, message: str) -> None:
        """Keep an error for the page."""
        self.errors.append({"time": self.now_ms, "status": status, "message": message})

    def close(self) -> bool:
        """Close the store, and wake all who wait. Every later transaction is refused with 503.

        Returns whether it was open.
        """
        self.closing = True
        with self.lock:
            was_closed, self._closed = self._closed, True
            if not was_closed:
                self.store.close()
                self.scripts.close()
                self.wake_all()
            return not was_closed

    def wake_all(self) -> None:
        """Let all calls look again that wait for a task or a change."""
        with self.lock:
            self.queues.wake()
            self.changed.notify_all()

    # Finding

    def workflow(self, workflow_id: str) -> WorkflowRecord:
        """The workflow, open or ended. Refusal 404."""
        found = self.find_workflow(workflow_id)
        if found is None:
            raise Refusal(404, f"No such workflow found by id: {workflow_id}")
        return found

    def find_workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """The workflow, open or ended."""
        found = self.workflows.get(workflow_id) or self.store.load(workflow_id)
        if found is not None and workflow_id not in self.workflows:
            self.loaded.add(workflow_id)
            self.workflows[workflow_id] = found
            for task in found.tasks:
                self.tasks[task.task_id] = found, task
        return found

    def all_workflows(self) -> Iterator[WorkflowRecord]:
        """Open and ended workflows. The ended ones are read one by one, and forgotten again."""
        yield from list(self.workflows.values())
        for workflow_id in self.store.newest_workflows():
            if workflow_id not in self.workflows:
                yield self.workflow(workflow_id)
                self.evict(workflow_id)

    def find_task(self, task_id: str) -> tuple[WorkflowRecord, TaskRecord] | None:
        """The task, and its workflow."""
        if task_id not in self.tasks:
            workflow_id = self.store.workflow_of(task_id)
            if workflow_id is None:
                return None
            self.workflow(workflow_id)
        return self.tasks.get(task_id)

    # Changing

    def revive(self, workflow_id: str) -> WorkflowRecord:
        """Take up a workflow that was open when the last engine on this file ended."""
        workflow = self.workflow(workflow_id)
        self.loaded.discard(workflow_id)
        for task in workflow.tasks:
            self.queues.count(task)
            self.queues.put_back(task)
        self.unfinished[workflow_id] = workflow  # the file does not say how far it had got
        return workflow

    def add_workflow(self, workflow: WorkflowRecord) -> None:
        """Keep a new workflow."""
        self.workflows[workflow.workflow_id] = workflow
        self.save_workflow(workflow)

    def save_workflow(self, workflow: WorkflowRecord) -> None:
        """Record a changed workflow."""
        workflow.wire["updateTime"] = self.now_ms
        self._dirty_workflows[workflow.workflow_id] = workflow

    def remove_workflow(self, workflow: WorkflowRecord) -> None:
        """Remove a workflow, its tasks and their logs."""
        self._drop(workflow.tasks)
        self._dirty_workflows.pop(workflow.workflow_id, None)
        self._forget(workflow)
        self.store.delete_workflow(workflow.workflow_id)
        self.changed_workflows.note([workflow.workflow_id])

    def add_task(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        """Keep a new task, the last one of its workflow."""
        workflow.tasks.append(task)
        self.tasks[task.task_id] = workflow, task
        self._dirty_tasks[task.task_id] = task

    def save_task(self, task: TaskRecord) -> None:
        """Record a changed task: its times, the size of its payload, the number of running tasks."""
        wire, ended = task.wire, task.ended
        if not ended or not wire["updateTime"]:
            wire["updateTime"] = self.now_ms
        if ended and not wire["endTime"]:
            wire["endTime"] = self.now_ms
        self.payloads.limit_task(task, "outputData")
        if task.ended:
            self.queues.take_out(task)
        self.queues.count(task)
        self._dirty_tasks[task.task_id] = task

    def forget_tasks(self, workflow: WorkflowRecord, gone: list[TaskRecord]) -> None:
        """Remove some tasks of a workflow."""
        ids = {task.task_id for task in gone}
        workflow.tasks = [task for task in workflow.tasks if task.task_id not in ids]
        self._drop(gone)
        self.store.delete_tasks(ids)

    def _drop(self, tasks: list[TaskRecord]) -> None:
        for task in tasks:
            self.queues.take_out(task)
            self.queues.count(task, exists=False)
            self.tasks.pop(task.task_id, None)
            self._dirty_tasks.pop(task.task_id, None)
