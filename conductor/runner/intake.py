"""Where tasks come in and go out: taken in, ignored, handed back. The only registry of a worker's tasks in hand."""

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


class Intake:
    """Of one worker. Thread-safe.

    A task that was taken in is let go of by ``forget`` when its result is out of hand, or by ``hand_back`` when it does
    not run. abandoned: set when nothing may begin any more.
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
        self._redeliverable: set[Run] = set()  # their IN_PROGRESS is sent: they may be delivered again; also atomic
        self._killed = 0

    @property
    def executing(self) -> int:
        """How many functions run now."""
        return sum(run.phase is Phase.EXECUTING for run in self._runs.copy().values())

    @property
    def in_hand(self) -> int:
        """Tasks that run, or whose result is on its way, and those that were killed."""
        return len(self._runs) + self._killed

    @property
    def owes_answers(self) -> bool:
        """Whether a result is on its way, or a task waits to begin or to be put back."""
        runs = self._runs.copy().values()
        return bool(self._redeliverable) or any(run.phase in (Phase.WAITING, Phase.REPORTING) for run in runs)

    def take_in(self, task: Task, refuse: bool) -> Run | None:
        """Register a delivered task. None: it is not for this worker to run, or not now.

        refuse: hand it back.
        """
        if task.task_id in self._runs:  # handed back, the copy would take the task elsewhere
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
        if self._runs.setdefault(task.task_id, run) is not run:  # the other copy came on another thread just now
            self._ignore(task)
            return None
        if run.lease is not None:
            self._resources.leases.keep(run.lease)
        if self._abandoned:  # since the caller's look: this thread hands it back, if ``abandon`` has not
            self.hand_back(run)
            self.forget(run)
            return None
        if task.external_input_payload_storage_path:
            _recording.payloads.count(self.task_name, "READ", "TASK_INPUT")
        return run

    def next_run(self, delivery: Delivery) -> Run | None:
        """The task that the answer to an update brought, for the slot that sent it."""
        for result in delivery.unreadable:
            self._unstarted_tasks.fail(result)
        if not delivery.tasks:
            return None
        return self.take_in(delivery.tasks[0], refuse=not self._capacity.may_continue())

    def forget(self, run: Run) -> None:
        """Its result is out of hand: no extension of its lease follows."""
        self._redeliverable.discard(run)
        if self._runs.get(run.task.task_id) is run:  # and not its next delivery
            del self._runs[run.task.task_id]
        if run.lease is not None:
            self._resources.leases.end(run.lease)

    def allow_redelivery(self, run: Run) -> None:
        """Its IN_PROGRESS is sent next: it may be delivered here again before the answer is here."""
        self._redeliverable.add(run)
        del self._runs[run.task.task_id]

    def hand_back(self, run: Run) -> bool:
        """Hand back a task whose function has not begun. Returns whether that was so; its slot stays the caller's."""
        if not run.move(Phase.WAITING, Phase.WITHDRAWN):
            return False
        self._resources.schedule.cancel(run.time_limit)
        self.forget(run)  # first, for it may be delivered here again before the answer is here
        self._unstarted_tasks.hand_back(run.task, run.received, run.lease)
        return True

    def killed(self, run: Run) -> None:
        """Its process was killed at the end of the drain. Its lease brings it back."""
        if not run.move(Phase.EXECUTING, Phase.WITHDRAWN):
            return
        self._resources.work_was_left.set()
        self._killed += 1
        self.forget(run)

    def abandon(self) -> None:
        """The drain is over: hand back the tasks that have not begun, and name those that are left to their leases."""
        said = "%s: left behind at the end of the drain"
        for run in self._runs.copy().values():
            if not self.hand_back(run) and run.phase is Phase.EXECUTING:
                logger.error(said, self.task_name, extra=self._about(run.task))

    def name_lost_results(self, sender: ResultSender) -> None:
        """After ``abandon``: the results that have no answer yet, and those that are not even ready to be sent."""
        said = "%s: its result is not ready at the end of the drain, and lost"
        named = sender.give_up()
        for task_id, run in self._runs.copy().items():
            if run.phase is Phase.REPORTING and task_id not in named:
                logger.error(said, self.task_name, extra=self._about(run.task))

    def _new_run(self, task: Task) -> Run:
        received = self._resources.clock.now()
        lost = Flag() if self._can_be_lost else NEVER_LOST
        is_extended = self._worker.lease_extension and task.response_timeout_seconds > 0
        return Run(task, received, lost, Lease(self.task_name, task, received, lost) if is_extended else None)

    def _ignore(self, task: Task) -> None:
        """A copy of a task that is running here: delivery is at least once."""
        _recording.duplicates.count(self.task_name)
        logger.warning("ignored a task that is running already", extra=self._about(task))

    def _about(self, task: Task) -> dict[str, object]:
        return about(self.task_name, task, task.retry_count)
