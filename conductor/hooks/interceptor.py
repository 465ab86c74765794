"""``Interceptor``: code of yours around each poll, each execution and each update."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from conductor.models import Task
from conductor.task_result import TaskResult
from conductor.worker import Worker


class Interceptor:
    """A base class for code around polls, executions and updates: ``TaskRunner(interceptors=[First(), Second()])``.

    Override the methods that you need; the others cost nothing. Each method calls ``proceed()`` for the inner
    interceptors and the work itself, and returns its value. The first interceptor of the list is the outermost.

    ``proceed()`` may be called once, before the method returns. A ``def`` method calls it on its own thread. One object
    serves all threads and coroutines of the runner. An exception of the interceptor itself is logged and has no other
    effect: the work is done, and its outcome counts.
    """

    def poll(self, worker: Worker, proceed: Callable[[], list[Task]]) -> list[Task]:  # noqa: ARG002 - for overrides
        """Around each poll, on the worker's poll thread. ``proceed()`` returns the tasks, or raises ConductorError.

        Without ``proceed()`` there is no request, and the runner goes on as after an empty poll: so works a circuit
        breaker. Else the runner takes the tasks or the error of the request, whatever the method returns or raises.
        The worker is for reading.
        """
        return proceed()

    def execute(self, task: Task, proceed: Callable[[], Any]) -> Any:  # noqa: ARG002 - for overrides
        """Around each call of a worker function. ``proceed()`` returns its value, or raises its exception.

        It runs on the thread of the function, inside ``task_context()``. The task is the function's own copy. The
        method may return another value, and need not call ``proceed()``: so work a cache, and a check that returns a
        TaskResult with a status of its own. After an exception of the function it may raise another one
        (``raise NonRetryableError from error``) or return a value.

        With ``executor=process_pool(…)`` it runs in the main process, and ``proceed()`` returns a TaskResult, whose
        status is FAILED if the function has raised.

        Around an ``async def`` function this method runs as ``execute_async`` describes. A method that is itself
        ``async def`` counts as ``execute_async``, and cannot be used with ``def`` functions.
        """
        return proceed()

    async def execute_async(self, task: Task, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """``execute`` for ``async def`` functions, with ``await proceed()``. It runs on the event loop.

        Override it beside ``execute`` if you have such functions. Without an override, ``execute`` runs on a thread
        of its own, and blocks there while the function runs on the event loop: a thread for each running task. The
        function sees the context variables that ``execute`` has set.
        """
        from conductor.hooks.execute_on_thread import execute_on_thread  # noqa: PLC0415 - not every worker needs asyncio

        return await execute_on_thread(self.execute, task, proceed)

    def update(self, result: TaskResult, proceed: Callable[[], None]) -> None:  # noqa: ARG002 - for overrides
        """Around each request that sends a result, also a repeated one. ``proceed()`` may raise ConductorError.

        The result is sent as without the method: it is for reading, and if ``proceed()`` was not called, the request
        is made anyway. Results that hand a task back, and those of the outbox, pass here too. Extensions of a lease
        do not.
        """
        return proceed()
