"""The log messages about a runner as a whole. They are INFO if all is well.

``polling simple_task, ship (domain blue) at URL as HOST-PID``, ``SIGTERM: draining, 3 tasks run, up to 30 s``,
``stopped: nothing left behind``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from conductor._log import logger_of
from conductor.runner.definitions import Definitions
from conductor.worker import Worker, WorkerKey
from conductor.worker_settings import misspelt_variables, readable_properties, settings_of

logger = logger_of(__name__)


class RunnerLog:
    """The messages of one runner. Thread-safe.

    server, worker_id: for the text. definitions: called for each worker whose polls are answered; None in tests, where
    a runner has no ApiClient.
    """

    def __init__(self, server: str, worker_id: str, definitions: Definitions | None) -> None:
        self._server = server
        self._worker_id = worker_id
        self._definitions = definitions
        # Guards everything below. A user's signal handler may stop workers while its thread holds it.
        self._lock = threading.RLock()
        self._unnamed: list[Worker] = []  # started, and not logged yet
        self._answered: set[WorkerKey] = set()
        self._stop_cause: str | None = None  # the last one, since the first worker started
        self._runs = False
        self._has_looked_at_variables = False

    def started(self, worker: Worker) -> None:
        """Leave the worker to the next ``polling``, so that workers that are started together share a message."""
        with self._lock:
            self._runs = True
            self._unnamed.append(worker)
            self._answered.discard(worker.key)

    def settings(self, workers: Sequence[Worker]) -> None:
        """Log the settings of workers that come from the environment, and once the variables that set nothing."""
        with self._lock:
            is_first, self._has_looked_at_variables = not self._has_looked_at_variables, True
        for variable in misspelt_variables() if is_first else ():
            logger.warning(
                "%s has no effect: a runner has no such variable, and its end is none of %s",
                variable,
                ", ".join(readable_properties()),
            )
        for worker in workers:
            read = [each for each in settings_of(worker) if each.name in worker.sources]
            if read:
                texts = [f"{each.name}={each.value!r} ({each.source})" for each in read]
                logger.info("%s: from the environment %s", _name(worker), ", ".join(texts))

    def polling(self) -> None:
        """Log the workers that are not logged yet."""
        with self._lock:
            unnamed, self._unnamed = self._unnamed, []
        if unnamed:
            line = "polling " + ", ".join(["%s"] * len(unnamed)) + " at %s as %s"  # each text is cut by itself
            logger.info(line, *map(_name_and_state, unnamed), self._server, self._worker_id)

    def answered(self, worker: Worker) -> None:
        """Called at each answer to a poll. Only the first one changes something."""
        if worker.key in self._answered:
            return
        with self._lock:
            self._answered.add(worker.key)
        self.polling()
        if self._definitions is not None:
            self._definitions.look_at(worker)

    def stop_requested(self, cause: str) -> None:
        """Name the cause in the next message. It is the name of a signal, or another word."""
        with self._lock:
            if not self._runs:
                return
            is_first, self._stop_cause = self._stop_cause is None, cause
        if not is_first:
            logger.warning("%s: the second request to stop, so the drain is over", cause)

    def draining(self, ending: Sequence[tuple[Worker, int]], seconds: float, task_name: str | None) -> None:
        """ending: the workers, each with its number of tasks in hand. task_name: None if the whole runner ends."""
        if not ending:
            return
        self.polling()
        of_whom = "" if task_name is None else f" of {_name(ending[0][0])}"
        cause = f"shutdown{of_whom}" if self._stop_cause is None else self._stop_cause
        running = sum(in_hand for _, in_hand in ending)
        logger.info(
            "%s: draining, %s, up to %g s", cause, "1 task runs" if running == 1 else f"{running} tasks run", seconds
        )

    def stopped(self, left: int, is_clean: bool) -> None:
        """Log the end once. left: the number of tasks in hand. is_clean: all work ended in time and was delivered.

        Earlier messages name each task that is left and each result that was not delivered.
        """
        with self._lock:
            ran, self._runs, self._stop_cause = self._runs, False, None
        if self._definitions is not None:
            self._definitions.close()
        if not ran:
            return
        if left:
            said = "stopped: %s left behind; the server waits until the lease ends"
            logger.error(said, "1 task" if left == 1 else f"{left} tasks")
        elif is_clean:
            logger.info("stopped: nothing left behind")
        else:
            logger.warning("stopped: not all was delivered or ended in time, see above")


def _name(worker: Worker) -> str:
    return worker.task_name if worker.domain is None else f"{worker.task_name} (domain {worker.domain})"


def _name_and_state(worker: Worker) -> str:
    return f"{_name(worker)} (paused)" if worker.paused else _name(worker)
