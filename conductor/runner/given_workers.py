"""The workers in the arguments of ``TaskRunner.start_workers`` and ``check``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from conductor._arguments import function_name
from conductor.errors import ConfigurationError
from conductor.worker import Worker
from conductor.worker_function import WorkerFunction

Startable = Worker | WorkerFunction[..., Any] | ModuleType | Iterable["Startable"]


def workers_in(given: Iterable[object]) -> list[Worker]:
    """The workers, in order. ConfigurationError if there is none, or for an object or a module without a worker."""
    found: list[Worker] = []
    for each in _flat(given):
        if isinstance(each, ModuleType):
            found += [worker for worker in _of_module(each) if worker not in found]  # two modules may show one Worker
        elif worker := _worker_of(each):
            found.append(worker)
        else:
            raise ConfigurationError(_problem_with(each))
    if not found:
        raise ConfigurationError("no worker was given")
    return found


def _flat(given: Iterable[object]) -> Iterator[object]:
    for each in given:
        if isinstance(each, Iterable) and not isinstance(each, str | bytes):
            yield from _flat(each)
        else:
            yield each


def own_workers(module: ModuleType) -> list[Worker]:
    """The module's workers, each once."""
    own = [each for each in vars(module).values() if isinstance(each, Worker) or _is_defined_in(module, each)]
    return list(dict.fromkeys(filter(None, map(_worker_of, own))))


def _of_module(module: ModuleType) -> list[Worker]:
    found = own_workers(module)
    if not found:
        raise ConfigurationError(f"module {module.__name__!r} has no worker: {_reason(module)}")
    return found


def _reason(module: ModuleType) -> str:
    """Why it has none. A function that it imports belongs to the module that defines it."""
    imported = [(name, each) for name, each in vars(module).items() if isinstance(each, WorkerFunction)]
    if not imported:
        return "no @worker_task function and no Worker"
    name, function = imported[0]
    return f"{name}, which it imports, is a worker of module {function.__module__!r}: give that module too"


def _is_defined_in(module: ModuleType, function: object) -> bool:
    """Whether the function is of this module, or of a module in this package."""
    place = getattr(function, "__module__", None)
    return isinstance(place, str) and (place == module.__name__ or place.startswith(f"{module.__name__}."))


def _worker_of(candidate: object) -> Worker | None:
    if isinstance(candidate, Worker):
        return candidate
    if isinstance(candidate, WorkerFunction):
        return candidate.worker
    if inspect.isfunction(candidate) and isinstance(
        inspect.unwrap(candidate, stop=lambda each: isinstance(each, WorkerFunction)), WorkerFunction
    ):
        raise ConfigurationError(
            f"start_workers cannot start {candidate.__qualname__}: a decorator above @worker_task hides its worker,"
            " which would run without that decorator: put @worker_task above the others"
        )
    return None


def _problem_with(candidate: object) -> str:
    use = "give a Worker, a function decorated with @worker_task, a module, or a list of them"
    if isinstance(candidate, str | bytes):
        return f"cannot start {candidate!r}, a text: {use}"
    return f"cannot start {function_name(candidate)}, which has no worker: {use}"
