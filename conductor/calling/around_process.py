"""Calls interceptors in this process, around the call of a function in another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from conductor.calling.call import Call, KilledError, NotBegunError, ProcessDiedError
from conductor.calling.execute import execute
from conductor.context import TaskContext
from conductor.hooks.interception import Method, execute_around
from conductor.models import Task
from conductor.task_result import PreparedResult, TaskResult, prepare_result


class AroundProcess:
    """The interceptors of a worker whose function runs in processes. Thread-safe."""

    def __init__(self, worker_id: str, methods: Sequence[Method]) -> None:
        self._worker_id = worker_id
        self._methods = methods

    def call(self, call: Call, run: Callable[[Task], PreparedResult]) -> PreparedResult:
        """Call the interceptors around ``run``, which gets their copy of the task.

        The lines of the log are not in the result: they are in the notes of ``call.context``. Raises what ``run``
        raises if the call has no outcome.
        """
        if call.context is None:
            return run(call.task)
        in_process = _InProcess(run)
        function = partial(execute_around, self._methods, in_process)
        outcome = execute(function, call.context)._replace(logs=())
        if in_process.has_no_outcome is not None:
            raise in_process.has_no_outcome
        prepared = prepare_result(call.task, outcome, self._worker_id)
        ran = in_process.prepared
        if ran is not None and outcome.value is ran.result and prepared.error is None:
            return prepared._replace(error=ran.error)  # the class of the function's exception
        return prepared


class _InProcess:
    """The call of the function, for the innermost interceptor. It remembers how the call ended.

    prepared: the result that the process has made. has_no_outcome: the task is handed back, or was killed, whatever the
    interceptors do.
    """

    def __init__(self, run: Callable[[Task], PreparedResult]) -> None:
        self._run = run
        self.prepared: PreparedResult | None = None
        self.has_no_outcome: NotBegunError | KilledError | None = None

    def __call__(self, context: TaskContext) -> TaskResult:
        try:
            self.prepared = self._run(context.task)
        except (NotBegunError, KilledError) as error:
            self.has_no_outcome = error
            raise
        except ProcessDiedError as error:
            raise error.with_traceback(None) from None  # a log record would keep the process's pipes
        return self.prepared.result
