"""The state of the engine, and the few ways to change it. All other parts of the engine use it."""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from conductor.testing.engine.blueprint import Blueprint
from conductor.testing.engine.clock import Clock, SystemClock
from conductor.testing.engine.model import Refusal, TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.payloads import PayloadOptions, Payloads
from conductor.testing.engine.queues import TaskQueue
from conductor.testing.engine.store import Store
from conductor.testing.engine.stubs import Stubs
from conductor.testing.engine.timeouts import next_timeout

POSTPONED_SECONDS = 1.0
"""Seconds before a task over a limit is looked at again. The server's taskExecutionPostponeDuration is 60 s by default.
"""

_ERRORS_KEPT = 50

QueueKey = tuple[str, str | None]


class Core:
    """State, lock, transactions, queues and timers. Every public call of the engine runs in ``transaction``."""

    def __init__(
        self,
        clock: Clock | None = None,
        db: str = ":memory:",
        *,
        hold_until_count: bool = False,
        retention: int = 10_000,
        payload_options: PayloadOptions | None = None,
        stubs: Stubs | None = None,
    ) -> None:
        self._stubs = stubs or Stubs()
        self.clock: Clock = clock or SystemClock()
        self.hold_until_count = hold_until_count
        self._lock = threading.RLock()  # guards everything below
        self._depth = 0
        self._closed = False
        self._store = Store(db, retention)
        options = payload_options or PayloadOptions()
        self._payload_urls = options.urls
        self._payloads = Payloads(options, self._store.add_payload)
        self._task_defs: dict[str, Wire] = {d["name"]: d for d in self._store.task_defs()}
        self._workflow_defs: dict[str, dict[int, Wire]] = defaultdict(dict)
        for definition in self._store.workflow_defs():
            self._workflow_defs[definition["name"]][definition["version"]] = definition
        self._blueprints: dict[tuple[str, int], Blueprint] = {}  # as they are now; emptied when a definition changes
        self._workflows: dict[str, WorkflowRecord] = {}  # open workflows, and those that the current call has loaded
        self._tasks: dict[str, tuple[WorkflowRecord, TaskRecord]] = {}  # the tasks of these workflows
        self._dirty_workflows: dict[str, WorkflowRecord] = {}
        self._dirty_tasks: dict[str, TaskRecord] = {}
        self._loaded: set[str] = set()
        self._queues: dict[QueueKey, TaskQueue] = defaultdict(lambda: TaskQueue(self._lock))
        self._polls: dict[QueueKey, Wire] = {}
        self._timers: list[tuple[float, str]] = []
        self._unfinished: dict[str, WorkflowRecord] = {}  # by id: workflows that the next sweep moves on
        self._closing = False  # written without the lock, so that it ends a transaction that holds the lock
        self._running: dict[str, set[str]] = defaultdict(set)  # ids by task definition, if the definition limits them
        self._postponed: dict[str, deque[str]] = defaultdict(deque)
        self._starts: dict[str, deque[float]] = defaultdict(deque)  # the sliding windows of the rate limits
        self._changed = threading.Condition(self._lock)  # notified when a workflow has changed
        self._errors: deque[Wire] = deque(maxlen=_ERRORS_KEPT)
        with self._lock:
            for workflow_id in self._store.open_workflows():
                self._revive(workflow_id)

    def _revive(self, workflow_id: str) -> None:
        """Take up a workflow that was open when the last engine on this file ended."""
        workflow = self._workflow(workflow_id)
        self._loaded.discard(workflow_id)
        for task in workflow.tasks:
            task.is_stubbed = self._stubs.of(task.workflow_task) is not None
            self._count_running(task)
            if task.visible_at is not None:
                self._queue_of(task).push(task.task_id, task.visible_at, task.wire["workflowPriority"])
        self._plan(workflow)
        self._unfinished[workflow_id] = workflow  # the file does not say how far it had got

    # Time

    @property
    def _now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock. The outermost exit writes the changes, and forgets the workflows that have ended."""
        with self._lock:
            if self._closed:
                raise Refusal(503, "The server is closed")
            self._depth += 1
            try:
                yield
            except Refusal as refusal:
                self._errors.append({"time": self._now_ms, "status": refusal.status, "message": refusal.message})
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
        if workflows or tasks:
            self._changed.notify_all()
        if self._store.durable and (workflows or tasks):
            self._store.save(workflows, tasks)
        elif ended:
            self._store.save(ended, [task for workflow in ended for task in workflow.tasks])
        for workflow_id in [*self._loaded, *(workflow.workflow_id for workflow in ended)]:
            self._evict(workflow_id)
        self._loaded.clear()

    def _evict(self, workflow_id: str) -> None:
        workflow = self._workflows.pop(workflow_id, None)
        if workflow is not None and not workflow.ended:
            self._workflows[workflow_id] = workflow
        elif workflow is not None:
            self._unfinished.pop(workflow_id, None)
            for task in workflow.tasks:
                self._tasks.pop(task.task_id, None)

    # Finding

    def _workflow(self, workflow_id: str) -> WorkflowRecord:
        """The workflow, open or ended. Refusal 404."""
        found = self._workflows.get(workflow_id) or self._store.load(workflow_id)
        if found is None:
            raise Refusal(404, f"No such workflow found by id: {workflow_id}")
        if workflow_id not in self._workflows:
            self._loaded.add(workflow_id)
            self._workflows[workflow_id] = found
            for task in found.tasks:
                self._tasks[task.task_id] = found, task
        return found

    def _find_task(self, task_id: str) -> tuple[WorkflowRecord, TaskRecord] | None:
        if task_id not in self._tasks:
            workflow_id = self._store.workflow_of(task_id)
            if workflow_id is None:
                return None
            self._workflow(workflow_id)
        return self._tasks.get(task_id)

    # Changing

    def _add_task(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        workflow.tasks.append(task)
        self._tasks[task.task_id] = workflow, task
        self._dirty_tasks[task.task_id] = task

    def _save_task(self, task: TaskRecord) -> None:
        """Record a changed task: its times, the size of its payload, the number of running tasks."""
        wire = task.wire
        if not task.ended or not wire["updateTime"]:
            wire["updateTime"] = self._now_ms
        if task.ended and not wire["endTime"]:
            wire["endTime"] = self._now_ms
        self._payloads.limit_task(task, "outputData")
        if task.ended:
            self._dequeue(task)
        self._count_running(task)
        self._dirty_tasks[task.task_id] = task

    def _save_workflow(self, workflow: WorkflowRecord) -> None:
        workflow.wire["updateTime"] = self._now_ms
        self._dirty_workflows[workflow.workflow_id] = workflow

    # Queues

    def _queue_of(self, task: TaskRecord) -> TaskQueue:
        return self._queues[task.wire["taskType"], task.wire.get("domain")]

    def _enqueue(self, task: TaskRecord, delay: float) -> None:
        """Put a worker's task into its queue. It can be polled after the seconds."""
        task.visible_at = self.clock.now() + delay
        self._queue_of(task).push(task.task_id, task.visible_at, task.wire["workflowPriority"])
        self._dirty_tasks[task.task_id] = task

    def _dequeue(self, task: TaskRecord) -> None:
        if task.visible_at is not None:
            task.visible_at = None
            self._queue_of(task).remove(task.task_id)

    # Limits

    def _count_running(self, task: TaskRecord) -> None:
        if not task.definition.get("concurrentExecLimit"):
            return
        running = self._running[task.wire["taskDefName"]]
        if task.status == "IN_PROGRESS":
            running.add(task.task_id)
        elif task.task_id in running:
            running.discard(task.task_id)
            self._release_one(task.wire["taskDefName"])

    def _release_one(self, name: str) -> None:
        """A running task has ended, so the first task that was set aside can be polled at once."""
        postponed = self._postponed[name]
        while postponed:
            waiting = self._tasks.get(postponed.popleft())
            if waiting is not None and waiting[1].visible_at is not None:
                self._enqueue(waiting[1], 0)
                return

    def _over_limit(self, task: TaskRecord) -> bool:
        """Whether concurrentExecLimit or the rate limit forbids a start now. If not, this call counts as a start."""
        name = task.wire["taskDefName"]
        limit = task.definition.get("concurrentExecLimit") or 0
        if limit > 0 and len(self._running[name] - {task.task_id}) >= limit:
            self._postponed[name].append(task.task_id)
            return True
        rate, now = task.wire["rateLimitPerFrequency"], self.clock.now()
        if rate <= 0:
            return False
        starts = self._starts[name]
        while starts and starts[0] <= now - task.wire["rateLimitFrequencyInSeconds"]:
            starts.popleft()
        if len(starts) >= rate:
            return True
        starts.append(now)
        return False

    # Timers

    def _plan(self, workflow: WorkflowRecord) -> None:
        """Make sure that ``sweep`` looks at a workflow at its next timeout, or earlier."""
        due = next_timeout(workflow)
        if due is not None and (workflow.timer is None or due < workflow.timer):
            workflow.timer = due
            heapq.heappush(self._timers, (due, workflow.workflow_id))
            if len(self._timers) > 2 * len(self._workflows) + 64:
                self._timers = [timer for timer in self._timers if self._is_current(timer)]
                heapq.heapify(self._timers)

    def _is_current(self, timer: tuple[float, str]) -> bool:
        workflow = self._workflows.get(timer[1])
        return workflow is not None and workflow.timer == timer[0]
