"""The test kit without a server: one function, or a runner on a client that the test feeds."""

import dataclasses
from datetime import timedelta

import pytest

from conductor import (
    ConfigurationError,
    NonRetryableError,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    TransportError,
    task_context,
)
from conductor.testing.clock import FakeClock
from conductor.testing.kit import FakeTaskClient, run_worker


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
