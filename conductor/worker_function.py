"""``@worker_task`` makes a function a worker."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from functools import WRAPPER_ASSIGNMENTS, update_wrapper
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack, overload

from conductor._arguments import function_name
from conductor._decorated import Decorated
from conductor.errors import ConfigurationError
from conductor.models import WorkflowTask
from conductor.worker import Worker, WorkerOptions

P = ParamSpec("P")
Rest = ParamSpec("Rest")
Instance = TypeVar("Instance")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_OF_A_FUNCTION = (*WRAPPER_ASSIGNMENTS, "__code__", "__defaults__", "__kwdefaults__")
"""The attributes by which the module ``inspect`` knows a function, and so an ``async def``."""


class WorkerFunction(Decorated, Generic[P, R_co]):
    """A function with a worker, as ``worker_task`` makes it.

    A call of it is a call of the function. It has the name, the docstring and the signature of the function. ``pickle``
    and the module ``inspect`` treat it as a function.

    In a class it is a method. Each object then has a worker of its own: ``service.charge.worker``.
    """

    __wrapped__: Callable[P, R_co]
    __name__: str
    __qualname__: str

    def __init__(self, execute: Callable[P, R_co], task_name: str, options: WorkerOptions) -> None:
        update_wrapper(self, execute, _OF_A_FUNCTION)
        self._task_name = task_name
        self._options = options
        self._worker: Worker | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self.__wrapped__(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: WorkerFunction[Concatenate[Instance, Rest], R_co], instance: Instance, owner: type | None = None
    ) -> WorkerFunction[Rest, R_co]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return WorkerFunction(MethodType(self.__wrapped__, instance), self._task_name, self._options)

    def __repr__(self) -> str:
        return f"<worker_task {self._task_name!r}: {self.__wrapped__!r}>"

    def __reduce__(self) -> Any:
        """Pickle it by its name, as a function is, or as an attribute of the object whose method it is."""
        if isinstance(self.__wrapped__, MethodType):
            return getattr, (self.__wrapped__.__self__, self.__wrapped__.__name__)
        return self.__qualname__

    @property
    def worker(self) -> Worker:
        """The worker, for ``TaskRunner.start_workers``. ConfigurationError for a method taken from its class."""
        if _is_method(self.__wrapped__):
            raise ConfigurationError(
                f"{self.__qualname__} is a method: its worker belongs to an object, as in"
                f" {self.__qualname__.rpartition('.')[0].rpartition('.')[2]}(...).{self.__name__}.worker"
            )
        if self._worker is None:  # the worker of a method is made when it is needed, and not at each call
            self._worker = Worker(self._task_name, self.__wrapped__, **self._options)
        return self._worker

    def step(self, task_ref_name: str, /, **inputs: Any) -> WorkflowTask:
        """Make the step of a workflow that this worker runs: see ``Worker.step``. A method needs no object for it."""
        is_method = _is_method(self.__wrapped__)
        worker = Worker(self._task_name, _as_called(self.__wrapped__), **self._options) if is_method else self.worker
        return worker.step(task_ref_name, **inputs)


def worker_task(task_name: str, **options: Unpack[WorkerOptions]) -> Callable[[Callable[P, R]], WorkerFunction[P, R]]:
    """Give a function its worker: ``@worker_task("charge", batch_size=5)`` above it.

    task_name: the task type that the function is for. options: those of ``TaskRunner.start_worker``.

    The function can be called and tested as before. ``TaskRunner.start_workers`` starts its worker. A function that no
    worker can call, and an option that cannot work, are a ConfigurationError where the function is defined.

    Decorators below this one belong to the worker function. A decorator above it hides the worker.
    """
    if callable(task_name):
        raise ConfigurationError('worker_task needs the name of a task: @worker_task("charge")')

    known = WorkerOptions.__annotations__
    for name in options:  # before Worker, which the user has not called, says so
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            question = f": do you mean {nearest[0]!r}?" if nearest else ""
            raise TypeError(f"worker_task() got an unexpected keyword argument {name!r}{question}")

    def decorate(execute: Callable[P, R]) -> WorkerFunction[P, R]:
        try:
            _check(execute, task_name, options)
        except ConfigurationError as error:
            raise ConfigurationError(f"@worker_task({task_name!r}) of {function_name(execute)}: {error}") from None
        return WorkerFunction(execute, task_name, options)

    return decorate


def _check(execute: Callable[..., Any], task_name: str, options: WorkerOptions) -> None:
    """ConfigurationError unless a worker can be made."""
    if isinstance(execute, Decorated):
        raise ConfigurationError("it has a worker already: give the function to start_worker for another task type")
    if isinstance(execute, staticmethod | classmethod):
        raise ConfigurationError(f"put @{type(execute).__name__} above @worker_task")
    Worker(task_name, _as_called(execute), **options)


def _as_called(execute: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the parameters that a worker sees: for a method, another object takes the place of its own."""
    return MethodType(execute, object()) if _is_method(execute) else execute


def _is_method(execute: Callable[..., Any]) -> bool:
    """Whether it is a function in a class that takes ``self`` or ``cls``, and no bound method."""
    if not inspect.isfunction(execute):
        return False
    scope = execute.__qualname__.rpartition(".")[0]
    in_class = bool(scope) and not scope.endswith("<locals>")
    return in_class and next(iter(inspect.signature(execute).parameters), "") in ("self", "cls")
