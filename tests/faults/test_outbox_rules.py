"""What is in the outbox when: each result from before its first send until the server has it, or will never take it."""

import threading

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner
from support.kept_results import kept_results
from support.places import PLACES, start_in, to_do
from support.raw_faults import Answer, Status, answer_soundly, conductor_error
from support.raw_server import RawServer
from support.waiting import eventually

FAILURE = "FAILED_WITH_TERMINAL_ERROR"
GONE = conductor_error(404, "No such task found by id: t1")


@pytest.fixture
def outbox(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
def make_runner(api_client, outbox, lost):
    """Makes a runner with the outbox, as a new process would; ``lost`` gets what is told to its on_result_lost."""

    def make(client=api_client, **settings):
        settings = {"shutdown_timeout": 5, "worker_id": "worker-1"} | settings
        return TaskRunner(client, outbox=outbox, on_result_lost=lambda *told: lost.append(told), **settings)

    return make


def leave_results(server, make_runner, outbox, number):
    """Leave the results of so many tasks in the outbox, because the server does not take them; the tasks' ids."""
    server.fault("any_update", Status(500))
    ids = server.add_tasks("t", number)
    runner = make_runner(shutdown_timeout=0.2)
    runner.start_worker("t", lambda task: {"n": 1}, batch_size=number)
    eventually(lambda: len({result["taskId"] for result in server.results()}) == number)
    runner.shutdown()
    assert not runner.wait_workers()
    assert sorted(kept_results(outbox)) == [(task_id, "COMPLETED") for task_id in ids]
    server.clear_faults()
    return ids


def leave_a_result(server, make_runner, outbox):
    """``leave_results`` of one task; its id."""
    return leave_results(server, make_runner, outbox, 1)[0]


@pytest.mark.parametrize("place", PLACES)
def test_a_result_is_kept_from_before_its_first_send_until_it_is_accepted(server, make_runner, outbox, place):
    kept_when_sent = []

    def look(exchange):
        kept_when_sent.append(kept_results(outbox))
        answer_soundly(exchange)

    server.fault("any_update", look)
    task_id = server.add_task("t", inputData=to_do("echo", 1))
    with make_runner() as runner:
        start_in(place, runner)
        eventually(lambda: server.accepted == {task_id: "COMPLETED"})
        eventually(lambda: kept_results(outbox) == [])
    assert kept_when_sent == [[(task_id, "COMPLETED")]]


def test_the_failure_in_place_of_a_refused_result_takes_its_place_in_the_outbox(server, make_runner, outbox):
    kept_when_sent = []

    def look(exchange):
        kept_when_sent.append(kept_results(outbox))
        if len(kept_when_sent) == 1:
            exchange.send(Answer(413))
        else:
            answer_soundly(exchange)

    server.fault("any_update", look)
    task_id = server.add_task("t")
    with make_runner() as runner:
        runner.start_worker("t", lambda task: {"n": 1})
        eventually(lambda: server.accepted == {task_id: FAILURE})
        eventually(lambda: kept_results(outbox) == [])
    assert kept_when_sent == [[(task_id, "COMPLETED")], [(task_id, FAILURE)]]


def test_a_failure_in_place_of_a_refused_result_that_is_not_accepted_goes_out_after_the_next_start(
    server, make_runner, outbox, lost
):
    server.fault("any_update", conductor_error(400, "not this one"), at=1)
    failing = server.fault("any_update", Status(500))
    task_id = server.add_task("t")
    runner = make_runner(shutdown_timeout=0.2)
    runner.start_worker("t", lambda task: {"n": 1})
    eventually(lambda: failing.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    assert kept_results(outbox) == [(task_id, FAILURE)]
    eventually(lambda: lost)
    server.clear_faults()
    with make_runner() as runner:
        runner.start_worker("another", lambda task: None)
        eventually(lambda: server.accepted == {task_id: FAILURE})
    assert kept_results(outbox) == []
    assert [(result.status, error.status) for result, error in lost] == [("COMPLETED", 400)]


@pytest.mark.parametrize("gone", [GONE, conductor_error(409, "it has ended")], ids=["unknown", "conflict"])
def test_a_result_that_nobody_waits_for_is_not_kept(server, make_runner, outbox, lost, gone):
    server.fault("any_update", gone, at=1)
    server.add_task("t")
    with make_runner() as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: lost)
        runner.shutdown()
        assert runner.wait_workers()
    assert kept_results(outbox) == []


def test_a_result_that_is_refused_as_well_as_the_failure_in_its_place_is_not_kept(server, make_runner, outbox, lost):
    server.fault("any_update", conductor_error(400, "not this one"))
    server.add_task("t")
    with make_runner() as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: lost)
        runner.shutdown()
        assert not runner.wait_workers()
    assert kept_results(outbox) == []


def test_a_left_result_that_is_refused_at_the_next_start_is_told_and_replaced(
    server, make_runner, outbox, lost, counted
):
    task_id = leave_a_result(server, make_runner, outbox)
    assert not lost
    server.fault("any_update", conductor_error(400, "not this one"), at=1)
    with make_runner() as runner:
        runner.start_worker("another", lambda task: None)
        eventually(lambda: lost)
        assert server.accepted == {task_id: FAILURE}
        runner.shutdown()
        assert runner.wait_workers()
    ((result, error),) = lost
    assert (result.task_id, result.output_data, error.status) == (task_id, {"n": 1}, 400)
    assert "not this one" in server.task(task_id)["reasonForIncompletion"]
    assert server.results()[-1]["workerId"] == "worker-1"
    assert counted("task_result_lost_total", taskType="t") == 1
    assert kept_results(outbox) == []


def test_a_left_result_that_nobody_waits_for_any_more_is_told_and_not_kept(server, make_runner, outbox, lost):
    task_id = leave_a_result(server, make_runner, outbox)
    server.forget(task_id)
    with make_runner() as runner:
        runner.start_worker("another", lambda task: None)
        eventually(lambda: lost)
        runner.shutdown()
        assert runner.wait_workers()
    assert [(result.task_id, error.status) for result, error in lost] == [(task_id, 404)]
    assert kept_results(outbox) == []


def test_a_left_result_is_never_sent_by_update_v2(server, make_runner, outbox):
    """Its answer could bring a task that no worker is there for."""
    task_id = leave_a_result(server, make_runner, outbox)
    before = server.counts["update_v2"]
    server.add_task("t")
    with make_runner() as runner:
        runner.start_worker("another", lambda task: None)
        eventually(lambda: task_id in server.accepted)
    assert server.counts["update_v2"] == before
    assert server.waiting("t") == 1


def test_a_result_for_another_server_is_neither_sent_nor_deleted(server, make_runner, outbox):
    task_id = leave_a_result(server, make_runner, outbox)
    with RawServer(longest_wait=0.05) as other:
        own = other.add_task("t")
        assert own == task_id  # the ids of two servers may be the same
        with ApiClient(http_settings=HttpSettings(other.url)) as client, make_runner(client) as runner:
            runner.start_worker("t", lambda task: {"n": 2})
            eventually(lambda: own in other.accepted)
            runner.shutdown()
            assert runner.wait_workers()
        assert [result["outputData"] for result in other.results()] == [{"n": 2}]
    assert kept_results(outbox) == [(task_id, "COMPLETED")]


def test_what_stays_in_the_outbox_is_not_told_as_lost_and_counts_as_left_behind(
    server, make_runner, outbox, lost, caplog
):
    task_id = leave_a_result(server, make_runner, outbox)
    assert not lost
    assert "stays in the outbox" in caplog.text
    assert "given up" not in caplog.text
    assert kept_results(outbox) == [(task_id, "COMPLETED")]


def test_the_failure_of_a_task_that_cannot_be_read_is_kept_too(server, make_runner, outbox):
    kept_when_sent = []

    def look(exchange):
        kept_when_sent.append(kept_results(outbox))
        answer_soundly(exchange)

    server.fault("any_update", look)
    task_id = server.add_task("t", inputData=7)
    with make_runner() as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: server.accepted == {task_id: "FAILED"})
        eventually(lambda: kept_results(outbox) == [])
    assert kept_when_sent == [[(task_id, "FAILED")]]


def test_left_results_that_are_not_accepted_keep_their_order(server, make_runner, outbox):
    leave_results(server, make_runner, outbox, 3)
    kept = kept_results(outbox)
    failing = server.fault("any_update", Status(500))
    with make_runner() as runner:
        runner.start_worker("another", lambda task: None)
        eventually(lambda: failing.hits)
    assert kept_results(outbox) == kept


def test_the_end_of_a_drain_ends_the_sending_of_left_results_too(server, make_runner, outbox, gate, caplog):
    """Though a function still runs."""
    task_id = leave_a_result(server, make_runner, outbox)
    failing = server.fault("any_update", Status(500))
    server.add_task("u")
    runner = make_runner(shutdown_timeout=0)
    runner.start_worker("u", gate)
    gate.inside.get(timeout=20)
    eventually(lambda: failing.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    assert "not all that earlier processes left could be sent" in caplog.text
    eventually(lambda: "conductor-outbox" not in [thread.name for thread in threading.enumerate()])
    assert kept_results(outbox) == [(task_id, "COMPLETED")]
    gate.opened.set()
    assert not eventually(lambda: [runner.wait_workers(timeout=20)])[0]
