"""The tasks of one type, and the polls that wait for them."""

from __future__ import annotations

import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

TASK = (Path(__file__).parent / "task.json").read_text()
"""A task as server 3.32.3 gives it, with ``$TYPE``, ``$ID`` and ``$INPUT`` to be filled in."""


def input_data(size: int) -> str:
    """The JSON of a list of small records, about so many bytes long; for 0, of one flat record."""
    if not size:
        return json.dumps({"id": 7, "name": "customer 7", "amount": 7.25, "paid": True})
    records: list[dict[str, object]] = []
    length = 0
    while length < size:
        number = len(records)
        records.append(
            {"id": number, "name": f"customer {number}", "amount": number + 0.25, "paid": True, "tags": ["a", "b"]}
        )
        length += len(json.dumps(records[-1])) + 2
    return json.dumps({"records": records})


def pieces_of_task(task_name: str, input_bytes: int) -> list[bytes]:
    """The JSON of a task, cut where its id belongs."""
    task = json.dumps(json.loads(TASK), separators=(",", ":")).replace("$TYPE", task_name)
    return [piece.encode() for piece in task.replace('"$INPUT"', input_data(input_bytes)).split("$ID")]


class Poll:
    """A poll that waits. Its ``answer`` is called once, with its tasks."""

    def __init__(self, wanted: int, tasks: list[bytes], answer: Callable[[list[bytes]], None]) -> None:
        self.wanted = wanted
        self.tasks = tasks
        self.answer = answer


class Queue:
    """open_tasks: the ids of delivered tasks without a result, and when each became available (``time.time_ns``).

    endless: there are always more tasks. fill: a poll waits until there are as many tasks as it asked for.
    """

    def __init__(
        self, number: int, task_name: str, input_bytes: int, open_tasks: dict[bytes, int], *, endless: bool, fill: bool
    ) -> None:
        self._pieces = pieces_of_task(task_name, input_bytes)
        self._ids: Iterator[bytes] = (b"%d-%d" % (number, each) for each in itertools.count())
        self._open_tasks = open_tasks
        self._endless = endless
        self._fill = fill
        self._ready: deque[bytes] = deque()
        self._polls: deque[Poll] = deque()

    def add(self) -> None:
        """A task becomes available; the poll that has waited longest gets it."""
        task_id = next(self._ids)
        self._open_tasks[task_id] = time.time_ns()
        if not self._polls:
            self._ready.append(task_id)
            return
        poll = self._polls[0]
        poll.tasks.append(self._task(task_id))
        if not self._fill or len(poll.tasks) == poll.wanted:
            poll.answer(self._polls.popleft().tasks)

    def poll(self, wanted: int, answer: Callable[[list[bytes]], None], wait: bool) -> Poll | None:
        """Answer a poll now; or let it wait, and return it: the caller calls ``give_up`` when its time is over."""
        tasks = self._take(wanted)
        if len(tasks) == wanted or (tasks and not self._fill) or not wait:
            answer(tasks)
            return None
        poll = Poll(wanted, tasks, answer)
        self._polls.append(poll)
        return poll

    def give_up(self, poll: Poll) -> None:
        """Answer a waiting poll with the tasks that it has got so far, unless it has been answered."""
        if poll in self._polls:
            self._polls.remove(poll)
            poll.answer(poll.tasks)

    def _take(self, wanted: int) -> list[bytes]:
        if not self._endless:
            return [self._task(self._ready.popleft()) for _ in range(min(wanted, len(self._ready)))]
        ids = list(itertools.islice(self._ids, wanted))
        self._open_tasks.update(dict.fromkeys(ids, 0))
        return [self._task(each) for each in ids]

    def _task(self, task_id: bytes) -> bytes:
        return task_id.join(self._pieces)
