"""What ``runner.health()`` says of workers that run well, wait, work, pause and end."""

import msgspec
import pytest

from conductor import Health, ReasonCode
from support.stub import POLL, UPDATE_V2, error
from support.waiting import Gate, eventually


def codes(health):
    return [reason.code for reason in health.reasons]


def states(health):
    return {(worker.task_name, worker.domain): worker.state for worker in health.workers}


def test_a_runner_is_ready_after_the_first_good_poll_of_each_worker(stub, runner):
    assert codes(runner.health()) == [ReasonCode.NO_WORKER]
    hold = Gate()
    stub.answers[f"{POLL}slow"].append(lambda request: hold(type("Task", (), {"task_id": "poll"})) or None)
    runner.start_worker("quick", lambda task: None)
    runner.start_worker("slow", lambda task: None, domain="blue")
    hold.inside.get(timeout=10)
    eventually(lambda: states(runner.health())["quick", None] == "polling")
    health = runner.health()
    assert (health.healthy, health.ready) == (True, False)
    assert [reason.text for reason in health.reasons] == ["Worker slow (domain blue): no poll has been answered yet."]
    assert states(health)["slow", "blue"] == "starting"
    hold.opened.set()
    eventually(lambda: runner.health().ready)


def test_a_worker_shows_its_tasks_with_their_age_and_its_free_slots(stub, runner):
    gate = Gate()
    runner.start_worker("t", gate, batch_size=2)
    task_id = stub.add_task("t")
    assert gate.inside.get(timeout=10) == task_id
    (worker,) = runner.health().workers
    assert (worker.state, worker.batch_size, worker.free_slots, worker.in_hand) == ("polling", 2, 1, 1)
    (running,) = worker.running
    assert (running.task_id, running.workflow_instance_id, running.phase) == (task_id, "w1", "executing")
    assert 0 <= running.seconds < 20
    stub.add_task("t")
    gate.inside.get(timeout=10)
    health = runner.health()
    assert health.workers[0].state == "busy"
    assert health.ready  # a worker without a free slot does its work
    gate.opened.set()
    eventually(lambda: runner.health().workers[0].in_hand == 0)


def test_the_last_error_of_a_worker_is_that_of_a_poll_a_function_or_an_update(stub, runner):
    def last():
        return runner.health().workers[0].last_error

    def fail(task):
        raise ValueError("no\nstock")

    stub.answers[POLL].append(error(503, "later"))
    runner.start_worker("t", fail)
    assert eventually(last).kind == "poll"
    stub.add_task("t")
    assert eventually(lambda: last().kind == "task" and last()).text == r"ValueError: no\nstock"
    stub.answers[UPDATE_V2].append(error(500, "not now"))
    stub.add_task("t")
    eventually(lambda: last().kind == "update" and "not now" in last().text)


def test_paused_workers_are_ready_and_ended_ones_are_shown_but_count_for_nothing(stub, runner):
    runner.start_worker("paused", lambda task: None, paused=True)
    runner.start_worker("without_slots", lambda task: None)
    runner.set_batch_size("without_slots", 0)
    runner.start_worker("ended", lambda task: None)
    runner.shutdown("ended")
    eventually(lambda: states(runner.health())["ended", None] == "ended")
    health = runner.health()
    assert states(health) == {("paused", None): "paused", ("without_slots", None): "paused", ("ended", None): "ended"}
    assert health.ready


def test_a_runner_that_drains_is_healthy_and_not_ready_until_it_has_ended_and_starts_again(stub, runner):
    gate = Gate()
    runner.start_worker("t", gate)
    stub.add_task("t")
    gate.inside.get(timeout=10)
    runner.shutdown()
    health = runner.health()
    assert (health.healthy, health.ready, codes(health)) == (True, False, [ReasonCode.DRAINING])
    gate.opened.set()
    assert runner.wait_workers(timeout=10)
    assert codes(runner.health()) == [ReasonCode.ENDED]
    runner.start_worker("t", gate)
    eventually(lambda: runner.health().ready)
    assert len(runner.health().workers) == 1  # the new one takes the place of the ended one


def test_health_is_json_and_back(stub, runner, tmp_path):
    runner.start_worker("t", lambda task: None)
    eventually(lambda: runner.health().ready)
    health = runner.health()
    assert msgspec.json.decode(msgspec.json.encode(health), type=Health) == health


@pytest.mark.parametrize(("status", "code"), [(401, ReasonCode.UNAUTHORISED), (503, ReasonCode.POLLS_FAIL)])
def test_a_worker_whose_polls_fail_is_not_ready_until_one_succeeds(stub, runner, status, code):
    stub.answers[POLL].extend(error(status, "no entry") for _ in range(2))
    runner.start_worker("t", lambda task: None)
    health = eventually(lambda: code in codes(runner.health()) and runner.health())
    assert health.healthy
    assert not health.ready
    assert "no entry" in health.reasons[0].text
    assert health.reasons[0].since is not None
    eventually(lambda: runner.health().ready)
