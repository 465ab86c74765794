"""Compares the task definitions of a server with the workers that use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from conductor._output import output_data
from conductor.definitions import OF_OTHER_SERVERS
from conductor.errors import NotFoundError
from conductor.models import TaskDef
from conductor.registration import contradictions, seconds_in
from conductor.transport import ApiClient, metadata
from conductor.worker import Worker

Severity = Literal["error", "warning", "info"]

AN_HOUR = 3600
"""Seconds: the default of responseTimeoutSeconds, also without a definition (server 3.32.3)."""
_MADE_BY_THE_SERVER = ("createTime", "updateTime", "createdBy", "updatedBy", "ownerApp")

_MISSING = (
    "no task definition is named {}: is the name right? Without a definition, a task whose worker dies comes back after"
    " an hour; task_def=TaskDef(...) and register=True register one with the worker"
)
_NOT_REGISTERED = (
    "no task definition is named {}: its registration (register=True) has failed, and the log says why, or it has been"
    " deleted since. Without a definition, a task whose worker dies comes back after an hour"
)
_LONG_LEASE = (
    "a task whose worker dies comes back after {:g} s, the responseTimeoutSeconds of its task definition;"
    " with lease_extension=True it can be much shorter"
)
_SHORT_LEASE = (
    "the responseTimeoutSeconds of its task definition, {:g} s, is shorter than the worker's timeout, {:g} s: the"
    " server delivers a task again while it runs; lengthen the one, shorten the other, or set lease_extension=True"
)
_SHORT_LIMIT = (
    "the {} of its task definition, {:g} s, is shorter than the worker's timeout, {:g} s: the server ends a task while"
    " it runs"
)
_DIFFERENT = "the task definition of the server differs from task_def: {}"


@dataclass(frozen=True)
class Problem:
    """A task definition and its worker do not fit together.

    severity: ``error`` if tasks will fail or run twice, ``warning`` if it is probably not meant so, ``info`` if it is
    good to know. text: a sentence that names the task type.
    """

    task_name: str
    domain: str | None
    severity: Severity
    text: str


def served_definition(api: ApiClient, task_name: str, timeout: float) -> dict[str, Any] | None:
    """The definition as on the wire; None if there is none. ConductorError: the server does not tell."""
    try:
        definition = api.call_within(timeout, metadata.get_task_def.sync, task_name)
    except NotFoundError as error:
        if error.conductor and error.message.startswith("No such task"):
            return None
        raise  # there may be one: the server has another API, or a gateway answers
    return output_data(definition, "task_def")[0]


def problems_of(worker: Worker, served: dict[str, Any] | None) -> list[Problem]:
    """served: the definition that the server has, as on the wire; None if it has none."""
    found: list[tuple[Severity, str]]
    if served is None:
        text = _NOT_REGISTERED if worker.registers else _MISSING
        found = [("warning", text.format(worker.task_name))]
    else:
        name = worker.task_name if worker.domain is None else f"{worker.task_name} (domain {worker.domain})"
        misfits = chain(
            _lease_misfits(worker, served), _time_limit_misfits(worker, served), _code_misfits(worker, served)
        )
        found = [(severity, f"{name}: {text}") for severity, text in misfits]
    return [Problem(worker.task_name, worker.domain, severity, text) for severity, text in found]


def definition_after_start(worker: Worker, served: dict[str, Any] | None) -> dict[str, Any] | None:
    """The definition that the server will have when the worker has registered its own one, if it does so."""
    registration = worker.registration
    if registration is None or not registration.register or not (served is None or registration.overwrite):
        return served
    lease = registration.task_def.get("responseTimeoutSeconds")
    return {**registration.task_def, "responseTimeoutSeconds": AN_HOUR if lease is None else lease}


Found = Iterator[tuple[Severity, str]]


def _lease_misfits(worker: Worker, served: dict[str, Any]) -> Found:
    lease = seconds_in(served, "responseTimeoutSeconds")
    if worker.lease_extension or not lease:
        return
    if worker.timeout is not None and lease < worker.timeout:
        yield "error", _SHORT_LEASE.format(lease, worker.timeout)
    if lease >= AN_HOUR:
        yield "info", _LONG_LEASE.format(lease)


def _time_limit_misfits(worker: Worker, served: dict[str, Any]) -> Found:
    """A limit of 0 s is none."""
    for name in ("timeoutSeconds", "totalTimeoutSeconds"):
        limit = seconds_in(served, name)
        if worker.timeout is not None and 0 < limit < worker.timeout:
            yield "error", _SHORT_LIMIT.format(name, limit, worker.timeout)
    for text in contradictions(served):
        yield "error", f"its task definition contradicts itself: {text}"


def _code_misfits(worker: Worker, served: dict[str, Any]) -> Found:
    if worker.registration is None:
        return
    if differing := list(differences(worker.registration.task_def, served)):
        yield "warning", _DIFFERENT.format("; ".join(differing))


def differences(task_def: dict[str, Any], served: dict[str, Any]) -> Iterator[str]:
    """The members that differ. A member that task_def leaves out may have any value."""
    ignored = {*_MADE_BY_THE_SERVER, *OF_OTHER_SERVERS[TaskDef]}
    for member, wanted in task_def.items():
        found = served.get(member)
        if member in ("inputSchema", "outputSchema") and isinstance(wanted, dict) and isinstance(found, dict):
            found = {key: found.get(key) for key in wanted}  # the server adds members
        if member in ignored or wanted == found or (not wanted and wanted in (None, [], {}) and not found):
            continue
        yield member if isinstance(wanted, dict | list) else f"{member} is {found!r}, and not {wanted!r}"
