"""Tasks that a worker puts back into their queue (IN_PROGRESS): the server is never told so twice for one delivery."""

import pytest

from conductor import TaskRunner
from support.kept_results import kept_results
from support.places import PLACES, start_in, to_do
from support.raw_faults import Answer, Reset, Status, conductor_error
from support.waiting import eventually

in_each_place = pytest.mark.parametrize("place", PLACES)
PUT_OFF = to_do("answer_later", 0)


def put_off_for(seconds):
    return to_do("answer_later", seconds)


def calls_about_results(server):
    """Updates, and questions about tasks, in order."""
    asked = ("update", "update_v2", "get_task")
    return [request.operation for request in server.requests if request.operation in asked]


@in_each_place
def test_it_is_not_put_off_again_when_another_worker_has_it_by_then(server, runner, place, lost):
    def lose_the_answer_and_deliver_it_elsewhere(exchange):
        exchange.apply()
        assert server.poll("t", worker_id="another")
        exchange.reset()

    server.fault("any_update", lose_the_answer_and_deliver_it_elsewhere, at=1)
    first = server.add_task("t", inputData=PUT_OFF)
    start_in(place, runner)
    eventually(lambda: server.counts["get_task"])
    second = server.add_task("t", inputData=to_do("echo"))
    eventually(lambda: server.accepted == {second: "COMPLETED"})
    assert server.requeues == {first: 1}
    assert server.task(first)["workerId"] == "another"
    assert not lost


def test_a_lost_answer_to_it_is_no_lost_result_while_the_task_waits(server, runner, lost, caplog):
    server.fault("any_update", Reset(after_effect=True), at=1)
    server.add_task("t", inputData=put_off_for(60))
    start_in("thread", runner)
    eventually(lambda: server.counts["get_task"])
    runner.shutdown()
    assert runner.wait_workers()
    assert calls_about_results(server) == ["update_v2", "get_task"]
    assert not lost
    assert "discarded" not in caplog.text


def test_each_repeat_is_preceded_by_a_look_at_the_task(server, runner, clock):
    server.fault("any_update", conductor_error(500, "database is locked"), first=3)
    server.add_task("t", inputData=put_off_for(60))
    start_in("thread", runner)
    clock.run_until(lambda: server.requeues, step=0.1)
    assert calls_about_results(server) == ["update_v2", *["get_task", "update"] * 3]


def test_while_nobody_can_be_asked_about_the_task_it_is_not_repeated(server, runner, clock):
    server.fault("any_update", conductor_error(500, "database is locked"), at=1)
    server.fault("get_task", Status(503), first=3)
    server.add_task("t", inputData=put_off_for(60))
    start_in("thread", runner)
    clock.run_until(lambda: server.requeues, step=0.1)
    assert calls_about_results(server) == ["update_v2", *["get_task"] * 4, "update"]


def test_the_server_gets_a_moment_before_it_is_asked_whether_the_answer_was_lost(server, runner, clock):
    """It may be at work on it still. The clock stands still."""
    server.fault("any_update", Reset(), at=1)
    server.add_task("t", inputData=put_off_for(60))
    start_in("thread", runner)
    eventually(lambda: [seconds for name, seconds in clock.waits if "poll" not in name and seconds])
    assert calls_about_results(server) == ["update_v2"]


@in_each_place
def test_it_is_never_in_the_outbox(server, api_client, tmp_path, place):
    outbox, seen = tmp_path / "outbox.db", []

    def look_and_fail(exchange):
        seen.append(kept_results(outbox))
        exchange.send(Answer(500, "the database is away"))

    failing = server.fault("any_update", look_and_fail)
    server.add_task("t", inputData=PUT_OFF)
    with TaskRunner(api_client, outbox=outbox, shutdown_timeout=0.2) as runner:
        start_in(place, runner)
        eventually(lambda: failing.hits >= 2)
        runner.shutdown()
        assert not runner.wait_workers()
        assert kept_results(outbox) == []
    assert not any(seen)


@in_each_place
def test_one_that_is_given_up_is_told_and_counts_as_left_behind(server, api_client, place, lost):
    failing = server.fault("any_update", conductor_error(500, "database is locked"))
    task_id = server.add_task("t", inputData=PUT_OFF)
    runner = TaskRunner(api_client, shutdown_timeout=0.2, on_result_lost=lambda *told: lost.append(told))
    start_in(place, runner)
    eventually(lambda: failing.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: lost)
    ((result, error),) = lost
    assert (result.task_id, result.status, error.status) == (task_id, "IN_PROGRESS", 500)
    server.clear_faults()
    assert not runner.wait_workers(timeout=10)  # it has ended since, and the result is lost all the same


def test_one_that_is_refused_fails_its_task_for_good(server, runner, lost):
    server.fault("any_update", conductor_error(400, "not this one"), at=1)
    task_id = server.add_task("t", inputData=PUT_OFF)
    start_in("thread", runner)
    eventually(lambda: server.accepted == {task_id: "FAILED_WITH_TERMINAL_ERROR"})
    eventually(lambda: lost)
    assert [(result.status, error.status) for result, error in lost] == [("IN_PROGRESS", 400)]


def test_its_lease_is_not_extended_while_nobody_knows_whether_it_arrived(server, runner, clock):
    """An extension would take the task out of its queue again."""
    server._clock = clock.now
    server.fault("any_update", Status(500, after_effect=True), at=1)
    server.fault("get_task", Status(503), first=8)
    server.add_task("t", inputData=put_off_for(3600), responseTimeoutSeconds=10)
    start_in("thread", runner, lease_extension=True)
    assert clock.run_until(lambda: server.counts["get_task"] > 8, step=0.1) > 10
    assert not server.counts["extend"]
    assert server.requeues == {"t1": 1}
