"""Checks workers: their signatures, their settings, and the task definitions that the server has for them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from conductor.errors import ConductorError, ConfigurationError
from conductor.operating.findings import Finding, Status
from conductor.runner.check import Severity, definition_after_start, problems_of, served_definition
from conductor.transport import ApiClient
from conductor.worker import Worker, WorkerKey, named
from conductor.worker_settings import with_environment

_STATUS: dict[Severity, Status] = {"error": "problem", "warning": "problem", "info": "note"}


def worker_checks(workers: Iterable[Worker], api: ApiClient | None) -> Iterator[Finding]:
    """The workers are not started. Blocks for one request a worker.

    api: None leaves the task definitions out.
    """
    seen: set[WorkerKey] = set()
    for worker in workers:
        check = f"worker {worker.task_name}"
        try:
            resolved = with_environment(worker)
        except ConfigurationError as error:
            yield Finding(check, "problem", str(error))
            continue
        if resolved.key in seen:
            yield Finding(check, "problem", f"two workers have the {named(resolved)}")
            continue
        seen.add(resolved.key)
        yield Finding(check, "ok", _signature(resolved))
        if api is not None:
            yield from _definition_checks(resolved, api)


def _definition_checks(worker: Worker, api: ApiClient) -> Iterator[Finding]:
    check = f"definition {worker.task_name}"
    try:
        served = served_definition(api, worker.task_name, api.short_timeout)
    except ConductorError as error:
        yield Finding(check, "problem", str(error))
        return
    problems = problems_of(worker, definition_after_start(worker, served))
    for problem in problems:
        yield Finding(check, _STATUS[problem.severity], problem.text)
    if not problems:
        text = "fits the worker" if served is not None else "will be registered when the worker starts"
        yield Finding(check, "ok", text)


def _signature(worker: Worker) -> str:
    name = getattr(worker.execute, "__name__", type(worker.execute).__name__)
    return f"{name}{inspect.signature(worker.execute)}"
