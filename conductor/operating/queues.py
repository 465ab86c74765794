"""The queues of a server: their sizes, and the workers that poll them."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from conductor.executor import TaskExecutor
from conductor.models import PollData, WorkflowTaskType
from conductor.operating.server_clock import server_time
from conductor.transport import ApiClient

RECENTLY = 60.0
"""Seconds. Idle workers poll every few seconds, busy ones when a slot is free. An update-v2 is a poll too (3.32.3)."""

_OF_THE_SERVER = frozenset(map(str, WorkflowTaskType)) - {WorkflowTaskType.SIMPLE}
"""Queues of tasks that the server executes itself. A WAIT task, for example, stays there until it is due (3.32.3)."""


class Queue(msgspec.Struct, rename="camel", frozen=True):
    """size: tasks that wait to be polled, including delayed ones.

    worker_id, seconds_since_poll: of the last poll; None if there was none. is_unattended: tasks wait, and nobody has
    polled recently.
    """

    task_name: str
    domain: str | None
    size: int
    worker_id: str | None
    seconds_since_poll: float | None
    is_unattended: bool


def queues(api: ApiClient, task_names: Iterable[str], *, recently: float = RECENTLY) -> list[Queue]:
    """The queues of these task types in all domains, or all queues that workers poll. Blocks for two requests.

    recently: seconds.
    """
    executor = TaskExecutor(api)
    asked = set(task_names)
    sizes = {_key(name): size for name, size in executor.queue_sizes().items() if not name.startswith("_")}
    polls = {(poll.queue_name or "", poll.domain or None): poll for poll in executor.poll_data()}
    now = server_time(api) or time.time()
    keys = sizes.keys() | polls.keys()
    keys |= {(name, None) for name in asked - {task_name for task_name, _ in keys}}
    return [
        _queue(key, sizes.get(key, 0), polls.get(key), now, recently)
        for key in sorted(keys, key=lambda key: (key[0], key[1] or ""))
        if (key[0] in asked if asked else key[0] not in _OF_THE_SERVER)
    ]


def unattended(api: ApiClient, keys: Iterable[tuple[str, str | None]]) -> set[tuple[str, str | None]]:
    """Those of the task types, each with its domain, whose tasks wait while nobody polls them. Blocks as ``queues``."""
    asked = set(keys)
    found = queues(api, {task_name for task_name, _ in asked}) if asked else []
    return asked & {(queue.task_name, queue.domain) for queue in found if queue.is_unattended}


def _queue(key: tuple[str, str | None], size: int, poll: PollData | None, now: float, recently: float) -> Queue:
    since = None if poll is None or not poll.last_poll_time else round(max(0.0, now - poll.last_poll_time / 1000), 1)
    is_polled = key[0] in _OF_THE_SERVER or (since is not None and since <= recently)
    return Queue(*key, size, None if poll is None else poll.worker_id, since, size > 0 and not is_polled)


def _key(queue_name: str) -> tuple[str, str | None]:
    """The server calls a queue ``domain:task_name``, or ``task_name`` (3.32.3)."""
    domain, _, task_name = queue_name.rpartition(":")
    return task_name, domain or None
