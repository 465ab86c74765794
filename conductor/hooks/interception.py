"""Calls interceptors around polls, executions and updates. A failure of one loses neither a task nor a result.

=========  ==============================  ==============================  ============================================
around     it raises, before or after      it raises, after the work has   it does not call ``proceed``
           the work succeeded              raised
=========  ==============================  ==============================  ============================================
poll       logged; the tasks count         logged; the first error counts  there is no request, as after an empty poll
execution  logged; the value counts        the new exception counts        the function is not called
update     logged; the result is sent      logged; the first error counts  logged; the result is sent
=========  ==============================  ==============================  ============================================
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import partial
from typing import Any, Generic, TypeVar

from conductor._arguments import is_async, require_instances
from conductor._log import about, logger_of
from conductor._output import copied
from conductor.context import BoundFunction, TaskContext
from conductor.errors import ConductorError, ConfigurationError
from conductor.hooks.interceptor import Interceptor
from conductor.models import Task
from conductor.task_client import Delivery
from conductor.task_result import TaskResult
from conductor.worker import Worker

logger = logger_of(__name__)

T = TypeVar("T")
Method = Callable[..., Any]

_TOO_OFTEN = "proceed() works once, and only until the interceptor returns"


class Interceptors:
    """The interceptors of one runner. Only methods that are overridden are called. Thread-safe.

    Raises ConfigurationError if one is no Interceptor, or has an ``async def`` method in the place of a ``def`` one.
    """

    def __init__(self, interceptors: Sequence[Interceptor] = ()) -> None:
        self._all = require_instances("interceptors", interceptors, Interceptor)
        for each in self._all:
            for name, wants_async in (("poll", False), ("update", False), ("execute_async", True)):
                if is_async(getattr(each, name)) is not wants_async:
                    kind = "`async def`" if wants_async else "`def`"
                    raise ConfigurationError(f"{name} of the interceptor {type(each).__qualname__} must be {kind}")
        self._polls = [each.poll for each in self._inside_out("poll")]
        self._updates = [each.update for each in self._inside_out("update")]

    @property
    def see_updates(self) -> bool:
        return bool(self._updates)

    def poll(self, worker: Worker, request: Callable[[], Delivery]) -> Delivery:
        """Make a request, or none. Returns its answer; an empty one if there was no request."""
        if not self._polls:
            return request()
        delivery = Delivery([], [])

        def take() -> list[Task]:
            nonlocal delivery
            delivery = request()
            return list(delivery.tasks)

        proceed: Callable[[], list[Task]] = take
        for method in self._polls:
            proceed = partial(_around_poll, method, worker, proceed)
        proceed()
        return delivery

    def update(self, result: TaskResult, request: Callable[[], Delivery], ids: dict[str, object]) -> Delivery:
        """Make a request that sends the result. Returns its answer. ids: for the log."""
        answers: list[Delivery] = []

        def send() -> None:
            answers.append(request())

        proceed: Callable[[], None] = send
        shown = copy(result)  # so that a change is not sent
        shown.output_data = copied(result.output_data)
        shown.logs = [copy(each) for each in result.logs or ()]
        for method in self._updates:
            proceed = partial(_around_update, method, shown, proceed, ids)
        proceed()
        return answers[0]

    def executes(self) -> list[Method]:
        """The methods around ``def`` functions. ConfigurationError: an interceptor's ``execute`` is ``async def``."""
        overriding = self._inside_out("execute")
        for each in overriding:
            if is_async(each.execute):
                name = type(each).__qualname__
                raise ConfigurationError(f"execute of the interceptor {name} is `async def`, and the worker is `def`")
        return [each.execute for each in overriding]

    def around(self, function: BoundFunction) -> BoundFunction:
        """The function of a ``def`` worker with the interceptors around it. ConfigurationError: see ``executes``."""
        return put_around(self.executes(), function)

    def around_async(self, function: BoundFunction) -> BoundFunction:
        """The function of an ``async def`` worker with the interceptors around it."""
        methods = [
            each.execute if is_async(each.execute) and not _overrides(each, "execute_async") else each.execute_async
            for each in self._inside_out("execute", "execute_async")
        ]
        return partial(_execute_around_async, methods, function) if methods else function

    def _inside_out(self, *names: str) -> list[Interceptor]:
        """The interceptors that override one of the methods, the innermost first."""
        return [each for each in reversed(self._all) if any(_overrides(each, name) for name in names)]


def _overrides(interceptor: Interceptor, name: str) -> bool:
    return getattr(type(interceptor), name) is not getattr(Interceptor, name)


class _Proceed(Generic[T]):
    """``proceed`` of one ``def`` method in one call. It remembers the outcome of the inner call."""

    __slots__ = ("_arguments", "_inner", "_thread", "error", "is_called", "value")

    def __init__(self, inner: Callable[..., T], *arguments: Any) -> None:
        self.is_called = False
        self.value: T  # set when the inner call has returned
        self.error: BaseException | None = None
        self._inner: Callable[..., T] | None = inner
        self._arguments = arguments
        self._thread = threading.get_ident()

    def __call__(self) -> T:
        if threading.get_ident() != self._thread:
            raise ConductorError("proceed() must be called on the thread of the interceptor")
        inner, self._inner = self._inner, None
        if inner is None:
            raise ConductorError(_TOO_OFTEN)
        self.is_called = True
        try:
            self.value = value = inner(*self._arguments)
        except BaseException as error:
            self.error = error
            raise
        return value

    def close(self) -> None:
        """The method has ended, and must not call it any more."""
        self._inner = None


def put_around(methods: Sequence[Method], function: BoundFunction) -> BoundFunction:
    """The function inside of the methods, the innermost first."""
    for method in methods:
        function = partial(_around_execute, method, function)
    return function


def _around_execute(method: Method, inner: BoundFunction, context: TaskContext) -> Any:
    proceed = _Proceed(inner, context)
    try:
        return method(context.task, proceed)
    except BaseException as error:
        if proceed.error is not None:
            proceed.error = None  # its frames refer to this object
            raise
        _log_failure(method, error, _about(context))
    finally:
        proceed.close()
    return proceed.value if proceed.is_called else inner(context)


def _around_poll(method: Method, worker: Worker, inner: Callable[[], list[Task]]) -> list[Task]:
    proceed = _Proceed(inner)
    is_whole = _observe(method, worker, proceed, {})
    if proceed.is_called:
        return _outcome(proceed)
    return [] if is_whole else inner()


def _around_update(method: Method, result: TaskResult, inner: Callable[[], None], ids: dict[str, object]) -> None:
    proceed = _Proceed(inner)
    is_whole = _observe(method, result, proceed, ids)
    if proceed.is_called:
        return _outcome(proceed)
    if is_whole:
        logger.error("%s did not call proceed(); the result is sent anyway", _name(method), extra=ids)
    return inner()


def _observe(method: Method, subject: object, proceed: _Proceed[Any], ids: dict[str, object]) -> bool:
    """Call a method that cannot change the outcome. Returns whether it returned."""
    try:
        method(subject, proceed)
    except BaseException as error:  # noqa: BLE001 - it is logged, or raised by the caller
        if error is not proceed.error:
            _log_failure(method, error, ids)
        return False
    finally:
        proceed.close()
    return True


def _outcome(proceed: _Proceed[T]) -> T:
    if proceed.error is None:
        return proceed.value
    try:
        raise proceed.error
    finally:
        proceed.error = None  # as above


class _ProceedAsync:
    """``proceed`` of one ``execute_async`` in one call."""

    __slots__ = ("_inner", "coroutine", "has_returned", "is_called", "value")

    def __init__(self, inner: Callable[[], Awaitable[Any]]) -> None:
        self.is_called = False
        self.has_returned = False
        self.value: Any = None
        self.coroutine: Awaitable[Any] | None = None
        self._inner: Callable[[], Awaitable[Any]] | None = inner

    def __call__(self) -> Awaitable[Any]:
        self.coroutine = self._call()
        return self.coroutine

    async def _call(self) -> Any:
        inner, self._inner = self._inner, None
        if inner is None:
            raise ConductorError(_TOO_OFTEN)
        self.is_called = True
        self.value = await inner()
        self.has_returned = True
        return self.value

    def close(self) -> None:
        """The method has ended, and must not call it any more."""
        self._inner = None


async def _execute_around_async(methods: Sequence[Method], function: BoundFunction, context: TaskContext) -> Any:
    call = partial(function, context)
    for method in methods:
        call = partial(_around_execute_async, method, context, call)
    return await call()


async def _around_execute_async(method: Method, context: TaskContext, inner: Callable[[], Awaitable[Any]]) -> Any:
    proceed = _ProceedAsync(inner)
    try:
        value = await method(context.task, proceed)
        is_unawaited = value is not None and value is proceed.coroutine  # from `return proceed()`
        return await value if is_unawaited else value
    except BaseException as error:
        if proceed.is_called != proceed.has_returned or _is_from_outside(error):
            raise
        _log_failure(method, error, _about(context))
    finally:
        proceed.close()
    return proceed.value if proceed.is_called else await inner()


def _is_from_outside(error: BaseException) -> bool:
    """Whether the coroutine is cancelled, as at a time limit, or closed. It must end then."""
    import asyncio  # noqa: PLC0415 - loaded if a coroutine runs

    task = asyncio.current_task()
    is_cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return is_cancelled or isinstance(error, GeneratorExit)


def _log_failure(method: Method, error: BaseException, ids: dict[str, object]) -> None:
    logger.error("an interceptor failed, which changes nothing: %s", _name(method), exc_info=error, extra=ids)


def _name(method: Method) -> str:
    interceptor = getattr(method, "__self__", method)  # a method may have been replaced by any callable
    return f"{type(interceptor).__qualname__}.{getattr(method, '__name__', '')}"


def _about(context: TaskContext) -> dict[str, object]:
    return about(context.task_name, context.task, context.retry_count)
