"""A runner and a server that goes wrong, in any order of events that hypothesis thinks of.

The clock stands still between events, and the next event waits until the runner has done all that it can do at that
moment: so one order of events has one outcome, however fast this machine is.
"""

import asyncio
import functools
import threading
import time
from collections import Counter, defaultdict, deque
from concurrent.futures import Future
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conductor import ApiError, NotFoundError, ServerError, Task, TaskResult, TaskRunner, TransportError
from conductor._stacks import stacks
from conductor.delivery.result_sender import ResultSender
from conductor.runner.capacity import Capacity
from conductor.task_client import Delivery
from conductor.testing import FakeClock
from conductor.transport import tasks as routes
from support.raw_queue import Refused, TaskQueue
from support.waiting import eventually

ENDS = [("COMPLETED", 0)] * 3 + [("FAILED", 0), ("IN_PROGRESS", 0), ("IN_PROGRESS", 5)]
"""What functions return: a status, and after how many seconds the task is handed out again."""
FAULTS = {
    "poll": "refuse 500 lose surplus duplicate",
    "update": "refuse 500 lose lose 404",
    "extend": "refuse 500 lose",
    "get_task": "refuse 500",
}
"""What may happen to a call; lose: the server does what it is asked to, and only its answer is lost."""
STEPS = 30
T = 60
"""Seconds of every lease."""
V2_MISSING = ApiError(405, "POST", routes.update_task_v2.TEMPLATE, "Method Not Allowed", conductor=True)


class WatchedClock(FakeClock):
    """Knows who waits on it."""

    def __init__(self):
        super().__init__(0)
        self._waiting = {}

    def wait(self, event, seconds):
        thread = threading.get_ident()
        due = float("inf") if seconds is None else self.now() + seconds
        self._waiting[thread] = due, event
        while self.now() < due and not event.wait(0.002):
            pass
        del self._waiting[thread]
        return event.is_set()

    def waiting(self):
        """The threads whose time has not come, and whom nobody has woken."""
        now, waiting = self.now(), list(self._waiting.items())
        return {thread for thread, (due, event) in waiting if due > now and not event.is_set()}


class ModelServer:
    """A TaskClient with a server behind it, and the worker function, which does what it is told.

    faults: by operation, what happens to its next calls. limit: the batch size, the higher one while it changes.
    """

    server = "model"

    def __init__(self, clock, limit, *, has_v2, extends):
        self.clock, self.limit, self.has_v2, self.extends = clock, limit, has_v2, extends
        self.queue = TaskQueue(clock.now)
        self.queue._expire = functools.partial(self._expire, self.queue._expire)
        self.changed = self.queue._changed  # guards everything below
        self.faults = defaultdict(deque)
        self.wants_nothing = ""  # why the runner must not ask for tasks now
        self.calls = 0
        self.held = 0  # how many tasks a poll that waits here asks for
        self.allowed = {}  # by delivery, how many may run when it begins
        self.unbegun = set()  # deliveries, (task id, poll count), that the runner must begin with or hand back
        self.running = {}  # by task id
        self.unsent = set()  # of functions that have ended, whose results have not been seen
        self.produced = set()  # by task id, final results
        self.begun, self.lost_answers, self.failed_extensions = Counter(), Counter(), Counter()
        self.lost_on_the_way, self.disturbed, self.forgotten, self.named = set(), set(), set(), set()
        self.leased_at, self.handed_back_at, self.may_be_left = {}, {}, set()
        self.violations = []
        clock.listen(self._look)

    def check(self, holds, what, task_id):
        if not holds and task_id not in self.disturbed:
            self.violations.append(f"{task_id}: {what}")

    def _look(self):
        with self.changed:
            self.queue._has_ready("t", None)  # ends the leases whose time is over
            self.changed.notify_all()

    def _expire(self, expire, record):
        task_id = record.wire["taskId"]
        kept = self.extends and task_id in self.running and self.failed_extensions[task_id] < 4
        self.check(not kept, "its lease has ended though it was to be extended", task_id)
        expire(record)

    @contextmanager
    def _call(self, operation):
        with self.changed:
            self.calls += 1
            fault = self.faults[operation].popleft() if self.faults[operation] else None
        try:
            if fault == "refuse":
                raise TransportError("refused")
            if fault == "500":
                raise ServerError(500, "POST", "/tasks", "database is locked", conductor=True)
            yield fault
            if fault == "lose":
                raise TransportError("reset")
        finally:
            with self.changed:
                self.calls -= 1
                self.changed.notify_all()

    def batch_poll(self, task_name, worker_id, domain, count, timeout):
        limit, until = self.limit, self.clock.now() + timeout
        self.check(not self.wants_nothing, f"polled while {self.wants_nothing}", task_name)
        with self._call("poll") as fault, self.changed:
            self.held = count
            self.changed.wait_for(lambda: self.queue._has_ready("t", None) or self.clock.now() >= until)
            self.held = 0
            limit = max(limit, self.limit)
            return self._deliver(count + 2 * (fault == "surplus"), fault, limit)

    def _deliver(self, count, fault, limit):
        tasks = [msgspec.convert(wire, Task) for wire in self.queue.poll("t", number=count)]
        for task in tasks:
            delivery = (task.task_id, task.poll_count)
            self.leased_at[task.task_id] = self.clock.now()
            self.failed_extensions[task.task_id] = 0
            self.allowed[delivery] = limit
            if fault == "lose":
                self.lost_on_the_way.add(task.task_id)
            elif task.task_id not in self.running.keys() | self.produced - self.queue.accepted.keys():
                self.unbegun.add(delivery)  # else it runs, or its result is kept until the server takes it
        return Delivery([*tasks, *(tasks if fault == "duplicate" else ())], [])

    def update(self, result, timeout):
        self._see(result)
        with self._call("update") as fault, self.changed:
            self._apply(result, fault)

    def update_and_poll(self, result, timeout):
        limit = self.limit
        self.check(not self.wants_nothing, f"polled with an update while {self.wants_nothing}", result.task_id)
        self._see(result)
        with self._call("update") as fault, self.changed:
            if not self.has_v2:
                raise V2_MISSING
            if self._apply(result, fault):
                return self._deliver(1, fault, max(limit, self.limit))
            return Delivery([], [])

    def _apply(self, result, fault):
        """Whether the task has ended."""
        task_id = result.task_id
        if fault == "404" and task_id not in self.forgotten:
            self.forgotten.add(task_id)
            self.queue.forget(task_id)
        self._check_that_it_is_here(task_id, f"{result.status} was sent")
        self.lost_answers[task_id] += fault == "lose"
        return self._asked(lambda: self.queue.update(msgspec.to_builtins(result)))

    def _check_that_it_is_here(self, task_id, what):
        status = None if task_id in self.forgotten else self.queue.task(task_id)["status"]
        self.check(status != "SCHEDULED", f"{what} after it had been handed back", task_id)
        expected = status in ("IN_PROGRESS", "TIMED_OUT", None) or self.lost_answers[task_id]
        self.check(expected, f"{what} after its end", task_id)

    def _see(self, result):
        task_id = result.task_id
        with self.changed:
            if result.status == "IN_PROGRESS" and task_id not in self.unsent:
                self._see_hand_back(task_id)
            self.unsent.discard(task_id)
            self.unbegun = {delivery for delivery in self.unbegun if delivery[0] != task_id}

    def _see_hand_back(self, task_id):
        """One is kept for as long as the lease: after that it makes no difference."""
        first = self.handed_back_at.setdefault((task_id, self.queue.deliveries[task_id]), self.clock.now())
        if self.clock.now() - first > T - 1:
            self.may_be_left.add(task_id)

    def _asked(self, question):
        try:
            return question()
        except Refused as refusal:
            raise NotFoundError(refusal.status, "POST", "/tasks", refusal.message, conductor=True) from None

    def extend_lease(self, task, worker_id, timeout):
        task_id = task.task_id
        with self.changed:
            self._check_that_it_is_here(task_id, "was extended")
            self.failed_extensions[task_id] += 1
        with self._call("extend"), self.changed:
            self._asked(lambda: self.queue.update({"taskId": task_id, "extendLease": True}))
            self.leased_at[task_id] = self.clock.now()
            self.failed_extensions[task_id] = 0

    def add_log(self, task_id, text, timeout):
        """The functions of the model log nothing."""

    def get_task(self, task_id):
        with self.changed:
            self._see_hand_back(task_id)
        with self._call("get_task"), self.changed:
            return msgspec.convert(self._asked(lambda: self.queue.task(task_id)), Task)

    def begin(self, task):
        """What the function is told to return, later."""
        delivery, told = (task.task_id, task.poll_count), Future()
        with self.changed:
            self.begun[delivery] += 1
            self.check(self.begun[delivery] == 1, "was executed twice", task.task_id)
            self.running[task.task_id] = told
            self.unbegun.discard(delivery)
            if len(self.running) > max(self.limit, self.allowed[delivery]):
                self.violations.append(f"{len(self.running)} run, and {self.limit} may")
        return told

    def end(self, which, status, callback=0):
        """Let a function return; which: any number."""
        with self.changed:
            if not self.running:
                return
            task_id = list(self.running)[which % len(self.running)]
            told = self.running.pop(task_id)
            self.unsent.add(task_id)
            if status != "IN_PROGRESS":
                self.produced.add(task_id)
        told.set_result((status, callback))

    def rests(self, poller, capacity, sender_threads, timers):
        """Whether the runner has nothing to do before something happens.

        Each slot that is taken, and each request outside of a slot, is then a function that runs, a poll that waits at
        the server, or a result that waits for another attempt.
        """
        with self.changed:
            if self.calls > bool(self.held) or self.unbegun or self.unsent or self._extension_is_due():
                return False
            waiting = self.clock.waiting()
            if not timers() <= waiting:
                return False
            waiting_results = sum(runs(thread, ResultSender.send) for thread in waiting)
            waiting_results += sum(
                each.pending.due > self.clock.now() and not each.sender.is_pause_over(each.pending)
                for each in sender_threads._waiting.copy()
            )
            settled = len(self.running) + waiting_results + self.held + bool(self.held)
            with capacity._changed:
                takes = runs(poller.ident, Capacity.take) and not capacity._may_take()
                still = self.held or takes or poller.ident in waiting or not poller.is_alive()
                return still and capacity._taken + capacity._requests == settled

    def _extension_is_due(self):
        held = self.running.keys() - self.forgotten if self.extends else ()
        ages = ((self.clock.now() - self.leased_at[key], self.failed_extensions[key]) for key in held)
        return any(age - failures * T / 10 > T / 2 for age, failures in ages)


def runs(thread, function):
    """Whether a thread, by its ident, is inside a function of this name, in the same file."""
    code = function.__code__
    return any((call.file, call.function) == (code.co_filename, code.co_name) for call in stacks().get(thread, ()))


def answer(task, told):
    status, callback = told
    if status == "FAILED":
        raise ValueError(task.task_id)
    return TaskResult(task.task_id, task.workflow_instance_id, status, callback_after_seconds=callback)


class RunnerAgainstAModel(RuleBasedStateMachine):
    @initialize(is_async=st.booleans(), extends=st.booleans(), has_v2=st.booleans(), size=st.integers(1, 4))
    def start(self, is_async, extends, has_v2, size):
        self.steps, self.stopping = 0, False
        self.clock = WatchedClock()
        self.model = ModelServer(self.clock, size, has_v2=has_v2, extends=extends)
        before = set(threading.enumerate())
        self.runner = TaskRunner(self.model, shutdown_timeout=1e9, on_result_lost=self.name_lost)
        self.runner._setup.clock = self.clock
        function = self.coroutine if is_async else self.function
        self.runner.start_worker("t", function, batch_size=size, lease_extension=extends)
        self.threads = lambda: [thread for thread in threading.enumerate() if thread not in before]
        worker = self.runner._workers._workers["t", None]
        self.capacity, self.sender_threads = worker.capacity, worker._resources.sender_threads
        (self.poller,) = (thread for thread in self.threads() if thread.name == "conductor-poll-t")
        self.settle()

    def name_lost(self, result, error):
        self.model.named.add(result.task_id)

    def function(self, task):
        return answer(task, self.model.begin(task).result(60))

    async def coroutine(self, task):
        return answer(task, await asyncio.wrap_future(self.model.begin(task)))

    def timers(self):
        return {thread.ident for thread in self.threads() if thread.name == "conductor-timers"}

    def settle(self):
        deadline = time.monotonic() + 20
        while not self.model.rests(self.poller, self.capacity, self.sender_threads, self.timers):
            assert time.monotonic() < deadline, "the runner does not come to rest"
            time.sleep(0.001)

    @rule(count=st.integers(0, 4), ends=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ENDS)), max_size=4))
    def add_tasks_and_let_functions_end(self, count, ends):
        self.model.queue.add_tasks("t", count, responseTimeoutSeconds=T)
        self.let_time_pass(1)
        for which, (status, callback) in ends:
            self.model.end(which, status, callback)
            self.settle()

    @rule(
        fault=st.sampled_from([(call, kind) for call, kinds in FAULTS.items() for kind in kinds.split()]),
        times=st.integers(1, 3),
    )
    def break_something(self, fault, times):
        operation, kind = fault
        with self.model.changed:
            self.model.faults[operation].extend([kind] * times)

    @rule(which=st.integers(0, 3))
    def deliver_a_running_task_again(self, which):
        with self.model.changed:
            known = self.model.running.keys() - self.model.forgotten
            running = [key for key in sorted(known) if self.model.queue.task(key)["status"] == "IN_PROGRESS"]
            if running:
                task_id = running[which % len(running)]
                self.model.disturbed.add(task_id)
                self.model.queue.requeue(task_id)
        self.settle()

    @rule(seconds=st.sampled_from([1, 3, 10, 30]))
    def let_time_pass(self, seconds):
        for _ in range(seconds):
            self.clock.advance(1)
            self.settle()

    @precondition(lambda self: not self.stopping)
    @rule(count=st.integers(0, 2), ends=st.integers(0, 4), seconds=st.sampled_from([0, 1, 10]))
    def pause_for_a_while(self, count, ends, seconds):
        self.runner.pause()
        self.model.wants_nothing = "paused"
        self.add_tasks_and_let_functions_end(count, [(0, ENDS[0])] * ends)
        self.let_time_pass(seconds)
        self.model.wants_nothing = ""
        self.runner.resume()
        self.settle()

    @precondition(lambda self: not self.stopping)
    @rule(size=st.sampled_from([0, 1, 1, 2, 2, 3, 4, 5]), ends=st.integers(0, 4))
    def change_the_batch_size_under_load(self, size, ends):
        self.add_tasks_and_let_functions_end(4, [])
        self.model.limit = max(size, self.model.limit)
        self.runner.set_batch_size("t", size)
        self.model.limit = size
        self.add_tasks_and_let_functions_end(0, [(0, ENDS[0])] * ends)

    @precondition(lambda self: self.steps > STEPS - 10)
    @rule()
    def shut_down(self):
        self.stopping = True
        self.runner.shutdown()
        self.model.wants_nothing = "stopping"
        self.settle()

    @invariant()
    def nothing_has_gone_wrong(self):
        self.steps += 1
        assert self.model.violations == []

    def teardown(self):
        self.model.faults.clear()
        self.shut_down()
        drained = []
        waiting = threading.Thread(target=lambda: drained.append(self.runner.wait_workers()), daemon=True)
        waiting.start()
        while waiting.is_alive():
            self.model.end(0, "COMPLETED")
            self.settle()
            self.let_time_pass(1)
        assert drained == [True] or self.model.may_be_left
        eventually(lambda: not self.threads())
        model = self.model
        assert (model.violations, model.running) == ([], {})
        assert model.named <= model.forgotten | model.may_be_left | model.queue.expiries.keys()
        assert (
            model.produced <= model.queue.accepted.keys() | model.named | model.queue.expiries.keys() | model.disturbed
        )
        leased = {key for key, record in model.queue._records.items() if record.wire["status"] == "IN_PROGRESS"}
        assert leased <= model.lost_on_the_way | model.disturbed


TestRunnerAgainstAModel = pytest.mark.timeout(300)(RunnerAgainstAModel.TestCase)  # it looks for the shortest failure
TestRunnerAgainstAModel.settings = settings(
    max_examples=100, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None
)
