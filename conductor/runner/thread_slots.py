"""The slots of a ``def`` function are threads. Each calls the function, sends the result, and takes the next task."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from conductor._threads import ThreadsOnDemand
from conductor.calling.call import KilledError, NotBegunError
from conductor.calling.callers import Caller
from conductor.delivery.result_sender import ResultSender
from conductor.payloads import is_elsewhere
from conductor.runner.capacity import Capacity
from conductor.runner.intake import Intake
from conductor.runner.run import Phase, Run
from conductor.runner.steps import TaskSteps
from conductor.task_result import CallOutcome, PreparedResult


class ThreadSlots:
    """The slots of one worker. Thread-safe.

    When a time limit passes, another thread takes the slot over. The thread of the function ends with the function.
    """

    def __init__(
        self,
        task_name: str,
        caller: Caller,
        *,
        capacity: Capacity,
        intake: Intake,
        steps: TaskSteps,
        sender: ResultSender,
    ) -> None:
        self._caller = caller
        self._capacity = capacity
        self._intake = intake
        self._steps = steps
        self._sender = sender
        self._threads = ThreadsOnDemand(f"conductor-work-{task_name}")

    @property
    def died_at(self) -> datetime | None:
        """The time at which an error last ended one of the threads. Its slot is lost."""
        return self._threads.died_at

    def start(self, run: Run) -> None:
        """Start a slot with its first task. RuntimeError: the system has no thread left."""
        self._threads.run(partial(self._serve, [run]))

    def abandon(self) -> None:
        """The drain is over. End functions that would keep this process from ending."""
        self._caller.close()

    def close(self) -> None:
        """Called after the last task."""
        self._threads.close()
        self._caller.close()

    def _serve(self, first: list[Run]) -> None:
        """Run the first task, and then each task that an answer brings. Give the slot back at the end."""
        run: Run | None = first.pop()  # so that nothing holds it while the slot goes on with others
        while run is not None:
            ended = self._call(run)
            if run.phase is Phase.WITHDRAWN:  # the function has not begun, or was killed
                break
            if ended is None or not self._steps.end(run):  # the time limit came first, and another thread has the slot
                return
            run = self._report(run, ended)
            del ended  # it may be large, and the next task may take long
        self._capacity.give_back()

    def _call(self, run: Run) -> CallOutcome | PreparedResult | None:
        """None: the run is withdrawn, or its time limit was first."""
        try:
            if is_elsewhere(run.task) and (problem := self._steps.payloads.fetch(run)) is not None:
                return CallOutcome(error=problem) if self._begin(run) else None
            return self._caller.call(run, self._begin)
        except NotBegunError:
            run.move(Phase.EXECUTING, Phase.WAITING)  # its process died before the function began
            self._intake.hand_back(run)  # does nothing if it was handed back already
        except KilledError:
            self._intake.killed(run)
        except Exception as error:  # noqa: BLE001 - a bug
            if run.phase is not Phase.WAITING:
                return CallOutcome(error=error)
            self._steps.not_started(run, error)
        return None

    def _begin(self, run: Run) -> bool:
        return self._steps.begin(run, self._time_limit_is_over)

    def _report(self, run: Run, ended: CallOutcome | PreparedResult) -> Run | None:
        """Send the result. Returns the next task for this slot, if the answer brought one."""
        try:
            pending = self._steps.to_send(run, self._steps.prepare(run, ended))
            return self._steps.finish(run, self._sender.send(pending))
        except Exception as bug:  # noqa: BLE001 - it is logged
            self._steps.not_reported(run, bug)
            return None

    def _time_limit_is_over(self, run: Run) -> None:
        """Called on the schedule's thread, which must not block."""
        self._threads.run(partial(self._take_over, run))

    def _take_over(self, run: Run) -> None:
        """Fail the task and go on with its slot, unless its function has just ended."""
        if not self._steps.end(run):
            return
        self._caller.give_up(run)
        following = self._report(run, self._steps.timed_out(run, self._caller.fate_of_hung_function))
        if following is None:
            self._capacity.give_back()
        else:
            self._serve([following])
