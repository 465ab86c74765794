"""``task_context()``: what a function learns about its task, and what it tells the server."""

import asyncio
import threading
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest

from conductor import (
    ConductorError,
    ConfigurationError,
    NonRetryableError,
    Task,
    TaskDef,
    TaskResult,
    WorkflowTask,
    task_context,
)
from conductor._flag import Flag
from conductor.context import TaskContext, WorkerContext
from conductor.testing import FakeClock, arun_worker, run_worker

RECEIVED = 1_000.0
"""The time of each delivery, on the worker's clock."""


def context_of(*, age=0.0, timeout=None, lease_extension=False, **members):
    """The context of a task whose function begins so many seconds after its delivery."""
    clock = FakeClock(RECEIVED + age)
    shared = WorkerContext(Flag(), timeout=timeout, lease_extension=lease_extension, clock=clock)
    return TaskContext(Task("t1", "w1", **members), Flag(), shared, RECEIVED), clock


def texts(result):
    return [entry.log for entry in result.logs]


def test_outside_of_a_function_there_is_no_context():
    with pytest.raises(ConductorError, match="only inside a worker function"):
        task_context()


def test_a_function_knows_its_task():
    def worker(task):
        context = task_context()
        return {
            "ids": [context.task_id, context.workflow_instance_id, context.task_name, context.worker_id],
            "counts": [context.retry_count, context.poll_count],
            "flags": [bool(context.stopping), bool(context.lost)],
        }

    members = {"task_def_name": "charge", "retry_count": 2, "poll_count": 3}
    assert run_worker(worker, **members).output_data == {
        "ids": ["task-1", "workflow-1", "charge", "test-worker"],
        "counts": [2, 3],
        "flags": [False, False],
    }


LEASE = {"response_timeout_seconds": 60}
DEFINED = TaskDef("t", timeout_seconds=50)
AGAIN = {"start_time": 7_000_000, "update_time": 7_030_000}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, None),
        (LEASE, 60),
        ({**LEASE, "age": 10}, 50),
        ({**LEASE, "age": 70}, 0),
        ({**LEASE, "lease_extension": True}, None),
        ({"timeout": 20.0}, 20),
        ({"timeout": 20.0, "age": 10}, 20),  # counts from the begin of the function
        ({**LEASE, "timeout": 20.0, "age": 45}, 15),
        ({**LEASE, "timeout": 20.0, "lease_extension": True}, 20),
        ({**LEASE, "task_definition": DEFINED}, 50),
        ({**LEASE, "task_definition": TaskDef("t", timeout_seconds=0)}, 60),
        ({**LEASE, "workflow_task": WorkflowTask("t", "r", task_definition=DEFINED)}, 50),
        ({"task_definition": DEFINED, "lease_extension": True, "age": 1}, 49),  # never extended
        # By the server's clock, 30 s have passed between the first delivery and this one.
        ({"task_definition": DEFINED, **AGAIN}, 20),
        ({"task_definition": DEFINED, **AGAIN, "start_delay_in_seconds": 5}, 25),
        ({"response_timeout_seconds": 2**62}, pytest.approx(2**62)),
        ({"task_definition": DEFINED, "start_time": 1, "update_time": 2**62}, 0),
    ],
)  # fmt: skip
def test_the_deadline_is_the_earliest_end_of_the_use_of_a_result(given, left):
    context, clock = context_of(**given)
    if left is None:
        assert context.seconds_left() is None
        assert context.deadline is None
        return
    assert context.seconds_left() == left
    clock.advance(5)
    now_left = context.seconds_left()
    assert isinstance(now_left, float)
    assert now_left == pytest.approx(max(0.0, float(getattr(left, "expected", left)) - 5))
    deadline = context.deadline
    assert deadline.tzinfo is UTC
    away = (deadline - datetime.now(UTC)).total_seconds()
    assert away <= 0 if now_left == 0 else away == pytest.approx(min(now_left, 1e9), abs=2)
    clock.advance(3)
    assert context.deadline == deadline, "it does not move"


def test_a_test_of_a_function_has_the_deadline_of_its_lease():
    result = run_worker(lambda task: task_context().seconds_left(), response_timeout_seconds=30)
    assert 29 < result.output_data["result"] <= 30


def test_lines_come_with_the_result_before_its_own_and_before_a_traceback():
    def returns(task):
        task_context().log("one")
        result = TaskResult.from_task(task)
        result.add_log("three")
        task_context().log("two")
        return result

    def raises(task):
        task_context().log("one")
        raise ValueError

    assert texts(run_worker(returns)) == ["one", "two", "three"]
    line, traceback = texts(run_worker(raises))
    assert line == "one"
    assert "in raises" in traceback


def test_lines_of_the_threads_and_tasks_that_a_function_starts_are_its_own():
    def worker(task):
        task_context().log("before")
        thread = threading.Thread(target=copy_context().run, args=(lambda: task_context().log("in a thread"),))
        thread.start()
        thread.join()
        nested()

    def nested():
        task_context().log("in a call")

    async def coroutine(task):
        async def part():
            task_context().log("in a task")

        await asyncio.gather(part(), part())
        await asyncio.to_thread(worker, task)

    assert texts(run_worker(worker)) == ["before", "in a thread", "in a call"]
    assert texts(run_worker(coroutine)) == ["in a task"] * 2 + ["before", "in a thread", "in a call"]


def test_a_context_that_is_used_after_its_function_changes_nothing():
    kept = []

    def worker(task):
        kept.append(task_context())
        kept[0].set_output({"n": 1})

    result = run_worker(worker)
    kept[0].log("late")
    kept[0].set_output({"n": 2})
    kept[0].in_progress(1)
    assert (texts(result), result.output_data, result.status) == ([], {"n": 1}, "COMPLETED")

    silent = []
    result = run_worker(lambda task: silent.append(task_context()))
    silent[0].log("late")
    assert texts(result) == []


@pytest.mark.parametrize("callback", [60, 59.2, timedelta(minutes=1)])
def test_a_task_is_put_off_with_an_output(callback):
    result = run_worker(lambda task: task_context().in_progress(callback, {"done": 3}))
    assert (result.status, result.callback_after_seconds, result.output_data) == ("IN_PROGRESS", 60, {"done": 3})
    assert (result.task_id, result.workflow_instance_id) == ("task-1", "workflow-1")


def test_a_task_that_is_put_off_without_an_output_keeps_what_it_has():
    def worker(task):
        return task_context().in_progress(60)

    def sets(task):
        task_context().set_output({"done": 4})
        return task_context().in_progress(60)

    assert run_worker(worker, output_data={"done": 3}).output_data == {"done": 3}
    assert run_worker(sets, output_data={"done": 3}).output_data == {"done": 4}
    assert run_worker(lambda task: task_context().in_progress(60, {}), output_data={"a": 1}).output_data == {}


def test_a_forgotten_return_puts_the_task_off_all_the_same(caplog):
    def forgets(task):
        task_context().in_progress(60, {"done": 3})

    async def forgets_too(task):
        task_context().in_progress(60, {"done": 3})

    for worker in (forgets, forgets_too):
        result = run_worker(worker)
        assert (result.status, result.callback_after_seconds, result.output_data) == ("IN_PROGRESS", 60, {"done": 3})
    assert not caplog.records


def test_another_value_than_the_one_that_puts_the_task_off_counts_and_a_warning_is_logged(caplog):
    def worker(task):
        task_context().in_progress(60)
        return {"all": "done"}

    result = run_worker(worker)
    assert (result.status, result.output_data) == ("COMPLETED", {"all": "done"})
    (record,) = caplog.records
    assert (record.levelname, record.task_id) == ("WARNING", "task-1")
    assert "another value is returned and counts" in record.getMessage()


def test_an_error_counts_more_than_a_task_that_was_put_off():
    def worker(task):
        task_context().in_progress(60)
        raise ValueError("no")

    assert run_worker(worker).status == "FAILED"


@pytest.mark.parametrize("bad", [-1, "60", float("nan"), True, None])
def test_a_bad_time_to_come_back_fails_at_its_line(bad):
    def worker(task):
        with pytest.raises(ConfigurationError, match="callback_after"):
            task_context().in_progress(bad)
        return {"goes": "on"}

    assert run_worker(worker).output_data == {"goes": "on"}


def test_a_set_output_counts_if_nothing_is_returned():
    def worker(task):
        task_context().set_output({"done": 1})
        task_context().set_output({"done": 2})
        return task.input_data.get("returned")

    assert run_worker(worker).output_data == {"done": 2}
    assert run_worker(worker, {"returned": {"x": 1}}).output_data == {"x": 1}
    assert run_worker(worker, {"returned": 0}).output_data == {"result": 0}


def test_a_set_output_is_sent_with_a_failure():
    def raises(task):
        task_context().set_output({"done": 2})
        raise ValueError("no")

    def returns_what_cannot_be_sent(task):
        task_context().set_output({"done": 2})
        return object()

    for worker, status in ((raises, "FAILED"), (returns_what_cannot_be_sent, "FAILED_WITH_TERMINAL_ERROR")):
        result = run_worker(worker)
        assert (result.status, result.output_data) == (status, {"done": 2})


def test_an_output_is_what_it_was_when_it_was_set():
    def worker(task):
        output = {"list": [1]}
        task_context().set_output(output)
        output["list"].append(object())

    assert run_worker(worker).output_data == {"list": [1]}


def test_a_set_output_is_converted_as_a_returned_one():
    assert run_worker(lambda task: task_context().set_output(7)).output_data == {"result": 7}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert run_worker(lambda task: task_context().set_output({"at": moment})).output_data == {
        "at": "2026-01-01T00:00:00Z"
    }


def test_an_output_that_cannot_be_sent_fails_for_good_at_its_line():
    def worker(task):
        task_context().set_output({"items": [1, {"when": object()}]})

    result = run_worker(worker)
    assert result.status == "FAILED_WITH_TERMINAL_ERROR"
    assert result.reason_for_incompletion == (
        "NonRetryableError: the output cannot be sent: items[1].when: object has no JSON form"
    )
    assert "task_context().set_output(" in texts(result)[-1]

    def goes_on(task):
        with pytest.raises(NonRetryableError):
            task_context().set_output({"a": {1, float("nan")}})
        return {"goes": "on"}

    assert run_worker(goes_on).output_data == {"goes": "on"}


def test_a_result_is_no_output_to_set():
    def worker(task):
        task_context().set_output(TaskResult.from_task(task))

    assert run_worker(worker).reason_for_incompletion.startswith("ConfigurationError: output must be a value")


def test_coroutines_have_all_of_it_too():
    async def worker(task):
        task_context().log("a line")
        task_context().set_output({"left": task_context().seconds_left() > 0})

    async def run():
        return await arun_worker(worker)

    result = asyncio.run(run())
    assert (texts(result), result.output_data) == (["a line"], {"left": True})
