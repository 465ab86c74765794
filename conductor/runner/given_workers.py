"""The workers in the arguments of ``TaskRunner.start_workers`` and ``check``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Protocol, cast

from conductor.errors import ConfigurationError
from conductor.worker import Worker


class HasWorker(Protocol):
    """A function that ``worker_task`` has decorated."""

    @property
    def worker(self) -> Worker: ...


Startable = Worker | HasWorker | ModuleType | Iterable["Startable"]


def workers_in(given: Iterable[object]) -> list[Worker]:
    """The workers, in order. ConfigurationError if there is none, or for an object or a module without a worker."""
    found: list[Worker] = []
    for each in _flat(given):
        worker = _worker_of(each)
        if worker is not None:
            found.append(worker)
        elif isinstance(each, ModuleType):
            found += _in_module(each, found)
        else:
            raise ConfigurationError(_problem_with(each))
    if not found:
        raise ConfigurationError("start_workers was given no worker")
    return found


def _flat(given: Iterable[object]) -> Iterator[object]:
    for each in given:
        if isinstance(each, Iterable) and not isinstance(each, str | bytes):
            yield from _flat(each)
        else:
            yield each


def _in_module(module: ModuleType, known: list[Worker]) -> list[Worker]:
    """The module's workers, each once. Another module may show the same Worker object, which is known then."""
    found: dict[int, Worker] = {}
    for member in vars(module).values():
        worker = _worker_of(member)
        if worker is not None and (member is worker or _is_defined_in(module, member)):
            found.setdefault(id(worker), worker)
    if not found:
        raise ConfigurationError(f"module {module.__name__!r} has no worker: no @worker_task function and no Worker")
    for worker in known:
        found.pop(id(worker), None)
    return list(found.values())


def _is_defined_in(module: ModuleType, function: object) -> bool:
    """Whether the function is of this module, or of a module in this package."""
    place = getattr(function, "__module__", None)
    return isinstance(place, str) and (place == module.__name__ or place.startswith(f"{module.__name__}."))


def _worker_of(candidate: object) -> Worker | None:
    if isinstance(candidate, Worker):
        return candidate
    # A module may have a member of this name. Static, because a proxy in a module may raise any error when it is asked.
    if isinstance(candidate, ModuleType) or inspect.getattr_static(candidate, "worker", None) is None:
        return None
    worker = cast(HasWorker, candidate).worker
    return worker if isinstance(worker, Worker) else None


def _problem_with(candidate: object) -> str:
    use = "give a Worker, a function decorated with @worker_task, a module, or a list of them"
    if isinstance(candidate, str | bytes):
        return f"cannot start {candidate!r}, a text: {use}"
    name = getattr(candidate, "__qualname__", type(candidate).__qualname__)  # a repr may show secrets
    return f"cannot start {name}, which has no worker: {use}"
