"""Answers that do not come, or come slowly: rows N6 to N8, with a deadline that they can be waited for."""

import time

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner
from support.raw_faults import Delay, Drip, HalfOpen
from support.waiting import eventually

COMPLETED = "COMPLETED"


@pytest.fixture
def api_client(server):
    with ApiClient(http_settings=HttpSettings(server.url, read_timeout=1)) as client:
        yield client


def test_n6_a_result_that_gets_no_answer_does_not_wait_until_its_lease_is_over(server):
    server.fault("any_update", HalfOpen(), at=1)
    server.add_task("t", responseTimeoutSeconds=3)
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: server.accepted == {"t1": COMPLETED})


def test_n6_a_slow_answer_to_a_result_is_waited_for_longer_each_time(server):
    """Or a server that is slower than the lease allows would never be heard."""
    server.fault("any_update", Delay(1.5, after_effect=True))
    server.add_task("t", responseTimeoutSeconds=1)
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client, shutdown_timeout=20) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: server.accepted)
        runner.shutdown()
        assert runner.wait_workers()  # an answer was heard: nothing was given up


def check_poll_is_given_up(server, runner, counted, slow):
    server.fault("poll", slow, at=1)
    server.add_task("t")  # so that the answer has a body
    started = time.monotonic()
    runner.start_worker("t", lambda task: None, poll_timeout=0.1)
    eventually(lambda: server.counts["poll"] >= 2)
    assert (
        1.1 <= server.of("poll")[1].at - started < 10
    )  # poll_timeout + read_timeout, and long before the answer's end
    assert counted("task_poll_error_total", taskType="t", exception="TransportError") == 1
    task_id = server.add_task("t")
    eventually(lambda: task_id in server.accepted)


def check_update_is_given_up(server, runner, slow):
    server.fault("any_update", slow, at=1)
    server.add_task("t")
    started = time.monotonic()
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.repeated == {"t1": 1})
    assert 1 <= server.of("any_update")[1].at - started < 10
    assert server.accepted == {"t1": COMPLETED}


def test_n6_a_poll_without_an_answer_is_given_up(server, runner, counted):
    check_poll_is_given_up(server, runner, counted, HalfOpen())


def test_n6_an_update_without_an_answer_is_given_up_and_sent_again(server, runner):
    check_update_is_given_up(server, runner, HalfOpen(after_effect=True))


def test_n7_a_poll_whose_headers_do_not_come_is_given_up(server, runner, counted):
    check_poll_is_given_up(server, runner, counted, Delay(30))


def test_n7_an_update_whose_headers_do_not_come_is_given_up_and_sent_again(server, runner):
    check_update_is_given_up(server, runner, Delay(30, after_effect=True))


@pytest.mark.parametrize("head", [False, True])
def test_n8_a_poll_whose_answer_drips_is_given_up(server, runner, counted, head):
    check_poll_is_given_up(server, runner, counted, Drip(10, head=head))


def test_n8_an_update_whose_answer_drips_is_given_up_and_sent_again(server, runner):
    check_update_is_given_up(server, runner, Drip(5, head=True))


def test_n8_a_slow_answer_that_comes_in_time_is_taken(server):
    server.fault("poll", Drip(1500), first=3)
    server.add_tasks("t", 3)
    # With time to spare: a busy machine wakes a thread that waits less than a millisecond a few hundred times, late.
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: len(server.accepted) == 3)
    assert max(server.deliveries.values()) == 1
