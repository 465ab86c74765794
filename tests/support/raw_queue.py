"""Queues of tasks with leases, as a Conductor server keeps them, which count all that is done to each task."""

import heapq
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from itertools import count

ENDINGS = ("COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "CANCELED")


class Refused(Exception):
    """An update or a question that the server answers with an error."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class _Record:
    wire: dict
    domain: str | None
    original: str  # the id of the task that this one is a retry of, at whatever remove
    retries: int = 0
    stamp: int = 0  # of its last change of state: entries made before that are void


class TaskQueue:
    """Thread-safe. Counters by task id: ``deliveries``, ``requeues``, ``extensions``, ``expiries``, and ``repeated``:
    results that changed nothing since the task had ended. ``accepted``: the status of each task that a result ended.
    ``logs``: all lines of each task, of its results and those that were sent while it ran.

    A task whose lease ends is TIMED_OUT; a retry of it with an id of its own (``t1.1``, then ``t1.2``) takes its
    place in the queue, its ``retriedTaskId`` the old one. Leases are looked at whenever somebody asks for something.

    clock: what leases and callbacks are counted on, in seconds. longest_wait: how long a poll is held at most.
    """

    def __init__(self, clock=time.monotonic, longest_wait=0.2):
        self.longest_wait = longest_wait
        self.accepted = {}
        self.logs = defaultdict(list)
        self.repeated, self.deliveries, self.requeues = Counter(), Counter(), Counter()
        self.extensions, self.expiries = Counter(), Counter()
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())  # guards everything here
        self._records = {}
        self._ready = defaultdict(deque)  # (task name, domain) → (id, stamp)
        self._alarms = []  # a heap of (when, id, stamp): a callback comes due, or a lease ends
        self._numbers = count(1)

    def standing_still(self):
        """A context in which nobody else adds, polls or ends tasks."""
        return self._changed

    def add_task(self, task_name, domain=None, **members):
        """Queue a task; returns its id."""
        number = next(self._numbers)
        wire = {
            "taskId": f"t{number}",
            "workflowInstanceId": f"w{number}",
            "taskType": task_name,
            "taskDefName": task_name,
            "status": "SCHEDULED",
            "inputData": {"n": number},
            "outputData": {},
            "responseTimeoutSeconds": 60,
            "callbackAfterSeconds": 0,
            "pollCount": 0,
            "retryCount": 0,
            **members,
        }
        with self._changed:
            self._records[wire["taskId"]] = record = _Record(wire, domain, wire["taskId"])
            self._schedule(record, 0)
        return wire["taskId"]

    def add_tasks(self, task_name, count, domain=None, **members):
        """Queue so many tasks; returns their ids."""
        return [self.add_task(task_name, domain, **members) for _ in range(count)]

    def task(self, task_id):
        """A task as GET would show it."""
        with self._changed:
            self._look_at_the_clock()
            return dict(self._known(task_id).wire)

    def original(self, task_id):
        """The id that the task had before its retries."""
        return self._records[task_id].original

    def waiting(self, task_name, domain=None):
        """How many tasks are in a queue now."""
        with self._changed:
            self._look_at_the_clock()
            return sum(self._records[task_id].stamp == stamp for task_id, stamp in self._ready[task_name, domain])

    def requeue(self, task_id):
        """Deliver a task again though it runs, as an operator's requeue does."""
        with self._changed:
            self._schedule(self._known(task_id), 0)

    def expire(self, task_id):
        """End a task's lease now."""
        with self._changed:
            self._expire(self._known(task_id))

    def cancel(self, task_id):
        """End a task from outside."""
        with self._changed:
            self._set_status(self._known(task_id), "CANCELED")

    def forget(self, task_id):
        """From now on the server knows no such task."""
        with self._changed:
            self._known(task_id).stamp += 1
            del self._records[task_id]

    def poll(self, task_name, domain=None, number=1, wait=0.0, worker_id="", is_over=lambda: False):
        """Up to so many tasks, leased; waits for one. is_over: whether to give up waiting, taking none."""
        with self._changed:
            self._changed.wait_for(
                lambda: is_over() or self._has_ready(task_name, domain), min(wait, self.longest_wait)
            )
            found = []
            while not is_over() and len(found) < number and self._has_ready(task_name, domain):
                task_id, _ = self._ready[task_name, domain].popleft()
                found.append(self._lease(self._records[task_id], worker_id))
            return found

    def update(self, result):
        """What POST /tasks does. True: the task has ended, and update-v2 would look for a next one. Or Refused."""
        with self._changed:
            self._look_at_the_clock()
            record = self._known(result["taskId"])
            open_now = record.wire["status"] in ("SCHEDULED", "IN_PROGRESS")
            if result.get("extendLease"):
                self.extensions[result["taskId"]] += 1
                if open_now:
                    self._start_lease(record)
                return False
            if not open_now:
                self.repeated[result["taskId"]] += 1
                return True
            record.wire["outputData"] = result.get("outputData") or {}
            for entry in result.get("logs") or ():
                self.add_log(result["taskId"], entry["log"])
            if result["status"] == "IN_PROGRESS":
                self.requeues[result["taskId"]] += 1
                self._schedule(record, result.get("callbackAfterSeconds") or 0)
                return False
            self._set_status(record, result["status"])
            record.wire["reasonForIncompletion"] = result.get("reasonForIncompletion")
            self.accepted[result["taskId"]] = result["status"]
            return True

    def add_log(self, task_id, text):
        """What POST /tasks/ID/log does."""
        with self._changed:
            self.logs[task_id] += text.split("\n")

    def _known(self, task_id):
        if task_id not in self._records:
            raise Refused(404, f"No such task found by id: {task_id}")
        return self._records[task_id]

    def _set_status(self, record, status):
        record.wire["status"] = status
        record.stamp += 1

    def _schedule(self, record, delay):
        self._set_status(record, "SCHEDULED")
        record.wire["callbackAfterSeconds"] = delay
        if delay:
            heapq.heappush(self._alarms, (self._clock() + delay, record.wire["taskId"], record.stamp))
        else:
            self._make_ready(record)

    def _make_ready(self, record):
        self._ready[record.wire["taskType"], record.domain].append((record.wire["taskId"], record.stamp))
        self._changed.notify_all()

    def _lease(self, record, worker_id):
        record.wire.update(workerId=worker_id, callbackAfterSeconds=0, pollCount=record.wire["pollCount"] + 1)
        self.deliveries[record.wire["taskId"]] += 1
        self._start_lease(record)
        return dict(record.wire)

    def _start_lease(self, record):
        self._set_status(record, "IN_PROGRESS")
        if seconds := record.wire["responseTimeoutSeconds"]:
            heapq.heappush(self._alarms, (self._clock() + seconds, record.wire["taskId"], record.stamp))

    def _has_ready(self, task_name, domain):
        self._look_at_the_clock()
        ready = self._ready[task_name, domain]
        while ready and not self._is_valid(*ready[0]):
            ready.popleft()
        return bool(ready)

    def _is_valid(self, task_id, stamp):
        return task_id in self._records and self._records[task_id].stamp == stamp

    def _look_at_the_clock(self):
        while self._alarms and self._alarms[0][0] <= self._clock():
            _, task_id, stamp = heapq.heappop(self._alarms)
            if not self._is_valid(task_id, stamp):
                continue
            if self._records[task_id].wire["status"] == "SCHEDULED":
                self._make_ready(self._records[task_id])
            else:
                self._expire(self._records[task_id])

    def _expire(self, record):
        self.expiries[record.wire["taskId"]] += 1
        self._set_status(record, "TIMED_OUT")
        retries = record.retries + 1
        wire = {
            **record.wire,
            "taskId": f"{record.original}.{retries}",
            "retriedTaskId": record.wire["taskId"],
            "retryCount": record.wire["retryCount"] + 1,
            "pollCount": 0,
            "outputData": {},
        }
        self._records[wire["taskId"]] = retry = _Record(wire, record.domain, record.original, retries)
        self._schedule(retry, 0)
