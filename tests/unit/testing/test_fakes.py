"""The test kit without a server: one function, or a runner on a client that the test feeds."""

import asyncio
import dataclasses
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath
from uuid import UUID

import msgspec
import pytest

from conductor import (
    ConductorError,
    ConfigurationError,
    NonRetryableError,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    TransportError,
    task_context,
)
from conductor._stopping import is_stopping
from conductor.testing.engine.state.clock import FakeClock
from conductor.testing.fakes import FakeTaskClient, arun_worker, run_worker
from support.waiting import eventually


@dataclasses.dataclass
class Greeting:
    text: str


def test_a_function_is_run_as_a_runner_would_and_its_result_returned():
    def greet(task):
        task_context().log(f"try {task.retry_count}")
        return Greeting(f"Hello {task.input_data['name']}")

    result = run_worker(greet, {"name": "Ada"}, retry_count=2)
    assert result.status == TaskResultStatus.COMPLETED
    assert result.output_data == {"text": "Hello Ada"}
    assert [entry.log for entry in result.logs] == ["try 2"]


def test_an_async_function_is_run_too():
    async def greet(task):
        return task.input_data

    assert run_worker(greet, {"a": 1}).output_data == {"a": 1}


def test_what_a_function_raises_is_its_result():
    def refuse(task):
        raise NonRetryableError("no")

    result = run_worker(refuse)
    assert (result.status, result.reason_for_incompletion) == ("FAILED_WITH_TERMINAL_ERROR", "NonRetryableError: no")


@dataclasses.dataclass
class Order:
    number: int
    placed: datetime
    total: Decimal


class Line(msgspec.Struct):
    price: float


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"price": Decimal("1.50")}, {"price": "1.50"}),
        ({"n": [1, 0.5, 2**60, None, True]}, {"n": [1, 0.5, 2**60, None, True]}),
        ({"when": datetime(2026, 1, 31, tzinfo=UTC)}, {"when": "2026-01-31T00:00:00Z"}),
        ({"day": date(2026, 1, 31), "pair": (1, 2), "one": {1}}, {"day": "2026-01-31", "pair": [1, 2], "one": [1]}),
        ({"id": UUID(int=1), "path": PurePath("a/b")}, {"id": str(UUID(int=1)), "path": "a/b"}),
        ({"raw": b"\x00"}, {"raw": "AA=="}),
        ({1: "one"}, {"1": "one"}),
        (
            Order(7, datetime(2026, 1, 31, tzinfo=UTC), Decimal("9.9")),
            {"number": 7, "placed": "2026-01-31T00:00:00Z", "total": "9.9"},
        ),
        (Line(0.5), {"price": 0.5}),
        ({"lines": [Line(0.5)]}, {"lines": [{"price": 0.5}]}),
        (None, {}),
    ],
    ids=str,
)
def test_a_function_sees_its_input_as_a_server_would_give_it(given, seen):
    """The same as the client sends when it starts a workflow, and as a runner decodes it."""
    inputs = []
    result = run_worker(lambda task: inputs.append(task.input_data), given)
    assert inputs == [seen]
    assert result.status == "COMPLETED"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"items": [1, object()]}, r"input_data\.items\[1\]: object has no JSON form"),
        ({"n": float("nan")}, r"input_data\.n: NaN and infinity have no JSON form"),
        ({"a": 1, 1: {True: 2}}, r"input_data\.1: a key of type bool"),
        ("x", "input_data must be a mapping, or an object with fields, not str"),
        (5, "input_data must be a mapping, or an object with fields, not int"),
        ([{"a": 1}], "input_data must be a mapping, or an object with fields, not list"),
    ],
    ids=["an object", "NaN", "a key", "a text", "a number", "a list"],
)
def test_an_input_that_no_server_could_send_is_refused_with_its_path(given, message):
    for run in (run_worker, lambda *arguments: asyncio.run(arun_worker(*arguments))):
        with pytest.raises(ConfigurationError, match=message):
            run(lambda task: {}, given)
    with pytest.raises(ConfigurationError, match=message):
        FakeTaskClient().add_task("t", given)


def test_an_input_that_is_given_by_name_is_refused():
    for run in (run_worker, lambda *given, **members: asyncio.run(arun_worker(*given, **members))):
        with pytest.raises(
            ConfigurationError, match="a task has no member 'amount'. Give inputs as one mapping: {'amount'"
        ):
            run(lambda task: {}, amount=5)


def test_an_output_is_what_a_server_would_store():
    result = run_worker(lambda task: {"total": Decimal("1.5"), "when": date(2026, 1, 31), "pair": (1, 2), 1: {2}})
    assert result.output_data == {"total": "1.5", "when": "2026-01-31", "pair": [1, 2], "1": [2]}


def test_the_input_shares_nothing_with_what_the_test_gave():
    given = {"items": [1]}
    run_worker(lambda task: task.input_data["items"].append(2), given)
    assert given == {"items": [1]}


def test_a_function_is_checked_as_start_worker_checks_it():
    with pytest.raises(ConfigurationError, match="execute must be"):
        run_worker("greet")
    with pytest.raises(ConfigurationError, match="execute must be"):
        asyncio.run(arun_worker(None))


def test_in_a_running_loop_arun_worker_runs_both_kinds_of_functions_and_run_worker_names_it():
    async def double(task):
        await asyncio.sleep(0)
        return {"n": 2 * task.input_data["n"], "id": task_context().task_id}

    def triple(task):
        return {"n": 3 * task.input_data["n"], "id": task_context().task_id}

    async def refuse(task):
        raise NonRetryableError("no")

    async def scenario():
        ticks = asyncio.create_task(asyncio.sleep(0))
        assert (await arun_worker(double, {"n": 1})).output_data == {"n": 2, "id": "task-1"}
        assert (await arun_worker(triple, {"n": 1}, task_id="t9")).output_data == {"n": 3, "id": "t9"}
        assert (await arun_worker(refuse)).status == "FAILED_WITH_TERMINAL_ERROR"
        with pytest.raises(ConductorError, match="inside a worker function"):
            task_context()  # nothing is left of theirs
        with pytest.raises(ConfigurationError, match="arun_worker"):
            run_worker(double, {"n": 1})
        assert run_worker(triple, {"n": 1}).output_data["n"] == 3
        await ticks

    asyncio.run(scenario())


def test_what_cannot_be_sent_is_found_without_a_server():
    assert "items[0]" in run_worker(lambda task: {"items": [object()]}).reason_for_incompletion


@pytest.fixture
def client():
    return FakeTaskClient()


def test_a_runner_works_on_a_fake_client(client):
    with TaskRunner(client) as runner:
        runner.start_worker("double", lambda task: {"n": 2 * task.input_data["n"]}, batch_size=3)
        ids = [client.add_task("double", {"n": n}) for n in range(5)]
        results = client.results(5)
    assert {result.task_id for result in results} == set(ids)
    assert sorted(result.output_data["n"] for result in results) == [0, 2, 4, 6, 8]


def test_the_end_of_a_runner_does_not_wait_for_its_poll(client):
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: {}, poll_timeout=5)
        client.add_task("t")
        client.results(1)
        started = time.monotonic()
    assert time.monotonic() - started < 0.5


def test_a_runner_that_drains_hurries_no_other_of_the_same_name(client):
    """Its last poll must not be waited for. But a poll of another runner, which goes on, waits as ever."""
    begun, end, polls = threading.Event(), threading.Event(), []

    def work(task):
        begun.set()
        end.wait(10)

    with TaskRunner(client, worker_id="the-same") as drains, TaskRunner(client, worker_id="the-same") as goes_on:
        client.add_task("t")
        drains.start_worker("t", work)
        assert begun.wait(5)
        drains.shutdown()
        eventually(lambda: not is_stopping(("the-same", "t", None)))
        poll = client.batch_poll
        client.batch_poll = lambda *args: polls.append(args) or poll(*args)
        goes_on.start_worker("t", lambda task: {}, poll_interval=0, poll_timeout=5)
        assert not end.wait(0.3)
        end.set()
        assert len(polls) <= 3


def test_domains_are_queues_of_their_own(client):
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: {"domain": task.domain}, domain="blue")
        client.add_task("t")
        client.add_task("t", domain="blue")
        (result,) = client.results(1)
    assert result.output_data == {"domain": "blue"}


def test_a_task_in_progress_comes_back_with_its_output(client):
    def twice(task):
        result = TaskResult.from_task(task)
        result.output_data = {"before": task.output_data, "polls": task.poll_count}
        if task.poll_count == 1:
            result.status = TaskResultStatus.IN_PROGRESS
            result.callback_after_seconds = 3600
        return result

    with TaskRunner(client) as runner:
        runner.start_worker("t", twice)
        client.add_task("t")
        first, second = client.results(2)
    assert first.status == "IN_PROGRESS"
    assert second.output_data == {"before": {"before": {}, "polls": 1}, "polls": 2}


def test_a_failing_update_is_retried_by_the_runner(client):
    client.fail_next(TransportError("down"))
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None)
        client.add_task("t")
        assert len(client.results(1)) == 1


def test_waiting_for_results_that_do_not_come_says_how_many_there_are(client):
    with pytest.raises(TimeoutError, match=r"0 of 1 results within 0\.01 s"):
        client.results(1, timeout=0.01)


def test_a_wait_for_results_may_be_a_timedelta(client):
    with pytest.raises(TimeoutError, match=r"0 of 1 results within 0\.01 s"):
        client.results(1, timeout=timedelta(milliseconds=10))
    with pytest.raises(ConfigurationError, match="timeout must be a number of seconds or a timedelta"):
        client.results(1, timeout="5")


def test_a_clock_is_advanced_by_a_timedelta_too():
    clock = FakeClock(0.0)
    clock.advance(timedelta(minutes=1))
    clock.advance(1)
    assert clock.now() == 61
    for wrong in (timedelta(-1), "1", True):
        with pytest.raises(ConfigurationError, match="only advanced forward"):
            clock.advance(wrong)
