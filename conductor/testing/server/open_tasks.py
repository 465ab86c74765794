"""The text about open tasks in the TimeoutError of ``join``: which tasks they are, and which queues nobody polls."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from typing import Any

from conductor.testing.engine.tasks.registry import KINDS

MOST_LISTED = 20
MOST_QUEUES = 10
SIMILAR = 0.7  # from 0 to 1, the ratio of difflib

_Wire = dict[str, Any]


def text_about(tasks: list[_Wire], polls: list[_Wire], now: float, get_task: Callable[[str], _Wire]) -> str:
    """The queues without a poller, then the tasks.

    tasks: as ``open_work`` gives them. polls: the last poll of each queue. now: in seconds since the epoch.
    """
    queues = list(dict.fromkeys(_queues_without_poller(tasks, polls)))
    listed = "; ".join(_described(task, now, get_task) for task in tasks[:MOST_LISTED])
    return " ".join([*queues, listed])


def _described(task: _Wire, now: float, get_task: Callable[[str], _Wire]) -> str:
    wait = task.get("visibleTime", 0) / 1000 - now
    text = f"{task['taskDefName']} {task['status']}" + (f" for {wait:.0f} s more" if wait > 1 else "")
    if "retriedTaskId" in task:
        before = get_task(task["retriedTaskId"])
        text += f", the retry of one that {before['status']}: {before.get('reasonForIncompletion')}"
    return f"{text} (task_id={task['taskId']!r})"


def _queues_without_poller(tasks: list[_Wire], polls: list[_Wire]) -> Iterator[str]:
    polled = {_queue_name(poll["queueName"], poll.get("domain")) for poll in polls}
    for task in tasks:
        name, task_type = _queue_name(task["taskType"], task.get("domain")), task["taskType"]
        if "visibleTime" not in task or name in polled:
            continue
        if task_type == task["taskDefName"]:  # it is SIMPLE, because only then the queue has the name of the task
            text, similar = f"nobody polls {name}", _similar(name, polled)
        else:
            text = f"{task_type} is no type of system task, and nobody polls {name}"
            similar = _similar(name, polled | KINDS.keys())
        yield f"{text}; polled: {_listed(polled, similar)}" + (f"; did you mean {similar}?" if similar else ".")


def _queue_name(task_type: str, domain: str | None) -> str:
    """As ``GET /tasks/queue/all`` names it."""
    return task_type if domain is None else f"{domain}:{task_type}"


def _similar(name: str, others: Collection[str]) -> str | None:
    found = difflib.get_close_matches(name, sorted(others), 1, SIMILAR)
    return found[0] if found else None


def _listed(polled: set[str], similar: str | None) -> str:
    """The polled queues, with the similar one among the first."""
    names = sorted(polled, key=lambda name: (name != similar, name))
    more = len(names) - MOST_QUEUES
    shown = ", ".join(names[:MOST_QUEUES]) or "no queue"
    return shown + (f" and {more} more" if more > 0 else "")
