"""Takes tasks in, ignores copies, and hands tasks back. It holds the only registry of a worker's tasks in hand."""

from __future__ import annotations

from conductor import _recording
from conductor._flag import Flag
from conductor._log import about, logger_of
from conductor.delivery.lease import Lease
from conductor.delivery.result_sender import ResultSender
from conductor.models import Task
from conductor.runner.capacity import Capacity
from conductor.runner.resources import Resources
from conductor.runner.run import NEVER_LOST, Phase, Run
from conductor.runner.unstarted_tasks import UnstartedTasks
from conductor.task_client import Delivery
from conductor.worker import Worker

logger = logger_of(__name__)

_OWING = (Phase.WAITING, Phase.REPORTING, Phase.SENDING)


class Intake:
    """The tasks in hand of one worker. Thread-safe.

    ``take_in`` registers a task. ``forget`` removes it when its result is out of hand, and ``hand_back`` when it does
    not run. abandoned: set when no task may begin any more.
    """

    def __init__(
        self, worker: Worker, resources: Resources, capacity: Capacity, unstarted_tasks: UnstartedTasks, abandoned: Flag
    ) -> None:
        self.task_name = worker.task_name
        self._worker = worker
        self._resources = resources
        self._capacity = capacity
        self._unstarted_tasks = unstarted_tasks
        self._abandoned = abandoned
        self._can_be_lost = worker.lease_extension or worker.timeout is not None
        self._runs: dict[str, Run] = {}  # by task id; its operations are atomic
        self._redeliverable: set[Run] = set()  # see ``allow_redelivery``; its operations are atomic
        self._killed: set[Run] = set()  # see ``killed``; also atomic

    @property
    def executing(self) -> int:
        """The number of functions that run now."""
        return sum(run.phase is Phase.EXECUTING for run in self._runs.copy().values())

    @property
    def in_hand(self) -> int:
        """The number of tasks that wait, run or report, also those that go back into the queue, and of killed tasks."""
        return len(self._runs) + len(self._redeliverable) + len(self._killed)

    @property
    def runs(self) -> list[Run]:
        """The tasks that wait, run or report."""
        return list(self._runs.copy().values())

    @property
    def owes_answers(self) -> bool:
        """Whether a result is being sent, or a task waits to begin or to be handed back."""
        runs = self._runs.copy().values()
        return bool(self._redeliverable) or any(run.phase in _OWING for run in runs)

    def take_in(self, task: Task, refuse: bool) -> Run | None:
        """Register a delivered task. Returns None if it does not run here, or not now.

        refuse: hand the task back.
        """
        if task.task_id in self._runs:  # a hand-back of the copy would give the task to another worker
            self._ignore(task)
            return None
        names = task.task_type, task.task_def_name
        if self.task_name not in names and any(names):
            said = "%s: handed back a task of type %s"
            of_type = ", ".join(sorted({name for name in names if name}))
            logger.error(said, self.task_name, of_type, extra=self._about(task))
            refuse = True
        if refuse:
            self._unstarted_tasks.hand_back(task, self._resources.clock.now())
            return None
        run = self._new_run(task)
        if self._runs.setdefault(task.task_id, run) is not run:  # another thread has just taken in the other copy
            self._ignore(task)
            return None
        if run.lease is not None:
            self._resources.leases.keep(run.lease)
        if self._abandoned:  # set since the caller's check: hand it back, unless ``abandon`` has done so
            if not self.hand_back(run) and run.lease is not None:
                self._resources.leases.end(run.lease)  # ``abandon`` may have ended it just before it was kept
            return None
        return run

    def next_run(self, delivery: Delivery) -> Run | None:
        """Take in the task that the answer to an update brought, for the slot that sent the update."""
        for result in delivery.unreadable:
            self._unstarted_tasks.fail(result)
        if not delivery.tasks:
            return None
        return self.take_in(delivery.tasks[0], refuse=not self._capacity.may_continue())

    def forget(self, run: Run) -> None:
        """Remove a task whose result is out of hand. No extension of its lease follows. Called once for each run."""
        self._redeliverable.discard(run)
        if self._runs.get(run.task.task_id) is run:  # and not a later delivery of the same task
            del self._runs[run.task.task_id]
        if run.lease is not None:
            self._resources.leases.end(run.lease)

    def allow_redelivery(self, run: Run) -> None:
        """Accept the task again from now on. Its IN_PROGRESS is sent next, and the task may come before the answer."""
        self._redeliverable.add(run)
        del self._runs[run.task.task_id]

    def hand_back(self, run: Run) -> bool:
        """Hand back a task if its function has not begun. Returns whether that was so. The caller keeps its slot."""
        if not run.move(Phase.WAITING, Phase.WITHDRAWN):
            return False
        self._resources.schedule.cancel(run.time_limit)
        self.forget(run)  # first, because the task may be delivered again before the answer
        self._unstarted_tasks.hand_back(run.task, run.received, run.lease)
        return True

    def killed(self, run: Run) -> bool:
        """Remove a task whose process was killed at the end of the drain, or whose event loop was closed.

        It is delivered again after its lease. Returns False if it does not run any more.
        """
        if not run.move(Phase.EXECUTING, Phase.WITHDRAWN):
            return False
        self._resources.work_was_left.set()
        self._killed.add(run)
        self.forget(run)
        return True

    def abandon(self) -> None:
        """The drain is over. Hand back the tasks that have not begun, and log the tasks that run."""
        said = "%s: left behind at the end of the drain"
        for run in self._runs.copy().values():
            if not self.hand_back(run) and run.phase is Phase.EXECUTING:
                logger.error(said, self.task_name, extra=self._about(run.task))

    def name_lost_results(self, sender: ResultSender) -> None:
        """After ``abandon``: log the results that have no answer, and the tasks whose result is not prepared yet."""
        said = "%s: its result is not ready at the end of the drain, and lost"
        sender.give_up()
        for run in self._runs.copy().values():
            if run.phase is Phase.REPORTING:
                logger.error(said, self.task_name, extra=self._about(run.task))

    def _new_run(self, task: Task) -> Run:
        received = self._resources.clock.now()
        lost = Flag() if self._can_be_lost else NEVER_LOST
        is_extended = self._worker.lease_extension and task.response_timeout_seconds > 0
        return Run(task, received, lost, Lease(self.task_name, task, received, lost) if is_extended else None)

    def _ignore(self, task: Task) -> None:
        """Ignore a copy of a task that runs here. The server may deliver a task more than once."""
        _recording.duplicates.count(self.task_name)
        logger.warning("ignored a task that is running already", extra=self._about(task))

    def _about(self, task: Task) -> dict[str, object]:
        return about(self.task_name, task, task.retry_count)
