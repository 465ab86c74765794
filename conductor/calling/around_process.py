"""Calls interceptors in this process, around the call of a function in another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conductor.calling.call import Call, KilledError, NotBegunError, ProcessDiedError
from conductor.calling.execute import execute
from conductor.context import TaskContext, WorkerContext
from conductor.hooks.interception import Method, put_around
from conductor.models import Task
from conductor.task_result import PreparedResult, TaskResult, prepare_result

Run = Callable[[Task], PreparedResult]


def call_around_process(methods: Sequence[Method], shared: WorkerContext, call: Call, run: Run) -> PreparedResult:
    """Call the methods of interceptors around ``run``, which gets their copy of the task.

    The lines of the log are not in the result: they are in the notes of ``call.context``. Raises what ``run`` raises if
    the call has no outcome. Interceptors cannot change that.
    """
    assert call.context is not None  # noqa: S101 - for the type checker; it is set before the function begins
    ends: list[PreparedResult | NotBegunError | KilledError] = []  # of ``run``, which is called at most once

    def in_process(context: TaskContext) -> TaskResult:
        try:
            ran = run(context.task)
        except (NotBegunError, KilledError) as error:
            ends.append(error)
            raise
        except ProcessDiedError as error:
            raise error.with_traceback(None) from None  # a log record would keep the process's pipes
        ends.append(ran)
        return ran.result

    outcome = execute(put_around(methods, in_process), call.context)._replace(logs=())
    prepared = prepare_result(call.task, outcome, shared.worker_id, shared.largest_output)
    for end in ends:
        if not isinstance(end, PreparedResult):
            raise end
        if outcome.value is end.result and prepared.error is None:
            return prepared._replace(error=end.error)  # the class of the function's exception
    return prepared
