"""What a runner asks of a server, as a Protocol, and its HTTP form. No retries, no threads: one call is one request."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from conductor.models import Task, milliseconds
from conductor.task_result import TaskResult, failed
from conductor.transport import ApiClient, Decoder, tasks

logger = logging.getLogger(__name__)

LONGEST_POLL_MARGIN = 10.0
"""Seconds that a poll's answer may take beyond its long poll."""


class Delivery(NamedTuple):
    """Tasks that now belong to the caller, and FAILED results, ready to be sent, of those that could not be read."""

    tasks: list[Task]
    unreadable: list[TaskResult]


@runtime_checkable
class TaskClient(Protocol):
    """Thread-safe. Each call blocks for one request and raises ApiError, TransportError or DecodeError."""

    def batch_poll(self, task_name: str, worker_id: str, domain: str | None, count: int, timeout: float) -> Delivery:
        """Up to ``count`` tasks, waiting up to ``timeout`` seconds at the server. It may give more than asked for."""
        ...

    def update(self, result: TaskResult) -> None:
        """Post a result. Returning means that it was accepted, or that the task had ended before (server 3.32.3)."""
        ...

    def update_and_poll(self, result: TaskResult) -> Delivery:
        """``update`` and, in the same request, poll for one task of the same type and domain."""
        ...


class HttpTaskClient:
    """TaskClient over HTTP."""

    def __init__(self, api_client: ApiClient) -> None:
        self._api = api_client
        self._margin = min(api_client.http_settings.read_timeout, LONGEST_POLL_MARGIN)

    def batch_poll(self, task_name: str, worker_id: str, domain: str | None, count: int, timeout: float) -> Delivery:
        return _decoded(
            self._api.call_within(
                timeout + self._margin,
                tasks.batch_poll_tasks.sync,
                task_name,
                workerid=worker_id,
                domain=domain,
                count=count,
                timeout=milliseconds(timeout),
            )
        )

    def update(self, result: TaskResult) -> None:
        self._api.call(tasks.update_task.sync, result)

    def update_and_poll(self, result: TaskResult) -> Delivery:
        raw = self._api.call(tasks.update_task_v2.sync, result)
        return _decoded([] if raw is None else [raw])


class _Ids(msgspec.Struct, rename="camel"):
    task_id: str
    workflow_instance_id: str


_task_decoder = Decoder(Task)
_ids_decoder = Decoder(_Ids)


def _decoded(raw_tasks: Iterable[msgspec.Raw]) -> Delivery:
    """Each task by itself, so that a bad one costs the others nothing."""
    delivery = Delivery([], [])
    for raw in raw_tasks:
        try:
            delivery.tasks.append(_task_decoder.decode(raw))
        except (msgspec.DecodeError, RecursionError) as error:
            _report_unreadable(raw, f"the worker cannot read this task: {error}", delivery.unreadable)
    return delivery


def _report_unreadable(raw: msgspec.Raw, reason: str, results: list[TaskResult]) -> None:
    try:
        ids = _ids_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        logger.warning("skipped a polled task without ids: %s", reason)
        return
    logger.warning("%s (task_id=%r workflow_instance_id=%r)", reason, ids.task_id, ids.workflow_instance_id)
    results.append(failed(ids.task_id, ids.workflow_instance_id, reason))
