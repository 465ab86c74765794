"""Faults by a seed, for ``DevServer(chaos=seed)``: they make a worker run functions twice, as production does at times.

Each task that a worker gets has a fate, and no fate fails a worker that can run its function twice:

=============  ==========================================================================================
none           nothing happens
lost           the answer with the task is lost on its way, and all its tasks are queued again. Of two such
               answers in a row only the first is lost: the task of the second is put off like a reordered one.
reordered      the task goes to the end of its queue before it is delivered
delayed        the result waits for a moment before it has any effect
unheard        the connection is closed before the result has any effect
unanswered     the result has its effect, and the connection is closed instead of an answer
restart        as unheard, and for a moment the server takes no poll and no result of any worker. Soon after another
               restart it is unheard only.
twice          the result is accepted and forgotten. The task is delivered again, with the same task id.
late           the lease of the task runs out before its result comes. The task is tried again, as a new task.
=============  ==========================================================================================

The fate depends on the seed, the task type and the number of the task among the delivered tasks of its type. As many
seeds in a row as there are fates, from 0, give each fate to each task once. Time has a part in restarts alone. The
order in which several tasks of one type are delivered, and so their numbers, may differ from run to run.

The tasks of one answer are shuffled, too. Only polls and results of workers meet faults: a test that starts a workflow
or reads it does not.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conductor.testing.engine import Engine
from conductor.testing.server.routes.tasks import BATCH_POLL, POLL, UPDATE, UPDATE_V2

FATES = ("none", "twice", "lost", "late", "unanswered", "reordered", "unheard", "delayed", "restart")
RESTART_SECONDS = 0.1
BETWEEN_RESTARTS = 2.0
"""Seconds. A worker waits longer after each failure, so many restarts in a row would stop it."""
LONGEST_DELAY = 0.05  # seconds
TRIES_LEFT = 2
"""A late task takes one of its retries. One more is left for a function that fails by itself."""
MOST_REMEMBERED = 10_000
"""Tasks whose fates are known at the same time."""
MOST_EVENTS = 100
PAUSES = (0.2, 3.0, 3.0)
"""Seconds before a task is delivered again whose result was forgotten. The worker needs a moment for the answer to the
result: a runner ignores a task that it still has in hand, and then the task has to be delivered once more."""

_Wire = dict[str, Any]


class AnswerLostError(Exception):
    """The connection is closed in place of an answer."""


@dataclass
class _Delivery:
    """A task that a worker has got. fate: "none" once it has taken place."""

    name: str
    worker: str | None
    fate: str


@dataclass
class _Forgotten:
    """A task whose result was forgotten. due: on the monotonic clock; pauses: the rest of PAUSES."""

    due: float
    pauses: list[float]


class Chaos:
    """The faults of one server. Thread-safe.

    seed: it decides about all faults. events: the latest faults that took place, as texts.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.events: deque[str] = deque(maxlen=MOST_EVENTS)
        self._lock = threading.Lock()  # guards everything below but _out_until, and events
        self._numbers: Counter[str] = Counter()
        self._deliveries: dict[str, _Delivery] = {}  # by task id
        self._forgotten: dict[str, _Forgotten] = {}  # by task id
        self._lost_last: set[str] = set()  # the types of tasks whose last answer was lost
        self._out_until = -math.inf

    @property
    def report(self) -> str:
        """The seed, and the faults that took place, for the text of a failure."""
        with self._lock:
            return "\n".join([f"DevServer(chaos={self.seed}) made these faults:", *self.events])

    def add_to(self, error: BaseException) -> None:
        """Add the report to an error, once."""
        begin = f"DevServer(chaos={self.seed})"
        if not any(note.startswith(begin) for note in getattr(error, "__notes__", ())):
            error.add_note(self.report)

    def fate_of(self, task_type: str, number: int) -> str:
        """The fate of the task with this number among the delivered tasks of its type."""
        return FATES[(self.seed + self._random(task_type, number).randrange(len(FATES))) % len(FATES)]

    def call(self, engine: Engine, operation: str, call: Callable[[], Any], arguments: list[Any]) -> Any:
        """Make a call of the engine, with its faults. AnswerLostError: the connection must be closed."""
        if operation in {POLL, BATCH_POLL}:
            return self._poll(engine, call, arguments[1])
        if operation in {UPDATE, UPDATE_V2}:
            return self._update(engine, operation, call, arguments[0])
        return call()

    # Polls

    def _poll(self, engine: Engine, call: Callable[[], Any], worker: str | None) -> Any:
        self._refuse_while_out()
        engine.deliveries.repeat(self._due_again())
        answer = call()
        if isinstance(answer, list):
            return self._delivered(engine, answer, worker)
        return next(iter(self._delivered(engine, [answer], worker)), None) if answer else answer

    def _delivered(self, engine: Engine, tasks: list[_Wire], worker: str | None) -> list[_Wire]:
        """The tasks that a worker gets, in their order. AnswerLostError: it gets none of them."""
        fates = [self._fate_at_delivery(task, worker) for task in tasks]
        if self._loses(tasks, fates):
            engine.deliveries.repeat([task["taskId"] for task in tasks])
            raise AnswerLostError
        back = [task["taskId"] for task, fate in zip(tasks, fates, strict=True) if fate != "none"]
        if back:
            engine.deliveries.repeat(back)
        kept = [task for task in tasks if task["taskId"] not in back]
        if len(kept) > 1:
            self._random(str(kept[0]["taskType"]), len(kept)).shuffle(kept)
        return kept

    def _loses(self, tasks: list[_Wire], fates: list[str]) -> bool:
        """Whether the answer with the tasks is lost. If every one were, its worker would wait longer and longer."""
        if not tasks:
            return False
        task_type = str(tasks[0]["taskType"])
        with self._lock:
            if "lost" in fates and task_type not in self._lost_last:
                self._lost_last.add(task_type)
                return True
            self._lost_last.discard(task_type)
        return self._is_out()

    def _due_again(self) -> list[str]:
        """The ids of the tasks that are to be delivered again now."""
        if not self._forgotten:  # the usual case, without the lock
            return []
        now = time.monotonic()
        with self._lock:
            due = [task_id for task_id, forgotten in self._forgotten.items() if forgotten.due <= now]
            for task_id in due:
                pauses = self._forgotten[task_id].pauses
                if pauses:
                    self._forgotten[task_id] = _Forgotten(now + pauses[0], pauses[1:])
                else:
                    del self._forgotten[task_id]
        return due

    def _fate_at_delivery(self, task: _Wire, worker: str | None) -> str:
        """The fate of the task if it takes place now, else "none"."""
        task_id, task_type = task["taskId"], str(task["taskType"])
        with self._lock:
            delivery = self._deliveries.get(task_id)
            if delivery is None:
                self._numbers[task_type] += 1
                number = self._numbers[task_type]
                fate = self.fate_of(task_type, number)
                if fate == "late" and _tries_left(task) < TRIES_LEFT:
                    fate = "twice"
                delivery = _Delivery(f"{task_type} number {number}", worker, fate)
                self._deliveries[task_id] = delivery
                if len(self._deliveries) > MOST_REMEMBERED:
                    del self._deliveries[next(iter(self._deliveries))]
            delivery.worker = worker
            return self._take(delivery, {"lost", "reordered"})

    def _random(self, task_type: str, number: int) -> random.Random:
        """The same for as many seeds in a row as there are fates."""
        return random.Random(f"{self.seed // len(FATES)}:{task_type}:{number}")  # noqa: S311 - it guards nothing

    # Results

    def _update(self, engine: Engine, operation: str, call: Callable[[], Any], result: _Wire) -> Any:
        task_id, worker = result.get("taskId"), result.get("workerId")
        with self._lock:
            delivery = self._deliveries.get(str(task_id))
        if delivery is None or delivery.worker != worker:
            return call()  # it is not of a worker
        if result.get("extendLease") or result.get("status") == "IN_PROGRESS":
            return call()  # the number of these depends on the time
        self._refuse_while_out()
        fate = self._fate_of_result(delivery, str(task_id))
        if fate in {"unheard", "restart"}:
            raise AnswerLostError
        if fate == "twice":
            return task_id if operation == UPDATE else None
        if fate == "late":
            engine.deliveries.end_lease(str(task_id))
        elif fate == "delayed":
            threading.Event().wait(LONGEST_DELAY)
        answer = call()
        if operation == UPDATE_V2 and answer is not None:
            if fate == "unanswered":
                engine.deliveries.repeat([answer["taskId"]])
            else:
                answer = next(iter(self._delivered(engine, [answer], worker)), None)
        if fate == "unanswered":
            raise AnswerLostError
        return answer

    def _fate_of_result(self, delivery: _Delivery, task_id: str) -> str:
        now = time.monotonic()
        with self._lock:
            self._forgotten.pop(task_id, None)
            if delivery.fate == "restart" and now < self._out_until + BETWEEN_RESTARTS:
                delivery.fate = "unheard"
            fate = self._take(delivery, set(FATES))
            if fate == "restart":
                self._out_until = now + RESTART_SECONDS
            elif fate == "twice":
                self._forgotten[task_id] = _Forgotten(now + PAUSES[0], list(PAUSES[1:]))
            return fate

    # Both

    def _take(self, delivery: _Delivery, fates: set[str]) -> str:
        """The fate, if it is one of these; it has taken place then. The lock is held."""
        fate = delivery.fate
        if fate == "none" or fate not in fates:
            return "none"
        delivery.fate = "none"
        self.events.append(f"{delivery.name}: {fate}")
        return fate

    def _is_out(self) -> bool:
        return time.monotonic() < self._out_until

    def _refuse_while_out(self) -> None:
        if self._is_out():
            raise AnswerLostError


def _tries_left(task: _Wire) -> int:
    """The number of retries that the definitions still allow."""
    allowed = task.get("workflowTask", {}).get("retryCount")
    if allowed is None:
        allowed = task.get("taskDefinition", {}).get("retryCount", 0)
    return int(allowed) - int(task["retryCount"])
